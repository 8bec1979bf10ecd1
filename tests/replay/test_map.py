"""The map of a trace is what the kernel had: all that `verify` knows is shown."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree
from typing import Final

import pytest

from execmem_tui.files.packed import read_lines
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.events import Allocated, Failed
from execmem_tui.model.intervals import Interval
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.opening import open_path

DATA: Final = Path(__file__).parents[1] / "data"
CASES: Final = DATA / "replay-cases"
_MARK: Final = re.compile(r"snapshot (\S+) (begin|end)$")
_PAIR: Final = re.compile(r"([0-9a-f]+)-([0-9a-f]+)")

State = dict[str, set[Interval]]
"""What is free, lazy and pooled."""


def kernel_states(run: str) -> dict[str, State]:
    """Read the kernel's own lists, read from its memory while it was quiet, by phase."""
    states: dict[str, State] = {}
    state: State = defaultdict(set)
    for _, line in read_lines(DATA / "traces" / run / "kernel_state.txt.xz"):
        word, _, rest = line.partition(" ")
        if word == "phase":
            state = defaultdict(set)
            states[rest] = state
            continue
        state[word] |= {(int(low, 16), int(high, 16)) for low, high in _PAIR.findall(rest)}
    return states


def shown_state(snapshot: Snapshot) -> State:
    state: State = defaultdict(set)
    at = 1
    for area in snapshot.areas:
        if area.start > at:
            state["free"].add((at, area.start))
        at = area.end
        if area.state is AreaState.LAZY:
            state["lazy"].add((area.start, area.end))
        elif area.state is AreaState.POOLED:
            state["pool"].add((area.start, area.end))
    state["free"].add((at, (1 << 64) - 1))
    return state


@pytest.mark.parametrize("run", ["arm64-7.2.13-nokaslr", "amd64-7.2.13-kaslr"])
def test_free_lazy_and_pooled_space_are_the_kernels_own(run: str) -> None:
    history = open_path(str(DATA / "traces" / run / "trace.txt.xz")).history
    marks: dict[str, dict[str, int]] = defaultdict(dict)
    for step, event in enumerate(history.events(0, history.steps), 1):
        found = _MARK.search(event.text)
        if found is not None:
            marks[found[1]][found[2]] = step
    for phase, wanted in kernel_states(run).items():
        # the kernel's lists were read at some moment between the two marks
        steps = range(marks[phase]["begin"], marks[phase]["end"] + 1)
        assert any(shown_state(history.seek(step)) == wanted for step in steps), phase
        assert wanted["free"], phase


def at(snapshot: Snapshot, address: int) -> Area:
    area = snapshot.area_at(address)
    assert area is not None
    return area


def overlaps(areas: Iterator[Area]) -> bool:
    end = 0
    for area in areas:
        if area.start < end:
            return True
        end = area.end
    return False


def test_an_allocation_ends_whatever_it_overlaps() -> None:
    history = open_path(str(CASES / "2-unseen-free" / "trace.txt")).history
    for step in range(history.steps + 1):
        assert not overlaps(iter(history.seek(step).areas)), step
    assert at(history.seek(4), 0xFFFF800008008000).start == 0xFFFF800008005000


def test_what_found_no_room_asked_for_what_it_then_got(tmp_path: Path) -> None:
    """A trace tells sizes with the guard in them, of what failed as of what was placed."""
    where = "insmod-7 [000] ..... {0}.0: alloc_vmap_area: va_start: {1} size=286720 align=1"
    window = "vstart=0xffff80007af00000 vend=0xffff800082f00000"
    text = (
        f"# tracer: nop\n{where.format(1, (1 << 64) - 34)} {window} failed=1\n"
        f"{where.format(2, 0xFFFF_8000_7B00_0000)} {window} failed=0\n"
    )
    path = tmp_path / "trace.txt"
    path.write_text(text)
    history = open_path(str(path)).history
    failed, placed = history.events(0, history.steps)
    assert isinstance(failed, Failed)
    assert isinstance(placed, Allocated)
    assert failed.requested == placed.requested == 276 << 10


def test_percpu_chunks_and_pools_are_on_the_map_of_a_replay() -> None:
    source = open_path(str(CASES / "5-percpu-and-pool-on-the-replay-map" / "trace.txt"))
    history = source.history
    pooled = at(history.seek(history.steps - 1), 0xC008000000005000)
    assert pooled.state is AreaState.POOLED
    assert (pooled.start, pooled.end) == (0xC008000000005000, 0xC008000000009000)
    assert "memory pressure" in pooled.detail  # it empties pools, and no event tells
    last = history.seek(history.steps)
    assert at(last, 0xC008000000005000).state is AreaState.LIVE  # the pool's head was taken
    # three allocations, then the chunk that the last of them goes with
    assert history.seek(2).area_at(0xC009FFFFFFFB0000) is None
    chunk = at(history.seek(3), 0xC009FFFFFFFB0000)
    assert chunk.called_by == "pcpu_get_vm_areas"


