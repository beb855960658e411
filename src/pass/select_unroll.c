/* Loops marked `unroll` around instructions: their counters may choose registers (the slots of a
 * double-buffered fragment), which have no addresses, so they become constants before selection. */
#include "pass/select.h"

enum { MOST_ROUNDS = 64 };

typedef struct Look {
    bool instructions, leaves;
} Look;

static bool look(void *user, IrStmt *s)
{
    Look *l = user;
    l->instructions |= s->kind == IR_STMT_TASKS && s->flags & (IR_MMA | IR_FORCED);
    l->leaves |= s->kind == IR_STMT_BREAK || s->kind == IR_STMT_CONTINUE;
    return true;
}

static bool is_wanted(const IrStmt *s)
{
    int64_t lo, step, trip;
    Look l = {0};
    if (s->kind != IR_STMT_FOR || !(s->flags & IR_UNROLL)) return false;
    if (!pass_const_loop(s, &lo, &step, &trip) || trip > MOST_ROUNDS) return false;
    ir_walk(s->body, look, &l);
    return l.instructions && !l.leaves;
}

void select_unroll(IrKernel *k, IrBlock *block)
{
    if (!block) return;
    IrBlock old = *block;
    memset(&block->stmts, 0, sizeof block->stmts);
    for (size_t i = 0; i < old.stmts.len; i++) {
        IrStmt *s = old.stmts.data[i];
        int64_t lo, step, trip;
        select_unroll(k, s->body);
        select_unroll(k, s->other);
        if (!is_wanted(s)) {
            VEC_PUSH(k->arena, block->stmts, s);
            continue;
        }
        pass_const_loop(s, &lo, &step, &trip);
        for (int64_t round = 0; round < trip; round++) {
            PassClone c = pass_clone_begin(k);
            pass_clone_bind(&c, s->var, ir_index(k, lo + round * step));
            pass_clone_into(&c, block, s->body);
        }
    }
}
