"""Comparison on the screen: pinned moments, other machines, two maps, the
table, from difference to difference."""

import re
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from execmem_tui.analysis.superpose import Difference
from execmem_tui.model.errors import UsageError
from execmem_tui.model.units import signed_size
from execmem_tui.sources.base import Progress, Side
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.opening import open_path
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.screens.differences import DifferenceSheet
from execmem_tui.tui.start import Start
from execmem_tui.tui.widgets.other_map import OtherMap
from execmem_tui.view.paint import LensName
from tests.tui.driving import make_app, press, settle, shown_text, still

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
OFFSET = re.compile(r" *([+-][0-9a-f]{1,9})[ ▌]")


def lines(app: ExecmemApp) -> list[str]:
    return shown_text(app).splitlines()


async def test_a_pinned_moment_is_compared_by_colour_and_in_words() -> None:
    booted = open_booted("arm64")
    app = make_app(booted)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "equals_sign")
        assert "this moment is A" in shown_text(app)
        booted.load("btrfs")
        app.show_step()
        await pilot.pause()
        assert "A step 2,976  B step 3,052  13 only B 2.1M · 544 same: 2.1M more" in shown_text(app)
        looks = Counter(
            piece.look
            for block in app.shown.snapshot.areas.blocks
            for piece in app.shown.paint(block)
        )
        assert looks["only-b"] == 13
        assert looks["same"] > 500
        await press(pilot, "V")
        assert app.lens is LensName.KIND
        assert "13 only B" in shown_text(app), "the sums stay, whatever colour tells"
        app.show_source(open_booted("arm64", kaslr="7"))  # another machine, compared by place
        await pilot.pause()
        assert "A KASLR off  B KASLR seed-7  1 moved · 543 same" in shown_text(app)
        app.show_source(booted)
        await press(pilot, "equals_sign")
        assert (app.pinned, app.lens) == (None, LensName.KIND)
        await pilot.pause()
        assert "only B" not in shown_text(app)


async def test_what_is_gone_is_a_ghost_that_says_its_name() -> None:
    booted = open_booted("arm64")
    booted.load("amdgpu")
    app = make_app(booted)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "equals_sign")
        gone = next(area.start for area in app.shown.snapshot.areas if area.owner == "amdgpu")
        booted.history.undo()
        app.show_step()
        app.look_at(gone)
        await pilot.pause()
        text = shown_text(app)
        assert "┊┊┊┊┊" in text
        assert "amdgpu" in text
        assert "only in A: amdgpu text" in text
        assert "55 only A 18.1M · 544 same: 18.1M less" in text


async def test_from_difference_to_difference_and_round() -> None:
    booted = open_booted("arm64")
    app = make_app(booted)
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "semicolon")
        assert "nothing is compared" in shown_text(app)
        await press(pilot, "equals_sign", "semicolon")
        assert "nothing differs" in shown_text(app)
        booted.load("btrfs")
        app.show_step()
        compared = app.shown.compared
        assert compared is not None
        found = [each.at for each in compared.found.differences]
        app.look_at(found[0])
        await press(pilot, "semicolon")
        assert app.cursor == found[1]
        await press(pilot, "comma", "comma")
        assert app.cursor == found[-1]
        assert "round to the last difference" in shown_text(app)
        await press(pilot, "semicolon")
        assert app.cursor == found[0]


async def test_the_table_is_sorted_and_goes_there() -> None:
    booted = open_booted("arm64")
    app = make_app(booted)
    async with app.run_test(size=(100, 30)) as pilot:
        await press(pilot, "equals_sign")
        booted.load("btrfs")
        app.show_step()
        await press(pilot, "ampersand")
        assert isinstance(app.screen, DifferenceSheet)
        text = lines(app)
        assert "13 only B 2.1M" in text[1]
        assert text[2].split()[1:6] == ["owner", "region", "A", "B", "delta"]
        assert text[3].split()[1:6] == ["btrfs", "text", "–", "1.3M", "+1.3M"]
        await press(pilot, "s")
        first = lines(app)[3]
        assert "by address" in lines(app)[2]
        await press(pilot, "down", "down", "up", "up", "enter")
        assert not isinstance(app.screen, DifferenceSheet)
        assert f"{app.cursor:x}" in first
        await press(pilot, "ampersand", "escape")
        assert len(app.screen_stack) == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 45), (240, 60), (300, 80)])
async def test_two_maps_share_rows_cursor_and_scale(size: tuple[int, int]) -> None:
    booted = open_booted("arm64")
    app = make_app(booted)
    async with app.run_test(size=size) as pilot:
        await press(pilot, "equals_sign")
        booted.load("amdgpu")
        app.show_step()
        await still(pilot)
        assert app.main.has_class("beside") is (size[0] >= 240), "by itself where there is room"
        if size[0] < 240:
            await press(pilot, "vertical_line")
            await still(pilot)
        assert app.main.has_class("beside")
        text = lines(app)
        head = next(line for line in text if "━ A step 2,976" in line)
        assert "━ B step 3,289" in head
        offsets = [int(found[1], 16) for line in text if (found := OFFSET.match(line))]
        assert offsets == sorted(offsets)
        assert len(offsets) > 8
        left, right = app.main.query_one(OtherMap), app.main.map
        assert left.region.right <= right.region.x
        assert right.region.right <= size[0]
        amdgpu = next(area.start for area in app.shown.snapshot.areas if area.owner == "amdgpu")
        assert sum(line.count("amdgpu") for line in text[4:-8]) >= 1
        # the cursor is in the same row of both
        app.look_at(amdgpu)
        await still(pilot)
        marked = [line for line in lines(app) if line.count("▌") >= 2]
        assert marked
        # a click on the left one moves it
        await pilot.click(OtherMap, offset=(left.letters + 1, 2))
        await still(pilot)
        view = app.main.map.viewport
        assert view is not None
        assert app.cursor == view.lines()[1].start
        await press(pilot, "vertical_line")
        assert not app.main.has_class("beside")


