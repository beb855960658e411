/* The threads of a block, or of a cluster's blocks, as coroutines, for kernels whose threads wait
 * for one another by other means than barriers of a block's groups: a loop over threads would never
 * let the awaited one run. Threads are numbered through the cluster; each block begins at a
 * multiple of 32. It follows the prelude, the atomics, the watch (watch.h, clocks.h) and the most
 * blocks that a cluster has, HD_MOST_BLOCKS, in the emitted file.
 *
 * A thread runs until it waits. Where all wait, what copy engines have been asked for happens, one
 * copy at a time, so as late as it may; where there is nothing left to copy, they wait for ever. */
enum {
    HD_MOST_THREADS = HD_MOST_BLOCKS * 1024,
    HD_MOST_GROUPS = HD_MOST_BLOCKS * 160,
    HD_MOST_MBARRIERS = HD_MOST_BLOCKS * 512,
    HD_MOST_BULKS = HD_MOST_BLOCKS * 512,
    HD_LANE = 128
};

/* ---- the state of a block, or of a cluster ---- */
typedef struct HdMbarrier {
    const void *address;
    int64_t expected, pending; /* arrivals of a phase */
    int64_t bytes;             /* expected, less those copied */
    uint32_t phase;
} HdMbarrier;

/* A copy that an engine has been asked for; dimension 0 is the slowest, strides are of elements. */
typedef struct HdBulk {
    bool load; /* to shared memory */
    int rank, bytes, swizzle, site, race, line;
    void *tensor;
    int64_t extents[5], strides[5], at[5], box[5];
    char *tile;
    const void *mbarrier;  /* that counts the bytes of a load */
    int64_t blocks;        /* bits of those of the cluster that it goes to; 0: only this one */
    int64_t thread, group; /* of a store: 0 before its group is closed */
} HdBulk;

typedef struct HdGroup {
    int64_t base, count, arrived;
} HdGroup;

typedef struct HdThreads HdThreads;
struct HdThreads {
    const HdCpuArgs *args;
    int64_t block;   /* number of the (first) block in the grid */
    char *memory;    /* its shared tensors; the next block's follow */
    uint64_t shared; /* bytes of a block's */
    void (*kernel)(HdThreads *t, int64_t thread);
    int64_t blocks, threads, stride; /* threads of a block; from its first to the next block's */
    int64_t count, current, done, pauses;
    bool over; /* all give up */
    uint64_t random;
    char *stacks;
    uint64_t stack; /* bytes of one */
    int64_t ready_first, ready_count;
    int ready[HD_MOST_THREADS];
    HdContext scheduler, contexts[HD_MOST_THREADS];
    struct {
        const void *at; /* the mbarrier; NULL: the thread waits at none */
        int site;
    } waits[HD_MOST_THREADS];
    HdGroup groups[HD_MOST_GROUPS];
    int group_count;
    HdMbarrier mbarriers[HD_MOST_MBARRIERS];
    int mbarrier_count;
    struct HdWatch *watch;                /* under --check */
    bool trades;                          /* threads wait for more than barriers */
    int storers, storer[HD_MOST_STORERS]; /* threads whose stores are watched */
    HdBulk bulks[HD_MOST_BULKS];
    int bulk_count, load_count;
    int64_t bulk_groups[HD_MOST_THREADS]; /* that the thread has closed */
    uint8_t turn[HD_MOST_THREADS];        /* of a warp's exchanges, two of which may overlap */
    char lanes[HD_MOST_THREADS / 32][2][32 * HD_LANE] __attribute__((aligned(64)));
};

static _Thread_local HdThreads *hd_threads_now; /* whose thread starts */

/* Numbers of threads: `count` of them, of which those at the end of each block's are nobody. */
HD_FN bool hd_threads_is(const HdThreads *t, int64_t thread)
{
    return thread % t->stride < t->threads;
}
HD_FN int64_t hd_threads_live(const HdThreads *t)
{
    return t->blocks * t->threads;
}
/* Of the current thread: its block in the cluster, and its number there. */
HD_FN int64_t hd_threads_rank(const HdThreads *t)
{
    return t->current / t->stride;
}
HD_FN int64_t hd_threads_own(const HdThreads *t)
{
    return t->current % t->stride;
}
HD_FN char *hd_threads_of_block(const HdThreads *t, const void *p, int64_t rank)
{
    return (char *)(uintptr_t)p + (rank - hd_threads_rank(t)) * (int64_t)t->shared;
}
#define hd_of_block(p, rank) ((__typeof__(p))(void *)hd_threads_of_block(hd_t, p, rank))

