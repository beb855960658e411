/* Rounding and arithmetic of the float formats: exhaustively for 8 and 16 bits against values made
 * by the formula of the format and the nearest of them, against the C compiler's own float and
 * _Float16 where it has them, and `fma` against exact sums in 113 bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vocab/scalar.h"

#include <math.h>
#include <stdlib.h>

typedef struct Format {
    Elem elem;
    int mantissa, exponent;
    bool infinities;
} Format;

static const Format formats[] = {
    {ELEM_F8E4M3, 3, 4, false},
    {ELEM_F8E5M2, 2, 5, true},
    {ELEM_F16, 10, 5, true},
    {ELEM_BF16, 7, 8, true},
};

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* The value of the bits by the definition of a binary format; NaN and infinity told apart. */
static double formula(const Format *f, uint32_t bits)
{
    uint32_t top = (1u << f->exponent) - 1, ones = (1u << f->mantissa) - 1;
    uint32_t e = bits >> f->mantissa & top, m = bits & ones;
    int bias = (1 << (f->exponent - 1)) - 1;
    double sign = bits >> (f->mantissa + f->exponent) & 1 ? -1.0 : 1.0;
    if (e == top && f->infinities) return m ? (double)NAN : sign * (double)INFINITY;
    if (e == top && m == ones) return (double)NAN;
    double fraction = m / (double)(1u << f->mantissa);
    return sign * (e ? (1 + fraction) * pow(2, (double)e - bias) : fraction * pow(2, 1 - bias));
}

static bool same(double a, double b)
{
    return isnan(a) ? isnan(b) : a == b && !signbit(a) == !signbit(b);
}

static void test_bits(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE_LEN(formats); i++) {
        const Format *f = &formats[i];
        for (uint32_t bits = 0; bits < 2u << (f->mantissa + f->exponent); bits++) {
            Scalar s = scalar_from_bits(f->elem, bits);
            double want = formula(f, bits);
            assert_true(same(s.f, want));
            if (!isnan(want)) assert_int_equal(scalar_bits(s), bits);
            assert_true(same(scalar_float(f->elem, want).f, want));
        }
    }
}

/* Between neighbours a < b: the midpoint goes to the even one, what is beside it to the nearer. */
static void test_rounding(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE_LEN(formats); i++) {
        const Format *f = &formats[i];
        for (uint32_t bits = 0; !isinf(formula(f, bits)) && !isnan(formula(f, bits)); bits++) {
            double a = formula(f, bits), b = formula(f, bits + 1);
            /* Beyond the largest: where the next value would have been. */
            bool last = isinf(b) || isnan(b);
            double next = last ? a + (a - formula(f, bits - 1)) : b;
            double middle = (a + next) / 2, even = bits % 2 ? b : a;
            assert_true(same(scalar_float(f->elem, middle).f, even));
            assert_true(same(scalar_float(f->elem, nextafter(middle, 0)).f, a));
            assert_true(same(scalar_float(f->elem, nextafter(middle, INFINITY)).f, b));
            assert_true(same(scalar_float(f->elem, -middle).f, isnan(even) ? even : -even));
        }
        double huge = scalar_float(f->elem, 1e300).f, tiny = scalar_float(f->elem, -1e-300).f;
        assert_true(f->infinities ? isinf(huge) : isnan(huge));
        assert_true(tiny == 0 && signbit(tiny));
        assert_true(isnan(scalar_float(f->elem, (double)NAN).f));
    }
}

/* tf32: f32 with the low 13 bits rounded away. */
static void test_tf32(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++) {
        uint32_t bits = (uint32_t)next_random();
        if (i % 3 == 0) bits = (bits & ~0x1fffu) | 0x1000u; /* ties */
        float x;
        memcpy(&x, &bits, 4);
        Scalar s = scalar_cast(ELEM_TF32, (Scalar){.elem = ELEM_F32, .f = x});
        if (isnan(x)) {
            assert_true(isnan(s.f));
            continue;
        }
        uint32_t rest = bits & 0x1fffu, want = bits - rest;
        if (rest > 0x1000u || (rest == 0x1000u && (bits & 0x2000u))) want += 0x2000u;
        assert_int_equal(scalar_bits(s), want);
    }
}

static Scalar random_value(Elem elem)
{
    uint64_t bits = next_random();
    if (elem == ELEM_TF32) bits &= ~(uint64_t)0x1fff;
    int width = vocab_elem(elem)->bits;
    if (width < 64) bits &= ((uint64_t)1 << width) - 1;
    return scalar_from_bits(elem, bits);
}

