/* One parse from end to end: checks the bytes, sets up words and scanner, runs the grammar. */
#include "syntax/parse.h"

#include "syntax/build.h"
#include "syntax/format.h"

#include "hd.y.h"

/* ---- bytes */

/* Length of the UTF-8 sequence at `p`; 0 if it is malformed or is a NUL. */
static size_t sequence(const unsigned char *p, size_t left)
{
    if (*p < 0x80) return *p != 0;
    size_t len = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
    if (*p < 0xc2 || *p > 0xf4 || len > left) return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    bool overlong = (*p == 0xe0 && p[1] < 0xa0) || (*p == 0xf0 && p[1] < 0x90);
    bool outside = (*p == 0xed && p[1] > 0x9f) || (*p == 0xf4 && p[1] > 0x8f);
    return overlong || outside ? 0 : len;
}

/* True for eight bytes of ASCII none of which is NUL. */
static bool plain(const char *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return ((word | (word - 0x0101010101010101u)) & 0x8080808080808080u) == 0;
}

/* Offset of the first byte that is no text; `len` if all is. */
static size_t find_bad_byte(const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        if (len - i >= 8 && plain(text + i)) {
            i += 8;
            continue;
        }
        size_t n = sequence((const unsigned char *)text + i, len - i);
        if (n == 0) return i;
        i += n;
    }
    return len;
}

static bool check_bytes(Diags *diags, const Source *source)
{
    if (source->len > SYNTAX_MAX_BYTES) {
        diag_report(diags, DIAG_FILE_TOO_LARGE, ((Span){source->base, source->base}), "64 MiB");
        return false;
    }
    size_t bad = find_bad_byte(source->text, source->len);
    if (bad == source->len) return true;
    uint32_t at = source->base + (uint32_t)bad;
    Diag *diag = diag_report(diags, DIAG_BAD_ENCODING, ((Span){at, at + 1}));
    diag_note(diags, diag, "byte %zu is 0x%02x", bad, (unsigned)(unsigned char)source->text[bad]);
    return false;
}

/* ---- words */

static Word **word_slot(const Parse *parse, const Name *name)
{
    uint32_t i = name->hash % PARSE_WORD_SLOTS;
    while (parse->words[i] && parse->words[i]->name != name) i = (i + 1) % PARSE_WORD_SLOTS;
    return (Word **)(uintptr_t)&parse->words[i];
}

Word *syntax_word(const Parse *parse, const Name *name)
{
    return *word_slot(parse, name);
}

static void add_words(Parse *parse)
{
    for (const WordInfo *info = vocab_words; info->text; info++) {
        Word *word = NEW(parse->arena, Word);
        word->name = base_intern_cstr(parse->interner, info->text);
        word->cls = info->cls;
        word->token = info->cls == WORD_LATER ? 0 : syntax_token_find(info->text);
        *word_slot(parse, word->name) = word;
    }
}

/* ---- doc comments */

/* Adds one line: without the blank after the slashes and without blanks at its end. */
void syntax_scan_doc(Sb *doc, const char *text, size_t len)
{
    if (len && text[0] == ' ') text++, len--;
    while (len && (text[len - 1] == ' ' || text[len - 1] == '\t' || text[len - 1] == '\r')) len--;
    if (doc->len) base_sb_char(doc, '\n');
    base_sb_mem(doc, text, len);
}

/* ---- runs */

Parse *syntax_parse_start(Arena *arena, Interner *interner, Diags *diags, const Source *source)
{
    Parse *parse = NEW(arena, Parse);
    parse->arena = arena;
    parse->interner = interner;
    parse->diags = diags;
    parse->source = source;
    parse->doc = parse->file_doc = base_sb(arena);
    parse->newline = true;
    parse->last_end = source->base;
    add_words(parse);
    char *text = base_alloc(arena, (size_t)source->len + 2);
    memcpy(text, source->text, source->len);
    if (source->len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) memset(text, ' ', 3);
    syntax_scan_open(parse, text, (size_t)source->len + 2);
    return parse;
}

static Ast *run(Parse *parse, int begin)
{
    parse->begin = begin;
    hd_yyparse(parse);
    return parse->result;
}

static Ast *empty_file(Parse *parse)
{
    Span span = {parse->source->base, parse->source->base + parse->source->len};
    return syntax_file(parse, syntax_list_begin(parse), span);
}

Ast *syntax_parse(Arena *arena, Interner *interner, Diags *diags, const Source *source)
{
    size_t before = diags->list.len;
    if (!check_bytes(diags, source)) {
        Parse blank = {.arena = arena, .source = source};
        return empty_file(&blank);
    }
    Parse *parse = syntax_parse_start(arena, interner, diags, source);
    Ast *file = run(parse, TOK_START_FILE);
    if (parse->unbalanced && !parse->stop) {
        diag_forget(diags, before);
        parse = syntax_parse_start(arena, interner, diags, source);
        parse->trust_indent = true;
        file = run(parse, TOK_START_FILE);
    }
    return file ? file : empty_file(parse);
}

Ast *syntax_parse_expr(Arena *arena, Interner *interner, Diags *diags, const Source *source)
{
    Parse *parse = NULL;
    Ast *expr = NULL;
    if (check_bytes(diags, source)) {
        parse = syntax_parse_start(arena, interner, diags, source);
        expr = run(parse, TOK_START_EXPR);
    }
    if (expr) return expr;
    Parse blank = {.arena = arena, .source = source};
    Span span = {source->base, source->base + source->len};
    return syntax_node(&blank, AST_Error, span, 0, NULL);
}
