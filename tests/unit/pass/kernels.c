#include "kernels.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

void session_begin(Session *s)
{
    *s = (Session){0};
    s->arena = base_arena_create(&s->escape);
    s->names = base_interner_create(s->arena);
    s->diags = diag_create(s->arena);
}

void session_end(Session *s)
{
    base_arena_destroy(s->arena);
}

const Name *session_name(Session *s, const char *text)
{
    return base_intern_cstr(s->names, text);
}

void session_kernel(Session *s, int64_t threads)
{
    s->k = ir_kernel_create(s->arena, s->diags, session_name(s, "kernel"));
    s->k->block_size = threads;
    s->k->block_dims[0] = threads;
    s->k->block_dims[1] = s->k->block_dims[2] = 1;
    for (int i = 0; i < 3; i++) s->k->grid[i] = ir_index(s->k, 1);
    ir_set_origin(s->k, ir_origin(s->k, ORIGIN_SOURCE, (Span){0, 0}, 0, "test"));
    s->at = s->k->body;
}

static MappingFactorKind factor_kind(const char *text)
{
    if (*text == 's') return MAPPING_SPATIAL;
    if (*text == '.') return MAPPING_DROP;
    return strncmp(text, "repea", 5) == 0 ? MAPPING_REPEAT : MAPPING_REPLICATE;
}

const Mapping *session_mapping(Session *s, const char *text)
{
    MappingFactor list[16];
    MappingError error = {0};
    int count = 0;
    while (*text) {
        MappingFactor f = {.kind = factor_kind(text)};
        for (int i = 0; i < MAPPING_MAX_RANK; i++) f.order[i] = i;
        text = strchr(text, '(');
        while (*text != ')') {
            char *end;
            f.extents[f.rank++] = strtoll(text + 1, &end, 10);
            text = end;
        }
        list[count++] = f;
        text++;
        if (*text == '*') text++;
    }
    MappingFactors factors = {count, list};
    const Mapping *m = mapping_build(s->arena, &factors, &error);
    if (!m) fail_msg("%s", error.message);
    return m;
}

IrTensor *session_param(Session *s, const char *name, Elem elem, bool written, int rank,
                        const IrExpr *const *extents)
{
    IrTensor *t = ir_new_tensor(s->k, session_name(s, name), IR_PARAM, elem, rank, extents);
    t->param = (int)s->k->params.len;
    t->written = written;
    t->read = !written;
    t->origin = 1;
    IrParam p = {.name = t->name, .is_tensor = true, .elem = elem, .tensor = t};
    VEC_PUSH(s->arena, s->k->params, p);
    return t;
}

IrTensor *session_shared(Session *s, const char *name, Elem elem, int rank, const int64_t *extents)
{
    const IrExpr *e[MAPPING_MAX_RANK];
    for (int i = 0; i < rank; i++) e[i] = ir_index(s->k, extents[i]);
    IrTensor *t = ir_new_tensor(s->k, session_name(s, name), IR_SHARED, elem, rank, e);
    t->origin = 1;
    return t;
}

IrTensor *session_tile(Session *s, const char *name, Elem elem, const Mapping *over)
{
    const IrExpr *e[MAPPING_MAX_RANK];
    for (int i = 0; i < over->rank; i++) e[i] = ir_index(s->k, over->shape[i]);
    IrTensor *t = ir_new_tensor(s->k, session_name(s, name), IR_TILE, elem, over->rank, e);
    t->over = over;
    t->origin = 1;
    return t;
}

IrStmt *session_tasks(Session *s, const Mapping *m, const char *names, const IrExpr **vars)
{
    IrKernel *k = s->k;
    IrStmt *stmt = ir_append(k, s->at, IR_STMT_TASKS);
    IrTasks *tasks = NEW(s->arena, IrTasks);
    tasks->mapping = m;
    tasks->level = 1;
    tasks->vars = NEW_ARRAY(s->arena, IrVar *, (size_t)m->rank);
    for (int i = 0; i < m->rank; i++) {
        const Name *name = base_intern(s->names, names + i, 1);
        tasks->vars[i] = ir_new_var(k, name, (IrType){ELEM_INDEX, 1}, false);
        tasks->vars[i]->lo = 0;
        tasks->vars[i]->hi = m->shape[i] - 1;
        vars[i] = ir_var(k, tasks->vars[i]);
    }
    stmt->tasks = tasks;
    stmt->args = NEW_ARRAY(s->arena, const IrExpr *, 1);
    stmt->args[0] = ir_tid(k);
    stmt->count = 1;
    stmt->body = ir_new_block(k);
    s->at = stmt->body;
    return stmt;
}

void session_store(Session *s, const IrTensor *t, const IrExpr *i, const IrExpr *j,
                   const IrExpr *value, const IrExpr *guard)
{
    ir_store(s->k, s->at, t, (const IrExpr *[]){i, j}, value, guard);
}

