"""Lenses beside that of kinds: what colour tells when it is asked for something else."""

from collections.abc import Mapping
from typing import Final

from attrs import field

from execmem_tui.analysis.reach import Origin, area_verdict
from execmem_tui.model.areas import KERNEL_OWNER, Area, AreaState
from execmem_tui.model.layouts import Layout
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address
from execmem_tui.view.paint import LensName


@frozen(eq=False)
class ReachLens:
    """How a call from the origin gets there. One for an origin: it is compared by identity."""

    layout: Layout
    origin: Origin
    name: LensName = field(default=LensName.REACH, init=False)
    token: object = field(factory=object, init=False, repr=False)

    def __call__(self, area: Area) -> str:
        """Return ``reaches-direct``, ``reaches-plt`` or ``reaches-unreachable``.

        What nobody calls keeps its kind.
        """
        if area.state is not AreaState.LIVE or area.owner == KERNEL_OWNER:
            return area.kind.value
        found = area_verdict(self.layout, area, self.origin)
        return area.kind.value if found is None else f"reaches-{found.value}"


@frozen
class OwnerLens:
    """Who has it: four hues of two shades by name, so that an owner keeps its hue for ever."""

    name: LensName = field(default=LensName.OWNER, init=False)
    token: str = field(default="owner", init=False)

    def __call__(self, area: Area) -> str:
        """Return ``owner-0`` … ``owner-3``.

        `painted` takes the second shade where neighbours would be equal.
        """
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
    token: object = field(factory=object, init=False, repr=False)

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
"""Colours of owners that a theme has, each in two shades: ``owner-0a`` to ``owner-3b``."""


def hue(owner: str) -> int:
    """Return the hue of an owner, the same in every run."""
    number = 0
    for letter in owner:
        number = (number * 31 + ord(letter)) & 0xFFFF
    return (number >> 4) % HUES
