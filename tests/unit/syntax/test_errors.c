/* What is wrong is said once, where it is, in words; hostile input ends in diagnostics. */
#include "syntax/session.h"

typedef struct Case {
    const char *text;
    DiagCode code;
    uint32_t line, column;
    const char *message; /* a part of it */
} Case;

static const Case cases[] = {
    {"const A = $\n", DIAG_BAD_CHARACTER, 1, 11, "`$`"},
    {"const A = \x01\n", DIAG_BAD_CHARACTER, 1, 11, "U+0001"},
    {"const A = \xe2\x82\xac\n", DIAG_BAD_CHARACTER, 1, 11, "`\xe2\x82\xac`"},
    {"const A = 1\n\xff\n", DIAG_BAD_ENCODING, 2, 1, "UTF-8"},
    {"const A = \"abc\nconst B = 1\n", DIAG_UNTERMINATED_STRING, 1, 11, "does not end"},
    {"const A = \"abc\\\n", DIAG_UNTERMINATED_STRING, 1, 11, "does not end"},
    {"const A = \"a\\qb\"\n", DIAG_SYNTAX, 1, 13, "escape"},
    {"const A = \"\\u{110000}\"\n", DIAG_SYNTAX, 1, 12, "escape"},
    {"const A = \"\\u{}\"\n", DIAG_SYNTAX, 1, 12, "escape"},
    {"const A = 1\n/* x /* y */\n", DIAG_UNTERMINATED_COMMENT, 2, 1, "never closed"},
    {"fn f() {\n    a = 1 /* x\n}\n", DIAG_UNTERMINATED_COMMENT, 2, 11, "never closed"},
    {"const A = 12abc\n", DIAG_BAD_NUMBER, 1, 11, "12abc"},
    {"const A = 1.5e\n", DIAG_BAD_NUMBER, 1, 11, "1.5e"},
    {"const A = 0x\n", DIAG_BAD_NUMBER, 1, 11, "0x"},
    {"const A = 0b_\n", DIAG_BAD_NUMBER, 1, 11, "no digits"},
    {"const A = 18446744073709551616\n", DIAG_BAD_NUMBER, 1, 11, "64 bits"},
    {"const A = 1e999\n", DIAG_BAD_NUMBER, 1, 11, "f64"},
    {"const A 1\n", DIAG_SYNTAX, 1, 9, "expected `:` or `=`, found `1`"},
    {"const A =\n", DIAG_SYNTAX, 1, 10, "expected an expression, found the end of the line"},
    {"const A = (1 + 2\nconst B = 1\n", DIAG_UNCLOSED_BRACKET, 1, 11, "`(`"},
    {"const A = [1, 2)\n", DIAG_STRAY_BRACKET, 1, 16, "`)`"},
    {"const A = 1)\n", DIAG_STRAY_BRACKET, 1, 12, "`)`"},
    {"fn f() {\n    a = 1\n", DIAG_UNCLOSED_BRACKET, 1, 8, "`{`"},
    {"fn f() {\n    a = 1\n\nfn g() {\n}\n", DIAG_UNCLOSED_BRACKET, 1, 8, "`{`"},
    {"fn f() {\n    if a {\n        b\n}\nfn g() {\n}\n", DIAG_UNCLOSED_BRACKET, 2, 10, "`{`"},
    {"fn f() {\n    a\n    }\n}\n", DIAG_STRAY_BRACKET, 3, 5, "`}`"},
    {"fn f() {\n    g(a,\n    let b = 1\n}\n", DIAG_UNCLOSED_BRACKET, 2, 6, "`(`"},
    {"fn f() {\n    g(a b)\n}\n", DIAG_SYNTAX, 2, 9, "expected `)` or `,`, found `b`"},
    {"fn f() {\n    if a = 1 { b }\n}\n", DIAG_SYNTAX, 2, 10, "`=`"},
    {"fn f() {\n    let a = b < c < d\n}\n", DIAG_SYNTAX, 2, 19, "`<`"},
    {"fn f() {\n    let a = x[0] else 1 + y[0] else 2 + 3 ) \n}\n", DIAG_STRAY_BRACKET, 2, 43,
     "`)`"},
    {"fn f() {\n    let = 1\n}\n", DIAG_SYNTAX, 2, 9, "expected a name, `_` or `(`, found `=`"},
    {"fn f() {\n    for i range(3) { a }\n}\n", DIAG_SYNTAX, 2, 11, "expected `in`, found `range`"},
    {"fn f( {\n    a = 1\n}\n", DIAG_UNCLOSED_BRACKET, 1, 5, "`(`"},
    {"fn f(x: ) {\n}\n", DIAG_SYNTAX, 1, 9, "expected a type, `out` or `inout`, found `)`"},
    {"fn f() -> {\n}\n", DIAG_SYNTAX, 1, 11, "expected a type, found `{`"},
    {"a = 1\n", DIAG_SYNTAX, 1, 1, "expected a declaration, found `a`"},
    {"kernel k() launch grid(1), block(1) launch grid(2), block(2) {\n}\n", DIAG_SYNTAX, 1, 37,
     "one `launch`"},
    {"op relu(x: f32[n]) -> y: f32[n] { y[i] = max(x[i], 0) }\n", DIAG_RESERVED, 1, 1, "`op`"},
    {"fn f() {\n    temp(a, b, c)\n    temp(d, e, f)\n}\n", DIAG_RESERVED, 2, 5, "`temp`"},
    {"fn f() {\n    for p in auto(8) pipeline 2 { a }\n}\n", DIAG_SYNTAX, 2, 31, "expected `(`"},
    {"fn f() {\n    on warpgroup[0] regs { a }\n}\n", DIAG_SYNTAX, 2, 26, "expected"},
    {"@ kernel k() launch grid(1), block(1) { }\n", DIAG_RESERVED, 1, 1, "`@`"},
    {"@fast fn f() { }\n", DIAG_ATTRIBUTE, 1, 1, "before a kernel"},
    {"fn f() {\n    g(1\n@fast kernel k() launch grid(1), block(1) { }\n", DIAG_UNCLOSED_BRACKET, 2,
     6, "("},
};

