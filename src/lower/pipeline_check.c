/* Which copies of a pipeline are made ahead, and whether they may be. */
#include "lower/pipeline.h"

Diag *pipeline_report(Pipeline *p, Span span, const char *text)
{
    return lower_error(p->l, PIPELINE, span, text);
}

/* ---- which copies ------------------------------------------------------------------------------
 */

static bool is_in(const Ast *tree, const Ast *node)
{
    if (tree == node) return true;
    for (uint32_t i = 0; tree && i < tree->count; i++)
        if (is_in(tree->kid[i], node)) return true;
    return false;
}

const Ast *pipeline_declared_by(const Ast *body, const Symbol *symbol)
{
    for (uint32_t i = 0; i < body->count; i++)
        if (symbol && symbol->decl && is_in(body->kid[i], symbol->decl)) return body->kid[i];
    return NULL;
}

const IrTensor *pipeline_shown(Lower *l, const Ast *e, const Ast *body)
{
    for (;;) {
        if (e->kind == AST_Name) {
            if (!e->symbol) return NULL;
            const Ast *let = pipeline_declared_by(body, e->symbol);
            if (let && let->kind == AST_For) /* a task loop's own */
                let = pipeline_declared_by(KID(KID(let, For, body), Block, stmts), e->symbol);
            else if (!let) {
                const Value *value = lower_slot(l, e->symbol);
                return value->kind == VALUE_VIEW ? value->view->tensor : NULL;
            }
            if (!let || let->kind != AST_Let || KID(let, Let, names)->count != 1) return NULL;
            e = KID(let, Let, value);
        } else if (e->kind == AST_Else || e->kind == AST_Index || e->kind == AST_Member ||
                   e->kind == AST_At || e->kind == AST_Call) {
            e = e->kid[0];
        } else {
            return NULL;
        }
    }
}

static bool is_move(Lower *l, const Ast *stmt, const Ast *body, Move *m)
{
    if (stmt->kind == AST_For) return pipeline_is_gather(l, stmt, body, m);
    if (stmt->kind != AST_ExprStmt) return false;
    const Ast *call = KID(stmt, ExprStmt, expr);
    bool copy = call->kind == AST_Call && call->call && call->call->kind == CALL_BUILTIN &&
                call->call->builtin == BUILTIN_COPY;
    if (!copy) return false;
    const Ast *args = KID(call, Call, args), *dst = args->count == 2 ? args->kid[0] : NULL;
    if (!dst || dst->kind != AST_Name || !dst->symbol) return false;
    if (dst->symbol->kind != SYMBOL_SHARED || is_in(body, dst->symbol->decl)) return false;
    const Value *value = lower_slot(l, dst->symbol);
    const IrTensor *from = pipeline_shown(l, args->kid[1], body);
    *m = (Move){.node = call, .symbol = dst->symbol};
    if (value->kind == VALUE_VIEW) m->whole = value->view;
    return value->kind == VALUE_VIEW && from && from->space == IR_PARAM && !from->written &&
           ir_tensor_size(value->view->tensor) > 0; /* else the copy itself is an error */
}

static void find_moves(Pipeline *p)
{
    Move m;
    for (uint32_t i = 0; i < p->body->count; i++) {
        if (!is_move(p->l, p->body->kid[i], p->body, &m)) continue;
        m.at = i;
        if (m.loop && !pipeline_covers(p, &m)) continue;
        VEC_PUSH(p->l->arena, p->moves, m);
    }
}

const Move *pipeline_move_at(const Pipeline *p, size_t at)
{
    for (size_t i = 0; i < p->moves.len; i++)
        if (p->moves.data[i].at == at) return &p->moves.data[i];
    return NULL;
}

/* ---- may they be made ahead? -------------------------------------------------------------------
 */

/* Another pipeline that has stages of the tensor of its own. */
static bool is_pipeline_of(Lower *l, const Ast *loop, const Symbol *symbol)
{
    Move m;
    if (loop->kind != AST_For || !KID(loop, For, pipeline)) return false;
    const Ast *body = KID(KID(loop, For, body), Block, stmts);
    for (uint32_t i = 0; i < body->count; i++)
        if (is_move(l, body->kid[i], body, &m) && m.symbol == symbol)
            return !m.loop || !base_map_get(&l->kept, base_key(m.loop));
    return false;
}

