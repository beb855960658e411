/* The token filter between scanner and parser: where lines end statements, and brackets that do
 * not balance. What it guarantees the parser: a SEP after each statement and declaration, also
 * before a block's `}` and before the end; brackets that nest; blocks told from sets.
 *
 * A bracket left open is closed where a line begins with a reserved word, with one diagnostic at
 * the opener. Braces of blocks are harder, since any `}` closes any block: when they turn out not
 * to balance, the file is parsed again with `trust_indent`, where columns say which `}` belongs
 * to which `{`. Columns never matter in a file whose braces balance. */
#include "syntax/build.h"

#include "hd.y.h"

#include <math.h>

enum { AGAIN = -1, FIRST_TOKEN = 258 };

enum { ENDS = 1, CONTINUES = 2, NO_START_AFTER = 4 };

/* Tokens that can end a statement; tokens that, first on a line, continue one; tokens after which
 * a reserved word on the next line still belongs to what they began. */
static const unsigned char traits[] = {
#define T(id, value) [TOK_##id - FIRST_TOKEN] = (value)
    T(NAME, ENDS),
    T(INT, ENDS),
    T(FLOAT, ENDS),
    T(STRING, ENDS),
    T(HOLE, ENDS),
    T(TRUE, ENDS),
    T(FALSE, ENDS),
    T(INF, ENDS),
    T(NAN, ENDS),
    T(RBRACE, ENDS),
    T(BREAK, ENDS),
    T(CONTINUE, ENDS),
    T(RETURN, ENDS),
    T(SYNC, ENDS),
    T(AS, ENDS),
    T(AT, ENDS),
    T(ORDER, ENDS),
    T(GRID, ENDS),
    T(RESIDENT, ENDS),
    T(CLUSTER, ENDS),
    T(OCCUPANCY, ENDS),
    T(RANDOM, ENDS),
    T(ZERO, ENDS),
    T(THREAD, ENDS),
    T(LANE, ENDS),
    T(WARP, ENDS),
    T(WARPGROUP, ENDS),
    T(BLOCK, ENDS),
    T(ROW, ENDS),
    T(COL, ENDS),
    T(STRIDED, ENDS),
    T(PAD, ENDS),
    T(SWIZZLE, ENDS),
    T(VIA, ENDS | CONTINUES),
    T(RPAREN, ENDS | CONTINUES),
    T(RBRACKET, ENDS | CONTINUES),
    T(LBRACE, CONTINUES),
    T(COMMA, CONTINUES),
    T(DOT, CONTINUES),
    T(QUESTION, CONTINUES),
    T(COLON, CONTINUES | NO_START_AFTER),
    T(ARROW, CONTINUES | NO_START_AFTER),
    T(ASSIGN, CONTINUES),
    T(ASSIGN_ADD, CONTINUES),
    T(ASSIGN_SUB, CONTINUES),
    T(ASSIGN_MUL, CONTINUES),
    T(ASSIGN_DIV, CONTINUES),
    T(ASSIGN_MOD, CONTINUES),
    T(ASSIGN_AND, CONTINUES),
    T(ASSIGN_OR, CONTINUES),
    T(ASSIGN_XOR, CONTINUES),
    T(ASSIGN_SHL, CONTINUES),
    T(ASSIGN_SHR, CONTINUES),
    T(OROR, CONTINUES),
    T(ANDAND, CONTINUES),
    T(EQ, CONTINUES),
    T(NE, CONTINUES),
    T(LT, CONTINUES),
    T(LE, CONTINUES),
    T(GT, CONTINUES),
    T(GE, CONTINUES),
    T(BITOR, CONTINUES),
    T(BITXOR, CONTINUES),
    T(BITAND, CONTINUES),
    T(SHL, CONTINUES),
    T(SHR, CONTINUES),
    T(PLUS, CONTINUES),
    T(MINUS, CONTINUES),
    T(STAR, CONTINUES),
    T(SLASH, CONTINUES),
    T(PERCENT, CONTINUES),
    T(TUNE, CONTINUES),
    T(WHERE, CONTINUES),
    T(LAUNCH, CONTINUES),
    T(WITHIN, CONTINUES),
    T(OVER, CONTINUES),
    T(IN, CONTINUES),
    T(LAYOUT, CONTINUES),
    T(ELSE, CONTINUES | NO_START_AFTER),
    T(UNROLL, NO_START_AFTER),
    T(PUB, NO_START_AFTER),
    T(ATTRIBUTE, NO_START_AFTER),
    T(INOUT, NO_START_AFTER),
    T(OUT, NO_START_AFTER),
#undef T
};

