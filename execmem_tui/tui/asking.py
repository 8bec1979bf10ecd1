"""Why here, who is in the way, doing without them, and what is remarkable.

What is asked of a moment.
"""

from collections.abc import Callable, Sequence
from functools import partial

from attrs import evolve

from execmem_tui.analysis.findings import Category, findings
from execmem_tui.analysis.tenants import Tenant, next_tenant, tenant_text, tenants
from execmem_tui.analysis.why import Why, ask, placed_at, why
from execmem_tui.commands.by_hand import Again
from execmem_tui.model.areas import Area, AreaState
from execmem_tui.model.errors import UsageError
from execmem_tui.model.events import Allocated, Failed
from execmem_tui.model.intervals import Interval
from execmem_tui.model.units import KIB, Address, Bytes
from execmem_tui.sources.base import Commanded, Source
from execmem_tui.sources.what_if import what_if, why_not_what_if
from execmem_tui.tui.app_protocol import AppProtocol
from execmem_tui.tui.screens.why_sheet import WhyCommands, WhySheet
from execmem_tui.view.finding import Entry
from execmem_tui.view.panes import pane_type
from execmem_tui.view.sentence import said, sentence, telling
from execmem_tui.view.why_text import attempt_words

_USUAL: Bytes = 64 * KIB
"""What is asked about free space: a module of an ordinary size."""


