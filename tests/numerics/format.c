#include "format.h"

#include <math.h>
#include <string.h>

const NumericFormat NUMERIC_FORMATS[] = {
    {"f16", 16, 11, -13, 16},
    {"bf16", 16, 8, -125, 128},
    {"f32", 32, 24, -125, 128},
    {"f64", 64, 53, -1021, 1024},
};

const int NUMERIC_FORMAT_COUNT = (int)(sizeof NUMERIC_FORMATS / sizeof NUMERIC_FORMATS[0]);

double numeric_decode(const NumericFormat *format, uint64_t bits)
{
    int fraction = format->precision - 1;
    uint64_t exponent_mask = (UINT64_C(1) << (format->bits - format->precision)) - 1;
    uint64_t m = bits & ((UINT64_C(1) << fraction) - 1);
    uint64_t e = bits >> fraction & exponent_mask;
    double sign = bits >> (format->bits - 1) & 1 ? -1.0 : 1.0;
    if (e == exponent_mask) return m != 0 ? (double)NAN : sign * HUGE_VAL;
    if (e != 0) m |= UINT64_C(1) << fraction;
    int scale = (int)(e != 0 ? e : 1) + format->min_exp - 1 - format->precision;
    return sign * ldexp((double)m, scale);
}

uint64_t numeric_encode(const NumericFormat *format, double value)
{
    int fraction = format->precision - 1;
    uint64_t infinite = ((UINT64_C(1) << (format->bits - format->precision)) - 1) << fraction;
    uint64_t sign = signbit(value) ? UINT64_C(1) << (format->bits - 1) : 0;
    if (isnan(value)) return infinite | UINT64_C(1) << (fraction - 1);
    if (isinf(value)) return sign | infinite;
    if (value == 0) return sign;
    int exponent;
    (void)frexp(value, &exponent);
    if (exponent < format->min_exp) exponent = format->min_exp;
    uint64_t m = (uint64_t)ldexp(fabs(value), format->precision - exponent);
    /* the hidden bit of a normal number adds one to the exponent field */
    return sign | (((uint64_t)(exponent - format->min_exp) << fraction) + m);
}

static double distance(const NumericFormat *format, double got, const mpfr_t exact)
{
    long exponent = mpfr_get_exp(exact);
    if (exponent < format->min_exp) exponent = format->min_exp;
    if (exponent > format->max_exp) exponent = format->max_exp;
    mpfr_t d;
    mpfr_init2(d, mpfr_get_prec(exact) + 64);
    if (isinf(got)) {
        (void)mpfr_set_si_2exp(d, got > 0 ? 1 : -1, format->max_exp, MPFR_RNDN);
    } else {
        (void)mpfr_set_d(d, got, MPFR_RNDN);
    }
    (void)mpfr_sub(d, d, exact, MPFR_RNDN);
    (void)mpfr_abs(d, d, MPFR_RNDN);
    (void)mpfr_mul_2si(d, d, format->precision - exponent, MPFR_RNDN);
    double ulps = mpfr_get_d(d, MPFR_RNDN);
    mpfr_clear(d);
    return ulps;
}

double numeric_error(const NumericFormat *format, double got, const mpfr_t exact)
{
    if (mpfr_nan_p(exact)) return isnan(got) ? 0 : HUGE_VAL;
    if (isnan(got)) return HUGE_VAL;
    bool same_sign = !signbit(got) == !mpfr_signbit(exact);
    if (mpfr_inf_p(exact)) return isinf(got) && same_sign ? 0 : HUGE_VAL;
    if (mpfr_zero_p(exact)) return got == 0 && same_sign ? 0 : HUGE_VAL;
    if ((got == 0 || isinf(got)) && !same_sign) return HUGE_VAL;
    if (isinf(got) && mpfr_get_exp(exact) > format->max_exp) return 0;
    return distance(format, got, exact);
}
