/* The state of one lowering, and the values of its environment. Private to lower/. */
#ifndef LOWER_INTERNAL_H
#define LOWER_INTERNAL_H

#include "lower/lower.h"
#include "mapping/index.h"

#define MAX_RANK MAPPING_MAX_RANK
enum { WARP_THREADS = 32, WARPGROUP_THREADS = 128, MAX_BLOCK = 1024, MAX_OCCUPANCY = 32 };

typedef struct Lower Lower;

/* What must hold for an index to be inside a window: 0 <= index[dim] + offset < limit; where dim is
 * -1, 0 <= offset < limit. */
typedef struct Bound {
    int dim;
    const IrExpr *offset, *limit;
} Bound;

/* Elements of a tensor seen through offsets, dropped dimensions and windows. Tensor dimension d is
 * indexed by `offset[d]`, plus the view's own index of dimension `dim[d]` where that is not -1. */
typedef struct View {
    const IrTensor *tensor;
    int rank;
    const IrExpr *extents[MAX_RANK];
    const IrExpr *offset[MAX_RANK];
    int dim[MAX_RANK];
    int bound_count;
    Bound bounds[2 * MAX_RANK];
    const IrExpr *otherwise; /* of a padded view */
    Cache cache;             /* what its loads and stores say to the caches */
    /* Of a reshaped tensor, its rank and extents now; else 0. Then `offset` and `dim` apply to
     * these dimensions, and what they give is turned into the tensor's own coordinates. */
    int reshaped;
    const IrExpr *shape[MAX_RANK];
} View;

typedef enum {
    VALUE_NONE,
    VALUE_POISON, /* already reported */
    VALUE_EXPR,
    VALUE_MAPPING,
    VALUE_AUTO, /* auto(…): extents in `items` */
    VALUE_TUPLE,
    VALUE_VIEW,
    VALUE_WINDOW, /* x.tile(…) before `at`: items[0] the view, then the extents */
    VALUE_LAZY,   /* whole-tile arithmetic: evaluated element by element where it is consumed */
    VALUE_FN,     /* a function as a value */
    VALUE_TYPE,
} ValueKind;

typedef struct Value {
    ValueKind kind;
    union {
        const IrExpr *expr;
        const Mapping *mapping;
        const View *view;
        const Ast *lazy;
        const Symbol *fn;
        const Type *type;
    };
    int count; /* TUPLE, AUTO, WINDOW */
    const struct Value *items;
} Value;

typedef struct Group {
    int64_t size;         /* threads */
    int64_t base;         /* first thread in the block; -1 where it depends on the thread */
    int64_t first;        /* of the groups of this size that lie side by side, the first one's */
    const IrExpr *thread; /* index in the group */
    Span span;            /* where it was entered, for messages */
    bool single;          /* `on thread`: each thread for itself; the indices stay the group's */
} Group;

/* What `return` does in the function being inlined. */
typedef struct Return {
    const Type *type;
    IrVar *label; /* of the REGION, made by the first early return; else NULL */
    IrVar **vars; /* one per scalar of the result; made with the label */
    int var_count;
    bool done; /* a return was met at the function's own depth: what follows is dead */
    Value value;
    int depth; /* Lower.depth at the function's entry */
} Return;

