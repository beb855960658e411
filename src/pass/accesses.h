/* Shared by the files of the pass accesses. */
#ifndef PASS_ACCESSES_H
#define PASS_ACCESSES_H

#include "pass/banks.h"
#include "pass/internal.h"

/* The requests that a kernel makes of one shared tensor; of many alike, some. */
typedef struct SharedUse {
    const IrTensor *tensor;
    VEC(PassRequest) requests;
} SharedUse;

/* A layout in whose favour something can be said, after a diagnostic about `use->tensor`: NULL, or
 * what it would do to all the requests. */
const char *accesses_better_layout(IrKernel *k, const SharedUse *use);

#endif
