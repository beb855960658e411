// What goes on beside the machine's threads, as the PTX manual has it: asynchronous copies, and
// mbarriers, whose phase ends when its arrivals have all come and as many bytes have been copied as
// were expected.
#ifndef TESTS_CUDA_HOST_ASYNC_H
#define TESTS_CUDA_HOST_ASYNC_H

#include "machine.h"

namespace hd_host
{

// ---- asynchronous copies -----------------------------------------------------------------------
HD_OWN void copy_begin(void *to, const void *from, int bytes, const char *file, int line)
{
    Copies *c = &machine->copies[machine->current];
    if (c->count == c->room) {
        c->room = c->room ? c->room * 2 : 16;
        c->list = (Copy *)realloc(c->list, (size_t)c->room * sizeof *c->list);
        if (!c->list) abort();
    }
    c->list[c->count++] = {(unsigned char *)to, (const unsigned char *)from, bytes, c->groups};
    touch_by(engine_of(&c->engine, false), c->groups + 1, to, (size_t)bytes, WRITE, file, line);
    memset(to, 0xff, (size_t)bytes);
}
HD_OWN void copy_commit()
{
    ++machine->copies[machine->current].groups;
}
HD_OWN void copy_wait(long groups)
{
    Copies *c = &machine->copies[machine->current];
    int kept = 0;
    for (int i = 0; i < c->count; ++i) {
        Copy copy = c->list[i];
        if (copy.group >= c->groups - groups)
            c->list[kept++] = copy;
        else if (copy.from)
            memcpy(copy.to, copy.from, (size_t)copy.bytes);
        else
            memset(copy.to, 0, (size_t)copy.bytes);
    }
    c->count = kept;
    over(c->engine, c->groups - groups);
}

// ---- mbarriers ----------------------------------------------------------------------------------
HD_OWN Mbarrier *mbarrier_at(const void *address)
{
    Machine *const *all = machine->cluster ? machine->cluster->machines : &machine;
    for (int r = 0; r < (machine->cluster ? machine->cluster->blocks : 1); ++r)
        for (int i = 0; i < all[r]->mbarrier_count; ++i)
            if (all[r]->mbarriers[i].address == address) return &all[r]->mbarriers[i];
    fail("an mbarrier that was never initialised");
}

HD_OWN void mbarrier_init(const void *address, int arrivals)
{
    Machine *m = machine;
    if (m->mbarrier_count == MAX_MBARRIERS) fail("too many mbarriers");
    if (arrivals < 1 || arrivals >= 1 << 20) fail("an mbarrier of no valid count");
    bool watched = m->watch != nullptr;
    m->mbarriers[m->mbarrier_count++] = {address,
                                         arrivals,
                                         arrivals,
                                         0,
                                         0,
                                         m,
                                         watched ? watch_row(m->watch) : 0,
                                         watched ? watch_row(m->watch) : 0,
                                         -1};
    touch(address, sizeof(uint64_t), WRITE);
}

// What the phase has been told, and its loads, are known to those who wait for it.
HD_OWN void phase_order(const Mbarrier *b)
{
    Watch *w = b->of->watch;
    if (!w) return;
    watch_over(w, b->told, b->engine, b->phase);
    row_join(w, w->rows[b->over], w->rows[b->told]);
    watch_forget(w, b->told);
}

// Has the phase ended? Then the next one begins, and those who wait look again.
HD_OWN void mbarrier_settle(Mbarrier *b)
{
    Machine *m = b->of;
    if (b->pending || b->bytes) return;
    b->pending = b->expected;
    ++b->phase;
    phase_order(b);
    for (int i = 0; i < m->block; ++i)
        if (m->waits[i].at == b->address) {
            m->waits[i].at = nullptr;
            wake_in(m, i);
        }
}

HD_OWN void mbarrier_arrive(const void *address, long bytes)
{
    Mbarrier *b = mbarrier_at(address);
    if (b->pending == 0) fail("more arrivals at an mbarrier than its phase expects");
    touch(address, sizeof(uint64_t), ATOMIC);
    if (machine->watch) tell(b->told);
    b->bytes += bytes;
    if (b->bytes >= 1 << 20) fail("an mbarrier expects more bytes than it can count");
    --b->pending;
    mbarrier_settle(b);
}

HD_OWN void mbarrier_complete(const void *address, long bytes)
{
    Mbarrier *b = mbarrier_at(address);
    b->bytes -= bytes;
    mbarrier_settle(b);
}

HD_OWN void mbarrier_wait(const void *address, unsigned int parity, const char *file, int line)
{
    Mbarrier *b = mbarrier_at(address);
    touch(address, sizeof(uint64_t), ATOMIC);
    while ((b->phase & 1) == parity) {
        machine->waits[machine->current] = {address, file, line};
        leave();
    }
    watch_learn(machine->watch, own_agent(), b->over);
}

// ---- copy engines ------------------------------------------------------------------------------
// Where element `e` of a box lies, counted in bytes: 16-byte parts of a row are exchanged.
HD_OWN long bulk_place(const HdTensorMap *map, long e)
{
    long at = e * map->bytes;
    return at ^ (at >> 7 & ((1 << map->swizzle) - 1)) << 4;
}

HD_OWN long bulk_copy(const Bulk *b)
{
    const HdTensorMap *map = &b->map;
    long count = 1;
    for (int d = 0; d < map->rank; ++d) count *= map->box[d];
    for (long e = 0; e < count; ++e) {
        long rest = e, offset = 0, place = 1;
        bool inside = true;
        for (int d = 0; d < map->rank; ++d) {
            long i = b->at[d] + rest % map->box[d];
            rest /= map->box[d];
            inside = inside && i >= 0 && i < map->extents[d];
            offset += i * (map->strides[d] ? map->strides[d] : place);
            place *= map->extents[d];
        }
        char *tile = b->tile + bulk_place(map, e), *element = (char *)map->tensor;
        element += offset * map->bytes;
        if (!b->mbarrier && inside) memcpy(element, tile, (size_t)map->bytes);
        if (b->mbarrier && inside) memcpy(tile, element, (size_t)map->bytes);
        if (b->mbarrier && !inside) memset(tile, 0, (size_t)map->bytes);
    }
    return count * map->bytes;
}

HD_OWN void bulk_land(int i)
{
    Machine *m = machine;
    Bulk b = m->bulks[i];
    long bytes = bulk_copy(&b);
    memmove(&m->bulks[i], &m->bulks[i + 1], (size_t)(--m->bulk_count - i) * sizeof b);
    if (b.mbarrier) mbarrier_complete(b.mbarrier, bytes);
}

HD_OWN void bulk(const HdTensorMap *map, const void *tile, const void *mbarrier, const int *at,
                 const char *file, int line)
{
    Machine *m = machine;
    if ((uintptr_t)tile % (128 << map->swizzle)) fail("a tile of a copy engine is not aligned");
    if (m->bulk_count == MAX_BULKS) bulk_land(0);
    Bulk *b = &m->bulks[m->bulk_count++];
    *b = {*map, (char *)(uintptr_t)tile, mbarrier, {}, m->current, 0, file, line};
    size_t bytes = (size_t)map->bytes;
    for (int d = 0; d < map->rank; ++d) {
        b->at[d] = at[d];
        bytes *= (size_t)map->box[d];
    }
    int group = m->bulk_groups[m->current];
    Mbarrier *of = mbarrier ? mbarrier_at(mbarrier) : nullptr;
    int engine = engine_of(of ? &of->engine : &m->bulk_engines[m->current], true);
    inside(tile, bytes, "a tile of a copy engine", file, line);
    if (of) touch_by(engine, of->phase + 1, mbarrier, sizeof(uint64_t), ATOMIC, file, line);
    touch_by(engine, of ? (long)of->phase + 1 : group + 1, tile, bytes, of ? WRITE : READ, file,
             line);
}

HD_OWN void bulk_commit()
{
    Machine *m = machine;
    int group = ++m->bulk_groups[m->current];
    for (int i = 0; i < m->bulk_count; ++i)
        if (!m->bulks[i].mbarrier && m->bulks[i].thread == m->current && !m->bulks[i].group)
            m->bulks[i].group = group;
}

HD_OWN void bulk_wait(int groups)
{
    Machine *m = machine;
    int last = m->bulk_groups[m->current] - groups;
    for (int i = 0; i < m->bulk_count;) {
        const Bulk *b = &m->bulks[i];
        if (!b->mbarrier && b->thread == m->current && b->group && b->group <= last)
            bulk_land(i);
        else
            ++i;
    }
    over(m->bulk_engines[m->current], last);
}

// A load, where nobody can go on without one: any of them.
HD_OWN bool bulk_land_some()
{
    Machine *m = machine;
    int loads = 0;
    for (int i = 0; i < m->bulk_count; ++i) loads += m->bulks[i].mbarrier != nullptr;
    if (!loads) return false;
    int skip = (int)(next_random(m) % (uint64_t)loads);
    for (int i = 0; i < m->bulk_count; ++i)
        if (m->bulks[i].mbarrier && skip-- == 0) {
            bulk_land(i);
            break;
        }
    return true;
}

} // namespace hd_host

