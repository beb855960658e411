/* What a request of a warp costs: cases reckoned by hand from the hardware's rule, and random ones
 * beside an oracle that plays the rule out, wavefront by wavefront. */
#include "pass/banks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static PassRequest request(int bytes, int64_t (*at)(int lane))
{
    PassRequest r = {.bytes = bytes, .active = UINT32_MAX};
    for (int i = 0; i < PASS_LANES; i++) r.at[i] = at(i);
    return r;
}

static void banks(int bytes, int64_t (*at)(int), int64_t cost, int64_t ideal)
{
    PassRequest r = request(bytes, at);
    PassCost c = pass_bank_cost(&r);
    assert_int_equal(c.cost, cost);
    assert_int_equal(c.ideal, ideal);
}

/* f32 tiles of 32 columns: along a row, down a column; the same with a padded column. */
static int64_t row_f32(int i)
{
    return i * 4;
}
static int64_t column_f32(int i)
{
    return i * 32 * 4;
}
static int64_t padded_column_f32(int i)
{
    return i * 33 * 4;
}
static int64_t every_other_f32(int i)
{
    return i * 8;
}
static int64_t same(int i)
{
    return i * 0 + 20;
}
/* f16: two lanes share a word; down a column of 32 and of 34. */
static int64_t row_f16(int i)
{
    return i * 2;
}
static int64_t column_f16(int i)
{
    return i * 32 * 2;
}
static int64_t padded_column_f16(int i)
{
    return i * 34 * 2;
}
/* four f32 a lane: along rows; 8 lanes along a row of 32, and 4 rows of 36, and of 32. */
static int64_t row_f32x4(int i)
{
    return i * 16;
}
static int64_t row_f32x2(int i)
{
    return i * 8;
}
static int64_t column_f32x4(int i)
{
    return i * 128;
}
static int64_t column_f32x2(int i)
{
    return i * 128;
}
static int64_t padded_f32x4(int i)
{
    return i * 36 * 4;
}
static int64_t same_of_four(int i)
{
    return i / 4 * 16;
}
/* 16-byte rows of 8 x 8 matrices of f16 in lines of 64 bytes: plain, and chunks exchanged. */
static int64_t matrix_plain(int i)
{
    return i % 16 * 64 + i / 16 * 16;
}
static int64_t matrix_swizzled(int i)
{
    return i % 16 * 64 + ((i / 16) ^ (i % 16 / 2 % 4)) * 16;
}
/* the guess of one key a line, which is wrong for lines of 64 bytes */
static int64_t matrix_by_line(int i)
{
    return i % 16 * 64 + ((i / 16) ^ (i % 4)) * 16;
}

static void by_hand(void **state)
{
    (void)state;
    banks(4, row_f32, 1, 1);
    banks(4, column_f32, 32, 1);
    banks(4, padded_column_f32, 1, 1);
    banks(4, every_other_f32, 2, 1);
    banks(4, same, 1, 1);
    banks(2, row_f16, 1, 1);
    banks(2, column_f16, 16, 1);       /* every 64 bytes: banks 0 and 16 */
    banks(2, padded_column_f16, 1, 1); /* 17 words apart */
    banks(16, row_f32x4, 4, 4);
    banks(8, row_f32x2, 2, 2);
    banks(16, column_f32x4, 32, 4);
    banks(8, column_f32x2, 32, 2);
    banks(16, padded_f32x4, 4, 4);
    banks(16, same_of_four, 4, 4);
    banks(16, matrix_plain, 16, 4); /* four chunk columns: 8 rows in two */
    banks(16, matrix_swizzled, 4, 4);
    banks(16, matrix_by_line, 8, 4);
}

static void examples_are_true(void **state)
{
    (void)state;
    PassRequest r = request(4, every_other_f32);
    PassCost c = pass_bank_cost(&r);
    assert_int_equal(c.ways, 2);
    assert_int_equal(c.lane, 0);
    assert_int_equal(c.other, 16);
    assert_int_equal(c.bank, 0);
    r = request(4, column_f32);
    c = pass_bank_cost(&r);
    assert_int_equal(c.ways, 32);
    assert_int_equal(c.other, 1);
}

static void inactive_lanes_cost_nothing(void **state)
{
    (void)state;
    PassRequest r = request(16, column_f32x4);
    r.active = 0x00000101; /* one lane each of two phases */
    PassCost c = pass_bank_cost(&r);
    assert_int_equal(c.cost, 2);
    assert_int_equal(c.ideal, 2);
    r.active = 0;
    c = pass_bank_cost(&r);
    assert_int_equal(c.cost, 0);
    assert_int_equal(c.ideal, 0);
}

