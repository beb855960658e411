/* The tables of a compiled module, as C text. Each table is printed before the one that names it,
 * as `static const` data called hd_<what>_<number>. */
#include "target/cfamily.h"
#include "target/hostcode.h"
#include "target/shared.h"

#include <ctype.h>

typedef struct Tables {
    Arena *arena;
    Sb *out;
    const TargetModule *module;
    const IrKernel *kernel;
    int next; /* number of the next host expression */
} Tables;

int target_site(Arena *arena, TargetInstance *instance, const IrKernel *kernel, uint32_t origin,
                const char *text)
{
    for (size_t i = 0; i < instance->sites.len; ++i) {
        const TargetSite *site = &instance->sites.data[i];
        if (site->kernel == kernel && site->origin == origin && strcmp(site->text, text) == 0)
            return (int)i;
    }
    VEC_PUSH(arena, instance->sites, (TargetSite){kernel, origin, text});
    return (int)instance->sites.len - 1;
}

const char *target_symbol(Arena *arena, const IrKernel *kernel, int instance, int variant)
{
    char *name = base_format(arena, "%s_%d_%d", kernel->name->text, instance, variant);
    for (char *p = name; *p; ++p)
        if (!isalnum((unsigned char)*p)) *p = '_';
    return name;
}

/* ---- host expressions ------------------------------------------------------------------------ */

static const char *const HOST_NAMES[] = {
    "HD_X_CONST", "HD_X_SIZE", "HD_X_ARG", "HD_X_ALIGN", "HD_X_BYTES",  "HD_X_NEG", "HD_X_NOT",
    "HD_X_ADD",   "HD_X_SUB",  "HD_X_MUL", "HD_X_DIV",   "HD_X_MOD",    "HD_X_MIN", "HD_X_MAX",
    "HD_X_AND",   "HD_X_OR",   "HD_X_XOR", "HD_X_SHL",   "HD_X_SHR",    "HD_X_EQ",  "HD_X_NE",
    "HD_X_LT",    "HD_X_LE",   "HD_X_GT",  "HD_X_GE",    "HD_X_SELECT",
};
_Static_assert(BASE_LEN(HOST_NAMES) == HD_X_END, "one name for every operation");

static void host_print(const HostCode *code, Sb *out)
{
    for (size_t i = 0; i < code->len; ++i) {
        int64_t op = code->data[i];
        base_sb_printf(out, "%s, ", HOST_NAMES[op]);
        if (op > HD_X_BYTES) continue;
        int64_t value = code->data[++i];
        if (op != HD_X_CONST)
            base_sb_printf(out, "%lld, ", (long long)value);
        else if (value == INT64_MIN)
            base_sb_str(out, "INT64_MIN, ");
        else
            base_sb_printf(out, "INT64_C(%lld), ", (long long)value);
    }
}

/* Prints finished code as a table; its name. */
static const char *host_table(Tables *t, Sb *code)
{
    const char *name = base_format(t->arena, "hd_x_%d", t->next++);
    base_sb_printf(t->out, "static const int64_t %s[] = {%sHD_X_END};\n", name, base_sb_text(code));
    return name;
}

static const char *host_expr(Tables *t, const IrExpr *e)
{
    HostCode code = {0};
    Sb text = base_sb(t->arena);
    host_code_add(t->arena, &code, e);
    host_print(&code, &text);
    return host_table(t, &text);
}

static const char *guard(Tables *t, const TargetVariant *v)
{
    HostGuard terms = host_code_guard(t->arena, t->kernel, v);
    Sb text = base_sb(t->arena);
    for (size_t i = 0; i < terms.len; ++i) {
        host_print(&terms.data[i], &text);
        if (i) base_sb_str(&text, "HD_X_AND, ");
    }
    return terms.len ? host_table(t, &text) : "NULL";
}

/* ---- kernels --------------------------------------------------------------------------------- */

