/* pass/ - IR to IR. One file a pass; the list is vocab-like: passes.def, in order.
 *
 * Entry point: `pass_run`. Each pass is a function of the kernel that rewrites it in place (new
 * nodes in the kernel's arena) and may report diagnostics at origins' spans. In tests and debug
 * builds the verifier runs after every pass. The list forks: rows for both targets first, then
 * those of one target.
 */
#ifndef PASS_PASS_H
#define PASS_PASS_H

#include "ir/build.h"

typedef enum { PASS_FOR_ALL, PASS_FOR_CPU, PASS_FOR_CUDA } PassTarget;

typedef struct PassOptions {
    PassTarget target;    /* PASS_FOR_CPU or PASS_FOR_CUDA */
    int arch;             /* 80 … 120; 0 for the CPU */
    bool check;           /* --check: every access trapped, per-worker execution */
    bool shuffle_threads; /* CPU: seeded order of a block's threads */
    bool verify;          /* run the verifier after each pass */
    int index_bits;       /* 32 or 64: width of `index` in this variant */
    int alignment;        /* bytes every tensor parameter's base and rows are known to be aligned to
                             in this variant (the guard proves it); element size else */
    const char *print_after, *stop_after; /* pass names or NULL; "all" for print_after */
    Sb *print_to;
    double *seconds;      /* per pass, for --time-passes; NULL */
} PassOptions;

/* False if errors were reported. */
bool pass_run(IrKernel *kernel, Diags *diags, const PassOptions *options);
int pass_count(void);
const char *pass_name(int index);

#endif
