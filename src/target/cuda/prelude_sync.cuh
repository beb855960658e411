// The device prelude, second part: what threads do together. Rules as in prelude.cuh.

// ---- waiting ------------------------------------------------------------------------------------
// A barrier of `threads` threads (whole warps); the block's other threads have no part in it.
#ifndef HD_HOST
HD_FN void hd_group_sync(int id, int threads)
{
    asm volatile("bar.sync %0, %1;" : : "r"(id), "r"(threads) : "memory");
}
#endif

// One that a program has declared: a warp comes to it as a whole, but maybe not at once.
#ifndef HD_HOST
HD_FN void hd_barrier_sync(int id, int threads)
{
    asm volatile("barrier.sync %0, %1;" : : "r"(id), "r"(threads) : "memory");
}
#endif

#ifndef HD_HOST
HD_FN void hd_barrier_arrive(int id, int threads)
{
    asm volatile("barrier.arrive %0, %1;" : : "r"(id), "r"(threads) : "memory");
}
#endif

// Lets other threads run while this one spins.
#ifndef HD_HOST
HD_FN void hd_pause()
{
    __nanosleep(20);
}
#endif

// ---- mbarriers ----------------------------------------------------------------------------------
// An address in shared memory, as instructions take it.
#ifndef HD_HOST
HD_FN unsigned int hd_shared_address(const void *p)
{
    return (unsigned int)__cvta_generic_to_shared(p);
}
#endif

#ifndef HD_HOST
HD_FN void hd_mbarrier_init(unsigned long long *b, unsigned int arrivals)
{
    asm volatile("mbarrier.init.shared.b64 [%0], %1;"
                 :
                 : "r"(hd_shared_address(b)), "r"(arrivals)
                 : "memory");
}
#endif

// After the last init: lets copy engines see the barriers. A block's barrier follows.
#ifndef HD_HOST
HD_FN void hd_mbarrier_ready()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("fence.mbarrier_init.release.cluster;" : : : "memory");
    asm volatile("fence.proxy.async.shared::cta;" : : : "memory");
#endif
}
#endif

#ifndef HD_HOST
HD_FN void hd_mbarrier_arrive(unsigned long long *b)
{
    asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared.b64 state, [%0];\n}"
                 :
                 : "r"(hd_shared_address(b))
                 : "memory");
}
#endif

// Arrives, and has the phase last until so many more bytes have been copied.
#ifndef HD_HOST
HD_FN void hd_mbarrier_expect(unsigned long long *b, unsigned int bytes)
{
    asm volatile("{\n.reg .b64 state;\n"
                 "mbarrier.arrive.expect_tx.shared::cta.b64 state, [%0], %1;\n}"
                 :
                 : "r"(hd_shared_address(b)), "r"(bytes)
                 : "memory");
}
#endif

// Until the phase of this parity is over.
#ifndef HD_HOST
HD_FN void hd_mbarrier_wait(unsigned long long *b, unsigned int parity)
{
    unsigned int over;
    do {
        asm volatile("{\n.reg .pred p;\n"
#if __CUDA_ARCH__ >= 900
                     "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
#else
                     "mbarrier.test_wait.parity.shared.b64 p, [%1], %2;\n"
#endif
                     "selp.u32 %0, 1, 0, p;\n}"
                     : "=r"(over)
                     : "r"(hd_shared_address(b)), "r"(parity)
                     : "memory");
    } while (!over);
}
#endif

// ---- what L2 keeps ------------------------------------------------------------------------------
#define HD_EVICT_FIRST 1

#define HD_EVICT_LAST 2

