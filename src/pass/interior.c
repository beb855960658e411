/* interior - loops over threads that lie inside of a tensor run without guards (CPU).
 *
 * A condition `a < b` in such a loop, where b and all of a but counters of constant range stay the
 * same, holds throughout if it holds for the counters' worst values. The loop is put under that
 * test, taken once, with the conditions gone: the C compiler vectorises what is left with plain
 * loads. The loop as it was is for the edge. */
#include "pass/internal.h"

enum { MOST_STMTS = 40, MOST_CONDS = 4 }; /* of a loop that is doubled; of conditions tested */

typedef struct Interior {
    IrKernel *k;
    PassScope scope;
    Map defined; /* variables of the loop, by id + 1 */
    int count;
    const IrExpr *conds[MOST_CONDS], *tests[MOST_CONDS];
} Interior;

static int define(Interior *in, const IrStmt *s)
{
    int count = 1;
    if (s->var) base_map_put(&in->defined, (uint64_t)s->var->id + 1, s->var);
    for (size_t i = 0; s->body && i < s->body->stmts.len; i++)
        count += define(in, s->body->stmts.data[i]);
    for (size_t i = 0; s->other && i < s->other->stmts.len; i++)
        count += define(in, s->other->stmts.data[i]);
    return count;
}

static bool varies(void *user, const IrExpr *e)
{
    const Interior *in = user;
    if (e->op == IR_LOAD) return true;
    if (e->op != IR_VAR) return false;
    return e->var->mutable || base_map_get(&in->defined, (uint64_t)e->var->id + 1);
}

/* Adds the largest value of coef * counter; false if it is no counter of constant range. */
static bool add_worst(Interior *in, const PassTerm *term, int64_t *sum)
{
    const IrExpr *e = term->atom;
    PassCounter *c =
        e->op == IR_VAR ? base_map_get(&in->scope.counters, (uint64_t)e->var->id + 1) : NULL;
    int64_t worst;
    if (!c || c->trip < 1) return false;
    worst = term->coef > 0 ? c->lo + c->step * (c->trip - 1) : c->lo;
    return base_mul(worst, term->coef, &worst) && base_add(*sum, worst, sum);
}

/* What decides `e` for all iterations: NULL if nothing does, or no counter occurs. */
static const IrExpr *test_of(Interior *in, const IrExpr *e)
{
    IrKernel *k = in->k;
    if (e->op != IR_LT || e->args[0]->type.elem != ELEM_INDEX) return NULL;
    const IrExpr *a = pass_resolve(&in->scope, e->args[0]);
    PassAffine d = pass_affine(k, ir_binary(k, IR_SUB, a, pass_resolve(&in->scope, e->args[1])));
    PassAffine rest = {d.constant, 0, NEW_ARRAY(k->arena, PassTerm, (size_t)d.count + 1)};
    for (int i = 0; i < d.count; i++) {
        if (add_worst(in, &d.terms[i], &rest.constant)) continue;
        if (ir_any(d.terms[i].atom, varies, in)) return NULL;
        rest.terms[rest.count++] = d.terms[i];
    }
    if (rest.count == d.count) return NULL;
    const IrExpr *test = ir_binary(k, IR_LT, pass_affine_build(k, &rest), ir_index(k, 0));
    return ir_is_const(test) && !test->value.i ? NULL : test;
}

static bool find_cond(void *user, const IrExpr *e)
{
    Interior *in = user;
    if (in->count == MOST_CONDS) return true;
    for (int i = 0; i < in->count; i++)
        if (in->conds[i] == e) return false;
    const IrExpr *test = test_of(in, e);
    if (!test) return false;
    in->conds[in->count] = e;
    in->tests[in->count++] = test;
    return false;
}

static void find_conds(Interior *in, IrStmt *s)
{
    if (s->kind == IR_STMT_FOR) pass_scope_for(&in->scope, s);
    pass_any_operand(s, find_cond, in);
    if (s->kind == IR_STMT_LET) pass_scope_let(&in->scope, s);
    for (size_t i = 0; s->body && i < s->body->stmts.len; i++)
        find_conds(in, s->body->stmts.data[i]);
    for (size_t i = 0; s->other && i < s->other->stmts.len; i++)
        find_conds(in, s->other->stmts.data[i]);
}

static const IrExpr *hold(void *user, const IrExpr *e)
{
    const Interior *in = user;
    for (int i = 0; i < in->count; i++)
        if (in->conds[i] == e) return ir_bool(in->k, true);
    return NULL;
}

/* Stores whose guard became true. */
static void drop_guards(IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        const IrExpr *last = s->count ? s->args[s->count - 1] : NULL;
        if (s->kind == IR_STMT_STORE && (s->flags & IR_GUARDED) && ir_is_const(last) &&
            last->value.i) {
            s->flags &= (uint32_t)~IR_GUARDED;
            s->count--;
        }
        drop_guards(s->body);
        drop_guards(s->other);
    }
}

static bool try_loop(void *user, IrStmt *loop, IrBlock *to)
{
    IrKernel *k = user;
    Interior in = {.k = k, .scope = pass_scope_begin(k), .defined = base_map(k->arena)};
    if (loop->kind != IR_STMT_FOR || !(loop->flags & IR_THREADS)) return false;
    if (define(&in, loop) > MOST_STMTS) return false;
    find_conds(&in, loop);
    if (in.count == 0) return false;
    const IrExpr *test = ir_bool(k, true);
    for (int i = 0; i < in.count; i++)
        if (in.tests[i] != test) test = ir_binary(k, IR_AND, test, in.tests[i]);
    ir_set_origin(k, loop->origin);
    IrBlock *inside = to;
    if (!ir_is_const(test)) {
        IrStmt *branch = ir_if(k, to, test, true);
        PassClone c = pass_clone_begin(k);
        pass_clone_one(&c, branch->other, loop);
        inside = branch->body;
    }
    pass_map_block(k, loop->body, hold, &in);
    drop_guards(loop->body);
    VEC_PUSH(k->arena, inside->stmts, loop);
    return true;
}

bool pass_interior(PassContext *ctx)
{
    if (ctx->k->waits) return true;
    if (!ctx->options->check) pass_replace_stmts(ctx->k, ctx->k->body, try_loop, ctx->k);
    return true;
}
