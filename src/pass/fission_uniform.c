/* What a block does as one: values that all its threads share are computed once, and a loop over
 * memory that neighbouring threads walk side by side is run for all of them together, so that the
 * loop over the threads is innermost and vectorises. Also the bounds that such loops can have
 * instead of a condition. */
#include "pass/fission.h"

enum { MAX_STRIDE = 4, MIN_BLOCK = 8, STRIDED_LOOPS = 256 };

/* ---- values of LETs -------------------------------------------------------------------------- */

static bool impure(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD || (e->op == IR_VAR && e->var->mutable);
}

static bool note_let(void *user, IrStmt *s)
{
    Fission *f = user;
    if (s->kind == IR_STMT_LET && !s->var->mutable && s->var->type.elem == ELEM_INDEX &&
        !ir_any(s->args[0], impure, NULL))
        base_map_put(&f->lets, (uint64_t)s->var->id + 1, (void *)(uintptr_t)s->args[0]);
    return true;
}

static const IrExpr *let_value(void *user, const IrExpr *e)
{
    Fission *f = user;
    const IrExpr *value = e->op == IR_VAR ? base_map_get(&f->lets, (uint64_t)e->var->id + 1) : NULL;
    return value ? ir_rewrite(f->k, value, let_value, f) : NULL;
}

static const IrExpr *resolved(Fission *f, const IrExpr *e)
{
    return ir_rewrite(f->k, e, let_value, f);
}

/* ---- loops to run together ------------------------------------------------------------------- */

typedef struct Strides {
    Fission *f;
    int good, bad;
} Strides;

static bool is_tid(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_TID;
}

static void judge(Strides *s, const IrTensor *t, uint32_t flags, const IrExpr *const *index)
{
    IrKernel *k = s->f->k;
    if (t->space != IR_PARAM && t->space != IR_SHARED) return;
    const IrExpr *offset = flags & IR_LINEAR ? index[0] : ir_offset(k, t, index);
    PassAffine a = pass_affine(k, resolved(s->f, offset));
    for (int i = 0; i < a.count; i++)
        if (a.terms[i].atom->op != IR_TID && ir_any(a.terms[i].atom, is_tid, NULL)) ++s->bad;
    int64_t coef = pass_affine_coef(&a, ir_tid(k));
    if (coef >= 1 && coef <= MAX_STRIDE)
        ++s->good;
    else if (coef != 0)
        ++s->bad;
}

static bool judge_load(void *user, const IrExpr *e)
{
    Strides *s = user;
    if (e->op == IR_LOAD) judge(s, e->tensor, e->flags, e->args);
    return false;
}

static bool judge_stmt(void *user, IrStmt *stmt)
{
    Strides *s = user;
    if (stmt->kind == IR_STMT_FOR && !ir_is_const(stmt->args[1])) ++s->bad;
    if (stmt->kind == IR_STMT_WHILE || stmt->kind == IR_STMT_BREAK || stmt->kind == IR_STMT_LEAVE ||
        stmt->kind == IR_STMT_CONTINUE || stmt->kind == IR_STMT_ROLE || stmt->kind == IR_STMT_AWAIT)
        ++s->bad;
    if (stmt->kind == IR_STMT_STORE) judge(s, stmt->tensor, stmt->flags, stmt->args);
    pass_any_operand(stmt, judge_load, s);
    return true;
}

bool fission_runs_together(Fission *f, const IrStmt *s)
{
    if (s->kind != IR_STMT_FOR || !(s->flags & IR_TOGETHER) || (s->flags & IR_UNROLL)) return false;
    if (!f->interchange || f->k->block_size < MIN_BLOCK || fission_level(f, s) > 1) return false;
    Strides strides = {f, 0, 0};
    IrBlock body = *s->body;
    ir_walk(&body, judge_stmt, &strides);
    return strides.good > 0 && strides.bad == 0;
}

/* ---- one thread's part -------------------------------------------------------------------------
 */

static bool count_use(void *user, const IrExpr *e)
{
    int *uses = user;
    if (e->op == IR_VAR) ++uses[e->var->id];
    return false;
}

static bool count_uses(void *user, IrStmt *s)
{
    pass_any_operand(s, count_use, user);
    if (s->kind == IR_STMT_SET) ++((int *)user)[s->var->id];
    return true;
}

static int *uses_in(Fission *f, IrBlock *block)
{
    int *uses = NEW_ARRAY(f->k->arena, int, f->k->vars.len + 1);
    ir_walk(block, count_uses, uses);
    return uses;
}