// The policy of asynchronous copies and copy engines that say one.
#ifndef HD_HOST
template <int Policy> HD_FN uint64_t hd_policy()
{
    uint64_t policy = 0;
#if __CUDA_ARCH__ >= 800
    if constexpr (Policy == 1)
        asm("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
    else
        asm("createpolicy.fractional.L2::evict_last.b64 %0, 1.0;" : "=l"(policy));
#endif
    return policy;
}
#endif

// ---- clusters -----------------------------------------------------------------------------------
// Where block `rank` of the cluster has what this one has at p, in its shared memory.
#ifndef HD_HOST
template <class T> HD_FN T *hd_of_block(T *p, unsigned int rank)
{
    unsigned long long there;
    asm("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(p), "r"(rank));
    return (T *)there;
}
#endif

// Of all threads of the cluster: what they did before, all see afterwards.
#ifndef HD_HOST
HD_FN void hd_cluster_sync()
{
    asm volatile("barrier.cluster.arrive.release;" : : : "memory");
    asm volatile("barrier.cluster.wait.acquire;" : : : "memory");
}
#endif

// At the mbarrier that block `rank` has where this one has b.
#ifndef HD_HOST
HD_FN void hd_mbarrier_arrive_of_block(unsigned long long *b, unsigned int rank)
{
    asm volatile("{\n.reg .b32 there;\n"
                 "mapa.shared::cluster.u32 there, %0, %1;\n"
                 "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [there];\n}"
                 :
                 : "r"(hd_shared_address(b)), "r"(rank)
                 : "memory");
}
#endif

// As hd_mbarrier_wait, where threads of other blocks arrive.
#ifndef HD_HOST
HD_FN void hd_mbarrier_wait_cluster(unsigned long long *b, unsigned int parity)
{
    unsigned int over;
    do {
        asm volatile("{\n.reg .pred p;\n"
                     "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%1], %2;\n"
                     "selp.u32 %0, 1, 0, p;\n}"
                     : "=r"(over)
                     : "r"(hd_shared_address(b)), "r"(parity)
                     : "memory");
    } while (!over);
}
#endif

// ---- copy engines -------------------------------------------------------------------------------
// A CUtensorMap, which the host has made.
#ifndef HD_HOST
struct __align__(64) HdTensorMap {
    unsigned long long words[16];
};
#endif

// Copies the box at these coordinates, the fastest dimension's first, to p; b counts its bytes.
#ifndef HD_HOST
template <int Rank, int Policy = 0>
HD_FN void hd_tma_load(const void *p, const HdTensorMap *map, unsigned long long *b, int x,
                       int y = 0, int z = 0, int u = 0, int v = 0)
{
    unsigned int to = hd_shared_address(p), bar = hd_shared_address(b);
#define HD_TMA_LOAD_AS(n, at, hint, policy, ...)                                                   \
    asm volatile("cp.async.bulk.tensor." n                                                         \
                 ".shared::cluster.global.mbarrier::complete_tx::bytes" hint                       \
                 " [%0], [%1, {" at "}], [%2]" policy ";"                                          \
                 :                                                                                 \
                 : "r"(to), "l"(map), "r"(bar), "r"(x), "r"(y), "r"(z), "r"(u),                    \
                   "r"(v)__VA_ARGS__                                                               \
                 : "memory")
#define HD_TMA_LOAD(n, at)                                                                         \
    if constexpr (Policy == 0)                                                                     \
        HD_TMA_LOAD_AS(n, at, "", "");                                                             \
    else                                                                                           \
        HD_TMA_LOAD_AS(n, at, ".L2::cache_hint", ", %8", , "l"(hd_policy<Policy>()))
    if constexpr (Rank == 1) { HD_TMA_LOAD("1d", "%3"); }
    if constexpr (Rank == 2) { HD_TMA_LOAD("2d", "%3, %4"); }
    if constexpr (Rank == 3) { HD_TMA_LOAD("3d", "%3, %4, %5"); }
    if constexpr (Rank == 4) { HD_TMA_LOAD("4d", "%3, %4, %5, %6"); }
    if constexpr (Rank == 5) { HD_TMA_LOAD("5d", "%3, %4, %5, %6, %7"); }
}
#endif

// The same to each block of the cluster whose bit is set: to where it has what lies at p here, and
// its mbarrier counts.
#ifndef HD_HOST
template <int Rank, int Policy = 0>
HD_FN void hd_tma_multicast(const void *p, const HdTensorMap *map, unsigned long long *b,
                            unsigned short blocks, int x, int y = 0, int z = 0, int u = 0, int v = 0)
{
    unsigned int to = hd_shared_address(p), bar = hd_shared_address(b);
#define HD_TMA_MULTICAST_AS(n, at, hint, policy, ...)                                              \
    asm volatile("cp.async.bulk.tensor." n                                                         \
                 ".shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster" hint    \
                 " [%0], [%1, {" at "}], [%2], %8" policy ";"                                      \
                 :                                                                                 \
                 : "r"(to), "l"(map), "r"(bar), "r"(x), "r"(y), "r"(z), "r"(u), "r"(v),            \
                   "h"(blocks)__VA_ARGS__                                                          \
                 : "memory")
#define HD_TMA_MULTICAST(n, at)                                                                    \
    if constexpr (Policy == 0)                                                                     \
        HD_TMA_MULTICAST_AS(n, at, "", "");                                                        \
    else                                                                                           \
        HD_TMA_MULTICAST_AS(n, at, ".L2::cache_hint", ", %9", , "l"(hd_policy<Policy>()))
    if constexpr (Rank == 1) { HD_TMA_MULTICAST("1d", "%3"); }
    if constexpr (Rank == 2) { HD_TMA_MULTICAST("2d", "%3, %4"); }
    if constexpr (Rank == 3) { HD_TMA_MULTICAST("3d", "%3, %4, %5"); }
    if constexpr (Rank == 4) { HD_TMA_MULTICAST("4d", "%3, %4, %5, %6"); }
    if constexpr (Rank == 5) { HD_TMA_MULTICAST("5d", "%3, %4, %5, %6, %7"); }
}
#endif

#ifndef HD_HOST
template <int Rank, int Policy = 0>
HD_FN void hd_tma_store(const void *p, const HdTensorMap *map, int x, int y = 0, int z = 0,
                        int u = 0, int v = 0)
{
    unsigned int from = hd_shared_address(p);
#define HD_TMA_STORE_AS(n, at, hint, policy, ...)                                                  \
    asm volatile("cp.async.bulk.tensor." n ".global.shared::cta.bulk_group" hint                    \
                 " [%1, {" at "}], [%0]" policy ";"                                                \
                 :                                                                                 \
                 : "r"(from), "l"(map), "r"(x), "r"(y), "r"(z), "r"(u), "r"(v)__VA_ARGS__          \
                 : "memory")
#define HD_TMA_STORE(n, at)                                                                        \
    if constexpr (Policy == 0)                                                                     \
        HD_TMA_STORE_AS(n, at, "", "");                                                            \
    else                                                                                           \
        HD_TMA_STORE_AS(n, at, ".L2::cache_hint", ", %7", , "l"(hd_policy<Policy>()))
    if constexpr (Rank == 1) { HD_TMA_STORE("1d", "%2"); }
    if constexpr (Rank == 2) { HD_TMA_STORE("2d", "%2, %3"); }
    if constexpr (Rank == 3) { HD_TMA_STORE("3d", "%2, %3, %4"); }
    if constexpr (Rank == 4) { HD_TMA_STORE("4d", "%2, %3, %4, %5"); }
    if constexpr (Rank == 5) { HD_TMA_STORE("5d", "%2, %3, %4, %5, %6"); }
}
#endif

#ifndef HD_HOST
HD_FN void hd_tma_commit()
{
    asm volatile("cp.async.bulk.commit_group;" : : : "memory");
}
#endif

#ifndef HD_HOST
template <int Groups> HD_FN void hd_tma_wait()
{
    asm volatile("cp.async.bulk.wait_group %0;" : : "n"(Groups) : "memory");
}
#endif

// What this thread has written to shared memory, the engines see after the next barrier.
#ifndef HD_HOST
HD_FN void hd_fence_engines()
{
    asm volatile("fence.proxy.async.shared::cta;" : : : "memory");
}
#endif

// The same of what it has written to that of any block of the cluster.
#ifndef HD_HOST
HD_FN void hd_fence_engines_of_blocks()
{
    asm volatile("fence.proxy.async.shared::cluster;" : : : "memory");
}
#endif

// ---- registers ----------------------------------------------------------------------------------
// Run by whole warpgroups. Architectures without a feature set of their own keep what they have.
#ifndef HD_HOST
template <int Count> HD_FN void hd_registers_down()
{
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || defined(__CUDA_ARCH_FEAT_SM100_ALL)
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" : : "n"(Count));
#endif
}
#endif

#ifndef HD_HOST
template <int Count> HD_FN void hd_registers_up()
{
#if defined(__CUDA_ARCH_FEAT_SM90_ALL) || defined(__CUDA_ARCH_FEAT_SM100_ALL)
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" : : "n"(Count));
#endif
}
#endif

// Ends this thread, and no other.
#ifndef HD_HOST
HD_FN void hd_exit()
{
    asm volatile("exit;");
}
#endif

// ---- asynchronous copies ------------------------------------------------------------------------
// A few bytes from global to shared memory, zeros unless `inside`: there once the thread has waited
// for the group that it commits them to. Before sm_80 they are there at once.
#ifndef HD_HOST
template <int Bytes> struct alignas(Bytes) hd_bytes { unsigned int word[Bytes / 4]; };
template <int Bytes, int Policy = 0>
HD_FN void hd_async_copy(void *to, const void *from, bool inside)
{
#if __CUDA_ARCH__ >= 800
    unsigned int at = (unsigned int)__cvta_generic_to_shared(to);
    int read = inside ? Bytes : 0;
    if constexpr (Bytes == 16 && Policy)
        asm volatile("cp.async.cg.shared.global.L2::cache_hint [%0], [%1], 16, %2, %3;"
                     : : "r"(at), "l"(from), "r"(read), "l"(hd_policy<Policy>()) : "memory");
    else if constexpr (Policy)
        asm volatile("cp.async.ca.shared.global.L2::cache_hint [%0], [%1], %2, %3, %4;"
                     : : "r"(at), "l"(from), "n"(Bytes), "r"(read), "l"(hd_policy<Policy>())
                     : "memory");
    else if constexpr (Bytes == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                     : : "r"(at), "l"(from), "r"(read) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;"
                     : : "r"(at), "l"(from), "n"(Bytes), "r"(read) : "memory");
#else
    if (inside)
        *(hd_bytes<Bytes> *)to = *(const hd_bytes<Bytes> *)from;
    else
        *(hd_bytes<Bytes> *)to = hd_bytes<Bytes>{};
#endif
}
template <int Bytes> HD_FN void hd_async_copy(void *to, const void *from)
{
#if __CUDA_ARCH__ >= 800
    unsigned int at = (unsigned int)__cvta_generic_to_shared(to);
    if constexpr (Bytes == 16)
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" : : "r"(at), "l"(from) : "memory");
    else
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2;"
                     : : "r"(at), "l"(from), "n"(Bytes) : "memory");
#else
    *(hd_bytes<Bytes> *)to = *(const hd_bytes<Bytes> *)from;
#endif
}
#endif

// Closes a group of the thread's copies.
#ifndef HD_HOST
HD_FN void hd_async_commit()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.commit_group;" : : : "memory");
#endif
}
#endif

