/* Bank conflicts and sectors of one request of a warp. */
#include "pass/banks.h"

enum { BANKS = 32, WORD = 4, SECTOR = 32 };

static bool active(const PassRequest *r, int lane)
{
    return r->active >> lane & 1;
}

/* The first lane of [from, lane) that wants the same bank's other words, or the same word. */
static int first_with(const PassRequest *r, int from, int lane, int64_t word, bool same)
{
    for (int i = from; i < lane; i++) {
        if (!active(r, i)) continue;
        int64_t first = base_floor_div(r->at[i], WORD);
        int64_t last = base_floor_div(r->at[i] + r->bytes - 1, WORD);
        for (int64_t w = first; w <= last; w++)
            if (same ? w == word : w != word && base_floor_mod(w - word, BANKS) == 0) return i;
    }
    return -1;
}

typedef struct Bank {
    int wanted;      /* different words */
    int lane, other; /* the first two lanes that want different ones */
} Bank;

/* A lane's word, if no lane of the phase before it wants it. */
static void add_word(const PassRequest *r, int from, int lane, int64_t word, Bank *banks)
{
    if (first_with(r, from, lane, word, true) >= 0) return;
    Bank *bank = &banks[base_floor_mod(word, BANKS)];
    if (++bank->wanted != 2) return;
    bank->lane = first_with(r, from, lane, word, false);
    bank->other = lane;
}

/* Wavefronts of the lanes [from, to). */
static int phase(const PassRequest *r, int from, int to, PassCost *worst)
{
    Bank banks[BANKS] = {{0}};
    int most = 0;
    for (int lane = from; lane < to; lane++) {
        if (!active(r, lane)) continue;
        int64_t first = base_floor_div(r->at[lane], WORD);
        int64_t last = base_floor_div(r->at[lane] + r->bytes - 1, WORD);
        for (int64_t w = first; w <= last; w++) add_word(r, from, lane, w, banks);
    }
    for (int b = 0; b < BANKS; b++) {
        if (banks[b].wanted > most) most = banks[b].wanted;
        if (banks[b].wanted <= worst->ways) continue;
        *worst = (PassCost){worst->cost, worst->ideal,   banks[b].lane, banks[b].other,
                            b,           banks[b].wanted};
    }
    return most;
}

PassCost pass_bank_cost(const PassRequest *r)
{
    PassCost c = {.ways = 1};
    int lanes = r->bytes > WORD ? BANKS * WORD / r->bytes : PASS_LANES;
    for (int from = 0; from < PASS_LANES; from += lanes) {
        int wavefronts = phase(r, from, from + lanes, &c);
        c.cost += wavefronts;
        c.ideal += wavefronts > 0;
    }
    return c;
}

/* ---- sectors --------------------------------------------------------------------------------- */

/* Is the lane's unit (a sector, or what it takes) that of no lane before it? */
static bool is_new(const PassRequest *r, int lane, int64_t shift, int64_t unit)
{
    int64_t own = base_floor_div(r->at[lane] + shift, unit);
    for (int i = 0; i < lane; i++)
        if (active(r, i) && base_floor_div(r->at[i] + shift, unit) == own) return false;
    return true;
}

static int64_t count_new(const PassRequest *r, int64_t shift, int64_t unit)
{
    int64_t count = 0;
    for (int lane = 0; lane < PASS_LANES; lane++)
        count += active(r, lane) && is_new(r, lane, shift, unit);
    return count;
}

/* The first lane that does not go on where the lane before it ended; if all do, the first two. */
static void find_gap(const PassRequest *r, PassCost *c)
{
    int before = -1;
    c->lane = c->other = -1;
    for (int lane = 0; lane < PASS_LANES; lane++) {
        if (!active(r, lane)) continue;
        int64_t apart = before < 0 ? 0 : r->at[lane] - r->at[before];
        bool gap = apart != 0 && apart != r->bytes && apart != -r->bytes;
        if (gap || (apart && c->other < 0)) {
            c->lane = before;
            c->other = lane;
        }
        if (gap) return;
        before = lane;
    }
}

PassCost pass_sector_cost(const PassRequest *r)
{
    PassCost c = {.cost = INT64_MAX};
    for (int64_t shift = 0; shift < SECTOR; shift += r->bytes) {
        int64_t sectors = count_new(r, shift, SECTOR);
        if (sectors < c.cost) c.cost = sectors;
    }
    c.ideal = (count_new(r, 0, r->bytes) * r->bytes + SECTOR - 1) / SECTOR;
    find_gap(r, &c);
    return c;
}
