/* The tensor-core instructions that stdlib/mma declares, against the PTX manual: names, element
 * types, architectures, shapes, and the layout of every fragment, which is written here once more
 * as the manual writes it, element by element. And that each assembles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>

#include "compile/compile.h"
#include "runtime/nvrtc.h"

/* ---- what there is --------------------------------------------------------------------------- */

typedef struct Types {
    const char *a, *b, *sums;
    int arch; /* the lowest that has it */
} Types;

typedef struct Shape {
    const char *module;
    int m, n, k, bits; /* of a factor's element */
    const Types *types;
} Shape;

#define PAIRS(x, y, sums, arch)                                                                    \
    {x, x, sums, arch}, {x, y, sums, arch}, {y, x, sums, arch},                                    \
    {                                                                                              \
        y, y, sums, arch                                                                           \
    }

static const Types F64_80[] = {{"f64", "f64", "f64", 80}, {0}};
static const Types F64_90[] = {{"f64", "f64", "f64", 90}, {0}};
static const Types TF32[] = {{"tf32", "tf32", "f32", 80}, {0}};
static const Types HALF_75[] = {
    {"f16", "f16", "f32", 75}, {"f16", "f16", "f16", 75}, {"bf16", "bf16", "f32", 80}, {0}};
static const Types HALF_80[] = {
    {"f16", "f16", "f32", 80}, {"f16", "f16", "f16", 80}, {"bf16", "bf16", "f32", 80}, {0}};
static const Types I8_75[] = {PAIRS("i8", "u8", "i32", 75), {0}};
static const Types B8[] = {PAIRS("i8", "u8", "i32", 80),
                           PAIRS("f8e4m3", "f8e5m2", "f32", 89),
                           PAIRS("f8e4m3", "f8e5m2", "f16", 89),
                           {0}};
static const Types I4_75[] = {PAIRS("i4", "u4", "i32", 75), {0}};
static const Types I4_80[] = {PAIRS("i4", "u4", "i32", 80), {0}};

static const Shape SHAPES[] = {
    {"m8n8k4_b64", 8, 8, 4, 64, F64_80},   {"m16n8k4_b64", 16, 8, 4, 64, F64_90},
    {"m16n8k8_b64", 16, 8, 8, 64, F64_90}, {"m16n8k16_b64", 16, 8, 16, 64, F64_90},
    {"m16n8k4_b32", 16, 8, 4, 32, TF32},   {"m16n8k8_b32", 16, 8, 8, 32, TF32},
    {"m16n8k8", 16, 8, 8, 16, HALF_75},    {"m16n8k16", 16, 8, 16, 16, HALF_80},
    {"m8n8k16_b8", 8, 8, 16, 8, I8_75},    {"m16n8k16_b8", 16, 8, 16, 8, B8},
    {"m16n8k32_b8", 16, 8, 32, 8, B8},     {"m8n8k32_b4", 8, 8, 32, 4, I4_75},
    {"m16n8k32_b4", 16, 8, 32, 4, I4_80},  {"m16n8k64_b4", 16, 8, 64, 4, I4_80},
};

static const Types WGMMA[] = {{"f16", "f16", "f32", 90},
                              {"f16", "f16", "f16", 90},
                              {"bf16", "bf16", "f32", 90},
                              {"tf32", "tf32", "f32", 90},
                              PAIRS("f8e4m3", "f8e5m2", "f32", 90),
                              PAIRS("f8e4m3", "f8e5m2", "f16", 90),
                              PAIRS("i8", "u8", "i32", 90),
                              {0}};

static const char *ptx_name(const char *type)
{
    static const char *const names[][2] = {{"i8", "s8"},       {"i4", "s4"},       {"i32", "s32"},
                                           {"f8e4m3", "e4m3"}, {"f8e5m2", "e5m2"}, {NULL, NULL}};
    for (int i = 0; names[i][0]; i++)
        if (strcmp(type, names[i][0]) == 0) return names[i][1];
    return type;
}

static int bits_of(const char *type)
{
    static const struct {
        const char *name;
        int bits;
    } widths[] = {{"f16", 16}, {"bf16", 16}, {"tf32", 32}, {"f8e4m3", 8}, {"f8e5m2", 8}};
    for (size_t i = 0; i < BASE_LEN(widths); i++)
        if (strcmp(type, widths[i].name) == 0) return widths[i].bits;
    return 8;
}

/* One instruction: how it is called and what it must be. */
typedef struct Case {
    const char *module, *function, *ptx;
    int m, n, k, bits;
    const Types *types;
    bool warpgroup, a_shared, b_shared;
} Case;

