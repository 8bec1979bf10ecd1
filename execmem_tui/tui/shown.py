"""What the screen shows of one source: models made once per snapshot, handed down to widgets."""

from functools import cached_property

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Allocated, Event
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address
from execmem_tui.sources.base import Commanded, Source
from execmem_tui.view.cells import CellIndex, ReachWindow
from execmem_tui.view.panes import PANES, PaneModel, pane_focus, pane_models, pane_span
from execmem_tui.view.rulers import ReachModel, default_origin, reach_model, reach_window


class Shown:
    """Everything derived from one snapshot, each model made when it is first asked for."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot

    @cached_property
    def index(self) -> CellIndex:
        """What rows and lanes are drawn from."""
        return CellIndex(self.snapshot)

    @cached_property
    def holes(self) -> HoleIndex:
        """The free runs."""
        return HoleIndex(self.snapshot)

    @cached_property
    def panes(self) -> tuple[PaneModel, ...]:
        """The models of the four panes."""
        return pane_models(self.snapshot, self.holes)

    def pane(self, number: int) -> PaneModel:
        """Return the model of pane 1 to 4."""
        return self.panes[number - 1]

    def pane_of(self, address: Address, focused: int) -> int:
        """Return the pane of the area at `address`: the focused one where none is its own."""
        area = self.snapshot.area_at(address)
        for number, (_, types) in enumerate(PANES, 1):
            if area is not None and area.type in types:
                return number
        return focused

    def span(self, number: int) -> tuple[Address, Address]:
        """Return what the detail map of a pane may show."""
        return pane_span(self.snapshot, PANES[number - 1][1])

    def focus(self, number: int) -> tuple[Address, Address]:
        """Return what it shows at first."""
        return pane_focus(self.snapshot, self.pane(number))

    def reach(self, origin: Address | None) -> ReachModel | None:
        """Return the reach panel's model."""
        name = "kernel text" if origin is None else "the cursor"
        return reach_model(self.snapshot, origin, name)

    def window(self, origin: Address | None) -> ReachWindow | None:
        """Return the shades of free space."""
        layout = self.snapshot.layout
        return reach_window(layout, default_origin(layout) if origin is None else origin)

    def neighbour(self, address: Address, step: int) -> Area | None:
        """Return the next (1) or previous (-1) area from `address`, or None."""
        areas = self.snapshot.areas
        index = self.snapshot.index_at(address)
        if step > 0:
            while index < len(areas) and areas[index].start <= address:
                index += 1
            return areas[index] if index < len(areas) else None
        while index > 0 and (index >= len(areas) or areas[index].start >= address):
            index -= 1
        return areas[index] if index < len(areas) and areas[index].start < address else None


def recent(source: Source, most: int) -> list[tuple[int, Event]]:
    """Return (step, event) of the newest events up to the cursor, newest first."""
    step = source.history.step
    events = source.history.events(max(0, step - most), step)
    first = step - len(events)
    return [(first + number, event) for number, event in enumerate(events, 1)][::-1]


def is_fallback(event: Event) -> bool:
    """Whether an event used a fallback range."""
    return isinstance(event, Allocated) and event.fallback


def commanded(source: Source) -> Commanded | None:
    """Return the source as one that takes commands, or None."""
    return source if isinstance(source, Commanded) else None


def pane_type(number: int) -> ExecmemType:
    """Return the type that `a` allocates in a pane."""
    return PANES[number - 1][1][0]
