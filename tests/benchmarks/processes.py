"""Whole processes against a yardstick of the same run.

CPU time of a command, CPU time to the first paint in a terminal.
"""

import atexit
import fcntl
import json
import os
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.long_trace import write_run

ROOT = Path(__file__).resolve().parents[2]
_ESCAPE = re.compile(
    rb"\x1b(\[[0-9;?<>=]*[a-zA-Z~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_].*?\x1b\\|.)", re.DOTALL
)


@cache
def environment() -> dict[str, str]:
    """Return the environment of every process here: nobody's bytecode is compiled while it is
    timed.

    An installation has its bytecode. A checkout compiles itself at each start where
    PYTHONDONTWRITEBYTECODE is set, which would be most of what is measured: so the first run, which
    is not timed, writes it to a folder of its own.
    """
    folder = TemporaryDirectory(prefix="execmem-tui-bytecode-")
    atexit.register(folder.cleanup)
    # nothing is remembered of earlier starts either, so that all of the first screen is measured
    found = {**os.environ, "PYTHONPYCACHEPREFIX": folder.name, "XDG_STATE_HOME": folder.name}
    found.pop("PYTHONDONTWRITEBYTECODE", None)
    found.pop("NO_COLOR", None)
    return {**found, "TERM": "xterm-256color", "COLORTERM": "truecolor"}


def cpu_seconds(command: list[str]) -> float:
    """Return the user and system time of one run of `command`, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT, env=environment())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds(command: list[str]) -> tuple[float, float]:
    """Return the seconds that one run of `command` takes, and its CPU time."""
    start = time.perf_counter()
    spent = cpu_seconds(command)
    return time.perf_counter() - start, spent


def cpu_to_paint(command: list[str], marker: bytes, *, size: tuple[int, int] = (120, 40)) -> float:
    """Return the CPU time, in seconds, until `marker` is on the screen of a pty of `size` columns
    and rows.

    That of all threads, up to the moment when this process has read the marker and ends the other.
    """
    columns, rows = size
    found = environment()
    start = time.perf_counter()
    pid, master = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        os.chdir(ROOT)
        os.execve(command[0], command, found)  # noqa: S606 - this is the process under measurement
    seen, painted = b"", False
    while not painted and time.perf_counter() - start < 30:
        if select.select([master], [], [], 1.0)[0]:
            seen += os.read(master, 65536)
            painted = marker in _ESCAPE.sub(b"", seen)
    os.kill(pid, signal.SIGKILL)
    used = os.wait4(pid, 0)[2]
    os.close(master)
    if not painted:
        raise RuntimeError(f"{command} never showed {marker!r}: {_ESCAPE.sub(b'', seen)[-2000:]!r}")
    return used.ru_utime + used.ru_stime


def paired(first: list[float], second: list[float]) -> float:
    """Return the median of the pairwise ratios first/second."""
    ratios = sorted(a / b for a, b in zip(first, second, strict=True))
    return ratios[len(ratios) // 2]


def command_ratio(*arguments: str, runs: int = 9) -> float:
    """A command against ``python -c pass``, CPU time."""
    command = [sys.executable, "-m", "execmem_tui", *arguments]
    bare = [sys.executable, "-c", "pass"]
    cpu_seconds(command)
    pairs = [(cpu_seconds(command), cpu_seconds(bare)) for _ in range(runs)]
    return paired([pair[0] for pair in pairs], [pair[1] for pair in pairs])


TITLE = b"execmem-tui"
"""Of the first line: the screen is there."""
MAP = b" a cell"
"""Of the map's own first line: the map is on the screen."""


def first_paint_ratio(*arguments: str, marker: bytes = MAP, runs: int = 7) -> float:
    """The application against the bare Textual application, CPU time until `marker` is painted."""
    ours = [sys.executable, "-m", "execmem_tui", *arguments]
    bare = [sys.executable, "-m", "tests.benchmarks.bare_app"]
    cpu_to_paint(ours, marker)
    cpu_to_paint(bare, b"ready")
    pairs = [(cpu_to_paint(ours, marker), cpu_to_paint(bare, b"ready")) for _ in range(runs)]
    return paired([pair[0] for pair in pairs], [pair[1] for pair in pairs])


def map_mebibytes(events: int = 1_000_000) -> float:
    """The most memory that a process has while it reads a long trace as a map, in MiB."""
    program = (
        "import resource, sys; from execmem_tui.sources.opening import open_path;"
        f" assert open_path(sys.argv[1]).history.steps > {events * 0.9};"
        " print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)"
    )
    with TemporaryDirectory() as folder:
        trace = write_run(Path(folder) / "run", "amd64-7.2.13-kaslr", events)
        command = [sys.executable, "-c", program, str(trace)]
        return float(subprocess.run(command, check=True, capture_output=True, cwd=ROOT).stdout)


@cache
def verify_ratios(run: str, events: int = 1_000_000, runs: int = 3) -> tuple[float, float]:
    """``verify`` of a long trace against a bare loop that splits each line: wall time, and CPU
    time.

    The CPU time is that of both processes.
    """
    with TemporaryDirectory() as folder:
        trace = write_run(Path(folder) / "run", run, events)
        verify = [sys.executable, "-m", "execmem_tui", "verify", str(trace.parent)]
        bare = [sys.executable, "-c", f"for line in open({str(trace)!r}): line.split()"]
        said = subprocess.run(
            [*verify, "--json"], check=True, capture_output=True, cwd=ROOT, env=environment()
        )
        found = json.loads(said.stdout)
        assert found["checked"] == found["exact"] > events // 8
        assert found["loader"]["loads"] > events // 100
        wall, cpu = [], []
        for _ in range(runs):
            ours, theirs = seconds(verify), seconds(bare)
            wall.append(ours[0] / theirs[0])
            cpu.append(ours[1] / theirs[1])
    return sorted(wall)[runs // 2], sorted(cpu)[runs // 2]
