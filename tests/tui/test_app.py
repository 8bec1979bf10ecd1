"""The application driven by keys and mouse."""

from pathlib import Path

import pytest
from textual.widgets import Input

from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.opening import open_path
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.screens.sheets import ErrorSheet
from execmem_tui.tui.widgets.inspector import Inspector
from execmem_tui.tui.widgets.line_list import LineList
from execmem_tui.tui.widgets.map import DetailMap
from execmem_tui.tui.widgets.pane import Panes
from execmem_tui.tui.widgets.side import SidePanel
from execmem_tui.tui.widgets.title import TitleLine
from execmem_tui.view.actions import ACTIONS
from execmem_tui.view.png import png
from tests.tui.driving import history, make_app, press, settle, shown_text, still
from tests.tui.test_sources import CAPTURE

MIB = 1 << 20


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_allocate_in_each_pane(size: tuple[int, int]) -> None:
    app = make_app()
    async with app.run_test(size=size) as pilot:
        await press(pilot, "1", "a", "2", "a", "4", "a")
        areas = {
            area.type: area.start for area in app.shown.snapshot.areas if area.type is not None
        }
        assert areas[ExecmemType.MODULE_TEXT] == 0xFFFF80007B000000
        assert areas[ExecmemType.KPROBES] == 0xFFFF800083001000
        assert areas[ExecmemType.BPF] == 0xFFFF800083003000
        assert app.pane == 4
        text = shown_text(app)
        assert "MODULE" in text
        assert "no trampolines on arm64" in text
        assert "◀" in text, "the mark of the cursor"


async def test_a_fallback_is_unmistakable() -> None:
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, 80 * MIB - 4096)
    app = make_app(simulation)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "a")
        assert app.cursor == 0xFFFF800003000000
        assert app.shown.pane(1).spilled == 1
        text = shown_text(app)
        assert "▲ 1 spilled" in text
        assert "placed far away, every call through a PLT" in text
        assert [line for line in text.splitlines() if line.startswith(" ▲far")]
        assert "▲ 1 spilled" in text.splitlines()[0]
        assert not app._notifications  # nothing lies over the map


async def test_n_jumps_between_fallbacks() -> None:
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, 80 * MIB - 4096)
    for _ in range(2):
        simulation.allocate(ExecmemType.MODULE_TEXT, MIB)
    simulation.allocate(ExecmemType.BPF)
    app = make_app(simulation)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "N")
        second = app.source.history.step
        assert app.shown.snapshot.event is not None
        await press(pilot, "N")
        assert app.source.history.step < second
        assert app.cursor == 0xFFFF800003000000
        await press(pilot, "n")
        assert app.source.history.step == second
        assert app.cursor == 0xFFFF800003101000


async def test_undo_redo_and_steps() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "a", "a", "u", "u")
        assert app.shown.snapshot.counters.allocations == 1
        await press(pilot, "ctrl+r")
        assert app.shown.snapshot.counters.allocations == 2
        await press(pilot, "left_square_bracket", "left_square_bracket", "right_square_bracket")
        assert app.source.history.step == 3
        await press(pilot, "a")
        assert app.shown.snapshot.counters.allocations == 3
        assert app.source.history.at_end
        await press(pilot, "u", "u", "u", "u", "u")
        assert app.shown.snapshot.counters.allocations == 0


async def test_what_was_read_is_nothing_to_take_back() -> None:
    """`u` left a capture with an empty map, and not a word."""
    app = ExecmemApp(open_path(str(CAPTURE), phase="1-modules"), theme="execmem-dark")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.pause()
        step = app.source.history.step
        assert step > 0
        for key in ("u", "ctrl+r"):
            await press(pilot, key)
            await still(pilot)
            assert app.source.history.step == step
            assert "nothing was commanded here" in shown_text(app)
            app.clear_notifications()
            await still(pilot)


