/* Which accesses of a loop's body can be made once for a group of its iterations (vectors.c). */
#include "pass/vectors.h"

bool vectors_split(VectorsGroup *g, const IrExpr *e, PassAffine *rest, int64_t *coef)
{
    *rest = pass_affine(g->ctx->k, e);
    *coef = 0;
    for (int i = 0; i < rest->count; i++) {
        const IrExpr *atom = rest->terms[i].atom;
        if (atom->op == IR_VAR && atom->var == g->counter) {
            *coef = rest->terms[i].coef;
            rest->terms[i].coef = 0;
        } else if (pass_uses_var(atom, g->counter)) {
            return false;
        }
    }
    return true;
}

static int64_t rest_multiple(const VectorsGroup *g, const PassAffine *rest)
{
    PassAffine variable = *rest;
    variable.constant = 0;
    return pass_multiple(&g->facts, pass_affine_build(g->ctx->k, &variable));
}

static bool consecutive(VectorsGroup *g, const IrExpr *offset, int lanes)
{
    PassAffine rest;
    int64_t coef;
    return vectors_split(g, offset, &rest, &coef) && coef == 1 && rest.constant % lanes == 0 &&
           rest_multiple(g, &rest) % lanes == 0;
}

/* Is `difference < bound` decided alike by all of an aligned group? With difference = X + counter
 * it is if X - bound is a multiple of the width; with X - counter, if it is one less. */
static bool below_together(VectorsGroup *g, const IrExpr *a, const IrExpr *b, int64_t bound)
{
    PassAffine rest;
    int64_t coef;
    IrKernel *k = g->ctx->k;
    if (a->type.elem != ELEM_INDEX) return false;
    if (!vectors_split(g, ir_binary(k, IR_SUB, a, b), &rest, &coef)) return false;
    if (coef == 0) return true;
    if ((coef != 1 && coef != -1) || rest_multiple(g, &rest) % g->width) return false;
    int64_t at = base_floor_mod(rest.constant - bound, g->width);
    return coef == 1 ? at == 0 : at == g->width - 1;
}

bool vectors_decided(VectorsGroup *g, const IrExpr *e)
{
    if (!pass_uses_var(e, g->counter)) return true;
    if (e->op == IR_AND || e->op == IR_OR)
        return vectors_decided(g, e->args[0]) && vectors_decided(g, e->args[1]);
    if (e->op == IR_NOT) return vectors_decided(g, e->args[0]);
    if (e->op == IR_LT || e->op == IR_GE) return below_together(g, e->args[0], e->args[1], 0);
    if (e->op == IR_LE || e->op == IR_GT) return below_together(g, e->args[0], e->args[1], 1);
    return false;
}

/* The store that is all of the body, an asynchronous copy; or NULL. */
static const IrStmt *async_body(const VectorsGroup *g)
{
    const IrStmt *s = g->body->stmts.data[0];
    bool copy = g->body->stmts.len == 1 && s->kind == IR_STMT_STORE && s->flags & IR_ASYNC;
    return copy && pass_store_value(s)->op == IR_LOAD ? s : NULL;
}

/* Values of less than a byte have no vectors, but can be copied together. */
static int lanes_for(const VectorsGroup *g, const IrTensor *t)
{
    int bits = vocab_elem(t->elem)->bits;
    int lanes = bits < 8 && !async_body(g) ? 1 : VECTORS_WIDEST * 8 / bits;
    int base = pass_base_multiple(&g->facts, t);
    if (lanes > g->width) lanes = g->width;
    return lanes > base ? base : lanes;
}

/* What the body does with a tensor besides the access in hand. */
typedef struct Others {
    const IrTensor *tensor;
    const IrExpr *offset; /* accesses at this offset are allowed: `same` */
    int loads, same_loads, stores, same_stores;
} Others;

static bool count_load(void *user, const IrExpr *e)
{
    Others *o = user;
    if (e->op != IR_LOAD || !ir_same_memory(e->tensor, o->tensor)) return false;
    o->loads++;
    if (e->tensor == o->tensor && e->args[0] == o->offset) o->same_loads++;
    return false;
}

static Others others(const VectorsGroup *g, const IrTensor *t, const IrExpr *offset, size_t from)
{
    Others o = {.tensor = t, .offset = offset};
    for (size_t i = from; i < g->body->stmts.len; i++) {
        const IrStmt *s = g->body->stmts.data[i];
        pass_any_operand(s, count_load, &o);
        if (s->kind != IR_STMT_STORE || !ir_same_memory(s->tensor, t)) continue;
        o.stores++;
        if (s->tensor == t && s->args[0] == offset) o.same_stores++;
    }
    return o;
}

/* What the body leaves as it is: no other thread may write it meanwhile either. */
static bool is_fixed(const VectorsGroup *g, const IrTensor *t)
{
    for (size_t i = 0; i < g->body->stmts.len; i++) {
        const IrStmt *s = g->body->stmts.data[i];
        if (s->kind == IR_STMT_STORE && ir_same_memory(s->tensor, t)) return false;
    }
    return t->space != IR_PARAM || !t->written;
}

