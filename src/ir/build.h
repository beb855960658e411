/* The IR builder: the only way to make nodes. Expressions are hash-consed and simplified as they
 * are made (constants folded, identities removed, / and % removed or narrowed by intervals,
 * constants of sums collected, comparisons decided), so that no pass has to do it again; building
 * the same expression from the same operands gives the same pointer.
 */
#ifndef IR_BUILD_H
#define IR_BUILD_H

#include "ir/ir.h"

/* ---- facts about rows ---------------------------------------------------------------------- */
typedef struct IrOpInfo {
    const char *text;
    int arity;
    int flags;
} IrOpInfo;
const IrOpInfo *ir_op_info(IrOp op);
const char *ir_stmt_text(IrStmtKind kind);

IrKernel *ir_kernel_create(Arena *arena, Diags *diags, const Name *name);
uint32_t ir_origin(IrKernel *k, OriginKind kind, Span span, uint32_t parent, const char *pass);

/* ---- expressions; `origin` of a new node is k's current origin (ir_set_origin) --------------- */
void ir_set_origin(IrKernel *k, uint32_t origin);
const IrExpr *ir_const(IrKernel *k, Scalar value);
const IrExpr *ir_int(IrKernel *k, Elem elem, int64_t value);
const IrExpr *ir_index(IrKernel *k, int64_t value); /* of type index */
const IrExpr *ir_bool(IrKernel *k, bool value);
const IrExpr *ir_size(IrKernel *k, int number); /* interval [0, 2^62] */
const IrExpr *ir_arg(IrKernel *k, int number, Elem elem);
const IrExpr *ir_var(IrKernel *k, IrVar *var);
const IrExpr *ir_tid(IrKernel *k); /* interval [0, block_size - 1] */
const IrExpr *ir_bid(IrKernel *k, int dim);
const IrExpr *ir_gdim(IrKernel *k, int dim);
const IrExpr *ir_unary(IrKernel *k, IrOp op, const IrExpr *a);
const IrExpr *ir_binary(IrKernel *k, IrOp op, const IrExpr *a,
                        const IrExpr *b); /* operands of one type (shifts: the amount may differ) */
