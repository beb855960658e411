/* whole - a kernel whose rows may be cut short has a version for rows that are not (CPU).
 *
 * A tile of constant width over a tensor of any width leaves loops up to `min(size, width)`, and
 * others from there on for what lies outside. Where such a remainder stands among the kernel's own
 * statements, they are all put under a test, taken once a block, that nothing remains: with the
 * bounds constant and the remainders gone. The kernel as it was is for the edge. */
#include "pass/internal.h"

enum { MOST_STMTS = 400, MOST_CUTS = 4 };

typedef struct Whole {
    IrKernel *k;
    int count;
    const IrExpr *cuts[MOST_CUTS]; /* min(a, constant) */
} Whole;

static bool is_local(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_VAR || e->op == IR_LOAD || e->op == IR_TID;
}

static const IrExpr *width_of(const IrExpr *cut)
{
    return cut->args[ir_is_const(cut->args[0]) ? 0 : 1];
}

static const IrExpr *extent_of(const IrExpr *cut)
{
    return cut->args[ir_is_const(cut->args[0]) ? 1 : 0];
}

static void note_cut(Whole *w, const IrExpr *e)
{
    if (e->op != IR_MIN || e->type.elem != ELEM_INDEX) return;
    if (!ir_is_const(width_of(e)) || ir_any(e, is_local, NULL)) return;
    for (int i = 0; i < w->count; i++)
        if (w->cuts[i] == e) return;
    if (w->count < MOST_CUTS) w->cuts[w->count++] = e;
}

static bool count_stmt(void *user, IrStmt *s)
{
    (void)s;
    int *count = user;
    return ++*count <= MOST_STMTS;
}

static const IrExpr *uncut(void *user, const IrExpr *e)
{
    const Whole *w = user;
    for (int i = 0; i < w->count; i++)
        if (w->cuts[i] == e) return width_of(e);
    return NULL;
}

static bool try_empty(void *user, IrStmt *s, IrBlock *to)
{
    int64_t lo, step, trip;
    (void)user, (void)to;
    return s->kind == IR_STMT_FOR && pass_const_loop(s, &lo, &step, &trip) && trip == 0;
}

static void make_versions(Whole *w)
{
    IrKernel *k = w->k;
    IrBlock *old = k->body;
    const IrExpr *test = ir_bool(k, true);
    for (int i = 0; i < w->count; i++) {
        const IrExpr *full = ir_binary(k, IR_LE, width_of(w->cuts[i]), extent_of(w->cuts[i]));
        test = ir_binary(k, IR_AND, test, full);
    }
    k->body = ir_new_block(k);
    ir_set_origin(k, old->stmts.data[0]->origin);
    IrStmt *branch = ir_if(k, k->body, test, true);
    PassClone c = pass_clone_begin(k);
    pass_clone_into(&c, branch->body, old);
    branch->other->stmts = old->stmts;
    pass_map_block(k, branch->body, uncut, w);
    pass_replace_stmts(k, branch->body, try_empty, NULL);
}

bool pass_whole(PassContext *ctx)
{
    IrKernel *k = ctx->k;
    Whole w = {.k = k};
    int count = 0;
    if (ctx->options->check || k->resident) return true;
    for (size_t i = 0; i < k->body->stmts.len; i++) {
        const IrStmt *s = k->body->stmts.data[i];
        if (s->kind == IR_STMT_FOR) note_cut(&w, s->args[0]);
    }
    if (w.count > 0 && ir_walk(k->body, count_stmt, &count)) make_versions(&w);
    return true;
}
