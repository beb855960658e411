/* What matrix instructions do, by the PTX manual, on values instead of bits. */
#include "interp.h"

#include <stdio.h>

static bool fail(Interp *in, const char *what)
{
    if (!in->failure) in->failure = what;
    return false;
}

/* Element i of what thread t names: an operand's place, or the statement's own. */
static Scalar *place(Interp *in, int64_t t, const IrTensor *tensor, const IrExpr *offset, int64_t i)
{
    return interp_element(in, t, tensor, interp_eval(in, t, offset).lane[0].i + i);
}

static Scalar *operand(Interp *in, int64_t t, const IrStmt *s, int which, int64_t i)
{
    const IrExpr *e = s->args[which];
    return which ? place(in, t, e->tensor, e->args[0], i) : place(in, t, s->tensor, e, i);
}

static Elem elem_of(const IrStmt *s, int which)
{
    return which ? s->args[which]->tensor->elem : s->tensor->elem;
}

/* ---- mma ------------------------------------------------------------------------------------- */
typedef struct Shape {
    int m, n, k, sums, a, b; /* elements of a lane's fragments */
} Shape;

static int row_of_a(const Shape *s, int lane, int i, int each)
{
    return lane / 4 + (s->m == 16 && i / each % 2 ? 8 : 0);
}

static int column_of_a(const Shape *s, int lane, int i, int each)
{
    return lane % 4 * each + i % each + i / each / (s->m / 8) * 4 * each;
}

static int row_of_b(int lane, int i, int each)
{
    return lane % 4 * each + i % each + i / each * 4 * each;
}

/* In the order of the loop that the product was: so the result is the same to the bit. */
static Scalar dot(const Scalar *a, const Scalar *b, const Shape *s, int row, int column, Scalar sum)
{
    for (int p = 0; p < s->k; p++) {
        Scalar x = scalar_cast(sum.elem, a[row * s->k + p]);
        Scalar y = scalar_cast(sum.elem, b[p * s->n + column]), product;
        Scalar terms[] = {x, y, sum};
        if (vocab_elem_is_float(sum.elem)) {
            scalar_math(BUILTIN_FMA, terms, 3, &sum);
        } else {
            scalar_binary(OP_MUL, x, y, &product);
            scalar_binary(OP_ADD, product, sum, &sum);
        }
    }
    return sum;
}

static int in_word(Elem elem)
{
    int bits = vocab_elem(elem)->bits;
    return bits < 32 ? 32 / bits : 1;
}

static void multiply(Interp *in, const IrStmt *s, int64_t warp)
{
    Shape f;
    const char *shape = strstr(s->text, ".m");
    if (!shape || sscanf(shape, ".m%dn%dk%d", &f.m, &f.n, &f.k) != 3) {
        fail(in, "a product of no shape");
        return;
    }
    Scalar *a = NEW_ARRAY(in->arena, Scalar, (size_t)(f.m * f.k));
    Scalar *b = NEW_ARRAY(in->arena, Scalar, (size_t)(f.k * f.n));
    int each_a = in_word(elem_of(s, 1)), each_b = in_word(elem_of(s, 2));
    for (int lane = 0; lane < 32; lane++) {
        for (int i = 0; i < f.m * f.k / 32; i++)
            a[row_of_a(&f, lane, i, each_a) * f.k + column_of_a(&f, lane, i, each_a)] =
                *operand(in, warp + lane, s, 1, i);
        for (int i = 0; i < f.n * f.k / 32; i++)
            b[row_of_b(lane, i, each_b) * f.n + lane / 4] = *operand(in, warp + lane, s, 2, i);
    }
    for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < f.m * f.n / 32; i++) {
            Scalar *sum = operand(in, warp + lane, s, 0, i);
            *sum = dot(a, b, &f, lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2, *sum);
        }
}

/* ---- ldmatrix, stmatrix ---------------------------------------------------------------------- */
static void move(Interp *in, const IrStmt *s, int64_t warp)
{
    bool load = s->builtin == BUILTIN_LDMATRIX, turned = strstr(s->text, ".trans") != NULL;
    int memory = load ? 1 : 0, word = in_word(elem_of(s, memory)),
        count = strstr(s->text, ".x")[2] - '0';
    if (turned && word != 2) fail(in, "a transposition of other than 16-bit elements");
    for (int i = 0; i < count * 32 * word; i++) {
        int matrix = i / (32 * word), lane = i / word % 32, e = i % word;
        int row = turned ? lane % 4 * 2 + e : lane / 4;
        int column = turned ? lane / 4 : lane % 4 * word + e;
        int64_t giver = warp + matrix * 8 + row;
        const IrExpr *at = load ? s->args[1]->args[0] : s->args[0];
        if (interp_eval(in, giver, at).lane[0].i % (4 * word)) fail(in, "a row at no 16 bytes");
        Scalar *there = operand(in, giver, s, memory, column);
        Scalar *here = operand(in, warp + lane, s, 1 - memory, matrix * word + e);
        if (load)
            *here = *there;
        else
            *there = *here;
    }
}

void interp_machine(Interp *in, const IrStmt *s, const bool *run)
{
    for (int64_t warp = 0; warp < in->k->block_size; warp += 32) {
        int lanes = 0;
        for (int64_t t = warp; t < warp + 32 && t < in->k->block_size; t++) lanes += run[t];
        if (lanes == 0) continue;
        if (lanes < 32) fail(in, "a matrix instruction without a whole warp");
        if (in->failure) return;
        if (s->builtin == BUILTIN_MMA)
            multiply(in, s, warp);
        else
            move(in, s, warp);
    }
}
