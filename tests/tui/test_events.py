"""The newest events in the side panel: chosen by keys, and by a click."""

import re

import pytest

from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.widgets.events import EventsView
from execmem_tui.tui.widgets.side import SidePanel
from tests.tui.driving import make_app, press, shown_text


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (300, 80)])
async def test_an_event_is_chosen_with_the_arrows(size: tuple[int, int]) -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=size) as pilot:
        await press(pilot, "a", "p")
        cursor, steps = app.cursor, app.source.history.steps
        await press(pilot, "R")
        view = app.main.query_one(EventsView)
        assert view.has_focus
        assert "go there" in shown_text(app)
        await press(pilot, "down", "j", "k")
        assert view.highlighted == 1
        assert app.cursor == cursor, "the map's cursor stays"
        line = view.render_line(1).text.strip()
        assert line in shown_text(app), "it is scrolled into sight"
        await press(pilot, "enter")
        number = re.match(r"\d+", line)
        assert number is not None
        assert app.source.history.step == int(number[0]) < steps
        await press(pilot, "escape", "right")
        assert not view.has_focus
        assert app.cursor != cursor


async def test_a_panel_that_was_put_away_comes_back_for_it() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "v", "R")
        view = app.main.query_one(EventsView)
        assert view.has_focus
        await press(pilot, "up", "up")
        assert view.highlighted == 0
        panel = app.main.query_one(SidePanel)
        assert panel.scroll_offset.y > 0
        await press(pilot, "R")
        assert app.focused is app.main.map
        assert panel.scroll_offset.y == 0, "it begins with reach again"


async def test_an_event_that_is_cut_ends_with_a_sign() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        view = app.main.query_one(EventsView)
        texts = [text for text, _ in view.said(30)]
        assert all(len(text) <= 30 for text in texts)
        assert any(text.endswith("…") for text in texts)


async def test_a_click_goes_there_and_leaves_the_keys_to_the_map() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(200, 60)) as pilot:
        steps = app.source.history.steps
        await pilot.click(EventsView, offset=(3, 2))
        await pilot.pause()
        assert app.source.history.step < steps
        assert app.focused is app.main.map
