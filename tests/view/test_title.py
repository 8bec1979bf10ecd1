"""The title: help is never cut, what is least needed gives way first."""

import pytest
from attrs import evolve

from execmem_tui.model.events import Noted
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.base import SourceKind
from execmem_tui.view.title import PALETTE, Title, title
from tests.layouts import make_layout

BUSY = Snapshot(
    layout=make_layout(),
    step=18393,
    steps=141142,
    areas=(),
    counters=Counters(fallbacks=59, failures=3),
)
TEXT = "every Debian module, loaded in order"


def at(width: int, snapshot: Snapshot = BUSY, notes: int = 2) -> Title:
    return title(snapshot, SourceKind.REPLAY, TEXT, width, moving=True, notes=notes)


@pytest.mark.parametrize("width", range(20, 300))
def test_help_is_whole_and_all_fits(width: int) -> None:
    found = at(width)
    assert found.help.startswith("? help")
    used = len(found.name) + (2 + len(found.what) if found.what else 0)
    assert used + sum(len(part) + 3 for part in found.right) <= width


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_click_on_a_part_does_what_tells_more_of_it(width: int) -> None:
    found = at(width)
    line = "   " + "   ".join(found.right)
    line = line.rjust(width)
    wanted = {
        "△ 59": "next_fallback",
        "✗ 3": "next_failure",
        "! 2": "notes",
        "▶": None,
        "? help": "help",
        "ctrl+p": PALETTE,
    }
    shown = {part: action for part, action in wanted.items() if part in line}
    assert "? help" in shown
    for part, action in shown.items():
        column = line.index(part)
        assert found.pressed(column, width) == action, part
        assert found.pressed(column - 1, width) == (PALETTE if part == "ctrl+p" else None)
    counted = title(BUSY, SourceKind.REPLAY, "x", 120, moving=False, notes=0, findings=3)
    head = ("   " + "   ".join(counted.right)).rjust(120)
    assert counted.pressed(head.index("* 3 findings") + 3, 120) == "findings"
    assert found.pressed(0, width) is None


def test_a_filter_is_said_before_the_machine() -> None:
    """Seen at 80 columns: all was dimmed, and the line did not say by what."""
    long = title(
        BUSY, SourceKind.SIMULATE, "a machine · of many words and more", 70, moving=False, notes=2,
        view="\\ zzz",
    )  # fmt: skip
    assert long.view == "\\ zzz"


def test_what_is_said_where_there_is_room() -> None:
    found = at(200)
    assert TEXT in found.what
    assert found.what.startswith("replay ")
    assert found.right == (
        "△ 59 so far",
        "✗ 3 failed",
        "! 2 notes",
        "▶ step 18,393/141,142",
        "? help   ctrl+p all",
    )


@pytest.mark.fault(11)
def test_a_replay_tells_the_time_of_its_step() -> None:
    timed = evolve(BUSY, event=Noted(message="here", time=55.949))
    assert "▶ step 18,393/141,142 · 55.949 s" in at(200, timed).right
    moments = {at(width, timed).moment for width in range(20, 200)}
    assert all(moment == "" or moment.endswith(" · 55.949 s") for moment in moments)


def test_nothing_is_said_of_what_is_not() -> None:
    calm = evolve(BUSY, step=0, steps=0, counters=Counters())
    assert title(calm, SourceKind.SIMULATE, "a machine", 120, moving=False, notes=0).right == (
        "? help   ctrl+p all",
    )


def test_a_long_machine_leaves_the_name_of_the_tour() -> None:
    text = "tour exhausted-or-fragmented: simulated arm 6.12.107 v7-3g-highmem-noplts"
    failed = evolve(BUSY, counters=Counters(failures=1))
    found = title(failed, SourceKind.SIMULATE, text, 80, moving=False, notes=0)
    assert found.what == "tour exhausted-or-fragmented"
    assert found.failed


def test_a_long_name_is_cut_before_it_goes() -> None:
    """Seen at 80 columns: nothing said what was looked at, half the line empty."""
    text = "arm64-7.2.13-nokaslr-exhaust/trace.txt.gz"
    found = title(
        BUSY, SourceKind.REPLAY, text, 80, moving=False, notes=0, findings=2, spilled=2
    )  # fmt: skip
    assert found.what.startswith("replay arm64-7.2.13")
    assert found.what.endswith("…")
    assert "? help" in found.help
    assert found.spilled


def test_findings_give_way_before_what_is_looked_at() -> None:
    def told(width: int, findings: int) -> Title:
        return title(
            BUSY, SourceKind.REPLAY, TEXT, width, moving=False, notes=0, findings=findings
        )  # fmt: skip

    assert told(200, 4).findings == "* 4 findings"
    assert told(200, 1).findings == "* 1 finding"
    assert told(200, 0).findings == ""
    spilled = evolve(BUSY, counters=Counters(fallbacks=2))
    laptop = "simulated arm64 laptop after boot · 148 modules"
    narrow = title(
        spilled, SourceKind.SIMULATE, laptop, 78, moving=False, notes=0, findings=2, spilled=1
    )  # fmt: skip
    assert narrow.what == "simulated arm64 laptop after boot"
    assert narrow.right == ("▲ 1 spilled", "* 2", "? help")
    short = [width for width in range(20, 200) if told(width, 4).findings == "* 4"]
    assert short
    for width in range(20, 200):
        found = told(width, 4)
        used = len(found.name) + (2 + len(found.what) if found.what else 0)
        assert used + sum(len(part) + 3 for part in found.right) <= width


def test_notes_are_a_word_where_there_is_room_for_it() -> None:
    """A number behind a sign told a newcomer nothing."""
    assert at(200, notes=1).notes == "! 1 note"
    told = {at(width).notes for width in range(40, 200)}
    assert {"! 2 notes", "! 2"} <= told
