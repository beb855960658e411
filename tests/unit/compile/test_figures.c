/* Figures of generated GPU code, held without a GPU: what the inner loop of the register-tiled
 * matmul consists of, how wide memory is accessed, what @fast gives. Skipped where there is no
 * NVRTC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
    assert_true(ptx_fits(&report, 256, 2, 80));
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(matmul_loop),
                                       cmocka_unit_test(fast_kernels),
                                       cmocka_unit_test(saxpy_width)};
    return cmocka_run_group_tests(tests, open_nvrtc, close_nvrtc);
}
