"""What is missing, read-only, full, corrupt or interrupted outside of hdc."""
import signal
import time

from call import *
from verbs import ADD


@test
def outputs_that_cannot_be_written():
    where = folder()
    file = write("add.hd", ADD, where)
    (where / "taken").mkdir()
    for out in [where / "no" / "x", where / "taken", "/dev/full", "/proc/x"]:
        for args in [["--emit=c"], ["--emit=manifest"], ["--target=cpu", "--emit=so"], ["--emit=header"]]:
            assert b"cannot write" in hdc(file, *args, "-o", out, want=ENVIRONMENT).err, (out, args)
        result = hdc("run", file, "n=4", "--device=cpu", "--out", f"y={out}", want=ENVIRONMENT)
        assert b"cannot write" in result.err
        hdc("map", "spatial(2)", "--svg", out, want=ENVIRONMENT)
    hdc("bench", file, "--json", "/dev/full", "--device=cpu", want=ENVIRONMENT)
    assert os.path.exists("/dev/full") and sorted(os.listdir(where)) == ["add.hd", "taken"]


@test
def sources_are_not_written_over():
    where = folder()
    file = write("add.hd", ADD, where)
    other = write("other.hd", 'import "add.hd"\nmapping m = spatial(2)\n' + ADD.replace("add(", "more("), where)
    os.symlink(file, where / "link.hd")
    os.link(file, where / "hard.hd")
    for out in [file, f"{where}/./add.hd", where / "link.hd", where / "hard.hd"]:
        for args in [[file, "-o"], [file, "--emit=c", "-o"], [other, "--emit=manifest", "-o"],
                     ["map", f"{other}:m", "--svg"], ["bench", file, "--device=cpu", "--json"]]:
            assert "is a source" in hdc(*args, out, want=CALL).message, args
        assert "is a source" in hdc("run", file, "n=4", "--device=cpu", "--out", f"y={out}", want=CALL).message
    assert file.read_text() == ADD


@test
def links_lead_to_the_file_that_is_written():
    where = folder()
    file = write("add.hd", ADD, where)
    (where / "old.c").write_text("old")
    os.symlink("old.c", where / "link.c")
    hdc(file, "--emit=c", "-o", where / "link.c", want=DONE)
    assert (where / "link.c").is_symlink() and "add" in (where / "old.c").read_text()
    with open(where / "out.c", "wb") as out:
        os.symlink(f"/proc/self/fd/{out.fileno()}", where / "stdout")
        subprocess.run([HDC, file, "--emit=c", "-o", where / "stdout"], pass_fds=[out.fileno()], env=environment(), check=True)
    assert (where / "stdout").is_symlink() and (where / "out.c").read_bytes() == (where / "old.c").read_bytes()


@test
def standard_output_that_is_full():
    file = write("add.hd", ADD)
    with open("/dev/full", "wb") as full:
        for args in [[file, "--emit=c"], ["map", "spatial(4)"], ["fmt", "-"], ["explain", "E0302"], ["help"],
                     ["run", file, "n=4", "--device=cpu"], ["test", file, "--device=cpu"], ["doctor"], ["cache"]]:
            process = subprocess.run([HDC, *map(str, args)], stdin=open(file), stdout=full, stderr=subprocess.PIPE,
                                     env=environment(), timeout=TIMEOUT)
            assert process.returncode == ENVIRONMENT and process.stderr, args


def as_nobody():
    os.setgid(65534)
    os.setuid(65534)


@test
def folders_that_are_read_only():
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody without rights")
    os.chmod(scratch, 0o755)
    where = folder()
    os.chmod(where, 0o755)
    file = write("add.hd", ADD, where)
    os.chmod(file, 0o644)
    tmp = folder()
    os.chmod(tmp, 0o777)
    env = {"HD_CACHE_DIR": "/proc/none", "TMPDIR": tmp, "limits": as_nobody}
    try:
        hdc("--version", want=DONE, **env)
    except PermissionError:
        raise Skip("hdc lies where nobody else can read it")
    hdc(file, "--emit=c", "-o", where / "x.c", want=ENVIRONMENT, **env)
    hdc(file, "--target=cpu", "-o", where / "x.so", want=ENVIRONMENT, **env)
    hdc("run", file, "n=4", "--device=cpu", "--out", f"y={where}/y.npy", want=ENVIRONMENT, **env)
    hdc("run", file, "n=4", "--device=cpu", want=DONE, **env)  # without a cache, too
    assert "no cache" in hdc("cache", want=DONE, **env).text
    hdc("fmt", write("f.hd", "const A=1\n", where), want=ENVIRONMENT, **env)
    os.chmod(file, 0)
    hdc("check", file, want=ENVIRONMENT, **env)
    assert sorted(os.listdir(where)) == ["add.hd", "f.hd"]


