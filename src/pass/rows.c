/* rows - what a short loop divides anew in each round of a loop around it is divided once.
 *
 * A gather (`x[row / w, row % w, …]` with `row` of the task) finds out in each step of the loop
 * around it where its rows lie, though only its own short loop changes that. Such a division, by
 * what is no constant, or a guarded load from what the kernel only reads, moves to a private array
 * that is filled before the outermost loop which does not change it; the short loop is unrolled, so
 * that the array is registers. Sums and products stay: they cost less than a register each. Where
 * tiles leave few registers, so does the rest.
 */
#include "pass/internal.h"

enum { MOST_TRIPS = 16, MOST_KEPT = 32, MOST_LOOPS = 12 };
enum { ADDRESS_REGISTERS = 40 }; /* that a round needs besides */

/* A loop around the present statement. */
typedef struct Around {
    IrStmt *loop;
    Map own;       /* variables that it defines or assigns, by id + 1 */
    IrBlock *fill; /* where it stands */
    Map *arrays;   /* of that block: an expression of the standard counter to its array */
    IrBlock head;  /* begins its body: what was kept, named */
    Map named;     /* an expression to the variable that has its value there */
} Around;

typedef struct Rows {
    PassContext *ctx;
    IrKernel *k;
    IrVar *standard[MOST_TRIPS + 1]; /* a counter that stands for those of so many trips */
    int64_t left;                    /* registers that may still be used */
    int depth;
    Around around[MOST_LOOPS]; /* outermost first */
} Rows;

/* Where the values of an expression move, and whose counter tells them apart. */
typedef struct Place {
    Rows *rows;
    Around *brief;
    int64_t trip;
    int outer; /* the outermost loop that does not change it */
    bool fixed, counts;
} Place;

static uint64_t key(uint32_t id)
{
    return (uint64_t)id + 1;
}

static bool note_own(void *user, IrStmt *s)
{
    if (s->var) base_map_put(user, key(s->var->id), s);
    return true;
}

/* ---- what moves ------------------------------------------------------------------------------ */
static bool is_costly(const IrExpr *e)
{
    bool single = e->type.lanes == 1; /* an array has no vectors */
    if (e->op == IR_LOAD) return e->flags & IR_GUARDED && single && vocab_elem_is_int(e->type.elem);
    return (e->op == IR_DIV || e->op == IR_MOD) && e->type.elem == ELEM_INDEX &&
           !ir_is_const(e->args[1]);
}

/* Looks for what keeps it from moving; else notes how far out it can go. */
static bool look(void *user, const IrExpr *e)
{
    Place *p = user;
    if (e->op == IR_LOAD)
        p->fixed &= e->flags & IR_GUARDED && e->tensor->space == IR_PARAM && !e->tensor->written;
    if (e->op != IR_VAR) return !p->fixed;
    if (e->var == p->brief->loop->var) {
        p->counts = true;
        return false;
    }
    p->fixed &= !e->var->mutable;
    for (int i = p->rows->depth; i-- > p->outer;)
        if (base_map_get(&p->rows->around[i].own, key(e->var->id))) p->outer = i + 1;
    return !p->fixed;
}

static bool is_brief(const IrStmt *s, int64_t *trip)
{
    int64_t lo, step;
    return s->kind == IR_STMT_FOR && pass_const_loop(s, &lo, &step, trip) && lo == 0 && step == 1 &&
           *trip > 1 && *trip <= MOST_TRIPS && s->var->type.elem == ELEM_INDEX;
}

/* The short loop around the present statement whose counter alone decides the value. */
static bool find_place(Rows *r, const IrExpr *e, Place *p)
{
    for (int i = r->depth; i-- > 1;) {
        *p = (Place){.rows = r, .brief = &r->around[i], .fixed = true};
        if (!is_brief(p->brief->loop, &p->trip)) continue;
        ir_any(e, look, p);
        while (p->outer < i && r->around[p->outer].loop->flags & IR_UNROLL) p->outer++;
        if (p->fixed && p->counts && p->outer < i) return true;
    }
    return false;
}

/* ---- moving ---------------------------------------------------------------------------------- */
static const IrExpr *at_counter(Rows *r, const Place *p, const IrExpr *e, const IrExpr *counter)
{
    PassClone c = pass_clone_begin(r->k);
    pass_clone_bind(&c, p->brief->loop->var, counter);
    return pass_clone_expr(&c, e);
}

