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
HD_OWN hd_matrix hd_describe(const void *p, unsigned long long lies)
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
HD_OWN GroupProducts *group_products()
{
    return &machine->products[machine->current];
}

// Where element `own` (a row of A, a column of B), `k` of a factor lies in shared memory. The
// swizzle is one of addresses: bits 4 on, exclusive or bits 7 on.
HD_OWN const void *element_at(const hd_matrix *m, const Type *t, bool turned, int own, int k)
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
    return (const void *)address;
}

HD_OWN Mma parse_group(const char *ptx)
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
HD_OWN void hold_rows(const char *ptx, Places *places)
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

// The engine reads `count` rows of A or columns of B from `first` on, at any time from now until
// the product is waited for: 16 bytes lie together, along k or, where the factor is turned, across.
HD_OWN void read_factor(const hd_matrix *m, const Type *t, bool turned, int first, int count,
                        int depth, const char *file, int line)
{
    Machine *g = machine;
    int engine = engine_of(&g->product_engines[g->current / 128], true), each = 128 / t->bits;
    for (int i = first; i < first + count; i += turned ? each : 1)
        for (int k = 0; k < depth; k += turned ? 1 : each) {
            const void *at = element_at(m, t, turned, i, k);
            inside(at, 16, "a factor of a product by a warpgroup", file, line);
            touch_by(engine, group_products()->groups + 1, at, 16, READ, file, line);
        }
}

// The product has these registers.
HD_OWN void take_registers(const void *begin, int size, const char *file, int line)
{
    GroupProducts *p = group_products();
    Place at = {nullptr, file, line};
    int i = 0;
    while (i < p->register_count && p->registers[i].begin != begin) ++i;
    if (i < p->register_count && p->registers[i].touched)
        fail_at(&at, "registers of a product have been touched since wgmma.fence");
    if (i == MAX_REGISTERS) fail_at(&at, "products have too many registers");
    if (i == p->register_count) ++p->register_count;
    p->registers[i] = {(const unsigned char *)begin, (size_t)size, p->groups, false};
}

HD_OWN void group_watch(const char *ptx, const void *sums, const void *held, const hd_matrix *first,
                        const hd_matrix *second, const bool *turned, const char *file, int line)
{
    Mma f = parse_group(ptx);
    int warp = machine->current % 128 / 32;
    take_registers(sums, f.n / 2 * f.d->bits / 8, file, line);
    if (held) take_registers(held, f.k / 2 * f.a->bits / 8, file, line);
    if (lane()) return; // one for its warp
    if (first) read_factor(first, f.a, turned[0], warp * 16, 16, f.k, file, line);
    read_factor(second, f.b, turned[1], 0, f.n, f.k, file, line);
}

HD_OWN void group_begin(const char *ptx, void *sums, const void *held, const hd_matrix *first,
                        const hd_matrix *second, bool turned_a, bool turned_b, const char *file,
                        int line)
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
    group_watch(ptx, sums, held, first, second, q->turned, file, line);
    double *rows = nullptr;
    void *const place[] = {sums, (void *)held, &rows};
    if (held) meet_for(MEET_MMA, ptx, place, hold_rows);
    p->list[p->count - 1].held = rows;
}

HD_OWN void group_run(GroupProduct *q)
{
    Mma f = parse_group(q->ptx);
    int thread = machine->current % 128, warp = thread / 32, lane = thread % 32;
    for (int i = 0; i < f.n / 2; ++i) {
        int row = lane / 4 + i / 2 % 2 * 8, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
        double sum = value_at(q->sums, f.d, i);
        for (int k = 0; k < f.k; ++k) {
            double a = q->held
                           ? q->held[row * f.k + k]
                           : value_at(element_at(&q->first, f.a, q->turned[0], warp * 16 + row, k),
                                      f.a, 0);
            sum += a * value_at(element_at(&q->second, f.b, q->turned[1], column, k), f.b, 0);
        }
        put(q->sums, f.d, i, sum, false);
    }
}

HD_OWN void group_wait(long groups)
{
    GroupProducts *p = group_products();
    int kept = 0;
    for (int i = 0; i < p->count; ++i) {
        if (p->list[i].group >= p->groups - groups)
            p->list[kept++] = p->list[i];
        else
            group_run(&p->list[i]);
    }
    if (p->over < p->groups - groups) p->over = p->groups - groups;
    over(machine->product_engines[machine->current / 128], p->over);
    bool some = kept < p->count;
    p->count = kept;
    if (kept == 0) p->fenced = false; // what has been summed may be used, and then needs a fence
    // The products of a warpgroup are over for all of it, or for none.
    // That orders nothing else.
    if (some) barrier(16 + machine->current / 128, 128, false);
}

HD_OWN void group_fence()
{
    GroupProducts *p = group_products();
    p->fenced = true;
    for (int i = 0; i < p->register_count; ++i) p->registers[i].touched = false;
}

} // namespace hd_host

HD_OWN void hd_wgmma_fence()
{
    hd_host::group_fence();
}
HD_OWN void hd_wgmma_commit()
{
    ++hd_host::group_products()->groups;
}
template <int Groups> static inline void hd_wgmma_wait()
{
    hd_host::group_wait(Groups);
}

#define HD_WGMMA_SHARED(name, ptx, a, b)                                                           \
    static inline void name(void *sums, hd_matrix first, hd_matrix second,                         \
                            const char *file = __builtin_FILE(), int line = __builtin_LINE())      \
    {                                                                                              \
        hd_host::group_begin(ptx, sums, nullptr, &first, &second, a, b, file, line);               \
    }
#define HD_WGMMA_HELD(name, ptx, a, b)                                                             \
    static inline void name(void *sums, const void *held, hd_matrix second,                        \
                            const char *file = __builtin_FILE(), int line = __builtin_LINE())      \
    {                                                                                              \
        hd_host::group_begin(ptx, sums, held, nullptr, &second, a, b, file, line);                 \
    }

#endif
