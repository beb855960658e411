/* Places, templates, repetition, suggestions, and both renderings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdlib.h>

#include "diag/diag.h"

typedef struct Session {
    Escape escape;
    Arena *arena;
    Diags *diags;
} Session;

static int open_session(void **state)
{
    Session *s = calloc(1, sizeof *s);
    s->arena = base_arena_create(&s->escape);
    s->diags = diag_create(s->arena);
    *state = s;
    return 0;
}

static int close_session(void **state)
{
    Session *s = *state;
    base_arena_destroy(s->arena);
    free(s);
    return 0;
}

static Source *add(Session *s, const char *path, const char *text)
{
    return diag_add_source(s->diags, path, text, strlen(text));
}

static char *render(Session *s, bool color)
{
    Sb sb = base_sb(s->arena);
    diag_render_text(s->diags, &sb, color);
    return base_sb_text(&sb);
}

/* Every coordinate of several sources against a count from the start. */
static void positions(void **state)
{
    Session *s = *state;
    const char *texts[] = {"", "a\nbc\n\n\xc3\xa4x\n", "one line", "\n\n", "\r\nx"};
    Source *sources[BASE_LEN(texts)];
    for (size_t i = 0; i < BASE_LEN(texts); i++) sources[i] = add(s, "f.hd", texts[i]);
    assert_int_equal(sources[0]->base, 1);
    for (size_t i = 0; i < BASE_LEN(texts); i++) {
        uint32_t line = 1, column = 1;
        for (uint32_t at = 0; at <= sources[i]->len; at++) {
            Position p = diag_position(s->diags, sources[i]->base + at);
            assert_ptr_equal(p.source, sources[i]);
            assert_int_equal(p.line, line);
            assert_int_equal(p.column, column);
            if (texts[i][at] == '\n') {
                line++;
                column = 1;
            } else if (((unsigned char)texts[i][at] & 0xc0) != 0x80) {
                column++;
            }
        }
    }
    assert_null(diag_position(s->diags, 0).source);
    assert_null(diag_position(s->diags, UINT32_MAX).source);
}

static void coordinates_run_out(void **state)
{
    Session *s = *state;
    assert_null(diag_add_source(s->diags, "huge", "", (size_t)UINT32_MAX));
    assert_non_null(diag_add_source(s->diags, "most", "", (size_t)UINT32_MAX - 2));
    assert_null(diag_add_source(s->diags, "more", "", 1));
}

static void codes(void **state)
{
    (void)state;
    for (DiagCode code = DIAG_NONE + 1; code < DIAG_COUNT; code++) {
        const char *text = diag_code_text(code);
        assert_int_equal(strlen(text), 5);
        assert_true(text[0] == 'E' || text[0] == 'W');
        assert_int_equal(diag_code_find(text), code);
        char lower[6] = {(char)tolower(text[0]), text[1], text[2], text[3], text[4], 0};
        assert_int_equal(diag_code_find(lower), code);
    }
    assert_int_equal(diag_code_find("E9999"), DIAG_NONE);
    assert_int_equal(diag_code_find(""), DIAG_NONE);
}

static void templates(void **state)
{
    Session *s = *state;
    Source *f = add(s, "f.hd", "abc\n");
    Span a = {f->base, f->base + 1}, b = {f->base + 1, f->base + 2};
    assert_string_equal(diag_report(s->diags, DIAG_BAD_NUMBER, a, "12{1}", "x")->text,
                        "`12{1}` is not a number: x");
    assert_string_equal(diag_report(s->diags, DIAG_BAD_NUMBER, b, "1")->text,
                        "`1` is not a number: {1}");
    assert_int_equal(s->diags->errors, 2);
}

static void repetition(void **state)
{
    Session *s = *state;
    Source *f = add(s, "f.hd", "abc\n");
    Span a = {f->base, f->base + 1}, b = {f->base, f->base + 2};
    Diag *first = diag_report(s->diags, DIAG_SYNTAX, a, "one");
    Diag *again = diag_report(s->diags, DIAG_SYNTAX, a, "two");
    assert_ptr_not_equal(first, again);
    diag_note(s->diags, again, "lost");
    diag_report(s->diags, DIAG_SYNTAX, b, "three");
    diag_report(s->diags, DIAG_STRAY_BRACKET, a, ")");
    assert_int_equal(s->diags->list.len, 3);
    assert_int_equal(first->notes.len, 0);
    diag_forget(s->diags, 1);
    assert_int_equal(s->diags->errors, 1);
    diag_report(s->diags, DIAG_SYNTAX, a, "still there");
    assert_int_equal(s->diags->errors, 1);
    diag_report(s->diags, DIAG_SYNTAX, b, "again");
    assert_int_equal(s->diags->errors, 2);
}

