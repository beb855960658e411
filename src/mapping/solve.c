/* Holes, by propagation. Each dimension of the shape and the worker count is an equation: the
 * product of the extents that take part in it. One with a single unknown is solved; that may
 * leave another with a single unknown; what then remains is ambiguous.
 */
#include "mapping/internal.h"

#include <inttypes.h>

#define WORKERS MAPPING_MAX_RANK /* the equation after those of the dimensions */
#define EQUATIONS (MAPPING_MAX_RANK + 1)

typedef struct Solver {
    Arena *arena;
    MappingError *error;
    MappingFactors factors;
    MappingFactor *list;
    int (*dims)[MAPPING_MAX_RANK]; /* for each factor: its dimensions in the whole product */
    int64_t target[EQUATIONS];     /* 0: unknown; or MAPPING_RUNTIME(k) */
} Solver;

/* One equation as it stands. */
typedef struct Equation {
    int unknowns;
    int factor, axis; /* of the last unknown */
    int64_t known;    /* product of the known extents */
    bool closed;      /* no run-time extent, and no overflow: `known` is right */
} Equation;

static int axis_count(const MappingFactor *factor)
{
    if (factor->kind == MAPPING_DROP) return 0;
    return factor->kind == MAPPING_REPLICATE ? 1 : factor->rank;
}

static bool takes_part(const Solver *s, int equation, int factor, int axis)
{
    MappingFactorKind kind = s->list[factor].kind;
    if (equation == WORKERS) return kind == MAPPING_SPATIAL || kind == MAPPING_REPLICATE;
    return kind != MAPPING_REPLICATE && s->dims[factor][axis] == equation;
}

static Equation look(const Solver *s, int equation)
{
    Equation found = {.known = 1, .closed = true};
    for (int f = 0; f < s->factors.count; f++) {
        for (int axis = 0; axis < axis_count(&s->list[f]); axis++) {
            if (!takes_part(s, equation, f, axis)) continue;
            int64_t extent = s->list[f].extents[axis];
            if (extent == MAPPING_HOLE) {
                found.unknowns++;
                found.factor = f;
                found.axis = axis;
            } else if (MAPPING_IS_RUNTIME(extent) || !base_mul(found.known, extent, &found.known)) {
                found.closed = false;
            }
        }
    }
    return found;
}

/* `_ * 16 = 64`; extents of 1 are left out where something remains. */
static const char *equation_text(const Solver *s, int equation)
{
    Sb sb = base_sb(s->arena);
    for (int f = 0; f < s->factors.count; f++) {
        for (int axis = 0; axis < axis_count(&s->list[f]); axis++) {
            int64_t extent = s->list[f].extents[axis];
            if (!takes_part(s, equation, f, axis) || extent == 1) continue;
            if (sb.len) base_sb_str(&sb, " * ");
            mapping_write_extent(&sb, extent, NULL, NULL);
        }
    }
    if (!sb.len) base_sb_char(&sb, '1');
    return base_sb_text(&sb);
}

static const char *equation_name(const Solver *s, int equation)
{
    return equation == WORKERS ? "the worker count"
                               : base_format(s->arena, "dimension %d", equation);
}

static const char *whole_text(const Solver *s)
{
    return mapping_part_text(s->arena, &s->factors, 0, s->factors.count);
}

/* Solves one equation with one unknown; false on an error. */
static bool solve_one(Solver *s, int equation, const Equation *found)
{
    int64_t target = s->target[equation];
    if (target % found->known != 0) {
        return mapping_fail(s->arena, s->error, found->factor,
                            "`%s`: %s gives %s = %" PRId64 ", but %" PRId64 " / %" PRId64
                            " is no integer",
                            whole_text(s), equation_name(s, equation), equation_text(s, equation),
                            target, target, found->known);
    }
    s->list[found->factor].extents[found->axis] = target / found->known;
    return true;
}

static bool propagate(Solver *s)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int e = 0; e < EQUATIONS; e++) {
            if (s->target[e] <= 0) continue;
            Equation found = look(s, e);
            if (found.unknowns != 1 || !found.closed) continue;
            if (!solve_one(s, e, &found)) return false;
            changed = true;
        }
    }
    return true;
}

