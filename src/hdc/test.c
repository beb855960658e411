/* hdc test PATH…: the tests in the sources, each file's in a process of its own. */
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "hdc/hdc.h"
#include "hdc/jobs.h"
#include "hdc/paths.h"

/* What the process of a file tells, in memory that it shares with its parent. */
typedef struct Outcome {
    HostReport report;
    HdFailure lacking; /* what skipped tests lack */
    ExitStatus status;
    bool over; /* the tests have run to their end */
} Outcome;

typedef struct TestRun {
    const char **files;
    bool checks; /* --check */
    Outcome *outcomes;
    HostReport total;
    HdFailure lacking;
    ExitStatus worst;
    bool stopped; /* before the last file */
} TestRun;

static ExitStatus test_session(Options *o, Host *host, Compile *s, Outcome *outcome)
{
    CompileOptions c = compile_options(o);
    CompileStatus built =
        host_run_tests(host, s, &c, o->filter, stdout, &outcome->report, &outcome->lacking);
    fflush(stdout);
    ExitStatus status = report_status(o, s, built);
    return outcome->report.failed && status == EXIT_DONE ? EXIT_WRONG : status;
}

static ExitStatus test_file(Options *o, const char *path, Outcome *outcome)
{
    HdFailure failure = {0};
    Host *host = host_create(o->device, o->seed, &failure);
    if (!host) return report_failure(&failure);
    Compile *s = open_session(o, path, &outcome->status);
    if (s) {
        outcome->status = test_session(o, host, s, outcome);
        compile_destroy(s);
    } else {
        outcome->report.failed++;
    }
    host_destroy(host);
    outcome->over = true;
    return outcome->status;
}

/* A process that ended before its tests did, by a kernel's fault or ours. */
static void report_death(const TestRun *run, const char *path, const HostReport *report, int status)
{
    bool access =
        WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
    printf("FAIL  %s%s%s\n", path, *report->running ? ": " : "", report->running);
    if (WIFSIGNALED(status))
        printf("      ended by signal %d (%s)\n", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        printf("      ended with status %d\n", WEXITSTATUS(status));
    if (access && !run->checks)
        puts("      hint: --check names the line of an access out of bounds");
    fflush(stdout);
}

/* What is wrong with the call or the machine is wrong for every file: the first says it. */
static bool file_ended(void *user, size_t i, int status)
{
    TestRun *run = user;
    Outcome *outcome = &run->outcomes[i];
    ExitStatus code = WIFEXITED(status) ? (ExitStatus)WEXITSTATUS(status) : EXIT_WRONG;
    bool good = outcome->over && WIFEXITED(status) && code == outcome->status;
    bool stops = !good && (code == EXIT_CALL || code == EXIT_ENVIRONMENT);
    if (!good && !stops) {
        report_death(run, run->files[i], &outcome->report, status);
        outcome->report.failed++;
        if (code != EXIT_INTERNAL) code = EXIT_WRONG;
    }
    run->total.passed += outcome->report.passed;
    run->total.failed += outcome->report.failed;
    run->total.skipped += outcome->report.skipped;
    if (outcome->report.skipped) run->lacking = outcome->lacking;
    if (code > run->worst || stops) run->worst = code;
    run->stopped = stops;
    return !stops;
}

/* Without other processes, for debuggers and tools that look into one. */
static void test_here(Options *o, TestRun *run, size_t count)
{
    for (size_t i = 0; i < count && !run->stopped; i++)
        file_ended(run, i, W_EXITCODE((int)test_file(o, run->files[i], &run->outcomes[i]), 0));
}

static ExitStatus summary(const TestRun *run)
{
    const HostReport *total = &run->total;
    printf("%d passed, %d failed", total->passed, total->failed);
    if (total->skipped) printf(", %d skipped", total->skipped);
    printf("\n");
    bool nothing = total->passed == 0 && total->failed == 0 && total->skipped > 0;
    return nothing && run->worst == EXIT_DONE ? report_failure(&run->lacking) : run->worst;
}

ExitStatus verb_test(Options *o)
{
    if (o->words.len == 0) options_die_call("test: which files?");
    PathList files = paths_collect(o, ".hd");
    TestRun run = {.files = files.data, .checks = o->check};
    size_t bytes = files.len * sizeof *run.outcomes;
    run.outcomes = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (run.outcomes == MAP_FAILED) {
        fputs("hdc: out of memory\n", stderr);
        return EXIT_ENVIRONMENT;
    }
    size_t mine;
    if (o->jobs == 0)
        test_here(o, &run, files.len);
    else if (jobs_split(files.len, (int)o->jobs, file_ended, &run, &mine))
        return test_file(o, files.data[mine], &run.outcomes[mine]);
    ExitStatus status = run.stopped ? run.worst : summary(&run);
    munmap(run.outcomes, bytes);
    return status;
}
