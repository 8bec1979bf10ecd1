"""What the lines of time say: bars of use, spills by column, marks, and words for where one is."""

from collections.abc import Mapping, Sequence
from math import ceil, floor, isnan, log10
from typing import Final

from execmem_tui.history import History
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters
from execmem_tui.model.units import MIB, Address, format_size, hex_address
from execmem_tui.view.kinds import EIGHTHS
from execmem_tui.view.timemap import FULL, Mark, MarkKind, Scale, TimeLine, TimeMap, name_at
from execmem_tui.view.timerecord import TimeRecord
from execmem_tui.view.window_words import window_word
from execmem_tui.view.words import cut_at_end, cut_at_word

SIGNS: Final = {
    MarkKind.SPILL_BEGINS: "▲",
    MarkKind.SPILL_ENDS: "△",
    MarkKind.FAILURE: "✗",
    MarkKind.PURGE: "◇",
    MarkKind.NAME: "'",
}
_RANK: Final = tuple(MarkKind)
"""Where two marks fall on one column, the first of these is shown."""

PLAYHEAD: Final = "┃"
_SHORTEST_WORD: Final = 4
"""Columns: what is shorter says nothing."""
_TICK: Final = 16
"""Columns between two round numbers under the map of time, at least."""
_INSTANT: Final = 1e-6
"""Seconds: no trace tells less."""
_SHORTEST_PHASE: Final = 2
"""Columns of the number that a phase begins with."""


