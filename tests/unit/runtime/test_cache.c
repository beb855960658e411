/* The cache: damage of every byte is found out, the limit holds, processes race, and no cache at
 * all is no error. */
#include "fixture.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include "runtime/cache.h"

static RuntimeCache open_in(Fixture *f)
{
    setenv("HD_CACHE_DIR", f->dir, 1);
    unsetenv("HD_CACHE_SIZE");
    return runtime_cache_open(f->arena);
}

static RuntimeCacheKey key_of(const char *text)
{
    RuntimeCachePart part = {text, strlen(text)};
    return runtime_cache_key(&part, 1);
}

static void test_keys(void **state)
{
    (void)state;
    RuntimeCachePart ab[] = {{"a", 1}, {"b", 1}}, joined[] = {{"ab", 2}, {"", 0}},
                     ba[] = {{"b", 1}, {"a", 1}};
    RuntimeCacheKey k = runtime_cache_key(ab, 2);
    assert_int_equal(strlen(k.text), 32);
    assert_string_equal(k.text, runtime_cache_key(ab, 2).text);
    assert_string_not_equal(k.text, runtime_cache_key(joined, 2).text);
    assert_string_not_equal(k.text, runtime_cache_key(ba, 2).text);
    assert_string_not_equal(k.text, runtime_cache_key(ab, 1).text);
}

static void test_round_trip(void **state)
{
    Fixture *f = *state;
    RuntimeCache cache = open_in(f);
    RuntimeCacheEntry entry;
    RuntimeCacheKey key = key_of("one");
    assert_false(runtime_cache_get(&cache, f->arena, &key, "ptx", &entry));
    assert_true(runtime_cache_put(&cache, f->arena, &key, "ptx", "hello", 5, NULL));
    assert_true(runtime_cache_get(&cache, f->arena, &key, "ptx", &entry));
    assert_string_equal(entry.data, "hello");
    assert_int_equal(entry.len, 5);
    assert_false(runtime_cache_get(&cache, f->arena, &key, "so", &entry));
    assert_true(runtime_cache_put(&cache, f->arena, &key, "so", "", 0, &entry));
    assert_true(runtime_cache_get(&cache, f->arena, &key, "so", &entry));
    assert_int_equal(entry.len, 0);
    assert_int_equal(runtime_cache_status(&cache, f->arena).entries, 2);
    assert_int_equal(runtime_cache_clear(&cache, f->arena), 2);
    assert_int_equal(runtime_cache_status(&cache, f->arena).entries, 0);
}

static void test_foreign_files_stay(void **state)
{
    Fixture *f = *state;
    RuntimeCache cache = open_in(f);
    const char *mine = base_format(f->arena, "%s/notes.txt", f->dir);
    assert_int_equal(base_file_write(mine, "keep", 4), 0);
    assert_int_equal(runtime_cache_clear(&cache, f->arena), 0);
    assert_true(base_file_exists(mine));
}

/* Every byte flipped, every length cut: never served, and removed. */
static void test_corruption(void **state)
{
    Fixture *f = *state;
    RuntimeCache cache = open_in(f);
    RuntimeCacheKey key = key_of("one");
    RuntimeCacheEntry entry;
    char *whole;
    size_t len;
    assert_true(runtime_cache_put(&cache, f->arena, &key, "so", "some payload", 12, &entry));
    const char *path = entry.path;
    assert_int_equal(base_file_read(f->arena, path, &whole, &len), 0);
    for (size_t i = 0; i < 2 * len; i++) {
        char *bad = base_copy(f->arena, whole, len);
        if (i < len) bad[i] ^= 0x10;
        assert_int_equal(base_file_write(path, bad, i < len ? len : i - len), 0);
        assert_false(runtime_cache_get(&cache, f->arena, &key, "so", &entry));
        assert_false(base_file_exists(path));
    }
    assert_true(runtime_cache_put(&cache, f->arena, &key, "so", "rebuilt", 7, &entry));
    assert_true(runtime_cache_get(&cache, f->arena, &key, "so", &entry));
    assert_string_equal(entry.data, "rebuilt");
}

