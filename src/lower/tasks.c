/* Task loops over the threads, warps or warpgroups of the current group. */
#include "lower/tasks.h"

const IrExpr *lower_worker(Lower *l, int level)
{
    return ir_binary(l->k, IR_DIV, l->group.thread, ir_index(l->k, level));
}

bool lower_check_workers(Lower *l, const Mapping *m, int64_t workers, Span span, const char *unit)
{
    if (m->workers == workers) return true;
    Diag *diag = lower_error(l, MAPPING_WORKERS, span, lower_mapping_text(l, m),
                             lower_number(l, m->workers), unit, lower_number(l, workers));
    diag_label(l->diags, diag, l->group.span, "the group is entered here");
    return false;
}

int64_t lower_unit_threads(const Lower *l, const Name *unit)
{
    if (strcmp(unit->text, "warp") == 0) return WARP_THREADS;
    if (strcmp(unit->text, "warpgroup") == 0) return WARPGROUP_THREADS;
    if (strcmp(unit->text, "block") == 0) return l->k->block_size;
    return 1;
}

IrStmt *lower_append_tasks(Lower *l, const Mapping *m, int rank, int level)
{
    IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_TASKS);
    IrTasks *tasks = NEW(l->arena, IrTasks);
    tasks->mapping = m;
    tasks->level = level;
    tasks->vars = NEW_ARRAY(l->arena, IrVar *, (size_t)rank + 1);
    stmt->tasks = tasks;
    stmt->body = ir_new_block(l->k);
    return stmt;
}

IrVar *lower_task_var(Lower *l, const Name *name, int64_t extent)
{
    IrVar *var = ir_new_var(l->k, name, (IrType){ELEM_INDEX, 1}, false);
    var->lo = 0;
    if (extent > 0) var->hi = extent - 1;
    return var;
}

/* args: the worker, then every run-time extent there is, so that ids need no renumbering. */
void lower_task_args(Lower *l, IrStmt *stmt, const IrExpr *worker)
{
    const Mapping *m = stmt->tasks->mapping;
    int runtime = 0;
    for (int i = 0; i < m->time_count; i++)
        if (MAPPING_IS_RUNTIME(m->time[i].extent)) runtime = (int)l->runtime.len;
    stmt->count = 1 + runtime;
    stmt->args = NEW_ARRAY(l->arena, const IrExpr *, (size_t)stmt->count);
    stmt->args[0] = worker;
    for (int i = 0; i < runtime; i++) stmt->args[1 + i] = l->runtime.data[i];
}

static IrStmt *open_tasks(Lower *l, const Mapping *m, int level, const IrExpr *worker,
                          const IrExpr **vars)
{
    static const char *const names[] = {"i", "j", "k", "l"};
    IrStmt *stmt = lower_append_tasks(l, m, m->rank, level);
    for (int d = 0; d < m->rank; d++) {
        stmt->tasks->vars[d] = lower_task_var(l, lower_name(l, names[d % 4]), m->shape[d]);
        vars[d] = ir_var(l->k, stmt->tasks->vars[d]);
    }
    lower_task_args(l, stmt, worker);
    l->block = stmt->body;
    return stmt;
}

IrStmt *lower_open_tasks(Lower *l, const Mapping *m, int level, const IrExpr **vars)
{
    return open_tasks(l, m, level, lower_worker(l, level), vars);
}

void lower_task_body(Lower *l, const Ast *node, const IrExpr *const *vars, int rank)
{
    const Ast *names = KID(node, For, vars), *within = KID(node, For, within);
    for (int d = 0; d < rank && d < (int)names->count; d++)
        if (names->kid[d]->symbol) lower_bind(l, names->kid[d]->symbol, value_expr(vars[d]));
    if (within) {
        if ((int)within->count != rank)
            lower_error(l, SHAPE_MISMATCH, within->span,
                        lower_text(l, "`within` of %u extents", within->count),
                        lower_text(l, "tasks of %d dimensions", rank));
        const IrExpr *all = NULL;
        for (int d = 0; d < rank && d < (int)within->count; d++) {
            const IrExpr *in = ir_binary(l->k, IR_LT, vars[d], lower_index(l, within->kid[d]));
            all = all ? ir_binary(l->k, IR_AND, all, in) : in;
        }
        if (all && !(ir_is_const(all) && all->value.i)) {
            lower_at(l, within);
            l->block = ir_if(l->k, l->block, all, false)->body;
        }
    }
    lower_block(l, KID(node, For, body));
}

