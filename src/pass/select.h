/* Private to select: what its files share. */
#ifndef PASS_SELECT_H
#define PASS_SELECT_H

#include "pass/internal.h"

enum { SELECT_WARP = 32 };

typedef struct Select {
    PassContext *ctx;
    IrKernel *k;
    PassScope scope;
    PassFacts facts;
    Map gone;    /* staged tensors that nobody reads any more, by address */
    bool copies; /* products are done, and the copies that they made needless have gone */
} Select;

/* The fragments of one operand that a warp holds at a time: `tiles` of them, each `fragment` large,
 * `tile_step` apart, the first at `origin`. The element at (row, column) is what `load` is where
 * `vars` have these values. */
typedef struct SelectOperand {
    const Mapping *fragment;
    const IrExpr *load;
    const IrVar *vars[2];
    const IrExpr *origin[2];
    int64_t tiles, tile_step[2];
    const IrTensor *array; /* where they are: tile t, element e at `first + t * apart + e` */
    const IrExpr *first;
    int64_t apart;
    bool stores;        /* from `array` to where `load` reads */
    const char *reason; /* why not by ldmatrix or stmatrix */
} SelectOperand;

/* ---- select_load.c --------------------------------------------------------------------------- */
/* Appends what fills `operand->array`, which is made: by ldmatrix, or element by element. */
void select_load(Select *s, SelectOperand *operand, IrBlock *to);
/* By ldmatrix, or stmatrix if it `stores`, or not at all: then `reason` is set. `array` may be
 * there already, with `first` and `apart`. */
bool select_matrices(Select *s, SelectOperand *operand, IrBlock *to);

/* ---- small things (select.c) ----------------------------------------------------------------- */
/* An unrolled loop, whose body is returned; of one iteration none, and *counter is 0. */
IrBlock *select_loop(IrKernel *k, IrBlock *to, const char *name, int64_t trip,
                     const IrExpr **counter);
const IrExpr *select_sum(IrKernel *k, const IrExpr *a, const IrExpr *b);
const IrExpr *select_times(IrKernel *k, const IrExpr *a, int64_t b);
/* Coordinate `dim` of the worker's part of a mapping. */
const IrExpr *select_worker_part(IrKernel *k, const Mapping *m, const IrExpr *worker, int dim);
IrStmt *select_machine(IrKernel *k, IrBlock *to, Builtin builtin, const IrTensor *t,
                       const IrExpr *offset, const char *text);

/* ---- tiles of warps (select.c) --------------------------------------------------------------- */
/* In a task loop: the first slot of the tile, if this is the element of the task; else NULL. Before
 * its coordinates only constants. */
const IrExpr *select_own_slot(IrKernel *k, const IrStmt *tasks, const IrTensor *tile,
                              const IrExpr *const *index);
/* Are its workers threads in order, whole warps of them? */
bool select_has_warps(Select *s, const IrStmt *tasks);
/* Is each worker's part that of its warp plus that of the lane in `fragment`? */
bool select_lanes_agree(const Mapping *m, const Mapping *fragment);
/* Where the warp's part begins. */
const IrExpr *select_warp_part(IrKernel *k, const IrStmt *tasks, int dim);
/* An instruction written by hand that does not fit. */
void select_refuse(Select *s, const IrStmt *tasks, const IrTensor *tile, const char *reason);

/* ---- select_copy.c --------------------------------------------------------------------------- */
/* Copies between shared memory and register tiles. */
bool select_copy(Select *s, const IrStmt *tasks, IrBlock *to);

#endif
