/* The algebra against the brute-force evaluator, on random compositions. */
#include "random.h"

#include "mapping/index.h"

static Escape escape;

static void assert_agrees(const Pair *pair)
{
    const Mapping *m = pair->mapping;
    const Oracle *o = &pair->oracle;
    assert_int_equal(m->rank, o->rank);
    assert_int_equal(m->workers, o->workers);
    assert_int_equal(m->steps, o->steps);
    for (int i = 0; i < m->rank; i++) assert_int_equal(m->shape[i], o->shape[i]);
    for (int64_t w = 0; w < o->workers; w++) {
        for (int64_t s = 0; s < o->steps; s++) {
            int64_t task[MAPPING_MAX_RANK], by_worker[MAPPING_MAX_RANK], by_time[MAPPING_MAX_RANK];
            mapping_eval(m, w, s, task);
            mapping_eval_worker(m, w, by_worker);
            mapping_eval_time(m, s, by_time);
            assert_true(oracle_same_task(o->rank, task, oracle_task(o, w, s)));
            for (int i = 0; i < m->rank; i++) assert_int_equal(task[i], by_worker[i] + by_time[i]);
        }
    }
}

/* The step at which the oracle's worker has the task, or -1. */
static int64_t find_step(const Oracle *o, int64_t worker, const int64_t *task)
{
    for (int64_t s = 0; s < o->steps; s++) {
        if (oracle_same_task(o->rank, task, oracle_task(o, worker, s))) return s;
    }
    return -1;
}

static void assert_inverse(const Pair *pair, uint64_t *state)
{
    const Oracle *o = &pair->oracle;
    for (int trial = 0; trial < 12; trial++) {
        int64_t task[MAPPING_MAX_RANK] = {0}, step = -1, owner = -1;
        for (int i = 0; i < o->rank; i++) task[i] = random_below(state, (int)o->shape[i] + 1);
        for (int64_t w = 0; w < o->workers; w++) {
            int64_t expected = find_step(o, w, task);
            assert_int_equal(mapping_slot(pair->mapping, w, task), expected);
            if (owner < 0 && expected >= 0) owner = w;
        }
        assert_int_equal(mapping_owner(pair->mapping, task, &step), owner);
        if (owner >= 0) assert_int_equal(step, find_step(o, owner, task));
        task[0] = -1;
        assert_int_equal(mapping_slot(pair->mapping, 0, task), -1);
        assert_int_equal(mapping_owner(pair->mapping, task, NULL), -1);
    }
    int64_t origin[MAPPING_MAX_RANK] = {0};
    assert_int_equal(mapping_slot(pair->mapping, -1, origin), -1);
    assert_int_equal(mapping_slot(pair->mapping, o->workers, origin), -1);
}

static void assert_coverage(const Pair *pair)
{
    const Oracle *o = &pair->oracle;
    int64_t volume = 1, reached = 0;
    bool disjoint = true;
    for (int i = 0; i < o->rank; i++) volume *= o->shape[i];
    int *seen = test_calloc((size_t)volume, sizeof *seen);
    for (int64_t w = 0; w < o->workers; w++) {
        for (int64_t s = 0; s < o->steps; s++) {
            int64_t at = 0;
            for (int i = 0; i < o->rank; i++) at = at * o->shape[i] + oracle_task(o, w, s)[i];
            if (seen[at]++) disjoint = false;
            if (seen[at] == 1) reached++;
        }
    }
    test_free(seen);
    assert_int_equal(reached, volume);
    assert_int_equal(mapping_has_replicas(pair->mapping), !disjoint);
}

/* Expressions that are their own values; one is added because NULL is not an expression. */
static void *box(int64_t value)
{
    return (void *)(intptr_t)(value + 1);
}
static int64_t unbox(void *value)
{
    return (int64_t)(intptr_t)value - 1;
}
static void *op_constant(void *user, int64_t value)
{
    (void)user;
    return box(value);
}
static void *op_add(void *user, void *a, void *b)
{
    (void)user;
    return box(unbox(a) + unbox(b));
}
static void *op_mul(void *user, void *a, void *b)
{
    (void)user;
    return box(unbox(a) * unbox(b));
}
static void *op_div(void *user, void *a, void *b)
{
    (void)user;
    return box(unbox(a) / unbox(b));
}
static void *op_mod(void *user, void *a, void *b)
{
    (void)user;
    return box(unbox(a) % unbox(b));
}
static void *op_runtime(void *user, int k)
{
    return box(((const int64_t *)user)[k]);
}

