/* The CUDA text: what it says for small kernels, what of the prelude it opens with, how it runs on
 * the host, and that NVRTC takes it (where there is one) for every architecture. */
#include "cuda_run.h"
#include "target/texts.h"

#include <signal.h>
#include <sys/wait.h>

#include "runtime/nvrtc.h"

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

static IrTensor *shared_array(Bench *b, const char *name, int64_t count, const IrStmt *scope)
{
    const IrExpr *extent = num(b, count);
    IrTensor *t = ir_new_tensor(b->k, name_of(b, name), IR_SHARED, ELEM_F32, 1, &extent);
    t->scope = scope;
    return t;
}

/* ---- texts ----------------------------------------------------------------------------------- */

/* c[i] = a[i] + b[i] for the thread's i, inside n. */
static void make_add(Bench *b)
{
    bench_open(b, "add", 256);
    IrKernel *k = b->k;
    const IrExpr *n = ir_size(k, ir_new_size(k, name_of(b, "n")));
    k->grid[0] = op(b, IR_DIV, op(b, IR_ADD, n, num(b, 255)), num(b, 256));
    IrTensor *x = param_tensor(b, "a", ELEM_F32, 1, &n, false, true);
    IrTensor *y = param_tensor(b, "b", ELEM_F32, 1, &n, false, true);
    IrTensor *z = param_tensor(b, "c", ELEM_F32, 1, &n, true, false);
    IrVar *var = new_index(b, "i");
    ir_let(k, k->body, var, op(b, IR_ADD, op(b, IR_MUL, ir_bid(k, 0), num(b, 256)), ir_tid(k)));
    const IrExpr *i = ir_var(k, var);
    IrStmt *inside = ir_if(k, k->body, op(b, IR_LT, i, n), false);
    ir_store(k, inside->body, z, &i, op(b, IR_ADD, at(b, x, i), at(b, y, i)), NULL);
}

static const char ADD_TEXT[] =
    "// add\n"
    "extern \"C\" __global__ void __launch_bounds__(256, 1) add_0_0(\n"
    "    const float *__restrict__ a,\n"
    "    const float *__restrict__ b,\n"
    "    float *__restrict__ c,\n"
    "    long long hd_n,\n"
    "    long long hd_grid_x, long long hd_grid_y, long long hd_grid_z, void *hd_report)\n"
    "{\n"
    "    const int n = (int)hd_n;\n"
    "    const int block_x = (int)blockIdx.x;\n"
    "    const int thread = (int)threadIdx.x;\n"
    "#line 1 \"test.hd\"\n"
    "    const int i = block_x * 256 + thread;\n"
    "#line 1\n"
    "    if (i < n) {\n"
    "#line 1\n"
    "        c[i] = a[i] + b[i];\n"
    "    }\n"
    "}\n"
    "\n";

static void vector_add(void **state)
{
    (void)state;
    Bench b;
    make_add(&b);
    assert_string_equal(bench_cuda_text(&b, 32), ADD_TEXT);
    bench_close(&b);
    make_add(&b);
    const char *wide = bench_cuda_text(&b, 64);
    assert_non_null(strstr(wide, "if (hd_block >= grid_x) return;"));
    assert_non_null(strstr(wide, "const long long i = block_x * 256 + thread;"));
    bench_close(&b);
    make_add(&b);
    bench_build_cuda(&b, 32);
    float x[600], y[600], z[600];
    for (int i = 0; i < 600; ++i) x[i] = (float)i, y[i] = 0.25f, z[i] = -1;
    void *tensors[] = {x, y, z};
    int64_t sizes[] = {590};
    bench_launch(&b, tensors, NULL, sizes, 3, 1, 1);
    for (int i = 0; i < 600; ++i) assert_true(z[i] == (i < 590 ? (float)i + 0.25f : -1));
    bench_close(&b);
}

