/* Launches on the CPU: a pool of threads that take ranges of blocks in increasing order, or, for
 * resident kernels, one coroutine a block so that all of them make progress on any number of
 * threads. Entry points: `hd_cpu_pool_create`, `hd_cpu_launch`.
 */
#ifndef HD_RUNTIME_CPU_H
#define HD_RUNTIME_CPU_H

#include <pthread.h>

#include "runtime/host.h"

typedef struct HdCpuPool HdCpuPool;

/* How many CPUs this process may use. */
int hd_cpu_processors(void);

/* `threads` 0: $HD_NUM_THREADS, else the CPUs this process may use. NULL when memory runs out.
 * Threads start at the first launch that has work for them. A pool serves one launch at a time
 * (callers queue), and survives `fork` in the child. */
HdCpuPool *hd_cpu_pool_create(int threads);
void hd_cpu_pool_destroy(HdCpuPool *pool); /* NULL is allowed */
int hd_cpu_pool_threads(const HdCpuPool *pool);

typedef struct HdCpuOptions {
    uint64_t seed; /* of the thread order in checked code; 0: natural */
    void (*print)(void *print_state, const char *text); /* NULL: lines are dropped */
    void *print_state;
} HdCpuOptions;

/* Runs a bound call to its end. False: trapped, or memory ran out. `options` may be NULL. */
bool hd_cpu_launch(HdCpuPool *pool, const HdCall *call, const HdCpuOptions *options,
                   HdFailure *failure);

/* ---- between pool.c, cpu.c and resident.c -------------------------------------------------- */

/* Memory a worker lends to the blocks it runs. */
typedef struct HdScratch {
    void *data;
    uint64_t bytes;
    bool failed; /* a request could not be met */
} HdScratch;
void *hd_scratch_get(void *scratch, uint64_t bytes); /* as HdCpuArgs.scratch */

typedef struct HdCpuWorker {
    HdCpuPool *pool;
    pthread_t thread;
    int index; /* 0 is the launching thread */
    HdScratch scratch;
} HdCpuWorker;

/* Calls work(job, worker) on up to `limit` workers at once, the caller among them. `granted` (may
 * be NULL) has their number before any begins. */
typedef void HdCpuWork(void *job, HdCpuWorker *worker);
void hd_cpu_pool_run(HdCpuPool *pool, int limit, HdCpuWork *work, void *job, int *granted);

/* One launch in progress. */
typedef struct HdCpuJob {
    const HdCall *call;
    HdCpuArgs args; /* copied per worker, which puts its own `pool` in */
    HdTrap trap;
    int64_t next, chunk;
    int out_of_memory; /* atomic */
} HdCpuJob;
/* Whether blocks are to stop: one has trapped, or memory ran out. */
static inline bool hd_cpu_job_over(const HdCpuJob *job)
{
    return __atomic_load_n(&job->trap.state, __ATOMIC_ACQUIRE) != 0 ||
           __atomic_load_n(&job->out_of_memory, __ATOMIC_RELAXED) != 0;
}

bool hd_resident_run(HdCpuPool *pool, HdCpuJob *job, HdFailure *failure);

#endif
