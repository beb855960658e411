// The device prelude: every function that emitted CUDA text may call, in CUDA C++ for NVRTC, which
// offers no headers. Inline PTX lives here and nowhere else. All of it gives the bits that
// vocab/scalar.c defines.
//
// A paragraph (lines without an empty one between) is the unit: only the paragraphs that a module
// needs open its text. A paragraph uses only those above it, and each of its definitions begins at
// the left margin with the name's declaration on one line. With HD_HOST defined the text is
// compiled for the host (tests/cuda_host), which brings its own form of what is left out then.

#define HD_FN static __device__ __forceinline__

#ifndef HD_HOST
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#endif

// ---- element types ------------------------------------------------------------------------------
#ifndef HD_HOST
struct hd_f16 {
    uint16_t bits;
};
#endif

struct hd_bf16 {
    uint16_t bits;
};

struct hd_f8e4m3 {
    uint8_t bits;
};

struct hd_f8e5m2 {
    uint8_t bits;
};

typedef float hd_tf32; // the low 13 bits of its mantissa are zero

typedef signed char hd_i4; // one value; two share a byte in memory

typedef unsigned char hd_u4;

// ---- bits ---------------------------------------------------------------------------------------
// `x` read as another type of its size.
template <class To, class From> HD_FN To hd_bits(From x)
{
    static_assert(sizeof(To) == sizeof(From), "sizes differ");
    To r;
    memcpy(&r, &x, sizeof r);
    return r;
}

HD_FN float hd_bitcast_f32_u32(uint32_t x) { return hd_bits<float>(x); }

HD_FN uint32_t hd_bitcast_u32_f32(float x) { return hd_bits<uint32_t>(x); }

HD_FN double hd_bitcast_f64_u64(uint64_t x) { return hd_bits<double>(x); }

HD_FN uint64_t hd_bitcast_u64_f64(double x) { return hd_bits<uint64_t>(x); }

HD_FN float hd_bitcast_tf32_u32(uint32_t x) { return hd_bits<float>(x); }

HD_FN uint32_t hd_bitcast_u32_tf32(float x) { return hd_bits<uint32_t>(x); }

HD_FN hd_f16 hd_bitcast_f16_u16(uint16_t x) { return hd_f16{x}; }

HD_FN uint16_t hd_bitcast_u16_f16(hd_f16 x) { return x.bits; }

HD_FN hd_bf16 hd_bitcast_bf16_u16(uint16_t x) { return hd_bf16{x}; }

HD_FN uint16_t hd_bitcast_u16_bf16(hd_bf16 x) { return x.bits; }

HD_FN hd_f8e4m3 hd_bitcast_f8e4m3_u8(uint8_t x) { return hd_f8e4m3{x}; }

HD_FN uint8_t hd_bitcast_u8_f8e4m3(hd_f8e4m3 x) { return x.bits; }

HD_FN hd_f8e5m2 hd_bitcast_f8e5m2_u8(uint8_t x) { return hd_f8e5m2{x}; }

HD_FN uint8_t hd_bitcast_u8_f8e5m2(hd_f8e5m2 x) { return x.bits; }

// ---- narrow floats ------------------------------------------------------------------------------
// A format of `mantissa` bits below an exponent of `exponent` bits, as f32: the bits are moved to
// f32's places and scaled by the difference of the biases, which also makes subnormals right.
HD_FN float hd_widen(uint32_t bits, int mantissa, int exponent)
{
    uint32_t size = bits & ((1u << (mantissa + exponent)) - 1);
    uint32_t sign = bits >> (mantissa + exponent);
    uint32_t scale = (uint32_t)(127 + 127 - ((1 << (exponent - 1)) - 1)) << 23;
    float value = hd_bits<float>(size << (23 - mantissa)) * hd_bits<float>(scale);
    return hd_bits<float>(hd_bits<uint32_t>(value) | sign << 31);
}

// Magnitude bits of a finite f32 rounded to a narrow format. Normal results round by adding to the
// last place; subnormal ones by adding a power of two whose unit is theirs.
HD_FN uint32_t hd_narrow(uint32_t size, int mantissa, int exponent)
{
    int bias = (1 << (exponent - 1)) - 1, drop = 23 - mantissa;
    uint32_t rebias = (uint32_t)(127 - bias) << 23;
    uint32_t normal = (size - rebias + ((1u << (drop - 1)) - 1) + (size >> drop & 1)) >> drop;
    uint32_t unit = (uint32_t)(127 + 1 - bias - mantissa + 23) << 23;
    uint32_t subnormal = hd_bits<uint32_t>(hd_bits<float>(size) + hd_bits<float>(unit)) - unit;
    return size < rebias + (1u << 23) ? subnormal : normal;
}

