"""The four panes as lines.

The focused one with its lanes, the others in a row each, the quiet ones joined.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.ranges import Window
from execmem_tui.model.units import Address, Bytes, format_size
from execmem_tui.view.axis import Kind
from execmem_tui.view.cells import runs_of
from execmem_tui.view.lane import LaneShape, lane_cells, lane_shape
from execmem_tui.view.panes import Lane, PaneModel
from execmem_tui.view.shown import Shown
from execmem_tui.view.words import Piece, Tone, Word, cut_at_word, width_of

_NAME: Final = 10
_SCALE: Final = 8
_INSIDE: Final = 12
"""Columns that a lane inside a rule is worth, at least."""


class Place(NamedTuple):
    """Columns of a row that belong to a pane, and the lane there, for clicks and the bracket."""

    number: int
    first: int
    stop: int
    lane: Lane | None = None
    shape: LaneShape | None = None

    def address_at(self, column: int) -> Address | None:
        """Return the address that a lane shows in a column of the row, or None."""
        if self.shape is None or not self.first <= column < self.stop:
            return None
        return self.shape.address_at(column - self.first)


class PaneRow(NamedTuple):
    """One line of the panes."""

    pieces: tuple[Piece, ...]
    places: tuple[Place, ...] = ()
    """What a click hits, from left to right; the last that holds the column counts."""


def pane_rows(shown: Shown, focused: int, width: int, *, compact: bool) -> list[PaneRow]:
    """Return the lines of the four panes.

    Args:
        shown: the models of the step.
        focused: the pane that is drawn in full.
        width: columns, all used.
        compact: rows are dear: all others share one.
    """
    rows: list[PaneRow] = []
    joined: list[PaneModel] = []
    for model in shown.panes:
        if model.number == focused:
            rows += _joined(joined, width)
            joined = []
            rows += _full(shown, model, width)
        elif model.areas and not compact:
            rows += _joined(joined, width)
            joined = []
            rows.append(_single(shown, model, width))
        else:
            joined.append(model)
    return rows + list(_joined(joined, width))


def _rule(left: list[Piece], right: list[Piece], width: int, *, heavy: bool) -> tuple[Piece, ...]:
    """Return a rule with words at both ends; the right ones go first where it is narrow."""
    line, tone = ("━", Tone.ACCENT) if heavy else ("─", Tone.MUTED)
    while right and width_of(left) + width_of(right) + 4 > width:
        right = right[1:]
    room = width - width_of(left) - width_of(right) - (2 if right else 1)
    middle = [Word(" ", tone)] if right else []
    end = [Word(" " + line, tone)] if right else []
    room = width - width_of(left) - width_of(right) - width_of(middle) - width_of(end) - 1
    return (
        *left,
        Word(" " + line * max(0, room), tone),
        *middle,
        *right,
        *end,
    )


def _title(model: PaneModel, *, heavy: bool) -> list[Piece]:
    line, tone = ("━", Tone.ACCENT) if heavy else ("─", Tone.MUTED)
    return [
        Word(f"{line} ", tone),
        Word(f"{model.number} {model.title}", Tone.ACCENT if heavy else Tone.STRONG),
    ]


def _full(shown: Shown, model: PaneModel, width: int) -> Iterator[PaneRow]:
    left = _title(model, heavy=True)
    if width >= 100:
        left.append(Word(f"  {model.window_text}", Tone.MUTED))
    right: list[Piece] = []
    counted = Word(f"{model.counted}", Tone.PLAIN)
    # without colour an alarm is reversed: a blank of it would be a white box
    alarm = [Word(model.alarm, Tone.ALARM), Word("  ")] if model.alarm else []
    room = width - width_of([*left, counted, *alarm]) - 6
    fit = "" if model.fit is None else model.fit.text(room)
    right = [*alarm, counted, *([Word(f"  {fit}", Tone.MUTED)] if fit else [])]
    whole = (Place(number=model.number, first=0, stop=width),)
    yield PaneRow(pieces=_rule(left, right, width, heavy=True), places=whole)
    if model.message:
        yield PaneRow(
            pieces=(Word(cut_at_word(f"  {model.message}", width), Tone.MUTED),), places=whole
        )
    yield from _lanes(shown, model, width, whole)


def _beside(holes: HoleIndex, far: Lane, near: Lane) -> Bytes:
    """Return what is free of a window outside of another.

    On arm64 the far one begins below the near one and holds it, on arm it lies above it.
    """
    below, above = min(far.end, near.start), max(far.start, near.end)
    outside = ((far.start, below), (above, far.end))
    return sum(holes.free(start, end) for start, end in outside if start < end)


def _lanes(
    shown: Shown, model: PaneModel, width: int, whole: tuple[Place, ...]
) -> Iterator[PaneRow]:
    lanes = list(model.lanes)
    tail: list[Piece] = []
    if len(lanes) > 1 and lanes[1].empty:
        free = format_size(_beside(shown.holes, lanes[1], lanes[0]))
        tail = [Word(f"  {lanes[1].name} ⋯ {free}, nobody ⋯", Tone.MUTED)]
        lanes = lanes[:1]
    for lane in lanes:
        tone = Tone.ALARM if lane.window is Window.FALLBACK else Tone.MUTED
        sign = "▲" if lane.window is Window.FALLBACK else " "
        # what is an alarm is the name: without colour it is reversed, and its blanks would be a bar
        name = f"{sign}{lane.name}"[: _NAME - 1]
        head = (Word(" "), Word(name, tone), Word(" " * (_NAME - 1 - len(name))))
        scale = Word(f" {format_size(lane.end - lane.start)}".ljust(_SCALE), Tone.MUTED)
        room = width - _NAME - _SCALE - width_of(tail)
        pieces, place = _lane(shown, model, lane, max(1, room), _NAME)
        used = width_of(pieces)
        gap = [Word(" " * max(0, room - used))]
        yield PaneRow(pieces=(*head, *pieces, scale, *gap, *tail), places=(*whole, place))


def _lane(
    shown: Shown, model: PaneModel, lane: Lane, width: int, at: int
) -> tuple[list[Piece], Place]:
    """Return a lane of at most `width` columns, the first of them at column `at` of its row."""
    image = shown.snapshot.layout.image
    shape = lane_shape(lane.start, lane.end, width, shown.holes, image)
    pieces: list[Piece] = []
    for piece, cells in lane_cells(shown.kinds, shape, lane.window, model.favour):
        if piece.fold is None:
            pieces += runs_of([cell._replace(edge=False) for cell in cells])
        else:
            tone = Tone.KERNEL if piece.fold is Kind.IMAGE else Tone.MUTED
            pieces.append(Word(piece.text, tone))
    place = Place(number=model.number, first=at, stop=at + shape.columns, lane=lane, shape=shape)
    return pieces, place


def _single(shown: Shown, model: PaneModel, width: int) -> PaneRow:
    """Return a pane in one row, its lane inside the rule."""
    left = [*_title(model, heavy=False), Word("  "), Word(model.counted)]
    if model.alarm:
        left += [Word("  "), Word(model.alarm, Tone.ALARM)]
    fit = "" if model.fit is None else model.fit.text(max(0, width // 2 - 12))
    right: list[Piece] = [Word(fit, Tone.MUTED)] if fit else []
    places = [Place(number=model.number, first=0, stop=width)]
    at = max(width_of(left) + 2, 28)
    room = width - at - width_of(right) - 4
    if model.lanes and room >= _INSIDE:
        lane, place = _lane(shown, model, model.lanes[0], room, at)
        left += [Word(" " * (at - width_of(left))), *lane]
        places.append(place)
    return PaneRow(pieces=_rule(left, right, width, heavy=False), places=tuple(places))


def _joined(models: list[PaneModel], width: int) -> Iterator[PaneRow]:
    """Yield panes that say little, as many in a row as fit."""
    left: list[Piece] = []
    places: list[Place] = []
    for model in models:
        words = f"{model.number} {model.title}", f" {_brief(model)}"
        head: list[Piece] = [Word("─ " if not left else "   ", Tone.MUTED)]
        tone = Tone.ALARM if model.alarm else Tone.MUTED
        entry = [*head, Word(words[0], Tone.STRONG), Word(words[1], tone)]
        if left and width_of(left) + width_of(entry) + 2 > width:
            yield PaneRow(pieces=_rule(left, [], width, heavy=False), places=tuple(places))
            left, places = [], []
            entry[0] = Word("─ ", Tone.MUTED)
        first = width_of(left)
        left += entry
        places.append(Place(number=model.number, first=first, stop=width_of(left)))
    if left:
        yield PaneRow(pieces=_rule(left, [], width, heavy=False), places=tuple(places))


def _brief(model: PaneModel) -> str:
    if model.message:
        return model.message.partition(":")[0]
    return f"{model.counted} {model.alarm}".rstrip()
