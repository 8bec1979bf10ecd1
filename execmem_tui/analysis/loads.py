"""A module load as a trace shows it.

What it asks for, what it gives back, what is remembered of it.
"""

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Final

from attrs import field

from execmem_tui.analysis.verify_documents import LoaderMissDocument
from execmem_tui.consumers.catalogue import Module
from execmem_tui.consumers.load_sequence import (
    AFTER_INIT,
    INITS,
    TEXTS,
    areas_of,
    formation,
    free_order,
    page_array,
)
from execmem_tui.formats.trace_event import Alloc
from execmem_tui.model.records import define, frozen


class Step(StrEnum):
    """What a task did while it loaded."""

    AREA = "A"
    PURGE = "p"
    FAILED = "F"
    """An attempt that found no room."""
    BLOCK = "B"
    """The ROX cache took a block."""


_A, _P = Step.AREA, Step.PURGE
FALLBACK: Final = "FpFA"
"""Of an area for which the preferred window had no room."""
_DETOURS: Final = ((FALLBACK, "A"), ("FpA", "A"))
"""What is done where the preferred window has no room (a purge, another try, the fallback window),
and what it comes to."""
_POPULATING: Final = (("FpFBp", ""), ("FpBp", ""), ("Bp", ""))
"""The same where the ROX cache has no room for a text: a block, made read-only executable."""


def straight(steps: str, *, cached: bool) -> str:
    """Return the steps of a load without its detours, spelled.

    Args:
        steps: as they were, spelled.
        cached: text comes from the ROX cache, which may have to take a block first.
    """
    if "F" not in steps and "B" not in steps:  # most loads by far
        return steps
    table = (*(_POPULATING if cached else ()), *_DETOURS)
    plain = ""
    at = 0
    while at < len(steps):
        for detour, comes_to in table:
            if steps.startswith(detour, at):
                plain += comes_to
                at += len(detour)
                break
        else:
            plain += steps[at]
            at += 1
    return plain


def spelled(steps: Sequence[Step]) -> str:
    """Return steps as letters."""
    return "".join(steps)


COMPANION: Final = "page array"
"""Label of the area that vmalloc takes for the page pointers of a big one."""


@frozen(kw_only=True)
class LoaderRules:
    """The sequences of one kernel; sizes in bytes."""

    page_size: int
    word_bits: int
    window: tuple[int, int]
    """The vmalloc window."""
    separate: bool
    """Modules have windows of their own."""
    purges: bool
    """set_memory_*() purges."""
    cached: bool
    """Text comes from the ROX cache."""
    text_calls: int
    """set_memory calls that make a text executable."""

    def requests(self, module: Module) -> tuple[list[str], list[int]]:
        """Return the labels and the traced sizes of a load's areas."""
        labels, sizes = [], []
        for region, size in areas_of(module, self.page_size).items():
            if self.cached and region in TEXTS:
                continue
            labels.append(region)
            sizes.append(size + self.page_size)
            array = page_array(size, self.page_size, self.word_bits)
            if array:
                labels.append(COMPANION)
                sizes.append(array + self.page_size)
        return labels, sizes

    def steps(self, module: Module) -> list[Step]:
        """Return the steps of a load that needs neither a block nor the fallback."""
        regions = areas_of(module, self.page_size)
        if not self.purges:
            return [_A] * len(regions)
        changes = [_P] * len(formation(regions, self.text_calls))
        if not self.cached:
            return [_A] * len(regions) + changes
        # execmem_alloc_rw() makes writable what it got: set_memory_nx(), set_memory_rw()
        taken = [[_P, _P] if region in TEXTS else [_A, _P, _P] for region in regions]
        return [step for steps in taken for step in steps] + changes

    def after_init(self, module: Module) -> int:
        """Return how many purges the end of init makes.

        do_init_module() makes MOD_RO_AFTER_INIT read-only (module_enable_rodata_ro_after_init)
        before it queues what init leaves behind to be freed.
        """
        return int(self.purges and AFTER_INIT in areas_of(module, self.page_size))

    def freed_after_init(self, regions: Collection[str]) -> list[str]:
        """Return what the deferred work frees, in order."""
        return [region for region in INITS if region in regions]

    def freed_at_last(self, regions: Collection[str]) -> list[str]:
        """Return what an unload or a failed load frees, in order."""
        return free_order(regions)


STEPS: Final = 768
"""More than a load has, with each area from the fallback window."""


@frozen(kw_only=True)
class LoaderMiss:
    """One load, unload or free that was not as expected."""

    line: int
    name: str
    kind: str
    expected: str
    """By the rules."""
    found: str
    """In the trace or a snapshot."""
    cause: str = ""
    """What explains it, or ""."""

    def document(self) -> LoaderMissDocument:
        """Return it for JSON."""
        return LoaderMissDocument(
            line=self.line,
            module=self.name,
            class_=self.kind,
            expected=self.expected,
            found=self.found,
            cause=self.cause,
        )


@define
class Load:
    """One module's memory."""

    name: str
    line: int
    module: Module
    live: dict[str, int]
    """Region -> start, of what the trace shows."""
    after_init: int = 0
    """Purges that the end of its init makes."""
    freed: list[str] = field(factory=list)
    """Init regions so far."""
    freed_by: str = ""
    task: str = ""
    """Who loaded it."""
    begun: int = 0
    """Line of its first area."""
    purges: int = 0
    """By the same task, since the load."""


@define
class TaskWindow:
    """What a task did since its last load or unload."""

    areas: list[Alloc] = field(factory=list)
    steps: list[Step] = field(factory=list)
    lines: list[int] = field(factory=list)
    """Of `steps`."""
    last: int = 0
    """Bytes of the last area or block, with its guard."""
    freed: list[int] = field(factory=list)
    """Starts among `areas`, in the order in which the task gave them back."""
    freed_line: int = 0
    """Of the last of them."""
    unloading: Load | None = None
    unloaded: list[str] = field(factory=list)

    def step(self, step: Step, line: int) -> None:
        """Note a step; of far more than a load has, the oldest are forgotten."""
        self.steps.append(step)
        self.lines.append(line)
        if len(self.steps) > STEPS:
            self.shorten()

    def shorten(self) -> None:
        """Forget the older half of very many steps."""
        del self.steps[: STEPS // 2], self.lines[: STEPS // 2]

    def gave_back(self, start: int, line: int) -> None:
        """Note a free, if it is of one of the areas."""
        for area in self.areas:
            if area.start == start:
                self.freed.append(start)
                self.freed_line = line
                return

    def forget(self) -> None:
        """Begin a new window."""
        self.areas.clear()
        self.steps.clear()
        self.lines.clear()
        self.freed.clear()
