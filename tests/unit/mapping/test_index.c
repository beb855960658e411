/* Index arithmetic is in simplest form: the expressions of well-known mappings, as text. That
 * they are right is tested in test_algebra.c. */
#include "oracle.h"

#include "mapping/index.h"

#include <inttypes.h>

static Escape escape;

/* Expressions are text; `user` is the arena. */
static void *text_constant(void *user, int64_t value)
{
    return base_format(user, "%" PRId64, value);
}
static void *text_add(void *user, void *a, void *b)
{
    return base_format(user, "%s + %s", (char *)a, (char *)b);
}
static void *text_mul(void *user, void *a, void *b)
{
    return base_format(user, strchr(a, '+') ? "(%s) * %s" : "%s * %s", (char *)a, (char *)b);
}
static void *text_div(void *user, void *a, void *b)
{
    return base_format(user, strchr(b, ' ') ? "%s / (%s)" : "%s / %s", (char *)a, (char *)b);
}
static void *text_mod(void *user, void *a, void *b)
{
    return base_format(user, strchr(b, ' ') ? "%s %% (%s)" : "%s %% %s", (char *)a, (char *)b);
}
static void *text_runtime(void *user, int k)
{
    return base_format(user, "G%d", k);
}

static MappingIndexOps text_ops(Arena *arena)
{
    return (MappingIndexOps){arena,    text_constant, text_add,    text_mul,
                             text_div, text_mod,      text_runtime};
}

#define FACTOR(kind_, rank_, ...)                                                                  \
    (MappingFactor)                                                                                \
    {                                                                                              \
        .kind = kind_, .rank = rank_, .extents = {__VA_ARGS__}, .order = { 0, 1, 2, 3 }            \
    }
#define SPATIAL(rank, ...) FACTOR(MAPPING_SPATIAL, rank, __VA_ARGS__)
#define REPEAT(rank, ...) FACTOR(MAPPING_REPEAT, rank, __VA_ARGS__)
#define BUILD(arena, ...)                                                                          \
    mapping_build(arena,                                                                           \
                  &(MappingFactors){(int)BASE_LEN(((MappingFactor[]){__VA_ARGS__})),               \
                                    (MappingFactor[]){__VA_ARGS__}},                               \
                  NULL)

static char worker_text[] = "w";
static char counter_text[6][4] = {"t0", "t1", "t2", "t3", "t4", "t5"};
static char coord_text[4][4] = {"i", "j", "k", "l"};

static void assert_coord(Arena *arena, const Mapping *m, int dim, const char *expected)
{
    MappingIndexOps ops = text_ops(arena);
    void *counters[6];
    for (int i = 0; i < 6; i++) counters[i] = counter_text[i];
    assert_string_equal(mapping_index_coord(m, dim, &ops, worker_text, counters), expected);
}

static void assert_slot(Arena *arena, const Mapping *m, const char *slot, const char *owner)
{
    MappingIndexOps ops = text_ops(arena);
    void *coords[4];
    for (int i = 0; i < 4; i++) coords[i] = coord_text[i];
    assert_string_equal(mapping_index_slot(m, &ops, coords), slot);
    assert_string_equal(mapping_index_owner(m, &ops, coords), owner);
}

static void static_mappings(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    const Mapping *m = BUILD(arena, REPEAT(2, 4, 1), SPATIAL(2, 16, 8));
    assert_coord(arena, m, 0, "w / 8 + t0 * 16");
    assert_coord(arena, m, 1, "w % 8");
    assert_slot(arena, m, "i / 16", "i % 16 * 8 + j");
    m = BUILD(arena, SPATIAL(2, 4, 2), REPEAT(2, 2, 2), SPATIAL(2, 4, 8), REPEAT(2, 4, 4));
    assert_coord(arena, m, 0, "w / 64 * 32 + w / 8 % 4 * 4 + t0 * 16 + t2");
    assert_coord(arena, m, 1, "w / 32 % 2 * 64 + w % 8 * 4 + t1 * 32 + t3");
    m = BUILD(arena, SPATIAL(1, 8), SPATIAL(1, 32));
    assert_coord(arena, m, 0, "w");
    m = BUILD(arena, SPATIAL(2, 1, 32));
    assert_coord(arena, m, 0, "0");
    assert_coord(arena, m, 1, "w");
    m = BUILD(arena, SPATIAL(2, 4, 8), (MappingFactor){MAPPING_DROP, .extents = {0}});
    assert_coord(arena, m, 0, "w % 8");
    m = BUILD(arena, SPATIAL(2, 4, 8), (MappingFactor){MAPPING_DROP, .extents = {1}});
    assert_coord(arena, m, 0, "w / 8");
    base_arena_destroy(arena);
}

