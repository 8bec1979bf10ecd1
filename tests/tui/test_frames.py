"""What a change paints: no more than what changed, and never
something else than painting all anew would."""

import gc
from collections import Counter
from collections.abc import Sequence
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual._styles_cache import StylesCache
from textual.geometry import Offset
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.columns import Columns
from execmem_tui.tui.line_cache import Unpainted
from execmem_tui.tui.widgets.events import EventsView
from execmem_tui.tui.widgets.inspector import Inspector
from execmem_tui.tui.widgets.map import DetailMap
from execmem_tui.tui.widgets.reach import ReachPanel
from execmem_tui.tui.widgets.text_lines import wrapped
from execmem_tui.view.area_list import Order
from execmem_tui.view.finding import Entry, nearest
from execmem_tui.view.words import Tone, Word
from tests.tui.driving import make_app, press

MIB = 1 << 20


def used() -> Simulation:
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, 9 * MIB, count=3)
    simulation.allocate(ExecmemType.BPF, 4096, count=40)
    return simulation


class Counted:
    """Counts lines that widgets draw, and what is sent to the terminal."""

    def __init__(self, app: ExecmemApp, patch: pytest.MonkeyPatch) -> None:
        self.lines: Counter[str] = Counter()
        self.frames = self.layouts = 0
        for widget in app.main.walk_children(Widget):
            self._watch(widget, patch)
        display = app._display

        def shows(screen: Any, renderable: Any) -> None:
            self.frames += renderable is not None
            display(screen, renderable)

        patch.setattr(app, "_display", shows)
        app.main.screen_layout_refresh_signal.subscribe(app, self._lays_out)

    def _watch(self, widget: Widget, patch: pytest.MonkeyPatch) -> None:
        draw = widget.render_line

        def drawn(y: int) -> Strip:
            self.lines[type(widget).__name__] += 1
            return draw(y)

        patch.setattr(widget, "render_line", drawn)

    def _lays_out(self, _: object) -> None:
        self.layouts += 1


async def test_a_cursor_move_is_one_frame_of_the_lines_it_touches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app(used())
    async with app.run_test(size=(160, 45)) as pilot:
        await press(pilot, "down")
        await press(pilot, "up")
        counted = Counted(app, monkeypatch)
        detail = app.main.map
        before = set(detail._held)
        detail.action_right()
        await pilot.pause()
        touched = before | detail._held
        assert counted.frames == 1
        assert counted.layouts == 0
        assert 0 < counted.lines.pop("DetailMap") <= len(touched) + 2, "and two marks"
        assert counted.lines.pop("Inspector") <= 3, "the address and the distances"
        assert counted.lines.pop("ReachPanel", 0) <= 2
        assert not counted.lines, "nobody else has anything new to say"


async def test_what_lies_below_the_inspector_keeps_its_place_while_the_cursor_moves() -> None:
    app = make_app(used())
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        area = app.shown.first_of(1)
        assert area is not None
        app.look_at(area.start)
        await pilot.pause()
        inspector, listed = app.main.query_one(Inspector), app.main.query_one(EventsView)
        tall, at = inspector.size.height, listed.region.y
        app.look_at(area.start - 1)
        await pilot.pause()
        assert len(inspector.said(inspector.size.width)) < tall, "a hole has less to say"
        assert (inspector.size.height, listed.region.y) == (tall, at)
        await press(pilot, "a")
        assert inspector.size.height < tall, "an event lays the panel out anew"


async def test_the_mouse_marks_text_in_the_side_panel() -> None:
    app = make_app(used())
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        inspector = app.main.query_one(Inspector)
        plain = inspector.render_line(0)
        chosen = Selection.from_offsets(Offset(0, 0), Offset(4, 0))
        app.main.selections = {inspector: chosen}
        await pilot.pause()
        found = inspector.get_selection(chosen)
        assert found is not None
        assert found[0] == plain.text[:4]
        assert inspector.render_line(0) != plain
        assert inspector.render_line(1).crop(0, 4).text == inspector.render_line(1).text[:4]


@pytest.mark.fault(2)
def test_long_lines_are_cut_between_words() -> None:
    assert wrapped(["short"], 10) == ["short"]
    assert wrapped(["some words that are long"], 10) == ["some words", "that are", "long"]
    assert wrapped(["x" * 12, "y"], 10) == ["x" * 10, "xx", "y"]


