"""Records: what `attrs.frozen` and `attrs.define` make, without their price at start.

A command makes 40 to 170 classes before its first line. attrs takes 0.4 ms for each, most of it to
compile methods that this run never calls, and 12 ms for itself. Here a method is compiled when it is
first called. Names, arguments and behaviour are those of attrs, as far as they are there, and
`attrs.fields`, `attrs.evolve` and `attrs.asdict` take a record as one of their own.
"""

from collections.abc import Callable, Mapping
from types import CellType, MappingProxyType
from typing import (
    Any,
    ClassVar,
    Final,
    TypeAlias,
    TypeVar,
    dataclass_transform,
    get_origin,
    overload,
)

_T = TypeVar("_T")
NOTHING: Final = object()
"""The default of a field that has none."""
_NO_METADATA: Final[Mapping[Any, Any]] = MappingProxyType({})
_FIELDS: Final = "__record_fields__"
_set = object.__setattr__


class Field:
    """One field of a record."""

    name: str
    type: Any
    default: Any = NOTHING
    factory: Callable[[], Any] | None = None
    init: bool = True
    """Whether `__init__` takes it."""
    eq: bool | Callable[[Any], Any] = True
    """Whether two records must agree in it, or in what a function makes of it, to be equal."""
    hash: bool | None = None
    """Whether it counts for the hash; None: as for `eq`."""
    repr: bool = True
    kw_only: bool = False
    metadata: Mapping[Any, Any] = _NO_METADATA

    @property
    def required(self) -> bool:
        """Whether `__init__` must be given it."""
        return self.init and self.default is NOTHING and self.factory is None


def field(
    *,
    default: Any = NOTHING,
    factory: Callable[[], Any] | None = None,
    init: bool = True,
    eq: bool | Callable[[Any], Any] = True,
    hash: bool | None = None,  # noqa: A002 - the name that attrs and dataclasses have
    repr: bool = True,  # noqa: A002 - as above
    kw_only: bool = False,
    metadata: Mapping[Any, Any] = _NO_METADATA,
) -> Any:
    """Return the description of a field; its class names it."""
    made = Field()
    made.default, made.factory, made.init = default, factory, init
    made.eq, made.hash, made.repr = eq, hash, repr
    made.kw_only, made.metadata = kw_only, metadata
    return made


def fields(cls: type) -> tuple[Field, ...]:
    """Return the fields of a record's class, inherited ones first.

    Raises:
        TypeError: it is no record.
    """
    found: tuple[Field, ...] | None = getattr(cls, _FIELDS, None)
    if found is None:
        raise TypeError(f"{cls!r} is not a record")
    return found


def evolve(record: _T, **changes: Any) -> _T:
    """Return a copy with some fields changed."""
    cls = type(record)
    for each in fields(cls):
        if each.init and each.name not in changes:
            changes[each.name] = getattr(record, each.name)
    return cls(**changes)


def asdict(record: object) -> dict[str, Any]:
    """Return field -> value; records within stay what they are."""
    return {each.name: getattr(record, each.name) for each in fields(type(record))}


class FrozenError(AttributeError):
    """Somebody tried to change a frozen record."""


def _refuse_set(self: object, name: str, value: object) -> None:
    del value
    raise FrozenError(f"{type(self).__name__} is frozen: {name} cannot be set")


def _refuse_delete(self: object, name: str) -> None:
    raise FrozenError(f"{type(self).__name__} is frozen: {name} cannot be deleted")


def _repr(self: object) -> str:
    shown = (f"{e.name}={getattr(self, e.name)!r}" for e in fields(type(self)) if e.repr)
    return f"{type(self).__qualname__.rpartition('>.')[2]}({', '.join(shown)})"


def _setstate(self: object, state: Mapping[str, Any]) -> None:
    for name, value in state.items():
        _set(self, name, value)


_Written: TypeAlias = tuple[str, dict[str, Any]]
"""The text of a method, and what it names."""


def _eq(found: tuple[Field, ...]) -> _Written:
    """Write `__eq__`."""
    names: dict[str, Any] = {}
    terms = []
    for each in found:
        if each.eq is True:
            terms.append(f"self.{each.name} == other.{each.name}")
        elif callable(each.eq):
            names[f"_eq_{each.name}"] = each.eq
            terms.append(f"_eq_{each.name}(self.{each.name}) == _eq_{each.name}(other.{each.name})")
    text = f"""\
def __eq__(self, other):
    if other.__class__ is not self.__class__:
        return NotImplemented
    return {" and ".join(terms) or "True"}
"""
    return text, names


