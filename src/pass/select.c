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
 * Instructions that read a factor from shared memory themselves, by a descriptor, have no mapping
 * for it: they are not matched here (`is_by_warp`).
 */
#include "pass/select.h"

enum { MAX_UNROLLED = 1024 }; /* products of fragments in one unrolled loop */

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
static bool is_var(const IrExpr *e, const IrVar *var)
{
    return e->op == IR_VAR && e->var == var;
}

const IrExpr *select_own_slot(IrKernel *k, const IrStmt *tasks, const IrTensor *t,
                              const IrExpr *const *index)
{
    int lead = t->rank - 2;
    const IrTasks *own = tasks->tasks;
    if (t->space != IR_TILE || !t->over || t->over->rank != 2 || lead < 0) return NULL;
    if (!is_var(index[lead], own->vars[0]) || !is_var(index[lead + 1], own->vars[1])) return NULL;
    if (!mapping_equal(own->mapping, t->over)) return NULL;
    int64_t at = 0;
    for (int d = 0; d < lead; d++) {
        if (!ir_is_const(index[d])) return NULL;
        at = at * t->extents[d]->value.i + index[d]->value.i;
    }
    return ir_index(k, at * t->over->steps);
}

bool select_has_warps(Select *s, const IrStmt *tasks)
{
    const PassScope *scope = &s->scope;
    const IrExpr *worker = pass_resolve(&s->scope, tasks->args[0]);
    const int64_t *workers = pass_scope_threads(&s->scope, worker);
    if (!workers || scope->first % SELECT_WARP || scope->count % SELECT_WARP) return false;
    for (int64_t t = scope->first; t < scope->first + scope->count; t++)
        if (workers[t] % SELECT_WARP != t % SELECT_WARP ||
            workers[t] != workers[t - t % SELECT_WARP] + t % SELECT_WARP)
            return false;
    return tasks->tasks->mapping->workers % SELECT_WARP == 0;
}

bool select_lanes_agree(const Mapping *m, const Mapping *f)
{
    int64_t warp[2], worker[2], lane[2];
    for (int64_t w = 0; w < m->workers; w++) {
        mapping_eval_worker(m, w - w % SELECT_WARP, warp);
        mapping_eval_worker(m, w, worker);
        mapping_eval_worker(f, w % SELECT_WARP, lane);
        for (int d = 0; d < 2; d++)
            if (worker[d] != warp[d] + lane[d]) return false;
    }
    return true;
}

const IrExpr *select_warp_part(IrKernel *k, const IrStmt *tasks, int dim)
{
    const IrExpr *warp = ir_binary(k, IR_DIV, tasks->args[0], ir_index(k, SELECT_WARP));
    return select_worker_part(k, tasks->tasks->mapping, select_times(k, warp, SELECT_WARP), dim);
}

/* ---- the product ----------------------------------------------------------------------------- */
typedef struct Product {
    Select *s;
    const IrStmt *tasks;
    const IrTensor *sums;
    const IrExpr *first; /* slot of the sums, where the tile has undistributed dimensions */
    const IrVar *i, *j, *p;
    const IrExpr *a, *b; /* loads */
    int64_t depth;
    const char *reason; /* why there is no instruction */
} Product;

/* The sums of a warp as a grid of an instruction's fragments. */
typedef struct Grid {
    const IrInstruction *in;
    int64_t tiles[2], step[2]; /* by dimension: how many, how far apart */
    int64_t slot[2];           /* and in slots */
    int64_t steps;             /* of k */
} Grid;

static bool refuse(Product *p, const char *reason)
{
    if (!p->reason) p->reason = reason;
    return false;
}

static const IrExpr *without_cast(const IrExpr *e)
{
    return e->op == IR_CAST ? e->args[0] : e;
}

static bool is_factor(const IrExpr *e, const IrVar *own, const IrVar *other)
{
    return e->op == IR_LOAD && e->type.lanes == 1 && !(e->flags & (IR_GUARDED | IR_LINEAR)) &&
           e->tensor->space == IR_SHARED && pass_uses_var(e, own) && !pass_uses_var(e, other);
}

/* sum = fma(a, b, sum), or a * b + sum of integers. */
static bool match_terms(Product *p, const IrExpr *value)
{
    const IrExpr *x = NULL, *y = NULL, *sum = NULL;
    if (value->op == IR_FMA) {
        x = value->args[0];
        y = value->args[1];
        sum = value->args[2];
    } else if (value->op == IR_ADD) {
        bool first = value->args[0]->op == IR_MUL;
        const IrExpr *product = value->args[first ? 0 : 1];
        if (product->op != IR_MUL) return false;
        x = product->args[0];
        y = product->args[1];
        sum = value->args[first ? 1 : 0];
    }
    if (!sum || sum->op != IR_LOAD || sum->tensor != p->sums) return false;
    x = without_cast(x);
    y = without_cast(y);
    bool swapped = is_factor(x, p->j, p->i);
    p->a = swapped ? y : x;
    p->b = swapped ? x : y;
    return is_factor(p->a, p->i, p->j) && is_factor(p->b, p->j, p->i);
}

