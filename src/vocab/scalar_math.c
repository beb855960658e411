/* The mathematical built-ins on scalars. */
#include "vocab/scalar_float.h"

#include <math.h>

/* What the approximations approximate. */
static bool math_approx(Builtin builtin, Elem elem, double x, Scalar *out)
{
    double r = builtin == BUILTIN_APPROX_EXP2    ? exp2(x)
               : builtin == BUILTIN_APPROX_LOG2  ? log2(x)
               : builtin == BUILTIN_APPROX_RCP   ? 1 / x
               : builtin == BUILTIN_APPROX_RSQRT ? 1 / sqrt(x)
               : builtin == BUILTIN_APPROX_SQRT  ? sqrt(x)
               : builtin == BUILTIN_APPROX_SIN   ? sin(x)
               : builtin == BUILTIN_APPROX_COS   ? cos(x)
                                                 : tanh(x);
    *out = scalar_float(elem, r);
    return builtin >= BUILTIN_APPROX_EXP2 && builtin <= BUILTIN_APPROX_TANH;
}

static bool math_float(Builtin builtin, Elem elem, double x, Scalar *out)
{
    double r;
    if (builtin == BUILTIN_ABS) {
        r = fabs(x);
    } else if (builtin == BUILTIN_SQRT) {
        r = sqrt(x);
    } else if (builtin == BUILTIN_FLOOR) {
        r = floor(x);
    } else if (builtin == BUILTIN_CEIL) {
        r = ceil(x);
    } else if (builtin == BUILTIN_TRUNC) {
        r = trunc(x);
    } else if (builtin == BUILTIN_RINT) {
        r = rint(x);
    } else {
        return math_approx(builtin, elem, x, out);
    }
    *out = scalar_float(elem, r);
    return true;
}

static bool math_bits(Builtin builtin, Scalar x, Scalar *out)
{
    uint64_t bits = scalar_bits(x);
    int width = vocab_elem(x.elem)->bits, r;
    if (builtin == BUILTIN_POPCOUNT) {
        r = __builtin_popcountll(bits);
    } else if (builtin == BUILTIN_CLZ) {
        r = bits ? __builtin_clzll(bits) - (64 - width) : width;
    } else if (builtin == BUILTIN_CTZ) {
        r = bits ? __builtin_ctzll(bits) : width;
    } else if (builtin == BUILTIN_ABS) {
        if (vocab_elem(x.elem)->cls == CLASS_UINT || x.i >= 0) {
            *out = x;
            return true;
        }
        return scalar_unary(OP_NEG, x, out);
    } else {
        return false;
    }
    *out = scalar_int(x.elem, r);
    return true;
}

static bool math_unary(Builtin builtin, Scalar x, Scalar *out)
{
    bool real = vocab_elem_is_float(x.elem);
    if (builtin == BUILTIN_ISNAN || builtin == BUILTIN_ISINF) {
        bool is = builtin == BUILTIN_ISNAN ? isnan(x.f) : isinf(x.f);
        *out = (Scalar){.elem = ELEM_BOOL, .i = is};
        return real;
    }
    if (real) return math_float(builtin, x.elem, x.f, out);
    return vocab_elem_is_int(x.elem) && math_bits(builtin, x, out);
}

static bool mulhi(Scalar a, Scalar b, Scalar *out)
{
    if (!vocab_elem_is_int(a.elem)) return false;
    bool natural = vocab_elem(a.elem)->cls == CLASS_UINT;
    __int128 x = natural ? (__int128)(uint64_t)a.i : a.i,
             y = natural ? (__int128)(uint64_t)b.i : b.i;
    /* Of two u64 the product needs the unsigned shift; its upper half is the same bits. */
    unsigned __int128 product = (unsigned __int128)x * (unsigned __int128)y;
    *out = scalar_int(a.elem, (int64_t)(uint64_t)(product >> vocab_elem(a.elem)->bits));
    return true;
}

