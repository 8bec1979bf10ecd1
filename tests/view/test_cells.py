"""Cells against an obvious model that looks at every byte's owner, 64 bytes at a time."""

import gc
from itertools import accumulate
from operator import attrgetter
from sys import getrefcount

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from execmem_tui.history import History
from execmem_tui.model.areas import KERNEL_OWNER, Area, Part, PartState
from execmem_tui.model.events import Allocated, Freed
from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.reach import Verdict
from execmem_tui.model.snapshots import Snapshot
from execmem_tui.view.cell_cache import CellCache
from execmem_tui.view.cell_index import CellIndex
from execmem_tui.view.cells import ReachWindow, Run, cells_full
from execmem_tui.view.filter import parse_filter
from execmem_tui.view.kinds import FORBIDDEN, FREE, GUARD, LENS_LOOKS, LOOKS, UNSEEN, letter
from execmem_tui.view.labels import Label, labels
from execmem_tui.view.legend import legend, sight_of
from execmem_tui.view.named import named, thinned
from execmem_tui.view.paint import Paint
from execmem_tui.view.words import plain_text
from tests.layouts import PAGE, make_area, make_layout

BASE = 0x1000_0000
_START = attrgetter("start")
pytestmark = pytest.mark.usefixtures("small_blocks")


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    areas: list[Area] = []
    at = 0
    for gap, pages, guard, kind in draw(
        st.lists(
            st.tuples(
                st.integers(0, 9),
                st.integers(1, 12),
                st.booleans(),
                st.sampled_from([*ExecmemType, None]),
            ),
            max_size=20,
        )
    ):
        at += gap
        areas.append(make_area(at, pages, kind=kind, guard=guard, fallback=at % 3 == 0))
        at += pages + guard
    return History(make_layout(), areas).snapshot()


def slow_cell(snapshot: Snapshot, start: int, cell: int) -> tuple[str, int, bool]:
    """Kind, bytes used, fallback."""
    used: dict[str, int] = {}
    fallback = False
    fine = cell <= PAGE
    for area in snapshot.areas:
        stop = area.start + area.size if fine else area.end
        inside = min(stop, start + cell) - max(area.start, start)
        if inside > 0:
            used[area.kind.value] = used.get(area.kind.value, 0) + inside
        if fine and area.guard:
            guard = min(area.end, start + cell) - max(area.end - area.guard, start)
            if guard > 0:
                used[GUARD] = used.get(GUARD, 0) + guard
        if area.window == "fallback" and min(area.end, start + cell) > max(area.start, start):
            fallback = True
    if not used:
        return FREE, 0, False
    return max(used.values()).__str__(), sum(used.values()), fallback