async def test_free_what_is_under_the_cursor() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "a", "b", "f")
        live = [
            area.start for area in app.shown.snapshot.areas if area.type is ExecmemType.MODULE_TEXT
        ]
        assert live == [0xFFFF80007B011000]
        await press(pilot, "a")
        assert app.cursor == 0xFFFF80007B000000


async def test_the_allocate_dialog_takes_units_count_and_name() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "A")
        app.screen.query_one("#size", Input).value = "12 apples"
        await press(pilot, "enter")
        assert len(app.screen_stack) == 2
        app.screen.query_one("#size", Input).value = "2M"
        app.screen.query_one("#count", Input).value = "3"
        app.screen.query_one("#owner", Input).value = "zfs"
        await press(pilot, "enter")
        assert len(app.screen_stack) == 1
        owners = [
            (area.owner, area.size) for area in app.shown.snapshot.areas if area.type is not None
        ]
        assert owners == [("zfs", 2 * MIB)] * 3


async def test_zoom_keeps_the_cursor_and_whole_shows_all() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a", "j", "l", "l")
        before = app.cursor
        await press(pilot, "plus", "plus", "minus")
        assert app.cursor == before
        await press(pilot, "0")
        view = app.main.map.viewport
        assert view is not None
        assert view.top == view.axis.start
        assert view.bottom == view.axis.end


async def test_choose_another_layout() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "c")
        from textual.widgets import Select

        app.screen.query_one("#arch", Select).value = "x86"
        await pilot.pause()
        await pilot.click("#ok")
        await pilot.pause()
        assert app.shown.snapshot.layout.id == "7.1.8/x86/x86_64-4level/off"
        await press(pilot, "3", "a")
        assert any(area.type is ExecmemType.FTRACE for area in app.shown.snapshot.areas)
        assert "ROX" in shown_text(app)


async def test_find_goes_to_an_area() -> None:
    app = ExecmemApp(open_path(str(CAPTURE)), theme="execmem-dark")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "slash")
        await press(pilot, *"amdgpu.text")
        await press(pilot, "enter")
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert (area.owner, area.region) == ("amdgpu", "MOD_TEXT")
        assert "amdgpu" in shown_text(app)


@pytest.mark.fault(28)
async def test_find_at_the_finest_zoom_shows_the_whole_area() -> None:
    app = ExecmemApp(open_path(str(CAPTURE)), theme="execmem-dark")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, *["plus"] * 30)
        view = app.main.map.viewport
        assert view is not None
        assert view.axis.cell == 1
        await press(pilot, "slash", *"amdgpu.text", "enter")
        view, area = app.main.map.viewport, app.shown.snapshot.area_at(app.cursor)
        assert view is not None
        assert area is not None
        assert (area.owner, app.cursor) == ("amdgpu", area.start)
        assert view.top <= area.start < area.end <= view.bottom
        cell = view.axis.cell
        assert cell > 1, "at a byte a cell all but the first rows of it are folded away"
        assert cell * view.axis.columns * view.rows >= area.end - area.start
        await press(pilot, "slash", *"amdgpu.text", "enter")
        view = app.main.map.viewport
        assert view is not None
        assert view.axis.cell == cell, "what fits keeps its zoom"


async def test_the_mouse_selects_pans_and_zooms() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a")
        detail = app.main.query_one(DetailMap)
        await pilot.click(detail, offset=(30, 5))
        await pilot.pause()
        view = detail.viewport
        assert view is not None
        assert app.cursor == view.address_at(30 - detail.margin, 4)
        cell = view.axis.cell
        await pilot.click(Panes, offset=(30, 1))
        await pilot.pause()
        lane = app.shown.pane(1).lanes[0]
        assert lane.start <= app.cursor < lane.end
        assert detail.viewport is not None
        assert detail.viewport.axis.cell == cell
        app.look_at(0xFFFF80007B000000)
        await press(pilot, "minus", "minus")
        cell = detail.viewport.axis.cell
        column, row = detail.viewport.cursor_place
        await pilot.click(detail, offset=(column + detail.margin, row + 1), times=2)
        await pilot.pause()
        assert detail.viewport.axis.cell < cell


