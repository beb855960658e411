/* The slot rule against its definition: every worker, every step, by mapping_slot. */
#include "kernels.h"
#include "pass/pass.h"

#include <setjmp.h>

#include <cmocka.h>

typedef struct Random {
    uint64_t state;
} Random;

static int64_t pick(Random *r, int64_t n)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((r->state >> 33) % (uint64_t)n);
}

/* A product of small factors of rank 2 with `workers` workers, or NULL. */
static const Mapping *random_mapping(Session *s, Random *r, int64_t workers)
{
    const Mapping *m = NULL;
    MappingError error;
    for (int i = 0; i < 4; i++) {
        int64_t e[2] = {1 + pick(r, 3), 1 + pick(r, 3)};
        int order[2] = {0, 1};
        if (pick(r, 2)) order[0] = 1, order[1] = 0;
        const Mapping *f = pick(r, 2) ? mapping_spatial(s->arena, 2, e, order, &error)
                                      : mapping_repeat(s->arena, 2, e, order, &error);
        if (pick(r, 6) == 0) f = mapping_replicate(s->arena, 2, &error);
        m = m ? mapping_compose(s->arena, m, f, &error) : f;
    }
    return m->workers == workers && m->rank == 2 && m->steps <= 64 ? m : NULL;
}

/* e_d = a_d * i + b_d * j + c_d, perhaps % q_d */
typedef struct Index {
    int64_t a[2], b[2], c[2], q[2];
} Index;

static int64_t index_at(const Index *x, int d, const int64_t *task)
{
    int64_t v = x->a[d] * task[0] + x->b[d] * task[1] + x->c[d];
    return x->q[d] ? base_floor_mod(v, x->q[d]) : v;
}

static const IrExpr *index_expr(Session *s, const Index *x, int d, const IrExpr *const *v)
{
    IrKernel *k = s->k;
    const IrExpr *i = ir_binary(k, IR_MUL, v[0], ir_index(k, x->a[d]));
    const IrExpr *j = ir_binary(k, IR_MUL, v[1], ir_index(k, x->b[d]));
    const IrExpr *e = ir_binary(k, IR_ADD, ir_binary(k, IR_ADD, i, j), ir_index(k, x->c[d]));
    return x->q[d] ? ir_binary(k, IR_MOD, e, ir_index(k, x->q[d])) : e;
}

static bool legal(const Mapping *m, const Mapping *n, const Index *x)
{
    for (int64_t step = 0; step < m->steps; step++) {
        int64_t slot = -1;
        for (int64_t w = 0; w < m->workers; w++) {
            int64_t task[2], e[2];
            mapping_eval(m, w, step, task);
            for (int d = 0; d < 2; d++) e[d] = index_at(x, d, task);
            bool inside = e[0] >= 0 && e[1] >= 0 && e[0] < n->shape[0] && e[1] < n->shape[1];
            int64_t found = inside ? mapping_slot(n, w, e) : -1;
            if (found < 0 || (slot >= 0 && found != slot)) return false;
            slot = found;
        }
    }
    return true;
}

static void random_index(Random *r, Index *x)
{
    *x = (Index){.a = {1, 0}, .b = {0, 1}};
    if (pick(r, 3) == 0) return;
    int d = (int)pick(r, 2);
    switch (pick(r, 4)) {
    case 0:
        x->c[d] = pick(r, 4);
        break;
    case 1:
        x->a[d] = pick(r, 3), x->b[d] = pick(r, 3);
        break;
    case 2:
        x->a[d] = x->b[d] = 0;
        x->c[d] = pick(r, 3);
        break;
    default:
        x->q[d] = 1 + pick(r, 6);
        break;
    }
}

