"""Holes and meters against a set of pages."""

from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.analysis.holes import HoleIndex, meters
from execmem_tui.history import History
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Snapshot
from tests.layouts import PAGE, make_layout
from tests.view.test_cells import BASE, snapshots


def free_pages(snapshot: Snapshot, first: int, last: int) -> list[int]:
    taken = {
        page for area in snapshot.areas for page in range(area.start // PAGE, area.end // PAGE)
    }
    return [page for page in range(first, last) if page not in taken]


@given(snapshots(), st.integers(0, 250), st.integers(0, 250))
def test_free_and_largest_agree_with_a_set_of_pages(
    snapshot: Snapshot, one: int, other: int
) -> None:
    low, high = BASE // PAGE + min(one, other), BASE // PAGE + max(one, other)
    index = HoleIndex(snapshot)
    pages = free_pages(snapshot, low, high)
    assert index.free(low * PAGE, high * PAGE) == len(pages) * PAGE
    best = run = 0
    for page in range(low, high):
        run = run + 1 if page in set(pages) else 0
        best = max(best, run)
    assert index.largest(low * PAGE, high * PAGE) == best * PAGE
    for page in range(low, high):
        hole = index.at(page * PAGE)
        assert (hole is not None) == (page in pages)


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
