/* What a tile's product consists of on tensor cores, counted in the PTX: exactly the instructions
 * that the mapping implies, next to nothing beside them, no spills. Skipped where there is no
 * NVRTC. */
#include "archs.h"

/* Of 128 x 128 x 64: two by two warps, and four warps of whole rows. Of 64 x 64 x 64: each warp the
 * window that it has. */
static const char source[] =
    "import std.mma.m16n8k16 (C)\n"
    "kernel square(a: f16[m, k], b: f16[k, n], c: out f16[m, n])\n"
    "    launch grid(cdiv(m, 128), cdiv(n, 128)), block(128)\n"
    "{\n"
    "    shared sa: f16[128, 64] layout swizzle, sb: f16[64, 128] layout swizzle\n"
    "    reg acc: f32[128, 128] over spatial(2, 2) * repeat(4, 8) * C = 0\n"
    "    for p0 in range(0, k, 64) {\n"
    "        copy(sa, a.tile(128, 64) at (block.x * 128, p0) else 0)\n"
    "        copy(sb, b.tile(64, 128) at (p0, block.y * 128) else 0)\n"
    "        mma(acc, sa, sb)\n"
    "    }\n"
    "    copy(c.tile(128, 128) at (block.x * 128, block.y * 128), f16(acc))\n"
    "}\n"
    "kernel rows(a: f16[m, k], b: f16[n, k], c: out f16[m, n])\n"
    "    launch grid(cdiv(m, 128), cdiv(n, 128)), block(128)\n"
    "{\n"
    "    shared sa: f16[128, 64] layout swizzle, sb: f16[128, 64] layout pad(8)\n"
    "    reg acc: f32[128, 128] over repeat(2, 1) * spatial(4, 1) * repeat(1, 16) * C = 0\n"
    "    for p0 in range(0, k, 64) {\n"
    "        copy(sa, a.tile(128, 64) at (block.x * 128, p0) else 0)\n"
    "        copy(sb, b.tile(128, 64) at (block.y * 128, p0) else 0)\n"
    "        mma(acc, sa, sb.transpose())\n"
    "    }\n"
    "    copy(c.tile(128, 128) at (block.x * 128, block.y * 128), f16(acc))\n"
    "}\n"
    "kernel windows(a: f16[64, k], b: f16[k, 64], c: out f16[64, 64])\n"
    "    launch grid(1), block(128)\n"
    "{\n"
    "    shared sa: f16[64, 64] layout swizzle, sb: f16[64, 64] layout swizzle\n"
    "    reg acc: f32[64, 64] over spatial(2, 2) * repeat(2, 4) * C = 0\n"
    "    for p0 in range(0, k, 64) {\n"
    "        copy(sa, a.tile(64, 64) at (0, p0) else 0)\n"
    "        copy(sb, b.tile(64, 64) at (p0, 0) else 0)\n"
    "        for (i, j) in spatial(2, 2) on warp {\n"
    "            mma(acc.tile(32, 32) at (32 * i, 32 * j),\n"
    "                sa.tile(32, 64) at (32 * i, 0), sb.tile(64, 32) at (0, 32 * j))\n"
    "        }\n"
    "    }\n"
    "    copy(c, f16(acc))\n"
    "}\n";

typedef struct Owner {
    const char *entry;
    int rows, columns; /* of a warp, in fragments of 16 by 8 */
} Owner;
static const Owner owners[] = {{"square_0_0", 4, 8}, {"rows_0_0", 2, 16}, {"windows_0_0", 2, 4}};

enum { DEPTH = 64 };

static int count(const char *ptx, const char *entry, const char *instruction)
{
    const char *end, *from = ptx_function(ptx, entry, &end);
    return count_between(from, end, instruction);
}

/* Instructions between the first ldmatrix and the last mma that are neither. */
static int beside(const char *ptx, const char *entry)
{
    const char *end, *from = ptx_function(ptx, entry, &end), *last = NULL;
    int n = 0;
    from = strstr(from, "ldmatrix");
    for (const char *at = from; (at = strstr(at, "mma.sync")) && at < end; at++) last = at;
    assert_non_null(last);
    for (const char *line = from; line < last; line = strchr(line, '\n') + 1) {
        line += strspn(line, " \t");
        bool ours = strncmp(line, "mma.sync", 8) == 0 || strncmp(line, "ldmatrix", 8) == 0;
        n += islower((unsigned char)*line) && !ours;
    }
    return n;
}

