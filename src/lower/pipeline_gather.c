/* A task loop in a pipeline that is a copy: element by element, from where each task says in a
 * parameter, to all of a shared tensor. */
#include "lower/pipeline.h"
#include "lower/tasks.h"

/* The assignment of an element behind nothing but `let`s; NULL if the loop does something else. */
static const Ast *only_assignment(const Ast *loop)
{
    const Ast *stmts = KID(KID(loop, For, body), Block, stmts), *unit = KID(loop, For, group);
    bool threads = !unit || (!(unit->flags & AST_GRID) && strcmp(unit->name->text, "thread") == 0);
    if (!threads || KID(loop, For, within) || KID(loop, For, pipeline) || !stmts->count)
        return NULL;
    const Ast *last = stmts->kid[stmts->count - 1];
    for (uint32_t i = 0; i + 1 < stmts->count; i++)
        if (stmts->kid[i]->kind != AST_Let) return NULL;
    bool plain = last->kind == AST_Assign && last->op == OP_NONE;
    return plain && KID(last, Assign, target)->kind == AST_Index ? last : NULL;
}

bool pipeline_is_gather(Lower *l, const Ast *loop, const Ast *body, Move *m)
{
    const Ast *assign = only_assignment(loop);
    if (!assign || l->group.single) return false;
    const Ast *to = KID(KID(assign, Assign, target), Index, base);
    const Ast *from = KID(assign, Assign, value);
    bool element = from->kind == AST_Else || from->kind == AST_Index;
    if (!element || to->kind != AST_Name || !to->symbol) return false;
    if (to->symbol->kind != SYMBOL_SHARED || pipeline_declared_by(body, to->symbol)) return false;
    const Value *value = lower_slot(l, to->symbol);
    const IrTensor *read = pipeline_shown(l, from, body);
    if (value->kind != VALUE_VIEW || !read) return false;
    *m = (Move){.node = assign, .loop = loop, .symbol = to->symbol, .whole = value->view};
    return read->space == IR_PARAM && !read->written && ir_tensor_size(value->view->tensor) > 0;
}

/* ---- all of it, each element once --------------------------------------------------------------
 */

/* Does the expression name what the pipeline declares? */
static bool names_own(const Pipeline *p, const Ast *e)
{
    const Ast *vars = KID(p->node, For, vars);
    if (e->kind == AST_Name && pipeline_declared_by(p->body, e->symbol)) return true;
    if (e->kind == AST_Name && e->symbol && pipeline_declared_by(vars, e->symbol)) return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (e->kid[i] && names_own(p, e->kid[i])) return true;
    return false;
}

/* The tasks' extents, if each runs once; else rank 0. */
static int task_extents(Pipeline *p, const Ast *loop, int64_t *extents)
{
    if (names_own(p, KID(loop, For, domain))) return 0;
    Value domain = lower_tasks_domain(p->l, loop, p->l->group.size);
    if (domain.kind == VALUE_AUTO) {
        for (int d = 0; d < domain.count; d++)
            extents[d] = ir_is_const(domain.items[d].expr) ? domain.items[d].expr->value.i : -1;
        return domain.count;
    }
    if (domain.kind != VALUE_MAPPING) return 0;
    const Mapping *m = domain.mapping;
    int64_t tasks = 1;
    for (int d = 0; d < m->rank; d++) tasks *= extents[d] = m->shape[d];
    return m->workers * m->steps == tasks ? m->rank : 0;
}

/* Which of the loop's variables is this index; -1 for none. */
static int variable(const Ast *loop, const Ast *index)
{
    const Ast *vars = KID(loop, For, vars);
    for (uint32_t i = 0; i < vars->count; i++)
        if (index->kind == AST_Name && index->symbol && index->symbol == vars->kid[i]->symbol)
            return (int)i;
    return -1;
}

static bool assigns(const Ast *tree, const Symbol *symbol, const Ast *skip)
{
    if (!tree || tree == skip) return false;
    const Ast *to = tree->kind == AST_Assign ? KID(tree, Assign, target) : NULL;
    while (to && (to->kind == AST_Index || to->kind == AST_Member)) to = to->kid[0];
    if (to && to->symbol == symbol) return true;
    for (uint32_t i = 0; i < tree->count; i++)
        if (assigns(tree->kid[i], symbol, skip)) return true;
    return false;
}

bool pipeline_covers(Pipeline *p, const Move *m)
{
    const Ast *index = KID(KID(m->node, Assign, target), Index, args);
    int64_t extents[MAX_RANK];
    int rank = task_extents(p, m->loop, extents);
    bool seen[MAX_RANK] = {false};
    bool all = rank == m->whole->rank && (int)index->count == rank &&
               !assigns(p->node, m->symbol, m->loop);
    for (int d = 0; d < rank && all; d++) {
        int of = variable(m->loop, index->kid[d]);
        all = of >= 0 && !seen[of] && ir_is_int(m->whole->extents[d], extents[of]);
        if (all) seen[of] = true;
    }
    base_map_put(&p->l->kept, base_key(m->loop), all ? NULL : &p->l->kept);
    if (all || !m->whole->tensor->stages) return all;
    pipeline_report(p, m->node->span,
                    pipeline_about(p, m,
                                   "has the stages of another pipeline, and this loop does not "
                                   "copy to all of it"));
    lower_bind(p->l, m->symbol, value_poison());
    return false;
}
