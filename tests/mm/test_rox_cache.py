"""The ROX cache finds the piece that a walk from the lowest finds, however many there are."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.mm.journal import Hazard
from execmem_tui.mm.rox_cache import RoxCache

PAGE = 4096
Windows = tuple[tuple[int, int], ...]


def walked(cache: RoxCache, size: int, windows: Windows) -> int | None:
    """The kernel's own walk: the lowest piece that is long enough and inside a window."""
    for start, end in cache.free():
        inside = any(low <= start and start + size < high for low, high in windows)
        if end - start >= size and inside:
            return start
    return None


@given(st.integers(0, 1 << 32), st.integers(1, 3))
def test_the_answer_is_that_of_the_walk(seed: int, count: int) -> None:
    random = Random(seed)
    cache = RoxCache()
    at = 0
    for _ in range(30):
        at += random.randint(1, 4) * PAGE
        end = at + random.randint(1, 8) * PAGE
        cache.add(at, end)
        at = end
    edges = [random.randrange(0, at, PAGE) for _ in range(2 * count)]
    windows = tuple((min(pair), max(pair)) for pair in zip(edges[::2], edges[1::2], strict=True))
    for _ in range(40):
        if cache.busy and random.random() < 0.4:
            start = random.choice(sorted(cache.busy))
            cache.add(start, cache.busy.pop(start))
            continue
        size = random.randint(1, 6) * PAGE
        expected = walked(cache, size, windows)
        journal: list[object] = []
        last = cache.free()[-1:]
        assert cache.alloc(size, windows, journal) == expected
        # the kernel's loop would hand out what lies behind the last piece
        struck = expected is None and bool(last) and last[0][1] - last[0][0] >= size
        assert [type(record) for record in journal] == [Hazard] * struck


@pytest.mark.parametrize(("high", "start"), [(3 * PAGE, None), (3 * PAGE + 1, PAGE)])
def test_a_piece_must_end_strictly_below_the_window(high: int, start: int | None) -> None:
    """within_range(): `start + size < end`, so that the last page of a window is never handed
    out."""
    cache = RoxCache()
    cache.add(PAGE, 3 * PAGE)
    assert cache.alloc(2 * PAGE, ((0, high),), None) == start


def test_pieces_join_where_they_touch_and_blocks_never_do() -> None:
    cache = RoxCache()
    cache.add(0x1000, 0x2000)
    cache.add(0x3000, 0x4000)
    cache.add(0x2000, 0x3000)
    cache.add(0x5000, 0x6000)
    assert cache.free() == [(0x1000, 0x4000), (0x5000, 0x6000)]
    assert cache.free_end(0x1000) == 0x4000
    assert cache.free_end(0x2000) is None
    cache.remove(0x5000)
    assert cache.free() == [(0x1000, 0x4000)]
    twin = cache.clone()
    twin.remove(0x1000)
    assert cache.free() == [(0x1000, 0x4000)]