#ifndef HD_HOST
HD_FN float hd_cast_f32_f16(hd_f16 x)
{
    float r;
    asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(x.bits));
    return r;
}
#endif

#ifndef HD_HOST
HD_FN hd_f16 hd_cast_f16_f32(float x)
{
    hd_f16 r;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
    return r;
}
#endif

HD_FN float hd_cast_f32_bf16(hd_bf16 x) { return hd_bits<float>((uint32_t)x.bits << 16); }

HD_FN hd_bf16 hd_cast_bf16_f32(float x)
{
#if __CUDA_ARCH__ >= 800
    hd_bf16 r;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r.bits) : "f"(x));
    return r;
#else
    uint32_t b = hd_bits<uint32_t>(x), r = (b + 0x7fffu + (b >> 16 & 1)) >> 16;
    return hd_bf16{(uint16_t)(x != x ? 0x7fc0u : r)};
#endif
}

HD_FN float hd_cast_f32_tf32(hd_tf32 x) { return x; }

HD_FN hd_tf32 hd_cast_tf32_f32(float x)
{
    uint32_t b = hd_bits<uint32_t>(x), r = (b + 0xfffu + (b >> 13 & 1)) & 0xffffe000u;
    return hd_bits<float>(x != x ? 0x7fc00000u : r);
}

HD_FN float hd_cast_f32_f8e5m2(hd_f8e5m2 x)
{
    uint32_t special = (uint32_t)(x.bits & 0x80u) << 24 | 0x7f800000u | (x.bits & 3u) << 21;
    return (x.bits & 0x7cu) == 0x7cu ? hd_bits<float>(special) : hd_widen(x.bits, 2, 5);
}

HD_FN hd_f8e5m2 hd_cast_f8e5m2_f32(float x)
{
    uint32_t b = hd_bits<uint32_t>(x), size = b & 0x7fffffffu, sign = b >> 24 & 0x80u;
    uint32_t r = size >= 0x47700000u ? 0x7cu : hd_narrow(size, 2, 5);
    return hd_f8e5m2{(uint8_t)(x != x ? 0x7eu : r | sign)};
}

HD_FN float hd_cast_f32_f8e4m3(hd_f8e4m3 x)
{
    return (x.bits & 0x7fu) == 0x7fu ? hd_bits<float>(0x7fc00000u) : hd_widen(x.bits, 3, 4);
}

// No infinities: what rounds above 448 is NaN.
HD_FN hd_f8e4m3 hd_cast_f8e4m3_f32(float x)
{
    uint32_t b = hd_bits<uint32_t>(x), size = b & 0x7fffffffu, sign = b >> 24 & 0x80u;
    return hd_f8e4m3{(uint8_t)(size > 0x43e80000u ? 0x7fu : hd_narrow(size, 3, 4) | sign)};
}

// A double to f32, rounded to odd: rounding that to at most 21 bits is then the only rounding.
HD_FN float hd_f32_odd(double x)
{
    float f = (float)x;
    uint32_t b = hd_bits<uint32_t>(f);
    if ((double)f == x || x != x || (b & 1)) return f;
    if ((b & 0x7fffffffu) == 0) return hd_bits<float>((x < 0 ? 0x80000000u : 0u) | 1u);
    bool shrink = x < 0 ? (double)f < x : (double)f > x;
    return hd_bits<float>(shrink ? b - 1 : b + 1);
}

HD_FN double hd_f64_odd(double rounded, double error)
{
    uint64_t b = hd_bits<uint64_t>(rounded);
    if (error == 0 || (b & 1)) return rounded;
    return hd_bits<double>((error > 0) == (rounded > 0) ? b + 1 : b - 1);
}

HD_FN double hd_odd_u64(uint64_t x)
{
    if (x >> 53) {
        int shift = 64 - 53 - __clzll((long long)x);
        uint64_t kept = x >> shift << shift;
        if (kept != x) x = kept | 1ull << shift;
    }
    return (double)x;
}

HD_FN double hd_odd_i64(int64_t x)
{
    return x < 0 ? -hd_odd_u64(0 - (uint64_t)x) : hd_odd_u64((uint64_t)x);
}

