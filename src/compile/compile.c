/* Sessions, loading, kernels, modules. */
#include "compile/compile.h"

#include "compile/internal.h"

#include <errno.h>
#include <stdlib.h>

/* Every public call runs its work inside `compile_guarded`, where escapes land; outside it they
 * land where the caller says. */
CompileStatus compile_guarded(Compile *s, CompileStatus (*work)(Compile *, void *), void *data)
{
    jmp_buf outer;
    CompileStatus status;
    memcpy(outer, s->escape.env, sizeof outer);
    s->escape.kind = ESCAPE_NONE;
    s->escape.pass = NULL;
    if (setjmp(s->escape.env) == 0) {
        status = work(s, data);
    } else if (s->escape.kind == ESCAPE_MEMORY) {
        s->message = "out of memory";
        status = COMPILE_MEMORY;
    } else {
        s->message = s->escape.message;
        status = COMPILE_INTERNAL;
    }
    memcpy(s->escape.env, outer, sizeof outer);
    return status;
}

static CompileStatus start(Compile *s, void *data)
{
    (void)data;
    s->arena = base_arena_create(&s->escape);
    s->interner = base_interner_create(s->arena);
    s->diags = diag_create(s->arena);
    return COMPILE_OK;
}

Compile *compile_create(void)
{
    Compile *s = calloc(1, sizeof *s);
    if (s && compile_guarded(s, start, NULL) != COMPILE_OK) {
        compile_destroy(s);
        return NULL;
    }
    return s;
}

void compile_destroy(Compile *s)
{
    if (!s) return;
    base_arena_destroy(s->scratch);
    base_arena_destroy(s->arena);
    free(s);
}

/* ---- loading ----------------------------------------------------------------------------------
 */

typedef struct Load {
    const char *path, *text;
    size_t len;
    char *formatted;
} Load;

static CompileStatus read_source(Compile *s, Load *load, Source **source)
{
    char *text = NULL;
    if (load->text) {
        text = base_strndup(s->arena, load->text, load->len);
    } else {
        int error =
            base_file_read_most(s->arena, load->path, SYNTAX_MAX_BYTES + 1, &text, &load->len);
        if (error) {
            s->message = base_format(s->arena, "cannot read %s: %s", load->path, strerror(error));
            return COMPILE_IO;
        }
    }
    *source = diag_add_source(s->diags, strcmp(load->path, "-") == 0 ? "<stdin>" : load->path, text,
                              load->len);
    if (*source) return COMPILE_OK;
    s->message = base_format(s->arena, "cannot read %s: %s", load->path, strerror(EFBIG));
    return COMPILE_IO;
}

static CompileStatus load_work(Compile *s, void *data)
{
    Source *source;
    CompileStatus status = read_source(s, data, &source);
    if (status != COMPILE_OK) return status;
    s->program = sema_check(s->arena, s->interner, s->diags, source, compile_library, NULL);
    return s->diags->errors ? COMPILE_WRONG : COMPILE_OK;
}

CompileStatus compile_load(Compile *s, const char *path, const char *text, size_t len)
{
    Load load = {path, text, len, NULL};
    return compile_guarded(s, load_work, &load);
}

static CompileStatus format_work(Compile *s, void *data)
{
    Load *load = data;
    Source *source;
    CompileStatus status = read_source(s, load, &source);
    if (status != COMPILE_OK) return status;
    syntax_parse(s->arena, s->interner, s->diags, source);
    if (s->diags->errors) return COMPILE_WRONG;
    load->formatted = syntax_format(s->arena, s->interner, source);
    return COMPILE_OK;
}

CompileStatus compile_format(Compile *s, const char *path, const char *text, size_t len,
                             char **formatted)
{
    Load load = {path, text, len, NULL};
    CompileStatus status = compile_guarded(s, format_work, &load);
    *formatted = load.formatted;
    return status;
}

/* ---- kernels ----------------------------------------------------------------------------------
 */

const Symbol *compile_next_kernel(const Compile *s, uint32_t *at, bool only_public)
{
    const Ast *items = KID(s->program->main->file, File, items);
    while (*at < items->count) {
        const Ast *item = items->kid[(*at)++];
        if (item->kind != AST_Kernel || !item->symbol) continue;
        if (!only_public || (item->flags & AST_PUB)) return item->symbol;
    }
    return NULL;
}

