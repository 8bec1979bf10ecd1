"""The application under a pilot: what every test of the screen needs."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from textual._wait import wait_for_idle
from textual.pilot import Pilot

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import MIB
from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.counting import REST


def make_app(simulation: Simulation | None = None) -> ExecmemApp:
    app = ExecmemApp(
        simulation or open_simulation("arm64", "7.1", "va48-4k", "off"), theme="execmem-dark"
    )
    app.play_interval = 1e6  # tests tick by hand
    return app


class PutOff:
    """What the application put off, done when the test says so.

    Args:
        monkeypatch: for as long as it holds.
        rest: seconds until findings are counted.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, rest: float = REST) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []
        monkeypatch.setattr(ExecmemApp, "rest", rest)
        monkeypatch.setattr(ExecmemApp, "after", self._after)

    def _after(self, seconds: float, do: Callable[[], None]) -> Any:
        entry = (seconds, do)
        self.waiting.append(entry)
        waiting = self.waiting

        class Taken:
            def cancel(self) -> None:
                if entry in waiting:
                    waiting.remove(entry)

        return Taken()

    def pass_time(self) -> None:
        """Do what was put off first."""
        self.waiting.pop(0)[1]()

    def pass_all(self, seconds: float) -> None:
        """Do all that was put off for so long."""
        for entry in [each for each in self.waiting if each[0] == seconds]:
            self.waiting.remove(entry)
            entry[1]()


async def press(pilot: Pilot[Any], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def still(pilot: Pilot[Any]) -> None:
    """Wait until the screen stays as it is: a widget that is mounted late is laid out later still.

    One pause ends when this process is idle, which it is as well while others have the processor.
    """
    before = ""
    for _ in range(20):
        await pilot.pause()
        app = pilot.app
        assert isinstance(app, ExecmemApp)
        now = shown_text(app)
        if now == before:
            return
        before = now
    raise AssertionError("the screen never comes to rest")


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


def history() -> Simulation:
    """arm64 with modules, a spill, a failure, a program and a probe; some of it freed again."""
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    simulation.load("ext4")
    simulation.do(lambda kernel: kernel.machine.note("the window fills", mark=True))
    simulation.allocate(ExecmemType.MODULE_TEXT, 76 * MIB)
    simulation.allocate(ExecmemType.MODULE_TEXT, 4 * MIB)
    simulation.allocate(ExecmemType.MODULE_TEXT, 4 * 1024 * MIB)
    simulation.insert(ExecmemType.KPROBES)
    simulation.insert(ExecmemType.BPF)
    simulation.allocate(ExecmemType.MODULE_TEXT, MIB)
    return simulation
