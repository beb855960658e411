/* What the builder makes of index arithmetic as task mappings give it, beside the text of what was
 * asked for; loads, offsets, facts of variables, rewriting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/build.h"

#include <stdio.h>

typedef struct Session {
    Escape escape;
    Arena *arena;
    Interner *names;
    IrKernel *k;
} Session;

static int set_up(void **state)
{
    static Session s;
    s = (Session){0};
    if (setjmp(s.escape.env)) return 1;
    s.arena = base_arena_create(&s.escape);
    s.names = base_interner_create(s.arena);
    s.k = ir_kernel_create(s.arena, diag_create(s.arena), base_intern_cstr(s.names, "k"));
    s.k->block_size = s.k->block_dims[0] = 256;
    s.k->grid[0] = ir_index(s.k, 100);
    ir_set_origin(s.k, ir_origin(s.k, ORIGIN_SOURCE, (Span){0}, 0, "test"));
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    Session *s = *state;
    base_arena_destroy(s->arena);
    return 0;
}

static IrVar *var(Session *s, const char *name, Elem elem, int64_t lo, int64_t hi)
{
    IrVar *v = ir_new_var(s->k, base_intern_cstr(s->names, name), (IrType){elem, 1}, false);
    v->lo = lo;
    v->hi = hi;
    return v;
}

static const char *text_of(Session *s, const IrKernel *k, const IrExpr *e)
{
    Sb sb = base_sb(s->arena);
    ir_print_expr(k, e, &sb);
    return base_sb_text(&sb);
}

/* Every node made again by the builder, from the leaves. */
static const IrExpr *simplified(IrKernel *k, const IrExpr *e)
{
    const IrExpr *args[8];
    if (e->count > 8) return e;
    for (uint32_t i = 0; i < e->count; i++) args[i] = simplified(k, e->args[i]);
    return ir_rebuild(k, e, args);
}

