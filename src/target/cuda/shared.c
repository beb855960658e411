/* Where shared tensors lie. Up to 48 KiB each is an array of its own. Beyond, all lie in one array
 * of dynamic size, in which scopes that exclude one another use the same bytes, if that is needed;
 * a barrier then opens each scope, for the last one's readers. */
#include "target/cuda/cuda.h"

int64_t target_cuda_bytes(const IrTensor *t)
{
    return (ir_tensor_size(t) * vocab_elem(t->elem)->bits + 7) / 8;
}

static int64_t rounded(int64_t bytes)
{
    return (bytes + CUDA_ALIGN - 1) / CUDA_ALIGN * CUDA_ALIGN;
}

static int64_t place_tensors(Cuda *cuda, const IrStmt *scope, int64_t base)
{
    for (size_t i = 0; i < cuda->kernel->tensors.len; ++i) {
        const IrTensor *t = cuda->kernel->tensors.data[i];
        if (t->space != IR_SHARED || t->scope != scope || cuda->shared_at[i] >= 0) continue;
        cuda->shared_at[i] = base;
        base += rounded(target_cuda_bytes(t));
    }
    return base;
}

/* Places what the scopes inside `block` hold from `base` on; where the highest of them ends. */
static int64_t place_scopes(Cuda *cuda, const IrBlock *block, int64_t base)
{
    int64_t end = base;
    for (size_t i = 0; block && i < block->stmts.len; ++i) {
        const IrStmt *s = block->stmts.data[i];
        int64_t inner = s->kind == IR_STMT_SCOPE ? place_tensors(cuda, s, base) : base;
        int64_t ends[] = {place_scopes(cuda, s->body, inner), place_scopes(cuda, s->other, inner)};
        for (int j = 0; j < 2; ++j)
            if (ends[j] > end) end = ends[j];
        /* Roles run at the same time: theirs must not share. */
        if (s->kind == IR_STMT_ROLE) base = end;
    }
    return end;
}

static int64_t place_rest(Cuda *cuda, int64_t base)
{
    for (size_t i = 0; i < cuda->kernel->tensors.len; ++i) {
        const IrTensor *t = cuda->kernel->tensors.data[i];
        if (t->space != IR_SHARED || cuda->shared_at[i] >= 0) continue;
        cuda->shared_at[i] = base;
        base += rounded(target_cuda_bytes(t));
    }
    return base;
}

void target_cuda_place_shared(Cuda *cuda)
{
    size_t count = cuda->kernel->tensors.len;
    int64_t total = 0;
    for (size_t i = 0; i < count; ++i) {
        const IrTensor *t = cuda->kernel->tensors.data[i];
        if (t->space == IR_SHARED) total += rounded(target_cuda_bytes(t));
    }
    if (total <= CUDA_STATIC_SHARED) return;
    cuda->shared_at = NEW_ARRAY(cuda->kernel->arena, int64_t, count + 1);
    for (size_t i = 0; i < count; ++i) cuda->shared_at[i] = -1;
    int64_t end = place_tensors(cuda, NULL, 0);
    end = place_rest(cuda, place_scopes(cuda, cuda->kernel->body, end));
    cuda->overlaid = end < total;
    cuda->shared = end;
}

void target_cuda_declare_shared(Cuda *cuda, const Map *words)
{
    CWriter *w = &cuda->w;
    if (cuda->shared_at) cfamily_line(w, "HD_DYNAMIC_SHARED;");
    for (size_t i = 0; i < cuda->kernel->tensors.len; ++i) {
        const IrTensor *t = cuda->kernel->tensors.data[i];
        const char *name = w->tensor_names[i], *type = target_cuda_memory_type(w, t);
        if (t->space != IR_SHARED || !target_cuda_has_word(words, name)) continue;
        int64_t size = vocab_elem_bytes(t->elem), bytes = target_cuda_bytes(t);
        if (cuda->shared_at)
            cfamily_line(w, "%s *const %s = (%s *)(hd_shared + %lld);", type, name, type,
                         (long long)cuda->shared_at[i]);
        else
            cfamily_line(w, "__shared__ __align__(%d) %s %s[%lld];", CUDA_ALIGN, type, name,
                         (long long)((bytes + size - 1) / size));
    }
}
