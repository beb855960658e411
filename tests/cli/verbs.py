"""Every verb, its options and its exit codes."""
import re

from call import *

VERBS = ["build", "check", "run", "test", "bench", "map", "fmt", "explain", "doctor", "cache", "help"]
ADD = """/// y = x + c.
pub kernel add(x: f32[n], c: f32, y: out f32[n])
    launch grid(cdiv(n, 64)), block(64)
{
    let i0 = block.x * 64
    for i in spatial(64) on thread within (n - i0) { y[i0 + i] = x[i0 + i] + c }
}
test "sum" {
    let x = random f32[100]
    let y = add(x, 2.0)
    for i in range(100) { check y[i] == x[i] + 2.0 }
}
test "nothing" { let _y = add(zero f32[0], 1.0) }
bench "small" { add(random f32[1000], 1.0) }
"""


@test
def help_lists_every_verb():
    text = hdc("help", want=DONE).text
    for verb in VERBS:
        assert f"hdc {verb}" in text or f"[{verb}]" in text, verb
        assert verb in hdc("help", verb, want=DONE).text
        assert hdc(verb, "--help", want=DONE).text == hdc("help", verb).text
    assert hdc("--help", want=DONE).text == text
    assert re.match(r"hdc \d+\.\d+", hdc("--version", want=DONE).text)


@test
def a_wrong_call_is_2_and_says_so_on_stderr():
    file = write("add.hd", ADD)
    calls = [[], ["help", "nope"], ["--nope"], ["check"], ["run"], ["test"], ["bench"], ["fmt"],
             ["map"], ["explain"], ["explain", "E9999"], ["cache", "nope"], ["doctor", "x"],
             ["cache", "status", "x"], ["build"], [file, file], ["tets", file], [file, "--emit=nope"],
             [file, "--target=gpu"], [file, "--arch=sm_1"], [file, "-D", "x"], [file, "-Dx=y z"], [file, "-Dnope=1"], ["run", file, "n=4", "-Dnope=1"],
             ["check", file, "--diagnostics=xml"], ["check", file, "--print-after=nope"],
             ["check", file, "--stop-after=nope"], ["check", file, "-Wno-E0101"],
             ["run", file, "nope"], ["run", file, "add", "q=3"], ["run", file, "add"],
             ["run", file, "add", "n=x"], ["run", file, "add", "n=-1"], ["run", file, "add", "n=1.5"],
             ["run", file, "add", "n=4", "n=4"], ["run", file, "add", "n=1e30"],
             ["run", file, "add", "n=4", "--in", "z=1"], ["run", file, "add", "n=4", "--in", "x"],
             ["run", file, "add", "n=4", "--device=nope"], ["run", file, "add", "n=4", "--seed=x"],
             ["map", "spatial(2)", "--shape=0"], ["map", "spatial(2)", "--workers=x"],
             ["map", "spatial(2)", "--workers=-1"], ["map", "spatial(2)", "--workers=0"], ["test", file, "--jobs=-1"], ["test", file, "--jobs=x"],
             [file, "-o"], [file, "-o", "-", "--target=cpu"],
             [file, "--target="], [file, "--target=cpu,"], [file, "--arch="], [file, "--arch=sm_80,"],
             [file, "--target=cuda", "--emit=c"], [file, "--target=cpu", "--emit=cu"],
             [file, "--target=cpu", "--emit=ptx"], [file, "--target=cpu", "-o", f"{file.parent}/add.h"],
             [file, "--stop-after=slots"], [file, "--emit=c", "--stop-after=slots"], ["run", file, "n=4", "--stop-after=slots"],
             ["check", file, "-o", "x"], ["test", file, "--emit=c"], ["test", file, "--json", "x"],
             ["fmt", file, "--in", "x=1"], ["--svg=x", "bench", file], ["cache", "--filter=x"],
             ["run", file, "n=4", "--in", "x=1", "--in", "x=2"], ["run", file, "n=4", "c=1", "--in", "c=2"],
             ["run", file, "n=4", "--out", "c=x.npy"], ["run", file, "n=4", "c=1e39"]]
    for args in calls:
        result = hdc(*args, want=CALL)
        assert result.out == b"" and result.err, args


