"""What a run of a scenario knows beside the kernel.

Who got what, and the newest outcome of a step.
"""

from collections import deque
from typing import Final

from attrs import field

from execmem_tui.consumers.counts import Counts
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.machine import Machine
from execmem_tui.consumers.modules import Modules
from execmem_tui.model.errors import UsageError
from execmem_tui.model.meters import Meter
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import define
from execmem_tui.model.units import Address, Bytes
from execmem_tui.scenarios.meters import meters
from execmem_tui.scenarios.settings import Settings

MAX_REQUESTS: Final = 1_000_000
"""Requests of one run; a file that asks for more is refused while it runs."""


@define
class State:
    """One run."""

    kernel: Kernel
    counts: Counts
    """Of `machine`."""
    settings: Settings
    concurrent: bool = False
    """Several CPUs are at it."""
    owners: dict[str, list[tuple[Address, bool]]] = field(factory=dict)
    """By owner, oldest first: the address, and whether it is execmem's (else vmalloc's)."""
    programs: dict[str, deque[str]] = field(factory=dict)
    """BPF programs by the name of their step, oldest first."""
    probes: dict[str, deque[str]] = field(factory=dict)
    ops: dict[str, deque[str]] = field(factory=dict)
    targets: dict[str, deque[str]] = field(factory=dict)
    """Likewise kprobes, ftrace_ops, and functions with a BPF trampoline."""
    count: int = 0
    """How many of the newest step's requests succeeded."""
    distance: int = 0
    """Of the newest reach: target minus origin, bytes."""
    past: Bytes = 0
    """Bytes of that beyond what the relocation can name, 0 inside."""
    verdict: str | None = None
    errno: int = 0
    failed_loads: int = 0
    wasted: Bytes = 0
    """Address space that duplicate loads took."""
    requests: int = 0
    """Requests so far, of whatever consumer."""

    @property
    def machine(self) -> Machine:
        """The kernel's allocator."""
        return self.kernel.machine

    def meter(self, kind: ExecmemType) -> Meter:
        """Return the meter of a type now."""
        return meters(self.machine, self.counts)[kind]

    @property
    def modules(self) -> Modules:
        """The module loader."""
        return self.kernel.modules

    def request(self) -> None:
        """Count one more request.

        Raises:
            UsageError: these were too many.
        """
        self.requests += 1
        if self.requests > MAX_REQUESTS:
            raise UsageError(f"more than {MAX_REQUESTS:,} requests", hint="smaller counts will do")