/* Is r the value of the format nearest to the exact x, ties to even? Finite cases. */
static void assert_nearest(const Format *f, __float128 x, double r)
{
    Scalar s = {.elem = f->elem, .f = r};
    uint32_t magnitude = (uint32_t)scalar_bits(s) & ((1u << (f->mantissa + f->exponent)) - 1);
    if (isinf(r) || isnan(r)) return;
    __float128 mine = x - (__float128)r;
    if (mine < 0) mine = -mine;
    for (int side = -1; side <= 1; side += 2) {
        if (magnitude == 0 && side < 0) continue;
        double other = formula(f, (uint32_t)((int)magnitude + side));
        if (isinf(other) || isnan(other)) continue;
        if (signbit(r)) other = -other;
        __float128 theirs = x - (__float128)other;
        if (theirs < 0) theirs = -theirs;
        assert_true(mine < theirs || (mine == theirs && magnitude % 2 == 0));
    }
}

/* Does a sum of values of these sizes fit 113 bits? */
static bool fits(double a, double b)
{
    if (!isfinite(a) || !isfinite(b)) return false;
    return a == 0 || b == 0 || abs(ilogb(a) - ilogb(b)) < 60;
}

static void test_arithmetic(void **state)
{
    (void)state;
    static const Op ops[] = {OP_ADD, OP_SUB, OP_MUL, OP_DIV};
    for (int i = 0; i < 400000; i++) {
        const Format *f = &formats[i % 4];
        Scalar a = random_value(f->elem), b = random_value(f->elem), r;
        Op op = ops[next_random() % 4];
        assert_true(scalar_binary(op, a, b, &r));
        double rough = op == OP_ADD   ? a.f + b.f
                       : op == OP_SUB ? a.f - b.f
                       : op == OP_MUL ? a.f * b.f
                                      : a.f / b.f;
        if (isnan(rough)) assert_true(isnan(r.f));
        if (!isfinite(rough) || !isfinite(r.f) || b.f == 0 || !fits(a.f, b.f)) continue;
        __float128 x = a.f, y = b.f;
        __float128 exact = op == OP_ADD   ? x + y
                           : op == OP_SUB ? x - y
                           : op == OP_MUL ? x * y
                                          : x / y;
        assert_nearest(f, exact, r.f);
    }
}

static void test_fma(void **state)
{
    (void)state;
    for (int i = 0; i < 400000; i++) {
        const Format *f = &formats[i % 4];
        Scalar v[3] = {random_value(f->elem), random_value(f->elem), random_value(f->elem)}, r;
        if (i % 8 < 4) /* an addend just at the edge of the product's last place */
            v[2] = scalar_float(f->elem, ldexp(v[0].f * v[1].f, (int)(next_random() % 24) - 12));
        assert_true(scalar_math(BUILTIN_FMA, v, 3, &r));
        double product = v[0].f * v[1].f;
        if (!isfinite(product) || !isfinite(v[2].f) || !fits(product, v[2].f)) continue;
        assert_nearest(f, (__float128)v[0].f * v[1].f + v[2].f, r.f);
    }
}

static double from_float(float x)
{
    return isnan(x) ? (double)NAN : (double)x;
}

/* f32 and f64 against the machine's. */
static void test_machine(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++) {
        Scalar v[3], r;
        for (int j = 0; j < 3; j++) v[j] = random_value(ELEM_F32);
        if (i % 2) /* near cancellation */
            v[2] = scalar_float(ELEM_F32, -v[0].f * v[1].f * (1 + ldexp(1, -(i % 30))));
        float a = (float)v[0].f, b = (float)v[1].f, c = (float)v[2].f;
        assert_true(scalar_math(BUILTIN_FMA, v, 3, &r));
        assert_true(same(r.f, from_float(fmaf(a, b, c))));
        const float want[] = {a + b, a - b, a * b, a / b};
        static const Op ops[] = {OP_ADD, OP_SUB, OP_MUL, OP_DIV};
        for (int j = 0; j < 4; j++) {
            assert_true(scalar_binary(ops[j], v[0], v[1], &r));
            assert_true(same(r.f, from_float(want[j])));
        }
        assert_true(scalar_math(BUILTIN_SQRT, v, 1, &r));
        assert_true(same(r.f, from_float(sqrtf(a))));
    }
}

static void test_half(void **state)
{
    (void)state;
#ifdef __FLT16_MANT_DIG__
    for (uint32_t i = 0; i < 65536; i++) {
        uint16_t bits = (uint16_t)i;
        _Float16 h;
        memcpy(&h, &bits, 2);
        assert_true(same(scalar_from_bits(ELEM_F16, bits).f, (double)h));
    }
    for (int i = 0; i < 300000; i++) {
        double x = ldexp((double)(int64_t)next_random(), -63 - 26 + (int)(next_random() % 44));
        volatile _Float16 h = (_Float16)x;
        assert_true(same(scalar_float(ELEM_F16, x).f, (double)h));
    }
#endif
}

