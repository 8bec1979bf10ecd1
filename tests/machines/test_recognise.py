"""Ranges from partial facts.

Captures of every architecture are made up from our own tables, with seeds, and recognised.
"""

from pathlib import Path
from random import Random

import pytest
from attrs import evolve

from execmem_tui.arch import architecture, resolve
from execmem_tui.arch.boot import Variant
from execmem_tui.machines.iomem import image_symbols_from_iomem
from execmem_tui.machines.recognise import recognise
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance
from execmem_tui.model.rules import rules_of
from execmem_tui.sources.capture import open_capture

CAPTURES = Path(__file__).parents[1] / "data" / "captures"
MIB = 1 << 20
GIB = 1 << 30
TEXT, BPF, KPROBES = ExecmemType.MODULE_TEXT, ExecmemType.BPF, ExecmemType.KPROBES
MACHINES = (
    "amd64",
    "i386",
    "arm64",
    "armhf",
    "riscv64",
    "ppc64el",
    "ppc32",
    "s390x",
    "loong64",
    "mips64el",
    "sparc64",
    "hppa",
)
SEEDS = ("off", "1", "77")
BETWEEN = ("6.1.187", "6.6.30", "7.3.4")
"""Kernels that are no models, with other windows or consumers."""
FAMILIES = {
    "amd64": "x86_64", "i386": "x86_32", "riscv64": "rv64", "ppc64el": "ppc64-", "ppc32": "ppc32",
    "sparc64": "sparc64",
}  # fmt: skip
UNTOLD = ("-bigimage", "-bigtext", "-dbgkmap", "-kasan-novmalloc", "-noplts", "-thumb2")
"""Variants that only a configuration tells from others."""


def variants(machine: str) -> list[tuple[str, Variant]]:
    from execmem_tui.arch import find

    arch, _ = find(machine)
    family = FAMILIES.get(machine, "")
    return [
        (arch.name, each)
        for each in architecture(arch.name).variants
        if each.name.startswith(family)
    ]


def four(entry: ExecmemRange) -> tuple[int, int, int, int]:
    return entry.start, entry.end, entry.fallback_start, entry.fallback_end


def facts_of(
    machine: str, layout: Layout, variant: Variant, *, config: bool = True, trace: bool = False
) -> Facts:
    """What a capture of this machine would say.

    Areas at the bottom of each window, symbols, meminfo.
    """
    random = Random(layout.id)
    page = layout.page_size
    text = layout.range_of(TEXT)
    areas: dict[int, str] = {}
    at = text.start
    if layout.arch == "x86":
        areas[at], at = "bpf", at + 2 * MIB + page
    for _ in range(6):
        if layout.image and layout.image[0] <= at < layout.image[1]:
            at = (layout.image[1] + 2 * page) & -page
        areas[at], at = "module", at + page * random.randrange(3, 40)
    for kind, owner in ((ExecmemType.MODULE_DATA, "module"), (BPF, "bpf"), (KPROBES, "probe")):
        entry = layout.range_of(kind)
        if (entry.start, entry.end) != (text.start, text.end):
            areas[entry.start + page * 40] = owner
    options = (
        {name: value for name, value in variant.config.items() if name.startswith("CONFIG_")}
        if config
        else {}
    )
    told = {name: {1: "y", 0: "n"}.get(value, hex(value)) for name, value in options.items()}
    if config and layout.arch == "arm64":
        told[f"CONFIG_ARM64_{page >> 10}K_PAGES"] = "y"
    windows = {(entry.start, entry.end) for entry in layout.types.values()}
    windows |= {(text.fallback_start, text.fallback_end)} if text.has_fallback else set()
    aligned = layout.word_bits == 64 and layout.arch in ("x86", "loongarch")
    return Facts(
        arch=machine,
        release=layout.kernel,
        cmdline="nokaslr" if layout.kaslr == "off" else "",
        config=told,
        symbols=layout.symbols,
        vmalloc_total=(layout.vmalloc_end - layout.vmalloc_start) >> 10 << 10,
        highmem=bool(variant.config.get("CONFIG_HIGHMEM")) if layout.arch == "arm" else None,
        addresses=tuple(
            sorted([*areas, *(layout.vmalloc_start + 3 * page * index for index in range(8))])
        ),
        executable=areas,
        percpu_end=layout.vmalloc_end & -(layout.pmd_size if aligned else page),
        page_size=page,
        windows=(
            tuple(sorted({*windows, (layout.vmalloc_start, layout.vmalloc_end)})) if trace else ()
        ),
    )


