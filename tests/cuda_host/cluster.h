// Clusters: the machines of their blocks hand a turn around, in a seeded order, so that a run can
// be repeated.
#ifndef TESTS_CUDA_HOST_CLUSTER_H
#define TESTS_CUDA_HOST_CLUSTER_H

#include "async.h"

namespace hd_host
{

// ---- the turn ----------------------------------------------------------------------------------
// One of the blocks that may go on; -1: there is none.
HD_OWN int turn_choose(Cluster *c)
{
    int choice[MAX_CLUSTER], count = 0;
    for (int i = 0; i < c->blocks; ++i)
        if (!c->machines[i]->ended && !c->machines[i]->idle) choice[count++] = i;
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return count ? choice[c->random % (uint64_t)count] : -1;
}
HD_OWN void turn_pass(Cluster *c, int to)
{
    c->turn = to;
    pthread_cond_broadcast(&c->changed);
}
HD_OWN void turn_wait(Cluster *c, int rank)
{
    while (c->turn != rank) pthread_cond_wait(&c->changed, &c->lock);
}

// Lets other blocks go on, if this one cannot or (now and then) if it can. False: none can.
HD_OWN bool cluster_rest(Machine *m)
{
    Cluster *c = m->cluster;
    if (!c) return false;
    if (m->ready_count && next_random(m) % 8) return true;
    m->idle = !m->ready_count;
    int next = turn_choose(c);
    if (next < 0) return false;
    pthread_mutex_lock(&c->lock);
    turn_pass(c, next);
    turn_wait(c, m->rank);
    pthread_mutex_unlock(&c->lock);
    m->over = c->over;
    return true;
}

// ---- the barrier -------------------------------------------------------------------------------
// It opens when all threads that have not left the kernel are there.
HD_OWN void cluster_count(Cluster *c)
{
    if (!c->arrived || c->arrived + c->left < c->blocks * machine->block) return;
    c->arrived = 0;
    for (int r = 0; r < c->blocks; ++r) {
        Machine *m = c->machines[r];
        while (m->cluster_waiting) {
            int thread = m->cluster_waiters[--m->cluster_waiting];
            if (c->watch) watch_learn(c->watch, r * m->block + thread, c->told);
            wake_in(m, thread);
        }
    }
    if (c->watch) watch_forget(c->watch, c->told);
}
HD_OWN void cluster_left(Machine *m)
{
    if (!m->cluster) return;
    ++m->cluster->left;
    cluster_count(m->cluster);
}
HD_OWN void cluster_sync()
{
    Machine *m = machine;
    if (m->watch) tell(row_of(&m->cluster->told));
    m->cluster_waiters[m->cluster_waiting++] = m->current;
    ++m->cluster->arrived;
    cluster_count(m->cluster);
    leave();
}

// ---- blocks ------------------------------------------------------------------------------------
HD_OWN void *of_block(const void *p, unsigned int rank)
{
    Cluster *c = machine->cluster;
    const unsigned char *at = (const unsigned char *)p, *shared = machine->shared;
    if (rank >= (unsigned int)c->blocks) fail("a block that the cluster does not have");
    if (!c->machines[rank]->begun) fail("a block that has not begun is reached into");
    if (c->machines[rank]->ended) fail("a block that has ended is reached into");
    if (shared && at >= shared && at < shared + machine->shared_bytes)
        return c->machines[rank]->shared + (at - shared);
    return c->machines[rank]->variables.begin + (at - machine->variables.begin);
}

struct Member {
    const Launch *launch;
    Cluster *cluster;
    int rank;
    long number;
    pthread_t thread;
};
HD_OWN Machine *member_begin(const Member *b)
{
    Cluster *c = b->cluster;
    Machine *m = machine_of(b->launch->block, b->launch->shared_bytes, c, b->rank);
    pthread_mutex_lock(&c->lock);
    c->machines[b->rank] = m;
    if (++c->there == c->blocks) turn_pass(c, turn_choose(c));
    turn_wait(c, b->rank);
    pthread_mutex_unlock(&c->lock);
    m->begun = true;
    return m;
}
// The others may still ask for what it was.
HD_OWN void member_end(Machine *m)
{
    Cluster *c = m->cluster;
    m->ended = true;
    c->over |= m->over;
    for (int r = 0; c->over && r < c->blocks; ++r) c->machines[r]->idle = false;
    int next = turn_choose(c);
    for (int r = 0; next < 0 && r < c->blocks; ++r)
        if (!c->machines[r]->ended) fail("threads of another block wait for ever");
    pthread_mutex_lock(&c->lock);
    ++c->gone;
    turn_pass(c, next);
    while (c->gone < c->blocks) pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    machine_end();
}
HD_OWN void *member_main(void *data)
{
    const Member *b = (const Member *)data;
    Machine *m = member_begin(b);
    run_blocks(m, b->launch, b->number, b->number + 1);
    member_end(m);
    return nullptr;
}

HD_OWN void run_clusters(const Launch *l, long begin, long end, int blocks)
{
    Watch *watch = watch_make(l->block, blocks);
    for (long first = begin; first < end; first += blocks) {
        Cluster c = {watch, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER};
        Member members[MAX_CLUSTER];
        c.blocks = blocks;
        c.told = -1;
        if (watch) watch_begin(watch);
        c.turn = -1;
        c.random = (l->args->seed + 1) * 0x9e3779b97f4a7c15ull ^ (uint64_t)(first + 1) << 20;
        for (int r = 0; r < blocks; ++r) {
            members[r] = {l, &c, r, first + r, {}};
            if (pthread_create(&members[r].thread, nullptr, member_main, &members[r])) abort();
        }
        for (int r = 0; r < blocks; ++r) pthread_join(members[r].thread, nullptr);
    }
    watch_end(watch);
}

} // namespace hd_host

// ---- what kernels call -------------------------------------------------------------------------
template <class T> HD_HOST_FN T *hd_of_block(T *p, unsigned int rank)
{
    return (T *)hd_host::of_block(p, rank);
}
HD_HOST_FN void hd_cluster_sync()
{
    hd_host::cluster_sync();
}
HD_HOST_FN void hd_mbarrier_arrive_of_block(unsigned long long *b, unsigned int rank)
{
    hd_host::mbarrier_arrive(hd_host::of_block(b, rank), 0);
}
HD_HOST_FN void hd_mbarrier_wait_cluster(unsigned long long *b, unsigned int parity,
                                         const char *file = __builtin_FILE(),
                                         int line = __builtin_LINE())
{
    hd_host::mbarrier_wait(b, parity, file, line);
}
HD_HOST_FN void hd_fence_engines_of_blocks()
{
    hd_host::fence_engines();
}

// To each block it comes at a time of its own.
template <int Rank, int Policy = 0>
HD_HOST_FN void hd_tma_multicast(const void *tile, const HdTensorMap *map, unsigned long long *b,
                                 unsigned short blocks, int x, int y = 0, int z = 0, int u = 0,
                                 int v = 0, const char *file = __builtin_FILE(),
                                 int line = __builtin_LINE())
{
    const int at[] = {x, y, z, u, v};
    for (unsigned int r = 0; r < 16; ++r)
        if (blocks >> r & 1)
            hd_host::bulk(map, hd_host::of_block(tile, r), hd_host::of_block(b, r), at, file, line);
}

#endif