static MappingIndexOps value_ops(int64_t *runtime)
{
    return (MappingIndexOps){runtime, op_constant, op_add, op_mul, op_div, op_mod, op_runtime};
}

/* Values of the time digits at `step`, given the run-time extents. */
static void split_step(const Mapping *m, const int64_t *runtime, int64_t step, void **counters)
{
    for (int i = m->time_count - 1; i >= 0; i--) {
        int64_t extent = m->time[i].extent;
        if (MAPPING_IS_RUNTIME(extent)) extent = runtime[MAPPING_RUNTIME_ID(extent)];
        counters[i] = box(step % extent);
        step /= extent;
    }
}

/* The index arithmetic of `m` evaluated back is the oracle. */
static void assert_index(const Mapping *m, const Oracle *o, int64_t *runtime)
{
    MappingIndexOps ops = value_ops(runtime);
    assert_int_equal(unbox(mapping_index_workers(m, &ops)), o->workers);
    for (int i = 0; i < m->rank; i++) {
        assert_int_equal(unbox(mapping_index_shape(m, i, &ops)), o->shape[i]);
    }
    for (int64_t w = 0; w < o->workers; w++) {
        for (int64_t s = 0; s < o->steps; s++) {
            void *counters[MAPPING_MAX_DIGITS], *coords[MAPPING_MAX_RANK];
            split_step(m, runtime, s, counters);
            for (int i = 0; i < m->rank; i++) {
                coords[i] = mapping_index_coord(m, i, &ops, box(w), counters);
                assert_int_equal(unbox(coords[i]), oracle_task(o, w, s)[i]);
                assert_int_equal(unbox(coords[i]),
                                 unbox(mapping_index_worker_part(m, i, &ops, box(w))) +
                                     unbox(mapping_index_time_part(m, i, &ops, counters)));
            }
            assert_int_equal(unbox(mapping_index_slot(m, &ops, coords)), s);
            int64_t owner = unbox(mapping_index_owner(m, &ops, coords));
            assert_true(owner <= w && find_step(o, owner, oracle_task(o, w, s)) == s);
        }
    }
}

static void random_mappings_agree(void **unused)
{
    (void)unused;
    uint64_t state = 1;
    for (int trial = 0; trial < 4000; trial++) {
        Arena *arena = base_arena_create(&escape);
        int rank = 1 + random_below(&state, 4);
        Pair pair = random_pair(arena, &state, rank, 3, 240);
        assert_agrees(&pair);
        assert_inverse(&pair, &state);
        assert_coverage(&pair);
        assert_index(pair.mapping, &pair.oracle, NULL);
        MappingError error = {0};
        const Mapping *again = mapping_build(arena, pair.mapping->factors, &error);
        assert_non_null(again);
        assert_true(mapping_equal(again, pair.mapping));
        assert_string_equal(mapping_text(arena, again, NULL, NULL),
                            mapping_text(arena, pair.mapping, NULL, NULL));
        base_arena_destroy(arena);
    }
}

static void composition_is_associative(void **unused)
{
    (void)unused;
    uint64_t state = 2;
    int different = 0;
    for (int trial = 0; trial < 3000; trial++) {
        Arena *arena = base_arena_create(&escape);
        MappingError error = {0};
        int rank = 1 + random_below(&state, 4);
        const Mapping *m[3];
        for (int i = 0; i < 3; i++) m[i] = random_pair(arena, &state, rank, 2, 60).mapping;
        const Mapping *ab = mapping_compose(arena, m[0], m[1], &error);
        const Mapping *bc = mapping_compose(arena, m[1], m[2], &error);
        const Mapping *left = mapping_compose(arena, ab, m[2], &error);
        const Mapping *right = mapping_compose(arena, m[0], bc, &error);
        assert_true(mapping_equal(left, right));
        assert_string_equal(mapping_text(arena, left, NULL, NULL),
                            mapping_text(arena, right, NULL, NULL));
        different += !mapping_equal(ab, mapping_compose(arena, m[1], m[0], &error));
        int dim = random_below(&state, rank);
        if (rank > 1) {
            assert_true(
                mapping_equal(mapping_drop(arena, ab, dim, &error),
                              mapping_compose(arena, mapping_drop(arena, m[0], dim, &error),
                                              mapping_drop(arena, m[1], dim, &error), &error)));
        }
        base_arena_destroy(arena);
    }
    assert_true(different > 500);
}

