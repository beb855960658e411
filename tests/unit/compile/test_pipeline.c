/* What a round of a pipeline consists of, counted in the PTX: each thread's share of the copies in
 * pieces of 16 bytes, or from sm_90 on the boxes that a copy engine is asked for, one wait, one
 * barrier, and no division for the stage. Skipped where there is no NVRTC. */
#include "archs.h"

#define PRODUCT(BK)                                                                                \
    "import std.mma.m16n8k16 (C)\n"                                                                \
    "kernel tile(a: f16[m, k], b: f16[k, n], c: out f16[m, n])\n"                                  \
    "    launch grid(cdiv(m, 128), cdiv(n, 128)), block(128)\n"                                    \
    "{\n"                                                                                          \
    "    shared sa: f16[128, " BK "] layout swizzle, sb: f16[" BK ", 128] layout swizzle\n"        \
    "    reg acc: f32[128, 128] over spatial(2, 2) * repeat(4, 8) * C = 0\n"                       \
    "    for p0 in range(0, k, " BK ") pipeline(3) {\n"                                            \
    "        copy(sa, a.tile(128, " BK ") at (block.x * 128, p0) else 0)\n"                        \
    "        copy(sb, b.tile(" BK ", 128) at (p0, block.y * 128) else 0)\n"                        \
    "        mma(acc, sa, sb)\n"                                                                   \
    "    }\n"                                                                                      \
    "    copy(c.tile(128, 128) at (block.x * 128, block.y * 128), f16(acc))\n"                     \
    "}\n"

/* Pieces a thread copies in a round: two tiles of 16 KiB by 128 threads. */
enum { PIECES = 2 * 128 * 64 * 2 / 16 / 128 };

/* Boxes of a round: one of 128 rows of 128 bytes, and two panels of 64 rows of 128 bytes. */
enum { BOXES = 1 + 2 };

/* Of a round, and of the two before the first, which may be a loop. */
static void check_count(int count, int of_round)
{
    assert_int_equal(count % of_round, 0);
    assert_true(count >= 2 * of_round && count <= 3 * of_round);
}

static void check_round(const RuntimeNvrtcResult *r, int arch)
{
    static const char entry[] = "tile_0_0";
    bool engines = arch >= 90;
    const char *wait = engines ? "mbarrier.try_wait" : "cp.async.wait_group";
    const char *end, *from = ptx_function(r->ptx, entry, &end);
    PtxReport report = ptx_report(r->log, entry);
    assert_non_null(from);
    assert_int_equal(report.spill_stores + report.spill_loads, 0);
    assert_true(report.stack <= (engines ? 8 : 0)); /* ptxas for sm_120 has 8 bytes of its own */
    int pieces = count_between(from, end, "cp.async.cg.shared.global");
    int boxes = count_between(from, end, "cp.async.bulk.tensor.2d");
    check_count(engines ? boxes : pieces, engines ? BOXES : PIECES);
    assert_int_equal(engines ? pieces : boxes, 0);
    assert_int_equal(count_between(from, end, "cp.async.ca"), 0);
    assert_int_equal(count_between(from, end, "mbarrier.arrive.expect_tx"),
                     engines ? boxes / BOXES : 0);
    /* None but the one for the mbarriers just made: threads store nothing that an engine meets. */
    assert_int_equal(count_between(from, end, "fence.proxy.async"), engines ? 1 : 0);
    assert_false(ptx_has(r->ptx, entry, "ld.global"));
    assert_int_equal(count_between(from, end, wait), 1);
    assert_int_equal(count_between(from, end, "bar.sync"), engines ? 2 : 1);
    const char *loop = strstr(from, wait), *last = loop;
    for (const char *at = loop; (at = strstr(at, "mma.sync")) && at < end; at++) last = at;
    assert_true(last > loop);
    assert_int_equal(count_between(loop, last, "rem.") + count_between(loop, last, "div."), 0);
}

