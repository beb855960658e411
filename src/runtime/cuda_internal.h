/* Shared by cuda.c (driver, devices, memory) and cuda_launch.c (modules, launches). */
#ifndef HD_RUNTIME_CUDA_INTERNAL_H
#define HD_RUNTIME_CUDA_INTERNAL_H

#include <pthread.h>

#include "runtime/cuda.h"
#include "runtime/driver.h"

enum { HD_CUDA_MAX_DEVICES = 64 };

struct HdCuda {
    HdDriver driver;
    void *library;
    int device_count, version;
    pthread_mutex_t lock;                      /* of the contexts */
    HdCuContext contexts[HD_CUDA_MAX_DEVICES]; /* retained when first needed */
    int handles[HD_CUDA_MAX_DEVICES];          /* of the devices with a context */
};

/* Makes the device's context current until the matching leave. */
bool hd_cuda_enter(HdCuda *cuda, int device, HdFailure *failure);
void hd_cuda_leave(HdCuda *cuda);
/* True for success; else says which call failed and how. */
bool hd_cuda_ok(const HdCuda *cuda, int result, const char *what, HdFailure *failure);

#endif
