"""What calls from the origin reach, and where the kernel looks for room."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.model.units import Address
from execmem_tui.tui.palette import Palette
from execmem_tui.view.reach import reach_lines
from execmem_tui.view.shown import Shown


class ReachPanel(Static):
    """One axis through the origin, the modules' text by verdict, and the blocks of a ROX cache."""

    DEFAULT_CSS = "ReachPanel { height: auto; }"

    shown: reactive[Shown | None] = reactive(None, layout=True)
    """The models of the step."""
    origin: reactive[Address | None] = reactive(None, layout=True)
    """Where reach counts from; None is kernel text."""
    address: reactive[Address | None] = reactive(None)
    """The address under the cursor."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    def render(self) -> Text:
        """Return the lines for the width there is."""
        shown, palette = self.shown, self.palette
        if shown is None or palette is None:
            return Text("")
        model = shown.reach(None if self.origin is None else shown.origin_at(self.origin))
        if model is None:
            return Text("unknown: no kernel symbols")
        width = max(24, self.size.width)
        rows = max(6, min(14, self.app.size.height - 28))
        lines = reach_lines(model, shown.kinds, shown.holes, width, rows=rows, cursor=self.address)
        text = Text(no_wrap=True, overflow="crop")
        for number, line in enumerate(lines):
            if number:
                text.append("\n")
            for segment in palette.segments(line):
                text.append(segment.text, segment.style)
        return text
