/* Measuring on a GPU, against the stand-in for the driver: what is measured is the kernel, run on
 * memory that stays where it is, and each run finds what the first one found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <dlfcn.h>

#include "host/host.h"

/* count(v: inout i64[n], x: f32[n]) adds 1 to v[0]. */
static const int dims[] = {0};
static const char *const size_names[] = {"n"};
static const int64_t blocks[] = {HD_X_SIZE, 0, HD_X_END};
static const HdParamInfo params[] = {{"v", true, kDLInt, 64, "i64", 2, 1, dims, NULL, NULL},
                                     {"x", true, kDLFloat, 32, "f32", 0, 1, dims, NULL, NULL}};
static const HdVariantInfo variants[] = {{NULL, "plain", NULL, "cuda_count", 0, NULL}};
static const HdInstanceInfo instances[] = {{.arch = 90,
                                            .label = "i",
                                            .grid = {blocks, NULL, NULL},
                                            .block = 32,
                                            .block_dims = {32, 1, 1},
                                            .variant_count = 1,
                                            .variants = variants}};
static const HdKernelInfo kernels[] = {{"count", 2, params, 1, size_names, 1, instances}};
static const HdImageInfo images[] = {{90, false, false, (const unsigned char *)"cubin90", 7}};
static const HdModuleInfo info = {HD_ABI_VERSION, "m", 1, kernels, 1, images};

static int count_of(const char *log, const char *word)
{
    int count = 0;
    for (const char *at = log; (at = strstr(at, word)); at += strlen(word)) count++;
    return count;
}

static void test_measure(void **state)
{
    HdFailure failure = {0};
    HdBench bench;
    int64_t n = 4;
    void *library = dlopen(FAKE_CUDA, RTLD_NOW);
    (void)state;
    assert_non_null(library);
    char *log = dlsym(library, "fake_log");
    const int *allocations = dlsym(library, "fake_allocations");
    setenv("HD_LIBCUDA", FAKE_CUDA, 1);
    Host *host = host_create("cuda:0", 1, &failure);
    assert_non_null(host);
    HdLoadedModule *module = hd_rt_module_create(host->runtime, &info, &failure);
    HostTensor *v = host_tensor_create(ELEM_I64, 1, &n, &failure);
    HostTensor *x = host_tensor_create(ELEM_F32, 1, &n, &failure);
    ((int64_t *)v->memory)[0] = 7;
    HostArg args[] = {{v, 0}, {x, 0}};
    assert_true(host_measure(host, module, "count", args, 2, &bench, &failure));
    assert_true(bench.median > 0.0024 && bench.median < 0.0026);
    assert_true(count_of(log, "cuLaunchKernel") >= bench.runs);
    assert_true(bench.runs >= 10);
    assert_int_equal(count_of(log, "cuMemcpyHtoD"), 3); /* v, x, and v once more, to begin with */
    assert_int_equal(count_of(log, "cuMemcpyDtoH"), 1);
    assert_int_equal(((int64_t *)v->memory)[0], 8);
    assert_int_equal(*allocations, 0);
    assert_true(host_launch(host, module, "count", args, 2, NULL, &failure));
    assert_int_equal(((int64_t *)v->memory)[0], 9);
    host_tensor_destroy(v);
    host_tensor_destroy(x);
    hd_rt_module_destroy(module);
    host_destroy(host);
    dlclose(library);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_measure)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
