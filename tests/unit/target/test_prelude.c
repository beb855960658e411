/* The CPU prelude against vocab/scalar.c: the same bits, for every pattern of the small types and
 * for random and awkward values of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wunused-value"
#pragma GCC diagnostic ignored "-Wdouble-promotion"
#pragma GCC diagnostic ignored "-Wpsabi"
#include "runtime/module.h"
#include "target/cpu/prelude.h"
#include "target/cpu/rows.h"
#pragma GCC diagnostic pop

#include "vocab/scalar.h"

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Bits of all kinds: random, near the small formats' limits and ties, subnormal, special. */
static float some_float(uint64_t *state)
{
    static const uint32_t special[] = {
        0,           0x80000000u, 0x7f800000u, 0xff800000u, 0x7fc00000u, 0x477fe000u, 0x477ff000u,
        0x477fefffu, 0x43e80000u, 0x43e80001u, 0x43e00000u, 0x47600000u, 0x47700000u, 0x476fffffu,
        0x33000000u, 0x33000001u, 0x387fc000u, 0x38800000u, 0x3b000000u, 0x3a800000u, 0x3a800001u,
        0x37000000u, 0x36ffffffu, 0x7f7fffffu, 0x7f7f8000u, 0x00000001u, 0x007fffffu, 0x00008000u,
    };
    uint64_t r = next_random(state);
    uint32_t bits = (uint32_t)r;
    if (r >> 60 == 0) bits = special[(r >> 32) % (sizeof special / sizeof *special)];
    if (r >> 60 == 1) bits &= 0xffff0000u;
    if (r >> 60 == 2) bits = (bits & 0xffffe000u) | 0x1000u;
    if (r >> 60 >= 8) bits = (bits & 0x80ffffffu) | (0x30u + (uint32_t)(r >> 36 & 0x1f)) << 24;
    return hd_bitcast_f32_u32(bits);
}

static Scalar of_f32(float x)
{
    return (Scalar){.elem = ELEM_F32, .f = (double)x};
}

static uint64_t narrow_bits(Elem elem, float x)
{
    if (elem == ELEM_F16) return hd_cast_f16_f32(x).bits;
    if (elem == ELEM_BF16) return hd_cast_bf16_f32(x).bits;
    if (elem == ELEM_F8E4M3) return hd_cast_f8e4m3_f32(x).bits;
    if (elem == ELEM_F8E5M2) return hd_cast_f8e5m2_f32(x).bits;
    return hd_bitcast_u32_f32(hd_cast_tf32_f32(x));
}

static uint64_t narrow_bits_f64(Elem elem, double x)
{
    if (elem == ELEM_F16) return hd_cast_f16_f64(x).bits;
    if (elem == ELEM_BF16) return hd_cast_bf16_f64(x).bits;
    if (elem == ELEM_F8E4M3) return hd_cast_f8e4m3_f64(x).bits;
    if (elem == ELEM_F8E5M2) return hd_cast_f8e5m2_f64(x).bits;
    return hd_bitcast_u32_f32(hd_cast_tf32_f64(x));
}

static float wide(Elem elem, uint32_t bits)
{
    if (elem == ELEM_F16) return hd_cast_f32_f16((hd_f16){(uint16_t)bits});
    if (elem == ELEM_BF16) return hd_cast_f32_bf16((hd_bf16){(uint16_t)bits});
    if (elem == ELEM_F8E4M3) return hd_cast_f32_f8e4m3((hd_f8e4m3){(uint8_t)bits});
    return hd_cast_f32_f8e5m2((hd_f8e5m2){(uint8_t)bits});
}

static const Elem NARROW[] = {ELEM_F16, ELEM_BF16, ELEM_F8E4M3, ELEM_F8E5M2, ELEM_TF32};

static void widening(void **state)
{
    (void)state;
    for (size_t i = 0; i < 4; i++)
        for (uint32_t bits = 0; bits < 1u << vocab_elem(NARROW[i])->bits; bits++) {
            double expect = scalar_from_bits(NARROW[i], bits).f;
            double got = (double)wide(NARROW[i], bits);
            if (expect != expect) {
                assert_true(got != got);
                continue;
            }
            assert_true(got == expect && !signbit(got) == !signbit(expect));
        }
}

