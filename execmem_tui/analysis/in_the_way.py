"""Who is in the way of a request: the cheapest areas whose going would leave a hole for it."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final, NamedTuple

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.intervals import Interval
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes, align_up

_HARDLY: Final = 8
"""A part in so many more bytes is hardly more."""
_FEWER: Final = 2
"""So many times fewer owners are worth them."""

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
    best = min(_fitting(snapshot, start, end, need, align, needed), default=None, key=_cheapest)
    return None if best is None else _answer(best)


def fewer_in_the_way(
    snapshot: Snapshot,
    window: Interval,
    need: Bytes,
    align: Bytes,
    needed: Collection[str],
    cheapest: InTheWay,
) -> InTheWay:
    """Return the run that a person would take rather than the `cheapest`, or that one.

    Of runs that cost hardly more bytes (an eighth at most) that of the fewest owners, where they
    are half as many at most: one module of 8M goes sooner than 81 small ones of 8M together.

    Args:
        snapshot: the state, and `need`, `align` and `needed`, as `in_the_way` has them.
        window: start and end, exclusive.
        need: bytes of the padded request.
        align: power of two.
        needed: owners that have to stay.
        cheapest: what `in_the_way` found.
    """
    if len(cheapest.owners) < _FEWER:
        return cheapest
    most = cheapest.cost + cheapest.cost // _HARDLY
    near = (run for run in _fitting(snapshot, *window, need, align, needed) if run.cost <= most)
    best = min(near, key=_fewest)
    return _answer(best) if best.owners * _FEWER <= len(cheapest.owners) else cheapest


class _Fitting(NamedTuple):
    """Neighbours whose going makes a hole that is large enough, none of them too many."""

    cost: Bytes
    owners: int
    first: int
    last: int
    """Of `stretch`, the area after the last one."""
    stretch: list[Area]
    leaves: Bytes


def _cheapest(run: _Fitting) -> tuple[int, ...]:
    return run.cost, run.last - run.first, run.stretch[run.first].start


def _fewest(run: _Fitting) -> tuple[int, ...]:
    return run.owners, *_cheapest(run)


def _answer(run: _Fitting) -> InTheWay:
    areas = tuple(run.stretch[run.first : run.last])
    return InTheWay(areas=areas, cost=run.cost, leaves=run.leaves)


def _fitting(
    snapshot: Snapshot,
    start: Address,
    end: Address,
    need: Bytes,
    align: Bytes,
    needed: Collection[str],
) -> Iterator[_Fitting]:
    """Yield, from each area on, the shortest run that makes room: a window that slides once."""
    for areas, edges in _runs(_obstacles(snapshot, start, end, needed), start, end):
        inside: dict[object, int] = {}
        cost, last = 0, 0
        for first, out in enumerate(areas):
            base = align_up(edges[first][0], align)
            while last < len(areas) and (last <= first or base + need > edges[last][1]):
                owner = areas[last].owner or areas[last].start
                inside[owner] = inside.get(owner, 0) + 1
                cost += areas[last].footprint
                last += 1
            if base + need > edges[last][1]:
                break
            leaves = edges[last][1] - edges[first][0]
            yield _Fitting(cost, len(inside), first, last, areas, leaves)
            cost -= out.footprint
            owner = out.owner or out.start
            inside[owner] -= 1
            if not inside[owner]:
                del inside[owner]


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
