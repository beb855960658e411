/* Views: slices, windows, transposition, element access with guards. */
#include "lower/internal.h"

static const IrExpr *add(Lower *l, const IrExpr *a, const IrExpr *b)
{
    return ir_binary(l->k, IR_ADD, a, b);
}

const View *lower_whole(Lower *l, const IrTensor *tensor)
{
    View *view = NEW(l->arena, View);
    view->tensor = tensor;
    view->rank = tensor->rank;
    for (int d = 0; d < tensor->rank; d++) {
        view->extents[d] = tensor->extents[d];
        view->offset[d] = ir_index(l->k, 0);
        view->dim[d] = d;
    }
    return view;
}

/* Dimensions that offsets apply to: the tensor's, or those it was reshaped to. */
static int inner_rank(const View *view)
{
    return view->reshaped ? view->reshaped : view->tensor->rank;
}

/* From coordinates in the reshaped extents to the tensor's own, through the linear index. */
static void unshape(Lower *l, const View *view, const IrExpr *const *at, const IrExpr **out)
{
    const IrExpr *linear = at[0];
    for (int d = 1; d < view->reshaped; d++)
        linear = add(l, ir_binary(l->k, IR_MUL, linear, view->shape[d]), at[d]);
    for (int d = view->tensor->rank - 1; d >= 0; d--) {
        const IrExpr *extent = view->tensor->extents[d];
        out[d] = d == 0 ? linear : ir_binary(l->k, IR_MOD, linear, extent);
        linear = ir_binary(l->k, IR_DIV, linear, extent);
    }
}

void lower_view_index(Lower *l, const View *view, const IrExpr *const *index, const IrExpr **out)
{
    const IrExpr *at[MAX_RANK] = {NULL}, **to = view->reshaped ? at : out;
    for (int d = 0; d < inner_rank(view); d++)
        to[d] = view->dim[d] < 0 ? view->offset[d] : add(l, view->offset[d], index[view->dim[d]]);
    if (view->reshaped) unshape(l, view, at, out);
}

static const IrExpr *conjunction(Lower *l, const IrExpr *all, const IrExpr *at, const IrExpr *limit)
{
    const IrExpr *low = ir_binary(l->k, IR_GE, at, ir_index(l->k, 0));
    const IrExpr *high = ir_binary(l->k, IR_LT, at, limit);
    const IrExpr *both = ir_binary(l->k, IR_AND, low, high);
    return all ? ir_binary(l->k, IR_AND, all, both) : both;
}

/* True where the element exists: inside every window and, if asked, inside the view's extents.
 * NULL if that is certain. */
static const IrExpr *when_inside(Lower *l, const View *view, const IrExpr *const *index,
                                 bool extents_too)
{
    const IrExpr *all = NULL;
    for (int i = 0; i < view->bound_count; i++) {
        const Bound *b = &view->bounds[i];
        const IrExpr *at = b->dim < 0 ? b->offset : add(l, b->offset, index[b->dim]);
        all = conjunction(l, all, at, b->limit);
    }
    for (int d = 0; extents_too && d < view->rank; d++)
        all = conjunction(l, all, index[d], view->extents[d]);
    return all && ir_is_const(all) && all->value.i ? NULL : all;
}

/* The CPU's caches take no hints. */
static uint32_t cache_flags(const Lower *l, const View *view)
{
    return l->options->cpu ? 0 : ir_cache_flags(view->cache);
}

bool lower_check_policy(Lower *l, const Ast *node, Cache cache)
{
    if (!cache || vocab_cache(cache)->policy) return true;
    lower_error(l, CACHE, node->span, vocab_cache(cache)->text,
                "an asynchronous copy is a matter of L2; it takes `streaming`, `evict_first` or "
                "`evict_last`");
    return false;
}

const IrExpr *lower_load(Lower *l, const View *view, const IrExpr *const *index,
                         const IrExpr *otherwise)
{
    const IrExpr *at[MAX_RANK];
    lower_view_index(l, view, index, at);
    uint32_t flags = cache_flags(l, view);
    if (!otherwise && !view->otherwise)
        return ir_load_with(l->k, view->tensor, 1, flags, at, NULL, NULL);
    /* A padded view reads its padding outside; `else` at the access overrides it. */
    const IrExpr *guard = when_inside(l, view, index, true);
    if (!otherwise) otherwise = view->otherwise;
    return ir_load_with(l->k, view->tensor, 1, flags, at, guard, guard ? otherwise : NULL);
}

IrStmt *lower_store(Lower *l, const View *view, const IrExpr *const *index, const IrExpr *value)
{
    const IrExpr *at[MAX_RANK];
    lower_view_index(l, view, index, at);
    const IrExpr *inside = when_inside(l, view, index, false);
    IrStmt *store = ir_store(l->k, l->block, view->tensor, at, value, inside);
    store->flags |= cache_flags(l, view);
    return store;
}

/* Dimension `dim` of the view is fixed at `at`: later dimensions move down. */
static void fix_dim(Lower *l, View *view, int dim, const IrExpr *at)
{
    for (int d = 0; d < inner_rank(view); d++) {
        if (view->dim[d] == dim) {
            view->offset[d] = add(l, view->offset[d], at);
            view->dim[d] = -1;
        } else if (view->dim[d] > dim) {
            view->dim[d]--;
        }
    }
    for (int i = 0; i < view->bound_count; i++) {
        Bound *b = &view->bounds[i];
        if (b->dim == dim) {
            b->offset = add(l, b->offset, at);
            b->dim = -1;
        } else if (b->dim > dim) {
            b->dim--;
        }
    }
    for (int d = dim; d + 1 < view->rank; d++) view->extents[d] = view->extents[d + 1];
    view->rank--;
}

