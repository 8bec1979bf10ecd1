"""What has to be known of a whole trace before its first event can be replayed.

It takes a fraction of the time that reading the trace takes. Blocks of the file are searched for
the few texts that matter. What is found is believed only where the parser of traces reads the line
in the same way; a trace of which that is not so is read by the parser from end to end.
"""

import re
from collections import Counter
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Final

from attrs import field

from execmem_tui.bundles.trace_gaps import STARTED
from execmem_tui.files.packed import read_blocks, read_lines
from execmem_tui.formats.trace import parse_trace
from execmem_tui.formats.trace_event import Alloc, Header, Lost, Other, TraceLine
from execmem_tui.model.errors import InputError
from execmem_tui.model.records import define

_MARK: Final = re.compile(r"(?:[\w-]+: )?snapshot (\S+) (begin|end)$")
_ATTEMPT: Final = (
    rb"va_start: (\d+) size=\d+ align=\d+ (vstart=0x[0-9a-f]+ vend=0x[0-9a-f]+) failed=([01])"
)
_ALLOC: Final = re.compile(rb"alloc_vmap_area:\s*" + _ATTEMPT)
_ALLOC_TEXT: Final = re.compile(_ATTEMPT)
_PROBE: Final = b"(alloc_vmap_area+0x0/"
_RARE: Final = (
    (b"V", b"EVENTS"),
    (b"F", b"PERF_RECORD_LOST"),
    (b"#", b"# entries-in-buffer"),
)
"""Each with its rarest character: most blocks have none, which is seen ten times as fast."""
_SNAPSHOT: Final = (b"s", b"snapshot ")
_STARTED: Final = STARTED.encode()
_TELL: Final = 16 << 20
"""Bytes between two words of how far it is."""
_MOST_LOOKS: Final = 5_000
"""Rare texts that are looked up one by one: each costs what a hundred lines cost the parser."""
_MOST_WINDOWS: Final = 500
"""Windows, each of which is looked up once. A kernel has a dozen."""
_SAMPLE: Final = 16
"""Of so many blocks the lines of one are counted, where nobody asks for the numbers of lines."""


@define
class TraceScan:
    """What one pass over a trace tells."""

    wanted: set[int] = field(factory=set)
    """Starts of areas of which is asked whether the trace allocates them."""
    windows: Counter[tuple[int, int]] = field(factory=Counter)
    """How often each (vstart, vend) was asked for, the first first."""
    order: dict[int, int] = field(factory=dict)
    """{a wanted start that is allocated: a number that grows with the place of its last
    allocation}."""
    marks: dict[str, dict[str, int]] = field(factory=dict)
    """{snapshot: {"begin": line, "end": line}}."""
    first_alloc: Alloc | None = None
    overwritten: int = 0
    cpus: int = 0
    """Online CPUs, as the head of the trace states; 0 where it does not."""
    lost: int = 0
    started: bool = False
    """Whether the buffer of a CPU begins later than the trace does, see `trace_gaps`."""
    lines: int = 0
    """About how many there are."""
    native: bool = False
    """The first allocation is one of the kernel's own vmalloc events."""

    def take(self, line: TraceLine) -> None:
        """Take what the parser read."""
        if isinstance(line, Alloc):
            self.windows[line.vstart, line.vend] += 1
            if not line.failed and line.start in self.wanted:
                self.order[line.start] = line.line
            if self.first_alloc is None:
                self.first_alloc = line
        elif isinstance(line, Header):
            self.overwritten = line.written - line.kept
            self.cpus = line.cpus
        elif isinstance(line, Lost):
            self.lost += line.events
        elif isinstance(line, Other) and line.name in ("tracing_mark_write", "print"):
            mark = _MARK.search(line.text)
            if mark is not None:
                self.marks.setdefault(mark[1], {})[mark[2]] = line.line


def scan_trace(
    path: Path, wanted: set[int], *, numbered: bool
) -> Generator[float, None, TraceScan]:
    """Look through a trace; yield now and then which part of it is done, and return the scan.

    Args:
        path: the trace.
        wanted: starts of areas of which is asked whether the trace allocates them.
        numbered: whether markers of snapshots are wanted, with their lines.

    Raises:
        InputError: it is broken, as far as that is seen here.
    """
    try:
        scan = yield from _Search(wanted, numbered=numbered).search(path)
    except (InputError, _DoubtError):
        scan = TraceScan(wanted)
    if scan.windows:
        return scan
    scan = TraceScan(wanted)
    for line in parse_trace(str(path), _noting(scan, read_lines(path))):
        scan.take(line)
        scan.lines = line.line
    return scan


