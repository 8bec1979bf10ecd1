"""A trace that a second process reads.

The same events and errors, whatever becomes of that process.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from execmem_tui.files import packed, trace_events
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.trace import parse_trace
from execmem_tui.formats.trace_event import Event, Free, full
from execmem_tui.model.errors import InputError

LINE = (
    "  insmod-1  [000] .....  1.{:06}: free_vmap_area_noflush: va_start=0xffffffffc144b000"
    " nr_lazy=9 nr_lazy_max=8192\n"
)


CHILDREN: list[int] = []
"""Processes that the test at hand made."""


class Counting:
    """Counts events, in whatever process sees them first."""

    def __init__(self) -> None:
        self.count = 0
        self.pid = 0

    def see(self, events: Sequence[Event]) -> None:
        self.count += len(events)

    def results(self) -> object:
        return self.count, os.getpid()

    def adopt(self, results: Any) -> None:
        self.count, self.pid = results


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(trace_events, "_LONG", 0)
    monkeypatch.setattr(packed, "MAX_LINE", 700)  # some lines at a time
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    monkeypatch.setattr(threading, "active_count", lambda: 1)
    fork = os.fork
    CHILDREN.clear()

    def noted_fork() -> int:
        child = fork()
        CHILDREN.append(child)
        return child

    monkeypatch.setattr(os, "fork", noted_fork)
    path = tmp_path / "trace.txt"
    path.write_text("# tracer: nop\n" + "".join(LINE.format(at) for at in range(100)))
    return path


def no_child_is_left() -> bool:
    """Whether every process that was made here is gone and waited for.

    Other tests have processes of their own.
    """
    assert CHILDREN
    for child in CHILDREN:
        with pytest.raises(ChildProcessError):
            os.waitpid(child, os.WNOHANG)
    return True


def test_the_events_are_those_of_the_parser_and_the_watcher_knows_its_results(trace: Path) -> None:
    watcher = Counting()
    events = list(trace_events.read_events(trace, watcher))
    assert [full(event) for event in events] == list(parse_trace(str(trace), read_lines(trace)))
    assert isinstance(full(events[0]), Free)
    assert watcher.count == 100
    assert watcher.pid not in (0, os.getpid())
    assert no_child_is_left()


def test_one_process_reads_where_there_is_one_cpu(
    trace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    watcher = Counting()
    assert len(list(trace_events.read_events(trace, watcher))) == 100
    assert (watcher.count, watcher.pid) == (100, os.getpid())


def test_an_error_is_said_with_its_line(trace: Path) -> None:
    trace.write_text(trace.read_text() + LINE.format(1).replace("va_start=0x", "va_start=?"))
    got: list[Event] = []
    with pytest.raises(InputError) as caught:
        got.extend(trace_events.read_events(trace))
    assert caught.value.line == 102
    assert len(got) == 100
    assert no_child_is_left()


def test_what_a_process_that_fails_has_not_read_is_read_here(trace: Path) -> None:
    class Failing(Counting):
        def see(self, events: Sequence[Event]) -> None:
            super().see(events)
            if self.count >= 50 and os.getpid() != here:
                raise MemoryError

    here = os.getpid()
    watcher = Failing()
    events = list(trace_events.read_events(trace, watcher))
    assert [event[1] for event in events] == list(range(2, 102))
    assert (watcher.count, watcher.pid) == (100, here)
    assert no_child_is_left()


def test_a_reader_that_stops_leaves_no_process(trace: Path) -> None:
    trace.write_text(trace.read_text() * 200)
    events = trace_events.read_events(trace)
    assert next(events)[1] == 2
    del events
    assert no_child_is_left()