struct Lower {
    Arena *arena;
    Program *program;
    Diags *diags;
    const LowerOptions *options;
    int swizzles; /* tensors so far whose swizzle is chosen */
    IrKernel *k;
    Map env;     /* pages of values, by symbol id */
    Value *page; /* the one looked at last */
    uint64_t last_page;
    IrBlock *block; /* statements go here */
    Group group;
    Return *ret;
    int depth;                       /* run-time control statements around the current point */
    uint32_t call_origin;            /* of the innermost inlined call */
    IrStmt *scope;                   /* innermost SCOPE */
    Map pinned;                      /* what the variables of `lower_pin` stand for, by id + 1 */
    VEC(const IrExpr *) runtime;     /* run-time extents of mappings, by id */
    const IrExpr *const *lazy_index; /* inside a lazy tile expression: the element's indices */
    bool grid_domain; /* inside the domain of a loop over the grid: spatial extents may be run-time
                       */
    int registers[MAX_BLOCK / WARPGROUP_THREADS]; /* of a warpgroup's threads, by `regs`; or 0 */
    const Ast *registers_at;                      /* the last such clause */
    int64_t cluster;  /* blocks of a cluster, or 0; to the kernel, a single one is no cluster */
    bool in_pipeline; /* `break` leaves a loop that has copies under way */
    int pipelines;    /* such loops that `return` leaves */
    int barriers;     /* of the hardware that are declared */
    Map kept;         /* task loops that pipelines leave in their place, by address */
    bool failed;
    bool quiet; /* `where` of a point that may be excluded reports nothing */
};

/* ---- tune space (tune.c) */
/* What `-D`, or a call in a test, gives the name; NULL. */
const LowerDefine *lower_find_define(const LowerOptions *options, const Name *name);
/* Binds the kernel's tune names to their values at `point`. */
void lower_tunes(Lower *l, const Ast *decl, const LowerPoint *point);

