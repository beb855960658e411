/* expand - task loops become loops over time digits, tiles become arrays of slots.
 *
 * Requires the slot rule (slots.c). A task loop turns into one FOR a time digit, slowest first;
 * what the worker contributes to a coordinate is computed once before them, in a variable named
 * after the task variable, and each task variable is a LET of "worker part + time part". Then
 * every access to a tile gets its slot as an affine expression of loop counters, verified on all
 * their values; loops whose slots are not affine are unrolled here, so that they are constants.
 * Loops whose counters choose slots carry IR_UNROLL: no tile is ever indexed at run time.
 */
#include "pass/internal.h"

enum { UNROLL_STEPS = 16 };

/* ---- task loops ------------------------------------------------------------------------------ */
static bool expand_tasks(void *user, IrStmt *tasks, IrBlock *to);

/* Replaces the `kind` statements that leave this body by LEAVE of `label`; true if there were any.
 */
static bool leave_instead(IrBlock *block, IrStmtKind kind, IrVar *label)
{
    bool any = false;
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (s->kind == kind) {
            s->kind = IR_STMT_LEAVE;
            s->var = label;
            any = true;
        }
        bool loop = s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE || s->kind == IR_STMT_TASKS;
        if (loop) continue;
        any |= leave_instead(s->body, kind, label);
        any |= leave_instead(s->other, kind, label);
    }
    return any;
}

static bool has_stmt(IrBlock *block, IrStmtKind kind)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (s->kind == kind || has_stmt(s->body, kind) || has_stmt(s->other, kind)) return true;
    }
    return false;
}

static IrBlock *region(IrKernel *k, IrBlock *block, IrVar *label)
{
    IrStmt *r = ir_append(k, block, IR_STMT_REGION);
    r->var = label;
    r->body = ir_new_block(k);
    return r->body;
}

static bool touches_thread_memory(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD && (e->tensor->space == IR_TILE || e->tensor->space == IR_PRIVATE);
}

static bool stores_thread_memory(IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        bool own = s->kind == IR_STMT_STORE &&
                   (s->tensor->space == IR_TILE || s->tensor->space == IR_PRIVATE);
        if (own || stores_thread_memory(s->body) || stores_thread_memory(s->other)) return true;
    }
    return false;
}

static bool wants_unrolling(const IrStmt *tasks)
{
    const Mapping *m = tasks->tasks->mapping;
    int64_t steps = 1;
    for (int i = 0; i < m->time_count; i++)
        if (!MAPPING_IS_RUNTIME(m->time[i].extent)) steps *= m->time[i].extent;
    if (stores_thread_memory(tasks->body)) return true;
    if (pass_any_below(tasks->body, touches_thread_memory, NULL)) return true;
    return steps <= UNROLL_STEPS && !has_stmt(tasks->body, IR_STMT_FOR) &&
           !has_stmt(tasks->body, IR_STMT_WHILE) && !has_stmt(tasks->body, IR_STMT_BARRIER);
}

/* The loops over the time digits; returns the innermost body. */
static IrBlock *make_loops(IrKernel *k, IrBlock *to, const IrStmt *tasks, const IrExpr **counters)
{
    const Mapping *m = tasks->tasks->mapping;
    bool unroll = wants_unrolling(tasks);
    for (int i = 0; i < m->time_count; i++) {
        const MappingDigit *digit = &m->time[i];
        const Name *name =
            digit->dim < 0 ? pass_make_name(k, "t")
                           : pass_make_name(k, "%s_t", tasks->tasks->vars[digit->dim]->name->text);
        IrVar *var = ir_new_var(k, name, (IrType){ELEM_INDEX, 1}, false);
        IrStmt *loop =
            ir_for(k, to, var, ir_index(k, 0), pass_task_extent(k, tasks, digit), ir_index(k, 1));
        loop->flags |= tasks->flags & IR_TOGETHER;
        var->uniform = tasks->flags & IR_TOGETHER;
        bool chunk = tasks->flags & IR_ASYNC && i == m->time_count - 1 &&
                     !MAPPING_IS_RUNTIME(digit->extent) && digit->extent <= UNROLL_STEPS;
        if (chunk || (unroll && !MAPPING_IS_RUNTIME(digit->extent))) loop->flags |= IR_UNROLL;
        counters[i] = ir_var(k, var);
        to = loop->body;
    }
    return to;
}

/* Coordinates: worker parts before the loops, sums inside them. */
static void name_worker_parts(IrKernel *k, IrBlock *to, const IrStmt *tasks, const IrExpr **parts)
{
    for (int d = 0; d < tasks->tasks->mapping->rank; d++) {
        parts[d] = pass_task_worker_part(k, tasks, d);
        if (parts[d]->count == 0) continue;
        const Name *name = pass_make_name(k, "%s_w", tasks->tasks->vars[d]->name->text);
        parts[d] = ir_var(k, pass_new_let(k, to, name, parts[d]));
    }
}