/* A one-worker mapping as a layout: panels of 16 columns. */
static void packed_panels(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    const Mapping *m = BUILD(arena, REPEAT(2, 1, 4), REPEAT(2, 64, 16));
    assert_slot(arena, m, "j / 16 * 1024 + i * 16 + j % 16", "0");
    base_arena_destroy(arena);
}

static void runtime_extents(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    const int64_t rows = MAPPING_RUNTIME(0), grid = MAPPING_RUNTIME(1);
    const Mapping *m = BUILD(arena, REPEAT(1, rows), SPATIAL(1, 256));
    assert_coord(arena, m, 0, "w + t0 * 256");
    m = BUILD(arena, REPEAT(1, rows), SPATIAL(1, grid), SPATIAL(1, 256), REPEAT(1, 4));
    assert_coord(arena, m, 0, "w * 4 + t0 * G1 * 1024 + t1");
    assert_int_equal(m->workers, -1);
    assert_int_equal(m->steps, -1);
    assert_int_equal(MAPPING_RUNTIME_ID(m->shape[0]), 0);
    m = BUILD(arena, SPATIAL(2, grid, 2), SPATIAL(2, 8, 4));
    assert_coord(arena, m, 0, "w / 64 * 8 + w / 4 % 8");
    assert_coord(arena, m, 1, "w / 32 % 2 * 4 + w % 4");
    m = BUILD(arena, SPATIAL(2, 2, grid));
    assert_coord(arena, m, 0, "w / G1");
    assert_coord(arena, m, 1, "w % G1");
    assert_int_equal(m->worker[0].place, 0);
    base_arena_destroy(arena);
}

/* Run-time factors of a stride are a set: written in any order they are the same. */
static void runtime_strides_are_products(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    MappingError error = {0};
    const int64_t r1 = MAPPING_RUNTIME(1), r7 = MAPPING_RUNTIME(7);
    const Mapping *m = BUILD(arena, SPATIAL(1, 2), SPATIAL(1, r1), SPATIAL(1, r7));
    assert_coord(arena, m, 0, "w");
    m = BUILD(arena, SPATIAL(1, 2), SPATIAL(1, r7), SPATIAL(1, r1));
    assert_coord(arena, m, 0, "w");
    const Mapping *a = BUILD(arena, SPATIAL(1, 2)), *b = BUILD(arena, REPEAT(1, r7));
    const Mapping *c = BUILD(arena, SPATIAL(1, r1));
    const Mapping *left = mapping_compose(arena, mapping_compose(arena, a, b, &error), c, &error);
    const Mapping *right = mapping_compose(arena, a, mapping_compose(arena, b, c, &error), &error);
    assert_true(mapping_equal(left, right));
    assert_false(mapping_has_replicas(left));
    base_arena_destroy(arena);
}

/* A leading run-time repeat has no last step: what the other digits leave is its own. */
static void leading_runtime_repeat_evaluates(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    int64_t task, step;
    const Mapping *m = BUILD(arena, REPEAT(1, MAPPING_RUNTIME(0)), SPATIAL(1, 256), REPEAT(1, 4));
    mapping_eval(m, 3, 4 * 10 + 2, &task);
    assert_int_equal(task, 10 * 1024 + 3 * 4 + 2);
    assert_int_equal(mapping_slot(m, 3, &task), 42);
    assert_int_equal(mapping_slot(m, 4, &task), -1);
    assert_int_equal(mapping_owner(m, &task, &step), 3);
    assert_int_equal(step, 42);
    base_arena_destroy(arena);
}

static void too_many_runtime_extents(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    MappingFactor list[9];
    MappingError error = {0};
    for (int i = 0; i < 9; i++) {
        list[i] = REPEAT(2, MAPPING_RUNTIME(i), 1);
    }
    assert_null(mapping_build(arena, &(MappingFactors){9, list}, &error));
    assert_non_null(strstr(error.message, "at most 3 run-time extents"));
    MappingFactor wide = FACTOR(MAPPING_REPEAT, 8, MAPPING_RUNTIME(0), MAPPING_RUNTIME(1),
                                MAPPING_RUNTIME(2), MAPPING_RUNTIME(3), MAPPING_RUNTIME(4),
                                MAPPING_RUNTIME(5), MAPPING_RUNTIME(6), MAPPING_RUNTIME(7));
    for (int i = 0; i < 8; i++) wide.order[i] = i;
    const Mapping *m = BUILD(arena, wide);
    assert_int_equal(m->time_count, 8);
    assert_null(mapping_compose(arena, m, m, &error));
    assert_non_null(strstr(error.message, "at most 8 run-time extents"));
    base_arena_destroy(arena);
}

int main(void)
{
    if (setjmp(escape.env)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(static_mappings),
        cmocka_unit_test(packed_panels),
        cmocka_unit_test(runtime_extents),
        cmocka_unit_test(runtime_strides_are_products),
        cmocka_unit_test(leading_runtime_repeat_evaluates),
        cmocka_unit_test(too_many_runtime_extents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
