"""JSON Schemas of the files that we write, from the dataclasses that read them (`dlgsanet.storage.typed_json`)."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from benchmarks.records.result_file import ResultFile
from dlgsanet.storage.typed_json import REST, hints_of, is_required
from runtimes.bundle.records import Manifest

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FILES = {
    "manifest-1.json": (Manifest, "A bundle's manifest.json, schema 1"),
    "result-2.json": (ResultFile, "A result file of check and bench, schema 2"),
}
_PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean"}
Schema = dict[str, Any]


def schema_texts() -> dict[str, str]:
    """File name -> JSON text."""
    return {name: json.dumps(schema_of(*about), indent=1) + "\n" for name, about in FILES.items()}


def schema_of(kind: type, title: str) -> Schema:
    """The schema of a dataclass; every dataclass in it is a definition of its own."""
    known: dict[str, Schema] = {}
    reference = _schema(kind, known)
    return {"$schema": DIALECT, "title": title, **reference, "$defs": dict(sorted(known.items()))}


def _schema(kind: Any, known: dict[str, Schema]) -> Schema:
    origin, inside = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _reference(kind, known)
    if kind in _PLAIN:
        return {"type": _PLAIN[kind]}
    if origin is Annotated:
        base, *rules = inside
        return _schema(base, known) | {key: value for rule in rules for key, value in rule.schema.items()}
    if origin is Literal:
        return {"const": inside[0]} if len(inside) == 1 else {"enum": list(inside)}
    if origin in (Union, types.UnionType):
        return {"anyOf": [_schema(option, known) for option in inside]}
    if origin is tuple:
        return _array(inside, known)
    if origin is Mapping:
        return {
            "type": "object",
            "propertyNames": _schema(inside[0], known),
            "additionalProperties": _schema(inside[1], known),
        }
    if kind is type(None):
        return {"type": "null"}
    if kind in (object, Any):
        return {}
    raise TypeError(f"no JSON Schema for {kind}")


def _array(inside: tuple[Any, ...], known: dict[str, Schema]) -> Schema:
    if len(inside) == 2 and inside[1] is Ellipsis:
        return {"type": "array", "items": _schema(inside[0], known)}
    places = [_schema(it, known) for it in inside]
    return {"type": "array", "prefixItems": places, "items": False, "minItems": len(places)}


def _reference(kind: Any, known: dict[str, Schema]) -> Schema:
    name = kind.__name__
    if name not in known:
        known[name] = {}  # stands there while its own fields are looked at
        types_of = hints_of(kind)
        named = [field for field in fields(kind) if field.metadata != REST]
        known[name] = {
            "description": " ".join((inspect.getdoc(kind) or "").split()),
            "type": "object",
            "properties": {field.name: _schema(types_of[field.name], known) for field in named},
            "required": [field.name for field in named if is_required(field)],
            "additionalProperties": len(named) < len(fields(kind)),  # one of the fields takes the rest
        }
    return {"$ref": f"#/$defs/{name}"}
