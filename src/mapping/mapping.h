/* mapping/ - the task-mapping algebra (Hidet, ASPLOS '23, section 4; extended).
 *
 * Entry points: `mapping_build` (a whole product at once), or `mapping_spatial`, `mapping_repeat`,
 * `mapping_compose`. A mapping has a worker count n, a task shape d and a function from a worker
 * to an ordered list of tasks. This floor is pure mathematics: it knows no AST and no IR. All
 * mappings are immutable and live in the arena that made them. Beside this header stand index.h
 * (coordinates as expressions) and draw.h (pictures).
 *
 * Normal form. Every mapping is a list of worker digits and a list of time digits, each from the
 * slowest to the fastest. With w written in the mixed radix of the worker digits' extents and the
 * step in that of the time digits', task coordinate i is the sum over the digits of dimension i
 * of `digit value * stride`. A replicate is a worker digit of no dimension (dim = -1). Digits of
 * extent 1 are absent; adjacent digits (slow a, fast b) of one list that share a dimension with
 * stride_a == stride_b * extent_b are merged, as are adjacent replicates. Composition A * B
 * multiplies A's strides by B's shape and concatenates both lists, A's first; `drop` turns worker
 * digits into replicates and forgets time digits. Hence the digits of one dimension, of both
 * lists, always form a mixed radix of that dimension's extent: every mapping covers its shape,
 * and a digit's value is `coordinate / stride % extent`. Without run-time extents the normal form
 * is unique: two mappings are equal as functions if and only if their lists are equal.
 *
 * Run-time extents. An extent of a `repeat` (normally the leading one), or of a spatial over the
 * grid, may be unknown until launch: it is written as `MAPPING_RUNTIME(k)`, k a number that the
 * caller gives meaning to. Such digits are never merged.
 */
#ifndef MAPPING_MAPPING_H
#define MAPPING_MAPPING_H

#include "base/base.h"

#define MAPPING_MAX_RANK 8
#define MAPPING_MAX_FACTORS 256
#define MAPPING_MAX_RUNTIME 8 /* run-time extents in one mapping */
#define MAPPING_MAX_SCALE 3   /* and among them those that multiply one stride */
#define MAPPING_MAX_DIGITS (62 + MAPPING_MAX_RUNTIME)
#define MAPPING_HOLE INT64_MIN /* an extent to be solved for: `repeat(_, _)` */
/* Far below zero, so that a negative extent that somebody wrote is still seen as such. (An extent
 * that a program computes must be clamped to at least -2^61 before it is put into a factor.) */
#define MAPPING_RUNTIME_BASE (INT64_MIN / 2)
#define MAPPING_RUNTIME(k) (MAPPING_RUNTIME_BASE - (int64_t)(k))
#define MAPPING_IS_RUNTIME(extent) ((extent) <= MAPPING_RUNTIME_BASE && (extent) != MAPPING_HOLE)
#define MAPPING_RUNTIME_ID(extent) ((int)(MAPPING_RUNTIME_BASE - (extent)))

/* One digit. `stride` is what one unit of the digit adds to coordinate `dim`: a product of
 * compile-time extents, to be multiplied further by the run-time extents numbered in `scale`
 * (those of faster digits of the dimension: `repeat(r) * spatial(grid)`; nearly always none). For
 * a worker digit, `place` is the worker-index stride (the digit's value is w / place % extent;
 * the slowest digit needs no %); for a time digit, `place` is the step stride. place is 0 when it
 * depends on a run-time extent. */
typedef struct MappingDigit {
    int64_t extent; /* at least 2, or MAPPING_RUNTIME(k) */
    int64_t stride;
    int64_t place;
    int dim;
    int scale_count;
    int scale[MAPPING_MAX_SCALE];
} MappingDigit;

typedef struct Mapping {
    int rank;
    /* Task shape d. An entry with a run-time factor is MAPPING_RUNTIME(k), k the first run-time
     * extent among its time, then its worker digits; `mapping_index_shape` (index.h) gives the
     * whole product. */
    int64_t shape[MAPPING_MAX_RANK];
    int64_t workers;              /* n; -1 if it depends on a run-time extent */
    int64_t steps;                /* tasks of each worker; -1 likewise */
    int worker_count, time_count; /* number of digits */
    const MappingDigit *worker;   /* slowest first */
    const MappingDigit *time;     /* slowest first */
    bool any_rank;                /* replicate(n): takes the rank of what it is composed with */
    const struct MappingFactors *factors; /* as written, for printing, holes; never NULL */
} Mapping;

typedef enum { MAPPING_SPATIAL, MAPPING_REPEAT, MAPPING_REPLICATE, MAPPING_DROP } MappingFactorKind;

/* The factors as written, left to right. A replicate's count and a drop's dimension stand in
 * `extents[0]`. `.drop(k)` follows what it applies to: the `reach` entries before it (0: all of
 * them), so `A * (B * C).drop(1)` is A, B, C, drop with reach 2. */
typedef struct MappingFactor {
    MappingFactorKind kind;
    int rank;                          /* spatial and repeat only */
    int64_t extents[MAPPING_MAX_RANK]; /* MAPPING_HOLE where `_` */
    int order[MAPPING_MAX_RANK];       /* dimensions, slowest first; default 0, 1, … */
    int reach;                         /* drop only */
    uint32_t tag;                      /* the caller's (a source span's id, say); 0 if unused */
} MappingFactor;
typedef struct MappingFactors {
    int count;
    const MappingFactor *factors;
} MappingFactors;

