#include "reference.h"

/* Working precision of the composed functions beyond that of the result: enough for the worst
 * cancellation among them, that of gelu far in its left tail. */
enum { EXTRA = 64 };

#define WRAP(name)                                                                                 \
    static void ref_##name(mpfr_t y, const mpfr_t x)                                               \
    {                                                                                              \
        (void)mpfr_##name(y, x, MPFR_RNDN);                                                        \
    }

/* clang-format off */
WRAP(exp)
WRAP(exp2)
WRAP(exp10)
WRAP(expm1)
WRAP(log)
WRAP(log2)
WRAP(log10)
WRAP(log1p)
WRAP(sin)
WRAP(cos)
WRAP(tan)
WRAP(asin)
WRAP(acos)
WRAP(atan)
WRAP(sinh)
WRAP(cosh)
WRAP(tanh)
WRAP(asinh)
WRAP(acosh)
WRAP(atanh)
WRAP(erf)
WRAP(erfc)
WRAP(cbrt)
/* clang-format on */

/* MPFR has +inf at -0, IEEE 754 -inf. */
static void ref_rsqrt(mpfr_t y, const mpfr_t x)
{
    (void)mpfr_rec_sqrt(y, x, MPFR_RNDN);
    if (mpfr_zero_p(x) && mpfr_signbit(x)) mpfr_set_inf(y, -1);
}

static void ref_pow(mpfr_t z, const mpfr_t x, const mpfr_t y)
{
    (void)mpfr_pow(z, x, y, MPFR_RNDN);
}

static void ref_atan2(mpfr_t z, const mpfr_t x, const mpfr_t y)
{
    (void)mpfr_atan2(z, x, y, MPFR_RNDN);
}

static void ref_hypot(mpfr_t z, const mpfr_t x, const mpfr_t y)
{
    (void)mpfr_hypot(z, x, y, MPFR_RNDN);
}

static void ref_sigmoid(mpfr_t y, const mpfr_t x)
{
    mpfr_t t;
    mpfr_init2(t, mpfr_get_prec(y) + EXTRA);
    (void)mpfr_neg(t, x, MPFR_RNDN);
    (void)mpfr_exp(t, t, MPFR_RNDN);
    (void)mpfr_add_ui(t, t, 1, MPFR_RNDN);
    (void)mpfr_ui_div(y, 1, t, MPFR_RNDN);
    mpfr_clear(t);
}

/* x / (1 + exp(-x)), and 0 at minus infinity, its limit. */
static void ref_silu(mpfr_t y, const mpfr_t x)
{
    if (mpfr_inf_p(x) && mpfr_signbit(x)) {
        mpfr_set_zero(y, -1);
        return;
    }
    mpfr_t t;
    mpfr_init2(t, mpfr_get_prec(y) + EXTRA);
    ref_sigmoid(t, x);
    (void)mpfr_mul(y, x, t, MPFR_RNDN);
    mpfr_clear(t);
}

/* x · erfc(-x / √2) / 2, and 0 at minus infinity, its limit. */
static void ref_gelu(mpfr_t y, const mpfr_t x)
{
    if (mpfr_inf_p(x) && mpfr_signbit(x)) {
        mpfr_set_zero(y, -1);
        return;
    }
    mpfr_t t, u;
    mpfr_inits2(mpfr_get_prec(y) + EXTRA, t, u, (mpfr_ptr)NULL);
    (void)mpfr_sqrt_ui(u, 2, MPFR_RNDN);
    (void)mpfr_div(t, x, u, MPFR_RNDN);
    (void)mpfr_neg(t, t, MPFR_RNDN);
    (void)mpfr_erfc(t, t, MPFR_RNDN);
    (void)mpfr_mul(t, t, x, MPFR_RNDN);
    (void)mpfr_div_ui(y, t, 2, MPFR_RNDN);
    mpfr_clears(t, u, (mpfr_ptr)NULL);
}

/* x · (1 + tanh(u)) / 2 = x · sigmoid(2u) with u = √(2/π) · (x + 0.044715 x³). */
static void ref_gelu_tanh(mpfr_t y, const mpfr_t x)
{
    if (mpfr_inf_p(x) && mpfr_signbit(x)) {
        mpfr_set_zero(y, -1);
        return;
    }
    mpfr_t t, u;
    mpfr_inits2(mpfr_get_prec(y) + EXTRA, t, u, (mpfr_ptr)NULL);
    (void)mpfr_set_str(u, "0.044715", 10, MPFR_RNDN);
    (void)mpfr_sqr(t, x, MPFR_RNDN);
    (void)mpfr_mul(t, t, u, MPFR_RNDN);
    (void)mpfr_add_ui(t, t, 1, MPFR_RNDN);
    (void)mpfr_mul(t, t, x, MPFR_RNDN);
    (void)mpfr_const_pi(u, MPFR_RNDN);
    (void)mpfr_ui_div(u, 8, u, MPFR_RNDN);
    (void)mpfr_sqrt(u, u, MPFR_RNDN);
    (void)mpfr_mul(t, t, u, MPFR_RNDN);
    ref_sigmoid(t, t);
    (void)mpfr_mul(y, x, t, MPFR_RNDN);
    mpfr_clears(t, u, (mpfr_ptr)NULL);
}

