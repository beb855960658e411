/* NVRTC by dlopen. */
#include "runtime/nvrtc.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

typedef void *NvrtcProgram;

/* NVRTC(member, symbol, parameters): all return an nvrtcResult, 0 for success. */
#define NVRTC_ENTRIES(NVRTC)                                                                       \
    NVRTC(version, "nvrtcVersion", (int *major, int *minor))                                       \
    NVRTC(arch_count, "nvrtcGetNumSupportedArchs", (int *count))                                   \
    NVRTC(archs, "nvrtcGetSupportedArchs", (int *archs))                                           \
    NVRTC(create, "nvrtcCreateProgram",                                                            \
          (NvrtcProgram * program, const char *source, const char *name, int headers,              \
           const char *const *header_texts, const char *const *header_names))                      \
    NVRTC(destroy, "nvrtcDestroyProgram", (NvrtcProgram * program))                                \
    NVRTC(compile, "nvrtcCompileProgram",                                                          \
          (NvrtcProgram program, int count, const char *const *options))                           \
    NVRTC(log_size, "nvrtcGetProgramLogSize", (NvrtcProgram program, size_t * size))               \
    NVRTC(log, "nvrtcGetProgramLog", (NvrtcProgram program, char *text))                           \
    NVRTC(ptx_size, "nvrtcGetPTXSize", (NvrtcProgram program, size_t * size))                      \
    NVRTC(ptx, "nvrtcGetPTX", (NvrtcProgram program, char *text))                                  \
    NVRTC(cubin_size, "nvrtcGetCUBINSize", (NvrtcProgram program, size_t * size))                  \
    NVRTC(cubin, "nvrtcGetCUBIN", (NvrtcProgram program, char *data))

typedef struct {
#define NVRTC_MEMBER(member, symbol, parameters) int(*member) parameters;
    NVRTC_ENTRIES(NVRTC_MEMBER)
#undef NVRTC_MEMBER
} NvrtcApi;

enum { NVRTC_MAX_ARCHS = 64, NVRTC_PATH = 512, NVRTC_COMPILATION_ERROR = 6 };

struct RuntimeNvrtc {
    void *library;
    NvrtcApi api;
    char path[NVRTC_PATH];
    int version, arch_count;
    int archs[NVRTC_MAX_ARCHS];
};

/* ---- finding it ---------------------------------------------------------------------------- */

static const char *const nvrtc_names[] = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so.11.2",
                                          "libnvrtc.so"};
static const char *const nvrtc_folders[] = {"lib64", "lib", "targets/x86_64-linux/lib",
                                            "targets/sbsa-linux/lib"};

static bool nvrtc_try(RuntimeNvrtc *nvrtc, const char *path)
{
    /* never unloaded: it keeps state of its own, made once in a process */
    nvrtc->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (nvrtc->library) snprintf(nvrtc->path, sizeof nvrtc->path, "%s", path);
    return nvrtc->library != NULL;
}

static bool nvrtc_try_root(RuntimeNvrtc *nvrtc, const char *root)
{
    char path[NVRTC_PATH];
    if (!root || !*root) return false;
    for (size_t f = 0; f < BASE_LEN(nvrtc_folders); f++) {
        for (size_t n = 0; n < BASE_LEN(nvrtc_names); n++) {
            snprintf(path, sizeof path, "%s/%s/%s", root, nvrtc_folders[f], nvrtc_names[n]);
            if (nvrtc_try(nvrtc, path)) return true;
        }
    }
    return false;
}

static bool nvrtc_find(RuntimeNvrtc *nvrtc, HdFailure *failure)
{
    const char *chosen = getenv("HD_NVRTC");
    if (chosen && *chosen) {
        if (nvrtc_try(nvrtc, chosen)) return true;
        return hd_fail(failure, HD_LACKING, "no NVRTC: HD_NVRTC names %s: %s", chosen, dlerror());
    }
    for (size_t i = 0; i < BASE_LEN(nvrtc_names); i++)
        if (nvrtc_try(nvrtc, nvrtc_names[i])) return true;
    if (nvrtc_try_root(nvrtc, getenv("CUDA_HOME")) || nvrtc_try_root(nvrtc, getenv("CUDA_PATH")) ||
        nvrtc_try_root(nvrtc, "/usr/local/cuda"))
        return true;
    return hd_fail(
        failure, HD_LACKING,
        "no NVRTC found (libnvrtc.so of CUDA 11.2 or newer): install the CUDA toolkit, or "
        "set CUDA_HOME or HD_NVRTC; PTX and cubins are made by it");
}

