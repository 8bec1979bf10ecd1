"""One simulated kernel: a layout, the exact allocator, and observers who are told what happens."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from execmem_tui.consumers.ledger import Ledger
from execmem_tui.consumers.observers import Observer, Request
from execmem_tui.consumers.reasons import why_unused
from execmem_tui.mm.execmem import Execmem, TypeRange
from execmem_tui.mm.journal import Journal, Record
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.mm.vmap_node import VM_FLUSH_RESET_PERMS
from execmem_tui.model.areas import Area, AreaState, Part
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Event
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.rules import JitMemory
from execmem_tui.model.units import Address, Bytes, align_up, hex_address

PACK_SIZE: Final = 2 << 20
"""bpf_prog_pack: 2 MiB per possible NUMA node (kernel/bpf/core.c)."""

_MODULE_SIZE: Final = 64 << 10
_PERMISSIONS: Final = {
    ExecmemType.MODULE_TEXT: "rox",
    ExecmemType.KPROBES: "rox",
    ExecmemType.FTRACE: "rox",
    ExecmemType.BPF: "rox",
    ExecmemType.MODULE_DATA: "nx",
}
_NAMES: Final = {
    ExecmemType.MODULE_TEXT: "module",
    ExecmemType.KPROBES: "insn page",
    ExecmemType.FTRACE: "trampoline",
    ExecmemType.BPF: "bpf",
    ExecmemType.MODULE_DATA: "module data",
}


class _Journal:
    """Hands every record of the allocator to every observer."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = observers

    def append(self, record: Record, /) -> None:
        for observer in self._observers:
            observer.append(record)