static void suggestions(void **state)
{
    Session *s = *state;
    static const char *const candidates[] = {"spatial", "repeat", "replicate", "block"};
    static const struct {
        const char *word, *best;
    } cases[] = {
        {"spatail", "spatial"}, {"repaet", "repeat"}, {"blok", "block"},        {"zzz", NULL},
        {"block", NULL},        {"x", NULL},          {"replicat", "replicate"}};
    for (size_t i = 0; i < BASE_LEN(cases); i++) {
        Diag *diag = diag_report(s->diags, DIAG_SYNTAX, ((Span){0, 0}), "?");
        diag_suggest(s->diags, diag, cases[i].word, BASE_LEN(candidates), candidates);
        assert_int_equal(diag->notes.len, cases[i].best != NULL);
        if (cases[i].best)
            assert_string_equal(diag->notes.data[0],
                                base_format(s->arena, "did you mean `%s`?", cases[i].best));
    }
}

static void text(void **state)
{
    Session *s = *state;
    Source *f = add(s, "dir/f.hd", "let a = 1\n\tlet \xc3\xa4 = (2\nend\n");
    Source *g = add(s, "g.hd", "here\n");
    Diag *late =
        diag_report(s->diags, DIAG_UNCLOSED_BRACKET, ((Span){f->base + 20, f->base + 21}), "(");
    diag_label(s->diags, late, (Span){f->base + 15, f->base + 17}, "this is `%s`", "\xc3\xa4");
    diag_label(s->diags, late, (Span){f->base + 4, f->base + 5}, "and this");
    diag_label(s->diags, late, (Span){g->base, g->base + 4}, "and that");
    diag_note(s->diags, late, "close it");
    diag_report(s->diags, DIAG_SYNTAX, ((Span){f->base + 9, f->base + 9}), "early");
    diag_report(s->diags, DIAG_SYNTAX, ((Span){0, 0}), "nowhere");
    assert_string_equal(render(s, false), "hdc: error: nowhere [E0010]\n"
                                          "dir/f.hd:1:10: error: early [E0010]\n"
                                          " 1 | let a = 1\n"
                                          "   |          ^\n"
                                          "dir/f.hd:2:10: error: `(` is never closed [E0011]\n"
                                          " 2 |     let \xc3\xa4 = (2\n"
                                          "   |             ^\n"
                                          "   |         - this is `\xc3\xa4`\n"
                                          " 1 | let a = 1\n"
                                          "   |     - and this\n"
                                          "   > g.hd:1:1\n"
                                          " 1 | here\n"
                                          "   | ---- and that\n"
                                          "   = note: close it\n");
    assert_non_null(strstr(render(s, true), "\033[1;31merror: "));
}

static void endless_line(void **state)
{
    Session *s = *state;
    size_t len = 3000000;
    char *line = base_alloc(s->arena, len + 1);
    for (size_t i = 0; i < len; i++) line[i] = (char)('a' + i % 26);
    Source *f = diag_add_source(s->diags, "long.hd", line, len);
    diag_report(s->diags, DIAG_SYNTAX, ((Span){f->base + 1500000, f->base + 2500000}), "here");
    char *shown = render(s, false);
    assert_true(strlen(shown) < 500);
    assert_non_null(strstr(shown, "long.hd:1:1500001: "));
}

static void warnings(void **state)
{
    Session *s = *state;
    DiagCode warning = DIAG_NONE;
    for (DiagCode code = 1; code < DIAG_COUNT; code++)
        if (strncmp(diag_code_text(code), "W01", 3) == 0) warning = code;
    if (warning == DIAG_NONE) skip();
    assert_int_equal(diag_report(s->diags, warning, ((Span){0, 0}))->severity, SEVERITY_WARNING);
    s->diags->warnings_as_errors = true;
    assert_int_equal(diag_report(s->diags, warning, ((Span){0, 0}))->severity, SEVERITY_ERROR);
    assert_int_equal(s->diags->warnings, 1);
    assert_int_equal(s->diags->errors, 1);
}

