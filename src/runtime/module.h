/* runtime/ - running compiled kernels: devices, memory, modules, launch, cache.
 *
 * This header is the ABI between compiled code and whoever launches it: the tables a compiled
 * module carries, and the arguments its kernels get. It includes nothing of the compiler and is
 * also the text that opens every emitted C file, so it must stay plain C with only <stdint.h>.
 * A module's tables are constant data; the runtime never writes to them.
 */
#ifndef HD_RUNTIME_MODULE_H
#define HD_RUNTIME_MODULE_H

#include <stdbool.h>
#include <stdint.h>

#define HD_ABI_VERSION 6

/* ---- host expressions: what the host computes at launch -------------------------------------
 * Reverse Polish code over int64, run by `hd_host_eval`, operands inline. Arithmetic is checked:
 * overflow and division by zero are errors, except in an operand that does not matter (the other
 * side of a false AND or a true OR, the branch SELECT does not take). At most 64 operands deep. */
typedef enum {
    HD_X_CONST, /* value follows */
    HD_X_SIZE,  /* number of a size variable follows */
    HD_X_ARG,   /* number of a parameter follows: a scalar integer's value */
    HD_X_ALIGN, /* number of a tensor parameter follows: the largest power of two up to 4096 that
                   divides its address */
    HD_X_BYTES, /* number of a tensor parameter follows: bytes its elements span (strides counted)
                 */
    HD_X_NEG,
    HD_X_NOT, /* 1 where the operand is 0, else 0; a bitwise complement is XOR with -1 */
    HD_X_ADD,
    HD_X_SUB,
    HD_X_MUL,
    HD_X_DIV,
    HD_X_MOD, /* div and mod floor */
    HD_X_MIN,
    HD_X_MAX,
    HD_X_AND,
    HD_X_OR,
    HD_X_XOR, /* bitwise, so logical on 0 and 1 */
    HD_X_SHL,
    HD_X_SHR,
    HD_X_EQ,
    HD_X_NE,
    HD_X_LT,
    HD_X_LE,
    HD_X_GT,
    HD_X_GE,
    HD_X_SELECT, /* c a b */
    HD_X_END
} HdHostOp;
typedef const int64_t *HdHostExpr; /* ends with HD_X_END; NULL stands for "true" or 1 */

/* ---- tables -------------------------------------------------------------------------------- */
typedef struct HdParamInfo {
    const char *name;
    bool is_tensor;
    uint8_t dl_code, dl_bits; /* DLDataType of an element (lanes 1); packed 4-bit: bits 4 */
    const char *elem;         /* "f32" */
    int mode;                 /* 0 in, 1 out, 2 inout */
    int rank;
    const int *extent_size;    /* per dimension: the size variable it binds or must equal, or -1 */
    const HdHostExpr *extents; /* per dimension, where extent_size is -1: what it must equal */
    const int *stride_size;    /* NULL: compact row-major required; else the size variables that
                                  receive the element strides */
} HdParamInfo;

typedef struct HdRequireInfo {
    HdHostExpr cond;
    const char *text; /* the condition as written, or the user's words */
    const char *file;
    int line;
} HdRequireInfo;

/* Filled by a kernel that traps; the first trap wins (`state` is claimed atomically). A GPU writes
 * no further than `value`. */
typedef struct HdTrap {
    int32_t state; /* 0 none, 1 being written, 2 complete */
    int32_t site;  /* index into HdInstanceInfo.sites */
    int64_t value[4];
    int32_t other_count; /* where threads wait for ever: the other places where some do */
    struct HdTrapOther {
        int32_t site;
        int64_t value[4];
    } others[7];
} HdTrap;

/* Where a trap can come from. `text` holds {0} … {3} for the values. */
typedef struct HdSiteInfo {
    const char *file;
    int line, column;
    const char *text;
} HdSiteInfo;

/* What a CPU kernel gets. Parameters by position: tensors[p] is the data of tensor parameter p
 * (byte offset applied), scalars[p] points at the value of scalar parameter p. Tensors that are
 * written overlap no other parameter (the host has checked), so every pointer may be `restrict`.
 *
 * A kernel that traps fills `trap` and returns. `grid_sync` and `yield` return false when the
 * launch is being given up (another block has trapped): the kernel then returns at once.
 * `scratch` gives this worker's memory, the same area at every call (so ask once, for all);
 * NULL: memory ran out, the kernel returns at once and the launch reports it. Its content is
 * whatever the last block left there. */
typedef struct HdCpuArgs {
    void *const *tensors;
    const void *const *scalars;
    const int64_t *sizes;
    int64_t grid[3];
    HdTrap *trap;
    uint64_t seed;                       /* thread order under --check; 0: natural */
    void *grid_state;                    /* opaque to the kernel */
    bool (*grid_sync)(void *grid_state); /* `sync grid`; resident kernels only */
    bool (*yield)(void *grid_state);     /* inside the loop of an `await` */
    void *print_state;
    void (*print)(void *print_state, const char *text); /* one finished line of `print` */
    void *(*scratch)(void *pool, uint64_t bytes);       /* 64-byte aligned */
    void *pool;
    int64_t shared_bytes; /* of a block, dynamic */
} HdCpuArgs;
/* Runs logical blocks [begin, end), numbered x fastest, in increasing order: ranges are handed out
 * in increasing order too, so an `await` on a block of lower index always ends. A resident kernel
 * is called with one block at a time, on a stack of its own of 1 MiB, one with clusters with whole
 * clusters. */
