/* Exact scalars: making, casting, bits, text, and the operators. See scalar.h for the rules. */
#include "vocab/scalar_float.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static bool is_float(Elem elem)
{
    return vocab_elem(elem)->cls == CLASS_FLOAT;
}

static bool is_unsigned(Elem elem)
{
    return vocab_elem(elem)->cls == CLASS_UINT;
}

/* `value` reduced to the type's width. */
static int64_t wrap(Elem elem, int64_t value)
{
    const ElemInfo *info = vocab_elem(elem);
    if (info->cls == CLASS_BOOL) return value & 1;
    if (info->bits == 64) return value;
    int shift = 64 - info->bits;
    uint64_t top = (uint64_t)value << shift;
    return info->cls == CLASS_UINT ? (int64_t)(top >> shift) : (int64_t)top >> shift;
}

static Scalar make_int(Elem elem, int64_t value)
{
    return (Scalar){.elem = elem, .i = wrap(elem, value)};
}

static Scalar make_float(Elem elem, double value)
{
    return (Scalar){.elem = elem, .f = float_round(elem, value)};
}

static Scalar make_bool(bool value)
{
    return (Scalar){.elem = ELEM_BOOL, .i = value};
}

Scalar scalar_int(Elem elem, int64_t value)
{
    if (is_float(elem)) return scalar_cast(elem, (Scalar){.elem = ELEM_I64, .i = value});
    return make_int(elem, value);
}

Scalar scalar_float(Elem elem, double value)
{
    return make_float(elem, value);
}

bool scalar_int_range(Elem elem, int64_t *lo, int64_t *hi)
{
    const ElemInfo *info = vocab_elem(elem);
    *lo = INT64_MIN, *hi = INT64_MAX;
    if (info->cls == CLASS_BOOL) {
        *lo = 0, *hi = 1;
    } else if (info->cls == CLASS_UINT) {
        *lo = 0;
        if (info->bits < 64) *hi = ((int64_t)1 << info->bits) - 1;
    } else if (info->bits < 64) {
        *hi = ((int64_t)1 << (info->bits - 1)) - 1;
        *lo = -*hi - 1;
    }
    return elem != ELEM_U64;
}

static Scalar float_to_int(Elem to, double value)
{
    if (isnan(value)) return make_int(to, 0);
    value = trunc(value);
    if (to == ELEM_U64) {
        if (value <= 0) return make_int(to, 0);
        return make_int(to, value >= 0x1p64 ? -1 : (int64_t)(uint64_t)value);
    }
    int64_t lo, hi;
    scalar_int_range(to, &lo, &hi);
    if (value >= 0x1p63 || (value > 0 && (int64_t)value > hi)) return make_int(to, hi);
    if (value < -0x1p63 || (int64_t)value < lo) return make_int(to, lo);
    return make_int(to, (int64_t)value);
}

Scalar scalar_cast(Elem to, Scalar value)
{
    bool from_float = is_float(value.elem);
    if (to == ELEM_BOOL) return make_bool(scalar_true(value));
    if (is_float(to)) {
        if (from_float) return make_float(to, value.f);
        bool natural = value.elem == ELEM_U64;
        if (to == ELEM_F64)
            return make_float(to, natural ? (double)(uint64_t)value.i : (double)value.i);
        /* Also for f32: the way through a double must not round twice. */
        return make_float(to, float_from_int_odd(value.i, natural));
    }
    return from_float ? float_to_int(to, value.f) : make_int(to, value.i);
}

uint64_t scalar_bits(Scalar value)
{
    if (is_float(value.elem)) return float_encode(value.elem, value.f);
    int bits = vocab_elem(value.elem)->bits;
    uint64_t mask = bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
    return (uint64_t)value.i & mask;
}

Scalar scalar_from_bits(Elem elem, uint64_t bits)
{
    if (is_float(elem)) return (Scalar){.elem = elem, .f = float_decode(elem, bits)};
    if (elem == ELEM_BOOL) return make_bool(bits != 0);
    return make_int(elem, (int64_t)bits);
}

bool scalar_bitcast(Elem to, Scalar value, Scalar *out)
{
    if (vocab_elem(to)->bits != vocab_elem(value.elem)->bits) return false;
    if (to == ELEM_INDEX || value.elem == ELEM_INDEX) return false;
    *out = scalar_from_bits(to, scalar_bits(value));
    return true;
}