const IrExpr *session_load(Session *s, const IrTensor *t, const IrExpr *i, const IrExpr *j,
                           const IrExpr *guard, const IrExpr *otherwise)
{
    return ir_load(s->k, t, 1, (const IrExpr *[]){i, j}, guard, otherwise);
}

static const IrExpr *bin(Session *s, IrOp op, const IrExpr *a, const IrExpr *b)
{
    return ir_binary(s->k, op, a, b);
}

static const IrExpr *zero(Session *s)
{
    return ir_const(s->k, scalar_float(ELEM_F32, 0));
}

static const IrExpr *let(Session *s, const char *name, const IrExpr *value)
{
    IrVar *v = ir_new_var(s->k, session_name(s, name), value->type, false);
    v->lo = value->lo;
    v->hi = value->hi;
    v->multiple = ir_multiple(value);
    ir_let(s->k, s->at, v, value);
    return ir_var(s->k, v);
}

/* ---- matmul ---------------------------------------------------------------------------------- */
typedef struct Matmul {
    const IrExpr *m, *n, *k, *i0, *j0;
    IrTensor *a, *b, *c, *sa, *sb, *acc;
    const Mapping *compute;
} Matmul;

/* x[r0 + i, c0 + j] into dst[i, j], zero outside (rows, cols). */
static void load_tile(Session *s, IrTensor *dst, IrTensor *x, const IrExpr *r0, const IrExpr *c0,
                      const IrExpr *rows, const IrExpr *cols)
{
    const IrExpr *v[2];
    IrBlock *outer = s->at;
    bool overhangs;
    int64_t divisor[MAPPING_MAX_RANK];
    MappingError error;
    int64_t shape[2] = {dst->extents[0]->value.i, dst->extents[1]->value.i};
    const Mapping *m =
        mapping_auto(s->arena, 2, shape, s->k->block_size, 4, 1, &overhangs, divisor, &error);
    assert_non_null(m);
    IrStmt *tasks = session_tasks(s, m, "uv", v);
    if (overhangs) {
        const IrExpr *in = bin(s, IR_AND, bin(s, IR_LT, v[0], ir_index(s->k, shape[0])),
                               bin(s, IR_LT, v[1], ir_index(s->k, shape[1])));
        s->at = ir_if(s->k, tasks->body, in, false)->body;
    }
    const IrExpr *r = bin(s, IR_ADD, r0, v[0]), *c = bin(s, IR_ADD, c0, v[1]);
    const IrExpr *guard = bin(s, IR_AND, bin(s, IR_LT, r, rows), bin(s, IR_LT, c, cols));
    session_store(s, dst, v[0], v[1], session_load(s, x, r, c, guard, zero(s)), NULL);
    s->at = outer;
}

static void multiply(Session *s, Matmul *x, int64_t bk)
{
    const IrExpr *v[2];
    IrBlock *outer = s->at;
    IrVar *p = ir_new_var(s->k, session_name(s, "p"), (IrType){ELEM_INDEX, 1}, false);
    IrStmt *loop = ir_for(s->k, s->at, p, ir_index(s->k, 0), ir_index(s->k, bk), ir_index(s->k, 1));
    const IrExpr *pe = ir_var(s->k, p);
    s->at = loop->body;
    session_tasks(s, x->compute, "ij", v);
    const IrExpr *product = bin(s, IR_MUL, session_load(s, x->sa, v[0], pe, NULL, NULL),
                                session_load(s, x->sb, pe, v[1], NULL, NULL));
    const IrExpr *old = session_load(s, x->acc, v[0], v[1], NULL, NULL);
    session_store(s, x->acc, v[0], v[1], bin(s, IR_ADD, old, product), NULL);
    s->at = outer;
}

static void matmul_tensors(Session *s, Matmul *x, int64_t bm, int64_t bn, int64_t bk)
{
    IrKernel *k = s->k;
    x->m = ir_size(k, ir_new_size(k, session_name(s, "m")));
    x->n = ir_size(k, ir_new_size(k, session_name(s, "n")));
    x->k = ir_size(k, ir_new_size(k, session_name(s, "k")));
    x->a = session_param(s, "a", ELEM_F32, false, 2, (const IrExpr *[]){x->m, x->k});
    x->b = session_param(s, "b", ELEM_F32, false, 2, (const IrExpr *[]){x->k, x->n});
    x->c = session_param(s, "c", ELEM_F32, true, 2, (const IrExpr *[]){x->m, x->n});
    x->sa = session_shared(s, "sa", ELEM_F32, 2, (const int64_t[]){bm, bk});
    IrLayout *col = NEW(s->arena, IrLayout);
    IrLayoutDigit digits[] = {{0, 1, 0, 1}, {1, 1, 0, bm + 4}};
    *col = (IrLayout){.count = 2, .size = bk * (bm + 4)};
    col->digits = base_copy(s->arena, digits, sizeof digits);
    x->sa->layout = col;
    x->sb = session_shared(s, "sb", ELEM_F32, 2, (const int64_t[]){bk, bn});
    x->acc = session_tile(s, "acc", ELEM_F32, x->compute);
}

