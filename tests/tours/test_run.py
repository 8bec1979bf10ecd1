"""A tour being taken: one state a stop, guesses, goals, hints, progress."""

from pathlib import Path

import pytest

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.model.errors import InputError, UsageError
from execmem_tui.model.intervals import union, without
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.sources.against import against
from execmem_tui.tours.progress import Reached, TourProgress
from execmem_tui.tours.reader import read_tour
from execmem_tui.tours.run import TourRun
from execmem_tui.tours.tour import Belief

HEAD = 'title = "t"\narch = "arm64"\nkernel = "7.1"\ncpus = 1\n'
HOLES = """
[[stops]]
say = "two holes below the rest"
do = [
    { alloc = "MODULE_TEXT", size = "16K", owner = "small" },
    { alloc = "MODULE_TEXT", size = "4K", owner = "a" },
    { alloc = "MODULE_TEXT", size = "128K", owner = "wide" },
    { alloc = "MODULE_TEXT", size = "4K", owner = "b" },
    { alloc = "MODULE_TEXT", size = "68K", owner = "narrow" },
    { alloc = "MODULE_TEXT", size = "4K", owner = "c" },
    { free = "small" },
    { free = "wide" },
    { free = "narrow" },
]
look = ["holes:MODULE_TEXT"]
guess = [{ alloc = "MODULE_TEXT", size = "64K", owner = "new" }]
wrong = { best_fit = "my own sentence" }
"""
GOAL = """
[[stops]]
say = "four areas"
teaches = "allocate"
goal = "areas.MODULE_TEXT >= 6"
ghost = "window:MODULE_TEXT"
solution = [{ alloc = "MODULE_TEXT", count = 2 }]
[stops.hints]
default = ["one", "two"]
free = ["not that"]
"""
BASE = 0xFFFF80007B000000
SMALL, WIDE, NARROW, BEHIND = BASE, BASE + 0x7000, BASE + 0x2A000, BASE + 0x3E000


def run_of(stops: str) -> TourRun:
    return TourRun(read_tour((HEAD + stops).encode(), "case.toml", "case"))


def owners(run: TourRun) -> list[str | None]:
    return [area.owner for area in run.source.history.snapshot().areas if area.type is not None]


@pytest.mark.parametrize(
    ("address", "belief"),
    [
        (WIDE, Belief.RIGHT),
        (WIDE + 0x20000, Belief.RIGHT),
        (NARROW, Belief.BEST_FIT),
        (BEHIND, Belief.BEHIND_LAST),
        (SMALL, Belief.TOO_SMALL),
        (SMALL + 0x5000, Belief.TAKEN),
        (0xFFFF800003000000, Belief.LARGEST),
        (0xFFFF000000000000, Belief.OUTSIDE),
    ],
)
def test_a_guess_shows_what_is_believed(address: int, belief: Belief) -> None:
    run = run_of(HOLES)
    guessed = run.guess(address)
    assert guessed.belief is belief
    assert guessed.took.start == WIDE
    assert run.done
    assert "new" in owners(run)
    expected = "my own sentence" if belief is Belief.BEST_FIT else run.verdict()
    assert run.verdict() == expected
    assert guessed.place is not None
    assert guessed.place[0] <= address < guessed.place[1]


def test_the_places_offered_are_the_misconceptions() -> None:
    choices = run_of(HOLES).choices()
    assert [(each.start, each.belief) for each in choices] == [
        (0xFFFF800003000000, Belief.LARGEST),
        (WIDE, Belief.RIGHT),
        (NARROW, Belief.BEST_FIT),
        (BEHIND, Belief.BEHIND_LAST),
    ]


