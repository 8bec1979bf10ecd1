"""The one sentence under the title: the largest text on the screen."""

from typing import Final

from rich.text import Text
from textual.geometry import Size
from textual.reactive import reactive
from textual.widgets import Static

from execmem_tui.sources.base import Captioned, Source, SourceKind
from execmem_tui.tui.line_cache import CachedRender
from execmem_tui.tui.theme_registry import is_console
from execmem_tui.view import sentence
from execmem_tui.view.sentence import Sentence as Said
from execmem_tui.view.shown import Shown

_SHARE: Final = 50
"""Percent of the screen's rows that large letters may take; what is told of is seen in the
others."""
_FRAME: Final = 2
_ONE: Final = 3
"""Rows of one line of large letters."""


class Sentence(CachedRender, Static):
    """How things stand, until something happens: then what happened; a scenario's own caption."""

    DEFAULT_CSS = """
    Sentence { height: auto; max-height: 30%; color: $foreground; text-style: bold; padding: 0 1; }
    Sentence.alarm { color: $error; }
    """

    source: reactive[Source | None] = reactive(None)
    """What feeds the map."""
    shown: reactive[Shown | None] = reactive(None, layout=True)
    """The models of the step."""

    large: reactive[bool] = reactive(False, layout=True)
    """In letters of three rows, where they fit."""

    beside: reactive[bool] = reactive(False, layout=True, toggle_class="beside")
    """A tour's card says more: one line of large letters is enough."""

    def __init__(self) -> None:
        super().__init__()
        self._begun: int | None = None
        """The step that the source was opened at, while nothing has happened since."""
        self._told: tuple[Shown, Said] | None = None

    def watch_source(self) -> None:
        """Begin with how things stand."""
        self._begun = None if self.source is None else self.source.history.step
        self._told = None

    def said(self) -> Said | None:
        """Return what there is to say.

        None where there is nothing, or the source has its own words.
        """
        if self.shown is None or self.source is None or isinstance(self.source, Captioned):
            return None
        if self.source.kind is SourceKind.OPENING:
            return sentence.OPENING
        if self._told is None or self._told[0] is not self.shown:
            step = self.shown.snapshot.step
            if step != self._begun:
                self._begun = None
            said = (
                sentence.sentence(self.shown.snapshot, holes=self.shown.holes)
                if step == self._begun
                else sentence.said(self.source.history)
            )
            self._told = self.shown, said
        return self._told[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Take a line, or as many as large letters and captions need.

        Where that is known it is not drawn for it: who asks for the own size while all are laid out
        has all of them laid out once more.
        """
        said = self._sounded()
        if said is None or self.large:
            return super().get_content_height(container, viewport, width)
        return 1

    def _sounded(self) -> Said | None:
        """Return what there is to say, in the colour that it is said in."""
        said = self.said()
        # Without colour the alarm's red would be a grey: the largest text would be the faintest.
        self.set_class(said is not None and said.alarm and not self.app.no_color, "alarm")
        return said

    def render(self) -> Text:
        """Return the sentence, in as many words as there is room for."""
        said = self._sounded()
        if said is not None:
            drawn = self._drawn(said.text, said.short)
            return Text(drawn or said.fit(self.size.width), no_wrap=True)
        if self.shown is not None and isinstance(self.source, Captioned):
            text = self.source.caption(self.shown.snapshot.step)
            return Text(self._drawn(text) or text)
        return Text("")

    def _drawn(self, *texts: str) -> str:
        """Return the first of some texts that fits in large letters, "" where none does."""
        if not self.large or is_console():  # which has no half blocks
            return ""
        from execmem_tui.view.large import large

        rows = _ONE if self.beside else self.screen.size.height * _SHARE // 100 - _FRAME
        for text in texts:
            lines = large(text, self.size.width)
            if lines is not None and len(lines) <= rows:
                return "\n".join(lines)
        return ""
