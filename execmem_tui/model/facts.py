"""What a capture says about the machine it comes from."""

from collections.abc import Mapping, Sequence
from typing import Final

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.rules import Rules, rules_told
from execmem_tui.model.units import Address, Bytes

SYMBOLS: Final = ("_start", "_text", "_stext", "_etext", "_end")
"""The symbols of the image that ranges are computed from."""


@frozen(kw_only=True)
class Facts:
    """What a capture says about its machine."""

    arch: str | None = None
    """As its owner wrote it, or None."""
    release: str | None = None
    compiler: str = ""
    cmdline: str = ""
    config: Mapping[str, str] = {}
    symbols: Mapping[str, Address] = {}
    image_from_iomem: bool = False
    """`_end` is not a symbol but the last byte of the kernel's own memory in /proc/iomem."""
    bpf_jit_limit: Bytes | None = None
    """net.core.bpf_jit_limit, from sysctl."""
    vmalloc_total: Bytes | None = None
    """VMALLOC_END - VMALLOC_START in whole KiB, from /proc/meminfo."""
    highmem: bool | None = None
    """Whether /proc/meminfo counts high memory (CONFIG_HIGHMEM); None without a meminfo."""
    addresses: Sequence[Address] = ()
    """Starts of areas, of all phases."""
    executable: Mapping[Address, str] = {}
    """Of those that are executable memory, whose: ``module``, ``bpf``, ``probe``, or "" where the
    caller tells no more."""
    percpu_end: Address | None = None
    """Where the highest percpu chunk ends: it lies right under VMALLOC_END (mm/vmalloc.c:
    pcpu_get_vm_areas)."""
    page_size: Bytes | None = None
    """Told by the areas themselves: size over pages plus guard."""
    windows: Sequence[tuple[Address, Address]] = ()
    """(vstart, vend) of requests in a trace: the kernel's own ranges, exactly."""
    stated: Mapping[str, tuple[Address, Address]] = {}
    """``vmalloc`` and ``modules`` as the kernel's log states them at boot."""
    ranges: Mapping[ExecmemType, tuple[int, int, int, int]] = {}
    """start, end, fallback_start, fallback_end as read from the kernel's memory."""

    @property
    def kaslr_off(self) -> bool:
        """Whether the command line says nokaslr."""
        return "nokaslr" in self.cmdline.split()

    @property
    def image(self) -> dict[str, Address]:
        """The symbols of the image that are known."""
        return {name: self.symbols[name] for name in SYMBOLS if self.symbols.get(name)}

    @property
    def text(self) -> Address | None:
        """Where the image begins, or None."""
        return self.symbols.get("_text", self.symbols.get("_stext"))

    @property
    def rules(self) -> Rules:
        """The rules of its kernel; of the newest model where its release is not told."""
        return rules_told(self.release or "")
