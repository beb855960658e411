/* What a module becomes: images for GPUs, C files, headers. */
#include "compile/internal.h"

#include "runtime/library.h"
#include "runtime/nvrtc.h"

/* ---- images -------------------------------------------------------------------------------- */

typedef struct Images {
    TargetModule *module;
    HdFailure *failure;
    RuntimeNvrtc *nvrtc;
    RuntimeCache cache;
    TargetImage ptx; /* the one to be kept of those so far */
} Images;

static bool build_image(Images *im, Compile *s, int arch)
{
    TargetModule *m = im->module;
    Sb text = base_sb(s->arena);
    target_cuda_emit(s->arena, m, arch, &text);
    const char *source = base_sb_text(&text), *name = base_format(s->arena, "%s.cu", m->name);
    bool specific = arch >= 90 && target_cuda_is_specific(source);
    RuntimeNvrtcOptions options = {.arch = arch, .specific = specific, .line_info = true};
    RuntimeNvrtcResult r;
    if (!runtime_nvrtc_build(im->nvrtc, &im->cache, s->arena, source, name, &options, &r,
                             im->failure))
        return false;
    m->images[m->image_count++] =
        (TargetImage){arch, specific, false, (const unsigned char *)r.cubin, r.cubin_len};
    const TargetImage *kept = &im->ptx;
    bool lower = kept->specific == specific ? arch < kept->arch : kept->specific;
    if (!kept->data || lower)
        im->ptx = (TargetImage){arch, specific, true, (const unsigned char *)r.ptx, r.ptx_len};
    return true;
}

static CompileStatus images_work(Compile *s, void *data)
{
    Images *im = data;
    TargetModule *m = im->module;
    im->cache = runtime_cache_open(s->arena);
    m->images = NEW_ARRAY(s->arena, TargetImage, (size_t)m->arch_count + 1);
    m->image_count = 0;
    for (int i = 0; i < m->arch_count; i++)
        if (!build_image(im, s, m->archs[i])) return COMPILE_OK;
    m->images[m->image_count++] = im->ptx;
    return COMPILE_OK;
}

CompileStatus compile_images(Compile *s, TargetModule *module, HdFailure *failure)
{
    Images im = {.module = module, .failure = failure};
    failure->status = HD_DONE;
    im.nvrtc = runtime_nvrtc_create(failure);
    if (!im.nvrtc) return COMPILE_OK;
    CompileStatus status = compile_guarded(s, images_work, &im);
    runtime_nvrtc_destroy(im.nvrtc);
    return status;
}

/* ---- the tables' part that exports and headers are made from -------------------------------- */

static const char *elem_text(Elem elem)
{
    return vocab_elem(elem)->text;
}

static int dlpack_code(Elem elem)
{
    static const int codes[] = {
        0,
#define ELEM(id, text, cls, bits, dlpack, c_name, cuda_name, npy) dlpack,
#include "vocab/elems.def"
#undef ELEM
    };
    return codes[elem];
}

static HdParamInfo describe_param(Arena *arena, const IrParam *p)
{
    Elem elem = p->is_tensor ? p->tensor->elem : p->elem;
    HdParamInfo info = {.name = p->name->text, .is_tensor = p->is_tensor, .elem = elem_text(elem)};
    info.dl_code = (uint8_t)dlpack_code(elem);
    info.dl_bits = (uint8_t)vocab_elem(elem)->bits;
    if (!p->is_tensor) return info;
    const IrTensor *t = p->tensor;
    int *sizes = NEW_ARRAY(arena, int, (size_t)t->rank + 1);
    HdHostExpr *extents = NEW_ARRAY(arena, HdHostExpr, (size_t)t->rank + 1);
    for (int d = 0; d < t->rank; d++) {
        sizes[d] = t->extents[d]->op == IR_SIZE ? (int)t->extents[d]->imm : -1;
        if (!ir_is_const(t->extents[d])) continue;
        int64_t constant[] = {HD_X_CONST, t->extents[d]->value.i, HD_X_END};
        extents[d] = base_copy(arena, constant, sizeof constant);
    }
    info.mode = !t->written ? 0 : t->read ? 2 : 1;
    info.rank = t->rank;
    info.extent_size = sizes;
    info.extents = extents;
    info.stride_size = t->strides ? sizes : NULL; /* only whether there are any counts here */
    return info;
}

static HdKernelInfo describe_kernel(Arena *arena, const IrKernel *k)
{
    HdParamInfo *params = NEW_ARRAY(arena, HdParamInfo, k->params.len + 1);
    const char **sizes = NEW_ARRAY(arena, const char *, k->sizes.len + 1);
    for (size_t i = 0; i < k->params.len; i++)
        params[i] = describe_param(arena, &k->params.data[i]);
    for (size_t i = 0; i < k->sizes.len; i++) sizes[i] = k->sizes.data[i]->text;
    return (HdKernelInfo){.name = k->name->text,
                          .param_count = (int)k->params.len,
                          .params = params,
                          .size_count = (int)k->sizes.len,
                          .size_names = sizes};
}

static HdModuleInfo describe(Arena *arena, const TargetModule *module)
{
    HdKernelInfo *kernels = NEW_ARRAY(arena, HdKernelInfo, (size_t)module->kernel_count + 1);
    for (int i = 0; i < module->kernel_count; i++)
        kernels[i] = describe_kernel(arena, module->kernels[i].instances[0].kernel);
    return (HdModuleInfo){.abi = HD_ABI_VERSION,
                          .name = module->name,
                          .kernel_count = module->kernel_count,
                          .kernels = kernels};
}

/* ---- texts --------------------------------------------------------------------------------- */

typedef struct Text {
    TargetModule *module;
    Sb *out;
} Text;

static CompileStatus module_text_work(Compile *s, void *data)
{
    Text *t = data;
    target_cpu_module(s->arena, t->module, t->out);
    return COMPILE_OK;
}

CompileStatus compile_module_text(Compile *s, TargetModule *module, Sb *out)
{
    Text text = {module, out};
    return compile_guarded(s, module_text_work, &text);
}

static CompileStatus library_work(Compile *s, void *data)
{
    Text *t = data;
    HdModuleInfo info = describe(s->arena, t->module);
    base_sb_str(t->out, runtime_library_text(s->arena));
    target_cpu_emit(s->arena, t->module, t->out);
    target_tables(s->arena, t->module, t->out);
    base_sb_str(t->out, runtime_library_exports(s->arena, &info));
    return COMPILE_OK;
}

CompileStatus compile_library_text(Compile *s, TargetModule *module, Sb *out)
{
    Text text = {module, out};
    return compile_guarded(s, library_work, &text);
}

static const char *kernel_doc(const Compile *s, const char *name)
{
    for (int i = 0; i < compile_kernel_count(s); i++) {
        const Symbol *symbol = compile_kernel(s, i);
        const Name *doc = symbol->decl->doc;
        if (strcmp(symbol->name->text, name) == 0) return doc ? doc->text : NULL;
    }
    return NULL;
}

static CompileStatus header_work(Compile *s, void *data)
{
    Text *t = data;
    HdModuleInfo info = describe(s->arena, t->module);
    const char **docs = NEW_ARRAY(s->arena, const char *, (size_t)info.kernel_count + 1);
    for (int i = 0; i < info.kernel_count; i++) docs[i] = kernel_doc(s, info.kernels[i].name);
    base_sb_str(t->out, runtime_library_header(s->arena, &info, docs));
    return COMPILE_OK;
}

CompileStatus compile_library_header(Compile *s, TargetModule *module, Sb *out)
{
    Text text = {module, out};
    return compile_guarded(s, header_work, &text);
}
