/* The manifest: what a compiled module holds, as JSON. Its form is written down in docs/cli.md. */
#include "runtime/host.h"
#include "target/hostcode.h"
#include "target/shared.h"

enum { HOST_TEXT = 1024 };

typedef struct Manifest {
    Arena *arena;
    Sb *out;
    const IrKernel *kernel;
    HdKernelInfo names; /* of its parameters and sizes, for printing expressions */
} Manifest;

static void key(Manifest *m, const char *name)
{
    base_sb_printf(m->out, "\"%s\": ", name);
}

static void string(Manifest *m, const char *name, const char *text)
{
    key(m, name);
    diag_json_string(m->out, text);
}

/* ---- host expressions ------------------------------------------------------------------------ */

static void name_kernel(Manifest *m, const IrKernel *k)
{
    HdParamInfo *params = NEW_ARRAY(m->arena, HdParamInfo, k->params.len + 1);
    const char **sizes = NEW_ARRAY(m->arena, const char *, k->sizes.len + 1);
    for (size_t i = 0; i < k->params.len; ++i) params[i].name = k->params.data[i].name->text;
    for (size_t i = 0; i < k->sizes.len; ++i) sizes[i] = k->sizes.data[i]->text;
    m->kernel = k;
    m->names = (HdKernelInfo){.name = k->name->text,
                              .param_count = (int)k->params.len,
                              .params = params,
                              .size_count = (int)k->sizes.len,
                              .size_names = sizes};
}

static void code_text(Manifest *m, HostCode code)
{
    char buffer[HOST_TEXT];
    HdText text = {buffer, 0, sizeof buffer};
    buffer[0] = '\0';
    VEC_PUSH(m->arena, code, HD_X_END);
    hd_host_print(code.data, &m->names, &text);
    diag_json_string(m->out, buffer);
}

static void expr_text(Manifest *m, const IrExpr *e)
{
    HostCode code = {0};
    host_code_add(m->arena, &code, e);
    code_text(m, code);
}

/* ---- parts of a kernel ----------------------------------------------------------------------- */

static void parameter(Manifest *m, const IrParam *p)
{
    static const char *const modes[] = {"in", "out", "inout"};
    const IrTensor *x = p->tensor;
    base_sb_char(m->out, '{');
    string(m, "name", p->name->text);
    base_sb_printf(m->out, ", \"kind\": \"%s\", ", p->is_tensor ? "tensor" : "scalar");
    string(m, "elem", vocab_elem(p->is_tensor ? x->elem : p->elem)->text);
    if (p->is_tensor) {
        base_sb_printf(m->out, ", \"mode\": \"%s\", \"strided\": %s, \"extents\": [",
                       modes[host_code_mode(x)], x->strides ? "true" : "false");
        for (int d = 0; d < x->rank; ++d) {
            if (d) base_sb_str(m->out, ", ");
            expr_text(m, x->extents[d]);
        }
        base_sb_char(m->out, ']');
    }
    base_sb_char(m->out, '}');
}

static void place(Manifest *m, const IrKernel *k, uint32_t origin)
{
    Position at = {0};
    if (origin && origin < k->origins.len)
        at = diag_position(k->diags, k->origins.data[origin].span.begin);
    string(m, "file", at.source ? at.source->path : "");
    base_sb_printf(m->out, ", \"line\": %u, \"column\": %u", at.line, at.column);
}

static void requirements(Manifest *m)
{
    for (size_t i = 0; i < m->kernel->requires.len; ++i) {
        const IrRequire *r = &m->kernel->requires.data[i];
        base_sb_str(m->out, i ? ",\n       {" : "\n       {");
        key(m, "condition");
        expr_text(m, r->cond);
        base_sb_str(m->out, ", ");
        string(m, "text", r->text);
        base_sb_str(m->out, ", ");
        place(m, m->kernel, r->origin);
        base_sb_char(m->out, '}');
    }
}

static void variant(Manifest *m, const TargetVariant *v, bool last)
{
    HostGuard terms = host_code_guard(m->arena, m->kernel, v);
    base_sb_printf(m->out, "{\"index_bits\": %d, \"alignment\": %d, ", v->index_bits, v->alignment);
    if (v->cpu_symbol) {
        string(m, "cpu", v->cpu_symbol);
        base_sb_str(m->out, ", ");
    }
    if (v->cuda_entry) {
        string(m, "cuda", v->cuda_entry);
        base_sb_str(m->out, ", ");
    }
    base_sb_str(m->out, "\"guards\": [");
    for (size_t i = 0; i < terms.len && !last; ++i) {
        if (i) base_sb_str(m->out, ", ");
        code_text(m, terms.data[i]);
    }
    base_sb_str(m->out, "]}");
}

