"""Each owner's question, asked of one area:
what makes it a yes, and what looks like one and is none."""

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.arch import resolve
from execmem_tui.formats.procfiles import ModuleLine, SectionLine, Symbol
from execmem_tui.formats.vmallocinfo import VmallocEntry
from execmem_tui.model.areas import KERNEL_OWNER, Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.owners import bpf_programs, ftrace_pages, kprobe_pages, module_regions
from execmem_tui.owners.attribute import _ABOUT, attribute
from execmem_tui.owners.evidence import AreaEvidence, Evidence
from execmem_tui.owners.executable import executable
from execmem_tui.owners.shared_areas import is_block

BASE = 0xFFFFFFFFC0000000
ELSEWHERE = 0xFFFFC90000010000
"""In x86-64's vmalloc area, where nothing executable lies."""
MIB = 1 << 20
NOBODY = AreaEvidence()


@pytest.fixture(scope="module")
def layout() -> Layout:
    return resolve("amd64", "7.1")


def area(start: int = BASE, size: int = 0x1000, caller: str = "execmem_alloc+0x1/0x2") -> Area:
    return Area(start=start, size=size, guard=0x1000, caller=caller)


def section(name: str, address: int, module: str = "m") -> SectionLine:
    return SectionLine(module=module, section=name, address=address)


def entry(start: int, size: int, *, pages: int | None = None, lazy: bool = False) -> VmallocEntry:
    return VmallocEntry(
        start=start,
        end=start + size,
        size=size,
        caller="execmem_alloc_rw+0x1/0x2",
        flags=("vmalloc",),
        pages=pages,
        phys=None,
        lazy=lazy,
        line=1,
    )


def line(name: str, size: int, base: int, state: str = "Live") -> ModuleLine:
    return ModuleLine(name=name, size=size, state=state, base=base)


@pytest.mark.parametrize(
    ("question", "caller", "kind"),
    [
        (kprobe_pages.by_caller, "__get_insn_slot+0x1/0x2", ExecmemType.KPROBES),
        (ftrace_pages.by_caller, "create_trampoline+0x1/0x2", ExecmemType.FTRACE),
        (bpf_programs.by_caller, "alloc_new_pack+0x1/0x2", ExecmemType.BPF),
    ],
)
def test_a_caller_tells_its_own_area_and_not_the_page_array_of_it(
    layout: Layout, question: object, caller: str, kind: ExecmemType
) -> None:
    """vmalloc keeps the array of a big area's pages outside the module area, under the same
    caller."""
    assert callable(question)
    (found,) = question(layout, area(caller=caller), NOBODY)
    assert found.type is kind
    assert question(layout, area(ELSEWHERE, caller=caller), NOBODY) == []
    assert question(layout, area(caller="load_module+0x1/0x2"), NOBODY) == []


def programs(count: int) -> AreaEvidence:
    return AreaEvidence(
        programs=[
            Symbol(address=BASE + 64 * number, kind="t", name=f"bpf_prog_{number}", module="bpf")
            for number in range(count)
        ]
    )


@pytest.mark.parametrize(
    ("size", "count", "owner"),
    [
        (0x1000, 1, "bpf_prog_0"),
        (0x1000, 2, "bpf_prog_pack"),
        (2 * MIB, 1, "bpf_prog_pack"),  # one program in it today, another tomorrow
        (4 * MIB, 1, "bpf_prog_pack"),  # a pack for two nodes
        (3 * MIB, 1, "bpf_prog_0"),  # no pack is that large: a huge program of its own
    ],
)
def test_a_pack_is_named_as_one_however_few_programs_are_in_it(
    layout: Layout, size: int, count: int, owner: str
) -> None:
    (found,) = bpf_programs.by_symbols(layout, area(size=size), programs(count))
    assert found.owner == owner


def test_six_programs_are_listed_and_the_rest_is_hinted_at(layout: Layout) -> None:
    (six,) = bpf_programs.by_symbols(layout, area(size=2 * MIB), programs(6))
    (seven,) = bpf_programs.by_symbols(layout, area(size=2 * MIB), programs(7))
    assert six.detail.endswith("bpf_prog_4, bpf_prog_5")
    assert seven.detail.endswith("bpf_prog_4, bpf_prog_5, …")
    assert seven.detail.startswith("7 programs")


def test_init_sections_claim_an_area_only_if_they_are_all_in_it_alone(layout: Layout) -> None:
    """/sys/module still says where they were after that memory went to somebody else."""
    sections = [section(".init.text", BASE), section(".init.plt", BASE + 0x800)]
    (found,) = module_regions.by_init_sections(layout, area(), AreaEvidence(sections=sections))
    assert (found.owner, found.region) == ("m", "MOD_INIT_TEXT")
    beyond = AreaEvidence(sections=[*sections, section(".init.text.unlikely", BASE + 0x1000)])
    later = AreaEvidence(sections=[section(".init.text", BASE + 0x1000)])
    others = AreaEvidence(sections=[*sections, section(".init.text", BASE, "other")])
    for evidence in (beyond, later, others):
        assert module_regions.by_init_sections(layout, area(), evidence) == []
    for caller in (
        "alloc_new_pack+0x1/0x2",
        "__get_insn_slot+0x1/0x2",
        "create_trampoline+0x1/0x2",
    ):
        claimed = AreaEvidence(sections=sections)
        assert module_regions.by_init_sections(layout, area(caller=caller), claimed) == []


