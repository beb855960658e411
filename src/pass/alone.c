/* alone - what one iteration does for all is run once (CPU).
 *
 * Fission leaves loops over threads in which every thread does the same (all store the result that
 * they agree on), or in which one thread alone does something (`if thread == 0`). Both become the
 * body by itself, for that thread. */
#include "pass/internal.h"

typedef struct Body {
    IrStmt *loop;
    Map defined;  /* variables of the body, by id + 1 */
    bool *stored; /* tensors, by id */
} Body;

static bool is_plain(const IrStmt *s)
{
    return s->kind == IR_STMT_LET || s->kind == IR_STMT_SET || s->kind == IR_STMT_STORE ||
           s->kind == IR_STMT_FOR || s->kind == IR_STMT_IF;
}

static bool uses_counter(void *user, const IrExpr *e)
{
    const Body *b = user;
    return e->op == IR_VAR && e->var == b->loop->var;
}

static bool loads_stored(void *user, const IrExpr *e)
{
    const Body *b = user;
    return e->op == IR_LOAD && b->stored[e->tensor->id];
}

/* Notes what the body defines and stores; false if it holds more than plain statements. */
static bool look(IrKernel *k, Body *b, const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (!is_plain(s)) return false;
        if (s->var && s->kind != IR_STMT_SET)
            base_map_put(&b->defined, (uint64_t)s->var->id + 1, s->var);
        if (s->kind == IR_STMT_SET && !base_map_get(&b->defined, (uint64_t)s->var->id + 1))
            return false;
        if (s->tensor) b->stored[s->tensor->id] = true;
        if (!look(k, b, s->body) || !look(k, b, s->other)) return false;
    }
    return true;
}

/* Does each iteration do the same, whether or not another has done it before? */
static bool all_alike(IrKernel *k, IrStmt *loop)
{
    Body b = {loop, base_map(k->arena), NEW_ARRAY(k->arena, bool, k->tensors.len + 1)};
    return look(k, &b, loop->body) && !pass_any_below(loop->body, uses_counter, &b) &&
           !pass_any_below(loop->body, loads_stored, &b);
}

/* `var == constant` among the conditions that must all hold. */
static bool only_at(const IrExpr *cond, const IrVar *var, int64_t *at)
{
    if (cond->op == IR_AND)
        return only_at(cond->args[0], var, at) || only_at(cond->args[1], var, at);
    if (cond->op != IR_EQ) return false;
    for (int i = 0; i < 2; i++) {
        const IrExpr *a = cond->args[i], *c = cond->args[1 - i];
        if (a->op != IR_VAR || a->var != var || !ir_is_const(c)) continue;
        *at = c->value.i;
        return true;
    }
    return false;
}

static bool has_jump(const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_BREAK || s->kind == IR_STMT_CONTINUE) return true;
        if (has_jump(s->body) || has_jump(s->other)) return true;
    }
    return false;
}

/* Values, then one branch for a single value of the counter. */
static bool one_alone(const IrStmt *loop, int64_t *at)
{
    const IrBlock *body = loop->body;
    if (body->stmts.len == 0 || has_jump(body)) return false;
    for (size_t i = 0; i + 1 < body->stmts.len; i++) {
        const IrStmt *s = body->stmts.data[i];
        if (s->kind != IR_STMT_LET || s->var->mutable) return false;
    }
    const IrStmt *last = VEC_LAST(body->stmts);
    bool branch = last->kind == IR_STMT_IF && (!last->other || last->other->stmts.len == 0);
    return branch && only_at(last->args[0], loop->var, at);
}

static bool try_loop(void *user, IrStmt *s, IrBlock *to);

/* The body for one value of the counter, in place of the loop. */
static void run_at(IrKernel *k, IrStmt *loop, int64_t at, IrBlock *to)
{
    PassClone c = pass_clone_begin(k);
    pass_clone_bind(&c, loop->var, ir_index(k, at));
    IrBlock *copy = ir_new_block(k);
    pass_clone_into(&c, copy, loop->body);
    pass_replace_stmts(k, copy, try_loop, k);
    for (size_t i = 0; i < copy->stmts.len; i++) {
        IrStmt *s = copy->stmts.data[i];
        bool decided = s->kind == IR_STMT_IF && ir_is_const(s->args[0]) && s->args[0]->value.i;
        if (decided)
            ir_splice(k, to, s->body);
        else
            VEC_PUSH(k->arena, to->stmts, s);
    }
}

static bool try_loop(void *user, IrStmt *s, IrBlock *to)
{
    IrKernel *k = user;
    int64_t lo, step, trip, at;
    if (s->kind != IR_STMT_FOR || s->var->type.elem != ELEM_INDEX) return false;
    if (!pass_const_loop(s, &lo, &step, &trip) || trip < 1) return false;
    if (trip == 1 && !(s->flags & IR_UNROLL) && !has_jump(s->body)) {
        run_at(k, s, lo, to);
        return true;
    }
    if (one_alone(s, &at)) {
        if (at < lo || at >= lo + trip * step || (at - lo) % step) return false;
        run_at(k, s, at, to);
        return true;
    }
    if (trip < 2 || !all_alike(k, s)) return false;
    run_at(k, s, lo, to);
    return true;
}

bool pass_alone(PassContext *ctx)
{
    if (ctx->k->waits) return true;
    if (!ctx->options->check) pass_replace_stmts(ctx->k, ctx->k->body, try_loop, ctx->k);
    return true;
}
