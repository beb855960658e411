/* gallery FILE.hd ARCH: no kernel of the file spills or lets fewer blocks run at a time than it
 * declares: each public kernel with the types that the tests of its file call it with, in every
 * variant. */
#include "compile/compile.h"
#include "runtime/nvrtc.h"
#include "unit/compile/ptx.h"

enum { MOST_TYPES = 4 };

/* A kernel as a test calls it. */
typedef struct Instance {
    const Symbol *kernel;
    LowerDefine types[MOST_TYPES];
    int type_count;
} Instance;

typedef struct Calls {
    Arena *arena;
    VEC(Instance) instances;
} Calls;

typedef struct Job {
    const char *path;
    int arch;
} Job;

/* ---- what the tests call --------------------------------------------------------------------- */

static bool same(const Instance *a, const Instance *b)
{
    if (a->kernel != b->kernel) return false;
    for (int i = 0; i < a->type_count; i++)
        if (a->types[i].elem != b->types[i].elem) return false;
    return true;
}

static void add_call(Calls *calls, const CallInfo *call)
{
    Instance made = {.kernel = call->callee};
    for (int i = 0; i < call->binding_count; i++) {
        const Binding *b = &call->bindings[i];
        if (b->generic->kind == SYMBOL_GENERIC_TYPE && made.type_count < MOST_TYPES)
            made.types[made.type_count++] =
                (LowerDefine){.name = b->generic->name->text, .elem = b->type->elem};
    }
    for (size_t i = 0; i < calls->instances.len; i++)
        if (same(&calls->instances.data[i], &made)) return;
    VEC_PUSH(calls->arena, calls->instances, made);
}

static void find_calls(Calls *calls, const Ast *node)
{
    if (!node) return;
    if (node->call && node->call->kind == CALL_KERNEL) add_call(calls, node->call);
    for (uint32_t i = 0; i < node->count; i++) find_calls(calls, node->kid[i]);
}

/* ---- what becomes of them -------------------------------------------------------------------- */

/* Each kernel of the text. */
static bool check_text(const char *text, const char *log, const Job *job)
{
    static const char bounds[] = "__launch_bounds__(", cluster[] = "__cluster_dims__(";
    bool good = strstr(text, bounds) != NULL;
    for (const char *at = text; (at = strstr(at, bounds)); at++) {
        char entry[128];
        int threads = 0, blocks = 0;
        const char *name = strchr(at, ')') + 2;
        sscanf(at + strlen(bounds), "%d, %d", &threads, &blocks);
        if (strncmp(name, cluster, strlen(cluster)) == 0) name = strchr(name, ')') + 2;
        snprintf(entry, sizeof entry, "%.*s", (int)strcspn(name, "("), name);
        PtxReport r = ptx_report(log, entry);
        bool fits = threads > 0 && ptx_fits(&r, threads, blocks, job->arch);
        if (r.found && fits && r.spill_stores + r.spill_loads == 0) continue;
        printf("%s: %s for sm_%d: found %d, fits %d, spills %d and %d bytes\n", job->path, entry,
               job->arch, r.found, fits, r.spill_stores, r.spill_loads);
        good = false;
    }
    return good;
}

/* What an older architecture has not, another one must. */
static bool is_for_another(const Diags *diags, const Job *job)
{
    const Diag *said = diags->list.data[diags->list.len - 1];
    return job->arch < 90 && (said->code == DIAG_TUNE_EMPTY || said->code == DIAG_ARCH);
}

static const char *emit(Compile *s, const Instance *in, int arch)
{
    CompileOptions options = {.cuda = true,
                              .arch = arch,
                              .symbol = in->kernel,
                              .defines = in->types,
                              .define_count = in->type_count};
    Sb text = base_sb(s->arena);
    bool good = compile_emit(s, &options, COMPILE_CU, &text) == COMPILE_OK;
    return good ? base_sb_text(&text) : NULL;
}

/* Most kernels use nothing that sm_80 has not: what ptxas made of them there tells enough. */
static bool is_as_before(Compile *s, const Instance *in, const char *text)
{
    size_t before = s->diags->list.len;
    const char *earlier = emit(s, in, 80);
    diag_forget(s->diags, before);
    return earlier && strcmp(earlier, text) == 0;
}

static bool check_instance(Compile *s, RuntimeNvrtc *nvrtc, const Instance *in, const Job *job)
{
    static const char *const verbose[] = {"--ptxas-options=-v", NULL};
    HdFailure failure = {0};
    RuntimeNvrtcResult r;
    RuntimeNvrtcOptions how = {.arch = job->arch, .specific = job->arch == 90, .extra = verbose};
    size_t before = s->diags->list.len;
    const char *text = emit(s, in, job->arch);
    if (!text) {
        bool other = s->diags->list.len > before && is_for_another(s->diags, job);
        diag_forget(s->diags, before);
        if (!other) printf("%s: %s\n", job->path, in->kernel->name->text);
        return other;
    }
    if (job->arch == 90 && is_as_before(s, in, text)) return true;
    if (runtime_nvrtc_compile(nvrtc, s->arena, text, "kernel.cu", &how, &r, &failure))
        return check_text(text, r.log, job);
    printf("%s for sm_%d: %s\n", job->path, job->arch, failure.text);
    return false;
}

/* Every type for sm_80, whose code needs the most registers; for the others, the first. */
static bool check_kernel(Compile *s, RuntimeNvrtc *nvrtc, const Calls *calls, const Symbol *kernel,
                         const Job *job)
{
    bool good = true, called = false;
    for (size_t i = 0; i < calls->instances.len; i++) {
        const Instance *in = &calls->instances.data[i];
        if (in->kernel != kernel || (called && job->arch != 80)) continue;
        called = true;
        good &= check_instance(s, nvrtc, in, job);
    }
    if (!called) printf("%s: no test calls %s\n", job->path, kernel->name->text);
    return good && called;
}

static bool check_file(RuntimeNvrtc *nvrtc, const Job *job)
{
    Compile *s = compile_create();
    bool good = compile_load(s, job->path, NULL, 0) == COMPILE_OK;
    if (good) {
        Calls calls = {.arena = s->arena};
        find_calls(&calls, s->program->main->file);
        int count = compile_kernel_count(s);
        for (int i = 0; i < count; i++)
            good &= check_kernel(s, nvrtc, &calls, compile_kernel(s, i), job);
    }
    compile_destroy(s);
    return good;
}

int main(int argc, char **argv)
{
    enum { SKIPPED = 77 };
    Job job = {.path = argc == 3 ? argv[1] : "", .arch = argc == 3 ? atoi(argv[2]) : 0};
    if (!job.arch) {
        fputs("gallery FILE.hd ARCH\n", stderr);
        return 2;
    }
    HdFailure failure = {0};
    RuntimeNvrtc *nvrtc = runtime_nvrtc_create(&failure);
    if (!nvrtc) {
        puts(failure.text);
        return SKIPPED;
    }
    bool good = check_file(nvrtc, &job);
    runtime_nvrtc_destroy(nvrtc);
    return good ? 0 : 1;
}
