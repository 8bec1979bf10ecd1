"""Every key of the registry is pressed, and does what it says or says why not."""

from collections.abc import Callable

import pytest
from textual.pilot import Pilot

from execmem_tui.model.events import Failed
from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.fault_tolerant_app import Notice
from execmem_tui.tui.widgets.legend import Legend
from execmem_tui.tui.widgets.line_list import LineList
from execmem_tui.view.actions import ACTIONS, rebound
from execmem_tui.view.keymaps import KEYMAPS
from execmem_tui.view.paint import LensName
from tests.tui.driving import history, make_app, press, shown_text, still

MIB = 1 << 20
Check = Callable[[ExecmemApp], bool]
MOVES = "the map shows something else"
GROWS = "something happened"


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
    ("whole", says("─ what is used, rest folded · 0:")),
    ("whole", says("─ the window to scale · 0:")),
    ("whole", says("─ everything to scale · 0:")),
    ("whole", says("─ what is used, rest folded · 0:")),
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
    ("seconds", says("no event here has a time")),
    ("list", lambda app: app.main.panels.in_list),
    ("stop", lambda app: not app.main.panels.in_list and app.main.panels.list.has_class("open")),
    ("stop", lambda app: not app.main.panels.list.has_class("open")),
    (
        "help",
        lambda app: app.main.panels.help.has_class("open") and says("TEN KEYS TO BEGIN WITH")(app),
    ),
    ("help", lambda app: not app.main.panels.help.has_class("open")),
    ("recent", lambda app: app.main.panels.in_events),
    ("recent", lambda app: not app.main.panels.in_events),
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
        for heading in (
            "MOVE",
            "CHANGE",
            "TIME",
            "ASK",
            "THE PROGRAM",
            "Map",
            "WORDS",
            "execmem_alloc",
        ):
            assert heading in text, heading
        assert "Esc back to the map" in text
        first = app.main.panels.help.scroll_offset.y
        await pilot.resize_terminal(80, 24)
        await press(pilot, "pagedown")
        assert app.main.panels.help.scroll_offset.y > first
        await press(pilot, "escape")
        assert app.focused is app.main.map


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


async def test_a_notice_that_ends_as_a_screen_shows_it_has_a_moment_left() -> None:
    """Seen in a terminal: the timer of a notice of -0.1 ms went round for ever, and no key went."""
    ended = Notice("late", timeout=5, raised_at=0)
    assert ended.has_expired
    assert ended.time_left > 0.01
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.notify("for long", timeout=600)
        app.main.notify("by default", severity="warning")
        await pilot.pause()
        assert all(isinstance(each, Notice) for each in app._notifications)
        assert [each.timeout for each in app._notifications] == [600, app.NOTIFICATION_TIMEOUT]


async def test_a_notice_that_is_gone_leaves_nothing_on_the_screen() -> None:
    """Seen in a terminal: 570 empty boxes after 10,000 keys, each with styles and a layout."""
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        for _ in range(2):  # on the map, then in a sheet over it
            for number in range(20):
                app.notify(f"number {number}", timeout=600)
                app.notify(f"warning {number}", severity="warning", timeout=600)
                await still(pilot)
            assert "number 19" in shown_text(app)
            assert "warning 19" in shown_text(app)
            # what the last two took the place of goes with the next
            assert all(len(each.query("ToastHolder")) <= 4 for each in app.screen_stack)
            await press(pilot, "question_mark")


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


async def test_a_pane_without_requests_says_why_in_whole_words() -> None:
    app = make_app()
    async with app.run_test(size=(60, 24)) as pilot:
        await press(pilot, "3")
        line = next(line for line in shown_text(app).split("\n") if "call ops" in line)
        assert line.rstrip().endswith("…")


async def test_a_key_of_the_map_that_finds_nothing_more_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app()  # an empty machine
    async with app.run_test(size=(100, 30)) as pilot:
        texts: list[str] = []
        monkeypatch.setattr(app.main.map, "notify", lambda text, **_: texts.append(text))
        await press(pilot, "a", "a")
        texts.clear()
        await press(pilot, "z", "enter")
        assert texts == ["Enter opens a fold, and under the cursor is none"]
        await press(pilot, *["plus"] * 40)
        assert set(texts[1:]) == {"the map goes no nearer"}
        texts.clear()
        await press(pilot, *["minus"] * 60)
        assert set(texts) == {"the map goes no farther: 0 shows it to scale"}
        texts.clear()
        await press(pilot, *["w"] * 6)
        assert set(texts) == {"no area lies after this in the pane"}
        texts.clear()
        await press(pilot, *["b"] * 6)
        assert set(texts) == {"no area lies before this in the pane"}
