/* hdc test PATH…: the tests in the sources. */
#include "hdc/hdc.h"

#include "hdc/paths.h"

static ExitStatus test_file(Options *o, Host *host, const char *path, HostReport *total,
                            HdFailure *lacking)
{
    ExitStatus status;
    Compile *s = open_session(o, path, &status);
    if (!s) {
        total->failed++;
        return status;
    }
    CompileOptions c = compile_options(o);
    CompileStatus built;
    HostReport r = host_run_tests(host, s, &c, o->filter, stdout, &built, lacking);
    fflush(stdout);
    status = report_status(o, s, built);
    total->passed += r.passed;
    total->failed += r.failed;
    total->skipped += r.skipped;
    compile_destroy(s);
    return r.failed && status == EXIT_DONE ? EXIT_WRONG : status;
}

ExitStatus verb_test(Options *o)
{
    if (o->words.len == 0) options_die_call("test: which files?");
    HdFailure failure = {0};
    Host *host = host_create(o->device, o->seed, &failure);
    if (!host) return report_failure(&failure);
    HostReport total = {0};
    ExitStatus worst = EXIT_DONE;
    PathList files = paths_collect(o, ".hd");
    for (size_t i = 0; i < files.len; i++) {
        ExitStatus status = test_file(o, host, files.data[i], &total, &failure);
        if (status > worst) worst = status;
    }
    host_destroy(host);
    printf("%d passed, %d failed", total.passed, total.failed);
    if (total.skipped) printf(", %d skipped", total.skipped);
    printf("\n");
    bool nothing = total.passed == 0 && total.failed == 0 && total.skipped > 0;
    return nothing && worst == EXIT_DONE ? report_failure(&failure) : worst;
}
