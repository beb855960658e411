/* vectors - consecutive accesses of a loop become one wide access.
 *
 * A loop of constant trips, unrolled or short, whose body is straight-line code (perhaps under one
 * condition) is cut into groups of v iterations. An access whose offset is the loop's counter plus
 * a multiple of its width is made once for the group: a load before the group's iterations, a store
 * after them. A guard is tested once if it provably decides all of a group alike, which needs the
 * sizes in it to be multiples of the width (facts.c); a condition around the body that does not is
 * tested for its worst iteration, and the loop as it was is for the edge. Widths are powers of two
 * of at most 16 bytes.
 */
#include "pass/internal.h"

enum { WIDEST = 16, MAX_WIDE = 32 };

/* One access of the body to widen. */
typedef struct Wide {
    const IrExpr *load; /* or NULL: */
    const IrStmt *store;
    int lanes;
    bool direct;          /* load: is what an asynchronous store takes, and in no register */
    IrVar *lane;          /* load: stands for the lane in the body; store: takes the value */
    const IrExpr **parts; /* load: the vectors; store: the values, one a lane */
} Wide;

typedef struct Group {
    PassContext *ctx;
    PassFacts facts;
    IrStmt *loop;
    IrBlock *body;
    const IrVar *counter;
    int64_t trip;
    int width; /* iterations in a group */
    int count;
    Wide list[MAX_WIDE];
    IrBlock *to;
} Group;

/* ---- may it be widened? ---------------------------------------------------------------------- */
/* e = counter * coef + rest, rest free of the counter: the affine form, and coef. */
static bool split(Group *g, const IrExpr *e, PassAffine *rest, int64_t *coef)
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

static int64_t rest_multiple(const Group *g, const PassAffine *rest)
{
    PassAffine variable = *rest;
    variable.constant = 0;
    return pass_multiple(&g->facts, pass_affine_build(g->ctx->k, &variable));
}

static bool consecutive(Group *g, const IrExpr *offset, int lanes)
{
    PassAffine rest;
    int64_t coef;
    return split(g, offset, &rest, &coef) && coef == 1 && rest.constant % lanes == 0 &&
           rest_multiple(g, &rest) % lanes == 0;
}

/* Is `difference < bound` decided alike by all of an aligned group? With difference = X + counter
 * it is if X - bound is a multiple of the width; with X - counter, if it is one less. */
static bool below_together(Group *g, const IrExpr *a, const IrExpr *b, int64_t bound)
{
    PassAffine rest;
    int64_t coef;
    IrKernel *k = g->ctx->k;
    if (a->type.elem != ELEM_INDEX) return false;
    if (!split(g, ir_binary(k, IR_SUB, a, b), &rest, &coef)) return false;
    if (coef == 0) return true;
    if ((coef != 1 && coef != -1) || rest_multiple(g, &rest) % g->width) return false;
    int64_t at = base_floor_mod(rest.constant - bound, g->width);
    return coef == 1 ? at == 0 : at == g->width - 1;
}

static bool decided_together(Group *g, const IrExpr *e)
{
    if (!pass_uses_var(e, g->counter)) return true;
    if (e->op == IR_AND || e->op == IR_OR)
        return decided_together(g, e->args[0]) && decided_together(g, e->args[1]);
    if (e->op == IR_NOT) return decided_together(g, e->args[0]);
    if (e->op == IR_LT || e->op == IR_GE) return below_together(g, e->args[0], e->args[1], 0);
    if (e->op == IR_LE || e->op == IR_GT) return below_together(g, e->args[0], e->args[1], 1);
    return false;
}

/* The store that is all of the body, an asynchronous copy; or NULL. */
static const IrStmt *async_body(const Group *g)
{
    const IrStmt *s = g->body->stmts.data[0];
    bool copy = g->body->stmts.len == 1 && s->kind == IR_STMT_STORE && s->flags & IR_ASYNC;
    return copy && pass_store_value(s)->op == IR_LOAD ? s : NULL;
}

