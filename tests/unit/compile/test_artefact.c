/* From source text to artefacts: a library that is loaded and called, its header, GPU images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <dlfcn.h>

#include "compile/compile.h"
#include "runtime/cc.h"

static const char source[] = "/// z = x + s, elementwise.\n"
                             "kernel shift(x: f32[n], s: f32, z: out f32[n])\n"
                             "    launch grid(cdiv(n, 256)), block(256)\n"
                             "{\n"
                             "    for i in auto(256) on thread within (n - block.x * 256) {\n"
                             "        z[block.x * 256 + i] = x[block.x * 256 + i] + s\n"
                             "    }\n"
                             "}\n";

static Compile *load(void)
{
    Compile *s = compile_create();
    assert_non_null(s);
    assert_int_equal(compile_load(s, "shift.hd", source, sizeof source - 1), COMPILE_OK);
    return s;
}

static void test_header(void **state)
{
    (void)state;
    Compile *s = load();
    TargetModule *module;
    CompileOptions options = {.cpu = true, .verify = true};
    assert_int_equal(compile_module(s, &options, &module), COMPILE_OK);
    Sb text = base_sb(s->arena);
    assert_int_equal(compile_library_header(s, module, &text), COMPILE_OK);
    const char *header = base_sb_text(&text);
    assert_non_null(strstr(header, "int shift(const DLTensor *x, float s, DLTensor *z);"));
    assert_non_null(strstr(header, "z = x + s, elementwise."));
    assert_non_null(strstr(header, " * z: f32[n], written\n"));
    assert_non_null(strstr(header, "const char *shift_error(void);"));
    compile_destroy(s);
}

static void build_and_call(Compile *s, TargetModule *module, const char *path)
{
    Sb text = base_sb(s->arena);
    RuntimeCc cc;
    RuntimeCcOptions options = {.optimize = 1};
    HdFailure failure = {0};
    assert_int_equal(compile_library_text(s, module, &text), COMPILE_OK);
    const char *c = base_sb_text(&text);
    assert_true(runtime_cc_find(s->arena, &cc, &failure));
    bool built = runtime_cc_build(s->arena, &cc, c, text.len, &options, path, NULL, &failure);
    if (!built) print_error("%s\n", failure.text);
    assert_true(built);
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(library);
    int (*shift)(const DLTensor *, float, DLTensor *);
    *(void **)&shift = dlsym(library, "shift");
    enum { N = 1000 };
    float x[N], z[N + 1];
    int64_t n = N;
    for (int i = 0; i < N; i++) x[i] = (float)i, z[i] = 0;
    z[N] = 77;
    DLTensor a = {x, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, &n, NULL, 0}, b = a;
    b.data = z;
    assert_int_equal(shift(&a, 0.5f, &b), 0);
    for (int i = 0; i < N; i++) assert_true(z[i] == (float)i + 0.5f);
    assert_true(z[N] == 77);
    dlclose(library);
}

static void test_library_with_images(void **state)
{
    (void)state;
    char dir[] = "/tmp/hd_test_XXXXXX";
    assert_non_null(mkdtemp(dir));
    setenv("HD_CACHE_DIR", dir, 1);
    setenv("HD_CACHE_SIZE", "0", 1);
    Compile *s = load();
    TargetModule *module;
    HdFailure failure;
    CompileOptions options = {.cpu = true, .cuda = true, .arch = 80, .verify = true};
    assert_int_equal(compile_module(s, &options, &module), COMPILE_OK);
    const int archs[] = {90, 80};
    assert_int_equal(compile_images(s, module, archs, 2, &failure), COMPILE_OK);
    if (failure.status == HD_DONE) {
        assert_int_equal(module->image_count, 3);
        assert_memory_equal(module->images[0].data,
                            "\x7f"
                            "ELF",
                            4);
        assert_true(module->images[2].is_ptx && module->images[2].arch == 80);
        assert_non_null(strstr((const char *)module->images[2].data, "shift_0_0"));
    } else {
        print_message("without images: %s\n", failure.text);
        assert_int_equal(failure.status, HD_LACKING);
    }
    const char *path = base_format(s->arena, "%s/libshift.so", dir);
    build_and_call(s, module, path);
    unlink(path);
    compile_destroy(s);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_library_with_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
