"""The gallery beside other libraries on the same GPU: prints a table and writes it as JSON.

    tests/gpu/beside.py DEVICE OUT.json [--only TEXT] [--seconds N] [--hdc build/hdc]
    tests/gpu/beside.py --show OUT.json

Ours are the medians of `hdc bench` over tests/gpu/*.hd, a process for each bench, so that one that
fails costs its own row only. Theirs are medians of CUDA events around PyTorch's operators (cuBLAS,
cuDNN, its flash attention) and around what torch.compile makes with Triton, between two runs of
ours: a GPU's clock wanders. Both start from a cold cache, by a copy that the GPU does while the
launch is on its way, and both add f32 sums. What does not exist in the PyTorch at hand is left out.
The kinds of row: TFLOP/s where arithmetic counts; elsewhere GB/s of the bytes that must be moved,
also against a copy of 1 GiB. A ratio below the goal is marked.

Rows that OUT.json has already, of the same GPU and the same hdc, are not measured again."""

import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

try:
    import torch
    import torch.nn.functional as F
    HAVE_TORCH = torch.cuda.is_available()
except ImportError:
    HAVE_TORCH = False

FAILED = {}  # titles, with what was said


def matrices(m, k, n, kind):
    a = torch.randn(m, k, device="cuda").to(kind)
    return a, torch.randn(k, n, device="cuda").to(kind)


def mm(kind, shape):
    def make(s):
        m, k, n = shape(s)
        a, b = matrices(m, k, n, getattr(torch, kind))
        return lambda: torch.mm(a, b)
    return make


def mm_turned(kind, shape):
    """The second matrix lies transposed, as the weights of a layer do."""
    def make(s):
        m, k, n = shape(s)
        a, b = matrices(m, k, n, getattr(torch, kind))
        turned = b.t().contiguous()
        return lambda: torch.mm(a, turned.t())
    return make


def mm_triton(kind, shape):
    def make(s):
        if s != 4096:
            return None  # its search takes a minute for each size
        m, k, n = shape(s)
        a, b = matrices(m, k, n, getattr(torch, kind))
        import torch._inductor.config as config
        config.max_autotune_gemm_backends = "TRITON"
        run = torch.compile(torch.mm, mode="max-autotune-no-cudagraphs", dynamic=False)
        return lambda: run(a, b)
    return make


def int_mm(s):
    a = torch.randint(-128, 128, (s, s), device="cuda", dtype=torch.int8)
    b = torch.randint(-128, 128, (s, s), device="cuda", dtype=torch.int8).t()
    return lambda: torch._int_mm(a, b)


def scaled_mm(s):
    a = torch.randn(s, s, device="cuda").to(torch.float8_e4m3fn)
    b = torch.randn(s, s, device="cuda").to(torch.float8_e4m3fn).t()
    one = torch.ones((), device="cuda")
    return lambda: torch._scaled_mm(a, b, scale_a=one, scale_b=one, out_dtype=torch.bfloat16)


def grouped(_):
    x = torch.randn(4096, 2048, device="cuda", dtype=torch.float16)
    w = torch.randn(8, 2048, 2048, device="cuda", dtype=torch.float16)
    start = [g * g * 64 for g in range(9)]
    y = torch.empty(4096, 2048, device="cuda", dtype=torch.float16)

    def run():
        for g in range(8):
            torch.mm(x[start[g]:start[g + 1]], w[g], out=y[start[g]:start[g + 1]])
    return run


def sdpa(d):
    def make(s):
        q, k, v = (torch.randn(1, 16, s, d, device="cuda", dtype=torch.float16) for _ in range(3))
        return lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return make


def decode(_):
    """The heads that share keys as rows of one query: the same sums, keys in one piece."""
    q = torch.randn(16, 4, 8, 128, device="cuda", dtype=torch.float16)
    k, v = (torch.randn(16, 4, 4096, 128, device="cuda", dtype=torch.float16) for _ in range(2))
    return lambda: F.scaled_dot_product_attention(q, k, v)


def conv(_):
    last = torch.channels_last
    torch.backends.cudnn.benchmark = True
    x = torch.randn(16, 256, 56, 56, device="cuda", dtype=torch.float16).to(memory_format=last)
    f = torch.randn(256, 256, 3, 3, device="cuda", dtype=torch.float16).to(memory_format=last)
    b = torch.randn(256, device="cuda", dtype=torch.float16)
    return lambda: F.conv2d(x, f, b, padding=1)


def rows_of(m, n, kind, count):
    return [torch.randn(m, n, device="cuda").to(getattr(torch, kind)) for _ in range(count)]


