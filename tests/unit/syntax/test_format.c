/* The formatter: the tree stays, comments stay, a second run changes nothing, and any spacing of
 * the same lines gives the same text. */
#include "syntax/session.h"

#include <ctype.h>

static uint64_t state = 7;

static uint32_t next_random(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static char *tree_of(const char *text)
{
    Session *s = session_open();
    char *tree = session_print(s, session_parse(s, text));
    if (s->diags->errors) fail_msg("%s\n%s", text, session_diags(s));
    tree = strdup(tree);
    session_close(s);
    return tree;
}

static size_t count_comments(const char *text)
{
    size_t count = 0;
    for (; (text = strstr(text, "//")); text += 2) count++;
    return count;
}

static char *check(Session *s, const char *text)
{
    char *once = session_format(s, text);
    assert_non_null(once);
    char *twice = session_format(s, once);
    assert_string_equal(once, twice);
    char *before = tree_of(text), *after = tree_of(once);
    assert_string_equal(before, after);
    assert_int_equal(count_comments(text), count_comments(once));
    free(before);
    free(after);
    return once;
}

/* Blanks, tabs and comments strewn between tokens, where a blank stands already. */
static char *mangle(Session *s, const char *text)
{
    Sb sb = base_sb(s->arena);
    bool quoted = false, comment = false;
    for (const char *p = text; *p; p++) {
        if (*p == '"' && !comment) quoted = !quoted;
        if (p[0] == '/' && p[1] == '/' && !quoted) comment = true;
        if (*p == '\n') comment = false;
        base_sb_char(&sb, *p);
        if (quoted || comment) continue;
        if (*p == ' ' || *p == ',' || *p == '(' || *p == '[')
            for (uint32_t n = next_random(4); n > 1; n--) base_sb_char(&sb, n == 3 ? '\t' : ' ');
        if (*p == ',' && next_random(20) == 0) base_sb_str(&sb, " /* c */ ");
        if (*p == '{' && next_random(20) == 0) base_sb_str(&sb, " // after\n");
        if (*p == '\n' && next_random(15) == 0) base_sb_str(&sb, "// own line\n");
        if (*p == '\n' && next_random(15) == 0) base_sb_str(&sb, "\n\n\n");
    }
    return base_sb_text(&sb);
}

static void check_file(Session *s, const char *path, const char *text)
{
    (void)path;
    check(s, text);
    for (int i = 0; i < 40; i++) check(s, mangle(s, text));
}

static void files(void **unused)
{
    (void)unused;
    Session *s = session_open();
    assert_true(session_each_file(s, "samples", check_file) >= 4);
    session_each_file(s, "../../../stdlib", check_file);
    session_each_file(s, "../../../stdlib/std", check_file);
    session_each_file(s, "../../../examples", check_file);
    session_close(s);
}

/* The samples stand in canonical layout: what is written by hand in good style stays. */
static void check_canonical(Session *s, const char *path, const char *text)
{
    char *formatted = session_format(s, text);
    if (strcmp(formatted, text) != 0) fail_msg("%s:\n%s", path, formatted);
}

static void canonical(void **unused)
{
    (void)unused;
    Session *s = session_open();
    session_each_file(s, "samples", check_canonical);
    session_close(s);
}

/* Indentation and blanks are the formatter's alone. */
static void spacing(void **unused)
{
    (void)unused;
    static const char *const cases[][2] = {
        {"const   A=-1+ 2*- 3", "const A = -1 + 2 * -3\n"},
        {"const   A=b? 1:2", "const A = b ? 1 : 2\n"},
        {"import  x . y( a,b )", "import x.y (a, b)\n"},
        {"fn f [ T :num ]( x :T )->T{return -x}", "fn f[T: num](x: T) -> T { return -x }\n"},
        {"fn f(){\na\n}\n\n\n\nfn g(){}", "fn f() {\n    a\n}\n\nfn g() {}\n"},
        {"fn f(){ a ; b ;c\n}", "fn f() {\n    a; b; c\n}\n"},
        {"fn f(){ x[ a :b ,_,: ]=c?d :e }", "fn f() { x[a:b, _, :] = c ? d : e }\n"},
        {"fn f(){\nif a\n{\nb\n}\nelse\n{\nc }\n}",
         "fn f() {\n    if a {\n        b\n    } else {\n        c\n    }\n}\n"},
        {"fn f(){\nlet a=g( 1,\n2 )\n}", "fn f() {\n    let a = g(1,\n        2)\n}\n"},
        {"fn f(){\ng(\n1,\n)\n}", "fn f() {\n    g(\n        1,\n    )\n}\n"},
        {"fn f(){\na // x\nbbb //y\n\nc // z\n}",
         "fn f() {\n    a    // x\n    bbb  //y\n\n    c  // z\n}\n"},
        {"kernel k( x:f32 [ n ] )\nlaunch grid( 1 ),block( 2 )\n\n{ }",
         "kernel k(x: f32[n])\n    launch grid(1), block(2)\n{}\n"},
        {"fn f() {\n  for p in range( 8 ) pipeline ( 3 ) { a }\n}",
         "fn f() {\n    for p in range(8) pipeline(3) { a }\n}\n"},
        {"fn f() {\n  a;\n  -b\n}", "fn f() {\n    a;\n    -b\n}\n"},
        {"", ""},
        {"\n\n// only\n\n", "// only\n"},
        {"mapping m:( 64,8 )=repeat(_,_)order( 1,0 )*spatial(16 ,8)",
         "mapping m: (64, 8) = repeat(_, _) order (1, 0) * spatial(16, 8)\n"},
    };
    Session *s = session_open();
    for (size_t i = 0; i < BASE_LEN(cases); i++)
        assert_string_equal(check(s, cases[i][0]), cases[i][1]);
    session_close(s);
}

static void what_does_not_scan(void **unused)
{
    (void)unused;
    Session *s = session_open();
    assert_null(session_format(s, "const A = \"x"));
    assert_null(session_format(s, "fn f( {"));
    assert_null(session_format(s, "/* x"));
    session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(canonical),
        cmocka_unit_test(spacing),
        cmocka_unit_test(what_does_not_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
