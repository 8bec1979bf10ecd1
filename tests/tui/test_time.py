"""The time strip: what it draws, and that a click is a moment and an address."""

from textual.widgets import Static

from execmem_tui.sources.base import Recording, SourceKind
from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.widgets.legend import Legend
from execmem_tui.tui.widgets.sentence import Sentence
from execmem_tui.tui.widgets.time import TimeStrip
from execmem_tui.view.timemap import Scale
from tests.recorded import exhausted
from tests.tui.driving import history, make_app, press, shown_text


def trace_app(step: int = 0) -> ExecmemApp:
    history = exhausted()
    history.seek(step)
    return ExecmemApp(Recording(SourceKind.REPLAY, "a trace", history), theme="execmem-dark")


def strip_lines(app: ExecmemApp) -> list[str]:
    strip = app.main.query_one(TimeStrip)
    return [strip.render_line(y).text for y in range(strip.size.height)]


def told(app: ExecmemApp) -> str:
    return str(app.main.query_one(Sentence).render())


async def test_one_line_at_80x24_with_the_use_over_time() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        [line] = strip_lines(app)
        assert line.startswith("TIME")
        assert "▁" in line
        assert line.rstrip().endswith("┃")


async def test_a_single_line_tells_the_moment_and_a_click_finds_its_columns() -> None:
    """At 80 columns the title had no room for it: a replay showed no time at all."""
    app = trace_app(4681)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        [line] = strip_lines(app)
        assert line.startswith("TIME 55.949 s  ")
        strip = app.main.query_one(TimeStrip)
        assert strip.margin == len("TIME 762.308 s ")
        await pilot.click(TimeStrip, offset=(strip.size.width, 0))
        assert app.source.history.step > 56_000
        await pilot.click(TimeStrip, offset=(strip.margin + 1, 0))
        assert app.source.history.step == 0
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "left_square_bracket")
        assert strip_lines(app)[0].startswith("TIME step 2,975 ")


async def test_five_lines_at_120x40_eight_at_most() -> None:
    app = trace_app(4681)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        lines = strip_lines(app)
        assert len(lines) == 5
        assert (
            "step 4,681 of 57,065 · 55.949 s · lab: insmod sctp begin · △ 1 spilled so far"
            in lines[0]
        )
        assert lines[1].startswith("far")
        assert lines[3].startswith("near")
        assert "▲" in lines[4]
        await pilot.resize_terminal(120, 80)
        await pilot.pause()
        assert len(strip_lines(app)) == 8


async def test_a_click_is_a_moment_and_an_address() -> None:
    app = trace_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        strip = app.main.query_one(TimeStrip)
        shown = strip.time_map()
        assert shown is not None
        column = shown.column_of(20_000)
        await pilot.click(TimeStrip, offset=(1 + 7 + column, 2))
        await pilot.pause()
        assert app.source.history.step == shown.steps[column]
        assert app.cursor == shown.lines[1].start
        await pilot.click(TimeStrip, offset=(1 + 7, 0))  # the rule tells no address
        await pilot.pause()
        assert app.source.history.step == 0


async def test_dragging_seeks_until_the_button_is_let_go() -> None:
    app = trace_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.mouse_down(TimeStrip, offset=(30, 3))
        await pilot.pause()
        first = app.source.history.step
        await pilot.hover(TimeStrip, offset=(60, 3))
        await pilot.pause()
        second = app.source.history.step
        assert 0 < first < second
        await pilot.mouse_up(TimeStrip, offset=(60, 3))
        await pilot.hover(TimeStrip, offset=(90, 3))
        await pilot.pause()
        assert app.source.history.step == second


async def test_the_sentence_begins_with_how_things_stand_and_tells_what_happens() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        assert told(app).startswith("Module code must lie near the kernel: 18.6M of 80M are taken")
        assert "61.4M are left in one piece" in shown_text(app)
        await press(pilot, "a")
        assert told(app).startswith("module 1 64K: placed near the kernel; 61.4M are left")
        await press(pilot, "u")
        assert not app.main.query_one(Sentence).has_class("alarm")
        app.source.fill()  # type: ignore[attr-defined]
        app.show_step()
        await pilot.pause()
        assert "40K short: placed far away, every call through a PLT" in told(app)
        assert app.main.query_one(Sentence).has_class("alarm")
        assert isinstance(app.main.query_one(Sentence), Static)


