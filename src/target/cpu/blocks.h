/* Blocks of threads (threads.h), from their memory to their end: all have run, one has trapped, or
 * all that are left wait and no copy (engines.h) is under way, so that they wait for ever. */

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

HD_COLD void hd_thread_main(void)
{
    HdThreads *t = hd_threads_now;
    t->kernel(t, t->current);
    ++t->done;
    hd_threads_leave(t);
    abort();
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
