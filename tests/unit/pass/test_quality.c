/* What the passes must reach, counted in the IR they leave: the register-tiled matmul of the
 * design, and which barriers go. */
#include "kernels.h"
#include "pass/pass.h"

#include <setjmp.h>

#include <cmocka.h>

typedef struct Count {
    int64_t times; /* how often the present statement runs, in unrolled loops */
    int64_t fma, loads[IR_TABLE + 1], stores[IR_TABLE + 1], bytes[IR_TABLE + 1];
} Count;

static void count_expr(Count *c, const IrExpr *e)
{
    if (e->op == IR_FMA) c->fma += c->times;
    if (e->op == IR_LOAD) {
        c->loads[e->tensor->space] += c->times;
        c->bytes[e->tensor->space] = e->type.lanes * vocab_elem_bytes(e->type.elem);
    }
    for (uint32_t i = 0; i < e->count; i++) count_expr(c, e->args[i]);
}

static void count_block(Count *c, const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        for (int j = 0; j < s->count; j++) count_expr(c, s->args[j]);
        if (s->kind == IR_STMT_STORE) c->stores[s->tensor->space] += c->times;
        int64_t outer = c->times;
        if (s->kind == IR_STMT_FOR && s->flags & IR_UNROLL) c->times *= s->args[1]->value.i;
        count_block(c, s->body);
        count_block(c, s->other);
        c->times = outer;
    }
}

static const IrStmt *find_loop(const IrBlock *block, const char *name)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_FOR && strcmp(s->var->name->text, name) == 0) return s;
        const IrStmt *inner = find_loop(s->body, name);
        if (inner) return inner;
    }
    return NULL;
}

static void matmul(Session *s, int alignment)
{
    session_begin(s);
    kernel_matmul(s, "spatial(4,2)*repeat(2,2)*spatial(4,8)*repeat(4,4)", 128, 128, 8, 256);
    PassOptions o = {.target = PASS_FOR_CUDA, .alignment = alignment, .verify = true};
    assert_true(pass_run(s->k, s->diags, &o));
}

/* Per step of k: 64 fma, four shared loads of 16 bytes, no other memory. */
static void test_inner_loop(void **state)
{
    (void)state;
    Session s;
    matmul(&s, 16);
    Count c = {.times = 1};
    count_block(&c, find_loop(s.k->body, "p")->body);
    assert_int_equal(c.fma, 64);
    assert_int_equal(c.loads[IR_SHARED], 4);
    assert_int_equal(c.bytes[IR_SHARED], 16);
    assert_int_equal(c.loads[IR_PARAM] + c.stores[IR_PARAM] + c.stores[IR_SHARED], 0);
    session_end(&s);
}

/* 1024 elements of each operand by 256 threads: one load of 16 bytes each, where rows allow. */
static void test_global_loads(void **state)
{
    (void)state;
    Session s;
    matmul(&s, 16);
    Count c = {.times = 1};
    count_block(&c, find_loop(s.k->body, "p0")->body);
    assert_int_equal(c.loads[IR_PARAM], 2);
    assert_int_equal(c.bytes[IR_PARAM], 16);
    session_end(&s);
    for (int alignment = 1; alignment <= 4; alignment *= 2) { /* 1: nothing is known */
        matmul(&s, alignment);
        c = (Count){.times = 1};
        count_block(&c, find_loop(s.k->body, "p0")->body);
        assert_int_equal(c.loads[IR_PARAM], 8);
        assert_int_equal(c.bytes[IR_PARAM], 4);
        session_end(&s);
    }
}

/* Rows of constant length are aligned only where their base is. */
static int64_t row_load_bytes(int alignment)
{
    Session s;
    session_begin(&s);
    kernel_rows(&s, "spatial(4,4)*repeat(2,2)", 16);
    PassOptions o = {.target = PASS_FOR_CUDA, .alignment = alignment, .verify = true};
    assert_true(pass_run(s.k, s.diags, &o));
    Count c = {.times = 1};
    count_block(&c, s.k->body);
    session_end(&s);
    return c.bytes[IR_PARAM];
}

static void test_bases(void **state)
{
    (void)state;
    assert_int_equal(row_load_bytes(16), 8);
    assert_int_equal(row_load_bytes(8), 8);
    assert_int_equal(row_load_bytes(4), 4);
    assert_int_equal(row_load_bytes(1), 4);
}

/* ---- barriers -------------------------------------------------------------------------------- */
static const IrExpr *number(Session *s)
{
    return ir_cast(s->k, (IrType){ELEM_F32, 1}, ir_tid(s->k));
}

static void write_own(Session *s, const IrTensor *t)
{
    const IrExpr *index = ir_tid(s->k);
    ir_store(s->k, s->at, t, &index, number(s), NULL);
}

static void read_other(Session *s, const IrTensor *t, const IrTensor *to)
{
    const IrExpr *last = ir_index(s->k, 31), *index = ir_tid(s->k);
    const IrExpr *other = ir_binary(s->k, IR_SUB, last, index);
    ir_store(s->k, s->at, to, &index, ir_load(s->k, t, 1, &other, NULL, NULL), NULL);
}

static void elidable(Session *s)
{
    ir_barrier(s->k, s->at, IR_SCOPE_BLOCK, 32)->flags |= IR_ELIDABLE;
}

static int64_t barriers_left(Session *s)
{
    PassOptions o = {.target = PASS_FOR_CUDA, .alignment = 4};
    assert_true(pass_run_one(s->k, s->diags, &o, "barriers"));
    int64_t count = 0;
    for (size_t i = 0; i < s->k->body->stmts.len; i++) {
        const IrStmt *stmt = s->k->body->stmts.data[i];
        count += stmt->kind == IR_STMT_BARRIER;
        for (size_t j = 0; stmt->body && j < stmt->body->stmts.len; j++)
            count += stmt->body->stmts.data[j]->kind == IR_STMT_BARRIER;
    }
    return count;
}

/* copy(x), copy(y), then both are read: | x | | y | read. In a loop one more must stay. */
static int64_t two_copies(bool loop)
{
    Session s;
    session_begin(&s);
    session_kernel(&s, 32);
    const IrExpr *e = ir_index(s.k, 32);
    IrTensor *out = session_param(&s, "out", ELEM_F32, true, 1, &e);
    IrTensor *x = session_shared(&s, "x", ELEM_F32, 1, (int64_t[]){32});
    IrTensor *y = session_shared(&s, "y", ELEM_F32, 1, (int64_t[]){32});
    if (loop) {
        IrVar *p = ir_new_var(s.k, session_name(&s, "p"), (IrType){ELEM_INDEX, 1}, false);
        s.at = ir_for(s.k, s.at, p, ir_index(s.k, 0), ir_index(s.k, 4), ir_index(s.k, 1))->body;
    }
    elidable(&s);
    write_own(&s, x);
    elidable(&s);
    elidable(&s);
    write_own(&s, y);
    elidable(&s);
    read_other(&s, x, out);
    read_other(&s, y, out);
    int64_t left = barriers_left(&s);
    session_end(&s);
    return left;
}

static void test_barriers(void **state)
{
    (void)state;
    assert_int_equal(two_copies(false), 1);
    assert_int_equal(two_copies(true), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner_loop),
        cmocka_unit_test(test_global_loads),
        cmocka_unit_test(test_bases),
        cmocka_unit_test(test_barriers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
