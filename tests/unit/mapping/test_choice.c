/* Holes, `auto`, the examples of the language's definition, and what is said about mistakes. */
#include "random.h"

#include <stdio.h>

static Escape escape;

static MappingFactor factor(MappingFactorKind kind, int rank, int64_t a, int64_t b)
{
    return (MappingFactor){.kind = kind, .rank = rank, .extents = {a, b}, .order = {0, 1}};
}

static MappingFactor column(MappingFactorKind kind, int64_t a, int64_t b)
{
    return (MappingFactor){.kind = kind, .rank = 2, .extents = {a, b}, .order = {1, 0}};
}

#define SPATIAL(a, b) factor(MAPPING_SPATIAL, 2, a, b)
#define REPEAT(a, b) factor(MAPPING_REPEAT, 2, a, b)
#define COL_SPATIAL(a, b) column(MAPPING_SPATIAL, a, b)
#define COL_REPEAT(a, b) column(MAPPING_REPEAT, a, b)
#define DROP(k, reach_)                                                                            \
    {                                                                                              \
        .kind = MAPPING_DROP, .extents = {k}, .reach = reach_                                      \
    }
#define HOLE MAPPING_HOLE
#define LIST(...)                                                                                  \
    (&(MappingFactors){(int)BASE_LEN(((MappingFactor[]){__VA_ARGS__})),                            \
                       (MappingFactor[]){__VA_ARGS__}})

static const Mapping *must_build(Arena *arena, const MappingFactors *factors)
{
    MappingError error = {0};
    const Mapping *m = mapping_build(arena, factors, &error);
    if (!m) fail_msg("%s", error.message);
    return m;
}

static void assert_refused(const Mapping *m, const MappingError *error, const char *text, int index)
{
    assert_null(m);
    assert_string_equal(error->message, text);
    assert_int_equal(error->factor, index);
}

/* ---- the definition's examples -------------------------------------------------------------- */

static void paper_example(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    const Mapping *m = must_build(arena, LIST(REPEAT(4, 1), SPATIAL(16, 8)));
    assert_int_equal(m->workers, 128);
    assert_int_equal(m->steps, 4);
    assert_int_equal(m->shape[0], 64);
    assert_int_equal(m->shape[1], 8);
    for (int64_t w = 0; w < 128; w++) {
        for (int64_t s = 0; s < 4; s++) {
            int64_t task[2];
            mapping_eval(m, w, s, task);
            assert_int_equal(task[0], w / 8 + 16 * s);
            assert_int_equal(task[1], w % 8);
        }
    }
    base_arena_destroy(arena);
}

static void fragments(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    const Mapping *c = must_build(arena, LIST(REPEAT(2, 1), SPATIAL(8, 4), REPEAT(1, 2)));
    const Mapping *a = must_build(arena, LIST(COL_REPEAT(2, 2), SPATIAL(8, 4), REPEAT(1, 2)));
    const Mapping *two_c =
        must_build(arena, LIST(REPEAT(1, 2), REPEAT(2, 1), SPATIAL(8, 4), REPEAT(1, 2)));
    MappingError error = {0};
    assert_true(mapping_equal(a, two_c));
    assert_true(
        mapping_equal(a, mapping_compose(arena, must_build(arena, LIST(REPEAT(1, 2))), c, &error)));
    assert_false(
        mapping_equal(a, mapping_compose(arena, c, must_build(arena, LIST(REPEAT(1, 2))), &error)));
    assert_true(mapping_equal(must_build(arena, LIST(REPEAT(1, 2), REPEAT(2, 1))),
                              must_build(arena, LIST(COL_REPEAT(2, 2)))));
    /* PTX: of A's register i, row = g + 8 (i / 2 % 2), column = 2 t + i % 2 + 8 (i / 4). */
    for (int64_t lane = 0; lane < 32; lane++) {
        for (int64_t i = 0; i < 8; i++) {
            int64_t task[2];
            mapping_eval(a, lane, i, task);
            assert_int_equal(task[0], lane / 4 + 8 * (i / 2 % 2));
            assert_int_equal(task[1], lane % 4 * 2 + i % 2 + 8 * (i / 4));
        }
    }
    /* Of B's, row = 2 t + i % 2 + 8 (i / 2), column = g. */
    const Mapping *b =
        must_build(arena, LIST(COL_REPEAT(2, 1), COL_SPATIAL(4, 8), COL_REPEAT(2, 1)));
    for (int64_t lane = 0; lane < 32; lane++) {
        for (int64_t i = 0; i < 4; i++) {
            int64_t task[2];
            mapping_eval(b, lane, i, task);
            assert_int_equal(task[0], lane % 4 * 2 + i % 2 + 8 * (i / 2));
            assert_int_equal(task[1], lane / 4);
        }
    }
    base_arena_destroy(arena);
}

