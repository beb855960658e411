/* Figures of generated GPU code, held without a GPU: what the inner loop of the register-tiled
 * matmul consists of, and that no kernel of the gallery spills or lets fewer blocks run at a time
 * than it declares, on any architecture. Skipped where there is no NVRTC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>

#include "compile/compile.h"
#include "ptx.h"
#include "runtime/nvrtc.h"

static const char *const VERBOSE[] = {"--ptxas-options=-v", NULL};

static int open_nvrtc(void **state)
{
    HdFailure failure = {0};
    *state = runtime_nvrtc_create(&failure);
    if (!*state) print_message("skipped: %s\n", failure.text);
    return 0;
}

static int close_nvrtc(void **state)
{
    runtime_nvrtc_destroy(*state);
    return 0;
}

static RuntimeNvrtcResult build(RuntimeNvrtc *nvrtc, Arena *arena, const char *text,
                                const char *name, int arch)
{
    RuntimeNvrtcOptions options = {.arch = arch, .specific = arch == 90, .extra = VERBOSE};
    RuntimeNvrtcResult result = {0};
    HdFailure failure = {0};
    bool ok = runtime_nvrtc_compile(nvrtc, arena, text, name, &options, &result, &failure);
    if (!ok) print_message("%s for sm_%d: %s\n", name, arch, failure.text);
    assert_true(ok);
    return result;
}

/* The CUDA text of a file's kernels; NULL where it has none that stand alone. */
static const char *emit(Compile *s, const char *path, int arch)
{
    CompileOptions options = {.cuda = true, .arch = arch};
    Sb text = base_sb(s->arena);
    assert_int_equal(compile_load(s, path, NULL, 0), COMPILE_OK);
    if (compile_emit(s, &options, COMPILE_CU, &text) != COMPILE_OK) return NULL;
    return base_sb_text(&text);
}

/* Registers of a multiprocessor, which has them out in lots of 8 for a thread; bytes of its shared
 * memory, 1 KiB of which goes with each block from sm_80 on. */
static void check_occupancy(PtxReport r, int threads, int blocks, int arch)
{
    long shared = arch < 80 ? 64 : arch == 80 ? 164 : arch == 90 || arch == 100 ? 228 : 100;
    assert_true((r.registers + 7) / 8 * 8 * threads * blocks <= 65536);
    assert_true((r.shared + (arch < 80 ? 0 : 1024)) * blocks <= shared * 1024);
}

static void matmul_loop(void **state)
{
    RuntimeNvrtc *nvrtc = *state;
    if (!nvrtc) skip();
    Compile *s = compile_create();
    const char *text = emit(s, HD_SOURCE_DIR "/examples/matmul_tiled.hd", 80),
               *entry = "matmul_tiled_0_0";
    assert_non_null(text);
    RuntimeNvrtcResult r = build(nvrtc, s->arena, text, "matmul_tiled.cu", 80);
    PtxReport report = ptx_report(r.log, entry);
    assert_true(report.found);
    assert_int_equal(report.spill_stores + report.spill_loads + report.stack, 0);
    check_occupancy(report, 256, 2, 80);
    assert_int_equal(report.shared, (128 + 4 + 128) * 8 * 4);
    /* A step of k: each thread's 8 by 8 products, of 8 + 8 values. */
    PtxLoop loop = ptx_inner_loop(r.ptx, entry);
    int steps = loop.fma / 64;
    assert_true(steps > 0);
    assert_int_equal(loop.fma, steps * 64);
    assert_int_equal(loop.shared_loads_16, steps * 4);
    assert_int_equal(loop.shared_loads + loop.others, 0);
    assert_true(loop.control <= 5);
    assert_true(ptx_has(r.ptx, entry, "ld.global.nc.v4.f32"));
    compile_destroy(s);
}

/* `auto` over a run-time extent moves 16 bytes at a time where memory is aligned. */
static void saxpy_width(void **state)
{
    RuntimeNvrtc *nvrtc = *state;
    if (!nvrtc) skip();
    Compile *s = compile_create();
    const char *text = emit(s, HD_SOURCE_DIR "/examples/saxpy.hd", 80);
    assert_non_null(text);
    RuntimeNvrtcResult r = build(nvrtc, s->arena, text, "saxpy.cu", 80);
    assert_true(ptx_has(r.ptx, "saxpy_0_0", "ld.global.nc.v4.f32"));
    assert_true(ptx_has(r.ptx, "saxpy_0_0", "ld.global.v4.f32"));
    assert_true(ptx_has(r.ptx, "saxpy_0_0", "st.global.v4.f32"));
    assert_false(ptx_has(r.ptx, "saxpy_0_1", ".v4.f32"));
    compile_destroy(s);
}

