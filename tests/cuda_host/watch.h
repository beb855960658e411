// Which accesses to shared memory nothing orders, under cuda_host.h: a shadow of every byte, and
// what each thread knows of the others. The text is compiled so that each of its accesses calls in
// here (hooks.h); so whether a barrier is missing does not depend on who happens to run first.
//
// Agents are the threads of a block, or of a cluster's blocks, and what works beside them: a
// thread's asynchronous copies, an mbarrier's loads, a thread's stores by copy engines, a
// warpgroup's products. A row says up to which of its times each agent's doings are known to come
// before what the row's owner does next. Its second half says the same of those with a proxy fence
// on the way: engines read what threads have written only past such a fence (PTX manual, chapters
// "Causality order" and "Async proxy").
#ifndef TESTS_CUDA_HOST_WATCH_H
#define TESTS_CUDA_HOST_WATCH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#if defined(__SANITIZE_THREAD__)
#define HD_WATCHES true
#elif defined(__has_feature)
#define HD_WATCHES __has_feature(thread_sanitizer)
#else
#define HD_WATCHES false // the text's accesses do not call: nothing can be said of them
#endif

// The machine's own functions do not call in here.
#define HD_OWN static __attribute__((no_sanitize("thread"), unused))

namespace hd_host
{

enum { MAX_CLUSTER = 8, MAX_WATCHED = 4096 /* threads */ };
enum Access { READ, WRITE, ATOMIC };
struct Touch {
    int32_t time; // 0: there was none
    uint16_t agent, thread;
};
// Of the readers since a write two are kept, of the lowest and the highest agent, each until a
// later reader comes after it.
struct Cell {
    uint32_t block; // of another block: as if untouched
    Touch write, atomic, first, last;
};
struct Span {
    unsigned char *begin;
    size_t size;
    Cell *cells;
};
struct Watch {
    int threads, agents, most; // rows have room for `most`
    uint32_t block;
    bool fences;    // somebody has fenced: second halves matter
    int32_t **rows; // those of threads, then others
    int row_count, row_room;
    int32_t *all;    // what everybody knows, as a row
    int fence_row;   // of all fences
    bool *is_engine; // by agent: it works in the async proxy
    Span spans[2 * MAX_CLUSTER];
    int span_count;
    // A write by a thread counts when it is made: one of the value that is there is none.
    struct {
        unsigned char *at, old[16];
        int size;
        const void *pc; // of the store
    } write;
    Touch other; // that the last race was with
    Access was;
};

// ---- rows --------------------------------------------------------------------------------------
HD_OWN int watch_row(Watch *w)
{
    if (w->row_count == w->row_room) {
        w->row_room = w->row_room ? w->row_room * 2 : 64;
        w->rows = (int32_t **)realloc(w->rows, (size_t)w->row_room * sizeof *w->rows);
        if (!w->rows) abort();
        for (int i = w->row_count; i < w->row_room; ++i) w->rows[i] = nullptr;
    }
    int32_t **row = &w->rows[w->row_count];
    if (!*row) *row = (int32_t *)calloc((size_t)w->most * 2, sizeof **row);
    if (!*row) abort();
    return w->row_count++;
}
HD_OWN void row_clear(Watch *w, int32_t *row)
{
    memset(row, 0, (size_t)w->agents * sizeof *row);
    memset(row + w->most, 0, (size_t)w->agents * sizeof *row);
}
HD_OWN void half_join(int32_t *to, const int32_t *from, int count)
{
    for (int i = 0; i < count; ++i) to[i] = to[i] < from[i] ? from[i] : to[i];
}
HD_OWN void row_join(Watch *w, int32_t *to, const int32_t *from)
{
    half_join(to, from, w->agents);
    if (w->fences) half_join(to + w->most, from + w->most, w->agents);
}
// What the thread has done is known to those who learn from the row.
HD_OWN void watch_tell(Watch *w, int thread, int row)
{
    if (!w) return;
    row_join(w, w->rows[row], w->rows[thread]);
    ++w->rows[thread][thread];
}
HD_OWN void watch_learn(Watch *w, int thread, int row)
{
    if (w) row_join(w, w->rows[thread], w->rows[row]);
}
HD_OWN void watch_forget(Watch *w, int row)
{
    if (w) row_clear(w, w->rows[row]);
}
// All threads have met.
HD_OWN void watch_met(Watch *w)
{
    for (int t = 0; t < w->threads; ++t) {
        w->all[t] = w->rows[t][t]++;
        half_join(w->all + w->threads, w->rows[t] + w->threads, w->agents - w->threads);
        if (w->fences) half_join(w->all + w->most, w->rows[t] + w->most, w->agents);
    }
}
HD_OWN void watch_fence(Watch *w, int thread)
{
    if (!w) return;
    int32_t *row = w->rows[thread];
    w->fences = true;
    half_join(row + w->most, row, w->agents);
    half_join(row + w->most, w->all, w->agents);
    ++row[thread];
}
// Everything of the engine's up to this time is over for the thread.
HD_OWN void watch_over(Watch *w, int row, int engine, long time)
{
    if (!w || engine < 0) return;
    int32_t *known = &w->rows[row][engine];
    if (*known < time) *known = (int32_t)time;
}
HD_OWN int watch_engine(Watch *w, bool async)
{
    if (!w) return -1;
    if (w->agents == w->most) abort();
    w->is_engine[w->agents] = async;
    return w->agents++;
}

// ---- blocks ------------------------------------------------------------------------------------
HD_OWN Watch *watch_make(int threads, int blocks)
{
    if (!HD_WATCHES || threads * blocks > MAX_WATCHED) return nullptr;
    Watch *w = (Watch *)calloc(1, sizeof *w);
    if (!w) abort();
    w->threads = threads * blocks;
    w->span_count = 2 * blocks;
    w->agents = w->threads;
    // copies and stores of each thread, 256 mbarriers and 8 warpgroups of each block
    w->most = 3 * w->threads + 264 * blocks;
    w->all = (int32_t *)calloc((size_t)w->most * 2, sizeof *w->all);
    w->is_engine = (bool *)calloc((size_t)w->most, sizeof *w->is_engine);
    if (!w->all || !w->is_engine) abort();
    return w;
}
HD_OWN void watch_end(Watch *w)
{
    if (!w) return;
    for (int i = 0; i < w->row_room; ++i) free(w->rows[i]);
    free(w->rows);
    free(w->all);
    free(w->is_engine);
    free(w);
}
// Nothing has been touched yet.
HD_OWN void watch_begin(Watch *w)
{
    for (int i = 0; i < w->row_count; ++i) row_clear(w, w->rows[i]);
    row_clear(w, w->all);
    w->row_count = 0;
    w->agents = w->threads;
    w->fences = false;
    w->write.size = 0;
    ++w->block;
    for (int t = 0; t < w->threads; ++t) {
        int row = watch_row(w);
        w->rows[row][t] = 1;
    }
    w->fence_row = watch_row(w);
}
HD_OWN Span span_make(void *begin, size_t size)
{
    if (!size) return {(unsigned char *)begin, 0, nullptr};
    void *cells = mmap(nullptr, size * sizeof(Cell), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (cells == MAP_FAILED) abort();
    return {(unsigned char *)begin, size, (Cell *)cells};
}
HD_OWN void span_end(Span *s)
{
    if (s->cells) munmap(s->cells, s->size * sizeof(Cell));
}
HD_OWN Span *span_of(Watch *w, const void *p)
{
    for (int i = 0; i < w->span_count; ++i) {
        Span *s = &w->spans[i];
        if ((size_t)((const unsigned char *)p - s->begin) < s->size) return s;
    }
    return nullptr;
}

// ---- accesses ----------------------------------------------------------------------------------
HD_OWN bool is_known(const Watch *w, int thread, const Touch *x)
{
    return x->time == 0 || x->agent == thread || w->all[x->agent] >= x->time ||
           w->rows[thread][x->agent] >= x->time;
}
HD_OWN bool is_fenced(const Watch *w, int thread, const Touch *x)
{
    return x->time == 0 || w->is_engine[x->agent] || w->all[w->most + x->agent] >= x->time ||
           w->rows[thread][w->most + x->agent] >= x->time;
}
HD_OWN bool races(Watch *w, int thread, const Touch *x, Access was)
{
    if (is_known(w, thread, x)) return false;
    w->other = *x;
    w->was = was;
    return true;
}
enum Verdict { FINE, RACE, UNFENCED, UNWRITTEN };
HD_OWN Verdict cell_touch(Watch *w, Cell *c, const Touch *now, Access access)
{
    int thread = now->thread;
    if (c->block != w->block) *c = {w->block, {}, {}, {}, {}};
    if (races(w, thread, &c->write, WRITE)) return RACE;
    if (access != ATOMIC && races(w, thread, &c->atomic, ATOMIC)) return RACE;
    if (access != READ && (races(w, thread, &c->first, READ) || races(w, thread, &c->last, READ)))
        return RACE;
    if (access == READ && !c->write.time && !c->atomic.time) return UNWRITTEN;
    w->other = c->write;
    w->was = WRITE;
    if (w->is_engine[now->agent] && !is_fenced(w, thread, &c->write)) return UNFENCED;
    if (access == WRITE)
        *c = {w->block, *now, {}, {}, {}};
    else if (access == ATOMIC)
        c->atomic = *now;
    if (access != READ) return FINE;
    if (now->agent <= c->first.agent || is_known(w, thread, &c->first)) c->first = *now;
    if (now->agent >= c->last.agent || is_known(w, thread, &c->last)) c->last = *now;
    return FINE;
}
// The agent works for the thread; what the thread knows, it knows.
HD_OWN Verdict watch_touch(Watch *w, int agent, long time, int thread, const void *p, size_t size,
                           Access access)
{
    Span *s = w ? span_of(w, p) : nullptr;
    if (!s) return FINE;
    Touch now = {(int32_t)time, (uint16_t)agent, (uint16_t)thread};
    Cell *c = &s->cells[(const unsigned char *)p - s->begin], *end = s->cells + s->size;
    for (; size && c < end; --size, ++c) {
        Verdict v = cell_touch(w, c, &now, access);
        if (v != FINE) return v;
    }
    return FINE;
}

} // namespace hd_host

#endif
