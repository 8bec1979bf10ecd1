"""From the lines of a log, and a snapshot where there is one, to findings."""

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import evolve

from execmem_tui.analysis.diagnosis.asker import EXECMEM, Asker, AskerKind, who_asked
from execmem_tui.analysis.diagnosis.case import Case
from execmem_tui.analysis.diagnosis.finding import Finding
from execmem_tui.analysis.diagnosis.incidents import Incident, incidents
from execmem_tui.analysis.diagnosis.relocations import measured
from execmem_tui.analysis.diagnosis.space import Space, space_of
from execmem_tui.analysis.diagnosis.verdicts import judge
from execmem_tui.formats.failure_log import parse_failures
from execmem_tui.formats.failures import Form
from execmem_tui.machines.log import (
    LogMachine,
    LogWitness,
    layouts_with,
    name_of,
    standard_layouts,
    usual_layout,
)
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen
from execmem_tui.model.rules import rules_told
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import Address, Bytes

_ASKERS: Final = {
    Form.JIT_LIMIT: AskerKind.BPF,
    Form.DUPLICATES: AskerKind.MODULE_LOADER,
    Form.PERCPU: AskerKind.PERCPU,
}
"""Messages that tell who asked by themselves."""
_PAGES: Final = (4096, 8192, 16384, 65536)


@frozen(kw_only=True)
class Log:
    """A log that was read: its failures and its machine."""

    name: str
    incidents: tuple[Incident, ...]
    machine: LogMachine


def read_log(name: str, lines: Iterable[tuple[int, str]]) -> Log:
    """Read a log. `lines` are (number from 1, text) without decoration or with it.

    Raises:
        InputError: it tells of more failures than any kernel prints.
    """
    witness = LogWitness()  # in passing: a log may be longer than memory
    found = tuple(incidents(name, parse_failures(witness.watch(lines))))
    return Log(name=name, incidents=found, machine=witness.machine())


