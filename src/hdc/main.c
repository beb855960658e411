/* The command line's entry, and what all verbs share. */
#include "hdc/hdc.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const Verb verbs[] = {
    {"build", verb_build, "[build] FILE.hd [-o OUT] [--emit=KIND]", "compile a file"},
    {"check", verb_check, "check FILE…", "everything but code"},
    {"run", verb_run, "run FILE.hd ENTRY [m=512 …] [--in a=x.npy] [--out c=c.npy]",
     "run one kernel"},
    {"test", verb_test, "test PATH… [--filter TEXT] [--jobs N]", "run the tests in the sources"},
    {"bench", verb_bench, "bench PATH… [--json F] | bench --compare A B",
     "run the benches in the sources"},
    {"map", verb_map, "map 'EXPR' [--shape 64,8] [--workers 128] [--json] [--svg F]",
     "draw a task mapping"},
    {"fmt", verb_fmt, "fmt [--check] PATH…", "bring sources into the canonical layout"},
    {"explain", verb_explain, "explain CODE", "what a diagnostic means"},
    {"doctor", verb_doctor, "doctor", "what was found on this machine"},
    {"cache", verb_cache, "cache [status|clear]", "compiled kernels kept for reuse"},
    {"help", verb_help, "help [VERB]", "this text, or that of a verb"},
    {NULL, NULL, NULL, NULL},
};

bool use_color(FILE *file)
{
    const char *no_color = getenv("NO_COLOR");
    return isatty(fileno(file)) && !(no_color && *no_color);
}

static ExitStatus internal_error(const char *pass, const char *message)
{
    fprintf(stderr,
            "hdc: internal error%s%s: %s\nThis is a defect of hdc: please report it, with the "
            "source that caused it.\n",
            pass ? " in " : "", pass ? pass : "", message);
    return EXIT_INTERNAL;
}

ExitStatus report_status(Options *o, Compile *s, CompileStatus status)
{
    Diags *diags = s ? s->diags : NULL;
    if (o->printed.len) fwrite(o->printed.data, 1, o->printed.len, stderr);
    o->printed.len = 0;
    if (diags && (diags->list.len || o->diagnostics_json)) {
        Sb out = base_sb(s->arena);
        if (o->diagnostics_json)
            diag_render_json(diags, &out);
        else
            diag_render_text(diags, &out, use_color(stderr));
        fwrite(out.data, 1, out.len, stderr);
        diags->list.len = 0;
    }
    switch (status) {
    case COMPILE_OK:
        return EXIT_DONE;
    case COMPILE_WRONG:
        return EXIT_WRONG;
    case COMPILE_IO:
        fprintf(stderr, "hdc: %s\n", s->message);
        return EXIT_ENVIRONMENT;
    case COMPILE_MEMORY:
        fputs("hdc: out of memory\n", stderr);
        return EXIT_ENVIRONMENT;
    case COMPILE_INTERNAL:
        break;
    }
    return internal_error(s->escape.pass, s->message);
}

ExitStatus report_failure(const HdFailure *failure)
{
    if (failure->status == HD_REFUSED) return internal_error(NULL, failure->text);
    fprintf(stderr, "hdc: %s\n", failure->text);
    return failure->status == HD_BAD_CALL ? EXIT_CALL : EXIT_ENVIRONMENT;
}

ExitStatus write_output(const Options *o, const char *data, size_t len)
{
    if (!o->output || strcmp(o->output, "-") == 0) {
        bool good = fwrite(data, 1, len, stdout) == len;
        if (fflush(stdout) != 0 || !good) {
            fputs("hdc: cannot write to standard output\n", stderr);
            return EXIT_ENVIRONMENT;
        }
        return EXIT_DONE;
    }
    int error = base_file_write(o->output, data, len);
    if (!error) say(o, "wrote %s", o->output);
    if (!error) return EXIT_DONE;
    fprintf(stderr, "hdc: cannot write %s: %s\n", o->output, strerror(error));
    return EXIT_ENVIRONMENT;
}