static void one_each(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < BASE_LEN(cases); i++) {
        const Case *c = &cases[i];
        Session *s = session_open();
        session_parse(s, c->text);
        if (s->diags->list.len != 1) fail_msg("%s----\n%s", c->text, session_diags(s));
        const Diag *diag = s->diags->list.data[0];
        Position at = diag_position(s->diags, diag->span.begin);
        if (diag->code != c->code || at.line != c->line || at.column != c->column ||
            !strstr(diag->text, c->message))
            fail_msg("%s---- %u:%u %s\n%s", c->text, c->line, c->column, c->message,
                     session_diags(s));
        session_close(s);
    }
}

/* What to do about it, where that can be guessed. */
static void hints(void **unused)
{
    (void)unused;
    static const char *const hinted[][2] = {
        {"if a = 1 { b }", "`==` compares"},
        {"let a = b < c < d", "comparisons do not chain"},
        {"let a = 1 + x[0] else 2 + y", NULL},
        {"let a = (b < x[0] else 2 else 3) + 1", NULL},
        {"fro i in range(3) { a }", "did you mean `for`?"},
        {"lett a = 1", "did you mean `let`?"},
        {"for i in a on thred { b }", "did you mean `thread`?"},
        {"for i in a whitin (n) { b }", "did you mean `within`?"},
        {"foo(1 2)", NULL},
    };
    for (size_t i = 0; i < BASE_LEN(hinted); i++) {
        Session *s = session_open();
        session_parse(s, base_format(s->arena, "fn f() {\n    %s\n}\n", hinted[i][0]));
        const char *shown = session_diags(s);
        if (hinted[i][1] ? !strstr(shown, hinted[i][1]) : strstr(shown, "note: ") != NULL)
            fail_msg("%s", shown);
        session_close(s);
    }
}

/* Mistakes in different statements are all reported, each once. */
static void all_in_one_run(void **unused)
{
    (void)unused;
    Session *s = session_open();
    session_parse(s, "const = 1\n"
                     "kernel k(x f32[n]) launch grid(1), block(1) {\n"
                     "    let a = * 2\n"
                     "    if b == { c = ) }\n"
                     "    for i in { d }\n"
                     "    x[i = 3\n"
                     "    e = 1\n"
                     "}\n"
                     "fn f(x: ) { g(, ) }\n");
    assert_int_equal(s->diags->errors, 9);
    session_close(s);
}

static void survivors(void **unused)
{
    (void)unused;
    Session *s = session_open();
    Ast *file = session_parse(
        s, "fn f() {\n    a = \n    b = 2\n    temp(a)\n    c = 3\n}\nconst = 1\nconst B = 2\n");
    char *tree = session_print(s, file);
    assert_int_equal(s->diags->errors, 3);
    assert_non_null(strstr(tree, "(assign (name c) (int 3))"));
    assert_non_null(strstr(tree, "(const B (int 2))"));
    assert_non_null(strstr(tree, "(error)"));
    assert_null(strstr(tree, "temp"));
    session_close(s);
}

/* ---- hostile input */

static DiagCode first_code(Session *s)
{
    return s->diags->list.len ? s->diags->list.data[0]->code : DIAG_NONE;
}

static void expect_code(const char *text, size_t len, DiagCode code)
{
    Session *s = session_open();
    Ast *file = session_parse_n(s, text, len);
    assert_int_equal(file->kind, AST_File);
    if (first_code(s) != code)
        fail_msg("expected %s: %.2000s", diag_code_text(code), session_diags(s));
    assert_true(s->diags->list.len <= 200);
    session_close(s);
}

static void repeated(const char *head, const char *unit, size_t count, const char *tail,
                     DiagCode code)
{
    size_t a = strlen(head), b = strlen(unit), c = strlen(tail);
    char *text = malloc(a + b * count + c + 1);
    memcpy(text, head, a);
    for (size_t i = 0; i < count; i++) memcpy(text + a + i * b, unit, b);
    memcpy(text + a + b * count, tail, c + 1);
    expect_code(text, a + b * count + c, code);
    free(text);
}

