/* A brute-force evaluator of mappings, written from the formulas of the language's definition and
 * from nothing else. */
#ifndef TESTS_MAPPING_ORACLE_H
#define TESTS_MAPPING_ORACLE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mapping/mapping.h"

/* f(w) for every worker, as explicit lists. */
typedef struct Oracle {
    int rank;
    int64_t shape[MAPPING_MAX_RANK];
    int64_t workers, steps;
    int64_t *tasks; /* [worker][step][MAPPING_MAX_RANK] */
} Oracle;

static inline int64_t *oracle_task(const Oracle *o, int64_t worker, int64_t step)
{
    return o->tasks + (worker * o->steps + step) * MAPPING_MAX_RANK;
}

static inline Oracle oracle_new(Arena *arena, int rank, int64_t workers, int64_t steps)
{
    Oracle o = {.rank = rank, .workers = workers, .steps = steps};
    o.tasks = NEW_ARRAY(arena, int64_t, (size_t)(workers * steps) * MAPPING_MAX_RANK);
    for (int i = 0; i < MAPPING_MAX_RANK; i++) o.shape[i] = 1;
    return o;
}

/* Task number `index` of the shape: (index / stride_i) % d_i, stride_i the product of the d_j that
 * vary faster than i. */
static inline void oracle_split(int rank, const int64_t *d, const int *order, int64_t index,
                                int64_t *task)
{
    for (int at = 0; at < rank; at++) {
        int64_t stride = 1;
        for (int faster = at + 1; faster < rank; faster++) stride *= d[order[faster]];
        task[order[at]] = index / stride % d[order[at]];
    }
}

static inline Oracle oracle_leaf(Arena *arena, MappingFactorKind kind, int rank, const int64_t *d,
                                 const int *order)
{
    int64_t all = 1;
    for (int i = 0; i < rank; i++) all *= d[i];
    bool spatial = kind == MAPPING_SPATIAL;
    Oracle o = oracle_new(arena, rank, spatial ? all : 1, spatial ? 1 : all);
    for (int i = 0; i < rank; i++) o.shape[i] = d[i];
    for (int64_t t = 0; t < all; t++) {
        oracle_split(rank, d, order, t, oracle_task(&o, spatial ? t : 0, spatial ? 0 : t));
    }
    return o;
}

static inline Oracle oracle_replicate(Arena *arena, int rank, int64_t n)
{
    return oracle_new(arena, rank, n, 1);
}

static inline Oracle oracle_compose(Arena *arena, const Oracle *a, const Oracle *b)
{
    Oracle o = oracle_new(arena, a->rank, a->workers * b->workers, a->steps * b->steps);
    for (int i = 0; i < a->rank; i++) o.shape[i] = a->shape[i] * b->shape[i];
    for (int64_t w = 0; w < o.workers; w++) {
        int64_t step = 0;
        for (int64_t s = 0; s < a->steps; s++) {
            for (int64_t t = 0; t < b->steps; t++, step++) {
                const int64_t *ta = oracle_task(a, w / b->workers, s);
                const int64_t *tb = oracle_task(b, w % b->workers, t);
                for (int i = 0; i < a->rank; i++) {
                    oracle_task(&o, w, step)[i] = ta[i] * b->shape[i] + tb[i];
                }
            }
        }
    }
    return o;
}

static inline bool oracle_same_task(int rank, const int64_t *a, const int64_t *b)
{
    return memcmp(a, b, (size_t)rank * sizeof *a) == 0;
}

static inline Oracle oracle_drop(Arena *arena, const Oracle *a, int dim)
{
    Oracle o = oracle_new(arena, a->rank - 1, a->workers, a->steps);
    int64_t kept = 0;
    for (int i = 0, at = 0; i < a->rank; i++) {
        if (i != dim) o.shape[at++] = a->shape[i];
    }
    for (int64_t w = 0; w < a->workers; w++) {
        kept = 0;
        for (int64_t s = 0; s < a->steps; s++) {
            int64_t task[MAPPING_MAX_RANK] = {0};
            for (int i = 0, at = 0; i < a->rank; i++) {
                if (i != dim) task[at++] = oracle_task(a, w, s)[i];
            }
            bool seen = false;
            for (int64_t k = 0; k < kept && !seen; k++) {
                seen = oracle_same_task(o.rank, task, oracle_task(&o, w, k));
            }
            if (!seen) memcpy(oracle_task(&o, w, kept++), task, sizeof task);
        }
    }
    Oracle packed = oracle_new(arena, o.rank, o.workers, kept);
    memcpy(packed.shape, o.shape, sizeof packed.shape);
    for (int64_t w = 0; w < o.workers; w++) {
        memcpy(oracle_task(&packed, w, 0), oracle_task(&o, w, 0),
               (size_t)kept * MAPPING_MAX_RANK * sizeof(int64_t));
    }
    return packed;
}

/* Equal as functions: same shape, same ordered lists. */
static inline bool oracle_equal(const Oracle *a, const Oracle *b)
{
    if (a->rank != b->rank || a->workers != b->workers || a->steps != b->steps) return false;
    return memcmp(a->tasks, b->tasks,
                  (size_t)(a->workers * a->steps) * MAPPING_MAX_RANK * sizeof(int64_t)) == 0;
}

#endif
