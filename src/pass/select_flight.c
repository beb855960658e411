/* Products of warpgroups that go on after the round of a pipeline that began them.
 *
 * A round waits for the product of the last round, once its own has begun. That is right where the
 * stages that a product reads are filled again only when all have waited for it, and nothing else
 * in the loop comes to its sums or factors; both are looked for here. After the loop the last one
 * is waited for. */
#include "pass/select.h"

enum { MOST_UNDER_WAY = 1, LEAST_STAGES = MOST_UNDER_WAY + 2 };

static bool touch_load(void *user, const IrExpr *e)
{
    SelectFlight *f = user;
    if (e->op == IR_LOAD) base_map_put(&f->touched, base_key(e->tensor), f);
    return false;
}

static bool touch(void *user, IrStmt *s)
{
    SelectFlight *f = user;
    if (s == f->product) return false;
    if (s->kind == IR_STMT_TASKS && s->flags & IR_MMA) f->product = NULL;
    if (s->kind == IR_STMT_ORDER) f->product = NULL;
    if (s->kind == IR_STMT_BULK) {
        base_map_put(&f->filled, base_key(s->args[2 * s->tensor->rank]->tensor), f);
        return true;
    }
    if (s->tensor) base_map_put(&f->touched, base_key(s->tensor), f);
    pass_any_operand(s, touch_load, f);
    return true;
}

SelectFlight select_flight(Select *s, const IrStmt *loop)
{
    Arena *arena = s->k->arena;
    SelectFlight f = {.touched = base_map(arena), .filled = base_map(arena)};
    const IrBlock *body = loop->body;
    if (loop->kind != IR_STMT_FOR || !(loop->flags & IR_SPARE)) return f;
    for (size_t i = 0; i < body->stmts.len; i++) {
        const IrStmt *stmt = body->stmts.data[i];
        if (stmt->kind == IR_STMT_TASKS && stmt->flags & IR_MMA) f.product = stmt;
    }
    if (f.product) ir_walk(loop->body, touch, &f);
    f.loop = loop;
    return f;
}

static bool is_left_alone(const SelectFlight *f, const IrTensor *t)
{
    bool filled = base_map_get(&f->filled, base_key(t)) != NULL;
    return !base_map_get(&f->touched, base_key(t)) && (!filled || t->stages >= LEAST_STAGES);
}

bool select_may_fly(Select *s, const IrStmt *tasks, const IrTensor *sums, const IrTensor *a,
                    const IrTensor *b)
{
    SelectFlight *f = &s->flight;
    if (!f->loop || f->product != tasks) return false;
    f->taken = is_left_alone(f, sums) && is_left_alone(f, a) && is_left_alone(f, b);
    return f->taken;
}
