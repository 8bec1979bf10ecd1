"""What KASLR moves takes all answers along, and clocks, CPUs and names of tasks change nothing."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from execmem_tui.analysis.trace_verify import verify_trace
from execmem_tui.files.packed import read_lines
from execmem_tui.model.areas import Area
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.opening import open_path

DATA: Final = Path(__file__).parents[1] / "data"
KASLR: Final = "amd64-7.2.13-kaslr"
_HEX: Final = re.compile(r"(?<![0-9a-zA-Z])(0x)?([0-9a-f]{16})(?![0-9a-zA-Z])")
_DECIMAL: Final = re.compile(r"(?<=va_start: )\d+")
Told = Callable[[str], str]


def shifted(start: int, end: int, by: int) -> Told:
    """Return what moves each address in [start, end) by `by` bytes."""

    def there(address: int) -> int:
        return address + by if start <= address < end else address

    def told(text: str) -> str:
        text = _HEX.sub(lambda found: f"{found[1] or ''}{there(int(found[2], 16)):016x}", text)
        return _DECIMAL.sub(lambda found: str(there(int(found[0]))), text)

    return told


def retold(source: Path, place: Path, told: Told) -> Path:
    """Write the files of a run once more, unpacked, as `told`."""
    for file in source.rglob("*"):
        if file.is_file():
            name = file.relative_to(source).as_posix().removesuffix(".xz").removesuffix(".gz")
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            text = "".join(line + "\n" for _, line in read_lines(file))
            (place / name).write_text(text if name == "meta.toml" else told(text))
    return place


MODULES: Final = (0xFFFF_FFFF_C000_0000, 0xFFFF_FFFF_FE00_0000)
"""Where module_load_offset of x86 lies in; ROX blocks move by whole blocks."""
TEXT: Final = (0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_C000_0000)
VMALLOC: Final = (0xFFFF_D10D_0000_0000, 0xFFFF_F10D_0000_0000)
"""vmalloc_base is drawn in steps of a gigabyte (arch/x86/mm/kaslr.c)."""
SHIFTS: Final = [(MODULES, 2 << 20), (TEXT, 0xA00_0000), (TEXT, -0x20_0000), (VMALLOC, 1 << 30)]
IDS: Final = ["modules", "text up", "text down", "vmalloc"]


def _answers(snapshot: Snapshot) -> list[tuple[object, ...]]:
    return [(*_told_of(area), area.start, area.end, area.inside) for area in snapshot.areas]


def _told_of(area: Area) -> tuple[object, ...]:
    return area.owner, area.region, area.type, area.state, area.window, area.guard


@pytest.mark.parametrize(("window", "by"), SHIFTS, ids=IDS)
def test_a_capture_moves_with_its_kernel(tmp_path: Path, window: tuple[int, int], by: int) -> None:
    start, end = window

    def there(address: int) -> int:
        return address + by if start <= address < end else address

    run = retold(DATA / "captures" / KASLR, tmp_path, shifted(start, end, by))
    for phase in ("1-modules", "4a-bpf-200"):
        before = open_path(str(DATA / "captures" / KASLR), phase=phase).history.snapshot()
        after = open_path(str(run), phase=phase).history.snapshot()
        moved = [
            (*_told_of(area), there(area.start), there(area.end - 1) + 1,
             tuple((there(at), name) for at, name in area.inside))
            for area in before.areas
        ]  # fmt: skip
        assert _answers(after) == moved
        assert window == TEXT or any(start <= area.start < end for area in before.areas)
        text, old = after.layout.text, before.layout.text
        assert text is not None
        assert old is not None
        assert text == there(old)
        assert (text == old) is (window != TEXT)


@pytest.mark.parametrize(("window", "by"), SHIFTS, ids=IDS)
def test_a_trace_moves_with_its_kernel(tmp_path: Path, window: tuple[int, int], by: int) -> None:
    before = verify_trace(DATA / "traces" / KASLR)
    after = verify_trace(retold(DATA / "traces" / KASLR, tmp_path, shifted(*window, by)))
    assert after.unexplained == []
    assert after.wrong_loads == []
    assert after.found.checked == before.found.checked
    assert after.found.exact == before.found.exact
    assert before.loader is not None
    assert after.loader is not None
    assert after.loader.exact == before.loader.exact


def _later(text: str) -> str:
    return re.sub(
        r"(?<=\] )(\S+\s+)(\d+)(\.\d{6}:)",
        lambda found: f"{found[1]}{int(found[2]) + 90_000}{found[3]}",
        text,
    )


def _other_cpus(text: str) -> str:
    return re.sub(r"\[00([01])\]", lambda found: f"[00{1 - int(found[1])}]", text)


def _other_tasks(text: str) -> str:
    return re.sub(
        r"(?m)^\s*(?!#)\S.*?-(\d+)(?=\s+\[)", lambda found: f" t x-{int(found[1]) * 7 + 3}", text
    )


@pytest.mark.parametrize(
    "told", [_later, _other_cpus, _other_tasks], ids=["clock", "CPUs", "tasks"]
)
def test_clocks_cpus_and_tasks_are_names(tmp_path: Path, told: Told) -> None:
    """Two CPUs with pools of their own: which is called 0 decides nothing."""
    source = DATA / "traces" / "arm64-7.2.13-nokaslr"
    text = "\n".join(line for _, line in read_lines(source / "trace.txt.xz"))
    assert told(text) != text
    before, after = verify_trace(source), verify_trace(retold(source, tmp_path, told))
    assert after.found.checked == before.found.checked
    assert after.found.exact == before.found.exact
    assert [miss.cause for miss in after.found.misses] == [
        miss.cause for miss in before.found.misses
    ]
