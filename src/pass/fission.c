/* fission - a block's threads become loops (CPU).
 *
 * Requires expanded task loops. Afterwards TID, barriers and collectives are gone: the kernel is a
 * serial program. Statements that need no other thread run in a loop over the threads of their
 * group; control that holds a barrier or a collective of the group is run once for the group, its
 * conditions decided by the group's first thread (the uniform pass has proved that they agree);
 * what needs only smaller groups runs in a loop over those. A warp's collectives exchange values
 * through an array of its lanes. What lives across the pieces becomes an array over the threads.
 */
#include "pass/fission.h"

/* Statements gathered for the next loop over the group's threads. */
typedef struct Run {
    IrBlock *block;
    int64_t level; /* of the subgroups that it needs; 1: none */
} Run;

static void process(Fission *f, const IrBlock *in, const Group *g, IrBlock *out);

static IrVar *new_index(Fission *f, const char *name)
{
    return ir_new_var(f->k, pass_make_name(f->k, "%s", name), (IrType){ELEM_INDEX, 1}, false);
}

/* ---- loops over threads and subgroups -------------------------------------------------------- */

static Container *open_container(Fission *f, const IrStmt *loop, Group group)
{
    Container *c = NEW(f->k->arena, Container);
    *c = (Container){f->current, group, f->current ? f->current->depth + 1 : 1};
    base_map_put(&f->containers, base_key(loop), c);
    f->current = c;
    return c;
}

static void thread_loop(Fission *f, const IrBlock *in, const Group *g, IrBlock *out)
{
    IrKernel *k = f->k;
    IrBlock body = {0};
    if (f->who) ir_set(k, &body, f->who, ir_tid(k));
    ir_splice(k, &body, in);
    if (g->count == 1) {
        ir_splice(k, out, &body);
        return;
    }
    const IrExpr *stop = g->limit, *limit = fission_take_limit(f, &body);
    if (limit) stop = ir_binary(k, IR_MIN, stop, ir_binary(k, IR_SUB, limit, g->base));
    IrVar *lane = new_index(f, "t");
    lane->lo = 0;
    lane->hi = g->count - 1;
    const IrExpr *thread = ir_binary(k, IR_ADD, g->base, ir_var(k, lane));
    int64_t only = fission_only_lane(f, &body, thread, ir_var(k, lane));
    const IrExpr *start = ir_index(k, only > 0 ? only : 0);
    if (only >= 0) stop = ir_binary(k, IR_MIN, stop, ir_index(k, only + 1));
    IrStmt *loop = ir_for(k, out, lane, start, stop, ir_index(k, 1));
    loop->flags |= IR_THREADS;
    loop->body->stmts = body.stmts;
    Container *c = open_container(f, loop, (Group){thread, ir_index(k, 1), 1});
    f->current = c->outer;
}

static void subgroups(Fission *f, const IrBlock *in, const Group *g, int64_t size, IrBlock *out)
{
    IrKernel *k = f->k;
    int64_t count = (g->count + size - 1) / size;
    IrVar *number = new_index(f, size == 32 ? "w" : "g");
    IrStmt *loop = ir_for(k, out, number, ir_index(k, 0), ir_index(k, count), ir_index(k, 1));
    const IrExpr *first = ir_binary(k, IR_MUL, ir_var(k, number), ir_index(k, size));
    Group sub = {ir_binary(k, IR_ADD, g->base, first), ir_index(k, size), size};
    if (g->count % size || g->limit->op != IR_CONST)
        sub.limit = ir_binary(k, IR_MIN, sub.limit, ir_binary(k, IR_SUB, g->limit, first));
    Container *c = open_container(f, loop, sub);
    process(f, in, &sub, loop->body);
    f->current = c->outer;
}

/* ---- jumps out of a run ---------------------------------------------------------------------- */

static bool has_region(const IrBlock *block, const IrVar *label)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_REGION && s->var == label) return true;
        if (has_region(s->body, label) || has_region(s->other, label)) return true;
    }
    return false;
}

static LeftRegion *left_region(Fission *f, const IrVar *label)
{
    LeftRegion *r = f->regions;
    while (r && r->label != label) r = r->outer;
    return r;
}

/* A thread that leaves a region whose end stands outside of this loop skips the rest of its own
 * iteration, and says so for the loops that follow. */
static bool retarget(Fission *f, const IrBlock *run, IrBlock *block, IrVar *label)
{
    if (!block) return false;
    bool any = false;
    IrBlock old = pass_take(block);
    for (size_t i = 0; i < old.stmts.len; i++) {
        IrStmt *s = old.stmts.data[i];
        if (s->kind == IR_STMT_LEAVE && s->var != label && !has_region(run, s->var)) {
            LeftRegion *r = left_region(f, s->var);
            if (r) ir_set(f->k, block, r->left, ir_bool(f->k, true));
            if (r) r->used = true;
            s->var = label;
            any = true;
        }
        VEC_PUSH(f->k->arena, block->stmts, s);
        any |= retarget(f, run, s->body, label);
        any |= retarget(f, run, s->other, label);
    }
    return any;
}

