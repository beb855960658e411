/* Mappings seen through views: the tasks inside an aligned window are a mapping again where the
 * window cuts it at a factor; so are tasks with their dimensions in another order. */
#include "mapping/internal.h"

#include <inttypes.h>

/* Cuts what of `left` is beyond `extent` off the factor, the slowest part first; of a `spatial`
 * only where `others`, the number of groups of workers that have windows of their own, is left. */
static bool cut(Arena *arena, MappingFactor *factor, int i, int dim, int64_t *left, int64_t extent,
                int64_t *others, MappingError *error)
{
    int64_t own = factor->extents[dim], ratio = *left / extent;
    if (ratio == 1 || own == 1) return true;
    int64_t kept = own <= ratio ? 1 : own / ratio, taken = own / kept;
    if (factor->kind == MAPPING_SPATIAL && *others % taken == 0) {
        *others /= taken;
    } else if (factor->kind != MAPPING_REPEAT) {
        mapping_fail(arena, error, i,
                     "a window of %" PRId64 " along dimension %d would belong to some workers only",
                     extent, dim);
        return false;
    }
    if (MAPPING_IS_RUNTIME(own) || kept * taken != own || ratio % taken) {
        mapping_fail(arena, error, i,
                     "a window of %" PRId64 " along dimension %d cuts through `repeat`", extent,
                     dim);
        return false;
    }
    factor->extents[dim] = kept;
    *left /= taken;
    return true;
}

const Mapping *mapping_part(Arena *arena, const Mapping *m, const int64_t *extents, int64_t workers,
                            MappingError *error)
{
    const MappingFactors *whole = m->factors;
    MappingFactor *factors = NEW_ARRAY(arena, MappingFactor, (size_t)whole->count + 1);
    int64_t left[MAPPING_MAX_RANK], others = m->workers % workers ? 1 : m->workers / workers;
    bool same = true;
    for (int d = 0; d < m->rank; d++) {
        left[d] = m->shape[d];
        same &= left[d] == extents[d];
        if (extents[d] > 0 && left[d] > 0 && left[d] % extents[d] == 0) continue;
        mapping_fail(arena, error, -1,
                     "windows of %" PRId64 " along dimension %d do not divide %" PRId64, extents[d],
                     d, left[d]);
        return NULL;
    }
    if (same) return m;
    for (int i = 0; i < whole->count; i++) {
        factors[i] = whole->factors[i];
        if (factors[i].kind == MAPPING_DROP) {
            mapping_fail(arena, error, i, "a mapping with a dropped dimension has no windows");
            return NULL;
        }
        for (int d = 0; d < m->rank && factors[i].kind != MAPPING_REPLICATE; d++)
            if (!cut(arena, &factors[i], i, d, &left[d], extents[d], &others, error)) return NULL;
    }
    return mapping_build(arena, &(MappingFactors){whole->count, factors}, error);
}

const Mapping *mapping_transpose(Arena *arena, const Mapping *m, const int *dims,
                                 MappingError *error)
{
    const MappingFactors *whole = m->factors;
    MappingFactor *factors = NEW_ARRAY(arena, MappingFactor, (size_t)whole->count + 1);
    int place[MAPPING_MAX_RANK] = {0};
    for (int d = 0; d < m->rank; d++) place[dims[d]] = d;
    for (int i = 0; i < whole->count; i++) {
        const MappingFactor *old = &whole->factors[i];
        factors[i] = *old;
        if (old->kind == MAPPING_DROP) {
            mapping_fail(arena, error, i, "a mapping with a dropped dimension is not transposed");
            return NULL;
        }
        for (int d = 0; d < m->rank && old->kind != MAPPING_REPLICATE; d++) {
            factors[i].extents[d] = old->extents[dims[d]];
            factors[i].order[d] = place[old->order[d]];
        }
    }
    return mapping_build(arena, &(MappingFactors){whole->count, factors}, error);
}
