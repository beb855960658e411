/* Pictures of mappings: the text and SVG forms by sample, the JSON form against the oracle, and
 * what is cut, wrapped or refused. */
#include "random.h"

#include "mapping/draw.h"

#include <inttypes.h>
#include <stdio.h>

static Escape escape;

static const Mapping *spatial(Arena *arena, int rank, const int64_t *extents)
{
    MappingError error = {0};
    const Mapping *m = mapping_spatial(arena, rank, extents, NULL, &error);
    assert_non_null(m);
    return m;
}

static const Mapping *repeat(Arena *arena, int rank, const int64_t *extents)
{
    MappingError error = {0};
    const Mapping *m = mapping_repeat(arena, rank, extents, NULL, &error);
    assert_non_null(m);
    return m;
}

static const Mapping *times(Arena *arena, const Mapping *a, const Mapping *b)
{
    MappingError error = {0};
    const Mapping *m = mapping_compose(arena, a, b, &error);
    assert_non_null(m);
    return m;
}

static char *text_of(Arena *arena, const Mapping *m)
{
    Sb sb = base_sb(arena);
    assert_true(mapping_draw_text(&sb, m));
    return base_sb_text(&sb);
}

static char *json_of(Arena *arena, const Mapping *m)
{
    Sb sb = base_sb(arena);
    assert_true(mapping_draw_json(&sb, m));
    return base_sb_text(&sb);
}

static char *svg_of(Arena *arena, const Mapping *m)
{
    Sb sb = base_sb(arena);
    assert_true(mapping_draw_svg(&sb, m));
    return base_sb_text(&sb);
}

static void text_shows_who_does_what(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    MappingError error = {0};
    const Mapping *m =
        times(arena, spatial(arena, 2, (int64_t[]){2, 2}), repeat(arena, 2, (int64_t[]){1, 2}));
    assert_string_equal(text_of(arena, m), "spatial(2, 2) * repeat(1, 2)\n"
                                           "shape 2 x 4, 4 workers, 2 tasks each; a cell is "
                                           "worker:step\n"
                                           "\n"
                                           "  |   0   1   2   3\n"
                                           "--+----------------\n"
                                           "0 | 0:0 0:1 1:0 1:1\n"
                                           "1 | 2:0 2:1 3:0 3:1\n");
    assert_string_equal(text_of(arena, mapping_drop(arena, m, 1, &error)),
                        "(spatial(2, 2) * repeat(1, 2)).drop(1)\n"
                        "shape 2, 4 workers, 1 task each; a cell is worker:step\n"
                        "\n"
                        "  |    0    1\n"
                        "--+----------\n"
                        "0 | 0*:0 2*:0\n"
                        "* each task has 2 owners, of which the lowest worker is shown\n");
    assert_string_equal(text_of(arena, repeat(arena, 3, (int64_t[]){2, 1, 2})),
                        "repeat(2, 1, 2)\n"
                        "shape 2 x 1 x 2, 1 worker, 4 tasks; a cell is worker:step\n"
                        "\n"
                        "(0, :, :)\n"
                        "  |   0   1\n"
                        "--+--------\n"
                        "0 | 0:0 0:1\n"
                        "\n"
                        "(1, :, :)\n"
                        "  |   0   1\n"
                        "--+--------\n"
                        "0 | 0:2 0:3\n");
    assert_non_null(strstr(text_of(arena, mapping_replicate(arena, 4, &error)), "shape 1, 4"));
    base_arena_destroy(arena);
}

static void large_mappings_are_cut(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    const char *text = text_of(arena, spatial(arena, 2, (int64_t[]){70, 100}));
    assert_non_null(strstr(text, "(cut: 64 of 70 rows, 32 of 100 columns are shown)\n"));
    text = text_of(arena, spatial(arena, 4, (int64_t[]){5, 7, 2, 2}));
    assert_non_null(strstr(text, "(1, 0, :, :)\n"));
    assert_null(strstr(text, "(1, 1, :, :)\n"));
    assert_non_null(strstr(text, "2 of 2 rows, 2 of 2 columns, 8 of 35 grids are shown)\n"));
    text = text_of(arena, spatial(arena, 1, (int64_t[]){40}));
    assert_non_null(strstr(text, "\n32 | 32:0 33:0 34:0 35:0 36:0 37:0 38:0 39:0\n"));
    assert_null(strstr(text, "cut"));
    int64_t huge = (int64_t)1 << 60;
    text = text_of(arena, repeat(arena, 1, &huge));
    assert_non_null(strstr(text, "(cut: 64 of 72057594037927936 rows"));
    assert_non_null(strstr(svg_of(arena, repeat(arena, 2, (int64_t[]){1 << 20, 1 << 30})),
                           "cut: 64 of 1048576 rows, 64 of 1073741824 columns, 1 of 1 grids"));
    base_arena_destroy(arena);
}

