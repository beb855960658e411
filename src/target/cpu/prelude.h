/* The prelude of emitted CPU kernels: what every kernel's text may call. It follows the ABI
 * (runtime/module.h) in each emitted file and must be plain GNU C11.
 *
 * Everything here gives the same bits as vocab/scalar.c and as the CUDA prelude. Conversions of
 * narrow floats are written on integers without branches, so that loops over them vectorise. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HD_FN static inline __attribute__((unused, always_inline))
#define HD_COLD static __attribute__((unused, cold, noinline))
#define HD_UNROLL _Pragma("GCC unroll 64")
#ifdef __clang__
#define HD_THREADS _Pragma("clang loop vectorize(assume_safety)")
#else
#define HD_THREADS _Pragma("GCC ivdep")
#endif

/* ---- bits ------------------------------------------------------------------------------------ */
typedef struct {
    uint16_t bits;
} hd_f16;
typedef struct {
    uint16_t bits;
} hd_bf16;
typedef struct {
    uint8_t bits;
} hd_f8e4m3;
typedef struct {
    uint8_t bits;
} hd_f8e5m2;
typedef float hd_tf32;
typedef int8_t hd_i4;
typedef uint8_t hd_u4;

#define HD_PUN(to_name, To, from_name, From)                                                       \
    HD_FN To hd_bitcast_##to_name##_##from_name(From x)                                            \
    {                                                                                              \
        To r;                                                                                      \
        memcpy(&r, &x, sizeof r);                                                                  \
        return r;                                                                                  \
    }
#define HD_PUN_BOTH(n, N, u, U) HD_PUN(n, N, u, U) HD_PUN(u, U, n, N)
HD_PUN_BOTH(f32, float, u32, uint32_t)
HD_PUN_BOTH(f64, double, u64, uint64_t)
HD_PUN_BOTH(f16, hd_f16, u16, uint16_t)
HD_PUN_BOTH(bf16, hd_bf16, u16, uint16_t)
HD_PUN_BOTH(f8e4m3, hd_f8e4m3, u8, uint8_t)
HD_PUN_BOTH(f8e5m2, hd_f8e5m2, u8, uint8_t)
HD_PUN_BOTH(tf32, hd_tf32, u32, uint32_t)

/* ---- narrow floats --------------------------------------------------------------------------- */
HD_FN float hd_cast_f32_bf16(hd_bf16 x)
{
    return hd_bitcast_f32_u32((uint32_t)x.bits << 16);
}

/* A format of `mantissa` bits below an exponent of `exponent` bits, as f32: the bits are moved to
 * f32's places and scaled by the difference of the biases, which also makes subnormals right. */
HD_FN float hd_widen(uint32_t bits, int mantissa, int exponent)
{
    uint32_t size = bits & ((1u << (mantissa + exponent)) - 1),
             sign = bits >> (mantissa + exponent);
    uint32_t scale = (uint32_t)(127 + 127 - ((1 << (exponent - 1)) - 1)) << 23;
    float value = hd_bitcast_f32_u32(size << (23 - mantissa)) * hd_bitcast_f32_u32(scale);
    return hd_bitcast_f32_u32(hd_bitcast_u32_f32(value) | sign << 31);
}

HD_FN float hd_cast_f32_f16(hd_f16 x)
{
    uint32_t top = x.bits & 0x7c00u, r = hd_bitcast_u32_f32(hd_widen(x.bits, 10, 5));
    uint32_t special = (uint32_t)(x.bits & 0x8000u) << 16 | 0x7f800000u | (x.bits & 0x3ffu) << 13;
    return hd_bitcast_f32_u32(top == 0x7c00u ? special : r);
}

HD_FN float hd_cast_f32_f8e5m2(hd_f8e5m2 x)
{
    return hd_cast_f32_f16((hd_f16){(uint16_t)(x.bits << 8)});
}

HD_FN float hd_cast_f32_f8e4m3(hd_f8e4m3 x)
{
    uint32_t r = hd_bitcast_u32_f32(hd_widen(x.bits, 3, 4));
    return hd_bitcast_f32_u32((x.bits & 0x7fu) == 0x7fu ? 0x7fc00000u : r);
}

HD_FN float hd_cast_f32_tf32(hd_tf32 x)
{
    return x;
}

