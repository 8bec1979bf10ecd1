"""The one stream: everything that can happen to executable memory, from whatever source.

Each event carries its exact effect on the map as whole areas: `removed` were there before it,
`added` are there after it. So a history needs to know nothing about allocators, and every event can
be undone as well as done.
"""

from typing import Final

from execmem_tui.model.areas import Area
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.records import value
from execmem_tui.model.units import Address, Bytes, format_size


@value(kw_only=True)
class Event:
    """Base of all events: `removed` and `added` are ascending by address.

    `time` is seconds of the source's clock or None.
    """

    time: float | None = None
    removed: tuple[Area, ...] = ()
    added: tuple[Area, ...] = ()

    @property
    def text(self) -> str:
        """One line for the event log, without the time. Printable."""
        raise NotImplementedError


@value(kw_only=True)
class Allocated(Event):
    """An allocation succeeded; `area` is what the caller got.

    In a ROX cache it is its piece of a block.
    """

    area: Area
    requested: Bytes
    """As asked, before rounding and guard."""
    reason: str = ""
    """For a fallback: why the preferred range could not serve it."""

    @property
    def fallback(self) -> bool:
        """Whether the second window served it."""
        return self.area.window is Window.FALLBACK

    @property
    def text(self) -> str:
        """``alloc ADDRESS MODULE_TEXT 64K owner``; a fallback says so with its reason."""
        area = self.area
        kind = area.type.name if area.type is not None else "vmalloc"
        what = f"{kind} {format_size(self.requested)} {area.owner or ''}".rstrip()
        if area.owner is None and area.type is not None:  # several consumers ask for the same range
            what = f"executable memory {format_size(self.requested)}, whose is not known yet"
        return (
            f"alloc {area.start:x} {f'FALLBACK {what}: {self.reason}' if self.fallback else what}"
        )


@value(kw_only=True)
class Failed(Event):
    """An allocation failed; nothing changed on the map."""

    type: ExecmemType | None
    requested: Bytes
    owner: str | None
    reason: str
    attempt: bool = False
    """Only one attempt of a request that went on (purge and retry, then the fallback window); not
    counted as a failure."""

    @property
    def text(self) -> str:
        """``FAILED MODULE_TEXT 64K: why``."""
        kind = self.type.name if self.type is not None else "vmalloc"
        return (
            f"{'attempt failed' if self.attempt else 'FAILED'} {kind}"
            f" {format_size(self.requested)}: {self.reason}"
        )


@value(kw_only=True)
class Freed(Event):
    """An area was freed.

    It turned lazy, or went back to the ROX cache, or to free space at once.
    """

    area: Area

    @property
    def text(self) -> str:
        """``free ADDRESS name``."""
        return f"free {self.area.start:x} {self.area.name}"


UNSAID: Final = "unknown"
"""The kind of a purge that was only seen, not made."""


@value(kw_only=True)
class Purged(Event):
    """Lazy space became reusable; part of it may have been parked in node pools."""

    kind: str
    """aliases, drain, reclaim or shrink (vmalloc.c); `UNSAID` for a live kernel that does not
    say."""
    purged: int
    """Count of lazy areas given back or pooled."""

    @property
    def text(self) -> str:
        """``purge aliases: 3 areas``; of a kernel that does not say its kind ``purge: 3 areas``."""
        kind = "purge" if self.kind == UNSAID else f"purge {self.kind}"
        return f"{kind}: {self.purged} area{'' if self.purged == 1 else 's'}"


@value(kw_only=True)
class PermissionsChanged(Event):
    """set_memory_*() on an area: part of the permission life cycle of code."""

    start: Address
    size: Bytes
    permissions: str
    """What it became: ro, rw, nx, x, rox."""

    @property
    def text(self) -> str:
        """``set_memory_rox ADDRESS 64K``."""
        return f"set_memory_{self.permissions} {self.start:x} {format_size(self.size)}"


@value(kw_only=True)
class CacheChanged(Event):
    """The ROX cache took a block from vmalloc, or its cleaner gave one back."""

    populated: bool
    start: Address
    size: Bytes

    @property
    def text(self) -> str:
        """``ROX cache + block of 2M at ADDRESS``; with ``-``, one that was given back."""
        return (
            f"ROX cache {'+' if self.populated else '-'} block of {format_size(self.size)} at"
            f" {self.start:x}"
        )


@value(kw_only=True)
class HazardFound(Event):
    """A known kernel hazard would have struck here; it is flagged, not imitated."""

    rule: str
    message: str

    @property
    def text(self) -> str:
        """``HAZARD rule: message``."""
        return f"HAZARD {self.rule}: {self.message}"


@value(kw_only=True)
class Noted(Event):
    """A remark: a marker of the trace, a caption, a phase of a capture, lost events."""

    message: str
    """Already printable."""
    mark: bool = False
    """A place to jump to: a phase, a trace marker, a scenario step."""
    reset: bool = False
    """The map was read anew here (a phase, a live refresh): `removed` and `added` are the
    difference."""
    hidden: Hidden | None = None
    """With `reset`: the areas whose place that reading did not tell."""

    @property
    def text(self) -> str:
        """The remark itself."""
        return self.message