static const char *param_extents(Tables *t, const IrTensor *x, size_t p)
{
    Sb sizes = base_sb(t->arena), codes = base_sb(t->arena);
    for (int d = 0; d < x->rank; ++d) {
        bool bare = x->extents[d]->op == IR_SIZE;
        base_sb_printf(&sizes, "%lld, ", bare ? (long long)x->extents[d]->imm : -1ll);
        base_sb_printf(&codes, "%s, ", bare ? "NULL" : host_expr(t, x->extents[d]));
    }
    const char *name = base_format(t->arena, "hd_param_%d_%zu", t->next++, p);
    base_sb_printf(t->out, "static const int %s_sizes[] = {%s-1};\n", name, base_sb_text(&sizes));
    base_sb_printf(t->out, "static const HdHostExpr %s_extents[] = {%sNULL};\n", name,
                   base_sb_text(&codes));
    if (x->strides) {
        base_sb_printf(t->out, "static const int %s_strides[] = {", name);
        for (int d = 0; d < x->rank; ++d)
            base_sb_printf(t->out, "%lld, ",
                           x->strides[d]->op == IR_SIZE ? (long long)x->strides[d]->imm : -1ll);
        base_sb_str(t->out, "-1};\n");
    }
    return name;
}

static int dl_code(Elem elem)
{
    static const int codes[] = {
        0,
#define ELEM(id, text, cls, bits, dlpack, c_name, cuda_name, npy) dlpack,
#include "vocab/elems.def"
#undef ELEM
    };
    return codes[elem];
}

static void param(Tables *t, const IrParam *p, size_t number, Sb *rows)
{
    const IrTensor *x = p->tensor;
    Elem elem = p->is_tensor ? x->elem : p->elem;
    const char *base = p->is_tensor ? param_extents(t, x, number) : NULL;
    int mode = p->is_tensor ? host_code_mode(x) : 0;
    base_sb_str(rows, "    {");
    cfamily_string(rows, p->name->text);
    base_sb_printf(rows, ", %s, %d, %d, \"%s\", %d, %d, ", p->is_tensor ? "true" : "false",
                   dl_code(elem), vocab_elem(elem)->bits, vocab_elem(elem)->text, mode,
                   p->is_tensor ? x->rank : 0);
    if (base)
        base_sb_printf(rows, "%s_sizes, %s_extents, %s%s},\n", base, base,
                       x->strides ? base : "NULL", x->strides ? "_strides" : "");
    else
        base_sb_str(rows, "NULL, NULL, NULL},\n");
}

static void place(Tables *t, const IrKernel *k, uint32_t origin, Sb *out, bool column)
{
    Position at = {0};
    if (origin && origin < k->origins.len)
        at = diag_position(k->diags, k->origins.data[origin].span.begin);
    (void)t;
    cfamily_string(out, at.source ? at.source->path : "");
    base_sb_printf(out, ", %u", at.line);
    if (column) base_sb_printf(out, ", %u", at.column);
}

static void requires_table(Tables *t, const char *name)
{
    Sb rows = base_sb(t->arena);
    for (size_t i = 0; i < t->kernel->requires.len; ++i) {
        const IrRequire *r = &t->kernel->requires.data[i];
        base_sb_printf(&rows, "    {%s, ", host_expr(t, r->cond));
        cfamily_string(&rows, r->text);
        base_sb_str(&rows, ", ");
        place(t, t->kernel, r->origin, &rows, false);
        base_sb_str(&rows, "},\n");
    }
    base_sb_printf(t->out, "static const HdRequireInfo %s_requires[] = {\n%s    {0}};\n", name,
                   base_sb_text(&rows));
}

/* What a launch gives the copy engines to know of each box. */
static const char *maps_table(Tables *t, const TargetVariant *v, const char *name)
{
    Sb rows = base_sb(t->arena);
    if (v->maps.len == 0) return "0, NULL";
    for (size_t i = 0; i < v->maps.len; ++i) {
        const TargetMap *map = &v->maps.data[i];
        const IrTensor *x = map->tensor;
        Sb lists[2] = {base_sb(t->arena), base_sb(t->arena)}, box = base_sb(t->arena);
        for (int d = 0; d < x->rank; ++d) {
            base_sb_printf(&lists[0], "%s, ", host_expr(t, x->extents[d]));
            if (x->strides) base_sb_printf(&lists[1], "%s, ", host_expr(t, x->strides[d]));
            base_sb_printf(&box, "%s%lld", d ? ", " : "", (long long)map->box[d]);
        }
        base_sb_printf(t->out,
                       "static const HdHostExpr %s_map_%zu[] = {%sNULL}, %s_map_strides_%zu[] = "
                       "{%sNULL};\n",
                       name, i, base_sb_text(&lists[0]), name, i, base_sb_text(&lists[1]));
        base_sb_printf(&rows, "    {%d, %d, %d, %s_map_%zu, ", x->param, vocab_elem_bytes(x->elem),
                       x->rank, name, i);
        if (x->strides)
            base_sb_printf(&rows, "%s_map_strides_%zu, ", name, i);
        else
            base_sb_str(&rows, "NULL, ");
        base_sb_printf(&rows, "{%s}, %d, ", base_sb_text(&box), map->swizzle);
        place(t, map->kernel, map->origin, &rows, false);
        base_sb_str(&rows, "},\n");
    }
    base_sb_printf(t->out, "static const HdTensorMapInfo %s_maps[] = {\n%s};\n", name,
                   base_sb_text(&rows));
    return base_format(t->arena, "%zu, %s_maps", v->maps.len, name);
}

