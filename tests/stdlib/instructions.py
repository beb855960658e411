#!/usr/bin/env python3
"""Every instruction that stdlib/mma declares, called by hand: a kernel and a test each, written from
the declarations, whose oracle is three loops over the matrices.

    tests/stdlib/instructions.py OUT.hd      writes the program"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DECLARED = re.compile(
    r"pub fn (\w+)(\[n: index\])?\(\s*c: inout reg (\w+)\[(\d+), (\w+)\] over (\S+),"
    r"\s*a: (reg|shared) (\w+)\[\d+, (\d+)\](?: over (\w+))?,"
    r"\s*b: (reg|shared) (\w+)\[\d+, \w+\](?: over (\w+))?\)")
CLOSE = {"f16": "rtol: 2e-2, atol: 2e-2", "f32": "rtol: 1e-4, atol: 1e-4", "f64": "rtol: 1e-12, atol: 1e-12"}


def tile(name, space, elem, rows, cols, over):
    where = f" over {over}" if over else " layout swizzle"
    return f"    {space} {name}: {elem}[{rows}, {cols}]{where}"


def program(module, match):
    fn, generic, sums, m, n, over, a_space, a, k, a_over, b_space, b, b_over = match.groups()
    n = "32" if generic else n
    over = over.replace("(n)", "(32)")
    isa = f"{module}."
    # wgmma reads a second factor of 16 bits along either dimension, others along k only.
    turned = b_space == "shared" and b not in ("f16", "bf16")
    y = "y.transpose()" if turned else "y"
    lines = [tile("x", a_space, a, m, k, a_over and isa + a_over),
             tile("y", b_space, b, *((n, k) if turned else (k, n)), b_over and isa + b_over),
             tile("z", "reg", sums, m, n, isa + over)]
    name = f"{module}_{fn}"
    wide = sums if sums in ("i32", "f64") else "f32"
    same = f"close(c, e, {CLOSE[sums]})" if sums in CLOSE else "equal(c, e)"
    return "\n".join([
        f"kernel {name}(a: {a}[{m}, {k}], b: {b}[{k}, {n}], c: inout {sums}[{m}, {n}])",
        f"    launch grid(1), block({128 if generic else 32})", "{",
        *lines, "    copy(x, a)", f"    copy({y}, b)", "    copy(z, c)", f"    {isa}{fn}(z, x, {y})",
        "    copy(c, z)", "}", "",
        f'test "{name}" {{',
        f"    let a = random {a}[{m}, {k}], b = random {b}[{k}, {n}], c = random {sums}[{m}, {n}]",
        f"    let d = zero {wide}[{m}, {n}]",
        f"    for i in range({m}) {{ for j in range({n}) {{", f"        d[i, j] = {wide}(c[i, j])",
        f"        for p in range({k}) {{ d[i, j] += {wide}(a[i, p]) * {wide}(b[p, j]) }}", "    } }",
        f"    {name}(a, b, c)",
        f"    let e = zero {sums}[{m}, {n}]",
        f"    for i in range({m}) {{ for j in range({n}) {{ e[i, j] = {sums}(d[i, j]) }} }}",
        f"    check {same}", "}", ""])


def main():
    imports, programs = [], []
    for path in sorted((ROOT / "stdlib" / "mma").glob("*.hd")):
        text = path.read_text()
        found = list(DECLARED.finditer(text))
        assert len(found) == len(re.findall(r"^pub fn ", text, re.M)), path
        imports.append(f"import std.mma.{path.stem}")
        programs += [program(path.stem, match) for match in found]
    pathlib.Path(sys.argv[1]).write_text("\n".join(imports) + "\n\n" + "\n".join(programs))


main()