HD_FN hd_bf16 hd_cast_bf16_f32(float x)
{
    uint32_t b = hd_bitcast_u32_f32(x);
    uint32_t r = (b + 0x7fffu + (b >> 16 & 1)) >> 16;
    return (hd_bf16){(uint16_t)((b & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : r)};
}

HD_FN hd_tf32 hd_cast_tf32_f32(float x)
{
    uint32_t b = hd_bitcast_u32_f32(x);
    uint32_t r = (b + 0xfffu + (b >> 13 & 1)) & 0xffffe000u;
    return hd_bitcast_f32_u32((b & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : r);
}

/* Magnitude bits of |x| (f32 bits, finite) rounded to a narrow format. Normal results round by
 * adding to the last place; subnormal ones by adding a power of two whose unit is theirs. */
HD_FN uint32_t hd_narrow(uint32_t size, int mantissa, int exponent)
{
    int bias = (1 << (exponent - 1)) - 1, drop = 23 - mantissa;
    uint32_t rebias = (uint32_t)(127 - bias) << 23;
    uint32_t normal = (size - rebias + ((1u << (drop - 1)) - 1) + (size >> drop & 1)) >> drop;
    uint32_t unit = (uint32_t)(127 + 1 - bias - mantissa + 23) << 23;
    float sum = hd_bitcast_f32_u32(size) + hd_bitcast_f32_u32(unit);
    uint32_t subnormal = hd_bitcast_u32_f32(sum) - unit;
    return size < rebias + (1u << 23) ? subnormal : normal;
}

HD_FN hd_f16 hd_cast_f16_f32(float x)
{
    uint32_t b = hd_bitcast_u32_f32(x), size = b & 0x7fffffffu, sign = b >> 16 & 0x8000u;
    uint32_t r = hd_narrow(size, 10, 5);
    r = size >= 0x477ff000u ? 0x7c00u : r;
    return (hd_f16){(uint16_t)(size > 0x7f800000u ? 0x7e00u : r | sign)};
}

HD_FN hd_f8e5m2 hd_cast_f8e5m2_f32(float x)
{
    uint32_t b = hd_bitcast_u32_f32(x), size = b & 0x7fffffffu, sign = b >> 24 & 0x80u;
    uint32_t r = hd_narrow(size, 2, 5);
    r = size >= 0x47700000u ? 0x7cu : r;
    return (hd_f8e5m2){(uint8_t)(size > 0x7f800000u ? 0x7eu : r | sign)};
}

/* No infinities: what rounds above 448 is NaN. */
HD_FN hd_f8e4m3 hd_cast_f8e4m3_f32(float x)
{
    uint32_t b = hd_bitcast_u32_f32(x), size = b & 0x7fffffffu, sign = b >> 24 & 0x80u;
    uint32_t r = hd_narrow(size, 3, 4);
    return (hd_f8e4m3){(uint8_t)(size > 0x43e80000u ? 0x7fu : r | sign)};
}

/* A double to f32, rounded to odd: rounding that to a format of at most 21 bits is then the only
 * rounding. */
HD_FN float hd_f32_odd(double x)
{
    float f = (float)x;
    uint32_t b = hd_bitcast_u32_f32(f);
    if ((double)f == x || f != f || (b & 1)) return f;
    if (isinf(f)) return isinf(x) ? f : hd_bitcast_f32_u32(b - 1);
    bool up = (double)f < x;
    if (f == 0) return hd_bitcast_f32_u32((x < 0 ? 0x80000000u : 0u) | 1u);
    return hd_bitcast_f32_u32(up == (f > 0) ? b + 1 : b - 1);
}

HD_FN double hd_f64_odd(double rounded, double error)
{
    uint64_t b = hd_bitcast_u64_f64(rounded);
    if (error == 0 || (b & 1) || isinf(rounded) || rounded != rounded) return rounded;
    return nextafter(rounded, error > 0 ? (double)INFINITY : -(double)INFINITY);
}

HD_FN double hd_odd_u64(uint64_t x)
{
    if (x >> 53) {
        int shift = 64 - 53 - __builtin_clzll(x);
        uint64_t kept = x >> shift << shift;
        if (kept != x) x = kept | (uint64_t)1 << shift;
    }
    return (double)x;
}

HD_FN double hd_odd_i64(int64_t x)
{
    return x < 0 ? -hd_odd_u64(-(uint64_t)x) : hd_odd_u64((uint64_t)x);
}

/* a * b is exact in f64 for every narrow type; the sum is rounded to odd. */
HD_FN double hd_fma_odd(float a, float b, float c)
{
    double product = (double)a * (double)b, sum = product + (double)c;
    if (isinf(sum) || sum != sum) return sum;
    double part = sum - product, error = (product - (sum - part)) + ((double)c - part);
    return hd_f64_odd(sum, error);
}

#define HD_NARROW(n)                                                                               \
    HD_FN hd_##n hd_cast_##n##_f64(double x)                                                       \
    {                                                                                              \
        return hd_cast_##n##_f32(hd_f32_odd(x));                                                   \
    }                                                                                              \
    HD_FN hd_##n hd_fma_##n(hd_##n a, hd_##n b, hd_##n c)                                          \
    {                                                                                              \
        return hd_cast_##n##_f64(                                                                  \
            hd_fma_odd(hd_cast_f32_##n(a), hd_cast_f32_##n(b), hd_cast_f32_##n(c)));               \
    }
HD_NARROW(f16)
HD_NARROW(bf16)
HD_NARROW(f8e4m3)
HD_NARROW(f8e5m2)
HD_NARROW(tf32)

/* ---- floats to integers: truncated, saturating, NaN gives 0 ---------------------------------- */
#define HD_TO_INT(n, T, lo, hi, below, above)                                                      \
    HD_FN T hd_cast_##n##_f64(double x)                                                            \
    {                                                                                              \
        return x != x ? 0 : x <= below ? lo : x >= above ? hi : (T)x;                              \
    }                                                                                              \
    HD_FN T hd_cast_##n##_f32(float x)                                                             \
    {                                                                                              \
        return hd_cast_##n##_f64((double)x);                                                       \
    }
HD_TO_INT(i8, int8_t, INT8_MIN, INT8_MAX, -0x1p7, 0x1p7)
HD_TO_INT(i16, int16_t, INT16_MIN, INT16_MAX, -0x1p15, 0x1p15)
HD_TO_INT(i32, int32_t, INT32_MIN, INT32_MAX, -0x1p31, 0x1p31)
HD_TO_INT(i64, int64_t, INT64_MIN, INT64_MAX, -0x1p63, 0x1p63)
HD_TO_INT(u8, uint8_t, 0, UINT8_MAX, 0.0, 0x1p8)
HD_TO_INT(u16, uint16_t, 0, UINT16_MAX, 0.0, 0x1p16)
HD_TO_INT(u32, uint32_t, 0, UINT32_MAX, 0.0, 0x1p32)
HD_TO_INT(u64, uint64_t, 0, UINT64_MAX, 0.0, 0x1p64)
HD_TO_INT(i4, hd_i4, -8, 7, -0x1p3, 0x1p3)
HD_TO_INT(u4, hd_u4, 0, 15, 0.0, 0x1p4)

/* ---- integers -------------------------------------------------------------------------------- */
HD_FN hd_i4 hd_wrap_i4(int x)
{
    return (hd_i4)(((x & 15) ^ 8) - 8);
}
HD_FN hd_u4 hd_wrap_u4(int x)
{
    return (hd_u4)(x & 15);
}
HD_FN hd_i4 hd_load_i4(const void *p, int64_t i)
{
    return hd_wrap_i4(((const uint8_t *)p)[i >> 1] >> (i & 1) * 4);
}
HD_FN hd_u4 hd_load_u4(const void *p, int64_t i)
{
    return hd_wrap_u4(((const uint8_t *)p)[i >> 1] >> (i & 1) * 4);
}
HD_FN void hd_store_u4(void *p, int64_t i, int v)
{
    uint8_t *byte = (uint8_t *)p + (i >> 1);
    int shift = (int)(i & 1) * 4;
    *byte = (uint8_t)((*byte & ~(15 << shift)) | (v & 15) << shift);
}
HD_FN void hd_store_i4(void *p, int64_t i, int v)
{
    hd_store_u4(p, i, v);
}

#define HD_INT(n, T, U, u, bits, is_signed)                                                        \
    HD_FN T hd_min_##n(T a, T b)                                                                   \
    {                                                                                              \
        return a < b ? a : b;                                                                      \
    }                                                                                              \
    HD_FN T hd_max_##n(T a, T b)                                                                   \
    {                                                                                              \
        return a > b ? a : b;                                                                      \
    }                                                                                              \
    HD_FN T hd_div_##n(T a, T b)                                                                   \
    {                                                                                              \
        if (b == 0) return 0;                                                                      \
        return is_signed && b == (T)-1 ? (T)(0 - (U)a) : (T)(a / b);                               \
    }                                                                                              \
    HD_FN T hd_mod_##n(T a, T b)                                                                   \
    {                                                                                              \
        return b == 0 || (is_signed && b == (T)-1) ? 0 : (T)(a % b);                               \
    }                                                                                              \
    HD_FN T hd_shl_##n(T a, uint32_t by)                                                           \
    {                                                                                              \
        return by < bits ? (T)((U)a << by) : 0;                                                    \
    }                                                                                              \
    HD_FN T hd_shr_##n(T a, uint32_t by)                                                           \
    {                                                                                              \
        return (T)(a >> (by < bits ? by : bits - 1)) & (is_signed || by < bits ? (T)-1 : 0);       \
    }                                                                                              \
    HD_FN T hd_abs_##n(T a)                                                                        \
    {                                                                                              \
        return is_signed && a < (T)0 ? (T)(0 - (U)a) : a;                                          \
    }
HD_INT(i32, int32_t, uint32_t, u32, 32, 1)
HD_INT(i64, int64_t, uint64_t, u64, 64, 1)
HD_INT(u32, uint32_t, uint32_t, u32, 32, 0)
HD_INT(u64, uint64_t, uint64_t, u64, 64, 0)

#define HD_FLOOR(n, T)                                                                             \
    HD_FN T hd_floordiv_##n(T a, T b)                                                              \
    {                                                                                              \
        T q = hd_div_##n(a, b), r = hd_mod_##n(a, b);                                              \
        return r != 0 && (r < 0) != (b < 0) ? q - 1 : q;                                           \
    }                                                                                              \
    HD_FN T hd_floormod_##n(T a, T b)                                                              \
    {                                                                                              \
        T r = hd_mod_##n(a, b);                                                                    \
        return r != 0 && (r < 0) != (b < 0) ? r + b : r;                                           \
    }
HD_FLOOR(i32, int32_t)
HD_FLOOR(i64, int64_t)

#define HD_COUNTS(n, T, bits)                                                                      \
    HD_FN int hd_popcount_##n(T a)                                                                 \
    {                                                                                              \
        return __builtin_popcountll(a);                                                            \
    }                                                                                              \
    HD_FN int hd_clz_##n(T a)                                                                      \
    {                                                                                              \
        return a ? __builtin_clzll(a) - (64 - bits) : bits;                                        \
    }                                                                                              \
    HD_FN int hd_ctz_##n(T a)                                                                      \
    {                                                                                              \
        return a ? __builtin_ctzll(a) : bits;                                                      \
    }
HD_COUNTS(u8, uint8_t, 8)
HD_COUNTS(u16, uint16_t, 16)
HD_COUNTS(u32, uint32_t, 32)
HD_COUNTS(u64, uint64_t, 64)

/* Bytes of a (0 to 3) and b (4 to 7), each by 4 bits of s, of which bit 3 stands for the sign. */
HD_FN uint32_t hd_prmt_u32(uint32_t a, uint32_t b, uint32_t s)
{
    uint64_t bytes = (uint64_t)b << 32 | a;
    uint32_t r = 0;
    for (int i = 0; i < 32; i += 8, s >>= 4) {
        uint32_t byte = (uint32_t)(bytes >> (s & 7) * 8 & 255);
        r |= (s & 8 ? (byte & 128 ? 255u : 0u) : byte) << i;
    }
    return r;
}
/* Each bit by a truth table of eight bits, of which the bits of a, b and c choose one. */
HD_FN uint32_t hd_lop3_u32(uint32_t a, uint32_t b, uint32_t c, uint32_t table)
{
    uint32_t r = 0;
    for (int i = 0; i < 8; i++)
        if (table >> i & 1) r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    return r;
}
HD_FN int32_t hd_mulhi_i32(int32_t a, int32_t b)
{
    return (int32_t)((int64_t)a * b >> 32);
}
HD_FN uint32_t hd_mulhi_u32(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b >> 32);
}
HD_FN int64_t hd_mulhi_i64(int64_t a, int64_t b)
{
    return (int64_t)((__int128)a * b >> 64);
}
HD_FN uint64_t hd_mulhi_u64(uint64_t a, uint64_t b)
{
    return (uint64_t)((unsigned __int128)a * b >> 64);
}

/* ---- floats ---------------------------------------------------------------------------------- */
/* Equal operands differ at most in the sign of zero: -0 is below +0. Two choices are made that
 * differ in what they give for equal operands, and one of which is NaN where an operand is. Their
 * bits together are the result, but that a maximum has the sign bit only where both have it.
 * Beside a constant one comparison is enough. GCC makes that one instruction only where it does not
 * know the constant: kernels keep such bounds in variables that are opaque to it, and call
 * hd_min_bound, hd_max_bound. */
#if defined(__x86_64__)
#define HD_OPAQUE(x) __asm__("" : "+x"(x))
#elif defined(__aarch64__)
#define HD_OPAQUE(x) __asm__("" : "+w"(x))
#else
#define HD_OPAQUE(x) __asm__("" : "+m"(x))
#endif
#define HD_KNOWN(c) (__builtin_constant_p(c) && (c))
#define HD_PLUS_ZERO(x) ((x) == 0 && !__builtin_signbit(x))
#define HD_FLOAT(n, T, u, U, f)                                                                    \
    HD_FN T hd_min_##n(T a, T b)                                                                   \
    {                                                                                              \
        if (HD_KNOWN(b > 0 || b < 0 || HD_PLUS_ZERO(b))) return b < a ? b : a;                     \
        T r = a < b ? a : b, q = b < a ? b : a;                                                    \
        return hd_bitcast_##n##_##u(hd_bitcast_##u##_##n(r) | hd_bitcast_##u##_##n(q));            \
    }                                                                                              \
    HD_FN T hd_max_##n(T a, T b)                                                                   \
    {                                                                                              \
        if (HD_KNOWN(b > 0 || b < 0)) return b > a ? b : a;                                        \
        if (HD_KNOWN(HD_PLUS_ZERO(b))) return a > b || a != a ? a : b;                             \
        T r = a > b ? a : b, q = b > a ? b : a;                                                    \
        U both = hd_bitcast_##u##_##n(r) & hd_bitcast_##u##_##n(q);                                \
        U either = hd_bitcast_##u##_##n(r) | hd_bitcast_##u##_##n(q);                              \
        return hd_bitcast_##n##_##u(both | (either & (U)-1 >> 1));                                 \
    }                                                                                              \
    HD_FN T hd_min_bound_##n(T a, T b)                                                             \
    {                                                                                              \
        return b < a ? b : a;                                                                      \
    }                                                                                              \
    HD_FN T hd_max_bound_##n(T a, T b)                                                             \
    {                                                                                              \
        return b > a ? b : a;                                                                      \
    }                                                                                              \
    HD_FN T hd_fma_##n(T a, T b, T c)                                                              \
    {                                                                                              \
        return __builtin_fma##f(a, b, c);                                                          \
    }                                                                                              \
    HD_FN T hd_sqrt_##n(T a)                                                                       \
    {                                                                                              \
        return __builtin_sqrt##f(a);                                                               \
    }                                                                                              \
    HD_FN T hd_abs_##n(T a)                                                                        \
    {                                                                                              \
        return __builtin_fabs##f(a);                                                               \
    }                                                                                              \
    HD_FN T hd_floor_##n(T a)                                                                      \
    {                                                                                              \
        return __builtin_floor##f(a);                                                              \
    }                                                                                              \
    HD_FN T hd_ceil_##n(T a)                                                                       \
    {                                                                                              \
        return __builtin_ceil##f(a);                                                               \
    }                                                                                              \
    HD_FN T hd_trunc_##n(T a)                                                                      \
    {                                                                                              \
        return __builtin_trunc##f(a);                                                              \
    }                                                                                              \
    HD_FN T hd_rint_##n(T a)                                                                       \
    {                                                                                              \
        return __builtin_rint##f(a);                                                               \
    }                                                                                              \
    HD_FN T hd_copysign_##n(T a, T b)                                                              \
    {                                                                                              \
        return __builtin_copysign##f(a, b);                                                        \
    }                                                                                              \
    HD_FN T hd_fmod_##n(T a, T b)                                                                  \
    {                                                                                              \
        return __builtin_fmod##f(a, b);                                                            \
    }                                                                                              \
    HD_FN bool hd_isnan_##n(T a)                                                                   \
    {                                                                                              \
        return a != a;                                                                             \
    }                                                                                              \
    HD_FN bool hd_isinf_##n(T a)                                                                   \
    {                                                                                              \
        return __builtin_isinf(a) != 0;                                                            \
    }
HD_FLOAT(f32, float, u32, uint32_t, f)
HD_FLOAT(f64, double, u64, uint64_t, )

/* The least or greatest of many: no order of comparing changes it, so three integers tell. `top` is
 * the greatest as a signed integer: that of the positive ones, or their NaN. Among negative ones,
 * integers grow away from zero; NaN comes beyond infinity. */
typedef struct HdRange {
    int32_t top;
    uint32_t low, high;
} HdRange;
HD_FN HdRange hd_range_f32(float x)
{
    uint32_t u = hd_bitcast_u32_f32(x);
    return (HdRange){(int32_t)u, u, u};
}
HD_FN HdRange hd_range_with_f32(HdRange r, float x)
{
    uint32_t u = hd_bitcast_u32_f32(x);
    r.top = (int32_t)u > r.top ? (int32_t)u : r.top;
    r.low = u < r.low ? u : r.low;
    r.high = u > r.high ? u : r.high;
    return r;
}
HD_FN float hd_range_max_f32(HdRange r)
{
    uint32_t greatest = r.top >= 0 ? (uint32_t)r.top : r.low;
    return hd_bitcast_f32_u32(r.high > 0xff800000u ? r.high : greatest);
}
HD_FN float hd_range_min_f32(HdRange r)
{
    uint32_t least = r.high < 0x80000000u ? r.low : r.high;
    return hd_bitcast_f32_u32(r.top > 0x7f800000 ? (uint32_t)r.top : least);
}

/* ---- traps ----------------------------------------------------------------------------------- */
/* True: it is the first. */
HD_COLD bool hd_trap(HdTrap *trap, int site, int64_t a, int64_t b, int64_t c, int64_t d)
{
    int32_t none = 0;
    if (!__atomic_compare_exchange_n(&trap->state, &none, 1, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return false;
    trap->site = site;
    trap->value[0] = a;
    trap->value[1] = b;
    trap->value[2] = c;
    trap->value[3] = d;
    __atomic_store_n(&trap->state, 2, __ATOMIC_RELEASE);
    return true;
}

HD_FN bool hd_trapped(const HdTrap *trap)
{
    return __atomic_load_n(&trap->state, __ATOMIC_RELAXED) != 0;
}

/* ---- print ----------------------------------------------------------------------------------- */
typedef struct HdLine {
    int len;
    char text[1000];
} HdLine;

HD_COLD void hd_put_text(HdLine *line, const char *text)
{
    for (; *text && line->len < (int)sizeof line->text - 1; ++text) line->text[line->len++] = *text;
    line->text[line->len] = 0;
}
HD_COLD void hd_put_int(HdLine *line, int64_t x)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)x);
    hd_put_text(line, text);
}
HD_COLD void hd_put_u64(HdLine *line, uint64_t x)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)x);
    hd_put_text(line, text);
}
/* The fewest digits that read back. */
HD_COLD void hd_put_f64(HdLine *line, double x, bool is_f32)
{
    char text[40] = "nan";
    for (int digits = 1; digits <= 17 && x == x; ++digits) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (is_f32 ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x) break;
    }
    hd_put_text(line, text);
    if (!strpbrk(text, ".ein")) hd_put_text(line, ".0");
}
HD_COLD void hd_put_bool(HdLine *line, bool x)
{
    hd_put_text(line, x ? "true" : "false");
}
