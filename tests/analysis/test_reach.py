"""Reach: verdicts for pairs, for areas, room left, and the failures that people reported."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.analysis.bootlines import decode, lines_of
from execmem_tui.analysis.placement_classes import (
    PlacementClass,
    asked,
    class_ranges,
    proposed_layout,
    side_by_side,
)
from execmem_tui.analysis.reach import (
    Origin,
    area_verdict,
    boot_pages,
    call_reach,
    count_module_text,
    free_bytes,
    module_windows,
    room_left,
    spans,
    verdict,
    verdicts,
)
from execmem_tui.arch import architectures, resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Verdict
from execmem_tui.sources.simulation import open_simulation
from execmem_tui.view.reach_lines import reach_lines
from execmem_tui.view.shown import Shown
from execmem_tui.view.words import width_of

MIB = 1 << 20
KIND = ExecmemType.MODULE_TEXT
PAIRS = [
    (22816, 514336),
    (29504, 521024),
    (22496, 514016),
    (23952, 515472),
    (24160, 515680),
    (25328, 516848),
    (19680, 511200),
    (28992, 520512),
]
"""Lines of arm64 boot logs that people posted."""


@pytest.mark.parametrize(
    ("name", "origin", "target", "past"),
    [
        ("arm", 0xBF0000BC, 0xC101C154, 114_840),
        ("loongarch", 0x9000000000000000, 0x9000000000000000 + 167_866_808, 33_649_081),
        ("arm64", 0xFFFF800090000000, 0xFFFF800090000000 - 134_240_376, 22_648),
    ],
)
def test_reported_relocations_are_as_far_out_as_reported(
    name: str, origin: int, target: int, past: int
) -> None:
    reach = call_reach(resolve(name))
    assert reach is not None
    start, end = reach.window(origin)
    assert not reach.reaches(origin, target)
    out = target - end if target >= end else start - target
    assert abs(out - past) <= 4
    assert dict(verdicts(resolve(name), origin, target))[reach] is Verdict.PLT


def test_segments_are_no_distances() -> None:
    nios2 = resolve("nios2")
    found = {
        reach.instruction: verdict for reach, verdict in verdicts(nios2, 0xBE000000, 0xC0000000)
    }
    assert found["CALL"] is Verdict.UNREACHABLE
    near = {
        reach.instruction: verdict for reach, verdict in verdicts(nios2, 0xB0000000, 0xBFFFFFFC)
    }
    assert near["CALL"] is Verdict.DIRECT


def test_arm64_counts_direct_and_plt() -> None:
    simulation = open_simulation("arm64", "7.1", None, "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, 40 * MIB - 4096, count=3)
    counts = count_module_text(simulation.history.snapshot())
    assert (counts.direct, counts.plt, counts.unreachable) == (2, 1, 0)
    room = {name: free for name, _, _, free in room_left(simulation.history.snapshot())}
    assert room["direct"] == 0
    assert room["fallback"] == 2048 * MIB - 48 * MIB - 120 * MIB


@pytest.mark.parametrize("name", architectures())
def test_every_architecture_has_a_panel(name: str) -> None:
    simulation = open_simulation(name, "7.1", None, "off")
    if not simulation.why_not_allocate(ExecmemType.MODULE_TEXT):
        simulation.allocate(ExecmemType.MODULE_TEXT, count=3)
    snapshot = simulation.history.snapshot()
    shown = Shown(snapshot)
    model = shown.reach(None)
    assert model is not None
    counts = model.counts
    if snapshot.layout.reach:
        assert counts.direct + counts.plt + counts.unreachable == 3
    for width in (24, 36, 64):
        for line in reach_lines(model, shown.kinds, shown.holes, width):
            assert width_of(line) <= width


def test_loongarch_always_takes_the_plt() -> None:
    simulation = open_simulation("loong64", "7.1", None, "off")
    simulation.allocate(ExecmemType.MODULE_TEXT)
    assert count_module_text(simulation.history.snapshot()).plt == 1


@pytest.mark.parametrize(("direct", "plt"), PAIRS)
def test_boot_lines_are_decoded(direct: int, plt: int) -> None:
    found = decode([f"[    0.5] {line}" for line in lines_of(direct, plt)])
    assert found is not None
    assert plt - direct == 491_520
    assert found.page_size == 4096
    assert 12 * MIB < found.image_size == 128 * MIB - direct * 4096 < 52 * MIB
    assert not found.full_randomisation


def test_full_randomisation_has_no_direct_pages() -> None:
    found = decode(lines_of(0, 503_584))
    assert found is not None
    assert found.full_randomisation
    assert round(found.image_size / MIB, 1) == 80.9


@pytest.mark.parametrize(
    "lines", [[], ["nothing"], lines_of(5, 9), ["Modules: 5 pages in range for non-PLT usage"]]
)
def test_what_is_no_pair_is_not_decoded(lines: list[str]) -> None:
    assert decode(lines) is None


def test_a_layout_prints_its_own_lines() -> None:
    layout = resolve("arm64")
    assert boot_pages(layout) == (20480, 512000)
    assert boot_pages(resolve("x86")) is None
    full = resolve("arm64", "7.1", "va48-4k-modfull", "1")
    assert boot_pages(full) == (0, 512000), "no direct window"
    assert boot_pages(evolve(layout, macros={**layout.macros, "module_plt_base": 0})) == (20480, 0)


def test_proposed_classes_on_arm64() -> None:
    layout = resolve("arm64")
    ranges = {each.name: each for each in class_ranges(layout)}
    noplt, prel32 = ranges[PlacementClass.NOPLT], ranges[PlacementClass.PREL32]
    assert noplt.end - noplt.start > 200 * MIB
    assert prel32.end - prel32.start == 2048 * MIB
    wishes = {wish.type: (wish.first, wish.second) for wish in asked(layout)}
    assert wishes[ExecmemType.MODULE_TEXT] == (PlacementClass.NOPLT, PlacementClass.PREL32)
    assert wishes[ExecmemType.BPF] == (PlacementClass.ANYWHERE, None)
    assert ExecmemType.FTRACE not in wishes
    assert "proposed" in " ".join(proposed_layout(layout).notes)
    today, proposed = side_by_side(layout)
    assert today.allocations == proposed.allocations
    assert today.fallbacks > proposed.fallbacks == 0
    assert proposed.direct > today.direct


@pytest.mark.parametrize("name", architectures())
def test_proposed_ranges_lie_where_vmalloc_may_place(name: str) -> None:
    layout = resolve(name)
    text = layout.range_of(ExecmemType.MODULE_TEXT)
    for each in class_ranges(layout):
        assert each.start <= each.end <= 1 << layout.word_bits
        if each.end > each.start:
            assert (
                min(text.fallback_start or text.start, text.start, layout.vmalloc_start)
                <= each.start
            )
    assert asked(layout)


def text(start: int, size: int = 4096) -> Area:
    return Area(start=start, size=size, type=ExecmemType.MODULE_TEXT)


GIB = 1 << 30


def test_what_no_plt_extends_decides_for_the_whole_area() -> None:
    """arm64's entries carry a call 4 GiB far, but its data words, which bind, reach 2 GiB."""
    layout = resolve("arm64")
    start, end = layout.image or (0, 0)
    near, far, beyond = text(start - 64 * MIB), text(end + GIB), text(end + 3 * GIB)
    assert [area_verdict(layout, each) for each in (near, far, beyond)] == [
        Verdict.DIRECT,
        Verdict.PLT,
        Verdict.UNREACHABLE,
    ]
    calls, data, _ = (found for _, found in spans(layout, beyond))
    assert (calls, data) == (Verdict.PLT, Verdict.UNREACHABLE), "an entry extends calls alone"
    call = call_reach(layout)
    assert call is not None
    assert verdict(layout, call, start, start + 5 * GIB) is Verdict.UNREACHABLE


