/* CUDA modules and launches. */
#include "runtime/cuda_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Device memory of a module: what kernels with sites or of resident grids report through. */
typedef struct {
    HdTrap trap;
    uint32_t barrier[2];
} CudaState;

typedef struct {
    const HdVariantInfo *variant;
    HdCuFunction function;
} CudaEntry;

struct HdCudaModule {
    HdCuda *cuda;
    const HdModuleInfo *info;
    int device;
    HdCudaDevice properties;
    HdCuModule module;
    int arch;             /* of the loaded image */
    HdCuPointer state;    /* a CudaState, made when first needed */
    pthread_mutex_t lock; /* of the entries, and held while `state` is in use */
    CudaEntry *entries;
    int entry_count, entry_capacity;
};

/* ---- images -------------------------------------------------------------------------------- */

enum { RANK_CUBIN = 1000, RANK_NONE_YET = 2 * RANK_CUBIN };

/* The processors with a GPU on the die, whose cubins are for them alone and which run no others'
 * (CUDA C++ Programming Guide, "Binary Compatibility"). */
static bool cuda_is_tegra(int arch)
{
    return arch == 87 || arch == 101 || arch == 110;
}

/* Larger is better; 0: cannot run there. */
static int cuda_image_rank(const HdImageInfo *image, int arch)
{
    if (image->specific ? image->arch != arch : image->arch > arch) return 0;
    if (image->is_ptx) return image->arch;
    bool alike =
        image->arch / 10 == arch / 10 && !cuda_is_tegra(image->arch) && !cuda_is_tegra(arch);
    return alike || image->arch == arch ? RANK_CUBIN + image->arch : 0;
}

static void cuda_image_list(const HdModuleInfo *info, HdText *text)
{
    for (int i = 0; i < info->image_count; i++) {
        const HdImageInfo *image = &info->images[i];
        hd_text_add(text, "%s%s for sm_%d%s", i ? ", " : "", image->is_ptx ? "PTX" : "a cubin",
                    image->arch, image->specific ? "a" : "");
    }
}

static bool cuda_load_image(HdCudaModule *m, const HdImageInfo *image, HdFailure *failure)
{
    char log[512] = "";
    int options[2] = {HD_CU_JIT_ERROR_LOG, HD_CU_JIT_ERROR_LOG_SIZE};
    void *values[2] = {log, (void *)(uintptr_t)(sizeof log - 1)};
    char *text = NULL;
    const void *data = image->data;
    if (image->is_ptx) { /* the driver reads PTX up to a NUL */
        if (!(text = malloc(image->size + 1))) return hd_fail(failure, HD_FAILED, "out of memory");
        memcpy(text, image->data, image->size);
        text[image->size] = '\0';
        data = text;
    }
    int result = m->cuda->driver.module_load(&m->module, data, 2, options, values);
    free(text);
    if (result == 0) return true;
    m->module = NULL;
    hd_cuda_ok(m->cuda, result, "load a module", failure);
    HdText more = {failure->text, strlen(failure->text), sizeof failure->text};
    if (*log) hd_text_add(&more, ": %s", log);
    return false;
}

/* Tries the images that fit, best first: a driver may refuse one, PTX newer than itself for one. */
static bool cuda_load_best(HdCudaModule *m, HdFailure *failure)
{
    int below = RANK_NONE_YET;
    HdFailure refusal;
    for (;;) {
        const HdImageInfo *best = NULL;
        int rank = 0;
        for (int i = 0; i < m->info->image_count; i++) {
            int r = cuda_image_rank(&m->info->images[i], m->properties.arch);
            if (r > rank && r < below) {
                rank = r;
                best = &m->info->images[i];
            }
        }
        if (!best) break;
        m->arch = best->arch;
        if (cuda_load_image(m, best, &refusal)) return true;
        below = rank;
    }
    if (below < RANK_NONE_YET) {
        *failure = refusal; /* the last one's */
        return false;
    }
    HdText text = {failure->text, 0, sizeof failure->text};
    failure->status = HD_LACKING;
    hd_text_add(&text, "module %s has no code for %s (sm_%d)", m->info->name, m->properties.name,
                m->properties.arch);
    if (m->info->image_count) hd_text_add(&text, "; it holds ");
    cuda_image_list(m->info, &text);
    return false;
}

HdCudaModule *hd_cuda_module_create(HdCuda *cuda, const HdModuleInfo *info, int device,
                                    HdFailure *failure)
{
    HdCudaModule *m = calloc(1, sizeof *m);
    if (!m) {
        hd_fail(failure, HD_FAILED, "out of memory");
        return NULL;
    }
    m->cuda = cuda;
    m->info = info;
    m->device = device;
    pthread_mutex_init(&m->lock, NULL);
    bool ok = hd_cuda_device(cuda, device, &m->properties, failure) &&
              hd_cuda_enter(cuda, device, failure);
    if (ok) {
        ok = cuda_load_best(m, failure);
        hd_cuda_leave(cuda);
    }
    if (ok) return m;
    hd_cuda_module_destroy(m);
    return NULL;
}

