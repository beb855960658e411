/* Compiling emitted C with the system's compiler. */
#include "runtime/cc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/process.h"

enum { CC_TIMEOUT_S = 300 };

/* Strict floating point: no contraction, no reassociation. The two `-fno-` change no value: they
 * say that nobody reads errno or the exception flags. */
static const char *const cc_flags[] = {
    "-shared",
    "-fPIC",
    "-fvisibility=hidden",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-semantic-interposition",
    "-fopenmp-simd", /* only its pragmas: emitted where sums may be taken in any order */
};
static const char *const cc_libraries[] = {"-Wl,--as-needed", "-lm", "-lpthread", "-ldl"};

/* CPU model and features, from the first processor's entry. */
static const char *cc_machine(Arena *arena)
{
    char buffer[8192];
    FILE *file = fopen("/proc/cpuinfo", "re");
    size_t n = file ? fread(buffer, 1, sizeof buffer - 1, file) : 0;
    if (file) fclose(file);
    buffer[n] = '\0';
    Sb sb = base_sb(arena);
    static const char *const keys[] = {"model name", "flags", "Features", "CPU part"};
    for (size_t i = 0; i < BASE_LEN(keys); i++) {
        const char *at = strstr(buffer, keys[i]);
        if (at) base_sb_mem(&sb, at, strcspn(at, "\n"));
    }
    return base_sb_text(&sb);
}

