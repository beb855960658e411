/* Construction: every mapping is brought to the normal form of mapping.h as it is built. */
#include "mapping/internal.h"

#include <inttypes.h>

/* What composition on the left multiplies strides by: B's shape, dimension by dimension. */
typedef struct Scale {
    int64_t stride;
    int count;
    int id[MAPPING_MAX_RUNTIME];
} Scale;

/* A mapping under construction. */
typedef struct Draft {
    int rank; /* 0: only replicates so far */
    int runtime_count;
    int64_t tasks; /* product of all compile-time extents: tasks times replicas */
    MappingDigits worker, time;
} Draft;

static const Scale no_scale = {.stride = 1};

static void draft_init(Draft *draft)
{
    draft->rank = 0;
    draft->runtime_count = 0;
    draft->tasks = 1;
    draft->worker.count = draft->time.count = 0;
}

bool mapping_digits_alike(const MappingDigit *a, const MappingDigit *b)
{
    if (a->extent != b->extent || a->dim != b->dim || a->stride != b->stride) return false;
    if (a->scale_count != b->scale_count) return false;
    for (int i = 0; i < a->scale_count; i++) {
        if (a->scale[i] != b->scale[i]) return false;
    }
    return true;
}

static bool can_merge(const MappingDigit *slow, const MappingDigit *fast)
{
    if (slow->dim != fast->dim || MAPPING_IS_RUNTIME(slow->extent)) return false;
    if (MAPPING_IS_RUNTIME(fast->extent)) return false;
    if (slow->stride != fast->stride * fast->extent) return false;
    if (slow->scale_count != fast->scale_count) return false;
    for (int i = 0; i < slow->scale_count; i++) {
        if (slow->scale[i] != fast->scale[i]) return false;
    }
    return true;
}

/* Appends a digit at the fast end: drops extent 1, merges with its slower neighbour if it can. */
static void push_digit(MappingDigits *digits, const MappingDigit *digit)
{
    if (digit->extent == 1) return;
    if (digits->count > 0) {
        MappingDigit *slow = &digits->list[digits->count - 1];
        if (can_merge(slow, digit)) {
            slow->extent *= digit->extent;
            slow->stride = digit->stride;
            return;
        }
    }
    digits->list[digits->count++] = *digit;
}

void mapping_add_scale(int *ids, int *count, int id)
{
    int at = (*count)++;
    for (; at > 0 && ids[at - 1] > id; at--) ids[at] = ids[at - 1];
    ids[at] = id;
}

static bool scale_digit(MappingDigit *digit, const Scale *scale)
{
    if (digit->scale_count + scale->count > MAPPING_MAX_SCALE) return false;
    digit->stride *= scale->stride;
    for (int i = 0; i < scale->count; i++) {
        mapping_add_scale(digit->scale, &digit->scale_count, scale->id[i]);
    }
    return true;
}

static bool scale_digits(MappingDigits *digits, const Scale *scale)
{
    for (int i = 0; i < digits->count; i++) {
        MappingDigit *digit = &digits->list[i];
        if (digit->dim >= 0 && !scale_digit(digit, &scale[digit->dim])) return false;
    }
    return true;
}

static void scale_extend(Scale *scale, int64_t extent)
{
    if (MAPPING_IS_RUNTIME(extent)) {
        scale->id[scale->count++] = MAPPING_RUNTIME_ID(extent);
    } else {
        scale->stride *= extent;
    }
}

/* Makes room on the right for something of shape `scale` with `tasks` static tasks. */
static bool draft_shift(Arena *arena, Draft *draft, const Scale *scale, int64_t tasks,
                        int runtime_count, int factor, MappingError *error)
{
    int64_t product;
    if (!base_mul(draft->tasks, tasks, &product) || product > MAPPING_MAX_TASKS) {
        return mapping_fail(arena, error, factor,
                            "the mapping has more than 2^62 tasks: %" PRId64 " * %" PRId64,
                            draft->tasks, tasks);
    }
    draft->tasks = product;
    draft->runtime_count += runtime_count;
    if (draft->runtime_count > MAPPING_MAX_RUNTIME) {
        return mapping_fail(arena, error, factor, "a mapping has at most %d run-time extents",
                            MAPPING_MAX_RUNTIME);
    }
    if (scale_digits(&draft->worker, scale) && scale_digits(&draft->time, scale)) return true;
    return mapping_fail(arena, error, factor,
                        "at most %d run-time extents may stand to the right of a factor in one "
                        "dimension",
                        MAPPING_MAX_SCALE);
}

static bool draft_join_rank(Arena *arena, Draft *draft, int rank, const MappingFactors *factors,
                            int split, int end, MappingError *error)
{
    if (draft->rank == 0 || rank == 0) {
        draft->rank += rank;
        return true;
    }
    if (draft->rank == rank) return true;
    return mapping_fail(arena, error, split,
                        "`%s` has rank %d, but `%s` has rank %d: only mappings of one rank compose",
                        mapping_part_text(arena, factors, 0, split), draft->rank,
                        mapping_part_text(arena, factors, split, end), rank);
}