async def test_resizing_gives_and_takes_the_second_map() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "equals_sign")
        assert not app.main.has_class("beside")
        await pilot.resize_terminal(240, 60)
        await pilot.pause()
        assert app.main.has_class("beside")
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        assert not app.main.has_class("beside")
        await press(pilot, "vertical_line")  # asked for, and there is no room
        assert not app.main.has_class("beside")


async def test_another_era_beside_this_one() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(240, 60)) as pilot:
        await press(pilot, "C")
        app.screen.query_one(Input).value = "kernel=6.12"
        await press(pilot, "enter")
        text = shown_text(app)
        assert "━ A kernel 6.12.107" in text
        assert "━ B kernel 7.1.8" in text
        compared = app.shown.compared
        assert compared is not None
        assert compared.found.sums[Difference.GROWN].areas > 100
        await press(pilot, "C", *"step=many", "enter")
        assert "is no number" in shown_text(app), "it is said in the dialog"


async def test_captures_with_other_kaslr_offsets_lie_side_by_side() -> None:
    run = CAPTURES / "amd64-7.2.13-kaslr"
    source = open_path(str(run), phase="1-modules")
    start = Start(against=f"{run}:4a-bpf-200")
    app = ExecmemApp(source, theme="execmem-dark", start=start)
    async with app.run_test(size=(300, 80)) as pilot:
        await pilot.pause()
        await settle(app)
        await pilot.pause()
        text = shown_text(app)
        assert "━ A amd64-7.2.13-kaslr 4a-bpf-200" in text
        assert "+0 = ffffffff" in text
        await press(pilot, "4")
        assert app.main.has_class("beside")


async def test_what_is_compared_with_is_read_with_a_bar_and_can_be_stopped() -> None:
    """It was read on the event loop: nothing moved, and Escape came too late."""
    other = Side(open_booted("arm64").history.peek(0), "the other")
    go = threading.Event()

    def reads() -> Iterator[Progress | Side]:
        yield Progress(fraction=0.25)
        go.wait(30)
        yield other

    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        app.jobs.compare("slow", reads())
        for _ in range(100):
            await pilot.pause()
            if "25 %" in shown_text(app):
                break
        assert "reading slow" in shown_text(app)
        job = app.jobs.comparing
        assert job is not None
        await press(pilot, "escape")
        assert job.stopped
        assert app.jobs.comparing is None
        assert "reading slow" not in shown_text(app)
        go.set()
        await settle(app)
        assert app.pinned is None, "what was stopped brings nothing"
        app.jobs.compare("slow", reads())
        await settle(app)
        await pilot.pause()
        assert app.pinned is other
        assert "reading" not in shown_text(app)


async def test_a_capture_to_compare_with_that_is_not_there_is_said() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "C", *"nowhere", "enter")
        await settle(app)
        await pilot.pause()
        assert "No such file" in shown_text(app)
        assert app.jobs.comparing is None


async def test_the_list_is_sorted_by_what_changed_while_comparing() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "equals_sign", "B", "L", "s", "s", "s", "s", "home")
        assert "areas by delta" in shown_text(app)
        compared = app.shown.compared
        assert compared is not None
        largest = max(each.delta for each in compared.found.pairings)
        first = next(line for line in lines(app) if f" {signed_size(largest)} " in line)
        assert "ffff8000" in first
        same = [compared.found.pairing(area) for area in app.main.panels.list._areas]
        deltas = [0 if each is None else abs(each.delta) for each in same]
        assert deltas == sorted(deltas, reverse=True)
        await press(pilot, "escape", "equals_sign")
        assert "areas by address" in shown_text(app), "there is no delta any more"
        await press(pilot, "L", "s", "s", "s", "s")
        assert "areas by address" in shown_text(app)


async def test_there_is_nothing_beside_what_is_not_compared() -> None:
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await press(pilot, "vertical_line")
        assert "there is nothing to show beside this" in shown_text(app)
        with pytest.raises(UsageError):
            app.compares.action_differences()


async def test_the_wheel_over_one_map_pans_both() -> None:
    booted = open_booted("arm64")
    app = make_app(booted)
    async with app.run_test(size=(240, 40)) as pilot:
        await press(pilot, "equals_sign", "plus", "plus", "plus")
        before = app.cursor
        left = app.main.query_one(OtherMap)
        left.post_message(OtherMap.Wheeled(3))
        await pilot.pause()
        assert app.cursor > before
