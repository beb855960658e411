/* The cache of compiled things. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "runtime/cache.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { CACHE_KEY_LEN = 32, CACHE_STALE_S = 3600 };
static const uint64_t CACHE_DEFAULT_LIMIT = (uint64_t)1 << 30;

/* Ends every entry. */
typedef struct {
    char magic[8];
    uint64_t len;
    XXH128_canonical_t sum;
} CacheTrailer;
static const char cache_magic[8] = "hdcache1";

static CacheTrailer cache_trailer(const void *data, size_t len)
{
    CacheTrailer t = {.len = len};
    memcpy(t.magic, cache_magic, sizeof t.magic);
    XXH128_canonicalFromHash(&t.sum, XXH3_128bits(data, len));
    return t;
}

/* ---- opening ------------------------------------------------------------------------------- */

static uint64_t cache_limit(void)
{
    const char *text = getenv("HD_CACHE_SIZE");
    char *end;
    if (!text || !isdigit((unsigned char)*text)) return CACHE_DEFAULT_LIMIT;
    uint64_t n = strtoull(text, &end, 10);
    const char *units = "KMGT", *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    return n > UINT64_MAX >> shift ? UINT64_MAX : n << shift;
}

static char *cache_folder(Arena *arena)
{
    const char *own = getenv("HD_CACHE_DIR"), *xdg = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");
    if (own && *own) return base_format(arena, "%s", own);
    if (xdg && *xdg == '/') return base_format(arena, "%s/hd", xdg);
    return home && *home ? base_format(arena, "%s/.cache/hd", home) : NULL;
}

RuntimeCache runtime_cache_open(Arena *arena)
{
    RuntimeCache cache = {.limit = cache_limit()};
    char *dir = cache_folder(arena);
    int error = 0;
    if (cache.limit == 0)
        cache.why = "HD_CACHE_SIZE is 0";
    else if (!dir)
        cache.why = "neither HD_CACHE_DIR, XDG_CACHE_HOME nor HOME is set";
    else if ((error = base_mkdirs(arena, dir)) != 0)
        cache.why = base_format(arena, "cannot make %s: %s", dir, strerror(error));
    else if (access(dir, R_OK | W_OK | X_OK) != 0)
        cache.why = base_format(arena, "cannot write in %s: %s", dir, strerror(errno));
    else
        cache.dir = dir;
    return cache;
}

/* Lengths are hashed too, so that no two lists of parts run together. */
RuntimeCacheKey runtime_cache_key(const RuntimeCachePart *parts, size_t count)
{
    RuntimeCacheKey key;
    XXH128_canonical_t sum;
    XXH3_state_t state;
    XXH3_128bits_reset(&state);
    for (size_t i = 0; i < count; i++) {
        uint64_t len = parts[i].len;
        XXH3_128bits_update(&state, &len, sizeof len);
        XXH3_128bits_update(&state, parts[i].data, parts[i].len);
    }
    XXH128_canonicalFromHash(&sum, XXH3_128bits_digest(&state));
    for (size_t i = 0; i < sizeof sum.digest; i++)
        snprintf(key.text + 2 * i, 3, "%02x", sum.digest[i]);
    return key;
}

/* ---- entries ------------------------------------------------------------------------------- */

static char *cache_path(const RuntimeCache *cache, Arena *arena, const RuntimeCacheKey *key,
                        const char *kind)
{
    return base_format(arena, "%s/%s.%s", cache->dir, key->text, kind);
}

bool runtime_cache_get(const RuntimeCache *cache, Arena *arena, const RuntimeCacheKey *key,
                       const char *kind, RuntimeCacheEntry *entry)
{
    if (!cache->dir) return false;
    char *path = cache_path(cache, arena, key, kind), *data;
    size_t len;
    if (base_file_read(arena, path, &data, &len) != 0) return false;
    CacheTrailer have, want;
    if (len >= sizeof have) {
        memcpy(&have, data + len - sizeof have, sizeof have);
        want = cache_trailer(data, len - sizeof have);
        if (memcmp(&have, &want, sizeof have) == 0) {
            utimensat(AT_FDCWD, path, NULL, 0);
            len -= sizeof have;
            data[len] = '\0';
            *entry = (RuntimeCacheEntry){path, data, len};
            return true;
        }
    }
    unlink(path);
    return false;
}

