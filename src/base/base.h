/* base/ - the ground floor: memory, containers, strings, files.
 *
 * Entry point: `base_arena_create`. Promises: nothing here prints, exits or keeps global state.
 * Ownership: every object made by the compiler lives in an `Arena` that is passed explicitly and
 * freed whole; nothing is freed singly. Memory that runs out, and internal errors, leave through
 * the arena's `Escape` (a longjmp to the façade that owns the arenas), so no caller checks for
 * NULL and no path leaks.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BASE_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define BASE_NORETURN __attribute__((noreturn))
#define BASE_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* ---- escape ------------------------------------------------------------------------------ */

typedef enum { ESCAPE_NONE, ESCAPE_MEMORY, ESCAPE_INTERNAL, ESCAPE_STOP } EscapeKind;

/* Where a failure that no caller can mend lands. The façade does
 * `if (setjmp(escape.env)) { …kind, message… }` and then destroys its arenas. */
typedef struct Escape {
    jmp_buf env;
    EscapeKind kind;
    const char *pass;  /* name of the running pass, for internal errors; may be NULL */
    char message[256]; /* filled for ESCAPE_INTERNAL */
    uint32_t origin;   /* IR origin in hand when it happened; 0 if none */
} Escape;

/* Leaves through `escape`. `internal` is for broken invariants: it names the pass and the node. */
BASE_NORETURN void base_escape(Escape *escape, EscapeKind kind);
BASE_NORETURN void base_internal(Escape *escape, const char *fmt, ...) BASE_PRINTF(2, 3);

/* ---- arenas ------------------------------------------------------------------------------ */

typedef struct Arena Arena;

/* A new arena that escapes through `escape` when memory runs out (escape must outlive it).
 * Itself allocated with malloc: escapes on failure too. */
Arena *base_arena_create(Escape *escape);
void base_arena_destroy(Arena *arena); /* NULL is allowed */
Escape *base_arena_escape(const Arena *arena);
/* Zeroed memory, aligned for any type. Never NULL. */
void *base_alloc(Arena *arena, size_t size);
void *base_alloc_array(Arena *arena, size_t count, size_t size); /* escapes on overflow */
void *base_copy(Arena *arena, const void *data, size_t size);

#define NEW(arena, T) ((T *)base_alloc((arena), sizeof(T)))
#define NEW_ARRAY(arena, T, n) ((T *)base_alloc_array((arena), (n), sizeof(T)))

/* For tests: the n-th system allocation from now fails (0 = never). Kept per Escape-less process
 * hook so that the library holds no writable global: the hook is a function the test links. */
#ifdef BASE_TEST_MALLOC
void *base_test_malloc(size_t size);
#endif

/* ---- vectors ----------------------------------------------------------------------------- */

/* A growable array in an arena: `VEC(int) xs = {0}; VEC_PUSH(arena, xs, 3); xs.data[0]`. */
#define VEC(T)                                                                                     \
    struct {                                                                                       \
        T *data;                                                                                   \
        size_t len, cap;                                                                           \
    }
#define VEC_PUSH(arena, v, ...)                                                                    \
    ((v).len == (v).cap                                                                            \
         ? (void)((v).data = base_grow((arena), (v).data, (v).len, &(v).cap, sizeof *(v).data))    \
         : (void)0,                                                                                \
     (v).data[(v).len++] = (__VA_ARGS__))
#define VEC_LAST(v) ((v).data[(v).len - 1])
void *base_grow(Arena *arena, const void *data, size_t len, size_t *cap, size_t size);

/* ---- strings ----------------------------------------------------------------------------- */

/* An interned string: equal text, equal pointer. */
typedef struct Name {
    uint32_t len, hash;
    char text[]; /* NUL-terminated; may hold NULs before `len` */
} Name;

typedef struct Interner Interner;
Interner *base_interner_create(Arena *arena);
const Name *base_intern(Interner *interner, const char *text, size_t len);
const Name *base_intern_cstr(Interner *interner, const char *text);

