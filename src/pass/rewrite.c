/* Rewriting and cloning of statements. */
#include "pass/internal.h"

const Name *pass_make_name(IrKernel *k, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *text = base_vformat(k->arena, fmt, args);
    va_end(args);
    size_t len = strlen(text);
    Name *name = base_alloc(k->arena, sizeof(Name) + len + 1);
    name->len = (uint32_t)len;
    name->hash = (uint32_t)base_hash(text, len, 0);
    memcpy(name->text, text, len + 1);
    return name;
}

Span pass_span(const IrKernel *k, uint32_t origin)
{
    while (origin) {
        const Origin *o = &k->origins.data[origin];
        if (o->span.end) return o->span;
        origin = o->parent;
    }
    return (Span){0, 0};
}

IrVar *pass_new_let(IrKernel *k, IrBlock *b, const Name *name, const IrExpr *value)
{
    IrVar *var = ir_new_var(k, name, value->type, false);
    ir_let(k, b, var, value);
    return var;
}

void pass_map_stmt(IrKernel *k, IrStmt *stmt, IrReplace replace, void *user)
{
    if (stmt->count == 0) return;
    const IrExpr **args = NEW_ARRAY(k->arena, const IrExpr *, (size_t)stmt->count);
    ir_set_origin(k, stmt->origin);
    for (int i = 0; i < stmt->count; i++) args[i] = ir_rewrite(k, stmt->args[i], replace, user);
    stmt->args = args;
}

void pass_map_block(IrKernel *k, IrBlock *block, IrReplace replace, void *user)
{
    if (!block) return;
    for (size_t i = 0; i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        pass_map_stmt(k, s, replace, user);
        pass_map_block(k, s->body, replace, user);
        pass_map_block(k, s->other, replace, user);
    }
}

/* ---- clones ---------------------------------------------------------------------------------- */
static uint64_t key(const IrVar *var)
{
    return (uint64_t)var->id + 1;
}

PassClone pass_clone_begin(IrKernel *k)
{
    return (PassClone){k, base_map(k->arena), base_map(k->arena)};
}

void pass_clone_bind(PassClone *c, const IrVar *var, const IrExpr *value)
{
    base_map_put(&c->values, key(var), (void *)(uintptr_t)value);
}

static const IrExpr *replace_var(void *user, const IrExpr *e)
{
    PassClone *c = user;
    return e->op == IR_VAR ? base_map_get(&c->values, key(e->var)) : NULL;
}

const IrExpr *pass_clone_expr(PassClone *c, const IrExpr *e)
{
    return ir_rewrite(c->k, e, replace_var, c);
}

/* A variable that the copied statements define. */
static IrVar *define(PassClone *c, IrVar *var)
{
    if (!var) return NULL;
    IrVar *copy = ir_new_var(c->k, var->name, var->type, var->mutable);
    copy->lo = var->lo;
    copy->hi = var->hi;
    copy->uniform = var->uniform;
    copy->multiple = var->multiple;
    base_map_put(&c->vars, key(var), copy);
    pass_clone_bind(c, var, ir_var(c->k, copy));
    return copy;
}

static IrVar *used(PassClone *c, IrVar *var)
{
    IrVar *copy = var ? base_map_get(&c->vars, key(var)) : NULL;
    return copy ? copy : var;
}

static const IrTasks *clone_tasks(PassClone *c, const IrTasks *tasks)
{
    IrTasks *copy = base_copy(c->k->arena, tasks, sizeof *tasks);
    int rank = tasks->mapping->rank;
    copy->vars = NEW_ARRAY(c->k->arena, IrVar *, (size_t)rank);
    for (int i = 0; i < rank; i++) copy->vars[i] = define(c, tasks->vars[i]);
    return copy;
}

void pass_clone_one(PassClone *c, IrBlock *to, IrStmt *from)
{
    IrKernel *k = c->k;
    ir_set_origin(k, from->origin);
    IrStmt *s = ir_append(k, to, from->kind);
    IrBlock *body = s->body, *other = s->other;
    *s = *from;
    s->args = NEW_ARRAY(k->arena, const IrExpr *, (size_t)from->count + 1);
    for (int i = 0; i < from->count; i++) s->args[i] = pass_clone_expr(c, from->args[i]);
    bool uses = from->kind == IR_STMT_SET || from->kind == IR_STMT_LEAVE;
    s->var = uses ? used(c, from->var) : define(c, from->var);
    if (from->tasks) s->tasks = clone_tasks(c, from->tasks);
    s->body = body ? body : from->body ? ir_new_block(k) : NULL;
    s->other = other ? other : from->other ? ir_new_block(k) : NULL;
    if (from->body) pass_clone_into(c, s->body, from->body);
    if (from->other) pass_clone_into(c, s->other, from->other);
    if (from->kind != IR_STMT_SCOPE) return;
    /* What lived in one scope lives in several now: it gets storage of its own. */
    for (size_t i = 0; i < k->tensors.len; i++)
        if (k->tensors.data[i]->scope == from) k->tensors.data[i]->scope = NULL;
}

