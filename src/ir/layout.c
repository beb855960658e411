/* Where elements lie: offsets under layouts, and sizes. */
#include "ir/nodes.h"

static const IrExpr *add(IrKernel *k, const IrExpr *sum, const IrExpr *term)
{
    return sum ? ir_binary(k, IR_ADD, sum, term) : term;
}

static const IrExpr *mul(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    return ir_binary(k, IR_MUL, a, b);
}

/* Row-major over `extents`, as a sum of products so that each part can leave a loop alone. */
static const IrExpr *row_major(IrKernel *k, int rank, const IrExpr *const *extents,
                               const IrExpr *const *index)
{
    const IrExpr *terms[MAPPING_MAX_RANK + 2], *place = ir_index(k, 1), *sum = NULL;
    for (int i = rank - 1; i >= 0; i--) {
        terms[i] = mul(k, index[i], place);
        if (i) place = mul(k, place, extents[i]);
    }
    for (int i = 0; i < rank; i++) sum = add(k, sum, terms[i]);
    return sum ? sum : ir_index(k, 0);
}

/* Moves the terms of `from` that `unit` divides, and what it divides of the constant, to `to`. */
static void take_multiples(Linear *from, int64_t unit, Linear *to)
{
    int kept = 0;
    for (int i = 0; i < from->count; i++) {
        int64_t factor = ir_multiple(from->terms[i].atom);
        bool whole = ((__int128)factor * from->terms[i].coef) % unit == 0;
        if (whole)
            to->terms[to->count++] = from->terms[i];
        else
            from->terms[kept++] = from->terms[i];
    }
    from->count = kept;
    int64_t low = base_floor_mod(from->constant, unit);
    to->constant = from->constant - low;
    from->constant = low;
}

/* The exclusive or changes `bits` bits from `to` on. What lies above them in the sum can be added
 * afterwards, and so can what lies below them: elements that a swizzle keeps together stay
 * consecutive, and a counter of whole periods costs an addition. */
static const IrExpr *swizzled(IrKernel *k, const IrLayout *layout, const IrExpr *sum)
{
    int64_t unit = (int64_t)1 << layout->swizzle_to;
    int64_t period = (int64_t)1 << layout->swizzle_bits;
    const IrExpr *line = ir_binary(k, IR_DIV, sum, ir_index(k, (int64_t)1 << layout->swizzle_from));
    const IrExpr *key = ir_binary(k, IR_MOD, line, ir_index(k, period));
    Linear low = {0}, middle = {0}, high = {0};
    if (layout->swizzle_from < layout->swizzle_to || !ir_linear_add(&low, sum, 1))
        return ir_binary(k, IR_BITXOR, sum, ir_binary(k, IR_MUL, key, ir_index(k, unit)));
    take_multiples(&low, unit * period, &high);
    take_multiples(&low, unit, &middle);
    Interval below = ir_linear_range(&low);
    const IrExpr *rest = ir_linear_build(k, &low), *units = ir_linear_build(k, &middle);
    if (below.lo < 0 || below.hi >= unit) {
        units = ir_binary(k, IR_ADD, units, rest);
        rest = ir_binary(k, IR_MOD, units, ir_index(k, unit));
    }
    units = ir_binary(k, IR_DIV, units, ir_index(k, unit));
    const IrExpr *moved = ir_binary(k, IR_BITXOR, units, key);
    moved = ir_binary(k, IR_MUL, moved, ir_index(k, unit));
    moved = ir_binary(k, IR_ADD, moved, rest);
    return ir_binary(k, IR_ADD, moved, ir_linear_build(k, &high));
}

static const IrExpr *by_digits(IrKernel *k, const IrLayout *layout, const IrExpr *const *index)
{
    const IrExpr *sum = NULL;
    for (int i = 0; i < layout->count; i++) {
        const IrLayoutDigit *d = &layout->digits[i];
        const IrExpr *v = index[d->dim];
        if (d->divide > 1) v = ir_binary(k, IR_DIV, v, ir_index(k, d->divide));
        if (d->extent) v = ir_binary(k, IR_MOD, v, ir_index(k, d->extent));
        sum = add(k, sum, mul(k, v, ir_index(k, d->place)));
    }
    if (!sum) return ir_index(k, 0);
    return layout->swizzle_bits ? swizzled(k, layout, sum) : sum;
}