static const char *function_name(Arena *arena, const Types *t, bool in_registers)
{
    bool same = strcmp(t->a, t->b) == 0;
    return base_format(arena, "%s%s%s_%s%s", t->a, same ? "" : "_", same ? "" : t->b, t->sums,
                       in_registers ? "_reg" : "");
}

static Case warp_case(Arena *arena, const Shape *s, const Types *t)
{
    const char *sums = ptx_name(t->sums);
    return (Case){.module = s->module,
                  .function = function_name(arena, t, false),
                  .ptx = base_format(arena, "mma.sync.aligned.m%dn%dk%d.row.col.%s.%s.%s.%s", s->m,
                                     s->n, s->k, sums, ptx_name(t->a), ptx_name(t->b), sums),
                  .m = s->m,
                  .n = s->n,
                  .k = s->k,
                  .bits = s->bits,
                  .types = t};
}

static Case group_case(Arena *arena, const Types *t, int n, bool in_registers)
{
    int k = 256 / bits_of(t->a);
    return (Case){.module = "wgmma",
                  .function = function_name(arena, t, in_registers),
                  .ptx = base_format(arena, "wgmma.mma_async.sync.aligned.m64n%dk%d.%s.%s.%s", n, k,
                                     ptx_name(t->sums), ptx_name(t->a), ptx_name(t->b)),
                  .m = 64,
                  .n = n,
                  .k = k,
                  .bits = bits_of(t->a),
                  .types = t,
                  .warpgroup = true,
                  .a_shared = !in_registers,
                  .b_shared = true};
}

/* ---- the manual's layouts -------------------------------------------------------------------- */

typedef struct At {
    int row, col;
} At;

/* Element i of A in lane 4 g + t of a warp. */
static At a_element(int m, int k, int bits, int g, int t, int i)
{
    switch (bits) {
    case 64:
        if (k == 16) return (At){i % 2 ? g + 8 : g, i % 2 ? i * 2 - 2 + t : i * 2 + t};
        return (At){i % 2 ? g + 8 : g, i < 2 ? t : t + 4};
    case 32:
        return (At){i == 0 || i == 2 ? g : g + 8, i < 2 ? t : t + 4};
    case 16:
        if (k == 8) return (At){i < 2 ? g : g + 8, t * 2 + (i & 1)};
        return (At){i < 2 || (4 <= i && i < 6) ? g : g + 8, t * 2 + (i & 1) + (i < 4 ? 0 : 8)};
    case 8:
        if (m == 8) return (At){g, t * 4 + i};
        if (k == 16) return (At){i < 4 ? g : g + 8, t * 4 + (i & 3)};
        return (At){i < 4 || (8 <= i && i < 12) ? g : g + 8, t * 4 + (i & 3) + (i < 8 ? 0 : 16)};
    default:
        if (m == 8) return (At){g, t * 8 + i};
        if (k == 32) return (At){i < 8 ? g : g + 8, t * 8 + (i & 7)};
        return (At){i < 8 || (16 <= i && i < 24) ? g : g + 8, t * 8 + (i & 7) + (i < 16 ? 0 : 32)};
    }
}

static At b_element(int k, int bits, int g, int t, int i)
{
    switch (bits) {
    case 64:
    case 32:
        return (At){t + 4 * i, g};
    case 16:
        return (At){t * 2 + (i & 1) + (i < 2 ? 0 : 8), g};
    case 8:
        return (At){k == 32 ? t * 4 + (i & 3) + (i < 4 ? 0 : 16) : t * 4 + i, g};
    default:
        return (At){k == 64 ? t * 8 + (i & 7) + (i < 8 ? 0 : 32) : t * 8 + i, g};
    }
}

/* Of C, and of wgmma's D, whose 64 x n lies in blocks of eight columns. */
static At sums_element(int m, int g, int t, int i)
{
    if (m == 8) return (At){g, t * 2 + i};
    return (At){i % 4 < 2 ? g : g + 8, i / 4 * 8 + t * 2 + (i & 1)};
}

enum { OPERAND_SUMS, OPERAND_A, OPERAND_B };

static At element(const Case *c, int operand, int thread, int i)
{
    int lane = thread % 32, g = lane / 4, t = lane % 4;
    int m = c->warpgroup ? 16 : c->m;
    if (operand == OPERAND_B) return b_element(c->k, c->bits, g, t, i);
    At at = operand == OPERAND_A ? a_element(m, c->k, c->bits, g, t, i) : sums_element(m, g, t, i);
    at.row += thread / 32 * 16; /* a warpgroup's warps, one after the other along the rows */
    return at;
}

