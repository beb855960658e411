/* `layout swizzle`: whatever the tensor's type and shape, elements have places of their own, 16
 * bytes in a row stay together, and the 8 lanes of a phase of 16-byte accesses meet 8 different
 * quarters of the banks: down 8 lines at one chunk, and along 8 chunks of a line. The offsets that
 * the IR computes are the layout's formula. */
#include "lower/lower.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

typedef struct Session {
    Escape escape;
    Arena *arena;
    Diags *diags;
    IrKernel *k;
} Session;

static const char *no_library(void *user, const char *path, size_t *len)
{
    (void)user, (void)path, (void)len;
    return NULL;
}

/* What a chosen swizzle keeps together; 0: the default. */
static int unit;

/* The kernel of `text`; NULL if it is wrong. */
static IrKernel *lower(Session *s, const char *text)
{
    *s = (Session){0};
    if (setjmp(s->escape.env)) fail_msg("%s", s->escape.message);
    s->arena = base_arena_create(&s->escape);
    s->diags = diag_create(s->arena);
    Source *source = diag_add_source(s->diags, "test.hd", text, strlen(text));
    Program *program =
        sema_check(s->arena, base_interner_create(s->arena), s->diags, source, no_library, NULL);
    if (s->diags->errors) return NULL;
    const Symbol *kernel = KID(program->main->file, File, items)->kid[0]->symbol;
    LowerOptions options = {.arch = 80, .swizzle_bytes = &unit, .swizzle_count = 1};
    LowerPoint point = lower_first_point(s->arena, kernel);
    if (lower_kernel(s->arena, program, kernel, &options, &point, &s->k) != LOWER_OK) return NULL;
    return s->k;
}

static const IrTensor *shared_of(Session *s, const char *type, const char *layout)
{
    const char *text = "kernel k(n: i32)\n    launch grid(1), block(32)\n{\n"
                       "    shared s: %s layout %s\n    if n == 1 { s[0, 0] = s[0, 1] }\n}\n";
    char buffer[400];
    snprintf(buffer, sizeof buffer, text, type, layout);
    if (!lower(s, buffer)) {
        Sb sb = {0};
        if (s->diags) {
            sb = base_sb(s->arena);
            diag_render_text(s->diags, &sb, false);
        }
        fail_msg("%s\n%s", buffer, base_sb_text(&sb));
    }
    for (size_t i = 0; i < s->k->tensors.len; i++)
        if (s->k->tensors.data[i]->space == IR_SHARED) return s->k->tensors.data[i];
    fail();
    return NULL;
}

/* By the definition in ir.h. */
static int64_t place_of(const IrLayout *l, const int64_t *index)
{
    int64_t sum = 0;
    for (int i = 0; i < l->count; i++) {
        const IrLayoutDigit *d = &l->digits[i];
        int64_t v = index[d->dim] / d->divide;
        sum += (d->extent ? v % d->extent : v) * d->place;
    }
    int64_t mask = ((int64_t)1 << l->swizzle_bits) - 1;
    return l->swizzle_bits ? sum ^ ((sum >> l->swizzle_from & mask) << l->swizzle_to) : sum;
}

typedef struct Shape {
    const IrLayout *layout;
    int64_t rows, line, bits;
    bool turned; /* the first dimension is the contiguous one */
} Shape;

static int64_t at(const Shape *s, int64_t row, int64_t i)
{
    int64_t index[2] = {s->turned ? i : row, s->turned ? row : i};
    return place_of(s->layout, index);
}

static void places_differ(const Shape *s, const char *what)
{
    bool *taken = calloc((size_t)s->layout->size, 1);
    for (int64_t row = 0; row < s->rows; row++)
        for (int64_t i = 0; i < s->line; i++) {
            int64_t place = at(s, row, i);
            if (place < 0 || place >= s->layout->size || taken[place])
                fail_msg("%s: (%d, %d) lies at %d of %d", what, (int)row, (int)i, (int)place,
                         (int)s->layout->size);
            taken[place] = true;
        }
    free(taken);
}

static void chunks_stay_whole(const Shape *s, const char *what)
{
    int64_t chunk = 128 / s->bits;
    for (int64_t row = 0; row < s->rows; row++)
        for (int64_t i = 0; i + chunk <= s->line; i += chunk)
            for (int64_t j = 0; j < chunk; j++)
                if (at(s, row, i) % chunk || at(s, row, i + j) != at(s, row, i) + j)
                    fail_msg("%s: chunk at (%d, %d)", what, (int)row, (int)i);
}

/* Which of the 8 groups of 4 banks a chunk is in. */
static int64_t group_of(const Shape *s, int64_t row, int64_t chunk)
{
    return at(s, row, chunk * 128 / s->bits) * s->bits / 128 % 8;
}

