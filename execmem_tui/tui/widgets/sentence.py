"""What there is to say about this step, in a sentence."""

from rich.text import Text
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.sources.base import Captioned, Source
from execmem_tui.tui.shown import Shown


class Sentence(Static):
    """The caption of a scenario, or the newest event."""

    DEFAULT_CSS = """
    Sentence { height: auto; max-height: 30%; color: $foreground; text-style: bold; padding: 0 1; }
    """

    source: reactive[Source | None] = reactive(None)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None, layout=True)
    """The models of the step."""

    def render(self) -> Text:
        """Return the sentence."""
        if self.shown is None or self.source is None:
            return Text("")
        if isinstance(self.source, Captioned):
            return Text(self.source.caption(self.shown.snapshot.step))
        event = self.shown.snapshot.event
        return Text(self.source.title if event is None else event.text, no_wrap=True)
