"""Print every budget with its figure; exit 1 if one is passed."""

import sys
from collections.abc import Callable
from functools import partial

from tests.benchmarks.allocator import (
    half_purge_ratio,
    jump_milliseconds,
    map_ratio,
    pair_ratio,
    rox_ratio,
    sweep_milliseconds,
)
from tests.benchmarks.asked import address_time_ratio, preview_ratio, why_ratio
from tests.benchmarks.frames import (
    cursor_frame,
    event_frame,
    least_frame,
    list_frame,
    pan_frames,
    zoom_frame,
)
from tests.benchmarks.processes import (
    MAP,
    TITLE,
    command_ratio,
    first_paint_ratio,
    map_mebibytes,
    verify_ratios,
)


def event_ratio(count: int) -> float:
    """A frame after an event on a map of `count` areas against one of 1,000."""
    return event_frame(count) / event_frame(1_000)


def cursor_ratio() -> float:
    """A cursor move against the least that Textual asks for any line that changes."""
    return cursor_frame() / least_frame()


def milliseconds(frame: Callable[[], float]) -> float:
    """CPU time of a frame in milliseconds."""
    return frame() * 1000


ONE_CPU, TWO_CPUS = "amd64-7.2.13-kaslr", "arm64-7.2.13-nokaslr"
"""Traces where one node serves all, and where pools serve most."""


def _verify(
    budget: float, run: str, cpus: str, *, cpu: bool
) -> tuple[str, Callable[[], float], float, str]:
    what = ", CPU of both processes" if cpu else ""
    name = f"verify of 1,000,000 events of {cpus} against a loop that splits each line{what}"
    return name, lambda: verify_ratios(run)[cpu], budget, "times"


def _command(budget: float, *arguments: str) -> tuple[str, Callable[[], float], float, str]:
    name = f"{' '.join(arguments)} against python -c pass, CPU"
    return name, partial(command_ratio, *arguments), budget, "times"


_CAPTURES = "tests/data/captures"


def _paint(
    budget: float, what: str, *arguments: str, marker: bytes = MAP
) -> tuple[str, Callable[[], float], float, str]:
    name = f"{what} painted against a bare Textual app, CPU"
    return name, partial(first_paint_ratio, *arguments, marker=marker), budget, "times"


def _pairs(areas: int) -> tuple[str, Callable[[], float], float, str]:
    name = f"alloc, free and purge among {areas:,} areas against SortedList add and remove, CPU"
    return name, partial(pair_ratio, areas), 3.4, "times"


BUDGETS: tuple[tuple[str, Callable[[], float], float, str], ...] = (
    _command(2.5, "--version"),
    _command(5.6, "ranges", "--arch", "arm64", "--json"),
    _command(7.3, "map"),
    _command(6.4, "whatis", "ffff800080000000"),
    _command(11.5, "run", "laptop-arm64"),
    _paint(1.6, "the title", marker=TITLE),
    _paint(1.6, "the booted map"),
    _paint(1.8, "one phase of a capture", f"{_CAPTURES}/amd64-7.2.13-kaslr/1-modules"),
    _paint(1.7, "a run of captures", f"{_CAPTURES}/amd64-7.2.13-kaslr"),
    _verify(6.5, ONE_CPU, "one CPU", cpu=False),
    _verify(7.0, TWO_CPUS, "two CPUs", cpu=False),
    _verify(10.5, ONE_CPU, "one CPU", cpu=True),
    _verify(11.0, TWO_CPUS, "two CPUs", cpu=True),
    (
        "a trace of 200,000 events as a map against a split loop, CPU of both processes",
        map_ratio,
        21.0,
        "times",
    ),
    (
        "the same, CPU of the process that shows it",
        partial(map_ratio, both=False),
        10.5,
        "times",
    ),
    ("a trace of 1,000,000 events as a map, memory", map_mebibytes, 512.0, "MiB"),
    ("the longest far jump among 200,000 events, CPU", jump_milliseconds, 100.0, "ms"),
    ("ROX cache, 100,000 free pieces against 1,000, CPU", rox_ratio, 4.0, "times"),
    *map(_pairs, (1_000, 10_000, 100_000, 1_000_000)),
    ("purges of half of 16,000 lazy areas against 4,000, CPU", half_purge_ratio, 6.0, "times"),
    ("a seed of a sweep of laptop-arm64, CPU", sweep_milliseconds, 14.0, "ms"),
    (
        "address x time of 57,065 events, map and strip, against a loop over their areas, CPU",
        address_time_ratio,
        16.0,
        "times",
    ),
    (
        "why, and who is in the way, among some thousand areas against a walk over them, CPU",
        why_ratio,
        20.0,
        "times",
    ),
    ("a preview of a module against loading it, CPU", preview_ratio, 2.5, "times"),
    (
        "frame after an event, 100,000 areas against 1,000",
        partial(event_ratio, 10**5),
        1.5,
        "times",
    ),
    (
        "frame after an event, 1,000,000 areas against 1,000",
        partial(event_ratio, 10**6),
        2.0,
        "times",
    ),
    ("cursor move, 100,000 areas, CPU", partial(milliseconds, cursor_frame), 3.2, "ms"),
    ("cursor move against one line of an empty widget, CPU", cursor_ratio, 2.2, "times"),
    ("move in the list of 100,000 areas, CPU", partial(milliseconds, list_frame), 4.0, "ms"),
    ("zoom, 100,000 areas, CPU", partial(milliseconds, zoom_frame), 6.0, "ms"),
    ("pan one screen, first time, CPU", partial(milliseconds, lambda: pan_frames()[0]), 34.0, "ms"),
    ("pan one screen, again, CPU", partial(milliseconds, lambda: pan_frames()[1]), 8.0, "ms"),
)


def main() -> int:
    """Run all."""
    passed = True
    for name, measure, budget, unit in BUDGETS:
        figure = measure()
        good = figure <= budget
        passed = passed and good
        print(f"{'ok ' if good else 'OVER'} {name}: {figure:.2f} {unit} (budget {budget:g})")
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
