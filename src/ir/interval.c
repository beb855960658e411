/* Integer intervals of nodes. Every value is a mathematical integer in [lo, hi], where INT64_MIN
 * and INT64_MAX stand for infinity; a sized type's value that might have wrapped has its type's
 * range.
 */
#include "ir/nodes.h"

static bool infinite(int64_t v)
{
    return v == INT64_MIN || v == INT64_MAX;
}

int64_t ir_sat_add(int64_t a, int64_t b)
{
    int64_t r;
    if (infinite(a)) return a;
    if (infinite(b)) return b;
    if (base_add(a, b, &r)) return r;
    return a < 0 ? INT64_MIN : INT64_MAX;
}

static int64_t sat_neg(int64_t a)
{
    return a == INT64_MIN ? INT64_MAX : a == INT64_MAX ? INT64_MIN : -a;
}

int64_t ir_sat_mul(int64_t a, int64_t b)
{
    int64_t r;
    if (a == 0 || b == 0) return 0;
    if (!infinite(a) && !infinite(b) && base_mul(a, b, &r)) return r;
    return (a < 0) == (b < 0) ? INT64_MAX : INT64_MIN;
}

Interval ir_type_range(IrType type)
{
    Interval r = {INT64_MIN, INT64_MAX};
    if (type.lanes == 1 && vocab_elem_is_int(type.elem)) scalar_int_range(type.elem, &r.lo, &r.hi);
    return r;
}

static Interval of(const IrExpr *e)
{
    return (Interval){e->lo, e->hi};
}

static Interval hull4(int64_t a, int64_t b, int64_t c, int64_t d)
{
    Interval r = {a, a};
    const int64_t rest[] = {b, c, d};
    for (int i = 0; i < 3; i++) {
        if (rest[i] < r.lo) r.lo = rest[i];
        if (rest[i] > r.hi) r.hi = rest[i];
    }
    return r;
}

static Interval range_mul(Interval a, Interval b)
{
    return hull4(ir_sat_mul(a.lo, b.lo), ir_sat_mul(a.lo, b.hi), ir_sat_mul(a.hi, b.lo),
                 ir_sat_mul(a.hi, b.hi));
}

static int64_t quotient(bool floors, int64_t a, int64_t b)
{
    if (infinite(a)) return a;
    if (b == INT64_MAX) return floors && a < 0 ? -1 : 0;
    return floors ? base_floor_div(a, b) : a / b;
}

/* What numbers divide by that are not below 0. Integers divided by 0 give 0, which quotients by 1
 * and more allow for; what indices give, nobody uses. */
static Interval divisors(Interval a, Interval b)
{
    return (Interval){b.lo == 0 && a.lo >= 0 ? 1 : b.lo, b.hi < 1 ? 1 : b.hi};
}

static Interval range_div(bool floors, IrType type, Interval a, Interval b)
{
    b = divisors(a, b);
    if (b.lo < 1) return ir_type_range(type);
    return hull4(quotient(floors, a.lo, b.lo), quotient(floors, a.lo, b.hi),
                 quotient(floors, a.hi, b.lo), quotient(floors, a.hi, b.hi));
}

static Interval range_mod(bool floors, IrType type, Interval a, Interval b)
{
    b = divisors(a, b);
    if (b.lo < 1) return ir_type_range(type);
    if (a.lo >= 0 && a.hi < b.lo) return a;
    int64_t top = infinite(b.hi) ? b.hi : b.hi - 1;
    if (a.lo >= 0) return (Interval){0, a.hi < top ? a.hi : top};
    return (Interval){floors ? 0 : sat_neg(top), top};
}

/* All ones up to the highest bit of v. */
static int64_t mask_of(int64_t v)
{
    return v == 0 ? 0 : (int64_t)(UINT64_MAX >> __builtin_clzll((uint64_t)v));
}

static Interval range_bits(IrOp op, IrType type, Interval a, Interval b)
{
    if (op == IR_BITAND && (a.lo >= 0 || b.lo >= 0)) {
        int64_t hi = a.lo < 0 ? b.hi : b.lo < 0 ? a.hi : a.hi < b.hi ? a.hi : b.hi;
        return (Interval){0, hi};
    }
    if (op == IR_BITAND || a.lo < 0 || b.lo < 0) return ir_type_range(type);
    int64_t lo = op == IR_BITXOR ? 0 : a.lo > b.lo ? a.lo : b.lo;
    return (Interval){lo, mask_of(a.hi > b.hi ? a.hi : b.hi)};
}

