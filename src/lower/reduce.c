/* reduce[f](dst, src, k): along dimension k of a distributed tile.
 *
 * Each thread first combines its own elements in order of k; then the threads that share the rest
 * of the coordinates combine: by a butterfly of shuffles inside a warp, lower digit first, the
 * operand of the lower k on the left; across warps through a shared array, in order. Every replica
 * of the result gets the same bits. */
#include "lower/internal.h"

typedef struct Reduction {
    const Ast *node;
    const View *dst, *src;
    const Mapping *over; /* the source's */
    const Mapping *rest; /* over.drop(k) */
    int dim;
    Value fn;
    bool commutes;
} Reduction;

static const IrExpr *combine(Lower *l, const Reduction *r, const IrExpr *a, const IrExpr *b)
{
    Value args[2] = {value_expr(a), value_expr(b)};
    Value result = lower_apply(l, &r->fn, 2, args, r->node);
    return result.kind == VALUE_EXPR ? result.expr : a;
}

/* Coordinates of the source with `k_at` put in at the reduced dimension. */
static void with_dim(const Reduction *r, const IrExpr *const *rest, const IrExpr *k_at,
                     const IrExpr **out)
{
    for (int d = 0, from = 0; d < r->over->rank; d++) out[d] = d == r->dim ? k_at : rest[from++];
}

/* The thread's own elements along k: one for each combination of the time digits of dimension k,
 * in increasing order. */
static int own_offsets(const Reduction *r, int64_t *offsets, int limit)
{
    int count = 1;
    offsets[0] = 0;
    for (int i = 0; i < r->over->time_count; i++) {
        const MappingDigit *d = &r->over->time[i];
        if (d->dim != r->dim) continue;
        if (count * d->extent > limit) return -1;
        for (int j = (int)(count * d->extent) - 1; j >= 0; j--)
            offsets[j] = offsets[j / d->extent] + (j % d->extent) * d->stride;
        count *= (int)d->extent;
    }
    return count;
}

static const IrExpr *own_part(Lower *l, const Reduction *r, const IrExpr *const *rest,
                              const IrExpr *k_base, const int64_t *offsets, int count)
{
    const IrExpr *index[MAX_RANK], *sum = NULL;
    for (int i = 0; i < count; i++) {
        with_dim(r, rest, ir_binary(l->k, IR_ADD, k_base, ir_index(l->k, offsets[i])), index);
        const IrExpr *e = lower_load(l, r->src, index, NULL);
        sum = sum ? combine(l, r, sum, e) : e;
        if (i % 8 == 7) sum = lower_pin(l, lower_name(l, "partial"), sum);
    }
    return lower_pin(l, lower_name(l, "partial"), sum);
}

static const IrExpr *butterfly(Lower *l, const Reduction *r, const IrExpr *value, int64_t mask)
{
    const IrExpr *operands[2] = {value, ir_int(l->k, ELEM_I32, mask)};
    IrVar *var = ir_new_var(l->k, lower_name(l, "other"), value->type, false);
    IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_COLLECTIVE);
    stmt->var = var;
    stmt->builtin = BUILTIN_SHUFFLE_XOR;
    stmt->scope = IR_SCOPE_WARP;
    stmt->count = 2;
    stmt->args = base_copy(l->arena, operands, sizeof operands);
    const IrExpr *other = ir_var(l->k, var), *a = value, *b = other;
    if (!r->commutes) {
        const IrExpr *bit = ir_binary(l->k, IR_DIV, l->group.thread, ir_index(l->k, mask));
        bit = ir_binary(l->k, IR_MOD, bit, ir_index(l->k, 2));
        const IrExpr *upper = ir_binary(l->k, IR_EQ, bit, ir_index(l->k, 1));
        a = ir_select(l->k, upper, other, value);
        b = ir_select(l->k, upper, value, other);
    }
    return lower_pin(l, lower_name(l, "partial"), combine(l, r, a, b));
}

static bool is_power(int64_t x)
{
    return (x & (x - 1)) == 0;
}