def _noting(scan: TraceScan, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    for pair in lines:
        if STARTED in pair[1]:
            scan.started = True
        yield pair


class _DoubtError(Exception):
    """A text was found in a line that says something else, or rare texts are not rare."""


class _Search:
    """The search by blocks."""

    def __init__(self, wanted: set[int], *, numbered: bool) -> None:
        self._scan = TraceScan(wanted, native=True)
        self._wanted = {b"%d" % start for start in wanted}
        self._numbered = numbered
        self._line = 1
        self._count = 0
        self._looks = 0
        self._windows: Counter[bytes] = Counter()
        self._seen: set[bytes] = set()

    def search(self, path: Path) -> Generator[float, None, TraceScan]:
        """Search all of a file; yield now and then which part of it is done."""
        scan = self._scan
        size, done, told, counted = max(path.stat().st_size, 1), 0, 0, 0
        rare = (*_RARE, _SNAPSHOT) if self._numbered else _RARE
        every = 1 if self._numbered else _SAMPLE
        for number, block in enumerate(read_blocks(path)):
            done += len(block)
            if done - told > _TELL:
                told = done
                yield min(done / size, 1.0)  # a packed one is longer than its file
            allocs = _ALLOC.findall(block)
            if allocs:
                self._allocs(block, allocs)
            elif scan.first_alloc is None and _PROBE in block:
                raise _DoubtError
            for character, text in rare:
                if character in block and text in block:
                    self._rare(block, text)
            # a rare character first, which is seen ten times as fast
            if b"#" in block and _STARTED in block:
                scan.started = True
            if number % every == 0:
                self._line += block.count(b"\n")
                counted += len(block)
        scan.lines = self._line * done // max(counted, 1)
        for window, count in self._windows.items():
            low, high = window.split()
            scan.windows[int(low[9:], 16), int(high[7:], 16)] = count  # vstart=0x… vend=0x…
        return scan

    def _allocs(self, block: bytes, allocs: list[tuple[bytes, bytes, bytes]]) -> None:
        if self._scan.first_alloc is None:
            before = block[: block.index(b"va_start: " + allocs[0][0])]
            if _PROBE in before:
                raise _DoubtError
        counts = Counter(window for _, window, _ in allocs)
        for alloc in allocs if counts.keys() - self._windows.keys() else ():
            if alloc[1] not in self._windows:
                self._windows[alloc[1]] = 0
                if len(self._windows) > _MOST_WINDOWS:
                    raise _DoubtError
                self._confirm(block, alloc)
        self._windows.update(counts)
        if self._wanted:
            for number, (start, window, failed) in enumerate(allocs, self._count):
                if start in self._wanted and failed == b"0":
                    if start not in self._seen:
                        self._confirm(block, (start, window, failed))
                        self._seen.add(start)
                    self._scan.order[int(start)] = number
            self._count += len(allocs)

    def _confirm(self, block: bytes, alloc: tuple[bytes, bytes, bytes]) -> None:
        """Have the line of an allocation read."""
        start, window, _ = alloc
        text = b"va_start: %b " % start
        at = block.index(text)
        while (found := _ALLOC_TEXT.match(block, at)) is None or found.groups() != alloc:
            at = block.index(text, at + 1)
        line = self._read(block, at)
        said = b"vstart=0x%x vend=0x%x"
        if (
            not isinstance(line, Alloc)
            or line.start != int(start)
            or said % (line.vstart, line.vend) != window
        ):
            raise _DoubtError
        self._scan.take(line)

    def _rare(self, block: bytes, text: bytes) -> None:
        at = block.find(text)
        while at >= 0:
            self._looks += 1
            if self._looks > _MOST_LOOKS:
                raise _DoubtError
            line = self._read(block, at)
            if line is not None and not isinstance(line, Alloc):
                self._scan.take(line)
            at = block.find(text, max(block.find(b"\n", at), at + 1))

    def _read(self, block: bytes, at: int) -> TraceLine | None:
        """Return what the parser says of the line around a place in a block."""
        start = block.rfind(b"\n", 0, at) + 1
        end = block.find(b"\n", at)
        text = block[start : len(block) if end < 0 else end].decode("utf-8", "replace").rstrip("\r")
        number = self._line + block.count(b"\n", 0, start)
        lines: Iterator[TraceLine] = parse_trace("", [(number, text)], native=True)
        return next(lines, None)
