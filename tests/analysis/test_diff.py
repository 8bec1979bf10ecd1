"""Differences.

Nothing of nothing, every area accounted for once, moves, growth, programs, draws.
"""

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.analysis.diff import Basis, compare
from execmem_tui.arch import resolve
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from tests.layouts import PAGE, make_layout

LAYOUT = make_layout()
START = LAYOUT.vmalloc_start


def snapshot(*areas: Area, layout: Layout = LAYOUT) -> Snapshot:
    ordered = tuple(sorted(areas, key=lambda area: area.start))
    return Snapshot(layout=layout, step=1, steps=1, areas=ordered, counters=Counters())


def module(page: int, owner: str, region: str = "MOD_DATA", pages: int = 1) -> Area:
    kind = ExecmemType.MODULE_TEXT if region == "MOD_TEXT" else ExecmemType.MODULE_DATA
    start = START + page * PAGE
    return Area(
        start=start,
        size=pages * PAGE,
        guard=PAGE,
        type=kind,
        owner=owner,
        region=region,
        window=Window.PREFERRED,
    )


def stack(page: int) -> Area:
    return Area(start=START + page * PAGE, size=PAGE, caller="kernel_clone+0x1/0x2")


def pack(*names: str) -> Area:
    inside = tuple((START + 64 * index, name) for index, name in enumerate(names))
    return Area(
        start=START, size=512 * PAGE, type=ExecmemType.BPF, owner="bpf_prog_pack", inside=inside
    )


@st.composite
def worlds(draw: st.DrawFn) -> Snapshot:
    pages = draw(st.lists(st.integers(0, 40), unique=True, max_size=15))
    areas = []
    for page in pages:
        what = draw(st.sampled_from(["a", "b", "c", "stack", "lazy"]))
        area = (
            stack(page * 6)
            if what in ("stack", "lazy")
            else module(page * 6, what, pages=draw(st.integers(1, 3)))
        )
        areas.append(evolve(area, state=AreaState.LAZY) if what == "lazy" else area)
    return snapshot(*areas)


@given(worlds())
def test_nothing_differs_from_itself(world: Snapshot) -> None:
    found = compare(world, world)
    assert (found.allocated, found.freed, found.changed, found.moved, found.owners) == (
        (),
        (),
        (),
        (),
        (),
    )


@given(worlds(), worlds())
def test_every_live_area_is_accounted_for_once_and_backwards_is_the_inverse(
    one: Snapshot, two: Snapshot
) -> None:
    there, back = compare(one, two), compare(two, one)
    live = [sum(area.state is AreaState.LIVE for area in world.areas) for world in (one, two)]
    assert live[1] - live[0] == len(there.allocated) - len(there.freed)
    assert there.allocated == back.freed
    assert there.freed == back.allocated
    assert {pair.growth for pair in there.moved} == {-pair.growth for pair in back.moved}
    assert {each.owner: each.change for each in there.owners} == {
        each.owner: -each.change for each in back.owners
    }
    size = [sum(area.size for area in world.areas) for world in (one, two)]
    assert sum(each.change for each in there.owners) == size[1] - size[0]


def test_a_module_loaded_again_has_moved_and_may_have_grown() -> None:
    before = snapshot(module(0, "xfs", "MOD_TEXT"), module(4, "xfs", pages=2), stack(20))
    after = snapshot(module(0, "xfs", "MOD_TEXT"), module(8, "xfs", pages=3), stack(24))
    found = compare(before, after)
    assert [(pair.before.start, pair.after.start) for pair in found.moved] == [
        (START + 4 * PAGE, START + 8 * PAGE)
    ]
    assert [pair.growth for pair in found.grown] == [PAGE]
    assert found.allocated == (stack(24),), "who has no owner cannot have moved"
    assert [(each.owner, each.change, each.kind) for each in found.owners] == [
        ("xfs", PAGE, "module")
    ]


def test_what_is_freed_and_not_purged_is_freed() -> None:
    lazy = evolve(stack(4), state=AreaState.LAZY, caller=None)
    found = compare(snapshot(stack(4)), snapshot(lazy))
    assert found.freed == (stack(4),)
    assert not found.allocated
    assert {(each.owner, each.change) for each in found.owners} == {
        ("kernel_clone", -PAGE),
        ("unpurged", PAGE),
    }


def test_another_owner_at_the_same_address_is_no_change_but_a_free_and_an_allocation() -> None:
    found = compare(snapshot(module(0, "one")), snapshot(module(0, "two")))
    assert [area.owner for area in found.freed] == ["one"]
    assert [area.owner for area in found.allocated] == ["two"]


def test_several_pages_of_one_name_have_not_moved() -> None:
    pages = [
        evolve(module(at, "kprobe_insn_page"), type=ExecmemType.KPROBES, region=None)
        for at in (0, 4, 8)
    ]
    found = compare(snapshot(*pages[:2]), snapshot(pages[2]))
    assert (len(found.freed), len(found.allocated), len(found.moved)) == (2, 1, 0)


def test_programs_inside_a_pack_come_and_go() -> None:
    found = compare(snapshot(pack("a", "b", "b")), snapshot(pack("b", "c")))
    assert (found.loaded, found.unloaded) == (("c",), ("a", "b"))
    assert len(found.changed) == 1
    assert not found.grown


def test_two_draws_are_compared_by_offset_in_the_range() -> None:
    """The same module at the same place of two draws is the same; at another place it has moved."""
    worlds = []
    for seed in ("1", "2"):
        layout = resolve("amd64", "7.1", kaslr=seed)
        entry = layout.range_of(ExecmemType.MODULE_DATA)
        areas = [
            evolve(module(0, name), start=entry.start + at * PAGE)
            for name, at in (("same", 4), (f"only{seed}", 8))
        ]
        worlds.append(snapshot(*areas, layout=layout))
    found = compare(*worlds)
    assert found.basis is Basis.OFFSET
    assert [area.owner for area in found.freed] == ["only1"]
    assert [area.owner for area in found.allocated] == ["only2"]
    assert not found.moved
