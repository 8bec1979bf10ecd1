"""One JSON document as text, made piece by piece: a machine of a million areas is never held whole.

The text is what `json.dumps(…, indent=2, ensure_ascii=True, allow_nan=False)` makes of the same
dicts and lists, which it takes four times as long for and a hundred times the memory.
"""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from functools import lru_cache
from json.encoder import encode_basestring_ascii
from math import isfinite
from typing import Any, Final

from attrs import fields

from execmem_tui.model.documents import ABSENT

_STEP: Final = "  "
_SIMPLE: Final = (str, int, float, bool, type(None))


def json_pieces(document: object, first: Mapping[str, object]) -> Iterator[str]:
    """Yield the text of a document (`execmem_tui.model.documents`), some of it at a time.

    Args:
        document: a record, or a mapping of records.
        first: keys that come before its own.

    Raises:
        ValueError: a number in it is not one of JSON: infinite, or none.
    """
    yield from _object([*first.items(), *_items(document)], "")
    yield "\n"


def _items(value: Any) -> list[tuple[str, Any]]:
    """Return the keys of a record or a mapping with what is under them; absent ones left out."""
    if isinstance(value, Mapping):
        return list(value.items())
    names = _names(type(value))  # type: ignore[arg-type]  # a class is hashable
    found = [(key, getattr(value, name)) for key, name in names]
    return [each for each in found if each[1] is not ABSENT]


@lru_cache(maxsize=256)
def _names(cls: Any) -> tuple[tuple[str, str], ...]:
    return tuple((field.name.rstrip("_"), field.name) for field in fields(cls))


def _pieces(value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, _SIMPLE):
        yield _scalar(value)
    elif isinstance(value, Sequence):
        yield from _array(value, indent)
    else:
        yield from _object(_items(value), indent)


def _array(values: Sequence[Any], indent: str) -> Iterator[str]:
    before = f"[\n{indent}{_STEP}"
    for value in values:
        yield before
        yield from _pieces(value, indent + _STEP)
        before = f",\n{indent}{_STEP}"
    yield f"\n{indent}]" if len(values) else "[]"


def _object(items: list[tuple[str, Any]], indent: str) -> Iterator[str]:
    if not items:
        yield "{}"
        return
    inner = indent + _STEP
    if all(isinstance(value, _SIMPLE) for _, value in items):  # an area: one piece
        lines = [f"{inner}{_quoted(key)}: {_scalar(value)}" for key, value in items]
        yield "{\n" + ",\n".join(lines) + f"\n{indent}}}"
        return
    before = "{\n"
    for key, value in items:
        yield f"{before}{inner}{_quoted(key)}: "
        yield from _pieces(value, inner)
        before = ",\n"
    yield f"\n{indent}}}"


@lru_cache(maxsize=1024)
def _quoted(key: str | int) -> str:
    return encode_basestring_ascii(str(key))


def _scalar(value: Any) -> str:
    if value is None:
        return "null"
    if type(value) is str:
        return encode_basestring_ascii(value)
    if isinstance(value, StrEnum):
        return encode_basestring_ascii(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return int.__repr__(value)
    if not isfinite(value):
        raise ValueError(f"no number of JSON: {value!r}")
    return float.__repr__(value)
