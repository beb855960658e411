/* hdc run FILE.hd ENTRY: one launch. */
#include "hdc/hdc.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

typedef struct Run {
    Options *o;
    Compile *session;
    Host *host;
    HdLoadedModule *module;
    const HdKernelInfo *kernel;
    int64_t *sizes; /* by size variable; -1: not known */
    HostTensor **tensors;
    HostArg *args;
    uint64_t random;
    ExitStatus status; /* what failed means: the call is wrong, if nothing else is said */
    FILE *report;      /* of shapes, digests and time */
} Run;

static const char *find_pair(const Pair *pairs, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i].name, name) == 0) return pairs[i].value;
    return NULL;
}

static bool failed(const char *fmt, ...) BASE_PRINTF(1, 2);
static bool failed(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fputs("hdc: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return false;
}

/* What the host could not do. */
static bool host_failed(Run *r, const HdFailure *failure)
{
    r->status = report_failure(failure);
    return false;
}

/* A number as it is written: an integer of up to 64 bits exactly, else the nearest f64. */
static bool parse_number(const char *text, Scalar *value)
{
    bool negative = *text == '-';
    char *end;
    errno = 0;
    long long whole = negative ? strtoll(text, &end, 10) : (long long)strtoull(text, &end, 10);
    *value = scalar_int(negative ? ELEM_I64 : ELEM_U64, whole);
    if (!errno && !*end && (negative || isdigit((unsigned char)*text))) return true;
    *value = scalar_float(ELEM_F64, strtod(text, &end));
    return end != text && !*end;
}

static const char *number_of_bool(const char *text)
{
    return strcmp(text, "true") == 0 ? "1" : strcmp(text, "false") == 0 ? "0" : text;
}

/* A number that the type holds: an integer as it is, a float rounded, but not to infinity. */
static bool parse_value(const char *name, Elem elem, const char *text, Scalar *value)
{
    Scalar given;
    if (!parse_number(elem == ELEM_BOOL ? number_of_bool(text) : text, &given))
        return failed("`%s` cannot be `%s`, which is no number", name, text);
    *value = scalar_cast(elem, given);
    double wanted = scalar_to_double(given), got = scalar_to_double(*value);
    bool large = given.elem == ELEM_F64 && wanted >= 0x1p63; /* would saturate */
    if (vocab_elem_is_float(elem) ? isfinite(got) || !isfinite(wanted) : got == wanted && !large)
        return true;
    return failed("`%s` cannot be `%s`, which %s does not hold", name, text,
                  vocab_elem(elem)->text);
}

static Elem elem_of(const HdParamInfo *p)
{
    return vocab_elem_find(p->elem, strlen(p->elem));
}

/* Every NAME=VALUE must be a size or a scalar parameter; every --in, --out a tensor. */
static bool check_names(const Run *r)
{
    const HdKernelInfo *k = r->kernel;
    for (size_t i = 0; i < r->o->assignments.len; i++) {
        const char *name = r->o->assignments.data[i].name;
        bool known = false;
        for (int j = 0; j < k->size_count; j++) known |= strcmp(name, k->size_names[j]) == 0;
        for (int j = 0; j < k->param_count; j++)
            known |= !k->params[j].is_tensor && strcmp(name, k->params[j].name) == 0;
        if (!known) return failed("`%s` has no size or scalar parameter `%s`", k->name, name);
        if (find_pair(r->o->assignments.data, i, name) ||
            find_pair(r->o->inputs.data, r->o->inputs.len, name))
            return failed("`%s` is given twice", name);
    }
    for (int list = 0; list < 2; list++) {
        const Pair *pairs = list ? r->o->outputs.data : r->o->inputs.data;
        size_t count = list ? r->o->outputs.len : r->o->inputs.len;
        for (size_t i = 0; i < count; i++) {
            bool known = false;
            for (int j = 0; j < k->param_count; j++)
                known |= strcmp(pairs[i].name, k->params[j].name) == 0 &&
                         (!list || k->params[j].is_tensor);
            if (!known && list) return failed("`%s` has no tensor `%s`", k->name, pairs[i].name);
            if (!known) return failed("`%s` has no parameter `%s`", k->name, pairs[i].name);
            if (find_pair(pairs, i, pairs[i].name))
                return failed("--%s: `%s` is given twice", list ? "out" : "in", pairs[i].name);
        }
    }
    return true;
}

static bool read_sizes(Run *r)
{
    for (int i = 0; i < r->kernel->size_count; i++) {
        const char *text =
            find_pair(r->o->assignments.data, r->o->assignments.len, r->kernel->size_names[i]);
        r->sizes[i] = -1;
        Scalar value;
        if (!text) continue;
        if (!parse_value(r->kernel->size_names[i], ELEM_INDEX, text, &value)) return false;
        if (value.i < 0 || value.i >= (int64_t)1 << 62)
            return failed("the size `%s` cannot be `%s`", r->kernel->size_names[i], text);
        r->sizes[i] = value.i;
    }
    return true;
}

static bool is_file(const char *spec)
{
    Scalar unused;
    return spec && strcmp(spec, "random") != 0 && !parse_number(number_of_bool(spec), &unused);
}

/* Inputs from files come first: their shapes give sizes. */
static bool load_file(Run *r, int p, const char *path)
{
    const HdParamInfo *info = &r->kernel->params[p];
    HdFailure failure = {0};
    HostTensor *t = host_tensor_load(r->session->arena, path, elem_of(info), info->name, &failure);
    if (!t) return host_failed(r, &failure);
    r->tensors[p] = t;
    if (t->dl.ndim != info->rank)
        return failed("%s has rank %d, but parameter `%s` has rank %d", path, t->dl.ndim,
                      info->name, info->rank);
    for (int d = 0; d < info->rank; d++) {
        int size = info->extent_size[d];
        if (size >= 0 && r->sizes[size] < 0) r->sizes[size] = t->shape[d];
    }
    return true;
}

static bool extent_of(Run *r, const HdParamInfo *info, int d, int64_t *extent)
{
    int size = info->extent_size[d];
    if (size >= 0) {
        *extent = r->sizes[size];
        if (*extent >= 0) return true;
        return failed("give the size `%s`: hdc run FILE %s %s=…", r->kernel->size_names[size],
                      r->kernel->name, r->kernel->size_names[size]);
    }
    const char *error =
        host_extent(r->kernel, r->sizes, r->args, (int)(info - r->kernel->params), d, extent);
    return !error || failed("extent %d of `%s`: %s", d, info->name, error);
}

/* A tensor to fill: `random`, a number, or (for outputs) nothing. */
static bool make_tensor(Run *r, int p, const char *spec)
{
    const HdParamInfo *info = &r->kernel->params[p];
    int64_t shape[8];
    for (int d = 0; d < info->rank; d++)
        if (!extent_of(r, info, d, &shape[d])) return false;
    HdFailure failure = {0};
    HostTensor *t = host_tensor_create(elem_of(info), info->rank, shape, &failure);
    if (!t) {
        const char *why = base_format(r->session->arena, "%s", failure.text);
        hd_fail(&failure, failure.status, "parameter `%s`: %s", info->name, why);
        return host_failed(r, &failure);
    }
    r->tensors[p] = t;
    Scalar value;
    if (spec && strcmp(spec, "random") != 0) {
        if (!parse_value(info->name, t->elem, spec, &value)) return false;
        for (int64_t i = 0; i < t->count; i++) host_tensor_set(t, i, value);
    } else if (info->mode != 1) {
        host_tensor_random(t, &r->random, NULL, NULL);
    }
    return true;
}

static bool make_scalar(Run *r, int p)
{
    const HdParamInfo *info = &r->kernel->params[p];
    const char *spec = find_pair(r->o->assignments.data, r->o->assignments.len, info->name);
    if (!spec) spec = find_pair(r->o->inputs.data, r->o->inputs.len, info->name);
    Scalar value;
    if (!parse_value(info->name, elem_of(info), spec ? spec : "1", &value)) return false;
    r->args[p].scalar = scalar_bits(value);
    return true;
}

static bool make_args(Run *r)
{
    for (int p = 0; p < r->kernel->param_count; p++) {
        const HdParamInfo *info = &r->kernel->params[p];
        if (!info->is_tensor && !make_scalar(r, p)) return false;
        const char *spec = find_pair(r->o->inputs.data, r->o->inputs.len, info->name);
        if (info->is_tensor && is_file(spec) && !load_file(r, p, spec)) return false;
    }
    for (int p = 0; p < r->kernel->param_count; p++) {
        if (!r->kernel->params[p].is_tensor) continue;
        const char *spec =
            find_pair(r->o->inputs.data, r->o->inputs.len, r->kernel->params[p].name);
        if (!r->tensors[p] && !make_tensor(r, p, spec)) return false;
        r->args[p].tensor = r->tensors[p];
    }
    return true;
}

static void print_results(const Run *r, const HdTiming *timing)
{
    for (int p = 0; p < r->kernel->param_count; p++) {
        const HdParamInfo *info = &r->kernel->params[p];
        if (!info->is_tensor) continue;
        static const char *const modes[] = {"in", "out", "inout"};
        fprintf(r->report, "%-5s %s: %s[", modes[info->mode], info->name, info->elem);
        for (int d = 0; d < info->rank; d++)
            fprintf(r->report, "%s%lld", d ? ", " : "", (long long)r->tensors[p]->shape[d]);
        fprintf(r->report, "]");
        if (info->mode) {
            fprintf(r->report, "  digest %016llx  [",
                    (unsigned long long)host_tensor_digest(r->tensors[p]));
            for (int64_t i = 0; i < r->tensors[p]->count && i < 4; i++)
                fprintf(r->report, "%s%s", i ? ", " : "",
                        scalar_text(r->session->arena, host_tensor_get(r->tensors[p], i)));
            fprintf(r->report, "%s]", r->tensors[p]->count > 4 ? ", …" : "");
        }
        fprintf(r->report, "\n");
    }
    fprintf(r->report, "%s: %.3f ms on %s (%s%s%s)\n", r->kernel->name, timing->seconds * 1e3,
            hd_rt_device_name(r->host->device), timing->instance, *timing->instance ? "; " : "",
            timing->variant);
}

static bool save_outputs(Run *r)
{
    for (int p = 0; p < r->kernel->param_count; p++) {
        const char *path =
            find_pair(r->o->outputs.data, r->o->outputs.len, r->kernel->params[p].name);
        HdFailure failure = {0};
        if (path && !host_tensor_save(r->session->arena, r->tensors[p], path, &failure))
            return host_failed(r, &failure);
    }
    return true;
}

static bool launch_once(Run *r)
{
    HdFailure failure = {0};
    HdTiming timing = {0};
    if (!host_launch(r->host, r->module, r->kernel->name, r->args, r->kernel->param_count, &timing,
                     &failure))
        return host_failed(r, &failure);
    print_results(r, &timing);
    return true;
}

static ExitStatus launch(Run *r)
{
    size_t count = (size_t)r->kernel->param_count + 1, sizes = (size_t)r->kernel->size_count + 1;
    Arena *arena = r->session->arena;
    r->sizes = NEW_ARRAY(arena, int64_t, sizes);
    r->tensors = NEW_ARRAY(arena, HostTensor *, count);
    r->args = NEW_ARRAY(arena, HostArg, count);
    bool good =
        check_names(r) && read_sizes(r) && make_args(r) && launch_once(r) && save_outputs(r);
    for (int p = 0; p < r->kernel->param_count; p++) host_tensor_destroy(r->tensors[p]);
    return good ? EXIT_DONE : r->status;
}

static ExitStatus no_such_kernel(const Compile *s, const char *name)
{
    fprintf(stderr, "hdc: the file has no kernel `%s`; it has:", name);
    for (int i = 0; i < compile_kernel_count(s); i++)
        fprintf(stderr, " %s", compile_kernel(s, i)->name->text);
    fputc('\n', stderr);
    return EXIT_CALL;
}

static ExitStatus run_entry(Options *o, Compile *s, const char *entry)
{
    CompileOptions c = compile_options(o);
    c.symbol = compile_find_kernel(s, entry);
    HdFailure failure = {0};
    Host *host = host_create(o->device, o->seed, &failure);
    if (!host) return report_failure(&failure);
    CompileStatus built;
    Run run = {.o = o, .session = s, .host = host, .random = o->seed, .status = EXIT_CALL};
    run.report = stdout;
    for (size_t i = 0; i < o->outputs.len; i++)
        if (strcmp(o->outputs.data[i].value, "-") == 0) run.report = stderr;
    run.module = host_build(host, s, &c, &built, &failure);
    ExitStatus status = report_status(o, s, built);
    if (!run.module && status == EXIT_DONE) status = report_failure(&failure);
    if (run.module) {
        run.kernel = hd_module_kernel(hd_rt_module_info(run.module), entry);
        status = launch(&run);
    }
    hd_rt_module_destroy(run.module);
    host_destroy(host);
    return status;
}

ExitStatus verb_run(Options *o)
{
    if (o->words.len < 1 || o->words.len > 2) options_die_call("run: FILE.hd ENTRY");
    ExitStatus status;
    Compile *s = open_session(o, o->words.data[0], &status);
    if (!s) return status;
    const char *entry = o->words.len == 2              ? o->words.data[1]
                        : compile_kernel_count(s) == 1 ? compile_kernel(s, 0)->name->text
                                                       : "";
    if (!compile_find_kernel(s, entry)) {
        status = no_such_kernel(s, entry);
        compile_destroy(s);
        return status;
    }
    status = run_entry(o, s, entry);
    compile_destroy(s);
    return status;
}
