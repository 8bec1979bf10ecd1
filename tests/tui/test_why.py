"""`W` and `H` on the screen."""

from textual.color import Color

from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.tui.screens.why_sheet import WhySheet
from execmem_tui.tui.widgets.time import TimeStrip
from execmem_tui.tui.widgets.time_map import TimeMapView
from execmem_tui.view.timemap import Scale
from tests.themes.test_themes import contrast
from tests.tui.driving import make_app, press, shown_text
from tests.tui.test_time import trace_app

SCTP = 0xFFFF800002F00000


async def test_why_of_a_spill_steps_through_the_holes_and_goes_to_who_is_in_the_way() -> None:
    app = trace_app(4681)
    async with app.run_test(size=(120, 40)) as pilot:
        app.look_at(SCTP)
        await press(pilot, "W")
        assert isinstance(app.screen, WhySheet)
        text = shown_text(app)
        assert "W  sctp.text, 276K + guard, 55.949 s" in text
        assert "180K left, 1 hole, 100K short: EXHAUSTED" in text
        assert "f unload bnxt_en and try again" in text
        await press(pilot, "n")
        assert app.cursor == 0xFFFF80007FFD3000
        assert "1 of 3: ffff80007ffd3000, 180K: too small by 100K" in shown_text(app)
        await press(pilot, "left")
        assert "3 of 3" in shown_text(app)
        await press(pilot, "enter")
        assert not isinstance(app.screen, WhySheet)
        event = app.shown.snapshot.event
        assert event is not None
        assert "bnxt_en" in event.text


async def test_trying_without_it_succeeds_in_a_what_if_and_can_be_taken_back() -> None:
    app = trace_app(4681)
    source = app.source
    async with app.run_test(size=(120, 40)) as pilot:
        app.look_at(SCTP)
        await press(pilot, "W", "f")
        text = shown_text(app)
        assert "tried  sctp 276K: placed near the kernel" in text
        assert app.source is not source
        assert app.source.title.startswith("what if, from step 4,677 of")
        await press(pilot, "f")  # once is enough
        await press(pilot, "u")
        assert app.source is source
        assert source.history.step == 4681
        assert "tried" not in shown_text(app)
        await press(pilot, "escape")
        assert not isinstance(app.screen, WhySheet)


async def test_what_if_a_trace_had_been_asked_for_so_much() -> None:
    """A says where 20M would go at a moment of a trace; W then names the few that pin the room."""
    app = trace_app(35_500)
    source = app.source
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "A", *["backspace"] * 6, *"20M")
        assert "What if this were allocated" in shown_text(app)
        assert "1 allocation, 1 in the fallback" in shown_text(app)
        await press(pilot, "enter")
        assert app.source.title.startswith("what if, from step 35,500 of")
        assert "placed far away, the near window is fragmented" in shown_text(app)
        await press(pilot, "W")
        assert "FRAGMENTED" in shown_text(app)
        assert "20.9M" in shown_text(app)
        await press(pilot, "f")
        assert "placed near the kernel" in shown_text(app)
        await press(pilot, "escape", "u")
        assert app.source is source
        assert source.history.step == 35_500


async def test_in_the_simulator_the_attempt_is_a_command() -> None:
    booted = open_booted("arm64")
    booted.fill()
    before = booted.history.step
    app = make_app(booted)
    async with app.run_test(size=(120, 40)) as pilot:
        app.look_at(0xFFFF800003000000)
        await press(pilot, "W")
        assert "f unload sunrpc and what uses it, and try again" in shown_text(app)
        await press(pilot, "f")
        assert "tried  ath12k.text 344K: placed near the kernel" in shown_text(app)
        assert booted.history.step > before
        await press(pilot, "u")
        assert booted.history.step == before


async def test_why_of_nothing_is_where_a_request_would_go_and_of_others_a_word() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.look_at(0xFFFF80007F000000)
        await press(pilot, "W")
        assert "goes       near ffff80007c29" in shown_text(app)
        await press(pilot, "escape")
    app = trace_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.look_at(0xFFFF800080001000)
        await press(pilot, "W")
        assert not isinstance(app.screen, WhySheet)
        assert "placed by no request" in " ".join(each.message for each in app._notifications)


async def test_a_failure_is_explained_without_an_area() -> None:
    booted = open_booted("riscv")
    app = make_app(booted)
    async with app.run_test(size=(120, 40)) as pilot:
        booted.fill()
        app.show_step()
        await press(pilot, "W")
        assert "nowhere: it FAILS" in shown_text(app)


async def test_address_and_time_take_the_place_of_the_map() -> None:
    app = trace_app(25_000)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "H")
        view = app.main.panels.time_map
        assert view.display
        assert not app.main.map.display
        text = shown_text(app)
        assert "57,065 events, " in text
        assert "1.8G never used" in text
        shown = view.time_map()
        assert shown is not None
        assert view.at[0] == shown.column_of(25_000)
        await press(pilot, "right", "right", "down")
        column, line = view.at
        await press(pilot, "enter")
        assert app.source.history.step == shown.steps[column]
        assert app.cursor == shown.lines[line].start
        assert app.main.map.display
        await press(pilot, "H", "H")
        assert app.main.map.display
        assert app.main.map.has_focus


