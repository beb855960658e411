/* hdc map: draws a mapping. */
#include "hdc/hdc.h"

#include "mapping/draw.h"

#include <errno.h>
#include <stdlib.h>

enum { MAX_JSON_TASKS = 1 << 22 };

static int parse_shape(const char *text, int64_t *shape)
{
    int rank = 0;
    for (const char *p = text; p && *p;) {
        char *end;
        errno = 0;
        long long extent = strtoll(p, &end, 10);
        if (errno || end == p || extent < 1 || rank == MAPPING_MAX_RANK || (*end && *end != ','))
            options_die_call("--shape is a list of extents like 64,8, not `%s`", text);
        shape[rank++] = extent;
        p = *end == ',' ? end + 1 : end;
    }
    return rank;
}

/* The name of a mapping in a file: FILE.hd:NAME. */
static const char *split_name(Options *o, const char *word, const char **file)
{
    const char *colon = strrchr(word, ':');
    if (!colon || colon - word < 4 || strncmp(colon - 3, ".hd", 3) != 0) return NULL;
    *file = base_strndup(o->arena, word, (size_t)(colon - word));
    return colon + 1;
}

/* A program with one mapping, so that the expression is checked like any other. */
static Compile *open_expr(Options *o, const char *expr, ExitStatus *status)
{
    Compile *s = compile_create();
    if (!s) return NULL;
    const char *text = base_format(o->arena, "mapping shown = %s\n", expr);
    CompileStatus loaded = compile_load(s, "<expression>", text, strlen(text));
    *status = loaded == COMPILE_OK ? EXIT_DONE : report_status(o, s, loaded);
    if (loaded == COMPILE_OK) return s;
    compile_destroy(s);
    return NULL;
}

static ExitStatus draw(Options *o, Compile *s, const Mapping *m)
{
    Sb out = base_sb(s->arena);
    if (o->svg) {
        mapping_draw_svg(&out, m);
        o->output = o->svg;
        return write_output(o, base_sb_text(&out), out.len);
    }
    if (o->json_flag) {
        if (m->workers < 0 || m->steps < 0 || m->workers * m->steps > MAX_JSON_TASKS) {
            fprintf(stderr, "hdc: the mapping has more than %d tasks, too many to list\n",
                    (int)MAX_JSON_TASKS);
            return EXIT_WRONG;
        }
        mapping_draw_json(&out, m);
    } else {
        mapping_draw_text(&out, m);
    }
    return write_output(o, base_sb_text(&out), out.len);
}

/* --workers and --shape solve holes; where there are none, they say what is expected. */
static bool is_expected(const Options *o, const Mapping *m, int rank, const int64_t *shape)
{
    if (o->workers > 0 && m->workers >= 0 && m->workers != o->workers) {
        fprintf(stderr, "hdc: the mapping has %lld workers, not %lld\n", (long long)m->workers,
                (long long)o->workers);
        return false;
    }
    bool same = rank == 0 || rank == m->rank;
    for (int d = 0; same && d < rank; d++) same = m->shape[d] < 0 || m->shape[d] == shape[d];
    if (same) return true;
    fputs("hdc: the mapping has the task shape", stderr);
    for (int d = 0; d < m->rank; d++)
        fprintf(stderr, "%s %lld", d ? "," : "", (long long)m->shape[d]);
    fprintf(stderr, ", not %s\n", o->shape);
    return false;
}

ExitStatus verb_map(Options *o)
{
    if (o->words.len != 1) options_die_call("map: one mapping expression, or FILE.hd:NAME");
    int64_t shape[MAPPING_MAX_RANK];
    int rank = parse_shape(o->shape, shape);
    const char *file = NULL, *name = split_name(o, o->words.data[0], &file);
    ExitStatus status = EXIT_DONE;
    Compile *s = name ? open_session(o, file, &status) : open_expr(o, o->words.data[0], &status);
    if (!s) return status;
    CompileStatus mapped;
    const Mapping *m =
        compile_mapping(s, name ? name : "shown", rank, rank ? shape : NULL, o->workers, &mapped);
    status = report_status(o, s, mapped);
    if (m) status = is_expected(o, m, rank, shape) ? draw(o, s, m) : EXIT_WRONG;
    compile_destroy(s);
    return status;
}
