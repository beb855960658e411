/* Float formats: rounding a double to them, their bits, and rounding to odd. */
#include "vocab/scalar_float.h"

#include <math.h>

static const FloatFormat formats[ELEM_COUNT] = {
    [ELEM_F8E4M3] = {.mantissa = 3, .exponent = 4, .infinities = false},
    [ELEM_F8E5M2] = {.mantissa = 2, .exponent = 5, .infinities = true},
    [ELEM_F16] = {.mantissa = 10, .exponent = 5, .infinities = true},
    [ELEM_BF16] = {.mantissa = 7, .exponent = 8, .infinities = true},
    [ELEM_TF32] = {.mantissa = 10, .exponent = 8, .storage_shift = 13, .infinities = true},
    [ELEM_F32] = {.mantissa = 23, .exponent = 8, .infinities = true},
    [ELEM_F64] = {.mantissa = 52, .exponent = 11, .infinities = true},
};

const FloatFormat *float_format(Elem elem)
{
    return &formats[elem];
}

static int bias(const FloatFormat *format)
{
    return (1 << (format->exponent - 1)) - 1;
}

static double largest(const FloatFormat *format)
{
    int top = bias(format) + (format->infinities ? 0 : 1);
    /* Without infinities the topmost mantissa of the topmost exponent is NaN. */
    double mantissa = 2.0 - ldexp(format->infinities ? 1.0 : 2.0, -format->mantissa);
    return ldexp(mantissa, top);
}

double float_round(Elem elem, double value)
{
    const FloatFormat *format = &formats[elem];
    if (isnan(value)) return (double)NAN;
    if (elem == ELEM_F64) return value;
    if (elem == ELEM_F32) return (double)(float)value;
    if (value == 0) return value;
    if (isinf(value)) return format->infinities ? value : (double)NAN;
    int exponent = ilogb(value), lowest = 1 - bias(format);
    int quantum = (exponent > lowest ? exponent : lowest) - format->mantissa;
    double rounded = ldexp(rint(ldexp(value, -quantum)), quantum);
    if (fabs(rounded) <= largest(format)) return rounded;
    return format->infinities ? copysign((double)INFINITY, value) : (double)NAN;
}

uint64_t float_encode(Elem elem, double value)
{
    const FloatFormat *format = &formats[elem];
    int mantissa = format->mantissa;
    uint64_t top = ((uint64_t)1 << format->exponent) - 1, bits;
    if (isnan(value)) {
        bits = top << mantissa;
        bits |= format->infinities ? (uint64_t)1 << (mantissa - 1) : ((uint64_t)1 << mantissa) - 1;
        return bits << format->storage_shift;
    }
    if (isinf(value)) {
        bits = top << mantissa;
    } else if (value == 0) {
        bits = 0;
    } else {
        int exponent = ilogb(value), lowest = 1 - bias(format);
        int quantum = (exponent > lowest ? exponent : lowest) - mantissa;
        bits = (uint64_t)ldexp(fabs(value), -quantum);
        /* The hidden bit of a normal number carries into the exponent field, which is one less. */
        if (exponent >= lowest) bits += (uint64_t)(exponent - lowest) << mantissa;
    }
    if (signbit(value)) bits |= (uint64_t)1 << (mantissa + format->exponent);
    return bits << format->storage_shift;
}

double float_decode(Elem elem, uint64_t bits)
{
    const FloatFormat *format = &formats[elem];
    int width = format->mantissa;
    bits >>= format->storage_shift;
    uint64_t top = ((uint64_t)1 << format->exponent) - 1;
    uint64_t mantissa = bits & (((uint64_t)1 << width) - 1), exponent = bits >> width & top;
    bool negative = bits >> (width + format->exponent) & 1;
    double value;
    if (exponent == top && format->infinities) {
        value = mantissa ? (double)NAN : (double)INFINITY;
    } else if (exponent == top && mantissa == ((uint64_t)1 << width) - 1) {
        value = (double)NAN;
    } else {
        int scale = (exponent ? (int)exponent : 1) - bias(format) - width;
        if (exponent) mantissa |= (uint64_t)1 << width;
        value = ldexp((double)mantissa, scale);
    }
    if (isnan(value)) return value;
    return negative ? -value : value;
}

/* `rounded` is the nearest double to rounded + error; gives the one of the two doubles around the
 * exact value whose last bit is odd. */
static double to_odd(double rounded, double error)
{
    uint64_t bits;
    memcpy(&bits, &rounded, sizeof bits);
    if (error == 0 || (bits & 1) || isinf(rounded) || isnan(rounded)) return rounded;
    return nextafter(rounded, error > 0 ? (double)INFINITY : -(double)INFINITY);
}

double float_fma_odd(double a, double b, double c)
{
    double product = a * b; /* exact: at most 24 + 24 bits */
    double sum = product + c;
    if (isinf(sum) || isnan(sum)) return sum;
    double part = sum - product;
    double error = (product - (sum - part)) + (c - part);
    return to_odd(sum, error);
}

double float_from_int_odd(int64_t value, bool is_unsigned)
{
    bool negative = !is_unsigned && value < 0;
    uint64_t size = negative ? 0 - (uint64_t)value : (uint64_t)value;
    if (size >> 53) {
        int shift = 64 - 53 - __builtin_clzll(size);
        uint64_t kept = size >> shift << shift;
        if (kept != size) size = kept | (uint64_t)1 << shift;
    }
    return negative ? -(double)size : (double)size;
}
