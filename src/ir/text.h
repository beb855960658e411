/* Private to ir/: what the printer and the reader of the text form share.
 *
 *     kernel saxpy "bm=64"
 *     size n
 *     param x.0: f32[$n]
 *     param inout y.1: f32[$n]
 *     param alpha: f32
 *     require $n % 4 == 0 "n is a multiple of 4"
 *     grid ($n + 255) / 256, 1, 1
 *     block 256 (256, 1, 1)
 *     shared s.2: f32[256] layout d0 * 2 size 512
 *     {
 *         let i.0: index = bid.x * 256 + tid
 *         store y.1[i.0; if i.0 < $n] = fma(@alpha, x.0[i.0], y.1[i.0])
 *     }
 *
 * Expressions are infix, with the language's precedences. Variables and tensors carry their id,
 * sizes `$`, scalar parameters `@`; a constant that is no index states its type (`1.0:f32`). An
 * operand that a statement uses more than once and that is long comes first, as `%1 = …`. `as [lo,
 * hi] by m` after a variable gives its interval and divisor where they are not what its definition
 * says. Between ints, `x - 3` is the sum with -3, which is how the builder keeps it (unsigned: the
 * difference).
 */
#ifndef IR_TEXT_H
#define IR_TEXT_H

#include "ir/nodes.h"

/* The columns of flags.def; the row with no flag ends. */
typedef struct IrFlagInfo {
    const char *text;
    uint32_t flag, kinds; /* kinds: bit IrStmtKind of each */
} IrFlagInfo;
extern const IrFlagInfo ir_flags[];
extern const char *const ir_scope_words[5];
extern const char *const ir_order_words[4];
extern const char *const ir_space_words[5];

/* The facts that a reader gives the variables of a statement without being told. */
void ir_default_facts(const IrStmt *s, const IrVar *var, IrVar *facts);
/* Numbers of operands at the front of a STORE's, ATOMIC's or LOAD's that are indices. */
int ir_index_count(const IrTensor *t, uint32_t flags);
int ir_atomic_values(Builtin builtin); /* operands after the indices */

/* Printing one line at a time. */
typedef struct IrPrinter {
    const IrKernel *k;
    Sb *out;
    int depth;
    uint32_t count;                  /* length of the arrays */
    uint32_t *refs, *sizes, *depths; /* by expression id, valid within a line */
    uint32_t *temps;                 /* number of the `%` that holds it; 0 none */
    uint32_t temp_count;
    VEC(uint32_t) touched;      /* ids to reset after the line */
    int64_t budget;             /* nodes that may still be written; for messages */
    VEC(const IrStmt *) scopes; /* numbered from 1 */
} IrPrinter;
void ir_print_operand(IrPrinter *p, const IrExpr *e);
void ir_print_access(IrPrinter *p, const IrTensor *t, uint32_t flags, int lanes, int count,
                     const IrExpr *const *args, const IrExpr *guard, const IrExpr *otherwise);
void ir_print_name(Sb *out, const Name *name);
void ir_print_type(Sb *out, IrType type);
/* Prints `%n = …` lines for the shared parts of these; then the caller prints its line. */
void ir_print_shared(IrPrinter *p, int count, const IrExpr *const *roots);
void ir_print_line_end(IrPrinter *p);

#endif
