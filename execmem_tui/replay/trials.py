"""What explains a wrong prediction: each known reason is tried, and what follows says which it was.

Every try is taken back. Where several make the one answer right, the next answers tell: a wrong
reason leaves a wrong state behind, from which further misses follow.
"""

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice, takewhile
from typing import Any, Final

from execmem_tui.formats.trace_event import ALLOC, FREE, PURGE, Alloc, Event
from execmem_tui.mm.vmalloc import Vmalloc, VmapRequest
from execmem_tui.mm.vmap_node import NO_OWNER, VmapArea
from execmem_tui.model.errors import InputError
from execmem_tui.replay.ahead import TakenAhead
from execmem_tui.replay.concurrent import LATE
from execmem_tui.replay.request_classes import Asked, RequestClass, Unknown, classify, in_bounds
from execmem_tui.replay.results import Cause
from execmem_tui.replay.unseen import Unseen

_BEFORE: Final = 32
"""How many purges back a request may have been answered."""
_RARE: Final = 50
"""Misses that nothing explained, after which what is rare is not thought of."""
_IN_VAIN: Final = 500
"""Misses that nothing explained, after which causes are not looked for: the trace is another
kernel's, or lacks events, and each look copies the model."""
_PASSED: Final = 64
"""Holes that one request may have passed over for areas that nobody saw freed."""
_FAR: Final = 32
"""How far to look for an allocation that has the very place."""
_SCOUTED: Final = 200
"""Events ahead that say which of several reasons it was."""
_SCOUTS: Final = 5_000
"""How often events ahead are asked, two thirds of a millisecond each: 268 times of a storm with 284
misses. After that the first reason that makes an answer right is taken."""
_ONE_BY_ONE: Final = 64
"""How many areas that lie where an answer is are given back one by one."""
_ALL: Final = _SCOUTED + 1
"""All answers among them are right."""
_PASSING: Final = (Cause.BEFORE_PURGE,)
"""They say when one request was answered, and change nothing for the next."""
_ELSEWHERE: Final = (Cause.OTHER_POOL, Cause.DETACHED)
"""They say that something else answered than what should have."""
_CLASSES: Final = 1 << 12
"""How many different requests are remembered, so that memory does not grow with a trace."""

Try = tuple[Cause, Callable[[], object]]
"""What may have happened unseen, and how to do it."""