async def test_without_colour_the_strip_has_letters() -> None:
    app = ExecmemApp(Recording(SourceKind.REPLAY, "a trace", exhausted()), theme="execmem-ansi")
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        lines = strip_lines(app)
        assert "X" in lines[1] or "x" in lines[1]
        assert "D" in lines[3].upper()
        assert "▀" not in "".join(lines)


async def test_what_one_cell_of_address_and_time_was_ends_with_a_whole_word() -> None:
    """The mark of a column may be longer than the line has room for: the address gives way."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "B", "H")
        view = app.main.panels.time_map
        mark = view.marks_by_column()[view.at[0]]
        line = view.render_line(view.size.height - 1).text
        await pilot.resize_terminal(50, 40)
        await pilot.pause()
        narrow = view.render_line(view.size.height - 1).text
        await pilot.resize_terminal(200, 40)
        await pilot.pause()
        wide = view.render_line(view.size.height - 1).text
    assert " in use, mostly " in line
    assert line.rstrip().endswith(f" · {mark.text}")
    assert "ffff8000" in wide
    assert wide.rstrip().endswith(f" · {mark.text}")
    assert narrow.rstrip().endswith("…")
    assert not narrow.rstrip().endswith(" …")


async def test_escape_leaves_address_and_time_for_the_map() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "H")
        assert app.main.panels.in_time_map
        assert "Esc the map" in app.main.panels.time_map.render_line(0).text
        await press(pilot, "escape")
        assert not app.main.has_class("time-map")
        assert app.main.focused is app.main.map


async def test_escape_leaves_a_map_that_has_all_rows() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "M", "H")
        assert app.main.has_class("maximised")
        await press(pilot, "escape")
        assert app.main.has_class("maximised"), "one at a press"
        assert not app.main.has_class("time-map")
        await press(pilot, "escape")
        assert not app.main.has_class("maximised")


async def test_the_legend_of_address_and_time_explains_brightness_and_marks() -> None:
    """It went on to explain the map, which was not there."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "B")
        legend = app.main.query_one(Legend)
        before = legend.render_line(0).text
        await press(pilot, "H")
        text = legend.render_line(0).text
        assert "░▒▓█ how much of it is in use" in text
        assert "▲ first spill" in text
        assert "free:" not in text
        assert "to come" not in text, "the end is shown"
        await press(pilot, "left_curly_bracket", "left_curly_bracket")
        assert "dim: to come" in legend.render_line(0).text
        await press(pilot, "ctrl+end", "H")
        assert legend.render_line(0).text == before


async def test_a_column_of_time_says_how_much_it_is() -> None:
    app = trace_app(4681)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "H")
        view = app.main.panels.time_map
        columns = view.time_map().columns  # type: ignore[union-attr]
        assert f"57,065 events, {57_065 / columns:,.0f} a column" in view.render_line(0).text
        await press(pilot, "S")
        assert " s a column" in view.render_line(0).text


async def test_the_ticks_of_the_strip_say_what_they_are() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "B")
        marks = strip_lines(app)[-1]
        assert "'boot: modules" in marks
        assert marks.startswith("▲ ✗")


async def test_events_without_times_are_not_divided_by_seconds() -> None:
    """The scale was headed "seconds", over numbers of steps."""
    app = make_app(history())
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "H", "S")
        assert "no event here has a time" in shown_text(app)
        assert app.main.panels.time_map.scale is Scale.EVENTS


async def test_under_address_and_time_the_strip_is_its_rule() -> None:
    """The same picture stood twice on the screen, small under large."""
    app = trace_app(4_680)
    for size in ((120, 40), (80, 24)):
        async with app.run_test(size=size) as pilot:
            strip = app.main.query_one(TimeStrip)
            await pilot.pause()
            before = strip.size.height
            await press(pilot, "H")
            assert strip.size.height == 1
            assert strip.render_line(0).text.startswith("━ TIME step 4,680")
            await press(pilot, "escape")
            assert strip.size.height == before
        app = trace_app(4_680)
