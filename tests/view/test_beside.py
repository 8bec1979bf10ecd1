"""Two maps on one axis: line for line, offset for offset."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.model.units import MIB
from execmem_tui.sources.booted import open_booted
from execmem_tui.view.axis import Kind, Stretch, row_width
from execmem_tui.view.beside import Beside, CommonSpace, ShiftedSpace, offset_text
from execmem_tui.view.rows import MapRows, map_columns
from execmem_tui.view.shown import Shown
from execmem_tui.view.split import halves, list_width, one_map, side_width, two_maps
from execmem_tui.view.words import width_of


class Cut:
    """A space whose kinds change at given addresses below 64."""

    def __init__(self, edges: list[int], kinds: list[Kind]) -> None:
        self.edges = [0, *sorted(set(edges)), 64]
        self.kinds = kinds

    def stretch_at(self, address: int) -> Stretch:
        for at, (low, high) in enumerate(zip(self.edges, self.edges[1:], strict=False)):
            if low <= address < high:
                return Stretch(low, high, self.kinds[at % len(self.kinds)])
        raise AssertionError(address)


GROUNDS = st.builds(
    Cut,
    st.lists(st.integers(1, 63), max_size=6),
    st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=4),
)


@given(GROUNDS, GROUNDS, st.integers(0, 63))
def test_what_two_grounds_have_in_common(one: Cut, other: Cut, address: int) -> None:
    found = CommonSpace(one, other).stretch_at(address)
    assert found.start <= address < found.end
    kinds = {
        (one.stretch_at(at).kind, other.stretch_at(at).kind) for at in range(found.start, found.end)
    }
    assert len(kinds) == 1
    [(mine, theirs)] = kinds
    assert (found.kind is Kind.FREE) is (mine is theirs is Kind.FREE)
    assert (found.kind is Kind.MIXED) is (Kind.MIXED in (mine, theirs))
    assert (found.kind is Kind.IMAGE) is (
        Kind.IMAGE in (mine, theirs) and {mine, theirs} <= {Kind.IMAGE, Kind.FREE}
    )


@given(GROUNDS, st.integers(-50, 50), st.integers(0, 63))
def test_a_ground_moved(space: Cut, by: int, address: int) -> None:
    plain, moved = space.stretch_at(address), ShiftedSpace(space, by).stretch_at(address + by)
    assert (moved.start - by, moved.end - by, moved.kind) == (plain.start, plain.end, plain.kind)


def test_offsets_have_their_sign() -> None:
    assert [offset_text(at, 0x100) for at in (0x100, 0x1FF, 0x80)] == ["+0", "+ff", "-80"]


def pair(
    arch: str, kaslr: str, other: str, other_kaslr: str, pane: int = 1
) -> tuple[Shown, Beside]:
    beside = Shown(open_booted(other, "6.12", kaslr=other_kaslr).history.snapshot())
    shown = Shown(open_booted(arch, kaslr=kaslr).history.snapshot(), beside=beside)
    return shown, Beside(-shown.shift(pane))


@pytest.mark.parametrize("pane", [1, 4])
@pytest.mark.parametrize(
    "machines",
    [
        ("arm64", "off", "arm64", "7"),
        ("x86", "3", "x86", "off"),
        ("arm64", "off", "arm", "off"),
        ("arm", "off", "x86", "off"),
        ("riscv", "off", "parisc", "off"),
    ],
)
def test_each_line_of_one_map_is_a_line_of_the_other(
    machines: tuple[str, str, str, str], pane: int
) -> None:
    shown, moved = pair(*machines, pane)
    assert shown.beside is not None
    view = shown.view(pane, 64, 30)
    other = moved.view(view)
    for axis, its in ((view.axis, shown), (other.axis, shown.beside)):
        assert axis.start >= 0
        assert axis.end <= 1 << its.snapshot.layout.word_bits
    for line, beside in zip(view.lines(), other.lines(), strict=True):
        assert beside == line._replace(
            start=line.start + moved.by, end=line.end + moved.by, base=line.base + moved.by
        )
        for its, axis, at in ((shown, view.axis, line), (shown.beside, other.axis, beside)):
            rows = MapRows(shown=its, number=pane, window=its.window(pane, None))
            assert width_of(rows.pieces(axis, at)) <= axis.columns
    start = shown.offsets_from(pane)
    assert start + moved.by == shown.beside.offsets_from(pane), "windows begin in one cell"


def test_a_fold_hides_only_what_says_nothing_on_either_map() -> None:
    shown, _ = pair("arm64", "off", "arm64", "7")
    alone = Shown(shown.snapshot)
    booted = open_booted("arm64")
    booted.load("amdgpu")
    fuller = Shown(shown.snapshot, beside=Shown(booted.history.snapshot()))
    high = max(area.end for area in shown.snapshot.areas if area.end < 0xFFFF800080000000)
    assert alone.space_of(1).stretch_at(high + 8 * MIB).kind is Kind.FREE
    assert fuller.space_of(1).stretch_at(high + 8 * MIB).kind is Kind.AREA
    assert fuller.space.stretch_at(high + 8 * MIB).kind is Kind.FREE, "by itself it is free"
    view = fuller.view(1, 64, 40)
    rows = MapRows(shown=fuller, number=1, window=fuller.window(1, None))
    folds = [rows.fold_text(view.axis, line, 64) for line in view.lines() if line.fold is not None]
    assert any("free" in text for text in folds)
    assert not any("amdgpu" in text for text in folds)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("columns", [80, 100, 120, 160, 200, 240, 300])
def test_two_maps_have_rows_of_one_length(columns: int, bits: int) -> None:
    split = halves(columns, 9, bits)
    assert split is not None
    assert split.other + 1 + split.own + split.side <= columns
    cells = map_columns(split.other + 1, bits, offsets=10).cells
    assert map_columns(split.own, bits, bare=split.bare).cells >= 32
    assert cells == split.other - 10
    assert row_width(map_columns(split.own, bits, bare=split.bare).cells) == cells
    assert (split.side > 0) is (columns >= 160)


def test_there_may_be_no_room_for_two() -> None:
    assert halves(76, 9, 64) is None
    assert halves(80, 14, 64) is None


def test_two_maps_that_find_no_room_leave_it_to_the_one_and_its_list() -> None:
    assert two_maps(80, 14, 64) == one_map(80, 64)
    alone, both = one_map(300, 64), two_maps(300, 9, 64)
    assert alone.listed == list_width(300) > 0
    assert both.listed == 0
    assert both.halves is not None
    assert both.side == both.halves.side > 0
    assert not alone.bare
    assert two_maps(120, 9, 64).bare


@pytest.mark.parametrize("columns", range(110, 420))
def test_what_the_rows_leave_is_shared_by_panel_and_list(columns: int) -> None:
    side, listed = side_width(columns, 64), list_width(columns)
    room = map_columns(columns - side - listed, 64)
    assert 38 <= side <= 64
    assert listed == 0 or (columns >= 240 and 46 <= listed <= 60)
    assert row_width(room.cells) == row_width(columns - 38 - 15), "nobody takes a cell from the map"
    if 240 <= columns <= 400:
        assert room.width - room.margin - 1 - row_width(room.cells) <= 0.12 * columns


@pytest.mark.parametrize("columns", [110, 120, 132, 160, 200, 239])
def test_short_addresses_leave_their_columns_to_the_panel(columns: int) -> None:
    """On arm eight columns between the map and its marks stayed blank."""
    side = side_width(columns, 32)
    room = map_columns(columns - side, 32)
    assert 38 <= side <= 64
    assert row_width(room.cells) == row_width(columns - 38 - 10), "no cell goes to the panel"
    assert side == 64 or room.cells == row_width(room.cells)
