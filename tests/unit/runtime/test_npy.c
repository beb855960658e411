/* .npy files: what NumPy writes is read, what is written NumPy reads, and nothing hostile gets by.
 */
#include "fixture.h"

#include <sys/stat.h>

#include "runtime/npy.h"
#include "runtime/process.h"

/* A file of version `version` with this header text and `data` bytes of zeros. */
static char *file_of(Arena *arena, int version, const char *header, size_t data, size_t *len)
{
    size_t n = strlen(header), at = version == 1 ? 10 : 12;
    char *b = base_alloc(arena, at + n + data + 1);
    memcpy(b, "\x93NUMPY", 6);
    b[6] = (char)version;
    b[8] = (char)(n & 0xff);
    b[9] = (char)(n >> 8 & 0xff);
    memcpy(b + at, header, n);
    *len = at + n + data;
    return b;
}

static bool parse(Fixture *f, int version, const char *header, size_t data, RuntimeNpy *npy,
                  HdFailure *failure)
{
    size_t len;
    char *b = file_of(f->arena, version, header, data, &len);
    return runtime_npy_parse(f->arena, b, len, "x.npy", npy, failure);
}

static void test_good_headers(void **state)
{
    Fixture *f = *state;
    RuntimeNpy npy;
    HdFailure failure;
    for (int version = 1; version <= 3; version++) {
        assert_true(parse(f, version,
                          "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", 24,
                          &npy, &failure));
        assert_int_equal(npy.rank, 2);
        assert_int_equal(npy.shape[0], 2);
        assert_int_equal(npy.shape[1], 3);
        assert_int_equal(npy.bytes, 24);
        assert_int_equal(npy.type.code, kDLFloat);
        assert_int_equal((uintptr_t)npy.data % 4, 0);
    }
    assert_true(
        parse(f, 1, "{\"shape\":(),\"descr\":\"|u1\",\"fortran_order\":True}", 1, &npy, &failure));
    assert_int_equal(npy.rank, 0);
    assert_true(
        parse(f, 1, "{'descr': '<i8', 'fortran_order': True, 'shape': (5,)}", 40, &npy, &failure));
    assert_true(parse(
        f, 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (0, 9223372036854775807, 9)}", 0,
        &npy, &failure));
    assert_int_equal(npy.bytes, 0);
}

static void test_refused(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *header;
        size_t data;
        const char *text;
    } rows[] = {
        {"{'descr': '>f4', 'fortran_order': False, 'shape': (2,)}", 8,
         "x.npy is big-endian (dtype >f4); save it as x.astype('<f4')"},
        {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", 24,
         "x.npy is in Fortran order; save it as np.ascontiguousarray(x)"},
        {"{'descr': '<c8', 'fortran_order': False, 'shape': (2,)}", 16,
         "x.npy has elements of dtype <c8, which .hd has no type for"},
        {"{'descr': '|O', 'fortran_order': False, 'shape': (2,)}", 16,
         "x.npy has elements of dtype |O, which .hd has no type for"},
        {"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", 8,
         "x.npy holds records (a structured dtype); save one field of it"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3,)}", 8,
         "x.npy is truncated: its shape needs 12 bytes of data, and it has 8"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 8,
         "x.npy is too long: its shape needs 4 bytes of data, and it has 8"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 8,
         "x.npy has a negative extent"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", 8,
         "x.npy has a shape larger than any memory"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", 8,
         "x.npy has an extent beyond 64 bits"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807,)}", 8,
         "x.npy has a shape larger than any memory"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000,)}", 8,
         "x.npy is truncated: its shape needs 16000000000 bytes of data, and it has 8"},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': "
         "(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)}",
         4, "x.npy has more than 32 dimensions"},
    };
    for (size_t i = 0; i < BASE_LEN(rows); i++) {
        RuntimeNpy npy;
        HdFailure failure;
        assert_false(parse(f, 1, rows[i].header, rows[i].data, &npy, &failure));
        assert_string_equal(failure.text, rows[i].text);
    }
    static const char *const malformed[] = {
        "",
        "{",
        "}",
        "{}",
        "[1, 2]",
        "{'descr'}",
        "{'descr': }",
        "{'descr': '<f4'}",
        "{'descr': '<f4",
        "{'descr': '<f4', 'fortran_order': Maybe, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 1}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': ((1,),)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1 2)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': {}}",
        "{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (1,)}",
        "__import__('os').system('true')",
    };
    for (size_t i = 0; i < BASE_LEN(malformed); i++) {
        RuntimeNpy npy;
        HdFailure failure;
        assert_false(parse(f, 1, malformed[i], 4, &npy, &failure));
        assert_string_equal(failure.text, "x.npy has a malformed .npy header");
    }
}

