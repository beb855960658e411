/* Simplification of + - * min max and of float operators. Constants are collected on the right of
 * sums and products. */
#include "ir/nodes.h"

static const IrExpr *fold(IrKernel *k, Op op, const IrExpr *a, const IrExpr *b)
{
    Scalar r;
    return scalar_binary(op, a->value, b->value, &r) ? ir_const(k, r) : NULL;
}

static bool is_signed(const IrExpr *e)
{
    return vocab_elem(e->type.elem)->cls != CLASS_UINT;
}

/* e as x + c, c not zero. For unsigned types `x - c` stands for a negative c. */
static bool split_sum(const IrExpr *e, const IrExpr **x, int64_t *c)
{
    if ((e->op != IR_ADD && e->op != IR_SUB) || !ir_is_const(e->args[1])) return false;
    *x = e->args[0];
    *c = e->args[1]->value.i;
    if (*c == INT64_MIN || (!is_signed(e) && *c < 0)) return false;
    if (e->op == IR_SUB) *c = -*c;
    return true;
}

/* x + c. */
static const IrExpr *plus(IrKernel *k, const IrExpr *x, int64_t c)
{
    Elem elem = x->type.elem;
    if (c < 0 && !is_signed(x)) return ir_binary(k, IR_SUB, x, ir_int(k, elem, -c));
    return ir_binary(k, IR_ADD, x, ir_int(k, elem, c));
}

/* Sums read left-deep, the largest steps first: `i * 64 + j * 8 + l`; products end in the size. */
static int64_t rank_of(IrOp op, const IrExpr *e)
{
    if (op == IR_MUL) return e->op != IR_SIZE;
    if (op != IR_ADD) return 0;
    if (e->op == IR_VAR) return e->var->multiple;
    if (e->op == IR_ADD || e->op == IR_SUB) return INT64_MAX;
    if (e->op != IR_MUL) return 1;
    if (!ir_is_const(e->args[1])) return INT64_MAX - 1;
    int64_t factor = e->args[1]->value.i;
    return factor < 0 ? -(factor + 1) : factor;
}

bool ir_in_order(IrOp op, const IrExpr *a, const IrExpr *b)
{
    if (ir_is_const(a) || ir_is_const(b)) return ir_is_const(b);
    int64_t x = rank_of(op, a), y = rank_of(op, b);
    return x != y ? x > y : a->id <= b->id;
}

static const IrExpr *ordered(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    return ir_in_order(op, a, b) ? ir_operator2(k, op, a, b) : ir_operator2(k, op, b, a);
}

static const IrExpr *add_constant(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    const IrExpr *x;
    int64_t c, sum;
    if (b->value.i == 0) return a;
    if (split_sum(a, &x, &c) && base_add(c, b->value.i, &sum) && sum != INT64_MIN)
        return plus(k, x, sum);
    if (a->op == IR_SUB && ir_is_const(a->args[0])) {
        const IrExpr *total = fold(k, OP_ADD, a->args[0], b);
        if (total) return ir_binary(k, IR_SUB, total, a->args[1]);
    }
    return ir_operator2(k, IR_ADD, a, b);
}

/* x / n * n + x % n is x: what a reshaped tensor's index comes to. (linear.c knows constant n.) */
static const IrExpr *rejoin(const IrExpr *product, const IrExpr *rest)
{
    if (product->op != IR_MUL || rest->op != IR_MOD) return NULL;
    const IrExpr *x = rest->args[0], *n = rest->args[1];
    for (int i = 0; i < 2; i++) {
        const IrExpr *quotient = product->args[i];
        if (product->args[1 - i] == n && quotient->op == IR_DIV && quotient->args[0] == x &&
            quotient->args[1] == n)
            return x;
    }
    return NULL;
}

const IrExpr *ir_simplify_add(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    const IrExpr *x, *y;
    int64_t c, d;
    if (ir_is_const(b)) return add_constant(k, a, b);
    if (ir_is_const(a)) return add_constant(k, b, a);
    if (b->op == IR_NEG) return ir_binary(k, IR_SUB, a, b->args[0]);
    if (a->op == IR_NEG) return ir_binary(k, IR_SUB, b, a->args[0]);
    if (!ir_is_index(a)) return ordered(k, IR_ADD, a, b);
    const IrExpr *merged = ir_linear_merge(k, a, b, 1);
    if (!merged) merged = rejoin(a, b);
    if (!merged) merged = rejoin(b, a);
    if (merged) return merged;
    bool left = split_sum(a, &x, &c), right = split_sum(b, &y, &d);
    if (left && right && base_add(c, d, &c)) return plus(k, ir_binary(k, IR_ADD, x, y), c);
    if (left && !right) return plus(k, ir_binary(k, IR_ADD, x, b), c);
    if (right && !left) return plus(k, ir_binary(k, IR_ADD, a, y), d);
    return ordered(k, IR_ADD, a, b);
}

/* c - b. */
static const IrExpr *from_constant(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    const IrExpr *c;
    if (a->value.i == 0 && is_signed(a)) return ir_unary(k, IR_NEG, b);
    if (b->op == IR_SUB && ir_is_const(b->args[0]) && (c = fold(k, OP_SUB, a, b->args[0])))
        return ir_binary(k, IR_ADD, b->args[1], c);
    if (b->op == IR_ADD && ir_is_const(b->args[1]) && (c = fold(k, OP_SUB, a, b->args[1])))
        return ir_binary(k, IR_SUB, c, b->args[0]);
    return ir_operator2(k, IR_SUB, a, b);
}