def test_lazy_space_and_the_cache_are_beliefs_too() -> None:
    lazy = run_of("""
[[stops]]
say = "s"
do = [{ vmalloc = "64K", count = 3, owner = "v" }, { free = "v", count = 1 }]
guess = [{ alloc = "BPF", size = "4K" }]
""")
    place = next(each.start for each in lazy.choices() if each.belief is Belief.FREED)
    assert lazy.guess(place).belief is Belief.FREED
    cache = TourRun(
        read_tour(
            b"""title = "t"
arch = "x86"
[[stops]]
say = "s"
do = [{ alloc = "MODULE_TEXT", size = "64K" }]
guess = [{ alloc = "MODULE_DATA", size = "64K" }]
""",
            "case.toml",
            "case",
        )
    )
    assert cache.guess(0xFFFFFFFFC0020000).belief is Belief.CACHE


def test_guessed_once_and_only_where_there_is_a_question() -> None:
    run = run_of(HOLES + GOAL)
    run.guess(NARROW)
    with pytest.raises(UsageError, match="that was guessed"):
        run.guess(WIDE)
    run.next()
    with pytest.raises(UsageError, match="nothing to guess"):
        run.guess(WIDE)


def test_a_guess_comes_before_going_on() -> None:
    run = run_of(HOLES + GOAL)
    with pytest.raises(UsageError, match="guess first"):
        run.next()
    assert run.index == 0
    assert run.skip()
    # what was not done is done by the tour: the next stop begins in its one state
    assert "new" in owners(run)


def test_what_the_listener_did_is_dropped_at_the_next_stop() -> None:
    run = run_of(HOLES + GOAL)
    run.show_me()
    expected = owners(run)
    run.again()
    run.guess(SMALL)
    run.source.allocate(ExecmemType.MODULE_TEXT, 4096)  # type: ignore[attr-defined]
    run.next()
    assert owners(run) == expected


def test_a_goal_is_reached_by_keys_or_shown() -> None:
    run = run_of(HOLES + GOAL)
    run.skip()
    assert not run.done
    snapshot = run.source.history.snapshot()
    holes = HoleIndex(snapshot)
    assert run.ghost == union(holes.within(BASE, BASE + (128 << 20))), "what is used says so"
    assert all(snapshot.area_at(start) is None for start, _ in run.ghost)
    assert len(run.ghost) > 1
    with pytest.raises(UsageError, match="not reached"):
        run.next()
    assert run.par == 2
    run.source.allocate(ExecmemType.MODULE_TEXT)  # type: ignore[attr-defined]
    assert (run.reached, run.moves) == (False, 1)
    run.source.allocate(ExecmemType.MODULE_TEXT)  # type: ignore[attr-defined]
    assert (run.reached, run.moves) == (True, 2)
    assert run.ghost == []
    run.again()
    assert (run.reached, run.moves) == (False, 0)
    run.show_me()
    assert run.done
    assert not run.next()


def test_going_back_finds_the_stop_as_it_was() -> None:
    run = run_of(HOLES + GOAL)
    before = owners(run)
    run.skip()
    assert run.back()
    assert owners(run) == before
    assert run.guessed is None
    assert not run.back()


def test_hints_answer_the_act_and_end() -> None:
    run = run_of(HOLES + GOAL)
    run.skip()
    run.acted("zoom_in")
    assert run.hint() == "one"
    run.acted("allocate")
    assert run.hint() == "two"
    assert run.hint() == ""
    run.again()
    run.acted("free")
    assert run.hint() == "not that u takes back what you did."
    assert run.hint() == ""


def test_another_kernel_is_booted_and_the_way_back_too() -> None:
    more = '\n[[stops]]\nsay = "x"\nboot = { kernel = "6.1" }\n\n[[stops]]\nsay = "y"\n'
    run = run_of(HOLES + more)
    first = run.source
    run.skip()
    second = run.source
    assert second is not first
    assert second.history.layout.kernel.startswith("6.1")
    run.skip()
    assert run.source is second
    run.back()
    assert run.source is second
    run.back()
    assert run.source.history.layout.kernel.startswith("7.1")
    assert run.index == 0


def test_minutes_left_go_down() -> None:
    run = run_of(HOLES + GOAL)
    before = run.minutes_left
    run.skip()
    assert 0 < run.minutes_left < before or before == 1


