"""What killed the application once, or kept it for ever: none of it does."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.geometry import Size
from textual.pilot import Pilot
from textual.widgets import Input

from execmem_tui.model.events import Event
from execmem_tui.sources.base import Progress
from execmem_tui.sources.simulation import Simulation
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.jobs import Job
from execmem_tui.tui.screens.dialog import Dialog
from execmem_tui.tui.screens.overlay import Overlay
from execmem_tui.tui.screens.sheets import ErrorSheet
from tests.tui.driving import make_app, press, settle, shown_text


@pytest.mark.fault(31)
@pytest.mark.parametrize("key", ["A", "g", "slash", "F", "e", "o", "i", "s", "c"])
async def test_enter_twice_in_one_write(key: str, tmp_path: Path) -> None:
    """The second Enter found a screen that was gone."""
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", key)
        dialog = app.screen
        assert isinstance(dialog, Dialog)
        if key == "e":
            app.screen.query_one(Input).value = str(tmp_path / "x.txt")
        elif key == "s":
            app.screen.query_one(Input).value = "arm64-64k-bpf"
        await pilot.press("enter", "enter", "enter")
        await pilot.pause()
        assert app.is_running
        assert app.main.is_attached
        await press(pilot, "escape", "escape")
        assert len(app.screen_stack) == 1


async def test_the_palette_takes_early_keys_and_runs_a_command_once() -> None:
    """Seen with pasted keys: ScreenStackError, DuplicateIds, the command done twice."""
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a")
        before = len(app.shown.snapshot.areas)
        await pilot.press("ctrl+p", *"allocate in the")
        line = app.screen.query_one(Input)
        assert line.value == "allocate in the", "no letter got lost"
        await app.workers.wait_for_complete()
        await pilot.pause()
        for _ in range(3):  # as keys of one write: none waits for what the one before causes
            line.post_message(Input.Submitted(line, line.value))
        await pilot.pause()
        await pilot.pause()
        assert len(app.screen_stack) == 1
        assert len(app.shown.snapshot.areas) == before + 1, "done once"
        for _ in range(3):
            await pilot.press("ctrl+p", "escape", "escape", "ctrl+p", "escape")
        await pilot.pause()
        assert app.is_running
        assert len(app.screen_stack) == 1


async def test_a_theme_is_chosen_once() -> None:
    """Seen with random keys: Enter again while the choice leaves took the main screen away."""
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.action_change_theme()
        await pilot.pause()
        themes = app.screen
        assert themes.query_one("#--input").border_title == "Choose a theme"
        assert themes.query_one(Input).placeholder == "Search for themes…"
        await pilot.press(*"light")
        await app.workers.wait_for_complete()
        await pilot.pause()
        line = themes.query_one(Input)
        for _ in range(3):
            line.post_message(Input.Submitted(line, line.value))
        await pilot.pause()
        await pilot.pause()
        assert app.theme.endswith("light")
        assert len(app.screen_stack) == 1
        await pilot.press("escape")
        assert app.is_running
        assert app.main.is_attached


async def test_the_palette_is_paged_where_there_is_no_room_for_its_list() -> None:
    """Seen at 1x1: KeyError in Textual's list."""
    app = make_app()
    async with app.run_test(size=(1, 1)) as pilot:
        await pilot.press("ctrl+p", "pagedown", "down", "pageup", "pagedown", "home", "end")
        await pilot.pause()
        assert app.is_running


