"""Areas in blocks: a sorted sequence that shares what did not change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.model.areas import Area
from execmem_tui.model.blocks import Areas, Block, MutableAreas, as_areas

pytestmark = pytest.mark.usefixtures("small_blocks")


def area(start: int, size: int = 1) -> Area:
    return Area(start=start, size=size, owner=f"a{size}")


AREAS = st.builds(area, st.integers(0, 60), st.integers(1, 20))


def sizes_of(blocks: tuple[Block, ...]) -> list[int]:
    return [len(block.areas) for block in blocks]


@given(st.lists(AREAS, max_size=40), st.data())
def test_mutable_areas_are_a_sorted_list(areas: list[Area], data: st.DataObject) -> None:
    mutable, plain = MutableAreas(areas), sorted(areas, key=lambda each: each.start)
    for _ in range(data.draw(st.integers(0, 40))):
        if data.draw(st.booleans()) and plain:
            gone = data.draw(st.sampled_from(plain))
            mutable.remove(gone)
            plain.remove(gone)
        else:
            new = data.draw(AREAS)
            mutable.add(new)
            plain.append(new)
        if data.draw(st.booleans()):
            mutable.areas()
    found = mutable.areas()
    assert [each.start for each in found] == sorted(each.start for each in plain)
    assert sorted(found, key=repr) == sorted(plain, key=repr)
    assert all(0 < size <= 8 for size in sizes_of(found.blocks))
    assert found.firsts == [block.areas[0].start for block in found.blocks]
    assert len(found.blocks) <= 2 + len(found), "no block is empty"


@given(st.lists(AREAS, max_size=40), st.integers(-3, 70), st.integers(0, 30))
def test_an_areas_is_a_sequence(areas: list[Area], at: int, length: int) -> None:
    plain = tuple(sorted(areas, key=lambda each: each.start))
    found = as_areas(areas)
    assert len(found) == len(plain)
    assert found == plain
    assert tuple(found[at : at + length]) == plain[at : at + length]
    assert [found[index] for index in range(-len(plain), len(plain))] == [*plain, *plain]
    with pytest.raises(IndexError):
        found[len(plain)]
    with pytest.raises(IndexError):
        found[-len(plain) - 1]
    assert found.first_from(at) == sum(each.start < at for each in plain)
    inside = [each for each in plain if at <= each.start < at + length]
    between = list(found.between(at, at + length))
    assert [each for each in between if each.start >= at] == inside
    assert len(between) - len(inside) in (0, 1)


def test_between_takes_in_what_reaches_into_it() -> None:
    found = as_areas([area(0, 5), area(10, 5), area(20, 5)])
    assert [each.start for each in found.between(4, 11)] == [0, 10]
    assert [each.start for each in found.between(5, 10)] == []


def test_an_event_leaves_all_other_blocks_as_they_are() -> None:
    mutable = MutableAreas([area(start) for start in range(0, 100, 2)])
    before = mutable.areas()
    mutable.add(area(51))
    after = mutable.areas()
    assert len(set(before.blocks) - set(after.blocks)) == 1
    assert mutable.areas() is after, "nothing changed"
    mutable.remove(area(51))
    assert mutable.areas() == before
    with pytest.raises(ValueError, match="no such area"):
        mutable.remove(area(51))
    with pytest.raises(ValueError, match="no such area"):
        mutable.remove(area(50, 7))


def test_a_block_finds_a_thing_once_and_does_not_hoard() -> None:
    asked: list[Block] = []

    def count(block: Block) -> int:
        asked.append(block)
        return len(block.areas)

    block = as_areas([area(1), area(2)]).blocks[0]
    assert [block.find(count), block.find(count)] == [2, 2]
    assert asked == [block]
    for number in range(100):
        assert block.find(lambda _, number=number: number) == number  # type: ignore[misc]
    assert len(block._found) <= 32


def test_of_lists_a_block_keeps_the_newest_few() -> None:
    """Thirty-two of 512 pieces each, in every block: 10,000 keys took fifty MiB."""
    asked: list[int] = []
    block = as_areas([area(1), area(2)]).blocks[0]

    def listed(number: int) -> list[Area]:
        def make(block: Block) -> list[Area]:
            asked.append(number)
            return list(block.areas)

        return block.listed(("lens", number), make)

    assert listed(0) is listed(0)
    assert asked == [0]
    for number in range(100):
        listed(number)
    assert asked == list(range(100))
    assert len(block._listed) == 12
    for number in range(91, 100):  # three paints, each with two totals, stay
        listed(number)
    assert asked == list(range(100))


def test_areas_are_as_long_as_a_list_to_print() -> None:
    assert repr(as_areas([area(1)])) == "<1 areas>"
    assert as_areas([]) == ()
    assert (as_areas([]) == []) is False
    assert isinstance(as_areas(()), Areas)


@given(st.lists(AREAS, max_size=60), st.lists(AREAS, max_size=150), st.data())
def test_many_are_replaced_as_one_by_one(
    areas: list[Area], added: list[Area], data: st.DataObject
) -> None:
    removed = data.draw(st.permutations(areas).map(lambda each: each[: len(each) // 2]))
    whole, single = MutableAreas(areas), MutableAreas(areas)
    whole.replace(removed, added)
    for gone in removed:
        single.remove(gone)
    for new in added:
        single.add(new)
    assert whole.areas() == single.areas()


def test_what_is_not_there_is_not_replaced() -> None:
    mutable = MutableAreas([area(1), area(5)])
    missing = [area(1), *(area(at) for at in range(100, 180))]
    with pytest.raises(ValueError, match="no such area"):
        mutable.replace(missing, [])
