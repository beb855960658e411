/* Resident kernels on the CPU: each block is a coroutine with a stack of its own. A worker resumes
 * its blocks in turn; a block leaves the turn at `sync grid` and inside `await`, so every block of
 * the grid makes progress on any number of threads. */
#include "runtime/cpu.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

enum {
    RESIDENT_STACK = 1 << 20,
    RESIDENT_MAX_BLOCKS = 16384, /* two mappings each, of the 65530 a process may have */
    RESIDENT_SPINS = 64          /* fruitless turns before a worker sleeps */
};

typedef struct ResidentJob ResidentJob;
typedef struct ResidentBlock {
    ucontext_t context, *home; /* home: the worker that resumes it */
    ResidentJob *job;
    HdCpuArgs args;
    HdScratch scratch;
    char *stack; /* a guard page, then RESIDENT_STACK */
    int64_t number;
    uint64_t phase; /* of the barrier it waits at */
    bool waiting, done;
} ResidentBlock;

struct ResidentJob {
    HdCpuJob *job;
    ResidentBlock *blocks;
    int workers;
    /* The barrier: blocks that have arrived in this phase, and blocks that have left the kernel,
     * in one word so that "all have arrived or left" is seen by exactly one of them. */
    uint64_t arrived_and_left;
    uint64_t phase;
    int stuck; /* some left while others wait: the barrier can never open */
};
static const uint64_t RESIDENT_LEFT = (uint64_t)1 << 32;

static bool resident_over(const ResidentJob *r)
{
    return hd_cpu_job_over(r->job) || __atomic_load_n(&r->stuck, __ATOMIC_RELAXED);
}

/* Adds to the barrier's counts and opens it, or finds it stuck. */
static void resident_count(ResidentJob *r, uint64_t what)
{
    uint64_t blocks = (uint64_t)r->job->call->blocks;
    uint64_t now = __atomic_add_fetch(&r->arrived_and_left, what, __ATOMIC_ACQ_REL);
    uint64_t arrived = now & (RESIDENT_LEFT - 1), left = now / RESIDENT_LEFT;
    if (arrived + left < blocks || arrived == 0) return;
    if (left) {
        __atomic_store_n(&r->stuck, 1, __ATOMIC_RELAXED);
        return;
    }
    __atomic_store_n(&r->arrived_and_left, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&r->phase, r->phase + 1, __ATOMIC_RELEASE);
}

static bool resident_sync(void *state)
{
    ResidentBlock *block = state;
    ResidentJob *r = block->job;
    block->phase = __atomic_load_n(&r->phase, __ATOMIC_ACQUIRE);
    resident_count(r, 1);
    while (__atomic_load_n(&r->phase, __ATOMIC_ACQUIRE) == block->phase) {
        if (resident_over(r)) return false;
        block->waiting = true;
        swapcontext(&block->context, block->home);
        block->waiting = false;
    }
    return !resident_over(r);
}

static bool resident_yield(void *state)
{
    ResidentBlock *block = state;
    swapcontext(&block->context, block->home);
    return !resident_over(block->job);
}

static void resident_main(unsigned high, unsigned low)
{
    ResidentBlock *block = (ResidentBlock *)(uintptr_t)((uint64_t)high << 32 | low);
    HdCpuJob *job = block->job->job;
    job->call->variant->cpu(&block->args, block->number, block->number + 1);
    if (block->scratch.failed) __atomic_store_n(&job->out_of_memory, 1, __ATOMIC_RELAXED);
    block->done = true;
    resident_count(block->job, RESIDENT_LEFT);
    swapcontext(&block->context, block->home); /* never resumed */
}

static void resident_nap(int fruitless)
{
    struct timespec pause = {0, 20000};
    if (fruitless < RESIDENT_SPINS)
        sched_yield();
    else
        nanosleep(&pause, NULL);
}

static bool resident_ready(const ResidentBlock *block)
{
    if (block->done) return false;
    return !block->waiting || resident_over(block->job) ||
           __atomic_load_n(&block->job->phase, __ATOMIC_ACQUIRE) != block->phase;
}

static void resident_work(void *context, HdCpuWorker *worker)
{
    ResidentJob *r = context;
    ucontext_t home;
    int64_t blocks = r->job->call->blocks, live = 0;
    for (int64_t i = worker->index; i < blocks; i += r->workers) {
        r->blocks[i].home = &home;
        live++;
    }
    for (int fruitless = 0; live > 0; fruitless++) {
        for (int64_t i = worker->index; i < blocks; i += r->workers) {
            ResidentBlock *block = &r->blocks[i];
            if (!resident_ready(block)) continue;
            swapcontext(&home, &block->context);
            fruitless = 0;
            if (block->done) live--;
        }
        if (live > 0 && fruitless > 0) resident_nap(fruitless);
    }
}

static bool resident_prepare(ResidentJob *r, int64_t number)
{
    ResidentBlock *block = &r->blocks[number];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = page + RESIDENT_STACK;
    void *stack = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    if (stack == MAP_FAILED) return false;
    block->stack = stack;
    if (mprotect(stack, page, PROT_NONE) != 0 || getcontext(&block->context) != 0) return false;
    block->job = r;
    block->number = number;
    block->args = r->job->args;
    block->args.grid_state = block;
    block->args.grid_sync = resident_sync;
    block->args.yield = resident_yield;
    block->args.pool = &block->scratch;
    block->context.uc_stack.ss_sp = block->stack + page;
    block->context.uc_stack.ss_size = RESIDENT_STACK;
    block->context.uc_link = NULL;
    uint64_t address = (uint64_t)(uintptr_t)block;
    /* makecontext passes ints and declares its function without parameters */
    makecontext(&block->context, (void (*)(void))(uintptr_t)resident_main, 2,
                (unsigned)(address >> 32), (unsigned)address);
    return true;
}

static void resident_free(ResidentJob *r, int64_t blocks)
{
    size_t size = (size_t)sysconf(_SC_PAGESIZE) + RESIDENT_STACK;
    for (int64_t i = 0; i < blocks; i++) {
        free(r->blocks[i].scratch.data);
        if (r->blocks[i].stack) munmap(r->blocks[i].stack, size);
    }
    free(r->blocks);
}

bool hd_resident_run(HdCpuPool *pool, HdCpuJob *job, HdFailure *failure)
{
    int64_t blocks = job->call->blocks;
    const char *name = job->call->kernel->name;
    if (blocks > RESIDENT_MAX_BLOCKS)
        return hd_fail(failure, HD_BAD_CALL,
                       "%s is resident: its grid of %lld blocks exceeds the %d that the CPU holds "
                       "at once",
                       name, (long long)blocks, RESIDENT_MAX_BLOCKS);
    ResidentJob r = {.job = job, .blocks = calloc((size_t)blocks, sizeof *r.blocks)};
    bool ok = r.blocks != NULL;
    for (int64_t i = 0; ok && i < blocks; i++) ok = resident_prepare(&r, i);
    if (ok) {
        int threads = hd_cpu_pool_threads(pool);
        hd_cpu_pool_run(pool, blocks < threads ? (int)blocks : threads, resident_work, &r,
                        &r.workers);
    } else {
        hd_fail(failure, HD_FAILED, "out of memory for the %lld stacks of %s", (long long)blocks,
                name);
    }
    if (r.blocks) resident_free(&r, blocks);
    if (ok && r.stuck && !hd_cpu_job_over(job))
        return hd_fail(failure, HD_TRAPPED,
                       "some blocks of %s have ended while others wait at `sync grid`", name);
    return ok;
}