// a * b is exact in f64 for every narrow type; the sum is rounded to odd.
HD_FN double hd_fma_odd(float a, float b, float c)
{
    double product = (double)a * (double)b, sum = product + (double)c;
    double part = sum - product, error = (product - (sum - part)) + ((double)c - part);
    return sum - sum != 0 ? sum : hd_f64_odd(sum, error);
}

HD_FN hd_f16 hd_cast_f16_f64(double x) { return hd_cast_f16_f32(hd_f32_odd(x)); }

HD_FN hd_bf16 hd_cast_bf16_f64(double x) { return hd_cast_bf16_f32(hd_f32_odd(x)); }

HD_FN hd_tf32 hd_cast_tf32_f64(double x) { return hd_cast_tf32_f32(hd_f32_odd(x)); }

HD_FN hd_f8e4m3 hd_cast_f8e4m3_f64(double x) { return hd_cast_f8e4m3_f32(hd_f32_odd(x)); }

HD_FN hd_f8e5m2 hd_cast_f8e5m2_f64(double x) { return hd_cast_f8e5m2_f32(hd_f32_odd(x)); }

#ifndef HD_HOST
HD_FN hd_f16 hd_fma_f16(hd_f16 a, hd_f16 b, hd_f16 c)
{
    hd_f16 r;
    asm("fma.rn.f16 %0, %1, %2, %3;" : "=h"(r.bits) : "h"(a.bits), "h"(b.bits), "h"(c.bits));
    return r;
}
#endif

HD_FN hd_bf16 hd_fma_bf16(hd_bf16 a, hd_bf16 b, hd_bf16 c)
{
#if __CUDA_ARCH__ >= 800
    hd_bf16 r;
    asm("fma.rn.bf16 %0, %1, %2, %3;" : "=h"(r.bits) : "h"(a.bits), "h"(b.bits), "h"(c.bits));
    return r;
#else
    return hd_cast_bf16_f64(
        hd_fma_odd(hd_cast_f32_bf16(a), hd_cast_f32_bf16(b), hd_cast_f32_bf16(c)));
#endif
}

HD_FN hd_tf32 hd_fma_tf32(hd_tf32 a, hd_tf32 b, hd_tf32 c)
{
    return hd_cast_tf32_f64(hd_fma_odd(a, b, c));
}

HD_FN hd_f8e4m3 hd_fma_f8e4m3(hd_f8e4m3 a, hd_f8e4m3 b, hd_f8e4m3 c)
{
    return hd_cast_f8e4m3_f64(
        hd_fma_odd(hd_cast_f32_f8e4m3(a), hd_cast_f32_f8e4m3(b), hd_cast_f32_f8e4m3(c)));
}

HD_FN hd_f8e5m2 hd_fma_f8e5m2(hd_f8e5m2 a, hd_f8e5m2 b, hd_f8e5m2 c)
{
    return hd_cast_f8e5m2_f64(
        hd_fma_odd(hd_cast_f32_f8e5m2(a), hd_cast_f32_f8e5m2(b), hd_cast_f32_f8e5m2(c)));
}

// ---- floats to integers: truncated, saturating, NaN gives 0 -------------------------------------
HD_FN int hd_clamp(int x, int lo, int hi) { return x < lo ? lo : x > hi ? hi : x; }

HD_FN int32_t hd_cast_i32_f32(float x) { return __float2int_rz(x); }

HD_FN uint32_t hd_cast_u32_f32(float x) { return __float2uint_rz(x); }

HD_FN int64_t hd_cast_i64_f32(float x) { return x != x ? 0 : __float2ll_rz(x); }

HD_FN uint64_t hd_cast_u64_f32(float x) { return x != x ? 0 : __float2ull_rz(x); }

HD_FN int8_t hd_cast_i8_f32(float x) { return (int8_t)hd_clamp(__float2int_rz(x), -128, 127); }

HD_FN uint8_t hd_cast_u8_f32(float x) { return (uint8_t)hd_clamp(__float2int_rz(x), 0, 255); }

HD_FN int16_t hd_cast_i16_f32(float x)
{
    return (int16_t)hd_clamp(__float2int_rz(x), -32768, 32767);
}

HD_FN uint16_t hd_cast_u16_f32(float x) { return (uint16_t)hd_clamp(__float2int_rz(x), 0, 65535); }

