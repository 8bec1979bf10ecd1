"""Elsewhere than on Linux: all but the running kernel works, and touches nothing that only Linux
has.

There is no macOS here. A process that has lost what macOS has not stands for one: the name of the
platform, Linux's own functions, and every file below /proc and /sys.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from execmem_tui.cli.main import main
from execmem_tui.kernel.linux import PROC, refuse_elsewhere
from execmem_tui.model.errors import SourceError

DATA = Path(__file__).parent / "data"
LOST = """
import os, sys

for name in ("sched_getaffinity", "sched_setaffinity", "memfd_create", "pidfd_open", "O_PATH"):
    if hasattr(os, name):
        delattr(os, name)
sys.platform = "darwin"

def no_linux(event, arguments):
    if event == "open" and str(arguments[0]).startswith(("/proc/", "/sys/")):
        raise FileNotFoundError(2, "not on this system", arguments[0])

sys.addaudithook(no_linux)
"""
COMMANDS = [
    ["ranges", "--arch", "x86", "--json"],
    ["map"],
    ["map", str(DATA / "captures" / "armhf-6.12.107")],
    ["map", str(DATA / "traces" / "armhf-6.12.107" / "trace.txt.xz")],
    ["whatis", "ffff80007b000000"],
    ["run", "arm64-thinlto"],
    ["verify", str(DATA / "vectors" / "dev-00-vmap-7.1.jsonl.gz")],
    ["verify", str(DATA / "traces" / "armhf-6.12.107")],
    ["diff", str(DATA / "captures" / "armhf-6.12.107"), "--phases", "1-modules", "5-churn4"],
    ["help", "keys"],
    ["man"],
]
APPLICATION = """
import asyncio
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.tui.app import ExecmemApp

async def main():
    app = ExecmemApp(open_simulation("arm64", "7.1", None, "off"))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("a")
        await pilot.pause()
        assert app.source.history.snapshot().counters.allocations == 1

asyncio.run(main())
"""


def test_everything_but_the_running_kernel_works() -> None:
    code = (
        f"{LOST}\nfrom execmem_tui.cli.main import main\n"
        f"for arguments in {COMMANDS!r}:\n"
        "    code = main(arguments)\n"
        "    assert code in (0, 1), (arguments, code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_the_application_works() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOST + APPLICATION], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_what_was_copied_from_a_proc_can_be_bundled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    refuse_elsewhere(Path("/copy/of/proc"))
    with pytest.raises(SourceError):
        refuse_elsewhere(PROC)
    monkeypatch.setattr(sys, "platform", "linux")
    refuse_elsewhere(PROC)


@pytest.mark.parametrize("arguments", [["live"], ["map", "live"], ["capture", "-o", "x.tar"]])
def test_the_running_kernel_is_refused_in_words(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    arguments: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert main(arguments) == 2
    assert "only Linux has a running kernel" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
