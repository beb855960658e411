/* hdc/ - the command line: one file a verb.
 *
 * Entry point: main.c. Each verb is a function of the parsed options that returns the process's
 * exit status. Messages go to stderr, results to stdout. This is the only floor that may print,
 * exit, or hold global state.
 */
#ifndef HDC_HDC_H
#define HDC_HDC_H

#include "host/host.h"

#include <stdio.h>

typedef enum {
    EXIT_DONE = 0,
    EXIT_WRONG = 1,       /* diagnostics, or a test failed */
    EXIT_CALL = 2,        /* the call is wrong */
    EXIT_ENVIRONMENT = 3, /* something is lacking, or a launch failed */
    EXIT_INTERNAL = 4,
} ExitStatus;

typedef struct Pair {
    const char *name, *value;
} Pair;

typedef struct Options {
    Arena *arena;
    Escape escape;
    const char *verb;
    VEC(const char *) words;   /* what is neither verb nor option */
    VEC(Pair) assignments;     /* NAME=VALUE words of `run` */
    VEC(Pair) inputs, outputs; /* --in, --out */
    VEC(LowerDefine) defines;
    const char *output; /* -o */
    const char *emit, *target, *device, *json, *svg, *shape, *filter;
    const char *print_after, *stop_after, *compare;
    VEC(int) archs;
    unsigned verb_options;  /* those given that only some verbs take, by row */
    VEC(DiagCode) silenced; /* -Wno-CODE */
    int64_t workers, jobs;  /* jobs 0: all in this process */
    uint64_t seed;
    bool check, diagnostics_json, verbose, time_passes, warnings_as_errors, json_flag, fmt_check;
    bool shuffle, generic, help, performance; /* -Wperf */
    Sb printed;                               /* what --print-after left */
    double *seconds;                          /* by pass, for --time-passes */
} Options;

/* False: a message was printed; the exit status is EXIT_CALL. */
bool options_parse(Options *options, int argc, char **argv);
void options_die_call(const char *fmt, ...) BASE_PRINTF(1, 2) BASE_NORETURN;

/* What a call of the compiler left: prints diagnostics; the exit status it means. */
ExitStatus report_status(Options *options, Compile *session, CompileStatus status);
ExitStatus report_failure(const HdFailure *failure);
bool use_color(FILE *file);
/* -v: a line on stderr about what is done. */
void say(const Options *options, const char *fmt, ...) BASE_PRINTF(2, 3);
/* Ends the program if more than `most` words were given. */
void options_limit_words(const Options *options, size_t most);
/* Writes text to -o, or to stdout where there is none. */
ExitStatus write_output(const Options *options, const char *data, size_t len);
CompileOptions compile_options(Options *options);
/* Loads FILE into a new session; prints what is wrong. *status is the exit status if NULL. */
Compile *open_session(Options *options, const char *path, ExitStatus *status);

/* Has code made for every --arch, as libraries hold it; else it is for the first. */
void artefact_every_arch(const Options *options, CompileOptions *compile);
/* Code for one target only; ends the program if --target leaves that out. */
void artefact_only(CompileOptions *compile, const Options *options, bool cuda);
/* --emit=so, header, ptx, cubin; without --emit the library and its header. */
ExitStatus build_artefact(Options *options, Compile *session);
/* Ends the program if --emit names none of those, or -o cannot take it. */
void artefact_check_kind(const Options *options);
void help_overview(FILE *out);
/* From here on a signal that ends hdc ends what it runs. */
void signals_install(void);

ExitStatus verb_build(Options *options);
ExitStatus verb_check(Options *options);
ExitStatus verb_run(Options *options);
ExitStatus verb_test(Options *options);
ExitStatus verb_bench(Options *options);
ExitStatus verb_map(Options *options);
ExitStatus verb_fmt(Options *options);
ExitStatus verb_explain(Options *options);
ExitStatus verb_doctor(Options *options);
ExitStatus verb_cache(Options *options);
ExitStatus verb_help(Options *options);

typedef struct Verb {
    const char *name;
    ExitStatus (*run)(Options *);
    const char *synopsis, *summary;
} Verb;
extern const Verb verbs[]; /* ends with a NULL name */

#endif