def vectors(_):
    a, b = torch.randn(1 << 26, device="cuda"), torch.randn(1 << 26, device="cuda")
    c = torch.empty_like(a)
    return lambda: torch.add(a, b, out=c)


def transpose(_):
    x, y = torch.randn(8192, 8192, device="cuda"), torch.empty(8192, 8192, device="cuda")
    return lambda: y.copy_(x.t())


def total(_):
    x = torch.randn(1 << 27, device="cuda")
    return lambda: torch.sum(x)


def softmax(_):
    x, = rows_of(8192, 4096, "float32", 1)
    return lambda: torch.softmax(x, 1)


def rms_norm(x, r, gain):
    x = x + r
    return x, x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-5) * gain


def layer_norm(x, r, gain, bias):
    x = x + r
    return x, F.layer_norm(x, (x.shape[1],), gain, bias)


def rotary(x, position, table):
    cos, sin = table[position, 0].unsqueeze(1), table[position, 1].unsqueeze(1)
    a, b = x.float().chunk(2, dim=2)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=2).to(x.dtype)


def cross_entropy(x, label):
    return F.cross_entropy(x.float(), label, reduction="none")


def arguments(name):
    if name == "rms":
        return rms_norm, [*rows_of(8192, 4096, "float32", 2), torch.randn(4096, device="cuda")]
    if name == "layer":
        return layer_norm, [*rows_of(8192, 4096, "float16", 2), *rows_of(2, 4096, "float16", 1)[0]]
    if name == "rotary":
        x = torch.randn(8192, 32, 128, device="cuda", dtype=torch.float16)
        position = torch.randint(0, 8192, (8192,), device="cuda")
        return rotary, [x, position, torch.randn(8192, 2, 64, device="cuda")]
    x, = rows_of(2048, 50257, "float16", 1)
    return cross_entropy, [x, torch.randint(0, 50257, (2048,), device="cuda")]


def eager(name):
    def make(_):
        function, args = arguments(name)
        return lambda: function(*args)
    return make


def compiled(name):
    def make(_):
        function, args = arguments(name)
        run = torch.compile(function, dynamic=False)
        return lambda: run(*args)
    return make


def square(s):
    return s, s, s


def flops(shape):
    def count(s):
        m, k, n = shape(s)
        return 2 * m * k * n
    return count


BERT, GPT2 = (lambda _: (4096, 1024, 4096)), (lambda _: (8192, 768, 3072))
STREAM, SPLIT = (lambda _: (2176, 4096, 1024)), (lambda _: (256, 65536, 256))
WEIGHTS = (lambda m: (m, 4096, 4096))
CUBLAS = "cuBLAS"

# What a row should reach, of its first peer and, where bytes count, of a copy.
GOAL = {"mm f16": 0.8, "mm bf16": 0.8, "mm f32": 0.9, "attention 64": 0.7, "attention 128": 0.7}
GOAL_COPY = 0.85

FILES = {"mm f32, tiled": "square", "mm f32, double buffered": "square", "mm f16, hopper": "hopper",
         "mm f16, hopper pairs": "hopper", "mm f16, hopper ping-pong": "hopper",
         "attention 64, hopper": "hopper", "attention 128, hopper": "hopper",
         "vector add f32": "memory", "transpose f32": "memory", "sum f32": "memory"}  # others: peers