const IrExpr *ir_select(IrKernel *k, const IrExpr *c, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_cast(IrKernel *k, IrType to, const IrExpr *a);
const IrExpr *ir_bitcast(IrKernel *k, IrType to, const IrExpr *a);
const IrExpr *ir_math(IrKernel *k, IrOp op, int count, const IrExpr *const *args); /* FMA … DOT4 */
const IrExpr *ir_vector(IrKernel *k, IrType type, const IrExpr *const *lanes);
const IrExpr *ir_lane(IrKernel *k, const IrExpr *a, int lane);
const IrExpr *ir_splat(IrKernel *k, int lanes, const IrExpr *a);
/* guard and otherwise NULL: unguarded. A guard that folds to true is dropped; to false, the
 * result is `otherwise`. lanes > 1: consecutive elements along the last index. */
const IrExpr *ir_load(IrKernel *k, const IrTensor *t, int lanes, const IrExpr *const *index,
                      const IrExpr *guard, const IrExpr *otherwise);
/* The blocks that a BULK copies to, of several; else NULL. */
const IrExpr *ir_bulk_mask(const IrStmt *s);
/* What a checked kernel says where threads {0} and {1} differ in what is asserted uniform. */
#define IR_UNIFORM_DIFFERS "`uniform` of what differs: thread {0} has another value than thread {1}"
/* In messages, where {3} is its block's rank: the name of a tensor of which an element is touched,
 * and that index {0} of dimension d is outside of the extent {1}, in thread {2}. */
const char *ir_element_text(IrKernel *k, const IrTensor *t);
const char *ir_bounds_text(IrKernel *k, const IrTensor *t, int d);
/* The same with IR_LINEAR (index: one element offset) and IR_PROVED among `flags`. */
const IrExpr *ir_load_with(IrKernel *k, const IrTensor *t, int lanes, uint32_t flags,
                           const IrExpr *const *index, const IrExpr *guard,
                           const IrExpr *otherwise);
/* Any node again with other operands, through the simplifier. `flags` and payload are kept. */
const IrExpr *ir_rebuild(IrKernel *k, const IrExpr *e, const IrExpr *const *args);

static inline bool ir_is_const(const IrExpr *e)
{
    return e->op == IR_CONST;
}
static inline bool ir_is_int(const IrExpr *e, int64_t v) /* an integer or index constant v */
{
    return e->op == IR_CONST && !vocab_elem_is_float(e->type.elem) && e->value.i == v;
}
IrOp ir_builtin_op(Builtin builtin); /* the op that is the built-in; IR_OP_COUNT if none is */
int64_t ir_multiple(
    const IrExpr *e); /* a divisor of every value of e, as large as seen; 0 for the constant 0 */

/* ---- tensors, variables ---------------------------------------------------------------------- */
IrVar *ir_new_var(IrKernel *k, const Name *name, IrType type, bool mutable);
/* Fills id; extents are copied. */
IrTensor *ir_new_tensor(IrKernel *k, const Name *name, IrSpace space, Elem elem, int rank,
                        const IrExpr *const *extents);
int ir_new_size(IrKernel *k, const Name *name);
/* Linear element offset of an access under the tensor's layout (strides, digits, swizzle), for a
 * TILE its slot when the index is already reduced to slots by the slot pass. */
const IrExpr *ir_offset(IrKernel *k, const IrTensor *t, const IrExpr *const *index);
/* The swizzle of units of `bytes` (4, 8, 16) for lines of `extent` elements and `pad` more: sets
 * the swizzle_… of `layout` and returns the elements of a line, filled up to 16 bytes where it was
 * not padded.
 *
 * Shared memory has 32 banks of 4 bytes: eight units of 16 bytes. The 8 lanes of a phase of a
 * 16-byte access take the same unit of 8 lines in a row, or 8 units of a line in a row, and must
 * meet 8 different columns of units. If a line has 2^t times an odd number of units, 8 lines repeat
 * their columns 2^min(t, 3) times: so many units change places, by the number of the period of
 * max(8, 2^t) units that they lie in. Smaller units likewise, with 16 and 32 for 8. */
int64_t ir_default_swizzle(IrLayout *layout, Elem elem, int64_t extent, int64_t pad, int bytes);
int64_t ir_tile_slots(const IrTensor *tile); /* elements a thread holds */
int64_t ir_tensor_size(const IrTensor *t);   /* static elements (layout's size); -1 if run-time */
const IrExpr *ir_tensor_elements(IrKernel *k, const IrTensor *t); /* the same as an expression */

/* Bytes that one asynchronous instruction moves for a STORE, 4, 8 or 16; 0 if it takes a load and a
 * store, which land at once: not IR_ASYNC, no load from a parameter, another width, or with
 * something other than zeros where the load's guard is false. */
int ir_async_bytes(const IrStmt *store);
/* What a PRINT's text says up to its next `{}`, past which *text moves; NULL after the last. */
const char *ir_print_piece(Arena *arena, const char **text);

/* ---- statements: appended to a block ----------------------------------------------------------
 */
IrBlock *ir_new_block(IrKernel *k);
IrStmt *ir_append(IrKernel *k, IrBlock *b, IrStmtKind kind);   /* origin filled */
void ir_splice(IrKernel *k, IrBlock *to, const IrBlock *from); /* all its statements; or NULL */
IrStmt *ir_let(IrKernel *k, IrBlock *b, IrVar *var, const IrExpr *value);
IrStmt *ir_set(IrKernel *k, IrBlock *b, IrVar *var, const IrExpr *value);
IrStmt *ir_store(IrKernel *k, IrBlock *b, const IrTensor *t, const IrExpr *const *index,
                 const IrExpr *value, const IrExpr *guard);
IrStmt *ir_for(IrKernel *k, IrBlock *b, IrVar *var, const IrExpr *lo, const IrExpr *hi,
               const IrExpr *step); /* body made; var's interval set */
IrStmt *ir_if(IrKernel *k, IrBlock *b, const IrExpr *cond, bool with_else); /* bodies made */
IrStmt *ir_barrier(IrKernel *k, IrBlock *b, IrScope scope, int64_t threads);

/* ---- walking ----------------------------------------------------------------------------------
 */
/* Calls `visit` for every statement, outer before inner; returns false as soon as it does. */
typedef bool (*IrVisit)(void *user, IrStmt *stmt);
bool ir_walk(IrBlock *block, IrVisit visit, void *user);
/* Rewrites expression `e` bottom-up; `replace` returns the new node or NULL to keep (after its
 * operands were rebuilt). Memoised within one call. */
typedef const IrExpr *(*IrReplace)(void *user, const IrExpr *e);
const IrExpr *ir_rewrite(IrKernel *k, const IrExpr *e, IrReplace replace, void *user);
/* Does the expression satisfy `test` in any node? */
bool ir_any(const IrExpr *e, bool (*test)(void *user, const IrExpr *e), void *user);
/* Can the host compute it before a launch: from sizes and integer parameters alone? */
bool ir_for_host(const IrExpr *e);
/* Evaluates an integer expression; `leaf` gives the value of a VAR, TID, SIZE … (false: unknown).
 */
typedef bool (*IrLeaf)(void *user, const IrExpr *e, int64_t *value);
bool ir_eval_int(const IrExpr *e, IrLeaf leaf, void *user, int64_t *value);

#endif
