"""BPF program packs: big areas shared in chunks of 64 bytes.

kernel/bpf/core.c: bpf_prog_pack_alloc.
"""

from collections.abc import Callable
from typing import Final

from attrs import field

from execmem_tui.model.areas import Part
from execmem_tui.model.records import define
from execmem_tui.model.units import Address, Bytes

CHUNK: Final = 64
"""BPF_PROG_CHUNK_SIZE, bytes."""


@define(eq=False)
class _Pack:
    """struct bpf_prog_pack: `bitmap` has a byte a chunk, 1 if used; `parts` are kept by chunk."""

    start: Address
    bitmap: bytearray
    parts: dict[int, Part] = field(factory=dict)
    used: int = 0


class Packs:
    """pack_list.

    Args:
        pack_size: BPF_PROG_PACK_SIZE, bytes.
        allocate: makes the area of a pack, or None.
        release: bpf_jit_free_exec().
    """

    def __init__(
        self,
        pack_size: Bytes,
        allocate: Callable[[], Address | None],
        release: Callable[[Address], None],
    ) -> None:
        self.pack_size = pack_size
        self._packs: list[_Pack] = []
        self._changed: set[Address] = set()
        self._allocate = allocate
        self._release = release

    def clone(
        self, allocate: Callable[[], Address | None], release: Callable[[Address], None]
    ) -> "Packs":
        """Return an equal list that shares nothing that changes and allocates elsewhere."""
        copy = Packs(self.pack_size, allocate, release)
        copy._packs = [
            _Pack(pack.start, bytearray(pack.bitmap), dict(pack.parts), pack.used)
            for pack in self._packs
        ]
        copy._changed = set(self._changed)
        return copy

    @property
    def packs(self) -> list[Address]:
        """The packs in creation order."""
        return [pack.start for pack in self._packs]

    @property
    def chunks_per_pack(self) -> int:
        """BPF_PROG_CHUNK_COUNT."""
        return self.pack_size // CHUNK

    def used_chunks(self) -> dict[Address, list[tuple[int, int]]]:
        """Return per pack the used chunks as ascending, inclusive ranges (first, last)."""
        found = {}
        for pack in self._packs:
            ranges, at = [], pack.bitmap.find(1)
            while at >= 0:
                end = pack.bitmap.find(0, at)
                end = len(pack.bitmap) if end < 0 else end
                ranges.append((at, end - 1))
                at = pack.bitmap.find(1, end)
            found[pack.start] = ranges
        return found

    def alloc(self, size: Bytes, name: str, key: str = "") -> Address | None:
        """bpf_prog_pack_alloc() of at most a pack: first fit over the packs, then a new one.

        Args:
            size: bytes.
            name: of the part that it becomes.
            key: the program is loaded under, see `Part.key`.
        """
        chunks = -(-size // CHUNK)
        hole = bytes(chunks)
        for pack in self._packs:
            if self.chunks_per_pack - pack.used < chunks:
                continue
            at = pack.bitmap.find(hole)
            if at >= 0:
                return self._take(pack, at, chunks, name, key)
        start = self._allocate()
        if start is None:
            return None
        self._packs.append(_Pack(start, bytearray(self.chunks_per_pack)))
        return self._take(self._packs[-1], 0, chunks, name, key)

    def free(self, address: Address) -> None:
        """bpf_prog_pack_free(): an empty pack goes at once."""
        pack = next(
            pack for pack in self._packs if pack.start <= address < pack.start + self.pack_size
        )
        at = (address - pack.start) // CHUNK
        chunks = pack.parts.pop(at).size // CHUNK
        pack.bitmap[at : at + chunks] = bytes(chunks)
        pack.used -= chunks
        self._changed.add(pack.start)
        if not pack.used:
            self._packs.remove(pack)
            self._release(pack.start)

    def take_changes(self) -> list[tuple[Address, tuple[Part, ...], str]]:
        """Return start, parts and a summary of each pack that changed since the last call."""
        changed, self._changed = self._changed, set()
        return [
            (
                pack.start,
                tuple(pack.parts[at] for at in sorted(pack.parts)),
                (
                    f"{len(pack.parts)} programs, {pack.used:,} of {self.chunks_per_pack:,} chunks"
                    " used"
                ),
            )
            for pack in self._packs
            if pack.start in changed
        ]

    def _take(self, pack: _Pack, at: int, chunks: int, name: str, key: str) -> Address:
        pack.bitmap[at : at + chunks] = b"\x01" * chunks
        pack.used += chunks
        start = pack.start + at * CHUNK
        pack.parts[at] = Part(start, chunks * CHUNK, name, key=key)
        self._changed.add(pack.start)
        return start
