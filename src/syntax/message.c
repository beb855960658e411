/* Errors of scanner and parser, and the words for what did not parse. */
#include "syntax/parse.h"

Diag *syntax_error(Parse *parse, DiagCode code, Span span, const char *arg0, const char *arg1)
{
    bool *said_so = parse->scanning && parse->newline ? &parse->scan_failed : &parse->quiet;
    bool said = *said_so;
    *said_so = true;
    parse->item_failed = true;
    if (said || parse->stop) return NULL;
    if (++parse->errors >= PARSE_MAX_ERRORS) parse->stop = true;
    return diag_report(parse->diags, code, span, arg0, arg1);
}

/* The rest of the file is not read: whatever follows would be said of a truncated tree. */
void syntax_too_deep(Parse *parse, Span span, int levels)
{
    if (parse->stop) return;
    const char *limit = base_format(parse->arena, "%d", levels);
    diag_report(parse->diags, DIAG_TOO_DEEP, span, limit);
    parse->errors++;
    parse->stop = true;
}

void syntax_bad_character(Parse *parse, const char *text, size_t len, Span span)
{
    unsigned char c = (unsigned char)text[0];
    const char *shown;
    if (c < 0x20 || c == 0x7f)
        shown = base_format(parse->arena, "U+%04X", (unsigned)c);
    else
        shown = base_format(parse->arena, "`%.*s`", (int)(len < 32 ? len : 32), text);
    if (c == '@')
        syntax_error(parse, DIAG_RESERVED, span, "@", "a later part of the language");
    else
        syntax_error(parse, DIAG_BAD_CHARACTER, span, shown, NULL);
}

/* ---- syntax errors */

/* The tokens a parser may expect are many; a reader is told the few notions behind them. */
typedef struct Expected {
    const char *shown[6];
    int count;
    bool too_many;
} Expected;

static bool has(const char *word, size_t count, const char *const *words)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i], word) == 0) return true;
    return false;
}

static void add(Expected *expected, const char *text)
{
    if (expected->count < (int)BASE_LEN(expected->shown))
        expected->shown[expected->count++] = text;
    else
        expected->too_many = true;
}

static bool is_operator(const char *text)
{
    static const char *const others[] = {"(", "[", ".", "?", "at", "order", "via", "=", "else"};
    for (Op op = OP_NONE + 1; op < OP_COUNT; op++)
        if (strcmp(vocab_op(op)->text, text) == 0) return true;
    if (text[0] && text[strlen(text) - 1] == '=') return true;
    return has(text, BASE_LEN(others), others);
}

static bool is_contextual(const char *text)
{
    for (const WordInfo *word = vocab_words; word->text; word++)
        if (word->cls == WORD_CONTEXTUAL && strcmp(word->text, text) == 0) return true;
    return false;
}

static bool starts_expression(const char *text)
{
    static const char *const starts[] = {"a name", "an integer", "a number", "a string", "_",
                                         "(",      "[",          "-",        "!",        "~",
                                         "true",   "false",      "inf",      "nan"};
    return has(text, BASE_LEN(starts), starts) || is_contextual(text);
}

/* `let`, `for` … where a statement may stand, `kernel` … where a declaration may. */
static bool starts_line(const char *text)
{
    for (const WordInfo *word = vocab_words; word->text; word++)
        if ((word->cls == WORD_STATEMENT || word->cls == WORD_DECLARATION) &&
            strcmp(word->text, text) == 0)
            return true;
    return strcmp(text, "on") == 0 || strcmp(text, "require") == 0;
}

/* The parser's table merges contexts, so it lists some tokens that cannot come here: closers of
 * other brackets, the end of a line inside brackets, a block where the statement has none. */
static bool out_of_place(const Parse *parse, const char *text, bool complete)
{
    char top = parse->brackets.len ? VEC_LAST(parse->brackets).kind : 0;
    bool group = top == '(' || top == '[' || top == 's';
    bool end = strncmp(text, "the end", 7) == 0, block = strcmp(text, "{") == 0;
    if (strcmp(text, ")") == 0) return top != '(';
    if (strcmp(text, "]") == 0) return top != '[';
    if (strcmp(text, "}") == 0) return top == '(' || top == '[' || (complete && top == '{');
    if (strcmp(text, ";") == 0) return true;
    if (!complete) return false;
    if (strcmp(text, ":") == 0) return top != '[';
    if (strcmp(text, ",") == 0) return top == '{';
    if (end) return group || parse->needs_block;
    return block && (group || (parse->blocks && !parse->needs_block));
}

static Expected summarise(const Parse *parse, size_t count, const char *const *words)
{
    Expected expected = {0};
    bool statement = has("let", count, words) && has("while", count, words);
    bool declaration = has("import", count, words) && has("kernel", count, words);
    bool expression = has("an integer", count, words) && has("-", count, words);
    bool name = has("a name", count, words);
    bool complete = !expression && has("+", count, words) && has("*", count, words);
    bool type = !statement && has("fn", count, words) && has("reg", count, words);
    if (statement) add(&expected, "a statement");
    if (declaration) add(&expected, "a declaration");
    if (expression && !statement) add(&expected, "an expression");
    if (type) add(&expected, "a type");
    if (name && !expression && !type) add(&expected, "a name");
    for (size_t i = 0; i < count; i++) {
        if (expression && starts_expression(words[i])) continue;
        if ((statement || declaration) && starts_line(words[i])) continue;
        if (type && (starts_line(words[i]) || strcmp(words[i], "(") == 0)) continue;
        if (name && is_contextual(words[i])) continue;
        if (complete && is_operator(words[i])) continue;
        if (strcmp(words[i], "a name") == 0 || out_of_place(parse, words[i], complete)) continue;
        if ((statement || declaration) && strstr(words[i], "the end")) continue;
        add(&expected, words[i]);
    }
    if (complete && expected.count == 0) add(&expected, "an operator");
    return expected;
}

