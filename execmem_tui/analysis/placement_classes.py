"""Placement classes as proposed in April 2024: EXECMEM_ANYWHERE, EXECMEM_NOPLT, EXECMEM_PREL32.

Never kernel API.

Mark Rutland's proposal (linux-arch, 2024-04-15, <Zh1lnIdgFeM1o8S5@FVFF77S0Q05N.cambridge.arm.com>)
asks for memory by what the code in it must reach, not by who asks:

* ANYWHERE: nothing relative to the kernel; all of the vmalloc window will do.
* NOPLT: calls between it and the kernel reach without a PLT entry.
* PREL32: 32-bit relative data words reach. They point from module to kernel and from module to
  module, so all modules and the kernel must share one 2 GiB window; from a module's own point of
  view the reach is halved.

Which class a consumer would ask for is read from where its architecture puts it today.
"""

from enum import StrEnum
from typing import Final

from attrs import evolve

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.reach import call_reach, count_module_text
from execmem_tui.consumers.machine import Machine
from execmem_tui.history import History
from execmem_tui.model.intervals import union
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemRange, ExecmemType
from execmem_tui.model.reach import ReachKind
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes, align_down, align_up

SHARED_WINDOW: Final = 2 << 30
"""Bytes: what ±2G PREL32 lets all modules and the kernel share."""

LABEL: Final = "proposed in April 2024, never kernel API"


class PlacementClass(StrEnum):
    """What memory must reach. Proposed."""

    ANYWHERE = "EXECMEM_ANYWHERE"
    NOPLT = "EXECMEM_NOPLT"
    PREL32 = "EXECMEM_PREL32"


@frozen(kw_only=True)
class ClassRange:
    """One class under one layout; start == end where the layout does not tell."""

    name: PlacementClass
    start: Address
    end: Address
    why: str


@frozen(kw_only=True)
class Asked:
    """What one consumer would ask for."""

    type: ExecmemType
    first: PlacementClass
    second: PlacementClass | None
    """Asked for when the first has no room."""


@frozen(kw_only=True)
class Placement:
    """What a workload got under one lens. Sizes in bytes."""

    lens: str
    allocations: int
    fallbacks: int
    failures: int
    purges: int
    direct: int
    plt: int
    unreachable: int
    largest_hole: Bytes
    """In the window that MODULE_TEXT tries first."""


def class_ranges(layout: Layout) -> list[ClassRange]:
    """Return the address range that each class resolves to."""
    found = [
        ClassRange(
            name=PlacementClass.ANYWHERE,
            start=layout.vmalloc_start,
            end=layout.vmalloc_end,
            why="VMALLOC_START to VMALLOC_END",
        )
    ]
    image, reach = layout.image, call_reach(layout)
    if image is None:
        return found
    if reach is not None:
        first, last = reach.window(image[0]), reach.window(image[1] - 4)
        start, end = _allowed(layout, max(first[0], last[0]), min(first[1], last[1]))
        why = (
            f"every place that modules may have from which {reach.instruction} reaches all of the"
            " image"
        )
        if start == end:
            why = (
                f"no place that modules may have: {reach.instruction} does not reach the image from"
                " there"
            )
        found.append(ClassRange(name=PlacementClass.NOPLT, start=start, end=end, why=why))
    start, end = _allowed(layout, *_shared_window(layout, image))
    found.append(
        ClassRange(
            name=PlacementClass.PREL32,
            start=start,
            end=end,
            why=(
                "one 2 GiB window that holds the kernel and all modules: any two of them reach each"
                " other"
            ),
        )
    )
    return found


def _allowed(layout: Layout, start: Address, end: Address) -> tuple[Address, Address]:
    """Return the biggest part of [start, end) that vmalloc may hand to modules.

    Their own windows and vmalloc's; (0, 0) if none.
    """
    own = layout.range_of(ExecmemType.MODULE_TEXT).windows
    pieces = union((*own, (layout.vmalloc_start, layout.vmalloc_end)))
    page = layout.page_size
    clipped = [
        (align_up(max(low, start), page), align_down(min(high, end), page)) for low, high in pieces
    ]
    best = max(clipped, key=lambda pair: pair[1] - pair[0], default=(0, 0))
    return best if best[1] > best[0] else (0, 0)


