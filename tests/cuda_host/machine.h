// The machine under cuda_host.h: coroutines, blocks, barriers.
#ifndef TESTS_CUDA_HOST_MACHINE_H
#define TESTS_CUDA_HOST_MACHINE_H

#include <link.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// The coroutines' switch is that of emitted C.
#define HD_COLD static inline
extern "C" {
#include "../../src/target/cpu/context.h"
}
#undef HD_COLD

// What copy engines know of a tensor: the first dimension is the fastest, strides count elements
// (0: row-major).
struct HdTensorMap {
    void *tensor;
    int bytes, rank, swizzle;
    long extents[5], strides[5], box[5];
};
#define __grid_constant__
#define __cluster_dims__(...)

namespace hd_host
{

enum {
    MAX_THREADS = 1024,
    MAX_BARRIERS = 16 + 8 /* of warpgroups */,
    MAX_MBARRIERS = 256,
    MAX_BULKS = 512,
    STACK = 256 * 1024
};
enum Meet {
    MEET_NONE,
    MEET_SYNC,
    MEET_SHUFFLE,
    MEET_XOR,
    MEET_UP,
    MEET_DOWN,
    MEET_VOTE,
    MEET_MMA,
    MEET_MATRIX
};
struct Index {
    unsigned int x, y, z;
};

// ---- the state of one operating-system thread
// ----------------------------------------------------
struct Places {
    void *place[3]; // what a lane has brought to a matrix instruction
};
// An asynchronous copy under way. It lands as late as the manual allows: when its thread waits for
// its group, with what is then at its source; until then there is garbage.
struct Copy {
    unsigned char *to;
    const unsigned char *from; // NULL: zeros
    int bytes;
    long group;
};
struct Copies {
    Copy *list;
    int count, room;
    long groups; // committed
};
struct Warp {
    int arrived;
    Meet kind;
    const char *text;
    Places places[32];
    unsigned int value[2][32]; // of two meetings in turn: nobody is more than one ahead
};
struct Mbarrier {
    const void *address;
    int expected, pending; // arrivals of a phase
    long bytes;            // expected, less those copied
    unsigned int phase;
    struct Machine *of;
};
struct MbarrierWait {
    const void *at; // the mbarrier; null: the thread waits at none
    const char *file;
    int line;
};
struct GroupProduct; // of a warpgroup: group.h
struct GroupProducts {
    GroupProduct *list;
    int count, room;
    long groups; // committed
    bool fenced;
};
// A copy that an engine has been asked for.
struct Bulk {
    HdTensorMap map;
    char *tile;
    const void *mbarrier; // that counts the bytes; null: a store
    long at[5];
    int thread, group; // of a store: 0 before its group is closed
    const char *file;
    int line;
};
struct Grid;
// Blocks that run together, each on an operating-system thread of its own (shared tensors are
// thread-local variables), of which one at a time goes on: cluster.h.
enum { MAX_CLUSTER = 8 };
struct Cluster {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int blocks, there, turn, gone;
    bool over; // a block has given up
    struct Machine *machines[MAX_CLUSTER];
    int arrived, left; // threads: at the barrier, and out of the kernel
    uint64_t random;
};
struct Machine {
    HdContext scheduler, contexts[MAX_THREADS];
    int turn[MAX_THREADS]; // meetings of the thread's warp it has been to
    char *stacks;
    unsigned char *shared;
    long shared_bytes;
    int block, current, ready_count, done, waiting, pauses;
    bool over; // the block gives up
    int ready[MAX_THREADS];
    int arrived[MAX_BARRIERS], expected[MAX_BARRIERS];
    int waiters[MAX_BARRIERS][MAX_THREADS], waiter_count[MAX_BARRIERS];
    Warp warps[MAX_THREADS / 32];
    Mbarrier mbarriers[MAX_MBARRIERS];
    GroupProducts products[MAX_THREADS];
    int mbarrier_count;
    MbarrierWait waits[MAX_THREADS];
    Bulk bulks[MAX_BULKS];
    int bulk_count, bulk_groups[MAX_THREADS];
    Copies copies[MAX_THREADS];
    uint64_t random, ranks;
    Index block_index, grid_extent;
    const HdCpuArgs *args;
    Grid *grid; // of a resident launch
    Cluster *cluster;
    int rank, cluster_waiters[MAX_THREADS], cluster_waiting;
    bool begun, ended, idle; // a block of a cluster
    const char *variables;   // where its thread-local ones lie
    void (*kernel)(void *);
    void *kernel_data;
};
static thread_local Machine *machine;

// ---- what kernels ask --------------------------------------------------------------------------
static inline Index thread_index()
{
    return {(unsigned int)machine->current, 0, 0};
}
static inline Index block_index()
{
    return machine->block_index;
}
static inline Index block_extent()
{
    return {(unsigned int)machine->block, 1, 1};
}
static inline Index grid_extent()
{
    return machine->grid_extent;
}
static inline int lane()
{
    return machine->current & 31;
}
static inline int warp_size()
{
    int rest = machine->block - (machine->current & ~31);
    return rest < 32 ? rest : 32;
}

__attribute__((format(printf, 1, 2))) static void print(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text[strcspn(text, "\n")] = 0;
    if (machine->args->print) machine->args->print(machine->args->print_state, text);
}

[[noreturn]] static void fail(const char *what)
{
    fprintf(stderr, "cuda_host: block %u: %s\n", machine->block_index.x, what);
    for (int i = 0; i < MAX_BARRIERS; ++i)
        if (machine->arrived[i])
            fprintf(stderr, "cuda_host:   barrier %d has %d of %d threads\n", i,
                    machine->arrived[i], machine->expected[i]);
    for (int i = 0; i < machine->block; ++i) {
        const MbarrierWait *wait = &machine->waits[i], *last = i ? wait - 1 : nullptr;
        bool again = last && last->at == wait->at && last->line == wait->line;
        if (!wait->at || again) continue;
        fprintf(stderr, "%s:%d: thread %d waits\n", wait->file, wait->line, i);
        for (int j = 0; j < machine->mbarrier_count; ++j) {
            const Mbarrier *b = &machine->mbarriers[j];
            if (b->address == wait->at)
                fprintf(stderr, "cuda_host:   its phase lacks %d arrivals and %ld bytes\n",
                        b->pending, b->bytes);
        }
    }
    for (int i = 0; i * 32 < machine->block; ++i)
        if (machine->warps[i].arrived)
            fprintf(stderr, "cuda_host:   %d lanes of warp %d met\n", machine->warps[i].arrived, i);
    abort();
}

// ---- switching ---------------------------------------------------------------------------------
static void leave()
{
    hd_context_switch(&machine->contexts[machine->current], &machine->scheduler);
}
static void wake_in(Machine *m, int thread)
{
    m->ready[m->ready_count++] = thread;
    m->idle = false;
}
static void wake(int thread)
{
    wake_in(machine, thread);
}
// The thread does not come back: the block is over.
static void give_up()
{
    machine->over = true;
    leave();
}
static bool launch_is_over()
{
    return __atomic_load_n(&machine->args->trap->state, __ATOMIC_ACQUIRE) != 0;
}

static void pause()
{
    if (++machine->pauses % 256 == 0) {
        bool on =
            machine->grid ? sched_yield() == 0 : machine->args->yield(machine->args->grid_state);
        if (!on || launch_is_over()) give_up();
    }
    wake(machine->current);
    leave();
}

// Arrives at a barrier; the last to come wakes those who wait.
static void barrier_arrive(int id, int threads)
{
    Machine *m = machine;
    if (m->arrived[id] && m->expected[id] != threads) fail("a barrier of two sizes");
    m->expected[id] = threads;
    if (++m->arrived[id] < threads) return;
    for (int i = 0; i < m->waiter_count[id]; ++i) wake(m->waiters[id][i]);
    m->arrived[id] = m->waiter_count[id] = 0;
}

static void barrier(int id, int threads)
{
    Machine *m = machine;
    m->waiters[id][m->waiter_count[id]++] = m->current;
    barrier_arrive(id, threads);
    leave();
}

// Waits for the warp's other lanes; then gives the value each has brought.
static const unsigned int *meet(Meet kind, unsigned int value)
{
    Machine *m = machine;
    int thread = m->current, first = thread & ~31, turn = m->turn[thread]++ & 1;
    Warp *w = &m->warps[thread / 32];
    if (w->arrived && w->kind != kind) fail("lanes of a warp meet for different things");
    w->kind = kind;
    w->value[turn][thread & 31] = value;
    if (++w->arrived == warp_size()) {
        w->arrived = 0;
        for (int i = 0; i < warp_size(); ++i)
            if (first + i != thread) wake(first + i);
    } else {
        leave();
    }
    return w->value[turn];
}

// The same for an instruction on the lanes' own memory: the last one to come does it for all.
template <class F> static void meet_for(Meet kind, const char *text, void *const place[3], F act)
{
    Machine *m = machine;
    Warp *w = &m->warps[m->current / 32];
    if (warp_size() != 32) fail("a matrix instruction needs a whole warp");
    if (w->arrived && (w->kind != kind || strcmp(w->text, text) != 0))
        fail("lanes of a warp meet for different things");
    w->kind = kind;
    w->text = text;
    memcpy(w->places[lane()].place, place, sizeof w->places[0].place);
    if (++w->arrived < 32) {
        leave();
        return;
    }
    w->arrived = 0;
    act(text, w->places);
    int first = m->current & ~31;
    for (int i = 0; i < 32; ++i)
        if (first + i != m->current) wake(first + i);
}

// ---- grids that are resident -------------------------------------------------------------------
struct Grid {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    long blocks, arrived, round;
    bool over;
};
static void grid_end(Grid *g)
{
    pthread_mutex_lock(&g->lock);
    g->over = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}
static void grid_wait(Grid *g)
{
    pthread_mutex_lock(&g->lock);
    long round = g->round;
    if (++g->arrived == g->blocks) {
        g->arrived = 0;
        ++g->round;
        pthread_cond_broadcast(&g->changed);
    }
    while (g->round == round && !g->over) pthread_cond_wait(&g->changed, &g->lock);
    bool over = g->round == round;
    pthread_mutex_unlock(&g->lock);
    if (over) give_up();
}
static void grid_sync()
{
    barrier(0, machine->block);
    if (machine->current == 0) grid_wait(machine->grid);
    barrier(0, machine->block);
}

// ---- shared memory -----------------------------------------------------------------------------
// Arrays of a kernel's own are thread-local variables of this module, and so is `machine`. What the
// last block left there is no value for the next one.
static int poison_module(struct dl_phdr_info *info, size_t, void *data)
{
    Machine *m = machine;
    char *tls = (char *)info->dlpi_tls_data, *here = (char *)&machine;
    for (int i = 0; tls && i < info->dlpi_phnum; ++i) {
        if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
        size_t size = info->dlpi_phdr[i].p_memsz;
        if (here < tls || here >= tls + size) continue;
        memset(tls, *(unsigned char *)data, size);
        machine = m;
        return 1;
    }
    return 0;
}
static void poison(Machine *m)
{
    unsigned char garbage = 0xff;
    if (m->shared) memset(m->shared, garbage, (size_t)m->shared_bytes);
    dl_iterate_phdr(poison_module, &garbage);
}

// ---- blocks ------------------------------------------------------------------------------------
static void cluster_left(Machine *m);
static bool cluster_rest(Machine *m);

static void thread_main()
{
    machine->kernel(machine->kernel_data);
    ++machine->done;
    cluster_left(machine);
    leave();
    abort();
}

static uint64_t next_random(Machine *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random;
}

// Which of the ready threads runs next: any of them; for every third seed the one that this block
// puts first, for every other third one of the warp that it puts first, so that some run far ahead
// (unless some spin).
static int choose(Machine *m)
{
    int policy = (int)(m->args->seed % 3), best = 0;
    if (policy == 0 || m->pauses) return (int)(next_random(m) % (uint64_t)m->ready_count);
    uint64_t most = 0;
    for (int i = 0; i < m->ready_count; ++i) {
        uint64_t who = (uint64_t)(policy == 1 ? m->ready[i] : m->ready[i] / 32) + 1;
        uint64_t rank = (who * 0x9e3779b97f4a7c15ull ^ m->ranks) * 0xd6e8feb86659fd93ull;
        if (rank < most) continue;
        most = rank;
        best = i;
    }
    return best;
}

static Machine *machine_of(int block, long shared_bytes)
{
    if (!machine) {
        machine = (Machine *)calloc(1, sizeof *machine);
        machine->stacks = (char *)mmap(nullptr, (size_t)MAX_THREADS * STACK, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (machine->stacks == MAP_FAILED) abort();
    }
    if (machine->shared_bytes < shared_bytes) {
        free(machine->shared);
        size_t whole = (size_t)(shared_bytes + 1023) / 1024 * 1024;
        machine->shared = (unsigned char *)aligned_alloc(1024, whole);
        machine->shared_bytes = shared_bytes;
    }
    machine->block = block;
    return machine;
}
static void machine_end()
{
    munmap(machine->stacks, (size_t)MAX_THREADS * STACK);
    free(machine->shared);
    for (int i = 0; i < MAX_THREADS; ++i) free(machine->copies[i].list);
    for (int i = 0; i < MAX_THREADS; ++i) free(machine->products[i].list);
    free(machine);
    machine = nullptr;
}
// The machine of the thread that unloads the library goes with it.
__attribute__((destructor)) static void unload()
{
    if (machine) machine_end();
}

static bool bulk_land_some();

static void run_block(Machine *m, long number)
{
    m->block_index = {(unsigned int)number, 0, 0};
    m->over = false;
    m->done = m->ready_count = m->pauses = m->mbarrier_count = m->bulk_count = 0;
    m->random = (m->args->seed + 1) * 0x9e3779b97f4a7c15ull ^ (uint64_t)(number + 1) << 20;
    m->ranks = next_random(m);
    poison(m);
    memset(m->arrived, 0, sizeof m->arrived);
    memset(m->waiter_count, 0, sizeof m->waiter_count);
    for (int i = 0; i * 32 < m->block; ++i) m->warps[i].arrived = 0;
    for (int i = 0; i < m->block; ++i) {
        m->turn[i] = 0;
        m->waits[i].at = nullptr;
        m->bulk_groups[i] = 0;
        m->products[i].fenced = false;
        m->products[i].count = 0;
        m->products[i].groups = 0;
        m->copies[i].count = 0;
        m->copies[i].groups = 0;
        hd_context_make(&m->contexts[i], m->stacks + (size_t)i * STACK, STACK, thread_main);
        wake(i);
    }
    // In every other block copies may be made long before they are waited for.
    bool early = (m->args->seed + (uint64_t)number) % 2 == 0;
    while (!m->over &&
           (m->ready_count || (m->done < m->block && (bulk_land_some() || cluster_rest(m))))) {
        if (m->ready_count) cluster_rest(m);
        if (early && next_random(m) % 4 == 0) bulk_land_some();
        if (m->over || !m->ready_count) continue;
        int at = choose(m);
        m->current = m->ready[at];
        m->ready[at] = m->ready[--m->ready_count];
        hd_context_switch(&m->scheduler, &m->contexts[m->current]);
    }
    if (!m->over && m->done < m->block) fail("some threads wait for ever");
    if (!m->over && m->bulk_count) {
        fprintf(stderr, "%s:%d: this copy has not been waited for\n", m->bulks[0].file,
                m->bulks[0].line);
        fail("a copy is under way where the block ends");
    }
}

// ---- launches ----------------------------------------------------------------------------------
struct Launch {
    const HdCpuArgs *args;
    int block;
    long shared_bytes, blocks;
    void (*kernel)(void *);
    void *data;
    Grid *grid;
};
static void run_blocks(const Launch *l, long begin, long end)
{
    Machine *m = machine_of(l->block, l->shared_bytes);
    m->args = l->args;
    m->grid = l->grid;
    m->kernel = l->kernel;
    m->kernel_data = l->data;
    m->grid_extent = {(unsigned int)l->blocks, 1, 1};
    for (long b = begin; b < end && !launch_is_over(); ++b) run_block(m, b);
}

struct Resident {
    const Launch *launch;
    long number;
    pthread_t thread;
};
static void *resident_main(void *data)
{
    Resident *r = (Resident *)data;
    run_blocks(r->launch, r->number, r->number + 1);
    if (machine->over) grid_end(r->launch->grid);
    machine_end();
    return nullptr;
}
// All blocks at once, at the first block's call.
static void run_resident(Launch *l)
{
    Grid grid = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, l->blocks, 0, 0, false};
    l->grid = &grid;
    Resident *all = (Resident *)calloc((size_t)l->blocks, sizeof *all);
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    for (long b = 0; b < l->blocks; ++b) {
        all[b].launch = l;
        all[b].number = b;
        if (pthread_create(&all[b].thread, &attr, resident_main, &all[b])) abort();
    }
    for (long b = 0; b < l->blocks; ++b) pthread_join(all[b].thread, nullptr);
    free(all);
}

static void run_clusters(const Launch *l, long begin, long end, int blocks);

template <class F>
static void launch(const HdCpuArgs *args, int64_t begin, int64_t end, int block, bool resident,
                   int cluster, long shared_bytes, F kernel)
{
    Launch l = {args,
                block,
                shared_bytes,
                args->grid[0] * args->grid[1] * args->grid[2],
                [](void *data) { (*(F *)data)(); },
                &kernel,
                nullptr};
    if (cluster)
        run_clusters(&l, begin, end, cluster);
    else if (!resident)
        run_blocks(&l, begin, end);
    else if (begin == 0)
        run_resident(&l);
}

} // namespace hd_host

#endif
