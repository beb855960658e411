/* The runtime's front on the CPU: modules through compiler and cache, tensors, timing, statistics.
 */
#include "fixture.h"

#include <math.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/cache.h"
#include "runtime/launch.h"
#include "runtime/library.h"
#include "sample_module.h"

static const char *sample_source(Arena *arena)
{
    return base_format(arena, "%s%s%s%s", runtime_module_text(), sample_plain, sample_kernels,
                       sample_tables);
}

static HdLoadedModule *build(HdRuntime *runtime, Arena *arena, HdFailure *failure)
{
    const char *source = sample_source(arena);
    RuntimeCcOptions options = {.optimize = 1};
    return hd_rt_module_build(runtime, arena, source, strlen(source), &options, failure);
}

static bool run_add(HdRuntime *runtime, HdLoadedModule *module)
{
    HdFailure failure = {0};
    HdDevice *cpu = hd_rt_device(runtime, "cpu", &failure);
    DLDataType f32 = {kDLFloat, 32, 1};
    int64_t n = 100;
    float x[100], y[100], z[100];
    HdTensor *t[3];
    HdArg args[3];
    bool ok = true;
    for (int i = 0; i < 100; i++) x[i] = (float)i, y[i] = 2;
    for (int i = 0; i < 3; i++) {
        t[i] = hd_rt_tensor_create(cpu, f32, 1, &n, &failure);
        args[i] = (HdArg){hd_rt_tensor_dl(t[i]), NULL};
    }
    ok = hd_rt_tensor_write(t[0], x, &failure) && hd_rt_tensor_write(t[1], y, &failure);
    HdTiming timing = {0};
    ok = ok && hd_rt_launch(module, "add", cpu, args, 3, NULL, &timing, &failure) &&
         hd_rt_tensor_read(t[2], z, &failure);
    for (int i = 0; i < 100; i++) ok = ok && z[i] == (float)(i + 2);
    ok = ok && timing.call_seconds >= timing.seconds && timing.seconds > 0;
    for (int i = 0; i < 3; i++) hd_rt_tensor_destroy(t[i]);
    return ok;
}

static void test_build_through_cache(void **state)
{
    Fixture *f = *state;
    HdFailure failure = {0};
    HdRuntime *runtime = hd_rt_create(2);
    setenv("HD_CACHE_DIR", f->dir, 1);
    RuntimeCache cache = runtime_cache_open(f->arena);
    for (int round = 0; round < 3; round++) {
        HdLoadedModule *module = build(runtime, f->arena, &failure);
        assert_non_null(module);
        assert_true(run_add(runtime, module));
        assert_int_equal(runtime_cache_status(&cache, f->arena).entries, 1);
        hd_rt_module_destroy(module);
        if (round == 1) { /* ruin the entry: it is rebuilt */
            const char *ruin =
                base_format(f->arena,
                            "for e in %s/*.so; do printf junk | dd of=$e bs=1 seek=3000 "
                            "conv=notrunc 2>/dev/null; done",
                            f->dir);
            assert_int_equal(system(ruin), 0);
        }
    }
    setenv("HD_CC", "/no/such/cc", 1);
    assert_null(build(runtime, f->arena, &failure));
    assert_int_equal(failure.status, HD_LACKING);
    unsetenv("HD_CC");
    hd_rt_destroy(runtime);
}

static void test_without_cache_or_tmp(void **state)
{
    Fixture *f = *state;
    HdFailure failure = {0};
    HdRuntime *runtime = hd_rt_create(1);
    setenv("HD_CACHE_DIR", "/proc/none", 1);
    HdLoadedModule *module = build(runtime, f->arena, &failure);
    assert_non_null(module);
    assert_true(run_add(runtime, module));
    hd_rt_module_destroy(module);
    setenv("TMPDIR", "/no/such/dir", 1);
    assert_null(build(runtime, f->arena, &failure));
    assert_non_null(strstr(failure.text, "cannot make /no/such/dir"));
    unsetenv("TMPDIR");
    hd_rt_destroy(runtime);
}

