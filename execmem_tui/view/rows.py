"""The lines of the map: rows of cells, folds in words, borders by name, and the gutter."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from attrs import field

from execmem_tui.model.areas import Area
from execmem_tui.model.reach import Verdict
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, align_up, format_size, hex_address
from execmem_tui.view.address_space import divided, open_ended, piece_at
from execmem_tui.view.axis import Axis, Kind, Line, row_width
from execmem_tui.view.cells import Cell, ReachWindow, Run
from execmem_tui.view.kinds import FREE
from execmem_tui.view.labels import TextStyle, region_word
from execmem_tui.view.named import sections
from execmem_tui.view.shown import Shown
from execmem_tui.view.words import Piece, Tone, Word

_REACH_WORDS: Final = {
    Verdict.DIRECT: "direct",
    Verdict.PLT: "through a PLT",
    Verdict.UNREACHABLE: "out of reach",
}
_BLANK: Final = Cell(FREE, 0)


class Border(NamedTuple):
    """Where a window or a reach begins or ends."""

    address: Address
    name: str


def borders_of(shown: Shown, number: int, window: ReachWindow) -> tuple[Border, ...]:
    """Return the named borders of a pane's map, ascending."""
    found: dict[Address, list[str]] = {}
    for lane in shown.pane(number).lanes:
        found.setdefault(lane.start, []).append(f"{lane.name} window begins")
        found.setdefault(lane.end, []).append(f"{lane.name} window ends")
    if window.direct is not None:
        page = snapshot_page(shown)
        for edge, word in zip(window.direct, ("begins", "ends"), strict=True):
            found.setdefault(align_up(edge, page), []).append(f"direct reach {word}")
    return tuple(Border(address, ", ".join(found[address])) for address in sorted(found))


