/* prefetch - what the next block reads comes near while this one computes (CPU).
 *
 * Where each block first reads a row of memory and then works on it, memory waits for arithmetic
 * and arithmetic for memory, and no hardware looks so far ahead. A kernel that runs once through
 * such rows (their offset depends on block.x, their length has a small bound) asks for those of
 * the block with the next x, a piece at a time, in the loops that compute: each has a share of the
 * row as large as its share of the work. A loop over more than one piece of elements is cut into
 * pieces for it.
 *
 * A row of any length may be gone through in strips, `for i in 0 .. n step 256 { for t { … } }`
 * with x[i + t], and then again in strips of the same length: that of these loops which does most
 * asks, strip for strip, for the row of the next block, if it is short enough to stay near.
 *
 * A row is asked for by a loop flagged IR_PREFETCH, whose loads nobody uses. */
#include "pass/internal.h"

enum {
    MOST_ROWS = 4,
    MOST_WORKERS = 32,
    LEAST_BYTES = 2048,   /* of a row: shorter ones are near as soon as one touches them */
    MOST_BYTES = 1 << 16, /* of a row: beyond that it would not stay near */
    LINE_BYTES = 64,
    PIECE = 256,      /* elements that a loop goes through between two requests */
    PIECE_OUT = 1024, /* the same where it writes memory: rather a page at a time */
    LEAST_WORK = 6,   /* operations to an element of the row: less is no time to use */
};

/* Elements lo + i of the load's last index, for i below the bound `most`. */
typedef struct Row {
    const IrExpr *load; /* the counter being `counter` */
    const IrExpr *base; /* offset without the counter */
    const IrVar *counter;
    const IrVar *strip; /* its offset is that of `counter` plus this; NULL */
    const IrExpr *lo, *hi, *guard;
    int64_t most;
    IrStmt *reader, *asker; /* of strips: the loop that reads them first, the one that asks */
} Row;

/* A loop that computes. */
typedef struct Worker {
    IrStmt *loop;
    int64_t piece; /* elements, if it is to be cut; 0 */
    int64_t trips;
    double work;
} Worker;

typedef struct Prefetch {
    IrKernel *k;
    PassScope scope;
    Row rows[MOST_ROWS], strips[MOST_ROWS];
    Worker workers[MOST_WORKERS];
    int row_count, strip_count, worker_count;
    double work, other_work; /* of all loops; of those that read no row */
} Prefetch;

/* ---- rows ------------------------------------------------------------------------------------ */

static bool is_block(void *user, const IrExpr *e)
{
    return e == ir_bid(user, 0);
}

/* What has another value, or none, where the next block is in question. */
static bool is_foreign(void *user, const IrExpr *e)
{
    return e->op == IR_LOAD || (e->op == IR_VAR && e->var != user);
}

/* Is the load's offset the counter plus something that depends on the block alone? */
static bool is_row(Prefetch *p, Row *row)
{
    IrKernel *k = p->k;
    const IrExpr *counter = ir_var(k, (IrVar *)(uintptr_t)row->counter);
    const IrExpr *load = row->load;
    const IrExpr *offset =
        load->flags & IR_LINEAR ? load->args[0] : ir_offset(k, load->tensor, load->args);
    PassAffine a = pass_affine(k, pass_resolve(&p->scope, offset));
    const IrExpr *strip = row->strip ? ir_var(k, (IrVar *)(uintptr_t)row->strip) : counter;
    bool blocks = false;
    if (pass_affine_coef(&a, counter) != 1 || pass_affine_coef(&a, strip) != 1) return false;
    for (int i = 0; i < a.count; i++) {
        const IrExpr *atom = a.terms[i].atom;
        if (atom == counter || atom == strip) {
            a.terms[i].coef = 0;
            continue;
        }
        if (ir_any(atom, is_foreign, NULL)) return false;
        blocks |= ir_any(atom, is_block, k);
    }
    row->base = pass_affine_build(k, &a);
    return blocks;
}

