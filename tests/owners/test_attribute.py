"""Owners against the kernels' own records, whole and with half of the evidence gone."""

import lzma
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.bundles.phase import image_symbols, phases_layout, read_phase
from execmem_tui.formats.procfiles import ModuleLine, SectionLine, Symbol
from execmem_tui.formats.vmallocinfo import parse_vmallocinfo
from execmem_tui.model.areas import ROX_OWNER, Area, AreaKind, AreaState
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.owners.attribute import attribute, with_names
from execmem_tui.owners.evidence import AreaEvidence, Evidence
from execmem_tui.owners.executable import executable
from execmem_tui.owners.sections import boundaries, region_of
from execmem_tui.owners.shared_areas import split_block
from execmem_tui.sources.capture import open_capture

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
RUNS = (
    ("amd64-7.2.13-kaslr", "4a-bpf-200"),
    ("armhf-6.12.107", "5-churn4"),
    ("i386-6.1", "4a-bpf-200"),
    ("loong64-7.2.13", "4c-bpf-more"),
    ("mips64el-6.12.95", "1-modules"),
)


def truth(run: str, phase: str) -> list[tuple[int, int, str, str | None, str]]:
    """(first, end, owner or ~program, region, type).

    From kernel memory, or from the flags of each section in its .ko file.
    """
    text = lzma.decompress((CAPTURES / run / phase / "owners.xz").read_bytes()).decode()
    words = (line.split(" ") for line in text.splitlines())
    return [
        (int(w[0], 16), int(w[1], 16), w[2], None if w[3] == "None" else w[3], w[4]) for w in words
    ]


def says(area: Area | None, address: int) -> tuple[str | None, str | None, str | None]:
    """What a map says of an address: owner (the program where one begins), region, type."""
    if area is None or area.type is None:
        return None, None, None
    inside = area.inside_at(address)
    program = (
        area.type is ExecmemType.BPF and inside is not None and inside[0] <= address < inside[0] + 4
    )
    return (f"~{inside[1]}" if program and inside else area.owner), area.region, area.type.name