static void test_forms(void **state)
{
    Session *s = *state;
    static const char *const cases[][2] = {
        /* i in [0, 15], j in [0, 7], p a multiple of 8, c from 0 up */
        {"(i.0 * 8 + j.1) / 8", "i.0"},
        {"(i.0 * 8 + j.1) % 8", "j.1"},
        {"(c.5 * 64 + tid / 32 * 8 + j.1) / 8", "c.5 * 8 + tid / 32"},
        {"(c.5 * 64 + tid / 32 * 8 + j.1) % 64", "tid / 32 * 8 + j.1"},
        {"(c.5 * 64 + tid / 32 * 8 + j.1) / 8 % 8", "tid / 32"},
        {"(tid % 64 * 4 + 256 * i.0) / 4 % 64", "tid % 64"},
        {"tid / 32 * 32 + tid % 32", "tid"},
        {"tid % 32 + 32 * (tid / 32)", "tid"},
        {"tid / 4 % 8 * 4 + tid % 4 + tid / 32 * 32", "tid"},
        {"tid % 32 / 4", "tid / 4 % 8"},
        {"tid % 32 % 8", "tid % 8"},
        {"tid / 8 / 4", "tid / 32"},
        {"tid / 256", "0"},
        {"tid % 256", "tid"},
        {"(i.0 * 4 + 3) / 8", "i.0 / 2"},
        {"(j.1 * 4 + 3) % 8", "j.1 % 2 * 4 + 3"},
        {"(p.2 + j.1) / 8", "p.2 / 8"},
        {"(p.2 + j.1) % 8", "j.1"},
        {"(c.5 * $n + j.1) / $n", "c.5 + j.1 / $n"},
        {"(c.5 * $n + d.6 % $n) / $n", "c.5"},
        {"(c.5 * $n + d.6 % $n) % $n", "d.6 % $n"},
        {"c.5 / $n * $n + c.5 % $n", "c.5"},
        {"d.6 % $n + c.5 / $n * $n", "c.5 / $n * $n + d.6 % $n"},
        {"($n + 63) / 64", "($n + 63) / 64"},
        {"($n - 1) / 64", "($n - 1) / 64"},
        {"i.0 + 3 + 4", "i.0 + 7"},
        {"i.0 + 3 + (j.1 - 5)", "i.0 + j.1 - 2"},
        {"i.0 + 3 - i.0", "3"},
        {"bid.x * 64 + i.0 - bid.x * 64", "i.0"},
        {"2 * i.0 + 3 * i.0", "i.0 * 5"},
        {"(i.0 + 2) * 4", "i.0 * 4 + 8"},
        {"i.0 * 4 * 8", "i.0 * 32"},
        {"i.0 * 0", "0"},
        {"j.1 << 3", "j.1 * 8"},
        {"c.5 >> 3", "c.5 / 8"},
        {"c.5 & 7", "c.5 % 8"},
        {"tid ^ tid", "0"},
        {"-(i.0 - j.1)", "j.1 - i.0"},
        {"i.0 < 16", "true"},
        {"i.0 == 16", "false"},
        {"i.0 + 4 < 10", "i.0 < 6"},
        {"i.0 / 4 < 2", "i.0 < 8"},
        {"i.0 * 4 < 10", "i.0 < 3"},
        {"i.0 * 4 == 10", "false"},
        {"7 - i.0 >= 3", "i.0 < 5"},
        {"3 < i.0", "i.0 >= 4"},
        {"bid.x * 64 + i.0 < bid.x * 64 + 64", "true"},
        {"bid.x * 64 + i.0 + 1 < $n + 1", "bid.x * 64 + i.0 < $n"},
        {"$n > i.0", "i.0 < $n"},
        {"!(i.0 < 4)", "i.0 >= 4"},
        {"!(i.0 < $n)", "$n <= i.0"},
        {"i.0 < $n && i.0 < $n", "i.0 < $n"},
        {"i.0 < 4 && i.0 < 3", "i.0 < 3"},
        {"i.0 < 4 || i.0 >= 4", "true"},
        {"i.0 < $n && i.0 < 16 && j.1 >= 0", "i.0 < $n"},
        {"select(i.0 < 100, x.3, 0.0:f32)", "x.3"},
        {"select(!(i.0 < $n), x.3, 0.0:f32)", "select($n <= i.0, x.3, 0.0:f32)"},
        {"min(i.0, 20)", "i.0"},
        {"max(i.0 + 1, i.0)", "i.0 + 1"},
        {"min(min(c.5, 9), 7)", "min(c.5, 7)"},
        {"x.3 * 1.0:f32", "x.3"},
        {"x.3 + 0.0:f32", "x.3 + 0.0:f32"},
        {"x.3 - x.3", "x.3 - x.3"},
        {"x.3 * 0.0:f32", "x.3 * 0.0:f32"},
        {"0.1:f32 + 0.2:f32", "0.3:f32"},
        {"f32(f64(x.3))", "x.3"},
        {"f64(f32(f16(x.3)))", "f64(f16(x.3))"},
        {"i32(index(k.4))", "k.4"},
        {"i64(i32(i.0))", "i64(i.0)"},
        {"k.4 + 5:i32 - 5:i32", "k.4"},
        {"k.4 / 2:i32 / 3:i32", "k.4 / 6:i32"},
        {"lane.1(vector(x.3, 2.0:f32))", "2.0:f32"},
        {"vector(x.3, x.3)", "splat.2(x.3)"},
        {"bitcast.f32(bitcast.u32(x.3))", "x.3"},
        {"fma(2.0:f32, 3.0:f32, 0.5:f32)", "6.5:f32"},
    };
    for (size_t i = 0; i < BASE_LEN(cases); i++) {
        const char *error = NULL;
        char *text =
            base_format(s->arena,
                        "kernel k\nsize n\ngrid 100, 1, 1\nblock 256\n{\n"
                        "let i.0: index as [0, 15] = tid\nlet j.1: index as [0, 7] = tid\n"
                        "let p.2: index as [0, inf] by 8 = tid\nlet x.3: f32 = 1.5:f32\nlet k.4: "
                        "i32 = i32(tid)\n"
                        "let c.5: index as [0, inf] = tid\nlet d.6: index as [0, inf] = tid\n"
                        "print %s \"{}\"\n}\n",
                        cases[i][0]);
        IrKernel *k = ir_read(s->arena, s->names, NULL, text, strlen(text), &error);
        if (!k) fail_msg("%s: %s", cases[i][0], error);
        const IrExpr *e = k->body->stmts.data[7]->args[0];
        const char *got = text_of(s, k, simplified(k, e));
        if (strcmp(got, cases[i][1]) != 0)
            fail_msg("%s gives %s, not %s", cases[i][0], got, cases[i][1]);
    }
}

static void test_consing(void **state)
{
    Session *s = *state;
    IrKernel *k = s->k;
    const IrExpr *x = ir_var(k, var(s, "x", ELEM_INDEX, 0, 100)), *t = ir_tid(k);
    assert_ptr_equal(ir_binary(k, IR_ADD, x, t), ir_binary(k, IR_ADD, t, x));
    assert_ptr_equal(ir_index(k, 7), ir_index(k, 7));
    assert_ptr_not_equal(ir_index(k, 7), ir_int(k, ELEM_I64, 7));
    assert_ptr_not_equal(ir_const(k, scalar_float(ELEM_F32, 0.0)),
                         ir_const(k, scalar_float(ELEM_F32, -0.0)));
    assert_int_equal(t->hi, 255);
    assert_int_equal(ir_bid(k, 0)->hi, 99);
    assert_true(ir_is_int(ir_bid(k, 1), 0));
    assert_true(ir_is_int(ir_gdim(k, 0), 100));
    uint32_t before = k->expr_count;
    for (int i = 0; i < 1000; i++) ir_binary(k, IR_MUL, x, ir_index(k, 3 + i % 2));
    assert_true(k->expr_count <= before + 4);
}

