/* The text form: what is printed reads back to the same text; broken text gives a message with its
 * line; the verifier's rules, each broken once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/build.h"

#include <ctype.h>
#include <stdio.h>

typedef struct Session {
    Escape escape;
    Arena *arena;
    Interner *names;
    Diags *diags;
} Session;

static int set_up(void **state)
{
    static Session s;
    s = (Session){0};
    if (setjmp(s.escape.env)) {
        fprintf(stderr, "escape: %s\n", s.escape.message);
        return 1;
    }
    s.arena = base_arena_create(&s.escape);
    s.names = base_interner_create(s.arena);
    s.diags = diag_create(s.arena);
    *state = &s;
    return 0;
}

static int tear_down(void **state)
{
    Session *s = *state;
    base_arena_destroy(s->arena);
    return 0;
}

static IrKernel *read_text(Session *s, const char *text, const char **error)
{
    return ir_read(s->arena, s->names, s->diags, text, strlen(text), error);
}

static const char *print_text(Session *s, const IrKernel *k)
{
    Sb sb = base_sb(s->arena);
    ir_print(k, &sb);
    return base_sb_text(&sb);
}

static const char everything[] =
    "kernel all \"bm=64\\\"\\n\"\n"
    "size m\n"
    "size n\n"
    "size s0\n"
    "param in a.0: f32[$m, $n] strides ($s0, 1)\n"
    "param alpha: f32\n"
    "param inout c.1: f32[$m * ($n + 1)]\n"
    "param out h.9: f16[$m]\n"
    "param count: u64\n"
    "require $m % 4 == 0 && $n < 65536 \"m is a multiple of 4\"\n"
    "grid ($m + 63) / 64, $n, 1\n"
    "block 128 (64, 2, 1)\n"
    "resident\n"
    "fast\n"
    "shared sa.2: f32[64, 8] layout d0 + d1 * 68 size 544\n"
    "shared sb.3: f32[64, 64] layout d0 / 4 % 8 * 16 + d1 size 4096 swizzle (3, 3, 4)\n"
    "shared st.4: i32[64] scope 1\n"
    "tile acc.5: f32[64, 16] over repeat(2, 2) * col_spatial(32, 4) * repeat(1, 2)\n"
    "tile row.6: f32[2, 64] over (repeat(2, 2) * spatial(32, 4) * repeat(1, 2)).drop(1) first 32\n"
    "private p.7: i4[4]\n"
    "table t.8: f32[4] = 1.0, -2.5, inf, nan\n"
    "shared sl.10: f32[$m, 8] strides (1, $m + 1) storage ($m + 1) * 8\n"
    "{\n"
    "    let i0.0: index = bid.x * 64 + tid\n"
    "    var x.1: f32 = 0.0:f32\n"
    "    var u.2: u64 = 18446744073709551615:u64 - 3:u64\n"
    "    let b.3: bool = !(i0.0 < $m && true) || x.1 == nan:f32\n"
    "    let neg.4: i32 = sub(-i32(i0.0), -3:i32)\n"
    "    let far.5: index as [-3, 70] by 8 = -5\n"
    "    set x.1 = fma(@alpha, a.0[i0.0, 3; streaming; if i0.0 < $m else 0.0:f32], -x.1)\n"
    "    set u.2 = max(u.2, min(~u.2 << 3:u32, @count))\n"
    "    store c.1[i0.0; no_allocate; if i0.0 < $m && b.3] = select(b.3, x.1, -inf:f32)\n"
    "    store c.1[i0.0 * 4; linear; proved] = vector(x.1, 1.0:f32, lane.1(splat.2(x.1)), "
    "lane.3(c.1[i0.0; evict_last; x4]))\n"
    "    for i.10 in 0 .. 64 step 8 unroll {\n"
    "        for j.11: i32 in 0:i32 .. neg.4 {\n"
    "            set x.1 = x.1 * sa.2[i.10, i.10 / 8 % 8] + t.8[i.10 % 4]\n"
    "        }\n"
    "        if i.10 == 8 {\n"
    "            continue\n"
    "        } else {\n"
    "            break\n"
    "        }\n"
    "    }\n"
    "    tasks (r.12, q.13 as [0, 3] by 2) in repeat(?0, 1) * spatial(16, 8) on tid with ($m / 16) "
    "copy {\n"
    "        store acc.5[r.12, q.13] = bitcast.f32(i32(r.12))\n"
    "    }\n"
    "    tasks (w.14) in spatial(4) on tid / 32 level 32 {\n"
    "        barrier warp\n"
    "    }\n"
    "    while x.1 < 3.5:f32 {\n"
    "        set x.1 = x.1 - 1.0:f32\n"
    "    }\n"
    "    role 32, 96 {\n"
    "        barrier group 96 elidable\n"
    "    }\n"
    "    region out.15 {\n"
    "        if b.3 {\n"
    "            leave out.15\n"
    "        }\n"
    "    }\n"
    "    barrier block\n"
    "    barrier grid\n"
    "    collective y.16: f32 = shuffle_xor(x.1, 16:i32)\n"
    "    collective votes.17: u32 = ballot(y.16 < x.1)\n"
    "    collective same.20: f32 = uniform(y.16) group 96\n"
    "    scope 1 {\n"
    "        atomic old.18: i32 = add st.4[tid % 64] (1:i32) relaxed block\n"
    "        atomic cas st.4[0] (old.18, neg.4) acq_rel grid\n"
    "        atomic got.19: i32 = load st.4[1; if b.3] () acquire block\n"
    "        await got.19 != old.18\n"
    "    }\n"
    "    trap i0.0 < 2 * $m, i0.0, $m \"index {} is beyond {}\"\n"
    "    print x.1, y.16 \"x = {}, y = {}\\n\"\n"
    "    print \"done\"\n"
    "}\n";

static void assert_round_trip(Session *s, const IrKernel *k)
{
    const char *text = print_text(s, k), *error = NULL;
    IrKernel *again = read_text(s, text, &error);
    if (!again) fprintf(stderr, "%s\n%s", error, text);
    assert_non_null(again);
    assert_string_equal(print_text(s, again), text);
}

static void test_everything(void **state)
{
    Session *s = *state;
    const char *error = NULL;
    IrKernel *k = read_text(s, everything, &error);
    if (error) fprintf(stderr, "%s\n", error);
    assert_non_null(k);
    error = ir_verify(k);
    if (error) fprintf(stderr, "%s\n", error);
    assert_null(error);
    assert_string_equal(print_text(s, k), everything);
}

static const char engines[] =
    "kernel copied\n"
    "size n\n"
    "param in a.0: f16[$n, 64]\n"
    "param out c.1: f16[$n, 64]\n"
    "grid 1, 1, 1\n"
    "block 256 (256, 1, 1)\n"
    "waits\n"
    "shared inout s.2: f16[2, 8, 64] bulk\n"
    "shared inout full.3: u64[2] arrivals 1\n"
    "shared inout turn.4: u64[2] arrivals 128 barrier 14\n"
    "{\n"
    "    role 0, 128 registers 40 {\n"
    "        mbarrier expect full.3[1] (1024) transfer\n"
    "        bulk load a.0[bid.x * 8, 0; evict_first] (8, 64, s.2[1, 0, 0], full.3[1]) 3\n"
    "        mbarrier arrive full.3[0] ()\n"
    "        mbarrier arrive turn.4[0] ()\n"
    "    }\n"
    "    mbarrier sync turn.4[1] ()\n"
    "    mbarrier wait full.3[tid % 2] (0)\n"
    "    bulk store c.1[bid.x * 8, 0] (8, 64, s.2[1, 0, 0]) 3\n"
    "    bulk_commit\n"
    "    bulk_wait 1\n"
    "}\n";

/* The text is what is printed of it, and each change makes it one of no kernel. */
static void check_broken(Session *s, const char *whole, size_t count,
                         const char *const (*broken)[2])
{
    const char *error = NULL;
    IrKernel *k = read_text(s, whole, &error);
    if (!k) fail_msg("%s", error);
    error = ir_verify(k);
    if (error) fail_msg("%s", error);
    assert_string_equal(print_text(s, k), whole);
    for (size_t i = 0; i < count; i++) {
        const char *at = strstr(whole, broken[i][0]);
        assert_non_null(at);
        char *text = base_format(s->arena, "%.*s%s%s", (int)(at - whole), whole, broken[i][1],
                                 at + strlen(broken[i][0]));
        k = read_text(s, text, &error);
        if (k && !ir_verify(k)) fail_msg("%s is no error", broken[i][1]);
    }
}

