"""Sources that nobody should write: none crashes, hangs or exhausts the machine."""
import random
import resource

from call import *

KERNEL = "kernel k(x: f32[n], y: out f32[n])\n    launch grid(1), block({block})\n{{\n    {body}\n}}\n"


def limited():
    """Two GiB of memory and a minute of time are plenty for any of these."""
    if not SANITIZED:
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
        resource.setrlimit(resource.RLIMIT_CPU, (60, 60))


def in_kernel(body, block=128):
    return KERNEL.format(body=body, block=block)


@test
def an_empty_file_is_a_module_of_nothing():
    assert check("", want=DONE).err == b""
    assert check("\n\n// nothing\n", want=DONE).err == b""
    file = write("empty.hd", "")
    hdc("test", file, "--device=cpu", want=DONE)
    assert hdc(file, "--emit=manifest", want=DONE).json["kernels"] == []
    hdc("run", file, "k", want=CALL)
    hdc("fmt", file, want=DONE)


@test
def binary_and_other_encodings():
    rng = random.Random(1)
    for size in [1, 2, 100, 10000]:
        check(bytes(rng.randrange(256) for _ in range(size)), limits=limited)
    assert b"E0002" in check(b"const A = 1 // \xff\n", want=WRONG).err
    assert b"E0002" in check(b"const A = 1 \0\n", want=WRONG).err
    assert b"E0002" in check("const A = 1".encode("utf-16"), want=WRONG).err
    check(b"\xef\xbb\xbfconst A = 1\r\npub fn f() -> index { return A }\r\n", want=DONE)
    check(b"\x7fELF" + bytes(4096), want=WRONG)
    json.loads(hdc("check", "-", "--diagnostics=json", stdin=b"\xff\xfe\"").err)


@test
def a_hundred_megabytes():
    big = folder() / "big.hd"
    with open(big, "wb") as out:
        for _ in range(100):
            out.write(b"x" * (1 << 20))
    result = hdc("check", big, want=WRONG, limits=limited)
    assert b"E0014" in result.err and len(result.err) < 10000
    big.unlink()


@test
def files_without_an_end():
    for source in ["/dev/zero", "/dev/urandom"]:
        assert hdc("check", source, limits=limited).code == WRONG
        hdc("fmt", source, want=WRONG, limits=limited)
    with open("/dev/zero", "rb") as zero:
        process = subprocess.run([HDC, "check", "-"], stdin=zero, capture_output=True, env=environment(),
                                 timeout=TIMEOUT)
    assert process.returncode == WRONG and b"E0014" in process.stderr


@test
def lines_without_an_end():
    for piece in [b"x", b"(", b"1+", b"\"", b"a ", b"/*", b"-", b"@", b"f(x).", b"x[", b"{", b"}"]:
        result = check(b"const A = " + piece * 200000, limits=limited)
        assert result.code == WRONG and len(result.err) < 4000000, piece
    check(b"pub const A = " + b"1 + " * 300 + b"1\n", want=DONE)
    check(b"// " + b"x" * 10000000 + b"\n", want=DONE, limits=limited)


@test
def ten_thousand_parentheses():
    for open_, close in ["()", "[]", "{}"]:
        result = check("const A = " + open_ * 10000 + "1" + close * 10000, want=WRONG, limits=limited)
        assert len(result.err) < 100000
    assert b"E0013" in check("const A = " + "(" * 10000 + "1" + ")" * 10000, want=WRONG).err
    assert b"E0013" in check("const A = " + "-" * 10000 + "1", want=WRONG).err
    deep = "if true { " * 10000 + "}" * 10000
    check(in_kernel(deep), want=WRONG, limits=limited)
    check("const A = " + "(" * 150 + "1" + ")" * 150 + "\npub fn f() -> index { return A }", want=DONE)


@test
def recursion_among_functions_and_imports():
    expect("pub fn f(x: f32) -> f32 { return f(x) }", "E0107")
    expect("pub fn f(x: f32) -> f32 { return g(x) }\nfn g(x: f32) -> f32 { return f(x) }", "E0107")
    expect("const A = B\nconst B = A", "E0108")
    where = folder()
    write("a.hd", 'import "b.hd" (g)\npub fn f(x: f32) -> f32 { return g(x) }\n', where)
    write("b.hd", 'import "a.hd" (f)\npub fn g(x: f32) -> f32 { return f(x) }\n', where)
    assert "E0104" in hdc("check", where / "a.hd", want=WRONG).message
    write("c.hd", 'import "c.hd"\n', where)
    assert "E0104" in hdc("check", where / "c.hd", want=WRONG).message
    for i in range(300):
        write(f"m{i}.hd", f'import "m{i + 1}.hd" (f{i + 1})\npub fn f{i}() -> i32 {{ return f{i + 1}() }}\n', where)
    write("m300.hd", "pub fn f300() -> i32 { return 1 }\n", where)
    assert hdc("check", where / "m0.hd", limits=limited).code in (DONE, WRONG)