/* ---- the folder ---------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    struct timespec used;
    uint64_t bytes;
} CacheFile;
typedef VEC(CacheFile) CacheFiles;

/* Only names of our making: 32 hexadecimal digits, a dot, a kind. */
static bool cache_is_entry(const char *name)
{
    return strspn(name, "0123456789abcdef") == CACHE_KEY_LEN && name[CACHE_KEY_LEN] == '.';
}

/* A temporary of an interrupted write has a second dot, "key.kind.XXXXXX". */
static bool cache_is_temporary(const char *name)
{
    return strchr(name + CACHE_KEY_LEN + 1, '.') != NULL;
}

static CacheFiles cache_list(const RuntimeCache *cache, Arena *arena, bool temporaries)
{
    CacheFiles files = {0};
    DIR *dir = cache->dir ? opendir(cache->dir) : NULL;
    for (struct dirent *e; dir && (e = readdir(dir));) {
        struct stat st;
        if (!cache_is_entry(e->d_name) || cache_is_temporary(e->d_name) != temporaries) continue;
        if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) continue;
        const char *path = base_format(arena, "%s/%s", cache->dir, e->d_name);
        VEC_PUSH(arena, files, (CacheFile){path, st.st_mtim, (uint64_t)st.st_size});
    }
    if (dir) closedir(dir);
    return files;
}

static int cache_by_age(const void *a, const void *b)
{
    const CacheFile *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec) return x->used.tv_sec < y->used.tv_sec ? -1 : 1;
    if (x->used.tv_nsec != y->used.tv_nsec) return x->used.tv_nsec < y->used.tv_nsec ? -1 : 1;
    return strcmp(x->name, y->name);
}

static void cache_remove_stale(const RuntimeCache *cache, Arena *arena)
{
    CacheFiles files = cache_list(cache, arena, true);
    time_t now = time(NULL);
    for (size_t i = 0; i < files.len; i++)
        if (now - files.data[i].used.tv_sec > CACHE_STALE_S) unlink(files.data[i].name);
}

/* Down to nine tenths of the limit, so that not every write from then on has to remove. */
static void cache_shrink(const RuntimeCache *cache, Arena *arena, const char *keep)
{
    CacheFiles files = cache_list(cache, arena, false);
    uint64_t total = 0, goal = cache->limit - cache->limit / 10;
    for (size_t i = 0; i < files.len; i++) total += files.data[i].bytes;
    if (total <= cache->limit) return;
    qsort(files.data, files.len, sizeof *files.data, cache_by_age);
    for (size_t i = 0; i < files.len && total > goal; i++) {
        if (strcmp(files.data[i].name, keep) == 0) continue;
        unlink(files.data[i].name);
        total -= files.data[i].bytes;
    }
    cache_remove_stale(cache, arena);
}

bool runtime_cache_put(const RuntimeCache *cache, Arena *arena, const RuntimeCacheKey *key,
                       const char *kind, const void *data, size_t len, RuntimeCacheEntry *entry)
{
    CacheTrailer trailer = cache_trailer(data, len);
    if (!cache->dir || len + sizeof trailer > cache->limit) return false;
    char *path = cache_path(cache, arena, key, kind);
    char *whole = base_alloc(arena, len + sizeof trailer);
    memcpy(whole, data, len);
    memcpy(whole + len, &trailer, sizeof trailer);
    if (base_file_write(path, whole, len + sizeof trailer) != 0) return false;
    cache_shrink(cache, arena, path);
    memset(whole + len, 0, 1);
    if (entry) *entry = (RuntimeCacheEntry){path, whole, len};
    return true;
}

RuntimeCacheStatus runtime_cache_status(const RuntimeCache *cache, Arena *arena)
{
    CacheFiles files = cache_list(cache, arena, false);
    RuntimeCacheStatus status = {.entries = (int)files.len};
    for (size_t i = 0; i < files.len; i++) status.bytes += files.data[i].bytes;
    return status;
}

int runtime_cache_clear(const RuntimeCache *cache, Arena *arena)
{
    int removed = 0;
    for (int temporaries = 0; temporaries < 2; temporaries++) {
        CacheFiles files = cache_list(cache, arena, temporaries);
        for (size_t i = 0; i < files.len; i++)
            if (unlink(files.data[i].name) == 0 && !temporaries) removed++;
    }
    return removed;
}
