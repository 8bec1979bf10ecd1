"""Replay of a real trace: each address predicted, compared, then taken as it was.

The allocator is the simulator's own, driven with the verbs that it keeps for this (`Vmalloc`).
Events come later than what they tell: frees after queueing, purges after the last area was given
back, allocations after the search. Where a prediction misses, the known reasons are tried in order;
what is left is unexplained.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import islice
from typing import Final

from attrs import field

from execmem_tui.bundles.trace_run import TraceRun
from execmem_tui.formats.trace import ALLOC, EVERYTHING, FREE, LOST, PURGE, Alloc, Event, full
from execmem_tui.mm.vmalloc import Vmalloc, VmapRequest
from execmem_tui.mm.vmap_node import NO_OWNER, VmapArea
from execmem_tui.model.errors import InputError
from execmem_tui.model.intervals import Interval
from execmem_tui.model.records import define
from execmem_tui.model.rules import Rules, rules_told
from execmem_tui.replay.request_classes import (
    Asked,
    RequestClass,
    Unknown,
    classify,
    in_bounds,
)
from execmem_tui.replay.results import Cause, ClassCount, Miss, ReplayResults, around

_AHEAD: Final = 400
"""Lines to look ahead for the purge that already took effect."""
_CLASSES: Final = 1 << 12
"""How many different requests are remembered, so that memory does not grow with a trace."""
NOTHING: Final = ((1 << 64) - 1, 0, 0)
"""Start, end and count of a purge that found nothing lazy."""


class _Done(Enum):
    """How much of a purge took effect before its event."""

    DECAY = "decay"
    ALL = "all"


@define
class Moved:
    """What an event did to areas that it does not name, as (start, end)."""

    freed: list[Interval] = field(factory=list)
    """Lazy or pooled before, free now."""
    pooled: list[Interval] = field(factory=list)
    """Lazy before, in a node's pool now."""
    placed: list[Interval] = field(factory=list)
    """Percpu chunks, which have no event."""

    def copy(self) -> "Moved":
        """Return an equal one that shares nothing."""
        return Moved(list(self.freed), list(self.pooled), list(self.placed))

    def clear(self) -> None:
        """Forget it: somebody looked."""
        self.freed.clear()
        self.pooled.clear()
        self.placed.clear()

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.freed or self.pooled or self.placed)


