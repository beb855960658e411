/* The host's part of a launch: it checks the arguments against the kernel's tables, binds the size
 * variables, and chooses instance, variant and grid. Entry point: `hd_call_bind`; what it fills is
 * then given to `hd_cpu_launch` or `hd_cuda_launch`.
 *
 * This file and those it stands with (host.c, eval.c, pool.c, cpu.c, resident.c, driver.h, cuda.c)
 * are also the text of every emitted library: plain C, malloc, nothing of the compiler.
 */
#ifndef HD_RUNTIME_HOST_H
#define HD_RUNTIME_HOST_H

#include <stddef.h>

#include "runtime/dlpack.h"
#include "runtime/module.h"

#define HD_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* ---- failures ------------------------------------------------------------------------------ */

typedef enum {
    HD_DONE,
    HD_BAD_CALL, /* the arguments do not fit the kernel */
    HD_TRAPPED,  /* the kernel trapped: out of bounds, a failed assert, … */
    HD_LACKING,  /* the environment: no driver, no device, no code for it */
    HD_FAILED,   /* the device or the system refused: out of memory, launch failure */
    HD_REFUSED,  /* a compiler that works refuses emitted text: a defect of hdc */
} HdStatus;

typedef struct HdFailure {
    HdStatus status;
    char text[1024];
} HdFailure;

/* Fills `failure`; returns false, so that a check reads `return hd_fail(…)`. */
bool hd_fail(HdFailure *failure, HdStatus status, const char *fmt, ...) HD_PRINTF(3, 4);

/* A growing text in a fixed buffer; what does not fit is cut off. */
typedef struct HdText {
    char *data;
    size_t len, cap;
} HdText;
void hd_text_add(HdText *text, const char *fmt, ...) HD_PRINTF(2, 3);

/* ---- calls --------------------------------------------------------------------------------- */

/* One argument: a tensor, or a pointer to a scalar of the parameter's type. */
typedef struct HdArg {
    const DLTensor *tensor;
    const void *scalar;
} HdArg;

/* Where a size variable got its value: which dimension or stride of which parameter. */
typedef struct HdOrigin {
    int param; /* -1: not bound yet */
    int dim;
    bool is_stride;
} HdOrigin;

/* A call whose arguments have been checked and bound. Arrays are by parameter or by size. */
typedef struct HdCall {
    const HdKernelInfo *kernel;
    const HdArg *args; /* the caller's, to outlive the call */
    int64_t *sizes;
    HdOrigin *origins;
    void **tensors;
    const void **scalars;
    int64_t *spans; /* bytes from the first to past the last element, strides counted */
    const HdInstanceInfo *instance;
    const HdVariantInfo *variant;
    int64_t grid[3];
    int64_t blocks;       /* product of the grid; 0: nothing to launch */
    int64_t shared_bytes; /* dynamic shared memory of a block */
} HdCall;

/* Checks and binds everything; on success the call is to be released, on failure there is nothing
 * to release. `place` (kDLCPU or kDLCUDA) is where the kernel is to run, `arch` whose code is
 * loaded there: 0 on the CPU, else as of `hd_cuda_module_arch`. */
bool hd_call_bind(HdCall *call, const HdKernelInfo *kernel, const HdArg *args, int arg_count,
                  DLDevice place, int arch, HdFailure *failure);
void hd_call_release(HdCall *call);

/* Do the block's shared tensors fit into `limit` bytes, which `where` has? */
bool hd_call_shared_fits(const HdCall *call, int64_t limit, const char *where, HdFailure *failure);

/* What copy engines get of a tensor; dimension 0 is the fastest, strides are bytes. */
typedef struct HdTensorMap {
    void *address;
    bool empty; /* an extent is 0: there is nothing to copy */
    uint64_t extents[5], strides[5];
    uint32_t box[5];
} HdTensorMap;
/* False: the engines cannot copy this tensor, because of its strides or its address. */
bool hd_call_map(const HdCall *call, const HdTensorMapInfo *info, HdTensorMap *map,
                 HdFailure *failure);
bool hd_call_check_maps(const HdCall *call, HdFailure *failure);

/* The trap's message, "file.hd:12:5: index 7 is out of bounds …". */
bool hd_trap_fail(const HdInstanceInfo *instance, const HdTrap *trap, HdFailure *failure);

const HdKernelInfo *hd_module_kernel(const HdModuleInfo *module, const char *name);

/* ---- host expressions ---------------------------------------------------------------------- */

/* NULL on success, else what went wrong ("division by zero"), constant text. Of `call`, kernel,
 * args and sizes are enough where the expression asks of tensors nothing but sizes. */
const char *hd_host_eval(HdHostExpr expr, const HdCall *call, int64_t *value);
/* The expression as a person would write it: "(m + 1) / 2". */
void hd_host_print(HdHostExpr expr, const HdKernelInfo *kernel, HdText *text);
/* "m = 7, n = 3": the values an expression mentions, each once. Nothing if it mentions none. */
void hd_host_values(HdHostExpr expr, const HdCall *call, HdText *text);

#endif
