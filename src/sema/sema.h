/* sema/ - from AST to typed program: modules, names, types, generics at their definitions.
 *
 * Entry point: `sema_check`. It loads imported modules, binds every name to a Symbol, gives every
 * expression a Type, checks arity, kinds, types, mutability and visibility, and reports all errors
 * (a poison type stops cascades). The result is the AST itself, annotated: `node->type` of every
 * expression, `node->symbol` of every Name that means something and of every declaration and
 * binder, `node->call` of every Call. Types inside a generic definition may hold type variables;
 * lowering substitutes them. What depends on values (extents, mappings, worker counts, `where`) is
 * checked by lowering, once per instance. Owner of everything: the session's arena.
 *
 * Reading the annotations:
 * - A callee's own `type` means nothing (poison); `call` of the Call node says all. A Name in the
 *   brackets of a call that is used as a function value has its function type as `type`; where it
 *   names a generic function, its `call` (kind CALL_FN) holds that function's bindings.
 * - In index positions (indices, extents, ranges, offsets, mappings) sized integers may stand:
 *   the node keeps its type, and the reader converts to index.
 * - `vector op scalar` and `tile op scalar` (either order): the operand nodes keep their types, the
 *   Binary has the vector's or the tile's.  `acc = 0` and `reg … = 0` on a tile: of each element.
 * - x[i] with fewer indices than dimensions is a view, as if `_` followed.
 * - In `if T == f64 { … }` (also `?:`, `!=`, `&&`) the nodes of the branch have f64 for T.
 * - A kernel call in a test gives all arguments (then its type is VOID) or all but the `out` ones
 *   (then its type is the `out` tensor or a tuple of them); `name: value` arguments choose tune
 *   values and are bindings whose `generic` is the TUNE symbol.
 * - The order and scope words of an atomic are Name nodes of type VOID without a symbol.
 * - A builtin named by its operator (SYMBOL_FN_OP) may be called: `add(a, b)` is CALL_FN_VALUE.
 */
#ifndef SEMA_SEMA_H
#define SEMA_SEMA_H

#include "syntax/ast.h"

typedef struct Symbol Symbol;
typedef struct Type Type;
typedef struct Module Module;

/* ---- types: hash-consed, so equal types are equal pointers ---------------------------------- */
typedef enum {
    TYPE_POISON, /* of what was already reported: compatible with everything */
    TYPE_VOID,
    TYPE_SCALAR, /* elem */
    TYPE_VECTOR, /* of: SCALAR or VAR; lanes */
    TYPE_VAR,    /* symbol: a generic type parameter */
    TYPE_TUPLE,  /* items */
    TYPE_TENSOR, /* of: SCALAR, VECTOR or VAR; rank; space; writable */
    TYPE_MAPPING,
    TYPE_FN,    /* items: parameters; of: result */
    TYPE_GROUP, /* `block`, `grid`, `cluster` as names with members */
    TYPE_STRING,
    TYPE_RANGE, /* range(…) */
    TYPE_MODULE,
    TYPE_TYPE,     /* an expression that names a type: of */
    TYPE_WINDOW,   /* x.tile(…) before `at` */
    TYPE_MBARRIER, /* the element of a shared tensor that threads wait at */
    TYPE_BARRIER,  /* likewise: a barrier of the hardware */
} TypeKind;

typedef enum { SPACE_GLOBAL, SPACE_SHARED, SPACE_REG, SPACE_TABLE, SPACE_HOST } Space;

struct Type {
    TypeKind kind;
    Elem elem;
    int lanes, rank;
    Space space;
    bool writable;
    const Type *of;
    int count;
    const Type *const *items;
    const Symbol *symbol;
    uint32_t id;
};

/* ---- symbols ------------------------------------------------------------------------------- */
typedef enum {
    SYMBOL_CONST,   /* decl Const; a compile-time value, maybe a table (TYPE_TENSOR, SPACE_TABLE) */
    SYMBOL_MAPPING, /* decl MappingDecl, top level or local; parametrised if it has params */
    SYMBOL_MAPPING_PARAM, /* a parameter of a parametrised mapping: an index */
    SYMBOL_FN,
    SYMBOL_KERNEL,
    SYMBOL_MODULE, /* import … as m, or `std.x` itself */
    SYMBOL_GENERIC_TYPE,
    SYMBOL_GENERIC_INT,
    SYMBOL_GENERIC_MAPPING,
    SYMBOL_GENERIC_FN,
    SYMBOL_PARAM,
    SYMBOL_SIZE, /* size variable, first named in a parameter's extents */
    SYMBOL_TUNE,
    SYMBOL_LET, /* let and task/loop variables: immutable */
    SYMBOL_VAR,
    SYMBOL_SHARED,
    SYMBOL_REG,
    SYMBOL_BUILTIN, /* builtin */
    SYMBOL_FN_OP, /* `add`, `mul`, `and` … used as a function value: op (min, max are builtins) */
    SYMBOL_SPECIAL, /* thread lane warp warpgroup block grid block_size arch … : special */
    SYMBOL_TEST,
} SymbolKind;

