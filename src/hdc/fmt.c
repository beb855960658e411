/* hdc fmt [--check] PATH… */
#include "hdc/hdc.h"

#include "hdc/paths.h"

static ExitStatus format_file(Options *o, const char *path)
{
    Compile *s = compile_create();
    if (!s) return EXIT_ENVIRONMENT;
    char *text = NULL, *formatted = NULL;
    size_t len = 0;
    int error = base_file_read_most(s->arena, path, SYNTAX_MAX_BYTES + 1, &text, &len);
    ExitStatus status = EXIT_DONE;
    if (error) {
        fprintf(stderr, "hdc: cannot read %s: %s\n", path, strerror(error));
        status = EXIT_ENVIRONMENT;
    } else {
        status = report_status(o, s, compile_format(s, path, text, len, &formatted));
    }
    bool same = formatted && strlen(formatted) == len && memcmp(formatted, text, len) == 0;
    if (formatted && o->fmt_check && !same) {
        printf("%s\n", path);
        status = EXIT_WRONG;
    } else if (formatted && !o->fmt_check && strcmp(path, "-") == 0) {
        fputs(formatted, stdout);
    } else if (formatted && !o->fmt_check && !same) {
        error = base_file_write(path, formatted, strlen(formatted));
        if (error) fprintf(stderr, "hdc: cannot write %s: %s\n", path, strerror(error));
        if (error) status = EXIT_ENVIRONMENT;
    }
    compile_destroy(s);
    return status;
}

ExitStatus verb_fmt(Options *o)
{
    if (o->words.len == 0) options_die_call("fmt: which files?");
    ExitStatus worst = EXIT_DONE;
    PathList files = paths_collect(o, ".hd");
    for (size_t i = 0; i < files.len; i++) {
        ExitStatus status = format_file(o, files.data[i]);
        if (status > worst) worst = status;
    }
    return worst;
}
