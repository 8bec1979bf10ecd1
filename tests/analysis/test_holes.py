"""Holes and meters against a set of pages."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.analysis.holes import HoleIndex, meters, tallies
from execmem_tui.history import History
from execmem_tui.model.areas import AreaState
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Snapshot
from tests.layouts import PAGE, make_area, make_layout
from tests.view.test_cells import BASE, snapshots

pytestmark = pytest.mark.usefixtures("small_blocks")


def free_pages(snapshot: Snapshot, first: int, last: int) -> list[int]:
    taken = {
        page for area in snapshot.areas for page in range(area.start // PAGE, area.end // PAGE)
    }
    image = snapshot.layout.image
    if image is not None:
        taken |= set(range(image[0] // PAGE, image[1] // PAGE))
    return [page for page in range(first, last) if page not in taken]


@st.composite
def muddles(draw: st.DrawFn) -> Snapshot:
    """Areas that overlap, as a capture may have them, and perhaps a kernel image among them."""
    spans = st.tuples(st.integers(0, 200), st.integers(1, 30))
    areas = [make_area(page, pages) for page, pages in draw(st.lists(spans, max_size=30))]
    layout = make_layout()
    if draw(st.booleans()):
        first, pages = draw(spans)
        symbols = {"_text": BASE + first * PAGE, "_end": BASE + (first + pages) * PAGE}
        layout = evolve(layout, symbols=symbols)
    return History(layout, areas).snapshot()


@given(st.one_of(snapshots(), muddles()), st.integers(0, 250), st.integers(0, 250))
def test_free_and_largest_agree_with_a_set_of_pages(
    snapshot: Snapshot, one: int, other: int
) -> None:
    low, high = BASE // PAGE + min(one, other), BASE // PAGE + max(one, other)
    index = HoleIndex(snapshot)
    pages = free_pages(snapshot, low, high)
    assert index.free(low * PAGE, high * PAGE) == len(pages) * PAGE
    runs: list[list[int]] = []
    for page in pages:
        if runs and runs[-1][-1] == page - 1:
            runs[-1].append(page)
        else:
            runs.append([page])
    holes = [(run[0] * PAGE, (run[-1] + 1) * PAGE) for run in runs]
    assert list(index.within(low * PAGE, high * PAGE)) == holes
    sizes = sorted((end - start for start, end in holes), reverse=True)
    assert index.largest(low * PAGE, high * PAGE) == max(sizes, default=0)
    assert index.count(low * PAGE, high * PAGE) == len(holes)
    longest = index.longest(low * PAGE, high * PAGE, 3)
    assert longest == sorted(longest)
    assert set(longest) <= set(holes)
    assert sorted((end - start for start, end in longest), reverse=True) == sizes[:3]
    for size in (1, 3):
        fitting = sum(len(run) // size for run in runs)
        assert index.fits(low * PAGE, high * PAGE, size * PAGE) == fitting
    for page in range(low, high):
        hole = index.at(page * PAGE)
        assert (hole is not None) == (page in pages)


def test_the_largest_hole_of_a_block_is_not_its_first_nor_its_last() -> None:
    """Gaps of 2, 9, 3, 1 pages and so on, many in each block; whole blocks, and parts of them."""
    gaps = [2, 9, 3, 1, 4, 7, 1, 2, 5, 8, 1] * 9
    areas, holes, page = [], [], 0
    for pages in gaps:
        areas.append(make_area(page))
        behind = page + 2  # with its guard
        holes.append((BASE + behind * PAGE, BASE + (behind + pages) * PAGE))
        page = behind + pages
    areas.append(make_area(page))
    index = HoleIndex(History(make_layout(), areas).snapshot())
    for first, last in ((0, len(gaps)), (3, 90), (12, 13), (40, 41), (5, 8)):
        low, high = holes[first][0], holes[last - 1][1]
        inside = holes[first:last]
        sizes = [end - start for start, end in inside]
        assert index.largest(low, high) == max(sizes)
        assert index.count(low, high) == len(inside)
        assert index.fits(low, high, 3 * PAGE) == sum(size // (3 * PAGE) for size in sizes)
        assert index.free(low, high) == sum(sizes)


@given(snapshots())
def test_used_and_free_make_the_whole(snapshot: Snapshot) -> None:
    measured = meters(snapshot)
    inside = [area for area in snapshot.areas if area.type is not None]
    assert sum(meter.used for meter in measured.values()) == sum(area.footprint for area in inside)
    entry = snapshot.layout.range_of(ExecmemType.BPF)
    taken = sum(
        min(area.end, entry.end) - area.start for area in snapshot.areas if area.start < entry.end
    )
    assert measured[ExecmemType.BPF].free + taken == entry.end - entry.start


def test_an_empty_map_is_one_hole() -> None:
    snapshot = History(make_layout()).snapshot()
    measured = meters(snapshot)[ExecmemType.BPF]
    assert measured.largest_hole == measured.free == 256 * PAGE


@given(muddles())
def test_tallies_are_the_sums(snapshot: Snapshot) -> None:
    found = tallies(snapshot)[ExecmemType.BPF]
    assert found.areas == len(snapshot.areas)
    assert found.used == sum(area.footprint for area in snapshot.areas)
    assert found.spilled == 0
    spilled = make_area(3, 2, fallback=True)
    found = tallies(History(make_layout(), [spilled]).snapshot())[ExecmemType.BPF]
    assert (found.areas, found.used, found.spilled) == (1, 3 * PAGE, 1)
    freed = evolve(spilled, state=AreaState.LAZY)
    found = tallies(History(make_layout(), [freed]).snapshot())[ExecmemType.BPF]
    assert (found.areas, found.used, found.spilled) == (0, 0, 0)


def test_a_run_without_areas_is_free_where_nothing_is_hidden() -> None:
    snapshot = History(make_layout()).snapshot()
    assert HoleIndex(snapshot).word == "free"
    assert HoleIndex(evolve(snapshot, hidden=Hidden(complete=False))).word == "not seen"


def test_what_waits_for_a_purge_counts_with_its_guard() -> None:
    """The guard is as unusable as the rest until the purge: nr_lazy counts it too."""
    area = evolve(make_area(4, 3), guard=PAGE, state=AreaState.LAZY)
    snapshot = History(make_layout(), [area]).snapshot()
    assert meters(snapshot)[ExecmemType.MODULE_TEXT].lazy == area.size + PAGE
