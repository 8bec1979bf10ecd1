"""Replay of a real trace: each address predicted, compared, then taken as it was.

Events come later than what they tell: frees after queueing, purges after the last area was given back, allocations after
the search. Where a prediction misses, the known reasons are tried in order; what is left is unexplained.
"""

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from attrs import define, evolve, field, frozen

from execmem_tui.formats.trace import EVERYTHING, Alloc, Free, Lost, Purge, TraceLine
from execmem_tui.mm.vmalloc import Form, Vmalloc
from execmem_tui.mm.vmap_node import MAX_POOL_PAGES, NO_OWNER, VmapArea, give_back_decayed

_AHEAD: Final = 400
"""Lines to look ahead for the purge that already took effect."""


@frozen(kw_only=True)
class Miss:
    """One wrong prediction."""

    line: int
    request: Alloc
    predicted: int | None
    kind: str
    cause: str
    """"" where nothing explains it."""
    robust: bool = False
    """The prediction stays the same with all lazy and all pooled areas counted as free: no purge under way can explain it."""


@define
class Replayed:
    """Counts of a replay."""

    checked: Counter[str] = field(factory=Counter)
    exact: Counter[str] = field(factory=Counter)
    windows: dict[tuple[int, int], list[int]] = field(factory=dict)
    """(vstart, vend) -> [checked, exact]."""
    certain: int = 0
    certain_exact: int = 0
    misses: list[Miss] = field(factory=list)
    unclaimed: Counter[str] = field(factory=Counter)
    """Requests of which nothing is claimed, by the reason."""
    lost: int = 0
    unknown_frees: int = 0
    purges: int = 0
    purge_counts_equal: int = 0


@frozen
class Answer:
    """What the model says to a request."""

    start: int | None
    kind: str
    certain: bool