static bool nvrtc_link(RuntimeNvrtc *nvrtc, HdFailure *failure)
{
    static const struct {
        const char *symbol;
        size_t offset;
    } entries[] = {
#define NVRTC_ROW(member, symbol, parameters) {symbol, offsetof(NvrtcApi, member)},
        NVRTC_ENTRIES(NVRTC_ROW)
#undef NVRTC_ROW
    };
    for (size_t i = 0; i < BASE_LEN(entries); i++) {
        void *entry = dlsym(nvrtc->library, entries[i].symbol);
        if (!entry)
            return hd_fail(failure, HD_LACKING, "%s is too old for an NVRTC: it has no %s",
                           nvrtc->path, entries[i].symbol);
        memcpy((char *)&nvrtc->api + entries[i].offset, &entry, sizeof entry);
    }
    return true;
}

static bool nvrtc_ask(RuntimeNvrtc *nvrtc, HdFailure *failure)
{
    int major = 0, minor = 0, count = 0;
    if (nvrtc->api.version(&major, &minor) != 0 || nvrtc->api.arch_count(&count) != 0 ||
        count < 1 || count > NVRTC_MAX_ARCHS || nvrtc->api.archs(nvrtc->archs) != 0)
        return hd_fail(failure, HD_LACKING, "%s does not work", nvrtc->path);
    nvrtc->version = 1000 * major + 10 * minor;
    nvrtc->arch_count = count;
    return true;
}

RuntimeNvrtc *runtime_nvrtc_create(HdFailure *failure)
{
    RuntimeNvrtc *nvrtc = calloc(1, sizeof *nvrtc);
    if (!nvrtc) {
        hd_fail(failure, HD_FAILED, "out of memory");
        return NULL;
    }
    if (nvrtc_find(nvrtc, failure) && nvrtc_link(nvrtc, failure) && nvrtc_ask(nvrtc, failure))
        return nvrtc;
    runtime_nvrtc_destroy(nvrtc);
    return NULL;
}

void runtime_nvrtc_destroy(RuntimeNvrtc *nvrtc)
{
    if (!nvrtc) return;
    if (nvrtc->library) dlclose(nvrtc->library);
    free(nvrtc);
}

const char *runtime_nvrtc_path(const RuntimeNvrtc *nvrtc)
{
    return nvrtc->path;
}

int runtime_nvrtc_version(const RuntimeNvrtc *nvrtc)
{
    return nvrtc->version;
}

const int *runtime_nvrtc_archs(const RuntimeNvrtc *nvrtc, int *count)
{
    *count = nvrtc->arch_count;
    return nvrtc->archs;
}

/* ---- compiling ----------------------------------------------------------------------------- */

typedef VEC(const char *) NvrtcArgs;

static NvrtcArgs nvrtc_arguments(Arena *arena, const RuntimeNvrtcOptions *options)
{
    NvrtcArgs args = {0};
    VEC_PUSH(arena, args,
             base_format(arena, "--gpu-architecture=%s_%d%s", options->no_cubin ? "compute" : "sm",
                         options->arch, options->specific ? "a" : ""));
    static const char *const fixed[] = {"--std=c++17", "--fmad=false", "--ftz=false",
                                        "--prec-div=true", "--prec-sqrt=true"};
    for (size_t i = 0; i < BASE_LEN(fixed); i++) VEC_PUSH(arena, args, fixed[i]);
    if (options->line_info) VEC_PUSH(arena, args, "--generate-line-info");
    for (const char *const *e = options->extra; e && *e; e++) VEC_PUSH(arena, args, *e);
    return args;
}

static bool nvrtc_check_arch(const RuntimeNvrtc *nvrtc, const RuntimeNvrtcOptions *options,
                             HdFailure *failure)
{
    for (int i = 0; i < nvrtc->arch_count; i++)
        if (nvrtc->archs[i] == options->arch) return true;
    hd_fail(failure, HD_LACKING, "NVRTC %d.%d does not compile for sm_%d; it does for",
            nvrtc->version / 1000, nvrtc->version % 1000 / 10, options->arch);
    HdText text = {failure->text, strlen(failure->text), sizeof failure->text};
    for (int i = 0; i < nvrtc->arch_count; i++)
        hd_text_add(&text, "%s sm_%d", i ? "," : "", nvrtc->archs[i]);
    return false;
}

typedef int NvrtcSize(NvrtcProgram program, size_t *size);
typedef int NvrtcRead(NvrtcProgram program, char *data);

/* One of the program's outputs, NUL-terminated; NULL if it cannot be had. */
static char *nvrtc_output(Arena *arena, NvrtcProgram program, NvrtcSize *size_of, NvrtcRead *read,
                          size_t *len)
{
    *len = 0;
    if (size_of(program, len) != 0) return NULL;
    char *data = base_alloc(arena, *len + 1);
    return read(program, data) == 0 ? data : NULL;
}

