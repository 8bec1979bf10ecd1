"""What each pane says of its windows, and which of them it draws."""

from typing import Any, NamedTuple

import pytest
from attrs import evolve

from execmem_tui.analysis.holes import HoleIndex
from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.capability import Capability, FtraceMemory
from execmem_tui.model.hidden import Hidden
from execmem_tui.model.layouts import Layout
from execmem_tui.model.ranges import ExecmemType, Provenance, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.model.units import GIB, KIB, MIB
from execmem_tui.view.panes import PaneModel, fit_line, pane_models, pane_span, windows_of
from tests.layouts import PAGE, make_area, make_layout

BASE = 0x1000_0000
END = BASE + 256 * PAGE
FAR = 0x2000_0000
BPF = ExecmemType.BPF
TEXT = ExecmemType.MODULE_TEXT


def with_range(kind: ExecmemType, layout: Layout | None = None, **changes: Any) -> Layout:
    layout = make_layout() if layout is None else layout
    entry = evolve(layout.range_of(kind), **changes)
    return evolve(layout, types={**layout.types, kind: entry})


def pane(
    layout: Layout, *areas: Area, kind: ExecmemType = BPF, hidden: Hidden | None = None
) -> PaneModel:
    snapshot = History(layout, areas).snapshot()
    if hidden is not None:
        snapshot = evolve(snapshot, hidden=hidden)
    return next(model for model in pane_models(snapshot) if kind in model.types)


MODULES: dict[str, Any] = {"start": BASE, "end": BASE + 16 * PAGE}
SPILLING: dict[str, Any] = {**MODULES, "fallback_start": FAR, "fallback_end": FAR + 512 * PAGE}
NOWHERE: dict[str, Any] = {"start": 0, "end": 0, "provenance": Provenance.UNKNOWN}


class Texts(NamedTuple):
    window: str
    range: str
    lanes: list[str]


SHORT = "10000000-10010000 64K"


@pytest.mark.parametrize(
    ("changes", "direct", "texts"),
    [
        ({}, 0, Texts("1M", "10000000-10100000 1M", ["vmalloc"])),
        (MODULES, 0, Texts("64K", SHORT, ["modules"])),
        (MODULES, 64 * KIB, Texts("64K", SHORT, ["near"])),
        (MODULES, 64 * KIB - 1, Texts("64K", SHORT, ["modules"])),
        ({"end": BASE + 16 * PAGE}, 0, Texts("64K", SHORT, ["modules"])),
        (
            {"start": BASE + PAGE},
            0,
            Texts("1020K", "10001000-10100000 1020K", ["modules"]),
        ),
        (SPILLING, 0, Texts("64K near + 2M far", SHORT, ["near", "far"])),
        (
            {**MODULES, "provenance": Provenance.READ},
            0,
            Texts("64K", SHORT, ["modules"]),
        ),
        (
            {**MODULES, "provenance": Provenance.ASSUMED},
            0,
            Texts("64K (assumed)", f"{SHORT} (assumed)", ["modules"]),
        ),
        (
            {**SPILLING, "provenance": Provenance.DERIVED},
            0,
            Texts("64K near + 2M far (derived)", f"{SHORT} (derived)", ["near", "far"]),
        ),
        (NOWHERE, 0, Texts("window unknown", "range unknown", ["seen"])),
    ],
)
def test_a_pane_names_its_windows(changes: dict[str, Any], direct: int, texts: Texts) -> None:
    layout = with_range(BPF, **changes)
    layout = evolve(layout, capability=Capability(direct_window=direct))
    model = pane(layout, make_area(1))
    assert Texts(model.window_text, model.range_text, [lane.name for lane in model.lanes]) == texts