def _hash(found: tuple[Field, ...]) -> _Written:
    """Write `__hash__`."""
    names: dict[str, Any] = {}
    terms = []
    for each in found:
        if each.hash is False or (each.hash is None and each.eq is False):
            continue
        if callable(each.eq):
            names[f"_eq_{each.name}"] = each.eq
            terms.append(f"_eq_{each.name}(self.{each.name}), ")
        else:
            terms.append(f"self.{each.name}, ")
    return f"def __hash__(self):\n    return hash(({''.join(terms)}))\n", names


def _init(found: tuple[Field, ...], *, guarded: bool, then: bool) -> _Written:
    """Write `__init__`. With `then`, it ends with ``__attrs_post_init__()``."""
    names: dict[str, Any] = {"_set": _set, "NOTHING": NOTHING}
    plain: list[str] = []
    keywords: list[str] = []
    lines: list[str] = []
    for each in found:
        name = each.name
        parameter = value = name
        if each.factory is not None:
            names[f"_make_{name}"] = each.factory
            parameter = f"{name}=NOTHING"
            value = f"_make_{name}()"
            if each.init:
                value += f" if {name} is NOTHING else {name}"
        elif each.default is not NOTHING:
            names[f"_default_{name}"] = each.default
            parameter = f"{name}=_default_{name}"
            value = name if each.init else f"_default_{name}"
        elif not each.init:
            continue  # `__attrs_post_init__` sets it
        if each.init:
            (keywords if each.kw_only else plain).append(parameter)
        lines.append(f"_set(self, {name!r}, {value})" if guarded else f"self.{name} = {value}")
    if then:
        lines.append("self.__attrs_post_init__()")
    head = ", ".join(["self", *plain, *(["*", *keywords] if keywords else [])])
    body = "\n    ".join(lines or ["pass"])
    return f"def __init__({head}):\n    {body}\n", names


class _Later:
    """Stands for a method until somebody wants it; then it is compiled, and put in its place."""

    owner: type
    """The class it stands in."""

    def __init__(self, name: str, write: Callable[[], _Written]) -> None:
        self._name = name
        self._write = write

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        text, names = self._write()
        # Of field names of this package's own classes.
        exec(compile(text, f"<{self._name} of {self.owner.__qualname__}>", "exec"), names)  # noqa: S102
        made = names[self._name]
        made.__qualname__ = f"{self.owner.__qualname__}.{self._name}"
        type.__setattr__(self.owner, self._name, made)
        return made.__get__(instance, owner)


class _LaterAttributes:
    """Stands for `__attrs_attrs__`: attrs' own description of the fields, made when attrs asks for it."""

    def __get__(self, instance: object, owner: type) -> Any:
        import attrs

        def described(each: Field) -> Any:
            given: dict[str, Any] = {"default": each.default}
            if each.default is NOTHING:
                given = {"factory": each.factory} if each.factory is not None else {}
            kept = ("init", "eq", "hash", "repr", "metadata")
            # Keywords all: their order is free.
            given |= {name: getattr(each, name) for name in kept}
            return attrs.field(alias=each.name, type=each.type, kw_only=True, **given)

        like = attrs.make_class(owner.__name__, {e.name: described(e) for e in fields(owner)})
        return attrs.fields(like)


def _own_fields(cls: type, *, kw_only: bool) -> list[Field]:
    """Return the fields that a class body names, in its order."""
    found = []
    for name, hint in cls.__annotations__.items():
        if ClassVar in (hint, get_origin(hint)):
            continue
        entry = cls.__dict__.get(name, NOTHING)
        if not isinstance(entry, Field):
            entry = field(default=entry)
        entry.name, entry.type, entry.kw_only = name, hint, entry.kw_only or kw_only
        found.append(entry)
    return found


def _all_fields(cls: type, own: list[Field]) -> tuple[Field, ...]:
    """Return inherited fields before a class's own; a class further down replaces one of the same name."""
    names = {each.name for each in own}
    inherited: list[Field] = []
    for base in reversed(cls.__mro__[1:]):
        for each in base.__dict__.get(_FIELDS, ()):
            inherited = [old for old in inherited if old.name != each.name]
            if each.name not in names:
                inherited.append(each)
    return (*inherited, *own)


def _rebind(new: type, old: type) -> None:
    """Let ``super()`` and ``__class__`` in methods mean the class with slots."""
    for item in new.__dict__.values():
        inner = item.fget if isinstance(item, property) else getattr(item, "__func__", item)
        cells: tuple[CellType, ...] = getattr(inner, "__closure__", None) or ()
        for cell in cells:
            try:
                if cell.cell_contents is old:
                    cell.cell_contents = new
            except ValueError:  # an empty cell
                continue


