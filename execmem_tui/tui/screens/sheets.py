"""Full-screen texts: help, the event log, the table of ranges."""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Footer, Markdown, OptionList, Static
from textual.widgets.option_list import Option

from execmem_tui.model.events import Event
from execmem_tui.tui.widgets.events import event_mark

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

    DEFAULT_CSS = "EventLog OptionList { height: 1fr; background: $surface; }"
    BINDINGS: ClassVar[list[BindingType]] = _LEAVE
    MOST = 5000

    def __init__(self, events: list[tuple[int, Event]], go: Callable[[int], None]) -> None:
        super().__init__()
        self._events = events[-self.MOST :]
        self._go = go

    def compose(self) -> ComposeResult:
        """The list and a footer."""
        yield OptionList(
            *[
                Option(f"{step:>6} {event_mark(event)} {event.text}")
                for step, event in self._events
            ],
            markup=False,
        )
        yield Footer()

    def on_mount(self) -> None:
        """Begin at the newest event."""
        listing = self.query_one(OptionList)
        if self._events:
            listing.highlighted = len(self._events) - 1

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Jump to the step."""
        self.dismiss()
        self._go(self._events[event.option_index][0])
