"""Which layout is this machine's? Told from its version, configuration, symbols and addresses; labelled by how it is known."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import evolve, frozen

from execmem_tui.arch import find, resolve
from execmem_tui.model.errors import UnknownLayoutError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance
from execmem_tui.model.units import Address, Bytes

_COMPILERS: Final = (
    ("aarch64", "arm64"), ("x86_64", "amd64"), ("i686", "i386"), ("i586", "i386"), ("arm-linux", "armhf"), ("riscv64", "riscv64"),
    ("powerpc64", "ppc64el"), ("powerpc-", "powerpc"), ("s390x", "s390x"), ("loongarch64", "loong64"), ("mips64", "mips64el"),
    ("mipsel", "mipsel"), ("sparc64", "sparc64"), ("hppa", "hppa"),
)  # fmt: skip
_PAGES: Final = (("CONFIG_ARM64_4K_PAGES", "4k"), ("CONFIG_ARM64_16K_PAGES", "16k"), ("CONFIG_ARM64_64K_PAGES", "64k"))
_SYMBOLS: Final = ("_text", "_stext", "_etext", "_end")
GIB: Final = 1 << 30


@frozen(kw_only=True)
class Clues:
    """What a capture says about its machine."""

    arch: str | None = None
    """As its owner wrote it, or None."""
    release: str | None = None
    compiler: str = ""
    cmdline: str = ""
    config: Mapping[str, str] = {}
    symbols: Mapping[str, Address] = {}
    vmalloc_total: Bytes | None = None
    addresses: Sequence[Address] = ()
    """Starts of areas, of all phases."""
    page_size: Bytes | None = None
    """Told by the areas themselves: size over pages plus guard."""
    windows: Sequence[tuple[Address, Address]] = ()
    """(vstart, vend) of requests in a trace: the kernel's own ranges, exactly."""
    ranges: Mapping[ExecmemType, tuple[int, int, int, int]] = {}
    """start, end, fallback_start, fallback_end as read from the kernel's memory."""


def recognise(clues: Clues) -> Layout:
    """Return the layout of the machine, its ranges labelled; unknown ranges where the architecture cannot be told."""
    return _read(_recognise(clues), clues)


def _recognise(clues: Clues) -> Layout:
    name = clues.arch or next((arch for word, arch in _COMPILERS if word in clues.compiler), None)
    if name is None:
        name = _from_addresses(clues)
    if name is None:
        return unknown_layout(clues, "architecture unknown: no version, no symbols and addresses of no known kernel")
    try:
        layout = resolve(name, clues.release or "7.1", _variant(name, clues), "off", _symbols(clues))
    except UnknownLayoutError as error:
        return unknown_layout(clues, f"{name}: {error.title}")
    layout = evolve(layout, kernel=clues.release or "unknown", symbols=dict(clues.symbols), early_areas=())
    if layout.arch == "arm64":
        return _arm64(layout, clues)
    if layout.arch == "x86" and layout.word_bits == 64:
        return _x86(layout, clues)
    return _named(_labelled(layout, Provenance.ASSUMED), "unknown")


def _read(layout: Layout, clues: Clues) -> Layout:
    """Put what the kernel itself said of its ranges in the place of what was computed."""
    layout = _vmalloc_window(layout, clues.windows)
    types = dict(layout.types)
    for kind, old in layout.types.items():
        if kind in clues.ranges:
            start, end, fallback_start, fallback_end = clues.ranges[kind]
            new = evolve(old, start=start, end=end, fallback_start=fallback_start, fallback_end=fallback_end)
            types[kind] = evolve(new, provenance=Provenance.READ)
        elif old.provenance is not Provenance.UNKNOWN:
            types[kind] = _requested(layout, old, clues.windows)
    return evolve(layout, types=types)


def _vmalloc_window(layout: Layout, windows: Sequence[tuple[Address, Address]]) -> Layout:
    """Take the vmalloc window from a trace: the widest that is asked for, where it overlaps the computed one."""
    old = (layout.vmalloc_start, layout.vmalloc_end)
    new = max(windows, key=lambda pair: pair[1] - pair[0], default=old)
    if new == old or not (new[0] < old[1] and old[0] < new[1]) or (new[1] - new[0]) * 2 < old[1] - old[0]:
        return layout
    types = {
        kind: evolve(entry, start=new[0], end=new[1]) if (entry.start, entry.end) == old else entry
        for kind, entry in layout.types.items()
    }
    return evolve(layout, vmalloc_start=new[0], vmalloc_end=new[1], types=types)


def _requested(layout: Layout, entry: ExecmemRange, windows: Sequence[tuple[Address, Address]]) -> ExecmemRange:
    """Return a range with the ends that requests in a trace state.

    What is computed may be too wide (KASLR); a request's window lies inside it, or is it. Of two, the smaller is preferred.
    """
    vmalloc = (layout.vmalloc_start, layout.vmalloc_end)
    if (entry.start, entry.end) in windows:
        return evolve(entry, provenance=Provenance.READ)
    if (entry.start, entry.end) == vmalloc:
        return entry
    bounds = [(entry.start, entry.end)]
    bounds += [(entry.fallback_start, entry.fallback_end)] if entry.has_fallback else []
    inside = {
        (start, end)
        for start, end in windows
        if (start, end) != vmalloc and any(low - layout.page_size <= start and end <= high for low, high in bounds)
    }
    found = sorted(inside, key=lambda pair: pair[1] - pair[0])
    if not found:
        return entry
    fallback = found[-1] if len(found) > 1 else (entry.fallback_start, entry.fallback_end)
    return evolve(
        entry,
        start=found[0][0],
        end=found[0][1],
        fallback_start=fallback[0],
        fallback_end=fallback[1],
        provenance=Provenance.READ,
    )


