/* Values of several lanes; follows the prelude. */
/* hd_f32x4 and its like; those ending in _at may lie at any element. */
#define HD_VECTOR(n, T, lanes)                                                                     \
    typedef T hd_##n##x##lanes __attribute__((vector_size(lanes * sizeof(T))));                    \
    typedef hd_##n##x##lanes hd_##n##x##lanes##_at __attribute__((aligned(sizeof(T)), may_alias));
/* Of what C does not compute with as it is: an array. */
#define HD_LANES(name, T, lanes)                                                                   \
    typedef struct __attribute__((may_alias)) {                                                    \
        T lane[lanes];                                                                             \
    } name, name##_at;
#define HD_VECTOR_EACH(n, T, lanes, name, call)                                                    \
    HD_FN hd_##n##x##lanes hd_##name##_##n##x##lanes(hd_##n##x##lanes a, hd_##n##x##lanes b,       \
                                                     hd_##n##x##lanes c)                           \
    {                                                                                              \
        hd_##n##x##lanes r;                                                                        \
        for (int i = 0; i < lanes; ++i) r[i] = call;                                               \
        (void)b, (void)c;                                                                          \
        return r;                                                                                  \
    }
#define HD_VECTORS(n, T)                                                                           \
    HD_VECTOR(n, T, 2)                                                                             \
    HD_LANES(hd_##n##x3, T, 3) HD_VECTOR(n, T, 4) HD_VECTOR(n, T, 8) HD_VECTOR(n, T, 16)
HD_VECTORS(f32, float)
HD_VECTORS(f64, double)
HD_VECTORS(i8, int8_t)
HD_VECTORS(u8, uint8_t)
HD_VECTORS(i16, int16_t)
HD_VECTORS(u16, uint16_t)
HD_VECTORS(i32, int32_t)
HD_VECTORS(u32, uint32_t)
HD_VECTORS(i64, int64_t)
HD_VECTORS(u64, uint64_t)
HD_VECTORS(tf32, hd_tf32)
#define HD_ARRAYS(n, T)                                                                            \
    HD_LANES(hd_##n##x2, T, 2)                                                                     \
    HD_LANES(hd_##n##x3, T, 3)                                                                     \
    HD_LANES(hd_##n##x4, T, 4) HD_LANES(hd_##n##x8, T, 8) HD_LANES(hd_##n##x16, T, 16)
HD_ARRAYS(bool, bool)
HD_ARRAYS(i4, hd_i4)
HD_ARRAYS(u4, hd_u4)
HD_ARRAYS(f16, hd_f16)
HD_ARRAYS(bf16, hd_bf16)
HD_ARRAYS(f8e4m3, hd_f8e4m3)
HD_ARRAYS(f8e5m2, hd_f8e5m2)
HD_VECTOR_EACH(f32, float, 2, fma, __builtin_fmaf(a[i], b[i], c[i]))
HD_VECTOR_EACH(f64, double, 16, fma, __builtin_fma(a[i], b[i], c[i]))
#if defined(__FMA__) && defined(__x86_64__)
#define HD_VECTOR_FMA(n, lanes, builtin)                                                           \
    HD_FN hd_##n##x##lanes hd_fma_##n##x##lanes(hd_##n##x##lanes a, hd_##n##x##lanes b,            \
                                                hd_##n##x##lanes c)                                \
    {                                                                                              \
        return (hd_##n##x##lanes)builtin;                                                          \
    }
HD_VECTOR_FMA(f32, 4, __builtin_ia32_vfmaddps(a, b, c))
HD_VECTOR_FMA(f64, 2, __builtin_ia32_vfmaddpd(a, b, c))
HD_VECTOR_FMA(f32, 8, __builtin_ia32_vfmaddps256(a, b, c))
HD_VECTOR_FMA(f64, 4, __builtin_ia32_vfmaddpd256(a, b, c))
#else
HD_VECTOR_EACH(f32, float, 4, fma, __builtin_fmaf(a[i], b[i], c[i]))
HD_VECTOR_EACH(f64, double, 2, fma, __builtin_fma(a[i], b[i], c[i]))
HD_VECTOR_EACH(f32, float, 8, fma, __builtin_fmaf(a[i], b[i], c[i]))
HD_VECTOR_EACH(f64, double, 4, fma, __builtin_fma(a[i], b[i], c[i]))
#endif
#if defined(__AVX512F__)
HD_VECTOR_FMA(f32, 16, __builtin_ia32_vfmaddps512_mask(a, b, c, (uint16_t)-1, 4))
HD_VECTOR_FMA(f64, 8, __builtin_ia32_vfmaddpd512_mask(a, b, c, (uint8_t)-1, 4))
#else
HD_VECTOR_EACH(f32, float, 16, fma, __builtin_fmaf(a[i], b[i], c[i]))
HD_VECTOR_EACH(f64, double, 8, fma, __builtin_fma(a[i], b[i], c[i]))
#endif

/* Bytes of either sign: the products are exact, the sum wraps. */
#define HD_DOT4(n, A, B)                                                                           \
    HD_FN int32_t hd_dot4_##n(hd_##A##x4 a, hd_##B##x4 b, int32_t c)                               \
    {                                                                                              \
        int products = a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3];                      \
        return (int32_t)((uint32_t)c + (uint32_t)products);                                        \
    }
HD_DOT4(ss, i8, i8)
HD_DOT4(su, i8, u8)
HD_DOT4(us, u8, i8)
HD_DOT4(uu, u8, u8)
