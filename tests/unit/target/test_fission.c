/* Fission end to end: kernels with barriers, collectives and roles, as built by hand, run as
 * serial C and compared with plain loops. */
#include "target/cpu_run.h"

#include "pass/internal.h"

enum { N = 128 };

static void fission(Bench *b, bool expand)
{
    PassOptions options = {.target = PASS_FOR_CPU, .index_bits = 32, .alignment = 4};
    PassContext ctx = {.k = b->k, .diags = b->diags, .options = &options};
    if (expand) assert_true(pass_expand(&ctx));
    assert_true(pass_fission(&ctx));
}

static const IrExpr *num(Bench *b, int64_t value)
{
    return ir_index(b->k, value);
}

static const IrExpr *op(Bench *b, IrOp code, const IrExpr *x, const IrExpr *y)
{
    return ir_binary(b->k, code, x, y);
}

static const IrExpr *at(Bench *b, const IrTensor *t, const IrExpr *index)
{
    return ir_load(b->k, t, 1, &index, NULL, NULL);
}

static void put(Bench *b, IrBlock *block, const IrTensor *t, const IrExpr *index,
                const IrExpr *value)
{
    ir_store(b->k, block, t, &index, value, NULL);
}

static IrVar *f32_var(Bench *b, const char *name, bool mutable)
{
    return ir_new_var(b->k, name_of(b, name), (IrType){ELEM_F32, 1}, mutable);
}

/* Tree reduction in shared memory: a loop with a barrier, values that live across it. */
static void block_reduce(void **state)
{
    (void)state;
    Bench b;
    bench_open(&b, "block_reduce", N);
    IrKernel *k = b.k;
    const IrExpr *n = num(&b, N);
    IrTensor *x = param_tensor(&b, "x", ELEM_F32, 1, &n, false, true);
    IrTensor *y = param_tensor(&b, "y", ELEM_F32, 1, &n, true, false);
    IrTensor *s = ir_new_tensor(k, name_of(&b, "s"), IR_SHARED, ELEM_F32, 1, &n);
    const IrExpr *tid = ir_tid(k);
    IrVar *own = f32_var(&b, "own", false), *reach = new_index(&b, "reach"), *d;
    ir_let(k, k->body, own, at(&b, x, tid));
    put(&b, k->body, s, tid, ir_var(k, own));
    ir_barrier(k, k->body, IR_SCOPE_BLOCK, N);
    IrStmt *loop = ir_for(k, k->body, reach, num(&b, 0), num(&b, 7), num(&b, 1));
    d = new_index(&b, "d");
    ir_let(k, loop->body, d, op(&b, IR_SHR, num(&b, 64), ir_var(k, reach)));
    IrStmt *low = ir_if(k, loop->body, op(&b, IR_LT, tid, ir_var(k, d)), false);
    put(&b, low->body, s, tid,
        op(&b, IR_ADD, at(&b, s, tid), at(&b, s, op(&b, IR_ADD, tid, ir_var(k, d)))));
    ir_barrier(k, loop->body, IR_SCOPE_BLOCK, N);
    put(&b, k->body, y, tid, op(&b, IR_SUB, at(&b, s, num(&b, 0)), ir_var(k, own)));
    fission(&b, false);
    bench_build(&b, 32, false);
    float in[N], out[N], sum = 0;
    for (int i = 0; i < N; i++) sum += in[i] = (float)(i * 7 % 13);
    void *tensors[] = {in, out};
    bench_launch(&b, tensors, NULL, NULL, 1, 1, 1);
    for (int i = 0; i < N; i++) assert_true(out[i] == sum - in[i]);
    bench_close(&b);
}

static IrVar *shuffle(Bench *b, IrBlock *block, Builtin builtin, const IrExpr *value, int64_t by)
{
    IrStmt *s = ir_append(b->k, block, IR_STMT_COLLECTIVE);
    s->builtin = builtin;
    s->var = ir_new_var(b->k, name_of(b, "got"), value->type, false);
    const IrExpr *args[] = {value, ir_int(b->k, ELEM_I32, by)};
    s->args = base_copy(b->arena, args, sizeof args);
    s->count = by < 0 ? 1 : 2;
    return s->var;
}

/* A butterfly in each warp, then one warp adds the warps' sums: warp level inside block level. A
 * block of 112 threads has a last warp of 16 lanes. */
