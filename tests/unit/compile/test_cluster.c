/* What clusters are in the PTX: their size on the entry, barriers where they are needed and no
 * others, one address for each access to another block. Skipped where there is no NVRTC. */
#include "archs.h"

static const char exchange[] =
    "kernel exchange(x: f32[n, 64], y: out f32[n, 64])\n"
    "    launch grid(n / 16), cluster(4), block(64)\n"
    "{\n"
    "    shared s: f32[16, 64]\n"
    "    copy(s, x.tile(16, 64) at (block.x * 16, 0))\n"
    "    sync cluster\n"
    "    copy(y.tile(16, 64) at (block.x * 16, 0), s.of_block(cluster.rank ^ 1))\n"
    "    sync cluster\n"
    "}\n";

/* 1024 elements, four at a time, by 64 threads: nobody reads before the first barrier or after the
 * last, so that the compiler adds none. */
static void check_exchange(const RuntimeNvrtcResult *r, int arch)
{
    const char *end, *from = ptx_function(r->ptx, "exchange_0_0", &end);
    (void)arch;
    assert_non_null(from);
    assert_non_null(strstr(r->ptx, ".reqnctapercluster 4, 1, 1"));
    assert_int_equal(count_between(from, end, "mapa.u64"), 4);
    assert_int_equal(count_between(from, end, "barrier.cluster.arrive.release"), 2);
    assert_int_equal(count_between(from, end, "barrier.cluster.wait.acquire"), 2);
    assert_int_equal(count_between(from, end, "bar.sync"), 0);
    assert_int_equal(count_between(from, end, "ld.v4"), 4);
}

static const char handed[] =
    "kernel handed(x: f32[n, 32], y: out f32[m, 32])\n"
    "    launch grid(m), cluster(2), block(32)\n"
    "{\n"
    "    shared tile: f32[8, 32], full: mbarrier[1](1), empty: mbarrier[1](64)\n"
    "    var sum = 0.0\n"
    "    for t in range(n / 8) {\n"
    "        on thread[0] {\n"
    "            mbarrier.wait(empty[0], 1 - t % 2)\n"
    "            mbarrier.expect(full[0], tile)\n"
    "            if cluster.rank == 0 {\n"
    "                tma.load(tile, x.tile(8, 32) at (8 * t, 0) else 0, full[0], 3)\n"
    "            }\n"
    "        }\n"
    "        mbarrier.wait(full[0], t % 2)\n"
    "        for i in range(8) { sum += tile[i, thread] }\n"
    "        mbarrier.arrive(empty.of_block(0)[0])\n"
    "        mbarrier.arrive(empty.of_block(1)[0])\n"
    "    }\n"
    "    y[block.x, thread] = sum\n"
    "}\n";

/* Each block begins after the others' mbarriers are made, and ends after the last arrival. */
static void check_handed(const RuntimeNvrtcResult *r, int arch)
{
    const char *end, *from = ptx_function(r->ptx, "handed_0_0", &end);
    (void)arch;
    assert_non_null(from);
    end =
        strstr(from + 1,
               ".visible .entry"); /* the braces of instructions written out come before its own */
    assert_non_null(end);
    int arrivals = count_between(from, end, "mbarrier.arrive.release.cluster.shared::cluster.b64");
    assert_true(arrivals >= 2 && arrivals % 2 == 0);
    assert_int_equal(count_between(from, end, "mapa.shared::cluster.u32"), arrivals);
    assert_true(count_between(from, end, ".multicast::cluster") >= 1);
    assert_true(count_between(from, end, "try_wait.parity.acquire.cluster.shared::cta.b64") >= 2);
    assert_int_equal(count_between(from, end, "try_wait.parity.shared"), 0);
    assert_int_equal(count_between(from, end, "barrier.cluster.arrive.release"), 2);
    assert_int_equal(count_between(from, end, "bar.sync"), 0);
}

static const int archs[] = {90, 100, 120};

static void blocks_exchange(void **state)
{
    (void)state;
    for_archs(exchange, archs, BASE_LEN(archs), check_exchange);
}

static void blocks_hand_tiles(void **state)
{
    (void)state;
    for_archs(handed, archs, BASE_LEN(archs), check_handed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_exchange),
        cmocka_unit_test(blocks_hand_tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
