// CUDA without a GPU: what emitted CUDA text needs of the language and of the machine, for a host
// compiler, so that the very text that NVRTC compiles can be run and tested anywhere.
//
// A block's threads are coroutines of one operating-system thread, taken up in a seeded random
// order; blocks run one after another, those of a resident grid on a thread each. Barriers and warp
// operations that not every thread reaches end the program with a message: on a GPU they hang. So
// do accesses to shared memory that nothing orders, whoever comes first (watch.h), and those
// outside. Include this before the text (it defines HD_HOST), runtime/module.h before this.
#ifndef TESTS_CUDA_HOST_H
#define TESTS_CUDA_HOST_H

#include "group.h"

#include <math.h>

#define HD_HOST 1

// ---- the language ------------------------------------------------------------------------------
#define __global__
#define __device__
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __shared__ static thread_local
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define HD_DYNAMIC_SHARED unsigned char *const hd_shared = hd_host::machine->shared

#define threadIdx (hd_host::thread_index())
#define blockIdx (hd_host::block_index())
#define blockDim (hd_host::block_extent())
#define gridDim (hd_host::grid_extent())
#define printf(...) hd_host::print(__VA_ARGS__)

#define HD_HOST_FN static inline __attribute__((always_inline))

#include "cluster.h"

// ---- waiting -----------------------------------------------------------------------------------
HD_HOST_FN void __syncthreads()
{
    hd_host::barrier(0, hd_host::machine->block);
}
HD_HOST_FN void hd_group_sync(int id, int threads)
{
    hd_host::barrier(id, threads);
}
HD_HOST_FN void hd_barrier_sync(int id, int threads, const char *file = __builtin_FILE(),
                                int line = __builtin_LINE())
{
    hd_host::Machine *m = hd_host::machine;
    m->waits[m->current] = {&m->arrived[id], file, line};
    hd_host::barrier(id, threads);
    m->waits[m->current].at = nullptr;
}
HD_HOST_FN void hd_barrier_arrive(int id, int threads)
{
    hd_host::barrier_arrive(id, threads);
}
HD_HOST_FN void __syncwarp(unsigned int = 0xffffffffu)
{
    hd_host::meet(hd_host::MEET_SYNC, 0);
}
HD_HOST_FN void hd_pause()
{
    hd_host::pause();
}
HD_HOST_FN void hd_exit()
{
    hd_host::give_up();
}
HD_HOST_FN void __trap()
{
    hd_host::give_up();
}
HD_HOST_FN void hd_grid_sync(unsigned int *, void *)
{
    hd_host::grid_sync();
}
HD_HOST_FN void __threadfence()
{
    hd_host::fence();
}
HD_HOST_FN void __threadfence_block()
{
    hd_host::fence();
}

template <int Bytes, int Policy = 0>
HD_HOST_FN void hd_async_copy(void *to, const void *from, bool inside = true,
                              const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
    if ((size_t)to % Bytes || (inside && (size_t)from % Bytes))
        hd_host::fail("an asynchronous copy is not aligned");
    hd_host::copy_begin(to, inside ? from : nullptr, Bytes, file, line);
}
HD_HOST_FN void hd_async_commit()
{
    hd_host::copy_commit();
}
template <int Groups> HD_HOST_FN void hd_async_wait()
{
    hd_host::copy_wait(Groups);
}

HD_OWN __attribute__((noinline)) void hd_trap(HdTrap *trap, int site, long long a, long long b,
                                              long long c, long long d)
{
    int32_t none = 0;
    if (!__atomic_compare_exchange_n(&trap->state, &none, 1, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE))
        return;
    trap->site = site;
    trap->value[0] = a;
    trap->value[1] = b;
    trap->value[2] = c;
    trap->value[3] = d;
    __atomic_store_n(&trap->state, 2, __ATOMIC_RELEASE);
}

// ---- collectives of a warp ---------------------------------------------------------------------
// A lane outside the warp gives the reader's own value; the index of __shfl_sync wraps.
HD_HOST_FN unsigned int hd_host_from(hd_host::Meet kind, unsigned int x, int lane)
{
    const unsigned int *all = hd_host::meet(kind, x);
    int count = hd_host::warp_size();
    return lane < 0 || lane >= count ? x : all[lane];
}
HD_HOST_FN unsigned int __shfl_sync(unsigned int, unsigned int x, int lane)
{
    return hd_host_from(hd_host::MEET_SHUFFLE, x, lane & 31);
}
HD_HOST_FN unsigned int __shfl_xor_sync(unsigned int, unsigned int x, int mask)
{
    return hd_host_from(hd_host::MEET_XOR, x, hd_host::lane() ^ mask);
}
HD_HOST_FN unsigned int __shfl_up_sync(unsigned int, unsigned int x, unsigned int by)
{
    return hd_host_from(hd_host::MEET_UP, x, hd_host::lane() - (int)by);
}
HD_HOST_FN unsigned int __shfl_down_sync(unsigned int, unsigned int x, unsigned int by)
{
    return hd_host_from(hd_host::MEET_DOWN, x, hd_host::lane() + (int)by);
}
HD_HOST_FN unsigned int __ballot_sync(unsigned int, int p)
{
    const unsigned int *all = hd_host::meet(hd_host::MEET_VOTE, p != 0);
    unsigned int bits = 0;
    for (int i = 0; i < hd_host::warp_size(); ++i) bits |= all[i] << i;
    return bits;
}
HD_HOST_FN int __any_sync(unsigned int mask, int p)
{
    return __ballot_sync(mask, p) != 0;
}
HD_HOST_FN int __all_sync(unsigned int mask, int p)
{
    return __ballot_sync(mask, !p) == 0;
}

