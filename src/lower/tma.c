/* Copies by the copy engines, one thread's instruction: tma.load, tma.store. What the engine can do
 * is checked here: boxes, element types, and that the shared tile lies as the engine writes it. */
#include "lower/tma.h"

enum { TMA_RANK = 5, TMA_EXTENT = 256, TMA_BYTES = 16, TMA_ALIGN = 128 };

static bool refuse(Lower *l, const Ast *node, const char *why)
{
    lower_error(l, TMA, node->span, why);
    return false;
}

/* ---- the window ------------------------------------------------------------------------------ */

static bool extent_fits(Lower *l, const Ast *node, const IrExpr *extent)
{
    if (!ir_is_const(extent)) {
        lower_error(l, NOT_CONSTANT, node->span);
        return false;
    }
    if (extent->value.i <= TMA_EXTENT) return true;
    return refuse(l, node,
                  lower_text(l,
                             "a window has at most %d elements in a dimension, and this has %lld",
                             TMA_EXTENT, (long long)extent->value.i));
}

/* Does the engine fill with zeros, or drop, just what lies outside of this bound? */
static bool is_edge(const View *v, const Bound *b)
{
    for (int d = 0; d < v->tensor->rank; d++)
        if (v->dim[d] == b->dim && v->offset[d] == b->offset && v->tensor->extents[d] == b->limit)
            return true;
    return false;
}

static bool take_window(Lower *l, const Ast *node, Box *box)
{
    const View *v = box->window;
    const IrTensor *t = v->tensor;
    int next = 0;
    box->rank = t->rank;
    if (t->space != IR_PARAM || v->reshaped || t->rank > TMA_RANK)
        return refuse(l, node, "it takes parameters of at most five dimensions, not reshaped");
    for (int d = 0; d < t->rank; d++) {
        if (v->dim[d] >= 0 && v->dim[d] != next++)
            return refuse(l, node, "a window's dimensions keep their order");
        box->at[d] = v->offset[d];
        box->extent[d] = v->dim[d] < 0 ? ir_index(l->k, 1) : v->extents[v->dim[d]];
        if (!extent_fits(l, node, box->extent[d])) return false;
    }
    for (int i = 0; i < v->bound_count; i++)
        if (!is_edge(v, &v->bounds[i]))
            return refuse(l, node, "it sees the tensor's own edges, and not those of a part of it");
    if (v->otherwise && !(ir_is_const(v->otherwise) && !scalar_bits(v->otherwise->value)))
        return refuse(l, node, "outside of the tensor it reads 0: write `else 0`");
    box->inner = box->extent[t->rank - 1]->value.i * vocab_elem(t->elem)->bits / 8;
    if (vocab_elem(t->elem)->bits >= 8 && box->inner % TMA_BYTES == 0) return true;
    return refuse(l, node,
                  lower_text(l, "a row of the window is a multiple of %d bytes, and this has %lld",
                             TMA_BYTES, (long long)box->inner));
}

/* ---- the shared tile ------------------------------------------------------------------------- */

/* Elements from one index of dimension d to the next, inside a panel; 0 where they differ. */
static int64_t pitch(const Box *box, int d)
{
    const IrTensor *t = box->tile->tensor;
    int64_t place = 1;
    for (int i = d + 1; i < t->rank && !t->layout; i++) place *= t->extents[i]->value.i;
    if (!t->layout) return place;
    place = 0;
    for (int i = 0; i < t->layout->count; i++) {
        const IrLayoutDigit *digit = &t->layout->digits[i];
        bool next_panel = d == t->rank - 1 && box->panel && digit->divide == box->panel;
        if (digit->dim != d || next_panel) continue;
        if (place || digit->divide != 1) return 0;
        place = digit->place;
    }
    return place;
}

/* Are the tile's rows cut into panels, as `layout swizzle` cuts long ones? Each is a box. */
static void take_panels(Box *box)
{
    const IrTensor *t = box->tile->tensor;
    const IrLayoutDigit *low = NULL, *high = NULL;
    for (int i = 0; t->layout && i < t->layout->count; i++) {
        const IrLayoutDigit *digit = &t->layout->digits[i];
        if (digit->dim == t->rank - 1 && digit->divide == 1) low = digit;
        if (digit->dim == t->rank - 1 && digit->divide > 1) high = digit;
    }
    if (!low || !high || low->place != 1 || low->extent != high->divide || high->extent) return;
    box->panel = low->extent;
    box->inner = low->extent * vocab_elem_bytes(t->elem);
}

