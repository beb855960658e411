/* edges - loops that read up to the end of a vector are split in two: inside, without guards, where
 * accesses can be wide, and at the edge, as they were.
 *
 * A guarded access can be as wide as a vector only if the guard decides all of it alike. The length
 * of a tensor of one dimension need not be a multiple of anything, so it does not; but where the
 * last of all iterations passes, all do. A nest of short loops of constant range over straight-line
 * code is put twice, if some access of it would otherwise lie ready to be made wide. */
#include "pass/internal.h"

enum { MOST_LOOPS = 6, MOST_STEPS = 64 };

typedef struct Nest {
    IrKernel *k;
    const PassFacts *facts;
    int count;
    IrStmt *loops[MOST_LOOPS]; /* outermost first */
    int64_t trips[MOST_LOOPS];
    IrBlock *body;
    const IrExpr *inside; /* what makes all guards true; NULL: nothing yet */
    bool pays, fails;
} Nest;

/* ---- nests ----------------------------------------------------------------------------------- */
static bool find_nest(Nest *n, IrStmt *loop)
{
    int64_t lo, step, steps = 1;
    for (n->count = 0; n->count < MOST_LOOPS;) {
        int64_t *trip = &n->trips[n->count];
        if (!pass_const_loop(loop, &lo, &step, trip) || lo != 0 || step != 1) return false;
        steps *= *trip;
        if (*trip < 1 || steps > MOST_STEPS) return false;
        n->loops[n->count++] = loop;
        n->body = loop->body;
        bool single = n->body->stmts.len == 1 && n->body->stmts.data[0]->kind == IR_STMT_FOR;
        if (!single) return pass_is_straight(n->body);
        loop = n->body->stmts.data[0];
    }
    return false;
}

static bool counts(const Nest *n, const IrExpr *e)
{
    for (int i = 0; i < n->count; i++)
        if (pass_uses_var(e, n->loops[i]->var)) return true;
    return false;
}

/* ---- guards ---------------------------------------------------------------------------------- */
static bool is_momentary(void *user, const IrExpr *e)
{
    const Nest *n = user;
    if (e->op == IR_LOAD) return e->tensor->space != IR_PARAM || e->tensor->written;
    if (e->op != IR_VAR) return false;
    for (size_t i = 0; i < n->body->stmts.len; i++)
        if (n->body->stmts.data[i]->var == e->var) return true;
    return false;
}

/* A comparison at the iteration that is least likely to satisfy it; NULL if none is known. */
static const IrExpr *worst(Nest *n, const IrExpr *e)
{
    bool below = e->op == IR_LT || e->op == IR_LE;
    if ((!below && e->op != IR_GT && e->op != IR_GE) || e->args[0]->type.elem != ELEM_INDEX)
        return NULL;
    PassAffine a = pass_affine(n->k, ir_binary(n->k, IR_SUB, e->args[0], e->args[1]));
    PassClone c = pass_clone_begin(n->k);
    for (int i = 0; i < n->count; i++) {
        const IrVar *var = n->loops[i]->var;
        bool most = (pass_affine_coef(&a, ir_var(n->k, n->loops[i]->var)) > 0) == below;
        for (int j = 0; j < a.count; j++) {
            const IrExpr *atom = a.terms[j].atom;
            if (atom->op != IR_VAR && pass_uses_var(atom, var)) return NULL;
        }
        pass_clone_bind(&c, var, ir_index(n->k, most ? n->trips[i] - 1 : 0));
    }
    return pass_clone_expr(&c, e);
}

static const IrExpr *always(Nest *n, const IrExpr *e)
{
    if (!counts(n, e)) return e;
    if (e->op != IR_AND) return worst(n, e);
    const IrExpr *a = always(n, e->args[0]), *b = a ? always(n, e->args[1]) : NULL;
    return b ? ir_binary(n->k, IR_AND, a, b) : NULL;
}

