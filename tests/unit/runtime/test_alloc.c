/* Each allocation of a whole session of the runtime fails in turn: reported, nothing leaked (the
 * sanitized build watches), nothing crashes. */
#include "fixture.h"

#include "runtime/launch.h"

static int countdown; /* the allocation that makes it 0 fails; negative: none does */
static int failed;    /* how many did */

static bool alloc_fails(void)
{
    if (countdown < 0 || --countdown != 0) return false;
    failed++;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

void *__wrap_malloc(size_t size)
{
    return alloc_fails() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size)
{
    return alloc_fails() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *old, size_t size)
{
    return alloc_fails() ? NULL : __real_realloc(old, size);
}
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return alloc_fails() ? NULL : __real_aligned_alloc(alignment, size);
}

/* kernel touch(x: inout f32[n]): resident on the CPU or not, with scratch */
static void touch(const HdCpuArgs *args, int64_t begin, int64_t end)
{
    char *memory = args->scratch(args->pool, 1000);
    if (!memory) return;
    memory[999] = 1;
    for (int64_t b = begin; b < end; b++) ((float *)args->tensors[0])[b] += 1;
}

static const int dims[] = {0};
static const char *const size_names[] = {"n"};
static const int64_t by_1[] = {HD_X_SIZE, 0, HD_X_END};
static const HdParamInfo params[] = {{"x", true, kDLFloat, 32, "f32", 2, 1, dims, NULL, NULL}};
static const HdVariantInfo variants[] = {{NULL, "", touch, NULL, 0, NULL},
                                         {NULL, "", NULL, "other", 0, NULL}};
static const HdSiteInfo site = {"a.hd", 1, 1, "never"};
#define PLAIN(at, code)                                                                            \
    {                                                                                              \
        .arch = at, .grid = {by_1, NULL, NULL}, .block = 32, .variant_count = 1, .variants = code, \
        .site_count = 1, .sites = &site                                                            \
    }
#define RESIDENT(at, code)                                                                         \
    {                                                                                              \
        .arch = at, .grid = {by_1, NULL, NULL}, .block = 32, .resident = true, .variant_count = 1, \
        .variants = code                                                                           \
    }
static const HdInstanceInfo plain[] = {PLAIN(0, variants), PLAIN(75, variants + 1)};
static const HdInstanceInfo resident[] = {RESIDENT(0, variants), RESIDENT(75, variants + 1)};
static const HdKernelInfo kernels[] = {{"plain", 1, params, 1, size_names, 2, plain},
                                       {"resident", 1, params, 1, size_names, 2, resident}};
static const HdImageInfo image = {75, false, true, (const unsigned char *)"ptx", 3};
static const HdModuleInfo module = {HD_ABI_VERSION, "m", 2, kernels, 1, &image};

static bool one_run(void *context, double *seconds, HdFailure *failure)
{
    (void)context, (void)failure;
    *seconds = 1;
    return true;
}

static bool with_device(HdRuntime *runtime, const char *name, HdFailure *failure)
{
    int64_t n = 8;
    float x[8] = {0};
    HdDevice *device = hd_rt_device(runtime, name, failure);
    if (!device) return false;
    HdLoadedModule *loaded = hd_rt_module_create(runtime, &module, failure);
    HdTensor *t = hd_rt_tensor_create(device, (DLDataType){kDLFloat, 32, 1}, 1, &n, failure);
    bool ok = loaded && t && hd_rt_tensor_write(t, x, failure);
    if (ok) {
        HdArg arg = {hd_rt_tensor_dl(t), NULL};
        ok = hd_rt_launch(loaded, "plain", device, &arg, 1, NULL, NULL, failure) &&
             hd_rt_launch(loaded, "resident", device, &arg, 1, NULL, NULL, failure);
    }
    hd_rt_tensor_destroy(t);
    hd_rt_module_destroy(loaded);
    return ok;
}

static bool session(HdFailure *failure)
{
    HdBench bench;
    HdBenchOptions options = {.min_seconds = 1, .min_runs = 1, .max_runs = 2};
    HdRuntime *runtime = hd_rt_create(1);
    if (!runtime) return hd_fail(failure, HD_FAILED, "out of memory");
    bool ok = with_device(runtime, "cpu", failure) && with_device(runtime, "cuda", failure) &&
              hd_rt_bench(one_run, NULL, &options, &bench, failure);
    hd_rt_destroy(runtime);
    return ok;
}

static void test_every_allocation(void **state)
{
    (void)state;
    HdFailure failure;
    setenv("HD_LIBCUDA", FAKE_CUDA, 1);
    int n = 1;
    for (;; n++) {
        failure = (HdFailure){0};
        failed = 0;
        countdown = n;
        bool ok = session(&failure);
        countdown = -1;
        if (!failed) {
            assert_true(ok); /* it made fewer than n: all have been tried */
            break;
        }
        assert_false(ok);
        assert_int_equal(failure.status, HD_FAILED);
        assert_non_null(strstr(failure.text, "memory"));
    }
    assert_true(n > 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_allocation)};
    countdown = -1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
