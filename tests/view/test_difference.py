"""The lens *difference*, and what it says in one line."""

from attrs import evolve

from execmem_tui.arch import resolve
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources.booted import open_booted
from execmem_tui.view.difference import DifferenceLens, difference_text
from execmem_tui.view.kinds import LENS_LOOKS

A, B = resolve("arm64", kaslr="off"), resolve("arm64", kaslr="7")
TEXT = ExecmemType.MODULE_TEXT
PAGE = 4096


def area(offset: int, owner: str, *, pages: int = 1, layout: object = A) -> Area:
    start = (A if layout is A else B).range_of(TEXT).start + offset * PAGE
    return Area(start=start, size=pages * PAGE, type=TEXT, owner=owner, window=Window.PREFERRED)


def snap(*areas: Area) -> Snapshot:
    return Snapshot(layout=A, step=5, steps=9, areas=areas, counters=Counters())


def test_each_look_wherever_kaslr_put_the_window() -> None:
    lens = DifferenceLens(snap(area(0, "same"), area(2, "moves"), area(4, "grows")), B)
    looks = {
        "same": lens(area(0, "same", layout=B)),
        "moves": lens(area(9, "moves", layout=B)),
        "grows": lens(area(4, "grows", pages=2, layout=B)),
        "both": lens(area(20, "grows", pages=3, layout=B)),
        "new": lens(area(6, "new", layout=B)),
    }
    assert looks == {
        "same": "same",
        "moves": "moved",
        "grows": "grown",
        "both": "grown",
        "new": "only-b",
    }
    assert set(looks.values()) <= set(LENS_LOOKS)


def test_what_is_not_compared_keeps_its_kind() -> None:
    lens = DifferenceLens(snap(), A)
    assert lens(evolve(area(0, "gone"), state=AreaState.LAZY)) == "lazy"
    assert lens(Area(start=0, size=PAGE, owner="other")) == "other"


def test_the_difference_in_one_line() -> None:
    booted = open_booted("arm64")
    before = booted.history.snapshot()
    booted.load("btrfs")
    after = booted.history.snapshot()
    assert difference_text(before, after) == "since step 2,976: 13 only B, 2.1M more"
    assert difference_text(after, before).endswith("13 only A, 2.1M less")
    assert difference_text(before, before) == "since step 2,976: no difference"
