"""An area that is not there: what a preview or a comparison would draw."""

from attrs import field

from execmem_tui.model.areas import Area
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address


@frozen
class Ghost:
    """What is not there, drawn where there is room for it. Half-open [start, end)."""

    start: Address
    end: Address
    look: str
    area: Area = field(eq=False)
    """As it was, wherever it lay."""
