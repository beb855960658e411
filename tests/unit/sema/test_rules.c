/* Small programs that are sound, and small programs with one mistake. */
#include "sema_test.h"

static const char *const sound[] = {
    "",
    "//! only a doc\n",
    /* compile-time choice by type */
    "fn d(x: f64) -> f64 { return x }\n"
    "pub fn f[T: float](x: T) -> T { if T == f64 { return d(x) }; return T(f32(x) * 2) }\n",
    "fn d(x: f64) -> f64 { return x }\n"
    "pub fn f[T: float](x: T) -> T { return T == f64 ? d(x) : x }\n",
    "fn d(x: f64) -> f64 { return x }\n"
    "pub fn f[T: float](x: T) -> T { if T != f64 { return x } else { return d(x) } }\n",
    "fn d(x: f64) -> f64 { return x }\nfn e(x: f32) -> f32 { return x }\n"
    "pub fn f[T: float](x: T) -> T {\n"
    "    if T == f64 { return d(x) } else if T == f32 { return e(x) }\n    return x\n}\n",
    "pub fn f[T: any](x: T) -> f32 { if T == f32 && block_size > 1 { return x * 2 }; return 0 "
    "}\n",
    "pub fn f[T: any, U: any](x: T, y: U) -> bool { if T == U { return true }; return T == U "
    "}\n",
    "pub fn f[T: float](x: T[n]) -> T { if T == f16 { let y = x[0] + f16(1); return y }; "
    "return 0 }\n",
    /* generics of every kind */
    "fn g[T: any, n: index, M: mapping, f: fn(T) -> T](x: T) -> index {\n"
    "    mapping R = M * repeat(n)\n    for i in R { f(x) }\n    return n\n}\n"
    "fn id[T: any](x: T) -> T { return x }\n"
    "pub fn h() -> index { return g[4, spatial(2), id](1.5) + g[id, spatial(2), f64, 4](2) }\n",
    "fn first[n: index, M: mapping](x: reg f32[n] over M) -> index { return n }\n"
    "pub fn h() -> index {\n    reg t: f32[64] over spatial(64) = 1\n    return first(t)\n}\n",
    "fn fold[T: num, f: fn(T, T) -> T](x: T) -> T { return f(x, x) }\n"
    "pub fn up[T: num, f: fn(T, T) -> T](x: T) -> T { return fold[f](x) }\n"
    "pub fn k(x: i32) -> i32 { return up[mul](x) + up[bitxor](x) + up[min](x) }\n",
    /* names: hiding, contextual words, groups as names */
    "pub fn f(x: f32) -> f32 { let y = x; if y > 0 { let y = 2 * x; return y }; return y }\n",
    "pub fn f(warp: f32, lane: f32) -> f32 { let min = warp; let order = lane; return min + "
    "order }\n",
    "pub fn f(x: f32[n], i: index) -> f32 { let _unused = n; return x[i] }\n",
    "const M = 2\npub fn f(x: f32[M, k]) -> index { return k }\n",
    "pub fn f(n: index, x: f32[n, 2 * n]) -> index { return n }\n",
    /* statements */
    "pub fn f(n: index) -> index { var i = 0\n while true { i += 1; if i == n { break } }\n "
    "return i }\n",
    "pub fn f() -> f32 { var t: (f32, i32) = (1, 2)\n t = (3, 4)\n let (a, b) = t\n return a + "
    "f32(b) }\n",
    "pub fn f(t: inout reg f32[4, 4]) { t = t * 2; t += 1; t = 0; t = -t + t }\n",
    "pub fn f(x: f32x4) -> f32x4 { var v = x; v.x = 1; v[1] = x.y; return v * 2 + f32x4(0) }\n",
    "pub fn f(x: out f32[m, n]) { let row = x[0, _]; row[1] = 2; copy(x[1], x[0]) }\n",
    "pub fn f[T: int](x: T) -> T { return (x << 2 | 1) % 5 ^ ~x }\n",
    "pub fn f(x: i32, p: u64) -> bool { return -x < 4 && p >> 3 == 0xffffffffffffffff }\n",
    "pub fn f(i: index, j: i32) -> index { return i / 2 + index(j) % 3 << 1 }\n",
    "pub fn f(x: f32[n]) { for i in range(n) { assert x[i] > 0, \"positive\" } }\n",
    "pub fn f() { for (i, j) in auto(4, 4) on thread within (3, 3) { print i, j } }\n",
    "pub fn f() { on warpgroup[1:3] { on thread[0] { print \"one\" } } }\n",
    "const T2: f32[2, 2] = [[1, 2], [3, 4]]\npub fn f() -> f32 { return T2[1, 0] }\n",
    "const A = B + 1\nconst B = 2\npub const C: f64 = 1\n",
    "pub mapping tile(m, n): (4 * m, 8 * n) = repeat(m, n) * spatial(4, 8)\n",
    "pub fn f(m: index, n: index) { for (i, j) in (m, n) on thread in grid { print i, j } }\n",
    "pub fn f(x: inout f32[n]) { await atomic.load(x[0]) > 0; sync warp; sync grid; scope { "
    "sync } }\n",
    "pub fn f(s: out shared f32[4, 4] layout repeat(2, 2) * repeat(2, 2), t: reg f32[4, 4]) {\n"
    "    copy(s, t) via s\n}\n",
    "pub fn f[T: any](x: T) -> T { if !(f32 != T) { return x * 2 }; return f64 == T ? x + 1 : "
    "x }\n",
    "pub fn f[T: num](x: Tx2) -> T { return x.y }\npub fn g(x: f32x2) -> f32 { return f(x) }\n",
    "pub fn f() -> bool { return 1 < 2 && 1.5 >= 1 && add(1, 2.5) > 2 }\n",
    "pub fn f(x: f32) -> i32 { return i32(2.5) + i32(x) }\n",
    "import std.warp as w\nfn g[f: fn(f32) -> f32](x: f32) -> f32 { return f(x) }\n"
    "fn h(x: f32) -> f32 { return x }\npub fn k(i: i32) -> index {\n"
    "    let y = g[h](1) + w.warp_reduce[min](2.5)\n    return index(y) + index(i)\n}\n",
    "fn g[n: index]() -> index { return n }\npub fn k(i: index) -> index { return g[i + 1]() "
    "}\n",
    "const B = [1, 2.5]\nconst A = [[1, 2], [3, 4.5]]\npub fn k() -> f32 { return A[0, 1] }\n",
    "test \"t\" { check close(1, 1.5) && equal(2, 2) && close(1, f64(2)) }\n",
    /* kernels and tests */
    "kernel add_one(x: f32[n], y: out f32[n]) launch grid(1), block(32) { y[0] = x[0] + 1 }\n"
    "kernel two[T: num](x: inout T[n], y: out T[n], z: out i32[2]) launch grid(1), block(32) { "
    "}\n"
    "test \"t\" {\n    let x = random f32[8](lo: -1, hi: 1), y = zero f32[8]\n    add_one(x, "
    "y)\n"
    "    let w = zero i32[4]\n    let (a, b) = two(w)\n    check equal(a, w)\n"
    "    check b[1] == 0 && add_one(x)[0] == 1, \"text\"\n"
    "    for i in range(3) { check close(add_one(x), y, rtol: 1e-3, atol: i == 0 ? 0.5 : 0.1) "
    "}\n"
    "}\n"
    "bench \"b\" for s in {1, 2} { add_one(random f32[s]) }\n",
    "kernel k(x: out f32[n]) tune b in {32, 64} launch grid(cdiv(n, b)), block(b) { x[0] = 1 "
    "}\n"
    "test \"t\" { let x = zero f32[4]\n k(x, b: 64) }\n",
};