KEYS = (
    *("down", "up", "left", "right", "plus", "minus", "w", "b", "z", "0", "pagedown", "pageup"),
    *("a", "u", "f", "P", "V", "T", "1", "2", "4", "r", "question_mark", "escape", "B", "enter"),
    *("L", "escape", "H", "escape"),
)


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_kept_is_what_would_be_painted_anew(seed: int) -> None:
    """Keys in any order, a resize and another theme:
    the screen is what it is when all is painted again."""
    random = Random(seed)
    app = make_app(used())
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        for number in range(25):
            if number == 8:
                await pilot.resize_terminal(120, 40)
            if number == 16:
                app.theme = "execmem-light"
                await pilot.pause()
            key = random.choice(KEYS)
            await press(pilot, key)
            kept = app.screen._compositor.render_strips()
            renderer = app.main.map._renderer
            assert renderer is not None
            renderer._rows.clear()
            for widget in app.screen.walk_children(Widget):
                widget.refresh()
            assert app.screen._compositor.render_strips() == kept, f"{number}: {key}"
            await pilot.pause()


async def test_a_map_that_was_seen_is_not_drawn_again() -> None:
    """Going up a screen and back gives out the strips of before, which know how they are
    written."""
    app = make_app(used())
    async with app.run_test(size=(160, 45)) as pilot:
        await press(pilot, "0", "0", *["plus"] * 4, "pageup")
        detail = app.main.query_one(DetailMap)
        height = detail.size.height
        first = [detail.render_line(y) for y in range(1, height)]
        await press(pilot, "pageup")
        other = [detail.render_line(y) for y in range(1, height)]
        assert other != first
        await press(pilot, "pagedown")
        again = [detail.render_line(y) for y in range(1, height)]
        assert again == first
        assert sum(one is two for one, two in zip(first, again, strict=True)) == len(first)


async def test_a_dialog_that_left_leaves_nothing_that_was_painted_of_it() -> None:
    def painted() -> int:
        gc.collect()
        return sum(isinstance(each, StylesCache) for each in gc.get_objects())

    app = ExecmemApp(used())
    async with app.run_test(size=(120, 40)) as pilot:
        counts = []
        for _ in range(4):
            await press(pilot, "slash", "escape")
            await pilot.pause()
            counts.append(painted())
        assert len(app.screen_stack) == 1
        assert counts[-1] == counts[1], "the first one composes what stays"


@given(
    st.lists(st.sampled_from(["a", "bc", "漢字", "  ", "é"]), min_size=1, max_size=8),
    st.integers(0, 20),
    st.integers(0, 20),
)
def test_columns_are_restyled_as_a_strip_would_be(
    texts: list[str], first: int, length: int
) -> None:
    styles = (Style(bold=True), None, Style(color="red"))
    segments = [Segment(text, styles[at % 3]) for at, text in enumerate(texts)]
    columns, strip = Columns(segments), Strip(segments)
    stop = min(first + length, strip.cell_length)
    first = min(first, stop)
    found = Strip(columns.styled(first, stop, Style(underline=True)).segments)
    before, inside, after = strip.crop(0, first), strip.crop(first, stop), strip.crop(stop)
    lit = Strip(
        Segment(text, (under or Style()) + Style(underline=True)) for text, under, _ in inside
    )
    assert cells_of(found) == cells_of(Strip.join([before, lit, after]))
    assert cells_of(strip) == cells_of(Strip(columns.segments)), "and never change"
    fitted = strip.adjust_cell_length(length).apply_style(Style(bgcolor="blue"))
    assert cells_of(Strip(columns.fitted(length).on(Style(bgcolor="blue")).segments)) == cells_of(
        fitted
    )
    assert columns.fitted(length).width == length


def cells_of(strip: Strip) -> list[tuple[str, Style]]:
    """Return each letter with its style."""
    return [(char, style or Style()) for text, style, _ in strip for char in text]


async def test_containers_paint_nothing_that_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app(used())
    async with app.run_test(size=(160, 45)) as pilot:
        await pilot.pause()
        for keys in ((), ("i",), ("M",), ("H",), ("H", "L"), ("escape", "question_mark")):
            await press(pilot, *keys)
            clear = [cells_of(strip) for strip in app.main._compositor.render_strips()]
            containers = [each for each in app.main.query(Widget) if isinstance(each, Unpainted)]
            assert len(containers) >= 3
            with monkeypatch.context() as patch:
                for each in containers:
                    patch.setitem(vars(each), "render_lines", partial(Widget.render_lines, each))
                painted = [cells_of(strip) for strip in app.main._compositor.render_strips()]
            assert clear == painted