double scalar_to_double(Scalar value)
{
    if (is_float(value.elem)) return value.f;
    return value.elem == ELEM_U64 ? (double)(uint64_t)value.i : (double)value.i;
}

bool scalar_true(Scalar value)
{
    return is_float(value.elem) ? value.f != 0 : value.i != 0;
}

bool scalar_is_nan(Scalar value)
{
    return is_float(value.elem) && isnan(value.f);
}

bool scalar_float_holds(Elem outer, Elem inner)
{
    const FloatFormat *a = float_format(outer), *b = float_format(inner);
    if (b->infinities && !a->infinities) return false;
    /* Exponent fields are ordered like ranges; the smallest quantum follows from both fields. */
    return a->mantissa >= b->mantissa && a->exponent >= b->exponent;
}

bool scalar_same(Scalar a, Scalar b)
{
    return a.elem == b.elem && scalar_bits(a) == scalar_bits(b);
}

/* ---- text ---------------------------------------------------------------------------------- */

static bool reads_back(Elem elem, const char *text, double value)
{
    if (elem == ELEM_F32 && strtof(text, NULL) != (float)value) return false;
    return float_round(elem, strtod(text, NULL)) == value;
}

static char *float_text(Arena *arena, Elem elem, double value)
{
    if (isnan(value)) return base_format(arena, "nan");
    if (isinf(value)) return base_format(arena, value < 0 ? "-inf" : "inf");
    char text[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (reads_back(elem, text, value)) break;
    }
    return base_format(arena, strpbrk(text, ".e") ? "%s" : "%s.0", text);
}

char *scalar_text(Arena *arena, Scalar value)
{
    if (is_float(value.elem)) return float_text(arena, value.elem, value.f);
    if (value.elem == ELEM_BOOL) return base_format(arena, value.i ? "true" : "false");
    if (value.elem == ELEM_U64) return base_format(arena, "%llu", (unsigned long long)value.i);
    return base_format(arena, "%lld", (long long)value.i);
}

/* ---- operators ----------------------------------------------------------------------------- */

bool scalar_unary(Op op, Scalar a, Scalar *out)
{
    bool real = is_float(a.elem);
    if (op == OP_NOT) {
        *out = make_bool(!a.i);
        return a.elem == ELEM_BOOL;
    }
    if (a.elem == ELEM_BOOL) return false;
    if (op == OP_BITNOT) {
        *out = make_int(a.elem, ~a.i);
        return !real;
    }
    if (op != OP_NEG || (a.elem == ELEM_INDEX && a.i == INT64_MIN)) return false;
    *out = real ? make_float(a.elem, -a.f) : make_int(a.elem, (int64_t)(0 - (uint64_t)a.i));
    return true;
}

static int order_of(Scalar a, Scalar b)
{
    if (is_unsigned(a.elem)) {
        uint64_t x = (uint64_t)a.i, y = (uint64_t)b.i;
        return (x > y) - (x < y);
    }
    return (a.i > b.i) - (a.i < b.i);
}

static bool compare(Op op, Scalar a, Scalar b, Scalar *out)
{
    bool less, equal;
    if (is_float(a.elem)) {
        less = a.f < b.f, equal = a.f == b.f;
        if (isnan(a.f) || isnan(b.f)) {
            *out = make_bool(op == OP_NE);
            return true;
        }
    } else {
        less = order_of(a, b) < 0, equal = order_of(a, b) == 0;
    }
    *out = make_bool(op == OP_EQ   ? equal
                     : op == OP_NE ? !equal
                     : op == OP_LT ? less
                     : op == OP_LE ? less || equal
                     : op == OP_GT ? !less && !equal
                                   : !less);
    return true;
}

static double float_min(double a, double b)
{
    if (isnan(a) || isnan(b)) return (double)NAN;
    if (a == b) return signbit(a) ? a : b; /* -0 is below +0 */
    return a < b ? a : b;
}

