/* Products: the loop that says what is computed, the instruction that computes it, its factors. */
#include "pass/select.h"

enum { MAX_UNROLLED = 1024 }; /* products of fragments in one unrolled loop */

/* ---- the product ----------------------------------------------------------------------------- */
typedef struct Product {
    Select *s;
    const IrStmt *tasks;
    const IrBlock *before; /* what stands before it in its block */
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
    int64_t steps;             /* of k */
    int64_t place[2];          /* how a and b lie in shared memory, where it reads them there */
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
           e->tensor->space == IR_SHARED && !e->tensor->of && pass_uses_var(e, own) &&
           !pass_uses_var(e, other);
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

/* ---- fragments ------------------------------------------------------------------------------- */
/* A factor's fragment belongs to the threads that run the instruction: a warp, or a warpgroup,
 * which can read it from shared memory instead. */
static bool has_factor(const IrInstruction *in, const Mapping *fragment)
{
    if (!fragment) return in->acc->workers == SELECT_WARPGROUP;
    return fragment->workers == in->acc->workers;
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

/* The slot at which a worker's time digits have these values; of the tile's expressions below. */
static int64_t slot_of(const Mapping *m, const int64_t at[2])
{
    int64_t slot = 0;
    for (int i = 0; i < m->time_count; i++) {
        const MappingDigit *digit = &m->time[i];
        slot += at[digit->dim] / digit->stride % digit->extent * digit->place;
    }
    return slot;
}

static const IrExpr *slot_expr(IrKernel *k, const Mapping *m, const IrExpr *const at[2])
{
    const IrExpr *slot = ir_index(k, 0);
    for (int i = 0; i < m->time_count; i++) {
        const MappingDigit *digit = &m->time[i];
        const IrExpr *v = ir_binary(k, IR_DIV, at[digit->dim], ir_index(k, digit->stride));
        v = ir_binary(k, IR_MOD, v, ir_index(k, digit->extent));
        slot = select_sum(k, slot, select_times(k, v, digit->place));
    }
    return slot;
}

/* How far apart the fragments are and how many, if they are evenly spaced in rows and columns. */
static void measure(const Mapping *m, Grid *g)
{
    int64_t at[2], last[2] = {0, 0};
    for (int64_t q = 0; q < m->steps; q += g->in->acc->steps) {
        mapping_eval_time(m, q, at);
        for (int d = 0; d < 2; d++) {
            if (at[d] && (!g->step[d] || at[d] < g->step[d])) g->step[d] = at[d];
            if (at[d] > last[d]) last[d] = at[d];
        }
    }
    for (int d = 0; d < 2; d++) g->tiles[d] = g->step[d] ? last[d] / g->step[d] + 1 : 1;
}

static bool find_grid(const Mapping *m, Grid *g)
{
    const Mapping *f = g->in->acc;
    if (m->steps % f->steps || !mapping_units_agree(m, f, f->workers)) return false;
    measure(m, g);
    if (g->tiles[0] * g->tiles[1] * f->steps != m->steps) return false;
    for (int64_t r = 0; r < g->tiles[0]; r++)
        for (int64_t c = 0; c < g->tiles[1]; c++) {
            int64_t want[2] = {r * g->step[0], c * g->step[1]}, at[2];
            int64_t slot = slot_of(m, want);
            if (slot % f->steps || !fragment_at(m, f, slot / f->steps, at)) return false;
            if (at[0] != want[0] || at[1] != want[1]) return false;
        }
    return true;
}

/* ---- factors ------------------------------------------------------------------------------- */
static SelectOperand operand(Product *p, const Grid *g, int side, const IrExpr *step)
{
    IrKernel *k = p->s->k;
    int64_t unit = g->in->acc->workers, deep = g->in->depth;
    SelectOperand o = {.fragment = side ? g->in->b : g->in->a, .load = side ? p->b : p->a};
    o.side = side;
    o.vars[side] = side ? p->j : p->i;
    o.vars[1 - side] = p->p;
    o.extent[side] = g->in->acc->shape[side];
    o.extent[1 - side] = deep;
    o.origin[side] = select_unit_part(k, p->tasks, unit, side);
    o.origin[1 - side] = select_times(k, step, deep);
    o.tiles = g->tiles[side];
    o.tile_step[side] = g->step[side];
    return o;
}

/* The slot of a copied tile that holds the operand's element 0 at tile 0, step 0 of k, and what the
 * next tile and the next step add. */
typedef struct Held {
    const IrTensor *tile;
    const IrExpr *part; /* of a tile with undistributed dimensions: where it begins */
    int64_t first, by_tile, by_step;
} Held;

static const IrStmt *find_copy(const IrBlock *block, const IrTensor *to)
{
    for (size_t i = block->stmts.len; i-- > 0;) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind != IR_STMT_TASKS || !(s->flags & IR_COPY) || s->body->stmts.len != 1) continue;
        if (s->body->stmts.data[0]->tensor == to) return s;
    }
    return NULL;
}

