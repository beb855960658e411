/* ir/ - the kernel IR: structured statements over hash-consed expressions and mutable locals.
 *
 * Entry points: the builder (build.h), `ir_verify`, `ir_print`, `ir_read`. A kernel instance (all
 * generics and tune names bound, every function inlined) is one IrKernel. There is no control-flow
 * graph. Expressions are immutable and hash-consed per kernel, simplified as they are built, and
 * carry their integer interval. All belongs to the kernel's arena.
 *
 * Order of evaluation: a statement evaluates its operands (their loads included) before it acts.
 * A VAR of a mutable variable, and a LOAD, mean the value at that moment.
 */
#ifndef IR_IR_H
#define IR_IR_H

#include "diag/diag.h"
#include "mapping/mapping.h"
#include "vocab/scalar.h"

typedef enum {
#define IR(id, text, arity, result, flags) IR_##id,
#include "ir/ops.def"
#undef IR
    IR_OP_COUNT
} IrOp;

typedef enum {
#define STMT(id, text, var, tensor, args, body, other) IR_STMT_##id,
#include "ir/stmts.def"
#undef STMT
    IR_STMT_COUNT
} IrStmtKind;

enum { IR_PURE = 1, IR_COMMUTES = 2, IR_MEMORY = 4 }; /* of an op's row */

/* Flags of statements and of LOAD. */
enum {
#define FLAG(id, bit, text, kinds) IR_##id = 1 << (bit),
#include "ir/flags.def"
#undef FLAG
};
enum { IR_CACHE = 7 << 24 }; /* LOAD, STORE, BULK of a parameter: a number, the Cache hint */

static inline Cache ir_cache(uint32_t flags)
{
    return (Cache)(flags >> 24 & 7);
}
static inline uint32_t ir_cache_flags(Cache cache)
{
    return (uint32_t)cache << 24;
}

/* A scalar (lanes 1) or vector element type. */
typedef struct IrType {
    Elem elem;
    int lanes;
} IrType;

typedef struct IrVar {
    const Name *name; /* for reading; made unique by `id` where printed */
    uint32_t id;      /* dense in the kernel */
    IrType type;
    bool mutable;
    bool uniform;     /* every thread of the block has the same value (found by the pass uniform) */
    int64_t lo, hi;   /* interval if an integer is known to stay inside; INT64_MIN/MAX else */
    int64_t multiple; /* its value is a multiple of this (1 if unknown; 0 means always 0) */
} IrVar;

typedef enum { IR_PARAM, IR_SHARED, IR_TILE, IR_PRIVATE, IR_TABLE } IrSpace;

/* How a tensor's elements lie: offset = sum over digits of (index[dim] / divide % extent) * place,
 * then, if swizzle_bits, offset ^= ((offset >> swizzle_from) & (2^bits - 1)) << swizzle_to. An
 * extent of 0 needs no `%`. Digits are in element units. */
typedef struct IrLayoutDigit {
    int dim;
    int64_t divide, extent, place;
} IrLayoutDigit;
typedef struct IrLayout {
    int count;
    const IrLayoutDigit *digits;
    int64_t size; /* elements of storage, padding included */
    int swizzle_bits, swizzle_from, swizzle_to;
    int chosen; /* the compiler chose the swizzle: of the n-th tensor for which it did, from 1 */
} IrLayout;

