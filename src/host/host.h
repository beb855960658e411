/* host/ - the host's side of a program: kernels built and loaded in this process, tensors to call
 * them with, and the interpreter of `test` and `bench` bodies.
 *
 * Entry points: `host_build`, `host_run_tests`, `host_run_benches`. Errors come back as text in an
 * HdFailure. Modules are create/destroy pairs; tensors are freed with their HostHeap.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include "compile/compile.h"
#include "runtime/cpu.h"

#include <stdio.h>

/* ---- modules ------------------------------------------------------------------------------------ */

typedef struct HostModule HostModule;

typedef struct HostOptions {
    bool cuda;       /* run on a GPU; else on the CPU */
    int device;      /* its number */
    uint64_t seed;   /* of thread order under --check, and of random inputs */
    int optimize;    /* of the C compiler: 0 for its default (3) */
    FILE *print;     /* where kernels' `print` goes; NULL: stdout */
} HostOptions;

/* Builds the chosen kernels for the device and loads them. NULL on failure: if the status is
 * COMPILE_WRONG the diagnostics say why, else `failure`. */
HostModule *host_build(Compile *session, const CompileOptions *options, const HostOptions *host,
                       CompileStatus *status, HdFailure *failure);
void host_module_destroy(HostModule *module);
const HdModuleInfo *host_module_info(const HostModule *module);

/* Runs a kernel once; `seconds` (may be NULL) gets the time of the kernel alone. */
bool host_launch(HostModule *module, const HdKernelInfo *kernel, const HdArg *args, int count,
                 double *seconds, HdFailure *failure);

/* ---- tensors ------------------------------------------------------------------------------------ */

typedef struct HostTensor {
    DLTensor dl;      /* compact, row-major, 64-byte aligned */
    Elem elem;
    int64_t shape[8];
    int64_t count;
    size_t bytes;
    void *memory;     /* owned */
} HostTensor;
/* NULL and a text in *failure if it is too large. Contents are zero. */
HostTensor *host_tensor_create(Elem elem, int rank, const int64_t *shape, HdFailure *failure);
void host_tensor_destroy(HostTensor *tensor);
Scalar host_tensor_get(const HostTensor *tensor, int64_t at);
void host_tensor_set(HostTensor *tensor, int64_t at, Scalar value);
/* Uniform in [lo, hi): integers too; floats default to [-1, 1), integers to [-8, 8), unsigned to [0, 16). */
void host_tensor_random(HostTensor *tensor, uint64_t *state, const double *lo, const double *hi);
/* 64 bits over type, shape and contents; equal tensors have equal digests. */
uint64_t host_tensor_digest(const HostTensor *tensor);

/* ---- tests and benches ----------------------------------------------------------------------------- */

typedef struct HostReport {
    int passed, failed, skipped;
} HostReport;

/* Runs every `test` of the main file whose title contains `filter` (NULL: all); reports to `out`,
 * a line each. False: the module could not be built (status and failure say why). */
bool host_run_tests(Compile *session, const CompileOptions *options, const HostOptions *host,
                    const char *filter, FILE *out, HostReport *report, CompileStatus *status,
                    HdFailure *failure);

typedef struct HostTiming {
    const char *title;   /* of the bench, with the loop's value: "square s=512" */
    const char *kernel;
    int runs;
    double median, low, high, best; /* seconds; low and high: 95 % interval of the median */
    double bytes;        /* moved at least: inputs once, outputs once */
} HostTiming;
typedef void (*HostTimingSink)(void *user, const HostTiming *timing);
bool host_run_benches(Compile *session, const CompileOptions *options, const HostOptions *host,
                      const char *filter, HostTimingSink sink, void *user, CompileStatus *status,
                      HdFailure *failure);

#endif
