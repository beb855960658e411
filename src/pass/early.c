/* early - loads from global memory move up over stores that do not concern them.
 *
 * After `copy(sa, …); copy(sb, …)` the loads for sb would wait until those for sa have arrived and
 * been stored. A statement that only loads from parameters which the kernel never writes, into
 * variables or a private array of its own, moves up in its block past stores, definitions and
 * unrolled loops of such, as long as they share nothing with it. Loads keep their order.
 *
 * A short loop that loads and stores each time round is unrolled, for the compiler to do the same
 * in it: what lies at odd addresses is copied so. Where indices are wide, registers are for those.
 * Loops in a row may have all their loads under way at once: one for whose loads the loop around
 * them leaves no registers is not unrolled, not by the target's compiler either.
 */
#include "pass/internal.h"

static bool is_other_memory(void *user, const IrExpr *e)
{
    (void)user;
    if (e->op == IR_VAR) return e->var->mutable;
    if (e->op != IR_LOAD) return false;
    bool constant =
        e->tensor->space == IR_TABLE || (e->tensor->space == IR_PARAM && !e->tensor->written);
    return !constant;
}

static bool is_global_load(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD && e->tensor->space == IR_PARAM;
}

static bool is_unrolled(const IrStmt *s)
{
    return s->kind == IR_STMT_FOR && s->flags & IR_UNROLL;
}

/* Reads nothing but constants of the kernel, writes nothing but variables and private arrays, which
 * may hold parts of vectors just loaded. */
static bool only_loads(IrStmt *s, bool *loads)
{
    if (pass_any_operand(s, is_other_memory, NULL)) return false;
    *loads = *loads || pass_any_operand(s, is_global_load, NULL);
    if (s->kind == IR_STMT_LET) return !s->var->mutable;
    if (s->kind == IR_STMT_STORE) return s->tensor->space == IR_PRIVATE;
    if (!is_unrolled(s)) return false;
    for (size_t i = 0; i < s->body->stmts.len; i++)
        if (!only_loads(s->body->stmts.data[i], loads)) return false;
    return true;
}

static bool is_passive(IrStmt *s)
{
    if (s->kind == IR_STMT_LET || s->kind == IR_STMT_STORE) return true;
    if (!is_unrolled(s)) return false;
    for (size_t i = 0; i < s->body->stmts.len; i++)
        if (!is_passive(s->body->stmts.data[i])) return false;
    return true;
}

/* ---- what two statements share --------------------------------------------------------------- */
static bool names_tensor(void *user, const IrExpr *e)
{
    return e->op == IR_LOAD && e->tensor == user;
}

static bool touches(IrStmt *s, IrTensor *t)
{
    if (s->kind == IR_STMT_STORE && s->tensor == t) return true;
    if (pass_any_operand(s, names_tensor, t)) return true;
    for (size_t i = 0; s->body && i < s->body->stmts.len; i++)
        if (touches(s->body->stmts.data[i], t)) return true;
    return false;
}

static bool names_var(void *user, const IrExpr *e)
{
    return e->op == IR_VAR && e->var == user;
}

static bool uses(IrStmt *s, IrVar *var)
{
    if (pass_any_operand(s, names_var, var)) return true;
    return s->body && pass_any_below(s->body, names_var, var);
}

/* Does `later` need a variable of `earlier`, or write an array that it touches? */
static bool depends(IrKernel *k, IrStmt *later, IrStmt *earlier)
{
    if (earlier->kind == IR_STMT_LET && uses(later, earlier->var)) return true;
    if (later->kind == IR_STMT_STORE) return touches(earlier, k->tensors.data[later->tensor->id]);
    for (size_t i = 0; later->body && i < later->body->stmts.len; i++)
        if (depends(k, later->body->stmts.data[i], earlier)) return true;
    return false;
}

/* ---- moving ---------------------------------------------------------------------------------- */
/* Moves the statement at `at` up; `floor` is where loads that came before end. Returns its place.
 */
static size_t move_up(IrKernel *k, IrBlock *block, size_t at, size_t floor)
{
    IrStmt *s = block->stmts.data[at];
    while (at > floor) {
        IrStmt *above = block->stmts.data[at - 1];
        if (!is_passive(above) || depends(k, s, above)) break;
        block->stmts.data[at] = above;
        block->stmts.data[--at] = s;
    }
    return at;
}

/* ---- loops that copy ------------------------------------------------------------------------- */
enum { MOST_LOADS = 64 }; /* at a time: a quarter of the registers there may be */

/* The elements from global memory that a round of it stores in shared memory. */
static int64_t loads_of(const IrStmt *loop)
{
    int64_t count = 0;
    bool stores = false;
    for (size_t i = 0; i < loop->body->stmts.len; i++) {
        IrStmt *s = loop->body->stmts.data[i];
        bool store =
            s->kind == IR_STMT_STORE && s->tensor->space == IR_SHARED && !ir_async_bytes(s);
        if (!store && s->kind != IR_STMT_LET) return 0;
        if (pass_any_operand(s, is_global_load, NULL))
            count += store ? pass_store_value(s)->type.lanes : s->var->type.lanes;
        stores |= store;
    }
    return stores ? count : 0;
}

/* `left`: registers for the loads of loops in a row; -1: not looked at yet. */
static void unroll_copy(const PassContext *ctx, IrStmt *s, const IrStmt *around, int64_t *left)
{
    int64_t lo, step, trip;
    if (s->kind != IR_STMT_FOR || !pass_const_loop(s, &lo, &step, &trip)) return;
    int64_t loads = loads_of(s);
    if (!loads) return;
    if (*left < 0) *left = pass_registers_in(ctx, around ? around : s);
    if (*left < 0) *left = 0;
    if (loads * trip > *left) {
        if (!(s->flags & IR_UNROLL)) s->flags |= IR_ROLL;
        return;
    }
    *left -= loads * trip;
    if (ctx->options->index_bits == 32 && loads * trip <= MOST_LOADS) s->flags |= IR_UNROLL;
}

/* `around`: the innermost loop that the block is in; NULL. */
static void walk(const PassContext *ctx, IrBlock *block, const IrStmt *around)
{
    IrKernel *k = ctx->k;
    size_t floor = 0;
    int64_t left = -1;
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        bool loads = false;
        const IrStmt *inner = s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE ? s : around;
        unroll_copy(ctx, s, around, &left);
        walk(ctx, s->body, inner);
        walk(ctx, s->other, inner);
        if (only_loads(s, &loads) && (loads || s->kind != IR_STMT_LET))
            floor = move_up(k, block, i, floor) + 1;
    }
}

bool pass_early(PassContext *ctx)
{
    walk(ctx, ctx->k->body, NULL);
    return true;
}
