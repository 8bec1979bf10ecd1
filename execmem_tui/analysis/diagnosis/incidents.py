"""Which lines of a log belong to one failure."""

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import evolve

from execmem_tui.formats.failures import Form, Record
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, Bytes

_APART: Final = 12
"""Lines that may lie between a message and the one about the same request: the two are printed in
one go, but another CPU's lines can come between."""
_TRACE: Final = 120
"""Lines after a message within which its call trace is looked for."""


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
    end = record.end
    if end is not None and end & 0xFFF == 0xFFF:
        end += 1  # VMALLOC_END is the last byte on x86, the first byte after elsewhere
    base = Incident(line=record.line, text=record.text, form=record.form, why=record.why)
    if record.form is Form.NO_HOLE:
        return evolve(base, padded=record.size, start=record.start, end=end)
    if record.form is Form.NO_MEMORY:
        return evolve(
            base,
            requested=record.size,
            align=record.align,
            task=record.task,
            module=record.module,
        )
    if record.form is Form.RELOCATION:
        return evolve(base, relocation=record)
    if record.form is Form.DUPLICATES:
        return evolve(base, why=f"{record.size:,}")
    if record.form is Form.PERCPU:
        return evolve(base, requested=record.size, align=record.align)
    return evolve(base, execmem=record.form is Form.EXECMEM)


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
    if record.line - before.line > _TRACE:
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
        for note in loose:  # a hint may stand before the first message; frames of others may not
            if note.why == "mcmodel" or note.suppressed:
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


def incidents(records: Iterable[Record]) -> list[Incident]:
    """Return the failures of a log by their first lines, equal ones as one with a count.

    The call trace is that of the first that has one: later ones are often cut by rate limits.
    """
    found: dict[tuple[object, ...], Incident] = {}
    for each in _each(records):
        key = _same(each)
        before = found.get(key)
        if before is None:
            found[key] = each
            continue
        found[key] = evolve(
            before,
            times=before.times + 1,
            frames=before.frames or each.frames,
            release=before.release or each.release,
            task=before.task or each.task,
            hint=before.hint or each.hint,
            execmem=before.execmem or each.execmem,
            tasks=(*before.tasks, *each.tasks),
            suppressed=before.suppressed + each.suppressed,
        )
    return list(found.values())
