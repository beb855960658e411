/* select - products run on the machine's matrix instructions.
 *
 * A task loop flagged IR_MMA says what is computed (ir.h, IrInstruction); it becomes statements
 * `machine` where an instruction of the architecture has its element types, divides its depth, and
 * leaves its sums where the tile has them: every warp's part of the tile is a grid of the
 * instruction's fragments, at slots that follow each other. That is decided by evaluation, so it
 * does not matter how the mapping is written. The factors come out of shared memory
 * (select_load.c), or, where the tensor only holds a copy of a register tile whose owners hold what
 * the instruction wants, straight from the tile's registers; then the copy and its tensor go.
 *
 * What has no instruction stays a loop on CUDA cores, and -Wperf says why.
 *
 * Instructions that read a factor from shared memory themselves have no mapping for it: it must lie
 * as their descriptors can say (select_place.c). They run asynchronously, and are waited for here,
 * unless the program does (`wgmma.mma`).
 */
#include "pass/select.h"

/* ---- small things ---------------------------------------------------------------------------- */
const IrExpr *select_sum(IrKernel *k, const IrExpr *a, const IrExpr *b)
{
    return ir_binary(k, IR_ADD, a, b);
}

const IrExpr *select_times(IrKernel *k, const IrExpr *a, int64_t b)
{
    return ir_binary(k, IR_MUL, a, ir_index(k, b));
}

IrBlock *select_loop(IrKernel *k, IrBlock *to, const char *name, int64_t trip,
                     const IrExpr **counter)
{
    *counter = ir_index(k, 0);
    if (trip == 1) return to;
    IrVar *var = ir_new_var(k, pass_make_name(k, "%s", name), (IrType){ELEM_INDEX, 1}, false);
    IrStmt *loop = ir_for(k, to, var, ir_index(k, 0), ir_index(k, trip), ir_index(k, 1));
    loop->flags |= IR_UNROLL;
    *counter = ir_var(k, var);
    return loop->body;
}

const IrExpr *select_worker_part(IrKernel *k, const Mapping *m, const IrExpr *worker, int dim)
{
    const IrTasks tasks = {m, NULL, 1};
    const IrStmt loop = {.kind = IR_STMT_TASKS, .count = 1, .args = &worker, .tasks = &tasks};
    return pass_task_worker_part(k, &loop, dim);
}

IrStmt *select_machine(IrKernel *k, IrBlock *to, Builtin builtin, const IrTensor *t,
                       const IrExpr *offset, const char *text)
{
    IrStmt *s = ir_append(k, to, IR_STMT_MACHINE);
    s->builtin = builtin;
    s->tensor = t;
    s->text = text;
    s->flags = IR_LINEAR;
    s->args = NEW_ARRAY(k->arena, const IrExpr *, 3);
    s->args[0] = offset;
    s->count = 1;
    return s;
}

/* ---- tiles of warps -------------------------------------------------------------------------- */
bool select_is_var(const IrExpr *e, const IrVar *var)
{
    return e->op == IR_VAR && e->var == var;
}

/* The slot where a tile's undistributed dimensions lead; their indices must not name `vars`. */
static const IrExpr *leading_slot(IrKernel *k, const IrTensor *t, IrVar *const vars[2],
                                  const IrExpr *const *index)
{
    const IrExpr *at = ir_index(k, 0);
    for (int d = 0; d < t->rank - 2; d++) {
        if (pass_uses_var(index[d], vars[0]) || pass_uses_var(index[d], vars[1])) return NULL;
        at = select_sum(k, select_times(k, at, t->extents[d]->value.i), index[d]);
    }
    return select_times(k, at, t->over->steps);
}

