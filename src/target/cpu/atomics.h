/* Atomic operations of emitted CPU kernels; follows the prelude. Each gives the old value. Loads
 * and stores are always acquire and release, which costs nothing here. */
#define HD_ATOMIC_COMMON(n, T, u, U)                                                               \
    HD_FN U hd_raw_##n(T x)                                                                        \
    {                                                                                              \
        U r;                                                                                       \
        memcpy(&r, &x, sizeof r);                                                                  \
        return r;                                                                                  \
    }                                                                                              \
    HD_FN T hd_of_raw_##n(U x)                                                                     \
    {                                                                                              \
        T r;                                                                                       \
        memcpy(&r, &x, sizeof r);                                                                  \
        return r;                                                                                  \
    }                                                                                              \
    HD_FN T hd_atomic_load_##n(const T *p, int order)                                              \
    {                                                                                              \
        (void)order;                                                                               \
        return hd_of_raw_##n(__atomic_load_n((const U *)p, __ATOMIC_ACQUIRE));                     \
    }                                                                                              \
    HD_FN void hd_atomic_store_##n(T *p, T v, int order)                                           \
    {                                                                                              \
        (void)order;                                                                               \
        __atomic_store_n((U *)p, hd_raw_##n(v), __ATOMIC_RELEASE);                                 \
    }                                                                                              \
    HD_FN T hd_atomic_exchange_##n(T *p, T v, int order)                                           \
    {                                                                                              \
        return hd_of_raw_##n(__atomic_exchange_n((U *)p, hd_raw_##n(v), order));                   \
    }                                                                                              \
    HD_FN T hd_atomic_cas_##n(T *p, T expected, T v, int order)                                    \
    {                                                                                              \
        U old = hd_raw_##n(expected);                                                              \
        __atomic_compare_exchange_n((U *)p, &old, hd_raw_##n(v), false, order, __ATOMIC_ACQUIRE);  \
        return hd_of_raw_##n(old);                                                                 \
    }
#define HD_ATOMIC_LOOP(n, T, U, op, value)                                                         \
    HD_FN T hd_atomic_##op##_##n(T *p, T v, int order)                                             \
    {                                                                                              \
        U old = __atomic_load_n((U *)p, __ATOMIC_RELAXED);                                         \
        for (;;) {                                                                                 \
            T x = hd_of_raw_##n(old);                                                              \
            if (__atomic_compare_exchange_n((U *)p, &old, hd_raw_##n(value), true, order,          \
                                            __ATOMIC_RELAXED))                                     \
                return x;                                                                          \
        }                                                                                          \
    }
#define HD_ATOMIC_INT(n, T, U)                                                                     \
    HD_ATOMIC_COMMON(n, T, u, U)                                                                   \
    HD_FN T hd_atomic_add_##n(T *p, T v, int order)                                                \
    {                                                                                              \
        return (T)__atomic_fetch_add((U *)p, (U)v, order);                                         \
    }                                                                                              \
    HD_FN T hd_atomic_and_##n(T *p, T v, int order)                                                \
    {                                                                                              \
        return (T)__atomic_fetch_and((U *)p, (U)v, order);                                         \
    }                                                                                              \
    HD_FN T hd_atomic_or_##n(T *p, T v, int order)                                                 \
    {                                                                                              \
        return (T)__atomic_fetch_or((U *)p, (U)v, order);                                          \
    }                                                                                              \
    HD_FN T hd_atomic_xor_##n(T *p, T v, int order)                                                \
    {                                                                                              \
        return (T)__atomic_fetch_xor((U *)p, (U)v, order);                                         \
    }                                                                                              \
    HD_ATOMIC_LOOP(n, T, U, min, x < v ? x : v)                                                    \
    HD_ATOMIC_LOOP(n, T, U, max, x > v ? x : v)
#define HD_ATOMIC_FLOAT(n, T, u, U, sum, lesser, greater)                                          \
    HD_ATOMIC_COMMON(n, T, u, U)                                                                   \
    HD_ATOMIC_LOOP(n, T, U, add, sum)                                                              \
    HD_ATOMIC_LOOP(n, T, U, min, lesser)                                                           \
    HD_ATOMIC_LOOP(n, T, U, max, greater)
HD_ATOMIC_INT(i8, int8_t, uint8_t)
HD_ATOMIC_INT(u8, uint8_t, uint8_t)
HD_ATOMIC_INT(i16, int16_t, uint16_t)
HD_ATOMIC_INT(u16, uint16_t, uint16_t)
HD_ATOMIC_INT(i32, int32_t, uint32_t)
HD_ATOMIC_INT(u32, uint32_t, uint32_t)
HD_ATOMIC_INT(i64, int64_t, uint64_t)
HD_ATOMIC_INT(u64, uint64_t, uint64_t)
HD_ATOMIC_FLOAT(f32, float, u32, uint32_t, x + v, hd_min_f32(x, v), hd_max_f32(x, v))
HD_ATOMIC_FLOAT(f64, double, u64, uint64_t, x + v, hd_min_f64(x, v), hd_max_f64(x, v))
#define HD_ATOMIC_NARROW(n, U)                                                                     \
    HD_ATOMIC_FLOAT(n, hd_##n, u, U, hd_cast_##n##_f32(hd_cast_f32_##n(x) + hd_cast_f32_##n(v)),   \
                    hd_cast_##n##_f32(hd_min_f32(hd_cast_f32_##n(x), hd_cast_f32_##n(v))),         \
                    hd_cast_##n##_f32(hd_max_f32(hd_cast_f32_##n(x), hd_cast_f32_##n(v))))
HD_ATOMIC_NARROW(f16, uint16_t)
HD_ATOMIC_NARROW(bf16, uint16_t)
