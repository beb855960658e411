"""f32 matmul beside cuBLAS through PyTorch, in turns on the same GPU: writes a JSON table.

Ours are the medians of `hdc bench` over tests/gpu/square.hd, cuBLAS's those of torch.mm with TF32
off, once before and once after: a GPU's clock wanders."""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile

SIZES = (2039, 4096)


def ours(device):
    """Milliseconds of each kernel at each size: {(kernel, size): ms}."""
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, "bench.json")
        subprocess.run(["build/hdc", "bench", "tests/gpu/square.hd", f"--device={device}",
                        "--json", table], check=True, timeout=300)
        with open(table, encoding="utf-8") as text:
            rows = json.load(text)
    return {(row["kernel"], int(re.search(r"s = (\d+)", row["title"]).group(1))):
            row["median"] * 1e3 for row in rows}


def cublas(torch, size, rounds=20):
    torch.backends.cuda.matmul.allow_tf32 = False
    a = torch.rand(size, size, device="cuda")
    b = torch.rand(size, size, device="cuda")
    times = []
    for _ in range(rounds + 3):
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        torch.mm(a, b)
        end.record()
        end.synchronize()
        times.append(begin.elapsed_time(end))
    return statistics.median(times[3:])


def main():
    device, path = sys.argv[1:3]
    try:
        import torch
        if not torch.cuda.is_available():
            torch = None
    except ImportError:
        torch = None
    if not torch:
        print("no PyTorch with CUDA here: cuBLAS is not compared with")
    before = {size: cublas(torch, size) for size in SIZES} if torch else {}
    kernels = ours(device)
    after = {size: cublas(torch, size) for size in SIZES} if torch else {}
    rows = []
    for (kernel, size), ms in kernels.items():
        row = {"kernel": kernel, "size": size, "ms": ms, "tflops": 2 * size ** 3 / ms * 1e-9}
        if torch:
            row["cublas_ms"] = statistics.mean((before[size], after[size]))
            row["of_cublas"] = row["cublas_ms"] / ms
        rows.append(row)
        print(json.dumps(row))
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"what": "f32 matmul, square", "rows": rows}, out, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