static void test_limit_removes_least_recently_used(void **state)
{
    Fixture *f = *state;
    open_in(f);
    setenv("HD_CACHE_SIZE", "10K", 1);
    RuntimeCache cache = runtime_cache_open(f->arena);
    assert_int_equal(cache.limit, 10240);
    static char payload[1000];
    RuntimeCacheEntry entry;
    for (int i = 0; i < 30; i++) {
        RuntimeCacheKey first = key_of("0"), key = key_of(base_format(f->arena, "%d", i));
        assert_true(runtime_cache_put(&cache, f->arena, &key, "so", payload, sizeof payload, NULL));
        assert_true(runtime_cache_status(&cache, f->arena).bytes <= cache.limit);
        assert_true(runtime_cache_get(&cache, f->arena, &key, "so", &entry));
        assert_true(runtime_cache_get(&cache, f->arena, &first, "so", &entry)); /* stays in use */
        usleep(2000);
    }
    static char large[20000];
    RuntimeCacheKey key = key_of("large");
    assert_false(runtime_cache_put(&cache, f->arena, &key, "so", large, sizeof large, NULL));
    setenv("HD_CACHE_SIZE", "0", 1);
    cache = runtime_cache_open(f->arena);
    assert_null(cache.dir);
    assert_string_equal(cache.why, "HD_CACHE_SIZE is 0");
    unsetenv("HD_CACHE_SIZE");
}

static void test_without_a_folder(void **state)
{
    Fixture *f = *state;
    RuntimeCacheKey key = key_of("one");
    RuntimeCacheEntry entry;
    setenv("HD_CACHE_DIR", "/proc/nowhere", 1);
    RuntimeCache cache = runtime_cache_open(f->arena);
    assert_null(cache.dir);
    assert_non_null(strstr(cache.why, "cannot make /proc/nowhere"));
    assert_false(runtime_cache_put(&cache, f->arena, &key, "so", "x", 1, &entry));
    assert_false(runtime_cache_get(&cache, f->arena, &key, "so", &entry));
    assert_int_equal(runtime_cache_status(&cache, f->arena).entries, 0);
    assert_int_equal(runtime_cache_clear(&cache, f->arena), 0);
    /* a folder that vanishes under an open cache */
    setenv("HD_CACHE_DIR", base_format(f->arena, "%s/a/b", f->dir), 1);
    cache = runtime_cache_open(f->arena);
    assert_non_null(cache.dir);
    rmdir(cache.dir);
    assert_false(runtime_cache_put(&cache, f->arena, &key, "so", "x", 1, &entry));
    unsetenv("HD_CACHE_DIR");
    setenv("XDG_CACHE_HOME", f->dir, 1);
    cache = runtime_cache_open(f->arena);
    assert_string_equal(cache.dir, base_format(f->arena, "%s/hd", f->dir));
    unsetenv("XDG_CACHE_HOME");
}

/* Eight processes write, damage, shrink and read the same few entries; none may see a wrong one. */
static int race_child(int id)
{
    Escape escape;
    Arena *arena = base_arena_create(&escape);
    if (setjmp(escape.env)) return 3;
    RuntimeCache cache = runtime_cache_open(arena);
    uint64_t seed = 77u + (unsigned)id;
    for (int i = 0; i < 200; i++) {
        char name[16], payload[5000];
        unsigned which = (unsigned)(random_next(&seed) % 6);
        snprintf(name, sizeof name, "entry %u", which);
        size_t len = 1000 + 600 * (size_t)which;
        memset(payload, 'a' + (int)which, len);
        RuntimeCacheKey key = key_of(name);
        RuntimeCacheEntry entry;
        if (runtime_cache_get(&cache, arena, &key, "so", &entry)) {
            if (entry.len != len || memcmp(entry.data, payload, len) != 0) return 1;
            FILE *file = random_next(&seed) % 4 == 0 ? fopen(entry.path, "r+") : NULL;
            if (file) fputc('#', file), fclose(file);
        } else {
            runtime_cache_put(&cache, arena, &key, "so", payload, len, NULL);
        }
    }
    base_arena_destroy(arena);
    return 0;
}

static void test_eight_processes(void **state)
{
    Fixture *f = *state;
    open_in(f);
    setenv("HD_CACHE_SIZE", "12K", 1);
    pid_t pids[8];
    for (int i = 0; i < 8; i++) {
        pids[i] = fork();
        if (pids[i] == 0) _exit(race_child(i));
    }
    for (int i = 0; i < 8; i++) {
        int status;
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    RuntimeCache cache = runtime_cache_open(f->arena);
    assert_true(runtime_cache_status(&cache, f->arena).bytes <= cache.limit);
    unsetenv("HD_CACHE_SIZE");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        FIXTURE_TEST(test_round_trip),
        FIXTURE_TEST(test_foreign_files_stay),
        FIXTURE_TEST(test_corruption),
        FIXTURE_TEST(test_limit_removes_least_recently_used),
        FIXTURE_TEST(test_without_a_folder),
        FIXTURE_TEST(test_eight_processes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
