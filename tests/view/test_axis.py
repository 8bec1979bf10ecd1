"""The folded axis: every address in exactly one line, whatever lies there, is cut or is opened."""

from itertools import pairwise

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.model.records import frozen
from execmem_tui.view.axis import LARGEST_CELL, Axis, Kind, Line, Stretch, row_width
from execmem_tui.view.map_view import MapView

SPAN = 1 << 16


@frozen
class Plain:
    """A space made of ascending, disjoint (start, end, kind); the rest is free."""

    things: tuple[tuple[int, int, Kind], ...]

    def stretch_at(self, address: int) -> Stretch:
        low, high = 0, 2 * SPAN
        for start, end, kind in self.things:
            if start <= address < end:
                return Stretch(start, end, kind)
            if end <= address:
                low = end
            else:
                high = min(high, start)
        return Stretch(low, high, Kind.FREE)


@st.composite
def axes(draw: st.DrawFn, *, opened: bool = True) -> Axis:
    things, at = [], 0
    sizes = st.one_of(st.integers(1, 300), st.integers(1, SPAN // 3))
    for gap, size, kind in draw(
        st.lists(st.tuples(sizes, sizes, st.sampled_from([Kind.AREA, Kind.IMAGE])), max_size=12)
    ):
        touching = gap % 3 == 0
        at += 0 if touching else gap
        things.append((at, at + size, kind))
        at += size
    start = draw(st.integers(0, SPAN // 2))
    axis = Axis(
        space=Plain(tuple(things)),
        start=start,
        end=draw(st.integers(start + 1, SPAN)),
        columns=draw(st.sampled_from([32, 48])),
        cell=1 << draw(st.integers(0, 8)),
        anchor=draw(st.sampled_from([0, 0, 7, SPAN])),
        cuts=tuple(sorted(draw(st.sets(st.integers(0, SPAN), max_size=4)))),
        folded=draw(st.integers(0, 9)) > 0,
        keep=draw(st.integers(0, 3)),
        air=draw(st.integers(0, 3)),
    )
    if opened and draw(st.booleans()):
        fold = next((line for line in axis.lines(start) if line.fold is not None), None)
        if fold is not None:
            axis = evolve(axis, opened=(fold.start, fold.end))
            if draw(st.booleans()):
                axis = evolve(axis, cell=axis.cell * 2)
    return axis


@st.composite
def views(draw: st.DrawFn) -> MapView:
    axis = draw(axes())
    cursor = draw(st.integers(axis.start, axis.end - 1))
    return MapView.at(axis, draw(st.integers(1, 12)), cursor)


@given(axes(), st.data())
def test_each_address_lies_in_exactly_one_line(axis: Axis, data: st.DataObject) -> None:
    lines = list(axis.lines(axis.start))
    assert lines[0].start == axis.start
    assert lines[-1].end == axis.end
    assert all(line.start < line.end for line in lines)
    assert all(before.end == after.start for before, after in pairwise(lines))
    address = data.draw(st.integers(axis.start, axis.end - 1))
    found = next(line for line in lines if line.start <= address < line.end)
    assert axis.line_at(address) == found
    assert list(axis.lines(address)) == lines[lines.index(found) :]


@given(axes())
def test_the_lines_backwards_are_the_lines(axis: Axis) -> None:
    line: Line | None = axis.line_at(axis.end - 1)
    backwards = []
    while line is not None:
        backwards.append(line)
        line = axis.before(line)
    assert backwards[::-1] == list(axis.lines(axis.start))


@given(axes())
def test_a_fold_hides_one_thing_and_at_least_two_rows(axis: Axis) -> None:
    row = axis.row_bytes
    for line in axis.lines(axis.start):
        if line.fold is None:
            assert line.base == (line.start - axis.anchor) // row * row + axis.anchor
            assert line.end <= line.base + row
            continue
        found = axis.space.stretch_at(line.start)
        assert found.kind is line.fold
        assert found.start <= line.start
        assert line.end <= found.end
        assert line.end - line.start >= axis.least * row
        if line.fold is Kind.FREE:
            assert not any(line.start < cut < line.end for cut in axis.cuts)
        if line.fold is Kind.AREA:
            assert line.start - found.start >= axis.keep * row
        if line.fold is Kind.FREE and line.start not in (axis.start, *axis.cuts):
            assert line.start - found.start >= axis.air * row


@given(axes(opened=False))
def test_no_three_whole_rows_of_free_space_are_left(axis: Axis) -> None:
    """Two that a cut keeps apart from more may stay."""
    if not axis.folded or axis.cuts:
        return
    free = 0
    for line in axis.lines(axis.start):
        found = axis.space.stretch_at(line.start)
        whole = found.kind is Kind.FREE and found.end >= line.end and line.fold is None
        full = line.end - line.start == axis.row_bytes
        free = free + 1 if whole and full else 0
        assert free < axis.least + axis.air


def test_free_rows_fold_and_a_long_area_after_three() -> None:
    space = Plain(((0, 32 * 10, Kind.AREA), (32 * 20, 32 * 30, Kind.IMAGE)))
    axis = Axis(space=space, start=0, end=32 * 40, columns=32)
    shown = [(line.start // 32, line.end // 32, line.fold) for line in axis.lines(0)]
    assert shown == [
        (0, 1, None),
        (1, 2, None),
        (2, 3, None),
        (3, 10, Kind.AREA),
        (10, 20, Kind.FREE),
        (20, 30, Kind.IMAGE),
        (30, 40, Kind.FREE),
    ]


def test_air_is_drawn_behind_what_is_used_and_nowhere_else() -> None:
    space = Plain(((32 * 10, 32 * 20, Kind.IMAGE),))
    axis = Axis(space=space, start=0, end=32 * 40, columns=32, air=2)
    shown = [(line.start // 32, line.end // 32, line.fold) for line in axis.lines(0)]
    assert shown == [
        (0, 10, Kind.FREE),
        (10, 20, Kind.IMAGE),
        (20, 21, None),
        (21, 22, None),
        (22, 40, Kind.FREE),
    ]
    assert len(list(axis.tight().lines(0))) == 3


def test_a_cell_lies_between_powers_of_two_where_it_may_and_that_is_nearer() -> None:
    """Rows would be left blank: 11 of 20 were where one more than a power's would not fit."""
    axis = Axis(space=Plain(((0, 48 * 20, Kind.AREA),)), start=0, end=48 * 20, columns=32, keep=99)
    assert axis.fitting(0, 48 * 20, 20).cell == 2
    assert axis.fitting(0, 48 * 20, 20, unit=1).cell == 2, "1.5 bytes are no cell"
    coarse = evolve(axis, end=48 * 20 * 4, space=Plain(((0, 48 * 80, Kind.AREA),)))
    assert coarse.fitting(0, 48 * 80, 20).cell == 8
    assert coarse.fitting(0, 48 * 80, 20, unit=1).cell == 6
    assert coarse.fitting(0, 48 * 80, 20, unit=4).cell == 6, "one and a half of it is round enough"
    assert coarse.fitting(0, 32 * 6 * 15, 20, unit=4).cell == 6, "one and a quarter is not"
    assert coarse.fitting(0, 48 * 80, 20, unit=8).cell == 8, "less than one is not"
    assert coarse.fitting(0, 48 * 80, 20, 6, unit=1).cell == 6, "the finest is a cell, too"
    assert coarse.fitting(0, 48 * 80, 20, 7, unit=1).cell == 7


def test_a_rounder_cell_is_given_up_only_where_a_quarter_of_the_rows_stays_blank() -> None:
    """Rows of 1M are read at a glance, rows of 896K are not."""
    axis = Axis(space=Plain(((0, 4096, Kind.AREA),)), start=0, end=4096, columns=32, keep=99)
    assert axis.fitting(0, 32 * 8 * 12, 16, unit=1).cell == 6
    assert axis.fitting(0, 32 * 8 * 12 + 1, 16, unit=1).cell == 8
    assert axis.fitting(0, 32 * 6 * 15, 20, unit=1).cell == 5
    assert axis.fitting(0, 32 * 6 * 15 + 1, 20, unit=1).cell == 6
    assert axis.fitting(0, 32 * 8 * 3, 4, unit=1).cell == 6, "of four rows one"


@pytest.mark.parametrize("anchor", [0, 330])
def test_what_fits_in_no_cell_has_the_largest(anchor: int) -> None:
    """A broken capture may tell of a window larger than any machine's."""
    end = 10 * 32 * LARGEST_CELL
    space = Plain(((0, end, Kind.AREA),))
    axis = Axis(space=space, start=0, end=end, columns=32, keep=99, anchor=anchor)
    assert not evolve(axis, cell=LARGEST_CELL).fits(0, end, 3)
    assert axis.fitting(0, end, 3).cell == LARGEST_CELL


def test_a_fold_ends_at_a_cut_and_the_row_goes_on_there() -> None:
    axis = Axis(
        space=Plain(((330, 340, Kind.AREA),)), start=0, end=640, columns=32, cuts=(200, 321)
    )
    shown = [(line.start, line.end, line.base, line.fold) for line in axis.lines(0)]
    assert shown == [
        (0, 200, 0, Kind.FREE),
        (200, 321, 200, Kind.FREE),
        (321, 352, 320, None),
        (352, 640, 352, Kind.FREE),
    ]


def test_what_overlaps_is_never_folded() -> None:
    axis = Axis(space=Plain(((0, 640, Kind.MIXED),)), start=0, end=640, columns=32)
    assert len(list(axis.lines(0))) == 20


@given(views(), st.integers(-3, 3), st.integers(-20, 20))
def test_moves_stay_inside_and_keep_the_cursor_in_sight(view: MapView, x: int, y: int) -> None:
    moved = view.moved(x, 0).moved(0, y)
    assert moved.axis.start <= moved.cursor < moved.axis.end
    assert moved.top <= moved.cursor < moved.bottom
    column, line = moved.cursor_place
    assert 0 <= column < moved.axis.columns
    assert 0 <= line < moved.rows


@given(views())
def test_one_step_down_passes_a_line_and_one_up_comes_back(view: MapView) -> None:
    axis = view.axis
    here = axis.line_at(view.cursor)
    below = axis.after(here)
    down = view.moved(0, 1)
    if below is None:
        assert axis.line_at(down.cursor) == here
        return
    assert axis.line_at(down.cursor) == below
    up = down.moved(0, -1)
    assert axis.line_at(up.cursor) == here
    if here.fold is None:
        assert up.cursor_place[0] == view.cursor_place[0], "the column outlives a fold"


@given(views())
def test_one_step_aside_leaves_a_fold(view: MapView) -> None:
    line = view.axis.line_at(view.cursor)
    if line.fold is None:
        return
    right, left = view.moved(1, 0).cursor, view.moved(-1, 0).cursor
    assert right == (line.end if line.end < view.axis.end else view.axis.end - 1)
    assert left == (line.start - 1 if line.start > view.axis.start else view.axis.start)


@given(views(), st.integers(-3, 3))
def test_zoom_keeps_the_address_and_its_line(view: MapView, steps: int) -> None:
    zoomed = view.zoomed(steps)
    assert zoomed.cursor == view.cursor
    _, before = view.cursor_place
    _, after = zoomed.cursor_place
    lines = list(zoomed.axis.lines(zoomed.axis.start))
    at = lines.index(zoomed.axis.line_at(zoomed.cursor))
    if before <= at and len(lines) - at >= zoomed.rows - before:
        assert after == before


@given(views(), st.integers(10, 100), st.integers(1, 20))
def test_resize_keeps_the_address(view: MapView, columns: int, rows: int) -> None:
    resized = view.resized(columns, rows)
    assert resized.cursor == view.cursor
    assert resized.top <= resized.cursor < resized.bottom
    assert len(resized.lines()) <= rows


@given(views(), st.data())
def test_goto_and_fit_show_what_was_asked(view: MapView, data: st.DataObject) -> None:
    start, end = sorted(
        (
            data.draw(st.integers(view.axis.start, view.axis.end - 1)),
            data.draw(st.integers(view.axis.start + 1, view.axis.end)),
        )
    )
    assert view.goto(start).cursor == start
    fitted = view.fit(start, end)
    assert fitted.cursor == start
    assert fitted.top <= start
    assert fitted.bottom >= min(max(end, start + 1), view.axis.end)


@given(views())
def test_one_thing_is_shown_whole_and_nothing_of_it_folded(view: MapView) -> None:
    """At a byte a cell an area of 10M was three rows of 64 bytes, and a fold of the rest."""
    found = view.axis.space.stretch_at(view.cursor)
    start, end = max(found.start, view.axis.start), min(found.end, view.axis.end)
    around = view.around(start, end)
    assert around.cursor == start
    assert around.top <= start < end <= around.bottom
    lines = [line for line in around.lines() if line.start < end and start < line.end]
    if found.kind is Kind.AREA and around.axis.cell < LARGEST_CELL:
        assert all(line.fold is None for line in lines)
        assert around.axis.cell >= view.fit(start, end).axis.cell
    elif found.kind is not Kind.AREA:
        assert around == view.fit(start, end)


@given(views())
def test_no_line_is_left_empty_that_could_be_used(view: MapView) -> None:
    if view.top > view.axis.start:
        assert len(view.lines()) == view.rows


@given(views())
def test_entering_a_fold_shows_its_rows(view: MapView) -> None:
    line = view.axis.line_at(view.cursor)
    entered = view.entered()
    assert entered.cursor == view.cursor
    assert entered.axis.line_at(view.cursor).fold is None or line.fold is None
    if line.fold is None:
        assert entered.axis.opened is None


@given(views(), st.integers(-2, 2).filter(bool))
def test_pages_move_by_as_many_lines_as_are_in_sight(view: MapView, pages: int) -> None:
    axis = view.axis
    lines = list(axis.lines(axis.start))
    at = lines.index(axis.line_at(view.cursor))
    paged = lines.index(axis.line_at(view.paged(pages).cursor))
    assert paged == min(max(at + pages * view.rows, 0), len(lines) - 1)


@pytest.mark.parametrize(
    ("columns", "cells"),
    [(10, 32), (31, 32), (48, 48), (63, 48), (64, 64), (96, 96), (108, 96), (127, 96), (128, 128),
     (191, 128), (192, 192), (255, 192), (256, 256), (999, 256)],
)  # fmt: skip
def test_rows_are_powers_of_two_unless_three_wins_more_than_15_percent(
    columns: int, cells: int
) -> None:
    assert row_width(columns) == cells


def test_an_empty_span_of_all_addresses_is_one_fold() -> None:
    axis = Axis(space=Plain(()), start=0, end=2 * SPAN, columns=32)
    view = MapView.at(axis, 5, SPAN)
    assert [line.fold for line in view.lines()] == [Kind.FREE]
    assert view.zoomed(-3).axis.cell == 1, "there is no more to see from farther away"
