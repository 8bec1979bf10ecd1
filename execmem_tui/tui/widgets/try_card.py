"""Three things to try, for somebody who sees the screen for the first time."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.tui.palette import Palette


class TryCard(Static):
    """Keys to begin with; it goes away at the first key."""

    DEFAULT_CSS = """
    TryCard { height: auto; border-left: outer $accent; padding: 0 1; }
    """

    LINES = (
        ("a", "allocate where the modules lie"),
        ("i", "load a module by its name"),
        ("s", "watch a scenario"),
    )

    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    def render(self) -> Text:
        """Return the lines."""
        text = Text("TRY", no_wrap=True)
        if self.palette is not None:
            for key, what in self.LINES:
                text.append(f"\n{key}  ", self.palette.strong)
                text.append(what)
        return text
