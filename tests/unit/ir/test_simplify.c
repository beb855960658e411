/* The builder's simplifications against the meaning of the expression as it was asked for: random
 * trees over variables of known intervals are kept beside what the builder made of them, and both
 * are evaluated at random points. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ir/build.h"

#include <stdio.h>

enum { VARS = 6, NODES = 24, POINTS = 40 };

static uint64_t seed_state;

static uint64_t next_random(void)
{
    seed_state ^= seed_state << 13;
    seed_state ^= seed_state >> 7;
    seed_state ^= seed_state << 17;
    return seed_state;
}

static int64_t below(int64_t n)
{
    return (int64_t)(next_random() % (uint64_t)n);
}

/* As asked for, before any simplification. */
typedef struct Raw {
    IrOp op; /* IR_VAR: imm is the variable; IR_CONST: imm is the value */
    int64_t imm;
    const struct Raw *args[3];
    Elem elem;
} Raw;

typedef struct Pair {
    Raw raw;
    const IrExpr *built;
} Pair;

typedef struct World {
    Escape escape;
    Arena *arena;
    IrKernel *k;
    Elem elem;
    IrVar *vars[VARS];
    int64_t values[VARS];
    Pair nodes[VARS + NODES];
    int count;
} World;

static bool raw_eval(const World *w, const Raw *e, Scalar *out);

static Op operator_of(IrOp op)
{
    const char *name = ir_op_info(op)->text;
    return vocab_op_find_name(name, strlen(name));
}

/* Strict where the language is lazy, except that an undefined operand that is not needed is no
 * harm: the caller only compares where the whole is defined. */
static bool raw_eval(const World *w, const Raw *e, Scalar *out)
{
    Scalar a, b;
    if (e->op == IR_CONST || e->op == IR_VAR) {
        *out = scalar_int(e->elem, e->op == IR_CONST ? e->imm : w->values[e->imm]);
        return true;
    }
    if (!raw_eval(w, e->args[0], &a)) return false;
    if (e->op == IR_SELECT) return raw_eval(w, e->args[a.i ? 1 : 2], out);
    if (e->op == IR_CAST) {
        *out = scalar_cast(e->elem, a);
        return true;
    }
    if (e->op == IR_AND && !a.i) return *out = a, true;
    if (e->op == IR_OR && a.i) return *out = a, true;
    if (!e->args[1]) return scalar_unary(operator_of(e->op), a, out);
    return raw_eval(w, e->args[1], &b) && scalar_binary(operator_of(e->op), a, b, out);
}

static bool leaf_value(void *user, const IrExpr *e, int64_t *value)
{
    const World *w = user;
    if (e->op != IR_VAR) return false;
    for (int i = 0; i < VARS; i++)
        if (w->vars[i] == e->var) *value = w->values[i];
    return true;
}

static void choose_value(World *w, int i)
{
    const IrVar *v = w->vars[i];
    int64_t lo = v->lo, hi = v->hi, low, high;
    scalar_int_range(v->type.elem, &low, &high);
    if (lo < low) lo = low;
    if (hi > high) hi = high;
    if (lo < -1000000000) lo = -1000000000;
    if (hi > 1000000000) hi = 1000000000;
    int64_t m = v->multiple ? v->multiple : 1;
    int64_t at = below(4) == 0 ? lo : below(4) == 0 ? hi : lo + below(hi - lo + 1);
    at = base_floor_div(at, m) * m;
    if (at < lo) at += m;
    w->values[i] = at;
}

