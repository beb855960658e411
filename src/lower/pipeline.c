/* `for … pipeline(n)`: the copies of the next n - 1 rounds are under way while one is computed.
 *
 * Copies from a kernel's parameter to a whole shared tensor that stand at the top of the body, and
 * the `let`s that they need, are lowered more than once, with the loop's variable bound to the
 * round that they are for. The tensor gets a leading dimension of n stages:
 *
 *     for s in 0 .. n - 1 { if lo + s·step < hi { copies of that round, to stage s }; commit }
 *     for p in lo .. hi step {
 *         wait(n - 2); barrier            what round p reads is there; round p - 1 has been read
 *         if p + (n - 1)·step < hi { copies of that round, to the stage that round p - 1 read }
 *         commit                          also of nothing: the groups are counted
 *         the rest of the body, on the stage of round p
 *     }
 *
 * The stage is a counter that wraps, and the only one: round p copies to where round p - 1 read.
 * Where the copy engines copy, there are no groups: the stage's mbarrier is waited for after the
 * round's copies have been asked for (pipeline_tma.c). Where products may go on for a round more,
 * round p copies to where round p - 2 read, for a round that is one less ahead.
 * With n = 1, and on a CPU where copies land at once, nothing overlaps: it is the plain loop, with
 * barriers around each copy. What is said about a pipeline is checked all the same. */
#include "lower/pipeline.h"

/* ---- stages ------------------------------------------------------------------------------------
 */

enum { STAGE_BYTES = 128 }; /* what a stage is aligned to */

/* A swizzle looks the same from each stage if they are whole periods of it apart. */
static const IrLayout *staged_layout(Lower *l, const IrTensor *t, int64_t stages, int64_t *total)
{
    IrLayout *layout = NEW(l->arena, IrLayout);
    int64_t unit = STAGE_BYTES * 8 / vocab_elem(t->elem)->bits, size = ir_tensor_size(t);
    if (t->layout) *layout = *t->layout;
    int from = layout->swizzle_from, to = layout->swizzle_to;
    int64_t period = (int64_t)1 << ((from > to ? from : to) + layout->swizzle_bits);
    if (layout->swizzle_bits && period > unit) unit = period;
    int64_t place = (size + unit - 1) / unit * unit;
    IrLayoutDigit *digits =
        NEW_ARRAY(l->arena, IrLayoutDigit, (size_t)(layout->count + t->rank) + 1);
    digits[0] = (IrLayoutDigit){0, 1, 0, place};
    if (t->layout) {
        for (int i = 0; i < layout->count; i++) {
            digits[i + 1] = layout->digits[i];
            digits[i + 1].dim++;
        }
    } else {
        int64_t stride = 1;
        for (int d = t->rank; d >= 1; d--) {
            digits[d] = (IrLayoutDigit){d, 1, 0, stride};
            stride *= t->extents[d - 1]->value.i;
        }
        layout->count = t->rank;
    }
    layout->digits = digits;
    layout->count++;
    if (!base_mul(place, stages, total)) *total = INT64_MAX;
    layout->size = *total;
    return layout;
}

/* An earlier pipeline gave it stages, which this one uses too: more of them, if it has more. */
static bool stage_again(Pipeline *p, IrTensor *t)
{
    Lower *l = p->l;
    int64_t total = INT32_MAX;
    if (t->stages >= p->stages) return true;
    const IrExpr **extents = base_copy(l->arena, t->extents, (size_t)t->rank * sizeof *extents);
    extents[0] = ir_index(l->k, p->stages);
    t->extents = extents;
    t->stages = p->stages;
    IrLayout *layout = base_copy(l->arena, t->layout, sizeof *layout);
    bool fits = base_mul(layout->digits[0].place, p->stages, &total) && total <= INT32_MAX;
    layout->size = total;
    t->layout = layout;
    if (!fits) lower_error(l, TOO_LARGE, KID(p->node, For, pipeline)->span);
    return fits;
}

