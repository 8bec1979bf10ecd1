"""What is being done off the event loop, how far it has come, and how to stop it."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.tui.palette import Palette
from execmem_tui.view.words import cut_before_end

_STOP = "Esc stops"
_SHORTEST = 10
"""Columns of the bar at least, where there are so many."""


class Bar(Static):
    """``opening trace.txt.gz ━━━━━━━──────── 43 %  Esc stops``; not there while nothing is done."""

    DEFAULT_CSS = """
    Bar { height: 1; padding: 0 1; background: $panel; display: none; }
    Bar.works { display: block; }
    """

    work: reactive[str] = reactive("")
    """What is being done, "" for nothing. Printable."""
    fraction: reactive[float] = reactive(0.0)
    """How far it has come, 0 to 1."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    def watch_work(self) -> None:
        """Be there while there is work."""
        self.set_class(bool(self.work), "works")

    def render(self) -> Text:
        """Return the line; the name of the work gives way to the bar where it is narrow."""
        text = Text(no_wrap=True, overflow="crop")
        if self.palette is None:
            return text
        width = self.size.width
        percent = f" {int(self.fraction * 100):>3} %  "
        room = width - len(percent) - len(_STOP) - 1
        name = cut_before_end(self.work, max(0, room - _SHORTEST))
        length = max(0, min(room - len(name), 40))
        done = int(length * self.fraction)
        text.append(f"{name} ", self.palette.strong)
        text.append("━" * done, self.palette.strong)
        text.append("─" * (length - done), self.palette.muted)
        text.append(percent)
        text.append(_STOP, self.palette.muted)
        return text
