/* hdc cache [status|clear]. */
#include "hdc/hdc.h"

#include "runtime/cache.h"

ExitStatus verb_cache(Options *o)
{
    options_limit_words(o, 1);
    const char *word = o->words.len ? o->words.data[0] : "status";
    bool clear = strcmp(word, "clear") == 0;
    if (!clear && strcmp(word, "status") != 0)
        options_die_call("cache: `status` or `clear`, not `%s`", word);
    RuntimeCache cache = runtime_cache_open(o->arena);
    if (!cache.dir) {
        printf("no cache: %s\n", cache.why);
        return EXIT_DONE;
    }
    if (clear) {
        printf("%d entries removed from %s\n", runtime_cache_clear(&cache, o->arena), cache.dir);
        return EXIT_DONE;
    }
    RuntimeCacheStatus status = runtime_cache_status(&cache, o->arena);
    printf("%s: %d entries, %.1f MiB of %.0f MiB\n", cache.dir, status.entries,
           (double)status.bytes / (1 << 20), (double)cache.limit / (1 << 20));
    return EXIT_DONE;
}
