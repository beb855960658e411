/* vocab/ - the tables everything else is generated from, and their accessors: element types,
 * operators, keywords and contextual words, built-in functions. A property of a kind is a column
 * of its row, never a `switch` elsewhere. Also the exact arithmetic of each element type
 * (scalar.h), which constant folding and the test interpreter share.
 */
#ifndef VOCAB_VOCAB_H
#define VOCAB_VOCAB_H

#include "base/base.h"

/* ---- element types ----------------------------------------------------------------------- */

typedef enum { CLASS_BOOL, CLASS_SINT, CLASS_UINT, CLASS_FLOAT, CLASS_INDEX } ElemClass;

typedef enum {
    ELEM_NONE,
#define ELEM(id, text, cls, bits, dlpack, c_name, cuda_name, npy) ELEM_##id,
#include "vocab/elems.def"
#undef ELEM
    ELEM_COUNT
} Elem;

typedef struct ElemInfo {
    const char *text; /* as written in .hd */
    ElemClass cls;
    int bits;              /* storage bits of one element; 4 for the packed types */
    const char *c_name;    /* type in emitted C */
    const char *cuda_name; /* type in emitted CUDA C++ */
    const char *npy;       /* NumPy descr without byte order ("f4"); NULL if NumPy has none */
} ElemInfo;
const ElemInfo *vocab_elem(Elem elem);
Elem vocab_elem_find(const char *text, size_t len); /* ELEM_NONE if unknown */
static inline int vocab_elem_bytes(Elem elem)
{
    return (vocab_elem(elem)->bits + 7) / 8;
}
static inline bool vocab_elem_is_float(Elem e)
{
    return vocab_elem(e)->cls == CLASS_FLOAT;
}
static inline bool vocab_elem_is_int(Elem e)
{
    ElemClass c = vocab_elem(e)->cls;
    return c == CLASS_SINT || c == CLASS_UINT || c == CLASS_INDEX;
}

/* ---- operators --------------------------------------------------------------------------- */

typedef enum {
    OP_NONE,
#define UNARY(id, text, name) OP_##id,
#define BINARY(id, text, name, precedence, result, flags) OP_##id,
#include "vocab/operators.def"
#undef UNARY
#undef BINARY
    OP_COUNT
} Op;
typedef enum { RESULT_SAME, RESULT_BOOL } OpResult;
enum { OP_COMMUTES = 1, OP_ASSOCIATES = 2, OP_INTEGER = 4, OP_LOGICAL = 8, OP_COMPARES = 16 };
typedef struct OpInfo {
    const char *text; /* as written */
    const char *name; /* in the IR's text form */
    int precedence;   /* higher binds tighter; 0 for unary */
    OpResult result;
    int flags;
} OpInfo;
const OpInfo *vocab_op(Op op);
Op vocab_op_find_name(const char *name, size_t len);

/* ---- words ------------------------------------------------------------------------------- */

typedef enum {
    WORD_DECLARATION,
    WORD_STATEMENT,
    WORD_CLAUSE,
    WORD_LITERAL,
    WORD_CONTEXTUAL,
    WORD_LATER
} WordClass;
typedef struct WordInfo {
    const char *text;
    WordClass cls;
} WordInfo;
extern const WordInfo vocab_words[]; /* ends with a NULL text */

/* ---- built-in functions ------------------------------------------------------------------ */

typedef enum {
    BUILTIN_NONE,
#define BUILTIN(id, text, arity, cls, doc) BUILTIN_##id,
#include "vocab/builtins.def"
#undef BUILTIN
    BUILTIN_COUNT
} Builtin;
typedef enum {
    BUILTIN_MATH,
    BUILTIN_COLLECTIVE,
    BUILTIN_ATOMIC,
    BUILTIN_VERB,
    BUILTIN_ASYNC, /* instructions by hand, one level below the verbs */
    BUILTIN_MAPPING,
    BUILTIN_MISC,
    BUILTIN_TEST
} BuiltinClass;
typedef struct BuiltinInfo {
    const char *text;
    int arity; /* -1: any */
    BuiltinClass cls;
    const char *doc; /* signature and one line, for docs and editors */
} BuiltinInfo;
const BuiltinInfo *vocab_builtin(Builtin builtin);
Builtin vocab_builtin_find(const char *text, size_t len);

/* ---- cache hints ------------------------------------------------------------------------- */

typedef enum {
    CACHE_NONE,
#define CACHE(id, text, policy, doc) CACHE_##id,
#include "vocab/caches.def"
#undef CACHE
    CACHE_COUNT
} Cache;
typedef enum { POLICY_NONE, POLICY_FIRST, POLICY_LAST } CachePolicy;
typedef struct CacheInfo {
    const char *text;
    CachePolicy policy; /* in L2, of what goes past L1 */
} CacheInfo;
const CacheInfo *vocab_cache(Cache cache);
Cache vocab_cache_find(const char *text, size_t len); /* CACHE_NONE if unknown */

#endif
