"""One simulated kernel: a layout, the exact allocator, and events that carry whole areas."""

from collections.abc import Iterator
from typing import Final

from attrs import evolve

from execmem_tui.consumers.ledger import Ledger, Request
from execmem_tui.consumers.reasons import why_unused
from execmem_tui.mm.execmem import Execmem, TypeRange
from execmem_tui.mm.journal import Record
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.model.areas import Area, AreaState, Part
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Event, Noted, PermissionsChanged
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


class Machine:
    """A freshly booted kernel that takes requests and tells what they did."""

    def __init__(
        self,
        layout: Layout,
        *,
        cpus: int = 2,
        online: int | None = None,
        nr_cpus_config: int = 8192,
        seed: int = 0,
    ) -> None:
        self.layout = layout
        self.seed = seed
        self._records: list[Record] = []
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
            journal=self._records,
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
        self._ledger = Ledger(layout)
        self._events: list[Event] = []
        self._counts: dict[ExecmemType, int] = {}
        self.time: float | None = None

    def clone(self) -> "Machine":
        """Return an equal machine that shares nothing that changes."""
        copy = Machine.__new__(Machine)
        records: list[Record] = []
        copy.__dict__.update(
            self.__dict__,
            _records=records,
            execmem=self.execmem.clone(records),
            _ledger=self._ledger.clone(),
            _events=list(self._events),
            _counts=dict(self._counts),
        )
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
        return iter(self._ledger.areas.values())

    def area_at(self, start: Address) -> Area | None:
        """Return the area that starts at `start`."""
        return self._ledger.areas.get(start)

    def take_events(self) -> list[Event]:
        """Return the events since the last call, and forget them."""
        events, self._events = self._events, []
        return events

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
        """Return "" if somebody allocates `kind` here, else a sentence that says why nobody does."""
        return why_unused(self.layout, kind)

    def request(
        self, kind: ExecmemType, size: Bytes, *, owner: str | None = None
    ) -> Address | None:
        """Make one request as its consumer would.

        Allocate, change permissions, let deferred work run.
        """
        if owner is None:
            self._counts[kind] = number = self._counts.get(kind, 0) + 1
            owner = f"{_NAMES[kind]} {number}"
        start = self.exec_alloc(kind, size, owner=owner)
        if start is not None and not self.layout.range_of(kind).rox_cached:
            self.set_memory(start, align_up(size, self.layout.page_size), _PERMISSIONS[kind])
        self.run_deferred()
        return start

    def release(self, start: Address) -> None:
        """Free an area and let deferred work run (the cleaner of the ROX cache, the drain worker)."""
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
        start = self.execmem.alloc_rw(kind, size) if rw else self.execmem.alloc(kind, size)
        self._book(
            Request(kind=kind, size=size, owner=owner, region=region, detail=detail, result=start)
        )
        return start

    def exec_free(self, start: Address) -> None:
        """execmem_free().

        Raises:
            UsageError: nothing that can be freed starts there.
        """
        area = self._ledger.areas.get(start)
        if area is None or area.state is not AreaState.LIVE or area.type is None:
            raise UsageError(f"nothing to free at {hex_address(start, self.layout.word_bits)}")
        self.execmem.free(start)
        self._book(None)

    def vmalloc(self, size: Bytes, *, owner: str, align: int = 1, flags: int = 0) -> Address | None:
        """Allocate in the general vmalloc window.

        Another user of vmalloc space, no execmem type.
        """
        layout = self.layout
        area = self.execmem.areas.vmalloc_range(
            size, align, layout.vmalloc_start, layout.vmalloc_end, flags
        )
        start = None if area is None else area.start
        self._book(Request(kind=None, size=size, owner=owner, region=None, detail="", result=start))
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
        self._book(None)

    def set_memory(self, start: Address, size: Bytes, permissions: str) -> None:
        """set_memory_*(): purges aliases first where the architecture does."""
        calls = self.layout.capability.rox_calls if permissions == "rox" else 1
        for _ in range(calls):
            self.execmem.set_memory()
        self._book(None)
        self._events.append(
            PermissionsChanged(time=self.time, start=start, size=size, permissions=permissions)
        )

    def purge(self, kind: str = "aliases") -> None:
        """Purge lazy areas: aliases, drain, reclaim or shrink."""
        self.execmem.vmalloc.purge(Purge(kind))
        self._book(None, quiet=False)

    def run_deferred(self) -> None:
        """Run queued work: cleanups, drain, retries and the cleaner of the ROX cache."""
        self.execmem.run_deferred()
        self._book(None)

    def relabel(
        self,
        start: Address,
        *,
        owner: str | None = None,
        region: str | None = None,
        detail: str | None = None,
    ) -> None:
        """Give an area another owner, region or detail."""
        area = self._ledger.areas[start]
        changed = evolve(
            area,
            owner=area.owner if owner is None else owner,
            region=area.region if region is None else region,
            detail=area.detail if detail is None else detail,
        )
        if changed != area:
            self._ledger.areas[start] = changed
            self._events.append(
                Noted(
                    time=self.time,
                    message=f"{changed.name}: {changed.detail}",
                    removed=(area,),
                    added=(changed,),
                )
            )

    def divide(self, start: Address, parts: tuple[Part, ...], detail: str) -> None:
        """Tell what is used inside the area at `start`: kprobe slots, BPF programs."""
        area = self._ledger.areas[start]
        changed = evolve(area, parts=parts, detail=detail)
        if changed != area:
            self._ledger.areas[start] = changed
            self._events.append(
                Noted(
                    time=self.time,
                    message=f"{changed.name}: {detail}",
                    removed=(area,),
                    added=(changed,),
                )
            )

    def note(self, message: str, *, mark: bool = False) -> None:
        """Add a remark to the stream."""
        self._events.append(Noted(time=self.time, message=message, mark=mark))

    def _book(self, request: Request | None, *, quiet: bool = True) -> None:
        """Turn the allocator's records into events.

        A purge that moved nothing is left out unless it was asked for.
        """
        records = list(self._records)
        self._records.clear()
        self._events.extend(self._ledger.book(records, request, time=self.time, quiet=quiet))
