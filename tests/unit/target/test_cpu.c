/* The CPU target end to end: IR made by the builder, emitted, compiled, run against plain C. */
#include "target/cpu_run.h"

/* c[i] = a[i] + b[i], a block of 64 threads, guarded. */
static void vector_add(void **state)
{
    (void)state;
    Bench b;
    bench_open(&b, "add", 64);
    IrKernel *k = b.k;
    const IrExpr *n = ir_size(k, ir_new_size(k, name_of(&b, "n")));
    k->grid[0] = ir_binary(k, IR_DIV, ir_binary(k, IR_ADD, n, ir_index(k, 63)), ir_index(k, 64));
    IrTensor *x = param_tensor(&b, "a", ELEM_F32, 1, &n, false, true);
    IrTensor *y = param_tensor(&b, "b", ELEM_F32, 1, &n, false, true);
    IrTensor *z = param_tensor(&b, "c", ELEM_F32, 1, &n, true, false);
    IrVar *t = new_index(&b, "t");
    IrStmt *loop = ir_for(k, k->body, t, ir_index(k, 0), ir_index(k, 64), ir_index(k, 1));
    const IrExpr *i =
        ir_binary(k, IR_ADD, ir_binary(k, IR_MUL, ir_bid(k, 0), ir_index(k, 64)), ir_var(k, t));
    const IrExpr *sum =
        ir_binary(k, IR_ADD, ir_load(k, x, 1, &i, NULL, NULL), ir_load(k, y, 1, &i, NULL, NULL));
    ir_store(k, loop->body, z, &i, sum, ir_binary(k, IR_LT, i, n));
    bench_build(&b, 32, false);
    float a[200], bb[200], c[200];
    for (int j = 0; j < 200; ++j) a[j] = (float)j, bb[j] = 0.5f, c[j] = -1;
    void *tensors[] = {a, bb, c};
    int64_t sizes[] = {190};
    bench_launch(&b, tensors, NULL, sizes, 3, 1, 1);
    for (int j = 0; j < 200; ++j) {
        float expect = j < 190 ? (float)j + 0.5f : -1;
        assert_true(c[j] == expect);
    }
    assert_int_equal(b.module->kernels[0].param_count, 3);
    assert_string_equal(b.module->kernels[0].params[2].name, "c");
    assert_int_equal(b.module->kernels[0].params[2].mode, 1);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vector_add)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
