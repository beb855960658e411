/* Checked kernels: what --check must trap on, and what it must let pass, in natural and in seeded
 * thread orders. */
#include "target/cpu_run.h"

#include "pass/internal.h"

enum { N = 64 };

static const IrExpr *num(Bench *b, int64_t value)
{
    return ir_index(b->k, value);
}

static void put(Bench *b, IrBlock *block, const IrTensor *t, const IrExpr *index,
                const IrExpr *value)
{
    ir_store(b->k, block, t, &index, value, NULL);
}

static const IrExpr *at(Bench *b, const IrTensor *t, const IrExpr *index)
{
    return ir_load(b->k, t, 1, &index, NULL, NULL);
}

/* Shared s of N elements; thread t stores x[t + shift] in s[t], then, after a barrier of `scope`
 * (none below 0), y[t] = s[(t + reach) % N]. */
static int64_t run(int64_t shift, int scope, int64_t reach, uint64_t seed, HdTrap *trap,
                   const char **text)
{
    Bench b;
    bench_open(&b, "watched", N);
    IrKernel *k = b.k;
    const IrExpr *n = num(&b, N), *tid = ir_tid(k);
    IrTensor *x = param_tensor(&b, "x", ELEM_F32, 1, &n, false, true);
    IrTensor *y = param_tensor(&b, "y", ELEM_F32, 1, &n, true, false);
    IrTensor *s = ir_new_tensor(k, name_of(&b, "s"), IR_SHARED, ELEM_F32, 1, &n);
    put(&b, k->body, s, tid, at(&b, x, ir_binary(k, IR_ADD, tid, num(&b, shift))));
    if (scope >= 0) ir_barrier(k, k->body, (IrScope)scope, N);
    const IrExpr *from = ir_binary(k, IR_MOD, ir_binary(k, IR_ADD, tid, num(&b, reach)), n);
    put(&b, k->body, y, tid, at(&b, s, from));
    PassOptions options = {.target = PASS_FOR_CPU, .index_bits = 64, .check = true};
    PassContext ctx = {.k = k, .diags = b.diags, .options = &options};
    assert_true(pass_expand(&ctx));
    assert_true(pass_fission(&ctx));
    bench_build(&b, 64, true);
    float in[N], out[N];
    for (int i = 0; i < N; i++) in[i] = (float)i, out[i] = -1;
    void *tensors[] = {in, out};
    b.seed = seed;
    bench_launch(&b, tensors, NULL, NULL, 1, 1, 1);
    *trap = b.trap;
    *text = "";
    if (trap->state) {
        const HdInstanceInfo *instance = &b.module->kernels[0].instances[0];
        static char copy[200];
        assert_in_range(trap->site, 0, instance->site_count - 1);
        strncpy(copy, instance->sites[trap->site].text, sizeof copy - 1);
        *text = copy;
        assert_string_equal(instance->sites[trap->site].file, "test.hd");
        assert_int_equal(instance->sites[trap->site].line, 1);
    } else {
        for (int i = 0; i < N; i++) assert_true(out[i] == (float)((i + reach) % N));
    }
    bench_close(&b);
    return trap->state;
}

static void clean(void **state)
{
    (void)state;
    HdTrap trap;
    const char *text;
    for (uint64_t seed = 0; seed < 5; seed++) {
        assert_int_equal(run(0, IR_SCOPE_BLOCK, 17, seed, &trap, &text), 0);
        assert_int_equal(run(0, -1, 0, seed, &trap, &text), 0); /* each its own element */
    }
}

static void out_of_bounds(void **state)
{
    (void)state;
    HdTrap trap;
    const char *text;
    assert_int_equal(run(5, IR_SCOPE_BLOCK, 0, 0, &trap, &text), 2);
    assert_non_null(strstr(text, "`x` is out of bounds"));
    assert_int_equal(trap.value[0], N); /* the first such index */
    assert_int_equal(trap.value[1], N);
    assert_int_equal(trap.value[2], N - 5);
}

static void races(void **state)
{
    (void)state;
    HdTrap trap;
    const char *text;
    /* Read before the other wrote: no value yet. Read after: a race. */
    assert_int_equal(run(0, -1, 1, 0, &trap, &text), 2);
    assert_int_equal(run(0, -1, N - 1, 0, &trap, &text), 2);
    for (uint64_t seed = 1; seed < 5; seed++)
        assert_int_equal(run(0, -1, 1, seed, &trap, &text), 2);
    /* A warp's barrier orders nothing between warps. */
    assert_int_equal(run(0, IR_SCOPE_WARP, 32, 0, &trap, &text), 2);
    assert_int_equal(run(0, IR_SCOPE_WARP, 0, 0, &trap, &text), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean),
        cmocka_unit_test(out_of_bounds),
        cmocka_unit_test(races),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
