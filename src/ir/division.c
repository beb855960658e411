/* Simplification of / and %, bit operators and shifts. On index / and % floor, so that
 * (a * c + b) / c is a + b / c whatever the signs, for c > 0. */
#include "ir/nodes.h"

static int64_t floor_div(int64_t a, int64_t c)
{
    return a == INT64_MIN || a == INT64_MAX ? a : base_floor_div(a, c);
}

/* All values of x in one interval [q * c, q * c + c)? */
static bool one_bucket(Interval x, int64_t c, int64_t *q)
{
    if (!ir_known(x)) return false;
    *q = floor_div(x.lo, c);
    return *q == floor_div(x.hi, c);
}

static bool scaled(const IrExpr *atom, int64_t coef, int64_t c)
{
    if (coef % c == 0) return true;
    int64_t multiple = ir_multiple(atom);
    return multiple > 1 && ((__int128)multiple * coef) % c == 0;
}

/* Splits x into `whole`, of terms whose coefficients (multiples too, if `loosely`) c divides, and
 * the rest. A constant goes to `whole` by its largest multiple of c not larger in size, so that no
 * value grows. */
static void split(const Linear *x, int64_t c, bool loosely, Linear *whole, Linear *rest)
{
    *whole = *rest = (Linear){0};
    for (int i = 0; i < x->count; i++) {
        int64_t coef = x->terms[i].coef;
        bool fits = loosely ? scaled(x->terms[i].atom, coef, c) : coef % c == 0;
        Linear *side = fits ? whole : rest;
        side->terms[side->count++] = x->terms[i];
    }
    rest->constant = x->constant % c;
    whole->constant = x->constant - rest->constant;
}

static bool within(const Linear *l, int64_t c)
{
    Interval r = ir_linear_range(l);
    return r.lo >= 0 && r.hi < c;
}

/* x = g * high + low with 0 <= low < g, g the largest such divisor of c; 0 if there is none. */
static int64_t radix(const Linear *x, int64_t c, Linear *high, Linear *low)
{
    int64_t best = 0;
    for (int i = 0; i < x->count; i++) {
        int64_t g = base_gcd(c, x->terms[i].coef);
        if (g <= 1 || g <= best) continue;
        Linear h, l;
        split(x, g, false, &h, &l);
        if (l.constant < 0) { /* floor, not trunc: low must not be negative */
            l.constant += g;
            if (!base_add(h.constant, -g, &h.constant)) continue;
        }
        if (!within(&l, g)) continue;
        for (int j = 0; j < h.count; j++) h.terms[j].coef /= g;
        h.constant /= g;
        *high = h;
        *low = l;
        best = g;
    }
    return best;
}

static const IrExpr *exact_div(IrKernel *k, Linear l, int64_t c)
{
    for (int i = 0; i < l.count; i++) l.terms[i].coef /= c;
    l.constant /= c;
    return ir_linear_build(k, &l);
}

static const IrExpr *div_linear(IrKernel *k, const IrExpr *x, int64_t c)
{
    Linear all = {0}, whole, rest, high, low;
    if (!ir_linear_add(&all, x, 1)) return NULL;
    split(&all, c, false, &whole, &rest);
    if (whole.count || whole.constant) {
        const IrExpr *r = ir_binary(k, IR_DIV, ir_linear_build(k, &rest), ir_index(k, c));
        return ir_binary(k, IR_ADD, exact_div(k, whole, c), r);
    }
    split(&all, c, true, &whole, &rest);
    if (whole.count && (rest.count || rest.constant) && within(&rest, c))
        return ir_binary(k, IR_DIV, ir_linear_build(k, &whole), ir_index(k, c));
    int64_t g = radix(&all, c, &high, &low);
    if (!g) return NULL;
    return ir_binary(k, IR_DIV, ir_linear_build(k, &high), ir_index(k, c / g));
}

static const IrExpr *div_index(IrKernel *k, const IrExpr *x, int64_t c)
{
    int64_t q, product;
    if (one_bucket((Interval){x->lo, x->hi}, c, &q)) return ir_index(k, q);
    bool inner = (x->op == IR_DIV || x->op == IR_MOD) && ir_is_const(x->args[1]);
    int64_t d = inner ? x->args[1]->value.i : 0;
    if (inner && d > 0 && x->op == IR_DIV && base_mul(d, c, &product))
        return ir_binary(k, IR_DIV, x->args[0], ir_index(k, product));
    if (inner && d > 0 && x->op == IR_MOD && d % c == 0) {
        const IrExpr *quotient = ir_binary(k, IR_DIV, x->args[0], ir_index(k, c));
        return ir_binary(k, IR_MOD, quotient, ir_index(k, d / c));
    }
    return div_linear(k, x, c);
}

/* Terms with the factor d leave x; false if there are none. */
static bool divide_terms(IrKernel *k, const IrExpr *x, const IrExpr *d, const IrExpr **whole,
                         const IrExpr **rest)
{
    Linear all = {0}, quotient = {0}, remainder = {0};
    if (!ir_linear_add(&all, x, 1)) return false;
    for (int i = 0; i < all.count; i++) {
        const IrExpr *atom = all.terms[i].atom, *other = NULL;
        if (atom == d) other = ir_index(k, 1);
        if (atom->op == IR_MUL && atom->args[0] == d) other = atom->args[1];
        if (atom->op == IR_MUL && atom->args[1] == d) other = atom->args[0];
        bool ok = other ? ir_linear_add(&quotient, other, all.terms[i].coef)
                        : ir_linear_term(&remainder, atom, all.terms[i].coef);
        if (!ok) return false;
    }
    if (remainder.count == all.count) return false;
    remainder.constant = all.constant;
    *whole = ir_linear_build(k, &quotient);
    *rest = ir_linear_build(k, &remainder);
    return true;
}

