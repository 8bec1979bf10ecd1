"""What a source is compared with.

The same under other settings, another moment of it, another source.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from attrs import fields

from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Noted
from execmem_tui.model.text import printable
from execmem_tui.scenarios.compare import parse_changes
from execmem_tui.scenarios.settings import Knobs, Settings
from execmem_tui.sources.base import Progress, Side, Source
from execmem_tui.sources.booted import again, anew
from execmem_tui.sources.opening import read_path, split_phase
from execmem_tui.sources.scenario_play import ScenarioPlay
from execmem_tui.sources.simulation import Simulation

_KNOBS: Final = frozenset(each.name for each in fields(Knobs))
_MOMENTS: Final = ("step", "time", "phase")
_OF_THE_KERNEL: Final = (
    "rox_cache",
    "rox_block",
    "rox_flush",
    "rox_exact_retry",
    "idempotent_load",
    "packs",
)
"""Knobs that a kernel has, and not only a run of a scenario."""


def against(line: str, source: Source) -> Side:
    """Return what `line` names.

    Settings of a simulation, a moment of the source, or another source. ``kernel=6.12,kaslr=7``
    repeats a simulation or a scenario under other settings, with what was done to it up to the
    cursor; ``step=120``, ``time=12.5`` (seconds of a trace) and ``phase=boot`` are moments of the
    source itself; all else is a path, or RUN:PHASE.

    Raises:
        ExecmemTuiError: it means nothing here.
        OSError: it cannot be read.
    """
    line = line.strip()
    if not line:
        raise UsageError("with what?", hint="kernel=6.12, step=0, a path, RUN:PHASE")
    if names_source(line):
        *_, side = read_side(line)
        assert isinstance(side, Side)
        return side
    changes = parse_changes(line)
    if any(name in _MOMENTS for name in changes):
        return _moment(changes, source)
    if isinstance(source, Simulation):
        return _repeated(source, changes)
    if isinstance(source, ScenarioPlay):
        played = source.again(changes)
        return Side(played.history.snapshot(), _titled(source.title, changes))
    raise UsageError(
        "a recording is what it is: other settings are for the simulator and for scenarios",
        hint="compare it with step=N, phase=NAME, a path or RUN:PHASE",
    )


def names_source(line: str) -> bool:
    """Whether a line names another source, which may take long to read."""
    return bool(line.strip()) and ("=" not in line.partition(",")[0] or Path(line.strip()).exists())


def read_side(line: str) -> Iterator[Progress | Side]:
    """Read another source: how far it is, then the side that it is. Nothing else is touched.

    Raises:
        ExecmemTuiError, OSError: it cannot be read.
    """
    path, phase = split_phase(line.strip())
    source: Source | None = None
    for progress in read_path(path, phase=phase, early=False):
        source = progress.source or source
        if source is not None:
            source.history.extend(progress.events)
        yield Progress(fraction=progress.fraction)
    assert source is not None, "reading ends with a source or an error"
    yield Side(source.history.snapshot(), source.title)


def _titled(title: str, changes: Mapping[str, str]) -> str:
    """Return a title with the knobs that were turned; what the layout says is said elsewhere."""
    turned = [f"{name}={text}" for name, text in changes.items() if name in _KNOBS]
    turned += [f"cpus={changes['cpus']}"] if "cpus" in changes else []
    return printable(" · ".join((title, *turned)), 200)


def _moment(changes: Mapping[str, str], source: Source) -> Side:
    if len(changes) > 1:
        raise UsageError("one moment at a time", hint="step=120, time=12.5 or phase=boot")
    [(name, text)] = changes.items()
    history = source.history
    if name == "phase":
        events = history.events(history.first_step, history.steps)
        for step, event in enumerate(events, history.first_step + 1):
            if isinstance(event, Noted) and event.mark and event.message.startswith(text):
                return Side(history.peek(step), source.title)
        raise UsageError(f"no phase or mark begins with {printable(text)!r}")
    try:
        value = float(text) if name == "time" else int(text)
    except ValueError:
        raise UsageError(f"{name}={printable(text)} is no number") from None
    if name == "time":
        at = history.step_at(value)
        if at is None:
            raise UsageError("no event here has a time")
        step = at
    else:
        step = int(value)
        if not history.first_step <= step <= history.steps:
            raise UsageError(
                f"no step {step}", hint=f"there are {history.first_step} to {history.steps}"
            )
    return Side(history.peek(step), source.title)


def _repeated(source: Simulation, changes: Mapping[str, str]) -> Side:
    """Boot a simulation anew under other settings, and do what was done to the source."""
    unknown = [name for name in changes if name in _KNOBS]
    unknown = [name for name in unknown if name not in _OF_THE_KERNEL]
    if unknown:
        raise UsageError(
            f"{unknown[0]} is a knob of scenarios", hint=f"here: {', '.join(_OF_THE_KERNEL)}"
        )
    if source.booted_under is not None:
        other = source.booted_under(changes)
    else:
        settings = _settings(source, changes).changed(changes)
        other = anew(source, settings.layout(), settings.cpus, packs=settings.knobs.packs)
    left_out = again(source, other)
    title = _titled(other.title, changes)
    if left_out:
        commands = "command" if left_out == 1 else "commands"
        title += f" · {left_out:,} {commands} cannot be repeated there"
    return Side(other.history.snapshot(), title)


def _settings(source: Simulation, changes: Mapping[str, str]) -> Settings:
    """Return what the source was booted with; another architecture has its own variant and draw."""
    layout = source.history.layout
    if changes.get("arch", layout.arch) != layout.arch:
        return Settings(arch=layout.arch, kernel=layout.rules.short, cpus=source.cpus)
    drawn = layout.kaslr.removeprefix("seed-")
    return Settings(
        arch=layout.arch,
        kernel=layout.rules.short,
        variant=layout.variant,
        kaslr="off" if drawn in ("n/a", "unknown", "") else drawn,
        cpus=source.cpus,
    )
