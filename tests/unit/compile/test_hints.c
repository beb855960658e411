/* What a cache hint becomes after all passes: the qualifier of the PTX ISA on every load and store
 * that has it, of one element and of 16 bytes; a policy of L2 on asynchronous copies and copy
 * engines. Each kernel has one hint, and no access without it. */
#include "archs.h"

#define KERNELS(hint)                                                                              \
    "kernel " hint                                                                                 \
    "_16(x: f32[n], y: out f32[n]) launch grid(1), block(32) require n % 4 == 0 {\n"               \
    "    for i in auto(128) on thread { y.cache(" hint ")[i] = x.cache(" hint ")[i] }\n"           \
    "}\n"                                                                                          \
    "kernel " hint "_2(x: u16[n], y: inout u16[n]) launch grid(1), block(32) {\n"                  \
    "    y.cache(" hint ")[thread] = y.cache(" hint ")[thread + 32] + x.cache(" hint ")[thread]\n" \
    "}\n" NEST(hint)

/* What passes move, take together and cut at the edges. */
#define NEST(hint)                                                                                 \
    "kernel " hint "_nest(x: f32[m, n], w: f32[n], y: out f32[m, n])\n"                            \
    "    launch grid(cdiv(m, 8), cdiv(n, 128)), block(32) {\n"                                     \
    "    let i0 = block.x * 8, j0 = block.y * 128, v = w.cache(" hint ")\n"                        \
    "    for (i, j) in repeat(8, 1) * spatial(1, 32) * repeat(1, 4) on thread\n"                   \
    "        within (m - i0, n - j0) {\n"                                                          \
    "        y.cache(" hint ")[i0 + i, j0 + j] = x.cache(" hint ")[i0 + i, j0 + j] * v[j0 + j]\n"  \
    "    }\n"                                                                                      \
    "}\n"

#define COPIES(hint)                                                                               \
    "kernel " hint "_async(x: f32[n], y: out f32[n]) launch grid(1), block(32) {\n"                \
    "    shared s: f32[128]\n"                                                                     \
    "    async_copy(s, x.cache(" hint ").tile(128) at (0) else 0)\n"                               \
    "    commit()\n"                                                                               \
    "    wait(0)\n"                                                                                \
    "    sync\n"                                                                                   \
    "    y.cache(" hint ")[thread] = s[127 - thread]\n"                                            \
    "}\n"

#define ENGINES(hint)                                                                              \
    "kernel " hint "_engine(x: f32[n], y: out f32[n]) launch grid(1), block(32) {\n"               \
    "    shared s: f32[128], full: mbarrier[1](1)\n"                                               \
    "    on thread[0] {\n"                                                                         \
    "        mbarrier.expect(full[0], s)\n"                                                        \
    "        tma.load(s, x.cache(" hint ").tile(128) at (0) else 0, full[0])\n"                    \
    "        mbarrier.wait(full[0], 0)\n"                                                          \
    "        tma.store(y.cache(" hint ").tile(128) at (0), s)\n"                                   \
    "        tma.commit()\n"                                                                       \
    "        tma.wait(0)\n"                                                                        \
    "    }\n"                                                                                      \
    "}\n"

static const char accesses[] = KERNELS("streaming") KERNELS("l2_only") KERNELS("evict_first")
    KERNELS("evict_last") KERNELS("no_allocate");
static const char copies[] = COPIES("streaming") COPIES("evict_first") COPIES("evict_last");
static const char engines[] = ENGINES("streaming") ENGINES("evict_first") ENGINES("evict_last");

/* How often the kernel has an instruction; all its accesses to global memory are `all`. */
static void holds(const char *ptx, const char *kernel, const char *const *wanted, int all)
{
    char entry[64];
    snprintf(entry, sizeof entry, ".entry %s_0_0(", kernel);
    const char *from = strstr(ptx, entry);
    assert_non_null(from);
    const char *end = strstr(from + 1, ".entry ");
    if (!end) end = from + strlen(from);
    int found = 0;
    for (int i = 0; wanted[i]; i++) {
        int n = count_between(from, end, wanted[i]);
        if (!n) print_message("%s has no %s\n", kernel, wanted[i]);
        assert_true(n > 0);
        found += n;
    }
    int accesses_made =
        count_between(from, end, "ld.global") + count_between(from, end, "st.global") +
        count_between(from, end, "cp.async.c") + count_between(from, end, "cp.async.bulk.tensor");
    if (all) assert_int_equal(found, accesses_made);
}

