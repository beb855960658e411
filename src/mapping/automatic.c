/* `auto(d…)`: repeat * spatial * repeat(1, …, v), chosen so that every task runs exactly once.
 *
 * The spatial extents are greatest common divisors of the shape and the workers still to place,
 * from the fastest dimension on; a run-time dimension takes all that are left. If workers remain,
 * the split with the fewest repeats is found by dynamic programming over the divisors of the
 * worker count.
 */
#include "mapping/internal.h"

#include <inttypes.h>

#define VECTOR_BYTES 16
#define MAX_WORKERS ((int64_t)1 << 31)

typedef struct Split {
    Arena *arena;
    MappingError *error;
    int rank;
    int dims[MAPPING_MAX_RANK]; /* fastest first */
    const int64_t *shape;
    int64_t workers;
    int64_t vector;                    /* v, along dims[0] */
    int64_t spatial[MAPPING_MAX_RANK]; /* the choice */
} Split;

static bool check_shape(Split *s)
{
    int64_t tasks = 1;
    if (s->rank < 1 || s->rank > MAPPING_MAX_RANK) {
        return mapping_fail(s->arena, s->error, -1, "`auto` takes between 1 and %d extents, not %d",
                            MAPPING_MAX_RANK, s->rank);
    }
    for (int i = 0; i < s->rank; i++) {
        if (MAPPING_IS_RUNTIME(s->shape[i])) continue;
        if (s->shape[i] < 1) {
            return mapping_fail(s->arena, s->error, -1,
                                "`auto`: an extent must be at least 1, but that of dimension %d is "
                                "%" PRId64,
                                i, s->shape[i]);
        }
        if (!base_mul(tasks, s->shape[i], &tasks) || tasks > MAPPING_MAX_TASKS) {
            return mapping_fail(s->arena, s->error, -1, "`auto` over more than 2^62 tasks");
        }
    }
    if (s->workers >= 1 && s->workers <= MAX_WORKERS) return true;
    return mapping_fail(s->arena, s->error, -1,
                        "`auto` distributes over 1 to 2^31 workers, not %" PRId64, s->workers);
}

static void order_dims(Split *s, int fast_dim)
{
    int count = 0;
    s->dims[count++] = fast_dim >= 0 && fast_dim < s->rank ? fast_dim : s->rank - 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        if (i != s->dims[0]) s->dims[count++] = i;
    }
}

/* Extent of dimension `dim` in vectors. */
static int64_t vectors_along(const Split *s, int dim)
{
    return dim == s->dims[0] ? s->shape[dim] / s->vector : s->shape[dim];
}

static int64_t widest_vector(const Split *s, int elem_bytes)
{
    int64_t v = 1, extent = s->shape[s->dims[0]];
    bool late = MAPPING_IS_RUNTIME(extent);
    if (elem_bytes <= 0) return 1;
    while (v * 2 * elem_bytes <= VECTOR_BYTES && (late || extent % (v * 2) == 0)) v *= 2;
    return v;
}