/* Why a construction failed. `message` is a full sentence with the arithmetic shown, in the arena
 * given; `factor` is the guilty factor's index in the left-to-right list, or -1. */
typedef struct MappingError {
    const char *message;
    int factor;
} MappingError;

/* ---- construction: NULL and *error on failure (rank 0, extent < 1, order no permutation,
 * ranks differ, over 2^62 tasks, rank over MAPPING_MAX_RANK). `order` NULL is the default. ---- */
const Mapping *mapping_spatial(Arena *arena, int rank, const int64_t *extents, const int *order,
                               MappingError *error);
const Mapping *mapping_repeat(Arena *arena, int rank, const int64_t *extents, const int *order,
                              MappingError *error);
const Mapping *mapping_replicate(Arena *arena, int64_t workers, MappingError *error);
const Mapping *mapping_compose(Arena *arena, const Mapping *a, const Mapping *b,
                               MappingError *error);
/* Dimension `dim` removed; first occurrences kept. An error for a mapping of rank 1. */
const Mapping *mapping_drop(Arena *arena, const Mapping *m, int dim, MappingError *error);
/* The tasks in a window of these extents that begins at multiples of them, as a mapping of that
 * shape: leading repeats are cut. An error where the window is not a part of every worker's. For
 * fewer `workers`, one of the equal groups that m's consist of, leading spatials are cut, too:
 * whether the group has just that window is then left to whoever knows where it begins. */
const Mapping *mapping_part(Arena *arena, const Mapping *m, const int64_t *extents, int64_t workers,
                            MappingError *error);
/* Dimension i of each task becomes what dimension dims[i] was. */
const Mapping *mapping_transpose(Arena *arena, const Mapping *m, const int *dims,
                                 MappingError *error);
/* The factors above in one call; holes not allowed. */
const Mapping *mapping_build(Arena *arena, const MappingFactors *factors, MappingError *error);

/* Solves the holes of `factors` by propagation, never by search: one unknown spatial (or
 * replicate) extent from the worker count, one unknown per dimension from the shape, until
 * nothing changes. `shape` NULL or `workers` 0 where unknown. What remains is "ambiguous"; a
 * quotient that is no integer is an error, and so is a shape or worker count that the finished
 * mapping does not have; the messages show the arithmetic. */
const Mapping *mapping_solve(Arena *arena, const MappingFactors *factors, int rank,
                             const int64_t *shape, int64_t workers, MappingError *error);

/* `auto(d…)`: each task exactly once over `workers`. The choice is repeat * spatial *
 * repeat(1, …, v): v the widest access of at most 16 bytes (v * elem_bytes <= 16, v a power of
 * two dividing the last extent, where that is known) that keeps all workers busy; spatial extents
 * by greatest common divisor from the fastest dimension; else the split with fewest repeats,
 * overhanging the shape (then `*overhangs` is true and the caller adds `within (d…)`). `fast_dim`
 * is the dimension that is contiguous in memory (normally rank - 1). Run-time extents
 * (MAPPING_RUNTIME) go to the leading repeat: the extent given to it is again MAPPING_RUNTIME(k),
 * its meaning becoming ceil(d / (product of the trailing extents of that dimension)), which is
 * returned in `runtime_divisor[dim]`. `elem_bytes` 0 means "no vectors". */
const Mapping *mapping_auto(Arena *arena, int rank, const int64_t *shape, int64_t workers,
                            int elem_bytes, int fast_dim, bool *overhangs, int64_t *runtime_divisor,
                            MappingError *error);

/* ---- questions: static extents only, except that the slowest digit of a list may be a run-time
 * one (a leading `repeat`), provided that it is also its dimension's slowest ------------------- */
/* Task of `worker` at `step` into coords[rank]. O(digits). */
void mapping_eval(const Mapping *m, int64_t worker, int64_t step, int64_t *coords);
/* The time part only, and the worker part only: eval is their sum. */
void mapping_eval_worker(const Mapping *m, int64_t worker, int64_t *coords);
void mapping_eval_time(const Mapping *m, int64_t step, int64_t *coords);
/* Slot (step) at which `worker` owns the task, or -1 if it does not. O(digits). */
int64_t mapping_slot(const Mapping *m, int64_t worker, const int64_t *coords);
/* Some owner of a task (the lowest worker), its slot in *step; -1 if nobody. */
int64_t mapping_owner(const Mapping *m, const int64_t *coords, int64_t *step);
bool mapping_equal(const Mapping *a, const Mapping *b); /* as functions */
/* Of rank 2: is each worker's part that of the first of its `unit` plus that of its place there in
 * `fragment`? */
bool mapping_units_agree(const Mapping *m, const Mapping *fragment, int64_t unit);
bool mapping_has_replicas(const Mapping *m); /* is some task more than one worker's? */
/* First (lowest worker, then step) difference of two mappings of the same worker count; false if
 * equal. For messages: "first differ at worker 1, step 0: (0, 1) against (1, 0)". Where one of
 * them has fewer steps and agrees until then, *step is its step count. */
bool mapping_first_difference(const Mapping *a, const Mapping *b, int64_t *worker, int64_t *step);

/* `spatial(4, 8) * repeat(2, 2)` as written; run-time extents by `runtime_name(k)` or `?`. */
typedef const char *(*MappingRuntimeName)(void *user, int k);
char *mapping_text(Arena *arena, const Mapping *m, MappingRuntimeName runtime_name, void *user);
char *mapping_factors_text(Arena *arena, const MappingFactors *factors,
                           MappingRuntimeName runtime_name, void *user);

#endif
