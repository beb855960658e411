/* tests/ir/: passes on textual IR. NAME.ir begins with `// pass: NAME`, perhaps ` align=N`; what
 * the pass leaves must be NAME.after, and both must read back to themselves. After lines like
 * `// run: m=3 n=40` it is interpreted with these sizes, before and after, to the bit. With
 * HD_UPDATE set in the environment the .after files are written anew. */
#include "kernels.h"
#include "pass/pass.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define FOLDER HD_SOURCE_DIR "/tests/ir"

static void read_text(Session *s, const char *path, char **text)
{
    size_t len;
    if (base_file_read(s->arena, path, text, &len)) fail_msg("cannot read %s", path);
}

static const char *printed(Session *s, const IrKernel *k)
{
    Sb sb = base_sb(s->arena);
    ir_print(k, &sb);
    return base_sb_text(&sb);
}

/* The kernel of the text, which must print as the same text. */
static IrKernel *read_back(Session *s, const char *path, const char *text)
{
    const char *error = NULL;
    IrKernel *k = ir_read(s->arena, s->names, s->diags, text, strlen(text), &error);
    if (!k) fail_msg("%s: %s", path, error);
    return k;
}

static void compare(Session *s, const char *path, const char *after)
{
    char *expected = NULL;
    if (getenv("HD_UPDATE")) {
        assert_int_equal(base_file_write(path, after, strlen(after)), 0);
        return;
    }
    read_text(s, path, &expected);
    if (strcmp(expected, after) != 0) fail_msg("%s differs; the pass leaves\n%s", path, after);
    assert_string_equal(printed(s, read_back(s, path, after)), after);
}

enum { MOST_RUNS = 8 };
typedef struct Runs {
    int count;
    int64_t *sizes[MOST_RUNS];
    Outcome before[MOST_RUNS];
} Runs;

/* The lines `// run: …` below the first, each interpreted; *body is what follows them. */
static Runs run_before(Session *s, const char **body)
{
    Runs runs = {0};
    for (; strncmp(*body, "// run:", 7) == 0; *body = strchr(*body, '\n') + 1) {
        const IrKernel *k = s->k;
        const char *line = base_strndup(s->arena, *body, strcspn(*body, "\n"));
        assert_true(runs.count < MOST_RUNS);
        int64_t *sizes = NEW_ARRAY(s->arena, int64_t, k->sizes.len + 1);
        for (size_t i = 0; i < k->sizes.len; i++) {
            const char *wanted = base_format(s->arena, " %s=", k->sizes.data[i]->text);
            const char *at = strstr(line, wanted);
            if (!at) fail_msg("no size %s", k->sizes.data[i]->text);
            sizes[i] = strtoll(at + strlen(wanted), NULL, 10);
        }
        runs.sizes[runs.count] = sizes;
        runs.before[runs.count++] = kernel_run(s, sizes);
    }
    return runs;
}

static void run_after(Session *s, const Runs *runs)
{
    for (int i = 0; i < runs->count; i++) {
        Outcome after = kernel_run(s, runs->sizes[i]);
        outcome_equal(&runs->before[i], &after);
    }
}

static void run_text(Session *s, const char *name)
{
    char *text = NULL;
    const char *path = base_format(s->arena, FOLDER "/%s.ir", name);
    read_text(s, path, &text);
    const char *body = strchr(text, '\n') + 1;
    char pass[32] = "";
    int alignment = 4;
    assert_true(sscanf(text, "// pass: %31s align=%d", pass, &alignment) >= 1);
    const char *kernel = strstr(text, "kernel ");
    IrKernel *k = s->k = read_back(s, path, kernel);
    assert_string_equal(printed(s, k), kernel);
    Runs runs = run_before(s, &body);
    PassOptions o = {.target = PASS_FOR_CUDA, .arch = 80, .alignment = alignment, .verify = true};
    if (!pass_run_one(k, s->diags, &o, pass)) fail_msg("%s: pass %s failed", path, pass);
    run_after(s, &runs);
    compare(s, base_format(s->arena, FOLDER "/%s.after", name), printed(s, k));
}

static void run_guarded(const char *name)
{
    Session s;
    session_begin(&s);
    if (setjmp(s.escape.env)) fail_msg("%s: %s", name, s.escape.message);
    run_text(&s, name);
    session_end(&s);
}

static void test_folder(void **state)
{
    (void)state;
    int count = 0;
    DIR *folder = opendir(FOLDER);
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        char name[256];
        const char *end = strstr(e->d_name, ".ir");
        if (!end || end[3]) continue;
        snprintf(name, sizeof name, "%.*s", (int)(end - e->d_name), e->d_name);
        run_guarded(name);
        count++;
    }
    closedir(folder);
    assert_true(count >= 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_folder)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
