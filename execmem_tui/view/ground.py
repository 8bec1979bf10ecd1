"""What lies around an address of a snapshot, for the axis that folds it."""

from attrs import frozen

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address
from execmem_tui.view.axis import Kind, Stretch


@frozen(eq=False)
class MapGround:
    """The holes, the areas and the kernel image of one snapshot. Making one costs nothing."""

    snapshot: Snapshot
    holes: HoleIndex

    def stretch_at(self, address: Address) -> Stretch:
        """Return the hole, the area (guard included) or the image that covers `address`.

        An area that its consumer divides is as mixed as several: its pieces are worth their rows.
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
        divided = area.parts is not None or (area.inside and area.region is None)
        if before or after or divided or area.end <= address:
            return Stretch(address, address + 1, Kind.MIXED)
        return Stretch(area.start, area.end, Kind.AREA)
