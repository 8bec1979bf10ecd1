"""The map, the panes and the reach panel as they are drawn: what needs a screen to be seen."""

from pathlib import Path

import pytest

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.opening import open_path
from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.widgets.map import DetailMap
from execmem_tui.tui.widgets.reach import ReachPanel
from execmem_tui.tui.widgets.sentence import Sentence
from execmem_tui.tui.widgets.time import TimeStrip
from execmem_tui.view.axis import Kind
from execmem_tui.view.paint import LensName, Paint
from tests.tui.driving import make_app, press, shown_text, still

CAPTURE = Path(__file__).parents[1] / "data" / "captures" / "amd64-7.2.13-kaslr"
MIB = 1 << 20
NEAR, FAR = 0xFFFF80007B000000, 0xFFFF800003000000


def spilled() -> Simulation:
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, 79 * MIB)
    simulation.allocate(ExecmemType.MODULE_TEXT, 2 * MIB, count=2)
    return simulation


@pytest.mark.fault(17)
async def test_reach_of_free_space_is_a_letter_without_colour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(spilled())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "0", "0")
        text = shown_text(app)
        assert "~~~~" in text, "through a PLT"
        assert "XX" in text
        assert "|" in text, "an edge"


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 45), (300, 80)])
async def test_a_row_uses_the_width_and_the_address_is_whole(size: tuple[int, int]) -> None:
    app = make_app(spilled())
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        detail = app.main.query_one(DetailMap)
        view = detail.viewport
        assert view is not None
        used = detail.margin + view.axis.columns + 1
        assert used <= detail.size.width
        assert used >= (0.98 if size[0] >= 240 else 0.74) * detail.size.width
        text = shown_text(app)
        assert f"{NEAR:016x}"[4:] in text
        assert "◀" in text


@pytest.mark.parametrize("columns", [240, 300, 400])
async def test_a_list_stands_where_the_terminal_has_room_to_spare(columns: int) -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(columns, 60)) as pilot:
        await pilot.pause()
        listed = app.main.panels.list
        assert listed.standing
        assert not app.main.panels.in_list
        assert "546 areas by address" in shown_text(app)
        await press(pilot, "w", "w", "w")
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert listed._areas[listed.lines.highlighted] is area, "it follows the map"
        await press(pilot, "L", "s")
        assert app.main.panels.in_list
        assert "546 areas by size" in shown_text(app)
        await press(pilot, "L")
        assert not app.main.panels.in_list
        await press(pilot, "B")
        assert f"{len(app.shown.snapshot.areas)} areas by size" in shown_text(app), "and time"
        await press(pilot, "equals_sign")
        assert app.main.has_class("beside")
        assert not listed.standing, "two maps need the room"
        await pilot.resize_terminal(160, 45)
        await pilot.pause()
        assert not listed.standing


@pytest.mark.fault(3, 4)
async def test_the_counts_change_with_the_origin_and_the_mark_follows_the_cursor() -> None:
    app = make_app(spilled())
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        assert "= direct 1  % PLT 2  out 0" in shown_text(app)
        app.look_at(FAR)
        await press(pilot, "r")
        text = shown_text(app)
        assert "from module 2" in text
        assert "= direct 2  % PLT 1  out 0" in text
        app.look_at(NEAR + MIB)
        await pilot.pause()
        assert "from module 2" in shown_text(app), "the origin stays where it was put"
        panel = app.main.query_one(ReachPanel)
        marked = [y for y in range(panel.size.height) if "◂" in panel.render_line(y).text]
        assert len(marked) == 1


async def test_a_fold_is_passed_in_one_step_and_opened() -> None:
    app = make_app(spilled())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        detail = app.main.query_one(DetailMap)
        view = detail.viewport
        assert view is not None
        fold = next(line for line in view.lines() if line.fold is Kind.AREA)
        app.look_at(fold.start)
        await press(pilot, "down")
        assert app.cursor >= fold.end
        app.look_at(fold.start)
        detail.fit_cursor()
        await pilot.pause()
        assert detail.viewport is not None
        assert detail.viewport.axis.line_at(fold.start).fold is None


async def test_zero_goes_round_and_the_title_says_where() -> None:
    app = make_app(spilled())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        for words in ("the window to scale", "everything to scale", "what is used, rest folded"):
            await press(pilot, "0")
            assert words in shown_text(app)


