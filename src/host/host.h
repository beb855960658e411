/* host/ - the host's side of a program: kernels built and loaded in this process, tensors to call
 * them with, and the interpreter of `test` and `bench` bodies.
 *
 * Entry points: `host_create`, `host_build`, `host_run_tests`, `host_run_benches`. Errors come back
 * as text in an HdFailure. Handles come in create/destroy pairs.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <stdio.h>

#include "compile/compile.h"
#include "runtime/launch.h"

/* ---- where things run ---------------------------------------------------------------------------
 */

typedef struct Host {
    HdRuntime *runtime;
    HdDevice *device;
    bool cuda;
    bool cuda_host; /* CUDA text, run by the CPU: for tests */
    uint64_t seed;  /* of random inputs, and of thread order under --check */
    FILE *print;    /* where kernels' `print` goes */
} Host;

/* `device` as of hd_rt_device (NULL: a GPU if there is one), or "cuda-host": CUDA text compiled
 * for the CPU with what $HD_CUDA_HOST (the tree's tests/cuda_host) holds. NULL, with the reason, on
 * failure. */
Host *host_create(const char *device, uint64_t seed, HdFailure *failure);
void host_destroy(Host *host);

/* ---- modules ------------------------------------------------------------------------------------
 */

/* Builds the chosen kernels for the host's device and loads them; destroyed with
 * hd_rt_module_destroy. NULL: if *status is COMPILE_WRONG the diagnostics say why, else
 * `failure`. */
HdLoadedModule *host_build(Host *host, Compile *session, const CompileOptions *options,
                           CompileStatus *status, HdFailure *failure);

/* ---- tensors ------------------------------------------------------------------------------------
 */

enum { HOST_MAX_RANK = 8 };
typedef struct HostTensor {
    DLTensor dl; /* compact, row-major, 64-byte aligned, in host memory */
    Elem elem;
    int64_t shape[HOST_MAX_RANK];
    int64_t count;
    size_t bytes;
    void *memory; /* owned */
} HostTensor;

/* Zeroed. NULL, with the reason, if it is too large. */
HostTensor *host_tensor_create(Elem elem, int rank, const int64_t *shape, HdFailure *failure);
void host_tensor_destroy(HostTensor *tensor);
Scalar host_tensor_get(const HostTensor *tensor, int64_t at);
void host_tensor_set(HostTensor *tensor, int64_t at, Scalar value);
/* Uniform in [lo, hi); by default [-1, 1) for floats, [-8, 8) for integers, [0, 16) for unsigned
 * ones. */
void host_tensor_random(HostTensor *tensor, uint64_t *state, const double *lo, const double *hi);
/* Bits that nobody expects. */
void host_tensor_scramble(HostTensor *tensor, uint64_t *state);
/* 64 bits over type, shape and contents. */
uint64_t host_tensor_digest(const HostTensor *tensor);
/* From and to .npy files. A loaded tensor has the element type `elem` or the load fails, with a
 * message that speaks of the argument `name`. */
HostTensor *host_tensor_load(Arena *arena, const char *path, Elem elem, const char *name,
                             HdFailure *failure);
bool host_tensor_save(Arena *arena, const HostTensor *tensor, const char *path, HdFailure *failure);

/* One argument of a launch: a tensor, or the bits of a scalar in the parameter's type. */
typedef struct HostArg {
    HostTensor *tensor;
    uint64_t scalar;
} HostArg;
/* Extent `d` of parameter `p`, from the sizes known so far (-1: not known) and the scalars of
 * `args`. NULL on success, else why not. */
const char *host_extent(const HdKernelInfo *kernel, const int64_t *sizes, const HostArg *args,
                        int p, int d, int64_t *extent);
/* Runs a kernel once on the host's device, copying to and from it where it is not the CPU. */
bool host_launch(Host *host, HdLoadedModule *module, const char *kernel, const HostArg *args,
                 int count, HdTiming *timing, HdFailure *failure);
/* Runs it as often as it takes to tell how long it takes. On a GPU the arguments stay there, each
 * run finds what the first one found, and the cache holds none of it. */
bool host_measure(Host *host, HdLoadedModule *module, const char *kernel, const HostArg *args,
                  int count, HdBench *bench, HdFailure *failure);

/* ---- tests and benches
 * ---------------------------------------------------------------------------- */

typedef struct HostReport {
    int passed, failed, skipped;
    char running[120]; /* the title of the test that runs, for who finds its process dead */
} HostReport;

/* Runs every `test` of the main file whose title contains `filter` (NULL: all); reports a line each
 * to `out` and keeps *report, zeroed by the caller, up to date. The status is that of modules which
 * could not be built; *failure says what a skipped test lacked. */
CompileStatus host_run_tests(Host *host, Compile *session, const CompileOptions *options,
                             const char *filter, FILE *out, HostReport *report, HdFailure *failure);

typedef struct HostTiming {
    const char *title; /* of the bench, with the loop's value: "square, s = 512" */
    const char *kernel;
    HdBench time;
    double bytes; /* moved at least: inputs once, outputs once */
} HostTiming;
typedef void (*HostTimingSink)(void *user, const HostTiming *timing);
bool host_run_benches(Host *host, Compile *session, const CompileOptions *options,
                      const char *filter, HostTimingSink sink, void *user, CompileStatus *status,
                      HdFailure *failure);

#endif
