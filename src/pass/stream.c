/* stream - rows of results go to memory past the cache (CPU).
 *
 * A store that misses the cache first reads the line it is about to overwrite. Where an innermost
 * loop stores consecutive elements of a tensor that the kernel only writes, the values are put
 * into a short line of the block's own, and whole lines are copied out by a loop flagged
 * IR_STREAM, for which the target has stores that do not read (and which it uses only where the
 * tensor is larger than what caches hold). A loop that merely copies a local array out is flagged
 * as it stands.
 *
 * Nothing else may look at such a tensor while the kernel runs: kernels in which blocks wait for
 * each other are left alone. */
#include "pass/internal.h"

enum { LINE_BYTES = 4096, LEAST_BYTES = 256 };

typedef struct Stream {
    IrKernel *k;
    bool *bad;    /* tensors that cannot be streamed to, by id */
    bool waiting; /* blocks wait for each other */
} Stream;

/* ---- which tensors --------------------------------------------------------------------------- */

static bool note_load(void *user, const IrExpr *e)
{
    Stream *s = user;
    if (e->op == IR_LOAD) s->bad[e->tensor->id] = true;
    return false;
}

static bool note_stmt(void *user, IrStmt *stmt)
{
    Stream *s = user;
    pass_any_operand(stmt, note_load, s);
    if (stmt->kind == IR_STMT_ATOMIC) s->bad[stmt->tensor->id] = true;
    bool grid = stmt->kind == IR_STMT_BARRIER && stmt->scope == IR_SCOPE_GRID;
    s->waiting |= grid || stmt->kind == IR_STMT_AWAIT;
    return true;
}

static bool is_target(const Stream *s, const IrTensor *t)
{
    return t->space == IR_PARAM && t->written && !t->read && !s->bad[t->id] &&
           vocab_elem(t->elem)->bits >= 8;
}

/* ---- which loops ----------------------------------------------------------------------------- */

typedef struct Inner {
    Stream *s;
    IrStmt *loop, *store;
    const IrExpr *guard; /* of the store; NULL */
    int64_t most;        /* iterations; INT64_MAX if unknown */
} Inner;

/* A variable that changes inside of the loop. */
static bool varies(void *user, const IrExpr *e)
{
    const Inner *in = user;
    if (e->op == IR_LOAD) return true;
    if (e->op != IR_VAR) return false;
    if (e->var == in->loop->var || e->var->mutable) return true;
    for (size_t i = 0; i < in->loop->body->stmts.len; i++)
        if (in->loop->body->stmts.data[i]->var == e->var) return true;
    return false;
}

/* Is the offset of this access the counter plus something that the loop does not change? */
static bool is_contiguous(Inner *in, const IrTensor *t, uint32_t flags, const IrExpr *const *index)
{
    IrKernel *k = in->s->k;
    const IrExpr *offset = flags & IR_LINEAR ? index[0] : ir_offset(k, t, index);
    const IrExpr *counter = ir_var(k, in->loop->var);
    PassAffine a = pass_affine(k, offset);
    if (pass_affine_coef(&a, counter) != 1) return false;
    for (int i = 0; i < a.count; i++)
        if (a.terms[i].atom != counter && ir_any(a.terms[i].atom, varies, in)) return false;
    return true;
}

static bool find_store(Inner *in)
{
    const IrBlock *body = in->loop->body;
    for (size_t i = 0; i < body->stmts.len; i++) {
        IrStmt *s = body->stmts.data[i];
        bool last = i + 1 == body->stmts.len;
        if (s->kind != (last ? IR_STMT_STORE : IR_STMT_LET)) return false;
        if (!last && s->var->mutable) return false;
        if (last) in->store = s;
    }
    return in->store && is_target(in->s, in->store->tensor);
}

static bool is_stream(Inner *in)
{
    IrStmt *loop = in->loop;
    int64_t size;
    if (loop->flags & IR_UNROLL || !ir_is_int(loop->args[2], 1)) return false;
    if (loop->var->type.elem != ELEM_INDEX || !find_store(in)) return false;
    const IrStmt *s = in->store;
    if (pass_store_value(s)->type.lanes != 1) return false;
    if (!is_contiguous(in, s->tensor, s->flags, s->args)) return false;
    if (s->flags & IR_GUARDED) in->guard = s->args[s->count - 1];
    if (in->guard && ir_any(in->guard, varies, in)) return false;
    const IrExpr *span = ir_binary(in->s->k, IR_SUB, loop->args[1], loop->args[0]);
    in->most = span->hi;
    size = vocab_elem_bytes(s->tensor->elem);
    return in->most >= LEAST_BYTES / size;
}

/* ---- rewriting ------------------------------------------------------------------------------- */

/* Where the guard holds: it does not change. */
static IrBlock *guarded(Inner *in, IrBlock *to)
{
    return in->guard ? ir_if(in->s->k, to, in->guard, false)->body : to;
}

static bool is_local(const IrTensor *t)
{
    return t->space == IR_SHARED || t->space == IR_PRIVATE;
}