static bool split_exactly(Split *s)
{
    int64_t left = s->workers;
    for (int i = 0; i < s->rank; i++) {
        int dim = s->dims[i];
        bool late = MAPPING_IS_RUNTIME(s->shape[dim]);
        s->spatial[dim] = late ? left : base_gcd(vectors_along(s, dim), left);
        left /= s->spatial[dim];
    }
    return left == 1;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

/* Divisors of the worker count in ascending order. */
typedef VEC(int64_t) Divisors;

static Divisors list_divisors(Arena *arena, int64_t n)
{
    Divisors low = {0};
    for (int64_t d = 1; d <= n / d; d++) {
        if (n % d == 0) VEC_PUSH(arena, low, d);
    }
    for (size_t i = low.len; i-- > 0;) {
        int64_t d = n / low.data[i];
        if (d != low.data[i]) VEC_PUSH(arena, low, d);
    }
    return low;
}

static size_t find_divisor(const Divisors *divisors, int64_t d)
{
    size_t low = 0, high = divisors->len;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (divisors->data[middle] <= d) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Fewest repeats of dims[level…] when divisor `j` of the workers is to be placed there; `next`
 * are those of level + 1. */
static int64_t fewest_repeats(const Split *s, const Divisors *divisors, int level,
                              const int64_t *next, size_t j)
{
    int64_t best = INT64_MAX, extent = vectors_along(s, s->dims[level]);
    for (size_t i = 0; i <= j; i++) {
        if (divisors->data[j] % divisors->data[i] != 0) continue;
        int64_t rest = next[find_divisor(divisors, divisors->data[j] / divisors->data[i])], all;
        if (rest == INT64_MAX) continue;
        if (base_mul(rest, divide_up(extent, divisors->data[i]), &all) && all < best) best = all;
    }
    return best;
}

/* Among the extents that reach the optimum: the least that spans the dimension, so that the
 * workers without a task stand together, else the greatest. */
static int64_t pick_extent(const Split *s, const Divisors *divisors, int level, const int64_t *next,
                           int64_t left, int64_t best)
{
    int64_t extent = vectors_along(s, s->dims[level]), picked = 1;
    for (size_t i = 0; i < divisors->len && divisors->data[i] <= left; i++) {
        int64_t d = divisors->data[i], all;
        if (left % d != 0) continue;
        int64_t rest = next[find_divisor(divisors, left / d)];
        if (rest == INT64_MAX || !base_mul(rest, divide_up(extent, d), &all) || all != best) {
            continue;
        }
        picked = d;
        if (d >= extent) break;
    }
    return picked;
}

static void split_with_overhang(Split *s)
{
    Divisors divisors = list_divisors(s->arena, s->workers);
    size_t count = divisors.len;
    int64_t *best = NEW_ARRAY(s->arena, int64_t, ((size_t)s->rank + 1) * count);
    for (size_t j = 0; j < count; j++) best[(size_t)s->rank * count + j] = j ? INT64_MAX : 1;
    for (int level = s->rank - 1; level >= 0; level--) {
        int64_t *row = best + (size_t)level * count;
        for (size_t j = 0; j < count; j++) {
            row[j] = fewest_repeats(s, &divisors, level, row + count, j);
        }
    }
    int64_t left = s->workers;
    for (int level = 0; level < s->rank; level++) {
        const int64_t *row = best + (size_t)level * count;
        int64_t optimum = row[find_divisor(&divisors, left)];
        int64_t extent = pick_extent(s, &divisors, level, row + count, left, optimum);
        s->spatial[s->dims[level]] = extent;
        left /= extent;
    }
}

/* Whether there is a vector for every worker. */
static bool keeps_all_busy(const Split *s)
{
    int64_t vectors = 1;
    for (int i = 0; i < s->rank; i++) vectors *= vectors_along(s, i);
    return vectors >= s->workers;
}

static void choose_split(Split *s, int elem_bytes)
{
    int64_t widest = widest_vector(s, elem_bytes);
    for (s->vector = widest; s->vector >= 1; s->vector /= 2) {
        if (split_exactly(s)) return;
    }
    s->vector = widest;
    while (s->vector > 1 && !keeps_all_busy(s)) s->vector /= 2;
    split_with_overhang(s);
}

static int64_t trailing_extent(const Split *s, int dim)
{
    return dim == s->dims[0] ? s->spatial[dim] * s->vector : s->spatial[dim];
}

/* Vectors are along the fastest dimension and so is the fastest worker digit. */
static void fill_factors(const Split *s, MappingFactor *repeat, MappingFactor *spatial,
                         MappingFactor *vector, bool *overhangs)
{
    for (int i = 0; i < s->rank; i++) {
        int64_t trailing = trailing_extent(s, i), extent = s->shape[i];
        bool late = MAPPING_IS_RUNTIME(extent);
        repeat->extents[i] = late ? extent : divide_up(extent, trailing);
        spatial->extents[i] = s->spatial[i];
        vector->extents[i] = i == s->dims[0] ? s->vector : 1;
        if (late ? trailing > 1 : extent % trailing != 0) *overhangs = true;
        repeat->order[i] = vector->order[i] = i;
        spatial->order[i] = s->dims[s->rank - 1 - i];
    }
}

static bool all_ones(const MappingFactor *factor)
{
    for (int i = 0; i < factor->rank; i++) {
        if (factor->extents[i] != 1) return false;
    }
    return true;
}

/* repeat * spatial * repeat(1, …, v), without what does nothing. */
static const Mapping *build_auto(const Split *s, bool *overhangs)
{
    MappingFactor list[3], kept[3];
    int count = 0;
    for (int i = 0; i < 3; i++)
        list[i] =
            (MappingFactor){.kind = i == 1 ? MAPPING_SPATIAL : MAPPING_REPEAT, .rank = s->rank};
    *overhangs = false;
    fill_factors(s, &list[0], &list[1], &list[2], overhangs);
    for (int i = 0; i < 3; i++)
        if (i == 1 || !all_ones(&list[i])) kept[count++] = list[i];
    return mapping_build(s->arena, &(MappingFactors){.count = count, .factors = kept}, s->error);
}

const Mapping *mapping_auto(Arena *arena, int rank, const int64_t *shape, int64_t workers,
                            int elem_bytes, int fast_dim, bool *overhangs, int64_t *runtime_divisor,
                            MappingError *error)
{
    Split s = {.arena = arena, .error = error, .rank = rank, .shape = shape, .workers = workers};
    if (!check_shape(&s)) return NULL;
    order_dims(&s, fast_dim);
    choose_split(&s, elem_bytes);
    for (int i = 0; runtime_divisor && i < rank; i++) runtime_divisor[i] = trailing_extent(&s, i);
    return build_auto(&s, overhangs);
}
