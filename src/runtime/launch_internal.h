/* Shared by launch.c, module.c and bench.c. */
#ifndef HD_RUNTIME_LAUNCH_INTERNAL_H
#define HD_RUNTIME_LAUNCH_INTERNAL_H

#include <pthread.h>

#include "runtime/launch.h"

enum { RT_MAX_DEVICES = 65 }; /* the CPU, and as many GPUs as cuda.c lists */

struct HdDevice {
    HdRuntime *runtime;
    DLDevice place;
    char name[160];
    HdCudaDevice cuda;
    double bandwidth; /* 0: not measured yet */
};

struct HdRuntime {
    pthread_mutex_t lock; /* of `cuda`, `no_cuda` and `devices` */
    HdCpuPool *pool;
    HdCuda *cuda;
    HdFailure no_cuda; /* why there is none, once that is known */
    HdDevice *devices[RT_MAX_DEVICES];
};

#endif