/* Where the tile behind a staged tensor has it, element for element: the slot of its first, and
 * the mapping that it, or the window of it, lies over. */
static const IrExpr *behind(const Product *p, const IrTensor *staged, const Mapping **over)
{
    const IrStmt *copy = find_copy(p->before, staged);
    if (!copy || copy->tasks->mapping->rank != 2) return NULL;
    const IrStmt *store = copy->body->stmts.data[0];
    if (store->kind != IR_STMT_STORE || store->flags & IR_GUARDED) return NULL;
    const IrExpr *load = pass_store_value(store), *const *to = store->args + staged->rank - 2;
    if (load->op != IR_LOAD || load->tensor != staged->staged || load->flags & IR_GUARDED ||
        !select_is_var(to[0], copy->tasks->vars[0]) || !select_is_var(to[1], copy->tasks->vars[1]))
        return NULL;
    *over = copy->tasks->mapping;
    return select_own_slot(p->s->k, copy, load->tensor, load->args);
}

static bool is_whole(const SelectOperand *o)
{
    int lead = o->load->tensor->rank - 2;
    return lead >= 0 && select_is_var(o->load->args[lead], o->vars[0]) &&
           select_is_var(o->load->args[lead + 1], o->vars[1]);
}

/* The slot of element e of (tile, step) that all workers agree on; -1 if they do not. */
static int64_t held_slot(const Mapping *sums, const Mapping *m, const SelectOperand *o,
                         const int64_t base[2], int64_t e, int side)
{
    int64_t slot = -1;
    for (int64_t w = 0; w < m->workers; w++) {
        int64_t warp[2], at[2];
        mapping_eval_worker(sums, w - w % o->fragment->workers, warp);
        mapping_eval(o->fragment, w % o->fragment->workers, e, at);
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
    const Mapping *sums = p->tasks->tasks->mapping, *m = NULL;
    const IrTensor *tile = o->load->tensor->staged;
    if (!tile || tile == p->sums || !tile->over || !is_whole(o)) return false;
    *held = (Held){.tile = tile, .part = behind(p, o->load->tensor, &m)};
    if (!held->part || m->workers != sums->workers) return false;
    int64_t deep = o->fragment->shape[1 - side];
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

/* ---- which instruction ----------------------------------------------------------------------- */
static const char *lies_otherwise(const Product *p, const IrInstruction *in)
{
    Arena *arena = p->s->k->arena;
    return base_format(arena, "`%s` lies over %s, which does not end in the fragment %s",
                       p->sums->name->text,
                       mapping_text(arena, p->tasks->tasks->mapping, NULL, NULL),
                       mapping_text(arena, in->acc, NULL, NULL));
}

/* The instruction reads the factors without a fragment as they lie; others are in registers. */
static bool has_places(Product *p, Grid *g)
{
    for (int side = 0; side < 2; side++) {
        const char *why = NULL;
        SelectOperand o = operand(p, g, side, ir_index(p->s->k, 0));
        Held held;
        if (o.fragment) {
            if (g->in->acc->workers == SELECT_WARP || is_held(p, g, &o, side, &held)) continue;
            return false;
        }
        g->place[side] = select_place(p->s, &o, &why);
        if (why) return refuse(p, why);
    }
    return true;
}

static bool fits(Product *p, const IrInstruction *in, Grid *g)
{
    Arena *arena = p->s->k->arena;
    const char *forced = p->tasks->flags & IR_FORCED ? p->tasks->text : NULL;
    bool named = !forced || strcmp(forced, in->text) == 0 ||
                 (p->tasks->flags & IR_BEGUN && in->acc->workers == SELECT_WARPGROUP);
    if (!named || !has_types(p, in) || !has_factor(in, in->a) || !has_factor(in, in->b))
        return false;
    if (p->depth % in->depth)
        return refuse(p, base_format(arena, "its depth %lld is no multiple of %lld",
                                     (long long)p->depth, (long long)in->depth));
    *g = (Grid){.in = in, .steps = p->depth / in->depth};
    if (!select_has_units(p->s, p->tasks, in->acc->workers))
        return refuse(p, base_format(arena, "the group is not made of whole %s",
                                     in->acc->workers == SELECT_WARP ? "warps" : "warpgroups"));
    if (!find_grid(p->tasks->tasks->mapping, g)) return refuse(p, lies_otherwise(p, in));
    return has_places(p, g);
}

/* A warpgroup's instruction before a warp's, a wide one before a narrow, a deep one before others.
 */
static int64_t rank_of(const Grid *g)
{
    const IrInstruction *in = g->in;
    int64_t held = in->a ? 512 : 0; /* registers as they are save the copy */
    return in->depth + held + in->acc->shape[1] * 1024 + in->acc->workers * 1024 * 1024;
}

/* Of those that fit, the best. */
static bool choose(Product *p, Grid *best)
{
    IrKernel *k = p->s->k;
    best->in = NULL;
    for (size_t i = 0; i < k->instructions.len; i++) {
        Grid g;
        if (!fits(p, &k->instructions.data[i], &g)) continue;
        if (!best->in || rank_of(&g) > rank_of(best)) *best = g;
    }
    if (best->in) return true;
    return refuse(p, base_format(k->arena, "no instruction of sm_%d adds %s * %s to %s",
                                 p->s->ctx->options->arch, vocab_elem(p->a->tensor->elem)->text,
                                 vocab_elem(p->b->tensor->elem)->text,
                                 vocab_elem(p->sums->elem)->text));
}

/* ---- the statements -------------------------------------------------------------------------- */
/* True if it is in registers already. */
static bool prepare(Product *p, const Grid *g, SelectOperand *o, int side, const IrExpr *step,
                    IrBlock *to)
{
    Held held;
    if (is_held(p, g, o, side, &held)) {
        IrKernel *k = p->s->k;
        o->array = held.tile;
        o->first = select_sum(k, ir_index(k, held.first), select_times(k, step, held.by_step));
        o->first = select_sum(k, held.part, o->first);
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

/* Products begin after what was done with their registers, and end before what comes. */
static IrStmt *order(IrKernel *k, IrBlock *to, Builtin builtin)
{
    IrStmt *s = ir_append(k, to, IR_STMT_ORDER);
    s->builtin = builtin;
    return s;
}

static const IrExpr *factor_place(Product *p, const SelectOperand *o, const IrExpr *tile)
{
    if (o->fragment) return fragment_place(p->s->k, o, tile);
    return select_corner(p->s, o, tile);
}

/* Under --check: both ends of a factor that instructions read from memory lie in its tensor. */
static void check_factor(Product *p, const Grid *g, int side, IrBlock *to)
{
    IrKernel *k = p->s->k;
    SelectOperand o = operand(p, g, side, ir_index(k, 0));
    if (o.fragment || !p->s->ctx->options->check) return;
    const IrExpr *zero = ir_index(k, 0), *ends[2][2] = {{zero, zero}};
    ends[1][side] = ir_index(k, p->tasks->tasks->mapping->shape[side] - 1);
    ends[1][1 - side] = ir_index(k, p->depth - 1);
    select_check_ends(p->s, &o, ends, to);
}

static void emit_products(Product *p, const Grid *g, IrBlock *to)
{
    Select *s = p->s;
    IrKernel *k = s->k;
    const IrExpr *step, *r, *c;
    IrBlock *body = select_loop(k, to, "ks", g->steps, &step);
    if (body != to) pass_scope_for(&s->scope, VEC_LAST(to->stmts));
    SelectOperand a = operand(p, g, 0, step), b = operand(p, g, 1, step);
    bool held = a.fragment && prepare(p, g, &a, 0, step, body);
    held |= b.fragment && prepare(p, g, &b, 1, step, body);
    /* Registers have no addresses; beyond that, code should fit the instruction cache. */
    bool long_ = g->steps * g->tiles[0] * g->tiles[1] > MAX_UNROLLED;
    if (body != to && long_ && !held) VEC_LAST(to->stmts)->flags &= ~(uint32_t)IR_UNROLL;
    body = select_loop(k, body, "r", g->tiles[0], &r);
    body = select_loop(k, body, "c", g->tiles[1], &c);
    const IrExpr *at[] = {select_times(k, r, g->step[0]), select_times(k, c, g->step[1])};
    const IrExpr *slot = slot_expr(k, p->sums->over, at);
    IrStmt *mma =
        select_machine(k, body, BUILTIN_MMA, p->sums, select_sum(k, p->first, slot), g->in->text);
    mma->args[1] = factor_place(p, &a, r);
    mma->args[2] = factor_place(p, &b, c);
    mma->count = 3;
    mma->imm = g->place[0];
    mma->imm2 = g->place[1];
}

static void emit(Product *p, const Grid *g, IrBlock *to)
{
    IrKernel *k = p->s->k;
    ir_set_origin(k, p->tasks->origin);
    bool waits = g->in->acc->workers == SELECT_WARPGROUP && !(p->tasks->flags & IR_BEGUN);
    for (int side = 0; side < 2; side++) check_factor(p, g, side, to);
    if (waits) order(k, to, BUILTIN_WGMMA_FENCE);
    emit_products(p, g, to);
    if (!waits) return;
    bool flies = !g->in->a && !g->in->b &&
                 select_may_fly(p->s, p->tasks, p->sums, p->a->tensor, p->b->tensor);
    order(k, to, BUILTIN_WGMMA_COMMIT);
    order(k, to, BUILTIN_WGMMA_WAIT)->imm = flies;
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

bool select_product(Select *s, const IrStmt *tasks, IrBlock *to)
{
    Product p = {.s = s, .tasks = tasks, .before = to};
    Grid g;
    bool matched = match(&p);
    if (matched && choose(&p, &g)) {
        emit(&p, &g, to);
        return true;
    }
    report(&p, matched);
    return false;
}
