// Approximations of the hardware, part of the device prelude: see prelude.cuh. In f32 within
// 2^-22 (exp2, log2, rcp, rsqrt, sqrt; subnormals count as zero), sine and cosine within 2^-20.5 of
// the true value between -pi and pi, the hyperbolic tangent within 2^-10.9.

// ---- approximations ------------------------------------------------------------------------------
#ifndef HD_HOST
HD_FN float hd_approx_exp2_f32(float a)
{
    float r;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
    return r;
}
#endif

HD_FN double hd_approx_exp2_f64(double a) { return exp2(a); }

#ifndef HD_HOST
HD_FN float hd_approx_log2_f32(float a)
{
    float r;
    asm("lg2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
    return r;
}
#endif

HD_FN double hd_approx_log2_f64(double a) { return log2(a); }

#ifndef HD_HOST
HD_FN float hd_approx_rcp_f32(float a)
{
    float r;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
    return r;
}
#endif

HD_FN double hd_approx_rcp_f64(double a) { return 1 / a; }

#ifndef HD_HOST
HD_FN float hd_approx_rsqrt_f32(float a)
{
    float r;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
    return r;
}
#endif

HD_FN double hd_approx_rsqrt_f64(double a) { return 1 / sqrt(a); }

#ifndef HD_HOST
HD_FN float hd_approx_sqrt_f32(float a)
{
    float r;
    asm("sqrt.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
    return r;
}
#endif

HD_FN double hd_approx_sqrt_f64(double a) { return sqrt(a); }

#ifndef HD_HOST
HD_FN float hd_approx_sin_f32(float a)
{
    float r;
    asm("sin.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
    return r;
}
#endif

HD_FN double hd_approx_sin_f64(double a) { return sin(a); }

#ifndef HD_HOST
HD_FN float hd_approx_cos_f32(float a)
{
    float r;
    asm("cos.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(a));
    return r;
}
#endif

HD_FN double hd_approx_cos_f64(double a) { return cos(a); }

#ifndef HD_HOST
HD_FN float hd_approx_tanh_f32(float a)
{
    float r;
    asm("tanh.approx.f32 %0, %1;" : "=f"(r) : "f"(a));
    return r;
}
#endif

HD_FN double hd_approx_tanh_f64(double a) { return tanh(a); }