// Until at most the last `Groups` groups are under way.
#ifndef HD_HOST
template <int Groups> HD_FN void hd_async_wait()
{
#if __CUDA_ARCH__ >= 800
    asm volatile("cp.async.wait_group %0;" : : "n"(Groups) : "memory");
#endif
}
#endif

// ---- memory that others write -------------------------------------------------------------------
template <int Bytes> struct hd_word {};
template <> struct hd_word<1> { typedef unsigned char type; };
template <> struct hd_word<2> { typedef unsigned short type; };
template <> struct hd_word<4> { typedef unsigned int type; };
template <> struct hd_word<8> { typedef unsigned long long type; };

// One read and one write, relaxed, at this place and no other.
template <class T> HD_FN T hd_peek(const T *p)
{
    typedef typename hd_word<sizeof(T)>::type word;
    return hd_bits<T>((word)*(const volatile word *)p);
}

template <class T> HD_FN void hd_poke(T *p, T v)
{
    typedef typename hd_word<sizeof(T)>::type word;
    *(volatile word *)p = hd_bits<word>(v);
}

enum hd_order { HD_RELAXED, HD_ACQUIRE, HD_RELEASE, HD_ACQ_REL };

enum hd_scope { HD_BLOCK, HD_DEVICE };

HD_FN void hd_fence(hd_scope scope)
{
    if (scope == HD_BLOCK)
        __threadfence_block();
    else
        __threadfence();
}

