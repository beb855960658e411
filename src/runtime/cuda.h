/* CUDA devices through the driver, which is found at run time: no CUDA is needed to build or to
 * start. Entry points: `hd_cuda_create` (fails, with the reason, where there is no driver or GPU),
 * `hd_cuda_module_create`, `hd_cuda_launch`. Devices are used through their primary contexts, so
 * memory of PyTorch, CuPy and the CUDA runtime can be passed as it is. All calls may come from any
 * thread, and leave the thread's current context as it was.
 */
#ifndef HD_RUNTIME_CUDA_H
#define HD_RUNTIME_CUDA_H

#include "runtime/host.h"

typedef struct HdCuda HdCuda;
typedef struct HdCudaModule HdCudaModule;

/* Loads $HD_LIBCUDA or libcuda.so.1 and lists the devices: at least one on success. */
HdCuda *hd_cuda_create(HdFailure *failure);
void hd_cuda_destroy(HdCuda *cuda); /* NULL is allowed; after its modules and memory */
typedef struct HdCudaDevice {
    char name[128];
    int arch;         /* 90 for compute capability 9.0 */
    int processors;   /* streaming multiprocessors */
    int shared_limit; /* bytes a block can have at most */
    int l2_bytes;
    int clock_khz;    /* of the processors; 0 if unknown */
    uint64_t memory;  /* bytes */
    double bandwidth; /* of memory by its data sheet, bytes a second; 0 if unknown */
} HdCudaDevice;
bool hd_cuda_device(HdCuda *cuda, int device, HdCudaDevice *info, HdFailure *failure);

/* ---- memory: synchronous -------------------------------------------------------------------- */

bool hd_cuda_alloc(HdCuda *cuda, int device, uint64_t bytes, void **memory, HdFailure *failure);
void hd_cuda_free(HdCuda *cuda, int device, void *memory);
typedef enum { HD_TO_DEVICE, HD_TO_HOST, HD_ON_DEVICE } HdCopy;
bool hd_cuda_copy(HdCuda *cuda, int device, HdCopy direction, void *to, const void *from,
                  uint64_t bytes, HdFailure *failure);
bool hd_cuda_fill(HdCuda *cuda, int device, void *memory, uint8_t byte, uint64_t bytes,
                  HdFailure *failure);

/* ---- modules and launches ------------------------------------------------------------------- */

/* Loads the image that fits the device best: a cubin of its architecture, else one of the last
 * minor revision of its major before it, else the newest PTX not above it. `module` must outlive
 * the result. */
HdCudaModule *hd_cuda_module_create(HdCuda *cuda, const HdModuleInfo *module, int device,
                                    HdFailure *failure);
int hd_cuda_module_arch(const HdCudaModule *module); /* of the image */
void hd_cuda_module_destroy(HdCudaModule *module);   /* NULL is allowed */

typedef struct HdCudaOptions {
    void *stream;    /* CUstream; NULL: the default stream */
    bool async;      /* return without waiting. Kernels that can trap, and resident ones, wait all
                        the same: their outcome is read back */
    double *seconds; /* if not NULL: the kernel's own time, by events (waits) */
} HdCudaOptions;
bool hd_cuda_launch(HdCudaModule *module, const HdCall *call, const HdCudaOptions *options,
                    HdFailure *failure);
bool hd_cuda_synchronize(HdCuda *cuda, int device, HdFailure *failure);

/* What the loaded code of a variant needs, for reports. */
typedef struct HdCudaUse {
    int registers, local_bytes, shared_bytes, max_threads;
} HdCudaUse;
bool hd_cuda_variant_use(HdCudaModule *module, const HdInstanceInfo *instance,
                         const HdVariantInfo *variant, HdCudaUse *use, HdFailure *failure);

#endif