async def test_the_legend_follows_what_is_in_sight() -> None:
    app = make_app(spilled())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        legend = shown_text(app).splitlines()[-2]
        assert "fallback" in legend
        assert "ftrace" not in legend
        assert "kprobes" not in legend


async def test_the_name_of_the_area_under_the_cursor_is_turned_round() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        detail = app.main.map

        def turned() -> set[str]:
            segments = [
                each for y in range(1, detail.size.height) for each in detail.render_line(y)
            ]
            found = (each.text.strip() for each in segments if each.style and each.style.reverse)
            return {text for text in found if len(text) > 1}

        for owner in ("ext4", "libata"):
            areas = app.shown.snapshot.areas
            area = next(each for each in areas if each.name == f"{owner}.text")
            app.look_at(area.start)
            await pilot.pause()
            assert turned() == {owner}


async def test_of_a_pack_the_program_under_the_cursor_alone_is_turned_round() -> None:
    app = make_app(open_booted("x86"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "z")
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert area.parts is not None
        app.look_at(area.parts[5].start)
        await pilot.pause()
        detail = app.main.map
        segments = [each for y in range(1, detail.size.height) for each in detail.render_line(y)]
        turned = [
            each.text.strip()
            for each in segments
            if each.style and each.style.reverse and len(each.text.strip()) > 1
        ]
        assert len(turned) == 1
        assert area.parts[5].name.endswith(turned[0].rstrip("…").split()[-1])


async def test_a_lens_has_rows_of_its_own() -> None:
    app = make_app(spilled())
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        detail = app.main.query_one(DetailMap)
        before = [detail.render_line(y) for y in range(8)]
        app.look_at(NEAR)
        await press(pilot, "V")
        assert [detail.render_line(y) for y in range(8)] != before
        # a thousand rows are kept: by what stands for a lens, which knows tables and snapshots
        assert detail._renderer is not None
        kept = [part for key in detail._renderer._rows for part in key]
        assert app.shown.paint.token in kept
        assert not [part for part in kept if isinstance(part, Paint)]


@pytest.mark.parametrize("theme", ["execmem-dark", "execmem-light"])
async def test_what_may_be_written_and_run_is_an_alarm(theme: str) -> None:
    """Its sign and the colour of errors, in the map and in the legend; `rwx` lists nothing else."""
    booted = open_booted("loongarch")
    booted.history.seek(booted.history.steps)
    app = make_app(booted)
    async with app.run_test(size=(160, 45)) as pilot:
        app.load_themes()
        app.theme = theme
        await pilot.pause()
        await press(pilot, "V", "V")
        assert app.lens is LensName.PERMISSION
        shown = shown_text(app)
        assert "! writable and runs" in shown
        red = app.palette.colour("permission-rwx").rich_color
        painted = [
            segment
            for strip in app.screen._compositor.render_strips()
            for segment in strip
            if segment.style is not None and segment.style.bgcolor == red
        ]
        assert any("!!" in segment.text for segment in painted)
        app.filter = "rwx"
        await press(pilot, "L")
        assert app.main.wanted is not None
        assert app.main.wanted.writable_code
        await press(pilot, "V")
        assert "4 older" in shown_text(app)


async def test_without_colour_a_lens_is_told_by_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "V", "V")
        shown = shown_text(app)
        assert "X runs, read-only" in shown
        assert "XXX" in shown
        assert "RR" in shown
        await press(pilot, "V")
        assert "3 last 1,000 events" in shown_text(app)


@pytest.mark.fault(4)
async def test_a_second_origin_is_counted_beside_the_first() -> None:
    app = make_app(spilled())
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await press(pilot, "O")
        app.look_at(FAR)
        await press(pilot, "O", "O")
        text = shown_text(app)
        assert "from kernel text: direct 1, PLT 2" in text
        assert "from module 2: direct 2, PLT 1" in text
        await press(pilot, "O")
        assert "from module 2: " not in shown_text(app)
        await press(pilot, "r", "O")
        assert app.second is None
        assert "that is the origin itself" in shown_text(app)
        app.look_at(NEAR)
        await press(pilot, "O")
        app.clear_notifications()  # they lie over the panel
        await pilot.pause()
        assert "from module 2: direct 2, PLT 1" in shown_text(app)
        assert "from module 1: direct 1, PLT 2" in shown_text(app)


