/* fragments - operands of an unrolled nest are loaded once, into registers, before it.
 *
 * In `for (i, j) in acc { acc[i, j] += sa[i, p] * sb[p, j] }` each element of sa is used by every
 * j: the load does not depend on all counters of the nest. It moves to a private array over the
 * counters that it does depend on, filled by a nest of its own, which `vectors` then widens. Only
 * unconditional loads from memory that the nest does not write are moved.
 *
 * Likewise a nest that copies from global memory to shared or global memory first loads all that
 * it copies: the loads are under way together, instead of each waiting for the store before it.
 */
#include "pass/internal.h"

enum { MAX_NEST = 12, MAX_FRAGMENT = 64, MAX_BATCH = 32 };

typedef struct Nest {
    PassContext *ctx;
    IrBlock *before; /* where the nest stands: fragments are filled here */
    int count;
    IrStmt *loops[MAX_NEST]; /* outermost first */
    int64_t trips[MAX_NEST];
    IrBlock *body;
    const IrExpr *cond; /* around all of the body; NULL */
    Map moved;          /* LOAD's id + 1 to the LOAD that replaces it */
} Nest;

static bool unrolled(const IrStmt *s, int64_t *trip)
{
    int64_t lo, step;
    return s->kind == IR_STMT_FOR && s->flags & IR_UNROLL && pass_const_loop(s, &lo, &step, trip) &&
           lo == 0 && step == 1 && *trip > 0;
}

/* The chain of unrolled loops that stand alone in each other, from `s` down. */
static bool find_nest(Nest *n, IrStmt *s)
{
    n->count = 0;
    while (n->count < MAX_NEST && unrolled(s, &n->trips[n->count])) {
        n->loops[n->count++] = s;
        n->body = s->body;
        if (s->body->stmts.len != 1) break;
        s = s->body->stmts.data[0];
    }
    if (n->count == 0) return false;
    const IrStmt *only = n->body->stmts.len == 1 ? n->body->stmts.data[0] : NULL;
    if (only && only->kind == IR_STMT_IF && !only->other && only->body->stmts.len) {
        n->cond = only->args[0];
        n->body = only->body;
    }
    return true;
}

static bool writes(IrBlock *body, const IrTensor *t)
{
    for (size_t i = 0; i < body->stmts.len; i++)
        if (body->stmts.data[i]->kind == IR_STMT_STORE &&
            ir_same_memory(body->stmts.data[i]->tensor, t))
            return true;
    return false;
}

/* One statement that stores to memory which other threads see. */
static bool copies(const IrBlock *body)
{
    const IrStmt *s = body->stmts.data[0];
    return body->stmts.len == 1 && s->kind == IR_STMT_STORE &&
           (s->tensor->space == IR_SHARED || s->tensor->space == IR_PARAM);
}

/* Variables that the body itself defines or assigns make an expression immovable. */
static bool is_momentary(void *user, const IrExpr *e)
{
    Nest *n = user;
    if (e->op == IR_LOAD) return true;
    if (e->op != IR_VAR) return false;
    if (e->var->mutable) return true;
    for (size_t i = 0; i < n->body->stmts.len; i++) {
        const IrStmt *s = n->body->stmts.data[i];
        if (s->kind == IR_STMT_LET && s->var == e->var) return true;
    }
    return false;
}

/* Along the innermost loop: then it is better widened where it stands, under its condition. */
static bool is_consecutive(Nest *n, const IrExpr *load)
{
    IrKernel *k = n->ctx->k;
    PassAffine a = pass_affine(k, load->args[0]);
    return pass_affine_coef(&a, ir_var(k, n->loops[n->count - 1]->var)) == 1;
}

/* The load, only made where the condition around the body holds. */
static const IrExpr *under_condition(Nest *n, const IrExpr *load)
{
    IrKernel *k = n->ctx->k;
    if (!n->cond) return load;
    bool guarded = load->flags & IR_GUARDED;
    Elem elem = load->type.elem;
    Scalar zero = vocab_elem_is_float(elem) ? scalar_float(elem, 0) : scalar_int(elem, 0);
    const IrExpr *guard = guarded ? ir_binary(k, IR_AND, n->cond, load->args[1]) : n->cond;
    return ir_load_with(k, load->tensor, 1, load->flags, load->args, guard,
                        guarded ? load->args[2] : ir_const(k, zero));
}

