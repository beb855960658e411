/* The CUDA text of a kernel, compiled for the host and loaded: see tests/cuda_host. */
#ifndef TEST_CUDA_RUN_H
#define TEST_CUDA_RUN_H

#include "cpu_run.h"

/* Compiles the kernel's current IR as CUDA; launched with bench_launch. */
__attribute__((unused)) static void bench_build_cuda(Bench *b, int index_bits)
{
    TargetVariant variant = {.cuda = b->k, .index_bits = index_bits, .alignment = 1};
    TargetInstance instance = {.kernel = b->k, .variant_count = 1, .variants = &variant};
    TargetKernel kernel = {1, &instance};
    TargetModule module = {.name = "test", .kernel_count = 1, .kernels = &kernel};
    Sb text = base_sb(b->arena);
    target_cuda_host_module(b->arena, &module, 0, &text);
    char dir[] = "/tmp/hd-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *source = base_format(b->arena, "%s/k.cpp", dir),
         *object = base_format(b->arena, "%s/k.so", dir);
    assert_int_equal(base_file_write(source, base_sb_text(&text), text.len), 0);
    char *command = base_format(b->arena,
                                "c++ -std=gnu++17 -O1 -march=native -ffp-contract=off -w -shared "
                                "-fno-strict-aliasing -fPIC -I%s -o %s %s",
                                CUDA_HOST, object, source);
    int status = system(command);
    if (status || getenv("HD_TEST_SHOW")) fprintf(stderr, "%s\n", text.data);
    assert_int_equal(status, 0);
    b->library = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(b->library);
    b->module = dlsym(b->library, "hd_module_info");
    assert_non_null(b->module);
    unlink(source);
    unlink(object);
    rmdir(dir);
}

/* The CUDA text of the kernel's current IR. */
__attribute__((unused)) static const char *bench_cuda_text(Bench *b, int index_bits)
{
    TargetVariant variant = {.cuda = b->k, .index_bits = index_bits, .alignment = 1};
    TargetInstance instance = {.kernel = b->k, .variant_count = 1, .variants = &variant};
    TargetKernel kernel = {1, &instance};
    TargetModule module = {.name = "test", .kernel_count = 1, .kernels = &kernel};
    Sb text = base_sb(b->arena);
    target_cuda_emit(b->arena, &module, 0, &text);
    return base_sb_text(&text);
}

#endif