@pytest.mark.parametrize("colour", [True, False])
async def test_the_sentence_of_a_spill_is_no_fainter_without_colour(
    monkeypatch: pytest.MonkeyPatch, *, colour: bool
) -> None:
    if not colour:
        monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(spilled())
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "N")
        sentence = app.main.query_one(Sentence)
        assert "placed far away" in shown_text(app)
        assert sentence.has_class("alarm") is colour


async def test_the_marks_are_signs_and_no_bar_without_colour(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every spill was a reversed cell: the column was one white bar."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_app(spilled())
    async with app.run_test(size=(120, 40)) as pilot:
        app.look_at(FAR)
        await pilot.pause()
        column = [list(app.main.map.render_line(y))[-1] for y in range(1, app.main.map.size.height)]
        assert {"▲", "◀"} <= {segment.text[-1] for segment in column}
        assert not any(segment.style and segment.style.reverse for segment in column)
        strip = app.main.query_one(TimeStrip)
        for y in range(strip.size.height):
            assert not any(each.style and each.style.reverse for each in strip.render_line(y))


@pytest.mark.parametrize("theme", ["execmem-dark", "execmem-ansi"])
async def test_what_is_free_of_a_rox_block_says_how_full_it_is(theme: str) -> None:
    """It had the sides of a box and neither top nor bottom."""
    source = open_path(str(CAPTURE), phase="1-modules")
    app = ExecmemApp(source, theme=theme)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        text = shown_text(app).splitlines()
        assert any("ROX cache, 33 % used" in line for line in text)
        assert not {"▕", "[", "]"} & {*"".join(line[:81] for line in text[7:30])}
        await press(pilot, "minus", "minus", "minus", "minus")
        assert "% used " not in shown_text(app).split("ROX BLOCKS")[0]


async def test_the_line_above_the_map_tells_what_is_shown_and_what_0_shows() -> None:
    """It named one of the two; and zoomed in and out again, a press of `0` showed nothing new."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert "what is used, rest folded · 0: the window to scale ─" in shown_text(app)
        await press(pilot, "plus")
        assert "─ 0: what is used, rest folded ─" in shown_text(app)
        await press(pilot, "minus", "0")
        assert "the window to scale · 0: everything to scale ─" in shown_text(app)
        await press(pilot, "0")
        assert "everything to scale · 0: what is used, rest folded ─" in shown_text(app)


async def test_without_a_side_panel_the_line_above_the_map_names_what_is_under_the_cursor() -> None:
    """At 80 columns `w` went to the next area of the same cell, and nothing was to be seen."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(80, 24)) as pilot:
        await still(pilot)
        assert "what is used, rest folded · 0: the window to scale ─" in shown_text(app)
        await press(pilot, "w")
        assert "─ nvme_auth.data 12K · 0: the window to scale ─" in shown_text(app)
        await press(pilot, "w")
        assert "─ nvme_auth.rodata 4K · 0: the window to scale ─" in shown_text(app)
        await press(pilot, "0")
        assert "the window to scale · 0: everything to scale ─" in shown_text(app)
        await press(pilot, "4", "right")
        assert "─ bpf prog pack: bpf_prog_sd_fw 0 ─" in shown_text(app)
        await pilot.resize_terminal(120, 40)
        await press(pilot, "1", "w")
        rule = next(line for line in shown_text(app).splitlines() if "a cell" in line)
        assert "nvme" not in rule, "the side panel says so"
        await press(pilot, "v", "w")
        assert "─ nvme_auth.rodata 4K · 0:" in shown_text(app)


async def test_a_pane_is_entered_where_its_map_begins() -> None:
    """`1` went to the lowest area, in the far window, and the first look to the near one."""
    simulation = open_booted("arm64")
    simulation.fill()
    app = make_app(simulation)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "1")
        first = app.shown.first_of(1)
        assert first is not None
        assert app.cursor == first.start
        assert app.cursor >= app.shown.pane(1).lanes[0].start
        assert min(area.start for area in app.shown.snapshot.areas) < first.start


async def test_the_window_to_scale_is_what_is_seen_wherever_the_cursor_was() -> None:
    """After `B` the cursor is far away, and `0` showed free space there under these words."""
    simulation = open_booted("arm64")
    app = make_app(simulation)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "B")
        near = app.shown.pane(1).lanes[0]
        assert app.cursor < near.start
        await press(pilot, "0")
        assert "─ the window to scale · 0:" in shown_text(app)
        view = app.main.map.viewport
        assert view is not None
        assert near.start <= view.cursor < near.end
        assert view.top <= near.start
        assert view.bottom >= near.end, "all of the window is in sight"
