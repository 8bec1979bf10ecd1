"""Which layout is this machine's? Told from its version, configuration, symbols and addresses.

Labelled by how it is known.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from attrs import evolve

from execmem_tui.arch import architecture, architectures, find, resolve
from execmem_tui.arch.base import Architecture
from execmem_tui.arch.boot import Variant
from execmem_tui.arch.estimates import with_module_range
from execmem_tui.machines.trace_windows import (
    all_requested,
    read_from_requests,
    vmalloc_window,
)
from execmem_tui.model.errors import UnknownLayoutError, UsageError
from execmem_tui.model.facts import SYMBOLS, Facts
from execmem_tui.model.intervals import union
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance
from execmem_tui.model.units import Address

_BUILDER: Final = re.compile(r"\([^()\s@]*@[^()\s]*\)")
"""Who built the kernel and where: a host's name says nothing of the target."""
_FREE: Final = ("CONFIG_RANDOMIZE_MODULE_REGION_FULL", "CONFIG_NR_CPUS", "CONFIG_PAGE_OFFSET")
"""Options that no variant needs to share: they are inputs of their own, or change nothing without
KASLR."""
_COARSE: Final = 2 << 20
"""Bounds that areas alone tell are rounded to so much."""
_BIG: Final = ("-bigimage", "-bigtext")
"""Variants that differ from others in the size of the image alone, which symbols tell."""


def recognise(facts: Facts) -> Layout:
    """Return the layout of the machine, its ranges labelled.

    Unknown ranges where the architecture cannot be told.
    """
    name = machine_name(facts)
    if name is None:
        return _read(
            unknown_layout(
                facts,
                (
                    "architecture unknown: no version, no symbols and addresses of no known kernel;"
                    " --arch NAME says it"
                ),
            ),
            facts,
        )
    try:
        layout = _resolved(name, facts)
    except (UnknownLayoutError, UsageError) as error:
        return _read(unknown_layout(facts, f"{name}: {error.title}"), facts)
    layout = evolve(
        layout,
        kernel=facts.release or "unknown",
        symbols=facts.image,
        early_areas=(),
        bpf_jit_limit=facts.bpf_jit_limit,
    )
    arch = architecture(layout.arch)
    labelled = _labelled(layout, _certainty(layout, facts))
    estimated = arch.estimate_draws(labelled, facts)
    layout = read_from_requests(_stated(estimated, facts), facts.windows)
    guesses = [note for note in estimated.notes if note not in labelled.notes]
    if guesses and all_requested(layout.range_of(ExecmemType.MODULE_TEXT), facts.windows):
        layout = evolve(layout, notes=tuple(note for note in layout.notes if note not in guesses))
    return _checked(_read(layout, facts), facts)


