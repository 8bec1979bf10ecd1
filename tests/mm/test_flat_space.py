"""The list of holes against the kernel's tree: the same answers, and in the end the same shape."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.mm import flat_space, vmalloc
from execmem_tui.mm.flat_space import UNSURE, FlatSpace
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.mm.vmap_node import NO_OWNER
from execmem_tui.model.rules import rules_of
from tests.mm.invariants import check_tree, shape

PAGE = 4096
GAP = flat_space._ALONE // PAGE
"""Pages of a hole that has a block of its own."""
STARTS = (0, 8, 60, GAP, 2 * GAP + 100)
"""Pages at which windows begin."""

taken_pages = st.lists(
    st.tuples(st.sampled_from(STARTS), st.integers(0, 150), st.integers(1, 20)), max_size=12
)
requests = st.tuples(
    st.just("alloc"), st.sampled_from(STARTS), st.integers(1, 40), st.sampled_from((0, 1, 4, 5))
)
frees = st.tuples(st.just("free"), st.integers(0, 1 << 16))
looks = st.tuples(st.just("clone"))
operations = st.lists(st.one_of(requests, requests, frees, frees, looks), max_size=120)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flat_space, "_LOAD", 3)
    monkeypatch.setattr(flat_space, "_NOTED", 25)


def same(flat: FlatSpace, tree: FreeSpace) -> None:
    """Equal holes, equal tree, and blocks that are what they say."""
    assert list(flat) == list(tree)
    assert shape(flat.tree.root) == shape(tree.tree.root)
    check_tree(flat.tree)
    assert flat.firsts == [starts[0] for starts in flat.starts]
    assert all(map(len, flat.starts))
    tops = zip(flat.tops, flat.sizes, strict=True)
    assert all(top >= max(sizes) for top, sizes in tops)
    assert [len(sizes) for sizes in flat.sizes] == [len(starts) for starts in flat.starts]


class Both:
    """One request or free of both; what they answer must be the same."""

    def __init__(self, taken: list[tuple[int, int]]) -> None:
        self.flat, self.tree = FlatSpace(FreeSpace(PAGE, taken)), FreeSpace(PAGE, taken)
        self.live: list[tuple[int, int]] = []
        self.unsure = 0

    def alloc(self, vstart: int, size: int, align: int) -> None:
        need = self.flat.padded(size, align, vstart, 1 << 60)
        assert need == self.tree.padded(size, align, vstart, 1 << 60)
        for at_least in (0, need):
            low = self.tree.lowest_fit(size, align, vstart, at_least)
            assert self.flat.lowest_fit(size, align, vstart, at_least) == low
        certain = self.tree.is_certain(size, align, vstart, need)
        assert self.flat.is_certain(size, align, vstart, need) == certain
        right, found = self.tree.search(size, align, vstart, need), None
        assert right is not None  # there is no end above
        found = self.flat.search(size, align, vstart, need)
        assert found is not None
        assert (found is not UNSURE) == certain
        start, hole = right
        assert self.tree.is_certain(size, align, vstart, need, hole) == certain
        self.tree.clip(hole, start, size)
        if found is UNSURE:
            self.unsure += 1
            assert self.flat.take(start, start + size)
        else:
            assert found[0] == start
            self.flat.clip(found[1], start, size)
        self.live.append((start, start + size))

    def free(self, number: int) -> None:
        if self.live:
            start, end = self.live.pop(number % len(self.live))
            self.flat.give_back(start, end)
            self.tree.give_back(start, end)


@given(taken=taken_pages, operations=operations)
@settings(max_examples=150, deadline=None)
def test_answers_and_shape_are_those_of_the_tree(
    taken: list[tuple[int, int, int]], operations: list[tuple[object, ...]]
) -> None:
    both = Both([((a + b) * PAGE, (a + b + c) * PAGE) for a, b, c in taken])
    same(both.flat, both.tree)
    for operation in operations:
        match operation:
            case ("alloc", int(vstart), int(pages), int(shift)):
                both.alloc(max(vstart * PAGE, 1), pages * PAGE, PAGE << shift)
            case ("free", int(number)):
                both.free(number)
            case _:
                old, holes = both.flat, list(both.flat)
                both.flat = both.flat.clone()
                both.alloc(1, PAGE, 1)
                assert list(old) == holes
                assert old.take(*both.live[-1]), "a clone shares nothing"
    same(both.flat, both.tree)


def test_what_overlaps_free_space_is_refused() -> None:
    flat = FlatSpace(FreeSpace(PAGE, [(8 * PAGE, 16 * PAGE), (32 * PAGE, 64 * PAGE)]))
    for start, end in ((4, 9), (12, 17), (12, 40), (17, 18), (64, 65)):
        with pytest.raises(AssertionError, match="overlaps free"):
            flat.give_back(start * PAGE, end * PAGE)
    assert not flat.take(7 * PAGE, 9 * PAGE)
    assert not flat.take(0, PAGE)
    assert flat.take(16 * PAGE, 32 * PAGE)


def test_very_many_holes_become_a_list_until_the_shape_decides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(vmalloc, "_MANY", 8)
    window = (1 << 32, 1 << 40)
    machine = Vmalloc(
        rules=rules_of("7.1.8"), page_size=PAGE, vmalloc_start=window[0], vmalloc_end=window[1]
    )
    areas = [machine.alloc_vmap_area(5 * PAGE, 4 * PAGE, *window) for _ in range(12)]
    assert all(areas)
    assert isinstance(machine.space, FreeSpace)
    assert areas[5] is not None
    machine.release(areas[5])
    machine.purge(Purge.DRAIN)  # a hole of 11 pages, where a search prunes below 15
    flat = machine.space
    assert isinstance(flat, FlatSpace)
    assert isinstance(machine.clone().space, FlatSpace)
    before = list(flat)
    start, _ = machine.answer(machine.request(8 * PAGE, 8 * PAGE, *window), NO_OWNER)
    assert start is not None
    assert isinstance(machine.space, FreeSpace)
    assert shape(machine.space.tree.root) == shape(flat.tree.root)
    assert list(machine.space) == before
    machine.purge(Purge.ALIASES)
    assert isinstance(machine.space, FreeSpace), "what asked so once does so again"
