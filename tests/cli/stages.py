"""What each stage prints: --emit, passes, diagnostics as JSON, standard input and output."""
import re

from call import *
from verbs import ADD

MATMUL = ROOT / "examples" / "matmul_tiled.hd"


@test
def every_text_is_printed_or_written():
    file = write("add.hd", ADD)
    begins = {"ast": None, "typed": None, "ir": "kernel add", "cu": None, "c": None, "header": None,
              "manifest": "{"}
    for kind, start in begins.items():
        out = hdc(file, f"--emit={kind}", want=DONE)
        assert out.text.strip() and out.err == b"", kind
        assert start is None or out.text.startswith(start), kind
        path = folder() / "out"
        assert hdc(file, "--emit", kind, "-o", path, want=DONE).out == b""
        assert path.read_bytes() == out.out, kind
        assert hdc(file, f"--emit={kind}", "-o", "-", want=DONE).out == out.out, kind
        piped = hdc("-", f"--emit={kind}", stdin=ADD, want=DONE)
        assert piped.text.strip(), kind


@test
def the_two_targets_differ_after_the_fork():
    file = write("add.hd", ADD)
    cpu = hdc(file, "--emit=ir", "--target=cpu", want=DONE).text
    cuda = hdc(file, "--emit=ir", "--target=cuda", want=DONE).text
    assert cpu != cuda and "kernel add" in cuda
    assert "__global__" in hdc(file, "--emit=cu", want=DONE).text


@test
def fast_sums_may_be_taken_in_any_order():
    text = """kernel total(x: f32[m, n], y: out f32[m]) launch grid(m), block(1) {
    var s = 0.0
    for j in range(n) { s += x[block.x, j] * x[block.x, j] }
    y[block.x] = s
}
"""
    strict = hdc(write("total.hd", text), "--emit=c", want=DONE).text
    fast = hdc(write("total.hd", "@fast\n" + text), "--emit=c", want=DONE).text
    assert "omp simd reduction(+ : s)" in fast and "omp simd reduction(" not in strict
    checked = hdc(write("total.hd", "@fast\n" + text), "--emit=c", "--check", want=DONE).text
    assert "omp simd reduction(" not in checked
    assert "\nfast\n" in hdc(write("total.hd", "@fast\n" + text), "--emit=ir", want=DONE).text


@test
def shared_memory_known_at_launch_is_in_the_manifest():
    text = """kernel k(x: f32[n], y: out f32[n]) launch grid(1), block(32) {
    shared row: f32[n], small: f16[8]
    for i in auto(n) on thread { row[i] = x[i] }
    if thread < 8 { small[thread] = 1.0 }
    sync
    for i in auto(n) on thread { y[i] = row[i] + f32(small[i % 8]) }
}
"""
    for instance in hdc(write("k.hd", text), "--emit=manifest", want=DONE).json["kernels"][0]["instances"]:
        assert instance["shared_bytes"] == "(n + 3) / 4 * 16 + 16", instance["shared_bytes"]
        assert instance["shared"] == [{"name": "row", "elem": "f32", "extents": ["n"], "bytes": "n * 4"},
                                      {"name": "small", "elem": "f16", "extents": ["8"], "bytes": "16"}]


@test
def a_library_is_made_with_its_header():
    where = folder()
    file = write("add.hd", ADD, where)
    hdc(file, "--target=cpu", cwd=where, want=DONE)
    assert (where / "libadd.so").read_bytes()[:4] == b"\x7fELF"
    assert "add(" in (where / "add.h").read_text()
    assert sorted(p.name for p in where.iterdir()) == ["add.h", "add.hd", "libadd.so"]
    hdc(file, "--target=cpu", "--emit=so", "-o", where / "only.so", want=DONE)
    assert not (where / "only.h").exists()
    hdc("build", file, "--target=cpu", "--generic", "-o", where / "libgeneric.so", want=DONE)