static void test_engines(void **state)
{
    static const char *const broken[][2] = {
        {"mbarrier wait full.3[tid % 2] (0)", "mbarrier wait full.3[tid % 2] ()"},
        {"mbarrier arrive full.3[0] ()", "mbarrier arrive s.2[0, 0, 0] ()"},
        {"bulk store c.1[bid.x * 8, 0]", "bulk store a.0[bid.x * 8, 0]"},
        {"(8, 64, s.2[1, 0, 0], full.3[1])", "(8, 64, s.2[1, 0, 0], s.2[1, 0, 0])"},
        {"(8, 64, s.2[1, 0, 0]) 3", "(8, $n, s.2[1, 0, 0]) 3"},
        {"arrivals 1", "arrivals 1 scope 1"},
        {"arrivals 128", "arrivals 100"},
        {"barrier 14", "barrier 15"},
        {"mbarrier sync turn.4[1] ()", "mbarrier sync turn.4[1] (0)"},
        {"waits\n", ""},
        {"transfer", "async"},
        {"bulk_commit", "bulk_commit transfer"},
        {"registers 40", "registers 40 ahead"},
    };
    check_broken(*state, engines, BASE_LEN(broken), broken);
}

static const char clustered[] = "kernel clustered\n"
                                "size n\n"
                                "param out y.0: f32[$n]\n"
                                "grid $n / 32, 1, 1\n"
                                "block 32 (32, 1, 1)\n"
                                "cluster 4\n"
                                "waits\n"
                                "shared s.1: f32[32]\n"
                                "shared s.2: f32[4, 32] of s.1\n"
                                "{\n"
                                "    store s.1[tid] = 1.0:f32\n"
                                "    barrier cluster\n"
                                "    store y.0[bid.x * 32 + tid] = s.2[bid.x % 4, tid]\n"
                                "    barrier cluster\n"
                                "}\n";

