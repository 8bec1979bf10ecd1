"""JSON Schemas, generated from the classes of `DOCUMENTS` of each command."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import attrs

from execmem_tui.cli.output import SCHEMA_VERSION
from execmem_tui.model.documents import ADDED, Absent, Keywords, TypeName

Schema = dict[str, Any]
_SCALARS: Final = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    NoneType: "null",
}


def schema_of(command: str, documents: Sequence[type]) -> Schema:
    """Return the schema of what a command prints: one of `documents`, each with ``schema``.

    Forms must differ in what they require: under ``anyOf`` a broken document of a form that is more
    than another would pass as the other.
    """
    definitions: Schema = {}
    forms = [_object(each, definitions) for each in documents]
    for form in forms:
        form["properties"] = {"schema": {"const": SCHEMA_VERSION}, **form["properties"]}
        form["required"] = ["schema", *form["required"]]
    head: Schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"execmem-tui {command} --json",
    }
    body = forms[0] if len(forms) == 1 else {"anyOf": forms}
    return head | body | ({"$defs": definitions} if definitions else {})


def _object(cls: type, definitions: Schema) -> Schema:
    hints = get_type_hints(cls, include_extras=True)
    properties: Schema = {}
    required: list[str] = []
    for field in attrs.fields(cls):
        name, hint = field.name.rstrip("_"), hints[field.name]
        properties[name] = _value(hint, definitions)
        if Absent not in get_args(hint) and ADDED not in _metadata(hint):
            required.append(name)
    text = re.split(r"\n\s*\n", cls.__doc__ or "")[0]
    return {
        "description": " ".join(text.split()),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": not getattr(cls, "closed", False),
    }


def _metadata(hint: Any) -> tuple[Any, ...]:
    return hint.__metadata__ if get_origin(hint) is Annotated else ()


def _value(hint: Any, definitions: Schema) -> Schema:
    if get_origin(hint) is Annotated:
        found = _value(hint.__origin__, definitions)
        for each in hint.__metadata__:
            found |= each.keywords if isinstance(each, Keywords) else {}
        return {key: item for key, item in found.items() if "enum" not in found or key != "type"}
    if get_origin(hint) in (Union, UnionType):
        return _union([each for each in get_args(hint) if each is not Absent], definitions)
    if hint is Any:
        return {}
    if hint in _SCALARS:
        return {"type": _SCALARS[hint]}
    return _compound(hint, definitions)


def _union(members: list[Any], definitions: Schema) -> Schema:
    if len(members) > 2 and all(member in _SCALARS for member in members):
        return {"type": [_SCALARS[member] for member in members]}
    found = [_value(member, definitions) for member in members]
    return found[0] if len(found) == 1 else {"anyOf": found}


def _compound(hint: Any, definitions: Schema) -> Schema:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return {"const": arguments[0]} if len(arguments) == 1 else {"enum": list(arguments)}
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(arguments[0], arguments[1], definitions)
    if origin is tuple and arguments[-1] is not ...:
        items = [_value(each, definitions) for each in arguments]
        return {
            "type": "array",
            "prefixItems": items,
            "minItems": len(items),
            "maxItems": len(items),
        }
    if origin is not None and issubclass(origin, Sequence):
        return {"type": "array", "items": _value(arguments[0], definitions)}
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"enum": [member.value for member in hint]}
    if not attrs.has(hint):
        raise TypeError(f"{hint} is nothing that a document can hold")
    name = hint.__name__.removesuffix("Document")
    if name not in definitions:
        definitions[name] = {}
        definitions[name] = _object(hint, definitions)
    return {"$ref": f"#/$defs/{name}"}


def _mapping(key: Any, value: Any, definitions: Schema) -> Schema:
    found = _value(value, definitions)
    if key != TypeName:
        return {"type": "object", "additionalProperties": found}
    names: list[str] = key.__metadata__[0].keywords["enum"]
    return {"type": "object", "properties": dict.fromkeys(names, found), "required": list(names)}
