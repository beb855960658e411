/* Private to the lowering of `pipeline(n)`: its copies, and what holds of them. */
#ifndef LOWER_PIPELINE_H
#define LOWER_PIPELINE_H

#include "lower/internal.h"

/* A copy that is made ahead. */
typedef struct Move {
    const Ast *call;
    const Symbol *symbol; /* of the shared tensor */
    size_t at;            /* among the body's statements */
    const View *whole;    /* the tensor as it was declared */
} Move;

/* Statements lowered for another round than the running one; tensors from `first_tensor` on are
 * their own. */
typedef struct Early {
    IrBlock *block;
    size_t first_tensor;
} Early;

typedef struct Pipeline {
    Lower *l;
    const Ast *node, *body; /* the For, and the list of its statements */
    const IrExpr *lo, *hi, *step;
    int64_t stages;
    bool *needed; /* by statement: a `let` that the copies need */
    VEC(Move) moves;
    VEC(Early) early;
} Pipeline;

Diag *pipeline_report(Pipeline *p, Span span, const char *text);
/* "`sa` …" */
const char *pipeline_about(Pipeline *p, const Move *m, const char *what);
Span pipeline_span(const IrKernel *k, uint32_t origin);
/* The copy that is the body's statement number `at`; NULL. */
const Move *pipeline_move_at(const Pipeline *p, size_t at);
/* Finds the copies that are made ahead, and the statements they need. False after a report. */
bool pipeline_find_moves(Pipeline *p);
/* Reports what was lowered early and reads what a round may change: `body` is the loop's. */
void pipeline_check_early(Pipeline *p, IrBlock *body);

#endif