static void test_clustered(void **state)
{
    static const char *const broken[][2] = {
        {"cluster 4\n", ""},
        {"f32[4, 32] of s.1", "f32[4] of s.1"},
        {"f32[4, 32] of s.1", "f32[4, 32] of s.2"},
        {"f32[4, 32] of s.1", "f32[4, 32] of y.0"},
        {"f32[4, 32] of s.1", "f32[4, 32] of s.3"},
        {"s.2[bid.x % 4, tid]", "s.2[tid]"},
    };
    check_broken(*state, clustered, BASE_LEN(broken), broken);
}

/* A shared operand of 2^40 nodes if it were written out. */
static void test_shared(void **state)
{
    Session *s = *state;
    IrKernel *k = ir_kernel_create(s->arena, s->diags, base_intern_cstr(s->names, "k"));
    ir_set_origin(k, ir_origin(k, ORIGIN_SOURCE, (Span){0}, 0, "test"));
    k->block_size = k->block_dims[0] = 32;
    IrVar *x = ir_new_var(k, base_intern_cstr(s->names, "x"), (IrType){ELEM_F32, 1}, true);
    ir_let(k, k->body, x, ir_const(k, scalar_float(ELEM_F32, 1.5)));
    const IrExpr *e = ir_var(k, x);
    for (int i = 0; i < 40; i++) e = ir_binary(k, i % 3 ? IR_MUL : IR_ADD, e, e);
    ir_set(k, k->body, x, e);
    assert_null(ir_verify(k));
    assert_round_trip(s, k);
    assert_true(strlen(print_text(s, k)) < 2000);
    Sb sb = base_sb(s->arena);
    ir_print_expr(k, e, &sb);
    assert_true(sb.len < 4000);
}

