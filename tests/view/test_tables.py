"""Tables as plain text: in one line a row, or in the columns that there are."""

from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.view.tables import columns

CELLS = st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=6).map(" ".join)
HEADERS = ("NAME", "SIZE", "WHAT")


def test_columns_are_two_apart_and_aligned() -> None:
    rows = [("a", "10", "first"), ("long", "5", "")]
    assert columns(rows, HEADERS, "<>") == ["NAME  SIZE  WHAT", "a       10  first", "long     5"]


def test_the_last_column_takes_several_lines_where_there_is_room_for_it() -> None:
    what = "what it is, said in many words that no line takes"
    lines = columns([("a", "10", what)], HEADERS, "<>", 44)
    assert lines == [
        "NAME  SIZE  WHAT",
        "a       10  what it is, said in many words",
        "            that no line takes",
    ]
    assert columns([("a", "10", what)], HEADERS, "<>", 43)[1] == "a       10", "31 are too few"


def test_what_has_no_room_stands_below_behind_its_title() -> None:
    rows = [("a", "10", "long enough"), ("b", "5", "-")]
    lines = columns(rows, HEADERS, "<>", 16)
    assert lines == ["NAME  SIZE", "a       10", "  what long enough", "b        5"], "20 at least"


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=4), st.integers(40, 120))
def test_no_line_is_wider_and_no_word_is_lost(rows: list[tuple[str, ...]], width: int) -> None:
    lines = columns(rows, HEADERS, width=width)
    first = max(map(len, ["NAME", *(row[0] for row in rows)]))
    assert max(map(len, lines)) <= max(width, first)
    told = " ".join(lines).split()
    for row in rows:
        for word in " ".join(row).split():
            assert word in told
    assert len(columns(rows, HEADERS)) == len(rows) + 1, "a pipe has a line a row"
