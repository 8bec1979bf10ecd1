"""Whatever breaks on the screen is a sheet, once; the rest of the screen goes on."""

import asyncio
from collections.abc import Iterator
from functools import wraps
from typing import Any

import pytest
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Input

from execmem_tui.sources.base import Progress
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.screens.dialog import Dialog
from execmem_tui.tui.screens.sheets import ErrorSheet
from execmem_tui.tui.widgets.map import DetailMap
from execmem_tui.tui.widgets.pane import Panes
from execmem_tui.tui.widgets.reach import ReachPanel
from execmem_tui.tui.widgets.sentence import Sentence
from execmem_tui.tui.widgets.time import TimeStrip
from execmem_tui.tui.widgets.title import TitleLine
from tests.tui.driving import make_app, press, settle, shown_text

pytestmark = pytest.mark.breaks

SAYS = "cannot be drawn: ZeroDivisionError: by \\x1b[31mzero"


class Fuse:
    """Breaks a method while it is blown."""

    def __init__(self, patch: pytest.MonkeyPatch, cls: type[Any], name: str) -> None:
        self.blown = False
        self.only: tuple[object, ...] | None = None
        """The arguments that break it; None: all do."""
        method = getattr(cls, name)

        @wraps(method)  # Textual counts its parameters
        def fused(this: object, *given: object) -> object:
            if self.blown and (self.only is None or self.only == given):
                raise ZeroDivisionError("by \x1b[31mzero")
            return method(this, *given)

        patch.setattr(cls, name, fused)


async def sheet_once(pilot: Pilot[Any], app: ExecmemApp) -> None:
    """The sheet is there, says what broke, and comes no second time."""
    await pilot.pause()
    await pilot.pause()
    assert isinstance(app.screen, ErrorSheet)
    assert "ZeroDivisionError: by \\x1b[31mzero" in shown_text(app)
    await press(pilot, "escape")
    await pilot.pause()
    assert len(app.screen_stack) == 1


async def goes_on(pilot: Pilot[Any], app: ExecmemApp) -> None:
    """Keys do what they do, the screen is drawn, `q` leaves."""
    before = app.shown.snapshot.counters.allocations
    await press(pilot, "a", "right", "down")
    await pilot.resize_terminal(130, 44)
    await press(pilot, "a")
    assert len(app.screen_stack) == 1
    assert app.shown.snapshot.counters.allocations == before + 2
    await press(pilot, "q")
    assert not app.is_running
    assert app.return_code == 0


