"""Which layout is this machine's? Told from its version, configuration, symbols and addresses.

Labelled by how it is known.
"""

import re
from collections.abc import Sequence
from typing import Final

from attrs import evolve

from execmem_tui.arch import architecture, find, resolve
from execmem_tui.arch.base import Architecture
from execmem_tui.arch.boot import Variant
from execmem_tui.machines.trace_windows import read_from_requests, vmalloc_window
from execmem_tui.model.errors import UnknownLayoutError, UsageError
from execmem_tui.model.facts import SYMBOLS, Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance
from execmem_tui.model.units import Address

_COMPILERS: Final = (
    ("aarch64", "arm64"), ("x86_64", "amd64"), ("i686", "i386"), ("i586", "i386"), ("arm-linux", "armhf"), ("riscv64", "riscv64"),
    ("powerpc64", "ppc64el"), ("powerpc-", "powerpc"), ("s390x", "s390x"), ("loongarch64", "loong64"), ("mips64", "mips64el"),
    ("mipsel", "mipsel"), ("sparc64", "sparc64"), ("hppa", "hppa"),
)  # fmt: skip
_RELEASES: Final = (
    ("-arm64", "arm64"), ("-amd64", "amd64"), ("-686", "i386"), ("-armmp", "armhf"), ("-riscv64", "riscv64"),
    ("-powerpc64le", "ppc64el"), ("-s390x", "s390x"), ("-loong64", "loong64"), ("-sparc64", "sparc64"),
)  # fmt: skip
"""What Debian calls its kernels; newer ones do not name the target in the compiler's name."""
_FREE: Final = ("CONFIG_RANDOMIZE_MODULE_REGION_FULL", "CONFIG_NR_CPUS", "CONFIG_PAGE_OFFSET")
"""Options that no variant needs to share: they are inputs of their own, or change nothing without
KASLR."""
_BIG: Final = ("-bigimage", "-bigtext")
"""Variants that differ from others in the size of the image alone, which symbols tell."""
_PAGES: Final = (
    ("CONFIG_ARM64_4K_PAGES", 4096),
    ("CONFIG_ARM64_16K_PAGES", 16384),
    ("CONFIG_ARM64_64K_PAGES", 65536),
)


def recognise(facts: Facts) -> Layout:
    """Return the layout of the machine, its ranges labelled.

    Unknown ranges where the architecture cannot be told.
    """
    name = machine_name(facts)
    if name is None:
        return _read(
            unknown_layout(
                facts,
                "architecture unknown: no version, no symbols and addresses of no known kernel",
            ),
            facts,
        )
    try:
        layout = _resolved(name, facts)
    except (UnknownLayoutError, UsageError) as error:
        return _read(unknown_layout(facts, f"{name}: {error.title}"), facts)
    layout = evolve(layout, kernel=facts.release or "unknown", symbols=facts.image, early_areas=())
    arch = architecture(layout.arch)
    layout = arch.estimate_draws(_labelled(layout, _certainty(layout, facts)), facts)
    layout = read_from_requests(layout, facts.windows)
    return _checked(_read(layout, facts), facts)


def machine_name(facts: Facts) -> str | None:
    """Return the architecture.

    As told, by compiler or release, or by addresses that only one has.
    """
    if facts.arch is not None:
        return facts.arch
    told = [arch for word, arch in _COMPILERS if word in facts.compiler]
    told += [arch for word, arch in _RELEASES if word in (facts.release or "")]
    return told[0] if told else _from_addresses(facts.addresses)


def _from_addresses(addresses: Sequence[Address]) -> str | None:
    """Return the 64-bit architecture whose vmalloc and module areas the addresses lie in, or None."""
    if not addresses or max(addresses) < 1 << 32:
        return None
    low, high = min(addresses), max(addresses)
    if low >> 44 == 0xC0000:
        return "mips64el"
    if low >> 48 == 0xC008:
        return "ppc64el"
    if high >> 32 == 0xFFFF_FFFF:
        return "amd64" if high & 0x8000_0000 else "riscv64"
    # The same addresses: arm64 with modules in the PLT window, and loongarch.
    shared = any(
        each >> 32 == 0xFFFF_8000 and each & 0xFFFF_FFFF < 0x7000_0000 for each in addresses
    )
    arm64 = 0xFFFF_8000 <= low >> 32 < 0xFFFF_8800 or low >> 40 == 0xFFFF_C0
    return "arm64" if arm64 and not shared else None


def _resolved(name: str, facts: Facts) -> Layout:
    """Compute the layout with everything that the capture fixes.

    Raises:
        UnknownLayoutError: no such architecture.
        UsageError: what the capture says cannot be.
    """
    variant = _variant(name, facts)
    release = facts.release or "7.1"
    arch = find(name)[0]
    fixed = dict(arch.inputs(facts))
    if any(each not in fixed for each in arch.needed_symbols(_of(arch, variant))):
        fixed = {each: value for each, value in fixed.items() if each not in SYMBOLS}
    layout = resolve(name, release, variant, "off", fixed)
    start, end = vmalloc_window(layout, facts)
    if (start, end) != (layout.vmalloc_start, layout.vmalloc_end):
        layout = resolve(
            name, release, variant, "off", {**fixed, "VMALLOC_START": start, "VMALLOC_END": end}
        )
    return layout


def _of(arch: Architecture, name: str) -> Variant:
    return next(variant for variant in arch.variants if variant.name == name)


