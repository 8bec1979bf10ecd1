"""The meters of a running machine, read from its allocator: those of a snapshot, without a map."""

from collections.abc import Iterator

from execmem_tui.consumers.counts import Counts
from execmem_tui.consumers.machine import Machine
from execmem_tui.model.intervals import Interval
from execmem_tui.model.meters import Meter, meters_of
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address, Bytes


class FreePieces:
    """The free pieces of a machine, ascending.

    The kernel image is none, also where no vmap area covers it.
    """

    def __init__(self, machine: Machine) -> None:
        image = machine.layout.image
        self._pieces: list[Interval] = []
        for start, end in machine.execmem.vmalloc.space:
            if image is None or end <= image[0] or image[1] <= start:
                self._pieces.append((start, end))
                continue
            around = (start, image[0]), (image[1], end)
            self._pieces += [piece for piece in around if piece[0] < piece[1]]

    def within(self, start: Address, end: Address) -> Iterator[Bytes]:
        """Yield the bytes of each free run of [start, end)."""
        return (
            min(last, end) - max(first, start)
            for first, last in self._pieces
            if first < end and last > start
        )

    def free(self, start: Address, end: Address) -> Bytes:
        """Return the free bytes of [start, end)."""
        return sum(self.within(start, end))

    def largest(self, start: Address, end: Address) -> Bytes:
        """Return the longest free run of [start, end) in bytes."""
        return max(self.within(start, end), default=0)


def meters(machine: Machine, counts: Counts) -> dict[ExecmemType, Meter]:
    """Return the meter of every type; `counts` are of `machine`."""
    used = dict.fromkeys(ExecmemType, 0)
    for held in counts.held.values():
        if held.kind is not None:
            used[held.kind] += held.footprint
    waiting = list(machine.execmem.vmalloc.lazy())

    def lazy(windows: tuple[Interval, ...]) -> Bytes:
        return sum(
            area.end - area.start
            for area in waiting
            if any(low <= area.start < high for low, high in windows)
        )

    return meters_of(machine.layout, FreePieces(machine), used, lazy)