static void accesses_of(const RuntimeNvrtcResult *r, int arch)
{
    (void)arch;
    static const char *const hints[][4] = {
        {"streaming", "ld.global.cs.nc", "ld.global.cs", "st.global.cs"},
        {"l2_only", "ld.global.cg.nc", "ld.global.cg", "st.global.cg"},
        {"evict_first", "ld.global.nc.L1::evict_first", "ld.global.L1::evict_first",
         "st.global.L1::evict_first"},
        {"evict_last", "ld.global.nc.L1::evict_last", "ld.global.L1::evict_last",
         "st.global.L1::evict_last"},
        {"no_allocate", "ld.global.nc.L1::no_allocate", "ld.global.L1::no_allocate",
         "st.global.L1::no_allocate"},
    };
    for (size_t i = 0; i < BASE_LEN(hints); i++) {
        char name[32], text[3][48];
        const char *wide[] = {text[0], text[1], NULL},
                   *narrow[] = {text[0], text[1], text[2], NULL};
        snprintf(name, sizeof name, "%s_16", hints[i][0]);
        snprintf(text[0], sizeof text[0], "%s.v4.b32", hints[i][1]);
        snprintf(text[1], sizeof text[1], "%s.v4.b32", hints[i][3]);
        holds(r->ptx, name, wide, 1);
        snprintf(name, sizeof name, "%s_2", hints[i][0]);
        for (int j = 0; j < 3; j++) snprintf(text[j], sizeof text[j], "%s.b16", hints[i][1 + j]);
        holds(r->ptx, name, narrow, 1);
        const char *any[] = {hints[i][1], hints[i][3], NULL};
        snprintf(name, sizeof name, "%s_nest", hints[i][0]);
        holds(r->ptx, name, any, 1);
    }
}

static void loads_and_stores(void **state)
{
    (void)state;
    static const int archs[] = {75, 80, 90, 120};
    for_archs(accesses, archs, BASE_LEN(archs), accesses_of);
}

static const char *const policies[][2] = {
    {"streaming", "createpolicy.fractional.L2::evict_first.b64"},
    {"evict_first", "createpolicy.fractional.L2::evict_first.b64"},
    {"evict_last", "createpolicy.fractional.L2::evict_last.b64"},
};

static void copies_of(const RuntimeNvrtcResult *r, int arch)
{
    (void)arch;
    for (size_t i = 0; i < BASE_LEN(policies); i++) {
        const char *wanted[] = {"cp.async.cg.shared.global.L2::cache_hint", policies[i][1], NULL};
        char name[32];
        snprintf(name, sizeof name, "%s_async", policies[i][0]);
        holds(r->ptx, name, wanted, 0);
    }
}

static void asynchronous(void **state)
{
    (void)state;
    static const int archs[] = {80, 90};
    for_archs(copies, archs, BASE_LEN(archs), copies_of);
}

static void engines_of(const RuntimeNvrtcResult *r, int arch)
{
    (void)arch;
    for (size_t i = 0; i < BASE_LEN(policies); i++) {
        const char *wanted[] = {
            "cp.async.bulk.tensor.1d.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_"
            "hint",
            "cp.async.bulk.tensor.1d.global.shared::cta.bulk_group.L2::cache_hint", policies[i][1],
            NULL};
        char name[32];
        snprintf(name, sizeof name, "%s_engine", policies[i][0]);
        holds(r->ptx, name, wanted, 0);
    }
}

static void copy_engines(void **state)
{
    (void)state;
    static const int archs[] = {90};
    for_archs(engines, archs, BASE_LEN(archs), engines_of);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(loads_and_stores),
                                       cmocka_unit_test(asynchronous),
                                       cmocka_unit_test(copy_engines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
