// The device prelude's part for matrix instructions; its rules stand at the head of prelude.cuh.
// Fragments are given by the address of their first element, aligned to 4 bytes at least.

// ---- matrices out of shared memory --------------------------------------------------------------
// Eight rows of 16 bytes a matrix; lane l gives the address of row l % 8 of matrix l / 8.
#ifndef HD_HOST
#define HD_LDMATRIX_1(name, ptx)                                                                   \
    HD_FN void name(void *fragment, const void *row)                                               \
    {                                                                                              \
        uint32_t *r = (uint32_t *)fragment;                                                        \
        asm volatile(ptx " {%0}, [%1];" : "=r"(r[0]) : "r"(hd_shared_address(row)));               \
    }
#endif

#ifndef HD_HOST
#define HD_LDMATRIX_2(name, ptx)                                                                   \
    HD_FN void name(void *fragment, const void *row)                                               \
    {                                                                                              \
        uint32_t *r = (uint32_t *)fragment;                                                        \
        asm volatile(ptx " {%0, %1}, [%2];"                                                        \
                     : "=r"(r[0]), "=r"(r[1])                                                      \
                     : "r"(hd_shared_address(row)));                                               \
    }
#endif

#ifndef HD_HOST
#define HD_LDMATRIX_4(name, ptx)                                                                   \
    HD_FN void name(void *fragment, const void *row)                                               \
    {                                                                                              \
        uint32_t *r = (uint32_t *)fragment;                                                        \
        asm volatile(ptx " {%0, %1, %2, %3}, [%4];"                                                \
                     : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])                              \
                     : "r"(hd_shared_address(row)));                                               \
    }
#endif

// ---- matrices into shared memory ----------------------------------------------------------------
#ifndef HD_HOST
#define HD_STMATRIX_1(name, ptx)                                                                   \
    HD_FN void name(void *row, const void *fragment)                                               \
    {                                                                                              \
        const uint32_t *r = (const uint32_t *)fragment;                                            \
        asm volatile(ptx " [%0], {%1};" ::"r"(hd_shared_address(row)), "r"(r[0]) : "memory");      \
    }
#endif

#ifndef HD_HOST
#define HD_STMATRIX_2(name, ptx)                                                                   \
    HD_FN void name(void *row, const void *fragment)                                               \
    {                                                                                              \
        const uint32_t *r = (const uint32_t *)fragment;                                            \
        asm volatile(ptx " [%0], {%1, %2};" ::"r"(hd_shared_address(row)), "r"(r[0]), "r"(r[1])    \
                     : "memory");                                                                  \
    }
#endif

#ifndef HD_HOST
#define HD_STMATRIX_4(name, ptx)                                                                   \
    HD_FN void name(void *row, const void *fragment)                                               \
    {                                                                                              \
        const uint32_t *r = (const uint32_t *)fragment;                                            \
        asm volatile(ptx " [%0], {%1, %2, %3, %4};" ::"r"(hd_shared_address(row)), "r"(r[0]),      \
                     "r"(r[1]), "r"(r[2]), "r"(r[3])                                               \
                     : "memory");                                                                  \
    }
#endif

// ---- products -----------------------------------------------------------------------------------
// HD_MMA_C_A_B(name, ptx, …): sums += first * second, in C, A and B registers of a lane. Volatile,
// so that no compiler moves it to where the result is used, which not all lanes may come to.
#ifndef HD_HOST
#define HD_MMA_FN(name, Sum, Factor, ...)                                                          \
    HD_FN void name(void *sums, const void *first, const void *second)                             \
    {                                                                                              \
        Sum *c = (Sum *)sums;                                                                      \
        const Factor *a = (const Factor *)first, *b = (const Factor *)second;                      \
        asm volatile(__VA_ARGS__);                                                                 \
    }
#endif

#ifndef HD_HOST
#define HD_MMA_4_4_2(name, ptx, Sum, s, Factor, f)                                                 \
    HD_MMA_FN(name, Sum, Factor,                                                                   \
              ptx " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"               \
              : "+" s(c[0]), "+" s(c[1]), "+" s(c[2]), "+" s(c[3])                                 \
              : f(a[0]), f(a[1]), f(a[2]), f(a[3]), f(b[0]), f(b[1]))
