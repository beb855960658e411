/* hoist - loop-invariant and common parts of expressions get variables; dead variables go.
 *
 * Sums of index terms are first ordered by how deep in the loops their terms live, outermost
 * first, constants last: `base of the block + base of the iteration + counter + constant`. Then
 * every part whose operands are all known before a loop is computed before it, and what is used
 * twice in a block is computed once. Only expressions without loads and assigned variables move.
 * A division may so be made that the program would not have made; the targets' divisions by what
 * may be zero give some number. Names of variables that `layouts` wrote out
 * come back for the same values.
 */
#include "pass/internal.h"

enum { MAX_DEPTH = 128, UNMOVABLE = 1 << 20 };

/* A block being rebuilt: statements in front of the current one can still be added to it. */
typedef struct Level {
    IrBlock *out;
    bool loop;     /* the body of a loop */
    bool unrolled; /* whose counter becomes a constant */
    Map lets;      /* expression id + 1 to the VAR that has its value */
} Level;

typedef struct Hoist {
    PassContext *ctx;
    IrKernel *k;
    int *var_depth; /* by variable id */
    size_t var_count;
    Map homes; /* expression id + 1 to depth + 1 */
    uint32_t *uses;
    uint32_t use_count;
    int depth;
    Level levels[MAX_DEPTH];
    const char *hint; /* name for what is moved out of the operand in hand */
} Hoist;

/* ---- depths ---------------------------------------------------------------------------------- */
static void set_depth(Hoist *h, const IrVar *var, int depth)
{
    if (var && var->id < h->var_count) h->var_depth[var->id] = var->mutable ? UNMOVABLE : depth;
}

static void find_depths(Hoist *h, IrBlock *block, int depth)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        bool defines = s->kind != IR_STMT_SET && s->kind != IR_STMT_LEAVE;
        if (defines) set_depth(h, s->var, s->kind == IR_STMT_FOR ? depth + 1 : depth);
        find_depths(h, s->body, depth + 1);
        find_depths(h, s->other, depth + 1);
    }
}

/* The depth from which all operands are known. */
static int home_of(Hoist *h, const IrExpr *e)
{
    if (e->op == IR_CONST) return 0;
    if (e->op == IR_VAR) return e->var->id < h->var_count ? h->var_depth[e->var->id] : h->depth;
    if (e->op == IR_LOAD) return UNMOVABLE;
    uint64_t key = (uint64_t)e->id + 1;
    intptr_t known = (intptr_t)base_map_get(&h->homes, key);
    if (known) return (int)known - 1;
    int depth = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        int home = home_of(h, e->args[i]);
        if (home > depth) depth = home;
    }
    base_map_put(&h->homes, key, (void *)(intptr_t)(depth + 1));
    return depth;
}

/* ---- sums by depth --------------------------------------------------------------------------- */
typedef struct Sum {
    VEC(PassTerm) terms;
    int64_t constant;
} Sum;

static void gather(Hoist *h, Sum *sum, const IrExpr *e, int64_t scale);

/* The terms of one depth, added up; NULL if there are none. They are taken out. */
static const IrExpr *take_depth(Hoist *h, Sum *sum, int depth)
{
    const IrExpr *part = NULL;
    for (size_t i = 0; i < sum->terms.len; i++) {
        PassTerm *t = &sum->terms.data[i];
        int home = t->atom ? home_of(h, t->atom) : -1;
        if (home != depth && !(depth == MAX_DEPTH && home > depth)) continue;
        const IrExpr *term = ir_binary(h->k, IR_MUL, t->atom, ir_index(h->k, t->coef));
        part = part ? ir_binary(h->k, IR_ADD, part, term) : term;
        t->atom = NULL;
    }
    return part;
}

