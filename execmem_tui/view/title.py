"""What the title line says: the product, what is looked at, what went wrong, where in time."""

from attrs import evolve

from execmem_tui.model.records import frozen
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import SourceKind
from execmem_tui.view.panes import spills_in_short

NAME = "execmem-tui"
_HELP = "? help"
_ALL = "ctrl+p all"


@frozen(kw_only=True)
class Title:
    """The parts of the line, those at the right end in their order."""

    name: str
    what: str
    view: str
    """Lens and filter, where they are not what they are at first."""
    spilled: str
    failed: str
    findings: str
    notes: str
    moment: str
    help: str

    @property
    def right(self) -> tuple[str, ...]:
        """What stands at the right end, none of it empty."""
        parts = (
            self.view,
            self.spilled,
            self.failed,
            self.findings,
            self.notes,
            self.moment,
            self.help,
        )
        return tuple(part for part in parts if part)


def title(
    snapshot: Snapshot,
    kind: SourceKind,
    text: str,
    width: int,
    *,
    moving: bool,
    notes: int,
    findings: int = 0,
    spilled: int = 0,
    view: str = "",
) -> Title:
    """Return the line for `width` columns; what is least needed gives way first, help never.

    Args:
        snapshot: the step.
        kind: of the source.
        text: its title, printable.
        width: columns.
        moving: time moves by itself.
        notes: how many things are to be noted.
        findings: how much is remarkable; 0 while that is not known, too.
        spilled: areas that lie in a fallback range now.
        view: lens and filter in words.
    """
    layout, counters = snapshot.layout, snapshot.counters
    machine = [layout.kernel, layout.variant]
    machine += [f"KASLR {layout.kaslr}"] if layout.kaslr not in ("", "n/a", "unknown") else []
    head = text if kind in (SourceKind.SIMULATE, SourceKind.SCENARIO) else f"{kind} {text}"
    long = " · ".join([head, *(part for part in machine if part and part not in head)])
    event = snapshot.event
    time = "" if event is None or event.time is None else f" · {event.time:.3f} s"
    play = "▶ " if moving else ""
    moment = f"{play}step {snapshot.step:,}/{snapshot.steps:,}{time}" if snapshot.steps else play
    found = Title(
        name=NAME,
        what="",
        view=view,
        spilled=spills_in_short(spilled, counters.fallbacks),
        failed=f"✗ {counters.failures:,} failed" if counters.failures else "",
        findings=f"* {findings} finding{'s' * (findings != 1)}" if findings else "",
        notes=f"! {notes}" if notes else "",
        moment=moment.rstrip(),
        help=f"{_HELP}   {_ALL}",
    )
    brief = head.partition(" · ")[0]
    few = {"findings": f"* {findings}" if findings else ""}
    least = {"help": _HELP, "moment": "", "notes": "", "findings": ""}
    for what, change in (
        (long, {}),
        (head, {}),
        (head, {"help": _HELP}),
        (head, {"help": _HELP, "moment": f"{play}{snapshot.step:,}/{snapshot.steps:,}{time}"}),
        (head, {"help": _HELP, "moment": ""}),
        (head, {"help": _HELP, "moment": "", **few}),
        (head, {"help": _HELP, "moment": "", **few, "notes": ""}),
        (brief, {"help": _HELP, "moment": "", **few, "notes": ""}),
        (head, least),
        (brief, least),  # a map is dimmed: it must say why
        (brief, {**least, "view": ""}),
        (brief.partition(": ")[0], {**least, "view": ""}),
        ("", {"help": _HELP, "moment": "", **few}),
        ("", {"help": _HELP, "moment": "", "findings": ""}),
        ("", {**least, "view": "", "spilled": "", "failed": ""}),
    ):
        fitted = evolve(found, what=what, **change)
        if _width(fitted) <= width:
            return fitted
    return fitted


def _width(found: Title) -> int:
    left = len(found.name) + (2 + len(found.what) if found.what else 0)
    return left + sum(len(part) + 3 for part in found.right)
