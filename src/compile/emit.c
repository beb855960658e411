/* Text of each stage. */
#include "compile/internal.h"

typedef struct Emit {
    const CompileOptions *options;
    CompileKind kind;
    TargetModule *module; /* NULL: before there is one */
    Sb *out;
} Emit;

static void emit_ir(const TargetModule *module, Sb *out)
{
    for (int i = 0; i < module->kernel_count; i++)
        for (int j = 0; j < module->kernels[i].instance_count; j++) {
            const TargetInstance *instance = &module->kernels[i].instances[j];
            if (instance->variant_count == 0) continue;
            const TargetVariant *v = &instance->variants[0];
            ir_print(v->cuda ? v->cuda : v->cpu, out);
        }
}

/* The emitters find what the manifest tells of. */
static void emit_manifest(Compile *s, const Emit *e)
{
    Sb code = base_sb(s->arena);
    for (int i = 0; i < e->module->arch_count; i++)
        target_cuda_emit(s->arena, e->module, e->module->archs[i], &code);
    if (e->options->cpu) target_cpu_emit(s->arena, e->module, &code);
    target_manifest(s->arena, e->module, e->out);
}

static CompileStatus emit_work(Compile *s, void *data)
{
    Emit *e = data;
    if (e->kind == COMPILE_AST) {
        syntax_print_ast(s->program->main->file, e->out);
        return COMPILE_OK;
    }
    if (e->kind == COMPILE_TYPED) {
        sema_print(s->program, e->out);
        return COMPILE_OK;
    }
    if (e->kind == COMPILE_IR) emit_ir(e->module, e->out);
    if (e->kind == COMPILE_C) target_cpu_module(s->arena, e->module, e->out);
    e->module->brief = e->kind == COMPILE_CU;
    if (e->kind == COMPILE_CU) target_cuda_emit(s->arena, e->module, e->module->archs[0], e->out);
    if (e->kind == COMPILE_CUDA_HOST)
        target_cuda_host_module(s->arena, e->module, e->module->archs[0], e->out);
    if (e->kind == COMPILE_MANIFEST) emit_manifest(s, e);
    return COMPILE_OK;
}

CompileStatus compile_emit(Compile *s, const CompileOptions *options, CompileKind kind, Sb *out)
{
    Emit emit = {options, kind, NULL, out};
    if (kind == COMPILE_AST || kind == COMPILE_TYPED) return compile_guarded(s, emit_work, &emit);
    CompileStatus status = compile_module(s, options, &emit.module);
    return status == COMPILE_OK ? compile_guarded(s, emit_work, &emit) : status;
}