static void warp_shuffles(void **state)
{
    (void)state;
    enum { T = 112 };
    Bench b;
    bench_open(&b, "warp_shuffles", T);
    IrKernel *k = b.k;
    const IrExpr *n = num(&b, T), *four = num(&b, 4);
    IrTensor *x = param_tensor(&b, "x", ELEM_F32, 1, &n, false, true);
    IrTensor *y = param_tensor(&b, "y", ELEM_F32, 1, &n, true, false);
    IrTensor *part = ir_new_tensor(k, name_of(&b, "part"), IR_SHARED, ELEM_F32, 1, &four);
    const IrExpr *tid = ir_tid(k);
    IrVar *sum = f32_var(&b, "sum", true), *warp = new_index(&b, "warp");
    ir_let(k, k->body, warp, op(&b, IR_DIV, tid, num(&b, 32)));
    ir_let(k, k->body, sum, at(&b, x, tid));
    for (int mask = 16; mask; mask /= 2) {
        IrVar *got = shuffle(&b, k->body, BUILTIN_SHUFFLE_XOR, ir_var(k, sum), mask);
        ir_set(k, k->body, sum, op(&b, IR_ADD, ir_var(k, sum), ir_var(k, got)));
    }
    const IrExpr *lane = op(&b, IR_MOD, tid, num(&b, 32));
    IrStmt *first = ir_if(k, k->body, op(&b, IR_EQ, lane, num(&b, 0)), false);
    put(&b, first->body, part, ir_var(k, warp), ir_var(k, sum));
    ir_barrier(k, k->body, IR_SCOPE_BLOCK, T);
    IrVar *total = f32_var(&b, "total", true), *i = new_index(&b, "i");
    ir_let(k, k->body, total, ir_const(k, scalar_float(ELEM_F32, 0)));
    IrStmt *loop = ir_for(k, k->body, i, num(&b, 0), num(&b, 4), num(&b, 1));
    ir_set(k, loop->body, total, op(&b, IR_ADD, ir_var(k, total), at(&b, part, ir_var(k, i))));
    put(&b, k->body, y, tid, ir_var(k, total));
    fission(&b, false);
    bench_build(&b, 64, false);
    float in[T], out[T], warps[4], expect = 0;
    for (int j = 0; j < T; j++) in[j] = (float)(j % 9) * 0.37f;
    for (int w = 0; w < 4; w++) {
        float v[32], u[32];
        int lanes = w < 3 ? 32 : 16;
        for (int l = 0; l < lanes; l++) v[l] = in[w * 32 + l];
        for (int mask = 16; mask; mask /= 2) {
            for (int l = 0; l < lanes; l++) u[l] = v[l] + v[(l ^ mask) < lanes ? l ^ mask : l];
            memcpy(v, u, sizeof v);
        }
        warps[w] = v[0];
    }
    for (int w = 0; w < 4; w++) expect += warps[w];
    void *tensors[] = {in, out};
    bench_launch(&b, tensors, NULL, NULL, 1, 1, 1);
    for (int j = 0; j < T; j++) assert_true(out[j] == expect);
    bench_close(&b);
}

/* Votes, and a shuffle under a condition that is uniform in each warp only. */
static void votes(void **state)
{
    (void)state;
    Bench b;
    bench_open(&b, "votes", N);
    IrKernel *k = b.k;
    const IrExpr *n = num(&b, N), *tid = ir_tid(k);
    IrTensor *x = param_tensor(&b, "x", ELEM_F32, 1, &n, false, true);
    IrTensor *y = param_tensor(&b, "y", ELEM_U32, 1, &n, true, false);
    const IrExpr *big = op(&b, IR_GT, at(&b, x, tid), ir_const(k, scalar_float(ELEM_F32, 0.5)));
    IrVar *any = shuffle(&b, k->body, BUILTIN_VOTE_ANY, big, -1);
    put(&b, k->body, y, tid, ir_int(k, ELEM_U32, 7));
    IrStmt *branch = ir_if(k, k->body, ir_var(k, any), false);
    IrVar *bits = shuffle(&b, branch->body, BUILTIN_BALLOT, big, -1);
    bits->type.elem = ELEM_U32;
    IrVar *down =
        shuffle(&b, branch->body, BUILTIN_SHUFFLE_DOWN, ir_cast(k, (IrType){ELEM_U32, 1}, tid), 1);
    put(&b, branch->body, y, tid, op(&b, IR_ADD, ir_var(k, bits), ir_var(k, down)));
    fission(&b, false);
    bench_build(&b, 32, false);
    float in[N];
    uint32_t out[N];
    for (int j = 0; j < N; j++) in[j] = j >= 32 && j < 64 ? 0 : (float)(j % 3);
    void *tensors[] = {in, out};
    bench_launch(&b, tensors, NULL, NULL, 1, 1, 1);
    for (int j = 0; j < N; j++) {
        uint32_t ballot = 0, expect = 7;
        for (int l = 0; l < 32; l++) ballot |= (uint32_t)(in[j / 32 * 32 + l] > 0.5f) << l;
        if (ballot) expect = ballot + (uint32_t)(j % 32 == 31 ? j : j + 1);
        assert_int_equal(out[j], expect);
    }
    bench_close(&b);
}

static IrStmt *role(Bench *b, IrBlock *block, int64_t from, int64_t count)
{
    IrStmt *s = ir_append(b->k, block, IR_STMT_ROLE);
    s->imm = from;
    s->imm2 = count;
    s->body = ir_new_block(b->k);
    return s;
}

