/* Private to the pass `logical`: which task loops run over task space, and how. */
#ifndef PASS_LOGICAL_H
#define PASS_LOGICAL_H

#include "pass/internal.h"

typedef struct Logical {
    IrKernel *k;
    Map tasks;        /* candidates, by address */
    bool *bad_tiles;  /* by tensor id: also used by threads for themselves */
    IrTensor **tiles; /* by tensor id: the array that replaces a tile */
    size_t tensor_count;
    bool changed;
} Logical;

/* logical_check.c: may this task loop run once for the block, its tasks in any order? */
bool logical_is_candidate(IrKernel *k, const IrStmt *tasks);
/* Was the variable defined inside the statement? */
bool logical_defines(const IrStmt *s, const IrVar *var);
/* logical_nest.c: the loops that run the tasks, appended to `to`. */
void logical_nest(IrKernel *k, const IrStmt *tasks, IrBlock *to);

/* logical_block.c: `loop` holds nothing but these tasks and pure LETs: runs the loop inside of a
 * nest that keeps parts of the tile in registers. False: not of that kind. */
bool logical_block(IrKernel *k, const IrStmt *loop, const IrStmt *tasks, IrBlock *to);

#endif
