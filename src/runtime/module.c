/* Loaded modules and launches. */
#include "runtime/launch_internal.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/cache.h"

struct HdLoadedModule {
    HdRuntime *runtime;
    const HdModuleInfo *info;
    void *library;                             /* NULL if the caller owns the tables */
    pthread_mutex_t lock;                      /* of `on_cuda` */
    HdCudaModule *on_cuda[RT_MAX_DEVICES - 1]; /* by device, loaded when first needed */
};

HdLoadedModule *hd_rt_module_create(HdRuntime *runtime, const HdModuleInfo *info,
                                    HdFailure *failure)
{
    if (info->abi != HD_ABI_VERSION) {
        hd_fail(failure, HD_LACKING,
                "module %s speaks version %d of the interface, this runtime %d", info->name,
                info->abi, HD_ABI_VERSION);
        return NULL;
    }
    HdLoadedModule *module = calloc(1, sizeof *module);
    if (!module) {
        hd_fail(failure, HD_FAILED, "out of memory");
        return NULL;
    }
    module->runtime = runtime;
    module->info = info;
    pthread_mutex_init(&module->lock, NULL);
    return module;
}

HdLoadedModule *hd_rt_module_open(HdRuntime *runtime, const char *path, HdFailure *failure)
{
    HdLoadedModule *module = NULL;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        hd_fail(failure, HD_LACKING, "cannot load %s: %s", path, dlerror());
        return NULL;
    }
    const HdModuleInfo *info = dlsym(library, "hd_module_info");
    if (info)
        module = hd_rt_module_create(runtime, info, failure);
    else
        hd_fail(failure, HD_LACKING, "%s is no module of hd: it has no hd_module_info", path);
    if (module)
        module->library = library;
    else
        dlclose(library);
    return module;
}

void hd_rt_module_destroy(HdLoadedModule *module)
{
    if (!module) return;
    for (size_t i = 0; i < BASE_LEN(module->on_cuda); i++)
        hd_cuda_module_destroy(module->on_cuda[i]);
    if (module->library) dlclose(module->library);
    pthread_mutex_destroy(&module->lock);
    free(module);
}

const HdModuleInfo *hd_rt_module_info(const HdLoadedModule *module)
{
    return module->info;
}

/* ---- building ------------------------------------------------------------------------------ */

static RuntimeCacheKey build_key(Arena *arena, const RuntimeCc *cc, const RuntimeCcOptions *options,
                                 const char *source, size_t len)
{
    const char *flags = runtime_cc_flags(arena, options);
    const char *machine = options->generic ? "" : cc->machine;
    RuntimeCachePart parts[] = {{"so", 2},
                                {source, len},
                                {flags, strlen(flags)},
                                {cc->identity, strlen(cc->identity)},
                                {machine, strlen(machine)}};
    return runtime_cache_key(parts, BASE_LEN(parts));
}

/* Compiles in a folder of its own, keeps the result in the cache, and loads it from where it lies;
 * the loaded code stays valid when the file goes. */
static HdLoadedModule *build_in(HdRuntime *runtime, Arena *arena, const char *dir,
                                const RuntimeCc *cc, const char *source, size_t len,
                                const RuntimeCcOptions *options, const RuntimeCache *cache,
                                const RuntimeCacheKey *key, HdFailure *failure)
{
    HdLoadedModule *module = NULL;
    RuntimeCacheEntry entry;
    char *path = base_format(arena, "%s/module.so", dir), *data;
    if (runtime_cc_build(arena, cc, source, len, options, path, NULL, failure)) {
        if (cache->dir && base_file_read(arena, path, &data, &len) == 0)
            runtime_cache_put(cache, arena, key, "so", data, len, &entry);
        module = hd_rt_module_open(runtime, path, failure);
        unlink(path);
    }
    return module;
}

HdLoadedModule *hd_rt_module_build(HdRuntime *runtime, Arena *arena, const char *source, size_t len,
                                   const RuntimeCcOptions *options, HdFailure *failure)
{
    RuntimeCc cc;
    RuntimeCacheEntry entry;
    if (!runtime_cc_find(arena, &cc, failure)) return NULL;
    RuntimeCache cache = runtime_cache_open(arena);
    RuntimeCacheKey key = build_key(arena, &cc, options, source, len);
    if (runtime_cache_get(&cache, arena, &key, "so", &entry)) {
        HdLoadedModule *module = hd_rt_module_open(runtime, entry.path, failure);
        if (module) return module; /* else another process has just evicted it */
    }
    const char *parent = getenv("TMPDIR");
    char *dir = base_format(arena, "%s/hd.XXXXXX", parent && *parent ? parent : "/tmp");
    if (!mkdtemp(dir)) {
        hd_fail(failure, HD_FAILED, "cannot make %s: %s", dir, strerror(errno));
        return NULL;
    }
    HdLoadedModule *module =
        build_in(runtime, arena, dir, &cc, source, len, options, &cache, &key, failure);
    rmdir(dir);
    return module;
}

/* ---- launches ------------------------------------------------------------------------------ */

static HdCudaModule *launch_cuda_module(HdLoadedModule *module, HdDevice *device,
                                        HdFailure *failure)
{
    int id = device->place.device_id;
    pthread_mutex_lock(&module->lock);
    if (!module->on_cuda[id])
        module->on_cuda[id] =
            hd_cuda_module_create(module->runtime->cuda, module->info, id, failure);
    HdCudaModule *loaded = module->on_cuda[id];
    pthread_mutex_unlock(&module->lock);
    return loaded;
}

/* `on_cuda` is NULL on the CPU. */
static bool launch_bound(HdLoadedModule *module, HdCudaModule *on_cuda, const HdCall *call,
                         const HdCpuOptions *options, double *seconds, HdFailure *failure)
{
    HdCudaOptions cuda_options = {.seconds = seconds};
    if (on_cuda) return hd_cuda_launch(on_cuda, call, &cuda_options, failure);
    double begin = hd_rt_clock();
    bool ok = hd_cpu_launch(module->runtime->pool, call, options, failure);
    *seconds = hd_rt_clock() - begin;
    return ok;
}

bool hd_rt_launch(HdLoadedModule *module, const char *kernel, HdDevice *device, const HdArg *args,
                  int arg_count, const HdCpuOptions *options, HdTiming *timing, HdFailure *failure)
{
    HdCall call;
    HdTiming ignored;
    if (!timing) timing = &ignored;
    double begin = hd_rt_clock();
    const HdKernelInfo *info = hd_module_kernel(module->info, kernel);
    if (!info)
        return hd_fail(failure, HD_BAD_CALL, "module %s has no kernel %s", module->info->name,
                       kernel);
    HdCudaModule *on_cuda = NULL;
    if (device->place.device_type == kDLCUDA &&
        !(on_cuda = launch_cuda_module(module, device, failure)))
        return false;
    int arch = on_cuda ? hd_cuda_module_arch(on_cuda) : 0;
    if (!hd_call_bind(&call, info, args, arg_count, device->place, arch, failure)) return false;
    bool ok = launch_bound(module, on_cuda, &call, options, &timing->seconds, failure);
    timing->instance = call.instance->label;
    timing->variant = call.variant->label;
    hd_call_release(&call);
    timing->call_seconds = hd_rt_clock() - begin;
    return ok;
}
