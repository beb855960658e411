/* Where barriers and collectives may stand: for each shape of control flow, whether the pass lets
 * them, against an oracle that runs the condition for every thread. */
#include "kernels.h"
#include "pass/pass.h"

#include <setjmp.h>

#include <cmocka.h>

enum { THREADS = 128 };

static const IrExpr *bin(Session *s, IrOp op, const IrExpr *a, int64_t b)
{
    return ir_binary(s->k, op, a, ir_index(s->k, b));
}

static const IrExpr *var(Session *s, const char *name, bool mutable, const IrExpr *value)
{
    IrVar *v = ir_new_var(s->k, session_name(s, name), value->type, mutable);
    ir_let(s->k, s->at, v, value);
    return ir_var(s->k, v);
}

/* Reports nothing, or one error; then its code. */
static DiagCode outcome(Session *s)
{
    PassOptions o = {.target = PASS_FOR_CUDA, .alignment = 4};
    bool ok = pass_run_one(s->k, s->diags, &o, "uniform");
    DiagCode code = ok ? DIAG_NONE : s->diags->list.data[0]->code;
    session_end(s);
    return code;
}

static void begin(Session *s)
{
    session_begin(s);
    session_kernel(s, THREADS);
}

/* Is `e` the same in every aligned group of n threads? */
static bool same_in_groups(Session *s, const IrExpr *e, int64_t n)
{
    Interp in = {.k = s->k, .arena = s->arena};
    for (int64_t t = 0; t < THREADS; t++) {
        int64_t mine = interp_eval(&in, t, e).lane[0].i;
        if (mine != interp_eval(&in, t / n * n, e).lane[0].i) return false;
    }
    return true;
}

typedef const IrExpr *(*Condition)(Session *s);

static const IrExpr *warp_is_zero(Session *s)
{
    return bin(s, IR_EQ, bin(s, IR_DIV, ir_tid(s->k), 32), 0);
}
static const IrExpr *first_64(Session *s)
{
    return bin(s, IR_LT, ir_tid(s->k), 64);
}
static const IrExpr *first_20(Session *s)
{
    return bin(s, IR_LT, ir_tid(s->k), 20);
}
static const IrExpr *lane_is_zero(Session *s)
{
    return bin(s, IR_EQ, bin(s, IR_MOD, ir_tid(s->k), 32), 0);
}
static const IrExpr *half_of_group(Session *s)
{
    return bin(s, IR_EQ, bin(s, IR_DIV, bin(s, IR_MOD, ir_tid(s->k), 64), 32), 1);
}
static const IrExpr *shifted(Session *s)
{
    return bin(s, IR_EQ, bin(s, IR_DIV, bin(s, IR_ADD, ir_tid(s->k), 8), 32), 1);
}
static const IrExpr *always(Session *s)
{
    return bin(s, IR_GE, ir_tid(s->k), 0);
}

static void test_conditions(void **state)
{
    (void)state;
    static const Condition conditions[] = {warp_is_zero,  first_64, first_20, lane_is_zero,
                                           half_of_group, shifted,  always};
    static const int64_t groups[] = {32, THREADS};
    for (size_t i = 0; i < BASE_LEN(conditions); i++)
        for (int g = 0; g < 2; g++) {
            Session s;
            begin(&s);
            const IrExpr *cond = conditions[i](&s);
            bool same = same_in_groups(&s, cond, groups[g]);
            IrStmt *split = ir_if(s.k, s.at, cond, false);
            ir_barrier(s.k, split->body, g ? IR_SCOPE_BLOCK : IR_SCOPE_WARP, groups[g]);
            assert_int_equal(outcome(&s), same ? DIAG_NONE : DIAG_SYNC_DIVERGES);
        }
}

/* var x = 0; if cond { x = 1 }; if x == 1 { sync } */
static DiagCode assigned_under(Condition condition)
{
    Session s;
    begin(&s);
    const IrExpr *x = var(&s, "x", true, ir_index(s.k, 0));
    IrStmt *split = ir_if(s.k, s.at, condition(&s), false);
    ir_set(s.k, split->body, x->var, ir_index(s.k, 1));
    IrStmt *guarded = ir_if(s.k, s.at, bin(&s, IR_EQ, x, 1), false);
    ir_barrier(s.k, guarded->body, IR_SCOPE_BLOCK, THREADS);
    return outcome(&s);
}

static const IrExpr *block_is_zero(Session *s)
{
    return bin(s, IR_EQ, ir_bid(s->k, 0), 0);
}

static void test_assignments(void **state)
{
    (void)state;
    assert_int_equal(assigned_under(first_20), DIAG_SYNC_DIVERGES);
    assert_int_equal(assigned_under(warp_is_zero), DIAG_SYNC_DIVERGES);
    assert_int_equal(assigned_under(block_is_zero), DIAG_NONE);
}

