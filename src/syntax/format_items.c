/* What the formatter lays out: the filter's tokens merged with the scanner's comments. */
#include "syntax/format.h"

#include "hd.y.h"

static void add(Arena *arena, FormatItems *items, FormatItem item)
{
    VEC_PUSH(arena, *items, item);
}

/* The tokens as the parser sees them; separators become marks on what follows them. */
static bool collect_tokens(Arena *arena, Parse *parse, FormatItems *items)
{
    const uint32_t base = parse->source->base;
    bool starts = true, semicolon = false;
    for (;;) {
        HD_YYSTYPE value;
        Span span;
        int kind = hd_yylex(&value, &span, parse);
        if (parse->errors) return false;
        if (kind == TOK_END) return true;
        if (kind == TOK_SEP) {
            starts = true;
            semicolon |= span.end > span.begin;
            continue;
        }
        add(arena, items,
            (FormatItem){.kind = kind,
                         .begin = span.begin - base,
                         .end = span.end - base,
                         .starts = starts,
                         .semicolon = semicolon});
        starts = kind == TOK_LBRACE;
        semicolon = false;
    }
}

static bool collect_comments(Arena *arena, Parse *parse, FormatItems *items)
{
    const uint32_t base = parse->source->base;
    parse->keep_comments = true;
    for (;;) {
        Token token = {0};
        Span span = {0, 0};
        int kind = syntax_scan(parse, &token, &span, parse->scanner);
        if (kind == TOK_END) return parse->errors == 0;
        if (kind != TOK_COMMENT) continue;
        const char *text = parse->source->text + (span.begin - base);
        add(arena, items,
            (FormatItem){.kind = TOK_COMMENT,
                         .begin = span.begin - base,
                         .end = span.end - base,
                         .line_comment = text[1] == '/'});
    }
}

static void merge(Arena *arena, const FormatItems *tokens, const FormatItems *comments,
                  FormatItems *items)
{
    size_t i = 0, j = 0;
    while (i < tokens->len || j < comments->len) {
        bool comment = i == tokens->len ||
                       (j < comments->len && comments->data[j].begin < tokens->data[i].begin);
        add(arena, items, comment ? comments->data[j++] : tokens->data[i++]);
    }
}

static void count_breaks(const Source *source, FormatItems *items)
{
    uint32_t at = 0;
    for (size_t i = 0; i < items->len; i++) {
        FormatItem *item = &items->data[i];
        for (; at < item->begin; at++) item->breaks += source->text[at] == '\n';
        at = item->end;
    }
}

static void match_brackets(Arena *arena, FormatItems *items)
{
    VEC(uint32_t) open = {0};
    for (uint32_t i = 0; i < items->len; i++) {
        int kind = items->data[i].kind;
        if (kind == TOK_LPAREN || kind == TOK_LBRACKET || kind == TOK_LBRACE ||
            kind == TOK_SET_OPEN) {
            VEC_PUSH(arena, open, i);
        } else if (kind == TOK_RPAREN || kind == TOK_RBRACKET || kind == TOK_RBRACE) {
            uint32_t opener = open.data[--open.len]; /* the filter keeps brackets nested */
            items->data[opener].match = i;
            items->data[i].match = opener;
        }
    }
}

bool syntax_format_items(Arena *arena, Interner *interner, const Source *source, FormatItems *items)
{
    FormatItems tokens = {0}, comments = {0};
    Diags *scratch = diag_create(arena);
    Parse *parse = syntax_parse_start(arena, interner, scratch, source);
    if (!collect_tokens(arena, parse, &tokens)) return false;
    parse = syntax_parse_start(arena, interner, scratch, source);
    if (!collect_comments(arena, parse, &comments)) return false;
    merge(arena, &tokens, &comments, items);
    count_breaks(source, items);
    match_brackets(arena, items);
    return true;
}
