/* The tables and their lookups: every row is found by its text, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vocab/vocab.h"

static void elems(void **state)
{
    (void)state;
    for (Elem elem = ELEM_NONE + 1; elem < ELEM_COUNT; elem++) {
        const ElemInfo *info = vocab_elem(elem);
        assert_int_equal(vocab_elem_find(info->text, strlen(info->text)), elem);
        assert_true(info->bits == 4 || info->bits % 8 == 0);
        assert_int_equal(vocab_elem_bytes(elem), info->bits == 4 ? 1 : info->bits / 8);
        assert_int_equal(vocab_elem_is_float(elem), info->cls == CLASS_FLOAT);
    }
    assert_int_equal(vocab_elem_find("f32x4", 5), ELEM_NONE);
    assert_int_equal(vocab_elem_find("f32x4", 3), ELEM_F32);
    assert_int_equal(vocab_elem_find("", 0), ELEM_NONE);
    assert_int_equal(vocab_elem_find("F32", 3), ELEM_NONE);
    assert_true(vocab_elem_is_int(ELEM_INDEX) && vocab_elem_is_int(ELEM_U4));
    assert_false(vocab_elem_is_int(ELEM_BOOL));
}

static void ops(void **state)
{
    (void)state;
    for (Op op = OP_NONE + 1; op < OP_COUNT; op++) {
        const OpInfo *info = vocab_op(op);
        assert_int_equal(vocab_op_find_name(info->name, strlen(info->name)), op);
        bool compares = (info->flags & (OP_COMPARES | OP_LOGICAL)) != 0;
        assert_int_equal(compares, info->result == RESULT_BOOL);
    }
    assert_int_equal(vocab_op_find_name("+", 1), OP_NONE);
    assert_true(vocab_op(OP_MUL)->precedence > vocab_op(OP_ADD)->precedence);
    assert_true(vocab_op(OP_BITAND)->precedence > vocab_op(OP_EQ)->precedence);
}

static void builtins(void **state)
{
    (void)state;
    for (Builtin builtin = BUILTIN_NONE + 1; builtin < BUILTIN_COUNT; builtin++) {
        const BuiltinInfo *info = vocab_builtin(builtin);
        size_t len = strlen(info->text);
        assert_int_equal(vocab_builtin_find(info->text, len), builtin);
        assert_memory_equal(info->doc, info->text, len); /* opens with its signature */
    }
    assert_int_equal(vocab_builtin_find("absolute", 8), BUILTIN_NONE);
    assert_int_equal(vocab_builtin_find("absolute", 3), BUILTIN_ABS);
}

static void caches(void **state)
{
    (void)state;
    for (Cache cache = CACHE_NONE + 1; cache < CACHE_COUNT; cache++) {
        const char *text = vocab_cache(cache)->text;
        assert_int_equal(vocab_cache_find(text, strlen(text)), cache);
    }
    assert_int_equal(vocab_cache_find("evict", 5), CACHE_NONE);
    assert_int_equal(vocab_cache_find("", 0), CACHE_NONE);
}

static void words(void **state)
{
    (void)state;
    for (const WordInfo *a = vocab_words; a->text; a++)
        for (const WordInfo *b = a + 1; b->text; b++) assert_string_not_equal(a->text, b->text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elems),  cmocka_unit_test(ops),   cmocka_unit_test(builtins),
        cmocka_unit_test(caches), cmocka_unit_test(words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