static int log2_of(int64_t x)
{
    int bits = 0;
    while (x > 1) x >>= 1, bits++;
    return bits;
}

/* The engine exchanges the 16-byte parts of rows of 32, 64 or 128 bytes: bits 4 and up of the
 * address with bits 7 and up. */
static bool take_swizzle(Box *box)
{
    const IrLayout *layout = box->tile->tensor->layout;
    int shift = log2_of(vocab_elem_bytes(box->tile->tensor->elem));
    if (!layout || !layout->swizzle_bits) return true;
    box->swizzle = layout->swizzle_bits;
    return layout->swizzle_to + shift == 4 && layout->swizzle_from + shift == 7 &&
           box->swizzle <= 3 && box->inner == 16 << box->swizzle;
}

static const char *layout_advice(Lower *l, const Box *box)
{
    int bits = log2_of(box->inner / TMA_BYTES);
    int to = 4 - log2_of(vocab_elem_bytes(box->tile->tensor->elem));
    const char *name = box->tile->tensor->name->text;
    if (bits < 1 || bits > 3 || box->inner != 16 << bits)
        return lower_text(l,
                          "it writes the rows of `%s` one after another: declare it without a "
                          "layout, or with rows of 32, 64 or a multiple of 128 bytes and `swizzle`",
                          name);
    return lower_text(l,
                      "it writes the rows of `%s` one after another: declare it without a layout, "
                      "or with `layout swizzle(%d, %d, 3)`",
                      name, bits, to);
}

static bool is_whole(const View *v, int d)
{
    const IrExpr *extent = v->tensor->extents[d];
    return ir_is_const(extent) && v->extents[v->dim[d]] == extent && ir_is_int(v->offset[d], 0);
}

/* The tile's rows lie one after another from an aligned place on. */
static bool take_tile(Lower *l, const Ast *node, Box *box)
{
    const View *v = box->tile;
    const IrTensor *t = v->tensor;
    int64_t place = 1, bytes = vocab_elem_bytes(t->elem);
    int next = v->rank;
    bool aligned = true;
    take_panels(box);
    bool plain = take_swizzle(box);
    if (t->space != IR_SHARED || t->of || v->reshaped || v->bound_count)
        return refuse(l, node, "the other side is a whole shared tensor, or `s[i]` of one");
    for (int d = t->rank - 1; d >= 0; d--) {
        if (v->dim[d] < 0) {
            aligned &= pitch(box, d) * bytes % (TMA_ALIGN << box->swizzle) == 0;
            continue;
        }
        if (v->dim[d] != --next || !is_whole(v, d))
            return refuse(l, node, "the other side is a whole shared tensor, or `s[i]` of one");
        plain &= pitch(box, d) == place;
        place *= box->panel && d == t->rank - 1 ? box->panel : t->extents[d]->value.i;
    }
    aligned &= !box->panel || place * bytes % (TMA_ALIGN << box->swizzle) == 0;
    if (!plain) return refuse(l, node, layout_advice(l, box));
    if (aligned) return true;
    return refuse(l, node,
                  lower_text(l, "each tile of `%s` begins at a multiple of %d bytes", t->name->text,
                             TMA_ALIGN << box->swizzle));
}

static bool same_shape(Lower *l, const Box *box)
{
    for (int d = 0; d < box->window->rank; d++) {
        const IrExpr *a = box->window->extents[d], *b = box->tile->extents[d];
        if (a == b) continue;
        lower_error(
            l, SHAPE_MISMATCH, box->call->span,
            lower_text(l, "extent %s of dimension %d of the window", lower_expr_text(l, a), d),
            lower_text(l, "%s of the shared tile", lower_expr_text(l, b)));
        return false;
    }
    return true;
}

/* ---- statements ------------------------------------------------------------------------------ */