// The fences that make a relaxed operation release what came before it and acquire what follows.
template <class F> HD_FN auto hd_ordered(hd_order order, hd_scope scope, F operation)
{
    if (order == HD_RELEASE || order == HD_ACQ_REL) hd_fence(scope);
    auto old = operation();
    if (order == HD_ACQUIRE || order == HD_ACQ_REL) hd_fence(scope);
    return old;
}

// ---- atomics: they give the old value -----------------------------------------------------------
// Stores v if *p has the bits of `expected`. A byte is part of a word that is swapped whole.
template <class T> HD_FN T hd_swap_if(T *p, T expected, T v)
{
    typedef typename hd_word<sizeof(T)>::type word;
    if constexpr (sizeof(T) > 1) {
        return hd_bits<T>(atomicCAS((word *)p, hd_bits<word>(expected), hd_bits<word>(v)));
    } else {
        unsigned int at = (unsigned int)((size_t)p & 3), shift = at * 8;
        unsigned int *whole = (unsigned int *)((char *)p - at), old = hd_peek(whole);
        while ((word)(old >> shift) == hd_bits<word>(expected)) {
            unsigned int next = (old & ~(255u << shift)) | (unsigned int)hd_bits<word>(v) << shift;
            unsigned int seen = atomicCAS(whole, old, next);
            if (seen == old) break;
            old = seen;
        }
        return hd_bits<T>((word)(old >> shift));
    }
}

