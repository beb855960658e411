/* What checked kernels (--check) call: a shadow of every element that a block touches. It follows
 * the prelude in the emitted file.
 *
 * Two accesses of different threads race if one of them writes and nothing orders them. What orders
 * them are barriers that both threads took part in (time is the number of barriers so far), and,
 * where threads are coroutines, whatever they waited for (clocks.h). Of the readers since a write
 * two are kept, of the lowest and the highest thread, each until a later reader comes after it.
 * Writing the value that is already there is no race.
 *
 * An asynchronous copy lands as late as it may: when its thread waits for its group, with what is
 * at its source then. Until then nobody may touch the element; made and landed, it is a write. */
typedef struct HdAccess {
    int64_t time; /* -1: there was none */
    int32_t thread, agent, line;
} HdAccess;

typedef struct HdShadow {
    uintptr_t element;
    HdAccess write, first, last; /* the last write; readers */
    bool ready;                  /* has a value */
    bool awaited;                /* a copy to it is under way */
} HdShadow;

typedef struct HdCopy {
    void *to;
    const void *from; /* NULL: `value` */
    int64_t group;
    size_t size;
    int line;
    unsigned char value[8];
} HdCopy;

typedef struct HdCopies {
    HdCopy *list;
    int64_t count, room, groups; /* committed */
} HdCopies;

enum { HD_WATCH_GROUPS = 16 };
typedef struct HdWatch {
    HdShadow *table;
    uint64_t size, used; /* size is a power of two */
    int64_t time, block_time;
    struct {
        int64_t base, count, time;
    } groups[HD_WATCH_GROUPS]; /* last barrier of each smaller group */
    int group_count;
    int64_t *warp_time;
    uint64_t seed;
    int32_t other, line; /* thread and line that the last race was with */
    int32_t *clocks;     /* clocks.h: a row of `agents` for each thread, and more; else NULL */
    int64_t agents;
    bool blind;       /* there are too many threads for clocks: no races are seen */
    HdCopies *copies; /* of each thread; NULL: there were none yet */
    int64_t threads;
} HdWatch;

HD_COLD HdShadow *hd_shadow_slot(HdWatch *w, uintptr_t element)
{
    uint64_t at = (uint64_t)element * 0x9e3779b97f4a7c15ull >> 20;
    for (;; ++at) {
        HdShadow *s = &w->table[at & (w->size - 1)];
        if (s->element == element || s->element == 0) return s;
    }
}

HD_COLD HdShadow *hd_shadow(HdWatch *w, const void *element)
{
    if (w->used * 4 >= w->size * 3) {
        HdShadow *old = w->table;
        uint64_t size = w->size;
        w->size = size ? size * 2 : 1024;
        w->table = calloc(w->size, sizeof *w->table);
        if (!w->table) abort();
        for (uint64_t i = 0; i < size; ++i)
            if (old[i].element) *hd_shadow_slot(w, old[i].element) = old[i];
        free(old);
    }
    HdShadow *s = hd_shadow_slot(w, (uintptr_t)element);
    if (s->element == 0) {
        ++w->used;
        const HdAccess none = {-1, -1, -1, 0};
        *s = (HdShadow){(uintptr_t)element, none, none, none, false, false};
    }
    return s;
}

HD_COLD bool hd_ordered(const HdWatch *w, const HdAccess *before, int64_t thread)
{
    int64_t time = before->time, a = before->agent;
    if (time < 0 || a == thread || w->blind) return true;
    if (w->clocks) return w->clocks[thread * w->agents + a] >= time;
    if (w->block_time > time) return true;
    if (a / 32 == thread / 32 && w->warp_time[a / 32] > time) return true;
    for (int i = 0; i < w->group_count; ++i) {
        int64_t from = w->groups[i].base, to = from + w->groups[i].count;
        bool both = a >= from && a < to && thread >= from && thread < to;
        if (w->groups[i].time > time && both) return true;
    }
    return false;
}

HD_COLD bool hd_races(HdWatch *w, const HdAccess *before, int64_t thread)
{
    if (hd_ordered(w, before, thread)) return false;
    w->other = before->thread;
    w->line = before->line;
    return true;
}

HD_COLD HdAccess hd_access(const HdWatch *w, int64_t thread, int line)
{
    int64_t time = w->clocks ? w->clocks[thread * w->agents + thread] : w->time;
    return (HdAccess){time, (int32_t)thread, (int32_t)thread, line};
}

/* False: it races with thread w->other. */
HD_COLD bool hd_watch_reads(HdWatch *w, HdShadow *s, const HdAccess *now)
{
    if (hd_races(w, &s->write, now->thread)) return false;
    if (now->agent <= s->first.agent || hd_ordered(w, &s->first, now->thread)) s->first = *now;
    if (now->agent >= s->last.agent || hd_ordered(w, &s->last, now->thread)) s->last = *now;
    return true;
}

HD_COLD bool hd_watch_writes(HdWatch *w, HdShadow *s, const HdAccess *now)
{
    if (hd_races(w, &s->write, now->thread) || hd_races(w, &s->first, now->thread) ||
        hd_races(w, &s->last, now->thread))
        return false;
    s->write = *now;
    return true;
}

HD_COLD bool hd_watch_read(HdWatch *w, const void *element, int64_t thread, int line)
{
    HdAccess now = hd_access(w, thread, line);
    return hd_watch_reads(w, hd_shadow(w, element), &now);
}