static bool expand_tasks(void *user, IrStmt *tasks, IrBlock *to)
{
    if (tasks->kind != IR_STMT_TASKS) return false;
    IrKernel *k = user;
    const Mapping *m = tasks->tasks->mapping;
    const IrExpr *parts[MAPPING_MAX_RANK], *counters[MAPPING_MAX_DIGITS];
    ir_set_origin(k, tasks->origin);
    name_worker_parts(k, to, tasks, parts);
    IrVar *label = ir_new_var(k, pass_make_name(k, "done"), (IrType){ELEM_BOOL, 1}, false);
    IrVar *next = ir_new_var(k, pass_make_name(k, "next"), (IrType){ELEM_BOOL, 1}, false);
    if (m->time_count != 1 && leave_instead(tasks->body, IR_STMT_BREAK, label))
        to = region(k, to, label);
    IrBlock *body = make_loops(k, to, tasks, counters);
    for (int d = 0; d < m->rank; d++) {
        IrVar *var = tasks->tasks->vars[d];
        const IrExpr *time = pass_task_time_part(k, tasks, d, counters);
        ir_let(k, body, var, ir_binary(k, IR_ADD, parts[d], time));
    }
    if (m->time_count == 0 && leave_instead(tasks->body, IR_STMT_CONTINUE, next))
        body = region(k, body, next);
    pass_replace_stmts(k, tasks->body, expand_tasks, k);
    ir_splice(k, body, tasks->body);
    return true;
}

/* ---- slots ----------------------------------------------------------------------------------- */
typedef struct Slots {
    PassScope scope;
    Diags *diags;
    Map fits;   /* LOAD's id + 1, or STORE's address, to its slot */
    Map unroll; /* loops to unroll, by address */
    bool failed;
    uint32_t origin;
} Slots;

static bool is_tile_access(const IrTensor *t, uint32_t flags)
{
    return t->space == IR_TILE && !(flags & IR_LINEAR);
}

static const IrExpr *fit(Slots *s, uint64_t id, const IrTensor *tile, const IrExpr *const *index)
{
    const IrExpr *slot = base_map_get(&s->fits, id);
    if (slot || s->failed) return slot;
    IrStmt *culprit = NULL;
    slot = pass_slot_fit(&s->scope, tile, index, &culprit);
    if (slot) {
        base_map_put(&s->fits, id, (void *)(uintptr_t)slot);
    } else if (culprit) {
        base_map_put(&s->unroll, base_key(culprit), culprit);
    } else { /* the slots pass has not run: say what it would have said */
        PassSlot why;
        pass_slot_check(&s->scope, tile, index, &why);
        pass_slot_report(s->scope.k, s->diags, s->origin, tile, &why);
        s->failed = true;
    }
    return slot;
}

static bool fit_load(void *user, const IrExpr *e)
{
    Slots *s = user;
    if (e->op == IR_LOAD && is_tile_access(e->tensor, e->flags))
        fit(s, (uint64_t)e->id + 1, e->tensor, e->args);
    return false;
}

/* Finds the slot of every access below; what it needs is collected in `unroll`. */
static void fit_block(Slots *s, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len && !s->failed; i++) {
        IrStmt *stmt = block->stmts.data[i];
        int64_t first = s->scope.first, count = s->scope.count;
        s->origin = stmt->origin;
        pass_any_operand(stmt, fit_load, s);
        if (stmt->kind == IR_STMT_LET) pass_scope_let(&s->scope, stmt);
        if (stmt->kind == IR_STMT_FOR) pass_scope_for(&s->scope, stmt);
        if (stmt->kind == IR_STMT_STORE && is_tile_access(stmt->tensor, stmt->flags))
            fit(s, base_key(stmt), stmt->tensor, stmt->args);
        if (stmt->kind == IR_STMT_ROLE) {
            s->scope.first = stmt->imm;
            s->scope.count = stmt->imm2;
        }
        fit_block(s, stmt->body);
        fit_block(s, stmt->other);
        s->scope.first = first;
        s->scope.count = count;
    }
}

/* Marks the loops whose counters an expression names: they must be unrolled by the compiler. */
static bool mark_counter(void *user, const IrExpr *e)
{
    Slots *s = user;
    if (e->op != IR_VAR) return false;
    PassCounter *c = base_map_get(&s->scope.counters, (uint64_t)e->var->id + 1);
    if (c) c->loop->flags |= IR_UNROLL;
    return false;
}