/* Only for threads that have left none of the regions around. */
static IrBlock *only_present(Fission *f, IrBlock *run, int64_t level)
{
    IrKernel *k = f->k;
    const IrExpr *here = NULL;
    for (const LeftRegion *r = f->regions; r; r = r->outer) {
        if (!r->used) continue;
        const IrExpr *stays = ir_unary(k, IR_NOT, ir_var(k, r->left));
        here = here ? ir_binary(k, IR_AND, here, stays) : stays;
    }
    if (!here) return run;
    IrBlock *outer = ir_new_block(k);
    IrStmt *present = ir_if(k, outer, here, false);
    present->body = run;
    fission_set_level(f, present, level);
    return outer;
}

static IrBlock *close_jumps(Fission *f, IrBlock *run, int64_t level)
{
    IrKernel *k = f->k;
    IrVar *label = ir_new_var(k, pass_make_name(k, "thread_done"), (IrType){ELEM_BOOL, 1}, false);
    IrBlock *present = only_present(f, run, level);
    IrBlock copy = *run;
    if (!retarget(f, &copy, run, label)) return present;
    IrBlock *outer = ir_new_block(k);
    IrStmt *region = ir_append(k, outer, IR_STMT_REGION);
    region->var = label;
    region->body = present;
    fission_set_level(f, region, level);
    return outer;
}

static void flush(Fission *f, Run *run, const Group *g, IrBlock *out)
{
    IrBlock *block = run->block;
    int64_t level = run->level;
    *run = (Run){ir_new_block(f->k), 1};
    if (block->stmts.len == 0) return;
    block = close_jumps(f, block, level);
    if (level > 1)
        subgroups(f, block, g, level, out);
    else
        thread_loop(f, block, g, out);
}

/* ---- collectives of a warp ------------------------------------------------------------------- */

static IrTensor *lane_array(Fission *f, const char *name, Elem elem, int64_t count)
{
    const IrExpr *extent = ir_index(f->k, count);
    IrTensor *t =
        ir_new_tensor(f->k, pass_make_name(f->k, "%s", name), IR_SHARED, elem, 1, &extent);
    t->made = IR_MADE_VALUE;
    return t;
}

static const IrExpr *own_lane(Fission *f, const Group *g)
{
    return ir_binary(f->k, IR_SUB, ir_tid(f->k), g->base);
}

/* The lane a shuffle reads: its own where there is no such lane. */
static const IrExpr *source_lane(Fission *f, const IrStmt *s, const Group *g)
{
    IrKernel *k = f->k;
    const IrExpr *own = own_lane(f, g), *by = ir_cast(k, (IrType){ELEM_INDEX, 1}, s->args[1]);
    const IrExpr *from = by;
    if (s->builtin == BUILTIN_SHUFFLE) from = ir_binary(k, IR_MOD, by, ir_index(k, 32));
    if (s->builtin == BUILTIN_SHUFFLE_XOR) from = ir_binary(k, IR_BITXOR, own, by);
    if (s->builtin == BUILTIN_SHUFFLE_UP) from = ir_binary(k, IR_SUB, own, by);
    if (s->builtin == BUILTIN_SHUFFLE_DOWN) from = ir_binary(k, IR_ADD, own, by);
    const IrExpr *inside = ir_binary(k, IR_AND, ir_binary(k, IR_GE, from, ir_index(k, 0)),
                                     ir_binary(k, IR_LT, from, g->limit));
    return ir_select(k, inside, from, own);
}

/* Folds the lanes' values into one of the warp. */
static void vote(Fission *f, const IrStmt *s, const IrTensor *lanes, const Group *g, IrBlock *out)
{
    IrKernel *k = f->k;
    bool all = s->builtin == BUILTIN_VOTE_ALL, bits = s->builtin == BUILTIN_BALLOT;
    IrVar *sum = ir_new_var(k, s->var->name, s->var->type, true), *lane = new_index(f, "lane");
    ir_let(k, out, sum, bits ? ir_int(k, s->var->type.elem, 0) : ir_bool(k, all));
    IrStmt *loop = ir_for(k, out, lane, ir_index(k, 0), g->limit, ir_index(k, 1));
    const IrExpr *index = ir_var(k, lane), *old = ir_var(k, sum);
    const IrExpr *value = ir_load(k, lanes, 1, &index, NULL, NULL);
    if (bits) {
        const IrExpr *bit = ir_cast(k, s->var->type, value);
        bit = ir_binary(k, IR_SHL, bit, ir_cast(k, s->var->type, index));
        value = ir_binary(k, IR_BITOR, old, bit);
    } else {
        value = ir_binary(k, all ? IR_AND : IR_OR, old, value);
    }
    ir_set(k, loop->body, sum, value);
    ir_let(k, out, s->var, old);
}

