/* `auto(d…)` in task loops: which mapping, seen from what the body does. */
#include "lower/tasks.h"

/* What a loop's body touches: decides the width and the fast dimension of `auto`. */
typedef struct Touch {
    IrVar *const *vars;
    int rank, bytes, fast;
    bool global, tile;
} Touch;

static bool is_var(void *user, const IrExpr *e)
{
    return e->op == IR_VAR && e->var == user;
}

static int fastest(const IrTensor *t)
{
    for (int i = 0; t->layout && i < t->layout->count; i++)
        if (t->layout->digits[i].place == 1) return t->layout->digits[i].dim;
    return t->rank - 1;
}

static void touch(Touch *t, const IrTensor *tensor, const IrExpr *const *index)
{
    if (tensor->space == IR_TILE) t->tile = true;
    if (tensor->space != IR_PARAM && tensor->space != IR_SHARED) return;
    bool global = tensor->space == IR_PARAM;
    if (t->bytes && (t->global || !global)) return; /* the first global access decides */
    int last = fastest(tensor);
    for (int d = 0; d < t->rank; d++)
        if (ir_any(index[last], is_var, t->vars[d])) {
            t->fast = d;
            t->bytes = vocab_elem_bytes(tensor->elem);
            t->global = global;
        }
}

static bool touch_load(void *user, const IrExpr *e)
{
    if (e->op == IR_LOAD) touch(user, e->tensor, e->args);
    return false;
}

static bool touch_stmt(void *user, IrStmt *s)
{
    for (int i = 0; i < s->count; i++) ir_any(s->args[i], touch_load, user);
    if (s->kind == IR_STMT_STORE) touch(user, s->tensor, s->args);
    return true;
}

static const IrExpr *inside(Lower *l, const IrStmt *stmt, const IrExpr *const *extents)
{
    const IrExpr *all = NULL;
    const Mapping *m = stmt->tasks->mapping;
    for (int d = 0; d < m->rank; d++) {
        if (ir_is_const(extents[d]) && m->shape[d] == extents[d]->value.i) continue;
        const IrExpr *in = ir_binary(l->k, IR_LT, ir_var(l->k, stmt->tasks->vars[d]), extents[d]);
        all = all ? ir_binary(l->k, IR_AND, all, in) : in;
    }
    return all;
}

/* ---- run-time extents --------------------------------------------------------------------------
 * A worker takes several consecutive tasks where they become wide accesses: if memory is aligned
 * (lowering is done anew for each variant of the code), and if the body is straight and does
 * nothing but touch consecutive elements from a multiple of the width on. A body that sums into a
 * variable is left alone: its order of tasks shall be that of all other variants. */
enum { WIDE_WORK = 256 }; /* statements times width */

typedef struct Wide {
    IrKernel *k;
    const IrBlock *body;
    const IrExpr *at; /* the coordinate, made of these: */
    const IrVar *vars[2];
    int64_t width;
    bool good;
} Wide;

static bool involves(const Wide *w, const IrExpr *e)
{
    bool found = false;
    for (int i = 0; i < 2 && w->vars[i]; i++)
        found = found || ir_any(e, is_var, (void *)(uintptr_t)w->vars[i]);
    return found;
}

static bool is_wide_access(const Wide *w, const IrTensor *t, const IrExpr *const *index)
{
    int last = fastest(t);
    for (int d = 0; d < t->rank; d++)
        if (d != last && involves(w, index[d])) return false;
    if (!involves(w, index[last])) return true;
    bool plain = t->space == IR_PARAM || t->space == IR_SHARED;
    if (!plain || t->strides || vocab_elem(t->elem)->bits < 8) return false;
    const IrExpr *rest = ir_binary(w->k, IR_SUB, index[last], w->at);
    return !involves(w, rest) && ir_multiple(rest) % w->width == 0;
}

static bool wide_load(void *user, const IrExpr *e)
{
    Wide *w = user;
    if (e->op != IR_LOAD) return false;
    w->good = w->good && is_wide_access(w, e->tensor, e->args);
    for (uint32_t i = (uint32_t)e->tensor->rank; i < e->count; i++)
        w->good = w->good && !involves(w, e->args[i]);
    return !w->good;
}

static bool is_own(const Wide *w, const IrVar *var)
{
    for (size_t i = 0; i < w->body->stmts.len; i++)
        if (w->body->stmts.data[i]->kind == IR_STMT_LET && w->body->stmts.data[i]->var == var)
            return true;
    return false;
}

