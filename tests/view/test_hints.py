"""At most eight keys, the next one first."""

from itertools import product
from pathlib import Path

import pytest

from execmem_tui.sources.opening import open_path
from execmem_tui.view.actions import ACTIONS
from execmem_tui.view.hints import MOST, Situation, hints, situation
from execmem_tui.view.shown import Shown

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize("last", ["", *(action.id for action in ACTIONS)])
def test_at_most_eight_and_none_twice(last: str) -> None:
    for focus, commanded, followed, spilled in product(
        ("map", "list"), (True, False), (True, False), (True, False)
    ):
        found = hints(
            ACTIONS,
            Situation(
                focus=focus,
                commanded=commanded,
                followed=followed,
                timed=True,
                spilled=spilled,
                failed=spilled,
                last=last,
            ),
        )
        assert 0 < len(found) <= MOST
        assert len({hint.key for hint in found}) == len(found)
        assert found[-1].word == "quit"


def words(now: Situation) -> list[str]:
    return [hint.word for hint in hints(ACTIONS, now)]


def test_what_just_happened_puts_its_next_key_first() -> None:
    assert words(Situation(last="undo"))[0] == "redo"
    assert "redo" not in words(Situation(last="undo", commanded=False))
    assert words(Situation(last="maximise"))[0] == "all panes"
    assert words(Situation(last="next_fallback", spilled=True))[0] == "next spill"
    assert words(Situation(commanded=False, timed=True, last="play"))[:2] == ["play", "faster"]


def test_spills_are_hinted_at_where_there_are_some() -> None:
    assert "next spill" not in words(Situation())
    assert "next spill" in words(Situation(spilled=True))
    for last in ("next_fallback", "previous_fallback", "fill"):
        assert "next spill" not in words(Situation(last=last)), (
            "it was just said that there is none"
        )
    assert "next failure" in words(Situation(commanded=False, timed=True, failed=True))


def test_a_recording_is_not_offered_what_it_cannot_do() -> None:
    offered = hints(ACTIONS, Situation(commanded=False, timed=True))
    commanded = {action.id for action in ACTIONS if action.commanded}
    assert not commanded & {hint.action for hint in offered}


def test_at_a_guess_letters_are_holes() -> None:
    found = hints(ACTIONS, Situation(focus="guess", places=3))
    assert [(hint.key, hint.word) for hint in found[:2]] == [
        ("a b c", "that hole"),
        ("Enter", "the hole at the cursor"),
    ]
    assert found[-1].word == "quit"
    assert not {"allocate", "fill up"} & {hint.word for hint in found}


def test_the_key_that_plays_pauses_what_moves() -> None:
    still = Situation(commanded=False, followed=True)
    assert words(still)[0] == "play"
    assert words(still._replace(moving=True))[0] == "pause"
    timed = Situation(commanded=False, timed=True, moving=True, last="play")
    assert words(timed)[:2] == ["pause", "faster"]


def test_one_moment_is_not_stepped_through() -> None:
    capture = open_path(str(DATA / "captures" / "amd64-7.2.13-kaslr"), phase="1-modules")
    now = situation(capture, Shown(capture.history.snapshot()))
    assert not now.timed
    assert words(now)[:3] == ["find", "why here", "list"]
