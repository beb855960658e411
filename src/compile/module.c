/* Modules: kernels at the first points of their tune spaces, for each architecture; and the check
 * of all points. */
#include "compile/internal.h"

enum { MAX_VARIANTS = 4, DEFAULT_ARCH = 80 };
enum { MAX_POINTS = 4096 }; /* of a tune space that are looked at */

/* ---- instances ------------------------------------------------------------------------------- */

static bool add_variant(Compile *s, const CompileVariant *v, TargetInstance *instance,
                        CompileSwizzles *swizzles)
{
    TargetVariant *out = &instance->variants[instance->variant_count];
    *out = (TargetVariant){.index_bits = v->index_bits, .alignment = v->alignment};
    if (compile_variant(s, v, swizzles, v->cpu ? &out->cpu : &out->cuda) != LOWER_OK) return false;
    instance->variant_count++;
    return true;
}

/* The CPU's code takes 64-bit indices and any alignment; CUDA's is versioned, by the index's width
 * where the guards of a narrow one make sure that it does. */
static bool add_variants(Compile *s, const CompileOptions *o, const Symbol *kernel,
                         const LowerPoint *point, TargetInstance *instance)
{
    CompileVariant v = {o, s->arena, kernel, point, instance->arch == 0, 64, 1};
    CompileVariant narrow = v, aligned = v;
    bool wide = compile_needs_wide(instance->kernel);
    narrow.index_bits = 32;
    aligned.index_bits = wide ? 64 : 32;
    aligned.alignment = COMPILE_ALIGNED;
    CompileSwizzles w = {0};
    instance->variants = NEW_ARRAY(s->arena, TargetVariant, MAX_VARIANTS);
    if (!v.cpu && !add_variant(s, &aligned, instance, &w)) return false;
    if (!v.cpu && !wide && !add_variant(s, &narrow, instance, &w)) return false;
    return add_variant(s, &v, instance, &w);
}

/* At the first point of the tune space that is not excluded, or at the one that is given. */
static LowerStatus lower_first(Compile *s, Arena *arena, const CompileOptions *o,
                               const Symbol *kernel, bool cpu, LowerPoint *point, IrKernel **out)
{
    LowerOptions lower = {.define_count = o->define_count, .defines = o->defines};
    CompileVariant v = {o, arena, kernel, point, cpu, 64, 1};
    CompileSwizzles none = {0};
    LowerStatus status;
    int points = 0;
    *point = lower_first_point(s->arena, kernel);
    if (o->point) memcpy(point->choice, o->point, (size_t)point->count * sizeof *point->choice);
    do {
        status = compile_lower(s, &v, &none, out);
    } while (status == LOWER_EXCLUDED && !o->point && ++points < MAX_POINTS &&
             lower_next_point(kernel, &lower, point));
    return status;
}

/* An architecture that the kernel can be made for, as `--arch` names it; NULL. */
static const char *allowed_arch(Compile *s, const CompileOptions *options, const Symbol *kernel)
{
    static const struct {
        int arch;
        const char *text;
    } tried[] = {{90, "sm_90a"}, {80, "sm_80"}, {100, "sm_100"}, {120, "sm_120"}, {75, "sm_75"}};
    const char *found = NULL;
    size_t before = s->diags->list.len;
    for (size_t i = 0; i < BASE_LEN(tried) && !found; i++) {
        CompileOptions o = *options;
        LowerPoint point;
        IrKernel *k;
        o.arch = tried[i].arch;
        s->scratch = base_arena_create(&s->escape);
        if (lower_first(s, s->scratch, &o, kernel, false, &point, &k) == LOWER_OK)
            found = tried[i].text;
        base_arena_destroy(s->scratch);
        s->scratch = NULL;
        diag_forget(s->diags, before);
    }
    return found;
}

/* `arch` 0: the CPU */
static void report_empty(Compile *s, const CompileOptions *o, const Symbol *kernel, int arch)
{
    const char *where = arch ? base_format(s->arena, "for sm_%d", arch) : "on the CPU";
    const char *other = arch ? allowed_arch(s, o, kernel) : NULL;
    Diag *diag = diag_report(s->diags, DIAG_TUNE_EMPTY, kernel->span, kernel->name->text, where);
    if (other)
        diag_note(s->diags, diag, "the kernel is for other architectures: give `--arch=%s`", other);
}

/* At the first point of the tune space that the architecture (0: the CPU) allows. */
static bool add_instance(Compile *s, const CompileOptions *options, const Symbol *kernel, int arch,
                         TargetKernel *out)
{
    CompileOptions o = *options;
    if (o.arch != arch) o.performance = false; /* told of the first */
    o.arch = arch;
    LowerPoint point;
    TargetInstance *instance = &out->instances[out->instance_count++];
    instance->arch = arch;
    LowerStatus status = lower_first(s, s->arena, &o, kernel, arch == 0, &point, &instance->kernel);
    if (status == LOWER_EXCLUDED) report_empty(s, &o, kernel, arch);
    return status == LOWER_OK && add_variants(s, &o, kernel, &point, instance);
}

/* The CPU's instance stands last. */
static bool build_kernel(Compile *s, const CompileOptions *o, const TargetModule *m,
                         const Symbol *kernel, TargetKernel *out)
{
    TargetInstance *instances = NEW_ARRAY(s->arena, TargetInstance, (size_t)m->arch_count + 1);
    *out = (TargetKernel){.instances = instances}; /* where one that failed may have been */
    for (int i = 0; i < m->arch_count; i++)
        if (!add_instance(s, o, kernel, m->archs[i], out)) return false;
    return !o->cpu || add_instance(s, o, kernel, 0, out);
}