@test
def the_manifest_is_json_and_tells_all():
    m = hdc(MATMUL, "--emit=manifest", want=DONE).json
    assert m["name"] == "matmul_tiled" and m["abi"] >= 1 and m["checked"] is False
    (kernel,) = m["kernels"]
    assert kernel["name"] == "matmul_tiled" and kernel["sizes"] == ["m", "k", "n"]
    assert kernel["parameters"][2] == {"name": "c", "kind": "tensor", "elem": "f32", "mode": "out",
                                       "strided": False, "extents": ["m", "n"]}
    assert [i["arch"] for i in kernel["instances"]] == [80, 90, 0]
    for instance in kernel["instances"]:
        assert instance["tune"] == "bm=128,bn=128,bk=8" and instance["threads"] == 256
        assert instance["grid"] == ["(m + 127) / 128", "(n + 127) / 128", "1"]
        assert instance["block"] == [256, 1, 1] and instance["resident"] is False
        variants, code = instance["variants"], "cuda" if instance["arch"] else "cpu"
        assert 1 <= len(variants) <= 4 and all(("cuda" in v, "cpu" in v) == (code == "cuda", code == "cpu")
                                               for v in variants)
        assert variants[-1]["guards"] == []
        assert code == "cpu" or "m <= 1073741824" in variants[0]["guards"]
    symbols = [v[code] for i in kernel["instances"] for v in i["variants"] for code in ("cuda", "cpu") if code in v]
    assert len(set(symbols)) == len(symbols)
    (cpu,) = hdc(MATMUL, "--emit=manifest", "--target=cpu", want=DONE).json["kernels"][0]["instances"]
    assert cpu["arch"] == 0 and all("cuda" not in v for v in cpu["variants"])


@test
def each_architecture_is_lowered_for_itself():
    text = """pub kernel k(x: out f32[n])
    tune b in {32, 64, 128}
    where (target_cpu && b == 32) || (!target_cpu && (arch == 90) == (b == 128) && b > 32)
    launch grid(cdiv(n, b)), block(b)
{
    for i in auto(b) on thread within (n - block.x * b) { x[block.x * b + i] = f32(arch) }
}
"""
    file = write("k.hd", text)

    def instances(*args):
        rows = hdc(file, "--emit=manifest", *args, want=DONE).json["kernels"][0]["instances"]
        return [(i["arch"], i["tune"], i["threads"]) for i in rows]

    a80, a90, cpu = (80, "b=64", 64), (90, "b=128", 128), (0, "b=32", 32)
    assert instances() == [a80, a90, cpu]
    assert instances("--arch=sm_90a,sm_80,sm_90") == [a90, a80, cpu]
    assert instances("--arch=sm_80", "--target=cuda") == [a80]
    # texts are those of the first
    for archs, number in [("sm_80,sm_90a", 80), ("sm_90a,sm_80", 90)]:
        cu = hdc(file, "--emit=cu", f"--arch={archs}", want=DONE).text
        assert {float(value) for value in re.findall(r"\] = (\S+)f;", cu)} == {number}, cu
    # one that a kernel is not for is said to be that
    only = write("only.hd", text.replace("(!target_cpu && ", "(!target_cpu && arch == 90 && "))
    hdc(only, "--emit=manifest", "--arch=sm_90a", want=DONE)
    for args in [["--emit=manifest", "--arch=sm_90a,sm_80"], ["--arch=sm_80,sm_90a"]]:
        message = hdc(only, *args, want=WRONG).message
        assert "E0522" in message and "for sm_80" in message and "give `--arch=sm_90a`" in message, message
    never = write("never.hd", text.replace("(!target_cpu && ", "(!target_cpu && arch < 75 && "))
    assert "give `--arch" not in hdc(never, want=WRONG).message
    hdc("check", only, "--arch=sm_90a", want=DONE)
    assert "for sm_80" in hdc("check", only, "--arch=sm_90a,sm_80", want=WRONG).message


@test
def the_manifest_escapes_and_lists_requires_and_sites():
    text = ADD.replace("    launch", '    require n % 4 == 0, "quoted \\"n\\"\\tand \\\\"\n    launch')
    file = write("add.hd", text)
    if hdc("check", file).code:
        text = ADD.replace("    launch", "    require n % 4 == 0\n    launch")
        file = write("add.hd", text)
    m = hdc(file, "--emit=manifest", "--check", want=DONE).json
    instance = m["kernels"][0]["instances"][0]
    assert m["checked"] is True and instance["sites"], m
    assert instance["requires"][0]["condition"] == "n % 4 == 0"
    assert instance["requires"][0]["line"] == 3 and instance["requires"][0]["file"] == str(file)
    assert all(s["line"] > 0 and s["file"] == str(file) for s in instance["sites"])


