/* Imports between files; circles among modules, functions and values. */
#include "sema_test.h"

#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/hd-sema-XXXXXX");
    if (!mkdtemp(folder)) return 1;
    char path[128];
    snprintf(path, sizeof path, "%s/sub", folder);
    return mkdir(path, 0700);
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

static void put(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(base_file_write(path, text, strlen(text)), 0);
}

static Checked check_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return check_at(path, text, strlen(text));
}

static void expect_code(Checked *c, const char *code)
{
    if (c->diags->errors != 1 || strcmp(diag_code_text(c->diags->list.data[0]->code), code) != 0)
        fail_msg("wanted one %s:\n%s", code, c->messages);
    done(c);
}

static void files_import_files(void **state)
{
    (void)state;
    put("a.hd", "pub const SIZE = 4\npub fn twice(x: f32) -> f32 { return x * 2 }\n");
    put("sub/b.hd", "import \"../a.hd\" (SIZE)\npub fn size() -> index { return SIZE }\n");
    Checked c =
        check_file("main.hd", "import \"a.hd\"\nimport \"sub/b.hd\" as other\n"
                              "import \"sub/../a.hd\" (twice)\n"
                              "pub fn f(x: f32) -> f32 {\n"
                              "    return twice(x) + a.twice(x) + f32(other.size() + a.SIZE)\n"
                              "}\n");
    if (c.diags->list.len) fail_msg("%s", c.messages);
    /* a.hd once, though it is reached in three ways; each before those that import it */
    assert_int_equal(c.program->modules.len, 3);
    assert_ptr_equal(c.program->modules.data[2], c.program->main);
    assert_non_null(strstr(c.program->modules.data[0]->path->text, "a.hd"));
    done(&c);
}

static void errors_in_an_import_are_reported_once(void **state)
{
    (void)state;
    put("bad.hd", "pub fn f(x: f32) -> f32 { return y }\n");
    Checked c = check_file("main.hd", "import \"bad.hd\" (f)\n"
                                      "import \"./bad.hd\"\n"
                                      "pub fn g(x: f32) -> f32 { return f(x) + bad.f(x) }\n");
    expect_code(&c, "E0101");
}

static void files_that_are_not_there(void **state)
{
    (void)state;
    Checked c = check_file("main.hd", "import \"none.hd\" (f, g)\n"
                                      "pub fn h(x: f32) -> f32 { return f(x) + g[T](x)[2] }\n");
    expect_code(&c, "E0103");
    c = check_file("main.hd", "import \"sub\"\npub fn h(x: f32) -> f32 { return sub.h(x) }\n");
    expect_code(&c, "E0103");
    c = check_file("main.hd",
                   "import \"/dev/zero\" (f)\npub fn h(x: f32) -> f32 { return f(x) }\n");
    expect_code(&c, "E0103");
    c = check_file("main.hd", "import other.part\npub fn h(x: f32) -> f32 { return part.h(x) }\n");
    expect_code(&c, "E0103");
}

static void circles_of_modules(void **state)
{
    (void)state;
    put("one.hd", "import \"two.hd\" (g)\npub fn f() -> f32 { return g() }\n");
    put("two.hd", "import \"three.hd\" (h)\npub fn g() -> f32 { return h() }\n");
    put("three.hd", "import \"one.hd\" (f)\npub fn h() -> f32 { return f() }\n");
    Checked c = check_file("main.hd", "import \"one.hd\" (f)\npub fn m() -> f32 { return f() }\n");
    assert_non_null(strstr(c.messages, "two.hd"));
    expect_code(&c, "E0104");
}

static void deep_imports(void **state)
{
    (void)state;
    enum { DEPTH = 300 };
    put("d0.hd", "pub fn f0() -> f32 { return 1 }\n");
    for (int i = 1; i < DEPTH; i++) {
        char name[32], text[256];
        snprintf(name, sizeof name, "d%d.hd", i);
        snprintf(text, sizeof text,
                 "import \"d%d.hd\" (f%d)\npub fn f%d() -> f32 { return f%d() }\n", i - 1, i - 1, i,
                 i - 1);
        put(name, text);
    }
    Checked c =
        check_file("main.hd", "import \"d299.hd\" (f299)\npub fn g() -> f32 { return f299() }\n");
    assert_int_equal(c.diags->errors, 0);
    assert_int_equal(c.program->modules.len, DEPTH + 1);
    done(&c);
}

static void circles_of_functions(void **state)
{
    (void)state;
    only("pub fn a(x: f32) -> f32 { return b(x) }\n"
         "pub fn b(x: f32) -> f32 { return c(x) + c(2) }\n"
         "pub fn c(x: f32) -> f32 { return a(x) }\n",
         "E0107");
    only("fn fold[f: fn(f32) -> f32](x: f32) -> f32 { return f(x) }\n"
         "pub fn a(x: f32) -> f32 { return fold[a](x) }\n",
         "E0107");
    only("const N = size(2)\npub fn size(n: index) -> index { return n * N }\n", "E0107");
    only("mapping A = B * repeat(2)\nmapping B = spatial(2) * A\n", "E0108");
    Checked c = good("pub fn a(x: f32) -> f32 { return b(x) + b(x) }\n"
                     "pub fn b(x: f32) -> f32 { return c(x) + c(x) }\n"
                     "pub fn c(x: f32) -> f32 { return x }\n");
    done(&c);
}

static void long_chains_of_calls(void **state)
{
    (void)state;
    enum { LENGTH = 20000 };
    char *text = malloc(LENGTH * 64), *end = text;
    for (int i = 0; i < LENGTH; i++)
        end += sprintf(end, "pub fn f%d() -> f32 { return f%d() }\n", i, i + 1);
    char *whole = end;
    end += sprintf(end, "pub fn f%d() -> f32 { return 1 }\n", LENGTH);
    Checked c = good(text);
    done(&c);
    sprintf(whole, "pub fn f%d() -> f32 { return f0() }\n", LENGTH);
    c = check_text(text);
    assert_int_equal(c.diags->errors, 1);
    done(&c);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_import_files),
        cmocka_unit_test(errors_in_an_import_are_reported_once),
        cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(circles_of_modules),
        cmocka_unit_test(deep_imports),
        cmocka_unit_test(circles_of_functions),
        cmocka_unit_test(long_chains_of_calls),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
