"""Every key of the registry is pressed, and does what it says or says why not."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from execmem_tui.model.events import Failed
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.base import Progress
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.widgets.legend import Legend
from execmem_tui.tui.widgets.line_list import LineList
from execmem_tui.view.actions import ACTIONS, rebound
from execmem_tui.view.keymaps import KEYMAPS
from execmem_tui.view.paint import LensName
from execmem_tui.view.timemap import Scale
from tests.tui.driving import make_app, press, settle, shown_text

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
MIB = 1 << 20
Check = Callable[[ExecmemApp], bool]
MOVES = "the map shows something else"
GROWS = "something happened"


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


def overlay(name: str) -> Check:
    return lambda app: type(app.screen).__name__ == name


def says(text: str) -> Check:
    return lambda app: text in shown_text(app)


def step(app: ExecmemApp) -> int:
    return app.source.history.step


_FIRST = 0xFFFF80007B000000

SCRIPT: tuple[tuple[str, Check | str], ...] = (
    ("pane_2", lambda app: app.pane == 2),
    ("pane_3", lambda app: app.pane == 3),
    ("pane_4", lambda app: app.pane == 4),
    ("next_pane", lambda app: app.pane == 1),
    ("pane_1", lambda app: app.pane == 1),
    ("maximise", lambda app: app.main.has_class("maximised")),
    ("maximise", lambda app: not app.main.has_class("maximised")),
    ("side", lambda app: app.main.has_class("no-side")),
    ("side", lambda app: not app.main.has_class("no-side")),
    ("fit", MOVES),
    ("zoom_out", MOVES),
    ("zoom_in", MOVES),
    ("right", MOVES),
    ("left", MOVES),
    ("down", MOVES),
    ("up", MOVES),
    ("page_down", MOVES),
    ("page_up", MOVES),
    ("next_area", MOVES),
    ("previous_area", MOVES),
    ("whole", says("what is used, the rest folded")),
    ("whole", says("the window to scale")),
    ("whole", says("everything to scale")),
    ("whole", says("what is used, the rest folded")),
    ("lens", lambda app: app.lens is LensName.REACH and "lens reach" in shown_text(app)),
    ("lens", lambda app: app.lens is LensName.PERMISSION),
    ("lens", lambda app: app.lens is LensName.AGE),
    ("lens", lambda app: app.lens is LensName.OWNER),
    ("lens", lambda app: app.lens is LensName.KIND),
    ("origin", lambda app: app.origin is not None),
    ("origin", lambda app: app.origin is None),
    ("second_origin", lambda app: app.second is not None),
    ("second_origin", lambda app: app.second is None),
    ("first", lambda app: step(app) == 0),
    ("follow", lambda app: app.follows),
    ("step_on", MOVES),
    ("follow", lambda app: not app.follows),
    ("step_back", lambda app: step(app) == 0),
    ("step_on", lambda app: step(app) == 1),
    ("step_back", lambda app: step(app) == 0),
    ("last_step", lambda app: step(app) > 0),
    ("first_step", lambda app: step(app) < app.source.history.steps),
    ("play", lambda app: app.playing),
    ("faster", says("10 events a second")),
    ("slower", says("5 events a second")),
    ("play", lambda app: not app.playing),
    ("peak", lambda app: step(app) > 0),
    ("first", lambda app: step(app) == 0),
    ("next_fallback", lambda app: app.pane == 1 and says("placed far away")(app)),
    ("previous_fallback", says("placed far away")),
    ("next_failure", lambda app: isinstance(app.shown.snapshot.event, Failed)),
    ("previous_failure", lambda app: isinstance(app.shown.snapshot.event, Failed)),
    ("last", lambda app: app.source.history.at_end),
    ("time_map", lambda app: app.main.has_class("time-map")),
    ("time_map", lambda app: not app.main.has_class("time-map")),
    ("seconds", lambda app: app.main.panels.time_map.scale is Scale.SECONDS),
    ("list", lambda app: app.main.panels.in_list),
    ("stop", lambda app: not app.main.panels.in_list and app.main.panels.list.has_class("open")),
    ("stop", lambda app: not app.main.panels.list.has_class("open")),
    (
        "help",
        lambda app: (
            app.main.panels.help.has_class("open") and says("zoom in about the cursor")(app)
        ),
    ),
    ("help", lambda app: not app.main.panels.help.has_class("open")),
    ("notes", says("Nothing to note")),
    ("copy_address", says("copied ffff8000")),
    ("copy_command", says("copied execmem-tui --arch arm64")),
    ("allocate", GROWS),
    ("undo", lambda app: not app.source.history.at_end),
    ("redo", lambda app: app.source.history.at_end),
    ("purge", GROWS),
    ("free", GROWS),
    ("fill", lambda app: app.shown.snapshot.counters.fallbacks > 1),
)
"""Keys in their order, and what is true after each."""

OVERLAYS = {
    "allocate_as": "AllocateDialog",
    "insert": "Chooser",
    "free_as": "Chooser",
    "filter": "AskLine",
    "find": "Chooser",
    "goto": "AskLine",
    "why": "WhySheet",
    "log": "EventLog",
    "explain": "TextSheet",
    "ranges": "TextSheet",
    "architectures": "PictureSheet",
    "choose": "ChooseLayout",
    "scenario": "ScenarioBrowser",
    "open": "AskLine",
    "export": "AskLine",
}
"""What opens over the map; Escape leaves it."""

ELSEWHERE = {
    "suspend": "test_ctrl_z_suspends",
    "quit": "test_q_leaves",
    "findings": "tests/tui/test_why.py",
    "pin": "tests/tui/test_comparing.py",
    "compare": "tests/tui/test_comparing.py",
    "beside": "tests/tui/test_comparing.py",
    "next_difference": "tests/tui/test_comparing.py",
    "previous_difference": "tests/tui/test_comparing.py",
    "differences": "tests/tui/test_comparing.py",
    "next_tenant": "tests/tui/test_why.py",
    "previous_tenant": "tests/tui/test_why.py",
    "go_on": "tests/tui/test_tour.py",
    "note": "tests/tui/test_noting.py",
    "tour": "tests/tui/test_tour.py",
    "presenter": "tests/tui/test_tour.py",
    "tour_back": "tests/tui/test_tour.py",
    "tour_skip": "tests/tui/test_tour.py",
}


def test_every_action_is_pressed_somewhere() -> None:
    pressed = {name for name, _ in SCRIPT} | set(OVERLAYS) | set(ELSEWHERE)
    assert {action.id for action in ACTIONS} - pressed == set()


async def test_keys_do_what_they_say() -> None:
    keys = {action.id: action.keys.split(",")[0] for action in ACTIONS}
    app = make_app(history())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        for name, check in SCRIPT:
            app.clear_notifications()
            view, steps = app.main.map.viewport, app.source.history.steps
            await press(pilot, keys[name])
            if isinstance(check, str):
                moved = app.main.map.viewport != view
                assert moved if check == MOVES else app.source.history.steps > steps, name
            else:
                assert check(app), name
            assert len(app.screen_stack) == 1, name


async def test_what_opens_over_the_map_opens_and_leaves() -> None:
    keys = {action.id: action.keys for action in ACTIONS}
    app = make_app(history())
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, "N")
        for name, screen in OVERLAYS.items():
            await press(pilot, keys[name].split(",")[0])
            assert overlay(screen)(app), name
            await press(pilot, "escape", "escape")
            assert len(app.screen_stack) == 1, name


async def test_q_leaves() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "q")
    assert not app.is_running


async def test_ctrl_z_suspends(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    asked: list[bool] = []
    monkeypatch.setattr(app, "action_suspend_process", lambda: asked.append(True))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "ctrl+z")
    assert asked == [True]


async def test_two_hundred_keys_lose_none() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for _ in range(100):
            app.simulate_key("a")
        for _ in range(50):
            app.simulate_key("u")
        await pilot.pause()
        await pilot.pause()
        assert app.shown.snapshot.counters.allocations == 50


@pytest.mark.fault(26)
async def test_a_key_that_does_nothing_says_why() -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await press(pilot, "space")
        assert "Nothing has happened yet" in shown_text(app)
        assert not app.playing


async def click(pilot: Pilot[int], app: ExecmemApp, text: str) -> None:
    """Click on the first place where a text is on the screen."""
    for y, line in enumerate(shown_text(app).splitlines()):
        if text in line:
            await pilot.click(offset=(line.index(text), y))
            await pilot.pause()
            return
    pytest.fail(f"not on the screen: {text}")


async def test_hints_cards_lists_and_events_take_the_mouse() -> None:
    app = make_app()
    async with app.run_test(size=(120, 75)) as pilot:
        app.main.offers = True
        await pilot.pause()
        await click(pilot, app, "load a module by its name")
        assert overlay("Chooser")(app)
        assert not app.main.offers
        await press(pilot, "escape")
        await click(pilot, app, "allocate")
        await click(pilot, app, "allocate")
        assert app.shown.snapshot.counters.allocations == 2
        await press(pilot, "L")
        areas = app.shown.snapshot.areas
        await click(pilot, app, f"{areas[-1].start:x} ")
        assert app.cursor == areas[-1].start
        await press(pilot, "L")
        newest = app.source.history.step
        line = next(
            line for line in shown_text(app).splitlines() if " 1 +" in line or " 1 ffff" in line
        )
        await click(pilot, app, line[-20:])
        assert app.source.history.step == 1 < newest


async def test_the_card_comes_once(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for offered in (True, False):
        app = make_app()
        async with app.run_test(size=(120, 40)) as pilot:
            await pilot.pause()
            assert app.main.offers is offered
            assert ("TRY" in shown_text(app)) is offered
            await press(pilot, "escape")
            assert not app.main.offers


@pytest.mark.fault(5)
async def test_a_module_of_exactly_that_name(tmp_path: object) -> None:
    del tmp_path
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i", *"xfs", "enter")
        owners = {area.owner for area in app.shown.snapshot.areas}
        assert "xfs" in owners
        assert "freevxfs" not in owners


@pytest.mark.fault(14)
@pytest.mark.parametrize("key", ["i", "F", "slash", "s"])
async def test_nothing_matches_and_the_dialog_stays(key: str) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "a", key, *"zzqqzz", "enter")
        assert len(app.screen_stack) == 2
        assert "nothing matches zzqqzz" in shown_text(app)
        assert app.screen.query_one(Input).value == "zzqqzz"


@pytest.mark.fault(14)
async def test_where_nothing_matches_the_nearest_name_is_named() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "i", *"nouveauu")
        assert "nothing matches nouveauu; there is nouveau" in shown_text(app)
        await press(pilot, "enter")
        assert "did you mean nouveau?" in shown_text(app)


@pytest.mark.fault(15, 16)
async def test_a_wrong_place_keeps_its_text_and_one_outside_is_said() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for text, said in (
            ("zzz", "no place is called zzz"),
            ("0", "lies outside of every map"),
            ("@1", "nothing here has a time"),
        ):
            await press(pilot, "g")
            app.screen.query_one(Input).value = text
            await press(pilot, "enter")
            assert said in shown_text(app)
            assert app.screen.query_one(Input).value == text
            await press(pilot, "escape")
        await press(pilot, "g")
        app.screen.query_one(Input).value = "ffff800083001000"
        await press(pilot, "enter")
        assert app.cursor == 0xFFFF800083001000


@pytest.mark.fault(13, 15)
async def test_an_allocation_that_means_nothing_is_said_where_it_is_seen() -> None:
    """On 80 x 24 the error lay below the edge."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "A", *"abc", "enter")
        text = shown_text(app)
        assert "abc" in text
        assert "not a size" in text or "no size" in text, text
        assert "Esc leaves" in text


