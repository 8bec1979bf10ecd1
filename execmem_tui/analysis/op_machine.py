"""One simulated machine that performs the rows of an op script."""

from collections.abc import Callable
from hashlib import sha256
from itertools import chain, pairwise
from typing import Any, TypeVar

from execmem_tui.files.opscript import OpHeader
from execmem_tui.mm.execmem import Execmem, TypeRange
from execmem_tui.mm.percpu import pcpu_get_vm_areas
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.mm.vmap_node import VmapArea
from execmem_tui.model.errors import InputError
from execmem_tui.model.limits import most, too_many
from execmem_tui.model.rules import rules_of

_T = TypeVar("_T")


_MAX_INTERVALS_LISTED = 12
_MAX_BUSY_LISTED = 6
_MOST_LOOKS = 5_000_000
"""Pieces of memory that all rows of a script may look at in vain, or to list them, under ten
seconds. Most rows look at a few, but some at all that there are."""


def digest(lines: list[tuple[int, int]]) -> str:
    """Return the first 16 hex digits of sha256 over ``start-end`` lines."""
    text = "%x-%x\n" * len(lines) % tuple(chain.from_iterable(lines))
    return sha256(text.encode()).hexdigest()[:16]


class DivergedError(Exception):
    """The row frees something that the script got and this machine did not.

    It follows from an earlier difference.
    """


