/* The CUDA path against a stand-in for the driver that records what is asked of it. */
#include "fixture.h"

#include <dlfcn.h>

#include "runtime/launch.h"

typedef struct {
    void *library;
    char *log, *fail_call;
    int *arch, *devices, *allocations, *contexts, *depth, *modules, *events, *fail_result;
} Fake;

static Fake fake_open(void)
{
    Fake f = {.library = dlopen(FAKE_CUDA, RTLD_NOW)};
    assert_non_null(f.library);
    f.log = dlsym(f.library, "fake_log");
    f.fail_call = dlsym(f.library, "fake_fail_call");
    f.fail_result = dlsym(f.library, "fake_fail_result");
    f.arch = dlsym(f.library, "fake_arch");
    f.devices = dlsym(f.library, "fake_devices");
    f.allocations = dlsym(f.library, "fake_allocations");
    f.contexts = dlsym(f.library, "fake_contexts");
    f.depth = dlsym(f.library, "fake_depth");
    f.modules = dlsym(f.library, "fake_modules");
    f.events = dlsym(f.library, "fake_events");
    *f.log = *f.fail_call = '\0';
    *f.arch = 90;
    *f.devices = 2;
    setenv("HD_LIBCUDA", FAKE_CUDA, 1);
    return f;
}

/* Everything taken has been given back. */
static void fake_close(Fake *f)
{
    assert_int_equal(*f->allocations, 0);
    assert_int_equal(*f->contexts, 0);
    assert_int_equal(*f->depth, 0);
    assert_int_equal(*f->modules, 0);
    assert_int_equal(*f->events, 0);
    dlclose(f->library);
}

static void fake_fails(Fake *f, const char *call, int result)
{
    strcpy(f->fail_call, call);
    *f->fail_result = result;
}

/* ---- tables -------------------------------------------------------------------------------- */

static const int dims[] = {0};
static const char *const size_names[] = {"n"};
static const int64_t by_16[] = {HD_X_SIZE,  0,  HD_X_CONST, 15,      HD_X_ADD,
                                HD_X_CONST, 16, HD_X_DIV,   HD_X_END};
static const int64_t huge[] = {HD_X_CONST, (int64_t)5 << 30, HD_X_END};
static const int64_t triple[] = {HD_X_CONST, (int64_t)6 << 30, HD_X_END};
static const int64_t too_huge[] = {HD_X_CONST, (int64_t)1 << 50, HD_X_END};
static const int64_t by_1[] = {HD_X_SIZE, 0, HD_X_END};
static const HdParamInfo vectors[] = {
    {"x", true, kDLFloat, 32, "f32", 0, 1, dims, NULL, NULL},
    {"y", true, kDLFloat, 32, "f32", 0, 1, dims, NULL, NULL},
    {"z", true, kDLFloat, 32, "f32", 1, 1, dims, NULL, NULL},
};
static const HdParamInfo resident_params[] = {
    {"v", true, kDLInt, 64, "i64", 2, 1, dims, NULL, NULL},
    {"rounds", false, kDLInt, 32, "i32", 0, 0, NULL, NULL, NULL},
};
static const HdSiteInfo sites[] = {{"t.hd", 3, 1, "index {0} is out of bounds for extent {1}"}};
static const HdVariantInfo add_v[] = {{NULL, "plain", NULL, "cuda_add", 0, NULL}};
static const HdVariantInfo trap_v[] = {{NULL, "plain", NULL, "cuda_trap", 0, NULL}};
static const HdVariantInfo resident_v[] = {{NULL, "plain", NULL, "cuda_resident", 0, NULL}};
static const HdVariantInfo greedy_v[] = {{NULL, "plain", NULL, "greedy", 0, NULL}};
static const HdVariantInfo other_v[] = {{NULL, "plain", NULL, "other", 0, NULL}};
#define INSTANCE(g, shared, res, v, n) CLUSTERED(g, shared, res, v, n, 0)
#define CLUSTERED(g, shared, res, v, n, cluster)                                                   \
    {                                                                                              \
        {                                                                                          \
            90, "i", 0, NULL, {g, NULL, NULL}, 128, {128, 1, 1}, shared, res, 1, v, n,             \
                n ? sites : NULL, NULL, cluster                                                    \
        }                                                                                          \
    }