# Title of the bench: (work of size s, unit, {peer: maker}); unit 1e12 FLOP or 1e9 bytes. What has a
# goal comes first, for where the time is short.
TABLE = {
    "mm f16, square": (flops(square), 1e12,
                       {CUBLAS: mm("float16", square), "Triton": mm_triton("float16", square)}),
    "mm f16, hopper": (flops(square), 1e12, {CUBLAS: mm_turned("float16", square)}),
    "mm f16, hopper pairs": (flops(square), 1e12, {CUBLAS: mm_turned("float16", square)}),
    "mm f16, hopper ping-pong": (flops(square), 1e12, {CUBLAS: mm_turned("float16", square)}),
    "mm f32, double buffered": (flops(square), 1e12, {CUBLAS: mm("float32", square)}),
    "mm f32, tiled": (flops(square), 1e12, {CUBLAS: mm("float32", square)}),
    "attention 128": (lambda s: 2 * 16 * s * s * 128, 1e12, {"SDPA": sdpa(128)}),
    "attention 128, hopper": (lambda s: 2 * 16 * s * s * 128, 1e12, {"SDPA": sdpa(128)}),
    "attention 64, hopper": (lambda s: 2 * 16 * s * s * 64, 1e12, {"SDPA": sdpa(64)}),
    "attention 64": (lambda s: 2 * 16 * s * s * 64, 1e12, {"SDPA": sdpa(64)}),
    "softmax f32": (lambda _: 8192 * 4096 * 8, 1e9, {"PyTorch": softmax}),
    "rms norm f32": (lambda _: 8192 * 4096 * 16, 1e9,
                     {"PyTorch": eager("rms"), "Triton": compiled("rms")}),
    "add layer norm f16": (lambda _: 8192 * 4096 * 8, 1e9,
                           {"PyTorch": eager("layer"), "Triton": compiled("layer")}),
    "vector add f32": (lambda _: (1 << 26) * 12, 1e9, {"PyTorch": vectors}),
    "transpose f32": (lambda _: (1 << 26) * 8, 1e9, {"PyTorch": transpose}),
    "sum f32": (lambda _: (1 << 27) * 4, 1e9, {"PyTorch": total}),
    "mm bf16": (flops(square), 1e12, {CUBLAS: mm("bfloat16", square)}),
    "mm f16, wide steps": (flops(square), 1e12, {CUBLAS: mm("float16", square)}),
    "mm f16, bert": (flops(BERT), 1e12, {CUBLAS: mm("float16", BERT)}),
    "mm f16, gpt2": (flops(GPT2), 1e12, {CUBLAS: mm("float16", GPT2)}),
    "mm f16, by hand": (flops(square), 1e12, {CUBLAS: mm("float16", square)}),
    "mm f16, persistent": (flops(square), 1e12, {CUBLAS: mm("float16", square)}),
    "mm f16, stream-k": (flops(STREAM), 1e12, {CUBLAS: mm("float16", STREAM)}),
    "mm f16, split k": (flops(SPLIT), 1e12, {CUBLAS: mm("float16", SPLIT)}),
    "mm i8": (flops(square), 1e12, {"_int_mm": int_mm}),
    "mm f8": (flops(square), 1e12, {"_scaled_mm": scaled_mm}),
    "mm 4 bits": (flops(WEIGHTS), 1e12, {"cuBLAS f16": mm("float16", WEIGHTS)}),
    "mm grouped": (lambda _: 2 * 4096 * 2048 * 2048, 1e12, {"cuBLAS each": grouped}),
    "attention paged": (lambda _: 16 * 4096 * 4 * 128 * 2 * 2, 1e9, {"SDPA": decode}),
    "conv f16": (lambda _: 2 * 16 * 56 * 56 * 256 * 256 * 9, 1e12, {"cuDNN": conv}),
    "rotary f16": (lambda _: 8192 * 32 * 128 * 4, 1e9,
                   {"PyTorch": eager("rotary"), "Triton": compiled("rotary")}),
    "cross entropy f16": (lambda _: 2048 * 50257 * 2, 1e9,
                          {"PyTorch": eager("cross"), "Triton": compiled("cross")}),
}


def milliseconds(run, seconds=0.5, warm=3):
    """As `hdc bench` measures: half a second of runs, each after a copy as large as the cache."""
    size = getattr(torch.cuda.get_device_properties(0), "L2_cache_size", 0) or 64 << 20
    cache = [torch.empty(size, dtype=torch.uint8, device="cuda") for _ in range(2)]
    times = []
    while len(times) < warm + 10 or (sum(times[warm:]) < seconds * 1e3 and len(times) < 10000):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        cache[0].copy_(cache[1])
        begin.record()
        run()
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times[warm:])


def theirs(make, size, name):
    """Milliseconds, or None where the peer cannot do it."""
    try:
        run = make(size)
        return milliseconds(run) if run else None
    except Exception as error:  # whatever a library raises: the row goes on without it
        print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0][:100] if str(error) else ''}")
        return None
    finally:
        torch.cuda.empty_cache()


