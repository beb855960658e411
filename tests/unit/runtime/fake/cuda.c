/* A CUDA driver without a GPU: device memory is host memory, every call is written to a log,
 * results can be set to fail, and the kernels of the tests are known by name. A test loads it
 * through $HD_LIBCUDA and again by dlopen to read the log. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/module.h"

#define EXPORT __attribute__((visibility("default")))
typedef unsigned long long Pointer;

/* What the tests set and read. */
EXPORT char fake_log[1 << 16];
EXPORT int fake_arch = 90, fake_devices = 2, fake_shared_optin = 232448, fake_blocks_per_sm = 2;
EXPORT int fake_allocations, fake_contexts, fake_depth, fake_modules, fake_events;
EXPORT char fake_fail_call[64]; /* this call … */
EXPORT int fake_fail_result;    /* … returns this */

#define PROTO(name, ...)                                                                           \
    EXPORT int name(__VA_ARGS__);                                                                  \
    EXPORT int name(__VA_ARGS__)

static int say(const char *name, const char *fmt, ...)
{
    size_t len = strlen(fake_log);
    va_list args;
    va_start(args, fmt);
    if (len + 300 < sizeof fake_log) {
        len += (size_t)snprintf(fake_log + len, 100, "%s", name);
        len += (size_t)vsnprintf(fake_log + len, 190, fmt, args);
        strcpy(fake_log + len, "\n");
    }
    va_end(args);
    return strcmp(name, fake_fail_call) == 0 ? fake_fail_result : 0;
}

PROTO(cuInit, unsigned flags)
{
    return say("cuInit", " %u", flags);
}
PROTO(cuDriverGetVersion, int *v)
{
    *v = 13000;
    return 0;
}
PROTO(cuDeviceGetCount, int *n)
{
    *n = fake_devices;
    return say("cuDeviceGetCount", "");
}
PROTO(cuDeviceGet, int *d, int i)
{
    *d = i + 100;
    return 0;
}
PROTO(cuDeviceGetName, char *s, int n, int d)
{
    snprintf(s, (size_t)n, "Fake GPU %d", d - 100);
    return 0;
}
PROTO(cuDeviceTotalMem_v2, size_t *b, int d)
{
    *b = (size_t)80 << 30;
    (void)d;
    return 0;
}
PROTO(cuDeviceGetAttribute, int *v, int a, int d)
{
    const int values[][2] = {{8, 49152},
                             {13, 1980000},
                             {16, 132},
                             {36, 2619000},
                             {37, 5120},
                             {38, 52428800},
                             {75, fake_arch / 10},
                             {76, fake_arch % 10},
                             {95, 1},
                             {97, fake_shared_optin}};
    *v = -1;
    (void)d;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        if (values[i][0] == a) *v = values[i][1];
    return 0;
}
PROTO(cuDevicePrimaryCtxRetain, void **c, int d)
{
    *c = (void *)(uintptr_t)(0xc000 + (unsigned)d);
    fake_contexts++;
    return say("cuDevicePrimaryCtxRetain", " %d", d - 100);
}
PROTO(cuDevicePrimaryCtxRelease_v2, int d)
{
    fake_contexts--;
    return say("cuDevicePrimaryCtxRelease", " %d", d - 100);
}
PROTO(cuCtxPushCurrent_v2, void *c)
{
    fake_depth += c != NULL;
    return 0;
}
PROTO(cuCtxPopCurrent_v2, void **c)
{
    fake_depth--;
    *c = NULL;
    return 0;
}
PROTO(cuCtxSynchronize, void)
{
    return say("cuCtxSynchronize", "");
}
PROTO(cuModuleLoadDataEx, void **m, const void *image, unsigned n, int *options, void **values)
{
    char *text = strndup(image, 12);
    int result = say("cuModuleLoadDataEx", " %s", text);
    if (strncmp(text, "refused", 7) == 0) result = 218;
    if (result && n == 2 && options[0] == 5) strcpy(values[0], "ptxas has a complaint");
    *m = text;
    if (result) free(text);
    fake_modules += result == 0;
    return result;
}
PROTO(cuModuleUnload, void *m)
{
    free(m);
    fake_modules--;
    return say("cuModuleUnload", "");
}
PROTO(cuModuleGetFunction, void **f, void *m, const char *name)
{
    (void)m;
    *f = (void *)(uintptr_t)name;
    return say("cuModuleGetFunction", " %s", name);
}
PROTO(cuFuncGetAttribute, int *v, int a, void *f)
{
    *v = 10 + a;
    (void)f;
    return 0;
}
PROTO(cuFuncSetAttribute, void *f, int a, int v)
{
    return say("cuFuncSetAttribute", " %s %d %d", (char *)f, a, v);
}
PROTO(cuOccupancyMaxActiveBlocksPerMultiprocessor, int *n, void *f, int threads, size_t shared)
{
    *n = fake_blocks_per_sm;
    return say("cuOccupancy", " %s %d %zu", (char *)f, threads, shared);
}

