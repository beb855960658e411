/* The CUDA driver: finding it, devices, memory. */
#include "runtime/cuda_internal.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

bool hd_cuda_ok(const HdCuda *cuda, int result, const char *what, HdFailure *failure)
{
    if (result == 0) return true;
    const char *name = NULL, *text = NULL;
    cuda->driver.error_name(result, &name);
    cuda->driver.error_text(result, &text);
    return hd_fail(failure, HD_FAILED, "CUDA cannot %s: %s (%s)", what, name ? name : "error",
                   text ? text : "no text for it");
}

/* ---- finding it ---------------------------------------------------------------------------- */

static bool cuda_load(HdCuda *cuda, HdFailure *failure)
{
    static const struct {
        const char *symbol;
        size_t offset;
    } entries[] = {
#define HD_DRIVER_ROW(member, symbol, parameters) {symbol, offsetof(HdDriver, member)},
        HD_DRIVER_ENTRIES(HD_DRIVER_ROW)
#undef HD_DRIVER_ROW
    };
    const char *chosen = getenv("HD_LIBCUDA");
    const char *path = chosen && *chosen ? chosen : "libcuda.so.1";
    /* never unloaded: the driver has threads and handlers of its own */
    cuda->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!cuda->library)
        return hd_fail(failure, HD_LACKING,
                       "no CUDA driver: %s; install NVIDIA's driver to run on a GPU", dlerror());
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        void *entry = dlsym(cuda->library, entries[i].symbol);
        if (!entry)
            return hd_fail(failure, HD_LACKING, "the CUDA driver %s is too old: it has no %s", path,
                           entries[i].symbol);
        memcpy((char *)&cuda->driver + entries[i].offset, &entry, sizeof entry);
    }
    void *tensor_map = dlsym(cuda->library, "cuTensorMapEncodeTiled");
    memcpy(&cuda->driver.tensor_map, &tensor_map, sizeof tensor_map);
    return true;
}

static bool cuda_start(HdCuda *cuda, HdFailure *failure)
{
    if (!hd_cuda_ok(cuda, cuda->driver.init(0), "start", failure) ||
        !hd_cuda_ok(cuda, cuda->driver.version(&cuda->version), "tell its version", failure) ||
        !hd_cuda_ok(cuda, cuda->driver.device_count(&cuda->device_count), "count devices",
                    failure)) {
        failure->status = HD_LACKING;
        return false;
    }
    if (cuda->device_count > HD_CUDA_MAX_DEVICES) cuda->device_count = HD_CUDA_MAX_DEVICES;
    if (cuda->device_count < 1) return hd_fail(failure, HD_LACKING, "the CUDA driver finds no GPU");
    return true;
}