@test
def imports_of_what_is_no_source():
    for target in ["nope.hd", ".", "/dev/zero", "/proc/self/mem", "/dev/stdin"]:
        assert "E0103" in check(f'import "{target}"\n', want=WRONG, limits=limited).message, target
    fifo = folder() / "pipe.hd"
    os.mkfifo(fifo)
    assert "E0103" in check(f'import "{fifo}"\n', want=WRONG, limits=limited).message
    hdc("check", folder(), want=ENVIRONMENT)


@test
def misspelt_names_are_guessed():
    for text, near in [("pub fn f(value: f32) -> f32 { return vale }", "value"),
                       ("pub fn f(x: f32) -> f32 { return sqr(x) }", "sqrt"),
                       ("pub fn f(x: f23) -> f32 { return x }", "f32"),
                       ("import std.int (round_upp)", "round_up"),
                       (in_kernel("y[thred] = x[thread]"), "thread")]:
        message = check(text, want=WRONG).message
        assert f"`{near}`" in message or f"`std.{near}`" in message, message


@test
def workers_and_tasks_beyond_all_bounds():
    expect(in_kernel("for i in spatial(2048) on thread { y[i] = x[i] }"), "E0302")
    for block in [0, -1, 1025, 1 << 31, 1 << 40]:
        expect(in_kernel("y[thread] = x[thread]", block), "E0520")
    for text in ["spatial(1 << 20, 1 << 20)", "spatial(65536, 65536)", "repeat(1 << 40, 1 << 40)",
                 "spatial(4611686018427387904, 4)", "repeat(9223372036854775807, 2)",
                 " * ".join(["repeat(1024)"] * 12), "replicate(1 << 33)"]:
        result = hdc("map", text, limits=limited, timeout=60)
        assert result.code in (DONE, WRONG), text
        hdc("map", text, "--json", want=WRONG, limits=limited)
        assert len(result.out) < 1000000
    for text in ["spatial(65536, 65536)", "spatial(4611686018427387904, 4)"]:
        check(in_kernel(f"for (i, j) in {text} on thread {{ y[i] = x[j] }}"), want=WRONG, limits=limited)


@test
def extents_of_zero_and_less():
    for text in ["spatial(0)", "spatial(-4)", "repeat(0, 3)", "replicate(0)", "spatial(2) * repeat(-1)"]:
        hdc("map", text, want=WRONG)
    for body in ["shared s: f32[0]", "shared s: f32[-8]", "reg r: f32[0] = 0", "reg r: f32[2, -2] = 0"]:
        assert "E0306" in check(in_kernel(body), want=WRONG).message, body
    check(in_kernel("for i in range(10, 0) { y[i] = x[i] }"), want=DONE)


@test
def more_shared_memory_than_there_is():
    text = in_kernel("shared s: f32[100, 1024]\n    s[0, thread] = x[thread]\n    sync\n    y[thread] = s[0, 127 - thread]")
    expect(text, "E0521")
    expect(text, "E0521", "--arch=sm_75")
    check(text, "--arch=sm_90", want=WRONG)
    check(text, "--target=cpu", want=DONE)


@test
def tune_spaces_without_a_point_and_conditions_that_fail():
    tune = "kernel k(y: out f32[n])\n    tune t in {{32, 64}}\n    where {}\n    launch grid(1), block(t)\n{{\n    y[thread] = 1\n}}\n"
    expect(tune.format("t > 100"), "E0522")
    check(tune.format("t > 50"), want=DONE)
    assert "E0522" in hdc("-", "--emit=c", stdin=tune.format("t > 100"), want=WRONG).message
    hdc("-", "--emit=c", "-D", "t=32", stdin=tune.format("t > 50"), want=WRONG)


@test
def numbers_at_the_edge():
    for text in ["18446744073709551616", "1e999999", "0x", "0b2", "1__0", "9" * 10000, "1e-99999999999",
                 "0.00000000000000000000000000000000000001", "1.", ".5", "1 / 0", "1 % 0",
                 "(0 - 9223372036854775807 - 1) / -1", "1 << 64", "1 << -1", "-9223372036854775808"]:
        check(f"const A = {text}\n", limits=limited)


@test
def broken_copies_of_the_examples():
    """Truncated, doubled, shuffled and mutated text gives messages and nothing worse."""
    rng = random.Random(7)
    sources = sorted((ROOT / "examples").glob("*.hd"))
    for n in range(60):
        text = bytearray(rng.choice(sources).read_bytes())
        for _ in range(rng.randrange(1, 8)):
            at, size = rng.randrange(len(text)), rng.randrange(1, 40)
            kind = rng.randrange(4)
            if kind == 0:
                del text[at:at + size]
            elif kind == 1:
                text[at:at] = text[rng.randrange(len(text)):][:size]
            elif kind == 2:
                text[at] = rng.choice(b"(){}[];,.*+-0123456789\n\"'_ax")
            else:
                del text[at + 200:]
        check(bytes(text), limits=limited, timeout=100)
