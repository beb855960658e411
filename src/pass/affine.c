/* Affine forms of index expressions: products of sums are multiplied out, so that every term is a
 * constant times a product of atoms. */
#include "pass/internal.h"

enum { MAX_PRODUCT = 24 }; /* terms that multiplying out may make */

typedef struct Builder {
    IrKernel *k;
    Arena *arena;
    int64_t constant;
    VEC(PassTerm) terms;
} Builder;

static void add_term(Builder *b, const IrExpr *atom, int64_t coef)
{
    for (size_t i = 0; i < b->terms.len; i++) {
        if (b->terms.data[i].atom != atom) continue;
        b->terms.data[i].coef += coef;
        return;
    }
    VEC_PUSH(b->arena, b->terms, ((PassTerm){atom, coef}));
}

static bool constant_of(const IrExpr *e, int64_t *value)
{
    if (!ir_is_const(e)) return false;
    *value = e->value.i;
    return true;
}

static void add_expr(Builder *b, const IrExpr *e, int64_t scale);

/* (sum) * (sum), term by term; false if that makes too many, or nothing new. */
static bool add_product(Builder *b, const IrExpr *e, int64_t scale)
{
    PassAffine x = pass_affine(b->k, e->args[0]), y = pass_affine(b->k, e->args[1]);
    int terms = (x.count + 1) * (y.count + 1);
    bool simple = x.count == 1 && y.count == 1 && x.terms[0].coef == 1 && y.terms[0].coef == 1;
    if (terms > MAX_PRODUCT || (simple && !x.constant && !y.constant)) return false;
    for (int i = 0; i <= x.count; i++) {
        for (int j = 0; j <= y.count; j++) {
            int64_t coef = i < x.count ? x.terms[i].coef : x.constant;
            int64_t other = j < y.count ? y.terms[j].coef : y.constant;
            if (!base_mul(coef, other, &coef) || !base_mul(coef, scale, &coef)) coef = 0;
            if (i == x.count && j == y.count)
                b->constant += coef;
            else if (i == x.count)
                add_term(b, y.terms[j].atom, coef);
            else if (j == y.count)
                add_term(b, x.terms[i].atom, coef);
            else
                add_term(b, ir_binary(b->k, IR_MUL, x.terms[i].atom, y.terms[j].atom), coef);
        }
    }
    return true;
}

/* Adds scale * e. Products that would overflow stay opaque. */
static void add_expr(Builder *b, const IrExpr *e, int64_t scale)
{
    int64_t c, product;
    bool linear = e->type.elem == ELEM_INDEX && e->type.lanes == 1;
    if (linear && constant_of(e, &c) && base_mul(c, scale, &product)) {
        b->constant += product;
    } else if (linear && (e->op == IR_ADD || e->op == IR_SUB)) {
        add_expr(b, e->args[0], scale);
        add_expr(b, e->args[1], e->op == IR_ADD ? scale : -scale);
    } else if (linear && e->op == IR_NEG) {
        add_expr(b, e->args[0], -scale);
    } else if (linear && e->op == IR_MUL && constant_of(e->args[1], &c) &&
               base_mul(c, scale, &product)) {
        add_expr(b, e->args[0], product);
    } else if (linear && e->op == IR_MUL && constant_of(e->args[0], &c) &&
               base_mul(c, scale, &product)) {
        add_expr(b, e->args[1], product);
    } else if (linear && e->op == IR_SHL && constant_of(e->args[1], &c) && c >= 0 && c < 40 &&
               base_mul((int64_t)1 << c, scale, &product)) {
        add_expr(b, e->args[0], product);
    } else if (!linear || e->op != IR_MUL || !add_product(b, e, scale)) {
        add_term(b, e, scale);
    }
}

PassAffine pass_affine(IrKernel *k, const IrExpr *e)
{
    Builder b = {.k = k, .arena = k->arena};
    add_expr(&b, e, 1);
    int count = 0;
    for (size_t i = 0; i < b.terms.len; i++)
        if (b.terms.data[i].coef) b.terms.data[count++] = b.terms.data[i];
    return (PassAffine){b.constant, count, b.terms.data};
}

int64_t pass_affine_coef(const PassAffine *a, const IrExpr *atom)
{
    for (int i = 0; i < a->count; i++)
        if (a->terms[i].atom == atom) return a->terms[i].coef;
    return 0;
}

const IrExpr *pass_affine_build(IrKernel *k, const PassAffine *a)
{
    const IrExpr *sum = ir_index(k, 0);
    for (int i = 0; i < a->count; i++) {
        const IrExpr *coef = ir_index(k, a->terms[i].coef);
        sum = ir_binary(k, IR_ADD, sum, ir_binary(k, IR_MUL, a->terms[i].atom, coef));
    }
    return ir_binary(k, IR_ADD, sum, ir_index(k, a->constant));
}