def test_an_origin_counts_to_its_last_instruction() -> None:
    """B reaches 128 MiB back, and one instruction less ahead."""
    layout = resolve("arm64")
    call = call_reach(layout)
    assert call is not None
    place = Origin(GIB, GIB + 4096, "place")
    last = GIB + 4096 - 4
    for area, wanted in (
        (text(last - 128 * MIB + 4), Verdict.DIRECT),
        (text(last - 128 * MIB), Verdict.PLT),
        (text(GIB + 128 * MIB - 4096, 4097), Verdict.DIRECT),
        (text(GIB + 128 * MIB - 4096, 4098), Verdict.PLT),
    ):
        assert dict(spans(layout, area, place))[call] is wanted


def test_without_an_image_nothing_is_said_of_reach() -> None:
    layout = resolve("arm64")
    blind = evolve(layout, symbols={})
    history = History(blind)
    snapshot = evolve(history.snapshot(), areas=[text(layout.range_of(KIND).start)])
    assert spans(blind, text(GIB)) == []
    assert area_verdict(blind, text(GIB)) is None
    assert boot_pages(blind) is None
    counts = count_module_text(snapshot)
    assert (counts.direct, counts.plt, counts.unreachable, counts.vague) == (0, 0, 0, 1)
    assert count_module_text(history.snapshot()) == (0, 0, 0, 0)
    for _, start, end, free in room_left(history.snapshot()):
        assert free == end - start, "nor is anything taken off"