static const HdInstanceInfo add_i[] = INSTANCE(by_16, 65536, false, add_v, 0);
static const HdInstanceInfo trap_i[] = INSTANCE(by_16, 0, false, trap_v, 1);
static const HdInstanceInfo resident_i[] = INSTANCE(by_1, 1024, true, resident_v, 0);
static const HdInstanceInfo huge_i[] = INSTANCE(huge, 0, false, other_v, 0);
static const HdInstanceInfo triple_i[] = CLUSTERED(triple, 0, false, other_v, 0, 3);
static const HdInstanceInfo too_huge_i[] = INSTANCE(too_huge, 0, false, other_v, 0);
static const HdInstanceInfo greedy_i[] = INSTANCE(by_16, 300000, false, greedy_v, 0);
/* A block's row of n elements, and 16 bytes more. */
static const int64_t row_bytes[] = {HD_X_SIZE, 0, HD_X_CONST, 4, HD_X_MUL, HD_X_END};
static const int64_t all_bytes[] = {HD_X_SIZE,  0,  HD_X_CONST, 4,       HD_X_MUL,
                                    HD_X_CONST, 16, HD_X_ADD,   HD_X_END};
static const HdHostExpr row_extents[] = {by_1, NULL};
static const HdSharedInfo kept_rows[] = {{"row", "f32", 1, row_extents, row_bytes, "t.hd", 2}};
static const HdSharedSizes sizes = {all_bytes, 1, kept_rows, 80, 166912};
static const HdVariantInfo kept_v[] = {{NULL, "plain", NULL, "kept", 0, NULL}};
static const HdInstanceInfo kept_i[] = {{.arch = 90,
                                         .label = "i",
                                         .grid = {by_16, NULL, NULL},
                                         .block = 128,
                                         .block_dims = {128, 1, 1},
                                         .variant_count = 1,
                                         .variants = kept_v,
                                         .shared = &sizes}};
/* Boxes of 4 rows of x seen as rows of 8. */
static const int64_t row_count[] = {HD_X_SIZE, 0, HD_X_CONST, 8, HD_X_DIV, HD_X_END};
static const int64_t eight[] = {HD_X_CONST, 8, HD_X_END}, seven[] = {HD_X_CONST, 7, HD_X_END};
static const HdHostExpr map_extents[] = {row_count, eight, NULL},
                        odd_extents[] = {row_count, seven, NULL};
static const HdTensorMapInfo boxes[] = {{0, 4, 2, map_extents, NULL, {4, 8}, 1, "t.hd", 9}};
static const HdTensorMapInfo odd_boxes[] = {{0, 4, 2, odd_extents, NULL, {4, 8}, 1, "t.hd", 9}};
#define BOXED(v)                                                                                   \
    {                                                                                              \
        .arch = 90, .label = "i", .grid = {by_16, NULL, NULL}, .block = 128,                       \
        .block_dims = {128, 1, 1}, .variant_count = 1, .variants = v                               \
    }
static const HdVariantInfo boxed_v[] = {{NULL, "plain", NULL, "other", 1, boxes}};
static const HdVariantInfo odd_v[] = {{NULL, "plain", NULL, "other", 1, odd_boxes}};
static const HdInstanceInfo boxed_i[] = {BOXED(boxed_v)}, odd_i[] = {BOXED(odd_v)};
static const HdKernelInfo kernels[] = {
    {"add", 3, vectors, 1, size_names, 1, add_i},
    {"trap", 1, vectors, 1, size_names, 1, trap_i},
    {"resident", 2, resident_params, 1, size_names, 1, resident_i},
    {"huge", 1, vectors, 1, size_names, 1, huge_i},
    {"triple", 1, vectors, 1, size_names, 1, triple_i},
    {"too_huge", 1, vectors, 1, size_names, 1, too_huge_i},
    {"greedy", 1, vectors, 1, size_names, 1, greedy_i},
    {"kept", 1, vectors, 1, size_names, 1, kept_i},
    {"boxed", 1, vectors, 1, size_names, 1, boxed_i},
    {"odd", 1, vectors, 1, size_names, 1, odd_i},
};
#define IMAGE(arch, ptx, text)                                                                     \
    {                                                                                              \
        arch, false, ptx, (const unsigned char *)text, sizeof text - 1                             \
    }