static unsigned trait(int token)
{
    return token >= FIRST_TOKEN && token - FIRST_TOKEN < (int)sizeof traits
               ? traits[token - FIRST_TOKEN]
               : 0;
}

bool syntax_ends_statement(int token)
{
    return trait(token) & ENDS;
}

bool syntax_continues_statement(int token)
{
    return trait(token) & CONTINUES;
}

/* ---- reading */

static void set_word_value(int kind, Token *token)
{
    if (kind == TOK_TRUE) token->i = 1;
    if (kind == TOK_INF) token->f = INFINITY;
    if (kind == TOK_NAN) token->f = NAN;
}

static bool begins_declaration(const Pending *next)
{
    return next->kind == TOK_ATTRIBUTE || (next->word && next->word->cls == WORD_DECLARATION);
}

/* The doc comment before a declaration's first word is kept for the declaration. */
static void take_doc(Parse *parse, const Pending *next)
{
    if (begins_declaration(next)) {
        const Name *text = base_intern(parse->interner, parse->doc.data, parse->doc.len);
        VEC_PUSH(parse->arena, parse->docs, (DocAt){next->span.begin, text});
    }
    parse->doc.len = 0;
}

static void fetch(Parse *parse)
{
    Pending *next = &parse->pending;
    next->token = (Token){0};
    parse->scanning = true;
    next->kind = syntax_scan(parse, &next->token, &next->span, parse->scanner);
    parse->scanning = false;
    next->failed = parse->scan_failed;
    parse->scan_failed = false;
    next->word = NULL;
    /* After a dot every word is a name: `acc.mapping`. */
    bool member = parse->last == TOK_DOT && !parse->newline;
    if (next->kind == TOK_NAME && !member) {
        next->word = syntax_word(parse, next->token.name);
        if (next->word && next->word->token) {
            next->kind = next->word->token;
            set_word_value(next->kind, &next->token);
        }
    }
    next->newline = parse->newline || next->kind == TOK_END;
    parse->newline = false;
    if (next->kind == TOK_END) {
        uint32_t end = parse->source->base + parse->source->len;
        next->span = (Span){end, end};
    }
    if (next->newline) next->indent = next->span.begin - parse->source->base - parse->line;
    if (parse->doc.len) take_doc(parse, next);
    parse->has_pending = true;
}

/* ---- synthetic tokens: what stands before the pending one */

static char top_kind(const Parse *parse)
{
    return parse->brackets.len ? VEC_LAST(parse->brackets).kind : 0;
}

static bool in_group(char top)
{
    return top == '(' || top == '[' || top == 's';
}

static int closer_of(char kind)
{
    return kind == '(' ? TOK_RPAREN : kind == '[' ? TOK_RBRACKET : TOK_RBRACE;
}

static void pop(Parse *parse)
{
    Bracket top = parse->brackets.data[--parse->brackets.len];
    if (top.kind != '{') return;
    parse->blocks--;
    parse->indent = top.indent;
}

/* Closes the innermost bracket, which nothing in the text closes. */
static int close_open(Parse *parse)
{
    Bracket top = VEC_LAST(parse->brackets);
    Span at = {top.at, top.at + 1};
    const char *text = top.kind == '(' ? "(" : top.kind == '[' ? "[" : "{";
    if (top.kind == '{') parse->unbalanced = true;
    bool caused = parse->cut || (top.kind == '{' && parse->trust_indent && parse->item_failed);
    if (!caused) syntax_error(parse, DIAG_UNCLOSED_BRACKET, at, text, NULL);
    parse->quiet = true;
    pop(parse);
    return closer_of(top.kind);
}

/* While the parser skips a broken statement, the lines inside its blocks are no separators. */
static int separate(Parse *parse)
{
    parse->for_header = false;
    if (!parse->recovering || parse->blocks <= parse->skip_depth) return TOK_SEP;
    parse->last = TOK_SEP;
    return AGAIN;
}