/* By a divisor that is no constant. If it is 0 the result is undefined anyway. */
static const IrExpr *div_symbol(IrKernel *k, IrOp op, const IrExpr *x, const IrExpr *d)
{
    bool small = x->lo >= 0 && x->hi < d->lo;
    bool reduced = x->op == IR_MOD && x->args[1] == d; /* has the divisor's sign */
    if (op == IR_MOD && (small || reduced)) return x;
    if (small || (reduced && d->lo >= 0) || ir_is_int(x, 0)) return ir_index(k, 0);
    const IrExpr *whole, *rest;
    if (!divide_terms(k, x, d, &whole, &rest)) return NULL;
    if (op == IR_MOD) return ir_binary(k, IR_MOD, rest, d);
    return ir_binary(k, IR_ADD, whole, ir_binary(k, IR_DIV, rest, d));
}

static const IrExpr *div_sized(IrKernel *k, const IrExpr *x, int64_t c)
{
    Elem elem = x->type.elem;
    int64_t product, lo, hi;
    if (ir_known((Interval){x->lo, x->hi}) && x->lo / c == x->hi / c)
        return ir_int(k, elem, x->lo / c);
    scalar_int_range(elem, &lo, &hi);
    if (x->op == IR_DIV && ir_is_const(x->args[1]) && x->args[1]->value.i > 0 &&
        base_mul(x->args[1]->value.i, c, &product) && product <= hi)
        return ir_binary(k, IR_DIV, x->args[0], ir_int(k, elem, product));
    return NULL;
}

const IrExpr *ir_simplify_div(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    if (!ir_is_const(b)) return ir_is_index(a) ? div_symbol(k, IR_DIV, a, b) : NULL;
    if (b->value.i == 1) return a;
    if (b->value.i <= 0) return NULL;
    return ir_is_index(a) ? div_index(k, a, b->value.i) : div_sized(k, a, b->value.i);
}

static const IrExpr *mod_linear(IrKernel *k, const IrExpr *x, int64_t c)
{
    Linear all = {0}, whole, rest, high, low;
    if (!ir_linear_add(&all, x, 1)) return NULL;
    split(&all, c, true, &whole, &rest);
    bool changed = whole.count || whole.constant;
    for (int i = 0; i < rest.count; i++) {
        int64_t coef = rest.terms[i].coef;
        rest.terms[i].coef = coef % c;
        changed |= coef != coef % c;
    }
    if (changed) return ir_binary(k, IR_MOD, ir_linear_build(k, &rest), ir_index(k, c));
    int64_t g = radix(&all, c, &high, &low);
    if (!g) return NULL;
    const IrExpr *m = ir_binary(k, IR_MOD, ir_linear_build(k, &high), ir_index(k, c / g));
    m = ir_binary(k, IR_MUL, m, ir_index(k, g));
    return ir_binary(k, IR_ADD, m, ir_linear_build(k, &low));
}

static const IrExpr *mod_index(IrKernel *k, const IrExpr *x, int64_t c)
{
    int64_t q, offset;
    if (one_bucket((Interval){x->lo, x->hi}, c, &q) && base_mul(-q, c, &offset))
        return ir_binary(k, IR_ADD, x, ir_index(k, offset));
    if (x->op == IR_MOD && ir_is_const(x->args[1])) {
        int64_t d = x->args[1]->value.i;
        if (d > 0 && d % c == 0) return ir_binary(k, IR_MOD, x->args[0], ir_index(k, c));
    }
    return mod_linear(k, x, c);
}

const IrExpr *ir_simplify_mod(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    if (!ir_is_const(b)) return ir_is_index(a) ? div_symbol(k, IR_MOD, a, b) : NULL;
    int64_t c = b->value.i;
    if (c == 1) return ir_int(k, a->type.elem, 0);
    if (c <= 0) return NULL;
    if (ir_is_index(a)) return mod_index(k, a, c);
    return a->lo > -c && a->hi < c ? a : NULL; /* truncating % keeps the sign */
}

/* ---- bits ------------------------------------------------------------------------------------ */

static bool is_mask(int64_t v) /* 2^n - 1, n > 0 */
{
    return v > 0 && (v & (v + 1)) == 0 && v != INT64_MAX;
}

const IrExpr *ir_simplify_bits(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    if (a == b) return op == IR_BITXOR ? ir_int(k, a->type.elem, 0) : a;
    if (ir_is_const(a)) return ir_simplify_bits(k, op, b, a);
    if (ir_is_const(b)) {
        int64_t v = b->value.i;
        if (v == 0) return op == IR_BITAND ? b : a;
        if (op == IR_BITAND && is_mask(v) && a->lo >= 0 && a->hi <= v) return a;
        if (op == IR_BITAND && is_mask(v) && ir_is_index(a))
            return ir_binary(k, IR_MOD, a, ir_index(k, v + 1));
        if (a->op == op && ir_is_const(a->args[1]))
            return ir_binary(k, op, a->args[0], ir_binary(k, op, a->args[1], b));
        return NULL;
    }
    return a->id > b->id ? ir_operator2(k, op, b, a) : NULL;
}

const IrExpr *ir_simplify_shift(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    if (!ir_is_const(b)) return NULL;
    int64_t n = b->value.i;
    if (n == 0) return a;
    if (!ir_is_index(a) || n < 0 || n > 61) return NULL;
    return ir_binary(k, op == IR_SHL ? IR_MUL : IR_DIV, a, ir_index(k, (int64_t)1 << n));
}
