"""Meters of windows: figures, forms of output, thresholds; and the true regions of modules."""

import json
from pathlib import Path
from types import SimpleNamespace

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.analysis.documents import meter_documents
from execmem_tui.analysis.window_meters import measured, value_of
from execmem_tui.cli.main import main
from execmem_tui.cli.regions import misleading, module_regions
from execmem_tui.cli.schema import schema_of
from execmem_tui.model.areas import Area
from execmem_tui.model.hidden import Hidden, HiddenArea
from execmem_tui.model.ranges import ExecmemType, Window
from execmem_tui.model.snapshots import Counters, Snapshot
from execmem_tui.sources import opening
from tests.layouts import PAGE, make_area, make_layout

LINES = """\
0xffffffffc0200000-0xffffffffc0202000    8192 load_module+0x1/0x2 pages=1 vmalloc
0xffffffffc0204000-0xffffffffc0206000    8192 load_module+0x1/0x2 pages=1 vmalloc
"""


def snapshot(*areas: Area, hidden: Hidden | None = None) -> Snapshot:
    return Snapshot(
        layout=make_layout(pages=16),
        step=0,
        steps=0,
        areas=areas,
        counters=Counters(failures=3),
        hidden=Hidden() if hidden is None else hidden,
    )


def test_holes_are_counted_by_the_power_of_two_that_fits() -> None:
    """Of 16 pages 2 are taken at 2 and 2 at 7: holes of 2, 3 and 7 pages."""
    found = measured(snapshot(make_area(2), make_area(7)))
    window = found.types[ExecmemType.BPF].windows[Window.PREFERRED]
    assert window.holes == {2 * PAGE: 2, 4 * PAGE: 1}
    assert (window.free, window.largest_hole) == (12 * PAGE, 7 * PAGE)
    assert window.fragmentation == round(1 - 7 / 12, 6)
    assert found.bpf_jit_used == 2 * PAGE
    assert value_of(found, "bpf.failures") == 3


def test_one_hole_is_not_cut_up_and_none_has_no_fragmentation() -> None:
    whole = measured(snapshot()).types[ExecmemType.BPF].windows[Window.PREFERRED]
    assert whole.fragmentation == 0
    full = measured(snapshot(make_area(0, 15))).types[ExecmemType.BPF].windows[Window.PREFERRED]
    assert (full.free, full.fragmentation, full.holes) == (0, None, {})


def test_where_areas_are_hidden_no_hole_is_known_but_what_is_used_is() -> None:
    hidden = Hidden((HiddenArea(2 * PAGE, "bpf_jit_alloc_exec", ExecmemType.BPF),))
    found = measured(snapshot(hidden=hidden))
    meter = found.types[ExecmemType.BPF]
    assert meter.used == 2 * PAGE
    assert meter.pooled is None
    assert meter.windows[Window.PREFERRED].largest_hole is None
    assert value_of(found, "bpf.largest_hole") is None


def test_what_hides_a_place_hides_what_is_lazy_and_what_spilled() -> None:
    hidden = Hidden((HiddenArea(PAGE, "unpurged vm_area"),))
    for state, known in (
        (snapshot(make_area(2)), 0),
        (snapshot(make_area(2), hidden=hidden), None),
    ):
        meter = measured(state).types[ExecmemType.BPF]
        assert (meter.lazy, meter.fallbacks, meter.pooled) == (known,) * 3
        assert meter_documents(state)["BPF"].lazy == known


def test_where_the_list_is_refused_nothing_seen_is_unknown_and_what_is_seen_the_least() -> None:
    """/proc/modules may be read by all, /proc/vmallocinfo may not."""
    seen = HiddenArea(3 * PAGE, "ext4", ExecmemType.MODULE_TEXT)
    state = snapshot(hidden=Hidden((seen,), complete=False))
    found = measured(state)
    assert found.types[ExecmemType.MODULE_TEXT].used == 3 * PAGE
    assert [found.types[ExecmemType.BPF].used, found.bpf_jit_used, found.hidden] == [None] * 3
    assert value_of(found, "bpf.used") is value_of(found, "bpf_jit.used") is None
    documents = meter_documents(state)
    assert (documents["BPF"].used, documents["MODULE_TEXT"].used) == (None, 3 * PAGE)
    counted = measured(snapshot(hidden=Hidden((seen,))))
    assert (counted.types[ExecmemType.BPF].used, counted.bpf_jit_used, counted.hidden) == (0, 0, 1)


def test_a_refused_list_is_told_in_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = HiddenArea(3 * PAGE, "ext4", ExecmemType.MODULE_TEXT)
    state = snapshot(hidden=Hidden((seen,), complete=False))
    history = SimpleNamespace(snapshot=lambda: state)
    monkeypatch.setattr(opening, "open_path", lambda *_, **__: SimpleNamespace(history=history))

    def told(*form: str) -> list[str]:
        assert main(["meters", "live", *form]) == 0
        return capsys.readouterr().out.splitlines()

    _, text, *_, bpf, _, jit, why = told()
    assert text.endswith("used at least 12K")
    assert bpf.endswith("used unknown")
    assert jit == "  BPF JIT      unknown"
    assert why == "  not all areas are seen: the rest is unknown, not free"
    used = {line.split(",")[1]: line.split(",")[5] for line in told("--csv")[1:]}
    assert (used["MODULE_TEXT"], used["BPF"]) == (str(3 * PAGE), "")
    samples = [line for line in told("--prometheus") if line.startswith("execmem_used_bytes")]
    assert samples == [f'execmem_used_bytes{{source="live",type="module_text"}} {3 * PAGE}']


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "vmallocinfo"
    path.write_text(LINES)
    return str(path)