// *p = next(*p), for what has no instruction.
template <class T, class F> HD_FN T hd_update(T *p, F next)
{
    typedef typename hd_word<sizeof(T)>::type word;
    for (T old = hd_peek(p);;) {
        T seen = hd_swap_if(p, old, next(old));
        if (hd_bits<word>(seen) == hd_bits<word>(old)) return old;
        old = seen;
    }
}

template <class T>
HD_FN T hd_atomic_load(const T *p, hd_order order = HD_RELAXED, hd_scope scope = HD_DEVICE)
{
    return hd_ordered(order, scope, [=] { return hd_peek(p); });
}

template <class T>
HD_FN void hd_atomic_store(T *p, T v, hd_order order = HD_RELAXED, hd_scope scope = HD_DEVICE)
{
    if (order != HD_RELAXED) hd_fence(scope);
    hd_poke(p, v);
}

template <class T>
HD_FN T hd_atomic_cas(T *p, T expected, T v, hd_order order = HD_RELAXED,
                      hd_scope scope = HD_DEVICE)
{
    return hd_ordered(order, scope, [=] { return hd_swap_if(p, expected, v); });
}

template <class T>
HD_FN T hd_atomic_exchange(T *p, T v, hd_order order = HD_RELAXED, hd_scope scope = HD_DEVICE)
{
    return hd_ordered(order, scope, [=] { return hd_update(p, [=](T) { return v; }); });
}

#define HD_ATOMIC(op, n, T, old_value)                                                             \
    HD_FN T hd_atomic_##op##_##n(T *p, T v, hd_order order = HD_RELAXED,                           \
                                 hd_scope scope = HD_DEVICE)                                       \
    {                                                                                              \
        return hd_ordered(order, scope, [=] { return old_value; });                                \
    }

#define HD_ATOMIC_LOOP(op, n, T, next)                                                             \
    HD_ATOMIC(op, n, T, hd_update(p, [=](T x) { return (T)(next); }))

HD_ATOMIC(add, i32, int32_t, atomicAdd(p, v))