// ---- atomics -----------------------------------------------------------------------------------
#define HD_HOST_ATOMIC HD_OWN __attribute__((noinline))
template <class T> HD_HOST_ATOMIC T atomicAdd(T *p, T v)
{
    hd_host::touch(p, sizeof *p, hd_host::ATOMIC);
    return __atomic_fetch_add(p, v, __ATOMIC_RELAXED);
}
template <class T> HD_HOST_ATOMIC T atomicAnd(T *p, T v)
{
    hd_host::touch(p, sizeof *p, hd_host::ATOMIC);
    return __atomic_fetch_and(p, v, __ATOMIC_RELAXED);
}
template <class T> HD_HOST_ATOMIC T atomicOr(T *p, T v)
{
    hd_host::touch(p, sizeof *p, hd_host::ATOMIC);
    return __atomic_fetch_or(p, v, __ATOMIC_RELAXED);
}
template <class T> HD_HOST_ATOMIC T atomicXor(T *p, T v)
{
    hd_host::touch(p, sizeof *p, hd_host::ATOMIC);
    return __atomic_fetch_xor(p, v, __ATOMIC_RELAXED);
}
template <class T> HD_HOST_ATOMIC T atomicCAS(T *p, T expected, T v)
{
    hd_host::touch(p, sizeof *p, hd_host::ATOMIC);
    __atomic_compare_exchange_n(p, &expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
template <class T, class F> HD_HOST_ATOMIC T hd_host_update(T *p, F next)
{
    hd_host::touch(p, sizeof *p, hd_host::ATOMIC);
    T old, r;
    __atomic_load(p, &old, __ATOMIC_RELAXED);
    do r = next(old);
    while (!__atomic_compare_exchange(p, &old, &r, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    return old;
}
HD_HOST_ATOMIC float atomicAdd(float *p, float v)
{
    return hd_host_update(p, [=](float x) { return x + v; });
}
HD_HOST_ATOMIC double atomicAdd(double *p, double v)
{
    return hd_host_update(p, [=](double x) { return x + v; });
}
template <class T> HD_HOST_ATOMIC T atomicMin(T *p, T v)
{
    return hd_host_update(p, [=](T x) { return x < v ? x : v; });
}
template <class T> HD_HOST_ATOMIC T atomicMax(T *p, T v)
{
    return hd_host_update(p, [=](T x) { return x > v ? x : v; });
}

// ---- integers ----------------------------------------------------------------------------------
HD_HOST_FN int __popc(unsigned int x)
{
    return __builtin_popcount(x);
}
HD_HOST_FN int __popcll(unsigned long long x)
{
    return __builtin_popcountll(x);
}
HD_HOST_FN int __clz(int x)
{
    return x ? __builtin_clz((unsigned int)x) : 32;
}
HD_HOST_FN int __clzll(long long x)
{
    return x ? __builtin_clzll((unsigned long long)x) : 64;
}
HD_HOST_FN int __ffs(int x)
{
    return __builtin_ffs(x);
}
HD_HOST_FN int __ffsll(long long x)
{
    return __builtin_ffsll(x);
}
HD_HOST_FN uint32_t hd_prmt_u32(uint32_t a, uint32_t b, uint32_t s)
{
    uint64_t bytes = (uint64_t)b << 32 | a;
    uint32_t r = 0;
    for (int i = 0; i < 32; i += 8, s >>= 4) {
        uint32_t byte = (uint32_t)(bytes >> (s & 7) * 8 & 255);
        r |= (s & 8 ? (byte & 128 ? 255u : 0u) : byte) << i;
    }
    return r;
}
HD_HOST_FN uint32_t hd_lop3_u32(uint32_t a, uint32_t b, uint32_t c, uint32_t table)
{
    uint32_t r = 0;
    for (int i = 0; i < 8; i++)
        if (table >> i & 1) r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    return r;
}
HD_HOST_FN int __mulhi(int a, int b)
{
    return (int)((long long)a * b >> 32);
}
HD_HOST_FN unsigned int __umulhi(unsigned int a, unsigned int b)
{
    return (unsigned int)((unsigned long long)a * b >> 32);
}
HD_HOST_FN long long __mul64hi(long long a, long long b)
{
    return (long long)((__int128)a * b >> 64);
}
HD_HOST_FN unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{
    return (unsigned long long)((unsigned __int128)a * b >> 64);
}
HD_HOST_FN int __dp4a(int a, int b, int c)
{
    unsigned int r = (unsigned int)c;
    for (int i = 0; i < 32; i += 8)
        r += (unsigned int)((signed char)(a >> i) * (signed char)(b >> i));
    return (int)r;
}
HD_HOST_FN unsigned int __dp4a(unsigned int a, unsigned int b, unsigned int c)
{
    for (int i = 0; i < 32; i += 8) c += (a >> i & 255) * (b >> i & 255);
    return c;
}

template <class T> HD_HOST_FN T hd_divisor(T b)
{
    return b ? b : 1;
}

// ---- floats ------------------------------------------------------------------------------------
HD_HOST_FN float __fmaf_rn(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}
HD_HOST_FN double __fma_rn(double a, double b, double c)
{
    return __builtin_fma(a, b, c);
}
HD_HOST_FN float __fsqrt_rn(float a)
{
    return __builtin_sqrtf(a);
}
HD_HOST_FN double __dsqrt_rn(double a)
{
    return __builtin_sqrt(a);
}
// The approximations, exactly.
HD_HOST_FN float hd_approx_exp2_f32(float a)
{
    return (float)__builtin_exp2(a);
}
HD_HOST_FN float hd_approx_log2_f32(float a)
{
    return (float)__builtin_log2(a);
}
HD_HOST_FN float hd_approx_rcp_f32(float a)
{
    return 1 / a;
}
HD_HOST_FN float hd_approx_rsqrt_f32(float a)
{
    return (float)(1 / __builtin_sqrt(a));
}
HD_HOST_FN float hd_approx_sqrt_f32(float a)
{
    return (float)__builtin_sqrt(a);
}
HD_HOST_FN float hd_approx_sin_f32(float a)
{
    return (float)__builtin_sin(a);
}
HD_HOST_FN float hd_approx_cos_f32(float a)
{
    return (float)__builtin_cos(a);
}
HD_HOST_FN float hd_approx_tanh_f32(float a)
{
    return (float)__builtin_tanh(a);
}
// The instructions hold -0 below +0.
template <class T> HD_HOST_FN T hd_host_least(T a, T b)
{
    return a == b ? (signbit(a) ? a : b) : a < b || b != b ? a : b;
}
template <class T> HD_HOST_FN T hd_host_most(T a, T b)
{
    return a == b ? (signbit(a) ? b : a) : a > b || b != b ? a : b;
}
#define fminf hd_host_least
#define fmaxf hd_host_most
#define fmin hd_host_least
#define fmax hd_host_most

// Out of range saturates; NaN gives 0, or the lowest value of a 64-bit result or from a double.
#define HD_HOST_TO_INT(name, From, To, lowest, below, above, nan)                                  \
    HD_HOST_FN To name(From x)                                                                     \
    {                                                                                              \
        return x != x ? nan : x <= below ? lowest : x >= above ? (To)~lowest : (To)x;              \
    }
#define HD_HOST_LOW32 (-2147483647 - 1)
#define HD_HOST_LOW64 (-9223372036854775807ll - 1)
HD_HOST_TO_INT(__float2int_rz, float, int, HD_HOST_LOW32, -0x1p31f, 0x1p31f, 0)
HD_HOST_TO_INT(__float2uint_rz, float, unsigned int, 0u, 0.0f, 0x1p32f, 0)
HD_HOST_TO_INT(__float2ll_rz, float, long long, HD_HOST_LOW64, -0x1p63f, 0x1p63f, HD_HOST_LOW64)
HD_HOST_TO_INT(__float2ull_rz, float, unsigned long long, 0ull, 0.0f, 0x1p64f, 1ull << 63)
HD_HOST_TO_INT(__double2int_rz, double, int, HD_HOST_LOW32, -0x1p31, 0x1p31, HD_HOST_LOW32)
HD_HOST_TO_INT(__double2uint_rz, double, unsigned int, 0u, 0.0, 0x1p32, 1u << 31)
HD_HOST_TO_INT(__double2ll_rz, double, long long, HD_HOST_LOW64, -0x1p63, 0x1p63, HD_HOST_LOW64)
HD_HOST_TO_INT(__double2ull_rz, double, unsigned long long, 0ull, 0.0, 0x1p64, 1ull << 63)

struct hd_f16 {
    unsigned short bits;
};
HD_HOST_FN hd_f16 hd_host_f16(_Float16 x)
{
    hd_f16 r;
    memcpy(&r, &x, sizeof r);
    if (x != x) r.bits = 0x7fff;
    return r;
}
HD_HOST_FN _Float16 hd_host_f16(hd_f16 x)
{
    _Float16 r;
    memcpy(&r, &x, sizeof r);
    return r;
}
HD_HOST_FN float hd_cast_f32_f16(hd_f16 x)
{
    return (float)hd_host_f16(x);
}
HD_HOST_FN hd_f16 hd_cast_f16_f32(float x)
{
    return hd_host_f16((_Float16)x);
}
// The sum is exact in a quadruple float: rounded once.
HD_HOST_FN hd_f16 hd_fma_f16(hd_f16 a, hd_f16 b, hd_f16 c)
{
    __float128 x = (float)hd_host_f16(a), y = (float)hd_host_f16(b), z = (float)hd_host_f16(c);
    return hd_host_f16((_Float16)(x * y + z));
}

#endif
