/* forward - an array that is made and then read once is computed where it is read (CPU).
 *
 * Rows of a block pass through arrays from loop to loop: copied in, scaled, squared, copied out.
 * Where a loop among the kernel's own statements makes elements of such an array one by one, and
 * what reads them later reads each about once, the reader computes the element itself and the
 * store goes away, perhaps the loop with it. Each element is still the same function of the same
 * operands: these must not change in between.
 *
 * Only cheap values are forwarded, so that the C compiler vectorises the reader as before; what
 * takes one operation at most may be computed twice. */
#include "pass/internal.h"

enum { MOST_OPERATIONS = 8 }; /* of a value that is forwarded */

typedef struct Forward {
    IrKernel *k;
    IrStmt *loop, *store; /* makes the element `counter` + shift */
    const IrTensor *t;
    const IrExpr *value; /* of counter and what stays */
    int64_t shift, lo, hi;
    bool *operand; /* tensors that the value is computed from, by id */
    int times;     /* that an element may be computed */
    /* of what is looked at */
    double readings, trips;
    bool failed, made;  /* `made`: in that loop, after that store */
    const IrStmt *anew; /* the store, where the loop makes the array anew */
} Forward;

/* ---- what makes an element ------------------------------------------------------------------- */

static bool is_local(const IrTensor *t)
{
    return t->space == IR_SHARED || t->space == IR_PRIVATE;
}

static const IrExpr *offset_of(IrKernel *k, const IrTensor *t, uint32_t flags,
                               const IrExpr *const *index)
{
    return flags & IR_LINEAR ? index[0] : ir_offset(k, t, index);
}

/* Is the offset `var` plus a constant? */
static bool is_own(IrKernel *k, const IrStmt *store, IrVar *var, int64_t *shift)
{
    const IrExpr *offset = offset_of(k, store->tensor, store->flags, store->args);
    PassAffine a = pass_affine(k, offset);
    *shift = a.constant;
    return a.count == 1 && a.terms[0].coef == 1 && a.terms[0].atom == ir_var(k, var);
}

/* LETs and unguarded stores to arrays, of one lane; step 1. */
static bool is_plain(const IrStmt *s)
{
    if (s->kind != IR_STMT_FOR || s->flags & (IR_UNROLL | IR_STREAM | IR_PREFETCH)) return false;
    if (!ir_is_int(s->args[2], 1)) return false;
    for (size_t i = 0; i < s->body->stmts.len; i++) {
        const IrStmt *b = s->body->stmts.data[i];
        bool let = b->kind == IR_STMT_LET && !b->var->mutable;
        bool store = b->kind == IR_STMT_STORE && !(b->flags & IR_GUARDED) &&
                     pass_store_value(b)->type.lanes == 1;
        if (!let && !store) return false;
    }
    return true;
}

typedef struct Values {
    Forward *f;
    Map lets;     /* of the loop, by variable id + 1 */
    size_t place; /* of the statement looked at */
    bool moved;   /* something it reads is stored later in the iteration, or by another one */
    int count;
} Values;

/* Would this load give the same after the loop? */
static void check_load(Values *v, const IrExpr *load)
{
    Forward *f = v->f;
    const IrExpr *at = offset_of(f->k, load->tensor, load->flags, load->args);
    for (size_t i = 0; i < f->loop->body->stmts.len; i++) {
        const IrStmt *s = f->loop->body->stmts.data[i];
        if (s->kind != IR_STMT_STORE || s->tensor != load->tensor) continue;
        bool same = at == offset_of(f->k, s->tensor, s->flags, s->args);
        bool fits = s == f->store ? i >= v->place : i < v->place;
        if (!same || !fits) v->moved = true;
    }
}

static bool look_at(void *user, const IrExpr *e)
{
    Values *v = user;
    if (e->op == IR_LOAD) check_load(v, e);
    if (e->op == IR_VAR && e->var->mutable) v->moved = true;
    return false;
}

static const IrExpr *let_value(void *user, const IrExpr *e)
{
    const Values *v = user;
    return e->op == IR_VAR ? base_map_get(&v->lets, (uint64_t)e->var->id + 1) : NULL;
}

static bool note_operand(void *user, const IrExpr *e)
{
    Values *v = user;
    v->count += e->count > 0 && e->type.elem != ELEM_INDEX && e->op != IR_LOAD;
    if (e->op == IR_LOAD) v->f->operand[e->tensor->id] = true;
    return false;
}

