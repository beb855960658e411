/* The part of a mapping in a window, and mappings transposed, against the lists of tasks: in each
 * window, each worker's tasks there, counted from the window's corner, in order, are the part's. */
#include "random.h"

static Escape escape;

/* A divisor of each extent. */
static void random_window(uint64_t *state, const Oracle *o, int64_t *extents)
{
    for (int d = 0; d < o->rank; d++) {
        int64_t by = 1 + random_below(state, (int)o->shape[d]);
        while (o->shape[d] % by) by--;
        extents[d] = o->shape[d] / by;
    }
}

static bool is_inside(const Oracle *o, const int64_t *task, const int64_t *corner,
                      const int64_t *extents)
{
    for (int d = 0; d < o->rank; d++)
        if (task[d] < corner[d] || task[d] >= corner[d] + extents[d]) return false;
    return true;
}

static bool same_tasks(const Oracle *o, const Mapping *part, const int64_t *corner,
                       const int64_t *extents)
{
    for (int64_t w = 0; w < o->workers; w++) {
        int64_t found = 0, at[MAPPING_MAX_RANK];
        for (int64_t step = 0; step < o->steps; step++) {
            const int64_t *task = oracle_task(o, w, step);
            if (!is_inside(o, task, corner, extents)) continue;
            if (found == part->steps) return false;
            mapping_eval(part, w, found++, at);
            for (int d = 0; d < o->rank; d++)
                if (at[d] + corner[d] != task[d]) return false;
        }
        if (found != part->steps) return false;
    }
    return true;
}

/* The next corner of a window, the last dimension fastest; false after the last. */
static bool next_corner(const Oracle *o, const int64_t *extents, int64_t *corner)
{
    for (int d = o->rank - 1; d >= 0; d--) {
        corner[d] += extents[d];
        if (corner[d] < o->shape[d]) return true;
        corner[d] = 0;
    }
    return false;
}

static void parts_are_windows(void **unused)
{
    (void)unused;
    uint64_t state = 11;
    int cut = 0, refused = 0;
    for (int trial = 0; trial < 6000; trial++) {
        Arena *arena = base_arena_create(&escape);
        Pair pair = random_pair(arena, &state, 1 + random_below(&state, 3), 3, 120);
        int64_t extents[MAPPING_MAX_RANK], corner[MAPPING_MAX_RANK] = {0};
        MappingError error = {0};
        random_window(&state, &pair.oracle, extents);
        const Mapping *part =
            mapping_part(arena, pair.mapping, extents, pair.oracle.workers, &error);
        if (part) {
            cut += part != pair.mapping;
            assert_int_equal(part->workers, pair.oracle.workers);
            do assert_true(same_tasks(&pair.oracle, part, corner, extents));
            while (next_corner(&pair.oracle, extents, corner));
        } else {
            refused++;
            assert_non_null(error.message);
        }
        base_arena_destroy(arena);
    }
    assert_true(cut > 500);
    assert_true(refused > 500);
}

static void transposed_tasks(void **unused)
{
    (void)unused;
    uint64_t state = 12;
    int turned = 0;
    for (int trial = 0; trial < 3000; trial++) {
        Arena *arena = base_arena_create(&escape);
        Pair pair = random_pair(arena, &state, 1 + random_below(&state, 4), 3, 120);
        const Oracle *o = &pair.oracle;
        int dims[MAPPING_MAX_RANK];
        MappingError error = {0};
        random_order(&state, o->rank, dims);
        const Mapping *m = mapping_transpose(arena, pair.mapping, dims, &error);
        turned += m != NULL;
        if (!m) assert_non_null(strstr(error.message, "dropped"));
        for (int64_t w = 0; m && w < o->workers; w++)
            for (int64_t step = 0; step < o->steps; step++) {
                int64_t at[MAPPING_MAX_RANK];
                mapping_eval(m, w, step, at);
                for (int d = 0; d < o->rank; d++)
                    assert_int_equal(at[d], oracle_task(o, w, step)[dims[d]]);
            }
        base_arena_destroy(arena);
    }
    assert_true(turned > 1000);
}

static void fragments_are_parts(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    MappingError error = {0};
    const Mapping *grid = mapping_repeat(arena, 2, (int64_t[]){2, 4}, NULL, &error);
    const Mapping *rows = mapping_repeat(arena, 2, (int64_t[]){2, 1}, NULL, &error);
    const Mapping *lanes = mapping_spatial(arena, 2, (int64_t[]){8, 4}, NULL, &error);
    const Mapping *pairs = mapping_repeat(arena, 2, (int64_t[]){1, 2}, NULL, &error);
    const Mapping *c =
        mapping_compose(arena, mapping_compose(arena, rows, lanes, &error), pairs, &error);
    const Mapping *sums = mapping_compose(arena, grid, c, &error);
    assert_true(mapping_equal(mapping_part(arena, sums, (int64_t[]){16, 8}, 32, &error), c));
    assert_null(mapping_part(arena, sums, (int64_t[]){4, 8}, 32, &error));
    assert_non_null(strstr(error.message, "some workers only"));
    assert_null(mapping_part(arena, sums, (int64_t[]){16, 24}, 32, &error));
    assert_non_null(strstr(error.message, "do not divide 32"));
    base_arena_destroy(arena);
}

/* Leading workers are cut where the window is for one of the groups that they count, not else. */
static void groups_have_windows(void **unused)
{
    (void)unused;
    uint64_t state = 13;
    int cut = 0;
    for (int trial = 0; trial < 2000; trial++) {
        Arena *arena = base_arena_create(&escape);
        Pair inner = random_pair(arena, &state, 2, 2, 60);
        MappingError error = {0};
        int64_t groups[] = {1 + (int64_t)random_below(&state, 3), 2};
        const Mapping *lead = mapping_spatial(arena, 2, groups, NULL, &error), *m = inner.mapping;
        const Mapping *whole = mapping_compose(arena, lead, m, &error);
        const Mapping *part =
            whole ? mapping_part(arena, whole, m->shape, m->workers, &error) : NULL;
        if (part) {
            cut++;
            assert_true(mapping_equal(part, m));
            assert_null(mapping_part(arena, whole, m->shape, whole->workers, &error));
            assert_non_null(strstr(error.message, "some workers only"));
        } else {
            assert_non_null(error.message);
        }
        base_arena_destroy(arena);
    }
    assert_true(cut > 500);
}

int main(void)
{
    if (setjmp(escape.env)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_windows), cmocka_unit_test(transposed_tasks),
        cmocka_unit_test(fragments_are_parts), cmocka_unit_test(groups_have_windows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
