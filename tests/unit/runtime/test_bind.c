/* Binding a call: what is accepted, and the text of every refusal. */
#include "fixture.h"

/* kernel matmul(a: f32[m, k], b: f32[k, n], c: out f32[m, n], s: i32)
 *   instance 0 requires n % 4 == 0; instance 1 requires n / s >= 0 */
static const int a_dims[] = {0, 1}, b_dims[] = {1, 2}, c_dims[] = {0, 2};
static const HdParamInfo params[] = {
    {"a", true, kDLFloat, 32, "f32", 0, 2, a_dims, NULL, NULL},
    {"b", true, kDLFloat, 32, "f32", 0, 2, b_dims, NULL, NULL},
    {"c", true, kDLFloat, 32, "f32", 1, 2, c_dims, NULL, NULL},
    {"s", false, kDLInt, 32, "i32", 0, 0, NULL, NULL, NULL},
};
static const char *const sizes[] = {"m", "k", "n"};
static const int64_t n_mod_4[] = {HD_X_SIZE,  2, HD_X_CONST, 4,       HD_X_MOD,
                                  HD_X_CONST, 0, HD_X_EQ,    HD_X_END};
static const int64_t n_over_s[] = {HD_X_SIZE,  2, HD_X_ARG, 3,       HD_X_DIV,
                                   HD_X_CONST, 0, HD_X_GE,  HD_X_END};
static const int64_t grid_x[] = {HD_X_SIZE,  0,  HD_X_CONST, 15,      HD_X_ADD,
                                 HD_X_CONST, 16, HD_X_DIV,   HD_X_END};
static const int64_t k_small[] = {HD_X_SIZE, 1, HD_X_CONST, 8, HD_X_LE, HD_X_END};
static const HdRequireInfo vector_require[] = {{n_mod_4, "n % 4 == 0", "mm.hd", 3}};
static const HdRequireInfo plain_require[] = {{n_over_s, "n / s >= 0", "mm.hd", 4}};
static void no_code(const HdCpuArgs *args, int64_t begin, int64_t end)
{
    (void)args, (void)begin, (void)end;
}
static const HdVariantInfo variants[] = {{k_small, "small", no_code, NULL, 0, NULL},
                                         {NULL, "any", no_code, NULL, 0, NULL}};
static const HdInstanceInfo instances[] = {
    {.label = "vector",
     .require_count = 1,
     .requires_ = vector_require,
     .grid = {grid_x, NULL, NULL},
     .block = 1,
     .variant_count = 2,
     .variants = variants},
    {.label = "plain",
     .require_count = 1,
     .requires_ = plain_require,
     .grid = {grid_x, NULL, NULL},
     .block = 1,
     .variant_count = 2,
     .variants = variants},
};
static const HdKernelInfo matmul = {"matmul", 4, params, 3, sizes, 2, instances};

typedef struct {
    float data[4096];
    int64_t as[2], bs[2], cs[2];
    DLTensor a, b, c;
    int32_t s;
    HdArg args[4];
    HdCall call;
    HdFailure failure;
} Call;

static Call *call_new(void **state, int64_t m, int64_t k, int64_t n)
{
    Fixture *f = *state;
    Call *c = NEW(f->arena, Call);
    memcpy(c->as, (int64_t[]){m, k}, sizeof c->as);
    memcpy(c->bs, (int64_t[]){k, n}, sizeof c->bs);
    memcpy(c->cs, (int64_t[]){m, n}, sizeof c->cs);
    c->a = tensor_f32(c->data, 2, c->as);
    c->b = tensor_f32(c->data + 1024, 2, c->bs);
    c->c = tensor_f32(c->data + 2048, 2, c->cs);
    c->s = 1;
    c->args[0].tensor = &c->a;
    c->args[1].tensor = &c->b;
    c->args[2].tensor = &c->c;
    c->args[3].scalar = &c->s;
    return c;
}

static bool bind(Call *c)
{
    return hd_call_bind(&c->call, &matmul, c->args, 4, on_cpu, 0, &c->failure);
}

static void refused(Call *c, const char *text)
{
    assert_false(bind(c));
    assert_string_equal(c->failure.text, text);
    assert_int_equal(c->failure.status, HD_BAD_CALL);
}

