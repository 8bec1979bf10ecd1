"""Who is in the way of a request: the cheapest areas whose going would leave a hole for it."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes, align_up

_Obstacle = tuple[Address, Address, Area | None]
"""Start, end, and the area if it could go; None for what has to stay."""


@frozen(kw_only=True)
class InTheWay:
    """The cheapest run of areas whose going makes room for a request."""

    areas: tuple[Area, ...]
    """Live areas of execmem, ascending, nothing else between them."""
    cost: Bytes
    """Their address space, guards included."""
    leaves: Bytes
    """The hole that is there once they are gone."""

    @property
    def owners(self) -> tuple[str, ...]:
        """Who would have to go, the first by address first; areas of nobody known are left out."""
        return tuple(dict.fromkeys(area.owner for area in self.areas if area.owner))


def in_the_way(
    snapshot: Snapshot,
    start: Address,
    end: Address,
    need: Bytes,
    align: Bytes = 1,
    needed: Collection[str] = (),
) -> InTheWay | None:
    """Return the cheapest run of execmem areas that has to go for a hole in [start, end).

    The hole is of `need` bytes. Exact: a window slides over the areas once; of equal costs the
    fewest areas, then the lowest. The kernel image and other users of vmalloc space cannot go. None
    if nothing helps.

    Args:
        snapshot: the state; what is lazy or pooled counts as in use.
        start: of the window.
        end: of the window, exclusive.
        need: bytes of the padded request.
        align: power of two.
        needed: owners that have to stay.
    """
    best: tuple[Bytes, int, Address] | None = None
    answer: tuple[Sequence[Area], Bytes] = ((), 0)
    for areas, edges in _runs(_obstacles(snapshot, start, end, needed), start, end):
        totals = [0]
        for area in areas:
            totals.append(totals[-1] + area.footprint)
        last = 0
        for first in range(len(areas)):
            last = max(last, first)
            base = align_up(edges[first][0], align)
            while last < len(areas) and base + need > edges[last + 1][1]:
                last += 1
            if last == len(areas):
                break
            cost = totals[last + 1] - totals[first]
            rank = (cost, last + 1 - first, areas[first].start)
            if best is None or rank < best:
                best = rank
                answer = areas[first : last + 1], edges[last + 1][1] - edges[first][0]
    if best is None:
        return None
    return InTheWay(areas=tuple(answer[0]), cost=best[0], leaves=answer[1])


def _runs(
    obstacles: Iterable[_Obstacle], start: Address, end: Address
) -> Iterator[tuple[list[Area], list[tuple[Address, Address]]]]:
    """Yield stretches of areas that could go, each with the free gaps around its areas.

    Gap n lies before area n, the last one after the last area: one more than there are areas.
    """
    stretch: list[Area] = []
    gaps: list[tuple[Address, Address]] = []
    at = start
    for low, high, area in obstacles:
        if area is not None and low >= at:
            gaps.append((at, low))
            stretch.append(area)
        else:
            yield stretch, [*gaps, (at, max(at, low))]
            stretch, gaps = [], []
        at = max(at, high)
    yield stretch, [*gaps, (at, max(at, end))]


def _obstacles(
    snapshot: Snapshot, start: Address, end: Address, needed: Collection[str]
) -> Iterator[_Obstacle]:
    """Yield all that is in use, ascending."""
    found: list[_Obstacle] = [
        (area.start, area.end, area if _could_go(area) and area.owner not in needed else None)
        for area in snapshot.between(start, end)
    ]
    image = snapshot.layout.image
    if image is not None and image[0] < end and image[1] > start:
        found.append((*image, None))
        found.sort(key=_first)
    return iter(found)


def _first(obstacle: _Obstacle) -> Address:
    return obstacle[0]


def _could_go(area: Area) -> bool:
    return area.state is AreaState.LIVE and area.type is not None