def ours(hdc, device, file, title):
    """{size: (milliseconds, kernels)} of one bench; size None where it has none."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bench.json")
        try:
            subprocess.run([hdc, "bench", file, f"--device={device}", "--filter", title, "--json", path],
                           check=True, timeout=60, capture_output=True, text=True)
        except (subprocess.SubprocessError, OSError) as error:
            said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
            FAILED[title] = said[-1] if said else "failed"
            print(f"{title}: {FAILED[title]}", flush=True)
        try:  # the sizes that came before the one that failed
            with open(path, encoding="utf-8") as text:
                rows = json.load(text)
        except (OSError, ValueError):
            return {}
    for row in rows:
        match = re.fullmatch(re.escape(title) + r"(?:, \w+ = (\d+))?", row["title"])
        if match:
            size = int(match.group(1)) if match.group(1) else None
            ms, kernels = found.get(size, (0, []))
            found[size] = ms + row["median"] * 1e3, kernels + [row["kernel"]]
    return found


def is_hopper():
    try:
        said = subprocess.run(["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"],
                              capture_output=True, text=True, timeout=20).stdout
    except OSError:
        return False
    return said.startswith("9.0")


def copy_speed():
    """Bytes a second, read and written, of a copy on the device."""
    a = torch.empty(1 << 28, device="cuda")
    b = torch.empty_like(a)
    return 2 * 4 * (1 << 28) / (milliseconds(lambda: b.copy_(a)) * 1e-3)


def measure(hdc, device, title, end, copy):
    """Ours, theirs, ours again: the mean of the two."""
    work, unit, peers = TABLE[title]
    file = f"tests/gpu/{FILES.get(title, 'peers')}.hd"
    begin, rows = time.monotonic(), []
    before = ours(hdc, device, file, title)
    took = time.monotonic() - begin
    found = {size: {name: theirs(make, size, name) for name, make in peers.items()
                    if HAVE_TORCH and time.monotonic() < end - (90 if name == "Triton" else 0)}
             for size in before}
    again = ours(hdc, device, file, title) if HAVE_TORCH and before and took < 20 else {}
    for size, (ms, kernels) in before.items():
        ms = (ms + again.get(size, (ms, None))[0]) / 2
        row = {"title": title, "size": size, "kernels": kernels, "ms": ms,
               "rate": work(size) / unit / ms * 1e3,
               "unit": "TFLOP/s" if unit == 1e12 else "GB/s",
               "peers": {name: {"ms": peer, "ratio": peer / ms}
                         for name, peer in found[size].items() if peer}}
        if unit == 1e9 and copy:
            row["of_copy"] = row["rate"] * 1e9 / copy
        rows.append(row)
        print(line(row), flush=True)
    return rows


def line(row):
    def ratio(value, goal):
        return f"{value:.2f}" + ("!" if goal and value < goal else " ")

    size = "" if row["size"] is None else str(row["size"])
    text = f"{row['title']:24} {size:>6} {row['ms']:9.3f} ms {row['rate']:9.1f} {row['unit']:8}"
    if "of_copy" in row:
        text += f" {ratio(row['of_copy'], GOAL_COPY)} of copy"
    goals = [goal for title, goal in GOAL.items() if row["title"].startswith(title)]
    for i, (name, peer) in enumerate(row["peers"].items()):
        goal = goals[0] if goals and i == 0 else None
        text += f"   {ratio(peer['ratio'], goal)} of {name} ({peer['ms']:.3f} ms)"
    return text


def show(path):
    """The table, for people."""
    try:
        with open(path, encoding="utf-8") as text:
            found = json.load(text)
    except (OSError, ValueError):
        print("nothing was measured")
        return
    print(f"{found['gpu']}, copy {(found['copy'] or 0) * 1e-9:.0f} GB/s; ! is below the goal")
    for row in found["rows"]:
        print(line(row))
    for title, said in found["failed"].items():
        print(f"{title}: {said}")
    for title in found["left"]:
        print(f"{title}: left out, the time was over")


def earlier(path, gpu, build):
    """The rows of an earlier run that still hold."""
    try:
        with open(path, encoding="utf-8") as text:
            found = json.load(text)
        return found["rows"] if (found["gpu"], found["hdc"]) == (gpu, build) else []
    except (OSError, ValueError, KeyError):
        return []


def option(name, default):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


def digest(path):
    with open(path, "rb") as program:
        return hashlib.sha256(program.read()).hexdigest()[:16]


def main():
    if sys.argv[1] == "--show":
        show(sys.argv[2])
        return 0
    device, path = sys.argv[1:3]
    hdc, only = option("--hdc", "build/hdc"), option("--only", "")
    end = time.monotonic() + float(option("--seconds", "240"))
    gpu, copy = device, None
    if not HAVE_TORCH:
        print("no PyTorch with CUDA here: nothing is compared with")
    else:
        gpu = torch.cuda.get_device_name(0)
        for kind in ("allow_tf32", "allow_fp16_reduced_precision_reduction",
                     "allow_bf16_reduced_precision_reduction"):
            setattr(torch.backends.cuda.matmul, kind, False)
        copy = copy_speed()
    result = {"device": device, "gpu": gpu, "hdc": digest(hdc), "copy": copy, "failed": FAILED}
    result["rows"] = rows = earlier(path, gpu, result["hdc"])
    done = {row["title"] for row in rows}
    wanted = [title for title in TABLE if only in title and title not in done
              and (FILES.get(title) != "hopper" or is_hopper())]
    result["left"] = left = list(wanted)
    for title in wanted:
        if time.monotonic() < end:
            rows += measure(hdc, device, title, end, copy)
            left.remove(title)
        with open(path, "w", encoding="utf-8") as out:
            json.dump(result, out, indent=1)
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