static const HdImageInfo images[] = {IMAGE(90, false, "cubin90")};
static const HdModuleInfo module = {HD_ABI_VERSION, "m", 10, kernels, 1, images};

typedef struct {
    HdRuntime *runtime;
    HdDevice *device;
    HdLoadedModule *module;
    HdTensor *x, *y, *z;
    HdArg args[3];
    HdFailure failure;
} Setup;

static void setup(Setup *s, int64_t n)
{
    DLDataType f32 = {kDLFloat, 32, 1};
    s->runtime = hd_rt_create(1);
    s->device = hd_rt_device(s->runtime, NULL, &s->failure);
    assert_non_null(s->device);
    assert_int_equal(hd_rt_device_place(s->device).device_type, kDLCUDA);
    s->module = hd_rt_module_create(s->runtime, &module, &s->failure);
    HdTensor **tensors[3] = {&s->x, &s->y, &s->z};
    for (int i = 0; i < 3; i++) {
        *tensors[i] = hd_rt_tensor_create(s->device, f32, 1, &n, &s->failure);
        assert_non_null(*tensors[i]);
        s->args[i] = (HdArg){hd_rt_tensor_dl(*tensors[i]), NULL};
    }
}

static void teardown(Setup *s)
{
    hd_rt_tensor_destroy(s->x);
    hd_rt_tensor_destroy(s->y);
    hd_rt_tensor_destroy(s->z);
    hd_rt_module_destroy(s->module);
    hd_rt_destroy(s->runtime);
}

static bool launch(Setup *s, const char *name, int count, HdTiming *timing)
{
    return hd_rt_launch(s->module, name, s->device, s->args, count, NULL, timing, &s->failure);
}

/* ---- tests --------------------------------------------------------------------------------- */

static void test_add(void **state)
{
    (void)state;
    Fake fake = fake_open();
    Setup s;
    float x[40], y[40], z[40];
    setup(&s, 40);
    for (int i = 0; i < 40; i++) x[i] = (float)i, y[i] = 1;
    assert_true(hd_rt_tensor_write(s.x, x, &s.failure));
    assert_true(hd_rt_tensor_write(s.y, y, &s.failure));
    HdTiming timing;
    assert_true(launch(&s, "add", 3, &timing));
    assert_true(timing.seconds > 0.0024 && timing.seconds < 0.0026);
    assert_string_equal(timing.variant, "plain");
    assert_true(hd_rt_tensor_read(s.z, z, &s.failure));
    for (int i = 0; i < 40; i++) assert_true(z[i] == (float)(i + 1));
    assert_non_null(strstr(fake.log, "cuModuleLoadDataEx cubin90\n"));
    assert_non_null(strstr(fake.log, "cuFuncSetAttribute cuda_add 8 65536\n"));
    assert_non_null(strstr(
        fake.log, "cuLaunchKernel cuda_add grid 3 1 1 block 128 1 1 shared 65536 stream 0\n"));
    *fake.log = '\0';
    assert_true(launch(&s, "add", 3, NULL)); /* function and attribute are kept */
    assert_null(strstr(fake.log, "cuModuleGetFunction"));
    assert_null(strstr(fake.log, "cuFuncSetAttribute"));
    teardown(&s);
    fake_close(&fake);
}

static void test_tensor_maps(void **state)
{
    (void)state;
    Fake fake = fake_open();
    Setup s;
    setup(&s, 40);
    assert_true(launch(&s, "boxed", 1, NULL));
    assert_non_null(strstr(fake.log, "cuTensorMapEncodeTiled type 2 rank 2 extents 8 5 stride 32 "
                                     "box 8 4 steps 1 1 interleave 0 swizzle 1 fill 0\n"));
    assert_false(launch(&s, "odd", 1, NULL));
    assert_string_equal(s.failure.text,
                        "t.hd:9: tensor `x` of odd cannot be copied by `tma`: the stride of "
                        "dimension 0 is 28 bytes, no multiple of 16");
    teardown(&s);
    fake_close(&fake);
}