static void test_binds(void **state)
{
    Call *c = call_new(state, 17, 9, 8);
    assert_true(bind(c));
    assert_int_equal(c->call.sizes[0], 17);
    assert_int_equal(c->call.sizes[1], 9);
    assert_int_equal(c->call.sizes[2], 8);
    assert_string_equal(c->call.instance->label, "vector");
    assert_string_equal(c->call.variant->label, "any");
    assert_int_equal(c->call.grid[0], 2);
    assert_int_equal(c->call.blocks, 2);
    assert_int_equal(c->call.spans[0], 17 * 9 * 4);
    assert_ptr_equal(c->call.tensors[1], c->data + 1024);
    hd_call_release(&c->call);
    c = call_new(state, 17, 8, 7);
    assert_true(bind(c));
    assert_string_equal(c->call.instance->label, "plain");
    assert_string_equal(c->call.variant->label, "small");
    hd_call_release(&c->call);
    c = call_new(state, 0, 8, 8);
    c->c.data = c->a.data = NULL; /* nothing there to point at */
    assert_true(bind(c));
    assert_int_equal(c->call.blocks, 0);
    hd_call_release(&c->call);
}

static void test_shapes(void **state)
{
    Call *c = call_new(state, 4, 64, 4);
    c->bs[0] = 32;
    refused(c, "`k` is 64 in argument a (dimension 1) but 32 in argument b (dimension 0)");
    c = call_new(state, 4, 8, 4);
    c->cs[1] = 5;
    refused(c, "`n` is 4 in argument b (dimension 1) but 5 in argument c (dimension 1)");
    c->a.ndim = 1;
    refused(c, "argument a has 1 dimension, not 2");
    c = call_new(state, 4, 8, 4);
    c->as[0] = -4;
    refused(c, "argument a has a negative extent, -4, in dimension 0");
    c = call_new(state, 4, 8, 4);
    c->as[0] = c->cs[0] = INT64_MAX / 2;
    refused(c, "argument a is larger than any memory");
}

static void test_forms(void **state)
{
    Call *c = call_new(state, 4, 8, 4);
    c->a.dtype = (DLDataType){kDLFloat, 64, 1};
    refused(c, "argument a has elements of type f64, not f32");
    c->a.dtype = (DLDataType){kDLFloat, 32, 4};
    refused(c, "argument a has elements of type f32x4, not f32");
    c->a.dtype = (DLDataType){77, 8, 1};
    refused(c, "argument a has elements of type DLPack type 77 of 8 bits, not f32");
    c = call_new(state, 4, 8, 4);
    c->b.data = NULL;
    refused(c, "argument b has no data (NULL)");
    c->args[1].tensor = NULL;
    refused(c, "argument b is missing (NULL)");
    c = call_new(state, 4, 8, 4);
    c->args[3].scalar = NULL;
    refused(c, "argument s is missing");
    c = call_new(state, 4, 8, 4);
    c->b.device = (DLDevice){kDLCUDA, 1};
    refused(c, "argument b is on cuda:1, but the kernel is to run on cpu");
    c->b.device.device_type = (DLDeviceType)99;
    refused(c, "argument b is on a DLPack device 99, but the kernel is to run on cpu");
    c = call_new(state, 4, 8, 4);
    c->a.byte_offset = 2;
    assert_false(bind(c));
    assert_non_null(strstr(c->failure.text, "is no multiple of 4, the bytes of an f32"));
    assert_false(hd_call_bind(&c->call, &matmul, c->args, 3, on_cpu, 0, &c->failure));
    assert_string_equal(c->failure.text, "matmul takes 4 arguments, not 3");
}

static void test_strides(void **state)
{
    Call *c = call_new(state, 4, 8, 4);
    int64_t row[2] = {8, 1}, column[2] = {1, 4}, one[2] = {99, 1};
    c->a.strides = row;
    assert_true(bind(c));
    hd_call_release(&c->call);
    c->a.strides = column;
    refused(c, "argument a is not contiguous: its stride in dimension 1 is 4, not 1; pass a "
               "contiguous copy");
    c = call_new(state, 1, 8, 4); /* the stride of a single row says nothing */
    c->a.strides = one;
    assert_true(bind(c));
    hd_call_release(&c->call);
}

static void test_aliasing(void **state)
{
    Call *c = call_new(state, 8, 8, 8);
    c->b.data = c->a.data; /* two inputs may be one */
    assert_true(bind(c));
    hd_call_release(&c->call);
    c->c.data = (float *)c->b.data + 63;
    refused(c, "arguments a and c overlap in memory, and matmul writes c; a tensor to be both read "
               "and written is one `inout` parameter");
    c->c.data = (float *)c->b.data + 64;
    assert_true(bind(c));
    hd_call_release(&c->call);
}

