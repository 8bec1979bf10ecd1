"""The reach panel read back as text: what lies in which window, where it is."""

import pytest
from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Allocated
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import MIB
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.view.reach import Band, used_hulls
from execmem_tui.view.reach_lines import reach_lines
from execmem_tui.view.shown import Shown
from execmem_tui.view.words import plain_text


def panel(snapshot: Snapshot, width: int = 50, rows: int = 14) -> list[str]:
    shown = Shown(snapshot)
    model = shown.reach(None)
    assert model is not None
    return [
        plain_text(line) for line in reach_lines(model, shown.kinds, shown.holes, width, rows=rows)
    ]


def bars(lines: list[str]) -> list[tuple[str, str, str]]:
    """Return each band: the distance that it begins at, its cells, what is said of it."""
    found = []
    for line in lines:
        head, mark, rest = line.partition("┤")
        if mark:
            cells, _, words = rest.partition("│")
            found.append((head.strip(" ─═"), cells, words.strip()))
    return found


@pytest.fixture(scope="module")
def first_spill() -> Snapshot:
    history: History = play_scenario("all-modules-arm64").history
    history.seek(history.first_step)
    step = history.find(lambda event: isinstance(event, Allocated) and event.fallback)
    assert step is not None
    return history.seek(step)


@pytest.mark.parametrize("rows", [11, 14])
def test_after_the_first_spill_each_thing_lies_in_its_window(
    first_spill: Snapshot, rows: int
) -> None:
    found = bars(panel(first_spill, rows=rows))
    assert len(found) <= rows
    cells = {distance: set(cells) for distance, cells, _ in reversed(found)}
    for distance in ("−80M", "−64M", "−16M", "−4M"):
        assert {letter.upper() for letter in cells[distance]} <= {"M", "D"}, "modules"
    assert cells["0"] == {"K"}
    assert [each for each in found if "X" in each[1]] == [found[1]], "and nowhere else"
    assert found[1][0] == "−1.95G", "the fallback window begins there"
    assert cells["−1.95G"] == {"X"}, "what spilled has a band of its own"
    assert found[1][2] == "▲ 192K spilled"
    assert cells["−2G"] == {"/"}, "in reach, and forbidden"
    assert cells["+128M"] == {"/"}
    assert "/" in cells["+48M"]


def test_what_is_used_far_away_has_bands_of_its_own() -> None:
    booted = open_booted("x86")
    snapshot = booted.history.snapshot()
    lines = panel(snapshot)
    used = [cells for _, cells, _ in bars(lines) if "M" in cells or "D" in cells]
    assert len(used) >= 3
    assert sum(len(cells.strip(".~-")) for cells in used) > 0.8 * sum(map(len, used))


def test_how_much_of_each_window_is_used() -> None:
    def at(page: int, window: Window, kind: ExecmemType = ExecmemType.MODULE_TEXT) -> Area:
        return Area(start=page << 12, size=4096, type=kind, window=window)

    snapshot = open_booted("arm64").history.snapshot()
    far, near = Window.FALLBACK, Window.PREFERRED

    mixed = evolve(
        snapshot,
        areas=(
            at(1, far),
            at(5, near, ExecmemType.MODULE_DATA),
            at(9, far),
            at(11, near),
            at(30, near, ExecmemType.BPF),
        ),
    )
    assert used_hulls(mixed) == {far: (0x1000, 0xA000), near: (0x5000, 0xC000)}
    assert used_hulls(evolve(snapshot, areas=())) == {}


@pytest.mark.parametrize("size", [1, 2, 3, MIB, 40 * MIB])
def test_what_is_used_may_be_of_any_size(size: int) -> None:
    """A file may say an area of one byte, which has no thirds."""
    layout = resolve("x86", "7.1")
    snapshot = History(layout).snapshot()
    start = layout.range_of(ExecmemType.MODULE_TEXT).start + 65 * MIB
    area = Area(
        start=start,
        size=size,
        type=ExecmemType.MODULE_TEXT,
        window=Window.PREFERRED,
        owner="m",
    )
    snapshot = evolve(snapshot, areas=[area])
    inside = [band.start for band in shown_bands(snapshot) if area.start < band.start < area.end]
    assert len(inside) == (2 if size > MIB else 0)


def test_a_window_that_ends_a_byte_before_the_kernel_has_no_band_of_a_byte() -> None:
    """nios2 had one that began at −1B."""
    snapshot = open_booted("nios2").history.snapshot()
    assert "−1B" not in "\n".join(panel(snapshot))
    assert all(band.end - band.start >= 4096 for band in shown_bands(snapshot))


def test_what_no_reach_is_known_of_has_module_text_nevertheless() -> None:
    """The panel of generic said that there was none yet, with 600 areas on the map."""
    text = "\n".join(panel(open_booted("generic").history.snapshot(), width=36))
    assert "how far a call reaches is not known" in text
    assert "no module text yet" not in text
    assert "no module text yet" in "\n".join(panel(History(resolve("arm64", "7.1")).snapshot()))


def shown_bands(snapshot: Snapshot) -> tuple[Band, ...]:
    model = Shown(snapshot).reach(None)
    assert model is not None
    return model.bands
