/* Layouts: how a shared or private tensor's elements lie. `row`, `col`, `pad`, `swizzle` and
 * one-worker mappings, composed left to right, become digits of a linear offset. */
#include "lower/internal.h"

typedef struct Plan {
    int rank;
    const int64_t *extents;
    Elem elem;
    int order[MAX_RANK]; /* dimensions, slowest first */
    int64_t pad;         /* elements added to each line (the fastest dimension's run) */
    const Mapping *mapping;
    bool swizzle;
    int swizzle_bits, swizzle_from, swizzle_to;
    int chosen;    /* see IrLayout */
    int64_t panel; /* elements of a line that lie together, before the next line's; 0: all */
} Plan;

/* See `ir_default_swizzle`. Lines of several times 128 bytes are cut into panels of 128 bytes, one
 * panel of all lines after the other: the tensor copy engine and wgmma know a swizzle within 128
 * bytes only (PTX ISA, "Shared Memory Matrix Layout"), and theirs is then ours. */
static void default_swizzle(Lower *l, Plan *plan)
{
    int number = l->swizzles++, bytes = 16;
    if (number < l->options->swizzle_count && l->options->swizzle_bytes[number])
        bytes = l->options->swizzle_bytes[number];
    plan->chosen = number + 1;
    IrLayout swizzle = {0};
    int64_t extent = plan->extents[plan->order[plan->rank - 1]];
    int64_t panel = 128 * 8 / vocab_elem(plan->elem)->bits;
    if (extent > panel && extent % panel == 0 && !plan->pad && !plan->mapping && plan->rank > 1 &&
        plan->extents[plan->order[plan->rank - 2]] > 1)
        plan->panel = extent = panel;
    int64_t line = ir_default_swizzle(&swizzle, plan->elem, extent, plan->pad, bytes);
    if (!plan->mapping) plan->pad = line - extent;
    plan->swizzle_bits = swizzle.swizzle_bits;
    plan->swizzle_from = swizzle.swizzle_from;
    plan->swizzle_to = swizzle.swizzle_to;
}

static void given_swizzle(Lower *l, const Ast *word, const int64_t *value, Plan *plan)
{
    bool small = value[0] <= 32 && value[1] <= 32 && value[2] <= 32;
    if (!small || KID(word, LayoutWord, args)->count != 3 || value[0] < 1 || value[1] < 0 ||
        value[2] < 1) {
        lower_error(l, LAYOUT, word->span,
                    "`swizzle` takes nothing, or three numbers: how many bits (at least 1), from "
                    "which on (at least 0), and by how many they are shifted (at least 1)");
        return;
    }
    plan->swizzle_bits = (int)value[0];
    plan->swizzle_from = (int)(value[1] + value[2]);
    plan->swizzle_to = (int)value[1];
}

static void layout_word(Lower *l, const Ast *word, Plan *plan)
{
    const char *name = word->name->text;
    const Ast *args = KID(word, LayoutWord, args);
    int64_t value[3] = {0};
    for (uint32_t i = 0; i < args->count && i < 3; i++)
        if (!lower_int(l, args->kid[i], &value[i])) return;
    if (strcmp(name, "row") == 0) {
        for (int d = 0; d < plan->rank; d++) plan->order[d] = d;
    } else if (strcmp(name, "col") == 0) {
        /* of the last two dimensions; leading ones stay slowest */
        if (plan->rank >= 2) {
            plan->order[plan->rank - 2] = plan->rank - 1;
            plan->order[plan->rank - 1] = plan->rank - 2;
        }
    } else if (strcmp(name, "pad") == 0) {
        if (args->count != 1 || value[0] < 0)
            lower_error(l, LAYOUT, word->span,
                        "`pad(n)` takes the number of elements added to a line");
        plan->pad = value[0];
    } else if (strcmp(name, "swizzle") == 0) {
        plan->swizzle = true;
        if (args->count) given_swizzle(l, word, value, plan);
    } else {
        lower_error(l, LAYOUT, word->span, lower_text(l, "`%s` is for kernel parameters", name));
    }
}

static void layout_mapping(Lower *l, const Ast *part, Plan *plan)
{
    const Mapping *m = lower_mapping_solved(l, part, plan->rank, plan->extents, 1);
    if (!m) return;
    if (m->workers != 1 || m->steps < 1) {
        lower_error(l, LAYOUT, part->span,
                    lower_text(l, "a layout is a mapping of one worker, but `%s` has %lld",
                               lower_mapping_text(l, m), (long long)m->workers));
        return;
    }
    for (int d = 0; d < plan->rank; d++)
        if (m->rank != plan->rank || m->shape[d] != plan->extents[d]) {
            lower_error(
                l, LAYOUT, part->span,
                lower_text(l, "`%s` does not have the tensor's shape", lower_mapping_text(l, m)));
            return;
        }
    plan->mapping = m;
}

/* Digits of what is no mapping, fastest first; how many. *size: elements of storage. */
static int lines(const Plan *plan, IrLayoutDigit *digits, int64_t *size)
{
    int count = 0, fastest = plan->rank - 1;
    int64_t place = 1;
    for (int i = fastest; i >= 0; i--) {
        int d = plan->order[i];
        bool cut = i == fastest && plan->panel;
        digits[count++] = (IrLayoutDigit){d, 1, cut ? plan->panel : 0, place};
        place *= cut ? plan->panel : plan->extents[d] + (i == fastest ? plan->pad : 0);
        if (!plan->panel || i != fastest - 1) continue;
        d = plan->order[fastest];
        digits[count++] = (IrLayoutDigit){d, plan->panel, 0, place};
        place *= plan->extents[d] / plan->panel;
    }
    *size = place;
    return count;
}

