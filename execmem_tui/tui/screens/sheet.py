"""What all sheets have in common: the whole screen, and a border with the title and the keys."""

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from execmem_tui.model.text import printable
from execmem_tui.tui.screens.dialog import BORDER_ENDS
from execmem_tui.tui.screens.overlay import Overlay
from execmem_tui.view.words import lower_border


class Sheet(Overlay):
    """A page over the main screen; Escape and `q` leave it.

    Args:
        title: in the border, printable.
        hints: keys, in the lower border.
    """

    DEFAULT_CSS = """
    Sheet { background: $surface; }
    Sheet > #sheet {
        border: round $accent; border-title-color: $accent; border-title-style: bold;
        border-subtitle-color: $foreground 70%; background: $surface; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Leave")]

    def __init__(self, title: str, hints: str) -> None:
        super().__init__()
        self._title = title
        self._hints = hints

    def content(self) -> ComposeResult:
        """Yield what stands on it."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """What stands on it, in a frame."""
        with Vertical(id="sheet") as frame:
            frame.border_title = printable(self._title, 200)
            yield from self.content()

    @on(events.Resize)
    def border(self) -> None:
        """Write the keys, as many as there is room for; how one leaves stays longest."""
        room = max(0, self.size.width - BORDER_ENDS)
        self.query_one("#sheet").border_subtitle = lower_border("", self._hints, room)
