"""One snapshot as read from its folder, and the layout that the snapshots of a run tell."""

import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import evolve

from execmem_tui.bundles.manifest import read_manifest
from execmem_tui.bundles.phase_facts import facts_of
from execmem_tui.bundles.run_folder import VMALLOCINFO
from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.files.regular import open_file
from execmem_tui.formats.dmesg import findings, parse_dmesg
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
from execmem_tui.kernel.reasons import why_refused
from execmem_tui.machines.recognise import recognise
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.text import printable
from execmem_tui.owners.evidence import Evidence

if TYPE_CHECKING:  # most folders have none
    from execmem_tui.formats.manifest import Manifest


@frozen(kw_only=True)
class Phase:
    """One snapshot of a capture, as read."""

    name: str
    info: Vmallocinfo
    evidence: Evidence
    facts: Facts
    findings: tuple[str, ...] = ()
    """What the kernel log says of failures."""
    manifest: "Manifest | None" = None
    """Of the bundle that it comes from."""


def read_phase(
    folder: Path,
    symbols_of: Callable[[str, Iterable[tuple[int, str]]], list[Symbol]] = parse_kallsyms,
    refused: dict[str, str] | None = None,
) -> Phase:
    """Read one snapshot from its folder, which has a vmallocinfo.

    Args:
        folder: the snapshot's.
        symbols_of: reads its kallsyms.
        refused: takes the files that cannot be read and why, and they count as missing: /proc
            without root, or of a kernel that is locked down. None: that is an error.

    Raises:
        InputError: a file is broken.
        OSError: one cannot be read.
    """

    def lines(name: str) -> Any:
        file = find_file(folder, name)
        if file is None:
            return str(folder / name), iter(())
        text = read_lines(file)
        return str(file), text if refused is None else _readable(name, file, text, refused)

    path, text = lines(VMALLOCINFO)
    info = _vmallocinfo(path, text, refused)
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


def _readable(
    name: str, file: Path, lines: Iterable[tuple[int, str]], refused: dict[str, str]
) -> Iterator[tuple[int, str]]:
    """Yield the lines that can be read; an error ends them, and `refused` takes it."""
    try:
        if not os.access(file, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        yield from lines
    except OSError as error:
        refused[name] = why_refused(error)


def _vmallocinfo(
    path: str, lines: Iterable[tuple[int, str]], refused: dict[str, str] | None
) -> Vmallocinfo:
    """Return the list of areas; an empty one where it is refused.

    Half of it would show holes that are none.
    """
    if refused is None:
        return parse_vmallocinfo(path, lines)
    text = list(lines)
    if not text:
        refused.setdefault(VMALLOCINFO, "it is not there")
    if VMALLOCINFO in refused:
        return Vmallocinfo(entries=(), pointers=Pointers.ZEROED, skipped=())
    return parse_vmallocinfo(path, text)


def _section_tree(modules: Path, refused: dict[str, str] | None) -> Iterator[SectionLine]:
    """Yield what /sys/module/*/sections says, of a machine or of a copied tree of one."""
    for file in sorted(modules.glob("*/sections/*")):
        try:
            with open_file(file) as opened:
                text = opened.read(40).decode("ascii", "replace").strip()
        except FileNotFoundError:  # unloaded meanwhile
            continue
        except OSError as error:
            if refused is None:
                raise
            refused["sections"] = why_refused(error)
            return
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
    if manifest is not None:
        from execmem_tui.machines.manifest_layout import stated_layout, stated_ranges

        if manifest.layout is not None:
            layout = stated_layout(manifest, manifest.layout)
            return evolve(layout, image_symbols=image_symbols(first.evidence))
        ranges = stated_ranges(manifest) if ranges is None else ranges
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
        ranges=ranges or {},
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