static bool starts_declaration(const Pending *next)
{
    if (!next->newline) return false;
    return begins_declaration(next) ||
           (next->word && next->word->cls == WORD_LATER && next->word->token == 0);
}

/* `fn`, `reg` and `shared` also begin types: `fn(T) -> T`, `reg f32[n]`. */
static bool begins_type(const Parse *parse)
{
    const Pending *next = &parse->pending;
    if (next->kind != TOK_FN && next->kind != TOK_REG && next->kind != TOK_SHARED) return false;
    const char *p = parse->source->text + (next->span.end - parse->source->base);
    p += strspn(p, " \t");
    if (next->kind == TOK_FN) return *p == '(';
    p += strcspn(p, " \t\n[:{(");
    p += strspn(p, " \t");
    return *p == '[';
}

/* A line that begins with a word which can begin nothing but a statement or a declaration. */
static bool starts_afresh(const Parse *parse)
{
    const Pending *next = &parse->pending;
    if (!next->newline || (trait(parse->last) & NO_START_AFTER)) return false;
    if (begins_type(parse)) return false;
    return begins_declaration(next) || (next->word && next->word->cls == WORD_STATEMENT);
}

/* Is there an opener for closer `kind` below the top, inside the innermost block? */
static bool has_opener(const Parse *parse, int kind)
{
    for (size_t i = parse->brackets.len; i-- > 0;) {
        char open = parse->brackets.data[i].kind;
        if (closer_of(open) == kind && (open != '{' || kind == TOK_RBRACE)) return true;
        if (open == '{') return false;
    }
    return false;
}

/* Is the pending token the last on its line? */
static bool ends_line(const Parse *parse)
{
    const char *p = parse->source->text + (parse->pending.span.end - parse->source->base);
    while (*p == ' ' || *p == '\t' || *p == '\r') p++;
    return *p == '\n' || *p == '\0' || (p[0] == '/' && p[1] == '/');
}

/* Inside ( [ or a set: does the pending token show that it was never closed? */
static bool group_ends(const Parse *parse, Bracket top)
{
    const Pending *next = &parse->pending;
    if (next->kind == TOK_END || starts_afresh(parse)) return true;
    if (parse->quiet && next->newline && next->indent <= top.indent) return true;
    if (next->kind == TOK_LBRACE) return ends_line(parse);
    bool closes =
        next->kind == TOK_RPAREN || next->kind == TOK_RBRACKET || next->kind == TOK_RBRACE;
    if (!closes || closer_of(top.kind) == next->kind || !has_opener(parse, next->kind))
        return false;
    if (next->kind != TOK_RBRACE) return true;
    /* `}` ends the block only if it stands where a block's end would: on a line of its own, or on
     * the line of the `{`. */
    for (size_t i = parse->brackets.len; i-- > 0;)
        if (parse->brackets.data[i].kind == '{')
            return next->newline || parse->brackets.data[i].line == parse->line;
    return true;
}

/* With trusted columns: the pending `}` stands under the statement of an outer block. */
static bool closes_outer(const Parse *parse)
{
    const Pending *next = &parse->pending;
    if (!parse->trust_indent || next->kind != TOK_RBRACE || !next->newline) return false;
    for (size_t i = parse->brackets.len; i-- > 0;)
        if (parse->brackets.data[i].kind == '{' && parse->brackets.data[i].indent == next->indent)
            return i + 1 < parse->brackets.len;
    return false;
}

/* A declaration that stands no deeper than the open block shows that the block was never closed. */
static bool block_ends(const Parse *parse)
{
    const Pending *next = &parse->pending;
    if (next->kind == TOK_END || closes_outer(parse)) return true;
    return next->newline && begins_declaration(next) && next->kind != TOK_MAPPING &&
           next->indent <= VEC_LAST(parse->brackets).indent;
}

static bool line_separates(const Parse *parse)
{
    const Pending *next = &parse->pending;
    if (!next->newline || parse->last == TOK_SEP || parse->last == TOK_LBRACE) return false;
    if (parse->blocks == 0) {
        if (parse->last == TOK_PUB || parse->last == TOK_ATTRIBUTE || parse->last < TOK_SEP)
            return false;
        return next->kind == TOK_END ||
               (starts_declaration(next) && !(parse->header && next->kind == TOK_MAPPING));
    }
    if (starts_afresh(parse)) return true;
    if (!syntax_ends_statement(parse->last)) return false;
    if (next->kind == TOK_ON) return !parse->for_header;
    return !syntax_continues_statement(next->kind);
}