int hd_cuda_module_arch(const HdCudaModule *m)
{
    return m->arch;
}

void hd_cuda_module_destroy(HdCudaModule *m)
{
    HdFailure ignored;
    if (!m) return;
    if ((m->module || m->state) && hd_cuda_enter(m->cuda, m->device, &ignored)) {
        if (m->state) m->cuda->driver.free(m->state);
        if (m->module) m->cuda->driver.module_unload(m->module);
        hd_cuda_leave(m->cuda);
    }
    pthread_mutex_destroy(&m->lock);
    free(m->entries);
    free(m);
}

/* ---- functions ----------------------------------------------------------------------------- */

static bool cuda_permit_shared(HdCudaModule *m, int64_t bytes, HdCuFunction f, HdFailure *failure)
{
    enum { SHARED_WITHOUT_OPTIN = 48 << 10 };
    if (bytes > m->properties.shared_limit)
        return hd_fail(failure, HD_BAD_CALL,
                       "the kernel needs %" PRId64 " bytes of shared memory a block, and %s has %d",
                       bytes, m->properties.name, m->properties.shared_limit);
    if (bytes <= SHARED_WITHOUT_OPTIN) return true;
    return hd_cuda_ok(m->cuda,
                      m->cuda->driver.function_set(f, HD_CU_FUNCTION_DYNAMIC_SHARED, (int)bytes),
                      "give the kernel its shared memory", failure);
}

/* What a launch asks for beyond what is constant. */
static bool cuda_prepare_shared(HdCudaModule *m, const HdCall *call, HdCuFunction f,
                                HdFailure *failure)
{
    if (!call->instance->shared) return true;
    return hd_call_shared_fits(call, m->properties.shared_limit, m->properties.name, failure) &&
           cuda_permit_shared(m, call->shared_bytes, f, failure);
}

static bool cuda_add_entry(HdCudaModule *m, CudaEntry entry, HdFailure *failure)
{
    if (m->entry_count == m->entry_capacity) {
        int capacity = m->entry_capacity ? 2 * m->entry_capacity : 8;
        CudaEntry *entries = realloc(m->entries, (size_t)capacity * sizeof *entries);
        if (!entries) return hd_fail(failure, HD_FAILED, "out of memory");
        m->entries = entries;
        m->entry_capacity = capacity;
    }
    m->entries[m->entry_count++] = entry;
    return true;
}

/* In the device's context, under the module's lock. */
static bool cuda_find_function(HdCudaModule *m, const HdInstanceInfo *instance,
                               const HdVariantInfo *variant, HdCuFunction *f, HdFailure *failure)
{
    for (int i = 0; i < m->entry_count; i++) {
        *f = m->entries[i].function;
        if (m->entries[i].variant == variant) return true;
    }
    int result = m->cuda->driver.function_get(f, m->module, variant->cuda_entry);
    return hd_cuda_ok(m->cuda, result, "find the kernel in its module", failure) &&
           cuda_permit_shared(m, instance->shared_bytes, *f, failure) &&
           cuda_add_entry(m, (CudaEntry){variant, *f}, failure);
}

bool hd_cuda_variant_use(HdCudaModule *m, const HdInstanceInfo *instance,
                         const HdVariantInfo *variant, HdCudaUse *use, HdFailure *failure)
{
    const HdDriver *driver = &m->cuda->driver;
    HdCuFunction f;
    memset(use, 0, sizeof *use);
    if (!hd_cuda_enter(m->cuda, m->device, failure)) return false;
    pthread_mutex_lock(&m->lock);
    bool ok = cuda_find_function(m, instance, variant, &f, failure);
    pthread_mutex_unlock(&m->lock);
    if (ok) {
        driver->function_attribute(&use->registers, HD_CU_FUNCTION_REGISTERS, f);
        driver->function_attribute(&use->local_bytes, HD_CU_FUNCTION_LOCAL, f);
        driver->function_attribute(&use->shared_bytes, HD_CU_FUNCTION_SHARED, f);
        driver->function_attribute(&use->max_threads, HD_CU_FUNCTION_MAX_THREADS, f);
        use->shared_bytes += (int)instance->shared_bytes;
    }
    hd_cuda_leave(m->cuda);
    return ok;
}

/* ---- launches ------------------------------------------------------------------------------ */

