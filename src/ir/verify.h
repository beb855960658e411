/* Private to ir/: the verifier's state, shared by its two files. */
#ifndef IR_VERIFY_H
#define IR_VERIFY_H

#include "ir/text.h"

typedef enum { VAR_OUTSIDE, VAR_INSIDE, VAR_LEFT } VarState;

typedef struct IrVerifier {
    const IrKernel *k;
    const char *error;        /* the first; NULL so far */
    bool *checked;            /* expressions whose structure is fine, by id */
    uint32_t *stamps, stamp;  /* expressions whose variables were looked up for this statement */
    uint8_t *vars;            /* VarState by id */
    VEC(const IrVar *) scope; /* variables that are visible, in order of definition */
    VEC(const IrStmt *) enclosing; /* statements whose body this is, outermost first */
} IrVerifier;

/* Notes the first broken rule; always false. */
bool ir_complain(IrVerifier *v, const IrStmt *s, const IrExpr *e, const char *fmt, ...)
    BASE_PRINTF(4, 5);
/* Structure, types and variables of an operand of s (NULL: of the kernel's header). */
bool ir_verify_expr(IrVerifier *v, const IrStmt *s, const IrExpr *e);
bool ir_verify_tensor_use(IrVerifier *v, const IrStmt *s, const IrTensor *t);

#endif