Group lower_loop_group(Lower *l, const Ast *node, int64_t level)
{
    Group group = l->group;
    group.span = node->span;
    if (level == 1) {
        group.single = true;
        return group;
    }
    group.thread = ir_binary(l->k, IR_MOD, l->group.thread, ir_index(l->k, level));
    group.base = l->group.size == level ? l->group.base : -1;
    group.size = level;
    return group;
}

/* ---- the loop -------------------------------------------------------------------------------- */

static const char *unit_word(int64_t level)
{
    return level == WARP_THREADS ? "warp" : level == WARPGROUP_THREADS ? "warpgroup" : "thread";
}

static void mapping_loop(Lower *l, const Ast *node, const Mapping *m, const LowerTeam *team)
{
    const Ast *names = KID(node, For, vars);
    Span span = KID(node, For, domain)->span;
    if (!lower_check_workers(l, m, team->workers, span, unit_word(team->level))) return;
    if ((int)names->count != m->rank) {
        lower_error(l, SHAPE_MISMATCH, names->span,
                    lower_text(l, "%u loop variables", names->count),
                    lower_text(l, "tasks of %d dimensions", m->rank));
        return;
    }
    const IrExpr *vars[MAX_RANK];
    IrStmt *stmt = open_tasks(l, m, team->level, team->worker, vars);
    for (int d = 0; d < m->rank; d++) stmt->tasks->vars[d]->name = names->kid[d]->name;
    l->group = lower_loop_group(l, node, team->level);
    lower_task_body(l, node, vars, m->rank);
}

Value lower_tasks_domain(Lower *l, const Ast *node, int64_t workers)
{
    const Ast *domain = KID(node, For, domain);
    bool factors =
        domain->type && domain->type->kind == TYPE_MAPPING && domain->kind != AST_Name &&
        !(domain->kind == AST_Call && domain->call && domain->call->builtin == BUILTIN_AUTO);
    if (factors) {
        const Mapping *m = lower_mapping_solved(l, domain, 0, NULL, workers);
        return m ? value_mapping(m) : value_poison();
    }
    Value value = lower_value(l, domain);
    if (value.kind == VALUE_VIEW && value.view->tensor->over) {
        const Mapping *m = lower_over(l, value.view, domain);
        return m ? value_mapping(m) : value_poison();
    }
    return value;
}

void lower_tasks(Lower *l, const Ast *node)
{
    const Ast *unit = KID(node, For, group);
    bool grid = unit && ((unit->flags & AST_GRID) || strcmp(unit->name->text, "block") == 0);
    if (grid) {
        l->grid_domain = true;
        Value domain = lower_tasks_domain(l, node, 0);
        l->grid_domain = false;
        lower_grid_loop(l, node, domain);
        return;
    }
    int64_t level = unit ? lower_unit_threads(l, unit->name) : 1;
    if (l->group.size % level || l->group.size < level) {
        lower_error(l, GROUP, unit->span,
                    lower_text(l, "a group of %lld threads has no whole number of %ss",
                               (long long)l->group.size, unit->name->text));
        return;
    }
    if (l->group.single && level > 1) {
        lower_error(l, GROUP, unit->span,
                    "the code around is already run by each thread for itself");
        return;
    }
    LowerTeam team = {(int)level, l->group.size / level, lower_worker(l, (int)level)};
    if (l->group.single) { /* a thread by itself: it is the only worker */
        team.workers = 1;
        team.worker = ir_index(l->k, 0);
    }
    Value domain = lower_tasks_domain(l, node, team.workers);
    IrBlock *outer = l->block;
    Group saved = l->group;
    int depth = l->depth++;
    if (domain.kind == VALUE_AUTO)
        lower_auto_loop(l, node, &domain, &team);
    else if (domain.kind == VALUE_MAPPING)
        mapping_loop(l, node, domain.mapping, &team);
    else if (!l->failed)
        lower_error(l, NOT_A_MAPPING, KID(node, For, domain)->span);
    l->depth = depth;
    l->group = saved;
    l->block = outer;
}