def test_data_symbols_tell_a_module_only_where_nothing_else_can_be_meant(layout: Layout) -> None:
    def code(kind: str, module: str = "m") -> Symbol:
        return Symbol(address=BASE, kind=kind, name="x", module=module)

    (found,) = module_regions.by_data_symbols(layout, area(), AreaEvidence(code=[code("d")]))
    assert (found.owner, found.region, found.type) == ("m", "MOD_DATA", ExecmemType.MODULE_DATA)
    (found,) = module_regions.by_data_symbols(layout, area(), AreaEvidence(code=[code("r")]))
    assert found.region == "MOD_RODATA"
    for unsure in (
        AreaEvidence(code=[code("d"), code("t")]),  # text of init memory that was freed
        AreaEvidence(code=[code("d"), code("d", "other")]),
        AreaEvidence(code=[code("d")], programs=programs(1).programs),
    ):
        assert module_regions.by_data_symbols(layout, area(), unsure) == []


@pytest.mark.parametrize(("size", "region"), [(0x3000, None), (0x4000, "MOD_TEXT")])
def test_an_area_as_large_as_its_module_is_all_of_it(
    layout: Layout, size: int, region: str | None
) -> None:
    """A larger one is text with room behind it: /proc/modules counts whole pages of every
    region."""
    found = AreaEvidence(bases=[line("m", 0x3000, BASE)])
    (text,) = module_regions.by_base(layout, area(size=size), found)
    assert (text.owner, text.region) == ("m", region)


def neighbours(
    layout: Layout, behind: int, *, state: str = "Live", evidence: Evidence | None = None
) -> list[str | None]:
    """Owners of a module's text and of `behind` areas of a page right behind it."""
    entries = [entry(BASE + 0x2000 * number, 0x2000, pages=1) for number in range(behind + 1)]
    module = line("m", 0x1000 * (behind + 1), BASE, state)
    found = attribute(layout, entries, evolve(evidence or Evidence(), modules=[module]))
    return [each.owner for each in found]


def test_areas_behind_a_text_are_its_modules_if_the_sizes_add_up(layout: Layout) -> None:
    assert neighbours(layout, 3) == ["m"] * 4
    assert neighbours(layout, 4) == ["m"] + [None] * 4, "a module has three regions beside its text"
    loading = neighbours(layout, 3, state="Loading")
    assert loading == ["m"] + [None] * 3, "its init regions are counted too, and lie elsewhere"
    sections = Evidence(sections=[section(".data", ELSEWHERE, "other")])
    told = neighbours(layout, 3, evidence=sections)
    assert told == ["m"] + [None] * 3, (
        "where sections can be read, an area without one is not a module's"
    )


def test_a_section_in_the_guard_is_no_section_of_the_area() -> None:
    kept = AreaEvidence(sections=[section(".data", BASE + 0x1000), section(".bss", BASE + 0x1800)])
    assert kept.best_sections(area()) == []
    assert len(kept.best_sections(area(size=0x1800))) == 1


def test_a_guard_is_there_unless_the_pages_fill_the_area(layout: Layout) -> None:
    """vm_map_ram() and VM_NO_GUARD have none; a line without pages= is taken to have one."""
    sizes = [(0x3000, 2), (0x3000, 3), (0x3000, None), (0x1000, None)]
    entries = [
        entry(ELSEWHERE + 0x10000 * number, size, pages=pages)
        for number, (size, pages) in enumerate(sizes)
    ]
    found = attribute(layout, entries, Evidence())
    assert [each.guard for each in found] == [0x1000, 0, 0x1000, 0]


def test_an_area_that_begins_in_the_image_is_the_kernels(layout: Layout) -> None:
    assert layout.image is not None
    start, end = layout.image
    entries = [entry(at, 0x1000) for at in (start - 0x1000, start, end - 0x1000, end)]
    owners = [each.owner for each in attribute(layout, entries, Evidence())]
    assert owners == [None, KERNEL_OWNER, KERNEL_OWNER, None]


