/* Building, caching, loading and launching. */
#include "host/host.h"

#include "runtime/cache.h"
#include "runtime/cc.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct HostModule {
    void *handle; /* of dlopen */
    const HdModuleInfo *info;
    HdCpuPool *pool;
    HostOptions options;
    char *temporary; /* a library outside the cache, removed with the module */
};

static bool load(HostModule *m, const char *path, HdFailure *failure)
{
    m->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!m->handle) return hd_fail(failure, HD_FAILED, "cannot load %s: %s", path, dlerror());
    m->info = dlsym(m->handle, "hd_module_info");
    if (!m->info || m->info->abi != HD_ABI_VERSION)
        return hd_fail(failure, HD_FAILED, "%s is not a module of this version", path);
    return true;
}

/* Without a cache the library lives in a temporary file of its own. */
static bool build_temporary(HostModule *m, Arena *arena, const RuntimeCc *cc, const char *text,
                            size_t len, const RuntimeCcOptions *options, HdFailure *failure)
{
    const char *folder = getenv("TMPDIR");
    char *path = base_format(arena, "%s/hd-XXXXXX.so", folder && *folder ? folder : "/tmp");
    int fd = mkostemps(path, 3, 0);
    if (fd < 0) return hd_fail(failure, HD_LACKING, "cannot make a temporary file %s", path);
    close(fd);
    m->temporary = strdup(path);
    const char *log = NULL;
    return m->temporary && runtime_cc_build(arena, cc, text, len, options, path, &log, failure) &&
           load(m, path, failure);
}

static bool read_whole(Arena *arena, const char *path, char **data, size_t *len, HdFailure *failure)
{
    int error = base_file_read(arena, path, data, len);
    return !error || hd_fail(failure, HD_FAILED, "cannot read %s: %s", path, strerror(error));
}

static bool build_library(HostModule *m, Arena *arena, const char *text, size_t len, HdFailure *failure)
{
    RuntimeCc cc;
    if (!runtime_cc_find(arena, &cc, failure)) return false;
    RuntimeCcOptions options = {.optimize = m->options.optimize};
    const char *flags = runtime_cc_flags(arena, &options);
    RuntimeCachePart parts[] = {{"so", 2},
                                {text, len},
                                {flags, strlen(flags)},
                                {cc.identity, strlen(cc.identity)},
                                {cc.machine, strlen(cc.machine)}};
    RuntimeCacheKey key = runtime_cache_key(parts, BASE_LEN(parts));
    RuntimeCache cache = runtime_cache_open(arena);
    RuntimeCacheEntry entry;
    if (runtime_cache_get(&cache, arena, &key, "so", &entry)) return load(m, entry.path, failure);
    if (!cache.dir) return build_temporary(m, arena, &cc, text, len, &options, failure);
    if (!build_temporary(m, arena, &cc, text, len, &options, failure)) return false;
    char *data;
    size_t size;
    if (read_whole(arena, m->temporary, &data, &size, failure))
        runtime_cache_put(&cache, arena, &key, "so", data, size, &entry);
    return true;
}

HostModule *host_build(Compile *s, const CompileOptions *options, const HostOptions *host,
                       CompileStatus *status, HdFailure *failure)
{
    CompileOptions o = *options;
    o.cpu = !host->cuda;
    o.cuda = host->cuda;
    Sb text = base_sb(s->arena);
    failure->status = HD_DONE;
    *status = compile_emit(s, &o, COMPILE_C, &text);
    if (*status != COMPILE_OK) return NULL;
    HostModule *m = calloc(1, sizeof *m);
    if (!m) {
        *status = COMPILE_MEMORY;
        return NULL;
    }
    m->options = *host;
    char *source = base_sb_text(&text);
    if (!build_library(m, s->arena, source, text.len, failure)) {
        host_module_destroy(m);
        return NULL;
    }
    m->pool = hd_cpu_pool_create(0);
    return m;
}

void host_module_destroy(HostModule *m)
{
    if (!m) return;
    hd_cpu_pool_destroy(m->pool);
    if (m->handle) dlclose(m->handle);
    if (m->temporary) unlink(m->temporary);
    free(m->temporary);
    free(m);
}

const HdModuleInfo *host_module_info(const HostModule *m)
{
    return m->info;
}

static void print_line(void *state, const char *text)
{
    fprintf(state, "%s\n", text);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

bool host_launch(HostModule *m, const HdKernelInfo *kernel, const HdArg *args, int count,
                 double *seconds, HdFailure *failure)
{
    HdCall call;
    if (!hd_call_bind(&call, kernel, args, count, kDLCPU, 0, failure)) return false;
    HdCpuOptions options = {.seed = m->options.seed,
                            .print = print_line,
                            .print_state = m->options.print ? m->options.print : stdout};
    double start = now();
    bool good = hd_cpu_launch(m->pool, &call, &options, failure);
    if (seconds) *seconds = now() - start;
    hd_call_release(&call);
    return good;
}
