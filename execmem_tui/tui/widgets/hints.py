"""The line of key hints at the bottom."""

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.tui.palette import Palette
from execmem_tui.view.actions import Action, spelled


class Hints(Static):
    """A few keys and what they do; a click does it."""

    DEFAULT_CSS = "Hints { height: 1; background: $panel; padding: 0 1; }"

    actions: reactive[tuple[Action, ...]] = reactive(())
    """What is hinted at, the most useful first."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    class Pressed(Message):
        """A hint was clicked."""

        def __init__(self, action: Action) -> None:
            super().__init__()
            self.action = action

    def _placed(self) -> list[tuple[int, str, str, Action]]:
        """Return (column, key, word, action) of the hints that fit, none of them cut."""
        placed, column = [], 0
        for action in self.actions:
            key, word = spelled(action.keys).split()[0], action.title.lower()
            if column + len(key) + len(word) + 1 > self.size.width:
                break
            placed.append((column, key, word, action))
            column += len(key) + len(word) + 3
        return placed

    def render(self) -> Text:
        """Return the line."""
        text = Text(no_wrap=True, overflow="crop")
        if self.palette is not None:
            for _, key, word, _ in self._placed():
                text.append(key, self.palette.strong)
                text.append(f" {word}  ")
        return text

    def on_click(self, event: events.Click) -> None:
        """Do what the hint under the pointer says."""
        at = event.get_content_offset_capture(self).x
        for column, key, word, action in self._placed():
            if column <= at < column + len(key) + len(word) + 1:
                self.post_message(self.Pressed(action))