/* Gives the tensor its stages. */
static bool stage(Pipeline *p, const Move *m)
{
    Lower *l = p->l;
    IrTensor *t = l->k->tensors.data[m->whole->tensor->id];
    if (t->stages) return stage_again(p, t);
    IrTensor old = *t;
    if (t->rank + 1 > MAX_RANK) {
        pipeline_report(p, m->node->span,
                        pipeline_about(p, m, "has too many dimensions for stages"));
        return false;
    }
    const IrExpr **extents = NEW_ARRAY(l->arena, const IrExpr *, (size_t)t->rank + 1);
    extents[0] = ir_index(l->k, p->stages);
    for (int d = 0; d < old.rank; d++) extents[d + 1] = old.extents[d];
    t->extents = extents;
    t->rank++;
    t->stages = p->stages;
    int64_t total;
    t->layout = staged_layout(l, &old, p->stages, &total);
    if (total <= INT32_MAX) return true;
    lower_error(l, TOO_LARGE, KID(p->node, For, pipeline)->span);
    return false;
}

static const View *stage_view(Lower *l, const IrTensor *t, const IrExpr *number)
{
    View *view = NEW(l->arena, View);
    view->tensor = t;
    view->rank = t->rank - 1;
    view->offset[0] = number;
    view->dim[0] = -1;
    for (int d = 1; d < t->rank; d++) {
        view->extents[d - 1] = t->extents[d];
        view->offset[d] = ir_index(l->k, 0);
        view->dim[d] = d - 1;
    }
    return view;
}

static void bind_stage(Pipeline *p, const IrExpr *number)
{
    for (size_t i = 0; i < p->moves.len; i++) {
        const Move *m = &p->moves.data[i];
        const View *view = number ? stage_view(p->l, m->whole->tensor, number) : m->whole;
        lower_bind(p->l, m->symbol, value_view(view));
    }
}

/* ---- the loops ---------------------------------------------------------------------------------
 */

static const Symbol *counter(const Pipeline *p)
{
    return KID(p->node, For, vars)->kid[0]->symbol;
}

static void move(Pipeline *p, const Move *m)
{
    Lower *l = p->l;
    if (m->loop) {
        if (!p->engines) lower_tasks_by(l, m->loop, m->whole->tensor, IR_ASYNC);
        return;
    }
    lower_at(l, m->node);
    Value dst = *lower_slot(l, m->symbol);
    Value src = lower_value(l, KID(m->node, Call, args)->kid[1]);
    if (src.kind != VALUE_VIEW) return;
    if (p->engines)
        pipeline_add_box(p, m, dst.view, src.view);
    else
        lower_copy_by(l, m->node, dst.view, &src, IR_ASYNC, NULL);
}

void pipeline_copy_ahead(Pipeline *p, const IrExpr *at, IrBlock *into)
{
    Lower *l = p->l;
    IrBlock *outer = l->block;
    l->block = into;
    l->depth++;
    p->boxes.len = 0;
    if (counter(p)) lower_bind(l, counter(p), value_expr(at));
    for (uint32_t i = 0; i < p->body->count; i++) {
        const Move *m = pipeline_move_at(p, i);
        if (p->needed[i]) lower_stmt(l, p->body->kid[i]);
        if (m) move(p, m);
    }
    l->depth--;
    l->block = outer;
}

/* if rounds·step < hi - at { copies of the round at + rounds·step, to stage `number` }; commit. */
static IrStmt *copies(Pipeline *p, const IrExpr *at, const IrExpr *rounds, const IrExpr *number)
{
    Lower *l = p->l;
    IrKernel *k = l->k;
    const IrExpr *further = ir_binary(k, IR_MUL, p->step, rounds);
    lower_at(l, p->node);
    const IrExpr *there = ir_binary(k, IR_LT, further, ir_binary(k, IR_SUB, p->hi, at));
    size_t first_tensor = k->tensors.len;
    IrStmt *some = ir_if(k, l->block, there, false);
    bind_stage(p, number);
    pipeline_copy_ahead(p, ir_binary(k, IR_ADD, at, further), some->body);
    VEC_PUSH(l->arena, p->early, ((Early){some->body, first_tensor}));
    lower_at(l, p->node);
    if (!p->engines) {
        ir_append(k, l->block, IR_STMT_COMMIT);
        return some;
    }
    IrBlock *outer = l->block;
    l->block = some->body;
    pipeline_load(p, number);
    l->block = outer;
    return some;
}

