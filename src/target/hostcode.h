/* Host expressions of a kernel (grid, extents, requires, guards) as the code that `hd_host_eval`
 * runs, for the tables of compiled modules and for the manifest. Private to target/. */
#ifndef TARGET_HOSTCODE_H
#define TARGET_HOSTCODE_H

#include "runtime/module.h"
#include "target/target.h"

typedef struct HostCode { /* HdHostOp and operands, without HD_X_END */
    int64_t *data;
    size_t len, cap;
} HostCode;

void host_code_add(Arena *arena, HostCode *code, const IrExpr *e);
/* The conditions under which the host may take a variant, each for itself; all must hold. Their
 * order matters: none overflows if those before it hold. */
typedef struct HostGuard {
    HostCode *data;
    size_t len, cap;
} HostGuard;
HostGuard host_code_guard(Arena *arena, const IrKernel *kernel, const TargetVariant *variant);

/* HdParamInfo.mode */
static inline int host_code_mode(const IrTensor *x)
{
    return !x->written ? 0 : x->read ? 2 : 1;
}

#endif