/* One launch's numbers; the grid is linear, see module.h. */
typedef struct {
    HdCudaModule *m;
    const HdCall *call;
    HdCuFunction function;
    HdCuStream stream;
    unsigned grid_x, grid_y;
    HdCuPointer trap, barrier; /* 0 where the kernel has none */
    HdCuEvent begin, end;      /* NULL unless timed */
    unsigned char *maps;       /* tensor maps, CUDA_MAP bytes each; NULL where it has none */
} CudaLaunch;

static bool cuda_fit_grid(CudaLaunch *l, HdFailure *failure)
{
    const int64_t x_limit = INT32_MAX, y_limit = 65535;
    int64_t blocks = l->call->blocks, x_step = (int64_t)1 << 30;
    if (l->call->instance->cluster) x_step -= x_step % l->call->instance->cluster;
    l->grid_x = (unsigned)(blocks <= x_limit ? blocks : x_step);
    l->grid_y = 1;
    if (blocks <= x_limit) return true;
    if ((blocks - 1) / x_step + 1 > y_limit)
        return hd_fail(failure, HD_BAD_CALL,
                       "%s: a grid of %" PRId64 " blocks is more than a GPU takes",
                       l->call->kernel->name, blocks);
    l->grid_y = (unsigned)((blocks - 1) / x_step + 1);
    return true;
}

static bool cuda_check_resident(const CudaLaunch *l, HdFailure *failure)
{
    const HdInstanceInfo *instance = l->call->instance;
    int per_processor = 0;
    int result = l->m->cuda->driver.occupancy(&per_processor, l->function, instance->block,
                                              (size_t)l->call->shared_bytes);
    if (!hd_cuda_ok(l->m->cuda, result, "tell how many blocks fit", failure)) return false;
    int64_t most = (int64_t)per_processor * l->m->properties.processors;
    if (l->call->blocks <= most) return true;
    return hd_fail(failure, HD_BAD_CALL,
                   "%s is resident: its grid of %" PRId64 " blocks exceeds the %" PRId64
                   " that %s holds at once",
                   l->call->kernel->name, l->call->blocks, most, l->m->properties.name);
}

static bool cuda_prepare_state(CudaLaunch *l, HdFailure *failure)
{
    HdCudaModule *m = l->m;
    const HdInstanceInfo *instance = l->call->instance;
    const HdDriver *driver = &m->cuda->driver;
    if (!instance->site_count && !instance->resident) return true;
    if (!m->state && !hd_cuda_ok(m->cuda, driver->alloc(&m->state, sizeof(CudaState)),
                                 "allocate memory", failure))
        return false;
    if (instance->site_count) l->trap = m->state + offsetof(CudaState, trap);
    if (instance->resident) l->barrier = m->state + offsetof(CudaState, barrier);
    return hd_cuda_ok(m->cuda, driver->fill_async(m->state, 0, sizeof(CudaState), l->stream),
                      "fill memory", failure);
}

enum { CUDA_MAP = 128, CUDA_MAP_ALIGN = 64 };

static bool cuda_encode_map(const CudaLaunch *l, int number, HdFailure *failure)
{
    enum { PROMOTE_L2_128 = 2 };
    static const int types[] = {[1] = 0, [2] = 1, [4] = 2, [8] = 4}; /* unsigned, by bytes */
    static const unsigned steps[] = {1, 1, 1, 1, 1};
    const HdTensorMapInfo *info = &l->call->variant->maps[number];
    const HdDriver *driver = &l->m->cuda->driver;
    HdTensorMap map;
    if (!hd_call_map(l->call, info, &map, failure)) return false;
    if (map.empty) return true;
    int result = driver->tensor_map(l->maps + number * CUDA_MAP, types[info->bytes],
                                    (unsigned)info->rank, map.address, map.extents, map.strides + 1,
                                    map.box, steps, 0, info->swizzle, PROMOTE_L2_128, 0);
    return hd_cuda_ok(l->m->cuda, result, "make a tensor map", failure);
}

static bool cuda_make_maps(CudaLaunch *l, HdFailure *failure)
{
    int count = l->call->variant->map_count;
    bool ok = true;
    if (count == 0) return true;
    if (!l->m->cuda->driver.tensor_map)
        return hd_fail(failure, HD_LACKING, "%s needs tensor maps, and the CUDA driver is too old",
                       l->call->kernel->name);
    l->maps = aligned_alloc(CUDA_MAP_ALIGN, (size_t)count * CUDA_MAP);
    if (!l->maps) return hd_fail(failure, HD_FAILED, "out of memory");
    memset(l->maps, 0, (size_t)count * CUDA_MAP);
    for (int i = 0; i < count && ok; i++) ok = cuda_encode_map(l, i, failure);
    return ok;
}

