"""What is compared with what, and the sums, in one line above the map."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.view.compared import compared_text
from execmem_tui.view.shown import Shown


class ComparisonLine(Static):
    """``A step 2,976  B step 4,698  13 only B 2.1M · 544 same: 2.1M more``."""

    DEFAULT_CSS = """
    ComparisonLine { height: 1; display: none; color: $accent; padding: 0 1; }
    """

    shown: reactive[Shown | None] = reactive(None)
    """The models of the step."""

    def render(self) -> Text:
        """Return the line."""
        compared = None if self.shown is None else self.shown.compared
        text = "" if compared is None else compared_text(compared, self.size.width)
        return Text(text, no_wrap=True)