def test_a_rox_block_is_cut_anew_at_every_snapshot() -> None:
    history = open_path(str(CASES / "7-rox-block-on-the-replay-map" / "trace.txt")).history
    step = next(
        step
        for step, event in enumerate(history.events(0, history.steps), 1)
        if event.text.endswith("snapshot 2-two end")
    )
    assert at(history.seek(step - 1), 0xFFFFFFFFC0400010).owner == "one"
    assert at(history.seek(step), 0xFFFFFFFFC0400010).owner == "two"
    assert history.undo()
    assert at(history.snapshot(), 0xFFFFFFFFC0400010).owner == "one"


def test_text_of_an_unloaded_module_is_given_back_to_the_rox_cache(tmp_path: Path) -> None:
    """Its block lives on, and what begins with a free piece is a block like any other."""
    run = tmp_path / "run"
    copytree(CASES / "7-rox-block-on-the-replay-map", run)
    modules = run / "2-two" / "modules"
    modules.write_text("two 12288 0 - Live 0xffffffffc0402000\n")
    # with its data known, where its text ends is known, and that the rest is free
    (run / "2-two" / "sections").write_text("two .data 0xffffffffc0300000\n")
    with (run / "2-two" / "vmallocinfo").open("a") as info:
        info.write("0xffffffffc0300000-0xffffffffc0302000    8192 execmem_alloc+0x1/0x2 vmalloc\n")
    trace = run / "trace.txt"
    lines = trace.read_text().splitlines()
    line = next(number for number, text in enumerate(lines) if "snapshot 2-two begin" in text)
    lines.insert(line, " rmmod-9 [000] ..... 1.500000: module_free: one")
    block = "va_start=0xffffffffc0400000 nr_lazy=512 nr_lazy_max=16384"
    lines.append(f" kworker/0:1-9 [000] ..... 3.000000: free_vmap_area_noflush: {block}")
    trace.write_text("\n".join(lines) + "\n")
    history = open_path(str(trace)).history
    texts = [event.text for event in history.events(0, history.steps)]
    unloaded = texts.index("module_free one") + 1
    assert at_one(history.seek(unloaded - 1)) == (AreaState.LIVE, "one")
    assert at_one(history.seek(unloaded)) == (AreaState.CACHE_FREE, "ROX cache")
    assert "text of one" in at(history.snapshot(), 0xFFFFFFFFC0400010).detail
    told = next(step for step, text in enumerate(texts, 1) if text.endswith("snapshot 2-two end"))
    assert at_one(history.seek(told)) == (AreaState.CACHE_FREE, "ROX cache")
    assert at(history.snapshot(), 0xFFFFFFFFC0402010).owner == "two"
    last = at(history.seek(history.steps), 0xFFFFFFFFC0402010)
    assert (last.state, last.start) == (AreaState.LAZY, 0xFFFFFFFFC0400000)


def test_text_is_in_the_rox_cache_from_the_load_of_its_module_on(tmp_path: Path) -> None:
    """The block is older, and a snapshot names all that was loaded into it up to then."""
    run = tmp_path / "run"
    copytree(CASES / "7-rox-block-on-the-replay-map", run)
    trace = run / "trace.txt"
    lines: list[str] = []
    for text in trace.read_text().splitlines():
        if text.endswith("begin"):
            name = "two" if "2-two" in text else "one"
            if name == "two":  # one is loaded again, and nothing tells where
                lines.append(" rmmod-9 [000] ..... 1.500000: module_free: one")
                lines.append(" insmod-9 [000] ..... 1.600000: module_load: one ")
            lines.append(f" insmod-9 [000] ..... 1.700000: module_load: {name} ")
        lines.append(text)
    trace.write_text("\n".join(lines) + "\n")
    history = open_path(str(trace)).history
    texts = [event.text for event in history.events(0, history.steps)]
    first, again = (n for n, text in enumerate(texts, 1) if text == "module_load one")
    two = texts.index("module_load two") + 1
    assert at_one(history.seek(first - 1)) == (AreaState.CACHE_FREE, "ROX cache")
    assert at_one(history.seek(first)) == (AreaState.LIVE, "one")
    assert at_one(history.seek(again)) == (AreaState.CACHE_FREE, "ROX cache")
    assert at_one(history.seek(two - 1)) == (AreaState.CACHE_FREE, "ROX cache")
    assert at_one(history.seek(two)) == (AreaState.LIVE, "two")
    for step in range(history.steps + 1):
        assert not overlaps(iter(history.seek(step).areas)), step


def at_one(snapshot: Snapshot) -> tuple[AreaState, str | None]:
    area = at(snapshot, 0xFFFFFFFFC0400010)
    return area.state, area.owner
