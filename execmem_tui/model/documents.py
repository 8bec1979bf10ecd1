"""What the JSON documents are made of: records whose fields are the keys.

A class is a document or a part of one, and its annotations are its JSON Schema
(`execmem_tui.cli.schema` writes it). `Annotated[int, Keywords(minimum=0)]` adds keywords, `Added`
marks a key that came after the first version, a default of `ABSENT` a key that may be missing.

cattrs would unstructure them too, but its import takes 12 ms, as long as the interpreter's own
start.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum, StrEnum
from functools import cache
from typing import Annotated, Any, Final, TypeAlias, TypeVar, dataclass_transform, overload

from attrs import fields

from execmem_tui.model.ranges import ExecmemType
from execmem_tui.model.records import frozen

_T = TypeVar("_T")
_Made_co = TypeVar("_Made_co", covariant=True)
_Thing = TypeVar("_Thing")


class Absent(Enum):
    """The type of a key that is not written."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT
ADDED: Final = "added"


class Keywords:
    """Keywords of JSON Schema that a type does not tell."""

    def __init__(self, **keywords: Any) -> None:
        self.keywords = keywords


Added = Annotated[_T, ADDED]
"""A key that documents of the first version do not have: always written, not required."""
Hex = Annotated[str, Keywords(pattern="^0x[0-9a-f]+$")]
"""An address."""
SignedHex = Annotated[str, Keywords(pattern="^-?0x[0-9a-f]+$")]
Count = Annotated[int, Keywords(minimum=0)]
"""A count, or a size in bytes."""
TypeName = Annotated[str, Keywords(enum=list(ExecmemType.__members__))]
"""An execmem type; as the key of a mapping, every type is there."""
Scalar: TypeAlias = int | float | str | bool | None
Json: TypeAlias = Any
"""Any value."""


@dataclass_transform(kw_only_default=True, frozen_default=True)
def document(cls: type[_T]) -> type[_T]:
    """Make `cls` an immutable record; `closed = True` in it refuses other keys in its schema.

    It has no slots and is not compared: nobody asks that of a document, and it is made faster.
    """
    return frozen(kw_only=True, eq=False, repr=False, slots=False)(cls)


class LazySequence(Sequence[_Made_co]):
    """What a function makes of each thing in a sequence, made when it is asked for and not kept."""

    def __init__(self, of: Callable[[_Thing], _Made_co], things: Sequence[_Thing]) -> None:
        self._of: Callable[[Any], _Made_co] = of
        self._things: Sequence[Any] = things

    def __len__(self) -> int:
        return len(self._things)

    def __iter__(self) -> Iterator[_Made_co]:
        return map(self._of, self._things)

    @overload
    def __getitem__(self, index: int) -> _Made_co: ...

    @overload
    def __getitem__(self, index: slice) -> "LazySequence[_Made_co]": ...

    def __getitem__(self, index: int | slice) -> "_Made_co | LazySequence[_Made_co]":
        if isinstance(index, slice):
            return LazySequence(self._of, self._things[index])
        return self._of(self._things[index])


def hexes(values: Mapping[str, int]) -> dict[str, str]:
    """Return named addresses as a document holds them."""
    return {name: hex(value) for name, value in values.items()}


def keyed(document: Any) -> Mapping[str, Any]:
    """Return the keys of a document, or of a part of one, as they are. Absent ones are left out."""
    if isinstance(document, Mapping):
        return document
    cls: Any = type(document)
    renamed = _renamed(cls)
    # a part may be a record with slots, such as those of a manifest
    values = vars(document) if hasattr(document, "__dict__") else _slots_of(document)
    found = {name: value for name, value in values.items() if value is not ABSENT}
    return {renamed.get(name, name): found[name] for name in found} if renamed else found


def _slots_of(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields(type(record))}


@cache
def _renamed(cls: Any) -> dict[str, str]:
    """Return attributes with other keys: a key that Python has as a word ends in _."""
    names = (field.name for field in fields(cls))
    return {name: name.rstrip("_") for name in names if name.endswith("_")}


def plain(value: Any) -> Any:
    """Return a document as the dicts, lists and scalars that JSON knows."""
    if value is None or isinstance(value, int | float) or type(value) is str:
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in keyed(value).items()}
