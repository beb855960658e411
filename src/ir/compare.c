/* Simplification of comparisons and of the logical operators. Integer comparisons come out with a
 * constant on the right and `<` or `>=` against it, or as `<` or `<=` between two expressions. */
#include "ir/nodes.h"

static IrOp mirrored(IrOp op)
{
    static const IrOp table[IR_OP_COUNT] = {
        [IR_EQ] = IR_EQ, [IR_NE] = IR_NE, [IR_LT] = IR_GT,
        [IR_LE] = IR_GE, [IR_GT] = IR_LT, [IR_GE] = IR_LE,
    };
    return table[op];
}

static IrOp negated(IrOp op)
{
    static const IrOp table[IR_OP_COUNT] = {
        [IR_EQ] = IR_NE, [IR_NE] = IR_EQ, [IR_LT] = IR_GE,
        [IR_LE] = IR_GT, [IR_GT] = IR_LE, [IR_GE] = IR_LT,
    };
    return table[op];
}

/* What the intervals say: 1 true, 0 false, -1 nothing. */
static int decide(IrOp op, Interval a, Interval b)
{
    /* Equal infinities say nothing. */
    bool below = a.hi<b.lo, above = a.lo> b.hi;
    bool at_most = below || (a.hi == b.lo && a.hi != INT64_MAX && a.hi != INT64_MIN);
    bool at_least = above || (a.lo == b.hi && a.lo != INT64_MAX && a.lo != INT64_MIN);
    if (op == IR_LT) return below ? 1 : at_least ? 0 : -1;
    if (op == IR_LE) return at_most ? 1 : above ? 0 : -1;
    if (op == IR_GT) return above ? 1 : at_most ? 0 : -1;
    if (op == IR_GE) return at_least ? 1 : below ? 0 : -1;
    if (below || above) return op == IR_NE;
    bool single = at_most && at_least;
    return single ? op == IR_EQ : -1;
}

/* The same of a block's coordinate and the grid's extent. */
static int decide_block(const IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    if (a->op != IR_BID || (op != IR_LT && op != IR_GE)) return -1;
    bool extent = b == k->grid[a->imm] || (b->op == IR_GDIM && b->imm == a->imm);
    return extent ? op == IR_LT : -1;
}

static Interval of(const IrExpr *e)
{
    return (Interval){e->lo, e->hi};
}

/* sum * g + constant OP c, with g the divisor of every coefficient, as sum OP c'. */
static const IrExpr *against_constant(IrKernel *k, IrOp op, const IrExpr *a, int64_t c)
{
    Linear l = {0};
    if (!ir_linear_add(&l, a, 1) || l.count == 0) return NULL;
    int64_t g = 0, bound;
    for (int i = 0; i < l.count; i++) {
        if (l.terms[i].coef == INT64_MIN) return NULL;
        g = base_gcd(g, l.terms[i].coef);
    }
    if (g < 1 || (g == 1 && l.constant == 0 && l.terms[0].coef > 0)) return NULL;
    if (!base_add(c, -l.constant, &bound) || l.constant == INT64_MIN) return NULL;
    bool flip = l.terms[0].coef < 0 && bound != INT64_MIN;
    for (int i = 0; i < l.count; i++) flip = flip && l.terms[i].coef < 0;
    if (g == 1 && l.constant == 0 && !flip) return NULL;
    for (int i = 0; i < l.count; i++) l.terms[i].coef /= flip ? -g : g;
    l.constant = 0;
    if (flip) bound = -bound, op = mirrored(op);
    const IrExpr *sum = ir_linear_build(k, &l);
    if (op == IR_EQ || op == IR_NE) {
        if (bound % g) return ir_bool(k, op == IR_NE);
        return ir_binary(k, op, sum, ir_index(k, bound / g));
    }
    /* s * g < b is s < ceil(b / g), s * g <= b is s <= floor(b / g); negated for >= and >. */
    bool ceil = op == IR_LT || op == IR_GE;
    int64_t q = base_floor_div(bound, g) + (ceil && bound % g != 0);
    return ir_binary(k, op, sum, ir_index(k, q));
}

static const IrExpr *constant_right(IrKernel *k, IrOp op, const IrExpr *a, int64_t c)
{
    Elem elem = a->type.elem;
    int64_t lo, hi, product;
    bool ranged = scalar_int_range(elem, &lo, &hi);
    if ((op == IR_LE || op == IR_GT) && ranged && c < hi)
        return ir_binary(k, op == IR_LE ? IR_LT : IR_GE, a, ir_int(k, elem, c + 1));
    if (!ir_is_index(a)) return NULL;
    const IrExpr *moved = against_constant(k, op, a, c);
    if (moved) return moved;
    bool quotient = a->op == IR_DIV && ir_is_const(a->args[1]) && a->args[1]->value.i > 0;
    if (quotient && (op == IR_LT || op == IR_GE) && base_mul(a->args[1]->value.i, c, &product))
        return ir_binary(k, op, a->args[0], ir_index(k, product));
    return NULL;
}

/* Puts the terms of a - b that are positive left, the negative ones right. */
static const IrExpr *rebuild_sides(IrKernel *k, IrOp op, const Linear *d)
{
    Linear left = {0}, right = {0};
    for (int i = 0; i < d->count; i++) {
        struct LinearTerm t = d->terms[i];
        if (t.coef == INT64_MIN) return NULL;
        Linear *side = t.coef > 0 ? &left : &right;
        if (t.coef < 0) t.coef = -t.coef;
        side->terms[side->count++] = t;
    }
    if (d->constant == INT64_MIN) return NULL;
    if (left.count && (d->constant < 0 || !right.count)) {
        right.constant = -d->constant;
    } else {
        left.constant = d->constant;
    }
    return ir_binary(k, op, ir_linear_build(k, &left), ir_linear_build(k, &right));
}

