"""The state of a kernel being replayed.

What is busy, lazy and pooled, as frees and purges tell it.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from attrs import field

from execmem_tui.formats.trace_event import EVERYTHING, OTHER, PURGE, Event
from execmem_tui.mm.free_space import FreeSpace
from execmem_tui.mm.vmalloc import Vmalloc
from execmem_tui.mm.vmap_node import VmapArea
from execmem_tui.model.intervals import Interval
from execmem_tui.model.records import define
from execmem_tui.replay.ahead import Ahead, Done, ShortPurge
from execmem_tui.replay.concurrent import LATE, TRUST, Answered, Concurrent, Weighing, may_last
from execmem_tui.replay.results import ReplayResults

_PURGES: Final = 64
"""How many purges back it is known what each decayed and pooled."""
_TRIED: Final = 2_000_000
"""Holes and lazy areas that are copied to try what may have happened: two seconds. The storm
that asked most had 620,000 in 20,000 lines."""
_TRIED_A_LINE: Final = 50
"""How many more for each line of a trace: a long one has as much to explain as several."""
_FORGOTTEN: Final = 400
"""Lines behind a purge after which nothing is expected that it took."""


Besides = tuple[Sequence[Interval], Sequence[Interval], Sequence[Interval]]
"""What `Moved` has of one event: freed, pooled, placed."""
UNMOVED: Final[Besides] = ((), (), ())


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

    def taken(self) -> Besides:
        """Return it for somebody who looks, and forget it."""
        besides = self.freed, self.pooled, self.placed
        self.freed, self.pooled, self.placed = [], [], []
        return besides

    def clear(self) -> None:
        """Forget it."""
        self.freed.clear()
        self.pooled.clear()
        self.placed.clear()

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.freed or self.pooled or self.placed)


class State:
    """What frees and purges do.

    Args:
        vmalloc: the allocator as it stands before the first event.
        watched: somebody looks at `moved` after every event, and takes it.
    """

    def __init__(self, vmalloc: Vmalloc, *, watched: bool) -> None:
        self.results = ReplayResults()
        self._tried = 0
        """Work of all that was tried, counted in areas that were copied for it."""
        self.moved = Moved() if watched else None
        """What happened to other areas since somebody looked."""
        self.begin_anew(vmalloc)

    def begin_anew(self, vmalloc: Vmalloc) -> None:
        """Stand before an event, with nothing known of what came before it but this allocator."""
        self.vmalloc = vmalloc
        self._ahead = Ahead()
        self._concurrent = Concurrent()
        # by names of their own, for each event asks for them
        self._told, self._answered = self._concurrent.told, self._concurrent.answered
        self._begun: tuple[Event, set[int]] | None = None
        """A purge that a kprobe told when it began, and starts of what it is to give back."""
        self._probed = False
        """The newest purge was told by a kprobe on its call."""
        self._ends_soon = 1
        """Positive where such purges had mostly ended when answers told."""
        self._late_up_to = 0
        """Line up to which an answer may be from before the last purge, if that did something."""
        self._of_node: int | None = None
        """Node of what is claimed next, where it is told with a CPU of another."""
        self._trying = False
        """What happens may be taken back."""
        self._source: Iterator[Event] = iter(())
        """Where the next events come from."""
        self._purged_by: tuple[int, str] = (0, "")
        """Line and task of the last purge that may have done something."""
        self._gave: tuple[list[Interval], list[VmapArea], list[VmapArea]] = ([], [], [])
        """What it did: decayed, free and pooled."""
        self._newest: deque[tuple[int, dict[Interval, None], list[VmapArea], list[VmapArea]]]
        self._newest = deque(maxlen=_PURGES)
        """Of the newest that did something: the line, what each decayed, what is free, pooled."""
        self._last_purge = 0
        """Line of the newest purge that was made: what was told before it is gone with the next."""
        self._unsure: dict[int, int] = {}
        """Start and end of what a purge may or may not have taken, until it is allocated again."""
        self._strange_up_to = 0
        """Line up to which nothing is certain, for a miss told that the state is another."""
        self._disordered = False
        """There was such an area: the tree's shape may be another since."""
        self._idle = False
        """`_is_idle` was true, and no purge was made or begun since."""
        self._unseen_lazy = False
        """Areas may be lazy that no event told of."""
        self._failed_tasks: set[str] = set()
        self._freed_at: dict[int, int] = {}
        """Of lazy areas: the line that freed it, by start."""
        if self.moved is not None:
            self.moved.clear()

    def _may_try(self, line: int) -> bool:
        """Whether there is time to try something.

        A stranger's trace may have any number of areas and of misses.
        """
        return self._tried < _TRIED + _TRIED_A_LINE * line

    def _copy(self) -> Vmalloc:
        """Return a copy of the allocator to try something on."""
        space = self.vmalloc.space
        holes = space.tree.count if isinstance(space, FreeSpace) else len(space.starts)
        self._tried += holes + len(self._freed_at) + 1
        return self.vmalloc.clone()

    def _branch(self) -> Callable[[], None]:
        """Go on with copies; return what brings back what was.

        What is known of concurrent events is shared, for what is tried does not touch it.
        """
        before = self.vmalloc, self._freed_at, self.moved, self._newest, self._unsure
        last = self._purged_by, self._gave, self._idle, self._unseen_lazy, self._last_purge
        late_up_to, begun, disordered = self._late_up_to, self._begun, self._disordered
        ahead, failed, results = self._ahead.copy(), set(self._failed_tasks), self.results
        counts = results.purges, results.purge_counts_differ, results.unknown_frees
        self.vmalloc, self._freed_at = self._copy(), dict(self._freed_at)
        self.moved = None if self.moved is None else self.moved.copy()
        self._newest, self._unsure = self._newest.copy(), dict(self._unsure)

        def restore() -> None:
            self.vmalloc, self._freed_at, self.moved, self._newest, self._unsure = before
            self._purged_by, self._gave, self._idle, self._unseen_lazy, self._last_purge = last
            self._late_up_to, self._begun, self._disordered = late_up_to, begun, disordered
            self._of_node = None
            self._ahead.restore(ahead)
            # in place, for a loop holds it
            self._failed_tasks.clear()
            self._failed_tasks.update(failed)
            results.purges, results.purge_counts_differ, results.unknown_frees = counts

        return restore

    def _is_idle(self) -> bool:
        """Whether a purge that finds nothing lazy does nothing at all: most purges of a trace."""
        # any() would take four times as long
        for node in self.vmalloc.nodes:
            if node.due:
                return False
        return not self._ahead.purges and not self._ahead.short

    def _free(self, start: int, number: int, task: str) -> None:
        area = self.vmalloc.busy.get(start)
        if area is None:
            self.results.unknown_frees += 1
        else:
            self.vmalloc.release(area)
            self._freed_at[start] = number
            if self._begun is not None and start in self._begun[1]:
                # what lay there before is gone: it was allocated since
                self._begun = self._begun[0], self._begun[1] - {start}
        if self._failed_tasks:
            self._failed_tasks.discard(task)

    def _purge(self, event: Event) -> None:
        """Do what a purge did, but for what was done before its event came."""
        _, number, (task, _), _, _, purge = event
        self._idle = False
        if purge[2] == EVERYTHING:
            self._begin_purge(event)
            return
        self._probed = False
        ahead = self._ahead.purges
        done = ahead.pop(number, None) if ahead else None
        if done is Done.ALL:
            return
        full = task in self._failed_tasks
        if self._ahead.short:
            self._settle(number, purge)
        beside, weighing, lazy = self._beside(event), None, 0
        if beside:
            weighing = Weighing(beside if done is None else [], self.vmalloc, empties=full)
            lazy = self._lazy_in(purge)
        decayed: list[Interval] = []
        if done is None and (full or not self._is_idle()):
            decayed = self._decay(full=full)
        if weighing is not None:
            weighing.decayed(self.vmalloc)
            weighing.beside = beside
        self._purged_by = number, task
        given_back, pooled = self._give_back(number, purge, full=full)
        if self._freed_at:
            self._clear_stale(full=full)
        if weighing is not None:
            weighing.purged(self.vmalloc, pooled)
            self._concurrent.reconsider(weighing, event, lazy, self.results)
            self._concurrent.forget()
        if decayed or given_back or pooled:
            self._late_up_to = number + LATE
            self._newest.append((number, dict.fromkeys(decayed), given_back, pooled))
        self._last_purge = number
        self._gave = decayed, given_back, pooled

    def _begin_purge(self, event: Event) -> None:
        """Remember what a purge takes that a kprobe tells as it begins; the one before is over.

        It detaches what is lazy at once, flushes TLBs, and gives all back at its end, with
        vmap_purge_lock held (6.1, mm/vmalloc.c: __purge_vmap_area_lazy). Other CPUs go on.
        """
        self._end_purge(event[1])
        self._probed = True
        self.results.purges += 1
        starts = {area.start for area in self.vmalloc.lazy()}
        self._begun = event, starts
        if not starts and self._is_idle():
            self._end_purge(event[1])

    def end_purge_if_over(self, event: Event) -> bool:
        """Let a purge that has begun be over if an event tells so: its task goes on, or time has.

        Or anything, where somebody watches and the trace showed that they end soon.

        Its CPU may go on before, for it may be scheduled away while it gives back. Return whether
        it is over by that.
        """
        if self._begun is None:
            return False
        begun = self._begun[0]
        task, line = event[2][0], event[1]
        if line <= begun[1]:
            return False
        # a map shows what is likelier; allocations are told late themselves
        soon = self.moved is not None and self._ends_soon == TRUST and event[0] == OTHER
        if not soon and task != begun[2][0] and may_last(begun, event):
            return False
        self._end_purge(line)
        return True

    def _end_purge(self, line: int) -> None:
        """Let a purge that has begun give back what it took; `line` tells that it is over."""
        if self._begun is None:
            return
        event, starts = self._begun
        self._begun = None
        self._unseen_lazy = False
        full = event[2][0] in self._failed_tasks
        decayed = [] if self._is_idle() else self._decay(full=full)
        given_back, pooled = self.vmalloc.give_back(starts, full=full)
        self._gone(given_back, pooled)
        self._purged_by = line, event[2][0]
        self._last_purge = event[1]
        self._gave = decayed, given_back, pooled
        if decayed or given_back or pooled:
            self._late_up_to = line + LATE
            self._newest.append((line, dict.fromkeys(decayed), given_back, pooled))

    def _learn_end(self, step: int) -> None:
        self._ends_soon = max(-TRUST, min(self._ends_soon + step, TRUST))

    def _beside(self, purge: Event) -> list[Answered]:
        """Return what was answered since a purge may have begun, unless it is only tried."""
        if not self._answered or self._trying:
            return []
        before = self._told[-2]
        if before[2][0] == purge[2][0] or before[0] == PURGE:  # as nearly always
            return []
        return self._concurrent.beside(purge)

    def _lazy_in(self, purge: tuple[int, int, int]) -> int:
        """Return how many lazy areas lie in a purge's span."""
        start, end, _ = purge
        return sum(start <= area.start and area.end <= end for area in self.vmalloc.lazy())

    def _clear_stale(self, *, full: bool) -> None:
        """Give back what was lazy before the last purge was told, and should be gone by now.

        Purges take turns, and each takes all that is lazy when it begins, which is after the one
        before it was told (mm/vmalloc.c: vmap_purge_lock, held where the event is written). Which
        areas a count is of is not always known.
        """
        freed_at, last = self._freed_at, self._last_purge
        stale = {area.start for area in self.vmalloc.lazy() if freed_at.get(area.start, 0) < last}
        if stale:
            self._gone(*self.vmalloc.give_back(stale, full=full))

    def _settle(self, line: int, purge: tuple[int, int, int]) -> None:
        """Give back what earlier purges took though its free was told behind them.

        Their counts said that there was more. A purge takes all that is lazy: what lies outside of
        the next one's span, or is more than it counts, was not lazy any more.
        """
        start, end, purged = purge
        shorts = self._ahead.short
        while shorts and line - shorts[0].line > _FORGOTTEN:
            shorts.popleft()
        for short in tuple(shorts):
            lazy = list(self.vmalloc.lazy())
            inside = sum(start <= area.start and area.end <= end for area in lazy)
            surplus = 0 if purged == EVERYTHING else max(0, inside - purged)
            told = [area for area in lazy if self._told_behind(area, short)]
            told.sort(key=lambda area: self._freed_at[area.start])
            outside = [area for area in told if area.start < start or end < area.end]
            chosen = [*outside, *(area for area in told if area not in outside)][: short.missing]
            del chosen[len(outside) + surplus :]
            if chosen:
                shorts.remove(short)
                given = self.vmalloc.give_back({area.start for area in chosen}, full=False)
                self._gone(*given)

    def _is_taken(self, start: int) -> None:
        """Forget what was asked of the area that was here: this is another one."""
        for short in self._ahead.short:
            short.taken.add(start)
        self._unsure.pop(start, None)

    def _told_behind(self, area: VmapArea, short: ShortPurge) -> bool:
        """Whether a purge may have taken it though its free was told behind that.

        Not where the task that freed it told something in between, and had not freed it then.
        """
        line = self._freed_at.get(area.start, 0)
        if line <= short.line or not short.may_be(area):
            return False
        return self._concurrent.told_before(line) <= short.line

    def _gone(self, given_back: list[VmapArea], pooled: list[VmapArea]) -> None:
        """Forget that they were lazy, and say so."""
        if self._freed_at:
            for area in (*given_back, *pooled):
                self._freed_at.pop(area.start, None)
        if self.moved is not None:
            self.moved.freed += [(area.start, area.end) for area in given_back]
            self.moved.pooled += [(area.start, area.end) for area in pooled]

    def _decay(self, *, full: bool) -> list[Interval]:
        decayed = self.vmalloc.decay(full=full)
        if self.moved is not None:
            self.moved.freed += decayed
        return decayed

    def _give_back(
        self, line: int, purge: tuple[int, int, int], *, full: bool
    ) -> tuple[list[VmapArea], list[VmapArea]]:
        """Give back the oldest `purged` lazy areas of the purge's span.

        Return the free and the pooled. Younger ones stay lazy: they were freed while it ran (15 of
        101,891 purges).
        """
        self.results.purges += 1
        start, end, purged = purge
        self._unseen_lazy = False
        if start >= end and not purged:
            return [], []
        chosen = None
        if self._ahead.parts or not self._is_all_lazy(purge):
            inside = self._taken_by(line, purge)
            if len(inside) < sum(len(node.lazy) for node in self.vmalloc.nodes):
                chosen = {area.start for area in inside}
        self._ahead.parts.pop(line, None)
        given_back, pooled = self.vmalloc.give_back(chosen, full=full)
        if chosen is None:
            self._freed_at.clear()
        if self._freed_at or self.moved is not None:
            self._gone(given_back, pooled)
        return given_back, pooled

    def _taken_by(self, line: int, purge: tuple[int, int, int]) -> list[VmapArea]:
        """Return what a purge takes of what is lazy; note where that is less than it counts."""
        start, end, purged = purge
        inside = [a for a in self.vmalloc.lazy() if start <= a.start and a.end <= end]
        if line in self._ahead.parts:
            # it had taken all of it when it gave back the first
            done, since = self._ahead.parts[line]
            inside = [area for area in inside if self._freed_at.get(area.start, 0) < since]
            purged = max(0, purged - done)
        self.results.purge_counts_differ += len(inside) != purged
        if len(inside) > purged:
            return self._chosen(inside, line, (start, end, purged)) if purged else []
        if len(inside) < purged:
            self._ahead.short.append(ShortPurge(line, start, end, purged - len(inside)))
        return inside

    def _chosen(
        self, inside: list[VmapArea], line: int, purge: tuple[int, int, int]
    ) -> list[VmapArea]:
        """Return those of too many lazy areas that a purge counts: the oldest, if nothing tells.

        What lies at an edge of its span is among them, what is allocated again before the next
        purge, and what that one does not span, for it takes all that is left. What lies at an edge
        of the next one's span is left for it.
        """
        start, end, purged = purge
        self._ahead.look(self._source)
        (low, high, counted), again = self._ahead.up_to_purge(line)
        if counted == EVERYTHING or low > high:  # then it tells nothing of what is left
            low, high = 0, 1 << 64

        def rank(area: VmapArea) -> int:
            first, last = area.start, area.end
            if first == start or last == end or first in again or first < low or last > high:
                return 0
            if self._freed_at.get(first, 0) < self._last_purge:
                return 0
            return 2 if first == low or last == high else 1

        ranks = {area.start: rank(area) for area in inside}
        if not self._follow_order(ranks) or list(ranks.values()).count(0) > purged:
            again = set()  # the next one had begun to give back
            ranks = {area.start: rank(area) for area in inside}
            self._follow_order(ranks)
        ranked = sorted(
            inside, key=lambda area: (ranks[area.start], self._freed_at.get(area.start, 0))
        )
        if ranks[ranked[purged - 1].start] == ranks[ranked[purged].start]:
            self._unsure |= {area.start: area.end for area in inside if ranks[area.start] == 1}
            self._disordered = True
        return ranked[:purged]

    def _follow_order(self, ranks: dict[int, int]) -> bool:
        """Rank what was freed to a node before what was taken of it as taken, and so on.

        A purge takes all that is lazy of a node at one moment (__purge_vmap_area_lazy). A free came
        before another one where it was told before that one's task told something else. Return
        whether nothing speaks against the ranks.
        """
        if len(set(ranks.values())) == 1:
            return True
        freed_at, told_before, agree = self._freed_at, self._concurrent.told_before, True
        for node in self.vmalloc.nodes:
            lines = {start: freed_at.get(start, 0) for start in node.lazy if start in ranks}
            tasks = {start: told_before(line) for start, line in lines.items()}
            taken = max((tasks[start] for start in lines if ranks[start] == 0), default=-1)
            left = min((lines[start] for start in lines if ranks[start] == 2), default=None)
            agree &= left is None or left > taken
            # two bounds, not pairs: a stranger's trace may have any number of lazy areas
            for start in [start for start in lines if ranks[start] == 1]:
                if lines[start] <= taken:
                    ranks[start] = 0
                elif left is not None and left <= tasks[start]:
                    ranks[start] = 2
        return agree

    def _is_all_lazy(self, purge: tuple[int, int, int]) -> bool:
        """Whether a purge's span holds all that is lazy and its count says so: as nearly always."""
        start, end, missing = purge
        for node in self.vmalloc.nodes:
            for area in node.lazy.values():
                if area.start < start or area.end > end:
                    return False
            missing -= len(node.lazy)
        return not missing
