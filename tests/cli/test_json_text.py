"""A document as text, piece by piece: what the json module says of the same dicts and lists."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.cli.json_text import json_pieces
from execmem_tui.model.areas import AreaState
from execmem_tui.model.documents import ABSENT, Absent, LazySequence, document, plain
from execmem_tui.model.records import frozen

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.sampled_from(AreaState),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@document
class _Inner:
    of_: int
    state: AreaState
    more: int | Absent = ABSENT


@document
class _Outer:
    inner: list[_Inner]
    named: dict[str, _Inner]
    value: Any
    gone: str | Absent = ABSENT


@document
class _Flat:
    text: str
    value: float
    state: AreaState
    there: bool
    none: str | None = None
    gone: str | Absent = ABSENT


def text(found: object, first: Mapping[str, object]) -> str:
    return "".join(json_pieces(found, first))


@given(VALUES, st.lists(st.integers(0, 9), max_size=4))
def test_it_is_what_the_json_module_writes(value: object, numbers: list[int]) -> None:
    inner = [
        _Inner(of_=number, state=AreaState.LAZY, more=number if number % 2 else ABSENT)
        for number in numbers
    ]
    found = _Outer(inner=inner, named={str(each.of_): each for each in inner}, value=value)
    whole = {"schema": 1, **plain(found)}
    expected = json.dumps(whole, indent=2, ensure_ascii=True, allow_nan=False) + "\n"
    assert text(found, {"schema": 1}) == expected


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_what_is_no_number_of_json_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        text({"a": [number]}, {})


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 450])
def test_records_made_late_are_what_the_json_module_writes(count: int) -> None:
    # a text that looks like the seam of two records, and records with something inside
    told = [
        _Outer(inner=[_Inner(of_=1, state=AreaState.LIVE)], named={}, value=number)
        if number % 150 == 149
        else _Flat(text="},\n      {", value=number / 4, state=AreaState.LAZY, there=number % 2 > 0)
        for number in range(count)
    ]
    expected = json.dumps({"all": [plain(each) for each in told]}, indent=2, allow_nan=False)
    assert text({"all": LazySequence(told.__getitem__, range(count))}, {}) == f"{expected}\n"


def test_what_a_document_tells_is_made_when_it_is_written() -> None:
    made: list[int] = []

    def told(number: int) -> _Inner:
        made.append(number)
        return _Inner(of_=number, state=AreaState.LIVE)

    pieces = json_pieces({"all": LazySequence(told, range(1000))}, {})
    for piece in pieces:
        if '"of": 2' in piece:
            break
    assert 2 < len(made) < 200
    rest = LazySequence(told, range(1000))
    assert (len(rest), rest[5].of_, [each.of_ for each in rest[3:5]]) == (1000, 5, [3, 4])


@frozen
class Slotted:
    """A part of a manifest is such a one: it is compared, and has slots."""

    name: str
    why: str | Absent = ABSENT


def test_a_part_of_a_document_may_have_slots() -> None:
    parts = [Slotted(name="kcore"), Slotted(name="iomem", why="denied")]
    assert not hasattr(parts[0], "__dict__")
    wanted = [{"name": "kcore"}, {"name": "iomem", "why": "denied"}]
    assert plain(parts) == wanted
    assert json.loads("".join(json_pieces({"parts": parts}, {}))) == {"parts": wanted}
