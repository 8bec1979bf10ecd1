"""Frames of the screen inside one process: CPU time from a change to what the terminal is sent.

Every measurement asserts that something was sent for it.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable
from functools import cache
from statistics import median
from typing import Any, TypeVar

from rich.console import RenderableType
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.screen import Screen
from textual.widget import Widget

from execmem_tui.model.areas import Area
from execmem_tui.model.events import Allocated, Event, Freed
from execmem_tui.tui.app import ExecmemApp
from tests.benchmarks.in_process import Crowd

COLLECTED = (50_000, 20, 20)
"""As `execmem_tui.cli.main` sets it."""

SIZE = (200, 50)
ROUNDS = 21


class Counting(App[None]):
    """Writes to nowhere and counts what it writes."""

    sent = 0

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        super()._display(screen, renderable)
        render = getattr(renderable, "render_segments", None)
        if render is not None:
            self.sent += len(render(self.console))


class Watched(Counting, ExecmemApp):
    """The application itself."""

    rest = None  # what is counted when nobody presses anything is no part of a frame


class Empty(Counting):
    """One widget with nothing in it: a frame of it is what Textual itself costs."""

    def compose(self) -> ComposeResult:
        yield Widget()


Tested = TypeVar("Tested", bound=Counting)
Change = Callable[[Tested, int], Awaitable[None] | None]


_QUIET = 3 / 60
"""Seconds in which Textual paints three times, if there is anything to paint."""


_PATIENCE = 10.0
"""Seconds that a change may take on a busy machine."""


async def _spent(app: Tested, change: Change[Tested], number: int) -> float:
    """Return the CPU seconds of one change, down to the escape codes that show it.

    Waited for by sleeping: `Pilot.pause` alone costs 1.7 ms, it sends a message to each widget.
    """
    await asyncio.sleep(_QUIET)
    before, start = app.sent, time.process_time()
    waited = change(app, number)
    if waited is not None:
        await waited
    late = time.monotonic() + _PATIENCE
    while app.sent == before and time.monotonic() < late:  # noqa: ASYNC110 - a render says nothing
        await asyncio.sleep(_QUIET)
    await asyncio.sleep(_QUIET)
    spent = time.process_time() - start
    assert app.sent > before, "nothing was painted"
    return spent


async def _all_spent(
    app: Tested, change: Change[Tested], prepare: tuple[str, ...] = ()
) -> list[float]:
    """Return the CPU seconds of so many changes."""
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        for key in prepare:
            await pilot.press(key)
        await pilot.pause()
        gc.set_threshold(*COLLECTED)
        return [await _spent(app, change, number) for number in range(ROUNDS)]


def _median(app: Tested, change: Change[Tested]) -> float:
    """Return the median CPU seconds of a change, all but the first."""
    return median(asyncio.run(_all_spent(app, change))[1:])


def _crowded(count: int) -> Watched:
    return Watched(Crowd(count), theme="execmem-dark")


def _event(app: Watched, number: int) -> None:
    """Free an area in the middle, or allocate it again."""
    history = app.source.history
    areas = history.snapshot().areas
    if number % 2 == 0:
        area: Area = areas[len(areas) // 2]
        event: Event = Freed(area=area, removed=(area,))
    else:
        last = history.events(history.step - 1)[0]
        area = last.removed[0]
        event = Allocated(area=area, requested=area.size, added=(area,))
    history.append([event])
    app.show_step()


def _map(app: Watched, name: str) -> None:
    getattr(app.main.map, f"action_{name}")()


@cache
def event_frame(count: int) -> float:
    """Return the median CPU seconds of a frame after an event, on a map of `count` areas."""
    return _median(_crowded(count), _event)


@cache
def cursor_frame(count: int = 100_000) -> float:
    """Return the median CPU seconds of a frame after a cursor move."""

    def move(app: Watched, number: int) -> None:
        _map(app, "down" if number % 5 else "right")

    return _median(_crowded(count), move)


def least_frame() -> float:
    """Return the median CPU seconds of a frame in which one line of an empty widget is painted."""

    def paint(app: Empty, number: int) -> None:
        app.query_one("Widget").refresh(Region(0, number, SIZE[0], 1))

    return _median(Empty(), paint)


def list_frame(count: int = 100_000) -> float:
    """Return the median CPU seconds of a frame after a move in the list of areas."""

    def move(app: Watched, number: int) -> None:
        app.main.panels.list.lines.action_move(-1 if number % 5 == 4 else 1)

    return median(asyncio.run(_all_spent(_crowded(count), move, ("L",)))[1:])


def zoom_frame(count: int = 100_000) -> float:
    """Return the median CPU seconds of a frame after a zoom, in and out by turns."""

    def zoom(app: Watched, number: int) -> None:
        _map(app, f"zoom_{'out' if number % 2 else 'in'}")

    return _median(_crowded(count), zoom)


@cache
def pan_frames(count: int = 100_000) -> tuple[float, float]:
    """Return the median CPU seconds of panning one screen: for the first time, and of coming
    back."""
    there = 5  # the end of what is used is six screens away

    def pan(app: Watched, number: int) -> None:
        _map(app, f"page_{'up' if number // there % 2 else 'down'}")

    spent = asyncio.run(_all_spent(_crowded(count), pan, ("plus",) * 4))
    return median(spent[:there]), median(spent[there:])
