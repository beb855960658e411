/* Diagnostics as text: the message, the source line with carets, labelled spans, notes. */
#include "diag/render.h"

#include <stdlib.h>

enum { WIDTH = 110 }; /* columns of a source line shown; longer lines are cut around the span */

typedef struct Render {
    Diags *diags;
    Sb *out;
    bool color;
    int gutter; /* digits of the widest line number */
    const Source *last_source;
    uint32_t last_line;
} Render;

static const char *const severity_text[] = {
    [SEVERITY_ERROR] = "error", [SEVERITY_WARNING] = "warning", [SEVERITY_NOTE] = "note"};
static const char *const severity_color[] = {[SEVERITY_ERROR] = "\033[1;31m",
                                             [SEVERITY_WARNING] = "\033[1;35m",
                                             [SEVERITY_NOTE] = "\033[1;36m"};

const char *diag_severity_text(Severity severity)
{
    return severity_text[severity];
}

static int compare(const void *a, const void *b)
{
    const SortedDiag *x = a, *y = b;
    if (x->diag->span.begin != y->diag->span.begin)
        return x->diag->span.begin < y->diag->span.begin ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

SortedDiag *diag_sorted(Diags *diags)
{
    SortedDiag *sorted = NEW_ARRAY(diags->arena, SortedDiag, diags->list.len);
    for (size_t i = 0; i < diags->list.len; i++) sorted[i] = (SortedDiag){diags->list.data[i], i};
    if (diags->list.len) qsort(sorted, diags->list.len, sizeof *sorted, compare);
    return sorted;
}

static void paint(const Render *r, const char *code)
{
    if (r->color) base_sb_str(r->out, code);
}

static uint32_t line_end(const Source *source, uint32_t line)
{
    uint32_t end = line < source->line_count ? source->lines[line] - 1 : source->len;
    if (end > source->lines[line - 1] && source->text[end - 1] == '\r') end--;
    return end;
}

/* Length of the code point at `text`; 1 for what is not UTF-8. */
static uint32_t code_point(const char *text, uint32_t left)
{
    unsigned char c = (unsigned char)*text;
    uint32_t len = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 1;
    if (len > left) return 1;
    for (uint32_t i = 1; i < len; i++)
        if (((unsigned char)text[i] & 0xc0) != 0x80) return 1;
    return len;
}

/* One code point: tabs become four blanks, what does not print a question mark. */
static int put_char(Sb *out, const char *text, uint32_t len)
{
    unsigned char c = (unsigned char)*text;
    if (c == '\t') {
        base_sb_str(out, "    ");
        return 4;
    }
    if (c < 0x20 || c == 0x7f || (c >= 0x80 && len == 1))
        base_sb_char(out, '?');
    else
        base_sb_mem(out, text, len);
    return 1;
}

/* The part of [begin, end) shown, so that `from` is in sight. */
static void window(const Source *source, uint32_t *begin, uint32_t *end, uint32_t from)
{
    if (*end - *begin <= WIDTH) return;
    uint32_t first = *begin;
    if (from > first + WIDTH * 2 / 3) first = from - WIDTH / 3;
    while (first > *begin && ((unsigned char)source->text[first] & 0xc0) == 0x80) first--;
    uint32_t last = *end - first > WIDTH ? first + WIDTH : *end;
    while (last > first + 1 && last < *end && ((unsigned char)source->text[last] & 0xc0) == 0x80)
        last--;
    *begin = first;
    *end = last;
}

static void put_source_line(Render *r, const Source *source, uint32_t line, uint32_t begin,
                            uint32_t end)
{
    paint(r, "\033[1;34m");
    base_sb_printf(r->out, " %*u | ", r->gutter, line);
    paint(r, "\033[0m");
    if (begin > source->lines[line - 1]) base_sb_str(r->out, "…");
    for (uint32_t i = begin, len; i < end; i += len) {
        len = code_point(source->text + i, end - i);
        put_char(r->out, source->text + i, len);
    }
    if (end < line_end(source, line)) base_sb_str(r->out, "…");
    base_sb_char(r->out, '\n');
}

static void put_marks(Render *r, const Source *source, uint32_t line, uint32_t begin, uint32_t from,
                      uint32_t to, char mark, const char *color, const char *text)
{
    paint(r, "\033[1;34m");
    base_sb_printf(r->out, " %*s | ", r->gutter, "");
    paint(r, "\033[0m");
    if (begin > source->lines[line - 1]) base_sb_char(r->out, ' ');
    Sb scratch = base_sb(r->out->arena);
    int before = 0, marks = 0;
    for (uint32_t i = begin, len; i < to; i += len) {
        len = code_point(source->text + i, to - i);
        int width = put_char(&scratch, source->text + i, len);
        *(i < from ? &before : &marks) += width;
    }
    for (int i = 0; i < before; i++) base_sb_char(r->out, ' ');
    paint(r, color);
    for (int i = 0; i < (marks ? marks : 1); i++) base_sb_char(r->out, mark);
    if (text) base_sb_printf(r->out, " %s", text);
    paint(r, "\033[0m");
    base_sb_char(r->out, '\n');
}

static void put_snippet(Render *r, Span span, char mark, const char *color, const char *text)
{
    Position at = diag_position(r->diags, span.begin);
    if (!at.source) {
        if (text) base_sb_printf(r->out, " %*s = %s\n", r->gutter, "", text);
        return;
    }
    const Source *source = at.source;
    uint32_t from = span.begin - source->base;
    uint32_t to = span.end > span.begin ? span.end - source->base : from;
    uint32_t begin = source->lines[at.line - 1], end = line_end(source, at.line);
    window(source, &begin, &end, from);
    if (to > end) to = end;
    if (r->last_source && r->last_source != source)
        base_sb_printf(r->out, " %*s > %s:%u:%u\n", r->gutter, "", source->path, at.line,
                       at.column);
    if (r->last_source != source || r->last_line != at.line || end - begin == WIDTH)
        put_source_line(r, source, at.line, begin, end);
    put_marks(r, source, at.line, begin,
              from < to   ? from
              : to < from ? to
                          : from,
              to, mark, color, text);
    r->last_source = source;
    r->last_line = at.line;
}

static int digits(uint32_t n)
{
    int count = 1;
    while (n >= 10) n /= 10, count++;
    return count;
}

static int gutter_of(Diags *diags, const Diag *diag)
{
    int gutter = digits(diag_position(diags, diag->span.begin).line);
    for (size_t i = 0; i < diag->labels.len; i++) {
        int d = digits(diag_position(diags, diag->labels.data[i].span.begin).line);
        if (d > gutter) gutter = d;
    }
    return gutter;
}

static void put_diag(Render *r, const Diag *diag)
{
    Position at = diag_position(r->diags, diag->span.begin);
    r->gutter = gutter_of(r->diags, diag);
    r->last_source = NULL;
    paint(r, "\033[1m");
    if (at.source)
        base_sb_printf(r->out, "%s:%u:%u: ", at.source->path, at.line, at.column);
    else
        base_sb_str(r->out, "hdc: ");
    paint(r, severity_color[diag->severity]);
    base_sb_printf(r->out, "%s: ", severity_text[diag->severity]);
    paint(r, "\033[0;1m");
    base_sb_printf(r->out, "%s [%s]\n", diag->text, diag_code_text(diag->code));
    paint(r, "\033[0m");
    if (at.source) put_snippet(r, diag->span, '^', severity_color[diag->severity], NULL);
    for (size_t i = 0; i < diag->labels.len; i++)
        put_snippet(r, diag->labels.data[i].span, '-', "\033[1;34m", diag->labels.data[i].text);
    for (size_t i = 0; i < diag->notes.len; i++)
        base_sb_printf(r->out, " %*s = note: %s\n", r->gutter, "", diag->notes.data[i]);
}

void diag_render_text(Diags *diags, Sb *out, bool color)
{
    SortedDiag *sorted = diag_sorted(diags);
    Render render = {.diags = diags, .out = out, .color = color};
    for (size_t i = 0; i < diags->list.len; i++) put_diag(&render, sorted[i].diag);
}