/* Does some comparison in the guard leave open whether neighbours of an aligned pair pass both? */
static bool undecided(Nest *n, const IrExpr *e)
{
    if (e->op == IR_AND) return undecided(n, e->args[0]) || undecided(n, e->args[1]);
    const IrStmt *inner = n->loops[n->count - 1];
    if (!pass_uses_var(e, inner->var) || e->count != 2) return false;
    const IrExpr *rest = ir_binary(n->k, IR_SUB, e->args[0], e->args[1]);
    PassAffine a = pass_affine(n->k, rest);
    for (int i = 0; i < a.count; i++)
        if (a.terms[i].atom->op == IR_VAR && a.terms[i].atom->var == inner->var)
            a.terms[i].coef = 0;
    a.constant = 0;
    return pass_multiple(n->facts, pass_affine_build(n->k, &a)) % 4 != 0;
}

/* Could the access be wide but for its guard? */
static bool aligned(Nest *n, const IrTensor *t, const IrExpr *offset)
{
    const IrVar *var = n->loops[n->count - 1]->var;
    PassAffine a = pass_affine(n->k, offset);
    bool next = false;
    for (int i = 0; i < a.count; i++) {
        if (a.terms[i].atom->op != IR_VAR || a.terms[i].atom->var != var) continue;
        next = a.terms[i].coef == 1;
        a.terms[i].coef = 0;
    }
    int64_t width = pass_base_multiple(n->facts, t), trip = n->trips[n->count - 1];
    if (width > trip) width = trip;
    return next && width > 1 && pass_multiple(n->facts, pass_affine_build(n->k, &a)) % width == 0;
}

static void add_guard(Nest *n, const IrTensor *t, const IrExpr *offset, const IrExpr *guard)
{
    if (!counts(n, guard)) return;
    const IrExpr *all = ir_any(guard, is_momentary, n) ? NULL : always(n, guard);
    if (!all) {
        n->fails = true;
        return;
    }
    n->inside = n->inside ? ir_binary(n->k, IR_AND, n->inside, all) : all;
    n->pays |= t->space == IR_PARAM && undecided(n, guard) && aligned(n, t, offset);
}

static bool find_guards(void *user, const IrExpr *e)
{
    Nest *n = user;
    if (e->op == IR_LOAD && e->flags & IR_GUARDED && e->flags & IR_LINEAR)
        add_guard(n, e->tensor, e->args[0], e->args[1]);
    return false;
}

/* ---- the inside ------------------------------------------------------------------------------ */
static const IrExpr *without_guard(void *user, const IrExpr *e)
{
    const Nest *n = user;
    bool drop =
        e->op == IR_LOAD && e->flags & IR_GUARDED && e->flags & IR_LINEAR && counts(n, e->args[1]);
    if (!drop) return NULL;
    return ir_load_with(n->k, e->tensor, e->type.lanes, e->flags & ~(uint32_t)IR_GUARDED, e->args,
                        NULL, NULL);
}

static void drop_guards(Nest *n)
{
    for (size_t i = 0; i < n->body->stmts.len; i++) {
        IrStmt *s = n->body->stmts.data[i];
        pass_map_stmt(n->k, s, without_guard, n);
        if (s->kind != IR_STMT_STORE || !(s->flags & IR_GUARDED) || !counts(n, s->args[2]))
            continue;
        s->flags &= (uint32_t)~IR_GUARDED;
        s->count--;
    }
}

static bool split(void *user, IrStmt *loop, IrBlock *to)
{
    const PassFacts *facts = user;
    IrKernel *k = facts->k;
    Nest n = {.k = k, .facts = facts};
    if (loop->kind != IR_STMT_FOR || !find_nest(&n, loop)) return false;
    for (size_t i = 0; i < n.body->stmts.len; i++) {
        const IrStmt *s = n.body->stmts.data[i];
        pass_any_operand(s, find_guards, &n);
        if (s->kind == IR_STMT_STORE && s->flags & IR_GUARDED && s->flags & IR_LINEAR)
            add_guard(&n, s->tensor, s->args[0], s->args[2]);
    }
    if (n.fails || !n.pays) return false;
    ir_set_origin(k, loop->origin);
    IrStmt *branch = ir_if(k, to, n.inside, true);
    PassClone c = pass_clone_begin(k);
    pass_clone_one(&c, branch->other, loop);
    VEC_PUSH(k->arena, branch->body->stmts, loop);
    drop_guards(&n);
    return true;
}

bool pass_edges(PassContext *ctx)
{
    PassFacts facts = pass_facts(ctx->k, ctx->options);
    pass_replace_stmts(ctx->k, ctx->k->body, split, &facts);
    return true;
}
