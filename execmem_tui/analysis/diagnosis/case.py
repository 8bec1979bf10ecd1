"""What is known of one incident when it is judged, and advice that follows from it alone."""

from typing import Final

from execmem_tui.analysis.diagnosis.asker import EXECMEM, Asker, AskerKind
from execmem_tui.analysis.diagnosis.incidents import Incident
from execmem_tui.analysis.diagnosis.relocations import Distance
from execmem_tui.analysis.diagnosis.space import Space
from execmem_tui.arch import architecture
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Bytes, format_size

SNAPSHOT: Final = (
    "/proc/vmallocinfo",
    "/proc/modules",
    "/proc/kallsyms",
    "the boot configuration",
)
"""Files that would tell more."""


@frozen(kw_only=True)
class Case:
    """All that is known of one incident when it is judged."""

    incident: Incident
    asker: Asker
    arch: str | None
    page_size: Bytes | None
    padded: Bytes | None
    module_areas: tuple[Bytes, ...]
    """Sizes that the architecture's module area has, by configuration, ascending; one where a
    snapshot tells."""
    space: Space | None
    distance: Distance | None
    fallback: bool | None

    @property
    def wants_module_area(self) -> bool:
        """Whether executable memory was asked for."""
        return self.asker.kind in EXECMEM

    @property
    def width(self) -> Bytes | None:
        """Bytes of the range that was searched, or None."""
        if self.incident.width is not None:
            return self.incident.width
        return None if self.space is None else self.space.end - self.space.start


def amount(size: Bytes) -> str:
    """Return a size to the byte and in short, as evidence has it."""
    return f"{size:,} bytes ({format_size(size)})"


def room_remedy(case: Case) -> str:
    """Return what makes room where the request went: advice that helps there, and no other."""
    arch = None if case.arch is None else architecture(case.arch)
    if case.wants_module_area:
        advice = "" if arch is None else arch.room_advice
        advice = advice or "a smaller module (strip it, or build it in)"
        return advice + (
            f"; {arch.vmalloc_advice}" if arch is not None and arch.vmalloc_advice else ""
        )
    if case.asker.kind is AskerKind.MODULE_INIT:
        return f"a wider range in the driver{_of(case.asker.name)}, which asks for its own"
    general = "find who holds the vmalloc area (its owners below), or a 64-bit kernel"
    if arch is not None and arch.vmalloc_advice:
        return f"{general}; {arch.vmalloc_advice}"
    return (
        general
        if arch is not None
        else (
            f"{general}; vmalloc=512M enlarges the vmalloc area on x86-32 and arm, and only there"
        )
    )


def _of(name: str | None) -> str:
    return "" if name is None else f" {name}"