static void ref_softplus(mpfr_t y, const mpfr_t x)
{
    mpfr_t t;
    mpfr_init2(t, mpfr_get_prec(y) + EXTRA);
    if (mpfr_cmp_si(x, 2000) > 0) { /* exp(-x) is below every bit that is looked at */
        (void)mpfr_set(y, x, MPFR_RNDN);
    } else {
        (void)mpfr_exp(t, x, MPFR_RNDN);
        (void)mpfr_log1p(y, t, MPFR_RNDN);
    }
    mpfr_clear(t);
}

const NumericCase NUMERIC_CASES[] = {
    {"exp", ref_exp, 0, {0, 88.7228, -87.3366, -103.97, 709.78, -708.4, -745.13, 0.34657}},
    {"exp2", ref_exp2, 0, {0, 0.5, 128, -126, -149.5, 1024, -1022, -1074.5}},
    {"exp10", ref_exp10, 0, {0, 38.5318, -37.93, -45.15, 308.25, -307.65, -323.6, 0.1505}},
    {"expm1", ref_expm1, 0, {0, 88.7228, 0.34657, -0.34657, -17.3, 17.3, 709.78, -37.4, 38}},
    {"log", ref_log, 0, {0, 1, 0.70710678, 1.41421356, 1.17549435e-38, 2.2250738585072014e-308, 2}},
    {"log2", ref_log2, 0, {0, 1, 0.70710678, 1.41421356, 1.17549435e-38, 2.2250738585072014e-308}},
    {"log10", ref_log10, 0, {0, 1, 0.70710678, 1.41421356, 1.17549435e-38, 10, 1000}},
    {"log1p", ref_log1p, 0, {0, -1, 1, -0.29289322, 0.41421356, 1e-8, 1.7e7, 9e15}},
    {"sin", ref_sin, 0, {0, 0.78539816, 1.5707963, 3.1415927, 6.2831853, 355, 100000, 1e22}},
    {"cos", ref_cos, 0, {0, 0.78539816, 1.5707963, 3.1415927, 6.2831853, 355, 100000, 1e22}},
    {"tan", ref_tan, 0, {0, 0.78539816, 1.5707963, 3.1415927, 6.2831853, 355, 100000, 1e22}},
    {"asin", ref_asin, 0, {0, 0.5, -0.5, 1, -1, 0.9, 1e-4}},
    {"acos", ref_acos, 0, {0, 0.5, -0.5, 1, -1, 0.9, -0.9}},
    {"atan", ref_atan, 0, {0, 0.41421356, 1, 2.41421356, 1e7, 1e16, -1}},
    {"sinh", ref_sinh, 0, {0, 0.34657, 1.0397, 88.7228, 89.4159, 709.78, 710.4758, 20}},
    {"cosh", ref_cosh, 0, {0, 0.34657, 1.0397, 88.7228, 89.4159, 709.78, 710.4758, 20}},
    {"tanh", ref_tanh, 0, {0, 0.5, 1, 9.02, 19.06, 0.17, 0.34657, 0.6}},
    {"asinh", ref_asinh, 0, {0, 0.5, 1, 2, 1e4, 1e9, 1e19, 1e-4}},
    {"acosh", ref_acosh, 0, {1, 1.0001, 1.5, 2, 1e4, 1e9, 1e19}},
    {"atanh", ref_atanh, 0, {0, 0.5, 1, -1, 0.1716, 0.9}},
    {"erf", ref_erf, 0, {0, 0.5, 0.875, 0.9, 1, 2, 3.92, 5.92}},
    {"erfc", ref_erfc, 0, {0, 0.5, 1, 9.19, 10.05, 26.5, 27.22, -1, -4}},
    {"rsqrt", ref_rsqrt, 0, {0, 1, 2, 4, 1.17549435e-38, 2.2250738585072014e-308}},
    {"cbrt", ref_cbrt, 0, {0, 1, 8, 27, 1.17549435e-38, 2.2250738585072014e-308, 2}},
    {"sigmoid", ref_sigmoid, 0, {0, 1, 17, -17, -87.3, -103.9, -708.4, -745.1, 37}},
    {"silu", ref_silu, 0, {0, 1, -1.278, -87.3, -103.9, -108, -708.4, -745.1, -751}},
    {"gelu", ref_gelu, 0, {0, 1, -1, -0.75, -13.1, -14.2, -37.5, -38.5, 5}},
    {"gelu_tanh", ref_gelu_tanh, 0, {0, 1, -1, -0.75, -10.0, -10.3, -21.5, -21.9, 5}},
    {"softplus", ref_softplus, 0, {0, 1, -1, -17, 17, -87.3, -103.9, -708.4, -745.1, 37}},
    {"pow", 0, ref_pow, {0, 1, 2, 0.5, -1, 3, -2, 0.70710678, 1.4142135}},
    {"atan2", 0, ref_atan2, {0, 1, -1, 2, 0.5, 1e-38, 1e38, 1e-308, 1e308}},
    {"hypot", 0, ref_hypot, {0, 1, -1, 3, 4, 1e-38, 1e38, 1e-308, 1e308}},
};

const int NUMERIC_CASE_COUNT = (int)(sizeof NUMERIC_CASES / sizeof NUMERIC_CASES[0]);
