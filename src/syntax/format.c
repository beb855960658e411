/* The canonical layout. Lines break where the author broke them; everything between is decided
 * here: blanks, indentation, the places of braces, blank lines, `;`, and the columns of comments
 * that trail neighbouring lines. The tokens stay the same but for `;` at a line's end, so the tree
 * does, too. */
#include "syntax/format.h"

#include "hd.y.h"

enum { STEP = 4 };

typedef struct Open {
    uint32_t item;      /* index of the opener */
    int line_indent;    /* of the line it stands on */
    int content;        /* where lines inside it begin */
    bool hangs;         /* nothing follows it on its line */
    bool generics;      /* [T: num] */
    uint32_t questions; /* `?` whose `:` is yet to come */
} Open;

/* A line that ends in a comment: where its code and its comment meet in the output. */
typedef struct Trail {
    size_t line; /* number of the line */
    size_t at;   /* offset of the comment in the output */
    int column;  /* width of the code before it */
} Trail;

typedef struct Format {
    Arena *arena;
    const Source *source;
    const FormatItem *items;
    uint32_t count;
    Sb out;
    size_t line_start, line;
    int indent; /* of the current line */
    VEC(Open) open;
    uint32_t questions; /* outside of all brackets */
    int blocks;
    VEC(Trail) trails;
    /* the statement or declaration at hand */
    int first;         /* its first token that is no attribute and not `pub` */
    bool broken;       /* its header runs over several lines */
    int clause_column; /* where a clause's first operand stands; 0 outside */
    uint32_t last;     /* index of the last token that is no comment; UINT32_MAX at first */
} Format;

static int last_kind(const Format *f)
{
    return f->last == UINT32_MAX ? 0 : f->items[f->last].kind;
}

static const Open *top(const Format *f)
{
    return f->open.len ? &VEC_LAST(f->open) : NULL;
}

static bool in_group(const Format *f)
{
    return f->open.len && f->items[VEC_LAST(f->open).item].kind != TOK_LBRACE;
}

