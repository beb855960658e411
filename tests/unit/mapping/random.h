/* Random mappings, each with its oracle; the same seed gives the same mappings. */
#ifndef TESTS_MAPPING_RANDOM_H
#define TESTS_MAPPING_RANDOM_H

#include "oracle.h"

typedef struct Pair {
    const Mapping *mapping;
    Oracle oracle;
} Pair;

static inline uint64_t random_next(uint64_t *state)
{
    *state += 0x9e3779b97f4a7c15U;
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31);
}

static inline int random_below(uint64_t *state, int n)
{
    return (int)(random_next(state) % (uint64_t)n);
}

static inline void random_order(uint64_t *state, int rank, int *order)
{
    for (int i = 0; i < rank; i++) order[i] = i;
    for (int i = rank - 1; i > 0; i--) {
        int j = random_below(state, i + 1), swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
}

static inline int64_t random_extent(uint64_t *state, int64_t budget)
{
    static const int64_t choices[] = {1, 1, 2, 2, 2, 3, 4, 4, 5, 8};
    int64_t extent = choices[random_below(state, BASE_LEN(choices))];
    return extent <= budget ? extent : 1;
}

static inline Pair random_leaf(Arena *arena, uint64_t *state, int rank, int64_t budget)
{
    int kind = random_below(state, 9);
    int64_t d[MAPPING_MAX_RANK];
    int order[MAPPING_MAX_RANK];
    MappingError error = {0};
    Pair pair;
    if (kind == 8) {
        d[0] = random_extent(state, budget);
        pair.mapping = mapping_replicate(arena, d[0], &error);
        pair.oracle = oracle_replicate(arena, rank, d[0]);
        /* Alone it has any rank; a repeat of ones on its left settles it and does nothing else. */
        int64_t ones[MAPPING_MAX_RANK] = {1, 1, 1, 1, 1, 1, 1, 1};
        const Mapping *unit = mapping_repeat(arena, rank, ones, NULL, &error);
        pair.mapping = mapping_compose(arena, unit, pair.mapping, &error);
        assert_non_null(pair.mapping);
        return pair;
    }
    for (int i = 0; i < rank; i++) {
        d[i] = random_extent(state, budget);
        budget /= d[i];
    }
    random_order(state, rank, order);
    pair.mapping = (kind < 4 ? mapping_spatial : mapping_repeat)(arena, rank, d, order, &error);
    pair.oracle = oracle_leaf(arena, kind < 4 ? MAPPING_SPATIAL : MAPPING_REPEAT, rank, d, order);
    assert_non_null(pair.mapping);
    return pair;
}

/* A random expression of at most `budget` tasks times replicas. */
static inline Pair random_pair(Arena *arena, uint64_t *state, int rank, int depth, int64_t budget)
{
    int choice = depth == 0 ? 9 : random_below(state, 10);
    MappingError error = {0};
    if (choice < 6) {
        Pair a = random_pair(arena, state, rank, depth - 1, budget), b, both;
        int64_t used = a.oracle.workers * a.oracle.steps;
        b = random_pair(arena, state, rank, depth - 1, budget / used);
        both.mapping = mapping_compose(arena, a.mapping, b.mapping, &error);
        both.oracle = oracle_compose(arena, &a.oracle, &b.oracle);
        assert_non_null(both.mapping);
        return both;
    }
    if (choice == 6 && rank < 4) {
        Pair a = random_pair(arena, state, rank + 1, depth - 1, budget), dropped;
        int dim = random_below(state, rank + 1);
        dropped.mapping = mapping_drop(arena, a.mapping, dim, &error);
        dropped.oracle = oracle_drop(arena, &a.oracle, dim);
        assert_non_null(dropped.mapping);
        return dropped;
    }
    return random_leaf(arena, state, rank, budget);
}

#endif
