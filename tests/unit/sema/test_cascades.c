/* One mistake, one error: each identifier of sound programs is misspelt in turn. */
#include "sema_test.h"

#include <ctype.h>

static const char matmul[] =
    "import std.warp (warp_reduce, C)\n"
    "const PAD = 4\n"
    "fn twice[T: num](x: T) -> T { return x + x }\n"
    "kernel matmul(a: f32[m, k], b: f32[k, n], c: out f32[m, n])\n"
    "    tune bm in {128, 64}, bn in {128, 64}, bk in {8, 16}\n"
    "    where bm >= bk\n"
    "    require k % 4 == 0, \"k\"\n"
    "    launch grid(cdiv(m, bm), cdiv(n, bn)), block(256)\n"
    "{\n"
    "    mapping compute = spatial(4, 2) * repeat(bm / 64, bn / 64) * spatial(4, 8) * repeat(4, "
    "4)\n"
    "    mapping warps(p, q) = spatial(p, q) * C\n"
    "    shared sa: f32[bm, bk] layout col pad(PAD)\n"
    "    shared sb: f32[bk, bn]\n"
    "    reg acc: f32[bm, bn] over compute = 0\n"
    "    reg other: f32[128, 64] over warps(8, 8)\n"
    "    let i0 = block.x * bm, j0 = block.y * bn\n"
    "    for p0 in range(0, k, bk) {\n"
    "        for (i, p) in auto(bm, bk) on thread { sa[i, p] = a[i0 + i, p0 + p] else 0 }\n"
    "        copy(sb, b.tile(bk, bn) at (p0, j0) else 0)\n"
    "        sync\n"
    "        for p in range(bk) {\n"
    "            for (i, j) in acc { acc[i, j] += sa[i, p] * sb[p, j] }\n"
    "        }\n"
    "        sync\n"
    "    }\n"
    "    var total = f32(0)\n"
    "    var count: u32 = 0\n"
    "    for (i, j) in other { other[i, j] = twice(1.5); total += other[i, j] }\n"
    "    let all = warp_reduce[add](total)\n"
    "    if all > 0 && lane == 0 { count = count + 1; print \"all\", all, count }\n"
    "    for (i, j) in acc within (m - i0, n - j0) { c[i0 + i, j0 + j] = acc[i, j] + all }\n"
    "}\n"
    "test \"odd sizes\" {\n"
    "    let x = random f32[65, 17], y = random f32[17, 33]\n"
    "    check close(matmul(x, y), matmul(x, y), rtol: 1e-5)\n"
    "}\n";

static const char generics[] =
    "const WARP = 32\n"
    "const TABLE: f32[2] = [0.5, 2]\n"
    "pub fn pick[T: num, better: fn(T, T) -> bool](a: T, b: T) -> (T, i32) {\n"
    "    let take = better(b, a)\n"
    "    return (take ? b : a, take ? 1 : 0)\n"
    "}\n"
    "fn less[T: num](a: T, b: T) -> bool { return a < b }\n"
    "pub fn block_reduce[T: num, f: fn(T, T) -> T](x: T, unit: T) -> T\n"
    "    where block_size % WARP == 0\n"
    "{\n"
    "    shared partial: T[block_size / WARP]\n"
    "    let w = f(x, shuffle_xor(x, 16))\n"
    "    if lane == 0 { partial[warp] = w }\n"
    "    sync\n"
    "    var r = unit\n"
    "    for i in range(block_size / WARP) { r = f(r, partial[i]) }\n"
    "    let (best, which) = pick[less](r, unit)\n"
    "    return which == 0 ? best : T(TABLE[which])\n"
    "}\n"
    "pub fn rows[M: mapping](t: inout reg f32[r, c] over M, s: shared f32[a, b], g: f32x4) -> f32 "
    "{\n"
    "    mapping R = M.drop(1)\n"
    "    reg sums: f32[r] over R\n"
    "    reduce[add](sums, t, 1)\n"
    "    for i in sums { sums[i] = max(sums[i], s[i, 0]) * g.x }\n"
    "    let view = s[0:r, _].transpose()\n"
    "    return block_reduce[max](view[0, 0], 0)\n"
    "}\n";

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Words of the grammar, and names whose change is another sound program or a syntax error. */
static bool exempt(const char *word, size_t len)
{
    static const char *const words[] = {
        "import", "std",    "const", "fn",  "kernel", "tune",   "in",      "where", "require",
        "launch", "grid",   "block", "pub", "layout", "col",    "pad",     "over",  "reg",
        "shared", "let",    "var",   "for", "on",     "within", "else",    "sync",  "if",
        "print",  "test",   "check", "out", "inout",  "return", "mapping", "at",    "true",
        "random", "thread", "k",     "all", "odd",    "sizes",  "col"};
    for (size_t i = 0; i < BASE_LEN(words); i++)
        if (strlen(words[i]) == len && memcmp(words[i], word, len) == 0) return true;
    return isdigit((unsigned char)*word);
}

static void misspell(const char *text, const char *word, size_t len)
{
    char *changed = calloc(1, strlen(text) + 3);
    size_t before = (size_t)(word - text) + len;
    memcpy(changed, text, before);
    memcpy(changed + before, "qz", 2);
    strcpy(changed + before + 2, word + len);
    Checked c = check_text(changed);
    if (c.diags->errors > 1)
        fail_msg("%.*sqz gives %zu errors\n%s", (int)len, word, c.diags->errors, c.messages);
    done(&c);
    free(changed);
}

static void misspell_each(const char *text)
{
    Checked c = good(text);
    done(&c);
    for (const char *at = text; *at; at++) {
        size_t len = 0;
        if (*at == '"') at = strchr(at + 1, '"') + 1;
        while (is_word(at[len])) len++;
        if (len && !exempt(at, len)) misspell(text, at, len);
        if (len) at += len - 1;
    }
}

static void a_misspelt_name_is_one_error(void **state)
{
    (void)state;
    misspell_each(matmul);
    misspell_each(generics);
}

/* What follows from text that did not parse is not reported; what stands elsewhere is. */
static void faults_of_syntax_do_not_spread(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t errors;
    } programs[] = {
        {"pub fn f(x: f32) -> f32 {\n    let y = (x +\n    let z = y * 2\n    return z + y\n}\n",
         1},
        {"pub fn f(x: f32 y: f32) -> f32 { return x + y }\npub fn g() -> f32 { return f(1, 2, 3) "
         "}\n",
         1},
        {"const N = = 3\npub fn g(x: f32[N]) -> f32 { return x[N] }\n", 1},
        {"kernel k(x f32[n]) launch grid(1), block(1) { x[0] = 1 }\ntest \"t\" { k(1, 2) }\n", 1},
        {"pub fn f(x: f32) -> f32 {\n    let a = x + w\n    let b = ]\n    return b + a\n}\n", 2},
        {"pub fn f(x: f32) -> f32 { return ) }\npub fn g(x: f32) -> f32 { return y }\n", 2},
    };
    for (size_t i = 0; i < BASE_LEN(programs); i++) {
        Checked c = check_text(programs[i].text);
        if (c.diags->errors != programs[i].errors)
            fail_msg("wanted %zu errors:\n%s\n%s", programs[i].errors, programs[i].text,
                     c.messages);
        done(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_misspelt_name_is_one_error),
        cmocka_unit_test(faults_of_syntax_do_not_spread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
