/* docs/diagnostics.md: each code of scanner and parser has a section, whose first program gives
 * exactly that diagnostic and whose second parses. */
#include "session.h"

/* The next block of .hd before `end`; NULL if there is none. */
static char *next_block(Session *s, const char **at, const char *end)
{
    const char *begin = strstr(*at, "```hd\n");
    if (!begin || begin > end) return NULL;
    begin += strlen("```hd\n");
    const char *close = strstr(begin, "```");
    *at = close + 3;
    return base_strndup(s->arena, begin, (size_t)(close - begin));
}

static void check_section(const char *section, const char *end, DiagCode code)
{
    Session *s = session_open();
    char *wrong = next_block(s, &section, end), *repaired = next_block(s, &section, end);
    bool shown = code != DIAG_BAD_ENCODING && code != DIAG_TOO_DEEP && code != DIAG_FILE_TOO_LARGE;
    assert_int_equal(wrong != NULL, shown);
    assert_int_equal(repaired != NULL, shown);
    if (shown) {
        session_parse(s, wrong);
        if (s->diags->list.len != 1 || s->diags->list.data[0]->code != code)
            fail_msg("%s: %s", diag_code_text(code), session_diags(s));
        session_parse(s, repaired);
        if (s->diags->list.len != 1)
            fail_msg("%s, repaired: %s", diag_code_text(code), session_diags(s));
    }
    session_close(s);
}

static void every_code(void **state)
{
    (void)state;
    Session *s = session_open();
    char *path =
        base_path_join(s->arena, base_path_dir(s->arena, __FILE__), "../../../docs/diagnostics.md");
    char *docs;
    size_t len;
    assert_int_equal(base_file_read(s->arena, path, &docs, &len), 0);
    for (DiagCode code = DIAG_NONE + 1; code < DIAG_COUNT; code++) {
        const char *text = diag_code_text(code);
        if (strncmp(text, "E00", 3) != 0) continue;
        const char *section = strstr(docs, base_format(s->arena, "\n## %s: ", text));
        if (!section) fail_msg("%s has no section", text);
        const char *end = strstr(section + 1, "\n## ");
        check_section(section, end ? end : docs + len, code);
    }
    session_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_code)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