@test
def defines_fix_tune_names_and_sizes():
    m = hdc(MATMUL, "--emit=manifest", "-D", "bm=64", "-Dbk=16", want=DONE).json
    instance = m["kernels"][0]["instances"][0]
    assert "bm=64" in instance["tune"] and "bk=16" in instance["tune"]
    assert instance["grid"][0] == "(m + 63) / 64"
    fixed = hdc(MATMUL, "--emit=manifest", "-D", "m=1024", want=DONE).json
    assert fixed["kernels"][0]["instances"][0]["grid"][0] == "8"


@test
def defines_choose_candidates_by_their_text():
    text = """mapping wide(n) = spatial(n) * repeat(2)
mapping tall(n) = repeat(2) * spatial(n)
pub kernel k[T: float, d: index](x: out f32[n], y: out T[1])
    tune b in {64, 32, 2 * d}
    tune way in {wide(b), tall(b), spatial(b / 2) * repeat(2) * spatial(2)}
    tune half in {true, false}
    launch grid(cdiv(n, 2 * b)), block(b)
{
    for i in way on thread within (n - block.x * b * 2) { x[block.x * b * 2 + i] = half ? 0.5 : 1.0 }
}
"""
    file = write("k.hd", text)

    def tune(*defines):
        args = [x for d in ["T=f32", "d=48", *defines] for x in ("-D", d)]
        return hdc(file, "--emit=manifest", "--target=cpu", *args, want=DONE).json["kernels"][0]["instances"][0]["tune"]

    first = "b=64,way=spatial(64) * repeat(2),half=true"
    assert tune() == tune("way=wide") == tune("way=wide( b )") == tune("half=true") == first
    assert tune("way=tall(b)") == tune("way=tall") == "b=64,way=repeat(2) * spatial(64),half=true"
    assert tune("way=spatial") == tune("way=spatial(b/2)*repeat(2)*spatial(2)") == "b=64,way=spatial(32) * repeat(2) * spatial(2),half=true"
    assert tune("half=false", "b=32", "way=tall") == "b=32,way=repeat(2) * spatial(32),half=false"
    assert tune("b=2*d") == "b=96,way=spatial(96) * repeat(2),half=true"
    assert tune("b=128") == "b=128,way=spatial(128) * repeat(2),half=true"
    ways = "`way` is one of wide(b), tall(b), spatial(b / 2) * repeat(2) * spatial(2)"
    for define, says in [("way=1", ways), ("way=wide(64)", ways), ("way=", ways), ("way=f16", ways),
                         ("half=1", "`half` is one of true, false"), ("b=f32", "`b` is one of 64, 32, 2 * d"),
                         ("T=i32", "`T` is one of f8e4m3, f8e5m2, f16"), ("T=3", "`T` is one of"),
                         ("d=f16", "`d` is a number"), ("n=-1", "`n` is a number, not negative"), ("n=x", "`n` is a number")]:
        for verb in ["build", "check", "test"]:
            message = hdc(verb, file, "-D", define, want=CALL).message
            assert f"-D {define}: {says}" in message, message
    # what one file of several does not know is not meant for it, but what it knows must fit
    other = write("other.hd", ADD)
    hdc("check", file, other, "-D", "way=tall", want=DONE)
    assert ways in hdc("check", file, other, "-D", "way=short", want=CALL).message


@test
def what_generic_kernels_lack_is_said():
    text = """pub kernel scale[T: num](x: inout T[n]) launch grid(1), block(1) { x[0] = x[0] + x[0] }
pub kernel part[T: num, d: index](x: inout T[d]) launch grid(1), block(1) { x[0] = x[0] * x[0] }
"""
    file = write("k.hd", text)
    for args in [[], ["--emit=manifest"], ["--emit=cu"], ["--emit=c"]]:
        message = hdc(file, *args, want=WRONG).message
        assert message.count("E0523") == 3 and f"for instance: hdc {file} -D T=f16 -D d=64\n" in message, message
    hdc(file, "--emit=manifest", "-D", "T=f16", "-D", "d=64", want=DONE)
    message = hdc("run", file, "scale", "n=4", want=WRONG).message
    assert message.count("E0523") == 1 and "for instance: -D T=f16\n" in message, message
    library = ["--target=cpu", "-o", folder() / "libk.so"]
    says = "the library leaves out what is generic: part[T: num, d: index] (-D d=64)\n"
    assert says in hdc(file, "-D", "T=f16", *library, want=DONE).message
    assert hdc(file, "-D", "T=f16", "-D", "d=64", *library, want=DONE).message == ""


