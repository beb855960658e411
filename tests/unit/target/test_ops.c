/* Every operator, function and conversion on every element type, through both targets, against the
 * exact arithmetic of vocab/scalar.c: on all values of the small types, on many of the others. */
#include "cuda_run.h"

enum { MAX_CASES = 96, COUNT = 65536, STRIDE = 65536 * 8 };

typedef struct Case {
    IrOp op;
    Elem to; /* of CAST; else ELEM_NONE */
    int arity;
    Elem result;
} Case;

typedef struct Ops {
    Bench b;
    Elem elem;
    Case cases[MAX_CASES];
    int count;
    uint8_t *in[3], *out[MAX_CASES];
} Ops;

/* ---- values ---------------------------------------------------------------------------------- */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Bits of input `which`, element i. Small types: all pairs, or all values; others: random bits,
 * small numbers, and neighbours of the interesting ones. */
static uint64_t pattern(Elem elem, int which, int i, uint64_t *state)
{
    int bits = vocab_elem(elem)->bits;
    uint64_t r = next_random(state);
    if (bits <= 8) return which == 0 ? (uint64_t)i : which == 1 ? (uint64_t)i >> bits : r;
    if (bits == 16) return which == 0 ? (uint64_t)i : r;
    bool real = vocab_elem_is_float(elem);
    int64_t small = (int64_t)(r >> 8 & 0xff) - 128;
    uint64_t value;
    if ((r & 7) == 0)
        value = scalar_bits(scalar_int(elem, small));
    else if ((r & 7) == 1 && real)
        value = scalar_bits(scalar_float(elem, (double)small / 16));
    else if ((r & 7) == 2 && real)
        value = scalar_bits(scalar_float(elem, (double)(int64_t)(r >> 4) * 0x1p-20));
    else if ((r & 7) == 3)
        value = ((uint64_t)1 << (r >> 8 & 63)) + (uint64_t)(r >> 16 & 3) - 1;
    else
        value = next_random(state);
    return bits == 64 ? value : value & (((uint64_t)1 << bits) - 1);
}

/* As values: no NaN but the one, no low bits in a tf32. */
static uint64_t value_bits(Elem elem, int which, int i, uint64_t *state)
{
    return scalar_bits(scalar_from_bits(elem, pattern(elem, which, i, state)));
}

static Scalar read_at(Elem elem, const uint8_t *data, int i)
{
    int bits = vocab_elem(elem)->bits;
    uint64_t value = 0;
    if (bits == 4)
        value = data[i / 2] >> (i & 1) * 4 & 15;
    else
        memcpy(&value, data + (size_t)i * (size_t)bits / 8, (size_t)bits / 8);
    return scalar_from_bits(elem, value);
}

static void write_at(Elem elem, uint8_t *data, int i, uint64_t value)
{
    int bits = vocab_elem(elem)->bits;
    if (bits == 4)
        data[i / 2] =
            (uint8_t)((data[i / 2] & ~(15 << (i & 1) * 4)) | (int)(value & 15) << (i & 1) * 4);
    else
        memcpy(data + (size_t)i * (size_t)bits / 8, &value, (size_t)bits / 8);
}

/* ---- cases ----------------------------------------------------------------------------------- */

static const IrOp FLOAT_OPS[] = {IR_ADD,  IR_SUB,      IR_MUL,   IR_DIV,   IR_MIN,  IR_MAX,
                                 IR_NEG,  IR_ABS,      IR_SQRT,  IR_FLOOR, IR_CEIL, IR_TRUNC,
                                 IR_RINT, IR_COPYSIGN, IR_ISNAN, IR_ISINF, IR_FMA,  IR_EQ,
                                 IR_NE,   IR_LT,       IR_LE,    IR_GT,    IR_GE};
/* Plain functions on the host, but of f16, whose result is rounded twice. */
static const IrOp APPROX_OPS[] = {IR_APPROX_EXP2, IR_APPROX_LOG2, IR_APPROX_RCP, IR_APPROX_RSQRT,
                                  IR_APPROX_SQRT, IR_APPROX_SIN,  IR_APPROX_COS, IR_APPROX_TANH};
static const IrOp INT_OPS[] = {
    IR_ADD,    IR_SUB,   IR_MUL,    IR_DIV,    IR_MOD, IR_MIN, IR_MAX,      IR_NEG, IR_ABS,
    IR_BITAND, IR_BITOR, IR_BITXOR, IR_BITNOT, IR_SHL, IR_SHR, IR_POPCOUNT, IR_CLZ, IR_CTZ,
    IR_MULHI,  IR_EQ,    IR_NE,     IR_LT,     IR_LE,  IR_GT,  IR_GE};