static void variants_table(Tables *t, const TargetInstance *instance, const char *name)
{
    Sb rows = base_sb(t->arena);
    for (int i = 0; i < instance->variant_count; ++i) {
        const TargetVariant *v = &instance->variants[i];
        bool last = i + 1 == instance->variant_count;
        base_sb_printf(&rows, "    {%s, \"index%d", last ? "NULL" : guard(t, v), v->index_bits);
        if (v->alignment > 1) base_sb_printf(&rows, " aligned%d", v->alignment);
        base_sb_printf(&rows, "\", %s, ", v->cpu_symbol ? v->cpu_symbol : "NULL");
        if (v->cuda_entry)
            cfamily_string(&rows, v->cuda_entry);
        else
            base_sb_str(&rows, "NULL");
        base_sb_printf(&rows, ", %s},\n",
                       maps_table(t, v, base_format(t->arena, "%s_%d", name, i)));
    }
    base_sb_printf(t->out, "static const HdVariantInfo %s_variants[] = {\n%s};\n", name,
                   base_sb_text(&rows));
}

static void sites_table(Tables *t, const TargetInstance *instance, const char *name)
{
    base_sb_printf(t->out, "static const HdSiteInfo %s_sites[] = {\n", name);
    for (size_t i = 0; i < instance->sites.len; ++i) {
        const TargetSite *site = &instance->sites.data[i];
        base_sb_str(t->out, "    {");
        place(t, site->kernel, site->origin, t->out, true);
        base_sb_str(t->out, ", ");
        cfamily_string(t->out, site->text);
        base_sb_str(t->out, "},\n");
    }
    base_sb_str(t->out, "    {0}};\n");
}

/* Rows for what a launch must count, of which the code as compiled for a GPU decides. */
static void shared_table(Tables *t, const TargetInstance *instance, const char *name, Sb *tail)
{
    IrKernel *k = target_shared_kernel(instance);
    TargetShared shared = target_place_shared(k);
    if (!shared.at_launch) {
        base_sb_str(tail, "NULL");
        return;
    }
    int count = 0;
    Sb rows = base_sb(t->arena);
    for (size_t i = 0; i < k->tensors.len; ++i) {
        const IrTensor *x = k->tensors.data[i];
        if (!shared.at[i]) continue;
        const char *bytes = host_expr(t, target_tensor_bytes(k, x));
        Sb extents = base_sb(t->arena);
        for (int d = 0; d < x->rank; ++d)
            base_sb_printf(&extents, "%s, ", host_expr(t, x->extents[d]));
        base_sb_printf(t->out, "static const HdHostExpr %s_shared_%d[] = {%sNULL};\n", name, count,
                       base_sb_text(&extents));
        base_sb_str(&rows, "    {");
        cfamily_string(&rows, x->name->text);
        base_sb_printf(&rows, ", \"%s\", %d, %s_shared_%d, %s, ", vocab_elem(x->elem)->text,
                       x->rank, name, count++, bytes);
        place(t, k, x->origin, &rows, false);
        base_sb_str(&rows, "},\n");
    }
    const char *total = host_expr(t, shared.total);
    base_sb_printf(t->out, "static const HdSharedInfo %s_tensors[] = {\n%s};\n", name,
                   base_sb_text(&rows));
    base_sb_printf(t->out,
                   "static const HdSharedSizes %s_sizes = {%s, %d, %s_tensors, %d, %lld};\n", name,
                   total, count, name, t->module->shared_arch, (long long)t->module->shared_limit);
    base_sb_printf(tail, "&%s_sizes", name);
}