@test
def passes_are_printed_timed_and_stopped():
    file = write("add.hd", ADD)
    for target in ["cpu", "cuda"]:
        result = hdc(file, "--emit=ir", f"--target={target}", "--print-after=all", want=DONE)
        names = re.findall(r"^// after (\w+)$", result.message, re.M)
        per_variant = len(names) // names.count(names[0])
        assert per_variant > 5 and names == names[:per_variant] * names.count(names[0]), names
        for name in names[:per_variant]:
            one = hdc(file, "--emit=ir", f"--target={target}", f"--print-after={name}", want=DONE)
            assert set(re.findall(r"^// after (\w+)$", one.message, re.M)) == {name}
            stopped = hdc(file, "--emit=ir", f"--target={target}", f"--stop-after={name}", want=DONE)
            assert stopped.text.strip() and stopped.text in one.message, name
            timed = hdc(file, "--emit=ir", f"--target={target}", "--time-passes", want=DONE)
            assert re.search(rf"^{name} +[0-9.]+ ms$", timed.message, re.M)
            assert re.search(r"^all passes +[0-9.]+ ms$", timed.message, re.M)


@test
def what_only_a_request_can_ask_for():
    where = folder()
    generic = "pub kernel k[T: num](x: T[n], y: out T[n])\n    launch grid(1), block(1)\n{\n    y[0] = x[0]\n}\n"
    file = write("k.hd", generic, where)
    hdc("check", file, want=DONE)
    assert "E0523" in hdc(file, "--emit=c", want=WRONG).message
    assert "hd_f16" in hdc(file, "--emit=cu", "-D", "T=f16", want=DONE).text
    both = write("both.hd", ADD + generic, where)
    kernels = hdc(both, "--emit=manifest", want=DONE).json["kernels"]
    assert [k["name"] for k in kernels] == ["add"]
    kernels = hdc(both, "--emit=manifest", "-DT=i8", want=DONE).json["kernels"]
    assert [k["name"] for k in kernels] == ["add", "k"]
    assert "E0322" in hdc("map", f"{file}:nope", want=WRONG).message


@test
def diagnostics_come_as_json():
    text = "fn f(x: f32) -> f32 {\n    return y + \"\\u00e9\n}\nconst B = nope\n"
    result = check(text, "--diagnostics=json", want=WRONG)
    rows = json.loads(result.err)
    assert rows and result.out == b""
    for row in rows:
        assert set(row) == {"code", "severity", "message", "file", "line", "column", "end_line",
                            "end_column", "labels", "notes"}, row
        assert row["severity"] in ("error", "warning") and row["file"] == "<stdin>"
    plain = check(text, "--diagnostics=text", want=WRONG).message
    assert plain.count("error:") == sum(r["severity"] == "error" for r in rows)


@test
def colour_is_for_terminals_that_want_it():
    import pty
    file = write("bad.hd", "const A = nope\n")
    seen = {}
    for no_color in [None, "1"]:
        master, slave = pty.openpty()
        process = subprocess.Popen([HDC, "check", str(file)], stderr=slave, stdout=slave,
                                   env=environment(NO_COLOR=no_color))
        assert process.wait(timeout=TIMEOUT) == WRONG
        os.close(slave)
        seen[no_color] = os.read(master, 65536)
        os.close(master)
    assert b"\x1b[" in seen[None] and b"\x1b[" not in seen["1"]
    assert b"\x1b[" not in hdc("check", file, want=WRONG).err


@test
def images_go_through_nvrtc():
    where = folder()
    file = write("add.hd", ADD, where)
    if hdc(file, "--emit=ptx", cwd=where).code == ENVIRONMENT:
        raise Skip("no NVRTC")
    assert ".target sm_90" in hdc(file, "--emit=ptx", "--arch=sm_90", want=DONE).text
    hdc(file, "--emit=cubin", "--arch=sm_80", "-o", where / "k.cubin", want=DONE)
    assert (where / "k.cubin").read_bytes()[:4] == b"\x7fELF"
    hdc(file, "--emit=cubin", "--arch=sm_90a,sm_80", cwd=where, want=DONE)
    assert (where / "add.cubin").read_bytes()[:4] == b"\x7fELF"