/* One sum a block of 64: pairs within a warp by shuffles, then the warps' through shared memory. */
static void make_sum(Bench *b)
{
    bench_open(b, "sum", 64);
    IrKernel *k = b->k;
    const IrExpr *n = ir_size(k, ir_new_size(k, name_of(b, "n")));
    const IrExpr *m = ir_size(k, ir_new_size(k, name_of(b, "m")));
    k->grid[0] = m;
    const IrExpr *x, *bid = ir_bid(k, 0);
    IrTensor *in = param_tensor(b, "x", ELEM_F32, 1, &n, false, true);
    IrTensor *out = param_tensor(b, "y", ELEM_F32, 1, &m, true, false);
    IrTensor *parts = shared_array(b, "parts", 2, NULL);
    const IrExpr *lane = op(b, IR_MOD, ir_tid(k), num(b, 32));
    const IrExpr *warp = op(b, IR_DIV, ir_tid(k), num(b, 32));
    x = at(b, in, op(b, IR_ADD, op(b, IR_MUL, bid, num(b, 64)), ir_tid(k)));
    for (int by = 16; by; by /= 2) {
        IrVar *v = ir_new_var(k, name_of(b, "v"), (IrType){ELEM_F32, 1}, false);
        IrVar *got = ir_new_var(k, name_of(b, "got"), (IrType){ELEM_F32, 1}, false);
        ir_let(k, k->body, v, x);
        IrStmt *s = ir_append(k, k->body, IR_STMT_COLLECTIVE);
        s->builtin = BUILTIN_SHUFFLE_XOR;
        s->var = got;
        const IrExpr *args[] = {ir_var(k, v), ir_int(k, ELEM_I32, by)};
        s->count = 2;
        s->args = base_copy(b->arena, args, sizeof args);
        x = op(b, IR_ADD, ir_var(k, v), ir_var(k, got));
    }
    IrStmt *first = ir_if(k, k->body, op(b, IR_EQ, lane, num(b, 0)), false);
    ir_store(k, first->body, parts, &warp, x, NULL);
    ir_barrier(k, k->body, IR_SCOPE_BLOCK, 64);
    IrStmt *one = ir_if(k, k->body, op(b, IR_EQ, ir_tid(k), num(b, 0)), false);
    ir_store(k, one->body, out, &bid,
             op(b, IR_ADD, at(b, parts, num(b, 0)), at(b, parts, num(b, 1))), NULL);
}

static void block_sum(void **state)
{
    (void)state;
    Bench b;
    make_sum(&b);
    const char *text = bench_cuda_text(&b, 32);
    assert_non_null(strstr(text, "    __shared__ __align__(16) float parts[2];\n"));
    assert_non_null(strstr(text, "const float got = hd_shuffle_xor(v, 16);\n"));
    assert_non_null(strstr(text, "    __syncthreads();\n"));
    bench_close(&b);
    make_sum(&b);
    bench_build_cuda(&b, 32);
    float x[256], y[4];
    for (int i = 0; i < 256; ++i) x[i] = (float)(i % 7);
    void *tensors[] = {x, y};
    int64_t sizes[] = {256, 4};
    bench_launch(&b, tensors, NULL, sizes, 4, 1, 1);
    for (int j = 0; j < 4; ++j) {
        float sum = 0;
        for (int i = 0; i < 64; ++i) sum += x[j * 64 + i];
        assert_true(y[j] == sum);
    }
    bench_close(&b);
}

/* ---- barriers of groups, storage of scopes ----------------------------------------------------
 */

static IrBlock *role(Bench *b, int64_t from, int64_t count)
{
    IrStmt *s = ir_append(b->k, b->k->body, IR_STMT_ROLE);
    s->imm = from;
    s->imm2 = count;
    return s->body = ir_new_block(b->k);
}

