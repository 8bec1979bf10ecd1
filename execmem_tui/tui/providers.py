"""What the command palette finds: keys, places, modules, machines, scenarios."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

from textual.command import DiscoveryHit, Hit, Hits, Provider

from execmem_tui.arch import architectures
from execmem_tui.model.errors import ExecmemTuiError
from execmem_tui.model.records import frozen
from execmem_tui.model.units import hex_address
from execmem_tui.sources.base import Commanded
from execmem_tui.view.actions import APP, KERNEL, LOOK, MAP, MOVE, TIME, Action, spelled
from execmem_tui.view.places import parse_place

if TYPE_CHECKING:
    from textual.fuzzy import Matcher

    from execmem_tui.tui.app import ExecmemApp

_LEAST: Final = 2
"""Letters from which on the many names are searched."""

_SAID: Final = 2
"""Added to the score of what has the words of a query in its title."""
_BY_HELP: Final = 1
"""Score of what has them in its explanation: before what has their letters here and there."""

_GROUPS: Final = (KERNEL, LOOK, TIME, APP, MAP, MOVE)

_MOST: Final = 8
"""Hits of one kind."""


@frozen
class _Offer:
    text: str
    help: str
    do: Callable[[], object]


def _place(action: Action) -> int:
    """Return where an action's group comes: who opens the palette can move already."""
    return _GROUPS.index(action.group)


def _explains(text: str, query: str) -> bool:
    """Whether all words of a query are in an explanation; one letter is in nearly all of them."""
    text, words = text.lower(), query.lower().split()
    return len(query.strip()) >= _LEAST and all(word in text for word in words)


def _score(matcher: "Matcher", text: str, query: str) -> float:
    """Return 0 for no match, below 1 for letters here and there, above 2 for the query itself."""
    found = matcher.match(text)
    part = found / (1 + found)
    return _SAID + part if query.strip().lower() in text.lower() else part


class Everything(Provider):
    """All that the main screen can do and show."""

    @property
    def _app(self) -> "ExecmemApp":
        from execmem_tui.tui.app import ExecmemApp

        app = self.app
        assert isinstance(app, ExecmemApp)
        return app

    async def discover(self) -> Hits:
        """Yield every key that does something now, what changes and asks before what moves.

        Last the theme, which has no key.
        """
        for offer in self._keys():
            yield DiscoveryHit(offer.text, offer.do, help=offer.help)

    async def search(self, query: str) -> Hits:
        """Yield what matches."""
        matcher = self.matcher(query)
        for offer in self._keys():
            score = _score(matcher, offer.text, query)
            if score < _BY_HELP and _explains(offer.help, query):
                score = _BY_HELP
            if score > 0:
                yield Hit(score, matcher.highlight(offer.text), offer.do, help=offer.help)
        if len(query.strip()) < _LEAST:
            return
        for offers in (self._places(query), self._modules(), self._machines(), self._scenarios()):
            hits = [(_score(matcher, offer.text, query), offer) for offer in offers]
            hits = sorted((each for each in hits if each[0] > 0), key=lambda each: -each[0])
            for score, offer in hits[:_MOST]:
                yield Hit(score, matcher.highlight(offer.text), offer.do, help=offer.help)

    def _keys(self) -> Iterator[_Offer]:
        for action in sorted(self._app.actions, key=_place):
            if not self._app.main.why_not(action.id):
                text = f"{action.title}  {spelled(action.keys)}"
                yield _Offer(text, action.help, partial(self._app.main.action_act, action.id))
        yield _Offer("Theme", "change the theme", self._app.action_change_theme)

    def _places(self, query: str) -> Iterator[_Offer]:
        """Yield where `query` leads, and the modules that are there."""
        app, snapshot = self._app, self._app.shown.snapshot
        try:
            place = parse_place(query, snapshot, app.cursor)
        except ExecmemTuiError:
            place = None
        if place is not None and place.address is not None:
            at = hex_address(place.address, snapshot.layout.word_bits)
            yield _Offer(f"Go to {query}", at, partial(self._go, query))
        owners = {area.owner for area in snapshot.areas if area.owner}
        for owner in sorted(owners - {query}):
            yield _Offer(f"Go to {owner}", "what it has here", partial(self._go, owner))

    def _go(self, place: str) -> None:
        with self._app.guarded():
            self._app.look.goto(place)

    def _modules(self) -> Iterator[_Offer]:
        source = self._app.source
        if isinstance(source, Commanded):
            for name in source.loadable():
                do = partial(self._app.kernel.try_to, partial(source.load, name))
                yield _Offer(f"Load {name}", "module", do)

    def _machines(self) -> Iterator[_Offer]:
        for name in architectures():
            yield _Offer(f"Boot {name}", "simulate it", partial(self._boot, name))

    def _boot(self, name: str) -> None:
        with self._app.guarded():
            self._app.opens.boot(name)

    def _scenarios(self) -> Iterator[_Offer]:
        from execmem_tui.scenarios.reader import library

        for name in library():
            yield _Offer(f"Play {name}", "scenario", partial(self._app.opens.play, name))
