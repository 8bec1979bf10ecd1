"""What the cells of a map show: a lens gives each area a word, a filter dims what is not asked for.

Other lenses than that of kinds, and filters, have modules of their own: a first frame needs none.
"""

from collections.abc import Hashable
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from attrs import field

from execmem_tui.model.areas import Area, AreaKind
from execmem_tui.model.blocks import Block
from execmem_tui.model.ranges import Window
from execmem_tui.model.records import frozen, value
from execmem_tui.model.units import Address

if TYPE_CHECKING:
    from execmem_tui.view.filter import Filter
    from execmem_tui.view.ghost import Ghost

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


LENSES: Final = (
    LensName.KIND,
    LensName.REACH,
    LensName.PERMISSION,
    LensName.AGE,
    LensName.OWNER,
)
"""What `V` goes round, and a tour's stop may ask for: *difference* needs a pinned moment too."""


class Lens(Protocol):
    """Gives each area the word that its cells show. Pure, so that blocks remember the words."""

    @property
    def name(self) -> LensName:
        """Which lens it is."""

    @property
    def token(self) -> Hashable:
        """Stands for the lens in what is kept: equal lenses have equal ones, no others have.

        Of a lens that knows more than its name it holds nothing: what is kept of a row or a block
        would keep tables, snapshots and their blocks for as long.
        """

    def __call__(self, area: Area) -> str:
        """Return the name of a look."""


@runtime_checkable
class GhostLens(Protocol):
    """A lens that shows what is not there."""

    def ghosts(self, start: Address, end: Address) -> "tuple[Ghost, ...]":
        """Return what is to be shown of [start, end), ascending, in one piece each."""


@frozen
class KindLens:
    """The consumer, or the state of what nobody uses."""

    name: LensName = field(default=LensName.KIND, init=False)
    token: str = field(default="kind", init=False)

    def __call__(self, area: Area) -> str:
        """Return the area's kind."""
        return area.kind.value


@value
class Piece:
    """One area as cells show it."""

    start: Address
    stop: Address
    """Without the guard."""
    end: Address
    look: str
    spilled: bool
    parted: bool
    """It is known what of it is used."""
    area: Area


@frozen
class Paint:
    """A lens and a filter. What it makes of a block is remembered by the block."""

    lens: Lens = field(factory=KindLens)
    filter: "Filter | None" = None
    token: Hashable = field(init=False, eq=False, repr=False)
    """Stands for it in what is kept, as that of its lens does."""

    @token.default
    def _token(self) -> Hashable:
        return self.lens.token, self.filter

    def pieces(self, block: Block) -> list[Piece]:
        """Return the areas of a block as they are shown, ascending, which the block remembers."""
        return block.listed(self.token, self)

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
            stop, parted = start + size, area.parts is not None
            pieces.append(Piece(start, stop, stop + area.guard, look, spilled, parted, area))
        return pieces

    def ghosts(self, start: Address, end: Address) -> "tuple[Ghost, ...]":
        """Return what touches [start, end) and is not there, ascending; of most lenses nothing."""
        return self.lens.ghosts(start, end) if isinstance(self.lens, GhostLens) else ()


KINDS: Final = Paint()
"""The map as it is at first."""

IMAGE: Final = AreaKind.KERNEL.value
