"""The areas as a list: sorted, filtered, a line each."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from itertools import chain
from typing import Any, Final

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.blocks import Areas, Block
from execmem_tui.model.ranges import Window
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Bytes, format_size, hex_address
from execmem_tui.view.finding import Entry

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
    return Entry(area.name, f"{area.start:x}  {format_size(area.size)}  {area.kind}")


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
    keys: dict[Order, Callable[[Area], Any]] = {
        Order.SIZE: lambda area: (-area.size, area.start),
        Order.OWNER: lambda area: (area.owner or "~", area.start),
    }
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
    """Return one area in `width` columns: address, `size` or its own, what it is; ``▲`` in a fallback range."""
    mark = "▲" if area.window is Window.FALLBACK else _MARKS[area.state]
    head = f"{hex_address(area.start, word_bits)} {size or format_size(area.size):>6} {mark}"
    room = max(0, width - len(head))
    name = area.name if len(area.name) <= room else area.name[: max(0, room - 1)] + "…"
    return head + name


def count_line(shown: int, all_areas: int, order: Order) -> str:
    """Return ``412 areas by size``, or ``12 of 412 areas by size``."""
    some = f"{all_areas:,}" if shown == all_areas else f"{shown:,} of {all_areas:,}"
    return f"{some} area{'' if all_areas == 1 else 's'} by {order}"
