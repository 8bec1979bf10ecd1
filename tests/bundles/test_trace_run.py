"""What a replay starts from."""

from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.bundles.trace_scan import TraceScan, _Search, scan_trace
from execmem_tui.formats.trace_event import TraceLine

TRACES: Final = Path(__file__).parents[1] / "data" / "traces"


@pytest.mark.parametrize(
    ("counts", "seconds", "from_boot"),
    [("1/1", 2.9, True), ("1/5", 2.9, False), ("1/1", 3.0, False)],
)
def test_a_lone_trace_is_from_boot_if_it_begins_early_and_lost_nothing(
    tmp_path: Path, counts: str, seconds: float, *, from_boot: bool
) -> None:
    """What was overwritten had shaped the tree; a trace that begins late was switched on late."""
    trace = tmp_path / "trace.txt"
    trace.write_text(
        f"# tracer: nop\n#\n# entries-in-buffer/entries-written: {counts}   #P:2\n"
        f"  sh-1 [000] ..... {seconds}: alloc_vmap_area: va_start: 3204448256 size=8192 align=1"
        " vstart=0xbf000000 vend=0xbfe00000 failed=0\n"
    )
    run = read_trace_run(trace)
    assert run.begins.from_boot is from_boot
    assert run.cpus == 2


@pytest.mark.parametrize(
    ("said", "lost"),
    [
        ("CPU:1 [LOST 5 EVENTS]", 5),
        ("         swapper      0 [000]   1.456789: PERF_RECORD_LOST id:7: lost:17", 17),
        ("PERF_RECORD_LOST_SAMPLES lost 4", 4),
        ("a line of nothing", 0),
    ],
)
def test_lost_events_are_found_wherever_they_are_told(tmp_path: Path, said: str, lost: int) -> None:
    event = (
        "  sh-1 [000] ..... 1.5: alloc_vmap_area: va_start: {} size=8192 align=1"
        " vstart=0xbf000000 vend=0xbfe00000 failed=0"
    )
    lines = [event.format(0xBF000000 + 0x2000 * number) for number in range(1500)]
    trace = tmp_path / "trace.txt"
    trace.write_text("\n".join([*lines[:1200], said, *lines[1200:]]) + "\n")
    run = read_trace_run(trace)
    assert run.lost == lost
    assert 1300 < run.lines < 1700, "about as many lines as there are"


@pytest.mark.parametrize("stated", ["0", "-4096", "true", "4097", "1.5", '"x"'])
def test_what_no_machine_has_is_not_believed(tmp_path: Path, stated: str) -> None:
    phase = tmp_path / "0-boot"
    phase.mkdir()
    (phase / "vmallocinfo").write_text("0xbf000000-0xbf002000 8192 f+0x1/0x2 pages=1 vmalloc\n")
    (tmp_path / "meta.toml").write_text(f"page_size = {stated}\nsmp = {stated}\n")
    (tmp_path / "trace.txt").write_text(
        "# tracer: nop\n#\n# entries-in-buffer/entries-written: 1/1   #P:2\n"
        "  sh-1 [000] ..... 1.0: alloc_vmap_area: va_start: 3204448256 size=8192 align=1"
        " vstart=0xbf000000 vend=0xbfe00000 failed=0\n"
    )
    run = read_trace_run(tmp_path)
    assert run.page_size == 4096
    assert run.cpus == (4097 if stated == "4097" else 1 if stated == "true" else 2)


def test_lost_events_that_are_told_everywhere_are_read_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look at one of them costs as much as a hundred lines cost the parser."""
    looked: list[int] = []
    read = _Search._read

    def counted(search: _Search, block: bytes, at: int) -> TraceLine | None:
        looked.append(at)
        return read(search, block, at)

    monkeypatch.setattr(_Search, "_read", counted)
    event = (
        "  sh-1 [000] ..... 1.5: alloc_vmap_area: va_start: 3204448256 size=8192 align=1"
        " vstart=0xbf000000 vend=0xbfe00000 failed=0\n"
    )
    trace = tmp_path / "trace.txt"
    trace.write_text(f"# tracer: nop\n{event}" + "CPU:1 [LOST 2 EVENTS]\n" * 5_500)
    assert read_trace_run(trace).lost == 11_000
    assert len(looked) <= 5_000 + len((event,))


def test_probes_that_were_made_after_a_snapshot_saw_nothing_before_it() -> None:
    assert read_trace_run(TRACES / "i386-6.1").begins.unwatched
    whole = read_trace_run(TRACES / "arm64-7.2.13-nokaslr", "2e-kprobes-removed")
    assert not whole.begins.unwatched


def scanned(scanning: Generator[float, None, TraceScan]) -> TraceScan:
    """Return what a scan returns at its end."""
    while True:
        try:
            next(scanning)
        except StopIteration as stop:
            scan: TraceScan = stop.value
            return scan


def test_areas_of_snapshots_may_be_many(tmp_path: Path) -> None:
    """Each is looked up once; only texts that should be rare are given up at some number."""
    starts = [0xBF000000 + 0x2000 * number for number in range(5_500)]
    trace = tmp_path / "trace.txt"
    trace.write_text(
        "".join(
            f"  sh-1 [000] ..... 1.5: alloc_vmap_area: va_start: {start} size=8192 align=1"
            " vstart=0xbf000000 vend=0xffe00000 failed=0\n"
            for start in starts
        )
    )
    scanning = scan_trace(trace, set(starts), numbered=True)
    scan = scanned(scanning)
    assert scan.native  # found by the search; the parser would not know
    assert len(scan.order) == len(starts)


@pytest.mark.parametrize(("windows", "searched"), [(500, True), (501, False)])
def test_more_windows_than_a_kernel_has_are_read_from_end_to_end(
    tmp_path: Path, windows: int, searched: bool
) -> None:
    trace = tmp_path / "trace.txt"
    trace.write_text(
        "".join(
            f"  sh-1 [000] ..... 1.5: alloc_vmap_area: va_start: {0xBF000000 + 0x2000 * number}"
            f" size=8192 align=1 vstart=0x{0xBF000000 + 0x1000 * number:x}"
            " vend=0xffe00000 failed=0\n"
            for number in range(windows)
        )
    )
    scan = scanned(scan_trace(trace, set(), numbered=False))
    assert scan.native == searched
    assert len(scan.windows) == windows