static void barriers(void **state)
{
    (void)state;
    Bench b;
    bench_open(&b, "groups", 384);
    IrBlock *first = role(&b, 0, 128), *others = role(&b, 128, 256);
    ir_barrier(b.k, first, IR_SCOPE_GROUP, 128);
    ir_barrier(b.k, first, IR_SCOPE_WARP, 32);
    ir_barrier(b.k, others, IR_SCOPE_GROUP, 64);
    ir_barrier(b.k, others, IR_SCOPE_GROUP, 64);
    ir_barrier(b.k, others, IR_SCOPE_GROUP, 256);
    ir_barrier(b.k, b.k->body, IR_SCOPE_GROUP, 128);
    ir_barrier(b.k, b.k->body, IR_SCOPE_GROUP, 384);
    const char *text = bench_cuda_text(&b, 32);
    assert_non_null(strstr(text, "hd_group_sync(1, 128);"));
    assert_non_null(strstr(text, "__syncwarp();"));
    const char *four = "hd_group_sync(2 + (int)((thread - 128) / 64), 64);";
    assert_non_null(strstr(text, four));
    assert_non_null(strstr(strstr(text, four) + 1, four)); /* the same groups, the same barrier */
    assert_non_null(strstr(text, "hd_group_sync(6, 256);"));
    assert_non_null(strstr(text, "hd_group_sync(7 + (int)(thread / 128), 128);"));
    assert_non_null(strstr(text, "__syncthreads();"));
    bench_build_cuda(&b, 32);
    bench_launch(&b, NULL, NULL, NULL, 2, 1, 1);
    bench_close(&b);
}

static IrStmt *scope_with(Bench *b, const char *name, int64_t count)
{
    IrStmt *s = ir_append(b->k, b->k->body, IR_STMT_SCOPE);
    s->body = ir_new_block(b->k);
    const IrExpr *i = ir_tid(b->k);
    ir_store(b->k, s->body, shared_array(b, name, count, s), &i,
             ir_const(b->k, scalar_float(ELEM_F32, 1)), NULL);
    return s;
}

static void scopes(void **state)
{
    (void)state;
    Bench b;
    bench_open(&b, "small", 32);
    scope_with(&b, "p", 1024);
    scope_with(&b, "q", 2048);
    const char *text = bench_cuda_text(&b, 32);
    assert_non_null(strstr(text, "float p[1024];"));
    assert_non_null(strstr(text, "float q[2048];"));
    bench_close(&b);
    bench_open(&b, "large", 32);
    scope_with(&b, "p", 10240);
    scope_with(&b, "q", 12288);
    text = bench_cuda_text(&b, 32);
    assert_non_null(strstr(text, "HD_DYNAMIC_SHARED;"));
    assert_non_null(strstr(text, "float *const p = (float *)(hd_shared + 0);"));
    assert_non_null(strstr(text, "float *const q = (float *)(hd_shared + 0);"));
    assert_non_null(strstr(text, "__syncthreads();"));
    bench_close(&b);
}

