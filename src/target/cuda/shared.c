/* How shared tensors are declared. Up to 48 KiB each is an array of its own. Beyond, and where a
 * size is known at launch only, all lie in one array of dynamic size, in which scopes that exclude
 * one another use the same bytes; a barrier then opens each scope, for the last one's readers. */
#include "target/cuda/cuda.h"

void target_cuda_place_shared(Cuda *cuda)
{
    TargetShared shared = target_place_shared(cuda->kernel);
    if (!shared.at_launch && shared.apart->value.i <= CUDA_STATIC_SHARED) return;
    cuda->shared = shared;
    cuda->overlaid = shared.total != shared.apart;
}

void target_cuda_declare_shared(Cuda *cuda, const Map *words)
{
    CWriter *w = &cuda->w;
    if (cuda->shared.at) cfamily_line(w, "HD_DYNAMIC_SHARED;");
    for (size_t i = 0; i < cuda->kernel->tensors.len; ++i) {
        const IrTensor *t = cuda->kernel->tensors.data[i];
        const char *name = w->tensor_names[i], *type = target_cuda_memory_type(w, t);
        if (t->space != IR_SHARED || t->of || !target_cuda_has_word(words, name)) continue;
        if (cuda->shared.at) {
            cfamily_open(w);
            base_sb_printf(w->out, "%s *const %s = (%s *)(hd_shared + ", type, name, type);
            cfamily_expr(w, cuda->shared.at[i], C_MUL);
            cfamily_close(w, ");");
            continue;
        }
        int64_t size = vocab_elem_bytes(t->elem);
        int64_t bytes = target_tensor_bytes(cuda->kernel, t)->value.i;
        cfamily_line(w, "__shared__ __align__(%d) %s %s[%lld];", (int)target_shared_align(t), type,
                     name, (long long)((bytes + size - 1) / size));
    }
}
