/* Mappings as they were written. */
#include "mapping/internal.h"

#include <inttypes.h>

void mapping_write_extent(Sb *sb, int64_t extent, MappingRuntimeName name, void *user)
{
    const char *text = NULL;
    if (extent == MAPPING_HOLE) {
        text = "_";
    } else if (MAPPING_IS_RUNTIME(extent)) {
        text = name ? name(user, MAPPING_RUNTIME_ID(extent)) : "?";
    }
    if (text) {
        base_sb_str(sb, text);
    } else {
        base_sb_printf(sb, "%" PRId64, extent);
    }
}

static int clamped_rank(const MappingFactor *factor)
{
    if (factor->kind == MAPPING_REPLICATE || factor->kind == MAPPING_DROP) return 1;
    if (factor->rank < 0) return 0;
    return factor->rank < MAPPING_MAX_RANK ? factor->rank : MAPPING_MAX_RANK;
}

static bool has_default_order(const MappingFactor *factor)
{
    if (factor->kind != MAPPING_SPATIAL && factor->kind != MAPPING_REPEAT) return true;
    for (int i = 0; i < clamped_rank(factor); i++) {
        if (factor->order[i] != i) return false;
    }
    return true;
}

/* The two-dimensional column-first spellings. */
static bool is_column_first(const MappingFactor *factor)
{
    return !has_default_order(factor) && factor->rank == 2 && factor->order[0] == 1 &&
           factor->order[1] == 0;
}

static void write_factor(Sb *sb, const MappingFactor *factor, MappingRuntimeName name, void *user)
{
    static const char *const names[] = {"spatial", "repeat", "replicate", ".drop"};
    bool column = is_column_first(factor);
    base_sb_printf(sb, "%s%s(", column ? "col_" : "", names[factor->kind]);
    for (int i = 0; i < clamped_rank(factor); i++) {
        if (i) base_sb_str(sb, ", ");
        mapping_write_extent(sb, factor->extents[i], name, user);
    }
    base_sb_char(sb, ')');
    if (column || has_default_order(factor)) return;
    base_sb_str(sb, " order (");
    for (int i = 0; i < clamped_rank(factor); i++) {
        base_sb_printf(sb, "%s%d", i ? ", " : "", factor->order[i]);
    }
    base_sb_char(sb, ')');
}

/* Where the operand of the drop at `index` begins. */
static int drop_begin(const MappingFactors *factors, int begin, int index)
{
    int reach = factors->factors[index].reach;
    return reach <= 0 || reach > index - begin ? begin : index - reach;
}

static void write_drop(Sb *sb, const MappingFactors *factors, int begin, int index,
                       MappingRuntimeName name, void *user)
{
    const MappingFactor *before = &factors->factors[index - 1];
    bool bare = (index - begin == 1 && (has_default_order(before) || is_column_first(before))) ||
                (before->kind == MAPPING_DROP && drop_begin(factors, begin, index - 1) == begin);
    if (!bare) base_sb_char(sb, '(');
    mapping_write_factors(sb, factors, begin, index, name, user);
    if (!bare) base_sb_char(sb, ')');
    write_factor(sb, &factors->factors[index], name, user);
}

void mapping_write_factors(Sb *sb, const MappingFactors *factors, int begin, int end,
                           MappingRuntimeName name, void *user)
{
    if (begin >= end) return;
    int last = end - 1;
    bool drop = factors->factors[last].kind == MAPPING_DROP && last > begin;
    int start = drop ? drop_begin(factors, begin, last) : last;
    mapping_write_factors(sb, factors, begin, start, name, user);
    if (start > begin) base_sb_str(sb, " * ");
    if (drop) {
        write_drop(sb, factors, start, last, name, user);
    } else {
        write_factor(sb, &factors->factors[last], name, user);
    }
}

char *mapping_factors_text(Arena *arena, const MappingFactors *factors,
                           MappingRuntimeName runtime_name, void *user)
{
    Sb sb = base_sb(arena);
    mapping_write_factors(&sb, factors, 0, factors->count, runtime_name, user);
    return base_sb_text(&sb);
}

char *mapping_text(Arena *arena, const Mapping *m, MappingRuntimeName runtime_name, void *user)
{
    return mapping_factors_text(arena, m->factors, runtime_name, user);
}

const char *mapping_part_text(Arena *arena, const MappingFactors *factors, int begin, int end)
{
    Sb sb = base_sb(arena);
    mapping_write_factors(&sb, factors, begin, end, NULL, NULL);
    return base_sb_text(&sb);
}
