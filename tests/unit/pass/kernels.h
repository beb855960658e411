/* Kernels built by hand, for tests of passes: small, and as lowering would make them. */
#ifndef TESTS_PASS_KERNELS_H
#define TESTS_PASS_KERNELS_H

#include "interp.h"

typedef struct Session {
    Escape escape;
    Arena *arena;
    Interner *names;
    Diags *diags;
    IrKernel *k;
    IrBlock *at; /* where statements go */
} Session;

void session_begin(Session *s);
void session_end(Session *s);
void session_kernel(Session *s, int64_t threads);
const Name *session_name(Session *s, const char *text);
const Mapping *session_mapping(Session *s, const char *text); /* "spatial(4,2)*repeat(2,2)" */
IrTensor *session_param(Session *s, const char *name, Elem elem, bool written, int rank,
                        const IrExpr *const *extents);
IrTensor *session_shared(Session *s, const char *name, Elem elem, int rank, const int64_t *extents);
IrTensor *session_tile(Session *s, const char *name, Elem elem, const Mapping *over);
/* A task loop over the block's threads; its body becomes `at`; vars[] are the coordinates. */
IrStmt *session_tasks(Session *s, const Mapping *m, const char *names, const IrExpr **vars);
void session_store(Session *s, const IrTensor *t, const IrExpr *i, const IrExpr *j,
                   const IrExpr *value, const IrExpr *guard);
const IrExpr *session_load(Session *s, const IrTensor *t, const IrExpr *i, const IrExpr *j,
                           const IrExpr *guard, const IrExpr *otherwise);

/* The register-tiled matmul of the design, of any tile and mapping. Parameters a, b, c; sizes m,
 * n, k. */
void kernel_matmul(Session *s, const char *compute, int64_t bm, int64_t bn, int64_t bk,
                   int64_t threads);
/* Rows of a tile: a row's statistics in a replicated tile, read back in the loop over elements. */
void kernel_rows(Session *s, const char *over, int64_t threads);
/* A tile read by slots that no affine form of the counters gives. */
void kernel_awkward(Session *s);
/* break, continue and nested task loops. */
void kernel_leaving(Session *s);

/* Runs it on seeded inputs with these sizes; fails the test if the interpreter does. Returns the
 * elements of the written parameters, one after the other. */
typedef struct Outcome {
    size_t len;
    Scalar *data;
    uint64_t loads, stores;
} Outcome;
/* What the next element of a parameter holds at the start. */
Scalar kernel_start(const IrTensor *t, uint32_t *seed);
Outcome kernel_run(Session *s, const int64_t *sizes);
void outcome_equal(const Outcome *a, const Outcome *b);

#endif
