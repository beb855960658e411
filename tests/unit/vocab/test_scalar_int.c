/* Integer scalars: every pair of the 4 and 8 bit types against arithmetic in wide integers, and the
 * edges of the wide types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vocab/scalar.h"

static int64_t wrapped(Elem elem, int64_t v)
{
    int bits = vocab_elem(elem)->bits;
    int64_t size = (int64_t)1 << bits, r = ((v % size) + size) % size;
    return vocab_elem(elem)->cls == CLASS_SINT && r >= size / 2 ? r - size : r;
}

/* False: undefined. */
static bool oracle(Op op, Elem elem, int64_t a, int64_t b, int64_t *r)
{
    int bits = vocab_elem(elem)->bits;
    switch ((int)op) {
    case OP_ADD:
        *r = a + b;
        break;
    case OP_SUB:
        *r = a - b;
        break;
    case OP_MUL:
        *r = a * b;
        break;
    case OP_DIV:
        if (b == 0) return false;
        *r = a / b;
        break;
    case OP_MOD:
        if (b == 0) return false;
        *r = a % b;
        break;
    case OP_MIN:
        *r = a < b ? a : b;
        break;
    case OP_MAX:
        *r = a > b ? a : b;
        break;
    case OP_BITAND:
        *r = a & b;
        break;
    case OP_BITOR:
        *r = a | b;
        break;
    case OP_BITXOR:
        *r = a ^ b;
        break;
    case OP_SHL:
        if (b < 0 || b >= bits) return false;
        *r = a * ((int64_t)1 << b);
        break;
    default:
        if (b < 0 || b >= bits) return false;
        *r = base_floor_div(a, (int64_t)1 << b);
    }
    *r = wrapped(elem, *r);
    return true;
}

static const Op arithmetic[] = {OP_ADD, OP_SUB, OP_MUL,    OP_DIV,   OP_MOD,    OP_MIN,
                                OP_MAX, OP_SHL, OP_BITAND, OP_BITOR, OP_BITXOR, OP_SHR};

static void test_small(void **state)
{
    (void)state;
    static const Elem elems[] = {ELEM_I4, ELEM_U4, ELEM_I8, ELEM_U8};
    for (size_t e = 0; e < BASE_LEN(elems); e++) {
        int64_t lo, hi, want = 0;
        assert_true(scalar_int_range(elems[e], &lo, &hi));
        for (int64_t a = lo; a <= hi; a++)
            for (int64_t b = lo; b <= hi; b++)
                for (size_t i = 0; i < BASE_LEN(arithmetic); i++) {
                    Scalar x = scalar_int(elems[e], a), y = scalar_int(elems[e], b), r;
                    bool defined = oracle(arithmetic[i], elems[e], a, b, &want);
                    bool got = scalar_binary(arithmetic[i], x, y, &r);
                    if (got != defined || (got && r.i != want))
                        fail_msg("%s %s of %d and %d", vocab_elem(elems[e])->text,
                                 vocab_op(arithmetic[i])->name, (int)a, (int)b);
                }
    }
}

static void test_unary(void **state)
{
    (void)state;
    static const Elem elems[] = {ELEM_I8, ELEM_U8};
    for (size_t e = 0; e < BASE_LEN(elems); e++)
        for (int64_t a = -128; a < 256; a++) {
            Scalar x = scalar_int(elems[e], a), r;
            assert_int_equal(x.i, wrapped(elems[e], a));
            assert_true(scalar_unary(OP_NEG, x, &r) && r.i == wrapped(elems[e], -x.i));
            assert_true(scalar_unary(OP_BITNOT, x, &r) && r.i == wrapped(elems[e], ~x.i));
            assert_true(scalar_math(BUILTIN_ABS, &x, 1, &r));
            assert_int_equal(r.i, wrapped(elems[e], x.i < 0 ? -x.i : x.i));
            int ones = 0, leading = 8, trailing = 8;
            for (int bit = 0; bit < 8; bit++)
                if (x.i >> bit & 1) {
                    ones++;
                    leading = 7 - bit;
                    if (trailing == 8) trailing = bit;
                }
            assert_true(scalar_math(BUILTIN_POPCOUNT, &x, 1, &r) && r.i == ones);
            assert_true(scalar_math(BUILTIN_CLZ, &x, 1, &r) && r.i == leading);
            assert_true(scalar_math(BUILTIN_CTZ, &x, 1, &r) && r.i == trailing);
            for (int64_t b = -128; b < 256; b++) {
                Scalar two[] = {x, scalar_int(elems[e], b)};
                assert_true(scalar_math(BUILTIN_MULHI, two, 2, &r));
                assert_int_equal(r.i, wrapped(elems[e], (x.i * two[1].i) >> 8));
            }
        }
}

static Scalar index_of(int64_t v)
{
    return scalar_int(ELEM_INDEX, v);
}

