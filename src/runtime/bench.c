/* Measuring: medians with their interval, and the device's copy bandwidth. */
#include "runtime/launch_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double hd_rt_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static int bench_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The largest k such that [x(k), x(n+1-k)], counted from 1, holds the median with probability at
 * least 95 %: fewer than k of n samples fall below it with P <= 2.5 %, binomially. At least 1. */
static int bench_rank(int n)
{
    double log_term = -n * log(2.0), below = 0; /* log of C(n, i) / 2^n, from i = 0 */
    int k = 0;
    while (k < n / 2) {
        below += exp(log_term);
        if (below > 0.025) break;
        log_term += log((double)(n - k) / (k + 1));
        k++;
    }
    return k < 1 ? 1 : k;
}

HdBench hd_rt_bench_describe(double *samples, int count)
{
    qsort(samples, (size_t)count, sizeof *samples, bench_by_value);
    int k = bench_rank(count);
    return (HdBench){
        .runs = count,
        .median = (samples[(count - 1) / 2] + samples[count / 2]) / 2,
        .low = samples[k - 1],
        .high = samples[count - k],
        .min = samples[0],
        .max = samples[count - 1],
    };
}

static int bench_or(int value, int otherwise)
{
    return value > 0 ? value : value < 0 ? 0 : otherwise;
}

bool hd_rt_bench(HdBenchRun *run, void *context, const HdBenchOptions *options, HdBench *bench,
                 HdFailure *failure)
{
    static const HdBenchOptions none = {0};
    if (!options) options = &none;
    double enough = options->min_seconds > 0 ? options->min_seconds : 0.5, total = 0, seconds;
    int warm_up = bench_or(options->warm_up, 3), max_runs = bench_or(options->max_runs, 10000);
    int min_runs = bench_or(options->min_runs, 10), count = 0;
    if (max_runs < 1) max_runs = 1;
    double *samples = malloc((size_t)max_runs * sizeof *samples);
    if (!samples) return hd_fail(failure, HD_FAILED, "out of memory");
    bool ok = true;
    for (int i = 0; ok && i < warm_up; i++) ok = run(context, &seconds, failure);
    while (ok && count < max_runs && (count < min_runs || total < enough)) {
        ok = run(context, &seconds, failure);
        samples[count++] = seconds;
        total += seconds;
    }
    if (ok) *bench = hd_rt_bench_describe(samples, count);
    free(samples);
    return ok;
}

/* ---- bandwidth ----------------------------------------------------------------------------- */

enum { COPY_CHUNK = 1 << 20 };
typedef struct {
    HdCpuPool *pool;
    char *to, *from;
    int64_t chunks, next;
} CpuCopy;

static void copy_work(void *job, HdCpuWorker *worker)
{
    CpuCopy *copy = job;
    (void)worker;
    for (;;) {
        int64_t i = __atomic_fetch_add(&copy->next, 1, __ATOMIC_RELAXED);
        if (i >= copy->chunks) return;
        memcpy(copy->to + i * COPY_CHUNK, copy->from + i * COPY_CHUNK, COPY_CHUNK);
    }
}

static bool copy_on_cpu(void *context, double *seconds, HdFailure *failure)
{
    CpuCopy *copy = context;
    (void)failure;
    double begin = hd_rt_clock();
    copy->next = 0;
    hd_cpu_pool_run(copy->pool, hd_cpu_pool_threads(copy->pool), copy_work, copy, NULL);
    *seconds = hd_rt_clock() - begin;
    return true;
}

typedef struct {
    HdCuda *cuda;
    int device;
    void *to, *from;
    uint64_t bytes;
} CudaCopy;
enum { CUDA_COPIES = 8 }; /* in a row, so that submitting one costs nothing */

static bool copy_on_cuda(void *context, double *seconds, HdFailure *failure)
{
    CudaCopy *c = context;
    bool ok = hd_cuda_synchronize(c->cuda, c->device, failure);
    double begin = hd_rt_clock();
    for (int i = 0; ok && i < CUDA_COPIES; i++)
        ok = hd_cuda_copy(c->cuda, c->device, HD_ON_DEVICE, c->to, c->from, c->bytes, failure);
    ok = ok && hd_cuda_synchronize(c->cuda, c->device, failure);
    *seconds = (hd_rt_clock() - begin) / CUDA_COPIES;
    return ok;
}

static const HdBenchOptions copy_options = {
    .min_seconds = 0.1, .warm_up = 2, .min_runs = 5, .max_runs = 50};

static bool bandwidth_cpu(HdDevice *device, HdBench *bench, uint64_t *bytes, HdFailure *failure)
{
    CpuCopy copy = {.pool = device->runtime->pool, .chunks = 128};
    *bytes = (uint64_t)copy.chunks * COPY_CHUNK; /* far beyond any cache */
    copy.to = malloc(*bytes);
    copy.from = malloc(*bytes);
    bool ok = copy.to && copy.from;
    if (ok) {
        memset(copy.from, 1, *bytes);
        memset(copy.to, 1, *bytes);
        ok = hd_rt_bench(copy_on_cpu, &copy, &copy_options, bench, failure);
    } else {
        hd_fail(failure, HD_FAILED, "out of memory");
    }
    free(copy.to);
    free(copy.from);
    return ok;
}

static bool bandwidth_cuda(HdDevice *device, HdBench *bench, uint64_t *bytes, HdFailure *failure)
{
    CudaCopy c = {device->runtime->cuda, device->place.device_id, NULL, NULL, 256u << 20};
    *bytes = c.bytes;
    bool ok = hd_cuda_alloc(c.cuda, c.device, c.bytes, &c.to, failure) &&
              hd_cuda_alloc(c.cuda, c.device, c.bytes, &c.from, failure) &&
              hd_rt_bench(copy_on_cuda, &c, &copy_options, bench, failure);
    hd_cuda_free(c.cuda, c.device, c.to);
    hd_cuda_free(c.cuda, c.device, c.from);
    return ok;
}

bool hd_rt_device_bandwidth(HdDevice *device, double *bytes_per_second, HdFailure *failure)
{
    HdBench bench;
    uint64_t bytes;
    if (device->bandwidth <= 0) {
        bool ok = device->place.device_type == kDLCUDA
                      ? bandwidth_cuda(device, &bench, &bytes, failure)
                      : bandwidth_cpu(device, &bench, &bytes, failure);
        if (!ok) return false;
        device->bandwidth = 2.0 * (double)bytes / bench.median;
    }
    *bytes_per_second = device->bandwidth;
    return true;
}
