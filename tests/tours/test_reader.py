"""Tour files: what is read, and where an error is said to be."""

import pytest

from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.scenarios.values import BadValueError
from execmem_tui.tours.acts import Act
from execmem_tui.tours.look import looks
from execmem_tui.tours.reader import open_tour, read_tour
from execmem_tui.tours.tour import Belief, StopKind, Tour

GOOD = """\
title = "A tour"
arch = "arm64"
kernel = "7.1"

[[stops]]
say = "one"
look = ["window:MODULE_TEXT", "owner:xfs"]
teaches = ["allocate", "insert xfs"]
do = [{ alloc = "MODULE_TEXT" }]

[[stops]]
say = "two"
guess = [{ alloc = "MODULE_TEXT", size = "64K" }]
right = "yes"
pane = 1
wrong = { largest = "no" }

[[stops]]
say = "three"
goal = ["areas.MODULE_TEXT > 2"]
ghost = "image"
solution = [{ alloc = "MODULE_TEXT" }]
boot = { kaslr = "off" }
proposed = true
hints = { default = ["a", "b", "c"] }
"""


def tour_of(text: str) -> Tour:
    return read_tour(text.encode(), "case.toml", "case")


def test_a_tour_is_read_whole() -> None:
    tour = tour_of(GOOD)
    assert [stop.kind for stop in tour.stops] == [
        StopKind.OBSERVE,
        StopKind.GUESS,
        StopKind.GOAL,
    ]
    first, second, third = tour.stops
    assert first.teaches == (Act("allocate"), Act("insert", "xfs"))
    assert [(look.word, look.what) for look in first.look] == [
        ("window", "MODULE_TEXT"),
        ("owner", "xfs"),
    ]
    assert second.wrong == {Belief.LARGEST: "no"}
    assert third.hints == {"default": ("a", "b", "c")}
    assert third.boot == {"kaslr": "off"}
    assert (first.line, second.line, third.line) == (5, 11, 18)


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('title = "A tour"\n', "", 1, "the key 'title' is missing"),
        ('arch = "arm64"\n', "", 1, "the key 'arch' is missing"),
        ('say = "one"', 'sya = "one"', 6, "unknown key 'sya'"),
        ('say = "one"\n', "", 5, "the key 'say' is missing"),
        ("window:MODULE_TEXT", "window:MODULE", 7, "look: no execmem type"),
        ("owner:xfs", "own:xfs", 7, "look: nothing to look at"),
        ('"insert xfs"', '"loads xfs"', 8, "teaches: no act 'loads xfs'"),
        ('do = [{ alloc = "MODULE_TEXT" }]', 'do = [{ alloc = "MOD" }]', 9, "alloc: no execmem"),
        ("pane = 1", "pane = 5", 15, "pane: 5 is no pane"),
        ("largest =", "largst =", 16, "unknown key 'largst'"),
        ('wrong = { largest = "no" }', 'wrong = "no"', 16, "wrong: a table is wanted"),
        ("areas.MODULE_TEXT >", "area.MODULE_TEXT >", 20, "goal: nothing is called"),
        ('solution = [{ alloc = "MODULE_TEXT" }]\n', "", 20, "goal: the key 'solution'"),
        ('kaslr = "off"', 'kaslr = "maybe"', 23, "boot: no draw"),
        ('kaslr = "off"', "kaslr = [1]", 23, "kaslr: a name is wanted, not [1]"),
        ("boot = { kaslr = 'off' }\n", "", 23, ""),
        ('["a", "b", "c"]', '["a", "b", "c", "d"]', 25, "default: 1 to 3 hints"),
        ('right = "yes"', 'goal = ["loaded > 0"]\nsolution = []', 15, "solution: a list of steps"),
    ],
)
def test_an_error_says_where(old: str, new: str, line: int, message: str) -> None:
    if old not in GOOD:
        old, new, line, message = 'boot = { kaslr = "off" }\n', "", 23, "proposed: the key 'boot'"
    with pytest.raises(InputError) as caught:
        tour_of(GOOD.replace(old, new, 1))
    assert caught.value.line == line, caught.value
    assert caught.value.message.startswith(message), caught.value


def test_a_stop_has_a_goal_or_a_guess() -> None:
    both = GOOD.replace(
        'right = "yes"', 'goal = "loaded > 0"\nsolution = [{ alloc = "MODULE_TEXT" }]'
    )
    with pytest.raises(InputError, match="a goal or a guess, not both"):
        tour_of(both)


OPENS = 'title = "t"\nopen = "boot.trace"\n\n[[stops]]\nsay = "one"\nstep = 7\n'


def test_a_tour_may_open_something_instead() -> None:
    tour = tour_of(OPENS)
    assert (tour.open, tour.settings, tour.stops[0].step) == (("boot.trace",), None, 7)
    for more in ('arch = "arm64"\n', ""):
        text = OPENS.replace('open = "boot.trace"\n', f'open = "boot.trace"\n{more}')
        if more:
            with pytest.raises(InputError, match="opens something or has a kernel"):
                tour_of(text)
    with pytest.raises(InputError, match="do: nothing is simulated here"):
        tour_of(OPENS + 'do = [{ alloc = "MODULE_TEXT" }]\n')
    with pytest.raises(InputError, match="opens nothing that has steps"):
        tour_of(GOOD.replace("pane = 1", "step = 1"))


def test_a_name_nearly_right_is_suggested() -> None:
    with pytest.raises(UsageError) as caught:
        open_tour("falback")
    assert caught.value.hint == "did you mean fallback?"


@pytest.mark.parametrize("word", ["spilled:x", "type:", "region:xfs", "0x2000-0x1000", "", 3])
def test_nothing_to_look_at(word: object) -> None:
    with pytest.raises(BadValueError):
        looks(word)


def test_stops_without_end_are_refused() -> None:
    """Each is played when the tour is told: forty thousand would take a minute."""
    text = 'title = "t"\narch = "arm64"\n' + '[[stops]]\nsay = "x"\n' * 1000
    assert len(tour_of(text).stops) == 1000
    with pytest.raises(InputError, match="stops: more than 1,000"):
        tour_of(text + '[[stops]]\nsay = "x"\n')
