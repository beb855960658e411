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
    const int archs[] = {90, 80};
    CompileOptions options = {
        .cpu = true, .cuda = true, .arch = 90, .arch_count = 2, .archs = archs, .verify = true};
    assert_int_equal(compile_module(s, &options, &module), COMPILE_OK);
    assert_int_equal(compile_images(s, module, &failure), COMPILE_OK);
    if (failure.status == HD_DONE) {
        assert_int_equal(module->image_count, 3);
        assert_memory_equal(module->images[0].data,
                            "\x7f"
                            "ELF",
                            4);
        assert_true(module->images[2].is_ptx && module->images[2].arch == 80);
        assert_non_null(strstr((const char *)module->images[2].data, "shift_1_0"));
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

/* ---- several architectures ------------------------------------------------------------------- */

static const char product[] = "import std.mma.m16n8k16 (C)\n"
                              "mapping squares(m, n) = spatial(2, 2) * repeat(m / 32, n / 16) * C\n"
                              "mapping rows(m, n) = spatial(4, 1) * repeat(1, n / 8) * C\n"
                              "kernel product(a: f16[m, k], b: f16[k, n], c: out f16[m, n])\n"
                              "    tune bn in {64, 128}\n"
                              "    tune owner in {squares(64, bn), rows(64, bn)}\n"
                              "    where target_cpu || (arch == 90) == (owner == rows(64, bn))\n"
                              "    where target_cpu || (arch == 90) == (bn == 128)\n"
                              "    launch grid(cdiv(m, 64), cdiv(n, bn)), block(128)\n"
                              "{\n"
                              "    shared sa: f16[64, 64] layout swizzle\n"
                              "    shared sb: f16[64, bn] layout swizzle\n"
                              "    reg acc: f32[64, bn] over owner = 0\n"
                              "    for p in range(0, k, 64) {\n"
                              "        copy(sa, a.tile(64, 64) at (block.x * 64, p) else 0)\n"
                              "        copy(sb, b.tile(64, bn) at (p, block.y * bn) else 0)\n"
                              "        sync\n"
                              "        mma(acc, sa, sb)\n"
                              "        sync\n"
                              "    }\n"
                              "    copy(c.tile(64, bn) at (block.x * 64, block.y * bn), f16(acc))\n"
                              "}\n";

static TargetModule *compile_product(Compile *s, const int *archs, int count)
{
    CompileOptions options = {.cpu = true, .cuda = true, .arch = archs[0], .verify = true};
    options.archs = archs;
    options.arch_count = count;
    TargetModule *module = NULL;
    assert_int_equal(compile_load(s, "product.hd", product, sizeof product - 1), COMPILE_OK);
    assert_int_equal(compile_module(s, &options, &module), COMPILE_OK);
    return module;
}

static const char *cuda_text(Compile *s, TargetModule *module, int arch)
{
    Sb text = base_sb(s->arena);
    target_cuda_emit(s->arena, module, arch, &text);
    return base_sb_text(&text);
}

/* In whatever order they are named, each has its own instructions, tune point and grid, the same
 * as where it is named alone. */
static void test_architectures(void **state)
{
    (void)state;
    static const int orders[][3] = {{80, 90, 120}, {90, 120, 80}, {120, 90, 80}};
    for (size_t i = 0; i < BASE_LEN(orders); i++) {
        Compile *s = compile_create();
        TargetModule *module = compile_product(s, orders[i], 3);
        const TargetKernel *kernel = &module->kernels[0];
        assert_int_equal(kernel->instance_count, 4);
        assert_int_equal(kernel->instances[3].arch, 0); /* the CPU */
        for (int j = 0; j < 3; j++) {
            int arch = orders[i][j];
            const TargetInstance *instance = &kernel->instances[j];
            const char *text = cuda_text(s, module, arch);
            assert_int_equal(instance->arch, arch);
            assert_non_null(strstr(instance->kernel->instance, arch == 90
                                                                   ? "bn=128,owner=spatial(4, 1)"
                                                                   : "bn=64,owner=spatial(2, 2)"));
            assert_int_equal(strstr(text, "wgmma.mma_async") != NULL, arch == 90);
            assert_int_equal(strstr(text, "mma.sync") != NULL, arch != 90);
            Compile *single = compile_create();
            TargetModule *alone = compile_product(single, &arch, 1);
            const char *own = cuda_text(single, alone, arch);
            assert_int_equal(strlen(own), strlen(text)); /* only the instance's number differs */
            compile_destroy(single);
        }
        compile_destroy(s);
    }
}

static void test_architectures_have_their_images(void **state)
{
    (void)state;
    static const int archs[] = {90, 86, 80};
    Compile *s = compile_create();
    HdFailure failure;
    TargetModule *module = compile_product(s, archs, 3);
    assert_int_equal(compile_images(s, module, &failure), COMPILE_OK);
    if (failure.status == HD_DONE) {
        assert_int_equal(module->image_count, 4);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(module->images[i].arch, archs[i]);
            assert_int_equal(module->images[i].specific, archs[i] == 90);
            assert_false(module->images[i].is_ptx);
        }
        const TargetImage *ptx = &module->images[3];
        assert_true(ptx->is_ptx && ptx->arch == 80 && !ptx->specific);
        assert_non_null(strstr((const char *)ptx->data, "mma.sync"));
    } else {
        assert_int_equal(failure.status, HD_LACKING);
    }
    compile_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_library_with_images),
        cmocka_unit_test(test_architectures),
        cmocka_unit_test(test_architectures_have_their_images),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
