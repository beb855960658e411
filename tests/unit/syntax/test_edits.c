/* Error quality: of the programs that differ from a good one in one token and are wrong, at least
 * 97 % have exactly one diagnostic. Every deletion is tried, and a seeded sample of insertions and
 * replacements. */
#include "syntax/session.h"

#include <ctype.h>

typedef struct Cut {
    size_t begin, end;
} Cut;

typedef struct Tally {
    long wrong, one, none;
    long histogram[8];
} Tally;

static Tally tally;
static uint64_t state = 20240817;

static uint32_t next_random(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((state >> 33) % below);
}

static size_t skip_space(const char *text, size_t i)
{
    for (;;) {
        while (text[i] && isspace((unsigned char)text[i])) i++;
        if (text[i] != '/' || text[i + 1] != '/') return i;
        while (text[i] && text[i] != '\n') i++;
    }
}

static size_t token_end(const char *text, size_t i)
{
    static const char *const pairs[] = {
        "<<=", ">>=", "->", "+=", "-=", "*=", "/=", "%=", "&=", "|=",
        "^=",  "||",  "&&", "==", "!=", "<=", ">=", "<<", ">>"};
    if (isalpha((unsigned char)text[i]) || text[i] == '_') {
        while (isalnum((unsigned char)text[i]) || text[i] == '_') i++;
        return i;
    }
    if (isdigit((unsigned char)text[i])) {
        while (isalnum((unsigned char)text[i]) || text[i] == '_' || text[i] == '.' ||
               (text[i] == '-' && text[i - 1] == 'e'))
            i++;
        return i;
    }
    if (text[i] == '"') {
        for (i++; text[i] != '"'; i++) i += text[i] == '\\';
        return i + 1;
    }
    for (size_t k = 0; k < BASE_LEN(pairs); k++)
        if (strncmp(text + i, pairs[k], strlen(pairs[k])) == 0) return i + strlen(pairs[k]);
    return i + 1;
}

/* Parses `text` with [cut) replaced by `put`. */
static void try_edit(const char *text, Cut cut, const char *put, size_t put_len)
{
    Session *s = session_open();
    Sb sb = base_sb(s->arena);
    base_sb_mem(&sb, text, cut.begin);
    base_sb_mem(&sb, put, put_len);
    base_sb_str(&sb, text + cut.end);
    session_parse_n(s, base_sb_text(&sb), sb.len);
    size_t errors = s->diags->errors;
    tally.histogram[errors < 7 ? errors : 7]++;
    tally.wrong += errors > 0;
    tally.one += errors == 1;
    tally.none += errors == 0;
    if (errors > 1 && getenv("HD_SHOW_EDITS"))
        printf("---- %zu errors after `%.*s` for `%.*s`:\n%s", errors, (int)put_len, put,
               (int)(cut.end - cut.begin), text + cut.begin, session_diags(s));
    session_close(s);
}

static void edit_file(Session *s, const char *path, const char *text)
{
    (void)path;
    VEC(Cut) cuts = {0};
    for (size_t i = skip_space(text, 0); text[i]; i = skip_space(text, i)) {
        size_t end = token_end(text, i);
        VEC_PUSH(s->arena, cuts, ((Cut){i, end}));
        i = end;
    }
    for (size_t i = 0; i < cuts.len; i++) {
        Cut cut = cuts.data[i];
        try_edit(text, cut, " ", 1);
        for (int round = 0; round < 4; round++) {
            Cut from = cuts.data[next_random((uint32_t)cuts.len)];
            char put[256];
            int len = snprintf(put, sizeof put, " %.*s ", (int)(from.end - from.begin),
                               text + from.begin);
            if (round % 2) cut.end = cut.begin; /* insert before it */
            try_edit(text, cut, put, (size_t)len);
            cut.end = cuts.data[i].end;
        }
    }
}

static void one_edit_one_error(void **unused)
{
    (void)unused;
    Session *s = session_open();
    assert_true(session_each_file(s, "samples", edit_file) >= 4);
    session_close(s);
    double share = (double)tally.one / (double)tally.wrong;
    print_message("%ld edits stay right, %ld are wrong; %.2f %% of these have one diagnostic "
                  "(2: %ld, 3: %ld, 4: %ld, more: %ld)\n",
                  tally.none, tally.wrong, 100 * share, tally.histogram[2], tally.histogram[3],
                  tally.histogram[4], tally.histogram[5] + tally.histogram[6] + tally.histogram[7]);
    assert_true(tally.wrong > 3000);
    assert_true(share >= 0.97);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_edit_one_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
