"""What is known of areas whose addresses are hidden.

How many and how large, by who asked for them.
"""

from collections.abc import Iterable, Sequence

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Bytes


@frozen
class HiddenArea:
    """One area without a place.

    Its size includes the guard page, as /proc/vmallocinfo counts it.
    """

    size: Bytes
    caller: str
    type: ExecmemType | None = None
    """Whose memory the caller says it is; None for other users of vmalloc space."""
    hash: int = 0
    """What stands for its address: equal for equal addresses of one boot; 0 where nothing does."""


@frozen(kw_only=True)
class HiddenShare:
    """What one caller has of it."""

    caller: str
    count: int
    size: Bytes
    type: ExecmemType | None


@frozen
class Hidden:
    """The areas of one moment whose place is not known: neither free nor freed, only not seen."""

    areas: Sequence[HiddenArea] = ()
    complete: bool = True
    """All of them are counted; not where the kernel refuses the list itself."""
    why: str = ""
    """What hides them: a setting, a permission. Printable."""

    def __bool__(self) -> bool:
        return bool(self.areas) or not self.complete

    @property
    def count(self) -> int:
        """Areas."""
        return len(self.areas)

    @property
    def size(self) -> Bytes:
        """Bytes of all, guards included."""
        return sum(area.size for area in self.areas)

    def of_type(self, kinds: Iterable[ExecmemType]) -> tuple[int, Bytes]:
        """Return (areas, bytes) of those that callers say are of one of the types."""
        wanted = set(kinds)
        found = [area.size for area in self.areas if area.type in wanted]
        return len(found), sum(found)

    def used(self, kind: ExecmemType, seen: Bytes) -> Bytes | None:
        """Return the bytes of a type: those `seen` in their place and those callers tell of.

        At least so many where the kernel refuses the list, and then None for none: what nobody
        shows may be there all the same.
        """
        told = seen + self.of_type([kind])[1]
        return told if told or self.complete else None

    def by_caller(self) -> list[HiddenShare]:
        """Return the shares, most bytes first."""
        shares: dict[tuple[str, ExecmemType | None], list[int]] = {}
        for area in self.areas:
            share = shares.setdefault((area.caller, area.type), [0, 0])
            share[0] += 1
            share[1] += area.size
        return [
            HiddenShare(caller=caller, count=count, size=size, type=kind)
            for (caller, kind), (count, size) in sorted(
                shares.items(), key=lambda each: (-each[1][1], each[0][0])
            )
        ]


NOTHING_HIDDEN = Hidden()