@pytest.mark.fault(20)
async def test_a_picture_that_cannot_be_drawn_is_refused(tmp_path: object) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "e")
        app.screen.query_one(Input).value = f"{tmp_path}/m.pdf"
        await press(pilot, "enter")
        assert "cannot write .pdf" in shown_text(app)
        app.screen.query_one(Input).value = f"{tmp_path}/m.svg"
        await press(pilot, "enter")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        with open(f"{tmp_path}/m.svg", encoding="utf-8") as file:  # noqa: ASYNC230, PTH123 - a test
            assert "MODULE" in file.read()


@pytest.mark.fault(21)
async def test_another_machine_can_be_taken_back() -> None:
    """What was simulated was gone."""
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "a", "a")
        before = app.source
        app.opens.boot("x86")
        await pilot.pause()
        assert app.shown.snapshot.layout.arch == "x86"
        await press(pilot, "u")
        assert app.source is before
        assert app.shown.snapshot.counters.allocations == 3
        app.opens.boot("x86")
        await press(pilot, "a", "u", "u")
        assert app.shown.snapshot.layout.arch == "x86"


@pytest.mark.fault(24)
async def test_the_example_image_is_nobodys_choice() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "x")
        text = shown_text(app)
        assert "_text" in text
        assert "set by you" not in text


