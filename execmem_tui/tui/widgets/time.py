"""The time strip: where among the events the screen is."""

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.sources.base import Source
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.shown import Shown


class TimeStrip(Static):
    """One line as long as the history, with a playhead; a click goes there."""

    DEFAULT_CSS = "TimeStrip { height: 1; padding: 0 1; }"

    source: reactive[Source | None] = reactive(None)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None)
    """The models of the step."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    class Sought(Message):
        """A step was chosen on the strip."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def render(self) -> Text:
        """Return the line: what has been, the playhead, what is still to come."""
        text = Text(no_wrap=True, overflow="crop")
        if self.shown is None or self.palette is None:
            return text
        snapshot = self.shown.snapshot
        room = max(1, self.size.width - len("TIME "))
        at = (room - 1) * snapshot.step // max(1, snapshot.steps)
        text.append("TIME ", self.palette.strong)
        text.append("━" * at + "●", self.palette.strong)
        text.append("─" * (room - 1 - at), self.palette.muted)
        return text

    def on_click(self, event: events.Click) -> None:
        """Go to the step under the pointer."""
        if self.shown is None:
            return
        room = max(2, self.size.width - len("TIME ") - 2)
        column = event.get_content_offset_capture(self).x - len("TIME ")
        steps = self.shown.snapshot.steps
        self.post_message(self.Sought(min(max(0, steps * column // (room - 1)), steps)))