static void round_of_128(void **state)
{
    static const int archs[] = {80, 90, 120};
    (void)state;
    for_archs(PRODUCT("64"), archs, BASE_LEN(archs), check_round);
}

/* Where rows may begin at any element, copies are loads and stores: the loads of a round ahead
 * stand before the products, the stores behind them. */
static void check_unaligned(const RuntimeNvrtcResult *r, int arch)
{
    enum { ELEMENTS = 2 * 128 * 32 / 128 };
    static const char entry[] = "tile_0_1";
    (void)arch;
    const char *end, *from = ptx_function(r->ptx, entry, &end);
    PtxReport report = ptx_report(r->log, entry);
    assert_non_null(from);
    assert_int_equal(report.spill_stores + report.spill_loads + report.stack, 0);
    const char *loop = strstr(from, "cp.async.wait_group"), *first = strstr(loop, "mma.sync");
    const char *last = first;
    for (const char *at = first; (at = strstr(at, "mma.sync")) && at < end; at++) last = at;
    assert_true(last > first);
    assert_int_equal(count_between(loop, first, "ld.global"), ELEMENTS);
    assert_int_equal(count_between(loop, last, "st.shared"), 0);
    assert_int_equal(count_between(last, end, "st.shared.v4"), ELEMENTS * 2 / 16);
}

static void unaligned_round(void **state)
{
    static const int archs[] = {80, 90, 120};
    (void)state;
    for_archs(PRODUCT("32"), archs, BASE_LEN(archs), check_unaligned);
}

/* Implicit GEMM: the left tile is gathered by a task loop. */
static const char product[] =
    "import std.mma.wgmma (D)\n"
    "kernel tile(a: f16[m, k], b: f16[k, n], c: out f16[m, n])\n"
    "    launch grid(cdiv(m, 64), cdiv(n, 128)), block(128)\n"
    "{\n"
    "    shared sa: f16[64, 64] layout swizzle, sb: f16[64, 128] layout swizzle\n"
    "    reg acc: f32[64, 128] over D(128) = 0\n"
    "    for p0 in range(0, k, 64) pipeline(%d) {\n"
    "        copy(sa, a.tile(64, 64) at (block.x * 64, p0) else 0)\n"
    "        copy(sb, b.tile(64, 128) at (p0, block.y * 128) else 0)\n"
    "        mma(acc, sa, sb)\n"
    "        %s\n"
    "    }\n"
    "    copy(c.tile(64, 128) at (block.x * 64, block.y * 128), f16(acc))\n"
    "}\n";

static int waits_after(const char *from, const char *end, int groups)
{
    char text[64];
    snprintf(text, sizeof text, "wgmma.wait_group.sync.aligned %d;", groups);
    return count_between(from, end, text);
}

static void check_products(const RuntimeNvrtcResult *r, bool flies)
{
    const char *end, *from = ptx_function(r->ptx, "tile_0_0", &end);
    PtxReport report = ptx_report(r->log, "tile_0_0");
    assert_int_equal(report.spill_stores + report.spill_loads + report.stack, 0);
    assert_null(strstr(r->log, "serialized"));
    assert_int_equal(count_between(from, end, "wgmma.mma_async"), 4);
    assert_int_equal(count_between(from, end, "wgmma.commit_group"), 1);
    assert_int_equal(count_between(from, end, "mbarrier.try_wait"), 1);
    assert_int_equal(count_between(from, end, "bar.sync"), 2);
    assert_int_equal(count_between(from, end, "fence.proxy.async"), 1);
    assert_int_equal(waits_after(from, end, 1), flies);
    assert_int_equal(waits_after(from, end, 0), 1);
}

static void check_flight(const RuntimeNvrtcResult *r, int arch)
{
    (void)arch;
    check_products(r, true);
}

static void check_no_flight(const RuntimeNvrtcResult *r, int arch)
{
    (void)arch;
    check_products(r, false);
}

/* A product is waited for in the next round, unless there are too few stages or its sums are used.
 */
