"""Records compare, hash and show themselves as attrs classes do; attrs itself is the model."""

import pickle
from copy import copy
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from execmem_tui.model import records

Made = tuple[type[Any], type[Any]]


def classes(decorate: Any) -> Made:
    """A class with a field of each kind, and one that inherits from it."""

    @decorate
    class Base:
        start: int
        name: str = "x"
        parts: tuple[int, ...] = attrs.field(factory=tuple)
        quiet: int = attrs.field(default=0, repr=False, eq=False)
        bare: int = attrs.field(default=0, hash=False)
        made: int = attrs.field(default=7, init=False)
        LIMIT: ClassVar[int] = 3

        @property
        def own(self) -> type:
            return __class__  # type: ignore[name-defined,no-any-return]

    @decorate(kw_only=True)
    class Derived(Base):
        name: str = "y"
        more: int = attrs.field(default=1)

        def above(self) -> Any:
            return super().own

    return Base, Derived


FROZEN, DEFINED, VALUE = (classes(each) for each in (records.frozen, records.define, records.value))
PAIRS = (
    (FROZEN, classes(attrs.frozen)),
    (VALUE, classes(attrs.frozen)),
    (DEFINED, classes(attrs.define)),
)
VALUES = st.fixed_dictionaries(
    {"start": st.integers(0, 1)},
    optional={
        "name": st.sampled_from("xy"),
        "parts": st.sampled_from([(), (1,)]),
        "quiet": st.integers(0, 1),
        "bare": st.integers(0, 1),
    },
)


@given(st.sampled_from(PAIRS), st.integers(0, 1), VALUES, VALUES)
def test_equal_and_shown_as_attrs_has_it(
    pair: tuple[Made, Made], which: int, one: dict[str, Any], two: dict[str, Any]
) -> None:
    ours, theirs = pair[0][which], pair[1][which]
    a, b, x, y = ours(**one), ours(**two), theirs(**one), theirs(**two)
    assert (a == b) is (x == y)
    assert (a != b) is (x != y)
    assert repr(a) == repr(x)
    assert attrs.asdict(a) == attrs.asdict(x)
    assert attrs.evolve(a, start=1) == ours(**{**one, "start": 1})


@given(st.sampled_from(PAIRS[:2]), VALUES, VALUES)
def test_hashed_as_attrs_has_it(
    pair: tuple[Made, Made], one: dict[str, Any], two: dict[str, Any]
) -> None:
    for which in (0, 1):
        (a, b), (x, y) = ((made[which](**one), made[which](**two)) for made in pair)
        assert (hash(a) == hash(b)) is (hash(x) == hash(y))


def test_only_records_of_the_very_same_class_are_equal() -> None:
    base, derived = FROZEN
    assert base(1) != derived(start=1, name="x")
    assert base(1).__eq__(1) is NotImplemented
    assert base(1) != attrs.make_class("Base", ["start"])(1)


def test_a_record_that_may_change_has_no_hash() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(DEFINED[0](1))
    changed = DEFINED[0](1)
    changed.start = 2
    assert changed == DEFINED[0](2)


def test_a_frozen_record_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        FROZEN[0](1).start = 2


def test_what_a_class_says_itself_stays() -> None:
    @records.frozen
    class Own:
        start: int

        def __eq__(self, other: object) -> bool:
            return True

        def __hash__(self) -> int:
            return 7

        def __repr__(self) -> str:
            return "own"

    assert (Own(1) == 5, hash(Own(1)), repr(Own(1))) == (True, 7, "own")


def test_identity_and_the_plain_name_where_asked_for() -> None:
    @records.frozen(eq=False, repr=False)
    class Same:
        start: int

    one = Same(1)
    assert one != Same(1)
    assert one == copy(one) or hash(one) == object.__hash__(one)
    assert "object at" in repr(one)


def test_a_record_without_fields_and_with_one() -> None:
    @records.frozen
    class Nothing:
        pass

    @records.frozen
    class One:
        start: int

    assert Nothing() == Nothing()
    assert {Nothing(), Nothing()} == {Nothing()}
    assert repr(Nothing()) == "Nothing()"
    assert (One(1) == One(1), One(1) == One(2)) == (True, False)
    assert hash(One(1)) == hash(One(1))


@records.frozen
class Kept:
    """To be pickled: it has a name in its module."""

    start: int
    parts: tuple[int, ...] = ()


def test_a_record_survives_copy_and_pickle() -> None:
    kept = Kept(1, (2, 3))
    assert copy(kept) == pickle.loads(pickle.dumps(kept)) == kept  # noqa: S301 - our own


def test_a_field_that_a_function_compares_is_refused() -> None:
    class Rounded:
        start: int = attrs.field(eq=abs)

    with pytest.raises(TypeError, match="Rounded: a field compared by a function"):
        records.frozen(Rounded)


def test_a_record_takes_no_room_for_a_weak_reference() -> None:
    """A trace of a million lines holds millions of areas and events."""
    for base, derived in (FROZEN, DEFINED, VALUE):
        assert not hasattr(base(1), "__weakref__")
        assert not hasattr(derived(start=1), "__weakref__")