static void nasty(void **unused)
{
    (void)unused;
    expect_code("", 0, DIAG_NONE);
    expect_code("\n\n  \n", 5, DIAG_NONE);
    expect_code("\0\0\0", 3, DIAG_BAD_ENCODING);
    expect_code("\x7f"
                "ELF\x02\x01\x01\0\0",
                9, DIAG_BAD_ENCODING);
    expect_code("\xed\xa0\x80", 3, DIAG_BAD_ENCODING);              /* a surrogate */
    expect_code("const A = \"\xf0\x9f\x98", 14, DIAG_BAD_ENCODING); /* cut short */
    repeated("const A = ", "(", 10000, "", DIAG_TOO_DEEP);
    repeated("const A = ", "[", 10000, "1", DIAG_TOO_DEEP);
    repeated("const A = ", "-", 100000, "1\n", DIAG_TOO_DEEP);
    repeated("const A = ", "!(", 5000, "1\n", DIAG_TOO_DEEP);
    repeated("const A = a", " + a", 100000, "\n", DIAG_TOO_DEEP);
    repeated("const A = a", "[0]", 100000, "\n", DIAG_TOO_DEEP);
    repeated("const A = a", ".b", 100000, "\n", DIAG_TOO_DEEP);
    repeated("const A = ", "a ? b : ", 100000, "c\n", DIAG_TOO_DEEP);
    repeated("const A = ", "x else ", 100000, "c\n", DIAG_TOO_DEEP);
    repeated("fn f() {\n", "if a {\n", 10000, "}\n", DIAG_TOO_DEEP);
    repeated("fn f() {\n", "if a { } else ", 20000, "{ }\n}\n", DIAG_TOO_DEEP);
    repeated("", "/*", 100000, "", DIAG_UNTERMINATED_COMMENT);
    repeated("import a", ".a", 100000, "\n", DIAG_NONE);
    repeated("const A = [", "1, ", 300000, "]\n", DIAG_NONE);
    repeated("const A = ", "a", 1000000, "\n", DIAG_NONE); /* one endless line */
    repeated("const A = \"", "a\\n", 300000, "\"\n", DIAG_NONE);
    repeated("const A = ", "9", 1000000, "\n", DIAG_BAD_NUMBER);
    repeated("const A = 0.", "9", 1000000, "\n", DIAG_NONE);
    repeated("", "$ ", 100000, "", DIAG_BAD_CHARACTER);
    repeated("", "\"", 100001, "", DIAG_SYNTAX);
    repeated("", "}", 100000, "", DIAG_STRAY_BRACKET);
    repeated("", "fn f() {\n", 20000, "", DIAG_UNCLOSED_BRACKET);
    repeated("", "const = 1\n", 20000, "", DIAG_SYNTAX);
    repeated("fn f() {\n", "a b\n", 20000, "}\n", DIAG_SYNTAX);
    repeated("", "kernel\n", 20000, "", DIAG_SYNTAX);
    repeated("fn f() {\n", "for in {\n", 20000, "}\n", DIAG_SYNTAX);
}

static void too_large(void **unused)
{
    (void)unused;
    size_t len = (size_t)100 << 20;
    char *text = malloc(len + 1);
    memset(text, 'a', len);
    text[len] = '\0';
    Session *s = session_open();
    Source *source = diag_add_source(s->diags, "large.hd", text, len);
    syntax_parse(s->arena, s->interner, s->diags, source);
    assert_int_equal(first_code(s), DIAG_FILE_TOO_LARGE);
    session_diags(s);
    session_close(s);
    free(text);
}

/* Every prefix of every sample, and random bytes changed: no crash, diagnostics in bounds. */
static void check_rendered(Session *s)
{
    for (size_t i = 0; i < s->diags->list.len; i++) {
        Span span = s->diags->list.data[i]->span;
        const Source *source = s->diags->sources.data[s->diags->sources.len - 1];
        assert_true(span.begin <= span.end && span.end <= source->base + source->len);
    }
    session_diags(s);
}

static void break_sample(Session *outer, const char *path, const char *text)
{
    (void)outer;
    (void)path;
    size_t len = strlen(text);
    for (size_t cut = 0; cut < len; cut += 3) {
        Session *s = session_open();
        session_parse_n(s, text, cut);
        check_rendered(s);
        session_close(s);
    }
    for (int round = 0; round < 1500; round++) {
        Session *s = session_open();
        char *copy = base_strndup(s->arena, text, len);
        for (int k = 0; k < 1 + round % 5; k++)
            copy[(size_t)rand() % len] = "(){}[]\n\"/*;,:=+ a1.\\\x80"[rand() % 22];
        Ast *file = session_parse_n(s, copy, len);
        assert_int_equal(file->kind, AST_File);
        check_rendered(s);
        session_close(s);
    }
}

static void broken_samples(void **unused)
{
    (void)unused;
    srand(1);
    Session *s = session_open();
    session_each_file(s, "samples", break_sample);
    session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_each),       cmocka_unit_test(hints), cmocka_unit_test(all_in_one_run),
        cmocka_unit_test(survivors),      cmocka_unit_test(nasty), cmocka_unit_test(too_large),
        cmocka_unit_test(broken_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
