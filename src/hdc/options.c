/* Command-line options, as cli.md of the docs lists them. */
#include "hdc/hdc.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "runtime/cpu.h"

void options_die_call(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("hdc: ", stderr);
    vfprintf(stderr, fmt, args);
    fputs("\nTry `hdc help`.\n", stderr);
    va_end(args);
    exit(EXIT_CALL);
}

static int64_t number(const char *text, const char *what)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 0);
    if (errno || end == text || *end) options_die_call("%s: `%s` is not a number", what, text);
    return value;
}

/* The value of `--name=value` or `--name value`. */
static const char *value_of(const char *name, int argc, char **argv, int *at)
{
    size_t len = strlen(name);
    const char *arg = argv[*at];
    if (arg[len] == '=') return arg + len + 1;
    if (*at + 1 >= argc) options_die_call("%s needs a value", name);
    return argv[++*at];
}

static bool is(const char *arg, const char *name)
{
    size_t len = strlen(name);
    return strncmp(arg, name, len) == 0 && (arg[len] == '\0' || arg[len] == '=');
}

static Pair split_pair(Options *o, const char *text, const char *what)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) options_die_call("%s wants NAME=VALUE, not `%s`", what, text);
    return (Pair){base_strndup(o->arena, text, (size_t)(equals - text)), equals + 1};
}

static void add_define(Options *o, const char *text)
{
    LowerDefine define;
    if (!compile_parse_define(o->arena, text, &define))
        options_die_call("-D wants NAME=VALUE, not `%s`", text);
    VEC_PUSH(o->arena, o->defines, define);
}

/* sm_75, sm_80, sm_90a … by their numbers. */
static void add_archs(Options *o, const char *list)
{
    static const int known[] = {75, 80, 86, 87, 89, 90, 100, 103, 120, 121};
    for (const char *p = list; p;) {
        const char *start = p;
        if (strncmp(p, "sm_", 3) == 0) p += 3;
        char *end;
        long arch = strtol(p, &end, 10);
        if (*end == 'a') end++;
        bool found = false;
        for (size_t i = 0; i < BASE_LEN(known); i++) found |= known[i] == arch;
        if (!found || (*end && *end != ','))
            options_die_call("--arch: `%s` is not an architecture (sm_75, sm_80, sm_86, sm_89, "
                             "sm_90a, sm_100, sm_120)",
                             start);
        bool again = false;
        for (size_t i = 0; i < o->archs.len; i++) again |= o->archs.data[i] == arch;
        if (!again) VEC_PUSH(o->arena, o->archs, (int)arch);
        p = *end ? end + 1 : NULL;
    }
}

static DiagCode warning(const char *text)
{
    DiagCode code = diag_code_find(text);
    if (code == DIAG_NONE || diag_code_text(code)[0] != 'W')
        options_die_call("-Wno-CODE: `%s` is no warning, like W0101", text);
    return code;
}

typedef struct TextOption {
    const char *name;
    size_t offset;
} TextOption;
typedef struct FlagOption {
    const char *name;
    size_t offset;
} FlagOption;

static const TextOption text_options[] = {
    {"--emit", offsetof(Options, emit)},
    {"--target", offsetof(Options, target)},
    {"--device", offsetof(Options, device)},
    {"--svg", offsetof(Options, svg)},
    {"--shape", offsetof(Options, shape)},
    {"--filter", offsetof(Options, filter)},
    {"--print-after", offsetof(Options, print_after)},
    {"--stop-after", offsetof(Options, stop_after)},
    {"-o", offsetof(Options, output)},
};
static const FlagOption flag_options[] = {
    {"--check", offsetof(Options, check)},
    {"-v", offsetof(Options, verbose)},
    {"--verbose", offsetof(Options, verbose)},
    {"--time-passes", offsetof(Options, time_passes)},
    {"-Wperf", offsetof(Options, performance)},
    {"-Werror", offsetof(Options, warnings_as_errors)},
    {"--shuffle", offsetof(Options, shuffle)},
    {"--generic", offsetof(Options, generic)},
    {"-h", offsetof(Options, help)},
    {"--help", offsetof(Options, help)},
};

/* Options that only some verbs take; all others are every verb's. */
typedef struct VerbOption {
    const char *name, *verbs;
} VerbOption;
static const VerbOption verb_options[] = {
    {"-o", "build map"},    {"--emit", "build"},        {"--generic", "build"},
    {"--in", "run"},        {"--out", "run"},           {"--svg", "map"},
    {"--shape", "map"},     {"--workers", "map"},       {"--json", "map bench"},
    {"--compare", "bench"}, {"--filter", "test bench"}, {"--jobs", "test"},
};

static void note_verb_option(Options *o, const char *arg)
{
    for (size_t i = 0; i < BASE_LEN(verb_options); i++)
        if (is(arg, verb_options[i].name)) o->verb_options |= 1U << i;
}

