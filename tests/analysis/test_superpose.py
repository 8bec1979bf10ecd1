"""Two machines laid over each other, wherever KASLR put them."""

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.analysis.superpose import Difference, Superposition, place
from execmem_tui.arch import resolve
from execmem_tui.model.areas import Area
from execmem_tui.model.blocks import MutableAreas
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.booted import open_booted

PAGE = 4096
A = resolve("arm64", kaslr="off")
B = resolve("arm64", kaslr="7")
TEXT = ExecmemType.MODULE_TEXT


def area(
    layout: Layout, offset: int, owner: str, pages: int = 1, region: str | None = "MOD_TEXT"
) -> Area:
    start = layout.range_of(TEXT).start + offset * PAGE
    return Area(
        start=start,
        size=pages * PAGE,
        type=TEXT,
        owner=owner,
        region=region,
        window=Window.PREFERRED,
    )


def snap(layout: Layout, *areas: Area) -> Snapshot:
    return Snapshot(
        layout=layout,
        step=0,
        steps=0,
        areas=tuple(sorted(areas, key=lambda each: each.start)),
        counters=Counters(),
    )


def test_the_same_machine_is_the_same_whatever_kaslr_drew() -> None:
    one, two = (open_booted("arm64", kaslr=draw).history.snapshot() for draw in ("off", "7"))
    found = Superposition(one, two)
    assert one.areas != two.areas
    assert found.text == "1 moved"
    [moved] = found.by_delta()
    assert moved.area.type is ExecmemType.BPF  # a pack lies behind the image, which moved
    assert found.sums[Difference.SAME].areas == len(found.pairings) - 1 > 500
    assert Superposition(one, one).text == "no difference"


def test_each_difference() -> None:
    before = snap(
        A, area(A, 0, "same"), area(A, 2, "gone"), area(A, 4, "moves"), area(A, 6, "grows")
    )
    after = snap(
        B, area(B, 0, "same"), area(B, 40, "moves"), area(B, 6, "grows", 3), area(B, 20, "new", 2)
    )
    found = Superposition(before, after)
    by_owner = {each.area.owner: each for each in found.pairings}
    assert {owner: each.difference for owner, each in by_owner.items()} == {
        "same": Difference.SAME,
        "gone": Difference.ONLY_A,
        "moves": Difference.MOVED,
        "grows": Difference.GROWN,
        "new": Difference.ONLY_B,
    }
    assert by_owner["grows"].delta == 2 * PAGE
    assert by_owner["gone"].delta == -PAGE
    assert by_owner["gone"].at == B.range_of(TEXT).start + 2 * PAGE
    assert found.text == "1 only A · 1 only B · 1 moved · 1 grown"
    assert [each.area.owner for each in found.by_delta()] == ["grows", "new", "gone", "moves"]
    assert [each.area.owner for each in found.gone] == ["gone"]
    assert found.sums[Difference.ONLY_B].delta == 2 * PAGE


def test_the_lens_knows_only_areas_of_b() -> None:
    mine = area(B, 0, "same")
    found = Superposition(snap(A, area(A, 0, "same")), snap(B, mine))
    assert found.of(mine) is Difference.SAME
    assert found.of(evolve(mine, size=PAGE * 2)) is None
    assert found.of(area(B, 1, "same")) is None


def test_going_from_difference_to_difference() -> None:
    base = B.range_of(TEXT).start
    found = Superposition(snap(A, area(A, 2, "gone")), snap(B, area(B, 8, "new"), area(B, 4, "x")))
    there = found.neighbour(base, forward=True)
    assert there is not None
    assert there.at == base + 2 * PAGE
    assert found.neighbour(base + 8 * PAGE, forward=True) is None
    back = found.neighbour(base + 8 * PAGE, forward=False)
    assert back is not None
    assert back.at == base + 4 * PAGE
    assert found.neighbour(base, forward=False) is None


def test_namesakes_pair_by_place_first() -> None:
    pages = [area(A, at, "page", region=None) for at in (0, 4, 8)]
    other = [area(B, at, "page", region=None) for at in (4, 8, 12)]
    found = Superposition(snap(A, *pages), snap(B, *other))
    differences = [each.difference for each in found.pairings]
    assert sorted(differences) == [Difference.MOVED, Difference.SAME, Difference.SAME]


def test_a_place_outside_every_window_counts_from_the_image() -> None:
    stray = Area(start=(A.text or 0) + 3 * PAGE + (1 << 40), size=PAGE, type=TEXT)
    assert place(A, stray) == (TEXT, None, 3 * PAGE + (1 << 40))


STILL = [area(B, 3 * at, f"still{at}") for at in range(100, 1200)]
"""Enough for blocks that stay."""

AREAS = st.lists(
    st.tuples(st.integers(0, 60), st.sampled_from("abcd"), st.integers(1, 2)),
    max_size=14,
    unique_by=lambda each: each[0],
)


@settings(deadline=None, max_examples=40)
@given(AREAS, st.lists(AREAS, min_size=1, max_size=5))
def test_from_step_to_step_it_is_what_it_is_from_scratch(
    first: list[tuple[int, str, int]], steps: list[list[tuple[int, str, int]]]
) -> None:
    def made(layout: Layout, drawn: list[tuple[int, str, int]]) -> dict[int, Area]:
        return {at: area(layout, 3 * at, owner, pages) for at, owner, pages in drawn}

    before = snap(A, *made(A, first).values())
    mutable = MutableAreas(STILL)
    there: dict[int, Area] = {}
    found: Superposition | None = None
    for step in steps:
        wanted = made(B, step)
        for at in {*there, *wanted}:
            if there.get(at) != wanted.get(at):
                if at in there:
                    mutable.remove(there.pop(at))
                if at in wanted:
                    there[at] = wanted[at]
                    mutable.add(wanted[at])
        after = evolve(snap(B), areas=mutable.areas())
        last, found = found, Superposition(before, after, found)
        fresh = Superposition(before, after)
        assert found.pairings == fresh.pairings
        assert found.differences == fresh.differences
        assert found.sums == fresh.sums
        assert found.gone == fresh.gone
        assert all(found.of(each) is fresh.of(each) for each in after.areas)
        if last is not None and not found.stirred:
            new = {each.start for block in found.added for each in block.areas}
            assert all(
                last.of(each) is found.of(each) for each in after.areas if each.start not in new
            )
