/* The builder's expression makers: fold, simplify, or make the node. */
#include "ir/nodes.h"

static bool all_const(int count, const IrExpr *const *args)
{
    for (int i = 0; i < count; i++)
        if (args[i]->op != IR_CONST) return false;
    return true;
}

/* The constant that a node of integer type must be by its interval; else the node. */
static const IrExpr *settle(IrKernel *k, const IrExpr *e)
{
    if (e->lo != e->hi || e->op == IR_CONST || !ir_is_integer(e)) return e;
    if (!ir_known((Interval){e->lo, e->hi})) return e;
    return ir_int(k, e->type.elem, e->lo);
}

const IrExpr *ir_unary(IrKernel *k, IrOp op, const IrExpr *a)
{
    if (ir_op_builtin(op)) return ir_math(k, op, 1, &a);
    Scalar r;
    if (ir_is_const(a) && scalar_unary(ir_op_operator(op), a->value, &r)) return ir_const(k, r);
    if (op == IR_NOT) {
        const IrExpr *s = ir_simplify_not(k, a);
        if (s) return s;
    }
    if (op != IR_NOT && a->op == op) return a->args[0];
    if (op == IR_NEG && ir_is_integer(a) && a->op == IR_SUB)
        return ir_binary(k, IR_SUB, a->args[1], a->args[0]);
    return settle(k, ir_operator(k, op, 1, &a));
}

static const IrExpr *simplify_integer(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    if (op == IR_ADD) return ir_simplify_add(k, a, b);
    if (op == IR_SUB) return ir_simplify_sub(k, a, b);
    if (op == IR_MUL) return ir_simplify_mul(k, a, b);
    if (op == IR_DIV) return ir_simplify_div(k, a, b);
    if (op == IR_MOD) return ir_simplify_mod(k, a, b);
    if (op == IR_MIN || op == IR_MAX) return ir_simplify_minmax(k, op, a, b);
    if (op == IR_SHL || op == IR_SHR) return ir_simplify_shift(k, op, a, b);
    if (op == IR_BITAND || op == IR_BITOR || op == IR_BITXOR) return ir_simplify_bits(k, op, a, b);
    return NULL;
}

static const IrExpr *simplify(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    if (a->type.lanes != 1) return NULL;
    if (op >= IR_EQ && op <= IR_GE) return ir_simplify_compare(k, op, a, b);
    if (op == IR_AND || op == IR_OR) return ir_simplify_logic(k, op, a, b);
    if (vocab_elem_is_int(a->type.elem)) return simplify_integer(k, op, a, b);
    if (vocab_elem_is_float(a->type.elem)) return ir_simplify_float(k, op, a, b);
    return NULL;
}

const IrExpr *ir_binary(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    Scalar r;
    if (ir_is_const(a) && ir_is_const(b) &&
        scalar_binary(ir_op_operator(op), a->value, b->value, &r))
        return ir_const(k, r);
    const IrExpr *s = simplify(k, op, a, b);
    return settle(k, s ? s : ir_operator2(k, op, a, b));
}

const IrExpr *ir_select(IrKernel *k, const IrExpr *c, const IrExpr *a, const IrExpr *b)
{
    if (ir_is_const(c)) return c->value.i ? a : b;
    if (a == b) return a;
    if (c->op == IR_NOT) return ir_select(k, c->args[0], b, a);
    if (a->type.elem == ELEM_BOOL && a->type.lanes == 1) {
        if (ir_is_const(a))
            return a->value.i ? ir_binary(k, IR_OR, c, b)
                              : ir_binary(k, IR_AND, ir_unary(k, IR_NOT, c), b);
        if (ir_is_const(b) && !b->value.i) return ir_binary(k, IR_AND, c, a);
    }
    const IrExpr *args[] = {c, a, b};
    return ir_operator(k, IR_SELECT, 3, args);
}

/* ---- conversions ----------------------------------------------------------------------------- */

/* Does a cast to `to` keep every value of e? */
static bool keeps(const IrExpr *e, Elem to)
{
    Elem from = e->type.elem;
    if (vocab_elem_is_float(from) && vocab_elem_is_float(to)) return scalar_float_holds(to, from);
    if (!vocab_elem_is_int(from) || !vocab_elem_is_int(to) || e->type.lanes != 1) return false;
    Interval range = ir_type_range((IrType){to, 1});
    /* Infinity holds of u64 what no other type does. */
    if (e->hi == INT64_MAX && (from == ELEM_U64) != (to == ELEM_U64))
        return from != ELEM_U64 && e->lo >= 0;
    return e->lo >= range.lo && e->hi <= range.hi;
}

