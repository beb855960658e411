/* What a round of a pipeline consists of, counted in the PTX: each thread's share of the copies in
 * pieces of 16 bytes, one wait, one barrier, and no division for the stage. Skipped where there is
 * no NVRTC. */
#include "archs.h"

static const char source[] =
    "import std.mma.m16n8k16 (C)\n"
    "kernel tile(a: f16[m, k], b: f16[k, n], c: out f16[m, n])\n"
    "    launch grid(cdiv(m, 128), cdiv(n, 128)), block(128)\n"
    "{\n"
    "    shared sa: f16[128, 64] layout swizzle, sb: f16[64, 128] layout swizzle\n"
    "    reg acc: f32[128, 128] over spatial(2, 2) * repeat(4, 8) * C = 0\n"
    "    for p0 in range(0, k, 64) pipeline(3) {\n"
    "        copy(sa, a.tile(128, 64) at (block.x * 128, p0) else 0)\n"
    "        copy(sb, b.tile(64, 128) at (p0, block.y * 128) else 0)\n"
    "        mma(acc, sa, sb)\n"
    "    }\n"
    "    copy(c.tile(128, 128) at (block.x * 128, block.y * 128), f16(acc))\n"
    "}\n";

/* Pieces a thread copies in a round: two tiles of 16 KiB by 128 threads. */
enum { PIECES = 2 * 128 * 64 * 2 / 16 / 128 };

static void check_round(const RuntimeNvrtcResult *r, int arch)
{
    static const char entry[] = "tile_0_0";
    (void)arch;
    const char *end, *from = ptx_function(r->ptx, entry, &end);
    PtxReport report = ptx_report(r->log, entry);
    assert_non_null(from);
    assert_int_equal(report.spill_stores + report.spill_loads + report.stack, 0);
    int pieces = count_between(from, end, "cp.async.cg.shared.global");
    assert_int_equal(pieces % PIECES, 0); /* of a round, and of the two before the first */
    assert_true(pieces >= 2 * PIECES && pieces <= 3 * PIECES);
    assert_int_equal(count_between(from, end, "cp.async.ca"), 0);
    assert_false(ptx_has(r->ptx, entry, "ld.global"));
    assert_int_equal(count_between(from, end, "cp.async.wait_group"), 1);
    assert_int_equal(count_between(from, end, "bar.sync"), 1);
    const char *loop = strstr(from, "cp.async.wait_group"), *last = loop;
    for (const char *at = loop; (at = strstr(at, "mma.sync")) && at < end; at++) last = at;
    assert_true(last > loop);
    assert_int_equal(count_between(loop, last, "rem.") + count_between(loop, last, "div."), 0);
}

static void round_of_128(void **state)
{
    static const int archs[] = {80, 90, 120};
    (void)state;
    for_archs(source, archs, BASE_LEN(archs), check_round);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(round_of_128)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