static int width(const char *text, size_t len)
{
    int columns = 0;
    for (size_t i = 0; i < len; i++) columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

static int column(const Format *f)
{
    return width(f->out.data + f->line_start, f->out.len - f->line_start);
}

/* ---- blanks between two tokens on a line */

static bool is_operand_end(int kind)
{
    bool word = kind == TOK_BREAK || kind == TOK_CONTINUE || kind == TOK_RETURN || kind == TOK_SYNC;
    return syntax_ends_statement(kind) && !word && kind != TOK_RBRACE;
}

/* The kind of token `i`, with `at`, `order` … between operands told from names. */
static bool is_infix_word(const Format *f, uint32_t i)
{
    int kind = f->items[i].kind;
    if (kind != TOK_AT && kind != TOK_ORDER && kind != TOK_VIA && kind != TOK_AS) return false;
    while (i > 0 && f->items[i - 1].kind == TOK_COMMENT) i--;
    return i > 0 && !f->items[i].starts && is_operand_end(f->items[i - 1].kind);
}

static bool is_unary(const Format *f, uint32_t i)
{
    int kind = f->items[i].kind;
    if (kind == TOK_NOT || kind == TOK_TILDE) return true;
    if (kind != TOK_MINUS) return false;
    while (i > 0 && f->items[i - 1].kind == TOK_COMMENT) i--;
    return i == 0 || f->items[i].starts || !is_operand_end(f->items[i - 1].kind) ||
           is_infix_word(f, i - 1);
}

static bool blank_before_open(const Format *f)
{
    int before = last_kind(f);
    if (before == TOK_FN || before == TOK_PIPELINE) return false;
    if (f->first == TOK_IMPORT) return true;
    return !is_operand_end(before) || is_infix_word(f, f->last);
}

static bool blank_before_colon(const Format *f)
{
    return (top(f) ? top(f)->questions : f->questions) > 0;
}

static bool is_range(const Format *f)
{
    const Open *open = top(f);
    return open && f->items[open->item].kind == TOK_LBRACKET && !open->generics &&
           open->questions == 0;
}

/* Whether the last token wants nothing after it. */
static bool blank_after_last(const Format *f, bool range_colon)
{
    int kind = last_kind(f);
    if (kind == TOK_LPAREN || kind == TOK_LBRACKET || kind == TOK_SET_OPEN || kind == TOK_DOT)
        return false;
    if (kind == TOK_COLON) return !range_colon;
    return !is_unary(f, f->last);
}

static bool blank_between(const Format *f, uint32_t next, bool range_colon)
{
    const FormatItem *item = &f->items[next];
    switch (item->kind) {
    case TOK_COMMA:
    case TOK_SEMI:
    case TOK_DOT:
    case TOK_RPAREN:
    case TOK_RBRACKET:
        return false;
    case TOK_COLON:
        return last_kind(f) == TOK_COMMA || (blank_before_colon(f) && !is_range(f));
    case TOK_LPAREN:
    case TOK_LBRACKET:
        return blank_after_last(f, range_colon) && blank_before_open(f);
    case TOK_RBRACE:
        return f->items[item->match].kind == TOK_LBRACE && last_kind(f) != TOK_LBRACE;
    default:
        return blank_after_last(f, range_colon);
    }
}

/* ---- where lines begin */

static bool spans_lines(const Format *f, uint32_t opener)
{
    for (uint32_t i = opener + 1; i <= f->items[opener].match; i++)
        if (f->items[i].breaks || f->items[i].line_comment) return true;
    return false;
}

static bool is_block_brace(const Format *f, uint32_t i)
{
    const FormatItem *item = &f->items[i];
    return item->kind == TOK_LBRACE ||
           (item->kind == TOK_RBRACE && f->items[item->match].kind == TOK_LBRACE);
}

static bool after_line_comment(const Format *f, uint32_t i)
{
    return i > 0 && f->items[i - 1].line_comment;
}

/* How many line ends to write before item `i`: 0, 1, or 2 for a blank line. */
static uint32_t breaks_before(const Format *f, uint32_t i)
{
    const FormatItem *item = &f->items[i];
    uint32_t written = item->breaks < 2 ? item->breaks : 2;
    if (i == 0) return 0;
    bool comment = f->items[i - 1].kind == TOK_COMMENT;
    if (after_line_comment(f, i) && written == 0) written = 1;
    bool opened = f->items[i - 1].kind == TOK_LBRACE;
    if (opened && item->kind != TOK_RBRACE)
        return item->line_comment && item->breaks == 0 ? 0 : spans_lines(f, i - 1);
    if (item->kind == TOK_COMMENT) return written;
    if (item->kind == TOK_LBRACE && !comment) {
        bool own = f->blocks == 0 && f->broken && (f->first == TOK_KERNEL || f->first == TOK_FN);
        return own;
    }
    if (item->kind == TOK_ELSE && last_kind(f) == TOK_RBRACE && !comment) return 0;
    if (is_block_brace(f, i) && item->kind == TOK_RBRACE) {
        if (opened) return 0;
        return comment ? written > 0 : spans_lines(f, item->match);
    }
    if (comment && written > 1 && in_group(f)) return 1;
    return written;
}

static bool is_clause(int kind)
{
    return kind == TOK_TUNE || kind == TOK_WHERE || kind == TOK_LAUNCH || kind == TOK_REQUIRE;
}

/* What a comment on a line of its own is indented like: the token that follows it. */
static uint32_t next_token(const Format *f, uint32_t i)
{
    while (i < f->count && f->items[i].kind == TOK_COMMENT) i++;
    return i;
}

static int indent_of(const Format *f, uint32_t i)
{
    uint32_t next = next_token(f, i);
    bool comment = f->items[i].kind == TOK_COMMENT;
    if (in_group(f)) {
        const Open *open = top(f);
        bool closes = next == f->items[open->item].match && !comment;
        return closes ? open->line_indent : open->content;
    }
    int base = STEP * f->blocks;
    if (next == f->count) return base;
    const FormatItem *item = &f->items[next];
    if (is_block_brace(f, next) && item->kind == TOK_RBRACE) return comment ? base : base - STEP;
    if (item->starts || f->last == UINT32_MAX || last_kind(f) == TOK_ATTRIBUTE) return base;
    if (item->kind == TOK_LBRACE) return comment && f->blocks == 0 ? STEP : base;
    if (f->blocks == 0 && is_clause(item->kind)) return STEP;
    if (f->blocks == 0 && f->clause_column) return f->clause_column;
    return base + STEP;
}

/* ---- writing */

static void break_line(Format *f, uint32_t count)
{
    for (; count > 0; count--) {
        base_sb_char(&f->out, '\n');
        f->line++;
    }
    f->line_start = f->out.len;
}

static void write_text(Format *f, const FormatItem *item)
{
    const char *text = f->source->text + item->begin;
    size_t len = item->end - item->begin;
    while (len && item->kind == TOK_COMMENT &&
           (text[len - 1] == ' ' || text[len - 1] == '\t' || text[len - 1] == '\r'))
        len--;
    base_sb_mem(&f->out, text, len);
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\n') continue;
        f->line++;
        f->line_start = f->out.len - (len - i - 1);
    }
}

