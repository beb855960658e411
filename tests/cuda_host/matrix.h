// Matrix instructions under cuda_host.h, as the PTX manual defines them (chapters "Matrix Fragments
// for mma", "ldmatrix", "stmatrix"). The lane that completes its warp does the work for all lanes.
#ifndef TESTS_CUDA_HOST_MATRIX_H
#define TESTS_CUDA_HOST_MATRIX_H

#include "machine.h"

namespace hd_host
{

// ---- elements ----------------------------------------------------------------------------------
// The types' names in PTX, with how many bits are exponent and mantissa; integers have neither.
struct Type {
    const char *name;
    int bits, exponent, mantissa;
    bool is_signed;
};
static const Type TYPES[] = {
    {"f16", 16, 5, 10, true}, {"bf16", 16, 8, 7, true},  {"tf32", 32, 8, 23, true},
    {"f32", 32, 8, 23, true}, {"f64", 64, 11, 52, true}, {"e4m3", 8, 4, 3, true},
    {"e5m2", 8, 5, 2, true},  {"s8", 8, 0, 0, true},     {"u8", 8, 0, 0, false},
    {"s4", 4, 0, 0, true},    {"u4", 4, 0, 0, false},    {"s32", 32, 0, 0, true},
};
HD_OWN const Type *type_at(const char *text)
{
    for (const Type &t : TYPES) {
        size_t len = strlen(t.name);
        if (strncmp(text, t.name, len) == 0 && (text[len] == 0 || text[len] == '.')) return &t;
    }
    fail("a matrix instruction of an unknown type");
}

HD_OWN uint64_t bits_at(const void *fragment, const Type *t, int i)
{
    uint64_t bits = 0;
    if (t->bits < 8) return ((const unsigned char *)fragment)[i / 2] >> i % 2 * 4 & 15;
    memcpy(&bits, (const char *)fragment + i * (t->bits / 8), (size_t)t->bits / 8);
    return bits;
}
HD_OWN double value_at(const void *fragment, const Type *t, int i)
{
    uint64_t bits = bits_at(fragment, t, i);
    double wide;
    if (!t->exponent) {
        bool below = t->is_signed && bits >> (t->bits - 1);
        return (double)(int64_t)bits - (below ? (double)(1ull << t->bits) : 0.0);
    }
    if (strcmp(t->name, "tf32") == 0) bits &= ~0x1fffull; // the low bits are not looked at
    uint64_t mantissa = bits & ((1ull << t->mantissa) - 1), sign = bits >> (t->bits - 1);
    int exponent = (int)(bits >> t->mantissa & ((1ull << t->exponent) - 1));
    int last = (1 << t->exponent) - 1, bias = last >> 1;
    bool finite = strcmp(t->name, "e4m3") == 0; // one pattern is a NaN, none is infinite
    double size = exponent ? ldexp(1 + ldexp((double)mantissa, -t->mantissa), exponent - bias)
                           : ldexp((double)mantissa, 1 - bias - t->mantissa);
    if (exponent == last && (!finite || mantissa == 7)) {
        bool nan = finite || mantissa;
        size = nan ? __builtin_nan("") : __builtin_inf();
    }
    wide = sign ? -size : size;
    return wide;
}
HD_OWN void put(void *fragment, const Type *t, int i, double value, bool saturate)
{
    if (t->bits == 64) {
        memcpy((double *)fragment + i, &value, sizeof value);
    } else if (strcmp(t->name, "f32") == 0) {
        float x = (float)value;
        memcpy((float *)fragment + i, &x, sizeof x);
    } else if (strcmp(t->name, "f16") == 0) {
        _Float16 x = (_Float16)value;
        memcpy((_Float16 *)fragment + i, &x, sizeof x);
    } else if (strcmp(t->name, "s32") == 0) {
        if (saturate)
            value = value > 2147483647.0    ? 2147483647.0
                    : value < -2147483648.0 ? -2147483648.0
                                            : value;
        int32_t x = (int32_t)(uint32_t)(int64_t)value;
        memcpy((int32_t *)fragment + i, &x, sizeof x);
    } else {
        fail("sums of an unknown type");
    }
}

// ---- mma.sync ----------------------------------------------------------------------------------
struct Mma {
    int m, n, k;
    const Type *d, *a, *b, *c;
    bool saturate;
};
HD_OWN Mma parse_mma(const char *ptx)
{
    Mma r = {};
    const char *shape = strstr(ptx, ".m"), *end = ptx + strlen(ptx);
    if (!shape || sscanf(shape, ".m%dn%dk%d", &r.m, &r.n, &r.k) != 3) fail("no shape");
    r.saturate = strstr(ptx, ".satfinite") != nullptr;
    const Type **types[] = {&r.c, &r.b, &r.a, &r.d};
    for (const Type **t : types) {
        while (*--end != '.') {
        }
        *t = type_at(end + 1);
    }
    return r;
}
// With groupID = lane >> 2 and threadID_in_group = lane % 4, registers in order: a register of A
// holds elements of row groupID (every other one, where there are 16 rows: groupID + 8) and of
// columns threadID_in_group * (elements in a register) on; the registers that follow those of all
// rows go on four registers' worth of columns further. A register of B likewise, rows and columns
// exchanged, eight columns.
HD_OWN void place_a(const Mma *f, int lane, int i, int *row, int *column)
{
    int each = f->a->bits < 32 ? 32 / f->a->bits : 1, halves = f->m / 8, r = i / each;
    *row = (lane >> 2) + r % halves * 8;
    *column = lane % 4 * each + i % each + r / halves * 4 * each;
}
HD_OWN void place_b(const Mma *f, int lane, int i, int *row, int *column)
{
    int each = f->b->bits < 32 ? 32 / f->b->bits : 1;
    *row = lane % 4 * each + i % each + i / each * 4 * each;
    *column = lane >> 2;
}
HD_OWN void place_c(int lane, int i, int *row, int *column)
{
    *row = (lane >> 2) + (i < 2 ? 0 : 8);
    *column = lane % 4 * 2 + (i & 1);
}
HD_OWN void mma_of_warp(const char *ptx, Places *places)
{
    Mma f = parse_mma(ptx);
    double a[16][256], b[256][8];
    int row, column;
    if (f.m > 16 || f.n != 8 || f.k > 256) fail("a shape beyond those of mma.sync");
    for (int lane = 0; lane < 32; ++lane) {
        for (int i = 0; i < f.m * f.k / 32; ++i) {
            place_a(&f, lane, i, &row, &column);
            a[row][column] = value_at(places[lane].place[1], f.a, i);
        }
        for (int i = 0; i < f.n * f.k / 32; ++i) {
            place_b(&f, lane, i, &row, &column);
            b[row][column] = value_at(places[lane].place[2], f.b, i);
        }
    }
    for (int lane = 0; lane < 32; ++lane)
        for (int i = 0; i < f.m * f.n / 32; ++i) {
            place_c(lane, i, &row, &column);
            double sum = value_at(places[lane].place[0], f.c, i);
            for (int p = 0; p < f.k; ++p) sum += a[row][p] * b[p][column];
            put(places[lane].place[0], f.d, i, sum, f.saturate);
        }
}
HD_OWN void mma(const char *ptx, void *c, const void *a, const void *b)
{
    void *const place[] = {c, (void *)a, (void *)b};
    meet_for(MEET_MMA, ptx, place, mma_of_warp);
}

// ---- ldmatrix, stmatrix ------------------------------------------------------------------------
// Matrix m has its rows at the addresses that lanes 8 m … 8 m + 7 give. A lane's register m holds
// elements 2 (lane % 4) and the next of row lane / 4; with .trans, of column lane / 4.
HD_OWN void matrices_of_warp(const char *ptx, Places *places)
{
    bool load = strncmp(ptx, "ld", 2) == 0, trans = strstr(ptx, ".trans") != nullptr;
    const char *count = strstr(ptx, ".x");
    const Place at = {};
    int first = own_agent() - hd_host::lane();
    settle();
    for (int m = 0; m < count[2] - '0'; ++m)
        for (int lane = 0; lane < 32; ++lane)
            for (int e = 0; e < 2; ++e) {
                int row = lane / 4, column = lane % 4 * 2 + e;
                if (trans) row = lane % 4 * 2 + e, column = lane / 4;
                char *from = (char *)places[m * 8 + row].place[1] + column * 2;
                char *to = (char *)places[lane].place[0] + m * 4 + e * 2;
                if ((uintptr_t)places[m * 8 + row].place[1] % 16) fail("a row at no 16 bytes");
                touch_as(first + lane, from, 2, load ? READ : WRITE, &at);
                if (load)
                    memcpy(to, from, 2);
                else
                    memcpy(from, to, 2);
            }
}
HD_OWN void matrices(const char *ptx, void *fragment, const void *row)
{
    void *const place[] = {fragment, (void *)row, nullptr};
    meet_for(MEET_MATRIX, ptx, place, matrices_of_warp);
}

} // namespace hd_host