/* From element `column` of the rows on. */
static void append(Lower *l, const Box *box, int64_t column, const IrExpr *mbarrier,
                   const IrExpr *mask)
{
    const IrExpr *operands[2 * MAX_RANK + 3], *first[MAX_RANK], *index[MAX_RANK];
    const IrExpr *start = ir_index(l->k, column);
    int count = box->rank, last = box->rank - 1;
    for (int d = 0; d < count; d++) operands[d] = box->at[d];
    for (int d = 0; d < count; d++) operands[count + d] = box->extent[d];
    operands[last] = ir_binary(l->k, IR_ADD, operands[last], start);
    if (box->panel) operands[count + last] = ir_index(l->k, box->panel);
    count *= 2;
    for (int d = 0; d < box->tile->rank; d++)
        first[d] = d + 1 < box->tile->rank ? ir_index(l->k, 0) : start;
    lower_view_index(l, box->tile, first, index);
    operands[count++] = ir_load(l->k, box->tile->tensor, 1, index, NULL, NULL);
    if (mbarrier) operands[count++] = mbarrier;
    if (mask) operands[count++] = mask;
    lower_at(l, box->call);
    IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_BULK);
    stmt->flags = ir_cache_flags(box->window->cache);
    stmt->tensor = box->window->tensor;
    stmt->builtin = box->builtin;
    stmt->imm = box->swizzle;
    stmt->count = count;
    stmt->args = base_copy(l->arena, operands, (size_t)count * sizeof *operands);
    l->k->tensors.data[box->tile->tensor->id]->bulk = true;
    l->k->waits = true;
}

bool lower_box(Lower *l, Box *box)
{
    const Ast *args = KID(box->call, Call, args);
    int window = box->builtin == BUILTIN_TMA_STORE ? 0 : 1;
    return same_shape(l, box) && lower_check_policy(l, args->kid[window], box->window->cache) &&
           take_window(l, args->kid[window], box) && take_tile(l, args->kid[1 - window], box);
}

void lower_bulk(Lower *l, const Box *box, const IrExpr *mbarrier, const IrExpr *mask)
{
    int64_t row = box->extent[box->rank - 1]->value.i, step = box->panel ? box->panel : row;
    for (int64_t column = 0; column < row; column += step) append(l, box, column, mbarrier, mask);
}

/* The blocks of the cluster that get the tile, too; NULL: only the own one. */
static const IrExpr *mask_of(Lower *l, const Ast *args)
{
    if (args->count < 4 || !lower_has_cluster(l, args->kid[3], "tma.load(…, mask)")) return NULL;
    const IrExpr *mask = lower_index(l, args->kid[3]);
    lower_check_index(l, args->kid[3], mask, ir_index(l->k, (int64_t)1 << l->cluster));
    return l->k->cluster ? mask : NULL;
}

static void copy(Lower *l, const Ast *call, Builtin builtin)
{
    const Ast *args = KID(call, Call, args);
    bool load = builtin == BUILTIN_TMA_LOAD;
    Value dst = lower_value(l, args->kid[0]), src = lower_value(l, args->kid[1]);
    const IrExpr *index[MAX_RANK], *mbarrier = NULL, *mask = NULL;
    if (load) {
        const IrTensor *b = lower_mbarrier(l, args->kid[2], index);
        if (!b) return;
        mbarrier = ir_load(l->k, b, 1, index, NULL, NULL);
        mask = mask_of(l, args);
    }
    if (dst.kind != VALUE_VIEW || src.kind != VALUE_VIEW) return;
    Box box = {.call = call, .builtin = builtin};
    box.window = load ? src.view : dst.view;
    box.tile = load ? dst.view : src.view;
    if (l->group.size != 1) {
        lower_error(l, GROUP, call->span,
                    "one thread has the copy made, as in `on thread[0] { … }`");
        return;
    }
    if (lower_box(l, &box)) lower_bulk(l, &box, mbarrier, mask);
}

void lower_tma(Lower *l, const Ast *call)
{
    Builtin builtin = call->call->builtin;
    if (!lower_needs_arch(l, call, vocab_builtin(builtin)->text, 90)) return;
    if (builtin == BUILTIN_TMA_LOAD || builtin == BUILTIN_TMA_STORE) {
        copy(l, call, builtin);
    } else if (builtin == BUILTIN_TMA_COMMIT) {
        ir_append(l->k, l->block, IR_STMT_BULK_COMMIT);
    } else {
        int64_t groups;
        if (!lower_wait_groups(l, call, &groups)) return;
        lower_at(l, call);
        ir_append(l->k, l->block, IR_STMT_BULK_WAIT)->imm = groups;
    }
}
