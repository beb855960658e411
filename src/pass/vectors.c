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
#include "pass/vectors.h"

/* ---- making ---------------------------------------------------------------------------------- */
static const IrExpr *use_lane(void *user, const IrExpr *e)
{
    VectorsGroup *g = user;
    for (int i = 0; i < g->count && e->op == IR_LOAD; i++)
        if (g->list[i].load == e) return ir_var(g->ctx->k, g->list[i].lane);
    return NULL;
}

/* The body with its wide loads named, so that iterations can be cloned from it. */
static void name_lanes(VectorsGroup *g)
{
    IrKernel *k = g->ctx->k;
    for (int i = 0; i < g->count; i++) {
        VectorsWide *w = &g->list[i];
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

static PassClone at_iteration(VectorsGroup *g, const IrExpr *iteration)
{
    PassClone c = pass_clone_begin(g->ctx->k);
    pass_clone_bind(&c, g->counter, iteration);
    return c;
}

static const IrExpr *plus(IrKernel *k, const IrExpr *a, int64_t b)
{
    return ir_binary(k, IR_ADD, a, ir_index(k, b));
}

static void make_loads(VectorsGroup *g, VectorsWide *w, const IrExpr *first)
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

static void make_store(VectorsGroup *g, VectorsWide *w, const IrExpr *first)
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

static void make_iteration(VectorsGroup *g, const IrExpr *first, int lane)
{
    IrKernel *k = g->ctx->k;
    PassClone c = at_iteration(g, plus(k, first, lane));
    for (int i = 0; i < g->count; i++) {
        VectorsWide *w = &g->list[i];
        if (!w->load) continue;
        pass_clone_bind(&c, w->lane, ir_lane(k, w->parts[lane / w->lanes], lane % w->lanes));
    }
    for (size_t i = 0; i < g->body->stmts.len; i++) {
        IrStmt *s = g->body->stmts.data[i];
        VectorsWide *wide = NULL;
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

static void make_group(VectorsGroup *g, const IrExpr *first)
{
    for (int i = 0; i < g->count; i++)
        if (g->list[i].load) make_loads(g, &g->list[i], first);
    for (int lane = 0; lane < g->width; lane++) make_iteration(g, first, lane);
    for (int i = 0; i < g->count; i++)
        if (g->list[i].store) make_store(g, &g->list[i], first);
}

/* Puts the widened loop into `to`; `cond` is the condition around the body, or NULL. */
static void widen(VectorsGroup *g, IrBlock *to, const IrExpr *cond)
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
static const IrExpr *at_number(VectorsGroup *g, const IrExpr *e, int64_t number)
{
    PassClone c = at_iteration(g, ir_index(g->ctx->k, number));
    return pass_clone_expr(&c, e);
}

/* A comparison at the iteration that is least likely to satisfy it. */
static const IrExpr *worst_comparison(VectorsGroup *g, const IrExpr *e)
{
    PassAffine rest;
    int64_t coef;
    bool below = e->op == IR_LT || e->op == IR_LE;
    if ((!below && e->op != IR_GT && e->op != IR_GE) || e->args[0]->type.elem != ELEM_INDEX)
        return NULL;
    if (!vectors_split(g, ir_binary(g->ctx->k, IR_SUB, e->args[0], e->args[1]), &rest, &coef))
        return NULL;
    return at_number(g, e, (coef > 0) == below ? g->trip - 1 : 0);
}

/* What makes `e` true in all iterations; NULL if nothing is known to. */
static const IrExpr *always(VectorsGroup *g, const IrExpr *e)
{
    if (!pass_uses_var(e, g->counter)) return e;
    if (e->op != IR_AND) return worst_comparison(g, e);
    const IrExpr *a = always(g, e->args[0]), *b = a ? always(g, e->args[1]) : NULL;
    return b ? ir_binary(g->ctx->k, IR_AND, a, b) : NULL;
}

/* Widens the loop where `inside` holds, and leaves it as it is elsewhere. */
static void widen_inside(VectorsGroup *g, IrBlock *to, const IrExpr *inside)
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
static void lift_lets(VectorsGroup *g, IrBlock *to)
{
    size_t first = 0, count = g->body->stmts.len;
    for (; first + 1 < count; first++) {
        IrStmt *s = g->body->stmts.data[first];
        bool let = s->kind == IR_STMT_LET && !s->var->mutable;
        if (!let || pass_uses_var(s->args[0], g->counter) ||
            ir_any(s->args[0], vectors_uses_own, g))
            break;
        VEC_PUSH(g->ctx->k->arena, to->stmts, s);
    }
    for (size_t i = first; i < count; i++) g->body->stmts.data[i - first] = g->body->stmts.data[i];
    g->body->stmts.len = count - first;
}

/* The widest grouping that widens something; false if there is none. */
static bool try_loop(void *user, IrStmt *loop, IrBlock *to)
{
    int64_t lo, step;
    VectorsGroup g = *(const VectorsGroup *)user;
    g.loop = loop;
    g.body = loop->body;
    g.counter = loop->var;
    if (loop->kind != IR_STMT_FOR || !pass_const_loop(loop, &lo, &step, &g.trip)) return false;
    if (!(loop->flags & IR_UNROLL) && g.trip > VECTORS_WIDEST) return false;
    if (lo != 0 || step != 1 || loop->body->stmts.len == 0) return false;
    const IrStmt *only = loop->body->stmts.data[0];
    bool split_if = loop->body->stmts.len == 1 && only->kind == IR_STMT_IF && !only->other;
    const IrExpr *cond = split_if ? only->args[0] : NULL;
    if (cond) g.body = only->body;
    if (!pass_is_straight(g.body)) return false;
    if (!cond) lift_lets(&g, to);
    for (int width = VECTORS_WIDEST; width >= 2; width /= 2) {
        g.width = width;
        if (g.trip % width || !vectors_choose(&g, width)) continue;
        if (cond && ir_any(cond, vectors_uses_own, &g)) continue;
        bool together = !cond || vectors_decided(&g, cond);
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
    if (first->op != IR_LOAD || !vectors_is_memory(first->tensor)) return NULL;
    int lanes = e->type.lanes, bits = vocab_elem(first->tensor->elem)->bits;
    if (bits < 8 || bits * lanes > VECTORS_WIDEST * 8 ||
        pass_base_multiple(facts, first->tensor) % lanes ||
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
    VectorsGroup any = {.ctx = ctx, .facts = pass_facts(ctx->k, ctx->options)};
    pass_replace_stmts(ctx->k, ctx->k->body, try_loop, &any);
    pass_map_block(ctx->k, ctx->k->body, load_together, &any.facts);
    Slow slow = {ctx, base_map(ctx->k->arena)};
    if (!ctx->options->performance) return true;
    ir_walk(ctx->k->body, note_async, &slow);
    ir_walk(ctx->k->body, report_slow, &slow);
    return true;
}
