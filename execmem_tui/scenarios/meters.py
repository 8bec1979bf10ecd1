"""The meters of a running machine, read from its allocator.

The same numbers as those of a snapshot, without a map.
"""

from collections.abc import Iterator

from execmem_tui.model.ranges import ExecmemRange, ExecmemType
from execmem_tui.model.units import Address, Bytes
from execmem_tui.scenarios.machine import CountingMachine

Pieces = list[tuple[Address, Address]]


def windows(entry: ExecmemRange) -> Pieces:
    """Return the windows of a range: preferred, and fallback where there is one."""
    found = [(entry.start, entry.end)] if entry.end > entry.start else []
    if entry.has_fallback:
        found.append((entry.fallback_start, entry.fallback_end))
    return found


def free_pieces(machine: CountingMachine) -> Pieces:
    """Return the free pieces ascending.

    The kernel image is none, also where no vmap area covers it.
    """
    image = machine.layout.image
    found: Pieces = []
    for start, end in machine.execmem.vmalloc.space:
        if image is None or end <= image[0] or image[1] <= start:
            found.append((start, end))
            continue
        found += [piece for piece in ((start, image[0]), (image[1], end)) if piece[0] < piece[1]]
    return found


def _within(pieces: Pieces, start: Address, end: Address) -> Iterator[Bytes]:
    return (
        min(last, end) - max(first, start) for first, last in pieces if first < end and last > start
    )


def _joined(pairs: Pieces) -> Pieces:
    merged: Pieces = []
    for start, end in sorted(pairs):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def meters(machine: CountingMachine) -> dict[str, dict[str, Bytes]]:
    """Return used, lazy, free and largest_hole of every type, bytes."""
    pieces = free_pieces(machine)
    used = dict.fromkeys(ExecmemType, 0)
    for held in machine.held.values():
        if held.kind is not None:
            used[held.kind] += held.footprint
    lazy = [(area.start, area.end - area.start) for area in machine.execmem.vmalloc.lazy()]
    found: dict[str, dict[str, Bytes]] = {}
    known: dict[tuple[tuple[Address, Address], ...], dict[str, Bytes]] = {}
    for kind in ExecmemType:
        pairs = windows(machine.layout.range_of(kind))
        key = tuple(pairs)
        if key not in known:
            known[key] = {
                "lazy": sum(
                    size for at, size in lazy if any(start <= at < end for start, end in pairs)
                ),
                "free": sum(sum(_within(pieces, start, end)) for start, end in _joined(pairs)),
                "largest_hole": max(
                    (size for pair in pairs for size in _within(pieces, *pair)), default=0
                ),
            }
        found[kind.name] = {"used": used[kind], **known[key]}
    return found
