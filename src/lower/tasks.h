/* Private to lower/: what the files of task loops share (tasks.c, automatic.c, group.c). */
#ifndef LOWER_TASKS_H
#define LOWER_TASKS_H

#include "lower/internal.h"

/* Who runs a task loop, seen from the group around it. */
typedef struct LowerTeam {
    int level; /* threads that act as one worker */
    int64_t workers;
    const IrExpr *worker;
} LowerTeam;

/* What a task loop runs over: a mapping, or extents of `auto`. */
Value lower_tasks_domain(Lower *l, const Ast *node, int64_t workers);
Group lower_loop_group(Lower *l, const Ast *node, int64_t level);
IrStmt *lower_append_tasks(Lower *l, const Mapping *m, int rank, int level);
IrVar *lower_task_var(Lower *l, const Name *name, int64_t extent);
/* The statement's operands: the worker, then every run-time extent there is. */
void lower_task_args(Lower *l, IrStmt *stmt, const IrExpr *worker);
IrStmt *lower_open_for(Lower *l, const char *name, const IrExpr *lo, const IrExpr *hi,
                       const IrExpr *step, const IrExpr **value);

/* ---- auto (automatic.c) */
enum { WIDE_BYTES = 16 }; /* of the widest access */
/* What `auto` chooses for these extents; pushes the run-time ones. NULL after a report. */
const Mapping *lower_auto_mapping(Lower *l, Span span, int rank, const IrExpr *const *extents,
                                  int64_t workers, int bytes, int fast, bool *overhangs);
void lower_auto_loop(Lower *l, const Ast *node, const Value *domain, const LowerTeam *team);
/* The workers stride over the linear index of the tasks, the last dimension fastest. */
void lower_auto_grid(Lower *l, const Ast *node, const Value *domain, const IrExpr *worker,
                     const IrExpr *workers);

#endif