static bool binary_float(Op op, Scalar a, Scalar b, Scalar *out)
{
    double x = a.f, y = b.f, r;
    /* Rounding a double result again is innocuous for + - * / where the format has at most 24
     * bits (2 * 24 + 2 <= 53). */
    if (op == OP_ADD) {
        r = x + y;
    } else if (op == OP_SUB) {
        r = x - y;
    } else if (op == OP_MUL) {
        r = x * y;
    } else if (op == OP_DIV) {
        r = x / y;
    } else if (op == OP_MOD) {
        r = fmod(x, y);
    } else if (op == OP_MIN) {
        r = float_min(x, y);
    } else if (op == OP_MAX) {
        r = -float_min(-x, -y);
    } else {
        return false;
    }
    *out = make_float(a.elem, r);
    return true;
}

static bool shift(Op op, Scalar a, Scalar b, Scalar *out)
{
    int width = vocab_elem(a.elem)->bits;
    if (is_float(b.elem) || (uint64_t)b.i >= (uint64_t)width) return false;
    if (op == OP_SHR) {
        *out = make_int(a.elem, is_unsigned(a.elem) ? (int64_t)((uint64_t)a.i >> b.i) : a.i >> b.i);
        return true;
    }
    *out = make_int(a.elem, (int64_t)((uint64_t)a.i << b.i));
    return a.elem != ELEM_INDEX || out->i >> b.i == a.i;
}

/* Division and remainder: floors on index, truncates else. */
static bool divide(Op op, Scalar a, Scalar b, Scalar *out)
{
    if (b.i == 0) return false;
    if (is_unsigned(a.elem)) {
        uint64_t x = (uint64_t)a.i, y = (uint64_t)b.i;
        *out = make_int(a.elem, (int64_t)(op == OP_DIV ? x / y : x % y));
        return true;
    }
    if (b.i == -1) { /* INT64_MIN / -1 would trap */
        if (op == OP_DIV) return scalar_unary(OP_NEG, a, out);
        *out = make_int(a.elem, 0);
        return true;
    }
    bool floors = a.elem == ELEM_INDEX;
    int64_t q = floors ? base_floor_div(a.i, b.i) : a.i / b.i;
    /* q * b itself may pass the range by less than b. */
    int64_t rest = (int64_t)((uint64_t)a.i - (uint64_t)q * (uint64_t)b.i);
    *out = make_int(a.elem, op == OP_DIV ? q : rest);
    return true;
}

/* + - *: wrapping on sized types, overflow undefined on index. */
static bool ring(Op op, Scalar a, Scalar b, Scalar *out)
{
    int64_t r;
    bool over = op == OP_ADD   ? __builtin_add_overflow(a.i, b.i, &r)
                : op == OP_SUB ? __builtin_sub_overflow(a.i, b.i, &r)
                               : __builtin_mul_overflow(a.i, b.i, &r);
    *out = make_int(a.elem, r);
    return !over || a.elem != ELEM_INDEX;
}

static bool binary_int(Op op, Scalar a, Scalar b, Scalar *out)
{
    if (op == OP_SHL || op == OP_SHR) return shift(op, a, b, out);
    if (op == OP_DIV || op == OP_MOD) return divide(op, a, b, out);
    if (op == OP_ADD || op == OP_SUB || op == OP_MUL) return ring(op, a, b, out);
    if (op == OP_MIN || op == OP_MAX) {
        *out = (order_of(a, b) < 0) == (op == OP_MIN) ? a : b;
        return true;
    }
    *out = make_int(a.elem, op == OP_BITAND ? a.i & b.i : op == OP_BITOR ? a.i | b.i : a.i ^ b.i);
    return op == OP_BITAND || op == OP_BITOR || op == OP_BITXOR;
}

bool scalar_binary(Op op, Scalar a, Scalar b, Scalar *out)
{
    int flags = vocab_op(op)->flags;
    if (flags & OP_COMPARES) return compare(op, a, b, out);
    if (is_float(a.elem)) return binary_float(op, a, b, out);
    if (flags & OP_LOGICAL) {
        *out = make_bool(op == OP_AND ? a.i && b.i : a.i || b.i);
        return a.elem == ELEM_BOOL;
    }
    if (a.elem == ELEM_BOOL && op != OP_BITAND && op != OP_BITOR && op != OP_BITXOR) return false;
    return binary_int(op, a, b, out);
}