def machines(machine: str) -> list[tuple[Layout, Variant]]:
    return [
        (resolve(arch, kernel, variant.name, seed), variant)
        for arch, variant in variants(machine)
        for kernel in (*variant.kernels, *BETWEEN)
        if architecture(arch).windows_known(variant, rules_of(kernel))
        and rules_of(kernel).model in variant.kernels
        for seed in SEEDS[: 1 if not variant.draws else 2 if kernel in BETWEEN else 3]
        # 32-bit x86 draws nothing: kaslr_enabled() needs RANDOMIZE_MEMORY (seen on 6.1 too).
        if machine != "i386" or seed == "off"
    ]


@pytest.mark.parametrize("machine", MACHINES)
def test_requests_state_the_ranges_exactly(machine: str) -> None:
    for layout, variant in machines(machine):
        found = recognise(facts_of(machine, layout, variant, trace=True))
        for kind, entry in layout.types.items():
            assert four(found.range_of(kind)) == four(entry), (layout.id, kind, found.id)
            assert found.range_of(kind).provenance is Provenance.READ


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_called_derived_is_right_and_estimates_are_called_so(machine: str) -> None:
    for layout, variant in machines(machine):
        for config in (True, False):
            if not config and variant.name.endswith(UNTOLD):
                continue
            found = recognise(facts_of(machine, layout, variant, config=config))
            for kind, entry in layout.types.items():
                mine = found.range_of(kind)
                if mine.provenance is Provenance.DERIVED:
                    assert four(mine) == four(entry), (layout.id, kind, found.id)
                else:
                    # The preferred range begins where its lowest area lies; all that is not certain
                    # is around the truth.
                    assert mine.provenance is Provenance.ASSUMED
                    assert mine.start <= entry.start, (layout.id, kind)
                    assert entry.end <= mine.end, (layout.id, kind)


def test_a_drawn_window_is_bounded_and_said_to_be() -> None:
    layout = resolve("arm64", "7.1", "va48-4k-modfull", "5")
    variant = next(each for _, each in variants("arm64") if each.name == "va48-4k-modfull")
    found = recognise(facts_of("arm64", layout, variant))
    entry = found.range_of(TEXT)
    assert four(entry) == four(layout.range_of(TEXT))
    assert entry.provenance is Provenance.ASSUMED
    assert "without a fallback" in found.notes[-1]
    assert f"{entry.start:x} is the lowest area of a module" in found.notes[-1]


def test_a_moved_x86_range_without_any_area_begins_at_the_lowest_draw() -> None:
    """KASLR moves MODULES_VADDR up by 1 to 1024 pages, never by none.

    arch/x86/mm/init.c: execmem_arch_setup, get_random_u32_inclusive(1, 1024) * PAGE_SIZE.
    """
    still = resolve("amd64", "7.1", None, "off")
    text = still.macros["__START_KERNEL"] + 16 * MIB
    found = recognise(
        Facts(arch="amd64", release="7.1.8", symbols={"_text": text, "_end": text + 32 * MIB})
    )
    entry = found.range_of(TEXT)
    assert entry.start == still.range_of(TEXT).start + 4096
    assert entry.provenance is Provenance.ASSUMED
    assert "no area was seen so low" in found.notes[-1]


