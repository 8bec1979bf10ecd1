"""Events as lines."""

import pytest

from execmem_tui.arch import resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Allocated, Event, Failed, Freed, PermissionsChanged
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.sources.base import Recording, SourceKind
from execmem_tui.view.events import (
    EVENTS_SHOWN,
    event_brief,
    event_mark,
    event_tone,
    events_in,
    newest,
)
from execmem_tui.view.words import Tone

ARM64 = resolve("arm64")
START = ARM64.range_of(ExecmemType.MODULE_TEXT).start
KIB = 1 << 10


def area(window: Window) -> Area:
    return Area(start=START, size=64 * KIB, type=ExecmemType.MODULE_TEXT, window=window)


def failed(*, attempt: bool) -> Event:
    return Failed(
        type=ExecmemType.BPF, requested=4 * KIB, owner=None, reason="full", attempt=attempt
    )


NEAR, FAR = area(Window.PREFERRED), area(Window.FALLBACK)
CHANGED = PermissionsChanged(start=START, size=4 * KIB, permissions="rox")


@pytest.mark.parametrize(
    ("event", "mark", "tone", "brief"),
    [
        (Allocated(area=NEAR, requested=60 * KIB), " ", Tone.PLAIN, f"+{START:x} 60K TEXT"),
        (Allocated(area=FAR, requested=60 * KIB), "▲", Tone.ALARM, "+"),
        (failed(attempt=False), "✗", Tone.ALARM, " FAILED BPF 4K: full"),
        (failed(attempt=True), "·", Tone.MUTED, " attempt failed BPF 4K: full"),
        (Freed(area=NEAR), " ", Tone.PLAIN, f"-{START:x} "),
        (CHANGED, " ", Tone.MUTED, " set_memory_rox"),
    ],
)
def test_how_an_event_is_written(event: Event, mark: str, tone: Tone, brief: str) -> None:
    assert (event_mark(event), event_tone(event)) == (mark, tone)
    assert event_brief(event).startswith(brief)


def test_the_newest_come_first_without_changed_permissions() -> None:
    history = History(ARM64)
    history.extend([failed(attempt=True), CHANGED] * (EVENTS_SHOWN + 3), follow=True)
    source = Recording(SourceKind.REPLAY, "told", history)
    history.seek(history.steps)
    steps = [step for step, _ in newest(source)]
    assert steps == list(range(history.steps - 1, history.steps - 2 * EVENTS_SHOWN, -2))
    history.seek(3)
    assert [step for step, _ in newest(source)] == [3, 1]


def test_a_high_terminal_lists_more_events() -> None:
    """At 300x80 twelve stood over twenty blank lines."""
    assert [events_in(rows) for rows in (24, 50, 66, 80)] == [12, 12, 12, 26]
    history = History(ARM64)
    history.extend([failed(attempt=True)] * 40, follow=True)
    source = Recording(SourceKind.REPLAY, "told", history)
    history.seek(history.steps)
    assert len(newest(source, events_in(80))) == 26