static void warnings_about_speed(void **state)
{
    Session *s = *state;
    diag_report(s->diags, DIAG_SIMT_PRODUCT, ((Span){0, 0}), "so");
    assert_int_equal(s->diags->list.len, 0);
    s->diags->performance = true;
    Diag *d = diag_report(s->diags, DIAG_SIMT_PRODUCT, ((Span){0, 0}), "so");
    assert_int_equal(d->severity, SEVERITY_WARNING);
    s->diags->silent[DIAG_SIMT_PRODUCT] = true;
    diag_report(s->diags, DIAG_SIMT_PRODUCT, ((Span){0, 0}), "so");
    assert_int_equal(s->diags->list.len, 1);
    assert_int_equal(s->diags->warnings, 1);
}

/* ---- JSON, by a reader of its grammar */

static const char *blank(const char *p)
{
    while (*p == ' ' || *p == '\n') p++;
    return p;
}

static const char *json_string(const char *p)
{
    assert_int_equal(*p, '"');
    for (p++; *p != '"'; p++) {
        assert_true((unsigned char)*p >= 0x20 && *p != 0x7f);
        if (*p != '\\') continue;
        p++;
        assert_non_null(strchr("\"\\/bfnrtu", *p));
        if (*p == 'u')
            for (int i = 0; i < 4; i++) assert_true(isxdigit((unsigned char)*++p));
    }
    return p + 1;
}

static const char *json_value(const char *p)
{
    p = blank(p);
    if (*p == '"') return json_string(p);
    if (strncmp(p, "null", 4) == 0) return p + 4;
    if (isdigit((unsigned char)*p)) return p + strspn(p, "0123456789");
    char close = *p == '{' ? '}' : ']';
    assert_true(*p == '{' || *p == '[');
    p = blank(p + 1);
    if (*p == close) return p + 1;
    for (;; p++) {
        if (close == '}') {
            p = blank(json_string(blank(p)));
            assert_int_equal(*p++, ':');
        }
        p = blank(json_value(p));
        if (*p == close) return p + 1;
        assert_int_equal(*p, ',');
    }
}

static void json(void **state)
{
    Session *s = *state;
    Sb sb = base_sb(s->arena);
    diag_render_json(s->diags, &sb);
    assert_string_equal(base_sb_text(&sb), "[]\n");
    Source *f = add(s, "a\"b\\c\n.hd", "x\ny\n");
    Diag *d = diag_report(s->diags, DIAG_SYNTAX, ((Span){f->base, f->base + 3}),
                          "tab\t quote\" bell\a bad\xff\xc3 cut\xe2\x82 good\xe2\x82\xac");
    diag_label(s->diags, d, (Span){f->base + 2, f->base + 3}, "label");
    diag_label(s->diags, d, (Span){0, 0}, NULL);
    diag_note(s->diags, d, "one");
    diag_note(s->diags, d, "two");
    diag_report(s->diags, DIAG_SYNTAX, ((Span){0, 0}), "nowhere");
    sb.len = 0;
    diag_render_json(s->diags, &sb);
    const char *out = base_sb_text(&sb);
    assert_string_equal(blank(json_value(out)), "");
    assert_non_null(strstr(out, "tab\\t quote\\\" bell\\u0007 bad\\ufffd\\ufffd cut\\ufffd\\ufffd "
                                "good\xe2\x82\xac"));
    assert_non_null(strstr(out, "\"line\":1,\"column\":1,\"end_line\":2,\"end_column\":2"));
    assert_non_null(strstr(out, "\"file\":\"a\\\"b\\\\c\\n.hd\""));
    assert_non_null(strstr(out, "\"notes\":[\"one\",\"two\"]"));
    assert_non_null(strstr(out, "\"file\":null"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, open_session, close_session)
    const struct CMUnitTest tests[] = {
        TEST(positions), TEST(coordinates_run_out),  TEST(codes),
        TEST(templates), TEST(repetition),           TEST(suggestions),
        TEST(text),      TEST(endless_line),         TEST(warnings),
        TEST(json),      TEST(warnings_about_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