static const IrLayout *build(Lower *l, const Plan *plan)
{
    IrLayout *layout = NEW(l->arena, IrLayout);
    IrLayoutDigit *digits;
    if (plan->mapping) {
        const Mapping *m = plan->mapping;
        digits = NEW_ARRAY(l->arena, IrLayoutDigit, (size_t)m->time_count + 1);
        for (int i = 0; i < m->time_count; i++) {
            const MappingDigit *t = &m->time[i];
            bool top = t->stride * t->extent == plan->extents[t->dim];
            digits[i] = (IrLayoutDigit){t->dim, t->stride, top ? 0 : t->extent, t->place};
        }
        layout->count = m->time_count;
        layout->size = m->steps;
    } else {
        digits = NEW_ARRAY(l->arena, IrLayoutDigit, (size_t)plan->rank + 2);
        layout->count = lines(plan, digits, &layout->size);
    }
    layout->digits = digits;
    if (plan->swizzle && plan->swizzle_bits > 0) {
        layout->swizzle_bits = plan->swizzle_bits;
        layout->swizzle_from = plan->swizzle_from;
        layout->swizzle_to = plan->swizzle_to;
        layout->chosen = plan->chosen;
        /* elements move within blocks of this size */
        int64_t block = (int64_t)1 << (plan->swizzle_to + plan->swizzle_bits);
        layout->size = (layout->size + block - 1) / block * block;
    }
    return layout;
}

const IrLayout *lower_layout(Lower *l, const Ast *node, int rank, const int64_t *extents, Elem elem)
{
    if (!node) return NULL;
    Plan plan = {.rank = rank, .extents = extents, .elem = elem};
    for (int d = 0; d < rank; d++) plan.order[d] = d;
    const Ast *parts = KID(node, Layout, parts);
    for (uint32_t i = 0; i < parts->count; i++) {
        const Ast *part = parts->kid[i];
        if (part->kind == AST_LayoutWord)
            layout_word(l, part, &plan);
        else
            layout_mapping(l, part, &plan);
    }
    if (plan.mapping && plan.pad)
        lower_error(l, LAYOUT, node->span, "`pad` does not go with a mapping layout");
    if (plan.swizzle && plan.swizzle_bits == 0) default_swizzle(l, &plan);
    return build(l, &plan);
}

const IrLayout *lower_swizzle(Lower *l, int rank, const IrExpr *const *extents, Elem elem)
{
    int64_t shape[MAX_RANK];
    for (int d = 0; d < rank; d++) shape[d] = extents[d]->value.i;
    Plan plan = {.rank = rank, .extents = shape, .elem = elem, .swizzle = true};
    for (int d = 0; d < rank; d++) plan.order[d] = d;
    default_swizzle(l, &plan);
    return build(l, &plan);
}

/* ---- extents known at launch --------------------------------------------------------------------
 */

static const IrExpr *times(Lower *l, const IrExpr *a, const IrExpr *b)
{
    return ir_binary(l->k, IR_MUL, a, b);
}

/* `row`, `col` and `pad`: strides. */
static void launch_strides(Lower *l, const Plan *plan, IrTensor *tensor)
{
    const IrExpr **strides = NEW_ARRAY(l->arena, const IrExpr *, (size_t)plan->rank + 1);
    const IrExpr *place = ir_index(l->k, 1);
    for (int i = plan->rank - 1; i >= 0; i--) {
        int d = plan->order[i];
        int64_t pad = i == plan->rank - 1 ? plan->pad : 0;
        strides[d] = place;
        place = times(l, place, ir_binary(l->k, IR_ADD, tensor->extents[d], ir_index(l->k, pad)));
    }
    tensor->strides = strides;
    tensor->storage = place;
}

/* Where only the slowest extent is not constant, all but the size is. */
static bool launch_slowest(Lower *l, const Ast *node, IrTensor *tensor, const Plan *plan)
{
    int64_t extents[MAX_RANK];
    int slowest = plan->order[0];
    for (int d = 0; d < plan->rank; d++) {
        if (d != slowest && !ir_is_const(tensor->extents[d])) return false;
        extents[d] = d == slowest ? 1 : tensor->extents[d]->value.i;
    }
    if (plan->rank < 2) return false;
    const IrLayout *layout = lower_layout(l, node, plan->rank, extents, tensor->elem);
    tensor->layout = layout;
    tensor->storage = times(l, tensor->extents[slowest], ir_index(l->k, layout->size));
    return true;
}

void lower_launch_layout(Lower *l, const Ast *node, IrTensor *tensor)
{
    Plan plan = {.rank = tensor->rank, .elem = tensor->elem};
    bool mapped = false;
    for (int d = 0; d < tensor->rank; d++) plan.order[d] = d;
    const Ast *parts = KID(node, Layout, parts);
    for (uint32_t i = 0; i < parts->count; i++) {
        if (parts->kid[i]->kind == AST_LayoutWord)
            layout_word(l, parts->kid[i], &plan);
        else
            mapped = true;
    }
    if (mapped)
        lower_error(l, LAYOUT, node->span, "a mapping needs compile-time extents");
    else if (!plan.swizzle)
        launch_strides(l, &plan, tensor);
    else if (!launch_slowest(l, node, tensor, &plan))
        lower_error(l, LAYOUT, node->span,
                    "`swizzle` needs compile-time extents of all but the slowest dimension");
}