/* ---- switching ---- */
HD_COLD void hd_threads_leave(HdThreads *t)
{
    hd_context_switch(&t->contexts[t->current], &t->scheduler);
}

HD_COLD void hd_threads_wake(HdThreads *t, int64_t thread)
{
    t->ready[(t->ready_first + t->ready_count++) % HD_MOST_THREADS] = (int)thread;
}

/* The thread does not come back: the block is over. */
HD_COLD void hd_threads_stop(HdThreads *t)
{
    t->over = true;
    hd_threads_leave(t);
}

HD_COLD void hd_threads_trap(HdThreads *t, int site, int64_t a, int64_t b, int64_t c)
{
    hd_trap(t->args->trap, site, a, b, c, 0);
    hd_threads_stop(t);
}

/* Inside the loop of an `await`. */
HD_COLD void hd_threads_pause(HdThreads *t)
{
    if (++t->pauses % hd_threads_live(t) == 0 && !t->args->yield(t->args->grid_state))
        hd_threads_stop(t);
    hd_threads_wake(t, t->current);
    hd_threads_leave(t);
}

/* ---- what is known after waiting (clocks.h) ---- */
HD_FN int64_t hd_phase_row(const HdThreads *t, const HdMbarrier *b)
{
    return t->count + 2 * (b - t->mbarriers);
}
HD_FN int64_t hd_group_row(const HdThreads *t, int group)
{
    return t->count + 2 * t->mbarrier_count + group;
}

HD_COLD void hd_threads_atomic(HdThreads *t, bool acquires, bool releases)
{
    int64_t row = hd_group_row(t, HD_MOST_GROUPS);
    if (acquires) hd_clock_join(t->watch, t->current, row);
    if (releases) hd_clock_tell(t->watch, t->current, row);
    (void)row;
}

/* ---- barriers of groups ---- */
HD_COLD int hd_threads_group(HdThreads *t, int64_t base, int64_t span)
{
    int i = 0;
    while (i < t->group_count && (t->groups[i].base != base || t->groups[i].count != span)) ++i;
    if (i == HD_MOST_GROUPS) abort();
    if (i == t->group_count) t->groups[t->group_count++] = (HdGroup){base, span, 0};
    return i;
}

/* The `count` threads of the group wait for one another. True: this one is the last to come. */
HD_COLD bool hd_threads_gather(HdThreads *t, HdGroup *g, int64_t count)
{
    if (++g->arrived < count) {
        hd_threads_leave(t);
        return false;
    }
    g->arrived = 0;
    for (int64_t j = g->base; j < g->base + g->count; ++j)
        if (j != t->current && hd_threads_is(t, j)) hd_threads_wake(t, j);
    return true;
}

/* A barrier, after which what came before it is ordered. */
HD_COLD void hd_threads_barrier(HdThreads *t, int64_t base, int64_t span, int64_t count)
{
    int i = hd_threads_group(t, base, span);
    hd_clock_tell(t->watch, t->current, hd_group_row(t, i));
    if (!hd_threads_gather(t, &t->groups[i], count)) return;
#ifdef HD_WATCHED
    hd_watch_barrier(t->watch, base, span, t->count);
    for (int64_t j = base; j < base + span; ++j) hd_clock_join(t->watch, j, hd_group_row(t, i));
    hd_clock_clear(t->watch, hd_group_row(t, i));
#endif
}

HD_COLD void hd_threads_sync(HdThreads *t, int64_t base, int64_t count)
{
    if (base + count > t->threads) count = t->threads - base;
    hd_threads_barrier(t, t->current - hd_threads_own(t) + base, count, count);
}

HD_COLD void hd_threads_cluster_sync(HdThreads *t)
{
    hd_threads_barrier(t, 0, t->count, hd_threads_live(t));
}