/* Rounded up; exact where floor division would be off by the sign. */
static bool ceil_div(Scalar a, Scalar b, Scalar *out)
{
    if (!vocab_elem_is_int(a.elem) || b.i == 0) return false;
    bool natural = vocab_elem(a.elem)->cls == CLASS_UINT;
    __int128 x = natural ? (__int128)(uint64_t)a.i : a.i,
             y = natural ? (__int128)(uint64_t)b.i : b.i;
    __int128 q = x / y;
    if (x % y != 0 && (x < 0) == (y < 0)) q++;
    *out = scalar_int(a.elem, (int64_t)q);
    return a.elem != ELEM_INDEX || q == out->i;
}

static bool math_binary(Builtin builtin, Scalar a, Scalar b, Scalar *out)
{
    if (builtin == BUILTIN_MIN) return scalar_binary(OP_MIN, a, b, out);
    if (builtin == BUILTIN_MAX) return scalar_binary(OP_MAX, a, b, out);
    if (builtin == BUILTIN_MULHI) return mulhi(a, b, out);
    if (builtin == BUILTIN_CDIV) return ceil_div(a, b, out);
    if (builtin != BUILTIN_COPYSIGN || !vocab_elem_is_float(a.elem)) return false;
    *out = scalar_float(a.elem, copysign(a.f, b.f));
    return true;
}

/* PTX ISA, "prmt", default mode. */
static bool permute_bytes(const Scalar *args, Scalar *out)
{
    uint64_t bytes = (uint64_t)(uint32_t)args[1].i << 32 | (uint32_t)args[0].i,
             selector = (uint64_t)args[2].i;
    uint32_t r = 0;
    if (args[0].elem != ELEM_U32) return false;
    for (int i = 0; i < 4; i++) {
        uint64_t by = selector >> 4 * i & 15, byte = bytes >> 8 * (by & 7) & 255;
        if (by & 8) byte = byte & 128 ? 255 : 0;
        r |= (uint32_t)byte << 8 * i;
    }
    *out = scalar_int(ELEM_U32, r);
    return true;
}

/* PTX ISA, "lop3": the bits of a, b and c, a the first, number the bit of the table. */
static bool by_truth_table(const Scalar *args, Scalar *out)
{
    uint32_t r = 0;
    if (args[0].elem != ELEM_U32) return false;
    for (int i = 0; i < 32; i++) {
        int row = (int)(args[0].i >> i & 1) << 2 | (int)(args[1].i >> i & 1) << 1 |
                  (int)(args[2].i >> i & 1);
        r |= (uint32_t)(args[3].i >> row & 1) << i;
    }
    *out = scalar_int(ELEM_U32, r);
    return true;
}

static bool math_fma(Scalar a, Scalar b, Scalar c, Scalar *out)
{
    if (!vocab_elem_is_float(a.elem)) return false;
    double r = a.elem == ELEM_F64 ? fma(a.f, b.f, c.f) : float_fma_odd(a.f, b.f, c.f);
    *out = scalar_float(a.elem, r);
    return true;
}

bool scalar_math(Builtin builtin, const Scalar *args, int count, Scalar *out)
{
    if (count == 9 && builtin == BUILTIN_DOT4) {
        int64_t sum = args[8].i;
        for (int i = 0; i < 4; i++) sum += args[i].i * args[4 + i].i;
        *out = scalar_int(args[8].elem, sum);
        return true;
    }
    if (count == 3 && builtin == BUILTIN_PRMT) return permute_bytes(args, out);
    if (count == 4 && builtin == BUILTIN_LOP3) return by_truth_table(args, out);
    if (count == 1) return math_unary(builtin, args[0], out);
    if (count == 2) return math_binary(builtin, args[0], args[1], out);
    return count == 3 && builtin == BUILTIN_FMA && math_fma(args[0], args[1], args[2], out);
}