static void prologue(Pipeline *p)
{
    Lower *l = p->l;
    IrKernel *k = l->k;
    IrBlock *outer = l->block;
    const IrExpr *number = ir_index(k, 0);
    if (p->ahead > 1) {
        IrVar *var = ir_new_var(k, lower_name(l, "s"), (IrType){ELEM_INDEX, 1}, false);
        IrStmt *loop = ir_for(k, l->block, var, number, ir_index(k, p->ahead), ir_index(k, 1));
        number = ir_var(k, var);
        l->block = loop->body;
    }
    copies(p, p->lo, number, number);
    l->block = outer;
}

typedef struct Writes {
    Pipeline *p;
    const Move *found;
    const IrStmt *by;
} Writes;

static bool writes_stage(void *user, IrStmt *s)
{
    Writes *w = user;
    bool writes = s->kind == IR_STMT_STORE || s->kind == IR_STMT_ATOMIC;
    for (size_t i = 0; writes && i < w->p->moves.len; i++)
        if (w->p->moves.data[i].whole->tensor == s->tensor) {
            w->found = &w->p->moves.data[i];
            w->by = s;
        }
    return !w->found;
}

/* A copy in its place: a task loop has the barriers that the verb has. */
static void in_place(Pipeline *p, const Move *m)
{
    Lower *l = p->l;
    const Ast *stmt = p->body->kid[m->at];
    lower_at(l, stmt);
    if (m->loop) lower_barrier(l, true);
    lower_stmt(l, stmt);
    lower_at(l, stmt);
    if (m->loop) lower_barrier(l, true);
}

/* The body without the copies made ahead (`all`: with them), which writes to none of the stages. */
static void rest_of_body(Pipeline *p, bool all)
{
    Lower *l = p->l;
    l->depth++;
    for (uint32_t i = 0; i < p->body->count; i++) {
        Writes w = {.p = p};
        size_t first = l->block->stmts.len;
        const Move *m = pipeline_move_at(p, i);
        if (!m) lower_stmt(l, p->body->kid[i]);
        if (m && all) in_place(p, m);
        for (; !m && first < l->block->stmts.len && !w.found; first++) {
            IrStmt *s = l->block->stmts.data[first];
            if (!writes_stage(&w, s)) break;
            if (s->body) ir_walk(s->body, writes_stage, &w);
            if (s->other && !w.found) ir_walk(s->other, writes_stage, &w);
        }
        if (!w.found) continue;
        Diag *diag =
            pipeline_report(p, pipeline_span(l->k, w.by->origin),
                            pipeline_about(p, w.found,
                                           "is filled by a copy made ahead of time; nothing "
                                           "else may write to it"));
        diag_label(l->diags, diag, w.found->node->span, "the copy");
    }
    l->depth--;
}

static IrStmt *open_loop(Pipeline *p, const IrExpr **at)
{
    Lower *l = p->l;
    const Ast *name = KID(p->node, For, vars)->kid[0];
    lower_at(l, KID(p->node, For, domain));
    IrVar *var = ir_new_var(l->k, name->name, (IrType){ELEM_INDEX, 1}, false);
    IrStmt *loop = ir_for(l->k, l->block, var, p->lo, p->hi, p->step);
    if (p->node->flags & AST_UNROLL) loop->flags |= IR_UNROLL;
    *at = ir_var(l->k, var);
    return loop;
}

static void wait_for(Lower *l, int64_t groups)
{
    ir_append(l->k, l->block, IR_STMT_WAIT)->imm = groups;
}

void lower_drain(Lower *l)
{
    wait_for(l, 0);
}

/* The stage that is filled next, where `was` is that of the last round. */
static const IrExpr *before(const Pipeline *p, const IrExpr *was)
{
    IrKernel *k = p->l->k;
    const IrExpr *zero = ir_index(k, 0), *last = ir_index(k, p->stages - 1);
    if (p->ahead == p->stages - 1) return was;
    return ir_select(k, ir_binary(k, IR_EQ, was, zero), last,
                     ir_binary(k, IR_SUB, was, ir_index(k, 1)));
}