/* The index is `own` and an offset, a sum of multiples of `unit` that names neither variable. */
static bool offset_of(IrKernel *k, const IrExpr *index, const IrVar *own, const IrVar *other,
                      int64_t unit, const IrExpr **offset)
{
    PassAffine a = pass_affine(k, index), rest = {.constant = a.constant};
    rest.terms = NEW_ARRAY(k->arena, PassTerm, (size_t)a.count + 1);
    bool found = false;
    for (int i = 0; i < a.count; i++) {
        const PassTerm *term = &a.terms[i];
        bool is_own = select_is_var(term->atom, own) && term->coef == 1;
        found |= is_own;
        if (is_own) continue;
        if (pass_uses_var(term->atom, own) || pass_uses_var(term->atom, other)) return false;
        if (term->coef % unit) return false;
        rest.terms[rest.count++] = *term;
    }
    *offset = pass_affine_build(k, &rest);
    return found && a.constant % unit == 0;
}

/* A window of the tile has the tile's slots, one after the other from the one of its first. */
static bool is_run(const Mapping *part, const Mapping *whole)
{
    int64_t at[2];
    if (whole->workers % part->workers || part->rank != 2) return false;
    for (int64_t w = 0; w < part->workers; w++)
        for (int64_t step = 0; step < part->steps; step++) {
            mapping_eval(part, w, step, at);
            if (mapping_slot(whole, w, at) != step) return false;
        }
    return true;
}

const IrExpr *select_own_slot(IrKernel *k, const IrStmt *tasks, const IrTensor *t,
                              const IrExpr *const *index)
{
    int lead = t->rank - 2;
    const IrTasks *own = tasks->tasks;
    const Mapping *part = own->mapping, *whole = t->over;
    const IrExpr *offset[2];
    if (t->space != IR_TILE || !whole || whole->rank != 2 || lead < 0) return NULL;
    if (!mapping_equal(part, whole) && !is_run(part, whole)) return NULL;
    for (int d = 0; d < 2; d++)
        if (!offset_of(k, index[lead + d], own->vars[d], own->vars[1 - d], part->shape[d],
                       &offset[d]))
            return NULL;
    const IrExpr *slot = leading_slot(k, t, own->vars, index);
    for (int i = 0; i < whole->time_count && slot; i++) {
        const MappingDigit *digit = &whole->time[i];
        const IrExpr *value = ir_binary(k, IR_DIV, offset[digit->dim], ir_index(k, digit->stride));
        value = ir_binary(k, IR_MOD, value, ir_index(k, digit->extent));
        slot = select_sum(k, slot, select_times(k, value, digit->place));
    }
    return slot;
}

bool select_has_units(Select *s, const IrStmt *tasks, int64_t unit)
{
    const PassScope *scope = &s->scope;
    const IrExpr *worker = pass_resolve(&s->scope, tasks->args[0]);
    const int64_t *workers = pass_scope_threads(&s->scope, worker);
    if (!workers || scope->first % unit || scope->count % unit) return false;
    for (int64_t t = scope->first; t < scope->first + scope->count; t++)
        if (workers[t] % unit != t % unit || workers[t] != workers[t - t % unit] + t % unit)
            return false;
    return tasks->tasks->mapping->workers % unit == 0;
}

const IrExpr *select_unit_part(IrKernel *k, const IrStmt *tasks, int64_t unit, int dim)
{
    const IrExpr *number = ir_binary(k, IR_DIV, tasks->args[0], ir_index(k, unit));
    return select_worker_part(k, tasks->tasks->mapping, select_times(k, number, unit), dim);
}

/* ---- the walk -------------------------------------------------------------------------------- */
static void walk(Select *s, IrBlock *block);

static void walk_inside(Select *s, IrStmt *stmt)
{
    PassScope *scope = &s->scope;
    int64_t first = scope->first, count = scope->count;
    struct PassWorkers *workers = scope->workers;
    if (stmt->kind == IR_STMT_FOR) s->flight = select_flight(s, stmt);
    if (stmt->kind == IR_STMT_FOR) pass_scope_for(scope, stmt);
    if (stmt->kind == IR_STMT_TASKS) pass_scope_tasks(scope, stmt);
    if (stmt->kind == IR_STMT_ROLE) {
        scope->first = stmt->imm;
        scope->count = stmt->imm2;
    }
    walk(s, stmt->body);
    walk(s, stmt->other);
    scope->first = first;
    scope->count = count;
    scope->workers = workers;
}