/* The first (worker, step) at which two oracles of equal worker count differ. */
static bool find_difference(const Oracle *a, const Oracle *b, int64_t *worker, int64_t *step)
{
    for (int64_t w = 0; w < a->workers; w++) {
        for (int64_t s = 0; s < a->steps || s < b->steps; s++) {
            *worker = w;
            *step = s;
            if (s >= a->steps || s >= b->steps) return true;
            if (!oracle_same_task(a->rank, oracle_task(a, w, s), oracle_task(b, w, s))) return true;
        }
    }
    return false;
}

static void equality_is_that_of_functions(void **unused)
{
    (void)unused;
    uint64_t state = 3;
    int equal = 0, compared = 0;
    for (int trial = 0; trial < 60000; trial++) {
        Arena *arena = base_arena_create(&escape);
        int rank = 1 + random_below(&state, 3);
        Pair a = random_pair(arena, &state, rank, 2, 12),
             b = random_pair(arena, &state, rank, 2, 12);
        bool expected = oracle_equal(&a.oracle, &b.oracle);
        assert_int_equal(mapping_equal(a.mapping, b.mapping), expected);
        equal += expected;
        if (a.oracle.workers == b.oracle.workers) {
            int64_t w, s, got_w, got_s;
            bool differ = find_difference(&a.oracle, &b.oracle, &w, &s);
            assert_int_equal(mapping_first_difference(a.mapping, b.mapping, &got_w, &got_s),
                             differ);
            if (differ) {
                assert_int_equal(got_w, w);
                assert_int_equal(got_s, s);
            }
            compared++;
        }
        base_arena_destroy(arena);
    }
    assert_true(equal > 500 && compared > 2000);
}

/* Some extents of a random product are made run-time ones; bound to the same values, the index
 * arithmetic must be that of the product. */
static void runtime_extents_evaluate_back(void **unused)
{
    (void)unused;
    uint64_t state = 4;
    int built = 0;
    for (int trial = 0; trial < 4000; trial++) {
        Arena *arena = base_arena_create(&escape);
        Pair pair = random_pair(arena, &state, 1 + random_below(&state, 3), 3, 120);
        const MappingFactors *factors = pair.mapping->factors;
        MappingFactor *list =
            base_copy(arena, factors->factors, (size_t)factors->count * sizeof(MappingFactor));
        int64_t values[64];
        int count = 0;
        for (int i = 0; i < factors->count; i++) {
            for (int axis = 0; list[i].kind <= MAPPING_REPEAT && axis < list[i].rank; axis++) {
                if (random_below(&state, 4) || count == MAPPING_MAX_RUNTIME) continue;
                values[count] = list[i].extents[axis];
                list[i].extents[axis] = MAPPING_RUNTIME(count++);
            }
        }
        MappingError error = {0};
        MappingFactors late = {.count = factors->count, .factors = list};
        const Mapping *m = mapping_build(arena, &late, &error);
        if (m) {
            assert_index(m, &pair.oracle, values);
            built++;
        } else {
            assert_non_null(strstr(error.message, "run-time extents"));
        }
        base_arena_destroy(arena);
    }
    assert_true(built > 3000);
}

int main(void)
{
    if (setjmp(escape.env)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_mappings_agree),
        cmocka_unit_test(composition_is_associative),
        cmocka_unit_test(equality_is_that_of_functions),
        cmocka_unit_test(runtime_extents_evaluate_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
