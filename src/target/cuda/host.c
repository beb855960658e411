/* The same CUDA text for the host's C++ compiler: each kernel in the clothes of a CPU kernel, so
 * that tests run it as they run those. What the text needs is in tests/cuda_host. */
#include "target/cuda/cuda.h"

static void argument(Cuda *cuda, const IrParam *p, size_t number, Sb *out)
{
    CWriter *w = &cuda->w;
    if (p->is_tensor)
        base_sb_printf(out, "(%s%s *)args->tensors[%zu], ", p->tensor->written ? "" : "const ",
                       target_cuda_memory_type(w, p->tensor), number);
    else
        base_sb_printf(out, "*(const %s *)args->scalars[%zu], ",
                       p->elem == ELEM_INDEX ? "int64_t" : target_cuda_elem_type(w, p->elem),
                       number);
}

/* Extents as C++: what a launch knows is in `args`. */
static void extent(const IrKernel *k, const IrExpr *e, Sb *out)
{
    static const char *const ops[IR_OP_COUNT] = {
        [IR_ADD] = " + ", [IR_SUB] = " - ", [IR_MUL] = " * ", [IR_DIV] = " / ", [IR_MOD] = " % "};
    if (ir_is_const(e)) {
        base_sb_printf(out, "%lld", (long long)e->value.i);
    } else if (e->op == IR_SIZE) {
        base_sb_printf(out, "args->sizes[%lld]", (long long)e->imm);
    } else if (e->op == IR_ARG) {
        base_sb_printf(out, "*(const %s *)args->scalars[%lld]",
                       vocab_elem(k->params.data[e->imm].elem)->bits == 32 ? "int" : "long long",
                       (long long)e->imm);
    } else {
        base_sb_char(out, '(');
        extent(k, e->args[0], out);
        if (e->count > 1 && ops[e->op]) {
            base_sb_str(out, ops[e->op]);
            extent(k, e->args[1], out);
        }
        base_sb_char(out, ')');
    }
}

/* A tensor map; its first dimension is the fastest, strides count elements (0: row-major). */
static void map_argument(const TargetMap *map, Sb *out)
{
    const IrTensor *t = map->tensor;
    base_sb_printf(out, ", HdTensorMap{args->tensors[%d], %d, %d, %d, {", t->param,
                   vocab_elem_bytes(t->elem), t->rank, map->swizzle);
    for (int d = t->rank - 1; d >= 0; --d) {
        extent(map->kernel, t->extents[d], out);
        base_sb_str(out, d ? ", " : "}, {");
    }
    for (int d = t->rank - 1; d >= 0; --d) {
        if (t->strides)
            extent(map->kernel, t->strides[d], out);
        else
            base_sb_str(out, "0");
        base_sb_str(out, d ? ", " : "}, {");
    }
    for (int d = t->rank - 1; d >= 0; --d)
        base_sb_printf(out, "%lld%s", (long long)map->box[d], d ? ", " : "}}");
}

static void wrapper(TargetVariant *variant, Sb *out)
{
    IrKernel *k = variant->cuda;
    Cuda cuda = {.kernel = k};
    cuda.w = (CWriter){.kernel = k, .out = out, .index_bits = variant->index_bits};
    variant->cpu_symbol = base_format(k->arena, "%s_host", variant->cuda_entry);
    base_sb_printf(out,
                   "static void %s(const HdCpuArgs *args, int64_t begin, int64_t end)\n{\n"
                   "    hd_host::launch(args, begin, end, %lld, %s, %lld, args->shared_bytes, "
                   "[=] {\n"
                   "        %s(",
                   variant->cpu_symbol, (long long)k->block_size, k->resident ? "true" : "false",
                   (long long)k->cluster, variant->cuda_entry);
    for (size_t i = 0; i < k->params.len; ++i) argument(&cuda, &k->params.data[i], i, out);
    for (size_t i = 0; i < k->sizes.len; ++i) base_sb_printf(out, "args->sizes[%zu], ", i);
    base_sb_printf(out, "args->grid[0], args->grid[1], args->grid[2], args->trap%s",
                   k->resident ? ", nullptr" : "");
    for (size_t i = 0; i < variant->maps.len; ++i) map_argument(&variant->maps.data[i], out);
    base_sb_str(out, ");\n    });\n}\n\n");
}

void target_cuda_host_module(Arena *arena, TargetModule *module, int arch, Sb *out)
{
    base_sb_str(out, target_abi_text());
    base_sb_str(out, "#include \"cuda_host.h\"\n\n");
    target_cuda_emit(arena, module, arch, out);
    base_sb_str(out, "#line 1 \"cuda_host\"\n");
    for (int i = 0; i < module->kernel_count; ++i)
        for (int j = 0; j < module->kernels[i].instance_count; ++j) {
            TargetInstance *instance = &module->kernels[i].instances[j];
            for (int v = 0; v < instance->variant_count; ++v) wrapper(&instance->variants[v], out);
            instance->arch = 0;
        }
    target_tables(arena, module, out);
}