/* for counter: store y[… counter] = local[… counter] */
static bool is_plain_copy(Inner *in)
{
    const IrExpr *e = pass_store_value(in->store);
    if (in->loop->body->stmts.len != 1 || e->op != IR_LOAD || e->type.lanes != 1) return false;
    if (e->flags & IR_GUARDED || !is_local(e->tensor)) return false;
    if (e->tensor->elem != in->store->tensor->elem) return false;
    return is_contiguous(in, e->tensor, e->flags, e->args);
}

static void flag_copy(Inner *in, IrBlock *to)
{
    IrKernel *k = in->s->k;
    IrStmt *s = in->store;
    IrBlock *block = guarded(in, to);
    in->loop->flags |= IR_STREAM;
    if (in->guard) s->count--;
    s->flags &= (uint32_t)~IR_GUARDED;
    VEC_PUSH(k->arena, block->stmts, in->loop);
}

/* The body for the element `at`, its value going into the line. */
static void fill_line(Inner *in, const IrTensor *line, const IrExpr *at, const IrExpr *place,
                      IrBlock *to)
{
    IrKernel *k = in->s->k;
    PassClone c = pass_clone_begin(k);
    pass_clone_bind(&c, in->loop->var, at);
    for (size_t i = 0; i + 1 < in->loop->body->stmts.len; i++)
        pass_clone_one(&c, to, in->loop->body->stmts.data[i]);
    ir_set_origin(k, in->store->origin);
    ir_store(k, to, line, &place, pass_clone_expr(&c, pass_store_value(in->store)), NULL);
}

static void copy_line(Inner *in, const IrTensor *line, const IrExpr *at, const IrExpr *place,
                      IrBlock *to)
{
    IrKernel *k = in->s->k;
    PassClone c = pass_clone_begin(k);
    pass_clone_bind(&c, in->loop->var, at);
    pass_clone_one(&c, to, in->store);
    IrStmt *s = VEC_LAST(to->stmts);
    int indices = pass_store_indices(s);
    s->args[indices] = ir_load(k, line, 1, &place, NULL, NULL);
    s->count = indices + 1;
    s->flags &= (uint32_t)~IR_GUARDED;
}

static IrVar *counter_like(IrKernel *k, const IrVar *var)
{
    return ir_new_var(k, var->name, var->type, false);
}

/* for base in lo .. hi step line { for i { line[i] = … }  stream for i { y[…] = line[i] } } */
static void split_lines(Inner *in, IrBlock *to)
{
    IrKernel *k = in->s->k;
    IrStmt *loop = in->loop;
    const IrTensor *y = in->store->tensor;
    int64_t count = LINE_BYTES / vocab_elem_bytes(y->elem);
    const IrExpr *extent = ir_index(k, count), *one = ir_index(k, 1), *zero = ir_index(k, 0);
    ir_set_origin(k, loop->origin);
    IrTensor *line = ir_new_tensor(k, pass_make_name(k, "%s_line", y->name->text), IR_SHARED,
                                   y->elem, 1, &extent);
    IrBlock *block = guarded(in, to);
    IrVar *base = counter_like(k, loop->var), *fill = counter_like(k, loop->var);
    IrVar *copy = counter_like(k, loop->var);
    IrBlock *lines = block;
    const IrExpr *from = loop->args[0];
    if (in->most > count) {
        lines = ir_for(k, block, base, from, loop->args[1], extent)->body;
        from = ir_var(k, base);
    }
    const IrExpr *rest = ir_binary(k, IR_SUB, loop->args[1], from);
    rest = ir_binary(k, IR_MIN, extent, rest);
    if (!ir_is_const(rest))
        rest = ir_var(k, pass_new_let(k, lines, pass_make_name(k, "count"), rest));
    IrStmt *first = ir_for(k, lines, fill, zero, rest, one);
    first->flags |= loop->flags & IR_THREADS;
    const IrExpr *at = ir_var(k, fill);
    fill_line(in, line, ir_binary(k, IR_ADD, from, at), at, first->body);
    ir_set_origin(k, in->store->origin);
    IrStmt *second = ir_for(k, lines, copy, zero, rest, one);
    second->flags |= (loop->flags & IR_THREADS) | IR_STREAM;
    at = ir_var(k, copy);
    copy_line(in, line, ir_binary(k, IR_ADD, from, at), at, second->body);
}

static bool stream_stmt(void *user, IrStmt *stmt, IrBlock *to)
{
    Inner in = {.s = user, .loop = stmt};
    bool repeats = stmt->kind == IR_STMT_WHILE; /* the same elements, perhaps, again and again */
    if (!repeats && (stmt->kind != IR_STMT_FOR || !is_stream(&in))) return false;
    if (repeats)
        VEC_PUSH(in.s->k->arena, to->stmts, stmt);
    else if (is_plain_copy(&in))
        flag_copy(&in, to);
    else
        split_lines(&in, to);
    return true;
}

bool pass_stream(PassContext *ctx)
{
    if (ctx->k->waits) return true;
    IrKernel *k = ctx->k;
    if (ctx->options->check || k->resident) return true;
    Stream s = {.k = k, .bad = NEW_ARRAY(k->arena, bool, k->tensors.len + 1)};
    ir_walk(k->body, note_stmt, &s);
    if (!s.waiting) pass_replace_stmts(k, k->body, stream_stmt, &s);
    return true;
}