typedef enum {
    SPECIAL_THREAD,
    SPECIAL_LANE,
    SPECIAL_WARP,
    SPECIAL_WARPGROUP, /* indices in the current group */
    SPECIAL_BLOCK,
    SPECIAL_GRID,    /* .x .y .z: block coordinate, grid extents */
    SPECIAL_CLUSTER, /* .x: its number; .size; .rank: of the block in it */
    SPECIAL_BLOCK_SIZE,
    SPECIAL_ARCH,
    SPECIAL_TARGET_CPU,
    SPECIAL_FAST, /* the code is of a @fast kernel, for a GPU */
} Special;

struct Symbol {
    SymbolKind kind;
    const Name *name;
    Span span; /* of the name where it is declared */
    Ast *decl; /* the declaring node; for a SIZE, the Name in the extents that declared it */
    const Type *type;
    Module
        *module; /* that declares it; of a SYMBOL_MODULE: the module it names, NULL for `atomic` */
    Ast *owner;  /* the Fn, Kernel, Test … whose body declares it; NULL at top level */
    uint32_t id; /* dense in the program: lowering's environments are keyed by it */
    Builtin builtin;
    Op op;
    Special special;
    bool is_public, used;
};

/* What a Call means; `node->call`. */
typedef enum {
    CALL_FN,       /* callee: a function; bindings of its generics below */
    CALL_FN_VALUE, /* callee: a generic function parameter (SYMBOL_GENERIC_FN) or SYMBOL_FN_OP */
    CALL_KERNEL,   /* in tests and benches: runs it; out parameters are the results */
    CALL_BUILTIN,  /* builtin; bracket arguments in `binding` order (bitcast[T], reduce[f]) */
    CALL_CAST,     /* type conversion to node->type */
    CALL_MAPPING,  /* a parametrised mapping applied */
    CALL_METHOD,   /* x.tile(…), x.transpose(), x.reshape(…), x.cache(h), x.of_block(r),
                     M.drop(k): method */
} CallKind;
typedef enum {
    METHOD_TILE,
    METHOD_TRANSPOSE,
    METHOD_RESHAPE,
    METHOD_CACHE,
    METHOD_OF_BLOCK,
    METHOD_DROP
} Method;

/* One generic argument. A type is inferred or written; ints, mappings and functions are written
 * (value) or left to lowering, which infers them from the arguments' extents and mappings. */
typedef struct Binding {
    const Symbol *generic;
    const Type *type; /* GENERIC_TYPE */
    Ast *value;       /* GENERIC_INT, _MAPPING, _FN; NULL where left to lowering */
} Binding;
typedef struct CallInfo {
    CallKind kind;
    const Symbol *callee; /* FN, KERNEL, MAPPING, GENERIC_FN, FN_OP */
    Builtin builtin;
    Method method;
    int binding_count;
    const Binding *bindings;
    Ast *const *brackets; /* bracket arguments as written, CALL_BUILTIN */
    int bracket_count;
} CallInfo;

/* ---- program ------------------------------------------------------------------------------- */
struct Module {
    const Name *path; /* "std.math", or the file's path */
    const Source *source;
    Ast *file;
    Map *scope; /* name → Symbol of the module's own and imported items */
    bool is_std;
};
typedef struct Program {
    Arena *arena;
    Interner *interner;
    Diags *diags;
    VEC(Module *) modules; /* imported before importing; the main one last */
    Module *main;
    uint32_t symbol_count;
    uint32_t prelude_count; /* of them, what the language itself names; these come first */
} Program;

/* Gives the text of an embedded library module ("std.math") or NULL. */
typedef const char *(*SemaLibrary)(void *user, const char *path, size_t *len);

/* Checks the file and everything it imports. Never NULL; look at diags->errors. `library` finds
 * the embedded standard modules; quoted imports are read relative to the importing file. */
Program *sema_check(Arena *arena, Interner *interner, Diags *diags, Source *main,
                    SemaLibrary library, void *user);

/* Type with each type variable replaced by `binding(user, symbol)`; NULL keeps it. */
const Type *sema_substitute(Program *program, const Type *type,
                            const Type *(*binding)(void *, const Symbol *), void *user);
const Type *sema_scalar(Program *program, Elem elem);
/* Is the element type within the bound of a SYMBOL_GENERIC_TYPE? */
bool sema_admits(const Symbol *generic, Elem elem);
/* `f32`, `f32x4`, `reg f32[_, _]`, `fn(T, T) -> T`: for messages. */
char *sema_type_text(Arena *arena, const Type *type);
/* --emit=typed: the AST with types and symbols. */
void sema_print(const Program *program, Sb *out);

#endif
