// The state of the machine under cuda_host.h: threads, warps, barriers, what is under way.
#ifndef TESTS_CUDA_HOST_STATE_H
#define TESTS_CUDA_HOST_STATE_H

#include "watch.h"

#include <link.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>

// The coroutines' switch is that of emitted C.
#define HD_COLD HD_OWN
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
    MAX_REGISTERS = 32,
    STACK = 256 * 1024,
    GUARD = 64 * 1024 // bytes past shared memory, which are nobody's
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
    int engine;  // -1: there was no copy yet
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
    int told, over; // rows: of this phase's arrivals, of all phases that are over
    int engine;     // that loads
};
struct MbarrierWait {
    const void *at; // the mbarrier; null: the thread waits at none
    const char *file;
    int line;
};
struct GroupProduct; // of a warpgroup: group.h
// Those that a product has had as its sums or a factor. From its begin until its group is waited
// for they are its own; touched after that, they need another wgmma.fence.
struct Registers {
    const unsigned char *begin;
    size_t size;
    long group;
    bool touched;
};
struct GroupProducts {
    GroupProduct *list;
    int count, room;
    long groups, over; // committed; waited for
    bool fenced;
    Registers registers[MAX_REGISTERS];
    int register_count;
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
struct Cluster {
    Watch *watch;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int blocks, there, turn, gone;
    bool over; // a block has given up
    struct Machine *machines[MAX_CLUSTER];
    int told;          // the barrier's row
    int arrived, left; // threads: at the barrier, and out of the kernel
    uint64_t random;
};
struct Machine {
    HdContext scheduler, contexts[MAX_THREADS];
    int turn[MAX_THREADS]; // meetings of the thread's warp it has been to
    char *stacks;
    unsigned char *shared;
    long shared_bytes, shared_room;
    int block, current, ready_count, done, waiting, pauses;
    bool over; // the block gives up
    int ready[MAX_THREADS];
    int arrived[MAX_BARRIERS], expected[MAX_BARRIERS];
    int told[MAX_BARRIERS + 1]; // rows, and that of a warp's meetings; -1: none yet
    int waiters[MAX_BARRIERS][MAX_THREADS], waiter_count[MAX_BARRIERS];
    Warp warps[MAX_THREADS / 32];
    Mbarrier mbarriers[MAX_MBARRIERS];
    GroupProducts products[MAX_THREADS];
    int mbarrier_count;
    MbarrierWait waits[MAX_THREADS];
    Bulk bulks[MAX_BULKS];
    int bulk_count, bulk_groups[MAX_THREADS], bulk_engines[MAX_THREADS];
    int product_engines[MAX_THREADS / 128];
    Copies copies[MAX_THREADS];
    uint64_t random, ranks;
    Watch *watch;
    Span dynamic, variables; // shared memory: by size of the launch, and this module's arrays
    Index block_index, grid_extent;
    const HdCpuArgs *args;
    Grid *grid; // of a resident launch
    Cluster *cluster;
    int rank, cluster_waiters[MAX_THREADS], cluster_waiting;
    bool begun, ended, idle; // a block of a cluster
    void (*kernel)(void *);
    void *kernel_data;
};
static thread_local Machine *machine;

// ---- what kernels ask --------------------------------------------------------------------------
HD_OWN Index thread_index()
{
    return {(unsigned int)machine->current, 0, 0};
}
HD_OWN Index block_index()
{
    return machine->block_index;
}
HD_OWN Index block_extent()
{
    return {(unsigned int)machine->block, 1, 1};
}
HD_OWN Index grid_extent()
{
    return machine->grid_extent;
}
HD_OWN int lane()
{
    return machine->current & 31;
}
HD_OWN int warp_size()
{
    int rest = machine->block - (machine->current & ~31);
    return rest < 32 ? rest : 32;
}

__attribute__((format(printf, 1, 2))) HD_OWN void print(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    text[strcspn(text, "\n")] = 0;
    if (machine->args->print) machine->args->print(machine->args->print_state, text);
}

[[noreturn]] HD_OWN void fail(const char *what)
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

} // namespace hd_host

#endif