static void run(const char *name, void **p)
{
    if (strcmp(name, "cuda_add") == 0) { /* x, y, z, n, grid x y z, trap */
        const float *x = *(float **)p[0], *y = *(float **)p[1];
        float *z = *(float **)p[2];
        int64_t n = *(int64_t *)p[3];
        for (int64_t i = 0; i < n; i++) z[i] = x[i] + y[i];
        if (*(int64_t *)p[4] != (n + 15) / 16 || *(int64_t *)p[5] != 1 || *(int64_t *)p[6] != 1)
            z[0] = -1;
        if (*(Pointer *)p[7] != 0) z[0] = -2;    /* no sites, no trap record */
    } else if (strcmp(name, "cuda_trap") == 0) { /* x, n, grid, trap */
        HdTrap *trap = (HdTrap *)(uintptr_t) * (Pointer *)p[5];
        if (trap->state == 0) *trap = (HdTrap){.state = 2, .value = {7, *(int64_t *)p[1]}};
    } else if (strcmp(name, "cuda_resident") == 0) { /* v, rounds, n, grid, trap, barrier */
        uint32_t *barrier = (uint32_t *)(uintptr_t) * (Pointer *)p[7];
        int64_t *v = *(int64_t **)p[0];
        v[0] = *(int *)p[1] + (barrier[0] == 0 && barrier[1] == 0 ? 1000 : 0);
        barrier[0] = barrier[1] = 77;
    } else if (strcmp(name, "cuda_count") == 0) { /* v, … */
        ++**(int64_t **)p[0];
    }
}
PROTO(cuLaunchKernel, void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
      unsigned bz, unsigned shared, void *stream, void **p, void **extra)
{
    int result = say("cuLaunchKernel", " %s grid %u %u %u block %u %u %u shared %u stream %d",
                     (char *)f, gx, gy, gz, bx, by, bz, shared, (int)(uintptr_t)stream);
    if (extra) return 1;
    if (!result) run(f, p);
    return result;
}
PROTO(cuLaunchCooperativeKernel, void *f, unsigned gx, unsigned gy, unsigned gz, unsigned bx,
      unsigned by, unsigned bz, unsigned shared, void *stream, void **p)
{
    int result =
        say("cuLaunchCooperativeKernel", " %s grid %u %u %u block %u %u %u shared %u stream %d",
            (char *)f, gx, gy, gz, bx, by, bz, shared, (int)(uintptr_t)stream);
    if (!result) run(f, p);
    return result;
}
PROTO(cuTensorMapEncodeTiled, void *map, int type, unsigned rank, void *address,
      const uint64_t *extents, const uint64_t *strides, const unsigned *box, const unsigned *steps,
      int interleave, int swizzle, int promotion, int fill)
{
    (void)address, (void)promotion;
    memset(map, 0x5a, 128);
    return say("cuTensorMapEncodeTiled",
               " type %d rank %u extents %d %d stride %d box %u %u "
               "steps %u %u interleave %d swizzle %d fill %d",
               type, rank, (int)extents[0], (int)extents[1], (int)strides[0], box[0], box[1],
               steps[0], steps[1], interleave, swizzle, fill);
}
PROTO(cuMemAlloc_v2, Pointer *m, size_t b)
{
    int result = say("cuMemAlloc", " %zu", b);
    *m = 0;
    if (result) return result;
    fake_allocations++;
    *m = (Pointer)(uintptr_t)aligned_alloc(256, (b + 255) / 256 * 256);
    memset((void *)(uintptr_t)*m, 0xee, b);
    return 0;
}
PROTO(cuMemFree_v2, Pointer m)
{
    fake_allocations--;
    free((void *)(uintptr_t)m);
    return 0;
}
PROTO(cuMemcpyHtoD_v2, Pointer to, const void *from, size_t b)
{
    memcpy((void *)(uintptr_t)to, from, b);
    return say("cuMemcpyHtoD", "");
}
PROTO(cuMemcpyDtoH_v2, void *to, Pointer from, size_t b)
{
    memcpy(to, (void *)(uintptr_t)from, b);
    return say("cuMemcpyDtoH", "");
}
PROTO(cuMemcpyDtoD_v2, Pointer to, Pointer from, size_t b)
{
    memcpy((void *)(uintptr_t)to, (void *)(uintptr_t)from, b);
    return 0;
}
PROTO(cuMemsetD8_v2, Pointer m, unsigned char c, size_t b)
{
    memset((void *)(uintptr_t)m, c, b);
    return 0;
}
PROTO(cuMemsetD8Async, Pointer m, unsigned char c, size_t b, void *s)
{
    (void)s;
    memset((void *)(uintptr_t)m, c, b);
    return 0;
}
PROTO(cuStreamSynchronize, void *s)
{
    return say("cuStreamSynchronize", " %d", (int)(uintptr_t)s);
}
PROTO(cuEventCreate, void **e, unsigned f)
{
    *e = malloc(1);
    fake_events++;
    return (int)f;
}
PROTO(cuEventRecord, void *e, void *s)
{
    (void)e;
    (void)s;
    return say("cuEventRecord", "");
}
PROTO(cuEventSynchronize, void *e)
{
    (void)e;
    return 0;
}
PROTO(cuEventElapsedTime, float *ms, void *a, void *b)
{
    *ms = 2.5f;
    (void)a;
    (void)b;
    return 0;
}
PROTO(cuEventDestroy_v2, void *e)
{
    free(e);
    fake_events--;
    return 0;
}
PROTO(cuGetErrorName, int e, const char **s)
{
    *s = e == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS" : "CUDA_ERROR_OTHER";
    return 0;
}
PROTO(cuGetErrorString, int e, const char **s)
{
    *s = e == 700 ? "an illegal memory access" : "something else";
    return 0;
}
