/* Private to ir/: the reader of the text form. Nodes are made as they are written, without
 * simplification, so that what was printed comes back. After the first error every token is the
 * end, so that each loop comes to its own.
 */
#ifndef IR_READ_H
#define IR_READ_H

#include "ir/text.h"

typedef enum {
    TOKEN_END,
    TOKEN_LINE,
    TOKEN_WORD,
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_SIGN
} TokenKind;

typedef struct Token {
    TokenKind kind;
    const char *text;
    size_t len;
} Token;

typedef struct IrReader {
    Arena *arena;
    Interner *interner;
    IrKernel *k;
    const char *text, *at, *end;
    uint32_t line, base; /* base: session coordinate of the text; 0 if it is no source */
    Token token;         /* the next one */
    const char *error;
    int depth;
    VEC(const IrExpr *) temps; /* `%1` is the first */
    VEC(IrVar *) fresh;        /* of the statement that is read: its operands do not know them */
    VEC(const IrStmt *) scopes;
    VEC(struct ScopeUse {
        IrTensor *tensor;
        int64_t number;
    })
    scope_uses;
    VEC(struct TensorUse {
        IrTensor *tensor;
        uint32_t id;
        bool of; /* else `staged` */
    })
    tensor_uses;
} IrReader;

enum { READ_DEPTH = 400, READ_ARGS = 64 };

bool ir_read_fail(IrReader *r, const char *fmt, ...) BASE_PRINTF(2, 3); /* always false */
void ir_read_advance(IrReader *r);
bool ir_read_is(const IrReader *r, const char *text); /* is it this word or sign? */
bool ir_read_accept(IrReader *r, const char *text);
bool ir_read_expect(IrReader *r, const char *text);
bool ir_read_line_end(IrReader *r);
int64_t ir_read_int(IrReader *r, int64_t lo, int64_t hi); /* perhaps with a minus sign */
const Name *ir_read_name(IrReader *r);
const char *ir_read_string(IrReader *r);
bool ir_read_type(IrReader *r, IrType *type);

const IrExpr *ir_read_expr(IrReader *r);
bool ir_read_literal(IrReader *r, Elem elem, Scalar *out); /* without a type */
/* Operands up to `close`, which is consumed. Returns how many. */
int ir_read_operands(IrReader *r, const char *close, const IrExpr *args[READ_ARGS]);
typedef struct Access {
    IrTensor *tensor;
    uint32_t flags;
    int lanes, count;
    const IrExpr *args[READ_ARGS];
    const IrExpr *guard, *otherwise;
} Access;
bool ir_read_access(IrReader *r, Access *access);
/* `name.id`; the id's entry in a table of pointers that is as long as need be. */
bool ir_read_id(IrReader *r, const Name **name, uint32_t *id);

const Mapping *ir_read_mapping(IrReader *r);
bool ir_read_block(IrReader *r, IrBlock *block); /* after `{`, up to and with `}` */

#endif