HD_FN hd_i4 hd_cast_i4_f32(float x) { return (hd_i4)hd_clamp(__float2int_rz(x), -8, 7); }

HD_FN hd_u4 hd_cast_u4_f32(float x) { return (hd_u4)hd_clamp(__float2int_rz(x), 0, 15); }

HD_FN int32_t hd_cast_i32_f64(double x) { return x != x ? 0 : __double2int_rz(x); }

HD_FN uint32_t hd_cast_u32_f64(double x) { return x != x ? 0 : __double2uint_rz(x); }

HD_FN int64_t hd_cast_i64_f64(double x) { return x != x ? 0 : __double2ll_rz(x); }

HD_FN uint64_t hd_cast_u64_f64(double x) { return x != x ? 0 : __double2ull_rz(x); }

HD_FN int8_t hd_cast_i8_f64(double x) { return (int8_t)hd_clamp(hd_cast_i32_f64(x), -128, 127); }

HD_FN uint8_t hd_cast_u8_f64(double x) { return (uint8_t)hd_clamp(hd_cast_i32_f64(x), 0, 255); }

HD_FN int16_t hd_cast_i16_f64(double x)
{
    return (int16_t)hd_clamp(hd_cast_i32_f64(x), -32768, 32767);
}

HD_FN uint16_t hd_cast_u16_f64(double x)
{
    return (uint16_t)hd_clamp(hd_cast_i32_f64(x), 0, 65535);
}

HD_FN hd_i4 hd_cast_i4_f64(double x) { return (hd_i4)hd_clamp(hd_cast_i32_f64(x), -8, 7); }

HD_FN hd_u4 hd_cast_u4_f64(double x) { return (hd_u4)hd_clamp(hd_cast_i32_f64(x), 0, 15); }

// ---- integers -----------------------------------------------------------------------------------
HD_FN hd_i4 hd_wrap_i4(int x) { return (hd_i4)(((x & 15) ^ 8) - 8); }

HD_FN hd_u4 hd_wrap_u4(int x) { return (hd_u4)(x & 15); }

HD_FN hd_i4 hd_load_i4(const uint8_t *p, int64_t i)
{
    return hd_wrap_i4(p[i >> 1] >> (int)(i & 1) * 4);
}

HD_FN hd_u4 hd_load_u4(const uint8_t *p, int64_t i)
{
    return hd_wrap_u4(p[i >> 1] >> (int)(i & 1) * 4);
}

// Other threads may store the neighbours in the same byte at the same time.
HD_FN void hd_store_u4(uint8_t *p, int64_t i, int v)
{
    uint8_t *byte = p + (i >> 1);
    uint32_t *word = (uint32_t *)(byte - ((size_t)byte & 3));
    int shift = (int)((size_t)byte & 3) * 8 + (int)(i & 1) * 4;
    atomicAnd(word, ~(15u << shift));
    atomicOr(word, (uint32_t)(v & 15) << shift);
}

HD_FN void hd_store_i4(uint8_t *p, int64_t i, int v) { hd_store_u4(p, i, v); }

// In the thread's own registers.
HD_FN void hd_set_u4(uint8_t *p, int64_t i, int v)
{
    int shift = (int)(i & 1) * 4;
    p[i >> 1] = (uint8_t)((p[i >> 1] & ~(15 << shift)) | (v & 15) << shift);
}

HD_FN void hd_set_i4(uint8_t *p, int64_t i, int v) { hd_set_u4(p, i, v); }

template <class T> HD_FN T hd_least(T a, T b) { return a < b ? a : b; }

template <class T> HD_FN T hd_most(T a, T b) { return a > b ? a : b; }

HD_FN int32_t hd_min_i32(int32_t a, int32_t b) { return hd_least(a, b); }

HD_FN int64_t hd_min_i64(int64_t a, int64_t b) { return hd_least(a, b); }

HD_FN uint32_t hd_min_u32(uint32_t a, uint32_t b) { return hd_least(a, b); }

HD_FN uint64_t hd_min_u64(uint64_t a, uint64_t b) { return hd_least(a, b); }

HD_FN int32_t hd_max_i32(int32_t a, int32_t b) { return hd_most(a, b); }

HD_FN int64_t hd_max_i64(int64_t a, int64_t b) { return hd_most(a, b); }

HD_FN uint32_t hd_max_u32(uint32_t a, uint32_t b) { return hd_most(a, b); }

HD_FN uint64_t hd_max_u64(uint64_t a, uint64_t b) { return hd_most(a, b); }

