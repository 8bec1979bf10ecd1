"""How the application starts: one frame with all of it, and nothing that a start does not need."""

import asyncio
import gc
import subprocess
import sys
from collections.abc import Iterator
from inspect import signature
from pathlib import Path

import pytest
from textual._callback import count_parameters
from textual._compositor import ReflowResult
from textual.design import ColorSystem
from textual.geometry import Size
from textual.widget import Widget

from execmem_tui.cli import application
from execmem_tui.cli.commands import APPLICATION, parser_of
from execmem_tui.cli.config import Config
from execmem_tui.sources.base import Progress
from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.screens.dialog import Dialog
from execmem_tui.tui.screens.first_frame import Laid, Painting
from execmem_tui.tui.screens.lazy_widgets import _LAZY
from execmem_tui.tui.screens.sheets import ErrorSheet
from execmem_tui.tui.start import Opening
from execmem_tui.tui.widgets.map import DetailMap
from tests.tui.driving import make_app, press, settle, shown_text

CAPTURES = Path(__file__).parents[1] / "data" / "captures"


class Filmed(ExecmemApp):
    """Keeps what each frame showed."""

    frames: list[str]

    def post_display_hook(self) -> None:
        """After each frame."""
        if self.screen is self.main:
            self.frames.append(shown_text(self))


def filmed(app: ExecmemApp) -> Filmed:
    app.__class__ = Filmed
    assert isinstance(app, Filmed)
    app.frames = []
    return app


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50), (250, 60)])
async def test_the_first_frame_has_all_of_the_screen(size: tuple[int, int]) -> None:
    """Five frames came before the first one with a map: blank, then with other columns."""
    app = filmed(ExecmemApp(open_booted("arm64"), theme="execmem-dark"))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.pause()
        first = app.frames[0]
        assert " a cell" in first
        assert "TIME" in first
        assert "kernel image" in first
        assert first == app.frames[-1] == shown_text(app)
        assert len(app.frames) == 1


async def test_all_is_laid_out_once_for_its_size_and_once_for_what_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Textual tells the screen its size three times more, and had all laid out each time."""
    sizes: list[tuple[int, int]] = []
    reflow = Laid.reflow

    def counted(compositor: Laid, parent: Widget, size: Size) -> ReflowResult:
        sizes.append((size.width, size.height))
        return reflow(compositor, parent, size)

    monkeypatch.setattr(Laid, "reflow", counted)
    app = filmed(ExecmemApp(open_booted("arm64"), theme="execmem-dark"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert sizes == [(120, 40)] * 2
        await pilot.resize_terminal(100, 30)
        await pilot.pause()
        assert sizes[-1] == (100, 30)


async def test_a_guard_says_how_many_values_its_watcher_takes() -> None:
    """Textual counts them by `inspect`, which took a fiftieth of a start for the guards alone."""
    app = make_app()
    async with app.run_test(size=(120, 40)):
        widgets = (app.main, *app.main.walk_children(Widget))
        guards = [
            (getattr(widget, name), len(signature(getattr(type(widget), name)).parameters) - 1)
            for widget in widgets
            for name in vars(widget)
            if name.startswith("watch_")
        ]
        assert len(guards) > 100
        assert {count for _, count in guards} == {0, 1, 2}
        for guard, count in guards:
            assert vars(guard)["_param_count"] == count == count_parameters(guard)


def test_the_colours_of_styles_are_mixed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual asks for them while the application is made, before it wears its theme."""
    mixed: list[ColorSystem] = []
    generate = ColorSystem.generate

    def counted(system: ColorSystem) -> dict[str, str]:
        mixed.append(system)
        return generate(system)

    monkeypatch.setattr(ColorSystem, "generate", counted)
    app = ExecmemApp(open_booted("arm64"), theme="execmem-light")
    assert len(mixed) == 1
    assert (
        app.stylesheet._variables["execmem-module"] == app.current_theme.variables["execmem-module"]
    )


async def test_the_first_frame_says_what_is_waited_for() -> None:
    """The map has no size then: nobody waits for it."""
    from execmem_tui.tui.opening import nothing

    more = asyncio.Event()

    def reads() -> Iterator[Progress]:
        yield Progress(fraction=0.0)
        while not more.is_set():
            yield Progress(fraction=0.5)

    opening = Opening("a slow file", reads(), ("x",))
    app = filmed(ExecmemApp(nothing("a slow file"), theme="execmem-dark", opening=opening))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert "a slow file" in app.frames[0]
        assert "Esc stops" in shown_text(app)
        more.set()
        await settle(app)
        await press(pilot, "escape")


