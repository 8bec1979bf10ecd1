"""The instruction-slot cache of kprobes: pages of equal slots.

kernel/kprobes.c: struct kprobe_insn_cache.
"""

from collections.abc import Callable
from typing import Final

from attrs import field

from execmem_tui.model.areas import Part, PartState
from execmem_tui.model.records import define
from execmem_tui.model.units import Address, Bytes

_CLEAN: Final = 0
_DIRTY: Final = 1
_USED: Final = 2


@define(eq=False)
class _SlotPage:
    """struct kprobe_insn_page; `states` has a byte a slot, `nused` counts dirty slots too."""

    start: Address
    states: bytearray
    nused: int = 0
    ngarbage: int = 0
    names: dict[int, tuple[str, str]] = field(factory=dict)
    """Of slots in use or dirty: name and key of the part."""


class SlotCache:
    """One cache: kprobe_insn_slots or kprobe_optinsn_slots.

    Args:
        slot_size: bytes of a slot.
        page_size: bytes of a page.
        allocate: c->alloc(), the address of a new page or None.
        release: c->free().
    """

    def __init__(
        self,
        slot_size: Bytes,
        page_size: Bytes,
        allocate: Callable[[], Address | None],
        release: Callable[[Address], None],
    ) -> None:
        self.slot_size = slot_size
        self.page_size = page_size
        self.slots_per_page = page_size // slot_size
        self.nr_garbage = 0
        self._pages: list[_SlotPage] = []
        self._by_start: dict[Address, _SlotPage] = {}
        self._changed: set[Address] = set()
        self._allocate = allocate
        self._release = release

    def clone(
        self, allocate: Callable[[], Address | None], release: Callable[[Address], None]
    ) -> "SlotCache":
        """Return an equal cache that shares nothing that changes and allocates elsewhere."""
        copy = SlotCache(self.slot_size, self.page_size, allocate, release)
        copy.nr_garbage = self.nr_garbage
        copy._pages = [
            _SlotPage(
                page.start, bytearray(page.states), page.nused, page.ngarbage, dict(page.names)
            )
            for page in self._pages
        ]
        copy._by_start = {page.start: page for page in copy._pages}
        copy._changed = set(self._changed)
        return copy

    @property
    def pages(self) -> list[Address]:
        """The pages in list order, newest first."""
        return [page.start for page in self._pages]

    @property
    def used(self) -> int:
        """Slots in use, without dirty ones."""
        return sum(page.states.count(_USED) for page in self._pages)

    def get(self, name: str, key: str = "") -> Address | None:
        """__get_insn_slot().

        A clean slot of the first page that has one, garbage collected first, else a new page.

        Args:
            name: of the part that the slot becomes.
            key: the probe is registered under, see `Part.key`.
        """
        while True:
            for page in self._pages:
                if page.nused < self.slots_per_page:
                    return self._take(page, page.states.index(_CLEAN), (name, key))
            if not self.nr_garbage:
                break
            self.collect()
        start = self._allocate()
        if start is None:
            return None
        page = _SlotPage(start, bytearray(self.slots_per_page))
        self._pages.insert(0, page)
        self._by_start[start] = page
        return self._take(page, 0, (name, key))

    def free(self, slot: Address, *, dirty: bool) -> None:
        """__free_insn_slot().

        Clean slots are reusable at once, dirty ones wait until there are too many.
        """
        page = self._by_start[slot & -self.page_size]
        index = (slot - page.start) // self.slot_size
        self._changed.add(page.start)
        if not dirty:
            self._collect_one(page, index)
            return
        page.states[index] = _DIRTY
        page.ngarbage += 1
        self.nr_garbage += 1
        if self.nr_garbage > self.slots_per_page:
            self.collect()

    def collect(self) -> None:
        """collect_garbage_slots(): every dirty slot is clean again.

        Pages that are empty then go, but the last one.
        """
        for page in list(self._pages):
            if not page.ngarbage:
                continue
            page.ngarbage = 0
            self._changed.add(page.start)
            for index in [index for index, state in enumerate(page.states) if state == _DIRTY]:
                if self._collect_one(page, index):
                    break
        self.nr_garbage = 0

    def take_changes(self) -> list[tuple[Address, tuple[Part, ...], str]]:
        """Return start, parts and a summary of each page that changed since the last call."""
        changed, self._changed = self._changed, set()
        return [
            (page.start, self._parts(page), self._summary(page))
            for page in self._pages
            if page.start in changed
        ]

    def _take(self, page: _SlotPage, index: int, name: tuple[str, str]) -> Address:
        page.states[index] = _USED
        page.nused += 1
        page.names[index] = name
        self._changed.add(page.start)
        return page.start + index * self.slot_size

    def _collect_one(self, page: _SlotPage, index: int) -> bool:
        """collect_one_slot(): whether the page has no slot left in use."""
        page.states[index] = _CLEAN
        del page.names[index]
        page.nused -= 1
        if page.nused:
            return False
        if len(self._pages) > 1:
            self._pages.remove(page)
            del self._by_start[page.start]
            self._release(page.start)
        return True

    def _parts(self, page: _SlotPage) -> tuple[Part, ...]:
        return tuple(
            Part(
                page.start + index * self.slot_size,
                self.slot_size,
                page.names[index][0],
                PartState.DIRTY if state == _DIRTY else PartState.USED,
                key="" if state == _DIRTY else page.names[index][1],
            )
            for index, state in enumerate(page.states)
            if state
        )

    def _summary(self, page: _SlotPage) -> str:
        dirty = page.states.count(_DIRTY)
        waiting = f", {dirty} dirty" if dirty else ""
        return f"{page.nused - dirty} of {self.slots_per_page} slots used{waiting}"