def _methods(
    cls: type, found: tuple[Field, ...], *, eq: bool, with_repr: bool, frozen: bool, guarded: bool
) -> dict[str, Any]:
    """Return what a record has, but for what its class body says itself."""
    then = hasattr(cls, "__attrs_post_init__")
    made: dict[str, Any] = {
        "__match_args__": tuple(each.name for each in found if each.init and not each.kw_only),
        "__init__": _Later("__init__", lambda: _init(found, guarded=guarded, then=then)),
    }
    if with_repr:
        made["__repr__"] = _repr
    if eq and "__eq__" not in cls.__dict__:
        made["__eq__"] = _Later("__eq__", lambda: _eq(found))
        made["__hash__"] = _Later("__hash__", lambda: _hash(found)) if frozen else None
    if guarded:
        made |= {"__setattr__": _refuse_set, "__delattr__": _refuse_delete}
    made = {name: value for name, value in made.items() if name not in cls.__dict__}
    return made | {_FIELDS: found, "__attrs_attrs__": _LaterAttributes()}


def _with_slots(cls: type, own: list[Field], made: Mapping[str, Any]) -> type:
    """Return a class like `cls` whose instances hold their fields in slots."""
    left_out = {"__dict__", "__weakref__", *(each.name for each in own)}
    body = {name: value for name, value in cls.__dict__.items() if name not in left_out}
    body |= {"__getstate__": asdict, "__setstate__": _setstate, **made}
    weak = () if any(base.__weakrefoffset__ for base in cls.__bases__) else ("__weakref__",)
    body["__slots__"] = (*(each.name for each in own), *weak)
    new = type(cls)(cls.__name__, cls.__bases__, body)
    _rebind(new, cls)
    return new


def _make(
    cls: type,
    *,
    kw_only: bool,
    eq: bool,
    with_repr: bool,
    slots: bool,
    frozen: bool,
    guarded: bool,
) -> type:
    own = _own_fields(cls, kw_only=kw_only)
    found = _all_fields(cls, own)
    made = _methods(cls, found, eq=eq, with_repr=with_repr, frozen=frozen, guarded=guarded)
    if slots:
        cls = _with_slots(cls, own, made)
    else:
        for each in own:
            if isinstance(cls.__dict__.get(each.name), Field):
                delattr(cls, each.name)
        for name, value in made.items():
            setattr(cls, name, value)
    for value in made.values():
        if isinstance(value, _Later):
            value.owner = cls
    return cls


@overload
def frozen(cls: type[_T], /) -> type[_T]: ...
@overload
def frozen(
    *, kw_only: bool = False, eq: bool = True, repr: bool = True, slots: bool = True
) -> Callable[[type[_T]], type[_T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(
    cls: type[_T] | None = None,
    /,
    *,
    kw_only: bool = False,
    eq: bool = True,
    repr: bool = True,  # noqa: A002 - the name that attrs and dataclasses have
    slots: bool = True,
) -> Any:
    """Make a class of immutable records, equal and hashed by their fields."""

    def make(each: type) -> type:
        return _make(
            each,
            kw_only=kw_only,
            eq=eq,
            with_repr=repr,
            slots=slots,
            frozen=True,
            guarded=True,
        )

    return make if cls is None else make(cls)


@overload
def value(cls: type[_T], /) -> type[_T]: ...
@overload
def value(*, kw_only: bool = False) -> Callable[[type[_T]], type[_T]]: ...
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value(cls: type[_T] | None = None, /, *, kw_only: bool = False) -> Any:
    """Make a frozen class of which there are millions: only the type checker refuses to change one.

    The guard of `frozen` makes its construction three times as slow, and a trace of a million lines
    makes millions of areas and events.
    """

    def make(each: type) -> type:
        return _make(
            each,
            kw_only=kw_only,
            eq=True,
            with_repr=True,
            slots=True,
            frozen=True,
            guarded=False,
        )

    return make if cls is None else make(cls)


@overload
def define(cls: type[_T], /) -> type[_T]: ...
@overload
def define(
    *, kw_only: bool = False, eq: bool = True, repr: bool = True, slots: bool = True
) -> Callable[[type[_T]], type[_T]]: ...
@dataclass_transform(field_specifiers=(field,))
def define(
    cls: type[_T] | None = None,
    /,
    *,
    kw_only: bool = False,
    eq: bool = True,
    repr: bool = True,  # noqa: A002 - as above
    slots: bool = True,
) -> Any:
    """Make a class of records that may change: equal by their fields, and then without a hash."""

    def make(each: type) -> type:
        return _make(
            each,
            kw_only=kw_only,
            eq=eq,
            with_repr=repr,
            slots=slots,
            frozen=False,
            guarded=False,
        )

    return make if cls is None else make(cls)
