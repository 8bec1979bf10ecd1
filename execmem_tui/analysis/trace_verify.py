"""`verify` of a real trace: the replay's counts as a document."""

import gc
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any, Final, TypeVar

from attrs import evolve

from execmem_tui.analysis.layout_documents import rules_document
from execmem_tui.analysis.loader import LoaderCheck
from execmem_tui.analysis.loader_setup import loader_check
from execmem_tui.analysis.loads import LoaderMiss
from execmem_tui.analysis.verify_documents import (
    FirstDifferenceDocument,
    PlaceDocument,
    TraceDocument,
    counts,
)
from execmem_tui.arch import name_of
from execmem_tui.bundles.trace_run import TraceRun, read_trace_run
from execmem_tui.files.trace_events import read_events
from execmem_tui.formats.trace_event import Event
from execmem_tui.model.documents import plain
from execmem_tui.model.records import frozen
from execmem_tui.model.rules import rules_told
from execmem_tui.replay.model import Replay, follow_run, make_replay
from execmem_tui.replay.results import Cause, Miss, Place, ReplayResults

_Miss = TypeVar("_Miss", Miss, LoaderMiss)
_FOUND: Final = ("checked", "exact", "unclaimed", "misses", "fallback_loads")
"""What a check of the loader knows at last."""


@frozen(kw_only=True)
class TraceVerdict:
    """What `verify` says of a trace that was replayed from boot."""

    source: str
    run: TraceRun
    found: ReplayResults
    loader: LoaderCheck | None = None
    """None where no catalogue is of this kernel."""

    @property
    def unexplained(self) -> list[Miss]:
        """Misses that none of the known reasons explains."""
        return [miss for miss in self.found.misses if miss.cause is None]

    @property
    def certain_wrong(self) -> list[Miss]:
        """Unexplained misses that are not of the uncertain class."""
        return [miss for miss in self.unexplained if miss.certain]

    @property
    def wrong_loads(self) -> list[LoaderMiss]:
        """Loads, frees and text bases that differ, and nothing explains it."""
        return (
            [] if self.loader is None else [miss for miss in self.loader.misses if not miss.cause]
        )

    def document(self) -> dict[str, Any]:
        """Return the JSON document of ``verify`` without its ``schema`` key."""
        found = self.found
        causes = Counter(miss.cause or f"unexplained: {miss.kind}" for miss in found.misses)
        checked, exact = Counter(found.checked), Counter(found.exact)
        if self.loader is not None:
            causes.update(miss.cause or f"unexplained: {miss.kind}" for miss in self.loader.misses)
            checked.update(self.loader.checked)
            exact.update(self.loader.exact)
        windows = {
            f"{start:x}-{end:x}": pair for (start, end), pair in sorted(found.windows.items())
        }
        document: dict[str, Any] = plain(
            TraceDocument(
                source=self.source,
                checked=found.checked.total(),
                exact=found.exact.total(),
                certain=found.certain,
                certain_exact=found.certain_exact,
                unexplained=len(self.unexplained) + len(self.wrong_loads),
                classes=counts({name: (checked[name], exact[name]) for name in sorted(checked)}),
                causes=causes,
                windows=counts(windows),
                first_difference=self._first_difference(),
                rules=rules_document(rules_told(self.run.kernel), name_of(self.run.arch)),
                kernel=self.run.kernel,
                cpus=self.run.cpus,
                begins=self.run.begins.name or None,
                unclaimed=found.unclaimed,
                robust_wrong=sum(miss.robust and not miss.cause for miss in found.misses),
                lost_events=max(found.lost, self.run.lost),
                frees_of_unknown_areas=found.unknown_frees,
                purges=found.purges,
                purges_with_equal_counts=found.purges - found.purge_counts_differ,
                loader=None if self.loader is None else self.loader.document(),
            )
        )
        return document

    def _first_difference(self) -> FirstDifferenceDocument | None:
        if self.found.misses:
            first = self.found.misses[0]
            asked = first.request
            return FirstDifferenceDocument(
                where=(
                    f"{self.run.path.name}:{first.line}, at {asked.time:.6f} by {asked.task}:"
                    f" {asked.size} bytes, align {asked.align}"
                ),
                expected=None if asked.failed else hex(asked.start),
                predicted=None if first.predicted is None else hex(first.predicted),
                around_expected=_places(first.around_expected),
                around_predicted=_places(first.around_predicted),
            )
        if self.loader is not None and self.loader.misses:
            load = self.loader.misses[0]
            where = f"{self.run.path.name}:{load.line}, {load.name}: {load.kind}"
            return FirstDifferenceDocument(
                where=where, expected=load.found, predicted=load.expected
            )
        return None


def _places(places: tuple[Place, ...]) -> list[PlaceDocument]:
    return [
        PlaceDocument(start=hex(start), end=hex(end), state=state) for start, end, state in places
    ]


@frozen
class _Watched:
    """A check of the loader as what sees the events first, perhaps in another process."""

    check: LoaderCheck

    def see(self, events: Sequence[Event]) -> None:
        self.check.see(events)

    def results(self) -> tuple[object, ...]:
        self.check.finish()
        return tuple(getattr(self.check, name) for name in _FOUND)

    def adopt(self, results: tuple[object, ...]) -> None:
        for name, value in zip(_FOUND, results, strict=True):
            setattr(self.check, name, value)


def replay_run(
    run: TraceRun, replay: Replay, check: LoaderCheck | None = None, most: int | None = None
) -> ReplayResults:
    """Feed the trace to a replay, and all of it to a check of the loader.

    Args:
        run: whose trace it is.
        replay: it stands where the run begins.
        check: sees all events, too.
        most: give up after so many misses; None: never.
    """
    events = read_events(run.path, None if check is None else _Watched(check))
    collecting = gc.isenabled()
    # nothing here makes garbage in circles, and looking for it takes a tenth of the time
    gc.disable()
    try:
        rest: Iterator[Event] = dropwhile(lambda event: event[1] <= run.begins.line, events)
        found = replay.results
        if most is not None:
            rest = takewhile(lambda _: len(found.misses) < most, rest)
        deque(follow_run(run, replay, rest), maxlen=0)
    finally:
        if collecting:
            gc.enable()
    found.misses = [_excused(run, miss) for miss in found.misses]
    return found


def _excused(run: TraceRun, miss: _Miss) -> _Miss:
    """Return a miss with its cause: where it has none, perhaps that events were lost."""
    if run.lost_somewhere and miss.cause in ("", None, Cause.LOST):
        return evolve(miss, cause=Cause.LOST_SOMEWHERE)
    if miss.cause:
        return miss
    doubted = any(doubt.holds(miss.line) for doubt in run.doubts)
    return evolve(miss, cause=Cause.LOST) if doubted else miss


def verify_trace(path: Path, phase: str | None = None) -> TraceVerdict:
    """Replay a trace from boot, else from a snapshot, and compare every address.

    Check the module loads in it.

    Raises:
        InputError: it is no trace, or there is nothing in it to check.
    """
    run = read_trace_run(path, phase)
    check = loader_check(run)
    found = replay_run(run, make_replay(run), check)
    if check is not None:
        check.misses = [_excused(run, miss) for miss in check.misses]
    return TraceVerdict(source=str(path), run=run, found=found, loader=check)
