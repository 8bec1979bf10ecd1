"""The running kernel, played by a tree of files.

What is read, what is followed, what is left behind.
"""

import gzip
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from attrs import evolve

from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.kernel.tracefs import TraceInstance, remove_stale
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Freed, Noted, Purged
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.base import Followed
from execmem_tui.sources.live import Live

CAPTURE = Path(__file__).parents[1] / "data" / "captures" / "amd64-7.2.13-kaslr"
PID = os.getpid()
ALLOC = (
    "          insmod-77  [000] .....   9.{0:06d}: alloc_vmap_area: va_start: {1} size=8192 align=1"
    " vstart=0xffffffffc0249000 vend=0xffffffffff000000 failed=0\n"
)
FREE = (
    "  insmod-77  [000] .....   9.{0:06d}: free_vmap_area_noflush: va_start=0x{1:x} nr_lazy=2"
    " nr_lazy_max=8192\n"
)


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc like that of the captured machine after its modules were loaded."""
    folder = tmp_path / "proc"
    folder.mkdir()
    for name in ("vmallocinfo", "modules", "sections", "kallsyms", "version", "meminfo"):
        source = find_file(CAPTURE / "1-modules", name) or find_file(CAPTURE / "0-boot", name)
        if source is not None:
            (folder / name).write_text("".join(text + "\n" for _, text in read_lines(source)))
    return folder


@pytest.fixture
def tracing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tracefs: a directory made in `instances` has files at once, and goes away as a whole."""
    root = tmp_path / "tracing"
    (root / "events" / "vmalloc").mkdir(parents=True)
    (root / "instances").mkdir()
    make, remove = os.mkdir, os.rmdir

    def mkdir(path: Path, mode: int = 0o777) -> None:
        make(path, mode)
        if Path(path).parent == root / "instances":
            for group in ("vmalloc", "module"):
                for folder in (Path(path) / "events", Path(path) / "events" / group):
                    if not folder.is_dir():
                        make(folder, mode)
                (Path(path) / "events" / group / "enable").write_text("0")
            (Path(path) / "trace_pipe").write_text("")

    def rmdir(path: Path) -> None:
        for each in sorted(Path(path).rglob("*"), reverse=True):
            if each.is_dir():
                remove(each)
            else:
                each.unlink()
        remove(path)

    monkeypatch.setattr(os, "mkdir", mkdir)
    monkeypatch.setattr(os, "rmdir", rmdir)
    return root


def instances(tracing: Path) -> list[str]:
    return sorted(path.name for path in (tracing / "instances").iterdir())


def pipe(tracing: Path) -> Callable[[str], None]:
    path = tracing / "instances" / f"execmem-tui-{PID}" / "trace_pipe"

    def write(text: str) -> None:
        with path.open("a") as file:
            file.write(text)

    return write


def test_what_proc_says_is_the_first_event(proc: Path) -> None:
    live = Live(proc)
    assert isinstance(live, Followed)
    snapshot = live.history.snapshot()
    assert snapshot.step == 1
    owned = [area for area in snapshot.areas if area.region == "MOD_TEXT"]
    assert {area.owner for area in owned} >= {"nf_defrag_ipv6"}
    assert len(owned) > 20
    assert live.read() == []


def test_a_change_in_proc_is_one_event_with_the_difference(proc: Path) -> None:
    live = Live(proc)
    lines = (proc / "vmallocinfo").read_text().splitlines(keepends=True)
    (proc / "vmallocinfo").write_text(
        "".join(lines[:-1]) + "0xffffffffc9000000-0xffffffffc9003000   12288 x+0x1/0x2\n"
    )
    (event,) = live.read()
    assert isinstance(event, Noted)
    assert event.reset
    assert [area.start for area in event.added] == [0xFFFFFFFFC9000000]
    assert len(event.removed) == 1
    assert event.text == "read again: 1 area appeared, 1 went"
    (proc / "vmallocinfo").write_text("".join(lines[:-1]) + "\n")
    (event,) = live.read()
    assert event.text == "read again: 0 areas appeared, 1 went"
    (proc / "meminfo").write_text("")
    (proc / "vmallocinfo").write_text("".join(lines[:-1]))
    assert live.read() == [], "other bytes that say the same"