static const IrExpr *use_slot(void *user, const IrExpr *e)
{
    Slots *s = user;
    if (e->op != IR_LOAD || !is_tile_access(e->tensor, e->flags)) return NULL;
    const IrExpr *slot = fit(s, (uint64_t)e->id + 1, e->tensor, e->args);
    if (!slot) return NULL;
    ir_any(slot, mark_counter, s);
    int n = pass_load_indices(e);
    bool guarded = e->flags & IR_GUARDED;
    return ir_load_with(s->scope.k, e->tensor, e->type.lanes, e->flags | IR_LINEAR, &slot,
                        guarded ? e->args[n] : NULL, guarded ? e->args[n + 1] : NULL);
}

static void use_slots(Slots *s, IrBlock *block)
{
    IrKernel *k = s->scope.k;
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *stmt = block->stmts.data[i];
        pass_map_stmt(k, stmt, use_slot, s);
        const IrExpr *slot = base_map_get(&s->fits, base_key(stmt));
        if (stmt->kind == IR_STMT_STORE && is_tile_access(stmt->tensor, stmt->flags) && slot) {
            ir_any(slot, mark_counter, s);
            pass_store_linear(k, stmt, slot);
        }
        use_slots(s, stmt->body);
        use_slots(s, stmt->other);
    }
}

/* ---- unrolling ------------------------------------------------------------------------------- */
static bool leaves_iteration(const IrStmt *loop)
{
    for (size_t i = 0; i < loop->body->stmts.len; i++) {
        const IrStmt *s = loop->body->stmts.data[i];
        if (s->kind == IR_STMT_BREAK || s->kind == IR_STMT_CONTINUE) return true;
    }
    return has_stmt(loop->body, IR_STMT_BREAK) || has_stmt(loop->body, IR_STMT_CONTINUE);
}

static void unroll_loop(Slots *s, IrBlock *to, IrStmt *loop)
{
    IrKernel *k = s->scope.k;
    int64_t lo, step, trip;
    pass_const_loop(loop, &lo, &step, &trip);
    IrVar *done = NULL, *next = NULL;
    if (leaves_iteration(loop)) {
        done = ir_new_var(k, pass_make_name(k, "done"), (IrType){ELEM_BOOL, 1}, false);
        next = ir_new_var(k, pass_make_name(k, "next"), (IrType){ELEM_BOOL, 1}, false);
        leave_instead(loop->body, IR_STMT_BREAK, done);
        leave_instead(loop->body, IR_STMT_CONTINUE, next);
        to = region(k, to, done);
    }
    for (int64_t i = 0; i < trip; i++) {
        PassClone c = pass_clone_begin(k);
        pass_clone_bind(&c, loop->var, ir_index(k, lo + i * step));
        IrBlock *body = to;
        if (next) {
            IrVar *label = ir_new_var(k, next->name, next->type, false);
            base_map_put(&c.vars, (uint64_t)next->id + 1, label);
            body = region(k, to, label);
        }
        pass_clone_into(&c, body, loop->body);
    }
}

static void unroll_marked(Slots *s, IrBlock *block)
{
    if (!block) return;
    IrBlock old = pass_take(block);
    for (size_t i = 0; i < old.stmts.len; i++) {
        IrStmt *stmt = old.stmts.data[i];
        unroll_marked(s, stmt->body);
        unroll_marked(s, stmt->other);
        if (base_map_get(&s->unroll, base_key(stmt)))
            unroll_loop(s, block, stmt);
        else
            VEC_PUSH(s->scope.arena, block->stmts, stmt);
    }
}

/* Unrolling makes constants of counters, so that each round leaves fewer loops. */
static void find_slots(Slots *s, IrBlock *block, int64_t first, int64_t threads)
{
    for (;;) {
        s->scope.first = first;
        s->scope.count = threads;
        s->unroll = base_map(s->scope.arena);
        fit_block(s, block);
        if (s->failed || s->unroll.len == 0) return;
        unroll_marked(s, block);
    }
}

bool pass_expand_block(IrKernel *k, Diags *diags, IrBlock *block, int64_t first, int64_t threads)
{
    pass_replace_stmts(k, block, expand_tasks, k);
    Slots s = {.scope = pass_scope_begin(k), .diags = diags};
    s.fits = base_map(k->arena);
    find_slots(&s, block, first, threads);
    if (s.failed) return false;
    use_slots(&s, block);
    return true;
}

bool pass_expand(PassContext *ctx)
{
    IrKernel *k = ctx->k;
    return pass_expand_block(k, ctx->diags, k->body, 0, k->block_size);
}