static void test_devices(void **state)
{
    (void)state;
    Fake fake = fake_open();
    HdFailure failure;
    HdRuntime *runtime = hd_rt_create(2);
    HdDevice *one = hd_rt_device(runtime, "cuda:1", &failure);
    assert_string_equal(hd_rt_device_name(one), "Fake GPU 1");
    const HdCudaDevice *info = hd_rt_device_cuda(one);
    assert_int_equal(info->arch, 90);
    assert_int_equal(info->processors, 132);
    assert_int_equal(info->shared_limit, 232448);
    assert_true(info->bandwidth > 3.35e12 && info->bandwidth < 3.36e12);
    assert_ptr_equal(one, hd_rt_device(runtime, "cuda:1", &failure));
    assert_null(hd_rt_device(runtime, "cuda:2", &failure));
    assert_string_equal(failure.text, "there is no device cuda:2; the last one is cuda:1");
    const char *bad[] = {"gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:-1", "cuda:99999", ""};
    for (size_t i = 0; i < BASE_LEN(bad); i++) {
        assert_null(hd_rt_device(runtime, bad[i], &failure));
        assert_int_equal(failure.status, HD_BAD_CALL);
    }
    HdDevice *cpu = hd_rt_device(runtime, "cpu", &failure);
    assert_string_equal(hd_rt_device_name(cpu), "cpu, 2 threads");
    assert_null(hd_rt_device_cuda(cpu));
    hd_rt_destroy(runtime);
    fake_close(&fake);
}

/* ---- whose code runs where --------------------------------------------------------------------
 */

#define FOR_ARCH(at)                                                                               \
    {                                                                                              \
        .arch = at, .grid = {by_16, NULL, NULL}, .block = at, .variant_count = 1,                  \
        .variants = other_v                                                                        \
    }
static const HdInstanceInfo arch_i[] = {
    FOR_ARCH(0),  FOR_ARCH(90), FOR_ARCH(75),  FOR_ARCH(86),
    FOR_ARCH(87), FOR_ARCH(80), FOR_ARCH(100),
};
static const HdKernelInfo arch_kernel = {"k", 1, vectors, 1, size_names, BASE_LEN(arch_i), arch_i};
enum { ARCH_IMAGES = 7 };
static const HdImageInfo arch_images[ARCH_IMAGES] = {
    IMAGE(80, false, "cubin80"),
    IMAGE(75, true, "ptx75"),
    IMAGE(86, false, "cubin86"),
    IMAGE(87, false, "cubin87"),
    IMAGE(75, false, "cubin75"),
    IMAGE(100, false, "cubin100"),
    {90, true, false, (const unsigned char *)"cubin90a", 8},
};
static const char arch_list[] = "a cubin for sm_80, PTX for sm_75, a cubin for sm_86, a cubin for "
                                "sm_87, a cubin for sm_75, a cubin for sm_100, a cubin for sm_90a";

/* Launches on a device of `arch`; what was said. */
static HdFailure launch_on(Fake *fake, int arch, const HdModuleInfo *info)
{
    Setup s;
    *fake->arch = arch;
    setup(&s, 40);
    HdLoadedModule *loaded = hd_rt_module_create(s.runtime, info, &s.failure);
    *fake->log = '\0';
    s.failure.status = HD_DONE;
    hd_rt_launch(loaded, "k", s.device, s.args, 1, NULL, NULL, &s.failure);
    hd_rt_module_destroy(loaded);
    teardown(&s);
    return s.failure;
}

static void loads_and_runs(Fake *fake, const char *loads, int runs)
{
    char line[64];
    snprintf(line, sizeof line, "cuModuleLoadDataEx %s\n", loads);
    assert_non_null(strstr(fake->log, line));
    snprintf(line, sizeof line, "cuLaunchKernel other grid 3 1 1 block %d ", runs);
    assert_non_null(strstr(fake->log, line));
}

