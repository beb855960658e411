/* NumPy's .npy files, versions 1.0 to 3.0, little-endian and in C order. Nothing in a file is
 * believed before it is checked. Element types without a name in NumPy (bf16, f8…) are stored as
 * raw bytes ("V2", "V1"), as NumPy itself stores the types of ml_dtypes.
 */
#ifndef RUNTIME_NPY_H
#define RUNTIME_NPY_H

#include "base/base.h"
#include "runtime/host.h"

enum { RUNTIME_NPY_MAX_RANK = 32 };

typedef struct RuntimeNpy {
    const char *name;  /* of the file, for messages */
    const char *descr; /* "<f4" */
    DLDataType type;   /* code kDLOpaqueHandle (3) where the file holds raw bytes */
    int rank;
    int64_t *shape;
    void *data; /* aligned to its elements */
    uint64_t bytes;
} RuntimeNpy;

/* `path` "-": standard input. */
bool runtime_npy_read(Arena *arena, const char *path, RuntimeNpy *npy, HdFailure *failure);
/* The same from memory, which the result may point into. */
bool runtime_npy_parse(Arena *arena, void *bytes, size_t len, const char *name, RuntimeNpy *npy,
                       HdFailure *failure);
/* Whether the content can be the argument of this parameter: the same type; raw bytes or unsigned
 * bits of the same width for types that NumPy does not name. Then `type` is the parameter's. */
bool runtime_npy_fit(RuntimeNpy *npy, const HdParamInfo *param, HdFailure *failure);

/* `tensor`: on the host, compact. `elem`: its element type as .hd names it. The file appears whole
 * or not at all. */
bool runtime_npy_write(Arena *arena, const char *path, const DLTensor *tensor, const char *elem,
                       HdFailure *failure);

#endif
