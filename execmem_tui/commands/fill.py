"""Fill the module window up until something spills into the fallback range, or fails."""

from collections.abc import Iterator
from typing import Final

from execmem_tui.consumers.kernel import Kernel
from execmem_tui.consumers.modules import LoadOutcome, Modules
from execmem_tui.model.errors import UsageError
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.units import GIB, KIB, MIB, Address, Bytes, format_size

MOST: Final = 100
"""Modules loaded before plain requests take over: more say nothing new and cost time (the whole of
Debian's amd64 does not fill x86's window)."""

LARGEST_WINDOW: Final = 64 * GIB
"""Windows beyond this are not filled: a thousand requests of a plausible size would not be seen."""

_SHARE: Final = 6
"""A module larger than this part of the window is passed over: one must not fill it alone."""

_REQUESTS: Final = 128
_SIZES: Final = (64 * KIB, 64 * MIB)
"""Plain requests are about a 128th of what is free, within these bounds (bytes)."""


def why_not_fill(layout: Layout) -> str:
    """Return "" if the module window can be filled, else a sentence that says why not."""
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    size = entry.end - entry.start
    if size <= LARGEST_WINDOW:
        return ""
    second = "" if entry.has_fallback else ", and there is no second window to spill into"
    return f"modules have {format_size(size)} here: nothing fills that{second}"


def fill(kernel: Kernel) -> None:
    """Load the largest modules that are not loaded, until one spills or fails.

    Then make plain requests.

    Raises:
        UsageError: the window is too large for that.
    """
    reason = why_not_fill(kernel.layout)
    if reason:
        raise UsageError(reason, hint="A takes a size and a count")
    kernel.machine.note("fill up until it spills", mark=True)
    for name in _largest(kernel.modules, kernel.layout):
        before = set(kernel.modules.loaded)
        outcome = kernel.modules.load(name)
        kernel.modules.run_init_frees()
        fresh = [each for each in kernel.modules.loaded if each not in before]
        if outcome is LoadOutcome.NO_MEMORY or any(_spilled(kernel, each) for each in fresh):
            return
    kind = ExecmemType.MODULE_TEXT
    size = _request(kernel)
    start = kernel.machine.request(kind, size)
    while start is not None and not _is_fallback(kernel, start):
        start = kernel.machine.request(kind, size)


def _largest(modules: Modules, layout: Layout) -> Iterator[str]:
    """Yield the names of the largest modules that are not loaded, largest first."""
    entry = layout.range_of(ExecmemType.MODULE_TEXT)
    most = (entry.end - entry.start) // _SHARE
    catalogue = modules.catalogue
    sizes = (
        {}
        if catalogue is None
        else {
            name: sum(module.sizes.values())
            for name, module in catalogue.items()
            if name not in modules.loaded
        }
    )
    order = sorted((name for name, size in sizes.items() if size <= most), key=sizes.__getitem__)
    for name in order[: -MOST - 1 : -1]:
        if name not in modules.loaded:  # what came before may have needed it
            yield name


def _spilled(kernel: Kernel, name: str) -> bool:
    return any(_is_fallback(kernel, start) for start in kernel.modules.loaded[name].starts.values())


def _is_fallback(kernel: Kernel, start: Address) -> bool:
    area = kernel.machine.area_at(start)
    return area is not None and area.window is Window.FALLBACK


def _request(kernel: Kernel) -> Bytes:
    """Return a power of two near a 128th of what the preferred window has free."""
    entry = kernel.layout.range_of(ExecmemType.MODULE_TEXT)
    free = sum(
        max(0, min(end, entry.end) - max(start, entry.start))
        for start, end in kernel.machine.execmem.vmalloc.space
    )
    least, most = _SIZES
    return min(max(1 << (free // _REQUESTS).bit_length(), least), most)