def test_a_lane_is_empty_where_nobody_of_its_types_lies() -> None:
    layout = with_range(BPF, **SPILLING)
    far = evolve(make_area(0, fallback=True), start=FAR)
    assert [lane.empty for lane in pane(layout, make_area(1)).lanes] == [False, True]
    assert [lane.empty for lane in pane(layout, far).lanes] == [True, False]
    assert [lane.empty for lane in pane(layout, make_area(1), far).lanes] == [False, False]
    assert [lane.window for lane in pane(layout, far).lanes] == [Window.PREFERRED, Window.FALLBACK]


UNUSED: dict[str, Any] = {"used": False, "used_by": "nobody"}


@pytest.mark.parametrize(
    ("changes", "known", "message"),
    [
        ({}, True, ""),
        (UNUSED, True, "test has no BPF JIT"),
        ({**NOWHERE, "used_by": "the BPF JIT"}, True, "range unknown: it was left out"),
        ({**NOWHERE, "used": False}, True, "test has no BPF JIT"),
        ({"start": 0, "end": 0}, True, "BPF has no range here: execmem_validate() refuses it"),
        ({"end": BASE}, True, "range unknown"),
        (NOWHERE, False, "range unknown: this kernel's architecture or version does not tell"),
        ({**UNUSED}, False, "test has no BPF JIT"),
    ],
)
def test_a_pane_without_areas_says_why_nobody_uses_it(
    changes: dict[str, Any], known: bool, message: str
) -> None:
    layout = with_range(BPF, **changes)
    layout = layout if known else evolve(layout, variant="unknown")
    model = pane(layout)
    assert model.message == message.replace("refuses it", "refuses the layout")
    assert bool(model.lanes) == (not message)
    assert (model.fit is None) == bool(message)


def test_ftrace_without_trampolines_says_so() -> None:
    capability = Capability(ftrace=FtraceMemory.CALL_OPS)
    layout = evolve(with_range(ExecmemType.FTRACE, used=False), capability=capability)
    model = pane(layout, kind=ExecmemType.FTRACE)
    assert model.message.startswith("no trampolines on test: call ops")


@pytest.mark.parametrize(
    ("areas", "hidden", "counted"),
    [
        ([], None, "–"),
        ([], Hidden(complete=False), "unknown"),
        ([make_area(1)], None, "1 area 8K"),
        ([make_area(1), make_area(4)], None, "2 areas 16K"),
        ([make_area(1)], Hidden(complete=False), "1 area 8K seen"),
        ([evolve(make_area(1), state=AreaState.LAZY)], None, "–"),
    ],
)
def test_a_pane_counts_what_it_sees(areas: list[Area], hidden: Hidden | None, counted: str) -> None:
    model = pane(make_layout(), *areas, hidden=hidden)
    assert model.counted == counted
    assert (model.fit is None) == (hidden is not None), "unseen areas may lie where it looks free"


def spilled(now: int, so_far: int, **changes: Any) -> PaneModel:
    """A pane of `now` spilled areas and another one, where fallback was used `so_far` times."""
    areas = [make_area(1)]
    areas += [evolve(make_area(0, fallback=True), start=FAR + 2 * n * PAGE) for n in range(now)]
    history = History(with_range(BPF, **changes), areas)
    snapshot = evolve(history.snapshot(), counters=Counters(fallbacks=so_far))
    return pane_models(snapshot)[3]


@pytest.mark.parametrize(
    ("now", "so_far", "alarm"),
    [
        (0, 0, ""),
        (0, 1, "△ 1 so far"),
        (2, 2, "▲ 2 spilled"),
        (2, 3, "▲ 2 spilled △ 3 so far"),
        (2, 0, "▲ 2 spilled"),
    ],
)
def test_a_pane_warns_of_spills(now: int, so_far: int, alarm: str) -> None:
    model = spilled(now, so_far, **SPILLING)
    assert model.alarm == alarm
    assert model.summary.split("  ")[1:2] == [alarm or "fits 4K 6× · 64K ✗ exhausted"]