def test_a_block_of_the_rox_cache_is_told_by_its_owners_or_its_caller(layout: Layout) -> None:
    block = area(size=2 * MIB)
    one, two = line("one", 0x1000, BASE), line("two", 0x1000, BASE + 0x1000)
    assert is_block(layout, block, NOBODY)
    assert is_block(layout, evolve(block, caller="x+0x1/0x2"), AreaEvidence(bases=[one]))
    assert not is_block(layout, evolve(block, caller="x+0x1/0x2"), NOBODY)
    assert not is_block(layout, area(size=2 * MIB - 0x1000), AreaEvidence(bases=[one])), "no PMD"
    data = AreaEvidence(bases=[one], sections=[section(".data", BASE)])
    assert not is_block(layout, block, data), "data never comes from the cache"
    packed = AreaEvidence(bases=[one], programs=programs(1).programs)
    assert not is_block(layout, block, packed), "a pack takes a whole block"
    small = resolve("arm64", "7.1")
    assert is_block(small, area(), AreaEvidence(bases=[one, two])), "two texts share nothing else"
    assert not is_block(small, area(), AreaEvidence(bases=[one]))


def pieces(modules: list[ModuleLine], layout: Layout, data: int) -> list[Area]:
    """The pieces of a block at BASE of which each module has `data` bytes of data elsewhere."""
    sections = [
        section(".data", ELSEWHERE + 0x10000 * number, module.name)
        for number, module in enumerate(modules)
    ]
    entries = [evolve(entry(BASE, 2 * MIB + 0x1000, pages=512), caller="execmem_alloc+0x1/0x2")]
    entries += [
        entry(ELSEWHERE + 0x10000 * number, data + 0x1000, pages=data // 0x1000)
        for number in range(len(modules))
    ]
    found = attribute(layout, entries, Evidence(modules=modules, sections=sections))
    return [each for each in found if each.start >= BASE]


def test_texts_that_touch_in_a_block_do_not_reach_into_each_other(layout: Layout) -> None:
    modules = [line("one", 0x3000, BASE), line("two", 0x2000, BASE + 0x2000)]
    one, two, rest = pieces(modules, layout, 0x1000)
    assert (one.size, two.size) == (0x2000, 0x1000)
    assert (one.detail, two.detail) == ("", "")
    assert rest.start == BASE + 0x3000


def test_the_text_of_a_module_that_is_loading_has_an_open_end(layout: Layout) -> None:
    """/proc/modules counts its init regions until they are freed, so the difference says
    nothing."""
    (text, rest) = pieces([line("one", 0x9000, BASE, "Loading")], layout, 0x1000)
    assert text.size == 0x1000
    assert text.detail == "where it ends is not known"
    assert rest.state is AreaState.LIVE, "not surely free"


def test_only_live_areas_with_lasting_sections_are_executable() -> None:
    entries = [
        evolve(entry(BASE, 0x2000), caller="x+0x1/0x2"),
        evolve(entry(BASE + 0x4000, 0x2000, lazy=True), caller=None),
        evolve(entry(BASE + 0x8000, 0x2000), caller="x+0x1/0x2"),
    ]
    addresses = {".text": BASE + 0x2000, ".init.text": BASE + 0x8000, ".rodata": BASE + 0x4000}
    sections = [section(name, address) for name, address in addresses.items()]
    assert executable(entries, Evidence(sections=sections)) == {}, "behind one, freed, or lazy"
    assert executable(entries, Evidence(sections=[section(".text", BASE + 0x1FFF)])) == {
        BASE: "module"
    }


def test_nobody_is_asked_of_an_area_that_nothing_points_into(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine has a hundred thousand of them, and each answer would be no."""
    asked: list[int] = []

    def question(_: Layout, area: Area, __: AreaEvidence) -> list[Area]:
        asked.append(area.start)
        return []

    monkeypatch.setattr("execmem_tui.owners.attribute.QUESTIONS", (question,))
    monkeypatch.setattr("execmem_tui.owners.attribute._ABOUT", dict.fromkeys(_ABOUT, (question,)))
    others = [
        evolve(entry(ELSEWHERE + at * 0x3000, 0x2000), caller="alloc_large_system_hash+0x1/0x2")
        for at in range(20)
    ]
    pointed, unnamed = others[7].start, entry(BASE, 0x2000)
    evidence = Evidence(modules=[line("m", 0x2000, pointed + 0x1FFF)])
    found = attribute(layout, [*others, unnamed], evidence)
    assert asked == [pointed, BASE]
    assert len(found) == 21
    after = Evidence(modules=[line("m", 0x2000, others[7].end)])
    asked.clear()
    attribute(layout, others, after)
    assert asked == []


@given(st.data())
def test_where_nothing_points_only_the_caller_tells(layout: Layout, data: st.DataObject) -> None:
    """What is left out there would have said no: all questions give the same owners."""
    callers = sorted({*_ABOUT, "alloc_large_system_hash"})
    entries = [
        evolve(
            entry(start + at * 0x400000, data.draw(st.sampled_from((0x2000, 0x200000, 0x201000)))),
            caller=f"{data.draw(st.sampled_from(callers))}+0x1/0x2",
        )
        for start in (BASE, ELSEWHERE)
        for at in range(4)
    ]
    evidence = Evidence(modules=[line("m", 0x2000, BASE + 0x1000)])
    quickly = attribute(layout, entries, evidence)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evidence, "pointing", lambda *_: 1)
        patch.setattr(Evidence, "places", len(entries))
        assert attribute(layout, entries, evidence) == quickly
