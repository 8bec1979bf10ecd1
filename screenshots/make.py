"""Make the pictures of this folder anew: ``python screenshots/make.py``. Deterministic.

Needs no terminal.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from execmem_tui.arch import architectures
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.base import Source
from execmem_tui.sources.opening import open_path
from execmem_tui.sources.scenario_play import play_scenario
from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.tui.app import ExecmemApp

HERE = Path(__file__).resolve().parent
CAPTURE = HERE.parent / "tests" / "data" / "captures" / "arm64-7.2.13-nokaslr"
MIB = 1 << 20


def _load(simulation: Simulation, modules: int) -> Simulation:
    """Ask for what modules of many sizes ask for, and for some probes and programs."""
    for number in range(modules):
        simulation.allocate(ExecmemType.MODULE_TEXT, (16 + number * 37 % 400) << 10)
        simulation.allocate(ExecmemType.MODULE_DATA, (8 + number * 53 % 300) << 10)
    for kind, count in ((ExecmemType.KPROBES, 5), (ExecmemType.FTRACE, 3), (ExecmemType.BPF, 3)):
        if not simulation.why_not_allocate(kind):
            simulation.allocate(kind, count=count)
    return simulation


def rest() -> Source:
    """arm64 with a desktop's worth of modules, all of them in the direct window."""
    return _load(open_simulation("arm64", "7.1", "va48-4k", "off"), 90)


def fallback() -> Source:
    """arm64 after the direct window filled up: the newest modules lie in the fallback range."""
    simulation = _load(open_simulation("arm64", "7.1", "va48-4k", "off"), 200)
    simulation.allocate(ExecmemType.MODULE_TEXT, 14 * MIB, owner="nvidia")
    simulation.allocate(ExecmemType.MODULE_TEXT, 22 * MIB, owner="amdgpu")
    return simulation


def rox() -> Source:
    """x86-64 with the ROX cache.

    Text, probes and trampolines share blocks, data fills the holes between them.
    """
    simulation = _load(open_simulation("x86", "7.1", None, "off"), 60)
    areas = [
        area for area in simulation.history.snapshot().areas if area.type is ExecmemType.MODULE_TEXT
    ]
    for area in areas[3::5]:
        simulation.free(area.start)
    return simulation


def spilled() -> Source:
    """Arm with its 14 MiB full: everything spills into vmalloc."""
    return _load(open_simulation("arm", "7.1", None, "off"), 60)


def capture() -> Source:
    """A real arm64 kernel, opened from /proc files."""
    return open_path(str(CAPTURE), phase="1-modules")


def pack() -> Source:
    """x86-64 with modules by name, probes, tracers and some BPF programs."""
    simulation = open_simulation("x86", "7.1", None, "off")
    for name in ("ext4", "kvm_intel", "i915", "nf_tables"):
        simulation.load(name)
    for kind, count in ((ExecmemType.KPROBES, 3), (ExecmemType.FTRACE, 2), (ExecmemType.BPF, 40)):
        for _ in range(count):
            simulation.insert(kind)
    return simulation


def scenario() -> Source:
    """Every module of an arm64 kernel, at the end."""
    return play_scenario("arm64-nvidia-110m")


def replay() -> Source:
    """The trace of a real arm64 kernel, a third of the way through."""
    source = open_path(
        str(HERE.parent / "tests" / "data" / "traces" / "arm64-7.2.13-nokaslr" / "trace.txt.xz")
    )
    source.history.seek(source.history.steps // 3)
    return source


def any_arch(name: str) -> Callable[[], Source]:
    """One architecture with modules, probes and programs."""

    def make() -> Source:
        return _load(open_simulation(name, "7.1", None, "off"), 25)

    return make


PICTURES: tuple[tuple[str, Callable[[], Source], tuple[int, int], str, tuple[str, ...]], ...] = (
    ("arm64-rest", rest, (120, 40), "execmem-dark", ()),
    ("arm64-fallback", fallback, (120, 40), "execmem-dark", ("N",)),
    ("x86-rox-cache", rox, (120, 40), "execmem-dark", ("z", "minus", "minus", "minus")),
    ("x86-bpf-pack", pack, (120, 40), "execmem-dark", ("4", "z", *("plus",) * 9)),
    ("scenario", scenario, (120, 40), "execmem-dark", ()),
    ("arm-spilled", spilled, (120, 40), "execmem-dark", ("N",)),
    ("small-80x24", fallback, (80, 24), "execmem-dark", ("N",)),
    ("no-colour", fallback, (120, 40), "execmem-dark", ("N",)),
    ("light", rest, (120, 40), "execmem-light", ()),
    (
        "capture-arm64",
        capture,
        (160, 45),
        "execmem-dark",
        ("w", "z", "minus", "minus", "minus", "minus"),
    ),
    ("replay-arm64", replay, (140, 40), "execmem-dark", ("z", *("minus",) * 6)),
    *((f"arch-{name}", any_arch(name), (110, 30), "execmem-dark", ()) for name in architectures()),
)
"""Name, source, size in cells, theme, keys to press."""


async def _take(
    name: str, source: Source, size: tuple[int, int], theme: str, keys: tuple[str, ...]
) -> None:
    app = ExecmemApp(source, theme=theme)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        svg = app.export_screenshot(title=f"execmem-tui: {name}")
    (HERE / f"{name}.svg").write_text(svg, encoding="utf-8")


def main() -> None:
    """Take every picture."""
    for name, make, size, theme, keys in PICTURES:
        if name == "no-colour":
            os.environ["NO_COLOR"] = "1"
        asyncio.run(_take(name, make(), size, theme, keys))
        os.environ.pop("NO_COLOR", None)
        print(name)


if __name__ == "__main__":
    main()
