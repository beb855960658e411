/* From text to tree: shapes by their S-expressions, spans by their nesting. */
#include "syntax/session.h"

static int seen[AST_KIND_COUNT];

static void check_span(const Ast *node, Span outer)
{
    bool empty = node->span.begin == node->span.end;
    seen[node->kind]++;
    if (!empty) {
        assert_true(node->span.begin >= outer.begin);
        assert_true(node->span.end <= outer.end);
    }
    if (node->name && node->name_span.begin) {
        assert_true(node->name_span.begin >= node->span.begin);
        assert_true(node->name_span.end <= node->span.end);
    }
    assert_true(node->kind == AST_List || (int)node->count == ast_info(node->kind)->field_count);
    for (uint32_t i = 0; i < node->count; i++)
        if (node->kid[i]) check_span(node->kid[i], empty ? outer : node->span);
}

static void check_fields(const Ast *node)
{
    const AstInfo *info = ast_info(node->kind);
    for (uint32_t i = 0; i < node->count; i++) {
        const Ast *kid = node->kid[i];
        if (node->kind == AST_List) {
            assert_non_null(kid);
        } else if (info->fields[i].kind == AST_FIELD_LIST) {
            assert_int_equal(kid->kind, AST_List);
        } else if (info->fields[i].kind == AST_FIELD_ONE) {
            assert_non_null(kid);
        }
        if (kid) check_fields(kid);
    }
}

static void check_sample(Session *s, const char *path, const char *text)
{
    size_t before = s->diags->errors;
    Ast *file = session_parse(s, text);
    if (s->diags->errors != before) print_message("%s\n%s", path, session_diags(s));
    assert_int_equal(s->diags->errors, before);
    check_span(file, (Span){1, UINT32_MAX});
    check_fields(file);
}

/* Every kind of node occurs in the samples, with spans that nest and fields as its row says. */
static void samples(void **unused)
{
    (void)unused;
    Session *s = session_open();
    assert_true(session_each_file(s, "samples", check_sample) >= 4);
    for (AstKind kind = 0; kind < AST_KIND_COUNT; kind++)
        if (!seen[kind] && kind != AST_Error && kind != AST_FnRef)
            fail_msg("no sample has a %s", ast_info(kind)->text);
    session_each_file(s, "../../../stdlib", check_sample);
    session_each_file(s, "../../../stdlib/std", check_sample);
    session_each_file(s, "../../../examples", check_sample);
    session_close(s);
}

static void expect_expr(const char *text, const char *expected)
{
    Session *s = session_open();
    Source *source = diag_add_source(s->diags, "e", text, strlen(text));
    Ast *expr = syntax_parse_expr(s->arena, s->interner, s->diags, source);
    char *printed = session_print(s, expr);
    printed[strlen(printed) - 1] = '\0';
    assert_string_equal(printed, expected);
    assert_int_equal(s->diags->errors, 0);
    session_close(s);
}

static void precedence(void **unused)
{
    (void)unused;
    expect_expr("a + b * c", "(binary + (name a) (binary * (name b) (name c)))");
    expect_expr("a - b - c", "(binary - (binary - (name a) (name b)) (name c))");
    expect_expr("a & b == c", "(binary == (binary & (name a) (name b)) (name c))");
    expect_expr("a | b ^ c & d << e", "(binary | (name a) (binary ^ (name b) (binary & (name c) "
                                      "(binary << (name d) (name e)))))");
    expect_expr("a || b && c", "(binary || (name a) (binary && (name b) (name c)))");
    expect_expr("-x[i].y", "(unary - (member y (index (name x) (list (name i)))))");
    expect_expr("!a == b", "(binary == (unary ! (name a)) (name b))");
    expect_expr("a ? b : c ? d : e", "(cond (name a) (name b) (cond (name c) (name d) (name e)))");
    expect_expr("x[i] else y[j] else 0", "(else (index (name x) (list (name i))) "
                                         "(else (index (name y) (list (name j))) (int 0)))");
    expect_expr("(a + b) * c", "(binary * (binary + (name a) (name b)) (name c))");
    expect_expr("A * B order (1, 0) * C",
                "(binary * (binary * (name A) (order (name B) (list (int 1) (int 0)))) (name C))");
    expect_expr("f[T, 3](x, k: 1)", "(call (index (name f) (list (name T) (int 3))) "
                                    "(list (name x) (named_arg k (int 1))))");
    expect_expr(
        "x[a ? b : c, :, 1:, :2, 3:4, _]",
        "(index (name x) (list (cond (name a) (name b) (name c)) (range) (range lo=(int 1)) "
        "(range hi=(int 2)) (range lo=(int 3) hi=(int 4)) (hole)))");
    expect_expr("(a,)", "(tuple (list (name a)))");
    expect_expr("a // comment\n  + /* and */ b", "(binary + (name a) (name b))");
}