static const IrExpr *agrees(IrKernel *k, const IrExpr *value, const IrExpr *first)
{
    const IrExpr *same = ir_binary(k, IR_EQ, value, first);
    if (!vocab_elem_is_float(value->type.elem)) return same;
    const IrExpr *nan = ir_binary(k, IR_NE, value, value);
    return ir_binary(k, IR_OR, same, nan);
}

/* The first thread's value is the group's; a checked kernel looks at the others'. */
static void uniform(Fission *f, const IrStmt *s, const IrTensor *values, const Group *g,
                    IrBlock *out)
{
    IrKernel *k = f->k;
    const IrExpr *zero = ir_index(k, 0), *first = ir_load(k, values, 1, &zero, NULL, NULL);
    ir_let(k, out, s->var, first);
    if (!f->who) return;
    IrVar *lane = new_index(f, "lane");
    IrStmt *loop = ir_for(k, out, lane, ir_index(k, 1), g->limit, ir_index(k, 1));
    const IrExpr *at = ir_var(k, lane), *value = ir_load(k, values, 1, &at, NULL, NULL);
    const IrExpr *args[] = {agrees(k, value, ir_var(k, s->var)), ir_binary(k, IR_ADD, g->base, at),
                            g->base};
    IrStmt *trap = ir_append(k, loop->body, IR_STMT_TRAP);
    trap->text = IR_UNIFORM_DIFFERS;
    trap->count = BASE_LEN(args);
    trap->args = base_copy(k->arena, args, sizeof args);
}

enum { PERMUTE_LANES = 16 }; /* of four bytes: the widest vectors there are */

static bool evaluates_tid(void *user, const IrExpr *e, int64_t *value)
{
    if (e->op != IR_TID) return false;
    *value = *(const int64_t *)user;
    return true;
}

/* Where a full warp's lanes take their values from is known: as two shuffles of vectors into an
 * array, for the C compiler would make gathers of it. NULL if it is not so. */
static const IrTensor *permuted(Fission *f, const IrStmt *s, const IrTensor *values, const Group *g,
                                IrBlock *out)
{
    IrKernel *k = f->k;
    const IrExpr *lanes[PERMUTE_LANES], *at[2] = {ir_index(k, 0), ir_index(k, PERMUTE_LANES)};
    Group warp = {ir_index(k, 0), ir_index(k, 32), 32};
    const IrExpr *from = source_lane(f, s, &warp);
    int64_t source[32];
    if (g->limit != warp.limit || vocab_elem(values->elem)->bits != 32 || f->who) return NULL;
    for (int64_t lane = 0; lane < 32; lane++)
        if (!ir_eval_int(from, evaluates_tid, &lane, &source[lane])) return NULL;
    IrType type = {values->elem, PERMUTE_LANES};
    IrVar *half[2];
    IrTensor *got = lane_array(f, "got", values->elem, 32);
    for (int h = 0; h < 2; h++) {
        half[h] = ir_new_var(k, values->name, type, false);
        ir_let(k, out, half[h], ir_load(k, values, PERMUTE_LANES, &at[h], NULL, NULL));
    }
    for (int h = 0; h < 2; h++) {
        for (int i = 0; i < PERMUTE_LANES; i++) {
            int64_t lane = source[h * PERMUTE_LANES + i];
            const IrExpr *vector = ir_var(k, half[lane / PERMUTE_LANES]);
            lanes[i] = ir_lane(k, vector, (int)(lane % PERMUTE_LANES));
        }
        ir_store(k, out, got, &at[h], ir_vector(k, type, lanes), NULL);
    }
    return got;
}

static void collective(Fission *f, const IrStmt *s, Run *run, const Group *g, IrBlock *out)
{
    IrKernel *k = f->k;
    const IrExpr *lane = own_lane(f, g), *own = s->args[0];
    IrTensor *values = lane_array(f, "lanes", own->type.elem, g->count);
    ir_set_origin(k, s->origin);
    ir_store(k, run->block, values, &lane, own, NULL);
    if (s->builtin == BUILTIN_UNIFORM) {
        flush(f, run, g, out);
        uniform(f, s, values, g, out);
        return;
    }
    bool shuffles = s->builtin != BUILTIN_VOTE_ANY && s->builtin != BUILTIN_VOTE_ALL &&
                    s->builtin != BUILTIN_BALLOT;
    flush(f, run, g, out);
    if (!shuffles) {
        vote(f, s, values, g, out);
        return;
    }
    const IrTensor *got = permuted(f, s, values, g, out);
    const IrExpr *from = got ? lane : source_lane(f, s, g);
    ir_let(k, run->block, s->var, ir_load(k, got ? got : values, 1, &from, NULL, NULL));
}