static void check_layout(const Case *c, int operand, const Mapping *m, int rows, int cols)
{
    int threads = c->warpgroup ? 128 : 32;
    assert_int_equal(m->workers, threads);
    assert_int_equal(m->rank, 2);
    assert_int_equal(m->shape[0], rows);
    assert_int_equal(m->shape[1], cols);
    assert_int_equal(m->steps, rows * cols / threads);
    for (int w = 0; w < threads; w++)
        for (int i = 0; i < m->steps; i++) {
            int64_t got[2];
            At want = element(c, operand, w, i);
            mapping_eval(m, w, i, got);
            if (got[0] != want.row || got[1] != want.col)
                print_message("%s operand %d lane %d element %d: (%d, %d), the manual (%d, %d)\n",
                              c->ptx, operand, w, i, (int)got[0], (int)got[1], want.row, want.col);
            assert_int_equal(got[0], want.row);
            assert_int_equal(got[1], want.col);
        }
}

/* ---- one instruction, called by hand --------------------------------------------------------- */

static const char *operand_text(Arena *arena, bool shared, const char *name, const char *type,
                                int rows, int cols, const char *over)
{
    if (shared)
        return base_format(arena, "    shared %s: %s[%d, %d] layout swizzle\n", name, type, rows,
                           cols);
    return base_format(arena, "    reg %s: %s[%d, %d] over %s\n", name, type, rows, cols, over);
}

/* A kernel of this name; its file imports the module. */
static const char *kernel_text(Arena *arena, const Case *c, const char *name)
{
    const Types *t = c->types;
    const char *isa = c->module;
    const char *first = !c->warpgroup ? "A" : c->bits == 32 ? "A32" : c->bits == 16 ? "A16" : "A8";
    const char *sums = c->warpgroup ? base_format(arena, "D(%d)", c->n) : "C";
    const char *x = operand_text(arena, c->a_shared, "x", t->a, c->m, c->k,
                                 base_format(arena, "%s.%s", isa, first));
    /* wgmma reads a second factor of 16 bits along either dimension, others along k only. */
    bool turned = c->warpgroup && c->bits != 16;
    const char *y = operand_text(arena, c->b_shared, "y", t->b, turned ? c->n : c->k,
                                 turned ? c->k : c->n, base_format(arena, "%s.B", isa));
    const char *view = turned ? "y.transpose()" : "y";
    const char *z = operand_text(arena, false, "z", t->sums, c->m, c->n,
                                 base_format(arena, "%s.%s", isa, sums));
    return base_format(arena,
                       "kernel %s(a: %s[%d, %d], b: %s[%d, %d], c: inout %s[%d, %d])\n"
                       "    launch grid(1), block(%d)\n{\n%s%s%s"
                       "    copy(x, a)\n    copy(%s, b)\n    copy(z, c)\n"
                       "    %s.%s(z, x, %s)\n    copy(c, z)\n}\n",
                       name, t->a, c->m, c->k, t->b, c->k, c->n, t->sums, c->m, c->n,
                       c->warpgroup ? 128 : 32, x, y, z, view, isa, c->function, view);
}

/* What is emitted of a file; NULL where the program is wrong. */
static const char *emit(Compile *s, const char *text, int arch, CompileKind kind)
{
    CompileOptions options = {
        .cuda = true, .arch = arch, .stop_after = kind == COMPILE_IR ? "uniform" : NULL};
    Sb out = base_sb(s->arena);
    CompileStatus status = compile_load(s, "calls.hd", text, strlen(text));
    assert_int_equal(status, COMPILE_OK);
    status = compile_emit(s, &options, kind, &out);
    return status == COMPILE_OK ? base_sb_text(&out) : NULL;
}

static const char *emit_one(Compile *s, const Case *c, int arch)
{
    const char *text =
        base_format(s->arena, "import std.mma.%s\n%s", c->module, kernel_text(s->arena, c, "one"));
    return emit(s, text, arch, COMPILE_IR);
}

static void check_elem(Elem elem, const char *text)
{
    assert_string_equal(vocab_elem(elem)->text, text);
}

