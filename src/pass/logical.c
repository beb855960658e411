/* logical - task loops that need no thread become plain loops over their tasks (CPU).
 *
 * A block's threads exist so that hardware has something to do at once. Where a task loop runs
 * over the whole block, names no thread and touches no element twice, the tasks are run once, in
 * the order that suits memory, and a tile used only so is an array of its shape: then the C
 * compiler sees the loops that a person would have written, and vectorises them. Everything else
 * is left to fission. Under --check this pass is off: there each worker is watched.
 */
#include "pass/logical.h"

/* ---- which loops, which tiles ---------------------------------------------------------------- */

static void find_candidates(Logical *l, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_TASKS && logical_is_candidate(l->k, s)) {
            base_map_put(&l->tasks, base_key(s), s);
            continue;
        }
        find_candidates(l, s->body);
        find_candidates(l, s->other);
    }
}

static bool is_candidate(const Logical *l, const IrStmt *s)
{
    return base_map_get(&l->tasks, base_key(s)) != NULL;
}

/* A tile over the whole block has one place for each element whoever asks. Replicas hold the same
 * value once all their owners have stored it, which task loops read; code of a thread's own might
 * read its replica before or after another thread's store. */
static void spoil_tile(Logical *l, const IrTensor *t, bool loads)
{
    if (t->space != IR_TILE || l->bad_tiles[t->id]) return;
    bool own = loads && mapping_has_replicas(t->over);
    if (t->over->workers == l->k->block_size && !own) return;
    l->bad_tiles[t->id] = true;
    l->changed = true;
}

static bool spoil(void *user, const IrExpr *e)
{
    if (e->op == IR_LOAD) spoil_tile(user, e->tensor, true);
    return false;
}

/* Tiles used outside of candidates stay with their threads. */
static void spoil_tiles(Logical *l, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (is_candidate(l, s)) continue;
        pass_any_operand(s, spoil, l);
        if (s->tensor) spoil_tile(l, s->tensor, s->kind != IR_STMT_STORE);
        spoil_tiles(l, s->body);
        spoil_tiles(l, s->other);
    }
}

static bool loads_bad(void *user, const IrExpr *e)
{
    const Logical *l = user;
    return e->op == IR_LOAD && l->bad_tiles[e->tensor->id];
}

static bool stores_bad(const Logical *l, const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->tensor && l->bad_tiles[s->tensor->id]) return true;
        if (stores_bad(l, s->body) || stores_bad(l, s->other)) return true;
    }
    return false;
}

/* And a loop that touches such a tile is no candidate. */
static void drop_candidates(Logical *l)
{
    for (size_t i = 0; i < l->tasks.len; i++) {
        IrStmt *s = l->tasks.entries[i].value;
        if (!s) continue;
        if (!pass_any_below(s->body, loads_bad, l) && !stores_bad(l, s->body)) continue;
        base_map_put(&l->tasks, base_key(s), NULL);
        l->changed = true;
    }
}

/* ---- rewriting ------------------------------------------------------------------------------- */

static const IrExpr *replace_tile(void *user, const IrExpr *e)
{
    Logical *l = user;
    if (e->op != IR_LOAD || e->tensor->id >= l->tensor_count || !l->tiles[e->tensor->id])
        return NULL;
    int n = pass_load_indices(e);
    bool guarded = e->flags & IR_GUARDED;
    return ir_load_with(l->k, l->tiles[e->tensor->id], e->type.lanes, e->flags, e->args,
                        guarded ? e->args[n] : NULL, guarded ? e->args[n + 1] : NULL);
}

static void replace_stores(Logical *l, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (s->tensor && s->tensor->id < l->tensor_count && l->tiles[s->tensor->id])
            s->tensor = l->tiles[s->tensor->id];
        replace_stores(l, s->body);
        replace_stores(l, s->other);
    }
}

static void replace_tiles(Logical *l)
{
    IrKernel *k = l->k;
    for (size_t i = 0; i < l->tensor_count; i++) {
        IrTensor *t = k->tensors.data[i];
        if (t->space != IR_TILE || l->bad_tiles[i]) continue;
        l->tiles[i] = ir_new_tensor(k, t->name, IR_SHARED, t->elem, t->rank, t->extents);
    }
    pass_map_block(k, k->body, replace_tile, l);
    replace_stores(l, k->body);
}

/* `for … { LETs, tasks }`: the tasks; NULL if it is something else. */
static const IrStmt *only_tasks(const Logical *l, const IrStmt *loop)
{
    if (loop->kind != IR_STMT_FOR || !(loop->flags & IR_TOGETHER)) return NULL;
    const IrBlock *body = loop->body;
    for (size_t i = 0; i < body->stmts.len; i++) {
        const IrStmt *s = body->stmts.data[i];
        bool last = i + 1 == body->stmts.len;
        if (last ? !is_candidate(l, s) : s->kind != IR_STMT_LET) return NULL;
    }
    return body->stmts.len ? VEC_LAST(body->stmts) : NULL;
}

static bool rewrite_tasks(void *user, IrStmt *s, IrBlock *to)
{
    const Logical *l = user;
    const IrStmt *tasks = only_tasks(l, s);
    ir_set_origin(l->k, s->origin);
    if (is_candidate(l, s)) {
        logical_nest(l->k, s, to);
        return true;
    }
    return tasks && logical_block(l->k, s, tasks, to);
}

bool pass_logical(PassContext *ctx)
{
    if (ctx->k->waits) return true;
    if (ctx->options->check) return true;
    IrKernel *k = ctx->k;
    Logical l = {.k = k, .tasks = base_map(k->arena), .tensor_count = k->tensors.len};
    l.bad_tiles = NEW_ARRAY(k->arena, bool, l.tensor_count + 1);
    l.tiles = NEW_ARRAY(k->arena, IrTensor *, l.tensor_count + 1);
    find_candidates(&l, k->body);
    do {
        l.changed = false;
        spoil_tiles(&l, k->body);
        drop_candidates(&l);
    } while (l.changed);
    replace_tiles(&l);
    pass_replace_stmts(k, k->body, rewrite_tasks, &l);
    return true;
}