/* How many of a worker digit's values lie within one warp, where a butterfly can do them. */
static int64_t inner_extent(const MappingDigit *d)
{
    if (d->place >= WARP_THREADS || !is_power(d->place) || !is_power(d->extent)) return 1;
    int64_t room = WARP_THREADS / d->place;
    return d->extent < room ? d->extent : room;
}

static const IrExpr *within_warps(Lower *l, const Reduction *r, const IrExpr *value)
{
    for (int i = r->over->worker_count - 1; i >= 0; i--) {
        const MappingDigit *d = &r->over->worker[i];
        if (d->dim != r->dim) continue;
        for (int64_t m = 1; m < inner_extent(d); m *= 2)
            value = butterfly(l, r, value, m * d->place);
    }
    return value;
}

/* Value of the digit of size `extent` at `place` in the thread's index. */
static const IrExpr *digit_of(Lower *l, int64_t place, int64_t extent)
{
    const IrExpr *digit = ir_binary(l->k, IR_DIV, l->group.thread, ir_index(l->k, place));
    return ir_binary(l->k, IR_MOD, digit, ir_index(l->k, extent));
}

/* ---- across warps -----------------------------------------------------------------------------
 */

/* What is left after the butterflies: the value's number among those to combine. */
static const IrExpr *outer_digit(Lower *l, const Reduction *r, int64_t *extent)
{
    const IrExpr *number = ir_index(l->k, 0);
    *extent = 1;
    for (int i = 0; i < r->over->worker_count; i++) {
        const MappingDigit *d = &r->over->worker[i];
        int64_t inner = inner_extent(d), outer = d->extent / inner;
        if (d->dim != r->dim || outer == 1) continue;
        const IrExpr *digit = digit_of(l, d->place * inner, outer);
        number = ir_binary(l->k, IR_MUL, number, ir_index(l->k, outer));
        number = ir_binary(l->k, IR_ADD, number, digit);
        *extent *= outer;
    }
    return number;
}

/* True for one thread among those that hold the same partial result; NULL if each is alone. */
static const IrExpr *speaks(Lower *l, const Reduction *r)
{
    const IrExpr *all = NULL, *zero = ir_index(l->k, 0);
    for (int i = 0; i < r->over->worker_count; i++) {
        const MappingDigit *d = &r->over->worker[i];
        int64_t same = d->dim == r->dim ? inner_extent(d) : d->dim < 0 ? d->extent : 1;
        if (same == 1) continue;
        const IrExpr *first = ir_binary(l->k, IR_EQ, digit_of(l, d->place, same), zero);
        all = all ? ir_binary(l->k, IR_AND, all, first) : first;
    }
    return all;
}

static const View *scratch(Lower *l, const Reduction *r, int64_t parts)
{
    const IrExpr *shape[MAX_RANK + 1];
    for (int d = 0; d < r->rest->rank; d++) shape[d] = ir_index(l->k, r->rest->shape[d]);
    shape[r->rest->rank] = ir_index(l->k, parts);
    IrTensor *t = ir_new_tensor(l->k, lower_name(l, "partials"), IR_SHARED, r->src->tensor->elem,
                                r->rest->rank + 1, shape);
    t->scope = l->scope;
    t->read = t->written = true;
    return lower_whole(l, t);
}

static const IrExpr *collect_parts(Lower *l, const Reduction *r, const View *shared,
                                   const IrExpr *const *coords, int64_t parts)
{
    const IrExpr *index[MAX_RANK + 1], *sum = NULL;
    memcpy(index, coords, (size_t)r->rest->rank * sizeof *coords);
    for (int64_t p = 0; p < parts; p++) {
        index[r->rest->rank] = ir_index(l->k, p);
        const IrExpr *e = lower_load(l, shared, index, NULL);
        sum = sum ? combine(l, r, sum, e) : e;
    }
    return sum;
}

