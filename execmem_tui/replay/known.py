"""What snapshots beside a trace say of areas, and of the ROX cache, of which no event tells."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from attrs import evolve, field

from execmem_tui.consumers.load_sequence import TEXTS
from execmem_tui.model.areas import ROX_OWNER, Area, AreaState
from execmem_tui.model.records import define
from execmem_tui.model.units import Address

CACHED: Final = "free, or an unknown owner, for no event tells who takes from the ROX cache"
FOREVER: Final = 1 << 62
"""The line at which an area is freed that no trace frees."""


@define
class Known:
    """What snapshots beside the trace say of areas that the trace allocates."""

    phases: list[tuple[str, int, dict[Address, list[Area]]]] = field(factory=list)
    """(name, line of the trace, areas by the start of the vmap area they lie in)."""
    owners_untold: dict[str, dict[Address, list[Area]]] = field(factory=dict)
    """Snapshots of which no more is known than what is busy and what is lazy."""

    loads: list[dict[str, int]] = field(factory=list)
    """Of each snapshot the line of the last load of each module before it; where texts come from
    the ROX cache, else empty."""
    _texts: dict[int, dict[str, list[tuple[Address, Area]]]] = field(factory=dict, init=False)

    def label(self, start: Address, line: int, until: int) -> list[Area]:
        """Return what the first snapshot in the area's life (`line` to `until`) says of it.

        What of a ROX block is the text of a module that is loaded later is nobody's yet.
        """
        first = bisect_left(self.phases, line, key=moment_of)
        for index, (_, moment, areas) in enumerate(self.phases[first:], first):
            if moment >= until:
                break
            if start in areas:
                if not self.loads:
                    return areas[start]
                loads = self.loads[index]
                return [
                    nobodys(area, CACHED)
                    if area.region in TEXTS and loads.get(area.owner or "", 0) > line
                    else area
                    for area in areas[start]
                ]
        return []

    def texts_of(self, module: str, index: int, line: int) -> list[tuple[Address, Area]]:
        """Return what a snapshot says of the text of a module whose last load is at this line.

        Args:
            module: its name.
            index: of the snapshot.
            line: of its ``module_load``.

        Returns:
            (start of the block, text); [] where it is loaded again before the snapshot.
        """
        if index >= len(self.loads) or self.loads[index].get(module) != line:
            return []
        if index not in self._texts:
            found = self._texts[index] = {}
            for start, areas in self.phases[index][2].items():
                for area in areas:
                    if area.region in TEXTS and area.owner is not None:
                        found.setdefault(area.owner, []).append((start, area))
        return self._texts[index].get(module, [])

    def named(self, name: str) -> dict[Address, list[Area]]:
        """Return the areas of a snapshot; {} where there is no such one."""
        found = (areas for phase, _, areas in self.phases if phase == name)
        return next(found, self.owners_untold.get(name, {}))


def moment_of(phase: tuple[str, int, dict[Address, list[Area]]]) -> int:
    """Return the line of the trace at which a snapshot was complete."""
    return phase[1]


def nobodys(piece: Area, detail: str) -> Area:
    """Return what of a ROX block belongs to nobody that is known."""
    return evolve(
        piece,
        type=None,
        owner=ROX_OWNER,
        region=None,
        state=AreaState.CACHE_FREE,
        detail=detail,
    )


def cut_for(text: Area, under: Sequence[Area]) -> tuple[Area, ...]:
    """Return the pieces of a ROX block under a text with it in them; () where that is taken."""
    if not under or any(piece.owner != ROX_OWNER for piece in under):
        return ()
    first, last = under[0], under[-1]
    left, right = text.start - first.start, last.end - last.guard - text.end
    if left < 0 or (right <= 0 and text.end != last.end):
        return ()
    found = [evolve(first, size=left, guard=0)] if left else []
    found.append(text)
    if right > 0:
        found.append(evolve(last, start=text.end, size=right))
    return tuple(found)