void say(const Options *o, const char *fmt, ...)
{
    if (!o->verbose) return;
    va_list args;
    va_start(args, fmt);
    fputs("hdc: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

/* Whether --target's list holds `target`; ends the program at a word that is none. */
static bool wants(const Options *o, const char *target)
{
    bool found = !o->target;
    for (const char *p = o->target; p;) {
        size_t len = strcspn(p, ",");
        bool cpu = len == 3 && strncmp(p, "cpu", 3) == 0;
        bool cuda = len == 4 && strncmp(p, "cuda", 4) == 0;
        if (!cpu && !cuda)
            options_die_call("--target is `cpu`, `cuda` or `cpu,cuda`, not `%s`", o->target);
        found |= strlen(target) == len && strncmp(p, target, len) == 0;
        p = p[len] ? p + len + 1 : NULL;
    }
    return found;
}

static void check_pass(const char *option, const char *name, bool all)
{
    bool known = !name || (all && strcmp(name, "all") == 0);
    for (int i = 0; i < pass_count() && !known; i++) known = strcmp(name, pass_name(i)) == 0;
    if (known) return;
    fprintf(stderr, "hdc: %s: there is no pass `%s`; the passes are", option, name);
    for (int i = 0; i < pass_count(); i++) fprintf(stderr, " %s", pass_name(i));
    fputc('\n', stderr);
    exit(EXIT_CALL);
}

/* Targets write code of what all passes have left; who asks for no code may stop before. */
static bool wants_code(const Options *o)
{
    if (o->verb && strcmp(o->verb, "check") == 0) return false;
    return !o->emit ||
           (strcmp(o->emit, "ir") && strcmp(o->emit, "ast") && strcmp(o->emit, "typed"));
}

static void print_seconds(const Options *o)
{
    if (!o->seconds) return;
    double total = 0;
    for (int i = 0; i < pass_count(); i++) total += o->seconds[i];
    for (int i = 0; i < pass_count(); i++)
        fprintf(stderr, "%-12s %9.3f ms\n", pass_name(i), o->seconds[i] * 1e3);
    fprintf(stderr, "%-12s %9.3f ms\n", "all passes", total * 1e3);
}

CompileOptions compile_options(Options *o)
{
    check_pass("--print-after", o->print_after, true);
    check_pass("--stop-after", o->stop_after, false);
    if (o->stop_after && wants_code(o))
        options_die_call("--stop-after goes with `check` and --emit=ir: code needs every pass");
    if (o->time_passes && !o->seconds)
        o->seconds = NEW_ARRAY(o->arena, double, (size_t)pass_count());
#ifdef NDEBUG
    bool verify = false;
#else
    bool verify = true;
#endif
    return (CompileOptions){.cpu = wants(o, "cpu"),
                            .cuda = wants(o, "cuda"),
                            .arch = o->archs.len ? o->archs.data[0] : 80,
                            .define_count = (int)o->defines.len,
                            .defines = o->defines.data,
                            .check = o->check,
                            .shuffle_threads = o->shuffle,
                            .performance = o->performance,
                            .verify = verify || getenv("HD_VERIFY") != NULL,
                            .print_after = o->print_after,
                            .stop_after = o->stop_after,
                            .print_to = &o->printed,
                            .seconds = o->seconds};
}

/* Among several files (`some`) each may take other names. */
static void check_defines(const Options *o, Compile *s, bool some)
{
    for (size_t i = 0; i < o->defines.len; i++) {
        const LowerDefine *d = &o->defines.data[i];
        if (!some && !compile_takes_define(s, d->name))
            options_die_call(
                "-D %s: no kernel has a size, a `tune` name or a generic parameter `%s`", d->name,
                d->name);
        const char *why = compile_refuse_define(s, d);
        if (why) options_die_call("-D %s=%s: %s", d->name, d->text, why);
    }
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return a && b && stat(a, &x) == 0 && stat(b, &y) == 0 && S_ISREG(x.st_mode) &&
           x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static void keep_source(const Compile *s, const char *output)
{
    for (size_t i = 0; i < s->diags->sources.len; i++)
        if (same_file(s->diags->sources.data[i]->path, output))
            options_die_call("%s is a source: it is not written over", output);
}

static void keep_sources(const Options *o, const Compile *s)
{
    keep_source(s, o->output);
    keep_source(s, o->svg);
    keep_source(s, o->json);
    for (size_t i = 0; i < o->outputs.len; i++) keep_source(s, o->outputs.data[i].value);
}

Compile *open_session(Options *o, const char *path, ExitStatus *status)
{
    Compile *s = compile_create();
    if (!s) {
        fputs("hdc: out of memory\n", stderr);
        *status = EXIT_ENVIRONMENT;
        return NULL;
    }
    s->diags->warnings_as_errors = o->warnings_as_errors;
    s->diags->performance = o->performance;
    for (size_t i = 0; i < o->silenced.len; i++) s->diags->silent[o->silenced.data[i]] = true;
    say(o, "reads %s", path);
    CompileStatus loaded = compile_load(s, path, NULL, 0);
    *status = EXIT_DONE;
    keep_sources(o, s);
    if (loaded == COMPILE_OK) {
        check_defines(o, s, o->words.len > 1 && !(o->verb && strcmp(o->verb, "run") == 0));
        return s;
    }
    *status = report_status(o, s, loaded);
    compile_destroy(s);
    return NULL;
}

static ExitStatus run(Options *o, int argc, char **argv)
{
    if (setjmp(o->escape.env)) {
        fputs("hdc: out of memory\n", stderr);
        return EXIT_ENVIRONMENT;
    }
    o->arena = base_arena_create(&o->escape);
    o->printed = base_sb(o->arena);
    options_parse(o, argc, argv);
    if (o->verb && strcmp(o->verb, "version") == 0) {
        puts("hdc 0.1.0");
        return EXIT_DONE;
    }
    if (o->help) {
        if (o->verb) VEC_PUSH(o->arena, o->words, o->verb);
        return verb_help(o);
    }
    for (const Verb *v = verbs; v->name; v++)
        if (o->verb && strcmp(o->verb, v->name) == 0) return v->run(o);
    return verb_build(o);
}

int main(int argc, char **argv)
{
    static Options options;
    signals_install();
    ExitStatus status = run(&options, argc, argv);
    if (options.printed.len) fwrite(options.printed.data, 1, options.printed.len, stderr);
    print_seconds(&options);
    bool written = fflush(stdout) == 0 && !ferror(stdout);
    if (!written && status == EXIT_DONE) {
        fputs("hdc: cannot write to standard output\n", stderr);
        status = EXIT_ENVIRONMENT;
    }
    base_arena_destroy(options.arena);
    return (int)status;
}
