/* Private to the CUDA target: machine instructions and the functions that run them. */
#ifndef TARGET_CUDA_MACHINE_H
#define TARGET_CUDA_MACHINE_H

#include "target/cuda/cuda.h"

typedef struct CudaOperand {
    const char *type, *letter; /* of a register in C++, and in constraints of inline PTX */
    int64_t registers;
} CudaOperand;

CudaOperand target_cuda_operand(Elem elem, const Mapping *fragment);
const char *target_cuda_function_name(Arena *arena, const char *ptx);

/* A product by a warpgroup (group.c): its function's name, and the function. */
const char *target_cuda_group_name(Arena *arena, const IrStmt *s);
void target_cuda_group_function(Arena *arena, const IrInstruction *in, const IrStmt *s, Sb *out);

#endif
