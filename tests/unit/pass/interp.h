/* An interpreter of kernel IR for tiny shapes, for tests: an oracle that knows nothing of the
 * passes. One block at a time; its threads run every statement together, under a mask. It reads
 * the IR in any stage: task loops by the mapping's formula, tiles by element or by slot. */
#ifndef TESTS_PASS_INTERP_H
#define TESTS_PASS_INTERP_H

#include "ir/build.h"

#define INTERP_LANES 16
typedef struct InterpValue {
    Scalar lane[INTERP_LANES];
} InterpValue;

typedef struct Interp {
    IrKernel *k;
    const int64_t *sizes; /* by size number */
    const Scalar *args;   /* scalar parameters by number */
    Scalar **params;      /* tensor parameters' elements, by IrTensor.param */
    int64_t *param_len;   /* elements of each: an access beyond is a failure */
    Arena *arena;
    const char *failure;    /* NULL, or what went wrong */
    uint64_t loads, stores; /* executed, by all threads */
    /* private */
    int64_t block[3];
    InterpValue *vars;   /* [thread][variable] */
    Scalar **memory;     /* by tensor id: [thread][slot], or [element] */
    int64_t *memory_len; /* slots of one thread, or elements */
    bool *left;          /* [thread][variable]: has left the region of that label */
    int64_t first_thread;
    struct InterpCopies *copies; /* by thread: asynchronous copies under way */
} Interp;

/* Runs the whole grid. False if in->failure was set. */
bool interp_run(Interp *in);
InterpValue interp_eval(Interp *in, int64_t thread, const IrExpr *e);
/* Where an element of a tensor is, by offset or slot. */
Scalar *interp_element(Interp *in, int64_t thread, const IrTensor *tensor, int64_t offset);
/* A matrix instruction, by whole warps among the threads that run it. */
void interp_machine(Interp *in, const IrStmt *s, const bool *run);

#endif