/* A @fast kernel takes the hardware's functions; a strict one does not. */
static void fast_kernels(void **state)
{
    static const char *const approx[] = {"ex2.approx", "lg2.approx",   "sin.approx",
                                         "cos.approx", "rsqrt.approx", "sqrt.approx",
                                         "rcp.approx", "tanh.approx"};
    RuntimeNvrtc *nvrtc = *state;
    if (!nvrtc) skip();
    Compile *s = compile_create();
    CompileOptions options = {.cuda = true, .arch = 75, .every_kernel = true};
    Sb text = base_sb(s->arena);
    assert_int_equal(compile_load(s, HD_SOURCE_DIR "/tests/programs/fast.hd", NULL, 0), COMPILE_OK);
    assert_int_equal(compile_emit(s, &options, COMPILE_CU, &text), COMPILE_OK);
    RuntimeNvrtcResult r = build(nvrtc, s->arena, base_sb_text(&text), "fast.cu", 75);
    assert_true(ptx_has(r.ptx, "fast_softmax_0_0", "ex2.approx"));
    assert_true(ptx_has(r.ptx, "fast_softmax_0_0", "rcp.approx"));
    assert_false(ptx_has(r.ptx, "fast_softmax_0_0", "div.rn"));
    for (size_t i = 0; i < BASE_LEN(approx); ++i) {
        assert_true(ptx_has(r.ptx, "fast_functions_0_0", approx[i]));
        assert_false(ptx_has(r.ptx, "strict_functions_0_0", approx[i]));
    }
    compile_destroy(s);
}

/* No kernel spills, and as many blocks run at a time as it declares. */
static void entries(const char *text, const char *log, const char *path, int arch)
{
    static const char bounds[] = "__launch_bounds__(", cluster[] = "__cluster_dims__(";
    for (const char *at = text; (at = strstr(at, bounds)); at += 8) {
        char entry[128];
        int threads = 0, blocks = 0;
        const char *name = strchr(at, ')') + 2;
        assert_int_equal(sscanf(at + strlen(bounds), "%d, %d", &threads, &blocks), 2);
        if (strncmp(name, cluster, strlen(cluster)) == 0) name = strchr(name, ')') + 2;
        snprintf(entry, sizeof entry, "%.*s", (int)strcspn(name, "("), name);
        PtxReport r = ptx_report(log, entry);
        check_occupancy(r, threads, blocks, arch);
        if (!r.found || r.spill_stores || r.spill_loads)
            print_message("%s: %s for sm_%d: found %d, spills %d and %d bytes\n", path, entry, arch,
                          r.found, r.spill_stores, r.spill_loads);
        assert_true(r.found);
        assert_int_equal(r.spill_stores + r.spill_loads, 0);
    }
}

/* Kernels for the CPU fill its registers and caches; a GPU's threads have fewer. */
static bool is_for_gpu(const char *file)
{
    size_t len = strlen(file);
    return len > 3 && strcmp(file + len - 3, ".hd") == 0 && strcmp(file, "matmul_cpu.hd") != 0;
}

/* No kernel of the file spills. */
static bool check_file(RuntimeNvrtc *nvrtc, const char *file, int arch)
{
    Compile *s = compile_create();
    char *path = base_format(s->arena, HD_SOURCE_DIR "/examples/%s", file);
    const char *text = emit(s, path, arch);
    if (text) entries(text, build(nvrtc, s->arena, text, file, arch).log, path, arch);
    compile_destroy(s);
    return text != NULL;
}

/* The oldest and one newer architecture for all; every architecture for a few. */
static void gallery(void **state)
{
    static const int archs[] = {80, 86, 89, 100, 120};
    static const char *const few[] = {"matmul_tiled.hd", "softmax.hd", "histogram.hd"};
    RuntimeNvrtc *nvrtc = *state;
    if (!nvrtc) skip();
    DIR *dir = opendir(HD_SOURCE_DIR "/examples");
    assert_non_null(dir);
    int seen = 0;
    for (const struct dirent *e; (e = readdir(dir));) {
        if (!is_for_gpu(e->d_name)) continue;
        seen += check_file(nvrtc, e->d_name, 75) && check_file(nvrtc, e->d_name, 90);
    }
    closedir(dir);
    assert_true(seen > 0);
    for (size_t i = 0; i < BASE_LEN(few); ++i)
        for (size_t j = 0; j < BASE_LEN(archs); ++j)
            assert_true(check_file(nvrtc, few[i], archs[j]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(matmul_loop),
                                       cmocka_unit_test(fast_kernels),
                                       cmocka_unit_test(saxpy_width), cmocka_unit_test(gallery)};
    return cmocka_run_group_tests(tests, open_nvrtc, close_nvrtc);
}
