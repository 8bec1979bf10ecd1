"""What was wrong on an earlier screen, where it takes a whole screen to see it.

Each of `tests.faults.FAULTS` has a test that fails without its mend, here or beside what was
mended.
"""

import re
from pathlib import Path

import pytest
from attrs import evolve
from textual.containers import ScrollableContainer

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.sources.base import Recording, SourceKind
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.opening import open_path, read_path
from execmem_tui.tui.app import ExecmemApp
from execmem_tui.tui.opening import nothing
from execmem_tui.tui.screens.sheets import TextSheet
from execmem_tui.tui.start import Opening
from execmem_tui.tui.widgets.inspector import Inspector
from execmem_tui.tui.widgets.side import SidePanel
from execmem_tui.view.events import is_fallback
from execmem_tui.view.ranges_table import layout_lines
from tests.faults import FAULTS
from tests.tui.driving import make_app, press, settle, shown_text

TESTS = Path(__file__).parents[1]
DATA = TESTS / "data"
CAPTURE = DATA / "captures" / "arm64-7.2.13-nokaslr"
TRACE = DATA / "traces" / "armhf-6.12.107" / "trace.txt.xz"


def test_every_fault_has_its_test() -> None:
    marked = [
        int(number)
        for path in TESTS.rglob("test_*.py")
        for marks in re.findall(
            r"^@pytest\.mark\.fault\(([\d, ]+)\)$", path.read_text("utf-8"), re.MULTILINE
        )
        for number in marks.split(",")
    ]
    assert set(marked) == set(FAULTS) == set(range(1, 36))


@pytest.mark.fault(2)
@pytest.mark.parametrize("size", [(110, 40), (120, 40), (160, 45)])
async def test_no_number_of_the_side_panel_is_cut(size: tuple[int, int]) -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        panel = app.main.query_one(SidePanel)
        seen: list[str] = []
        for top in range(0, panel.max_scroll_y + 1, 4):
            panel.scroll_to(y=top, animate=False, immediate=True)
            await pilot.pause()
            lines = shown_text(app).split("\n")[panel.region.y : panel.region.bottom]
            seen += [line[panel.region.x + 2 :] for line in lines]
        told = " ".join(" ".join(seen).split())
        area = app.shown.first_of(1)
        assert area is not None
        assert f"{area.start:016x}-" in told
        assert f"{area.end:016x} " in told
        assert "a PLT entry, 12 B " in told
        assert "pages at boot: 20,480 non-PLT, 512,000 PLT" in told
        assert {line[-2] for line in seen} == {" "}, "nothing touches the scroll bar"


@pytest.mark.fault(4)
async def test_the_origin_is_marked_on_the_map_and_stays_there() -> None:
    app = make_app(open_booted("arm64"))
    async with app.run_test(size=(120, 40)) as pilot:
        detail = app.main.map

        def signs(sign: str) -> list[tuple[int, int]]:
            lines = [detail.render_line(y).text for y in range(1, detail.size.height)]
            return [
                (y, at)
                for y, line in enumerate(lines)
                for at in range(len(line))
                if line[at] == sign
            ]

        await press(pilot, "down", "down", "right", "right", "right")
        assert not signs("◆")
        column, line = detail.viewport.cursor_place  # type: ignore[union-attr]
        place = (line, column + detail.margin)
        await press(pilot, "r", "down", "down")
        assert place in signs("◆")
        assert len(signs("◆")) == 2, "and in the column of marks"
        await press(pilot, "down", "O", "down", "down")
        assert len(signs("◇")) == 2
        await press(pilot, "r", "O")
        assert not signs("◆")
        assert not signs("◇")


@pytest.mark.fault(6)
async def test_a_pack_of_a_capture_shows_its_programs() -> None:
    app = ExecmemApp(
        open_path(str(DATA / "captures" / "amd64-7.2.13-kaslr"), phase="4a-bpf-200"),
        theme="execmem-dark",
    )
    async with app.run_test(size=(120, 40)) as pilot:
        await press(pilot, "4", "z")
        detail = app.main.map
        lines = [detail.render_line(y).text for y in range(1, detail.size.height)]
        area = app.shown.snapshot.area_at(app.cursor)
        assert area is not None
        assert len(area.inside) > 20
        pack = [line[16:-1] for line in lines if "nf_defrag" not in line][:14]
        labels = [label for line in pack for label in re.findall(r"[\w… ]*[\w…]", line)]
        assert len(labels) > 40
        assert len(set(labels)) > 0.9 * len(labels), "each says which program it is"
        assert not any(label.startswith("bpf_") for label in labels), "which they all are"


