// The machine under cuda_host.h: coroutines, blocks, barriers.
#ifndef TESTS_CUDA_HOST_MACHINE_H
#define TESTS_CUDA_HOST_MACHINE_H

#include "touch.h"

namespace hd_host
{

// ---- switching ---------------------------------------------------------------------------------
HD_OWN void leave()
{
    settle();
    hd_context_switch(&machine->contexts[machine->current], &machine->scheduler);
}
HD_OWN void wake_in(Machine *m, int thread)
{
    m->ready[m->ready_count++] = thread;
    m->idle = false;
}
HD_OWN void wake(int thread)
{
    wake_in(machine, thread);
}
// The thread does not come back: the block is over.
HD_OWN void give_up()
{
    machine->over = true;
    leave();
}
HD_OWN bool launch_is_over()
{
    return __atomic_load_n(&machine->args->trap->state, __ATOMIC_ACQUIRE) != 0;
}

HD_OWN void pause()
{
    if (++machine->pauses % 256 == 0) {
        bool on =
            machine->grid ? sched_yield() == 0 : machine->args->yield(machine->args->grid_state);
        if (!on || launch_is_over()) give_up();
    }
    wake(machine->current);
    leave();
}

// What those who have waited at the barrier did before is known to each other, and to those what
// others have told the row.
HD_OWN void barrier_order(int id)
{
    Machine *m = machine;
    Watch *w = m->watch;
    if (!w) return;
    if (m->waiter_count[id] == w->threads) {
        watch_met(w);
        return;
    }
    int row = row_of(&m->told[id]), first = m->rank * m->block;
    for (int i = 0; i < m->waiter_count[id]; ++i) watch_tell(w, first + m->waiters[id][i], row);
    for (int i = 0; i < m->waiter_count[id]; ++i) watch_learn(w, first + m->waiters[id][i], row);
    watch_forget(w, row);
}

// Counts an arrival; the last to come wakes those who wait.
HD_OWN void barrier_count(int id, int threads, bool orders)
{
    Machine *m = machine;
    if (m->arrived[id] && m->expected[id] != threads) fail("a barrier of two sizes");
    m->expected[id] = threads;
    if (++m->arrived[id] < threads) return;
    if (orders) barrier_order(id);
    for (int i = 0; i < m->waiter_count[id]; ++i) wake(m->waiters[id][i]);
    m->arrived[id] = m->waiter_count[id] = 0;
}

HD_OWN void barrier_arrive(int id, int threads)
{
    if (machine->watch) tell(row_of(&machine->told[id]));
    barrier_count(id, threads, true);
}

HD_OWN void barrier(int id, int threads, bool orders = true)
{
    Machine *m = machine;
    settle();
    m->waiters[id][m->waiter_count[id]++] = m->current;
    barrier_count(id, threads, orders);
    leave();
}

// Lanes that meet at a barrier: other meetings order nothing.
HD_OWN void warp_order(int first)
{
    Watch *w = machine->watch;
    if (!w) return;
    settle();
    int row = row_of(&machine->told[MAX_BARRIERS]), base = machine->rank * machine->block + first;
    for (int i = 0; i < warp_size(); ++i) watch_tell(w, base + i, row);
    for (int i = 0; i < warp_size(); ++i) watch_learn(w, base + i, row);
    watch_forget(w, row);
}

// Waits for the warp's other lanes; then gives the value each has brought.
HD_OWN const unsigned int *meet(Meet kind, unsigned int value)
{
    Machine *m = machine;
    int thread = m->current, first = thread & ~31, turn = m->turn[thread]++ & 1;
    Warp *w = &m->warps[thread / 32];
    if (w->arrived && w->kind != kind) fail("lanes of a warp meet for different things");
    w->kind = kind;
    w->value[turn][thread & 31] = value;
    if (++w->arrived == warp_size()) {
        w->arrived = 0;
        if (kind == MEET_SYNC) warp_order(first);
        for (int i = 0; i < warp_size(); ++i)
            if (first + i != thread) wake(first + i);
    } else {
        leave();
    }
    return w->value[turn];
}

// The same for an instruction on the lanes' own memory: the last one to come does it for all.
template <class F> HD_OWN void meet_for(Meet kind, const char *text, void *const place[3], F act)
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
HD_OWN void grid_end(Grid *g)
{
    pthread_mutex_lock(&g->lock);
    g->over = true;
    pthread_cond_broadcast(&g->changed);
    pthread_mutex_unlock(&g->lock);
}
HD_OWN void grid_wait(Grid *g)
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
HD_OWN void grid_sync()
{
    barrier(0, machine->block);
    if (machine->current == 0) grid_wait(machine->grid);
    barrier(0, machine->block);
}

// ---- shared memory -----------------------------------------------------------------------------
// Arrays of a kernel's own are thread-local variables of this module, and so is `machine`. What the
// last block left there is no value for the next one.
HD_OWN int find_module(struct dl_phdr_info *info, size_t, void *data)
{
    char *tls = (char *)info->dlpi_tls_data, *here = (char *)&machine;
    for (int i = 0; tls && i < info->dlpi_phnum; ++i) {
        if (info->dlpi_phdr[i].p_type != PT_TLS) continue;
        size_t size = info->dlpi_phdr[i].p_memsz;
        if (here < tls || here >= tls + size) continue;
        *(Span *)data = span_make(tls, size);
        return 1;
    }
    return 0;
}
HD_OWN void poison(Machine *m)
{
    if (m->shared) memset(m->shared, 0xff, (size_t)m->shared_room);
    memset(m->variables.begin, 0xff, m->variables.size);
    machine = m;
}

// ---- blocks ------------------------------------------------------------------------------------
HD_OWN void cluster_left(Machine *m);
HD_OWN bool cluster_rest(Machine *m);

HD_OWN void thread_main()
{
    machine->kernel(machine->kernel_data);
    ++machine->done;
    cluster_left(machine);
    leave();
    abort();
}

HD_OWN uint64_t next_random(Machine *m)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return m->random;
}

