/* Every pass leaves what a kernel computes as it was: interpreted before and after each, to the
 * bit. (After `contract` the reference is taken anew: it changes rounding on purpose.) */
#include "kernels.h"
#include "pass/pass.h"

#include <setjmp.h>

#include <cmocka.h>

/* Rows of the aligned variant are multiples of 16 bytes; others of an element. */
static PassOptions options(const int64_t *sizes)
{
    bool aligned = !sizes || (sizes[1] % 4 == 0 && sizes[2] % 4 == 0);
    return (PassOptions){.target = PASS_FOR_CUDA,
                         .arch = 80,
                         .index_bits = 64,
                         .alignment = aligned ? 16 : 4,
                         .verify = true};
}

static void expect_same(Session *s, const int64_t *sizes)
{
    PassOptions o = options(sizes);
    Outcome before = kernel_run(s, sizes);
    for (int i = 0; i < pass_count(); i++) {
        if (pass_target(i) == PASS_FOR_CPU) continue;
        bool ok = pass_run_one(s->k, s->diags, &o, pass_name(i));
        if (!ok) {
            Sb sb = base_sb(s->arena);
            diag_render_text(s->diags, &sb, false);
            fail_msg("%s: %s", pass_name(i), base_sb_text(&sb));
        }
        Outcome after = kernel_run(s, sizes);
        if (strcmp(pass_name(i), "contract") == 0) before = after;
        outcome_equal(&before, &after);
    }
}

static void test_matmul(void **state)
{
    (void)state;
    static const int64_t shapes[][3] = {
        {32, 8, 8}, {33, 9, 5}, {64, 16, 12}, {1, 1, 1}, {31, 12, 4}};
    for (size_t i = 0; i < BASE_LEN(shapes); i++) {
        Session s;
        session_begin(&s);
        kernel_matmul(&s, "spatial(2,1)*repeat(2,1)*spatial(4,2)*repeat(2,4)", 32, 8, 4, 16);
        expect_same(&s, shapes[i]);
        session_end(&s);
    }
}

static void test_rows(void **state)
{
    (void)state;
    static const char *const over[] = {"spatial(4,4)*repeat(2,2)", "repeat(2,3)*spatial(4,2)",
                                       "spatial(2,2)*repeat(2,1)*spatial(2,2)*repeat(1,3)"};
    for (size_t i = 0; i < BASE_LEN(over); i++) {
        Session s;
        session_begin(&s);
        kernel_rows(&s, over[i], i == 1 ? 8 : 16);
        expect_same(&s, NULL);
        session_end(&s);
    }
}

static void test_awkward(void **state)
{
    (void)state;
    Session s;
    session_begin(&s);
    kernel_awkward(&s);
    expect_same(&s, NULL);
    session_end(&s);
}

static void test_leaving(void **state)
{
    (void)state;
    Session s;
    session_begin(&s);
    kernel_leaving(&s);
    expect_same(&s, NULL);
    session_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matmul),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_awkward),
        cmocka_unit_test(test_leaving),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
