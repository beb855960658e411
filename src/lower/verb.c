/* copy: between global, shared and register tiles. */
#include "lower/tasks.h"

/* The element of `src` at `index`: a view's, a lazy expression's, or a scalar's own. */
static const IrExpr *element(Lower *l, const Value *src, const IrExpr *const *index)
{
    if (src->kind == VALUE_VIEW) return lower_load(l, src->view, index, NULL);
    if (src->kind == VALUE_EXPR) return src->expr;
    const IrExpr *const *outer = l->lazy_index;
    l->lazy_index = index;
    const IrExpr *e = lower_expr(l, src->lazy);
    l->lazy_index = outer;
    return e;
}

/* The tile whose mapping a lazy expression has: its first tile operand. */
static const View *tile_of(Lower *l, const Ast *node)
{
    if (node->kind == AST_Name && node->symbol) {
        Value v = *lower_slot(l, node->symbol);
        if (v.kind == VALUE_VIEW && v.view->tensor->over) return v.view;
    }
    for (uint32_t i = 0; i < node->count; i++) {
        const View *v = node->kid[i] ? tile_of(l, node->kid[i]) : NULL;
        if (v) return v;
    }
    return NULL;
}

static const View *distributed(Lower *l, const Value *value)
{
    if (value->kind == VALUE_LAZY) return tile_of(l, value->lazy);
    if (value->kind == VALUE_VIEW && value->view->tensor->over) return value->view;
    return NULL;
}

/* Replicas hold the same value: only the lowest owner writes it to memory. */
static void only_first_replica(Lower *l, const Mapping *m)
{
    const IrExpr *worker = lower_worker(l, 1), *all = NULL;
    for (int i = 0; i < m->worker_count; i++) {
        const MappingDigit *d = &m->worker[i];
        if (d->dim >= 0) continue;
        const IrExpr *digit = ir_binary(l->k, IR_DIV, worker, ir_index(l->k, d->place));
        digit = ir_binary(l->k, IR_MOD, digit, ir_index(l->k, d->extent));
        const IrExpr *first = ir_binary(l->k, IR_EQ, digit, ir_index(l->k, 0));
        all = all ? ir_binary(l->k, IR_AND, all, first) : first;
    }
    if (all) l->block = ir_if(l->k, l->block, all, false)->body;
}

static bool undistributed(Lower *l, const Ast *node, const View *tile)
{
    if (tile->rank == tile->tensor->over->rank) return false;
    lower_error(l, COPY, node->span, "a tile with undistributed dimensions is copied slot by slot");
    return true;
}

/* Over a tile's mapping: each owner loads or stores its own elements. */
static void copy_over(Lower *l, const Ast *node, const View *dst, const Value *src,
                      const View *tile, bool to_tile)
{
    if (undistributed(l, node, tile)) return;
    const Mapping *m = lower_over(l, tile, node);
    if (!m) return;
    if (!lower_check_workers(l, m, l->group.size, node->span, "thread")) return;
    IrBlock *outer = l->block;
    const IrExpr *index[MAX_RANK];
    IrStmt *stmt = lower_open_tasks(l, m, 1, index);
    stmt->flags |= IR_COPY;
    if (!to_tile) only_first_replica(l, m);
    lower_store(l, dst, index, element(l, src, index));
    l->block = outer;
}

/* ---- between two distributions: shuffles within a warp ------------------------------------------
 */

typedef struct Move {
    const Mapping *from, *to;
    const View *dst, *src;
} Move;

/* Does every destination element have its source in the same warp? Names a counterexample. */
static bool same_warp(const Move *m, int64_t *worker, int64_t *step)
{
    int64_t coords[MAX_RANK];
    for (*worker = 0; *worker < m->to->workers; ++*worker)
        for (*step = 0; *step < m->to->steps; ++*step) {
            mapping_eval(m->to, *worker, *step, coords);
            int64_t base = *worker / WARP_THREADS * WARP_THREADS;
            bool found = false;
            for (int64_t w = base; w < base + WARP_THREADS && w < m->from->workers && !found; w++)
                found = mapping_slot(m->from, w, coords) >= 0;
            if (!found) return false;
        }
    return true;
}

