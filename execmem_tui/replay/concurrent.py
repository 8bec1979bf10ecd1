"""Which answers follow in whatever order the events of several tasks took effect.

A purge is told when it is over, and holds a lock until then (mm/vmalloc.c: vmap_purge_lock). What
other tasks are given between the purge before it and its own line may be from before its decay,
from between its decay and its last give-back, or from behind it. An answer is certain where all
three are one, or where something that the purge counts was told to be lazy only later: it takes all
at once. Between decay and give-back the TLBs of all CPUs are flushed, which takes most of the time
(__purge_vmap_area_lazy), so that pools have probably decayed once all is lazy.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final

from execmem_tui.formats.trace_event import FREE, PURGE, Alloc, Event, full, seconds_of
from execmem_tui.mm.vmalloc import Vmalloc
from execmem_tui.mm.vmap_node import NO_OWNER, VmapArea
from execmem_tui.model.intervals import Interval
from execmem_tui.replay.request_classes import RequestClass
from execmem_tui.replay.results import Cause, ClassCount, Miss, ReplayResults

LATE: Final = 24
"""Lines by which an event may be told late, where nothing else bounds it."""
_LINES: Final = 400
"""How many events back a purge may have begun."""
_SECONDS: Final = 0.5
"""How long one may take: of 230 that others overtook, on four CPUs emulated by two, the longest
took half of that."""

TRUST: Final = 6
"""How many purges outweigh what those before them told: a storm behind a quiet boot is other."""

Answered = tuple[Event, RequestClass, int, int | None, bool, ClassCount]
"""A request, its class, its owner, the answer, whether a pool gave it, and where it counts."""


class Weighing:
    """Compares what was answered beside a purge with what it would be after parts of that."""

    def __init__(
        self,
        beside: Iterable[Answered],
        vmalloc: Vmalloc,
        *,
        empties: bool,
        asked: Answered | None = None,
    ) -> None:
        """Stand before the purge's decay.

        Args:
            beside: the newest first; all took what they were answered.
            vmalloc: before the decay.
            empties: the decay empties all pools.
            asked: one more, the newest, which has not taken it.
        """
        self.beside = [*beside] if asked is None else [asked, *beside]
        self.decays: dict[int, int | None] = {}
        """What a decay would have made of answers that it changes, by line."""
        self.purges: set[int] = set()
        """Lines of answers that the give-back would have changed."""
        taken: dict[tuple[int, int], list[int]] = {}
        short = vmalloc.rules.decay_empties_short
        for answered in self.beside:
            event, asking, owner, answer, pooled, _ = answered
            if not pooled or answer is None:
                continue
            pages = asking.request.pages
            since = taken.setdefault((owner, pages), [])
            if answered is not asked:
                since.append(answer)
            pool = vmalloc.nodes[owner].pools.get(pages, ())
            length = len(pool) + len(since)
            gone = length if empties else length >> 2 or (length if short else 0)
            if gone:
                left = [*reversed(since), *(start for start, _ in pool)][gone:]
                self.decays[event[1]] = left[0] if left else None

    def decayed(self, vmalloc: Vmalloc) -> None:
        """Look at holes after the decay."""
        for event, asking, _, answer, pooled, _ in self.beside:
            if not pooled:
                after = vmalloc.answer(asking.request, NO_OWNER)[0]
                if _is_lower(after, answer):
                    self.decays[event[1]] = after
            elif self.decays.get(event[1], 0) is None:  # an emptied pool leaves it to a hole
                self.decays[event[1]] = vmalloc.answer(asking.request, NO_OWNER)[0]

    def purged(self, vmalloc: Vmalloc, parked: Iterable[VmapArea]) -> None:
        """Look at holes and pools after the whole purge, which put `parked` into pools."""
        pools = {(area.owner, area.pages) for area in parked}
        for event, asking, owner, answer, pooled, _ in self.beside:
            if (owner, asking.request.pages) in pools:
                self.purges.add(event[1])
            elif not pooled:
                after = vmalloc.answer(asking.request, NO_OWNER)[0]
                if _is_lower(after, answer):
                    self.purges.add(event[1])

    def changes(self, line: int) -> bool:
        """Whether an answer depends on how much of the purge was done."""
        return line in self.decays or line in self.purges


class Concurrent:
    """The newest events, and what of the newest answers depends on their order."""

    def __init__(self) -> None:
        self.told: deque[Event] = deque(maxlen=_LINES)
        self.answered: deque[Answered] = deque(maxlen=_LINES)
        """Those that were right."""
        self._score = 0
        """Positive where purges under way had mostly decayed the pools, as far as answers told."""
        self._undecayed = 0
        """Line of the purge that is known to have begun after an answer that it would change."""
        self._unsure: set[int] = set()
        """Lines whose answers count as uncertain already."""

    def beside(self, purge: Event) -> list[Answered]:
        """Return what was answered since a purge may have begun, the newest first."""
        answered = self.answered
        line, task = purge[1], purge[2][0]
        since = 0
        for event in reversed(self.told):
            if (event[0] == PURGE or event[2][0] == task) and event[1] < line:
                since = event[1]
                break
        found: list[Answered] = []
        for each in reversed(answered):
            if each[0][1] <= since or not may_last(each[0], purge):
                break
            found.append(each)
        return found

    def late(self, event: Event, line: int) -> bool:
        """Whether what an event tells may be from before the end of a purge that was told before.

        It was where its task told nothing since.

        Args:
            event: told behind it.
            line: at which the purge was told, or was over.
        """
        since: set[str] = set()
        for before in reversed(self.told):
            if before[1] <= line:
                return event[2][0] not in since and may_last(before, event)
            if before[1] < event[1]:
                since.add(before[2][0])
        return False

    def silent_since(self, line: int, task: str) -> int:
        """Return the line that a task told last before another, or the first that is known."""
        told = (
            event[1] for event in reversed(self.told) if event[1] < line and event[2][0] == task
        )
        return next(told, self.told[0][1])

    def told_before(self, line: int) -> int:
        """Return the line that the task of an event told last before it: it came after that.

        0 where the event is not known any more.
        """
        if not self.told or line < self.told[0][1]:
            return 0
        event = next(event for event in reversed(self.told) if event[1] <= line)
        if event[1] < line:
            return 0
        return self.silent_since(line, event[2][0])

    def reconsider(
        self, weighing: Weighing, purge: Event, lazy: int, results: ReplayResults
    ) -> None:
        """Count as uncertain what a purge under way may have changed.

        Where it should have changed something, for all that it counts was lazy, that was a miss.

        Args:
            weighing: of it.
            purge: its event.
            lazy: how many areas of its span were lazy when the newest was answered.
            results: what is counted.
        """
        for event, _, _, _, _, count in weighing.beside:
            line = event[1]
            if not count.certain or line in self._unsure or not weighing.changes(line):
                continue
            if self.may_follow(line, purge, lazy):
                results.move(count, results.uncertain(count))
                self._unsure.add(line)
        if not weighing.decays or self._undecayed == purge[1]:
            return
        for answered in reversed(weighing.beside):
            event, _, _, _, _, count = answered
            line = event[1]
            if line in weighing.decays and self._tells(line, purge, lazy):
                self._undecayed = purge[1]
                foreseen = self.foresees_decay(purge, line, lazy)
                if not self._surplus(line, purge, lazy):
                    self._learn(-1)
                if not foreseen:
                    return
                request = full(event)
                assert isinstance(request, Alloc)
                results.uncertain(count).exact -= 1
                results.misses.append(
                    Miss(
                        line=line,
                        request=request,
                        predicted=weighing.decays[line],
                        kind=count.kind,
                        certain=False,
                        cause=Cause.DECAY_LATE,
                    )
                )
                return

    def may_follow(self, line: int, purge: Event, lazy: int) -> bool:
        """Whether all that a purge counts was told to be lazy before a line.

        `lazy` is how many areas of its span are now.
        """
        return self._surplus(line, purge, lazy) >= 0

    def foresees_decay(self, purge: Event, line: int, lazy: int) -> bool:
        """Whether a purge under way should have decayed the pools before an answer.

        It has where it counts less than was told to be lazy: it had come to the nodes before the
        rest was freed. It probably has where the trace showed that.
        """
        return self.expects_decay or self._surplus(line, purge, lazy) > 0

    def _surplus(self, line: int, purge: Event, lazy: int) -> int:
        """Return by how much what was told to be lazy before a line is more than a purge counts."""
        start, end, purged = purge[5]
        for event in reversed(self.told):
            if event[1] <= line or lazy < purged:
                break
            lazy -= int(event[0] == FREE and start <= event[4] < end)
        return int(lazy - purged)

    def has_decayed(self, purge: Event, line: int, lazy: int) -> bool:
        """Whether a purge under way has decayed the pools, as an answer at a line says.

        So it was if nothing speaks against it; for that answer alone may have other reasons.
        """
        if self._undecayed == purge[1] or not self._tells(line, purge, lazy):
            return False
        if not self._surplus(line, purge, lazy):
            self._learn(1)
        return True

    def _tells(self, line: int, purge: Event, lazy: int) -> bool:
        """Whether an answer tells how long before its event a purge decays.

        One that counts nothing flushes no TLB either, and is one moment.
        """
        return purge[5][2] > 0 and self.may_follow(line, purge, lazy)

    @property
    def expects_decay(self) -> bool:
        """Whether that is expected of purges under way: this trace showed it."""
        return self._score > 0

    def _learn(self, step: int) -> None:
        self._score = max(-TRUST, min(self._score + step, TRUST))

    def forget(self) -> None:
        """Forget which answers count as uncertain: the purge is over."""
        self._unsure.clear()


def may_last(event: Event, purge: Event) -> bool:
    """Whether a purge may have lasted from an event to its own."""
    begin, end = seconds_of(event), seconds_of(purge)
    return begin is None or end is None or end - begin < _SECONDS


def came_before(
    asked: tuple[RequestClass, int, bool],
    gave: tuple[list[Interval], list[VmapArea], list[VmapArea]],
) -> bool:
    """Whether an answer would be another without what the last purge did.

    Args:
        asked: the request, its answer, and whether a pool gave it.
        gave: what that purge decayed, freed and pooled.
    """
    asking, start, pooled = asked
    request = asking.request
    end = start + request.size
    decayed, given_back, parked = gave
    for low, high in decayed:
        # a pool of the size had more before it
        if (request.owned and high - low == request.size) or (
            not pooled and low < end and start < high
        ):
            return True
    if pooled:
        return any(area.start == start for area in parked)
    for area in given_back:  # noqa: SIM110 - any() takes twice as long
        if area.start < end and start < area.end:
            return True
    return False


def _is_lower(after: int | None, before: int | None) -> bool:
    return after is not None and (before is None or after < before)