class Asking:
    """The answers, and what can be done about them.

    Args:
        app: what is asked about.
        ring: rings a part of the map; with None, no more.
    """

    def __init__(self, app: AppProtocol, ring: Callable[[Interval | None], None]) -> None:
        self._app = app
        self._ring = ring
        self._asked_of: Source | None = None
        """What a what-if branched off from."""

    def why(self) -> None:
        """Say why the area under the cursor lies where it lies.

        Or why what just happened failed or spilled.
        """
        found = self._failure() or self._placement()
        if found is None:
            return
        layout = self._app.shown.snapshot.layout
        self._app.ask(WhySheet(layout, found, self._commands(found)))

    def tenant(self, *, forward: bool) -> None:
        """Go to the next or previous tenant of the cursor's address, and say who that is."""
        app = self._app
        history, address = app.source.history, app.cursor
        lives = tenants(history, address)
        found = next_tenant(lives, history.step, forward=forward)
        if found is None:
            app.say(tenant_text(lives, history.step))
        else:
            self._go_to_tenant(lives, found, address)

    def tenant_number(self, number: int) -> None:
        """Go to one of the tenants of the address under the cursor, from 1.

        Raises:
            UsageError: there were fewer.
        """
        lives = tenants(self._app.source.history, self._app.cursor)
        if number > len(lives):
            count = f"{len(lives):,} tenant{'' if len(lives) == 1 else 's'}"
            raise UsageError(f"this address has {count}", hint="( and ) go from one to the next")
        self._go_to_tenant(lives, lives[number - 1], self._app.cursor)

    def _go_to_tenant(self, lives: Sequence[Tenant], found: Tenant, address: Address) -> None:
        app = self._app
        history = app.source.history
        history.seek(history.first_step if found.begins is None else found.begins)
        app.show_step()
        app.look_at(address)
        app.say(tenant_text(lives, history.step))

    def findings(self) -> None:
        """List what is remarkable here; choosing one goes there."""
        app = self._app
        found = findings(app.shown.snapshot, app.source.history, app.shown.holes)
        if not found:
            app.say("nothing remarkable here")
            return
        from execmem_tui.tui.screens.chooser import Chooser

        def go(index: int) -> None:
            at = found[index].at
            if at is None:
                raise UsageError("this has no place on the map")
            app.look_at(at, pane=app.shown.pane_of(at, app.pane))

        entries = [Entry(each.category.value, each.text) for each in found]
        notes = sum(each.category is Category.NOTE for each in found)
        told = f"Findings: {len(found) - notes}" + (f", and {notes} not known" if notes else "")
        app.ask(Chooser(told, entries, go, hints="Enter goes there · Esc leaves", told=True))

    def _failure(self) -> Why | None:
        """Return the answer for a failure that the screen tells of: it has no area to point at."""
        history = self._app.source.history
        group = history.group()
        index = telling(group)
        if index is None or not isinstance(group[index], Failed):
            return None
        return why(history, history.step - len(group) + index + 1)

    def _placement(self) -> Why | None:
        app = self._app
        snapshot = app.shown.snapshot
        area = snapshot.area_at(app.cursor)
        if area is None:
            return ask(snapshot, pane_type(app.pane), self._usual())
        if area.type is None or area.state is not AreaState.LIVE:
            app.say(f"{area.name} was placed by no request for executable memory")
            return None
        step = placed_at(app.source.history, area)
        if step is None:
            app.say(f"{area.name} was there before this begins: nothing tells why")
            return None
        return why(app.source.history, step, self._needed(area.owner or ""))

    def _usual(self) -> Bytes:
        source = self._app.source
        kind = pane_type(self._app.pane)
        return source.usual_size(kind) if isinstance(source, Commanded) else _USUAL

    def _needed(self, owner: str) -> tuple[str, ...]:
        source = self._app.source
        return source.needed_by(owner) if isinstance(source, Commanded) else ()

    def _commands(self, found: Why) -> WhyCommands:
        way, app = found.in_the_way, self._app
        history = app.source.history
        placed = None if way is None else placed_at(history, way.areas[0])
        refused = "" if isinstance(app.source, Commanded) else self._why_not_what_if()
        return WhyCommands(
            look_at=app.look_at,
            ring=self._ring,
            who=None
            if way is None or placed is None
            else partial(self._go_to, placed, way.areas[0]),
            attempt=None if way is None or refused else partial(self._attempt, found),
            attempt_words=attempt_words(() if way is None else way.owners, self._users(found)),
            take_back=self._take_back,
        )

    def _why_not_what_if(self) -> str:
        snapshot = self._app.shown.snapshot
        return why_not_what_if(snapshot.layout, snapshot.hidden)

    def _go_to(self, step: int, area: Area) -> None:
        self._app.source.history.seek(step)
        self._app.show_step()
        self._app.look_at(area.start)

    def _users(self, found: Why) -> tuple[str, ...]:
        """Return the modules that would have to go with those in the way."""
        source, way = self._app.source, found.in_the_way
        if way is None or not isinstance(source, Commanded):
            return ()
        return tuple(user for owner in way.owners for user in source.users_of(owner))

    def _attempt(self, found: Why) -> str:
        """Do without what is in the way, in a what-if where the source takes no commands."""
        app = self._app
        source = app.source
        owner = found.actual.owner if found.actual is not None else found.owner
        again = Again(kind=found.type, size=found.requested, owner=owner or "again")
        if isinstance(source, Commanded):
            if again.owner in source.loadable():
                again = evolve(again, module=again.owner)
            needed = self._needed(again.owner)
            way = ask(app.shown.snapshot, found.type, found.requested, needed).in_the_way
            source.make_room(() if way is None else way.areas, again)
        else:
            assert found.in_the_way is not None
            branch = what_if(found.before, source.title)
            self._asked_of = source
            app.show_source(branch)
            branch.make_room(found.in_the_way.areas, again)
        app.show_step()
        return self._outcome(again.owner)

    def _outcome(self, owner: str) -> str:
        """Look at what the attempt placed, and say where that is."""
        history = self._app.source.history
        group = history.group()
        for index, event in enumerate(group):
            if isinstance(event, Allocated) and owner == event.area.owner:
                self._app.look_at(event.area.start)
                step = history.step - len(group) + index + 1
                return sentence(history.peek(step), event).text
        return said(history).text

    def _take_back(self) -> None:
        """Undo the attempt; from a what-if, go back to where it was asked."""
        asked_of, self._asked_of = self._asked_of, None
        if asked_of is not None:
            self._app.show_source(asked_of)
            return
        if self._app.source.history.undo():
            self._app.show_step()
