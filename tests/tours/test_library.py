"""Every shipped tour, from its first stop to its last: guesses right and wrong, goals shown."""

import re

import pytest

from execmem_tui.model.units import format_size
from execmem_tui.scenarios.steps import Alloc, Bpf
from execmem_tui.sources.simulation import Simulation
from execmem_tui.tours.guess import SENTENCES
from execmem_tui.tours.reader import library, open_tour, shipped_tours
from execmem_tui.tours.run import TourRun
from execmem_tui.tours.tour import Belief, StopKind
from execmem_tui.view.actions import ACTIONS
from execmem_tui.view.sentence import said
from execmem_tui.view.tour_text import card, script

NAMES = tuple(library())
MINUTES = 8
SENTENCES_A_STOP = 4


def test_there_are_ten_tours_and_more() -> None:
    assert len(NAMES) >= 10


NEWCOMER = {
    "who asks": "the module loader, kprobes, ftrace and the BPF compiler",
    "near on arm64": "128M forward and 128M back",
    "and far": "32-bit offsets from where they stand (PREL32), 2G to each side",
    "near is full": "searched the near window a second time, and only then took the far window",
    "a far call": "three instructions, 12 bytes",
    "halved": (
        "half of the 4 GiB that two sides make, for the same reason of two modules at the ends"
    ),
    "which hole": "the lowest hole that fits",
    "guard page": "behind every area lies a guard page, mapped to nothing",
    "and the count": "a request of 64K needs a hole of 68K",
    "fragmented": "no hole of 8M: that is fragmented",
    "exhausted": "less is free than the request needs, guard page included",
    "lazy": "freed is not free at once: a CPU may still have the old translation in its TLB",
    "purge": "until a purge flushes for all of them together",
    "ROX cache": "makes them read-only and executable, and cuts the text of modules",
    "and its price": "a block's rest lies idle, and one small tenant keeps all its 2 MiB",
}


def test_the_first_two_tours_answer_what_a_newcomer_asks() -> None:
    first, second, *_ = shipped_tours()
    assert (first.name, second.name) == ("what-is-execmem", "windows")
    said = " ".join(" ".join(stop.say.split()) for stop in (*first.stops, *second.stops))
    assert [question for question, answer in NEWCOMER.items() if answer not in said] == []
    assert "take the tour windows next" in first.stops[-1].say


