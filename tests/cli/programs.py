"""`hdc run` and its arguments: shapes, files, conditions, traps."""
from call import *

MATMUL = """kernel mm(a: f32[m, k], b: f32[k, n], c: out f32[m, n])
    launch grid(m, n), block(1)
{
    var s = 0.0
    for p in range(k) { s += a[block.x, p] * b[p, block.y] }
    c[block.x, block.y] = s
}
"""
EVEN = """kernel even(x: f32[n], y: out f32[n])
    require n % 2 == 0, "an even number of elements"
    launch grid(1), block(1)
{
    for i in range(n) { y[i] = x[i] }
}
"""
ONE = "kernel one(x: {}, y: out f32[1])\n    launch grid(1), block(1)\n{{\n    y[0] = 1\n}}\n"


def run(text, *args, want=None, **env):
    return hdc("run", write("k.hd", text), *args, "--device=cpu", want=want, **env)


@test
def shapes_that_disagree_name_both_arguments():
    where = folder()
    (where / "a.npy").write_bytes(npy([1.0] * 6, (2, 3)))
    (where / "b.npy").write_bytes(npy([1.0] * 8, (4, 2)))
    message = run(MATMUL, "--in", f"a={where}/a.npy", "--in", f"b={where}/b.npy", want=CALL).message
    assert "`k`" in message and " a " in message and " b " in message, message
    message = run(MATMUL, "--in", f"a={where}/a.npy", "n=2", "k=5", want=CALL).message
    assert "k" in message
    (where / "v.npy").write_bytes(npy([1.0]))
    assert "rank" in run(MATMUL, "--in", f"a={where}/v.npy", "n=2", want=CALL).message


@test
def shared_memory_is_counted_at_launch():
    text = """kernel k(x: f32[n], s: i32, y: out f32[n]) launch grid(cdiv(n, 32)), block(32) {
    shared a: f32[n - index(s)]
    shared b: f32[16]
    if thread == 0 { a[0] = x[0]; b[0] = 0.0 }
    sync
    y[block.x * 32 + thread] = a[0] + b[0]
}
"""
    run(text, "k", "n=32", "--in", "s=0", want=DONE)
    run(text, "k", "n=0", "--in", "s=5", want=DONE)
    for args, parts in [(["n=50000", "--in", "s=0"], ["k needs 200064 bytes of shared memory a block, and sm_80 has 166912", "`a: f32[n - s]` takes 200000", "`b: f32[16]` takes 64", "n = 50000, s = 0"]),
                        (["n=32", "--in", "s=40"], [":2: shared tensor `a` of k has extent `n - s` = -8 in dimension 0 (n = 32, s = 40)"]),
                        (["n=32", "--in", "s=-2147483648"], ["`a: f32[n - s]` takes 8589934720"])]:
        message = run(text, "k", *args).message
        for part in parts:
            assert part in message, (part, message)
    message = run(text, "k", "n=50000", "--in", "s=0", "--arch=sm_75").message
    assert "sm_75 has 65536" in message, message
    run(text, "k", "n=50016", "--in", "s=0", "--arch=sm_90", want=DONE)
    message = run("kernel k(x: i64, y: out f32[n]) launch grid(1), block(1) {\n    shared a: f64[index(x), 8]\n    a[0, 0] = 1.0\n    y[0] = f32(a[0, 0])\n}\n",
                  "k", "n=1", "--in", "x=9223372036854775807").message
    assert "integer overflow" in message and "x = 9223372036854775807" in message, message


@test
def conditions_that_fail_show_the_values():
    run(EVEN, "n=4", want=DONE)
    message = run(EVEN, "n=5", want=CALL).message
    assert "an even number of elements" in message and "n = 5" in message, message


