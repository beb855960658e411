/* Private to lowering: boxes, what a copy engine copies at once. */
#ifndef LOWER_TMA_H
#define LOWER_TMA_H

#include "lower/internal.h"

typedef struct Box {
    const Ast *call;
    Builtin builtin; /* tma.load, tma.store */
    const View *window, *tile;
    int rank;
    const IrExpr *at[MAX_RANK], *extent[MAX_RANK]; /* of the parameter's dimensions */
    int64_t inner;                                 /* bytes of a row */
    int64_t panel; /* elements of the rows of a box, where the tile's are cut into panels; else 0 */
    int swizzle;
} Box;

/* Can an engine copy between the window and the tile, as they are set? Fills in the rest; false
 * after a report. */
bool lower_box(Lower *l, Box *box);
/* Has the running thread ask for it. The mbarrier of a load counts the bytes; `mask` are the blocks
 * of the cluster that get the tile, too, or NULL. */
void lower_bulk(Lower *l, const Box *box, const IrExpr *mbarrier, const IrExpr *mask);
/* One dimension of mbarriers whose phases end after one arrival. */
const IrTensor *lower_new_mbarriers(Lower *l, const char *name, int64_t count);
/* mbarrier.wait, arrive, expect: indices, then the parity or the bytes. */
IrStmt *lower_mbarrier_do(Lower *l, Builtin builtin, const IrTensor *tensor, int count,
                          const IrExpr *const *operands);

#endif
