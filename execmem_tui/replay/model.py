"""Replay of a real trace: each address predicted, compared, then taken as it was.

The allocator is the simulator's own, driven with the verbs that it keeps for this (`Vmalloc`).
Events come later than what they tell: frees after queueing, purges after the last area was given
back, allocations after the search. Where a prediction misses, the known reasons are tried in order;
what is left is unexplained.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import partial
from itertools import chain
from typing import Final

from execmem_tui.bundles.trace_run import TraceRun
from execmem_tui.formats.trace_event import (
    ALLOC,
    FREE,
    LOST,
    NOTHING,
    PURGE,
    Alloc,
    Event,
    doubted_at,
    full,
    purge_begins,
    purge_over,
    resumed_at,
    told_late,
)
from execmem_tui.mm.vmalloc import Answer, Vmalloc
from execmem_tui.mm.vmap_node import NO_OWNER
from execmem_tui.model.intervals import apart
from execmem_tui.model.rules import Rules, rules_told
from execmem_tui.replay.ahead import TakenAhead
from execmem_tui.replay.concurrent import Answered, Weighing, came_before, may_last
from execmem_tui.replay.request_classes import (
    MODULE_WINDOW,
    OTHER_WINDOW,
    RequestClass,
    Unknown,
    in_bounds,
)
from execmem_tui.replay.results import Cause, ClassCount, Miss, Place, ReplayResults, around
from execmem_tui.replay.trials import Trials

_STRANGE: Final = (Cause.ORDER, Cause.OTHER_POOL, Cause.SHRINKER)
"""Behind these the kernel's state is another than the model's, and it is not known where: the
shrinker comes some time before a miss tells of it, and what purges decayed since is another."""
_STRANGE_LINES: Final = 100
"""How long that is thought of: purges take what lay wrong."""


class _Beside(Enum):
    """What an answer has to do with a purge that has begun, where it has."""

    DEPENDS = "depends on whether that is over"
    EITHER = "one of two"


class Replay(Trials):
    """One kernel being replayed.

    Args:
        rules: of the kernel.
        page_size: bytes.
        window: VMALLOC_START and VMALLOC_END; requests for exactly this may be served from pools.
        cpus: possible CPUs, which decide the number of nodes where there are any.
        busy: (start, end) of areas that exist from the start.
        lazy: (start, end) of areas that are lazy from the start.
        percpu: {address of an allocation: areas that appear right after it}: percpu chunks have no
            event.
        word_bits: of the machine.
        unknown: what is not known at the start.
        shaped: whether the tree's shape is known (from boot); else only the bounds of an uncertain
            answer are.
        watched: somebody looks at `moved` after every event, and takes it.
        unseen_lazy: up to the first purge there may be lazy areas that neither `lazy` nor an event
            tells: events came only some time after the snapshot.
        model: the allocator; another for rules that are wrong on purpose.
        name: of the trace, for errors.
        modules_apart: a window that is not the vmalloc window is one of modules.
    """

    def __init__(
        self,
        *,
        rules: Rules,
        page_size: int,
        window: tuple[int, int],
        cpus: int,
        busy: Iterable[tuple[int, int]] = (),
        lazy: Iterable[tuple[int, int]] = (),
        percpu: dict[int, list[tuple[int, int]]] | None = None,
        word_bits: int = 64,
        unknown: Unknown = Unknown.NOTHING,
        shaped: bool = True,
        watched: bool = False,
        unseen_lazy: bool = False,
        model: type[Vmalloc] = Vmalloc,
        name: str = "trace",
        modules_apart: bool = True,
    ) -> None:
        self._model = partial(
            model,
            rules=rules,
            page_size=page_size,
            vmalloc_start=window[0],
            vmalloc_end=window[1],
            possible_cpus=cpus,
            word_bits=word_bits,
        )
        super().__init__(
            self._standing(busy, lazy),
            watched=watched,
            percpu=dict(percpu or {}),
            unknown=unknown,
            name=name,
            elsewhere=MODULE_WINDOW if modules_apart else OTHER_WINDOW,
        )
        self.shaped = shaped
        self._unseen_lazy = unseen_lazy

    def _standing(
        self, busy: Iterable[tuple[int, int]], lazy: Iterable[tuple[int, int]]
    ) -> Vmalloc:
        """Return an allocator with these areas.

        A snapshot is no single moment, and may be garbled: of two areas at one place one counts, a
        busy one before a lazy one.
        """
        busy = apart(busy)
        lazy = apart(lazy, busy)
        vmalloc = self._model(early_areas=(*busy, *lazy))
        vmalloc.drain_queued = True  # the trace says when it runs
        for start, _ in lazy:
            vmalloc.release(vmalloc.busy[start])
        return vmalloc

    def doubt(self) -> None:
        """From here on events may be missing: go on, but be certain of nothing."""
        self._doubted = True
        self._classes.clear()

    def resume(self, busy: Iterable[tuple[int, int]], lazy: Iterable[tuple[int, int]]) -> None:
        """A snapshot tells what there is, after events were missing: all but shape and pools.

        Args:
            busy: (start, end) of areas.
            lazy: (start, end) of lazy areas.
        """
        self.begin_anew(self._standing(busy, lazy))
        self._doubted = False
        self.shaped = False
        if len(self.vmalloc.nodes) > 1:
            self.unknown = Unknown.POOLS
        elif self.unknown is Unknown.STATE:
            self.unknown = Unknown.NOTHING
        self._in_vain = 0
        self._classes.clear()

    def run(self, events: Iterable[Event]) -> ReplayResults:
        """Replay all events and return what was found."""
        deque(self.follow(events), maxlen=0)
        return self.results

    def follow(  # noqa: C901, PLR0912, PLR0915 - the hottest loop, a call costs
        self, events: Iterable[Event]
    ) -> Iterator[Event]:
        """Replay the events.

        Where somebody watches, yield each when it was; `moved` then says what it did besides.
        """
        source, ahead = iter(events), self._ahead.events
        self._source = source
        failed, results, watched = self._failed_tasks, self.results, self.moved is not None
        taken, freed = self._ahead.allocations, self._ahead.frees
        alloc, free = self._alloc, self._free
        tell: Callable[[Event], object] = self._told.append
        if not self.vmalloc.rules.vmalloc_events:
            tell = self._tell
        more = True
        while more:
            more = bool(ahead)
            for event in self._seen_ahead() if more else source:
                kind, number, place, _, start, said = event
                if tell(event) and watched:
                    yield purge_over(event)
                if kind == PURGE:
                    if said == NOTHING and not failed and (self._idle or self._is_idle()):
                        self._idle = True
                        results.purges += 1
                    else:
                        self._purge(event)
                        if failed:
                            failed.discard(place[0])
                        if watched and self._begun is not None and not self.moved:
                            event = purge_begins(event)  # noqa: PLW2901
                        if ahead and not more:
                            more = True
                            if watched:
                                yield event
                            break
                elif kind == ALLOC:
                    if taken and number in taken:
                        self._is_told_of(taken.pop(number), event)
                    else:
                        alloc(event)
                        if ahead and not more:
                            more = True
                            if watched:
                                yield event
                            break
                elif kind == FREE:
                    if freed and number in freed:
                        freed.remove(number)
                        if watched:
                            yield told_late(event)
                        continue
                    free(start, number, place[0])
                elif kind == LOST:
                    results.lost += start
                if watched:
                    yield event

    def _tell(self, event: Event) -> bool:
        """Take an event of a kernel that kprobes watch, where purges are told as they begin.

        Return whether it tells that one is over.
        """
        self._told.append(event)
        return self._begun is not None and self.end_purge_if_over(event)

    def _seen_ahead(self) -> Iterator[Event]:
        events = self._ahead.events
        while events:
            yield events.popleft()

    def _alloc(self, event: Event) -> None:
        _, number, (task, cpu), _, start, asked = event
        vmalloc = self.vmalloc
        asking = self._classes.get(asked) or self.class_of(asked)
        request = asking.request
        owner = cpu % len(vmalloc.nodes) if request.owned else NO_OWNER
        exact, hole = False, None
        beside = None if self._begun is None else self._beside_begun(event, asking, owner)
        if asking.unclaimed:
            self.results.unclaimed[asking.unclaimed] += 1
        else:
            answer = vmalloc.answer(request, owner)
            predicted, hole = answer
            exact = predicted == (None if asking.failed else start)
            # most of them by far are of no class that it takes a look to know
            plain = hole is not None and asking.plain
            count = asking.page if plain else asking.count_of(vmalloc, answer)
            pooled = hole is None and predicted is not None
            if (
                beside
                or (request.owned and number <= self._strange_up_to)
                or (
                    number <= self._late_up_to
                    and task != self._purged_by[1]
                    and self._told[-2][2][0] != task
                    and self._depends(event, answer, asking)
                )
            ):
                count = self._less_certain(count, asking, beside)
            answered = event, asking, owner, predicted, pooled, count
            if exact:
                count.checked += 1
                count.exact += 1
                self._answered.append(answered)
            else:
                self._differs(answered)
        if asking.failed:
            self._failed_tasks.add(task)
            return
        if self._failed_tasks:
            self._failed_tasks.discard(task)
        if self._unsure or self._ahead.short:
            self._is_taken(start)
        if exact:
            vmalloc.settle(request, owner, start, hole)
        else:
            for area in self._claimed(number, request, owner, start):
                self._freed_at.pop(area.start, None)
        if self.percpu and start in self.percpu:
            self._place_chunks(start)

    def _is_told_of(self, taken: TakenAhead, event: Event) -> None:
        """Count an allocation that took effect before it is told."""
        if taken.cause is None:
            taken.count.hit()
            return
        count = self.results.uncertain(taken.count)
        count.checked += 1
        self._is_missed(event, count, taken.predicted, taken.cause)

    def _place_chunks(self, start: int) -> None:
        """Put percpu chunks where they are, behind the allocation that they go with."""
        for low, high in self.percpu.pop(start):
            placed = self.vmalloc.occupy(low, high) is not None
            if placed and self.moved is not None:
                self.moved.placed.append((low, high))

    def _less_certain(
        self, count: ClassCount, asking: RequestClass, beside: _Beside | None
    ) -> ClassCount:
        """Return where an answer counts that depends on the order of events."""
        return asking.either if beside is _Beside.EITHER else self.results.uncertain(count)

    def _beside_begun(self, event: Event, asking: RequestClass, owner: int) -> _Beside | None:
        """Return what an answer has to do with a purge that has begun.

        Nothing in the trace tells whether it is over. So there are two answers, as there are bounds
        for one that depends on the tree's shape: a guess of the likelier was wrong once in four.
        Where it is one of them, the purge has come as far as that tells.
        """
        self.end_purge_if_over(event)
        if self._begun is None or asking.unclaimed or asking.failed:
            return None
        if not self._may_try(event[1]):
            self._end_purge(event[1])
            return None
        now = self.vmalloc.answer(asking.request, owner)[0]
        lowest = None if asking.plain else self._lowest(asking)
        restore = self._branch()
        self._end_purge(0)
        then = self.vmalloc.answer(asking.request, owner)[0]
        shaped = not asking.plain and self._lowest(asking) != lowest
        restore()
        if now == then and not shaped:
            return None
        self._disordered = True  # what it gives back before this one is not told
        if now == then:
            return _Beside.DEPENDS
        actual = event[4]
        if actual == then:
            self._learn_end(1)
            self._go_on_with_purge(asking, event[1], actual)
        elif actual == now:
            self._learn_end(-1)
        return _Beside.EITHER if actual in (now, then) else _Beside.DEPENDS

    def _lowest(self, asking: RequestClass) -> int | None:
        """Return the lowest place that a request fits in: with another shape it may get that."""
        request = asking.request
        return self.vmalloc.space.lowest_fit(request.size, request.align, request.vstart)

    def _is_missed(
        self,
        event: Event,
        count: ClassCount,
        predicted: int | None,
        cause: Cause | None,
        *,
        robust: bool = False,
        near: tuple[tuple[Place, ...], tuple[Place, ...]] = ((), ()),
    ) -> None:
        """Note a miss; `near` is what lies about the real and the predicted address."""
        request = full(event)
        assert isinstance(request, Alloc)
        self.results.misses.append(
            Miss(
                line=request.line,
                request=request,
                predicted=predicted,
                kind=count.kind,
                certain=count.certain,
                cause=cause,
                robust=robust,
                around_expected=near[0],
                around_predicted=near[1],
            )
        )

    def _depends(self, event: Event, answer: Answer, asking: RequestClass) -> bool:
        """Whether an answer would be another before the last purge, and may be from there."""
        start, hole = answer
        return (
            start is not None
            and came_before((asking, start, hole is None), self._gave)
            and self._concurrent.late(event, self._purged_by[0])
        )

    def _differs(self, answered: Answered) -> None:
        """Explain a wrong prediction."""
        event, asking, _, predicted, _, count = answered
        request = full(event)
        assert isinstance(request, Alloc)
        actual = None if request.failed else request.start
        if (
            not self.shaped
            and not count.certain
            and actual is not None
            and in_bounds(self.vmalloc.space, asking.request, actual)
        ):
            self.results.count(
                f"{count.kind}, in its bounds",
                count.window,
                certain=count.certain,
                failed=count.failed,
            ).hit()
            return
        looked_for, decayed = self._is_looked_for(request.line), False
        first = not self.results.misses
        near = (
            (around(self.vmalloc, actual), around(self.vmalloc, predicted)) if first else ((), ())
        )
        if looked_for:
            count, decayed, foreseen = self._beside_purge(answered, actual)
            if decayed and foreseen:
                count.hit()
                return
        count.checked += 1
        robust = looked_for and self._robust(asking, request.cpu, predicted)
        cause = Cause.DECAY_AHEAD if decayed else self._resolve(request, asking)
        if cause is None and actual is not None and not self._doubted:
            cause = self._unordered(request, asking, predicted, certain=count.certain)
        if cause is None and self._doubted:
            cause = Cause.LOST
        if cause in _STRANGE:
            self._strange_up_to = request.line + _STRANGE_LINES
        self._is_missed(event, count, predicted, cause, robust=robust, near=near)

    def _beside_purge(
        self, answered: Answered, actual: int | None
    ) -> tuple[ClassCount, bool, bool]:
        """Weigh an answer against what comes next.

        Return where it counts, whether it is right once the purge under way has decayed the pools
        (then it has from here on), and whether that was to be foreseen.
        """
        event, asking, _, predicted, _, count = answered
        self._ahead.look(self._source)
        if self._ahead.is_given(event, predicted, asking.request.size):
            count = self.results.uncertain(count)
        purge = self._ahead.under_way(event)
        if purge is None or not may_last(event, purge):
            return count, False, False
        number, concurrent = event[1], self._concurrent
        copy, empties = self._copy(), purge[2][0] in self._failed_tasks
        lazy = self._lazy_in(purge[5])
        foreseen = concurrent.foresees_decay(purge, number, lazy)
        begun = purge[1] in self._ahead.purges
        weighing = Weighing(
            concurrent.beside(purge),
            copy,
            empties=empties,
            asked=answered,
        )
        if not begun:
            copy.decay(full=empties)
            weighing.decayed(copy)
        else:
            weighing.decays.clear()
        start, end, _ = purge[5]
        inside = {area.start for area in copy.lazy() if start <= area.start and area.end <= end}
        weighing.purged(copy, copy.give_back(inside, full=empties)[1])
        if weighing.changes(number) and concurrent.may_follow(number, purge, lazy):
            count = self.results.uncertain(count)
        probable = number in weighing.decays and weighing.decays.pop(number) == actual
        weighing.beside.pop(0)
        concurrent.reconsider(weighing, purge, lazy, self.results)
        if probable and concurrent.has_decayed(purge, number, lazy):
            self._decay_ahead(purge)
            return count, True, foreseen
        return count, False, foreseen


def make_replay(
    run: TraceRun,
    model: type[Vmalloc] = Vmalloc,
    *,
    rules: Rules | None = None,
    watched: bool = False,
) -> Replay:
    """Return a replay that stands where the trace begins.

    `model`, and `rules` instead of the run's, are for wrong models; `watched` as for `Replay`.
    """
    rules = rules_told(run.kernel) if rules is None else rules
    several = rules.vmap_nodes and run.word_bits == 64
    nodes = run.cpus if several else 1
    unknown = Unknown.NOTHING
    if not run.begins.name:
        unknown = Unknown.STATE
    elif nodes > 1 and not run.begins.from_boot:
        unknown = Unknown.POOLS
    return Replay(
        rules=rules,
        page_size=run.page_size,
        window=run.window,
        cpus=nodes,
        busy=run.begins.busy,
        lazy=run.begins.lazy,
        percpu=run.percpu,
        word_bits=run.word_bits,
        unknown=unknown,
        shaped=run.begins.from_boot,
        watched=watched,
        unseen_lazy=run.begins.unwatched,
        model=model,
        name=str(run.path),
        modules_apart=run.modules_apart,
    )


def follow_run(run: TraceRun, replay: Replay, events: Iterator[Event]) -> Iterator[Event]:
    """Replay the events of a run; doubt where some may be missing, up to a snapshot.

    Lines stand among the events where that begins and ends (`doubted_at`, `resumed_at`).

    Args:
        run: whose trace it is.
        replay: it stands where the run begins.
        events: all behind where the run begins.
    """
    if run.lost_somewhere:
        replay.doubt()
        yield doubted_at(run.begins.line)
    for doubt in run.doubts:
        behind: list[Event] = []
        yield from replay.follow(_up_to(doubt.line, events, behind))
        replay.doubt()
        yield doubted_at(doubt.line)
        events = chain(behind, events)
        if doubt.ends is None:
            break
        behind = []
        yield from replay.follow(_up_to(doubt.ends.line, events, behind))
        replay.resume(doubt.ends.busy, doubt.ends.lazy)
        yield resumed_at(doubt.ends.line, doubt.ends.name)
        events = chain(behind, events)
    yield from replay.follow(events)


def _up_to(line: int, events: Iterator[Event], behind: list[Event]) -> Iterator[Event]:
    """Yield the events up to a line; `behind` takes the one that is behind it."""
    for event in events:
        if event[1] > line:
            behind.append(event)
            return
        yield event
