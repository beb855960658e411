/* Exact arithmetic of the element types, as the language defines it: integers wrap to their
 * width, `index` is 64-bit (overflow reported), `/` and `%` floor for index and truncate for the sized
 * integers, floats round to nearest even into their format after every operation. Constant
 * folding and the test interpreter share it, so that a folded result is the run-time result.
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

Scalar scalar_int(Elem elem, int64_t value);     /* wraps to the type */
Scalar scalar_float(Elem elem, double value);    /* rounds to the type */
Scalar scalar_cast(Elem to, Scalar value);       /* float to integer truncates, saturating; NaN gives 0 */
bool scalar_unary(Op op, Scalar a, Scalar *out);  /* false if undefined */
bool scalar_binary(Op op, Scalar a, Scalar b, Scalar *out); /* same elem; false: division by zero, index overflow, bad shift */
bool scalar_math(Builtin builtin, const Scalar *args, int count, Scalar *out);
bool scalar_bitcast(Elem to, Scalar value, Scalar *out);
uint64_t scalar_bits(Scalar value);              /* its storage bits */
Scalar scalar_from_bits(Elem elem, uint64_t bits);
double scalar_to_double(Scalar value);
bool scalar_true(Scalar value);
bool scalar_same(Scalar a, Scalar b);            /* same type and bits */
/* Shortest decimal text that reads back: `1.5`, `-inf`, `nan`, `7`. */
char *scalar_text(Arena *arena, Scalar value);

#endif