/* ---- what is computed once ------------------------------------------------------------------- */

static bool varies(void *user, const IrExpr *e)
{
    const Fission *f = user;
    if (e->op == IR_TID) return true;
    if (e->op == IR_LOAD) return e->tensor->space == IR_TILE || e->tensor->space == IR_PRIVATE;
    return e->op == IR_VAR && (e->var->id >= f->once_count || !f->once[e->var->id]);
}

static bool block_is_once(Fission *f, const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++)
        if (!fission_is_once(f, block->stmts.data[i])) return false;
    return true;
}

bool fission_is_once(Fission *f, const IrStmt *s)
{
    if (pass_any_operand(s, varies, f)) return false;
    if (s->kind == IR_STMT_LET || s->kind == IR_STMT_SET) return f->once[s->var->id];
    if (s->kind == IR_STMT_FOR && !f->once[s->var->id]) return false;
    if (s->kind != IR_STMT_FOR && s->kind != IR_STMT_IF) return false;
    return block_is_once(f, s->body) && block_is_once(f, s->other);
}

static void take_back(Fission *f, IrBlock *block);

static void take_back_stmt(Fission *f, IrStmt *s)
{
    if (s->var && s->kind != IR_STMT_LEAVE && f->once[s->var->id]) {
        f->once[s->var->id] = false;
        f->changed = true;
    }
    take_back(f, s->body);
    take_back(f, s->other);
}

/* Whatever is assigned here is assigned by each thread. */
static void take_back(Fission *f, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) take_back_stmt(f, block->stmts.data[i]);
}

static void narrow(Fission *f, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        bool control = s->kind == IR_STMT_FOR || s->kind == IR_STMT_IF ||
                       s->kind == IR_STMT_WHILE || s->kind == IR_STMT_SCOPE ||
                       s->kind == IR_STMT_REGION;
        bool group = fission_level(f, s) >= f->k->block_size || fission_runs_together(f, s);
        if ((s->flags & IR_ONCE) || fission_is_once(f, s)) continue;
        if (control && group) {
            narrow(f, s->body);
            narrow(f, s->other);
        } else {
            take_back_stmt(f, s);
        }
    }
}

void fission_find_once(Fission *f)
{
    IrKernel *k = f->k;
    f->once_count = k->vars.len + STRIDED_LOOPS;
    f->once = NEW_ARRAY(k->arena, bool, f->once_count);
    f->lets = base_map(k->arena);
    f->uses = uses_in(f, k->body);
    f->use_count = k->vars.len;
    if (!f->interchange || k->block_size == 1) return;
    ir_walk(k->body, note_let, f);
    for (size_t i = 0; i < k->vars.len; i++) f->once[i] = k->vars.data[i]->uniform;
    do {
        f->changed = false;
        narrow(f, k->body);
    } while (f->changed);
}

static bool reads_written(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD && e->tensor->space != IR_TABLE &&
           (e->tensor->space != IR_PARAM || e->tensor->written);
}

/* Can it go before statements of threads that stand before it? */
bool fission_is_free(const IrStmt *s)
{
    return s->kind == IR_STMT_LET && !pass_any_operand(s, reads_written, NULL);
}

/* ---- one thread's part -------------------------------------------------------------------------
 */

static const IrExpr *as_lane(void *user, const IrExpr *e)
{
    return e->op == IR_TID ? user : NULL;
}