@pytest.mark.parametrize(("run", "phase"), RUNS)
def test_every_address_has_its_owner(run: str, phase: str) -> None:
    snapshot = open_capture(CAPTURES / run, phase).history.snapshot()
    rows = truth(run, phase)
    programs = {start for start, _, owner, _, _ in rows if owner.startswith("~")}
    checked = 0
    for start, end, owner, region, kind in rows:
        for address in {start, (start + end) // 2, end - 1}:
            if owner.startswith("~") or address not in programs:
                assert says(snapshot.area_at(address), address) == (owner, region, kind), hex(
                    address
                )
                checked += 1
    assert checked > 1000


@pytest.mark.parametrize(("run", "phase"), RUNS)
def test_what_is_left_out_becomes_unknown_not_wrong(run: str, phase: str) -> None:
    """Without sections, without symbols, with vmallocinfo alone.

    Hardly a wrong owner, and never one without a warning.
    """
    read = read_phase(CAPTURES / run / phase)
    layout = phases_layout([read], None)
    rows = [row for row in truth(run, phase) if not row[2].startswith("~")]
    whole = read.evidence
    for evidence in (
        evolve(whole, sections=[]),
        evolve(whole, sections=[], symbols=[]),
        Evidence(),
    ):
        areas = attribute(layout, read.info.entries, evidence)
        starts = {area.start: area for area in areas}
        wrong: Counter[str] = Counter()
        for start, _, owner, region, _ in rows:
            area = starts.get(start)
            if (
                area is None
                or area.owner in (None, ROX_OWNER)  # of a block only that is known
                or (area.owner, area.region) in ((owner, region), (owner, None))
            ):
                continue
            if area.state is AreaState.LIVE and not area.detail.startswith(
                ("probably", "told by its caller")
            ):
                wrong[f"{area.name} is {owner}.{region}"] += 1
        assert not wrong


def test_without_sections_neighbours_of_the_text_are_told_by_size() -> None:
    run, phase = RUNS[-1]
    read = read_phase(CAPTURES / run / phase)
    areas = attribute(
        phases_layout([read], None),
        read.info.entries,
        evolve(read.evidence, sections=[], symbols=[]),
    )
    right = {(area.start, area.owner, area.region) for area in areas}
    rows = [row for row in truth(run, phase) if row[3] == "MOD_DATA"]
    first = {start for start, *_ in rows} & {area.start for area in areas}
    told = sum(
        (start, owner, region) in right for start, _, owner, region, _ in rows if start in first
    )
    assert told > 0.9 * len(first)


@pytest.mark.parametrize(
    ("section", "region", "kept"),
    [
        (".init.plt", "MOD_INIT_TEXT", "MOD_TEXT"),
        (".plt.idx", None, None),
        (".ftrace_trampoline", "MOD_TEXT", "MOD_TEXT"),
        (".got", "MOD_RODATA", "MOD_RODATA"),
        (".ARM.exidx.init.text", "MOD_INIT_RODATA", None),
        (".ARM.exidx.text.unlikely", None, None),
        (".init.text", "MOD_INIT_TEXT", "MOD_TEXT"),
        (".init.data", "MOD_INIT_DATA", "MOD_DATA"),
        (".symtab", "MOD_INIT_DATA", "MOD_INIT_DATA"),
        (".stubs", "MOD_TEXT", "MOD_TEXT"),
        ("__tracepoints", "MOD_DATA", "MOD_DATA"),
        ("__tracepoints_ptrs", None, None),
        (".data..ro_after_init", "MOD_RO_AFTER_INIT", "MOD_RO_AFTER_INIT"),
    ],
)
def test_a_section_name_tells_its_region_where_it_does(
    section: str, region: str | None, kept: str | None
) -> None:
    assert region_of(section) == region
    assert region_of(section, init_kept=True) == kept


def test_regions_of_one_core_area_begin_with_pages() -> None:
    """Before 6.4; names that tell nothing go with the page they begin."""
    names = {
        ".text": 0x1000, ".exit.text": 0x2F00, ".ARM.extab": 0x4000, ".rodata": 0x4100,
        "__jump_table": 0x6000, ".static_call_sites": 0x7008, ".data": 0x7000, "custom": 0x7100,
        ".bss": 0x7200,
    }  # fmt: skip
    sections = [SectionLine(module="m", section=name, address=at) for name, at in names.items()]
    assert boundaries(sections, 4096) == [
        (0x1000, "MOD_TEXT"),
        (0x4000, "MOD_RODATA"),
        (0x6000, "MOD_RO_AFTER_INIT"),
        (0x7000, "MOD_DATA"),
    ]


BASE = 0xFFFFFFFFC0000000


def _areas(text: str, evidence: Evidence, kernel: str = "7.1") -> list[Area]:
    lines = enumerate(text.splitlines(), 1)
    return attribute(resolve("amd64", kernel), parse_vmallocinfo("text", lines).entries, evidence)


def _line(start: int, size: int, caller: str = "execmem_alloc_rw+0x1/0x2") -> str:
    return (
        f"0x{start:016x}-0x{start + size:016x} {size:7d} {caller} pages={size // 4096 - 1}"
        " vmalloc\n"
    )


def test_interleaved_claims_are_shown() -> None:
    """Two modules have sections in one area: one was unloaded while the files were read."""
    sections = [
        SectionLine(module="one", section=".data", address=BASE),
        SectionLine(module="one", section=".bss", address=BASE + 64),
        SectionLine(module="two", section=".data", address=BASE + 128),
        SectionLine(module="three", section=".init.data", address=BASE),
    ]
    (area,) = _areas(_line(BASE, 8192), Evidence(sections=sections))
    assert (area.owner, area.region) == ("one", "MOD_DATA")
    assert "also claimed by two" in area.detail
    assert "init sections of three were here" in area.detail
    loaded = [ModuleLine(name="two", size=4096, state="Live", base=0)]
    (area,) = _areas(_line(BASE, 8192), Evidence(sections=sections, modules=loaded))
    assert area.owner == "two", "a module that is loaded has the better claim"


def test_pieces_of_a_rox_block_that_overlap_say_so() -> None:
    modules = [
        ModuleLine(name="big", size=0x5000, state="Live", base=BASE),
        ModuleLine(name="next", size=0x2000, state="Live", base=BASE + 0x2000),
    ]
    sections = [
        SectionLine(module="big", section=".data", address=BASE + 0x400000),
        SectionLine(module="next", section=".data", address=BASE + 0x402000),
    ]
    text = (
        _line(BASE, 0x201000, "execmem_alloc+0x1/0x2")
        + _line(BASE + 0x400000, 8192)
        + _line(BASE + 0x402000, 8192)
    )
    areas = _areas(text, Evidence(modules=modules, sections=sections))
    assert [(area.owner, area.size) for area in areas[:3]] == [
        ("big", 0x2000),
        ("next", 0x1000),
        ("ROX cache", 0x1FD000),
    ]
    assert "would reach into next.text" in areas[0].detail
    assert areas[2].state is AreaState.CACHE_FREE
    assert areas[2].guard == 4096


class _Looked(list[Symbol]):
    """Counts how often it is gone through."""

    times = 0

    def __iter__(self) -> Iterator[Symbol]:
        self.times += 1
        return super().__iter__()


def test_a_block_of_many_modules_is_looked_through_once() -> None:
    names = [f"m{number}" for number in range(100)]
    code = _Looked(
        Symbol(address=BASE + 64, kind="t", name=f"{name}_init", module=name) for name in names
    )
    block = Area(start=BASE, size=2 << 20, guard=0)
    bases = [ModuleLine(name=name, size=4096, state="Live", base=BASE) for name in names]
    (first, *_) = split_block(resolve("x86"), block, AreaEvidence(code=code, bases=bases), {})
    assert code.times == 1
    assert first.owner == "m0"
    assert first.detail.endswith(" more")  # not a line of a hundred names
    assert len(first.detail) < 200


def test_a_block_with_one_module_is_not_all_that_modules() -> None:
    modules = [ModuleLine(name="one", size=0x3000, state="Live", base=BASE)]
    sections = [SectionLine(module="one", section=".data", address=BASE + 0x400000)]
    text = _line(BASE, 0x201000, "execmem_alloc+0x1/0x2") + _line(BASE + 0x400000, 8192)
    areas = _areas(text, Evidence(modules=modules, sections=sections))
    assert [(area.owner, area.size) for area in areas] == [
        ("one", 0x2000),
        ("ROX cache", 0x1FE000),
        ("one", 0x1000),
    ]


def test_a_module_s_text_reaches_at_least_as_far_as_what_is_seen_in_it() -> None:
    """/proc/modules counts less than text and data where a data area is taken for its own.

    What the sections show is more certain than a difference of sizes.
    """
    modules = [ModuleLine(name="one", size=0x3000, state="Live", base=BASE)]
    sections = [
        SectionLine(module="one", section=".text.unlikely", address=BASE + 0x2800),
        SectionLine(module="one", section=".data", address=BASE + 0x400000),
    ]
    text = _line(BASE, 0x201000, "execmem_alloc+0x1/0x2") + _line(BASE + 0x400000, 0x3000)
    areas = _areas(text, Evidence(modules=modules, sections=sections))
    assert (areas[0].owner, areas[0].size) == ("one", 0x3000)


def test_evidence_of_an_area_is_what_points_into_it_in_the_order_of_the_file() -> None:
    """An area is all that its line lists, the guard with it. The order decides who is named
    first."""
    places = (
        (".late", 0x1800),
        (".before", -1),
        (".first", 0),
        (".guard", 0x2FFF),
        (".after", 0x3000),
    )
    sections = [SectionLine(module="m", section=name, address=BASE + at) for name, at in places]
    area = Area(start=BASE, size=0x2000, guard=0x1000)
    found = Evidence(sections=sections).of(area)
    assert [each.section for each in found.sections] == [".late", ".first", ".guard"]


def test_percpu_sections_claim_nothing() -> None:
    sections = [SectionLine(module="one", section=".data..percpu", address=BASE)]
    (area,) = _areas(_line(BASE, 8192), Evidence(sections=sections))
    assert area.owner is None


def test_programs_are_named_where_they_begin() -> None:
    symbols = [
        Symbol(address=BASE + 0x44, kind="t", name="bpf_prog_a", module="bpf"),
        Symbol(address=BASE + 0x484, kind="t", name="bpf_prog_b", module="bpf"),
    ]
    (area,) = _areas(
        _line(BASE, 0x201000, "bpf_prog_pack_alloc+0x1/0x2"), Evidence(symbols=symbols)
    )
    assert area.owner == "bpf_prog_pack"
    assert area.inside_at(BASE) is None
    assert area.inside_at(BASE + 0x44) == (BASE + 0x44, "bpf_prog_a")
    assert area.inside_at(BASE + 0x483) == (BASE + 0x44, "bpf_prog_a")
    assert area.inside_at(BASE + 0x100000) == (BASE + 0x484, "bpf_prog_b")


def test_page_arrays_of_big_areas_are_not_their_callers() -> None:
    """vmalloc keeps the page array of a big area in the vmalloc window, under the same caller."""
    (area,) = _areas(_line(0xFFFFC90000010000, 8192, "bpf_prog_pack_alloc+0x1/0x2"), Evidence())
    assert area.type is None
    (area,) = _areas(_line(0xFFFFC90000010000, 8192), Evidence())
    assert "page array" in area.detail


def test_executable_areas_are_told_by_claims_then_by_callers() -> None:
    text = (
        _line(BASE, 8192)
        + _line(BASE + 8192, 8192)
        + _line(BASE + 16384, 8192, "alloc_insn_page+0x1/0x2")
    )
    entries = parse_vmallocinfo("text", enumerate(text.splitlines(), 1)).entries
    sections = [SectionLine(module="m", section=".text", address=BASE + 8192)]
    found = executable(entries, Evidence(sections=sections))
    assert found == {BASE: "", BASE + 8192: "module", BASE + 16384: "probe"}


_MODULES = [ModuleLine(name="elsewhere", size=0x1000, state="Live", base=BASE + 0x10000000)]
"""So that it is known which modules there are."""


@pytest.mark.parametrize(("kernel", "state"), [("7.2.13", "cache-free"), ("7.3-rc7", "live")])
def test_a_block_without_a_name_may_be_a_pack_of_classic_bpf_from_7_3_on(
    kernel: str, state: str
) -> None:
    text = _line(BASE, 0x201000, "execmem_alloc+0x1/0x2")
    (block,) = _areas(text, Evidence(modules=_MODULES), kernel)
    assert (block.owner, block.type, block.state.value) == (ROX_OWNER, None, state)
    assert block.kind is AreaKind.ROX
    assert ("no name known" in block.detail) is (state == "live")


def test_programs_make_a_block_a_pack() -> None:
    programs = [Symbol(address=BASE + 0x40, kind="t", name="bpf_prog_1", module="bpf")]
    text = _line(BASE, 0x201000, "execmem_alloc+0x1/0x2")
    (pack,) = _areas(text, Evidence(symbols=programs), "7.3")
    assert (pack.owner, pack.type, pack.size) == ("bpf_prog_pack", ExecmemType.BPF, 0x200000)


def test_programs_beside_probes_are_a_part_of_the_block() -> None:
    symbols = [
        Symbol(address=BASE, kind="t", name="kprobe_insn_page", module="__builtin__kprobes"),
        Symbol(
            address=BASE + 0x1000, kind="t", name="ftrace_trampoline", module="__builtin__ftrace"
        ),
        Symbol(address=BASE + 0x200040, kind="t", name="bpf_prog_1", module="bpf"),
        Symbol(address=BASE + 0x201040, kind="t", name="bpf_prog_2", module="bpf"),
    ]
    text = _line(BASE, 0x401000, "execmem_alloc+0x1/0x2")
    areas = _areas(text, Evidence(symbols=symbols), "7.3")
    assert [(area.owner, area.start - BASE, area.size) for area in areas] == [
        ("kprobe_insn_page", 0, 0x1000),
        ("ftrace_trampoline", 0x1000, 0x1000),
        (ROX_OWNER, 0x2000, 0x1FE000),
        ("bpf_prog_pack", 0x200000, 0x2000),
        (ROX_OWNER, 0x202000, 0x1FE000),
    ]


def test_mapping_symbols_name_nothing() -> None:
    """``$x`` marks where code begins; a place inside a module is not called that."""
    area = Area(start=0x1000, size=0x2000, type=ExecmemType.MODULE_TEXT, owner="xfs")
    symbols = [
        Symbol(address=0x1000 + at, kind="t", name=name, module="xfs")
        for at, name in enumerate(("$x", "$d.12", ".L4", "xfs_open", "$xrv64i2p1_m2p0"))
    ]
    [named] = with_names([area], symbols)
    assert [name for _, name in named.inside] == ["xfs_open"]
    image = [
        Symbol(address=0x100 + at, kind="T", name=name, module=None)
        for at, name in enumerate(("$x", "_text"))
    ]
    assert image_symbols(Evidence(symbols=image)) == ((0x101, "_text"),)
