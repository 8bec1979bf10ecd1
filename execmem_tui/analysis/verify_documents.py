"""The documents of ``verify``."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from execmem_tui.analysis.layout_documents import (
    RulesDocument,
)
from execmem_tui.model.documents import ABSENT, Absent, Added, Count, Hex, Json, document
from execmem_tui.replay.results import Held


@document
class CountsDocument:
    """How many were checked, and how many of them are exact."""

    checked: Count
    exact: Count


@document
class PlaceDocument:
    """What the model has at a place."""

    closed: ClassVar = True
    start: Hex
    end: Hex
    state: Held


@document
class FirstDifferenceDocument:
    """Where the prediction first differs, and what lies around both addresses."""

    where: str
    expected: Json
    predicted: Json
    around_expected: Sequence[PlaceDocument] | Absent = ABSENT
    around_predicted: Sequence[PlaceDocument] | Absent = ABSENT


@document
class LoaderMissDocument:
    """One load, unload or free that was not as expected; what explains it, or ``""``."""

    line: Count
    module: str
    class_: str
    expected: str
    found: str
    cause: str


@document
class LoaderDocument:
    """The module loads of a trace against a catalogue; the counts by class are in ``classes``."""

    catalogue: str
    other_build: Added[bool]
    loads: Count
    exact: Count
    with_fallback: Count
    failed_loads: Count
    unclaimed: Mapping[str, Count]
    misses: Sequence[LoaderMissDocument]


@document
class VerifyDocument:
    """Predicted against actual; of what is certain a miss without a cause is a fault."""

    source: str
    checked: Count
    exact: Count
    certain: Count
    certain_exact: Count
    unexplained: Count
    classes: Mapping[str, CountsDocument]
    causes: Mapping[str, Count]
    windows: Mapping[str, CountsDocument]
    first_difference: FirstDifferenceDocument | None
    rules: Added[RulesDocument]


@document
class TraceDocument(VerifyDocument):
    """The same of a real trace, with what is known of it."""

    kernel: Added[str]
    cpus: Added[Count]
    begins: Added[str | None]
    unclaimed: Added[Mapping[str, Count]]
    robust_wrong: Added[Count]
    lost_events: Added[Count]
    frees_of_unknown_areas: Added[Count]
    purges: Added[Count]
    purges_with_equal_counts: Added[Count]
    loader: Added[LoaderDocument | None]


@document
class WrongRuleDocument:
    """How often a rule wrong on purpose differs, how often the model, and where it is caught."""

    rule: str
    wrong: Count
    model: Count
    caught_in: Sequence[str]


@document
class SelfTestDocument:
    """``--self-test``: rules that are wrong on purpose, and the classes that tell."""

    source: str
    self_test: Sequence[WrongRuleDocument]


def counts(pairs: Mapping[str, Sequence[int]]) -> dict[str, CountsDocument]:
    """Return (checked, exact) by name."""
    return {name: CountsDocument(checked=all_, exact=good) for name, (all_, good) in pairs.items()}
