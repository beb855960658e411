/* Types of expressions: a table of facts; every operator on every pair of element types against
 * the rule said in a second way; literals against the exact range of each type. */
#include "sema_test.h"

#include "vocab/scalar.h"

/* The type of `expr` with some names in scope. */
static void expect_type(const char *expr, const char *type)
{
    char text[2048];
    snprintf(
        text, sizeof text,
        "import std.warp (warp_reduce, WIDTH, C)\n"
        "import std.warp as w\n"
        "const N = 3\nconst HALF: f64 = 0.5\nconst TABLE: i32[2] = [1, 2]\n"
        "mapping tile(p, q) = spatial(p, q) * repeat(2, 2)\n"
        "fn both(x: f32) -> (f32, i32) { return (x, 1) }\n"
        "fn same[T: any](x: T) -> T { return x }\n"
        "fn use(x: f32) { print x }\n"
        "kernel k[T: num](h: f16[m, n], i: i32, u: u8, f: f32, v: f32x4, p: bool, o: out T[m])\n"
        "    tune t in {1, 2}\n    launch grid(m), block(32)\n{\n"
        "    shared s: f32[2, 4, 8]\n    reg r: f16[8, 4] over C\n"
        "    let probe = %s\n}\n",
        expr);
    Checked c = check_text(text);
    if (c.diags->errors) fail_msg("%s\n%s", expr, c.messages);
    const Ast *items = KID(c.program->main->file, File, items);
    const Ast *body = KID(items->kid[items->count - 1], Kernel, body);
    const Ast *stmts = KID(body, Block, stmts);
    const Ast *names = KID(stmts->kid[stmts->count - 1], Let, names);
    char *found = sema_type_text(c.arena, names->kid[0]->type);
    if (strcmp(found, type) != 0) fail_msg("%s is %s, not %s", expr, found, type);
    done(&c);
}

static const char *const table[][2] = {
    {"1", "index"},
    {"1 + 2.5", "f32"},
    {"-inf", "f32"},
    {"N * 2", "index"},
    {"HALF + 1", "f64"},
    {"TABLE", "const i32[_]"},
    {"TABLE[1] + 1", "i32"},
    {"p ? 1 : 2", "index"},
    {"p ? 1 : f", "f32"},
    {"i + 1 << 3", "i32"},
    {"u & 0xff", "u8"},
    {"h[0, i]", "f16"},
    {"h[u, _]", "f16[_]"},
    {"h[0]", "f16[_]"},
    {"h[1:m, 2]", "f16[_]"},
    {"h[:, :].transpose()", "f16[_, _]"},
    {"h.reshape(m * n)", "f16[_]"},
    {"h.tile(4, 4) at (0, i)", "f16[_, _]"},
    {"h.tile(4, 4) at (0, 0) else 0", "f16[_, _]"},
    {"h[0, 9] else 1.5", "f16"},
    {"s[1]", "shared f32[_, _]"},
    {"s[1, 2, 3] * 2", "f32"},
    {"r * 2.0", "reg f16[_, _]"},
    {"f32(r) + f", "reg f32[_, _]"},
    {"-r", "reg f16[_, _]"},
    {"r.mapping", "mapping"},
    {"r.mapping.drop(1)", "mapping"},
    {"tile(2, t) == C", "bool"},
    {"w.C * tile(1, 1)", "mapping"},
    {"spatial(4, 8) order (1, 0)", "mapping"},
    {"v * 2", "f32x4"},
    {"v + v", "f32x4"},
    {"v * f", "f32x4"},
    {"v.w", "f32"},
    {"v[i]", "f32"},
    {"f16x4(v)", "f16x4"},
    {"f32x2(1, f)", "f32x2"},
    {"i8x4(7)", "i8x4"},
    {"f16(i)", "f16"},
    {"i32(p)", "i32"},
    {"index(u) * n", "index"},
    {"T(f)", "T"},
    {"T(1) + 2", "T"},
    {"Tx4(0)", "Tx4"},
    {"bitcast[u32](f)", "u32"},
    {"max(f, 0)", "f32"},
    {"min(n, 4)", "index"},
    {"sqrt(2)", "f32"},
    {"abs(i)", "i32"},
    {"isnan(f)", "bool"},
    {"cdiv(n, 4)", "index"},
    {"popcount(ballot(p))", "u32"},
    {"shuffle_xor(v, 1)", "f32x4"},
    {"vote_any(f > 0)", "bool"},
    {"warp_reduce[add](f)", "f32"},
    {"warp_reduce[max](i)", "i32"},
    {"w.warp_scan[mul](u)", "u8"},
    {"same(v)", "f32x4"},
    {"same(2)", "index"},
    {"same[f64](2)", "f64"},
    {"both(f)", "(f32, i32)"},
    {"(f, i, 1)", "(f32, i32, index)"},
    {"add(f, 1)", "f32"},
    {"uniform(i) % 3", "i32"},
    {"dim(h, 0)", "index"},
    {"block.x + thread", "index"},
    {"w.WIDTH / 2", "index"},
    {"T == f32", "bool"},
    {"block_size > 32 && !target_cpu", "bool"},
    {"dot4(i8x4(1), u8x4(2), i)", "i32"},
    {"prmt(u32(1), 2, 0x3210)", "u32"},
    {"lop3(u32(1), 2, 3, 0xf0 & 0xcc | 0xaa)", "u32"},
    {"~u >> 1", "u8"},
    {"[1.5, 2]", "const f32[_]"},
};

