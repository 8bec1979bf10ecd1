"""What a screen shows of one snapshot: models made when they are first asked for.

Nothing is carried from step to step but what was found out about blocks of areas that both steps
have, so a model made after an event is the model made from scratch, for the price of the event.
"""

from enum import Enum
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Final

from attrs import evolve

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.analysis.reach import Origin, TextCounter, kernel_origin
from execmem_tui.model.areas import Area
from execmem_tui.model.blocks import Block
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import MIB, Address, Bytes, align_up, hex_address
from execmem_tui.view.address_space import SnapshotSpace, divided
from execmem_tui.view.axis import LARGEST_CELL, AddressSpace, Axis, Kind, row_width
from execmem_tui.view.cell_cache import CellCache
from execmem_tui.view.cell_index import CellIndex
from execmem_tui.view.cells import ReachWindow
from execmem_tui.view.labels import region_word
from execmem_tui.view.map_view import MapView
from execmem_tui.view.paint import KINDS, GhostLens, Paint
from execmem_tui.view.panes import PANES, PaneModel, pane_models, pane_span, pane_type
from execmem_tui.view.reach import ReachModel, RoxBlock, kernel_window, reach_model, rox_blocks

if TYPE_CHECKING:
    from execmem_tui.view.compared import Compared  # most of what is shown is compared with nothing

_NEAREST: Final[Bytes] = 256
"""Bytes: a map that fits what is used goes no nearer by itself."""

_NEAREST_PIECES: Final[Bytes] = 64
"""Nor than this where areas are divided: pieces of a page are what is to be seen then."""

_ROUND: Final = MIB
"""A window that begins at a multiple of so much has round rows from there on."""

_COLUMN: Final = 4
"""Cells that a block of the ROX cache needs to be seen as a column."""

_COUNTERS: Final = 8
"""Origins whose counts are kept."""


def _has_pieces(block: Block) -> bool:
    return any(divided(area) for area in block.areas)


def _filling(axis: Axis, start: Address, end: Address, rows: int) -> Axis:
    """Return an axis that folds less of [start, end), and still fits `rows` lines.

    What is left of them draws whole areas, else free space behind what is used.
    """
    lines = axis.page(start, rows)
    if any(line.fold is Kind.AREA for line in lines):
        whole = evolve(axis, keep=rows)
        if whole.fits(start, end, rows):
            axis, lines = whole, whole.page(start, rows)
    edges = {axis.start, *axis.cuts}
    holes = sum(line.fold is Kind.FREE and line.start not in edges for line in lines)
    if not holes:
        return axis
    least, most = (rows - len(lines)) // holes, rows - len(lines)
    while least < most:
        # small holes take less than their share, and leave more to the large ones
        air = (least + most + 1) // 2
        if evolve(axis, air=air).fits(start, end, rows):
            least = air
        else:
            most = air - 1
    return evolve(axis, air=least)


class Extent(Enum):
    """What `0` goes round: what is used with the rest folded, then the windows to scale."""

    USED = "used"
    WINDOW = "window"
    WHOLE = "whole"

    @property
    def next(self) -> "Extent":
        """What comes after it, round."""
        every = list(Extent)
        return every[(every.index(self) + 1) % len(every)]


