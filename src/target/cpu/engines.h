/* What threads (threads.h) wait for that is no barrier of a group: mbarriers, and the copies that
 * engines have been asked for. Where all threads wait, such a copy happens, one at a time, so as
 * late as it may. */

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