def test_an_expectation_of_a_tour_is_held() -> None:
    with pytest.raises(InputError) as caught:
        run_of('\n[[stops]]\nsay = "s"\ndo = [\n    { expect = "allocations == 1" },\n]\n')
    assert caught.value.line == 9
    assert "does not hold, it is 0" in caught.value.message


def test_a_guess_that_places_nothing_is_refused() -> None:
    run = run_of('\n[[stops]]\nsay = "s"\nguess = [{ purge = "drain" }]\n')
    with pytest.raises(InputError, match="places nothing"):
        run.choices()


def test_what_opens_something_goes_to_its_steps(tmp_path: Path) -> None:
    path = tmp_path / "vmallocinfo"
    path.write_text("0xffff80007b000000-0xffff80007b011000   69632 load_module+0x1/0x2 vmalloc\n")
    text = f'title = "t"\nopen = "{path}"\n\n[[stops]]\nsay = "one"\nlook = "newest"\n'
    run = TourRun(read_tour(text.encode(), "case.toml", "case"))
    assert run.done
    assert run.lit == []
    assert len(list(run.source.history.snapshot().areas)) == 1


def test_progress_is_kept_and_broken_files_are_none(tmp_path: Path) -> None:
    path = tmp_path / "state" / "tours.json"
    progress = TourProgress(path)
    assert progress.of("fallback") == Reached()
    progress.keep("fallback", Reached(stop=3, done=False))
    progress.keep("holes", Reached(stop=0, done=True))
    again = TourProgress(path)
    assert again.of("fallback") == Reached(stop=3)
    assert again.of("holes").done
    assert [entry.name for entry in path.parent.iterdir()] == ["tours.json"]
    for broken in ("[]", '{"fallback": 3}', '{"fallback": {"stop": -1, "done": true}}', "{"):
        path.write_text(broken)
        assert again.all() == {}
    kept_nowhere = TourProgress(None)
    kept_nowhere.keep("holes", Reached(stop=1))
    assert kept_nowhere.all() == {}


def test_the_far_window_is_what_the_near_one_does_not_hold() -> None:
    run = run_of(HOLES + GOAL.replace("window:", "fallback:"))
    run.skip()
    near, far = run.source.history.layout.range_of(ExecmemType.MODULE_TEXT).windows
    assert far[0] < near[0] < near[1] <= far[1]
    assert run.ghost[0] == (far[0], near[0])
    assert all(end <= near[0] or start >= near[1] for start, end in run.ghost)


def test_an_interval_without_another() -> None:
    assert without((0, 10), (3, 5)) == [(0, 3), (5, 10)]
    assert without((0, 10), (0, 5)) == [(5, 10)]
    assert without((0, 10), (12, 15)) == [(0, 10)]
    assert without((4, 5), (3, 8)) == []


def test_a_goal_says_what_is_to_be_done() -> None:
    assert run_of(HOLES + GOAL).tour.stops[1].goal_text == "areas.MODULE_TEXT >= 6"
    told = run_of(HOLES + GOAL.replace("ghost", 'task = "six areas"\nghost'))
    assert told.tour.stops[1].goal_text == "six areas"


@pytest.mark.parametrize(
    ("changes", "arch", "kernel", "count"),
    [
        ("kernel=6.12", "arm64", "6.12.107", 3),
        ("arch=x86", "x86", "7.1.8", 3),
        ("cpus=3", "arm64", "7.1.8", 3),
    ],
)
def test_a_tour_can_be_compared_with_itself_elsewhere(
    changes: str, arch: str, kernel: str, count: int
) -> None:
    """Its steps are done there too, what they expect of the tour's own kernel apart."""
    done = '{ alloc = "MODULE_TEXT", count = 3, owner = "a" }'
    expected = '{ expect = "meters.MODULE_TEXT.largest_hole > 1536M" }'
    run = run_of(f'[[stops]]\nsay = "one"\ndo = [{done}, {expected}]\n')
    side = against(changes, run.source)
    assert (side.snapshot.layout.arch, side.snapshot.layout.kernel) == (arch, kernel)
    assert sum(area.owner == "a" for area in side.snapshot.areas) == count
    assert "cannot be repeated" not in side.title