HD_COLD void hd_threads_grid_sync(HdThreads *t)
{
    hd_threads_sync(t, 0, t->threads);
    if (t->current == 0 && !t->args->grid_sync(t->args->grid_state)) hd_threads_stop(t);
    hd_threads_sync(t, 0, t->threads);
}

/* ---- collectives of a warp ---- */
HD_FN int64_t hd_threads_lanes(const HdThreads *t)
{
    int64_t rest = t->threads - hd_threads_own(t) / 32 * 32;
    return rest < 32 ? rest : 32;
}

/* Where the values lie that the warp's lanes bring, one after another. */
HD_COLD const void *hd_threads_meet(HdThreads *t, const void *value, uint64_t bytes)
{
    int64_t thread = t->current, warp = thread / 32;
    char *lanes = t->lanes[warp][t->turn[thread]++ & 1];
    memcpy(lanes + (uint64_t)(thread % 32) * bytes, value, bytes);
    int group = hd_threads_group(t, warp * 32, hd_threads_lanes(t));
    hd_threads_gather(t, &t->groups[group], hd_threads_lanes(t));
    return lanes;
}

/* A lane outside of the warp stands for the own one. */
HD_FN int64_t hd_threads_lane(const HdThreads *t, int64_t lane)
{
    return lane < 0 || lane >= hd_threads_lanes(t) ? t->current % 32 : lane;
}

HD_COLD uint32_t hd_threads_ballot(HdThreads *t, bool p)
{
    const bool *all = hd_threads_meet(t, &p, sizeof p);
    uint32_t bits = 0;
    for (int64_t i = 0; i < hd_threads_lanes(t); ++i) bits |= (uint32_t)all[i] << i;
    return bits;
}
HD_FN bool hd_threads_any(HdThreads *t, bool p)
{
    return hd_threads_ballot(t, p) != 0;
}
HD_FN bool hd_threads_all(HdThreads *t, bool p)
{
    return hd_threads_ballot(t, !p) == 0;
}

/* ---- mbarriers ---- */
/* `count` of them, from byte `at` of each block's shared tensors on. */
HD_COLD void hd_mbarrier_init(HdThreads *t, uint64_t at, int64_t count, int64_t arrivals)
{
    for (int64_t i = 0; i < count * t->blocks; ++i) {
        const char *first = t->memory + (uint64_t)(i / count) * t->shared + at;
        if (t->mbarrier_count == HD_MOST_MBARRIERS) abort();
        t->mbarriers[t->mbarrier_count++] = (HdMbarrier){
            (const uint64_t *)(const void *)first + i % count, arrivals, arrivals, 0, 0};
    }
}

HD_COLD HdMbarrier *hd_mbarrier(HdThreads *t, const void *address)
{
    for (int i = 0; i < t->mbarrier_count; ++i)
        if (t->mbarriers[i].address == address) return &t->mbarriers[i];
    abort();
}

/* What the phase has been told, and its loads, are known to those who wait for it. */
HD_COLD void hd_phase_over(HdThreads *t, const HdMbarrier *b)
{
#ifdef HD_WATCHED
    int64_t row = hd_phase_row(t, b);
    if (!t->watch->clocks) return;
    hd_clock(t->watch, row)[t->count + (b - t->mbarriers)] = (int32_t)b->phase;
    hd_clock_join(t->watch, row + 1, row);
    hd_clock_clear(t->watch, row);
#endif
    (void)t, (void)b;
}

/* Has the phase ended? Then the next one begins, and those who wait look again. */
HD_COLD void hd_mbarrier_settle(HdThreads *t, HdMbarrier *b)
{
    if (b->pending || b->bytes) return;
    b->pending = b->expected;
    ++b->phase;
    hd_phase_over(t, b);
    for (int64_t i = 0; i < t->count; ++i)
        if (t->waits[i].at == b->address) {
            t->waits[i].at = NULL;
            hd_threads_wake(t, i);
        }
}

HD_COLD void hd_mbarrier_expect(HdThreads *t, const void *address, int64_t bytes, int site)
{
    HdMbarrier *b = hd_mbarrier(t, address);
    if (b->pending == 0) hd_threads_trap(t, site, hd_threads_own(t), 0, 0);
    b->bytes += bytes;
    --b->pending;
    hd_clock_tell(t->watch, t->current, hd_phase_row(t, b));
    hd_mbarrier_settle(t, b);
}

