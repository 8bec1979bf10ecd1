"""View arithmetic: whatever one does, rows are round and the cursor stays in sight."""

from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.view.viewport import LARGEST_CELL, ROW_WIDTHS, SMALLEST_CELL, Viewport, row_width

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["move", "page", "zoom", "goto", "fit", "resize"]),
        st.integers(-300, 300),
        st.integers(-60, 60),
    ),
    max_size=25,
)


def check(view: Viewport) -> None:
    assert view.columns in ROW_WIDTHS
    assert SMALLEST_CELL <= view.cell <= LARGEST_CELL
    assert view.cell & (view.cell - 1) == 0
    assert view.top % view.row_bytes == 0
    assert view.start <= view.cursor < view.end
    assert view.top <= view.cursor < view.bottom
    column, row = view.cursor_place
    assert 0 <= column < view.columns
    assert 0 <= row < view.rows


@given(
    st.integers(0, 2**63),
    st.integers(1, 2**47),
    st.integers(1, 300),
    st.integers(1, 80),
    STEPS,
)
def test_the_cursor_never_leaves_sight(
    start: int, length: int, columns: int, rows: int, steps: list[tuple[str, int, int]]
) -> None:
    view = Viewport.whole(start, start + length, columns, rows)
    check(view)
    assert view.bottom >= view.end
    for what, first, second in steps:
        if what == "move":
            view = view.moved(first, second)
        elif what == "page":
            view = view.paged(second)
        elif what == "zoom":
            view = view.zoomed(second % 7 - 3)
        elif what == "goto":
            view = view.goto(start + first * 4096)
        elif what == "fit":
            low = start + abs(first) % length
            view = view.fit(low, min(low + abs(second) * 64 + 1, start + length))
        else:
            view = view.resized(abs(first) + 1, abs(second) + 1)
        check(view)


@given(st.integers(0, 2**40), st.integers(0, 2**31 - 1), st.integers(-6, 6))
def test_zoom_keeps_the_address_under_the_cursor(start: int, offset: int, steps: int) -> None:
    view = Viewport.whole(start, start + 2**31, 128, 30).goto(start + offset)
    assert view.zoomed(steps).cursor == view.cursor


@given(st.integers(1, 400))
def test_rows_fit_the_terminal(columns: int) -> None:
    assert row_width(columns) <= max(columns, 32)


def test_zooming_in_the_middle_keeps_the_screen_row() -> None:
    view = Viewport.whole(0, 1 << 31, 128, 30).goto(1 << 30)
    row = view.cursor_place[1]
    assert view.zoomed(3).cursor_place[1] == row


def test_fit_shows_all_of_an_area() -> None:
    view = Viewport.whole(0, 1 << 31, 64, 20).fit(0x123000, 0x345000)
    assert view.top <= 0x123000
    assert view.bottom >= 0x345000
    assert view.row_bytes * view.rows < (1 << 31)
