"""What is shown of a step: the same however it was reached, and right where it is looked at."""

from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.analysis.room import Shortage
from execmem_tui.arch import architectures, resolve
from execmem_tui.history import History
from execmem_tui.model.areas import Area
from execmem_tui.model.events import Allocated, Event, Freed
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.reach import Verdict
from execmem_tui.model.units import MIB
from execmem_tui.sources.booted import open_booted
from execmem_tui.sources.simulation import Simulation, open_simulation
from execmem_tui.view.axis import Kind
from execmem_tui.view.cells import Cell, ReachWindow, Run
from execmem_tui.view.filter import parse_filter
from execmem_tui.view.kinds import FREE, LENS_LOOKS, LOOKS
from execmem_tui.view.labels import TextStyle
from execmem_tui.view.lane import lane_cells, lane_shape, lane_text
from execmem_tui.view.legend import Sight, TimeSight, legend, sight_of
from execmem_tui.view.marks import Backdrops, Mark, backdrop_of, marks
from execmem_tui.view.paint import Paint
from execmem_tui.view.pane_rows import pane_rows
from execmem_tui.view.panes import FitLine
from execmem_tui.view.plain import detail_lines
from execmem_tui.view.reach import rox_blocks
from execmem_tui.view.reach_lines import _apart, reach_lines, signed
from execmem_tui.view.rows import MapRows, gutter
from execmem_tui.view.shown import Extent, Shown
from execmem_tui.view.timemap import MarkKind
from execmem_tui.view.words import Tone, Word, plain_text, width_of
from tests.layouts import PAGE, make_area, make_layout

pytestmark = pytest.mark.usefixtures("small_blocks")
NEAR, FAR = 0xFFFF80007B000000, 0xFFFF800003000000


def spilled() -> Simulation:
    """79M near, then two of 2M that find no room there."""
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, 79 * MIB)
    simulation.allocate(ExecmemType.MODULE_TEXT, 2 * MIB, count=2)
    return simulation


def drawn(shown: Shown) -> list[Any]:
    """Everything that a screen would show."""
    view = shown.view(1, 64, 12)
    rows = MapRows(shown=shown, number=1, window=shown.window(1, None))
    panes = [row.pieces for row in pane_rows(shown, 1, 100, compact=False)]
    lines = [plain_text(rows.pieces(view.axis, line)) for line in view.lines()]
    return [shown.panes, panes, lines, backdrop_of(shown, 1, 9).marks]


@st.composite
def histories(draw: st.DrawFn) -> tuple[History, list[int]]:
    present: dict[int, Area] = {}
    events: list[Event] = []
    for page in draw(st.lists(st.integers(0, 200), max_size=50)):
        area = make_area(page, kind=ExecmemType(page % 5), fallback=page % 7 == 0, guard=False)
        if page in present:
            del present[page]
            events.append(Freed(area=area, removed=(area,)))
        else:
            present[page] = area
            events.append(Allocated(area=area, requested=PAGE, added=(area,)))
    history = History(make_layout())
    history.append(events)
    steps = draw(st.lists(st.integers(0, len(events)), min_size=1, max_size=4))
    return history, steps


@given(histories())
def test_a_step_looks_the_same_however_it_was_reached(case: tuple[History, list[int]]) -> None:
    history, steps = case
    shown: Shown | None = None
    for step in steps:
        snapshot = history.seek(step)
        shown = Shown(snapshot, shown)
        scratch = History(snapshot.layout, tuple(snapshot.areas)).snapshot()
        found, fresh = drawn(shown), drawn(Shown(scratch))
        counted = [(pane.areas, pane.used, pane.spilled, pane.fit, pane.lanes) for pane in found[0]]
        assert counted == [
            (pane.areas, pane.used, pane.spilled, pane.fit, pane.lanes) for pane in fresh[0]
        ]
        assert found[2:] == fresh[2:]


