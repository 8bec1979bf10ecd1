"""How much of a window is left, and why a request does not fit.

It meets too little room, or room that is too scattered.
"""

from enum import StrEnum
from typing import NamedTuple

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.layouts import Layout
from execmem_tui.model.units import Address, Bytes


class Shortage(StrEnum):
    """Why a request finds no hole."""

    NONE = "fits"
    EXHAUSTED = "exhausted"
    """Less is free than was asked for."""
    FRAGMENTED = "fragmented"
    """Enough is free, but nowhere in one piece."""


class Room(NamedTuple):
    """One window. Everything in bytes but `holes`."""

    size: Bytes
    """All of it but the kernel image, where that lies inside."""
    free: Bytes
    holes: int
    largest: Bytes

    @property
    def taken(self) -> Bytes:
        """What areas of any kind take."""
        return self.size - self.free

    def short_by(self, need: Bytes) -> Bytes:
        """Return how much the largest hole lacks for a padded request, 0 if it is large enough."""
        return max(0, need - self.largest)

    def shortage(self, need: Bytes) -> Shortage:
        """Say whether a padded request fits, and if not, why.

        Alignment is not looked at: `mm.free_space` knows.
        """
        if need <= self.largest:
            return Shortage.NONE
        return Shortage.EXHAUSTED if self.free < need else Shortage.FRAGMENTED


def room_in(layout: Layout, holes: HoleIndex, start: Address, end: Address) -> Room:
    """Measure the window [start, end)."""
    image = layout.image
    inside = 0 if image is None else max(0, min(image[1], end) - max(image[0], start))
    return Room(
        size=max(0, end - start - inside),
        free=holes.free(start, end),
        holes=holes.count(start, end),
        largest=holes.largest(start, end),
    )
