/* The cache of compiled things: content-addressed files in $HD_CACHE_DIR, $XDG_CACHE_HOME/hd or
 * ~/.cache/hd. An entry is its payload and a trailer with the payload's checksum, so a damaged one
 * is found out and rebuilt, and a shared library in it can be loaded as it lies. Any number of
 * processes may use it at once. Without a writable folder everything works, uncached.
 */
#ifndef RUNTIME_CACHE_H
#define RUNTIME_CACHE_H

#include "base/base.h"

typedef struct RuntimeCache {
    const char *dir; /* NULL: there is no cache */
    const char *why; /* why not, where there is none; else NULL */
    uint64_t limit;  /* bytes: $HD_CACHE_SIZE ("512M"), default 1 GiB; 0: no cache */
} RuntimeCache;
RuntimeCache runtime_cache_open(Arena *arena);

/* Everything the result depends on: kind, source, options, compiler's identity, architecture. */
typedef struct RuntimeCachePart {
    const void *data;
    size_t len;
} RuntimeCachePart;
typedef struct RuntimeCacheKey {
    char text[33]; /* XXH3, 128 bits, in hexadecimal */
} RuntimeCacheKey;
RuntimeCacheKey runtime_cache_key(const RuntimeCachePart *parts, size_t count);

typedef struct RuntimeCacheEntry {
    const char *path;
    char *data; /* the payload, NUL-terminated beyond `len` */
    size_t len;
} RuntimeCacheEntry;

/* False: not there (or damaged, and then removed). `kind` is a short word: "so", "ptx". Finding an
 * entry makes it the most recently used. */
bool runtime_cache_get(const RuntimeCache *cache, Arena *arena, const RuntimeCacheKey *key,
                       const char *kind, RuntimeCacheEntry *entry);
/* Stores, then removes least recently used entries over the limit. False: not stored. */
bool runtime_cache_put(const RuntimeCache *cache, Arena *arena, const RuntimeCacheKey *key,
                       const char *kind, const void *data, size_t len, RuntimeCacheEntry *entry);

typedef struct RuntimeCacheStatus {
    int entries;
    uint64_t bytes;
} RuntimeCacheStatus;
RuntimeCacheStatus runtime_cache_status(const RuntimeCache *cache, Arena *arena);
int runtime_cache_clear(const RuntimeCache *cache, Arena *arena); /* how many were removed */

#endif
