/* Private to the CPU target: the state of one kernel's emission. */
#ifndef TARGET_CPU_CPU_H
#define TARGET_CPU_CPU_H

#include "target/cfamily.h"
#include "target/target.h"

typedef struct Cpu {
    CWriter w;
    TargetInstance *instance;
    const IrKernel *kernel;
    const char *symbol;
    bool check;
    const IrVar *who;   /* checked: holds the running thread */
    uint32_t origin;    /* checked: of the current statement */
    bool trades;        /* checked: threads wait for more than barriers */
    bool *async;        /* checked: by tensor id, it is copied to asynchronously */
    int64_t role_begin; /* coroutines: first thread of the current role */
} Cpu;

/* Statements that only the CPU writes this way: atomics, traps, prints, waiting. */
bool target_cpu_stmt(CWriter *w, const IrStmt *s);
/* How often an `await` lets others on. */
void target_cpu_await(CWriter *w, const IrStmt *s);
/* Says of a loop of a @fast kernel that its sums may be taken in any order, if it is one. */
void target_cpu_free_sums(CWriter *w, const IrStmt *s);
/* Expressions of several lanes (vector.c). */
bool target_cpu_vector(CWriter *w, const IrExpr *e, CPrec prec);
void target_cpu_vector_type(CWriter *w, IrType type);
/* The same where every access is watched (check.c). */
bool target_cpu_checked_stmt(CWriter *w, const IrStmt *s);
bool target_cpu_checked_expr(CWriter *w, const IrExpr *e, CPrec prec);
/* The line that an operation of the kernel comes from. */
int target_cpu_line(const IrKernel *k, uint32_t origin);

/* ---- what threads.c takes of emit.c */
const char *target_cpu_memory_type(CWriter *w, Elem elem); /* of an element as it lies in memory */
const char *target_cpu_expr_text(CWriter *w, const IrExpr *e);
void target_cpu_table(CWriter *w, const IrTensor *t);
void target_cpu_sizes(Cpu *cpu); /* sizes, scalars and the grid, as variables */
void target_cpu_coordinates(CWriter *w);
const IrExpr *target_cpu_room(IrKernel *k, const IrTensor *t); /* bytes in the worker's memory */

/* A kernel whose threads are coroutines: its functions, and statements it writes in another way. */
void target_cpu_threads(Cpu *cpu, const bool *used);
bool target_cpu_threads_stmt(CWriter *w, const IrStmt *s);

#endif
