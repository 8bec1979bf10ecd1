"""What lies where while a trace is followed: the pieces of each vmap area, found by address."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

from execmem_tui.model.areas import Area
from execmem_tui.model.units import Address

Pieces = tuple[Area, ...]
"""The pieces of one vmap area, ascending: one, or those of a ROX block."""


class HeldAreas:
    """The vmap areas on the map, live, lazy or pooled; no two overlap."""

    def __init__(self) -> None:
        self._pieces: dict[Address, Pieces] = {}
        self._starts: list[Address] = []

    def __iter__(self) -> Iterator[Area]:
        """Yield all pieces ascending."""
        return (piece for start in self._starts for piece in self._pieces[start])

    def replace(self, inside: Iterable[tuple[Address, Pieces]]) -> None:
        """Hold these and nothing else."""
        self._pieces = dict(inside)
        self._starts = sorted(self._pieces)

    def get(self, start: Address) -> Pieces:
        """Return the pieces of the vmap area that starts at `start`, () where none does."""
        return self._pieces.get(start, ())

    def put(self, pieces: Pieces) -> Pieces:
        """Put a vmap area on the map; return what it ends: all that it overlaps, ascending.

        Whatever lay there is over, for the kernel gives nothing twice.
        """
        start, end = pieces[0].start, pieces[-1].end
        known, starts = self._pieces, self._starts
        first = bisect_right(starts, start) - 1
        if first < 0 or known[starts[first]][-1].end <= start:
            first += 1
        last = bisect_left(starts, end, first)
        if first == last:
            insort(starts, start)
            known[start] = pieces
            return ()
        ended = tuple(piece for at in starts[first:last] for piece in known.pop(at))
        starts[first:last] = [start]
        known[start] = pieces
        return ended

    def change(self, pieces: Pieces) -> None:
        """Give the vmap area that starts where `pieces` start these pieces."""
        self._pieces[pieces[0].start] = pieces

    def pop(self, start: Address) -> Pieces:
        """Take the vmap area that starts at `start` off the map; () where none does."""
        pieces = self._pieces.pop(start, None)
        if pieces is None:
            return ()
        del self._starts[bisect_left(self._starts, start)]
        return pieces