class OpReplay:
    """One machine that performs rows.

    Each method returns what the row's result fields should be.
    """

    def __init__(self, path: str, header: OpHeader) -> None:
        self.path = path
        self.rules = rules_of(header.kernel)
        self.header = header
        self.line = 1
        vmalloc = Vmalloc(
            rules=self.rules,
            page_size=header.page_size,
            vmalloc_start=header.vmalloc_start,
            vmalloc_end=header.vmalloc_end,
            possible_cpus=header.possible_cpus,
            online_cpus=header.online_cpus,
            nr_cpus_config=header.nr_cpus_config,
            early_areas=[(start, start + size) for start, size in header.early_areas],
        )
        # the routines that made the scripts were built with CONFIG_ARCH_HAS_EXECMEM_ROX, whatever
        # the layout
        self.execmem = Execmem(vmalloc, {}, rox_compiled=True)
        self.vmalloc = vmalloc
        self._areas: dict[int, VmapArea] = {}
        self._groups: dict[int, list[VmapArea]] = {}
        self._addresses: dict[int, int] = {}
        self._mapped: dict[int, tuple[int, int]] = {}
        self._asked: set[int] = set()
        self._looks = 0
        self.perform: dict[str, Callable[..., Any]] = {
            name.removeprefix("row_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("row_")
        }

    def _window(self, index: int) -> tuple[int, int]:
        if index >= len(self.header.windows):
            raise InputError(self.path, self.line, f"no window {index}")
        return self.header.windows[index]

    def _known(self, table: dict[int, _T], name: int) -> _T:
        try:
            return table.pop(name)
        except KeyError:
            if name in self._asked:
                raise DivergedError from None
            raise InputError(self.path, self.line, f"nothing allocated has the id {name}") from None

    def _keep(self, name: int, area: VmapArea | None) -> int | None:
        self._asked.add(name)
        if area is None:
            return None
        self._areas[name] = area
        return area.start

    def _look(self, pieces: int) -> None:
        """Count pieces of memory that a row looks at, one by one."""
        self._looks += pieces
        limit = most(_MOST_LOOKS)
        if self._looks > limit:
            raise too_many(self.path, self.line, limit, "pieces of memory to look at")

    def count_passed(self) -> None:
        """Count the holes that searches looked at in vain since the last time.

        Raises:
            InputError: all rows so far looked at too many.
        """
        space = self.vmalloc.space
        self._look(space.passed)
        space.passed = 0

    def row_cpu(self, cpu: int) -> None:
        """Calls from here on run on `cpu`."""
        self.vmalloc.cpu = cpu

    def row_knobs(self, knobs: dict[str, int]) -> None:
        """Set the fault knobs."""
        execmem = self.execmem
        execmem.areas.huge_page_alloc_fails = bool(knobs.get("huge_page_alloc_fails"))
        execmem.areas.pmd_mappings_supported = bool(knobs.get("pmd_mappings_supported", 1))
        execmem.areas.page_alloc_fails = bool(knobs.get("page_alloc_fails"))
        execmem.set_memory_purges = bool(knobs.get("set_memory_purges"))
        execmem.set_memory_fails = bool(knobs.get("set_memory_fails"))
        self.vmalloc.notifier_frees = knobs.get("notifier_frees", 0)

    def row_range(
        self,
        kind: int,
        start: int,
        end: int,
        fallback_start: int,
        fallback_end: int,
        align: int,
        rox: bool,
    ) -> None:
        """Define an execmem range."""
        self.execmem.ranges[kind] = TypeRange(start, end, fallback_start, fallback_end, align, rox)

    def row_area(self, name: int, size: int, align: int, window: int) -> int | None:
        """alloc_vmap_area."""
        return self._keep(name, self.vmalloc.alloc_vmap_area(size, align, *self._window(window)))

    def row_vmalloc(self, name: int, size: int, align: int, window: int, flags: int) -> int | None:
        """__vmalloc_node_range."""
        return self._keep(
            name, self.execmem.areas.vmalloc_range(size, align, *self._window(window), flags)
        )

    def row_vmarea(
        self, name: int, size: int, align: int, shift: int, window: int, flags: int
    ) -> int | None:
        """__get_vm_area_node."""
        return self._keep(
            name, self.execmem.areas.get_vm_area(size, align, shift, flags, *self._window(window))
        )

    def row_release(self, name: int) -> tuple[int, int]:
        """The area becomes lazy; nothing else."""
        self.vmalloc.release(self._known(self._areas, name))
        return self.vmalloc.nr_lazy, int(self.vmalloc.drain_queued)

    def row_vfree(self, name: int) -> tuple[int, int]:
        """Vfree."""
        self.execmem.areas.vfree(self._known(self._areas, name))
        return self.vmalloc.nr_lazy, int(self.vmalloc.drain_queued)

    def row_purge(self, kind: str) -> tuple[int, int]:
        """One purge of a kind."""
        try:
            purge = Purge(kind)
        except ValueError:
            raise InputError(self.path, self.line, "no such purge") from None
        return self.vmalloc.purge(purge), self.vmalloc.nr_lazy

    def row_works(self) -> tuple[int, int]:
        """Deferred work, once."""
        return self.execmem.run_deferred(), self.vmalloc.nr_lazy

    def row_map_ram(self, name: int, pages: int) -> int | None:
        """vm_map_ram."""
        self._asked.add(name)
        start = self.execmem.map_ram.map(pages)
        if start is not None:
            self._mapped[name] = (start, pages)
        return start

    def row_unmap_ram(self, name: int, pages: int) -> int:
        """vm_unmap_ram."""
        start, mapped = self._known(self._mapped, name)
        if mapped != pages:
            raise InputError(self.path, self.line, f"{name} was mapped with {mapped} pages")
        self.execmem.map_ram.unmap(start, pages)
        return self.vmalloc.nr_lazy

    def row_percpu(
        self, name: int, align: int, offsets: list[int], sizes: list[int]
    ) -> list[int] | None:
        """pcpu_get_vm_areas."""
        if not offsets or len(offsets) != len(sizes):
            raise InputError(self.path, self.line, "percpu: as many offsets as sizes")
        groups = sorted(zip(offsets, sizes, strict=True))
        if any(end + size > start for (end, size), (start, _) in pairwise(groups)):
            raise InputError(self.path, self.line, "percpu: groups that overlap")
        self._asked.add(name)
        areas = pcpu_get_vm_areas(self.vmalloc, align, offsets, sizes)
        if areas is None:
            return None
        self._groups[name] = areas
        return [area.start for area in areas]

    def row_percpu_free(self, name: int) -> int:
        """Free each area in order."""
        for area in self._known(self._groups, name):
            self.vmalloc.release(area)
        return self.vmalloc.nr_lazy

    def _typed(self, kind: int) -> int:
        if kind not in self.execmem.ranges:
            raise InputError(self.path, self.line, f"type {kind} has no range")
        return kind

    def _address(self, name: int, start: int | None) -> int | None:
        self._asked.add(name)
        if start is not None:
            self._addresses[name] = start
        return start

    def row_exec_alloc(self, name: int, kind: int, size: int) -> int | None:
        """execmem_alloc."""
        return self._address(name, self.execmem.alloc(self._typed(kind), size))

    def row_exec_alloc_rw(self, name: int, kind: int, size: int) -> int | None:
        """execmem_alloc_rw."""
        return self._address(name, self.execmem.alloc_rw(self._typed(kind), size))

    def row_exec_vmap(self, name: int, size: int) -> int | None:
        """execmem_vmap."""
        self._typed(4)
        return self._keep(name, self.execmem.vmap(size))

    def row_exec_free(self, name: int) -> int:
        """execmem_free."""
        if name in self._areas:
            self.execmem.free(self._areas.pop(name).start)
        else:
            self.execmem.free(self._known(self._addresses, name))
        return self.vmalloc.nr_lazy

    def row_free_list(self) -> tuple[int, str]:
        """Count and digest of the free areas."""
        self._look(self.vmalloc.space.count)
        areas = list(self.vmalloc.space)
        return len(areas), digest(areas)

    def row_cache(self) -> tuple[Any, list[Any]]:
        """The cache's intervals with inclusive ends.

        Listed while they are few, else their digest.
        """
        cache = self.execmem.cache
        self._look(cache.pieces.count + len(cache.busy))
        pieces = [(start, end - 1) for start, end in cache.free()]
        free: Any = digest(pieces)
        if len(pieces) < _MAX_INTERVALS_LISTED:
            free = [[f"{start:x}", f"{last:x}"] for start, last in pieces]
        pieces = [(start, end - 1) for start, end in sorted(cache.busy.items())]
        busy: list[Any] = [len(pieces), digest(pieces)]
        if len(pieces) < _MAX_BUSY_LISTED:
            busy = [
                [f"{start:x}", f"{last:x}", int(start in cache.pending)] for start, last in pieces
            ]
        return free, busy
