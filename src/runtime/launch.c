/* The runtime object, its devices and tensors. */
#include "runtime/launch_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

HdRuntime *hd_rt_create(int threads)
{
    HdRuntime *runtime = calloc(1, sizeof *runtime);
    if (!runtime) return NULL;
    pthread_mutex_init(&runtime->lock, NULL);
    runtime->pool = hd_cpu_pool_create(threads);
    if (runtime->pool) return runtime;
    hd_rt_destroy(runtime);
    return NULL;
}

void hd_rt_destroy(HdRuntime *runtime)
{
    if (!runtime) return;
    hd_cpu_pool_destroy(runtime->pool);
    hd_cuda_destroy(runtime->cuda);
    for (int i = 0; i < RT_MAX_DEVICES; i++) free(runtime->devices[i]);
    pthread_mutex_destroy(&runtime->lock);
    free(runtime);
}

/* A driver that could not be had is not asked for again: its reason is kept. */
static HdCuda *rt_cuda_locked(HdRuntime *runtime, HdFailure *failure)
{
    if (!runtime->cuda && runtime->no_cuda.status == HD_DONE)
        runtime->cuda = hd_cuda_create(&runtime->no_cuda);
    if (!runtime->cuda) *failure = runtime->no_cuda;
    return runtime->cuda;
}

HdCuda *hd_rt_cuda(HdRuntime *runtime, HdFailure *failure)
{
    pthread_mutex_lock(&runtime->lock);
    HdCuda *cuda = rt_cuda_locked(runtime, failure);
    pthread_mutex_unlock(&runtime->lock);
    return cuda;
}

/* ---- devices ------------------------------------------------------------------------------- */

static bool rt_device_fill(HdDevice *device, HdFailure *failure)
{
    HdRuntime *runtime = device->runtime;
    if (device->place.device_type == kDLCPU) {
        int threads = hd_cpu_pool_threads(runtime->pool);
        snprintf(device->name, sizeof device->name, "cpu, %d thread%s", threads,
                 threads == 1 ? "" : "s");
        return true;
    }
    HdCuda *cuda = rt_cuda_locked(runtime, failure);
    if (!cuda || !hd_cuda_device(cuda, device->place.device_id, &device->cuda, failure))
        return false;
    snprintf(device->name, sizeof device->name, "%s", device->cuda.name);
    return true;
}

/* Slot 0 is the CPU, slot 1 + n is cuda:n. */
static HdDevice *rt_device_slot(HdRuntime *runtime, int slot, HdFailure *failure)
{
    if (runtime->devices[slot]) return runtime->devices[slot];
    HdDevice *device = calloc(1, sizeof *device);
    if (!device) {
        hd_fail(failure, HD_FAILED, "out of memory");
        return NULL;
    }
    device->runtime = runtime;
    device->place.device_type = slot == 0 ? kDLCPU : kDLCUDA;
    device->place.device_id = slot == 0 ? 0 : slot - 1;
    if (rt_device_fill(device, failure)) return runtime->devices[slot] = device;
    free(device);
    return NULL;
}

static int rt_device_parse(const char *name, HdFailure *failure)
{
    if (strcmp(name, "cpu") == 0) return 0;
    if (strcmp(name, "cuda") == 0) return 1;
    char *end = NULL;
    if (strncmp(name, "cuda:", 5) == 0 && name[5] >= '0' && name[5] <= '9') {
        long n = strtol(name + 5, &end, 10);
        if (*end == '\0' && n < RT_MAX_DEVICES - 1) return 1 + (int)n;
    }
    hd_fail(failure, HD_BAD_CALL, "`%s` is no device: cpu, cuda or cuda:N", name);
    return -1;
}

HdDevice *hd_rt_device(HdRuntime *runtime, const char *name, HdFailure *failure)
{
    HdDevice *device = NULL;
    int slot = name ? rt_device_parse(name, failure) : 0;
    if (slot < 0) return NULL;
    pthread_mutex_lock(&runtime->lock);
    if (!name && rt_cuda_locked(runtime, failure)) slot = 1;
    device = rt_device_slot(runtime, slot, failure);
    pthread_mutex_unlock(&runtime->lock);
    return device;
}

DLDevice hd_rt_device_place(const HdDevice *device)
{
    return device->place;
}

const char *hd_rt_device_name(const HdDevice *device)
{
    return device->name;
}

const HdCudaDevice *hd_rt_device_cuda(const HdDevice *device)
{
    return device->place.device_type == kDLCUDA ? &device->cuda : NULL;
}

/* ---- tensors ------------------------------------------------------------------------------- */