class Replay:
    """One kernel being replayed.

    Args:
        form: whose rules apply.
        page_size: bytes.
        window: VMALLOC_START and VMALLOC_END; requests for exactly this may be served from pools.
        cpus: possible CPUs, as far as they decide the number of nodes: 1 for kernels before 6.9.
        busy: (start, end) of areas that exist from the start.
        lazy: (start, end) of areas that are lazy from the start.
        percpu: {address of an allocation: areas that appear right after it}: percpu chunks have no event.
        word_bits: of the machine.
        unknown: "" or what is not known at the start: "pools" (several nodes and no replay from boot), "state".
        shaped: whether the tree's shape is known (from boot); else only the bounds of an uncertain answer are.
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
        for start, _ in lazy:
            self.vmalloc.release(self.vmalloc.busy[start])
        self.window = window
        self.percpu = dict(percpu or {})
        self.unknown = unknown
        self.shaped = shaped
        self.ascending = ascending
        self.found = Replayed()
        self._ahead: deque[TraceLine] = deque()
        self._done_purges: set[int] = set()
        self._failed_tasks: set[str] = set()
        self._freed_at: dict[int, int] = {}

    def run(self, lines: Iterable[TraceLine]) -> Replayed:
        """Replay all lines and return what was found."""
        source = iter(lines)
        while True:
            line = self._next(source)
            if line is None:
                return self.found
            self._take_line(line, source)

    def _next(self, source: Iterator[TraceLine]) -> TraceLine | None:
        return self._ahead.popleft() if self._ahead else next(source, None)

    def _take_line(self, line: TraceLine, source: Iterator[TraceLine]) -> None:
        if isinstance(line, Alloc):
            self._alloc(line, source)
        elif isinstance(line, Free):
            area = self.vmalloc.busy.get(line.start)
            if area is None:
                self.found.unknown_frees += 1
            else:
                self.vmalloc.release(area)
                self._freed_at[line.start] = line.line
            self._failed_tasks.discard(line.task)
        elif isinstance(line, Purge):
            if line.line in self._done_purges:
                self._done_purges.discard(line.line)
            else:
                self._purge(line)
            self._failed_tasks.discard(line.task)
        elif isinstance(line, Lost):
            self.found.lost += line.events

    def _purge(self, line: Purge) -> None:
        """Decay, then give back the oldest `purged` lazy areas of the purge's span; younger ones stay lazy."""
        full = line.task in self._failed_tasks
        vmalloc = self.vmalloc
        self._decay(full=full)
        self.found.purges += 1
        if line.purged == EVERYTHING:
            inside = list(vmalloc.lazy())
        else:
            inside = [area for area in vmalloc.lazy() if line.start <= area.start and area.end <= line.end]
            self.found.purge_counts_equal += len(inside) == line.purged
            if len(inside) > line.purged:
                inside.sort(key=lambda area: self._freed_at.get(area.start, 0))
                del inside[line.purged :]
        chosen = set(map(id, inside))
        detached = []
        for node in vmalloc.nodes:
            if node.lazy:
                out = sorted((area for area in node.lazy if id(area) in chosen), key=_start)
                node.lazy = [area for area in node.lazy if id(area) not in chosen]
                if out:
                    detached.append(out)
        helpers = min(max(vmalloc.nr_lazy // vmalloc.lazy_max(), 1), len(detached)) - 1 if detached else 0
        for areas in detached[helpers:] + detached[:helpers]:
            self.give_back(areas, full=full)

    def give_back(self, areas: list[VmapArea], *, full: bool) -> None:
        """Pool what is owned, then give the rest back descending."""
        vmalloc = self.vmalloc
        local = []
        for area in areas:
            pages = (area.end - area.start) // vmalloc.page_size
            vmalloc.nr_lazy -= pages
            if area.owner != NO_OWNER and not full and pages <= MAX_POOL_PAGES:
                vmalloc.nodes[area.owner].park(pages, area.start, area.end)
            else:
                local.append(area)
        for area in local if self.ascending else reversed(local):
            vmalloc.space.give_back(area.start, area.end)

    def _decay(self, *, full: bool) -> None:
        for node in self.vmalloc.nodes:
            decayed = node.decay(full=full, empties_short=self.vmalloc.form is Form.V6_12)
            give_back_decayed(self.vmalloc.space, decayed)

    def predict(self, request: Alloc) -> Answer:
        """Answer a request without changing anything."""
        vmalloc = self.vmalloc
        aligned = request.align > vmalloc.page_size
        exact = (request.vstart, request.vend) == self.window
        where = "vmalloc" if exact else "module"
        if exact and len(vmalloc.nodes) > 1:
            pool = vmalloc.nodes[request.cpu % len(vmalloc.nodes)].pools.get(request.size // vmalloc.page_size)
            if pool and not pool[0][0] & (request.align - 1):
                return Answer(pool[0][0], f"{where} {'aligned' if aligned else 'page'} pool", True)
        need = vmalloc.space.padded(request.size, request.align, request.vstart, request.vend)
        found = vmalloc.space.search(request.size, request.align, request.vstart, need)
        start = None if found is None or found[1] + request.size > request.vend else found[1]
        if not aligned:
            return Answer(start, f"{where} page tree" if exact else "module window", True)
        lowest = vmalloc.space.lowest_fit(request.size, request.align, request.vstart)
        padded = vmalloc.space.lowest_fit(request.size, request.align, request.vstart, need)
        certain = padded == lowest
        if not exact:
            return Answer(start, "module window", certain)
        return Answer(start, f"{where} aligned {'certain' if certain else 'uncertain'}", certain)

    def _alloc(self, request: Alloc, source: Iterator[TraceLine]) -> None:
        why = self._unclaimed(request)
        if why:
            self.found.unclaimed[why] += 1
        else:
            self._compare(request, source)
        if request.failed:
            self._failed_tasks.add(request.task)
            return
        self._failed_tasks.discard(request.task)
        self._claim(request)
        for start, end in self.percpu.pop(request.start, ()):
            if self.vmalloc.space.take(start, end):
                self.vmalloc.busy[start] = VmapArea(start, end, NO_OWNER, 0, 0)

    def _unclaimed(self, request: Alloc) -> str:
        """Return "" or why nothing can be said of a request."""
        if self.unknown == "state":
            return "state before the trace unknown"
        if self.unknown == "pools" and (request.vstart, request.vend) == self.window:
            return "pools unknown"
        return ""

    def _compare(self, request: Alloc, source: Iterator[TraceLine]) -> None:
        """Predict, compare with the trace, and explain a miss."""
        answer = self.predict(request)
        actual = None if request.failed else request.start
        good = answer.start == actual
        if not good and not self.shaped and not answer.certain and actual is not None and self._in_bounds(request):
            self._count(request, evolve(answer, kind=answer.kind + ", in its bounds"), good=True)
            return
        robust = not good and self._robust(request, answer)
        cause = "" if good else self._resolve(request, source)
        if not good and not cause and self.found.lost:
            cause = "events were lost before it"
        self._count(request, answer, good=good)
        if not good:
            self.found.misses.append(
                Miss(
                    line=request.line,
                    request=request,
                    predicted=answer.start,
                    kind=answer.kind,
                    cause=cause,
                    robust=robust,
                )
            )

    def _in_bounds(self, request: Alloc) -> bool:
        """Whether the address lies in [L, C]: all that can be said without the tree's shape."""
        space = self.vmalloc.space
        need = space.padded(request.size, request.align, request.vstart, request.vend)
        low = space.lowest_fit(request.size, request.align, request.vstart)
        high = space.lowest_fit(request.size, request.align, request.vstart, need)
        return low is not None and low <= request.start and (high is None or request.start <= high)

    def _robust(self, request: Alloc, answer: Answer) -> bool:
        saved, self.vmalloc = self.vmalloc, self.vmalloc.clone()
        for area in list(self.vmalloc.lazy()):
            self.vmalloc.space.give_back(area.start, area.end)
        self._decay(full=True)
        same = self.predict(request).start == answer.start
        self.vmalloc = saved
        return same

    def _count(self, request: Alloc, answer: Answer, *, good: bool) -> None:
        found = self.found
        kind = "failed attempt" if request.failed else answer.kind
        found.checked[kind] += 1
        found.exact[kind] += good
        pair = found.windows.setdefault((request.vstart, request.vend), [0, 0])
        pair[0] += 1
        pair[1] += good
        if answer.certain:
            found.certain += 1
            found.certain_exact += good

    def _resolve(self, request: Alloc, source: Iterator[TraceLine]) -> str:
        """Try the known reasons for a miss; the first that makes it right is applied and named."""
        actual = None if request.failed else request.start
        vmalloc = self.vmalloc
        for other in range(len(vmalloc.nodes)):
            moved = request._replace(cpu=other)
            if other != request.cpu % len(vmalloc.nodes) and self.predict(moved).start == actual:
                return "another CPU's pool"
        purge = self._next_purge(source)
        if purge is not None and self._right_after(request, purge):
            self._done_purges.add(purge.line)
            return "a purge took effect before its event"
        saved, copy = self.vmalloc, self.vmalloc.clone()
        self.vmalloc = copy
        self._decay(full=True)
        if self.predict(request).start == actual:
            return "pools emptied by the shrinker"
        self.vmalloc = saved
        return ""

    def _right_after(self, request: Alloc, purge: Purge) -> bool:
        saved, copy = self.vmalloc, self.vmalloc.clone()
        counts = self.found.purges, self.found.purge_counts_equal
        self.vmalloc = copy
        self._purge(purge)
        if self.predict(request).start == (None if request.failed else request.start):
            return True
        self.vmalloc = saved
        self.found.purges, self.found.purge_counts_equal = counts
        return False

    def _next_purge(self, source: Iterator[TraceLine]) -> Purge | None:
        missing = _AHEAD - len(self._ahead)
        if missing > 0:
            self._ahead.extend(islice(source, missing))
        return next(
            (line for line in self._ahead if isinstance(line, Purge) and line.line not in self._done_purges), None
        )

    def _claim(self, request: Alloc) -> None:
        """Take the real address, wherever the model has it."""
        vmalloc, start, end = self.vmalloc, request.start, request.start + request.size
        owner = NO_OWNER
        if len(vmalloc.nodes) > 1 and (request.vstart, request.vend) == self.window:
            owner = request.cpu % len(vmalloc.nodes)
            node = vmalloc.nodes[owner]
            pages = request.size // vmalloc.page_size
            pool = node.pools.get(pages)
            if pool and (start, end) != pool[0] and pool[0][0] & (request.align - 1):
                pool.rotate(-1)
        if not vmalloc.space.take(start, end):
            self._take_elsewhere(start, end)
        vmalloc.busy[start] = VmapArea(start, end, owner, 0, 0)
        self._freed_at.pop(start, None)

    def _take_elsewhere(self, start: int, end: int) -> None:
        """Take what the model has pooled; else give back all that overlaps and carve.

        A pooled area never touches the tree, whose shape must not change for it.
        """
        vmalloc = self.vmalloc
        if any(node.remove(start, end, (end - start) // vmalloc.page_size) for node in vmalloc.nodes):
            return
        for node in vmalloc.nodes:
            for low, high in [pair for pair in node.pooled() if pair[0] < end and start < pair[1]]:
                node.remove(low, high, (high - low) // vmalloc.page_size)
                vmalloc.space.give_back(low, high)
            for area in [area for area in node.lazy if area.start < end and start < area.end]:
                node.lazy.remove(area)
                vmalloc.nr_lazy -= (area.end - area.start) // vmalloc.page_size
                vmalloc.space.give_back(area.start, area.end)
        for area in [area for area in vmalloc.busy.values() if area.start < end and start < area.end]:
            del vmalloc.busy[area.start]
            vmalloc.space.give_back(area.start, area.end)
        assert vmalloc.space.take(start, end), f"{start:x}-{end:x} is in no part of the model"


def _start(area: VmapArea) -> int:
    return area.start
