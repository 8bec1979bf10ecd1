"""The application under a pilot: what every test of the screen needs."""

import asyncio
from typing import Any

from textual._wait import wait_for_idle
from textual.pilot import Pilot

from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.tui.app import ExecmemApp


def make_app(simulation: Simulation | None = None) -> ExecmemApp:
    app = ExecmemApp(
        simulation or open_simulation("arm64", "7.1", "va48-4k", "off"), theme="execmem-dark"
    )
    app.play_interval = 1e6  # tests tick by hand
    return app


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def settle(app: ExecmemApp) -> None:
    """Wait for what is opened or read off the event loop, and show it."""
    for job in (app.jobs.opening, app.jobs.comparing, app.jobs.reading):
        if job is not None:
            assert await asyncio.to_thread(job.join, 60)
    for _ in range(3):  # messages of the thread, then what they cause
        await asyncio.sleep(0)
        await wait_for_idle(0)


def shown_text(app: ExecmemApp) -> str:
    """All that is on the screen, as text."""
    return "\n".join(
        "".join(segment.text for segment in strip)
        for strip in app.screen._compositor.render_strips()
    )