CRASH = """
kernel far(x: f32[n], y: out f32[n])
    launch grid(1), block(1)
{
    y[1000000000] = x[0]
}
test "before" { check 1 == 1 }
test "writes far away" {
    let y = far(zero f32[1])
    check y[0] == 0.0
}
"""


@test
def a_kernel_that_crashes_fails_its_test_and_no_other():
    where = folder()
    bad, good = write("crash.hd", CRASH, where), write("add.hd", ADD, where)
    result = hdc("test", bad, good, "--device=cpu", want=WRONG)
    lines = result.text.splitlines()
    assert lines[0] == f"ok    {bad}: before" and lines[1] == f"FAIL  {bad}: writes far away", lines
    assert lines[-1] == "3 passed, 1 failed", lines
    assert SANITIZED or "signal 11" in lines[2] and "--check" in lines[3], lines


@test
def files_are_tested_at_the_same_time_and_reported_in_order():
    where = folder()
    files = [write(f"{name}.hd", ADD, where) for name in "abcdefgh"]
    wanted = [f"ok    {file}: {title}" for file in files for title in ["sum", "nothing"]] + ["16 passed, 0 failed"]
    for jobs in [[], ["--jobs=0"], ["--jobs=1"], ["--jobs", "3"]]:
        assert hdc("test", where, "--device=cpu", *jobs, want=DONE).text.splitlines() == wanted
    message = hdc("test", where, "--device=cuda:99", want=CALL).message
    assert message.count("hdc: ") == 1, message


@test
def check_is_silent_about_a_good_file():
    file = write("add.hd", ADD)
    result = hdc("check", file, file, want=DONE)
    assert result.out == b"" and result.err == b""
    assert json.loads(hdc("check", file, "--diagnostics=json", want=DONE).err) == []
    assert check(ADD, want=DONE).err == b""


@test
def warnings_can_be_errors_or_silent():
    text = "fn unused(x: f32) -> f32 { return x }\n"
    assert b"W0103" in check(text, want=DONE).err
    assert b"W0103" in check(text, "-Werror", want=WRONG).err
    assert check(text, "-Werror", "-Wno-W0103", want=DONE).err == b""
    assert b"W0103" in check(text, "-Wall", want=DONE).err


TURN = """kernel turn(x: f32[m, n], y: out f32[n, m])
    launch grid(cdiv(m, 32), cdiv(n, 32)), block(256)
{
    mapping rows = repeat(4, 1) * spatial(8, 32)
    shared t: f32[32, 32]
    for (i, j) in rows on thread { t[i, j] = x[block.x * 32 + i, block.y * 32 + j] else 0 }
    sync
    for (j, i) in rows on thread within (n - block.y * 32, m - block.x * 32) {
        y[block.y * 32 + j, block.x * 32 + i] = t[i, j]
    }
}
"""


@test
def warnings_about_speed_are_for_those_who_ask():
    assert check(TURN, want=DONE).err == b""
    file = write("turn.hd", TURN)
    plain = hdc("check", "-Wperf", file, want=DONE)
    assert b"[W0202]" in plain.err and b"pad(1)" in plain.err
    assert re.search(r"turn.hd:9 +turn +load +t +4  32 wavefronts, 1 would do", plain.text)
    assert re.search(r"turn.hd:6 +turn +load +x +4  4 sectors", plain.text)
    quiet = hdc("check", "-Wperf", "--diagnostics=json", file, want=DONE)
    assert quiet.out == b"" and [d["code"] for d in json.loads(quiet.err)] == ["W0202"]
    assert json.loads(quiet.err)[0]["severity"] == "warning"
    assert b"W0202" in hdc("check", "-Wperf", "-Werror", file, want=WRONG).err
    assert hdc("check", "-Wperf", "-Werror", "-Wno-W0202", file, want=DONE).err == b""
    assert b"W0202" in hdc(file, "-Wperf", "--emit=cu", want=DONE).err


