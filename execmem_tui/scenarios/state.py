"""What a run of a scenario knows beside the kernel: who got what, and the newest outcome of a step."""

from collections import deque

from attrs import define, field

from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.modules import Modules
from execmem_tui.model.units import Address, Bytes
from execmem_tui.scenarios.machine import CountingMachine
from execmem_tui.scenarios.settings import Settings


@define
class State:
    """One run."""

    kernel: Kernel
    machine: CountingMachine
    settings: Settings
    modules: Modules
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
    past: Bytes = 0
    verdict: str | None = None
    errno: int = 0
    failed_loads: int = 0
    wasted: Bytes = 0
    """Address space that duplicate loads took."""