const IrExpr *ir_cast(IrKernel *k, IrType to, const IrExpr *a)
{
    if (a->type.elem == to.elem) return a;
    if (ir_is_const(a)) return ir_const(k, scalar_cast(to.elem, a->value));
    if (a->op == IR_CAST && keeps(a->args[0], a->type.elem)) return ir_cast(k, to, a->args[0]);
    return settle(k, ir_node(k, IR_CAST, to, 0, 0, 1, &a));
}

const IrExpr *ir_bitcast(IrKernel *k, IrType to, const IrExpr *a)
{
    if (a->type.elem == to.elem && a->type.lanes == to.lanes) return a;
    Scalar r;
    if (ir_is_const(a) && to.lanes == 1 && !scalar_is_nan(a->value) &&
        scalar_bitcast(to.elem, a->value, &r) && !scalar_is_nan(r))
        return ir_const(k, r); /* a NaN's bits are the target's affair */
    if (a->op == IR_BITCAST) return ir_bitcast(k, to, a->args[0]);
    return ir_node(k, IR_BITCAST, to, 0, 0, 1, &a);
}

static const IrExpr *fold_math(IrKernel *k, IrOp op, int count, const IrExpr *const *args)
{
    Scalar values[4], r;
    if (count > (int)BASE_LEN(values) || !all_const(count, args)) return NULL;
    for (int i = 0; i < count; i++) values[i] = args[i]->value;
    return scalar_math(ir_op_builtin(op), values, count, &r) ? ir_const(k, r) : NULL;
}

const IrExpr *ir_math(IrKernel *k, IrOp op, int count, const IrExpr *const *args)
{
    if (op == IR_MIN || op == IR_MAX) return ir_binary(k, op, args[0], args[1]);
    const IrExpr *folded = fold_math(k, op, count, args);
    if (folded) return folded;
    if (op == IR_ABS && ir_is_integer(args[0]) && args[0]->lo >= 0) return args[0];
    return settle(k, ir_operator(k, op, count, args));
}

/* ---- vectors --------------------------------------------------------------------------------- */

const IrExpr *ir_vector(IrKernel *k, IrType type, const IrExpr *const *lanes)
{
    bool equal = true, same_source = lanes[0]->op == IR_LANE;
    const IrExpr *source = same_source ? lanes[0]->args[0] : NULL;
    for (int i = 0; i < type.lanes; i++) {
        equal = equal && lanes[i] == lanes[0];
        same_source = same_source && lanes[i]->op == IR_LANE && lanes[i]->imm == i &&
                      lanes[i]->args[0] == source;
    }
    if (same_source && source->type.lanes == type.lanes) return source;
    if (equal) return ir_splat(k, type.lanes, lanes[0]);
    return ir_node(k, IR_VECTOR, type, 0, 0, type.lanes, lanes);
}

const IrExpr *ir_lane(IrKernel *k, const IrExpr *a, int lane)
{
    if (a->type.lanes == 1) return a;
    if (a->op == IR_VECTOR) return a->args[lane];
    if (a->op == IR_SPLAT) return a->args[0];
    return ir_node(k, IR_LANE, (IrType){a->type.elem, 1}, 0, (uint64_t)lane, 1, &a);
}

const IrExpr *ir_splat(IrKernel *k, int lanes, const IrExpr *a)
{
    if (lanes == 1) return a;
    return ir_node(k, IR_SPLAT, (IrType){a->type.elem, lanes}, 0, 0, 1, &a);
}

/* ---- loads ----------------------------------------------------------------------------------- */

const IrExpr *ir_load_with(IrKernel *k, const IrTensor *t, int lanes, uint32_t flags,
                           const IrExpr *const *index, const IrExpr *guard, const IrExpr *otherwise)
{
    const IrExpr *args[MAPPING_MAX_RANK + 4];
    int count = flags & IR_LINEAR ? 1 : t->rank;
    if (count > (int)BASE_LEN(args) - 2)
        base_internal(base_arena_escape(k->arena), "load of a tensor of rank %d", t->rank);
    for (int i = 0; i < count; i++) args[i] = index[i];
    flags &= ~(uint32_t)IR_GUARDED;
    if (guard && ir_is_const(guard)) {
        if (!guard->value.i) return otherwise;
        guard = NULL;
    }
    if (guard) {
        flags |= IR_GUARDED;
        args[count++] = guard;
        args[count++] = otherwise;
    }
    uint64_t payload = (uint64_t)(uintptr_t)t;
    return ir_node(k, IR_LOAD, (IrType){t->elem, lanes}, flags, payload, count, args);
}

