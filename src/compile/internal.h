/* Shared by the files of compile/. */
#ifndef COMPILE_INTERNAL_H
#define COMPILE_INTERNAL_H

#include "compile/compile.h"

/* Runs `work`; escapes come back as a status and session->message. */
CompileStatus compile_guarded(Compile *s, CompileStatus (*work)(Compile *, void *), void *data);

/* The kernels of the main file from *at on, which moves past the one returned; NULL: no more. */
const Symbol *compile_next_kernel(const Compile *s, uint32_t *at, bool only_public);
bool compile_has_public(const Compile *s);
/* Whether the kernel is one as it stands, or by what `-D` gives. The uses of another are checked
 * where they are. */
bool compile_is_complete(const CompileOptions *o, const Symbol *kernel);
/* Appends what could be given to make it one, " -D T=f16", without what `out` has already. */
void compile_example(const CompileOptions *o, const Symbol *kernel, Sb *out);

/* ---- one variant of a kernel (variant.c) ----------------------------------------------------- */

enum { COMPILE_ALIGNED = 16 }; /* bytes that tensors begin at multiples of, in the fast variant */

/* A kernel at a point of its tune space, for one target. */
typedef struct CompileVariant {
    const CompileOptions *options;
    Arena *arena; /* of its IR */
    const Symbol *kernel;
    const LowerPoint *point;
    bool cpu;
    int index_bits, alignment;
} CompileVariant;

/* What the swizzles that the compiler chooses keep together, for the first tensors that have one.
 */
typedef struct CompileSwizzles {
    int count;
    int bytes[8];
} CompileSwizzles;

int compile_shared_limit(int arch); /* bytes of shared memory that a block may use */
/* As lowered, before any pass. */
LowerStatus compile_lower(Compile *s, const CompileVariant *v, const CompileSwizzles *swizzles,
                          IrKernel **out);
/* Has the kernel, as lowered, values of `index` that 32 bits may not hold, whatever the sizes? */
bool compile_needs_wide(const IrKernel *kernel);
/* After all passes. The aligned variant of CUDA, which comes first, chooses *swizzles, empty
 * before; the others keep to them. */
LowerStatus compile_variant(Compile *s, const CompileVariant *v, CompileSwizzles *swizzles,
                            IrKernel **out);

#endif