def test_arm64_before_6_5_asks_for_128_mib_up_to_etext() -> None:
    """6.1: MODULES_VSIZE is 128 MiB, so the image and vmalloc begin there.

    Kprobes and BPF are in vmalloc.
    """
    text = 0xFFFF800008000000
    symbols = {
        "_text": text,
        "_stext": text + 0x10000,
        "_etext": text + 16 * MIB,
        "_end": text + 44 * MIB,
    }
    total = 0xFFFFFBFFF0000000 - text
    config = {"CONFIG_ARM64_VA_BITS": "48", "CONFIG_ARM64_4K_PAGES": "y"}
    facts = Facts(
        arch="arm64",
        release="6.1.0-50-arm64",
        config=config,
        symbols=symbols,
        vmalloc_total=total,
        page_size=4096,
    )
    found = recognise(facts)
    start = text + 16 * MIB - 128 * MIB
    assert four(found.range_of(TEXT)) == (start, start + 128 * MIB, start, start + 2 * GIB)
    assert (found.range_of(BPF).start, found.range_of(BPF).end) == (text, 0xFFFFFBFFF0000000)
    assert found.range_of(TEXT).provenance is Provenance.DERIVED


def test_s390_before_6_10_is_told_by_its_percpu_chunks() -> None:
    end = 0x3FF7FE00000
    facts = Facts(
        arch="s390x",
        release="6.1.0-50-s390x",
        symbols={"_text": 0x100000, "_end": 0x2000000},
        vmalloc_total=510 * GIB,
        percpu_end=end,
        executable={end + 300 * 4096: "module"},
    )
    found = recognise(facts)
    entry = found.range_of(TEXT)
    assert (entry.start, entry.end, entry.provenance) == (
        end + 300 * 4096,
        end + 2 * GIB,
        Provenance.ASSUMED,
    )
    assert (found.vmalloc_start, found.vmalloc_end) == (end - 510 * GIB, end)
    found = recognise(evolve(facts, vmalloc_total=end + GIB))  # of a stranger's file
    assert (found.vmalloc_start, found.vmalloc_end) == (0, end)


def test_areas_outside_take_the_certainty_back() -> None:
    layout = resolve("loong64", "7.1")
    found = recognise(
        Facts(arch="loong64", release="7.1.8", executable={layout.vmalloc_end - MIB: "module"})
    )
    assert found.range_of(TEXT).provenance is Provenance.ASSUMED
    assert "1 of 1 areas of modules lie outside" in found.notes[-1]


@pytest.mark.parametrize(
    ("addresses", "arch"),
    [
        ((0xFFFFA2C040000000, 0xFFFFFFFFC0249000), "x86"),
        ((0xFFFF8F8000000000, 0xFFFFFFFF01345000), "riscv"),
        ((0xC000000000002000, 0xFFFFFFFFC0000000), "mips"),
        ((0xC008000000010000, 0xC008000000090000), "powerpc"),
        ((0xFFFF800080000000, 0xFFFF80007B000000), "arm64"),
        ((0xFFFF800002008000, 0xFFFF800012008000), "unknown"),
        ((0xBF000000, 0xF0800000), "unknown"),
    ],
)
def test_addresses_alone_tell_an_architecture_only_where_one_has_them(
    addresses: tuple[int, ...], arch: str
) -> None:
    assert recognise(Facts(addresses=addresses)).arch == arch


@pytest.mark.parametrize(
    ("run", "phase", "ranges"),
    [
        ("armhf-6.12.107", "5-churn4", (0xBF000000, 0xBFE00000, 0xF0800000, 0xFF800000)),
        ("i386-6.1", "4a-bpf-200", (0xF77FE000, 0xFEFFE000, 0, 0)),
        ("loong64-7.2.13", "4c-bpf-more", (0xFFFF800002008000, 0xFFFF800012008000, 0, 0)),
        ("mips64el-6.12.95", "1-modules", (0xFFFFFFFFC0000000, 0xFFFFFFFFFFFCD000, 0, 0)),
        ("amd64-7.2.13-kaslr", "4a-bpf-200", (0xFFFFFFFFC0249000, 0xFFFFFFFFFF000000, 0, 0)),
    ],
)
def test_ranges_without_a_trace_are_those_that_its_requests_stated(
    run: str, phase: str, ranges: tuple[int, int, int, int]
) -> None:
    entry = open_capture(CAPTURES / run, phase).history.layout.range_of(TEXT)
    assert four(entry) == ranges
    assert entry.provenance is Provenance.DERIVED


