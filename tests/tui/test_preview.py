"""Where will it go: dashed on the map while a name is highlighted or a size is typed."""

from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.app import ExecmemApp
from tests.tui.driving import make_app, press, shown_text


def dashes(app: ExecmemApp) -> int:
    return "".join(app.main.map.render_line(y).text for y in range(app.main.map.size.height)).count(
        "┅"
    )


async def test_a_highlighted_module_lies_dashed_on_the_map_until_the_dialog_goes() -> None:
    booted = open_booted("arm64")
    app = make_app(booted)
    async with app.run_test(size=(120, 40)) as pilot:
        before = booted.history.steps
        await press(pilot, "i", *"amdgpu")
        assert "90 allocations, 18.1M stay" in shown_text(app)
        assert dashes(app) > 200
        assert booted.history.steps == before
        await press(pilot, "escape")
        assert not dashes(app)
        assert app.main.map.shown is app.shown


async def test_what_was_foretold_is_what_comes() -> None:
    booted = open_booted("arm64")
    app = make_app(booted)
    async with app.run_test(size=(120, 40)) as pilot:
        found = booted.preview_load("btrfs")
        await press(pilot, "i", *"btrfs", "enter")
        assert not dashes(app)
        areas = set(booted.history.snapshot().areas)
        assert set(found.areas) <= areas


async def test_a_module_that_would_spill_says_so_and_one_that_is_there_too() -> None:
    booted = open_booted("arm64")
    booted.fill()
    app = make_app(booted)
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "i", *"bnxt_en")
        assert "in the fallback" in shown_text(app)
        assert dashes(app)
        await press(pilot, "escape", "i", *"amdgpu")
        assert "amdgpu is loaded already" in shown_text(app)
        assert not dashes(app)


async def test_a_size_that_is_typed_lies_dashed_on_the_map() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "A", *(["backspace"] * 4), *"30M", "tab", *"2")
        assert "2 allocations" in shown_text(app)
        assert dashes(app) > 100
        await press(pilot, *(["backspace"] * 3))
        assert "allocations ·" not in shown_text(app)
        await press(pilot, "escape")
        assert not dashes(app)


async def test_the_dialogs_that_foretell_fit_80x24() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "A")
        text = shown_text(app)
        assert "Allocate" in text
        assert "1 allocation" in text
        await press(pilot, "escape", "i", *"xfs")
        assert "4 areas" in shown_text(app) or "allocations" in shown_text(app)


async def test_filling_up_ends_at_the_spill() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "B")
        assert app.cursor == 0xFFFF800003000000
        assert "40K short: placed far away" in shown_text(app)


async def test_leaving_a_preview_leaves_the_cursor_where_it_was() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "w", "w")
        cursor = app.cursor
        await press(pilot, "i", *"amdgpu")
        assert app.cursor != cursor
        await press(pilot, "escape")
        assert app.cursor == cursor
        await press(pilot, "i", *"amdgpu", "enter")
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert (area.owner, area.region) == ("amdgpu", "MOD_TEXT"), "what came is looked at"
