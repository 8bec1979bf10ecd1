"""`verify --self-test`: rules that are wrong on purpose, and which of them a trace catches."""

from collections import Counter
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from execmem_tui.analysis.found import Plan, Replayed
from execmem_tui.analysis.opscript import form_of
from execmem_tui.analysis.replay import Answer, Replay
from execmem_tui.analysis.trace_verify import make_replay, replay_run
from execmem_tui.analysis.wrong_loader import wrong_loads
from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.files.packed import read_lines
from execmem_tui.formats.trace import parse_trace
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.rbtree import FreeArea, refresh
from execmem_tui.mm.vmalloc import Form
from execmem_tui.mm.vmap_node import VmapArea, VmapNode


class _FirstFit(Replay):
    """Wrong on purpose: the lowest fit, whatever the tree's shape."""

    def predict(self, plan: Plan, cpu: int) -> Answer:
        _, tally, _ = answer = super().predict(plan, cpu)
        return answer if "pool" in tally.kind else (_lowest(self, plan, 0), tally, None)


class _AlwaysPadded(Replay):
    """Wrong on purpose: only areas of the padded size are looked at."""

    def predict(self, plan: Plan, cpu: int) -> Answer:
        _, tally, _ = answer = super().predict(plan, cpu)
        return answer if "pool" in tally.kind else (_lowest(self, plan, plan.need), tally, None)


def _lowest(replay: Replay, plan: Plan, at_least: int) -> int | None:
    start = replay.vmalloc.space.lowest_fit(plan.size, plan.align, plan.vstart, at_least)
    return None if start is None or start + plan.size > plan.vend else start


class _Ascending(Replay):
    """Wrong on purpose: a purge gives back ascending."""

    def give_back(self, areas: list[VmapArea], *, full: bool) -> None:
        for area in areas:
            super().give_back([area], full=full)


class _FifoNode(VmapNode):
    def park(self, pages: int, start: int, end: int) -> None:
        super().park(pages, start, end)
        self.pools[pages].rotate(-1)


class _FifoPools(Replay):
    """Wrong on purpose: pools are first-in first-out."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.vmalloc.nodes = [_FifoNode() for _ in self.vmalloc.nodes]


class _LeftSplitSpace(FreeSpace):
    __slots__ = ()

    def clip(self, area: FreeArea, start: int, size: int) -> None:
        end, last = start + size, area.end
        if area.start < start and end < last:
            area.end = start
            refresh(area)
            self.give_back(end, last)
        else:
            super().clip(area, start, size)


class _LeftSplit(Replay):
    """Wrong on purpose: a split leaves the left part in the old node."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.vmalloc.space.__class__ = _LeftSplitSpace


class _NoGuard(Replay):
    """Wrong on purpose: requests are searched without their guard page."""

    def predict(self, plan: Plan, cpu: int) -> Answer:
        page = self.vmalloc.page_size
        size = max(page, plan.size - page)
        start, tally, _ = super().predict(
            self.plan((size, plan.align, plan.vstart, plan.vend, plan.failed)), cpu
        )
        return start, tally, None


WRONG: Final = (
    ("first fit alone", _FirstFit, False, False),
    ("padded areas only", _AlwaysPadded, False, False),
    ("ascending give-back", _Ascending, False, False),
    ("first-in first-out pools", _FifoPools, False, False),
    ("a split keeps the left part", _LeftSplit, False, False),
    ("no guard page", _NoGuard, False, False),
    ("the other kernel's decay", Replay, True, False),
    ("no pools", Replay, False, True),
)
"""Name, replay, other form, one node."""


@frozen(kw_only=True)
class WrongRule:
    """How one wrong rule fared on a trace."""

    name: str
    wrong: int
    model: int
    """Wrong predictions of the model itself."""
    classes: tuple[str, ...]
    """Classes with more wrong predictions than the model has."""


def _wrong(found: Replayed) -> Counter[str]:
    return Counter(miss.kind for miss in found.misses)


def self_test(path: Path) -> list[WrongRule]:
    """Replay a trace with each wrong rule. Pools and their decay show only with several CPUs."""
    run = read_trace_run(path)
    model = _wrong(replay_run(run, make_replay(run)))
    rows = []
    for name, kind, other, single in WRONG:
        form = form_of(run.kernel)
        if other:
            form = Form.V7_1 if form is Form.V6_12 else Form.V6_12
        wrong = _wrong(
            replay_run(run, make_replay(run, kind, form=form, cpus=1 if single else None))
        )
        caught = tuple(sorted(each for each, count in wrong.items() if count > model[each]))
        rows.append(WrongRule(name=name, wrong=wrong.total(), model=model.total(), classes=caught))
    for name, wrong, right in wrong_loads(run, parse_trace(str(run.path), read_lines(run.path))):
        caught = tuple(sorted(each for each, count in wrong.items() if count > right[each]))
        rows.append(WrongRule(name=name, wrong=wrong.total(), model=right.total(), classes=caught))
    return rows
