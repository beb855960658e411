/* Private to the lowering of `pipeline(n)`: its copies, and what holds of them. */
#ifndef LOWER_PIPELINE_H
#define LOWER_PIPELINE_H

#include "lower/tma.h"

/* A copy that is made ahead: the verb, or a task loop (pipeline_gather.c). */
typedef struct Move {
    const Ast *node;      /* what copies: the call, or the loop's assignment */
    const Ast *loop;      /* or NULL */
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
    int64_t ahead; /* rounds; stages - 1, or one less where products go on for a round */
    bool *needed;  /* by statement: a `let` that the copies need */
    VEC(Move) moves;
    VEC(Early) early;
    /* Copies by the copy engines: */
    bool engines;
    VEC(Box) boxes;       /* of the round that is being lowered */
    const IrTensor *full; /* mbarriers: the stage's copies are there */
    IrVar *phases;        /* bit s: the parity that stage s is waited for with next */
} Pipeline;

Diag *pipeline_report(Pipeline *p, Span span, const char *text);
/* "`sa` …" */
const char *pipeline_about(Pipeline *p, const Move *m, const char *what);
Span pipeline_span(const IrKernel *k, uint32_t origin);
/* The copy that is the body's statement number `at`; NULL. */
const Move *pipeline_move_at(const Pipeline *p, size_t at);
/* Finds the copies that are made ahead, and the statements they need. False after a report. */
bool pipeline_find_moves(Pipeline *p);
/* The tensor that `e` shows a part of, unconverted; NULL if it is something else. */
const IrTensor *pipeline_shown(Lower *l, const Ast *e, const Ast *body);
/* The statement of the body that declares the symbol; NULL. */
const Ast *pipeline_declared_by(const Ast *body, const Symbol *symbol);
/* Does this task loop of the body assign to elements of a shared tensor, from those of a parameter
 * that the kernel only reads? */
bool pipeline_is_gather(Lower *l, const Ast *loop, const Ast *body, Move *m);
/* And to all of them, each once? */
bool pipeline_covers(Pipeline *p, const Move *m);
/* Where the tensor is named in `tree`, other than in `skip` (if any) and in other pipelines of it.
 */
const Ast *pipeline_mention(Lower *l, const Ast *tree, const Symbol *symbol, const Ast *skip);
/* A statement that ends the round early. */
const Ast *pipeline_leaves(const Ast *tree, bool in_loop);
/* Reports what was lowered early and reads what a round may change: `body` is the loop's. */
void pipeline_check_early(Pipeline *p, IrBlock *body);

/* The copies of the round in which the loop's variable is `at`, to the stage bound now. */
void pipeline_copy_ahead(Pipeline *p, const IrExpr *at, IrBlock *into);
/* ---- pipeline_tma.c: by the copy engines */
/* Decides whether they make the copies, and makes the mbarriers; stage 0 is bound. */
void pipeline_take_engines(Pipeline *p);
void pipeline_add_box(Pipeline *p, const Move *m, const View *dst, const View *src);
/* One thread asks for the boxes, to this stage. */
void pipeline_load(Pipeline *p, const IrExpr *stage);
/* All threads wait until the stage is full. */
void pipeline_await(Pipeline *p, const IrExpr *stage);

#endif
