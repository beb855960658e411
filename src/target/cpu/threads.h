/* The threads of a block, or of a cluster's blocks, as coroutines, for kernels whose threads wait
 * for one another by other means than barriers of a block's groups: a loop over threads would never
 * let the awaited one run. Threads are numbered through the cluster; each block begins at a
 * multiple of 32. A thread runs until it waits.
 *
 * Here: their state, switching among them, barriers of groups, collectives; then, in the emitted
 * file, engines.h and blocks.h. It follows the prelude, the atomics, the watch (watch.h, clocks.h),
 * the contexts and the most blocks that a cluster has, HD_MOST_BLOCKS. */
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
HD_FN uint64_t hd_threads_random(HdThreads *t)
{
    t->random ^= t->random << 13;
    t->random ^= t->random >> 7;
    t->random ^= t->random << 17;
    return t->random;
}

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
