"""Styles of cells and words, taken from the theme's variables once per theme and kept."""

from collections.abc import Iterable
from typing import Any, Final

from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color

from execmem_tui.model.areas import AreaKind
from execmem_tui.model.reach import Verdict
from execmem_tui.tui.columns import Columns
from execmem_tui.tui.theme_registry import is_console
from execmem_tui.view.cells import Cell, Run
from execmem_tui.view.highlight import Emphasis
from execmem_tui.view.kinds import (
    EIGHTHS,
    FALLBACK,
    FORBIDDEN,
    FREE,
    GONE,
    GUARD,
    LOOKS,
    PREVIEWED,
    PREVIEWED_FAR,
    SAME,
    UNSEEN,
    WRITABLE_CODE,
    look,
)
from execmem_tui.view.labels import TextStyle
from execmem_tui.view.marks import Mark
from execmem_tui.view.words import Piece, Tone, Word, cell_letter

_SHADES: Final = {Verdict.DIRECT: "reach-direct", Verdict.PLT: "reach-plt"}
_KERNEL: Final = AreaKind.KERNEL.value
_GLYPHS: Final = {
    _KERNEL: "░",
    FORBIDDEN: "╱",
    UNSEEN: "·",
    GUARD: "│",
    AreaKind.LAZY.value: "╌",
    AreaKind.POOLED.value: "╍",
    PREVIEWED: "┅",
    PREVIEWED_FAR: "┅",
    GONE: "┊",
}
"""What is drawn as a sign on free space:
it is not there to be looked at, or it is a kind of nothing."""

_DARK: Final = (1, 4)
"""Red and blue of a terminal's own colours, hardly to be read on black: bold makes them bright."""

_STRUCK: Final = Style(strike=True)
_UNSTRUCK: Final = Style()

_FAINT: Final = 0.25
_QUIET: Final = 0.5
"""How far the image and what a filter leaves out go towards the background."""

_UNLIT: Final = 0.7
"""Likewise for what a tour does not point at."""