@test
def run_prints_shapes_time_and_a_stable_digest():
    file = write("add.hd", ADD)
    line = re.compile(r"out +y: f32\[1000\] +digest ([0-9a-f]{16})")
    one, two = (hdc("run", file, "add", "n=1000", "--device=cpu", "--seed=5", want=DONE) for _ in "ab")
    other = hdc("run", file, "add", "n=1000", "--device=cpu", "--seed=6", want=DONE)
    digest = line.search(one.text).group(1)
    assert digest == line.search(two.text).group(1) != line.search(other.text).group(1)
    assert re.search(r"add: +[0-9.]+ ms on cpu", one.text)
    threads = hdc("run", file, "add", "n=1000", "--device=cpu", "--seed=5", HD_NUM_THREADS=1)
    assert digest == line.search(threads.text).group(1)
    checked = hdc("run", file, "add", "n=1000", "--device=cpu", "--seed=5", "--check", want=DONE)
    assert digest == line.search(checked.text).group(1)


@test
def run_takes_and_gives_npy_files_numbers_and_random():
    where = folder()
    file, x, y = write("add.hd", ADD, where), where / "x.npy", where / "y.npy"
    x.write_bytes(npy([1.0, 2.5, -3.0]))
    hdc("run", file, "add", "c=0.5", "--in", f"x={x}", "--out", f"y={y}", "--device=cpu", want=DONE)
    assert read_npy(y) == ((3,), [1.5, 3.0, -2.5])
    hdc("run", file, "add", "--in", "c=2", "--in=x=4", "n=2", "--out", f"y={y}", "--device=cpu", want=DONE)
    assert read_npy(y) == ((2,), [6.0, 6.0])
    hdc("run", file, "add", "c=0", "n=64", "--in", "x=random", "--out", f"y={y}", "--device=cpu", want=DONE)
    shape, values = read_npy(y)
    assert shape == (64,) and all(-1 <= v < 1 for v in values) and len(set(values)) > 50
    hdc("run", file, "c=1", "--in", f"x={x}", "--device=cpu", want=DONE)  # the file's only kernel
    named = hdc("run", file, "c=0", "--in", "x=random.npy", "--device=cpu", want=ENVIRONMENT, cwd=where)
    assert "random.npy" in named.message  # a file, whatever its name begins with
    piped = hdc("run", file, "c=0.5", "--in", "x=-", "--out", "y=-", "--device=cpu", stdin=x.read_bytes(), want=DONE)
    y.write_bytes(piped.out)
    assert read_npy(y) == ((3,), [1.5, 3.0, -2.5]) and "digest" in piped.message


SCALARS = """kernel k(a: i32, b: u8, c: f16, d: bool, e: index, f: u64, y: out f64[6]) launch grid(1), block(1) {
    y[0] = f64(a)
    y[1] = f64(b)
    y[2] = f64(c)
    y[3] = d ? 1 : 0
    y[4] = f64(e % 1000)
    y[5] = f64(f % 1000)
}
"""


@test
def scalars_are_what_is_written_or_the_call_is_wrong():
    file = write("k.hd", SCALARS)
    for word in ["a=2147483648", "a=-2147483649", "a=1.5", "a=nan", "a=inf", "a=true", "a=", "b=256", "b=-1", "c=65520",
                 "d=2", "d=0.5", "d=yes", "e=9223372036854775808", "f=-1", "f=18446744073709551616"]:
        assert f"`{word[0]}` cannot be" in hdc("run", file, "--device=cpu", word, want=CALL).message, word
    for words, values in [(["a=-2147483648", "b=255", "c=65504", "d=true"], [-2147483648, 255, 65504, 1, 1, 1]),
                          (["a=1e3", "b=0", "c=-0.5", "d=false"], [1000, 0, -0.5, 0, 1, 1]),
                          (["e=9223372036854775807", "f=18446744073709551615"], [1, 1, 1, 1, 807, 615])]:
        out = hdc("run", file, "--device=cpu", "--out", "y=-", *words, want=DONE).out
        assert list(struct.unpack("<6d", out[-48:])) == values, words