static void rounding(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull;
    for (int n = 0; n < 400000; n++) {
        float x = some_float(&seed);
        double d = (double)x * (1 + (double)(int)(n % 5 - 2) * 0x1p-30);
        for (size_t i = 0; i < 5; i++) {
            uint64_t expect = scalar_bits(scalar_cast(NARROW[i], of_f32(x)));
            assert_int_equal(narrow_bits(NARROW[i], x), expect);
            Scalar s = {.elem = ELEM_F64, .f = d};
            assert_int_equal(narrow_bits_f64(NARROW[i], d), scalar_bits(scalar_cast(NARROW[i], s)));
        }
    }
}

static void fused(void **state)
{
    (void)state;
    uint64_t seed = 1234567;
    for (int n = 0; n < 400000; n++) {
        uint64_t r = next_random(&seed);
        hd_f16 a = {(uint16_t)r}, b = {(uint16_t)(r >> 16)}, c = {(uint16_t)(r >> 32)};
        Scalar args[3] = {scalar_from_bits(ELEM_F16, a.bits), scalar_from_bits(ELEM_F16, b.bits),
                          scalar_from_bits(ELEM_F16, c.bits)};
        Scalar expect;
        assert_true(scalar_math(BUILTIN_FMA, args, 3, &expect));
        assert_int_equal(hd_fma_f16(a, b, c).bits, scalar_bits(expect));
    }
}

static void to_integers(void **state)
{
    (void)state;
    uint64_t seed = 99;
    for (int n = 0; n < 200000; n++) {
        float x = some_float(&seed);
        if (n % 3 == 0) x = (float)(int64_t)next_random(&seed) * 0x1p-20f;
        Scalar s = of_f32(x);
        assert_true(hd_cast_i8_f32(x) == scalar_cast(ELEM_I8, s).i);
        assert_true(hd_cast_u8_f32(x) == scalar_cast(ELEM_U8, s).i);
        assert_true(hd_cast_i16_f32(x) == scalar_cast(ELEM_I16, s).i);
        assert_true(hd_cast_u16_f32(x) == scalar_cast(ELEM_U16, s).i);
        assert_true(hd_cast_i32_f32(x) == scalar_cast(ELEM_I32, s).i);
        assert_true(hd_cast_u32_f32(x) == scalar_cast(ELEM_U32, s).i);
        assert_true(hd_cast_i64_f32(x) == scalar_cast(ELEM_I64, s).i);
        assert_true((int64_t)hd_cast_u64_f32(x) == scalar_cast(ELEM_U64, s).i);
        assert_true(hd_cast_i4_f32(x) == scalar_cast(ELEM_I4, s).i);
        assert_true(hd_cast_u4_f32(x) == scalar_cast(ELEM_U4, s).i);
    }
}

static void from_integers(void **state)
{
    (void)state;
    uint64_t seed = 4242;
    for (int n = 0; n < 200000; n++) {
        int64_t x = (int64_t)next_random(&seed) >> (n % 64);
        Scalar s = {.elem = ELEM_I64, .i = x}, u = {.elem = ELEM_U64, .i = x};
        assert_int_equal(hd_cast_bf16_f64(hd_odd_i64(x)).bits,
                         scalar_bits(scalar_cast(ELEM_BF16, s)));
        assert_int_equal(hd_cast_f16_f64(hd_odd_i64(x)).bits,
                         scalar_bits(scalar_cast(ELEM_F16, s)));
        assert_int_equal(hd_cast_bf16_f64(hd_odd_u64((uint64_t)x)).bits,
                         scalar_bits(scalar_cast(ELEM_BF16, u)));
    }
}

static bool same_f32(float got, double expect)
{
    if (expect != expect) return got != got;
    return (double)got == expect && !signbit(got) == !signbit(expect);
}

