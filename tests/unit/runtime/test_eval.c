/* Host expressions against an independent oracle: 128-bit arithmetic over the same random trees. */
#include "fixture.h"

typedef __int128 Wide;

static const char *const size_names[] = {"m", "n"};
static const HdParamInfo params[] = {
    {.name = "s", .is_tensor = false, .dl_code = kDLInt, .dl_bits = 32, .elem = "i32"},
    {.name = "t", .is_tensor = true, .dl_code = kDLFloat, .dl_bits = 32, .elem = "f32"},
};
static const HdKernelInfo kernel = {
    .name = "k", .param_count = 2, .params = params, .size_count = 2, .size_names = size_names};

typedef struct {
    HdCall call;
    int64_t sizes[2], spans[2];
    HdOrigin origins[2];
    void *tensors[2];
    const void *scalars[2];
    int32_t scalar;
} Bound;

static void bind(Bound *b, int64_t m, int64_t n, int32_t s)
{
    memset(b, 0, sizeof *b);
    b->sizes[0] = m;
    b->sizes[1] = n;
    b->scalar = s;
    b->scalars[0] = &b->scalar;
    b->tensors[1] = (void *)(uintptr_t)0x1040;
    b->spans[1] = 96;
    b->call = (HdCall){.kernel = &kernel,
                       .sizes = b->sizes,
                       .spans = b->spans,
                       .origins = b->origins,
                       .tensors = b->tensors,
                       .scalars = b->scalars};
}

static const char *eval(Bound *b, const int64_t *code, int64_t *value)
{
    return hd_host_eval(code, &b->call, value);
}

/* ---- random trees -------------------------------------------------------------------------- */

typedef struct {
    int64_t code[1024];
    int len;
    uint64_t seed;
    Bound *bound;
} Tree;
typedef struct {
    Wide value;
    bool error;
} Expected;

static const Wide low = INT64_MIN, high = INT64_MAX;

static Expected leaf(Tree *t)
{
    static const int64_t edges[] = {0, 1, -1, 2, -3, 7, 63, 64, INT64_MAX, INT64_MIN, 1 << 20};
    uint64_t r = random_next(&t->seed);
    int64_t v;
    switch (r % 4) {
    case 0:
        t->code[t->len++] = HD_X_SIZE;
        v = (int64_t)(r >> 8 & 1);
        break;
    case 1:
        t->code[t->len++] = HD_X_ARG;
        v = 0;
        break;
    default:
        t->code[t->len++] = HD_X_CONST;
        v = edges[(r >> 8) % BASE_LEN(edges)];
        break;
    }
    t->code[t->len++] = v;
    if (r % 4 == 0) v = t->bound->sizes[v];
    if (r % 4 == 1) v = t->bound->scalar;
    return (Expected){v, false};
}

static Wide wide_floor_div(Wide a, Wide b)
{
    Wide q = a / b;
    return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}

static Expected wide_binary(int64_t op, Expected a, Expected b)
{
    bool bad_shift = b.value < 0 || b.value > 63;
    if (op == HD_X_AND &&
        ((a.error && !b.error && b.value == 0) || (b.error && !a.error && a.value == 0)))
        return (Expected){0, false};
    if (op == HD_X_OR &&
        ((a.error && !b.error && b.value == 1) || (b.error && !a.error && a.value == 1)))
        return (Expected){1, false};
    if (a.error || b.error) return (Expected){0, true};
    Wide x = a.value, y = b.value, v = 0;
    bool error = false;
    switch (op) {
    case HD_X_ADD:
        v = x + y;
        break;
    case HD_X_SUB:
        v = x - y;
        break;
    case HD_X_MUL:
        v = x * y;
        break;
    case HD_X_DIV:
        error = y == 0;
        v = error ? 0 : wide_floor_div(x, y);
        break;
    case HD_X_MOD:
        error = y == 0;
        v = error ? 0 : x - wide_floor_div(x, y) * y;
        break;
    case HD_X_MIN:
        v = x < y ? x : y;
        break;
    case HD_X_MAX:
        v = x > y ? x : y;
        break;
    case HD_X_AND:
        v = x & y;
        break;
    case HD_X_OR:
        v = x | y;
        break;
    case HD_X_XOR:
        v = x ^ y;
        break;
    case HD_X_SHL:
        error = bad_shift;
        v = error ? 0 : x * ((Wide)1 << y);
        break;
    case HD_X_SHR:
        error = bad_shift;
        v = error ? 0 : wide_floor_div(x, (Wide)1 << y);
        break;
    case HD_X_EQ:
        v = x == y;
        break;
    case HD_X_NE:
        v = x != y;
        break;
    case HD_X_LT:
        v = x < y;
        break;
    case HD_X_LE:
        v = x <= y;
        break;
    case HD_X_GT:
        v = x > y;
        break;
    case HD_X_GE:
        v = x >= y;
        break;
    default:
        fail();
    }
    error = error || v < low || v > high;
    return (Expected){v, error};
}

static Expected grow(Tree *t, int depth)
{
    uint64_t r = random_next(&t->seed);
    if (depth == 0 || r % 8 == 0) return leaf(t);
    if (r % 8 == 1) {
        Expected a = grow(t, depth - 1);
        bool negate = r >> 8 & 1;
        t->code[t->len++] = negate ? HD_X_NEG : HD_X_NOT;
        if (a.error) return a;
        Wide v = negate ? -a.value : a.value == 0;
        return (Expected){v, v > high};
    }
    Expected a = grow(t, depth - 1), b = grow(t, depth - 1);
    if (r % 8 == 2) {
        Expected c = grow(t, depth - 1);
        t->code[t->len++] = HD_X_SELECT;
        return a.error ? a : a.value ? b : c;
    }
    int64_t op = HD_X_ADD + (int64_t)((r >> 8) % (HD_X_GE - HD_X_ADD + 1));
    t->code[t->len++] = op;
    return wide_binary(op, a, b);
}