/* Static tasks and run-time extents of one factor; false on overflow. */
static bool factor_size(const MappingFactor *factor, int64_t *tasks, int *runtime_count)
{
    int count = factor->kind == MAPPING_REPLICATE ? 1 : factor->rank;
    *tasks = 1;
    *runtime_count = 0;
    for (int i = 0; i < count; i++) {
        if (MAPPING_IS_RUNTIME(factor->extents[i])) {
            (*runtime_count)++;
        } else if (!base_mul(*tasks, factor->extents[i], tasks)) {
            return false;
        }
    }
    return *tasks <= MAPPING_MAX_TASKS;
}

static void draft_push_factor(Draft *draft, const MappingFactor *factor, const int *dims)
{
    if (factor->kind == MAPPING_REPLICATE) {
        push_digit(&draft->worker, &(MappingDigit){.extent = factor->extents[0], .dim = -1});
        return;
    }
    MappingDigits *list = factor->kind == MAPPING_SPATIAL ? &draft->worker : &draft->time;
    for (int i = 0; i < factor->rank; i++) {
        int dim = dims[factor->order[i]];
        if (dim < 0 && factor->kind == MAPPING_REPEAT) continue;
        push_digit(list, &(MappingDigit){.extent = factor->extents[factor->order[i]],
                                         .dim = dim,
                                         .stride = dim >= 0});
    }
}

static bool draft_append_factor(Arena *arena, Draft *draft, const MappingFactors *factors,
                                int index, MappingError *error)
{
    const MappingFactor *factor = &factors->factors[index];
    if (!mapping_check_factor(arena, factors, index, false, error)) return false;
    if (factor->kind == MAPPING_DROP) return true;
    Scale scale[MAPPING_MAX_RANK];
    int dims[MAPPING_MAX_RANK], rank = 0;
    for (int i = 0; i < MAPPING_MAX_RANK; i++) scale[i] = no_scale;
    int64_t tasks;
    int runtime_count;
    if (!factor_size(factor, &tasks, &runtime_count)) {
        return mapping_fail(arena, error, index, "`%s` has more than 2^62 tasks",
                            mapping_part_text(arena, factors, index, index + 1));
    }
    if (factor->kind != MAPPING_REPLICATE) {
        if (!mapping_factor_dims(arena, factors, index, dims, &rank, error)) return false;
        if (!draft_join_rank(arena, draft, rank, factors, index, index + 1, error)) return false;
        for (int i = 0; i < factor->rank; i++) {
            if (dims[i] >= 0) scale_extend(&scale[dims[i]], factor->extents[i]);
        }
    }
    if (!draft_shift(arena, draft, scale, tasks, runtime_count, index, error)) return false;
    draft_push_factor(draft, factor, dims);
    return true;
}

/* Appends the digits of `m` as composition does: m is the right operand. */
static bool draft_append_mapping(Arena *arena, Draft *draft, const Mapping *m, int factor,
                                 MappingError *error)
{
    Scale scale[MAPPING_MAX_RANK];
    for (int i = 0; i < MAPPING_MAX_RANK; i++) scale[i] = no_scale;
    int64_t tasks = 1;
    int runtime_count = 0;
    for (int i = 0; i < m->worker_count + m->time_count; i++) {
        const MappingDigit *digit = mapping_digit_at(m, i);
        if (digit->dim >= 0) scale_extend(&scale[digit->dim], digit->extent);
        if (MAPPING_IS_RUNTIME(digit->extent)) {
            runtime_count++;
        } else {
            tasks *= digit->extent;
        }
    }
    if (!draft_shift(arena, draft, scale, tasks, runtime_count, factor, error)) return false;
    if (draft->rank == 0) draft->rank = m->rank;
    for (int i = 0; i < m->worker_count; i++) push_digit(&draft->worker, &m->worker[i]);
    for (int i = 0; i < m->time_count; i++) push_digit(&draft->time, &m->time[i]);
    return true;
}

/* Copies a list with its places; returns the product of the extents, -1 if unknown. */
static int64_t finish_digits(const MappingDigits *digits, MappingDigit *out)
{
    int64_t place = 1;
    for (int i = digits->count - 1; i >= 0; i--) {
        out[i] = digits->list[i];
        out[i].place = place;
        place = MAPPING_IS_RUNTIME(out[i].extent) ? 0 : place * out[i].extent;
    }
    return place ? place : -1;
}

static void finish_shape(Mapping *m, const MappingDigit *digits, int count)
{
    for (int i = 0; i < count; i++) {
        int dim = digits[i].dim;
        if (dim < 0 || MAPPING_IS_RUNTIME(m->shape[dim])) continue;
        if (MAPPING_IS_RUNTIME(digits[i].extent)) {
            m->shape[dim] = digits[i].extent;
        } else {
            m->shape[dim] *= digits[i].extent;
        }
    }
}

