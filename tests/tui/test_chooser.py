"""The chooser as it is looked at: columns, and a box no higher than what is in it."""

from execmem_tui.sources.booted import open_booted
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.screens.chooser import Chooser

from .driving import press


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