/* for p in 0..8 { A if cond { leave } B }, with a barrier at A or B. */
static DiagCode in_loop(IrStmtKind leave, Condition condition, bool before)
{
    Session s;
    begin(&s);
    IrVar *p = ir_new_var(s.k, session_name(&s, "p"), (IrType){ELEM_INDEX, 1}, false);
    IrBlock *body =
        ir_for(s.k, s.at, p, ir_index(s.k, 0), ir_index(s.k, 8), ir_index(s.k, 1))->body;
    if (before) ir_barrier(s.k, body, IR_SCOPE_BLOCK, THREADS);
    IrStmt *split = ir_if(s.k, body, condition(&s), false);
    ir_append(s.k, split->body, leave);
    if (!before) ir_barrier(s.k, body, IR_SCOPE_BLOCK, THREADS);
    return outcome(&s);
}

static void test_leaving(void **state)
{
    (void)state;
    assert_int_equal(in_loop(IR_STMT_BREAK, first_20, false), DIAG_SYNC_AFTER_LEAVE);
    assert_int_equal(in_loop(IR_STMT_BREAK, first_20, true), DIAG_SYNC_AFTER_LEAVE);
    assert_int_equal(in_loop(IR_STMT_CONTINUE, first_20, false), DIAG_SYNC_AFTER_LEAVE);
    assert_int_equal(in_loop(IR_STMT_CONTINUE, first_20, true), DIAG_NONE);
    assert_int_equal(in_loop(IR_STMT_BREAK, block_is_zero, true), DIAG_NONE);
    assert_int_equal(in_loop(IR_STMT_CONTINUE, block_is_zero, false), DIAG_NONE);
}

/* A barrier inside a task loop whose workers are `level` threads. */
static DiagCode in_tasks(int level, IrScope scope, int64_t threads)
{
    Session s;
    const IrExpr *v[2];
    begin(&s);
    const Mapping *m = session_mapping(&s, level == 1 ? "spatial(128,1)" : "spatial(4,1)");
    IrStmt *stmt = session_tasks(&s, m, "ij", v);
    IrTasks *tasks = base_copy(s.arena, stmt->tasks, sizeof *tasks);
    tasks->level = level;
    stmt->tasks = tasks;
    stmt->args[0] = bin(&s, IR_DIV, ir_tid(s.k), level);
    ir_barrier(s.k, s.at, scope, threads);
    return outcome(&s);
}

static void test_workers(void **state)
{
    (void)state;
    assert_int_equal(in_tasks(1, IR_SCOPE_BLOCK, THREADS), DIAG_SYNC_DIVERGES);
    assert_int_equal(in_tasks(32, IR_SCOPE_BLOCK, THREADS), DIAG_SYNC_DIVERGES);
    assert_int_equal(in_tasks(32, IR_SCOPE_WARP, 32), DIAG_NONE);
    assert_int_equal(in_tasks(1, IR_SCOPE_WARP, 32), DIAG_SYNC_DIVERGES);
}

/* if load(space, index) > 0 { sync } */
static DiagCode under_load(IrSpace space, bool varying_index, IrScope scope)
{
    Session s;
    begin(&s);
    const IrExpr *e = ir_index(s.k, THREADS);
    IrTensor *t = space == IR_PARAM ? session_param(&s, "t", ELEM_F32, false, 1, &e)
                                    : session_shared(&s, "t", ELEM_F32, 1, (int64_t[]){THREADS});
    const IrExpr *index = varying_index ? ir_tid(s.k) : ir_index(s.k, 3);
    const IrExpr *value = ir_load(s.k, t, 1, &index, NULL, NULL);
    const IrExpr *zero = ir_const(s.k, scalar_float(ELEM_F32, 0));
    IrStmt *split = ir_if(s.k, s.at, ir_binary(s.k, IR_GT, value, zero), false);
    ir_barrier(s.k, split->body, scope, THREADS);
    return outcome(&s);
}

static void test_loads(void **state)
{
    (void)state;
    assert_int_equal(under_load(IR_PARAM, false, IR_SCOPE_GRID), DIAG_NONE);
    assert_int_equal(under_load(IR_PARAM, true, IR_SCOPE_BLOCK), DIAG_SYNC_DIVERGES);
    assert_int_equal(under_load(IR_SHARED, false, IR_SCOPE_BLOCK), DIAG_NONE);
    assert_int_equal(under_load(IR_SHARED, false, IR_SCOPE_GRID), DIAG_SYNC_DIVERGES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conditions), cmocka_unit_test(test_assignments),
        cmocka_unit_test(test_leaving),    cmocka_unit_test(test_workers),
        cmocka_unit_test(test_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