def test_what_proc_does_not_confirm_goes_again_where_addresses_are_real(
    proc: Path, tracing: Path
) -> None:
    """Its free was lost, or it was allocated and freed before /proc was read."""
    live = Live(proc, tracing)
    before = set(live.history.snapshot().areas)
    pipe(tracing)(ALLOC.format(1, 0xFFFFFFFFC9000000))
    events = live.read()
    live.history.append(events)
    assert [type(event) for event in events] == [Allocated, Noted]
    assert [area.start for area in events[1].removed] == [0xFFFFFFFFC9000000]
    assert set(live.history.snapshot().areas) == before
    live.close()


def test_notes_say_what_is_hidden_and_of_what_is_not_nothing(proc: Path) -> None:
    def notes() -> str:
        return "\n".join(Live(proc).history.layout.notes)

    told = notes()
    assert "ranges are not read from the kernel's memory" in told
    assert not any(word in told for word in ("says /proc/modules", "equal hashes", "areas, "))
    (proc / "vmallocinfo").write_text("0x0-0x0    8192 a+0x1/0x2\n0x0-0x0    4096 b+0x1/0x2\n")
    zeroed = notes()
    assert "says /proc/modules" in zeroed
    assert "2 areas, 12K: a 1x 8K, b 1x 4K" in zeroed
    assert "equal hashes" not in zeroed
    (proc / "modules").write_text("")
    assert "says /proc/modules" not in notes()


def test_events_are_followed_and_lines_are_read_whole(proc: Path, tracing: Path) -> None:
    live = Live(proc, tracing)
    write = pipe(tracing)
    enable = tracing / "instances" / f"execmem-tui-{PID}" / "events" / "vmalloc" / "enable"
    assert enable.read_text() == "1"
    line = ALLOC.format(1, 0xFFFFFFFFC9000000)
    write(line[:50])
    assert live.read() == []
    write(line[50:] + FREE.format(2, 0xFFFFFFFFC9000000))
    events = live.read()
    live.history.append(events)
    assert [type(event) for event in events[:2]] == [Allocated, Freed]
    assert isinstance(events[0], Allocated)
    assert events[0].area.type is ExecmemType.MODULE_DATA  # text is cached
    assert events[0].time == pytest.approx(9.000001)
    live.close()
    assert instances(tracing) == []
    live.close()


def test_an_instance_of_a_killed_run_is_removed_and_that_of_a_running_one_is_not(
    proc: Path, tracing: Path
) -> None:
    (proc / "4242").mkdir()
    for pid in (4242, 4243):
        (tracing / "instances" / f"execmem-tui-{pid}").mkdir()
    (tracing / "instances" / "somebody-else").mkdir()
    assert remove_stale(tracing, proc) == ["execmem-tui-4243"]
    assert instances(tracing) == ["execmem-tui-4242", "somebody-else"]


def test_without_tracefs_the_map_is_there_and_says_what_is_missing(
    proc: Path, tmp_path: Path
) -> None:
    live = Live(proc, tmp_path / "nowhere")
    assert any(
        "no tracefs" in note and "mount -t tracefs" in note for note in live.history.layout.notes
    )
    (tmp_path / "old" / "instances").mkdir(parents=True)
    with pytest.raises(UsageError, match="no vmalloc events"):
        TraceInstance(tmp_path / "old", proc)


