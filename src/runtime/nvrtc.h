/* NVRTC, the CUDA C++ compiler as a library, found at run time: CUDA text in, PTX and cubin out.
 * It needs neither a driver nor a GPU. One handle may be used from many threads at once.
 */
#ifndef RUNTIME_NVRTC_H
#define RUNTIME_NVRTC_H

#include "base/base.h"
#include "runtime/cache.h"
#include "runtime/host.h"

typedef struct RuntimeNvrtc RuntimeNvrtc;

/* $HD_NVRTC (a file), else libnvrtc of CUDA 13, 12, 11.2 or any, as the loader finds it, then in
 * $CUDA_HOME, $CUDA_PATH and /usr/local/cuda. NULL: none; the failure says what to install. */
RuntimeNvrtc *runtime_nvrtc_create(HdFailure *failure);
void runtime_nvrtc_destroy(RuntimeNvrtc *nvrtc); /* NULL is allowed */
const char *runtime_nvrtc_path(const RuntimeNvrtc *nvrtc);
int runtime_nvrtc_version(const RuntimeNvrtc *nvrtc); /* 13000 for 13.0 */
/* Architectures it compiles for, ascending: 75, 80, … */
const int *runtime_nvrtc_archs(const RuntimeNvrtc *nvrtc, int *count);

typedef struct RuntimeNvrtcOptions {
    int arch;                 /* 80 */
    bool specific;            /* sm_90a: features of exactly this architecture */
    bool line_info;           /* for profilers; #line always rules in messages */
    bool no_cubin;            /* PTX only */
    const char *const *extra; /* further arguments, NULL-terminated; may be NULL */
} RuntimeNvrtcOptions;

typedef struct RuntimeNvrtcResult {
    char *ptx; /* NUL-terminated beyond its length */
    size_t ptx_len;
    char *cubin; /* NULL where not asked for */
    size_t cubin_len;
    const char *log; /* warnings and, after a failure, errors: lines as #line has them */
} RuntimeNvrtcResult;

/* Contraction is off, division and square root are IEEE's, subnormals are kept. On failure `log`
 * holds the complaints in full, the failure the first of them. */
bool runtime_nvrtc_compile(RuntimeNvrtc *nvrtc, Arena *arena, const char *source, const char *name,
                           const RuntimeNvrtcOptions *options, RuntimeNvrtcResult *result,
                           HdFailure *failure);
/* The same through the cache; `log` is empty where the result was found there. */
bool runtime_nvrtc_build(RuntimeNvrtc *nvrtc, const RuntimeCache *cache, Arena *arena,
                         const char *source, const char *name, const RuntimeNvrtcOptions *options,
                         RuntimeNvrtcResult *result, HdFailure *failure);

#endif