static void *pointer_of(const IrExpr *e)
{
    void *p;
    memcpy(&p, &e, sizeof p);
    return p;
}

/* One destination step: for each source slot that some lane needs, every lane offers it and takes
 * from the lane that owns the element; the right one is kept. */
static void shuffle_step(Lower *l, const Move *m, int64_t step)
{
    MappingIndexOps ops = lower_mapping_ops(l);
    const IrExpr *coords[MAX_RANK], *value = NULL;
    lower_coords(l, m->to, lower_worker(l, 1), step, coords);
    void *at[MAX_RANK];
    for (int d = 0; d < m->to->rank; d++) at[d] = pointer_of(coords[d]);
    const IrExpr *slot = mapping_index_slot(m->from, &ops, at);
    const IrExpr *owner = mapping_index_owner(m->from, &ops, at);
    const IrExpr *lane = ir_binary(l->k, IR_MOD, owner, ir_index(l->k, WARP_THREADS));
    bool needed[4096] = {false};
    for (int64_t w = 0; w < m->to->workers; w++) {
        int64_t c[MAX_RANK], s = -1;
        mapping_eval(m->to, w, step, c);
        if (mapping_owner(m->from, c, &s) >= 0 && s >= 0 && s < 4096) needed[s] = true;
    }
    for (int64_t s = 0; s < m->from->steps && s < 4096; s++) {
        if (!needed[s]) continue;
        const IrExpr *own[MAX_RANK];
        lower_coords(l, m->from, lower_worker(l, 1), s, own);
        const IrExpr *operands[2] = {lower_load(l, m->src, own, NULL),
                                     ir_cast(l->k, (IrType){ELEM_I32, 1}, lane)};
        IrVar *var = ir_new_var(l->k, lower_name(l, "moved"), operands[0]->type, false);
        IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_COLLECTIVE);
        stmt->var = var;
        stmt->builtin = BUILTIN_SHUFFLE;
        stmt->scope = IR_SCOPE_WARP;
        stmt->count = 2;
        stmt->args = base_copy(l->arena, operands, sizeof operands);
        const IrExpr *got = ir_var(l->k, var);
        const IrExpr *hit = ir_binary(l->k, IR_EQ, slot, ir_index(l->k, s));
        value = value ? ir_select(l->k, hit, got, value) : got;
    }
    if (value) lower_store(l, m->dst, coords, value);
}

static void redistribute(Lower *l, const Ast *node, const View *dst, const View *src)
{
    Move m = {lower_over(l, src, NULL), lower_over(l, dst, NULL), dst, src};
    int64_t worker, step;
    if (undistributed(l, node, dst) || undistributed(l, node, src)) return;
    if (m.from->workers != m.to->workers || !same_warp(&m, &worker, &step)) {
        Diag *diag =
            lower_error(l, COPY, node->span,
                        "an element would have to move between warps: add `via` a shared tile");
        diag_note(l->diags, diag, "from `%s` to `%s`", lower_mapping_text(l, m.from),
                  lower_mapping_text(l, m.to));
        return;
    }
    for (step = 0; step < m.to->steps; step++) shuffle_step(l, &m, step);
}

/* ---- the verb
 * ------------------------------------------------------------------------------------ */

