/* A hand-written module, compiled by the C compiler found, loaded, and launched on 1 … 4 threads.
 */
#include "fixture.h"

#include <dlfcn.h>
#include <sys/wait.h>

#include "runtime/cc.h"
#include "runtime/cpu.h"
#include "runtime/library.h"
#include "sample_module.h"

typedef struct {
    Fixture base;
    void *library;
    const HdModuleInfo *module;
} Module;

static int group_setup(void **state)
{
    static Module module, *m = &module;
    if (fixture_init(&m->base) != 0) return -1;
    Arena *arena = m->base.arena;
    HdFailure failure = {0};
    RuntimeCc cc;
    const char *log, *path = base_format(arena, "%s/sample.so", m->base.dir);
    const char *source = base_format(arena, "%s%s%s%s", runtime_module_text(), sample_plain,
                                     sample_kernels, sample_tables);
    RuntimeCcOptions options = {.extra =
                                    (const char *const[]){"-Wall", "-Wextra", "-Werror", NULL}};
    if (!runtime_cc_find(arena, &cc, &failure) ||
        !runtime_cc_build(arena, &cc, source, strlen(source), &options, path, &log, &failure)) {
        fprintf(stderr, "%s\n", failure.text);
        return -1;
    }
    assert_string_equal(log, "");
    m->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    m->module = m->library ? dlsym(m->library, "hd_module_info") : NULL;
    *state = m;
    return m->module ? 0 : -1;
}

static int group_teardown(void **state)
{
    Module *m = *state;
    dlclose(m->library);
    return fixture_end(&m->base);
}

static bool launch(void **state, int threads, const char *name, const HdArg *args, int count,
                   const HdCpuOptions *options, HdFailure *failure)
{
    Module *m = *state;
    HdCpuPool *pool = hd_cpu_pool_create(threads);
    HdCall call;
    const HdKernelInfo *kernel = hd_module_kernel(m->module, name);
    assert_non_null(kernel);
    bool ok = hd_call_bind(&call, kernel, args, count, on_cpu, 0, failure);
    if (ok) {
        ok = hd_cpu_launch(pool, &call, options, failure);
        hd_call_release(&call);
    }
    hd_cpu_pool_destroy(pool);
    return ok;
}

static void test_add(void **state)
{
    enum { N = 100003 };
    static float x[N], y[N], z[N];
    HdFailure failure;
    for (int threads = 1; threads <= 4; threads++) {
        for (int64_t n = 0; n <= N; n = n * 7 + 1) {
            DLTensor t[3] = {tensor_f32(x, 1, &n), tensor_f32(y, 1, &n), tensor_f32(z, 1, &n)};
            HdArg args[3] = {{&t[0], NULL}, {&t[1], NULL}, {&t[2], NULL}};
            for (int i = 0; i < N; i++) x[i] = (float)i, y[i] = 0.5f, z[i] = -1;
            assert_true(launch(state, threads, "add", args, 3, NULL, &failure));
            for (int i = 0; i < N; i++) assert_true(z[i] == (i < n ? (float)i + 0.5f : -1));
        }
    }
}

/* With any number of threads the kernel leaves `expected` of i in element i of what was zero. */
static void check_threads(void **state, const char *kernel, int64_t n, int64_t (*expected)(int64_t))
{
    enum { MOST = 5000 };
    static int64_t v[MOST];
    HdFailure failure;
    DLTensor t = tensor(v, kDLInt, 64, 1, &n);
    HdArg args[1] = {{&t, NULL}};
    for (int threads = 1; threads <= 4; threads++) {
        memset(v, 0, sizeof v);
        assert_true(launch(state, threads, kernel, args, 1, NULL, &failure));
        for (int64_t i = 0; i < n; i++) assert_int_equal(v[i], expected(i));
    }
}

static int64_t triangle(int64_t i)
{
    return (i + 1) * (i + 2) / 2;
}

static int64_t one(int64_t i)
{
    (void)i;
    return 1;
}

static void test_chain(void **state)
{
    check_threads(state, "chain", 5000, triangle);
}

/* Clusters are never divided. */
static void test_clusters(void **state)
{
    check_threads(state, "triples", 3 * 1237, one);
}