static void check_declared(const Case *c)
{
    Compile *s = compile_create();
    const char *text = emit_one(s, c, c->types->arch), *error = NULL;
    if (!text) print_message("%s.%s does not compile\n", c->module, c->function);
    assert_non_null(text);
    IrKernel *k = ir_read(s->arena, s->interner, s->diags, text, strlen(text), &error);
    assert_null(error);
    assert_int_equal(k->instructions.len, 1);
    const IrInstruction *in = &k->instructions.data[0];
    assert_string_equal(in->text, c->ptx);
    assert_int_equal(in->depth, c->k);
    check_elem(in->acc_elem, c->types->sums);
    check_elem(in->a_elem, c->types->a);
    check_elem(in->b_elem, c->types->b);
    check_layout(c, OPERAND_SUMS, in->acc, c->m, c->n);
    assert_int_equal(in->a == NULL, c->a_shared);
    assert_int_equal(in->b == NULL, c->b_shared);
    if (in->a) check_layout(c, OPERAND_A, in->a, c->m, c->k);
    if (in->b) check_layout(c, OPERAND_B, in->b, c->k, c->n);
    compile_destroy(s);
}

/* An older architecture, or for what only one has a newer one too, refuses the call. */
static void check_refused(const Case *c, int arch)
{
    Compile *s = compile_create();
    assert_null(emit_one(s, c, arch));
    assert_int_equal(s->diags->list.data[0]->code, DIAG_WHERE_FAILED);
    compile_destroy(s);
}

static const int NS[] = {8, 24, 64, 256};

static void declared(void **state)
{
    (void)state;
    Compile *names = compile_create(); /* owns the cases' texts */
    Arena *arena = names->arena;
    for (size_t i = 0; i < BASE_LEN(SHAPES); i++)
        for (const Types *t = SHAPES[i].types; t->a; t++) {
            Case c = warp_case(arena, &SHAPES[i], t);
            check_declared(&c);
            check_refused(&c, t->arch - 1);
        }
    compile_destroy(names);
}

static void declared_wgmma(void **state)
{
    (void)state;
    Compile *names = compile_create(); /* owns the cases' texts */
    Arena *arena = names->arena;
    for (const Types *t = WGMMA; t->a; t++)
        for (size_t i = 0; i < BASE_LEN(NS); i++) {
            Case c = group_case(arena, t, NS[i], i % 2);
            check_declared(&c);
            c = group_case(arena, t, NS[i], i % 2 == 0);
            check_declared(&c);
            check_refused(&c, 89);
            check_refused(&c, 100);
        }
    Case wide = group_case(arena, &WGMMA[0], 264, false);
    check_refused(&wide, 90);
    const Types *last = &WGMMA[BASE_LEN(WGMMA) - 2]; /* integers: 40 is no width */
    Case integers = group_case(arena, last, 40, false);
    check_refused(&integers, 90);
    compile_destroy(names);
}

static size_t count_declared(const char *path)
{
    size_t count = 0;
    char line[512];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) count += strncmp(line, "pub fn ", 7) == 0;
    fclose(f);
    return count;
}

/* Nothing is declared that the tables above do not know. */
static void complete(void **state)
{
    (void)state;
    size_t found = 0, known = 0;
    DIR *dir = opendir(HD_SOURCE_DIR "/stdlib/mma");
    assert_non_null(dir);
    for (const struct dirent *e; (e = readdir(dir));) {
        char path[512];
        snprintf(path, sizeof path, "%s/stdlib/mma/%s", HD_SOURCE_DIR, e->d_name);
        if (e->d_name[0] != '.') found += count_declared(path);
    }
    closedir(dir);
    for (size_t i = 0; i < BASE_LEN(SHAPES); i++)
        for (const Types *t = SHAPES[i].types; t->a; t++) known++;
    for (const Types *t = WGMMA; t->a; t++) known += 2;
    assert_int_equal(found, known);
}

/* ---- NVRTC ----------------------------------------------------------------------------------- */

/* One file with a call of every instruction that the architecture has. */
static const char *all_text(Arena *arena, int arch, const char **names, int *count)
{
    Sb imports = base_sb(arena), kernels = base_sb(arena);
    *count = 0;
    for (size_t i = 0; i < BASE_LEN(SHAPES); i++) {
        int before = *count;
        for (const Types *t = SHAPES[i].types; t->a; t++) {
            if (t->arch > arch) continue;
            Case c = warp_case(arena, &SHAPES[i], t);
            names[*count] = c.ptx;
            const char *name = base_format(arena, "call_%d", (*count)++);
            base_sb_str(&kernels, kernel_text(arena, &c, name));
        }
        if (*count > before) base_sb_printf(&imports, "import std.mma.%s\n", SHAPES[i].module);
    }
    base_sb_str(&imports, base_sb_text(&kernels));
    return base_sb_text(&imports);
}

