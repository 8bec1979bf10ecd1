"""What the cells of a map show: a lens gives each area a word, a filter dims what is not asked for."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol, runtime_checkable

from attrs import field

from execmem_tui.analysis.reach import Origin, area_verdict
from execmem_tui.model.areas import KERNEL_OWNER, Area, AreaKind, AreaState
from execmem_tui.model.blocks import Block
from execmem_tui.model.errors import UsageError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes, parse_size

DIMMED: Final = "dim "
"""Before the name of what a filter leaves out."""


class LensName(StrEnum):
    """What colour can tell."""

    KIND = "kind"
    PERMISSION = "permission"
    REACH = "reach"
    AGE = "age"
    OWNER = "owner"
    DIFFERENCE = "difference"


class Lens(Protocol):
    """Gives each area the word that its cells show. Hashable and pure, so that blocks remember it."""

    @property
    def name(self) -> LensName:
        """Which lens it is."""

    def __call__(self, area: Area) -> str:
        """Return the name of a look."""


@frozen
class Ghost:
    """What is not there, drawn where there is room for it. Half-open [start, end)."""

    start: Address
    end: Address
    look: str
    area: Area = field(eq=False)
    """As it was, wherever it lay."""


@runtime_checkable
class Haunted(Protocol):
    """A lens that shows what is not there."""

    def ghosts(self, start: Address, end: Address) -> tuple[Ghost, ...]:
        """Return what is to be shown of [start, end), ascending, in one piece each."""


@frozen
class KindLens:
    """The consumer, or the state of what nobody uses."""

    name: LensName = field(default=LensName.KIND, init=False)

    def __call__(self, area: Area) -> str:
        """Return the area's kind."""
        return area.kind.value


@frozen(eq=False)
class ReachLens:
    """How a call from the origin gets there. One for an origin: it is compared by identity."""

    layout: Layout
    origin: Origin
    name: LensName = field(default=LensName.REACH, init=False)

    def __call__(self, area: Area) -> str:
        """Return ``reaches-direct``, ``reaches-plt`` or ``reaches-unreachable``; what nobody calls keeps its kind."""
        if area.state is not AreaState.LIVE or area.owner == KERNEL_OWNER:
            return area.kind.value
        found = area_verdict(self.layout, area, self.origin)
        return area.kind.value if found is None else f"reaches-{found.value}"


@frozen
class OwnerLens:
    """Who has it: four hues of two shades by name, so that an owner keeps its hue for ever."""

    name: LensName = field(default=LensName.OWNER, init=False)

    def __call__(self, area: Area) -> str:
        """Return ``owner-0`` … ``owner-3``; `painted` takes the second shade where neighbours would be equal."""
        if area.state is not AreaState.LIVE or area.type is None:
            return area.kind.value
        return f"owner-{hue(area.owner or '')}"


@frozen(eq=False)
class TableLens:
    """A word for each area by its start. One for a table: it is compared by identity."""

    name: LensName
    words: Mapping[Address, str]
    otherwise: str
    """What the table does not tell of."""
    typed: bool
    """Only execmem areas have a word."""

    def __call__(self, area: Area) -> str:
        """Return the word of a live area; the kernel image, and what nobody has, keeps its kind."""
        if (
            area.state is not AreaState.LIVE
            or area.owner == KERNEL_OWNER
            or (self.typed and area.type is None)
        ):
            return area.kind.value
        return self.words.get(area.start, self.otherwise)


HUES: Final = 4


def hue(owner: str) -> int:
    """Return the hue of an owner, the same in every run."""
    number = 0
    for letter in owner:
        number = (number * 31 + ord(letter)) & 0xFFFF
    return (number >> 4) % HUES


_SIZE: Final = re.compile(r"([<>])(.+)")
_HOLE: Final = re.compile(r"hole>(.+)")
_TYPES: Final = {
    "module": (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA),
    "text": (ExecmemType.MODULE_TEXT,),
    "data": (ExecmemType.MODULE_DATA,),
    "kprobes": (ExecmemType.KPROBES,),
    "ftrace": (ExecmemType.FTRACE,),
    "bpf": (ExecmemType.BPF,),
}