static void dropped_rows(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    const Mapping *r = must_build(arena, LIST(SPATIAL(4, 1), REPEAT(1, 8), REPEAT(2, 1),
                                              SPATIAL(8, 4), REPEAT(1, 2), DROP(1, 0)));
    assert_int_equal(r->rank, 1);
    assert_int_equal(r->shape[0], 64);
    assert_int_equal(r->workers, 128);
    assert_int_equal(r->steps, 2);
    assert_true(mapping_has_replicas(r));
    for (int64_t w = 0; w < 128; w++) {
        int64_t row;
        mapping_eval(r, w, 1, &row);
        assert_int_equal(row, w / 32 * 16 + 8 + w % 32 / 4);
    }
    base_arena_destroy(arena);
}

static const char *size_name(void *user, int k)
{
    return ((const char *const *)user)[k];
}

static void written_as_read(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    MappingFactor replicate = {.kind = MAPPING_REPLICATE, .extents = {4}};
    MappingFactor third = {.kind = MAPPING_SPATIAL, .rank = 3, .extents = {2, 3, 4}, {2, 0, 1}};
    const Mapping *m =
        must_build(arena, LIST(factor(MAPPING_REPEAT, 1, MAPPING_RUNTIME(0), 0), SPATIAL(4, 8),
                               COL_REPEAT(2, 2), DROP(1, 2), replicate));
    assert_string_equal(mapping_text(arena, m, NULL, NULL),
                        "repeat(?) * (spatial(4, 8) * col_repeat(2, 2)).drop(1) * replicate(4)");
    const char *const names[] = {"cdiv(n, 32)"};
    assert_non_null(strstr(mapping_text(arena, m, size_name, (void *)(uintptr_t)names),
                           "repeat(cdiv(n, 32)) * (spatial(4, 8)"));
    assert_string_equal(mapping_text(arena, must_build(arena, LIST(third)), NULL, NULL),
                        "spatial(2, 3, 4) order (2, 0, 1)");
    m = must_build(arena, LIST(third, DROP(1, 0), DROP(0, 0)));
    assert_string_equal(mapping_text(arena, m, NULL, NULL),
                        "(spatial(2, 3, 4) order (2, 0, 1)).drop(1).drop(0)");
    base_arena_destroy(arena);
}

/* ---- holes ---------------------------------------------------------------------------------- */

/* Punches holes into a random product; when they can be solved, the product comes back. */
static void holes_give_the_filled_mapping(void **unused)
{
    (void)unused;
    uint64_t state = 5;
    int solved = 0, ambiguous = 0;
    for (int trial = 0; trial < 6000; trial++) {
        Arena *arena = base_arena_create(&escape);
        Pair pair = random_pair(arena, &state, 1 + random_below(&state, 4), 3, 1 << 12);
        const Mapping *m = pair.mapping;
        int count = m->factors->count;
        MappingFactor *list =
            base_copy(arena, m->factors->factors, (size_t)count * sizeof(MappingFactor));
        for (int i = 0; i < count; i++) {
            int axes = list[i].kind == MAPPING_REPLICATE ? 1 : list[i].rank;
            for (int axis = 0; list[i].kind != MAPPING_DROP && axis < axes; axis++) {
                if (random_below(&state, 4) == 0) list[i].extents[axis] = MAPPING_HOLE;
            }
        }
        MappingFactors holed = {.count = count, .factors = list};
        MappingError error = {0};
        int64_t workers = random_below(&state, 4) ? m->workers : 0;
        const int64_t *shape = random_below(&state, 4) ? m->shape : NULL;
        const Mapping *got = mapping_solve(arena, &holed, m->rank, shape, workers, &error);
        if (got) {
            assert_string_equal(mapping_text(arena, got, NULL, NULL),
                                mapping_text(arena, m, NULL, NULL));
            assert_true(mapping_equal(got, m));
            solved++;
        } else {
            assert_non_null(strstr(error.message, "is ambiguous"));
            ambiguous++;
        }
        base_arena_destroy(arena);
    }
    assert_true(solved > 1000 && ambiguous > 500);
}

