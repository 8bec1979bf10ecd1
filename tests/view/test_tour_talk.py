"""A tour in lines: its stops, a guess by a letter, a goal, hints."""

import io

import pytest

from execmem_tui.cli.main import main
from execmem_tui.tours.reader import library, open_tour
from execmem_tui.tours.run import TourRun
from execmem_tui.tours.tour import Belief, StopKind
from execmem_tui.view.tour_talk import TourTalk


def talk(name: str = "fallback") -> TourTalk:
    return TourTalk(TourRun(open_tour(name)))


def told(conversation: TourTalk, *lines: str) -> list[str]:
    """What is said to the last of some lines."""
    answers = [list(conversation.answer(line)) for line in lines]
    return answers[-1]


@pytest.mark.parametrize("name", list(library()))
def test_every_tour_is_taken_in_lines_with_right_guesses(name: str) -> None:
    conversation = talk(name)
    list(conversation.greeting())
    seen = 1
    while not conversation.over:
        run = conversation.run
        if run.stop.kind is StopKind.GUESS:
            at = [each.belief for each in run.choices()].index(Belief.RIGHT)
            assert told(conversation, "abcd"[at])[0].startswith(run.verdict())
        while not run.done:
            told(conversation, "t")
        assert conversation.source is run.source
        assert conversation.pane == run.stop.pane
        seen += told(conversation, "") != ["That was the tour."]
    assert seen == len(conversation.run.tour.stops)


def test_a_goal_is_told_as_soon_as_it_is_reached() -> None:
    conversation = talk()
    assert told(conversation, "\n")[-1].startswith("GOAL: one area in the far window")
    assert told(conversation, "")[0].startswith("the goal is not reached")
    assert told(conversation, "a")[-1].endswith("1 key so far")
    assert told(conversation, "t")[0].startswith("Hint: a asks for 64K")
    assert told(conversation, "B")[-1] == "√ GOAL reached with 2 keys, par is 1."
    assert told(conversation, "t")[0].startswith("nothing is asked for here")


def test_a_guess_is_a_letter_and_wrong_ones_are_answered() -> None:
    conversation = talk()
    found = told(conversation, "K", "K", "K")
    run = conversation.run
    assert found[-1] == "Which place will the kernel take? A letter guesses."
    places = run.choices()
    assert found[-1 - len(places)].startswith(f"a: {places[0].start:x}, ")
    wrong = next(at for at, each in enumerate(places) if each.belief is not Belief.RIGHT)
    assert told(conversation, "abcd"[wrong])[0].startswith("Not there. ")
    assert told(conversation, "a")[1].startswith("Pane "), "then a is the key again"
    assert "4/" not in told(conversation, "backspace")[0]


def test_a_letter_that_no_place_carries_says_how_many_there_are() -> None:
    conversation = talk("holes")
    told(conversation, "K", "K")
    assert len(conversation.run.choices()) == 3
    assert told(conversation, "d") == ["There are 3 places."]
    assert conversation.run.guessed is None


def test_there_is_nothing_before_the_first_stop() -> None:
    assert told(talk(), "backspace") == ["this is the first stop."]


def test_the_command_line_takes_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert main(["tour", "fallback", "--plain"]) == 0
    said = capsys.readouterr().out
    assert "· 1/5 · " in said
    assert "GOAL: one area in the far window" in said