@test
def test_ends_with_a_count():
    file = write("add.hd", ADD)
    result = hdc("test", file, "--device=cpu", want=DONE)
    assert result.text.splitlines()[-1] == "2 passed, 0 failed"
    assert hdc("test", file.parent, "--device=cpu", want=DONE).text == \
        hdc("test", file.parent, "--device=cpu").text
    one = hdc("test", file, "--device=cpu", "--filter=sum", want=DONE)
    assert one.text.splitlines()[-1] == "1 passed, 0 failed"
    bad = write("bad.hd", ADD + 'test "wrong" { check 1 == 2 }\n')
    result = hdc("test", bad, "--device=cpu", want=WRONG)
    assert result.text.splitlines()[-1] == "2 passed, 1 failed"
    assert "bad.hd:" in result.text + result.message
    told = write("told.hd", 'test "t" {\n    check 1 == 2, "one is two"\n}\n')
    assert "one is two: it is not true that 1 == 2" in hdc("test", told, "--device=cpu", want=WRONG).text
    broken = write("broken.hd", "kernel")
    assert hdc("test", broken, want=WRONG).text.splitlines()[-1] == "0 passed, 1 failed"


@test
def bench_writes_json_and_compares():
    where = folder()
    file, a = write("add.hd", ADD, where), where / "a.json"
    assert "small" in hdc("bench", file, "--json", a, "--device=cpu", want=DONE).text
    rows = json.loads(a.read_text())
    assert len(rows) == 1 and rows[0]["title"] == "small" and rows[0]["kernel"] == "add"
    assert 0 < rows[0]["low"] <= rows[0]["median"] <= rows[0]["high"] and rows[0]["bytes"] == 8000
    assert "x 1.000" in hdc("bench", "--compare", a, a, want=DONE).text
    assert hdc("bench", file, "--json", "-", "--device=cpu", want=DONE).json[0]["title"] == "small"
    rows[0].update(median=1e3, low=1e3, high=1e3)
    b = write("b.json", json.dumps(rows), where)
    assert "slower" in hdc("bench", "--compare", a, b, want=DONE).text
    hdc("bench", "--compare", a, want=CALL)
    hdc("bench", "--compare", a, where / "none.json", want=ENVIRONMENT)
    for bad in ["{", "[1, 2]", "[{}]", '[{"title": 3}]', "[" * 10000, "\0", ""]:
        hdc("bench", "--compare", a, write("c.json", bad, where), want=ENVIRONMENT)


