"""`hdc explain`, and the index it prints: every diagnostic has its section, every example its
diagnostic."""
import re

from call import *

DOCS = (ROOT / "docs" / "diagnostics.md").read_text()
ROWS = re.findall(r'^DIAG\(\w+, "([EW]\d{4})"', (ROOT / "src" / "diag" / "diags.def").read_text(), re.M)
SECTIONS = {s[:5]: s for s in re.split(r"^## ", DOCS, flags=re.M)[1:]}
# Not to be had from a text that `hdc check` reads: too large a text; a file of another encoding;
# asked by `hdc map` and at calls of a module only; kept in case the checker lets one through.
NO_EXAMPLE = {"E0002", "E0013", "E0014", "E0103", "E0104", "E0312", "E0313", "E0319", "E0322", "E0523"}


def programs(section):
    """Each with the options that its info string stands for."""
    found = re.findall(r"^```hd( arch=\w+)?\n(.*?)^```", section, re.M | re.S)
    return [(text, ["--" + arch.strip()] if arch else []) for arch, text in found]


@test
def every_row_has_a_section_and_every_section_a_row():
    assert sorted(ROWS) == sorted(SECTIONS), set(ROWS) ^ set(SECTIONS)
    assert len(ROWS) == len(set(ROWS)) > 90


@test
def explain_prints_the_section():
    for code in ROWS:
        text = hdc("explain", code, want=DONE).text
        assert text.startswith(f"## {code}: ") and text.count("\n## ") == 0, code
        assert text.strip() == ("## " + SECTIONS[code]).strip(), code
    assert hdc("explain", "e0302", want=DONE).text == hdc("explain", "E0302").text


@test
def every_example_gives_its_diagnostic_and_its_repair_none():
    for code, section in SECTIONS.items():
        blocks = programs(section)
        if code in NO_EXAMPLE:
            continue
        assert blocks, f"{code} has no example"
        flags = ["-Wperf"] if code.startswith("W02") else []
        expect(blocks[0][0], code, *flags, *blocks[0][1], want=WRONG if code[0] == "E" else DONE)
        for repaired, options in blocks[1:]:
            result = check(repaired, *flags, *options)
            assert result.code == DONE, f"{code}, repaired:\n{repaired}\n{result.message}"


@test
def messages_show_place_line_and_caret():
    message = check("const A = 1\nconst B = Q\n", want=WRONG).message
    assert message.startswith("<stdin>:2:11: error: ") and "[E0101]" in message
    lines = message.splitlines()
    assert "const B = Q" in lines[1] and lines[2].index("^") == lines[1].index("Q")


@test
def all_errors_of_a_file_come_in_one_run_without_cascades():
    text = "".join(f"fn f{i}(x: f32) -> f32 {{ return x + nope{i} }}\n" for i in range(50))
    rows = json.loads(check(text, "--diagnostics=json", want=WRONG).err)
    assert [r["line"] for r in rows if r["code"] == "E0101"] == list(range(1, 51))
    assert {r["code"] for r in rows} <= {"E0101", "W0103"}


@test
def a_kernel_with_an_error_leaves_the_others_whole():
    """Whatever the passes and lowering find, of each of several kernels, and in every verb."""
    mistakes = [("E0451", "if thread < 32 { sync }"), ("E0452", "if thread < 32 { return }\n    sync"),
                ("E0451", "on thread[0] { sync }"), ("E0302", "for i in spatial(32) on thread { y[i] = 1 }"),
                ("E0302", "reg r: f32[32] over spatial(32) = 0\n    copy(y, r)")]
    good = 'kernel good(y: out f32[64]) launch grid(1), block(64) { y[thread] = 1 }\n' \
           'test "t" { check good()[0] == 1 }\n'
    head = "kernel bad%d(y: out f32[64]) launch grid(1), block(64) {\n    %s\n}\n"
    wrong = [head % (i, body) for i, (_, body) in enumerate(mistakes)]
    for text in [*wrong, "".join(wrong), wrong[0] + good + wrong[1]]:
        file = write("some.hd", text + good.replace("good", "last"))
        found = sorted(codes(hdc("check", file, "--diagnostics=json", want=WRONG)))
        for call in (["test", file, "--device=cpu"], ["test", file, "--device=cpu", "--check"],
                     *([file, f"--emit={kind}"] for kind in ("c", "cu", "ir", "manifest")),
                     [file, "--target=cpu", "-o", folder() / "x.so"],
                     [file, "--target=cpu,cuda", "--arch=sm_80,sm_90a", "-o", folder() / "x.so"]):
            result = hdc(*call, "--diagnostics=json", want=WRONG)
            assert sorted(codes(result)) == found, (call, found, result.message)
    assert found == ["E0451", "E0452"], found
