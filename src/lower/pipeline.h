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

typedef struct Pipeline {
    Lower *l;
    const Ast *node, *body; /* the For, and the list of its statements */
    const IrExpr *lo, *hi, *step;
    int64_t stages;
    bool *needed; /* by statement: a `let` that the copies need */
    VEC(Move) moves;
} Pipeline;

Diag *pipeline_report(Pipeline *p, Span span, const char *text);
/* "`sa` …" */
const char *pipeline_about(Pipeline *p, const Move *m, const char *what);
Span pipeline_span(const IrKernel *k, uint32_t origin);
/* The copy that is the body's statement number `at`; NULL. */
const Move *pipeline_move_at(const Pipeline *p, size_t at);
/* A statement that ends the round early (or, `whole`, the loop). */
const Ast *pipeline_leaves(const Ast *tree, bool in_loop, bool whole);
/* Finds the copies that are made ahead, and the statements they need. False after a report. */
bool pipeline_find_moves(Pipeline *p);
/* The block, lowered for another round, reads nothing that a round might change, and changes
 * nothing but stages; tensors from `first_tensor` on are its own. Else it is reported. */
void pipeline_check_ahead(Pipeline *p, IrBlock *block, size_t first_tensor);

#endif
