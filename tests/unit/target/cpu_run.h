/* Emits a kernel as C, compiles it with the system's compiler, loads it and launches it: the way
 * a CPU kernel goes, without the runtime. */
#ifndef TEST_CPU_RUN_H
#define TEST_CPU_RUN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "runtime/module.h"
#include "target/target.h"

typedef struct Bench {
    Escape escape;
    Arena *arena;
    Interner *names;
    Diags *diags;
    IrKernel *k;
    void *library;
    const HdModuleInfo *module;
    HdTrap trap;
    char printed[4096];
    uint64_t seed;
    const char *level; /* of optimisation; NULL: -O3 */
} Bench;

static inline const Name *name_of(Bench *b, const char *text)
{
    return base_intern_cstr(b->names, text);
}

static inline void bench_open(Bench *b, const char *kernel, int64_t block)
{
    memset(b, 0, sizeof *b);
    b->arena = base_arena_create(&b->escape);
    b->names = base_interner_create(b->arena);
    b->diags = diag_create(b->arena);
    b->k = ir_kernel_create(b->arena, b->diags, name_of(b, kernel));
    b->k->block_size = b->k->block_dims[0] = block;
    const char *text = "kernel of a test\n";
    Source *source = diag_add_source(b->diags, "test.hd", text, strlen(text));
    ir_set_origin(
        b->k, ir_origin(b->k, ORIGIN_SOURCE, (Span){source->base, source->base + 6}, 0, "test"));
}

static inline void bench_close(Bench *b)
{
    if (b->library) dlclose(b->library);
    base_arena_destroy(b->arena);
}

static inline IrTensor *param_tensor(Bench *b, const char *name, Elem elem, int rank,
                                     const IrExpr *const *extents, bool written, bool read)
{
    IrTensor *t = ir_new_tensor(b->k, name_of(b, name), IR_PARAM, elem, rank, extents);
    t->param = (int)b->k->params.len;
    t->written = written;
    t->read = read;
    IrParam p = {.name = t->name, .is_tensor = true, .elem = elem, .tensor = t};
    VEC_PUSH(b->arena, b->k->params, p);
    return t;
}

static inline IrVar *new_index(Bench *b, const char *name)
{
    return ir_new_var(b->k, name_of(b, name), (IrType){ELEM_INDEX, 1}, false);
}

/* Compiles the kernel's current IR. */
__attribute__((unused)) static void bench_build(Bench *b, int index_bits, bool check)
{
    TargetVariant variant = {.cpu = b->k, .index_bits = index_bits, .alignment = 1};
    TargetInstance instance = {.kernel = b->k, .variant_count = 1, .variants = &variant};
    TargetKernel kernel = {1, &instance};
    TargetModule module = {.name = "test", .kernel_count = 1, .kernels = &kernel, .check = check};
    Sb text = base_sb(b->arena);
    target_cpu_module(b->arena, &module, &text);
    char dir[] = "/tmp/hd-test-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char *source = base_format(b->arena, "%s/k.c", dir),
         *object = base_format(b->arena, "%s/k.so", dir);
    assert_int_equal(base_file_write(source, base_sb_text(&text), text.len), 0);
    char *command = base_format(b->arena,
                                "cc -std=gnu17 %s -march=native -ffp-contract=off -w -shared "
                                "-fPIC -o %s %s -lm",
                                b->level ? b->level : "-O3", object, source);
    int status = system(command);
    if (status || getenv("HD_TEST_SHOW")) {
        const char *from = strstr(base_sb_text(&text), "/* test */");
        fprintf(stderr, "%s\n", strstr(text.data, "HD_ATOMIC_NARROW(bf16"));
        (void)from;
    }
    assert_int_equal(status, 0);
    b->library = dlopen(object, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(b->library);
    b->module = dlsym(b->library, "hd_module_info");
    assert_non_null(b->module);
    unlink(source);
    unlink(object);
    rmdir(dir);
}

static void *bench_scratch(void *pool, uint64_t bytes)
{
    void **area = pool;
    free(*area);
    *area = aligned_alloc(64, (bytes + 63) / 64 * 64);
    return *area;
}

static void bench_print(void *state, const char *text)
{
    Bench *b = state;
    strncat(b->printed, text, sizeof b->printed - strlen(b->printed) - 1);
}

static bool bench_yield(void *state)
{
    (void)state;
    return false;
}

static void bench_launch(Bench *b, void *const *tensors, const void *const *scalars,
                         const int64_t *sizes, int64_t x, int64_t y, int64_t z)
{
    void *area = NULL;
    b->trap = (HdTrap){0};
    HdCpuArgs args = {.tensors = tensors,
                      .scalars = scalars,
                      .sizes = sizes,
                      .grid = {x, y, z},
                      .trap = &b->trap,
                      .yield = bench_yield,
                      .grid_sync = bench_yield,
                      .print_state = b,
                      .print = bench_print,
                      .scratch = bench_scratch,
                      .pool = &area,
                      .seed = b->seed};
    b->module->kernels[0].instances[0].variants[0].cpu(&args, 0, x * y * z);
    free(area);
}

#endif