static void test_grid_sync(void **state)
{
    enum { N = 61 };
    int64_t v[N], n = N;
    HdFailure failure;
    for (int threads = 1; threads <= 4; threads++) {
        for (int rounds = 0; rounds < 40; rounds += 13) {
            for (int i = 0; i < N; i++) v[i] = i;
            DLTensor t = tensor(v, kDLInt, 64, 1, &n);
            HdArg args[2] = {{&t, NULL}, {NULL, &rounds}};
            assert_true(launch(state, threads, "relay", args, 2, NULL, &failure));
            for (int i = 0; i < N; i++) assert_int_equal(v[i], (i + rounds) % N);
        }
    }
    int leave = -1; /* one block ends early: reported, not waited for */
    DLTensor t = tensor(v, kDLInt, 64, 1, &n);
    HdArg args[2] = {{&t, NULL}, {NULL, &leave}};
    assert_false(launch(state, 2, "relay", args, 2, NULL, &failure));
    assert_string_equal(failure.text,
                        "some blocks of relay have ended while others wait at `sync grid`");
    int64_t many = 20000;
    static int64_t big[20000];
    DLTensor u = tensor(big, kDLInt, 64, 1, &many);
    HdArg big_args[2] = {{&u, NULL}, {NULL, &leave}};
    assert_false(launch(state, 2, "relay", big_args, 2, NULL, &failure));
    assert_int_equal(failure.status, HD_BAD_CALL);
}

static void test_traps(void **state)
{
    static float x[4000];
    int64_t n = 4000;
    HdFailure failure;
    DLTensor t = tensor_f32(x, 1, &n);
    HdArg args[1] = {{&t, NULL}};
    for (int threads = 1; threads <= 4; threads++) {
        assert_false(launch(state, threads, "trap", args, 1, NULL, &failure));
        assert_string_equal(failure.text, "trap.hd:4:9: index 5 is out of bounds for extent 4000");
        assert_int_equal(failure.status, HD_TRAPPED);
    }
}

static void count_lines(void *state, const char *text)
{
    assert_string_equal(text, "hello");
    __atomic_fetch_add((int *)state, 1, __ATOMIC_RELAXED);
}

static void test_scratch_and_print(void **state)
{
    int64_t v[100] = {0}, n = 100, bytes = 1 << 20;
    int lines = 0;
    HdFailure failure;
    HdCpuOptions options = {.print = count_lines, .print_state = &lines};
    DLTensor t = tensor(v, kDLInt, 64, 1, &n);
    HdArg args[2] = {{&t, NULL}, {NULL, &bytes}};
    assert_true(launch(state, 3, "scratchy", args, 2, &options, &failure));
    for (int i = 0; i < 100; i++) assert_int_equal(v[i], 1); /* address % 64 is 0 */
    assert_int_equal(lines, 1);
    bytes = INT64_MAX;
    assert_false(launch(state, 3, "scratchy", args, 2, NULL, &failure));
    assert_string_equal(failure.text, "out of memory in scratchy");
}

static void *launch_often(void *pointer)
{
    void **context = pointer;
    Module *m = context[0];
    float x[64], z[64];
    int64_t n = 64;
    DLTensor a = tensor_f32(x, 1, &n), b = tensor_f32(z, 1, &n);
    HdArg args[3] = {{&a, NULL}, {&a, NULL}, {&b, NULL}};
    HdCall call;
    HdFailure failure;
    for (int i = 0; i < 64; i++) x[i] = (float)i;
    for (int round = 0; round < 300; round++) {
        if (!hd_call_bind(&call, &m->module->kernels[0], args, 3, on_cpu, 0, &failure)) return m;
        memset(z, 0, sizeof z);
        bool ok = hd_cpu_launch(context[1], &call, NULL, &failure);
        hd_call_release(&call);
        for (int i = 0; i < 64; i++) ok = ok && z[i] == (float)(2 * i);
        if (!ok) return m;
    }
    return NULL;
}

static void test_pool_shared_and_forked(void **state)
{
    HdCpuPool *pool = hd_cpu_pool_create(3);
    void *context[2] = {*state, pool};
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, launch_often, context);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    pid_t pid = fork(); /* the child has none of the pool's threads */
    if (pid == 0) _exit(launch_often(context) == NULL ? 0 : 1);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    hd_cpu_pool_destroy(pool);
}

static void test_thread_count(void **state)
{
    (void)state;
    setenv("HD_NUM_THREADS", "7", 1);
    HdCpuPool *pool = hd_cpu_pool_create(0);
    assert_int_equal(hd_cpu_pool_threads(pool), 7);
    hd_cpu_pool_destroy(pool);
    setenv("HD_NUM_THREADS", "many", 1);
    pool = hd_cpu_pool_create(0);
    assert_true(hd_cpu_pool_threads(pool) >= 1);
    hd_cpu_pool_destroy(pool);
    unsetenv("HD_NUM_THREADS");
    hd_cpu_pool_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_clusters),
        cmocka_unit_test(test_grid_sync),
        cmocka_unit_test(test_traps),
        cmocka_unit_test(test_scratch_and_print),
        cmocka_unit_test(test_pool_shared_and_forked),
        cmocka_unit_test(test_thread_count),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