typedef struct IrExpr IrExpr;
typedef struct IrTensor {
    const Name *name;
    uint32_t id; /* dense in the kernel */
    IrSpace space;
    Elem elem;
    int rank;
    const IrExpr **extents; /* constants for all spaces but PARAM; SHARED: or known at launch */
    const IrLayout *layout; /* SHARED, PRIVATE, TABLE; NULL: row-major */
    const IrExpr **strides; /* PARAM with `layout strided`, SHARED: of elements; NULL: row-major */
    const IrExpr *storage;  /* SHARED: its elements, padding included, if `layout` does not say */
    const Mapping *over;    /* TILE: distribution of its last over->rank dimensions … */
    int64_t first;          /* … over groups of over->workers threads from this one on */
    int param;              /* PARAM: position among the kernel's parameters */
    bool written, read;     /* PARAM: mode (out: written, inout: both) */
    const Scalar *table;    /* TABLE: its elements, row-major */
    const struct IrStmt *scope; /* SHARED: the SCOPE it lives in; NULL: the kernel */
    bool bulk;        /* SHARED: copy engines copy it: begins at a multiple of 1024 bytes */
    int64_t arrivals; /* SHARED: of mbarriers, whose phases end after so many; else 0 */
    int barrier; /* SHARED, with arrivals: the hardware's barriers from this number on; else 0 */
    const struct IrTensor *staged; /* SHARED: only holds a copy of this tile, for an IR_MMA */
    int64_t stages; /* SHARED: its first dimension are so many stages of a pipeline; else 0 */
    const struct IrTensor *of; /* SHARED: no memory of its own, but this tensor as each block of the
                                  cluster has it; the block's rank is the first index */
    uint32_t origin;
    enum { IR_MADE_NOT, IR_MADE_TILE, IR_MADE_VALUE } made; /* by fission, to hold what */
} IrTensor;

struct IrExpr {
    IrOp op;
    uint32_t flags, id; /* id: dense in the kernel, operands have lower ids */
    IrType type;
    uint32_t origin;
    uint32_t count;
    int64_t lo, hi; /* integer interval, inclusive; INT64_MIN/MAX where unknown */
    union {
        Scalar value;           /* CONST */
        int64_t imm;            /* SIZE, ARG, BID, GDIM, LANE */
        IrVar *var;             /* VAR */
        const IrTensor *tensor; /* LOAD */
    };
    const IrExpr *args[];
};

typedef struct IrStmt IrStmt;
typedef struct IrBlock {
    VEC(IrStmt *) stmts;
} IrBlock;

typedef enum {
    IR_SCOPE_WARP,
    IR_SCOPE_GROUP,
    IR_SCOPE_BLOCK,
    IR_SCOPE_CLUSTER,
    IR_SCOPE_GRID
} IrScope;
typedef enum { IR_RELAXED, IR_ACQUIRE, IR_RELEASE, IR_ACQ_REL } IrOrder;

/* TASKS: the worker `args[0]` of `mapping` runs its tasks in order; `vars` are the coordinates.
 * Run-time extent k of the mapping is args[1 + k]. `level` is the number of consecutive threads
 * that act as one worker (1 thread, 32 warp, 128 warpgroup, block_size block). */
typedef struct IrTasks {
    const Mapping *mapping;
    IrVar **vars; /* mapping->rank of them */
    int level;
} IrTasks;

struct IrStmt {
    IrStmtKind kind;
    uint32_t flags, origin;
    IrVar *var;
    const IrTensor *tensor;
    int count;
    const IrExpr **args;
    IrBlock *body, *other;
    int64_t imm, imm2;
    Builtin builtin;
    IrOrder order;
    IrScope scope;
    const IrTasks *tasks;
    const char *text; /* TRAP: what was violated; PRINT: see ir_print_piece; MACHINE: the PTX;
                         TASKS: IR_FORCED */
};

/* ---- origins: an append-only table; index 0 is "none" --------------------------------------- */
typedef enum { ORIGIN_SOURCE, ORIGIN_INLINED, ORIGIN_INSTANTIATED, ORIGIN_DERIVED } OriginKind;
typedef struct Origin {
    Span span;
    uint32_t parent; /* the call it was inlined into, the node it was derived from; 0 */
    OriginKind kind;
    const char *pass; /* that made it; "lower" */
} Origin;

/* ---- kernel ------------------------------------------------------------------------------- */
typedef struct IrParam {
    const Name *name;
    bool is_tensor;
    Elem elem; /* scalar's type */
    const IrTensor *tensor;
    Span span;
} IrParam;

