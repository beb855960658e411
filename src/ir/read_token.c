/* Tokens of the text form. */
#include "ir/read.h"

#include <stdlib.h>

bool ir_read_fail(IrReader *r, const char *fmt, ...)
{
    if (r->error) return false;
    Sb sb = base_sb(r->arena);
    base_sb_printf(&sb, "line %u: ", r->line);
    va_list args;
    va_start(args, fmt);
    base_sb_vprintf(&sb, fmt, args);
    va_end(args);
    r->error = base_sb_text(&sb);
    r->token = (Token){TOKEN_END, r->end, 0};
    return false;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static const char *number_end(const IrReader *r, const char *at, bool integer)
{
    while (at < r->end && is_digit(*at)) at++;
    if (integer) return at;
    if (at + 1 < r->end && *at == '.' && is_digit(at[1]))
        for (at++; at < r->end && is_digit(*at);) at++;
    if (at < r->end && *at == 'e') {
        const char *exponent = at + 1;
        if (exponent < r->end && (*exponent == '+' || *exponent == '-')) exponent++;
        if (exponent < r->end && is_digit(*exponent))
            for (at = exponent; at < r->end && is_digit(*at);) at++;
    }
    return at;
}

static const char *string_end(IrReader *r, const char *at)
{
    for (at++; at < r->end && *at != '"' && *at != '\n'; at++)
        if (*at == '\\' && at + 1 < r->end) at++;
    return at < r->end && *at == '"' ? at + 1 : NULL;
}

static size_t sign_length(const IrReader *r, const char *at)
{
    static const char *const doubles[] = {"..", "<=", ">=", "==", "!=", "&&", "||", "<<", ">>"};
    for (size_t i = 0; at + 1 < r->end && i < BASE_LEN(doubles); i++)
        if (at[0] == doubles[i][0] && at[1] == doubles[i][1]) return 2;
    return 1;
}

static void skip_blanks(IrReader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\r')) r->at++;
    if (r->at + 1 < r->end && r->at[0] == '/' && r->at[1] == '/')
        while (r->at < r->end && *r->at != '\n') r->at++;
}

void ir_read_advance(IrReader *r)
{
    if (r->error) return;
    bool after_dot = r->token.kind == TOKEN_SIGN && *r->token.text == '.' && r->token.len == 1;
    if (r->token.kind == TOKEN_LINE) r->line++;
    skip_blanks(r);
    const char *at = r->at, *end = at;
    TokenKind kind = TOKEN_END;
    if (at == r->end) {
        r->token = (Token){TOKEN_END, at, 0};
        return;
    }
    if (*at == '\n') {
        kind = TOKEN_LINE, end = at + 1;
    } else if (is_digit(*at)) {
        kind = TOKEN_NUMBER, end = number_end(r, at, after_dot);
    } else if (is_letter(*at)) {
        kind = TOKEN_WORD;
        while (end < r->end && (is_letter(*end) || is_digit(*end))) end++;
    } else if (*at == '"') {
        kind = TOKEN_STRING, end = string_end(r, at);
        if (!end) {
            ir_read_fail(r, "this string does not end on its line");
            return;
        }
    } else {
        kind = TOKEN_SIGN, end = at + sign_length(r, at);
    }
    r->token = (Token){kind, at, (size_t)(end - at)};
    r->at = end;
}

bool ir_read_is(const IrReader *r, const char *text)
{
    size_t len = strlen(text);
    return (r->token.kind == TOKEN_WORD || r->token.kind == TOKEN_SIGN) && r->token.len == len &&
           memcmp(r->token.text, text, len) == 0;
}

bool ir_read_accept(IrReader *r, const char *text)
{
    if (!ir_read_is(r, text)) return false;
    ir_read_advance(r);
    return true;
}

/* How much of the token a message shows. */
static int shown(const IrReader *r)
{
    return r->token.len < 40 ? (int)r->token.len : 40;
}

bool ir_read_expect(IrReader *r, const char *text)
{
    if (ir_read_accept(r, text)) return true;
    if (r->token.kind == TOKEN_LINE) return ir_read_fail(r, "`%s` expected", text);
    return ir_read_fail(r, "`%s` expected, not `%.*s`", text, shown(r), r->token.text);
}

bool ir_read_line_end(IrReader *r)
{
    if (r->token.kind != TOKEN_LINE && r->token.kind != TOKEN_END)
        return ir_read_fail(r, "the line should end before `%.*s`", shown(r), r->token.text);
    while (r->token.kind == TOKEN_LINE) ir_read_advance(r);
    return !r->error;
}

int64_t ir_read_int(IrReader *r, int64_t lo, int64_t hi)
{
    bool negative = ir_read_accept(r, "-");
    uint64_t value = 0;
    bool fits = r->token.kind == TOKEN_NUMBER;
    for (size_t i = 0; fits && i < r->token.len; i++) {
        fits = is_digit(r->token.text[i]) && value <= (UINT64_MAX >> 1) / 10;
        value = value * 10 + (uint64_t)(r->token.text[i] - '0');
    }
    fits = fits && value <= (uint64_t)INT64_MAX;
    int64_t result = negative ? -(int64_t)value : (int64_t)value;
    if (!fits || result < lo || result > hi) {
        ir_read_fail(r, "an integer from %lld to %lld expected", (long long)lo, (long long)hi);
        return lo;
    }
    ir_read_advance(r);
    return result;
}

const Name *ir_read_name(IrReader *r)
{
    if (r->token.kind != TOKEN_WORD) ir_read_fail(r, "a name expected");
    const Name *name = base_intern(r->interner, r->token.text, r->error ? 0 : r->token.len);
    ir_read_advance(r);
    return name;
}

static int hex_digit(char c)
{
    if (is_digit(c)) return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *ir_read_string(IrReader *r)
{
    if (r->token.kind != TOKEN_STRING) {
        ir_read_fail(r, "a string expected");
        return "";
    }
    Sb sb = base_sb(r->arena);
    const char *at = r->token.text + 1, *end = r->token.text + r->token.len - 1;
    for (; at < end; at++) {
        if (*at == '\0') break; /* texts are C strings */
        if (*at != '\\' || at + 1 == end) {
            base_sb_char(&sb, *at);
            continue;
        }
        at++;
        bool hex = *at == 'x' && end - at > 2 && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0;
        int code = hex ? hex_digit(at[1]) * 16 + hex_digit(at[2]) : 0;
        if (hex && !code) break;
        base_sb_char(&sb, hex ? (char)code : *at == 'n' ? '\n' : *at);
        if (hex) at += 2;
    }
    ir_read_advance(r);
    return base_sb_text(&sb);
}

/* `f32`, `f32x4`. */
bool ir_read_type(IrReader *r, IrType *type)
{
    const char *text = r->token.text;
    size_t len = r->token.kind == TOKEN_WORD ? r->token.len : 0;
    *type = (IrType){vocab_elem_find(text, len), 1};
    for (size_t i = len; i-- > 1 && type->elem == ELEM_NONE;) {
        if (is_digit(text[i])) continue;
        if (text[i] != 'x' || len - i - 1 == 0 || len - i - 1 > 3) break;
        type->elem = vocab_elem_find(text, i);
        type->lanes = atoi(base_strndup(r->arena, text + i + 1, len - i - 1));
        break;
    }
    if (type->elem == ELEM_NONE || type->lanes < 1) return false;
    ir_read_advance(r);
    return true;
}

bool ir_read_id(IrReader *r, const Name **name, uint32_t *id)
{
    *name = ir_read_name(r);
    if (!ir_read_expect(r, ".")) return false;
    /* Ids are dense: none is far beyond what the text can define. */
    *id = (uint32_t)ir_read_int(r, 0, 4096 + (r->end - r->text));
    return !r->error;
}
