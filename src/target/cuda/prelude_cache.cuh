// The device prelude, fourth part: accesses that say something to the caches. Rules as in
// prelude.cuh.

// ---- loads and stores ---------------------------------------------------------------------------
// Of a T, whatever it is, by its size. What the kernel never writes may be read at any time, and is
// read as `nc`; other loads keep their place.
#ifdef HD_HOST
#define HD_LOAD(op, how, clobber) return *p
#define HD_STORE(op) *p = v
#else
#define HD_LOAD(op, how, clobber)                                                                  \
    if constexpr (sizeof(T) == 16) {                                                               \
        uint4 r;                                                                                   \
        asm how(op ".v4.b32 {%0, %1, %2, %3}, [%4];"                                               \
                : "=r"(r.x), "=r"(r.y), "=r"(r.z), "=r"(r.w)                                       \
                : "l"(p) clobber);                                                                 \
        return hd_bits<T>(r);                                                                      \
    } else if constexpr (sizeof(T) == 8) {                                                         \
        uint64_t r;                                                                                \
        asm how(op ".b64 %0, [%1];" : "=l"(r) : "l"(p) clobber);                                   \
        return hd_bits<T>(r);                                                                      \
    } else if constexpr (sizeof(T) == 4) {                                                         \
        uint32_t r;                                                                                \
        asm how(op ".b32 %0, [%1];" : "=r"(r) : "l"(p) clobber);                                   \
        return hd_bits<T>(r);                                                                      \
    } else if constexpr (sizeof(T) == 2) {                                                         \
        uint16_t r;                                                                                \
        asm how(op ".b16 %0, [%1];" : "=h"(r) : "l"(p) clobber);                                   \
        return hd_bits<T>(r);                                                                      \
    } else {                                                                                       \
        uint32_t r;                                                                                \
        asm how(op ".u8 %0, [%1];" : "=r"(r) : "l"(p) clobber);                                    \
        return hd_bits<T>((uint8_t)r);                                                             \
    }
#define HD_STORE(op)                                                                               \
    if constexpr (sizeof(T) == 16) {                                                               \
        const uint4 r = hd_bits<uint4>(v);                                                         \
        asm volatile(op ".v4.b32 [%0], {%1, %2, %3, %4};"                                          \
                     :                                                                             \
                     : "l"(p), "r"(r.x), "r"(r.y), "r"(r.z), "r"(r.w)                              \
                     : "memory");                                                                  \
    } else if constexpr (sizeof(T) == 8) {                                                         \
        asm volatile(op ".b64 [%0], %1;" : : "l"(p), "l"(hd_bits<uint64_t>(v)) : "memory");        \
    } else if constexpr (sizeof(T) == 4) {                                                         \
        asm volatile(op ".b32 [%0], %1;" : : "l"(p), "r"(hd_bits<uint32_t>(v)) : "memory");        \
    } else if constexpr (sizeof(T) == 2) {                                                         \
        asm volatile(op ".b16 [%0], %1;" : : "l"(p), "h"(hd_bits<uint16_t>(v)) : "memory");        \
    } else {                                                                                       \
        const uint32_t r = hd_bits<uint8_t>(v);                                                    \
        asm volatile(op ".u8 [%0], %1;" : : "l"(p), "r"(r) : "memory");                            \
    }
#endif

template <class T> HD_FN T hd_read_streaming(const T *p) { HD_LOAD("ld.global.cs.nc", , ); }

template <class T> HD_FN T hd_load_streaming(const T *p)
{
    HD_LOAD("ld.global.cs", volatile, : "memory");
}

template <class T> HD_FN void hd_store_streaming(T *p, T v) { HD_STORE("st.global.cs"); }

template <class T> HD_FN T hd_read_l2_only(const T *p) { HD_LOAD("ld.global.cg.nc", , ); }

template <class T> HD_FN T hd_load_l2_only(const T *p)
{
    HD_LOAD("ld.global.cg", volatile, : "memory");
}

template <class T> HD_FN void hd_store_l2_only(T *p, T v) { HD_STORE("st.global.cg"); }

template <class T> HD_FN T hd_read_evict_first(const T *p) { HD_LOAD("ld.global.nc.L1::evict_first", , ); }

template <class T> HD_FN T hd_load_evict_first(const T *p)
{
    HD_LOAD("ld.global.L1::evict_first", volatile, : "memory");
}

template <class T> HD_FN void hd_store_evict_first(T *p, T v) { HD_STORE("st.global.L1::evict_first"); }

template <class T> HD_FN T hd_read_evict_last(const T *p) { HD_LOAD("ld.global.nc.L1::evict_last", , ); }

template <class T> HD_FN T hd_load_evict_last(const T *p)
{
    HD_LOAD("ld.global.L1::evict_last", volatile, : "memory");
}

template <class T> HD_FN void hd_store_evict_last(T *p, T v) { HD_STORE("st.global.L1::evict_last"); }

template <class T> HD_FN T hd_read_no_allocate(const T *p) { HD_LOAD("ld.global.nc.L1::no_allocate", , ); }

template <class T> HD_FN T hd_load_no_allocate(const T *p)
{
    HD_LOAD("ld.global.L1::no_allocate", volatile, : "memory");
}

template <class T> HD_FN void hd_store_no_allocate(T *p, T v) { HD_STORE("st.global.L1::no_allocate"); }