/* Every prefix, and every single-byte change, of a good file is answered without harm. */
static void test_truncated_and_mutated(void **state)
{
    Fixture *f = *state;
    size_t len;
    const char *header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n";
    char *good = file_of(f->arena, 2, header, 24, &len);
    RuntimeNpy npy;
    HdFailure failure;
    for (size_t cut = 0; cut < len; cut++) {
        char *b = base_copy(f->arena, good, cut + 1);
        assert_false(runtime_npy_parse(f->arena, b, cut, "x.npy", &npy, &failure));
    }
    uint64_t seed = 99;
    for (int i = 0; i < 20000; i++) {
        char *b = base_copy(f->arena, good, len);
        for (int k = 0; k < 1 + i % 3; k++) b[random_next(&seed) % len] = (char)random_next(&seed);
        if (runtime_npy_parse(f->arena, b, len, "x.npy", &npy, &failure))
            assert_true(npy.bytes <= 24);
    }
}

static void test_fit(void **state)
{
    Fixture *f = *state;
    RuntimeNpy npy;
    HdFailure failure;
    HdParamInfo bf16 = {"a", true, kDLBfloat, 16, "bf16", 0, 1, NULL, NULL, NULL};
    HdParamInfo f32 = {"b", true, kDLFloat, 32, "f32", 0, 1, NULL, NULL, NULL};
    HdParamInfo i4 = {"c", true, kDLInt, 4, "i4", 0, 1, NULL, NULL, NULL};
    static const char *const raw[] = {"<V2", "|V2", "<u2"};
    for (size_t i = 0; i < BASE_LEN(raw); i++) {
        const char *header =
            base_format(f->arena, "{'descr': '%s', 'fortran_order': False, 'shape': (2,)}", raw[i]);
        assert_true(parse(f, 1, header, 4, &npy, &failure));
        assert_true(runtime_npy_fit(&npy, &bf16, &failure));
        assert_int_equal(npy.type.code, kDLBfloat);
    }
    assert_true(
        parse(f, 1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2,)}", 16, &npy, &failure));
    assert_false(runtime_npy_fit(&npy, &f32, &failure));
    assert_string_equal(failure.text,
                        "x.npy holds elements of dtype <f8, and argument b takes f32; save it as "
                        "x.astype('<f4')");
    assert_false(runtime_npy_fit(&npy, &bf16, &failure));
    assert_false(runtime_npy_fit(&npy, &i4, &failure));
    assert_non_null(strstr(failure.text, "for which NumPy has no type"));
}

static void test_round_trip(void **state)
{
    Fixture *f = *state;
    static const struct {
        const char *elem;
        int code, bits;
    } rows[] = {{"f32", kDLFloat, 32},  {"bool", 6, 8},          {"i64", kDLInt, 64},
                {"f16", kDLFloat, 16},  {"bf16", kDLBfloat, 16}, {"u8", kDLUInt, 8},
                {"f8e4m3", kDLFloat, 8}};
    const char *path = base_format(f->arena, "%s/x.npy", f->dir);
    int64_t shape[3] = {3, 1, 7};
    HdFailure failure = {0};
    for (size_t i = 0; i < BASE_LEN(rows); i++) {
        for (int rank = 0; rank <= 3; rank++) {
            unsigned char data[21 * 8];
            for (size_t k = 0; k < sizeof data; k++) data[k] = (unsigned char)(k * 37 + i);
            DLTensor t = tensor(data, rows[i].code, rows[i].bits, rank, shape);
            RuntimeNpy npy;
            assert_true(runtime_npy_write(f->arena, path, &t, rows[i].elem, &failure));
            assert_true(runtime_npy_read(f->arena, path, &npy, &failure));
            HdParamInfo p = {"a",
                             true,
                             (uint8_t)rows[i].code,
                             (uint8_t)rows[i].bits,
                             rows[i].elem,
                             0,
                             rank,
                             NULL,
                             NULL,
                             NULL};
            assert_true(runtime_npy_fit(&npy, &p, &failure));
            assert_int_equal(npy.rank, rank);
            assert_memory_equal(npy.data, data, npy.bytes);
        }
    }
    DLTensor t = tensor(shape, kDLInt, 4, 1, shape);
    assert_false(runtime_npy_write(f->arena, path, &t, "i4", &failure));
    assert_string_equal(failure.text, "a .npy file cannot hold elements of type i4");
}

