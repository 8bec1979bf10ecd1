"""Which lines of a log belong to one failure."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from attrs import evolve, field

from execmem_tui.formats.failure_log import FRAMES
from execmem_tui.formats.failures import Form, Record
from execmem_tui.model.errors import InputError
from execmem_tui.model.records import define, frozen
from execmem_tui.model.units import Address, Bytes

_MOST: Final = 200_000
"""Failures of a log: the kernel prints ten in five seconds (mm/page_alloc.c: warn_alloc)."""
_MOST_KINDS: Final = 10_000
"""Failures of a log that differ from each other."""
_APART: Final = 12
"""Lines that may lie between a message and the one about the same request: the two are printed in
one go, but another CPU's lines can come between."""


@frozen(kw_only=True)
class Incident:
    """One failure as a log tells it: what was asked, where, by which way, and how often."""

    line: int
    text: str
    form: Form
    requested: Bytes | None = None
    """As asked, without guard and padding."""
    padded: Bytes | None = None
    """As the search saw it: rounded up to pages, with the guard page."""
    align: Bytes | None = None
    start: Address | None = None
    end: Address | None = None
    """Exclusive, though kernels print some ends inclusive."""
    task: str | None = None
    why: str = ""
    module: str | None = None
    """That could not be inserted."""
    release: str | None = None
    frames: tuple[Record, ...] = ()
    relocation: Record | None = None
    hint: Record | None = None
    """The line that x86 adds: not compiled with -mcmodel=kernel."""
    execmem: bool = False
    """The line of execmem_alloc() came too: every window was tried."""
    times: int = 1
    tasks: tuple[str, ...] = ()
    """Processes (name and number) that met it."""
    suppressed: int = 0
    """Messages that the kernel's rate limit swallowed: `times` is a lower bound then."""

    @property
    def width(self) -> Bytes | None:
        """Bytes of the printed range, or None."""
        return None if self.start is None or self.end is None else self.end - self.start


def _begin(record: Record) -> Incident:
    begun = partial(Incident, line=record.line, text=record.text, form=record.form, why=record.why)
    if record.form is Form.NO_HOLE:
        end = record.end
        if end is not None and end & 0xFFF == 0xFFF:
            end += 1  # VMALLOC_END is the last byte on x86, the first byte after elsewhere
        return begun(padded=record.size, start=record.start, end=end)
    if record.form is Form.NO_MEMORY:
        return begun(
            requested=record.size, align=record.align, task=record.task, module=record.module
        )
    if record.form is Form.RELOCATION:
        return begun(relocation=record)
    if record.form is Form.DUPLICATES:
        return evolve(begun(), why=f"{record.size:,}")
    if record.form is Form.PERCPU:
        return begun(requested=record.size, align=record.align)
    return begun(execmem=record.form is Form.EXECMEM)


def _joined(before: Incident, record: Record) -> Incident | None:
    """Return the incident with a line that speaks of the same request, or None if it does not."""
    if record.line - before.line > _APART + len(before.frames):
        return None
    if record.form is Form.NO_MEMORY and before.form is Form.NO_HOLE and before.requested is None:
        if record.size is not None and before.padded is not None and record.size > before.padded:
            return None
        return evolve(
            before,
            requested=record.size,
            align=record.align,
            task=record.task or before.task,
            why=record.why,
        )
    if record.form is Form.EXECMEM and before.form in (Form.NO_HOLE, Form.NO_MEMORY):
        return evolve(before, execmem=True)
    if record.form is Form.NOT_SPACE and before.form in (Form.NO_HOLE, Form.NO_MEMORY):
        # warn_alloc() heads its dump «page allocation failure» up to 5.x, whatever was short
        return before
    return None


def _noted(before: Incident, record: Record) -> Incident:
    """Return the incident with a line of its call trace, a hint or a count."""
    if record.suppressed:
        return evolve(before, suppressed=before.suppressed + record.suppressed)
    if record.why == "mcmodel":
        return evolve(before, hint=record)
    if record.line - before.line > FRAMES:
        return before
    if record.release is not None:
        number = "" if record.pid is None else f"[{record.pid}]"
        return evolve(
            before,
            release=before.release or record.release,
            task=before.task or record.task,
            tasks=(*before.tasks, f"{record.task}{number}"),
        )
    return evolve(before, frames=(*before.frames, record)) if record.sure else before


def _each(records: Iterable[Record]) -> Iterator[Incident]:
    current: Incident | None = None
    loose: list[Record] = []
    for record in records:
        if record.form is Form.NOTE:
            if current is None:
                # a hint may stand before the first message; frames of others may not
                if record.why == "mcmodel" or record.suppressed:
                    loose.append(record)
            else:
                current = _noted(current, record)
            continue
        joined = None if current is None else _joined(current, record)
        if joined is not None:
            current = joined
            continue
        if current is not None:
            yield current
        current = _begin(record)
        for note in loose:
            current = _noted(current, note)
        loose = []
    if current is not None:
        yield current


def _same(incident: Incident) -> tuple[object, ...]:
    relocation = incident.relocation
    told = None if relocation is None else (relocation.relocation, relocation.module)
    return (
        incident.form,
        incident.padded,
        incident.requested,
        incident.start,
        incident.end,
        incident.why,
        told,
    )


_FILLED: Final = ("frames", "release", "task", "hint", "execmem")
"""What one failure may lack and an equal one after it may tell."""


@define
class _Again:
    """The first of several equal failures, and what the others add."""

    first: Incident
    times: int = 0
    tasks: dict[str, None] = field(factory=dict)
    suppressed: int = 0

    def add(self, each: Incident) -> None:
        """Count one."""
        self.times += 1
        self.suppressed += each.suppressed
        self.tasks |= dict.fromkeys(each.tasks)
        more = {
            name: told
            for name in _FILLED
            if (told := getattr(each, name)) and not getattr(self.first, name)
        }
        if more:
            self.first = evolve(self.first, **more)

    def whole(self) -> Incident:
        """Return them as one."""
        return evolve(
            self.first, times=self.times, tasks=tuple(self.tasks), suppressed=self.suppressed
        )


def incidents(path: str, records: Iterable[Record]) -> list[Incident]:
    """Return the failures of a log by their first lines, equal ones as one with a count.

    The call trace is that of the first that has one: later ones are often cut by rate limits.

    Args:
        path: to be named in errors.
        records: of the log, in its order.

    Raises:
        InputError: there are more than any kernel prints.
    """
    found: dict[tuple[object, ...], _Again] = {}
    for number, each in enumerate(_each(records), 1):
        if number > _MOST or len(found) > _MOST_KINDS:
            raise InputError(
                path,
                each.line,
                f"more than {_MOST if number > _MOST else _MOST_KINDS:,} failures",
                hint="give the part of the log that matters",
            )
        key = _same(each)
        if key not in found:
            found[key] = _Again(each)
        found[key].add(each)
    return [each.whole() for each in found.values()]
