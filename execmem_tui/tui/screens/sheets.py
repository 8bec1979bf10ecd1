"""Full-screen texts: the event log, notes, the table of ranges, faults."""

from collections.abc import Callable, Sequence
from traceback import format_exception
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ScrollableContainer
from textual.widgets import Footer, Static

from execmem_tui.model.events import Event
from execmem_tui.model.text import printable
from execmem_tui.tui.screens.overlay import Overlay
from execmem_tui.tui.widgets.events import event_mark
from execmem_tui.tui.widgets.line_list import LineList
from execmem_tui.view.picture import LEAST_WIDTH, PictureRow, picture_lines

_LEAVE: list[BindingType] = [Binding("escape,q", "leave", "Back · ↑ ↓ ← → scroll")]


class TextSheet(Overlay):
    """Lines of plain text to scroll through."""

    DEFAULT_CSS = """
    TextSheet ScrollableContainer { background: $surface; padding: 0 1; }
    TextSheet Static { width: auto; min-width: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = _LEAVE

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The text and a footer."""
        with ScrollableContainer():
            yield Static(Text("\n".join(self._lines), no_wrap=True))
        yield Footer()


class PictureSheet(TextSheet):
    """All architectures on one page, as wide as the screen."""

    def __init__(self, rows: Sequence[PictureRow]) -> None:
        super().__init__([])
        self._rows = rows

    def compose(self) -> ComposeResult:
        """Draw for the width that there is: the text does not follow a resize, it scrolls."""
        self._lines = picture_lines(self._rows, max(LEAST_WIDTH, self.app.size.width - 4))
        yield from super().compose()


class EventLog(Overlay):
    """Every event so far; Enter jumps to its step."""

    DEFAULT_CSS = "EventLog LineList { background: $surface; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Back · ↑ ↓ choose · Enter goes there")
    ]

    def __init__(
        self, events: Sequence[Event], first: int, here: int, go: Callable[[int], None]
    ) -> None:
        super().__init__()
        self._events = events
        self._first = first
        self._here = here
        self._go = go

    def compose(self) -> ComposeResult:
        """The list and a footer."""
        yield LineList(empty="nothing has happened yet")
        yield Footer()

    def on_mount(self) -> None:
        """Begin at the event that led here."""
        self.query_one(LineList).fill(
            len(self._events), self._line, max(0, self._here - self._first)
        )

    def _line(self, index: int) -> str:
        event = self._events[index]
        return f"{self._first + index:>6} {event_mark(event)} {event.text}"

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
        super().__init__(told)
