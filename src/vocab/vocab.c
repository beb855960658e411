/* The tables as constant arrays, and lookups by text. The tables are short, so a lookup compares
 * length and first letter down the rows; callers in hot paths look up once per interned name. */
#include "vocab/vocab.h"

/* A text with its length, so that a mismatch costs two comparisons. */
typedef struct Key {
    const char *text;
    uint32_t len;
} Key;
#define KEY(text)                                                                                  \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static int find(const Key *keys, int count, const char *text, size_t len)
{
    if (len == 0) return 0;
    for (int i = 1; i < count; i++)
        if (keys[i].len == len && keys[i].text[0] == text[0] &&
            memcmp(keys[i].text, text, len) == 0)
            return i;
    return 0;
}

static const ElemInfo elems[ELEM_COUNT] = {
    [ELEM_NONE] = {"none", CLASS_BOOL, 0, "void", "void", NULL},
#define ELEM(id, text, cls, bits, dlpack, c_name, cuda_name, npy)                                  \
    [ELEM_##id] = {text, CLASS_##cls, bits, c_name, cuda_name, npy},
#include "vocab/elems.def"
#undef ELEM
};

static const Key elem_keys[ELEM_COUNT] = {
#define ELEM(id, text, cls, bits, dlpack, c_name, cuda_name, npy) [ELEM_##id] = KEY(text),
#include "vocab/elems.def"
#undef ELEM
};

const ElemInfo *vocab_elem(Elem elem)
{
    return &elems[elem];
}

Elem vocab_elem_find(const char *text, size_t len)
{
    return (Elem)find(elem_keys, ELEM_COUNT, text, len);
}

static const OpInfo ops[OP_COUNT] = {
    [OP_NONE] = {"", "none", 0, RESULT_SAME, 0},
#define UNARY(id, text, name) [OP_##id] = {text, name, 0, RESULT_SAME, 0},
#define BINARY(id, text, name, precedence, result, flags)                                          \
    [OP_##id] = {text, name, precedence, RESULT_##result, flags},
#include "vocab/operators.def"
#undef UNARY
#undef BINARY
};

static const Key op_keys[OP_COUNT] = {
#define UNARY(id, text, name) [OP_##id] = KEY(name),
#define BINARY(id, text, name, precedence, result, flags) [OP_##id] = KEY(name),
#include "vocab/operators.def"
#undef UNARY
#undef BINARY
};

const OpInfo *vocab_op(Op op)
{
    return &ops[op];
}

Op vocab_op_find_name(const char *name, size_t len)
{
    return (Op)find(op_keys, OP_COUNT, name, len);
}

const WordInfo vocab_words[] = {
#define WORD(text, cls) {text, WORD_##cls},
#include "vocab/words.def"
#undef WORD
    {NULL, WORD_LATER},
};

static const BuiltinInfo builtins[BUILTIN_COUNT] = {
    [BUILTIN_NONE] = {"", 0, BUILTIN_MISC, ""},
#define BUILTIN(id, text, arity, cls, doc) [BUILTIN_##id] = {text, arity, BUILTIN_##cls, doc},
#include "vocab/builtins.def"
#undef BUILTIN
};

static const Key builtin_keys[BUILTIN_COUNT] = {
#define BUILTIN(id, text, arity, cls, doc) [BUILTIN_##id] = KEY(text),
#include "vocab/builtins.def"
#undef BUILTIN
};

const BuiltinInfo *vocab_builtin(Builtin builtin)
{
    return &builtins[builtin];
}

Builtin vocab_builtin_find(const char *text, size_t len)
{
    return (Builtin)find(builtin_keys, BUILTIN_COUNT, text, len);
}

static const CacheInfo caches[CACHE_COUNT] = {
    [CACHE_NONE] = {"", POLICY_NONE},
#define CACHE(id, text, policy, doc) [CACHE_##id] = {text, POLICY_##policy},
#include "vocab/caches.def"
#undef CACHE
};

static const Key cache_keys[CACHE_COUNT] = {
#define CACHE(id, text, policy, doc) [CACHE_##id] = KEY(text),
#include "vocab/caches.def"
#undef CACHE
};

const CacheInfo *vocab_cache(Cache cache)
{
    return &caches[cache];
}

Cache vocab_cache_find(const char *text, size_t len)
{
    return (Cache)find(cache_keys, CACHE_COUNT, text, len);
}
