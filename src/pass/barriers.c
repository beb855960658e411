/* barriers - removes compiler-placed barriers that separate nothing.
 *
 * The verbs place a barrier before and after themselves (IR_ELIDABLE). One may go if no access
 * before it and no access after it, both between the barriers that stay, touch one tensor with a
 * write among them. Decided one by one, in order: each removal is kept only if the whole kernel
 * still separates all that the original separated. Threads are not told apart: an element that
 * only its own thread touches counts as shared. Tensors of different scopes may lie on each
 * other, so they conflict, too.
 *
 * An asynchronous store writes twice: where it is made it must be separated from what came before,
 * and at every WAIT it may land, which must be separated from what follows. In between nobody may
 * touch the same elements, barriers or not, so that other elements of the tensor (another stage of
 * a pipeline) need no barrier there.
 */
#include "pass/internal.h"

enum { READ = 1, WRITE = 2 };

/* By tensor id, how it is accessed. What may have been accessed since the last barrier of any kind
 * (`now`), and what lies behind a removed barrier since the last one that stays (`behind`). */
typedef struct State {
    uint8_t *now, *behind;
} State;

typedef struct Barriers {
    IrKernel *k;
    Map removed; /* by address */
    bool mixed;  /* barriers of several scopes: only a block's separates */
    bool *async; /* by tensor id: it has asynchronous stores */
    bool conflict;
    State escaped; /* of those who break, continue or leave */
    State state;
} Barriers;

static State new_state(Barriers *b)
{
    size_t n = b->k->tensors.len + 1;
    return (State){NEW_ARRAY(b->k->arena, uint8_t, n), NEW_ARRAY(b->k->arena, uint8_t, n)};
}

static bool join(Barriers *b, State *into, const State *from)
{
    bool changed = false;
    for (size_t i = 0; i < b->k->tensors.len; i++) {
        uint8_t now = into->now[i] | from->now[i], behind = into->behind[i] | from->behind[i];
        changed |= now != into->now[i] || behind != into->behind[i];
        into->now[i] = now;
        into->behind[i] = behind;
    }
    return changed;
}

static State copy_state(Barriers *b, const State *from)
{
    State s = new_state(b);
    join(b, &s, from);
    return s;
}

static bool may_overlap(const IrTensor *a, const IrTensor *b)
{
    return ir_same_memory(a, b) || (a->space == IR_SHARED && b->space == IR_SHARED &&
                                    a->scope != b->scope && a->scope && b->scope);
}

/* Must a barrier that was removed stand before this access? */
static void check_access(Barriers *b, const IrTensor *t, uint8_t how)
{
    for (size_t i = 0; i < b->k->tensors.len; i++) {
        uint8_t other = b->state.behind[i];
        if (other && may_overlap(t, b->k->tensors.data[i]) && ((other | how) & WRITE))
            b->conflict = true;
    }
}

static void access(Barriers *b, const IrTensor *t, uint8_t how)
{
    bool shared = t->space == IR_SHARED || (t->space == IR_PARAM && t->written);
    if (!shared) return;
    check_access(b, t, how);
    b->state.now[t->id] |= how;
}

/* One thread may speak for its whole group. A barrier then stands between what the others did and
 * its arrival, unless that only tells of copies; and between its waiting, if not all wait, and what
 * the others do. */
static void meet(Barriers *b, const IrStmt *s)
{
    bool both = s->builtin == BUILTIN_BARRIER_SYNC;
    bool waits = both || s->kind == IR_STMT_BULK_WAIT || s->builtin == BUILTIN_MBARRIER_WAIT;
    for (size_t i = 0; i < b->k->tensors.len; i++) {
        const IrTensor *t = b->k->tensors.data[i];
        if (t->space != IR_SHARED && !(t->space == IR_PARAM && t->written)) continue;
        if ((!waits && !(s->flags & IR_TRANSFER)) || both) check_access(b, t, READ | WRITE);
        if (waits && !(s->flags & IR_TOGETHER)) b->state.now[i] |= READ | WRITE;
    }
}

/* What a copy engine does is over when somebody has waited for it: no barrier ends it. */
static void copy_bulk(Barriers *b, const IrStmt *s)
{
    const IrTensor *tile = s->args[2 * s->tensor->rank]->tensor;
    check_access(b, tile, s->builtin == BUILTIN_TMA_LOAD ? WRITE : READ);
    if (s->builtin == BUILTIN_TMA_STORE) check_access(b, s->tensor, WRITE);
}

static void land(Barriers *b)
{
    for (size_t i = 0; i < b->k->tensors.len; i++)
        if (b->async[i]) b->state.now[i] |= WRITE;
}