// Which of the ready threads runs next: any of them; for every third seed the one that this block
// puts first, for every other third one of the warp that it puts first, so that some run far ahead
// (unless some spin).
HD_OWN int choose(Machine *m)
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

// Where shared memory lies: `bytes` of a launch's, past which nothing may be touched, and the
// variables.
HD_OWN void machine_spans(Machine *m, long bytes)
{
    if (m->shared_room < bytes) {
        free(m->shared);
        span_end(&m->dynamic);
        size_t whole = (size_t)(bytes + GUARD + 1023) / 1024 * 1024;
        m->shared = (unsigned char *)aligned_alloc(1024, whole);
        m->shared_room = bytes;
        m->dynamic = span_make(m->shared, (size_t)bytes);
    }
    m->shared_bytes = bytes;
    m->dynamic.size = (size_t)bytes;
    if (!m->variables.begin) dl_iterate_phdr(find_module, &m->variables);
}
// A cluster's blocks have one watch.
HD_OWN Machine *machine_of(int block, long shared_bytes, Cluster *cluster = nullptr, int rank = 0)
{
    if (!machine) {
        machine = (Machine *)calloc(1, sizeof *machine);
        machine->stacks = (char *)mmap(nullptr, (size_t)MAX_THREADS * STACK, PROT_READ | PROT_WRITE,
                                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (machine->stacks == MAP_FAILED) abort();
    }
    Machine *m = machine;
    machine_spans(m, shared_bytes);
    if (!cluster && m->block != block) {
        uint32_t blocks = m->watch ? m->watch->block : 0; // shadows know of them
        watch_end(m->watch);
        m->watch = watch_make(block, 1);
        if (m->watch) m->watch->block = blocks;
    }
    m->block = block;
    m->cluster = cluster;
    m->rank = rank;
    if (cluster) m->watch = cluster->watch;
    if (m->watch) {
        m->watch->spans[2 * rank] = m->dynamic;
        m->watch->spans[2 * rank + 1] = m->variables;
    }
    return m;
}
HD_OWN void machine_end()
{
    munmap(machine->stacks, (size_t)MAX_THREADS * STACK);
    free(machine->shared);
    span_end(&machine->dynamic);
    span_end(&machine->variables);
    if (!machine->cluster) watch_end(machine->watch);
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

HD_OWN bool bulk_land_some();

HD_OWN void run_block(Machine *m, long number)
{
    m->block_index = {(unsigned int)number, 0, 0};
    m->over = false;
    m->done = m->ready_count = m->pauses = m->mbarrier_count = m->bulk_count = 0;
    m->random = (m->args->seed + 1) * 0x9e3779b97f4a7c15ull ^ (uint64_t)(number + 1) << 20;
    m->ranks = next_random(m);
    poison(m);
    memset(m->arrived, 0, sizeof m->arrived);
    memset(m->told, 0xff, sizeof m->told);
    memset(m->product_engines, 0xff, sizeof m->product_engines);
    if (m->watch && !m->cluster) watch_begin(m->watch);
    memset(m->waiter_count, 0, sizeof m->waiter_count);
    for (int i = 0; i * 32 < m->block; ++i) m->warps[i].arrived = 0;
    for (int i = 0; i < m->block; ++i) {
        m->turn[i] = 0;
        m->waits[i].at = nullptr;
        m->bulk_groups[i] = 0;
        m->bulk_engines[i] = -1;
        m->copies[i].engine = -1;
        m->products[i].fenced = false;
        m->products[i].count = 0;
        m->products[i].groups = m->products[i].over = 0;
        m->products[i].register_count = 0;
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
HD_OWN void run_blocks(Machine *m, const Launch *l, long begin, long end)
{
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
HD_OWN void *resident_main(void *data)
{
    Resident *r = (Resident *)data;
    Machine *m = machine_of(r->launch->block, r->launch->shared_bytes);
    run_blocks(m, r->launch, r->number, r->number + 1);
    if (machine->over) grid_end(r->launch->grid);
    machine_end();
    return nullptr;
}
// All blocks at once, at the first block's call.
HD_OWN void run_resident(Launch *l)
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

HD_OWN void run_clusters(const Launch *l, long begin, long end, int blocks);

template <class F>
HD_OWN void launch(const HdCpuArgs *args, int64_t begin, int64_t end, int block, bool resident,
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
        run_blocks(machine_of(block, shared_bytes), &l, begin, end);
    else if (begin == 0)
        run_resident(&l);
}

} // namespace hd_host

#endif