def test_windows_of_modules_have_names() -> None:
    assert [name for name, *_ in module_windows(resolve("arm64"))] == ["direct", "fallback"]
    assert [name for name, *_ in module_windows(resolve("x86"))] == ["modules"]
    layout = resolve("x86")
    none = evolve(layout.range_of(KIND), start=0, end=0)
    assert not list(module_windows(evolve(layout, types={**layout.types, KIND: none})))


_PIECES = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12)))


@given(_PIECES, st.integers(0, 40), st.integers(0, 40))
def test_free_bytes_are_those_that_no_area_covers(
    pieces: list[tuple[int, int]], start: int, length: int
) -> None:
    areas = [text(low, size) for low, size in sorted(pieces)]
    covered = {byte for area in areas for byte in range(area.start, area.end)}
    window = range(start, start + length)
    inside = [area for area in areas if area.end > start and area.start < window.stop]
    assert free_bytes(inside, window.start, window.stop) == len(set(window) - covered)


def test_the_image_takes_room_only_where_it_lies_in_a_window() -> None:
    """The kernel's module area of x86 begins where its image may end."""
    layout = resolve("x86")
    [(_, start, end)] = module_windows(layout)
    for image, taken in (
        ((start - MIB, start), 0),
        ((start - MIB, start + MIB), MIB),
        ((end - MIB, end + MIB), MIB),
        ((end, end + MIB), 0),
    ):
        symbols = {**layout.symbols, "_text": image[0], "_end": image[1]}
        moved = evolve(layout, symbols=symbols, early_areas=())
        [(*_, free)] = room_left(History(moved).snapshot())
        assert free == end - start - taken


def test_only_live_texts_are_counted_and_unnamed_ones_are_vague() -> None:
    layout = resolve("arm64")
    start = layout.range_of(KIND).start
    areas = [
        evolve(text(start), owner="a", region="MOD_TEXT"),
        evolve(text(start + MIB), owner="a"),
        evolve(text(start + 2 * MIB), region="MOD_TEXT"),
        text(start + 3 * MIB),
        evolve(text(start + 4 * MIB), state=AreaState.LAZY),
        evolve(text(start + 5 * MIB), type=ExecmemType.MODULE_DATA),
    ]
    counts = count_module_text(evolve(History(layout).snapshot(), areas=areas))
    assert (sum(counts[:3]), counts.vague) == (4, 1)