class Machine:
    """A freshly booted kernel that takes requests and tells its observers what they did.

    Args:
        layout: where everything may live.
        cpus: possible CPUs.
        online: online CPUs; None: all.
        nr_cpus_config: CONFIG_NR_CPUS.
        seed: of whatever is random.
        observers: who is told; the first also says what is where. None: a ledger alone.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        cpus: int = 2,
        online: int | None = None,
        nr_cpus_config: int = 8192,
        seed: int = 0,
        observers: Sequence[Observer] | None = None,
    ) -> None:
        self.observers = tuple(observers) if observers is not None else (Ledger(layout),)
        self.layout = layout
        self.seed = seed
        vmalloc = Vmalloc(
            rules=layout.rules,
            page_size=layout.page_size,
            vmalloc_start=layout.vmalloc_start,
            vmalloc_end=layout.vmalloc_end,
            possible_cpus=cpus,
            online_cpus=online,
            nr_cpus_config=nr_cpus_config,
            early_areas=[(area.start, area.end) for area in layout.early_areas],
            word_bits=layout.word_bits,
            journal=_journal(self.observers),
        )
        ranges = {
            int(kind): TypeRange(
                entry.start,
                entry.end,
                entry.fallback_start,
                entry.fallback_end,
                entry.alignment,
                entry.rox_cached,
            )
            for kind, entry in layout.types.items()
        }
        self.execmem = Execmem(vmalloc, ranges, rox_compiled=layout.capability.execmem_rox)
        self.execmem.set_memory_purges = layout.set_memory_purges
        vmalloc.skip_idle_purges = not any(observer.idle_purges for observer in self.observers)
        self.taken: set[Address] = set()
        """Starts of executable memory that was not given back."""
        self.numbers: dict[ExecmemType, int] = {}
        """How many were named so far, by type."""
        self.fail_in = 0
        """The n-th request from now finds no pages; 0: none."""

    def clone(self) -> "Machine":
        """Return an equal machine that shares nothing that changes."""
        copy = Machine.__new__(Machine)
        copy.layout = self.layout
        copy.seed = self.seed
        copy.observers = tuple(observer.clone() for observer in self.observers)
        copy.execmem = self.execmem.clone(_journal(copy.observers))
        copy.taken = set(self.taken)
        copy.numbers = dict(self.numbers)
        copy.fail_in = self.fail_in
        return copy

    @property
    def cpu(self) -> int:
        """The CPU that the next calls run on."""
        return self.execmem.vmalloc.cpu

    @cpu.setter
    def cpu(self, cpu: int) -> None:
        self.execmem.vmalloc.cpu = cpu % self.execmem.vmalloc.possible_cpus

    def areas(self) -> Iterator[Area]:
        """Yield everything on the map now, in no order."""
        return self.observers[0].areas()

    def area_at(self, start: Address) -> Area | None:
        """Return the area that starts at `start`."""
        return self.observers[0].area_at(start)

    def adopt(self, areas: Iterable[Area]) -> None:
        """Take over what another kernel has on its map, without events.

        Only for a machine that has nothing yet.

        Raises:
            UsageError: two of the areas overlap.
        """
        vmalloc = self.execmem.vmalloc
        journal, vmalloc.journal = vmalloc.journal, None
        for area in areas:
            taken = vmalloc.occupy(area.start, area.end, area.guard)
            if taken is None:
                where = hex_address(area.start, self.layout.word_bits)
                raise UsageError(f"{where} is in two areas at once")
            for observer in self.observers:
                observer.adopted(area)
            if area.state is AreaState.LAZY:
                vmalloc.release(taken)
            elif area.state is AreaState.POOLED:
                del vmalloc.busy[area.start]
                pages = area.footprint // self.layout.page_size
                vmalloc.nodes[0].park(pages, area.start, area.end)
            elif area.type is not None:
                taken.flags = VM_FLUSH_RESET_PERMS
                self.taken.add(area.start)
        vmalloc.journal = journal

    def take_events(self) -> list[Event]:
        """Return the events since the last call, and forget them."""
        return [event for observer in self.observers for event in observer.take_events()]

    def usual_size(self, kind: ExecmemType) -> Bytes:
        """What the consumer typically asks for.

        A 64 KiB module, one page, a 2 MiB BPF pack or one program's pages.
        """
        page = self.layout.page_size
        if kind in (ExecmemType.MODULE_TEXT, ExecmemType.MODULE_DATA):
            return align_up(_MODULE_SIZE, page)
        if kind is ExecmemType.BPF and self.layout.capability.bpf_alloc is JitMemory.PACK:
            return PACK_SIZE
        return page

    def why_unused(self, kind: ExecmemType) -> str:
        """Return "" if somebody allocates `kind` here, else a sentence: why nobody does."""
        return why_unused(self.layout, kind)

    def request(
        self, kind: ExecmemType, size: Bytes, *, owner: str | None = None
    ) -> Address | None:
        """Make one request as its consumer would.

        Allocate, change permissions, let deferred work run.
        """
        if owner is None:
            self.numbers[kind] = number = self.numbers.get(kind, 0) + 1
            owner = f"{_NAMES[kind]} {number}"
        start = self.exec_alloc(kind, size, owner=owner)
        if start is not None and not self.layout.range_of(kind).rox_cached:
            self.set_memory(start, align_up(size, self.layout.page_size), _PERMISSIONS[kind])
        self.run_deferred()
        return start

    def release(self, start: Address) -> None:
        """Free an area and let deferred work run (the ROX cache's cleaner, the drain worker)."""
        self.exec_free(start)
        self.run_deferred()

    def exec_alloc(
        self,
        kind: ExecmemType,
        size: Bytes,
        *,
        owner: str,
        region: str | None = None,
        detail: str = "",
        rw: bool = False,
    ) -> Address | None:
        """execmem_alloc(), or execmem_alloc_rw().

        The address, or None after both windows failed.
        """
        for observer in self.observers:
            observer.begun(kind)
        alloc = self.execmem.alloc_rw if rw else self.execmem.alloc
        start = self._faulty(alloc, kind, size) if self.fail_in else alloc(kind, size)
        if start is not None:
            self.taken.add(start)
        request = Request(kind, size, owner, region, detail, start)
        for observer in self.observers:
            observer.ended(request)
        return start

    def _faulty(
        self, alloc: Callable[[int, Bytes], Address | None], kind: ExecmemType, size: Bytes
    ) -> Address | None:
        """Allocate while a fault is on its way: pages that cannot be had."""
        areas = self.execmem.areas
        struck, before = self.fail_in == 1, areas.page_alloc_fails
        areas.page_alloc_fails = before or struck
        start = alloc(kind, size)
        areas.page_alloc_fails = before
        # a piece of the ROX cache needs no pages: the fault waits for a request that does
        if not (struck and start is not None):
            self.fail_in -= 1
        return start

    def exec_free(self, start: Address) -> None:
        """execmem_free().

        Raises:
            UsageError: nothing that can be freed starts there.
        """
        if start not in self.taken:
            raise UsageError(f"nothing to free at {hex_address(start, self.layout.word_bits)}")
        self.taken.discard(start)
        self.execmem.free(start)
        self._end(None)

    def vmalloc(self, size: Bytes, *, owner: str, align: int = 1, flags: int = 0) -> Address | None:
        """Allocate in the general vmalloc window.

        Another user of vmalloc space, no execmem type.
        """
        layout = self.layout
        area = self.execmem.areas.vmalloc_range(
            size, align, layout.vmalloc_start, layout.vmalloc_end, flags
        )
        start = None if area is None else area.start
        self._end(Request(kind=None, size=size, owner=owner, region=None, detail="", result=start))
        return start

    def vfree(self, start: Address) -> None:
        """Free what `vmalloc` returned.

        Raises:
            UsageError: nothing live starts there.
        """
        area = self.execmem.vmalloc.busy.get(start)
        if area is None:
            raise UsageError(f"nothing to free at {hex_address(start, self.layout.word_bits)}")
        self.execmem.areas.vfree(area)
        self._end(None)

    def set_memory(self, start: Address, size: Bytes, permissions: str) -> None:
        """set_memory_*(): purges aliases first where the architecture does."""
        calls = self.layout.capability.rox_calls if permissions == "rox" else 1
        for _ in range(calls):
            self.execmem.set_memory()
        for observer in self.observers:
            observer.ended(None)
            observer.permissions_changed(start, size, permissions)

    def purge(self, kind: str = "aliases") -> None:
        """Purge lazy areas: aliases, drain, reclaim or shrink.

        Also one that moves nothing is told.
        """
        vmalloc = self.execmem.vmalloc
        skips, vmalloc.skip_idle_purges = vmalloc.skip_idle_purges, False
        vmalloc.purge(Purge(kind))
        vmalloc.skip_idle_purges = skips
        self._end(None, quiet=False)

    def run_deferred(self) -> None:
        """Run queued work: cleanups, drain, retries and the cleaner of the ROX cache."""
        self.execmem.run_deferred()
        self._end(None)

    def relabel(
        self,
        start: Address,
        *,
        owner: str | None = None,
        region: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Give an area another owner, region or detail."""
        for observer in self.observers:
            observer.relabelled(start, owner, region, detail)

    def divide(self, start: Address, parts: tuple[Part, ...], detail: str) -> None:
        """Tell what is used inside the area at `start`: kprobe slots, BPF programs."""
        for observer in self.observers:
            observer.divided(start, parts, detail)

    def note(self, message: str, *, mark: bool = False) -> None:
        """Add a remark to the stream."""
        for observer in self.observers:
            observer.noted(message, mark=mark)

    def occupy(self, start: Address, end: Address, owner: str) -> None:
        """Take exactly [start, end), its last page as guard, for another user of vmalloc space.

        Raises:
            UsageError: not all of it is free, or it is no whole number of pages.
        """
        page = self.layout.page_size
        whole = not (start % page or end % page) and end - start >= 2 * page
        if not whole or self.execmem.vmalloc.occupy(start, end, page) is None:
            raise UsageError(
                f"cannot take {start:#x}-{end:#x}: it is not free, or not at least two whole pages"
            )
        area = Area(start=start, size=end - start - page, guard=page, owner=owner)
        for observer in self.observers:
            observer.occupied(area)

    def force_fallback(self, *, on: bool) -> None:
        """Refuse the preferred windows of all types that have a second one, or use them again.

        Raises:
            UsageError: no type here has a second window.
        """
        if not any(entry.has_fallback for entry in self.layout.types.values()):
            raise UsageError(
                f"{self.layout.arch} {self.layout.variant} has no fallback range to force"
            )
        for kind, entry in self.layout.types.items():
            fallback = entry.fallback_start, entry.fallback_end
            first = fallback if on and entry.has_fallback else (entry.start, entry.end)
            second = (0, 0) if on and entry.has_fallback else fallback
            self.execmem.ranges[int(kind)] = TypeRange(
                *first, *second, entry.alignment, entry.rox_cached
            )

    def _end(self, request: Request | None, *, quiet: bool = True) -> None:
        for observer in self.observers:
            observer.ended(request, quiet=quiet)


def _journal(observers: tuple[Observer, ...]) -> Journal:
    """Return where the allocator writes; one observer alone needs nobody between."""
    return observers[0] if len(observers) == 1 else _Journal(observers)
