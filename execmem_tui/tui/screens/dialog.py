"""What all dialogs have in common: the box, the errors inside it, and keys that lose nothing."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.text import printable
from execmem_tui.tui.screens.overlay import Overlay
from execmem_tui.view.words import lower_border

Told = TypeVar("Told")
BORDER_ENDS: Final = 6
"""Columns of a border that are not its text."""


class Dialog(Overlay, Generic[Told]):
    """A question in a box. `do` gets the answer; what it raises is shown inside, and the box stays.

    Args:
        title: in the border.
        do: called with what was told.
        hints: keys, in the lower border.
    """

    DEFAULT_CSS = """
    Dialog { align: center middle; }
    Dialog > #box {
        width: 72; max-width: 100%; height: auto; max-height: 100%;
        border: round $accent; border-title-color: $accent; border-title-style: bold;
        border-subtitle-color: $foreground 70%;
        background: $surface; padding: 0 1; scrollbar-size-vertical: 1;
    }
    Dialog.previews { align: right bottom; background: transparent; }
    Dialog.previews > #box { width: 64; }
    Dialog Label { height: 1; color: $foreground 70%; }
    Dialog #wrong { color: $error; height: auto; display: none; }
    Dialog #wrong.says { display: block; }
    Dialog #wrong:ansi { text-style: bold; }
    """

    class Broke(Message):
        """What should be done raised something that nobody expected."""

        def __init__(self, error: Exception) -> None:
            super().__init__()
            self.error = error

    def __init__(self, title: str, do: Callable[[Told], None], hints: str = "Esc leaves") -> None:
        super().__init__()
        self._title = title
        self._do = do
        self._hints = hints
        self._note = ""

    def fields(self) -> ComposeResult:
        """Yield what is asked."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The fields, and a place for what is wrong with them."""
        with VerticalScroll(id="box", can_focus=False) as box:
            box.border_title = self._title
            yield from self.fields()
            yield Static("", id="wrong", markup=False)

    def note(self, text: str) -> None:
        """Say something in the lower border, before the keys."""
        self._note = printable(text, 60)
        self.border()

    @on(events.Resize)
    def border(self) -> None:
        """Write the lower border, in as many words as it has room for."""
        box = self.query_one("#box", VerticalScroll)
        box.border_subtitle = lower_border(
            self._note, self._hints, box.outer_size.width - BORDER_ENDS
        )

    def wrong(self, text: str) -> None:
        """Say what is wrong, inside the box; an empty text takes it back."""
        label = self.query_one("#wrong", Static)
        label.update(printable(text, 400))
        label.set_class(bool(text), "says")

    def tell(self, told: Told) -> None:
        """Do it and leave; stay where it cannot be done."""
        if self.finished:
            return  # the second Enter of two in one write
        try:
            self._do(told)
        except ExecmemTuiError as error:
            self.wrong(str(error))
            return
        except OSError as error:
            self.wrong(error.strerror or str(error))
            return
        except Exception as error:  # noqa: BLE001 - a fault of ours: shown in full
            self.app.post_message(self.Broke(error))
        self.action_leave()
