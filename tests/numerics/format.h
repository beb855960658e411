/* The floating-point formats that the numeric functions are tested in, as values in f64. */
#ifndef HD_TESTS_NUMERICS_FORMAT_H
#define HD_TESTS_NUMERICS_FORMAT_H

#include <mpfr.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct NumericFormat {
    const char *name;     /* as in .hd */
    int bits;             /* of storage */
    int precision;        /* significant bits, the hidden one included */
    int min_exp, max_exp; /* normal numbers lie in [2^(min_exp - 1), 2^max_exp) */
} NumericFormat;

extern const NumericFormat NUMERIC_FORMATS[];
extern const int NUMERIC_FORMAT_COUNT;

/* The number with these bits, and the bits of a number that the format has. */
double numeric_decode(const NumericFormat *format, uint64_t bits);
uint64_t numeric_encode(const NumericFormat *format, double value);

/* |got - exact| in units in the last place of `exact`. Beyond the range an infinity counts as
 * 2^max_exp. What no distance measures (a NaN or infinity on one side only, a zero of the wrong
 * sign) is infinite. */
double numeric_error(const NumericFormat *format, double got, const mpfr_t exact);

#endif
