/* What threads that are coroutines know of one another, for the watch (watch.h): vector clocks. It
 * stands between the watch and the coroutines (threads.h), which tell it of all that is waited for.
 *
 * Agents are the block's threads, for each mbarrier the copy engines whose loads it counts, and the
 * engines of the first threads that store by them. A thread's row says up to which of its times an
 * agent's doings are known to come before what the thread does next: its own time goes on where it
 * tells others. Loads of an mbarrier's phase p have the time p + 1, stores the number of their
 * group. Further rows hold what a barrier, a phase or an atomic operation has been told and what
 * those learn who wait for it; one row is enough for all atomics. */
enum { HD_MOST_STORERS = 8, HD_MOST_CLOCKS = 1 << 28 };

#ifdef HD_WATCHED
HD_FN int32_t *hd_clock(const HdWatch *w, int64_t row)
{
    return w->clocks + row * w->agents;
}

HD_COLD void hd_clock_join(const HdWatch *w, int64_t to, int64_t from)
{
    if (!w->clocks) return;
    int32_t *a = hd_clock(w, to), *b = hd_clock(w, from);
    for (int64_t i = 0; i < w->agents; ++i) a[i] = a[i] < b[i] ? b[i] : a[i];
}

HD_COLD void hd_clock_clear(const HdWatch *w, int64_t row)
{
    if (w->clocks) memset(hd_clock(w, row), 0, (size_t)w->agents * sizeof *w->clocks);
}

/* A new block: nobody knows of anybody. */
HD_COLD void hd_clocks_begin(HdWatch *w, int64_t threads, int64_t mbarriers, int64_t groups)
{
    w->agents = threads + mbarriers + HD_MOST_STORERS;
    uint64_t rows = (uint64_t)(threads + 2 * mbarriers + groups + 1);
    uint64_t bytes = rows * (uint64_t)w->agents * sizeof *w->clocks;
    w->blind = bytes > HD_MOST_CLOCKS;
    if (w->blind) return;
    if (!w->clocks) w->clocks = malloc(bytes);
    if (!w->clocks) abort();
    memset(w->clocks, 0, bytes);
    for (int64_t i = 0; i < threads; ++i) hd_clock(w, i)[i] = 1;
}

/* What the thread has done is told to those who learn from the row. */
HD_COLD void hd_clock_tell(const HdWatch *w, int64_t thread, int64_t row)
{
    hd_clock_join(w, row, thread);
    if (w->clocks) ++hd_clock(w, thread)[thread];
}
#else
#define hd_clock_join(w, to, from) ((void)0)
#define hd_clock_clear(w, row) ((void)0)
#define hd_clock_tell(w, thread, row) ((void)0)
#endif