static bool same_extents(Lower *l, const Ast *node, const View *dst, const Value *src)
{
    const View *from = src->kind == VALUE_VIEW ? src->view : distributed(l, src);
    if (!from) return true;
    if (from->rank != dst->rank) {
        lower_error(l, SHAPE_MISMATCH, node->span,
                    lower_text(l, "a destination of %d dimensions", dst->rank),
                    lower_text(l, "a source of %d", from->rank));
        return false;
    }
    for (int d = 0; d < dst->rank; d++) {
        const IrExpr *a = dst->extents[d], *b = from->extents[d];
        if (a == b || !ir_is_const(a) || !ir_is_const(b)) continue;
        lower_error(l, SHAPE_MISMATCH, node->span,
                    lower_text(l, "extent %lld of dimension %d of the destination",
                               (long long)a->value.i, d),
                    lower_text(l, "%lld of the source", (long long)b->value.i));
        return false;
    }
    return true;
}

/* Memory to memory: the tasks are split over the group as `auto` would. */
static void copy_auto(Lower *l, const Ast *node, const View *dst, const Value *src)
{
    int bytes = vocab_elem_bytes(dst->tensor->elem), fast = dst->rank - 1;
    bool overhangs = false, late = !ir_is_const(dst->extents[fast]);
    if (late && l->options->alignment < WIDE_BYTES) bytes = 0;
    const Mapping *m = lower_auto_mapping(l, node->span, dst->rank, dst->extents, l->group.size,
                                          bytes, fast, &overhangs);
    if (!m) return;
    IrBlock *outer = l->block;
    const IrExpr *index[MAX_RANK], *in = NULL;
    IrStmt *stmt = lower_open_tasks(l, m, 1, index);
    stmt->flags |= IR_COPY;
    for (int d = 0; d < dst->rank; d++) {
        const IrExpr *extent = dst->extents[d];
        if (ir_is_const(extent) && m->shape[d] == extent->value.i) continue;
        const IrExpr *below = ir_binary(l->k, IR_LT, index[d], extent);
        in = in ? ir_binary(l->k, IR_AND, in, below) : below;
    }
    if (in) l->block = ir_if(l->k, l->block, in, false)->body;
    lower_store(l, dst, index, element(l, src, index));
    l->block = outer;
}

static bool touches_shared(const View *dst, const Value *src)
{
    if (dst->tensor->space != IR_TILE) return true;
    return src->kind == VALUE_VIEW && src->view->tensor->space != IR_TILE;
}

void lower_copy_values(Lower *l, const Ast *node, const View *dst, const Value *src)
{
    if (src->kind != VALUE_VIEW && src->kind != VALUE_LAZY && src->kind != VALUE_EXPR) return;
    if (!same_extents(l, node, dst, src)) return;
    lower_at(l, node);
    const View *from = distributed(l, src);
    bool barriers = touches_shared(dst, src) && !l->group.single;
    if (barriers) lower_barrier(l, true);
    if (dst->tensor->over) {
        const Mapping *one = from ? lower_over(l, from, node) : NULL;
        const Mapping *other = lower_over(l, dst, node);
        if ((from && !one) || !other) return;
        bool differs = from && !mapping_equal(one, other);
        if (differs && src->kind == VALUE_VIEW)
            redistribute(l, node, dst, from);
        else
            copy_over(l, node, dst, src, dst, true);
    } else if (from) {
        copy_over(l, node, dst, src, from, false);
    } else {
        copy_auto(l, node, dst, src);
    }
    if (barriers) lower_barrier(l, true);
}

void lower_copy(Lower *l, const Ast *call, const Ast *via)
{
    const Ast *args = KID(call, Call, args);
    if (args->count != 2) return;
    if (l->group.single) {
        Diag *diag = lower_error(l, SYNC_IN_THREAD, call->span);
        diag_label(l->diags, diag, l->group.span, "from here on each thread runs for itself");
        return;
    }
    Value dst = lower_value(l, args->kid[0]), src = lower_value(l, args->kid[1]);
    if (dst.kind != VALUE_VIEW) return;
    if (!via) {
        lower_copy_values(l, call, dst.view, &src);
        return;
    }
    Value tile = lower_value(l, via);
    if (tile.kind != VALUE_VIEW) return;
    lower_copy_values(l, call, tile.view, &src);
    lower_copy_values(l, call, dst.view, &tile);
}
