/* The loops over a task space. The dimension in which most accesses are contiguous is innermost;
 * a condition of the form `variable < bound` splits its loop in two, so that the inside of a tensor
 * is run without guards and the overhang by itself. */
#include "mapping/index.h"
#include "pass/logical.h"

enum { SPLIT_STMTS = 12 }; /* bodies longer than this are not doubled */

typedef struct Nest {
    IrKernel *k;
    const IrStmt *tasks;
    int rank;
    int order[MAPPING_MAX_RANK]; /* outermost first */
    const IrExpr *vars[MAPPING_MAX_RANK];
} Nest;

/* ---- order of the dimensions ----------------------------------------------------------------- */

typedef struct Votes {
    const Nest *n;
    int votes[MAPPING_MAX_RANK];
} Votes;

static void vote(Votes *v, const IrTensor *t, uint32_t flags, const IrExpr *const *index,
                 int weight)
{
    if (t->space == IR_TABLE || (flags & IR_LINEAR)) return;
    PassAffine a = pass_affine(v->n->k, ir_offset(v->n->k, t, index));
    for (int d = 0; d < v->n->rank; d++)
        if (pass_affine_coef(&a, v->n->vars[d]) == 1) v->votes[d] += weight;
}

static bool vote_load(void *user, const IrExpr *e)
{
    if (e->op == IR_LOAD) vote(user, e->tensor, e->flags, e->args, 2);
    return false;
}

static void vote_block(Votes *v, const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        pass_any_operand(s, vote_load, v);
        if (s->kind == IR_STMT_STORE) vote(v, s->tensor, s->flags, s->args, 3);
        vote_block(v, s->body);
        vote_block(v, s->other);
    }
}

static void choose_order(Nest *n)
{
    Votes v = {.n = n};
    vote_block(&v, n->tasks->body);
    int fast = n->rank - 1;
    for (int d = n->rank - 1; d >= 0; d--)
        if (v.votes[d] > v.votes[fast]) fast = d;
    int at = 0;
    for (int d = 0; d < n->rank; d++)
        if (d != fast) n->order[at++] = d;
    n->order[at] = fast;
}

/* ---- conditions that bound a variable -------------------------------------------------------- */

typedef struct Bound {
    const Nest *n;
    int dim;
    const IrExpr *cond, *limit; /* cond says: variable < limit */
} Bound;

static bool names_inside(void *user, const IrExpr *e)
{
    const Nest *n = user;
    return (e->op == IR_VAR && (e->var->mutable || logical_defines(n->tasks, e->var))) ||
           e->op == IR_LOAD;
}

/* `a < b` as variable < limit, where only this variable of the loop occurs, with coefficient 1. */
static const IrExpr *limit_of(const Nest *n, int dim, const IrExpr *e)
{
    if (e->op != IR_LT || e->args[0]->type.elem != ELEM_INDEX) return NULL;
    const IrExpr *var = n->vars[dim];
    PassAffine a = pass_affine(n->k, ir_binary(n->k, IR_SUB, e->args[0], e->args[1]));
    if (pass_affine_coef(&a, var) != 1) return NULL;
    const IrExpr *rest = ir_binary(n->k, IR_SUB, e->args[1], e->args[0]);
    rest = ir_binary(n->k, IR_ADD, rest, var);
    return ir_any(rest, names_inside, (void *)(uintptr_t)n) ? NULL : rest;
}

static bool find_bound(void *user, const IrExpr *e)
{
    Bound *b = user;
    b->limit = limit_of(b->n, b->dim, e);
    if (b->limit) b->cond = e;
    return b->limit != NULL;
}

static int statements(const IrBlock *block)
{
    int count = 0;
    for (size_t i = 0; block && i < block->stmts.len; i++)
        count +=
            1 + statements(block->stmts.data[i]->body) + statements(block->stmts.data[i]->other);
    return count;
}

/* ---- conditions that became constant ------------------------------------------------------------
 */

typedef struct Decided {
    IrKernel *k;
    const IrExpr *cond;
    bool value;
} Decided;

static const IrExpr *decide(void *user, const IrExpr *e)
{
    const Decided *d = user;
    return e == d->cond ? ir_bool(d->k, d->value) : NULL;
}

/* Branches on constants, and stores that never happen. */
static void prune(IrKernel *k, IrBlock *block)
{
    if (!block) return;
    IrBlock old = pass_take(block);
    for (size_t i = 0; i < old.stmts.len; i++) {
        IrStmt *s = old.stmts.data[i];
        prune(k, s->body);
        prune(k, s->other);
        const IrExpr *guard = s->kind == IR_STMT_IF ? s->args[0] : NULL;
        if (s->kind == IR_STMT_STORE && (s->flags & IR_GUARDED)) guard = s->args[s->count - 1];
        if (!guard || !ir_is_const(guard)) {
            VEC_PUSH(k->arena, block->stmts, s);
        } else if (s->kind == IR_STMT_STORE) {
            if (!guard->value.i) continue;
            s->flags &= (uint32_t)~IR_GUARDED;
            s->count--;
            VEC_PUSH(k->arena, block->stmts, s);
        } else {
            const IrBlock *taken = guard->value.i ? s->body : s->other;
            ir_splice(k, block, taken);
        }
    }
}