/* A kernel in which all that has a name is called by the word. */
static const char *named(Session *s, const char *word, int len)
{
    Sb sb = base_sb(s->arena);
    static const char text[] =
        "kernel #\nsize #\nparam in #.0: f32[$#]\nparam out #.1: f32[$#]\nparam s#: f32\n"
        "grid 1, 1, 1\nblock 32 (32, 1, 1)\nshared #.2: i32[32]\nprivate #.3: f32[4]\n{\n"
        "let #.0: index = bid.x\nvar #.1: f32 = #.0[#.0]\nset #.1 = #.1 + @s#\n"
        "store #.2[#.0] = bitcast.i32(#.1)\ncollective #.2: f32 = shuffle_xor(#.1, 16)\n"
        "atomic #.3: i32 = add #.2[tid] (1:i32) relaxed block\n"
        "for #.4 in 0 .. $# {\nstore #.3[#.4] = #.2\n}\n"
        "tasks (#.5) in spatial(32) on tid {\nstore #.1[#.5] = #.3[0]\n}\n}\n";
    for (const char *at = text; *at; at++) {
        if (*at == '#')
            base_sb_printf(&sb, "%.*s", len, word);
        else
            base_sb_char(&sb, *at);
    }
    return base_sb_text(&sb);
}

static bool is_mode(const char *word, int len)
{
    static const char *const modes[] = {"in", "out", "inout"};
    for (size_t i = 0; i < BASE_LEN(modes); i++)
        if ((int)strlen(modes[i]) == len && strncmp(modes[i], word, (size_t)len) == 0) return true;
    return false;
}

/* Of the text form's words none is reserved that a user may take for a name. */
static void test_names(void **state)
{
    Session *s = *state;
    int words = 0;
    for (const char *at = everything; *at;) {
        int len = 0;
        while (isalpha((unsigned char)at[len])) len++;
        const char *text = len && !is_mode(at, len) ? named(s, at, len) : NULL, *error = NULL;
        IrKernel *k = text ? read_text(s, text, &error) : NULL;
        if (error) fail_msg("%s\n%s", error, text);
        if (k) assert_round_trip(s, k);
        words += len > 0;
        at += len ? len : 1;
    }
    assert_true(words > 200);
}

static void test_deep(void **state)
{
    Session *s = *state;
    IrKernel *k = ir_kernel_create(s->arena, s->diags, base_intern_cstr(s->names, "k"));
    ir_set_origin(k, ir_origin(k, ORIGIN_SOURCE, (Span){0}, 0, "test"));
    k->block_size = k->block_dims[0] = 32;
    IrVar *x = ir_new_var(k, base_intern_cstr(s->names, "x"), (IrType){ELEM_F32, 1}, true);
    ir_let(k, k->body, x, ir_const(k, scalar_float(ELEM_F32, 1.5)));
    const IrExpr *e = ir_var(k, x);
    for (int i = 0; i < 2000; i++)
        e = ir_math(k, IR_FMA, 3, (const IrExpr *[]){ir_var(k, x), ir_var(k, x), e});
    ir_set(k, k->body, x, e);
    assert_null(ir_verify(k));
    assert_round_trip(s, k);
}

/* ---- broken text ----------------------------------------------------------------------------- */

static const char *with_body(Session *s, const char *body)
{
    return base_format(
        s->arena,
        "kernel k\nsize n\nparam in a.0: f32[$n]\nparam out c.1: f32[$n]\n"
        "grid 1, 1, 1\nblock 64 (64, 1, 1)\nshared s.2: f32[8]\nparam z: i32\n{\n%s}\n",
        body);
}

