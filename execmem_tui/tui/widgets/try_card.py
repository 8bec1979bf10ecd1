"""Three things to try, for somebody who sees the screen for the first time."""

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.view.actions import Action, spelled

_LINES = (
    ("fill", "fill up until it spills"),
    ("insert", "load a module by its name"),
    ("tour", "tour, 4 min: guess the hole"),
)


class TryCard(Static):
    """Keys to begin with; it goes away when one of them is pressed, or on Escape."""

    KEYS = frozenset(name for name, _ in _LINES)
    """The actions it offers."""
    DEFAULT_CSS = """
    TryCard { height: auto; border: round $accent; border-title-color: $accent; padding: 0 1; }
    TryCard { border-title-style: bold; display: none; dock: bottom; background: $surface; }
    TryCard > .try--key { color: $accent; text-style: bold; }
    TryCard.offers { display: block; }
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"try--key"}

    offers: reactive[bool] = reactive(False, toggle_class="offers")
    """Whether it is there."""
    actions: reactive[tuple[Action, ...]] = reactive(())
    """All actions, with the user's keys."""

    class Pressed(Message):
        """A line was clicked."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def on_mount(self) -> None:
        """Say what it is."""
        self.border_title = "TRY"

    def render(self) -> Text:
        """Return the lines."""
        keys = {action.id: spelled(action.keys).split()[0] for action in self.actions}
        text = Text(no_wrap=True)
        style = self.get_component_rich_style("try--key")
        for name, what in _LINES:
            text.append(f"{keys.get(name, ''):<3}", style)
            text.append(f"{what}\n")
        text.rstrip()
        return text

    def on_click(self, event: events.Click) -> None:
        """Do what a line says."""
        at = event.get_content_offset_capture(self).y
        if 0 <= at < len(_LINES):
            self.post_message(self.Pressed(_LINES[at][0]))
