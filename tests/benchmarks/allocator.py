"""The allocator, the ROX cache and the history against what Python offers; CPU time, in ratios."""

import io
import resource
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from sortedcontainers import SortedList

from execmem_tui.cli.main import main
from execmem_tui.mm.rox_cache import RoxCache
from execmem_tui.mm.vmalloc import Purge, Vmalloc
from execmem_tui.model.rules import rules_of
from execmem_tui.sources.opening import read_path
from tests.benchmarks.long_trace import write_run

PAGE: Final = 4096
_START: Final = 0xFFFF_8000_8000_0000
_END: Final = 0xFFFF_FDFF_BF80_0000
_PAIRS: Final = 5_000


def rox_ratio(pieces: int = 100_000) -> float:
    """A pair of requests to the ROX cache with so many free pieces against one with 1,000."""
    return _rox_pair(pieces) / _rox_pair(1_000)


def _rox_pair(pieces: int) -> float:
    cache = RoxCache()
    for number in range(pieces):
        cache.add((3 * number + 1) * PAGE, (3 * number + 2) * PAGE)
    last = (3 * pieces + 1) * PAGE
    cache.add(last, last + 8 * PAGE)
    windows = ((0, last << 1),)
    begun = time.process_time()
    for _ in range(_PAIRS):
        start = cache.alloc(2 * PAGE, windows, None)
        assert start == last  # the only piece that is long enough lies behind all others
        cache.add(start, cache.busy.pop(start))
    return time.process_time() - begun


def pair_ratio(areas: int) -> float:
    """An allocation and its free among so many areas against
    adding to and removing from a SortedList."""
    random = Random(1)
    vmalloc = Vmalloc(
        rules=rules_of("7.1.8"), page_size=PAGE, vmalloc_start=_START, vmalloc_end=_END
    )
    live = []
    for _ in range(areas):
        area = vmalloc.alloc_vmap_area(random.randint(2, 9) * PAGE, 1, _START, _END)
        assert area is not None
        live.append(area)
    for area in live[::2]:
        vmalloc.release(area)
    vmalloc.purge(Purge.DRAIN)
    free = len(list(vmalloc.space))
    drain = Purge.DRAIN  # to look a member up in its class would be a twentieth of what is timed
    begun = time.process_time()
    for number in range(_PAIRS):
        area = vmalloc.alloc_vmap_area((2 + number % 8) * PAGE, 1, _START, _END)
        assert area is not None
        vmalloc.release(area)
        vmalloc.purge(drain)
    spent = time.process_time() - begun
    assert len(list(vmalloc.space)) == free  # all went back where it came from
    starts = SortedList(area.start for area in live)
    begun = time.process_time()
    for number in range(_PAIRS):
        key = _START + number * PAGE + 1
        starts.add(key)
        starts.remove(key)
    assert len(starts) == len(live)
    return spent / (time.process_time() - begun)


def map_ratio(events: int = 200_000, *, both: bool = True) -> float:
    """A long trace read as a map, every event kept, against a loop that splits each line.

    With `both`, the time of the process that reads and replays the lines counts as well as this
    one's; without, only what this one takes: what one waits for where a second CPU is idle.
    """
    with TemporaryDirectory() as folder:
        trace = write_run(Path(folder) / "run", "amd64-7.2.13-kaslr", events)
        begun = time.process_time()
        with trace.open() as file:
            lines = sum(bool(line.split()) for line in file)
        bare = time.process_time() - begun
        begun = time.process_time() + both * _seconds_of_children()
        source = None
        for progress in read_path(str(trace)):
            source = progress.source
            if source is not None:
                source.history.extend(progress.events)
        spent = time.process_time() + both * _seconds_of_children() - begun
        assert source is not None
        assert lines == events
        assert source.history.first_step == 0
        assert source.history.steps > events * 0.9  # module events may say nothing to a map
    return spent / bare


def half_purge_ratio() -> float:
    """Verifying two purges that count half of what is lazy, four times as many areas, CPU."""
    return _half_purges(16_000) / _half_purges(4_000)


def _half_purges(areas: int) -> float:
    size, start = 2 * PAGE, _START

    def texts() -> Iterator[str]:
        yield "# entries-in-buffer/entries-written: 3/3   #P:1"
        spans = [start + number * size for number in range(areas)]
        window = f"size={size} align={PAGE} vstart={start:#x} vend={start + 2**40:#x} failed=0"
        for at in spans:
            yield f"alloc_vmap_area: va_start: {at} {window}"
        for at in spans:
            yield f"free_vmap_area_noflush: va_start={at:#x} nr_lazy=2 nr_lazy_max=32768"
        half, end = start + areas * size // 2, start + areas * size
        yield f"purge_vmap_area_lazy: start={start:#x} end={end:#x} num_purged={areas // 2}"
        yield f"alloc_vmap_area: va_start: {start} {window}"
        low = (start + half) // 2
        yield f"purge_vmap_area_lazy: start={low:#x} end={half:#x} num_purged={areas // 4}"

    with TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.txt"
        head, *lines = texts()
        told = (
            f"  modprobe-{7 + n % 3} [000] ..... {n * 1e-6:.6f}: {t}" for n, t in enumerate(lines)
        )
        trace.write_text("\n".join((head, *told, "")))
        found = io.StringIO()
        begun = time.process_time()
        with redirect_stdout(found):
            code = main(["verify", str(trace)])
        spent = time.process_time() - begun
    assert code == 0
    assert f"{areas + 1} checked" in found.getvalue()
    return spent


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def sweep_milliseconds(scenario: str = "laptop-arm64", seeds: int = 100) -> float:
    """One seed of a sweep in one process, CPU, in milliseconds;
    what every sweep begins with is left out."""
    spent = []
    for last in (10, 10 + seeds):
        found = io.StringIO()
        begun = time.process_time()
        with redirect_stdout(found):
            code = main(["run", scenario, "--seeds", f"1..{last}", "--jobs", "1"])
        spent.append(time.process_time() - begun)
        assert code == 0
        assert str(last) in found.getvalue()
    return (spent[1] - spent[0]) / seeds * 1000


def jump_milliseconds(events: int = 200_000) -> float:
    """The longest of some far jumps in the history of a long trace, CPU, in milliseconds."""
    with TemporaryDirectory() as folder:
        trace = write_run(Path(folder) / "run", "amd64-7.2.13-kaslr", events)
        history = None
        for progress in read_path(str(trace)):
            if progress.source is not None:
                history = progress.source.history
                history.extend(progress.events)
    assert history is not None
    longest = 0.0
    for step in (0, history.steps, 7_777, history.steps - 5_001, 104_999, 0):
        begun = time.process_time()
        snapshot = history.seek(step)
        longest = max(longest, time.process_time() - begun)
        assert snapshot.step == step
    return longest * 1000