static void test_errors(void **state)
{
    Session *s = *state;
    static const char *const bodies[] = {
        "let x.0: index = \n",
        "let x.0: index = 3 +\n",
        "let x.0: nothing = 3\n",
        "let x.0: index = (3\n",
        "let x.0: index = y.1\n",
        "let x.0: index = x.0 + 1\n",
        "for x.0 in 0 .. x.0 {\n}\n",
        "tasks (x.0, x.0) in spatial(2, 2) on tid {\n}\n",
        "let x.0: index = $q\n",
        "let x.0: index = @n\n",
        "let x.0: index = %1\n",
        "let x.0: i8 = 300:i8\n",
        "let x.0: f32 = 1.0:f32 + 1\n",
        "let x.0: index = 3 4\n",
        "let x.0: index = foo(3)\n",
        "let x.0: index = fma(3)\n",
        "let x.4000000: index = 3\n",
        "store a.7[0] = 1.0:f32\n",
        "store c.1[0, 0] = 1.0:f32\n",
        "let x.0: f32 = a.0[0; if true]\n",
        "let x.0: f32 = a.0[0; sideways]\n",
        "print \"open\n",
        "print 3\n",
        "frobnicate\n",
        "if true {\n",
        "tasks (i.0) in spatial(2, 2) on tid {\n}\n",
        "tasks (i.0) in spatial(0) on tid {\n}\n",
        "tasks (i.0) in walk(4) on tid {\n}\n",
        "let x.0: index = 1\nlet x.0: index = 1\n",
        "let x.0: index as [3, 1] = 1\n",
        "barrier moon\n",
        "let x.0: index = ?\n",
    };
    for (size_t i = 0; i < BASE_LEN(bodies); i++) {
        const char *error = NULL;
        IrKernel *k = read_text(s, with_body(s, bodies[i]), &error);
        if (k || !error || strncmp(error, "line ", 5) != 0)
            fail_msg("%s gives %s", bodies[i], error ? error : "no error");
    }
    const char *error = NULL;
    assert_null(read_text(s, with_body(s, "break\nlet x.0: index = +\n"), &error));
    assert_memory_equal(error, "line 11: ", 9);
    assert_null(read_text(s, "", &error));
    assert_non_null(error);
    assert_null(read_text(s, "kernel k\ngrid 1, 1, 1\n{\n}\n", &error));
    assert_string_equal(error, "line 5: the kernel's header has no `block`");
    Sb deep = base_sb(s->arena);
    for (int i = 0; i < 100000; i++) base_sb_char(&deep, '(');
    char *body = base_format(s->arena, "let x.0: index = %s\n", base_sb_text(&deep));
    assert_null(read_text(s, with_body(s, body), &error));
}

/* ---- verifier -------------------------------------------------------------------------------- */