@frozen(kw_only=True)
class Filter:
    """What is asked for; all that is given must hold."""

    owner: str = ""
    """A part of the owner's name, any case."""
    types: tuple[ExecmemType, ...] = ()
    above: Bytes | None = None
    below: Bytes | None = None
    fallback: bool = False
    hole: Bytes | None = None
    """Only free space in holes above so many bytes."""
    writable_code: frozenset[Address] | None = None
    """Starts of the areas that can be written and run at once."""

    def __call__(self, area: Area) -> bool:
        """Whether an area is asked for."""
        return (
            self.hole is None
            and (not self.owner or self.owner in (area.owner or "").lower())
            and (not self.types or (area.type in self.types and area.state is AreaState.LIVE))
            and (self.above is None or area.size > self.above)
            and (self.below is None or area.size < self.below)
            and (not self.fallback or area.window is Window.FALLBACK)
            and (self.writable_code is None or area.start in self.writable_code)
        )


def parse_filter(text: str, writable_code: frozenset[Address] = frozenset()) -> Filter | None:
    """Read a filter: ``sctp``, ``bpf``, ``>64K``, ``<4K``, ``fallback``, ``hole>2M``, ``rwx``; blanks join them.

    ``owner:bpf`` asks for a name that is also a type. An empty text is no filter.

    Args:
        text: what the user typed.
        writable_code: starts of the areas that ``rwx`` asks for.

    Raises:
        UsageError: a size cannot be read.
    """
    known: dict[str, object] = {}
    for word in text.lower().split():
        size, hole = _SIZE.fullmatch(word), _HOLE.fullmatch(word)
        if hole is not None:
            known["hole"] = parse_size(hole[1])
        elif size is not None:
            known["above" if size[1] == ">" else "below"] = parse_size(size[2])
        elif word == "fallback":
            known["fallback"] = True
        elif word == "rwx":
            known["writable_code"] = writable_code
        elif word.removeprefix("type:") in _TYPES:
            known["types"] = _TYPES[word.removeprefix("type:")]
        elif word.startswith("type:"):
            raise UsageError(f"no such type: {word[5:]!r}", hint=f"one of {', '.join(_TYPES)}")
        else:
            known["owner"] = word.removeprefix("owner:")
    return Filter(**known) if known else None  # type: ignore[arg-type]  # the keys are its fields


@frozen
class Piece:
    """One area as cells show it."""

    start: Address
    stop: Address
    """Without the guard."""
    end: Address
    look: str
    spilled: bool
    area: Area


@frozen
class Paint:
    """A lens and a filter. What it makes of a block is remembered by the block."""

    lens: Lens = field(factory=KindLens)
    filter: Filter | None = None

    def __call__(self, block: Block) -> list[Piece]:
        """Return the areas of a block as they are shown, ascending."""
        lens, wanted = self.lens, self.filter
        pieces = []
        shade, last_hue, last_owner = 0, "", None
        for area in block.areas:
            look = lens(area)
            if look.startswith("owner-"):
                if area.owner != last_owner:
                    # the second shade keeps neighbours apart whose names fall on one hue
                    shade = 1 - shade if look == last_hue else 0
                    last_hue, last_owner = look, area.owner
                look = f"{look}{'ab'[shade]}"
            if wanted is not None and not wanted(area):
                look = DIMMED + look
            start, size = area.start, area.size
            spilled = area.window is Window.FALLBACK
            pieces.append(Piece(start, start + size, area.end, look, spilled, area))
        return pieces

    def ghosts(self, start: Address, end: Address) -> tuple[Ghost, ...]:
        """Return what touches [start, end) and is not there, ascending; of most lenses nothing."""
        return self.lens.ghosts(start, end) if isinstance(self.lens, Haunted) else ()


KINDS: Final = Paint()
"""The map as it is at first."""

IMAGE: Final = AreaKind.KERNEL.value