def test_thresholds(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["meters", source]) == 0
    assert main(["meters", source, "--warn", "module.largest_hole<2M"]) == 0
    assert main(["meters", source, "--warn", "module.largest_hole<2G"]) == 1
    assert "WARNING module.largest_hole<2G" in capsys.readouterr().out
    assert main(["meters", source, "--warn", "module.fallback.free>=0"]) == 0, "no such window"
    for wrong in ("module.largest_hole", "module.colour<1", "attic.used>1", "bpf.used<many"):
        assert main(["meters", source, "--warn", wrong]) == 2


def test_forms(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["meters", source, source, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    from execmem_tui.cli import meters

    jsonschema.validate(document, schema_of("meters", meters.DOCUMENTS))
    assert [each["types"]["MODULE_TEXT"]["used"] for each in document["sources"]] == [16384] * 2
    assert main(["meters", source, "--csv"]) == 0
    head, first, *_ = capsys.readouterr().out.splitlines()
    assert len(head.split(",")) == len(first.split(",")) == 12
    assert main(["meters", source, "--prometheus"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("# TYPE execmem_largest_hole_bytes") for line in lines) == 1
    assert any(line.startswith("execmem_used_bytes{") and line.endswith(" 16384") for line in lines)


def test_a_source_that_cannot_be_read_is_2_and_the_others_are_told(
    source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["meters", source, "/nowhere/at/all", "--json"]) == 2
    out, err = capsys.readouterr()
    assert len(json.loads(out)["sources"]) == 1
    assert "/nowhere/at/all" in err


def module(name: str, region: str, page: int, pages: int) -> Area:
    kind = ExecmemType.MODULE_TEXT if region == "MOD_TEXT" else ExecmemType.MODULE_DATA
    return Area(
        start=0x1000_0000 + page * PAGE, size=pages * PAGE, type=kind, owner=name, region=region
    )


def test_a_range_of_proc_modules_that_holds_others_is_told() -> None:
    """a: text of 1 page at 0 and data of 3 at 5, so /proc/modules says 4 pages from 0; b is at
    2."""
    state = snapshot(
        module("a", "MOD_TEXT", 0, 1), module("b", "MOD_TEXT", 2, 1), module("a", "MOD_DATA", 5, 3)
    )
    found = misleading(module_regions(state))
    assert [(each.module, each.others) for each in found] == [("a", ("b",))]
    apart = snapshot(module("a", "MOD_TEXT", 0, 1), module("b", "MOD_TEXT", 1, 1))
    assert misleading(module_regions(apart)) == []


_PIECES = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(["MOD_TEXT", "MOD_DATA"]),
        st.integers(0, 20),
        st.integers(1, 6),
    )
)


@given(_PIECES)
def test_every_module_in_the_range_of_another_is_told(
    pieces: list[tuple[str, str, int, int]],
) -> None:
    regions = sorted((module(*each) for each in pieces), key=lambda area: area.start)
    wanted = {}
    for name in {area.owner for area in regions}:
        own = [area for area in regions if area.owner == name]
        texts = [area.start for area in own if area.region == "MOD_TEXT"]
        start = min(texts, default=0)
        end = start + sum(area.size for area in own)
        others = {
            area.owner
            for area in regions
            if area.owner != name and area.start < end and start < area.end
        }
        if texts and others:
            wanted[name] = (start, end, tuple(sorted(map(str, others))))
    found = misleading(regions)
    assert {each.module: (each.start, each.end, each.others) for each in found} == wanted


def test_many_modules_are_not_all_compared_with_each_other() -> None:
    """It took ten seconds where there were four thousand: here it would take minutes."""
    regions = [module(f"m{number}", "MOD_TEXT", 2 * number, 1) for number in range(30_000)]
    assert misleading(regions) == []


def test_regions_command(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["regions", "--arch", "arm64", "--kaslr", "off", "--perf-map"])
    lines = capsys.readouterr().out.splitlines()
    assert code in (0, 1)
    start, size, name = lines[0].split(" ", 2)
    assert int(start, 16) == 0xFFFF80007B000000
    assert int(size, 16) > 0
    assert name.startswith("[")


def test_regions_of_a_machine_without_modules_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "vmallocinfo"
    path.write_text(
        "0xffff800083000000-0xffff800083002000    8192 alloc_insn_page+0x10/0x20 vmalloc\n"
    )
    assert main(["regions", str(path), "--arch", "arm64"]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "execmem-tui: no memory of a module is known here\n"
    assert main(["regions", str(path), "--arch", "arm64", "--json"]) == 0
    assert capsys.readouterr().err == ""
