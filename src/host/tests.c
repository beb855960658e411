/* Running the `test` and `bench` items of a file. */
#include "host/interp.h"

#include <stdlib.h>

Interp *interp_create(Host *host, Compile *s, const CompileOptions *options)
{
    Interp *in = NEW(s->arena, Interp);
    in->arena = s->arena;
    in->session = s;
    in->host = host;
    in->options = options;
    in->random = host->seed;
    in->env = NEW_ARRAY(s->arena, IValue, (size_t)s->program->symbol_count + 1);
    return in;
}

void interp_destroy(Interp *in)
{
    for (size_t i = 0; i < in->tensors.len; i++) host_tensor_destroy(in->tensors.data[i]);
    for (size_t i = 0; i < in->instances.len; i++)
        hd_rt_module_destroy(in->instances.data[i].module);
    hd_rt_module_destroy(in->plain);
}

bool interp_run(Interp *in, const Ast *body)
{
    in->is_skip = false;
    in->built = COMPILE_OK;
    if (setjmp(in->stop.env)) return false;
    interp_block(in, body);
    return true;
}

/* Tensors of one test do not outlive it. */
static void free_tensors(Interp *in)
{
    for (size_t i = 0; i < in->tensors.len; i++) host_tensor_destroy(in->tensors.data[i]);
    in->tensors.len = 0;
    for (uint32_t i = 0; i < in->session->program->symbol_count; i++) in->env[i] = (IValue){0};
}

static bool chosen(const Ast *item, const char *filter)
{
    return !filter || strstr(item->name->text, filter);
}

static void report(Interp *in, const Ast *test, bool good, FILE *out, HostReport *r)
{
    Position p = diag_position(in->session->diags, test->span.begin);
    const char *file = p.source ? p.source->path : "?";
    if (good) {
        r->passed++;
        fprintf(out, "ok    %s: %s\n", file, test->name->text);
        return;
    }
    Position at = diag_position(in->session->diags, in->where.begin);
    if (in->is_skip)
        r->skipped++;
    else
        r->failed++;
    fprintf(out, "%s  %s: %s\n      %s:%u:%u: %s\n", in->is_skip ? "skip" : "FAIL", file,
            test->name->text, at.source ? at.source->path : file, at.line, at.column, in->message);
}

CompileStatus host_run_tests(Host *host, Compile *s, const CompileOptions *options,
                             const char *filter, FILE *out, HostReport *r, HdFailure *failure)
{
    CompileStatus status = COMPILE_OK;
    Interp *in = interp_create(host, s, options);
    const Ast *items = KID(s->program->main->file, File, items);
    for (uint32_t i = 0; i < items->count; i++) {
        const Ast *item = items->kid[i];
        if (item->kind != AST_Test || !chosen(item, filter)) continue;
        in->random = host->seed;
        snprintf(r->running, sizeof r->running, "%s", item->name->text);
        bool good = interp_run(in, KID(item, Test, body));
        report(in, item, good, out, r);
        if (!good && in->is_skip) hd_fail(failure, HD_LACKING, "%s", in->message);
        if (in->built > status) status = in->built;
        free_tensors(in);
    }
    r->running[0] = '\0';
    interp_destroy(in);
    return status;
}

/* ---- benches
 * ------------------------------------------------------------------------------------- */

static bool bench_once(Interp *in, const Ast *bench, const char *title, HdFailure *failure)
{
    in->title = title;
    in->random = in->host->seed;
    bool good = interp_run(in, KID(bench, Bench, body));
    if (!good) {
        Position at = diag_position(in->session->diags, in->where.begin);
        hd_fail(failure, in->is_skip ? HD_LACKING : HD_FAILED, "%s:%u: %s",
                at.source ? at.source->path : "?", at.line, in->message);
    }
    free_tensors(in);
    return good;
}

static bool value_of(Interp *in, const Ast *node, Scalar *value)
{
    if (setjmp(in->stop.env)) return false;
    *value = interp_scalar(in, node);
    return true;
}

static bool run_bench(Interp *in, const Ast *bench, HdFailure *failure)
{
    const Ast *var = KID(bench, Bench, var), *values = KID(bench, Bench, values);
    if (!var) return bench_once(in, bench, bench->name->text, failure);
    for (uint32_t i = 0; i < KID(values, Set, items)->count; i++) {
        Scalar value;
        if (!value_of(in, KID(values, Set, items)->kid[i], &value))
            return hd_fail(failure, HD_FAILED, "%s", in->message);
        if (var->symbol) in->env[var->symbol->id] = ivalue_scalar(value);
        const char *title = base_format(in->arena, "%s, %s = %s", bench->name->text,
                                        var->name->text, scalar_text(in->arena, value));
        if (!bench_once(in, bench, title, failure)) return false;
    }
    return true;
}

bool host_run_benches(Host *host, Compile *s, const CompileOptions *options, const char *filter,
                      HostTimingSink sink, void *user, CompileStatus *status, HdFailure *failure)
{
    Interp *in = interp_create(host, s, options);
    in->sink = sink;
    in->sink_user = user;
    *status = COMPILE_OK;
    bool good = true;
    const Ast *items = KID(s->program->main->file, File, items);
    for (uint32_t i = 0; i < items->count && good; i++) {
        const Ast *item = items->kid[i];
        if (item->kind == AST_Bench && chosen(item, filter)) good = run_bench(in, item, failure);
    }
    *status = in->built;
    interp_destroy(in);
    return good;
}
