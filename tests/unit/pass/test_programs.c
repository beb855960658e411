/* Programs in .hd: what lowering makes of them, interpreted, and again after every pass of the
 * CUDA list, to the bit. The first line of each file gives the sizes. */
#include "kernels.h"
#include "lower/lower.h"
#include "pass/pass.h"

#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

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

/* Sizes as the file's first line gives them, in the kernel's own order. */
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

/* Bytes to which all rows are aligned with these sizes. */
static int alignment_of(const IrKernel *k, const int64_t *sizes)
{
    int64_t alignment = 16;
    for (size_t i = 0; i < k->tensors.len; i++) {
        const IrTensor *t = k->tensors.data[i];
        if (t->space != IR_PARAM || t->rank == 0) continue;
        const IrExpr *last = t->extents[t->rank - 1];
        int64_t extent = last->op == IR_SIZE ? sizes[last->imm] : last->value.i;
        alignment = base_gcd(alignment, extent * vocab_elem_bytes(t->elem));
    }
    return (int)alignment;
}

static void run_kernel(Session *s, const char *text, const char *name)
{
    const int64_t *sizes = sizes_of(s, text);
    PassOptions o = {.target = PASS_FOR_CUDA, .arch = 80, .index_bits = 64, .verify = true};
    o.alignment = alignment_of(s->k, sizes);
    Outcome before = kernel_run(s, sizes);
    for (int i = 0; i < pass_count(); i++) {
        if (pass_target(i) == PASS_FOR_CPU) continue;
        const char *where = base_format(s->arena, "%s: %s", name, pass_name(i));
        pass_run_one(s->k, s->diags, &o, pass_name(i));
        expect_no_errors(s, where);
        Outcome after = kernel_run(s, sizes);
        if (strcmp(pass_name(i), "contract") == 0) before = after;
        outcome_equal(&before, &after);
    }
}

static void run_file(const char *name)
{
    Session s;
    char *text = NULL;
    size_t len;
    session_begin(&s);
    if (setjmp(s.escape.env)) fail_msg("%s: %s", s.escape.pass, s.escape.message);
    const char *path = base_format(s.arena, HD_SOURCE_DIR "/tests/unit/pass/programs/%s", name);
    assert_int_equal(base_file_read(s.arena, path, &text, &len), 0);
    Source *source = diag_add_source(s.diags, path, text, len);
    Program *program = sema_check(s.arena, s.names, s.diags, source, library, &s);
    expect_no_errors(&s, name);
    const Ast *items = KID(program->main->file, File, items);
    int kernels = 0;
    for (uint32_t i = 0; i < items->count; i++) {
        if (items->kid[i]->kind != AST_Kernel) continue;
        const Symbol *kernel = items->kid[i]->symbol;
        LowerOptions options = {.arch = 80};
        LowerPoint point = lower_first_point(s.arena, kernel);
        LowerStatus status = lower_kernel(s.arena, program, kernel, &options, &point, &s.k);
        expect_no_errors(&s, name);
        assert_int_equal(status, LOWER_OK);
        run_kernel(&s, text, base_format(s.arena, "%s: %s", name, kernel->name->text));
        kernels++;
    }
    assert_true(kernels > 0);
    session_end(&s);
}

#define PROGRAM(name)                                                                              \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        run_file(#name ".hd");                                                                     \
    }
PROGRAM(softmax)
PROGRAM(buffered)
PROGRAM(tiled)
PROGRAM(groups)
PROGRAM(elementwise)
PROGRAM(views)
PROGRAM(products)
PROGRAM(pipeline)
PROGRAM(stores)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),     cmocka_unit_test(test_buffered),
        cmocka_unit_test(test_tiled),       cmocka_unit_test(test_groups),
        cmocka_unit_test(test_elementwise), cmocka_unit_test(test_views),
        cmocka_unit_test(test_products),    cmocka_unit_test(test_pipeline),
        cmocka_unit_test(test_stores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