def _from_addresses(clues: Clues) -> str | None:
    if not clues.addresses:
        return None
    high = max(clues.addresses)
    if high >= 0xFFFF_FFFF_8000_0000:
        return "amd64"
    low = min(clues.addresses)
    return "arm64" if 0xFFFF_8000_0000_0000 <= low < 0xFFFF_8800_0000_0000 else None


def _symbols(clues: Clues) -> dict[str, Address]:
    found = {name: clues.symbols[name] for name in _SYMBOLS if name in clues.symbols}
    if "_text" not in found and "_stext" in found:
        return {}
    return found if "_text" in found and "_end" in found else {}


def _variant(name: str, clues: Clues) -> str | None:
    if name in ("arm64", "aarch64") and clues.config:
        bits = clues.config.get("CONFIG_ARM64_VA_BITS", "48")
        page = next((tag for option, tag in _PAGES if clues.config.get(option) == "y"), "4k")
        return f"va{bits}-{page}" + ("-nolva" if bits == "52" else "")
    if name in ("amd64", "x86_64", "x86") and clues.addresses:
        five = any(0xFF00_0000_0000_0000 <= address < 0xFFFF_0000_0000_0000 for address in clues.addresses)
        return "x86_64-5level" if five else "x86_64-4level"
    arch, implied = find(name)
    wanted = implied or arch.default_variant
    sizes = {variant.name: variant.page_size for variant in arch.variants}
    if clues.page_size is None or sizes[wanted] == clues.page_size:
        return wanted
    return next((variant for variant, size in sizes.items() if size == clues.page_size), wanted)


def _labelled(layout: Layout, provenance: Provenance) -> Layout:
    return evolve(layout, types={kind: evolve(entry, provenance=provenance) for kind, entry in layout.types.items()})


def _named(layout: Layout, kaslr: str) -> Layout:
    parts = layout.id.split("/")
    return evolve(layout, id=f"{layout.kernel}/{parts[1]}/{parts[2]}/{kaslr}", kaslr=kaslr)


def _with_module_range(layout: Layout, entry: ExecmemRange, note: str) -> Layout:
    """Give the types that share MODULE_TEXT's range another one."""
    shared = layout.range_of(ExecmemType.MODULE_TEXT)
    types = {
        kind: evolve(
            old,
            start=entry.start,
            end=entry.end,
            fallback_start=entry.fallback_start,
            fallback_end=entry.fallback_end,
            provenance=entry.provenance,
        )
        if (old.start, old.end) == (shared.start, shared.end)
        else old
        for kind, old in layout.types.items()
    }
    return evolve(layout, types=types, notes=(*layout.notes, note))


def _arm64(layout: Layout, clues: Clues) -> Layout:
    text, end = clues.symbols.get("_text", clues.symbols.get("_stext")), clues.symbols.get("_end")
    layout = _labelled(layout, Provenance.DERIVED)
    if text is None or end is None:
        return _named(_labelled(layout, Provenance.ASSUMED), "unknown")
    if "nokaslr" in clues.cmdline.split() or text == layout.macros["KIMAGE_VADDR"]:
        return _named(layout, "off")
    entry = evolve(
        layout.range_of(ExecmemType.MODULE_TEXT),
        start=max(end - 2 * GIB, 0),
        end=text + 2 * GIB,
        fallback_start=0,
        fallback_end=0,
        provenance=Provenance.ASSUMED,
    )
    note = (
        "KASLR: the 2 GiB module window was drawn around the image; symbols do not tell where, "
        "so all that it can be is shown (_end - 2G to _text + 2G)"
    )
    return _named(_with_module_range(layout, entry, note), "unknown")


def _x86(layout: Layout, clues: Clues) -> Layout:
    layout = _labelled(layout, Provenance.DERIVED)
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    text = clues.symbols.get("_text", clues.symbols.get("_stext"))
    if "nokaslr" in clues.cmdline.split():
        return _named(layout, "off")
    inside = [address for address in clues.addresses if entry.start <= address < entry.end]
    if text == layout.macros["__START_KERNEL"] and inside and min(inside) == entry.start:
        return _named(layout, "off")
    if not inside:
        return _named(_labelled(layout, Provenance.ASSUMED), "unknown")
    found = evolve(entry, start=min(inside), provenance=Provenance.DERIVED)
    note = (
        f"KASLR: the start was drawn 1 to 1024 pages above {entry.start:x}; shown from the lowest area seen, "
        f"which is at most {(min(inside) - entry.start) // layout.page_size} pages above it"
    )
    return _named(_with_module_range(layout, found, note), "unknown")


def unknown_layout(clues: Clues, note: str) -> Layout:
    """Return a layout that says it knows no range."""
    nothing = ExecmemRange(start=0, end=0, used_by="unknown", provenance=Provenance.UNKNOWN)
    wide = not clues.addresses or max(clues.addresses) >= 1 << 32
    kernel = clues.release or "unknown"
    arch = re.sub(r"[^\w-]", "_", clues.arch or "unknown")
    return Layout(
        id=f"{kernel}/{arch}/unknown/unknown",
        kernel=kernel,
        arch=arch,
        variant="unknown",
        kaslr="unknown",
        word_bits=64 if wide else 32,
        page_size=4096,
        pmd_size=2 << 20,
        vmalloc_start=0,
        vmalloc_end=0,
        modules_vaddr=None,
        modules_end=None,
        symbols=dict(clues.symbols),
        macros={},
        types=dict.fromkeys(ExecmemType, nothing),
        notes=(note,),
    )