static void test_requires(void **state)
{
    Call *c = call_new(state, 4, 8, 7);
    c->s = -1;
    refused(c, "mm.hd:3: matmul requires `n % 4 == 0`, but n = 7 (and no other of its 2 instances "
               "fits)");
    c->s = 0; /* a division by zero does not hold */
    assert_false(bind(c));
    HdInstanceInfo one[1];
    memcpy(one, &instances[1], sizeof one);
    HdKernelInfo single = matmul;
    single.instance_count = 1;
    single.instances = one;
    assert_false(hd_call_bind(&c->call, &single, c->args, 4, on_cpu, 0, &c->failure));
    assert_string_equal(
        c->failure.text,
        "mm.hd:4: matmul requires `n / s >= 0`: division by zero, but n = 7, s = 0");
    DLDevice gpu = {kDLCUDA, 0};
    c = call_new(state, 4, 8, 4);
    c->a.device = c->b.device = c->c.device = gpu;
    assert_false(hd_call_bind(&c->call, &matmul, c->args, 4, gpu, 90, &c->failure));
    assert_string_equal(c->failure.text, "matmul has no code for sm_90");
    assert_int_equal(c->failure.status, HD_LACKING);
}

/* kernel pad(x: f32[m] strided(t), y: out f32[m + 2, 3]) and a grid of 5 - m blocks */
static const int x_dims[] = {0}, x_strides[] = {1}, y_dims[] = {-1, -1};
static const int64_t m_plus_2[] = {HD_X_SIZE, 0, HD_X_CONST, 2, HD_X_ADD, HD_X_END};
static const int64_t three[] = {HD_X_CONST, 3, HD_X_END};
static const int64_t five_minus_m[] = {HD_X_CONST, 5, HD_X_SIZE, 0, HD_X_SUB, HD_X_END};
static const HdHostExpr y_extents[] = {m_plus_2, three};
static const HdParamInfo pad_params[] = {
    {"x", true, kDLFloat, 32, "f32", 0, 1, x_dims, NULL, x_strides},
    {"y", true, kDLFloat, 32, "f32", 1, 2, y_dims, y_extents, NULL},
};
static const char *const pad_sizes[] = {"m", "t"};
static const HdInstanceInfo pad_instance = {
    .grid = {five_minus_m, NULL, NULL}, .variant_count = 2, .variants = variants};
static const HdKernelInfo pad = {"pad", 2, pad_params, 2, pad_sizes, 1, &pad_instance};

static void test_expressions_and_strides(void **state)
{
    (void)state;
    static float data[256];
    int64_t xs[1] = {4}, xt[1] = {-3}, ys[2] = {6, 3};
    DLTensor x = tensor_f32(data + 60, 1, xs), y = tensor_f32(data + 61, 2, ys);
    x.strides = xt;
    HdArg args[2] = {{&x, NULL}, {&y, NULL}};
    HdCall call;
    HdFailure failure;
    assert_true(hd_call_bind(&call, &pad, args, 2, on_cpu, 0, &failure));
    assert_int_equal(call.sizes[1], -3);
    assert_int_equal(call.spans[0], 40); /* from data + 51 to data + 60 */
    hd_call_release(&call);
    y.data = data + 60 - 9 - 18 + 1; /* its last element is x's lowest */
    assert_false(hd_call_bind(&call, &pad, args, 2, on_cpu, 0, &failure));
    y.data = data + 60 - 9 - 18;
    assert_true(hd_call_bind(&call, &pad, args, 2, on_cpu, 0, &failure));
    hd_call_release(&call);
    x.strides = NULL;
    y.data = data + 128;
    assert_true(hd_call_bind(&call, &pad, args, 2, on_cpu, 0, &failure));
    assert_int_equal(call.sizes[1], 1);
    hd_call_release(&call);
    ys[0] = 10;
    assert_false(hd_call_bind(&call, &pad, args, 2, on_cpu, 0, &failure));
    assert_string_equal(failure.text, "argument y has extent 10 in dimension 0, but it must be "
                                      "`m + 2` = 6 (m = 4)");
    ys[0] = 6, ys[1] = 4;
    assert_false(hd_call_bind(&call, &pad, args, 2, on_cpu, 0, &failure));
    assert_string_equal(failure.text, "argument y has extent 4 in dimension 1, but it must be "
                                      "`3` = 3");
    ys[0] = 8, ys[1] = 3, xs[0] = 6;
    assert_false(hd_call_bind(&call, &pad, args, 2, on_cpu, 0, &failure));
    assert_string_equal(failure.text, "the grid of pad, extent 0, `5 - m`: negative (m = 6)");
}

