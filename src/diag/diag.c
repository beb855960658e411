/* Sources, positions, reporting. Rendering is in render.c and json.c. */
#include "diag/diag.h"

#include <strings.h>

typedef struct DiagInfo {
    const char *code;
    Severity severity;
    const char *text;
} DiagInfo;

static const DiagInfo infos[DIAG_COUNT] = {
    [DIAG_NONE] = {"E0000", SEVERITY_ERROR, "{0}"},
#define DIAG(id, code, severity, text) [DIAG_##id] = {code, SEVERITY_##severity, text},
#include "diag/diags.def"
#undef DIAG
};

Diags *diag_create(Arena *arena)
{
    Diags *diags = NEW(arena, Diags);
    diags->arena = arena;
    diags->next_base = 1;
    diags->seen = base_map(arena);
    return diags;
}

Source *diag_add_source(Diags *diags, const char *path, const char *text, size_t len)
{
    if (len >= UINT32_MAX - diags->next_base) return NULL;
    Source *source = NEW(diags->arena, Source);
    source->path = base_strndup(diags->arena, path, strlen(path));
    source->text = text;
    source->len = (uint32_t)len;
    source->base = diags->next_base;
    diags->next_base += source->len + 1; /* the end of a file is a place of its own */
    VEC_PUSH(diags->arena, diags->sources, source);
    return source;
}

static Source *find_source(const Diags *diags, uint32_t coordinate)
{
    size_t lo = 0, hi = diags->sources.len;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        Source *source = diags->sources.data[mid];
        if (coordinate < source->base)
            hi = mid;
        else if (coordinate > source->base + source->len)
            lo = mid + 1;
        else
            return source;
    }
    return NULL;
}

static void find_lines(Arena *arena, Source *source)
{
    uint32_t count = 1;
    const char *end = source->text + source->len;
    for (const char *p = source->text; (p = memchr(p, '\n', (size_t)(end - p))); p++) count++;
    uint32_t *lines = NEW_ARRAY(arena, uint32_t, count);
    uint32_t line = 1;
    for (const char *p = source->text; (p = memchr(p, '\n', (size_t)(end - p))); p++)
        lines[line++] = (uint32_t)(p + 1 - source->text);
    source->lines = lines;
    source->line_count = count;
}

Position diag_position(Diags *diags, uint32_t coordinate)
{
    Source *source = find_source(diags, coordinate);
    if (!source) return (Position){0};
    if (!source->lines) find_lines(diags->arena, source);
    uint32_t offset = coordinate - source->base, lo = 0, hi = source->line_count;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (source->lines[mid] <= offset)
            lo = mid;
        else
            hi = mid;
    }
    uint32_t column = 1;
    for (uint32_t i = source->lines[lo]; i < offset; i++)
        column += ((unsigned char)source->text[i] & 0xc0) != 0x80;
    return (Position){.source = source, .line = lo + 1, .column = column};
}

char *diag_text(Arena *arena, Diags *diags, Span span)
{
    const Source *source = find_source(diags, span.begin);
    if (!source) return base_strndup(arena, "", 0);
    return base_strndup(arena, source->text + (span.begin - source->base), span.end - span.begin);
}

Span diag_join(Span a, Span b)
{
    if (a.begin == 0) return b;
    if (b.begin == 0) return a;
    return (Span){a.begin < b.begin ? a.begin : b.begin, a.end > b.end ? a.end : b.end};
}

const char *diag_code_text(DiagCode code)
{
    return infos[code].code;
}

DiagCode diag_code_find(const char *text)
{
    for (DiagCode code = DIAG_NONE + 1; code < DIAG_COUNT; code++)
        if (strcasecmp(infos[code].code, text) == 0) return code;
    return DIAG_NONE;
}

/* Fills `{0}` … `{9}`; a place without an argument stays as it is. */
static const char *fill(Arena *arena, const char *text, int count, const char *const *args)
{
    Sb sb = base_sb(arena);
    for (const char *p = text; *p; p++) {
        bool place = p[0] == '{' && p[1] >= '0' && p[1] <= '9' && p[2] == '}';
        if (place && p[1] - '0' < count) {
            const char *arg = args[p[1] - '0'];
            base_sb_str(&sb, arg ? arg : "?");
            p += 2;
        } else {
            base_sb_char(&sb, *p);
        }
    }
    return base_sb_text(&sb);
}