static void test_minmax(void **state)
{
    (void)state;
    static const double v[] = {-1, -0.0, 0.0, 1, (double)INFINITY, -(double)INFINITY, (double)NAN};
    for (size_t i = 0; i < BASE_LEN(v); i++)
        for (size_t j = 0; j < BASE_LEN(v); j++) {
            Scalar a = scalar_float(ELEM_F32, v[i]), b = scalar_float(ELEM_F32, v[j]), lo, hi, r;
            assert_true(scalar_binary(OP_MIN, a, b, &lo) && scalar_binary(OP_MAX, a, b, &hi));
            bool nan = isnan(v[i]) || isnan(v[j]);
            assert_int_equal(isnan(lo.f), nan);
            assert_int_equal(isnan(hi.f), nan);
            if (nan) {
                assert_int_equal(scalar_bits(lo), 0x7fc00000);
                continue;
            }
            bool less = v[i] < v[j] || (v[i] == v[j] && signbit(v[i]));
            assert_true(same(lo.f, less ? v[i] : v[j]));
            assert_true(same(hi.f, less ? v[j] : v[i]));
            assert_true(scalar_binary(OP_LT, a, b, &r) && r.i == (v[i] < v[j]));
        }
}

static double math(Builtin builtin, double x)
{
    Scalar a = scalar_float(ELEM_F16, x), r;
    assert_true(scalar_math(builtin, &a, 1, &r));
    return r.elem == ELEM_BOOL ? (double)r.i : r.f;
}

static void test_math(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        double x = scalar_from_bits(ELEM_F16, bits).f;
        assert_true(same(math(BUILTIN_FLOOR, x), floor(x)));
        assert_true(same(math(BUILTIN_CEIL, x), ceil(x)));
        assert_true(same(math(BUILTIN_TRUNC, x), trunc(x)));
        assert_true(same(math(BUILTIN_RINT, x), nearbyint(x)));
        assert_true(same(math(BUILTIN_ABS, x), x < 0 || signbit(x) ? -x : x));
        assert_true(math(BUILTIN_ISNAN, x) == (x != x));
        assert_true(math(BUILTIN_ISINF, x) == (x - x != 0 && x == x));
        Scalar pair[] = {scalar_float(ELEM_F16, x), scalar_float(ELEM_F16, -0.0)}, r;
        assert_true(scalar_math(BUILTIN_COPYSIGN, pair, 2, &r));
        assert_true(isnan(x) ? isnan(r.f) : same(r.f, -fabs(x)));
        assert_true(scalar_math(BUILTIN_MIN, pair, 2, &r));
        assert_true(isnan(x) ? isnan(r.f) : same(r.f, x < 0 ? x : -0.0));
        assert_true(scalar_math(BUILTIN_MAX, pair, 2, &r));
        assert_true(isnan(x) ? isnan(r.f) : same(r.f, x < 0 ? -0.0 : x));
        double root = math(BUILTIN_SQRT, x);
        if (x > 0 && isfinite(x)) { /* nearest: x lies between the squares of the midpoints */
            uint32_t at = (uint32_t)scalar_bits((Scalar){.elem = ELEM_F16, .f = root});
            double low = (formula(&formats[2], at - 1) + root) / 2;
            double high = (formula(&formats[2], at + 1) + root) / 2;
            assert_true(low * low <= x && x <= high * high);
        }
    }
    Scalar i = scalar_int(ELEM_I32, 5), r;
    assert_false(scalar_math(BUILTIN_SQRT, &i, 1, &r));
    assert_false(scalar_math(BUILTIN_ISNAN, &i, 1, &r));
    assert_false(scalar_math(BUILTIN_FMA, (Scalar[]){i, i, i}, 3, &r));
    assert_false(scalar_math(BUILTIN_COPYSIGN, (Scalar[]){i, i}, 2, &r));
    Scalar x = scalar_float(ELEM_F32, -7.5), y = scalar_float(ELEM_F32, 2);
    assert_true(scalar_binary(OP_MOD, x, y, &r) && r.f == -1.5);
    assert_true(scalar_unary(OP_NEG, x, &r) && r.f == 7.5);
    assert_false(scalar_binary(OP_BITAND, x, y, &r));
    assert_false(scalar_math(BUILTIN_MULHI, (Scalar[]){x, y}, 2, &r));
}

/* ---- conversions ----------------------------------------------------------------------------- */