def padding_page(requested: Bytes, padded: Bytes) -> Bytes | None:
    """Return the page size that makes both numbers speak of one request, or None.

    padded = page_align(requested) + one guard page (mm/vmalloc.c: __get_vm_area_node).
    """
    for page in _PAGES:
        if -(-requested // page) * page + page == padded:
            return page
    return None


def _padded(incident: Incident, page: Bytes | None) -> Bytes | None:
    if incident.padded is not None:
        return incident.padded
    if not incident.requested or page is None or incident.form is not Form.NO_MEMORY:
        return None
    return -(-incident.requested // page) * page + page


def _era(incident: Incident, release: str | None) -> str | None:
    """Return which kernels print it so (facts of mm/vmalloc.c and mm/execmem.c), or None."""
    if incident.align is not None and incident.form is Form.NO_MEMORY:
        return "7.3 and later"
    if incident.form is Form.NO_HOLE:
        if incident.start is not None:
            return "6.11 to 7.2" if release is None else "6.11 and later"
        return "before 6.11"
    if incident.form is Form.EXECMEM:
        return "6.10 and later"
    if incident.form is Form.VMALLOC_SPACE:
        return "2.6"
    return None


class Diagnosis:
    """Judges the incidents of logs beside an optional snapshot of the same machine."""

    def __init__(self, snapshot: Snapshot | None = None) -> None:
        self._snapshot = snapshot
        self._layout = None if snapshot is None else snapshot.layout
        known = self._layout is not None and self._layout.arch != "unknown"
        self._arch = self._layout.arch if known and self._layout is not None else None

    def findings(self, log: Log) -> list[Finding]:
        """Return one finding per kind of failure, in the log's order."""
        return [self._finding(log, each) for each in self._together(log.incidents)]

    @staticmethod
    def _together(all_incidents: Sequence[Incident]) -> list[Incident]:
        """Return the incidents; the line of execmem_alloc() alone is told by those before it."""
        kept = [each for each in all_incidents if each.form is not Form.EXECMEM]
        alone = [each for each in all_incidents if each.form is Form.EXECMEM]
        if not alone or not kept:
            return list(all_incidents)
        first = next((n for n, each in enumerate(kept) if each.execmem), None)
        if first is None:
            return list(all_incidents)
        more = sum(each.suppressed for each in alone)
        kept[first] = evolve(kept[first], suppressed=kept[first].suppressed + more)
        return kept

    def _finding(self, log: Log, incident: Incident) -> Finding:
        asker = self._asker(incident)
        page = self._page(incident)
        distance = None
        arch = self._arch or log.machine.arch
        if incident.relocation is not None:
            distance = measured(incident.relocation, arch)
            arch = arch or distance.arch
        layout = self._layout_of(incident, page, arch)
        if layout is not None:
            arch = arch or layout.arch
            page = page or layout.page_size
        padded = _padded(incident, page)
        kernel = self._kernel(log, incident)
        span = self._span(incident, asker)
        space = self._space(span, padded, incident)
        fallback = self._fallback(asker, layout, kernel)
        case = Case(
            incident=incident,
            asker=asker,
            arch=arch,
            page_size=page,
            padded=padded,
            module_areas=self._module_areas(arch),
            space=space,
            distance=distance,
            fallback=fallback,
        )
        start, end = span if span is not None else (incident.start, incident.end)
        return Finding(
            message=incident.text,
            file=log.name,
            line=incident.line,
            era=_era(incident, kernel),
            arch=arch,
            kernel=kernel,
            page_size=page,
            requested=incident.requested,
            padded=padded,
            asker=asker,
            start=start,
            end=end,
            range_name=_range_name(start, end, layout, asker),
            space=space,
            fallback_exists=fallback,
            fallback_tried=fallback if incident.execmem else None,
            relocation=distance,
            times=incident.times,
            suppressed=incident.suppressed,
            judgement=judge(case),
        )

    @staticmethod
    def _asker(incident: Incident) -> Asker:
        if incident.relocation is not None:
            module = incident.relocation.module
            hint = incident.hint
            if hint is not None and hint.module is not None:
                module = hint.module
            return Asker(AskerKind.MODULE_LOADER, module)
        if incident.form in _ASKERS:
            return Asker(_ASKERS[incident.form])
        if incident.module is not None:
            return Asker(AskerKind.UNKNOWN, incident.module)
        asked = who_asked(incident.frames)
        if asked.kind is AskerKind.UNKNOWN and (incident.task or "").startswith("vmalloc_test"):
            return Asker(AskerKind.VMALLOC, "vmalloc_test")
        return asked

    def _page(self, incident: Incident) -> Bytes | None:
        if incident.requested and incident.padded:
            told = padding_page(incident.requested, incident.padded)
            if told is not None:
                return told
        return None if self._layout is None or self._arch is None else self._layout.page_size

    def _layout_of(self, incident: Incident, page: Bytes | None, arch: str | None) -> Layout | None:
        """Return the snapshot's layout, or a standard one that the log's range or machine tells."""
        if self._arch is not None:
            return self._layout
        if incident.start is not None and incident.end is not None:
            found = layouts_with(incident.start, incident.end, page, arch)
            names = {each.arch for each in found}
            if len(names) == 1:
                return found[0]
        return None if arch is None else usual_layout(arch)

    def _kernel(self, log: Log, incident: Incident) -> str | None:
        if log.machine.kernel is not None:
            return log.machine.kernel
        if incident.release is not None:
            return incident.release
        known = self._layout is not None and self._layout.kernel != "unknown"
        return self._layout.kernel if known and self._layout is not None else None

    def _span(self, incident: Incident, asker: Asker) -> tuple[Address, Address] | None:
        """Return the range that was searched: as printed, else the snapshot's for that asker."""
        if incident.start is not None and incident.end is not None:
            return incident.start, incident.end
        layout = self._layout
        if layout is None or self._arch is None or incident.relocation is not None:
            return None
        if asker.kind in EXECMEM:
            kind = {
                AskerKind.BPF: ExecmemType.BPF,
                AskerKind.KPROBES: ExecmemType.KPROBES,
                AskerKind.FTRACE: ExecmemType.FTRACE,
            }.get(asker.kind, ExecmemType.MODULE_TEXT)
            entry = layout.range_of(kind)
            return (entry.start, entry.end) if entry.end > entry.start else None
        if asker.kind is AskerKind.UNKNOWN:
            return None
        return layout.vmalloc_start, layout.vmalloc_end

    def _space(
        self, span: tuple[Address, Address] | None, padded: Bytes | None, incident: Incident
    ) -> Space | None:
        if span is None or self._snapshot is None or not self._snapshot.areas:
            return None
        return space_of(self._snapshot, *span, padded, incident.align or 1)

    def _module_areas(self, arch: str | None) -> tuple[Bytes, ...]:
        layouts: tuple[Layout, ...] = ()
        if self._arch is not None and self._layout is not None:
            layouts = (self._layout,)
        elif arch is not None:
            layouts = standard_layouts(arch)
        entries = [layout.range_of(ExecmemType.MODULE_TEXT) for layout in layouts]
        return tuple(sorted({each.end - each.start for each in entries} - {0}))

    @staticmethod
    def _fallback(asker: Asker, layout: Layout | None, kernel: str | None) -> bool | None:
        if asker.kind not in EXECMEM:
            return False if asker.kind is not AskerKind.UNKNOWN else None
        if layout is None:
            return None
        exists = layout.range_of(ExecmemType.MODULE_TEXT).has_fallback
        return None if exists and not rules_told(kernel or "").execmem else exists


def _range_name(
    start: Address | None, end: Address | None, layout: Layout | None, asker: Asker
) -> str | None:
    if start is None or end is None:
        return None
    if layout is not None:
        name = name_of(layout, start, end)
        if name is not None:
            return name
        entry = layout.range_of(ExecmemType.MODULE_TEXT)
        if (start, end) == (entry.start, entry.end):
            return "module area"
        if entry.has_fallback and (start, end) == (entry.fallback_start, entry.fallback_end):
            return "fallback range"
    if asker.kind is AskerKind.MODULE_INIT:
        return "driver's own range"
    return "module area" if asker.kind in EXECMEM else "vmalloc area"
