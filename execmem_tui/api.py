"""For Python: what the command line answers, as objects.

Everything here is documented in the page `python` (``execmem-tui help python``), which runs as a
test. What this module does not name may change between versions.
"""

from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Generic, TypeVar

from execmem_tui.analysis.opscript import is_opscript, replay_opscript
from execmem_tui.analysis.trace_verify import verify_trace
from execmem_tui.arch import resolve
from execmem_tui.bundles.reader import locate, on_disk
from execmem_tui.history import History
from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import Source
from execmem_tui.sources.opening import open_path
from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.view.plain import plain_map
from execmem_tui.view.svg import svg_map

__all__ = ["Map", "open", "render_svg", "render_text", "resolve", "simulate", "verify"]

_S = TypeVar("_S", bound=Source)


class Map(Generic[_S]):
    """A source and the step of it that is looked at; a notebook draws it."""

    def __init__(self, source: _S) -> None:
        self.source = source
        """The simulator (`allocate()`, `load()`, `free()`, …), or what was opened."""

    @property
    def history(self) -> History:
        """All steps: `seek()`, `steps`, `events`."""
        return self.source.history

    @property
    def snapshot(self) -> Snapshot:
        """The step that is looked at: `areas`, `counters`, `area_at()`."""
        return self.source.history.snapshot()

    @property
    def layout(self) -> Layout:
        """Where executable memory may live on this machine."""
        return self.source.history.layout

    def __repr__(self) -> str:
        return f"<Map {self.source.title}: {self.snapshot!r}>"

    def _repr_html_(self) -> str:
        return render_svg(self)


def open(  # noqa: A001 - api.open() is what one looks for
    path: str | PathLike[str], *, phase: str | None = None, arch: str | None = None
) -> Map[Source]:
    """Open a capture, a bundle, a trace, a scenario file or ``live``.

    Args:
        path: as on the command line.
        phase: open this phase of a capture alone.
        arch: architecture of a capture that does not tell.

    Raises:
        InputError: nothing known is there.
        OSError: it cannot be read.
    """
    return Map(open_path(fspath(path), phase=phase, arch=arch))


def simulate(
    arch: str = "arm64",
    kernel: str = "7.1",
    variant: str | None = None,
    kaslr: str | int = "off",
    *,
    overrides: Mapping[str, int] | None = None,
    cpus: int = 2,
) -> Map[Simulation]:
    """Simulate a machine that has loaded nothing yet.

    Args:
        arch: also by a distribution's name.
        kernel: version.
        variant: configuration; the architecture's usual one if None.
        kaslr: ``off``, ``example`` or a seed.
        overrides: inputs by name, as with ``--set``.
        cpus: possible CPUs, which decides about vmap nodes.

    Raises:
        UnknownLayoutError: no such architecture, kernel, variant or draw.
    """
    return Map(open_simulation(arch, kernel, variant, str(kaslr), overrides=overrides, cpus=cpus))


def verify(path: str | PathLike[str], phase: str | None = None) -> dict[str, Any]:
    """Return the document of ``execmem-tui verify --json``: predicted against actual addresses.

    Raises:
        InputError: it is no trace and no op script, or there is nothing in it to check.
    """
    asked = Path(path)
    if is_opscript(asked):
        return replay_opscript(str(asked)).document()
    with on_disk(asked) as found:
        run = locate(found) if found.is_dir() else found
        return verify_trace(run, phase).document() | {"source": str(asked)}


def render_text(shown: Map[Any], *, width: int = 100) -> str:
    """Return the plain map, as ``execmem-tui map`` prints it."""
    return "\n".join(plain_map(shown.snapshot, shown.source.title, width=width)) + "\n"


def render_svg(shown: Map[Any], *, theme: str = "execmem-light", columns: int = 120) -> str:
    """Return the map as an SVG picture.

    Args:
        shown: what to draw.
        theme: whose colours to take.
        columns: cells of a lane.

    Raises:
        UsageError: there is no such theme.
    """
    return svg_map(shown.snapshot, shown.source.title, theme=theme, columns=columns)
