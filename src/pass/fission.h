/* Private to fission: groups of threads, and what stands where after the split. */
#ifndef PASS_FISSION_H
#define PASS_FISSION_H

#include "pass/internal.h"

/* Threads [base, base + limit) of the block; limit is at most count. */
typedef struct Group {
    const IrExpr *base, *limit;
    int64_t count;
} Group;

/* A loop over threads, or over subgroups of threads, that fission made. */
typedef struct Container {
    struct Container *outer;
    Group group; /* of one iteration */
    int depth;
} Container;

/* Where a variable, a tile or a private array lives. */
typedef struct Home {
    Container *defined;    /* around the definition; NULL: the whole block */
    Container *common;     /* innermost one around the definition and all uses */
    bool seen, crosses;    /* some use cannot see the definition */
    bool repeated;         /* something about it stands in a loop that the group runs together */
    const IrExpr *value;   /* LET of an immutable variable: what it stands for, in terms of TID */
    int weight;            /* of value: nodes to compute it again */
    const IrTensor *array; /* what replaces it */
} Home;

/* A region that a group runs together and that threads leave one by one: those that have left sit
 * out the loops that follow in it. */
typedef struct LeftRegion {
    struct LeftRegion *outer;
    IrVar *label, *left; /* left: per thread */
    bool used;
} LeftRegion;

typedef struct Fission {
    IrKernel *k;
    Map levels;                     /* of statements, by address: level + 1 */
    Map containers;                 /* of FOR statements that fission made */
    Home *vars, *tensors;           /* by id */
    size_t var_count, tensor_count; /* of those that were there before settling */
    Container *current;             /* while building and while walking */
    const IrExpr *thread;           /* what TID means at the current place */
    IrVar *who;                     /* --check: holds the running thread */
    bool interchange;               /* not under --check */
    bool *once;                     /* by variable id: its assignments run once for the block */
    size_t once_count;
    size_t use_count;
    int *uses; /* by variable id: in the whole kernel */
    bool changed;
    LeftRegion *regions;
    Map lets;  /* values of pure index LETs, by variable id + 1 */
    int loops; /* loops around the current place that a group runs together */
} Fission;

/* fission_levels.c: how many threads a statement needs together (1: each for itself). */
void fission_find_levels(Fission *f, IrBlock *block);
int64_t fission_level(const Fission *f, const IrStmt *s);
void fission_set_level(Fission *f, const IrStmt *s, int64_t level);
/* fission_uniform.c: what the block does as one. */
void fission_find_once(Fission *f);
bool fission_is_once(Fission *f, const IrStmt *s);
bool fission_is_free(const IrStmt *s);
bool fission_runs_together(Fission *f, const IrStmt *s);
IrStmt *fission_strided(Fission *f, const IrStmt *s);
const IrExpr *fission_take_limit(Fission *f, IrBlock *body);
int64_t fission_only_lane(Fission *f, IrBlock *body, const IrExpr *thread, const IrExpr *lane);
/* fission_homes.c: gives a place to what lives across the split, and replaces TID. */
void fission_settle(Fission *f, IrBlock *block);

#endif