static IrTensor *fill(Rows *r, const Place *p, const IrExpr *e)
{
    IrKernel *k = r->k;
    const IrVar *counter = p->brief->loop->var;
    const IrExpr *trip = ir_index(k, p->trip);
    IrTensor *t = ir_new_tensor(k, pass_make_name(k, "rows"), IR_PRIVATE, e->type.elem, 1, &trip);
    IrVar *var = ir_new_var(k, counter->name, counter->type, false);
    const IrExpr *at = ir_var(k, var);
    IrStmt *loop = ir_for(k, r->around[p->outer].fill, var, ir_index(k, 0), trip, ir_index(k, 1));
    loop->flags |= IR_UNROLL;
    ir_store(k, loop->body, t, &at, at_counter(r, p, e, at), NULL)->flags |= IR_LINEAR;
    return t;
}

/* The array that has the expression's values; NULL if there are too many of them already. */
static IrTensor *array_of(Rows *r, const Place *p, const IrExpr *e)
{
    static const IrType type = {ELEM_INDEX, 1};
    IrVar **standard = &r->standard[p->trip];
    if (!*standard) *standard = ir_new_var(r->k, p->brief->loop->var->name, type, false);
    uint64_t as = key(at_counter(r, p, e, ir_var(r->k, *standard))->id);
    IrTensor *t = base_map_get(r->around[p->outer].arrays, as);
    int64_t registers = p->trip * r->ctx->options->index_bits / 32;
    if (t || registers > r->left) return t;
    r->left -= registers;
    t = fill(r, p, e);
    base_map_put(r->around[p->outer].arrays, as, t);
    return t;
}

static const IrExpr *kept(Rows *r, const IrExpr *e)
{
    Place p;
    if (!find_place(r, e, &p)) return NULL;
    const IrExpr *known = base_map_get(&p.brief->named, key(e->id));
    IrTensor *t = known ? NULL : array_of(r, &p, e);
    if (!t) return known;
    const IrExpr *at = ir_var(r->k, p.brief->loop->var);
    const IrExpr *value = ir_load_with(r->k, t, 1, IR_LINEAR | IR_PROVED, &at, NULL, NULL);
    const Name *name = base_map_get(&r->ctx->names, key(e->id));
    known = ir_var(r->k, pass_new_let(r->k, &p.brief->head, name ? name : t->name, value));
    base_map_put(&p.brief->named, key(e->id), (void *)(uintptr_t)known);
    p.brief->loop->flags |= IR_UNROLL;
    return known;
}

/* The expression with its outermost costly parts kept; `done`: those seen already. */
static const IrExpr *keep(Rows *r, Map *done, const IrExpr *e)
{
    const IrExpr *result = base_map_get(done, key(e->id));
    if (result || e->count == 0) return result ? result : e;
    if (is_costly(e)) result = kept(r, e);
    if (!result) {
        const IrExpr **args = NEW_ARRAY(r->k->arena, const IrExpr *, e->count);
        for (uint32_t i = 0; i < e->count; i++) args[i] = keep(r, done, e->args[i]);
        result = ir_rebuild(r->k, e, args);
    }
    base_map_put(done, key(e->id), (void *)(uintptr_t)result);
    return result;
}

static void keep_operands(Rows *r, IrStmt *s)
{
    const IrExpr **args = NEW_ARRAY(r->k->arena, const IrExpr *, (size_t)s->count + 1);
    Map done = base_map(r->k->arena);
    ir_set_origin(r->k, s->origin);
    for (int i = 0; i < s->count; i++) args[i] = keep(r, &done, s->args[i]);
    s->args = args;
}

static void walk(Rows *r, IrBlock *block);

static void walk_loop(Rows *r, IrStmt *s, IrBlock *to, Map *arrays)
{
    Arena *arena = r->k->arena;
    Around *a = &r->around[r->depth++];
    *a = (Around){.loop = s, .fill = to, .arrays = arrays};
    a->own = base_map(arena);
    a->named = base_map(arena);
    note_own(&a->own, s);
    ir_walk(s->body, note_own, &a->own);
    walk(r, s->body);
    ir_splice(r->k, &a->head, s->body);
    *s->body = a->head;
    r->depth--;
}

static void walk(Rows *r, IrBlock *block)
{
    if (!block) return;
    IrBlock old = pass_take(block);
    Map *arrays = NEW(r->k->arena, Map);
    *arrays = base_map(r->k->arena);
    for (size_t i = 0; i < old.stmts.len; i++) {
        IrStmt *s = old.stmts.data[i];
        if (r->depth) keep_operands(r, s);
        if ((s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE) && r->depth < MOST_LOOPS)
            walk_loop(r, s, block, arrays);
        else
            walk(r, s->body);
        walk(r, s->other);
        VEC_PUSH(r->k->arena, block->stmts, s);
    }
}

bool pass_rows(PassContext *ctx)
{
    int64_t addresses = ctx->options->index_bits / 32 * ADDRESS_REGISTERS;
    Rows r = {.ctx = ctx, .k = ctx->k, .left = pass_registers_left(ctx) - addresses};
    if (r.left > MOST_KEPT) r.left = MOST_KEPT;
    walk(&r, ctx->k->body);
    return true;
}