@pytest.mark.parametrize("broken", [DetailMap, Panes, ReachPanel, TimeStrip, Sentence])
async def test_a_widget_that_cannot_be_drawn_says_so_in_its_place(
    broken: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    fuse = Fuse(monkeypatch, broken, "render_line")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        fuse.blown = True
        app.main.query_one(broken).refresh()
        await sheet_once(pilot, app)
        assert shown_text(app).count("cannot be drawn") == 1
        await goes_on(pilot, app)


async def test_one_broken_row_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """And the row comes back when it can be drawn again."""
    fuse = Fuse(monkeypatch, DetailMap, "render_line")
    fuse.only = (2,)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a")
        whole = shown_text(app)
        fuse.blown = True
        app.main.map.refresh()
        await sheet_once(pilot, app)
        now = shown_text(app)
        changed = [
            line
            for line, before in zip(now.split("\n"), whole.split("\n"), strict=True)
            if line != before
        ]
        assert len(changed) == 1
        assert changed[0].startswith(SAYS)
        fuse.blown = False
        app.main.map.refresh()
        await pilot.pause()
        assert shown_text(app) == whole


async def test_a_widget_that_breaks_around_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    fuse = Fuse(monkeypatch, TitleLine, "render_lines")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        fuse.blown = True
        title = app.main.query_one(TitleLine)
        title.refresh()
        await sheet_once(pilot, app)
        assert shown_text(app).startswith(SAYS)
        lines = title.render_lines(Region(7, 0, 5, 2))
        assert [line.text for line in lines] == [SAYS[7:12], "     "]
        await goes_on(pilot, app)


async def test_a_widget_whose_height_cannot_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A layout that failed would leave every widget where it was."""
    fuse = Fuse(monkeypatch, Panes, "get_content_height")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        fuse.blown = True
        await pilot.resize_terminal(100, 30)
        await sheet_once(pilot, app)
        assert app.main.query_one(Panes).size.height == 1
        assert app.main.map.size.width <= 100
        await goes_on(pilot, app)


async def test_a_watcher_that_breaks_keeps_nothing_from_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The panes hear of a step before the map does."""
    fuse = Fuse(monkeypatch, Panes, "watch_shown")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        fuse.blown = True
        await press(pilot, "a")
        await sheet_once(pilot, app)
        assert app.main.map.shown is app.shown
        await goes_on(pilot, app)


async def test_a_watcher_of_the_application_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    fuse = Fuse(monkeypatch, ExecmemApp, "watch_shown")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        fuse.blown = True
        app.call_later(app.kernel.action_allocate)
        await sheet_once(pilot, app)
        fuse.blown = False
        await goes_on(pilot, app)


async def test_a_handler_that_breaks_is_called_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual would end the application, and that widget would hear nothing any more."""
    fuse = Fuse(monkeypatch, Panes, "on_click")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        fuse.blown = True
        await pilot.click("#panes", offset=(5, 0))
        await sheet_once(pilot, app)
        await pilot.click("#panes", offset=(5, 0))  # told once
        await pilot.pause()
        assert len(app.screen_stack) == 1
        fuse.blown = False
        rows = app.main.query_one(Panes).size.height
        await pilot.click("#panes", offset=(2, rows - 1))
        assert app.pane != 1
        await goes_on(pilot, app)


async def test_a_handler_of_the_application_that_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    fuse = Fuse(monkeypatch, ExecmemApp, "on_main_screen_acted")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        fuse.blown = True
        await press(pilot, "right")
        await sheet_once(pilot, app)
        await goes_on(pilot, app)


async def test_a_field_of_a_dialog_that_breaks_leaves_a_dialog_to_leave(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fuse = Fuse(monkeypatch, Input, "_on_key")
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "g")
        fuse.blown = True
        await pilot.press("1")
        await pilot.pause()
        assert isinstance(app.screen, ErrorSheet)
        await press(pilot, "escape")
        assert isinstance(app.screen, Dialog)
        fuse.blown = False
        await press(pilot, "2")
        assert app.screen.query_one(Input).value == "2"
        await press(pilot, "escape")
        await goes_on(pilot, app)


async def test_a_timer_that_breaks_is_told_once() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        calls: list[int] = []
        thrice, again = asyncio.Event(), asyncio.Event()

        def broken() -> None:
            calls.append(1)
            if len(calls) >= 3:
                (again if thrice.is_set() else thrice).set()
            raise ZeroDivisionError("by \x1b[31mzero")

        timer = app.main.set_interval(0.001, broken)
        await thrice.wait()
        await sheet_once(pilot, app)
        again.clear()
        await again.wait()
        timer.stop()
        await pilot.pause()
        assert len(app.screen_stack) == 1
        await goes_on(pilot, app)


async def test_a_callback_after_the_paint_that_breaks() -> None:
    app = make_app()

    def broken() -> None:
        raise ZeroDivisionError("by \x1b[31mzero")

    async with app.run_test(size=(120, 40)) as pilot:
        app.main.map.call_after_refresh(broken)
        await sheet_once(pilot, app)
        app.main.map.call_next(broken)
        app.main.map.call_later(broken)
        await pilot.pause()
        await goes_on(pilot, app)


async def test_a_worker_that_breaks() -> None:
    app = make_app()

    async def broken() -> None:
        raise ZeroDivisionError("by \x1b[31mzero")

    async with app.run_test(size=(120, 40)) as pilot:
        app.run_worker(broken())
        await sheet_once(pilot, app)
        await goes_on(pilot, app)


async def test_a_job_that_breaks() -> None:
    app = make_app()

    def broken() -> Iterator[Progress]:
        raise ZeroDivisionError("by \x1b[31mzero")
        yield

    async with app.run_test(size=(120, 40)) as pilot:
        app.jobs.open("x", broken(), [])
        await settle(app)
        await sheet_once(pilot, app)
        await goes_on(pilot, app)


async def test_a_second_fault_waits_until_the_first_was_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Fuse(monkeypatch, TimeStrip, "render_line")
    app = make_app()

    def other() -> None:
        raise KeyError("other")

    async with app.run_test(size=(120, 40)) as pilot:
        line.blown = True
        app.main.query_one(TimeStrip).refresh()
        await pilot.pause()
        app.call_later(other)
        await pilot.pause()
        assert len(app.screen_stack) == 2
        await sheet_once(pilot, app)
        app.call_later(other)
        await pilot.pause()
        await pilot.pause()
        assert "KeyError" in shown_text(app)


async def test_before_there_is_a_screen_it_ends_as_textual_does(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """There is nothing that could go on, and the terminal gets the whole traceback."""
    fuse = Fuse(monkeypatch, TitleLine, "__init__")
    fuse.blown = True
    app = make_app()
    with pytest.raises(ZeroDivisionError):
        async with app.run_test(size=(120, 40)):
            pass
    assert app.return_code == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