HD_COLD void hd_mbarrier_wait(HdThreads *t, const void *address, int64_t parity, int site)
{
    HdMbarrier *b = hd_mbarrier(t, address);
    while ((int64_t)(b->phase & 1) == parity) {
        t->waits[t->current].at = address;
        t->waits[t->current].site = site;
        hd_threads_leave(t);
    }
    hd_clock_join(t->watch, t->current, hd_phase_row(t, b) + 1);
}

/* Arrives, and waits until that phase is over. */
HD_COLD void hd_mbarrier_sync(HdThreads *t, const void *address, int64_t bytes, int site)
{
    const HdMbarrier *b = hd_mbarrier(t, address);
    uint32_t phase = b->phase;
    hd_mbarrier_expect(t, address, bytes, site);
    if (b->phase == phase) {
        t->waits[t->current].at = address;
        t->waits[t->current].site = site;
        hd_threads_leave(t);
    }
    hd_clock_join(t->watch, t->current, hd_phase_row(t, b) + 1);
}

/* ---- copy engines ---- */
HD_FN uint64_t hd_threads_random(HdThreads *t)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return t->random;
}

/* Where element `e` of the box lies, counted in bytes: 16-byte parts of a row are exchanged. */
HD_FN int64_t hd_bulk_place(const HdBulk *b, int64_t e)
{
    int64_t at = e * b->bytes;
    return at ^ (at >> 7 & ((1 << b->swizzle) - 1)) << 4;
}

HD_FN int64_t hd_bulk_count(const HdBulk *b)
{
    int64_t count = 1;
    for (int d = 0; d < b->rank; ++d) count *= b->box[d];
    return count;
}

#ifdef HD_WATCHED
/* The agent that stores for the thread; -1: others are watched. */
HD_COLD int64_t hd_storer(HdThreads *t, int64_t thread)
{
    int i = 0;
    while (i < t->storers && t->storer[i] != thread) ++i;
    if (i == HD_MOST_STORERS || !t->watch->clocks) return -1;
    if (i == t->storers) t->storer[t->storers++] = (int)thread;
    return t->count + t->mbarrier_count + i;
}
#endif

/* Asking for a copy is where what it touches is touched, by an agent of its own. */
HD_COLD void hd_bulk_watch(HdThreads *t, const HdBulk *b)
{
#ifdef HD_WATCHED
    HdWatch *w = t->watch;
    HdAccess now = {t->bulk_groups[b->thread] + 1, (int32_t)b->thread, 0, b->line};
    if (b->load) {
        const HdMbarrier *m = hd_mbarrier(t, b->mbarrier);
        now.agent = (int32_t)(t->count + (m - t->mbarriers));
        now.time = m->phase + 1;
    } else {
        now.agent = (int32_t)hd_storer(t, b->thread);
    }
    for (int64_t e = 0; now.agent >= 0 && e < hd_bulk_count(b); ++e) {
        HdShadow *s = hd_shadow(w, b->tile + hd_bulk_place(b, e));
        bool good = b->load ? hd_watch_writes(w, s, &now) : hd_watch_reads(w, s, &now);
        if (!good) {
            hd_trap(t->args->trap, b->race, e, b->thread, w->other, w->line);
            hd_threads_stop(t);
        }
    }
#endif
    (void)t, (void)b;
}

HD_COLD int64_t hd_bulk_copy(HdThreads *t, const HdBulk *b)
{
    int64_t count = hd_bulk_count(b);
    for (int64_t e = 0; e < count; ++e) {
        int64_t rest = e, offset = 0;
        bool inside = true;
        for (int d = b->rank - 1; d >= 0; --d) {
            int64_t i = b->at[d] + rest % b->box[d];
            rest /= b->box[d];
            inside = inside && i >= 0 && i < b->extents[d];
            offset += i * b->strides[d];
        }
        char *tile = b->tile + hd_bulk_place(b, e);
        char *element = (char *)b->tensor + offset * b->bytes;
        if (!b->load && inside) memcpy(element, tile, (size_t)b->bytes);
        if (b->load && inside) memcpy(tile, element, (size_t)b->bytes);
        if (b->load && !inside) memset(tile, 0, (size_t)b->bytes);
#ifdef HD_WATCHED
        if (b->load) hd_watch_set(t->watch, tile);
#endif
    }
    (void)t;
    return count * b->bytes;
}