static bool read_load(void *user, const IrExpr *e)
{
    if (e->op == IR_LOAD) access(user, e->tensor, READ);
    return false;
}

static void pass_barrier(Barriers *b, const IrStmt *s)
{
    size_t n = b->k->tensors.len;
    if (base_map_get(&b->removed, base_key(s))) {
        for (size_t i = 0; i < n; i++) b->state.behind[i] |= b->state.now[i];
        memset(b->state.now, 0, n);
        return;
    }
    bool whole = s->scope >= IR_SCOPE_BLOCK;
    if (b->mixed && !whole) return;
    memset(b->state.now, 0, n);
    memset(b->state.behind, 0, n);
}

static void walk(Barriers *b, IrBlock *block);

static void walk_loop(Barriers *b, IrStmt *s)
{
    State around = copy_state(b, &b->state);
    for (;;) {
        pass_any_operand(s, read_load, b);
        walk(b, s->body);
        join(b, &b->state, &b->escaped);
        if (!join(b, &around, &b->state)) break;
        b->state = copy_state(b, &around);
    }
    b->state = around;
}

static void walk_if(Barriers *b, IrStmt *s)
{
    State otherwise = copy_state(b, &b->state);
    walk(b, s->body);
    State then = b->state;
    b->state = otherwise;
    walk(b, s->other);
    join(b, &b->state, &then);
}

static void visit(Barriers *b, IrStmt *s)
{
    bool loop = s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE || s->kind == IR_STMT_TASKS;
    if (s->kind == IR_STMT_BULK)
        copy_bulk(b, s);
    else
        pass_any_operand(s, read_load, b);
    if (s->kind == IR_STMT_STORE && s->flags & IR_ASYNC)
        check_access(b, s->tensor, WRITE);
    else if (s->kind == IR_STMT_STORE)
        access(b, s->tensor, WRITE);
    if (s->kind == IR_STMT_WAIT) land(b);
    if (s->kind == IR_STMT_ATOMIC || s->kind == IR_STMT_MACHINE) access(b, s->tensor, READ | WRITE);
    if (s->kind == IR_STMT_MBARRIER || s->kind == IR_STMT_BULK_WAIT) meet(b, s);
    if (s->kind == IR_STMT_BARRIER) pass_barrier(b, s);
    if (s->kind == IR_STMT_BREAK || s->kind == IR_STMT_CONTINUE || s->kind == IR_STMT_LEAVE)
        join(b, &b->escaped, &b->state);
    if (loop) {
        walk_loop(b, s);
    } else if (s->body) {
        walk_if(b, s);
        join(b, &b->state, &b->escaped);
    }
}

static void walk(Barriers *b, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) visit(b, block->stmts.data[i]);
}

static bool still_separates(Barriers *b)
{
    b->conflict = false;
    b->state = new_state(b);
    b->escaped = new_state(b);
    walk(b, b->k->body);
    return !b->conflict;
}

typedef struct Found {
    IrKernel *k;
    VEC(IrStmt *) elidable;
    const IrStmt *first;
    bool mixed;
    bool *async;
} Found;

static bool find_barrier(void *user, IrStmt *s)
{
    Found *f = user;
    if (s->kind == IR_STMT_STORE && s->flags & IR_ASYNC) f->async[s->tensor->id] = true;
    if (s->kind != IR_STMT_BARRIER) return true;
    if (s->flags & IR_ELIDABLE) VEC_PUSH(f->k->arena, f->elidable, s);
    if (!f->first) f->first = s;
    if (s->scope != f->first->scope || s->imm != f->first->imm) f->mixed = true;
    return true;
}

static void drop(Barriers *b, IrBlock *block)
{
    size_t kept = 0;
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (base_map_get(&b->removed, base_key(s))) continue;
        drop(b, s->body);
        drop(b, s->other);
        block->stmts.data[kept++] = s;
    }
    if (block) block->stmts.len = kept;
}

bool pass_barriers(PassContext *ctx)
{
    Found f = {.k = ctx->k};
    f.async = NEW_ARRAY(ctx->k->arena, bool, ctx->k->tensors.len + 1);
    ir_walk(ctx->k->body, find_barrier, &f);
    if (f.elidable.len == 0) return true;
    Barriers b = {
        .k = ctx->k, .removed = base_map(ctx->k->arena), .mixed = f.mixed, .async = f.async};
    for (size_t i = 0; i < f.elidable.len; i++) {
        IrStmt *s = f.elidable.data[i];
        base_map_put(&b.removed, base_key(s), s);
        if (!still_separates(&b)) base_map_put(&b.removed, base_key(s), NULL);
    }
    drop(&b, ctx->k->body);
    return true;
}