async def test_a_dialog_over_a_notice_takes_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen with keys in one write: it waited for the notice to be mounted, and the notice for
    it."""
    looks = 0
    ready = Overlay._tell_ready

    def counted(overlay: Overlay) -> object:
        nonlocal looks
        looks += 1
        assert looks < 1000, "nobody else gets a turn"
        return ready(overlay)

    monkeypatch.setattr(Overlay, "_tell_ready", counted)
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        for do in (app.look.action_goto, app.look.action_find, app.look.action_ranges):
            app.say("a notice before it")
            do()
            app.say("and one after it")
            await press(pilot, "escape")
            assert len(app.screen_stack) == 1


@pytest.mark.fault(31)
async def test_a_dialog_leaves_once() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "g")
        dialog = app.screen
        assert isinstance(dialog, Dialog)
        done: list[object] = []
        dialog._do = done.append
        dialog.tell("0")
        dialog.tell("0")
        dialog.action_leave()
        await pilot.pause()
        assert done == ["0"]
        assert len(app.screen_stack) == 1


async def shown(pilot: Pilot[Any], app: ExecmemApp, key: str, text: str) -> str:
    await press(pilot, key)
    app.screen.query_one(Input).value = text
    await press(pilot, "enter")
    await settle(app)
    await pilot.pause()
    return shown_text(app)


@pytest.mark.fault(32)
async def test_what_names_no_path_is_an_error() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        assert "a path holds no NUL" in await shown(pilot, app, "e", "a\0b")
        assert isinstance(app.screen, Dialog)
        await press(pilot, "escape")
        assert "a path holds no NUL" in await shown(pilot, app, "o", "a\0b")
        assert isinstance(app.screen, Dialog)
        await press(pilot, "escape")
        assert "No such file" in await shown(pilot, app, "e", "~nosuchuser/x")
        await press(pilot, "escape")
        assert "No such file" in await shown(pilot, app, "o", "~nosuchuser/x")
        assert isinstance(app.source, Simulation)


@pytest.mark.fault(34)
@pytest.mark.parametrize("width", [1, 2, 3, 4, 5, 10])
@pytest.mark.parametrize("key", ["slash", "A", "c", "g", "s", "E", "T", "U"])
async def test_dialogs_hold_at_any_width(width: int, key: str) -> None:
    app = make_app()
    async with app.run_test(size=(width, 24)) as pilot:
        await press(pilot, key)
        assert app.is_running
        assert len(app.screen_stack) == 2
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1


async def test_a_terminal_of_one_cell_and_back() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "v", "slash")
        for width, height in ((1, 1), (2, 2), (300, 80), (1, 1), (120, 40)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
        await press(pilot, "escape", "a")
        assert app.is_running
        assert app.shown.snapshot.counters.allocations == 2


@pytest.mark.fault(33)
async def test_a_fifo_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        assert "a FIFO, where a file is wanted" in await shown(
            pilot, app, "o", str(tmp_path / "pipe")
        )


@pytest.mark.fault(33)
async def test_a_read_that_never_returns_is_given_up() -> None:
    """A thread that waits in the kernel is forgotten."""
    ends = os.pipe()

    def waits() -> Iterator[Progress]:
        os.read(ends[0], 1)
        yield Progress(fraction=1.0)

    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.jobs.open("the pipe", waits(), [])
        job = app.jobs.opening
        assert job is not None
        await pilot.pause()
        assert "opening the pipe" in shown_text(app)
        await press(pilot, "escape")
        assert app.jobs.opening is None
        assert job.stopped
        assert "opening" not in shown_text(app)
    assert job._thread.daemon  # Python waits for no daemon when it ends
    assert not job.join(0)
    os.close(ends[1])
    assert job.join(10)
    os.close(ends[0])


@pytest.mark.fault(33)
def test_a_job_that_never_asks_is_stopped_at_its_next_bytecode() -> None:
    """One step of a scenario may be 10^9 requests."""

    def burns() -> Iterator[int]:
        while True:
            pass
        yield 0

    app = make_app()
    job = Job(app, "burn", burns()).start()
    job.stop()
    assert job.join(10)


@pytest.mark.fault(33)
def test_a_job_that_loses_the_exception_is_stopped_all_the_same() -> None:
    """Python drops it where it strikes in a callback of a weak reference."""
    app = make_app()
    lost = threading.Event()

    def burns() -> Iterator[Progress]:
        while True:
            try:
                while True:
                    pass
            except SystemExit:
                if lost.is_set():
                    raise
                lost.set()
        yield Progress(fraction=1.0)

    job = Job(app, "burn", burns()).start()
    job.stop()
    assert job.join(30)
    assert lost.is_set()


@pytest.mark.fault(33)
async def test_leaving_stops_what_is_being_read() -> None:
    """Else it burns a core until the process is gone."""
    go = threading.Event()

    def reads() -> Iterator[Progress]:
        yield Progress(fraction=0.1)
        go.wait(30)

    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.jobs.open("endless", reads(), ())
        await pilot.pause()
        job = app.jobs.opening
        assert job is not None
        await press(pilot, "q")
    assert job.stopped
    go.set()


@pytest.mark.fault(33)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # one that was lost
async def test_a_scenario_without_end_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the limit on a scenario would end it by itself, on a fast machine before this looks
    monkeypatch.setattr("execmem_tui.scenarios.runner.MAP_LIMIT", 10**9)
    scenario = tmp_path / "long.toml"
    scenario.write_text(
        'title = "long"\narch = "arm64"\n'
        "[[steps]]\nrepeat = 1000000\n"
        'steps = [{ repeat = 1000, steps = [{ alloc = "MODULE_TEXT", size = 4096 }] }]\n'
    )
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "o")
        app.screen.query_one(Input).value = str(scenario)
        await press(pilot, "enter")
        job = app.jobs.opening
        assert job is not None
        assert not job.join(0.05), shown_text(app)
        await press(pilot, "escape")
        assert job.join(10)


@pytest.mark.breaks
async def test_a_fault_of_an_action_is_shown_and_life_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app()

    def broken() -> None:
        raise ZeroDivisionError("by \x1b[31mzero")

    async with app.run_test(size=(120, 40)) as pilot:
        monkeypatch.setattr(app.kernel, "action_purge", broken)
        await press(pilot, "a", "p")
        assert isinstance(app.screen, ErrorSheet)
        assert "by \\x1b[31mzero" in shown_text(app)
        await press(pilot, "escape", "a")
        assert app.shown.snapshot.counters.allocations == 2


@pytest.mark.breaks
async def test_a_fault_of_what_a_dialog_asks_for_is_shown() -> None:
    app = make_app()

    def broken(_: str) -> None:
        raise ZeroDivisionError("in a dialog")

    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "g")
        dialog = app.screen
        assert isinstance(dialog, Dialog)
        dialog._do = broken
        await press(pilot, "1", "enter")
        assert isinstance(app.screen, ErrorSheet)
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1


@pytest.mark.breaks
async def test_a_fault_of_a_job_is_shown() -> None:
    app = make_app()

    def broken() -> Iterator[Event]:
        raise ZeroDivisionError("in a job")
        yield

    async with app.run_test(size=(120, 40)) as pilot:
        app.jobs.open("x", broken(), [])  # type: ignore[arg-type]
        await settle(app)
        await pilot.pause()
        assert isinstance(app.screen, ErrorSheet)
        assert "in a job" in shown_text(app)


@pytest.mark.fault(30)
@pytest.mark.parametrize(("opens", "field"), [("g", "#line"), ("i", "#line"), ("A", "#size")])
async def test_what_is_typed_ahead_waits_for_the_dialog(opens: str, field: str) -> None:
    """Keys that followed a command at once went to the map, or nowhere while a list was
    composed."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for key in (opens, *"1234"):
            app.simulate_key(key)
        for _ in range(4):
            await pilot.pause()
        assert app.screen.query_one(field, Input).value == "1234"
        assert app.pane == 1