/* A body that is `LETs, if (lane == c) { … }`, the LETs of no use elsewhere: c; -1 if it is not. */
int64_t fission_only_lane(Fission *f, IrBlock *body, const IrExpr *thread, const IrExpr *lane)
{
    if (!f->interchange || body->stmts.len == 0) return -1;
    const IrStmt *last = VEC_LAST(body->stmts);
    if (last->kind != IR_STMT_IF || (last->other && last->other->stmts.len)) return -1;
    const IrExpr *cond =
        ir_rewrite(f->k, resolved(f, last->args[0]), as_lane, (void *)(uintptr_t)thread);
    if (cond->op != IR_EQ || cond->args[0] != lane || !ir_is_const(cond->args[1])) return -1;
    int *here = uses_in(f, body);
    for (size_t i = 0; i + 1 < body->stmts.len; i++) {
        const IrStmt *s = body->stmts.data[i];
        if (s->kind != IR_STMT_LET || s->var->mutable || s->var->id >= f->use_count) return -1;
        if (here[s->var->id] != f->uses[s->var->id]) return -1;
    }
    return cond->args[1]->value.i;
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static bool out_of_sight(void *user, const IrExpr *e)
{
    const Fission *f = user;
    if (e->op == IR_TID || e->op == IR_LOAD) return true;
    return e->op == IR_VAR &&
           (e->var->mutable || e->var->id >= f->once_count || !f->once[e->var->id]);
}

/* `a < b` as TID < limit. */
static const IrExpr *thread_limit(Fission *f, const IrExpr *cond)
{
    if (cond->op != IR_LT || cond->args[0]->type.elem != ELEM_INDEX) return NULL;
    IrKernel *k = f->k;
    const IrExpr *a = resolved(f, cond->args[0]), *b = resolved(f, cond->args[1]);
    PassAffine diff = pass_affine(k, ir_binary(k, IR_SUB, b, a));
    if (pass_affine_coef(&diff, ir_tid(k)) != -1) return NULL;
    const IrExpr *limit = ir_binary(k, IR_ADD, ir_binary(k, IR_SUB, b, a), ir_tid(k));
    return ir_any(limit, out_of_sight, f) ? NULL : limit;
}

/* A body that is `LETs, if (TID < limit && …) { … }`: the limit, taken out of the condition. */
const IrExpr *fission_take_limit(Fission *f, IrBlock *body)
{
    if (!f->interchange || body->stmts.len == 0) return NULL;
    for (size_t i = 0; i + 1 < body->stmts.len; i++) {
        const IrStmt *s = body->stmts.data[i];
        if (s->kind != IR_STMT_LET || !base_map_get(&f->lets, (uint64_t)s->var->id + 1))
            return NULL;
    }
    IrStmt *last = VEC_LAST(body->stmts);
    if (last->kind != IR_STMT_IF || (last->other && last->other->stmts.len)) return NULL;
    const IrExpr *rest = NULL, *cond = last->args[0], *limit = NULL;
    for (;;) {
        const IrExpr *part = cond->op == IR_AND ? cond->args[1] : cond;
        if (!limit && (limit = thread_limit(f, part)) != NULL)
            ;
        else
            rest = rest ? ir_binary(f->k, IR_AND, part, rest) : part;
        if (cond->op != IR_AND) break;
        cond = cond->args[0];
    }
    if (limit && rest) last->args[0] = rest;
    if (limit && !rest) {
        body->stmts.len--;
        ir_splice(f->k, body, last->body);
    }
    return limit;
}

/* ---- loops that each thread begins at its own place ---------------------------------------------
 */

static IrStmt *make_strided(Fission *f, const IrStmt *s, const IrExpr *first)
{
    IrKernel *k = f->k;
    IrBlock *scratch = ir_new_block(k), *body = ir_new_block(k);
    IrVar *base = ir_new_var(k, s->var->name, s->var->type, false);
    if (base->id >= f->once_count) return NULL;
    f->once[base->id] = true;
    IrStmt *loop = ir_for(k, scratch, base, first, s->args[1], s->args[2]);
    loop->flags = s->flags | IR_TOGETHER;
    const IrExpr *own = ir_binary(k, IR_ADD, ir_var(k, base), ir_tid(k));
    ir_let(k, loop->body, s->var, own);
    base_map_put(&f->lets, (uint64_t)s->var->id + 1, (void *)(uintptr_t)own);
    IrStmt *inside = ir_if(k, loop->body, ir_binary(k, IR_LT, own, s->args[1]), false);
    body->stmts = s->body->stmts;
    inside->body = body;
    return loop;
}

/* `for i from base + TID to n by step`: as a loop of the block from `base`, each thread's i beside
 * its neighbours'. NULL if it is not such a loop, or its accesses gain nothing. */
IrStmt *fission_strided(Fission *f, const IrStmt *s)
{
    IrKernel *k = f->k;
    if (s->kind != IR_STMT_FOR || !f->interchange || (s->flags & (IR_TOGETHER | IR_UNROLL)))
        return NULL;
    PassAffine lo = pass_affine(k, resolved(f, s->args[0]));
    if (pass_affine_coef(&lo, ir_tid(k)) != 1) return NULL;
    const IrExpr *first = ir_binary(k, IR_SUB, resolved(f, s->args[0]), ir_tid(k));
    if (ir_any(first, out_of_sight, f) || ir_any(s->args[1], out_of_sight, f) ||
        ir_any(s->args[2], out_of_sight, f))
        return NULL;
    IrStmt *loop = make_strided(f, s, first);
    return loop && fission_runs_together(f, loop) ? loop : NULL;
}