static bool is_wide_stmt(Wide *w, const IrStmt *s)
{
    bool store = s->kind == IR_STMT_STORE;
    if (!store && s->kind != IR_STMT_LET && (s->kind != IR_STMT_SET || !is_own(w, s->var)))
        return false;
    if (store && !is_wide_access(w, s->tensor, s->args)) return false;
    if (store && (s->flags & IR_GUARDED) && involves(w, s->args[s->count - 1])) return false;
    for (int i = 0; i < s->count; i++) ir_any(s->args[i], wide_load, w);
    return w->good;
}

/* The bytes of the element that decides the width, or 0 where one task is taken at a time. */
static int wide_bytes(Lower *l, const IrBlock *body, int bytes, const IrExpr *at,
                      const IrVar *first, const IrVar *second)
{
    if (l->options->alignment < WIDE_BYTES || bytes < 1 || bytes >= WIDE_BYTES) return 0;
    Wide w = {l->k, body, at, {first, second}, WIDE_BYTES / bytes, true};
    if ((int64_t)body->stmts.len * w.width > WIDE_WORK) return 0;
    for (size_t i = 0; i < body->stmts.len; i++)
        if (!is_wide_stmt(&w, body->stmts.data[i])) return 0;
    return bytes;
}

static int auto_bytes(Lower *l, const IrStmt *stmt, const Touch *t, const IrExpr *const *extents)
{
    const IrVar *fast = stmt->tasks->vars[t->fast];
    if (ir_is_const(extents[t->fast])) return t->bytes;
    if (stmt->tasks->level > 1) return 0;
    return wide_bytes(l, stmt->body, t->bytes, ir_var(l->k, stmt->tasks->vars[t->fast]), fast,
                      NULL);
}

const Mapping *lower_auto_mapping(Lower *l, Span span, int rank, const IrExpr *const *extents,
                                  int64_t workers, int bytes, int fast, bool *overhangs)
{
    int64_t shape[MAX_RANK] = {0}, divisor[MAX_RANK] = {0};
    size_t first = l->runtime.len;
    for (int d = 0; d < rank; d++) {
        shape[d] = ir_is_const(extents[d]) ? extents[d]->value.i : MAPPING_RUNTIME(l->runtime.len);
        if (!ir_is_const(extents[d])) VEC_PUSH(l->arena, l->runtime, extents[d]);
    }
    MappingError error = {0};
    const Mapping *m =
        mapping_auto(l->arena, rank, shape, workers, bytes, fast, overhangs, divisor, &error);
    if (!m) {
        lower_error(l, MAPPING_INVALID, span, error.message);
        return NULL;
    }
    for (int d = 0, id = (int)first; d < rank; d++) {
        if (!MAPPING_IS_RUNTIME(shape[d])) continue;
        int64_t by = divisor[d] > 0 ? divisor[d] : 1;
        const IrExpr *up = ir_binary(l->k, IR_ADD, extents[d], ir_index(l->k, by - 1));
        l->runtime.data[id++] = ir_binary(l->k, IR_DIV, up, ir_index(l->k, by));
        if (by > 1) *overhangs = true;
    }
    return m;
}

void lower_auto_loop(Lower *l, const Ast *node, const Value *domain, const LowerTeam *team)
{
    const Ast *names = KID(node, For, vars);
    int rank = domain->count;
    IrStmt *stmt = lower_append_tasks(l, NULL, rank, team->level);
    const IrExpr *extents[MAX_RANK], *vars[MAX_RANK];
    for (int d = 0; d < rank; d++) {
        extents[d] = domain->items[d].expr;
        const Name *name = d < (int)names->count ? names->kid[d]->name : lower_name(l, "i");
        stmt->tasks->vars[d] = lower_task_var(l, name, 0);
        vars[d] = ir_var(l->k, stmt->tasks->vars[d]);
    }
    l->block = stmt->body;
    l->group = lower_loop_group(l, node, team->level);
    lower_task_body(l, node, vars, rank);
    Touch t = {.vars = stmt->tasks->vars, .rank = rank, .fast = rank - 1};
    ir_walk(stmt->body, touch_stmt, &t);
    t.bytes = auto_bytes(l, stmt, &t, extents);
    if (t.tile)
        lower_error(l, MAPPING_AUTO, KID(node, For, domain)->span,
                    "the body touches a distributed tile, whose owners are fixed; iterate over the "
                    "tile or write the mapping");
    bool overhangs = false;
    const Mapping *m = lower_auto_mapping(l, KID(node, For, domain)->span, rank, extents,
                                          team->workers, t.bytes, t.fast, &overhangs);
    if (!m) return;
    IrTasks *tasks = base_copy(l->arena, stmt->tasks, sizeof *tasks);
    tasks->mapping = m;
    stmt->tasks = tasks;
    lower_task_args(l, stmt, team->worker);
    for (int d = 0; d < rank; d++)
        if (m->shape[d] > 0) tasks->vars[d]->hi = m->shape[d] - 1;
    const IrExpr *guard = overhangs ? inside(l, stmt, extents) : NULL;
    if (guard) {
        IrBlock *outer = ir_new_block(l->k);
        IrStmt *split = ir_if(l->k, outer, guard, false);
        split->body = stmt->body;
        stmt->body = outer;
    }
}

