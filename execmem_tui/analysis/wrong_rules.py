"""`verify --self-test`: rules that are wrong on purpose, and which of them a trace catches."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from attrs import evolve

from execmem_tui.analysis.trace_verify import replay_run
from execmem_tui.analysis.wrong_loader import wrong_loads
from execmem_tui.bundles.trace_run import read_trace_run
from execmem_tui.files.trace_events import file_events
from execmem_tui.formats.trace_event import full
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.rbtree import FreeArea, refresh
from execmem_tui.mm.vmalloc import Answer, Hole, Vmalloc, VmapRequest
from execmem_tui.mm.vmap_node import VmapArea, VmapNode
from execmem_tui.model.errors import InputError
from execmem_tui.model.records import frozen
from execmem_tui.model.rules import PurgeOrder, Rules, rules_told
from execmem_tui.replay.model import make_replay
from execmem_tui.replay.results import ReplayResults


class _Wrong(Vmalloc):
    """A model whose answers are wrong on purpose.

    What it takes is the real address all the same.
    """

    __slots__ = ()

    def settle(
        self,
        request: VmapRequest,
        owner: int,
        start: int,
        hole: Hole | None,
        flags: int = 0,
        guard: int = 0,
    ) -> VmapArea:
        del hole, flags, guard  # a wrong answer may lie in a hole that is too small
        self.claim(request, owner, start)
        return self.busy[start]


class _FirstFit(_Wrong):
    """Wrong on purpose: the lowest fit, whatever the tree's shape."""

    __slots__ = ()

    def answer(self, request: VmapRequest, owner: int) -> Answer:
        right = super().answer(request, owner)
        return right if _is_pooled(right) else _lowest(self, request, 0)


class _AlwaysPadded(_Wrong):
    """Wrong on purpose: only areas of the padded size are looked at."""

    __slots__ = ()

    def answer(self, request: VmapRequest, owner: int) -> Answer:
        right = super().answer(request, owner)
        return right if _is_pooled(right) else _lowest(self, request, request.need)


def _is_pooled(answer: Answer) -> bool:
    return answer[0] is not None and answer[1] is None


def _lowest(vmalloc: Vmalloc, request: VmapRequest, at_least: int) -> Answer:
    space = vmalloc.space = vmalloc.space.shaped()
    start = space.lowest_fit(request.size, request.align, request.vstart, at_least)
    if start is None or start + request.size > request.vend:
        return None, None
    return start, space.area_at_or_below(start)


class _NoGuard(_Wrong):
    """Wrong on purpose: requests are searched without their guard page."""

    __slots__ = ()

    def answer(self, request: VmapRequest, owner: int) -> Answer:
        size = max(self.page_size, request.size - self.page_size)
        bare = self.request(size, request.align, request.vstart, request.vend)
        return super().answer(bare, owner)


class _FifoNode(VmapNode):
    __slots__ = ()

    def park(self, pages: int, start: int, end: int) -> None:
        super().park(pages, start, end)
        self.pools[pages].rotate(-1)


class _FifoPools(Vmalloc):
    """Wrong on purpose: pools are first-in first-out."""

    __slots__ = ()
    node_type = _FifoNode


class _LeftSplitSpace(FreeSpace):
    __slots__ = ()

    def clip(self, area: FreeArea, start: int, size: int) -> None:
        end, last = start + size, area.end
        if area.start < start and end < last:
            area.end = start
            area.size = start - area.start
            refresh(area)
            self.give_back(end, last)
        else:
            super().clip(area, start, size)


class _LeftSplit(Vmalloc):
    """Wrong on purpose: a split leaves the left part in the old node."""

    __slots__ = ()
    space_type = _LeftSplitSpace


@frozen(kw_only=True)
class _Mistake:
    """A rule that is wrong on purpose."""

    name: str
    model: type[Vmalloc] = Vmalloc
    turned: Callable[[Rules], Rules] = lambda rules: rules
    """What it makes of the kernel's rules."""


_MISTAKES: Final = (
    _Mistake(name="first fit alone", model=_FirstFit),
    _Mistake(name="padded areas only", model=_AlwaysPadded),
    _Mistake(
        name="ascending give-back",
        turned=lambda rules: evolve(rules, purge_order=PurgeOrder.ASCENDING),
    ),
    _Mistake(name="first-in first-out pools", model=_FifoPools),
    _Mistake(name="a split keeps the left part", model=_LeftSplit),
    _Mistake(name="no guard page", model=_NoGuard),
    _Mistake(
        name="the other kernel's decay",
        turned=lambda rules: evolve(rules, decay_empties_short=not rules.decay_empties_short),
    ),
    _Mistake(name="no pools", turned=lambda rules: evolve(rules, vmap_nodes=False)),
)


_ENOUGH: Final = 100
"""So many more misses than the model's tell a wrong rule."""


@frozen(kw_only=True)
class WrongRule:
    """How one wrong rule fared on a trace."""

    name: str
    wrong: int
    """Wrong predictions, counted no further than what tells it."""
    model: int
    """Wrong predictions of the model itself."""
    classes: tuple[str, ...]
    """Classes with more wrong predictions than the model has."""


def _wrong(found: ReplayResults) -> Counter[str]:
    return Counter(miss.kind for miss in found.misses)


def self_test(path: Path) -> list[WrongRule]:
    """Replay a trace with each wrong rule. Pools and their decay show only with several CPUs.

    A replay ends when it is `_ENOUGH` misses worse than the model's: what follows a miss is looked
    into, so that misses are what a replay takes its time for.

    Raises:
        InputError: nothing in the trace is checked, or the model itself misses half of it.
    """
    run = read_trace_run(path)
    found = replay_run(run, make_replay(run))
    checked, model = found.checked.total(), _wrong(found)
    if 2 * model.total() >= checked:
        missed = f"the right rules miss {model.total()} of {checked}: no wrong one could be told"
        raise InputError(str(run.path), None, missed if checked else "nothing in it is checked")
    rows = []
    most = model.total() + _ENOUGH
    for mistake in _MISTAKES:
        rules = mistake.turned(rules_told(run.kernel))
        wrong = _wrong(replay_run(run, make_replay(run, mistake.model, rules=rules), most=most))
        rows.append(_row(mistake.name, wrong, model))
    for name, wrong, right in wrong_loads(run, map(full, file_events(run.path))):
        rows.append(_row(name, wrong, right))
    return rows


def _row(name: str, wrong: Counter[str], model: Counter[str]) -> WrongRule:
    caught = tuple(sorted(each for each, count in wrong.items() if count > model[each]))
    return WrongRule(name=name, wrong=wrong.total(), model=model.total(), classes=caught)