def _shared_window(layout: Layout, image: tuple[Address, Address]) -> tuple[Address, Address]:
    """Return the 2 GiB window.

    The architecture's own where it has one, else the one that ends with the image.
    """
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    own = (
        (entry.fallback_start, entry.fallback_end)
        if entry.has_fallback
        else (entry.start, entry.end)
    )
    low, high = min(own[0], image[0]), max(own[1], image[1])
    if own[1] > own[0] and high - low <= SHARED_WINDOW:
        return low, high
    end = align_up(image[1], layout.page_size)
    return max(0, end - SHARED_WINDOW), end


def asked(layout: Layout) -> list[Asked]:
    """Return what each consumer that exists would ask for."""
    word = any(not reach.call and reach.kind is ReachKind.RELATIVE for reach in layout.reach)
    noplt = PlacementClass.NOPLT if call_reach(layout) is not None else PlacementClass.ANYWHERE
    found = []
    for kind in ExecmemType:
        entry = layout.range_of(kind)
        if not entry.used:
            continue
        anywhere = (entry.start, entry.end) == (layout.vmalloc_start, layout.vmalloc_end)
        if kind is ExecmemType.MODULE_DATA and not anywhere:
            found.append(Asked(type=kind, first=PlacementClass.PREL32, second=None))
        elif anywhere:
            found.append(Asked(type=kind, first=PlacementClass.ANYWHERE, second=None))
        else:
            second = PlacementClass.PREL32 if word and layout.plt is not None else None
            found.append(Asked(type=kind, first=noplt, second=second))
    return found


def proposed_layout(layout: Layout) -> Layout:
    """Return `layout` with every type's range replaced by its classes' ranges."""
    ranges = {each.name: each for each in class_ranges(layout)}
    types: dict[ExecmemType, ExecmemRange] = dict(layout.types)
    for wish in asked(layout):
        first = ranges.get(wish.first)
        second = None if wish.second is None else ranges.get(wish.second)
        if first is None or first.start == first.end:
            first, second = second, None
        if first is None:
            continue
        types[wish.type] = evolve(
            layout.range_of(wish.type),
            start=first.start,
            end=first.end,
            fallback_start=0 if second is None else second.start,
            fallback_end=0 if second is None else second.end,
            inherited=False,
        )
    return evolve(layout, id=f"{layout.id}+proposed", types=types, notes=(*layout.notes, LABEL))


def place(layout: Layout, lens: str, modules: int = 300) -> Placement:
    """Run one workload under a layout: modules of many sizes, then probes and programs."""
    machine = Machine(layout)
    history = History(layout, machine.areas())
    for number in range(modules):
        machine.request(ExecmemType.MODULE_TEXT, (16 + number * 37 % 900) << 10)
        machine.request(ExecmemType.MODULE_DATA, (8 + number * 53 % 500) << 10)
    for kind in (ExecmemType.KPROBES, ExecmemType.FTRACE, ExecmemType.BPF):
        if not machine.why_unused(kind):
            for _ in range(4):
                machine.request(kind, machine.usual_size(kind))
    history.append(machine.take_events())
    snapshot = history.snapshot()
    counts = count_module_text(snapshot)
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    counters = snapshot.counters
    return Placement(
        lens=lens,
        allocations=counters.allocations,
        fallbacks=counters.fallbacks,
        failures=counters.failures,
        purges=counters.purges,
        direct=counts.direct,
        plt=counts.plt,
        unreachable=counts.unreachable,
        largest_hole=HoleIndex(snapshot).largest(entry.start, entry.end),
    )


def side_by_side(layout: Layout) -> tuple[Placement, Placement]:
    """Place the same workload by type, as today, and by class, as proposed."""
    return place(layout, "by type (today)"), place(proposed_layout(layout), "by class (proposed)")