/* ---- control --------------------------------------------------------------------------------- */

static IrBlock *process_into(Fission *f, const IrBlock *in, const Group *g)
{
    if (!in) return NULL;
    IrBlock *out = ir_new_block(f->k);
    process(f, in, g, out);
    return out;
}

/* Does less than the group leave this region somewhere? */
static bool left_by_some(const Fission *f, const IrBlock *block, const IrVar *label, int64_t count)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_LEAVE && s->var == label &&
            (fission_level(f, s) == 1 || fission_level(f, s) < count))
            return true;
        if (left_by_some(f, s->body, label, count) || left_by_some(f, s->other, label, count))
            return true;
    }
    return false;
}

static IrBlock *region_body(Fission *f, IrStmt *s, const Group *g)
{
    IrKernel *k = f->k;
    LeftRegion r = {f->regions, s->var, NULL, false};
    if (s->kind != IR_STMT_REGION || !left_by_some(f, s->body, s->var, g->count))
        return process_into(f, s->body, g);
    r.left = ir_new_var(k, pass_make_name(k, "left"), (IrType){ELEM_BOOL, 1}, true);
    IrBlock body = {0};
    ir_let(k, &body, r.left, ir_bool(k, false));
    ir_splice(k, &body, s->body);
    f->regions = &r;
    IrBlock *made = process_into(f, &body, g);
    f->regions = r.outer;
    return made;
}

/* A statement that the group comes to together. */
static void control(Fission *f, IrStmt *s, const Group *g, IrBlock *out)
{
    IrKernel *k = f->k;
    if (s->kind == IR_STMT_BARRIER && s->scope != IR_SCOPE_GRID && !f->who) return;
    if (s->kind == IR_STMT_BARRIER) s->imm2 = ir_is_const(g->base) ? g->base->value.i : -1;
    if (!(s->flags & IR_ONCE)) {
        Group role = {ir_index(k, s->imm), ir_index(k, s->imm2), s->imm2};
        Container *before = f->current;
        if (s->kind == IR_STMT_ROLE) open_container(f, s, role);
        s->body = region_body(f, s, s->kind == IR_STMT_ROLE ? &role : g);
        f->current = before;
        s->other = process_into(f, s->other, g);
    }
    VEC_PUSH(k->arena, out->stmts, s);
}

static bool together(Fission *f, const IrStmt *s, const Group *g)
{
    if (s->kind == IR_STMT_ROLE) return g->base->op == IR_CONST;
    if (g->count > 1 && fission_runs_together(f, s)) return true;
    int64_t level = fission_level(f, s);
    return level > 1 && level >= g->count;
}

static void process(Fission *f, const IrBlock *in, const Group *g, IrBlock *out)
{
    Run run = {ir_new_block(f->k), 1};
    for (size_t i = 0; in && i < in->stmts.len; i++) {
        IrStmt *s = in->stmts.data[i];
        ir_set_origin(f->k, s->origin);
        bool block = !f->current && g->count == f->k->block_size;
        IrStmt *strided = block ? fission_strided(f, s) : NULL;
        if (strided) s = strided;
        if (s->kind == IR_STMT_COLLECTIVE && together(f, s, g)) {
            collective(f, s, &run, g, out);
        } else if (block && fission_is_once(f, s)) {
            if (!fission_is_free(s)) flush(f, &run, g, out);
            VEC_PUSH(f->k->arena, out->stmts, s);
        } else if (together(f, s, g)) {
            flush(f, &run, g, out);
            control(f, s, g, out);
        } else {
            int64_t level = fission_level(f, s);
            if (level > run.level) run.level = level;
            VEC_PUSH(f->k->arena, run.block->stmts, s);
        }
    }
    flush(f, &run, g, out);
}

bool pass_fission(PassContext *ctx)
{
    if (ctx->k->waits) return true;
    IrKernel *k = ctx->k;
    Fission f = {.k = k, .levels = base_map(k->arena), .containers = base_map(k->arena)};
    f.interchange = !ctx->options->check;
    fission_find_levels(&f, k->body);
    fission_find_once(&f);
    Group all = {ir_index(k, 0), ir_index(k, k->block_size), k->block_size};
    IrBlock *out = ir_new_block(k);
    if (ctx->options->check) {
        f.who = new_index(&f, "now_thread");
        f.who->mutable = true;
        ir_let(k, out, f.who, ir_index(k, 0));
    }
    process(&f, k->body, &all, out);
    k->body = out;
    fission_settle(&f, out);
    return true;
}
