/* --emit=typed: types, symbols, calls; and substitution of type variables. */
#include "sema_test.h"

static void has(const char *text, const char *part)
{
    if (!strstr(text, part)) fail_msg("no `%s` in\n%s", part, text);
}

static void the_typed_tree_shows_what_was_found(void **state)
{
    (void)state;
    Checked c = good("import std.warp (warp_reduce)\n"
                     "mapping tile(m) = spatial(m) * repeat(2)\n"
                     "fn twice[T: num](x: T) -> T { return x * 2 }\n"
                     "kernel k(x: f32[n], y: out f32[n])\n    tune b in {32, 64}\n"
                     "    launch grid(cdiv(n, b)), block(b)\n{\n"
                     "    let s = twice(warp_reduce[max](x[thread] else -1.5))\n"
                     "    for i in tile(b).drop(0) { y[i] = f32(s > 2 ? 1 : 0) + twice(s) }\n"
                     "    on lane[0] { assert true, \"text\" }\n"
                     "}\n"
                     "test \"t\" { let y = k(random f32[64], b: 64)\n print y[0] }\n");
    Sb out = base_sb(c.arena);
    sema_print(c.program, &out);
    const char *text = base_sb_text(&out);
    has(text, "module example.hd\n");
    has(text, " : fn(f32[_], f32[_])\n");
    has(text, "generic T#");
    has(text, "call : f32 calls fn twice#");
    has(text, " [T = f32]\n");
    has(text, "[T = f32, f = given]\n");
    has(text, "calls builtin\n");
    has(text, "calls cast\n");
    has(text, "calls method\n");
    has(text, "calls mapping tile#");
    has(text, "calls kernel k#");
    has(text, "[b = given]\n");
    has(text, "binary * : T\n");
    has(text, "int 2 : T\n");
    has(text, "group lane\n");
    done(&c);
}

static const Type *as_half(void *user, const Symbol *generic)
{
    (void)generic;
    return sema_scalar(user, ELEM_F16);
}

static void type_variables_are_replaced(void **state)
{
    (void)state;
    Checked c = good("pub fn f[T: num](a: T, b: Tx4, c: inout shared T[m, n], d: (T, i32)) -> T {\n"
                     "    return a\n}\n");
    const Ast *items = KID(c.program->main->file, File, items);
    const Type *type = items->kid[0]->symbol->type;
    assert_string_equal(sema_type_text(c.arena, type), "fn(T, Tx4, shared T[_, _], (T, i32)) -> T");
    const Type *half = sema_substitute(c.program, type, as_half, c.program);
    assert_string_equal(sema_type_text(c.arena, half),
                        "fn(f16, f16x4, shared f16[_, _], (f16, i32)) -> f16");
    assert_ptr_equal(half, sema_substitute(c.program, type, as_half, c.program));
    assert_ptr_equal(half, sema_substitute(c.program, half, as_half, c.program));
    assert_true(half->items[2]->writable);
    done(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_typed_tree_shows_what_was_found),
        cmocka_unit_test(type_variables_are_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
