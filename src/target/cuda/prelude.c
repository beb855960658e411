/* Which paragraphs of the device prelude a module's text needs.
 *
 * The prelude's own opening says what a paragraph is. A paragraph is needed if a name that it
 * defines is used by the text or by a needed paragraph below it, so one pass from the last to the
 * first finds them all. */
#include "target/cuda/cuda.h"
#include "target/texts.h"

#include <ctype.h>

typedef struct Piece {
    const char *text;
    size_t len;
} Piece;

typedef struct Pieces {
    Arena *arena;
    VEC(Piece) list;
    Map used; /* identifiers, by hash */
} Pieces;

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static uint64_t key(const char *word, size_t len)
{
    return base_hash(word, len, 0);
}

/* The identifier at or after `*at`, before `end`; NULL if there is none. Comments are skipped. */
static const char *next_word(const char **at, const char *end, size_t *len)
{
    const char *p = *at;
    while (p < end && !(is_word(*p) && !isdigit((unsigned char)*p))) {
        if (p + 1 < end && p[0] == '/' && p[1] == '/') {
            while (p < end && *p != '\n') ++p;
        } else if (is_word(*p)) {
            while (p < end && is_word(*p)) ++p;
        } else {
            ++p;
        }
    }
    const char *word = p;
    while (p < end && is_word(*p)) ++p;
    *at = p;
    *len = (size_t)(p - word);
    return *len ? word : NULL;
}

static void use_words(Pieces *p, const char *text, size_t len)
{
    size_t n;
    const char *at = text, *word;
    while ((word = next_word(&at, text + len, &n))) base_map_put(&p->used, key(word, n), p->arena);
}

Map target_cuda_words(Arena *arena, const char *text, size_t len)
{
    Pieces p = {.arena = arena, .used = base_map(arena)};
    use_words(&p, text, len);
    return p.used;
}

bool target_cuda_has_word(const Map *words, const char *word)
{
    return base_map_get(words, key(word, strlen(word))) != NULL;
}

static bool is_used(const Pieces *p, const char *word, size_t len)
{
    return base_map_get(&p->used, key(word, len)) != NULL;
}

/* `HD_ATOMIC…(op, type, …)` defines hd_atomic_op_type, `HD_ATOMIC_BITS(op, …)` hd_atomic_op. */
static bool atomic_is_used(const Pieces *p, const char *line, const char *end)
{
    const char *at = line, *op, *type;
    size_t macro_len, op_len, type_len;
    const char *macro = next_word(&at, end, &macro_len);
    op = next_word(&at, end, &op_len);
    type = next_word(&at, end, &type_len);
    if (!macro || !op) return false;
    bool bits =
        macro_len == strlen("HD_ATOMIC_BITS") && !strncmp(macro, "HD_ATOMIC_BITS", macro_len);
    const char *name = bits || !type ? base_format(p->arena, "hd_atomic_%.*s", (int)op_len, op)
                                     : base_format(p->arena, "hd_atomic_%.*s_%.*s", (int)op_len, op,
                                                   (int)type_len, type);
    return is_used(p, name, strlen(name));
}

/* Does the line, from its margin, define a name that is used? */
static bool line_is_used(const Pieces *p, const char *line, const char *end)
{
    const char *at = line, *word, *last = NULL;
    size_t len, last_len = 0;
    if (strncmp(line, "HD_ATOMIC", 9) == 0) return atomic_is_used(p, line, end);
    if (strncmp(line, "#define ", 8) == 0) {
        at = line + 8;
        word = next_word(&at, end, &len);
        return word && is_used(p, word, len);
    }
    if (!is_word(*line)) return false;
    const char *stop = line;
    while (stop < end && !strchr("({;=[", *stop)) ++stop;
    if (stop == end) return false;
    while ((word = next_word(&at, stop, &len))) last = word, last_len = len;
    return last && is_used(p, last, last_len);
}

static bool piece_is_used(const Pieces *p, const Piece *piece)
{
    const char *line = piece->text, *end = piece->text + piece->len;
    while (line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        if (!stop) stop = end;
        if (line_is_used(p, line, stop)) return true;
        line = stop + 1;
    }
    return false;
}

static void split(Pieces *p, const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t len = end ? (size_t)(end - text) + 1 : strlen(text);
        Piece piece = {text, len};
        VEC_PUSH(p->arena, p->list, piece);
        text += len;
        while (*text == '\n') ++text;
    }
}

void target_cuda_prelude(Arena *arena, const char *text, size_t len, Sb *out)
{
    Pieces p = {.arena = arena, .used = base_map(arena)};
    for (int i = TEXT_CUDA_PRELUDE; i <= TEXT_CUDA_CACHE; ++i) split(&p, target_text(i));
    use_words(&p, text, len);
    bool *needed = NEW_ARRAY(arena, bool, p.list.len + 1);
    for (size_t i = p.list.len; i-- > 0;) {
        needed[i] = piece_is_used(&p, &p.list.data[i]);
        if (needed[i]) use_words(&p, p.list.data[i].text, p.list.data[i].len);
    }
    for (size_t i = 0; i < p.list.len; ++i) {
        if (!needed[i]) continue;
        base_sb_mem(out, p.list.data[i].text, p.list.data[i].len);
        base_sb_char(out, '\n');
    }
}

bool target_cuda_is_specific(const char *text)
{
    return strstr(text, "wgmma.") || strstr(text, "setmaxnreg.") ||
           strstr(text, ".multicast::cluster");
}