/* Does a load depend on few enough counters to be worth a fragment? Which ones: bits of *mask. */
static bool worth_moving(Nest *n, const IrExpr *load, uint32_t *mask)
{
    int64_t size = 1, reuse = 1;
    *mask = 0;
    if (load->tensor->space != IR_SHARED && load->tensor->space != IR_PARAM) return false;
    if (load->type.lanes != 1 || writes(n->body, load->tensor)) return false;
    for (uint32_t i = 0; i < load->count; i++)
        if (ir_any(load->args[i], is_momentary, n)) return false;
    if (n->cond && ir_any(n->cond, is_momentary, n)) return false;
    for (int i = 0; i < n->count; i++) {
        const IrVar *var = n->loops[i]->var;
        if (pass_uses_var(load, var) || (n->cond && pass_uses_var(n->cond, var))) {
            *mask |= 1u << i;
            size *= n->trips[i];
        } else {
            reuse *= n->trips[i];
        }
    }
    if (reuse > 1) return size <= MAX_FRAGMENT;
    bool batch = load->tensor->space == IR_PARAM && size > 1 && size <= MAX_BATCH;
    return batch && copies(n->body) && !(n->cond && is_consecutive(n, load));
}

static const IrExpr *move_load(Nest *n, const IrExpr *load, uint32_t mask)
{
    IrKernel *k = n->ctx->k;
    const IrExpr *index = ir_index(k, 0), *slot = ir_index(k, 0);
    IrBlock *at = n->before;
    PassClone c = pass_clone_begin(k);
    int64_t size = 1;
    for (int i = 0; i < n->count; i++) {
        if (!(mask & 1u << i)) continue;
        IrVar *old = n->loops[i]->var, *var = ir_new_var(k, old->name, old->type, false);
        const IrExpr *trip = ir_index(k, n->trips[i]);
        IrStmt *loop = ir_for(k, at, var, ir_index(k, 0), trip, ir_index(k, 1));
        loop->flags |= IR_UNROLL;
        at = loop->body;
        pass_clone_bind(&c, old, ir_var(k, var));
        index = ir_binary(k, IR_ADD, ir_binary(k, IR_MUL, index, trip), ir_var(k, var));
        slot = ir_binary(k, IR_ADD, ir_binary(k, IR_MUL, slot, trip), ir_var(k, old));
        size *= n->trips[i];
    }
    const Name *name = pass_make_name(k, "%s_frag", load->tensor->name->text);
    const IrExpr *extent = ir_index(k, size);
    IrTensor *t = ir_new_tensor(k, name, IR_PRIVATE, load->type.elem, 1, &extent);
    t->origin = load->origin;
    IrStmt *store = ir_store(k, at, t, &index, pass_clone_expr(&c, under_condition(n, load)), NULL);
    store->flags |= IR_LINEAR;
    return ir_load_with(k, t, 1, IR_LINEAR | IR_PROVED, &slot, NULL, NULL);
}

/* Visits what is evaluated whatever happens: not behind `&&`, `||`, a choice or a guard. */
static void move_loads(Nest *n, const IrExpr *e)
{
    uint32_t mask, certain = e->count;
    uint64_t key = (uint64_t)e->id + 1;
    if (e->op == IR_LOAD && !base_map_get(&n->moved, key) && worth_moving(n, e, &mask))
        base_map_put(&n->moved, key, (void *)(uintptr_t)move_load(n, e, mask));
    if (e->op == IR_AND || e->op == IR_OR || e->op == IR_SELECT) certain = 1;
    if (e->op == IR_LOAD && e->flags & IR_GUARDED) certain = e->count - 1;
    for (uint32_t i = 0; i < certain; i++) move_loads(n, e->args[i]);
}

static const IrExpr *use_fragment(void *user, const IrExpr *e)
{
    Nest *n = user;
    return base_map_get(&n->moved, (uint64_t)e->id + 1);
}

static void do_nest(Nest *n)
{
    if (!pass_is_straight(n->body)) return;
    n->moved = base_map(n->ctx->k->arena);
    for (size_t i = 0; i < n->body->stmts.len; i++) {
        const IrStmt *s = n->body->stmts.data[i];
        ir_set_origin(n->ctx->k, s->origin);
        bool guarded = s->kind == IR_STMT_STORE && s->flags & (IR_GUARDED | IR_ASYNC);
        for (int j = 0; j < s->count && !guarded; j++) move_loads(n, s->args[j]);
    }
    if (n->moved.len) pass_map_block(n->ctx->k, n->body, use_fragment, n);
}

static void walk(PassContext *ctx, IrBlock *block)
{
    if (!block) return;
    IrBlock old = pass_take(block);
    for (size_t i = 0; i < old.stmts.len; i++) {
        IrStmt *s = old.stmts.data[i];
        Nest n = {.ctx = ctx, .before = block};
        if (find_nest(&n, s)) {
            do_nest(&n);
            if (n.moved.len == 0) walk(ctx, n.body);
        } else {
            walk(ctx, s->body);
            walk(ctx, s->other);
        }
        VEC_PUSH(ctx->k->arena, block->stmts, s);
    }
}

bool pass_fragments(PassContext *ctx)
{
    walk(ctx, ctx->k->body);
    return true;
}