static void steady(Pipeline *p)
{
    Lower *l = p->l;
    IrKernel *k = l->k;
    IrBlock *outer = l->block;
    const IrExpr *at, *one = ir_index(k, 1), *last = ir_index(k, p->stages - 1);
    IrVar *stage = ir_new_var(k, lower_name(l, "stage"), (IrType){ELEM_INDEX, 1}, true);
    stage->lo = 0;
    stage->hi = p->stages - 1;
    ir_let(k, l->block, stage, last);
    IrStmt *loop = open_loop(p, &at);
    l->block = loop->body;
    if (p->ahead < p->stages - 1) loop->flags |= IR_SPARE;
    if (!p->engines) wait_for(l, p->stages - 2);
    lower_barrier(l, false);
    const IrExpr *was = ir_var(k, stage);
    const IrExpr *read = lower_pin(l, lower_name(l, "free"), before(p, was));
    const IrExpr *next = ir_binary(k, IR_ADD, was, one);
    ir_set(k, l->block, stage, ir_select(k, ir_binary(k, IR_EQ, was, last), ir_index(k, 0), next));
    IrStmt *some = copies(p, at, ir_index(k, p->ahead), read);
    if (!p->engines) some->flags |= IR_AHEAD;
    const IrExpr *full = lower_pin(l, lower_name(l, "full"), was);
    if (p->engines) pipeline_await(p, full);
    bind_stage(p, full);
    if (counter(p)) lower_bind(l, counter(p), value_expr(at));
    l->in_pipeline = true;
    l->pipelines++;
    rest_of_body(p, false);
    l->pipelines--;
    l->in_pipeline = false;
    pipeline_check_early(p, loop->body);
    l->block = outer;
}

static void overlapped(Pipeline *p)
{
    Lower *l = p->l;
    for (size_t i = 0; i < p->moves.len; i++)
        if (!stage(p, &p->moves.data[i])) return;
    lower_at(l, p->node);
    bind_stage(p, ir_index(l->k, 0));
    p->ahead = p->stages - 1;
    pipeline_take_engines(p);
    lower_barrier(l, true);
    prologue(p);
    steady(p);
}

static void plain(Pipeline *p)
{
    Lower *l = p->l;
    IrBlock *outer = l->block;
    const IrExpr *at;
    IrStmt *loop = open_loop(p, &at);
    if (p->moves.len) {
        IrBlock *made = ir_new_block(l->k);
        size_t first_tensor = l->k->tensors.len;
        pipeline_copy_ahead(p, at, made);
        VEC_PUSH(l->arena, p->early, ((Early){made, first_tensor}));
    }
    if (counter(p)) lower_bind(l, counter(p), value_expr(at));
    l->block = loop->body;
    rest_of_body(p, true);
    pipeline_check_early(p, loop->body);
    l->block = outer;
}

void lower_pipeline(Lower *l, const Ast *node, const IrExpr *const *bounds)
{
    const Ast *clause = KID(node, For, pipeline);
    Pipeline p = {.l = l, .node = node, .body = KID(KID(node, For, body), Block, stmts)};
    p.needed = NEW_ARRAY(l->arena, bool, p.body->count + 1);
    bool good = lower_int(l, clause, &p.stages);
    if (good && p.stages < 1) {
        pipeline_report(&p, clause->span,
                        lower_text(l, "it has %lld stages; one at least holds what is read",
                                   (long long)p.stages));
        good = false;
    }
    p.lo = lower_pin(l, lower_name(l, "first"), bounds[0]);
    p.hi = lower_pin(l, lower_name(l, "end"), bounds[1]);
    p.step = lower_pin(l, lower_name(l, "step"), bounds[2]);
    good = good && pipeline_find_moves(&p);
    if (!good) p.moves.len = 0;
    if (good && p.stages > 1 && lower_is_async(l))
        overlapped(&p);
    else
        plain(&p);
    bind_stage(&p, NULL);
}

/* The larger ones are named. */
void lower_note_shared(Lower *l, Diag *diag)
{
    for (size_t i = 0; i < l->k->tensors.len; i++) {
        const IrTensor *t = l->k->tensors.data[i];
        int64_t bytes = (ir_tensor_size(t) * vocab_elem(t->elem)->bits + 7) / 8;
        if (t->space != IR_SHARED || t->scope || bytes < l->k->shared_limit / 16) continue;
        if (t->stages)
            diag_note(l->diags, diag, "the %lld stages of `%s` in a pipeline take %lld of them",
                      (long long)t->stages, t->name->text, (long long)bytes);
        else
            diag_note(l->diags, diag, "`%s` takes %lld of them", t->name->text, (long long)bytes);
    }
    if (*l->k->instance) diag_note(l->diags, diag, "this is with %s", l->k->instance);
}
