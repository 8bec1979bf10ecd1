"""What the map says of the blocks of a ROX cache."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.opening import open_path
from execmem_tui.view.axis import Kind, Line
from execmem_tui.view.reach import RoxBlock, rox_blocks
from execmem_tui.view.rox_share import Stroke, shares

MIB = 1 << 20
CELL = 32 << 10
BLOCK = RoxBlock(start=4 * MIB, size=2 * MIB, used=MIB // 2, owners=(), free=(5 * MIB, MIB))
CAPTURE = Path(__file__).parents[1] / "data" / "captures" / "amd64-7.2.13-kaslr"


def _line(start: int, size: int) -> Line:
    return Line(start=start, end=start + size, base=start, fold=None)


def test_what_is_free_of_a_block_says_how_full_it_is() -> None:
    share = Stroke(32, " ROX cache, 25 % used")
    assert list(shares((BLOCK,), _line(4 * MIB, 2 * MIB), CELL, 64)) == [share]
    assert not list(shares((BLOCK,), _line(4 * MIB, MIB), CELL // 2, 64))
    again = list(shares((BLOCK,), _line(5 * MIB, MIB), CELL // 2, 64))
    assert again == [share._replace(column=0)]


def test_where_there_is_less_room_less_is_said_and_in_a_fold_nothing() -> None:
    fold = Line(start=4 * MIB, end=6 * MIB, base=4 * MIB, fold=Kind.FREE)
    assert not list(shares((BLOCK,), fold, CELL, 64))
    assert not list(shares((BLOCK,), _line(4 * MIB, 64 * MIB), MIB, 64))
    assert list(shares((BLOCK,), _line(4 * MIB, 2 * MIB), 64 << 10, 64)) == [
        Stroke(16, " 25 % used")
    ]
    assert list(shares((BLOCK,), _line(4 * MIB, 2 * MIB), 128 << 10, 64)) == [Stroke(8, " 25 %")]


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 32)), max_size=12),
    st.integers(0, 40),
    st.sampled_from([8 << 10, 32 << 10, 128 << 10, 512 << 10]),
)
def test_strokes_lie_in_the_line(found: list[tuple[int, int]], at: int, cell: int) -> None:
    blocks = tuple(
        RoxBlock(
            start=start * 2 * MIB,
            size=2 * MIB,
            used=2 * MIB - free * (64 << 10),
            owners=(),
            free=(start * 2 * MIB, free * (64 << 10)),
        )
        for start, free in sorted(dict(found).items())
    )
    drawn = list(shares(blocks, _line(at * 2 * MIB, cell * 64), cell, 64))
    assert all(each.column >= 0 and each.column + len(each.text) <= 64 for each in drawn)


def test_the_largest_free_piece_of_a_block_is_found_in_a_capture() -> None:
    source = open_path(str(CAPTURE), phase="1-modules")
    blocks = rox_blocks(source.history.snapshot())
    assert len(blocks) > 1
    for block in blocks:
        low, size = block.free
        assert size <= block.size - block.used
        assert (size == 0) == (block.used == block.size) or not size
        assert not size or block.start <= low < low + size <= block.start + block.size
    assert any(block.free[1] for block in blocks)


def test_a_kernel_without_such_a_cache_has_no_blocks() -> None:
    assert not rox_blocks(open_booted("arm64").history.snapshot())


def test_a_page_of_a_block_is_not_nothing() -> None:
    """Two blocks were "0 % used", each held by somebody."""
    held = RoxBlock(start=0, size=2 * MIB, used=4096, owners=("one",))
    assert held.text == " <1 %  held by one alone"
    assert RoxBlock(0, 2 * MIB, 0, ()).text == "  0 %  empty: the cleaner may give it back"
    almost = RoxBlock(0, 2 * MIB, 2 * MIB - 1, ("one",))
    assert almost.text == " 99 %  held by one alone"
