/* Exact arithmetic of the element types, as the language defines it: integers wrap to their
 * width, `index` is 64-bit (overflow reported), `/` and `%` floor for index and truncate for the
 * sized integers, floats round to nearest even into their format after every operation. Constant
 * folding and the test interpreter share it, so that a folded result is the run-time result; the
 * emitted targets take it as their oracle.
 *
 * Floats. f16, bf16, tf32 (f32 with 10 bits of mantissa), f32, f64 and f8e5m2 are IEEE formats with
 * subnormals and infinities. f8e4m3 is the OCP "fn" format: no infinities, largest value 448; what
 * would round beyond it is NaN (the non-saturating conversion), and so is an infinity. Every
 * operation is rounded once, to nearest even, conversions from integers and `fma` included. There
 * is one NaN of each format, the positive quiet one with no payload: a NaN's bits are not
 * preserved. `min` and `max` give NaN if either operand is, and hold -0 below +0.
 * Integers. Casts between them wrap; a cast to bool is `!= 0`. The lowest value divided by -1
 * wraps (index: undefined).
 */
#ifndef VOCAB_SCALAR_H
#define VOCAB_SCALAR_H

#include "vocab/vocab.h"

/* An integer, bool or index in `i` (unsigned types zero-extended: u64 as its bits); a float in
 * `f`, already rounded to its format (every format's values are doubles). */
typedef struct Scalar {
    Elem elem;
    union {
        int64_t i;
        double f;
    };
} Scalar;

Scalar scalar_int(Elem elem, int64_t value);  /* wraps to the type */
Scalar scalar_float(Elem elem, double value); /* rounds to the type */
Scalar scalar_cast(Elem to, Scalar value); /* float to integer truncates, saturating; NaN gives 0 */
bool scalar_unary(Op op, Scalar a, Scalar *out); /* false if undefined */
bool scalar_binary(Op op, Scalar a, Scalar b,
                   Scalar *out); /* same elem; false: division by zero, index overflow, bad shift */
/* DOT4 takes nine: the lanes of a, the lanes of b, c. */
bool scalar_math(Builtin builtin, const Scalar *args, int count, Scalar *out);
bool scalar_bitcast(Elem to, Scalar value, Scalar *out);
uint64_t scalar_bits(Scalar value); /* its storage bits */
Scalar scalar_from_bits(Elem elem, uint64_t bits);
double scalar_to_double(Scalar value);
bool scalar_true(Scalar value);
bool scalar_is_nan(Scalar value);
/* Is every value of the float type `inner` a value of the float type `outer`? */
bool scalar_float_holds(Elem outer, Elem inner);
/* Range of an integer type; false for u64, whose top does not fit. */
bool scalar_int_range(Elem elem, int64_t *lo, int64_t *hi);
bool scalar_same(Scalar a, Scalar b); /* same type and bits */
/* Shortest decimal text that reads back: `1.5`, `-inf`, `nan`, `7`. */
char *scalar_text(Arena *arena, Scalar value);

#endif
