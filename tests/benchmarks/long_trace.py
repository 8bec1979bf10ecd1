"""A trace of any length.

The requests of a real one asked again and again of the simulator, in the kernel's own text.
"""

import re
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Final

from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.trace import parse_trace
from execmem_tui.formats.trace_event import Alloc, Free, TraceLine
from execmem_tui.formats.trace_event import Purge as PurgeLine
from execmem_tui.mm.journal import AllocVmapArea, FreeVmapAreaNoflush, PurgeVmapAreaLazy, Record
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.mm.vmap_node import VmapArea
from execmem_tui.model.rules import rules_told

RUNS: Final = Path(__file__).parent.parent / "data" / "traces"
_LINE: Final = re.compile(r"(.*?) +(\d+\.\d+)(: .*)")


def write_run(folder: Path, run: str, events: int) -> Path:
    """Write a run folder of `events` events that repeat those of the real run `run`, from boot.

    Return its trace.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "meta.toml").write_bytes((RUNS / run / "meta.toml").read_bytes())
    path = folder / "trace.txt"
    with path.open("w") as file:
        file.writelines(islice(_Rerun(RUNS / run).lines(), events))
    return path


class _Rerun:
    """The simulator, asked what a real run asked."""

    def __init__(self, folder: Path) -> None:
        run = read_trace_run(folder)
        raw = dict(read_lines(run.path))
        lines = [line for line in parse_trace(str(run.path), raw.items()) if hasattr(line, "time")]
        self._lines: list[tuple[TraceLine, str]] = [(line, raw[line.line]) for line in lines]
        self._journal: list[Record] = []
        self._vmalloc = Vmalloc(
            rules=rules_told(run.kernel),
            page_size=run.page_size,
            vmalloc_start=run.window[0],
            vmalloc_end=run.window[1],
            possible_cpus=run.cpus,
            journal=self._journal,
        )

    def lines(self) -> Iterator[str]:
        """Yield lines of a trace without end; between two rounds everything is freed and purged."""
        last = float(getattr(self._lines[-1][0], "time", 0)) + 1
        for round_ in count():
            shift = round_ * last
            areas: dict[int, VmapArea] = {}
            for line, text in self._lines:
                yield from self._line(line, text, shift, areas)
            for area in areas.values():
                self._vmalloc.release(area)
                self._vmalloc.run_drain()
            self._vmalloc.purge(Purge.ALIASES)
            yield from self._text(self._lines[-1][1], shift)

    def _line(
        self, line: TraceLine, text: str, shift: float, areas: dict[int, VmapArea]
    ) -> Iterator[str]:
        vmalloc = self._vmalloc
        if isinstance(line, Alloc):
            if line.failed:
                return
            vmalloc.cpu = line.cpu
            area = vmalloc.alloc_vmap_area(line.size, line.align, line.vstart, line.vend)
            if area is not None:
                areas[line.start] = area
        elif isinstance(line, Free):
            area = areas.pop(line.start, None)
            if area is not None:
                vmalloc.release(area)
                vmalloc.run_drain()
        elif isinstance(line, PurgeLine):
            vmalloc.purge(Purge.ALIASES)
        else:
            found = _LINE.fullmatch(text)
            assert found is not None
            yield f"{found[1]} {float(found[2]) + shift:12.6f}{found[3]}\n"
            return
        yield from self._text(text, shift)

    def _text(self, text: str, shift: float) -> Iterator[str]:
        found = _LINE.fullmatch(text)
        assert found is not None
        head = f"{found[1]} {float(found[2]) + shift:12.6f}: "
        records, self._journal[:] = list(self._journal), []
        for record in records:
            yield f"{head}{_event(record)}\n"


def _event(record: Record) -> str:
    if isinstance(record, AllocVmapArea):
        return (
            f"alloc_vmap_area: va_start: {record.start} size={record.size} align={record.align} "
            f"vstart=0x{record.vstart:x} vend=0x{record.vend:x} failed={record.failed:d}"
        )
    if isinstance(record, FreeVmapAreaNoflush):
        return (
            f"free_vmap_area_noflush: va_start=0x{record.start:x} nr_lazy={record.nr_lazy}"
            " nr_lazy_max=8192"
        )
    assert isinstance(record, PurgeVmapAreaLazy)
    lazy = sorted((*record.given_back, *record.pooled))
    start, end = (lazy[0][0], max(pair[1] for pair in lazy)) if lazy else ((1 << 64) - 1, 0)
    return f"purge_vmap_area_lazy: start=0x{start:x} end=0x{end:x} num_purged={len(lazy)}"
