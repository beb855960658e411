/* The float formats behind scalar.c; private to this floor. */
#ifndef VOCAB_SCALAR_FLOAT_H
#define VOCAB_SCALAR_FLOAT_H

#include "vocab/scalar.h"

/* A binary format: `mantissa` bits after the point, exponent field of `exponent` bits. */
typedef struct FloatFormat {
    int mantissa, exponent;
    int storage_shift; /* storage is wider than the format by this many zero bits at the bottom */
    bool infinities;   /* false: the top exponent holds numbers, all ones is NaN */
} FloatFormat;

const FloatFormat *float_format(Elem elem);
double float_round(Elem elem, double value);
uint64_t float_encode(Elem elem, double value);
double float_decode(Elem elem, uint64_t bits);
/* a * b + c and an integer as doubles rounded to odd: rounding them again, to a format of at most
 * 24 bits, is as good as rounding once. */
double float_fma_odd(double a, double b, double c);
double float_from_int_odd(int64_t value, bool is_unsigned);

#endif