/* What must hold for the row to be there. */
static bool set_guard(Prefetch *p, Row *row, const IrExpr *around)
{
    const IrExpr *load = row->load;
    row->guard = around;
    if (load->flags & IR_GUARDED) {
        const IrExpr *own = load->args[pass_load_indices(load)];
        row->guard = around ? ir_binary(p->k, IR_AND, around, own) : own;
    }
    if (!row->guard) return true;
    row->guard = pass_resolve(&p->scope, row->guard);
    return !ir_any(row->guard, is_foreign, NULL);
}

typedef struct Search {
    Prefetch *p;
    const IrStmt *loop;
    IrStmt *outer; /* for strips */
    const IrExpr *guard;
    bool found;
} Search;

static bool find_row(void *user, const IrExpr *e)
{
    Search *s = user;
    Prefetch *p = s->p;
    if (e->op != IR_LOAD || e->tensor->space != IR_PARAM || e->type.lanes != 1) return false;
    int bytes = vocab_elem(e->tensor->elem)->bits < 8 ? 0 : vocab_elem_bytes(e->tensor->elem);
    Row row = {.load = e, .counter = s->loop->var, .lo = s->loop->args[0], .hi = s->loop->args[1]};
    row.lo = pass_resolve(&p->scope, row.lo);
    row.hi = pass_resolve(&p->scope, row.hi);
    row.most = ir_binary(p->k, IR_SUB, row.hi, row.lo)->hi;
    if (bytes == 0 || row.most < LEAST_BYTES / bytes || row.most > MOST_BYTES / bytes) return false;
    if (ir_any(row.lo, is_foreign, NULL) || ir_any(row.hi, is_foreign, NULL)) return false;
    if (!is_row(p, &row) || !set_guard(p, &row, s->guard)) return false;
    for (int i = 0; i < p->row_count; i++)
        if (p->rows[i].load->tensor == e->tensor && p->rows[i].base == row.base) return false;
    s->found = true;
    if (p->row_count < MOST_ROWS) p->rows[p->row_count++] = row;
    return false;
}

/* ---- strips ---------------------------------------------------------------------------------- */

static bool count_operation(void *user, const IrExpr *e)
{
    int *count = user;
    *count += e->count > 0 && e->type.elem != ELEM_INDEX;
    return false;
}

/* Operations, roughly; 0 if no bound is known. */
static double work_of(const IrBlock *block)
{
    double sum = 0;
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        int count = 1;
        pass_any_operand(s, count_operation, &count);
        double below = work_of(s->body) + work_of(s->other);
        sum += count + (s->kind == IR_STMT_FOR ? below * (double)pass_most_trips(s) : below);
    }
    return sum;
}

/* Is it a loop over the elements of the strip that begins with the outer counter? */
static bool is_strip(Prefetch *p, const IrStmt *outer, const IrStmt *s)
{
    IrKernel *k = p->k;
    if (s->kind != IR_STMT_FOR || !ir_is_int(s->args[2], 1) || !ir_is_int(s->args[0], 0))
        return false;
    const IrExpr *rest = ir_binary(k, IR_SUB, outer->args[1], ir_var(k, outer->var));
    const IrExpr *hi = ir_binary(k, IR_MIN, rest, outer->args[2]);
    return s->args[1] == hi || s->args[1] == outer->args[2];
}

static bool find_strip(void *user, const IrExpr *e)
{
    Search *s = user;
    Prefetch *p = s->p;
    if (e->op != IR_LOAD || e->tensor->space != IR_PARAM || e->type.lanes != 1) return false;
    Row row = {.load = e, .counter = s->loop->var, .strip = s->outer->var, .reader = s->outer};
    row.lo = s->outer->args[0];
    row.hi = pass_resolve(&p->scope, s->outer->args[1]);
    if (vocab_elem(e->tensor->elem)->bits < 8 || ir_any(row.hi, is_foreign, NULL)) return false;
    if (!is_row(p, &row) || !set_guard(p, &row, s->guard)) return false;
    for (int i = 0; i < p->strip_count; i++)
        if (p->strips[i].load->tensor == e->tensor && p->strips[i].base == row.base) return false;
    if (p->strip_count < MOST_ROWS) p->strips[p->strip_count++] = row;
    return false;
}

