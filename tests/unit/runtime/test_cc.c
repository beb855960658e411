/* Child processes and the C compiler: what it says is captured, failures and endless runs end. */
#include "fixture.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include "runtime/cc.h"
#include "runtime/process.h"

static RuntimeProcess shell(Fixture *f, const char *script, const char *input, int timeout_s)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    return runtime_process_run(f->arena, argv, input, strlen(input), timeout_s);
}

static void test_process(void **state)
{
    Fixture *f = *state;
    RuntimeProcess p = shell(f, "cat; echo err >&2; exit 7", "in ", 10);
    assert_string_equal(p.output, "in err\n");
    assert_int_equal(p.exit_code, 7);
    p = shell(f, "exit 0", "never read, and long enough to matter", 10);
    assert_int_equal(p.exit_code, 0);
    size_t len = 3 << 20; /* more than any pipe holds, echoed while it is fed */
    char *large = base_alloc(f->arena, len + 1);
    memset(large, 'x', len);
    p = shell(f, "cat", large, 20);
    assert_int_equal(p.exit_code, 0);
    assert_int_equal(p.output_len, 1 << 20); /* cut there */
    p = shell(f, "sleep 60 & sleep 60", "", 1);
    assert_true(p.timed_out);
    p = shell(f, "exec >/dev/null 2>&1; sleep 60", "", 1);
    assert_true(p.timed_out);
    p = shell(f, "kill -TERM $$", "", 10);
    assert_int_equal(p.exit_code, 128 + 15);
    const char *none[] = {"hd-no-such-program", NULL};
    p = runtime_process_run(f->arena, none, NULL, 0, 1);
    assert_int_not_equal(p.error, 0);
}

static bool build(Fixture *f, const RuntimeCc *cc, const char *source, RuntimeCcOptions options,
                  const char *path, HdFailure *failure)
{
    return runtime_cc_build(f->arena, cc, source, strlen(source), &options, path, NULL, failure);
}

static void test_build(void **state)
{
    Fixture *f = *state;
    RuntimeCc cc;
    HdFailure failure;
    const char *path = base_format(f->arena, "%s/x.so", f->dir);
    assert_true(runtime_cc_find(f->arena, &cc, &failure));
    assert_true(strlen(runtime_cc_version(f->arena, &cc)) > 0);
    assert_true(strlen(cc.machine) > 0);
    const char *good =
        "__attribute__((visibility(\"default\"))) double f(double a, double b, double c)"
        "{ return a * b + c; }";
    RuntimeCcOptions options = {0};
    for (int generic = 0; generic < 2; generic++) {
        options.generic = generic;
        assert_true(build(f, &cc, good, options, path, &failure));
        void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        assert_non_null(library);
        double (*fn)(double, double, double);
        *(void **)&fn = dlsym(library, "f");
        assert_true(fn(1 + 0x1p-52, 1 - 0x1p-52, -1) == 0.0); /* two roundings: not contracted */
        dlclose(library);
    }
    assert_int_equal(unlink(path), 0);
    assert_false(build(f, &cc, "#line 12 \"kernel.hd\"\nint f(void) { return nonsense; }", options,
                       path, &failure));
    assert_non_null(strstr(failure.text, "kernel.hd"));
    assert_non_null(strstr(failure.text, "nonsense"));
    assert_int_equal(failure.status, HD_REFUSED);
    assert_false(build(f, &cc, "#include <no such header>\n", options, path, &failure));
    assert_int_equal(failure.status, HD_LACKING);
    assert_false(base_file_exists(path));
    assert_int_equal(rmdir(f->dir), 0); /* nothing is left behind */
    assert_int_equal(mkdir(f->dir, 0777), 0);
    assert_false(build(f, &cc, good, options, "/nowhere/x.so", &failure));
    assert_non_null(strstr(failure.text, "cannot write /nowhere/x.so"));
}

static void test_no_compiler(void **state)
{
    Fixture *f = *state;
    RuntimeCc cc;
    HdFailure failure;
    setenv("HD_CC", "/no/such/cc", 1);
    assert_false(runtime_cc_find(f->arena, &cc, &failure));
    assert_non_null(strstr(failure.text, "HD_CC names /no/such/cc"));
    unsetenv("HD_CC");
    char *path = base_strndup(f->arena, getenv("PATH"), strlen(getenv("PATH")));
    setenv("PATH", f->dir, 1);
    assert_false(runtime_cc_find(f->arena, &cc, &failure));
    assert_non_null(strstr(failure.text, "no C compiler found"));
    setenv("PATH", path, 1);
    const char *slow = base_format(f->arena, "%s/slow", f->dir);
    assert_int_equal(base_file_write(slow, "#!/bin/sh\nsleep 60\n", 19), 0);
    chmod(slow, 0755);
    setenv("HD_CC", slow, 1);
    assert_true(runtime_cc_find(f->arena, &cc, &failure));
    RuntimeCcOptions options = {.timeout_s = 1};
    assert_false(
        build(f, &cc, "int x;", options, base_format(f->arena, "%s/y.so", f->dir), &failure));
    assert_non_null(strstr(failure.text, "did not finish within 1 s"));
    unsetenv("HD_CC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_process),
        FIXTURE_TEST(test_build),
        FIXTURE_TEST(test_no_compiler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
