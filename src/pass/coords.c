/* Task coordinates of a task loop as IR expressions: the mapping floor's index arithmetic over
 * the IR's builders. */
#include "mapping/index.h"
#include "pass/internal.h"

typedef struct Ops {
    IrKernel *k;
    const IrStmt *tasks;
} Ops;

static void *op_constant(void *user, int64_t value)
{
    return (void *)(uintptr_t)ir_index(((Ops *)user)->k, value);
}
static void *op_add(void *user, void *a, void *b)
{
    return (void *)(uintptr_t)ir_binary(((Ops *)user)->k, IR_ADD, a, b);
}
static void *op_mul(void *user, void *a, void *b)
{
    return (void *)(uintptr_t)ir_binary(((Ops *)user)->k, IR_MUL, a, b);
}
static void *op_div(void *user, void *a, void *b)
{
    return (void *)(uintptr_t)ir_binary(((Ops *)user)->k, IR_DIV, a, b);
}
static void *op_mod(void *user, void *a, void *b)
{
    return (void *)(uintptr_t)ir_binary(((Ops *)user)->k, IR_MOD, a, b);
}
static void *op_runtime(void *user, int extent)
{
    return (void *)(uintptr_t)((Ops *)user)->tasks->args[1 + extent];
}

static MappingIndexOps ops_over(Ops *ops)
{
    return (MappingIndexOps){ops, op_constant, op_add, op_mul, op_div, op_mod, op_runtime};
}

const IrExpr *pass_task_worker_part(IrKernel *k, const IrStmt *tasks, int dim)
{
    Ops user = {k, tasks};
    MappingIndexOps ops = ops_over(&user);
    void *worker = (void *)(uintptr_t)tasks->args[0];
    return mapping_index_worker_part(tasks->tasks->mapping, dim, &ops, worker);
}

const IrExpr *pass_task_time_part(IrKernel *k, const IrStmt *tasks, int dim,
                                  const IrExpr *const *counters)
{
    Ops user = {k, tasks};
    MappingIndexOps ops = ops_over(&user);
    void *list[MAPPING_MAX_DIGITS];
    for (int i = 0; i < tasks->tasks->mapping->time_count; i++)
        list[i] = (void *)(uintptr_t)counters[i];
    return mapping_index_time_part(tasks->tasks->mapping, dim, &ops, list);
}

const IrExpr *pass_task_extent(IrKernel *k, const IrStmt *tasks, const MappingDigit *digit)
{
    Ops user = {k, tasks};
    MappingIndexOps ops = ops_over(&user);
    return mapping_index_extent(digit, &ops);
}