// The device divides by 0 without a trap.
#ifndef HD_HOST
template <class T> HD_FN T hd_divisor(T b)
{
    return b;
}
#endif

// Truncating division, defined everywhere: by zero gives 0, the lowest value by -1 wraps.
HD_FN int32_t hd_div_i32(int32_t a, int32_t b)
{
    return b == 0 ? 0 : b == -1 ? (int32_t)(0u - (uint32_t)a) : a / b;
}

HD_FN int64_t hd_div_i64(int64_t a, int64_t b)
{
    return b == 0 ? 0 : b == -1 ? (int64_t)(0ull - (uint64_t)a) : a / b;
}

HD_FN uint32_t hd_div_u32(uint32_t a, uint32_t b) { return b == 0 ? 0 : a / b; }

HD_FN uint64_t hd_div_u64(uint64_t a, uint64_t b) { return b == 0 ? 0 : a / b; }

HD_FN int32_t hd_mod_i32(int32_t a, int32_t b) { return b == 0 || b == -1 ? 0 : a % b; }

HD_FN int64_t hd_mod_i64(int64_t a, int64_t b) { return b == 0 || b == -1 ? 0 : a % b; }

HD_FN uint32_t hd_mod_u32(uint32_t a, uint32_t b) { return b == 0 ? 0 : a % b; }

HD_FN uint64_t hd_mod_u64(uint64_t a, uint64_t b) { return b == 0 ? 0 : a % b; }

// Of numbers not below 0. Division by 0 gives some number, here and below: it is only ever made
// ahead of time, and its result not used.
HD_FN int32_t hd_natdiv_i32(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a / (uint32_t)hd_divisor(b));
}

HD_FN int64_t hd_natdiv_i64(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a / (uint64_t)hd_divisor(b));
}

HD_FN int32_t hd_natmod_i32(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a % (uint32_t)hd_divisor(b));
}

HD_FN int64_t hd_natmod_i64(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a % (uint64_t)hd_divisor(b));
}

HD_FN int32_t hd_floordiv_i32(int32_t a, int32_t b)
{
    int32_t q = a / hd_divisor(b), r = a - q * b;
    return r != 0 && (r ^ b) < 0 ? q - 1 : q;
}

HD_FN int64_t hd_floordiv_i64(int64_t a, int64_t b)
{
    int64_t q = a / hd_divisor(b), r = a - q * b;
    return r != 0 && (r ^ b) < 0 ? q - 1 : q;
}

HD_FN int32_t hd_floormod_i32(int32_t a, int32_t b)
{
    int32_t r = a % hd_divisor(b);
    return r != 0 && (r ^ b) < 0 ? r + b : r;
}

HD_FN int64_t hd_floormod_i64(int64_t a, int64_t b)
{
    int64_t r = a % hd_divisor(b);
    return r != 0 && (r ^ b) < 0 ? r + b : r;
}

// Shifts past the width shift all out.
HD_FN int32_t hd_shl_i32(int32_t a, uint32_t by)
{
    return by < 32 ? (int32_t)((uint32_t)a << by) : 0;
}

HD_FN int64_t hd_shl_i64(int64_t a, uint32_t by)
{
    return by < 64 ? (int64_t)((uint64_t)a << by) : 0;
}

HD_FN uint32_t hd_shl_u32(uint32_t a, uint32_t by) { return by < 32 ? a << by : 0; }

HD_FN uint64_t hd_shl_u64(uint64_t a, uint32_t by) { return by < 64 ? a << by : 0; }

HD_FN int32_t hd_shr_i32(int32_t a, uint32_t by) { return a >> (by < 32 ? by : 31); }

HD_FN int64_t hd_shr_i64(int64_t a, uint32_t by) { return a >> (by < 64 ? by : 63); }

HD_FN uint32_t hd_shr_u32(uint32_t a, uint32_t by) { return by < 32 ? a >> by : 0; }

HD_FN uint64_t hd_shr_u64(uint64_t a, uint32_t by) { return by < 64 ? a >> by : 0; }

HD_FN int32_t hd_abs_i32(int32_t a) { return a < 0 ? (int32_t)(0u - (uint32_t)a) : a; }

HD_FN int64_t hd_abs_i64(int64_t a) { return a < 0 ? (int64_t)(0ull - (uint64_t)a) : a; }

HD_FN uint32_t hd_abs_u32(uint32_t a) { return a; }

