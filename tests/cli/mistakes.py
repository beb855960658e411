"""Mismatches of types, ranks, sizes and mappings: one mistake, one message, at its place."""
from call import *

HEAD = "kernel k(a: f32[m, n], v: f32[n], h: f16[n], y: out f32[m, n], s: i32, t: f32)\n    launch grid(1), block(128)\n{{\n    {}\n}}\n"


def line(body, code):
    row = expect(HEAD.format(body), code)
    assert row["line"] >= 4, row


@test
def types():
    for body, code in [("let x = t + s\n    y[0, 0] = x", "E0202"), ("y[0, 0] = h[0]", "E0201"), ("y[0, 0] = s", "E0201"),
                       ("if s { y[0, 0] = t }", "E0222"), ("let x = t << 1\n    y[0, 0] = x", "E0203"), ("y[0, 0] = -true", "E0203"),
                       ("y[0, 0] = t ? t : t", "E0222"), ("while t { }", "E0222"), ("y[0, 0] = f32(\"x\")", "E0211"),
                       ("let x: i8 = 300\n    y[0, 0] = f32(x)", "E0204"), ("y[0, 0] = t(1)", "E0205"), ("y[0, 0] = sqrt(t, t)", "E0206"),
                       ("y[0, 0] = t[0]", "E0207"), ("v[0] = t", "E0210"), ("let x = t\n    x = 1\n    y[0, 0] = x", "E0209"),
                       ("t = 1", "E0209"), ("y[0, 0] = a.nope", "E0110"), ("break", "E0221"),
                       ("let (p, q) = t\n    y[0, 0] = p + q", "E0216")]:
        line(body, code)


@test
def ranks():
    for body, code in [("y[0] = t", "E0209"), ("y[0, 0, 0] = t", "E0208"), ("y[0, 0] = v[0, 0]", "E0208"),
                       ("for (i, j) in spatial(128) on thread { y[i, j] = t }", "E0307"),
                       ("for i in spatial(16, 8) on thread { y[i, 0] = t }", "E0307"),
                       ("for (i, j) in spatial(16, 8) on thread within (m) { y[i, j] = t }", "E0220"),
                       ("for (i, j) in spatial(16) * spatial(4, 2) on thread { y[i, j] = t }", "E0301"),
                       ("reg r: f32[128] over spatial(16, 8) = 0\n    for i in r { y[0, i] = r[i] }", "E0303"),
                       ("shared q: f32[4, 4]\n    copy(q, v.tile(16) at (0))", "E0201")]:
        result = check(HEAD.format(body), "--diagnostics=json", want=WRONG)
        errors = [d["code"] for d in json.loads(result.err) if d["severity"] == "error"]
        assert errors == [code], (body, errors)


@test
def mappings():
    for body, code in [("for i in spatial(64) on thread { y[0, i] = t }", "E0302"), ("for i in repeat(128) on thread { y[0, i] = t }", "E0302"),
                       ("for i in spatial(128) on warp { y[0, i] = t }", "E0302"),
                       ("reg r: f32[64] over spatial(128) = 0\n    for i in r { y[0, i] = r[i] }", "E0303"),
                       ("reg r: f32[64] over spatial(64) = 0\n    for i in r { y[0, i] = r[i] }", "E0302"),
                       ("mapping q: (64, 9) = repeat(_, _) * spatial(16, 8)\n    for (i, j) in q on thread { y[i, j] = t }", "E0301"),
                       ("mapping q = repeat(_) * spatial(128)\n    for i in q on thread { y[0, i] = t }", "E0301"),
                       ("for (i, j) in spatial(16, 8).drop(2) on thread { y[i, j] = t }", None),
                       ("for i in (spatial(16, 8) order (0)) on thread { y[0, i] = t }", None)]:
        result = check(HEAD.format(body), "--diagnostics=json", want=WRONG)
        errors = [d["code"] for d in json.loads(result.err) if d["severity"] == "error"]
        assert errors and (code is None or errors == [code]), (body, errors)


@test
def the_arithmetic_is_shown():
    message = check(HEAD.format("for (i, j) in spatial(4, 8) * repeat(2, 2) on thread { y[i, j] = t }"), want=WRONG).message
    assert "`spatial(4, 8) * repeat(2, 2)` has 32 workers" in message and "128" in message
    assert "block(128)" in message, message


@test
def a_fragment_of_another_kind_is_shown_by_both_mappings_and_the_first_element():
    """A tile distributed as the second factor, where an instruction wants its first."""
    text = """import std.mma.m16n8k16 (A, B, C, f16_f32)

kernel k(y: out f32[16, 8])
    launch grid(1), block(32)
{
    reg a: f16[16, 16] over %s = 1
    reg b: f16[16, 8] over B = 1
    reg c: f32[16, 8] over C = 0
    f16_f32(c, a, b)
    copy(y, c)
}
"""
    message = check(text % "repeat(1, 2) * B", want=WRONG).message
    assert "`repeat(1, 2) * col_repeat(2, 1) * col_spatial(4, 8) * col_repeat(2, 1)`" in message, message
    assert "`col_repeat(2, 2) * spatial(8, 4) * repeat(1, 2)` is wanted" in message, message
    assert "element 1 of lane 0 is (1, 0), where (0, 1) is wanted" in message, message
    assert "- wanted here" in message and "m16n8k16.hd:" in message, message
    message = check(text % "repeat(1, 2) * spatial(8, 4) * repeat(2, 2)", want=WRONG).message
    assert "element 1 of lane 0 is (0, 1), where" not in message, message
    assert "lane 1 is" in message or "lane 0 is" in message, message
    check(text % "repeat(1, 2) * C", want=DONE)  # another spelling of the same


