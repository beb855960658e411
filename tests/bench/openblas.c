/* The matmul written for the CPU beside OpenBLAS's, in one process: their runs alternate, so that
 * whatever else the machine does, it does to both. Prints milliseconds, GFLOP/s and, for
 * tests/bench/run, a line `ratio SIZE×THREADS VALUE` from the best times. */
#include "matmul_cpu.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *matrix(size_t n, DLTensor *t, int64_t *shape)
{
    float *data = aligned_alloc(64, (n * n * sizeof(float) + 63) / 64 * 64);
    for (size_t i = 0; i < n * n; i++) data[i] = (float)(rand() % 2001 - 1000) / 1000;
    memset(t, 0, sizeof *t);
    t->data = data;
    t->device.device_type = kDLCPU;
    t->ndim = 2;
    t->dtype = (DLDataType){kDLFloat, 32, 1};
    t->shape = shape;
    return data;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? (size_t)atol(argv[1]) : 1024;
    int rounds = argc > 2 ? atoi(argv[2]) : 20;
    const char *threads = argc > 3 ? argv[3] : "?";
    int64_t shape[2] = {(int64_t)n, (int64_t)n};
    DLTensor ta, tb, tc;
    float *a = matrix(n, &ta, shape), *b = matrix(n, &tb, shape), *c = matrix(n, &tc, shape);
    float *want = malloc(n * n * sizeof(float));
    double best[2] = {1e9, 1e9};
    for (int round = 0; round <= rounds; round++) { /* the first only warms up */
        double t0 = seconds();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)n, (int)n, (int)n, 1, a, (int)n,
                    b, (int)n, 0, want, (int)n);
        double t1 = seconds();
        if (matmul_cpu(&ta, &tb, &tc) != 0) return fprintf(stderr, "%s\n", matmul_cpu_error()), 1;
        double t2 = seconds();
        if (round > 0 && t1 - t0 < best[0]) best[0] = t1 - t0;
        if (round > 0 && t2 - t1 < best[1]) best[1] = t2 - t1;
    }
    for (size_t i = 0; i < n * n; i++)
        if (!(fabsf(c[i] - want[i]) <= 1e-3f))
            return fprintf(stderr, "element %zu differs\n", i), 1;
    double flop = 2e-9 * (double)n * (double)n * (double)n;
    printf("OpenBLAS    %8.3f ms %8.1f GFLOP/s\n", 1e3 * best[0], flop / best[0]);
    printf("matmul_cpu  %8.3f ms %8.1f GFLOP/s\n", 1e3 * best[1], flop / best[1]);
    printf("ratio %zu³,%s-thread %.3f\n", n, threads, best[0] / best[1]);
    return 0;
}
