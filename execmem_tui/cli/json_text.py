"""One JSON document as text, made piece by piece: a machine of a million areas is never held whole.

The text is what `json.dumps(…, indent=2, allow_nan=False)` makes of the same dicts and lists, which
it would hold a second time before it begins.
"""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

from execmem_tui.model.documents import LazySequence, keyed, plain

_STEP: Final = "  "
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
    indent = 2 * _STEP
    before = "[\n"
    for value in values:
        yield f"{before}{indent}{_text(plain(value), indent)}"
        before = ",\n"
    yield f"\n{_STEP}]" if len(values) else "[]"


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