/* What one equation says about a hole it could not determine. */
static const char *why_open(const Solver *s, int equation)
{
    Equation found = look(s, equation);
    const char *name = equation_name(s, equation), *text = equation_text(s, equation);
    int64_t target = s->target[equation];
    if (target > 0 && found.closed) {
        return base_format(s->arena, "%s gives only %s = %" PRId64, name, text, target);
    }
    bool late = MAPPING_IS_RUNTIME(target) || !found.closed;
    return base_format(s->arena, "%s, %s, is not known%s", name, text,
                       late ? " at compile time" : " here");
}

static bool report_hole(Solver *s, int factor, int axis)
{
    MappingFactorKind kind = s->list[factor].kind;
    Sb sb = base_sb(s->arena);
    base_sb_printf(&sb, "`%s` is ambiguous: `_` of `%s` is not determined (", whole_text(s),
                   mapping_part_text(s->arena, &s->factors, factor, factor + 1));
    bool along = kind != MAPPING_REPLICATE && s->dims[factor][axis] >= 0;
    if (along) base_sb_str(&sb, why_open(s, s->dims[factor][axis]));
    if (kind != MAPPING_REPEAT) {
        base_sb_printf(&sb, "%s%s", along ? "; " : "", why_open(s, WORKERS));
    } else if (!along) {
        base_sb_str(&sb, "its dimension is dropped");
    }
    base_sb_char(&sb, ')');
    return mapping_fail(s->arena, s->error, factor, "%s", base_sb_text(&sb));
}

static bool check_solved(Solver *s)
{
    for (int f = 0; f < s->factors.count; f++) {
        for (int axis = 0; axis < axis_count(&s->list[f]); axis++) {
            if (s->list[f].extents[axis] == MAPPING_HOLE) return report_hole(s, f, axis);
        }
    }
    for (int e = 0; e < EQUATIONS; e++) {
        Equation found = look(s, e);
        if (s->target[e] <= 0 || !found.closed || found.known == s->target[e]) continue;
        return mapping_fail(s->arena, s->error, -1,
                            "`%s`: %s is %s = %" PRId64 ", but it must be %" PRId64, whole_text(s),
                            equation_name(s, e), equation_text(s, e), found.known, s->target[e]);
    }
    return true;
}

static bool prepare_targets(Solver *s, int rank, const int64_t *shape, int64_t workers)
{
    s->target[WORKERS] = workers;
    for (int i = 0; shape && i < rank && i < MAPPING_MAX_RANK; i++) {
        if (shape[i] < 1 && !MAPPING_IS_RUNTIME(shape[i])) {
            return mapping_fail(s->arena, s->error, -1,
                                "a task shape's extents are at least 1, but that of dimension %d "
                                "is %" PRId64,
                                i, shape[i]);
        }
        s->target[i] = shape[i];
    }
    return true;
}

static bool prepare_factors(Solver *s, int rank, const int64_t *shape)
{
    for (int f = 0; f < s->factors.count; f++) {
        int own = 0;
        if (!mapping_check_factor(s->arena, &s->factors, f, true, s->error)) return false;
        if (axis_count(&s->list[f]) == 0 || s->list[f].kind == MAPPING_REPLICATE) continue;
        if (!mapping_factor_dims(s->arena, &s->factors, f, s->dims[f], &own, s->error)) {
            return false;
        }
        if (shape && own != rank) {
            return mapping_fail(s->arena, s->error, f,
                                "`%s` has rank %d, but the task shape has rank %d",
                                mapping_part_text(s->arena, &s->factors, f, f + 1), own, rank);
        }
    }
    return true;
}

const Mapping *mapping_solve(Arena *arena, const MappingFactors *factors, int rank,
                             const int64_t *shape, int64_t workers, MappingError *error)
{
    if (factors->count < 1 || factors->count > MAPPING_MAX_FACTORS) {
        return mapping_build(arena, factors, error); /* which says so */
    }
    size_t count = (size_t)factors->count;
    Solver s = {.arena = arena, .error = error};
    s.list = base_copy(arena, factors->factors, count * sizeof *s.list);
    s.factors = (MappingFactors){.count = factors->count, .factors = s.list};
    s.dims = base_alloc_array(arena, count, sizeof *s.dims);
    if (!prepare_targets(&s, rank, shape, workers) || !prepare_factors(&s, rank, shape)) {
        return NULL;
    }
    if (!propagate(&s) || !check_solved(&s)) return NULL;
    return mapping_build(arena, &s.factors, error);
}
