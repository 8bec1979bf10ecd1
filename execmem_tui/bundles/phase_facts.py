"""What the files of a snapshot tell of its machine.

And the layout that those of a run tell together.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from execmem_tui.arch import machine_named
from execmem_tui.bundles.run_folder import run_meta
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.dmesg import Banner, CommandLine, MemoryRange, Message
from execmem_tui.formats.procfiles import (
    parse_config,
    parse_meminfo,
    parse_sysctl,
    parse_uname,
    parse_version,
)
from execmem_tui.formats.vmallocinfo import Pointers, Vmallocinfo
from execmem_tui.kernel.proc_tree import find_near
from execmem_tui.machines.image_areas import image_symbols_from_areas
from execmem_tui.machines.iomem import image_symbols_from_iomem
from execmem_tui.model.facts import SYMBOLS, Facts
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address
from execmem_tui.owners.evidence import Evidence
from execmem_tui.owners.executable import executable, open_executable
from execmem_tui.owners.hashed import open_addresses, revealed

PAGE_SIZES: Final = (4096, 8192, 16384, 65536)
"""Bytes."""


def facts_of(folder: Path, info: Vmallocinfo, evidence: Evidence, log: Sequence[Message]) -> Facts:
    """Return what the files of a snapshot, and those that lie near it, tell of its machine.

    Args:
        folder: the snapshot's.
        info: its vmallocinfo.
        evidence: its modules, sections and symbols.
        log: its kernel log.
    """

    def lines(name: str) -> Any:
        file = find_near(folder, name)
        return iter(()) if file is None else read_lines(file)

    meminfo = parse_meminfo(lines("meminfo"))
    release, compiler, arch = _kernel(lines, run_meta(folder) or run_meta(folder.parent), log)
    booted = next((each.text for each in log if isinstance(each, CommandLine)), "")
    known = {
        each.name: each.address
        for each in evidence.symbols
        if each.name in SYMBOLS and each.address
    }
    known |= image_symbols(info, known)
    image = image_symbols_from_iomem(lines("iomem"), known)
    return Facts(
        arch=arch,
        release=release,
        compiler=compiler,
        cmdline=" ".join(text for _, text in lines("cmdline")) or booted,
        config=parse_config(lines("config.txt")) or parse_config(lines("config")),
        symbols={**known, **image},
        image_from_iomem="_end" in image,
        stated={each.name: (each.start, each.end) for each in log if isinstance(each, MemoryRange)},
        bpf_jit_limit=parse_sysctl(lines("sysctl")).get("net.core.bpf_jit_limit"),
        vmalloc_total=meminfo.get("VmallocTotal"),
        highmem="HighTotal" in meminfo if meminfo else None,
        page_size=page_size_of(info),
        **seen_facts(info, evidence),
    )


def _kernel(
    lines: Callable[[str], Any], meta: Mapping[str, Any], log: Sequence[Message]
) -> tuple[str | None, str, str | None]:
    """Return release, compiler and architecture.

    Who was there counts most: /proc/version, then the log's banner, then uname -a, then meta.toml.
    """
    arch = _text(meta.get("arch"))
    version = parse_version(lines("version"))
    banner = next((each for each in log if isinstance(each, Banner)), None)
    if version is None and banner is not None:
        version = banner.release, banner.rest
    if version is not None:
        return *version, arch
    uname = parse_uname(lines("uname"))
    if uname is not None:
        return uname[0], "", arch or machine_named(uname[1])
    return _text(meta.get("kernel")), "", arch


def _text(value: object) -> str | None:
    return printable(value, 60) if isinstance(value, str) else None


def seen_facts(info: Vmallocinfo, evidence: Evidence) -> dict[str, Any]:
    """Return the facts that real addresses give."""
    if info.pointers is not Pointers.REAL:
        page = page_size_of(info) or 4096
        known = revealed(info.entries, evidence, page) if info.pointers is Pointers.HASHED else []
        return {
            "addresses": tuple(open_addresses(info, evidence, page)),
            "executable": open_executable(evidence, page) | executable(known, evidence),
        }
    percpu = [
        entry.end for entry in info.entries if (entry.caller or "").startswith("pcpu_get_vm_areas")
    ]
    return {
        "addresses": tuple(entry.start for entry in info.entries),
        "executable": executable(info.entries, evidence),
        "percpu_end": max(percpu, default=None),
    }


def image_symbols(info: Vmallocinfo, known: Mapping[str, Address]) -> dict[str, Address]:
    """Return the ends of the image that `known` lacks and the areas tell."""
    if info.pointers is not Pointers.REAL:
        return {}
    return image_symbols_from_areas(info.entries, known, page_size_of(info) or 4096)


def page_size_of(info: Vmallocinfo) -> int | None:
    """Return the page size that most lines tell: an area of n pages is n + 1 pages long."""
    told = Counter(entry.size // (entry.pages + 1) for entry in info.entries if entry.pages)
    size = told.most_common(1)[0][0] if told else 0
    return size if size in PAGE_SIZES else None