bool compile_has_public(const Compile *s)
{
    uint32_t at = 0;
    return compile_next_kernel(s, &at, true) != NULL;
}

int compile_kernel_count(const Compile *s)
{
    bool only = compile_has_public(s);
    int count = 0;
    for (uint32_t at = 0; compile_next_kernel(s, &at, only);) count++;
    return count;
}

const Symbol *compile_kernel(const Compile *s, int index)
{
    bool only = compile_has_public(s);
    uint32_t at = 0;
    const Symbol *kernel = NULL;
    for (int i = 0; i <= index; i++) kernel = compile_next_kernel(s, &at, only);
    return kernel;
}

const Symbol *compile_find_kernel(const Compile *s, const char *name)
{
    uint32_t at = 0;
    for (const Symbol *k; (k = compile_next_kernel(s, &at, false));)
        if (strcmp(k->name->text, name) == 0) return k;
    return NULL;
}

/* ---- lowering and passes ------------------------------------------------------------------------
 */

/* What a multiprocessor has (CUDA C++ Programming Guide, "Compute Capabilities"), by architecture;
 * those that are not named are like the last. */
typedef struct Multiprocessor {
    int arch;
    int shared_kib, reserved_kib; /* that a block may use, and that it takes beside */
    int threads;
} Multiprocessor;

static Multiprocessor multiprocessor(int arch)
{
    static const Multiprocessor known[] = {
        {75, 64, 0, 1024},   {80, 163, 1, 2048},  {87, 163, 1, 1536}, {90, 227, 1, 2048},
        {100, 227, 1, 2048}, {103, 227, 1, 2048}, {0, 99, 1, 1536}};
    size_t i = 0;
    while (known[i].arch && known[i].arch != arch) i++;
    return known[i];
}

enum { ALIGNED = 16, MAX_VARIANTS = 4, DEFAULT_ARCH = 80 };
enum { MAX_POINTS = 4096 }; /* of a tune space that are looked at */

typedef struct Build {
    const CompileOptions *options;
    TargetModule *module;
} Build;

/* What the swizzles that the compiler chooses keep together, for the first tensors that have one.
 */
typedef struct Swizzles {
    int count;
    int bytes[8];
} Swizzles;

static LowerStatus lower_one(Compile *s, Arena *arena, const CompileOptions *o,
                             const Symbol *kernel, bool cpu, int alignment, const LowerPoint *point,
                             const Swizzles *swizzles, IrKernel **out)
{
    Multiprocessor machine = multiprocessor(o->arch);
    LowerOptions lower = {.cpu = cpu,
                          .check = o->check,
                          .arch = cpu ? 0 : o->arch,
                          .alignment = cpu ? 0 : alignment,
                          .shared_limit = cpu ? 0 : machine.shared_kib * 1024,
                          .shared_reserved = machine.reserved_kib * 1024,
                          .threads_limit = machine.threads,
                          .swizzle_bytes = swizzles ? swizzles->bytes : NULL,
                          .swizzle_count = swizzles ? swizzles->count : 0,
                          .define_count = o->define_count,
                          .defines = o->defines};
    s->escape.pass = "lower";
    LowerStatus status = lower_kernel(arena, s->program, kernel, &lower, point, out);
    s->escape.pass = NULL;
    return status;
}

static bool run_passes(Compile *s, const CompileOptions *o, IrKernel *kernel, bool cpu,
                       const TargetVariant *variant)
{
    PassOptions pass = {.target = cpu ? PASS_FOR_CPU : PASS_FOR_CUDA,
                        .arch = cpu ? 0 : o->arch,
                        .check = o->check,
                        .shuffle_threads = o->shuffle_threads,
                        .verify = o->verify,
                        .performance = o->performance && !cpu && variant->alignment == ALIGNED,
                        .accesses = o->accesses,
                        .index_bits = variant->index_bits,
                        .alignment = variant->alignment,
                        .print_after = o->print_after,
                        .stop_after = o->stop_after,
                        .print_to = o->print_to,
                        .seconds = o->seconds};
    return pass_run(kernel, s->diags, &pass);
}

/* ---- swizzles ----------------------------------------------------------------------------------
 */

