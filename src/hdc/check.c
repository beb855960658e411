/* hdc check FILE…: everything but code. */
#include "hdc/hdc.h"

#include <stdlib.h>

static int by_place(const void *a, const void *b)
{
    const PassAccess *x = a, *y = b;
    if (x->span.begin != y->span.begin) return x->span.begin < y->span.begin ? -1 : 1;
    if (x->store != y->store) return x->store ? 1 : -1;
    return strcmp(x->tensor, y->tensor);
}

/* -Wperf: what each access of a warp to memory costs at worst, by source line. */
static void print_accesses(const Compile *s, PassAccesses *accesses)
{
    if (accesses->list.len == 0) return;
    qsort(accesses->list.data, accesses->list.len, sizeof(PassAccess), by_place);
    printf("%-36s %-20s %-6s %-16s %5s  %s\n", "line", "kernel", "access", "tensor", "bytes",
           "a warp's request");
    for (size_t i = 0; i < accesses->list.len; i++) {
        const PassAccess *x = &accesses->list.data[i];
        Position at = diag_position(s->diags, x->span.begin);
        char line[300];
        snprintf(line, sizeof line, "%s:%u", at.source ? at.source->path : "?", at.line);
        printf("%-36s %-20s %-6s %-16s %5d  ", line, x->kernel, x->store ? "store" : "load",
               x->tensor, x->bytes);
        const char *unit = x->shared ? "wavefronts" : "sectors";
        if (x->ideal == 0)
            printf("%s not known\n", unit);
        else if (x->cost == x->ideal)
            printf("%lld %s\n", (long long)x->cost, unit);
        else
            printf("%lld %s, %lld would do\n", (long long)x->cost, unit, (long long)x->ideal);
    }
}

/* For each architecture; what is said of speed, for the first. */
static CompileStatus check_cuda(const Options *o, Compile *s, CompileOptions c)
{
    CompileStatus checked = COMPILE_OK;
    size_t i = 0;
    do {
        if (i > 0) {
            c.arch = o->archs.data[i];
            c.performance = false;
            c.accesses = NULL;
        }
        checked = compile_check(s, &c);
    } while (checked == COMPILE_OK && ++i < o->archs.len);
    return checked;
}

static ExitStatus check_file(Options *o, const char *path)
{
    ExitStatus status;
    Compile *s = open_session(o, path, &status);
    if (!s) return status;
    CompileOptions c = compile_options(o);
    PassAccesses accesses = {.arena = s->arena};
    CompileOptions one = c;
    one.cuda = false;
    CompileStatus checked = c.cpu || !c.cuda ? compile_check(s, &one) : COMPILE_OK;
    if (checked == COMPILE_OK && c.cuda) {
        one.cuda = true;
        one.accesses = o->performance ? &accesses : NULL;
        checked = check_cuda(o, s, one);
    }
    status = report_status(o, s, checked);
    if (!o->diagnostics_json) print_accesses(s, &accesses);
    compile_destroy(s);
    return status;
}

ExitStatus verb_check(Options *o)
{
    if (o->words.len == 0) options_die_call("check: which files?");
    ExitStatus worst = EXIT_DONE;
    for (size_t i = 0; i < o->words.len; i++) {
        ExitStatus status = check_file(o, o->words.data[i]);
        if (status > worst) worst = status;
    }
    return worst;
}
