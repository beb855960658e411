/* Types and literals of C: every constant is written so that it reads back to the same bits. */
#include "target/cfamily.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool cfamily_is_narrow(Elem elem)
{
    return vocab_elem_is_float(elem) && elem != ELEM_F32 && elem != ELEM_F64;
}

bool cfamily_is_packed(Elem elem)
{
    return elem == ELEM_I4 || elem == ELEM_U4;
}

const char *cfamily_suffix(const CWriter *w, Elem elem)
{
    if (elem == ELEM_INDEX) return w->index_bits == 32 ? "i32" : "i64";
    return vocab_elem(elem)->text;
}

const char *cfamily_elem_type(CWriter *w, Elem elem)
{
    if (w->hooks->elem_type) return w->hooks->elem_type(w, elem);
    return vocab_elem(elem)->c_name;
}

void cfamily_type(CWriter *w, IrType type)
{
    if (type.lanes > 1 && w->hooks->vector_type)
        w->hooks->vector_type(w, type);
    else
        base_sb_str(w->out, cfamily_elem_type(w, type.elem));
}

/* The shortest decimal digits that read back to `value`, always with a point or an exponent. */
static void decimal(Sb *out, double value, bool is_f32)
{
    char text[40] = "";
    for (int digits = 1; digits <= 17; ++digits) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (is_f32 ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value) break;
    }
    base_sb_str(out, text);
    if (!strpbrk(text, ".e")) base_sb_str(out, ".0");
    if (is_f32) base_sb_char(out, 'f');
}

static void float_bits(CWriter *w, Scalar value)
{
    int bits = vocab_elem(value.elem)->bits;
    base_sb_printf(w->out, "hd_bitcast_%s_u%d(0x%llx%s)", vocab_elem(value.elem)->text, bits,
                   (unsigned long long)scalar_bits(value), bits == 64 ? "ull" : "u");
}

static void float_literal(CWriter *w, Scalar value, CPrec prec)
{
    if (!isfinite(value.f) || cfamily_is_narrow(value.elem)) { /* a conversion would not fold */
        float_bits(w, value);
    } else {
        bool paren = signbit(value.f) && prec > C_UNARY;
        if (paren) base_sb_char(w->out, '(');
        decimal(w->out, value.f, value.elem == ELEM_F32);
        if (paren) base_sb_char(w->out, ')');
    }
}

static void int_literal(CWriter *w, Scalar value, CPrec prec)
{
    int bits = value.elem == ELEM_INDEX ? w->index_bits : vocab_elem(value.elem)->bits;
    if (vocab_elem(value.elem)->cls == CLASS_UINT) {
        base_sb_printf(w->out, "%llu%s", (unsigned long long)value.i,
                       bits == 64   ? "ull"
                       : bits == 32 ? "u"
                                    : "");
        return;
    }
    const char *suffix =
        bits == 64 && (value.elem == ELEM_I64 || value.i != (int32_t)value.i) ? "ll" : "";
    bool paren = value.i < 0 && prec > C_UNARY;
    if (paren) base_sb_char(w->out, '(');
    if (value.i == INT64_MIN)
        base_sb_str(w->out, "(-9223372036854775807ll - 1)");
    else if (value.i == INT32_MIN)
        base_sb_printf(w->out, "(-2147483647%s - 1)", suffix);
    else
        base_sb_printf(w->out, "%lld%s", (long long)value.i, suffix);
    if (paren) base_sb_char(w->out, ')');
}

void cfamily_literal(CWriter *w, Scalar value, CPrec prec)
{
    switch (vocab_elem(value.elem)->cls) {
    case CLASS_BOOL:
        base_sb_str(w->out, value.i ? "true" : "false");
        break;
    case CLASS_FLOAT:
        float_literal(w, value, prec);
        break;
    case CLASS_SINT:
    case CLASS_UINT:
    case CLASS_INDEX:
        int_literal(w, value, prec);
        break;
    }
}

void cfamily_string(Sb *out, const char *text)
{
    base_sb_char(out, '"');
    for (const char *p = text; *p; ++p) {
        unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\')
            base_sb_printf(out, "\\%c", c);
        else if (c == '\n')
            base_sb_str(out, "\\n");
        else if (c < 32 || c == '?' || c == 127)
            base_sb_printf(out, "\\%03o", c);
        else
            base_sb_char(out, (char)c);
    }
    base_sb_char(out, '"');
}
