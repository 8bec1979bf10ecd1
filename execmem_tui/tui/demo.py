"""The application for recorders.

One size, no clock, and a mark when all that a key caused is drawn. A frame is written only when
nothing is left to be done, and as a whole. So the same keys give the same bytes, however fast the
machine is and however its messages follow each other.
"""

import asyncio
from collections import deque
from typing import Any, Final

from rich.console import RenderableType
from textual import events
from textual._compositor import LayoutUpdate
from textual.geometry import Size
from textual.notifications import SeverityLevel
from textual.screen import Screen
from textual.widgets import Input

from execmem_tui.sources.base import Source
from execmem_tui.tours.progress import TourProgress
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.start import Start
from execmem_tui.tui.themes import DEFAULT
from execmem_tui.tui.touring import TourActions

COLUMNS: Final = 100
ROWS: Final = 30
"""Of a demo; the last row is the mark's."""
_QUIET: Final = 3
"""Rounds without a change after which nothing more is to come: a message, what it changes, what is
called after the refresh."""
_LOST: Final = 1.0
"""Seconds after which a widget that was removed meanwhile is not waited for."""
_HELD: Final = 64
"""Keys that are held for a dialog at most, for all we know."""
_FOR_GOOD: Final = 1e6
"""Seconds that a notice would stay; the next key takes it away."""


class DemoApp(ExecmemApp):
    """Shows one source; nothing moves by itself.

    Args:
        source: what is shown.
        name: printable; what the mark says of it.
        theme: the default one if None.
        start: where to look at first.
    """

    rest = None  # a clock would say when the number is seen

    def __init__(
        self, source: Source, name: str, *, theme: str | None = None, start: Start | None = None
    ) -> None:
        super().__init__(source, theme=theme or DEFAULT, start=start)
        self.animation_level = "none"
        self.tours = TourActions(self, TourProgress(None))  # each demo begins at the beginning
        self._name = name
        self._keys = 0
        self._counted: deque[events.Event] = deque(maxlen=_HELD)
        self._written = ""
        self._settling: asyncio.Task[None] | None = None

    def _offer(self) -> None:
        """Offer nothing: what was tried before would decide what is seen."""

    # What would move by itself

    def watch_playing(self) -> None:
        """Say what goes on instead."""
        if self.playing:
            self.playing = False
            self.say("in a demo nothing moves by itself: ] goes on by an event, } to the next mark")

    def watch_following(self) -> None:
        """A running kernel is read once."""
        self.following = False

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Say something until the next key."""
        del timeout
        super().notify(message, title=title, severity=severity, timeout=_FOR_GOOD, markup=markup)

    # Settling

    async def on_event(self, event: events.Event) -> None:
        """Take keys and clicks; the terminal's size and whether it has the focus change nothing."""
        if isinstance(event, events.AppFocus | events.AppBlur):
            return
        taken = event
        if isinstance(event, events.Resize):
            size = Size(COLUMNS, ROWS - 1)
            taken = events.Resize(size, size)
        elif isinstance(event, events.Key | events.MouseDown) and not event.is_forwarded:
            self._count(event)
        if isinstance(taken, events.InputEvent | events.Resize):
            self._unsettle()
        await super().on_event(taken)

    def _count(self, event: events.Event) -> None:
        """Count a key once, though it comes again where it was held for a dialog."""
        if not any(each is event for each in self._counted):
            self._counted.append(event)
            self._keys += 1
            self.clear_notifications()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Hold back what Textual would paint: it is painted when all of it is there."""
        del screen, renderable
        self._unsettle()

    def _unsettle(self) -> None:
        if self._settling is None:
            self._settling = asyncio.create_task(self._settle())

    async def _settle(self) -> None:
        """Wait until a few rounds change nothing, then write what is seen, and the mark."""
        quiet, now = 0, ""
        while quiet < _QUIET:
            await self._round()
            before, now = now, self._picture()
            quiet = quiet + 1 if now == before else 0
        self._settling = None
        if self.jobs.opening is None and self.jobs.reading is None and now != self._written:
            # a dialog that lets the map shine through is repainted all the time, unchanged
            self._written = now
            driver = self._driver
            assert driver is not None
            driver.write(now)
            driver.flush()

    async def _round(self) -> None:
        """Let every widget do what was asked of it before."""
        for each in self.screen.query(Input):
            each.cursor_blink = False
        stack = list(self.screen_stack)  # a dialog may have told what lies under it something
        widgets = (each for screen in stack for each in screen.walk_children(with_self=True))
        done = []
        for node in (self, *widgets):
            called = asyncio.Event()
            if node.call_later(called.set):
                done.append(asyncio.create_task(called.wait()))
        _, lost = await asyncio.wait(done, timeout=_LOST)
        for waiting in lost:
            waiting.cancel()
        for screen in stack:
            screen._on_timer_update()  # noqa: SLF001 - else what is to be drawn waits for a clock

    def _picture(self) -> str:
        """Return the whole screen and the mark, as the terminal wants them."""
        whole = self.screen._compositor.render_update(  # noqa: SLF001 - no public "all, now"
            full=True, screen_stack=self._background_screens
        )
        assert isinstance(whole, LayoutUpdate)
        mark = f"\x1b[{ROWS};1H\x1b[0m\x1b[2K{self.mark}"
        return f"\x1b[H{whole.render_segments(self.console)}{mark}"

    @property
    def mark(self) -> str:
        """The last row: a recorder waits for its number, that of the keys that are done."""
        return f"demo {self._name} · settled {self._keys}"


def run_demo(
    source: Source, name: str, *, theme: str | None = None, start: Start | None = None
) -> int:
    """Show `source` until the user leaves; return the exit code."""
    app = DemoApp(source, name, theme=theme, start=start)
    result = app.run()
    return app.return_code or (result or 0)