static const IrExpr *cdiv(Session *s, const IrExpr *a, int64_t b)
{
    return bin(s, IR_DIV, bin(s, IR_ADD, a, ir_index(s->k, b - 1)), ir_index(s->k, b));
}

void kernel_matmul(Session *s, const char *compute, int64_t bm, int64_t bn, int64_t bk,
                   int64_t threads)
{
    session_kernel(s, threads);
    IrKernel *k = s->k;
    Matmul x = {.compute = session_mapping(s, compute)};
    const IrExpr *v[2];
    matmul_tensors(s, &x, bm, bn, bk);
    k->grid[0] = cdiv(s, x.m, bm);
    k->grid[1] = cdiv(s, x.n, bn);
    x.i0 = let(s, "i0", bin(s, IR_MUL, ir_bid(k, 0), ir_index(k, bm)));
    x.j0 = let(s, "j0", bin(s, IR_MUL, ir_bid(k, 1), ir_index(k, bn)));
    session_tasks(s, x.compute, "ij", v);
    session_store(s, x.acc, v[0], v[1], zero(s), NULL);
    s->at = k->body;
    IrVar *p0 = ir_new_var(k, session_name(s, "p0"), (IrType){ELEM_INDEX, 1}, false);
    IrStmt *loop = ir_for(k, s->at, p0, ir_index(k, 0), x.k, ir_index(k, bk));
    s->at = loop->body;
    load_tile(s, x.sa, x.a, x.i0, ir_var(k, p0), x.m, x.k);
    load_tile(s, x.sb, x.b, ir_var(k, p0), x.j0, x.k, x.n);
    ir_barrier(k, s->at, IR_SCOPE_BLOCK, threads);
    multiply(s, &x, bk);
    ir_barrier(k, s->at, IR_SCOPE_BLOCK, threads);
    s->at = k->body;
    session_tasks(s, x.compute, "ij", v);
    const IrExpr *in = bin(s, IR_AND, bin(s, IR_LT, v[0], bin(s, IR_SUB, x.m, x.i0)),
                           bin(s, IR_LT, v[1], bin(s, IR_SUB, x.n, x.j0)));
    s->at = ir_if(k, s->at, in, false)->body;
    session_store(s, x.c, bin(s, IR_ADD, x.i0, v[0]), bin(s, IR_ADD, x.j0, v[1]),
                  session_load(s, x.acc, v[0], v[1], NULL, NULL), NULL);
    s->at = k->body;
}

/* ---- others ---------------------------------------------------------------------------------- */
void kernel_rows(Session *s, const char *over, int64_t threads)
{
    session_kernel(s, threads);
    IrKernel *k = s->k;
    const Mapping *m = session_mapping(s, over);
    const Mapping *r = mapping_drop(s->arena, m, 1, NULL);
    const IrExpr *e[2] = {ir_index(k, m->shape[0]), ir_index(k, m->shape[1])}, *v[2];
    IrTensor *x = session_param(s, "x", ELEM_F32, false, 2, e);
    IrTensor *y = session_param(s, "y", ELEM_F32, true, 2, e);
    IrTensor *row = session_tile(s, "row", ELEM_F32, r), *t = session_tile(s, "t", ELEM_F32, m);
    session_tasks(s, r, "i", v);
    const IrExpr *first = session_load(s, x, v[0], ir_index(k, 0), NULL, NULL);
    session_store(s, row, v[0], NULL, first, NULL);
    s->at = k->body;
    session_tasks(s, m, "ij", v);
    session_store(s, t, v[0], v[1], session_load(s, x, v[0], v[1], NULL, NULL), NULL);
    s->at = k->body;
    session_tasks(s, m, "ij", v);
    const IrExpr *scaled = bin(s, IR_MUL, session_load(s, t, v[0], v[1], NULL, NULL),
                               session_load(s, row, v[0], NULL, NULL, NULL));
    session_store(s, y, v[0], v[1], scaled, NULL);
    s->at = k->body;
}