static bool is_test(IrOp op)
{
    return (op >= IR_EQ && op <= IR_GE) || op == IR_ISNAN || op == IR_ISINF;
}

static void add_case(Ops *o, IrOp op, Elem to)
{
    int arity = op == IR_CAST ? 1 : ir_op_info(op)->arity;
    Elem result = op == IR_CAST ? to : is_test(op) ? ELEM_BOOL : o->elem;
    o->cases[o->count++] = (Case){op, to, arity, result};
}

static void choose_cases(Ops *o)
{
    bool real = vocab_elem_is_float(o->elem);
    const IrOp *list = real ? FLOAT_OPS : INT_OPS;
    size_t n = real ? BASE_LEN(FLOAT_OPS) : BASE_LEN(INT_OPS);
    for (size_t i = 0; i < n; ++i) add_case(o, list[i], ELEM_NONE);
    bool wide = o->elem == ELEM_F32 || o->elem == ELEM_F64;
    for (size_t i = 0; wide && i < BASE_LEN(APPROX_OPS); ++i) add_case(o, APPROX_OPS[i], ELEM_NONE);
    for (int to = 1; to < ELEM_COUNT; ++to)
        if (to != ELEM_INDEX && to != (int)o->elem) add_case(o, IR_CAST, (Elem)to);
}

/* ---- oracle ---------------------------------------------------------------------------------- */

static bool expected(const Case *c, Scalar *args, Scalar *out)
{
    static const Op operators[IR_OP_COUNT] = {
        [IR_NEG] = OP_NEG, [IR_BITNOT] = OP_BITNOT, [IR_ADD] = OP_ADD,     [IR_SUB] = OP_SUB,
        [IR_MUL] = OP_MUL, [IR_DIV] = OP_DIV,       [IR_MOD] = OP_MOD,     [IR_MIN] = OP_MIN,
        [IR_MAX] = OP_MAX, [IR_BITAND] = OP_BITAND, [IR_BITOR] = OP_BITOR, [IR_BITXOR] = OP_BITXOR,
        [IR_SHL] = OP_SHL, [IR_SHR] = OP_SHR,       [IR_EQ] = OP_EQ,       [IR_NE] = OP_NE,
        [IR_LT] = OP_LT,   [IR_LE] = OP_LE,         [IR_GT] = OP_GT,       [IR_GE] = OP_GE,
    };
    static const Builtin builtins[IR_OP_COUNT] = {
        [IR_ABS] = BUILTIN_ABS,
        [IR_SQRT] = BUILTIN_SQRT,
        [IR_FLOOR] = BUILTIN_FLOOR,
        [IR_CEIL] = BUILTIN_CEIL,
        [IR_TRUNC] = BUILTIN_TRUNC,
        [IR_RINT] = BUILTIN_RINT,
        [IR_COPYSIGN] = BUILTIN_COPYSIGN,
        [IR_ISNAN] = BUILTIN_ISNAN,
        [IR_ISINF] = BUILTIN_ISINF,
        [IR_FMA] = BUILTIN_FMA,
        [IR_POPCOUNT] = BUILTIN_POPCOUNT,
        [IR_CLZ] = BUILTIN_CLZ,
        [IR_CTZ] = BUILTIN_CTZ,
        [IR_MULHI] = BUILTIN_MULHI,
        [IR_APPROX_EXP2] = BUILTIN_APPROX_EXP2,
        [IR_APPROX_LOG2] = BUILTIN_APPROX_LOG2,
        [IR_APPROX_RCP] = BUILTIN_APPROX_RCP,
        [IR_APPROX_RSQRT] = BUILTIN_APPROX_RSQRT,
        [IR_APPROX_SQRT] = BUILTIN_APPROX_SQRT,
        [IR_APPROX_SIN] = BUILTIN_APPROX_SIN,
        [IR_APPROX_COS] = BUILTIN_APPROX_COS,
        [IR_APPROX_TANH] = BUILTIN_APPROX_TANH,
    };
    if (c->op == IR_CAST) {
        *out = scalar_cast(c->to, args[0]);
        return true;
    }
    if (builtins[c->op]) return scalar_math(builtins[c->op], args, c->arity, out);
    if (c->arity == 1) return scalar_unary(operators[c->op], args[0], out);
    return scalar_binary(operators[c->op], args[0], args[1], out);
}

static bool same(Scalar a, Scalar b)
{
    return scalar_same(a, b) || (scalar_is_nan(a) && scalar_is_nan(b));
}