/* The best image is loaded, wherever it stands, and its architecture's instance is launched. */
static void test_images(void **state)
{
    (void)state;
    static const struct {
        int device, runs;
        const char *loads;
    } rows[] = {
        {75, 75, "cubin75"}, {80, 80, "cubin80"},  {86, 86, "cubin86"},    {87, 87, "cubin87"},
        {89, 86, "cubin86"}, {90, 90, "cubin90a"}, {100, 100, "cubin100"}, {103, 100, "cubin100"},
        {110, 75, "ptx75"},  {120, 75, "ptx75"},   {121, 75, "ptx75"},
    };
    HdImageInfo turned[ARCH_IMAGES];
    HdModuleInfo info = {HD_ABI_VERSION, "m", 1, &arch_kernel, ARCH_IMAGES, turned};
    for (int turn = 0; turn < ARCH_IMAGES; turn++) {
        for (int i = 0; i < ARCH_IMAGES; i++) turned[i] = arch_images[(i + turn) % ARCH_IMAGES];
        for (size_t i = 0; i < BASE_LEN(rows); i++) {
            Fake fake = fake_open();
            assert_int_equal(launch_on(&fake, rows[i].device, &info).status, HD_DONE);
            loads_and_runs(&fake, rows[i].loads, rows[i].runs);
            fake_close(&fake);
        }
    }
}

static void test_images_that_do_not_fit(void **state)
{
    (void)state;
    Fake fake = fake_open();
    HdModuleInfo info = {HD_ABI_VERSION, "m", 1, &arch_kernel, ARCH_IMAGES, arch_images};
    HdFailure failure = launch_on(&fake, 70, &info);
    assert_int_equal(failure.status, HD_LACKING);
    char want[512];
    snprintf(want, sizeof want, "module m has no code for Fake GPU 0 (sm_70); it holds %s",
             arch_list);
    assert_string_equal(failure.text, want);

    /* what only sm_90 runs is not tried elsewhere */
    static const HdImageInfo specific[] = {
        {90, true, false, (const unsigned char *)"cubin90a", 8},
        {90, true, true, (const unsigned char *)"ptx90a", 6},
    };
    info.images = specific;
    info.image_count = 2;
    failure = launch_on(&fake, 100, &info);
    assert_string_equal(failure.text, "module m has no code for Fake GPU 0 (sm_100); it holds a "
                                      "cubin for sm_90a, PTX for sm_90a");
    assert_null(strstr(fake.log, "cuModuleLoadDataEx"));

    /* refused: the next is tried, and it is that one's instance that runs */
    static const HdImageInfo refused[] = {IMAGE(80, false, "cubin80"),
                                          IMAGE(86, false, "refused86")};
    info.images = refused;
    assert_int_equal(launch_on(&fake, 89, &info).status, HD_DONE);
    assert_non_null(strstr(fake.log, "cuModuleLoadDataEx refused86\n"));
    loads_and_runs(&fake, "cubin80", 80);

    /* an image of code that the kernel was not compiled to */
    static const HdImageInfo strange[] = {IMAGE(89, false, "cubin89")};
    info.images = strange;
    info.image_count = 1;
    failure = launch_on(&fake, 89, &info);
    assert_string_equal(failure.text, "k has no code for sm_89");
    fake_close(&fake);
}

