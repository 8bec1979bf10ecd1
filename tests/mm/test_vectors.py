"""The 20 op scripts whose results the kernels' own routines
returned, and what a wrong rule would cost."""

from pathlib import Path

import pytest

from execmem_tui.analysis import opscript
from execmem_tui.analysis.op_machine import OpReplay
from execmem_tui.analysis.opscript import replay_opscript
from execmem_tui.files.opscript import OpScript
from execmem_tui.mm import vmalloc as vmalloc_module
from execmem_tui.mm.flat_space import FlatSpace
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.rbtree import FreeArea
from execmem_tui.mm.vmap_node import VmapNode
from execmem_tui.model.errors import InputError
from tests.mm.invariants import check_space

SCRIPTS = sorted((Path(__file__).parents[1] / "data" / "vectors").glob("*.jsonl.gz"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_every_row_agrees(path: Path) -> None:
    result = replay_opscript(str(path))
    assert result.first_difference is None
    assert result.checked == result.exact > 1800
    document = result.document()
    assert document["certain"] == document["certain_exact"] == result.checked
    assert sum(entry["checked"] for entry in document["classes"].values()) == result.checked


def test_every_row_agrees_with_a_list_of_holes_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all scripts, as far as no answer depends on the tree's shape."""
    made: list[FlatSpace] = []

    def noted(space: FreeSpace) -> FlatSpace:
        made.append(FlatSpace(space))
        return made[-1]

    monkeypatch.setattr(vmalloc_module, "_MANY", 0)
    monkeypatch.setattr(vmalloc_module, "FlatSpace", noted)
    for path in SCRIPTS:
        result = replay_opscript(str(path))
        assert result.checked == result.exact > 1800
    assert len(made) > len(SCRIPTS) // 2


@pytest.mark.parametrize("path", SCRIPTS[::4], ids=lambda path: path.name.removesuffix(".jsonl.gz"))
def test_nothing_is_lost_on_the_way(path: Path) -> None:
    with OpScript(str(path)) as script:
        replay = OpReplay(str(path), script.header)
        for number, (line, row) in enumerate(script.rows()):
            replay.line = line
            results = (
                0
                if row[0] in ("cpu", "knobs", "range")
                else 2
                if row[0] in opscript._RESULTS
                else 1
            )
            replay.perform[row[0]](*row[1 : len(row) - results])
            if number % 97 == 0:
                check_space(replay.vmalloc)
    check_space(replay.vmalloc)


def _differing() -> int:
    return sum(
        result.checked - result.exact for result in map(replay_opscript, map(str, SCRIPTS[:6]))
    )


def test_first_fit_alone_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def first_fit(
        self: FreeSpace, size: int, align: int, vstart: int, need: int
    ) -> tuple[int, FreeArea] | None:
        del need
        at = self.lowest_fit(size, align, vstart)
        area = None if at is None else self.area_at_or_below(at)
        return None if at is None or area is None else (at, area)

    monkeypatch.setattr(FreeSpace, "search", first_fit)
    assert _differing() > 0


def test_pools_taken_from_the_tail_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def park(self: VmapNode, pages: int, start: int, end: int) -> None:
        from collections import deque

        self.pools.setdefault(pages, deque()).append((start, end))

    monkeypatch.setattr(VmapNode, "park", park)
    assert _differing() > 0


def test_the_other_kernels_decay_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    decay = VmapNode.decay

    def other(self: VmapNode, *, full: bool, empties_short: bool) -> list[tuple[int, int]]:
        return decay(self, full=full, empties_short=not empties_short)

    monkeypatch.setattr(VmapNode, "decay", other)
    assert _differing() > 0


def test_a_smaller_lazy_limit_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vmalloc_module, "LAZY_UNIT", 16 << 20)
    assert _differing() > 0


HEADER = (
    '{"format":"vmalloc-vectors/1","kernel":"7.1.8","page_size":4096,"nr_cpus_config":64,'
    '"possible_cpus":1,"online_cpus":1,"vmalloc_start":"1000000","vmalloc_end":"2000000",'
    '"early_areas":[],"windows":[["1000000","2000000"]],"rows":1}'
)


@pytest.mark.parametrize(
    ("lines", "line"),
    [
        ([], 1),
        (["{}"], 1),
        (['{"format":"other/1"}'], 1),
        ([HEADER.replace("4096", "1000")], 1),
        ([HEADER.replace('"1000000"', '"zz"')], 1),
        ([HEADER, "["], 2),
        ([HEADER, '["nonsense",1]'], 2),
        ([HEADER, '["area",1,4096,1,0]'], 2),
        ([HEADER, '["area",1,4096,1,7,null]'], 2),
        ([HEADER, '["area",1,-4096,1,0,null]'], 2),
        ([HEADER, '["release",99,0,0]'], 2),
        ([HEADER, '["purge","everything",0,0]'], 2),
        ([HEADER, '["exec_alloc",1,0,4096,null]'], 2),
        ([HEADER, "[" * 100_000], 2),
        ([HEADER, '["percpu",1,4096,[0,4096],[8192,4096],null]'], 2),
    ],
)
def test_broken_scripts_name_file_and_line(tmp_path: Path, lines: list[str], line: int) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError) as caught:
        replay_opscript(str(path))
    assert caught.value.line == line
    assert str(path) in str(caught.value)


def test_a_wrong_result_is_the_first_difference(tmp_path: Path) -> None:
    path = tmp_path / "wrong.jsonl"
    path.write_text(f'{HEADER}\n["area",1,4096,1,0,"1000000"]\n["area",2,4096,1,0,"1009000"]\n')
    result = replay_opscript(str(path))
    assert (result.checked, result.exact) == (2, 1)
    assert result.first_difference is not None
    assert result.first_difference.line == 3
    assert result.document()["first_difference"]["predicted"] == "0x1001000"
