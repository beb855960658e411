/* Private to ir/: making nodes without simplification, intervals, linear forms, and the
 * simplifiers that ir_binary and its like call. A simplifier returns NULL where no rule applies.
 */
#ifndef IR_NODES_H
#define IR_NODES_H

#include "ir/build.h"

/* INT64_MIN and INT64_MAX stand for minus and plus infinity. */
typedef struct Interval {
    int64_t lo, hi;
} Interval;

struct IrMemo;
/* Hash-consing and what else the builder remembers. */
typedef struct IrTable {
    const IrExpr **slots;
    uint32_t *hashes;
    size_t slot_count;
    uint32_t origin;
    struct IrMemo *memos; /* free ones, for ir_rewrite */
} IrTable;

/* The node of these parts, as it stands. payload: the union's first 8 bytes (CONST: value.i). */
const IrExpr *ir_node(IrKernel *k, IrOp op, IrType type, uint32_t flags, uint64_t payload,
                      int count, const IrExpr *const *args);
/* The same for a leaf whose interval is a fact of the kernel; a known node takes the new one. */
const IrExpr *ir_leaf(IrKernel *k, IrOp op, IrType type, uint64_t payload, Interval range);
/* Leaves that the public makers may fold to constants. */
const IrExpr *ir_var_node(IrKernel *k, IrVar *var);
const IrExpr *ir_counter_node(IrKernel *k, IrOp op, int dim); /* TID, BID, GDIM */
/* An operator or mathematical node of operands of fitting types, as it stands. */
const IrExpr *ir_operator(IrKernel *k, IrOp op, int count, const IrExpr *const *args);
const IrExpr *ir_operator2(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b);
IrType ir_result_type(IrOp op, int count, const IrExpr *const *args);
Op ir_op_operator(IrOp op);                    /* OP_NONE if it is none */
Builtin ir_op_builtin(IrOp op);                /* BUILTIN_NONE if it is none */
IrOp ir_op_find(const char *text, size_t len); /* IR_OP_COUNT if unknown */

static inline bool ir_is_integer(const IrExpr *e)
{
    return e->type.lanes == 1 && vocab_elem_is_int(e->type.elem);
}
static inline bool ir_is_index(const IrExpr *e)
{
    return e->type.elem == ELEM_INDEX && e->type.lanes == 1;
}

/* ---- interval.c ------------------------------------------------------------------------------ */
Interval ir_type_range(IrType type);
Interval ir_interval(IrOp op, IrType type, uint64_t payload, int count, const IrExpr *const *args);
int64_t ir_sat_add(int64_t a, int64_t b);
int64_t ir_sat_mul(int64_t a, int64_t b);
static inline bool ir_known(Interval r)
{
    return r.lo != INT64_MIN && r.hi != INT64_MAX;
}

/* ---- linear.c -------------------------------------------------------------------------------- */
enum { LINEAR_MAX = 12 };
/* constant + the sum of coef * atom, of type index; atoms differ, coefs are not zero. */
typedef struct Linear {
    int count;
    int64_t constant;
    struct LinearTerm {
        const IrExpr *atom;
        int64_t coef;
    } terms[LINEAR_MAX];
} Linear;
/* Adds scale * e. False (and `l` is spoilt) where it overflows or has too many terms. */
bool ir_linear_add(Linear *l, const IrExpr *e, int64_t scale);
bool ir_linear_term(Linear *l, const IrExpr *atom, int64_t coef);
Interval ir_linear_range(const Linear *l);
/* (x / c) * c + x % c, times any coefficient, becomes x. */
void ir_linear_recombine(IrKernel *k, Linear *l);
const IrExpr *ir_linear_build(IrKernel *k, const Linear *l);
/* a + b or a - b with like terms collected; NULL if they share none. */
const IrExpr *ir_linear_merge(IrKernel *k, const IrExpr *a, const IrExpr *b, int64_t scale);

/* ---- kernel.c: what LET and FOR know of their variable
 * -------------------------------------------- */
void ir_let_facts(IrVar *var, const IrExpr *value);
void ir_for_facts(IrVar *var, const IrExpr *lo, const IrExpr *hi, const IrExpr *step);

/* The order of a commutative operator's integer operands. */
bool ir_in_order(IrOp op, const IrExpr *a, const IrExpr *b);

/* ---- simplifiers ----------------------------------------------------------------------------- */
const IrExpr *ir_simplify_add(IrKernel *k, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_sub(IrKernel *k, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_mul(IrKernel *k, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_div(IrKernel *k, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_mod(IrKernel *k, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_minmax(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_bits(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_shift(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_compare(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_logic(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b);
const IrExpr *ir_simplify_not(IrKernel *k, const IrExpr *a);
const IrExpr *ir_simplify_float(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b);

#endif