static void holes_by_hand(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    MappingError error = {0};
    int64_t shape[2] = {64, 8}, odd[2] = {60, 8}, late[2] = {MAPPING_RUNTIME(0), 8};
    const Mapping *m =
        mapping_solve(arena, LIST(REPEAT(HOLE, HOLE), SPATIAL(16, 8)), 2, shape, 0, &error);
    assert_string_equal(mapping_text(arena, m, NULL, NULL), "repeat(4, 1) * spatial(16, 8)");
    m = mapping_solve(arena, LIST(REPEAT(HOLE, HOLE), SPATIAL(HOLE, 8)), 2, shape, 128, &error);
    assert_string_equal(mapping_text(arena, m, NULL, NULL), "repeat(4, 1) * spatial(16, 8)");
    m = mapping_solve(arena, LIST(REPEAT(HOLE, HOLE), SPATIAL(16, 8)), 2, odd, 0, &error);
    assert_refused(m, &error,
                   "`repeat(_, _) * spatial(16, 8)`: dimension 0 gives _ * 16 = 60, but 60 / 16 "
                   "is no integer",
                   0);
    m = mapping_solve(arena, LIST(REPEAT(HOLE, 1), REPEAT(HOLE, 1)), 2, shape, 0, &error);
    assert_refused(m, &error,
                   "`repeat(_, 1) * repeat(_, 1)` is ambiguous: `_` of `repeat(_, 1)` is not "
                   "determined (dimension 0 gives only _ * _ = 64)",
                   0);
    m = mapping_solve(arena, LIST(SPATIAL(HOLE, 8)), 2, NULL, 100, &error);
    assert_refused(m, &error,
                   "`spatial(_, 8)`: the worker count gives _ * 8 = 100, but 100 / 8 is no integer",
                   0);
    m = mapping_solve(arena, LIST(SPATIAL(HOLE, 8)), 2, NULL, 0, &error);
    assert_refused(
        m, &error,
        "`spatial(_, 8)` is ambiguous: `_` of `spatial(_, 8)` is not determined "
        "(dimension 0, _, is not known here; the worker count, _ * 8, is not known here)",
        0);
    m = mapping_solve(arena, LIST(REPEAT(HOLE, 1), SPATIAL(4, 8)), 2, late, 0, &error);
    assert_refused(m, &error,
                   "`repeat(_, 1) * spatial(4, 8)` is ambiguous: `_` of `repeat(_, 1)` is not "
                   "determined (dimension 0, _ * 4, is not known at compile time)",
                   0);
    m = mapping_solve(arena, LIST(REPEAT(HOLE, 2), SPATIAL(16, 8)), 2, shape, 0, &error);
    assert_refused(m, &error,
                   "`repeat(4, 2) * spatial(16, 8)`: dimension 1 is 2 * 8 = 16, but it must be 8",
                   -1);
    m = mapping_solve(arena, LIST(REPEAT(HOLE, 1)), 1, shape, 0, &error);
    assert_refused(m, &error, "`repeat(_, 1)` has rank 2, but the task shape has rank 1", 0);
    m = mapping_solve(arena, LIST(REPEAT(HOLE, 1)), 2, (int64_t[]){0, 1}, 0, &error);
    assert_refused(m, &error, "a task shape's extents are at least 1, but that of dimension 0 is 0",
                   -1);
    m = mapping_build(arena, LIST(SPATIAL(4, 8), REPEAT(HOLE, 1)), &error);
    assert_refused(m, &error,
                   "`repeat(_, 1)` leaves an extent open (`_`), and nothing here determines it", 1);
    m = mapping_solve(arena, LIST(REPEAT(HOLE, 2), DROP(0, 0)), 1, (int64_t[]){2}, 0, &error);
    assert_refused(m, &error,
                   "`repeat(_, 2).drop(0)` is ambiguous: `_` of `repeat(_, 2)` is not determined "
                   "(its dimension is dropped)",
                   0);
    base_arena_destroy(arena);
}

/* ---- auto ----------------------------------------------------------------------------------- */

static int64_t volume(int rank, const int64_t *shape)
{
    int64_t product = 1;
    for (int i = 0; i < rank; i++) product *= shape[i];
    return product;
}

/* Runs m clipped to `shape`: each task exactly once. */
static void assert_once(const Mapping *m, const int64_t *shape)
{
    int64_t total = volume(m->rank, shape), ran = 0;
    char *seen = test_calloc((size_t)total, 1);
    for (int64_t w = 0; w < m->workers; w++) {
        for (int64_t s = 0; s < m->steps; s++) {
            int64_t task[MAPPING_MAX_RANK], at = 0;
            bool inside = true;
            mapping_eval(m, w, s, task);
            for (int i = 0; i < m->rank; i++) {
                inside = inside && task[i] < shape[i];
                at = at * shape[i] + task[i];
            }
            if (!inside) continue;
            assert_int_equal(seen[at]++, 0);
            ran++;
        }
    }
    assert_int_equal(ran, total);
    test_free(seen);
}