/* Values of less than a byte have no vectors, but can be copied together. */
static int lanes_for(const Group *g, const IrTensor *t)
{
    int bits = vocab_elem(t->elem)->bits;
    int lanes = bits < 8 && !async_body(g) ? 1 : WIDEST * 8 / bits;
    int base = pass_base_multiple(&g->facts, t);
    if (lanes > g->width) lanes = g->width;
    return lanes > base ? base : lanes;
}

static bool is_memory(const IrTensor *t)
{
    return t->space == IR_SHARED || t->space == IR_PARAM;
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

static Others others(const Group *g, const IrTensor *t, const IrExpr *offset, size_t from)
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
static bool is_fixed(const Group *g, const IrTensor *t)
{
    for (size_t i = 0; i < g->body->stmts.len; i++) {
        const IrStmt *s = g->body->stmts.data[i];
        if (s->kind == IR_STMT_STORE && ir_same_memory(s->tensor, t)) return false;
    }
    return t->space != IR_PARAM || !t->written;
}

static bool uses_own(void *user, const IrExpr *e)
{
    const Group *g = user;
    if (e->op == IR_LOAD) return !is_fixed(g, e->tensor);
    if (e->op != IR_VAR) return false;
    for (size_t i = 0; i < g->body->stmts.len; i++)
        if (g->body->stmts.data[i]->var == e->var) return true;
    return false;
}

/* Is the tensor read where it has been written before? A load made once for all would be too early.
 */
static bool reads_after_store(const Group *g, const IrTensor *t)
{
    for (size_t i = 0; i < g->body->stmts.len; i++) {
        const IrStmt *s = g->body->stmts.data[i];
        if (s->kind == IR_STMT_STORE && s->tensor == t) return others(g, t, NULL, i + 1).loads > 0;
    }
    return false;
}

static bool can_widen_load(Group *g, const IrExpr *e, int *lanes)
{
    *lanes = lanes_for(g, e->tensor);
    if (*lanes < 2 || e->type.lanes != 1 || !is_memory(e->tensor)) return false;
    if (!(e->flags & IR_LINEAR) || !consecutive(g, e->args[0], *lanes)) return false;
    for (uint32_t i = 0; i < e->count; i++)
        if (ir_any(e->args[i], uses_own, g)) return false;
    if (e->flags & IR_GUARDED &&
        (!decided_together(g, e->args[1]) || pass_uses_var(e->args[2], g->counter)))
        return false;
    Others o = others(g, e->tensor, e->args[0], 0);
    return o.stores == o.same_stores && !reads_after_store(g, e->tensor);
}

static bool can_widen_store(Group *g, size_t index, int *lanes)
{
    const IrStmt *s = g->body->stmts.data[index];
    *lanes = lanes_for(g, s->tensor);
    if (*lanes < 2 || !is_memory(s->tensor) || pass_store_value(s)->type.lanes != 1) return false;
    if (!(s->flags & IR_LINEAR) || !consecutive(g, s->args[0], *lanes)) return false;
    if (ir_any(s->args[0], uses_own, g)) return false;
    if (s->flags & IR_GUARDED &&
        (ir_any(s->args[2], uses_own, g) || !decided_together(g, s->args[2])))
        return false;
    Others all = others(g, s->tensor, s->args[0], 0);
    Others later = others(g, s->tensor, s->args[0], index + 1);
    return all.stores == 1 && all.loads == all.same_loads && later.loads == 0;
}

/* ---- choosing -------------------------------------------------------------------------------- */
static void add_wide(Group *g, Wide wide)
{
    if (g->count < MAX_WIDE) g->list[g->count++] = wide;
}

static void choose_loads(Group *g, const IrExpr *e)
{
    int lanes;
    uint32_t certain = e->count;
    for (int i = 0; i < g->count; i++)
        if (g->list[i].load == e) return;
    if (e->op == IR_LOAD && can_widen_load(g, e, &lanes))
        add_wide(g, (Wide){.load = e, .lanes = lanes});
    if (e->op == IR_LOAD && e->flags & IR_GUARDED) certain = e->count - 1;
    if (e->op == IR_AND || e->op == IR_OR || e->op == IR_SELECT) certain = 1;
    for (uint32_t i = 0; i < certain; i++) choose_loads(g, e->args[i]);
}

static int find_wide(const Group *g, const IrExpr *load, const IrStmt *store)
{
    for (int i = 0; i < g->count; i++)
        if (g->list[i].load == load && g->list[i].store == store) return i;
    return -1;
}

static void drop_wide(Group *g, int at)
{
    if (at >= 0) g->list[at] = g->list[--g->count];
}

/* An asynchronous store moves as many elements at once as both its sides allow. Elements of 4 bytes
 * rather go one by one than through registers. */
static void choose_async(Group *g)
{
    const IrStmt *s = async_body(g);
    if (!s) return;
    int bits = vocab_elem(s->tensor->elem)->bits;
    int load = find_wide(g, pass_store_value(s), NULL), store = find_wide(g, NULL, s);
    int lanes = 0;
    if (load >= 0 && store >= 0) {
        Wide *from = &g->list[load], *to = &g->list[store];
        lanes = from->lanes < to->lanes ? from->lanes : to->lanes;
        from->lanes = to->lanes = lanes;
        from->direct = true;
    }
    if (bits < 8 && bits * lanes < 32)
        g->count = 0;
    else if (!lanes && bits >= 32)
        drop_wide(g, load >= 0 ? load : store);
}

/* Everything that can be widened for groups of `width`. */
static bool choose(Group *g, int width)
{
    g->width = width;
    g->count = 0;
    int lanes;
    for (size_t i = 0; i < g->body->stmts.len; i++) {
        const IrStmt *s = g->body->stmts.data[i];
        bool store = s->kind == IR_STMT_STORE;
        bool wide = store && can_widen_store(g, i, &lanes);
        if (wide) add_wide(g, (Wide){.store = s, .lanes = lanes});
        bool skips = store && s->flags & IR_GUARDED && !wide;
        for (int j = 0; j < s->count && !skips; j++) choose_loads(g, s->args[j]);
    }
    choose_async(g);
    return g->count > 0;
}

static bool straight(IrBlock *body)
{
    for (size_t i = 0; i < body->stmts.len; i++) {
        IrStmtKind kind = body->stmts.data[i]->kind;
        if (kind != IR_STMT_LET && kind != IR_STMT_SET && kind != IR_STMT_STORE) return false;
    }
    return body->stmts.len > 0;
}

/* ---- making ---------------------------------------------------------------------------------- */
static const IrExpr *use_lane(void *user, const IrExpr *e)
{
    Group *g = user;
    for (int i = 0; i < g->count && e->op == IR_LOAD; i++)
        if (g->list[i].load == e) return ir_var(g->ctx->k, g->list[i].lane);
    return NULL;
}

/* The body with its wide loads named, so that iterations can be cloned from it. */
static void name_lanes(Group *g)
{
    IrKernel *k = g->ctx->k;
    for (int i = 0; i < g->count; i++) {
        Wide *w = &g->list[i];
        const IrTensor *t = w->load ? w->load->tensor : w->store->tensor;
        const Name *name = pass_make_name(k, "%s_v", t->name->text);
        w->lane = ir_new_var(k, name, (IrType){t->elem, 1}, false);
        w->parts = NEW_ARRAY(k->arena, const IrExpr *, (size_t)g->width);
    }
}

static bool is_momentary(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD || (e->op == IR_VAR && e->var->mutable);
}

/* The vector whose lanes these are, in order; or a new one. */
static const IrExpr *gather(IrKernel *k, IrType type, const IrExpr *const *lanes)
{
    const IrExpr *whole = lanes[0]->op == IR_LANE ? lanes[0]->args[0] : NULL;
    for (int i = 0; i < type.lanes && whole; i++)
        if (lanes[i]->op != IR_LANE || lanes[i]->args[0] != whole || lanes[i]->imm != i)
            whole = NULL;
    if (whole && whole->type.lanes == type.lanes) return whole;
    return ir_vector(k, type, lanes);
}

static PassClone at_iteration(Group *g, const IrExpr *iteration)
{
    PassClone c = pass_clone_begin(g->ctx->k);
    pass_clone_bind(&c, g->counter, iteration);
    return c;
}

static const IrExpr *plus(IrKernel *k, const IrExpr *a, int64_t b)
{
    return ir_binary(k, IR_ADD, a, ir_index(k, b));
}

static void make_loads(Group *g, Wide *w, const IrExpr *first)
{
    IrKernel *k = g->ctx->k;
    for (int at = 0; at < g->width; at += w->lanes) {
        PassClone c = at_iteration(g, plus(k, first, at));
        const IrExpr *offset = pass_clone_expr(&c, w->load->args[0]), *guard = NULL, *other = NULL;
        if (w->load->flags & IR_GUARDED) {
            guard = pass_clone_expr(&c, w->load->args[1]);
            other = ir_splat(k, w->lanes, pass_clone_expr(&c, w->load->args[2]));
        }
        const IrExpr *wide =
            ir_load_with(k, w->load->tensor, w->lanes, w->load->flags, &offset, guard, other);
        w->parts[at / w->lanes] =
            w->direct ? wide : ir_var(k, pass_new_let(k, g->to, w->lane->name, wide));
    }
}

static void make_store(Group *g, Wide *w, const IrExpr *first)
{
    IrKernel *k = g->ctx->k;
    for (int at = 0; at < g->width; at += w->lanes) {
        PassClone c = at_iteration(g, plus(k, first, at));
        const IrExpr *offset = pass_clone_expr(&c, w->store->args[0]), *guard = NULL;
        if (w->store->flags & IR_GUARDED) guard = pass_clone_expr(&c, w->store->args[2]);
        const IrExpr *value = gather(k, (IrType){w->store->tensor->elem, w->lanes}, w->parts + at);
        pass_append_store(k, g->to, w->store, offset, value, guard);
    }
}

static void make_iteration(Group *g, const IrExpr *first, int lane)
{
    IrKernel *k = g->ctx->k;
    PassClone c = at_iteration(g, plus(k, first, lane));
    for (int i = 0; i < g->count; i++) {
        Wide *w = &g->list[i];
        if (!w->load) continue;
        pass_clone_bind(&c, w->lane, ir_lane(k, w->parts[lane / w->lanes], lane % w->lanes));
    }
    for (size_t i = 0; i < g->body->stmts.len; i++) {
        IrStmt *s = g->body->stmts.data[i];
        Wide *wide = NULL;
        for (int j = 0; j < g->count; j++)
            if (g->list[j].store == s) wide = &g->list[j];
        ir_set_origin(k, s->origin);
        if (!wide) {
            pass_clone_one(&c, g->to, s);
            continue;
        }
        const IrExpr *value = pass_clone_expr(&c, pass_store_value(s));
        bool plain = s->flags & IR_ASYNC || !ir_any(value, is_momentary, NULL);
        wide->parts[lane] =
            plain ? value : ir_var(k, pass_new_let(k, g->to, wide->lane->name, value));
    }
}

static void make_group(Group *g, const IrExpr *first)
{
    for (int i = 0; i < g->count; i++)
        if (g->list[i].load) make_loads(g, &g->list[i], first);
    for (int lane = 0; lane < g->width; lane++) make_iteration(g, first, lane);
    for (int i = 0; i < g->count; i++)
        if (g->list[i].store) make_store(g, &g->list[i], first);
}

/* Puts the widened loop into `to`; `cond` is the condition around the body, or NULL. */
static void widen(Group *g, IrBlock *to, const IrExpr *cond)
{
    IrKernel *k = g->ctx->k;
    ir_set_origin(k, g->loop->origin);
    const IrExpr *first = ir_index(k, 0);
    name_lanes(g);
    for (size_t i = 0; i < g->body->stmts.len; i++)
        pass_map_stmt(k, g->body->stmts.data[i], use_lane, g);
    if (g->trip > g->width) {
        IrVar *var = ir_new_var(k, g->counter->name, g->counter->type, false);
        IrStmt *loop =
            ir_for(k, to, var, ir_index(k, 0), ir_index(k, g->trip / g->width), ir_index(k, 1));
        loop->flags |= IR_UNROLL;
        first = ir_binary(k, IR_MUL, ir_var(k, var), ir_index(k, g->width));
        to = loop->body;
    }
    if (cond) {
        PassClone c = at_iteration(g, first);
        to = ir_if(k, to, pass_clone_expr(&c, cond), false)->body;
    }
    g->to = to;
    make_group(g, first);
}

/* ---- edges ----------------------------------------------------------------------------------- */
static const IrExpr *at_number(Group *g, const IrExpr *e, int64_t number)
{
    PassClone c = at_iteration(g, ir_index(g->ctx->k, number));
    return pass_clone_expr(&c, e);
}

/* A comparison at the iteration that is least likely to satisfy it. */
static const IrExpr *worst_comparison(Group *g, const IrExpr *e)
{
    PassAffine rest;
    int64_t coef;
    bool below = e->op == IR_LT || e->op == IR_LE;
    if ((!below && e->op != IR_GT && e->op != IR_GE) || e->args[0]->type.elem != ELEM_INDEX)
        return NULL;
    if (!split(g, ir_binary(g->ctx->k, IR_SUB, e->args[0], e->args[1]), &rest, &coef)) return NULL;
    return at_number(g, e, (coef > 0) == below ? g->trip - 1 : 0);
}

/* What makes `e` true in all iterations; NULL if nothing is known to. */
static const IrExpr *always(Group *g, const IrExpr *e)
{
    if (!pass_uses_var(e, g->counter)) return e;
    if (e->op != IR_AND) return worst_comparison(g, e);
    const IrExpr *a = always(g, e->args[0]), *b = a ? always(g, e->args[1]) : NULL;
    return b ? ir_binary(g->ctx->k, IR_AND, a, b) : NULL;
}

/* Widens the loop where `inside` holds, and leaves it as it is elsewhere. */
static void widen_inside(Group *g, IrBlock *to, const IrExpr *inside)
{
    IrKernel *k = g->ctx->k;
    ir_set_origin(k, g->loop->origin);
    IrStmt *branch = ir_if(k, to, inside, true);
    PassClone c = pass_clone_begin(k);
    pass_clone_one(&c, branch->other, g->loop);
    branch->other->stmts.data[0]->flags &= (uint32_t)~IR_UNROLL;
    widen(g, branch->body, NULL);
}

/* What the body names before anything else, alike in all iterations, is named before the loop. */
static void lift_lets(Group *g, IrBlock *to)
{
    size_t first = 0, count = g->body->stmts.len;
    for (; first + 1 < count; first++) {
        IrStmt *s = g->body->stmts.data[first];
        bool let = s->kind == IR_STMT_LET && !s->var->mutable;
        if (!let || pass_uses_var(s->args[0], g->counter) || ir_any(s->args[0], uses_own, g)) break;
        VEC_PUSH(g->ctx->k->arena, to->stmts, s);
    }
    for (size_t i = first; i < count; i++) g->body->stmts.data[i - first] = g->body->stmts.data[i];
    g->body->stmts.len = count - first;
}

/* The widest grouping that widens something; false if there is none. */
static bool try_loop(void *user, IrStmt *loop, IrBlock *to)
{
    int64_t lo, step;
    Group g = *(const Group *)user;
    g.loop = loop;
    g.body = loop->body;
    g.counter = loop->var;
    if (loop->kind != IR_STMT_FOR || !pass_const_loop(loop, &lo, &step, &g.trip)) return false;
    if (!(loop->flags & IR_UNROLL) && g.trip > WIDEST) return false;
    if (lo != 0 || step != 1 || loop->body->stmts.len == 0) return false;
    const IrStmt *only = loop->body->stmts.data[0];
    bool split_if = loop->body->stmts.len == 1 && only->kind == IR_STMT_IF && !only->other;
    const IrExpr *cond = split_if ? only->args[0] : NULL;
    if (cond) g.body = only->body;
    if (!straight(g.body)) return false;
    if (!cond) lift_lets(&g, to);
    for (int width = WIDEST; width >= 2; width /= 2) {
        g.width = width;
        if (g.trip % width || !choose(&g, width)) continue;
        if (cond && ir_any(cond, uses_own, &g)) continue;
        bool together = !cond || decided_together(&g, cond);
        const IrExpr *inside = together ? NULL : always(&g, cond);
        if (!together && !inside) continue;
        if (together)
            widen(&g, to, cond);
        else
            widen_inside(&g, to, inside);
        return true;
    }
    return false;
}

/* ---- vectors of neighbours ---------------------------------------------------------------------
 */

/* vector(t[o], t[o + 1], …) is one wide load, if o is a multiple of its width. */
static const IrExpr *load_together(void *user, const IrExpr *e)
{
    const PassFacts *facts = user;
    if (e->op != IR_VECTOR) return NULL;
    const IrExpr *first = e->args[0];
    if (first->op != IR_LOAD || !is_memory(first->tensor)) return NULL;
    int lanes = e->type.lanes, bits = vocab_elem(first->tensor->elem)->bits;
    if (bits < 8 || bits * lanes > WIDEST * 8 || pass_base_multiple(facts, first->tensor) % lanes ||
        pass_multiple(facts, first->args[0]) % lanes)
        return NULL;
    for (int i = 0; i < lanes; i++) {
        const IrExpr *part = e->args[i];
        if (part->op != IR_LOAD || part->tensor != first->tensor || part->type.lanes != 1 ||
            !(part->flags & IR_LINEAR) || part->flags & IR_GUARDED ||
            ir_cache(part->flags) != ir_cache(first->flags))
            return NULL;
        if (!ir_is_int(ir_binary(facts->k, IR_SUB, part->args[0], first->args[0]), i)) return NULL;
    }
    return ir_load_with(facts->k, first->tensor, lanes, first->flags, first->args, NULL, NULL);
}

/* ---- copies that are asynchronous in name alone ------------------------------------------------
 */
typedef struct Slow {
    PassContext *ctx;
    Map fast; /* by origin: a part of the copy is asynchronous */
} Slow;

static bool note_async(void *user, IrStmt *s)
{
    Slow *slow = user;
    if (ir_async_bytes(s)) base_map_put(&slow->fast, (uint64_t)s->origin + 1, s);
    return true;
}

static const char *why_slow(const Slow *slow, const IrStmt *s)
{
    const IrExpr *value = pass_store_value(s);
    bool wide = vocab_elem(value->type.elem)->bits * value->type.lanes >= 32;
    if (slow->ctx->options->arch < 80) return "it takes sm_80 or later";
    if (wide && value->op == IR_LOAD) return "outside of the source only zeros can be put";
    return base_format(slow->ctx->k->arena,
                       "4, 8 or 16 bytes of %s must lie together in both tensors",
                       vocab_elem(s->tensor->elem)->text);
}

static bool report_slow(void *user, IrStmt *s)
{
    Slow *slow = user;
    if (s->kind != IR_STMT_STORE || !(s->flags & IR_ASYNC)) return true;
    bool old = slow->ctx->options->arch < 80;
    if (!old && base_map_get(&slow->fast, (uint64_t)s->origin + 1)) return true;
    diag_report(slow->ctx->diags, DIAG_SLOW_ASYNC, pass_span(slow->ctx->k, s->origin),
                why_slow(slow, s));
    return true;
}

bool pass_vectors(PassContext *ctx)
{
    Group any = {.ctx = ctx, .facts = pass_facts(ctx->k, ctx->options)};
    pass_replace_stmts(ctx->k, ctx->k->body, try_loop, &any);
    pass_map_block(ctx->k, ctx->k->body, load_together, &any.facts);
    Slow slow = {ctx, base_map(ctx->k->arena)};
    if (!ctx->options->performance) return true;
    ir_walk(ctx->k->body, note_async, &slow);
    ir_walk(ctx->k->body, report_slow, &slow);
    return true;
}