static void check_owner(const RuntimeNvrtcResult *r, const Owner *o, int arch)
{
    /* m16n8k16 came with sm_80; a call of ldmatrix reads four matrices of 8 by 8. */
    int deep = arch < 80 ? 8 : 16, steps = DEPTH / deep;
    int a = o->rows * 2 * (deep / 8) / 4, b = o->columns * (deep / 8) / 4;
    PtxReport report = ptx_report(r->log, o->entry);
    assert_true(report.found);
    assert_int_equal(report.spill_stores + report.spill_loads + report.stack, 0);
    assert_false(ptx_has(r->ptx, o->entry, ".local"));
    assert_int_equal(count(r->ptx, o->entry, "mma.sync"), steps * o->rows * o->columns);
    assert_int_equal(count(r->ptx, o->entry, "ldmatrix"), steps * (a + b));
    assert_int_equal(count(r->ptx, o->entry, "ldmatrix.sync.aligned.m8n8.x4"), steps * (a + b));
    /* At most an address for each ldmatrix: a sum and its narrowing. */
    int others = beside(r->ptx, o->entry), most = 2 * steps * (a + b) + 8;
    if (others > most) print_message("%s for sm_%d: %d others\n", o->entry, arch, others);
    assert_true(others <= most);
}

static void check_owners(const RuntimeNvrtcResult *r, int arch)
{
    for (size_t i = 0; i < BASE_LEN(owners); i++) check_owner(r, &owners[i], arch);
}

static void tile_of_128(void **state)
{
    static const int archs[] = {75, 80, 90, 120};
    (void)state;
    for_archs(source, archs, BASE_LEN(archs), check_owners);
}

/* Sums on their way to memory: after pairs of lanes have exchanged words, in whole sectors, or, of
 * bytes, after two such steps; through shared memory, in whole lines of 16 bytes a thread. */
static const char stores[] =
    "import std.mma.m16n8k16 (C)\n"
    "kernel straight(x: f32[m, n], c: out f16[m, n])\n"
    "    launch grid(cdiv(m, 128), cdiv(n, 128)), block(128)\n"
    "{\n"
    "    reg acc: f32[128, 128] over spatial(2, 2) * repeat(4, 8) * C\n"
    "    copy(acc, x.tile(128, 128) at (block.x * 128, block.y * 128) else 0)\n"
    "    copy(c.tile(128, 128) at (block.x * 128, block.y * 128), f16(acc))\n"
    "}\n"
    "kernel bytes(x: f32[m, n], c: out i8[m, n])\n"
    "    launch grid(cdiv(m, 128), cdiv(n, 128)), block(128)\n"
    "{\n"
    "    reg acc: f32[128, 128] over spatial(2, 2) * repeat(4, 8) * C\n"
    "    copy(acc, x.tile(128, 128) at (block.x * 128, block.y * 128) else 0)\n"
    "    copy(c.tile(128, 128) at (block.x * 128, block.y * 128), i8(acc))\n"
    "}\n"
    "kernel through(x: f32[1], c: out f16[m, n])\n"
    "    launch grid(cdiv(m, 128), cdiv(n, 128)), block(128)\n"
    "{\n"
    "    shared s: f16[128, 128] layout swizzle\n"
    "    reg acc: f32[128, 128] over spatial(2, 2) * repeat(4, 8) * C = x[0]\n"
    "    copy(c.tile(128, 128) at (block.x * 128, block.y * 128), f16(acc)) via s\n"
    "}\n";

static void check_exchange(const RuntimeNvrtcResult *r, const char *entry, int wide, int shuffles)
{
    assert_int_equal(count(r->ptx, entry, "st.global.v2"), wide);
    assert_int_equal(count(r->ptx, entry, "st.global"), wide);
    assert_int_equal(count(r->ptx, entry, "shfl.sync.bfly.b32"), shuffles);
    assert_false(ptx_has(r->ptx, entry, ".local"));
    PtxReport report = ptx_report(r->log, entry);
    assert_int_equal(report.spill_stores + report.spill_loads + report.stack, 0);
}

static void check_stores(const RuntimeNvrtcResult *r, int arch)
{
    static const char through[] = "through_0_0";
    /* 128 x 128 elements by 128 threads: 8 bytes a store; half a shuffle for a word and step. */
    check_exchange(r, "straight_0_0", 32, 32);
    check_exchange(r, "bytes_0_0", 16, 32);
    /* Where rows are not known to be aligned, as they lie. */
    assert_false(ptx_has(r->ptx, "straight_0_1", "shfl"));
    assert_false(ptx_has(r->ptx, "bytes_0_2", "shfl"));
    assert_int_equal(count(r->ptx, through, "st.global.v4"), 16);
    assert_int_equal(count(r->ptx, through, "st.global"), 16);
    assert_int_equal(count(r->ptx, through, "ld.shared.v4"), 16);
    assert_int_equal(count(r->ptx, through, "stmatrix.sync.aligned.m8n8.x4"), arch < 90 ? 0 : 16);
    assert_int_equal(count(r->ptx, through, "st.shared"), arch < 90 ? 64 : 0);
    PtxReport report = ptx_report(r->log, through);
    assert_int_equal(report.spill_stores + report.spill_loads + report.stack, 0);
}

static void sums_to_memory(void **state)
{
    static const int archs[] = {75, 80, 90, 120};
    (void)state;
    for_archs(stores, archs, BASE_LEN(archs), check_stores);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tile_of_128),
                                       cmocka_unit_test(sums_to_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
