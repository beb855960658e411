/* The points at which a numeric function is tested. */
#ifndef HD_TESTS_NUMERICS_SAMPLES_H
#define HD_TESTS_NUMERICS_SAMPLES_H

#include "format.h"
#include "reference.h"

typedef struct NumericSamples {
    long count;
    double *x, *y; /* y of binary functions only */
} NumericSamples;

/* Formats of 16 bits: every number of a unary function. Else about `effort` points: special values,
 * points dense around the hard ones of the case, and points spread over all exponents. Equal seeds
 * give equal points. False when memory runs out. */
bool numeric_samples(NumericSamples *samples, const NumericFormat *format, const NumericCase *item,
                     long effort, uint64_t seed);
void numeric_samples_free(NumericSamples *samples);

#endif
