"""Half-open intervals."""

from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.model.intervals import Interval, apart

PAIRS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)))


def overlap(one: Interval, other: Interval) -> bool:
    return one[0] < other[1] and other[0] < one[1]


@given(PAIRS, PAIRS)
def test_what_is_apart_overlaps_nothing(pairs: list[Interval], others: list[Interval]) -> None:
    taken = apart(others)
    kept = apart(pairs, taken)
    assert all(start < end for start, end in kept)
    every = [*kept, *taken]
    assert not any(overlap(one, other) for at, one in enumerate(every) for other in every[:at])
    left = [pair for pair in pairs if pair[0] < pair[1] and pair not in kept]
    assert all(any(overlap(pair, other) for other in every) for pair in left)


def test_their_order_stays() -> None:
    assert apart([(5, 6), (1, 3), (3, 5), (2, 4)]) == ((5, 6), (1, 3), (3, 5))
    assert apart([(5, 6), (5, 6)]) == ((5, 6),)
    assert apart(()) == ()
