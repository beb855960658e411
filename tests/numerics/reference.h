/* The exact values that the numeric functions of stdlib/math.hd are held against, through MPFR. */
#ifndef HD_TESTS_NUMERICS_REFERENCE_H
#define HD_TESTS_NUMERICS_REFERENCE_H

#include <mpfr.h>
#include <stdbool.h>

/* One function of the library. Binary ones have `binary`, the others `unary`. `hard` lists points
 * near which a branch, a zero or a change of method makes errors likely; samples cluster there. */
typedef struct NumericCase {
    const char *name;
    void (*unary)(mpfr_t y, const mpfr_t x);
    void (*binary)(mpfr_t z, const mpfr_t x, const mpfr_t y);
    double hard[10];
} NumericCase;

extern const NumericCase NUMERIC_CASES[];
extern const int NUMERIC_CASE_COUNT;

#endif
