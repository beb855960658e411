/* Launching, once or to be measured. */
#include "host/host.h"

#include <stdlib.h>

static void print_line(void *state, const char *text)
{
    fprintf(state, "%s\n", text);
}

/* A kernel with its arguments. On a GPU they are copies there, and the memory of tensors that it
 * reads and writes is kept, too, where it runs more than once. */
typedef struct Launch {
    Host *host;
    HdLoadedModule *module;
    const HdKernelInfo *kernel;
    const HostArg *from;
    HdTensor **tensors, **kept;
    HdArg *args;
    HdTensor *cache[2]; /* as much as the GPU's cache holds */
} Launch;

static HdTensor *copy_of(const Host *host, const HostTensor *t, HdFailure *failure)
{
    HdTensor *copy = hd_rt_tensor_create(host->device, t->dl.dtype, t->dl.ndim, t->shape, failure);
    if (copy && hd_rt_tensor_write(copy, t->memory, failure)) return copy;
    hd_rt_tensor_destroy(copy);
    return NULL;
}

static bool copy_in(Launch *l, HdFailure *failure)
{
    for (int i = 0; i < l->kernel->param_count; i++) {
        const HostTensor *t = l->from[i].tensor;
        if (!t) {
            l->args[i].scalar = &l->from[i].scalar;
            continue;
        }
        l->args[i].tensor = &t->dl;
        if (!l->host->cuda) continue;
        if (!(l->tensors[i] = copy_of(l->host, t, failure))) return false;
        l->args[i].tensor = hd_rt_tensor_dl(l->tensors[i]);
    }
    return true;
}

static bool copy_out(const Launch *l, HdFailure *failure)
{
    for (int i = 0; i < l->kernel->param_count; i++)
        if (l->tensors[i] && l->kernel->params[i].mode &&
            !hd_rt_tensor_read(l->tensors[i], l->from[i].tensor->memory, failure))
            return false;
    return true;
}

static bool begin(Launch *l, Host *host, HdLoadedModule *module, const char *name,
                  const HostArg *args, int count, HdFailure *failure)
{
    const HdKernelInfo *kernel = hd_module_kernel(hd_rt_module_info(module), name);
    *l = (Launch){.host = host, .module = module, .kernel = kernel, .from = args};
    if (!kernel || count != kernel->param_count)
        return hd_fail(failure, HD_BAD_CALL, "`%s` takes %d arguments", name,
                       kernel ? kernel->param_count : 0);
    size_t room = (size_t)count + 1;
    l->tensors = calloc(room, sizeof *l->tensors);
    l->kept = calloc(room, sizeof *l->kept);
    l->args = calloc(room, sizeof *l->args);
    if (!l->tensors || !l->kept || !l->args) return hd_fail(failure, HD_FAILED, "out of memory");
    return copy_in(l, failure);
}

static bool run(const Launch *l, HdTiming *timing, HdFailure *failure)
{
    const Host *host = l->host;
    HdCpuOptions options = {.seed = host->seed, .print = print_line, .print_state = host->print};
    return hd_rt_launch(l->module, l->kernel->name, host->device, l->args, l->kernel->param_count,
                        &options, timing, failure);
}

static void end(Launch *l)
{
    for (int i = 0; l->tensors && i < l->kernel->param_count; i++)
        hd_rt_tensor_destroy(l->tensors[i]);
    for (int i = 0; l->kept && i < l->kernel->param_count; i++) hd_rt_tensor_destroy(l->kept[i]);
    for (int i = 0; i < 2; i++) hd_rt_tensor_destroy(l->cache[i]);
    free(l->tensors);
    free(l->kept);
    free(l->args);
}

bool host_launch(Host *host, HdLoadedModule *module, const char *name, const HostArg *args,
                 int count, HdTiming *timing, HdFailure *failure)
{
    Launch l;
    bool good = begin(&l, host, module, name, args, count, failure) && run(&l, timing, failure) &&
                copy_out(&l, failure);
    end(&l);
    return good;
}

/* ---- measuring ------------------------------------------------------------------------------- */

static bool keep(Launch *l, HdFailure *failure)
{
    const HdCudaDevice *gpu = hd_rt_device_cuda(l->host->device);
    if (!gpu) return true;
    int64_t bytes = gpu->l2_bytes;
    for (int i = 0; i < l->kernel->param_count; i++)
        if (l->tensors[i] && l->kernel->params[i].mode == 2 &&
            !(l->kept[i] = copy_of(l->host, l->from[i].tensor, failure)))
            return false;
    for (int i = 0; i < 2; i++) {
        DLDataType byte = {kDLUInt, 8, 1};
        l->cache[i] = hd_rt_tensor_create(l->host->device, byte, 1, &bytes, failure);
        if (!l->cache[i]) return false;
    }
    return true;
}

/* On a GPU with what it found the first time, and with nothing of it in the cache. The copy that
 * sees to that is also what the GPU does while the launch is on its way, which so is not timed. */
static bool run_again(void *context, double *seconds, HdFailure *failure)
{
    const Launch *l = context;
    HdTiming timing = {0};
    for (int i = 0; i < l->kernel->param_count; i++)
        if (l->kept[i] && !hd_rt_tensor_assign(l->tensors[i], l->kept[i], failure)) return false;
    if (l->cache[1] && !hd_rt_tensor_assign(l->cache[0], l->cache[1], failure)) return false;
    bool good = run(l, &timing, failure);
    *seconds = timing.seconds;
    return good;
}

bool host_measure(Host *host, HdLoadedModule *module, const char *name, const HostArg *args,
                  int count, HdBench *bench, HdFailure *failure)
{
    Launch l;
    bool good = begin(&l, host, module, name, args, count, failure) && keep(&l, failure) &&
                hd_rt_bench(run_again, &l, NULL, bench, failure) && copy_out(&l, failure);
    end(&l);
    return good;
}