/* (terms of several depths) * factor: a product for each depth. False if there is but one. */
static bool gather_product(Hoist *h, Sum *sum, const IrExpr *a, const IrExpr *factor, int64_t scale)
{
    Sum inner = {.constant = 0};
    gather(h, &inner, a, 1);
    bool mixed = inner.constant != 0;
    for (size_t i = 1; i < inner.terms.len && !mixed; i++)
        mixed = home_of(h, inner.terms.data[i].atom) != home_of(h, inner.terms.data[0].atom);
    if (!mixed || inner.terms.len == 0) return false;
    for (int depth = 0; depth <= MAX_DEPTH; depth++) {
        const IrExpr *part = take_depth(h, &inner, depth);
        if (!part) continue;
        const IrExpr *product = ir_binary(h->k, IR_MUL, part, factor);
        VEC_PUSH(h->k->arena, sum->terms, ((PassTerm){product, scale}));
    }
    if (inner.constant)
        VEC_PUSH(h->k->arena, sum->terms, ((PassTerm){factor, inner.constant * scale}));
    return true;
}

/* The value of a variable that was written out, all of one depth. */
static bool is_named(Hoist *h, const IrExpr *e)
{
    if (e->count == 0 || !base_map_get(&h->ctx->names, (uint64_t)e->id + 1)) return false;
    for (uint32_t i = 0; i < e->count; i++)
        if (!ir_is_const(e->args[i]) && home_of(h, e->args[i]) != home_of(h, e)) return false;
    return true;
}

static void gather(Hoist *h, Sum *sum, const IrExpr *e, int64_t scale)
{
    int64_t c;
    if (is_named(h, e)) { /* stays one thing */
        VEC_PUSH(h->k->arena, sum->terms, ((PassTerm){e, scale}));
    } else if (ir_is_const(e)) {
        sum->constant += e->value.i * scale;
    } else if (e->op == IR_ADD || e->op == IR_SUB) {
        gather(h, sum, e->args[0], scale);
        gather(h, sum, e->args[1], e->op == IR_ADD ? scale : -scale);
    } else if (e->op == IR_MUL && ir_is_const(e->args[1]) &&
               base_mul(e->args[1]->value.i, scale, &c) && e->args[0]->op != IR_DIV) {
        gather(h, sum, e->args[0], c);
    } else if (e->op != IR_MUL || (!gather_product(h, sum, e->args[0], e->args[1], scale) &&
                                   !gather_product(h, sum, e->args[1], e->args[0], scale))) {
        VEC_PUSH(h->k->arena, sum->terms, ((PassTerm){e, scale}));
    }
}

/* The same sum, outer terms first; terms of one depth keep their order. */
static const IrExpr *order_sum(Hoist *h, const IrExpr *e)
{
    Sum sum = {.constant = 0};
    if (e->type.elem != ELEM_INDEX || e->type.lanes != 1) return e;
    gather(h, &sum, e, 1);
    const IrExpr *total = NULL;
    for (int depth = 0; depth <= MAX_DEPTH; depth++) {
        const IrExpr *part = take_depth(h, &sum, depth);
        if (part) total = total ? ir_binary(h->k, IR_ADD, total, part) : part;
    }
    const IrExpr *constant = ir_index(h->k, sum.constant);
    return total ? ir_binary(h->k, IR_ADD, total, constant) : constant;
}

static const IrExpr *order_load(void *user, const IrExpr *e)
{
    Hoist *h = user;
    if (e->op != IR_LOAD || !(e->flags & IR_LINEAR) || e->tensor->space == IR_TILE) return NULL;
    const IrExpr *args[3] = {order_sum(h, e->args[0])};
    for (uint32_t i = 1; i < e->count && i < 3; i++) args[i] = e->args[i];
    return ir_rebuild(h->k, e, args);
}

static bool order_stmt(void *user, IrStmt *s)
{
    Hoist *h = user;
    pass_map_stmt(h->k, s, order_load, h);
    bool access = s->kind == IR_STMT_STORE || s->kind == IR_STMT_ATOMIC;
    if (access && s->flags & IR_LINEAR && s->tensor->space != IR_TILE)
        s->args[0] = order_sum(h, s->args[0]);
    return true;
}

/* ---- uses ------------------------------------------------------------------------------------ */
static void count_uses(Hoist *h, const IrExpr *e)
{
    if (e->id >= h->use_count) return;
    if (h->uses[e->id]++) return; /* its operands have been counted */
    for (uint32_t i = 0; i < e->count; i++) count_uses(h, e->args[i]);
}

