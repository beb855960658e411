/* A self-contained library, from the runtime's text, hand-written kernels and generated exports:
 * used from C, C++ and Python, on the CPU and on a stand-in for a GPU. */
#include "fixture.h"

#include <dlfcn.h>

#include "runtime/cc.h"
#include "runtime/launch.h"
#include "runtime/library.h"
#include "runtime/process.h"
#include "sample_module.h"

static const char sample_with_image[] =
    "#define CUDA_ENTRY \"cuda_add\"\n"
    "#define IMAGE_COUNT 1\n"
    "static const unsigned char image[] = \"ptx75\";\n"
    "static const HdImageInfo images[] = {{75, 0, 1, image, 5}};\n"
    "#define IMAGES images\n"
    "#define MODULE_EXPORT __attribute__((visibility(\"protected\")))\n";

typedef struct {
    Fixture base;
    HdRuntime *runtime;
    HdLoadedModule *plain; /* whose tables the generators read */
    char *path, *header;
} Library;

static void must(bool ok, const HdFailure *failure)
{
    if (!ok) print_error("%s\n", failure->text);
    assert_true(ok);
}

static void run(Arena *arena, const char *const *argv, const char *input, const char *want)
{
    RuntimeProcess p = runtime_process_run(arena, argv, input, strlen(input), 120);
    if (p.error || p.exit_code) print_error("%s: %d %s\n", argv[0], p.exit_code, p.output);
    assert_int_equal(p.error, 0);
    assert_int_equal(p.exit_code, 0);
    if (want) assert_string_equal(p.output, want);
}

static int setup(void **state)
{
    static Library l;
    if (fixture_init(&l.base) != 0) return -1;
    Arena *arena = l.base.arena;
    HdFailure failure = {0};
    setenv("HD_CACHE_SIZE", "0", 1);
    l.runtime = hd_rt_create(1);
    RuntimeCcOptions options = {.optimize = 1};
    const char *source = base_format(arena, "%s%s%s%s", runtime_module_text(), sample_plain,
                                     sample_kernels, sample_tables);
    l.plain = hd_rt_module_build(l.runtime, arena, source, strlen(source), &options, &failure);
    must(l.plain != NULL, &failure);
    const HdModuleInfo *info = hd_rt_module_info(l.plain);
    const char **docs = NEW_ARRAY(arena, const char *, (size_t)info->kernel_count);
    docs[0] = "Adds.\nHostile: */ int x; /*";
    docs[3] = "";
    l.header = base_format(arena, "%s/sample.h", l.base.dir);
    const char *header = runtime_library_header(arena, info, docs);
    assert_int_equal(base_file_write(l.header, header, strlen(header)), 0);

    RuntimeCc cc;
    const char *log;
    l.path = base_format(arena, "%s/libsample.so", l.base.dir);
    source = base_format(arena, "%s%s%s%s%s", runtime_library_text(arena), sample_with_image,
                         sample_kernels, sample_tables, runtime_library_exports(arena, info));
    options.generic = true;
    options.extra =
        (const char *const[]){"-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror", NULL};
    must(runtime_cc_find(arena, &cc, &failure), &failure);
    must(runtime_cc_build(arena, &cc, source, strlen(source), &options, l.path, &log, &failure),
         &failure);
    assert_string_equal(log, "");
    *state = &l;
    return 0;
}

static int teardown(void **state)
{
    Library *l = *state;
    hd_rt_module_destroy(l->plain);
    hd_rt_destroy(l->runtime);
    return fixture_end(&l->base);
}

static void test_only_intended_symbols(void **state)
{
    Library *l = *state;
    const char *script = base_format(
        l->base.arena, "nm -D --defined-only %s | sed 's/.* //' | LC_ALL=C sort", l->path);
    const char *argv[] = {"sh", "-c", script, NULL};
    run(l->base.arena, argv, "",
        "add\nchain\nhd_module_info\nrelay\nsample_error\nsample_set_"
        "stream\nscratchy\ntrap\ntriples\n");
    const char *needed = base_format(
        l->base.arena, "! readelf -d %s | grep NEEDED | grep -vE 'libc|libm|ld-linux'", l->path);
    const char *argv2[] = {"sh", "-c", needed, NULL};
    run(l->base.arena, argv2, "", NULL);
}