/* ---- over the grid -----------------------------------------------------------------------------
 */

/* One dimension: the block of a task, with its coordinate `at` = first + lane. */
typedef struct Strided {
    IrVar *first, *lane;
    const IrExpr *at, *total;
    IrBlock *body;
} Strided;

static int64_t strided_width(Lower *l, const Strided *s)
{
    IrVar *lane = s->lane;
    Touch t = {.vars = &lane, .rank = 1};
    ir_walk(s->body, touch_stmt, &t);
    int bytes = wide_bytes(l, s->body, t.bytes, s->at, s->first, s->lane);
    return bytes ? WIDE_BYTES / bytes : 1;
}

/* The workers stride over groups of consecutive tasks. */
static void strided_loops(Lower *l, const Strided *s, const IrExpr *worker, const IrExpr *workers)
{
    IrKernel *k = l->k;
    int64_t width = strided_width(l, s);
    const IrExpr *by = ir_index(k, width), *group;
    const IrExpr *up = ir_binary(k, IR_ADD, s->total, ir_index(k, width - 1));
    lower_open_for(l, "task", worker, ir_binary(k, IR_DIV, up, by), workers, &group);
    ir_let(k, l->block, s->first, ir_binary(k, IR_MUL, group, by));
    if (width > 1) {
        IrStmt *loop = ir_for(k, l->block, s->lane, ir_index(k, 0), by, ir_index(k, 1));
        loop->flags |= IR_UNROLL;
        l->block = ir_if(k, loop->body, ir_binary(k, IR_LT, s->at, s->total), false)->body;
    } else {
        ir_let(k, l->block, s->lane, ir_index(k, 0));
    }
    ir_splice(l->k, l->block, s->body);
}

static void strided_grid(Lower *l, const Ast *node, const IrExpr *total, const IrExpr *worker,
                         const IrExpr *workers)
{
    Strided s = {.first = lower_task_var(l, lower_name(l, "first"), 0),
                 .lane = lower_task_var(l, lower_name(l, "lane"), WIDE_BYTES),
                 .total = total,
                 .body = ir_new_block(l->k)};
    IrBlock *outer = l->block;
    s.at = ir_binary(l->k, IR_ADD, ir_var(l->k, s.first), ir_var(l->k, s.lane));
    l->block = s.body;
    lower_task_body(l, node, &s.at, 1);
    l->block = outer;
    strided_loops(l, &s, worker, workers);
}

void lower_auto_grid(Lower *l, const Ast *node, const Value *domain, const IrExpr *worker,
                     const IrExpr *workers)
{
    const IrExpr *total = ir_index(l->k, 1), *linear, *coords[MAX_RANK];
    if (domain->count == 1 && l->options->alignment >= WIDE_BYTES) {
        strided_grid(l, node, domain->items[0].expr, worker, workers);
        return;
    }
    for (int d = 0; d < domain->count; d++)
        total = ir_binary(l->k, IR_MUL, total, domain->items[d].expr);
    lower_open_for(l, "task", worker, total, workers, &linear);
    for (int d = domain->count - 1; d >= 0; d--) {
        const IrExpr *extent = domain->items[d].expr;
        coords[d] = d == 0 ? linear : ir_binary(l->k, IR_MOD, linear, extent);
        linear = ir_binary(l->k, IR_DIV, linear, extent);
    }
    lower_task_body(l, node, coords, domain->count);
}
