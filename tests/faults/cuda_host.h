// The machine of tests/cuda_host with faults: each barrier, fence, commit and wait of the emitted
// text is a site, which the environment can switch off. Names a site by its module, its number in
// the module's text, and where it comes from.
//
//   HD_FAULT_LOG=FILE   appends the sites that are reached, copies among them:
//                       "KEY FUNCTION KIND SOURCE LINE"
//   HD_FAULT=KEY        this site does nothing; KEY+ for a wait: it lets one more group be under
//   way
#ifndef TESTS_FAULTS_CUDA_HOST_H
#define TESTS_FAULTS_CUDA_HOST_H

#include "../cuda_host/cuda_host.h"

#include <dlfcn.h>

namespace hd_fault
{

struct Site {
    const char *function, *kind, *file;
    int line, number;
    int state; // 0 not reached yet, 1 as it should be, 2 off, 3 weakened
};

static void reach(Site *s)
{
    Dl_info info = {};
    char key[512];
    const char *module = dladdr(s, &info) && info.dli_fname ? info.dli_fname : "?";
    if (strrchr(module, '/')) module = strrchr(module, '/') + 1;
    snprintf(key, sizeof key, "%s:%d", module, s->number);
    const char *log = getenv("HD_FAULT_LOG"), *want = getenv("HD_FAULT");
    size_t len = strlen(key);
    bool named = want && strncmp(want, key, len) == 0;
    s->state = !named ? 1 : want[len] == 0 ? 2 : want[len] == '+' ? 3 : 1;
    if (!log) return;
    FILE *f = fopen(log, "a");
    if (!f) abort();
    fprintf(f, "%s %s %s %s %d\n", key, s->function, s->kind, s->file, s->line);
    fclose(f);
}

static inline int state(Site *s)
{
    if (s->state == 0) reach(s);
    return s->state;
}

// `hd_async_wait<n>();` becomes `… hd_fault::Wait{…}.groups<n>();`
struct Wait {
    bool weak;
    template <int Groups> void groups() const
    {
        if (weak)
            hd_async_wait<Groups + 1>();
        else
            hd_async_wait<Groups>();
    }
};

// `hd_wgmma_wait<n>();` likewise.
struct ProductWait {
    bool weak;
    template <int Groups> void groups() const
    {
        if (weak)
            hd_wgmma_wait<Groups + 1>();
        else
            hd_wgmma_wait<Groups>();
    }
};

} // namespace hd_fault

#define HD_FAULT_NUMBERED(kind, number)                                                            \
    hd_fault::state(({                                                                             \
        static hd_fault::Site site = {__func__, kind, __FILE__, __LINE__, number, 0};              \
        &site;                                                                                     \
    }))
#define HD_FAULT_STATE(kind) HD_FAULT_NUMBERED(kind, __COUNTER__)
#define HD_FAULT_UNLESS(kind)                                                                      \
    if (HD_FAULT_STATE(kind) == 2) {                                                               \
    } else
// Of a module all at once: barriers have one where it may be needed.
#define HD_FAULT_UNLESS_FENCES                                                                     \
    if (HD_FAULT_NUMBERED("engine-fence", -1) == 2) {                                              \
    } else

#define __syncthreads() HD_FAULT_UNLESS("barrier") __syncthreads()
#define hd_cluster_sync() HD_FAULT_UNLESS("cluster-barrier") hd_cluster_sync()
#define hd_mbarrier_arrive_of_block(...)                                                           \
    HD_FAULT_UNLESS("arrive") hd_mbarrier_arrive_of_block(__VA_ARGS__)
#define hd_mbarrier_wait_cluster(...)                                                              \
    HD_FAULT_UNLESS("mbarrier-wait") hd_mbarrier_wait_cluster(__VA_ARGS__)
#define __syncwarp() HD_FAULT_UNLESS("warp-barrier") __syncwarp()
#define hd_group_sync(...) HD_FAULT_UNLESS("group-barrier") hd_group_sync(__VA_ARGS__)
#define hd_barrier_sync(...) HD_FAULT_UNLESS("barrier-sync") hd_barrier_sync(__VA_ARGS__)
#define hd_barrier_arrive(...) HD_FAULT_UNLESS("barrier-arrive") hd_barrier_arrive(__VA_ARGS__)
#define hd_mbarrier_arrive(...) HD_FAULT_UNLESS("arrive") hd_mbarrier_arrive(__VA_ARGS__)
#define hd_mbarrier_wait(...) HD_FAULT_UNLESS("mbarrier-wait") hd_mbarrier_wait(__VA_ARGS__)
#define hd_mbarrier_expect(...) HD_FAULT_UNLESS("expect") hd_mbarrier_expect(__VA_ARGS__)
#define hd_tma_multicast HD_FAULT_UNLESS("tma-load") hd_tma_multicast
#define hd_tma_load HD_FAULT_UNLESS("tma-load") hd_tma_load
#define hd_tma_store HD_FAULT_UNLESS("tma-store") hd_tma_store
#define hd_tma_commit() HD_FAULT_UNLESS("tma-commit") hd_tma_commit()
#define hd_tma_wait HD_FAULT_UNLESS("tma-wait") hd_tma_wait
#define hd_fence_engines() HD_FAULT_UNLESS_FENCES hd_fence_engines()
#define hd_fence_engines_of_blocks() HD_FAULT_UNLESS_FENCES hd_fence_engines_of_blocks()
#define hd_mbarrier_ready() HD_FAULT_UNLESS_FENCES hd_mbarrier_ready()
#define hd_wgmma_fence() HD_FAULT_UNLESS("wgmma-fence") hd_wgmma_fence()
#define hd_wgmma_commit() HD_FAULT_UNLESS("wgmma-commit") hd_wgmma_commit()
#define hd_async_copy HD_FAULT_STATE("copy"), hd_async_copy
#define hd_async_commit() HD_FAULT_UNLESS("commit") hd_async_commit()
#define hd_wgmma_wait                                                                              \
    for (int fault = HD_FAULT_STATE("wgmma-wait"), once = 1; once && fault != 2; once = 0)         \
    hd_fault::ProductWait{fault == 3}.groups
#define hd_async_wait                                                                              \
    for (int fault = HD_FAULT_STATE("wait"), once = 1; once && fault != 2; once = 0)               \
    hd_fault::Wait{fault == 3}.groups

#endif