/* Has copy number i made. */
HD_COLD void hd_bulk_land(HdThreads *t, int i)
{
    HdBulk b = t->bulks[i];
    int64_t bytes = hd_bulk_copy(t, &b);
    memmove(&t->bulks[i], &t->bulks[i + 1], (size_t)(--t->bulk_count - i) * sizeof b);
    if (!b.load) return;
    --t->load_count;
    HdMbarrier *m = hd_mbarrier(t, b.mbarrier);
    m->bytes -= bytes;
    hd_mbarrier_settle(t, m);
}

/* One of the loads: the first, or (seeded) any. */
HD_COLD bool hd_bulk_land_some(HdThreads *t)
{
    if (t->load_count == 0) return false;
    int skip = t->args->seed ? (int)(hd_threads_random(t) % (uint64_t)t->load_count) : 0;
    for (int i = 0; i < t->bulk_count; ++i)
        if (t->bulks[i].load && skip-- == 0) {
            hd_bulk_land(t, i);
            return true;
        }
    return false;
}

HD_COLD void hd_bulk_begin(HdThreads *t, const HdBulk *bulk)
{
    while (t->bulk_count == HD_MOST_BULKS) hd_bulk_land(t, 0);
    HdBulk *b = &t->bulks[t->bulk_count++];
    *b = *bulk;
    b->thread = t->current;
    if (b->load) ++t->load_count;
    hd_bulk_watch(t, b);
}

/* To each of several blocks it comes at a time of its own. */
HD_COLD void hd_bulk(HdThreads *t, const HdBulk *bulk)
{
    HdBulk b = *bulk;
    if (b.blocks == 0) hd_bulk_begin(t, &b);
    for (int64_t r = 0; r < t->blocks; ++r) {
        if (!(b.blocks >> r & 1)) continue;
        b.tile = hd_threads_of_block(t, bulk->tile, r);
        b.mbarrier = hd_threads_of_block(t, bulk->mbarrier, r);
        hd_bulk_begin(t, &b);
    }
}

HD_COLD void hd_bulk_commit(HdThreads *t)
{
    int64_t group = ++t->bulk_groups[t->current];
    for (int i = 0; i < t->bulk_count; ++i) {
        HdBulk *b = &t->bulks[i];
        if (!b->load && b->thread == t->current && b->group == 0) b->group = group;
    }
}

HD_COLD void hd_bulk_wait(HdThreads *t, int64_t groups)
{
    int64_t last = t->bulk_groups[t->current] - groups;
    for (int i = 0; i < t->bulk_count;) {
        const HdBulk *b = &t->bulks[i];
        bool lands = !b->load && b->thread == t->current && b->group && b->group <= last;
        if (lands)
            hd_bulk_land(t, i);
        else
            ++i;
    }
#ifdef HD_WATCHED
    int64_t agent = hd_storer(t, t->current);
    int32_t *known = agent >= 0 ? &hd_clock(t->watch, t->current)[agent] : NULL;
    if (known && *known < last) *known = (int32_t)last;
#endif
}

/* Every thread that is left waits: says so of one at each mbarrier and place. */
HD_COLD void hd_threads_stuck(HdThreads *t)
{
    HdTrap *trap = t->args->trap;
    int most = (int)(sizeof trap->others / sizeof *trap->others);
    bool found = false, first = true;
    for (int64_t i = 0; i < t->count; ++i) {
        int64_t j = 0;
        while (j < i && (t->waits[j].at != t->waits[i].at || t->waits[j].site != t->waits[i].site))
            ++j;
        if (!t->waits[i].at || j < i) continue;
        const HdMbarrier *b = hd_mbarrier(t, t->waits[i].at);
        if (!found)
            first = hd_trap(trap, t->waits[i].site, i % t->stride, b->pending, b->bytes, 0);
        else if (first && trap->other_count < most)
            trap->others[trap->other_count++] =
                (struct HdTrapOther){t->waits[i].site, {i % t->stride, b->pending, b->bytes, 0}};
        found = true;
    }
    if (!found) abort();
}

