/* late - copies of a pipeline that no instruction makes asynchronously are, in two halves.
 *
 * Elements of two bytes in rows that are no multiple of four bytes go by loads and stores, and the
 * stores, which stand in front of the round's work, would wait for the loads. What is copied ahead
 * is needed in a later round only: so the loads stay where the copies stand, to registers, and the
 * stores move to the end of the round, behind the work. The stage they go to is the one that the
 * round before has read, and the barrier that begins the next round stands before whoever reads it.
 * Copies of which the registers beside tiles have no room keep their place.
 */
#include "pass/internal.h"

enum { MOST_NEST = 6, COPY_REGISTERS = 16 };

/* A copy: short loops that stand alone in each other around one store. */
typedef struct Copy {
    IrStmt *loops[MOST_NEST]; /* outermost first */
    int64_t trips[MOST_NEST];
    int depth;
    IrBlock lets; /* in front of the store */
    IrStmt *store;
    int lanes;
    int64_t size; /* elements of a thread */
} Copy;

typedef struct Late {
    const PassContext *ctx;
    IrKernel *k;
    int64_t left; /* registers in the loop at hand */
} Late;

/* ---- which copies ---------------------------------------------------------------------------- */
static bool is_plain_element(const IrExpr *e)
{
    return e->op == IR_LOAD && e->tensor->space == IR_PARAM && e->type.lanes == 1;
}

/* A store that waits for its loads. */
static bool waits(const IrStmt *s, int *lanes)
{
    if (s->kind != IR_STMT_STORE || !(s->flags & IR_ASYNC) || ir_async_bytes(s)) return false;
    const IrExpr *value = pass_store_value(s);
    int bits = vocab_elem(s->tensor->elem)->bits;
    *lanes = value->op == IR_VECTOR ? value->type.lanes : 1;
    if (bits < 8 || bits > 32 || s->flags & IR_GUARDED) return false;
    if (value->op != IR_VECTOR) return is_plain_element(value);
    for (uint32_t i = 0; i < value->count; i++)
        if (!is_plain_element(value->args[i])) return false;
    return true;
}

static bool find_copy(IrStmt *s, Copy *c)
{
    int64_t lo, step;
    *c = (Copy){.size = 1};
    while (s->kind == IR_STMT_FOR) {
        int64_t *trip = &c->trips[c->depth];
        if (c->depth == MOST_NEST || !pass_const_loop(s, &lo, &step, trip)) return false;
        if (lo != 0 || step != 1 || s->body->stmts.len == 0) return false;
        c->loops[c->depth++] = s;
        c->size *= *trip;
        c->lets = *s->body;
        s = VEC_LAST(s->body->stmts);
        --c->lets.stmts.len;
        if (s->kind == IR_STMT_FOR && c->lets.stmts.len) return false;
    }
    for (size_t i = 0; i < c->lets.stmts.len; i++)
        if (c->lets.stmts.data[i]->kind != IR_STMT_LET) return false;
    c->store = s;
    if (!waits(s, &c->lanes)) return false;
    c->size *= c->lanes;
    return true;
}

/* Does a round go on with the next one before its end? */
static bool jumps(const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_CONTINUE) return true;
        bool loop = s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE;
        if (!loop && (jumps(s->body) || jumps(s->other))) return true;
    }
    return false;
}

/* Does the copy name what the block around it defines? */
static bool names(void *user, const IrExpr *e)
{
    return e->op == IR_VAR && base_map_get(user, (uint64_t)e->var->id + 1);
}

static bool is_free(Late *l, const IrBlock *block, Copy *c)
{
    Map own = base_map(l->k->arena);
    for (size_t i = 0; i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_LET) base_map_put(&own, (uint64_t)s->var->id + 1, s);
    }
    return !pass_any_operand(c->store, names, &own) && !pass_any_below(&c->lets, names, &own);
}

/* Registers for all copies of a round; or for some of them, made beside the others. */
static int64_t room(Late *l, const IrBlock *block)
{
    int64_t total = 0;
    for (size_t i = 0; i < block->stmts.len; i++) {
        Copy c;
        if (find_copy(block->stmts.data[i], &c)) total += c.size;
    }
    return total <= l->left ? total : l->left - COPY_REGISTERS;
}

/* ---- the two halves -------------------------------------------------------------------------- */
/* The copy's loops, at the end of `to`, with counters of their own; the innermost body, empty. */
static IrBlock *open_loops(Late *l, const Copy *c, PassClone *clone, IrBlock *to, const IrExpr **at)
{
    IrKernel *k = l->k;
    *at = ir_index(k, 0);
    for (int i = 0; i < c->depth; i++) {
        const IrVar *old = c->loops[i]->var;
        IrVar *var = ir_new_var(k, old->name, old->type, false);
        const IrExpr *trip = ir_index(k, c->trips[i]);
        IrStmt *loop = ir_for(k, to, var, ir_index(k, 0), trip, ir_index(k, 1));
        loop->flags |= IR_UNROLL | (c->loops[i]->flags & IR_TOGETHER);
        pass_clone_bind(clone, old, ir_var(k, var));
        *at = ir_binary(k, IR_ADD, ir_binary(k, IR_MUL, *at, trip), ir_var(k, var));
        to = loop->body;
    }
    *at = ir_binary(k, IR_MUL, *at, ir_index(k, c->lanes));
    pass_clone_into(clone, to, &c->lets);
    return to;
}