@pytest.mark.fault(29)
async def test_the_palette_finds_places_modules_and_machines_but_nothing_over_a_sheet() -> None:
    from textual.command import CommandPalette

    from execmem_tui.tui.providers import Everything

    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a")

        async def found(query: str) -> list[str]:
            provider = Everything(app.screen)
            return [str(hit.text or hit.prompt) async for hit in provider.search(query)]

        assert any("Fill up" in text for text in await found("fill up"))
        assert any(text == "Load ext4" for text in await found("ext4"))
        assert any(text == "Boot x86" for text in await found("x86"))
        assert any(text == "Play laptop-arm64" for text in await found("laptop-arm64"))
        assert any(text.startswith("Go to") for text in await found("ffff80007b000000"))
        assert any("Pin" in text for text in await found("compare others"))
        assert len(await found("i")) < len(await found("in")), "one letter explains nothing"
        await press(pilot, "T")
        assert await found("fill up") == []
        await press(pilot, "escape", "ctrl+p")
        assert isinstance(app.screen, CommandPalette)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_scenario_is_told_about_in_lines_of_a_readable_length(
    size: tuple[int, int],
) -> None:
    """The box was that of a dialog that leaves the map in sight: four words a line."""
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await press(pilot, "s")
        box = app.screen.query_one("#box")
        assert box.outer_size.width == min(100, size[0])
        about = app.screen.query_one("#about")
        assert about.size.width >= 36
        assert abs(box.region.x - (size[0] - box.region.right)) <= 1, "in the middle"


