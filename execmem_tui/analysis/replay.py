"""Replay of a real trace: each address predicted, compared, then taken as it was.

Events come later than what they tell: frees after queueing, purges after the last area was given
back, allocations after the search. Where a prediction misses, the known reasons are tried in order;
what is left is unexplained.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from execmem_tui.analysis.found import (
    NOTHING,
    Asked,
    Miss,
    Plan,
    Replayed,
    Tally,
    around,
    in_bounds,
)
from execmem_tui.formats.trace import ALLOC, EVERYTHING, FREE, LOST, PURGE, Alloc, Event, full
from execmem_tui.mm.rbtree import FreeArea
from execmem_tui.mm.vmalloc import Form, Vmalloc, area_start
from execmem_tui.mm.vmap_node import MAX_POOL_PAGES, NO_OWNER, VmapArea, give_back_decayed

_AHEAD: Final = 400
"""Lines to look ahead for the purge that already took effect."""
_PLANS: Final = 1 << 12
"""How many different requests are remembered, so that memory does not grow with a trace."""

Answer = tuple[int | None, Tally, FreeArea | None]
"""What the model says to a request: the address, where it counts, and the free area that it would
be taken from."""


class Replay:
    """One kernel being replayed.

    Args:
        form: whose rules apply.
        page_size: bytes.
        window: VMALLOC_START and VMALLOC_END; requests for exactly this may be served from pools.
        cpus: possible CPUs, as far as they decide the number of nodes: 1 for kernels before 6.9.
        busy: (start, end) of areas that exist from the start.
        lazy: (start, end) of areas that are lazy from the start.
        percpu: {address of an allocation: areas that appear right after it}: percpu chunks have no
            event.
        word_bits: of the machine.
        unknown: "" or what is not known at the start: "pools" (several nodes and no replay from
            boot), "state".
        shaped: whether the tree's shape is known (from boot); else only the bounds of an uncertain
            answer are.
        ascending: a purge gives back in ascending order (before 6.9).
    """

    def __init__(
        self,
        *,
        form: Form,
        page_size: int,
        window: tuple[int, int],
        cpus: int,
        busy: Iterable[tuple[int, int]] = (),
        lazy: Iterable[tuple[int, int]] = (),
        percpu: dict[int, list[tuple[int, int]]] | None = None,
        word_bits: int = 64,
        unknown: str = "",
        shaped: bool = True,
        ascending: bool = False,
    ) -> None:
        lazy = tuple(lazy)
        self.vmalloc = Vmalloc(
            form=form,
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
        self.window = window
        self.percpu = dict(percpu or {})
        self.unknown = unknown
        self.shaped = shaped
        self.ascending = ascending
        self.found = Replayed()
        self._ahead: deque[Event] = deque()
        self._done_purges: set[int] = set()
        self._failed_tasks: set[str] = set()
        self._freed_at: dict[int, int] = {}
        """Of lazy areas: the line that freed it, by start."""
        self._plans: dict[Asked, Plan] = {}

    def run(self, events: Iterable[Event]) -> Replayed:  # noqa: C901 - the hottest loop, a call costs
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
                    self.found.lost += start
        self.found.purges += idle
        self.found.purge_counts_equal += idle
        return self.found

    def _seen_ahead(self) -> Iterator[Event]:
        while self._ahead:
            yield self._ahead.popleft()

    def _free(self, start: int, number: int, task: str) -> None:
        vmalloc = self.vmalloc
        area = vmalloc.busy.pop(start, None)
        if area is None:
            self.found.unknown_frees += 1
        else:
            # as `Vmalloc.release`, which would queue a drain and tell a journal
            node = area.owner if area.owner != NO_OWNER else vmalloc.home(start)
            vmalloc.nodes[node].lazy[start] = area
            vmalloc.nr_lazy += (area.end - start) // vmalloc.page_size
            self._freed_at[start] = number
        if self._failed_tasks:
            self._failed_tasks.discard(task)

    def _purge(self, task: str, purge: tuple[int, int, int]) -> None:
        """Decay, then give back the oldest `purged` lazy areas of the purge's span.

        Younger ones stay lazy.
        """
        vmalloc, full = self.vmalloc, task in self._failed_tasks
        if len(vmalloc.nodes) > 1:
            self._decay(full=full)
        self.found.purges += 1
        start, end, purged = purge
        if start >= end and not purged:
            self.found.purge_counts_equal += 1
            return
        held = [node for node in vmalloc.nodes if node.lazy]
        inside = (
            list(held[0].lazy.values())
            if len(held) == 1
            else [area for node in held for area in node.lazy.values()]
        )
        count = len(inside)
        if purged != EVERYTHING:
            inside = [area for area in inside if start <= area.start and area.end <= end]
            self.found.purge_counts_equal += len(inside) == purged
            if len(inside) > purged:
                freed_at = self._freed_at
                inside.sort(key=lambda area: freed_at.get(area.start, 0))
                del inside[purged:]
        if len(inside) == count:
            detached = [sorted(node.lazy.values(), key=area_start) for node in held]
            for node in held:
                node.lazy.clear()
            self._freed_at.clear()
        else:
            detached = self._detach({area.start for area in inside})
        if len(detached) > 1:
            helpers = min(max(vmalloc.nr_lazy // vmalloc.lazy_max(), 1), len(detached)) - 1
            detached = detached[helpers:] + detached[:helpers]
        for areas in detached:
            self.give_back(areas, full=full)

    def _detach(self, chosen: set[int]) -> list[list[VmapArea]]:
        """Take the lazy areas that start at `chosen` out of their nodes.

        Return those of each node ascending.
        """
        detached = []
        for node in self.vmalloc.nodes:
            out = sorted(
                (area for area in node.lazy.values() if area.start in chosen), key=area_start
            )
            if out:
                detached.append(out)
            for area in out:
                del node.lazy[area.start]
                self._freed_at.pop(area.start, None)
        return detached

    def give_back(self, areas: list[VmapArea], *, full: bool) -> None:
        """Pool what is owned, then give the rest back descending."""
        vmalloc = self.vmalloc
        local = []
        page_size = vmalloc.page_size
        for area in areas:
            pages = (area.end - area.start) // page_size
            vmalloc.nr_lazy -= pages
            if area.owner != NO_OWNER and not full and pages <= MAX_POOL_PAGES:
                vmalloc.nodes[area.owner].park(pages, area.start, area.end)
            else:
                local.append(area)
        give_back = vmalloc.space.give_back
        for area in local if self.ascending else reversed(local):
            give_back(area.start, area.end)

    def _decay(self, *, full: bool) -> None:
        for node in self.vmalloc.nodes:
            if full or node.due:
                decayed = node.decay(full=full, empties_short=self.vmalloc.form is Form.V6_12)
                give_back_decayed(self.vmalloc.space, decayed)

    def plan(self, asked: Asked) -> Plan:
        """Return what is common to all that ask the same."""
        if asked in self._plans:
            return self._plans[asked]
        plan = self.found.plan(asked, self.window, self.vmalloc, self.unknown)
        if len(self._plans) >= _PLANS:
            self._plans.clear()
        self._plans[asked] = plan
        return plan

    def predict(self, plan: Plan, cpu: int) -> Answer:
        """Answer a request without changing anything."""
        vmalloc = self.vmalloc
        size, align, vstart = plan.size, plan.align, plan.vstart
        if plan.owned:
            pool = vmalloc.nodes[cpu % len(vmalloc.nodes)].pools.get(plan.pages)
            if pool and not pool[0][0] & (align - 1):
                return pool[0][0], plan.pool, None
        space = vmalloc.space
        # the lowest area that fits is what the search finds, unless it is smaller than the padded
        # size: then the tree decides
        found = space.search(size, align, vstart, size)
        if align <= vmalloc.page_size:
            tally = plan.page
        elif found is None or found[0].end - found[0].start >= plan.need:
            tally = plan.certain
        else:
            tally = plan.uncertain
            found = space.search(size, align, vstart, plan.need)
        if found is None or found[1] + size > plan.vend:
            return None, tally, None
        return found[1], tally, found[0]

    def _alloc(self, event: Event, source: Iterator[Event]) -> None:
        _, _, place, _, start, asked = event
        plan = self._plans.get(asked) or self.plan(asked)
        hole = None
        if plan.unclaimed:
            self.found.unclaimed[plan.unclaimed] += 1
        else:
            predicted, tally, hole = self.predict(plan, place[1])
            if predicted == (None if plan.failed else start):
                tally.checked += 1
                tally.exact += 1
            else:
                hole = None
                self._differs(event, plan, (predicted, tally, hole), source)
        if plan.failed:
            self._failed_tasks.add(place[0])
            return
        self._failed_tasks.discard(place[0])
        self._claim(start, place[1], plan, hole)
        if start in self.percpu:
            for low, high in self.percpu.pop(start):
                if self.vmalloc.space.take(low, high):
                    self.vmalloc.busy[low] = VmapArea(low, high, NO_OWNER, 0, 0)

    def _differs(self, event: Event, plan: Plan, answer: Answer, source: Iterator[Event]) -> None:
        """Explain a wrong prediction."""
        request = full(event)
        assert isinstance(request, Alloc)
        predicted, tally, _ = answer
        actual = None if request.failed else request.start
        if (
            not self.shaped
            and not tally.certain
            and actual is not None
            and in_bounds(self.vmalloc.space, plan, actual)
        ):
            tally = self.found.tally(
                f"{tally.kind}, in its bounds",
                tally.window,
                certain=tally.certain,
                failed=request.failed,
            )
            tally.checked += 1
            tally.exact += 1
            return
        tally.checked += 1
        first = not self.found.misses
        near = [around(self.vmalloc, address) if first else () for address in (actual, predicted)]
        robust = self._robust(request, plan, predicted)
        cause = self._resolve(request, plan, source)
        if not cause and self.found.lost:
            cause = "events were lost before it"
        self.found.misses.append(
            Miss(
                line=request.line,
                request=request,
                predicted=predicted,
                kind=tally.kind,
                cause=cause,
                robust=robust,
                around_expected=near[0],
                around_predicted=near[1],
            )
        )

    def _robust(self, request: Alloc, plan: Plan, predicted: int | None) -> bool:
        saved, self.vmalloc = self.vmalloc, self.vmalloc.clone()
        for area in list(self.vmalloc.lazy()):
            self.vmalloc.space.give_back(area.start, area.end)
        self._decay(full=True)
        same = self.predict(plan, request.cpu)[0] == predicted
        self.vmalloc = saved
        return same

    def _resolve(self, request: Alloc, plan: Plan, source: Iterator[Event]) -> str:
        """Try the known reasons for a miss; the first that makes it right is applied and named."""
        actual = None if request.failed else request.start
        vmalloc = self.vmalloc
        for other in range(len(vmalloc.nodes)):
            if other != request.cpu % len(vmalloc.nodes) and self.predict(plan, other)[0] == actual:
                return "another CPU's pool"
        purge = self._next_purge(source)
        if purge is not None and self._right_after(request, plan, purge):
            self._done_purges.add(purge[1])
            return "a purge took effect before its event"
        saved, copy = self.vmalloc, self.vmalloc.clone()
        self.vmalloc = copy
        self._decay(full=True)
        if self.predict(plan, request.cpu)[0] == actual:
            return "pools emptied by the shrinker"
        self.vmalloc = saved
        return ""

    def _right_after(self, request: Alloc, plan: Plan, purge: Event) -> bool:
        saved, copy = self.vmalloc, self.vmalloc.clone()
        freed_at, self._freed_at = self._freed_at, dict(self._freed_at)
        counts = self.found.purges, self.found.purge_counts_equal
        self.vmalloc = copy
        self._purge(purge[2][0], purge[5])
        if self.predict(plan, request.cpu)[0] == (None if request.failed else request.start):
            return True
        self.vmalloc, self._freed_at = saved, freed_at
        self.found.purges, self.found.purge_counts_equal = counts
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

    def _claim(self, start: int, cpu: int, plan: Plan, hole: FreeArea | None) -> None:
        """Take the real address, wherever the model has it; `hole` if it lies in this free area."""
        vmalloc = self.vmalloc
        end = start + plan.size
        owner, pooled = NO_OWNER, False
        if plan.owned:
            owner = cpu % len(vmalloc.nodes)
            node = vmalloc.nodes[owner]
            pool = node.pools.get(plan.pages)
            if pool:
                pooled = pool[0] == (start, end)
                if pooled:
                    node.pop(plan.pages)
                elif pool[0][0] & (plan.align - 1):
                    pool.rotate(-1)
        if hole is not None:
            vmalloc.space.clip(hole, start, plan.size)
        elif not pooled and not vmalloc.space.take(start, end):
            self._take_elsewhere(start, end)
        vmalloc.busy[start] = VmapArea(start, end, owner, 0, 0)

    def _take_elsewhere(self, start: int, end: int) -> None:
        """Take what the model has pooled; else give back all that overlaps and carve.

        A pooled area never touches the tree, whose shape must not change for it.
        """
        vmalloc = self.vmalloc
        if any(
            node.remove(start, end, (end - start) // vmalloc.page_size) for node in vmalloc.nodes
        ):
            return
        for node in vmalloc.nodes:
            for low, high in [pair for pair in node.pooled() if pair[0] < end and start < pair[1]]:
                node.remove(low, high, (high - low) // vmalloc.page_size)
                vmalloc.space.give_back(low, high)
            for area in [
                area for area in node.lazy.values() if area.start < end and start < area.end
            ]:
                del node.lazy[area.start]
                self._freed_at.pop(area.start, None)
                vmalloc.nr_lazy -= (area.end - area.start) // vmalloc.page_size
                vmalloc.space.give_back(area.start, area.end)
        for area in [
            area for area in vmalloc.busy.values() if area.start < end and start < area.end
        ]:
            del vmalloc.busy[area.start]
            vmalloc.space.give_back(area.start, area.end)
        assert vmalloc.space.take(start, end), f"{start:x}-{end:x} is in no part of the model"