/* Verbs may stand behind their options. */
static void check_verb_options(const Options *o)
{
    const char *verb = o->verb ? o->verb : "build";
    for (size_t i = 0; i < BASE_LEN(verb_options); i++)
        if ((o->verb_options >> i & 1) && !strstr(verb_options[i].verbs, verb))
            options_die_call("%s: there is no option `%s`", verb, verb_options[i].name);
}

static bool text_option(Options *o, int argc, char **argv, int *at)
{
    for (size_t i = 0; i < BASE_LEN(text_options); i++)
        if (is(argv[*at], text_options[i].name)) {
            const char *value = value_of(text_options[i].name, argc, argv, at);
            memcpy((char *)o + text_options[i].offset, &value, sizeof value);
            return true;
        }
    return false;
}

static bool flag_option(Options *o, const char *arg)
{
    for (size_t i = 0; i < BASE_LEN(flag_options); i++)
        if (strcmp(arg, flag_options[i].name) == 0) {
            bool *flag = (bool *)((char *)o + flag_options[i].offset);
            *flag = true;
            return true;
        }
    return false;
}

static int64_t count_of(const char *name, int argc, char **argv, int *at)
{
    int64_t n = number(value_of(name, argc, argv, at), name);
    if (n < 0 || n > INT32_MAX) options_die_call("%s wants a number from 0", name);
    return n;
}

static bool is_verb(const Options *o, const char *verb)
{
    return o->verb && strcmp(o->verb, verb) == 0;
}

static void json_option(Options *o, int argc, char **argv, int *at)
{
    if (is_verb(o, "bench"))
        o->json = value_of("--json", argc, argv, at);
    else
        o->json_flag = true;
}

static void option(Options *o, int argc, char **argv, int *at)
{
    const char *arg = argv[*at];
    if (is_verb(o, "fmt") && strcmp(arg, "--check") == 0)
        o->fmt_check = true;
    else if (flag_option(o, arg) || text_option(o, argc, argv, at))
        return;
    else if (is(arg, "--json"))
        json_option(o, argc, argv, at);
    else if (is(arg, "--arch"))
        add_archs(o, value_of("--arch", argc, argv, at));
    else if (is(arg, "--workers")) {
        o->workers = number(value_of("--workers", argc, argv, at), "--workers");
        if (o->workers < 1) options_die_call("--workers is at least 1");
    } else if (is(arg, "--jobs"))
        o->jobs = count_of("--jobs", argc, argv, at);
    else if (is(arg, "--seed"))
        o->seed = (uint64_t)number(value_of("--seed", argc, argv, at), "--seed");
    else if (is(arg, "--in"))
        VEC_PUSH(o->arena, o->inputs, split_pair(o, value_of("--in", argc, argv, at), "--in"));
    else if (is(arg, "--out"))
        VEC_PUSH(o->arena, o->outputs, split_pair(o, value_of("--out", argc, argv, at), "--out"));
    else if (is(arg, "--compare"))
        o->compare = "";
    else if (is(arg, "--diagnostics")) {
        const char *kind = value_of("--diagnostics", argc, argv, at);
        if (strcmp(kind, "json") && strcmp(kind, "text"))
            options_die_call("--diagnostics is `text` or `json`, not `%s`", kind);
        o->diagnostics_json = strcmp(kind, "json") == 0;
    } else if (strcmp(arg, "-D") == 0)
        add_define(o, value_of("-D", argc, argv, at));
    else if (strncmp(arg, "-D", 2) == 0)
        add_define(o, arg + 2);
    else if (strncmp(arg, "-Wno-", 5) == 0)
        VEC_PUSH(o->arena, o->silenced, warning(arg + 5));
    else if (strcmp(arg, "-Wall") == 0)
        return; /* every warning is on */
    else
        options_die_call("there is no option `%s`", arg);
}

void options_limit_words(const Options *o, size_t most)
{
    if (o->words.len > most)
        options_die_call("%s: what is `%s`?", o->verb ? o->verb : "hdc", o->words.data[most]);
}

static bool looks_like_assignment(const char *arg)
{
    if (!isalpha((unsigned char)*arg) && *arg != '_') return false;
    while (isalnum((unsigned char)*arg) || *arg == '_') arg++;
    return *arg == '=';
}

bool options_parse(Options *o, int argc, char **argv)
{
    o->seed = 1;
    o->jobs = hd_cpu_processors();
    bool rest = false;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (!rest && strcmp(arg, "--") == 0)
            rest = true;
        else if (!rest && strcmp(arg, "--version") == 0)
            o->verb = "version";
        else if (!rest && arg[0] == '-' && arg[1]) {
            note_verb_option(o, arg);
            option(o, argc, argv, &i);
        } else if (is_verb(o, "run") && looks_like_assignment(arg))
            VEC_PUSH(o->arena, o->assignments, split_pair(o, arg, "run"));
        else if (!o->verb && o->words.len == 0) {
            for (const Verb *v = verbs; v->name; v++)
                if (strcmp(arg, v->name) == 0) o->verb = v->name;
            if (!o->verb) VEC_PUSH(o->arena, o->words, arg);
        } else {
            VEC_PUSH(o->arena, o->words, arg);
        }
    }
    if (!o->help) check_verb_options(o);
    return true;
}