static const char program[] =
    "#include \"sample.h\"\n"
    "#include <stdio.h>\n"
    "#include <string.h>\n"
    "int main(void) {\n"
    "    float x[3] = {1, 2, 3}, y[3] = {10, 20, 30}, z[3] = {0, 0, 0};\n"
    "    int64_t n[1] = {3}, two[1] = {2}, v[4] = {0, 0, 0, 0}, four[1] = {4};\n"
    "    DLDevice cpu = {kDLCPU, 0};\n"
    "    DLDataType f32 = {kDLFloat, 32, 1}, i64 = {kDLInt, 64, 1};\n"
    "    DLTensor a = {x, cpu, 1, f32, n, 0, 0}, b = {y, cpu, 1, f32, n, 0, 0};\n"
    "    DLTensor c = {z, cpu, 1, f32, n, 0, 0}, d = {v, cpu, 1, i64, four, 0, 0};\n"
    "    printf(\"%d \", add(&a, &b, &c));\n"
    "    printf(\"%g %g %g [%s]\\n\", z[0], z[1], z[2], sample_error());\n"
    "    b.shape = two;\n"
    "    printf(\"%d %s\\n\", add(&a, &b, &c), sample_error());\n"
    "    printf(\"%d\\n\", scratchy(&d, 4096));\n"
    "    n[0] = 9;\n"
    "    printf(\"%d %s\\n\", trap(&a), sample_error());\n"
    "    return strlen(sample_error()) == 0;\n"
    "}\n";
static const char program_output[] =
    "0 11 22 33 []\n"
    "1 `n` is 3 in argument x (dimension 0) but 2 in argument y (dimension 0)\n"
    "hello\n" /* the kernel's own print */
    "0\n"
    "2 trap.hd:4:9: index 5 is out of bounds for extent 9\n";

static void test_c_and_cpp_programs(void **state)
{
    Library *l = *state;
    Arena *arena = l->base.arena;
    static const char *const compilers[][4] = {
        {"cc", "c", "-std=c99", ""},
        {"c++", "c++", "-std=c++11", "-Wno-missing-field-initializers"}};
    for (size_t i = 0; i < BASE_LEN(compilers); i++) {
        if (!runtime_process_find(arena, compilers[i][0])) continue;
        const char *exe = base_format(arena, "%s/program%zu", l->base.dir, i);
        const char *argv[] = {compilers[i][0],
                              compilers[i][2],
                              "-Wall",
                              "-Wextra",
                              "-pedantic",
                              "-Werror",
                              "-I",
                              l->base.dir,
                              "-x",
                              compilers[i][1],
                              "-",
                              "-x",
                              "none",
                              "-o",
                              exe,
                              l->path,
                              base_format(arena, "-Wl,-rpath,%s", l->base.dir),
                              NULL};
        run(arena, argv, program, "");
        const char *clean[] = {"env", "-i", exe, NULL};
        run(arena, clean, "", program_output);
    }
}

static const char python[] =
    "import ctypes, sys, numpy as np\n"
    "class Device(ctypes.Structure): _fields_ = [('type', ctypes.c_int), ('id', ctypes.c_int)]\n"
    "class Type(ctypes.Structure): _fields_ = [('code', ctypes.c_uint8), ('bits', ctypes.c_uint8), "
    "('lanes', ctypes.c_uint16)]\n"
    "class Tensor(ctypes.Structure): _fields_ = [('data', ctypes.c_void_p), ('device', Device), "
    "('ndim', ctypes.c_int), ('dtype', Type),\n"
    "    ('shape', ctypes.POINTER(ctypes.c_int64)), ('strides', ctypes.POINTER(ctypes.c_int64)), "
    "('byte_offset', ctypes.c_uint64)]\n"
    "def tensor(a):\n"
    "    code = {'i': 0, 'u': 1, 'f': 2}[a.dtype.kind]\n"
    "    ints = ctypes.c_int64 * a.ndim\n"
    "    t = Tensor(a.ctypes.data, Device(1, 0), a.ndim, Type(code, 8 * a.itemsize, 1), "
    "ints(*a.shape),\n"
    "               ints(*(s // a.itemsize for s in a.strides)), 0)\n"
    "    t.keep = a\n"
    "    return t\n"
    "lib = ctypes.CDLL(sys.argv[1])\n"
    "lib.sample_error.restype = ctypes.c_char_p\n"
    "x = np.arange(1000, dtype=np.float32); y = np.full(1000, 0.5, np.float32); z = np.zeros(1000, "
    "np.float32)\n"
    "assert lib.add(*(ctypes.byref(tensor(a)) for a in (x, y, z))) == 0, lib.sample_error()\n"
    "assert (z == x + y).all()\n"
    "assert lib.add(*(ctypes.byref(tensor(a)) for a in (x[::2], y[:500], z[:500]))) == 1\n"
    "print(lib.sample_error().decode())\n"
    "assert lib.add(*(ctypes.byref(tensor(a)) for a in (x.astype(np.float64), y, z))) == 1\n"
    "print(lib.sample_error().decode())\n"
    "v = np.arange(50); assert lib.relay(ctypes.byref(tensor(v)), 3) == 0\n"
    "assert (v == np.roll(np.arange(50), -3)).all()\n";