class Trials(Unseen):
    """A state that is asked, and of which reasons for what it got wrong can be tried.

    Args:
        vmalloc: the allocator as it stands before the first event.
        watched: somebody looks at `moved` after every event, and takes it.
        percpu: {address of an allocation: areas that appear right after it}: percpu chunks have no
            event.
        unknown: what is not known at the start.
        name: of the trace, for errors.
        elsewhere: class of what is asked of another window than that of vmalloc.
    """

    def __init__(
        self,
        vmalloc: Vmalloc,
        *,
        watched: bool,
        percpu: dict[int, list[tuple[int, int]]],
        unknown: Unknown,
        name: str,
        elsewhere: str,
    ) -> None:
        super().__init__(vmalloc, watched=watched)
        self._elsewhere = elsewhere
        self.name = name
        self.percpu = percpu
        self.unknown = unknown
        self.shaped = True
        """The tree's shape is known; else only the bounds of an uncertain answer are."""
        self._doubted = False
        self._in_vain = 0
        """How often nothing explained a miss."""
        self._scouts = 0
        """How often events ahead were asked which reason it was."""
        self._classes: dict[Asked, RequestClass] = {}

    def class_of(self, asked: Asked) -> RequestClass:
        """Return what is common to all that ask the same."""
        if asked in self._classes:
            return self._classes[asked]
        if len(self._classes) >= _CLASSES:
            self._classes.clear()
        found = classify(
            asked,
            self.vmalloc,
            self.results,
            self.unknown,
            self._elsewhere,
            doubted=self._doubted,
        )
        self._classes[asked] = found
        return found

    def predict(self, request_class: RequestClass, cpu: int) -> int | None:
        """Answer a request without changing anything."""
        request = request_class.request
        return self.vmalloc.answer(request, self.vmalloc.owner(request, cpu))[0]

    def _is_looked_for(self, line: int) -> bool:
        """Whether causes of a miss are still looked for."""
        return self._in_vain < _IN_VAIN and self._may_try(line)

    def _resolve(self, request: Alloc, asking: RequestClass) -> Cause | None:
        """Try the known reasons for a miss; the best that makes it right is applied and named.

        That is the first after which the next answers are all right, else the one with most of
        them.
        """
        if not self._is_looked_for(request.line):
            return None
        self._ahead.look(self._source)
        best = self._best(self._tries(request, asking), request, asking)
        if best is None:
            best = self._best(self._rare_tries(request, asking), request, asking)
        if best is not None:
            cause, apply = best
            if cause not in _PASSING:
                self._apply(apply)
            return cause
        if not request.failed and self._turned(request, asking):
            return Cause.TURNED
        self._in_vain += 1
        return None

    def _best(self, tries: Iterator[Try], request: Alloc, asking: RequestClass) -> Try | None:
        """Return the try that makes an answer and most of the next ones right, None for none."""
        best: Try | None = None
        most = -1
        for each in tries:
            right = self._right_after(each, request, asking)
            if right is not None and right > most:
                best, most = each, right
            if right == _ALL:
                break
        return best

    def _rare_tries(self, request: Alloc, asking: RequestClass) -> Iterator[Try]:
        """Yield what is thought of where nothing else makes an answer right."""
        if self._in_vain >= _RARE:
            return
        yield from ((Cause.LATE_FREE, apply) for apply in self._takes_late(asking, request))
        missed = self._freed_before_purge()
        for number in range(1, len(missed) + 1):
            yield Cause.MISSED, partial(self._leave_lazy, missed[number - 1 : number])
            yield Cause.MISSED, partial(self._leave_lazy, missed[:number])
        purges = self._ahead.next_purges()
        if purges and len(self.vmalloc.nodes) > 1 and not request.failed:
            right = lambda: self.predict(asking, request.cpu) == request.start  # noqa: E731
            yield Cause.PART, lambda: self._part_ahead(purges[0], request.line, right)
        since = self._concurrent.silent_since(request.line, request.task)
        if self.vmalloc.rules.vmalloc_events:
            since = max(since, request.line - LATE)
        behind = [given for line, *given in reversed(self._newest) if line > since]
        for number in range(1, min(len(behind), _BEFORE) + 1):
            yield Cause.BEFORE_PURGE, partial(self._without_purges, behind[:number])

    def _without_pool(self, request: Alloc, asking: RequestClass) -> Iterator[int]:
        """Yield nodes whose pool a purge may have had, or not filled yet, when the tree answered.

        A purge that is told soon, or was told before.
        """
        asked = asking.request
        if not asked.owned or request.failed:
            return
        nodes = len(self.vmalloc.nodes)
        if self._ahead.next_purges() and self.vmalloc.answer(asked, NO_OWNER)[0] == request.start:
            cpus = (request.cpu, *(event[2][1] for event in reversed(self._told)))
            yield from dict.fromkeys(cpu % nodes for cpu in cpus)
        elif self._was_detached(request, asked):
            yield request.cpu % nodes

    def _tries(self, request: Alloc, asking: RequestClass) -> Iterator[Try]:
        """Yield what may have happened unseen, the most likely first, and how to do it."""
        purges = self._ahead.next_purges()
        nodes = len(self.vmalloc.nodes)
        others = self._other_nodes(request, asking)
        yield from self._on_nodes(Cause.OTHER_POOL, request, others)
        if self._begun is not None:
            yield Cause.PART, lambda: self._go_on_with_purge(asking, request.line, request.start)
        if purges:
            if nodes > 1 and purges[0][1] not in self._ahead.purges:
                yield Cause.DECAY_AHEAD, lambda: self._decay_ahead(purges[0])
            yield Cause.PURGE_AHEAD, lambda: self._purge_ahead(purges[:1])
        make_way = partial(self._make_way, request, asking)
        yield Cause.OVERTAKEN, partial(make_way, anywhere=False)
        yield Cause.OVERTAKEN, lambda: self._allocate_ahead(request, asking)
        yield Cause.OVERTAKEN, partial(make_way, anywhere=True)
        line, _ = self._purged_by
        silent = self._concurrent.silent_since(request.line, request.task)
        if silent < line < request.line <= line + LATE:
            yield Cause.BEFORE_PURGE, self._without_purge
        end = purges[0][1] if purges else request.line + LATE
        late = self._ahead.next_frees(request.task, end)
        if self._ahead.short:
            yield Cause.LATE_FREE, lambda: self._free_late(late)
        if late and purges:
            yield Cause.LATE_FREE, lambda: self._purge_ahead(purges[:1], late)
        yield from ((Cause.SHRINKER, apply) for apply in self._shrinks(request, asking))
        without = self._without_pool(request, asking)
        yield from self._on_nodes(Cause.DETACHED, request, without)
        if len(purges) > 1:
            yield Cause.PURGES_AHEAD, lambda: self._purge_ahead(purges)
        if next(self._other_nodes(request, asking), None) is not None:
            yield Cause.OTHER_POOL, partial(self._is_of_node, request, request.cpu % nodes)
        if self._unseen_lazy and not request.failed:
            yield Cause.UNSEEN, lambda: self._pass_over(request, asking)

    def _other_nodes(self, request: Alloc, asking: RequestClass) -> Iterator[int]:
        """Yield nodes of other CPUs that would have answered so.

        Which one it is decides whose the area is: a task may change its CPU before it is told
        (mm/vmalloc.c: node_alloc has it from raw_smp_processor_id).
        """
        if not asking.request.owned:
            return
        nodes = len(self.vmalloc.nodes)
        actual = None if request.failed else request.start
        for other in dict.fromkeys(event[2][1] % nodes for event in reversed(self._told)):
            if other != request.cpu % nodes and self.predict(asking, other) == actual:
                yield other

    def _on_nodes(self, cause: Cause, request: Alloc, nodes: Iterator[int]) -> Iterator[Try]:
        for node in nodes:
            yield cause, partial(self._is_of_node, request, node)

    def _is_of_node(self, request: Alloc, node: int) -> None:
        """Let the area of a request belong to a node when it is claimed."""
        self._of_node = None if request.failed else node

    def _go_on_with_purge(self, asking: RequestClass, line: int, start: int) -> None:
        """Let a purge that has begun give back, from the lowest on, until an answer is right.

        It may be scheduled away after each area (6.1, mm/vmalloc.c: cond_resched_lock). What lies
        below the answer goes at once: only what lies in it can make it right.
        """
        if self._begun is None:
            return
        *runs, _ = self._still_taken() or [[]]
        below = sum(run[-1].end <= start for run in runs)
        end = start + asking.request.size
        inside = takewhile(lambda run: run[0].start < end, runs[below : below + _ONE_BY_ONE])
        for areas in filter(None, ([*chain.from_iterable(runs[:below])], *inside)):
            self._give_back_some(areas, line)
            if self.predict(asking, 0) == start:  # these kernels have one node
                return
        self._end_purge(line)

    def _without_purges(self, newest: list[list[Any]]) -> None:
        for given in newest:
            self._take_back(*given)

    def _takes_late(self, asking: RequestClass, request: Alloc) -> Iterator[Callable[[], object]]:
        """Yield what a purge may have taken that was freed behind the line of a kprobe on it."""
        freed = self._freed_behind_purge()
        for number in range(1, len(freed) + 1):
            yield partial(self._take_late, set(freed[:number]), asking, request)

    def _take_late(self, starts: set[int], asking: RequestClass, request: Alloc) -> None:
        """Let the newest purge have these, too; give back until an answer is right."""
        if self._begun is None:
            self._gone(*self.vmalloc.give_back(starts, full=False))
            return
        event, before = self._begun
        self._begun = event, before | starts
        self._go_on_with_purge(asking, request.line, request.start)

    def _shrinks(self, request: Alloc, asking: RequestClass) -> Iterator[Callable[[], object]]:
        """Yield what the shrinker may have emptied: it may have come before the newest purges."""
        if len(self.vmalloc.nodes) < 2:
            return
        size = request.size
        owner = self.vmalloc.owner(asking.request, request.cpu)
        predicted, hole = self.vmalloc.answer(asking.request, owner)
        places = [(at, at + size) for at in (request.start, predicted) if at is not None]
        low, high = places[0]
        pooled = predicted is not None and hole is None
        if (
            asking.plain
            and not pooled
            and all(end <= low or high <= start for start, end in self.vmalloc.pooled())
        ):
            return
        yield partial(self._shrink, self._pooled_since(places))
        yield self._shrink
        for spared in self._pooled_lately():
            yield partial(self._shrink, spared)

    def _pass_over(self, request: Alloc, asking: RequestClass) -> None:
        """Take what a request passed over for lazy: freed unseen, it waits for the first purge."""
        for _ in range(_PASSED):
            predicted = self.predict(asking, request.cpu)
            if predicted is None or predicted >= request.start:
                return
            hole = next(pair for pair in self.vmalloc.space if pair[0] <= predicted < pair[1])
            low, high = max(hole[0], request.vstart), min(hole[1], request.start)
            area = self.vmalloc.occupy(low, high)
            assert area is not None, "it is a part of a hole"
            self.vmalloc.release(area)

    def _allocate_ahead(self, request: Alloc, asking: RequestClass) -> None:
        """Give others what they were given until this one fits.

        As far as the model says the same.
        """
        for event in self._ahead.next_allocations(request.task, request.time):
            given = self._is_given_ahead(event, event[2][1])
            if given and self.predict(asking, request.cpu) == request.start:
                return

    def _make_way(self, request: Alloc, asking: RequestClass, *, anywhere: bool) -> None:
        """Give others what they are told to have where this one should have been.

        Args:
            request: whose answer differs.
            asking: its class.
            anywhere: also what they would have got on another CPU, or may have asked for before
                the last purge.
        """
        nodes = range(len(self.vmalloc.nodes) if anywhere else 0)
        others = list(self._ahead.next_allocations(request.task, request.time, _FAR))
        while others:
            predicted = self.predict(asking, request.cpu)
            if predicted is None or predicted == request.start:
                return
            end = predicted + asking.request.size
            for event in others:
                if event[4] < end and predicted < event[4] + event[5][0]:
                    break
            else:
                return
            others.remove(event)
            cpus = (event[2][1], *nodes)
            if any(self._is_given_ahead(event, cpu) for cpu in cpus):
                continue
            if not anywhere or not self._may_be_from_before_purge(event):
                return

    def _is_given_ahead(self, event: Event, cpu: int) -> bool:
        """Give somebody what an event behind this one tells, if the model says so of that CPU."""
        _, number, (_, told), _, start, asked = event
        other = self.class_of(asked)
        answer = self.vmalloc.answer(other.request, self.vmalloc.owner(other.request, cpu))
        if other.unclaimed or answer[0] != start or start in self.percpu:
            return False
        owner = self.vmalloc.owner(other.request, told)
        if self.vmalloc.owner(other.request, cpu) == owner:
            count = other.count_of(self.vmalloc, answer)
            self._ahead.allocations[number] = TakenAhead(count)
            self.vmalloc.settle(other.request, owner, start, answer[1])
        else:
            self._is_missed_ahead(event, cpu, Cause.OTHER_POOL)
        return True

    def _may_be_from_before_purge(self, event: Event) -> bool:
        """Give somebody what an event behind this one tells, if its task is silent so long."""
        _, number, (task, _), *_ = event
        if self._concurrent.silent_since(number, task) >= self._purged_by[0]:
            return False
        self._is_missed_ahead(event, event[2][1], Cause.BEFORE_PURGE)
        return True

    def _is_missed_ahead(self, event: Event, cpu: int, cause: Cause) -> None:
        """Give somebody what an event behind this one tells, though the model says otherwise.

        `cpu` is where it was answered.
        """
        _, number, (_, told), _, start, asked = event
        other = self.class_of(asked)
        owner = self.vmalloc.owner(other.request, cpu)
        answer = self.vmalloc.answer(other.request, self.vmalloc.owner(other.request, told))
        count = other.count_of(self.vmalloc, answer)
        self._ahead.allocations[number] = TakenAhead(count, answer[0], cause)
        for area in self._claimed(number, other.request, owner, start):
            self._freed_at.pop(area.start, None)

    def _claimed(self, line: int, request: VmapRequest, owner: int, start: int) -> list[VmapArea]:
        """Take the address that the kernel had; return what cannot be there any more.

        Raises:
            InputError: there is no such address.
        """
        bits = self.vmalloc.word_bits
        if start + request.size >= 1 << bits:
            what = f"an area at {start:x}, on a machine of {bits} bits"
            raise InputError(self.name, line, what)
        if self._of_node is not None:
            owner, self._of_node = self._of_node, None
        return self.vmalloc.claim(request, owner, start)

    def _apply(self, apply: Callable[[], object]) -> None:
        """Let something have happened unseen; what is known of concurrent events stays."""
        self._trying = True
        apply()
        self._trying = False

    def _right_after(self, each: Try, request: Alloc, asking: RequestClass) -> int | None:
        """Return how many of the next answers are right if something happened, and take it back.

        None where the one that is asked is not right after it, _ALL where all are.
        """
        cause, apply = each
        actual = None if request.failed else request.start
        restore = self._branch()
        self._apply(apply)
        right = (
            cause in _ELSEWHERE
            or self.predict(asking, request.cpu) == actual
            or (not self.shaped and self._is_bounded(request, asking))
        )
        if right and cause is Cause.BEFORE_PURGE:
            restore()
            restore = self._branch()
        count = self._what_follows(request, asking) if right else None
        restore()
        return count

    def _is_bounded(self, request: Alloc, asking: RequestClass) -> bool:
        """Whether what was given is one of the answers of which only the shape tells which."""
        if request.failed or asking.plain:
            return False
        answer = self.vmalloc.answer(
            asking.request, self.vmalloc.owner(asking.request, request.cpu)
        )
        count = asking.count_of(self.vmalloc, answer)
        return not count.certain and in_bounds(self.vmalloc.space, asking.request, request.start)

    def _what_follows(self, request: Alloc, asking: RequestClass) -> int:
        """Return how many of the next answers are right; _ALL, too, where that was asked enough."""
        if self._scouts >= _SCOUTS:
            return _ALL
        self._scouts += 1
        return self._scouted(request, asking)

    def _scouted(self, request: Alloc, asking: RequestClass) -> int:
        """Follow what comes behind a request; return how many answers are right, _ALL for all."""
        if not request.failed:
            owner = self.vmalloc.owner(asking.request, request.cpu)
            self._claimed(request.line, asking.request, owner, request.start)
        ahead, failed = self._ahead, self._failed_tasks
        checked = exact = 0
        for event in tuple(islice(ahead.events, _SCOUTED)):
            kind, number, (task, cpu), _, start, asked = event
            if self._begun is not None:
                self.end_purge_if_over(event)
            if kind == PURGE:
                self._apply(partial(self._purge, event))
                failed.discard(task)
            elif kind == FREE and number not in ahead.frees:
                self._free(start, number, task)
            elif kind == ALLOC and number not in ahead.allocations:
                other = self.class_of(asked)
                owner = self.vmalloc.owner(other.request, cpu)
                if not other.unclaimed:
                    checked += 1
                    predicted = self.vmalloc.answer(other.request, owner)[0]
                    exact += predicted == (None if other.failed else start)
                if other.failed:
                    failed.add(task)
                    continue
                for area in self._claimed(number, other.request, owner, start):
                    self._freed_at.pop(area.start, None)
        return _ALL if exact == checked else exact

    def _robust(self, asking: RequestClass, cpu: int, predicted: int | None) -> bool:
        copy = self._copy()
        copy.give_back(full=True)
        copy.decay(full=True)
        return copy.answer(asking.request, copy.owner(asking.request, cpu))[0] == predicted

    def _unordered(
        self, request: Alloc, asking: RequestClass, predicted: int | None, *, certain: bool
    ) -> Cause | None:
        """Say whether a miss may follow from what concurrent purges left untold.

        A decay takes a whole pool off its node, and for that time there is none
        (decay_va_pool_node). Which areas a purge counted decides whether a place was free, and the
        order in which places turned free decides the tree's shape.
        """
        asked, actual = asking.request, request.start
        places = () if predicted is None else (predicted, actual)
        if asked.owned and self._was_shorter(request, asked, places):
            return Cause.SHORTER
        if any(low <= at < high for low, high in self._unsure.items() for at in places):
            return Cause.ORDER
        if self._disordered and not certain and self._may_be_at(request, asked):
            return Cause.ORDER
        return None

    def _may_be_at(self, request: Alloc, asked: VmapRequest) -> bool:
        """Whether an answer is in its bounds, as it is or once a purge that has begun is over."""
        actual = request.start
        if in_bounds(self.vmalloc.space, asked, actual):
            return True
        if self._begun is None or not self._may_try(request.line):
            return False
        restore = self._branch()
        self._end_purge(0)
        found = in_bounds(self.vmalloc.space, asked, actual)
        restore()
        return found

    def _turned(self, request: Alloc, asking: RequestClass) -> bool:
        """Turn the pool that should answer until its head is what the kernel gave.

        An aligned request turns a pool whose head it cannot take (`VmapNode.turn`), and is told
        with the CPU that its task had at last.
        """
        asked, page = asking.request, self.vmalloc.page_size
        if not asked.owned or not any(
            size == asked.size and align > page for size, align, *_ in self._classes
        ):
            return False
        pool = self.vmalloc.nodes[self.vmalloc.owner(asked, request.cpu)].pools.get(asked.pages, ())
        places = [start for start, _ in pool]
        if request.start not in places or not isinstance(pool, deque):
            return False
        pool.rotate(-places.index(request.start))
        return True