static void test_traps_and_resident(void **state)
{
    (void)state;
    Fake fake = fake_open();
    Setup s;
    setup(&s, 40);
    for (int i = 0; i < 2; i++) { /* the record is cleared in between */
        assert_false(launch(&s, "trap", 1, NULL));
        assert_string_equal(s.failure.text, "t.hd:3:1: index 7 is out of bounds for extent 40");
    }
    int64_t n = 264, v[300];
    int rounds = 5;
    HdTensor *t = hd_rt_tensor_create(s.device, (DLDataType){kDLInt, 64, 1}, 1, &n, &s.failure);
    HdArg args[2] = {{hd_rt_tensor_dl(t), NULL}, {NULL, &rounds}};
    for (int i = 0; i < 2; i++) {
        assert_true(hd_rt_launch(s.module, "resident", s.device, args, 2, NULL, NULL, &s.failure));
        assert_true(hd_rt_tensor_read(t, v, &s.failure));
        assert_int_equal(v[0], 1005); /* the barrier was zero, the scalar arrived */
    }
    assert_non_null(
        strstr(fake.log, "cuLaunchCooperativeKernel cuda_resident grid 264 1 1 block 128"));
    hd_rt_tensor_destroy(t);
    n = 265;
    t = hd_rt_tensor_create(s.device, (DLDataType){kDLInt, 64, 1}, 1, &n, &s.failure);
    args[0].tensor = hd_rt_tensor_dl(t);
    assert_false(hd_rt_launch(s.module, "resident", s.device, args, 2, NULL, NULL, &s.failure));
    assert_string_equal(s.failure.text,
                        "resident is resident: its grid of 265 blocks exceeds the 264 that "
                        "Fake GPU 0 holds at once");
    hd_rt_tensor_destroy(t);
    teardown(&s);
    fake_close(&fake);
}

static void test_grids(void **state)
{
    (void)state;
    Fake fake = fake_open();
    Setup s;
    setup(&s, 40);
    assert_true(launch(&s, "huge", 1, NULL));
    assert_non_null(strstr(fake.log, "cuLaunchKernel other grid 1073741824 5 1"));
    assert_true(launch(&s, "triple", 1, NULL)); /* no cluster lies over the end of a row */
    assert_non_null(strstr(fake.log, "cuLaunchKernel other grid 1073741823 7 1"));
    assert_false(launch(&s, "too_huge", 1, NULL));
    assert_non_null(strstr(s.failure.text, "is more than a GPU takes"));
    assert_false(launch(&s, "greedy", 1, NULL));
    assert_string_equal(s.failure.text,
                        "the kernel needs 300000 bytes of shared memory a block, and "
                        "Fake GPU 0 has 232448");
    teardown(&s);
    setup(&s, 0); /* nothing to do: no launch */
    *fake.log = '\0';
    assert_true(launch(&s, "add", 3, NULL));
    assert_null(strstr(fake.log, "cuLaunch"));
    teardown(&s);
    fake_close(&fake);
}

/* Shared memory whose size the launch computes: asked for, permitted above 48 KiB, bounded. */
static void test_shared_sizes(void **state)
{
    (void)state;
    Fake fake = fake_open();
    Setup s;
    setup(&s, 100);
    *fake.log = '\0';
    assert_true(launch(&s, "kept", 1, NULL));
    assert_non_null(strstr(fake.log, "shared 416 "));
    assert_null(strstr(fake.log, "cuFuncSetAttribute"));
    teardown(&s);
    setup(&s, 50000); /* more than the CPU's bound, which is another's */
    *fake.log = '\0';
    assert_true(launch(&s, "kept", 1, NULL));
    assert_non_null(strstr(fake.log, "shared 200016 "));
    assert_non_null(strstr(fake.log, "cuFuncSetAttribute"));
    teardown(&s);
    setup(&s, 60000);
    *fake.log = '\0';
    assert_false(launch(&s, "kept", 1, NULL));
    assert_string_equal(s.failure.text,
                        "kept needs 240016 bytes of shared memory a block, and Fake GPU 0 has "
                        "232448: `row: f32[n]` takes 240000 (n = 60000)");
    assert_null(strstr(fake.log, "cuLaunch"));
    teardown(&s);
    fake_close(&fake);
}