class Palette:
    """Interned styles for one theme. In letter mode meaning rests on letters; colour only helps."""

    def __init__(self, app: App[Any], *, letters: bool) -> None:
        variables = app.theme_variables
        self.letters = letters
        self._plain = app.no_color
        self._colours = {
            name.removeprefix("execmem-"): Color.parse(value)
            for name, value in variables.items()
            if name.startswith("execmem-")
        }
        self._colours |= {
            name: Color.parse(variables[name])
            for name in ("accent", "success", "warning", "error", "foreground", "background")
        }
        self._styles: dict[tuple[object, ...], Style] = {}
        self._cells: dict[Cell, tuple[str, Style]] = {}
        self._unlit: dict[Style, Style] = {}
        self.faint = Style(dim=True)
        """For what is no word: dots, edges, the frame."""
        self.muted = Style() if is_console() else self.faint
        """For words that step back. A console shows all that is dim as one dark grey."""
        self.strong = Style(bold=True)
        self.cursor = Style(reverse=True, bold=True)
        self.cursor_mark = self._coloured("accent", bold=True)
        self.alarm = (
            Style(bold=True, reverse=True)
            if self._plain
            else Style(bold=True, color=self._colours[FALLBACK].rich_color)
        )
        self.alarm_sign = Style(bold=True) if self._plain else self.alarm
        """For signs that stand close: reversed cells would be one white bar."""
        self._tones = {
            Tone.PLAIN: Style(),
            Tone.MUTED: self.muted,
            Tone.STRONG: self.strong,
            Tone.ACCENT: self._coloured("accent", bold=True),
            Tone.ALARM: self.alarm,
            Tone.GOOD: self._coloured("success"),
            Tone.KERNEL: self.muted,
        }

    def _coloured(self, name: str, *, bold: bool = False) -> Style:
        colour = None if self._plain else self._colours[name].rich_color
        return Style(color=colour, bold=bold)

    def unlit(self, style: Style) -> Style:
        """Return a style as it is where a tour does not point."""
        found = self._unlit.get(style)
        if found is None:
            colours = [self._towards_background(each) for each in (style.color, style.bgcolor)]
            found = style + Style(color=colours[0], bgcolor=colours[1], dim=not any(colours))
            self._unlit[style] = found
        return found

    def _towards_background(self, colour: RichColor | None) -> RichColor | None:
        if colour is None or colour.is_default or self._plain:
            return None
        return Color.from_rich_color(colour).blend(self._colours["background"], _UNLIT).rich_color

    def emphasis(self, emphasis: Emphasis) -> Style:
        """Return what is added where something stands out for a while.

        Where a goal will be seen, where the listener pointed, where something came or went.
        """
        if emphasis is Emphasis.CAME:
            if self._plain:
                return Style(reverse=True, bold=True)
            text, background = (
                self._colours[each].rich_color for each in ("background", "foreground")
            )
            return Style(color=text, bgcolor=background, bold=True)
        colour = None if self._plain else self._colours["accent"].rich_color
        ring = emphasis is Emphasis.RING
        return Style(color=colour, underline=True, bold=ring, overline=ring)

    def over(self, under: Style) -> Style:
        """Return the style of what is written over a cell."""
        background = under.bgcolor
        if self._plain or self.letters or background is None or background.is_default:
            return under + self.strong
        text = Color.from_rich_color(background).get_contrast_text(1.0)
        return under + Style(color=text.rich_color, bold=True)

    def sign_style(self, name: str) -> Style:
        """Return the style of a look's letter on free space."""
        return self._sign(name, FREE)

    @property
    def sign(self) -> Style:
        """The letter of a place that can be pointed at."""
        if self._plain:
            return Style(bold=True, reverse=True)
        background = self._colours["background"].rich_color
        return Style(color=background, bgcolor=self._colours["accent"].rich_color, bold=True)

    @property
    def pointer(self) -> Style:
        """The cross that shows an audience where to look."""
        if self._plain:
            return Style(reverse=True)
        accent = self._colours["accent"]
        text = accent.get_contrast_text(1.0).rich_color
        # the name of the area under the cursor is turned round: there the accent would be its text
        return Style(color=text, bgcolor=accent.rich_color, reverse=False)

    def colour(self, name: str) -> Color:
        """Return the colour of a look."""
        if name in self._colours:
            return self._colours[name]
        return self._colours[look(name).like]

    def tone(self, tone: Tone) -> Style:
        """Return the style of a word."""
        return self._tones[tone]

    def mark(self, mark: Mark) -> Style:
        """Return the style of a mark beside the map."""
        if mark is Mark.SPILL:
            return self.alarm_sign
        if mark in (Mark.CURSOR, Mark.HIT, Mark.ORIGIN, Mark.SECOND):
            return self._tones[Tone.ACCENT]
        return Style() if mark is Mark.SEEN else self.faint

    def segments(self, pieces: Iterable[Piece]) -> list[Segment]:
        """Return a line as segments."""
        return [self._segment(piece) for piece in pieces]

    def _segment(self, piece: Piece) -> Segment:
        if isinstance(piece, Word):
            return Segment(piece.text, self._tones[piece.tone])
        return self.run(piece)

    def columns(self, pieces: Iterable[Piece]) -> Columns:
        """Return a line in one segment for neighbours of the same style.

        A row of the map is a hundred cells: each is one column wide, which need not be measured.
        """
        styles: list[Style | None] = []
        texts: list[list[str]] = []
        stops: list[int] = []
        column = 0
        style: Style | None
        for piece in pieces:
            if isinstance(piece, Run) and not piece.text:
                char, style = self.cell(piece.cell)
                text = char * piece.width
                column += piece.width
            else:
                text, style, _ = self._segment(piece)
                column += cell_len(text)
            if styles and (style is styles[-1] or style == styles[-1]):
                texts[-1].append(text)
                stops[-1] = column
            else:
                styles.append(style)
                texts.append([text])
                stops.append(column)
        found = [Segment("".join(text), style) for text, style in zip(texts, styles, strict=True)]
        return Columns(found, stops)

    def run(self, run: Run) -> Segment:
        """Return some cells, or the text in them."""
        if run.text:
            return Segment(run.text.ljust(run.width), self._text_style(run))
        char, style = self.cell(run.cell)
        return Segment(char * run.width, style)

    def cell(self, cell: Cell) -> tuple[str, Style]:
        """Return the character and style of one cell."""
        found = self._cells.get(cell)
        if found is None:
            found = self._cells[cell] = self._drawn(cell)
        return found

    def _drawn(self, cell: Cell) -> tuple[str, Style]:
        if self.letters:
            return self._letter(cell)
        background = self._background(cell)
        if cell.kind == FREE:
            return " ", self._on(background)
        name = FALLBACK if cell.fallback else cell.kind
        if name in _GLYPHS:
            return _GLYPHS[name], self._sign(name, background, dim=cell.dim)
        if cell.eighths < 8:
            return EIGHTHS[cell.eighths], self._sign(name, background, dim=cell.dim)
        return self._full(cell, name)

    def _full(self, cell: Cell, name: str) -> tuple[str, Style]:
        if cell.edge:
            return "▏", self._on(name, foreground="background", dim=cell.dim)
        if name == WRITABLE_CODE:  # an alarm is told twice
            return look(name).letter, self._on(name, bold=True, dim=cell.dim)
        return " ", self._on(name, dim=cell.dim)

    @staticmethod
    def _background(cell: Cell) -> str:
        """Return the shade of free space that lies under what a cell shows."""
        return FREE if cell.reach is None else _SHADES.get(cell.reach, FREE)

    def _letter(self, cell: Cell) -> tuple[str, Style]:
        if cell.edge:
            return "|", self.faint
        name = FALLBACK if cell.fallback else cell.kind
        char = LOOKS[FORBIDDEN].letter if cell.kind == FORBIDDEN else cell_letter(cell)
        if cell.kind in (FREE, FORBIDDEN, UNSEEN) or cell.dim or self._plain:
            alarming = (cell.fallback or name == WRITABLE_CODE) and self._plain
            return char, self.alarm if alarming else self.faint
        return char, self._sign(name, FREE)

    def _text_style(self, run: Run) -> Style:
        """Return the style of a text over cells."""
        name = FALLBACK if run.cell.fallback else run.cell.kind
        region = run.style is TextStyle.REGION
        if self.letters:
            return self.muted if region else self.strong
        if run.cell.eighths == 0 or name in _GLYPHS:
            # a name that goes on over a guard page is read on
            quiet = region or name == GONE
            style = self._sign("foreground", self._background(run.cell), dim=quiet)
            return style + (_STRUCK if name == GONE else _UNSTRUCK) + Style(bold=not quiet)
        quiet = region or name == SAME
        return self._on(name, bold=not quiet, soft=quiet, dim=run.cell.dim)

    def _on(
        self,
        name: str,
        *,
        foreground: str = "",
        bold: bool = False,
        soft: bool = False,
        dim: bool = False,
    ) -> Style:
        """Return the style of what fills a cell: a contrasting text on the look's colour."""
        key = (name, foreground, bold, soft, dim)
        style = self._styles.get(key)
        if style is None:
            if self._plain:
                style = Style(bold=bold, dim=soft or dim)
            else:
                background = self.colour(name)
                if dim:
                    background = background.blend(self._colours[FREE], _QUIET)
                text = self.colour(foreground) if foreground else background.get_contrast_text(1.0)
                if soft or (foreground and background.ansi is None):
                    text = text.blend(background, 0.35)
                style = Style(color=text.rich_color, bgcolor=background.rich_color, bold=bold)
            self._styles[key] = style
        return style

    def _sign(self, name: str, background: str, *, dim: bool = False) -> Style:
        """Return the style of a sign in the look's colour on free space."""
        key = (name, background, dim)
        style = self._styles.get(key)
        if style is None:
            if self._plain:
                style = Style(dim=dim)
            else:
                below, colour = self.colour(background), self.colour(name)
                if (dim or name in (_KERNEL, GONE)) and colour.ansi is None:
                    colour = colour.blend(below, _FAINT if name == GONE else _QUIET)
                dark = colour.ansi in _DARK
                style = Style(color=colour.rich_color, bgcolor=below.rich_color, bold=dark)
            self._styles[key] = style
        return style
