"""Kprobes.

Which probes take a slot, in which cache, and the pages that this makes (kernel/kprobes.c).
"""

from functools import partial
from typing import Final

from attrs import field

from execmem_tui.consumers.ftrace import Ftrace
from execmem_tui.consumers.machine import Machine
from execmem_tui.consumers.reasons import why_unused
from execmem_tui.consumers.slots import SlotCache
from execmem_tui.model.capability import KprobeSlot
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import define
from execmem_tui.model.text import printable
from execmem_tui.model.units import Address, Bytes

MAX_PROBES: Final = 100_000
"""Probes in one registration."""

INSN_PAGE: Final = "kprobe_insn_page"
OPTINSN_PAGE: Final = "kprobe_optinsn_page"

_KPROBE_OPS: Final = "kprobe_ftrace_ops"
_IPMODIFY_OPS: Final = "kprobe_ipmodify_ops"


@define
class _Probe:
    """A probed address: one or more kprobes, sharing what it holds (the aggregator)."""

    slot: Address | None = None
    optinsn: Address | None = None
    boosted: bool = False
    ops: str = ""


@define
class _Group:
    """Probes registered under one name; `uses` counts registrations."""

    probes: list[_Probe] = field(factory=list)
    uses: list[int] = field(factory=list)
    """How many probes each registration covers: its first that many addresses."""