static void shift_dim(Lower *l, View *view, int dim, const IrExpr *by)
{
    for (int d = 0; d < inner_rank(view); d++)
        if (view->dim[d] == dim) view->offset[d] = add(l, view->offset[d], by);
    for (int i = 0; i < view->bound_count; i++)
        if (view->bounds[i].dim == dim) view->bounds[i].offset = add(l, view->bounds[i].offset, by);
}

void lower_check_index(Lower *l, const Ast *node, const IrExpr *at, const IrExpr *extent)
{
    if (!ir_is_const(extent)) return;
    bool below = at->hi != INT64_MAX && at->hi < 0;
    bool above = at->lo != INT64_MIN && at->lo >= extent->value.i;
    if (below || above)
        lower_error(l, OUT_OF_BOUNDS, node->span, lower_expr_text(l, at),
                    lower_number(l, extent->value.i));
}

Value lower_index_view(Lower *l, const View *view, const Ast *list)
{
    if ((int)list->count > view->rank) return value_poison(); /* reported by sema */
    bool element = (int)list->count == view->rank;
    for (uint32_t i = 0; i < list->count; i++)
        element &= list->kid[i]->kind != AST_Range && list->kid[i]->kind != AST_Hole;
    if (element) {
        const IrExpr *index[MAX_RANK];
        for (uint32_t i = 0; i < list->count; i++) {
            index[i] = lower_index(l, list->kid[i]);
            if (!view->otherwise) lower_check_index(l, list->kid[i], index[i], view->extents[i]);
        }
        lower_at(l, list);
        return value_expr(lower_load(l, view, index, NULL));
    }
    View *result = base_copy(l->arena, view, sizeof *view);
    int dim = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const Ast *arg = list->kid[i];
        if (arg->kind == AST_Hole) {
            dim++;
        } else if (arg->kind == AST_Range) {
            const Ast *lo = KID(arg, Range, lo), *hi = KID(arg, Range, hi);
            const IrExpr *from = lo ? lower_index(l, lo) : ir_index(l->k, 0);
            const IrExpr *to = hi ? lower_index(l, hi) : result->extents[dim];
            shift_dim(l, result, dim, from);
            result->extents[dim++] = ir_binary(l->k, IR_SUB, to, from);
        } else {
            fix_dim(l, result, dim, lower_index(l, arg));
        }
    }
    return value_view(result);
}

const View *lower_window(Lower *l, const View *view, const IrExpr *const *extents,
                         const IrExpr *const *offsets)
{
    View *result = base_copy(l->arena, view, sizeof *view);
    for (int d = 0; d < view->rank; d++) {
        shift_dim(l, result, d, offsets[d]);
        Bound bound = {d, offsets[d], view->extents[d]};
        result->extents[d] = extents[d];
        if (result->bound_count < (int)BASE_LEN(result->bounds))
            result->bounds[result->bound_count++] = bound;
        else
            base_internal(base_arena_escape(l->arena), "too many nested windows");
    }
    return result;
}

const View *lower_transpose(Lower *l, const View *view, const int *order)
{
    View *result = base_copy(l->arena, view, sizeof *view);
    int place[MAX_RANK];
    for (int i = 0; i < view->rank; i++) {
        result->extents[i] = view->extents[order[i]];
        place[order[i]] = i;
    }
    for (int d = 0; d < inner_rank(view); d++)
        if (view->dim[d] >= 0) result->dim[d] = place[view->dim[d]];
    for (int i = 0; i < view->bound_count; i++)
        if (view->bounds[i].dim >= 0) result->bounds[i].dim = place[view->bounds[i].dim];
    return result;
}

const View *lower_reshape(Lower *l, const View *view, int rank, const IrExpr *const *extents)
{
    View *result = NEW(l->arena, View);
    result->tensor = view->tensor;
    result->cache = view->cache;
    result->reshaped = result->rank = rank;
    for (int d = 0; d < rank; d++) {
        result->extents[d] = result->shape[d] = extents[d];
        result->offset[d] = ir_index(l->k, 0);
        result->dim[d] = d;
    }
    return result;
}

/* The view's dimensions are the tile's distributed ones, perhaps after leading ones: dimension i of
 * the view's is dims[i] of the tile's. */
static bool find_dims(const View *view, int lead, int rank, int *dims)
{
    for (int i = 0; i < rank; i++) dims[i] = -1;
    for (int d = 0; d < rank; d++) {
        int i = view->dim[lead + d] - (view->rank - rank);
        if (view->reshaped || i < 0 || i >= rank) return false;
        dims[i] = d;
    }
    for (int i = 0; i < rank; i++)
        if (dims[i] < 0) return false;
    return true;
}

const Mapping *lower_over(Lower *l, const View *view, const Ast *at)
{
    const Mapping *m = view->tensor->over;
    int dims[MAX_RANK];
    if (!m || view->rank < m->rank) return m;
    if (!find_dims(view, view->tensor->rank - m->rank, m->rank, dims)) return m;
    int64_t extents[MAX_RANK];
    bool part = false, turned = false;
    for (int i = 0; i < m->rank; i++) {
        const IrExpr *extent = view->extents[view->rank - m->rank + i];
        if (!ir_is_const(extent)) return m;
        extents[dims[i]] = extent->value.i;
        part |= extent->value.i != m->shape[dims[i]];
        turned |= dims[i] != i;
    }
    MappingError error = {0};
    if (part) m = mapping_part(l->arena, m, extents, l->group.size, &error);
    if (m && turned) m = mapping_transpose(l->arena, m, dims, &error);
    if (!m && at) lower_error(l, MAPPING_INVALID, at->span, error.message);
    return m;
}
