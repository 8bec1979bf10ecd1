"""The areas as a list: sorted, filtered, a line each."""

from bisect import bisect_left, insort_right
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from itertools import chain, islice
from operator import attrgetter
from typing import Any, Final

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.blocks import Areas, Block
from execmem_tui.model.ranges import Window
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Bytes, format_size, hex_address
from execmem_tui.view.finding import Entry
from execmem_tui.view.words import cut_at_end

_MARKS: Final = {
    AreaState.LAZY: "z",
    AreaState.POOLED: "q",
    AreaState.CACHE_FREE: "r",
    AreaState.LIVE: " ",
}


class Order(StrEnum):
    """What the list is sorted by."""

    ADDRESS = "address"
    SIZE = "size"
    OWNER = "owner"
    TOTAL = "owner's total"
    """The owner that takes most first: what one would unload."""
    DELTA = "delta"
    """The largest change of size first, while something is compared."""

    def next(self, *, compared: bool) -> "Order":
        """Return the order that `s` comes to from this one."""
        orders = [order for order in Order if compared or order is not Order.DELTA]
        return orders[(orders.index(self) + 1) % len(orders)] if self in orders else orders[0]


def area_entries(areas: Sequence[Area]) -> list[Entry]:
    """Return what a chooser finds the areas by: their name, and their address beside it."""
    if isinstance(areas, Areas):
        return list(chain.from_iterable(block.find(_block_entries) for block in areas.blocks))
    return [_entry(area) for area in areas]


def _block_entries(block: Block) -> list[Entry]:
    return [_entry(area) for area in block.areas]


def _entry(area: Area) -> Entry:
    return Entry(area.name, f"{area.start:x}  {format_size(area.size):>7}  {area.kind}")


KEYS: Final[dict[Order, Callable[[Area], Any]]] = {
    Order.ADDRESS: attrgetter("start"),
    Order.SIZE: lambda area: (-area.size, area.start),
    Order.OWNER: lambda area: (area.owner or "~", area.start),
}
"""Of the orders in which the place of an area depends on nothing but itself."""

_FEW: Final = 4096
"""Areas in blocks that changed, up to which they are put in their places one by one."""


class Listing:
    """A list of areas that follows from step to step: an event moves the areas of the event."""

    def __init__(self) -> None:
        self._how: tuple[object, ...] = ()
        self._blocks: frozenset[Block] = frozenset()
        self._areas: list[Area] = []

    def of(
        self,
        snapshot: Snapshot,
        order: Order,
        wanted: Callable[[Area], bool] | None = None,
        delta: Callable[[Area], Bytes] | None = None,
    ) -> Sequence[Area]:
        """Return what `listed` does."""
        key = KEYS.get(order)
        if key is None or (wanted is None and order is Order.ADDRESS):
            return listed(snapshot, order, wanted, delta)
        how, blocks = (order, wanted), frozenset(snapshot.areas.blocks)
        gone, come = _areas_of(self._blocks - blocks), _areas_of(blocks - self._blocks)
        if how != self._how or len(gone) + len(come) > _FEW:
            self._areas = list(listed(snapshot, order, wanted))
        else:
            self._areas = self._areas.copy()  # the last one is still being shown
            for area in (gone[at] for at in gone.keys() - come.keys()):
                if wanted is None or wanted(area):
                    at = bisect_left(self._areas, key(area), key=key)
                    del self._areas[at + _place_of(area, islice(self._areas, at, None))]
            for area in (come[at] for at in come.keys() - gone.keys()):
                if wanted is None or wanted(area):
                    insort_right(self._areas, area, key=key)
        self._how, self._blocks = how, blocks
        return self._areas


def _areas_of(blocks: frozenset[Block]) -> dict[int, Area]:
    """Return the areas of some blocks by identity.

    Most of a changed block are in the new one too.
    """
    return {id(area): area for block in blocks for area in block.areas}


def _place_of(area: Area, areas: Iterable[Area]) -> int:
    return next(at for at, each in enumerate(areas) if each is area)


def listed(
    snapshot: Snapshot,
    order: Order,
    wanted: Callable[[Area], bool] | None = None,
    delta: Callable[[Area], Bytes] | None = None,
) -> Sequence[Area]:
    """Return the areas that `wanted` takes (None: all), in an order.

    Args:
        snapshot: the step.
        order: of the list.
        wanted: what is asked for.
        delta: how much larger an area is than what it is compared with, for the order by it.
    """
    if wanted is None and order is Order.ADDRESS:
        return snapshot.areas  # as they are: a list that stands there is made anew at each step
    areas = [area for area in snapshot.areas if wanted is None or wanted(area)]
    keys = dict(KEYS)
    if delta is not None:
        keys[Order.DELTA] = lambda area: (-abs(delta(area)), area.start)
    if order is Order.TOTAL:
        totals: dict[str, Bytes] = {}
        for area in areas:
            totals[area.owner or ""] = totals.get(area.owner or "", 0) + area.size
        return sorted(
            areas, key=lambda area: (-totals[area.owner or ""], area.owner or "", area.start)
        )
    key = keys.get(order)
    return areas if key is None else sorted(areas, key=key)


def area_line(area: Area, word_bits: int, width: int, size: str = "") -> str:
    """Return one area in `width` columns: address, `size` or its own, what it is.

    ``▲`` in a fallback range.
    """
    mark = "▲" if area.window is Window.FALLBACK else _MARKS[area.state]
    head = f"{hex_address(area.start, word_bits)} {size or format_size(area.size):>6} {mark} "
    room = max(0, width - len(head))
    return head + cut_at_end(area.name, room)


def count_line(shown: int, all_areas: int, order: Order) -> str:
    """Return ``412 areas by size``, or ``12 of 412 areas by size``."""
    some = f"{all_areas:,}" if shown == all_areas else f"{shown:,} of {all_areas:,}"
    return f"{some} area{'' if all_areas == 1 else 's'} by {order}"