void pass_clone_into(PassClone *c, IrBlock *to, const IrBlock *from)
{
    for (size_t i = 0; i < from->stmts.len; i++) pass_clone_one(c, to, from->stmts.data[i]);
}

/* ---- questions ------------------------------------------------------------------------------- */
int pass_load_indices(const IrExpr *load)
{
    return (int)load->count - (load->flags & IR_GUARDED ? 2 : 0);
}

int pass_store_indices(const IrStmt *store)
{
    if (store->flags & IR_LINEAR) return 1;
    return store->tensor->rank;
}

void pass_store_linear(IrKernel *k, IrStmt *store, const IrExpr *offset)
{
    int rest = store->count - pass_store_indices(store);
    const IrExpr **args = NEW_ARRAY(k->arena, const IrExpr *, (size_t)rest + 1);
    args[0] = offset;
    for (int i = 0; i < rest; i++) args[1 + i] = store->args[pass_store_indices(store) + i];
    store->args = args;
    store->count = 1 + rest;
    store->flags |= IR_LINEAR;
}

void pass_append_store(IrKernel *k, IrBlock *to, const IrStmt *store, const IrExpr *offset,
                       const IrExpr *value, const IrExpr *guard)
{
    if (guard && ir_is_const(guard) && !guard->value.i) return;
    if (guard && ir_is_const(guard)) guard = NULL;
    IrStmt *s = ir_append(k, to, IR_STMT_STORE);
    s->tensor = store->tensor;
    s->flags = store->flags & ~(uint32_t)IR_GUARDED;
    if (guard) s->flags |= IR_GUARDED;
    const IrExpr *args[] = {offset, value, guard};
    s->count = guard ? 3 : 2;
    s->args = base_copy(k->arena, args, sizeof args);
}

bool pass_any_operand(const IrStmt *stmt, PassTest test, void *user)
{
    for (int i = 0; i < stmt->count; i++)
        if (ir_any(stmt->args[i], test, user)) return true;
    return false;
}

bool pass_any_below(IrBlock *block, PassTest test, void *user)
{
    if (!block) return false;
    for (size_t i = 0; i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (pass_any_operand(s, test, user)) return true;
        if (pass_any_below(s->body, test, user) || pass_any_below(s->other, test, user))
            return true;
    }
    return false;
}

static bool is_var(void *user, const IrExpr *e)
{
    return e->op == IR_VAR && e->var == user;
}

bool pass_uses_var(const IrExpr *e, const IrVar *var)
{
    return ir_any(e, is_var, (void *)(uintptr_t)var);
}

bool pass_const_loop(const IrStmt *loop, int64_t *lo, int64_t *step, int64_t *trip)
{
    for (int i = 0; i < 3; i++)
        if (!ir_is_const(loop->args[i])) return false;
    *lo = loop->args[0]->value.i;
    *step = loop->args[2]->value.i;
    int64_t span = loop->args[1]->value.i - *lo;
    *trip = span <= 0 ? 0 : (span + *step - 1) / *step;
    return *step > 0;
}

bool pass_is_straight(const IrBlock *body)
{
    for (size_t i = 0; i < body->stmts.len; i++) {
        IrStmtKind kind = body->stmts.data[i]->kind;
        if (kind != IR_STMT_LET && kind != IR_STMT_SET && kind != IR_STMT_STORE) return false;
    }
    return body->stmts.len > 0;
}

int64_t pass_most_trips(const IrStmt *loop)
{
    int64_t lo = loop->args[0]->lo, hi = loop->args[1]->hi;
    if (!ir_is_const(loop->args[2]) || lo == INT64_MIN || hi == INT64_MAX || hi <= lo) return 0;
    return (hi - lo - 1) / loop->args[2]->value.i + 1;
}

IrBlock pass_take(IrBlock *block)
{
    IrBlock all = *block;
    *block = (IrBlock){0};
    return all;
}

void pass_replace_stmts(IrKernel *k, IrBlock *block, PassTry try, void *user)
{
    if (!block) return;
    IrBlock old = pass_take(block);
    for (size_t i = 0; i < old.stmts.len; i++) {
        IrStmt *s = old.stmts.data[i];
        if (try(user, s, block)) continue;
        pass_replace_stmts(k, s->body, try, user);
        pass_replace_stmts(k, s->other, try, user);
        VEC_PUSH(k->arena, block->stmts, s);
    }
}