HD_FN uint64_t hd_abs_u64(uint64_t a) { return a; }

HD_FN int hd_popcount_u8(uint8_t a) { return __popc(a); }

HD_FN int hd_popcount_u16(uint16_t a) { return __popc(a); }

HD_FN int hd_popcount_u32(uint32_t a) { return __popc(a); }

HD_FN int hd_popcount_u64(uint64_t a) { return __popcll(a); }

HD_FN int hd_clz_u8(uint8_t a) { return __clz((int)a) - 24; }

HD_FN int hd_clz_u16(uint16_t a) { return __clz((int)a) - 16; }

HD_FN int hd_clz_u32(uint32_t a) { return __clz((int)a); }

HD_FN int hd_clz_u64(uint64_t a) { return __clzll((long long)a); }

HD_FN int hd_ctz_u8(uint8_t a) { return __ffs((int)(a | 0x100u)) - 1; }

HD_FN int hd_ctz_u16(uint16_t a) { return __ffs((int)(a | 0x10000u)) - 1; }

HD_FN int hd_ctz_u32(uint32_t a) { return a ? __ffs((int)a) - 1 : 32; }

HD_FN int hd_ctz_u64(uint64_t a) { return a ? __ffsll((long long)a) - 1 : 64; }

#ifndef HD_HOST
HD_FN uint32_t hd_prmt_u32(uint32_t a, uint32_t b, uint32_t s)
{
    uint32_t r;
    asm("prmt.b32 %0, %1, %2, %3;" : "=r"(r) : "r"(a), "r"(b), "r"(s));
    return r;
}
#endif

#ifndef HD_HOST
template <uint32_t Table> HD_FN uint32_t hd_lop3(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t r;
    asm("lop3.b32 %0, %1, %2, %3, %4;" : "=r"(r) : "r"(a), "r"(b), "r"(c), "n"(Table));
    return r;
}
#define hd_lop3_u32(a, b, c, table) hd_lop3<table>(a, b, c)
#endif

HD_FN int32_t hd_mulhi_i32(int32_t a, int32_t b) { return __mulhi(a, b); }

HD_FN uint32_t hd_mulhi_u32(uint32_t a, uint32_t b) { return __umulhi(a, b); }

HD_FN int64_t hd_mulhi_i64(int64_t a, int64_t b) { return __mul64hi(a, b); }

HD_FN uint64_t hd_mulhi_u64(uint64_t a, uint64_t b) { return __umul64hi(a, b); }

// ---- floats -------------------------------------------------------------------------------------
HD_FN float hd_fma_f32(float a, float b, float c) { return __fmaf_rn(a, b, c); }

HD_FN double hd_fma_f64(double a, double b, double c) { return __fma_rn(a, b, c); }

HD_FN float hd_sqrt_f32(float a) { return __fsqrt_rn(a); }

HD_FN double hd_sqrt_f64(double a) { return __dsqrt_rn(a); }

HD_FN float hd_abs_f32(float a) { return fabsf(a); }

HD_FN double hd_abs_f64(double a) { return fabs(a); }

HD_FN float hd_floor_f32(float a) { return floorf(a); }

HD_FN double hd_floor_f64(double a) { return floor(a); }

HD_FN float hd_ceil_f32(float a) { return ceilf(a); }

HD_FN double hd_ceil_f64(double a) { return ceil(a); }

HD_FN float hd_trunc_f32(float a) { return truncf(a); }

HD_FN double hd_trunc_f64(double a) { return trunc(a); }

HD_FN float hd_rint_f32(float a) { return rintf(a); }

HD_FN double hd_rint_f64(double a) { return rint(a); }

HD_FN float hd_copysign_f32(float a, float b) { return copysignf(a, b); }

HD_FN double hd_copysign_f64(double a, double b) { return copysign(a, b); }

HD_FN float hd_fmod_f32(float a, float b) { return fmodf(a, b); }

HD_FN double hd_fmod_f64(double a, double b) { return fmod(a, b); }

HD_FN bool hd_isnan_f32(float a) { return a != a; }

HD_FN bool hd_isnan_f64(double a) { return a != a; }

HD_FN bool hd_isinf_f32(float a) { return (hd_bits<uint32_t>(a) & 0x7fffffffu) == 0x7f800000u; }

HD_FN bool hd_isinf_f64(double a) { return hd_bits<uint64_t>(a) << 1 == 0xffe0000000000000ull; }