static void make_vars(World *w, Interner *names)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 7, 8, 16, 32, 64, 100, 256, 1 << 20};
    for (int i = 0; i < VARS; i++) {
        IrType type = {w->elem, 1};
        IrVar *v = w->vars[i] = ir_new_var(w->k, base_intern_cstr(names, "v"), type, false);
        int kind = (int)below(8);
        int64_t size = sizes[below(BASE_LEN(sizes))];
        v->lo = kind == 0 ? -size : kind == 1 ? -(1 << 20) : 0;
        v->hi = size;
        if (kind == 2) {
            v->multiple = (int64_t)1 << below(7);
            v->hi = size * v->multiple;
        }
        int64_t low, high;
        scalar_int_range(w->elem, &low, &high);
        if (v->lo < low) v->lo = low;
        if (v->hi > high) v->hi = high;
        if (kind == 3) v->lo = INT64_MIN, v->hi = INT64_MAX;
        w->nodes[i] = (Pair){{IR_VAR, i, {NULL}, w->elem}, ir_var(w->k, v)};
    }
    w->count = VARS;
}

static int64_t small_constant(void)
{
    static const int64_t values[] = {0, 1, 2, 3, 4, 5, 8, 16, 24, 32, 63, 64, 100, 128, 255, 1000};
    int64_t v = values[below(BASE_LEN(values))];
    return below(5) == 0 ? -v : v;
}

static const Pair *pick(World *w, bool boolean)
{
    for (int tries = 0; tries < 50; tries++) {
        const Pair *p = &w->nodes[below(w->count)];
        if ((p->raw.elem == ELEM_BOOL) == boolean) return p;
    }
    return boolean ? NULL : &w->nodes[0];
}

static void push(World *w, Raw raw, const IrExpr *built)
{
    w->nodes[w->count++] = (Pair){raw, built};
}

static void add_binary(World *w, IrOp op, const Pair *a, const Pair *b)
{
    bool compares = op >= IR_AND && op <= IR_GE;
    Raw raw = {op, 0, {&a->raw, &b->raw}, compares ? ELEM_BOOL : w->elem};
    push(w, raw, ir_binary(w->k, op, a->built, b->built));
}

static void add_constant(World *w)
{
    Scalar v = scalar_int(w->elem, small_constant());
    push(w, (Raw){IR_CONST, v.i, {NULL}, w->elem}, ir_const(w->k, v));
}

static void add_unary(World *w)
{
    bool boolean = below(2);
    const Pair *a = pick(w, boolean);
    if (!a) return;
    IrOp op = boolean ? IR_NOT : below(4) ? IR_NEG : IR_BITNOT;
    push(w, (Raw){op, 0, {&a->raw}, a->raw.elem}, ir_unary(w->k, op, a->built));
}

/* To another integer type and back, in one or two steps. */
static void add_cast(World *w)
{
    static const Elem elems[] = {ELEM_I8,  ELEM_U8,  ELEM_I16, ELEM_U16, ELEM_I32,  ELEM_U32,
                                 ELEM_I64, ELEM_U64, ELEM_I4,  ELEM_U4,  ELEM_INDEX};
    const Pair *a = pick(w, false);
    const Raw *raw = &a->raw;
    const IrExpr *built = a->built;
    for (int64_t steps = 1 + below(2); steps >= 0; steps--) {
        Elem to = steps ? elems[below(BASE_LEN(elems))] : w->elem;
        Raw cast = {IR_CAST, 0, {raw}, to};
        if (steps == 0) {
            push(w, cast, ir_cast(w->k, (IrType){to, 1}, built));
            return;
        }
        raw = base_copy(w->arena, &cast, sizeof cast);
        built = ir_cast(w->k, (IrType){to, 1}, built);
    }
}

