"""A source that is opened: with a bar, bit by bit, one of several, where the command line says."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from execmem_tui.history import History
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.base import Progress, Recording, SourceKind
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.simulation import Simulation
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.view.paint import LensName
from execmem_tui.view.sentence import OPENING
from tests.tui.driving import history, make_app, press, settle, shown_text

CAPTURES = Path(__file__).parents[1] / "data" / "captures"


@pytest.mark.fault(10)
async def test_a_trace_that_is_read_is_waited_for_with_a_bar() -> None:
    """Nothing was on the terminal until all was parsed."""
    from execmem_tui.tui.opening import nothing
    from execmem_tui.tui.start import Opening

    simulation = history()
    go = threading.Event()

    def reads() -> Iterator[Progress]:
        yield Progress(fraction=0.25)
        go.wait(30)
        yield Progress(fraction=1.0, source=simulation)

    app = ExecmemApp(
        nothing("long.txt"),
        theme="execmem-dark",
        opening=Opening("long.txt", reads(), ("long.txt",)),
    )
    app.rest = 0.0
    async with app.run_test(size=(100, 30)) as pilot:
        for _ in range(100):
            await pilot.pause()
            if "25 %" in shown_text(app):
                break
        text = shown_text(app)
        assert "opening long.txt" in text
        assert "25 %" in text
        assert "Esc stops" in text
        assert "MODULE" not in text
        head, said, *_ = text.splitlines()
        assert head.startswith(" execmem-tui  opening long.txt  "), "it is no capture"
        assert said.strip() == OPENING.text
        hinted, bar = text.splitlines()[-2:]
        assert "Esc stop" in hinted, "keys stand where they always do"
        assert "25 %" in bar
        assert [hint.word for hint in app.main.hints] == ["stop", "quit"]
        assert app.main.findings is None, "of nothing"
        go.set()
        await settle(app)
        await pilot.pause()
        assert app.source is simulation
        assert "MODULE" in shown_text(app)
        assert "opening" not in shown_text(app)


async def test_a_run_shows_one_phase_until_all_are_read_and_stays_where_one_looks() -> None:
    from execmem_tui.sources.opening import read_path
    from execmem_tui.tui.opening import nothing
    from execmem_tui.tui.start import Opening, Start

    go = threading.Event()
    run = str(CAPTURES / "arm64-7.2.13-nokaslr")

    def reads() -> Iterator[Progress]:
        part, *rest = read_path(run)
        yield part
        go.wait(30)
        yield from rest

    opening, start = Opening("run", reads(), (run,)), Start(step=1)
    app = ExecmemApp(nothing("run"), theme="execmem-dark", opening=opening, start=start)
    async with app.run_test(size=(120, 40)) as pilot:
        for _ in range(100):
            await pilot.pause()
            if app.source.history.steps and "MODULE" in shown_text(app):
                break
        part = app.source
        assert part.history.steps == 1
        assert "MODULE" in shown_text(app)
        await press(pilot, "4", "down", "down")
        cursor = app.cursor
        go.set()
        await settle(app)
        await pilot.pause()
        history = app.source.history
        assert app.source is not part
        assert (app.pane, app.cursor, app.opened) == (4, cursor, (run,))
        assert history.steps > 1
        assert history.step == 1, "the step of the command line is one of the whole run"
        await press(pilot, "right_square_bracket")
        assert app.shown.snapshot.step == history.step == 2


async def test_what_is_begun_is_there_with_the_first_paint() -> None:
    from execmem_tui.sources.opening import read_path
    from execmem_tui.tui.start import Opening

    run = str(CAPTURES / "arm64-7.2.13-nokaslr")
    opener = read_path(run)
    begun = next(opener)
    assert begun.source is not None
    app = ExecmemApp(
        begun.source, theme="execmem-dark", opening=Opening("run", opener, (run,), begun)
    )
    async with app.run_test(size=(120, 40)) as pilot:
        assert not app.waiting
        await settle(app)
        await pilot.pause()
        assert app.source is not begun.source
        assert app.source.history.steps > 1
        assert app.opened == (run,)


async def test_of_captures_of_several_machines_one_is_chosen(tmp_path: Path) -> None:
    """One of them was shown, as if the others were its phases."""
    for name in ("zeroed", "arm64-7.2.13-nokaslr", "ppc32-g4"):
        (tmp_path / name).symlink_to(CAPTURES / name)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, "o")
        app.screen.query_one(Input).value = str(tmp_path)
        await press(pilot, "enter")
        await settle(app)
        await pilot.pause()
        text = shown_text(app)
        assert "3 captures: which one?" in text
        assert all(name in text for name in ("zeroed", "arm64-7.2.13-nokaslr", "ppc32-g4"))
        await press(pilot, "enter")
        await settle(app)
        await pilot.pause()
        assert app.source.title == "arm64-7.2.13-nokaslr"
        assert app.opened == (f"{tmp_path}/arm64-7.2.13-nokaslr",)


async def test_escape_leaves_what_was_not_opened_yet() -> None:
    from execmem_tui.tui.opening import nothing
    from execmem_tui.tui.start import Opening

    go = threading.Event()

    def reads() -> Iterator[Progress]:
        yield Progress(fraction=0.0)
        go.wait(30)

    app = ExecmemApp(nothing("x"), theme="execmem-dark", opening=Opening("x", reads(), ("x",)))
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, "escape")
    go.set()
    assert app.return_value == 0


async def test_a_source_begins_where_the_command_line_says() -> None:
    from execmem_tui.tui.start import Start

    simulation = history()
    app = ExecmemApp(simulation, theme="execmem-dark", start=Start(step=9, at="jbd2"))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert simulation.history.step == 9
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert area.owner == "jbd2"


async def test_one_goes_to_a_step_as_soon_as_it_is_there_while_more_is_read() -> None:
    from execmem_tui.tui.opening import nothing
    from execmem_tui.tui.start import Opening, Start

    whole = history()
    events = whole.history.events(0, whole.history.steps)
    source = Recording(SourceKind.REPLAY, "growing", History(whole.history.layout))
    go = threading.Event()

    def reads() -> Iterator[Progress]:
        yield Progress(fraction=0.2, source=source, events=tuple(events[:4]))
        yield Progress(fraction=0.4, source=source, events=tuple(events[4:9]))
        go.wait(30)
        yield Progress(fraction=1.0, source=source, events=tuple(events[9:]))

    app = ExecmemApp(
        nothing("long.txt"),
        theme="execmem-dark",
        opening=Opening("long.txt", reads(), ("long.txt",)),
        start=Start(step=9),
    )
    async with app.run_test(size=(100, 30)) as pilot:
        for _ in range(100):
            await pilot.pause()
            if source.history.step:
                break
        assert source.history.step == source.history.steps == 9
        go.set()
        await settle(app)
        await pilot.pause()
        assert source.history.steps == len(events)
        assert source.history.step == 9, "once"


async def test_the_command_that_boots_a_machine_again_names_it() -> None:
    from execmem_tui.tui.opening import nothing
    from execmem_tui.tui.start import Opening

    simulation = history()

    def boots() -> Iterator[Progress]:
        yield Progress(fraction=1.0, source=simulation)

    app = ExecmemApp(nothing("x"), theme="execmem-dark", opening=Opening("x", boots(), ()))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await settle(app)
        await pilot.pause()
        await press(pilot, "Y")
        assert "--arch arm64 --kernel 7.1 --variant va48-4k --empty --do " in app.clipboard


async def test_the_command_that_shows_this_again_names_the_lens() -> None:
    app = make_app(history())
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, "Y")
        assert "--lens" not in app.clipboard
        await press(pilot, "V", "Y")
        assert app.clipboard.endswith(" --lens reach")
        await press(pilot, "=")
        assert app.lens is LensName.DIFFERENCE
        await press(pilot, "Y")
        assert "--lens" not in app.clipboard, "no word says what is compared with"


async def test_the_command_repeats_what_was_done_by_hand() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "Y")
        assert "--do" not in app.clipboard
        await press(pilot, "a", "B", "Y")
        assert " --do 'alloc MODULE_TEXT 64K' --do fill --at " in app.clipboard
        assert "--step" not in app.clipboard
        await press(pilot, "[", "Y")
        assert " --step " in app.clipboard, "between the events of a command"
        await press(pilot, "u", "u", "Y")
        assert "--do" not in app.clipboard


async def test_the_command_says_what_it_does_not_repeat() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        assert isinstance(app.source, Simulation)
        app.source.allocate(ExecmemType.BPF, 4096, owner="two words")
        app.show_step()
        await press(pilot, "Y")
        assert "without the 1 command made by hand since" in shown_text(app)


async def test_a_lens_of_the_command_line() -> None:
    from execmem_tui.cli.source_options import LENSES as OPTIONS
    from execmem_tui.tui.start import Start
    from execmem_tui.view.paint import LENSES

    assert set(OPTIONS) == {lens.value for lens in LENSES}
    app = ExecmemApp(history(), theme="execmem-dark", start=Start(lens=LensName.OWNER))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert app.lens is LensName.OWNER
        assert "lens owner" in shown_text(app)
