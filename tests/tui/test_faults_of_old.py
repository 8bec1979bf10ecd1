"""What was wrong on an earlier screen and has no better place: notes, wide sheets, the first frame."""

from pathlib import Path

import pytest
from attrs import evolve
from textual.containers import ScrollableContainer

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.sources.base import Recording, SourceKind
from execmem_tui.sources.opening import open_path
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.screens.sheets import TextSheet
from execmem_tui.view.ranges_table import layout_lines
from tests.tui.driving import make_app, press, shown_text

CAPTURE = Path(__file__).parents[1] / "data" / "captures" / "arm64-7.2.13-nokaslr"


async def test_notes_are_a_sheet_and_no_toasts() -> None:
    """Fault 19: the first few of them were toasts for eight seconds, the others nowhere."""
    notes = tuple(f"note {number}: this is not known of the machine" for number in range(7))
    history = History(evolve(resolve("arm64"), notes=notes))
    app = ExecmemApp(Recording(SourceKind.CAPTURE, "a capture", history), theme="execmem-dark")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await pilot.pause()
        assert not app._notifications
        assert f"! {len(notes)}" in shown_text(app).split("\n")[0]
        await press(pilot, "exclamation_mark")
        assert isinstance(app.screen, TextSheet)
        told = " ".join(shown_text(app).split())
        for number, note in enumerate(notes, 1):
            assert f"{number} {' '.join(note.split())[:40]}" in told


@pytest.mark.parametrize("width", [80, 120])
async def test_the_table_of_ranges_can_be_seen_to_its_last_column(width: int) -> None:
    """Fault 23: columns were cut and there was no way to the right."""
    app = make_app()
    lines = layout_lines(app.shown.snapshot.layout)
    longest = max(lines, key=len)
    async with app.run_test(size=(width, 24)) as pilot:
        await press(pilot, "T")
        box = app.screen.query_one(ScrollableContainer)
        if len(longest) > width:
            assert longest[-8:] not in shown_text(app)
        for _ in range(len(longest)):
            if longest[-8:] in shown_text(app):
                break
            box.scroll_relative(x=8, animate=False)
            await pilot.pause()
        assert longest[-8:] in shown_text(app)


async def test_right_scrolls_a_wide_sheet() -> None:
    """Fault 23: the keys do it, too."""
    app = make_app()
    async with app.run_test(size=(60, 24)) as pilot:
        await press(pilot, "T")
        box = app.screen.query_one(ScrollableContainer)
        assert box.max_scroll_x > 0
        await press(pilot, "right", "right")
        await pilot.wait_for_animation()
        assert box.scroll_x > 0


class _Painted(ExecmemApp):
    """Notes how wide the map's rows were each time that something was shown."""

    widths: list[int]

    def post_display_hook(self) -> None:
        """After each frame."""
        view = self.main.map.viewport if self.main.ready else None
        if view is not None:
            self.widths.append(view.axis.columns)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_the_first_frame_is_laid_out_for_the_terminal(size: tuple[int, int]) -> None:
    """Fault 25: some starts were laid out for 24 columns first, and then again."""
    app = _Painted(open_path(str(CAPTURE)), theme="execmem-dark")
    app.widths = []
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert app.widths
        assert set(app.widths) == {app.main.map.viewport.axis.columns}  # type: ignore[union-attr]