int64_t ir_default_swizzle(IrLayout *layout, Elem elem, int64_t extent, int64_t pad, int bytes)
{
    int64_t bits = vocab_elem(elem)->bits, whole = 16 * 8 / bits, line = extent + pad;
    int64_t unit = bytes * 8 > bits ? bytes * 8 / bits : 1;
    if (line % whole && line > whole && pad == 0) line += whole - line % whole;
    int64_t units = line > 0 && line % unit == 0 ? line / unit : 1;
    int free = __builtin_ctzll((uint64_t)units),
        most = __builtin_ctzll(1024 / (uint64_t)(unit * bits));
    layout->swizzle_to = __builtin_ctzll((uint64_t)unit);
    layout->swizzle_bits = free < most ? free : most;
    layout->swizzle_from = layout->swizzle_to + (free < most ? most : free);
    return line;
}

static const IrExpr *by_strides(IrKernel *k, const IrTensor *t, const IrExpr *const *index)
{
    const IrExpr *sum = NULL;
    for (int i = 0; i < t->rank; i++) sum = add(k, sum, mul(k, index[i], t->strides[i]));
    return sum ? sum : ir_index(k, 0);
}

/* Undistributed dimensions, then the slot, which is the last index given. */
static const IrExpr *tile_offset(IrKernel *k, const IrTensor *t, const IrExpr *const *index)
{
    int lead = t->rank - t->over->rank;
    const IrExpr *extents[MAPPING_MAX_RANK + 2];
    for (int i = 0; i < lead; i++) extents[i] = t->extents[i];
    extents[lead] = ir_index(k, t->over->steps);
    return row_major(k, lead + 1, extents, index);
}

const IrExpr *ir_offset(IrKernel *k, const IrTensor *t, const IrExpr *const *index)
{
    if (t->rank > MAPPING_MAX_RANK)
        base_internal(base_arena_escape(k->arena), "offset in a tensor of rank %d", t->rank);
    if (t->of) {
        const IrExpr *block = mul(k, index[0], ir_index(k, IR_BLOCK_SPAN));
        return add(k, block, ir_offset(k, t->of, index + 1));
    }
    if (t->space == IR_TILE && t->over) return tile_offset(k, t, index);
    if (t->layout) return by_digits(k, t->layout, index);
    if (t->strides) return by_strides(k, t, index);
    return row_major(k, t->rank, t->extents, index);
}

static int64_t product(int count, const IrExpr *const *extents)
{
    int64_t size = 1;
    for (int i = 0; i < count; i++)
        if (!ir_is_const(extents[i]) || !base_mul(size, extents[i]->value.i, &size)) return -1;
    return size;
}

int64_t ir_tile_slots(const IrTensor *tile)
{
    if (!tile->over) return product(tile->rank, tile->extents);
    int64_t lead = product(tile->rank - tile->over->rank, tile->extents), slots;
    return lead >= 0 && base_mul(lead, tile->over->steps, &slots) ? slots : -1;
}

int64_t ir_tensor_size(const IrTensor *t)
{
    if (t->storage) return ir_is_const(t->storage) ? t->storage->value.i : -1;
    return t->layout ? t->layout->size : product(t->rank, t->extents);
}

const IrExpr *ir_tensor_elements(IrKernel *k, const IrTensor *t)
{
    int64_t size = ir_tensor_size(t);
    if (size >= 0) return ir_index(k, size);
    const IrExpr *elements = t->storage ? t->storage : ir_index(k, 1);
    for (int i = 0; i < t->rank && !t->storage; i++) elements = mul(k, elements, t->extents[i]);
    return elements;
}