bool vectors_uses_own(void *user, const IrExpr *e)
{
    const VectorsGroup *g = user;
    if (e->op == IR_LOAD) return !is_fixed(g, e->tensor);
    if (e->op != IR_VAR) return false;
    for (size_t i = 0; i < g->body->stmts.len; i++)
        if (g->body->stmts.data[i]->var == e->var) return true;
    return false;
}

/* Is the tensor read where it has been written before? A load made once for all would be too early.
 */
static bool reads_after_store(const VectorsGroup *g, const IrTensor *t)
{
    for (size_t i = 0; i < g->body->stmts.len; i++) {
        const IrStmt *s = g->body->stmts.data[i];
        if (s->kind == IR_STMT_STORE && s->tensor == t) return others(g, t, NULL, i + 1).loads > 0;
    }
    return false;
}

static bool can_widen_load(VectorsGroup *g, const IrExpr *e, int *lanes)
{
    *lanes = lanes_for(g, e->tensor);
    if (*lanes < 2 || e->type.lanes != 1 || !vectors_is_memory(e->tensor)) return false;
    if (!(e->flags & IR_LINEAR) || !consecutive(g, e->args[0], *lanes)) return false;
    for (uint32_t i = 0; i < e->count; i++)
        if (ir_any(e->args[i], vectors_uses_own, g)) return false;
    if (e->flags & IR_GUARDED &&
        (!vectors_decided(g, e->args[1]) || pass_uses_var(e->args[2], g->counter)))
        return false;
    Others o = others(g, e->tensor, e->args[0], 0);
    return o.stores == o.same_stores && !reads_after_store(g, e->tensor);
}

static bool can_widen_store(VectorsGroup *g, size_t index, int *lanes)
{
    const IrStmt *s = g->body->stmts.data[index];
    *lanes = lanes_for(g, s->tensor);
    if (*lanes < 2 || !vectors_is_memory(s->tensor) || pass_store_value(s)->type.lanes != 1)
        return false;
    if (!(s->flags & IR_LINEAR) || !consecutive(g, s->args[0], *lanes)) return false;
    if (ir_any(s->args[0], vectors_uses_own, g)) return false;
    if (s->flags & IR_GUARDED &&
        (ir_any(s->args[2], vectors_uses_own, g) || !vectors_decided(g, s->args[2])))
        return false;
    Others all = others(g, s->tensor, s->args[0], 0);
    Others later = others(g, s->tensor, s->args[0], index + 1);
    return all.stores == 1 && all.loads == all.same_loads && later.loads == 0;
}

/* ---- choosing -------------------------------------------------------------------------------- */
static void add_wide(VectorsGroup *g, VectorsWide wide)
{
    if (g->count < VECTORS_MOST) g->list[g->count++] = wide;
}

static void choose_loads(VectorsGroup *g, const IrExpr *e)
{
    int lanes;
    uint32_t certain = e->count;
    for (int i = 0; i < g->count; i++)
        if (g->list[i].load == e) return;
    if (e->op == IR_LOAD && can_widen_load(g, e, &lanes))
        add_wide(g, (VectorsWide){.load = e, .lanes = lanes});
    if (e->op == IR_LOAD && e->flags & IR_GUARDED) certain = e->count - 1;
    if (e->op == IR_AND || e->op == IR_OR || e->op == IR_SELECT) certain = 1;
    for (uint32_t i = 0; i < certain; i++) choose_loads(g, e->args[i]);
}

static int find_wide(const VectorsGroup *g, const IrExpr *load, const IrStmt *store)
{
    for (int i = 0; i < g->count; i++)
        if (g->list[i].load == load && g->list[i].store == store) return i;
    return -1;
}

static void drop_wide(VectorsGroup *g, int at)
{
    if (at >= 0) g->list[at] = g->list[--g->count];
}

/* An asynchronous store moves as many elements at once as both its sides allow. Elements of 4 bytes
 * rather go one by one than through registers. */
static void choose_async(VectorsGroup *g)
{
    const IrStmt *s = async_body(g);
    if (!s) return;
    int bits = vocab_elem(s->tensor->elem)->bits;
    int load = find_wide(g, pass_store_value(s), NULL), store = find_wide(g, NULL, s);
    int lanes = 0;
    if (load >= 0 && store >= 0) {
        VectorsWide *from = &g->list[load], *to = &g->list[store];
        lanes = from->lanes < to->lanes ? from->lanes : to->lanes;
        from->lanes = to->lanes = lanes;
        from->direct = true;
    }
    if (bits < 8 && bits * lanes < 32)
        g->count = 0;
    else if (!lanes && bits >= 32)
        drop_wide(g, load >= 0 ? load : store);
}

bool vectors_choose(VectorsGroup *g, int width)
{
    g->width = width;
    g->count = 0;
    int lanes;
    for (size_t i = 0; i < g->body->stmts.len; i++) {
        const IrStmt *s = g->body->stmts.data[i];
        bool store = s->kind == IR_STMT_STORE;
        bool wide = store && can_widen_store(g, i, &lanes);
        if (wide) add_wide(g, (VectorsWide){.store = s, .lanes = lanes});
        bool skips = store && s->flags & IR_GUARDED && !wide;
        for (int j = 0; j < s->count && !skips; j++) choose_loads(g, s->args[j]);
    }
    choose_async(g);
    return g->count > 0;
}