@pytest.mark.fault(3)
def test_reach_counts_from_the_chosen_origin() -> None:
    shown = Shown(spilled().history.snapshot())
    kernel = shown.reach(None)
    assert kernel is not None
    assert (kernel.counts.direct, kernel.counts.plt) == (1, 2)
    origin = shown.origin_at(FAR)
    far = shown.reach(origin)
    assert origin is not None
    assert far is not None
    assert (far.counts.direct, far.counts.plt) == (2, 1)
    assert origin.name == "module 2"
    assert shown.origin_at(NEAR - PAGE) is not None
    assert shown.window(1, origin).verdict(FAR) is Verdict.DIRECT
    assert shown.window(1, None).verdict(FAR) is Verdict.PLT


def test_counters_are_kept_from_step_to_step_of_one_machine() -> None:
    simulation = spilled()
    first = Shown(simulation.history.snapshot())
    first.reach(None)
    simulation.allocate(ExecmemType.MODULE_TEXT)
    after = Shown(simulation.history.snapshot(), first)
    assert after._counters is first._counters
    other = Shown(open_simulation("x86", "7.1", None, "off").history.snapshot(), after)
    assert other._counters == {}


def test_the_panel_shows_kernel_modules_fallback_and_what_is_forbidden() -> None:
    shown = Shown(spilled().history.snapshot())
    model = shown.reach(None)
    assert model is not None
    lines = [plain_text(line) for line in reach_lines(model, shown.kinds, shown.holes, 44)]
    by_label: dict[str, str] = {}
    for line in lines:
        by_label.setdefault(line.split("┤")[0].strip(" ─═"), line)  # the nearer of two bands
    assert "X" in by_label["−1.95G"]
    assert "M" in by_label["−64M"]
    assert set(by_label["0"].split("┤")[1].split("│")[0]) == {"K"}
    assert set(by_label["+128M"].split("┤")[1].split("│")[0]) == {"/"}
    assert "0B near" in by_label["−16M"]
    assert any("= direct 1  % PLT 2  out 0" in line for line in lines)
    assert any(line.lstrip().startswith("−128M─") for line in lines), "where a call's reach ends"


@pytest.mark.parametrize("arch", architectures())
@pytest.mark.parametrize("rows", [16, 27, 36, 64])
def test_no_line_of_the_first_map_stays_blank(arch: str, rows: int) -> None:
    """At 200x50 a third of the map was blank, on arm64, x86 and mips."""
    shown = Shown(open_booted(arch).history.snapshot())
    view = shown.view(1, 130, rows)
    assert view.axis.fits(view.axis.start, view.axis.end, rows)
    assert len(view.lines()) > rows - 2
    tight = shown.view(1, 130, rows, fills=False)
    assert view.axis.cell <= tight.axis.cell, "what is used has the nearest zoom that fits"


@pytest.mark.parametrize("arch", ["loongarch", "nios2", "riscv", "sparc", "x86"])
@pytest.mark.parametrize(("columns", "rows"), [(66, 16), (82, 27)])
def test_hardly_a_line_of_a_full_window_stays_blank(arch: str, columns: int, rows: int) -> None:
    """Nothing is left to unfold there: 10 of 27 lines were blank on x86 where cells were 2^k."""
    simulation = open_booted(arch)
    simulation.fill()
    view = Shown(simulation.history.snapshot()).view(1, columns, rows)
    assert len(view.lines()) >= rows * 4 // 5


def test_lines_that_would_stay_blank_draw_long_areas_and_what_is_free() -> None:
    """At 300x80, after a spill, amdgpu was folded, and ten lines below were blank."""
    simulation = open_booted("arm64")
    simulation.fill()
    shown = Shown(simulation.history.snapshot())
    view = shown.view(1, 210, 63)
    assert Kind.AREA not in {line.fold for line in view.lines()}
    free = next(line for line in view.lines() if line.fold is Kind.FREE)
    before = view.axis.before(free)
    assert before is not None
    assert shown.snapshot.area_at(before.start) is None, "free space begins before it folds"
    assert Kind.AREA in {line.fold for line in shown.view(1, 210, 63, fills=False).lines()}
    near = view.zoomed(1).axis
    assert (near.keep, near.air) == (3, 0), "nearer, rows are dear again"