static const IrExpr *sub_constant(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    const IrExpr *x;
    int64_t c = b->value.i, d, sum;
    if (c == 0) return a;
    if (is_signed(a) && c != INT64_MIN) return ir_binary(k, IR_ADD, a, ir_int(k, a->type.elem, -c));
    if (!is_signed(a) && c > 0 && split_sum(a, &x, &d) && base_add(d, -c, &sum) && sum != INT64_MIN)
        return plus(k, x, sum);
    return ir_operator2(k, IR_SUB, a, b);
}

const IrExpr *ir_simplify_sub(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    const IrExpr *x, *y;
    int64_t c, d;
    if (a == b) return ir_int(k, a->type.elem, 0);
    if (ir_is_const(b)) return sub_constant(k, a, b);
    if (ir_is_const(a)) return from_constant(k, a, b);
    if (b->op == IR_NEG) return ir_binary(k, IR_ADD, a, b->args[0]);
    if (!ir_is_index(a)) return NULL;
    const IrExpr *merged = ir_linear_merge(k, a, b, -1);
    if (merged) return merged;
    bool left = split_sum(a, &x, &c), right = split_sum(b, &y, &d);
    if (left && right && base_add(c, -d, &c)) return plus(k, ir_binary(k, IR_SUB, x, y), c);
    if (left && !right) return plus(k, ir_binary(k, IR_SUB, x, b), c);
    if (right && !left) return plus(k, ir_binary(k, IR_SUB, a, y), -d);
    return NULL;
}

/* (x + c) * f as x * f + c * f; of type index only, where no wrap hides in it. */
static const IrExpr *distribute(IrKernel *k, const IrExpr *a, const IrExpr *f)
{
    if (!ir_is_index(a) || (a->op != IR_ADD && a->op != IR_SUB)) return NULL;
    int constant = ir_is_const(a->args[1]) ? 1 : ir_is_const(a->args[0]) ? 0 : -1;
    if (constant < 0) return NULL;
    const IrExpr *product = fold(k, OP_MUL, a->args[constant], f);
    if (!product) return NULL;
    const IrExpr *other = ir_binary(k, IR_MUL, a->args[1 - constant], f);
    return constant ? ir_binary(k, a->op, other, product) : ir_binary(k, a->op, product, other);
}

static const IrExpr *mul_constant(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    if (b->value.i == 0) return b;
    if (b->value.i == 1) return a;
    if (b->value.i == -1 && is_signed(b)) return ir_unary(k, IR_NEG, a);
    if (a->op == IR_MUL && ir_is_const(a->args[1])) {
        const IrExpr *product = fold(k, OP_MUL, a->args[1], b);
        if (product) return ir_binary(k, IR_MUL, a->args[0], product);
    }
    if (a->op == IR_NEG && is_signed(a)) {
        const IrExpr *factor = ir_unary(k, IR_NEG, b);
        if (ir_is_const(factor)) return ir_binary(k, IR_MUL, a->args[0], factor);
    }
    const IrExpr *r = distribute(k, a, b);
    return r ? r : ir_operator2(k, IR_MUL, a, b);
}

const IrExpr *ir_simplify_mul(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    if (ir_is_const(b)) return mul_constant(k, a, b);
    if (ir_is_const(a)) return mul_constant(k, b, a);
    /* Constant factors move out, where they meet those of a division. */
    if (ir_is_index(a) && a->op == IR_MUL && ir_is_const(a->args[1]))
        return ir_binary(k, IR_MUL, ir_binary(k, IR_MUL, a->args[0], b), a->args[1]);
    if (ir_is_index(a) && b->op == IR_MUL && ir_is_const(b->args[1]))
        return ir_binary(k, IR_MUL, ir_binary(k, IR_MUL, a, b->args[0]), b->args[1]);
    return ordered(k, IR_MUL, a, b);
}

const IrExpr *ir_simplify_minmax(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    if (a == b) return a;
    bool low = op == IR_MIN;
    if (a->hi <= b->lo) return low ? a : b;
    if (b->hi <= a->lo) return low ? b : a;
    if (ir_is_const(a)) return ir_simplify_minmax(k, op, b, a);
    if (ir_is_const(b) && a->op == op && ir_is_const(a->args[1]))
        return ir_binary(k, op, a->args[0], ir_binary(k, op, a->args[1], b));
    if ((a->op == op && (a->args[0] == b || a->args[1] == b))) return a;
    if ((b->op == op && (b->args[0] == a || b->args[1] == a))) return b;
    const IrExpr *d = ir_is_index(a) ? ir_linear_merge(k, a, b, -1) : NULL;
    if (d && d->lo >= 0) return low ? b : a;
    if (d && d->hi <= 0) return low ? a : b;
    return ordered(k, op, a, b);
}

/* Floats are strict: only what gives the same bits for every operand. */
const IrExpr *ir_simplify_float(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    (void)k;
    if (!ir_is_const(b)) return NULL;
    double v = b->value.f;
    if ((op == IR_MUL || op == IR_DIV) && v == 1) return a;
    if (op == IR_SUB && v == 0 && !__builtin_signbit(v)) return a;
    if (op == IR_ADD && v == 0 && __builtin_signbit(v)) return a;
    return NULL;
}
