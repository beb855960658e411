/* Linear forms of index expressions: a constant plus a sum of coefficients times atoms. They see
 * through + - and * by constants, so that like terms cancel and / % split.
 */
#include "ir/nodes.h"

enum { DEPTH_MAX = 24 };

bool ir_linear_term(Linear *l, const IrExpr *atom, int64_t coef)
{
    for (int i = 0; i < l->count; i++) {
        if (l->terms[i].atom != atom) continue;
        if (!base_add(l->terms[i].coef, coef, &l->terms[i].coef)) return false;
        if (l->terms[i].coef) return true;
        l->count--;
        memmove(&l->terms[i], &l->terms[i + 1], (size_t)(l->count - i) * sizeof l->terms[0]);
        return true;
    }
    if (coef == 0) return true;
    if (l->count == LINEAR_MAX) return false;
    l->terms[l->count++] = (struct LinearTerm){atom, coef};
    return true;
}

static bool add_constant(Linear *l, int64_t value, int64_t scale)
{
    int64_t scaled;
    return base_mul(value, scale, &scaled) && base_add(l->constant, scaled, &l->constant);
}

static bool add_expr(Linear *l, const IrExpr *e, int64_t scale, int depth)
{
    int64_t scaled;
    if (e->op == IR_CONST) return add_constant(l, e->value.i, scale);
    if (depth < DEPTH_MAX) {
        if (e->op == IR_ADD)
            return add_expr(l, e->args[0], scale, depth + 1) &&
                   add_expr(l, e->args[1], scale, depth + 1);
        if (e->op == IR_SUB)
            return scale != INT64_MIN && add_expr(l, e->args[0], scale, depth + 1) &&
                   add_expr(l, e->args[1], -scale, depth + 1);
        if (e->op == IR_NEG)
            return scale != INT64_MIN && add_expr(l, e->args[0], -scale, depth + 1);
        if (e->op == IR_MUL && ir_is_const(e->args[1]))
            return base_mul(scale, e->args[1]->value.i, &scaled) &&
                   add_expr(l, e->args[0], scaled, depth + 1);
    }
    return ir_linear_term(l, e, scale);
}

bool ir_linear_add(Linear *l, const IrExpr *e, int64_t scale)
{
    return add_expr(l, e, scale, 0);
}

Interval ir_linear_range(const Linear *l)
{
    Interval r = {l->constant, l->constant};
    for (int i = 0; i < l->count; i++) {
        const IrExpr *atom = l->terms[i].atom;
        int64_t a = ir_sat_mul(atom->lo, l->terms[i].coef);
        int64_t b = ir_sat_mul(atom->hi, l->terms[i].coef);
        r.lo = ir_sat_add(r.lo, a < b ? a : b);
        r.hi = ir_sat_add(r.hi, a < b ? b : a);
    }
    return r;
}

/* Index of the term whose atom is x / c and whose coefficient is c times that of x % c; or -1. */
static int find_quotient(IrKernel *k, const Linear *l, int remainder)
{
    const IrExpr *mod = l->terms[remainder].atom;
    int64_t coef;
    if (mod->op != IR_MOD || !ir_is_const(mod->args[1])) return -1;
    if (!base_mul(l->terms[remainder].coef, mod->args[1]->value.i, &coef)) return -1;
    for (int i = 0; i < l->count; i++) {
        if (l->terms[i].coef != coef || l->terms[i].atom->op != IR_DIV) continue;
        if (l->terms[i].atom == ir_binary(k, IR_DIV, mod->args[0], mod->args[1])) return i;
    }
    return -1;
}

void ir_linear_recombine(IrKernel *k, Linear *l)
{
    for (int i = 0; i < l->count; i++) {
        int quotient = find_quotient(k, l, i);
        if (quotient < 0) continue;
        Linear merged = {.constant = l->constant};
        for (int j = 0; j < l->count; j++)
            if (j != i && j != quotient) merged.terms[merged.count++] = l->terms[j];
        if (!ir_linear_add(&merged, l->terms[i].atom->args[0], l->terms[i].coef)) return;
        *l = merged;
        i = -1;
    }
}

/* a + b as it stands, in the order of sums. */
static const IrExpr *plain_add(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    return ir_in_order(IR_ADD, a, b) ? ir_operator2(k, IR_ADD, a, b)
                                     : ir_operator2(k, IR_ADD, b, a);
}

const IrExpr *ir_linear_build(IrKernel *k, const Linear *l)
{
    const IrExpr *sum = NULL;
    for (int negative = 0; negative < 2; negative++) {
        for (int i = 0; i < l->count; i++) {
            int64_t coef = l->terms[i].coef;
            if ((coef < 0) != negative) continue;
            bool subtract = coef < 0 && coef != INT64_MIN && (sum || l->constant > 0);
            const IrExpr *factor = ir_index(k, subtract ? -coef : coef);
            const IrExpr *term = ir_binary(k, IR_MUL, l->terms[i].atom, factor);
            if (!subtract) {
                sum = sum ? plain_add(k, sum, term) : term;
            } else {
                sum = ir_operator2(k, IR_SUB, sum ? sum : ir_index(k, l->constant), term);
            }
        }
    }
    bool placed = sum && l->constant > 0 && l->terms[0].coef < 0; /* maybe as `c - x` */
    for (int i = 0; placed && i < l->count; i++) placed = l->terms[i].coef < 0;
    if (!sum) return ir_index(k, l->constant);
    if (placed || l->constant == 0) return sum;
    return ir_operator2(k, IR_ADD, sum, ir_index(k, l->constant));
}

static bool is_sum(const IrExpr *e)
{
    return e->op == IR_ADD || e->op == IR_SUB || e->op == IR_MUL || e->op == IR_NEG;
}

static bool has_remainder(const Linear *l)
{
    bool quotient = false, remainder = false;
    for (int i = 0; i < l->count; i++) {
        quotient |= l->terms[i].atom->op == IR_DIV;
        remainder |= l->terms[i].atom->op == IR_MOD;
    }
    return quotient && remainder;
}

const IrExpr *ir_linear_merge(IrKernel *k, const IrExpr *a, const IrExpr *b, int64_t scale)
{
    bool division = (a->op == IR_DIV || a->op == IR_MOD) && (b->op == IR_DIV || b->op == IR_MOD);
    if (!is_sum(a) && !is_sum(b) && a != b && !division) return NULL;
    Linear sum = {0}, second = {0};
    if (!ir_linear_add(&second, b, scale) || !ir_linear_add(&sum, a, 1)) return NULL;
    int separate = sum.count + second.count;
    for (int i = 0; i < second.count; i++)
        if (!ir_linear_term(&sum, second.terms[i].atom, second.terms[i].coef)) return NULL;
    if (!base_add(sum.constant, second.constant, &sum.constant)) return NULL;
    if (has_remainder(&sum)) ir_linear_recombine(k, &sum);
    return sum.count < separate ? ir_linear_build(k, &sum) : NULL;
}