#endif

#ifndef HD_HOST
#define HD_MMA_4_2_1(name, ptx, Sum, s, Factor, f)                                                 \
    HD_MMA_FN(name, Sum, Factor, ptx " {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"        \
              : "+" s(c[0]), "+" s(c[1]), "+" s(c[2]), "+" s(c[3])                                 \
              : f(a[0]), f(a[1]), f(b[0]))
#endif

#ifndef HD_HOST
#define HD_MMA_2_4_2(name, ptx, Sum, s, Factor, f)                                                 \
    HD_MMA_FN(name, Sum, Factor, ptx " {%0, %1}, {%2, %3, %4, %5}, {%6, %7}, {%0, %1};"            \
              : "+" s(c[0]), "+" s(c[1])                                                           \
              : f(a[0]), f(a[1]), f(a[2]), f(a[3]), f(b[0]), f(b[1]))
#endif

#ifndef HD_HOST
#define HD_MMA_2_2_1(name, ptx, Sum, s, Factor, f)                                                 \
    HD_MMA_FN(name, Sum, Factor, ptx " {%0, %1}, {%2, %3}, {%4}, {%0, %1};"                        \
              : "+" s(c[0]), "+" s(c[1])                                                           \
              : f(a[0]), f(a[1]), f(b[0]))
#endif

#ifndef HD_HOST
#define HD_MMA_2_1_1(name, ptx, Sum, s, Factor, f)                                                 \
    HD_MMA_FN(name, Sum, Factor, ptx " {%0, %1}, {%2}, {%3}, {%0, %1};"                            \
              : "+" s(c[0]), "+" s(c[1])                                                           \
              : f(a[0]), f(b[0]))
#endif

#ifndef HD_HOST
#define HD_MMA_4_8_4(name, ptx, Sum, s, Factor, f)                                                 \
    HD_MMA_FN(name, Sum, Factor,                                                                   \
              ptx " {%0, %1, %2, %3}, {%4, %5, %6, %7, %8, %9, %10, %11}, {%12, %13, %14, %15}, "  \
                  "{%0, %1, %2, %3};"                                                              \
              : "+" s(c[0]), "+" s(c[1]), "+" s(c[2]), "+" s(c[3])                                 \
              : f(a[0]), f(a[1]), f(a[2]), f(a[3]), f(a[4]), f(a[5]), f(a[6]), f(a[7]), f(b[0]),   \
                f(b[1]), f(b[2]), f(b[3]))
#endif

// ---- products by a warpgroup --------------------------------------------------------------------
// A factor in shared memory: its address, and how it lies, as a matrix descriptor.
#ifndef HD_HOST
typedef unsigned long long hd_matrix;
#endif

#ifndef HD_HOST
HD_FN hd_matrix hd_describe(const void *p, unsigned long long lies)
{
    return lies | ((hd_shared_address(p) & 0x3ffff) >> 4);
}
#endif

// Before the first product, and after its registers were used otherwise.
#ifndef HD_HOST
HD_FN void hd_wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" : : : "memory"); }
#endif

#ifndef HD_HOST
HD_FN void hd_wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" : : : "memory"); }
#endif

// Until at most the last `Groups` groups of products are under way.
#ifndef HD_HOST
template <int Groups> HD_FN void hd_wgmma_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" : : "n"(Groups) : "memory");
}
#endif

// Registers are as the program says, here: no use of them is moved past this point.
#ifndef HD_HOST
HD_FN void hd_settle_word(float &x) { asm volatile("" : "+f"(x) : : "memory"); }
#endif

#ifndef HD_HOST
HD_FN void hd_settle_word(uint32_t &x) { asm volatile("" : "+r"(x) : : "memory"); }
#endif

template <class T, int Count> HD_FN void hd_settle(void *registers)
{
#ifndef HD_HOST
#pragma unroll
    for (int i = 0; i < Count; ++i) hd_settle_word(((T *)registers)[i]);
#endif
}