static bool cuda_submit(CudaLaunch *l, HdFailure *failure)
{
    const HdCall *call = l->call;
    const HdDriver *driver = &l->m->cuda->driver;
    int params = call->kernel->param_count, sizes = call->kernel->size_count, n = 0;
    int maps = call->variant->map_count;
    void **values = malloc(((size_t)params + (size_t)sizes + (size_t)maps + 5) * sizeof *values);
    if (!values) return hd_fail(failure, HD_FAILED, "out of memory");
    for (int p = 0; p < params; p++) {
        bool is_tensor = call->kernel->params[p].is_tensor;
        values[n++] = is_tensor ? (void *)&call->tensors[p] : (void *)(uintptr_t)call->scalars[p];
    }
    for (int s = 0; s < sizes; s++) values[n++] = &call->sizes[s];
    for (int i = 0; i < 3; i++) values[n++] = (void *)(uintptr_t)&call->grid[i];
    values[n++] = &l->trap;
    if (call->instance->resident) values[n++] = &l->barrier;
    for (int i = 0; i < maps; i++) values[n++] = l->maps + i * CUDA_MAP;
    unsigned threads = (unsigned)call->instance->block;
    unsigned shared = (unsigned)call->shared_bytes;
    int result = call->instance->resident
                     ? driver->launch_cooperative(l->function, l->grid_x, l->grid_y, 1, threads, 1,
                                                  1, shared, l->stream, values)
                     : driver->launch(l->function, l->grid_x, l->grid_y, 1, threads, 1, 1, shared,
                                      l->stream, values, NULL);
    free(values);
    return hd_cuda_ok(l->m->cuda, result, "launch the kernel", failure);
}

static bool cuda_submit_timed(CudaLaunch *l, HdFailure *failure)
{
    const HdDriver *driver = &l->m->cuda->driver;
    return hd_cuda_ok(l->m->cuda, driver->event_create(&l->begin, 0), "time a kernel", failure) &&
           hd_cuda_ok(l->m->cuda, driver->event_create(&l->end, 0), "time a kernel", failure) &&
           hd_cuda_ok(l->m->cuda, driver->event_record(l->begin, l->stream), "time a kernel",
                      failure) &&
           cuda_submit(l, failure) &&
           hd_cuda_ok(l->m->cuda, driver->event_record(l->end, l->stream), "time a kernel",
                      failure);
}

/* Waits for the kernel and reads what it left. */
static bool cuda_collect(CudaLaunch *l, double *seconds, HdFailure *failure)
{
    const HdCuda *cuda = l->m->cuda;
    float ms = 0;
    HdTrap trap = {0};
    if (!hd_cuda_ok(cuda, cuda->driver.stream_synchronize(l->stream), "run the kernel", failure))
        return false;
    if (seconds) {
        if (!hd_cuda_ok(cuda, cuda->driver.event_elapsed(&ms, l->begin, l->end), "time a kernel",
                        failure))
            return false;
        *seconds = (double)ms * 1e-3;
    }
    if (!l->trap) return true;
    if (!hd_cuda_ok(cuda, cuda->driver.to_host(&trap, l->trap, sizeof trap), "copy", failure))
        return false;
    return trap.state == 0 || hd_trap_fail(l->call->instance, &trap, failure);
}

/* In the device's context, under the module's lock. */
static bool cuda_run(CudaLaunch *l, const HdCudaOptions *options, HdFailure *failure)
{
    const HdInstanceInfo *instance = l->call->instance;
    const HdDriver *driver = &l->m->cuda->driver;
    if (!cuda_find_function(l->m, instance, l->call->variant, &l->function, failure) ||
        !cuda_prepare_shared(l->m, l->call, l->function, failure) || !cuda_fit_grid(l, failure) ||
        (instance->resident && !cuda_check_resident(l, failure)) ||
        !cuda_prepare_state(l, failure) || !cuda_make_maps(l, failure)) {
        free(l->maps);
        return false;
    }
    bool wait = !options->async || options->seconds || l->trap || l->barrier;
    bool ok = (options->seconds ? cuda_submit_timed(l, failure) : cuda_submit(l, failure)) &&
              (!wait || cuda_collect(l, options->seconds, failure));
    if (l->begin) driver->event_destroy(l->begin);
    if (l->end) driver->event_destroy(l->end);
    free(l->maps);
    return ok;
}

bool hd_cuda_launch(HdCudaModule *m, const HdCall *call, const HdCudaOptions *options,
                    HdFailure *failure)
{
    static const HdCudaOptions none = {0};
    if (!options) options = &none;
    CudaLaunch l = {.m = m, .call = call, .stream = options->stream};
    if (options->seconds) *options->seconds = 0;
    if (call->blocks == 0) return true;
    if (!hd_cuda_enter(m->cuda, m->device, failure)) return false;
    pthread_mutex_lock(&m->lock);
    bool ok = cuda_run(&l, options, failure);
    pthread_mutex_unlock(&m->lock);
    hd_cuda_leave(m->cuda);
    return ok;
}