static void instance_row(Tables *t, const TargetInstance *instance, int kernel, int number,
                         Sb *rows)
{
    const IrKernel *k = instance->kernel;
    t->kernel = k;
    const char *name = base_format(t->arena, "hd_instance_%d_%d", kernel, number), *grid[3];
    requires_table(t, name);
    variants_table(t, instance, name);
    sites_table(t, instance, name);
    Sb shared = base_sb(t->arena);
    shared_table(t, instance, name, &shared);
    base_sb_printf(&shared, ", %lld", (long long)k->cluster);
    for (int d = 0; d < 3; ++d) grid[d] = k->grid[d] ? host_expr(t, k->grid[d]) : "NULL";
    base_sb_printf(rows, "    {%d, ", instance->arch);
    cfamily_string(rows, k->instance ? k->instance : "");
    base_sb_printf(rows, ", %zu, %s_requires, {%s, %s, %s}, %lld, ", k->requires.len, name, grid[0],
                   grid[1], grid[2], (long long)k->block_size);
    base_sb_printf(rows, "{%lld, %lld, %lld}, %lld, %s, ", (long long)k->block_dims[0],
                   (long long)k->block_dims[1], (long long)k->block_dims[2],
                   (long long)instance->shared_bytes, k->resident ? "true" : "false");
    base_sb_printf(rows, "%d, %s_variants, %zu, %s_sites, %s},\n", instance->variant_count, name,
                   instance->sites.len, name, base_sb_text(&shared));
}

static void kernel_row(Tables *t, const TargetKernel *kernel, int number, Sb *rows)
{
    const IrKernel *k = kernel->instances[0].kernel;
    t->kernel = k;
    Sb params = base_sb(t->arena), instances = base_sb(t->arena);
    for (size_t i = 0; i < k->params.len; ++i) param(t, &k->params.data[i], i, &params);
    for (int i = 0; i < kernel->instance_count; ++i)
        instance_row(t, &kernel->instances[i], number, i, &instances);
    base_sb_printf(t->out, "static const HdParamInfo hd_params_%d[] = {\n%s    {0}};\n", number,
                   base_sb_text(&params));
    base_sb_printf(t->out, "static const HdInstanceInfo hd_instances_%d[] = {\n%s};\n", number,
                   base_sb_text(&instances));
    base_sb_printf(t->out, "static const char *const hd_size_names_%d[] = {", number);
    for (size_t i = 0; i < k->sizes.len; ++i) {
        cfamily_string(t->out, k->sizes.data[i]->text);
        base_sb_str(t->out, ", ");
    }
    base_sb_str(t->out, "NULL};\n");
    base_sb_str(rows, "    {");
    cfamily_string(rows, k->name->text);
    base_sb_printf(rows, ", %zu, hd_params_%d, %zu, hd_size_names_%d, %d, hd_instances_%d},\n",
                   k->params.len, number, k->sizes.len, number, kernel->instance_count, number);
}

static void image_row(Tables *t, const TargetImage *image, int number, Sb *rows)
{
    base_sb_printf(t->out, "static const unsigned char hd_image_%d[] = {", number);
    for (size_t i = 0; i < image->size; ++i)
        base_sb_printf(t->out, "%s%d,", i % 24 ? "" : "\n", image->data[i]);
    base_sb_str(t->out, "0};\n");
    base_sb_printf(rows, "    {%d, %s, %s, hd_image_%d, %zu},\n", image->arch,
                   image->specific ? "true" : "false", image->is_ptx ? "true" : "false", number,
                   image->size);
}

void target_tables(Arena *arena, const TargetModule *module, Sb *out)
{
    Tables t = {.arena = arena, .out = out, .module = module};
    Sb kernels = base_sb(arena), images = base_sb(arena);
    base_sb_str(out, "\n#ifndef NULL\n#define NULL ((void *)0)\n#endif\n\n");
    for (int i = 0; i < module->kernel_count; ++i) kernel_row(&t, &module->kernels[i], i, &kernels);
    for (int i = 0; i < module->image_count; ++i) image_row(&t, &module->images[i], i, &images);
    base_sb_printf(out, "static const HdKernelInfo hd_kernels[] = {\n%s    {0}};\n",
                   base_sb_text(&kernels));
    base_sb_printf(out, "static const HdImageInfo hd_images[] = {\n%s    {0}};\n",
                   base_sb_text(&images));
    base_sb_str(out, "extern __attribute__((visibility(\"protected\")))\n");
    base_sb_str(out, "const HdModuleInfo hd_module_info;\n");
    base_sb_str(out, "const HdModuleInfo hd_module_info = {HD_ABI_VERSION, ");
    cfamily_string(out, module->name);
    base_sb_printf(out, ", %d, hd_kernels, %d, hd_images};\n", module->kernel_count,
                   module->image_count);
}