@test
def words_of_elsewhere_are_translated():
    for body, note in [("y[0, 0] = exp(t)", "`import std.math (exp)`"), ("y[0, 0] = block_reduce[add](t, 0.0)", "`import std.block (block_reduce)`"),
                       ("y[0, 0] = a[threadIdx.x, 0]", "`thread`"), ("__syncthreads()", "`sync`"), ("let p: float = t", "`f32`"),
                       ("atomicAdd(y[0, 0], t)", "`atomic.add(x[i], v)`"), ("y[0, 0] = if s > 0 { 1 } else { 0 }", "`c ? a : b`"),
                       ("y[0, 0] = t if s > 0", "`c ? a : b`"), ("if t > 1 == true { y[0, 0] = t }", "in parentheses")]:
        message = check(HEAD.format(body), want=WRONG).message
        assert any("= note:" in row and note in row for row in message.splitlines()), (body, message)


@test
def a_message_names_what_it_is_about():
    for body, text in [("on warp[4] { y[0, 0] = t }", "the group has 4 warps, numbered from 0"),
                       ("y[0, _] = v", ": a view cannot be assigned to"), ("for i in range(thread) { sync }", "|              ------------- this differs")]:
        message = check(HEAD.format(body), want=WRONG).message
        assert text in message, (body, message)
    for use, notes in [("y[0] = MASK", 1), ("y[0] = y[1] & MASK", 1), ("y[0] = MASK + OTHER", 0), ("y[0] = block.x", 0),
                       ("y[0] = f32(MASK) > 1.0 ? OTHER : 0", 0)]:
        text = "const MASK = 0xff\nconst OTHER: u16 = 3\n" \
            f"kernel k(y: out u32[n]) launch grid(1), block(32) {{ {use} }}\n"
        message = check(text, want=WRONG).message
        assert message.count("or declare `const MASK: u32 = …`") == notes, message
        assert "`const OTHER" not in message, message
    host = check(HEAD.format("y[0, 0] = t") + 'test "t" {\n    var z = zero f32[3]\n}\n', want=WRONG).message
    assert "by `let`" in host, host


@test
def a_misplaced_call_is_one_error():
    text = "import std.block (block_reduce)\n" + HEAD.format("if thread == 0 { y[0, 0] = block_reduce[add](t, 0.0) }")
    message = check(text, want=WRONG).message
    assert message.count(" error: ") == 1 and "instantiated from here" in message, message
    message = check(HEAD.format("for i in repeat(n) * spatial(32) on thread { y[0, i] = t }"), want=WRONG).message
    assert "`repeat(n) * spatial(32)` has 32 workers" in message, message


@test
def a_limit_names_what_takes_it():
    text = """
kernel k(a: f16[m, n], c: out f16[m, n])
    tune rows in {64, 256}
    launch grid(1), block(128)
{
    shared small: f16[8, 8], wide: f16[rows, 128], filled: f16[rows, 64]
    for p in range(0, n, 64) pipeline(4) {
        copy(filled, a.tile(rows, 64) at (0, p) else 0)
        copy(c.tile(rows, 64) at (0, p), filled)
    }
    copy(wide, a.tile(rows, 128) at (0, 0) else 0)
    copy(small, a.tile(8, 8) at (0, 0) else 0)
    copy(c.tile(rows, 128) at (0, 0), wide)
    copy(c.tile(8, 8) at (0, 0), small)
}
"""
    message = check(text, want=WRONG).message
    notes = [row.split("note: ")[1] for row in message.splitlines() if "= note:" in row]
    assert notes == ["`wide` takes 65536 of them", "the 4 stages of `filled` in a pipeline take 131072 of them",
                     "this is with rows=256"], message
    text = """
import std.mma.m16n8k32_b8 (A, B, C, f8e4m3_f32)
kernel k(c: out f32[16, 8]) launch grid(1), block(32) {
    reg x: f8e4m3[16, 32] over A = 0
    reg y: f8e4m3[32, 8] over B = 0
    reg s: f32[16, 8] over C = 0
    f8e4m3_f32(s, x, y)
    copy(c, s)
}
"""
    assert "the code is for sm_80; `--arch` gives another" in check(text, "--arch=sm_80", want=WRONG).message
    check(text, "--arch=sm_89", want=DONE)
    text = HEAD.format("y[0, 0] = t") + 'test "t" {\n    check k(zero f32[1, 1], zero f32[1], zero f16[1], zero f32[1, 1], 1, 1.0)[0, 0] == 1\n}\n'
    assert "gives its outputs where none is passed" in check(text, want=WRONG).message


@test
def an_index_does_not_take_a_matrix_out_of_a_tile():
    text = """
mapping T = spatial(4, 1, 1) * repeat(1, 2, 1) * spatial(1, 8, 4) * repeat(1, 1, 2)
kernel k(c: out f32[4, 16, 8]) launch grid(1), block(128) {
    shared s: f16[4, 16, 16]
    reg acc: f32[4, 16, 8] over T = 0
    for (i, j, p) in auto(4, 16, 16) on thread { s[i, j, p] = 0 }
    for g in spatial(4) on warp { mma(acc[g, _, _], s[g, _, _], s[g, _, 0:8]) }
    for (i, j, p) in acc { c[i, j, p] = acc[i, j, p] }
}
"""
    message = check(text, want=WRONG).message
    assert "of the sums' 3 distributed dimensions 2 are left" in message and "`tile`" in message, message
