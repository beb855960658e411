/* Building and launching. */
#include "host/host.h"

#include <dirent.h>
#include <stdlib.h>

Host *host_create(const char *device, uint64_t seed, HdFailure *failure)
{
    Host *host = calloc(1, sizeof *host);
    if (host) host->runtime = hd_rt_create(0);
    if (!host || !host->runtime) {
        hd_fail(failure, HD_FAILED, "out of memory");
        host_destroy(host);
        return NULL;
    }
    host->seed = seed;
    host->print = stdout;
    host->cuda_host = device && strcmp(device, "cuda-host") == 0;
    host->device = hd_rt_device(host->runtime, host->cuda_host ? "cpu" : device, failure);
    if (!host->device) {
        host_destroy(host);
        return NULL;
    }
    host->cuda = hd_rt_device_place(host->device).device_type == kDLCUDA;
    return host;
}

void host_destroy(Host *host)
{
    if (!host) return;
    hd_rt_destroy(host->runtime);
    free(host);
}

/* What the machine's headers say, whatever the order in which the folder lists them: part of what
 * a cached build depends on. */
static uint64_t headers_key(Arena *arena, const char *folder)
{
    uint64_t key = 0;
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));) {
        char *text;
        size_t len, name = strlen(e->d_name);
        if (name < 2 || strcmp(e->d_name + name - 2, ".h") != 0) continue;
        if (base_file_read(arena, base_path_join(arena, folder, e->d_name), &text, &len) == 0)
            key ^= base_hash(text, len, base_hash(e->d_name, name, 0));
    }
    if (dir) closedir(dir);
    return key;
}

/* The CUDA text itself, compiled for this machine. */
static HdLoadedModule *build_cuda_host(Host *host, Compile *s, const CompileOptions *options,
                                       CompileStatus *status, HdFailure *failure)
{
    const char *dir = getenv("HD_CUDA_HOST");
    CompileOptions o = *options;
    o.cpu = false;
    o.cuda = true;
    *status = COMPILE_OK;
    if (!dir || !base_file_exists(base_path_join(s->arena, dir, "cuda_host.h"))) {
        hd_fail(failure, HD_LACKING, "set HD_CUDA_HOST to the source tree's tests/cuda_host");
        return NULL;
    }
    Sb text = base_sb(s->arena);
    *status = compile_emit(s, &o, COMPILE_CUDA_HOST, &text);
    if (*status != COMPILE_OK) return NULL;
    char *key = base_format(s->arena, "-DHD_HEADERS=0x%llx",
                            (unsigned long long)headers_key(s->arena, dir));
    /* each access of the text calls the machine, which defines what the instrumentation calls */
    const char *extra[] = {base_format(s->arena, "-I%s", dir),
                           key,
                           "-w",
                           "-fno-strict-aliasing",
                           "-fno-exceptions",
                           "-g1",
                           "-fsanitize=thread",
                           "--param=tsan-distinguish-volatile=1",
                           "-nodefaultlibs",
                           NULL};
    RuntimeCcOptions cc = {.cpp = true, .optimize = 1, .extra = extra};
    char *source = base_sb_text(&text);
    return hd_rt_module_build(host->runtime, s->arena, source, text.len, &cc, failure);
}

/* NVRTC's code for the device, in tables that the C compiler makes loadable. */
static HdLoadedModule *build_cuda(Host *host, Compile *s, const CompileOptions *options,
                                  CompileStatus *status, HdFailure *failure)
{
    CompileOptions o = *options;
    TargetModule *module = NULL;
    Sb text = base_sb(s->arena);
    o.cpu = false;
    o.cuda = true;
    o.arch = hd_rt_device_cuda(host->device)->arch;
    failure->status = HD_DONE;
    *status = compile_module(s, &o, &module);
    if (*status == COMPILE_OK) *status = compile_images(s, module, failure);
    if (*status != COMPILE_OK || failure->status != HD_DONE) return NULL;
    *status = compile_module_text(s, module, &text);
    if (*status != COMPILE_OK) return NULL;
    RuntimeCcOptions cc = {.optimize = -1}; /* nothing but tables */
    char *source = base_sb_text(&text);
    return hd_rt_module_build(host->runtime, s->arena, source, text.len, &cc, failure);
}

HdLoadedModule *host_build(Host *host, Compile *s, const CompileOptions *options,
                           CompileStatus *status, HdFailure *failure)
{
    CompileOptions o = *options;
    if (host->cuda_host) return build_cuda_host(host, s, options, status, failure);
    if (host->cuda) return build_cuda(host, s, options, status, failure);
    o.cpu = true;
    o.cuda = false;
    Sb text = base_sb(s->arena);
    failure->status = HD_DONE;
    *status = compile_emit(s, &o, COMPILE_C, &text);
    if (*status != COMPILE_OK) return NULL;
    /* checked code is large and slow by nature: a C compiler should not ponder it for long */
    RuntimeCcOptions cc = {.optimize = options->check ? 1 : 0};
    char *source = base_sb_text(&text);
    return hd_rt_module_build(host->runtime, s->arena, source, text.len, &cc, failure);
}

const char *host_extent(const HdKernelInfo *kernel, const int64_t *sizes, const HostArg *args,
                        int p, int d, int64_t *extent)
{
    const HdParamInfo *param = &kernel->params[p];
    int bound = param->extent_size[d];
    if (bound >= 0) {
        *extent = sizes[bound];
        return *extent >= 0 ? NULL : "its size is not known";
    }
    size_t params = (size_t)kernel->param_count + 1, count = (size_t)kernel->size_count + 1;
    HdOrigin *origins = calloc(count, sizeof *origins);
    const void **scalars = calloc(params, sizeof *scalars);
    int64_t *copy = calloc(count, sizeof *copy);
    const char *error = "out of memory";
    if (origins && scalars && copy) {
        for (int i = 0; i < kernel->size_count; i++) {
            origins[i].param = sizes[i] < 0 ? -1 : 0;
            copy[i] = sizes[i];
        }
        for (int i = 0; i < kernel->param_count; i++) scalars[i] = &args[i].scalar;
        HdCall call = {.kernel = kernel, .sizes = copy, .origins = origins, .scalars = scalars};
        error = hd_host_eval(param->extents[d], &call, extent);
    }
    free(origins);
    free(scalars);
    free(copy);
    return error;
}