def test_a_row_of_three_times_a_power_of_two_is_taken_where_that_is_nearer() -> None:
    """arm64 had 20 rows of 1M at 200x50, where 25 of 768K have room."""
    shown = Shown(open_booted("arm64").history.snapshot())
    assert shown.view(1, 130, 36).axis.cell == 6 << 10
    blocks = Shown(open_booted("x86").history.snapshot())
    assert blocks.view(1, 130, 36).axis.cell == 16 << 10, "a row is a block of the ROX cache"
    assert blocks.view(1, 210, 36).axis.cell == 6 << 10, "192 cells are no block anyway"


def test_how_far_modules_lie_apart_is_not_rounded_to_what_is_allowed() -> None:
    """It said "within 2G: yes, 2G" with 48M to spare."""

    def told(low: int, high: int) -> str:
        binding = next(each for each in resolve("arm64").reach if each.binding)
        return _apart((low, high), binding)

    assert told(FAR, FAR + 2000 * MIB).endswith("within 2G: 48M left")
    assert told(FAR, FAR + 18 * MIB).endswith("within 2G: yes, 18M")
    assert told(FAR, FAR + 2058 * MIB).endswith("within 2G: NO, by 10M")


@pytest.mark.fault(2)
def test_where_there_is_no_plt_the_panel_says_how_modules_call() -> None:
    simulation = open_simulation("mips", "7.1", None, "off")
    simulation.allocate(ExecmemType.MODULE_TEXT)
    shown = Shown(simulation.history.snapshot())
    model = shown.reach(None)
    assert model is not None
    lines = [plain_text(line) for line in reach_lines(model, shown.kinds, shown.holes, 36)]
    text = " ".join(lines)
    assert "no PLT on mips" in text
    assert "-mlong-calls" in text
    assert "all modules in one 256M segment: yes" in text
    assert "─ 256M segment" in text


@pytest.mark.parametrize(
    ("distance", "text"),
    [
        (0, "0"),
        (-128 * MIB, "−128M"),
        (1 << 40, "+1T"),
        (-2000 * MIB, "−1.95G"),
        (1023 * MIB, "+1023M"),
    ],
)
def test_distances_are_short_and_signed(distance: int, text: str) -> None:
    assert signed(distance) == text


def test_a_rox_cache_tells_its_blocks() -> None:
    simulation = open_simulation("x86", "7.1", None, "off")
    assert rox_blocks(simulation.history.snapshot()) == ()
    simulation.allocate(ExecmemType.MODULE_TEXT, MIB, owner="alone")
    blocks = rox_blocks(simulation.history.snapshot())
    assert [block.used for block in blocks] == [MIB]
    assert blocks[0].text == " 50 %  held by alone alone"
    simulation.free(simulation.history.snapshot().areas[0].start)
    arm64 = open_simulation("arm64", "7.1", None, "off")
    arm64.allocate(ExecmemType.MODULE_TEXT)
    assert rox_blocks(arm64.history.snapshot()) == ()