/* The loop that lower/mma.c makes. */
static bool match(Product *p)
{
    const IrStmt *s = p->tasks;
    int64_t lo, step;
    if (s->tasks->mapping->rank != 2 || s->tasks->level != 1 || s->body->stmts.len != 1)
        return false;
    const IrStmt *loop = s->body->stmts.data[0];
    if (loop->kind != IR_STMT_FOR || !pass_const_loop(loop, &lo, &step, &p->depth)) return false;
    if (lo != 0 || step != 1 || p->depth < 1 || loop->body->stmts.len != 1) return false;
    const IrStmt *store = loop->body->stmts.data[0];
    if (store->kind != IR_STMT_STORE || store->flags & IR_GUARDED) return false;
    p->i = s->tasks->vars[0];
    p->j = s->tasks->vars[1];
    p->p = loop->var;
    p->sums = store->tensor;
    p->first = select_own_slot(p->s->k, s, store->tensor, store->args);
    return p->first && match_terms(p, pass_store_value(store));
}

/* ---- which instruction ----------------------------------------------------------------------- */
static bool is_by_warp(const IrInstruction *in)
{
    return in->a && in->b && in->a->workers == SELECT_WARP && in->b->workers == SELECT_WARP &&
           in->acc->workers == SELECT_WARP;
}

static bool has_types(const Product *p, const IrInstruction *in)
{
    return in->a_elem == p->a->tensor->elem && in->b_elem == p->b->tensor->elem &&
           in->acc_elem == p->sums->elem;
}

/* Fragment q of the warp: where it begins; all its slots must follow. */
static bool fragment_at(const Mapping *m, const Mapping *f, int64_t q, int64_t at[2])
{
    int64_t part[2], own[2];
    mapping_eval_time(m, q * f->steps, at);
    for (int64_t e = 0; e < f->steps; e++) {
        mapping_eval_time(m, q * f->steps + e, part);
        mapping_eval_time(f, e, own);
        for (int d = 0; d < 2; d++)
            if (part[d] != at[d] + own[d]) return false;
    }
    return true;
}

/* The fragments are evenly spaced, in rows and columns. */
static bool find_grid(const Mapping *m, Grid *g)
{
    const Mapping *f = g->in->acc;
    int64_t at[2];
    if (m->steps % f->steps || !select_lanes_agree(m, f)) return false;
    int64_t count = m->steps / f->steps;
    *g = (Grid){.in = g->in, .tiles = {1, 1}, .steps = g->steps};
    for (int64_t q = 1; q < count; q++) {
        mapping_eval_time(m, q * f->steps, at);
        for (int d = 0; d < 2; d++) {
            if (at[1 - d] != 0) continue;
            if (g->tiles[d]++ > 1) continue;
            g->step[d] = at[d];
            g->slot[d] = q;
        }
    }
    if (g->tiles[0] * g->tiles[1] != count) return false;
    for (int64_t r = 0; r < g->tiles[0]; r++)
        for (int64_t c = 0; c < g->tiles[1]; c++) {
            int64_t q = r * g->slot[0] + c * g->slot[1];
            if (q >= count || !fragment_at(m, f, q, at)) return false;
            if (at[0] != r * g->step[0] || at[1] != c * g->step[1]) return false;
        }
    return true;
}

static const char *lies_otherwise(const Product *p, const IrInstruction *in)
{
    Arena *arena = p->s->k->arena;
    return base_format(arena, "`%s` lies over %s, which does not end in the fragment %s",
                       p->sums->name->text, mapping_text(arena, p->sums->over, NULL, NULL),
                       mapping_text(arena, in->acc, NULL, NULL));
}

static bool fits(Product *p, const IrInstruction *in, Grid *g)
{
    Arena *arena = p->s->k->arena;
    const char *forced = p->tasks->flags & IR_FORCED ? p->tasks->text : NULL;
    if ((forced && strcmp(forced, in->text) != 0) || !is_by_warp(in) || !has_types(p, in))
        return false;
    int64_t depth = in->a->shape[1];
    if (p->depth % depth)
        return refuse(p, base_format(arena, "its depth %lld is no multiple of %lld",
                                     (long long)p->depth, (long long)depth));
    *g = (Grid){.in = in, .steps = p->depth / depth};
    if (!select_has_warps(p->s, p->tasks)) return refuse(p, "the group is not made of whole warps");
    return find_grid(p->sums->over, g) || refuse(p, lies_otherwise(p, in));
}

