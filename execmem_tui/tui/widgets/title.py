"""The title line: the product, what is being looked at, the step."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.sources.base import Source, SourceKind
from execmem_tui.tui.shown import Shown
from execmem_tui.view.plain import heading


class TitleLine(Static):
    """``execmem-tui  arm64 · 7.1.8 · va48-4k · KASLR off    simulate    step 42/42``."""

    DEFAULT_CSS = """
    TitleLine { height: 1; background: $panel; color: $foreground; padding: 0 1; }
    """

    source: reactive[Source | None] = reactive(None)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None)
    """The models of the step."""
    playing: reactive[bool] = reactive(False)
    """Whether time moves by itself."""

    def render(self) -> Text:
        """Return the line, the title of the source shortened to the room there is."""
        if self.shown is None or self.source is None:
            return Text("execmem-tui")
        snapshot = self.shown.snapshot
        left = f"execmem-tui  {heading(snapshot.layout)}"
        counters = snapshot.counters
        spilled = f"  ▲{counters.fallbacks}" if counters.fallbacks else ""
        failed = f"  ✗{counters.failures}" if counters.failures else ""
        playing = "▶ " if self.playing else ""
        step = f"step {snapshot.step}/{snapshot.steps}"
        right = f"{playing}{self.source.kind}{spilled}{failed}  {step}  ? help"
        width = self.size.width
        middle = "" if self.source.kind is SourceKind.SIMULATE else self.source.title
        room = width - len(left) - len(right) - 4
        middle = middle[:room] if room > 8 else ""
        left = left[: max(0, width - len(right) - 1)]
        gap = max(1, width - len(left) - len(middle) - len(right) - 2)
        return Text(f"{left}  {middle}{' ' * gap}{right}", no_wrap=True, overflow="crop")
