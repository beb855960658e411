/* docs/diagnostics.md: the first program of each section of names, types, kernels and warnings
 * gives exactly its diagnostic, the second gives none. And no code of these lacks a section. */
#include "sema_test.h"

static bool ours(const char *code)
{
    return strncmp(code, "E01", 3) == 0 || strncmp(code, "E02", 3) == 0 ||
           strncmp(code, "E050", 4) == 0 || strncmp(code, "W01", 3) == 0;
}

static char *read_docs(size_t *len)
{
    const char *file = __FILE__;
    size_t dir = strlen(file) - strlen("tests/unit/sema/test_explained.c");
    char path[4096];
    snprintf(path, sizeof path, "%.*sdocs/diagnostics.md", (int)dir, file);
    FILE *in = fopen(path, "rb");
    if (!in) fail_msg("cannot read %s", path);
    static char text[1 << 20];
    *len = fread(text, 1, sizeof text - 1, in);
    text[*len] = 0;
    fclose(in);
    return text;
}

/* The next ```hd block before `end`; moves `*at` past it. */
static char *next_block(const char **at, const char *end)
{
    const char *begin = strstr(*at, "```hd\n");
    if (!begin || begin > end) return NULL;
    begin += 6;
    const char *close = strstr(begin, "```");
    if (!close || close > end) return NULL;
    *at = close + 3;
    char *block = calloc(1, (size_t)(close - begin) + 1);
    memcpy(block, begin, (size_t)(close - begin));
    return block;
}

static void check_section(const char *section, const char *end, const char *code)
{
    const char *at = section;
    char *bad = next_block(&at, end), *repaired = next_block(&at, end);
    if (!bad || !repaired) fail_msg("%s needs an example and its repair", code);
    only(bad, code);
    Checked c = check_text(repaired);
    if (c.diags->list.len) fail_msg("%s, repaired:\n%s\n%s", code, repaired, c.messages);
    done(&c);
    free(bad);
    free(repaired);
}

static void every_code_is_explained(void **state)
{
    (void)state;
    size_t len;
    const char *docs = read_docs(&len);
    for (int code = DIAG_NONE + 1; code < DIAG_COUNT; code++) {
        const char *text = diag_code_text((DiagCode)code);
        if (!ours(text)) continue;
        char title[16];
        snprintf(title, sizeof title, "\n## %s: ", text);
        const char *section = strstr(docs, title);
        if (!section) fail_msg("docs/diagnostics.md lacks %s", text);
        const char *end = strstr(section + 4, "\n## ");
        check_section(section, end ? end : docs + len, text);
    }
}

static void sections_are_sorted(void **state)
{
    (void)state;
    size_t len;
    const char *docs = read_docs(&len);
    char last[6] = "";
    for (const char *at = strstr(docs, "\n## "); at; at = strstr(at + 1, "\n## ")) {
        char code[6] = "";
        memcpy(code, at + 4, 5);
        if (strcmp(last, code) >= 0) fail_msg("%s stands after %s", code, last);
        memcpy(last, code, sizeof last);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_is_explained),
        cmocka_unit_test(sections_are_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
