/* hdc doctor: what was found, and what each missing thing would enable. */
#include "hdc/hdc.h"

#include "runtime/cache.h"
#include "runtime/nvrtc.h"

static void found(const char *what, const char *text)
{
    printf("  found    %-12s %s\n", what, text);
}

static void missing(const char *what, const char *why, const char *enables)
{
    printf("  missing  %-12s %s\n                        %s\n", what, why, enables);
}

static void compiler(Options *o)
{
    RuntimeCc cc;
    HdFailure failure = {0};
    if (runtime_cc_find(o->arena, &cc, &failure))
        found("C compiler", runtime_cc_version(o->arena, &cc));
    else
        missing("C compiler", failure.text,
                "builds kernels for the CPU and libraries; apt-get install gcc");
}

static void nvrtc(Options *o)
{
    HdFailure failure = {0};
    RuntimeNvrtc *nvrtc = runtime_nvrtc_create(&failure);
    if (!nvrtc) {
        missing("NVRTC", failure.text,
                "compiles for GPUs (--emit=ptx, --emit=cubin); part of the CUDA Toolkit");
        return;
    }
    int version = runtime_nvrtc_version(nvrtc), count;
    const int *archs = runtime_nvrtc_archs(nvrtc, &count);
    found("NVRTC",
          base_format(o->arena, "%d.%d, sm_%d to sm_%d, %s", version / 1000, version % 1000 / 10,
                      archs[0], archs[count - 1], runtime_nvrtc_path(nvrtc)));
    runtime_nvrtc_destroy(nvrtc);
}

static void devices(Options *o)
{
    HdFailure failure = {0};
    HdRuntime *runtime = hd_rt_create(0);
    if (!runtime) return;
    HdDevice *cpu = hd_rt_device(runtime, "cpu", &failure);
    if (cpu) found("CPU", hd_rt_device_name(cpu));
    HdCuda *cuda = hd_rt_cuda(runtime, &failure);
    if (!cuda) {
        missing("CUDA driver", failure.text,
                "runs kernels on NVIDIA GPUs; installed with the driver");
    } else {
        for (int i = 0;; i++) {
            HdDevice *gpu = hd_rt_device(runtime, base_format(o->arena, "cuda:%d", i), &failure);
            if (!gpu) break;
            found(base_format(o->arena, "cuda:%d", i), hd_rt_device_name(gpu));
        }
    }
    hd_rt_destroy(runtime);
}

ExitStatus verb_doctor(Options *o)
{
    options_limit_words(o, 0);
    puts("hdc 0.1.0");
    compiler(o);
    nvrtc(o);
    devices(o);
    RuntimeCache cache = runtime_cache_open(o->arena);
    if (cache.dir)
        found("cache", cache.dir);
    else
        missing("cache", cache.why, "kernels are compiled again on every run");
    return EXIT_DONE;
}