def test_spills_of_others_are_none_of_a_pane_without_a_fallback_window() -> None:
    assert spilled(0, 5, **MODULES).alarm == ""
    assert pane(with_range(BPF, **SPILLING)).activations == 0


def test_what_is_drawn_already_is_told_by_the_pane_that_draws_it() -> None:
    snapshot = History(make_layout(), [make_area(1)]).snapshot()
    assert [model.drawn_above for model in pane_models(snapshot)] == [0, 1, 1, 1]
    layout = with_range(TEXT, **MODULES)
    models = pane_models(History(layout, [make_area(1)]).snapshot())
    assert [model.drawn_above for model in models] == [0, 0, 2, 2]
    layout = with_range(TEXT, **UNUSED)
    models = pane_models(History(layout).snapshot())
    assert [len(windows_of(model)) for model in models] == [0, 1, 1, 1]
    assert [model.drawn_above for model in models] == [0, 0, 2, 2]


@pytest.mark.parametrize(
    ("changes", "areas", "span"),
    [
        ({}, [], (BASE, END)),
        (SPILLING, [], (BASE, FAR + 512 * PAGE)),
        (MODULES, [make_area(100)], (BASE, BASE + 102 * PAGE)),
        ({**MODULES, "start": BASE + 8 * PAGE}, [make_area(2)], (BASE + 2 * PAGE, MODULES["end"])),
        (MODULES, [make_area(100, kind=TEXT)], (BASE, MODULES["end"])),
        (
            MODULES,
            [evolve(make_area(100), state=AreaState.LAZY)],
            (BASE, MODULES["end"]),
        ),
        (NOWHERE, [make_area(3), make_area(9)], (BASE + 3 * PAGE, BASE + 11 * PAGE)),
        (NOWHERE, [make_area(9, kind=TEXT)], (BASE + 9 * PAGE, BASE + 11 * PAGE)),
        (NOWHERE, [], (0, PAGE)),
    ],
)
def test_the_map_of_a_pane_spans_its_windows_and_its_areas(
    changes: dict[str, Any], areas: list[Area], span: tuple[int, int]
) -> None:
    snapshot = History(with_range(BPF, **changes), areas).snapshot()
    assert pane_span(snapshot, (BPF,)) == span


def sized(size: int, *, page: int = PAGE) -> Snapshot:
    """An empty window of `size` bytes."""
    layout = evolve(make_layout(), word_bits=64, page_size=page, vmalloc_end=BASE + size)
    return History(with_range(TEXT, layout, start=BASE, end=BASE + size)).snapshot()


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (64 * GIB, "fits anything: 64G free"),
        (64 * GIB - PAGE, "fits 64K 986,895× · 2M 32,704×"),
        (64 * KIB + PAGE, "fits 64K 1× · 2M ✗ exhausted"),
        (64 * KIB, "fits 64K ✗ exhausted"),
    ],
)
def test_what_fits_is_counted_where_it_can_be(size: int, text: str) -> None:
    snapshot = sized(size)
    fit = fit_line(snapshot, HoleIndex(snapshot), TEXT, BASE, BASE + size)
    assert fit.text(200).startswith(text)


def test_of_an_endless_window_the_count_goes_before_the_answer() -> None:
    snapshot = sized(64 * GIB)
    fit = fit_line(snapshot, HoleIndex(snapshot), TEXT, BASE, BASE + 64 * GIB)
    assert fit.text(23) == "fits anything: 64G free"
    assert fit.text(22) == fit.text(13) == "fits anything"
    assert fit.text(12) == ""


def test_no_request_is_smaller_than_a_page() -> None:
    """A request takes whole pages: of 64K each, none of 4K is asked for."""
    snapshot = sized(8 * MIB, page=64 * KIB)
    fit = fit_line(snapshot, HoleIndex(snapshot), BPF, BASE, BASE + 8 * MIB)
    assert [each.size for each in fit.fits] == [64 * KIB, 2 * MIB]
    assert fit.failing == 64 * MIB
