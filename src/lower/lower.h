/* lower/ - typed program to IR: instantiation and inlining.
 *
 * Entry points: `lower_kernel`, `lower_next_point`. Lowering runs a kernel's body symbolically:
 * generics, tune names, mappings, views and functions are values of the environment and vanish;
 * every call is inlined; expressions become IR, and what folds to a constant is compile-time. It
 * checks what depends on values: extents, mappings against groups and tensors, `where`, holes,
 * layouts. The slot rule and uniformity are checked on the result by the passes. One call makes
 * one instance for one target. Owner of the kernel: the arena given.
 */
#ifndef LOWER_LOWER_H
#define LOWER_LOWER_H

#include "ir/build.h"
#include "sema/sema.h"

/* `-D name=value`: binds a tune name, a size variable, or a generic of the kernel. */
typedef struct LowerDefine {
    const char *name;
    const char *text; /* of the value, for a tune name: that of a candidate; NULL: by number */
    int64_t number;
    Elem elem;        /* for a generic type: `-D T=f16` */
    const Ast *value; /* for a generic function or mapping, by a call in a test; else NULL */
} LowerDefine;

typedef struct LowerOptions {
    bool cpu;             /* target */
    bool check;           /* --check: asynchronous copies land late on the CPU, too */
    int arch;             /* 80 for sm_80; 0 on the CPU */
    int alignment;        /* bytes that bases and rows of tensors are known to be aligned to; 0 */
    int64_t shared_limit; /* bytes of shared memory a block may use; 0: no limit */
    /* Of a multiprocessor, for `occupancy(n)`: the bytes of shared memory that it takes for each
     * block beside the block's own, and the threads that it runs. */
    int64_t shared_reserved, threads_limit;
    /* Bytes that swizzles without numbers keep together, of the first few such tensors; 0: 16. */
    const int *swizzle_bytes;
    int swizzle_count;
    int define_count;
    const LowerDefine *defines;
} LowerOptions;

/* A point of the tune space: the number of the candidate of each tune name, in order. */
typedef struct LowerPoint {
    int count;
    int *choice;
} LowerPoint;

/* The number of the `tune`'s candidate that is written like `text`, blanks apart, or that alone
 * begins with the name `text`; -1. */
int lower_candidate(Arena *arena, const Program *program, const Ast *tune, const char *text);
/* The first point (the defaults). */
LowerPoint lower_first_point(Arena *arena, const Symbol *kernel);
/* Steps to the next point, the last tune name fastest; false after the last. Names fixed by a
 * define do not vary. */
bool lower_next_point(const Symbol *kernel, const LowerOptions *options, LowerPoint *point);

typedef enum {
    LOWER_OK,
    LOWER_EXCLUDED, /* a `where` is false at this point: nothing was reported */
    LOWER_ERROR,    /* reported */
} LowerStatus;

/* Lowers `kernel` at `point`. *out is set on LOWER_OK. */
LowerStatus lower_kernel(Arena *arena, Program *program, const Symbol *kernel,
                         const LowerOptions *options, const LowerPoint *point, IrKernel **out);

/* The mapping that an expression of type mapping stands for (for `hdc map`). NULL if it was
 * reported. `shape` (rank entries, or NULL) and `workers` (or 0) help to solve holes. */
const Mapping *lower_mapping_expr(Arena *arena, Program *program, const Ast *expr, int rank,
                                  const int64_t *shape, int64_t workers);

#endif
