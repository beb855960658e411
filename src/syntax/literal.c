/* Literals: a token's value from its text. */
#include "syntax/parse.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>

enum { SHOWN = 40 }; /* bytes of a bad literal that a message shows */

static void bad_number(Parse *parse, const char *text, size_t len, Span span, const char *why)
{
    const char *shown = base_strndup(parse->arena, text, len < SHOWN ? len : SHOWN);
    syntax_error(parse, DIAG_BAD_NUMBER, span, shown, why);
}

static unsigned digit_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

void syntax_int(Parse *parse, const char *text, size_t len, Span span, Token *out)
{
    unsigned base = 10;
    size_t i = 0;
    if (len > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) base = 16;
    if (len > 1 && text[0] == '0' && (text[1] == 'b' || text[1] == 'B')) base = 2;
    if (base != 10) i = 2;
    uint64_t value = 0;
    bool any = false;
    for (; i < len; i++) {
        if (text[i] == '_') continue;
        any = true;
        if (__builtin_mul_overflow(value, base, &value) ||
            __builtin_add_overflow(value, digit_value(text[i]), &value)) {
            bad_number(parse, text, len, span, "it is larger than 64 bits hold");
            return;
        }
    }
    if (!any) bad_number(parse, text, len, span, "it has no digits");
    out->i = (int64_t)value;
    out->flags = value > INT64_MAX ? AST_U64 : 0;
}

/* Exact for up to 15 digits and powers of ten up to 22, where both factors are doubles. */
static bool float_exact(const char *text, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    uint64_t digits = 0;
    int count = 0, exponent = 0;
    bool fraction = false;
    for (; *text && *text != 'e' && *text != 'E'; text++) {
        if (*text == '.') {
            fraction = true;
            continue;
        }
        if (count || *text != '0') count++;
        if (count > 15) return false;
        digits = digits * 10 + digit_value(*text);
        exponent -= fraction;
    }
    if (*text) {
        int sign = text[1] == '-' ? -1 : 1, power = 0;
        for (text += text[1] == '-' || text[1] == '+' ? 2 : 1; *text; text++)
            if ((power = power * 10 + (int)digit_value(*text)) > 1000) return false;
        exponent += sign * power;
    }
    if (exponent < -22 || exponent > 22) return false;
    double value = (double)digits;
    *out = exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
    return true;
}

void syntax_float(Parse *parse, const char *text, size_t len, Span span, Token *out)
{
    char buffer[64], *copy = len < sizeof buffer ? buffer : base_alloc(parse->arena, len + 1);
    size_t n = 0;
    for (size_t i = 0; i < len; i++)
        if (text[i] != '_') copy[n++] = text[i];
    copy[n] = '\0';
    out->name = base_intern(parse->interner, text, len);
    if (float_exact(copy, &out->f)) return;
    /* strtod wants the program's decimal point, which a host application may have set. */
    char *point = strchr(copy, '.');
    if (point) *point = localeconv()->decimal_point[0];
    out->f = strtod(copy, NULL);
    if (isinf(out->f)) bad_number(parse, text, len, span, "it is larger than f64 holds");
}

static void put_utf8(Sb *sb, uint32_t c)
{
    if (c < 0x80) {
        base_sb_char(sb, (char)c);
    } else if (c < 0x800) {
        base_sb_char(sb, (char)(0xc0 | c >> 6));
        base_sb_char(sb, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        base_sb_char(sb, (char)(0xe0 | c >> 12));
        base_sb_char(sb, (char)(0x80 | (c >> 6 & 0x3f)));
        base_sb_char(sb, (char)(0x80 | (c & 0x3f)));
    } else {
        base_sb_char(sb, (char)(0xf0 | c >> 18));
        base_sb_char(sb, (char)(0x80 | (c >> 12 & 0x3f)));
        base_sb_char(sb, (char)(0x80 | (c >> 6 & 0x3f)));
        base_sb_char(sb, (char)(0x80 | (c & 0x3f)));
    }
}

/* `\u{1F600}` from its `{` on; returns the bytes read, 0 if it is malformed. */
static size_t unicode_escape(Sb *sb, const char *text, size_t len)
{
    uint32_t value = 0;
    size_t i = 1;
    if (len == 0 || text[0] != '{') return 0;
    for (; i < len && i < 8 && text[i] != '}'; i++) {
        bool hex = (text[i] >= '0' && text[i] <= '9') ||
                   ((text[i] | 0x20) >= 'a' && (text[i] | 0x20) <= 'f');
        if (!hex) return 0;
        value = value * 16 + digit_value(text[i]);
    }
    if (i == 1 || i >= len || text[i] != '}') return 0;
    if (value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return 0;
    put_utf8(sb, value);
    return i + 1;
}

static void bad_escape(Parse *parse, Span span, size_t offset)
{
    uint32_t at = span.begin + 1 + (uint32_t)offset;
    Diag *diag =
        syntax_error(parse, DIAG_SYNTAX, (Span){at, at + 2}, "no such escape in a string", NULL);
    if (diag) diag_note(parse->diags, diag, "escapes are \\n \\t \\\" \\\\ and \\u{…}");
}

void syntax_string(Parse *parse, const char *text, size_t len, Span span, Token *out)
{
    if (!memchr(text, '\\', len)) {
        out->name = base_intern(parse->interner, text, len);
        return;
    }
    Sb sb = base_sb(parse->arena);
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '\\') {
            base_sb_char(&sb, text[i]);
            continue;
        }
        size_t start = i++; /* the scanner never ends a string on a backslash */
        size_t used = text[i] == 'u' ? unicode_escape(&sb, text + i + 1, len - i - 1) : 0;
        if (text[i] == 'n')
            base_sb_char(&sb, '\n');
        else if (text[i] == 't')
            base_sb_char(&sb, '\t');
        else if (text[i] == '"' || text[i] == '\\')
            base_sb_char(&sb, text[i]);
        else if (used)
            i += used;
        else
            bad_escape(parse, span, start);
    }
    out->name = base_intern(parse->interner, sb.data ? sb.data : "", sb.len);
}