async def test_the_mouse_asks_what_the_title_counts() -> None:
    """Nothing came of it: only the hints at the bottom did what they say."""
    app = make_app(history())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.look_at(app.shown.snapshot.layout.range_of(ExecmemType.MODULE_TEXT).start)
        await pilot.pause()
        line = shown_text(app).splitlines()[0]
        await pilot.click(offset=(line.index("spilled"), 0))
        await pilot.pause()
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert area.window is Window.FALLBACK
        await pilot.click(offset=(line.index("? help"), 0))
        await pilot.pause()
        assert app.main.has_class("helping")
        await press(pilot, "escape")
        await pilot.click(offset=(line.index("ctrl+p"), 0))
        await pilot.pause()
        assert len(app.screen_stack) == 2


@pytest.mark.parametrize("width", [120, 200])
async def test_the_mouse_goes_to_a_place_on_the_axis_of_reach(width: int) -> None:
    app = make_app(history())
    async with app.run_test(size=(width, 40)) as pilot:
        await pilot.pause()
        text = shown_text(app).splitlines()
        row = next(y for y, line in enumerate(text) if "−64M" in line and "┤" in line)
        column = text[row].index("┤")
        image = app.shown.snapshot.layout.image
        assert image is not None
        await pilot.click(offset=(column + 1, row))
        await pilot.pause()
        assert app.cursor == image[0] - 64 * MIB
        await pilot.click(offset=(text[row].index("│", column) - 1, row))
        await pilot.pause()
        assert -20 * MIB < app.cursor - image[0] < -16 * MIB, "the band ends at 16M"


async def test_reach_origin_and_side_sheet() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        panel = app.main.query_one(SidePanel)
        assert not panel.display
        await press(pilot, "a", "v")
        assert panel.display
        await press(pilot, "r")
        assert app.origin == 0xFFFF80007B000000
        assert "from module 1" in shown_text(app)
        await press(pilot, "r")
        assert app.origin is None


@pytest.mark.parametrize("size", [(120, 40), (120, 70)])
async def test_a_side_panel_that_comes_back_tells_of_where_the_cursor_went(
    size: tuple[int, int],
) -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=size) as pilot:
        await still(pilot)
        inspector = app.main.query_one(Inspector)
        before = inspector.render_line(0).text
        await press(pilot, "v", "w", "w", "w", "v")
        await still(pilot)
        assert inspector.render_line(0).text.strip() == f"{app.cursor:x}"
        assert inspector.render_line(0).text != before
        app.main.panels.action_side()
        await press(pilot, "g", *"ffff800080000000", "enter", "v")
        await still(pilot)
        told = inspector.said(inspector.size.width)
        assert inspector.size.height == len(told), "another area has more, or less, to say"


async def test_help_log_and_ranges_open_and_close() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("E", "T", "x"):
            await press(pilot, key)
            assert len(app.screen_stack) == 2, key
            await press(pilot, "escape")
            assert len(app.screen_stack) == 1, key


async def test_goto_and_export(tmp_path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "g")
        await press(pilot, *"ffff800082000000", "enter")
        assert app.cursor == 0xFFFF800082000000
        app.exports.export(str(tmp_path / "map.txt"))
        assert "MODULE" in (tmp_path / "map.txt").read_text(encoding="utf-8")
        app.exports.export(str(tmp_path / "map.html"))
        assert "<svg " in (tmp_path / "map.html").read_text(encoding="utf-8")
        app.exports.export(str(tmp_path / "map.json"))
        assert '"schema": 1' in (tmp_path / "map.json").read_text(encoding="utf-8")
        await press(pilot, "e")
        app.screen.query_one(Input).value = str(tmp_path / "map.txt")
        await press(pilot, "enter")
        assert "it is not overwritten" in shown_text(app)
        assert len(app.screen_stack) == 2