@pytest.mark.fault(9)
async def test_a_trace_begins_at_its_beginning_and_n_finds_what_lies_ahead() -> None:
    app = ExecmemApp(
        nothing("trace"),
        theme="execmem-dark",
        opening=Opening("trace", read_path(str(TRACE)), (str(TRACE),)),
    )
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        for _ in range(100):
            await settle(app)
            await pilot.pause()
            if not app.waiting:
                break
        history = app.source.history
        assert history.steps > 1000
        assert history.step == 0
        assert "step 0/" in shown_text(app).split("\n")[0]
        await press(pilot, "n")
        assert app.shown.snapshot.event is not None
        assert is_fallback(app.shown.snapshot.event)
        await press(pilot, "ctrl+end", "n")
        assert app.shown.snapshot.event is not None
        assert is_fallback(app.shown.snapshot.event)
        assert "round again" in shown_text(app)


@pytest.mark.fault(12)
async def test_the_side_sheet_has_its_width_as_soon_as_it_is_shown() -> None:
    """Until the next event it was as narrow as nothing: 512,000 read 51."""
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await press(pilot, "v")
        panel = app.main.query_one(SidePanel)
        sheet = [line[panel.region.x :] for line in shown_text(app).split("\n")]
        assert any("pages at boot: 20,480 non-PLT," in line for line in sheet)
        assert any("512,000" in line for line in sheet)
        inspector = app.main.query_one(Inspector)
        width = inspector.size.width
        assert width > 30
        assert panel.max_scroll_y > 0
        cursor = app.cursor
        await press(pilot, "pagedown", "pagedown")
        assert panel.scroll_y == panel.max_scroll_y
        assert app.cursor == cursor
        for text, _ in inspector.said(width):
            assert text in shown_text(app)


@pytest.mark.fault(19)
async def test_notes_are_a_sheet_and_no_toasts() -> None:
    """The first few of them were toasts for eight seconds, the others nowhere."""
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


@pytest.mark.fault(23)
@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("key", ["T", "x"])
async def test_a_table_of_ranges_is_seen_to_its_last_column(width: int, key: str) -> None:
    """Columns were cut and there was no way to the right; then it had to be scrolled there."""
    app = make_app()
    async with app.run_test(size=(width, 60)) as pilot:
        await press(pilot, key)
        box = app.screen.query_one(ScrollableContainer)
        assert box.max_scroll_x == 0
        text = " ".join(shown_text(app).replace("│", " ").split())
        if key == "T":
            cells = layout_lines(app.shown.snapshot.layout)[2:7]
            every = {cell.strip() for line in cells for cell in line.split("  ")} - {"-"}
            assert {cell for cell in every if cell not in text} == set()
            assert "clobbers x16" in text
        else:
            assert "arch/arm64/mm/init.c" in text
        await pilot.resize_terminal(70, 60)
        await pilot.pause()
        assert box.max_scroll_x == 0, "it is written anew for the columns there are"


@pytest.mark.fault(23)
async def test_right_scrolls_a_wide_sheet() -> None:
    """The keys do it, too."""
    app = make_app()
    async with app.run_test(size=(60, 24)) as pilot:
        await press(pilot, "U")
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


@pytest.mark.fault(25)
@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 50)])
async def test_the_first_frame_is_laid_out_for_the_terminal(size: tuple[int, int]) -> None:
    """Some starts were laid out for 24 columns first, and then again."""
    app = _Painted(open_path(str(CAPTURE)), theme="execmem-dark")
    app.widths = []
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        assert app.widths
        assert set(app.widths) == {app.main.map.viewport.axis.columns}  # type: ignore[union-attr]