def strip_height(rows: int, steps: int) -> int:
    """Return how many of a terminal's `rows` the time strip takes.

    One on a small terminal, up to eight. One as well while there are no two `steps` to compare: a
    picture of one moment is empty.
    """
    if rows < 36 or steps < 2:
        return 1
    return min(8, max(4, rows // 8))


def fill_bars(shown: TimeMap) -> str:
    """Return one bar a column: how much of all that is shown was in use."""
    if not shown.halves:
        return " " * shown.columns
    sizes = [half.end - half.start for half in shown.halves]
    sums = [
        sum(cell.eighths * size for cell, size in zip(column, sizes, strict=True))
        for column in zip(*shown.cells, strict=True)
    ]
    most = max(sums)
    if not most:
        return " " * shown.columns
    return "".join(EIGHTHS[-(-each * FULL // most)] for each in sums)


def count_bars(counts: Sequence[int]) -> str:
    """Return one bar a column for how often something happened; any at all shows."""
    most = max(counts, default=0)
    if not most:
        return " " * len(counts)
    return "".join(EIGHTHS[-(-count * FULL // most)] for count in counts)


def mark_columns(shown: TimeMap, marks: Sequence[Mark]) -> dict[int, Mark]:
    """Return the mark to show at each column that has any."""
    found: dict[int, Mark] = {}
    for mark in sorted(marks, key=lambda each: _RANK.index(each.kind)):
        found.setdefault(shown.column_of(mark.step), mark)
    return found


def mark_words(
    marks: Mapping[int, Mark], counts: Sequence[int], head: int, columns: int
) -> dict[int, str]:
    """Return what stands behind the signs of marks: what each means, where its line is free so far.

    By the column in which it begins. A text of which not even a word has room is left out; of a
    phase the beginning stays that no other phase's name has.

    Args:
        marks: by column.
        counts: spills by column, whose bars stand in the same line.
        head: column of the playhead.
        columns: of the line.
    """
    taken = {*marks, head, *(at for at, count in enumerate(counts) if count)}
    stops = sorted(at for at in taken if at < columns)
    begun = [_phase(mark) for mark in marks.values() if mark.kind is MarkKind.NAME]
    phases = len(begun) > 1 and all(begun)
    words = {}
    for column, stop in zip(stops, [*stops[1:], columns], strict=True):
        mark, room = marks.get(column), stop - column - 2
        if mark is None or column == head:
            continue
        text = cut_at_word(mark.text, room) if room >= _SHORTEST_WORD else ""
        if text and (text == mark.text or " " in text):
            words[column + 1] = text
        elif phases and mark.kind is MarkKind.NAME and room >= _SHORTEST_PHASE:
            text = _shortened(_phase(mark), room)
            if sum(name.startswith(text.rstrip("…")) for name in begun) == 1:
                words[column + 1] = text
    return words


def _phase(mark: Mark) -> str:
    """Return ``2a-kprobes-defined`` of ``2a-kprobes-defined: 431 areas``, "" without a colon."""
    name, _, told = mark.text.partition(": ")
    return name if told else ""


def _shortened(name: str, room: int) -> str:
    """Return the beginning of a phase's name: what stands before its first dash, at least."""
    number = name.partition("-")[0]
    if len(name) <= room:
        return name
    if room < _SHORTEST_WORD + 2 and 1 < len(number) <= room:
        return number
    return cut_at_end(name, room) if room > _SHORTEST_WORD else name[:room]


def step_time(history: History, step: int) -> float | None:
    """Return the seconds of the newest event up to `step` that has a time, or None."""
    for event in reversed(history.events(max(history.first_step, step - _BACK), step)):
        if event.time is not None:
            return event.time
    return None


_BACK: Final = 256
"""Events without a time in a row that are passed over: markers, lost events."""


def moment(history: History, step: int) -> str:
    """Return the time of a step in few columns, or its number where events have no times."""
    time = step_time(history, step)
    return f"step {step:,}" if time is None else f"{time:.3f} s"


def where(record: TimeRecord, step: int, counters: Counters, spilled: int) -> str:
    """Say at which moment one is: step and seconds, the phase, what happened so far.

    `spilled` areas lie in a fallback range now: in a capture without an event that tells of it.
    """
    history = record.history
    time = step_time(history, step)
    at = f"step {step:,} of {history.steps:,}" + ("" if time is None else f" · {time:.3f} s")
    name = name_at(record, step)
    count = counters.fallbacks
    words = f"△ {count:,} spilled so far" if count else "nothing spilled"
    if spilled and not count:
        words = f"▲ {spilled:,} spilled"
    failed = f" · ✗ {counters.failures:,} failed" if counters.failures else ""
    return f"{at}{f' · {name}' if name else ''} · {words}{failed}"


def gutter(
    layout: Layout, kind: ExecmemType, line: TimeLine, width: int, above: TimeLine | None = None
) -> str:
    """Return what stands before a line: its address, where that fits.

    Else the word of its window; and where the line `above` lies in the same one, how far behind
    the start of the window the line begins (``+9.3M``): a word twice would name two windows.
    """
    digits = layout.word_bits // 4
    if line.fold:
        return "⋯".ljust(width)
    if width > digits:
        return hex_address(line.start, layout.word_bits).ljust(width)
    entry = layout.range_of(kind)
    window = entry.window_of(line.start)
    if window is None:
        return " " * width
    if above is None or entry.window_of(above.start) is not window:
        return window_word(layout, kind, window)[: width - 1].ljust(width)
    start = entry.start if window is Window.PREFERRED else entry.fallback_start
    offset = f"+{format_size(line.start - start)}"
    if len(offset) >= width:
        offset = f"+{(line.start - start) // MIB}M"
    return offset.ljust(width)


def span_words(shown: TimeMap, record: TimeRecord) -> str:
    """Say how much time is shown, and how much of it a column is."""
    steps = record.step - record.first_step
    many = f"{steps:,} event{'' if steps == 1 else 's'}"
    times = [time for _, time, _ in record.samples() if not isnan(time)]
    if shown.scale is Scale.SECONDS and times:
        seconds = times[-1] - times[0]
        return f"{many} in {seconds:.3g} s, {seconds / shown.columns:.2g} s a column"
    if steps <= shown.columns:
        return many
    return f"{many}, {steps / shown.columns:,.0f} a column"


def scale_line(shown: TimeMap, record: TimeRecord, width: int) -> str:
    """Return the line under the columns: round numbers of steps or seconds, as many as have room.

    Each begins in the first column that shows so much.
    """
    times = [time for _, time, _ in record.samples() if not isnan(time)]
    timed = shown.scale is Scale.SECONDS and bool(times)
    first, last = (times[0], times[-1]) if timed else (shown.steps[0], shown.steps[-1])
    tick, places = _tick(last - first, max(1, width // _TICK), whole=not timed)
    text = [" "] * width
    at = 0
    for number in range(ceil(first / tick), floor(last / tick) + 1):
        value = number * tick
        if timed:  # of which every column has as many
            column = max(0, ceil((value - first) / (last - first or 1) * shown.columns) - 1)
            label = f"{value:.{places}f} s"
        else:
            column, label = shown.column_of(round(value)), f"{value:,.0f}"
        if at <= column < width - len(label):
            text[column : column + len(label)] = label
            at = column + len(label) + 2
    return "".join(text)


def _tick(span: float, most: int, *, whole: bool) -> tuple[float, int]:
    """Return the least of 1, 2, 5, 10, … that lies at most `most` times in `span`, and its places.

    Behind the decimal point; 1 is the least where only whole numbers count.
    """
    least = max(span / most, 1 if whole else _INSTANT)
    power = floor(log10(least))
    tick = next(each for factor in (1, 2, 5, 10) if (each := factor * 10.0**power) >= least)
    return tick, max(0, -floor(log10(tick)))


def cell_words(
    layout: Layout, shown: TimeMap, half: int, column: int, record: TimeRecord
) -> tuple[str, str]:
    """Say what one half row was at one column, for the line below the map.

    With its address, and without: the line that it lies in begins with one.
    """
    row, cell = shown.halves[half], shown.cells[half][column]
    step = shown.steps[column]
    time = step_time(record.history, step)
    moment = f"step {step:,}" if time is None else f"{time:.3f} s"
    size = format_size(row.end - row.start)
    if cell.kind is None:
        what = "nobody"
    else:
        kind = f"{cell.kind.value}{', fallback' if cell.fallback else ''}"
        what = f"{cell.eighths * 100 // FULL} % in use, mostly {kind}"
    return f"{moment}: {_hex(layout, row.start)} + {size}: {what}", f"{moment}: {size}, {what}"


def _hex(layout: Layout, address: Address) -> str:
    return hex_address(address, layout.word_bits)