async def test_the_screen_as_a_png_is_taken_without_the_dialog(tmp_path: Path) -> None:
    pytest.importorskip("resvg_py", reason="the extra `png` is not installed")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        before = png(app.export_screenshot())
        await press(pilot, "e")
        app.screen.query_one(Input).value = str(tmp_path / "map.png")
        await press(pilot, "enter")
        assert len(app.screen_stack) == 1
        assert (tmp_path / "map.png").read_bytes() == before


async def test_playing_moves_through_the_events() -> None:
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, count=2)
    simulation.history.seek(0)
    app = make_app(simulation)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "space")
        assert app.playing
        for _ in range(4):
            app.time.tick()
        assert not app.playing
        assert app.source.history.at_end


async def test_every_action_has_a_method_and_unique_keys() -> None:
    keys = [key for action in ACTIONS for key in action.keys.split(",")]
    assert len(set(keys)) == len(keys)
    app = make_app()
    async with app.run_test(size=(80, 24)):
        all_groups = [*app.main.action_groups]
    for action in ACTIONS:
        groups = [group for group in all_groups if f"action_{action.id}" in vars(type(group))]
        assert groups or action.id == "quit", action.id
        assert len(groups) < 2, action.id


async def test_no_color_shows_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "a")
        assert app.letters
        assert "KKKK" in shown_text(app)
        title = app.main.query_one(TitleLine)
        assert title.display


@pytest.mark.parametrize("keys", [("i", "x", "f", "s"), ("slash", "x"), ("F", "x"), ("s",), ("t",)])
async def test_lists_are_drawn_without_colour(
    keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With NO_COLOR a list with a bar was a fault: what filled its rows up had no style."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, *keys)
        await settle(app)
        await pilot.pause()
        assert not isinstance(app.screen, ErrorSheet), shown_text(app)
        assert app.screen.query(LineList)


async def test_arm_spills_and_says_so() -> None:
    simulation = open_simulation("arm", "7.1", None, "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, MIB, count=14)
    app = make_app(simulation)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert any(area.window is Window.FALLBACK for area in app.shown.snapshot.areas)
        assert "▲ 1 spilled" in shown_text(app)


async def test_the_theme_that_was_asked_for_is_there_at_the_first_paint() -> None:
    app = ExecmemApp(open_simulation("arm64", "7.1", "va48-4k", "off"), theme="execmem-light")
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert app.screen.styles.background.brightness > 0.9
        assert app.has_class("-light-mode")


async def test_consumers_are_told_by_hand_and_taken_back() -> None:
    app = ExecmemApp(open_simulation("x86", "7.1", None, "off"), theme="execmem-dark")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "i")
        app.screen.query_one(Input).value = "ext4"
        await press(pilot, "enter")
        loaded = {area.owner for area in app.shown.snapshot.areas if area.region == "MOD_TEXT"}
        assert {"ext4", "jbd2", "mbcache"} <= loaded
        await press(pilot, "4", "i", "i")
        (pack,) = [area for area in app.shown.snapshot.areas if area.type is ExecmemType.BPF]
        assert pack.parts is not None
        assert [part.name for part in pack.parts] == ["bpf_prog_program_1", "bpf_prog_program_2"]
        await press(pilot, "2", "i", "u", "ctrl+r", "i")
        assert sum(area.owner == "kprobe_insn_page" for area in app.shown.snapshot.areas) == 1
        app.look.focus_pane(4, pack.parts[1].start)
        await press(pilot, "f")
        (pack,) = [area for area in app.shown.snapshot.areas if area.type is ExecmemType.BPF]
        assert [part.name for part in pack.parts or ()] == ["bpf_prog_program_1"]
        text = next(
            area
            for area in app.shown.snapshot.areas
            if (area.owner, area.region) == ("ext4", "MOD_TEXT")
        )
        app.look.focus_pane(1, text.start)
        await press(pilot, "f")
        left = {
            area.owner
            for area in app.shown.snapshot.areas
            if area.region is not None and area.kind != "lazy"
        }
        assert "ext4" not in left
        assert "jbd2" in left