@frozen(kw_only=True)
class MapRows:
    """Draws the lines of one pane's map at one step."""

    shown: Shown
    number: int
    window: ReachWindow
    borders: tuple[Border, ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        borders = borders_of(self.shown, self.number, self.window)
        object.__setattr__(self, "borders", borders)

    def seen(self, axis: Axis, line: Line) -> tuple[object, ...] | str:
        """Return what a line is drawn from: equal, and it looks the same."""
        if line.fold is not None:
            return self.fold_text(axis, line, axis.columns)
        return self.shown.index.seen(line.start, line.end)

    def pieces(self, axis: Axis, line: Line) -> list[Piece]:
        """Return a line without its gutter, `axis.columns` wide."""
        if line.fold is not None:
            text = self.fold_text(axis, line, axis.columns)
            return fold_pieces(self._kind(line), text, axis.columns)
        if self._is_free(axis, line):
            cell = self.shown.index.cells(line.start, axis.row_bytes, 1, self.window)[0]
            return [Run(cell, axis.columns)]
        favour = self.shown.pane(self.number).favour
        runs = self.shown.index.runs(line.base, axis.cell, axis.columns, self.window, favour)
        first = (line.start - line.base) // axis.cell
        last = -(-(line.end - line.base) // axis.cell)
        return [*self._cut(runs, axis, line, first, last)]

    def _is_free(self, axis: Axis, line: Line) -> bool:
        """Whether a whole row is free, and of one reach: all of its cells are the same."""
        if line.end - line.start < axis.row_bytes:
            return False
        found = self.shown.space.stretch_at(line.start)
        if found.kind is not Kind.FREE or found.end < line.end:
            return False
        edges = (*axis.cuts, *(border.address for border in self.borders))
        return not any(line.start < edge < line.end for edge in edges)

    def _cut(
        self, runs: list[Run], axis: Axis, line: Line, first: int, last: int
    ) -> Sequence[Piece]:
        """Blank what others or nobody shows, and write the names of borders into free cells."""
        names = {
            (border.address - line.base) // axis.cell: border.name
            for border in self.borders
            if line.start < border.address < line.end
        }
        if not names and first == 0 and last == axis.columns:
            return runs
        pieces: list[Piece] = []
        column = 0
        for run in runs:
            low, high = max(first - column, 0), min(last - column, run.width)
            if low:
                pieces.append(Word(" " * min(low, run.width)))
            if low < high:
                pieces += _named_run(run, low, high, column, names)
            if high < run.width and low <= high:
                pieces.append(Word(" " * (run.width - max(high, low))))
            column += run.width
        return pieces

    def fold_text(self, axis: Axis, line: Line, width: int) -> str:
        """Return what a fold says, in at most `width` columns."""
        snapshot, kind = self.shown.snapshot, self._kind(line)
        if kind is Kind.IMAGE:
            image = "kernel image"
            named = [
                f"{name} {format_size(end - start)}"
                for start, end, name in sections(snapshot.layout)
            ]
            texts = [f"{image}: {' · '.join(named)}", image] if named else [image]
        elif kind is Kind.AREA:
            area = snapshot.area_at(line.start)
            rows = (line.end - line.start) // axis.row_bytes
            ghosts = self.shown.paint.ghosts(line.start, line.start + 1) if area is None else ()
            words = f"{area_words(ghosts[0].area)}, gone" if ghosts else area_words(area)
            if area is not None and divided(area):
                name = piece_at(area, line.start)[2]
                words = name or f"{words}, unused"
            texts = [f"{rows:,} rows, all {words}", words]
            if area is not None and open_ended(area, line.start):
                texts = [f"{rows:,} rows behind {words}, whose end is not known", f"behind {words}"]
        else:
            texts = self._free_texts(axis, line)
        return next(
            (text for text in texts if len(text) + 6 <= width), texts[-1][: max(width - 6, 0)]
        )

    def _kind(self, line: Line) -> Kind:
        """Return what a fold hides here.

        Beside another map, it may be something else than there.
        """
        return self.shown.space.stretch_at(line.start).kind

    def _free_texts(self, axis: Axis, line: Line) -> list[str]:
        hole = self.shown.space.stretch_at(line.start)
        edges = (axis.start, *axis.cuts, axis.end)
        low = max([hole.start, *(edge for edge in edges if edge <= line.start)])
        high = min([hole.end, *(edge for edge in edges if edge >= line.end)])
        size = format_size(high - low)
        if self.window.forbidden(line.start):
            who = self.shown.pane(self.number).title.lower()
            return [f"{size} where no {who} memory may lie", f"{size} forbidden"]
        lane = next(
            (lane for lane in self.shown.pane(self.number).lanes if lane.start <= low < lane.end),
            None,
        )
        page = snapshot_page(self.shown)
        verdict = self.window.verdict(line.start)
        reach = "" if verdict is None else f" · {_REACH_WORDS[verdict]}"
        if self.shown.snapshot.hidden:
            return [f"{size} not seen{reach}"]
        if lane is None:
            whose = self._whose(low)
            return [f"{size} free{whose or reach}", f"{size} free"]
        request = min(hole.end, lane.end) - max(hole.start, lane.start) - page
        largest = f" · largest request {format_size(max(request, 0))}"
        where = f"{size} of the far window, unused" if lane.name == "far" else f"{size} free"
        if lane.name == "far" and not lane.empty:
            where = f"{size} free in the far window"
        return [f"{where}{reach}{largest}", f"{where}{reach}", where]

    def _whose(self, address: Address) -> str:
        """Say what may lie where the window of the pane does not reach: data, which nobody calls.

        "" where no type of the pane has a window of its own there.
        """
        layout = self.shown.snapshot.layout
        for kind in self.shown.pane(self.number).types[1:]:
            if any(start <= address < end for start, end in layout.range_of(kind).windows):
                return f" for {kind.name.lower().replace('_', ' ')}"
        return ""


def snapshot_page(shown: Shown) -> int:
    """Return the page size, in bytes, of what is shown: a request is padded by one."""
    return shown.snapshot.layout.page_size


def area_words(area: Area | None) -> str:
    """Return ``amdgpu text`` for an area."""
    if area is None:
        return "one area"
    return f"{area.owner or area.name} {region_word(area.region)}".rstrip()


def _named_run(run: Run, low: int, high: int, column: int, names: dict[int, str]) -> list[Piece]:
    """Return a run's columns [low, high), with the borders that lie in it."""
    pieces: list[Piece] = []
    at = low
    for border in sorted(names):
        inside = border - column
        if not at <= inside < high or run.text:
            continue
        if inside > at:
            pieces.append(Run(run.cell, inside - at))
        text = f"┃{names[border]}" if run.cell.eighths == 0 else "┃"
        text = text[: high - inside]
        pieces.append(Run(run.cell, len(text), text, TextStyle.REGION))
        at = inside + len(text)
    if at < high:
        pieces.append(Run(run.cell, high - at, run.text[at:high], run.style))
    return pieces


def fold_pieces(kind: Kind, text: str, width: int) -> list[Piece]:
    """Return a fold: its words between dots, or in the kernel's hatch."""
    if kind is Kind.IMAGE:
        left = Run(Cell("kernel", 8), 2)
        rest = max(0, width - len(text) - 4)
        return [left, Word(f" {text} ", Tone.KERNEL), Run(Cell("kernel", 8), rest)]
    return [Word(f"⋯ {text} ".ljust(width, "⋯")[:width], Tone.MUTED)]


class MapColumns(NamedTuple):
    """How a map divides its columns: addresses, a column that marks what is held, cells, marks."""

    width: int
    """All columns there are."""
    word_bits: int
    short: bool
    """Whether a shorter address makes room for longer rows."""
    margin: int
    """Columns of the addresses, and the one that marks the area under the cursor."""
    cells: int
    """Columns that a row may take."""

    def gutter(self, line: Line, before: Line | None) -> tuple[str, str]:
        """Return the address of a line in two parts.

        What it shares with the line before, and what changed.
        """
        return (
            ("", "") if self.margin == 1 else gutter(line, before, self.word_bits, short=self.short)
        )


@lru_cache(16)
def map_columns(width: int, word_bits: int, *, bare: bool = False, offsets: int = 0) -> MapColumns:
    """Return how a map of `width` columns divides them.

    Args:
        width: all columns there are.
        word_bits: of an address.
        bare: without addresses: a map beside has the offsets.
        offsets: columns of offsets in the place of addresses, the mark's counted.
    """
    room = width - 1
    short = word_bits == 64 and row_width(room - 14) > row_width(room - word_bits // 4 - 1)
    margin = 14 if short else word_bits // 4 + 1
    if bare or offsets:
        margin = offsets or 1
    return MapColumns(width, word_bits, short, margin, max(32, room - margin))


def gutter(
    line: Line, before: Line | None, word_bits: int, *, short: bool = False
) -> tuple[str, str]:
    """Return the address of a line in two parts.

    What it shares with the line before, and what changed. `short` leaves out the leading ``ffff``
    of a 64-bit kernel address.
    """
    text = hex_address(line.start, word_bits)[-16:]
    if short and text.startswith("ffff") and word_bits == 64:
        text = "·" + text[4:]
    if before is None:
        return "", text
    other = hex_address(before.start, word_bits)[-16:]
    if short and other.startswith("ffff") and word_bits == 64:
        other = "·" + other[4:]
    same = 0
    while same < len(text) and text[same] == other[same]:
        same += 1
    return text[:same], text[same:]