const Ast *pipeline_mention(Lower *l, const Ast *tree, const Symbol *symbol, const Ast *skip)
{
    if (!tree || tree == skip) return NULL;
    if (tree->kind == AST_Name) return tree->symbol == symbol ? tree : NULL;
    if (skip && is_pipeline_of(l, tree, symbol)) return NULL;
    for (uint32_t i = 0; i < tree->count; i++) {
        const Ast *found = pipeline_mention(l, tree->kid[i], symbol, skip);
        if (found) return found;
    }
    return NULL;
}

const Ast *pipeline_leaves(const Ast *tree, bool in_loop)
{
    if (!tree) return NULL;
    if (tree->kind == AST_Return) return tree;
    if (!in_loop && (tree->kind == AST_Break || tree->kind == AST_Continue)) return tree;
    in_loop = in_loop || tree->kind == AST_For || tree->kind == AST_While;
    for (uint32_t i = 0; i < tree->count; i++) {
        const Ast *found = pipeline_leaves(tree->kid[i], in_loop);
        if (found) return found;
    }
    return NULL;
}

const char *pipeline_about(Pipeline *p, const Move *m, const char *what)
{
    return lower_text(p->l, "`%s` %s", m->symbol->name->text, what);
}

static bool check_before(Pipeline *p, const Move *m)
{
    for (uint32_t i = 0; i < m->at; i++) {
        const Ast *stmt = p->body->kid[i];
        const Move *other = pipeline_move_at(p, i);
        const Ast *used = pipeline_mention(p->l, stmt, m->symbol, NULL),
                  *left = pipeline_leaves(stmt, false);
        if (!used && !left) continue;
        Diag *diag =
            other && other->symbol == m->symbol
                ? pipeline_report(p, m->node->span,
                                  pipeline_about(p, m, "is copied to twice in a round"))
            : used
                ? pipeline_report(p, used->span,
                                  pipeline_about(p, m, "is read before the copy that fills it"))
                : pipeline_report(
                      p, left->span,
                      pipeline_about(p, m, "is filled ahead of time, but this may leave before"));
        diag_label(p->l->diags, diag, (other ? other : m)->node->span, "copied here");
        return false;
    }
    return true;
}

static bool check_outside(Pipeline *p, const Move *m)
{
    const Ast *owner = m->symbol->owner;
    const Ast *whole = !owner                      ? NULL
                       : owner->kind == AST_Kernel ? KID(owner, Kernel, body)
                       : owner->kind == AST_Fn     ? KID(owner, Fn, body)
                                                   : NULL;
    const Ast *used = pipeline_mention(p->l, whole, m->symbol, p->node);
    if (!used) return true;
    Diag *diag = pipeline_report(
        p, used->span, pipeline_about(p, m, "has several stages in it, and is used outside of it"));
    diag_label(p->l->diags, diag, m->node->span, "the loop copies to it ahead of time");
    return false;
}

static bool check_moves(Pipeline *p)
{
    bool good = true;
    if (p->moves.len == 0) {
        pipeline_report(
            p, KID(p->node, For, pipeline)->span,
            "no copy from a parameter that the kernel only reads to a whole shared tensor "
            "stands at the top of its body, nor a task loop that is one");
        return false;
    }
    for (size_t i = 0; i < p->moves.len && good; i++)
        good = check_before(p, &p->moves.data[i]) && check_outside(p, &p->moves.data[i]);
    return good;
}

/* ---- what the copies need ----------------------------------------------------------------------
 */

/* Marks the `let`s that an expression names, and what those name. False after a report. */
static bool need(Pipeline *p, const Ast *e, const Move *m)
{
    const Ast *stmt = e && e->kind == AST_Name ? pipeline_declared_by(p->body, e->symbol) : NULL;
    for (uint32_t i = 0; e && i < e->count; i++)
        if (!need(p, e->kid[i], m)) return false;
    if (!stmt || stmt == m->loop) return true;
    if (stmt->kind != AST_Let && stmt->kind != AST_MappingDecl) {
        Diag *diag =
            pipeline_report(p, m->node->span,
                            lower_text(p->l,
                                       "this copy is made ahead of time, but depends on `%s`, "
                                       "which has no value yet then",
                                       e->symbol->name->text));
        diag_label(p->l->diags, diag, e->symbol->span, "declared here");
        return false;
    }
    for (uint32_t i = 0; i < p->body->count; i++) {
        if (p->body->kid[i] != stmt || p->needed[i]) continue;
        p->needed[i] = true;
        if (stmt->kind == AST_Let && !need(p, KID(stmt, Let, value), m)) return false;
    }
    return true;
}