/* Of those that fit, the deepest. */
static bool choose(Product *p, Grid *best)
{
    IrKernel *k = p->s->k;
    best->in = NULL;
    for (size_t i = 0; i < k->instructions.len; i++) {
        Grid g;
        if (!fits(p, &k->instructions.data[i], &g)) continue;
        if (!best->in || g.in->a->shape[1] > best->in->a->shape[1]) *best = g;
    }
    if (best->in) return true;
    return refuse(p, base_format(k->arena, "no instruction of sm_%d adds %s * %s to %s",
                                 p->s->ctx->options->arch, vocab_elem(p->a->tensor->elem)->text,
                                 vocab_elem(p->b->tensor->elem)->text,
                                 vocab_elem(p->sums->elem)->text));
}

/* ---- factors in registers -------------------------------------------------------------------- */
/* The slot of a copied tile that holds the operand's element 0 at tile 0, step 0 of k, and what the
 * next tile and the next step add. */
typedef struct Held {
    const IrTensor *tile;
    int64_t first, by_tile, by_step;
} Held;

static bool is_whole(const SelectOperand *o)
{
    int lead = o->load->tensor->rank - 2;
    return lead >= 0 && is_var(o->load->args[lead], o->vars[0]) &&
           is_var(o->load->args[lead + 1], o->vars[1]);
}

/* The slot of element e of (tile, step) that all workers agree on; -1 if they do not. */
static int64_t held_slot(const Mapping *sums, const Mapping *m, const SelectOperand *o,
                         const int64_t base[2], int64_t e, int side)
{
    int64_t slot = -1;
    for (int64_t w = 0; w < m->workers; w++) {
        int64_t warp[2], at[2];
        mapping_eval_worker(sums, w - w % SELECT_WARP, warp);
        mapping_eval(o->fragment, w % SELECT_WARP, e, at);
        for (int d = 0; d < 2; d++) at[d] += base[d] + (d == side ? warp[d] : 0);
        int64_t mine = mapping_slot(m, w, at);
        if (mine < 0 || (w && mine != slot)) return -1;
        slot = mine;
    }
    return slot;
}

/* Does the tile behind the copy hold the operand as the instruction wants it? side: 0 for a, whose
 * rows are the sums', 1 for b. */
static bool is_held(Product *p, const Grid *g, const SelectOperand *o, int side, Held *held)
{
    const Mapping *sums = p->sums->over;
    const IrTensor *tile = o->load->tensor->staged;
    if (!tile || tile == p->sums || tile->rank != 2 || !tile->over || !is_whole(o)) return false;
    const Mapping *m = tile->over;
    if (m->rank != 2 || m->workers != sums->workers) return false;
    int64_t deep = o->fragment->shape[1 - side];
    *held = (Held){tile, 0, 0, 0};
    for (int64_t t = 0; t < o->tiles; t++)
        for (int64_t ks = 0; ks < g->steps; ks++)
            for (int64_t e = 0; e < o->fragment->steps; e++) {
                int64_t base[2] = {t * o->tile_step[0], t * o->tile_step[1]};
                base[1 - side] += ks * deep;
                int64_t slot = held_slot(sums, m, o, base, e, side);
                if (slot < 0) return false;
                if (t + ks + e == 0) held->first = slot;
                if (t == 1 && ks + e == 0) held->by_tile = slot - held->first;
                if (ks == 1 && t + e == 0) held->by_step = slot - held->first;
                if (slot != held->first + t * held->by_tile + ks * held->by_step + e) return false;
            }
    return true;
}

/* ---- the statements -------------------------------------------------------------------------- */
static SelectOperand operand(Product *p, const Grid *g, int side, const IrExpr *step)
{
    IrKernel *k = p->s->k;
    SelectOperand o = {.fragment = side ? g->in->b : g->in->a, .load = side ? p->b : p->a};
    o.vars[side] = side ? p->j : p->i;
    o.vars[1 - side] = p->p;
    o.origin[side] = select_warp_part(k, p->tasks, side);
    o.origin[1 - side] = select_times(k, step, o.fragment->shape[1 - side]);
    o.tiles = g->tiles[side];
    o.tile_step[side] = g->step[side];
    return o;
}

/* True if it is in registers already. */
static bool prepare(Product *p, const Grid *g, SelectOperand *o, int side, const IrExpr *step,
                    IrBlock *to)
{
    Held held;
    if (is_held(p, g, o, side, &held)) {
        IrKernel *k = p->s->k;
        o->array = held.tile;
        o->first = select_sum(k, ir_index(k, held.first), select_times(k, step, held.by_step));
        o->apart = held.by_tile;
        base_map_put(&p->s->gone, base_key(o->load->tensor), (void *)(uintptr_t)held.tile);
        return true;
    }
    select_load(p->s, o, to);
    return false;
}

