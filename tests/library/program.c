/* A program over an emitted library: as C99 and as C++, with no other header and no hdc. */
#include "kernels.h"

#include <stdio.h>
#include <string.h>

enum { M = 37, K = 19, N = 50 };
static float a[M * K], b[K * N], c[M * N];

static DLTensor matrix(float *data, int64_t *shape)
{
    DLTensor t;
    memset(&t, 0, sizeof t);
    t.data = data;
    t.device.device_type = kDLCPU;
    t.ndim = 2;
    t.dtype.code = kDLFloat;
    t.dtype.bits = 32;
    t.dtype.lanes = 1;
    t.shape = shape;
    return t;
}

int main(void)
{
    int64_t as[2] = {M, K}, bs[2] = {K, N}, cs[2] = {M, N};
    DLTensor ta = matrix(a, as), tb = matrix(b, bs), tc = matrix(c, cs);
    int i, j, p;
    for (i = 0; i < M * K; i++) a[i] = (float)(i % 7);
    for (i = 0; i < K * N; i++) b[i] = (float)(i % 5) - 2;
    if (matmul(&ta, &tb, &tc) != 0) return printf("%s\n", kernels_error());
    for (i = 0; i < M; i++) {
        for (j = 0; j < N; j++) {
            float sum = 0;
            for (p = 0; p < K; p++) sum += a[i * K + p] * b[p * N + j];
            if (sum != c[i * N + j]) return printf("wrong at %d, %d\n", i, j);
        }
    }
    if (strcmp(kernels_error(), "") != 0) return 1;
    bs[0] = 8;
    if (matmul(&ta, &tb, &tc) != 1) return printf("a wrong shape went through\n");
    printf("%s\n", kernels_error());
    return 0;
}