// NaN if either operand is; -0 is below +0, as the instructions have it.
HD_FN float hd_min_f32(float a, float b)
{
#if __CUDA_ARCH__ >= 800
    float r;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
    return r;
#else
    return a != a || b != b ? a + b : fminf(a, b);
#endif
}

HD_FN float hd_max_f32(float a, float b)
{
#if __CUDA_ARCH__ >= 800
    float r;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(r) : "f"(a), "f"(b));
    return r;
#else
    return a != a || b != b ? a + b : fmaxf(a, b);
#endif
}

HD_FN double hd_min_f64(double a, double b) { return a != a || b != b ? a + b : fmin(a, b); }

HD_FN double hd_max_f64(double a, double b) { return a != a || b != b ? a + b : fmax(a, b); }

// ---- vectors ------------------------------------------------------------------------------------
// Lanes beside one another, aligned to the whole so that one access moves them; but for three.
template <class T, int N> struct hd_vec {
    alignas(sizeof(T) * (N & (N - 1) ? 1 : N)) T lane[N];
};

template <class T, int N> HD_FN hd_vec<T, N> hd_splat(T x)
{
    hd_vec<T, N> r;
#pragma unroll
    for (int i = 0; i < N; ++i) r.lane[i] = x;
    return r;
}

// Lane i of the result is f of the operands' lanes i.
template <class To, int N, class F, class... A> HD_FN hd_vec<To, N> hd_map(F f, hd_vec<A, N>... a)
{
    hd_vec<To, N> r;
#pragma unroll
    for (int i = 0; i < N; ++i) r.lane[i] = f(a.lane[i]...);
    return r;
}

// Two f16 in one instruction. Each result is rounded once, as that of an f16 alone is: in f32, with
// its more than twice as many bits, sum and product are exact or as good.
#ifdef HD_HOST
#define HD_PAIR(op, symbol)                                                                        \
    return hd_map<hd_f16, 2>(                                                                      \
        [](hd_f16 x, hd_f16 y) {                                                                   \
            return hd_cast_f16_f32(hd_cast_f32_f16(x) symbol hd_cast_f32_f16(y));                  \
        },                                                                                         \
        a, b)
#else
#define HD_PAIR(op, symbol)                                                                        \
    uint32_t r;                                                                                    \
    asm(op ".rn.f16x2 %0, %1, %2;"                                                                 \
        : "=r"(r)                                                                                  \
        : "r"(hd_bits<uint32_t>(a)), "r"(hd_bits<uint32_t>(b)));                                   \
    return hd_bits<hd_pair>(r)
#endif
typedef hd_vec<hd_f16, 2> hd_pair;

HD_FN hd_pair hd_add_f16x2(hd_pair a, hd_pair b) { HD_PAIR("add", +); }

HD_FN hd_pair hd_sub_f16x2(hd_pair a, hd_pair b) { HD_PAIR("sub", -); }

HD_FN hd_pair hd_mul_f16x2(hd_pair a, hd_pair b) { HD_PAIR("mul", *); }

// Bytes of either sign: the products are exact, the sum wraps. Two signs have an instruction.
template <typename A, typename B>
HD_FN int32_t hd_dot4(hd_vec<A, 4> a, hd_vec<B, 4> b, int32_t c)
{
    unsigned int r = (unsigned int)c;
#pragma unroll
    for (int i = 0; i < 4; ++i) r += (unsigned int)(a.lane[i] * b.lane[i]);
    return (int32_t)r;
}
HD_FN int32_t hd_dot4_ss(hd_vec<signed char, 4> a, hd_vec<signed char, 4> b, int32_t c)
{
    return __dp4a(hd_bits<int>(a), hd_bits<int>(b), c);
}
HD_FN int32_t hd_dot4_uu(hd_vec<unsigned char, 4> a, hd_vec<unsigned char, 4> b, int32_t c)
{
    return (int32_t)__dp4a(hd_bits<unsigned int>(a), hd_bits<unsigned int>(b), (unsigned int)c);
}
HD_FN int32_t hd_dot4_su(hd_vec<signed char, 4> a, hd_vec<unsigned char, 4> b, int32_t c)
{
    return hd_dot4(a, b, c);
}
HD_FN int32_t hd_dot4_us(hd_vec<unsigned char, 4> a, hd_vec<signed char, 4> b, int32_t c)
{
    return hd_dot4(a, b, c);
}
