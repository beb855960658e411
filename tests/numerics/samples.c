#include "samples.h"

#include <math.h>
#include <stdlib.h>

enum { HARD = 10, NEAR = 200 };

static const double SPECIAL[] = {
    0.0,
    -0.0,
    HUGE_VAL,
    -HUGE_VAL,
    (double)NAN,
    1,
    -1,
    2,
    -2,
    0.5,
    -0.5,
    3,
    -3,
    4,
    5,
    -33,
    1e10,
    -1e10,
    0x1p-149,
    -0x1p-149,
    0x1p-126,
    -0x1p-126,
    0x1.fffffep127,
    -0x1.fffffep127,
    0x1p24,
    0x1p24 + 1,
    0x1p-1074,
    -0x1p-1074,
    0x1p-1022,
    -0x1p-1022,
    0x1.fffffffffffffp1023,
    -0x1.fffffffffffffp1023,
    0x1p-24,
    0x1p-14,
    65504,
    -65504,
    0x1p53,
    0x1p63,
};

enum { SPECIALS = (int)(sizeof SPECIAL / sizeof SPECIAL[0]) };

/* xorshift64*: only reproducible spread is asked of it. */
static uint64_t next(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * UINT64_C(2685821657736338717);
}

/* In [-1, 1). */
static double spread(uint64_t *state)
{
    return (double)(int64_t)next(state) * 0x1p-63;
}

/* The number of the format nearest below in size. */
static double fit(const NumericFormat *format, double value)
{
    if (isnan(value) || isinf(value) || value == 0) return value;
    int exponent;
    (void)frexp(value, &exponent);
    if (exponent > format->max_exp) return value < 0 ? -HUGE_VAL : HUGE_VAL;
    if (exponent < format->min_exp) exponent = format->min_exp;
    int shift = format->precision - exponent;
    /* in two steps: the shift of a subnormal exceeds the range of a factor */
    return ldexp(trunc(ldexp(ldexp(value, shift / 2), shift - shift / 2)), -shift);
}

static double any_bits(const NumericFormat *format, uint64_t *state)
{
    return numeric_decode(format, next(state) >> (64 - format->bits));
}

/* Any exponent, but mostly those where functions are not constant. */
static double any_number(const NumericFormat *format, uint64_t *state)
{
    if (next(state) % 3 == 0) return any_bits(format, state);
    return fit(format, ldexp(spread(state), (int)(next(state) % 80) - 64));
}

static double near_hard(const NumericFormat *format, double hard, uint64_t *state)
{
    double width = ldexp(1, -(int)(next(state) % 13));
    double value = hard == 0 ? spread(state) * width : hard * (1 + spread(state) * width);
    return fit(format, value);
}

static void add(NumericSamples *samples, double x, double y)
{
    samples->x[samples->count] = x;
    samples->y[samples->count++] = y;
}

static void add_unary(NumericSamples *samples, const NumericFormat *format, const NumericCase *item,
                      long effort, uint64_t *state)
{
    for (int i = 0; i < SPECIALS; i++) add(samples, fit(format, SPECIAL[i]), 0);
    for (int h = 0; h < HARD; h++) {
        uint64_t bits = numeric_encode(format, fit(format, item->hard[h]));
        uint64_t mask = format->bits == 64 ? UINT64_MAX : (UINT64_C(1) << format->bits) - 1;
        for (int i = -NEAR; i <= NEAR; i++) {
            add(samples, numeric_decode(format, (bits + (uint64_t)(int64_t)i) & mask), 0);
        }
        for (long i = 0; i < effort / (2 * HARD); i++) {
            add(samples, near_hard(format, item->hard[h], state), 0);
        }
    }
    for (long i = 0; i < effort / 2; i++) add(samples, any_number(format, state), 0);
}

/* Pairs whose power is in range, or near enough. */
static void add_power(NumericSamples *samples, const NumericFormat *format, uint64_t *state)
{
    double x = next(state) % 2 ? exp(10 * spread(state))
                               : 1 + spread(state) * ldexp(1, -(int)(next(state) % 24));
    x = fit(format, fabs(x));
    double y = 1.03 * format->max_exp * spread(state) / (fabs(log2(x)) + 1e-9);
    add(samples, x, fit(format, next(state) % 4 ? y : rint(8 * spread(state))));
}

static void add_binary(NumericSamples *samples, const NumericFormat *format,
                       const NumericCase *item, long effort, uint64_t *state)
{
    for (int i = 0; i < SPECIALS; i++) {
        for (int j = 0; j < SPECIALS; j++) {
            add(samples, fit(format, SPECIAL[i]), fit(format, SPECIAL[j]));
        }
    }
    for (long i = 0; i < effort / 4; i++) {
        add(samples, any_bits(format, state), any_bits(format, state));
        add_power(samples, format, state);
        double scale = ldexp(1, (int)(next(state) % 24) - 12);
        add(samples, fit(format, 40 * scale * spread(state)), fit(format, 40 * spread(state)));
        add(samples, near_hard(format, item->hard[next(state) % HARD], state),
            near_hard(format, item->hard[next(state) % HARD], state));
    }
}

bool numeric_samples(NumericSamples *samples, const NumericFormat *format, const NumericCase *item,
                     long effort, uint64_t seed)
{
    bool all = format->bits == 16 && item->unary;
    size_t room =
        all ? 65536 : (size_t)effort + SPECIALS * SPECIALS + HARD * (2 * NEAR + 1) + SPECIALS;
    samples->count = 0;
    samples->x = malloc(room * sizeof *samples->x);
    samples->y = malloc(room * sizeof *samples->y);
    if (!samples->x || !samples->y) {
        numeric_samples_free(samples);
        return false;
    }
    uint64_t state = seed | 1;
    if (all) {
        for (uint64_t i = 0; i < 65536; i++) add(samples, numeric_decode(format, i), 0);
    } else if (item->unary) {
        add_unary(samples, format, item, effort, &state);
    } else {
        add_binary(samples, format, item, effort, &state);
    }
    return true;
}

void numeric_samples_free(NumericSamples *samples)
{
    free(samples->x);
    free(samples->y);
    *samples = (NumericSamples){0};
}