static bool count_stmt(void *user, IrStmt *s)
{
    for (int i = 0; i < s->count; i++) count_uses(user, s->args[i]);
    return true;
}

/* ---- moving ---------------------------------------------------------------------------------- */
static bool is_trivial(const IrExpr *e)
{
    if (e->count == 0 || e->type.lanes != 1) return true;
    if (e->op == IR_CAST || e->op == IR_NEG || e->op == IR_NOT || e->op == IR_LANE)
        return is_trivial(e->args[0]);
    return (e->op == IR_ADD || e->op == IR_SUB) && ir_is_const(e->args[1]); /* an address's part */
}

/* Only counters of unrolled loops: a constant once they are unrolled. */
static bool becomes_constant(Hoist *h, const IrExpr *e)
{
    if (e->op == IR_CONST) return true;
    if (e->op == IR_VAR) {
        int depth = home_of(h, e);
        return depth <= h->depth && depth > 0 && h->levels[depth].unrolled;
    }
    if (e->count == 0 || e->op == IR_LOAD) return false;
    for (uint32_t i = 0; i < e->count; i++)
        if (!becomes_constant(h, e->args[i])) return false;
    return true;
}

static const IrExpr *find_let(const Hoist *h, const IrExpr *e, int depth)
{
    for (int d = depth; d >= 0; d--) {
        const IrExpr *var = base_map_get(&h->levels[d].lets, (uint64_t)e->id + 1);
        if (var) return var;
    }
    return NULL;
}

/* Where to compute a movable expression: before the outermost loop that does not change it; the
 * present block if it is used again; -1 to leave it in its place. */
static int target_depth(Hoist *h, const IrExpr *e, int depth)
{
    int home = home_of(h, e);
    if (home > depth || is_trivial(e) || becomes_constant(h, e)) return -1;
    for (int d = home + 1; d <= depth; d++)
        if (h->levels[d].loop) return d - 1;
    return e->id < h->use_count && h->uses[e->id] > 1 ? depth : -1;
}

static const IrExpr *place(Hoist *h, const IrExpr *e, int depth);

static const IrExpr *place_operands(Hoist *h, const IrExpr *e, int depth)
{
    const IrExpr *small[16], **args = small;
    const char *hint = h->hint;
    if (e->count > BASE_LEN(small)) args = NEW_ARRAY(h->k->arena, const IrExpr *, e->count);
    for (uint32_t i = 0; i < e->count; i++) {
        if (e->op == IR_LOAD && e->flags & IR_LINEAR)
            h->hint = i == 0 ? base_format(h->k->arena, "%s_at", e->tensor->name->text) : "inside";
        args[i] = place(h, e->args[i], depth);
        h->hint = hint;
    }
    return ir_rebuild(h->k, e, args);
}

static const IrExpr *make_let(Hoist *h, const IrExpr *e, int depth)
{
    Level *level = &h->levels[depth];
    const IrExpr *value = place_operands(h, e, depth);
    if (value->count == 0) return value;
    const Name *name = base_map_get(&h->ctx->names, (uint64_t)e->id + 1);
    bool test = e->type.elem == ELEM_BOOL, limit = strcmp(h->hint, "inside") == 0;
    if (!name) name = pass_make_name(h->k, "%s", test ? "inside" : limit ? "rest" : h->hint);
    const IrExpr *var = ir_var(h->k, pass_new_let(h->k, level->out, name, value));
    /* Its depth needs no entry in var_depth: what is written out never names it again. */
    base_map_put(&level->lets, (uint64_t)e->id + 1, (void *)(uintptr_t)var);
    return var;
}

static const IrExpr *place(Hoist *h, const IrExpr *e, int depth)
{
    if (e->count == 0) return e;
    const IrExpr *known = find_let(h, e, depth);
    if (known) return known;
    int at = target_depth(h, e, depth);
    if (at >= 0) return make_let(h, e, at);
    return place_operands(h, e, depth);
}

static void move_block(Hoist *h, IrBlock *block, bool loop, bool unrolled);