static bool nvrtc_collect(RuntimeNvrtc *nvrtc, Arena *arena, NvrtcProgram program, bool cubin,
                          RuntimeNvrtcResult *r, HdFailure *failure)
{
    const NvrtcApi *api = &nvrtc->api;
    r->ptx = nvrtc_output(arena, program, api->ptx_size, api->ptx, &r->ptx_len);
    if (r->ptx) r->ptx_len = strlen(r->ptx); /* its size counts the NUL */
    if (cubin) r->cubin = nvrtc_output(arena, program, api->cubin_size, api->cubin, &r->cubin_len);
    if (r->ptx && (r->cubin || !cubin)) return true;
    return hd_fail(failure, HD_LACKING, "NVRTC does not hand out what it has compiled");
}

/* The first line that tells of an error; the log's first otherwise. */
static const char *nvrtc_complaint(Arena *arena, const char *log)
{
    const char *at = strstr(log, "error");
    while (at && at > log && at[-1] != '\n') at--;
    if (!at) at = log;
    return base_strndup(arena, at, strcspn(at, "\n"));
}

bool runtime_nvrtc_compile(RuntimeNvrtc *nvrtc, Arena *arena, const char *source, const char *name,
                           const RuntimeNvrtcOptions *options, RuntimeNvrtcResult *result,
                           HdFailure *failure)
{
    NvrtcProgram program = NULL;
    size_t log_len;
    memset(result, 0, sizeof *result);
    result->log = "";
    if (!nvrtc_check_arch(nvrtc, options, failure)) return false;
    NvrtcArgs args = nvrtc_arguments(arena, options);
    int error = nvrtc->api.create(&program, source, name, 0, NULL, NULL);
    if (error) return hd_fail(failure, HD_LACKING, "NVRTC takes no program (error %d)", error);
    error = nvrtc->api.compile(program, (int)args.len, args.data);
    char *log = nvrtc_output(arena, program, nvrtc->api.log_size, nvrtc->api.log, &log_len);
    if (log) result->log = log;
    bool ok =
        error == 0 && nvrtc_collect(nvrtc, arena, program, !options->no_cubin, result, failure);
    if (error)
        hd_fail(failure, error == NVRTC_COMPILATION_ERROR ? HD_REFUSED : HD_FAILED,
                "NVRTC refuses the program (%s %d): %s",
                error == NVRTC_COMPILATION_ERROR ? "compilation error" : "error", error,
                nvrtc_complaint(arena, result->log));
    nvrtc->api.destroy(&program);
    return ok;
}

static RuntimeCacheKey nvrtc_key(const RuntimeNvrtc *nvrtc, Arena *arena, const char *source,
                                 const char *name, const RuntimeNvrtcOptions *options)
{
    NvrtcArgs args = nvrtc_arguments(arena, options);
    Sb flags = base_sb(arena);
    for (size_t i = 0; i < args.len; i++) base_sb_printf(&flags, "%s ", args.data[i]);
    const char *which = base_format(arena, "%s %d", nvrtc->path, nvrtc->version);
    RuntimeCachePart parts[] = {{"nvrtc", 5},
                                {source, strlen(source)},
                                {name, strlen(name)},
                                {flags.data, flags.len},
                                {which, strlen(which)}};
    return runtime_cache_key(parts, BASE_LEN(parts));
}

bool runtime_nvrtc_build(RuntimeNvrtc *nvrtc, const RuntimeCache *cache, Arena *arena,
                         const char *source, const char *name, const RuntimeNvrtcOptions *options,
                         RuntimeNvrtcResult *result, HdFailure *failure)
{
    RuntimeCacheEntry ptx = {0}, cubin = {0};
    RuntimeCacheKey key = nvrtc_key(nvrtc, arena, source, name, options);
    if (runtime_cache_get(cache, arena, &key, "ptx", &ptx) &&
        (options->no_cubin || runtime_cache_get(cache, arena, &key, "cubin", &cubin))) {
        *result = (RuntimeNvrtcResult){ptx.data, ptx.len, cubin.data, cubin.len, ""};
        return true;
    }
    if (!runtime_nvrtc_compile(nvrtc, arena, source, name, options, result, failure)) return false;
    runtime_cache_put(cache, arena, &key, "ptx", result->ptx, result->ptx_len, NULL);
    if (result->cubin)
        runtime_cache_put(cache, arena, &key, "cubin", result->cubin, result->cubin_len, NULL);
    return true;
}
