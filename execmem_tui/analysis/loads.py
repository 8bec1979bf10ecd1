"""What is remembered of module loads while a trace is read."""

from typing import Final

from attrs import define, field, frozen

from execmem_tui.analysis.verify_documents import LoaderMissDocument
from execmem_tui.consumers.catalogue import Module
from execmem_tui.formats.trace import Alloc

_STEPS: Final = 768
"""More than a load has, with each area from the fallback window."""


@frozen
class Plan:
    """What a load of one module does."""

    module: Module
    labels: list[str]
    """Of its areas."""
    sizes: list[int]
    """Bytes, with guard."""
    steps: str


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
    freed: list[str] = field(factory=list)
    """Init regions so far."""
    freed_by: str = ""


@define
class TaskWindow:
    """What a task did since its last load or unload."""

    areas: list[Alloc] = field(factory=list)
    steps: list[str] = field(factory=list)
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

    def step(self, letter: str, line: int) -> None:
        """Note a step; of far more than a load has, the oldest are forgotten."""
        steps = self.steps
        steps.append(letter)
        self.lines.append(line)
        if len(steps) > _STEPS:
            del steps[: _STEPS // 2], self.lines[: _STEPS // 2]

    def forget(self) -> None:
        """Begin a new window."""
        self.areas.clear()
        self.steps.clear()
        self.lines.clear()
        self.freed.clear()
