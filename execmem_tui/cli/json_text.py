"""One JSON document as text, made piece by piece: a machine of a million areas is never held whole.

The text is what `json.dumps(…, indent=2, allow_nan=False)` makes of the same dicts and lists, which
it would hold a second time before it begins.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from execmem_tui.model.areas import AreaState
from execmem_tui.model.documents import LazySequence, keyed, plain
from execmem_tui.model.ranges import Window

_STEP: Final = "  "
_AT_ONCE: Final = 100
"""Records of an array whose text is made at once."""
_SCALARS: Final = frozenset((str, int, float, bool, type(None), AreaState, Window))
"""What an area is told in. Another type makes nothing wrong, but slower."""
_INDENTED: Final = json.JSONEncoder(indent=len(_STEP), allow_nan=False)


def json_pieces(document: object, first: Mapping[str, object]) -> Iterator[str]:
    """Yield the text of a document (`execmem_tui.model.documents`), some of it at a time.

    Args:
        document: a record, or a mapping of records.
        first: keys that come before its own.

    Raises:
        ValueError: a number in it is not one of JSON: infinite, or none.
    """
    before = "{\n"
    for key, value in {**first, **keyed(document)}.items():
        yield f"{before}{_STEP}{json.dumps(key)}: "
        if isinstance(value, LazySequence):
            yield from _array(value)
        else:
            yield _text(plain(value), _STEP)
        before = ",\n"
    yield "{}\n" if before == "{\n" else "\n}\n"


def _array(values: LazySequence[Any]) -> Iterator[str]:
    """Yield the text of records that are made when they are written."""
    indent = 2 * _STEP
    before, left = "[\n", iter(values)
    while found := [keyed(value) for value in islice(left, _AT_ONCE)]:
        if _are_flat(found):
            text = _flat(found, indent)
        else:
            text = f",\n{indent}".join(_text(plain(each), indent) for each in found)
        yield f"{before}{indent}{text}"
        before = ",\n"
    yield f"\n{_STEP}]" if len(values) else "[]"


def _are_flat(found: Iterable[Mapping[str, Any]]) -> bool:
    """Whether they hold something, and nothing that holds something."""
    return all(each and _SCALARS.issuperset(map(type, each.values())) for each in found)


def _flat(found: list[Mapping[str, Any]], indent: str) -> str:
    """Return what stands in an array for such objects.

    No text in it has a line end, so that a brace before one is not of a text either.
    """
    inner = f"{indent}{_STEP}"
    text = _compiled(indent).encode(found)[2:-2]
    text = text.replace(f"}},\n{inner}{{", f"\n{indent}}},\n{indent}{{\n{inner}")
    return f"{{\n{inner}{text}\n{indent}}}"


def _text(value: Any, indent: str) -> str:
    """Return what stands behind a key, or in a list, that is indented so far."""
    if isinstance(value, dict) and not any(
        isinstance(each, dict | list) for each in value.values()
    ):
        inner = _compiled(indent).encode(value)[1:-1]
        return f"{{\n{indent}{_STEP}{inner}\n{indent}}}" if inner else "{}"
    # no text in it has a line end: JSON writes one as \n
    return _INDENTED.encode(value).replace("\n", f"\n{indent}")


@lru_cache(maxsize=4)
def _compiled(indent: str) -> json.JSONEncoder:
    """Return an encoder for objects of scalars: json's compiled one, which knows no indent.

    Nearly all of a long document are such, and without it that takes a third longer.
    """
    return json.JSONEncoder(allow_nan=False, separators=(f",\n{indent}{_STEP}", ": "))