/* Decides an access both ways; if legal, compares the slots that expand makes with the formula. */
static bool one_case(Random *r, bool *was_legal)
{
    Session s;
    session_begin(&s);
    session_kernel(&s, 8);
    const Mapping *m = random_mapping(&s, r, 8), *n = pick(r, 3) ? m : random_mapping(&s, r, 8);
    Index x;
    random_index(r, &x);
    if (!m || !n) {
        session_end(&s);
        return false;
    }
    const IrExpr *e[2] = {ir_index(s.k, m->shape[0]), ir_index(s.k, m->shape[1])}, *v[2];
    IrTensor *y = session_param(&s, "y", ELEM_F32, true, 2, e);
    IrTensor *t = session_tile(&s, "t", ELEM_F32, n);
    session_tasks(&s, n, "ij", v);
    const IrExpr *id = ir_binary(s.k, IR_MUL, v[0], ir_index(s.k, 1000));
    id = ir_binary(s.k, IR_ADD, id, v[1]);
    session_store(&s, t, v[0], v[1], ir_cast(s.k, (IrType){ELEM_F32, 1}, id), NULL);
    s.at = s.k->body;
    session_tasks(&s, m, "ij", v);
    const IrExpr *value =
        session_load(&s, t, index_expr(&s, &x, 0, v), index_expr(&s, &x, 1, v), NULL, NULL);
    session_store(&s, y, v[0], v[1], value, NULL);
    s.at = s.k->body;
    PassOptions o = {.target = PASS_FOR_CUDA, .alignment = 4, .verify = true};
    *was_legal = legal(m, n, &x);
    bool ok = pass_run_one(s.k, s.diags, &o, "slots");
    if (ok != *was_legal)
        fail_msg("%s over %s: decided %d", mapping_text(s.arena, m, NULL, NULL),
                 mapping_text(s.arena, n, NULL, NULL), ok);
    if (ok) {
        Outcome before = kernel_run(&s, NULL);
        assert_true(pass_run(s.k, s.diags, &o));
        Outcome after = kernel_run(&s, NULL);
        outcome_equal(&before, &after);
    }
    session_end(&s);
    return true;
}

static void test_rule(void **state)
{
    (void)state;
    Random r = {7};
    int cases = 0, legals = 0;
    while (cases < 1500) {
        bool was_legal = false;
        if (!one_case(&r, &was_legal)) continue;
        cases++;
        legals += was_legal;
    }
    assert_in_range(legals, 300, 1300); /* both answers are tried */
}

/* Reports the code of the only error. */
static DiagCode only_error(Session *s)
{
    assert_int_equal(s->diags->list.len, 1);
    return s->diags->list.data[0]->code;
}

static void test_messages(void **state)
{
    (void)state;
    Session s;
    const IrExpr *v[2];
    PassOptions o = {.target = PASS_FOR_CUDA, .alignment = 4};
    session_begin(&s);
    session_kernel(&s, 4);
    const Mapping *m = session_mapping(&s, "spatial(4,1)*repeat(1,4)");
    IrTensor *t = session_tile(&s, "t", ELEM_F32, m);
    session_tasks(&s, m, "ij", v);
    session_store(&s, t, v[1], v[0], ir_const(s.k, scalar_float(ELEM_F32, 0)), NULL);
    assert_false(pass_run_one(s.k, s.diags, &o, "slots"));
    assert_int_equal(only_error(&s), DIAG_SLOT_NOT_OWNED);
    assert_string_equal(s.diags->list.data[0]->text, "worker 1 does not own (0, 1) of `t`");
    session_end(&s);
}

/* A store to a tile with replicas, of the element's column or of its row. */
static bool stores_to_replicas(int from)
{
    Session s;
    const IrExpr *v[2];
    PassOptions o = {.target = PASS_FOR_CUDA, .alignment = 4};
    session_begin(&s);
    session_kernel(&s, 4);
    const Mapping *m = session_mapping(&s, "spatial(2,2)*repeat(1,4)");
    IrTensor *t = session_tile(&s, "t", ELEM_F32, mapping_drop(s.arena, m, 1, NULL));
    session_tasks(&s, m, "ij", v);
    session_store(&s, t, v[0], NULL, ir_cast(s.k, (IrType){ELEM_F32, 1}, v[from]), NULL);
    bool ok = pass_run_one(s.k, s.diags, &o, "slots");
    if (!ok) assert_int_equal(only_error(&s), DIAG_SLOT_REPLICA);
    session_end(&s);
    return ok;
}

static void test_replicas(void **state)
{
    (void)state;
    assert_true(stores_to_replicas(0));
    assert_false(stores_to_replicas(1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rule),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_replicas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