HD_COLD bool hd_watch_write(HdWatch *w, const void *element, int64_t thread, bool same, int line)
{
    HdShadow *s = hd_shadow(w, element);
    HdAccess now = hd_access(w, thread, line);
    if (same && s->write.time >= 0) return true;
    s->ready = true;
    if (!same) return hd_watch_writes(w, s, &now);
    s->write = now;
    return true;
}

HD_COLD bool hd_watch_ready(HdWatch *w, const void *element)
{
    return hd_shadow(w, element)->ready;
}

HD_COLD void hd_watch_set(HdWatch *w, const void *element)
{
    hd_shadow(w, element)->ready = true;
}

/* ---- asynchronous copies --------------------------------------------------------------------- */
HD_COLD bool hd_watch_landed(HdWatch *w, const void *element)
{
    HdShadow *s = hd_shadow(w, element);
    w->other = s->write.thread;
    return !s->awaited;
}

HD_COLD HdCopies *hd_copies(HdWatch *w, int64_t thread)
{
    if (!w->copies) w->copies = calloc((size_t)w->threads, sizeof *w->copies);
    if (!w->copies) abort();
    return &w->copies[thread];
}

/* Made: it is a write here, and one more where it lands. False: it races with thread w->other. */
HD_COLD bool hd_watch_copy(HdWatch *w, int64_t thread, void *to, const void *from,
                           const void *value, size_t size, int line)
{
    HdCopies *c = hd_copies(w, thread);
    HdCopy copy = {to, from, c->groups, size, line, {0}};
    if (!hd_watch_write(w, to, thread, false, line)) return false;
    if (c->count == c->room) {
        c->room = c->room ? c->room * 2 : 16;
        c->list = realloc(c->list, (size_t)c->room * sizeof *c->list);
        if (!c->list) abort();
    }
    memcpy(copy.value, value, copy.size);
    c->list[c->count++] = copy;
    hd_shadow(w, copy.to)->awaited = true;
    memset(copy.to, 0xff, copy.size);
    return true;
}

HD_COLD void hd_watch_commit(HdWatch *w, int64_t thread)
{
    ++hd_copies(w, thread)->groups;
}

/* All but the last `groups` groups land. Whoever touched the element since the copy was made has
 * been stopped, so that this cannot race with what came before. */
HD_COLD void hd_watch_wait(HdWatch *w, int64_t thread, int64_t groups)
{
    HdCopies *c = hd_copies(w, thread);
    int64_t kept = 0;
    for (int64_t i = 0; i < c->count; ++i) {
        HdCopy copy = c->list[i];
        if (copy.group >= c->groups - groups) {
            c->list[kept++] = copy;
            continue;
        }
        hd_shadow(w, copy.to)->awaited = false;
        memcpy(copy.to, copy.from ? copy.from : copy.value, copy.size);
        hd_watch_write(w, copy.to, thread, false, copy.line);
    }
    c->count = kept;
}

HD_COLD void hd_watch_barrier(HdWatch *w, int64_t base, int64_t count, int64_t block)
{
    ++w->time;
    if (count >= block) {
        w->block_time = w->time;
        return;
    }
    if (count <= 32) {
        w->warp_time[base / 32] = w->time;
        return;
    }
    int i = 0;
    while (i < w->group_count && (w->groups[i].base != base || w->groups[i].count != count)) ++i;
    if (i == HD_WATCH_GROUPS) { /* forget the finer order: never a false alarm */
        w->block_time = w->time;
        return;
    }
    if (i == w->group_count) ++w->group_count;
    w->groups[i].base = base;
    w->groups[i].count = count;
    w->groups[i].time = w->time;
}

/* A new block: nothing has been touched. */
HD_COLD void hd_watch_begin(HdWatch *w, int64_t threads)
{
    if (!w->warp_time) w->warp_time = calloc((size_t)(threads / 32 + 1), sizeof *w->warp_time);
    if (!w->warp_time) abort();
    if (w->used) memset(w->table, 0, w->size * sizeof *w->table);
    memset(w->warp_time, 0, (size_t)(threads / 32 + 1) * sizeof *w->warp_time);
    for (int64_t i = 0; w->copies && i < threads; ++i) w->copies[i].count = w->copies[i].groups = 0;
    w->threads = threads;
    w->used = 0;
    w->time = 1;
    w->block_time = 0;
    w->group_count = 0;
}

HD_COLD void hd_watch_end(HdWatch *w)
{
    for (int64_t i = 0; w->copies && i < w->threads; ++i) free(w->copies[i].list);
    free(w->copies);
    free(w->clocks);
    free(w->table);
    free(w->warp_time);
}

/* The n-th thread of `count` in this phase's order: seeded, natural for seed 0. */
HD_FN int64_t hd_watch_order(const HdWatch *w, int64_t n, int64_t count)
{
    if (!w->seed || count < 2) return n;
    uint64_t r = (w->seed + (uint64_t)w->time) * 0x9e3779b97f4a7c15ull;
    uint64_t step = (r >> 33) % (uint64_t)count, shift = (r >> 11) % (uint64_t)count;
    for (;; step = (step + 1) % (uint64_t)count) {
        uint64_t a = (uint64_t)count, b = step;
        while (b) {
            uint64_t c = a % b;
            a = b;
            b = c;
        }
        if (a == 1 && step) break;
        if (count == 2) {
            step = 1;
            break;
        }
    }
    return (int64_t)(((uint64_t)n * step + shift) % (uint64_t)count);
}