/* Two roles with barriers of their own, around a register tile [2 slots] that lives throughout. */
static void roles(void **state)
{
    (void)state;
    Bench b;
    bench_open(&b, "roles", N);
    IrKernel *k = b.k;
    const IrExpr *n = num(&b, N), *tid = ir_tid(k), *two = num(&b, 2);
    IrTensor *y = param_tensor(&b, "y", ELEM_I32, 1, &n, true, false);
    IrTensor *s = ir_new_tensor(k, name_of(&b, "s"), IR_SHARED, ELEM_I32, 1, &n);
    IrTensor *r = ir_new_tensor(k, name_of(&b, "r"), IR_PRIVATE, ELEM_I32, 1, &two);
    const IrExpr *own = ir_cast(k, (IrType){ELEM_I32, 1}, tid);
    put(&b, k->body, r, num(&b, 0), own);
    put(&b, k->body, r, num(&b, 1), op(&b, IR_MUL, own, ir_int(k, ELEM_I32, 3)));
    put(&b, k->body, s, tid, ir_int(k, ELEM_I32, -5));
    ir_barrier(k, k->body, IR_SCOPE_BLOCK, N);
    IrStmt *one = role(&b, k->body, 0, 32), *rest = role(&b, k->body, 32, 96);
    put(&b, one->body, s, tid, at(&b, r, num(&b, 1)));
    ir_barrier(k, one->body, IR_SCOPE_WARP, 32);
    put(&b, one->body, y, tid, at(&b, s, op(&b, IR_SUB, num(&b, 31), tid)));
    IrStmt *single = role(&b, rest->body, 40, 1);
    put(&b, single->body, s, num(&b, 127), ir_int(k, ELEM_I32, 99));
    ir_barrier(k, rest->body, IR_SCOPE_GROUP, 96);
    put(&b, rest->body, y, tid, op(&b, IR_ADD, at(&b, s, num(&b, 127)), at(&b, r, num(&b, 0))));
    fission(&b, false);
    bench_build(&b, 32, false);
    int32_t out[N];
    void *tensors[] = {out};
    bench_launch(&b, tensors, NULL, NULL, 1, 1, 1);
    for (int j = 0; j < N; j++) assert_int_equal(out[j], j < 32 ? 3 * (31 - j) : 99 + j);
    bench_close(&b);
}

/* A tile over spatial * repeat written in one task loop, read after a barrier in another. */
static void tiles(void **state)
{
    (void)state;
    Bench b;
    bench_open(&b, "tiles", 32);
    IrKernel *k = b.k;
    MappingError error;
    int64_t four[] = {4}, eight[] = {8, 4}, two[] = {2, 2};
    (void)four;
    const Mapping *m = mapping_compose(b.arena, mapping_spatial(b.arena, 2, eight, NULL, &error),
                                       mapping_repeat(b.arena, 2, two, NULL, &error), &error);
    const IrExpr *shape[] = {num(&b, 16), num(&b, 8)};
    IrTensor *y = param_tensor(&b, "y", ELEM_I32, 2, shape, true, false);
    IrTensor *r = ir_new_tensor(k, name_of(&b, "r"), IR_TILE, ELEM_I32, 2, shape);
    r->over = m;
    for (int pass = 0; pass < 2; pass++) {
        IrStmt *s = ir_append(k, k->body, IR_STMT_TASKS);
        IrTasks *tasks = NEW(b.arena, IrTasks);
        IrVar *vars[] = {new_index(&b, "i"), new_index(&b, "j")};
        for (int d = 0; d < 2; d++) vars[d]->lo = 0, vars[d]->hi = d ? 7 : 15;
        *tasks = (IrTasks){m, base_copy(b.arena, vars, sizeof vars), 1};
        s->tasks = tasks;
        s->args = NEW_ARRAY(b.arena, const IrExpr *, 1);
        s->args[0] = ir_tid(k);
        s->count = 1;
        s->body = ir_new_block(k);
        const IrExpr *index[] = {ir_var(k, vars[0]), ir_var(k, vars[1])};
        const IrExpr *value = op(&b, IR_ADD, op(&b, IR_MUL, index[0], num(&b, 100)), index[1]);
        if (pass == 0)
            ir_store(k, s->body, r, index, ir_cast(k, (IrType){ELEM_I32, 1}, value), NULL);
        else
            ir_store(k, s->body, y, index, ir_load(k, r, 1, index, NULL, NULL), NULL);
        if (pass == 0) ir_barrier(k, k->body, IR_SCOPE_BLOCK, 32);
    }
    fission(&b, true);
    bench_build(&b, 32, false);
    int32_t out[128];
    void *tensors[] = {out};
    bench_launch(&b, tensors, NULL, NULL, 1, 1, 1);
    for (int j = 0; j < 128; j++) assert_int_equal(out[j], j / 8 * 100 + j % 8);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_reduce), cmocka_unit_test(warp_shuffles), cmocka_unit_test(votes),
        cmocka_unit_test(roles),        cmocka_unit_test(tiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