/* The stored value, LETs put in. */
static bool take_value(Forward *f)
{
    Values v = {.f = f, .lets = base_map(f->k->arena)};
    for (;; v.place++) {
        const IrStmt *s = f->loop->body->stmts.data[v.place];
        if (s->kind == IR_STMT_LET || s == f->store) pass_any_operand(s, look_at, &v);
        if (s == f->store) break;
        if (s->kind != IR_STMT_LET) continue;
        const IrExpr *value = ir_rewrite(f->k, s->args[0], let_value, &v);
        base_map_put(&v.lets, (uint64_t)s->var->id + 1, (void *)(uintptr_t)value);
    }
    f->value = ir_rewrite(f->k, pass_store_value(f->store), let_value, &v);
    memset(f->operand, 0, f->k->tensors.len * sizeof *f->operand);
    ir_any(f->value, note_operand, &v);
    f->times = v.count <= 1 ? 2 : 1;
    return !v.moved && v.count <= MOST_OPERATIONS;
}

static bool reads(void *user, const IrExpr *e)
{
    return e->op == IR_LOAD && e->tensor == user;
}

static bool is_read(const IrStmt *s, const IrTensor *t)
{
    void *user = (void *)(uintptr_t)t;
    return pass_any_operand(s, reads, user) || pass_any_below(s->body, reads, user) ||
           pass_any_below(s->other, reads, user);
}

/* Does the loop make this array, and not read it again? */
static bool begin(Forward *f, IrStmt *loop, IrStmt *store)
{
    f->loop = loop;
    f->store = store;
    f->t = store->tensor;
    if (store->kind != IR_STMT_STORE || !is_local(f->t)) return false;
    if (!ir_is_const(loop->args[0]) || !ir_is_const(loop->args[1])) return false;
    if (!is_own(f->k, store, loop->var, &f->shift)) return false;
    f->lo = loop->args[0]->value.i + f->shift;
    f->hi = loop->args[1]->value.i + f->shift;
    bool after = false;
    for (size_t i = 0; i < loop->body->stmts.len; i++) {
        const IrStmt *s = loop->body->stmts.data[i];
        if (after && (is_read(s, f->t) || s->tensor == f->t)) return false;
        after |= s == store;
    }
    return f->lo < f->hi && take_value(f);
}

/* ---- what reads it --------------------------------------------------------------------------- */

typedef bool StoreTest(const Forward *f, const IrTensor *t);

static bool is_target(const Forward *f, const IrTensor *t)
{
    return t == f->t;
}

static bool is_operand(const Forward *f, const IrTensor *t)
{
    return t != f->t && f->operand[t->id];
}

static bool stores(const Forward *f, const IrStmt *s, StoreTest *test)
{
    if (s->tensor && test(f, s->tensor)) return true;
    for (size_t i = 0; s->body && i < s->body->stmts.len; i++)
        if (stores(f, s->body->stmts.data[i], test)) return true;
    for (size_t i = 0; s->other && i < s->other->stmts.len; i++)
        if (stores(f, s->other->stmts.data[i], test)) return true;
    return false;
}

/* The store with which this loop makes every element anew, each after its own reading; what reads
 * it after that reads what was made. */
static const IrStmt *makes_anew(const Forward *f, const IrStmt *s)
{
    const IrStmt *store = NULL;
    int64_t shift = 0;
    if (!is_plain(s) || !ir_is_const(s->args[0]) || !ir_is_const(s->args[1])) return NULL;
    for (size_t i = 0; i < s->body->stmts.len; i++) {
        const IrStmt *b = s->body->stmts.data[i];
        if (b->kind != IR_STMT_STORE || b->tensor != f->t) continue;
        if (store || !is_own(f->k, b, s->var, &shift)) return NULL;
        store = b;
    }
    if (!store) return NULL;
    bool all = s->args[0]->value.i + shift <= f->lo && s->args[1]->value.i + shift >= f->hi;
    return all ? store : NULL;
}

static bool check_reading(void *user, const IrExpr *e)
{
    Forward *f = user;
    if (e->op != IR_LOAD || e->tensor != f->t) return false;
    const IrExpr *at = offset_of(f->k, f->t, e->flags, e->args);
    const IrStmt *store = f->anew;
    bool good = e->type.lanes == 1 && !(e->flags & IR_GUARDED) && at->lo >= f->lo && at->hi < f->hi;
    if (store) good = good && at == offset_of(f->k, f->t, store->flags, store->args);
    if (!good) f->failed = true;
    if (!f->made) f->readings += f->trips;
    return false;
}

static void check_below(Forward *f, const IrStmt *s)
{
    double trips = f->trips;
    if (s->kind == IR_STMT_WHILE || s->kind == IR_STMT_REGION) f->failed |= is_read(s, f->t);
    pass_any_operand(s, check_reading, f);
    if (s->kind == IR_STMT_FOR) f->trips *= (double)pass_most_trips(s);
    for (size_t i = 0; s->body && i < s->body->stmts.len; i++) {
        check_below(f, s->body->stmts.data[i]);
        f->made |= s->body->stmts.data[i] == f->anew;
    }
    for (size_t i = 0; s->other && i < s->other->stmts.len; i++)
        check_below(f, s->other->stmts.data[i]);
    f->trips = trips;
}