/* The machine notices a barrier that half a warp comes to: it ends the program. */
static void divergence(void **state)
{
    (void)state;
    Bench b;
    bench_open(&b, "half", 32);
    IrStmt *some = ir_if(b.k, b.k->body, op(&b, IR_LT, ir_tid(b.k), num(&b, 16)), false);
    ir_barrier(b.k, some->body, IR_SCOPE_BLOCK, 32);
    bench_build_cuda(&b, 32);
    int status;
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        bench_launch(&b, NULL, NULL, NULL, 1, 1, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    bench_close(&b);
}

/* ---- the prelude ------------------------------------------------------------------------------
 */

static void prelude_is_cut(void **state)
{
    (void)state;
    Bench b;
    make_sum(&b);
    const char *text = bench_cuda_text(&b, 32);
    assert_non_null(strstr(text, "hd_by_word"));
    assert_non_null(strstr(text, "hd_bits"));
    assert_null(strstr(text, "hd_shuffle_up"));
    assert_null(strstr(text, "hd_f16"));
    assert_null(strstr(text, "hd_atomic"));
    bench_close(&b);
}

/* Uses of the templates, which are otherwise checked only in part. */
static const char USES[] =
    "extern \"C\" __global__ void use(int *p, unsigned long long *q, unsigned short *h,\n"
    "    unsigned char *c, float *f, double *d, hd_f16 *x, HdTrap *t, unsigned *w, hd_bf16 *y) {\n"
    "  HD_DYNAMIC_SHARED;\n"
    "  p[0] = hd_shuffle(p[1], 3) + hd_shuffle_up(p[1], 2);\n"
    "  d[0] = hd_shuffle_xor(d[1], 3);\n"
    "  x[0] = hd_shuffle_down(x[1], 3);\n"
    "  c[0] = hd_shuffle(c[1], 1);\n"
    "  hd_atomic_store<unsigned char>(c + 3, 7, HD_RELEASE, HD_BLOCK);\n"
    "  c[4] = hd_atomic_cas<unsigned char>(c + 5, 1, 2, HD_ACQ_REL, HD_DEVICE);\n"
    "  h[4] = hd_atomic_exchange<unsigned short>(h + 5, 1);\n"
    "  q[1] = hd_atomic_load<unsigned long long>(q + 4, HD_ACQUIRE);\n"
    "  q[2] = hd_atomic_xor<unsigned long long>(q + 4, 5);\n"
    "  q[2] += hd_atomic_add_u64(q + 9, 5) + hd_atomic_min_u64(q + 9, 5);\n"
    "  f[0] = hd_atomic_add_f32(f + 1, 2.0f) + hd_atomic_min_f32(f + 2, 1.0f);\n"
    "  d[0] = hd_atomic_add_f64(d + 1, 2.0) + hd_atomic_max_f64(d + 2, 1.0);\n"
    "  x[2] = hd_atomic_add_f16(x + 3, x[4]);\n"
    "  y[2] = hd_atomic_max_bf16(y + 3, y[4]);\n"
    "  *(hd_vec<float, 4> *)&f[8] = hd_map<float, 4>([](float a, float b) { return a + b; },\n"
    "      hd_splat<float, 4>(f[1]), *(const hd_vec<float, 4> *)&f[4]);\n"
    "  hd_grid_sync(w, t);\n"
    "  hd_group_sync(1, 64);\n"
    "  while (!(hd_peek(&p[3]) == 1)) hd_pause_unless(t);\n"
    "  if (p[0] > 3) { hd_trap(t, 1, 2, 3, 4, 5); hd_exit(); }\n"
    "  hd_store_i4(c, p[3], 5); hd_shared[3] = hd_load_i4(c, p[2]); c[7] = hd_shared[p[1]];\n"
    "  x[8] = hd_fma_f16(x[1], x[2], x[3]); y[9] = hd_fma_bf16(y[1], y[2], y[4]);\n"
    "  p[5] = hd_dot4(*(hd_vec<signed char, 4> *)&p[6], *(hd_vec<signed char, 4> *)&p[7], p[8]);\n"
    "}\n";

static void prelude_compiles(void **state)
{
    (void)state;
    HdFailure failure = {0};
    RuntimeNvrtc *nvrtc = runtime_nvrtc_create(&failure);
    if (!nvrtc) {
        print_message("skipped: %s\n", failure.text);
        skip();
    }
    Bench b;
    bench_open(&b, "none", 32);
    const char *text = base_format(b.arena, "%s%s%s", target_text(TEXT_CUDA_PRELUDE),
                                   target_text(TEXT_CUDA_SYNC), USES);
    int count;
    const int *archs = runtime_nvrtc_archs(nvrtc, &count);
    for (int i = 0; i < count; ++i) {
        static const char *const quiet[] = {"--diag-suppress=177", NULL};
        RuntimeNvrtcOptions options = {
            .arch = archs[i], .specific = archs[i] == 90, .extra = quiet};
        RuntimeNvrtcResult r;
        bool ok = runtime_nvrtc_compile(nvrtc, b.arena, text, "prelude.cu", &options, &r, &failure);
        if (!ok) print_message("sm_%d: %s\n", archs[i], failure.text);
        assert_true(ok);
    }
    runtime_nvrtc_destroy(nvrtc);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_add),       cmocka_unit_test(block_sum),
        cmocka_unit_test(barriers),         cmocka_unit_test(scopes),
        cmocka_unit_test(divergence),       cmocka_unit_test(prelude_is_cut),
        cmocka_unit_test(prelude_compiles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