const IrExpr *ir_load(IrKernel *k, const IrTensor *t, int lanes, const IrExpr *const *index,
                      const IrExpr *guard, const IrExpr *otherwise)
{
    return ir_load_with(k, t, lanes, 0, index, guard, otherwise);
}

/* ---- again ----------------------------------------------------------------------------------- */

static const IrExpr *rebuild_load(IrKernel *k, const IrExpr *e, const IrExpr *const *args)
{
    bool guarded = e->flags & IR_GUARDED;
    int count = (int)e->count - (guarded ? 2 : 0);
    return ir_load_with(k, e->tensor, e->type.lanes, e->flags, args, guarded ? args[count] : NULL,
                        guarded ? args[count + 1] : NULL);
}

const IrExpr *ir_rebuild(IrKernel *k, const IrExpr *e, const IrExpr *const *args)
{
    if (e->count == 0) return e;
    if (ir_op_operator(e->op))
        return e->count == 1 ? ir_unary(k, e->op, args[0]) : ir_binary(k, e->op, args[0], args[1]);
    if (ir_op_builtin(e->op)) return ir_math(k, e->op, (int)e->count, args);
    if (e->op == IR_LOAD) return rebuild_load(k, e, args);
    if (e->op == IR_SELECT) return ir_select(k, args[0], args[1], args[2]);
    if (e->op == IR_CAST) return ir_cast(k, e->type, args[0]);
    if (e->op == IR_BITCAST) return ir_bitcast(k, e->type, args[0]);
    if (e->op == IR_VECTOR) return ir_vector(k, e->type, args);
    if (e->op == IR_LANE) return ir_lane(k, args[0], (int)e->imm);
    return ir_splat(k, e->type.lanes, args[0]);
}

/* ---- multiples ------------------------------------------------------------------------------- */

enum { MULTIPLE_DEPTH = 6 };
static const int64_t MULTIPLE_CAP = (int64_t)1 << 40;

static int64_t multiple_of(const IrExpr *e, int depth);

static int64_t multiple_binary(const IrExpr *e, int depth)
{
    int64_t a = multiple_of(e->args[0], depth), b = multiple_of(e->args[1], depth), r;
    if (e->op == IR_MUL) {
        if (base_mul(a, b, &r) && r <= MULTIPLE_CAP) return r;
        return a > b ? a : b;
    }
    if (e->op == IR_DIV)
        return ir_is_const(e->args[1]) && e->args[1]->value.i > 0 && a % e->args[1]->value.i == 0
                   ? a / e->args[1]->value.i
                   : 1;
    return base_gcd(a, b); /* + - % min max */
}

/* Bits keep the zeros that both have at the end. */
static int64_t multiple_bits(const IrExpr *e, int depth)
{
    int64_t common = base_gcd(multiple_of(e->args[0], depth), multiple_of(e->args[1], depth));
    return common & -common;
}

static int64_t multiple_of(const IrExpr *e, int depth)
{
    if (e->op == IR_CONST) {
        int64_t v = e->value.i;
        return v == INT64_MIN ? 1 : v < 0 ? -v : v;
    }
    if (e->op == IR_VAR) return e->var->multiple;
    if (depth == 0 || !ir_is_index(e)) return 1;
    if (e->op == IR_NEG) return multiple_of(e->args[0], depth - 1);
    if (e->op == IR_SELECT)
        return base_gcd(multiple_of(e->args[1], depth - 1), multiple_of(e->args[2], depth - 1));
    if (e->op == IR_CAST && ir_is_integer(e->args[0]) && keeps(e->args[0], ELEM_INDEX))
        return multiple_of(e->args[0], depth - 1);
    if (e->op >= IR_ADD && e->op <= IR_MAX) return multiple_binary(e, depth - 1);
    if (e->op >= IR_BITAND && e->op <= IR_BITXOR) return multiple_bits(e, depth - 1);
    return 1;
}

int64_t ir_multiple(const IrExpr *e)
{
    return ir_is_integer(e) ? multiple_of(e, MULTIPLE_DEPTH) : 1;
}