async def test_the_reach_panel_is_left_alone_while_the_cursor_stays_in_a_band(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app(used())
    async with app.run_test(size=(160, 45)) as pilot:
        await press(pilot, "down")
        panel = app.main.query_one(ReachPanel)
        counted, detail = Counted(app, monkeypatch), app.main.map
        band = panel._band_of(panel.address)
        detail.action_right()
        await pilot.pause()
        assert panel._band_of(panel.address) == band
        assert "ReachPanel" not in counted.lines
        counted.lines.clear()
        app.look_at(app.shown.span(1)[0])
        await pilot.pause()
        assert panel._band_of(panel.address) != band
        assert 0 < counted.lines["ReachPanel"] <= 2


@pytest.mark.parametrize("theme", ["execmem-dark", "execmem-contrast"])
async def test_a_line_of_cells_is_written_as_its_pieces_are_one_by_one(theme: str) -> None:
    app = ExecmemApp(used(), theme=theme)
    async with app.run_test(size=(160, 45)) as pilot:
        await press(pilot, "plus", "plus")
        detail, palette = app.main.map, app.main.palette
        view, rows = detail.viewport, detail._rows
        assert view is not None
        assert rows is not None
        assert palette is not None
        seen = set()
        for line in view.lines():
            pieces = rows.pieces(view.axis, line)
            columns = palette.columns(pieces)
            assert cells_of(Strip(columns.segments)) == cells_of(Strip(palette.segments(pieces)))
            assert columns.width == view.axis.columns
            seen.add(len(columns.segments))
        assert max(seen) > 3
        wide = palette.columns([Word("漢字", Tone.ALARM), Word("字", Tone.ALARM)])
        assert [segment.text for segment in wide.segments] == ["漢字字"]
        assert wide.width == 6


async def test_a_list_draws_the_two_rows_that_a_move_touches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app(used())
    async with app.run_test(size=(160, 30)) as pilot:
        await press(pilot, "L", "down")
        counted, lines = Counted(app, monkeypatch), app.main.panels.list.lines
        await press(pilot, "down")
        assert counted.lines["LineList"] == 2
        made: list[int] = []
        row = lines._row

        def noted(index: int) -> str | Text:
            made.append(index)
            return row(index)

        lines._row = noted
        await press(pilot, "end")
        assert lines.scroll_offset.y > 0
        assert 2 <= len(made) <= lines.size.height + 2
        await press(pilot, *["up"] * lines.size.height)
        made.clear()
        await press(pilot, *["down"] * lines.size.height)
        assert made == [], "what scrolled out of sight is kept as it was drawn"


async def test_a_name_spelled_alike_is_looked_for_only_where_nothing_matches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def noted(query: str, entries: Sequence[Entry]) -> str:
        asked.append(query)
        return nearest(query, entries)

    monkeypatch.setattr("execmem_tui.tui.screens.chooser.nearest", noted)
    app = make_app(used())
    async with app.run_test(size=(160, 45)) as pilot:
        await press(pilot, "slash", "m", "o")
        assert asked == []
        await press(pilot, "q")
        assert asked == ["moq"]


async def test_a_list_by_size_follows_the_cursor() -> None:
    app = make_app(used())
    async with app.run_test(size=(300, 80)) as pilot:
        await pilot.pause()
        listed = app.main.panels.list
        assert listed.standing
        listed.order = Order.SIZE
        await pilot.pause()
        start, end = app.shown.span(1)
        for area in app.shown.snapshot.between(start, end):
            app.look_at(area.start)
            await pilot.pause()
            assert listed._areas[listed.lines.highlighted].start == area.start


async def test_the_cursor_of_address_and_time_draws_the_lines_it_touches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    app = make_app(used())
    async with app.run_test(size=(160, 45)) as pilot:
        await press(pilot, "H", "down", "left")
        view = app.main.panels.time_map
        counted = Counted(app, monkeypatch)
        for key, lines in (("left", 2), ("down", 3), ("up", 3), ("right", 2)):
            counted.lines.clear()
            at = view.at
            await press(pilot, key)
            assert view.at != at
            assert counted.lines == {"TimeMapView": lines}
            kept = app.screen._compositor.render_strips()
            view.refresh()
            assert app.screen._compositor.render_strips() == kept
            await pilot.pause()