static void products_under_way(void **state)
{
    static const int archs[] = {90};
    char text[sizeof product + 64];
    (void)state;
    snprintf(text, sizeof text, product, 3, "");
    for_archs(text, archs, 1, check_flight);
    snprintf(text, sizeof text, product, 2, "");
    for_archs(text, archs, 1, check_no_flight);
    snprintf(text, sizeof text, product, 3, "for (i, j) in acc { acc[i, j] *= 0.5 }");
    for_archs(text, archs, 1, check_no_flight);
}

static const char gather[] =
    "import std.mma.m16n8k16 (C)\n"
    "kernel conv(x: f16[n, h, w, ci], f: f16[co, r, s, ci],\n"
    "    y: out f16[n, h + 2 * pad - r + 1, w + 2 * pad - s + 1, co], pad: index)\n"
    "    launch grid(cdiv(n * dim(y, 1) * dim(y, 2), 128), cdiv(co, 128)), block(128)\n"
    "{\n"
    "    shared sx: f16[128, 32] layout swizzle, sf: f16[128, 32] layout swizzle\n"
    "    reg acc: f32[128, 128] over spatial(2, 2) * repeat(4, 8) * C = 0\n"
    "    let ow = dim(y, 2), pixels = dim(y, 1) * ow, chunks = cdiv(ci, 32)\n"
    "    for q in range(r * s * chunks) pipeline(3) {\n"
    "        let u = q / chunks / s, v = q / chunks % s, c0 = q % chunks * 32\n"
    "        copy(sf, f[_, u, v, _].tile(128, 32) at (block.y * 128, c0) else 0)\n"
    "        for (i, p) in auto(128, 32) on thread {\n"
    "            let row = block.x * 128 + i, at = row % pixels\n"
    "            sx[i, p] = x[row / pixels, at / ow + u - pad, at % ow + v - pad, c0 + p] else 0\n"
    "        }\n"
    "        mma(acc, sx, sf.transpose())\n"
    "    }\n"
    "    copy(y.reshape(n * pixels, co).tile(128, 128) at (block.x * 128, block.y * 128),\n"
    "        f16(acc))\n"
    "}\n";

/* Both tiles come in pieces of 16 bytes, with zeros outside, through no register. A round divides
 * its own number by what a filter has, and no row's. */
static void check_gather(const RuntimeNvrtcResult *r, int arch)
{
    enum { PIECES_OF_BOTH = 2 * 128 * 32 * 2 / 16 / 128 };
    static const char entry[] = "conv_0_0";
    (void)arch;
    const char *end, *from = ptx_function(r->ptx, entry, &end);
    PtxReport report = ptx_report(r->log, entry);
    assert_non_null(from);
    assert_int_equal(report.spill_stores + report.spill_loads + report.stack, 0);
    int pieces = count_between(from, end, "cp.async.cg.shared.global");
    assert_int_equal(pieces % PIECES_OF_BOTH, 0);
    assert_in_range(pieces, 2 * PIECES_OF_BOTH, 3 * PIECES_OF_BOTH);
    assert_int_equal(count_between(from, end, "cp.async.ca"), 0);
    assert_false(ptx_has(r->ptx, entry, "ld.global"));
    assert_false(ptx_has(r->ptx, entry, "st.shared"));
    assert_int_equal(count_between(from, end, "bar.sync"), 1);
    const char *loop = strstr(from, "cp.async.wait_group"), *last = strstr(loop, "mma.sync");
    assert_true(last && last < end);
    assert_in_range(count_between(loop, last, "rem.") + count_between(loop, last, "div."), 1, 4);
}

static void round_of_gather(void **state)
{
    static const int archs[] = {80, 90};
    (void)state;
    for_archs(gather, archs, BASE_LEN(archs), check_gather);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_of_128), cmocka_unit_test(unaligned_round),
        cmocka_unit_test(products_under_way), cmocka_unit_test(round_of_gather)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