/* The fewest repeats of any split of `workers` over the shape in vectors, by plain search. */
static int64_t fewest(int rank, const int64_t *shape, int64_t workers)
{
    int64_t best = INT64_MAX;
    for (int64_t d = 1; d <= workers; d++) {
        if (workers % d) continue;
        if (rank == 1 && d != workers) continue;
        int64_t here = (shape[0] + d - 1) / d;
        if (rank > 1) here *= fewest(rank - 1, shape + 1, workers / d);
        if (here < best) best = here;
    }
    return best;
}

/* The trailing repeat of an `auto`: contiguous tasks of one worker along `dim`. */
static int64_t vector_of(const Mapping *m, int dim)
{
    const MappingFactor *last = &m->factors->factors[m->factors->count - 1];
    return last->kind == MAPPING_REPEAT ? last->extents[dim] : 1;
}

static void auto_covers_once(void **unused)
{
    (void)unused;
    uint64_t state = 6;
    int exact = 0, wide = 0;
    static const int bytes[] = {0, 1, 2, 4, 8, 16};
    static const int groups[] = {1, 2, 5, 32, 48, 64, 96, 128, 256};
    for (int trial = 0; trial < 3000; trial++) {
        Arena *arena = base_arena_create(&escape);
        MappingError error = {0};
        int rank = 1 + random_below(&state, 4);
        int64_t shape[MAPPING_MAX_RANK], divisor[MAPPING_MAX_RANK], workers;
        for (int i = 0; i < rank; i++) {
            shape[i] = random_below(&state, 2) ? 1 + random_below(&state, rank < 3 ? 70 : 9)
                                               : 1 << random_below(&state, rank < 3 ? 7 : 4);
        }
        workers = groups[random_below(&state, BASE_LEN(groups))];
        int elem = bytes[random_below(&state, BASE_LEN(bytes))], fast = random_below(&state, rank);
        bool overhangs;
        const Mapping *m =
            mapping_auto(arena, rank, shape, workers, elem, fast, &overhangs, divisor, &error);
        assert_non_null(m);
        assert_int_equal(m->workers, workers);
        assert_int_equal(overhangs, memcmp(m->shape, shape, (size_t)rank * sizeof *shape) != 0);
        assert_once(m, shape);
        assert_int_equal(m->workers * m->steps, volume(rank, m->shape));
        int64_t v = vector_of(m, fast);
        assert_true(v == 1 || (elem > 0 && v * elem <= 16 && shape[fast] % v == 0));
        if (overhangs) {
            shape[fast] /= v;
            assert_int_equal(m->steps / v, fewest(rank, shape, workers));
        }
        exact += !overhangs;
        wide += v > 1;
        base_arena_destroy(arena);
    }
    assert_true(exact > 300 && wide > 300);
}

static void assert_auto(int rank, const int64_t *shape, int64_t workers, int elem, int fast,
                        const char *text, bool overhang)
{
    Arena *arena = base_arena_create(&escape);
    MappingError error = {0};
    bool overhangs;
    const Mapping *m =
        mapping_auto(arena, rank, shape, workers, elem, fast, &overhangs, NULL, &error);
    if (!m) fail_msg("%s", error.message);
    assert_string_equal(mapping_text(arena, m, NULL, NULL), text);
    assert_int_equal(overhangs, overhang);
    base_arena_destroy(arena);
}

static void auto_by_hand(void **unused)
{
    (void)unused;
    assert_auto(2, (int64_t[]){128, 8}, 256, 4, 1, "spatial(128, 2) * repeat(1, 4)", false);
    assert_auto(2, (int64_t[]){8, 128}, 256, 2, 1, "spatial(8, 32) * repeat(1, 4)", false);
    assert_auto(2, (int64_t[]){64, 64}, 128, 4, 1, "repeat(8, 1) * spatial(8, 16) * repeat(1, 4)",
                false);
    assert_auto(2, (int64_t[]){8, 128}, 256, 4, 0, "col_spatial(2, 128) * repeat(4, 1)", false);
    assert_auto(1, (int64_t[]){100}, 64, 4, 0, "repeat(2) * spatial(64)", true);
    assert_auto(2, (int64_t[]){2, 4}, 256, 4, 1, "spatial(64, 4)", true);
    assert_auto(2, (int64_t[]){MAPPING_RUNTIME(0), 64}, 256, 4, 1,
                "repeat(?, 1) * spatial(16, 16) * repeat(1, 4)", true);
    assert_auto(1, (int64_t[]){MAPPING_RUNTIME(0)}, 256, 4, 0,
                "repeat(?) * spatial(256) * repeat(4)", true);
}