typedef struct IrRequire {
    const IrExpr *cond;
    const char *text; /* source text of the condition, or the user's message */
    uint32_t origin;
} IrRequire;

/* A tensor-core instruction acc += a * b, declared in stdlib/mma: PTX text, element types, and the
 * mappings of its operands' fragments over the threads that run it together (a warp, a warpgroup):
 * a is m x k, b is k x n, acc is m x n. Of those that the architecture has. An operand without a
 * mapping is read from shared memory by the instruction itself.
 *
 * The verb mma is a task loop over acc's mapping, flag IR_MMA,
 *     tasks (i, j) in M { for p in 0 .. K { store acc[i, j] = fma(cast(A(i, p)), cast(B(p, j)),
 * acc[i, j]) } } (mul and add on integers) whose A and B are loads of shared tensors, any
 * expression of whose indices may name i, p and j. An operand in registers was first copied to a
 * tensor with `staged`.
 */
typedef struct IrInstruction {
    const char *text;
    Elem a_elem, b_elem, acc_elem;
    int64_t depth; /* k */
    const Mapping *a, *b, *acc;
} IrInstruction;

/* A factor that the instruction reads from shared memory itself (wgmma): how it lies there, in imm
 * (of a) and imm2 (of b) of its MACHINE, by the PTX ISA's "Matrix Descriptor" without the address;
 * 0 for a factor in registers. IR_TURNED is a bit that the descriptor leaves free: the dimension
 * that is not k is the contiguous one. */
#define IR_TURNED ((int64_t)1 << 14)

/* Barriers that a block has; number 0 is that of the whole block. */
enum { IR_BARRIERS = 16 };

typedef struct IrKernel {
    Arena *arena;
    Diags *diags;            /* for origins' spans */
    const Name *name;        /* public name */
    const char *instance;    /* "bm=128,bn=64" for tuned or specialised instances; "" */
    VEC(const Name *) sizes; /* size variables, by number; strides of strided parameters too */
    VEC(IrParam) params;
    VEC(IrTensor *) tensors; /* every tensor, by id */
    VEC(IrVar *) vars;       /* by id */
    VEC(IrRequire) requires;
    VEC(IrInstruction) instructions;
    const IrExpr *grid[3]; /* logical grid extents, over SIZE and ARG; missing ones const 1 */
    int64_t block_size;    /* threads of a block, compile-time */
    int64_t block_dims[3];
    int64_t
        cluster; /* blocks of a cluster, consecutive along the grid's first dimension; 0: none */
    int64_t occupancy;    /* blocks that a multiprocessor is to run at a time; 0: any number */
    int64_t shared_limit; /* bytes of shared memory that a block may have; 0: no limit */
    bool resident;        /* all blocks at once: `sync grid` allowed */
    bool fast;            /* @fast: approximations and reassociation are welcome */
    bool waits;           /* threads of a block wait for others one by one, as at mbarriers */
    IrBlock *body;
    VEC(Origin) origins;
    struct IrTable *table; /* hash-consing; private to build.c */
    uint32_t expr_count;
} IrKernel;

/* In linear offsets, so far apart lie elements of one place in consecutive blocks of a cluster. */
enum { IR_BLOCK_SPAN = 1 << 20 };

/* Do elements of these tensors lie in one memory? */
static inline bool ir_same_memory(const IrTensor *a, const IrTensor *b)
{
    return (a->of ? a->of : a) == (b->of ? b->of : b);
}

/* ---- verifier, text ------------------------------------------------------------------------ */
/* NULL if the kernel is well formed, else one line that names the node and the broken rule. */
const char *ir_verify(const IrKernel *kernel);
void ir_print(const IrKernel *kernel, Sb *out);
void ir_print_expr(const IrKernel *kernel, const IrExpr *expr, Sb *out);
/* Reads what ir_print wrote; NULL and a message with line number in *error. */
IrKernel *ir_read(Arena *arena, Interner *interner, Diags *diags, const char *text, size_t len,
                  const char **error);

#endif