static void test_with_numpy(void **state)
{
    Fixture *f = *state;
    const char *probe[] = {"/usr/bin/python3", "-c", "import numpy", NULL};
    RuntimeProcess p = runtime_process_run(f->arena, probe, NULL, 0, 60);
    if (p.error || p.exit_code) skip();
    static const char script[] =
        "import numpy as np, sys, os\n"
        "os.chdir(sys.argv[1])\n"
        "w = np.load('w.npy'); assert w.dtype == np.float16 and w.shape == (2, 3), w\n"
        "assert (w == np.array([[0, 1, 2], [3, 4, 5]], np.float16)).all()\n"
        "for k, t in enumerate(['?', 'i1', 'u2', 'i4', 'u8', 'f2', 'f4', 'f8']):\n"
        "    for v in (1, 2, 3):\n"
        "        with open(f'r{k}{v}.npy', 'wb') as o:\n"
        "            np.lib.format.write_array(o, np.arange(6).reshape(1, 2, 3).astype(t), "
        "version=(v, 0))\n";
    static const int widths[] = {1, 1, 2, 4, 8, 2, 4, 8};
    uint16_t half[6] = {0, 0x3c00, 0x4000, 0x4200, 0x4400, 0x4500};
    int64_t shape[2] = {2, 3};
    HdFailure failure = {0};
    DLTensor t = tensor(half, kDLFloat, 16, 2, shape);
    assert_true(runtime_npy_write(f->arena, base_format(f->arena, "%s/w.npy", f->dir), &t, "f16",
                                  &failure));
    const char *argv[] = {"/usr/bin/python3", "-", f->dir, NULL};
    p = runtime_process_run(f->arena, argv, script, sizeof script - 1, 60);
    if (p.exit_code) print_error("%s\n", p.output);
    assert_int_equal(p.exit_code, 0);
    for (int k = 0; k < 8; k++) {
        for (int v = 1; v <= 3; v++) {
            RuntimeNpy npy;
            const char *path = base_format(f->arena, "%s/r%d%d.npy", f->dir, k, v);
            bool ok = runtime_npy_read(f->arena, path, &npy, &failure);
            if (!ok) print_error("%s\n", failure.text);
            assert_true(ok);
            assert_int_equal(npy.rank, 3);
            assert_int_equal(npy.bytes, 6 * widths[k]);
        }
    }
}

static void test_paths(void **state)
{
    Fixture *f = *state;
    RuntimeNpy npy;
    HdFailure failure;
    int64_t one[1] = {1};
    float x = 1;
    DLTensor t = tensor_f32(&x, 1, one);
    assert_false(runtime_npy_read(f->arena, "/no/such.npy", &npy, &failure));
    assert_string_equal(failure.text, "cannot read /no/such.npy: No such file or directory");
    assert_false(runtime_npy_read(f->arena, f->dir, &npy, &failure));
    assert_false(runtime_npy_write(f->arena, "/no/such.npy", &t, "f32", &failure));
    assert_non_null(strstr(failure.text, "cannot write /no/such.npy"));
    const char *full = "/dev/full"; /* a full disk */
    if (access(full, W_OK) == 0)
        assert_false(runtime_npy_write(f->arena, full, &t, "f32", &failure));
    const char *text = base_format(f->arena, "%s/t.npy", f->dir);
    assert_int_equal(base_file_write(text, "1.0 2.0\n", 8), 0);
    assert_false(runtime_npy_read(f->arena, text, &npy, &failure));
    assert_string_equal(failure.text, base_format(f->arena, "%s is no .npy file", text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_good_headers),
        FIXTURE_TEST(test_refused),
        FIXTURE_TEST(test_truncated_and_mutated),
        FIXTURE_TEST(test_fit),
        FIXTURE_TEST(test_round_trip),
        FIXTURE_TEST(test_with_numpy),
        FIXTURE_TEST(test_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