static void test_load_guards(void **state)
{
    Session *s = *state;
    IrKernel *k = s->k;
    const IrExpr *n = ir_size(k, ir_new_size(k, base_intern_cstr(s->names, "n")));
    IrTensor *a = ir_new_tensor(k, base_intern_cstr(s->names, "a"), IR_PARAM, ELEM_F32, 1, &n);
    const IrExpr *i = ir_tid(k), *zero = ir_const(k, scalar_float(ELEM_F32, 0));
    const IrExpr *plain = ir_load(k, a, 1, &i, NULL, NULL);
    assert_ptr_equal(ir_load(k, a, 1, &i, ir_bool(k, true), zero), plain);
    assert_ptr_equal(ir_load(k, a, 1, &i, ir_bool(k, false), zero), zero);
    const IrExpr *guard = ir_binary(k, IR_LT, i, n);
    const IrExpr *guarded = ir_load(k, a, 1, &i, guard, zero);
    assert_true(guarded->flags & IR_GUARDED);
    const IrExpr *args[] = {i, ir_bool(k, true), zero};
    assert_ptr_equal(ir_rebuild(k, guarded, args), plain);
    IrStmt *never = ir_store(k, k->body, a, &i, zero, ir_bool(k, false));
    assert_non_null(never);
    assert_int_equal(k->body->stmts.len, 0);
    IrStmt *always = ir_store(k, k->body, a, &i, zero, ir_bool(k, true));
    assert_int_equal(always->flags & IR_GUARDED, 0);
    assert_int_equal(k->body->stmts.len, 1);
}

static void test_facts(void **state)
{
    Session *s = *state;
    IrKernel *k = s->k;
    IrVar *p = var(s, "p", ELEM_INDEX, INT64_MIN, INT64_MAX);
    ir_for(k, k->body, p, ir_index(k, 0), ir_index(k, 100), ir_index(k, 8));
    assert_int_equal(p->lo, 0);
    assert_int_equal(p->hi, 96);
    assert_int_equal(p->multiple, 8);
    IrVar *q = var(s, "q", ELEM_INDEX, INT64_MIN, INT64_MAX);
    ir_let(k, k->body, q, ir_binary(k, IR_ADD, ir_var(k, p), ir_index(k, 16)));
    assert_int_equal(q->lo, 16);
    assert_int_equal(q->hi, 112);
    assert_int_equal(q->multiple, 8);
    IrVar *m = ir_new_var(k, base_intern_cstr(s->names, "m"), (IrType){ELEM_INDEX, 1}, true);
    ir_let(k, k->body, m, ir_index(k, 5));
    assert_int_equal(m->hi, INT64_MAX);
}

/* ---- offsets --------------------------------------------------------------------------------- */

static IrVar *coordinates[2];
static int64_t values[2];

static bool coordinate(void *user, const IrExpr *e, int64_t *value)
{
    (void)user;
    for (int i = 0; i < 2; i++)
        if (e->op == IR_VAR && e->var == coordinates[i]) *value = values[i];
    return e->op == IR_VAR;
}

static int64_t by_formula(const IrLayout *l, const int64_t *index)
{
    int64_t sum = 0;
    for (int i = 0; i < l->count; i++) {
        int64_t v = index[l->digits[i].dim] / l->digits[i].divide;
        if (l->digits[i].extent) v %= l->digits[i].extent;
        sum += v * l->digits[i].place;
    }
    int64_t mask = ((int64_t)1 << l->swizzle_bits) - 1;
    return sum ^ ((sum >> l->swizzle_from & mask) << l->swizzle_to);
}

