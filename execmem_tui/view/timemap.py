"""Address x time, shown.

Lines of two half rows each, columns of samples, marks where something changes.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import cache
from itertools import pairwise
from math import isnan
from typing import Final, NamedTuple

from execmem_tui.model.areas import AreaKind
from execmem_tui.model.units import MIB, Address, Bytes, format_size
from execmem_tui.view.timerecord import Held, Stretch, TimeRecord, kind_of

FULL: Final = 8
"""Shades of a cell: how much of its address space is in use."""

_RUN: Final = 100
"""Spills that are no farther apart than this part of all steps are one run."""

_SHORTEST_RUN: Final = 64
_MUCH: Final[Bytes] = 2 * MIB
_SHARE: Final = 64
"""A purge is marked if it gives back this part of the windows, and at least `_MUCH`."""

_NAMES: Final = 40
"""More marks than these are names at the playhead only."""


class Scale(StrEnum):
    """What the columns divide evenly."""

    EVENTS = "events"
    SECONDS = "seconds"


class TimeCell(NamedTuple):
    """What one half row was at one column."""

    kind: AreaKind | None
    """Who had most of it; None: nobody."""
    fallback: bool
    """That lay in the fallback window."""
    eighths: int
    """How much of it was in use, 1 to 8; 0: nothing."""


_EMPTY: Final = TimeCell(None, fallback=False, eighths=0)


class HalfRow(NamedTuple):
    """Half-open [start, end) of addresses, and the fine rows that it sums up."""

    start: Address
    end: Address
    rows: range


class TimeLine(NamedTuple):
    """One line: two half rows, or a fold of what was never in use between two stretches."""

    start: Address
    end: Address
    halves: tuple[HalfRow, ...]

    @property
    def fold(self) -> bool:
        """Whether nothing of it was ever in use."""
        return not self.halves

    @property
    def text(self) -> str:
        """``1.8G never used``, for a fold."""
        return f"{format_size(self.end - self.start)} never used"


class TimeMap:
    """A record in a number of lines and columns.

    Args:
        record: of what happened.
        lines: to show it in, at least 1; folds take one each where there are enough.
        columns: at least 1.
        scale: what the columns divide evenly.
    """

    def __init__(
        self, record: TimeRecord, lines: int, columns: int, scale: Scale = Scale.EVENTS
    ) -> None:
        self.scale = scale
        self.columns = max(1, columns)
        samples = list(record.samples())
        steps, seconds = [each[0] for each in samples], [each[1] for each in samples]
        shown = list(_sampled(steps, seconds, self.columns, scale))
        self.steps = [steps[index] for index in shown]
        """The step that each column shows."""
        self.lines = tuple(_lines(record.stretches, max(1, lines)))
        self.halves = tuple(half for line in self.lines for half in line.halves)
        self.cells = _cells(self.halves, [each[2] for each in samples], shown)
        """By half row, then column."""
        self.spills = _counts(record.spilled, self.steps, record.first_step)
        """How many events used the fallback window, by column."""
        self.failures = _counts(record.failed, self.steps, record.first_step)

    def column_of(self, step: int) -> int:
        """Return the first column that shows what was after `step` events."""
        return min(bisect_left(self.steps, step), self.columns - 1)

    def address_at(self, line: int, *, lower: bool = False) -> Address | None:
        """Return the first address of a line, or of its lower half; None below the last."""
        if not 0 <= line < len(self.lines):
            return None
        found = self.lines[line]
        return found.halves[1].start if lower and len(found.halves) > 1 else found.start

    def line_of(self, address: Address) -> int | None:
        """Return the line that an address lies in, or None where it is not shown."""
        for number, line in enumerate(self.lines):
            if line.start <= address < line.end:
                return number
        return None


def _sampled(
    steps: Sequence[int], seconds: Sequence[float], columns: int, scale: Scale
) -> Iterator[int]:
    """Yield for each column the newest sample that lies in it or before it."""
    timed = next((index for index, time in enumerate(seconds) if not isnan(time)), None)
    if scale is Scale.SECONDS and timed is not None:
        first, last = seconds[timed], seconds[-1]
        for column in range(1, columns + 1):
            until = last if column == columns else first + (last - first) * column / columns
            yield max(timed, bisect_right(seconds, until, lo=timed) - 1)
        return
    first_step, total = steps[0], steps[-1] - steps[0]
    for column in range(1, columns + 1):
        yield bisect_right(steps, first_step + total * column // columns) - 1


def _lines(stretches: Sequence[Stretch], lines: int) -> Iterator[TimeLine]:
    """Share the lines out by size; where there are too few, the smallest stretches are left out."""
    kept = sorted(stretches, key=_length, reverse=True)[:lines]
    kept.sort(key=_start)
    folds = len(kept) - 1 if lines >= 2 * len(kept) + 1 else 0
    spare = lines - folds - len(kept)
    total = sum(map(_length, kept))
    shares = [1 + spare * _length(each) // total for each in kept]
    if shares:
        shares[max(range(len(kept)), key=lambda at: _length(kept[at]))] += (
            lines - folds - sum(shares)
        )
    for number, (stretch, share) in enumerate(zip(kept, shares, strict=True)):
        if number and folds:
            yield TimeLine(kept[number - 1].end, stretch.start, ())
        yield from _share(stretch, min(share, max(1, stretch.rows // 2)))


def _share(stretch: Stretch, lines: int) -> Iterator[TimeLine]:
    edges = [stretch.rows * at // (2 * lines) for at in range(2 * lines + 1)]
    halves = [
        HalfRow(
            stretch.start + low * stretch.size,
            min(stretch.start + high * stretch.size, stretch.end),
            range(stretch.first + low, stretch.first + high),
        )
        for low, high in pairwise(edges)
    ]
    for upper, lower in zip(halves[::2], halves[1::2], strict=True):
        yield TimeLine(upper.start, lower.end, (upper, lower))


def _length(stretch: Stretch) -> Bytes:
    return stretch.end - stretch.start


def _start(stretch: Stretch) -> Address:
    return stretch.start


def _cells(
    halves: Sequence[HalfRow], changes: Sequence[dict[int, Held]], shown: Sequence[int]
) -> tuple[tuple[TimeCell, ...], ...]:
    """Play the changes and look at each half row whenever a column ends."""
    half_of = {row: number for number, half in enumerate(halves) for row in half.rows}
    held: dict[int, Held] = {}
    cells: list[list[TimeCell]] = [[] for _ in halves]
    now: list[TimeCell] = [_EMPTY] * len(halves)
    played = 0
    for index in shown:
        touched: set[int] = set()
        for change in changes[played : index + 1]:
            held.update(change)
            for row in change:
                half = half_of.get(row)
                if half is not None:
                    touched.add(half)
        played = max(played, index + 1)
        for number in touched:
            now[number] = _cell([held[r] for r in halves[number].rows if r in held], halves[number])
        for column, cell in zip(cells, now, strict=True):
            column.append(cell)
    return tuple(map(tuple, cells))


def _cell(rows: Sequence[Held], half: HalfRow) -> TimeCell:
    sums: dict[int, Bytes] = {}
    for row in rows:
        for key, size in row:
            sums[key] = sums.get(key, 0) + size
    if not sums:
        return _EMPTY
    used = sum(sums.values())
    share = used * FULL // max(1, half.end - half.start)
    return _known(max(sums, key=sums.__getitem__), min(max(1, share), FULL))


@cache
def _known(key: int, eighths: int) -> TimeCell:
    kind, fallback = kind_of(key)
    return TimeCell(kind, fallback=fallback, eighths=eighths)


def _counts(events: Sequence[int], steps: Sequence[int], first: int) -> tuple[int, ...]:
    """Count the events (ascending steps) of each column."""
    edges = [bisect_right(events, step) for step in (first, *steps)]
    return tuple(max(0, high - low) for low, high in pairwise(edges))


class MarkKind(StrEnum):
    """Why a step is marked."""

    SPILL_BEGINS = "first spill"
    SPILL_ENDS = "last spill"
    FAILURE = "failure"
    PURGE = "purge"
    NAME = "name"


class Mark(NamedTuple):
    """A step where something changes."""

    step: int
    kind: MarkKind
    text: str


def marks(record: TimeRecord) -> list[Mark]:
    """Return the steps where something changes, ascending.

    The first and last spill and the first failure of each run, purges that give much back, and what
    the source named, unless it named too much.
    """
    total = record.step - record.first_step
    gap = max(_SHORTEST_RUN, total // _RUN)
    found: list[Mark] = []
    for first, last, count in _runs(record.spilled, gap):
        spills = f"{count:,} spill{'' if count == 1 else 's'}"
        found.append(Mark(first, MarkKind.SPILL_BEGINS, f"the first of {spills}"))
        if last != first:
            found.append(Mark(last, MarkKind.SPILL_ENDS, f"the last of {spills}"))
    for first, _, count in _runs(record.failed, gap):
        more = f", the first of {count:,}" if count > 1 else ""
        found.append(Mark(first, MarkKind.FAILURE, f"a request fails{more}"))
    size = sum(high - low for low, high in record.windows)
    much = max(_MUCH, min(size // _SHARE, 1 << 30))
    found += [
        Mark(step, MarkKind.PURGE, f"a purge gives {format_size(back)} back")
        for step, back in record.purges
        if back >= much
    ]
    if len(record.names) <= _NAMES:
        found += [Mark(step, MarkKind.NAME, name) for step, name in record.names]
    return sorted(found, key=_step)


def _step(mark: Mark) -> int:
    return mark.step


def _runs(steps: Sequence[int], gap: int) -> Iterator[tuple[int, int, int]]:
    """Yield (first, last, count) of the runs of steps that are at most `gap` apart."""
    first = last = count = 0
    for step in steps:
        if count and step - last > gap:
            yield first, last, count
            count = 0
        if not count:
            first = step
        last = step
        count += 1
    if count:
        yield first, last, count


def name_at(record: TimeRecord, step: int) -> str:
    """Return what the source last named up to `step`: a phase, a scenario's step, a trace's marker.

    "" before.
    """
    index = bisect_right(record.names, step, key=_first)
    return record.names[index - 1][1] if index else ""


def _first(name: tuple[int, str]) -> int:
    return name[0]