class Kprobes:
    """The kprobes of one kernel.

    Args:
        machine: what they allocate from.
        ftrace: who registers their ftrace_ops; None for one of their own.
    """

    def __init__(self, machine: Machine, ftrace: Ftrace | None = None) -> None:
        self._machine = machine
        self._ftrace = Ftrace(machine) if ftrace is None else ftrace
        self._groups: dict[str, _Group] = {}
        self._ops: dict[str, int] = {}
        layout = machine.layout
        self.why_none = why_unused(layout, ExecmemType.KPROBES)
        self._slot = layout.capability.kprobe_slot or KprobeSlot()
        self.insn = self._new_cache(INSN_PAGE, self._slot.insn_size)
        size = self._slot.optinsn_size
        self.optinsn = None if size is None else self._new_cache(OPTINSN_PAGE, size)

    def clone(self, machine: Machine, ftrace: Ftrace | None = None) -> "Kprobes":
        """Return an equal state on `machine` and `ftrace`, clones of this one's."""
        copy = Kprobes(machine, self._ftrace.clone(machine) if ftrace is None else ftrace)
        copy._groups = {
            name: _Group(
                [_Probe(p.slot, p.optinsn, p.boosted, p.ops) for p in group.probes],
                list(group.uses),
            )
            for name, group in self._groups.items()
        }
        copy._ops = dict(self._ops)
        copy.insn = self.insn.clone(partial(copy._new_page, INSN_PAGE), machine.exec_free)
        if self.optinsn is not None:
            copy.optinsn = self.optinsn.clone(
                partial(copy._new_page, OPTINSN_PAGE), machine.exec_free
            )
        return copy

    def registered(self, name: str) -> int:
        """Return how many addresses are probed under `name`."""
        group = self._groups.get(name)
        return 0 if group is None else len(group.probes)

    def register(
        self,
        name: str,
        *,
        count: int = 1,
        entry: bool = False,
        optimised: bool | None = None,
        boosted: bool = False,
        post_handler: bool = False,
        steppable: bool = True,
    ) -> int:
        """register_kprobe() at `count` addresses; again under the same name, at the same addresses.

        Args:
            name: of the group; a second registration shares the slots of the first.
            count: addresses.
            entry: at a function's ftrace site: no slot where kprobes use ftrace.
            optimised: takes a slot in the second cache too; None: wherever the architecture can.
            boosted: x86 without PREEMPTION (not Debian's): the slot comes back dirty.
            post_handler: has one: not boosted, and the second static ops for ftrace-based probes.
            steppable: False for branches, adr, ret ..., which some architectures simulate: no slot
                there.

        Returns:
            How many are registered: fewer than `count` if a page could not be had (-ENOMEM).

        Raises:
            UsageError: no kprobes here, or a count that makes no sense.
        """
        self._check(count)
        group = self._groups.setdefault(name, _Group())
        shared = min(count, len(group.probes))
        pages = self._pages()
        label = printable(name, 60)
        on_ftrace = entry and self._slot.on_ftrace
        while len(group.probes) < count:
            part = label if count == 1 else f"{label} {len(group.probes) + 1}"
            probe = (
                self._arm_on_ftrace(post_handler)
                if on_ftrace
                else self._prepare(part, name, steppable, optimised)
            )
            if probe is None:
                break
            probe.boosted = boosted and not post_handler and self._slot.boosts
            group.probes.append(probe)
        done = min(count, len(group.probes))
        if done:
            group.uses.append(done)
        else:
            del self._groups[name]
        self._note(
            f"kprobe {label}", done, group.probes[shared:done], self._pages() - pages, shared
        )
        self._machine.run_deferred()
        return done

    def unregister(self, name: str) -> None:
        """unregister_kprobe() of the newest registration under `name`.

        Addresses that nobody probes any more are given up.

        The slot of an optimised probe is given back as if the optimiser had run at once (5 jiffies
        and a grace period later in the kernel), always dirty.

        Raises:
            UsageError: nothing is registered under that name.
        """
        group = self._groups.get(name)
        if group is None:
            raise UsageError(f"no kprobe {printable(name)!r} is registered")
        group.uses.pop()
        keep = max(group.uses, default=0)
        pages = self._pages()
        gone, group.probes = group.probes[keep:], group.probes[:keep]
        if not group.uses:
            del self._groups[name]
        for probe in gone:
            self._remove(probe)
        self._note(
            f"kprobe {printable(name, 60)} removed", len(gone), gone, self._pages() - pages, 0
        )
        self._machine.run_deferred()

    def flush(self) -> None:
        """Tell the machine what is inside the pages that changed since the last call."""
        for cache in (self.insn, self.optinsn):
            if cache is not None:
                for start, parts, summary in cache.take_changes():
                    self._machine.divide(start, parts, summary)

    def _check(self, count: int) -> None:
        if not self._machine.layout.capability.have_kprobes:
            raise UsageError(self.why_none)
        if not 0 < count <= MAX_PROBES:
            raise UsageError(f"cannot register {count} probes at once", hint=f"1 to {MAX_PROBES:,}")

    def _pages(self) -> int:
        return len(self.insn.pages) + (0 if self.optinsn is None else len(self.optinsn.pages))

    def _note(self, what: str, count: int, probes: list[_Probe], pages: int, shared: int) -> None:
        slots = sum(probe.slot is not None for probe in probes)
        optimised = sum(probe.optinsn is not None for probe in probes)
        words = [f"{count} address{'' if count == 1 else 'es'}", f"{slots} slots"]
        words += [f"{optimised} optimised"] if optimised else []
        words += [f"{shared} shared"] if shared else []
        words += [f"{pages:+} pages"] if pages else []
        self._machine.note(f"{what}: {', '.join(words)}")

    def _prepare(
        self, name: str, key: str, steppable: bool, optimised: bool | None
    ) -> _Probe | None:
        """arch_prepare_kprobe(), then try_to_optimize_kprobe(); None for -ENOMEM."""
        probe = _Probe()
        if self.why_none or (not steppable and self._slot.simulates):
            return probe
        probe.slot = self.insn.get(name, key)
        if probe.slot is None:
            return None
        if self.optinsn is not None and optimised is not False:
            probe.optinsn = self.optinsn.get(name, key)
            if probe.optinsn is not None and not self._reaches(probe.optinsn):
                self.optinsn.free(probe.optinsn, dirty=False)
                probe.optinsn = None
        return probe

    def _reaches(self, slot: Address) -> bool:
        text, reach = self._machine.layout.text, self._slot.opt_reach
        return text is None or reach is None or abs(slot - text) < reach

    def _arm_on_ftrace(self, post_handler: bool) -> _Probe:
        """arm_kprobe_ftrace(): the first probe of a kind registers its static ops."""
        ops = _IPMODIFY_OPS if post_handler else _KPROBE_OPS
        count = self._ops.get(ops, 0)
        self._ops[ops] = count + 1
        if not count:
            self._ftrace.register(ops, regs=True)
        return _Probe(ops=ops)

    def _remove(self, probe: _Probe) -> None:
        """free_aggr_kprobe(): the optimised slot dirty, then the instruction slot.

        Or the ftrace callback.
        """
        if probe.ops:
            self._ops[probe.ops] -= 1
            if not self._ops[probe.ops]:
                self._ftrace.unregister(probe.ops)
        if probe.optinsn is not None and self.optinsn is not None:
            self.optinsn.free(probe.optinsn, dirty=True)
        if probe.slot is not None and self._slot.given_back:
            self.insn.free(probe.slot, dirty=probe.boosted)

    def _new_cache(self, owner: str, slot_size: Bytes) -> SlotCache:
        return SlotCache(
            slot_size,
            self._machine.layout.page_size,
            partial(self._new_page, owner),
            self._machine.exec_free,
        )

    def _new_page(self, owner: str) -> Address | None:
        """alloc_insn_page(), which some architectures override to make the page ROX."""
        machine = self._machine
        page_size = machine.layout.page_size
        start = machine.exec_alloc(ExecmemType.KPROBES, page_size, owner=owner)
        if start is not None and machine.layout.capability.insn_page_override:
            machine.set_memory(start, page_size, "rox")
        return start