/* Tokens are quoted, notions are not. */
static void put_token(Sb *sb, const char *text)
{
    bool notion = strncmp(text, "a ", 2) == 0 || strncmp(text, "an ", 3) == 0 ||
                  strncmp(text, "the ", 4) == 0;
    base_sb_printf(sb, notion ? "%s" : "`%s`", text);
}

static void put_found(Parse *parse, Sb *sb, Span span, const char *found)
{
    const char *text = parse->source->text + (span.begin - parse->source->base);
    uint32_t len = span.end - span.begin;
    if (len == 0 || strncmp(found, "the end", 7) == 0)
        put_token(sb, found);
    else
        base_sb_printf(sb, "`%.*s`%s", (int)(len < 40 ? len : 40), text, len > 40 ? "…" : "");
}

static void add_hint(Parse *parse, Diag *diag, const char *found, size_t count,
                     const char *const *words)
{
    static const char *const comparisons[] = {"==", "!=", "<", "<=", ">", ">="};
    bool compares = has(found, BASE_LEN(comparisons), comparisons);
    if (strcmp(found, "=") == 0 && has("==", count, words))
        diag_note(parse->diags, diag, "`==` compares, `=` assigns");
    else if (compares && has("&&", count, words))
        diag_note(parse->diags, diag,
                  "comparisons do not chain: join two with `&&`, or put one in parentheses");
    else if (strcmp(found, "if") == 0 &&
             (has("~", count, words) || has("the end of the line", count, words)))
        diag_note(parse->diags, diag, "`if` is a statement; a choice of values is `c ? a : b`");
    else if (strcmp(found, "else") == 0 && has("+", count, words))
        diag_note(parse->diags, diag, "as an operand, `x[…] else v` takes parentheses");
}

static bool follows_first(const Parse *parse, Span span)
{
    const char *text = parse->source->text;
    uint32_t base = parse->source->base;
    for (uint32_t at = parse->first_end; at < span.begin; at++)
        if (text[at - base] != ' ' && text[at - base] != '\t') return false;
    return true;
}

/* A misspelt word: the one that did not fit, or the one that the statement began with. */
static void suggest_word(Parse *parse, Diag *diag, Span span, size_t count,
                         const char *const *expected)
{
    enum { MOST = 200 };
    const char *words[MOST];
    size_t total = 0;
    bool ends = has("the end of the line", count, expected);
    for (size_t i = 0; i < count && total < MOST; i++)
        if (expected[i][0] >= 'a' && expected[i][0] <= 'z' && !strchr(expected[i], ' '))
            words[total++] = expected[i];
    size_t near = total;
    for (const WordInfo *word = vocab_words; word->text && near < MOST; word++)
        if (ends && (word->cls == WORD_STATEMENT || word->cls == WORD_DECLARATION))
            words[near++] = word->text;
    const char *text = parse->source->text + (span.begin - parse->source->base);
    const char *found = base_strndup(parse->arena, text, span.end - span.begin);
    diag_suggest(parse->diags, diag, found, parse->blocks ? total : near, words);
    bool second = parse->first_name && ends && parse->blocks && follows_first(parse, span);
    if (diag->notes.len == 0 && second)
        diag_suggest(parse->diags, diag, parse->first_name->text, near, words);
}

void syntax_unexpected(Parse *parse, Span span, const char *found, size_t count,
                       const char *const *expected)
{
    parse->recovering = true;
    parse->skip_depth = parse->blocks - (strcmp(found, "{") == 0 && parse->blocks > 0);
    if (parse->quiet || parse->stop) return;
    Expected few = summarise(parse, count, expected);
    if (parse->blocks == 0 && parse->pending.newline && has("the end of the line", count, expected))
        few = (Expected){.shown = {"a declaration"}, .count = 1};
    Sb sb = base_sb(parse->arena);
    if (few.count == 0 || few.too_many) {
        base_sb_str(&sb, "unexpected ");
        put_found(parse, &sb, span, found);
    } else {
        base_sb_str(&sb, "expected ");
        for (int i = 0; i < few.count; i++) {
            if (i) base_sb_str(&sb, i + 1 == few.count ? " or " : ", ");
            put_token(&sb, few.shown[i]);
        }
        base_sb_str(&sb, ", found ");
        put_found(parse, &sb, span, found);
    }
    Diag *diag = syntax_error(parse, DIAG_SYNTAX, span, base_sb_text(&sb), NULL);
    if (!diag) return;
    add_hint(parse, diag, found, count, expected);
    if (span.end > span.begin && diag->notes.len == 0)
        suggest_word(parse, diag, span, count, expected);
}