async def test_a_dialog_that_was_asked_for_early_does_not_keep_the_source_waiting() -> None:
    """It lies over the screen before that is painted."""
    from execmem_tui.sources.opening import read_path

    run = str(CAPTURES / "arm64-7.2.13-nokaslr")
    opener = read_path(run)
    begun = next(opener)
    assert begun.source is not None

    class Early(Filmed):
        """Opens a dialog as soon as there is a screen to open it over."""

        async def on_main_screen_ready(self) -> None:
            assert self.main.first_frame.painting is not Painting.ON
            self.look.action_goto()
            await super().on_main_screen_ready()

    app = Early(begun.source, theme="execmem-dark", opening=Opening("run", opener, (run,), begun))
    app.frames = []
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        await settle(app)
        await pilot.pause()
        assert isinstance(app.screen, Dialog)
        assert app.source is not begun.source
        assert app.opened == (run,)
        await press(pilot, "escape")
        assert " a cell" in app.frames[-1]


@pytest.mark.breaks
async def test_a_map_that_breaks_at_once_does_not_keep_the_screen_dark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def breaks(_: DetailMap) -> None:
        raise ZeroDivisionError("while it was told its size")

    monkeypatch.setattr(DetailMap, "on_resize", breaks)
    app = filmed(make_app())
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert isinstance(app.screen, ErrorSheet)
        await press(pilot, "escape")
        assert "simulated arm64" in app.frames[-1]


async def test_what_few_need_comes_when_it_is_needed() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a")
        assert not [name for name in _LAZY if app.main.query(name)]
        await press(pilot, "L")
        await press(pilot, "L", "question_mark")
        await press(pilot, "question_mark", "H")
        await press(pilot, "H", "equals_sign", "question_mark")
        there = [name for name in _LAZY if app.main.query(name)]
        assert there == ["TimeMapView", "ComparisonLine", "AreaList", "HelpPanel"]
        await press(pilot, "question_mark", "L", "L", "L", "H", "H", "S")
        assert there == [name for name in _LAZY if app.main.query(name)]
        assert all(len(app.main.query(name)) == 1 for name in there)


async def test_a_list_that_comes_knows_where_the_cursor_is() -> None:
    """It is told of the step and of the cursor in one go, not of the one after the other."""
    app = ExecmemApp(open_booted("arm64"), theme="execmem-dark")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "w", "w", "w")
        here = app.shown.snapshot.area_at(app.cursor)
        assert here is not None
        await press(pilot, "L")
        at = list(app.shown.snapshot.areas).index(here)
        assert app.main.panels.list.lines.highlighted == at > 0


async def test_garbage_is_collected_again_after_the_first_frame() -> None:
    app = make_app()
    gc.disable()
    try:
        async with app.run_test(size=(100, 30)) as pilot:
            await pilot.pause()
            assert gc.isenabled()
            assert gc.get_freeze_count() > 10_000, "what is there by then is not looked at again"
    finally:
        gc.unfreeze()
        gc.enable()


def test_no_garbage_is_looked_for_until_then_and_in_any_case_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def shown(*_: object, **__: object) -> int:
        assert not gc.isenabled()
        raise OSError("a terminal that went away")

    monkeypatch.setattr(application, "has_terminal", lambda: True)
    monkeypatch.setattr("execmem_tui.tui.run.run_app", shown)
    with pytest.raises(OSError, match="went away"):
        application.run(parser_of(APPLICATION).parse_args([]))
    assert gc.isenabled()
    with pytest.raises(OSError, match="went away"):
        application.take_tour("fallback", Config())
    assert gc.isenabled()


def test_a_first_frame_imports_nothing_that_it_does_not_show() -> None:
    """Half of a start is imports; what a key asks for comes with the key."""
    program = """
import asyncio, sys
from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.app import ExecmemApp

async def start():
    async with ExecmemApp(open_booted("arm64"), theme="execmem-dark").run_test(size=(120, 40)):
        print(*sorted(name for name in sys.modules if name.startswith("execmem_tui.")))

asyncio.run(start())
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    spared = {
        *(f"tui.screens.{name}" for name in ("commands", "dialog", "overlay", "sheets")),
        *(f"tui.widgets.{name}" for name in ("area_list", "bar", "comparison", "help")),
        *(f"tui.widgets.{name}" for name in ("other_map", "time_map", "tour_card")),
        *(f"view.{name}" for name in ("beside", "compared", "filter", "finding", "preview_lens")),
        *(f"view.{name}" for name in ("ghosts", "lenses", "places", "repeat", "tour_card")),
        *(f"tui.{name}" for name in ("exporting", "highlighting", "jobs", "kernel", "looking")),
        *(f"tui.{name}" for name in ("noting", "opening", "presenting", "timeline", "why")),
        *("analysis.superpose", "bundles.several", "view.availability"),
        *("model.documents", "model.numbers"),
        "tui.presenter_lines",
        *(f"tui.{name}" for name in ("comparing", "flashing", "showing", "source_jobs", "touring")),
    }
    assert not spared & {name.removeprefix("execmem_tui.") for name in done.stdout.split()}


async def test_a_list_that_stands_by_itself_has_the_keys_where_it_has_the_focus() -> None:
    app = ExecmemApp(open_booted("arm64"), theme="execmem-dark")
    async with app.run_test(size=(300, 60)) as pilot:
        await pilot.pause()
        assert app.main.panels.list.standing
        assert not app.main.panels.in_list
        app.main.panels.list.lines.focus()
        await pilot.pause()
        assert app.main.panels.in_list