def test_every_shipped_tour_has_a_place_of_its_own_in_the_list() -> None:
    assert [tour.order for tour in shipped_tours()] == list(range(1, len(NAMES) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_a_tour_keeps_what_is_promised(name: str) -> None:
    tour = open_tour(name)
    assert tour.seconds < MINUTES * 60
    assert all(stop.source for stop in tour.stops), "each fact has its source"
    assert not any("facts" in stop.source for stop in tour.stops), "and one that others can open"
    assert all(stop.notes for stop in tour.stops), "and the speaker something to say beside it"
    assert any(stop.kind is StopKind.GUESS for stop in tour.stops)
    known = {action.id for action in ACTIONS} | {"default"}
    for stop in tour.stops:
        assert set(stop.hints) <= known
        if stop.kind is not StopKind.OBSERVE:
            assert len(stop.hints["default"]) == 3
            assert stop.right or stop.kind is StopKind.GOAL
        assert bool(stop.task) == bool(stop.goal), "a person is not asked in expressions"


@pytest.mark.parametrize("name", NAMES)
def test_the_size_that_is_asked_about_is_the_one_that_comes(name: str) -> None:
    """A text of 256K was asked about, and 200K came."""
    for stop in open_tour(name).stops:
        for step in stop.guess:
            if isinstance(step, Alloc) and "same" not in stop.say:
                assert step.size is not None
                assert re.search(rf"\b{format_size(step.size)}\b", stop.say)


@pytest.mark.parametrize("name", NAMES)
def test_a_tour_runs_to_its_end_with_right_guesses(name: str) -> None:
    run = TourRun(open_tour(name))
    seen = 1
    while True:
        _check_look(run)
        told = said(run.source.history).text
        assert not told.startswith("expect"), "what the tour checks is not what one is told"
        if run.stop.kind is StopKind.GUESS:
            guessed = run.guess(run.question().answer.start)
            assert guessed.belief is Belief.RIGHT
            areas = run.source.history.snapshot()
            found = areas.area_at(guessed.took.start)
            assert found is not None
            assert found.start == guessed.took.start, "the kernel did what was foretold"
        elif run.stop.kind is StopKind.GOAL:
            assert not run.reached, "a goal that holds already is none"
            run.show_me()
            assert run.reached
        if not run.next():
            break
        seen += 1
    assert seen == len(run.tour.stops)


def _check_look(run: TourRun) -> None:
    assert bool(run.lit) == bool(run.stop.look), f"stop {run.index} points at nothing"


@pytest.mark.parametrize("name", NAMES)
def test_every_wrong_guess_is_answered(name: str) -> None:
    run = TourRun(open_tour(name))
    while True:
        if run.stop.kind is StopKind.GUESS:
            choices = run.choices()
            assert sum(each.belief is Belief.RIGHT for each in choices) == 1
            assert len(choices) >= 2, f"stop {run.index} leaves no choice"
            said = set()
            for each in choices:
                run.again()
                guessed = run.guess(each.start)
                assert guessed.belief is each.belief
                assert run.verdict() not in said, "two answers, one sentence"
                said.add(run.verdict())
            offered = {each.belief for each in choices}
            assert set(run.stop.wrong) <= set(Belief)
            assert offered & set(run.stop.wrong), "none of the offered places has its own sentence"
        if not run.skip():
            break


@pytest.mark.parametrize("name", NAMES)
def test_a_tour_reads_as_a_script(name: str) -> None:
    lines = list(script(open_tour(name), 80))
    assert lines == list(script(open_tour(name), 80)), "the same twice"
    assert max(map(len, lines)) <= 80 or any("goal:" in line for line in lines)
    assert sum(line.startswith("Source:") for line in lines) == len(open_tour(name).stops)


def test_the_card_says_what_to_do_and_what_came_of_it() -> None:
    run = TourRun(open_tour("fallback"))
    assert card(run).title.endswith(f"· 1/5 · {run.minutes_left} min left")
    assert card(run).task == ""
    run.next()
    assert card(run).task == "GOAL: one area in the far window"
    assert card(run, "a hint").hint == "a hint"
    run.source.fill()  # type: ignore[attr-defined]
    assert card(run).task == "√ GOAL reached with 1 key, par is 1."
    assert card(run, "a hint").hint == ""
    run.next()
    run.next()
    assert card(run).task.startswith("GUESS")
    run.guess(run.choices()[-1].start)
    assert card(run).text.startswith("Not there. That hole of the near window is free")
    assert card(run).text.endswith("It took ffff800004f8b000.")
    run.again()
    run.guess(run.question().answer.start)
    assert card(run).text.startswith("Right")


def test_every_belief_has_a_sentence() -> None:
    assert set(SENTENCES) == set(Belief)


def test_the_second_pack_is_foretold_with_its_figures() -> None:
    stop = next(stop for stop in open_tour("bpf-packs").stops if "second pack" in stop.say)
    step = stop.guess[0]
    assert isinstance(step, Bpf)
    assert f"{step.count} programs of {format_size(int(step.size))}" in stop.say
    assert f"{format_size(step.count * int(step.size))} in all" in stop.say


@pytest.mark.parametrize("module", ["dm_mod", "nfsd"])
def test_the_goal_of_the_cache_needs_a_module_that_fits(module: str) -> None:
    run = TourRun(open_tour("rox-cache"))
    while run.stop.kind is not StopKind.GOAL:
        run.skip()
    assert isinstance(run.source, Simulation)
    run.source.load(module)
    assert not run.reached
