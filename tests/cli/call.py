"""Calling hdc, and keeping count."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import traceback
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parents[2]
HDC = os.environ.get("HDC", str(ROOT / "build" / "hdc"))
TIMEOUT = 120
SANITIZED = "asan" in HDC
tests = []
scratch = tempfile.mkdtemp(prefix="hd-cli-")
DONE, WRONG, CALL, ENVIRONMENT, INTERNAL = 0, 1, 2, 3, 4


class Skip(Exception):
    pass


def test(function):
    tests.append(function)
    return function


class Result:
    def __init__(self, process):
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr

    @property
    def text(self):
        return self.out.decode("utf-8")

    @property
    def message(self):
        return self.err.decode("utf-8")

    @property
    def json(self):
        return json.loads(self.out)


def environment(**changes):
    env = {k: v for k, v in os.environ.items() if not k.startswith("HD_") or k == "HD_NUM_THREADS"}
    env["HD_CACHE_DIR"] = os.path.join(scratch, "cache")
    if SANITIZED:  # memory that runs out is to be met like anywhere else
        env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":allocator_may_return_null=1"
    for name, value in changes.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = str(value)
    return env


def hdc(*args, stdin=b"", want=None, cwd=None, timeout=TIMEOUT, limits=None, **env):
    """Runs hdc; whatever happens it must not crash, hang, nor find an internal error."""
    command = [HDC, *map(str, args)]
    if isinstance(stdin, str):
        stdin = stdin.encode()
    process = subprocess.run(command, input=stdin, capture_output=True, timeout=timeout,
                             cwd=cwd or scratch, env=environment(**env), preexec_fn=limits)
    result = Result(process)
    shown = f"{' '.join(command)[:300]}\n  exit {result.code}, said {result.err[:900]!r}"
    assert 0 <= result.code <= 3, shown
    shown_error = result.err.replace(b"==WARNING: AddressSanitizer failed to allocate", b"")
    assert b"Sanitizer" not in shown_error and b"runtime error" not in result.err, shown
    if want is not None:
        assert result.code == want, f"wanted exit {want}: {shown}"
    return result


def check(text, *args, **options):
    """`hdc check` of a program on standard input."""
    return hdc("check", "-", *args, stdin=text, **options)


def codes(result):
    """The codes of the diagnostics in a result of --diagnostics=json."""
    return [d["code"] for d in json.loads(result.err)]


def expect(text, code, *args, want=WRONG):
    """The program gives exactly this diagnostic."""
    result = hdc("check", "-", "--diagnostics=json", *args, stdin=text, want=want)
    got = codes(result)
    assert got == [code], f"wanted {code}, got {got}:\n{text}\n{result.message[:600]}"
    return json.loads(result.err)[0]


def folder():
    return pathlib.Path(tempfile.mkdtemp(dir=scratch))


def write(name, text, where=None):
    path = (where or folder()) / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def npy(values, shape=None, descr="<f4", order="False", code="f", header=None):
    """The bytes of a .npy file."""
    shape = shape if shape is not None else (len(values),)
    head = header or f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape!r}, }}"
    head = head.encode("latin1")
    head += b" " * (63 - (10 + len(head)) % 64) + b"\n"
    data = b"".join(struct.pack("<" + code, v) for v in values)
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


def read_npy(path):
    """Shape and f32 values."""
    raw = pathlib.Path(path).read_bytes()
    size = struct.unpack("<H", raw[8:10])[0]
    head = eval(raw[10:10 + size].decode(), {})  # of a file that hdc has just written
    assert head["descr"] == "<f4" and not head["fortran_order"], head
    data = raw[10 + size:]
    return head["shape"], list(struct.unpack(f"<{len(data) // 4}f", data))


def name_of(function):
    return f"{function.__module__}: {function.__name__.replace('_', ' ')}"


def run_one(function):
    """The word that says how it went, and the lines to print."""
    name = name_of(function)
    try:
        function()
        return "ok", f"ok   {name}"
    except Skip as why:
        return "skip", f"skip {name}: {why}"
    except Exception:
        return "FAIL", f"FAIL  {name}\n{traceback.format_exc(limit=-2)}"


def run_all(text):
    count = {"ok": 0, "skip": 0, "FAIL": 0}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for word, lines in pool.map(run_one, [f for f in tests if text in name_of(f)]):
            count[word] += 1
            print(lines, flush=True)
    subprocess.run(["chmod", "-R", "u+w", scratch])
    shutil.rmtree(scratch, ignore_errors=True)
    print(f"{count['ok']} passed, {count['FAIL']} failed" + (f", {count['skip']} skipped" if count["skip"] else ""))
    return 1 if count["FAIL"] else 0