def test_an_instance_that_cannot_be_read_is_removed(
    proc: Path, tracing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(
        path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> int:
        if Path(path).name == "trace_pipe":
            raise PermissionError(13, "Permission denied")
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UsageError, match="tracefs cannot be used"):
        TraceInstance(tracing, proc)
    assert instances(tracing) == []


def test_hashed_addresses_are_said_and_what_follows_from_symbols_is_shown(proc: Path) -> None:
    packed = Path(__file__).parents[1] / "data" / "captures" / "hashed" / "vmallocinfo.gz"
    (proc / "vmallocinfo").write_bytes(gzip.decompress(packed.read_bytes()))
    live = Live(proc)
    notes = live.history.layout.notes
    assert any("kernel.kptr_restrict=1" in note and "changes nothing" in note for note in notes)
    assert any("equal hashes" in note for note in notes)


def test_a_traced_area_that_is_shown_otherwise_can_be_freed(proc: Path, tracing: Path) -> None:
    (proc / "vmallocinfo").write_text("0x0-0x0    8192 a+0x1/0x2\n")
    live = Live(proc, tracing)
    text = next(area for area in live.history.snapshot().areas if area.region is not None)
    write = pipe(tracing)
    write(ALLOC.format(1, text.start))
    live.history.append(live.read())
    write(FREE.format(2, text.start) + ALLOC.format(3, text.start) + FREE.format(4, text.start))
    live.history.append(live.read())
    assert live.history.seek(0).areas == ()
    assert set(live.history.seek(live.history.steps).areas) >= {text}
    live.close()


def test_purges_that_find_nothing_are_not_told(
    proc: Path, tracing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live(proc, tracing)
    empty = "start=0xffffffffffffffff end=0x0000000000000000 num_purged=0"
    lines = [f"a-1 [000] ..... 1.0: purge_vmap_area_lazy: {empty}"]
    monkeypatch.setattr(TraceInstance, "read", lambda _: lines)
    assert live.read() == []
    at = 0xFFFFFFFFC9000000
    found = f"start=0x{at:016x} end=0x{at + 0x3000:016x} num_purged=1"
    lines[:] = [
        *(line.format(number, at).rstrip("\n") for number, line in enumerate((ALLOC, FREE))),
        f"a-1 [000] ..... 9.000003: purge_vmap_area_lazy: {found}",
    ]
    assert [type(event) for event in live.read()][:3] == [Allocated, Freed, Purged]
    live.close()


def test_a_list_that_cannot_be_read_to_its_end_is_unknown(
    proc: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(file: Path) -> Iterator[tuple[int, str]]:
        for number, line in read_lines(file):
            if file.name == "vmallocinfo" and number == 3:
                raise OSError(5, "Input/output error", str(file))
            yield number, line

    monkeypatch.setattr("execmem_tui.bundles.phase.read_lines", broken)
    live = Live(proc)
    hidden = live.history.snapshot().hidden
    assert (hidden.complete, hidden.why) == (False, "Input/output error")
    assert "cannot be read: vmallocinfo: Input/output error" in live.history.layout.notes
    assert any("modules of" in note for note in live.history.layout.notes)


def test_events_that_are_not_understood_end_and_the_map_goes_on(
    proc: Path, tracing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = Live(proc, tracing)
    lines = ["a-1 [000] ..... 1.0: alloc_vmap_area: something of a later kernel"]
    monkeypatch.setattr(TraceInstance, "read", lambda _: lines)
    (event,) = live.read()
    assert "no more events, /proc alone from here" in event.text
    assert instances(tracing) == []
    assert live.read() == []


def test_no_root_no_areas_but_a_reason(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("Linux version 7.1.8 (gcc) #1\n")
    (tmp_path / "vmallocinfo").write_text("0x0-0x0    8192 a+0x1/0x2\n")
    notes = Live(tmp_path).history.layout.notes
    assert any("addresses are zeroed" in note for note in notes)


def test_files_that_may_not_be_read_are_named_and_the_rest_is_shown(
    proc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.access
    hidden = ("vmallocinfo", "tracing")
    monkeypatch.setattr(
        os, "access", lambda path, mode: Path(path).name not in hidden and real(path, mode)
    )
    (tmp_path / "tracing").mkdir()
    live = Live(proc, tmp_path / "tracing")
    notes = live.history.layout.notes
    assert any(note.startswith("cannot be read: vmallocinfo: Permission denied") for note in notes)
    assert any("no events, /proc alone: tracefs may not be read" in note for note in notes)
    assert live.history.snapshot().hidden.why.startswith("Permission denied")
    assert any(area.type is ExecmemType.MODULE_TEXT for area in live.history.snapshot().areas)
    assert live.read() == []


def test_an_event_says_of_what_is_shown_already_nothing_and_of_what_is_not_shown_no_end(
    proc: Path,
) -> None:
    """What was allocated between the start of tracing and the first look at /proc is in both.

    Added twice it would be on the map twice, and freed once.
    """
    live = Live(proc)
    shown = live.history.snapshot().areas[0]
    hidden = evolve(shown, start=shown.start + (1 << 40))
    event = live._shown(Noted(message="both", removed=(hidden,), added=(shown, hidden)))
    assert (event.removed, event.added) == ((), (hidden,))
