"""Two moments or machines compared, in words.

What each is called, the sums, what became of a place.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from execmem_tui.analysis.superpose import Difference, Pairing, Sum, Superposition
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Noted
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes, format_size, hex_address, signed_size
from execmem_tui.sources.base import Side
from execmem_tui.view.labels import region_word
from execmem_tui.view.words import cut_at_end

_NAME: Final = 40
"""Letters of a name beside the sums."""
_UNSEEN: Final = "not all areas are seen on one side: they cannot be laid over each other"
"""Their addresses are hidden, or events were lost."""


@frozen(eq=False)
class Compared:
    """Two sides laid over each other, and what they are called."""

    found: Superposition
    a: str
    b: str

    @property
    def hidden(self) -> bool:
        """Whether one side hides its addresses: then nothing can be laid over anything."""
        return bool(self.found.before.hidden or self.found.after.hidden)


def compared(a: Side, b: Side, found: Superposition) -> Compared:
    """Return the comparison with names that tell one side from the other."""
    names = names_of(a, b)
    return Compared(found, *names)


def names_of(a: Side, b: Side) -> tuple[str, str]:
    """Return what the two are called: their titles, and what else tells them apart."""
    one, two = a.snapshot.layout, b.snapshot.layout
    kinds = (
        ("", one.arch, two.arch),
        ("kernel ", one.kernel, two.kernel),
        ("", one.variant, two.variant),
        ("KASLR ", one.kaslr, two.kaslr),
    )
    left: list[str] = []
    right: list[str] = []
    # what tells them apart comes first: the rest is what is cut off
    for word, mine, other in kinds:
        if mine != other:
            left += [f"{word}{mine}"] if mine and mine not in a.title else []
            right += [f"{word}{other}"] if other and other not in b.title else []
    if a.title != b.title:
        left.append(a.title)
        right.append(b.title)
    if one is two or left == right:
        left.append(moment(a.snapshot))
        right.append(moment(b.snapshot))
    return printable(" · ".join(left), 200), printable(" · ".join(right), 200)


def moment(snapshot: Snapshot) -> str:
    """Return ``step 4,680``, or the mark that stands there: a phase of a capture."""
    event = snapshot.event
    if isinstance(event, Noted) and event.mark:
        return event.text.partition(":")[0]
    return f"step {snapshot.step:,}"


def sums_text(found: Superposition) -> str:
    """Return what differs between two snapshots laid over each other, counted.

    ``13 only B 2.1M · 1 moved · 530 same: 2.1M more``.
    """
    parts = [_sum_text(name, found.sums[name]) for name in Difference if found.sums[name].areas]
    more = found.delta
    whole = f": {format_size(abs(more))} {'more' if more > 0 else 'less'}" if more else ""
    return f"{' · '.join(parts) or 'nothing to compare'}{whole}"


def _sum_text(name: Difference, found: Sum) -> str:
    size: Bytes = abs(found.delta)
    words = f"{found.areas:,} {name.value}"
    return f"{words} {format_size(size)}" if size else words


def compared_text(it: Compared, width: int) -> str:
    """Return one line of at most `width` columns: who is compared with whom, and the sums."""
    if it.hidden:
        sums = _UNSEEN
    elif it.found.before is it.found.after:
        sums = "this moment is A: go elsewhere in time, or to another machine"
    else:
        sums = sums_text(it.found)
    room = (width - len(sums) - len("A   B   ")) // 2
    if room < len("step 1"):
        return cut_at_end(f"A B  {sums}", width)
    return cut_at_end(f"A {cut_at_end(it.a, room)}  B {cut_at_end(it.b, room)}  {sums}", width)


def place_lines(it: Compared, address: Address) -> Iterator[str]:
    """Yield what the comparison says of an address of B's map."""
    found = it.found
    area = found.after.area_at(address)
    here = None if area is None else found.pairing(area)
    bits = found.before.layout.word_bits
    if here is not None:
        yield {
            Difference.ONLY_B: "only in B",
            Difference.SAME: "the same in A",
            Difference.MOVED: "moved",
            Difference.GROWN: f"{signed_size(here.delta)} against A",
            Difference.ONLY_A: "",
        }[here.difference]
        if here.before is not None and here.difference is not Difference.SAME:
            yield f"in A {hex_address(here.before.start, bits)}, {format_size(here.before.size)}"
    for gone in found.gone_within(address, address + 1):
        yield f"only in A: {area_name(gone.area)} {format_size(gone.area.size)}"
        yield f"in A {hex_address(gone.area.start, bits)}"


def area_name(area: Area) -> str:
    """Return ``e1000e text``."""
    return f"{area.owner or area.name} {region_word(area.region)}".rstrip()


class DifferenceOrder(StrEnum):
    """What the table is sorted by."""

    DELTA = "delta"
    ADDRESS = "address"
    OWNER = "owner"

    def next(self) -> "DifferenceOrder":
        """Return the order that `s` comes to from this one."""
        orders = list(DifferenceOrder)
        return orders[(orders.index(self) + 1) % len(orders)]


def table(found: Superposition, order: DifferenceOrder = DifferenceOrder.DELTA) -> list[Pairing]:
    """Return all that differs, in an order."""
    if order is DifferenceOrder.DELTA:
        return found.by_delta()
    if order is DifferenceOrder.OWNER:
        return sorted(found.differences, key=lambda each: (area_name(each.area), each.at))
    return list(found.differences)


def difference_lines(a: Side, b: Side) -> list[str]:
    """Return the sums and the table of two sides as lines of text."""
    it = compared(a, b, Superposition(a.snapshot, b.snapshot))
    lines = [f"A  {it.a}", f"B  {it.b}"]
    if it.hidden:
        return [*lines, _UNSEEN]
    lines.append(sums_text(it.found))
    rows = [table_line(each, b.snapshot.layout.word_bits) for each in table(it.found)]
    return [*lines, "", table_head(), *rows] if rows else lines


_OWNER, _REGION, _SIZE = 28, 13, 8
_REST: Final = 67
"""Columns of all but the owner."""

TABLE: Final = _OWNER + _REST
"""Columns that the table takes where there is room."""


def table_head(order: DifferenceOrder = DifferenceOrder.DELTA, width: int = TABLE) -> str:
    """Return the names of the columns, and what the table is sorted by."""
    return _columns(width, "owner", "region", "A", "B", "delta", "", f"B · by {order}")


def table_line(each: Pairing, word_bits: int, width: int = TABLE) -> str:
    """Return one difference: owner, region, sizes in A and in B, delta, what it is, where."""
    area = each.area
    return _columns(
        width,
        area.owner or area.name,
        region_word(area.region) or "–",
        _size_of(each.before),
        _size_of(each.after),
        signed_size(each.delta),
        each.difference.value,
        hex_address(each.at, word_bits),
    )


def _size_of(side: Area | None) -> str:
    return "–" if side is None else format_size(side.size)


def _columns(
    width: int, owner: str, region: str, a: str, b: str, delta: str, what: str, at: str
) -> str:
    room = max(8, min(_OWNER, width - _REST))
    return (
        f"{cut_at_end(owner, room):<{room}} {region:<{_REGION}} {a:>{_SIZE}} {b:>{_SIZE}}"
        f" {delta:>{_SIZE}}  {what:<6}  {at}"
    ).rstrip()