static double float_of(Session *s, const char *text)
{
    Source *source = diag_add_source(s->diags, "e", text, strlen(text));
    return syntax_parse_expr(s->arena, s->interner, s->diags, source)->value.f;
}

static void numbers(void **unused)
{
    (void)unused;
    expect_expr("1_000", "(int 1000)");
    expect_expr("0xff_FF", "(int 65535)");
    expect_expr("0b1010", "(int 10)");
    expect_expr("18446744073709551615", "(int 18446744073709551615 :u64)");
    expect_expr("9223372036854775807", "(int 9223372036854775807)");
    Session *s = session_open();
    assert_true(float_of(s, "1_0.5e-1") == 1.05);
    /* Random decimals against the C library. */
    srand(7);
    for (int i = 0; i < 20000; i++) {
        char text[64];
        snprintf(text, sizeof text, "%d%0*d.%0*de%d", rand() % 10, rand() % 9 + 1, rand() % 1000,
                 rand() % 9 + 1, rand() % 1000, rand() % 590 - 300);
        double expected = strtod(text, NULL);
        if (float_of(s, text) != expected) fail_msg("%s is read as %.17g", text, float_of(s, text));
    }
    assert_int_equal(s->diags->errors, 0);
    session_close(s);
}

static void strings(void **unused)
{
    (void)unused;
    Session *s = session_open();
    Ast *file = session_parse(s, "const S = \"a\\n\\t\\\"\\\\\\u{e9}\\u{1F600}\"\n");
    const Ast *value = KID(KID(file, File, items)->kid[0], Const, value);
    assert_string_equal(value->name->text, "a\n\t\"\\\xc3\xa9\xf0\x9f\x98\x80");
    session_close(s);
}

static void docs(void **unused)
{
    (void)unused;
    Session *s = session_open();
    Ast *file = session_parse(s, "//! About the file.\n//!  Two.\n\n"
                                 "/// About A.\n///\n/// More.\npub const A = 1\n"
                                 "const B = 2\n"
                                 "//// no doc\nconst C = 3\n"
                                 "fn f() {\n    /// About m.\n    mapping m = spatial(1)\n}\n");
    Ast **items = KID(file, File, items)->kid;
    assert_string_equal(file->doc->text, "About the file.\n Two.");
    assert_string_equal(items[0]->doc->text, "About A.\n\nMore.");
    assert_true(items[0]->flags & AST_PUB);
    assert_null(items[1]->doc);
    assert_null(items[2]->doc);
    assert_null(items[3]->doc);
    const Ast *body = KID(items[3], Fn, body);
    assert_string_equal(KID(body, Block, stmts)->kid[0]->doc->text, "About m.");
    session_close(s);
}