HD_ATOMIC(add, u32, uint32_t, atomicAdd(p, v))

HD_ATOMIC(add, i64, long long, (long long)atomicAdd((unsigned long long *)p, (unsigned long long)v))

HD_ATOMIC(add, u64, unsigned long long, atomicAdd(p, v))

HD_ATOMIC(add, f32, float, atomicAdd(p, v))

HD_ATOMIC(add, f64, double, atomicAdd(p, v))

HD_ATOMIC_LOOP(add, i8, int8_t, x + v)

HD_ATOMIC_LOOP(add, u8, uint8_t, x + v)

HD_ATOMIC_LOOP(add, i16, int16_t, x + v)

HD_ATOMIC_LOOP(add, u16, uint16_t, x + v)

HD_ATOMIC_LOOP(add, f16, hd_f16, hd_cast_f16_f32(hd_cast_f32_f16(x) + hd_cast_f32_f16(v)))

HD_ATOMIC_LOOP(add, bf16, hd_bf16, hd_cast_bf16_f32(hd_cast_f32_bf16(x) + hd_cast_f32_bf16(v)))

HD_ATOMIC(min, i32, int32_t, atomicMin(p, v))

HD_ATOMIC(min, u32, uint32_t, atomicMin(p, v))

HD_ATOMIC(min, i64, long long, atomicMin(p, v))

HD_ATOMIC(min, u64, unsigned long long, atomicMin(p, v))

HD_ATOMIC_LOOP(min, f32, float, hd_min_f32(x, v))

HD_ATOMIC_LOOP(min, f64, double, hd_min_f64(x, v))

HD_ATOMIC_LOOP(min, i8, int8_t, x < v ? x : v)

HD_ATOMIC_LOOP(min, u8, uint8_t, x < v ? x : v)

HD_ATOMIC_LOOP(min, i16, int16_t, x < v ? x : v)

HD_ATOMIC_LOOP(min, u16, uint16_t, x < v ? x : v)

HD_ATOMIC_LOOP(min, f16, hd_f16,
               hd_cast_f16_f32(hd_min_f32(hd_cast_f32_f16(x), hd_cast_f32_f16(v))))

HD_ATOMIC_LOOP(min, bf16, hd_bf16,
               hd_cast_bf16_f32(hd_min_f32(hd_cast_f32_bf16(x), hd_cast_f32_bf16(v))))

HD_ATOMIC(max, i32, int32_t, atomicMax(p, v))

HD_ATOMIC(max, u32, uint32_t, atomicMax(p, v))

HD_ATOMIC(max, i64, long long, atomicMax(p, v))

HD_ATOMIC(max, u64, unsigned long long, atomicMax(p, v))

HD_ATOMIC_LOOP(max, f32, float, hd_max_f32(x, v))

HD_ATOMIC_LOOP(max, f64, double, hd_max_f64(x, v))

HD_ATOMIC_LOOP(max, i8, int8_t, x > v ? x : v)

HD_ATOMIC_LOOP(max, u8, uint8_t, x > v ? x : v)

HD_ATOMIC_LOOP(max, i16, int16_t, x > v ? x : v)

HD_ATOMIC_LOOP(max, u16, uint16_t, x > v ? x : v)

HD_ATOMIC_LOOP(max, f16, hd_f16,
               hd_cast_f16_f32(hd_max_f32(hd_cast_f32_f16(x), hd_cast_f32_f16(v))))

HD_ATOMIC_LOOP(max, bf16, hd_bf16,
               hd_cast_bf16_f32(hd_max_f32(hd_cast_f32_bf16(x), hd_cast_f32_bf16(v))))

#define HD_ATOMIC_BITS(op, symbol)                                                                 \
    template <class T>                                                                             \
    HD_FN T hd_atomic_##op(T *p, T v, hd_order order = HD_RELAXED, hd_scope scope = HD_DEVICE)     \
    {                                                                                              \
        return hd_ordered(order, scope,                                                            \
                          [=] { return hd_update(p, [=](T x) { return (T)(x symbol v); }); });     \
    }

