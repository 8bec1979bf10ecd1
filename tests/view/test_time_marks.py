"""When a step is worth a mark: how near spills are one run, how much a purge has to give."""

from array import array

import pytest

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.view.timemap import Mark, MarkKind, marks
from execmem_tui.view.timerecord import TimeRecord

MIB = 1 << 20
BASE = 1 << 40


def record(steps: int = 0, first_step: int = 0, width: int = 0) -> TimeRecord:
    """Return a record of a machine on which nothing happened, of so many steps."""
    found = TimeRecord(History(resolve("arm64")), (ExecmemType.MODULE_TEXT,))
    found.first_step, found.step = first_step, steps
    if width:
        found.windows = ((BASE, BASE + width),)
    return found


def spills(total: int, *steps: int, first_step: int = 0) -> list[tuple[int, str]]:
    found = record(total, first_step)
    found.spilled = array("q", steps)
    return [(mark.step, mark.text) for mark in marks(found)]


def test_spills_within_64_steps_are_one_run_or_within_a_hundredth_of_all() -> None:
    """What was forgotten of a long history is not counted."""
    one = [(10, "the first of 2 spills"), (74, "the last of 2 spills")]
    two = [(10, "the first of 1 spill"), (75, "the first of 1 spill")]
    assert spills(100, 10, 74) == one
    assert spills(100, 10, 75) == two
    assert spills(6_499, 10, 75) == two
    assert len({text for _, text in spills(6_500, 10, 75)}) == 2
    assert spills(6_500, 10, 76) == [(step, "the first of 1 spill") for step in (10, 76)]
    assert spills(9_000, 3_010, 3_075, first_step=3_000) == [
        (step, "the first of 1 spill") for step in (3_010, 3_075)
    ]


def test_only_the_first_failure_of_a_run_is_marked() -> None:
    found = record(1_000)
    found.failed = array("q", (5, 6, 7, 500))
    assert marks(found) == [
        Mark(5, MarkKind.FAILURE, "a request fails, the first of 3"),
        Mark(500, MarkKind.FAILURE, "a request fails"),
    ]


@pytest.mark.parametrize(
    ("width", "least"),
    [
        (64 * MIB, 2 * MIB),
        (128 * MIB, 2 * MIB),
        (192 * MIB, 3 * MIB),
        (2048 * MIB, 32 * MIB),
        (1 << 45, 1 << 30),
    ],
)
def test_a_purge_is_marked_that_gives_a_64th_of_the_windows(width: int, least: int) -> None:
    """2 MiB at least, and a gibibyte is always worth it."""
    found = record(9, width=width)
    found.purges = [(3, least - 4096), (4, least)]
    assert [(mark.step, mark.kind) for mark in marks(found)] == [(4, MarkKind.PURGE)]


@pytest.mark.parametrize(("count", "shown"), [(40, 40), (41, 0)])
def test_more_than_forty_names_are_told_at_the_playhead_alone(count: int, shown: int) -> None:
    found = record(99)
    found.names = [(number, f"phase {number}") for number in range(count)]
    assert len(marks(found)) == shown


def test_marks_come_in_the_order_of_steps() -> None:
    found = record(900, width=MIB)
    found.names, found.purges = [(700, "name")], [(20, 5 * MIB)]
    found.failed, found.spilled = array("q", (300,)), array("q", (600, 601))
    assert [mark.step for mark in marks(found)] == [20, 300, 600, 601, 700]
