"""Records behave as attrs classes do; attrs itself is the model."""

import pickle
from collections.abc import Callable
from copy import copy
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.model import records

Made = tuple[type[Any], type[Any]]


def classes(decorate: Any, field: Any) -> Made:
    """A class with a field of each kind, and one that inherits from it."""

    @decorate
    class Base:
        start: int
        name: str = "x"
        parts: tuple[int, ...] = field(factory=tuple)
        quiet: int = field(default=0, repr=False, eq=False)
        near: int = field(default=0, eq=lambda value: value // 10)
        bare: int = field(default=0, hash=False)
        made: int = field(default=7, init=False)
        LIMIT: ClassVar[int] = 3

        @property
        def own(self) -> type:
            return __class__  # type: ignore[name-defined,no-any-return]

    @decorate(kw_only=True)
    class Derived(Base):
        name: str = "y"
        more: int = field(default=1)

        def above(self) -> Any:
            return super().own

    return Base, Derived


FROZEN = classes(records.frozen, records.field)
DEFINED = classes(records.define, records.field)
VALUE = classes(records.value, records.field)
PAIRS = (
    (FROZEN, classes(attrs.frozen, attrs.field)),
    (DEFINED, classes(attrs.define, attrs.field)),
    (VALUE, classes(attrs.frozen, attrs.field)),
)
VALUES = st.fixed_dictionaries(
    {"start": st.integers(0, 1)},
    optional={
        "name": st.sampled_from("xy"),
        "parts": st.sampled_from([(), (1,)]),
        "quiet": st.integers(0, 1),
        "near": st.sampled_from([0, 5, 10]),
        "bare": st.integers(0, 1),
    },
)


@given(VALUES, VALUES, st.integers(0, 1), st.integers(0, 1))
def test_what_is_made_reads_and_compares_as_in_attrs(
    one: dict[str, Any], other: dict[str, Any], number: int, second: int
) -> None:
    for mine, theirs in PAIRS:
        a, b = mine[number](**one), mine[second](**other)
        x, y = theirs[number](**one), theirs[second](**other)
        assert repr(a) == repr(x)
        assert (a == b) is (x == y)
        assert (a != b) is (x != y)
        assert records.asdict(a) == attrs.asdict(x)
        assert records.asdict(a) == attrs.asdict(a)
        assert records.evolve(a, name="z") == attrs.evolve(a, name="z")
        assert repr(records.evolve(a, start=9)) == repr(attrs.evolve(x, start=9))


@given(VALUES, VALUES)
def test_equal_frozen_records_have_one_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    for made, _ in (FROZEN, VALUE):
        a, b = made(**one), made(**other)
        if a == b:
            assert hash(a) == hash(b)
        assert hash(a) == hash(records.evolve(a, quiet=1 - a.quiet, bare=1 - a.bare))
        assert hash(a) != hash(records.evolve(a, start=1 - a.start))


def test_the_shape_of_a_class_is_that_of_attrs() -> None:
    for mine, theirs in PAIRS:
        for own, model in zip(mine, theirs, strict=True):
            assert own.__match_args__ == model.__match_args__
            assert set(own.__slots__) == set(model.__slots__) | (
                {"name"} if "name" in own.__annotations__ else set()
            )
            assert [each.name for each in records.fields(own)] == [
                each.name for each in attrs.fields(model)
            ]
            assert [each.name for each in attrs.fields(own)] == [
                each.name for each in attrs.fields(model)
            ]
            assert not hasattr(own(start=1), "__dict__")


def test_methods_of_a_class_with_slots_mean_that_class() -> None:
    base, derived = FROZEN
    assert base(start=1).own is base
    assert derived(start=1).above() is base


def test_a_frozen_record_refuses_change_and_a_defined_one_takes_it() -> None:
    frozen, defined = FROZEN[0](start=1), DEFINED[0](start=1)
    with pytest.raises(AttributeError, match="start cannot be set"):
        frozen.start = 2
    with pytest.raises(AttributeError, match="start cannot be deleted"):
        del frozen.start
    defined.start = 2
    assert defined.start == 2
    with pytest.raises(AttributeError):
        defined.other = 2
    with pytest.raises(TypeError, match="unhashable"):
        hash(defined)


def _pickled(record: Any) -> Any:
    return pickle.loads(pickle.dumps(record))  # noqa: S301 - of this very line


@pytest.mark.parametrize("again", [copy, _pickled])
def test_a_record_is_copied_and_pickled(again: Callable[[Any], Any]) -> None:
    record = Pair(1, [2])
    assert again(record) == record
    assert again(record) is not record


@records.frozen
class Pair:
    first: int
    second: list[int]


@records.frozen(eq=False, repr=False)
class Bare:
    first: int = 0


@records.frozen
class Worked:
    first: int
    twice: int = records.field(init=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "twice", 2 * self.first)


@records.frozen(slots=False)
class Open:
    first: int
    second: int = records.field(default=2)

    def __repr__(self) -> str:
        return "said by itself"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 5


def test_without_eq_a_record_is_itself_alone() -> None:
    assert Bare() != Bare()
    assert len({Bare(), Bare()}) == 2
    assert repr(Bare()).startswith("<")


def test_what_follows_init_is_done() -> None:
    assert records.evolve(Worked(2), first=4).twice == 8


def test_what_a_class_body_says_stays() -> None:
    assert Open(1) == 3
    assert hash(Open(1)) == 5
    assert repr(Open(1)) == "said by itself"
    assert (Open(1).second, Open(1).__dict__) == (2, {"first": 1, "second": 2})
    with pytest.raises(AttributeError):
        Open(1).first = 3  # type: ignore[misc]


def test_a_missing_or_unknown_argument_is_refused() -> None:
    with pytest.raises(TypeError, match="first"):
        Pair()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="third"):
        Pair(1, [], third=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="not a record"):
        records.fields(int)


def test_a_factory_is_asked_for_each_and_a_method_is_compiled_once() -> None:
    one, other = DEFINED[0](start=1), DEFINED[0](start=1)
    assert one.parts == other.parts == ()
    assert DEFINED[0].__init__ is DEFINED[0].__init__

    @records.define
    class Listing:
        found: list[int] = records.field(factory=list)

    assert Listing().found is not Listing().found