// ---- what kernels call -------------------------------------------------------------------------
HD_HOST_FN void hd_mbarrier_init(unsigned long long *b, unsigned int arrivals)
{
    hd_host::mbarrier_init(b, (int)arrivals);
}
HD_HOST_FN void hd_mbarrier_ready()
{
    hd_host::fence_engines();
}
HD_HOST_FN void hd_mbarrier_arrive(unsigned long long *b)
{
    hd_host::mbarrier_arrive(b, 0);
}
HD_HOST_FN void hd_mbarrier_expect(unsigned long long *b, unsigned int bytes)
{
    hd_host::mbarrier_arrive(b, (long)bytes);
}
HD_HOST_FN void hd_mbarrier_wait(unsigned long long *b, unsigned int parity,
                                 const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
    hd_host::mbarrier_wait(b, parity, file, line);
}
template <int Count> HD_HOST_FN void hd_registers_down()
{
}
template <int Count> HD_HOST_FN void hd_registers_up()
{
}

template <int Rank, int Policy = 0>
HD_HOST_FN void hd_tma_load(const void *tile, const HdTensorMap *map, unsigned long long *b, int x,
                            int y = 0, int z = 0, int u = 0, int v = 0,
                            const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
    const int at[] = {x, y, z, u, v};
    hd_host::bulk(map, tile, b, at, file, line);
}
template <int Rank, int Policy = 0>
HD_HOST_FN void hd_tma_store(const void *tile, const HdTensorMap *map, int x, int y = 0, int z = 0,
                             int u = 0, int v = 0, const char *file = __builtin_FILE(),
                             int line = __builtin_LINE())
{
    const int at[] = {x, y, z, u, v};
    hd_host::bulk(map, tile, nullptr, at, file, line);
}
HD_HOST_FN void hd_tma_commit()
{
    hd_host::bulk_commit();
}
template <int Groups> HD_HOST_FN void hd_tma_wait()
{
    hd_host::bulk_wait(Groups);
}
HD_HOST_FN void hd_fence_engines()
{
    hd_host::fence_engines();
}

#endif
