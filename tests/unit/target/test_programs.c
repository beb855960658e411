/* Programs in .hd on the CPU target: lowered, interpreted after the common passes, then taken
 * through the CPU's passes, emitted, compiled and run: the same bits, in either width of `index`,
 * and under --check in natural and seeded thread orders. */
#include "pass/kernels.h"
#include "target/cpu_run.h"

#include "lower/lower.h"
#include "pass/pass.h"

#include <glob.h>

typedef struct Mode {
    const char *name;
    int index_bits;
    bool check;
    uint64_t seed;
    const char *level;
} Mode;
static const Mode MODES[] = {
    {"32 bits", 32, false, 0, "-O3"},
    {"64 bits", 64, false, 0, "-O1"},
    {"checked", 64, true, 0, "-O0"},
    {"shuffled", 64, true, 11, "-O0"},
};

static const char *library(void *user, const char *path, size_t *len)
{
    Session *s = user;
    char *text = NULL;
    if (strncmp(path, "std.", 4) != 0) return NULL;
    char *file = base_format(s->arena, HD_SOURCE_DIR "/stdlib/%s.hd", path + 4);
    for (char *dot = file + strlen(HD_SOURCE_DIR) + 1; dot[3]; dot++)
        if (*dot == '.') *dot = '/';
    return base_file_read(s->arena, file, &text, len) ? NULL : text;
}

static void expect_no_errors(Session *s, const char *where)
{
    if (s->diags->errors == 0) return;
    Sb sb = base_sb(s->arena);
    diag_render_text(s->diags, &sb, false);
    fail_msg("%s: %s", where, base_sb_text(&sb));
}

static int64_t *sizes_of(Session *s, const char *text)
{
    int64_t *sizes = NEW_ARRAY(s->arena, int64_t, s->k->sizes.len + 1);
    for (size_t i = 0; i < s->k->sizes.len; i++) {
        const char *wanted = base_format(s->arena, " %s = ", s->k->sizes.data[i]->text);
        const char *at = strstr(text, wanted);
        if (!at) fail_msg("no size %s", s->k->sizes.data[i]->text);
        sizes[i] = strtoll(at + strlen(wanted), NULL, 10);
    }
    return sizes;
}

/* ---- memory as the interpreter's ------------------------------------------------------------- */

static bool size_leaf(void *user, const IrExpr *e, int64_t *value)
{
    const int64_t *sizes = user;
    if (e->op != IR_SIZE) return false;
    *value = sizes[e->imm];
    return true;
}

static int64_t evaluate(const IrExpr *e, int64_t *sizes)
{
    int64_t value = 1;
    if (e) assert_true(ir_eval_int(e, size_leaf, sizes, &value));
    return value;
}

static int64_t length(const IrTensor *t, int64_t *sizes)
{
    int64_t len = 1;
    for (int d = 0; d < t->rank; d++) len *= evaluate(t->extents[d], sizes);
    return len;
}

/* The inputs of kernel_run (pass/kernels.c), as bytes. */
static void **make_tensors(Session *s, int64_t *sizes)
{
    IrKernel *k = s->k;
    void **data = NEW_ARRAY(s->arena, void *, k->params.len + 1);
    uint32_t seed = 1;
    for (size_t i = 0; i < k->params.len; i++) {
        const IrTensor *t = k->params.data[i].tensor;
        int64_t len = length(t, sizes), bytes = vocab_elem_bytes(t->elem);
        char *at = base_alloc(s->arena, (size_t)(len * bytes + 64));
        data[i] = at;
        for (int64_t j = 0; j < len; j++) {
            uint64_t bits = scalar_bits(kernel_start(t, &seed));
            memcpy(at + j * bytes, &bits, (size_t)bytes);
        }
    }
    return data;
}

