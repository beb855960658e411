/* The entry points of the CUDA driver that are used, with the types of its ABI. */
#ifndef HD_RUNTIME_DRIVER_H
#define HD_RUNTIME_DRIVER_H

#include <stddef.h>
#include <stdint.h>

typedef void *HdCuContext, *HdCuModule, *HdCuFunction, *HdCuStream, *HdCuEvent;
typedef unsigned long long HdCuPointer;

/* DRIVER(member, symbol, parameters): all return a CUresult, 0 for success. */
#define HD_DRIVER_ENTRIES(DRIVER)                                                                  \
    DRIVER(init, "cuInit", (unsigned flags))                                                       \
    DRIVER(version, "cuDriverGetVersion", (int *version))                                          \
    DRIVER(device_count, "cuDeviceGetCount", (int *count))                                         \
    DRIVER(device_get, "cuDeviceGet", (int *device, int ordinal))                                  \
    DRIVER(device_name, "cuDeviceGetName", (char *name, int size, int device))                     \
    DRIVER(device_attribute, "cuDeviceGetAttribute", (int *value, int attribute, int device))      \
    DRIVER(device_memory, "cuDeviceTotalMem_v2", (size_t * bytes, int device))                     \
    DRIVER(context_retain, "cuDevicePrimaryCtxRetain", (HdCuContext * context, int device))        \
    DRIVER(context_release, "cuDevicePrimaryCtxRelease_v2", (int device))                          \
    DRIVER(context_push, "cuCtxPushCurrent_v2", (HdCuContext context))                             \
    DRIVER(context_pop, "cuCtxPopCurrent_v2", (HdCuContext * context))                             \
    DRIVER(synchronize, "cuCtxSynchronize", (void))                                                \
    DRIVER(module_load, "cuModuleLoadDataEx",                                                      \
           (HdCuModule * module, const void *image, unsigned count, int *options, void **values))  \
    DRIVER(module_unload, "cuModuleUnload", (HdCuModule module))                                   \
    DRIVER(function_get, "cuModuleGetFunction",                                                    \
           (HdCuFunction * function, HdCuModule module, const char *name))                         \
    DRIVER(function_attribute, "cuFuncGetAttribute",                                               \
           (int *value, int attribute, HdCuFunction function))                                     \
    DRIVER(function_set, "cuFuncSetAttribute", (HdCuFunction function, int attribute, int value))  \
    DRIVER(occupancy, "cuOccupancyMaxActiveBlocksPerMultiprocessor",                               \
           (int *blocks, HdCuFunction function, int threads, size_t shared))                       \
    DRIVER(launch, "cuLaunchKernel",                                                               \
           (HdCuFunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,              \
            unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,                 \
            HdCuStream stream, void **parameters, void **extra))                                   \
    DRIVER(launch_cooperative, "cuLaunchCooperativeKernel",                                        \
           (HdCuFunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,              \
            unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,                 \
            HdCuStream stream, void **parameters))                                                 \
    DRIVER(alloc, "cuMemAlloc_v2", (HdCuPointer * memory, size_t bytes))                           \
    DRIVER(free, "cuMemFree_v2", (HdCuPointer memory))                                             \
    DRIVER(to_device, "cuMemcpyHtoD_v2", (HdCuPointer to, const void *from, size_t bytes))         \
    DRIVER(to_host, "cuMemcpyDtoH_v2", (void *to, HdCuPointer from, size_t bytes))                 \
    DRIVER(on_device, "cuMemcpyDtoD_v2", (HdCuPointer to, HdCuPointer from, size_t bytes))         \
    DRIVER(fill, "cuMemsetD8_v2", (HdCuPointer memory, unsigned char byte, size_t bytes))          \
    DRIVER(fill_async, "cuMemsetD8Async",                                                          \
           (HdCuPointer memory, unsigned char byte, size_t bytes, HdCuStream stream))              \
    DRIVER(stream_synchronize, "cuStreamSynchronize", (HdCuStream stream))                         \
    DRIVER(event_create, "cuEventCreate", (HdCuEvent * event, unsigned flags))                     \
    DRIVER(event_record, "cuEventRecord", (HdCuEvent event, HdCuStream stream))                    \
    DRIVER(event_synchronize, "cuEventSynchronize", (HdCuEvent event))                             \
    DRIVER(event_elapsed, "cuEventElapsedTime", (float *ms, HdCuEvent from, HdCuEvent to))         \
    DRIVER(event_destroy, "cuEventDestroy_v2", (HdCuEvent event))                                  \
    DRIVER(error_name, "cuGetErrorName", (int error, const char **text))                           \
    DRIVER(error_text, "cuGetErrorString", (int error, const char **text))

/* Of newer drivers; without it no kernel with tensor maps is launched. */
typedef int HdCuTensorMapEncode(void *map, int type, unsigned rank, void *address,
                                const uint64_t *extents, const uint64_t *strides,
                                const unsigned *box, const unsigned *steps, int interleave,
                                int swizzle, int promotion, int fill);

typedef struct HdDriver {
    HdCuTensorMapEncode *tensor_map; /* cuTensorMapEncodeTiled, or NULL */
#define HD_DRIVER_MEMBER(member, symbol, parameters) int(*member) parameters;
    HD_DRIVER_ENTRIES(HD_DRIVER_MEMBER)
#undef HD_DRIVER_MEMBER
} HdDriver;

/* CUdevice_attribute, CUfunction_attribute, CUjit_option: the numbers of the ABI. */
enum {
    HD_CU_SHARED_PER_BLOCK = 8,
    HD_CU_CLOCK_KHZ = 13,
    HD_CU_PROCESSORS = 16,
    HD_CU_MEMORY_CLOCK_KHZ = 36,
    HD_CU_MEMORY_BUS_BITS = 37,
    HD_CU_L2_BYTES = 38,
    HD_CU_ARCH_MAJOR = 75,
    HD_CU_ARCH_MINOR = 76,
    HD_CU_COOPERATIVE = 95,
    HD_CU_SHARED_PER_BLOCK_OPTIN = 97,

    HD_CU_FUNCTION_MAX_THREADS = 0,
    HD_CU_FUNCTION_SHARED = 1,
    HD_CU_FUNCTION_LOCAL = 3,
    HD_CU_FUNCTION_REGISTERS = 4,
    HD_CU_FUNCTION_DYNAMIC_SHARED = 8,

    HD_CU_JIT_ERROR_LOG = 5,
    HD_CU_JIT_ERROR_LOG_SIZE = 6,
};

#endif