static void phases_meet_all_banks(const Shape *s, const char *what)
{
    int64_t chunks = s->line * s->bits / 128;
    for (int64_t row = 0; row + 8 <= s->rows; row++)
        for (int64_t c = 0; c < chunks; c++) {
            int seen = 0;
            for (int64_t r = 0; r < 8; r++) seen |= 1 << group_of(s, row + r, c);
            if (seen != 255) fail_msg("%s: 8 lines from %d, chunk %d", what, (int)row, (int)c);
        }
    for (int64_t row = 0; row < s->rows; row++)
        for (int64_t c = 0; c + 8 <= chunks; c += 8) {
            int seen = 0;
            for (int64_t i = 0; i < 8; i++) seen |= 1 << group_of(s, row, c + i);
            if (seen != 255) fail_msg("%s: 8 chunks from %d of line %d", what, (int)c, (int)row);
        }
}

static void check(const char *elem, int64_t bits, int64_t rows, int64_t line, bool turned)
{
    Session s;
    char type[64];
    snprintf(type, sizeof type, "%s[%d, %d]", elem, (int)(turned ? line : rows),
             (int)(turned ? rows : line));
    const IrTensor *t = shared_of(&s, type, turned ? "col swizzle" : "swizzle");
    Shape shape = {t->layout, rows, line, bits, turned};
    places_differ(&shape, type);
    chunks_stay_whole(&shape, type);
    phases_meet_all_banks(&shape, type);
    base_arena_destroy(s.arena);
}

static const struct {
    const char *name;
    int64_t bits;
} elems[] = {{"i8", 8},   {"f8e4m3", 8}, {"f16", 16}, {"bf16", 16},
             {"f32", 32}, {"i32", 32},   {"f64", 64}};

static void powers_of_two(void **state)
{
    (void)state;
    for (size_t e = 0; e < BASE_LEN(elems); e++)
        for (int64_t bytes = 16; bytes <= 1024; bytes *= 2)
            for (int turned = 0; turned < 2; turned++)
                check(elems[e].name, elems[e].bits, 32, bytes * 8 / elems[e].bits, turned);
}

static void any_line(void **state)
{
    (void)state;
    for (size_t e = 0; e < BASE_LEN(elems); e += 2) {
        int64_t chunk = 128 / elems[e].bits;
        for (int64_t chunks = 2; chunks <= 50; chunks++) {
            check(elems[e].name, elems[e].bits, 24, chunks * chunk, false);
            check(elems[e].name, elems[e].bits, 24, chunks * chunk - chunk / 2, chunks % 2);
            if (chunk > 1) check(elems[e].name, elems[e].bits, 9, chunks * chunk + 1, false);
        }
    }
}

/* Units of 4 bytes are for accesses of 4 bytes by 32 lanes, units of 8 for two phases of 16. */
static void smaller_units(void **state)
{
    (void)state;
    for (unit = 4; unit <= 8; unit *= 2)
        for (int64_t bytes = 128 / 32 * unit; bytes <= 512; bytes += unit) {
            Session s;
            char type[64];
            int lanes = 128 / unit;
            snprintf(type, sizeof type, "u8[40, %d]", (int)bytes);
            const IrTensor *t = shared_of(&s, type, "swizzle");
            Shape shape = {t->layout, 40, bytes, 8, false};
            places_differ(&shape, type);
            assert_int_equal(t->layout->chosen, 1);
            bool whole = bytes % 16 == 0; /* others are padded: an odd number of units or not */
            for (int64_t first = 0; first + lanes <= 40 && whole; first++)
                for (int64_t column = 0; column + unit <= bytes; column += unit) {
                    uint64_t seen = 0;
                    for (int64_t i = 0; i < lanes; i++)
                        seen |= UINT64_C(1) << at(&shape, first + i, column) / unit % lanes;
                    if (seen != (UINT64_C(1) << lanes) - 1)
                        fail_msg("%s: %d lines from %d at byte %d", type, lanes, (int)first,
                                 (int)column);
                }
            base_arena_destroy(s.arena);
        }
    unit = 0;
}

/* Padding and stages: the given pad stays, and no place is outside the storage. */
static void with_other_words(void **state)
{
    (void)state;
    static const char *const layouts[] = {"pad(8) swizzle", "pad(3) swizzle",
                                          "swizzle(3, 3, 4) pad(8)", "swizzle(2, 0, 5)",
                                          "swizzle(3, 2, 1)"};
    for (size_t i = 0; i < BASE_LEN(layouts); i++) {
        Session s;
        const IrTensor *t = shared_of(&s, "f16[13, 72]", layouts[i]);
        Shape shape = {t->layout, 13, 72, 16, false};
        places_differ(&shape, layouts[i]);
        base_arena_destroy(s.arena);
    }
}