@given(snapshots(), st.integers(0, 200), st.integers(6, 20))
def test_cells_agree_with_the_obvious_model(snapshot: Snapshot, page: int, shift: int) -> None:
    index, cell, start = CellIndex(snapshot), 1 << shift, (BASE + page * PAGE) >> shift << shift
    for column, found in enumerate(index.cells(start, cell, 32)):
        most, used, fallback = slow_cell(snapshot, start + column * cell, cell)
        if used == 0:
            assert found.kind == FREE
            assert found.eighths == 0
            continue
        assert found.kind != FREE
        assert found.eighths == (8 if used == cell else max(1, used * 8 // cell))
        assert found.fallback == fallback
        mine = sum(
            max(
                0,
                min(
                    area.end if cell > PAGE else area.start + area.size, start + (column + 1) * cell
                )
                - max(area.start, start + column * cell),
            )
            for area in snapshot.areas
            if area.kind.value == found.kind
        )
        assert found.kind == GUARD or mine == int(most)


@given(snapshots(), st.integers(6, 20))
def test_runs_are_the_cells(snapshot: Snapshot, shift: int) -> None:
    index, cell = CellIndex(snapshot), 1 << shift
    start = BASE >> shift << shift
    runs = index.runs(start, cell, 64)
    assert [run.cell for run in runs for _ in range(run.width)] == index.cells(start, cell, 64)
    assert all(len(run.text) <= run.width for run in runs)


def test_favoured_kinds_are_never_buried() -> None:
    areas = [make_area(0, 100), make_area(101, 1, kind=ExecmemType.KPROBES)]
    index = CellIndex(History(make_layout(), areas).snapshot())
    assert index.cells(BASE, 256 * PAGE, 1)[0].kind == "bpf"
    assert index.cells(BASE, 256 * PAGE, 1, None, ("kprobes",))[0].kind == "kprobes"


def test_free_space_is_shaded_by_reach() -> None:
    index = CellIndex(History(make_layout()).snapshot())
    reach = ReachWindow((BASE, BASE + 4 * PAGE), (BASE, BASE + 8 * PAGE))
    shades = [cell.reach for cell in index.cells(BASE, 4 * PAGE, 3, reach)]
    assert shades == [Verdict.DIRECT, Verdict.PLT, Verdict.UNREACHABLE]


def test_names_appear_when_areas_are_wide() -> None:
    index = CellIndex(History(make_layout(), [make_area(0, 8)]).snapshot())
    texts = [run.text.strip() for run in index.runs(BASE, 1024, 64) if run.text]
    assert texts == ["area0"]


def test_every_look_of_a_lens_has_the_colour_of_a_kind() -> None:
    known = {*LOOKS, "accent", "success", "warning", "error"}
    assert {look.like for look in LENS_LOOKS.values()} <= known


def test_every_kind_has_its_own_letter() -> None:
    letters = [look.letter.lower() for look in LOOKS.values()]
    assert len(set(letters)) == len(letters)


@pytest.mark.parametrize(("eighths", "shown"), [(1, "b"), (3, "b"), (4, "B"), (8, "B")])
def test_letters_tell_occupancy(eighths: int, shown: str) -> None:
    assert letter("bpf", eighths) == shown


def divided(parts: list[tuple[int, int]], state: PartState = PartState.USED) -> CellIndex:
    area = make_area(0, 16)
    inside = tuple(Part(BASE + start, size, f"part{start}", state) for start, size in parts)
    return CellIndex(History(make_layout(), [evolve(area, parts=inside)]).snapshot())


def test_a_nearly_empty_area_looks_nearly_empty() -> None:
    index = divided([(0, 2048), (8192, 64)])
    assert [cell.eighths for cell in index.cells(BASE, PAGE, 4)] == [4, 1, 1, 1]
    assert [cell.kind for cell in index.cells(BASE, PAGE, 18)] == ["bpf"] * 16 + [GUARD, FREE]
    assert index.cells(BASE, 16 * PAGE, 1)[0].eighths == 1
    assert index.cells(BASE, 32 * PAGE, 1)[0].eighths == 4, (
        "an area smaller than a cell is one piece"
    )


def test_dirty_parts_are_not_in_use() -> None:
    assert divided([(0, PAGE)], PartState.DIRTY).cells(BASE, PAGE, 1)[0].eighths == 1


@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(1, 90)), max_size=40),
    st.integers(0, 12),
    st.integers(0, 2000),
)
def test_heights_are_the_parts(gaps: list[tuple[int, int]], shift: int, first: int) -> None:
    at, parts = 0, []
    for gap, size in gaps:
        at += gap
        parts.append((at, size))
        at += size
    cell = 1 << shift
    start = (first >> shift) << shift
    for column, found in enumerate(divided(parts).cells(BASE + start, cell, 8)):
        low = start + column * cell
        used = sum(max(0, min(low + cell, at + size) - max(low, at)) for at, size in parts)
        assert found.eighths == (8 if used == cell else max(1, used * 8 // cell))


def test_parts_carry_their_names() -> None:
    runs = divided([(0, 15), (15, 15), (300, 64)]).runs(BASE, 1, 400)
    assert [run.text.strip() for run in runs if run.text] == ["part0", "part15", "part300"]


@given(snapshots(), st.integers(0, 200), st.integers(8, 20), st.sampled_from([None, "bpf", ">8K"]))
def test_running_totals_say_what_walking_says(
    snapshot: Snapshot, page: int, shift: int, wanted: str | None
) -> None:
    cell, start = 1 << shift, (BASE + page * PAGE) >> shift << shift
    paint = Paint(filter=parse_filter(wanted or ""))
    walked = CellIndex(snapshot, paint).cells(start, cell, 32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("execmem_tui.view.cell_index._WALK", -1)
        patch.setattr("execmem_tui.view.cell_index._DENSE", 0)
        added = CellIndex(snapshot, paint).cells(start, cell, 32)
    plain = [each._replace(edge=False) for each in walked]
    assert [each._replace(edge=False) for each in added] == plain


def test_an_edge_stands_where_an_area_begins() -> None:
    index = CellIndex(History(make_layout(), [make_area(0, 3), make_area(4, 3)]).snapshot())
    cells = index.cells(BASE, PAGE, 9)
    assert [cell.edge for cell in cells] == [True, *[False] * 3, True, *[False] * 4]


def test_a_filter_dims_what_is_not_asked_for() -> None:
    areas = [make_area(0, 3), make_area(4, 3, kind=ExecmemType.KPROBES)]
    index = CellIndex(History(make_layout(), areas).snapshot(), Paint(filter=parse_filter("bpf")))
    cells = index.cells(BASE, 4 * PAGE, 2)
    assert [(cell.kind, cell.dim) for cell in cells] == [("bpf", False), ("kprobes", True)]


def test_free_space_outside_every_window_is_forbidden() -> None:
    index = CellIndex(History(make_layout()).snapshot())
    reach = ReachWindow(None, None, ((BASE, BASE + 4 * PAGE),))
    assert [cell.kind for cell in index.cells(BASE, 4 * PAGE, 2, reach)] == [FREE, FORBIDDEN]
    assert reach.borders == (BASE, BASE + 4 * PAGE)


def test_what_is_empty_is_not_free_where_addresses_are_hidden() -> None:
    index = CellIndex(History(make_layout(), [make_area(0, 3)]).snapshot())
    reach = ReachWindow(None, None, ((BASE, BASE + 8 * PAGE),), unseen=True)
    cells = index.cells(BASE, 4 * PAGE, 3, reach)
    assert [cell.kind for cell in cells[1:]] == [UNSEEN, FORBIDDEN]
    assert plain_text([Run(cells[1], 2)]) == "??"
    sight = sight_of([Run(cells[1], 2)])
    assert plain_text(legend(sight, 80)).split() == ["?", "not", "seen:", "used", "or", "free"]


@pytest.mark.fault(6)
def test_the_programs_that_a_capture_names_cut_a_pack() -> None:
    inside = ((BASE, "bpf_prog_one"), (BASE + 6 * PAGE, "bpf_prog_two"))
    pack = evolve(make_area(0, 16), owner="bpf_prog_pack", inside=inside)
    index = CellIndex(History(make_layout(), [pack]).snapshot())
    runs = index.runs(BASE, PAGE // 4, 64)
    assert [run.text.strip() for run in runs if run.text] == ["bpf_prog_one", "bpf_prog_two"]
    assert [at for at, cell in enumerate(index.cells(BASE, PAGE // 4, 64)) if cell.edge] == [0]
    edges = [run.cell.edge for run in runs for _ in range(run.width)]
    assert [at for at, edge in enumerate(edges) if edge] == [0, 24], "each program has its edge"


def test_the_image_is_drawn_once_where_no_area_stands_for_it() -> None:
    layout = evolve(make_layout(), symbols={"_text": BASE, "_end": BASE + 4 * PAGE})
    index = CellIndex(History(layout).snapshot())
    assert [cell.kind for cell in index.cells(BASE, 2 * PAGE, 3)] == ["kernel", "kernel", FREE]
    own = evolve(make_area(0, 2, kind=None, guard=False), owner="kernel image")
    index = CellIndex(History(layout, [own]).snapshot())
    assert [cell.kind for cell in index.cells(BASE, 2 * PAGE, 3)] == ["kernel", FREE, FREE]


@st.composite
def crowded(draw: st.DrawFn) -> Snapshot:
    """Small areas of few owners, beside each other or not."""
    areas, at = [], 0
    drawn = st.tuples(
        st.sampled_from((0, 0, 0, 1)),
        st.integers(1, 9),
        st.sampled_from(("a", "bc", "def", KERNEL_OWNER)),
    )
    for gap, pages, owner in draw(st.lists(drawn, min_size=5, max_size=40)):
        at += gap
        areas.append(evolve(make_area(at, pages, guard=False), owner=owner, region="MOD_TEXT"))
        at += pages
    return History(make_layout(), areas).snapshot()


@settings(max_examples=400)
@given(crowded(), st.integers(0, 20), st.integers(13, 15))
def test_what_fills_no_column_may_be_left_out_unless_it_parts_names(
    snapshot: Snapshot, page: int, shift: int
) -> None:
    row, walked = CellIndex(snapshot)._row(BASE + page * PAGE, 1 << shift, 32)
    full = cells_full(CellIndex(snapshot)._cells(row, None, ()))

    def texts() -> list[Label]:
        return list(labels(sorted(named(row, walked, snapshot.layout), key=_START), full))

    few = texts()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("execmem_tui.view.named.thinned", lambda _row, pieces: pieces)
        assert few == texts()


def test_many_small_areas_of_strangers_are_one_for_names() -> None:
    areas = [evolve(make_area(at, 1, guard=False), owner=f"m{at}") for at in range(64)]
    row, walked = CellIndex(History(make_layout(), areas).snapshot())._row(BASE, 4 * PAGE, 32)
    assert len(walked) == 64
    assert len(thinned(row, walked)) <= 3


@st.composite
def changes(draw: st.DrawFn) -> History:
    """Events among areas, which may overlap as those of a capture do."""
    history = History(make_layout())
    apart = draw(st.booleans())
    present: dict[int, Area] = {}
    for page in draw(st.lists(st.integers(0, 60), min_size=20, max_size=60)):
        at, pages = (4 * page, 1 + page % 3) if apart else (page, 1 + page % 7)
        area = make_area(at, pages, kind=ExecmemType(page % 5), fallback=page % 7 == 0)
        if page in present:
            del present[page]
            history.append([Freed(area=area, removed=(area,))])
        else:
            present[page] = area
            history.append([Allocated(area=area, requested=PAGE, added=(area,))])
    return history


@given(
    changes(),
    st.tuples(st.integers(0, 300), st.integers(10, 17), st.integers(1, 40)),
    st.tuples(st.integers(-1, 3), st.integers(0, 3)),
    st.integers(1, 5),
)
def test_kept_cells_are_those_of_a_fresh_row(
    history: History, place: tuple[int, int, int], dense: tuple[int, int], many: int
) -> None:
    page, shift, columns = place
    start, cell = BASE + page * PAGE // 2, 1 << shift
    reach = ReachWindow((BASE, BASE + 80 * PAGE), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("execmem_tui.view.cell_index._WALK", dense[0])
        patch.setattr("execmem_tui.view.cell_index._DENSE", dense[1])
        kept = CellCache()
        for step in (*range(0, history.steps + 1, 5), *range(history.steps, -1, -7)):
            snapshot = history.seek(step)
            index = CellIndex(snapshot, kept=kept)
            reached = [0, *accumulate((area.end for area in snapshot.areas), max)]
            apart = all(a.start >= end for a, end in zip(snapshot.areas, reached, strict=False))
            assert index._apart == apart
            patch.setattr("execmem_tui.view.cell_index._MANY", many)
            found = index.cells(start, cell, columns, reach, ("bpf",))
            patch.setattr("execmem_tui.view.cell_index._MANY", 1 << 30)
            assert found == CellIndex(snapshot).cells(start, cell, columns, reach, ("bpf",))


def test_the_whole_row_decides_which_blocks_are_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    areas = [make_area(page, guard=False) for page in range(0, 64, 2)]
    index = CellIndex(History(make_layout(), areas).snapshot())
    monkeypatch.setattr("execmem_tui.view.cell_index._WALK", 2)
    monkeypatch.setattr("execmem_tui.view.cell_index._DENSE", 1)
    monkeypatch.setattr("execmem_tui.view.cell_index._MANY", 1)
    # Blocks are added up, which tells no edges; of each block a part has so few areas that it alone
    # would walk them. Of the first block the whole row has no more.
    cells = index.cells(BASE + 4 * PAGE, 4 * PAGE, 15)
    assert [at for at, cell in enumerate(cells) if cell.edge] == [0]


def test_an_event_asks_again_for_the_cells_above_its_blocks_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    areas = [make_area(page) for page in range(0, 256, 2)]
    history, kept = History(make_layout(), areas), CellCache()
    monkeypatch.setattr("execmem_tui.view.cell_index._MANY", 4)
    CellIndex(history.snapshot(), kept=kept).cells(BASE, 2 * PAGE, 128)
    history.append([Freed(area=areas[60], removed=(areas[60],))])
    asked: list[tuple[int, int] | None] = []
    row = CellIndex._row

    def counted(
        self: CellIndex, start: int, cell: int, columns: int, part: tuple[int, int] | None = None
    ) -> object:
        asked.append(part)
        return row(self, start, cell, columns, part)

    monkeypatch.setattr(CellIndex, "_row", counted)
    cells = CellIndex(history.snapshot(), kept=kept).cells(BASE, 2 * PAGE, 128)
    assert [at for at, cell in enumerate(cells) if cell.kind == FREE] == [60]
    assert all(part is not None and part[0] <= 68 and part[1] >= 56 for part in asked)
    assert 1 <= len(asked) <= 2


def test_cells_are_kept_for_some_screens_only() -> None:
    kept = CellCache()
    first = kept.row(0)
    for place in range(1, 400):
        kept.row(place)
        assert kept.row(0) is first, "what is asked for stays"
    second = kept.row(1)
    assert kept.row(1) is second
    assert len(kept._rows) < 200


def test_what_is_kept_of_rows_keeps_no_block() -> None:
    """It would live on with all that was found of it: 10,000 keys took a hundred MiB."""
    snapshot, kept = History(make_layout(), [make_area(0), make_area(4)]).snapshot(), CellCache()
    (block,) = snapshot.areas.blocks
    held = getrefcount(block)
    assert CellIndex(snapshot, kept=kept).cells(BASE, PAGE, 8)
    seen = CellIndex(snapshot, kept=kept).seen(BASE, BASE + 8 * PAGE)
    gc.collect()
    assert getrefcount(block) == held
    assert seen == CellIndex(snapshot).seen(BASE, BASE + 8 * PAGE) == (block.token,)
    assert kept._rows