struct HdTensor {
    HdDevice *device;
    DLTensor dl;
    uint64_t bytes;
    int64_t shape[]; /* dl.shape */
};

static bool rt_tensor_measure(DLDataType type, int rank, const int64_t *shape, uint64_t *bytes,
                              HdFailure *failure)
{
    int64_t bits = (int64_t)type.bits * type.lanes;
    bool empty = false, overflow = false;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return hd_fail(failure, HD_BAD_CALL, "negative extent %" PRId64 " in dimension %d",
                           shape[i], i);
        if (shape[i] == 0) empty = true;
    }
    for (int i = 0; i < rank && !empty; i++)
        overflow = __builtin_mul_overflow(bits, shape[i], &bits) || overflow;
    if (!empty && (overflow || bits > INT64_MAX - 7))
        return hd_fail(failure, HD_BAD_CALL, "a tensor larger than any memory");
    *bytes = empty ? 0 : ((uint64_t)bits + 7) / 8;
    return true;
}

/* Zeroed, and aligned as device memory is. */
static void *rt_host_alloc(uint64_t bytes)
{
    uint64_t room = (bytes + 255) / 256 * 256 + 256;
    void *data = room < bytes ? NULL : aligned_alloc(256, room);
    if (data) memset(data, 0, room);
    return data;
}

static bool rt_tensor_alloc(HdTensor *tensor, HdFailure *failure)
{
    HdDevice *device = tensor->device;
    HdCuda *cuda = device->runtime->cuda;
    int id = device->place.device_id;
    if (device->place.device_type == kDLCUDA)
        return hd_cuda_alloc(cuda, id, tensor->bytes, &tensor->dl.data, failure) &&
               hd_cuda_fill(cuda, id, tensor->dl.data, 0, tensor->bytes, failure);
    tensor->dl.data = rt_host_alloc(tensor->bytes);
    if (tensor->dl.data) return true;
    return hd_fail(failure, HD_FAILED, "out of memory for a tensor of %" PRIu64 " bytes",
                   tensor->bytes);
}

HdTensor *hd_rt_tensor_create(HdDevice *device, DLDataType type, int rank, const int64_t *shape,
                              HdFailure *failure)
{
    uint64_t bytes = 0;
    if (!rt_tensor_measure(type, rank, shape, &bytes, failure)) return NULL;
    HdTensor *tensor = calloc(1, sizeof *tensor + (size_t)rank * sizeof *shape);
    if (!tensor) {
        hd_fail(failure, HD_FAILED, "out of memory");
        return NULL;
    }
    tensor->device = device;
    tensor->bytes = bytes;
    if (rank) memcpy(tensor->shape, shape, (size_t)rank * sizeof *shape);
    tensor->dl.device = device->place;
    tensor->dl.ndim = rank;
    tensor->dl.dtype = type;
    tensor->dl.shape = tensor->shape;
    if (rt_tensor_alloc(tensor, failure)) return tensor;
    hd_rt_tensor_destroy(tensor);
    return NULL;
}

void hd_rt_tensor_destroy(HdTensor *tensor)
{
    if (!tensor) return;
    if (tensor->device->place.device_type == kDLCUDA)
        hd_cuda_free(tensor->device->runtime->cuda, tensor->device->place.device_id,
                     tensor->dl.data);
    else
        free(tensor->dl.data);
    free(tensor);
}

const DLTensor *hd_rt_tensor_dl(const HdTensor *tensor)
{
    return &tensor->dl;
}

uint64_t hd_rt_tensor_bytes(const HdTensor *tensor)
{
    return tensor->bytes;
}

static bool rt_tensor_copy(const HdTensor *tensor, void *to, const void *from, HdCopy direction,
                           HdFailure *failure)
{
    const HdDevice *device = tensor->device;
    if (device->place.device_type == kDLCUDA)
        return hd_cuda_copy(device->runtime->cuda, device->place.device_id, direction, to, from,
                            tensor->bytes, failure);
    if (tensor->bytes) memcpy(to, from, tensor->bytes);
    return true;
}

bool hd_rt_tensor_write(HdTensor *tensor, const void *data, HdFailure *failure)
{
    return rt_tensor_copy(tensor, tensor->dl.data, data, HD_TO_DEVICE, failure);
}

bool hd_rt_tensor_read(const HdTensor *tensor, void *data, HdFailure *failure)
{
    return rt_tensor_copy(tensor, data, tensor->dl.data, HD_TO_HOST, failure);
}

bool hd_rt_tensor_assign(HdTensor *tensor, const HdTensor *from, HdFailure *failure)
{
    return rt_tensor_copy(tensor, tensor->dl.data, from->dl.data, HD_ON_DEVICE, failure);
}
