"""The tenants of an address: who lay there when, in one pass over the events of a history."""

from collections.abc import Iterable, Sequence

from attrs import evolve

from execmem_tui.history import History
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.records import frozen
from execmem_tui.model.units import Address, format_size


@frozen(kw_only=True)
class Tenant:
    """One life of an address."""

    area: Area
    """As it was last known: names come later than allocations in a trace."""
    begins: int | None
    """The step that it was there after; None: before the first."""
    ends: int | None
    """The step that it was gone after; None: it is still there at the end."""
    since: float | None
    """Seconds of the step it begins with, where it has a time."""
    until: float | None
    """Seconds of the step it ends with."""

    def at(self, step: int) -> bool:
        """Whether it lay there at a step."""
        return (self.begins or 0) <= step and (self.ends is None or step < self.ends)

    @property
    def text(self) -> str:
        """``nft_ct.text 12K, 12.1 to 40.2 s``, in steps where there are no times."""
        return f"{self.area.name} {format_size(self.area.size)}, {self._when()}"

    def _when(self) -> str:
        if self.begins is None and self.ends is None:
            return "all the time"
        start = (
            "the beginning"
            if self.begins is None
            else f"step {self.begins:,}"
            if self.since is None
            else f"{self.since:.1f}"
        )
        timed = self.since is not None or (self.begins is None and self.until is not None)
        if self.ends is None:
            return f"from {start}{' s' if self.since is not None else ''} on"
        end = f"{self.until:.1f} s" if timed and self.until is not None else f"step {self.ends:,}"
        return f"{start} to {end}"


def tenants(history: History, address: Address) -> tuple[Tenant, ...]:
    """Return who lay at `address`, in order of time. Lazy, pooled and free pieces are nobody.

    An area that is split, joined or named anew with the same owner and region goes on living.
    """
    first = history.first_step
    found: list[Tenant] = []
    here = _covering(history.peek(first).between(address, address + 1), address)
    if here is not None:
        found.append(Tenant(area=here, begins=None, ends=None, since=None, until=None))
    for step, event in enumerate(history.events(first, history.steps), first + 1):
        gone = _covering(event.removed, address)
        come = _covering(event.added, address)
        if gone is None and come is None:
            continue
        newest = found[-1] if found and found[-1].ends is None else None
        if newest is not None and come is not None and _same(newest.area, come):
            found[-1] = evolve(newest, area=come)
            continue
        if newest is not None:
            found[-1] = evolve(newest, ends=step, until=event.time)
        if come is not None:
            found.append(Tenant(area=come, begins=step, ends=None, since=event.time, until=None))
    return tuple(found)


def _covering(areas: Iterable[Area], address: Address) -> Area | None:
    for area in areas:
        if area.start <= address < area.end and area.state is AreaState.LIVE:
            return area
    return None


def _same(before: Area, after: Area) -> bool:
    """Whether two areas at one address, one right after the other, are one life."""
    return before.start == after.start and (
        before.owner is None or (before.owner, before.region) == (after.owner, after.region)
    )


def tenant_at(lives: Sequence[Tenant], step: int) -> int | None:
    """Return the index of the tenant at a step, or None while nobody lies there."""
    return next((index for index, each in enumerate(lives) if each.at(step)), None)


def tenant_text(lives: Sequence[Tenant], step: int) -> str:
    """Return who of an address's tenants lies there now, or lay before and after.

    ``tenant 3 of 4: nft_ct.text 12K, 12.1 to 40.2 s``.
    """
    if not lives:
        return "nobody ever lay here"
    index = tenant_at(lives, step)
    if index is not None:
        return f"tenant {index + 1:,} of {len(lives):,}: {lives[index].text}"
    past = [each for each in lives if each.ends is not None and each.ends <= step]
    if past:
        return f"nobody now, {len(past):,} of {len(lives):,} before: {past[-1].text}"
    return f"nobody yet, {len(lives):,} to come: {lives[0].text}"


def next_tenant(lives: Sequence[Tenant], step: int, *, forward: bool) -> Tenant | None:
    """Return the tenant after (or before) the one at a step, or None."""
    if forward:
        return next((each for each in lives if (each.begins or 0) > step), None)
    index = tenant_at(lives, step)
    earlier = (
        lives[:index]
        if index is not None
        else [each for each in lives if each.ends is not None and each.ends <= step]
    )
    return earlier[-1] if earlier else None