@test
def map_shows_a_mapping():
    text = hdc("map", "repeat(2, 1) * spatial(2, 2)", want=DONE).text
    assert "shape 4, 2" in text.replace("×", ", ") or "shape 4" in text, text
    got = hdc("map", "spatial(2, 2) * repeat(1, 2)", "--json", want=DONE)
    assert got.text.strip() == ('{"shape": [2, 4], "workers": 4, "tasks": [[[0, 0], [0, 1]], '
                                '[[0, 2], [0, 3]], [[1, 0], [1, 1]], [[1, 2], [1, 3]]]}')
    paper = hdc("map", "repeat(4, 1) * spatial(16, 8)", "--json", want=DONE).json
    assert paper["shape"] == [64, 8] and paper["workers"] == 128
    for w, tasks in enumerate(paper["tasks"]):
        assert tasks == [[w // 8 + 16 * i, w % 8] for i in range(4)]
    solved = hdc("map", "repeat(_, _) * spatial(16, 8)", "--shape=64,8", "--json", want=DONE).json
    assert solved == paper
    assert b"E0304" in hdc("map", "auto(64, 8)", "--workers=128", want=WRONG).err


@test
def map_of_a_file_and_as_svg():
    where = folder()
    file = write("maps.hd", "mapping m = spatial(2) * repeat(3)\n", where)
    got = hdc("map", f"{file}:m", "--json", want=DONE).json
    assert got == {"shape": [6], "workers": 2, "tasks": [[[0], [1], [2]], [[3], [4], [5]]]}
    hdc("map", f"{file}:nope", want=WRONG)
    hdc("map", f"{where}/none.hd:m", want=ENVIRONMENT)
    hdc("map", f"{file}:m", "--svg", where / "m.svg", want=DONE)
    svg = (where / "m.svg").read_text()
    import xml.dom.minidom
    assert xml.dom.minidom.parseString(svg).documentElement.tagName == "svg"
    assert hdc("map", f"{file}:m", "--svg=-", want=DONE).text == svg


@test
def map_explains_what_is_wrong():
    for text in ["spatial(2", "spatial(0)", "spatial(2) * spatial(2, 2)", "nope(2)", "spatial(_)", "1"]:
        result = hdc("map", text, want=WRONG)
        assert b"error" in result.err and result.out == b"", text
    hdc("map", "repeat(100000, 100000)", "--json", want=WRONG)
    hdc("map", "repeat(3) * spatial(4)", "--workers=4", "--shape=12", want=DONE)
    assert b"4 workers, not 8" in hdc("map", "repeat(3) * spatial(4)", "--workers=8", want=WRONG).err
    assert b"12, not 8" in hdc("map", "repeat(3) * spatial(4)", "--shape=8", want=WRONG).err
    hdc("map", "repeat(3) * spatial(4)", "--shape=3,4", want=WRONG)
    hdc("map", "spatial(4)", "--shape=99999999999999999999", want=CALL)


@test
def fmt_formats_in_place_and_checks():
    where = folder()
    file = write("x.hd", "const A=1\nfn f( x:f32 )->f32{return x}\n", where)
    assert hdc("fmt", "--check", file, want=WRONG).text == f"{file}\n"
    before = file.read_text()
    piped = hdc("fmt", "-", stdin=before, want=DONE).text
    assert file.read_text() == before
    hdc("fmt", file, want=DONE)
    assert file.read_text() == piped != before
    assert hdc("fmt", "--check", file, want=DONE).out == b""
    assert hdc("fmt", "-", stdin=piped, want=DONE).text == piped
    assert hdc("fmt", "--check", "-", stdin=piped, want=DONE).text == ""
    assert hdc("fmt", "--check", "-", stdin=before, want=WRONG).text == "-\n"
    broken = write("broken.hd", "fn f(", where)
    hdc("fmt", broken, want=WRONG)
    assert broken.read_text() == "fn f("
    hdc("fmt", where / "none.hd", want=ENVIRONMENT)
    inner = write("y.hd", before, folder())
    assert hdc("fmt", "--check", inner.parent, want=WRONG).text == f"{inner}\n"


@test
def doctor_names_what_is_there_and_what_is_not():
    text = hdc("doctor", want=DONE).text
    for part in ["C compiler", "NVRTC", "CPU", "cache"]:
        assert part in text, part
    text = hdc("doctor", HD_CC="/nonexistent", HD_NVRTC="/nonexistent", want=DONE).text
    assert re.search(r"missing +C compiler", text) and re.search(r"missing +NVRTC", text)
    assert "install" in text


@test
def cache_is_counted_and_cleared():
    where = folder()
    file = write("add.hd", ADD, where)
    env = {"HD_CACHE_DIR": where / "cache"}
    assert " 0 entries" in hdc("cache", want=DONE, **env).text
    hdc("run", file, "n=10", "--device=cpu", want=DONE, **env)
    assert " 1 entries" in hdc("cache", "status", want=DONE, **env).text
    assert hdc("cache", "clear", want=DONE, **env).text.startswith("1 entries removed")
    assert " 0 entries" in hdc("cache", "status", want=DONE, **env).text
    assert "no cache" in hdc("cache", HD_CACHE_SIZE=0, want=DONE).text


@test
def verbose_says_what_is_done():
    where = folder()
    file = write("add.hd", ADD, where)
    result = hdc(file, "--target=cpu", "-v", "-o", where / "libadd.so", want=DONE)
    assert "reads" in result.message and "wrote" in result.message and result.out == b""
    assert hdc(file, "--target=cpu", "-o", where / "libadd.so", want=DONE).err == b""