typedef struct Trial {
    Compile *s;
    const CompileOptions *o;
    Arena *arena;
    const Symbol *kernel;
    const LowerPoint *point;
    const TargetVariant *variant;
} Trial;

/* What the accesses would come to if all swizzles kept `bytes` together; false if that is wrong. */
static bool try_swizzles(const Trial *t, int bytes, int count, int64_t *cost)
{
    size_t before = t->s->diags->list.len;
    CompileOptions quiet = *t->o;
    quiet.performance = false;
    quiet.print_after = NULL;
    Swizzles swizzles = {.count = count};
    for (int i = 0; i < count; i++) swizzles.bytes[i] = bytes;
    IrKernel *k;
    bool ok = lower_one(t->s, t->arena, &quiet, t->kernel, false, t->variant->alignment, t->point,
                        &swizzles, &k) == LOWER_OK &&
              run_passes(t->s, &quiet, k, false, t->variant);
    if (ok) pass_swizzle_cost(k, cost, count);
    diag_forget(t->s->diags, before);
    return ok;
}

static int count_chosen(const IrKernel *k)
{
    int count = 0, most = (int)BASE_LEN(((Swizzles *)NULL)->bytes);
    for (size_t i = 0; i < k->tensors.len; i++) {
        const IrTensor *t = k->tensors.data[i];
        if (t->space == IR_SHARED && t->layout && t->layout->chosen > count)
            count = t->layout->chosen;
    }
    return count < most ? count : most;
}

/* Where 16 bytes, which vectors and matrix instructions want, leave conflicts, smaller units may be
 * better. True if *swizzles is to be tried on the kernel made again. */
static bool choose_swizzles(const Trial *t, IrKernel *k, Swizzles *swizzles)
{
    int64_t least[BASE_LEN(swizzles->bytes)] = {0};
    int count = t->o->stop_after ? 0 : count_chosen(k);
    if (count == 0 || !pass_swizzle_cost(k, least, count)) return false;
    bool changed = false;
    *swizzles = (Swizzles){.count = count};
    for (int bytes = 8; bytes >= 4; bytes /= 2) {
        int64_t cost[BASE_LEN(swizzles->bytes)] = {0};
        if (!try_swizzles(t, bytes, count, cost)) continue;
        for (int i = 0; i < count; i++) {
            if (cost[i] < 0 || cost[i] >= least[i]) continue;
            least[i] = cost[i];
            swizzles->bytes[i] = bytes;
            changed = true;
        }
    }
    return changed;
}

/* One variant, after all passes. The aligned one of CUDA, which comes first, chooses `swizzles`. */
static LowerStatus make_variant(const Trial *t, bool cpu, Swizzles *swizzles, IrKernel **k)
{
    size_t before = t->s->diags->list.len;
    size_t rows = t->o->accesses ? t->o->accesses->list.len : 0;
    for (;;) {
        LowerStatus status = lower_one(t->s, t->arena, t->o, t->kernel, cpu, t->variant->alignment,
                                       t->point, cpu ? NULL : swizzles, k);
        if (status != LOWER_OK) return status;
        if (!run_passes(t->s, t->o, *k, cpu, t->variant)) return LOWER_ERROR;
        bool first = !cpu && t->variant->alignment == ALIGNED && swizzles->count == 0;
        if (!first || !choose_swizzles(t, *k, swizzles)) return LOWER_OK;
        diag_forget(t->s->diags, before);
        if (t->o->accesses) t->o->accesses->list.len = rows;
    }
}

static bool add_variant(Compile *s, const CompileOptions *o, const Symbol *kernel,
                        const LowerPoint *point, TargetInstance *instance, bool cpu, int bits,
                        int alignment, Swizzles *swizzles)
{
    TargetVariant *v = &instance->variants[instance->variant_count];
    *v = (TargetVariant){.index_bits = bits, .alignment = alignment};
    Trial trial = {s, o, s->arena, kernel, point, v};
    IrKernel *k;
    if (make_variant(&trial, cpu, swizzles, &k) != LOWER_OK) return false;
    if (cpu)
        v->cpu = k;
    else
        v->cuda = k;
    instance->variant_count++;
    return true;
}

