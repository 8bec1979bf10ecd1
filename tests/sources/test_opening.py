"""A long source is read bit by bit: shown early, added to by whoever shows it, left at any time."""

import gc
import os
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest

from execmem_tui.files import trace_events
from execmem_tui.model.errors import InputError
from execmem_tui.sources.base import Progress, Source
from execmem_tui.sources.opening import open_path, read_path
from tests.packing import packed, tar_of

DATA = Path(__file__).parents[1] / "data"
TRACE: Final = DATA / "traces" / "armhf-6.12.107" / "trace.txt.xz"


def sources(reading: list[Progress]) -> list[Source]:
    return [progress.source for progress in reading if progress.source is not None]


def test_a_trace_can_be_shown_before_its_events_are_read() -> None:
    reading = list(read_path(str(TRACE)))
    fractions = [progress.fraction for progress in reading]
    assert len(fractions) > 2
    assert all(before <= after for before, after in pairwise(fractions))
    assert 0 <= fractions[0] < fractions[-1] == 1
    first, *others = sources(reading)
    assert all(each is first for each in others)
    shown = next(progress for progress in reading if progress.source is first)
    assert shown.events == ()
    assert first.history.steps == 0  # the reader leaves the history to whoever shows it
    for progress in reading:
        first.history.extend(progress.events)
    whole = open_path(str(TRACE)).history
    assert first.history.steps == whole.steps
    assert first.history.snapshot().areas == whole.snapshot().areas
    assert first.history.undo()
    assert first.history.step == whole.steps - 1  # a line is a step of its own, whatever its batch


def test_reading_can_be_left_at_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "unpacked"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    bundle = tmp_path / "run.tar"
    bundle.write_bytes(packed(tar_of(TRACE.parent), ""))
    reading = read_path(str(bundle / TRACE.parent.name / "trace.txt.xz"))
    progress = next(each for each in reading if each.events)
    assert progress.source is not None
    assert list(place.iterdir()) != []
    progress.source.history.extend(progress.events)
    reading.close()
    assert list(place.iterdir()) == []  # nothing that was unpacked stays
    history = progress.source.history
    assert history.step == history.steps == len(progress.events)
    assert history.snapshot().areas == open_path(str(TRACE)).history.seek(history.steps).areas


def test_what_opens_at_once_takes_the_same_road() -> None:
    (progress,) = read_path(
        str(DATA / "captures" / "armhf-6.12.107"), early=False, phase="1-modules"
    )
    assert progress.fraction == 1
    assert progress.source is not None
    assert progress.source.history.steps > 0


def test_what_is_not_there_is_refused_while_it_is_read(tmp_path: Path) -> None:
    reading = read_path(str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="nowhere"):
        next(reading)


def test_a_second_process_reads_the_same_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    here = open_path(str(TRACE)).history
    children: list[int] = []
    fork = os.fork

    def noted_fork() -> int:
        children.append(fork())
        return children[-1]

    monkeypatch.setattr(trace_events, "_LONG", 0)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    monkeypatch.setattr(os, "fork", noted_fork)
    there = open_path(str(TRACE)).history
    assert len(children) == 1
    assert there.events(stop=there.steps) == here.events(stop=here.steps)


def test_what_was_set_aside_while_a_trace_was_read_is_looked_at_again() -> None:
    reading = read_path(str(TRACE))
    while gc.get_freeze_count() == 0:
        next(reading)
    assert gc.isenabled()
    reading.close()
    assert gc.get_freeze_count() == 0
    open_path(str(TRACE))
    assert gc.get_freeze_count() == 0


def test_a_capture_opens_without_what_traces_and_the_running_kernel_need() -> None:
    """30 modules that a first paint would wait for."""
    capture = DATA / "captures" / "amd64-7.2.13-kaslr"
    code = (
        "import sys; from execmem_tui.sources.opening import open_path;"
        f" open_path({str(capture)!r}); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = set(done.stdout.split())
    assert "execmem_tui.bundles.phase" in found
    spared = ("replay", "sources.live", "sources.replay", "mm.vmalloc", "kernel.kcore")
    assert found & {f"execmem_tui.{name}" for name in spared} == set()