/* ---- context (lower.c) */
Diag *lower_report(Lower *l, DiagCode code, Span span, int count, const char *const *args);
#define lower_error(l, code, span, ...)                                                            \
    lower_report((l), DIAG_##code, (span),                                                         \
                 (int)BASE_LEN(((const char *const[]){NULL, ##__VA_ARGS__})) - 1,                  \
                 ((const char *const[]){NULL, ##__VA_ARGS__}) + 1)
void lower_at(Lower *l, const Ast *node); /* sets the origin of what is built next */
char *lower_text(Lower *l, const char *fmt, ...) BASE_PRINTF(2, 3);
const char *lower_number(Lower *l, int64_t value);
const Type *lower_resolve(Lower *l, const Type *type); /* type variables replaced */
IrType lower_ir_type(Lower *l, const Type *type);
const char *lower_expr_text(Lower *l, const IrExpr *e);
static inline Value value_expr(const IrExpr *e)
{
    return (Value){.kind = VALUE_EXPR, .expr = e};
}
static inline Value value_poison(void)
{
    return (Value){.kind = VALUE_POISON};
}
static inline Value value_mapping(const Mapping *m)
{
    return (Value){.kind = VALUE_MAPPING, .mapping = m};
}
static inline Value value_view(const View *v)
{
    return (Value){.kind = VALUE_VIEW, .view = v};
}
Value *lower_slot(const Lower *l, const Symbol *symbol); /* NONE where unbound */
static inline void lower_bind(Lower *l, const Symbol *s, Value v)
{
    *lower_slot(l, s) = v;
}

/* ---- expressions (expr.c) */
IrOp lower_op(Op op); /* of a binary operator */
Value lower_value(Lower *l, const Ast *node);
const IrExpr *lower_expr(Lower *l, const Ast *node); /* a scalar or vector; a zero after an error */
const IrExpr *lower_index(Lower *l, const Ast *node);      /* converted to `index` */
bool lower_int(Lower *l, const Ast *node, int64_t *value); /* compile-time; reports otherwise */
const IrExpr *lower_zero(Lower *l, const Type *type);
/* A value kept from later stores and assignments: a LET named `name` unless it needs none. */
const IrExpr *lower_pin(Lower *l, const Name *name, const IrExpr *e);
/* The expression without names given by `lower_pin`, where that is what a launch knows; else NULL.
 */
const IrExpr *lower_at_launch(Lower *l, const IrExpr *e);
const Name *lower_name(Lower *l, const char *text);

/* ---- calls (call.c, builtin.c) */
Value lower_call(Lower *l, const Ast *node);
/* `args` become what the function's parameters are bound to. */
Value lower_apply(Lower *l, const Value *fn, int count, Value *args, const Ast *node);
Value lower_builtin(Lower *l, const Ast *node);
/* Lowers `body` with a `return` of its own (of type `result`; NULL or void: none). */
Value lower_inline(Lower *l, const Ast *body, const Type *result);
void lower_return(Lower *l, const Ast *node);

/* ---- mappings (mapping.c) */
Value lower_mapping(Lower *l, const Ast *node);
const Mapping *lower_mapping_solved(Lower *l, const Ast *node, int rank, const int64_t *shape,
                                    int64_t workers);
Value lower_mapping_decl(Lower *l, const Symbol *symbol, int count, const Value *args);
/* Coordinates of `worker` at a constant step, as expressions (m->rank of them). */
void lower_coords(Lower *l, const Mapping *m, const IrExpr *worker, int64_t step,
                  const IrExpr **coords);
const char *lower_mapping_text(Lower *l, const Mapping *m);

MappingIndexOps lower_mapping_ops(Lower *l); /* builders for mapping/index.h */

/* ---- views (view.c) */
const View *lower_whole(Lower *l, const IrTensor *tensor);
/* The mapping that a view of a distributed tile lies over: the tile's, or the part of it in the
 * view's window. NULL if it lies over none; reports at `at`, if that is not NULL, why not. */
const Mapping *lower_over(Lower *l, const View *view, const Ast *at);
/* Reports an index that is known to lie outside of the extent. */
void lower_check_index(Lower *l, const Ast *node, const IrExpr *at, const IrExpr *extent);
Value lower_index_view(Lower *l, const View *view, const Ast *list);
const View *lower_window(Lower *l, const View *view, const IrExpr *const *extents,
                         const IrExpr *const *offsets);
/* Dimension i of the result is dimension `order[i]` of the view. */
const View *lower_transpose(Lower *l, const View *view, const int *order);
/* The view's elements, in row-major order, with other extents. */
const View *lower_reshape(Lower *l, const View *view, int rank, const IrExpr *const *extents);
/* Element access. A load's `otherwise` NULL: the view's own padding, or unguarded. */
const IrExpr *lower_load(Lower *l, const View *view, const IrExpr *const *index,
                         const IrExpr *otherwise);
IrStmt *lower_store(Lower *l, const View *view, const IrExpr *const *index, const IrExpr *value);
/* Can asynchronous copies have the hint? */
bool lower_check_policy(Lower *l, const Ast *node, Cache cache);
void lower_view_index(Lower *l, const View *view, const IrExpr *const *index, const IrExpr **out);

/* ---- tensors (tensor.c, layout.c) */
void lower_shared(Lower *l, const Ast *node);
void lower_reg(Lower *l, const Ast *node);
const View *lower_table(Lower *l, const Symbol *symbol);
const View *lower_new_tile(Lower *l, const Name *name, Elem elem, const Mapping *over, int leading,
                           const int64_t *extents);
const IrLayout *lower_layout(Lower *l, const Ast *node, int rank, const int64_t *extents,
                             Elem elem);
/* `layout swizzle`, of constant extents. */
const IrLayout *lower_swizzle(Lower *l, int rank, const IrExpr *const *extents, Elem elem);
/* The layout of a shared tensor some of whose extents are known at launch only. */
void lower_launch_layout(Lower *l, const Ast *node, IrTensor *tensor);

/* ---- clusters (cluster.c) */
void lower_launch_cluster(Lower *l, const Ast *launch);
bool lower_has_cluster(Lower *l, const Ast *node,
                       const char *what);              /* reports where there is none */
Value lower_cluster_member(Lower *l, const Ast *node); /* `cluster.rank` and its like */
/* `x.of_block(r)`: the view of block r's tensor. */
Value lower_of_block(Lower *l, const Ast *call, const View *view);
/* Makes blocks that reach into others begin and end together. */
void lower_bound_cluster(Lower *l, const Ast *decl);

/* ---- task loops, groups, verbs (tasks.c, group.c, verb.c, reduce.c) */
void lower_tasks(Lower *l, const Ast *node); /* For over a mapping, tile or auto */
/* Appends TASKS over `m` for the group's workers of `level` threads; l->block becomes its body
 * (the caller restores it). Fills vars[m->rank] with the coordinates. */
IrStmt *lower_open_tasks(Lower *l, const Mapping *m, int level, const IrExpr **vars);
const IrExpr *lower_worker(Lower *l, int level);
bool lower_check_workers(Lower *l, const Mapping *m, int64_t workers, Span span, const char *unit);
void lower_on(Lower *l, const Ast *node);
void lower_check_registers(Lower *l);                          /* of all roles */
void lower_grid_loop(Lower *l, const Ast *node, Value domain); /* `on block`, `on thread in grid` */
/* Binds loop variables to coordinates, lowers `within` and the body. */
void lower_task_body(Lower *l, const Ast *node, const IrExpr *const *vars, int rank);
void lower_sync(Lower *l, const Ast *node);
void lower_barrier(Lower *l, bool elidable);
void lower_copy(Lower *l, const Ast *call, const Ast *via);
void lower_copy_values(Lower *l, const Ast *node, const View *dst, const Value *src);
void lower_reduce(Lower *l, const Ast *call);
/* mbarrier.wait, arrive, expect; and the arrivals of a declaration of them. */
void lower_machine(Lower *l, const Ast *call);
void lower_tma(Lower *l, const Ast *call); /* tma.load, store, commit, wait */
/* The mbarrier `b[i]` and its indices; NULL where there is none. */
const IrTensor *lower_mbarrier(Lower *l, const Ast *node, const IrExpr **index);
/* How many groups `wait(n)` and the like leave under way; false after a report. */
bool lower_wait_groups(Lower *l, const Ast *call, int64_t *groups);
bool lower_arrivals(Lower *l, const Ast *node, IrTensor *tensor);
/* Reports `what` where the architecture is older than sm_<arch>. */
bool lower_needs_arch(Lower *l, const Ast *node, const char *what, int arch);
void lower_async(Lower *l, const Ast *call);                 /* built-ins of class ASYNC */
void lower_order(Lower *l, Builtin builtin, int64_t groups); /* wgmma.fence and the like */
/* Do copies land later than they are made? Else they are plain, and nothing is waited for. */
bool lower_is_async(const Lower *l);
/* A copy without its barriers, its task loops flagged; IR_ASYNC: its stores, too. */
void lower_copy_by(Lower *l, const Ast *call, const View *dst, const Value *src, uint32_t flags,
                   const char *text);
/* A task loop that copies to the tensor, likewise. */
void lower_tasks_by(Lower *l, const Ast *loop, const IrTensor *to, uint32_t flags);
/* mma(acc, a, b); and a call of the instruction `fn`, whose generics are bound. */
void lower_mma(Lower *l, const Ast *call);
void lower_instruction(Lower *l, const Ast *call, const Ast *fn, const Value *operands);
/* Gives the kernel the instructions that the architecture has for the types of a product, and the
 * instruction `fn`, whose PTX name is the result (instruction.c). */
void lower_find_instructions(Lower *l, const View *acc, const View *a, const View *b);
const char *lower_add_instruction(Lower *l, const Ast *fn);
/* `let h = f16(acc)`: a new tile with the values of a whole-tile expression, over its mapping. */
Value lower_materialise(Lower *l, const Ast *node, const Name *name, Value value);

/* ---- statements (stmt.c) */
void lower_stmt(Lower *l, const Ast *node);
void lower_block(Lower *l, const Ast *block);
/* `for … in range(…) pipeline(n)`; bounds: lo, hi, step. */
void lower_pipeline(Lower *l, const Ast *node, const IrExpr *const *bounds);
void lower_drain(Lower *l);                                 /* waits for all copies under way */
void lower_note_shared(Lower *l, Diag *diag);               /* what takes how much shared memory */
void lower_body(Lower *l, const Ast *block, IrBlock *into); /* under run-time control */
int64_t lower_unit_threads(const Lower *l, const Name *unit); /* threads of a group word */

#endif
