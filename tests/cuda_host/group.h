// Products by a warpgroup under cuda_host.h, as the PTX manual defines them (chapters "Register
// Fragments and Shared Memory Matrix Layouts", "Matrix Descriptor"). They run as late as allowed:
// when their thread waits for their group, on what shared memory then holds.
#ifndef TESTS_CUDA_HOST_GROUP_H
#define TESTS_CUDA_HOST_GROUP_H

#include "matrix.h"

struct hd_matrix {
    const unsigned char *start;
    unsigned long long lies;
};
static inline hd_matrix hd_describe(const void *p, unsigned long long lies)
{
    return {(const unsigned char *)p, lies};
}

namespace hd_host
{

// One thread's part of a product: its sums, the factors; `held` is its warp's rows of the first.
struct GroupProduct {
    const char *ptx;
    void *sums;
    hd_matrix first, second;
    double *held;
    bool turned[2];
    long group;
};
static GroupProducts *group_products()
{
    return &machine->products[machine->current];
}

// Element `own` (a row of A, a column of B), `k` of a factor in shared memory. The swizzle is one
// of addresses: bits 4 on, exclusive or bits 7 on.
static double element_at(const hd_matrix *m, const Type *t, bool turned, int own, int k)
{
    static const int BYTES[] = {16, 128, 64, 32};
    int mode = (int)(m->lies >> 62), bytes = t->bits / 8, line = BYTES[mode];
    long leading = (long)(m->lies >> 16 & 0x3fff) * 16,
         stride = (long)(m->lies >> 32 & 0x3fff) * 16;
    if (mode == 0) fail("a factor that is not swizzled");
    if (turned && bytes != 2) fail("only factors of 16 bits are turned");
    long each = line / bytes;
    long at = turned ? own % each * bytes + own / each * leading + k % 8 * line + k / 8 * stride
                     : own % 8 * line + own / 8 * stride + (long)k * bytes;
    uintptr_t address = (uintptr_t)m->start + (uintptr_t)at;
    address ^= (address >> 7 & (uintptr_t)(line / 16 - 1)) << 4;
    return value_at((const void *)address, t, 0);
}

static Mma parse_group(const char *ptx)
{
    Mma f = {};
    const char *shape = strstr(ptx, ".m64");
    if (!shape || sscanf(shape, ".m%dn%dk%d", &f.m, &f.n, &f.k) != 3) fail("no shape");
    const char *types = strchr(shape + 1, '.') + 1;
    f.d = type_at(types);
    f.a = type_at(types = strchr(types, '.') + 1);
    f.b = type_at(strchr(types, '.') + 1);
    return f;
}

// Rows 16 w to 16 w + 15 of A in the registers of warp w: as mma's first factor.
static void hold_rows(const char *ptx, Places *places)
{
    Mma f = parse_group(ptx), rows = f;
    rows.m = 16;
    double *held = (double *)calloc((size_t)(16 * f.k), sizeof *held);
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < 16 * f.k / 32; ++i) {
            int row, column;
            place_a(&rows, lane, i, &row, &column);
            held[row * f.k + column] = value_at(places[lane].place[1], f.a, i);
        }
    for (int lane = 0; lane < 32; ++lane) *(double **)places[lane].place[2] = held;
}

static void group_begin(const char *ptx, void *sums, const void *held, const hd_matrix *first,
                        const hd_matrix *second, bool turned_a, bool turned_b)
{
    GroupProducts *p = group_products();
    if (!p->fenced) fail("a product by a warpgroup without wgmma.fence before it");
    if (p->count == p->room) {
        p->room = p->room ? p->room * 2 : 16;
        p->list = (GroupProduct *)realloc(p->list, (size_t)p->room * sizeof *p->list);
        if (!p->list) abort();
    }
    GroupProduct *q = &p->list[p->count++];
    *q = {ptx, sums, {}, *second, nullptr, {turned_a, turned_b}, p->groups};
    if (first) q->first = *first;
    double *rows = nullptr;
    void *const place[] = {sums, (void *)held, &rows};
    if (held) meet_for(MEET_MMA, ptx, place, hold_rows);
    p->list[p->count - 1].held = rows;
}

static void group_run(GroupProduct *q)
{
    Mma f = parse_group(q->ptx);
    int thread = machine->current % 128, warp = thread / 32, lane = thread % 32;
    for (int i = 0; i < f.n / 2; ++i) {
        int row = lane / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
        double sum = value_at(q->sums, f.d, i);
        for (int k = 0; k < f.k; ++k) {
            double a = q->held ? q->held[row * f.k + k]
                               : element_at(&q->first, f.a, q->turned[0], warp * 16 + row, k);
            sum += a * element_at(&q->second, f.b, q->turned[1], column, k);
        }
        put(q->sums, f.d, i, sum, false);
    }
}

static inline void group_wait(long groups)
{
    GroupProducts *p = group_products();
    int kept = 0;
    for (int i = 0; i < p->count; ++i) {
        if (p->list[i].group >= p->groups - groups)
            p->list[kept++] = p->list[i];
        else
            group_run(&p->list[i]);
    }
    bool some = kept < p->count;
    p->count = kept;
    if (kept == 0) p->fenced = false; // what has been summed may be used, and then needs a fence
    // The products of a warpgroup are over for all of it, or for none.
    if (some) barrier(16 + machine->current / 128, 128);
}

} // namespace hd_host

static inline void hd_wgmma_fence()
{
    hd_host::group_products()->fenced = true;
}
static inline void hd_wgmma_commit()
{
    ++hd_host::group_products()->groups;
}
template <int Groups> static inline void hd_wgmma_wait()
{
    hd_host::group_wait(Groups);
}

#define HD_WGMMA_SHARED(name, ptx, a, b)                                                           \
    static inline void name(void *sums, hd_matrix first, hd_matrix second)                         \
    {                                                                                              \
        hd_host::group_begin(ptx, sums, nullptr, &first, &second, a, b);                           \
    }
#define HD_WGMMA_HELD(name, ptx, a, b)                                                             \
    static inline void name(void *sums, const void *held, hd_matrix second)                        \
    {                                                                                              \
        hd_host::group_begin(ptx, sums, held, nullptr, &second, a, b);                             \
    }

#endif
