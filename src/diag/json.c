/* Diagnostics as one JSON array. Output is ASCII-safe in structure and UTF-8 in strings; bytes
 * that are not UTF-8 become U+FFFD, so that any reader accepts it. */
#include "diag/render.h"

/* Bytes of the well-formed UTF-8 sequence at `p`; 0 if there is none. */
static size_t utf8_len(const unsigned char *p)
{
    if (p[0] < 0x80) return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80) return 0; /* also stops at the NUL */
    if (p[0] == 0xe0 && p[1] < 0xa0) return 0;
    if (p[0] == 0xed && p[1] > 0x9f) return 0;
    if (p[0] == 0xf0 && p[1] < 0x90) return 0;
    if (p[0] == 0xf4 && p[1] > 0x8f) return 0;
    return len;
}

void diag_json_string(Sb *out, const char *text)
{
    static const char escapes[][2] = {{'"', '"'},  {'\\', '\\'}, {'\n', 'n'},
                                      {'\t', 't'}, {'\r', 'r'},  {'\b', 'b'}};
    base_sb_char(out, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        char escape = 0;
        for (size_t i = 0; i < BASE_LEN(escapes); i++)
            if (*p == (unsigned char)escapes[i][0]) escape = escapes[i][1];
        size_t len = utf8_len(p);
        if (escape)
            base_sb_printf(out, "\\%c", escape);
        else if (*p < 0x20 || *p == 0x7f)
            base_sb_printf(out, "\\u%04x", (unsigned)*p);
        else if (len == 0)
            base_sb_str(out, "\\ufffd");
        else
            base_sb_mem(out, (const char *)p, len);
        p += len ? len : 1;
    }
    base_sb_char(out, '"');
}

static void put_place(Diags *diags, Sb *out, Span span)
{
    Position from = diag_position(diags, span.begin), to = diag_position(diags, span.end);
    base_sb_str(out, "\"file\":");
    if (from.source)
        diag_json_string(out, from.source->path);
    else
        base_sb_str(out, "null");
    base_sb_printf(out, ",\"line\":%u,\"column\":%u,\"end_line\":%u,\"end_column\":%u", from.line,
                   from.column, to.line, to.column);
}

static void put_diag(Diags *diags, Sb *out, const Diag *diag)
{
    base_sb_printf(out,
                   "{\"code\":\"%s\",\"severity\":\"%s\",\"message\":", diag_code_text(diag->code),
                   diag_severity_text(diag->severity));
    diag_json_string(out, diag->text);
    base_sb_char(out, ',');
    put_place(diags, out, diag->span);
    base_sb_str(out, ",\"labels\":[");
    for (size_t i = 0; i < diag->labels.len; i++) {
        base_sb_str(out, i ? ",{" : "{");
        put_place(diags, out, diag->labels.data[i].span);
        base_sb_str(out, ",\"text\":");
        diag_json_string(out, diag->labels.data[i].text ? diag->labels.data[i].text : "");
        base_sb_char(out, '}');
    }
    base_sb_str(out, "],\"notes\":[");
    for (size_t i = 0; i < diag->notes.len; i++) {
        if (i) base_sb_char(out, ',');
        diag_json_string(out, diag->notes.data[i]);
    }
    base_sb_str(out, "]}");
}

void diag_render_json(Diags *diags, Sb *out)
{
    SortedDiag *sorted = diag_sorted(diags);
    base_sb_char(out, '[');
    for (size_t i = 0; i < diags->list.len; i++) {
        if (i) base_sb_str(out, ",\n ");
        put_diag(diags, out, sorted[i].diag);
    }
    base_sb_str(out, "]\n");
}