/* ---- modules --------------------------------------------------------------------------------- */

static TargetModule *make_module(Compile *s, const CompileOptions *o)
{
    TargetModule *m = NEW(s->arena, TargetModule);
    const char *path = s->program->main->source->path;
    m->name = base_path_stem(s->arena, strcmp(path, "<stdin>") == 0 ? "stdin" : path);
    m->check = o->check;
    m->shared_arch = o->arch ? o->arch : DEFAULT_ARCH;
    m->shared_limit = compile_shared_limit(m->shared_arch);
    if (!o->cuda) return m;
    m->arch_count = o->arch_count ? o->arch_count : 1;
    m->archs = o->arch_count ? o->archs : &m->shared_arch;
    return m;
}

/* What would do, after reports of what is not given. */
static void note_example(Compile *s, const char *command, const Sb *example)
{
    Diags *d = s->diags;
    if (example->len && d->list.len)
        diag_note(d, d->list.data[d->list.len - 1], "for instance:%s%s", command, example->data);
}

/* A library of nothing is not what was meant. */
static void report_lacking(Compile *s, const CompileOptions *o, TargetModule *m)
{
    Sb example = base_sb(s->arena);
    uint32_t at = 0;
    bool only_public = compile_has_public(s);
    for (const Symbol *k; (k = compile_next_kernel(s, &at, only_public));) {
        build_kernel(s, o, m, k, &m->kernels[0]);
        compile_example(o, k, &example);
    }
    note_example(s, base_format(s->arena, " hdc %s", s->program->main->source->path), &example);
}

static void build_alone(Compile *s, const CompileOptions *o, TargetModule *m)
{
    Sb example = base_sb(s->arena);
    if (build_kernel(s, o, m, o->symbol, &m->kernels[0])) m->kernel_count = 1;
    if (m->kernel_count == 0) compile_example(o, o->symbol, &example);
    note_example(s, "", &example);
}

typedef struct Build {
    const CompileOptions *options;
    TargetModule *module;
} Build;

static CompileStatus module_work(Compile *s, void *data)
{
    Build *b = data;
    const CompileOptions *o = b->options;
    TargetModule *m = make_module(s, o);
    uint32_t at = 0;
    bool only_public = !o->every_kernel && compile_has_public(s);
    m->kernels =
        NEW_ARRAY(s->arena, TargetKernel, KID(s->program->main->file, File, items)->count + 1);
    if (o->symbol) {
        build_alone(s, o, m);
    } else {
        for (const Symbol *k; (k = compile_next_kernel(s, &at, only_public));)
            if (compile_is_complete(o, k) && build_kernel(s, o, m, k, &m->kernels[m->kernel_count]))
                m->kernel_count++;
        if (!o->every_kernel && m->kernel_count == 0 && !s->diags->errors) report_lacking(s, o, m);
    }
    b->module = m;
    return s->diags->errors ? COMPILE_WRONG : COMPILE_OK;
}

CompileStatus compile_module(Compile *s, const CompileOptions *options, TargetModule **module)
{
    Build build = {options, NULL};
    CompileStatus status = compile_guarded(s, module_work, &build);
    *module = build.module;
    return status;
}

/* ---- checking -------------------------------------------------------------------------------- */

/* One point of a tune space, in memory of its own that is given back: a file may have thousands. */
static LowerStatus check_point(Compile *s, const CompileOptions *o, const Symbol *kernel,
                               const LowerPoint *point)
{
    /* What is said of speed is said of the variant that is meant to be fast. */
    bool fast = o->performance && o->cuda;
    s->scratch = base_arena_create(&s->escape);
    CompileVariant v = {
        o, s->scratch, kernel, point, !o->cuda, fast ? 32 : 64, fast ? COMPILE_ALIGNED : 1};
    CompileSwizzles swizzles = {0};
    IrKernel *k;
    LowerStatus status = compile_variant(s, &v, &swizzles, &k);
    base_arena_destroy(s->scratch);
    s->scratch = NULL;
    return status;
}

static void check_kernel(Compile *s, const CompileOptions *o, const Symbol *kernel)
{
    LowerPoint point = lower_first_point(s->arena, kernel);
    LowerOptions lower = {.define_count = o->define_count, .defines = o->defines};
    bool valid = false;
    int points = 0;
    size_t before = s->diags->errors;
    do {
        valid |= check_point(s, o, kernel, &point) != LOWER_EXCLUDED;
    } while (s->diags->errors == before && ++points < MAX_POINTS &&
             lower_next_point(kernel, &lower, &point));
    if (!valid) report_empty(s, o, kernel, o->cuda ? o->arch : 0);
}

static CompileStatus check_work(Compile *s, void *data)
{
    const CompileOptions *o = data;
    uint32_t at = 0;
    for (const Symbol *kernel; (kernel = compile_next_kernel(s, &at, false));)
        if (compile_is_complete(o, kernel)) check_kernel(s, o, kernel);
    return s->diags->errors ? COMPILE_WRONG : COMPILE_OK;
}

CompileStatus compile_check(Compile *s, const CompileOptions *options)
{
    CompileOptions copy = *options;
    return compile_guarded(s, check_work, &copy);
}
