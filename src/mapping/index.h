/* Task coordinates as expressions, in simplest form, for whatever has expressions.
 *
 * The caller lends builders (`MappingIndexOps`) over expressions that this floor does not look
 * into. All values are non-negative, so `div` and `mod` may be either kind. What is omitted here
 * because only the mapping knows it: the `%` of the slowest digit, `/ 1`, `* 1`, `+ 0`, and
 * divisions that a multiplication by the same number would undo. Constant folding and shifts
 * instead of divisions by powers of two are the builders' work.
 */
#ifndef MAPPING_INDEX_H
#define MAPPING_INDEX_H

#include "mapping/mapping.h"

typedef struct MappingIndexOps {
    void *user;
    void *(*constant)(void *user, int64_t value);
    void *(*add)(void *user, void *a, void *b);
    void *(*mul)(void *user, void *a, void *b);
    void *(*div)(void *user, void *a, void *b);
    void *(*mod)(void *user, void *a, void *b);
    void *(*runtime)(void *user, int k); /* run-time extent k; NULL if there are none */
} MappingIndexOps;

/* Task coordinate `dim` for `worker` at the step whose time digits have the values `counters`
 * (one for each of m->time, slowest first). The worker's terms come first, so that they form one
 * subexpression that all steps share. Run-time extents are allowed anywhere. */
void *mapping_index_coord(const Mapping *m, int dim, const MappingIndexOps *ops, void *worker,
                          void *const *counters);
/* Its two parts: coord is their sum. */
void *mapping_index_worker_part(const Mapping *m, int dim, const MappingIndexOps *ops,
                                void *worker);
void *mapping_index_time_part(const Mapping *m, int dim, const MappingIndexOps *ops,
                              void *const *counters);

/* The slot that holds a task, in whoever owns it; with one worker: a layout's offset. The
 * coordinates must be inside the shape. */
void *mapping_index_slot(const Mapping *m, const MappingIndexOps *ops, void *const *coords);
/* The lowest worker that owns a task inside the shape. */
void *mapping_index_owner(const Mapping *m, const MappingIndexOps *ops, void *const *coords);

/* Sizes, for mappings with run-time extents: of one digit (a loop's trip count), of the shape
 * along `dim`, of the worker count. */
void *mapping_index_extent(const MappingDigit *digit, const MappingIndexOps *ops);
void *mapping_index_shape(const Mapping *m, int dim, const MappingIndexOps *ops);
void *mapping_index_workers(const Mapping *m, const MappingIndexOps *ops);

#endif