/* Strips that this loop reads first, or might ask for. */
static void look_at_strips(Prefetch *p, IrStmt *outer, const IrExpr *guard)
{
    if (!ir_is_const(outer->args[2]) || outer->args[2]->value.i < LINE_BYTES) return;
    if (!ir_is_int(outer->args[0], 0) || outer->flags & IR_UNROLL) return;
    for (int i = 0; i < p->strip_count; i++) {
        Row *row = &p->strips[i];
        bool same = outer->args[2] == row->reader->args[2] &&
                    pass_resolve(&p->scope, outer->args[1]) == row->hi;
        if (same && (!row->asker || work_of(outer->body) > work_of(row->asker->body)))
            row->asker = outer;
    }
    for (size_t i = 0; i < outer->body->stmts.len; i++) {
        const IrStmt *s = outer->body->stmts.data[i];
        if (!is_strip(p, outer, s)) continue;
        Search search = {.p = p, .loop = s, .outer = outer, .guard = guard};
        for (size_t j = 0; j < s->body->stmts.len; j++) {
            const IrStmt *b = s->body->stmts.data[j];
            pass_any_operand(b, find_strip, &search);
            if (b->kind == IR_STMT_LET) pass_scope_let(&p->scope, b);
        }
    }
}

/* ---- loops that compute ---------------------------------------------------------------------- */

static bool has_loops(const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE || has_loops(s->body) ||
            has_loops(s->other))
            return true;
    }
    return false;
}

/* Does the loop write a row of memory? */
static bool writes(const IrStmt *loop)
{
    const IrStmt *last = loop->body->stmts.len ? VEC_LAST(loop->body->stmts) : NULL;
    return last && last->kind == IR_STMT_STORE && last->tensor->space == IR_PARAM;
}

static void add_worker(Prefetch *p, IrStmt *loop)
{
    int64_t trips = pass_most_trips(loop);
    bool plain = ir_is_int(loop->args[2], 1) && !has_loops(loop->body);
    int64_t piece = writes(loop) ? PIECE_OUT : PIECE;
    Worker w = {.loop = loop, .piece = plain && trips > piece ? piece : 0, .trips = trips};
    if (trips < 2 || loop->flags & IR_UNROLL || p->worker_count == MOST_WORKERS) return;
    if ((plain && !w.piece) || !ir_is_const(loop->args[0])) return; /* a remainder: often empty */
    w.work = work_of(loop->body) * (double)trips;
    if (w.piece) w.trips = (trips - 1) / piece + 1;
    p->work += w.work;
    p->workers[p->worker_count++] = w;
}

/* ---- the kernel's own statements, and those in what runs once or not at all -------------------
 */

static void look(Prefetch *p, IrBlock *block, const IrExpr *guard);

static void look_branch(Prefetch *p, IrStmt *s, const IrExpr *guard)
{
    IrKernel *k = p->k;
    const IrExpr *cond = s->args[0], *not = ir_unary(k, IR_NOT, cond);
    look(p, s->body, guard ? ir_binary(k, IR_AND, guard, cond) : cond);
    look(p, s->other, guard ? ir_binary(k, IR_AND, guard, not ) : not );
}

static bool has_row(Prefetch *p, IrStmt *loop, const IrExpr *guard)
{
    Search search = {.p = p, .loop = loop, .guard = guard};
    if (!ir_is_int(loop->args[2], 1) || has_loops(loop->body)) return false;
    for (size_t i = 0; i < loop->body->stmts.len; i++)
        pass_any_operand(loop->body->stmts.data[i], find_row, &search);
    return search.found;
}