static bool cc_use(Arena *arena, const char *program, RuntimeCc *cc)
{
    struct stat st;
    char *path = runtime_process_find(arena, program);
    if (!path || stat(path, &st) != 0) return false;
    char *real = realpath(path, NULL);
    cc->path = path;
    cc->identity = base_format(arena, "%s %lld %lld.%ld", real ? real : path, (long long)st.st_size,
                               (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    cc->machine = cc_machine(arena);
    free(real);
    return true;
}

bool runtime_cc_find(Arena *arena, RuntimeCc *cc, HdFailure *failure)
{
    const char *chosen = getenv("HD_CC");
    if (chosen && *chosen) {
        if (cc_use(arena, chosen, cc)) return true;
        return hd_fail(failure, HD_LACKING, "no C compiler: HD_CC names %s, which cannot be run",
                       chosen);
    }
    const char *candidates[] = {getenv("CC"), "cc", "gcc", "clang"};
    for (size_t i = 0; i < BASE_LEN(candidates); i++)
        if (candidates[i] && *candidates[i] && cc_use(arena, candidates[i], cc)) return true;
    return hd_fail(failure, HD_LACKING,
                   "no C compiler found (tried $CC, cc, gcc, clang): install gcc or clang, or set "
                   "HD_CC; kernels run on the CPU through it");
}

const char *runtime_cc_version(Arena *arena, const RuntimeCc *cc)
{
    const char *argv[] = {cc->path, "--version", NULL};
    RuntimeProcess p = runtime_process_run(arena, argv, NULL, 0, 20);
    return base_strndup(arena, p.output, strcspn(p.output, "\n"));
}

typedef VEC(const char *) ArgList;

static void cc_add_flags(Arena *arena, ArgList *args, const RuntimeCcOptions *options)
{
    static const char *const levels[] = {"-O0", "-O3", "-O1", "-O2", "-O3"};
    int level = options->optimize < -1 || options->optimize > 3 ? 0 : options->optimize;
    VEC_PUSH(arena, *args, options->cpp ? "-std=gnu++17" : "-std=gnu17");
    for (size_t i = 0; i < BASE_LEN(cc_flags); i++) VEC_PUSH(arena, *args, cc_flags[i]);
    VEC_PUSH(arena, *args, levels[level + 1]);
    if (!options->generic) VEC_PUSH(arena, *args, "-march=native");
    if (options->debug) VEC_PUSH(arena, *args, "-g");
    for (const char *const *e = options->extra; e && *e; e++) VEC_PUSH(arena, *args, *e);
}

const char *runtime_cc_flags(Arena *arena, const RuntimeCcOptions *options)
{
    ArgList args = {0};
    Sb sb = base_sb(arena);
    cc_add_flags(arena, &args, options);
    for (size_t i = 0; i < args.len; i++) base_sb_printf(&sb, "%s ", args.data[i]);
    return base_sb_text(&sb);
}

static bool cc_check(const RuntimeProcess *p, const RuntimeCc *cc, int timeout_s,
                     HdFailure *failure)
{
    if (p->error)
        return hd_fail(failure, HD_LACKING, "cannot run %s: %s", cc->path, strerror(p->error));
    if (p->timed_out)
        return hd_fail(failure, HD_LACKING, "%s did not finish within %d s", cc->path, timeout_s);
    if (p->exit_code)
        return hd_fail(failure, HD_LACKING, "%s failed (status %d): %.800s", cc->path, p->exit_code,
                       p->output_len ? p->output : "it said nothing");
    return true;
}

static RuntimeProcess cc_run(Arena *arena, const RuntimeCc *cc, const char *source, size_t len,
                             const RuntimeCcOptions *options, int timeout_s, const char *output)
{
    ArgList args = {0};
    VEC_PUSH(arena, args, cc->path);
    cc_add_flags(arena, &args, options);
    const char *tail[] = {"-x", options->cpp ? "c++" : "c", "-", "-x", "none", "-o", output};
    for (size_t i = 0; i < BASE_LEN(tail); i++) VEC_PUSH(arena, args, tail[i]);
    for (size_t i = 0; i < BASE_LEN(cc_libraries); i++) VEC_PUSH(arena, args, cc_libraries[i]);
    if (options->cpp) VEC_PUSH(arena, args, "-lgcc"); /* also where no others are asked for */
    VEC_PUSH(arena, args, NULL);
    return runtime_process_run(arena, args.data, source, len, timeout_s);
}

/* Whether it is the text that the compiler refuses: the headers of the system that the text
 * includes, and no more, do compile where that is, with the same options. */
static bool cc_works(Arena *arena, const RuntimeCc *cc, const char *source, size_t len,
                     const RuntimeCcOptions *options, int timeout_s, const char *output)
{
    static const char include[] = "#include <";
    Sb text = base_sb(arena);
    const char *end = source + len, *next;
    for (const char *line = source; line < end; line = next) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        next = stop ? stop + 1 : end;
        size_t width = (size_t)(next - line);
        if (width > sizeof include && memcmp(line, include, sizeof include - 1) == 0)
            base_sb_mem(&text, line, width);
    }
    RuntimeProcess p = cc_run(arena, cc, text.data, text.len, options, timeout_s, output);
    return !p.error && !p.timed_out && p.exit_code == 0;
}

bool runtime_cc_build(Arena *arena, const RuntimeCc *cc, const char *source, size_t len,
                      const RuntimeCcOptions *options, const char *path, const char **log,
                      HdFailure *failure)
{
    int timeout_s = options->timeout_s > 0 ? options->timeout_s : CC_TIMEOUT_S;
    char *temporary = base_format(arena, "%s.XXXXXX", path);
    int fd = mkstemp(temporary);
    if (fd < 0) return hd_fail(failure, HD_FAILED, "cannot write %s: %s", path, strerror(errno));
    fchmod(fd, 0755);
    close(fd);
    RuntimeProcess p = cc_run(arena, cc, source, len, options, timeout_s, temporary);
    if (log) *log = p.output;
    bool ok = cc_check(&p, cc, timeout_s, failure);
    bool ended = !p.error && !p.timed_out && p.exit_code < 128; /* else by a signal */
    if (!ok && ended && cc_works(arena, cc, source, len, options, timeout_s, temporary))
        failure->status = HD_REFUSED;
    if (ok && rename(temporary, path) != 0)
        ok = hd_fail(failure, HD_FAILED, "cannot write %s: %s", path, strerror(errno));
    if (!ok) unlink(temporary);
    return ok;
}
