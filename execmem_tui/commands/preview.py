"""Where something would lie: a clone of the kernel does it, and is thrown away."""

from execmem_tui.commands.by_hand import Command
from execmem_tui.consumers.kernel import Kernel
from execmem_tui.model.areas import Area, asked_for
from execmem_tui.model.events import Allocated, Failed, Freed
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes, format_size


@frozen(kw_only=True)
class Preview:
    """What a command would do. Nothing has happened yet."""

    areas: tuple[Area, ...]
    """What would be there afterwards and is not there now, ascending."""
    passing: tuple[Area, ...]
    """What would come and go: a module's init regions. In the order of their allocation."""
    fallbacks: int
    """Of all these, those in the fallback range."""
    failure: str
    """Why it would fail, or ""."""

    @property
    def allocations(self) -> int:
        """How many requests would succeed."""
        return len(self.areas) + len(self.passing)

    @property
    def size(self) -> Bytes:
        """Bytes that it would keep, without guards: what the sentence says once it is done."""
        return sum(area.size for area in asked_for(self.areas))

    @property
    def text(self) -> str:
        """``48 allocations, 3 in the fallback, 4.2M stay``."""
        if self.failure:
            return f"would fail: {self.failure}"
        number = self.allocations
        words = [f"{number:,} allocation{'' if number == 1 else 's'}"]
        if self.fallbacks:
            words.append(f"{self.fallbacks:,} in the fallback")
        if self.passing:
            words.append(f"{format_size(self.size)} stay")
        return ", ".join(words)


def preview(kernel: Kernel, command: Command) -> Preview:
    """Let a clone of `kernel` run `command` and tell what it did; `kernel` is left as it is.

    Raises:
        UsageError: the command means nothing now.
    """
    twin = kernel.clone()
    twin.take_events()
    command(twin)
    there: dict[Address, Area] = {}
    passing: list[Area] = []
    fallbacks, failure = 0, ""
    for event in twin.take_events():
        if isinstance(event, Allocated):
            there[event.area.start] = event.area
            fallbacks += event.fallback
        elif isinstance(event, Freed) and event.area.start in there:
            passing.append(there.pop(event.area.start))
        elif isinstance(event, Failed) and not event.attempt:
            failure = failure or event.reason
    # what consumers told of their parts in between is on the map by now
    kept = [twin.machine.area_at(start) or area for start, area in sorted(there.items())]
    return Preview(areas=tuple(kept), passing=tuple(passing), fallbacks=fallbacks, failure=failure)