def test_a_large_text_fills_several_blocks_and_none_more_than_whole() -> None:
    """333 % of all blocks were said to be used."""
    simulation = open_simulation("x86", "7.1", None, "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, 5 * MIB, owner="large")
    simulation.allocate(ExecmemType.MODULE_TEXT, MIB // 2, owner="small")
    blocks = rox_blocks(simulation.history.snapshot())
    assert [block.used for block in blocks] == [2 * MIB, 2 * MIB, MIB + MIB // 2]
    assert blocks[1].owners == ("large",)
    assert blocks[2].owners == ("large", "small")


def fit_of(simulation: Simulation) -> FitLine:
    fit = Shown(simulation.history.snapshot()).pane(1).fit
    assert fit is not None
    return fit


def test_the_fit_line_tells_exhausted_from_fragmented() -> None:
    simulation = open_simulation("arm64", "7.1", "va48-4k", "off")
    fit = fit_of(simulation)
    assert [each.size for each in fit.fits][-1] == 64 * MIB
    assert (fit.failing, fit.shortage) == (256 * MIB, Shortage.EXHAUSTED)
    assert [each.count for each in fit.fits] == [
        80 * MIB // (each.size + PAGE) for each in fit.fits
    ]
    simulation.allocate(ExecmemType.MODULE_TEXT, 30 * MIB)
    middle = simulation.history.snapshot().areas
    simulation.allocate(ExecmemType.MODULE_TEXT, 64 << 10)
    simulation.free(next(area.start for area in middle if area.type is not None))
    simulation.purge()
    assert fit_of(simulation).shortage is Shortage.FRAGMENTED


@pytest.mark.parametrize("width", range(0, 80, 3))
def test_a_fit_line_never_cuts_a_number(width: int) -> None:
    fit = fit_of(spilled())
    text = fit.text(width)
    assert len(text) <= width
    assert text == "" or text.startswith("fits ")
    for word in text.removeprefix("fits ").split(" · "):
        assert word == "" or word.endswith("×") or "✗" in word


def test_what_just_fits_stands_longest_beside_what_does_not() -> None:
    """``fits 64K 925× · 64M ✗`` left out that 20M fit."""
    fit = fit_of(open_simulation("arm64", "7.1", "va48-4k", "off"))
    shortest = min((fit.text(width) for width in range(18, 80) if "×" in fit.text(width)), key=len)
    assert shortest == "fits 64M 1× · 256M ✗"
    texts = {fit.text(width) for width in range(18, 80)}
    assert all("64M 1×" in text for text in texts if "×" in text)


@pytest.mark.parametrize("width", [78, 80, 82, 100])
def test_why_the_next_size_does_not_fit_stands_before_sizes_in_the_middle(width: int) -> None:
    """At 80 columns it said ``2M 30× · 8M 7×`` and not whether 64M is exhausted or fragmented."""
    shown = Shown(open_booted("arm64").history.snapshot())
    told = plain_text(pane_rows(shown, 1, width, compact=True)[0].pieces)
    assert "20M 3× · 64M ✗ exhausted" in told
    assert "fits 64K 925×" in told


def test_a_spill_is_counted_now_and_so_far() -> None:
    simulation = spilled()
    pane = Shown(simulation.history.snapshot()).pane(1)
    assert pane.alarm == "▲ 2 spilled"
    simulation.free(FAR)
    pane = Shown(simulation.history.snapshot()).pane(1)
    assert pane.alarm == "▲ 1 spilled △ 2 so far"
    assert pane.areas == 2


@given(st.integers(1, 200), st.lists(st.tuples(st.integers(0, 250), st.integers(1, 9)), max_size=9))
def test_a_lane_shows_each_address_of_its_window_once(
    width: int, spots: list[tuple[int, int]]
) -> None:
    areas = [make_area(page, pages) for page, pages in spots]
    shown = Shown(History(make_layout(), areas).snapshot())
    start, end = shown.span(4)
    shape = lane_shape(start, end, width, shown.holes, None)
    assert shape.columns <= max(width, 1)
    assert shape.pieces[0].start == start
    assert shape.pieces[-1].end == end
    pairs = zip(shape.pieces, shape.pieces[1:], strict=False)
    assert all(one.end == other.start for one, other in pairs)
    columns = [shape.column_of(address) for address in range(start, end, PAGE)]
    assert None not in columns
    assert columns == sorted(columns, key=lambda column: column or 0)
    for column in range(shape.columns):
        assert start <= shape.address_at(column) < end
    lane = shown.pane(4).lanes[0] if shown.pane(4).lanes else None
    if lane is not None:
        assert len(lane_text(shown.kinds, shape, lane.window)) == shape.columns


def test_the_alarm_of_a_lane_is_its_name_without_the_blanks_behind() -> None:
    """Without colour it is reversed: it was a bar up to the first area."""
    rows = pane_rows(Shown(spilled().history.snapshot()), 1, 120, compact=False)
    [lane] = [row for row in rows if "▲far" in plain_text(row.pieces)]
    alarms = [
        piece.text for piece in lane.pieces if isinstance(piece, Word) and piece.tone is Tone.ALARM
    ]
    assert alarms == ["▲far"]


@pytest.mark.parametrize(
    ("arch", "told"), [("arm64", "far ⋯ 1.9G, nobody ⋯"), ("arm", "far ⋯ 240M, nobody ⋯")]
)
def test_a_far_window_that_nobody_uses_tells_what_is_free_beside_the_near_one(
    arch: str, told: str
) -> None:
    """On arm it lies above the near one: 0B were free of it."""
    rows = pane_rows(Shown(open_booted(arch).history.snapshot()), 1, 120, compact=False)
    assert told in plain_text(rows[1].pieces)


def test_where_module_data_has_a_window_of_its_own_it_is_not_forbidden() -> None:
    """The map of loongarch 7.2 said of the room between modules' data that none may lie there."""
    layout = resolve("loongarch", "7.2")
    data = layout.range_of(ExecmemType.MODULE_DATA)
    areas = [
        evolve(make_area(0, 1), start=data.start + at * MIB, type=ExecmemType.MODULE_DATA)
        for at in (1, 40)
    ]
    shown = Shown(History(layout, areas).snapshot())
    assert not shown.window(1, None).forbidden(data.start + 20 * MIB)
    assert shown.window(1, None).forbidden(data.end + MIB)
    assert shown.window(4, None).forbidden(data.start + 20 * MIB), "BPF programs are text"
    assert any("M free for module data" in line for line in drawn(shown)[2])
    assert not any("no module memory" in line for line in drawn(shown)[2])


def test_only_what_used_the_fallback_is_in_colour_in_its_lane() -> None:
    shown = Shown(spilled().history.snapshot())
    far = shown.pane(1).lanes[1]
    shape = lane_shape(far.start, far.end, 80, shown.holes, shown.snapshot.layout.image)
    cells = [cell for _, cells in lane_cells(shown.kinds, shape, far.window) for cell in cells]
    assert {cell.dim for cell in cells if cell.fallback} == {False}
    assert {cell.dim for cell in cells if not cell.fallback and cell.kind != FREE} == {True}
    text = lane_text(shown.kinds, shape, far.window)
    assert text.startswith("X")
    assert "░ kernel 48M ░" in text
    assert "1.9G free" in text


@pytest.mark.parametrize("width", [32, 60, 80, 100, 121, 200])
@pytest.mark.parametrize("compact", [False, True])
@pytest.mark.parametrize("arch", ["arm64", "x86", "arm", "mips"])
def test_pane_rows_fill_their_width_and_know_what_is_clicked(
    width: int, compact: bool, arch: str
) -> None:
    simulation = spilled() if arch == "arm64" else open_simulation(arch, "7.1", None, "off")
    simulation.allocate(ExecmemType.MODULE_TEXT, count=2)
    shown = Shown(simulation.history.snapshot())
    for focused in (1, 2, 3, 4):
        rows = pane_rows(shown, focused, width, compact=compact)
        numbers = {place.number for row in rows for place in row.places}
        assert numbers == {1, 2, 3, 4}
        for row in rows:
            if width >= 80:
                assert width_of(row.pieces) <= width
            for place in row.places:
                if place.shape is not None and place.lane is not None:
                    address = place.address_at(place.first)
                    assert address is not None
                    assert place.lane.start <= address < place.lane.end
                    assert place.address_at(place.stop) is None


def test_the_map_begins_with_what_is_used() -> None:
    shown = Shown(spilled().history.snapshot())
    used = shown.view(1, 64, 24)
    assert used.cursor == NEAR
    assert (used.top, used.bottom) == shown.span(1)
    window = shown.view(1, 64, 24, Extent.WINDOW)
    assert not window.axis.folded
    assert window.top <= NEAR
    assert window.bottom >= NEAR + 128 * MIB
    whole = shown.view(1, 64, 24, Extent.WHOLE)
    assert (whole.top, whole.bottom) == shown.span(1)
    assert whole.axis.cell > window.axis.cell


def test_folds_say_what_they_hide() -> None:
    shown = Shown(spilled().history.snapshot())
    view = shown.view(1, 96, 24)
    rows = MapRows(shown=shown, number=1, window=shown.window(1, None))
    texts: dict[Kind, str] = {}
    for line in view.lines():
        if line.fold is not None:
            texts.setdefault(line.fold, rows.fold_text(view.axis, line, 96))
    free = "1.9G free in the far window · through a PLT · largest request 1.9G"
    assert texts[Kind.FREE] == free
    assert texts[Kind.IMAGE] == "kernel image: text 16.1M · rodata, data 31.9M"
    assert texts[Kind.AREA].endswith("rows, all module 2"), "the lower of the spilled"
    for line in view.lines():
        assert width_of(rows.pieces(view.axis, line)) == view.axis.columns
        assert len(rows.fold_text(view.axis, line, 20)) <= 20 or line.fold is None


def test_nothing_is_said_of_where_the_last_program_of_a_pack_ends() -> None:
    """Kallsyms tells where each begins: 1.5M were said to be all one program."""
    inside = ((PAGE, "bpf_prog_one"), (2 * PAGE, "bpf_prog_two"))
    pack = evolve(make_area(0, 512, kind=ExecmemType.BPF), owner="bpf_prog_pack", inside=())
    base = pack.start
    pack = evolve(pack, inside=tuple((base + at, name) for at, name in inside))
    shown = Shown(History(make_layout(), [pack]).snapshot())
    axis = evolve(shown.axis(4, 64), cell=64)
    rows = MapRows(shown=shown, number=4, window=shown.window(4, None))
    folds = [line for line in axis.lines(base) if line.fold is Kind.AREA]
    text = rows.fold_text(axis, folds[-1], 64)
    assert "rows behind bpf_prog_two, whose end is not known" in text
    assert rows.fold_text(axis, folds[-1], 40) == "behind bpf_prog_two"


def test_a_border_inside_a_row_is_named_where_it_lies() -> None:
    shown = Shown(open_simulation("arm64", "7.1", "va48-4k", "off").history.snapshot())
    view = shown.view(1, 96, 24, Extent.WINDOW)
    edge = NEAR + 20 * MIB + view.axis.cell * 5
    window = ReachWindow((NEAR, edge), None, ((NEAR, NEAR + 128 * MIB),))
    rows = MapRows(shown=shown, number=1, window=window)
    texts = [plain_text(rows.pieces(view.axis, line)) for line in view.lines()]
    found = next(text for text in texts if "┃" in text)
    line = view.lines()[texts.index(found)]
    assert line.base + found.index("┃") * view.axis.cell == edge
    assert "┃direct reach ends" in found
    assert len(found) == view.axis.columns


def test_the_gutter_brightens_what_changed() -> None:
    shown = Shown(spilled().history.snapshot())
    one, two = shown.view(1, 64, 24).lines()[:2]
    same, changed = gutter(two, one, 64)
    assert same + changed == f"{two.start:016x}"
    assert f"{one.start:016x}".startswith(same)
    assert gutter(one, None, 64) == ("", f"{one.start:016x}")
    assert gutter(one, None, 64, short=True) == ("", "·" + f"{one.start:016x}"[4:])


def test_the_marks_show_spills_the_part_in_sight_and_the_cursor() -> None:
    shown = Shown(spilled().history.snapshot())
    space = backdrop_of(shown, 1, 20)
    pins = [(NEAR + 70 * MIB, Mark.ORIGIN), (NEAR, Mark.SECOND)]
    column = marks(space, (NEAR, NEAR + MIB), NEAR, pins)
    assert len(column) == 20
    assert column[0] is Mark.SPILL
    assert {Mark.CURSOR, Mark.ORIGIN, Mark.FOLD} <= set(column)
    assert Mark.SECOND not in column, "the cursor is there"
    assert marks(space, (NEAR, NEAR + 60 * MIB), NEAR).count(Mark.SEEN) > 3
    assert Mark.SEEN not in marks(space, space.span, NEAR), "all is in sight"


@pytest.mark.parametrize("rows", [14, 36])
def test_where_the_map_shows_all_each_mark_stands_beside_its_line(rows: int) -> None:
    """The column had a scale of its own: `◀` stood beside another line than the cursor's."""
    shown = Shown(spilled().history.snapshot())
    view = shown.view(1, 80, rows)
    lines = view.lines()
    space = backdrop_of(shown, 1, rows, lines)
    for number, line in enumerate(lines):
        for address in (line.start, line.end - 1):
            column = marks(space, (lines[0].start, lines[-1].end), address)
            assert column[number] is Mark.CURSOR
            assert column.count(Mark.CURSOR) == 1
            assert Mark.SEEN not in column
        if line.fold is not None:
            assert space.marks[number] is Mark.FOLD
        else:
            areas = shown.snapshot.between(line.start, line.end)
            spilt = any(area.window is Window.FALLBACK for area in areas)
            assert (space.marks[number] is Mark.SPILL) == spilt
    assert set(space.marks[len(lines) :]) <= {Mark.NONE}


def test_marks_are_made_once_for_each_zoom_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown(spilled().history.snapshot())
    lines, known = shown.view(1, 80, 20).lines(), Backdrops()
    one, other = known.find(shown, 1, 20, lines), known.find(shown, 1, 20, ())
    assert one == backdrop_of(shown, 1, 20, lines)
    assert other == backdrop_of(shown, 1, 20)
    assert known.find(shown, 1, 20, lines) is one
    assert known.find(shown, 1, 20, ()) is other
    assert len(known.find(shown, 1, 21, ()).marks) == 21
    assert known.find(shown, 1, 20, ()) is not other, "another height was asked for in between"
    step = Shown(spilled().history.snapshot())
    assert known.find(step, 1, 20, ()) is not known.find(shown, 1, 20, ())
    monkeypatch.setattr("execmem_tui.view.marks._KEPT", 1)
    first = known.find(shown, 1, 20, lines)
    known.find(shown, 1, 20, ())
    assert known.find(shown, 1, 20, lines) is not first, "it keeps no more than that"


def test_what_a_filter_asks_for_is_marked_wherever_it_lies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    snapshot = spilled().history.snapshot()
    asked = Shown(snapshot, paint=Paint(filter=parse_filter("fallback")))
    space = backdrop_of(asked, 1, 20)
    assert space.marks.count(Mark.HIT) == 1
    assert space.marks[0] is Mark.HIT
    monkeypatch.setattr("execmem_tui.view.marks._SEARCHED", 1)
    assert Mark.HIT not in backdrop_of(asked, 1, 20).marks


@pytest.mark.fault(27)
def test_next_areas_are_those_of_the_pane_first() -> None:
    areas = [
        make_area(0, kind=ExecmemType.BPF),
        make_area(4, kind=None),
        make_area(8, kind=ExecmemType.BPF),
        make_area(12, kind=None),
    ]
    shown = Shown(History(make_layout(), areas).snapshot())
    first, other, second, last = (area.start for area in shown.snapshot.areas)
    types = (ExecmemType.BPF,)

    def next_from(address: int, step: int = 1) -> int | None:
        area = shown.neighbour(address, step, types)
        return None if area is None else area.start

    assert next_from(first) == second
    assert next_from(second) == last, "where there are no more of them"
    assert next_from(last) is None
    assert next_from(last, -1) == second
    assert next_from(first, -1) is None
    found = shown.neighbour(first, 1)
    assert found is not None
    assert found.start == other


@pytest.mark.fault(35)
def test_the_legend_explains_only_what_is_in_sight() -> None:
    shown = Shown(spilled().history.snapshot())
    view = shown.view(1, 64, 24)
    rows = MapRows(shown=shown, number=1, window=shown.window(1, None))
    sight = Sight()
    for line in view.lines():
        sight |= sight_of(rows.pieces(view.axis, line))
    text = plain_text(legend(sight, 200))
    assert "module text" in text
    assert "fallback" in text
    assert "ftrace" not in text
    assert "free: " in text
    assert sight_of([Word("x"), Run(Cell(FREE, 0, reach=Verdict.PLT), 3)]) == Sight(
        frozenset(), frozenset({Verdict.PLT})
    )
    for width in range(0, 120, 7):
        drawn = legend(sight, width)
        assert width_of(drawn) <= width
        assert not plain_text(drawn).endswith("free: "), "a heading without what it heads"


def test_the_legend_explains_no_letters_that_are_not_there() -> None:
    named = Run(Cell("module", 8), 2, "t ", TextStyle.REGION)
    border = Run(Cell(FREE, 0), 5, "┃near", TextStyle.REGION)
    assert sight_of([named, border]).regions == {"t"}
    assert plain_text(legend(sight_of([named]), 80)) == "M module text  t text  "
    letters = Sight(regions=frozenset("drtR"))
    assert plain_text(legend(letters, 80)) == "t text  d data  r rodata  R init rodata  "


def test_the_legend_of_time_has_letters_where_there_is_no_brightness() -> None:
    sight = Sight(frozenset({"module"}), time=TimeSight(frozenset({MarkKind.FAILURE}), True))
    shades = plain_text(legend(sight, 120))
    assert shades == (
        "M module text  ░▒▓█ how much of it is in use  dim: still to come"
        "  ┃ step shown  ✗ failure  "
    )
    letters = plain_text(legend(sight, 120, letters=True))
    assert "small letter: less than half in use" in letters
    assert "░" not in letters
    assert "dim: to come" in plain_text(legend(sight, 70))


@pytest.mark.fault(35)
def test_signs_of_the_legend_stand_apart() -> None:
    sight = Sight(frozenset({"module", "data", "kernel", "fallback"}), frozenset({None}))
    for width in (60, 120):
        pieces = legend(sight, width)
        signs = [at for at, piece in enumerate(pieces) if isinstance(piece, Run)]
        assert len(signs) == 5
        for at in signs:
            after = pieces[at + 1]
            assert isinstance(after, Word)
            assert after.text.startswith(" ")
            assert after.text.endswith("  ")


def test_the_legend_says_that_a_hue_is_an_owner_and_no_kind() -> None:
    sight = Sight(frozenset({"owner-0a", "owner-1b"}), frozenset())
    text = plain_text(legend(sight, 200))
    assert text.count("owner") == 1
    assert "never as its neighbours" in text
    assert "neighbours" not in plain_text(legend(sight, 20))


def test_an_alarm_of_a_pane_has_no_blanks_that_would_be_reversed() -> None:
    """Without colour it is reversed: a blank beside it is a white box."""
    rows = pane_rows(Shown(spilled().history.snapshot()), 1, 120, compact=False)
    words = [each for row in rows for each in row.pieces if isinstance(each, Word)]
    alarms = [word.text for word in words if word.tone is Tone.ALARM and "spilled" in word.text]
    assert alarms
    assert all(text == text.strip() for text in alarms)


def test_behind_nothing_no_room_is_drawn() -> None:
    """An empty machine had twenty rows of free space behind the page that guards its image."""
    shown = Shown(open_simulation("arm64", "6.1", "va48-4k", "off").history.snapshot())
    assert shown.view(1, 80, 27).axis.air == 0
    used = open_simulation("arm64", "6.1", "va48-4k", "off")
    used.allocate(ExecmemType.MODULE_TEXT, MIB)
    assert Shown(used.history.snapshot()).view(1, 80, 27).axis.air > 0


@pytest.mark.parametrize("arch", ["arm64", "x86", "mips"])
def test_a_row_of_free_space_is_drawn_in_one_go_as_its_cells_are(arch: str) -> None:
    shown = Shown(open_booted(arch).history.snapshot())
    window = shown.window(1, None)
    drawn = MapRows(shown=shown, number=1, window=window)
    free = 0
    for extent in Extent:
        view = shown.view(1, 64, 40, extent)
        axis = view.axis
        for line in view.lines():
            pieces = drawn.pieces(axis, line)
            if line.fold is not None or len(pieces) > 1 or isinstance(pieces[0], Word):
                continue
            cells = shown.index.cells(line.base, axis.cell, axis.columns, window)
            assert [pieces[0].cell] * pieces[0].width == cells
            free += cells[0].kind == FREE
    assert free > 5


def test_a_border_of_reach_cuts_no_fold_where_nothing_may_lie() -> None:
    """Behind the image of arm stood two folds, 16M and 744M "where no module memory may lie"."""
    shown = Shown(open_booted("arm").history.snapshot())
    text = "\n".join(detail_lines(shown, [shown.pane(1)], 120))
    behind = text[text.index("kernel image") :]
    assert behind.count("where no module memory may lie") == 1
    assert "760M where no module memory may lie" in behind


def test_without_colour_no_letter_of_the_legend_means_two_things() -> None:
    """`D` was data, init data, and what a call reaches directly."""
    sight = Sight(looks=frozenset({"data", "module"}), regions=frozenset("dDt"))
    text = plain_text(legend(sight, 120, letters=True))
    assert "D module data" in text
    assert "|D init data" in text
    assert "|D" not in plain_text(legend(sight, 120))
    letters = {LOOKS[name].letter for name in ("module", "data", "kprobes")}
    assert not letters & {LENS_LOOKS[f"reaches-{each.value}"].letter for each in Verdict}