/* Each call that can fail does: reported, nothing leaked. */
static void test_failures(void **state)
{
    (void)state;
    static const char *const calls[] = {"cuModuleLoadDataEx",  "cuModuleGetFunction",
                                        "cuFuncSetAttribute",  "cuLaunchKernel",
                                        "cuStreamSynchronize", "cuEventRecord"};
    for (size_t i = 0; i < BASE_LEN(calls); i++) {
        Fake fake = fake_open();
        Setup s;
        setup(&s, 40);
        fake_fails(&fake, calls[i], 700);
        HdTiming timing;
        assert_false(launch(&s, "add", 3, &timing));
        assert_int_equal(s.failure.status, HD_FAILED);
        assert_non_null(
            strstr(s.failure.text, "CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access)"));
        if (i == 0) assert_non_null(strstr(s.failure.text, "ptxas has a complaint"));
        teardown(&s);
        fake_close(&fake);
    }
    static const char *const starts[] = {"cuInit", "cuDeviceGetCount"};
    for (size_t i = 0; i < BASE_LEN(starts); i++) {
        Fake fake = fake_open();
        HdFailure failure;
        fake_fails(&fake, starts[i], 100);
        assert_null(hd_cuda_create(&failure));
        assert_int_equal(failure.status, HD_LACKING);
        fake_close(&fake);
    }
    Fake fake = fake_open();
    Setup s;
    setup(&s, 40);
    fake_fails(&fake, "cuMemAlloc", 2);
    int64_t n = 4;
    assert_null(hd_rt_tensor_create(s.device, (DLDataType){kDLInt, 64, 1}, 1, &n, &s.failure));
    assert_false(launch(&s, "trap", 1, NULL));
    *fake.fail_call = '\0';
    teardown(&s);
    fake_close(&fake);
}

static void test_no_driver(void **state)
{
    (void)state;
    HdFailure failure;
    setenv("HD_LIBCUDA", "/no/such/libcuda.so", 1);
    HdRuntime *runtime = hd_rt_create(1);
    assert_null(hd_rt_device(runtime, "cuda", &failure));
    assert_int_equal(failure.status, HD_LACKING);
    assert_non_null(strstr(failure.text, "no CUDA driver"));
    HdDevice *device = hd_rt_device(runtime, NULL, &failure);
    assert_int_equal(hd_rt_device_place(device).device_type, kDLCPU);
    hd_rt_destroy(runtime);
    setenv("HD_LIBCUDA", "libm.so.6", 1); /* a library, but no driver */
    assert_null(hd_cuda_create(&failure));
    assert_non_null(strstr(failure.text, "it has no cuInit"));
    Fake fake = fake_open();
    *fake.devices = 0;
    assert_null(hd_cuda_create(&failure));
    assert_string_equal(failure.text, "the CUDA driver finds no GPU");
    fake_close(&fake);
}

static void test_async_and_use(void **state)
{
    (void)state;
    Fake fake = fake_open();
    Setup s;
    setup(&s, 40);
    HdCuda *cuda = hd_rt_cuda(s.runtime, &s.failure);
    HdCudaModule *loaded = hd_cuda_module_create(cuda, &module, 0, &s.failure);
    HdCall call;
    HdCudaUse use;
    assert_true(
        hd_call_bind(&call, &kernels[0], s.args, 3, hd_rt_device_place(s.device), 90, &s.failure));
    *fake.log = '\0';
    HdCudaOptions options = {.stream = (void *)7, .async = true};
    assert_true(hd_cuda_launch(loaded, &call, &options, &s.failure));
    assert_non_null(strstr(fake.log, "stream 7\n"));
    assert_null(strstr(fake.log, "Synchronize"));
    assert_true(hd_cuda_variant_use(loaded, call.instance, call.variant, &use, &s.failure));
    assert_int_equal(use.registers, 14);
    assert_int_equal(use.shared_bytes, 65536 + 11);
    hd_call_release(&call);
    hd_cuda_module_destroy(loaded);
    double bandwidth;
    assert_true(hd_rt_device_bandwidth(s.device, &bandwidth, &s.failure));
    assert_true(bandwidth > 0);
    teardown(&s);
    fake_close(&fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_tensor_maps),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_images),
        cmocka_unit_test(test_images_that_do_not_fit),
        cmocka_unit_test(test_traps_and_resident),
        cmocka_unit_test(test_grids),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_no_driver),
        cmocka_unit_test(test_async_and_use),
        cmocka_unit_test(test_shared_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