static void begin_line(Format *f, uint32_t i, uint32_t breaks)
{
    break_line(f, breaks);
    f->indent = indent_of(f, i);
    for (int blank = 0; blank < f->indent; blank++) base_sb_char(&f->out, ' ');
    bool continues = !f->items[i].starts && last_kind(f) != TOK_ATTRIBUTE;
    if (f->items[i].kind != TOK_COMMENT && continues && !in_group(f)) f->broken = true;
}

/* A `;` between statements stays where they share a line, and where without it the next line
 * would continue the last. */
static bool keeps_semicolon(const Format *f, uint32_t i, uint32_t breaks)
{
    const FormatItem *item = &f->items[i];
    if (!item->semicolon || !item->starts || f->last == UINT32_MAX) return false;
    if (last_kind(f) == TOK_LBRACE || (is_block_brace(f, i) && item->kind == TOK_RBRACE))
        return false;
    return breaks == 0 || syntax_continues_statement(item->kind);
}

/* Where lines inside a bracket begin: one step in, however many brackets the line has opened; in a
 * set, under its first value. */
static int content_indent(const Format *f, uint32_t i, bool hangs)
{
    const Open *outer = top(f);
    if (hangs) return f->indent + STEP;
    if (f->items[i].kind == TOK_SET_OPEN) return column(f);
    return in_group(f) && !outer->hangs ? outer->content : f->indent + STEP;
}

static void open_bracket(Format *f, uint32_t i)
{
    uint32_t before = f->last;
    bool named = before != UINT32_MAX && before > 0 && f->items[before].kind == TOK_NAME;
    int word = named ? f->items[before - 1].kind : 0;
    bool hangs = i + 1 < f->count && f->items[i + 1].breaks > 0;
    Open open = {.item = i,
                 .line_indent = f->indent,
                 .content = content_indent(f, i, hangs),
                 .hangs = hangs,
                 .generics =
                     f->items[i].kind == TOK_LBRACKET && (word == TOK_FN || word == TOK_KERNEL)};
    VEC_PUSH(f->arena, f->open, open);
    if (f->items[i].kind == TOK_LBRACE) f->blocks++;
}

static void close_bracket(Format *f)
{
    if (f->items[VEC_LAST(f->open).item].kind == TOK_LBRACE) f->blocks--;
    f->open.len--;
}