/* The statements from `from` on, up to `*end`, read what the loop made: can they compute it? */
static bool check_readers(Forward *f, const IrBlock *block, size_t from, const bool *later,
                          size_t *end)
{
    bool stale = false; /* an operand has changed */
    f->readings = 0;
    f->trips = 1;
    f->failed = f->made = false;
    f->anew = NULL;
    for (*end = from; !f->anew && *end < block->stmts.len; ++*end) {
        const IrStmt *s = block->stmts.data[*end];
        bool changes = stores(f, s, is_operand);
        f->anew = makes_anew(f, s);
        if (!f->anew && stores(f, s, is_target)) return false;
        if (is_read(s, f->t) && (stale || changes)) return false;
        check_below(f, s);
        if (f->failed) return false;
        stale |= changes;
    }
    if (!f->anew && later[f->t->id]) return false;
    return f->readings > 0 && f->readings <= (double)(f->times * (f->hi - f->lo));
}

/* ---- rewriting ------------------------------------------------------------------------------- */

static const IrExpr *compute(void *user, const IrExpr *e)
{
    Forward *f = user;
    if (e->op != IR_LOAD || e->tensor != f->t) return NULL;
    const IrExpr *at = offset_of(f->k, f->t, e->flags, e->args);
    PassClone c = pass_clone_begin(f->k);
    pass_clone_bind(&c, f->loop->var, ir_binary(f->k, IR_SUB, at, ir_index(f->k, f->shift)));
    return pass_clone_expr(&c, f->value);
}

static void rewrite(Forward *f, const IrBlock *block, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++) {
        IrStmt *s = block->stmts.data[i];
        pass_map_stmt(f->k, s, compute, f);
        bool last = f->anew && i + 1 == end;
        for (size_t j = 0; last && j < s->body->stmts.len; j++) {
            pass_map_stmt(f->k, s->body->stmts.data[j], compute, f);
            if (s->body->stmts.data[j] == f->anew) break;
        }
        if (!last && s->body) pass_map_block(f->k, s->body, compute, f);
        if (!last && s->other) pass_map_block(f->k, s->other, compute, f);
    }
    IrBlock old = pass_take(f->loop->body);
    for (size_t i = 0; i < old.stmts.len; i++)
        if (old.stmts.data[i] != f->store)
            VEC_PUSH(f->k->arena, f->loop->body->stmts, old.stmts.data[i]);
}

static bool has_store(const IrStmt *loop)
{
    for (size_t i = 0; i < loop->body->stmts.len; i++)
        if (loop->body->stmts.data[i]->kind == IR_STMT_STORE) return true;
    return false;
}

/* True if something was forwarded from the loop at `place`. */
static bool forward_from(Forward *f, IrBlock *block, size_t place, const bool *later)
{
    IrStmt *loop = block->stmts.data[place];
    size_t end;
    if (!is_plain(loop)) return false;
    for (size_t i = 0; i < loop->body->stmts.len; i++) {
        if (!begin(f, loop, loop->body->stmts.data[i])) continue;
        if (!check_readers(f, block, place + 1, later, &end)) continue;
        rewrite(f, block, place + 1, end);
        return true;
    }
    return false;
}

static bool note_later(void *user, const IrExpr *e)
{
    bool *later = user;
    if (e->op == IR_LOAD) later[e->tensor->id] = true;
    return false;
}

static void forward_block(Forward *f, IrBlock *block, const bool *later);

static void forward_branch(Forward *f, const IrBlock *block, size_t place, const bool *later)
{
    IrStmt *branch = block->stmts.data[place];
    bool *read = NEW_ARRAY(f->k->arena, bool, f->k->tensors.len + 1);
    memcpy(read, later, f->k->tensors.len * sizeof *later);
    for (size_t i = place + 1; i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        pass_any_operand(s, note_later, read);
        pass_any_below(s->body, note_later, read);
        pass_any_below(s->other, note_later, read);
    }
    forward_block(f, branch->body, read);
    forward_block(f, branch->other, read);
}

/* later: arrays read after the block. */
static void forward_block(Forward *f, IrBlock *block, const bool *later)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        if (block->stmts.data[i]->kind == IR_STMT_IF) forward_branch(f, block, i, later);
        while (forward_from(f, block, i, later)) continue;
    }
}

/* A loop that makes nothing any more. */
static bool try_idle(void *user, IrStmt *s, IrBlock *to)
{
    (void)user, (void)to;
    return is_plain(s) && !has_store(s);
}

bool pass_forward(PassContext *ctx)
{
    IrKernel *k = ctx->k;
    if (ctx->options->check || k->resident) return true;
    Forward f = {.k = k, .operand = NEW_ARRAY(k->arena, bool, k->tensors.len + 1)};
    forward_block(&f, k->body, NEW_ARRAY(k->arena, bool, k->tensors.len + 1));
    pass_replace_stmts(k, k->body, try_idle, NULL);
    return true;
}
