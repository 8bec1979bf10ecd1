"""The line of key hints at the bottom."""

from typing import ClassVar, Final

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.tui.line_cache import CachedRender
from execmem_tui.view.hints import Hint

_GAP: Final = 3
"""Columns between two hints."""


class HintsLine(CachedRender, Static):
    """A few keys and what they do; a click does it. None is ever cut.

    What does not fit is left out.
    """

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
        if not self.hints:
            return []
        placed, column = [], 0
        *others, last = self.hints
        # The last says how to leave: it has its room before the others.
        room = self.size.width - _length(last)
        for hint in (*others, last):
            length = _length(hint)
            if column + length > (self.size.width if hint is last else room - _GAP):
                continue
            placed.append((column, hint))
            column += length + _GAP
        return placed

    def render(self) -> Text:
        """Return the line."""
        text = Text(no_wrap=True, overflow="crop")
        key = self.get_component_rich_style("hints--key")
        for _, hint in self.placed():
            text.append(hint.key, key)
            text.append(f" {hint.word}{' ' * _GAP}")
        return text

    def on_click(self, event: events.Click) -> None:
        """Do what the hint under the pointer says."""
        at = event.get_content_offset_capture(self).x
        for column, hint in self.placed():
            if column <= at < column + _length(hint) and hint.action is not None:
                self.post_message(self.Pressed(hint.action))


def _length(hint: Hint) -> int:
    return len(hint.key) + 1 + len(hint.word)
