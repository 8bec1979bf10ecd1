"""Repaints of the detail map inside one process, headless."""

import asyncio
import time
from random import Random

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.sources.base import SourceKind
from execmem_tui.tui.app import ExecmemApp

PAGE = 4096


class Crowd:
    """A source of very many areas in arm64's 2 GiB window."""

    kind = SourceKind.CAPTURE
    title = "a crowd"

    def __init__(self, count: int) -> None:
        layout = resolve("arm64")
        entry = layout.range_of(ExecmemType.MODULE_TEXT)
        random = Random(7)
        areas, at = [], entry.fallback_start
        step = (entry.start - at) // count // PAGE
        for number in range(count):
            pages = random.randint(1, max(1, step - 2))
            kind = random.choice(list(ExecmemType))
            areas.append(
                Area(
                    start=at,
                    size=pages * PAGE,
                    guard=PAGE,
                    type=kind,
                    owner=f"m{number}",
                    window=Window.FALLBACK,
                )
            )
            at += (pages + 1 + random.randint(0, max(0, step - pages - 1))) * PAGE
        self.history = History(layout, areas)


async def _cursor_moves(count: int, moves: int) -> list[float]:
    app = ExecmemApp(Crowd(count), theme="execmem-dark")
    spent: list[float] = []
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.pause()
        await pilot.press("0")
        await pilot.pause()
        for number in range(moves):
            start = time.perf_counter()
            view = app.main.map.viewport
            assert view is not None
            app.main.map.viewport = view.moved(1 if number % 5 else 0, 0 if number % 5 else 1)
            await pilot._wait_for_screen()
            app.screen._compositor.render_update(screen_stack=app._background_screens)
            spent.append(time.perf_counter() - start)
    return sorted(spent)


def cursor_move_p50(count: int = 100_000, moves: int = 101) -> float:
    """Return the median seconds from a cursor move to the repainted screen, on a map of `count` areas."""
    spent = asyncio.run(_cursor_moves(count, moves))
    return spent[len(spent) // 2]