async def test_what_is_of_the_map_brings_the_map_back() -> None:
    """Keys moved a cursor that nobody saw, or did nothing."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        for keys in (("w",), ("plus",), ("z",), ("0",), ("g", *"ext4", "enter"), ("L", "enter")):
            await press(pilot, "H")
            assert app.main.has_class("time-map")
            before = app.main.map.viewport
            await press(pilot, *keys)
            assert not app.main.has_class("time-map"), keys
            assert app.main.map.viewport != before or keys[0] == "L", keys
            await press(pilot, "escape", "escape")
        await press(pilot, "H", "left_square_bracket", "n")
        assert app.main.has_class("time-map"), "time is told there as well"


async def test_a_click_on_the_time_map_seeks_and_a_double_click_goes_there() -> None:
    app = trace_app()
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "H")
        shown = app.main.panels.time_map.time_map()
        assert shown is not None
        await pilot.click(TimeMapView, offset=(17 + 40, 3))
        await pilot.pause()
        assert app.source.history.step == shown.steps[40]
        assert app.main.panels.time_map.at == (40, 2)
        assert app.main.panels.time_map.display
        await pilot.click(TimeMapView, offset=(17 + 20, 3), times=2)
        await pilot.pause()
        assert app.main.map.display


async def test_seconds_hold_for_strip_and_map_alike() -> None:
    app = trace_app(25_000)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "H", "S")
        view = app.main.panels.time_map
        scales = {view.scale, app.main.query_one(TimeStrip).scale}
        assert scales == {Scale.SECONDS}
        assert " s " in shown_text(app)
        shown = view.time_map()
        assert shown is not None
        assert view.at[0] == view.playhead(shown)
        await press(pilot, "S")
        assert view.scale is Scale.EVENTS


async def test_the_time_map_stands_at_80x24_and_without_events() -> None:
    for app in (trace_app(), make_app(), make_app(open_booted("mips"))):
        async with app.run_test(size=(80, 24)) as pilot:
            await press(pilot, "H", "down", "right", "pagedown", "enter")
            assert app.main.map.display


async def test_a_scenario_has_an_address_and_time_too() -> None:
    play = play_scenario("kprobes-1000")
    play.history.seek(0)
    app = trace_app()
    async with app.run_test(size=(120, 40)) as pilot:
        app.show_source(play)
        await press(pilot, "H")
        assert "2,084 events, " in shown_text(app)


async def test_findings_are_listed_and_one_goes_there() -> None:
    booted = open_booted("arm64")
    booted.fill()
    app = make_app(booted)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "asterisk")
        text = shown_text(app)
        assert "fallback in use" in text
        assert "window exhausted" in text
        await press(pilot, "enter")
        assert app.cursor == 0xFFFF800003000000
        app.show_source(open_booted("arm64"))
        await press(pilot, "asterisk")
        assert "nothing remarkable here" in [each.message for each in app._notifications]


async def test_the_tenants_of_an_address_are_gone_through() -> None:
    booted = open_booted("arm64")
    booted.load("btrfs")
    history = booted.history
    area = next(each for each in history.snapshot().areas if each.name == "btrfs.text")
    loaded = history.step
    booted.free(area.start)
    booted.allocate(area.type, 4096, owner="next")  # type: ignore[arg-type]
    app = make_app(booted)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        app.look_at(area.start)
        here = history.step
        await press(pilot, "left_parenthesis")
        assert history.step < loaded
        assert app.cursor == area.start
        said = [each.message for each in app._notifications][-1]
        assert ": btrfs.text" in said
        assert said.startswith("tenant ")
        await press(pilot, "right_parenthesis")
        assert loaded < history.step <= here
        await press(pilot, "right_parenthesis")
        assert "next" in [each.message for each in app._notifications][-1]
        await press(pilot, "g", *"#2", "enter")
        said = [each.message for each in app._notifications][-1]
        assert said.startswith("tenant 2 of ")
        assert app.cursor == area.start
        await press(pilot, "g", *"#99", "enter")
        assert "this address has " in shown_text(app), "in the dialog, which stays"
        assert len(app.screen_stack) == 2


async def test_what_failed_is_ringed_to_scale_where_the_largest_hole_begins() -> None:
    app = trace_app(4681)
    async with app.run_test(size=(120, 40)) as pilot:
        app.look_at(SCTP)
        await press(pilot, "W")
        hole = 0xFFFF80007FFD3000
        assert app.main.map.highlight.ring == (hole, hole + 280 * 1024)
        assert app.cursor == hole
        lines = shown_text(app).splitlines()
        bars = [line for line in lines if "█████" in line and ("hole" in line or "asked" in line)]
        assert "180K, 100K short" in bars[0]
        assert "280K with its guard" in bars[1]
        assert bars[0].count("█") + bars[0].count("░") == bars[1].count("█")
        assert abs(bars[0].count("█") / bars[1].count("█") - 180 / 280) < 0.02
        await press(pilot, "escape")
        assert app.main.map.highlight.ring is None
        assert app.cursor == SCTP, "what was asked about"
        await press(pilot, "W", "f")
        assert app.main.map.highlight.ring is None, "it fits now"


async def test_what_is_ringed_keeps_names_that_can_be_read() -> None:
    """The name under the cursor is turned round: in the accent it was pale on amber."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(200, 50)) as pilot:
        await press(pilot, "B", "W")
        named = [
            segment
            for y in range(app.main.map.size.height)
            for segment in app.main.map.render_line(y)
            if segment.style and segment.style.overline and any(map(str.isalpha, segment.text))
        ]
        assert any("ath12k" in segment.text for segment in named)
        for text, style, _ in named:
            assert style is not None
            if style.bold and style.bgcolor is not None and style.color is not None:
                one, other = (Color.from_rich_color(each) for each in (style.color, style.bgcolor))
                assert contrast(one, other) >= 3, text