static const IrExpr *fragment_place(IrKernel *k, const SelectOperand *o, const IrExpr *tile)
{
    const IrExpr *slot = select_sum(k, o->first, select_times(k, tile, o->apart));
    return ir_load_with(k, o->array, 1, IR_LINEAR | IR_PROVED, &slot, NULL, NULL);
}

static void emit(Product *p, const Grid *g, IrBlock *to)
{
    Select *s = p->s;
    IrKernel *k = s->k;
    const IrExpr *step, *r, *c;
    ir_set_origin(k, p->tasks->origin);
    IrBlock *body = select_loop(k, to, "ks", g->steps, &step);
    if (body != to) pass_scope_for(&s->scope, VEC_LAST(to->stmts));
    SelectOperand a = operand(p, g, 0, step), b = operand(p, g, 1, step);
    bool held = prepare(p, g, &a, 0, step, body);
    held |= prepare(p, g, &b, 1, step, body);
    /* Registers have no addresses; beyond that, code should fit the instruction cache. */
    bool long_ = g->steps * g->tiles[0] * g->tiles[1] > MAX_UNROLLED;
    if (body != to && long_ && !held) VEC_LAST(to->stmts)->flags &= ~(uint32_t)IR_UNROLL;
    body = select_loop(k, body, "r", g->tiles[0], &r);
    body = select_loop(k, body, "c", g->tiles[1], &c);
    int64_t steps = g->in->acc->steps;
    const IrExpr *slot = select_sum(k, select_times(k, r, g->slot[0] * steps),
                                    select_times(k, c, g->slot[1] * steps));
    IrStmt *mma =
        select_machine(k, body, BUILTIN_MMA, p->sums, select_sum(k, p->first, slot), g->in->text);
    mma->args[1] = fragment_place(k, &a, r);
    mma->args[2] = fragment_place(k, &b, c);
    mma->count = 3;
}

void select_refuse(Select *s, const IrStmt *tasks, const IrTensor *tile, const char *reason)
{
    PassContext *ctx = s->ctx;
    Span span = pass_span(s->k, tasks->origin);
    Diag *diag = diag_report(ctx->diags, DIAG_NOT_SELECTED, span, tasks->text, reason);
    if (tile && tile->over)
        diag_label(ctx->diags, diag, pass_span(s->k, tile->origin), "`%s` lies over %s",
                   tile->name->text, mapping_text(s->k->arena, tile->over, NULL, NULL));
}

static void report(Product *p, bool matched)
{
    PassContext *ctx = p->s->ctx;
    const char *reason = p->reason ? p->reason : "its loop is of no known form";
    if (p->tasks->flags & IR_FORCED)
        select_refuse(p->s, p->tasks, matched ? p->sums : NULL, reason);
    else if (ctx->options->performance)
        diag_report(ctx->diags, DIAG_SIMT_PRODUCT, pass_span(p->s->k, p->tasks->origin), reason);
}

/* Written by hand, but for several warps together. */
static bool is_of_more(const Product *p)
{
    IrKernel *k = p->s->k;
    for (size_t i = 0; i < k->instructions.len && p->tasks->flags & IR_FORCED; i++)
        if (strcmp(k->instructions.data[i].text, p->tasks->text) == 0)
            return !is_by_warp(&k->instructions.data[i]);
    return false;
}

static bool product(Select *s, const IrStmt *tasks, IrBlock *to)
{
    Product p = {.s = s, .tasks = tasks};
    Grid g;
    bool matched = match(&p);
    if (matched && choose(&p, &g)) {
        emit(&p, &g, to);
        return true;
    }
    if (!is_of_more(&p)) report(&p, matched);
    return false;
}

/* ---- the walk -------------------------------------------------------------------------------- */
static void walk(Select *s, IrBlock *block);

static void walk_inside(Select *s, IrStmt *stmt)
{
    PassScope *scope = &s->scope;
    int64_t first = scope->first, count = scope->count;
    struct PassWorkers *workers = scope->workers;
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
        if (!s->copies && tasks && stmt->flags & IR_MMA && product(s, stmt, block)) continue;
        if (s->copies && tasks && stmt->flags & IR_COPY && select_copy(s, stmt, block)) continue;
        if (!tasks || !(stmt->flags & IR_MMA)) walk_inside(s, stmt);
        VEC_PUSH(s->k->arena, block->stmts, stmt);
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

bool pass_select(PassContext *ctx)
{
    IrKernel *k = ctx->k;
    Select s = {.ctx = ctx, .k = k, .scope = pass_scope_begin(k), .gone = base_map(k->arena)};
    size_t errors = ctx->diags->errors;
    s.facts = pass_facts(k, ctx->options);
    walk(&s, k->body);
    if (s.gone.len) {
        drop_copies(&s, k->body);
        drop_tensors(&s);
    }
    s.copies = true;
    walk(&s, k->body);
    return ctx->diags->errors == errors;
}
