"""The map as an SVG picture: the lanes of the four panes, in the colours of a theme."""

import textwrap
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from execmem_tui.files.regular import read_bounded
from execmem_tui.files.user import MAX_THEME, theme_root, user_theme_root
from execmem_tui.formats.toml import parse_toml
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.text import printable
from execmem_tui.model.units import format_size
from execmem_tui.view.cells import Cell
from execmem_tui.view.kinds import FALLBACK, FREE, LEGEND, look
from execmem_tui.view.lane import Piece, lane_cells, lane_shape
from execmem_tui.view.panes import Lane, PaneModel
from execmem_tui.view.plain import heading
from execmem_tui.view.sentence import sentence
from execmem_tui.view.shown import Shown

_CELL: Final = 6
"""Pixels of a cell."""
_LANE: Final = 24
"""Pixels of a full cell's height; an eighth is three."""
_LINE: Final = 18
_LEFT: Final = 84
_SMALL: Final = " font-size='9'"
"""So small the letters of a lane's words are as wide as its cells."""
_FONT: Final = "font-family='ui-monospace, monospace' font-size='12'"


def colours(theme: str) -> dict[str, str]:
    """Return the colours of a shipped theme or of one of the user's, kinds and base in one.

    Raises:
        UsageError: there is no theme of that name.
    """
    roots = (theme_root(), user_theme_root())
    found = [path for root in roots if root.is_dir() for path in sorted(root.glob("*.toml"))]
    for path in reversed(found):  # the user's first: on the screen it takes a shipped one's place
        if theme in (_name_of(path), path.stem):
            table = _read(path)
            if not isinstance(table.get("kinds"), dict):
                raise InputError(str(path), None, "a theme needs a table [kinds]")
            if table.get("ansi"):
                raise UsageError(f"theme {theme} has the terminal's colours, none of its own")
            return {**table, **table["kinds"]}
    names = ", ".join(printable(_name_of(path), 60) for path in found)
    raise UsageError(f"no theme {printable(theme)!r}", hint=f"there are: {names}")


def _read(path: Path) -> dict[str, Any]:
    return parse_toml(str(path), read_bounded(path, MAX_THEME), MAX_THEME)


def _name_of(path: Path) -> str:
    """Return what a theme calls itself, as the screen lists it; its file's name where it is broken.

    A shipped one's file has its name.
    """
    if path.parent == theme_root():
        return path.stem
    try:
        name = _read(path).get("name")
    except (InputError, OSError):
        return path.stem
    return name if isinstance(name, str) else path.stem


class _Picture:
    """Elements one below the other."""

    def __init__(self, palette: dict[str, str], width: int) -> None:
        self._palette = palette
        self.width = width
        self.elements: list[str] = []
        self.y = 0

    def text(self, text: str, x: int = 8, *, bold: bool = False) -> None:
        """Write a line."""
        self.y += _LINE
        weight = " font-weight='bold'" if bold else ""
        self._write(text, x, self.y - 5, "foreground", weight)

    def _write(self, text: str, x: int, y: int, colour: str, more: str = "") -> None:
        fill = self._palette[colour]
        self.elements.append(f"<text x='{x}' y='{y}' fill='{fill}'{more}>{escape(text)}</text>")

    def _rect(self, x: int, y: int, width: int, height: int, colour: str) -> None:
        fill = self._palette[colour]
        self.elements.append(
            f"<rect x='{x}' y='{y}' width='{width}' height='{height}' fill='{fill}'/>"
        )

    def lane(self, lane: Lane, drawn: list[tuple[Piece, list[Cell]]]) -> None:
        """Draw a lane: height is occupancy, colour and letter are the kind.

        Words stand for folds.
        """
        self._write(lane.name, 8, self.y + 16, "foreground")
        x = _LEFT
        for piece, cells in drawn:
            width = piece.columns * _CELL
            if piece.fold is None:
                self._rect(x, self.y, width, _LANE, FREE)
                self._cells(x, cells)
            else:
                self._write(piece.text, x + 2, self.y + 16, "foreground", _SMALL)
            x += width
        self._write(format_size(lane.end - lane.start), x + 8, self.y + 16, "foreground")
        self.y += _LANE + 4

    def _cells(self, x: int, cells: list[Cell]) -> None:
        for (kind, eighths), group in groupby(cells, lambda cell: (_kind(cell), cell.eighths)):
            width = len(list(group)) * _CELL
            if eighths:
                height = max(1, eighths * _LANE // 8)
                self._rect(x, self.y + _LANE - height, width, height, _coloured(kind))
                if width >= 2 * _CELL and eighths >= 5:
                    self._write(look(kind).letter, x + 2, self.y + _LANE - 7, "background")
            x += width

    def legend(self) -> None:
        """Draw a square, the letter and the name of every kind."""
        self.y += 8
        x = 8
        for each in LEGEND:
            room = 14 + 8 * (len(each.short) + 4)
            if x + room > self.width:
                x = 8
                self.y += _LINE
            self._rect(x, self.y, 10, 10, _coloured(each.name))
            self._write(f"{each.letter} {each.short}", x + 14, self.y + 10, "foreground")
            x += room
        self.y += _LINE


def _kind(cell: Cell) -> str:
    return FALLBACK if cell.fallback else cell.kind


def _coloured(kind: str) -> str:
    return look(kind).like or kind


def _pane(picture: _Picture, shown: Shown, model: PaneModel, columns: int) -> None:
    picture.y += 6
    title = f"{model.number} {model.title}  {model.range_text}  {model.summary}"
    picture.text(title.rstrip(), bold=True)
    if model.message:
        picture.text(model.message, _LEFT)
    image = shown.snapshot.layout.image
    for lane in model.lanes:
        shape = lane_shape(lane.start, lane.end, columns, shown.holes, image)
        picture.lane(lane, lane_cells(shown.kinds, shape, lane.window, model.favour))


def svg_map(
    snapshot: Snapshot, title: str, *, theme: str = "execmem-light", columns: int = 120
) -> str:
    """Return the map as one SVG element, with a title and a sentence for those who do not see it.

    Args:
        snapshot: what to draw.
        title: printable; what is being looked at.
        theme: whose colours to take.
        columns: cells of a lane.

    Raises:
        UsageError: there is no such theme.
    """
    palette = colours(theme)
    shown = Shown(snapshot)
    picture = _Picture(palette, _LEFT + columns * _CELL + 110)
    head = f"{heading(snapshot.layout)} · {title} · step {snapshot.step}/{snapshot.steps}"
    said = sentence(snapshot, holes=shown.holes).text
    picture.text(head, bold=True)
    for line in textwrap.wrap(said, picture.width // 8):
        picture.text(line)
    for model in shown.panes:
        _pane(picture, shown, model, columns)
    picture.legend()
    height = picture.y + 8
    begin = (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {picture.width} {height}'"
        f" width='{picture.width}' height='{height}' role='img' {_FONT}>"
    )
    return "".join(
        (
            begin,
            f"<title>{escape(head)}</title><desc>{escape(said)}</desc>",
            f"<rect width='100%' height='100%' fill='{palette['background']}'/>",
            *picture.elements,
            "</svg>",
        )
    )