// ---- the prelude's macros ----------------------------------------------------------------------
#define HD_HOST_MMA(name, ptx)                                                                     \
    static inline void name(void *c, const void *a, const void *b)                                 \
    {                                                                                              \
        hd_host::mma(ptx, c, a, b);                                                                \
    }
#define HD_HOST_MATRIX(name, ptx)                                                                  \
    static inline void name(void *fragment, const void *row)                                       \
    {                                                                                              \
        hd_host::matrices(ptx, fragment, row);                                                     \
    }
#define HD_HOST_STMATRIX(name, ptx)                                                                \
    static inline void name(void *row, const void *fragment)                                       \
    {                                                                                              \
        hd_host::matrices(ptx, (void *)fragment, row);                                             \
    }
#define HD_LDMATRIX_1 HD_HOST_MATRIX
#define HD_LDMATRIX_2 HD_HOST_MATRIX
#define HD_LDMATRIX_4 HD_HOST_MATRIX
#define HD_STMATRIX_1 HD_HOST_STMATRIX
#define HD_STMATRIX_2 HD_HOST_STMATRIX
#define HD_STMATRIX_4 HD_HOST_STMATRIX
#define HD_MMA_4_4_2(name, ptx, ...) HD_HOST_MMA(name, ptx)
#define HD_MMA_4_8_4(name, ptx, ...) HD_HOST_MMA(name, ptx)
#define HD_MMA_4_2_1(name, ptx, ...) HD_HOST_MMA(name, ptx)
#define HD_MMA_2_4_2(name, ptx, ...) HD_HOST_MMA(name, ptx)
#define HD_MMA_2_2_1(name, ptx, ...) HD_HOST_MMA(name, ptx)
#define HD_MMA_2_1_1(name, ptx, ...) HD_HOST_MMA(name, ptx)

#endif