class Replay:
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
        watched: somebody looks at `moved` after every event, and empties it.
        model: the allocator; another for rules that are wrong on purpose.
        name: of the trace, for errors.
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
        model: type[Vmalloc] = Vmalloc,
        name: str = "trace",
    ) -> None:
        self.name = name
        lazy = tuple(lazy)
        self.vmalloc = model(
            rules=rules,
            page_size=page_size,
            vmalloc_start=window[0],
            vmalloc_end=window[1],
            possible_cpus=cpus,
            early_areas=(*busy, *lazy),
            word_bits=word_bits,
        )
        self.vmalloc.drain_queued = True  # the trace says when it runs
        for start, _ in lazy:
            self.vmalloc.release(self.vmalloc.busy[start])
        self.percpu = dict(percpu or {})
        self.unknown = unknown
        self.shaped = shaped
        self.results = ReplayResults()
        self.moved = Moved() if watched else None
        """What happened to other areas since somebody looked."""
        self._ahead: deque[Event] = deque()
        self._done: dict[int, _Done] = {}
        """Of purges whose event is still to come: what they did already, by line."""
        self._failed_tasks: set[str] = set()
        self._freed_at: dict[int, int] = {}
        """Of lazy areas: the line that freed it, by start."""
        self._classes: dict[Asked, RequestClass] = {}

    def run(self, events: Iterable[Event]) -> ReplayResults:
        """Replay all events and return what was found."""
        deque(self.follow(events), maxlen=0)
        return self.results

    def follow(self, events: Iterable[Event]) -> Iterator[Event]:
        """Replay the events and yield each when it was; `moved` then says what it did besides."""
        source, ahead = iter(events), self._ahead
        failed, results = self._failed_tasks, self.results
        more = True
        while more:
            more = bool(ahead)
            for event in self._seen_ahead() if more else source:
                kind, number, place, _, start, said = event
                if kind == PURGE:
                    if said == NOTHING and not failed and self._is_idle():
                        results.purges += 1
                        results.purge_counts_equal += 1
                    else:
                        self._purge(number, place[0], said)
                        if failed:
                            failed.discard(place[0])
                elif kind == ALLOC:
                    self._alloc(event, source)
                    if ahead and not more:
                        more = True
                        yield event
                        break
                elif kind == FREE:
                    self._free(start, number, place[0])
                elif kind == LOST:
                    results.lost += start
                yield event

    def _is_idle(self) -> bool:
        """Whether a purge that finds nothing lazy does nothing at all: most purges of a trace."""
        # any() would take four times as long
        for node in self.vmalloc.nodes:
            if node.due:
                return False
        return not self._done

    def _seen_ahead(self) -> Iterator[Event]:
        while self._ahead:
            yield self._ahead.popleft()

    def _free(self, start: int, number: int, task: str) -> None:
        area = self.vmalloc.busy.get(start)
        if area is None:
            self.results.unknown_frees += 1
        else:
            self.vmalloc.release(area)
            self._freed_at[start] = number
        if self._failed_tasks:
            self._failed_tasks.discard(task)

    def _purge(self, number: int, task: str, purge: tuple[int, int, int]) -> None:
        """Do what a purge did, but for what was done before its event came."""
        done = self._done.pop(number, None) if self._done else None
        if done is _Done.ALL:
            return
        full = task in self._failed_tasks
        if done is None and (full or not self._is_idle()):
            self._decay(full=full)
        self._give_back(purge, full=full)

    def _decay(self, *, full: bool) -> None:
        decayed = self.vmalloc.decay(full=full)
        if self.moved is not None:
            self.moved.freed += decayed

    def _give_back(self, purge: tuple[int, int, int], *, full: bool) -> None:
        """Give back the oldest `purged` lazy areas of the purge's span.

        Younger ones stay lazy: they were freed while it ran (15 of 101,891 purges).
        """
        self.results.purges += 1
        start, end, purged = purge
        if start >= end and not purged:
            self.results.purge_counts_equal += 1
            return
        vmalloc, chosen = self.vmalloc, None
        if purged != EVERYTHING:
            lazy = [area for node in vmalloc.nodes for area in node.lazy.values()]
            inside = [area for area in lazy if start <= area.start and area.end <= end]
            self.results.purge_counts_equal += len(inside) == purged
            if len(inside) > purged:
                freed_at = self._freed_at
                inside.sort(key=lambda area: freed_at.get(area.start, 0))
                del inside[purged:]
            if len(inside) < len(lazy):
                chosen = {area.start for area in inside}
        given_back, pooled = vmalloc.give_back(chosen, full=full)
        if chosen is None:
            self._freed_at.clear()
        else:
            for each in chosen:
                self._freed_at.pop(each, None)
        if self.moved is not None:
            self.moved.freed += [(area.start, area.end) for area in given_back]
            self.moved.pooled += [(area.start, area.end) for area in pooled]

    def class_of(self, asked: Asked) -> RequestClass:
        """Return what is common to all that ask the same."""
        if asked in self._classes:
            return self._classes[asked]
        if len(self._classes) >= _CLASSES:
            self._classes.clear()
        found = classify(asked, self.vmalloc, self.results, self.unknown)
        self._classes[asked] = found
        return found

    def predict(self, request_class: RequestClass, cpu: int) -> int | None:
        """Answer a request without changing anything."""
        request = request_class.request
        return self.vmalloc.answer(request, self.vmalloc.owner(request, cpu))[0]

    def _alloc(self, event: Event, source: Iterator[Event]) -> None:
        _, _, (task, cpu), _, start, asked = event
        vmalloc = self.vmalloc
        asking = self._classes.get(asked) or self.class_of(asked)
        request = asking.request
        owner = cpu % len(vmalloc.nodes) if request.owned else NO_OWNER
        exact, hole = False, None
        if asking.unclaimed:
            self.results.unclaimed[asking.unclaimed] += 1
        else:
            answer = vmalloc.answer(request, owner)
            count = asking.count_of(vmalloc, answer)
            predicted, hole = answer
            exact = predicted == (None if asking.failed else start)
            if exact:
                count.checked += 1
                count.exact += 1
            else:
                self._differs(event, asking, predicted, count, source)
        if asking.failed:
            self._failed_tasks.add(task)
            return
        if self._failed_tasks:
            self._failed_tasks.discard(task)
        if exact:
            vmalloc.settle(request, owner, start, hole)
        else:
            for area in self._claimed(event[1], request, owner, start):
                self._freed_at.pop(area.start, None)
        if start in self.percpu:
            for low, high in self.percpu.pop(start):
                placed = self.vmalloc.occupy(low, high) is not None
                if placed and self.moved is not None:
                    self.moved.placed.append((low, high))

    def _claimed(self, line: int, request: VmapRequest, owner: int, start: int) -> list[VmapArea]:
        """Take the address that the kernel had; return what cannot be there any more."""
        bits = self.vmalloc.word_bits
        if start + request.size >= 1 << bits:
            what = f"an area at {start:x}, on a machine of {bits} bits"
            raise InputError(self.name, line, what)
        return self.vmalloc.claim(request, owner, start)

    def _differs(
        self,
        event: Event,
        asking: RequestClass,
        predicted: int | None,
        count: ClassCount,
        source: Iterator[Event],
    ) -> None:
        """Explain a wrong prediction."""
        request = full(event)
        assert isinstance(request, Alloc)
        actual = None if request.failed else request.start
        if (
            not self.shaped
            and not count.certain
            and actual is not None
            and in_bounds(self.vmalloc.space, asking.request, actual)
        ):
            bounded = self.results.count(
                f"{count.kind}, in its bounds",
                count.window,
                certain=count.certain,
                failed=count.failed,
            )
            bounded.checked += 1
            bounded.exact += 1
            return
        count.checked += 1
        first = not self.results.misses
        near = [around(self.vmalloc, address) if first else () for address in (actual, predicted)]
        robust = self._robust(asking, request.cpu, predicted)
        cause = self._resolve(request, asking, source)
        if cause is None and self.results.lost:
            cause = Cause.LOST
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

    def _robust(self, asking: RequestClass, cpu: int, predicted: int | None) -> bool:
        copy = self.vmalloc.clone()
        copy.give_back(full=True)
        copy.decay(full=True)
        return copy.answer(asking.request, copy.owner(asking.request, cpu))[0] == predicted

    def _resolve(
        self, request: Alloc, asking: RequestClass, source: Iterator[Event]
    ) -> Cause | None:
        """Try the known reasons for a miss; the first that makes it right is applied and named.

        A purge decays the pools of each node first, then gives areas back, and its event comes
        last; so the decay alone is tried before all of it (with four CPUs the other order explains
        48 misses less).
        """
        actual = None if request.failed else request.start
        nodes = len(self.vmalloc.nodes)
        for other in range(nodes):
            if other != request.cpu % nodes and self.predict(asking, other) == actual:
                return Cause.OTHER_POOL
        for cause, apply in self._tries(self._next_purges(source)):
            if self._right_after(apply, request, asking):
                return cause
        return None

    def _tries(self, purges: list[Event]) -> Iterator[tuple[Cause, Callable[[], None]]]:
        """Yield what may have happened unseen, the most likely first, and how to do it."""

        def decay(purge: Event) -> None:
            self._decay(full=purge[2][0] in self._failed_tasks)
            self._done[purge[1]] = _Done.DECAY

        def purge_all(purges: list[Event]) -> None:
            for purge in purges:
                self._purge(purge[1], purge[2][0], purge[5])
                self._done[purge[1]] = _Done.ALL

        if purges:
            if len(self.vmalloc.nodes) > 1 and purges[0][1] not in self._done:
                yield Cause.DECAY_AHEAD, lambda: decay(purges[0])
            yield Cause.PURGE_AHEAD, lambda: purge_all(purges[:1])
        yield Cause.SHRINKER, lambda: self._decay(full=True)
        if len(purges) > 1:
            yield Cause.PURGES_AHEAD, lambda: purge_all(purges)

    def _right_after(self, apply: Callable[[], None], request: Alloc, asking: RequestClass) -> bool:
        """Do something; if the model's answer is right after it, it stays done."""
        before = self.vmalloc, self._freed_at, self._done, self.moved
        counts = self.results.purges, self.results.purge_counts_equal
        self.vmalloc = self.vmalloc.clone()
        self._freed_at, self._done = dict(self._freed_at), dict(self._done)
        self.moved = None if self.moved is None else self.moved.copy()
        apply()
        if self.predict(asking, request.cpu) == (None if request.failed else request.start):
            return True
        self.vmalloc, self._freed_at, self._done, self.moved = before
        self.results.purges, self.results.purge_counts_equal = counts
        return False

    def _next_purges(self, source: Iterator[Event]) -> list[Event]:
        """Return the next two purges that were not done ahead."""
        missing = _AHEAD - len(self._ahead)
        if missing > 0:
            self._ahead.extend(islice(source, missing))
        purges = (
            event
            for event in self._ahead
            if event[0] == PURGE and self._done.get(event[1]) is not _Done.ALL
        )
        return list(islice(purges, 2))


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
        model=model,
        name=str(run.path),
    )
