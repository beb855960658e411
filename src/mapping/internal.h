/* What the files of mapping/ share: drafts of a mapping under construction, checks of factors. */
#ifndef MAPPING_INTERNAL_H
#define MAPPING_INTERNAL_H

#include "mapping/mapping.h"

#define MAPPING_MAX_TASKS ((int64_t)1 << 62)

/* Digit `i` of all of a mapping's digits, the workers' first. */
static inline const MappingDigit *mapping_digit_at(const Mapping *m, int i)
{
    return i < m->worker_count ? &m->worker[i] : &m->time[i - m->worker_count];
}

/* A list of digits, slowest first, merged as it grows. The bound holds because static extents
 * are at least 2 with a product of at most 2^62, and run-time ones are counted. */
typedef struct MappingDigits {
    int count;
    MappingDigit list[MAPPING_MAX_DIGITS];
} MappingDigits;

/* Adds a run-time extent to a product of some; ascending, so that equal products are equal lists.
 */
void mapping_add_scale(int *ids, int *count, int id);
bool mapping_digits_alike(const MappingDigit *a, const MappingDigit *b); /* all but place */

/* Fills *error (which may be NULL); returns false. */
bool mapping_fail(Arena *arena, MappingError *error, int factor, const char *fmt, ...)
    BASE_PRINTF(4, 5);

/* Checks one factor by itself; holes pass if `holes`. */
bool mapping_check_factor(Arena *arena, const MappingFactors *factors, int index, bool holes,
                          MappingError *error);

/* The dimension of the whole product that each dimension of factor `index` becomes, or -1 if a
 * drop after it removes it; *rank is the whole product's rank. Drop distributes over composition,
 * so this is all there is to it. */
bool mapping_factor_dims(Arena *arena, const MappingFactors *factors, int index,
                         int dims[MAPPING_MAX_RANK], int *rank, MappingError *error);

void mapping_write_extent(Sb *sb, int64_t extent, MappingRuntimeName name, void *user);
void mapping_write_factors(Sb *sb, const MappingFactors *factors, int begin, int end,
                           MappingRuntimeName name, void *user);
/* One factor, or a run of them, as text: for messages. */
const char *mapping_part_text(Arena *arena, const MappingFactors *factors, int begin, int end);

#endif