static void sound_programs(void **state)
{
    (void)state;
    for (size_t i = 0; i < BASE_LEN(sound); i++) {
        Checked c = good(sound[i]);
        if (c.diags->warnings) fail_msg("%s\n%s", sound[i], c.messages);
        done(&c);
    }
}

static const char *const mistakes[][2] = {
    {"pub fn f() { nothing() }", "E0101"},
    {"pub fn f[T: num](x: T) -> T { return x }\npub fn f() { }", "E0102"},
    {"pub fn f(x: f32, x: f32) -> f32 { return x }", "E0102"},
    {"import std.warp (WIDTH, WIDTH)\npub fn f() -> index { return WIDTH }", "E0102"},
    {"import std.warp as w\npub fn f() -> f32 { return w.nothing(1)[2] }", "E0105"},
    {"import std.warp as w\npub fn f(x: f32) -> f32 { return w.scan_step[add](x, 1) }", "E0106"},
    {"pub fn f() { f() }", "E0107"},
    {"const A = A + 1", "E0108"},
    {"mapping M = M", "E0108"},
    {"pub fn f(x: f33) -> f33 { return x }", "E0109"},
    {"pub fn f(x: f32x5) -> f32 { return x.x }", "E0109"},
    {"pub fn f(x: f32x2) -> f32 { return x.z }", "E0110"},
    {"pub fn f() -> index { return block.w }", "E0110"},
    {"pub fn f(i: i32) -> i32 { return atomic.plus(i, 1) }", "E0110"},
    {"pub fn f(x: f32) -> f32 { return x.drop(1) }", "E0110"},
    {"pub fn f(x: f32[n]) -> f32 { return x.sum() }", "E0110"},
    {"pub fn f() -> f32 { return f32 }", "E0111"},
    {"pub fn f() -> index { return min }", "E0111"},
    {"import std.warp\npub fn f() -> f32 { return warp }", "E0111"},
    {"fn g() { print 1 }\npub fn f() -> f32 { return g() + 1 }", "E0111"},
    {"mapping t(m) = spatial(m)\npub fn f() { for i in t { print i } }", "E0111"},
    {"pub fn f(x: f32) -> f64 { return x }", "E0201"},
    {"pub fn f(x: f32[m, n]) -> f32 { return x[0] }", "E0201"},
    {"fn g[T: num](x: T, y: T) -> T { return x + y }\n"
     "pub fn f(x: f32, y: f64) -> f32 { return g(x, y) }",
     "E0201"},
    {"fn g(x: f32[m, n]) -> f32 { return x[0, 0] }\n"
     "pub fn f(x: f32[n]) -> f32 { return g(x) }",
     "E0201"},
    {"fn g(x: shared f32[n]) -> f32 { return x[0] }\n"
     "pub fn f(x: f32[n]) -> f32 { return g(x) }",
     "E0201"},
    {"pub fn f[T: num](x: T) -> f32 { return x }", "E0201"},
    {"pub fn f[T: num](x: T) -> f64 { if T == f32 { return x }; return 0 }", "E0201"},
    {"pub fn f(x: f32x4) -> f32x4 { return 1 }", "E0201"},
    {"pub fn f(x: f32x4[n]) -> f32 { return x[0].x }", "E0227"},
    {"pub fn f(n: index) { require n > 3 }", "E0520"},
    {"pub fn f(s: out shared f16[4, 4], x: f32[m, n]) { copy(s, x.tile(4, 4) at (0, 0)) }",
     "E0201"},
    {"pub fn f(t: reg f32[4, 4], r: out reg f32[4, 4]) { reduce[add](r, t, 1) }", "E0201"},
    {"pub fn f(i: i32, j: i64) -> i64 { return i + j }", "E0202"},
    {"pub fn f(p: bool, x: f32, y: f64) -> f32 { return p ? x : y }", "E0202"},
    {"pub fn f(p: bool) -> bool { return p < true }", "E0203"},
    {"pub fn f[T: any](x: T) -> T { return x + x }", "E0203"},
    {"pub fn f[T: num](x: T) -> T { return sqrt(x) }", "E0203"},
    {"pub fn f[T: num](x: T) -> T { return x % 2 }", "E0203"},
    {"pub fn f(x: f32) -> f32 { return !x }", "E0203"},
    {"pub fn f(x: f32) -> f32 { return ~x }", "E0203"},
    {"pub fn f() -> i32 { return 2.5 & 1 }", "E0203"},
    {"pub fn f(x: shared f32[4]) -> f32 { return (x * 2)[0] }", "E0203"},
    {"pub fn f(x: f32[n]) { print x }", "E0203"},
    {"pub fn f[T: int](x: T) -> T { return x + 1.5 }", "E0201"},
    {"pub fn f(x: i8) -> i8 { return x + 128 }", "E0204"},
    {"pub fn f(x: f32) -> f32 { return x + 16777217 }", "E0204"},
    {"pub fn f() -> u32 { return -1 }", "E0204"},
    {"const A: f16 = 65536.0", "E0204"},
    {"pub fn f(x: f32) -> f32 { return x(1) }", "E0205"},
    {"pub fn f(x: f32[n]) -> f32 { return x[0](1) }", "E0205"},
    {"fn g(x: f32) -> f32 { return x }\npub fn f() -> f32 { return g() }", "E0206"},
    {"pub fn f() -> f32 { return f32(1, 2) }", "E0206"},
    {"pub fn f() -> f32x4 { return f32x4(1, 2) }", "E0206"},
    {"mapping t(m) = spatial(m)\nmapping u = t(1, 2)", "E0206"},
    {"mapping u = spatial()", "E0206"},
    {"kernel k(x: f32[n]) launch grid(1), block(1) { }\ntest \"t\" { k() }", "E0206"},
    {"pub fn f() { for i in range() { print i } }", "E0206"},
    {"pub fn f(x: f32x4) -> f32 { return x[0, 1] }", "E0207"},
    {"pub fn f(x: f32) { x = 1 }", "E0209"},
    {"pub fn f(x: inout f32[n]) { x = 1 }", "E0209"},
    {"pub fn f(x: inout f32[m, n]) { x[0] = 1 }", "E0209"},
    {"pub fn f(x: inout f32[n]) { n = 1 }", "E0209"},
    {"pub fn f() { for i in range(4) { i = 1 } }", "E0209"},
    {"const C = 1\npub fn f() { C = 2 }", "E0209"},
    {"pub fn f() { thread = 2 }", "E0209"},
    {"pub fn f(v: f32x4) { v.x = 2 }", "E0209"},
    {"pub fn f(x: f32) { x + 1 = 2 }", "E0209"},
    {"const T: f32[2] = [1, 2]\npub fn f() { T[0] = 2 }", "E0210"},
    {"pub fn f(x: f32[n]) { let v = x[1:n]; v[0] = 2 }", "E0210"},
    {"fn g(x: out f32[n]) { x[0] = 1 }\npub fn f(x: f32[n]) { g(x) }", "E0210"},
    {"pub fn f(x: f32[n], s: shared f32[4]) { copy(s, x) }", "E0210"},
    {"pub fn f(x: u32[n]) { atomic.add(x[0], 1) }", "E0210"},
    {"pub fn f[T: any](x: T) -> f32 { return f32(x) }", "E0211"},
    {"pub fn f(x: f32[n]) -> f32 { return f32(x) }", "E0211"},
    {"pub fn f(x: f32) -> u64 { return bitcast[u64](x) }", "E0211"},
    {"pub fn f(x: f32x4) -> f32 { return f32(x) }", "E0211"},
    {"fn g[f: fn(f32) -> f32](x: f32) -> f32 { return f(x) }\npub fn h() -> f32 { return g(1) "
     "}",
     "E0212"},
    {"fn g[n: index]() -> index { return n }\npub fn h() -> index { return g() }", "E0212"},
    {"fn g[T: sint](x: T) -> T { return x }\npub fn h(x: u8) -> u8 { return g(x) }", "E0213"},
    {"fn g[T: num](x: T) -> T { return x }\npub fn h(x: bool) -> bool { return g(x) }", "E0213"},
    {"fn g[T: float](x: T) -> T { return x }\npub fn h[T: num](x: T) -> T { return g(x) }",
     "E0213"},
    {"pub fn f(p: bool) -> f32 { while p { return 1 } }", "E0214"},
    {"pub fn f() -> f32 { return }", "E0215"},
    {"kernel k(x: out f32[n]) launch grid(1), block(1) { return 1 }", "E0215"},
    {"pub fn f(x: f32) -> f32 { let (a, b) = x; return a + b }", "E0216"},
    {"fn g(x: f32) -> f32 { return x }\npub fn f() -> f32 { return g(x: 1) }", "E0217"},
    {"test \"t\" { check close(1.0, 1.0, tol: 1e-3) }", "E0217"},
    {"test \"t\" { let _x = random f32[2](low: 1) }", "E0217"},
    {"kernel k(x: f32[n]) launch grid(1), block(1) { }\ntest \"t\" { k(zero f32[2], b: 1) }",
     "E0217"},
    {"fn g[T: num](x: T) -> T { return x }\npub fn f() -> f32 { return g[f32, f32](1) }", "E0218"},
    {"pub fn f(x: f32) -> f32 { return sqrt[f32](x) }", "E0218"},
    {"pub fn f(t: reg f32[4, 4], r: out reg f32[4]) { reduce(r, t, 1) }", "E0218"},
    {"pub fn f(x: f32[n]) { for i in x { print i } }", "E0219"},
    {"pub fn f() { for (i, j) in range(4) { print i, j } }", "E0220"},
    {"pub fn f() { for (i, j) in auto(4, 4) on thread within (2) { print i, j } }", "E0220"},
    {"pub fn f(m: mapping_) { print m }", "E0109"},
    {"mapping A = spatial(4)\npub fn f() -> index { return A.size }", "E0110"},
    {"pub fn f(x: f32) -> f32 { return x.y }", "E0110"},
    {"fn g() { print 1 }\npub fn f() -> index { return g }", "E0111"},
    {"fn g() { print 1 }\npub fn f() -> index { return min(f32, 2) }", "E0111"},
    {"pub fn f[g: fn(f32) -> f32]() -> f32 { return g }", "E0111"},
    {"pub fn f(a: f32) -> f32 { return add }", "E0111"},
    {"kernel k(x: f32[n]) launch grid(1), block(1) { }\ntest \"t\" { let y = k }", "E0111"},
    {"pub fn f() { f32 }", "E0111"},
    {"pub fn f() { if f32 { print 1 } }", "E0111"},
    {"pub fn f(x: f32[n]) -> f32 { return x[1.5] }", "E0201"},
    {"pub fn f(x: f32[n], y: f32) -> f32 { return x[y] }", "E0201"},
    {"fn g[n: index]() -> index { return n }\npub fn f() -> index { return g[1.5]() }", "E0201"},
    {"pub fn f() { for (i, j) in (1, 2.5) on thread { print i, j } }", "E0201"},
    {"pub fn f(t: inout reg f32[4], i: i32) { t += i }", "E0202"},
    {"pub fn f(x: f32, t: reg f32[4]) { var y = x; y += t }", "E0201"},
    {"test \"t\" { check close(1.0, true) }", "E0201"},
    {"pub fn f(x: f16x4, y: f32x4) -> f32x4 { return x * y }", "E0202"},
    {"pub fn f(x: f32) -> i32 { return dot4(x, i8x4(1), 2) }", "E0203"},
    {"pub fn f(x: i32) -> u32 { return prmt(x, 1, 2) }", "E0201"},
    {"pub fn f(x: i32) -> u32 { return lop3(1, x, 2, 0xea) }", "E0201"},
    {"pub fn f(x: u32) -> u32 { return lop3(x, x, x, 256) }", "E0204"},
    {"pub fn f(t: reg f32[4]) { let y = shuffle(t, 1); print y[0] }", "E0203"},
    {"pub fn f(t: reg f32[4]) { let y = uniform(t); print y[0] }", "E0203"},
    {"pub fn f(x: f32) -> index { return dim(x, 0) }", "E0203"},
    {"pub fn f(x: f32, t: inout reg f32[4]) { copy(t, x) }", "E0203"},
    {"pub fn f(x: f32[m, n], t: inout reg f32[4]) { reduce[add](t, x, 0) }", "E0203"},
    {"pub fn f(t: inout reg f32[4], u: reg f32[4]) { copy(t, u) via t }", "E0203"},
    {"pub fn f() -> f32 { return -true }", "E0203"},
    {"pub fn f() -> bool { return !1 }", "E0203"},
    {"pub fn f() -> f32 { return (1 + 2)(3) }", "E0205"},
    {"mapping A = spatial(4)\nmapping B = A(2)", "E0205"},
    {"pub fn f() { print 1 via 2 }", "E0010"},
    {"pub fn f(s: inout shared f32[4]) { sync2(s) via s }", "E0101"},
    {"pub fn f(s: inout shared f32[4], x: f32) { sqrt(x) via s }", "E0205"},
    {"pub fn f[g: fn(f32) -> f32]() -> f32 { return g() }", "E0206"},
    {"pub fn f() -> f32 { return add(1.5) }", "E0206"},
    {"pub fn f(x: f32[m, n]) -> f32 { return x.transpose(1)[0, 0] }", "E0206"},
    {"test \"t\" { check close(1) }", "E0206"},
    {"test \"t\" { check close(1, 2, 3) }", "E0206"},
    {"pub fn f(x: inout u32[n]) { atomic.add(x[0]) }", "E0206"},
    {"kernel k(x: f32[n], y: out f32[n]) launch grid(1), block(1) { }\ntest \"t\" { k() }",
     "E0206"},
    {"pub fn f() { shared s: f32[4]; s = 1; sync }", "E0209"},
    {"kernel k(x: f32[n]) tune t in {1} launch grid(1), block(1) { t = 2 }", "E0209"},
    {"mapping A = spatial(4)\npub fn f() { A = 1 }", "E0209"},
    {"pub fn f(x: index) -> u32 { return bitcast[u32](x) }", "E0211"},
    {"pub fn f(x: f32x4) -> u32x2 { return bitcast[u32x2](x) }", "E0211"},
    {"pub fn f(x: f32[n]) -> u32 { return bitcast[u32](x) }", "E0211"},
    {"pub fn f(x: f32) -> f16x2 { return f16x2(x) }", "E0211"},
    {"pub fn f(x: f32) -> f16 { return f16[2](x) }", "E0218"},
    {"fn g[T: uint](x: T) -> T { return x }\npub fn h(x: i8) -> i8 { return g(x) }", "E0213"},
    {"fn g[T: int](x: T) -> T { return x }\npub fn h(x: f32) -> f32 { return g(x) }", "E0213"},
    {"fn g[T: num](x: T) -> T { return x }\npub fn f() -> f32 { return g[add](1) }", "E0218"},
    {"fn g[T: num](x: T) -> T { return x }\npub fn f() -> f32 { return g[spatial(2)](1) }",
     "E0218"},
    {"fn g[T: num](x: T) -> T { return x }\npub fn f() -> f32 { return g[2](1.5) }", "E0218"},
    {"fn g[T: num](x: T) -> T { return x }\npub fn f() -> f32 { return g[_](1.5) }", "E0230"},
    {"fn g[f: fn(f32) -> f32](x: f32) -> f32 { return f(x) }\n"
     "fn i[T: int](x: T) -> T { return x }\npub fn h() -> f32 { return g[i](1) }",
     "E0232"},
    {"pub fn f() { reg t: (f32, f32)[4]; sync }", "E0010"},
    {"test \"t\" { let x = random f32[4](1.5, hi: 2); atomic.add(x[0], 1) }", "E0503"},
    {"pub fn f() { continue }", "E0221"},
    {"pub fn f(x: f32) -> f32 { while x { }; return x }", "E0222"},
    {"pub fn f(x: f32) -> bool { return x && true }", "E0222"},
    {"pub fn f(x: f32) where x { print x }", "E0222"},
    {"pub fn f(x: f32) { assert x }", "E0222"},
    {"const T: f32[2, 2] = [[1, 2], [3]]", "E0223"},
    {"const T: f32[2] = 3.5", "E0201"},
    {"const T = [[1, 2], [3]]", "E0223"},
    {"const T = [[1, 2], 3]", "E0201"},
    {"const T = [1, true]", "E0201"},
    {"const T = [spatial(2)]", "E0227"},
    {"pub fn f(x: i32) { var y = x; atomic.add(y, 1) }", "E0224"},
    {"pub fn f(x: inout f32[n]) { atomic.or(x[0], 1) }", "E0224"},
    {"pub fn f(t: inout reg i32[4]) { atomic.add(t[0], 1) }", "E0224"},
    {"pub fn f(x: inout u32[n]) { atomic.add(x[0], 1, device, release) }", "E0225"},
    {"pub fn f(x: inout u32[n]) { atomic.add(x[0], 1, relaxed, warp) }", "E0225"},
    {"pub fn f(s: shared f32[4, 4] layout swizzle(1, 2, 3, 4)) -> f32 { return s[0, 0] }", "E0226"},
    {"pub fn f() { shared s: f32; sync }", "E0227"},
    {"pub fn f(x: f32[n]) { var y = x; y[0] = 1 }", "E0227"},
    {"pub fn f(x: out f32) { print x }", "E0227"},
    {"pub fn f[T: number](x: T) -> T { return x }", "E0227"},
    {"pub fn f(x: f32[n]) -> f32[n] { return x }", "E0227"},
    {"pub fn f() { let s = \"text\"; print s }", "E0227"},
    {"const M = spatial(4)", "E0227"},
    {"pub fn f(x: f32[m, n]) { let w = x.tile(4) at (0, 0); print w[0, 0] }", "E0228"},
    {"pub fn f(x: f32[m, n]) { let w = x.tile(4, 4) at (0); print w[0, 0] }", "E0228"},
    {"pub fn f(x: f32[m, n]) { let w = x at (0, 0); print w[0, 0] }", "E0228"},
    {"pub fn f(x: f32[m, n]) { let w = x else 0; print w[0, 0] }", "E0229"},
    {"pub fn f() -> index { return min(_, 1) }", "E0230"},
    {"mapping M = auto(_)", "E0230"},
    {"pub fn f() { for i in range(4) within (2) { print i } }", "E0231"},
    {"fn g[f: fn(f32, f32) -> f32](x: f32) -> f32 { return f(x, x) }\n"
     "pub fn h() -> f32 { return g[lt](1) }",
     "E0232"},
    {"fn g[f: fn(f32) -> f32](x: f32) -> f32 { return f(x) }\nfn i(x: i32) -> i32 { return x "
     "}\n"
     "pub fn h() -> f32 { return g[i](1) }",
     "E0232"},
    {"test \"t\" { sync }", "E0503"},
    {"test \"t\" { shared s: f32[4]; }", "E0503"},
    {"test \"t\" { for i in spatial(4) { check i == 0 } }", "E0503"},
    {"test \"t\" { check shuffle(1, 2) == 1 }", "E0503"},
    {"const A = thread", "E0503"},
    {"kernel k(x: f32[n]) launch grid(lane), block(1) { }", "E0503"},
    {"pub fn f() -> bool { return equal(1, 1) }", "E0504"},
    {"pub fn f() { let x = random f32[4]; print x[0] }", "E0504"},
    {"kernel k(x: index[n]) launch grid(1), block(1) { }", "E0508"},
    {"kernel k(x: (f32, f32)) launch grid(1), block(1) { }", "E0508"},
    {"kernel k(x: out f32) launch grid(1), block(1) { }", "E0508"},
    {"kernel k(x: f32[n]) tune b in {1.5, true} launch grid(1), block(1) { }", "E0506"},
    {"kernel k(x: f32[n + 2]) launch grid(1), block(n) { }", "E0507"},
};

static void single_mistakes(void **state)
{
    (void)state;
    int wrong = 0;
    for (size_t i = 0; i < BASE_LEN(mistakes); i++) {
        Checked c = check_text(mistakes[i][0]);
        const char *found =
            c.diags->list.len ? diag_code_text(c.diags->list.data[0]->code) : "none";
        if (c.diags->errors != 1 || strcmp(found, mistakes[i][1]) != 0) {
            print_error("wanted %s:\n%s\n%s\n", mistakes[i][1], mistakes[i][0], c.messages);
            wrong++;
        }
        done(&c);
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_programs),
        cmocka_unit_test(single_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
