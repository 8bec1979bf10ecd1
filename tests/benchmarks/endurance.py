"""Memory and file descriptors of one application: ten thousand keys, two thousand live ticks.

``python -m tests.benchmarks.endurance [capture|trace|simulation|live] [count] [--grown]`` prints
both as it goes and exits 1 unless they level off: nothing is kept but the events of the history.
``--grown`` tells where what is new was made.
"""

import asyncio
import gc
import os
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from textual import events
from textual.app import App

from execmem_tui.files.packed import find_file, read_lines
from execmem_tui.sources.base import Source
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.live import Live
from execmem_tui.sources.opening import open_path
from execmem_tui.tui.app import ExecmemApp

DATA = Path(__file__).parents[1] / "data"
CAPTURE = DATA / "captures/arm64-7.2.13-nokaslr"
TRACE = DATA / "traces/arm64-7.2.13-nokaslr/trace.txt.xz"
"""Long enough for checkpoints."""
NAMES = ("capture", "trace", "simulation", "live")
KEYS = 10_000
TICKS = 2_000
WARM = 3_000
"""Keys after which everything that is kept was kept once."""

GROWTH = 4 << 20
"""Bytes that may come on top from there on: what malloc does not give back."""

EVENT = 2 << 10
"""Bytes that an event of the history may take."""

_LOOK = (
    *("up", "down", "left", "right", "plus", "minus", "pageup", "pagedown", "w", "b", "z", "0"),
    *("1", "2", "3", "4", "V", "n", "p", "L", "escape", "question_mark", "escape", "H", "escape"),
    *("U", "escape", "W", "escape", "r", "M", "S", "i", "escape", "slash", "escape", "asterisk"),
    *("escape", "g", "escape", "T", "t", "escape", "equals_sign", "vertical_line", "escape"),
    *("left_square_bracket", "right_square_bracket", "left_curly_bracket", "right_curly_bracket"),
    *("backslash", "x", "enter", "backslash", "escape"),
)
_DO = ("a", "u", "f", "u", "B", "u", "less_than_sign", "greater_than_sign")


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def descriptors() -> int:
    """How many files are open."""
    return len(list(Path("/proc/self/fd").iterdir()))


async def press(app: App[Any], key: str) -> None:
    """Give the application a key, and time to do what it means and to paint."""
    app.post_message(events.Key(key, key if len(key) == 1 else None))
    await asyncio.sleep(0.001)


class Meter:
    """Prints memory and descriptors, and judges them at the end."""

    def __init__(self, what: str, *, grown: bool) -> None:
        self.what = what
        self.readings: list[tuple[int, int]] = []
        self._before: tracemalloc.Snapshot | None = None
        self._grown = grown

    def read(self, count: int) -> None:
        """Take and print a reading."""
        gc.collect()
        self.readings.append((resident(), descriptors()))
        memory, files = self.readings[-1]
        print(f"{self.what} {count:>6,}: {memory / 2**20:7.1f} MiB, {files} files", flush=True)
        if self._grown and count == WARM:
            tracemalloc.start(12)
            self._before = tracemalloc.take_snapshot()

    def level(self, warm: int, history: int) -> bool:
        """Whether memory levelled off and no file stayed open from reading `warm` on.

        Args:
            warm: index of a reading.
            history: bytes that the history may have grown by since.
        """
        if self._before is not None:
            found = tracemalloc.take_snapshot().compare_to(self._before, "traceback")
            for each in found[:12]:
                print(f"{each.size_diff / 1024:8.1f} KiB in {each.count_diff} objects")
                print("\n".join(each.traceback.format()[-8:]))
        memory = [reading[0] for reading in self.readings]
        files = [reading[1] for reading in self.readings]
        return memory[-1] - memory[warm] <= GROWTH + history and files[-1] <= files[warm]


async def pressed(source: Source, keys: Iterator[str], meter: Meter, count: int) -> bool:
    """Press keys, whole thousands of them."""
    app = ExecmemApp(source, theme="execmem-dark")
    begun = source.history.steps
    # with notices, as in a terminal: what they leave behind counts
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        await pilot.pause()
        for number in range(count + 1):
            if number % 1000 == 0:
                while len(app.screen_stack) > 1:
                    app.pop_screen()
                await pilot.pause()
                meter.read(number)
            await press(app, next(keys))
        assert app.is_running
    grown = source.history.steps - begun
    print(f"{grown:,} events came on top")
    return meter.level(min(WARM, count // 2) // 1000, grown * EVENT)


def of(names: tuple[str, ...], seed: int = 1) -> Iterator[str]:
    """Yield keys in no order; a dialog that one opened is left by one of the next."""
    random = Random(seed)
    while True:
        key = random.choice(names)
        yield key
        if key not in {"up", "down", "left", "right"} and random.random() < 0.3:
            yield "escape"


def machine(proc: Path) -> Live:
    """Return a /proc like that of the captured machine, as a source that can be read again."""
    for name in ("vmallocinfo", "modules", "sections", "kallsyms", "version", "meminfo"):
        source = find_file(CAPTURE / "1-modules", name) or find_file(CAPTURE / "0-boot", name)
        if source is not None:
            (proc / name).write_text("".join(text + "\n" for _, text in read_lines(source)))
    return Live(proc)


async def ticked(meter: Meter, count: int) -> bool:
    """Follow a machine that changes at each read: one of its modules' areas comes and goes."""
    with tempfile.TemporaryDirectory() as folder:
        live = machine(Path(folder))
        file = Path(folder) / "vmallocinfo"
        whole = file.read_text()
        gone = [line for line in whole.splitlines(keepends=True) if "execmem_alloc" in line][-1]
        app = ExecmemApp(live, theme="execmem-dark")
        app.set_reactive(ExecmemApp.interval, 1e6)  # ticks come from here
        async with app.run_test(size=(160, 45), notifications=True) as pilot:
            await pilot.pause()
            for number in range(count + 1):
                if number % 200 == 0:
                    await pilot.pause()
                    meter.read(number)
                file.write_text(whole.replace(gone, "") if number % 2 else whole)
                added = live.history.append(live.read())
                assert added or not number, f"tick {number}: nothing changed"
                app.show_step()
                await asyncio.sleep(0.001)
    return meter.level(count // 400, live.history.steps * EVENT)


def main(arguments: list[str]) -> int:
    """Run what is asked for, or all."""
    grown = "--grown" in arguments
    count = next((int(each) for each in arguments if each.isdigit()), 0)
    names = [each for each in NAMES if each in arguments]
    good = True
    for name in names or NAMES:
        meter = Meter(name, grown=grown)
        if name == "live":
            run = ticked(meter, count or TICKS)
        elif name in ("capture", "trace"):
            source = open_path(str(CAPTURE if name == "capture" else TRACE))
            run = pressed(source, of(_LOOK), meter, count or KEYS)
        else:
            run = pressed(open_booted("arm64"), of(_LOOK + _DO), meter, count or KEYS)
        level = asyncio.run(run)
        print(f"{'ok ' if level else 'OVER'} {name}")
        good = good and level
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
