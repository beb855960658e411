/* Private to vectors: the iterations of a loop that become one, and what is made wide of them. */
#ifndef PASS_VECTORS_H
#define PASS_VECTORS_H

#include "pass/internal.h"

enum { VECTORS_WIDEST = 16 }; /* bytes of an access, and so iterations of a group, at most */
enum { VECTORS_MOST = 32 };   /* wide accesses of a body */

/* One access of the body to widen. */
typedef struct VectorsWide {
    const IrExpr *load; /* or NULL: */
    const IrStmt *store;
    int lanes;
    bool direct;          /* load: is what an asynchronous store takes, and in no register */
    IrVar *lane;          /* load: stands for the lane in the body; store: takes the value */
    const IrExpr **parts; /* load: the vectors; store: the values, one a lane */
} VectorsWide;

typedef struct VectorsGroup {
    PassContext *ctx;
    PassFacts facts;
    IrStmt *loop;
    IrBlock *body;
    const IrVar *counter;
    int64_t trip;
    int width; /* iterations in a group */
    int count;
    VectorsWide list[VECTORS_MOST];
    IrBlock *to;
} VectorsGroup;

static inline bool vectors_is_memory(const IrTensor *t)
{
    return t->space == IR_SHARED || t->space == IR_PARAM;
}

/* e = counter * coef + rest, rest free of the counter: the affine form, and coef. */
bool vectors_split(VectorsGroup *g, const IrExpr *e, PassAffine *rest, int64_t *coef);
/* Is the condition the same for all iterations of each group? */
bool vectors_decided(VectorsGroup *g, const IrExpr *e);
/* A PassTest: does it depend on what the body itself does? `user`: the group. */
bool vectors_uses_own(void *user, const IrExpr *e);
/* Lists all that can be widened for groups of `width`; false if there is nothing. */
bool vectors_choose(VectorsGroup *g, int width);

#endif