static int failures(const Ops *o, const Case *c, const uint8_t *out)
{
    int bad = 0;
    for (int i = 0; i < COUNT; ++i) {
        Scalar args[3], want;
        for (int j = 0; j < 3; ++j) args[j] = read_at(o->elem, o->in[j], i);
        if (!expected(c, args, &want)) continue;
        Scalar got = read_at(c->result, out, i);
        if (same(got, want) || ++bad > 3) continue;
        Arena *arena = o->b.arena;
        fprintf(stderr, "%s %s of %s (%s, %s, %s) is %s, not %s\n", ir_op_info(c->op)->text,
                c->to ? vocab_elem(c->to)->text : "", vocab_elem(o->elem)->text,
                scalar_text(arena, args[0]), scalar_text(arena, args[1]),
                scalar_text(arena, args[2]), scalar_text(arena, got), scalar_text(arena, want));
    }
    return bad;
}

/* ---- the kernel ------------------------------------------------------------------------------ */

static const IrExpr *apply(IrKernel *k, const Case *c, const IrExpr *const *args)
{
    if (c->op == IR_CAST) return ir_cast(k, (IrType){c->to, 1}, args[0]);
    if (c->op >= IR_FMA) return ir_math(k, c->op, c->arity, args);
    return c->arity == 1 ? ir_unary(k, c->op, args[0]) : ir_binary(k, c->op, args[0], args[1]);
}

static void build(Ops *o, bool cuda)
{
    Bench *b = &o->b;
    bench_open(b, "ops", 64);
    IrKernel *k = b->k;
    const IrExpr *n = ir_size(k, ir_new_size(k, name_of(b, "n")));
    IrTensor *in[3];
    for (int i = 0; i < 3; ++i)
        in[i] = param_tensor(b, base_format(b->arena, "x%d", i), o->elem, 1, &n, false, true);
    IrVar *step = new_index(b, "i");
    /* One thread runs all: the order does not matter, and 4-bit elements share bytes. */
    IrStmt *one = ir_if(k, k->body, ir_binary(k, IR_EQ, ir_tid(k), ir_index(k, 0)), false);
    IrStmt *loop = ir_for(k, cuda ? one->body : k->body, step, ir_index(k, 0), n, ir_index(k, 1));
    const IrExpr *at = ir_var(k, step), *args[3];
    for (int i = 0; i < 3; ++i) {
        IrVar *x = ir_new_var(k, name_of(b, "v"), (IrType){o->elem, 1}, false);
        ir_let(k, loop->body, x, ir_load(k, in[i], 1, &at, NULL, NULL));
        args[i] = ir_var(k, x);
    }
    for (int i = 0; i < o->count; ++i) {
        const char *name = base_format(b->arena, "y%d", i);
        IrTensor *y = param_tensor(b, name, o->cases[i].result, 1, &n, true, false);
        ir_store(k, loop->body, y, &at, apply(k, &o->cases[i], args), NULL);
    }
    if (!cuda) k->body->stmts.data[0] = VEC_LAST(k->body->stmts), k->body->stmts.len = 1;
    if (cuda)
        bench_build_cuda(b, 32);
    else
        bench_build(b, 32, false);
}

static int run(Ops *o, bool cuda)
{
    build(o, cuda);
    void *tensors[3 + MAX_CASES];
    int64_t sizes[] = {COUNT};
    for (int i = 0; i < 3; ++i) tensors[i] = o->in[i];
    for (int i = 0; i < o->count; ++i) tensors[3 + i] = o->out[i];
    bench_launch(&o->b, tensors, NULL, sizes, 1, 1, 1);
    int bad = 0;
    for (int i = 0; i < o->count; ++i) bad += failures(o, &o->cases[i], o->out[i]);
    bench_close(&o->b);
    return bad;
}

static void all_types(void **state)
{
    bool cuda = *state != NULL;
    int bad = 0;
    uint8_t *memory = calloc((size_t)MAX_CASES + 3, STRIDE);
    assert_non_null(memory);
    for (int elem = ELEM_BOOL + 1; elem < ELEM_INDEX; ++elem) {
        Ops o = {.elem = (Elem)elem};
        uint64_t random = 88172645463325252ull;
        for (int i = 0; i < MAX_CASES + 3; ++i)
            *(i < 3 ? &o.in[i] : &o.out[i - 3]) = memory + (size_t)i * STRIDE;
        choose_cases(&o);
        for (int i = 0; i < COUNT; ++i)
            for (int j = 0; j < 3; ++j)
                write_at(o.elem, o.in[j], i, value_bits(o.elem, j, i, &random));
        bad += run(&o, cuda);
    }
    free(memory);
    assert_int_equal(bad, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"cpu", all_types, NULL, NULL, NULL},
        {"cuda text", all_types, NULL, NULL, (void *)"cuda"},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