/* Eight processes compile the same module into one empty cache. */
static void test_eight_compile_at_once(void **state)
{
    Fixture *f = *state;
    setenv("HD_CACHE_DIR", f->dir, 1);
    pid_t pids[8];
    for (int i = 0; i < 8; i++) {
        pids[i] = fork();
        if (pids[i] != 0) continue;
        HdFailure failure = {0};
        HdRuntime *runtime = hd_rt_create(1);
        HdLoadedModule *module = build(runtime, f->arena, &failure);
        _exit(module && run_add(runtime, module) ? 0 : 1);
    }
    for (int i = 0; i < 8; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    RuntimeCache cache = runtime_cache_open(f->arena);
    assert_int_equal(runtime_cache_status(&cache, f->arena).entries, 1);
}

static void test_open_failures(void **state)
{
    Fixture *f = *state;
    HdFailure failure;
    HdRuntime *runtime = hd_rt_create(1);
    assert_null(hd_rt_module_open(runtime, "/no/such.so", &failure));
    assert_non_null(strstr(failure.text, "cannot load /no/such.so"));
    assert_null(hd_rt_module_open(runtime, "libm.so.6", &failure));
    assert_string_equal(failure.text, "libm.so.6 is no module of hd: it has no hd_module_info");
    HdModuleInfo old = {.abi = 99, .name = "old"};
    assert_null(hd_rt_module_create(runtime, &old, &failure));
    assert_string_equal(failure.text,
                        "module old speaks version 99 of the interface, this runtime 6");
    HdModuleInfo empty = {.abi = HD_ABI_VERSION, .name = "empty"};
    HdLoadedModule *module = hd_rt_module_create(runtime, &empty, &failure);
    HdDevice *cpu = hd_rt_device(runtime, "cpu", &failure);
    assert_false(hd_rt_launch(module, "nothing", cpu, NULL, 0, NULL, NULL, &failure));
    assert_string_equal(failure.text, "module empty has no kernel nothing");
    hd_rt_module_destroy(module);
    hd_rt_destroy(runtime);
    (void)f;
}

static void test_tensors(void **state)
{
    (void)state;
    HdFailure failure;
    HdRuntime *runtime = hd_rt_create(1);
    HdDevice *cpu = hd_rt_device(runtime, "cpu", &failure);
    DLDataType i4 = {kDLInt, 4, 1};
    int64_t shape[3] = {3, 5, 1};
    HdTensor *t = hd_rt_tensor_create(cpu, i4, 3, shape, &failure);
    assert_int_equal(hd_rt_tensor_bytes(t), 8); /* 15 halves of a byte */
    assert_int_equal((uintptr_t)hd_rt_tensor_dl(t)->data % 256, 0);
    hd_rt_tensor_destroy(t);
    t = hd_rt_tensor_create(cpu, i4, 0, NULL, &failure);
    assert_int_equal(hd_rt_tensor_bytes(t), 1);
    hd_rt_tensor_destroy(t);
    int64_t bad[][2] = {{-1, 2}, {INT64_MAX, 3}, {INT64_MAX / 8, 1}};
    for (size_t i = 0; i < BASE_LEN(bad); i++)
        assert_null(hd_rt_tensor_create(cpu, (DLDataType){kDLFloat, 64, 1}, 2, bad[i], &failure));
    int64_t empty[2] = {0, INT64_MAX};
    t = hd_rt_tensor_create(cpu, i4, 2, empty, &failure);
    assert_int_equal(hd_rt_tensor_bytes(t), 0);
    hd_rt_tensor_destroy(t);
    hd_rt_destroy(runtime);
}

/* The interval holds the true median in at least 95 % of experiments, and is not much too wide. */
static void test_interval(void **state)
{
    (void)state;
    uint64_t seed = 4242;
    static const int counts[] = {1, 2, 5, 6, 10, 25, 100, 501};
    for (size_t c = 0; c < BASE_LEN(counts); c++) {
        int n = counts[c], holds = 0, trials = 4000;
        double samples[501], width = 0;
        for (int t = 0; t < trials; t++) {
            for (int i = 0; i < n; i++) samples[i] = (double)(random_next(&seed) >> 11) * 0x1p-53;
            HdBench b = hd_rt_bench_describe(samples, n);
            assert_true(b.min <= b.low && b.low <= b.median && b.median <= b.high &&
                        b.high <= b.max);
            holds += b.low <= 0.5 && 0.5 <= b.high;
            width += b.high - b.low;
        }
        if (n >= 6) assert_true(holds > 0.94 * trials);
        if (n >= 25)
            assert_true(width / trials <
                        2.9 / sqrt(n)); /* of a uniform variable: about 1.96/sqrt(n) */
    }
}

static bool tick(void *context, double *seconds, HdFailure *failure)
{
    int *runs = context;
    *seconds = 0.01 * (1 + *runs % 3);
    (*runs)++;
    return *runs < 1000 || hd_fail(failure, HD_FAILED, "enough");
}

static void test_bench(void **state)
{
    (void)state;
    HdBench bench;
    HdFailure failure;
    int runs = 0;
    HdBenchOptions options = {.min_seconds = 0.6, .warm_up = 3};
    assert_true(hd_rt_bench(tick, &runs, &options, &bench, &failure));
    assert_int_equal(bench.runs, 30); /* 30 runs of 0.02 s on average */
    assert_int_equal(runs, 33);
    assert_true(fabs(bench.median - 0.02) < 1e-12);
    runs = 0;
    options = (HdBenchOptions){.min_seconds = 100, .warm_up = -1, .max_runs = 7};
    assert_true(hd_rt_bench(tick, &runs, &options, &bench, &failure));
    assert_int_equal(bench.runs, 7);
    runs = 995;
    assert_false(hd_rt_bench(tick, &runs, NULL, &bench, &failure));
    HdRuntime *runtime = hd_rt_create(2);
    HdDevice *cpu = hd_rt_device(runtime, "cpu", &failure);
    double bandwidth = 0, again = 0;
    assert_true(hd_rt_device_bandwidth(cpu, &bandwidth, &failure));
    assert_true(hd_rt_device_bandwidth(cpu, &again, &failure));
    assert_true(bandwidth > 1e8 && bandwidth == again);
    hd_rt_destroy(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_build_through_cache),
        FIXTURE_TEST(test_without_cache_or_tmp),
        FIXTURE_TEST(test_eight_compile_at_once),
        FIXTURE_TEST(test_open_failures),
        FIXTURE_TEST(test_tensors),
        FIXTURE_TEST(test_interval),
        FIXTURE_TEST(test_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
