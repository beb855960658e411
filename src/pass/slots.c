/* slots - checks the slot rule for every access to a distributed tile.
 *
 * An access is legal if at every step each worker owns the element, at a slot that depends neither
 * on the worker nor on a run-time counter (slot.c decides). A store to a tile with replicas must
 * be executed by every owner, with the same value: no index, condition or coordinate that it
 * depends on may differ between two owners. Values that cannot be followed (assigned variables,
 * results of collectives) are taken to be equal.
 */
#include "pass/internal.h"

typedef struct Condition {
    const IrExpr *cond;
    const struct Condition *outer;
} Condition;

typedef struct Walk {
    PassScope scope;
    Diags *diags;
    Map lets; /* variable id + 1 to the value it was bound to */
    const Condition *conditions;
    uint32_t origin;
    bool failed;
    const IrTensor *tile; /* of the store in hand */
    PassSlot why;
} Walk;

static const char *coords_text(Arena *arena, const PassSlot *why, int rank)
{
    Sb sb = base_sb(arena);
    for (int i = 0; i < rank; i++)
        base_sb_printf(&sb, "%s%lld", i ? ", " : "(", (long long)why->coords[i]);
    base_sb_char(&sb, ')');
    return base_sb_text(&sb);
}

static uint32_t culprit_origin(const PassSlot *why, uint32_t origin)
{
    return why->culprit && why->culprit->origin ? why->culprit->origin : origin;
}

void pass_slot_report(IrKernel *k, Diags *diags, uint32_t origin, const IrTensor *tile,
                      const PassSlot *why)
{
    Arena *a = k->arena;
    const char *name = tile->name->text, *coords = coords_text(a, why, tile->rank);
    const char *worker = base_format(a, "%lld", (long long)why->worker);
    const char *other = base_format(a, "%lld", (long long)why->other);
    const char *over = mapping_text(a, tile->over, NULL, NULL);
    Span span = pass_span(k, origin), culprit = pass_span(k, culprit_origin(why, origin));
    Diag *d = NULL;
    switch (why->kind) {
    case SLOT_OK:
        return;
    case SLOT_NOT_OWNED:
        d = diag_report(diags, DIAG_SLOT_NOT_OWNED, span, worker, coords, name);
        break;
    case SLOT_RUNTIME:
        d = diag_report(diags, DIAG_SLOT_RUNTIME, span, name);
        if (why->culprit) diag_label(diags, d, culprit, "index %d depends on this", why->dim);
        diag_note(diags, d,
                  "registers have no addresses: an index may use task coordinates and "
                  "counters of loops with constant bounds");
        break;
    case SLOT_VARIES:
        d = diag_report(diags, DIAG_SLOT_VARIES, span, name, worker);
        diag_note(diags, d, "worker %s needs element %s", worker, coords);
        break;
    case SLOT_REPLICA:
        d = diag_report(diags, DIAG_SLOT_REPLICA, span, worker, other, name);
        if (why->culprit)
            diag_label(diags, d, culprit, "this differs between them");
        else
            diag_note(diags, d, "only one of them runs this");
        diag_note(diags, d, "`reduce` combines the values of several workers");
        break;
    }
    diag_label(diags, d, pass_span(k, tile->origin), "`%s` is distributed over %s", name, over);
}

static void refuse(Walk *w, const IrTensor *tile, const PassSlot *why)
{
    pass_slot_report(w->scope.k, w->diags, w->origin, tile, why);
    w->failed = true;
}

static bool check_load(void *user, const IrExpr *e)
{
    Walk *w = user;
    if (e->op != IR_LOAD || e->tensor->space != IR_TILE || e->flags & IR_LINEAR) return false;
    PassSlot why;
    if (pass_slot_check(&w->scope, e->tensor, e->args, &why) != SLOT_OK) refuse(w, e->tensor, &why);
    return false;
}

/* Does a value depend on an assigned variable or a collective, through other variables? */
static bool is_opaque(void *user, const IrExpr *e)
{
    Walk *w = user;
    if (e->op != IR_VAR || pass_slot_known(&w->scope, e)) return false;
    const IrExpr *value = base_map_get(&w->lets, (uint64_t)e->var->id + 1);
    return !value || ir_any(value, is_opaque, w);
}

/* Does a value differ between replicas? Known integers by evaluation, the rest by its parts. */
static bool differs(Walk *w, const IrExpr *e)
{
    if (e->op == IR_CONST) return false;
    if (pass_slot_known(&w->scope, e)) return pass_slot_differs(&w->scope, w->tile, e, &w->why);
    if (e->op == IR_VAR) {
        const IrExpr *value = base_map_get(&w->lets, (uint64_t)e->var->id + 1);
        return value && differs(w, value);
    }
    for (uint32_t i = 0; i < e->count; i++)
        if (differs(w, e->args[i])) return true;
    return false;
}

static void check_store(Walk *w, const IrStmt *s)
{
    PassSlot why;
    const IrTensor *tile = s->tensor;
    if (tile->space != IR_TILE || s->flags & IR_LINEAR) return;
    if (pass_slot_check(&w->scope, tile, s->args, &why) != SLOT_OK) {
        refuse(w, tile, &why);
        return;
    }
    if (!mapping_has_replicas(tile->over) || s->flags & IR_AGREED) return;
    w->tile = tile;
    bool varies = pass_slot_excludes(&w->scope, tile, &w->why);
    for (int i = tile->rank; i < s->count && !varies; i++)
        varies = !ir_any(s->args[i], is_opaque, w) && differs(w, s->args[i]);
    for (const Condition *c = w->conditions; c && !varies; c = c->outer)
        varies = differs(w, c->cond);
    if (varies) refuse(w, tile, &w->why);
}

static void walk(Walk *w, IrBlock *block);

/* The inside of a statement that narrows who runs it, or binds variables. */
static void walk_inside(Walk *w, IrStmt *s)
{
    Walk saved = *w;
    Condition cond = {s->count ? s->args[0] : NULL, w->conditions};
    if (s->kind == IR_STMT_IF || s->kind == IR_STMT_WHILE) w->conditions = &cond;
    if (s->kind == IR_STMT_FOR) pass_scope_for(&w->scope, s);
    if (s->kind == IR_STMT_TASKS) pass_scope_tasks(&w->scope, s);
    if (s->kind == IR_STMT_ROLE) {
        w->scope.first = s->imm;
        w->scope.count = s->imm2;
    }
    walk(w, s->body);
    walk(w, s->other);
    w->conditions = saved.conditions;
    w->scope.first = saved.scope.first;
    w->scope.count = saved.scope.count;
    w->scope.workers = saved.scope.workers;
}

static void walk(Walk *w, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        w->origin = s->origin;
        pass_any_operand(s, check_load, w);
        if (s->kind == IR_STMT_LET) {
            pass_scope_let(&w->scope, s);
            if (!s->var->mutable)
                base_map_put(&w->lets, (uint64_t)s->var->id + 1, (void *)(uintptr_t)s->args[0]);
        }
        if (s->kind == IR_STMT_STORE) check_store(w, s);
        if (s->body) walk_inside(w, s);
    }
}

bool pass_slots(PassContext *ctx)
{
    Walk w = {.scope = pass_scope_begin(ctx->k), .diags = ctx->diags};
    w.lets = base_map(ctx->k->arena);
    walk(&w, ctx->k->body);
    return !w.failed;
}
