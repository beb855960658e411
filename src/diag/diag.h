/* diag/ - sources, spans and diagnostics.
 *
 * Entry points: `diag_add_source`, `diag_report`, `diag_render_text`, `diag_render_json`. Every
 * source of a session gets a range of one 32-bit coordinate, so a span is two numbers and needs no
 * file. Diagnostics accumulate; their texts are templates in vocab/diags.def, so that each message
 * stands once. Everything lives in the session's arena.
 */
#ifndef DIAG_DIAG_H
#define DIAG_DIAG_H

#include "base/base.h"

/* Half-open range of session coordinates. {0, 0} is "nowhere" (the first source starts at 1). */
typedef struct Span {
    uint32_t begin, end;
} Span;

typedef struct Source {
    const char *path; /* as the user wrote it; "std/math.hd" for the embedded library */
    const char *text; /* NUL-terminated */
    uint32_t len;
    uint32_t base;         /* coordinate of text[0] */
    const uint32_t *lines; /* offset of each line's start; made on first use */
    uint32_t line_count;
} Source;

typedef struct Position {
    const Source *source;  /* NULL for nowhere */
    uint32_t line, column; /* from 1; columns count code points */
} Position;

typedef enum {
    SEVERITY_ERROR,
    SEVERITY_WARNING,
    SEVERITY_NOTE,
    SEVERITY_PERFORMANCE, /* of rows only: a warning that is dropped unless it is wanted */
} Severity;

typedef enum {
    DIAG_NONE,
#define DIAG(id, code, severity, text) DIAG_##id,
#include "diag/diags.def"
#undef DIAG
    DIAG_COUNT
} DiagCode;

typedef struct DiagLabel {
    Span span;
    const char *text; /* NULL for the primary span without words */
} DiagLabel;

typedef struct Diag {
    DiagCode code;
    Severity severity;
    Span span;
    const char *text;
    VEC(DiagLabel) labels;   /* secondary spans */
    VEC(const char *) notes; /* "note: …" lines below the source */
} Diag;

typedef struct Diags {
    Arena *arena;
    VEC(Source *) sources;
    VEC(Diag *) list;
    size_t errors, warnings;
    uint32_t next_base;
    bool warnings_as_errors;
    bool performance;        /* warnings about speed are wanted */
    bool silent[DIAG_COUNT]; /* warnings that are not wanted */
    Map seen;                /* from code and span to the diagnostic, to drop repetitions */
    Diag ignored;            /* where labels of a suppressed diagnostic go */
    Span muted; /* diagnostics that begin here are dropped: what stands here did not parse */
} Diags;

Diags *diag_create(Arena *arena);
/* `text` must outlive the session's arena or live in it. NULL if coordinates run out (4 GiB). */
Source *diag_add_source(Diags *diags, const char *path, const char *text, size_t len);
Position diag_position(Diags *diags, uint32_t coordinate);
Span diag_join(Span a, Span b);
/* The source's text there; "" if it is nowhere. */
char *diag_text(Arena *arena, Diags *diags, Span span);
const char *diag_code_text(DiagCode code); /* "E0201" */
DiagCode diag_code_find(const char *text); /* DIAG_NONE if unknown; case-insensitive */

/* Reports `code` at `span`. The strings fill `{0}`, `{1}` … of the row's template. A second
 * diagnostic of the same code at the same span is dropped. Returns the diagnostic for labels and
 * notes; never NULL. */
Diag *diag_report_args(Diags *diags, DiagCode code, Span span, int count, const char *const *args);
#define diag_report(diags, code, span, ...)                                                        \
    diag_report_args((diags), (code), (span),                                                      \
                     (int)BASE_LEN(((const char *const[]){NULL, ##__VA_ARGS__})) - 1,              \
                     ((const char *const[]){NULL, ##__VA_ARGS__}) + 1)
void diag_label(Diags *diags, Diag *diag, Span span, const char *fmt, ...) BASE_PRINTF(4, 5);
void diag_note(Diags *diags, Diag *diag, const char *fmt, ...) BASE_PRINTF(3, 4);
/* Forgets every diagnostic after the first `count`: for a parse that is tried again. */
void diag_forget(Diags *diags, size_t count);
/* Adds "did you mean `x`?" if some candidate is near `word`. */
void diag_suggest(Diags *diags, Diag *diag, const char *word, size_t count,
                  const char *const *candidates);

/* All diagnostics in source order: `file:line:col: error: …`, the line, carets, labels, notes. */
void diag_render_text(Diags *diags, Sb *out, bool color);
/* One JSON array; each element {"code","severity","message","file","line","column","end_line",
 * "end_column","labels":[{…,"text"}],"notes":[…]}. */
void diag_render_json(Diags *diags, Sb *out);
/* The text as a JSON string, quotes included. */
void diag_json_string(Sb *out, const char *text);

#endif