/* ---- the loops ------------------------------------------------------------------------------- */

static void *op_constant(void *user, int64_t value)
{
    return (void *)(uintptr_t)ir_index(((const Nest *)user)->k, value);
}
static void *op_mul(void *user, void *a, void *b)
{
    return (void *)(uintptr_t)ir_binary(((const Nest *)user)->k, IR_MUL, a, b);
}
static void *op_add(void *user, void *a, void *b)
{
    return (void *)(uintptr_t)ir_binary(((const Nest *)user)->k, IR_ADD, a, b);
}
static void *op_runtime(void *user, int number)
{
    return (void *)(uintptr_t)((const Nest *)user)->tasks->args[1 + number];
}

static const IrExpr *extent(const Nest *n, int dim)
{
    union {
        const Nest *in;
        void *out;
    } user = {.in = n};
    MappingIndexOps ops = {user.out, op_constant, op_add, op_mul, NULL, NULL, op_runtime};
    return mapping_index_shape(n->tasks->tasks->mapping, dim, &ops);
}

static void nest_loops(Nest *n, int level, const IrBlock *body, IrBlock *to);

/* One loop over [lo, hi) of a dimension, the rest of the nest inside. */
static void one_loop(Nest *n, int level, const IrBlock *body, IrBlock *to, const IrExpr *lo,
                     const IrExpr *hi, const Decided *decided)
{
    IrKernel *k = n->k;
    int dim = n->order[level];
    const IrVar *old = n->tasks->tasks->vars[dim];
    IrVar *var = ir_new_var(k, old->name, old->type, false);
    IrStmt *loop = ir_for(k, to, var, lo, hi, ir_index(k, 1));
    loop->flags |= IR_THREADS | (level == 0 ? (uint32_t)IR_ONCE : 0);
    PassClone c = pass_clone_begin(k);
    pass_clone_bind(&c, old, ir_var(k, var));
    IrBlock *copy = ir_new_block(k);
    /* The other dimensions' variables stay as they are until their loops are made. */
    pass_clone_into(&c, copy, body);
    if (decided) {
        Decided d = {k, pass_clone_expr(&c, decided->cond), decided->value};
        pass_map_block(k, copy, decide, &d);
        prune(k, copy);
    }
    if (copy->stmts.len == 0) {
        to->stmts.len--;
        return;
    }
    Nest inner = *n;
    nest_loops(&inner, level + 1, copy, loop->body);
}

/* A body that is nothing but `if (variable < limit) { … }` bounds the loop itself. */
static bool strip_within(const Bound *b, const IrBlock *body)
{
    if (body->stmts.len != 1) return false;
    const IrStmt *s = body->stmts.data[0];
    if (s->kind != IR_STMT_IF || (s->other && s->other->stmts.len)) return false;
    const IrExpr *cond = s->args[0];
    while (cond->op == IR_AND) {
        if (cond->args[1] == b->cond) return true;
        cond = cond->args[0];
    }
    return cond == b->cond;
}

static void nest_loops(Nest *n, int level, const IrBlock *body, IrBlock *to)
{
    IrKernel *k = n->k;
    if (level == n->rank) {
        ir_splice(k, to, body);
        return;
    }
    int dim = n->order[level];
    const IrExpr *zero = ir_index(k, 0), *hi = extent(n, dim);
    Bound b = {n, dim, NULL, NULL};
    IrBlock look = *body;
    if (statements(body) > SPLIT_STMTS || !pass_any_below(&look, find_bound, &b)) {
        one_loop(n, level, body, to, zero, hi, NULL);
        return;
    }
    const IrExpr *split = ir_binary(k, IR_MIN, hi, b.limit);
    Decided inside = {k, b.cond, true}, outside = {k, b.cond, false};
    one_loop(n, level, body, to, zero, split, &inside);
    if (strip_within(&b, body)) return;
    one_loop(n, level, body, to, ir_binary(k, IR_MAX, split, zero), hi, &outside);
}

void logical_nest(IrKernel *k, const IrStmt *tasks, IrBlock *to)
{
    Nest n = {.k = k, .tasks = tasks, .rank = tasks->tasks->mapping->rank};
    for (int d = 0; d < n.rank; d++) n.vars[d] = ir_var(k, tasks->tasks->vars[d]);
    choose_order(&n);
    nest_loops(&n, 0, tasks->body, to);
}
