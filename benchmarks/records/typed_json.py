"""JSON to frozen dataclasses and back: the dataclasses are the schema, nothing else describes it.

Understood: str, int, float, bool, Literal, X | None, tuple[X, ...], fixed tuples, Mapping[str, X],
dataclasses, and a union of dataclasses told apart by their `kind`. Everything is strict, since the files may
come from anybody.
"""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields, is_dataclass
from typing import Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

from dlgsanet.errors import InputError

T = TypeVar("T")


def encode(record: Any) -> str:
    """The JSON text of a dataclass. Raises ValueError for NaN or infinity: JSON has neither."""
    return json.dumps(asdict(record), indent=1, allow_nan=False) + "\n"


def decode(kind: type[T], value: Any, where: str) -> T:
    """`value` as a `kind`; `where` names the place in errors. Raises InputError for anything unexpected."""
    found: T = _decode(kind, value, where)
    return found


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if is_dataclass(kind):
        return _dataclass(kind, value, where)
    if kind is float:
        return _number(value, where)
    if kind in (str, int, bool):
        return value if type(value) is kind else _fail(where, _NAMES[kind], value)
    if origin is Literal:
        allowed = get_args(kind)
        is_allowed = type(value) is str and value in allowed
        return value if is_allowed else _fail(where, f"one of {', '.join(map(str, allowed))}", value)
    if origin in (Union, types.UnionType):
        return _union(get_args(kind), value, where)
    if origin is tuple:
        return _tuple(get_args(kind), value, where)
    if origin is Mapping:
        entries = value if isinstance(value, dict) else _fail(where, "an object", value)
        return {key: _decode(get_args(kind)[1], item, f"{where}.{key[:40]}") for key, item in entries.items()}
    raise TypeError(f"{where}: no JSON form for {kind}")


_NAMES = {str: "text", int: "a whole number", bool: "true or false"}


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        _fail(where, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return number if math.isfinite(number) else _fail(where, "a finite number", "one beyond all range")


def _dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, dict):
        _fail(where, "an object", value)
    hints = get_type_hints(kind)
    known = {field.name: field for field in fields(kind)}
    for key in value:
        if key not in known:
            raise InputError(f"{where}: unknown field {key[:40]!r}; expected only {', '.join(known)}")
    for name, field in known.items():
        if name not in value and field.default is MISSING and field.default_factory is MISSING:
            raise InputError(f"{where}: field '{name}' is missing; measure again with this version")
    try:
        return kind(**{key: _decode(hints[key], item, f"{where}.{key}") for key, item in value.items()})
    except ValueError as error:  # what the record itself refuses
        raise InputError(f"{where}: {error}") from error


def _union(options: tuple[Any, ...], value: Any, where: str) -> Any:
    if type(None) in options:
        if value is None:
            return None
        options = tuple(option for option in options if option is not type(None))
    if len(options) == 1:
        return _decode(options[0], value, where)
    kinds = {get_args(get_type_hints(option)["kind"])[0]: option for option in options}
    name = value.get("kind") if isinstance(value, dict) else _fail(where, "an object", value)
    if not isinstance(name, str) or name not in kinds:
        _fail(f"{where}.kind", f"one of {', '.join(kinds)}", name)
    return _decode(kinds[name], value, f"{where} ({name})")


def _tuple(kinds: tuple[Any, ...], value: Any, where: str) -> Any:
    if not isinstance(value, list):
        _fail(where, "a list", value)
    if len(kinds) == 2 and kinds[1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if len(kinds) != len(value):
        _fail(where, f"{len(kinds)} values", value)
    pairs = zip(kinds, value, strict=True)
    return tuple(_decode(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(pairs))


def _fail(where: str, expected: str, value: Any) -> NoReturn:
    found = json.dumps(value)
    shown = found if len(found) <= 60 else found[:57] + "..."
    raise InputError(f"{where}: expected {expected}, found {shown}; measure again with this version")
