"""The newest events."""

from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive

from execmem_tui.model.events import Event
from execmem_tui.sources.base import Source
from execmem_tui.tui.palette import Palette
from execmem_tui.tui.widgets.text_lines import TextLine, TextLines
from execmem_tui.view.events import event_brief, event_mark, event_tone, events_in, newest
from execmem_tui.view.shown import Shown
from execmem_tui.view.words import cut_at_end


class EventsView(TextLines, can_focus=True):
    """The newest events up to the step, newest first; Enter or a click goes to the step."""

    FOCUS_ON_CLICK = False  # the keys stay with the map
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    source: reactive[Source | None] = reactive(None, repaint=False)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None, repaint=False)
    """The models of the step."""
    palette: reactive[Palette | None] = reactive(None, repaint=False)
    """The styles of the theme."""

    highlighted: reactive[int] = reactive(0, repaint=False)
    """The line that Enter chooses, while the keys are here."""

    class Chosen(Message):
        """An event was chosen."""

        def __init__(self, step: int) -> None:
            super().__init__()
            self.step = step

    def _listed(self) -> list[tuple[int, Event]]:
        if self.source is None:
            return []
        return newest(self.source, events_in(self.app.size.height))

    def watch_source(self) -> None:
        """List another source's."""
        self.say_anew()

    def watch_shown(self) -> None:
        """List those up to another step."""
        self.set_reactive(EventsView.highlighted, 0)
        self.say_anew()

    def watch_highlighted(self) -> None:
        """Highlight another line."""
        self.say_anew()

    def on_focus(self) -> None:
        """Begin with the newest, in sight."""
        self.set_reactive(EventsView.highlighted, 0)
        self.say_anew()
        self.call_after_refresh(self.scroll_visible, animate=False, immediate=True)

    def on_blur(self) -> None:
        """Highlight nothing."""
        self.say_anew()

    def watch_palette(self) -> None:
        """They look different."""
        self.say_anew()

    def said(self, width: int) -> list[TextLine]:
        """Return one line per event."""
        palette = self.palette
        if palette is None:
            return []
        here = self.highlighted if self.has_focus else -1
        return [
            (
                cut_at_end(self._brief(step, event), width).ljust(width if at == here else 0),
                palette.tone(event_tone(event)) + (palette.cursor if at == here else Style.null()),
            )
            for at, (step, event) in enumerate(self._listed())
        ] or [("nothing yet", palette.muted)]

    def action_move(self, by: int) -> None:
        """Move by lines."""
        self.highlighted = max(0, min(self.highlighted + by, len(self._listed()) - 1))

    def action_choose(self) -> None:
        """Go to the step of the highlighted event."""
        self._choose(self.highlighted)

    def _choose(self, at: int) -> None:
        listed = self._listed()
        if 0 <= at < len(listed):
            self.post_message(self.Chosen(listed[at][0]))

    @staticmethod
    def _brief(step: int, event: Event) -> str:
        return f"{step:>4}{event_mark(event)}{event_brief(event)}"

    def on_click(self, event: events.Click) -> None:
        """Go to the step of the event under the pointer."""
        self._choose(event.y)
