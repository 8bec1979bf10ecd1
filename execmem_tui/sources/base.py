"""What every source is to a screen or a report."""

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Event
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes

if TYPE_CHECKING:  # the consumers behind them cost a screen that only looks 100 ms
    from execmem_tui.commands.by_hand import Again
    from execmem_tui.commands.preview import Preview


class SourceKind(StrEnum):
    """The word shown beside the title."""

    SIMULATE = "simulate"
    LIVE = "live"
    CAPTURE = "capture"
    REPLAY = "replay"
    SCENARIO = "scenario"
    OPENING = "opening"
    """Nothing yet: what was named is being read."""


class Source(Protocol):
    """A history that somebody fills. The layout is `history.layout`."""

    @property
    def kind(self) -> SourceKind:
        """Which of the ways feeds the map."""

    @property
    def title(self) -> str:
        """One printable line: what is being looked at."""

    @property
    def history(self) -> History:
        """The events so far; the screen moves its cursor."""


@frozen(eq=False)
class Side:
    """A moment of a source, kept to compare with."""

    snapshot: Snapshot
    title: str
    """Of the source, printable."""


class Recording(NamedTuple):
    """A source that was read once and for all.

    A capture (step 0 is empty, each phase is one event and a mark), or a trace.
    """

    kind: SourceKind
    title: str
    history: History


class Progress(NamedTuple):
    """How far the reading of a source has come (`opening.read_path`)."""

    fraction: float
    """0 to 1, of what there is to read."""
    source: Source | None = None
    """What can be shown already, None while that is nothing; the same object from then on, except
    after a part."""
    part: bool = False
    """The source is a part, shown until the whole takes its place: one phase of a run."""
    events: tuple[Event, ...] = ()
    """To be added to the source's history with `History.extend` by whoever shows it: the reader,
    which may run in a thread, never touches a history."""


@runtime_checkable
class Followed(Protocol):
    """A source that grows by itself: the running kernel."""

    def read(self) -> list[Event]:
        """Return what is new, to be appended to the history as one group. May block on I/O.

        Does not touch the history.
        """

    def close(self) -> None:
        """Give back what was taken (files, a tracefs instance). Safe to call twice."""


@runtime_checkable
class Captioned(Protocol):
    """A source that tells something about each step: a scenario."""

    def caption(self, step: int) -> str:
        """Return what there is to say at a step of the history, in a few lines. Printable."""

    @property
    def turns(self) -> Sequence[int]:
        """The steps at which all of what one sentence tells was done, ascending: one for each."""


@runtime_checkable
class Commanded(Protocol):
    """A source that takes commands: the simulator.

    Each command is one undoable group of the history.

    A command given while the history's cursor is not at its end first forgets every command that
    the cursor has not entered.
    """

    def usual_size(self, kind: ExecmemType) -> Bytes:
        """What this consumer typically asks for in one request, in bytes."""

    def why_not_allocate(self, kind: ExecmemType) -> str:
        """Return "" if somebody allocates this type here.

        Else the reason why nobody does, a full sentence.
        """

    def allocate(
        self,
        kind: ExecmemType,
        size: Bytes | None = None,
        *,
        count: int = 1,
        owner: str | None = None,
    ) -> None:
        """Make `count` requests of `size` bytes (default: the usual size)."""

    def loadable(self) -> tuple[str, ...]:
        """Return the modules that can be loaded by name."""

    def load(self, name: str) -> None:
        """Load a module and what it depends on.

        Raises UsageError if there is none of that name, or it is loaded.
        """

    def insert(self, kind: ExecmemType) -> None:
        """Register a probe or a tracer, or load a BPF program.

        Raises UsageError where nobody does.
        """

    def why_not_fill(self) -> str:
        """Return "" if the module window can be filled, else why not (a full sentence)."""

    def fill(self) -> None:
        """Load modules and make requests until one spills into the fallback range, or fails.

        Raises UsageError where the window is too large for that.
        """

    def preview_load(self, name: str) -> "Preview":
        """Say where the regions of a module and of what it needs would lie; nothing happens yet.

        Raises UsageError if there is no such module, or it is loaded.
        """

    def preview_allocate(self, kind: ExecmemType, size: Bytes, count: int = 1) -> "Preview":
        """Say where `count` requests of `size` bytes would lie; nothing happens yet.

        Raises UsageError where nobody allocates this type, or the size or count makes no sense.
        """

    def needed_by(self, module: str) -> tuple[str, ...]:
        """Return a module and what it depends on; nothing where no such module is known."""

    def users_of(self, module: str) -> tuple[str, ...]:
        """Return the modules that use one at the cursor's step: they are unloaded before it."""

    def make_room(self, areas: Sequence[Area], again: "Again") -> None:
        """Give areas back, modules whole and with what uses them, and make a request again.

        Raises UsageError if one of them cannot be given back.
        """

    def free(self, address: Address) -> None:
        """Free what covers `address`: module, probe, tracer, program or area.

        Raises UsageError if nothing there can be freed.
        """

    def purge(self, kind: str = "aliases") -> None:
        """Purge lazy areas now: aliases, drain or reclaim."""