/* Each is in the text that is emitted, and in the PTX that NVRTC makes of it and assembles. */
static void check_assembles(RuntimeNvrtc *nvrtc, Compile *s, const char *text, int arch,
                            bool specific, const char *const *names, int count)
{
    const char *cu = emit(s, text, arch, COMPILE_CU);
    assert_non_null(cu);
    RuntimeNvrtcOptions options = {.arch = arch, .specific = specific};
    RuntimeNvrtcResult made = {0};
    HdFailure failure = {0};
    bool ok = runtime_nvrtc_compile(nvrtc, s->arena, cu, "calls.cu", &options, &made, &failure);
    if (!ok) print_message("sm_%d: %s\n", arch, failure.text);
    assert_true(ok);
    for (int i = 0; i < count; i++) {
        if (!strstr(made.ptx, names[i])) print_message("sm_%d lacks %s\n", arch, names[i]);
        assert_non_null(strstr(made.ptx, names[i]));
    }
}

static void check_warp_assembles(RuntimeNvrtc *nvrtc, int arch)
{
    Compile *s = compile_create();
    const char *names[64];
    int count;
    const char *text = all_text(s->arena, arch, names, &count);
    check_assembles(nvrtc, s, text, arch, false, names, count);
    compile_destroy(s);
}

/* wgmma, by widths whose lines a swizzle takes, narrow and wide. */
static void check_group_assembles(RuntimeNvrtc *nvrtc)
{
    Compile *s = compile_create();
    Sb text = base_sb(s->arena);
    const char *names[64];
    int count = 0;
    base_sb_str(&text, "import std.mma.wgmma\n");
    for (const Types *t = WGMMA; t->a; t++)
        for (int i = 0; i < 2; i++) {
            Case c = group_case(s->arena, t, (t - WGMMA) % 4 ? 32 : 192, i);
            names[count] = c.ptx;
            const char *name = base_format(s->arena, "call_%d", count++);
            base_sb_str(&text, kernel_text(s->arena, &c, name));
        }
    check_assembles(nvrtc, s, base_sb_text(&text), 90, true, names, count);
    compile_destroy(s);
}

static void assembles(void **state)
{
    static const int archs[] = {75, 80, 89, 90, 100, 120};
    (void)state;
    HdFailure failure = {0};
    RuntimeNvrtc *nvrtc = runtime_nvrtc_create(&failure);
    if (!nvrtc) {
        print_message("skipped: %s\n", failure.text);
        skip();
    }
    for (size_t i = 0; i < BASE_LEN(archs); i++) check_warp_assembles(nvrtc, archs[i]);
    check_group_assembles(nvrtc);
    runtime_nvrtc_destroy(nvrtc);
}

/* ---- the verb -------------------------------------------------------------------------------- */

/* Of the instructions for the types, the deepest whose depth divides the factors'. */
static void verb(void **state)
{
    static const struct {
        const char *sums, *a, *b, *ptx;
        int depth, arch;
    } cases[] = {{"f16", "f8e4m3", "f8e5m2", "m16n8k32.row.col.f16.e4m3.e5m2.f16", 64, 89},
                 {"f16", "f8e5m2", "f8e5m2", "m16n8k16.row.col.f16.e5m2.e5m2.f16", 48, 120},
                 {"f32", "f8e4m3", "f8e4m3", "m16n8k16.row.col.f32.e4m3.e4m3.f32", 16, 90},
                 {"i32", "i8", "u8", "m16n8k16.row.col.s32.s8.u8.s32", 16, 80}};
    (void)state;
    for (size_t i = 0; i < BASE_LEN(cases); i++) {
        Compile *s = compile_create();
        const char *text =
            base_format(s->arena,
                        "import std.mma.m16n8k16 (C)\n"
                        "kernel one(a: %s[16, %d], b: %s[%d, 8], c: out %s[16, 8])\n"
                        "    launch grid(1), block(32)\n{\n"
                        "    shared x: %s[16, %d], y: %s[%d, 8]\n    reg z: %s[16, 8] over C = 0\n"
                        "    copy(x, a)\n    copy(y, b)\n    mma(z, x, y)\n    copy(c, z)\n}\n",
                        cases[i].a, cases[i].depth, cases[i].b, cases[i].depth, cases[i].sums,
                        cases[i].a, cases[i].depth, cases[i].b, cases[i].depth, cases[i].sums);
        const char *cu = emit(s, text, cases[i].arch, COMPILE_CU);
        assert_non_null(cu);
        const char *at = strstr(cu, "mma.sync.aligned.");
        assert_non_null(at);
        at += strlen("mma.sync.aligned.");
        assert_memory_equal(at, cases[i].ptx, strlen(cases[i].ptx));
        compile_destroy(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(declared), cmocka_unit_test(declared_wgmma),
                                       cmocka_unit_test(complete), cmocka_unit_test(assembles),
                                       cmocka_unit_test(verb)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
