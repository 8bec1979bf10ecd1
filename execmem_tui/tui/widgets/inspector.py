"""What is under the cursor."""

from rich.style import Style
from textual.reactive import reactive

from execmem_tui.model.units import Address
from execmem_tui.tui.widgets.text_lines import TextLine, TextLines, wrapped
from execmem_tui.view.inspect import inspect_lines
from execmem_tui.view.shown import Shown


class Inspector(TextLines):
    """The area or the hole at the cursor, and how it is reached.

    While only the cursor moves, what lies below keeps its place.
    """

    shown: reactive[Shown | None] = reactive(None, repaint=False)
    """The models of the step."""
    origin: reactive[Address | None] = reactive(None, repaint=False)
    """Where reach counts from; None is kernel text."""
    address: reactive[Address | None] = reactive(None, repaint=False)
    """The address under the cursor."""

    def watch_shown(self) -> None:
        """Show what is there at another step."""
        self.say_anew()

    def watch_origin(self) -> None:
        """Count from elsewhere."""
        self.say_anew()

    def watch_address(self) -> None:
        """Show what is there."""
        self.say_anew(shrink=False)

    def said(self, width: int) -> list[TextLine]:
        """Return the lines."""
        if self.shown is None or self.address is None:
            return [("", Style())]
        snapshot = self.shown.snapshot
        origin = snapshot.layout.text if self.origin is None else self.origin
        lines = inspect_lines(snapshot, self.shown.holes, self.address, origin)
        if self.shown.compared is not None:
            from execmem_tui.view.compared import place_lines

            # behind the address and the name: what follows may be out of sight
            lines[2:2] = place_lines(self.shown.compared, self.address)
        return [(line, Style.null()) for line in wrapped(lines, width)]