static void bad_numbers(void **state)
{
    (void)state;
    static const char *const wrong[] = {"swizzle(0, 3, 3)", "swizzle(3, -1, 3)", "swizzle(3, 3, 0)",
                                        "swizzle(3, 3)", "swizzle(99, 3, 3)"};
    for (size_t i = 0; i < BASE_LEN(wrong); i++) {
        Session s;
        char text[300];
        snprintf(text, sizeof text,
                 "kernel k(n: i32)\n    launch grid(1), block(32)\n{\n"
                 "    shared s: f16[8, 64] layout %s\n    s[0, 0] = 1\n}\n",
                 wrong[i]);
        assert_null(lower(&s, text));
        assert_int_equal(s.diags->list.len, 1);
        assert_int_equal(s.diags->list.data[0]->code, DIAG_LAYOUT);
        base_arena_destroy(s.arena);
    }
}

/* ---- offsets ------------------------------------------------------------------------------- */

typedef struct Values {
    const IrVar *var[3];
    int64_t value[3], thread;
} Values;

static bool leaf(void *user, const IrExpr *e, int64_t *value)
{
    const Values *v = user;
    if (e->op == IR_TID) *value = v->thread;
    for (int i = 0; i < 3; i++)
        if (e->op == IR_VAR && e->var == v->var[i]) *value = v->value[i];
    return e->op == IR_TID || e->op == IR_VAR;
}

/* Indices as mappings make them: of the thread, a repetition, a chunk's counter. */
static void check_offsets(Session *s, const IrTensor *t, int64_t across, int64_t width)
{
    IrKernel *k = s->k;
    Values v = {0};
    int64_t extent[3] = {4, 4, width};
    const IrExpr *counter[3], *index[2], *tid = ir_tid(k);
    for (int i = 0; i < 3; i++) {
        IrVar *var = ir_new_var(k, k->name, (IrType){ELEM_INDEX, 1}, false);
        var->lo = 0, var->hi = extent[i] - 1;
        v.var[i] = var, counter[i] = ir_var(k, var);
    }
    const IrExpr *down = ir_binary(k, IR_MUL, counter[0], ir_index(k, 32 / across));
    index[0] = ir_binary(k, IR_ADD, ir_binary(k, IR_DIV, tid, ir_index(k, across)), down);
    const IrExpr *chunk = ir_binary(k, IR_MOD, tid, ir_index(k, across));
    chunk = ir_binary(k, IR_ADD, chunk, ir_binary(k, IR_MUL, counter[1], ir_index(k, across)));
    chunk = ir_binary(k, IR_MUL, chunk, ir_index(k, width));
    index[1] = ir_binary(k, IR_ADD, chunk, counter[2]);
    const IrExpr *offset = ir_offset(k, t, index);
    for (v.thread = 0; v.thread < 32; v.thread++)
        for (int64_t n = 0; n < 16 * width; n++) {
            int64_t at[2], got;
            v.value[0] = n / 4 / width, v.value[1] = n / width % 4, v.value[2] = n % width;
            for (int i = 0; i < 2; i++) assert_true(ir_eval_int(index[i], leaf, &v, &at[i]));
            assert_true(ir_eval_int(offset, leaf, &v, &got));
            assert_int_equal(got, place_of(t->layout, at));
            assert_true(got >= offset->lo && got <= offset->hi);
        }
}

static void offsets_follow_the_formula(void **state)
{
    (void)state;
    static const char *const layouts[] = {
        "swizzle",        "swizzle(3, 3, 3)", "swizzle(2, 1, 5)",       "swizzle(3, 2, 1)",
        "pad(8) swizzle", "col swizzle",      "pad(3) swizzle(2, 4, 3)"};
    for (size_t i = 0; i < BASE_LEN(layouts); i++)
        for (int64_t across = 1; across <= 32; across *= 2)
            for (int64_t width = 1; width <= 8; width *= 2) {
                Session s;
                char type[64];
                snprintf(type, sizeof type, "f16[%d, %d]", (int)(4 * 32 / across),
                         (int)(4 * across * width));
                const IrTensor *t = shared_of(&s, type, layouts[i]);
                check_offsets(&s, t, across, width);
                base_arena_destroy(s.arena);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(powers_of_two),    cmocka_unit_test(any_line),
        cmocka_unit_test(with_other_words), cmocka_unit_test(smaller_units),
        cmocka_unit_test(bad_numbers),      cmocka_unit_test(offsets_follow_the_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
