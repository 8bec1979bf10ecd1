"""What is done to a simulation by hand, in words that do it again: ``alloc MODULE_TEXT 64K``."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from execmem_tui.model.areas import Area
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import KIB, Bytes

if TYPE_CHECKING:
    from execmem_tui.commands.by_hand import Again


def _size(size: Bytes) -> str:
    """Return a size exactly, as short as that can be said."""
    return str(size) if size % KIB else f"{size // KIB}K"


def allocate_act(kind: ExecmemType, size: Bytes, count: int, owner: str | None) -> str:
    """Return ``alloc TYPE SIZE [COUNT [OWNER]]``; "" for an owner that is no word."""
    words = ["alloc", kind.name, _size(size)]
    if count != 1 or owner is not None:
        words.append(str(count))
    if owner is not None:
        if len(owner.split()) != 1:
            return ""
        words.append(owner)
    return " ".join(words)


def room_act(areas: Sequence[Area], again: "Again") -> str:
    """Return ``room ADDRESS,… TYPE SIZE OWNER [MODULE]``; "" for an owner that is no word."""
    if len(again.owner.split()) != 1:
        return ""
    starts = ",".join(f"{area.start:x}" for area in areas)
    words = ["room", starts, again.kind.name, _size(again.size), again.owner]
    return " ".join([*words, again.module] if again.module is not None else words)
