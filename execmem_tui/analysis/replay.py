"""Replay of a real trace: each address predicted, compared, then taken as it was.

The allocator is the simulator's own, driven with the verbs that it keeps for this (`Vmalloc`).
Events come later than what they tell: frees after queueing, purges after the last area was given
back, allocations after the search. Where a prediction misses, the known reasons are tried in order;
what is left is unexplained.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from execmem_tui.analysis.replay_results import Cause, ClassCount, Miss, ReplayResults, around
from execmem_tui.analysis.request_classes import (
    Asked,
    RequestClass,
    Unknown,
    classify,
    in_bounds,
)
from execmem_tui.formats.trace import ALLOC, EVERYTHING, FREE, LOST, PURGE, Alloc, Event, full
from execmem_tui.mm.vmalloc import Vmalloc
from execmem_tui.mm.vmap_node import NO_OWNER
from execmem_tui.model.rules import Rules

_AHEAD: Final = 400
"""Lines to look ahead for the purge that already took effect."""
_CLASSES: Final = 1 << 12
"""How many different requests are remembered, so that memory does not grow with a trace."""
NOTHING: Final = ((1 << 64) - 1, 0, 0)
"""Start, end and count of a purge that found nothing lazy."""


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
        model: the allocator; another for rules that are wrong on purpose.
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
        model: type[Vmalloc] = Vmalloc,
    ) -> None:
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
        self._ahead: deque[Event] = deque()
        self._done_purges: set[int] = set()
        self._failed_tasks: set[str] = set()
        self._freed_at: dict[int, int] = {}
        """Of lazy areas: the line that freed it, by start."""
        self._classes: dict[Asked, RequestClass] = {}

    def run(self, events: Iterable[Event]) -> ReplayResults:  # noqa: C901 - the hottest loop, a call costs
        """Replay all events and return what was found."""
        source, ahead, done, failed = (
            iter(events),
            self._ahead,
            self._done_purges,
            self._failed_tasks,
        )
        idle = 0
        more = True
        while more:
            more = bool(ahead)
            for event in self._seen_ahead() if more else source:
                kind, number, place, _, start, said = event
                if kind == PURGE:
                    if (
                        said == NOTHING
                        and not done
                        and not failed
                        and not any(node.due for node in self.vmalloc.nodes)
                    ):
                        idle += 1
                    elif number in done:
                        done.discard(number)
                    else:
                        self._purge(place[0], said)
                    if failed:
                        failed.discard(place[0])
                elif kind == ALLOC:
                    self._alloc(event, source)
                    if ahead and not more:
                        more = True
                        break
                elif kind == FREE:
                    self._free(start, number, place[0])
                elif kind == LOST:
                    self.results.lost += start
        self.results.purges += idle
        self.results.purge_counts_equal += idle
        return self.results

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

    def _purge(self, task: str, purge: tuple[int, int, int]) -> None:
        """Decay, then give back the oldest `purged` lazy areas of the purge's span.

        Younger ones stay lazy: they were freed while it ran (15 of 101,891 purges).
        """
        vmalloc, full = self.vmalloc, task in self._failed_tasks
        vmalloc.decay(full=full)
        self.results.purges += 1
        start, end, purged = purge
        if start >= end and not purged:
            self.results.purge_counts_equal += 1
            return
        chosen = None
        if purged != EVERYTHING:
            lazy = list(vmalloc.lazy())
            inside = [area for area in lazy if start <= area.start and area.end <= end]
            self.results.purge_counts_equal += len(inside) == purged
            if len(inside) > purged:
                freed_at = self._freed_at
                inside.sort(key=lambda area: freed_at.get(area.start, 0))
                del inside[purged:]
            if len(inside) < len(lazy):
                chosen = {area.start for area in inside}
        vmalloc.give_back(chosen, full=full)
        if chosen is None:
            self._freed_at.clear()
        else:
            for each in chosen:
                self._freed_at.pop(each, None)

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
            for area in self.vmalloc.claim(request, owner, start):
                self._freed_at.pop(area.start, None)
        if start in self.percpu:
            for low, high in self.percpu.pop(start):
                self.vmalloc.occupy(low, high)

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
        """Try the known reasons for a miss; the first that makes it right is applied and named."""
        actual = None if request.failed else request.start
        nodes = len(self.vmalloc.nodes)
        for other in range(nodes):
            if other != request.cpu % nodes and self.predict(asking, other) == actual:
                return Cause.OTHER_POOL
        purge = self._next_purge(source)
        if purge is not None and self._right_after(request, asking, purge):
            self._done_purges.add(purge[1])
            return Cause.PURGE_AHEAD
        saved, self.vmalloc = self.vmalloc, self.vmalloc.clone()
        self.vmalloc.decay(full=True)
        if self.predict(asking, request.cpu) == actual:
            return Cause.SHRINKER
        self.vmalloc = saved
        return None

    def _right_after(self, request: Alloc, asking: RequestClass, purge: Event) -> bool:
        saved, self.vmalloc = self.vmalloc, self.vmalloc.clone()
        freed_at, self._freed_at = self._freed_at, dict(self._freed_at)
        counts = self.results.purges, self.results.purge_counts_equal
        self._purge(purge[2][0], purge[5])
        if self.predict(asking, request.cpu) == (None if request.failed else request.start):
            return True
        self.vmalloc, self._freed_at = saved, freed_at
        self.results.purges, self.results.purge_counts_equal = counts
        return False

    def _next_purge(self, source: Iterator[Event]) -> Event | None:
        missing = _AHEAD - len(self._ahead)
        if missing > 0:
            self._ahead.extend(islice(source, missing))
        return next(
            (
                event
                for event in self._ahead
                if event[0] == PURGE and event[1] not in self._done_purges
            ),
            None,
        )
