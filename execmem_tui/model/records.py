"""Records: `attrs.frozen` and `attrs.define`, at less than half their price at start.

A command makes 40 to 170 classes before its first line. More than half of what attrs takes for each
goes into compiling ``__eq__``, ``__hash__`` and ``__repr__``, which most runs never call. So attrs
makes everything else, and these three are shared functions that read the fields. They do what those
of attrs do, a test compares them, and `attrs.fields`, `attrs.evolve` and `attrs.asdict` know a
record as what it is.
"""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import attrs

__all__ = ("define", "frozen", "value")


def _values(names: list[str]) -> Callable[[object], Any]:
    """Return what reads some fields of a record: a tuple, or the value of the only one."""
    return attrgetter(*names) if names else lambda _: ()


def _add_comparison(cls: type, *, hashed: bool) -> None:
    """Compare by the fields, as attrs does: only records of the very same class are equal."""
    every = attrs.fields(cls)
    if any(each.eq_key for each in every):
        raise TypeError(f"{cls.__qualname__}: a field compared by a function is for attrs itself")
    compared = _values([each.name for each in every if each.eq])

    def __eq__(self: object, other: object) -> bool:  # noqa: N807 - set on the class
        if other.__class__ is not self.__class__:
            return NotImplemented
        return bool(compared(self) == compared(other))

    cls.__eq__ = __eq__  # type: ignore[method-assign,assignment]
    if not hashed:
        cls.__hash__ = None  # type: ignore[method-assign,assignment]
        return
    counted = _values(
        [each.name for each in every if (each.eq if each.hash is None else each.hash)]
    )

    def __hash__(self: object) -> int:  # noqa: N807 - set on the class
        return hash(counted(self))

    cls.__hash__ = __hash__  # type: ignore[method-assign,assignment]


def _repr(self: object) -> str:
    """Show the fields, as attrs does."""
    cls: Any = type(self)
    shown = (f"{e.name}={getattr(self, e.name)!r}" for e in attrs.fields(cls) if e.repr)
    return f"{cls.__qualname__.rpartition('>.')[2]}({', '.join(shown)})"


def _make(cls: type, attrs_makes: Any, *, frozen: bool, eq: bool, shown: bool, **how: bool) -> type:
    own = cls.__dict__.keys() & {"__eq__", "__repr__"}
    # Nobody keeps a weak reference to a record: no slot for one in each of millions.
    made: type = attrs_makes(cls, eq=False, repr=False, **{"weakref_slot": False} | how)
    if eq and "__eq__" not in own:
        _add_comparison(made, hashed=frozen)
    if shown and "__repr__" not in own:
        made.__repr__ = _repr  # type: ignore[method-assign,assignment]
    return made


def _frozen(cls: Any = None, /, *, eq: bool = True, repr: bool = True, **how: bool) -> Any:  # noqa: A002 - the name that attrs has
    """Make a class of immutable records, equal and hashed by their fields.

    A field's `eq` is yes or no here, no function of the value (TypeError). All else is as in attrs.
    """

    def make(each: type) -> type:
        return _make(each, attrs.frozen, frozen=True, eq=eq, shown=repr, **how)

    return make if cls is None else make(cls)


def _define(cls: Any = None, /, *, eq: bool = True, repr: bool = True, **how: bool) -> Any:  # noqa: A002 - as above
    """Make a class of records that may change: equal by their fields, and then without a hash."""

    def make(each: type) -> type:
        return _make(each, attrs.define, frozen=False, eq=eq, shown=repr, **how)

    return make if cls is None else make(cls)


def _value(cls: Any = None, /, **how: bool) -> Any:
    """Make a frozen class of which there are millions: only the type checker refuses to change one.

    The guard of `frozen` makes its construction three times as slow, and a trace of a million lines
    makes millions of areas and events.
    """

    def make(each: type) -> type:
        return _make(each, attrs.define, frozen=True, eq=True, shown=True, **how)

    return make if cls is None else make(cls)


if TYPE_CHECKING:
    # To a type checker they are attrs' own: it knows what those make of a class.
    from attrs import define, frozen
    from attrs import frozen as value
else:
    define, frozen, value = _define, _frozen, _value
