/* Checks of single factors, and what becomes of a factor's dimensions. */
#include "mapping/internal.h"

#include <inttypes.h>

bool mapping_fail(Arena *arena, MappingError *error, int factor, const char *fmt, ...)
{
    if (!error) return false;
    va_list args;
    va_start(args, fmt);
    error->message = base_vformat(arena, fmt, args);
    va_end(args);
    error->factor = factor;
    return false;
}

static bool check_extent(Arena *arena, const MappingFactors *factors, int index, int dim,
                         bool holes, MappingError *error)
{
    const MappingFactor *factor = &factors->factors[index];
    int64_t extent = factor->extents[dim];
    if (extent >= 1 || MAPPING_IS_RUNTIME(extent) || (holes && extent == MAPPING_HOLE)) return true;
    const char *text = mapping_part_text(arena, factors, index, index + 1);
    if (extent == MAPPING_HOLE) {
        return mapping_fail(arena, error, index,
                            "`%s` leaves an extent open (`_`), and nothing here determines it",
                            text);
    }
    if (factor->kind == MAPPING_REPLICATE) {
        return mapping_fail(arena, error, index,
                            "`%s`: the count must be at least 1, but it is %" PRId64, text, extent);
    }
    return mapping_fail(arena, error, index,
                        "`%s`: an extent must be at least 1, but that of dimension %d is %" PRId64,
                        text, dim, extent);
}

static bool check_order(Arena *arena, const MappingFactors *factors, int index, MappingError *error)
{
    const MappingFactor *factor = &factors->factors[index];
    unsigned seen = 0;
    for (int i = 0; i < factor->rank; i++) {
        int dim = factor->order[i];
        if (dim >= 0 && dim < factor->rank) seen |= 1U << dim;
    }
    if (seen == (1U << factor->rank) - 1) return true;
    return mapping_fail(arena, error, index,
                        "`%s`: an order names each dimension from 0 to %d exactly once",
                        mapping_part_text(arena, factors, index, index + 1), factor->rank - 1);
}

bool mapping_check_factor(Arena *arena, const MappingFactors *factors, int index, bool holes,
                          MappingError *error)
{
    const MappingFactor *factor = &factors->factors[index];
    if (factor->kind == MAPPING_DROP) {
        if (factor->extents[0] < 0) {
            return mapping_fail(arena, error, index, "`%s`: dimensions are counted from 0",
                                mapping_part_text(arena, factors, index, index + 1));
        }
        if (index > 0 && factor->reach >= 0 && factor->reach <= index) return true;
        return mapping_fail(arena, error, index, "`.drop` must follow a mapping");
    }
    if (factor->kind == MAPPING_REPLICATE) {
        return check_extent(arena, factors, index, 0, holes, error);
    }
    if (factor->rank < 1) {
        return mapping_fail(arena, error, index, "`%s` needs at least one extent",
                            mapping_part_text(arena, factors, index, index + 1));
    }
    if (factor->rank > MAPPING_MAX_RANK) {
        return mapping_fail(arena, error, index, "a mapping has at most %d dimensions, not %d",
                            MAPPING_MAX_RANK, factor->rank);
    }
    for (int i = 0; i < factor->rank; i++) {
        if (!check_extent(arena, factors, index, i, holes, error)) return false;
    }
    return check_order(arena, factors, index, error);
}

/* Removes dimension `dropped` from a numbering of `count` dimensions. */
static void drop_dim(int *dims, int count, int dropped)
{
    for (int i = 0; i < count; i++) {
        if (dims[i] == dropped) {
            dims[i] = -1;
        } else if (dims[i] > dropped) {
            dims[i]--;
        }
    }
}

bool mapping_factor_dims(Arena *arena, const MappingFactors *factors, int index,
                         int dims[MAPPING_MAX_RANK], int *rank, MappingError *error)
{
    int own = factors->factors[index].rank;
    *rank = own;
    for (int i = 0; i < own; i++) dims[i] = i;
    for (int i = index + 1; i < factors->count; i++) {
        const MappingFactor *drop = &factors->factors[i];
        if (drop->kind != MAPPING_DROP || (drop->reach && i - drop->reach > index)) continue;
        int64_t dropped = drop->extents[0];
        if (dropped < 0 || dropped >= *rank) {
            return mapping_fail(arena, error, i,
                                "`.drop(%" PRId64 ")`: the mapping has rank %d, so the dimension "
                                "must be between 0 and %d",
                                dropped, *rank, *rank - 1);
        }
        if (*rank == 1) {
            return mapping_fail(arena, error, i,
                                "`.drop(0)` would remove the only dimension of `%s`",
                                mapping_part_text(arena, factors, 0, i));
        }
        drop_dim(dims, own, (int)dropped);
        (*rank)--;
    }
    return true;
}