void kernel_awkward(Session *s)
{
    session_kernel(s, 4);
    IrKernel *k = s->k;
    const Mapping *m = session_mapping(s, "spatial(4,1)*repeat(1,6)");
    const IrExpr *e[2] = {ir_index(k, 4), ir_index(k, 6)}, *v[2];
    IrTensor *y = session_param(s, "y", ELEM_F32, true, 2, e);
    IrTensor *t = session_tile(s, "t", ELEM_F32, m);
    session_tasks(s, m, "ij", v);
    const IrExpr *n = bin(s, IR_ADD, bin(s, IR_MUL, v[0], ir_index(k, 10)), v[1]);
    session_store(s, t, v[0], v[1], ir_cast(k, (IrType){ELEM_F32, 1}, n), NULL);
    s->at = k->body;
    session_tasks(s, m, "ij", v);
    const IrExpr *other = bin(s, IR_MOD, bin(s, IR_MUL, v[1], ir_index(k, 5)), ir_index(k, 6));
    const IrExpr *odd = bin(s, IR_EQ, bin(s, IR_MOD, v[1], ir_index(k, 3)), ir_index(k, 1));
    IrStmt *skip = ir_if(k, s->at, odd, false);
    ir_append(k, skip->body, IR_STMT_CONTINUE);
    session_store(s, y, v[0], v[1], session_load(s, t, v[0], other, NULL, NULL), NULL);
    s->at = k->body;
}

void kernel_leaving(Session *s)
{
    session_kernel(s, 4);
    IrKernel *k = s->k;
    const IrExpr *e[2] = {ir_index(k, 8), ir_index(k, 9)}, *v[2], *u[2];
    IrTensor *y = session_param(s, "y", ELEM_F32, true, 2, e);
    session_tasks(s, session_mapping(s, "repeat(4,3)*spatial(2,2)*repeat(1,1)"), "ij", v);
    IrBlock *body = s->at;
    const IrExpr *late = bin(s, IR_GT, bin(s, IR_ADD, v[0], v[1]), ir_index(k, 6));
    ir_append(k, ir_if(k, body, late, false)->body, IR_STMT_BREAK);
    const IrExpr *three = bin(s, IR_EQ, bin(s, IR_MOD, v[0], ir_index(k, 4)), ir_index(k, 3));
    ir_append(k, ir_if(k, body, three, false)->body, IR_STMT_CONTINUE);
    session_tasks(s, session_mapping(s, "spatial(2,2)"), "pq", u);
    const IrExpr *same = bin(s, IR_EQ, u[0], u[1]);
    ir_append(k, ir_if(k, s->at, same, false)->body, IR_STMT_CONTINUE);
    const IrExpr *value = ir_cast(k, (IrType){ELEM_F32, 1}, bin(s, IR_ADD, v[0], u[0]));
    session_store(s, y, v[0], v[1], value, NULL);
    s->at = k->body;
}

/* ---- running --------------------------------------------------------------------------------- */
static int64_t param_len(Interp *in, const IrTensor *t)
{
    int64_t len = 1;
    for (int i = 0; i < t->rank; i++) len *= interp_eval(in, 0, t->extents[i]).lane[0].i;
    return len;
}

Scalar kernel_start(const IrTensor *t, uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    double x = t->written ? -7 : (double)(*seed >> 8) / (1 << 24) - 0.5;
    if (vocab_elem_is_float(t->elem)) return scalar_float(t->elem, x);
    return scalar_int(t->elem, t->written ? -7 : (int64_t)(x * 32));
}

Outcome kernel_run(Session *s, const int64_t *sizes)
{
    IrKernel *k = s->k;
    Interp in = {.k = k, .sizes = sizes, .arena = s->arena};
    Outcome out = {0};
    in.params = NEW_ARRAY(s->arena, Scalar *, k->params.len + 1);
    in.param_len = NEW_ARRAY(s->arena, int64_t, k->params.len + 1);
    in.vars = NEW_ARRAY(s->arena, InterpValue, k->vars.len + 1);
    uint32_t seed = 1;
    for (size_t i = 0; i < k->params.len; i++) {
        const IrTensor *t = k->params.data[i].tensor;
        int64_t len = in.param_len[i] = param_len(&in, t);
        in.params[i] = NEW_ARRAY(s->arena, Scalar, (size_t)len);
        if (t->written) out.len += (size_t)len;
        for (int64_t j = 0; j < len; j++) in.params[i][j] = kernel_start(t, &seed);
    }
    if (!interp_run(&in)) fail_msg("interpreter: %s", in.failure);
    out.data = NEW_ARRAY(s->arena, Scalar, out.len);
    out.loads = in.loads;
    out.stores = in.stores;
    size_t at = 0;
    for (size_t i = 0; i < k->params.len; i++)
        for (int64_t j = 0; k->params.data[i].tensor->written && j < in.param_len[i]; j++)
            out.data[at++] = in.params[i][j];
    return out;
}

void outcome_equal(const Outcome *a, const Outcome *b)
{
    assert_int_equal(a->len, b->len);
    for (size_t i = 0; i < a->len; i++)
        if (!scalar_same(a->data[i], b->data[i]))
            fail_msg("element %zu: %g, then %g", i, a->data[i].f, b->data[i].f);
}
