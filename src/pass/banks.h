/* What one access to memory costs a warp, from the addresses of its lanes: the hardware's rules,
 * and nothing of the IR. */
#ifndef PASS_BANKS_H
#define PASS_BANKS_H

#include "base/base.h"

enum { PASS_LANES = 32 };

/* A request: the lanes that take part, and the byte that each begins at. `bytes`, the width of
 * each, is a power of two up to 16, and each address a multiple of it. */
typedef struct PassRequest {
    int bytes;
    uint32_t active; /* bit i: lane i */
    int64_t at[PASS_LANES];
} PassRequest;

/* `cost` where `ideal` would do. An example of what makes the difference, if there is one: two
 * lanes; for shared memory the bank both want, and how many different words are wanted of it. */
typedef struct PassCost {
    int64_t cost, ideal;
    int lane, other, bank, ways;
} PassCost;

/* Wavefronts of an access to shared memory. There are 32 banks of 4 bytes; a bank gives one word a
 * wavefront, to all lanes that want it. Accesses of 8 and 16 bytes are made in two and four phases,
 * of 16 and 8 lanes; so is a row address a lane of `ldmatrix`, which reads 16 bytes from each. */
PassCost pass_bank_cost(const PassRequest *r);

/* Sectors of 32 bytes that an access to global memory touches; at best, that is: if all addresses
 * moved together so as to meet the sectors' borders well. */
PassCost pass_sector_cost(const PassRequest *r);

#endif
