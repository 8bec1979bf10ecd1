"""What lies around an address of a snapshot, for the axis that folds it."""

from bisect import bisect_right
from operator import attrgetter, itemgetter

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.areas import Area
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address
from execmem_tui.view.axis import Kind, Stretch

_START = attrgetter("start")


def divided(area: Area) -> bool:
    """Whether pieces of an area are known: slots, programs.

    Of a module they would be its symbols.
    """
    return area.parts is not None or bool(area.inside and area.region is None)


def piece_at(area: Area, address: Address) -> tuple[Address, Address, str]:
    """Return (start, end, name) of the piece of a divided area; name "" where it is unused.

    Of a capture's piece the end is not known: it is drawn to where the next begins.
    """
    parts = area.parts
    if parts is not None:
        index = bisect_right(parts, address, key=_START) - 1
        if index >= 0 and address < parts[index].end:
            return parts[index].start, parts[index].end, parts[index].name
        start = parts[index].end if index >= 0 else area.start
        return start, parts[index + 1].start if index + 1 < len(parts) else area.end, ""
    index = bisect_right(area.inside, address, key=itemgetter(0)) - 1
    end = area.inside[index + 1][0] if index + 1 < len(area.inside) else area.end
    if index < 0:
        return area.start, end, ""
    start, name = area.inside[index]
    return start, end, name


def open_ended(area: Area, address: Address) -> bool:
    """Whether an address of a divided area lies in its last named piece.

    Only the start of that one is known.
    """
    return area.parts is None and bool(area.inside) and address >= area.inside[-1][0]


class SnapshotSpace:
    """The holes, the areas and the kernel image of one snapshot. Making one costs nothing."""

    def __init__(self, snapshot: Snapshot, holes: HoleIndex) -> None:
        self.snapshot = snapshot
        self.holes = holes

    def stretch_at(self, address: Address) -> Stretch:
        """Return the hole, the area (guard included) or the image that covers `address`.

        Of an area that its consumer divides, it is the piece there, or what is unused between two.
        """
        hole = self.holes.at(address)
        if hole is not None:
            return Stretch(*hole, Kind.FREE)
        image = self.snapshot.layout.image
        if image is not None and image[0] <= address < image[1]:
            return Stretch(*image, Kind.IMAGE)
        areas = self.snapshot.areas
        index = areas.first_from(address + 1) - 1
        area = areas[index]
        before = index > 0 and areas[index - 1].end > area.start
        after = index + 1 < len(areas) and areas[index + 1].start < area.end
        if before or after or area.end <= address:
            return Stretch(address, address + 1, Kind.MIXED)
        if divided(area):
            start, end, _ = piece_at(area, address)
            return Stretch(start, end, Kind.AREA)
        return Stretch(area.start, area.end, Kind.AREA)