/* Cancels what both sides share: terms, and constants of one sign. */
static const IrExpr *cancel(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    Linear left = {0}, right = {0};
    if (!ir_linear_add(&left, a, 1) || !ir_linear_add(&right, b, 1)) return NULL;
    int64_t c = left.constant, d = right.constant, minus;
    int separate = left.count + right.count;
    for (int i = 0; i < right.count; i++) {
        if (right.terms[i].coef == INT64_MIN) return NULL;
        if (!ir_linear_term(&left, right.terms[i].atom, -right.terms[i].coef)) return NULL;
    }
    bool shared = left.count < separate;
    bool constants = (c > 0 && d > 0) || (c < 0 && d < 0);
    if (!shared && !constants) return NULL;
    if (d == INT64_MIN || !base_add(c, -d, &minus)) return NULL;
    left.constant = minus;
    return rebuild_sides(k, op, &left);
}

const IrExpr *ir_simplify_compare(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    if (!ir_is_integer(a)) return NULL;
    if (a == b) return ir_bool(k, op == IR_EQ || op == IR_LE || op == IR_GE);
    int decided = decide(op, of(a), of(b));
    if (decided < 0) decided = decide_block(k, op, a, b);
    if (decided >= 0) return ir_bool(k, decided);
    if (ir_is_const(a)) return ir_binary(k, mirrored(op), b, a);
    if (ir_is_const(b)) return constant_right(k, op, a, b->value.i);
    if (ir_is_index(a)) {
        const IrExpr *r = cancel(k, op, a, b);
        if (r) return r;
    }
    if (op == IR_GT || op == IR_GE) return ir_operator2(k, mirrored(op), b, a);
    if ((op == IR_EQ || op == IR_NE) && a->id > b->id) return ir_operator2(k, op, b, a);
    return NULL;
}

/* ---- logic ----------------------------------------------------------------------------------- */

static bool compares_integers(const IrExpr *e)
{
    return e->op >= IR_EQ && e->op <= IR_GE && ir_is_integer(e->args[0]);
}

/* !a, or NULL where it would take a NOT. */
static const IrExpr *negation(IrKernel *k, const IrExpr *a)
{
    if (ir_is_const(a)) return ir_bool(k, !a->value.i);
    if (a->op == IR_NOT) return a->args[0];
    bool equality = a->op == IR_EQ || a->op == IR_NE; /* of floats too: NaN differs from all */
    if (compares_integers(a) || equality)
        return ir_binary(k, negated(a->op), a->args[0], a->args[1]);
    return NULL;
}

/* Is one the negation of the other? In the forms that comparisons come out in. */
static bool opposite(const IrExpr *a, const IrExpr *b)
{
    if (a->op == IR_NOT) return a->args[0] == b;
    if (b->op == IR_NOT) return b->args[0] == a;
    if (!compares_integers(a) || b->op != negated(a->op)) {
        bool strict = (a->op == IR_LT && b->op == IR_LE) || (a->op == IR_LE && b->op == IR_LT);
        return strict && compares_integers(a) && a->args[0] == b->args[1] &&
               a->args[1] == b->args[0];
    }
    return a->args[0] == b->args[0] && a->args[1] == b->args[1];
}

/* Both compare one expression with a constant in one direction: the one that decides. */
static const IrExpr *tighter(IrOp op, const IrExpr *a, const IrExpr *b)
{
    if (!compares_integers(a) || a->op != b->op || a->args[0] != b->args[0]) return NULL;
    if (a->args[0]->type.elem == ELEM_U64) return NULL;
    if ((a->op != IR_LT && a->op != IR_GE) || !ir_is_const(a->args[1]) || !ir_is_const(b->args[1]))
        return NULL;
    bool smaller = a->args[1]->value.i < b->args[1]->value.i;
    bool want_smaller = (op == IR_AND) == (a->op == IR_LT);
    return smaller == want_smaller ? a : b;
}

/* b is one of the operands that a chain of `op` already holds, or is decided by it. */
static const IrExpr *absorb(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    const IrExpr *at = a;
    for (int depth = 0; depth < 8; depth++) {
        const IrExpr *last = at->op == op ? at->args[1] : at;
        if (last == b) return a;
        if (tighter(op, last, b) == last) return a;
        if (opposite(last, b)) return ir_bool(k, op == IR_OR);
        if (at->op != op) break;
        at = at->args[0];
    }
    if (tighter(op, a, b) == b) return b;
    if (a->op == op && tighter(op, a->args[1], b) == b) return ir_binary(k, op, a->args[0], b);
    return NULL;
}

const IrExpr *ir_simplify_logic(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    int64_t decides = op == IR_OR;
    if (ir_is_const(a)) return a->value.i == decides ? a : b;
    if (ir_is_const(b)) return b->value.i == decides ? b : a;
    if (b->op == op) /* left-deep: each operand still before the next */
        return ir_binary(k, op, ir_binary(k, op, a, b->args[0]), b->args[1]);
    return absorb(k, op, a, b);
}

const IrExpr *ir_simplify_not(IrKernel *k, const IrExpr *a)
{
    return a->type.lanes == 1 ? negation(k, a) : NULL;
}
