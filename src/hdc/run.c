/* hdc run FILE.hd ENTRY: one launch. */
#include "hdc/hdc.h"

#include <stdlib.h>
#include <unistd.h>

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
    bool unreadable; /* an input file is */
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

static bool parse_number(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0';
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
        if (find_pair(r->o->assignments.data, i, name)) return failed("`%s` is given twice", name);
    }
    for (int list = 0; list < 2; list++) {
        const Pair *pairs = list ? r->o->outputs.data : r->o->inputs.data;
        size_t count = list ? r->o->outputs.len : r->o->inputs.len;
        for (size_t i = 0; i < count; i++) {
            bool known = false;
            for (int j = 0; j < k->param_count; j++)
                known |= strcmp(pairs[i].name, k->params[j].name) == 0;
            if (!known) return failed("`%s` has no parameter `%s`", k->name, pairs[i].name);
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
        double value;
        if (!text) continue;
        bool fits = parse_number(text, &value) && value >= 0 && value < 0x1p62;
        if (!fits || value != (double)(int64_t)value)
            return failed("the size `%s` cannot be `%s`", r->kernel->size_names[i], text);
        r->sizes[i] = (int64_t)value;
    }
    return true;
}

static bool is_file(const char *spec)
{
    double unused;
    return spec && strncmp(spec, "random", 6) != 0 && !parse_number(spec, &unused);
}

/* Inputs from files come first: their shapes give sizes. */
static bool load_file(Run *r, int p, const char *path)
{
    const HdParamInfo *info = &r->kernel->params[p];
    HdFailure failure = {0};
    HostTensor *t = host_tensor_load(r->session->arena, path, elem_of(info), info->name, &failure);
    if (!t) {
        r->unreadable = access(path, R_OK) != 0;
        return failed("%s", failure.text);
    }
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
    if (!t) return failed("parameter `%s`: %s", info->name, failure.text);
    r->tensors[p] = t;
    double value;
    if (spec && parse_number(spec, &value)) {
        for (int64_t i = 0; i < t->count; i++)
            host_tensor_set(t, i, scalar_cast(t->elem, scalar_float(ELEM_F64, value)));
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
    double value = 1;
    if (spec && !parse_number(spec, &value))
        return failed("`%s` is not a number for `%s`", spec, info->name);
    r->args[p].scalar = scalar_bits(scalar_cast(elem_of(info), scalar_float(ELEM_F64, value)));
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
        printf("%-5s %s: %s[", modes[info->mode], info->name, info->elem);
        for (int d = 0; d < info->rank; d++)
            printf("%s%lld", d ? ", " : "", (long long)r->tensors[p]->shape[d]);
        printf("]");
        if (info->mode) {
            printf("  digest %016llx  [", (unsigned long long)host_tensor_digest(r->tensors[p]));
            for (int64_t i = 0; i < r->tensors[p]->count && i < 4; i++)
                printf("%s%s", i ? ", " : "",
                       scalar_text(r->session->arena, host_tensor_get(r->tensors[p], i)));
            printf("%s]", r->tensors[p]->count > 4 ? ", …" : "");
        }
        printf("\n");
    }
    printf("%s: %.3f ms on %s (%s%s%s)\n", r->kernel->name, timing->seconds * 1e3,
           hd_rt_device_name(r->host->device), timing->instance, *timing->instance ? "; " : "",
           timing->variant);
}

static bool save_outputs(const Run *r)
{
    for (int p = 0; p < r->kernel->param_count; p++) {
        const char *path =
            find_pair(r->o->outputs.data, r->o->outputs.len, r->kernel->params[p].name);
        HdFailure failure = {0};
        if (path && r->tensors[p] &&
            !host_tensor_save(r->session->arena, r->tensors[p], path, &failure))
            return failed("%s", failure.text);
    }
    return true;
}

static ExitStatus launch(Run *r)
{
    size_t count = (size_t)r->kernel->param_count + 1, sizes = (size_t)r->kernel->size_count + 1;
    Arena *arena = r->session->arena;
    r->sizes = NEW_ARRAY(arena, int64_t, sizes);
    r->tensors = NEW_ARRAY(arena, HostTensor *, count);
    r->args = NEW_ARRAY(arena, HostArg, count);
    HdFailure failure = {0};
    HdTiming timing = {0};
    ExitStatus status = EXIT_CALL;
    if (check_names(r) && read_sizes(r) && make_args(r)) {
        if (!host_launch(r->host, r->module, r->kernel->name, r->args, r->kernel->param_count,
                         &timing, &failure)) {
            status = report_failure(&failure);
        } else {
            print_results(r, &timing);
            status = save_outputs(r) ? EXIT_DONE : EXIT_ENVIRONMENT;
        }
    }
    for (int p = 0; p < r->kernel->param_count; p++) host_tensor_destroy(r->tensors[p]);
    return r->unreadable ? EXIT_ENVIRONMENT : status;
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
    Run run = {.o = o, .session = s, .host = host, .random = o->seed};
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
