"""Where a tour points: which columns of a line are dimmed, a ghost, or ringed."""

import pytest

from execmem_tui.view.axis import Kind, Line
from execmem_tui.view.highlight import NO_HIGHLIGHT, Emphasis, Highlight

ROW = Line(start=0x1000, end=0x2000, base=0x1000, fold=None)
CELL, COLUMNS = 0x100, 16


def emphases(highlight: Highlight, line: Line = ROW) -> list[tuple[int, int, Emphasis]]:
    return list(highlight.columns(line, CELL, COLUMNS))


def test_by_daylight_nothing_is_dimmed() -> None:
    assert emphases(NO_HIGHLIGHT) == []
    assert emphases(Highlight(ring=(0x1200, 0x1201))) == [(2, 3, Emphasis.RING)]


@pytest.mark.parametrize(
    ("lit", "unlit"),
    [
        (((0x1000, 0x2000),), []),
        (((0x0, 0x1100),), [(1, 16)]),
        (((0x1F00, 0x3000),), [(0, 15)]),
        (((0x1101, 0x12FF),), [(0, 1), (3, 16)]),
        (((0x1100, 0x1200), (0x1400, 0x1500)), [(0, 1), (2, 4), (5, 16)]),
        (((0x3000, 0x4000),), [(0, 16)]),
        (((0x2000, 0x3000),), [(0, 16)]),
    ],
)
def test_what_is_not_lit_is_dimmed(
    lit: tuple[tuple[int, int], ...], unlit: list[tuple[int, int]]
) -> None:
    assert emphases(Highlight(lit)) == [(first, stop, Emphasis.UNLIT) for first, stop in unlit]


def test_a_guess_is_never_dimmed_and_a_ghost_stands_out() -> None:
    highlight = Highlight(((0x1000, 0x1100),), ghost=((0x1200, 0x1300),), ring=(0x1F00, 0x2000))
    assert emphases(highlight) == [
        (1, 15, Emphasis.UNLIT),
        (2, 3, Emphasis.GHOST),
        (15, 16, Emphasis.RING),
    ]


def test_a_fold_is_lit_as_a_whole() -> None:
    fold = Line(start=0x1000, end=0x9000, base=0x1000, fold=Kind.FREE)
    assert emphases(Highlight(((0x8000, 0x8100),)), fold) == []
    assert emphases(Highlight(((0x9000, 0x9100),)), fold) == [(0, 16, Emphasis.UNLIT)]


def test_a_letter_stands_where_its_place_begins() -> None:
    places = ((0x0800, 0x1100), (0x1200, 0x1280), (0x1280, 0x1F00), (0x2000, 0x3000))
    highlight = Highlight(letters=places)
    assert list(highlight.signs(ROW, CELL, COLUMNS)) == [(2, "B"), (3, "C")], (
        "none in another's column"
    )
    last = Highlight(letters=((0x1F00, 0x1F40), (0x1F40, 0x1F80)))
    assert [column for column, _ in last.signs(ROW, CELL, COLUMNS)] == [15, 15]


def test_the_letters_of_a_fold_are_at_its_beginning() -> None:
    fold = Line(start=0x1000, end=0x9000, base=0x1000, fold=Kind.FREE)
    highlight = Highlight(letters=((0x3000, 0x4000), (0x6000, 0x7000)))
    assert list(highlight.signs(fold, CELL, COLUMNS)) == [(0, "A"), (1, "B")]