async def test_lists_are_filtered_and_sorted() -> None:
    app = make_app(history())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "backslash")
        app.screen.query_one(Input).value = "ext4"
        await press(pilot, "enter", "L")
        text = shown_text(app)
        assert " of " in text
        assert "areas by address" in text
        await press(pilot, "s")
        assert "areas by size" in shown_text(app)
        first = app.main.panels.list.lines.highlighted
        await press(pilot, "down", "enter")
        assert app.main.panels.list.lines.highlighted == first + 1 or first > 0
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert area.owner == "ext4"
        await press(pilot, "L", "backslash")
        app.screen.query_one(Input).value = "<abc"
        await press(pilot, "enter")
        assert len(app.screen_stack) == 2
        app.screen.query_one(Input).value = ""
        await press(pilot, "enter")
        assert app.filter == ""


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


@pytest.mark.parametrize("name", KEYMAPS)
def test_presets_name_actions_and_clash_nowhere(name: str) -> None:
    assert set(KEYMAPS[name]) <= {action.id for action in ACTIONS}
    keys = [key for action in rebound(KEYMAPS[name]) for key in action.keys.split(",")]
    assert len(set(keys)) == len(keys)
    assert set("jklh") <= set(keys)


async def test_keys_of_a_preset_work() -> None:
    app = ExecmemApp(history(), theme="execmem-dark", keymap=KEYMAPS["less"])
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, "ctrl+home", "G")
        assert app.source.history.at_end
        await press(pilot, "z")
        view = app.main.map.viewport
        await press(pilot, "space")
        assert not app.playing
        assert app.main.map.viewport != view


async def test_help_tells_keys_the_map_and_the_words() -> None:
    app = make_app()
    async with app.run_test(size=(120, 320)) as pilot:
        await press(pilot, "question_mark")
        await pilot.pause()
        text = shown_text(app)
        for heading in ("MOVE", "CHANGE", "TIME", "ASK", "THE PROGRAM", "Map", "Words"):
            assert heading in text, heading
        assert "Esc back to the map" in text
        first = app.main.panels.help.scroll_offset.y
        await pilot.resize_terminal(80, 24)
        await press(pilot, "pagedown")
        assert app.main.panels.help.scroll_offset.y > first
        await press(pilot, "escape")
        assert app.focused is app.main.map


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


async def test_a_machine_that_was_not_booted_is_said_to_be_empty() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "Y")
        assert " --empty" in app.clipboard


