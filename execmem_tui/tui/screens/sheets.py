"""Full-screen texts: help, the event log, the table of ranges."""

from collections.abc import Callable, Sequence
from traceback import format_exception
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Markdown, Static

from execmem_tui.model.events import Event
from execmem_tui.model.text import printable
from execmem_tui.tui.widgets.events import event_mark
from execmem_tui.tui.widgets.line_list import LineList

_LEAVE: list[BindingType] = [Binding("escape,q", "dismiss(None)", "Back")]


class TextSheet(ModalScreen[None]):
    """Lines of plain text to scroll through."""

    DEFAULT_CSS = """
    TextSheet VerticalScroll { background: $surface; padding: 0 1; }
    TextSheet Static { width: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = _LEAVE

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The text and a footer."""
        with VerticalScroll():
            yield Static(Text("\n".join(self._lines), no_wrap=True))
        yield Footer()


class HelpSheet(ModalScreen[None]):
    """Help on what has focus, the keys, the words."""

    DEFAULT_CSS = "HelpSheet VerticalScroll { background: $surface; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark", "dismiss(None)", "Back")
    ]

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self._markdown = markdown

    def compose(self) -> ComposeResult:
        """The page and a footer."""
        with VerticalScroll():
            yield Markdown(self._markdown)
        yield Footer()


class EventLog(ModalScreen[None]):
    """Every event so far; Enter jumps to its step."""

    DEFAULT_CSS = "EventLog LineList { background: $surface; }"
    BINDINGS: ClassVar[list[BindingType]] = _LEAVE

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
        self.dismiss()
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