static void walk(Select *s, IrBlock *block)
{
    if (!block) return;
    IrBlock old = *block;
    memset(&block->stmts, 0, sizeof block->stmts);
    for (size_t i = 0; i < old.stmts.len; i++) {
        IrStmt *stmt = old.stmts.data[i];
        if (stmt->kind == IR_STMT_LET) pass_scope_let(&s->scope, stmt);
        bool tasks = stmt->kind == IR_STMT_TASKS;
        if (!s->copies && tasks && stmt->flags & IR_MMA && select_product(s, stmt, block)) continue;
        bool copy = s->copies && tasks && stmt->flags & IR_COPY;
        if (copy && (select_copy(s, stmt, block) || select_exchange(s, stmt, block))) continue;
        SelectFlight outer = s->flight;
        s->flight.taken = false;
        if (!tasks || !(stmt->flags & IR_MMA)) walk_inside(s, stmt);
        VEC_PUSH(s->k->arena, block->stmts, stmt);
        if (stmt->kind == IR_STMT_FOR && s->flight.taken)
            ir_append(s->k, block, IR_STMT_ORDER)->builtin = BUILTIN_WGMMA_WAIT;
        s->flight = outer;
    }
}

/* ---- copies that nobody needs ---------------------------------------------------------------- */
static bool stores_to_gone(Select *s, const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *stmt = block->stmts.data[i];
        if (stmt->kind == IR_STMT_STORE && base_map_get(&s->gone, base_key(stmt->tensor)))
            return true;
        if (stores_to_gone(s, stmt->body)) return true;
    }
    return false;
}

static void drop_copies(Select *s, IrBlock *block)
{
    size_t kept = 0;
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *stmt = block->stmts.data[i];
        bool copy = stmt->kind == IR_STMT_TASKS && stmt->flags & IR_COPY;
        if (copy && stores_to_gone(s, stmt->body)) continue;
        drop_copies(s, stmt->body);
        drop_copies(s, stmt->other);
        block->stmts.data[kept++] = stmt;
    }
    if (block) block->stmts.len = kept;
}

static void drop_tensors(Select *s)
{
    IrKernel *k = s->k;
    size_t kept = 0;
    for (size_t i = 0; i < k->tensors.len; i++) {
        IrTensor *t = k->tensors.data[i];
        if (base_map_get(&s->gone, base_key(t))) continue;
        t->id = (uint32_t)kept;
        k->tensors.data[kept++] = t;
    }
    k->tensors.len = kept;
}

/* Copies of registers that stay must fit, too. */
static void check_shared(const Select *s)
{
    const IrKernel *k = s->k;
    const IrTensor *copy = NULL;
    int64_t bytes = 0, limit = k->shared_limit;
    for (size_t i = 0; i < k->tensors.len; i++) {
        const IrTensor *t = k->tensors.data[i];
        int64_t size = t->space == IR_SHARED && !t->scope && !t->of ? ir_tensor_size(t) : 0;
        if (size <= 0) continue;
        bytes += (size * vocab_elem(t->elem)->bits + 7) / 8;
        if (t->staged) copy = t;
    }
    if (!copy || !limit || bytes <= limit) return;
    Diags *diags = s->ctx->diags;
    Diag *diag = diag_report(diags, DIAG_SHARED_LIMIT, pass_span(k, copy->origin), k->name->text,
                             base_format(k->arena, "%lld", (long long)bytes),
                             base_format(k->arena, "%lld", (long long)limit));
    diag_note(diags, diag, "a copy of `%s`, which lies otherwise than the instruction wants it",
              copy->staged->name->text);
}

bool pass_select(PassContext *ctx)
{
    IrKernel *k = ctx->k;
    Select s = {.ctx = ctx, .k = k, .scope = pass_scope_begin(k), .gone = base_map(k->arena)};
    size_t errors = ctx->diags->errors;
    select_unroll(k, k->body);
    s.facts = pass_facts(k, ctx->options);
    walk(&s, k->body);
    if (s.gone.len) {
        drop_copies(&s, k->body);
        drop_tensors(&s);
    }
    s.copies = true;
    walk(&s, k->body);
    check_shared(&s);
    return ctx->diags->errors == errors;
}
