/* NVRTC for real where it is installed; its absence everywhere. */
#include "fixture.h"

#include <pthread.h>

#include "runtime/nvrtc.h"

static const char source[] =
    "#line 40 \"saxpy.hd\"\n"
    "extern \"C\" __global__ void saxpy(const float *x, float *y, float a, long long n) {\n"
    "    long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;\n"
    "    if (i < n) y[i] = a * x[i] + y[i];\n"
    "}\n";

/* NULL, and the test is skipped, where there is none. */
static RuntimeNvrtc *nvrtc_or_skip(void)
{
    HdFailure failure;
    RuntimeNvrtc *nvrtc = runtime_nvrtc_create(&failure);
    if (!nvrtc) {
        print_message("skipped: %s\n", failure.text);
        skip();
    }
    return nvrtc;
}

static void test_all_architectures(void **state)
{
    Fixture *f = *state;
    RuntimeNvrtc *nvrtc = nvrtc_or_skip();
    int count;
    const int *archs = runtime_nvrtc_archs(nvrtc, &count);
    assert_true(count > 0 && runtime_nvrtc_version(nvrtc) >= 11020);
    static const int wanted[] = {75, 80, 86, 89, 90, 100, 120};
    for (size_t w = 0; w < BASE_LEN(wanted); w++) {
        bool has = false;
        for (int i = 0; i < count; i++) has = has || archs[i] == wanted[w];
        if (!has) continue;
        RuntimeNvrtcOptions options = {.arch = wanted[w], .specific = wanted[w] == 90};
        RuntimeNvrtcResult r;
        HdFailure failure = {0};
        bool ok =
            runtime_nvrtc_compile(nvrtc, f->arena, source, "saxpy.cu", &options, &r, &failure);
        if (!ok) print_message("%s\n", failure.text);
        assert_true(ok);
        assert_non_null(strstr(r.ptx, ".entry saxpy"));
        assert_non_null(strstr(r.ptx, base_format(f->arena, ".target sm_%d", wanted[w])));
        assert_non_null(strstr(r.ptx, "mul.rn.f32")); /* not contracted */
        assert_null(strstr(r.ptx, "fma.rn"));
        assert_int_equal(strlen(r.ptx), r.ptx_len);
        assert_memory_equal(r.cubin,
                            "\x7f"
                            "ELF",
                            4);
    }
    runtime_nvrtc_destroy(nvrtc);
}

static void test_complaints(void **state)
{
    Fixture *f = *state;
    RuntimeNvrtc *nvrtc = nvrtc_or_skip();
    RuntimeNvrtcOptions options = {.arch = 80, .no_cubin = true};
    RuntimeNvrtcResult r;
    HdFailure failure;
    const char *bad = "#line 7 \"broken.hd\"\nextern \"C\" __global__ void k() { nonsense; }\n";
    assert_false(runtime_nvrtc_compile(nvrtc, f->arena, bad, "broken.cu", &options, &r, &failure));
    assert_non_null(strstr(r.log, "broken.hd(7)"));
    assert_non_null(strstr(failure.text, "broken.hd(7)"));
    assert_non_null(strstr(failure.text, "nonsense"));
    assert_int_equal(failure.status, HD_REFUSED);
    options.arch = 42;
    assert_false(
        runtime_nvrtc_compile(nvrtc, f->arena, source, "saxpy.cu", &options, &r, &failure));
    assert_non_null(strstr(failure.text, "does not compile for sm_42; it does for sm_"));
    assert_int_equal(failure.status, HD_LACKING);
    options.arch = 80;
    options.extra = (const char *const[]){"--no-such-option", NULL};
    assert_false(
        runtime_nvrtc_compile(nvrtc, f->arena, source, "saxpy.cu", &options, &r, &failure));
    runtime_nvrtc_destroy(nvrtc);
}

static void test_cached(void **state)
{
    Fixture *f = *state;
    RuntimeNvrtc *nvrtc = nvrtc_or_skip();
    setenv("HD_CACHE_DIR", f->dir, 1);
    RuntimeCache cache = runtime_cache_open(f->arena);
    RuntimeNvrtcOptions options = {.arch = 80};
    RuntimeNvrtcResult first, second;
    HdFailure failure;
    assert_true(
        runtime_nvrtc_build(nvrtc, &cache, f->arena, source, "s", &options, &first, &failure));
    assert_int_equal(runtime_cache_status(&cache, f->arena).entries, 2);
    assert_true(
        runtime_nvrtc_build(nvrtc, &cache, f->arena, source, "s", &options, &second, &failure));
    assert_string_equal(first.ptx, second.ptx);
    assert_int_equal(first.cubin_len, second.cubin_len);
    assert_memory_equal(first.cubin, second.cubin, first.cubin_len);
    options.arch = 90;
    assert_true(
        runtime_nvrtc_build(nvrtc, &cache, f->arena, source, "s", &options, &second, &failure));
    assert_int_equal(runtime_cache_status(&cache, f->arena).entries, 4);
    runtime_nvrtc_destroy(nvrtc);
}

static void *compile_often(void *nvrtc)
{
    Escape escape;
    Arena *arena = base_arena_create(&escape);
    void *bad = NULL;
    for (int i = 0; i < 3; i++) {
        RuntimeNvrtcOptions options = {.arch = 80, .no_cubin = true};
        RuntimeNvrtcResult r;
        HdFailure failure;
        if (!runtime_nvrtc_compile(nvrtc, arena, source, "s", &options, &r, &failure)) bad = nvrtc;
    }
    base_arena_destroy(arena);
    return bad;
}

static void test_threads(void **state)
{
    (void)state;
    RuntimeNvrtc *nvrtc = nvrtc_or_skip();
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, compile_often, nvrtc);
    for (int i = 0; i < 4; i++) {
        void *bad;
        pthread_join(threads[i], &bad);
        assert_null(bad);
    }
    runtime_nvrtc_destroy(nvrtc);
}

static void test_absent(void **state)
{
    (void)state;
    HdFailure failure;
    setenv("HD_NVRTC", "/no/such/libnvrtc.so", 1);
    assert_null(runtime_nvrtc_create(&failure));
    assert_int_equal(failure.status, HD_LACKING);
    assert_non_null(strstr(failure.text, "HD_NVRTC names /no/such/libnvrtc.so"));
    setenv("HD_NVRTC", "libm.so.6", 1);
    assert_null(runtime_nvrtc_create(&failure));
    assert_non_null(strstr(failure.text, "it has no nvrtcVersion"));
    unsetenv("HD_NVRTC");
    runtime_nvrtc_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_all_architectures),
        FIXTURE_TEST(test_complaints),
        FIXTURE_TEST(test_cached),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