def _variant(name: str, facts: Facts) -> str:
    """Return the variant whose page size, configuration and size of the vmalloc area are the machine's."""
    arch, implied = find(name)
    wanted = implied or arch.default_variant
    variants = {variant.name: variant for variant in arch.variants}
    page = next(
        (size for option, size in _PAGES if facts.config.get(option) == "y"), facts.page_size
    )

    def fits(variant: Variant) -> tuple[int, ...]:
        layout = _candidate(name, variant, facts)
        return (
            variant.word_bits == variants[wanted].word_bits,
            page is None or variant.page_size == page,
            _configured(variant, facts),
            _same_total(layout, facts),
            _plausible(layout, variant, facts),
            variant.name == wanted,
        )

    alike = [variant for variant in arch.variants if not variant.name.endswith(_BIG)]

    return max(alike, key=fits).name


def _configured(variant: Variant, facts: Facts) -> bool:
    """Whether a configuration, where there is one, says what the variant assumes."""
    for option, value in variant.config.items():
        if option not in facts.config or option in _FREE:
            continue
        told = facts.config[option]
        number = {"y": 1, "n": 0}.get(told)
        if number is None:
            try:
                number = int(told, 0)
            except ValueError:
                continue
        if number != value:
            return False
    return True


def _candidate(name: str, variant: Variant, facts: Facts) -> Layout | None:
    try:
        return resolve(name, facts.release or "7.1", variant.name, "off")
    except UnknownLayoutError:
        return None


def _same_total(layout: Layout | None, facts: Facts) -> bool:
    """Whether the vmalloc area is as large as /proc/meminfo says, in KiB.

    True where that is not known.
    """
    if layout is None or facts.vmalloc_total is None:
        return layout is not None
    return (layout.vmalloc_end - layout.vmalloc_start) >> 10 == facts.vmalloc_total >> 10


def _plausible(layout: Layout | None, variant: Variant, facts: Facts) -> int:
    """Return how many of the areas lie in the vmalloc or module area of a variant."""
    if layout is None:
        return -1
    if not architecture(layout.arch).fits(variant, facts.addresses):
        return -1
    windows = {(layout.vmalloc_start, layout.vmalloc_end)}
    windows |= {(entry.start, entry.end) for entry in layout.types.values()}
    return sum(any(low <= each < high for low, high in windows) for each in set(facts.addresses))


def _certainty(layout: Layout, facts: Facts) -> Provenance:
    """Whether the ranges are computed from this machine's own symbols, version and configuration, or are the usual ones."""
    arch = architecture(layout.arch)
    needed = arch.needed_symbols(_of(arch, layout.variant))
    told = (
        facts.release is not None
        and all(name in facts.image for name in needed)
        and arch.is_told(layout, facts)
    )
    return Provenance.DERIVED if told else Provenance.ASSUMED


def _labelled(layout: Layout, provenance: Provenance) -> Layout:
    return evolve(
        layout,
        types={
            kind: entry
            if entry.provenance is Provenance.UNKNOWN
            else evolve(entry, provenance=provenance)
            for kind, entry in layout.types.items()
        },
    )


def _read(layout: Layout, facts: Facts) -> Layout:
    """Put what was read from the kernel's own memory in the place of what was computed."""
    types = dict(layout.types)
    for kind, (start, end, fallback_start, fallback_end) in facts.ranges.items():
        new = evolve(
            types[kind],
            start=start,
            end=end,
            fallback_start=fallback_start,
            fallback_end=fallback_end,
        )
        types[kind] = evolve(new, provenance=Provenance.READ)
    return evolve(layout, types=types)


def _checked(layout: Layout, facts: Facts) -> Layout:
    """Take back what the areas contradict: a module's area outside of every module range."""
    ranges = [layout.range_of(kind) for kind in (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)]
    modules = [start for start, owner in facts.executable.items() if owner == "module"]
    outside = sum(all(entry.window_of(start) is None for entry in ranges) for start in modules)
    if not outside or all(entry.provenance is Provenance.READ for entry in ranges):
        return layout
    types = {
        kind: (
            entry
            if entry.provenance is Provenance.READ
            else evolve(entry, provenance=Provenance.ASSUMED)
        )
        for kind, entry in layout.types.items()
    }
    note = (
        f"{outside} of {len(modules)} areas of modules lie outside the module ranges: those are not"
        " quite this machine's"
    )
    return evolve(layout, types=types, notes=(*layout.notes, note))


def unknown_layout(facts: Facts, note: str) -> Layout:
    """Return a layout that says it knows no range."""
    nothing = ExecmemRange(start=0, end=0, used_by="unknown", provenance=Provenance.UNKNOWN)
    wide = not facts.addresses or max(facts.addresses) >= 1 << 32
    kernel = facts.release or "unknown"
    arch = re.sub(r"[^\w-]", "_", facts.arch or "unknown")
    return Layout(
        id=f"{kernel}/{arch}/unknown/unknown",
        kernel=kernel,
        arch=arch,
        variant="unknown",
        kaslr="unknown",
        word_bits=64 if wide else 32,
        page_size=facts.page_size or 4096,
        pmd_size=2 << 20,
        vmalloc_start=0,
        vmalloc_end=0,
        modules_vaddr=None,
        modules_end=None,
        symbols=dict(facts.symbols),
        macros={},
        types=dict.fromkeys(ExecmemType, nothing),
        notes=(note,),
    )