/* ---- mistakes ------------------------------------------------------------------------------- */

static void mistakes_are_explained(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    MappingError error = {0};
    int64_t big = (int64_t)1 << 40;
    struct {
        const MappingFactors *factors;
        const char *text;
        int factor;
    } cases[] = {
        {LIST(REPEAT(2, 2), SPATIAL(0, 4)),
         "`spatial(0, 4)`: an extent must be at least 1, but that of dimension 0 is 0", 1},
        {LIST(COL_REPEAT(2, -3)),
         "`col_repeat(2, -3)`: an extent must be at least 1, but that of dimension 1 is -3", 0},
        {LIST({.kind = MAPPING_REPLICATE, .extents = {0}}),
         "`replicate(0)`: the count must be at least 1, but it is 0", 0},
        {LIST({.kind = MAPPING_SPATIAL, .rank = 2, .extents = {2, 2}, .order = {1, 1}}),
         "`spatial(2, 2) order (1, 1)`: an order names each dimension from 0 to 1 exactly once", 0},
        {LIST(SPATIAL(4, 8), factor(MAPPING_REPEAT, 1, 2, 0)),
         "`spatial(4, 8)` has rank 2, but `repeat(2)` has rank 1: only mappings of one rank "
         "compose",
         1},
        {LIST(factor(MAPPING_SPATIAL, 1, 4, 0), DROP(0, 0)),
         "`.drop(0)` would remove the only dimension of `spatial(4)`", 1},
        {LIST(SPATIAL(4, 8), DROP(2, 0)),
         "`.drop(2)`: the mapping has rank 2, so the dimension must be between 0 and 1", 1},
        {LIST({.kind = MAPPING_REPLICATE, .extents = {4}}, DROP(-1, 0)),
         "`.drop(-1)`: dimensions are counted from 0", 1},
        {LIST(DROP(0, 0)), "`.drop` must follow a mapping", 0},
        {LIST(SPATIAL(big, big)),
         "`spatial(1099511627776, 1099511627776)` has more than 2^62 tasks", 0},
        {LIST(SPATIAL(big, 1), REPEAT(1, big)),
         "the mapping has more than 2^62 tasks: 1099511627776 * 1099511627776", 1},
        {LIST({.kind = MAPPING_SPATIAL}), "`spatial()` needs at least one extent", 0},
        {LIST({.kind = MAPPING_SPATIAL, .rank = 9}), "a mapping has at most 8 dimensions, not 9",
         0},
        {&(MappingFactors){0}, "a mapping has between 1 and 256 factors, not 0", -1},
    };
    for (size_t i = 0; i < BASE_LEN(cases); i++) {
        error = (MappingError){0};
        assert_refused(mapping_build(arena, cases[i].factors, &error), &error, cases[i].text,
                       cases[i].factor);
        assert_null(mapping_build(arena, cases[i].factors, NULL));
        assert_null(mapping_solve(arena, cases[i].factors, 2, NULL, 0, &error));
    }
    const Mapping *a = must_build(arena, LIST(SPATIAL(4, 8), REPEAT(2, 2)));
    const Mapping *b = must_build(arena, LIST(factor(MAPPING_REPEAT, 1, 2, 0)));
    assert_refused(mapping_compose(arena, a, b, &error), &error,
                   "`spatial(4, 8) * repeat(2, 2)` has rank 2, but `repeat(2)` has rank 1: only "
                   "mappings of one rank compose",
                   2);
    assert_null(mapping_auto(arena, 1, (int64_t[]){0}, 32, 4, 0, &(bool){0}, NULL, &error));
    assert_null(mapping_auto(arena, 0, NULL, 32, 4, 0, &(bool){0}, NULL, &error));
    assert_null(mapping_auto(arena, 1, (int64_t[]){4}, 0, 4, 0, &(bool){0}, NULL, &error));
    assert_null(mapping_auto(arena, 2, (int64_t[]){big, big}, 32, 4, 0, &(bool){0}, NULL, &error));
    base_arena_destroy(arena);
}

int main(void)
{
    if (setjmp(escape.env)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paper_example),
        cmocka_unit_test(fragments),
        cmocka_unit_test(dropped_rows),
        cmocka_unit_test(written_as_read),
        cmocka_unit_test(holes_give_the_filled_mapping),
        cmocka_unit_test(holes_by_hand),
        cmocka_unit_test(auto_covers_once),
        cmocka_unit_test(auto_by_hand),
        cmocka_unit_test(mistakes_are_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