static void facts(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE_LEN(table); i++) expect_type(table[i][0], table[i][1]);
}

/* ---- operators on pairs of types ----------------------------------------------------------- */

static bool defined(Op op, Elem a, Elem b)
{
    bool integer = vocab_elem_is_int(a), number = integer || vocab_elem_is_float(a);
    if (a != b) return false;
    switch ((int)op) {
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
    case OP_LT:
    case OP_LE:
    case OP_GT:
    case OP_GE:
        return number;
    case OP_EQ:
    case OP_NE:
        return true;
    case OP_OR:
    case OP_AND:
        return a == ELEM_BOOL;
    default:
        return integer;
    }
}

static void one_operator(Op op, Elem a, Elem b)
{
    char text[256];
    bool to_bool = vocab_op(op)->result == RESULT_BOOL;
    snprintf(text, sizeof text, "pub fn f(a: %s, b: %s) -> %s { return a %s b }\n",
             vocab_elem(a)->text, vocab_elem(b)->text, to_bool ? "bool" : vocab_elem(a)->text,
             vocab_op(op)->text);
    Checked c = check_text(text);
    bool fine = c.diags->errors == 0;
    if (fine != defined(op, a, b)) fail_msg("%s\n%s", text, c.messages);
    /* `&&` and `||` judge each operand by itself */
    if (!fine && c.diags->errors != 1 && !(vocab_op(op)->flags & OP_LOGICAL))
        fail_msg("more than one error:\n%s", c.messages);
    done(&c);
}

static void operators(void **state)
{
    (void)state;
    for (int op = OP_NONE + 1; op < OP_COUNT; op++) {
        if (!vocab_op((Op)op)->precedence) continue;
        for (int a = ELEM_NONE + 1; a < ELEM_COUNT; a++)
            for (int b = ELEM_NONE + 1; b < ELEM_COUNT; b++) one_operator((Op)op, (Elem)a, (Elem)b);
    }
}

/* ---- literals ------------------------------------------------------------------------------ */

static bool accepts(Elem elem, const char *literal)
{
    char text[256];
    snprintf(text, sizeof text, "pub fn f() -> %s { return %s }\n", vocab_elem(elem)->text,
             literal);
    Checked c = check_text(text);
    bool fine = c.diags->errors == 0;
    if (!fine && c.diags->errors != 1) fail_msg("%s", c.messages);
    done(&c);
    return fine;
}

/* An integer literal is accepted exactly where the type has that value. */
static void integer_literals(void **state)
{
    (void)state;
    for (int e = ELEM_NONE + 1; e < ELEM_COUNT; e++) {
        Elem elem = (Elem)e;
        if (elem == ELEM_BOOL) continue;
        for (int bit = 0; bit < 63; bit++) {
            for (int64_t off = -1; off <= 1; off++) {
                for (int sign = -1; sign <= 1; sign += 2) {
                    int64_t value = sign * (((int64_t)1 << bit) + off);
                    char literal[32];
                    snprintf(literal, sizeof literal, "%lld", (long long)value);
                    Scalar exact = scalar_cast(elem, scalar_int(ELEM_I64, value));
                    bool has = vocab_elem_is_float(elem)
                                   ? scalar_to_double(exact) == (double)value &&
                                         (int64_t)(double)value == value
                                   : exact.i == value;
                    if (elem == ELEM_U64) has = value >= 0;
                    if (accepts(elem, literal) != has)
                        fail_msg("%s as %s", literal, vocab_elem(elem)->text);
                }
            }
        }
    }
}

static void large_literals(void **state)
{
    (void)state;
    assert_true(accepts(ELEM_U64, "18446744073709551615"));
    assert_false(accepts(ELEM_I64, "9223372036854775808"));
    assert_true(accepts(ELEM_I64, "-9223372036854775808"));
    assert_false(accepts(ELEM_INDEX, "9223372036854775808"));
    assert_false(accepts(ELEM_F16, "1e10"));
    assert_true(accepts(ELEM_F16, "0.1"));
    assert_true(accepts(ELEM_F16, "inf"));
    assert_false(accepts(ELEM_I32, "1.0"));
    assert_false(accepts(ELEM_BOOL, "1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts),
        cmocka_unit_test(operators),
        cmocka_unit_test(integer_literals),
        cmocka_unit_test(large_literals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