/* With trusted columns: a `}` that belongs to no open block by its place. */
static bool misplaced(const Parse *parse)
{
    if (!parse->trust_indent) return false;
    Bracket top = VEC_LAST(parse->brackets);
    return parse->pending.newline ? top.indent != parse->pending.indent : top.line != parse->line;
}

/* A token that has to stand before the pending one; 0 for none, AGAIN after a silent change. */
static int synthetic(Parse *parse)
{
    char top = top_kind(parse);
    if (in_group(top)) return group_ends(parse, VEC_LAST(parse->brackets)) ? close_open(parse) : 0;
    bool ends = top == '{' && block_ends(parse);
    if (ends || (top == '{' && parse->pending.kind == TOK_RBRACE && !misplaced(parse))) {
        if (parse->last != TOK_SEP && parse->last != TOK_LBRACE) return separate(parse);
        return ends ? close_open(parse) : 0;
    }
    return line_separates(parse) ? separate(parse) : 0;
}

/* ---- the pending token itself */

static void push(Parse *parse, char kind, uint32_t at)
{
    if (parse->brackets.len == PARSE_MAX_BRACKETS) {
        syntax_too_deep(parse, (Span){at, at + 1}, PARSE_MAX_BRACKETS);
        return;
    }
    VEC_PUSH(parse->arena, parse->brackets, (Bracket){kind, at, parse->line, parse->indent});
    if (kind == '{') parse->blocks++;
}

static int open_brace(Parse *parse, uint32_t at)
{
    /* A set's, by its place; or, in what is broken already, hardly a block's. */
    bool tunes = parse->quiet && parse->header && parse->tuning && !ends_line(parse);
    if (in_group(top_kind(parse)) ||
        (parse->brackets.len == 0 && (parse->last == TOK_IN || tunes))) {
        push(parse, 's', at);
        return TOK_SET_OPEN;
    }
    parse->header = parse->for_header = parse->needs_block = false;
    push(parse, '{', at);
    return TOK_LBRACE;
}

static int stray(Parse *parse, const char *text)
{
    syntax_error(parse, DIAG_STRAY_BRACKET, parse->pending.span, text, NULL);
    parse->quiet = true;
    return AGAIN;
}

static int close_bracket(Parse *parse, int kind)
{
    const char *text = kind == TOK_RPAREN ? ")" : kind == TOK_RBRACKET ? "]" : "}";
    char top = top_kind(parse);
    if (in_group(top) && closer_of(top) != kind) {
        /* The wrong closer: taken for the right one. */
        Bracket open = VEC_LAST(parse->brackets);
        Diag *diag = syntax_error(parse, DIAG_STRAY_BRACKET, parse->pending.span, text, NULL);
        if (diag) diag_label(parse->diags, diag, (Span){open.at, open.at + 1}, "this is open");
        pop(parse);
        return closer_of(top);
    }
    if (kind != TOK_RBRACE) {
        if (!in_group(top)) return stray(parse, text);
        pop(parse);
        return kind;
    }
    if (top == 0 || (top == '{' && misplaced(parse))) {
        parse->unbalanced = true;
        if (parse->trust_indent && parse->item_failed) return AGAIN;
        return stray(parse, text);
    }
    pop(parse);
    return kind;
}

static void note_word(Parse *parse, Word *word, Span span)
{
    if (word->token == 0) {
        parse->spoiled = true;
        if (!word->reported)
            syntax_error(parse, DIAG_RESERVED, span, word->name->text,
                         "a later part of the language");
        word->reported = true;
        parse->quiet = parse->item_failed = true;
    }
    if (parse->brackets.len) {
        if (word->token == TOK_FOR) parse->for_header = true;
        return;
    }
    if (word->token == TOK_KERNEL || word->token == TOK_FN || word->token == TOK_TEST ||
        word->token == TOK_BENCH)
        parse->header = true;
    if (word->cls == WORD_CLAUSE && word->token != TOK_IN && word->token != TOK_ELSE)
        parse->tuning = word->token == TOK_TUNE;
}

