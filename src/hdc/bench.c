/* hdc bench PATH…; hdc bench --compare A B. */
#include "hdc/hdc.h"

#include <jansson.h>
#include <stdlib.h>

#include "hdc/paths.h"

typedef struct Table {
    json_t *rows; /* JSON array of all timings */
    const char *file, *device;
    FILE *report;     /* of the lines for people; not where the JSON goes */
    double bandwidth; /* bytes a second, measured; 0: not known */
} Table;

static void show(void *user, const HostTiming *t)
{
    Table *table = user;
    double rate = t->bytes / t->time.median;
    fprintf(table->report, "%-32s %10.3f ms  [%.3f, %.3f]  %8.2f GB/s", t->title,
            t->time.median * 1e3, t->time.low * 1e3, t->time.high * 1e3, rate * 1e-9);
    if (table->bandwidth > 0)
        fprintf(table->report, "  %5.1f %% of copy", 100 * rate / table->bandwidth);
    fprintf(table->report, "\n");
    fflush(table->report);
    json_array_append_new(table->rows,
                          json_pack("{s:s, s:s, s:s, s:s, s:i, s:f, s:f, s:f, s:f, s:f}", "file",
                                    table->file, "title", t->title, "kernel", t->kernel, "device",
                                    table->device, "runs", t->time.runs, "median", t->time.median,
                                    "low", t->time.low, "high", t->time.high, "best", t->time.min,
                                    "bytes", t->bytes));
}

static ExitStatus bench_file(Options *o, Host *host, Table *table)
{
    ExitStatus status;
    Compile *s = open_session(o, table->file, &status);
    if (!s) return status;
    CompileOptions c = compile_options(o);
    CompileStatus built;
    HdFailure failure = {0};
    bool good = host_run_benches(host, s, &c, o->filter, show, table, &built, &failure);
    status = report_status(o, s, built);
    if (!good && status == EXIT_DONE) {
        status = report_failure(&failure);
        if (failure.status == HD_BAD_CALL) status = EXIT_WRONG; /* the bench calls it so */
    }
    compile_destroy(s);
    return status;
}

static ExitStatus save(const Table *table, const char *path)
{
    char *text = json_dumps(table->rows, JSON_INDENT(2));
    int error = text ? base_file_write(path, text, strlen(text)) : 12;
    free(text);
    if (!error) return EXIT_DONE;
    fprintf(stderr, "hdc: cannot write %s: %s\n", path, strerror(error));
    return EXIT_ENVIRONMENT;
}

static double field(const json_t *row, const char *name)
{
    return json_number_value(json_object_get(row, name));
}

static const json_t *find_row(const json_t *rows, const json_t *like)
{
    size_t i;
    json_t *row;
    json_array_foreach(
        rows, i,
        row) if (json_equal(json_object_get(row, "title"), json_object_get(like, "title")) &&
                 json_equal(json_object_get(row, "file"), json_object_get(like, "file")) &&
                 json_equal(json_object_get(row, "kernel"),
                            json_object_get(like, "kernel"))) return row;
    return NULL;
}

static bool is_timing(const json_t *row)
{
    static const char *const numbers[] = {"median", "low", "high"};
    bool good = json_is_string(json_object_get(row, "title"));
    for (size_t i = 0; i < BASE_LEN(numbers); i++)
        good &= json_is_number(json_object_get(row, numbers[i]));
    return good;
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *rows = json_load_file(path, 0, &error);
    bool good = json_is_array(rows);
    for (size_t i = 0; i < json_array_size(rows); i++) good &= is_timing(json_array_get(rows, i));
    if (good) return rows;
    fprintf(stderr, "hdc: %s: %s\n", path, rows ? "not a list of timings" : error.text);
    json_decref(rows);
    return NULL;
}

/* Ratio B / A of the medians; intervals that do not overlap are marked. */
static ExitStatus compare(const char *a_path, const char *b_path)
{
    json_t *a = load(a_path), *b = a ? load(b_path) : NULL;
    size_t i;
    json_t *row;
    if (b) json_array_foreach(b, i, row)
        {
            const json_t *old = find_row(a, row);
            if (!old) continue;
            double before = field(old, "median"), after = field(row, "median");
            bool apart =
                field(row, "low") > field(old, "high") || field(row, "high") < field(old, "low");
            printf("%-32s %10.3f ms -> %10.3f ms  x %.3f%s\n",
                   json_string_value(json_object_get(row, "title")), before * 1e3, after * 1e3,
                   after / before,
                   !apart           ? ""
                   : after > before ? "  slower"
                                    : "  faster");
        }
    ExitStatus status = b ? EXIT_DONE : EXIT_ENVIRONMENT;
    json_decref(a);
    json_decref(b);
    return status;
}

ExitStatus verb_bench(Options *o)
{
    if (o->compare) {
        if (o->words.len != 2) options_die_call("bench --compare: two files of `bench --json`");
        return compare(o->words.data[0], o->words.data[1]);
    }
    if (o->words.len == 0) options_die_call("bench: which files?");
    HdFailure failure = {0};
    Host *host = host_create(o->device, o->seed, &failure);
    if (!host) return report_failure(&failure);
    Table table = {.rows = json_array(), .device = hd_rt_device_name(host->device)};
    if (!hd_rt_device_bandwidth(host->device, &table.bandwidth, &failure)) table.bandwidth = 0;
    table.report = o->json && strcmp(o->json, "-") == 0 ? stderr : stdout;
    fprintf(table.report, "%s, copy %.1f GB/s\n", table.device, table.bandwidth * 1e-9);
    ExitStatus worst = EXIT_DONE;
    PathList files = paths_collect(o, ".hd");
    for (size_t i = 0; i < files.len; i++) {
        table.file = files.data[i];
        ExitStatus status = bench_file(o, host, &table);
        if (status > worst) worst = status;
    }
    if (o->json) { /* what was measured before something failed, too */
        ExitStatus saved = save(&table, o->json);
        if (saved > worst) worst = saved;
    }
    json_decref(table.rows);
    host_destroy(host);
    return worst;
}