static void add_node(World *w)
{
    static const IrOp arithmetic[] = {IR_ADD, IR_ADD, IR_ADD,    IR_SUB,   IR_MUL,   IR_MUL,
                                      IR_DIV, IR_DIV, IR_MOD,    IR_MOD,   IR_MIN,   IR_MAX,
                                      IR_SHL, IR_SHR, IR_BITAND, IR_BITOR, IR_BITXOR};
    int kind = (int)below(25);
    const Pair *a = pick(w, false), *b = pick(w, false), *c = pick(w, true), *d = pick(w, true);
    if (kind < 4) {
        add_constant(w);
    } else if (kind < 15) {
        IrOp op = arithmetic[below(BASE_LEN(arithmetic))];
        if (below(2)) { /* by a constant */
            add_constant(w);
            b = &w->nodes[w->count - 1];
        }
        if (w->count < VARS + NODES) add_binary(w, op, a, b);
    } else if (kind < 19) {
        add_binary(w, (IrOp)(IR_EQ + below(6)), a, b);
    } else if (kind < 21 && c && d) {
        add_binary(w, below(2) ? IR_AND : IR_OR, c, d);
    } else if (kind < 22 && c) {
        Raw raw = {IR_SELECT, 0, {&c->raw, &a->raw, &b->raw}, w->elem};
        push(w, raw, ir_select(w->k, c->built, a->built, b->built));
    } else if (kind < 23) {
        add_unary(w);
    } else if (kind < 24) {
        add_cast(w);
    }
}

static void describe(const World *w, const Raw *e)
{
    if (e->op == IR_CONST || e->op == IR_VAR) {
        fprintf(stderr, e->op == IR_VAR ? "v%lld" : "%lld", (long long)e->imm);
        return;
    }
    fprintf(stderr, "%s(", ir_op_info(e->op)->text);
    for (int i = 0; i < 3 && e->args[i]; i++) {
        if (i) fputs(", ", stderr);
        describe(w, e->args[i]);
    }
    fputc(')', stderr);
}

static void check_point(World *w, uint64_t seed)
{
    for (int i = 0; i < w->count; i++) {
        Scalar want;
        int64_t got = 0;
        const IrExpr *e = w->nodes[i].built;
        if (!raw_eval(w, &w->nodes[i].raw, &want)) continue;
        bool ok = ir_eval_int(e, leaf_value, w, &got);
        bool inside = e->type.elem == ELEM_BOOL ||
                      (e->type.elem == ELEM_U64 && got < 0 ? e->hi == INT64_MAX
                                                           : got >= e->lo && got <= e->hi);
        int64_t m = ir_multiple(e);
        bool divides = m == 0 ? got == 0 : got % m == 0;
        if (ok && got == want.i && inside && divides) continue;
        fprintf(stderr, "seed %llu: ", (unsigned long long)seed);
        describe(w, &w->nodes[i].raw);
        for (int j = 0; j < VARS; j++) fprintf(stderr, " v%d=%lld", j, (long long)w->values[j]);
        fprintf(stderr, ": want %lld, got %lld (%d) in [%lld, %lld] multiple %lld\n",
                (long long)want.i, (long long)got, ok, (long long)e->lo, (long long)e->hi,
                (long long)m);
        fail();
    }
}

static void one_world(uint64_t seed, Elem elem)
{
    static World w;
    w = (World){.elem = elem};
    seed_state = seed * 0x9e3779b97f4a7c15u + 1;
    if (setjmp(w.escape.env)) fail();
    w.arena = base_arena_create(&w.escape);
    Interner *names = base_interner_create(w.arena);
    w.k = ir_kernel_create(w.arena, NULL, base_intern_cstr(names, "k"));
    make_vars(&w, names);
    while (w.count < VARS + NODES) add_node(&w);
    for (int p = 0; p < POINTS; p++) {
        for (int i = 0; i < VARS; i++) choose_value(&w, i);
        check_point(&w, seed);
    }
    base_arena_destroy(w.arena);
}

static void test_index(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6000; seed++) one_world(seed, ELEM_INDEX);
}

static void test_sized(void **state)
{
    (void)state;
    static const Elem elems[] = {ELEM_I32, ELEM_U32, ELEM_I8, ELEM_U8, ELEM_I64, ELEM_U64, ELEM_I4};
    for (uint64_t seed = 1; seed <= 3500; seed++)
        one_world(seed + 100000, elems[seed % BASE_LEN(elems)]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_sized),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