async def test_what_is_typed_before_the_screen_is_there_waits_for_it() -> None:
    """On a busy machine a user types before the first paint: the keys found no map and all died."""
    app = make_app()

    class Early(type(app)):  # type: ignore[misc]
        """Types as soon as the application exists."""

        def on_load(self) -> None:
            for key in ("A", "enter", "enter"):
                self.post_message(events.Key(key, None))

    app.__class__ = Early
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(app)
        await pilot.pause()
        assert app.main.ready
        assert app.is_running
        assert isinstance(app.screen, Dialog) or app.shown.snapshot.areas


async def test_a_signal_ends_it_even_where_the_terminal_takes_nothing_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A hang-up left a process behind that waited for room in the queue of a dead writer."""
    armed: list[tuple[float, object, tuple[int, ...]]] = []

    class Alarm:
        daemon = False

        def __init__(self, seconds: float, do: object, args: tuple[int, ...]) -> None:
            armed.append((seconds, do, args))

        def start(self) -> None:
            assert self.daemon  # else it would be waited for

    before = signal.getsignal(signal.SIGHUP)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        monkeypatch.setattr("execmem_tui.tui.leaving.threading.Timer", Alarm)
        monkeypatch.setattr(type(app), "is_headless", property(lambda _: False))
        signal.raise_signal(signal.SIGHUP)
        await pilot.pause()
    assert armed == [(2.0, os._exit, (129,))]
    assert app.return_code == 129
    assert signal.getsignal(signal.SIGHUP) == before


async def test_a_size_that_the_terminal_has_no_more_is_passed_over() -> None:
    """Two of them at the start, of a serial console without a size, were laid out by turns."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for stale in (Size(80, 25), Size(80, 24), Size(80, 25)):
            app.main.post_message(events.Resize(stale, stale))
        await pilot.pause()
        assert app.main.outer_size == app.size == Size(80, 24)
        await pilot.resize_terminal(100, 30)
        assert app.main.outer_size == app.size == Size(100, 30)