static void look(Prefetch *p, IrBlock *block, const IrExpr *guard)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_LET) pass_scope_let(&p->scope, s);
        if (s->kind == IR_STMT_IF) look_branch(p, s, guard);
        if (s->kind != IR_STMT_FOR) continue;
        look_at_strips(p, s, guard);
        bool row = has_row(p, s, guard);
        double before = p->work;
        add_worker(p, s);
        if (!row) p->other_work += p->work - before;
    }
}

/* ---- requests -------------------------------------------------------------------------------- */

static const IrExpr *next_block(void *user, const IrExpr *e)
{
    IrKernel *k = user;
    return e == ir_bid(k, 0) ? ir_binary(k, IR_ADD, e, ir_index(k, 1)) : NULL;
}

static const IrExpr *next(Prefetch *p, const IrExpr *e)
{
    return ir_rewrite(p->k, e, next_block, p->k);
}

/* Elements from `from` on, `count` of them unless the row ends before. */
static void request(Prefetch *p, const Row *row, const IrExpr *from, int64_t count, IrBlock *to)
{
    IrKernel *k = p->k;
    const IrExpr *first = ir_binary(k, IR_ADD, next(p, row->lo), from);
    const IrExpr *last = ir_binary(k, IR_ADD, first, ir_index(k, count));
    last = ir_binary(k, IR_MIN, last, next(p, row->hi));
    IrVar *var = ir_new_var(k, row->counter->name, row->counter->type, false);
    ir_set_origin(k, row->load->origin);
    const IrExpr *there = ir_binary(k, IR_LT, next(p, ir_bid(k, 0)), ir_gdim(k, 0));
    if (row->guard) there = ir_binary(k, IR_AND, there, next(p, row->guard));
    IrBlock *body = ir_if(k, to, there, false)->body;
    IrStmt *loop = ir_for(k, body, var, first, last, ir_index(k, 1));
    loop->flags |= IR_PREFETCH;
    const IrExpr *index[MAPPING_MAX_RANK + 1], *counter = ir_var(k, var);
    PassClone c = pass_clone_begin(k);
    pass_clone_bind(&c, row->counter, counter);
    if (row->strip) pass_clone_bind(&c, row->strip, ir_index(k, 0));
    int indices = pass_load_indices(row->load);
    for (int d = 0; d < indices; d++)
        index[d] = pass_clone_expr(&c, next(p, pass_resolve(&p->scope, row->load->args[d])));
    const IrExpr *load =
        ir_load_with(k, row->load->tensor, 1, row->load->flags & IR_LINEAR, index, NULL, NULL);
    pass_new_let(k, loop->body, pass_make_name(k, "ahead"), load);
}

/* The loop over pieces that the loop becomes the body of. */
static void cut(Prefetch *p, IrStmt *loop, int64_t piece)
{
    IrKernel *k = p->k;
    IrStmt *inner = NEW(k->arena, IrStmt);
    *inner = *loop;
    IrVar *var = ir_new_var(k, loop->var->name, loop->var->type, false);
    IrBlock *made = ir_new_block(k);
    IrStmt *outer = ir_for(k, made, var, loop->args[0], loop->args[1], ir_index(k, piece));
    outer->flags = loop->flags & IR_ONCE;
    outer->origin = loop->origin;
    const IrExpr *from = ir_var(k, var), *args[3] = {from, NULL, ir_index(k, 1)};
    args[1] = ir_binary(k, IR_MIN, ir_binary(k, IR_ADD, from, ir_index(k, piece)), loop->args[1]);
    inner->args = base_copy(k->arena, args, sizeof args);
    VEC_PUSH(k->arena, outer->body->stmts, inner);
    *loop = *outer;
}