HdCuda *hd_cuda_create(HdFailure *failure)
{
    HdCuda *cuda = calloc(1, sizeof *cuda);
    if (!cuda) {
        hd_fail(failure, HD_FAILED, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&cuda->lock, NULL);
    if (cuda_load(cuda, failure) && cuda_start(cuda, failure)) return cuda;
    cuda->device_count = 0;
    hd_cuda_destroy(cuda);
    return NULL;
}

void hd_cuda_destroy(HdCuda *cuda)
{
    if (!cuda) return;
    for (int i = 0; i < cuda->device_count; i++)
        if (cuda->contexts[i]) cuda->driver.context_release(cuda->handles[i]);
    pthread_mutex_destroy(&cuda->lock);
    if (cuda->library) dlclose(cuda->library);
    free(cuda);
}

/* ---- devices ------------------------------------------------------------------------------- */

static bool cuda_check_device(const HdCuda *cuda, int device, HdFailure *failure)
{
    if (device >= 0 && device < cuda->device_count) return true;
    return hd_fail(failure, HD_LACKING, "there is no device cuda:%d; the last one is cuda:%d",
                   device, cuda->device_count - 1);
}

static int cuda_attribute(const HdCuda *cuda, int handle, int attribute)
{
    int value = 0;
    return cuda->driver.device_attribute(&value, attribute, handle) == 0 ? value : 0;
}

bool hd_cuda_device(HdCuda *cuda, int device, HdCudaDevice *info, HdFailure *failure)
{
    const HdDriver *driver = &cuda->driver;
    int handle;
    size_t memory = 0;
    memset(info, 0, sizeof *info);
    if (!cuda_check_device(cuda, device, failure) ||
        !hd_cuda_ok(cuda, driver->device_get(&handle, device), "get a device", failure) ||
        !hd_cuda_ok(cuda, driver->device_name(info->name, (int)sizeof info->name, handle),
                    "name a device", failure) ||
        !hd_cuda_ok(cuda, driver->device_memory(&memory, handle), "size a device", failure))
        return false;
    info->memory = memory;
    info->arch = 10 * cuda_attribute(cuda, handle, HD_CU_ARCH_MAJOR) +
                 cuda_attribute(cuda, handle, HD_CU_ARCH_MINOR);
    info->processors = cuda_attribute(cuda, handle, HD_CU_PROCESSORS);
    info->shared_limit = cuda_attribute(cuda, handle, HD_CU_SHARED_PER_BLOCK_OPTIN);
    if (info->shared_limit == 0)
        info->shared_limit = cuda_attribute(cuda, handle, HD_CU_SHARED_PER_BLOCK);
    info->l2_bytes = cuda_attribute(cuda, handle, HD_CU_L2_BYTES);
    info->clock_khz = cuda_attribute(cuda, handle, HD_CU_CLOCK_KHZ);
    /* two transfers a clock, bits to bytes */
    info->bandwidth = 2.0 * 1000.0 * cuda_attribute(cuda, handle, HD_CU_MEMORY_CLOCK_KHZ) *
                      (cuda_attribute(cuda, handle, HD_CU_MEMORY_BUS_BITS) / 8.0);
    return true;
}

static bool cuda_retain(HdCuda *cuda, int device, HdFailure *failure)
{
    int *handle = &cuda->handles[device];
    if (cuda->contexts[device]) return true;
    return hd_cuda_ok(cuda, cuda->driver.device_get(handle, device), "get a device", failure) &&
           hd_cuda_ok(cuda, cuda->driver.context_retain(&cuda->contexts[device], *handle),
                      "open the device", failure);
}

bool hd_cuda_enter(HdCuda *cuda, int device, HdFailure *failure)
{
    if (!cuda_check_device(cuda, device, failure)) return false;
    pthread_mutex_lock(&cuda->lock);
    bool ok = cuda_retain(cuda, device, failure);
    pthread_mutex_unlock(&cuda->lock);
    return ok && hd_cuda_ok(cuda, cuda->driver.context_push(cuda->contexts[device]),
                            "enter the device's context", failure);
}

void hd_cuda_leave(HdCuda *cuda)
{
    HdCuContext context;
    cuda->driver.context_pop(&context);
}

/* ---- memory -------------------------------------------------------------------------------- */

bool hd_cuda_alloc(HdCuda *cuda, int device, uint64_t bytes, void **memory, HdFailure *failure)
{
    HdCuPointer pointer = 0;
    *memory = NULL;
    if (!hd_cuda_enter(cuda, device, failure)) return false;
    bool ok = hd_cuda_ok(cuda, cuda->driver.alloc(&pointer, bytes ? bytes : 1), "allocate memory",
                         failure);
    hd_cuda_leave(cuda);
    *memory = (void *)(uintptr_t)pointer;
    return ok;
}

void hd_cuda_free(HdCuda *cuda, int device, void *memory)
{
    HdFailure ignored;
    if (!memory || !hd_cuda_enter(cuda, device, &ignored)) return;
    cuda->driver.free((HdCuPointer)(uintptr_t)memory);
    hd_cuda_leave(cuda);
}

bool hd_cuda_copy(HdCuda *cuda, int device, HdCopy direction, void *to, const void *from,
                  uint64_t bytes, HdFailure *failure)
{
    HdCuPointer target = (HdCuPointer)(uintptr_t)to, source = (HdCuPointer)(uintptr_t)from;
    int result = 0;
    if (bytes == 0) return true;
    if (!hd_cuda_enter(cuda, device, failure)) return false;
    switch (direction) {
    case HD_TO_DEVICE:
        result = cuda->driver.to_device(target, from, bytes);
        break;
    case HD_TO_HOST:
        result = cuda->driver.to_host(to, source, bytes);
        break;
    case HD_ON_DEVICE:
        result = cuda->driver.on_device(target, source, bytes);
        break;
    }
    bool ok = hd_cuda_ok(cuda, result, "copy", failure);
    hd_cuda_leave(cuda);
    return ok;
}

bool hd_cuda_fill(HdCuda *cuda, int device, void *memory, uint8_t byte, uint64_t bytes,
                  HdFailure *failure)
{
    if (bytes == 0) return true;
    if (!hd_cuda_enter(cuda, device, failure)) return false;
    int result = cuda->driver.fill((HdCuPointer)(uintptr_t)memory, byte, bytes);
    bool ok = hd_cuda_ok(cuda, result, "fill memory", failure);
    hd_cuda_leave(cuda);
    return ok;
}

bool hd_cuda_synchronize(HdCuda *cuda, int device, HdFailure *failure)
{
    if (!hd_cuda_enter(cuda, device, failure)) return false;
    bool ok = hd_cuda_ok(cuda, cuda->driver.synchronize(), "finish", failure);
    hd_cuda_leave(cuda);
    return ok;
}
