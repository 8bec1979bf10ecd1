"""Who is told what a simulated kernel does: the ledger that keeps a map, the counts, a test."""

from collections.abc import Iterator
from typing import NamedTuple, Self

from execmem_tui.mm.journal import Record
from execmem_tui.model.areas import Area, Part
from execmem_tui.model.events import Event
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address, Bytes


class Request(NamedTuple):
    """What was asked, and what came of it."""

    kind: ExecmemType | None
    """None for other users of vmalloc space."""
    size: Bytes
    owner: str
    region: str | None
    detail: str
    result: Address | None


class Observer:
    """Is told all that a machine does, and by itself does nothing about it.

    Records of the allocator come as they are written (`append`), between the beginning and the end
    of a call to the machine. The first observer of a machine also answers what is where.
    """

    idle_purges = True
    """It wants to hear of purges that find nothing, too."""

    def append(self, record: Record, /) -> None:
        """Take one record of the allocator's journal."""

    def begun(self, kind: ExecmemType | None) -> None:
        """A request for a type of executable memory begins."""

    def ended(self, request: Request | None, *, quiet: bool = True) -> None:
        """A call is over; `request` if it was one. Not `quiet`: tell even that nothing happened."""

    def occupied(self, area: Area) -> None:
        """Another user of vmalloc space took an area."""

    def adopted(self, area: Area) -> None:
        """An area is there from the beginning: another kernel's map goes on here."""

    def permissions_changed(self, start: Address, size: Bytes, permissions: str) -> None:
        """set_memory_*() was called."""

    def relabelled(
        self, start: Address, owner: str | None, region: str | None, detail: str | None
    ) -> None:
        """An area has another owner, region or detail; None leaves each as it is."""

    def divided(self, start: Address, parts: tuple[Part, ...], detail: str) -> None:
        """What is used inside an area changed."""

    def noted(self, message: str, *, mark: bool) -> None:
        """There is something to say."""

    def areas(self) -> Iterator[Area]:
        """Yield what is on the map now, in no order."""
        return iter(())

    def area_at(self, start: Address) -> Area | None:  # noqa: ARG002 - for who keeps a map
        """Return the area that starts at `start`, or None."""
        return None

    def take_events(self) -> list[Event]:
        """Return the events since the last call, and forget them."""
        return []

    def clone(self) -> Self:
        """Return an equal observer that shares nothing that changes."""
        return self.__class__()
