/* syntax/ - from text to AST, and from AST to canonical text.
 *
 * Entry points: `syntax_parse` (parse.c over grammar/hd.l, the token filter, grammar/hd.y),
 * `syntax_format`, `syntax_print_ast`. Nodes are uniform: a kind, a span, and kids whose meaning
 * is a row of ast.def, so that walkers, printers and copies come from the table. A parse always
 * yields a File; Error nodes stand where text did not parse (each was reported), and later floors
 * skip them. Ownership: the session's arena.
 */
#ifndef SYNTAX_AST_H
#define SYNTAX_AST_H

#include "diag/diag.h"
#include "vocab/vocab.h"

typedef enum {
#define AST(id, text, cls, fields) AST_##id,
#include "syntax/ast.def"
#undef AST
    AST_KIND_COUNT
} AstKind;

/* The fields of each kind as a struct of chars: a field's offset is its place in `kid[]`.
 * `KID(node, For, body)` is the body of a For node. */
#define F(name, kind) char name;
#define AST(id, text, cls, fields)                                                                 \
    struct AstFields_##id {                                                                        \
        fields char end_;                                                                          \
    };
#include "syntax/ast.def"
#undef AST
#undef F
#define KID(node, id, field) ((node)->kid[offsetof(struct AstFields_##id, field)])

typedef enum {
    AST_CLASS_ITEM,
    AST_CLASS_TYPE,
    AST_CLASS_STMT,
    AST_CLASS_EXPR,
    AST_CLASS_PART
} AstClass;

enum AstFlags {
    AST_PUB = 1 << 0,
    AST_QUOTED = 1 << 1,
    AST_OUT = 1 << 2,
    AST_INOUT = 1 << 3,
    AST_RESIDENT = 1 << 4,
    AST_SHARED_SPACE = 1 << 5,
    AST_REG_SPACE = 1 << 6,
    AST_UNROLL = 1 << 7,
    AST_TUPLE = 1 << 8,
    AST_GRID = 1 << 9,
    AST_U64 = 1 << 10,
    AST_CLUSTER = 1 << 12,
    AST_PAREN = 1 << 11, /* the expression stood in parentheses of its own */
};

typedef struct Ast Ast;
struct Ast {
    AstKind kind;
    Op op;
    uint32_t flags;
    uint32_t count; /* number of kids: the row's fields, or the list's length */
    Span span;      /* the whole node */
    Span name_span; /* of `name`, where the node has one */
    const Name *name;
    const Name *doc; /* joined /// or //! lines; NULL */
    /* Int, Bool: `i`; Float: `f`. Elsewhere the parser keeps the subtree's height in `i`, bounded
     * so that walks may recurse. */
    union {
        int64_t i;
        double f;
    } value;
    /* Written by sema; NULL before. */
    const struct Type *type;
    const struct Symbol *symbol;
    const struct CallInfo *call; /* of a Call */
    Ast **kid;
};

typedef enum { AST_FIELD_ONE, AST_FIELD_OPT, AST_FIELD_LIST } AstFieldKind;
typedef struct AstField {
    const char *name;
    AstFieldKind kind;
} AstField;
typedef struct AstInfo {
    const char *text;
    AstClass cls;
    int field_count;
    const AstField *fields;
} AstInfo;
const AstInfo *ast_info(AstKind kind);

enum { SYNTAX_MAX_BYTES = 64 << 20 }; /* of one source */

/* Parses `source`; reports to `diags`. Never NULL. Names are interned in `interner`. */
Ast *syntax_parse(Arena *arena, Interner *interner, Diags *diags, const Source *source);
/* Parses one expression (for `hdc map 'EXPR'`, `-D name=EXPR`). */
Ast *syntax_parse_expr(Arena *arena, Interner *interner, Diags *diags, const Source *source);
/* Text form of the tree, for --emit=ast: an S-expression a line. */
void syntax_print_ast(const Ast *node, Sb *out);
/* Canonical layout of a file that parsed without errors; comments are kept. */
char *syntax_format(Arena *arena, Interner *interner, const Source *source);

#endif
