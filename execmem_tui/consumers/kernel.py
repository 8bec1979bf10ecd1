"""A simulated kernel: the machine, and the consumers that ask it for executable memory."""

from typing import TYPE_CHECKING

from execmem_tui.consumers.bpf import Bpf
from execmem_tui.consumers.catalogue import open_catalogue
from execmem_tui.consumers.ftrace import Ftrace
from execmem_tui.consumers.machine import Machine
from execmem_tui.consumers.modules import Modules
from execmem_tui.consumers.packs import CHUNK
from execmem_tui.model.events import Event
from execmem_tui.model.layouts import Layout

if TYPE_CHECKING:  # comes with the first probe
    from execmem_tui.consumers.kprobes import Kprobes


class Kernel:
    """One kernel; what boot itself allocated is left out unless `boot` is called.

    Args:
        layout: where everything may live.
        cpus: possible CPUs.
        seed: of whatever is random.
        nodes: possible NUMA nodes.
        packs: BPF program packs; None is what the architecture does.
        machine: to run on, freshly booted with the same layout, CPUs and seed; None for one of its
            own.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        cpus: int = 2,
        seed: int = 0,
        nodes: int = 1,
        packs: bool | None = None,
        machine: Machine | None = None,
    ) -> None:
        self.machine = Machine(layout, cpus=cpus, seed=seed) if machine is None else machine
        self.cpus = cpus
        self.seed = seed
        self.ftrace = Ftrace(self.machine)
        self._kprobes: Kprobes | None = None
        self.machine.execmem.areas.online_nodes = nodes
        self.bpf = Bpf(self.machine, nodes, packs=packs, ftrace=self.ftrace)
        self.loader: Modules | None = None
        """The module loader, once `modules` was asked for."""

    @property
    def modules(self) -> Modules:
        """The module loader.

        Its catalogue, where there is one for this architecture and kernel, is read when first asked
        for.
        """
        if self.loader is None:
            layout = self.layout
            self.loader = Modules(
                self.machine, open_catalogue(layout.arch, layout.kernel, layout.variant)
            )
        return self.loader

    @property
    def kprobes(self) -> "Kprobes":
        """The kprobes; nothing of them is made before they are asked for."""
        if self._kprobes is None:
            from execmem_tui.consumers.kprobes import Kprobes

            self._kprobes = Kprobes(self.machine, self.ftrace)
        return self._kprobes

    @property
    def layout(self) -> Layout:
        """Where everything may live."""
        return self.machine.layout

    def boot(self) -> None:
        """Load what captures of freshly booted kernels have in their first pack.

        Classic BPF, where that was measured.
        """
        chunks = self.layout.capability.bpf_at_boot
        if chunks and self.bpf.packed:
            self.bpf.load("boot", chunks * CHUNK - 24, cbpf=True)

    def clone(self) -> "Kernel":
        """Return an equal kernel that shares nothing that changes."""
        copy = Kernel.__new__(Kernel)
        copy.machine = self.machine.clone()
        copy.cpus = self.cpus
        copy.seed = self.seed
        copy.ftrace = self.ftrace.clone(copy.machine)
        probes = self._kprobes
        copy._kprobes = (  # noqa: SLF001 - of its own kind
            None if probes is None else probes.clone(copy.machine, copy.ftrace)
        )
        copy.bpf = self.bpf.clone(copy.machine, copy.ftrace)
        copy.loader = None if self.loader is None else self.loader.clone(copy.machine)
        return copy

    def take_events(self) -> list[Event]:
        """Return the events since the last call, and forget them.

        Areas tell their parts once, as they are now.
        """
        for consumer in (self.ftrace, self._kprobes, self.bpf):
            if consumer is not None:
                consumer.flush()
        return self.machine.take_events()