static const Mapping *draft_finish(Arena *arena, const Draft *draft, const MappingFactors *factors)
{
    Mapping *m = NEW(arena, Mapping);
    MappingDigit *digits =
        NEW_ARRAY(arena, MappingDigit, (size_t)(draft->worker.count + draft->time.count));
    m->rank = draft->rank;
    m->any_rank = draft->rank == 0;
    m->worker = digits;
    m->worker_count = draft->worker.count;
    m->time = digits + draft->worker.count;
    m->time_count = draft->time.count;
    m->workers = finish_digits(&draft->worker, digits);
    m->steps = finish_digits(&draft->time, digits + draft->worker.count);
    m->factors = factors;
    for (int i = 0; i < MAPPING_MAX_RANK; i++) m->shape[i] = 1;
    finish_shape(m, m->time, m->time_count);
    finish_shape(m, m->worker, m->worker_count);
    return m;
}

static bool check_factor_count(Arena *arena, int count, MappingError *error)
{
    if (count >= 1 && count <= MAPPING_MAX_FACTORS) return true;
    return mapping_fail(arena, error, -1, "a mapping has between 1 and %d factors, not %d",
                        MAPPING_MAX_FACTORS, count);
}

/* The lists joined; every drop's reach is made explicit, so that it survives more on its left. */
static const MappingFactors *join_factors(Arena *arena, const MappingFactors *a,
                                          const MappingFactors *b)
{
    MappingFactors *joined = NEW(arena, MappingFactors);
    int extra = b ? b->count : 0;
    MappingFactor *list = NEW_ARRAY(arena, MappingFactor, (size_t)(a->count + extra));
    memcpy(list, a->factors, (size_t)a->count * sizeof *list);
    if (b) memcpy(list + a->count, b->factors, (size_t)extra * sizeof *list);
    for (int i = 0; !b && i < a->count; i++) {
        if (list[i].kind == MAPPING_DROP && list[i].reach == 0) list[i].reach = i;
    }
    joined->count = a->count + extra;
    joined->factors = list;
    return joined;
}

const Mapping *mapping_build(Arena *arena, const MappingFactors *factors, MappingError *error)
{
    if (!check_factor_count(arena, factors->count, error)) return NULL;
    Draft draft;
    draft_init(&draft);
    for (int i = 0; i < factors->count; i++) {
        if (!draft_append_factor(arena, &draft, factors, i, error)) return NULL;
    }
    return draft_finish(arena, &draft, join_factors(arena, factors, NULL));
}

static const Mapping *build_one(Arena *arena, MappingFactorKind kind, int rank,
                                const int64_t *extents, const int *order, MappingError *error)
{
    MappingFactor factor = {.kind = kind, .rank = rank};
    for (int i = 0; i < rank && i < MAPPING_MAX_RANK; i++) {
        factor.extents[i] = extents[i];
        factor.order[i] = order ? order[i] : i;
    }
    return mapping_build(arena, &(MappingFactors){.count = 1, .factors = &factor}, error);
}

const Mapping *mapping_spatial(Arena *arena, int rank, const int64_t *extents, const int *order,
                               MappingError *error)
{
    return build_one(arena, MAPPING_SPATIAL, rank, extents, order, error);
}

const Mapping *mapping_repeat(Arena *arena, int rank, const int64_t *extents, const int *order,
                              MappingError *error)
{
    return build_one(arena, MAPPING_REPEAT, rank, extents, order, error);
}

const Mapping *mapping_replicate(Arena *arena, int64_t workers, MappingError *error)
{
    MappingFactor factor = {.kind = MAPPING_REPLICATE, .extents = {workers}};
    return mapping_build(arena, &(MappingFactors){.count = 1, .factors = &factor}, error);
}

const Mapping *mapping_compose(Arena *arena, const Mapping *a, const Mapping *b,
                               MappingError *error)
{
    if (!check_factor_count(arena, a->factors->count + b->factors->count, error)) return NULL;
    int split = a->factors->count;
    if (a->rank && b->rank && a->rank != b->rank) {
        mapping_fail(arena, error, split,
                     "`%s` has rank %d, but `%s` has rank %d: only mappings of one rank compose",
                     mapping_text(arena, a, NULL, NULL), a->rank,
                     mapping_text(arena, b, NULL, NULL), b->rank);
        return NULL;
    }
    Draft draft;
    draft_init(&draft);
    if (!draft_append_mapping(arena, &draft, a, 0, error)) return NULL;
    if (!draft_append_mapping(arena, &draft, b, split, error)) return NULL;
    return draft_finish(arena, &draft, join_factors(arena, a->factors, b->factors));
}

const Mapping *mapping_drop(Arena *arena, const Mapping *m, int dim, MappingError *error)
{
    const MappingFactors *old = m->factors;
    MappingFactor drop = {.kind = MAPPING_DROP, .extents = {dim}, .reach = old->count};
    MappingFactors one = {.count = 1, .factors = &drop};
    const MappingFactors *factors = join_factors(arena, old, &one);
    return mapping_build(arena, factors, error);
}
