"""The chooser as it is looked at: columns, and a box no higher than what is in it."""

import re

from textual.command import CommandList

from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.providers import Everything
from execmem_tui.tui.screens.chooser import Chooser
from execmem_tui.view.finding import Entry
from tests.tui.driving import make_app, press, shown_text


def _rows(app: ExecmemApp) -> list[str]:
    """What the list shows of its rows."""
    assert isinstance(app.screen, Chooser)
    lines = app.screen.lines
    return [lines.render_line(y).text for y in range(min(lines.count, lines.size.height))]


async def test_what_is_found_stands_in_columns() -> None:
    app = ExecmemApp(open_booted("arm64"), theme="execmem-dark")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "slash", *"nf")
        rows = _rows(app)
        assert len(rows) > 10
        assert len({row.index(" ffff") for row in rows}) == 1
        assert len({row.index("K  ") for row in rows}) == 1
        assert len({len(row.split()[0]) for row in rows}) > 1


async def test_few_entries_make_a_low_box() -> None:
    app = ExecmemApp(open_booted("arm64"), theme="execmem-dark")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "B", "asterisk")
        assert len(_rows(app)) == 2
        assert app.screen.query_one("#box").outer_size.height < 12
        assert "window exhausted" in _rows(app)[1]


async def test_the_palette_offers_what_changes_and_asks_before_what_moves() -> None:
    """It began with the four panes and the arrow keys."""
    app = ExecmemApp(open_booted("arm64"), theme="execmem-dark")
    async with app.run_test(size=(120, 40)):
        offered = [str(hit.text) async for hit in Everything(app.screen).discover()]
    assert offered[0].startswith("Allocate ")
    at = {each.split("  ")[0]: number for number, each in enumerate(offered)}
    assert at["Fill up"] < at["Why here"] < at["Play"] < at["Open"] < at["Module"] < at["Left"]
    assert len(offered) == len(set(offered))


async def test_what_stands_beside_a_name_has_room_where_the_terminal_has() -> None:
    """At 120 columns the titles of tours were cut after 31, in a box of 72."""
    app = ExecmemApp(open_booted("arm64"), theme="execmem-dark")
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "t")
        assert "What execmem is, and who asks it for memory" in shown_text(app)
        assert len(_rows(app)) == 12
        assert "…" not in "".join(_rows(app))
        assert app.screen.query_one("#box").outer_size.width <= 100
    app = ExecmemApp(open_booted("arm64"), theme="execmem-dark")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "t")
        assert app.screen.query_one("#box").outer_size.width <= 80


async def test_the_palette_has_no_sign_that_takes_two_columns() -> None:
    app = ExecmemApp(open_booted("arm64"), theme="execmem-dark")
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "ctrl+p", *"fill")
        strips = app.screen._compositor.render_strips()
        text = "\n".join(strip.text for strip in strips)
        assert "🔎" not in text
        assert "Esc leaves" in text
        assert all(len(strip.text) == 80 for strip in strips)


async def test_a_list_that_follows_the_map_leaps_and_does_not_creep() -> None:
    """Else each move of the cursor would paint all of its rows."""
    app = ExecmemApp(open_booted("arm64"), theme="execmem-dark")
    async with app.run_test(size=(300, 80)) as pilot:
        lines = app.main.panels.list.lines
        tops = []
        for _ in range(90):
            await press(pilot, "w")
            tops.append(lines.scroll_offset.y)
        assert len(set(tops)) == 2, "the first screen, and one leap"
        assert tops[-1] > lines.size.height // 3
        assert 0 <= lines.highlighted - tops[-1] < lines.size.height


async def test_no_row_of_a_list_is_cut_without_a_sign() -> None:
    """The bar of a list lay over its last column."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "L")
        lines = app.main.panels.list.lines
        wide = [row for at in range(lines.size.height) if (row := lines.render_line(at).text)]
        assert {len(row) for row in wide} == {lines.scrollable_content_region.width}
        assert any(row.endswith("…") for row in wide)
        assert "nvme_keyring.te…" in shown_text(app)


async def test_what_stands_beside_names_is_whole() -> None:
    """``modu`` was all that the list of what may be freed said of the type."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "F")
        shown = shown_text(app)
        assert re.search(r"nvme_auth.text +ffff80007b000000 +8K  module ", shown)
        assert "of 544" in shown
        await press(pilot, "escape", "i")
        assert "type to find, of 4,403" in shown_text(app)


async def test_the_palette_puts_what_explains_itself_so_before_letters_here_and_there() -> None:
    """``reach`` found trace-mass-attach before the lens of that name."""
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "ctrl+p", *"reach")
        for _ in range(20):
            await pilot.pause()
        found = app.screen.query_one(CommandList)
        first = [str(found.get_option_at_index(at).prompt) for at in range(3)]
        assert any("Lens" in each for each in first), first
        assert any("Origin" in each for each in first), first


async def test_keys_are_taken_while_very_many_are_searched() -> None:
    """Among a million areas each letter held the screen for half a second, some for four."""
    chosen: list[int] = []
    entries = [Entry(f"mod_{number}.text", f"{number:x}") for number in range(100_000)]
    chooser = Chooser("Find", entries, chosen.append)
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(chooser)
        await pilot.pause()
        chooser.narrow("mod_77")
        assert chooser.lines.count == len(entries), "what was listed stays until then"
        assert "searched" in str(chooser.query_one("#box").border_title)
        chooser.narrow("mod_99999")
        chooser.accept()  # what is found is waited for
        assert chosen == [99_999]


async def test_a_search_goes_on_by_itself_and_ends() -> None:
    entries = [Entry(f"mod_{number}.text") for number in range(50_000)]
    chosen: list[int] = []
    chooser = Chooser("Find", entries, chosen.append)
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        app.push_screen(chooser)
        await press(pilot, *"mod_49999")
        for _ in range(100):
            await pilot.pause()
            if chooser.lines.count == 1:
                break
        assert chooser.lines.count == 1
        assert chooser.query_one("#box").border_title == "Find"


async def test_a_list_that_foretells_leaves_the_map_of_a_small_terminal_in_sight() -> None:
    """At 80x24 its box was half of the screen, over most of what it foretold."""
    for size, rows in (((80, 24), 8), ((120, 40), 12)):
        app = make_app(open_booted("arm64"))
        async with app.run_test(size=size) as pilot:
            await press(pilot, "i", *"amdgpu")
            assert app.screen.query_one("#box").outer_size.height == rows
            assert "18.1M stay" in shown_text(app)
