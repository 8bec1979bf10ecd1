"""What is known of a vmallocinfo whose addresses are hashed."""

import pytest
from attrs import evolve

from execmem_tui.formats.procfiles import ModuleLine, SectionLine, Symbol
from execmem_tui.formats.vmallocinfo import Pointers, VmallocEntry, Vmallocinfo, parse_vmallocinfo
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.rules import JitMemory
from execmem_tui.owners.evidence import Evidence
from execmem_tui.owners.hashed import hidden_of, not_overlapping, phase_areas, revealed
from tests.layouts import make_layout

NAMES = (".text", ".data", ".rodata", ".data..ro_after_init", ".init.text")
SIZES = (0x2000, 0x3000, 0x5000, 0x4000, 0x6000)
OFFSETS = (0, 0x2000, 0x5000, 0xA000, 0xE000)


def test_chains_of_equal_hashes_are_placed_by_sections() -> None:
    lines = [
        "0x000000000000aaaa-0x000000000000bbbb    8192 execmem_alloc+0x1/0x2 pages=1 vmalloc",
        "0x000000000000bbbb-0x000000000000cccc   12288 execmem_alloc+0x1/0x2 pages=2 vmalloc",
        "0x000000000000cccc-0x000000000000dddd   20480 execmem_alloc+0x1/0x2 pages=4 vmalloc",
        "0x000000000000dddd-0x000000000000eeee   16384 execmem_alloc+0x1/0x2 pages=3 vmalloc",
        "0x0000000000001234-0x0000000000005678    8192 unrelated+0x1/0x2 pages=1 vmalloc",
    ]
    info = parse_vmallocinfo("x", enumerate(lines, 1))
    assert info.pointers is Pointers.HASHED
    base = 0x1000_0000
    places = (
        (".text", 0),
        (".data", 0x2000),
        (".rodata", 0x5000),
        (".data..ro_after_init", 0xA000),
    )
    sections = [
        SectionLine(module="m", section=name, address=base + offset + 8) for name, offset in places
    ]
    evidence = Evidence(
        sections=sections, modules=[ModuleLine(name="m", size=0xA000, state="Live", base=base)]
    )
    found = revealed(info.entries, evidence, 4096)
    assert [entry.start - base for entry in found] == [0, 0x2000, 0x5000, 0xA000]
    areas = phase_areas(make_layout(), info, evidence)
    assert [area.region for area in areas] == [
        "MOD_TEXT",
        "MOD_DATA",
        "MOD_RODATA",
        "MOD_RO_AFTER_INIT",
    ]
    assert all(area.owner == "m" and area.state is AreaState.LIVE for area in areas)
    few = Evidence(sections=sections[:2])
    assert revealed(info.entries, few, 4096) == []
    assert [area.size for area in phase_areas(make_layout(), info, few)] == [4096, 4096]


def _sections(module: str, base: int, count: int) -> list[SectionLine]:
    places = zip(NAMES[:count], OFFSETS, strict=False)
    return [
        SectionLine(module=module, section=name, address=base + offset) for name, offset in places
    ]


@pytest.mark.parametrize(("first", "placed"), [(4, False), (5, True)])
def test_a_chain_that_fits_two_places_nearly_as_well_stays_unplaced(
    first: int, *, placed: bool
) -> None:
    """Two modules built alike: only who has twice as many neighbours that fit owns the chain.

    A wrong place would be believed by everybody who reads the map; no place is merely a gap in it.
    """
    ends = [*range(0xA0A0, 0xA0A0 + len(SIZES) + 1)]
    lines = [
        f"0x{low:016x}-0x{high:016x} {size:7d} execmem_alloc+0x1/0x2 pages=1 vmalloc"
        for low, high, size in zip(ends, ends[1:], SIZES, strict=False)
    ]
    info = parse_vmallocinfo("x", enumerate(lines, 1))
    assert info.pointers is Pointers.HASHED
    base, other = 0x1000_0000, 0x2000_0000
    sections = _sections("one", base, first) + _sections("two", other, 3)
    found = revealed(info.entries, Evidence(sections=sections), 4096)
    assert [entry.start for entry in found] == ([base + each for each in OFFSETS] if placed else [])