async def test_the_log_shows_and_copies_the_command_that_repeats_an_act() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        before = app.source.history.steps
        await press(pilot, "a", "a", "E")
        assert "--do 'alloc MODULE_TEXT 64K'" in shown_text(app)
        lines = app.screen.query_one(LineList)
        await press(pilot, "Y")
        assert app.clipboard.count("--do") == 2
        lines.highlighted = before
        await press(pilot, "Y")
        assert app.clipboard.count("--do") == 1
        assert "--step" not in app.clipboard, "an act is done whole"
        lines.highlighted = before - 1
        await press(pilot, "Y")
        assert "--do" not in app.clipboard


async def test_a_lens_of_the_command_line() -> None:
    from execmem_tui.cli.source_options import LENSES as OPTIONS
    from execmem_tui.tui.looking import LENSES
    from execmem_tui.tui.start import Start

    assert set(OPTIONS) == {lens.value for lens in LENSES}
    app = ExecmemApp(history(), theme="execmem-dark", start=Start(lens=LensName.OWNER))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        await pilot.pause()
        assert app.lens is LensName.OWNER
        assert "lens owner" in shown_text(app)


async def test_all_architectures_on_one_page() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "U")
        text = shown_text(app)
        assert all(name in text for name in ("arm64", "x86", "riscv", "s390", "loongarch"))
        assert "K kernel image" in text
        await press(pilot, "escape")
        assert len(app.screen_stack) == 1


async def test_the_newest_notice_of_a_kind_takes_the_place_of_the_one_before() -> None:
    """Seen in a tour: four presses of Enter covered the map with one sentence."""
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        for text in ("one", "other", "other", "the newest"):
            app.notify(text, timeout=600)
            await pilot.pause()
        assert [each.message for each in app._notifications] == ["the newest"]
        app.notify("a warning", severity="warning", timeout=600)
        await pilot.pause()
        assert [each.message for each in app._notifications] == ["the newest", "a warning"]
        lines = shown_text(app).split("\n")
        at = next(y for y, line in enumerate(lines) if "a warning" in line)
        assert "the newest" in lines[at - 1], "a line each"
        assert at == app.main.query_one(Legend).region.y - 1


def said_by(app: ExecmemApp, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What it says from here on: what is on the screen goes away by the clock."""
    texts: list[str] = []
    monkeypatch.setattr(app, "say", lambda text, *_, **__: texts.append(text))
    return texts


async def test_a_filter_says_what_it_found_and_escape_takes_it_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app()
    texts = said_by(app, monkeypatch)
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, "a", "a", "escape")
        await press(pilot, "backslash", *"zzz", "enter")
        assert texts[-1] == "nothing matches zzz: Esc shows all again"
        await press(pilot, "escape")
        assert app.filter == ""
        await press(pilot, "backslash", *"text", "enter")
        assert texts[-1] == "2 of 4 areas match: Esc shows all again"
        assert app.filter == "text"
        await press(pilot, "L", "escape", "escape")
        assert app.filter == "text", "the list first"
        await press(pilot, "escape")
        assert app.filter == ""


async def test_the_origin_is_said_where_its_panel_is_not_in_sight(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app()
    texts = said_by(app, monkeypatch)
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "a", "r", "r")
    assert texts[-2].startswith("reach counts from module 1: ")
    assert texts[-1] == "reach counts from kernel text again"


async def test_the_lower_border_of_a_dialog_gives_keys_way_not_the_way_out() -> None:
    """Seen at 80 and 100 columns: ``Esc leav…``."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("i", "A"):
            await press(pilot, key)
            await pilot.pause()
            text = shown_text(app)
            assert "allocation" in text
            assert "Esc leaves" in text
            await press(pilot, "escape")


async def test_the_palette_has_what_has_no_key_and_no_second_help() -> None:
    app = make_app()
    offered = app.get_system_commands(app.screen_stack and app.screen)  # type: ignore[arg-type]
    titles = [each.title for each in offered]
    assert titles == ["Theme"]


async def test_a_pane_without_requests_says_why_in_whole_words() -> None:
    app = make_app()
    async with app.run_test(size=(60, 24)) as pilot:
        await press(pilot, "3")
        line = next(line for line in shown_text(app).split("\n") if "call ops" in line)
        assert line.rstrip().endswith("…")