static uint64_t diag_key(DiagCode code, Span span)
{
    uint32_t key[3] = {(uint32_t)code, span.begin, span.end};
    return base_hash(key, sizeof key, 0);
}

/* Warnings that nobody wants. */
static bool unwanted(const Diags *diags, DiagCode code)
{
    Severity severity = infos[code].severity;
    if (severity == SEVERITY_PERFORMANCE && !diags->performance) return true;
    return diags->silent[code] && severity != SEVERITY_ERROR;
}

/* True if the same code stands at the same span already; a colliding hash keeps both. */
static bool seen(const Diags *diags, uint64_t key, DiagCode code, Span span)
{
    const Diag *old = base_map_get(&diags->seen, key);
    return old && old->code == code && old->span.begin == span.begin && old->span.end == span.end;
}

static void count_severity(Diags *diags, const Diag *diag)
{
    diags->errors += diag->severity == SEVERITY_ERROR;
    diags->warnings += diag->severity == SEVERITY_WARNING;
}

Diag *diag_report_args(Diags *diags, DiagCode code, Span span, int count, const char *const *args)
{
    uint64_t key = diag_key(code, span);
    bool muted = (span.begin >= diags->muted.begin && span.begin < diags->muted.end) ||
                 unwanted(diags, code);
    if (muted || (span.begin != 0 && seen(diags, key, code, span))) {
        diags->ignored = (Diag){.code = code, .span = span};
        return &diags->ignored;
    }
    Diag *diag = NEW(diags->arena, Diag);
    diag->code = code;
    diag->severity = infos[code].severity;
    if (diag->severity == SEVERITY_PERFORMANCE) diag->severity = SEVERITY_WARNING;
    if (diag->severity == SEVERITY_WARNING && diags->warnings_as_errors)
        diag->severity = SEVERITY_ERROR;
    diag->span = span;
    diag->text = fill(diags->arena, infos[code].text, count, args);
    VEC_PUSH(diags->arena, diags->list, diag);
    base_map_put(&diags->seen, key, diag);
    count_severity(diags, diag);
    return diag;
}

void diag_forget(Diags *diags, size_t count)
{
    if (diags->list.len <= count) return;
    diags->list.len = count;
    diags->errors = diags->warnings = 0;
    diags->seen = base_map(diags->arena);
    for (size_t i = 0; i < count; i++) {
        Diag *diag = diags->list.data[i];
        base_map_put(&diags->seen, diag_key(diag->code, diag->span), diag);
        count_severity(diags, diag);
    }
}

void diag_label(Diags *diags, Diag *diag, Span span, const char *fmt, ...)
{
    DiagLabel label = {.span = span};
    if (fmt) {
        va_list args;
        va_start(args, fmt);
        label.text = base_vformat(diags->arena, fmt, args);
        va_end(args);
    }
    VEC_PUSH(diags->arena, diag->labels, label);
}

void diag_note(Diags *diags, Diag *diag, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    const char *text = base_vformat(diags->arena, fmt, args);
    va_end(args);
    VEC_PUSH(diags->arena, diag->notes, text);
}

void diag_suggest(Diags *diags, Diag *diag, const char *word, size_t count,
                  const char *const *candidates)
{
    /* One edit in three letters, three at most, is still a likely slip. */
    size_t len = strlen(word), limit = len < 3 ? 1 : len / 3 < 3 ? len / 3 : 3;
    if (len < 2) return;
    const char *best = NULL;
    size_t best_distance = limit + 1;
    for (size_t i = 0; i < count; i++) {
        size_t distance = base_edit_distance(word, candidates[i], limit);
        if (distance == 0 || distance >= best_distance) continue;
        best = candidates[i];
        best_distance = distance;
    }
    if (best) diag_note(diags, diag, "did you mean `%s`?", best);
}
