/* What immutable variables stand for, while a pass walks down a kernel. */
#include "pass/internal.h"

static uint64_t key(const IrVar *var)
{
    return (uint64_t)var->id + 1;
}

PassScope pass_scope_begin(IrKernel *k)
{
    PassScope s = {.k = k, .arena = k->arena, .first = 0, .count = k->block_size};
    s.values = base_map(k->arena);
    s.counters = base_map(k->arena);
    s.threads = base_map(k->arena);
    return s;
}

static const IrExpr *value_of(void *user, const IrExpr *e)
{
    PassScope *s = user;
    return e->op == IR_VAR ? base_map_get(&s->values, key(e->var)) : NULL;
}

const IrExpr *pass_resolve(PassScope *s, const IrExpr *e)
{
    return ir_rewrite(s->k, e, value_of, s);
}

/* A load or a mutable variable means its value at that moment: it cannot be written out later. */
static bool is_momentary(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD || (e->op == IR_VAR && e->var->mutable);
}

void pass_scope_let(PassScope *s, const IrStmt *let)
{
    const IrExpr *value = let->args[0];
    bool integer = vocab_elem_is_int(value->type.elem) && value->type.lanes == 1;
    if (let->var->mutable || !integer) return;
    if (ir_any(value, is_momentary, NULL)) return;
    base_map_put(&s->values, key(let->var), (void *)(uintptr_t)pass_resolve(s, value));
}

static void add_counter(PassScope *s, IrVar *var, int64_t lo, int64_t step, int64_t trip,
                        IrStmt *loop)
{
    PassCounter *c = NEW(s->arena, PassCounter);
    *c = (PassCounter){ir_var(s->k, var), lo, step, trip, loop};
    base_map_put(&s->counters, key(var), c);
}

void pass_scope_for(PassScope *s, IrStmt *loop)
{
    int64_t lo, step, trip;
    if (pass_const_loop(loop, &lo, &step, &trip)) add_counter(s, loop->var, lo, step, trip, loop);
}

void pass_scope_tasks(PassScope *s, IrStmt *tasks)
{
    const Mapping *m = tasks->tasks->mapping;
    IrKernel *k = s->k;
    const IrExpr **counters = NEW_ARRAY(s->arena, const IrExpr *, (size_t)m->time_count + 1);
    for (int i = 0; i < m->time_count; i++) {
        const MappingDigit *digit = &m->time[i];
        IrVar *var = ir_new_var(k, pass_make_name(k, "t%d", i), (IrType){ELEM_INDEX, 1}, false);
        bool fixed = !MAPPING_IS_RUNTIME(digit->extent);
        var->lo = 0;
        if (fixed) var->hi = digit->extent - 1;
        if (fixed) add_counter(s, var, 0, 1, digit->extent, tasks);
        counters[i] = ir_var(k, var);
    }
    for (int d = 0; d < m->rank; d++) {
        const IrExpr *worker = pass_resolve(s, pass_task_worker_part(k, tasks, d));
        const IrExpr *time = pass_task_time_part(k, tasks, d, counters);
        const IrExpr *value = pass_resolve(s, ir_binary(k, IR_ADD, worker, time));
        base_map_put(&s->values, key(tasks->tasks->vars[d]), (void *)(uintptr_t)value);
    }
    PassWorkers *w = NEW(s->arena, PassWorkers);
    *w = (PassWorkers){tasks, pass_resolve(s, tasks->args[0]), s->workers};
    s->workers = w;
}

static bool thread_leaf(void *user, const IrExpr *e, int64_t *value)
{
    *value = *(const int64_t *)user;
    return e->op == IR_TID;
}

const int64_t *pass_scope_threads(PassScope *s, const IrExpr *e)
{
    int64_t *values = base_map_get(&s->threads, (uint64_t)e->id + 1);
    if (values) return values;
    values = NEW_ARRAY(s->arena, int64_t, (size_t)s->k->block_size);
    for (int64_t t = 0; t < s->k->block_size; t++)
        if (!ir_eval_int(e, thread_leaf, &t, &values[t])) return NULL;
    base_map_put(&s->threads, (uint64_t)e->id + 1, values);
    return values;
}