static void test_to_int(void **state)
{
    (void)state;
    static const Elem ints[] = {ELEM_I4,  ELEM_U4,  ELEM_I8,  ELEM_U8,  ELEM_I16,
                                ELEM_U16, ELEM_I32, ELEM_U32, ELEM_I64, ELEM_U64};
    for (size_t i = 0; i < BASE_LEN(ints); i++) {
        int width = vocab_elem(ints[i])->bits;
        bool natural = vocab_elem(ints[i])->cls == CLASS_UINT;
        double top = ldexp(1, natural ? width : width - 1), bottom = natural ? 0 : -top;
        for (uint32_t bits = 0; bits < 65536; bits += i < 2 ? 1 : 7) {
            Scalar x = scalar_from_bits(ELEM_BF16, bits), r = scalar_cast(ints[i], x);
            __int128 got = natural ? (__int128)(uint64_t)r.i : r.i;
            __int128 highest = ((__int128)1 << (natural ? width : width - 1)) - 1;
            __int128 want = isnan(x.f)            ? 0
                            : trunc(x.f) >= top   ? highest
                            : trunc(x.f) < bottom ? (__int128)bottom
                                                  : (__int128)trunc(x.f);
            assert_true(got == want);
        }
    }
}

static void test_from_int(void **state)
{
    (void)state;
    for (int i = 0; i < 300000; i++) {
        int64_t v = (int64_t)(next_random() >> (next_random() % 64));
        if (i % 3 == 0) v = v / 1048576 * 1048576 + (int64_t)(next_random() % 3) - 1;
        if (i % 2) v = -v;
        Scalar signed_value = {.elem = ELEM_I64, .i = v}, u = {.elem = ELEM_U64, .i = v};
        assert_true(scalar_cast(ELEM_F32, signed_value).f == (double)(float)v);
        assert_true(scalar_cast(ELEM_F32, u).f == (double)(float)(uint64_t)v);
        assert_true(scalar_cast(ELEM_F64, u).f == (double)(uint64_t)v);
        assert_nearest(&formats[3], (__float128)v, scalar_cast(ELEM_BF16, signed_value).f);
        assert_nearest(&formats[2], (__float128)v, scalar_cast(ELEM_F16, signed_value).f);
    }
}

static void test_holds(void **state)
{
    (void)state;
    static const Elem wide[] = {ELEM_F8E4M3, ELEM_F8E5M2, ELEM_F16, ELEM_BF16, ELEM_TF32, ELEM_F32};
    for (size_t i = 0; i < BASE_LEN(wide); i++)
        for (size_t j = 0; j < BASE_LEN(formats); j++) {
            bool all = true;
            uint32_t count = 2u << (formats[j].mantissa + formats[j].exponent);
            for (uint32_t bits = 0; bits < count && all; bits++) {
                double x = formula(&formats[j], bits);
                all = same(scalar_float(wide[i], x).f, x);
            }
            assert_int_equal(scalar_float_holds(wide[i], formats[j].elem), all);
        }
}

/* ---- text ------------------------------------------------------------------------------------ */

static void test_text(void **state)
{
    (void)state;
    Escape escape;
    if (setjmp(escape.env)) fail();
    Arena *arena = base_arena_create(&escape);
    for (size_t i = 0; i < BASE_LEN(formats); i++) {
        uint32_t count = 2u << (formats[i].mantissa + formats[i].exponent);
        for (uint32_t bits = 0; bits < count; bits += i < 2 ? 1 : 5) {
            Scalar s = scalar_from_bits(formats[i].elem, bits);
            const char *text = scalar_text(arena, s);
            assert_true(same(scalar_float(s.elem, strtod(text, NULL)).f, s.f));
            if (isfinite(s.f)) assert_non_null(strpbrk(text, ".e"));
        }
    }
    for (int i = 0; i < 20000; i++) {
        Scalar s = random_value(i % 2 ? ELEM_F32 : ELEM_F64);
        const char *text = scalar_text(arena, s);
        double back = i % 2 ? (double)strtof(text, NULL) : strtod(text, NULL);
        assert_true(same(isnan(back) ? (double)NAN : back, s.f));
    }
    assert_string_equal(scalar_text(arena, scalar_float(ELEM_F32, 1.1)), "1.1");
    assert_string_equal(scalar_text(arena, scalar_float(ELEM_F16, 0.1)), "0.1");
    assert_string_equal(scalar_text(arena, scalar_float(ELEM_F64, 3)), "3.0");
    assert_string_equal(scalar_text(arena, scalar_float(ELEM_F32, -INFINITY)), "-inf");
    assert_string_equal(scalar_text(arena, scalar_int(ELEM_U64, -1)), "18446744073709551615");
    assert_string_equal(scalar_text(arena, scalar_int(ELEM_I4, 15)), "-1");
    assert_string_equal(scalar_text(arena, scalar_int(ELEM_BOOL, 1)), "true");
    base_arena_destroy(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),     cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_tf32),     cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_fma),      cmocka_unit_test(test_machine),
        cmocka_unit_test(test_half),     cmocka_unit_test(test_minmax),
        cmocka_unit_test(test_math),     cmocka_unit_test(test_to_int),
        cmocka_unit_test(test_from_int), cmocka_unit_test(test_holds),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
