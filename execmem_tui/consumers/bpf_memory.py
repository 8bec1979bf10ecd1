"""The memory of BPF's JIT: what is charged against its limit, in packs or in pages of its own.

kernel/bpf/core.c: bpf_jit_charge_modmem, bpf_prog_pack_alloc, bpf_jit_alloc_exec.
"""

from typing import Final, NamedTuple

from execmem_tui.consumers.machine import PACK_SIZE, Machine
from execmem_tui.consumers.packs import Packs
from execmem_tui.model.areas import Part
from execmem_tui.model.errors import UsageError
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.units import Address, Bytes, align_up

EPERM: Final = 1
ENOMEM: Final = 12


class Binary(NamedTuple):
    """Memory that somebody got, and how it is given back."""

    start: Address
    size: Bytes
    """Charged, bytes."""
    packed: bool


class BpfMemory:
    """What programs, trampolines and images are written to.

    Args:
        machine: what it allocates from.
        nodes: possible NUMA nodes; a pack is 2 MiB for each.
        packed: what fits into a pack shares one.
        limit: net.core.bpf_jit_limit, bytes.

    Raises:
        UsageError: no kernel has so many nodes.
    """

    def __init__(self, machine: Machine, nodes: int, *, packed: bool, limit: Bytes) -> None:
        if not 1 <= nodes <= 1024:
            raise UsageError(f"cannot have {nodes} nodes", hint="1 to 1024")
        self._machine = machine
        self.nodes = nodes
        self.packed = packed
        self.limit = limit
        self.charged: Bytes = 0
        """bpf_jit_current: bytes charged against the limit."""
        self.packs = Packs(PACK_SIZE * nodes, self._new_pack, machine.exec_free)
        self._fresh: dict[Address, Part] = {}
        """Areas of one program whose part the machine has not heard of yet."""

    def clone(self, machine: Machine) -> "BpfMemory":
        """Return an equal state on `machine`, a clone of this one's."""
        copy = BpfMemory(machine, self.nodes, packed=self.packed, limit=self.limit)
        copy.charged = self.charged
        copy.packs = self.packs.clone(copy._new_pack, machine.exec_free)
        copy._fresh = dict(self._fresh)
        return copy

    def charge(
        self,
        size: Bytes,
        label: str,
        *,
        key: str = "",
        capable: bool,
        packed: bool,
        whole_page: bool = False,
    ) -> tuple[Binary | None, int]:
        """bpf_jit_charge_modmem(), then memory; the error where there is none.

        Args:
            size: bytes to charge.
            label: of the area.
            key: what programs are called by, where they are named in a pack.
            capable: the caller has CAP_BPF: the limit does not stop it.
            packed: from a pack, if it fits.
            whole_page: a page is taken, whatever the size; else bytes as charged.
        """
        if self.charged + size > self.limit and not capable:
            return None, EPERM
        room = size if packed or not whole_page else self._machine.layout.page_size
        binary = self.alloc(room, label, key, packed=packed)
        if binary is None:
            return None, ENOMEM
        self.charged += size
        return Binary(binary.start, size, binary.packed), 0

    def alloc(self, size: Bytes, label: str, key: str = "", *, packed: bool) -> Binary | None:
        """bpf_prog_pack_alloc(), or bpf_jit_alloc_exec() and later set_memory_rox()."""
        if packed and size <= self.packs.pack_size:
            start = self.packs.alloc(size, label, key)
            return None if start is None else Binary(start, size, packed=True)
        pages = align_up(size, self._machine.layout.page_size)
        start = self._machine.exec_alloc(ExecmemType.BPF, pages, owner=label)
        if start is None:
            return None
        if not self._cached:
            self._machine.set_memory(start, pages, "rox")
        self._fresh[start] = Part(start, size, label, key=key)
        return Binary(start, size, packed=False)

    def uncharge(self, binary: Binary) -> None:
        """Give back what was charged (bpf_jit_uncharge_modmem)."""
        self.free(binary)
        self.charged -= binary.size

    def free(self, binary: Binary) -> None:
        """Give back what was not charged."""
        if binary.packed:
            self.packs.free(binary.start)
        else:
            self._fresh.pop(binary.start, None)
            self._machine.exec_free(binary.start)

    def flush(self) -> None:
        """Tell the machine what is inside the packs and areas that changed since the last call."""
        for start, parts, summary in self.packs.take_changes():
            self._machine.divide(start, parts, summary)
        fresh, self._fresh = self._fresh, {}
        for start, part in fresh.items():
            self._machine.divide(start, (part,), f"{part.size:,} bytes used")

    @property
    def _cached(self) -> bool:
        return self._machine.layout.range_of(ExecmemType.BPF).rox_cached

    def _new_pack(self) -> Address | None:
        """alloc_new_pack(): the whole pack is read-only and executable from the start.

        From the ROX cache it is that already: no set_memory_rox(), so no purge on a hit.
        """
        machine = self._machine
        start = machine.exec_alloc(ExecmemType.BPF, self.packs.pack_size, owner="bpf prog pack")
        if start is not None and not self._cached:
            machine.set_memory(start, self.packs.pack_size, "rox")
        return start