class Shown:
    """Everything derived from one snapshot.

    Args:
        snapshot: the step.
        before: what was shown before it, whose counters and cells go on.
        paint: lens and filter of the map.
        beside: what another map shows on the same axis.
        compared: with what it is compared, and what came of it.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        before: "Shown | None" = None,
        paint: Paint = KINDS,
        beside: "Shown | None" = None,
        compared: "Compared | None" = None,
    ) -> None:
        self.snapshot = snapshot
        self.paint = paint
        self.beside = beside
        self.compared = compared
        self._spaces: dict[int, AddressSpace] = {}
        self._counters: dict[Origin | None, TextCounter] = {}
        self._cells = CellCache()
        if before is not None and before.snapshot.layout is snapshot.layout:
            self._counters = before._counters  # noqa: SLF001 - of its own kind
            self._cells = before._cells  # noqa: SLF001 - likewise

    @cached_property
    def index(self) -> CellIndex:
        """What rows are drawn from, as lens and filter have it."""
        return CellIndex(self.snapshot, self.paint, self._cells)

    @cached_property
    def kinds(self) -> CellIndex:
        """What lanes and the reach panel are drawn from: always the kinds."""
        return self.index if self.paint == KINDS else CellIndex(self.snapshot, kept=self._cells)

    @cached_property
    def holes(self) -> HoleIndex:
        """The free runs."""
        return HoleIndex(self.snapshot)

    @cached_property
    def rox(self) -> tuple[RoxBlock, ...]:
        """The blocks of the ROX cache, ascending."""
        return rox_blocks(self.snapshot)

    @cached_property
    def space(self) -> AddressSpace:
        """What lies where, by itself."""
        space = SnapshotSpace(self.snapshot, self.holes)
        if not isinstance(self.paint.lens, GhostLens):
            return space
        from execmem_tui.view.ghost_rows import GhostSpace

        return GhostSpace(space, self.paint)

    @cached_property
    def panes(self) -> tuple[PaneModel, ...]:
        """The models of the four panes."""
        return pane_models(self.snapshot, self.holes)

    @property
    def spilled(self) -> int:
        """How many areas lie in a fallback range now."""
        return sum(pane.spilled for pane in self.panes)

    def pane(self, number: int) -> PaneModel:
        """Return the model of pane 1 to 4."""
        return self.panes[number - 1]

    def pane_of(self, address: Address, focused: int) -> int:
        """Return the pane of the area at `address`: the focused one where none is its own."""
        area = self.snapshot.area_at(address)
        return self.pane_of_type(None if area is None else area.type, focused)

    def pane_of_type(self, kind: ExecmemType | None, focused: int) -> int:
        """Return the pane of a type: the focused one where none is its own."""
        for number, (_, types) in enumerate(PANES, 1):
            if kind in types:
                return number
        return focused

    def span(self, number: int) -> tuple[Address, Address]:
        """Return what the map of a pane may show.

        What it shows, and what the map beside it does.
        """
        start, end = pane_span(self.snapshot, PANES[number - 1][1])
        if self.beside is not None:
            by, layout = self.shift(number), self.snapshot.layout
            low, high = self.beside.span(number)
            # an offset that one of the two has no address for is on neither map
            start = max(min(start, low + by), by, 0)
            top = min(1 << layout.word_bits, (1 << self.beside.snapshot.layout.word_bits) + by)
            end = min(max(end, high + by), top)
        return start, end

    def shift(self, number: int) -> int:
        """Return what is to be added to an address of the map beside, for its place on this one."""
        if self.beside is None:
            return 0
        from execmem_tui.view.beside import shift

        kind = pane_type(number)
        return shift(self.snapshot.layout, self.beside.snapshot.layout, kind)

    def offsets_from(self, number: int) -> Address:
        """Return the address that the offsets of a pane are counted from."""
        from execmem_tui.view.beside import window_start

        return window_start(self.snapshot.layout, pane_type(number))

    def space_of(self, number: int) -> AddressSpace:
        """Return what the axis of a pane is laid over: what lies here, and on the map beside."""
        if self.beside is None:
            return self.space
        if number not in self._spaces:
            from execmem_tui.view.beside import CommonSpace, ShiftedSpace

            other = ShiftedSpace(self.beside.space, self.shift(number))
            self._spaces[number] = CommonSpace(self.space, other)
        return self._spaces[number]

    def origin_at(self, address: Address | None) -> Origin | None:
        """Return what reach counts from at an address, by its name; at None, the kernel image."""
        layout = self.snapshot.layout
        if address is None:
            return self.start
        area = self.snapshot.area_at(address)
        image = layout.image
        if image is not None and image[0] <= address < image[1]:
            return kernel_origin(layout)
        if area is not None and address < area.start + area.size:
            name = area.owner or area.name
            region = region_word(area.region)
            return Origin(area.start, area.start + area.size, f"{name} {region}".rstrip())
        return Origin(address, address + 1, hex_address(address, layout.word_bits))

    @property
    def start(self) -> Origin | None:
        """What reach counts from at first.

        The kernel image, or its start where no more is known.
        """
        layout = self.snapshot.layout
        if layout.image is None and layout.text is not None:
            return Origin(layout.text, layout.text + 1, "kernel text")
        return kernel_origin(layout)

    def reach(self, origin: Origin | None) -> ReachModel | None:
        """Return the reach panel's model; None counts from the kernel image."""
        if origin not in self._counters:
            if len(self._counters) >= _COUNTERS:
                self._counters.clear()
            self._counters[origin] = TextCounter(self.snapshot.layout, origin)
        start = self.start if origin is None else origin
        return reach_model(self.snapshot, self._counters[origin], start, self.rox)

    def window(self, number: int, origin: Origin | None) -> ReachWindow:
        """Return what free space is good for.

        For the types of a pane, and for calls from an origin.
        """
        layout = self.snapshot.layout
        start = self.start if origin is None else origin
        found = kernel_window(layout, start) or ReachWindow(None, None)
        # since 7.2 data of loongarch's modules has a window of its own
        windows = [layout.range_of(kind).windows for kind in self.pane(number).types]
        allowed = tuple(dict.fromkeys(chain.from_iterable(windows)))
        return found._replace(
            allowed=allowed if windows[0] else None, unseen=bool(self.snapshot.hidden)
        )

    def axis(self, number: int, columns: int, origin: Origin | None = None) -> Axis:
        """Return the folded axis of a pane for so many terminal columns, at the nearest zoom."""
        start, end = self.span(number)
        return Axis(
            space=self.space_of(number),
            start=start,
            end=end,
            columns=row_width(columns),
            anchor=self._anchor(number),
            cuts=self.cuts(number, origin),
        )

    def _anchor(self, number: int) -> Address:
        """Return where rows are counted from.

        The start of the pane's first window, if that is round.
        """
        start = self.snapshot.layout.range_of(pane_type(number)).start
        return start if start % _ROUND == 0 else 0

    def cuts(self, number: int, origin: Origin | None = None) -> tuple[Address, ...]:
        """Return where a pane's axis is cut.

        Borders of windows and of reach, edges of the image.
        """
        page = self.snapshot.layout.page_size
        window = self.window(number, origin)
        # where nothing may lie, it is all one how a call would reach it
        borders = [
            at for at in window.borders if not (window.forbidden(at - 1) and window.forbidden(at))
        ]
        # a reach ends some bytes beside a page: a line of its own for those would say nothing
        found = {align_up(at, page) for at in (*borders, *(self.snapshot.layout.image or ()))}
        if self.beside is not None:
            by = self.shift(number)
            found |= {align_up(cut + by, page) for cut in self.beside.cuts(number)}
        return tuple(sorted(found))

    def view(
        self,
        number: int,
        columns: int,
        rows: int,
        extent: Extent = Extent.USED,
        *,
        fills: bool = True,
    ) -> MapView:
        """Return the map of a pane as it begins: the cursor on the first area of its types.

        Where it `fills` its rows, those that would stay blank draw to scale what would fold: long
        areas, then free space behind what is used.
        """
        axis = self.axis(number, columns)
        start, end = self.extent(number, extent)
        if extent is not Extent.USED:
            axis = evolve(axis, folded=False)
        divided = any(block.find(_has_pieces) for block in self.snapshot.areas.blocks)
        finest = _NEAREST_PIECES if divided else _NEAREST
        layout = self.snapshot.layout
        # Where they can, blocks of a ROX cache stand in columns: their size is a power of two. So
        # is that of a page: one would be two cells wide and the next one three.
        in_columns = bool(self.rox) and axis.columns % 3 != 0
        unit = layout.page_size if fills and not in_columns else LARGEST_CELL
        view = MapView.at(axis, rows, start).fit(start, end, finest, unit=unit)
        if fills and in_columns and _COLUMN * view.axis.cell > layout.pmd_size:
            view = view.fit(start, end, finest, unit=layout.page_size)
        if fills and axis.folded and self._in_use(number) and view.axis.fits(start, end, rows):
            view = view.on(_filling(view.axis, start, end, rows))
        first = self.first_of(number)
        return view.goto(first.start) if first and start <= first.start < end else view

    def _in_use(self, number: int) -> bool:
        """Whether anything but the kernel lies in a pane's first window: else room says nothing."""
        start, end = self.extent(number, Extent.WINDOW)
        return any(area.type is not None for area in self.snapshot.between(start, end))

    def extent(self, number: int, extent: Extent) -> tuple[Address, Address]:
        """Return what the map of a pane fits, half-open: its first window, or all it may show."""
        lanes = self.pane(number).lanes
        if extent is Extent.WINDOW and lanes:
            return lanes[0].start, lanes[0].end
        return self.span(number)

    def first_of(self, number: int) -> Area | None:
        """Return the lowest area of a pane's types in its first window, else the lowest."""
        types, lanes = PANES[number - 1][1], self.pane(number).lanes
        if lanes:
            for area in self.snapshot.between(lanes[0].start, lanes[0].end):
                if area.type in types:
                    return area
        return next((area for area in self.snapshot.areas if area.type in types), None)

    def usual(self, number: int) -> Bytes:
        """Return the median size of the areas of a pane's types; a page where there is none."""
        types = PANES[number - 1][1]
        # not statistics.median: its import costs as much as a command
        sizes = sorted(area.footprint for area in self.snapshot.areas if area.type in types)
        return sizes[len(sizes) // 2] if sizes else self.snapshot.layout.page_size

    def neighbour(self, address: Address, step: int, types: tuple[object, ...] = ()) -> Area | None:
        """Return the next (1) or previous (-1) area from `address`, or None.

        Those of `types` come first: only where there are no more of them is it another's.
        """
        areas = self.snapshot.areas
        at = areas.first_from(address + 1 if step > 0 else address)
        rest = range(at, len(areas)) if step > 0 else range(at - 1, -1, -1)
        found = next((areas[index] for index in rest if areas[index].type in types), None)
        if found is None and len(rest):
            found = areas[rest[0]]
        return found
