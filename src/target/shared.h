/* Where a block's shared tensors lie, as expressions of what a launch knows. Private to target/. */
#ifndef TARGET_SHARED_H
#define TARGET_SHARED_H

#include "target/target.h"

enum { TARGET_SHARED_ALIGN = 16, TARGET_BULK_ALIGN = 128 };

/* All tensors in one array, in which scopes that exclude one another use the same bytes. */
typedef struct TargetShared {
    const IrExpr **at;   /* where a shared tensor begins, in bytes, by its number; or NULL */
    const IrExpr *total; /* bytes of the array */
    const IrExpr *apart; /* bytes that the tensors would need side by side */
    bool at_launch;      /* known at launch only */
} TargetShared;

TargetShared target_place_shared(IrKernel *kernel);
/* Bytes that a tensor's place is a multiple of: a swizzle is one of addresses for the instructions
 * that know it, so that eight lines are aligned to their size. */
int64_t target_shared_align(const IrTensor *t);
/* Whose shared tensors the host counts: a GPU's, if the instance has code for one. */
IrKernel *target_shared_kernel(const TargetInstance *instance);
/* Bytes of the tensor's storage. */
const IrExpr *target_tensor_bytes(IrKernel *kernel, const IrTensor *t);

#endif
