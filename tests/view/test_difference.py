"""The lens *difference*, and what it says in one line."""

import gc
from sys import getrefcount

from attrs import evolve

from execmem_tui.analysis.superpose import Superposition
from execmem_tui.arch import resolve
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.blocks import MutableAreas
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.view.axis import Kind
from execmem_tui.view.cell_cache import CellCache
from execmem_tui.view.cell_index import CellIndex
from execmem_tui.view.difference import DifferenceLens
from execmem_tui.view.kinds import LENS_LOOKS
from execmem_tui.view.occupancy import Covered
from execmem_tui.view.paint import Paint
from execmem_tui.view.shown import Shown
from execmem_tui.view.words import cell_letter

A, B = resolve("arm64", kaslr="off"), resolve("arm64", kaslr="7")
TEXT = ExecmemType.MODULE_TEXT
PAGE = 4096


def area(offset: int, owner: str, *, pages: int = 1, layout: object = A) -> Area:
    start = (A if layout is A else B).range_of(TEXT).start + offset * PAGE
    return Area(start=start, size=pages * PAGE, type=TEXT, owner=owner, window=Window.PREFERRED)


def snap(*areas: Area, layout: Layout = A) -> Snapshot:
    return Snapshot(layout=layout, step=5, steps=9, areas=areas, counters=Counters())


def test_each_look_wherever_kaslr_put_the_window() -> None:
    after = snap(
        area(0, "same", layout=B),
        area(9, "moves", layout=B),
        area(4, "grows", pages=2, layout=B),
        area(20, "both", pages=3, layout=B),
        area(6, "new", layout=B),
        layout=B,
    )
    before = snap(area(0, "same"), area(2, "moves"), area(4, "grows"), area(7, "both"))
    lens = DifferenceLens(Superposition(before, after))
    looks = {each.owner: lens(each) for each in after.areas}
    assert looks == {
        "same": "same",
        "moves": "moved",
        "grows": "grown",
        "both": "grown",
        "new": "only-b",
    }
    assert set(looks.values()) <= set(LENS_LOOKS)


def test_what_is_not_compared_keeps_its_kind() -> None:
    lens = DifferenceLens(Superposition(snap(), snap()))
    assert lens(evolve(area(0, "gone"), state=AreaState.LAZY)) == "lazy"
    assert lens(Area(start=0, size=PAGE, owner="other")) == "other"


def test_one_lens_serves_as_long_as_what_blocks_remember_of_it_holds() -> None:
    """What differs otherwise although its block stayed needs another lens: a block asks only
    once."""
    pages = [area(at, f"m{at}") for at in range(0, 3000, 2)]
    mutable = MutableAreas([*pages, area(3001, "page")])
    before = evolve(snap(), areas=mutable.areas())
    lens = DifferenceLens(Superposition(before, before))
    mutable.remove(pages[3])
    gone = evolve(before, areas=mutable.areas())
    assert lens.then(gone) is lens
    assert lens(area(8, "m8")) == "same"
    # a second page, far from the first: nothing is known of the first otherwise
    mutable.add(area(1, "page"))
    assert lens.then(evolve(before, areas=mutable.areas())) is lens
    mutable.remove(area(3001, "page"))
    moved = evolve(before, areas=mutable.areas())
    # the first page, in a block that stayed, is now what became of the second
    fresh = lens.then(moved)
    assert fresh is not lens
    assert fresh(area(1, "page")) == "moved"


def test_a_block_that_comes_back_is_painted_anew() -> None:
    before = snap(area(0, "a"), area(2, "b"))
    lens = DifferenceLens(Superposition(before, before))
    other = snap(area(0, "a"))
    assert lens.then(other) is lens
    assert lens.then(before) is not lens
    assert lens.then(evolve(before, layout=B)) is not lens


GONE = snap(area(0, "a"), area(4, "gone", pages=4), area(40, "gone", pages=2))
LEFT = snap(area(0, "a"), area(42, "new"), area(5, "new"))


def test_ghosts_show_where_nothing_else_lies() -> None:
    paint = Paint(lens=DifferenceLens(Superposition(GONE, LEFT)))
    index = CellIndex(LEFT, paint)
    start = A.range_of(TEXT).start
    row = index.cells(start, PAGE, 16)
    assert "".join(each.kind[0:4] + " " for each in row[:10]).split() == [
        "same", "free", "free", "free", "gone", "only", "gone", "gone", "free", "free",
    ]  # fmt: skip
    assert [each.kind for each in row[4:8]] == ["gone", "only-b", "gone", "gone"]
    assert row[4].edge
    assert [each.eighths for each in index.cells(start + 4 * PAGE, 8 * PAGE, 1)] == [1]
    shown = Shown(LEFT, None, paint)
    assert "A" in "".join(cell_letter(each) for each in row)
    assert index.seen(start, start + 16 * PAGE) != CellIndex(LEFT).seen(start, start + 16 * PAGE)
    [plain, overlaid] = [each.space.stretch_at(start + 41 * PAGE) for each in (Shown(LEFT), shown)]
    assert plain.kind is Kind.FREE
    assert (overlaid.kind, overlaid.start - start, overlaid.end - start) == (
        Kind.AREA, 40 * PAGE, 42 * PAGE,
    )  # fmt: skip
    between = shown.space.stretch_at(start + 20 * PAGE)
    assert (between.start - start, between.end - start) == (8 * PAGE, 40 * PAGE)


def test_a_ghost_has_its_name_where_nothing_else_lies() -> None:
    before = snap(area(0, "gone", pages=16))
    for after, text in ((snap(), "gone"), (snap(area(3, "new")), "")):
        paint = Paint(lens=DifferenceLens(Superposition(before, after)))
        runs = CellIndex(after, paint).runs(A.range_of(TEXT).start, PAGE, 32)
        assert "".join(run.text.strip() for run in runs) == text


def test_the_pinned_moments_own_map_has_the_same_looks() -> None:
    before, after = snap(area(0, "a"), area(4, "gone")), snap(area(0, "a"), area(8, "new"))
    lens = DifferenceLens(Superposition(before, before))
    echo = lens.echo
    assert [echo(each) for each in before.areas] == ["same", "same"]
    lens.then(after)
    assert lens.echo is not echo, "something of A differs now: its rows are drawn anew"
    assert [lens.echo(each) for each in before.areas] == ["same", "only-a"]
    echo = lens.echo
    lens.then(snap(area(0, "a"), area(8, "new"), area(9, "newer")))
    assert lens.echo is echo
    assert echo(area(30, "stranger")) == "module"


def test_what_is_kept_of_blocks_and_rows_keeps_no_lens() -> None:
    """It would keep two snapshots, and their blocks the lens before, and so on without an end."""
    before, after = snap(area(0, "a"), area(9, "b")), snap(area(0, "a"), area(4, "c"))
    lens = DifferenceLens(Superposition(before, after))
    (block,), kept = after.areas.blocks, CellCache()
    held = getrefcount(lens)
    start = block.start
    for cell in (PAGE, 64 * PAGE):  # one by one, and from running totals
        assert CellIndex(after, Paint(lens=lens), kept).cells(start, cell, 8)
    assert Covered(Paint(lens=lens), fine=True).totals(block)
    gc.collect()
    assert getrefcount(lens) == held
    assert Paint(lens=lens).pieces(block) is Paint(lens=lens).pieces(block), "by its token"
    fresh = Paint(lens=DifferenceLens(Superposition(before, after)))
    assert fresh.pieces(block) is not Paint(lens=lens).pieces(block)
