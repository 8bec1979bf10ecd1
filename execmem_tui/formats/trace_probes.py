"""kprobe events that stand for vmalloc events in traces of kernels before 6.3, which have none."""

import re
from collections.abc import Iterator
from typing import Final

from execmem_tui.formats.trace_event import (
    EVERYTHING,
    Alloc,
    Free,
    Purge,
    TraceLine,
    Where,
    is_sound,
    other_line,
)

_PROBED_CALL: Final = re.compile(
    r"\(alloc_vmap_area\+0x0/\S+\) size=(\d{1,20}) align=(\d{1,20}) vstart=0x([0-9a-f]{1,16})"
    r" vend=0x([0-9a-f]{1,16})"
)
_PROBED_RETURN: Final = re.compile(
    r"\(\S+ <- alloc_vmap_area\) va_start=(?:0x([0-9a-f]{1,16})|\(fault\))"
)
_PROBED_FREE: Final = re.compile(r"\(free_vmap_area_noflush\+0x0/\S+\) va_start=0x([0-9a-f]{1,16})")
_PROBED_PURGE: Final = re.compile(r"\(__purge_vmap_area_lazy\+0x0/")


class Probes:
    """Reads kprobe events of kernels before 6.3, which have no vmalloc events; they say the same.

    They count only while a trace has shown no vmalloc event. They are those on alloc_vmap_area
    (size, align, vstart, vend), its return (va_start), free_vmap_area_noflush (va_start) and
    __purge_vmap_area_lazy. The call of alloc_vmap_area is paired with its return per task.
    """

    def __init__(self) -> None:
        self._calls: dict[str, tuple[int, int, int, int]] = {}

    def take(self, where: Where, name: str, rest: str) -> Iterator[TraceLine]:
        """Yield what an event says that may be a probe's; a call alone says nothing yet."""
        task = where[2]
        if (call := _PROBED_CALL.match(rest)) is not None:
            size, align, vstart, vend = call.groups()
            self._calls[task] = int(size), int(align), int(vstart, 16), int(vend, 16)
        elif (back := _PROBED_RETURN.match(rest)) is not None:
            asked = self._calls.pop(task, None)
            if asked is not None:
                alloc = Alloc(*where, int(back[1] or "0", 16), *asked, back[1] is None)
                yield alloc if is_sound(alloc) else other_line(where, name, rest)
        elif (free := _PROBED_FREE.match(rest)) is not None:
            yield Free(*where, int(free[1], 16), 0)
        elif _PROBED_PURGE.match(rest) is not None:
            yield Purge(*where, 0, 0, EVERYTHING)
        else:
            yield other_line(where, name, rest)
