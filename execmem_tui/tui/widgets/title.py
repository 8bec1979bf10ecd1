"""The title line: the product, what is being looked at, the moment."""

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.model.text import printable
from execmem_tui.sources.base import Source
from execmem_tui.tui.line_cache import CachedRender
from execmem_tui.tui.palette import Palette
from execmem_tui.view.paint import LensName
from execmem_tui.view.shown import Shown
from execmem_tui.view.title import NAME, Title, title


class TitleLine(CachedRender, Static):
    """``execmem-tui  simulated arm64 laptop after boot · 148 modules      ? help   ctrl+p all``."""

    DEFAULT_CSS = """
    TitleLine { height: 1; background: $panel; color: $foreground; padding: 0 1; }
    TitleLine > .title--name { color: $accent; text-style: bold; }
    TitleLine > .title--aside { color: $foreground 65%; }
    """
    COMPONENT_CLASSES = {"title--name", "title--aside"}  # noqa: RUF012 - Textual's own form

    source: reactive[Source | None] = reactive(None)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None)
    """The models of the step."""
    playing: reactive[bool] = reactive(False)
    """Whether time moves by itself."""
    lens: reactive[LensName] = reactive(LensName.KIND)
    """What colour tells."""
    filter: reactive[str] = reactive("")
    """What is asked for, as typed."""
    findings: reactive[int | None] = reactive(None)
    """How much is remarkable; None while that is not known."""
    palette: reactive[Palette | None] = reactive(None)
    """The styles of the theme."""

    class Pressed(Message):
        """Something was clicked that tells more."""

        def __init__(self, action: str) -> None:
            super().__init__()
            self.action = action

    def _found(self) -> Title | None:
        if self.shown is None or self.source is None:
            return None
        return title(
            self.shown.snapshot,
            self.source.kind,
            self.source.title,
            self.size.width,
            moving=self.playing,
            notes=len(self.source.history.layout.notes),
            findings=self.findings or 0,
            spilled=self.shown.spilled,
            view=self._view(),
        )

    def on_click(self, event: events.Click) -> None:
        """Tell what the number under the pointer counts."""
        found, at = self._found(), event.get_content_offset_capture(self).x
        action = None if found is None else found.pressed(at, self.size.width)
        if action is not None:
            self.post_message(self.Pressed(action))

    def render(self) -> Text:
        """Return the line."""
        name = self.get_component_rich_style("title--name")
        found = self._found()
        if found is None or self.palette is None:
            return Text(NAME, name)
        aside = self.get_component_rich_style("title--aside")
        right = Text()
        for part in found.right:
            alarm = part in (found.spilled, found.failed, found.notes)
            style = self.palette.alarm if alarm else aside if part == found.help else ""
            right.append("   ")
            right.append(part, style)
        left = Text()
        left.append(found.name, name)
        left.append("  ")
        left.append(found.what)
        left.append(" " * max(0, self.size.width - len(left) - len(right)))
        left.append_text(right)
        left.no_wrap, left.overflow = True, "crop"
        return left

    def _view(self) -> str:
        words = [] if self.lens is LensName.KIND else [f"lens {self.lens}"]
        words += [f"\\ {printable(self.filter, 24)}"] if self.filter else []
        return "  ".join(words)