/* What operand `i` of a statement is for, as a name. */
static const char *operand_hint(const Hoist *h, const IrStmt *s, int i)
{
    bool access = s->kind == IR_STMT_STORE || s->kind == IR_STMT_ATOMIC;
    if (access && i) return "value";
    if (access || s->kind == IR_STMT_BULK)
        return base_format(h->k->arena, "%s_at", s->tensor->name->text);
    if (s->kind == IR_STMT_IF) return "inside";
    return s->var ? s->var->name->text : "x";
}

static void move_stmt(Hoist *h, IrStmt *s)
{
    ir_set_origin(h->k, s->origin);
    const IrExpr **args = NEW_ARRAY(h->k->arena, const IrExpr *, (size_t)s->count + 1);
    for (int i = 0; i < s->count; i++) {
        h->hint = operand_hint(h, s, i);
        args[i] = place(h, s->args[i], h->depth);
    }
    s->args = args;
    bool loop = s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE || s->kind == IR_STMT_TASKS;
    bool unrolled = s->kind == IR_STMT_FOR && s->flags & IR_UNROLL;
    if (s->body) move_block(h, s->body, loop, unrolled);
    if (s->other) move_block(h, s->other, false, false);
    Level *level = &h->levels[h->depth];
    VEC_PUSH(h->k->arena, level->out->stmts, s);
    bool names = s->kind == IR_STMT_LET && !s->var->mutable && home_of(h, s->args[0]) <= h->depth;
    if (names && s->args[0]->count)
        base_map_put(&level->lets, (uint64_t)s->args[0]->id + 1,
                     (void *)(uintptr_t)ir_var(h->k, s->var));
}

static void move_block(Hoist *h, IrBlock *block, bool loop, bool unrolled)
{
    IrBlock old = *block;
    if (h->depth + 1 >= MAX_DEPTH) return; /* so deep that nothing is gained */
    h->depth++;
    h->levels[h->depth] = (Level){block, loop, unrolled, base_map(h->k->arena)};
    memset(&block->stmts, 0, sizeof block->stmts);
    for (size_t i = 0; i < old.stmts.len; i++) move_stmt(h, old.stmts.data[i]);
    h->depth--;
}

/* ---- dead variables -------------------------------------------------------------------------- */
typedef struct Live {
    IrKernel *k;
    bool *used;
    bool keep_loads;
} Live;

static bool is_load(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD;
}

static bool mark_used(void *user, const IrExpr *e)
{
    Live *l = user;
    if (e->op == IR_VAR) l->used[e->var->id] = true;
    return false;
}

/* Backwards, so that a use is met before the definition; loops need no second round, because an
 * immutable variable is used only after it is defined. */
static void sweep(Live *l, IrBlock *block)
{
    size_t kept = 0, len = block->stmts.len;
    IrStmt **list = NEW_ARRAY(l->k->arena, IrStmt *, len + 1);
    for (size_t i = len; i-- > 0;) {
        IrStmt *s = block->stmts.data[i];
        bool dead = s->kind == IR_STMT_LET && !s->var->mutable && !l->used[s->var->id] &&
                    !(l->keep_loads && pass_any_operand(s, is_load, NULL));
        if (dead) continue;
        if (s->other) sweep(l, s->other);
        if (s->body) sweep(l, s->body);
        pass_any_operand(s, mark_used, l);
        list[kept++] = s;
    }
    for (size_t i = 0; i < kept; i++) block->stmts.data[i] = list[kept - 1 - i];
    block->stmts.len = kept;
}

bool pass_hoist(PassContext *ctx)
{
    IrKernel *k = ctx->k;
    Hoist *h = NEW(k->arena, Hoist);
    *h = (Hoist){.ctx = ctx, .k = k, .var_count = k->vars.len, .homes = base_map(k->arena)};
    h->var_depth = NEW_ARRAY(k->arena, int, k->vars.len + 1);
    find_depths(h, k->body, 0);
    ir_walk(k->body, order_stmt, h);
    h->use_count = k->expr_count;
    h->uses = NEW_ARRAY(k->arena, uint32_t, (size_t)k->expr_count + 1);
    ir_walk(k->body, count_stmt, h);
    h->depth = -1;
    move_block(h, k->body, false, false);
    Live live = {k, NEW_ARRAY(k->arena, bool, k->vars.len + 1), ctx->options->check};
    sweep(&live, k->body);
    return true;
}
