"""The layout that a bundle's manifest states.

An anonymised bundle's addresses alone no longer tell it.
"""

from typing import Final

from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.formats.manifest import Manifest, StatedLayout, StatedRange
from execmem_tui.machines.recognise import unknown_layout
from execmem_tui.model.errors import UnknownLayoutError
from execmem_tui.model.facts import Facts
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType, Provenance
from execmem_tui.model.reach import ReachKind
from execmem_tui.model.units import Address

ANONYMISED = (
    "anonymised: every address is shifted by one constant that nobody kept; all distances are true"
)

_NO_EDGES: Final = "where its ranges begin and end was left out: capture --keep-layout keeps it"


def stated_ranges(
    manifest: Manifest,
) -> dict[ExecmemType, tuple[Address, Address, Address, Address]]:
    """Return the ranges that were read from the kernel's memory, as `Facts.ranges` has them."""
    return {
        kind: (each.start, each.end, each.fallback_start, each.fallback_end)
        for kind, each in manifest.ranges.items()
        if each.provenance is Provenance.READ
    }


def stated_layout(manifest: Manifest, stated: StatedLayout) -> Layout:
    """Return the layout of an anonymised bundle.

    What needs no address comes from the architecture.
    """
    try:
        layout = resolve(manifest.arch, manifest.kernel, stated.variant, "off")
    except UnknownLayoutError as error:
        layout = unknown_layout(
            Facts(arch=manifest.arch, release=manifest.kernel), f"{manifest.arch}: {error.title}"
        )
    edges = stated.vmalloc_end > stated.vmalloc_start
    types = {
        kind: _stated(manifest.ranges[kind], layout, kind)
        if kind in manifest.ranges
        else (entry if edges else _unknown(entry))
        for kind, entry in layout.types.items()
    }
    parts = layout.id.split("/")
    return evolve(
        layout,
        id=f"{manifest.kernel}/{parts[1]}/{parts[2]}/{stated.kaslr}",
        kernel=manifest.kernel,
        kaslr=stated.kaslr,
        word_bits=stated.word_bits,
        page_size=stated.page_size,
        vmalloc_start=stated.vmalloc_start,
        vmalloc_end=stated.vmalloc_end,
        modules_vaddr=stated.modules_vaddr,
        modules_end=stated.modules_end,
        symbols=dict(stated.symbols),
        macros={},
        types=types,
        early_areas=(),
        reach=tuple(
            evolve(
                each,
                low=stated.reach[each.name],
                high=stated.reach[each.name] + each.high - each.low,
            )
            if each.name in stated.reach
            else each
            for each in layout.reach
            if edges or each.kind is ReachKind.RELATIVE
        ),
        notes=(ANONYMISED,) if edges else (ANONYMISED, _NO_EDGES),
    )


def _unknown(entry: ExecmemRange) -> ExecmemRange:
    return evolve(
        entry, start=0, end=0, fallback_start=0, fallback_end=0, provenance=Provenance.UNKNOWN
    )


def _stated(stated: StatedRange, layout: Layout, kind: ExecmemType) -> ExecmemRange:
    return evolve(
        layout.types[kind],
        start=stated.start,
        end=stated.end,
        fallback_start=stated.fallback_start,
        fallback_end=stated.fallback_end,
        provenance=stated.provenance,
    )
