"""Title line, legend and side panel: small widgets that show what they are given."""

from rich.console import RenderableType
from rich.style import Style
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Static

from execmem_tui.model.events import (
    Allocated,
    Event,
    Failed,
    Freed,
    HazardFound,
    PermissionsChanged,
)
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.model.units import format_size
from execmem_tui.tui.palette import Palette
from execmem_tui.view.kinds import LEGEND
from execmem_tui.view.plain import heading
from execmem_tui.view.rulers import ReachModel, reach_lines

EVENTS_SHOWN = 12


class TitleLine(Static):
    """``arm64 · 7.1.8 · va48-4k · KASLR off    simulate    step 42/42``."""

    DEFAULT_CSS = """
    TitleLine { height: 1; background: $panel; color: $foreground; padding: 0 1; }
    """

    def show(self, snapshot: Snapshot, kind: str, title: str, *, playing: bool) -> None:
        """Show what is being looked at, and the step."""
        left = heading(snapshot.layout)
        counters = snapshot.counters
        spilled = f"  ▲{counters.fallbacks}" if counters.fallbacks else ""
        failed = f"  ✗{counters.failures}" if counters.failures else ""
        right = (
            f"{'▶ ' if playing else ''}{kind}{spilled}{failed}  step"
            f" {snapshot.step}/{snapshot.steps}"
        )
        width = max(self.size.width - 2, 40)
        middle = "" if kind == "simulate" else title
        room = width - len(left) - len(right) - 4
        middle = middle[:room] if room > 8 else ""
        gap = max(1, width - len(left) - len(middle) - len(right) - 2)
        self.update(Text(f"{left}  {middle}{' ' * gap}{right}", no_wrap=True, overflow="crop"))


class Caption(Static):
    """What a scenario says at this step."""

    DEFAULT_CSS = """
    Caption { height: auto; max-height: 30%; background: $boost; color: $foreground; padding: 0 1; display: none; }
    Caption { border-left: outer $accent; }
    Caption.says { display: block; }
    """

    def show(self, text: str) -> None:
        """Show `text`, or nothing."""
        self.set_class(bool(text), "says")
        self.update(Text(text))


class Legend(Static):
    """Every letter and colour, always in sight."""

    DEFAULT_CSS = """
    Legend { height: 1; background: $panel; padding: 0 1; }
    """

    def show(self, palette: Palette) -> None:
        """Draw the swatches; labels shorten where the line is narrow."""
        line = Text(no_wrap=True, overflow="crop")
        wide = self.size.width >= sum(len(look.label) + 4 for look in LEGEND)
        for look in LEGEND:
            char, style = palette.swatch(look.name)
            line.append(f"{char}" if wide else char, style)
            line.append(f" {look.label}  " if wide else f"{look.short} ")
        self.update(line)


def event_style(event: Event, palette: Palette) -> Style | str:
    """Return the style of a line of the event log."""
    if isinstance(event, Allocated) and event.fallback:
        return palette.alarm
    if isinstance(event, Failed | HazardFound) and not getattr(event, "attempt", False):
        return palette.alarm
    return palette.muted if isinstance(event, PermissionsChanged | Failed) else ""


def event_mark(event: Event) -> str:
    """Return the mark of an event: meaning without colour."""
    if isinstance(event, Allocated) and event.fallback:
        return "▲"
    if isinstance(event, Failed):
        return "·" if event.attempt else "✗"
    return "!" if isinstance(event, HazardFound) else " "


def event_brief(event: Event) -> str:
    """Return an event short enough for the side panel.

    ``+address size type``, ``-address name``.
    """
    if isinstance(event, Allocated):
        area = event.area
        kind = "vmalloc" if area.type is None else area.type.name.removeprefix("MODULE_")
        return f"+{area.start:x} {format_size(event.requested)} {kind}"
    if isinstance(event, Freed):
        return f"-{event.area.start:x} {event.area.name}"
    return f" {event.text}"


class SidePanel(VerticalScroll, can_focus=False):
    """Reach windows, what is selected, the newest events."""

    DEFAULT_CSS = """
    SidePanel { width: 39; border-left: solid $panel; padding: 0 1; scrollbar-size-vertical: 1; }
    SidePanel .heading { color: $accent; text-style: bold; height: 1; }
    SidePanel Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        """Three sections."""
        yield Static("REACH", classes="heading")
        yield Static(id="reach")
        yield Static("SELECTED", classes="heading")
        yield Static(id="selected")
        yield Static("EVENTS", classes="heading")
        yield Static(id="events")

    def _set(self, name: str, content: RenderableType) -> None:
        self.query_one(f"#{name}", Static).update(content)

    @property
    def text_width(self) -> int:
        """Columns for text."""
        return max(24, self.size.width - 4)

    def show_reach(self, model: ReachModel | None, image: tuple[int, int] | None) -> None:
        """Show the rulers and counts."""
        if model is None:
            self._set("reach", Text("unknown: no kernel symbols"))
            return
        lines = reach_lines(model, self.text_width, image, most=3)
        self._set("reach", Text("\n".join(lines), no_wrap=True, overflow="crop"))

    def show_selected(self, lines: list[str]) -> None:
        """Show the inspector's lines."""
        self._set("selected", Text("\n".join(lines), overflow="fold"))

    def show_events(self, events: list[tuple[int, Event]], palette: Palette) -> None:
        """Show the newest events, newest first."""
        text = Text()
        for step, event in events[:EVENTS_SHOWN]:
            line = f"{step:>4}{event_mark(event)}{event_brief(event)}"
            text.append(line[: self.text_width] + "\n", event_style(event, palette))
        if not events:
            text.append("nothing yet", palette.muted)
        self._set("events", text)