char *base_format(Arena *arena, const char *fmt, ...) BASE_PRINTF(2, 3);
char *base_vformat(Arena *arena, const char *fmt, va_list args) BASE_PRINTF(2, 0);
char *base_strndup(Arena *arena, const char *text, size_t len);

/* Edit distance with transpositions, cut off at `limit` (returns limit + 1 beyond it); the source
 * of "did you mean". Damerau's restricted form. */
size_t base_edit_distance(const char *a, const char *b, size_t limit);

/* String builder. */
typedef struct Sb {
    Arena *arena;
    char *data; /* not NUL-terminated until `base_sb_text` */
    size_t len, cap;
} Sb;
Sb base_sb(Arena *arena);
void base_sb_char(Sb *sb, char c);
void base_sb_str(Sb *sb, const char *text);
void base_sb_mem(Sb *sb, const char *data, size_t len);
void base_sb_printf(Sb *sb, const char *fmt, ...) BASE_PRINTF(2, 3);
void base_sb_vprintf(Sb *sb, const char *fmt, va_list args) BASE_PRINTF(2, 0);
void base_sb_indent(Sb *sb, int depth); /* 4 spaces a level */
char *base_sb_text(Sb *sb);             /* NUL-terminates; stays valid with the arena */

/* ---- hash maps --------------------------------------------------------------------------- */

/* From 64-bit keys (a pointer, an id, a hash) to pointers. Insertion order is kept, so that
 * iteration is deterministic: `for (i < map->len) map->entries[i]`. */
typedef struct MapEntry {
    uint64_t key;
    void *value;
} MapEntry;
typedef struct Map {
    Arena *arena;
    MapEntry *entries;
    uint32_t *slots; /* index + 1 into entries; 0 is empty */
    size_t len, cap, slot_count;
} Map;
Map base_map(Arena *arena);
void *base_map_get(const Map *map, uint64_t key);       /* NULL if absent */
void base_map_put(Map *map, uint64_t key, void *value); /* inserts or replaces */
static inline uint64_t base_key(const void *pointer)
{
    return (uint64_t)(uintptr_t)pointer;
}

uint64_t base_hash(const void *data, size_t len, uint64_t seed); /* not for adversaries */

/* ---- files ------------------------------------------------------------------------------- */

/* All return 0 or an errno value. Text read is NUL-terminated beyond `*len`. "-" is stdin for
 * reading. Limit: `BASE_FILE_LIMIT` bytes (EFBIG beyond). */
#define BASE_FILE_LIMIT ((size_t)1 << 31)
int base_file_read(Arena *arena, const char *path, char **text, size_t *len);
/* The same, but stops after `most` bytes: for what is refused anyway if it is longer. */
int base_file_read_most(Arena *arena, const char *path, size_t most, char **text, size_t *len);
/* Writes to a temporary beside `path`, flushes, then renames: a reader sees the old file or the
 * whole new one, and a failure leaves no trace. Links lead to the file. "-": standard output. */
int base_file_write(const char *path, const void *data, size_t len);
int base_mkdirs(Arena *arena, const char *path); /* like mkdir -p */
bool base_file_exists(const char *path);
char *base_path_join(Arena *arena, const char *dir, const char *name);
char *base_path_dir(Arena *arena, const char *path);  /* "." when there is none */
char *base_path_stem(Arena *arena, const char *path); /* file name without folder and ".hd" */

/* ---- integers ---------------------------------------------------------------------------- */

static inline int64_t base_floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return (a % b != 0 && (a < 0) != (b < 0)) ? q - 1 : q;
}
static inline int64_t base_floor_mod(int64_t a, int64_t b)
{
    int64_t r = b == -1 ? 0 : a % b; /* INT64_MIN % -1 traps */
    return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}
int64_t base_gcd(int64_t a, int64_t b);
/* False on overflow. */
static inline bool base_mul(int64_t a, int64_t b, int64_t *r)
{
    return !__builtin_mul_overflow(a, b, r);
}
static inline bool base_add(int64_t a, int64_t b, int64_t *r)
{
    return !__builtin_add_overflow(a, b, r);
}

#endif