static void test_verifier(void **state)
{
    Session *s = *state;
    static const struct {
        const char *body, *rule;
    } cases[] = {
        {"let x.0: i32 = 3\n", "the variable's type"},
        {"let x.0: index = 3\nset x.0 = 4\n", "not mutable"},
        {"if true {\nlet x.0: index = 3\n}\nlet y.1: index = x.0 + 1\n", "outside its block"},
        {"set x.0 = 3\n", NULL},
        {"store a.0[0] = 1.0:f32\n", "read-only"},
        {"store c.1[0] = 1:i32\n", "element's type"},
        {"store c.1[0; if 3] = 1.0:f32\n", "guard is no bool"},
        {"store c.1[0:i32] = 1.0:f32\n", "index is not of type index"},
        {"let x.0: f32 = a.0[1:i32]\n", "index is not of type index"},
        {"let x.0: f32 = a.0[1; if 3 else 1.0:f32]\n", "guard is no bool"},
        {"let x.0: f32 = a.0[1; if tid < 4 else 1]\n", "another type"},
        {"if 3 {\n}\n", "one bool"},
        {"while 3 {\n}\n", "one bool"},
        {"await 3\n", "one bool"},
        {"for i.0 in 0 .. 4 step 0 {\n}\n", "step is not positive"},
        {"for i.0 in 0:i32 .. 4 {\n}\n", "bound has not the counter's type"},
        {"for i.0: f32 in 0.0:f32 .. 1.0:f32 step 1.0:f32 {\n}\n", "no immutable integer"},
        {"break\n", "in no loop"},
        {"continue\n", "in no loop"},
        {"region r.0 {\n}\nregion q.1 {\nleave r.0\n}\n", "not visible"},
        {"let x.0: index = 3\nleave x.0\n", "outside its region"},
        {"role 32, 64 {\n}\n", "threads that the block has not"},
        {"barrier grid\n", "resident"},
        {"barrier group\n", "states its threads"},
        {"tasks (i.0) in repeat(?1) on tid {\n}\n", "run-time extents"},
        {"tasks (i.0) in spatial(64) on 3:i32 {\n}\n", "not of type index"},
        {"collective x.0: f32 = vote_any(tid)\n", "no bool"},
        {"collective x.0: f32 = shuffle(tid, 3)\n", "result's type"},
        {"collective x.0: f32 = shuffle(1.0:f32)\n", "takes 2 operands"},
        {"collective x.0: f32 = abs(1.0:f32)\n", "no collective"},
        {"atomic add c.1[0] () relaxed grid\n", "operands"},
        {"atomic add a.0[0] (1.0:f32) relaxed grid\n", "read-only"},
        {"atomic add c.1[0] (1) relaxed grid\n", "element's type"},
        {"trap 3 \"x\"\n", "takes a condition"},
        {"print 3 \"nothing\"\n", "places"},
        {"let x.0: index = tid && tid\n", "no bool"},
        {"let x.0: bool = true + false\n", "arithmetic on bool"},
        {"let x.0: f32 = 1.0:f32 & 2.0:f32\n", "bit operator on a float"},
        {"let x.0: index = sqrt(3)\n", "takes floats"},
        {"let x.0: f32 = popcount(1.0:f32)\n", "takes integers"},
        {"let x.0: index = select(3, 1, 2)\n", "condition is no bool"},
        {"let x.0: index = lane.3(splat.2(tid))\n", "no such lane"},
        {"let x.0: f64 = bitcast.f64(1.0:f32)\n", "keeps the size"},
        {"let x.0: f32 = 1.0:f32 << 1:i32\n", "shifts are of integers"},
    };
    for (size_t i = 0; i < BASE_LEN(cases); i++) {
        const char *error = NULL;
        IrKernel *k = read_text(s, with_body(s, cases[i].body), &error);
        if (!cases[i].rule) {
            assert_null(k);
            continue;
        }
        if (!k) fail_msg("%s: %s", cases[i].body, error);
        error = ir_verify(k);
        if (!error || !strstr(error, cases[i].rule))
            fail_msg("%s gives %s", cases[i].body, error ? error : "no complaint");
    }
}

/* What no text can say. */
static void test_verifier_origin(void **state)
{
    Session *s = *state;
    const char *error = NULL;
    IrKernel *k = read_text(s, with_body(s, "let x.0: index = tid + 1\n"), &error);
    assert_null(ir_verify(k));
    IrStmt *let = k->body->stmts.data[0];
    uint32_t origin = let->origin;
    let->origin = 0;
    assert_non_null(strstr(ir_verify(k), "no origin"));
    let->origin = origin;
    let->body = ir_new_block(k);
    assert_non_null(strstr(ir_verify(k), "needless body"));
    let->body = NULL;
    VEC_PUSH(s->arena, k->body->stmts, let);
    assert_non_null(strstr(ir_verify(k), "defined twice"));
    k->body->stmts.len = 1;
    const IrExpr *value = let->args[0];
    let->args[0] = ir_var(k, let->var);
    assert_non_null(strstr(ir_verify(k), "before it is defined"));
    let->args[0] = value;
    ir_set_origin(k, 0);
    const IrExpr *lost = ir_binary(k, IR_MUL, ir_tid(k), ir_index(k, 7));
    let->args[0] = lost;
    assert_non_null(strstr(ir_verify(k), "no origin"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_engines, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_clustered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_deep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_errors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_verifier, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_verifier_origin, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
