/* bounds - under --check, a trap before every access whose indices are not known to be inside.
 *
 * For CUDA: the CPU's checks know shadow memory too and are made where its code is written. A load
 * in an operand that may not be evaluated (a branch of a select, the second side of a logical
 * operator, the other value of a guarded load) is checked under the condition that it is. Loads in
 * the condition of a `while` are checked before the loop only. What instructions read by rows was
 * checked where they were chosen (select_load.c). */
#include "pass/internal.h"

typedef struct Bounds {
    IrKernel *k;
    IrBlock *out; /* where traps go */
    uint32_t origin;
} Bounds;

static const IrExpr *both(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    return a ? ir_binary(k, IR_AND, a, b) : b;
}

void pass_trap_outside(IrKernel *k, IrBlock *to, uint32_t origin, const IrTensor *t, int d,
                       const IrExpr *const *indices, const IrExpr *path)
{
    const IrExpr *extent = t->extents[d], *index = indices[d], *block = indices[0];
    const IrExpr *inside =
        both(k, ir_binary(k, IR_GE, index, ir_index(k, 0)), ir_binary(k, IR_LT, index, extent));
    if (path) inside = ir_binary(k, IR_OR, ir_unary(k, IR_NOT, path), inside);
    if (ir_is_int(inside, 1) || (ir_is_const(inside) && inside->value.i)) return;
    ir_set_origin(k, origin);
    IrStmt *s = ir_append(k, to, IR_STMT_TRAP);
    const IrExpr *args[] = {inside, index, extent, ir_tid(k), block};
    s->count = t->of ? 5 : 4;
    s->args = base_copy(k->arena, args, sizeof args);
    s->text = ir_bounds_text(k, t, d);
}

static void access(Bounds *b, const IrTensor *t, uint32_t flags, const IrExpr *const *index,
                   const IrExpr *path)
{
    if (t->space == IR_TILE || (flags & (IR_LINEAR | IR_PROVED))) return;
    for (int d = 0; d < t->rank; d++) pass_trap_outside(b->k, b->out, b->origin, t, d, index, path);
}

static void expr(Bounds *b, const IrExpr *e, const IrExpr *path)
{
    IrKernel *k = b->k;
    if (e->op == IR_LOAD) {
        int n = pass_load_indices(e);
        for (int i = 0; i < n; i++) expr(b, e->args[i], path);
        if (!(e->flags & IR_GUARDED)) {
            access(b, e->tensor, e->flags, e->args, path);
            return;
        }
        expr(b, e->args[n], path);
        access(b, e->tensor, e->flags, e->args, both(k, path, e->args[n]));
        expr(b, e->args[n + 1], both(k, path, ir_unary(k, IR_NOT, e->args[n])));
        return;
    }
    bool lazy =
        (e->op == IR_AND || e->op == IR_OR || e->op == IR_SELECT) && e->args[0]->type.lanes == 1;
    for (uint32_t i = 0; i < e->count; i++) {
        const IrExpr *when = path, *first = e->args[0];
        bool if_false = e->op == IR_OR || (e->op == IR_SELECT && i == 2);
        if (lazy && i) when = both(k, path, if_false ? ir_unary(k, IR_NOT, first) : first);
        expr(b, e->args[i], when);
    }
}

static void walk(IrKernel *k, IrBlock *block)
{
    IrBlock *out = ir_new_block(k);
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        Bounds b = {k, out, s->origin};
        for (int j = 0; j < s->count; j++) expr(&b, s->args[j], NULL);
        bool writes =
            s->kind == IR_STMT_STORE || s->kind == IR_STMT_ATOMIC || s->kind == IR_STMT_MBARRIER;
        const IrExpr *guard = s->flags & IR_GUARDED ? s->args[s->count - 1] : NULL;
        if (writes) access(&b, s->tensor, s->flags, s->args, guard);
        walk(k, s->body);
        walk(k, s->other);
        VEC_PUSH(k->arena, out->stmts, s);
    }
    if (block) *block = *out;
}

bool pass_bounds(PassContext *ctx)
{
    if (ctx->options->check) walk(ctx->k, ctx->k->body);
    return true;
}
