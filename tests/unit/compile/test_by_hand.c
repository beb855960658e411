/* What is written by hand is that instruction: bits and bytes of words, pairs of f16, barriers of
 * the hardware, whose numbers are the last ones, while groups that `sync` have the first. */
#include "archs.h"

static const char source[] =
    "kernel by_hand(x: u32[n], y: out u32[n], z: out u32[n]) launch grid(1), block(128) {\n"
    "    shared turn: barrier[2](128), s: u32[64]\n"
    "    on warp[0:2] {\n"
    "        s[thread] = lop3(x[thread], 0x000f000f, 0x64006400, 0xf0 & 0xcc | 0xaa)\n"
    "        sync\n"
    "        s[63 - thread] += s[thread]\n"
    "        barrier.arrive(turn[1])\n"
    "    }\n"
    "    on warp[2:4] {\n"
    "        barrier.sync(turn[1])\n"
    "        y[thread] = prmt(s[thread], x[thread], 0x5140)\n"
    "        let two = bitcast[f16x2](s[thread])\n"
    "        z[thread] = bitcast[u32](two * f16x2(1, 0.0625) - two)\n"
    "    }\n"
    "}\n";

/* The operand of the only such instruction, a register, which is given the number somewhere. */
static bool has_number(const char *ptx, const char *instruction, int number)
{
    char given[32];
    const char *at = strstr(ptx, instruction);
    assert_non_null(at);
    at += strlen(instruction);
    snprintf(given, sizeof given, "\t%.*s, %d;\n", (int)strcspn(at, ",;"), at, number);
    return strstr(ptx, given) != NULL;
}

static void check_by_hand(const RuntimeNvrtcResult *r, int arch)
{
    (void)arch;
    const char *from = strstr(r->ptx, ".entry by_hand_0_0(");
    assert_non_null(from);
    const char *end = strstr(from + 1, ".entry ");
    if (!end) end = from + strlen(from);
    const char *lop3 = strstr(from, "lop3.b32 ");
    assert_true(lop3 && lop3 < end);
    assert_memory_equal(strchr(lop3, ';') - 5, ", 234", 5);
    assert_int_equal(count_between(from, end, "prmt.b32 "), 1);
    assert_int_equal(count_between(from, end, "mul.rn.f16x2 "), 1);
    assert_int_equal(count_between(from, end, "sub.rn.f16x2 "), 1);
    assert_int_equal(count_between(from, end, "cvt.rn.f16"), 0);
    assert_int_equal(count_between(from, end, "barrier.sync "), 1);
    assert_int_equal(count_between(from, end, "barrier.arrive "), 1);
    assert_true(has_number(from, "barrier.sync ", IR_BARRIERS - 1));
    assert_true(has_number(from, "barrier.arrive ", IR_BARRIERS - 1));
    assert_true(has_number(from, "bar.sync ", 1));
}

static void instructions(void **state)
{
    (void)state;
    static const int archs[] = {75, 80, 90, 120};
    for_archs(source, archs, BASE_LEN(archs), check_by_hand);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(instructions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
