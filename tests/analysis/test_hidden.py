"""What is hidden is neither free nor freed: differences and single addresses."""

from pathlib import Path

import pytest
from attrs import evolve

from execmem_tui.analysis.diff import Basis, compare
from execmem_tui.analysis.hidden_diff import LAZY, CallerChange, hidden_difference
from execmem_tui.analysis.places import Place, is_user_space, outside_words, place_of
from execmem_tui.arch import resolve
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.hidden import Hidden, HiddenArea
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.opening import open_path
from tests.layouts import PAGE, make_layout

LAYOUT = make_layout()
CAPTURES = Path(__file__).parents[1] / "data" / "captures"


def snapshot(*areas: Area, hidden: Hidden | None = None) -> Snapshot:
    return Snapshot(
        layout=LAYOUT,
        step=1,
        steps=1,
        areas=tuple(sorted(areas, key=lambda area: area.start)),
        counters=Counters(),
        hidden=Hidden() if hidden is None else hidden,
    )


def stack(page: int) -> Area:
    start = LAYOUT.vmalloc_start + page * PAGE
    return Area(start=start, size=4 * PAGE, guard=PAGE, caller="kernel_clone+0x1/0x2")


def hashed(*hashes: int, caller: str = "kernel_clone") -> Hidden:
    return Hidden(tuple(HiddenArea(5 * PAGE, caller, None, each) for each in hashes))


def test_open_against_hashed_says_nothing_freed() -> None:
    found = compare(snapshot(stack(0), stack(8)), snapshot(hidden=hashed(11, 12, 13)))
    assert (found.basis, found.comparable) == (Basis.CALLER, False)
    assert (found.allocated, found.freed, found.moved, found.changed) == ((), (), (), ())
    assert (found.came, found.went) == (None, None)
    (owner,) = found.owners
    assert (owner.owner, owner.before, owner.after) == ("kernel_clone", 10 * PAGE, 15 * PAGE)
    assert (owner.areas_before, owner.areas_after) == (2, 3)


def test_two_hashed_lists_of_one_boot_are_compared_by_hash() -> None:
    found = compare(snapshot(hidden=hashed(1, 2, 3, 4)), snapshot(hidden=hashed(2, 3, 4, 5, 6)))
    assert (found.basis, found.came, found.went) == (Basis.HASH, 2, 1)


def test_hashes_of_two_boots_say_nothing() -> None:
    found = compare(snapshot(hidden=hashed(1, 2, 3)), snapshot(hidden=hashed(4, 5, 6)))
    assert (found.basis, found.came, found.owners) == (Basis.CALLER, None, ())
    zeroed = Hidden((HiddenArea(PAGE, "a"),))
    assert compare(snapshot(hidden=zeroed), snapshot(hidden=zeroed)).basis is Basis.CALLER


def test_what_turned_lazy_was_freed() -> None:
    before = hashed(1, 2, 3)
    after = Hidden((*hashed(1, 2).areas, *hashed(3, caller=LAZY).areas))
    found = hidden_difference(snapshot(hidden=before), snapshot(hidden=after))
    assert (found.came, found.went) == (0, 1)
    assert (
        CallerChange(caller=LAZY, before=0, after=5 * PAGE, areas_before=0, areas_after=1)
        in found.callers
    )


def test_a_refused_list_cannot_be_compared() -> None:
    found = compare(snapshot(stack(0)), snapshot(hidden=Hidden(complete=False)))
    assert (found.basis, found.owners, found.freed) == (Basis.NOTHING, (), ())


def test_pieces_of_one_area_are_one_line() -> None:
    start = LAYOUT.vmalloc_start
    block = [
        Area(start=start, size=PAGE, type=ExecmemType.MODULE_TEXT, caller="execmem_alloc+0x1/0x2"),
        Area(
            start=start + PAGE,
            size=PAGE,
            guard=PAGE,
            state=AreaState.CACHE_FREE,
            caller="execmem_alloc+0x1/0x2",
        ),
    ]
    one = Hidden((HiddenArea(3 * PAGE, "execmem_alloc", ExecmemType.MODULE_TEXT, 7),))
    assert compare(snapshot(*block), snapshot(hidden=one)).owners == ()


def test_areas_that_sections_tell_are_not_counted_twice() -> None:
    """Beside a hashed list they are some of its lines."""
    told = Area(start=LAYOUT.vmalloc_start, size=PAGE, owner="ext4", region="MOD_TEXT")
    both = compare(snapshot(hidden=hashed(1, 2)), snapshot(told, hidden=hashed(1, 2)))
    assert (both.came, both.went, both.owners) == (0, 0, ())


@pytest.mark.parametrize("run", ["hashed", "zeroed"])
def test_a_real_list_against_itself_has_no_difference(run: str) -> None:
    found = open_path(str(CAPTURES / run)).history.snapshot()
    same = compare(found, found)
    assert same.owners == ()
    assert same.basis is (Basis.HASH if run == "hashed" else Basis.CALLER)


def test_hidden_is_unknown_and_user_space_is_outside() -> None:
    layout = resolve("x86", "7.1", None, "off")
    seen = evolve(snapshot(), layout=layout)
    hidden = evolve(seen, hidden=hashed(1))
    middle = layout.vmalloc_start + (1 << 40)
    assert (place_of(seen, middle), place_of(hidden, middle)) == (Place.HOLE, Place.UNKNOWN)
    text = layout.text
    assert text is not None
    assert place_of(hidden, text) is Place.IMAGE
    direct_map = 0xFFFF_8880_0000_0000
    assert (place_of(seen, direct_map), place_of(hidden, direct_map)) == (
        Place.OUTSIDE,
        Place.UNKNOWN,
    )
    assert place_of(hidden, 0x7FFF_0000_0000) is Place.OUTSIDE
    assert outside_words(layout, 0x7FFF_0000_0000).endswith("user space")
    assert "direct map" in outside_words(layout, direct_map)


def test_user_space_by_architecture() -> None:
    arm, s390 = resolve("arm", "7.1", None, "off"), resolve("s390", "7.1", None, "off")
    assert is_user_space(arm, 0xBEFF_FFFF)
    assert not is_user_space(arm, 0xBF00_0000)  # modules, below PAGE_OFFSET
    assert not is_user_space(s390, 0x1000)