static void test_random_trees(void **state)
{
    (void)state;
    Bound b;
    uint64_t seed = 88172645463325252u;
    int errors = 0, values = 0;
    for (int i = 0; i < 20000; i++) {
        bind(&b, (int64_t)(random_next(&seed) % 5000), (int64_t)(random_next(&seed) >> 2),
             (int32_t)random_next(&seed));
        Tree t = {.seed = random_next(&seed) | 1, .bound = &b};
        Expected want = grow(&t, 4);
        t.code[t.len] = HD_X_END;
        int64_t got;
        const char *error = eval(&b, t.code, &got);
        assert_int_equal(error != NULL, want.error);
        if (!want.error) assert_int_equal(got, (int64_t)want.value);
        want.error ? errors++ : values++;
    }
    assert_true(errors > 1000 && values > 1000); /* both sides were tried */
}

static void test_leaves_and_errors(void **state)
{
    (void)state;
    Bound b;
    int64_t v;
    bind(&b, 7, 3, -5);
    assert_null(hd_host_eval(NULL, &b.call, &v));
    assert_int_equal(v, 1);
    assert_null(eval(&b, (int64_t[]){HD_X_ALIGN, 1, HD_X_END}, &v));
    assert_int_equal(v, 64);
    assert_null(eval(&b, (int64_t[]){HD_X_BYTES, 1, HD_X_END}, &v));
    assert_int_equal(v, 96);
    assert_string_equal(eval(&b, (int64_t[]){HD_X_CONST, 1, HD_X_CONST, 0, HD_X_DIV, HD_X_END}, &v),
                        "division by zero");
    const int64_t bad[][4] = {{HD_X_END},
                              {HD_X_ADD, HD_X_END},
                              {999, HD_X_END},
                              {-1, HD_X_END},
                              {HD_X_SIZE, 2, HD_X_END},
                              {HD_X_ARG, 1, HD_X_END},
                              {HD_X_ALIGN, 0, HD_X_END},
                              {HD_X_SIZE, -1, HD_X_END}};
    for (size_t i = 0; i < BASE_LEN(bad); i++) assert_non_null(eval(&b, bad[i], &v));
    int64_t deep[2 * 70 + 1];
    for (int i = 0; i < 70; i++) deep[2 * i] = HD_X_CONST, deep[2 * i + 1] = 1;
    deep[140] = HD_X_END;
    assert_non_null(eval(&b, deep, &v));
}

static void test_scalars_of_each_width(void **state)
{
    (void)state;
    static const struct {
        int code, bits;
        uint64_t raw;
        int64_t want;
        bool error;
    } rows[] = {
        {kDLInt, 8, 0xff, -1, false},
        {kDLUInt, 8, 0xff, 255, false},
        {kDLInt, 16, 0x8000, -32768, false},
        {kDLUInt, 16, 0x8000, 32768, false},
        {kDLInt, 32, 0xffffffff, -1, false},
        {kDLUInt, 32, 0xffffffff, 4294967295, false},
        {kDLInt, 64, UINT64_MAX, -1, false},
        {kDLUInt, 64, UINT64_MAX, 0, true},
        {6, 8, 1, 1, false},
        {kDLFloat, 32, 0, 0, true},
    };
    for (size_t i = 0; i < BASE_LEN(rows); i++) {
        Bound b;
        int64_t v;
        HdParamInfo p = {
            .name = "s", .dl_code = (uint8_t)rows[i].code, .dl_bits = (uint8_t)rows[i].bits};
        HdKernelInfo k = {.name = "k", .param_count = 1, .params = &p};
        bind(&b, 0, 0, 0);
        b.call.kernel = &k;
        b.scalars[0] = &rows[i].raw;
        const char *error = eval(&b, (int64_t[]){HD_X_ARG, 0, HD_X_END}, &v);
        assert_int_equal(error != NULL, rows[i].error);
        if (!error) assert_int_equal(v, rows[i].want);
    }
}

static void test_printing(void **state)
{
    (void)state;
    Bound b;
    char buffer[200];
    bind(&b, 7, 3, -5);
    /* (m + 1) * n % 4 == 0 & align(t) >= 16 */
    const int64_t code[] = {HD_X_SIZE,   0,         HD_X_CONST, 1,         HD_X_ADD,   HD_X_SIZE,
                            1,           HD_X_MUL,  HD_X_CONST, 4,         HD_X_MOD,   HD_X_CONST,
                            0,           HD_X_EQ,   HD_X_ALIGN, 1,         HD_X_CONST, 16,
                            HD_X_GE,     HD_X_SIZE, 0,          HD_X_SIZE, 1,          HD_X_MIN,
                            HD_X_SELECT, HD_X_END};
    HdText text = {buffer, 0, sizeof buffer};
    hd_host_print(code, &kernel, &text);
    assert_string_equal(buffer, "(m + 1) * n % 4 == 0 ? align(t) >= 16 : min(m, n)");
    text.len = 0;
    hd_host_values(code, &b.call, &text);
    assert_string_equal(buffer, "m = 7, n = 3, align(t) = 64");
    text = (HdText){buffer, 0, 10}; /* cut, never overrun */
    hd_host_print(code, &kernel, &text);
    assert_int_equal(strlen(buffer), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_trees),
        cmocka_unit_test(test_leaves_and_errors),
        cmocka_unit_test(test_scalars_of_each_width),
        cmocka_unit_test(test_printing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