static void append_list(Sb *sb, const int64_t *values, int count)
{
    base_sb_char(sb, '[');
    for (int i = 0; i < count; i++) base_sb_printf(sb, i ? ", %" PRId64 : "%" PRId64, values[i]);
    base_sb_char(sb, ']');
}

static char *oracle_json(Arena *arena, const Oracle *o)
{
    Sb sb = base_sb(arena);
    base_sb_str(&sb, "{\"shape\": ");
    append_list(&sb, o->shape, o->rank);
    base_sb_printf(&sb, ", \"workers\": %" PRId64 ", \"tasks\": [", o->workers);
    for (int64_t w = 0; w < o->workers; w++) {
        base_sb_str(&sb, w ? ", [" : "[");
        for (int64_t s = 0; s < o->steps; s++) {
            if (s) base_sb_str(&sb, ", ");
            append_list(&sb, oracle_task(o, w, s), o->rank);
        }
        base_sb_char(&sb, ']');
    }
    base_sb_str(&sb, "]}\n");
    return base_sb_text(&sb);
}

static void json_is_the_function(void **unused)
{
    (void)unused;
    uint64_t state = 7;
    Arena *arena = base_arena_create(&escape);
    assert_string_equal(json_of(arena, times(arena, spatial(arena, 2, (int64_t[]){1, 2}),
                                             repeat(arena, 2, (int64_t[]){2, 1}))),
                        "{\"shape\": [2, 2], \"workers\": 2, \"tasks\": "
                        "[[[0, 0], [1, 0]], [[0, 1], [1, 1]]]}\n");
    for (int trial = 0; trial < 300; trial++) {
        Pair pair = random_pair(arena, &state, 1 + random_below(&state, 4), 3, 100);
        assert_string_equal(json_of(arena, pair.mapping), oracle_json(arena, &pair.oracle));
    }
    base_arena_destroy(arena);
}

/* Every element is closed, in order, and no character stands where XML would need it escaped. */
static void assert_well_formed(const char *xml)
{
    char open[8][16];
    int depth = 0;
    for (const char *at = strchr(xml, '<'); at; at = strchr(at + 1, '<')) {
        const char *end = strchr(at, '>');
        assert_non_null(end);
        size_t length = strcspn(at + 1, " >");
        if (at[1] == '/') {
            assert_true(depth > 0);
            depth--;
            assert_int_equal(strlen(open[depth]), length - 1);
            assert_memory_equal(open[depth], at + 2, length - 1);
        } else if (end[-1] != '/') {
            assert_true(depth < 8 && length < sizeof open[0]);
            snprintf(open[depth++], sizeof open[0], "%.*s", (int)length, at + 1);
        }
    }
    assert_int_equal(depth, 0);
    assert_null(strchr(xml, '&'));
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

static void svg_has_a_cell_a_task(void **unused)
{
    (void)unused;
    uint64_t state = 8;
    for (int trial = 0; trial < 200; trial++) {
        Arena *arena = base_arena_create(&escape);
        Pair pair = random_pair(arena, &state, 1 + random_below(&state, 2), 3, 60);
        const char *svg = svg_of(arena, pair.mapping);
        int64_t cells = pair.oracle.shape[0] * pair.oracle.shape[1];
        assert_well_formed(svg);
        assert_int_equal(occurrences(svg, "<rect "), cells + 1); /* and the legend's */
        assert_int_equal(occurrences(svg, "<text class=\"w\""), cells + 1);
        assert_int_equal(
            strncmp(svg, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", 52), 0);
        base_arena_destroy(arena);
    }
}

static void svg_colours_workers(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    const char *svg = svg_of(
        arena, times(arena, spatial(arena, 1, (int64_t[]){2}), repeat(arena, 1, (int64_t[]){3})));
    assert_int_equal(occurrences(svg, "fill=\"#f6b0b0\""), 3 + 1);
    assert_non_null(strstr(svg, "shape 6 · 2 workers, 3 tasks each"));
    assert_well_formed(svg_of(arena, spatial(arena, 3, (int64_t[]){2, 3, 4})));
    base_arena_destroy(arena);
}

static void runtime_extents_are_refused(void **unused)
{
    (void)unused;
    Arena *arena = base_arena_create(&escape);
    int64_t late = MAPPING_RUNTIME(0);
    const Mapping *maps[] = {repeat(arena, 1, &late), spatial(arena, 1, &late)};
    for (int i = 0; i < 2; i++) {
        Sb sb = base_sb(arena);
        assert_false(mapping_draw_text(&sb, maps[i]));
        assert_false(mapping_draw_json(&sb, maps[i]));
        assert_false(mapping_draw_svg(&sb, maps[i]));
        assert_int_equal(sb.len, 0);
    }
    base_arena_destroy(arena);
}

int main(void)
{
    if (setjmp(escape.env)) return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_shows_who_does_what), cmocka_unit_test(large_mappings_are_cut),
        cmocka_unit_test(json_is_the_function),     cmocka_unit_test(svg_has_a_cell_a_task),
        cmocka_unit_test(svg_colours_workers),      cmocka_unit_test(runtime_extents_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