/* Follows the brackets and the statement's parts past token `i`, which was just written. */
static void pass_token(Format *f, uint32_t i)
{
    int kind = f->items[i].kind;
    if (f->items[i].starts) {
        f->first = kind;
        f->broken = false;
        f->clause_column = 0;
    } else if (f->first == TOK_PUB || f->first == TOK_ATTRIBUTE) {
        f->first = kind;
    }
    if (f->blocks == 0 && f->open.len == 0 && is_clause(kind)) f->clause_column = column(f) + 1;
    uint32_t *questions = f->open.len ? &VEC_LAST(f->open).questions : &f->questions;
    if (kind == TOK_QUESTION) ++*questions;
    if (kind == TOK_COLON && *questions) --*questions;
    if (kind == TOK_LPAREN || kind == TOK_LBRACKET || kind == TOK_LBRACE || kind == TOK_SET_OPEN)
        open_bracket(f, i);
    if (kind == TOK_RPAREN || kind == TOK_RBRACKET || kind == TOK_RBRACE) close_bracket(f);
    f->last = i;
}

static void put_comment(Format *f, uint32_t i, uint32_t breaks)
{
    const FormatItem *item = &f->items[i];
    if (breaks || i == 0) {
        begin_line(f, i, breaks);
    } else if (item->line_comment) {
        Trail trail = {f->line, f->out.len, column(f)};
        VEC_PUSH(f->arena, f->trails, trail);
    } else {
        int kind = f->items[i - 1].kind;
        if (kind != TOK_LPAREN && kind != TOK_LBRACKET) base_sb_char(&f->out, ' ');
    }
    write_text(f, item);
}

static void put_token(Format *f, uint32_t i, uint32_t breaks, bool range_colon)
{
    const FormatItem *item = &f->items[i];
    bool semicolon = keeps_semicolon(f, i, breaks);
    if (semicolon) base_sb_char(&f->out, ';');
    if (breaks || i == 0)
        begin_line(f, i, breaks);
    else if (f->items[i - 1].kind == TOK_COMMENT)
        base_sb_char(&f->out, ' ');
    else if (semicolon || blank_between(f, i, range_colon))
        base_sb_char(&f->out, ' ');
    write_text(f, item);
    pass_token(f, i);
}

/* ---- trailing comments */

/* Comments that trail neighbouring lines begin in one column, two blanks after the longest. */
static char *align_trails(Format *f)
{
    Sb out = base_sb(f->arena);
    size_t at = 0;
    for (size_t i = 0; i < f->trails.len;) {
        size_t end = i;
        int widest = 0;
        do {
            if (f->trails.data[end].column > widest) widest = f->trails.data[end].column;
            end++;
        } while (end < f->trails.len &&
                 f->trails.data[end].line == f->trails.data[end - 1].line + 1);
        for (; i < end; i++) {
            const Trail *trail = &f->trails.data[i];
            base_sb_mem(&out, f->out.data + at, trail->at - at);
            for (int blank = trail->column; blank < widest + 2; blank++) base_sb_char(&out, ' ');
            at = trail->at;
        }
    }
    base_sb_mem(&out, f->out.data + at, f->out.len - at);
    if (out.len) base_sb_char(&out, '\n');
    return base_sb_text(&out);
}

char *syntax_format(Arena *arena, Interner *interner, const Source *source)
{
    FormatItems items = {0};
    if (!syntax_format_items(arena, interner, source, &items)) return NULL;
    Format f = {.arena = arena,
                .source = source,
                .items = items.data,
                .count = (uint32_t)items.len,
                .out = base_sb(arena),
                .last = UINT32_MAX};
    base_sb_text(&f.out); /* allocates, so that offsets into it are always to something */
    bool range_colon = false;
    for (uint32_t i = 0; i < f.count; i++) {
        uint32_t breaks = breaks_before(&f, i);
        if (f.items[i].kind == TOK_COMMENT) {
            put_comment(&f, i, breaks);
            continue;
        }
        bool colon = f.items[i].kind == TOK_COLON && is_range(&f);
        put_token(&f, i, breaks, range_colon);
        range_colon = colon;
    }
    return align_trails(&f);
}
