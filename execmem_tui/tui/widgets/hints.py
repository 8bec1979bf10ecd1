"""The line of key hints at the bottom."""

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.view.hints import Hint


class HintsLine(Static):
    """A few keys and what they do; a click does it. None is ever cut: what does not fit is left out."""

    DEFAULT_CSS = """
    HintsLine { height: 1; background: $panel; padding: 0 1; }
    HintsLine > .hints--key { color: $accent; text-style: bold; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"hints--key"}

    hints: reactive[tuple[Hint, ...]] = reactive(())
    """What is hinted at, the most useful first."""

    class Pressed(Message):
        """A hint was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def placed(self) -> list[tuple[int, Hint]]:
        """Return (column, hint) of the hints that fit."""
        placed, column = [], 0
        for hint in self.hints:
            length = len(hint.key) + 1 + len(hint.word)
            if column + length > self.size.width:
                continue
            placed.append((column, hint))
            column += length + 3
        return placed

    def render(self) -> Text:
        """Return the line."""
        text = Text(no_wrap=True, overflow="crop")
        key = self.get_component_rich_style("hints--key")
        for _, hint in self.placed():
            text.append(hint.key, key)
            text.append(f" {hint.word}   ")
        return text

    def on_click(self, event: events.Click) -> None:
        """Do what the hint under the pointer says."""
        at = event.get_content_offset_capture(self).x
        for column, hint in self.placed():
            length = len(hint.key) + 1 + len(hint.word)
            if column <= at < column + length and hint.action is not None:
                self.post_message(self.Pressed(hint.action))