def machine_name(facts: Facts) -> str | None:
    """Return the architecture, by its own name or an alias, or None where nothing tells it.

    As told, by the version banner (the compiler's target before the release's name), by the
    configuration, or by addresses that only one has.
    """
    if facts.arch is not None:
        return facts.arch
    every = [architecture(name) for name in architectures()]
    for text in (_BUILDER.sub("", facts.compiler), facts.release or ""):
        for arch in every:
            for pattern, name in arch.banners:
                if re.search(pattern, text):
                    return name
    told = [arch.name for arch in every if facts.config.get(f"CONFIG_{arch.name.upper()}") == "y"]
    if len(told) == 1:
        return told[0]
    if not facts.addresses:
        return None
    code = [start for start, owner in facts.executable.items() if owner in ("", "module")]
    found = {arch.named_by_addresses(facts.addresses, code) for arch in every} - {None}
    return found.pop() if len(found) == 1 else None


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
    """Return the variant that has the machine's page size, configuration and vmalloc area."""
    arch, implied = find(name)
    wanted = implied or arch.default_variant
    variants = {variant.name: variant for variant in arch.variants}
    page = next(
        (size for option, size in arch.page_options.items() if facts.config.get(option) == "y"),
        facts.page_size,
    )

    bits = variants[wanted].word_bits
    if facts.addresses and max(facts.addresses) < 1 << 32:
        bits = 32

    addresses = sorted(set(facts.addresses))

    def fits(variant: Variant) -> tuple[int, ...]:
        layout = _candidate(name, variant, facts)
        return (
            variant.word_bits == bits,
            page is None or variant.page_size == page,
            _configured(variant, facts),
            _same_total(layout, facts),
            _plausible(layout, variant, facts, addresses),
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


def _plausible(
    layout: Layout | None, variant: Variant, facts: Facts, addresses: Sequence[Address]
) -> int:
    """Return how many of the areas lie in the vmalloc or module area of a variant.

    `addresses` are those of `facts`, each once, ascending.
    """
    if layout is None:
        return -1
    if not architecture(layout.arch).fits(variant, facts.addresses):
        return -1
    windows = {(layout.vmalloc_start, layout.vmalloc_end)}
    windows |= {(entry.start, entry.end) for entry in layout.types.values()}
    return sum(
        bisect_left(addresses, high) - bisect_left(addresses, low) for low, high in union(windows)
    )


def _certainty(layout: Layout, facts: Facts) -> Provenance:
    """Whether the ranges are computed from this machine's own facts, or are the usual ones.

    Its facts are symbols, version and configuration.
    """
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


def _stated(layout: Layout, facts: Facts) -> Layout:
    """Put what the kernel said of its own memory layout at boot in the place of what was computed.

    A fallback range that was all of vmalloc space stays so.
    """
    vmalloc = facts.stated.get("vmalloc", (layout.vmalloc_start, layout.vmalloc_end))
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    old = (layout.vmalloc_start, layout.vmalloc_end)
    if (entry.fallback_start, entry.fallback_end) == old:
        entry = evolve(entry, fallback_start=vmalloc[0], fallback_end=vmalloc[1])
    if "modules" in facts.stated:
        start, end = facts.stated["modules"]
        entry = evolve(entry, start=start, end=end, provenance=Provenance.READ)
    elif (entry.start, entry.end) == old:
        entry = evolve(entry, start=vmalloc[0], end=vmalloc[1])
    layout = with_module_range(layout, entry, "")
    return evolve(layout, vmalloc_start=vmalloc[0], vmalloc_end=vmalloc[1])


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
    """Let the areas win where they contradict the ranges: modules outside of every module range.

    The module range then is the window of its size, aligned to it, that holds the modules seen: the
    module areas of arm64 up to 5.x are so. Where that holds them neither, it is widened to them.
    """
    ranges = [layout.range_of(kind) for kind in (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA)]
    modules = [start for start, owner in facts.executable.items() if owner == "module"]
    outside = sum(all(entry.window_of(start) is None for entry in ranges) for start in modules)
    if not modules:
        # Callers alone: page arrays of big areas have the same, so that one inside is enough.
        modules = [start for start, owner in facts.executable.items() if owner == ""]
        inside = any(entry.window_of(start) is not None for start in modules for entry in ranges)
        outside = 0 if inside else len(modules)
    if not outside or all(entry.provenance is Provenance.READ for entry in ranges):
        return layout
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    low, high = _holding(entry, modules)
    assumed = _labelled(layout, Provenance.ASSUMED)
    moved = evolve(
        entry,
        start=low,
        end=high,
        fallback_start=0,
        fallback_end=0,
        provenance=Provenance.ASSUMED,
    )
    note = (
        f"{outside} of {len(modules)} areas of modules lie outside the module range that follows"
        f" from version and configuration: {low:x}-{high:x} is assumed from the areas"
    )
    return with_module_range(assumed, moved, note)


def _holding(entry: ExecmemRange, starts: Sequence[Address]) -> tuple[Address, Address]:
    """Return the window for modules at `starts`, see `_checked`."""
    low, high = min(starts), max(starts)
    size = entry.end - entry.start
    if size and not size & (size - 1):
        begin = low & -size
        if high < begin + size:
            return begin, begin + size
    near = entry.start - (1 << 31) <= low and high < entry.end + (1 << 31)
    if size and near:
        return min(low & -_COARSE, entry.start), max((high | (_COARSE - 1)) + 1, entry.end)
    return low & -_COARSE, (high | (_COARSE - 1)) + 1


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
