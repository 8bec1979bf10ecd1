"""What is asked for on a map: the rest is dimmed."""

import re
from typing import Final

from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes, parse_size

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
    """Read a filter: ``sctp``, ``bpf``, ``>64K``, ``<4K``, ``fallback``, ``hole>2M``, ``rwx``.

    Blanks join them. ``owner:bpf`` asks for a name that is also a type. An empty text is no filter.

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