static void expect_equal(Session *s, void **data, int64_t *sizes, const Outcome *expect,
                         const char *where)
{
    size_t at = 0;
    for (size_t i = 0; i < s->k->params.len; i++) {
        const IrTensor *t = s->k->params.data[i].tensor;
        if (!t->written) continue;
        int64_t len = length(t, sizes), bytes = vocab_elem_bytes(t->elem);
        for (int64_t j = 0; j < len; j++, at++) {
            uint64_t bits = 0;
            memcpy(&bits, (char *)data[i] + j * bytes, (size_t)bytes);
            Scalar got = scalar_from_bits(t->elem, bits);
            if (!scalar_same(got, expect->data[at]))
                fail_msg("%s: %s[%lld] is %s, not %s", where, t->name->text, (long long)j,
                         scalar_text(s->arena, got), scalar_text(s->arena, expect->data[at]));
        }
    }
}

/* ---- one kernel, one mode -------------------------------------------------------------------- */

static void run_kernel(Session *s, Program *program, const Symbol *kernel, const char *text,
                       const char *name, const Mode *mode)
{
    LowerOptions options = {.cpu = true};
    LowerPoint point = lower_first_point(s->arena, kernel);
    LowerStatus status = lower_kernel(s->arena, program, kernel, &options, &point, &s->k);
    expect_no_errors(s, name);
    assert_int_equal(status, LOWER_OK);
    const char *where = base_format(s->arena, "%s, %s: %s", name, kernel->name->text, mode->name);
    int64_t *sizes = sizes_of(s, text), grid[3];
    PassOptions o = {.target = PASS_FOR_CPU,
                     .index_bits = mode->index_bits,
                     .alignment = 1,
                     .verify = true,
                     .check = mode->check};
    if (getenv("HD_TEST_SHOW")) print_message("%s\n", where);
    Outcome expect = {0};
    for (int i = 0; i < pass_count(); i++) {
        if (pass_target(i) == PASS_FOR_CUDA) continue;
        if (strcmp(pass_name(i), "logical") == 0) expect = kernel_run(s, sizes);
        if (!pass_run_one(s->k, s->diags, &o, pass_name(i))) expect_no_errors(s, where);
    }
    Bench b = {
        .arena = s->arena, .diags = s->diags, .k = s->k, .seed = mode->seed, .level = mode->level};
    bench_build(&b, mode->index_bits, mode->check);
    void **data = make_tensors(s, sizes);
    for (int d = 0; d < 3; d++) grid[d] = evaluate(s->k->grid[d], sizes);
    bench_launch(&b, data, NULL, sizes, grid[0], grid[1], grid[2]);
    if (b.trap.state)
        fail_msg("%s: trapped: %s", where,
                 b.module->kernels[0].instances[0].sites[b.trap.site].text);
    expect_equal(s, data, sizes, &expect, where);
    dlclose(b.library);
}

static void run_file(const char *path)
{
    Session s;
    char *text = NULL;
    size_t len;
    session_begin(&s);
    if (setjmp(s.escape.env)) fail_msg("%s: %s", s.escape.pass, s.escape.message);
    assert_int_equal(base_file_read(s.arena, path, &text, &len), 0);
    Source *source = diag_add_source(s.diags, path, text, len);
    Program *program = sema_check(s.arena, s.names, s.diags, source, library, &s);
    expect_no_errors(&s, path);
    const Ast *items = KID(program->main->file, File, items);
    for (uint32_t i = 0; i < items->count; i++)
        for (size_t m = 0; items->kid[i]->kind == AST_Kernel && m < BASE_LEN(MODES); m++)
            run_kernel(&s, program, items->kid[i]->symbol, text, base_path_stem(s.arena, path),
                       &MODES[m]);
    session_end(&s);
}

static void run_folder(const char *pattern)
{
    glob_t files;
    assert_int_equal(glob(pattern, 0, NULL, &files), 0);
    assert_true(files.gl_pathc > 0);
    for (size_t i = 0; i < files.gl_pathc; i++) run_file(files.gl_pathv[i]);
    globfree(&files);
}

static void of_this_target(void **state)
{
    (void)state;
    run_folder(HD_SOURCE_DIR "/tests/unit/target/programs/*.hd");
}

static void of_the_passes(void **state)
{
    (void)state;
    run_folder(HD_SOURCE_DIR "/tests/unit/pass/programs/*.hd");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_this_target),
        cmocka_unit_test(of_the_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