typedef void (*HdCpuKernel)(const HdCpuArgs *args, int64_t begin, int64_t end);

/* What a CUDA kernel gets, in this order:
 *   1. each parameter by position: a tensor as `T *` (byte offset applied), a scalar by value;
 *   2. each size variable, `long long`;
 *   3. the logical grid extents x, y, z, each `long long`;
 *   4. `HdTrap *`: where a trap is recorded; NULL if the instance has no sites. The thread that
 *      traps ends and the rest of the grid runs on, so that the context survives (a kernel whose
 *      groups have barriers of their own would hang: it ends the context instead);
 *   5. resident instances only: `unsigned int *`, two words that are zero at the start of the
 *      launch, for the grid barrier (the launch is cooperative: all blocks are resident);
 *   6. each of the variant's tensor maps, 128 bytes by value.
 * The hardware grid is linear: the block's logical number, x fastest, is
 *     blockIdx.x + (long long)gridDim.x * blockIdx.y
 * gridDim.y is 1 unless the product of the extents exceeds 2^31 - 1; only then may the number
 * reach the product, and such blocks return at once. The block is (block, 1, 1) threads in
 * hardware; block_dims are for the kernel to derive. Dynamic shared memory is `shared_bytes`, or
 * `shared->total` where that is not NULL. */

/* A shared tensor of an instance some of whose shared extents are known at launch only. */
typedef struct HdSharedInfo {
    const char *name, *elem;
    int rank;
    const HdHostExpr *extents;
    HdHostExpr bytes; /* of its storage, padding included */
    const char *file;
    int line;
} HdSharedInfo;

typedef struct HdSharedSizes {
    HdHostExpr total; /* bytes of a block's shared memory */
    int count;
    const HdSharedInfo *tensors;
    int arch;      /* on the CPU a block may have what this architecture has, so that what runs */
    int64_t limit; /* there runs on such a GPU: bytes */
} HdSharedSizes;

/* A box of a tensor parameter that the copy engines of a GPU copy (sm_90). */
typedef struct HdTensorMapInfo {
    int param;                 /* which is the tensor */
    int bytes;                 /* of an element */
    int rank;                  /* 1 to 5 */
    const HdHostExpr *extents; /* of the tensor, elements */
    const HdHostExpr *strides; /* elements; NULL: row-major */
    int box[5];
    int swizzle; /* of rows of 16 << swizzle bytes; 0: none */
    const char *file;
    int line;
} HdTensorMapInfo;

typedef struct HdVariantInfo {
    HdHostExpr guard;       /* taken where true; the last variant has NULL */
    const char *label;      /* "index32 aligned16" */
    HdCpuKernel cpu;        /* NULL where the module has no CPU code */
    const char *cuda_entry; /* symbol in the images; NULL likewise */
    int map_count;
    const HdTensorMapInfo *maps;
} HdVariantInfo;

/* A kernel as lowered for one architecture, at one point of its tune space. */
typedef struct HdInstanceInfo {
    int arch;          /* as of the image that has its code; 0: its code is the CPU's */
    const char *label; /* "bm=128,bn=64" */
    int require_count;
    const HdRequireInfo *requires_;
    HdHostExpr grid[3];
    int block; /* threads */
    int block_dims[3];
    int64_t shared_bytes; /* dynamic shared memory on CUDA */
    bool resident;
    int variant_count;
    const HdVariantInfo *variants;
    int site_count;
    const HdSiteInfo *sites;
    const HdSharedSizes *shared; /* NULL: shared memory is all known when compiled */
    int cluster;                 /* blocks of a cluster, which divides grid[0]; 0: no clusters */
} HdInstanceInfo;

typedef struct HdKernelInfo {
    const char *name;
    int param_count;
    const HdParamInfo *params;
    int size_count;
    const char *const *size_names;
    int instance_count; /* of all architectures; in the order dispatch tries them */
    const HdInstanceInfo *instances;
} HdKernelInfo;

/* The code of every instance of one architecture: a cubin (for it and later minor revisions) or PTX
 * (for it and whatever is newer). */
typedef struct HdImageInfo {
    int arch;      /* 80 for sm_80, 90 for sm_90a */
    bool specific; /* sm_90a: for exactly this architecture */
    bool is_ptx;
    const unsigned char *data;
    uint64_t size;
} HdImageInfo;

typedef struct HdModuleInfo {
    int abi;
    const char *name;
    int kernel_count;
    const HdKernelInfo *kernels;
    int image_count;
    const HdImageInfo *images;
} HdModuleInfo;
/* Every emitted module exports one, `const HdModuleInfo hd_module_info`, of protected visibility:
 * a library's own use of it never meets another's in the same program. */

#endif