static void across_warps(Lower *l, const Reduction *r, const IrExpr *const *partials,
                         const IrExpr *number, int64_t parts)
{
    const View *shared = scratch(l, r, parts);
    const IrExpr *coords[MAX_RANK + 1], *speaker = speaks(l, r);
    lower_barrier(l, true);
    IrBlock *outer = l->block;
    if (speaker) l->block = ir_if(l->k, outer, speaker, false)->body;
    for (int64_t s = 0; s < r->rest->steps; s++) {
        lower_coords(l, r->rest, lower_worker(l, 1), s, coords);
        coords[r->rest->rank] = number;
        lower_store(l, shared, coords, partials[s]);
    }
    l->block = outer;
    lower_barrier(l, false);
    for (int64_t s = 0; s < r->rest->steps; s++) {
        lower_coords(l, r->rest, lower_worker(l, 1), s, coords);
        lower_store(l, r->dst, coords, collect_parts(l, r, shared, coords, parts));
    }
    lower_barrier(l, true);
}

/* ---- the verb ----------------------------------------------------------------------------------
 */

static bool commutes(const Value *fn)
{
    if (fn->fn->kind == SYMBOL_BUILTIN) return true; /* min, max */
    return fn->fn->kind == SYMBOL_FN_OP && (vocab_op(fn->fn->op)->flags & OP_COMMUTES);
}

static bool prepare(Lower *l, const Ast *node, Reduction *r)
{
    const Ast *args = KID(node, Call, args);
    if (args->count != 3 || node->call->bracket_count != 1) return false;
    Value dst = lower_value(l, args->kid[0]), src = lower_value(l, args->kid[1]);
    int64_t dim;
    r->fn = lower_value(l, node->call->brackets[0]);
    if (!lower_int(l, args->kid[2], &dim)) return false;
    if (dst.kind != VALUE_VIEW || src.kind != VALUE_VIEW || r->fn.kind != VALUE_FN) return false;
    r->node = node;
    r->dst = dst.view;
    r->src = src.view;
    r->over = lower_over(l, src.view, args->kid[1]);
    if (!r->over && src.view->tensor->over) return false;
    r->dim = (int)dim;
    r->commutes = commutes(&r->fn);
    if (!r->over || !r->dst->tensor->over || r->src->rank != r->over->rank) {
        lower_error(l, NOT_A_TILE, node->span);
        return false;
    }
    MappingError error = {0};
    r->rest = mapping_drop(l->arena, r->over, r->dim, &error);
    if (!r->rest) {
        lower_error(l, REDUCE, args->kid[2]->span, error.message);
        return false;
    }
    if (mapping_equal(r->rest, r->dst->tensor->over)) return true;
    Diag *diag = lower_error(l, REDUCE, args->kid[0]->span,
                             "the result's mapping is not the source's without that dimension");
    diag_note(l->diags, diag,
              "the result lies over `%s`; the source without dimension %d over `%s`",
              lower_mapping_text(l, r->dst->tensor->over), r->dim, lower_mapping_text(l, r->rest));
    return false;
}

void lower_reduce(Lower *l, const Ast *node)
{
    enum { MOST = 1024 };
    Reduction r = {0};
    int64_t offsets[MOST], parts;
    if (l->group.single) {
        Diag *diag = lower_error(l, SYNC_IN_THREAD, node->span);
        diag_label(l->diags, diag, l->group.span, "from here on each thread runs for itself");
        return;
    }
    if (!prepare(l, node, &r)) return;
    lower_at(l, node);
    int count = own_offsets(&r, offsets, MOST);
    if (count < 0) {
        lower_error(l, REDUCE, node->span,
                    "a thread holds more than 1024 elements along that dimension");
        return;
    }
    MappingIndexOps ops = lower_mapping_ops(l);
    const IrExpr *worker = lower_worker(l, 1);
    void *w;
    memcpy(&w, &worker, sizeof w);
    const IrExpr *k_base = mapping_index_worker_part(r.over, r.dim, &ops, w);
    const IrExpr *number = outer_digit(l, &r, &parts);
    const IrExpr **partials = NEW_ARRAY(l->arena, const IrExpr *, (size_t)r.rest->steps);
    for (int64_t s = 0; s < r.rest->steps; s++) {
        const IrExpr *rest[MAX_RANK];
        lower_coords(l, r.rest, worker, s, rest);
        partials[s] = within_warps(l, &r, own_part(l, &r, rest, k_base, offsets, count));
        if (parts == 1) lower_store(l, r.dst, rest, partials[s])->flags |= IR_AGREED;
    }
    if (parts > 1) across_warps(l, &r, partials, number, parts);
}
