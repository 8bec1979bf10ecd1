"""What calls from the origin reach."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.model.units import Address
from execmem_tui.tui.shown import Shown
from execmem_tui.view.rulers import reach_lines


class ReachPanel(Static):
    """The windows of the architecture around the origin, and what lies in them."""

    DEFAULT_CSS = "ReachPanel { height: auto; }"

    shown: reactive[Shown | None] = reactive(None, layout=True)
    """The models of the step."""
    origin: reactive[Address | None] = reactive(None, layout=True)
    """Where reach counts from; None is kernel text."""

    def render(self) -> Text:
        """Return the lines for the width there is."""
        if self.shown is None:
            return Text("")
        model = self.shown.reach(self.origin)
        if model is None:
            return Text("unknown: no kernel symbols")
        width = max(24, self.size.width)
        lines = reach_lines(model, width, self.shown.snapshot.layout.image, most=3)
        return Text("\n".join(lines), no_wrap=True, overflow="crop")
