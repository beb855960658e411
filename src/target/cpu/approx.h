/* The approximations, which need be none here: each rounded once. It follows the prelude in the
 * emitted file. */
#define HD_APPROX(name, value)                                                                     \
    HD_FN float hd_approx_##name##_f32(float a)                                                    \
    {                                                                                              \
        return (float)(value);                                                                     \
    }                                                                                              \
    HD_FN double hd_approx_##name##_f64(double a)                                                  \
    {                                                                                              \
        return value;                                                                              \
    }
HD_APPROX(exp2, __builtin_exp2(a))
HD_APPROX(log2, __builtin_log2(a))
HD_APPROX(rcp, 1 / (double)a)
HD_APPROX(rsqrt, 1 / __builtin_sqrt(a))
HD_APPROX(sqrt, __builtin_sqrt(a))
HD_APPROX(sin, __builtin_sin(a))
HD_APPROX(cos, __builtin_cos(a))
HD_APPROX(tanh, __builtin_tanh(a))
#undef HD_APPROX