/* ---- blocks ---- */
HD_COLD void hd_thread_main(void)
{
    HdThreads *t = hd_threads_now;
    t->kernel(t, t->current);
    ++t->done;
    hd_threads_leave(t);
    abort();
}

/* The next thread: in turn, or (seeded) any. */
HD_COLD int64_t hd_threads_next(HdThreads *t)
{
    int64_t first = t->ready_first, other = first;
    if (t->args->seed)
        other =
            (first + (int64_t)(hd_threads_random(t) % (uint64_t)t->ready_count)) % HD_MOST_THREADS;
    int thread = t->ready[other];
    t->ready[other] = t->ready[first];
    t->ready_first = (first + 1) % HD_MOST_THREADS;
    --t->ready_count;
    return thread;
}

/* Makes the state of `blocks` blocks of `threads` threads each, with `shared` bytes of shared
 * tensors and stacks of `stack` bytes. NULL: there is no memory. */
HD_COLD HdThreads *hd_threads_begin(const HdCpuArgs *args, uint64_t shared, int64_t blocks,
                                    int64_t threads, uint64_t stack)
{
    uint64_t state = (sizeof(HdThreads) + 63) / 64 * 64;
    int64_t stride = (threads + 31) / 32 * 32, count = blocks * stride;
    shared = (shared + 1023) / 1024 * 1024;
    uint64_t tensors = (uint64_t)blocks * shared, bytes = state + 1024 + tensors;
    HdThreads *t = args->scratch(args->pool, bytes + (uint64_t)count * stack);
    if (!t) return NULL;
    char *at = (char *)t + state;
    at += -(uintptr_t)at & 1023;
    t->args = args;
    t->blocks = blocks;
    t->threads = threads;
    t->stride = stride;
    t->count = count;
    t->stack = stack;
    t->memory = at;
    t->shared = shared;
    t->stacks = at + tensors;
    return t;
}

/* Makes the threads of the blocks from number `block` on; mbarriers can be initialised then. */
HD_COLD void hd_threads_block(HdThreads *t, int64_t block)
{
    t->block = block;
    t->over = false;
    t->done = t->pauses = t->ready_first = t->ready_count = 0;
    t->group_count = t->mbarrier_count = t->bulk_count = t->load_count = t->storers = 0;
    t->random = (t->args->seed + 1) * 0x9e3779b97f4a7c15ull ^ (uint64_t)(block + 1) << 20;
    for (int64_t i = 0; i < t->count; ++i) {
        t->waits[i].at = NULL;
        t->turn[i] = 0;
        t->bulk_groups[i] = 0;
        if (!hd_threads_is(t, i)) continue;
        hd_context_make(&t->contexts[i], t->stacks + (uint64_t)i * t->stack, t->stack,
                        hd_thread_main);
        hd_threads_wake(t, i);
    }
}

HD_COLD void hd_threads_run(HdThreads *t, void (*kernel)(HdThreads *t, int64_t thread))
{
    t->kernel = kernel;
#ifdef HD_WATCHED
    if (t->trades) hd_clocks_begin(t->watch, t->count, t->mbarrier_count, HD_MOST_GROUPS);
#endif
    /* In every other block (seeded) copies may be made long before they are waited for. */
    bool early = t->args->seed && (t->args->seed + (uint64_t)t->block) % 2 == 0;
    int64_t live = hd_threads_live(t);
    while (!t->over && (t->ready_count || (t->done < live && hd_bulk_land_some(t)))) {
        if (early && hd_threads_random(t) % 4 == 0) hd_bulk_land_some(t);
        if (!t->ready_count) continue;
        hd_threads_now = t;
        t->current = hd_threads_next(t);
        hd_context_switch(&t->scheduler, &t->contexts[t->current]);
    }
    if (!t->over && t->done < live)
        hd_threads_stuck(t);
    else if (!t->over && t->bulk_count)
        hd_trap(t->args->trap, t->bulks[0].site, t->bulks[0].thread % t->stride, 0, 0, 0);
}