/* Two column blocks of one matrix: y (out) and x, as strided rank-2 tensors. */
static void test_interleaved_columns(void **state)
{
    (void)state;
    static const int dims[] = {0, 1}, strides[] = {2, 3};
    static const char *const names[] = {"m", "n", "p", "q"};
    static const HdParamInfo two[] = {
        {"x", true, kDLFloat, 32, "f32", 0, 2, dims, NULL, strides},
        {"y", true, kDLFloat, 32, "f32", 1, 2, dims, NULL, strides},
    };
    static const HdInstanceInfo instance = {.variant_count = 2, .variants = variants};
    static const HdKernelInfo kernel = {"copy", 2, two, 4, names, 1, &instance};
    static float data[128];
    int64_t shape[2] = {8, 8}, pitch[2] = {16, 1};
    HdCall call;
    HdFailure failure;
    for (int offset = 0; offset < 16; offset++) {
        DLTensor x = tensor_f32(data, 2, shape), y = tensor_f32(data + offset, 2, shape);
        x.strides = y.strides = pitch;
        HdArg args[2] = {{&x, NULL}, {&y, NULL}};
        bool ok = hd_call_bind(&call, &kernel, args, 2, on_cpu, 0, &failure);
        assert_int_equal(ok, offset == 8);
        if (ok) hd_call_release(&call);
    }
}

/* The codes by which different DLPacks know bools and 8-bit floats. */
static void test_element_codes(void **state)
{
    (void)state;
    static const struct {
        const char *elem;
        int table_code, code;
        bool fits;
    } rows[] = {
        {"bool", 6, 6, true},    {"bool", 6, 1, true},    {"bool", 6, 0, false},
        {"f8e4m3", 2, 2, true},  {"f8e4m3", 2, 10, true}, {"f8e4m3", 2, 12, false},
        {"f8e5m2", 2, 12, true}, {"u8", 1, 1, true},      {"u8", 1, 6, false},
    };
    for (size_t i = 0; i < BASE_LEN(rows); i++) {
        static const int dims[] = {0};
        static const char *const names[] = {"m"};
        static char data[4];
        int64_t shape[1] = {4};
        HdParamInfo p = {"x",  true, (uint8_t)rows[i].table_code, 8, rows[i].elem, 0, 1, dims,
                         NULL, NULL};
        HdInstanceInfo instance = {.variant_count = 2, .variants = variants};
        HdKernelInfo kernel = {"k", 1, &p, 1, names, 1, &instance};
        DLTensor x = tensor(data, rows[i].code, 8, 1, shape);
        HdArg arg = {&x, NULL};
        HdCall call;
        HdFailure failure;
        bool ok = hd_call_bind(&call, &kernel, &arg, 1, on_cpu, 0, &failure);
        assert_int_equal(ok, rows[i].fits);
        if (ok) hd_call_release(&call);
    }
}

static void test_trap_text(void **state)
{
    (void)state;
    static const HdSiteInfo sites[] = {
        {"a.hd", 12, 5, "index {0} is out of bounds for extent {1}{4}"}};
    HdInstanceInfo instance = {.site_count = 1, .sites = sites};
    HdTrap trap = {.state = 2, .value = {-7, 64}};
    HdFailure failure;
    assert_false(hd_trap_fail(&instance, &trap, &failure));
    assert_string_equal(failure.text, "a.hd:12:5: index -7 is out of bounds for extent 64{4}");
    assert_int_equal(failure.status, HD_TRAPPED);
    trap.site = 9;
    assert_false(hd_trap_fail(&instance, &trap, &failure));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_binds),
        FIXTURE_TEST(test_shapes),
        FIXTURE_TEST(test_forms),
        FIXTURE_TEST(test_strides),
        FIXTURE_TEST(test_aliasing),
        FIXTURE_TEST(test_requires),
        FIXTURE_TEST(test_expressions_and_strides),
        FIXTURE_TEST(test_interleaved_columns),
        cmocka_unit_test(test_element_codes),
        FIXTURE_TEST(test_trap_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