@test
def a_disk_that_is_full():
    disk = folder()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "none", disk],
                                           capture_output=True).returncode:
        raise Skip("no file system can be mounted here")
    try:
        file = write("add.hd", ADD)
        (disk / "old.c").write_text("old")
        (disk / "fill").write_bytes(b"x" * 24576)
        hdc(file, "--emit=c", "-o", disk / "old.c", want=ENVIRONMENT)
        hdc(file, "--target=cpu", "-o", disk / "x.so", want=ENVIRONMENT)
        hdc("run", file, "n=100000", "--device=cpu", "--out", f"y={disk}/y.npy", want=ENVIRONMENT)
        assert (disk / "old.c").read_text() == "old" and sorted(os.listdir(disk)) == ["fill", "old.c"]
        (disk / "cache").mkdir()
        hdc("run", file, "n=4", "--device=cpu", want=DONE, HD_CACHE_DIR=disk / "cache")
        assert os.listdir(disk / "cache") == []
        hdc("run", file, "n=4", "--device=cpu", want=ENVIRONMENT, TMPDIR=disk, HD_CACHE_DIR=disk / "cache")
    finally:
        subprocess.run(["umount", disk])


@test
def interrupted_calls_leave_nothing_half_written():
    where = folder()
    file, out = write("add.hd", ADD, where), where / "libadd.so"
    hdc(file, "--target=cpu", "-o", out, want=DONE)
    whole = out.read_bytes()
    for n in range(24):
        if n % 2:
            out.unlink(missing_ok=True)
            (where / "add.h").unlink(missing_ok=True)
        process = subprocess.Popen([HDC, file, "--target=cpu", "-o", out], env=environment(), cwd=where,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(0.01 * n)
        os.killpg(process.pid, [signal.SIGKILL, signal.SIGTERM, signal.SIGINT][n % 3])
        process.wait(timeout=TIMEOUT)
        left = set(os.listdir(where))
        assert left <= {"add.hd", "add.h", "libadd.so"}, left
        assert not out.exists() or len(out.read_bytes()) == len(whole)


def wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


def hear_signals():
    """What starts in the background inherits that it ignores some; hdc then does so, too."""
    for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
        signal.signal(number, signal.SIG_DFL)


@test
def a_signal_ends_the_compilers_too():
    where = folder()
    if not os.path.exists("/proc/thread-self/children"):
        raise Skip("this kernel does not tell a process's children")
    file, pids = write("add.hd", ADD, where), where / "pids"
    slow = write("slow", f"#!/bin/sh\nsleep 600 & echo $$ $! > {pids}.new; mv {pids}.new {pids}; wait\n", where)
    os.chmod(slow, 0o755)
    run, test_ = ["run", file, "n=4"], ["test", file]
    for call, number in [(run, signal.SIGTERM), (run, signal.SIGINT), (run, signal.SIGHUP), (test_, signal.SIGTERM)]:
        process = subprocess.Popen([HDC, *call, "--device=cpu"], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL,
                                   env=environment(HD_CC=slow, HD_CACHE_DIR=where / "cache"),
                                   preexec_fn=hear_signals)
        assert wait_until(pids.exists), "the compiler was never started"
        running = [int(pid) for pid in pids.read_text().split()]
        pids.unlink()
        process.send_signal(number)
        assert process.wait(timeout=TIMEOUT) == -number
        for pid in running:
            state = pathlib.Path(f"/proc/{pid}/stat")
            gone = lambda: not state.exists() or state.read_text().split(")")[1].split()[0] == "Z"  # noqa: B023
            assert wait_until(gone), f"{pid} still runs after signal {number}"


@test
def a_corrupt_cache_is_rebuilt():
    where = folder()
    file, cache = write("add.hd", ADD), where / "cache"
    args = ["run", file, "n=100", "--device=cpu", "--out", f"y={where}/y.npy"]
    hdc(*args, want=DONE, HD_CACHE_DIR=cache)
    whole = (where / "y.npy").read_bytes()
    (entry,) = cache.iterdir()
    good = entry.read_bytes()
    for bad in [b"", good[:100], good[:-1], b"\0" * len(good), good[:2000] + b"x" + good[2001:], b"x" + good]:
        entry.write_bytes(bad)
        hdc(*args, want=DONE, HD_CACHE_DIR=cache)
        assert (where / "y.npy").read_bytes() == whole
    entry.unlink()
    entry.mkdir()
    hdc(*args, want=DONE, HD_CACHE_DIR=cache)


@test
def eight_processes_fill_one_cache():
    where = folder()
    files = [write(f"k{i}.hd", ADD.replace("+ c", f"+ c * {i % 3}.0"), where) for i in range(8)]
    running = [subprocess.Popen([HDC, "run", f, "n=50", "--device=cpu"], env=environment(HD_CACHE_DIR=where / "cache"),
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE) for f in files]
    for process in running:
        out, err = process.communicate(timeout=TIMEOUT * 4)
        assert process.returncode == DONE, err
    left = os.listdir(where / "cache")
    assert len(left) == 8 and all(name.count(".") == 1 for name in left), left


@test
def without_a_compiler_a_driver_or_nvrtc():
    where = folder()
    file = write("add.hd", ADD, where)
    for args, env, word in [
            (["run", file, "n=4", "--device=cpu"], {"HD_CC": "/nonexistent"}, "HD_CC"),
            (["test", file, "--device=cpu"], {"HD_CC": "/nonexistent"}, "HD_CC"),
            ([file, "--target=cpu", "-o", where / "x.so"], {"HD_CC": "/nonexistent"}, "HD_CC"),
            (["run", file, "n=4", "--device=cpu"], {"PATH": "/nonexistent", "CC": None}, "install"),
            (["run", file, "n=4", "--device=cpu"], {"HD_CC": "/bin/false"}, "/bin/false"),
            ([file, "--emit=ptx"], {"HD_NVRTC": "/nonexistent"}, "NVRTC"),
            ([file, "--emit=cubin", "-o", where / "x"], {"HD_NVRTC": "/nonexistent"}, "NVRTC"),
            ([file, "--target=cuda", "-o", where / "x.so"], {"HD_NVRTC": "/nonexistent"}, "NVRTC"),
            (["run", file, "n=4", "--device=cuda"], {"HD_LIBCUDA": "/nonexistent"}, "CUDA driver"),
            (["run", file, "n=4", "--device=cuda:7"], {"HD_LIBCUDA": "/nonexistent"}, "CUDA driver"),
            (["test", file, "--device=cuda"], {"HD_LIBCUDA": "/nonexistent"}, "CUDA driver"),
            (["bench", file, "--device=cuda"], {"HD_LIBCUDA": "/nonexistent"}, "CUDA driver")]:
        env.setdefault("HD_CACHE_DIR", where / "cache")
        message = hdc(*args, want=ENVIRONMENT, **env).message
        assert word in message and message.count("hdc: ") == 1, (args, message)
    result = hdc(file, "-o", where / "libadd.so", HD_NVRTC="/nonexistent", want=DONE)
    assert "CPU only" in result.message
    hdc("run", file, "n=4", HD_LIBCUDA="/nonexistent", want=DONE)  # no GPU: the CPU


@test
def a_compiler_that_refuses_the_text():
    """What the C compiler does not take is an internal error, unless it takes nothing at all."""
    where = folder()
    file = write("add.hd", ADD, where)
    picky = write("picky", "#!/bin/sh\ncase $(cat) in *add*) echo no such thing; exit 1;; esac\n", where)
    os.chmod(picky, 0o755)
    for args in [["run", file, "n=4", "--device=cpu"], ["test", file, "--device=cpu"],
                 [file, "--target=cpu", "-o", where / "x.so"]]:
        process = subprocess.run([HDC, *map(str, args)], capture_output=True, timeout=TIMEOUT,
                                 env=environment(HD_CC=picky, HD_CACHE_DIR=where / "cache"))
        assert process.returncode == INTERNAL and b"no such thing" in process.stderr, (args, process)
        assert args[0] != "test" or b"FAIL" in process.stdout and b"0 passed, 2 failed\n" in process.stdout, process
