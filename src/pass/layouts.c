/* layouts - indices become linear element offsets.
 *
 * First the values of immutable integer variables are written out where they are used (their names
 * are remembered for `hoist`, which names common parts again), so that offsets are sums over
 * thread, block, counters and sizes. Then every access to a parameter, a shared tensor, a private
 * array or a table gets one linear offset under its layout. Short loops whose counters index
 * private arrays are to be unrolled, so that the arrays are registers.
 */
#include "pass/internal.h"

typedef struct Layouts {
    PassContext *ctx;
    PassScope scope;
} Layouts;

static bool written_out(Layouts *l, const IrStmt *s)
{
    if (s->kind != IR_STMT_LET || s->var->mutable) return false;
    return base_map_get(&l->scope.values, (uint64_t)s->var->id + 1) != NULL;
}

static void remember_name(Layouts *l, const IrStmt *let)
{
    uint64_t key = (uint64_t)let->args[0]->id + 1;
    if (!base_map_get(&l->ctx->names, key))
        base_map_put(&l->ctx->names, key, (void *)(uintptr_t)let->var->name);
}

static void inline_lets(Layouts *l, IrBlock *to, IrBlock *block);

static void inline_body(Layouts *l, IrBlock *block)
{
    if (!block) return;
    IrBlock old = pass_take(block);
    inline_lets(l, block, &old);
}

/* if a { if b { … } } is if a && b { … }. */
static void merge_conditions(Layouts *l, IrStmt *s)
{
    if (s->kind != IR_STMT_IF || s->other || s->body->stmts.len != 1) return;
    IrStmt *inner = s->body->stmts.data[0];
    if (inner->kind != IR_STMT_IF || inner->other) return;
    ir_set_origin(l->ctx->k, s->origin);
    s->args[0] = ir_binary(l->ctx->k, IR_AND, s->args[0], inner->args[0]);
    s->body = inner->body;
}

/* Statements of `block` to the end of `to`, without those whose conditions are decided. */
static void inline_lets(Layouts *l, IrBlock *to, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        int64_t lo, step, trip;
        for (int j = 0; j < s->count; j++) s->args[j] = pass_resolve(&l->scope, s->args[j]);
        if (s->kind == IR_STMT_LET) pass_scope_let(&l->scope, s);
        if (written_out(l, s)) {
            remember_name(l, s);
            continue;
        }
        if (s->kind == IR_STMT_IF && ir_is_const(s->args[0])) {
            inline_lets(l, to, s->args[0]->value.i ? s->body : s->other);
            continue;
        }
        if (s->kind == IR_STMT_FOR && pass_const_loop(s, &lo, &step, &trip) && trip == 0) continue;
        inline_body(l, s->body);
        inline_body(l, s->other);
        merge_conditions(l, s);
        VEC_PUSH(l->ctx->k->arena, to->stmts, s);
    }
}

static bool wants_offset(const IrTensor *t, uint32_t flags)
{
    return !(flags & IR_LINEAR) && t->space != IR_TILE;
}

static const IrExpr *linear_load(void *user, const IrExpr *e)
{
    IrKernel *k = user;
    if (e->op != IR_LOAD || !wants_offset(e->tensor, e->flags)) return NULL;
    int n = pass_load_indices(e);
    bool guarded = e->flags & IR_GUARDED;
    const IrExpr *offset = ir_offset(k, e->tensor, e->args);
    return ir_load_with(k, e->tensor, e->type.lanes, e->flags | IR_LINEAR, &offset,
                        guarded ? e->args[n] : NULL, guarded ? e->args[n + 1] : NULL);
}

static bool linear_stmt(void *user, IrStmt *s)
{
    IrKernel *k = user;
    pass_map_stmt(k, s, linear_load, k);
    bool access =
        s->kind == IR_STMT_STORE || s->kind == IR_STMT_ATOMIC || s->kind == IR_STMT_MBARRIER;
    if (access && wants_offset(s->tensor, s->flags))
        pass_store_linear(k, s, ir_offset(k, s->tensor, s->args));
    return true;
}

/* ---- private arrays -------------------------------------------------------------------------- */
enum { UNROLL_PRIVATE = 64 };

/* Does an offset into a private array name the variable? Then it is better a constant. */
static bool chooses_private(void *user, const IrExpr *e)
{
    const IrVar *var = user;
    return e->op == IR_LOAD && e->tensor->space == IR_PRIVATE && pass_uses_var(e->args[0], var);
}

static bool indexes_private(IrBlock *block, IrVar *var)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        bool store = s->kind == IR_STMT_STORE && s->tensor->space == IR_PRIVATE;
        if (store && pass_uses_var(s->args[0], var)) return true;
        if (pass_any_operand(s, chooses_private, var)) return true;
        if (indexes_private(s->body, var) || indexes_private(s->other, var)) return true;
    }
    return false;
}

static bool unroll_private(void *user, IrStmt *s)
{
    int64_t lo, step, trip;
    (void)user;
    bool small =
        s->kind == IR_STMT_FOR && pass_const_loop(s, &lo, &step, &trip) && trip <= UNROLL_PRIVATE;
    if (small && indexes_private(s->body, s->var)) s->flags |= IR_UNROLL;
    return true;
}

bool pass_layouts(PassContext *ctx)
{
    Layouts l = {ctx, pass_scope_begin(ctx->k)};
    inline_body(&l, ctx->k->body);
    ir_walk(ctx->k->body, linear_stmt, ctx->k);
    ir_walk(ctx->k->body, unroll_private, NULL);
    return true;
}