@test
def npy_files_that_lie():
    good = npy([1.0, 2.0, 3.0, 4.0])
    (path := folder() / "x.npy").write_bytes(good)
    run(EVEN, "--in", f"x={path}", want=DONE)
    huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"
    bad = {"truncated data": good[:-1], "truncated header": good[:40], "only magic": good[:6],
           "empty": b"", "no magic": b"x" + good[1:], "version": good[:6] + b"\x09\x00" + good[8:],
           "text": b"hello world\n" * 100, "f64": npy([1.0] * 4, descr="<f8", code="d"),
           "i32": npy([1] * 4, descr="<i4", code="i"), "big endian": npy([1.0] * 4, descr=">f4"),
           "objects": npy([1.0] * 4, descr="|O"), "rank 0": npy([1.0], ()),
           "rank 2": npy([1.0] * 4, (2, 2)), "too large": npy([], header=huge),
           "negative": npy([1.0] * 4, header="{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }"),
           "overflow": npy([], header=huge.replace("(1000000000000,)", "(4294967296, 4294967296, 4)")),
           "many dimensions": npy([1.0], (1,) * 200), "no shape": npy([], header="{'descr': '<f4'}"),
           "code": npy([], header="__import__('os').system('true')"), "nul": npy([], header="\0" * 50),
           "deep": npy([], header="(" * 5000), "long header": good[:8] + b"\xff\xff" + good[10:]}
    for name, data in bad.items():
        path.write_bytes(data)
        result = run(EVEN, "--in", f"x={path}", want=CALL)
        assert str(path) in result.message or "x" in result.message, name
        assert len(result.err) < 2000, name
    path.write_bytes(npy([1.0, 3.0, 2.0, 4.0], (2, 2), order="True"))
    result = run(MATMUL, "--in", f"a={path}", "--in", "b=1", "n=1")
    if result.code == DONE:  # read in the order it says, or refused
        assert "[3, 7" in result.text, result.text
    else:
        assert result.code == CALL and "order" in result.message
    run(EVEN, "--in", f"x={path}.none", want=ENVIRONMENT)
    run(EVEN, "--in", f"x={folder()}", want=ENVIRONMENT)


@test
def types_that_differ_by_a_word():
    path = folder() / "x.npy"
    path.write_bytes(npy([1] * 4, descr="<u4", code="I"))
    message = run(ONE.format("i32[n]"), "--in", f"x={path}", want=CALL).message
    assert "<u4" in message and "i32" in message, message


@test
def traps_are_launches_that_failed():
    text = "kernel k(x: f32[n], y: out f32[n])\n    launch grid(1), block(1)\n{\n    y[0] = x[n]\n}\n"
    message = run(text, "n=7", "--check", want=ENVIRONMENT).message
    assert "k.hd:4:" in message and "7" in message, message
    text = "kernel k(y: out f32[n])\n    launch grid(1), block(1)\n{\n    assert n < 5, \"short\"\n    y[0] = 1\n}\n"
    run(text, "n=4", want=DONE)
    message = run(text, "n=6", want=ENVIRONMENT).message
    assert "k.hd:4:" in message and "short" in message, message
    race = "kernel k(y: out f32[n])\n    launch grid(1), block(64)\n{\n    y[0] = f32(thread)\n}\n"
    message = run(race, "n=4", "--check", want=ENVIRONMENT).message
    assert "k.hd:4:" in message, message


@test
def sizes_nobody_has_memory_for():
    for size in ["1000000000000", "4611686018427387904", "9223372036854775807"]:
        result = run(EVEN, f"n={size}")
        assert result.code == (ENVIRONMENT if size < "2" else CALL) and result.err, size
    run(EVEN, "n=0", want=DONE)


@test
def prints_come_out_on_standard_output():
    text = "kernel k(y: out f32[n])\n    launch grid(1), block(1)\n{\n    print \"n is\", n\n    y[0] = 1\n}\n"
    assert "n is 3" in run(text, "n=3", want=DONE).text


@test
def every_element_type_goes_through_a_file():
    kinds = {"f32": ("<f4", "f"), "f64": ("<f8", "d"), "i8": ("|i1", "b"), "i16": ("<i2", "h"), "i32": ("<i4", "i"),
             "i64": ("<i8", "q"), "u8": ("|u1", "B"), "u16": ("<u2", "H"), "u32": ("<u4", "I"), "u64": ("<u8", "Q"),
             "f16": ("<f2", "e"), "bool": ("|b1", "?")}
    where = folder()
    for elem, (descr, code) in kinds.items():
        text = f"kernel k(x: {elem}[n], y: out {elem}[n])\n    launch grid(1), block(1)\n{{\n    for i in range(n) {{ y[i] = x[i] }}\n}}\n"
        data = npy([1, 0, 1], descr=descr, code=code)
        (where / "x.npy").write_bytes(data)
        run(text, "--in", f"x={where}/x.npy", "--out", f"y={where}/y.npy", want=DONE)
        assert (where / "y.npy").read_bytes()[-3 * struct.calcsize(code):] == data[-3 * struct.calcsize(code):], elem
