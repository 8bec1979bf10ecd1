"""The JSON Schemas: generated from the documents' classes, and true to the first version's.

`tests/data/documents-0.1.0.json.gz` holds the schemas of 0.1.0 as they were written by hand, and
documents that 0.1.0 printed.
"""

import copy
import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest

from execmem_tui.cli.commands import COMMANDS, load, parser_of
from execmem_tui.cli.schema import schema_of
from execmem_tui.model.documents import (
    ABSENT,
    Absent,
    Added,
    Count,
    Hex,
    Scalar,
    TypeName,
    document,
    plain,
)
from execmem_tui.model.ranges import ExecmemType, Window

DATA = Path(__file__).parents[1] / "data"
OLD: dict[str, Any] = json.loads(gzip.decompress((DATA / "documents-0.1.0.json.gz").read_bytes()))
Validator = jsonschema.Draft202012Validator
BROKEN: tuple[Any, ...] = (ABSENT, "?", -1, [{}])


def generated(command: str) -> dict[str, Any]:
    return schema_of(command, load(command).DOCUMENTS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_with_json_has_documents(command: str) -> None:
    assert ("--json" in parser_of(command).format_help()) == bool(load(command).DOCUMENTS)
    if load(command).DOCUMENTS:
        Validator.check_schema(generated(command))


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in a document."""
    yield path
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    for key, item in items:
        yield from places(item, (*path, key))


def changed(whole: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a copy with the place at `path` replaced, or taken out where `value` is ABSENT."""
    found = copy.deepcopy(whole)
    at = found
    for key in path[:-1]:
        at = at[key]
    if value is ABSENT:
        del at[path[-1]]
    else:
        at[path[-1]] = value
    return found


@pytest.mark.parametrize("command", sorted(OLD["schemas"]))
def test_a_document_is_valid_exactly_where_it_was(command: str) -> None:
    """Each place of each old document, broken in four ways: both schemas say the same of it.

    But for what was written and not described, and is described now.
    """
    old, new = Validator(OLD["schemas"][command]), Validator(generated(command))
    documents = [row["document"] for row in OLD["documents"] if row["command"] == command]
    assert documents
    refused = 0
    for whole in documents:
        assert old.is_valid(whole)
        assert new.is_valid(whole)
        seen: set[tuple[Any, ...]] = set()
        for path in places(whole):
            shape = tuple("*" if isinstance(key, int) else key for key in path)
            if not path or shape in seen:
                continue
            seen.add(shape)
            broken = [changed(whole, path, each) for each in BROKEN]
            before = [old.is_valid(each) for each in broken]
            if all(before):
                assert new.is_valid(broken[0]), path
            else:
                assert [new.is_valid(each) for each in broken] == before, path
                refused += before.count(False)
    assert refused > 4


@document
class Small:
    """A part."""

    closed = True
    name: str


@document
class Whole:
    """A document with one key of each sort.

    More is said here.
    """

    at: Hex
    size: Count
    type: TypeName | None
    window: Window
    class_: Literal["a", "b"]
    format: Literal["only"]
    value: Scalar
    pair: tuple[int, int]
    per_type: Mapping[TypeName, Small]
    named: Mapping[str, int]
    parts: Sequence[Small]
    later: Added[int]
    maybe: Sequence[Small] | Absent = ABSENT


def test_a_class_is_its_schema() -> None:
    hexadecimal = {"type": "string", "pattern": "^0x[0-9a-f]+$"}
    names = list(ExecmemType.__members__)
    small = {"$ref": "#/$defs/Small"}
    assert schema_of("x", [Whole]) == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "execmem-tui x --json",
        "description": "A document with one key of each sort.",
        "type": "object",
        "properties": {
            "schema": {"const": 1},
            "at": hexadecimal,
            "size": {"type": "integer", "minimum": 0},
            "type": {"anyOf": [{"enum": names}, {"type": "null"}]},
            "window": {"enum": ["preferred", "fallback"]},
            "class": {"enum": ["a", "b"]},
            "format": {"const": "only"},
            "value": {"type": ["integer", "number", "string", "boolean", "null"]},
            "pair": {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "integer"}],
                "minItems": 2,
                "maxItems": 2,
            },
            "per_type": {
                "type": "object",
                "properties": dict.fromkeys(names, small),
                "required": names,
            },
            "named": {"type": "object", "additionalProperties": {"type": "integer"}},
            "parts": {"type": "array", "items": small},
            "later": {"type": "integer"},
            "maybe": {"type": "array", "items": small},
        },
        "required": [
            "schema", "at", "size", "type", "window", "class", "format", "value", "pair",
            "per_type", "named", "parts",
        ],
        "additionalProperties": True,
        "$defs": {
            "Small": {
                "description": "A part.",
                "type": "object",
                "properties": {"name": {"type": "string"}},
                "required": ["name"],
                "additionalProperties": False,
            }
        },
    }  # fmt: skip


def test_what_no_document_can_hold_is_refused() -> None:
    @document
    class Wrong:
        """Wrong."""

        value: bytes

    with pytest.raises(TypeError, match="nothing that a document can hold"):
        schema_of("x", [Wrong])


def test_a_document_becomes_plain() -> None:
    small = Small(name="n")
    whole = Whole(
        at="0x1",
        size=1,
        type=None,
        window=Window.FALLBACK,
        class_="a",
        format="only",
        value=1.5,
        pair=(1, 2),
        per_type={},
        named={"a": 1},
        parts=(small,),
        later=True,
    )
    found = plain(whole)
    assert found["parts"] == [{"name": "n"}]
    assert found["pair"] == [1, 2]
    assert type(found["window"]) is str
    assert found["class"] == "a"
    assert "maybe" not in found
    assert json.loads(json.dumps(found)) == found