def old_kernel(*chains: tuple[tuple[int, str], ...]) -> list[VmallocEntry]:
    """A hashed file: in each chain, areas of (pages, caller) that touch."""
    lines = []
    hashes = iter(range(0x1111, 0x100000, 0x111))
    for chain in chains:
        at = next(hashes)
        for pages, caller in chain:
            end = next(hashes)
            lines.append(
                f"0x{at:016x}-0x{end:016x} {pages * 4096} {caller}+0x1/0x2 pages={pages - 1}"
                " vmalloc"
            )
            at = end
    info = parse_vmallocinfo("x", enumerate(lines, 1))
    assert info.pointers is Pointers.HASHED
    return list(info.entries)


def modules(*told: tuple[str, int, int]) -> Evidence:
    """Modules of (name, pages without guard, page of the base)."""
    return Evidence(
        modules=[
            ModuleLine(name=name, size=pages * 4096, state="Live", base=0x1000_0000 + page * 4096)
            for name, pages, page in told
        ]
    )


def pages_of(entries: list[VmallocEntry], evidence: Evidence) -> list[int]:
    found = revealed(entries, evidence, 4096)
    return sorted((each.start - 0x1000_0000) // 4096 for each in found)


LOAD = "layout_and_allocate"


def test_before_6_4_size_and_base_of_a_module_place_a_chain() -> None:
    """A chain of sizes 3, 5 fits one place, where a module of 2 pages is followed by one of 4."""
    entries = old_kernel(((3, LOAD), (5, LOAD)), ((3, LOAD), (9, "vmap")))
    evidence = modules(("a", 2, 10), ("b", 4, 13), ("c", 2, 40))
    # the first chain takes page 10 away, so that the other chain has one place left
    assert pages_of(entries, evidence) == [10, 13, 40, 43]


def test_too_many_to_be_held_against_each_other_are_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    entries = old_kernel(((3, LOAD), (5, LOAD)))
    evidence = modules(("a", 2, 10), ("b", 4, 13))
    assert pages_of(entries, evidence) == [10, 13]
    monkeypatch.setattr("execmem_tui.owners.hashed._MOST_PAIRS", 3)
    assert pages_of(entries, evidence) == []


def test_two_places_are_no_place() -> None:
    entries = old_kernel(((3, LOAD), (9, "vmap")))
    assert pages_of(entries, modules(("a", 2, 10), ("b", 2, 40))) == []


def test_a_base_inside_a_chain_that_begins_no_area_refutes_it() -> None:
    entries = old_kernel(((3, LOAD), (9, "vmap")))
    assert pages_of(entries, modules(("a", 2, 10), ("b", 99, 15))) == []
    assert pages_of(entries, modules(("a", 2, 10), ("b", 99, 25))) == [10, 13]


def test_one_in_four_of_the_loaders_areas_may_have_no_module() -> None:
    """The init memory of a module that is just being loaded is in no line of /proc/modules."""
    told = [("a", 2, 10), ("b", 4, 13), ("c", 6, 18)]
    with_init = old_kernel(((3, LOAD), (5, LOAD), (7, LOAD), (2, LOAD)))
    assert pages_of(with_init, modules(*told)) == [10, 13, 18, 25]
    with_two = old_kernel(((3, LOAD), (5, LOAD), (2, LOAD), (2, LOAD)))
    assert pages_of(with_two, modules(*told[:2])) == []


def test_since_6_4_sizes_of_proc_modules_place_nothing() -> None:
    """The size there sums seven areas, so it fits the loader's areas by chance alone."""
    entries = old_kernel(((3, LOAD), (5, LOAD), (4, LOAD)))
    assert pages_of(entries, modules(("a", 2, 10))) == []


def test_hidden_areas_are_counted_by_caller_and_type() -> None:
    lines = [
        "0x(ptrval)-0x(ptrval)    8192 load_module+0xc0c/0x2c0c pages=1 vmalloc",
        "0x(ptrval)-0x(ptrval)   12288 start_kernel+0x4e0/0x690 pages=2 vmalloc",
        "0x(ptrval)-0x(ptrval)   12288 start_kernel+0x4e0/0x690 pages=2 vmalloc",
    ]
    hidden = hidden_of(parse_vmallocinfo("x", enumerate(lines, 1)), Evidence(), 4096)
    assert [(each.caller, each.count, each.size, each.type) for each in hidden.by_caller()] == [
        ("start_kernel", 2, 24576, None),
        ("load_module", 1, 8192, ExecmemType.MODULE_TEXT),
    ]
    assert hidden.of_type([ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA]) == (1, 8192)
    assert (hidden.count, hidden.size, hidden.complete) == (3, 32768, True)


def test_nothing_is_hidden_where_addresses_are_real_and_a_refused_list_is_not_empty() -> None:
    real = parse_vmallocinfo("x", [(1, "0x10000000-0x10002000 8192 load_module+0x1/0x2 pages=1")])
    assert not hidden_of(real, Evidence(), 4096)
    refused = Vmallocinfo(entries=(), pointers=Pointers.ZEROED, skipped=())
    assert hidden_of(refused, Evidence(), 4096)
    assert not hidden_of(refused, Evidence(), 4096).complete


def _hashed(*chains: tuple[int, ...]) -> tuple[VmallocEntry, ...]:
    """Areas in chains: within one, where an area ends the next begins."""
    lines = []
    for number, sizes in enumerate(chains, 1):
        ends = [number * 0x10000 + 0xA7 * place for place in range(len(sizes) + 1)]
        lines += [
            f"0x{low:016x}-0x{high:016x} {size:7d} execmem_alloc+0x1/0x2 pages=1 vmalloc"
            for low, high, size in zip(ends, ends[1:], sizes, strict=False)
        ]
    return parse_vmallocinfo("x", enumerate(lines, 1)).entries


def test_chains_that_touch_are_both_placed_and_of_two_at_one_place_the_better_told() -> None:
    base, length = 0x1000_0000, sum(SIZES)
    sections = _sections("one", base, 5) + _sections("two", base + length, 5)
    both = revealed(_hashed(SIZES, SIZES[:4]), Evidence(sections=sections), 4096)
    assert both == [], "two alike: either could be either"
    other = (0x7000, 0x8000, 0x9000, 0xA000, 0xB000)
    places = [sum(other[:number]) for number in range(len(other))]
    second = [
        SectionLine(module="two", section=name, address=base + length + at)
        for name, at in zip(NAMES, places, strict=True)
    ]
    evidence = Evidence(sections=_sections("one", base, 5) + second)
    touching = revealed(_hashed(SIZES, other), evidence, 4096)
    assert sorted(entry.start for entry in touching) == [
        *(base + at for at in OFFSETS),
        *(base + length + at for at in places),
    ]
    alone = Evidence(sections=_sections("one", base, 5))
    (*better,) = revealed(_hashed(SIZES[:3], SIZES), alone, 4096)
    assert [entry.size for entry in better] == list(SIZES)


@pytest.mark.parametrize(("strays", "placed"), [(1, True), (2, False)])
def test_a_chain_with_many_bases_inside_its_areas_lies_elsewhere(
    strays: int, *, placed: bool
) -> None:
    """A few sections may be stale, of init memory that was freed; three in four must begin an
    area."""
    base = 0x1000_0000
    inside = [
        SectionLine(module=f"s{number}", section=".text", address=base + 0xB000 + 0x1000 * number)
        for number in range(strays)
    ]
    evidence = Evidence(sections=[*_sections("one", base, 4), *inside])
    assert bool(revealed(_hashed(SIZES[:4]), evidence, 4096)) is placed


@pytest.mark.parametrize(("areas", "pages", "placed"), [(1, 1, True), (2, 1, False), (1, 2, False)])
def test_a_trampoline_is_placed_only_where_there_is_one_of_both(
    areas: int, pages: int, *, placed: bool
) -> None:
    """Of two pages and one area, or the other way round, nobody can say which is which."""
    lines = [
        f"0x{0xA000 + number:016x}-0x{0xB000 + number:016x}    8192 create_trampoline+0x1/0x2"
        for number in range(areas)
    ]
    info = parse_vmallocinfo("x", enumerate(lines, 1))
    symbols = [
        Symbol(
            address=0x1000_0000 + 0x1000 * number,
            kind="t",
            name="ftrace_trampoline",
            module="__builtin__ftrace",
        )
        for number in range(pages)
    ]
    found = revealed(info.entries, Evidence(symbols=symbols), 4096)
    assert [entry.start for entry in found] == ([0x1000_0000] if placed else [])


def test_areas_that_touch_do_not_overlap() -> None:
    here = [Area(start=0x2000, size=0x1000)]
    touching = [Area(start=0x1000, size=0x1000), Area(start=0x3000, size=0x1000)]
    across = [Area(start=0x1000, size=0x1001), Area(start=0x2FFF, size=1), here[0]]
    assert list(not_overlapping(here, [*touching, *across])) == touching


HIDDEN = Vmallocinfo(entries=(), pointers=Pointers.ZEROED, skipped=())


def test_a_region_ends_where_another_begins() -> None:
    """A section may lie elsewhere than its name tells: its region does not reach over others to
    it."""
    sections = [
        SectionLine(module="a", section=".rodata", address=0x1000_0000),
        SectionLine(module="a", section="__ksymtab", address=0x1000_5000),
        SectionLine(module="a", section=".data..percpu", address=0x0FFF_0000),
        SectionLine(module="a", section="__param", address=0x0FFF_8000),
        SectionLine(module="b", section=".text", address=0x1000_2000),
    ]
    areas = phase_areas(make_layout(), HIDDEN, Evidence(sections=sections))
    assert [(area.start, area.size, area.owner, area.region) for area in areas] == [
        (0x1000_0000, 0x1000, "a", "MOD_RODATA"),
        (0x1000_2000, 0x1000, "b", "MOD_TEXT"),
    ]


def test_where_no_packs_are_a_program_has_pages_of_its_own() -> None:
    symbols = [
        Symbol(address=0x1000_0040, kind="t", name="bpf_prog_1_a", module="bpf"),
        Symbol(address=0x1000_1040, kind="t", name="bpf_prog_2_b", module="bpf"),
    ]
    packed = phase_areas(make_layout(), HIDDEN, Evidence(symbols=symbols))
    assert [(area.owner, area.size) for area in packed] == [("bpf_prog_pack", 0x2000)]
    layout = make_layout()
    alone = evolve(layout, capability=evolve(layout.capability, bpf_alloc=JitMemory.BINARY))
    areas = phase_areas(alone, HIDDEN, Evidence(symbols=symbols))
    assert [(area.owner, area.size) for area in areas] == [
        ("bpf_prog_1_a", 0x1000),
        ("bpf_prog_2_b", 0x1000),
    ]
    assert "pack" not in areas[0].detail


def test_slots_of_probes_inside_the_image_are_no_areas() -> None:
    layout = evolve(make_layout(), symbols={"_text": 0x1000_0000, "_end": 0x1010_0000})
    inside, outside = 0x1005_D000, 0x1012_0000
    symbols = [
        Symbol(address=at, kind="t", name="kprobe_optinsn_page", module="__builtin__kprobes")
        for at in (inside, outside)
    ]
    areas = phase_areas(layout, HIDDEN, Evidence(symbols=symbols))
    assert [area.start for area in areas] == [outside]