/* Lines end statements, except where they cannot. */
static void lines(void **unused)
{
    (void)unused;
    static const struct {
        const char *body;
        uint32_t statements;
    } cases[] = {
        {"a = 1\nb = 2", 2},
        {"a = 1; b = 2;", 2},
        {"a = b\n+ c", 1},
        {"a = b\n.c\n[0]", 2},
        {"f(a,\n\nb)\nc = x[\n1]", 2},
        {"a =\n1", 1},
        {"if a { b = 1 }\nelse { c = 1 }", 1},
        {"for i in a\non thread\nwithin (n)\n{ b = 1 }", 1},
        {"sync\non thread { b = 1 }", 2},
        {"return\na = 1", 2},
        {"require a > 0\nrequire b > 0", 2},
        {"a = x[0]\nelse 0", 1},
        {"a = c\n? 1\n: 2", 1},
        {"a = 1 /* over\n two lines */ b = 2", 2},
        {"let a = 1,\nb = 2", 2},
        {"", 0},
        {"\n;\n;;\n", 0},
        {"f()\n(a)", 2},
        {"a = x.mapping\nb = x.in", 2},
    };
    for (size_t i = 0; i < BASE_LEN(cases); i++) {
        Session *s = session_open();
        Ast *file = session_parse(s, base_format(s->arena, "fn f() {\n%s\n}\n", cases[i].body));
        if (s->diags->errors) fail_msg("%s", session_diags(s));
        const Ast *fn = KID(file, File, items)->kid[0];
        assert_int_equal(KID(KID(fn, Fn, body), Block, stmts)->count, cases[i].statements);
        session_close(s);
    }
}

/* Reserved words are no names; contextual ones are. */
static void words(void **unused)
{
    (void)unused;
    for (const WordInfo *word = vocab_words; word->text; word++) {
        Session *s = session_open();
        const char *text = word->text;
        session_parse(s, base_format(s->arena, "fn f(%s: f32) {\n    let %s = %s + 1\n}\n", text,
                                     text, text));
        bool is_free = word->cls == WORD_CONTEXTUAL;
        if ((s->diags->errors == 0) != is_free)
            fail_msg("`%s` is %s as a name", text, is_free ? "not free" : "free");
        session_close(s);
    }
}

/* The same file in CRLF lines, or with a byte order mark, is the same program. */
static void line_ends(void **unused)
{
    (void)unused;
    Session *s = session_open();
    char *unix_tree = session_print(s, session_parse(s, "/// D.\nfn f() {\n    a = 1\n    b\n}\n"));
    char *dos_tree = session_print(
        s, session_parse(s, "\xef\xbb\xbf/// D.\r\nfn f() {\r\n    a = 1\r\n    b\r\n}\r\n"));
    assert_string_equal(unix_tree, dos_tree);
    assert_int_equal(s->diags->errors, 0);
    session_close(s);
}

/* Words that begin statements begin types, too, also at the start of a line. */
static void types_over_lines(void **unused)
{
    (void)unused;
    Session *s = session_open();
    session_parse(s, "fn f[T: num, f:\n    fn(T) -> T](a: (T,\n    fn(T, T) -> T,\n"
                     "    reg f32[4]), b:\n    shared f16[2, 2], c: inout\n    reg T[1]) ->\n"
                     "    T\n{\n    return b\n}\n");
    if (s->diags->errors) fail_msg("%s", session_diags(s));
    session_close(s);
}

static void kernel_clauses(void **unused)
{
    (void)unused;
    Session *s = session_open();
    Ast *file = session_parse(s, "kernel k(x: f32[n])\n    require n > 0\n    where a == 1, b\n"
                                 "    tune a in {1, 2}\n    launch grid(n, 2), block(32)\n"
                                 "    where c\n    tune b in {3}, c in {4, 5}\n"
                                 "    require n < 9, \"m\"\n{\n}\n");
    assert_int_equal(s->diags->errors, 0);
    const Ast *kernel = KID(file, File, items)->kid[0];
    assert_int_equal(KID(kernel, Kernel, tunes)->count, 3);
    assert_int_equal(KID(kernel, Kernel, wheres)->count, 3);
    assert_int_equal(KID(kernel, Kernel, requires)->count, 2);
    assert_int_equal(KID(KID(kernel, Kernel, launch), Launch, grid)->count, 2);
    session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples),        cmocka_unit_test(precedence),
        cmocka_unit_test(numbers),        cmocka_unit_test(strings),
        cmocka_unit_test(docs),           cmocka_unit_test(lines),
        cmocka_unit_test(words),          cmocka_unit_test(line_ends),
        cmocka_unit_test(kernel_clauses), cmocka_unit_test(types_over_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
