/* Text of each stage. */
#include "compile/internal.h"

typedef struct Emit {
    const CompileOptions *options;
    CompileKind kind;
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
    return COMPILE_OK;
}

CompileStatus compile_emit(Compile *s, const CompileOptions *options, CompileKind kind, Sb *out)
{
    Emit emit = {options, kind, out};
    if (kind == COMPILE_AST || kind == COMPILE_TYPED) return compile_guarded(s, emit_work, &emit);
    TargetModule *module;
    CompileStatus status = compile_module(s, options, &module);
    if (status != COMPILE_OK) return status;
    if (kind == COMPILE_IR) emit_ir(module, out);
    if (kind == COMPILE_C) target_cpu_module(s->arena, module, out);
    if (kind == COMPILE_CU) target_cuda_emit(s->arena, module, out);
    return COMPILE_OK;
}
