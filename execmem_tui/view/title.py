"""What the title line says: the product, what is looked at, what went wrong, where in time."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from execmem_tui.model.layouts import Layout
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.sources.base import SourceKind
from execmem_tui.view.panes import spills_in_short
from execmem_tui.view.words import cut_at_end

NAME = "execmem-tui"
_HELP = "? help"
_ALL = "ctrl+p all"
PALETTE: Final = "command_palette"
"""Textual's own action."""
_LEAST: Final = 20
"""Columns of a name that was cut: fewer tell nothing."""
_GAP: Final = 3
"""Columns before each part at the right end."""


class Title(NamedTuple):
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

    def pressed(self, column: int, width: int) -> str | None:
        """Return the action of what stands at a column of the line, None where there is none."""
        doing = {
            self.spilled: "next_fallback",
            self.failed: "next_failure",
            self.findings: "findings",
            self.notes: "notes",
        }
        stop = width
        for part in reversed(self.right):
            start = stop - len(part)
            if start <= column < stop:
                if part == self.help:
                    return "help" if column < start + len(_HELP) else PALETTE
                return doing.get(part)
            stop = start - _GAP
        return None

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
    head = text if kind in (SourceKind.SIMULATE, SourceKind.SCENARIO) else f"{kind} {text}"
    counters = snapshot.counters
    play = "▶ " if moving else ""
    whole = Title(
        name=NAME,
        what=_with_machine(head, snapshot.layout),
        view=view,
        spilled=spills_in_short(spilled, counters.fallbacks),
        failed=f"✗ {counters.failures:,} failed" if counters.failures else "",
        findings=f"* {findings} finding{'s' * (findings != 1)}" if findings else "",
        notes=f"! {notes} note{'s' * (notes != 1)}" if notes else "",
        moment=_moment(snapshot, f"{play}step ", play.rstrip()),
        help=f"{_HELP}   {_ALL}",
    )
    short = {
        "findings": f"* {findings}" if findings else "",
        "notes": f"! {notes}" if notes else "",
        "moment": _moment(snapshot, play),
    }
    for fitted in _narrower(whole, head, short, width):
        if _width(fitted) <= width:
            break
    return fitted


def _with_machine(head: str, layout: Layout) -> str:
    """Return what is looked at, and of the machine what that does not say."""
    machine = [layout.kernel, layout.variant]
    machine += [f"KASLR {layout.kaslr}"] if layout.kaslr not in ("", "n/a", "unknown") else []
    return " · ".join([head, *(part for part in machine if part and part not in head)])


def _moment(snapshot: Snapshot, before: str, otherwise: str = "") -> str:
    """Return the step and its time, `otherwise` where there is one step only."""
    event = snapshot.event
    time = "" if event is None or event.time is None else f" · {event.time:.3f} s"
    if not snapshot.steps:
        return otherwise
    return f"{before}{snapshot.step:,}/{snapshot.steps:,}{time}"


def _narrower(whole: Title, head: str, short: Mapping[str, str], width: int) -> Iterator[Title]:
    """Yield the line, then shorter and shorter ones.

    Args:
        whole: all of it.
        head: what is looked at, without the machine.
        short: shorter words for findings, notes and moment.
        width: columns; a name that is longer is cut where enough of it remains to be known by.
    """
    brief = head.partition(" · ")[0]
    few = {"findings": short["findings"], "notes": short["notes"]}
    helped = {"help": _HELP, "moment": ""}
    least = {**helped, "notes": "", "findings": ""}
    yield whole
    for what, change in (
        (head, {}),
        (head, {"help": _HELP}),
        (head, {"help": _HELP, "moment": short["moment"]}),
        (head, helped),
        (head, {**helped, **few}),
        (head, {**helped, **few, "notes": ""}),
        (brief, {**helped, **few, "notes": ""}),
        (head, least),
        (brief, least),  # a map is dimmed: it must say why
        (brief, {**least, "view": ""}),
        (brief.partition(": ")[0], {**least, "view": ""}),
    ):
        yield whole._replace(what=what, **change)
    for change in ({**helped, **few}, {**helped, **few, "notes": ""}, {**least, "view": ""}):
        bare = whole._replace(what="", **change)
        room = width - _width(bare) - 2
        if room >= _LEAST:
            yield bare._replace(what=cut_at_end(brief, room))
    for what, change in (
        ("", {**helped, **few}),
        ("", {**helped, **few, "findings": ""}),
        ("", {**least, "view": "", "spilled": "", "failed": ""}),
    ):
        yield whole._replace(what=what, **change)


def _width(found: Title) -> int:
    left = len(found.name) + (2 + len(found.what) if found.what else 0)
    return left + sum(len(part) + _GAP for part in found.right)
