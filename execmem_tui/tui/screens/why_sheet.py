"""*Why* as a sheet below the map.

The holes light up one a key, and what is in the way can be tried without.
"""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Static

from execmem_tui.analysis.why import Look, Why
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.intervals import Interval
from execmem_tui.model.layouts import Layout
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, hex_address
from execmem_tui.tui.screens.dialog import BORDER_ENDS
from execmem_tui.tui.screens.overlay import Overlay
from execmem_tui.view.why_text import looks, request_span, scale_lines, why_lines, why_title
from execmem_tui.view.words import lower_border


@frozen(kw_only=True)
class WhyCommands:
    """What the sheet can have done for it."""

    look_at: Callable[[Address], None]
    """Put the map's cursor somewhere."""
    ring: Callable[[Interval | None], None]
    """Ring a part of the map, to scale; with None, nothing any more."""
    who: Callable[[], None] | None
    """Go to the event that placed what is in the way; None where nothing is, or nothing tells."""
    attempt: Callable[[], str] | None
    """Do without what is in the way and try again; say what happened. None where that cannot be."""
    attempt_words: str
    """What `attempt` would do."""
    take_back: Callable[[], None]
    """Undo the attempt."""


class WhySheet(Overlay):
    """One answer, and the keys that go on from it."""

    DEFAULT_CSS = """
    WhySheet { align: center bottom; background: transparent; }
    WhySheet > Static {
        width: 100%; height: auto; max-height: 60%; background: $surface; padding: 0 1;
        border: round $accent; border-title-color: $accent; border-title-style: bold;
        border-subtitle-color: $foreground 70%;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,W", "leave", "Back"),
        Binding("n,space,right", "step(1)", "Next hole"),
        Binding("N,left", "step(-1)", "Previous hole"),
        Binding("enter", "who", "Who put it there"),
        Binding("f", "attempt", "Try again without"),
        Binding("u", "take_back", "Take back"),
    ]

    def __init__(self, layout: Layout, why: Why, commands: WhyCommands) -> None:
        super().__init__()
        self._layout = layout
        self._why = why
        self._commands = commands
        self._looks: list[tuple[Look, str]] = list(looks(why))
        self._at: int | None = None
        self._ringed = False
        self._tried = ""

    def compose(self) -> ComposeResult:
        """One box."""
        yield Static(id="why")

    def on_mount(self) -> None:
        """Say it, and ring on the map what was asked for, where the largest hole begins."""
        span = request_span(self._why)
        if span is not None:
            self._ringed = True
            self._commands.ring(span)
            self._commands.look_at(span[0])
        self._tell()

    def on_resize(self) -> None:
        """Draw the bars for the width that there is."""
        self._tell()

    def action_leave(self) -> None:
        """Leave the map as it was; what was asked about is under the cursor again."""
        self._commands.ring(None)
        area = self._why.actual
        if area is not None and self._at is None and not self._tried and self._ringed:
            self._commands.look_at(area.start)
        super().action_leave()

    def _tell(self) -> None:
        box = self.query_one("#why", Static)
        box.border_title = f"W  {why_title(self._why)}"
        hints = [f"n holes ({len(self._looks):,})"] if self._looks else []
        hints += ["Enter who put it there"] if self._commands.who is not None else []
        if self._commands.attempt is not None:
            hints += ["u take it back"] if self._tried else [f"f {self._commands.attempt_words}"]
        room = box.outer_size.width - BORDER_ENDS
        box.border_subtitle = lower_border("", " · ".join((*hints, "Esc leaves")), room)
        lines = why_lines(self._layout, self._why)
        lines[1:1] = scale_lines(self._why, box.content_size.width)
        text = Text("\n".join(lines), no_wrap=True, overflow="ellipsis")
        if self._at is not None:
            look, words = self._looks[self._at]
            where = hex_address(look.start, self._layout.word_bits)
            number = f"{self._at + 1:,} of {len(self._looks):,}"
            text.append(f"\nhole   {number}: {where}, {words}", "bold")
        if self._tried:
            text.append(f"\ntried  {self._tried}", "bold")
        box.update(text)

    def action_step(self, by: int) -> None:
        """Light up the next piece that was looked at, round and round."""
        if not self._looks:
            return
        first = 0 if by > 0 else len(self._looks) - 1
        self._at = first if self._at is None else (self._at + by) % len(self._looks)
        self._commands.look_at(self._looks[self._at][0].start)
        self._tell()

    def action_who(self) -> None:
        """Go to the event that placed what is in the way."""
        if self._commands.who is not None:
            self.action_leave()
            self._commands.who()

    def action_attempt(self) -> None:
        """Do without what is in the way and try again; the answer stays in the sheet."""
        if self._commands.attempt is None or self._tried:
            return
        try:
            self._commands.ring(None)
            self._tried = self._commands.attempt()
        except ExecmemTuiError as error:
            self._tried = str(error)
        self._tell()

    def action_take_back(self) -> None:
        """Undo the attempt."""
        if self._tried:
            self._tried = ""
            self._commands.take_back()
            self._tell()
