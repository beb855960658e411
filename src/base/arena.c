/* Arenas: bump allocation in zeroed blocks that double up to 32 MiB. Large blocks ask for huge
 * pages: on a large input the page faults would cost more than the work. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifdef BASE_TEST_MALLOC
static void *system_zalloc(size_t size)
{
    void *data = base_test_malloc(size);
    return data ? memset(data, 0, size) : NULL;
}
#else
static void *system_zalloc(size_t size)
{
    return calloc(1, size);
}
#endif

enum { FIRST_BLOCK = 16 * 1024, LAST_BLOCK = 32 * 1024 * 1024, ALIGN = 16, HUGE = 2 * 1024 * 1024 };

typedef struct Block {
    struct Block *next;
    size_t size;
} Block;

struct Arena {
    Escape *escape;
    Block *blocks;
    char *at, *end;
    size_t next_size;
};

void base_escape(Escape *escape, EscapeKind kind)
{
    escape->kind = kind;
    longjmp(escape->env, 1);
}

void base_internal(Escape *escape, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(escape->message, sizeof escape->message, fmt, args);
    va_end(args);
    base_escape(escape, ESCAPE_INTERNAL);
}

Arena *base_arena_create(Escape *escape)
{
    Arena *arena = system_zalloc(sizeof *arena);
    if (!arena) base_escape(escape, ESCAPE_MEMORY);
    *arena = (Arena){.escape = escape, .next_size = FIRST_BLOCK};
    return arena;
}

void base_arena_destroy(Arena *arena)
{
    if (!arena) return;
    for (Block *block = arena->blocks; block;) {
        Block *next = block->next;
        free(block);
        block = next;
    }
    free(arena);
}

Escape *base_arena_escape(const Arena *arena)
{
    return arena->escape;
}

/* The whole huge pages inside [data, data + size); advice only, so its failure is no matter. */
static void advise(void *data, size_t size)
{
    uintptr_t begin = ((uintptr_t)data + HUGE - 1) / HUGE * HUGE;
    uintptr_t end = ((uintptr_t)data + size) / HUGE * HUGE;
    if (begin < end) (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
}

static void add_block(Arena *arena, size_t size)
{
    size_t header = (sizeof(Block) + ALIGN - 1) / ALIGN * ALIGN;
    size_t want = size + header < arena->next_size ? arena->next_size : size + header;
    Block *block = system_zalloc(want);
    if (!block) base_escape(arena->escape, ESCAPE_MEMORY);
    advise(block, want);
    *block = (Block){.next = arena->blocks, .size = want};
    arena->blocks = block;
    arena->at = (char *)block + header;
    arena->end = (char *)block + want;
    if (arena->next_size < LAST_BLOCK) arena->next_size *= 2;
}

void *base_alloc(Arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2) base_escape(arena->escape, ESCAPE_MEMORY);
    size_t rounded = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (rounded == 0) rounded = ALIGN;
    if ((size_t)(arena->end - arena->at) < rounded) add_block(arena, rounded);
    void *result = arena->at;
    arena->at += rounded;
    return result;
}

void *base_alloc_array(Arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) base_escape(arena->escape, ESCAPE_MEMORY);
    return base_alloc(arena, total);
}

void *base_copy(Arena *arena, const void *data, size_t size)
{
    void *result = base_alloc(arena, size);
    if (size) memcpy(result, data, size);
    return result;
}

void *base_grow(Arena *arena, const void *data, size_t len, size_t *cap, size_t size)
{
    size_t grown = *cap ? *cap * 2 : 8;
    void *result = base_alloc_array(arena, grown, size);
    if (len) memcpy(result, data, len * size);
    *cap = grown;
    return result;
}