static Interval range_shift(IrOp op, IrType type, Interval a, const IrExpr *amount)
{
    bool fixed = amount->lo == amount->hi && amount->lo >= 0 && amount->lo < 62;
    if (op == IR_SHL) {
        if (!fixed) return ir_type_range(type);
        int64_t factor = (int64_t)1 << amount->lo;
        return (Interval){ir_sat_mul(a.lo, factor), ir_sat_mul(a.hi, factor)};
    }
    if (fixed) {
        return (Interval){infinite(a.lo) ? a.lo : a.lo >> amount->lo,
                          infinite(a.hi) ? a.hi : a.hi >> amount->lo};
    }
    if (a.lo >= 0) return (Interval){0, a.hi};
    return ir_type_range(type);
}

static Interval range_abs(Interval a)
{
    if (a.lo >= 0) return a;
    int64_t low = sat_neg(a.lo);
    if (a.hi <= 0) return (Interval){sat_neg(a.hi), low};
    return (Interval){0, low > a.hi ? low : a.hi};
}

static Interval join(Interval a, Interval b)
{
    return (Interval){a.lo < b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}

static Interval range_minmax(IrOp op, Interval a, Interval b)
{
    if (op == IR_MIN) return (Interval){a.lo < b.lo ? a.lo : b.lo, a.hi < b.hi ? a.hi : b.hi};
    return (Interval){a.lo > b.lo ? a.lo : b.lo, a.hi > b.hi ? a.hi : b.hi};
}

static Interval range_binary(IrOp op, IrType type, const IrExpr *const *args)
{
    Interval a = of(args[0]), b = of(args[1]);
    bool floors = type.elem == ELEM_INDEX;
    if (op == IR_ADD) return (Interval){ir_sat_add(a.lo, b.lo), ir_sat_add(a.hi, b.hi)};
    if (op == IR_SUB)
        return (Interval){ir_sat_add(a.lo, sat_neg(b.hi)), ir_sat_add(a.hi, sat_neg(b.lo))};
    if (op == IR_MUL) return range_mul(a, b);
    if (op == IR_DIV) return range_div(floors, type, a, b);
    if (op == IR_MOD) return range_mod(floors, type, a, b);
    if (op == IR_MIN || op == IR_MAX) return range_minmax(op, a, b);
    if (op == IR_BITAND || op == IR_BITOR || op == IR_BITXOR) return range_bits(op, type, a, b);
    if (op == IR_SHL || op == IR_SHR) return range_shift(op, type, a, args[1]);
    return ir_type_range(type);
}

static Interval range_const(IrType type, int64_t value)
{
    if (type.elem == ELEM_U64 && value < 0) return ir_type_range(type);
    /* The extremes look like infinities: not at the end where that would say too much. */
    if (value == INT64_MIN) return (Interval){value, value + 1};
    if (value == INT64_MAX) return (Interval){value - 1, value};
    return (Interval){value, value};
}

/* Before the type's own bounds are applied. */
static Interval range_exact(IrOp op, IrType type, uint64_t payload, int count,
                            const IrExpr *const *args)
{
    if (op == IR_CONST) return range_const(type, (int64_t)payload);
    if (op == IR_NEG) return (Interval){sat_neg(args[0]->hi), sat_neg(args[0]->lo)};
    if (op == IR_ABS) return range_abs(of(args[0]));
    if (op == IR_SELECT) return join(of(args[1]), of(args[2]));
    if (op == IR_CAST && ir_is_integer(args[0])) return of(args[0]);
    if (op == IR_POPCOUNT || op == IR_CLZ || op == IR_CTZ)
        return (Interval){0, vocab_elem(type.elem)->bits};
    if (count == 2 && op >= IR_ADD && op <= IR_SHR) return range_binary(op, type, args);
    return ir_type_range(type);
}

static bool hides_wrap(IrOp op, IrType type, const IrExpr *const *args)
{
    if (op == IR_CAST) return args[0]->type.elem == ELEM_U64;
    if (type.elem == ELEM_INDEX) return false;
    return op == IR_ADD || op == IR_SUB || op == IR_MUL || op == IR_NEG || op == IR_SHL ||
           op == IR_ABS || op == IR_BITNOT;
}

Interval ir_interval(IrOp op, IrType type, uint64_t payload, int count, const IrExpr *const *args)
{
    Interval full = {INT64_MIN, INT64_MAX};
    if (type.lanes != 1 || !vocab_elem_is_int(type.elem)) return full;
    full = ir_type_range(type);
    Interval r = range_exact(op, type, payload, count, args);
    /* A sized value outside its type has wrapped, and infinity may hide a wrap of 64 bits. */
    if (r.lo < full.lo || r.hi > full.hi) return full;
    if (!ir_known(r) && hides_wrap(op, type, args)) return full;
    return r;
}
