/* Tensors from and to .npy files. */
#include "host/host.h"

#include "runtime/npy.h"

HostTensor *host_tensor_load(Arena *arena, const char *path, Elem elem, const char *name,
                             HdFailure *failure)
{
    static const uint8_t codes[ELEM_COUNT] = {
#define ELEM(id, text, cls, bits, dlpack, c_name, cuda_name, npy) [ELEM_##id] = dlpack,
#include "vocab/elems.def"
#undef ELEM
    };
    const ElemInfo *info = vocab_elem(elem);
    HdParamInfo param = {.name = name, .elem = info->text, .dl_code = codes[elem]};
    param.dl_bits = (uint8_t)info->bits;
    RuntimeNpy npy;
    if (!runtime_npy_read(arena, path, &npy, failure) || !runtime_npy_fit(&npy, &param, failure))
        return NULL;
    if (npy.rank > HOST_MAX_RANK) {
        hd_fail(failure, HD_BAD_CALL, "%s has %d dimensions; at most %d are possible", path,
                npy.rank, HOST_MAX_RANK);
        return NULL;
    }
    HostTensor *tensor = host_tensor_create(elem, npy.rank, npy.shape, failure);
    if (tensor && npy.bytes) memcpy(tensor->memory, npy.data, npy.bytes);
    return tensor;
}

bool host_tensor_save(Arena *arena, const HostTensor *tensor, const char *path, HdFailure *failure)
{
    return runtime_npy_write(arena, path, &tensor->dl, vocab_elem(tensor->elem)->text, failure);
}
