/* What index expressions are for each thread of a block: evaluated, with examples for what only a
 * launch knows. */
#ifndef PASS_LANES_H
#define PASS_LANES_H

#include "pass/internal.h"

enum { LANES_COUNTERS = 8, LANES_EXAMPLES = 2 };

/* A condition that the threads which get here satisfy. */
typedef struct LanesCond {
    const IrExpr *cond;
    bool holds;
} LanesCond;

/* Filled while a pass walks down a kernel after `layouts`. */
typedef struct Lanes {
    IrKernel *k;
    PassScope scope;
    Map loops;  /* variable id + 1 to the FOR of run-time range that counts it */
    Map agreed; /* variable id + 1 of immutable variables that are the same for all threads */
    VEC(LanesCond) conds;
} Lanes;

/* One choice of what is not known: values of the counters that matter, the example of sizes,
 * blocks and other things that are the same for all threads. */
typedef struct LanesCase {
    int count;
    const PassCounter *counters[LANES_COUNTERS];
    int64_t values[LANES_COUNTERS];
    int example; /* below LANES_EXAMPLES */
} LanesCase;

Lanes lanes_begin(IrKernel *k);
void lanes_enter_for(Lanes *l, IrStmt *loop);
void lanes_enter_let(Lanes *l, const IrStmt *let);
/* Adds the counters that `e` depends on. `affine`: not those that only add a multiple of `unit`.
 * False if there are too many. */
bool lanes_add_counters(Lanes *l, LanesCase *c, const IrExpr *e, bool affine, int64_t unit);
/* How many cases the counters make, and the choice of the n-th. */
int64_t lanes_case_count(const LanesCase *c);
void lanes_choose(LanesCase *c, int64_t n);
/* False if the value depends on more than is known of a thread. */
bool lanes_eval(Lanes *l, const LanesCase *c, const IrExpr *e, int64_t thread, int64_t *value);
/* Does the thread get here, as far as is known? `guard`: one more condition, or NULL. */
bool lanes_active(Lanes *l, const LanesCase *c, const IrExpr *guard, int64_t thread);

#endif
