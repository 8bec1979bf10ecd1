"""Full-screen texts: the event log, notes, the table of ranges, faults."""

import re
from collections.abc import Callable, Mapping, Sequence
from traceback import format_exception
from typing import ClassVar, Final

from rich.style import Style
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer
from textual.widgets import Static

from execmem_tui.model.areas import AreaKind
from execmem_tui.model.events import Event
from execmem_tui.model.text import printable
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.screens.sheet import Sheet
from execmem_tui.tui.theme_registry import dim_style
from execmem_tui.tui.widgets.line_list import LineList
from execmem_tui.view.events import event_mark, event_tone
from execmem_tui.view.kinds import FALLBACK
from execmem_tui.view.picture import LEAST_WIDTH, PictureRow, picture_lines

_SCROLL: Final = "↑ ↓ ← → scroll · Esc back to the map"
_AROUND: Final = 6
"""Columns of a sheet that hold no text, one of them kept clear."""
_HEAD: Final = re.compile(r"[A-Z][A-Z ]+")
_KINDS: Final = {
    "K": AreaKind.KERNEL,
    "M": AreaKind.MODULE,
    "D": AreaKind.DATA,
    "P": AreaKind.KPROBES,
    "F": AreaKind.FTRACE,
    "B": AreaKind.BPF,
}


class TextSheet(Sheet):
    """Lines of plain text to scroll through; a line in capitals heads a table.

    Args:
        title: in the border.
        lines: printable, for a number of columns; what is wider can be scrolled to.
    """

    DEFAULT_CSS = """
    TextSheet ScrollableContainer { scrollbar-size: 1 1; }
    TextSheet Static { width: auto; min-width: 100%; }
    """

    def __init__(
        self, title: str, lines: Callable[[int], Sequence[str]], hints: str = _SCROLL
    ) -> None:
        super().__init__(title, hints)
        self._lines = lines
        self._width = 0

    def content(self) -> ComposeResult:
        """The text."""
        with ScrollableContainer():
            yield Static(id="text")

    @on(events.Resize)
    def write(self) -> None:
        """Write it for the columns that there are, inside border, padding and scroll bar."""
        width = max(1, self.size.width - _AROUND)
        if width != self._width:
            self._width = width
            self.query_one("#text", Static).update(self.text(width))

    def text(self, width: int) -> Text:
        """Return the lines, heads of tables set off."""
        text = Text(no_wrap=True)
        for number, line in enumerate(self._lines(width)):
            style = "bold" if _HEAD.fullmatch(line) and len(line) > 1 else ""
            text.append(("\n" if number else "") + line, style)
        return text


class PictureSheet(TextSheet):
    """All architectures on one page, as wide as the screen, in the colours of the map."""

    def __init__(self, rows: Sequence[PictureRow], palette: Palette) -> None:
        super().__init__("Where every architecture keeps executable memory", lambda _: ())
        self._rows = rows
        self._palette = palette

    def text(self, width: int) -> Text:
        """Draw it; a terminal may be too narrow for it, and scrolls."""
        lines = picture_lines(self._rows, max(LEAST_WIDTH, width))
        return Text("\n", no_wrap=True).join(self._coloured(line) for line in lines)

    def _coloured(self, line: str) -> Text:
        """Return a line; of a row with a bar, the bar in the colours of who may be there."""
        at = line.find("..")
        if at < 0:
            return Text(line)
        at = min(at, *(line.rindex(" ", 0, at) + 1 for _ in (0, 1)))
        text = Text(line[:at])
        for each in re.finditer(r"([A-Z])\1*|([a-z])\2*|\.+|[<>]", line[at:]):
            text.append(each[0], self._sign_style(each[0][0]))
        return text

    def _sign_style(self, sign: str) -> Style:
        if sign == ".":
            return self._palette.faint
        if sign in "<>":
            return self._palette.cursor_mark
        if sign.islower():
            return self._palette.sign_style(FALLBACK)
        return self._palette.sign_style(_KINDS[sign].value)


class EventLog(Sheet):
    """Every event so far; Enter jumps to its step, `Y` copies the command that leads to it.

    Args:
        events: the first is the one of step `first`.
        first: a step.
        here: the step that is shown.
        go: called with a step.
        acts: what was done by hand, by the step of its first event.
        copy: called with a step: copies the command that leads there.
        palette: of the theme.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("Y", "copy", "Copy")]

    def __init__(
        self,
        events: Sequence[Event],
        first: int,
        here: int,
        go: Callable[[int], None],
        *,
        acts: Mapping[int, str],
        copy: Callable[[int], None],
        palette: Palette,
    ) -> None:
        super().__init__(
            f"Events: {len(events):,}",
            "Enter goes there · Y copies the command that repeats it · ↑ ↓ choose"
            " · Esc back to the map",
        )
        self._events = events
        self._first = first
        self._here = here
        self._go = go
        self._acts = acts
        self._copy = copy
        self._palette = palette

    def content(self) -> ComposeResult:
        """The list."""
        yield LineList(empty="nothing has happened yet")

    def on_mount(self) -> None:
        """Begin at the event that led here."""
        self.query_one(LineList).fill(
            len(self._events), self._line, max(0, self._here - self._first)
        )

    def _line(self, index: int) -> Text:
        event, step = self._events[index], self._first + index
        style = self._palette.tone(event_tone(event))
        line = Text.assemble(
            (f"{step:>7,} ", dim_style()), (f"{event_mark(event)} {event.text}", style)
        )
        act = self._acts.get(step)
        if act:
            line.append(f"   --do '{act}'", self._palette.cursor_mark)
        return line

    def action_copy(self) -> None:
        """Copy the command that repeats all up to the highlighted event."""
        if self._events:
            self._copy(self._first + self.query_one(LineList).highlighted)

    def on_line_list_chosen(self, message: LineList.Chosen) -> None:
        """Jump to the step."""
        if not self.finished:
            self.action_leave()
            self._go(self._first + message.index)


class ErrorSheet(TextSheet):
    """A fault of the application itself; what was simulated is still there behind it."""

    def __init__(self, error: Exception) -> None:
        told = [
            "Something in execmem-tui broke. It goes on: Escape returns to the map.",
            "",
            f"{type(error).__name__}: {printable(str(error), 500)}",
            "",
            *(
                printable(line, 200)
                for piece in format_exception(error)
                for line in piece.rstrip().splitlines()
            ),
        ]
        super().__init__("A fault", lambda _: told)
