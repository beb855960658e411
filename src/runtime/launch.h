/* The runtime's front: devices, modules, tensors, launches, measuring. Handles come in
 * create/destroy pairs; a module, tensor or device belongs to the runtime it was made with and is
 * destroyed before it. Calls that can fail fill an HdFailure. All may be used from any thread;
 * one handle is not to be destroyed while another thread uses it.
 */
#ifndef HD_RUNTIME_LAUNCH_H
#define HD_RUNTIME_LAUNCH_H

#include "runtime/cc.h"
#include "runtime/cpu.h"
#include "runtime/cuda.h"

typedef struct HdRuntime HdRuntime;
typedef struct HdDevice HdDevice;
typedef struct HdLoadedModule HdLoadedModule;
typedef struct HdTensor HdTensor;

/* `threads` for the CPU, as of `hd_cpu_pool_create`. NULL when memory runs out. */
HdRuntime *hd_rt_create(int threads);
void hd_rt_destroy(HdRuntime *runtime); /* NULL is allowed, as in every destroy */
/* The driver, loaded when first asked for; NULL, with the reason, where there is none. */
HdCuda *hd_rt_cuda(HdRuntime *runtime, HdFailure *failure);

/* ---- devices: owned by the runtime ---------------------------------------------------------- */

/* "cpu", "cuda", "cuda:1"; NULL: the first GPU if there is one, else the CPU. */
HdDevice *hd_rt_device(HdRuntime *runtime, const char *name, HdFailure *failure);
DLDevice hd_rt_device_place(const HdDevice *device);
const char *hd_rt_device_name(const HdDevice *device);         /* "cpu, 8 threads", "NVIDIA H100" */
const HdCudaDevice *hd_rt_device_cuda(const HdDevice *device); /* NULL for the CPU */
/* Copying memory to memory on the device, bytes read and written a second: measured once. */
bool hd_rt_device_bandwidth(HdDevice *device, double *bytes_per_second, HdFailure *failure);

/* ---- modules -------------------------------------------------------------------------------- */

/* Over tables that the caller keeps. */
HdLoadedModule *hd_rt_module_create(HdRuntime *runtime, const HdModuleInfo *info,
                                    HdFailure *failure);
/* A shared library with `hd_module_info`. */
HdLoadedModule *hd_rt_module_open(HdRuntime *runtime, const char *path, HdFailure *failure);
/* C text (opening with `runtime_module_text`), through the C compiler and the cache. */
HdLoadedModule *hd_rt_module_build(HdRuntime *runtime, Arena *arena, const char *source, size_t len,
                                   const RuntimeCcOptions *options, HdFailure *failure);
void hd_rt_module_destroy(HdLoadedModule *module);
const HdModuleInfo *hd_rt_module_info(const HdLoadedModule *module);

/* ---- tensors -------------------------------------------------------------------------------- */

/* Compact, zeroed, aligned to 256 bytes. */
HdTensor *hd_rt_tensor_create(HdDevice *device, DLDataType type, int rank, const int64_t *shape,
                              HdFailure *failure);
void hd_rt_tensor_destroy(HdTensor *tensor);
const DLTensor *hd_rt_tensor_dl(const HdTensor *tensor);
uint64_t hd_rt_tensor_bytes(const HdTensor *tensor);
/* The whole content, from and to host memory. */
bool hd_rt_tensor_write(HdTensor *tensor, const void *data, HdFailure *failure);
bool hd_rt_tensor_read(const HdTensor *tensor, void *data, HdFailure *failure);
/* The whole content of a tensor of as many bytes on the same device. */
bool hd_rt_tensor_assign(HdTensor *tensor, const HdTensor *from, HdFailure *failure);

/* ---- launches ------------------------------------------------------------------------------- */

typedef struct HdTiming {
    double seconds;       /* the kernel: by events on a GPU, wall clock on the CPU */
    double call_seconds;  /* the whole call, checks included, wall clock */
    const char *instance; /* labels of what was chosen */
    const char *variant;
} HdTiming;
/* Runs the kernel to its end. `options` and `timing` may be NULL. */
bool hd_rt_launch(HdLoadedModule *module, const char *kernel, HdDevice *device, const HdArg *args,
                  int arg_count, const HdCpuOptions *options, HdTiming *timing, HdFailure *failure);

/* ---- measuring ------------------------------------------------------------------------------ */

typedef struct HdBenchOptions {
    double min_seconds; /* measured time to reach; 0: 0.5 */
    int warm_up;        /* runs before; 0: 3, -1: none */
    int min_runs;       /* 0: 10 */
    int max_runs;       /* 0: 10000 */
} HdBenchOptions;
typedef struct HdBench {
    int runs;
    double median, low, high; /* seconds; [low, high] holds the median with 95 % confidence */
    double min, max;
} HdBench;
/* One run, and how long it took. */
typedef bool HdBenchRun(void *context, double *seconds, HdFailure *failure);
bool hd_rt_bench(HdBenchRun *run, void *context, const HdBenchOptions *options, HdBench *bench,
                 HdFailure *failure);
/* Sorts the samples (at least one) and describes them. */
HdBench hd_rt_bench_describe(double *samples, int count);
double hd_rt_clock(void); /* seconds, monotonic */

#endif