static void test_index(void **state)
{
    (void)state;
    Scalar r;
    for (int64_t a = -20; a <= 20; a++)
        for (int64_t b = -7; b <= 7; b++) {
            bool ok = scalar_binary(OP_DIV, index_of(a), index_of(b), &r);
            assert_int_equal(ok, b != 0);
            if (!b) continue;
            int64_t q = r.i;
            assert_true(scalar_binary(OP_MOD, index_of(a), index_of(b), &r));
            assert_int_equal(q * b + r.i, a);
            assert_true(b > 0 ? r.i >= 0 && r.i < b : r.i <= 0 && r.i > b);
            Scalar pair[] = {index_of(a), index_of(b)};
            assert_true(scalar_math(BUILTIN_CDIV, pair, 2, &r));
            assert_true(b > 0 ? r.i * b >= a && (r.i - 1) * b < a
                              : r.i * b <= a && (r.i - 1) * b > a);
        }
    assert_false(scalar_binary(OP_ADD, index_of(INT64_MAX), index_of(1), &r));
    assert_false(scalar_binary(OP_SUB, index_of(INT64_MIN), index_of(1), &r));
    assert_false(scalar_binary(OP_MUL, index_of(INT64_MAX), index_of(2), &r));
    assert_false(scalar_binary(OP_SHL, index_of(INT64_MAX), index_of(1), &r));
    assert_false(scalar_binary(OP_DIV, index_of(INT64_MIN), index_of(-1), &r));
    assert_false(scalar_unary(OP_NEG, index_of(INT64_MIN), &r));
    assert_true(scalar_binary(OP_SHL, index_of(3), index_of(40), &r) && r.i == (int64_t)3 << 40);
}

static void test_wide(void **state)
{
    (void)state;
    Scalar r, low = scalar_int(ELEM_I64, INT64_MIN), minus = scalar_int(ELEM_I64, -1);
    assert_true(scalar_binary(OP_DIV, low, minus, &r) && r.i == INT64_MIN);
    assert_true(scalar_binary(OP_MOD, low, minus, &r) && r.i == 0);
    assert_true(scalar_binary(OP_ADD, low, minus, &r) && r.i == INT64_MAX);
    Scalar big = scalar_int(ELEM_U64, -1), two = scalar_int(ELEM_U64, 2);
    assert_true(scalar_binary(OP_DIV, big, two, &r) && r.i == INT64_MAX);
    assert_true(scalar_binary(OP_GT, big, two, &r) && r.i == 1);
    assert_true(scalar_binary(OP_MAX, big, two, &r) && r.i == -1);
    assert_true(scalar_binary(OP_SHR, big, scalar_int(ELEM_U64, 63), &r) && r.i == 1);
    assert_true(scalar_math(BUILTIN_MULHI, (Scalar[]){big, big}, 2, &r) && r.i == -2);
    assert_true(scalar_math(BUILTIN_MULHI, (Scalar[]){low, low}, 2, &r) && r.i == (int64_t)1 << 62);
    assert_int_equal(scalar_cast(ELEM_I32, scalar_int(ELEM_I64, 0x1ffffffffLL)).i, -1);
    assert_int_equal(scalar_cast(ELEM_U8, scalar_int(ELEM_I32, -1)).i, 255);
    assert_int_equal(scalar_cast(ELEM_BOOL, scalar_float(ELEM_F32, 0.5)).i, 1);
}

static void test_bitcast(void **state)
{
    (void)state;
    Scalar r;
    assert_true(scalar_bitcast(ELEM_U32, scalar_float(ELEM_F32, -1.5), &r) && r.i == 0xbfc00000);
    assert_true(scalar_bitcast(ELEM_I16, scalar_float(ELEM_BF16, -2.0), &r) && r.i == -16384);
    assert_true(scalar_bitcast(ELEM_F64, scalar_int(ELEM_I64, 0), &r) && r.f == 0);
    assert_false(scalar_bitcast(ELEM_F64, scalar_int(ELEM_I32, 0), &r));
    assert_true(scalar_same(scalar_float(ELEM_F32, 1), scalar_float(ELEM_F32, 1)));
    assert_false(scalar_same(scalar_float(ELEM_F32, 0.0), scalar_float(ELEM_F32, -0.0)));
    assert_false(scalar_same(scalar_int(ELEM_I32, 1), scalar_int(ELEM_U32, 1)));
}

static void test_logic(void **state)
{
    (void)state;
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 2; b++) {
            Scalar x = scalar_int(ELEM_BOOL, a), y = scalar_int(ELEM_BOOL, b), r;
            assert_true(scalar_binary(OP_AND, x, y, &r) && r.i == (a && b));
            assert_true(scalar_binary(OP_OR, x, y, &r) && r.i == (a || b));
            assert_true(scalar_binary(OP_NE, x, y, &r) && r.i == (a != b));
            assert_true(scalar_unary(OP_NOT, x, &r) && r.i == !a);
            assert_false(scalar_binary(OP_ADD, x, y, &r));
        }
    Scalar args[9], r;
    for (int i = 0; i < 9; i++) args[i] = scalar_int(i < 8 ? ELEM_I8 : ELEM_I32, i - 4);
    assert_true(scalar_math(BUILTIN_DOT4, args, 9, &r));
    assert_int_equal(r.i, 0 - 3 - 4 - 3 + 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small), cmocka_unit_test(test_unary),   cmocka_unit_test(test_index),
        cmocka_unit_test(test_wide),  cmocka_unit_test(test_bitcast), cmocka_unit_test(test_logic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
