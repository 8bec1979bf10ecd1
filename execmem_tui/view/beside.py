"""Two snapshots on one folded axis.

Offset for offset from the start of a window, wherever KASLR put it.
"""

from attrs import field

from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address
from execmem_tui.view.axis import AddressSpace, Axis, Kind, Stretch
from execmem_tui.view.map_view import MapView


def window_start(layout: Layout, kind: ExecmemType) -> Address:
    """Return what offsets are counted from.

    The start of a type's window, the image where there is none.
    """
    entry = layout.range_of(kind)
    return entry.start if entry.end > entry.start else layout.text or 0


def shift(one: Layout, other: Layout, kind: ExecmemType) -> int:
    """Return what is to be added to an address of `other` so that it is one of `one`, bytes."""
    return window_start(one, kind) - window_start(other, kind)


def offset_text(address: Address, start: Address) -> str:
    """Return an offset as a gutter has it: ``+c600000``, ``-78000000``."""
    away = address - start
    return f"{'-' if away < 0 else '+'}{abs(away):x}"


def gutter(span: tuple[Address, Address], start: Address) -> int:
    """Return the letters of the longest offset of a pane whose map shows `span`."""
    return max(len(offset_text(at, start)) for at in span)


@frozen(eq=False)
class ShiftedSpace:
    """A space moved by so many bytes."""

    space: AddressSpace
    by: int

    def stretch_at(self, address: Address) -> Stretch:
        """Return what covers `address` once all is moved."""
        found = self.space.stretch_at(address - self.by)
        return found._replace(start=found.start + self.by, end=found.end + self.by)


@frozen(eq=False)
class CommonSpace:
    """What two spaces have in common: a fold hides only what says nothing in either."""

    one: AddressSpace
    other: AddressSpace

    def stretch_at(self, address: Address) -> Stretch:
        """Return the longest stretch around `address` that is all one thing in both."""
        one, other = self.one.stretch_at(address), self.other.stretch_at(address)
        start, end = max(one.start, other.start), min(one.end, other.end)
        return Stretch(start, end, _both(one.kind, other.kind))


def _both(one: Kind, other: Kind) -> Kind:
    kinds = {one, other}
    if Kind.MIXED in kinds:
        return Kind.MIXED
    if kinds == {Kind.FREE}:
        return Kind.FREE
    # beside free space an image folds whole, as it does beside another image
    return Kind.IMAGE if kinds <= {Kind.IMAGE, Kind.FREE} else Kind.AREA


@frozen
class Beside:
    """A map's view as the other map has it.

    Args:
        by: what is to be added to an address of the map to get that of the other one.
    """

    by: int
    _spaces: list[tuple[AddressSpace, AddressSpace]] = field(
        factory=list, eq=False, repr=False, init=False
    )

    def space(self, space: AddressSpace) -> AddressSpace:
        """Return a space moved.

        The same object for the same one, so that equal axes stay equal.
        """
        if not self._spaces or self._spaces[0][0] is not space:
            self._spaces[:] = [(space, ShiftedSpace(space, self.by))]
        return self._spaces[0][1]

    def axis(self, axis: Axis) -> Axis:
        """Return an axis moved: the same lines at other addresses."""
        by, opened = self.by, axis.opened
        return Axis(
            space=self.space(axis.space),
            start=axis.start + by,
            end=axis.end + by,
            columns=axis.columns,
            cell=axis.cell,
            anchor=axis.anchor + by,
            cuts=tuple(cut + by for cut in axis.cuts),
            folded=axis.folded,
            opened=None if opened is None else (opened[0] + by, opened[1] + by),
            least=axis.least,
            keep=axis.keep,
            air=axis.air,
        )

    def view(self, view: MapView) -> MapView:
        """Return a view moved: the same lines in sight, the cursor in the same cell."""
        return view._replace(
            axis=self.axis(view.axis), top=view.top + self.by, cursor=view.cursor + self.by
        )