static void note_first(Parse *parse, const Pending *next)
{
    if (next->newline && next->kind != TOK_RBRACE) parse->indent = next->indent;
    parse->first_name = next->kind == TOK_NAME ? next->token.name : NULL;
    parse->first_end = next->span.end;
    parse->needs_block = next->kind == TOK_IF || next->kind == TOK_FOR || next->kind == TOK_WHILE ||
                         next->kind == TOK_ON || next->kind == TOK_SCOPE ||
                         next->kind == TOK_UNROLL;
}

/* Hands out the pending token; AGAIN if it is dropped. */
static int real(Parse *parse)
{
    Pending *next = &parse->pending;
    parse->has_pending = false;
    if (next->failed) parse->quiet = parse->item_failed = true;
    if (parse->last == TOK_SEP || parse->last == TOK_LBRACE || parse->last < TOK_SEP)
        note_first(parse, next);
    parse->last_end = next->span.end;
    switch (next->kind) {
    case TOK_LPAREN:
        push(parse, '(', next->span.begin);
        return next->kind;
    case TOK_LBRACKET:
        push(parse, '[', next->span.begin);
        return next->kind;
    case TOK_LBRACE:
        return open_brace(parse, next->span.begin);
    case TOK_RPAREN:
    case TOK_RBRACKET:
    case TOK_RBRACE:
        return close_bracket(parse, next->kind);
    case TOK_SEMI:
        return in_group(top_kind(parse)) ? TOK_SEMI : separate(parse);
    default:
        if (next->word) note_word(parse, next->word, next->span);
        return next->kind;
    }
}

static void set_value(Parse *parse, int kind, HD_YYSTYPE *value)
{
    const Token *token = &parse->pending.token;
    Span span = parse->pending.span;
    switch (kind) {
    case TOK_INT:
        value->node = syntax_literal(parse, AST_Int, token, span);
        return;
    case TOK_INF:
    case TOK_NAN:
    case TOK_FLOAT:
        value->node = syntax_literal(parse, AST_Float, token, span);
        return;
    case TOK_TRUE:
    case TOK_FALSE:
        value->node = syntax_literal(parse, AST_Bool, token, span);
        return;
    case TOK_STRING:
        value->node = syntax_literal(parse, AST_Str, token, span);
        return;
    default:
        value->name = token->name;
    }
}

int hd_yylex(HD_YYSTYPE *value, Span *span, Parse *parse)
{
    *span = (Span){parse->last_end, parse->last_end};
    if (parse->begin) {
        int begin = parse->begin;
        parse->begin = 0;
        return begin;
    }
    for (;;) {
        if (parse->stop) return TOK_END;
        if (!parse->has_pending) fetch(parse);
        int kind = synthetic(parse);
        if (kind == AGAIN) continue;
        if (kind == 0) {
            kind = real(parse);
            if (kind == AGAIN) continue;
            *span = parse->pending.span;
            set_value(parse, kind, value);
        } else {
            *span = (Span){parse->last_end, parse->last_end};
        }
        parse->last = kind;
        return kind;
    }
}

/* ---- what the grammar tells */

static void begin_statement(Parse *parse)
{
    parse->recovering = parse->quiet = parse->spoiled = false;
}

ListStart syntax_enter_block(Parse *parse)
{
    begin_statement(parse);
    return syntax_list_begin(parse);
}

ListStart syntax_add_nothing(Parse *parse, ListStart list)
{
    begin_statement(parse);
    return list;
}

ListStart syntax_add_error(Parse *parse, ListStart list, Span span)
{
    syntax_push(parse, MAKE0(Error, span));
    begin_statement(parse);
    return list;
}

ListStart syntax_add_statement(Parse *parse, ListStart list, ListStart statement, Span span)
{
    if (parse->spoiled) {
        syntax_list_drop(parse, statement);
        syntax_push(parse, MAKE0(Error, span));
    }
    begin_statement(parse);
    return list;
}

ListStart syntax_add_item(Parse *parse, ListStart list, Ast *item)
{
    if (item) syntax_push(parse, parse->spoiled ? MAKE0(Error, item->span) : item);
    begin_statement(parse);
    parse->item_failed = parse->header = parse->tuning = false;
    return list;
}
