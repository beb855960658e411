/* How many consecutive threads share the value of an expression: the uniformity levels grid ⊃
 * block ⊃ warp ⊃ varying, and what lies between them. */
#ifndef PASS_WIDTH_H
#define PASS_WIDTH_H

#include "pass/internal.h"

/* A width n > 0: the value is the same in each group of n consecutive threads that begins at a
 * multiple of n (1: nothing is known; the block's size: the whole block; width_cluster: a cluster).
 * 0: the whole grid. */
typedef struct Widths {
    IrKernel *k;
    int64_t *vars;    /* by variable id */
    int64_t *tensors; /* by tensor id: tiles and private arrays */
    bool *atomic;     /* by tensor id: some atomic touches it */
    int64_t *memo;    /* by expression id, -1 unknown; valid until a variable changes */
    uint32_t memo_count;
    bool changed;
} Widths;

void width_begin(Widths *w, IrKernel *k);
void width_forget(Widths *w); /* the memo */
int64_t width_join(const Widths *w, int64_t a, int64_t b);
int64_t width_of(Widths *w, const IrExpr *e);
int64_t width_of_all(Widths *w, int count, const IrExpr *const *args);
void width_lower(Widths *w, int64_t *slot, int64_t to);
/* Of what is the same in a whole cluster: the threads of one, if it has more than one block. */
int64_t width_cluster(const IrKernel *k);
/* Is a value of width `width` the same in all of a group of `group` threads (0: the grid)? */
bool width_covers(const Widths *w, int64_t width, int64_t group);
/* And in the `count` threads of the block from `first` on? */
bool width_spans(const Widths *w, int64_t width, int64_t first, int64_t count);
/* Width of a coordinate of a task loop. */
int64_t width_of_task(Widths *w, const IrStmt *tasks, int dim);
int64_t width_of_collective(Widths *w, const IrStmt *s);

#endif
