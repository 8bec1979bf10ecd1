"""What may have happened to a replayed kernel that no event tells, or tells only later.

Each is a change of the state; which of them it was is found out by trying (`trials`).
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import chain, islice, takewhile
from typing import Final

from execmem_tui.formats.trace_event import FREE, Alloc, Event
from execmem_tui.mm.vmalloc import VmapRequest, area_start
from execmem_tui.mm.vmap_node import NO_OWNER, VmapArea
from execmem_tui.model.intervals import Interval
from execmem_tui.replay.ahead import Done
from execmem_tui.replay.state import State

_SPARED: Final = 24
"""How many purges back what each pooled may have been spared by the shrinker."""
_TAKEN_LATE: Final = 8
"""How many areas freed behind the line of a purge it may have taken."""
_DEAR: Final = 8
"""To find what an area is cut out of takes as long as so many copies."""
_PARTLY: Final = 512
"""How many areas a purge may have given back of more, and not yet the next."""


class Unseen(State):
    """What purges, the shrinker and frees may have done unseen."""

    def _still_taken(self) -> list[list[VmapArea]]:
        """Return what a purge that has begun has still to give back, ascending.

        Neighbours together: they are one area in its list (6.1, mm/vmalloc.c:
        merge_or_add_vmap_area).
        """
        assert self._begun is not None
        starts = self._begun[1]
        runs: list[list[VmapArea]] = []
        ended = None
        for area in sorted(self.vmalloc.lazy(), key=area_start):
            if area.start in starts:
                if area.start == ended:
                    runs[-1].append(area)
                else:
                    runs.append([area])
                ended = area.end
        return runs

    def _give_back_some(self, areas: Iterable[VmapArea], line: int) -> None:
        """Let a purge that has begun give back some of what it took."""
        assert self._begun is not None
        event, starts = self._begun
        some = {area.start for area in areas}
        given_back, pooled = self.vmalloc.give_back(some, full=False)
        self._begun = event, starts - some
        self._newest.append((line, {}, given_back, pooled))
        self._gone(given_back, pooled)

    def _freed_behind_purge(self) -> list[int]:
        """Return starts of what is lazy and was freed soon behind the newest purge of a kprobe.

        That purge may have taken it: the kprobe sees the call, the list is taken a moment later. In
        the order in which they were freed; not what its own task freed, or told something before.
        """
        if not self._probed:
            return []
        line, task = self._last_purge, self._purged_by[1]
        if self._begun is not None:
            line, task = self._begun[0][1], self._begun[0][2][0]
        behind = (event for event in self._told if event[1] > line)
        freed = [
            event[4]
            for event in takewhile(lambda event: event[2][0] != task, behind)
            if event[0] == FREE
        ]
        lazy = {
            area.start for area in self.vmalloc.lazy() if self._freed_at.get(area.start, 0) > line
        }
        return [start for start in freed if start in lazy][:_TAKEN_LATE]

    def _freed_before_purge(self) -> list[VmapArea]:
        """Return what the newest purge of a kprobe may have missed, the newest first.

        The kprobe on the free sees the call: the area is lazy a moment later, and until its task
        tells something else it may not have been when the purge came.
        """
        if not self._probed or self._begun is not None:
            return []
        given = {area.start: area for *_, areas, _ in self._newest for area in areas}
        tasks: set[str] = set()
        found: list[VmapArea] = []
        for event in reversed(self._told):
            if event[1] >= self._last_purge or event[2][0] in tasks:
                continue
            tasks.add(event[2][0])
            if event[0] == FREE and event[4] in given and len(found) < _TAKEN_LATE:
                found.append(given[event[4]])
        return found

    def _leave_lazy(self, areas: list[VmapArea]) -> None:
        """Take back that these were given back, as far as nobody has them: they are lazy still."""
        for area in areas:
            again = self.vmalloc.occupy(area.start, area.end)
            if again is not None:
                self.vmalloc.release(again)
                self._freed_at[area.start] = self._last_purge

    def _pooled_since(self, places: Iterable[Interval]) -> set[int]:
        """Return starts of what was pooled since a pool last gave what it should have given.

        And since something was pooled that lies in `places`, where nothing is pooled any more.
        """
        since = next((event[1] for event, *_, pooled, _ in reversed(self._answered) if pooled), 0)
        for line, _, _, areas in self._newest:
            for area in areas:
                if any(area.start < end and start < area.end for start, end in places):
                    since = max(since, line)
        return {area.start for line, _, _, areas in self._newest if line > since for area in areas}

    def _pooled_lately(self) -> Iterator[set[int]]:
        """Yield starts of what was pooled by the last purge that did, by the last two and so on."""
        spared: set[int] = set()
        pooled = {start for start, _ in self.vmalloc.pooled()}
        for *_, areas in tuple(self._newest)[: -_SPARED - 1 : -1]:
            if added := pooled.intersection(area.start for area in areas) - spared:
                spared |= added
                yield set(spared)

    def _was_detached(self, request: Alloc, asked: VmapRequest) -> bool:
        """Whether an answer came while a purge had its pool, and is told long after that purge.

        Its task told nothing since. What decayed then was not free yet.
        """
        since = self._concurrent.silent_since(request.line, request.task)
        newest = [
            decayed for line, decayed, *_ in reversed(self._newest) if decayed and line > since
        ]
        if not newest:
            return False
        before = self._copy()
        for decayed in newest:
            for start, end in decayed:
                before.occupy(start, end)
            if before.answer(asked, NO_OWNER)[0] == request.start:
                return True
        return False

    def _was_shorter(self, request: Alloc, asked: VmapRequest, places: Collection[int]) -> bool:
        """Whether a purge decayed an area only because a pool had one too many in the model.

        It takes a quarter of a pool. A task may be scheduled away between node_alloc and its event,
        and an area may be of another node than was told: where a miss told so lately, any that lies
        in `places`.
        """
        if request.line <= self._strange_up_to:
            return any(
                start <= place < end
                for _, decayed, *_ in self._newest
                for start, end in decayed
                for place in places
            )
        place = (request.start, request.start + asked.size)
        purges = (line for line, decayed, *_ in reversed(self._newest) if place in decayed)
        line = next(purges, request.line)
        silent, owner = self._concurrent.silent_since, self.vmalloc.owner(asked, request.cpu)
        for event, asking, node, _, pooled, _ in reversed(self._answered):
            number, (task, _) = event[1:3]
            if number < line:
                break
            of_pool = pooled and node == owner and asking.request.pages == asked.pages
            if of_pool and silent(number, task) < line:
                return True
        return False

    def _shrink(self, but: Collection[int] = ()) -> None:
        decayed = self.vmalloc.shrink(but)
        if self.moved is not None:
            self.moved.freed += decayed

    def _decay_ahead(self, purge: Event) -> None:
        self._decay(full=purge[2][0] in self._failed_tasks)
        self._ahead.purges[purge[1]] = Done.DECAY
        self._idle = False

    def _purge_ahead(self, purges: list[Event], frees: Iterable[Event] = ()) -> None:
        """Free what `frees` tell, then purge."""
        for free in frees:
            self._free_ahead(free)
        for purge in purges:
            self._purge(purge)
            self._ahead.purges[purge[1]] = Done.ALL

    def _part_ahead(self, purge: Event, line: int, is_right: Callable[[], bool]) -> None:
        """Give back so much of what a purge takes that an answer at a line is right.

        It walks the nodes, and of each what it took of it (purge_vmap_node).
        """
        if purge[1] not in self._ahead.purges:
            self._decay_ahead(purge)
        taken = {area.start for area in self._taken_by(purge[1], purge[5])}
        order = [sorted(taken.intersection(node.lazy)) for node in self.vmalloc.nodes]
        for number, start in enumerate(islice(chain.from_iterable(order), _PARTLY), 1):
            self._gone(*self.vmalloc.give_back({start}, full=False))
            if is_right():
                self._ahead.parts[purge[1]] = number, line
                return

    def _free_ahead(self, free: Event) -> None:
        if free[4] in self.vmalloc.busy:
            self._free(free[4], free[1], free[2][0])
            self._ahead.frees.add(free[1])

    def _free_late(self, frees: list[Event]) -> None:
        """Give back what a purge took that was not told to be lazy then: its count says how many.

        Perhaps their frees were told since, perhaps they come soon.
        """
        busy = self.vmalloc.busy
        for short in tuple(self._ahead.short):
            told = [area for area in self.vmalloc.lazy() if self._told_behind(area, short)]
            told.sort(key=lambda area: self._freed_at[area.start])
            coming = {busy[free[4]]: free for free in frees if free[4] in busy}
            silent = self._concurrent.silent_since
            chosen = told + [
                area
                for area, (_, line, (task, _), *_) in coming.items()
                if short.may_be(area) and silent(line, task) <= short.line
            ]
            del chosen[short.missing :]
            for area in chosen:
                if area in coming:
                    self._free_ahead(coming[area])
            if chosen:
                self._ahead.short.remove(short)
                starts = {area.start for area in chosen}
                self._gone(*self.vmalloc.give_back(starts, full=False))

    def _without_purge(self) -> None:
        """Take back what the last purge gave, as far as nobody has it: the tree's shape stays."""
        self._take_back(*self._gave)

    def _take_back(
        self, decayed: Collection[Interval], given_back: list[VmapArea], pooled: list[VmapArea]
    ) -> None:
        """Take back what a purge gave, as far as nobody has it."""
        self._tried += _DEAR * (len(decayed) + len(given_back) + len(pooled))
        for start, end in (*decayed, *((area.start, area.end) for area in given_back)):
            self.vmalloc.occupy(start, end)
        for area in pooled:
            self.vmalloc.take_pooled(area.start, area.end)