/* What was lowered for another round than the running one. */
typedef struct Ahead {
    Pipeline *p;
    Map assigned; /* variables that the loop assigns, by id + 1 */
    Map own;      /* variables that it defines itself */
    size_t first_tensor;
    const IrStmt *stmt;
    bool bad;
} Ahead;

Span pipeline_span(const IrKernel *k, uint32_t origin)
{
    while (origin && !k->origins.data[origin].span.end) origin = k->origins.data[origin].parent;
    return k->origins.data[origin].span;
}

static void report_ahead(Ahead *a, const char *name, const char *what)
{
    Lower *l = a->p->l;
    if (a->bad) return;
    a->bad = true;
    Diag *diag = pipeline_report(
        a->p, pipeline_span(l->k, a->stmt->origin),
        lower_text(l, "this is evaluated ahead of time, but depends on `%s`, %s", name, what));
    diag_label(l->diags, diag, a->p->node->span, "in this pipeline");
}

static bool depends(void *user, const IrExpr *e)
{
    Ahead *a = user;
    uint64_t key = e->op == IR_VAR ? (uint64_t)e->var->id + 1 : 0;
    if (key && base_map_get(&a->assigned, key) && !base_map_get(&a->own, key))
        report_ahead(a, e->var->name->text, "a variable that the loop assigns");
    if (e->op != IR_LOAD || e->tensor->id >= a->first_tensor) return false;
    const IrTensor *t = e->tensor;
    if (t->space == IR_PARAM && t->written)
        report_ahead(a, t->name->text, "which the kernel writes");
    else if (t->space != IR_PARAM && t->space != IR_TABLE)
        report_ahead(a, t->name->text,
                     t->space == IR_SHARED ? "which is shared" : "which is in registers");
    return false;
}

static bool note_assigned(void *user, IrStmt *s)
{
    Ahead *a = user;
    if (s->kind == IR_STMT_SET) base_map_put(&a->assigned, (uint64_t)s->var->id + 1, s);
    return true;
}

static bool note_own(void *user, IrStmt *s)
{
    Ahead *a = user;
    if (s->kind == IR_STMT_LET) base_map_put(&a->own, (uint64_t)s->var->id + 1, s);
    return true;
}

static bool check_stmt(void *user, IrStmt *s)
{
    Ahead *a = user;
    a->stmt = s;
    int count = s->kind == IR_STMT_BULK       ? s->tensor->rank /* others are places */
                : s->kind == IR_STMT_MBARRIER ? 0
                                              : s->count;
    for (int i = 0; i < count; i++) ir_any(s->args[i], depends, a);
    bool writes =
        s->kind == IR_STMT_ATOMIC || (s->kind == IR_STMT_STORE && s->tensor->space != IR_SHARED &&
                                      s->tensor->id < a->first_tensor);
    if (writes) report_ahead(a, s->tensor->name->text, "which it changes");
    return true;
}

void pipeline_check_early(Pipeline *p, IrBlock *body)
{
    Ahead a = {.p = p, .assigned = base_map(p->l->arena), .own = base_map(p->l->arena)};
    ir_walk(body, note_assigned, &a);
    for (size_t i = 0; i < p->early.len; i++) {
        a.first_tensor = p->early.data[i].first_tensor;
        ir_walk(p->early.data[i].block, note_own, &a);
        ir_walk(p->early.data[i].block, check_stmt, &a);
    }
}

bool pipeline_find_moves(Pipeline *p)
{
    find_moves(p);
    if (!check_moves(p)) return false;
    for (size_t i = 0; i < p->moves.len; i++) {
        const Move *m = &p->moves.data[i];
        if (!need(p, m->loop ? m->loop : KID(m->node, Call, args)->kid[1], m)) return false;
    }
    return true;
}