static void sites(Manifest *m, const TargetInstance *instance)
{
    for (size_t i = 0; i < instance->sites.len; ++i) {
        const TargetSite *site = &instance->sites.data[i];
        base_sb_str(m->out, i ? ",\n       {" : "\n       {");
        place(m, site->kernel, site->origin);
        base_sb_str(m->out, ", ");
        string(m, "text", site->text);
        base_sb_char(m->out, '}');
    }
}

static void shared_tensors(Manifest *m, const TargetInstance *instance)
{
    IrKernel *k = target_shared_kernel(instance);
    TargetShared shared = target_place_shared(k);
    if (!shared.at_launch) return;
    base_sb_str(m->out, "\n      \"shared_bytes\": ");
    expr_text(m, shared.total);
    base_sb_str(m->out, ", \"shared\": [");
    bool first = true;
    for (size_t i = 0; i < k->tensors.len; ++i) {
        const IrTensor *x = k->tensors.data[i];
        if (!shared.at[i]) continue;
        base_sb_str(m->out, first ? "\n       {" : ",\n       {");
        first = false;
        string(m, "name", x->name->text);
        base_sb_printf(m->out, ", \"elem\": \"%s\", \"extents\": [", vocab_elem(x->elem)->text);
        for (int d = 0; d < x->rank; ++d) {
            if (d) base_sb_str(m->out, ", ");
            expr_text(m, x->extents[d]);
        }
        base_sb_str(m->out, "], \"bytes\": ");
        expr_text(m, target_tensor_bytes(k, x));
        base_sb_char(m->out, '}');
    }
    base_sb_str(m->out, "],");
}

static void instance(Manifest *m, const TargetInstance *instance)
{
    const IrKernel *k = instance->kernel;
    name_kernel(m, k);
    base_sb_printf(m->out, "{\n      \"arch\": %d, ", instance->arch);
    string(m, "tune", k->instance ? k->instance : "");
    base_sb_str(m->out, ",\n      \"grid\": [");
    for (int d = 0; d < 3; ++d) {
        if (d) base_sb_str(m->out, ", ");
        if (k->grid[d])
            expr_text(m, k->grid[d]);
        else
            base_sb_str(m->out, "\"1\"");
    }
    base_sb_printf(m->out, "],\n      \"block\": [%lld, %lld, %lld], \"threads\": %lld,",
                   (long long)k->block_dims[0], (long long)k->block_dims[1],
                   (long long)k->block_dims[2], (long long)k->block_size);
    base_sb_printf(m->out, " \"dynamic_shared_bytes\": %lld, \"resident\": %s,",
                   (long long)instance->shared_bytes, k->resident ? "true" : "false");
    if (k->cluster) base_sb_printf(m->out, " \"cluster\": %lld,", (long long)k->cluster);
    if (k->occupancy) base_sb_printf(m->out, " \"occupancy\": %lld,", (long long)k->occupancy);
    shared_tensors(m, instance);
    base_sb_str(m->out, "\n      \"requires\": [");
    requirements(m);
    base_sb_str(m->out, "],\n      \"variants\": [");
    for (int i = 0; i < instance->variant_count; ++i) {
        base_sb_str(m->out, i ? ",\n       " : "\n       ");
        variant(m, &instance->variants[i], i + 1 == instance->variant_count);
    }
    base_sb_str(m->out, "],\n      \"sites\": [");
    sites(m, instance);
    base_sb_str(m->out, "]}");
}

static void kernel(Manifest *m, const TargetKernel *kernel)
{
    const IrKernel *k = kernel->instances[0].kernel;
    name_kernel(m, k);
    base_sb_str(m->out, "{\n    ");
    string(m, "name", k->name->text);
    base_sb_str(m->out, ",\n    \"parameters\": [");
    for (size_t i = 0; i < k->params.len; ++i) {
        base_sb_str(m->out, i ? ",\n      " : "\n      ");
        parameter(m, &k->params.data[i]);
    }
    base_sb_str(m->out, "],\n    \"sizes\": [");
    for (size_t i = 0; i < k->sizes.len; ++i) {
        if (i) base_sb_str(m->out, ", ");
        diag_json_string(m->out, k->sizes.data[i]->text);
    }
    base_sb_str(m->out, "],\n    \"instances\": [");
    for (int i = 0; i < kernel->instance_count; ++i) {
        if (i) base_sb_str(m->out, ", ");
        instance(m, &kernel->instances[i]);
    }
    base_sb_str(m->out, "]}");
}

void target_manifest(Arena *arena, const TargetModule *module, Sb *out)
{
    Manifest m = {.arena = arena, .out = out};
    base_sb_printf(out, "{\n  \"abi\": %d, ", HD_ABI_VERSION);
    string(&m, "name", module->name);
    base_sb_printf(out, ", \"checked\": %s,\n  \"kernels\": [", module->check ? "true" : "false");
    for (int i = 0; i < module->kernel_count; ++i) {
        if (i) base_sb_str(out, ", ");
        kernel(&m, &module->kernels[i]);
    }
    base_sb_str(out, "]\n}\n");
}