static const IrExpr *lane_of(const Copy *c, const IrExpr *value, int lane)
{
    return c->lanes > 1 ? value->args[lane] : value;
}

static void load_half(Late *l, const Copy *c, IrTensor *held, IrBlock *to)
{
    IrKernel *k = l->k;
    const IrExpr *at;
    PassClone clone = pass_clone_begin(k);
    IrBlock *body = open_loops(l, c, &clone, to, &at);
    for (int lane = 0; lane < c->lanes; lane++) {
        const IrExpr *slot = ir_binary(k, IR_ADD, at, ir_index(k, lane));
        const IrExpr *value = lane_of(c, pass_store_value(c->store), lane);
        ir_store(k, body, held, &slot, pass_clone_expr(&clone, value), NULL)->flags |= IR_LINEAR;
    }
}

static void store_half(Late *l, const Copy *c, const IrTensor *held, IrBlock *to)
{
    enum { MOST_LANES = 16 };
    IrKernel *k = l->k;
    const IrExpr *at, *lanes[MOST_LANES] = {NULL};
    PassClone clone = pass_clone_begin(k);
    IrBlock *body = open_loops(l, c, &clone, to, &at);
    for (int lane = 0; lane < c->lanes; lane++) {
        const IrExpr *slot = ir_binary(k, IR_ADD, at, ir_index(k, lane));
        lanes[lane] = ir_load_with(k, held, 1, IR_LINEAR | IR_PROVED, &slot, NULL, NULL);
    }
    IrType type = {held->elem, c->lanes};
    const IrExpr *value = c->lanes > 1 ? ir_vector(k, type, lanes) : lanes[0];
    const IrExpr *offset = pass_clone_expr(&clone, c->store->args[0]);
    pass_append_store(k, body, c->store, offset, value, NULL);
    VEC_LAST(body->stmts)->flags &= ~(uint32_t)IR_ASYNC;
}

static void halve(Late *l, const Copy *c, IrBlock *first, IrBlock *second)
{
    IrKernel *k = l->k;
    ir_set_origin(k, c->store->origin);
    const IrExpr *extent = ir_index(k, c->size);
    const Name *name = pass_make_name(k, "%s_next", c->store->tensor->name->text);
    IrTensor *held = ir_new_tensor(k, name, IR_PRIVATE, c->store->tensor->elem, 1, &extent);
    held->origin = c->store->origin;
    load_half(l, c, held, first);
    store_half(l, c, held, second);
}

/* The copies `some` of a round ahead, in the loop's body. */
static void split(Late *l, IrBlock *body, IrStmt *some)
{
    IrKernel *k = l->k;
    IrBlock *end = ir_new_block(k), old = pass_take(some->body);
    int64_t left = room(l, &old);
    for (size_t i = 0; i < old.stmts.len; i++) {
        Copy c;
        IrStmt *s = old.stmts.data[i];
        if (find_copy(s, &c) && c.size <= left && is_free(l, &old, &c)) {
            halve(l, &c, some->body, end);
            left -= c.size;
        } else {
            VEC_PUSH(k->arena, some->body->stmts, s);
        }
    }
    if (end->stmts.len == 0) return;
    ir_set_origin(k, some->origin);
    ir_if(k, body, some->args[0], false)->body = end;
}

static bool works(const IrBlock *body, size_t from)
{
    for (size_t i = from; i < body->stmts.len; i++) {
        IrStmtKind kind = body->stmts.data[i]->kind;
        if (kind != IR_STMT_COMMIT && kind != IR_STMT_LET) return true;
    }
    return false;
}

static bool visit(void *user, IrStmt *s)
{
    Late *l = user;
    if (s->kind != IR_STMT_FOR) return true;
    for (size_t i = 0, count = s->body->stmts.len; i < count; i++) {
        IrStmt *some = s->body->stmts.data[i];
        bool ahead = some->kind == IR_STMT_IF && some->flags & IR_AHEAD && !some->other;
        if (!ahead || !works(s->body, i + 1) || jumps(s->body)) continue;
        l->left = pass_registers_in(l->ctx, s);
        split(l, s->body, some);
    }
    return true;
}

bool pass_late(PassContext *ctx)
{
    Late l = {.ctx = ctx, .k = ctx->k};
    ir_walk(ctx->k->body, visit, &l);
    return true;
}
