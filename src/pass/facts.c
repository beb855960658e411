/* Divisibility of index expressions, with what the variant's host guard proves of sizes. */
#include "pass/internal.h"

static int64_t lcm(int64_t a, int64_t b)
{
    int64_t r;
    return base_mul(a / base_gcd(a, b), b, &r) ? r : a;
}

/* Rows are aligned: where there are several, the last extent (or, of a strided tensor, each stride
 * but the last) is a multiple of the alignment. */
static void learn(PassFacts *f, const IrTensor *t)
{
    int64_t bits = vocab_elem(t->elem)->bits, elements = (int64_t)f->alignment * 8 / bits;
    if (elements < 2) return;
    for (int i = 0; i < t->rank; i++) {
        const IrExpr *e = t->strides ? t->strides[i] : t->extents[i];
        bool pitch = t->strides ? i < t->rank - 1 : i > 0 && i == t->rank - 1;
        if (pitch && e->op == IR_SIZE) f->sizes[e->imm] = lcm(f->sizes[e->imm], elements);
    }
}

PassFacts pass_facts(IrKernel *k, const PassOptions *options)
{
    PassFacts f = {k, options->alignment, NEW_ARRAY(k->arena, int64_t, k->sizes.len + 1)};
    for (size_t i = 0; i < k->sizes.len; i++) f.sizes[i] = 1;
    for (size_t i = 0; i < k->tensors.len; i++)
        if (k->tensors.data[i]->space == IR_PARAM) learn(&f, k->tensors.data[i]);
    return f;
}

static int64_t atom_multiple(const PassFacts *f, const IrExpr *e)
{
    int64_t known = ir_multiple(e), product;
    if (e->op == IR_SIZE) return lcm(known ? known : 1, f->sizes[e->imm]);
    if (e->op != IR_MUL) return known;
    int64_t a = atom_multiple(f, e->args[0]), b = atom_multiple(f, e->args[1]);
    if (!base_mul(a, b, &product)) return known;
    return known && product ? lcm(known, product) : product;
}

int64_t pass_multiple(const PassFacts *f, const IrExpr *e)
{
    PassAffine a = pass_affine(f->k, e);
    int64_t multiple = a.constant < 0 ? -a.constant : a.constant;
    for (int i = 0; i < a.count; i++) {
        int64_t coef = a.terms[i].coef < 0 ? -a.terms[i].coef : a.terms[i].coef, term;
        if (!base_mul(coef, atom_multiple(f, a.terms[i].atom), &term)) term = coef;
        multiple = base_gcd(multiple, term);
    }
    return multiple;
}

int pass_base_multiple(const PassFacts *f, const IrTensor *t)
{
    int bytes = t->space == IR_PARAM ? f->alignment : 16;
    int64_t elements = (int64_t)bytes * 8 / vocab_elem(t->elem)->bits;
    int multiple = 1;
    while (elements > 0 && multiple < 16 && elements % (multiple * 2) == 0) multiple *= 2;
    return multiple;
}
