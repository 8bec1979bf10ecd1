"""One snapshot as read from its folder, and the layout that the snapshots of a run tell."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from attrs import evolve, frozen

from execmem_tui.bundles.manifest import read_manifest
from execmem_tui.bundles.phase_facts import facts_of
from execmem_tui.bundles.run_folder import VMALLOCINFO
from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.files.regular import open_file
from execmem_tui.formats.dmesg import findings, parse_dmesg
from execmem_tui.formats.manifest import Manifest
from execmem_tui.formats.procfiles import (
    SectionLine,
    Symbol,
    is_mapping_symbol,
    parse_kallsyms,
    parse_modules,
    parse_sections,
)
from execmem_tui.formats.vmallocinfo import Pointers, Vmallocinfo, parse_vmallocinfo
from execmem_tui.kernel.proc_tree import find_near
from execmem_tui.machines.manifest_layout import stated_layout, stated_ranges
from execmem_tui.machines.recognise import recognise
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.text import printable
from execmem_tui.owners.evidence import Evidence

WHY: Final = {
    Pointers.HASHED: (
        "addresses are hashed: read as root with kernel.kptr_restrict=1, or boot with"
        " no_hash_pointers"
    ),
    Pointers.ZEROED: "addresses are zeroed: kernel.kptr_restrict is 2, or 1 without CAP_SYSLOG",
    Pointers.NOT_READY: "addresses are (ptrval): read before the kernel could hash them",
}


@frozen(kw_only=True)
class Phase:
    """One snapshot of a capture, as read."""

    name: str
    info: Vmallocinfo
    evidence: Evidence
    facts: Facts
    findings: tuple[str, ...] = ()
    """What the kernel log says of failures."""
    manifest: Manifest | None = None
    """Of the bundle that it comes from."""


def read_phase(
    folder: Path,
    symbols_of: Callable[[str, Iterable[tuple[int, str]]], list[Symbol]] = parse_kallsyms,
    refused: set[str] | None = None,
) -> Phase:
    """Read one snapshot from its folder, which has a vmallocinfo.

    Args:
        folder: the snapshot's.
        symbols_of: reads its kallsyms.
        refused: takes the names of files that may not be read, and they count as missing: /proc
            without root.

    Raises:
        InputError: a file is broken.
        OSError: one cannot be read.
    """

    def lines(name: str) -> Any:
        file = find_file(folder, name)
        if file is not None and refused is not None and not os.access(file, os.R_OK):
            refused.add(name)
            file = None
        return (str(folder / name), iter(())) if file is None else (str(file), read_lines(file))

    path, text = lines(VMALLOCINFO)
    hidden = refused is not None and VMALLOCINFO in refused
    info = (
        Vmallocinfo(entries=(), pointers=Pointers.ZEROED, skipped=())
        if hidden
        else parse_vmallocinfo(path, text)
    )
    symbols = symbols_of(*lines("kallsyms"))
    tree = folder.parent / "sys" / "module"
    sections = parse_sections(*lines("sections")) or list(_section_tree(tree, refused))
    evidence = Evidence(
        modules=parse_modules(*lines("modules")), sections=sections, symbols=symbols
    )
    log = (
        ()
        if (found := find_near(folder, "dmesg")) is None
        else tuple(parse_dmesg(read_lines(found)))
    )
    return Phase(
        name=printable(folder.name, 60),
        info=info,
        evidence=evidence,
        facts=facts_of(folder, info, evidence, log),
        findings=tuple(findings(log)),
        manifest=read_manifest(folder.parent),
    )


def _section_tree(modules: Path, refused: set[str] | None) -> Iterator[SectionLine]:
    """Yield what /sys/module/*/sections says, of a machine or of a tree that was copied from one."""
    for file in sorted(modules.glob("*/sections/*")):
        if refused is not None and not os.access(file, os.R_OK):
            refused.add("sections")
            return
        with open_file(file) as opened:
            text = opened.read(40).decode("ascii", "replace").strip()
        if re.fullmatch(r"0x[0-9a-f]{1,16}", text):
            module, section = printable(file.parent.parent.name, 80), printable(file.name, 120)
            yield SectionLine(module=module, section=section, address=int(text, 16))


def phases_layout(
    phases: list[Phase],
    arch: str | None,
    windows: Sequence[tuple[int, int]] = (),
    ranges: Mapping[ExecmemType, tuple[int, int, int, int]] | None = None,
) -> Layout:
    """Return the layout of the machine that `phases` come from.

    Args:
        phases: at least one.
        arch: the architecture, where they do not tell it.
        windows: (vstart, vend) of requests in a trace of the same boot.
        ranges: as read from the kernel's memory, instead of what a manifest says of them.
    """
    first = next((phase for phase in phases if phase.facts.symbols), phases[0])
    manifest = first.manifest
    if manifest is not None and manifest.layout is not None:
        layout = stated_layout(manifest, manifest.layout)
        return evolve(layout, image_symbols=image_symbols(first.evidence))
    if ranges is None:
        ranges = {} if manifest is None else stated_ranges(manifest)
    each = [phase.facts for phase in phases]
    merged = evolve(
        first.facts,
        arch=first.facts.arch or arch,
        addresses=tuple(address for facts in each for address in facts.addresses),
        executable={start: owner for facts in each for start, owner in facts.executable.items()},
        percpu_end=max(
            (facts.percpu_end for facts in each if facts.percpu_end is not None), default=None
        ),
        page_size=next((facts.page_size for facts in each if facts.page_size), None),
        windows=windows,
        ranges=ranges,
    )
    layout = recognise(merged)
    return evolve(layout, image_symbols=image_symbols(first.evidence))


def image_symbols(evidence: Evidence) -> tuple[tuple[int, str], ...]:
    """Return the kernel's own symbols with their addresses, ascending."""
    return tuple(
        sorted(
            {
                (each.address, each.name)
                for each in evidence.symbols
                if each.module is None and each.address and not is_mapping_symbol(each.name)
            }
        )
    )
