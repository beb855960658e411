/* pass/ - IR to IR. One file a pass; the list is vocab-like: passes.def, in order.
 *
 * Entry point: `pass_run`. Each pass is a function of the kernel that rewrites it in place (new
 * nodes in the kernel's arena) and may report diagnostics at origins' spans. In tests and debug
 * builds the verifier runs after every pass. The list forks: rows for both targets first, then
 * those of one target. A target that needs a single rewriting on its own terms calls the
 * functions at the end of this header.
 */
#ifndef PASS_PASS_H
#define PASS_PASS_H

#include "ir/build.h"

typedef enum { PASS_FOR_ALL, PASS_FOR_CPU, PASS_FOR_CUDA } PassTarget;

/* What a warp's request of one access to memory costs at worst: wavefronts of shared memory,
 * sectors of 32 bytes of global memory. */
typedef struct PassAccess {
    Span span;
    const char *kernel, *tensor;
    bool store, shared;
    int bytes;           /* of a lane */
    int64_t cost, ideal; /* 0: not known */
} PassAccess;
typedef struct PassAccesses {
    Arena *arena; /* that outlives the kernel */
    VEC(PassAccess) list;
} PassAccesses;

typedef struct PassOptions {
    PassTarget target;      /* PASS_FOR_CPU or PASS_FOR_CUDA */
    int arch;               /* 80 … 120; 0 for the CPU */
    bool check;             /* --check: every access trapped, per-worker execution */
    bool shuffle_threads;   /* CPU: seeded order of a block's threads */
    bool verify;            /* run the verifier after each pass */
    bool performance;       /* report what costs time (W02xx): CUDA's variant of aligned tensors */
    PassAccesses *accesses; /* if `performance`: every access, by source line; or NULL */
    int index_bits;         /* 32 or 64: width of `index` in this variant */
    int alignment; /* bytes every tensor parameter's base and rows are known to be aligned to
                      in this variant (the guard proves it); element size else */
    const char *print_after, *stop_after; /* pass names or NULL; "all" for print_after */
    Sb *print_to;
    double *seconds; /* per pass, for --time-passes; NULL */
} PassOptions;

/* False if errors were reported. */
bool pass_run(IrKernel *kernel, Diags *diags, const PassOptions *options);
/* One pass by itself, by name (tests); false also if there is none of that name. */
bool pass_run_one(IrKernel *kernel, Diags *diags, const PassOptions *options, const char *name);
int pass_count(void);
const char *pass_name(int index);
PassTarget pass_target(int index);

/* Adds, to cost[n - 1] for the n-th tensor whose swizzle the compiler chose, what its accesses come
 * to after all passes: wavefronts and requests, as often as loops make them, some warps and rounds
 * for all; or -1 if instructions depend on the layout. True if there are bank conflicts else. */
bool pass_swizzle_cost(IrKernel *kernel, int64_t *cost, int count);

/* ---- single rewritings ----------------------------------------------------------------------- */
/* Turns every task loop inside `block` (the kernel's body, or a part of it) into loops over its
 * time digits, and accesses to tiles into slots; see expand.c. `[first, first + threads)` are the
 * threads of the kernel's block that run it. False if errors were reported. */
bool pass_expand_block(IrKernel *k, Diags *diags, IrBlock *block, int64_t first, int64_t threads);

#endif
