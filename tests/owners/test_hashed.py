"""What is known of a vmallocinfo whose addresses are hashed."""

import pytest

from execmem_tui.formats.procfiles import ModuleLine, SectionLine
from execmem_tui.formats.vmallocinfo import Pointers, parse_vmallocinfo
from execmem_tui.model.areas import AreaState
from execmem_tui.owners.evidence import Evidence
from execmem_tui.owners.hashed import phase_areas, revealed
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
