/* A launch on the CPU: blocks are handed to the pool's workers, lowest numbers first. */
#include "runtime/cpu.h"

#include <sched.h>
#include <string.h>

/* A worker finishes a range before it takes the next, and ranges are taken in increasing order:
 * so every block below one that waits is finished or running. */
static void cpu_work(void *context, HdCpuWorker *worker)
{
    HdCpuJob *job = context;
    HdCpuArgs args = job->args;
    int64_t blocks = job->call->blocks;
    args.pool = &worker->scratch;
    worker->scratch.failed = false;
    while (!hd_cpu_job_over(job)) {
        int64_t begin = __atomic_fetch_add(&job->next, job->chunk, __ATOMIC_RELAXED);
        if (begin >= blocks) break;
        int64_t end = blocks - begin < job->chunk ? blocks : begin + job->chunk;
        job->call->variant->cpu(&args, begin, end);
        if (worker->scratch.failed) __atomic_store_n(&job->out_of_memory, 1, __ATOMIC_RELAXED);
    }
}

static bool cpu_yield(void *state)
{
    sched_yield();
    return !hd_cpu_job_over(state);
}

static bool cpu_no_grid_sync(void *state)
{
    (void)state; /* only resident kernels may; giving up beats waiting for ever */
    return false;
}

static void cpu_drop_line(void *state, const char *text)
{
    (void)state;
    (void)text;
}

/* Small enough that threads end together, large enough that taking one costs nothing; of whole
 * clusters. */
static int64_t cpu_chunk(int64_t blocks, int threads, int cluster)
{
    enum { CHUNKS_PER_THREAD = 16, CHUNK_MAX = 1024 };
    int64_t chunk = blocks / ((int64_t)threads * CHUNKS_PER_THREAD);
    chunk = chunk < 1 ? 1 : chunk > CHUNK_MAX ? CHUNK_MAX : chunk;
    return cluster ? (chunk + cluster - 1) / cluster * cluster : chunk;
}

bool hd_cpu_launch(HdCpuPool *pool, const HdCall *call, const HdCpuOptions *options,
                   HdFailure *failure)
{
    if (call->blocks == 0) return true;
    HdCpuJob job = {.call = call};
    int threads = hd_cpu_pool_threads(pool);
    bool prints = options && options->print;
    job.chunk = cpu_chunk(call->blocks, threads, call->instance->cluster);
    job.args = (HdCpuArgs){
        .tensors = call->tensors,
        .scalars = call->scalars,
        .sizes = call->sizes,
        .grid = {call->grid[0], call->grid[1], call->grid[2]},
        .trap = &job.trap,
        .seed = options ? options->seed : 0,
        .grid_state = &job,
        .grid_sync = cpu_no_grid_sync,
        .yield = cpu_yield,
        .print = prints ? options->print : cpu_drop_line,
        .print_state = prints ? options->print_state : NULL,
        .scratch = hd_scratch_get,
        .shared_bytes = call->shared_bytes,
    };
    if (call->instance->resident) {
        if (!hd_resident_run(pool, &job, failure)) return false;
    } else {
        int64_t chunks = (call->blocks - 1) / job.chunk + 1;
        hd_cpu_pool_run(pool, chunks < threads ? (int)chunks : threads, cpu_work, &job, NULL);
    }
    if (job.trap.state != 0) return hd_trap_fail(call->instance, &job.trap, failure);
    if (job.out_of_memory)
        return hd_fail(failure, HD_FAILED, "out of memory in %s", call->kernel->name);
    return true;
}