IOMEM = """\
40000000-7fffffff : System RAM
  40208000-413fffff : Kernel code
  41600000-4182c18f : Kernel data
"""


def test_iomem_tells_the_image_where_kallsyms_does_not() -> None:
    lines = list(enumerate(IOMEM.splitlines(), 1))
    found = image_symbols_from_iomem(lines, {"_stext": 0xC0300000, "_etext": 0xC0F00000})
    assert found == {"_text": 0xC0208000, "_end": 0xC182C190}
    assert image_symbols_from_iomem(lines, {"_text": 0xC0208000, "_end": 0xC1900000}) == {}
    assert image_symbols_from_iomem(lines, {}) == {}
    hidden = [(1, "  00000000-00000000 : Kernel code"), (2, "  00000000-00000000 : Kernel data")]
    assert image_symbols_from_iomem(hidden, {"_text": 0xC0208000}) == {}


def _cached(areas: dict[int, str], kernel: str = "7.3-rc7") -> Layout:
    return recognise(
        Facts(
            arch="amd64",
            release=kernel,
            symbols={"_text": 0xFFFFFFFF9A000000, "_end": 0xFFFFFFFF9D000000},
            addresses=tuple(sorted(areas)),
            executable=areas,
        )
    )


def test_a_rox_block_bounds_the_draw_and_an_uncached_area_tells_it() -> None:
    """From 7.3 on the first area is a block: it tells one bit of the draw (arch/x86/mm/init.c)."""
    base = 0xFFFFFFFFC0000000
    block = _cached({base + 0x400000: "bpf", base + 0x600000: ""})
    assert block.notes[-1].endswith(
        "ffffffffc0400000 is the lowest area seen, a ROX block; from ffffffffc0201000 on if it is"
        " the first ever made"
    )
    first = _cached({base + 0x200000: "bpf"})
    assert "from ffffffffc0001000 on if it is" in first.notes[-1]
    for layout in (block, first):
        assert layout.range_of(TEXT).provenance is Provenance.ASSUMED
    data = _cached({base + 0x2B7000: "module", base + 0x400000: "bpf"})
    assert data.range_of(TEXT).start == base + 0x2B7000
    assert "ROX block" not in data.notes[-1]


def test_a_pack_that_is_not_cached_is_the_start() -> None:
    base = 0xFFFFFFFFC0000000
    layout = _cached({base + 0x1D2000: "bpf", base + 0x400000: ""}, "7.2.13")
    assert layout.range_of(TEXT).start == base + 0x1D2000
    assert layout.range_of(TEXT).provenance is Provenance.DERIVED
    assert "the first BPF pack, which is made at boot" in layout.notes[-1]


def test_iomem_without_root_or_of_another_boot_tells_nothing() -> None:
    """Without root all addresses are 0; an image of more than 1 GiB is two boots mixed up."""
    text = 0xFFFFFFFF81000000
    symbols = {"_text": text}
    zeros = "  00000000-00000000 : Kernel code"
    assert image_symbols_from_iomem([(1, zeros)], symbols) == {}
    fits = "  01000000-40ffffff : Kernel code"
    assert image_symbols_from_iomem([(1, fits)], symbols) == {"_end": text + (1 << 30)}
    beyond = "  01000000-41000000 : Kernel code"
    assert image_symbols_from_iomem([(1, beyond)], symbols) == {}