/* The CPU's code takes 64-bit indices and any alignment; CUDA's is versioned. */
static bool add_variants(Compile *s, const CompileOptions *o, const Symbol *kernel,
                         const LowerPoint *point, TargetInstance *instance)
{
    instance->variants = NEW_ARRAY(s->arena, TargetVariant, MAX_VARIANTS);
    Swizzles w = {0};
    if (instance->arch == 0) return add_variant(s, o, kernel, point, instance, true, 64, 1, &w);
    return add_variant(s, o, kernel, point, instance, false, 32, ALIGNED, &w) &&
           add_variant(s, o, kernel, point, instance, false, 32, 1, &w) &&
           add_variant(s, o, kernel, point, instance, false, 64, 1, &w);
}

/* At the first point of the tune space that is not excluded, or at the one that is given. */
static LowerStatus lower_first(Compile *s, Arena *arena, const CompileOptions *o,
                               const Symbol *kernel, bool cpu, LowerPoint *point, IrKernel **out)
{
    LowerOptions lower = {.define_count = o->define_count, .defines = o->defines};
    LowerStatus status;
    int points = 0;
    *point = lower_first_point(s->arena, kernel);
    if (o->point) memcpy(point->choice, o->point, (size_t)point->count * sizeof *point->choice);
    do {
        status = lower_one(s, arena, o, kernel, cpu, 1, point, NULL, out);
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

static TargetModule *make_module(Compile *s, const CompileOptions *o)
{
    TargetModule *m = NEW(s->arena, TargetModule);
    const char *path = s->program->main->source->path;
    m->name = base_path_stem(s->arena, strcmp(path, "<stdin>") == 0 ? "stdin" : path);
    m->check = o->check;
    m->shared_arch = o->arch ? o->arch : DEFAULT_ARCH;
    m->shared_limit = multiprocessor(m->shared_arch).shared_kib * 1024;
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

/* ---- checking
 * ------------------------------------------------------------------------------------ */

/* One point of a tune space, in memory of its own that is given back: a file may have thousands. */
static LowerStatus check_point(Compile *s, const CompileOptions *o, const Symbol *kernel,
                               const LowerPoint *point)
{
    /* What is said of speed is said of the variant that is meant to be fast. */
    bool fast = o->performance && o->cuda;
    TargetVariant variant = {.index_bits = fast ? 32 : 64, .alignment = fast ? ALIGNED : 1};
    IrKernel *k;
    s->scratch = base_arena_create(&s->escape);
    Trial trial = {s, o, s->scratch, kernel, point, &variant};
    Swizzles swizzles = {0};
    LowerStatus status = make_variant(&trial, !o->cuda, &swizzles, &k);
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

/* ---- mappings
 * ------------------------------------------------------------------------------------ */

typedef struct MapRequest {
    const char *name;
    int rank;
    const int64_t *shape;
    int64_t workers;
    const Mapping *mapping;
} MapRequest;

static CompileStatus mapping_work(Compile *s, void *data)
{
    MapRequest *r = data;
    const Ast *items = KID(s->program->main->file, File, items);
    for (uint32_t i = 0; i < items->count; i++) {
        const Ast *item = items->kid[i];
        if (item->kind != AST_MappingDecl || strcmp(item->name->text, r->name) != 0) continue;
        int64_t shape[MAPPING_MAX_RANK];
        const Ast *declared = KID(item, MappingDecl, shape);
        int rank = r->rank;
        if (rank) memcpy(shape, r->shape, (size_t)rank * sizeof *shape);
        if (!rank && declared)
            for (; rank < (int)declared->count; rank++) shape[rank] = declared->kid[rank]->value.i;
        r->mapping = lower_mapping_expr(s->arena, s->program, KID(item, MappingDecl, value), rank,
                                        rank ? shape : NULL, r->workers);
    }
    if (!r->mapping && !s->diags->errors)
        diag_report(s->diags, DIAG_NO_SUCH_MAPPING, s->program->main->file->span, r->name);
    return s->diags->errors ? COMPILE_WRONG : COMPILE_OK;
}

const Mapping *compile_mapping(Compile *s, const char *name, int rank, const int64_t *shape,
                               int64_t workers, CompileStatus *status)
{
    MapRequest request = {name, rank, shape, workers, NULL};
    *status = compile_guarded(s, mapping_work, &request);
    return *status == COMPILE_OK ? request.mapping : NULL;
}