static void test_layouts(void **state)
{
    Session *s = *state;
    IrKernel *k = s->k;
    static const IrLayoutDigit padded[] = {{0, 1, 0, 1}, {1, 1, 0, 68}};
    static const IrLayoutDigit panels[] = {{0, 16, 0, 256}, {1, 1, 0, 16}, {0, 1, 16, 1}};
    static const IrLayoutDigit rows[] = {{0, 1, 0, 64}, {1, 1, 0, 1}};
    static const IrLayout layouts[] = {
        {2, padded, 1088, 0, 0, 0, 0}, {3, panels, 1024, 0, 0, 0, 0}, {2, rows, 4096, 3, 6, 3, 0}};
    const IrExpr *extents[] = {ir_index(k, 64), ir_index(k, 16)}, *index[2];
    for (int i = 0; i < 2; i++) {
        coordinates[i] = var(s, "c", ELEM_INDEX, 0, i ? 15 : 63);
        index[i] = ir_var(k, coordinates[i]);
    }
    IrTensor *t =
        ir_new_tensor(k, base_intern_cstr(s->names, "t"), IR_SHARED, ELEM_F32, 2, extents);
    assert_int_equal(ir_tensor_size(t), 1024);
    for (size_t l = 0; l < BASE_LEN(layouts); l++) {
        t->layout = &layouts[l];
        assert_int_equal(ir_tensor_size(t), layouts[l].size);
        const IrExpr *offset = ir_offset(k, t, index);
        for (values[0] = 0; values[0] < 64; values[0]++)
            for (values[1] = 0; values[1] < 16; values[1]++) {
                int64_t got = -1;
                assert_true(ir_eval_int(offset, coordinate, NULL, &got));
                assert_int_equal(got, by_formula(&layouts[l], values));
                assert_true(got >= offset->lo && got <= offset->hi);
            }
    }
    t->layout = NULL;
    assert_string_equal(text_of(s, k, ir_offset(k, t, index)), "c.0 * 16 + c.1");
}

static void test_tiles(void **state)
{
    Session *s = *state;
    IrKernel *k = s->k;
    MappingError error;
    const Mapping *m = mapping_repeat(s->arena, 2, (int64_t[]){2, 3}, NULL, &error);
    m = mapping_compose(s->arena, m, mapping_spatial(s->arena, 2, (int64_t[]){4, 8}, NULL, &error),
                        &error);
    const IrExpr *extents[] = {ir_index(k, 5), ir_index(k, 8), ir_index(k, 24)};
    IrTensor *t = ir_new_tensor(k, base_intern_cstr(s->names, "t"), IR_TILE, ELEM_F32, 3, extents);
    t->over = m;
    assert_int_equal(ir_tile_slots(t), 30);
    assert_int_equal(ir_tensor_size(t), 5 * 8 * 24);
    const IrExpr *index[] = {ir_index(k, 3), ir_index(k, 4)};
    assert_true(ir_is_int(ir_offset(k, t, index), 22));
}

/* ---- walking --------------------------------------------------------------------------------- */

static const IrExpr *zero_for_tid(void *user, const IrExpr *e)
{
    return e->op == IR_TID ? ir_index(user, 0) : NULL;
}

static bool is_tid(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_TID;
}

static bool count_stmt(void *user, IrStmt *s)
{
    (void)s;
    return --*(int *)user > 0;
}

static void test_walking(void **state)
{
    Session *s = *state;
    IrKernel *k = s->k;
    const IrExpr *x = ir_var(k, var(s, "x", ELEM_INDEX, 0, 100)), *t = ir_tid(k);
    const IrExpr *e = ir_binary(k, IR_ADD, ir_binary(k, IR_MUL, x, ir_index(k, 3)), t);
    assert_true(ir_any(e, is_tid, NULL));
    const IrExpr *r = ir_rewrite(k, e, zero_for_tid, k);
    assert_false(ir_any(r, is_tid, NULL));
    assert_string_equal(text_of(s, k, r), "x.0 * 3");
    assert_ptr_equal(ir_rewrite(k, x, zero_for_tid, k), x);
    IrStmt *cond = ir_if(k, k->body, ir_binary(k, IR_LT, t, ir_index(k, 4)), true);
    ir_barrier(k, cond->body, IR_SCOPE_WARP, 0);
    ir_barrier(k, cond->other, IR_SCOPE_WARP, 0);
    int left = 100;
    assert_true(ir_walk(k->body, count_stmt, &left));
    assert_int_equal(left, 97);
    left = 2;
    assert_false(ir_walk(k->body, count_stmt, &left));
}

/* Sharing makes trees of 2^60 nodes; none of these may walk them all. */
static void test_sharing(void **state)
{
    Session *s = *state;
    IrKernel *k = s->k;
    const IrExpr *e = ir_tid(k), *one = ir_index(k, 1);
    for (int i = 0; i < 60; i++) {
        e = ir_binary(k, IR_BITXOR, ir_binary(k, IR_MAX, e, one), ir_binary(k, IR_BITOR, e, one));
        e = ir_binary(k, IR_MOD, e, ir_index(k, 1000 + i));
    }
    assert_true(ir_any(e, is_tid, NULL));
    int64_t value;
    assert_false(ir_eval_int(e, NULL, NULL, &value));
    e = ir_rewrite(k, e, zero_for_tid, k);
    assert_true(ir_is_const(e));
    assert_true(ir_multiple(e) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_consing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_load_guards, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_layouts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tiles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_walking, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sharing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