static void test_python(void **state)
{
    Library *l = *state;
    const char *probe[] = {"/usr/bin/python3", "-c", "import numpy", NULL};
    RuntimeProcess p = runtime_process_run(l->base.arena, probe, NULL, 0, 60);
    if (p.error || p.exit_code != 0) skip();
    const char *argv[] = {"/usr/bin/python3", "-", l->path, NULL};
    run(l->base.arena, argv, python,
        "argument x is not contiguous: its stride in dimension 0 is 2, not 1; pass a contiguous "
        "copy\n"
        "argument x has elements of type f64, not f32\n");
}

typedef int AddFn(const DLTensor *x, const DLTensor *y, DLTensor *z);

static void test_on_a_gpu(void **state)
{
    Library *l = *state;
    setenv("HD_LIBCUDA", FAKE_CUDA, 1);
    void *fake = dlopen(FAKE_CUDA, RTLD_NOW), *library = dlopen(l->path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(fake);
    assert_non_null(library);
    char *log = dlsym(fake, "fake_log");
    AddFn *add;
    void (*set_stream)(void *);
    const char *(*error)(void);
    *(void **)&add = dlsym(library, "add");
    *(void **)&set_stream = dlsym(library, "sample_set_stream");
    *(void **)&error = dlsym(library, "sample_error");
    float x[20], y[20], z[20];
    int64_t n = 20;
    for (int i = 0; i < 20; i++) x[i] = (float)i, y[i] = 1, z[i] = 0;
    DLTensor t[3] = {tensor_f32(x, 1, &n), tensor_f32(y, 1, &n), tensor_f32(z, 1, &n)};
    for (int i = 0; i < 3; i++) t[i].device = (DLDevice){kDLCUDA, 1};
    assert_int_equal(add(&t[0], &t[1], &t[2]), 0);
    for (int i = 0; i < 20; i++) assert_true(z[i] == (float)(i + 1));
    assert_non_null(strstr(log, "cuModuleLoadDataEx ptx75\n"));
    assert_non_null(strstr(log, "cuStreamSynchronize 0\n"));
    *log = '\0';
    set_stream((void *)5);
    assert_int_equal(add(&t[0], &t[1], &t[2]), 0);
    assert_non_null(strstr(log, "stream 5\n"));
    assert_null(strstr(log, "Synchronize"));
    set_stream(NULL);
    t[1].device = (DLDevice){kDLCPU, 0};
    assert_int_equal(add(&t[0], &t[1], &t[2]), HD_BAD_CALL);
    assert_string_equal(error(), "argument y is on cpu, but the kernel is to run on cuda:1");
    for (int i = 0; i < 3; i++) t[i].device = (DLDevice){kDLCUDA, 9};
    assert_int_equal(add(&t[0], &t[1], &t[2]), HD_LACKING);
    assert_non_null(strstr(error(), "there is no device cuda:9"));
    dlclose(fake); /* the library stays loaded: it holds what it has on the device to the end */
}

/* An emitted library is a module too. */
static void test_opens_as_module(void **state)
{
    Library *l = *state;
    HdFailure failure = {0};
    HdLoadedModule *module = hd_rt_module_open(l->runtime, l->path, &failure);
    must(module != NULL, &failure);
    assert_string_equal(hd_rt_module_info(module)->name, "sample");
    hd_rt_module_destroy(module);
}

static void test_symbols(void **state)
{
    Library *l = *state;
    Arena *arena = l->base.arena;
    assert_string_equal(runtime_library_symbol(arena, "matmul"), "matmul");
    assert_string_equal(runtime_library_symbol(arena, "exp"), "exp_");
    assert_string_equal(runtime_library_symbol(arena, "write"), "write_");
    assert_string_equal(runtime_library_symbol(arena, "cpu_work"), "cpu_work_");
    assert_string_equal(runtime_library_symbol(arena, "launch"), "launch");
    assert_string_equal(runtime_library_symbol(arena, "class"), "class_");
    assert_string_equal(runtime_library_symbol(arena, "and"), "and_");
    assert_string_equal(runtime_library_symbol(arena, "xor_eq"), "xor_eq_");
    assert_string_equal(runtime_library_symbol(arena, "alignas"), "alignas_");
    assert_string_equal(runtime_library_symbol(arena, "my-net.v2"), "my_net_v2");
    assert_string_equal(runtime_library_symbol(arena, "2d"), "_2d");
}

/* Every type of scalar, words as names, no parameters: the header and the exports compile. */
static void test_awkward_kernels(void **state)
{
    Library *l = *state;
    Arena *arena = l->base.arena;
    static const char *const sizes[] = {"m", "class"};
    static const int dims[] = {0, -1};
    static const int64_t twice[] = {HD_X_SIZE, 0, HD_X_CONST, 2, HD_X_MUL, HD_X_END};
    static const HdHostExpr extents[] = {NULL, twice};
    static const HdParamInfo params[] = {
        {"new", true, kDLFloat, 16, "f16", 2, 2, dims, extents, NULL},
        {"a", false, 6, 8, "bool", 0, 0, NULL, NULL, NULL},
        {"b", false, kDLInt, 8, "i8", 0, 0, NULL, NULL, NULL},
        {"c", false, kDLUInt, 64, "u64", 0, 0, NULL, NULL, NULL},
        {"d", false, kDLFloat, 16, "f16", 0, 0, NULL, NULL, NULL},
        {"e", false, kDLBfloat, 16, "bf16", 0, 0, NULL, NULL, NULL},
        {"f", false, kDLFloat, 64, "f64", 0, 0, NULL, NULL, NULL},
        {"g", false, kDLInt, 4, "i4", 0, 0, NULL, NULL, NULL},
    };
    static const HdKernelInfo kernels[] = {{"delete", 8, params, 2, sizes, 0, NULL},
                                           {"empty", 0, NULL, 0, NULL, 0, NULL}};
    static const HdModuleInfo module = {HD_ABI_VERSION, "my-net 2", 2, kernels, 0, NULL};
    const char *header = runtime_library_header(arena, &module, NULL);
    assert_non_null(strstr(header, " * new_: f16[m, m * 2], read and written\n"));
    assert_non_null(strstr(header,
                           "int delete_(DLTensor *new_, bool a, int8_t b, uint64_t c, uint16_t d, "
                           "uint16_t e, double f, int8_t g);\n"));
    assert_non_null(strstr(header, " * d: f16, as its bits\n"));
    assert_non_null(strstr(header, "int empty(void);"));
    const char *argv[] = {"cc", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c", "-",
                          NULL};
    run(arena, argv, header, "");
    const char *source = base_format(arena, "%s\n%s%s", runtime_library_text(arena),
                                     "const HdModuleInfo hd_module_info = {1, \"\", 0, 0, 0, 0};\n",
                                     runtime_library_exports(arena, &module));
    run(arena, argv, source, "");
    if (!runtime_process_find(arena, "clang")) return;
    argv[0] = "clang";
    run(arena, argv, source, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_intended_symbols),
        cmocka_unit_test(test_c_and_cpp_programs),
        cmocka_unit_test(test_python),
        cmocka_unit_test(test_on_a_gpu),
        cmocka_unit_test(test_opens_as_module),
        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_awkward_kernels),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