HD_ATOMIC_BITS(and, &)

HD_ATOMIC_BITS(or, |)

HD_ATOMIC_BITS(xor, ^)

HD_ATOMIC(and, i32, int32_t, atomicAnd(p, v))

HD_ATOMIC(and, u32, uint32_t, atomicAnd(p, v))

HD_ATOMIC(or, i32, int32_t, atomicOr(p, v))

HD_ATOMIC(or, u32, uint32_t, atomicOr(p, v))

HD_ATOMIC(xor, i32, int32_t, atomicXor(p, v))

HD_ATOMIC(xor, u32, uint32_t, atomicXor(p, v))

// ---- collectives of a warp ----------------------------------------------------------------------
// A value of any size, moved between lanes word by word.
template <class T, class F> HD_FN T hd_by_word(T x, F move)
{
    if constexpr (sizeof(T) < 4) {
        typedef typename hd_word<sizeof(T)>::type word;
        return hd_bits<T>((word)move((unsigned int)hd_bits<word>(x)));
    } else {
        unsigned int words[sizeof(T) / 4];
        memcpy(words, &x, sizeof x);
#pragma unroll
        for (int i = 0; i < (int)(sizeof(T) / 4); ++i) words[i] = move(words[i]);
        memcpy(&x, words, sizeof x);
        return x;
    }
}

template <class T> HD_FN T hd_shuffle(T x, int lane)
{
    return hd_by_word(x, [=](unsigned int w) { return __shfl_sync(0xffffffffu, w, lane); });
}

template <class T> HD_FN T hd_shuffle_xor(T x, int mask)
{
    return hd_by_word(x, [=](unsigned int w) { return __shfl_xor_sync(0xffffffffu, w, mask); });
}

template <class T> HD_FN T hd_shuffle_up(T x, int by)
{
    return hd_by_word(x, [=](unsigned int w) {
        return __shfl_up_sync(0xffffffffu, w, (unsigned int)by);
    });
}

template <class T> HD_FN T hd_shuffle_down(T x, int by)
{
    return hd_by_word(x, [=](unsigned int w) {
        return __shfl_down_sync(0xffffffffu, w, (unsigned int)by);
    });
}

#ifndef HD_HOST
#define HD_DYNAMIC_SHARED extern __shared__ __align__(1024) unsigned char hd_shared[]
#endif

// ---- traps --------------------------------------------------------------------------------------
#ifndef HD_HOST
struct HdTrap {
    int state, site; // state: 0 none, 1 being written, 2 complete
    long long value[4];
};
#endif

// Leaves the site and its values for the host; the first trap of a launch wins.
#ifndef HD_HOST
static __device__ __noinline__ void hd_trap(HdTrap *trap, int site, long long a, long long b,
                                            long long c, long long d)
{
    if (atomicCAS(&trap->state, 0, 1) != 0) return;
    trap->site = site;
    trap->value[0] = a;
    trap->value[1] = b;
    trap->value[2] = c;
    trap->value[3] = d;
    __threadfence_system();
    hd_poke(&trap->state, 2);
}
#endif

// Inside a loop that waits for another block: gives up once a thread has trapped.
HD_FN void hd_pause_unless(HdTrap *trap)
{
    if (trap && hd_peek(&trap->state)) hd_exit();
    hd_pause();
}

// ---- the grid's barrier -------------------------------------------------------------------------
// words: how many blocks have arrived, and how often all of them have. A trapped grid gives up.
#ifndef HD_HOST
HD_FN void hd_grid_sync(unsigned int *words, HdTrap *trap)
{
    __syncthreads();
    if (threadIdx.x == 0) {
        unsigned int round = hd_peek(words + 1);
        __threadfence();
        if (atomicAdd(words, 1u) == gridDim.x * gridDim.y - 1) {
            hd_poke(words, 0u);
            __threadfence();
            hd_poke(words + 1, round + 1);
        } else {
            while (hd_peek(words + 1) == round && !(trap && hd_peek(&trap->state))) hd_pause();
        }
        __threadfence();
    }
    __syncthreads();
}
#endif
