"""What is asked of a moment or of all time, against the least that any answer costs."""

import time
from collections.abc import Callable

from execmem_tui.analysis.room import Shortage
from execmem_tui.analysis.why import ask
from execmem_tui.history import History
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.booted import open_booted
from execmem_tui.view.timemap import TimeMap
from execmem_tui.view.timerecord import TimeRecord
from tests.recorded import exhausted

_TYPES = (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)
_RUNS = 5


def _best(do: Callable[[], object]) -> float:
    spent = []
    for _ in range(_RUNS):
        start = time.process_time()
        do()
        spent.append(time.process_time() - start)
    return min(spent)


def _touch(history: History) -> int:
    """Look at every area of every event once: no record can cost less."""
    return sum(
        area.size + area.guard
        for event in history.events(0, history.steps)
        for area in (*event.removed, *event.added)
    )


def address_time_ratio() -> float:
    """Address x time of 57,065 events in a map and a strip, against a loop over their areas,
    CPU."""
    history = exhausted()

    def both() -> None:
        record = TimeRecord(history, _TYPES)
        assert record.step == 57_065
        assert len(record.spilled) == 5083
        wide, strip = TimeMap(record, 30, 96), TimeMap(record, 6, 120)
        assert sum(wide.spills) == sum(strip.spills) == 5083

    touched = [0]

    def loop() -> None:
        touched[0] = _touch(history)

    ratio = _best(both) / _best(loop)
    assert touched[0] > 1 << 28
    return ratio


def why_ratio() -> float:
    """*Why* and who is in the way among some thousand areas, against one walk over the areas,
    CPU."""
    snapshot = exhausted().peek(35_500)

    def asked() -> None:
        found = ask(snapshot, ExecmemType.MODULE_TEXT, 20 << 20)
        assert found.shortage is Shortage.FRAGMENTED
        assert found.in_the_way is not None
        assert len(found.in_the_way.areas) == 11

    ends = [0]

    def walk() -> None:
        ends[0] = max(area.end for area in snapshot.areas)

    ratio = _best(asked) / _best(walk)
    assert ends[0]
    return ratio


def preview_ratio() -> float:
    """A preview of a module with what it needs, against loading it, CPU."""
    booted = open_booted("arm64")
    kernel = booted._kernel
    allocations = []

    def preview() -> None:
        allocations.append(booted.preview_load("btrfs").allocations)

    def load() -> None:
        twin = kernel.clone()
        start = time.process_time()
        twin.modules.load("btrfs")
        loads.append(time.process_time() - start)

    loads: list[float] = []
    best = _best(preview)
    for _ in range(_RUNS):
        load()
    assert set(allocations) == {21}
    return best / min(loads)
