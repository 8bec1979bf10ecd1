"""Whether a key can do something with what is shown, and if not, why."""

from typing import Final

from execmem_tui.sources.base import Commanded, Source, SourceKind
from execmem_tui.view.actions import TIME, Action

_WHAT: Final = {
    SourceKind.CAPTURE: "a capture: what was is all there is",
    SourceKind.REPLAY: "a trace: what happened is all there is",
    SourceKind.LIVE: "a running kernel, which nobody commands from here",
    SourceKind.SCENARIO: "a scenario: its steps are played, not made",
    SourceKind.SIMULATE: "a simulation",
    SourceKind.OPENING: "nothing yet: what was named is being read",
}
_ALWAYS: Final = frozenset({"undo", "redo", "play", "faster", "slower", "follow", "log"})
"""What belongs to time but says for itself what it cannot do."""


def why_not(action: Action, source: Source) -> str:
    """Return "" if the key does something, else a sentence that says why not."""
    if action.commanded and not isinstance(source, Commanded):
        return f"This is {_WHAT[source.kind]}. A asks what if, c simulates a machine."
    if action.id == "allocate_as" and source.kind is SourceKind.OPENING:
        return f"This is {_WHAT[source.kind]}."
    history = source.history
    if action.group == TIME and action.id not in _ALWAYS and not history.steps:
        return "Nothing has happened yet: there is no other moment."
    if action.id == "play" and not history.steps and source.kind is not SourceKind.LIVE:
        return "Nothing has happened yet: there is nothing to play."
    if action.id == "fill" and isinstance(source, Commanded):
        return source.why_not_fill()
    return ""