/* ---- an oracle ------------------------------------------------------------------------------- */

/* Serves words until none is wanted: a wavefront takes the next wanted word of each bank, and gives
 * it to every lane of the phase. */
static int64_t play(const PassRequest *r)
{
    int64_t wavefronts = 0;
    int phases = r->bytes == 8 ? 2 : r->bytes == 16 ? 4 : 1, width = 32 / phases;
    int words = r->bytes > 4 ? r->bytes / 4 : 1;
    for (int p = 0; p < phases; p++) {
        bool open[32][4] = {{false}};
        for (int i = 0; i < width; i++)
            for (int w = 0; w < words; w++) open[i][w] = r->active >> (p * width + i) & 1;
        for (;;) {
            int64_t given[32];
            bool busy[32] = {false}, any = false;
            for (int i = 0; i < width; i++)
                for (int w = 0; w < words; w++) {
                    int64_t word = r->at[p * width + i] / 4 + w;
                    int bank = (int)(word % 32);
                    if (!open[i][w] || (busy[bank] && given[bank] != word)) continue;
                    busy[bank] = true;
                    given[bank] = word;
                    open[i][w] = false;
                    any = true;
                }
            if (!any) break;
            wavefronts++;
        }
    }
    return wavefronts;
}

static uint32_t seed = 1;
static int64_t next(int64_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (int64_t)(seed >> 8) % below;
}

static void random_requests(void **state)
{
    (void)state;
    for (int n = 0; n < 20000; n++) {
        PassRequest r = {.bytes = 1 << next(5), .active = UINT32_MAX};
        int64_t across = 1 + next(32), down = next(200), step = next(9), span = next(3) ? 4096 : 64;
        bool wild = next(4) == 0;
        for (int i = 0; i < 32; i++)
            r.at[i] = r.bytes * (wild ? next(span) : i / across * down + i % across * step);
        if (next(3) == 0) r.active = (uint32_t)next(1 << 24) * 257u;
        PassCost c = pass_bank_cost(&r);
        assert_int_equal(c.cost, play(&r));
        assert_true(c.cost >= c.ideal);
        if (c.cost == c.ideal) continue;
        assert_true(c.ways > 1 && c.lane >= 0 && c.lane < c.other);
        assert_true(r.active >> c.lane & r.active >> c.other & 1);
        assert_true(r.at[c.lane] != r.at[c.other]);
    }
}

/* ---- sectors --------------------------------------------------------------------------------- */

static void sectors(int bytes, int64_t (*at)(int), int64_t cost, int64_t ideal)
{
    PassRequest r = request(bytes, at);
    PassCost c = pass_sector_cost(&r);
    assert_int_equal(c.cost, cost);
    assert_int_equal(c.ideal, ideal);
}

static int64_t shifted_row(int i)
{
    return i * 4 + 4;
}
static int64_t rows_of_half_sectors(int i)
{
    return i / 4 * 4096 + i % 4 * 4;
}
static int64_t rows_of_sectors(int i)
{
    return i / 8 * 4096 + i % 8 * 4;
}

static void by_hand_sectors(void **state)
{
    (void)state;
    sectors(4, row_f32, 4, 4);
    sectors(4, shifted_row, 4, 4); /* a neighbour's row: no arrangement of lanes helps */
    sectors(4, every_other_f32, 8, 4);
    sectors(4, column_f32, 32, 4);
    sectors(4, same, 1, 1);
    sectors(2, row_f16, 2, 2);
    sectors(16, row_f32x4, 16, 16);
    sectors(4, rows_of_half_sectors, 8, 4);
    sectors(4, rows_of_sectors, 4, 4);
}

/* The lanes that are named are the first between which something is left out. */
static void names_a_gap(void **state)
{
    (void)state;
    PassRequest r = request(4, rows_of_half_sectors);
    PassCost c = pass_sector_cost(&r);
    assert_int_equal(c.lane, 3);
    assert_int_equal(c.other, 4);
    r = request(4, every_other_f32);
    c = pass_sector_cost(&r);
    assert_int_equal(c.lane, 0);
    assert_int_equal(c.other, 1);
    r = request(4, row_f32);
    c = pass_sector_cost(&r);
    assert_int_equal(c.lane, 0);
    assert_int_equal(c.other, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_hand),         cmocka_unit_test(examples_are_true),
        cmocka_unit_test(random_requests), cmocka_unit_test(inactive_lanes_cost_nothing),
        cmocka_unit_test(by_hand_sectors), cmocka_unit_test(names_a_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
