"""What is under the cursor."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.model.units import Address
from execmem_tui.tui.shown import Shown
from execmem_tui.view.inspect import inspect_lines


class Inspector(Static):
    """The area or the hole at the cursor, and how it is reached."""

    DEFAULT_CSS = "Inspector { height: auto; }"

    shown: reactive[Shown | None] = reactive(None, layout=True)
    """The models of the step."""
    origin: reactive[Address | None] = reactive(None, layout=True)
    """Where reach counts from; None is kernel text."""
    address: reactive[Address | None] = reactive(None, repaint=False)
    """The address under the cursor."""

    def watch_address(self) -> None:
        """Show what is there; only another number of lines moves what lies below."""
        height = self.size.height
        self.refresh(layout=self._lines(self.size.width) != height)

    def _lines(self, width: int) -> int:
        """Return how many lines the text takes in `width` columns."""
        text = self.render()
        lines = text.plain.splitlines()
        if all(len(line) <= width for line in lines):
            return len(lines)  # wrapping costs more than all else of a cursor move
        return len(text.wrap(self.app.console, max(width, 1), overflow="fold"))

    def render(self) -> Text:
        """Return the lines."""
        if self.shown is None or self.address is None:
            return Text("")
        snapshot = self.shown.snapshot
        origin = snapshot.layout.text if self.origin is None else self.origin
        lines = inspect_lines(snapshot, self.shown.holes, self.address, origin)
        return Text("\n".join(lines), overflow="fold")