static void extremes(void **state)
{
    (void)state;
    uint64_t seed = 77;
    for (int n = 0; n < 200000; n++) {
        float x = some_float(&seed), y = n % 4 ? some_float(&seed) : n % 8 ? x : -x;
        Scalar a = of_f32(x), b = of_f32(y), lo, hi;
        assert_true(scalar_binary(OP_MIN, a, b, &lo) && scalar_binary(OP_MAX, a, b, &hi));
        assert_true(same_f32(hd_min_f32(x, y), lo.f));
        assert_true(same_f32(hd_max_f32(x, y), hi.f));
    }
}

/* Of many: as if taken one after the other. */
static void extremes_of_many(void **state)
{
    (void)state;
    uint64_t seed = 78;
    static const float special[] = {0.0f, -0.0f, NAN, -NAN, INFINITY, -INFINITY, 1.0f, -1.0f};
    for (int n = 0; n < 200000; n++) {
        Scalar lo = {0}, hi = {0};
        HdRange range = {0};
        uint64_t kind = next_random(&seed) % 4, count = 2 + next_random(&seed) % 9;
        for (uint64_t i = 0; i < count; i++) {
            float x = some_float(&seed);
            uint64_t which = next_random(&seed) % BASE_LEN(special);
            if (kind == 0 || which == i) x = special[which];
            if (kind == 1 && x == x) x = copysignf(x, -1.0f);
            Scalar s = of_f32(x);
            range = i ? hd_range_with_f32(range, x) : hd_range_f32(x);
            if (i == 0) lo = hi = s;
            assert_true(scalar_binary(OP_MIN, lo, s, &lo) && scalar_binary(OP_MAX, hi, s, &hi));
        }
        assert_true(same_f32(hd_range_min_f32(range), lo.f));
        assert_true(same_f32(hd_range_max_f32(range), hi.f));
    }
}

static void division(void **state)
{
    (void)state;
    uint64_t seed = 5;
    for (int n = 0; n < 200000; n++) {
        int64_t a = (int64_t)next_random(&seed) >> (n % 64),
                b = (int64_t)next_random(&seed) >> (n * 7 % 64);
        if (n % 16 == 0) a = INT64_MIN;
        if (b == 0) {
            assert_true(hd_div_i64(a, b) == 0);
            continue;
        }
        Scalar x = {.elem = ELEM_I64, .i = a}, y = {.elem = ELEM_I64, .i = b}, r;
        assert_true(scalar_binary(OP_DIV, x, y, &r) && hd_div_i64(a, b) == r.i);
        assert_true(scalar_binary(OP_MOD, x, y, &r) && hd_mod_i64(a, b) == r.i);
        if (a == INT64_MIN && b == -1) continue;
        assert_true(hd_floordiv_i64(a, b) == base_floor_div(a, b));
        assert_true(hd_floormod_i64(a, b) == base_floor_mod(a, b));
    }
}

/* Every length and alignment, small tensors and large ones: the bytes arrive, no others change. */
static void test_stream(void **state)
{
    enum { ROOM = 512, MOST = 300 };
    (void)state;
    static char from[ROOM], to[ROOM] __attribute__((aligned(64)));
    for (int i = 0; i < ROOM; i++) from[i] = (char)(i * 7 + 1);
    for (int large = 0; large < 2; large++)
        for (int out = 0; out < 64; out++)
            for (int bytes = 0; bytes < MOST; bytes += 1 + out % 3) {
                int in = (out * 5 + bytes) % 64;
                memset(to, -1, sizeof to);
                hd_stream(to + 64 + out, from + in, bytes, large ? (int64_t)1 << 30 : bytes);
                hd_stream_end();
                assert_memory_equal(to + 64 + out, from + in, (size_t)bytes);
                for (int i = 0; i < ROOM; i++)
                    if (i < 64 + out || i >= 64 + out + bytes) assert_int_equal(to[i], -1);
            }
    hd_stream(to, from, -8, (int64_t)1 << 30);
    assert_int_equal(to[0], -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream), cmocka_unit_test(widening),
        cmocka_unit_test(rounding),    cmocka_unit_test(fused),
        cmocka_unit_test(to_integers), cmocka_unit_test(from_integers),
        cmocka_unit_test(extremes),    cmocka_unit_test(extremes_of_many),
        cmocka_unit_test(division),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
