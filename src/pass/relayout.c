/* Which layout would serve the accesses to a shared tensor better: those found are made again, as
 * if it were padded or swizzled, and counted. */
#include "pass/accesses.h"

typedef struct Try {
    const IrLayout *old;
    int64_t line, extent; /* elements of a line, with and without its padding */
    int64_t bits;
    bool turned; /* `layout col` */
} Try;

/* Lines one after the other, of the contiguous dimension; false for other layouts. */
static bool find_lines(const IrTensor *t, Try *try)
{
    const IrLayout *l = t->layout;
    *try = (Try){.old = l, .bits = vocab_elem(t->elem)->bits};
    int fastest = t->rank - 1;
    if (t->strides || t->rank < 2 || try->bits < 8) return false;
    for (int i = 0; l && i < l->count; i++) {
        const IrLayoutDigit *d = &l->digits[i];
        if (d->divide != 1 || d->extent || l->count != t->rank) return false;
        if (d->place == 1 && t->extents[d->dim]->value.i > 1) fastest = d->dim;
    }
    if (!ir_is_const(t->extents[fastest])) return false;
    try->turned = fastest != t->rank - 1;
    try->line = try->extent = t->extents[fastest]->value.i;
    int64_t next = INT64_MAX;
    for (int i = 0; l && i < l->count; i++) {
        const IrLayoutDigit *d = &l->digits[i];
        bool longer = d->place > 1 && d->place >= try->extent && d->place < next;
        if (longer) next = try->line = d->place;
    }
    return !l || l->swizzle_bits == 0 || l->swizzle_from >= l->swizzle_to + l->swizzle_bits;
}

static int64_t swizzle(const IrLayout *l, int64_t offset)
{
    if (!l || l->swizzle_bits == 0) return offset;
    int64_t mask = ((int64_t)1 << l->swizzle_bits) - 1;
    return offset ^ ((offset >> l->swizzle_from & mask) << l->swizzle_to);
}

/* Where the element would lie. A swizzle cuts lines of several times 128 bytes into panels; these
 * lie as far apart as you like. */
static int64_t moved(const Try *try, int64_t at, int64_t line, const IrLayout *new)
{
    int64_t number = at / try->line, column = at % try->line, panel = 1024 / try->bits;
    if (!new || new == try->old || line <= panel || line % panel) return number * line + column;
    return (column / panel * ((int64_t)1 << 30) + number) * panel + column % panel;
}

/* Wavefronts of all requests with lines of `line` elements, swizzled as `new` says. */
static int64_t total(const Try *try, const SharedUse *use, int64_t line, const IrLayout *new,
                     int64_t *ideal)
{
    int64_t sum = 0;
    *ideal = 0;
    for (size_t i = 0; i < use->requests.len; i++) {
        PassRequest r = use->requests.data[i];
        for (int lane = 0; lane < PASS_LANES; lane++) {
            /* twice is not at all */
            int64_t at = swizzle(try->old, r.at[lane] * 8 / try->bits);
            at = moved(try, at, line, new);
            r.at[lane] = swizzle(new, at) * try->bits / 8;
            if (r.at[lane] % r.bytes) return INT64_MAX;
        }
        PassCost c = pass_bank_cost(&r);
        sum += c.cost;
        *ideal += c.ideal;
    }
    return sum;
}

typedef struct Choice {
    int64_t pad; /* -1: swizzle */
    int64_t cost;
} Choice;

const char *accesses_better_layout(IrKernel *k, const SharedUse *use)
{
    Try try;
    int64_t ideal;
    if (!find_lines(use->tensor, &try)) return NULL;
    IrLayout swizzled = {0};
    int64_t panel = 1024 / try.bits, line = try.extent;
    bool cut = line > panel && line % panel == 0;
    int64_t own = ir_default_swizzle(&swizzled, use->tensor->elem, cut ? panel : line, 0, 16);
    if (!cut) line = own;
    int64_t now = total(&try, use, try.line, try.old, &ideal);
    Choice best = {-1, total(&try, use, line, &swizzled, &ideal)};
    for (int64_t pad = 1; pad <= 16 && best.cost > ideal; pad *= 2) {
        int64_t cost = total(&try, use, try.extent + pad, NULL, &ideal);
        if (cost < best.cost) best = (Choice){pad, cost};
    }
    if (best.cost >= now) return NULL;
    const char *word = best.pad < 0 ? "swizzle" : base_format(k->arena, "pad(%d)", (int)best.pad);
    const char *turn = try.turned ? "col " : "", *name = use->tensor->name->text;
    if (best.cost == ideal)
        return base_format(k->arena, "`layout %s%s` leaves no conflict in any access to `%s`", turn,
                           word, name);
    return base_format(k->arena,
                       "with `layout %s%s` the accesses to `%s` take %lld wavefronts instead of "
                       "%lld",
                       turn, word, name, (long long)best.cost, (long long)now);
}