static int64_t round_up(double elements, int64_t line)
{
    int64_t count = (int64_t)(elements / (double)line + 0.999);
    return count * line;
}

/* The part [begin, end) of the row that this loop asks for. */
static void share(Prefetch *p, const Worker *w, const Row *row, int64_t begin, int64_t end,
                  IrBlock *to)
{
    IrKernel *k = p->k;
    int64_t line = LINE_BYTES / vocab_elem_bytes(row->load->tensor->elem);
    int64_t each = round_up((double)(end - begin) / (double)w->trips, line);
    const IrExpr *trip = ir_binary(k, IR_SUB, ir_var(k, w->loop->var), w->loop->args[0]);
    trip = ir_binary(k, IR_DIV, trip, w->loop->args[2]);
    const IrExpr *from = ir_binary(k, IR_MUL, trip, ir_index(k, each));
    request(p, row, ir_binary(k, IR_ADD, from, ir_index(k, begin)), each, to);
}

static void insert(Prefetch *p, Worker *w, double before)
{
    if (w->piece) cut(p, w->loop, w->piece);
    IrBlock old = pass_take(w->loop->body);
    for (int i = 0; i < p->row_count; i++) {
        const Row *row = &p->rows[i];
        int64_t line = LINE_BYTES / vocab_elem_bytes(row->load->tensor->elem);
        double most = (double)row->most;
        int64_t begin = round_up(most * before / p->work, line);
        int64_t end = round_up(most * (before + w->work) / p->work, line);
        if (begin < end) share(p, w, row, begin, end, w->loop->body);
    }
    ir_splice(p->k, w->loop->body, &old);
}

/* Strip for strip, where the row is short enough. */
static void ask_for_strips(Prefetch *p, const Row *row)
{
    IrKernel *k = p->k;
    IrStmt *loop = row->asker;
    if (!loop) return;
    IrBlock old = pass_take(loop->body);
    int64_t most = MOST_BYTES / vocab_elem_bytes(row->load->tensor->elem);
    const IrExpr *near = ir_binary(k, IR_LE, row->hi, ir_index(k, most));
    ir_set_origin(k, loop->origin);
    request(p, row, ir_var(k, loop->var), loop->args[2]->value.i,
            ir_is_const(near) ? loop->body : ir_if(k, loop->body, near, false)->body);
    ir_splice(k, loop->body, &old);
}

static void prefetch(PassContext *ctx, IrBlock *block, const IrExpr *guard)
{
    IrKernel *k = ctx->k;
    Prefetch p = {.k = k, .scope = pass_scope_begin(k)};
    look(&p, block, guard);
    double elements = 0, before = 0;
    for (int i = 0; i < p.strip_count; i++) ask_for_strips(&p, &p.strips[i]);
    for (int i = 0; i < p.row_count; i++) elements += (double)p.rows[i].most;
    if (p.row_count == 0 || p.other_work < LEAST_WORK * elements) return;
    for (int i = 0; i < p.worker_count; i++) {
        insert(&p, &p.workers[i], before);
        before += p.workers[i].work;
    }
}

bool pass_prefetch(PassContext *ctx)
{
    if (ctx->k->waits) return true;
    IrKernel *k = ctx->k;
    IrStmt *first = k->body->stmts.len == 1 ? k->body->stmts.data[0] : NULL;
    if (ctx->options->check || k->resident) return true;
    bool versions = first && first->kind == IR_STMT_IF;
    if (!versions) {
        prefetch(ctx, k->body, NULL);
        return true;
    }
    /* Two versions of the kernel: what decides between them is the same for the next block, or is
     * asked again. */
    const IrExpr *cond = first->args[0];
    bool blocks = ir_any(cond, is_block, k);
    prefetch(ctx, first->body, blocks ? cond : NULL);
    if (first->other) prefetch(ctx, first->other, blocks ? ir_unary(k, IR_NOT, cond) : NULL);
    return true;
}
