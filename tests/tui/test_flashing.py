"""What a step changed stands out for a moment, and where no time passes not at all."""

import pytest
from rich.style import Style

from execmem_tui.model.events import Allocated, Freed
from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.flashing import FLASH
from execmem_tui.view.changes import NO_CHANGES, Changes, changes_of
from execmem_tui.view.highlight import Emphasis
from tests.tui.driving import PutOff, make_app, press


def bright(app: ExecmemApp) -> int:
    """Cells of the map that stand out, without the cursor."""
    detail = app.main.map
    ground = app.palette.emphasis(Emphasis.CAME).bgcolor
    segments = [each for y in range(1, detail.size.height) for each in detail.render_line(y)]
    return sum(len(each.text) for each in segments if (each.style or Style()).bgcolor == ground)


async def test_what_came_stands_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    put = PutOff(monkeypatch, rest=99.0)  # not the length of a flash
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "z")
        assert bright(app) == 0
        await press(pilot, "i", *"xfs", "enter")
        came = app.main.map.changes.came
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert area.start in [start for start, _ in came]
        assert bright(app) > 2
        put.pass_all(FLASH)
        await pilot.pause()
        assert app.main.map.changes == NO_CHANGES
        assert bright(app) == 0
        await press(pilot, "f")
        assert app.main.map.changes.went
        await press(pilot, "a", "a")
        assert len([each for each in put.waiting if each[0] == FLASH]) == 1, "the newest alone"


async def test_where_no_time_passes_nothing_flashes() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "a")
        assert app.main.map.changes == NO_CHANGES


def test_what_came_and_went_again_is_no_news() -> None:
    booted = open_booted("arm64")
    booted.load("xfs")
    history = booted.history
    found = changes_of(history.group(), history.snapshot())
    starts = {start for start, _ in found.came}
    there = {area.start for area in history.snapshot().areas}
    assert starts
    assert starts <= there
    gone = [each for each in history.group() if isinstance(each, Freed)]
    assert gone, "what only the start of a module needs"
    booted.free(next(area.start for area in history.snapshot().areas if area.owner == "xfs"))
    found = changes_of(history.group(), history.snapshot())
    assert not found.came
    assert found.went
    assert not {start for start, _ in found.went} & {
        area.start for area in history.snapshot().areas
    }


def test_of_very_much_nothing_flashes() -> None:
    booted = open_booted("arm64")
    booted.fill()
    history = booted.history
    assert sum(isinstance(event, Allocated) for event in history.group()) > 256
    assert changes_of(history.group(), history.snapshot()) == Changes()
