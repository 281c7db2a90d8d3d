"""JSON to frozen dataclasses and back: the dataclasses are the schema, nothing else describes it.

Understood: str, int, float, bool, Literal, X | None, tuple[X, ...], fixed tuples, Mapping[str, X],
dataclasses, a union of dataclasses told apart by one word, and `object` or `Any` for whatever JSON holds.
`Annotated` adds a `Rule`. Everything is strict, since the files may come from anybody.
"""

from __future__ import annotations

import functools
import json
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NoReturn,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

from dlgsanet.errors import InputError
from dlgsanet.storage.json_text import Json

T = TypeVar("T")

REQUIRED: Mapping[str, object] = {"json": "required"}
"""Metadata of a field that JSON must hold although it has a default in Python."""

LEFT_OUT: Mapping[str, object] = {"json": "left out"}
"""Metadata of a field that is not written where it has its default."""

REST: Mapping[str, object] = {"json": "rest"}
"""Metadata of a Mapping[str, object] that takes the members of JSON that no other field has."""


@dataclass(frozen=True, eq=False)
class Rule(Generic[T]):
    """What a value must be beyond its type: in words, as a test, and as JSON Schema says it (as far as it can)."""

    expected: str
    holds: Callable[[T], bool]
    schema: Mapping[str, object]


def at_least(least: int) -> Rule[int]:
    """A whole number not below `least`."""
    return Rule(f"a whole number of at least {least}", lambda value: value >= least, {"minimum": least})


def between(least: float, most: float, expected: str = "") -> Rule[float]:
    """A number in a range that anything real lies in: what is beyond would only break sums and drawings."""
    words = expected or f"a number from {least:g} to {most:g}"
    return Rule(words, lambda value: least <= value <= most, {"minimum": least, "maximum": most})


NOT_EMPTY: Rule[str] = Rule("a non-empty string", lambda text: text != "", {"minLength": 1})
Text = Annotated[str, NOT_EMPTY]
Count = Annotated[int, at_least(1)]
Whole = Annotated[int, at_least(0)]

_LARGEST = 2**63  # beyond it, other readers of JSON lose digits
_WORDS = {str: "a string", int: "a whole number", bool: "true or false"}


def encode(record: object, indent: int = 1) -> str:
    """The JSON text of a dataclass. Raises ValueError for NaN or infinity: JSON has neither."""
    return json.dumps(to_json(record), indent=indent, allow_nan=False) + "\n"


def to_json(value: object) -> Any:
    """A dataclass, and what is in it, as JSON's own values."""
    if is_dataclass(value):
        kept = [field for field in fields(value) if not _is_left_out(field, getattr(value, field.name))]
        members = {field.name: to_json(getattr(value, field.name)) for field in kept}
        rest = [members.pop(field.name) for field in kept if field.metadata == REST]
        return {**members, **(rest[0] if rest else {})}
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [to_json(item) for item in value]
    return value


def decode(kind: type[T], value: object, where: str, advice: str = "measure again with this version") -> T:
    """`value` as a `kind`; `where` names the place in errors, `advice` is their end. Raises InputError for anything
    unexpected."""
    found: T = _Decoder(advice).any(kind, value, where)
    return found


def is_required(field: Field[Any]) -> bool:
    """Whether JSON must hold it."""
    has_default = field.default is not MISSING or field.default_factory is not MISSING
    return not has_default or field.metadata == REQUIRED


def tagged(options: tuple[Any, ...]) -> tuple[str, dict[str, Any]]:
    """The field that tells dataclasses apart, a Literal of one word in each, and word -> dataclass."""
    for name in hints_of(options[0]):
        literals = [hints_of(option).get(name) for option in options]
        if all(get_origin(it) is Literal and len(get_args(it)) == 1 for it in literals):
            return name, {get_args(it)[0]: option for it, option in zip(literals, options, strict=True)}
    raise TypeError(f"no field tells {options} apart")


def _is_left_out(field: Field[Any], value: object) -> bool:
    return bool(field.metadata == LEFT_OUT and value == field.default)


class _Decoder:
    """One way down; every method takes the type, the value and its place."""

    def __init__(self, advice: str) -> None:
        self._advice = advice

    def any(self, kind: Any, value: Any, where: str, expected: str | None = None) -> Any:
        """`expected`: the words of a rule, in place of the type's own."""
        origin = get_origin(kind)
        if origin is Annotated:
            return self._ruled(kind, value, where)
        if is_dataclass(kind):
            return self._dataclass(kind, value, where)
        if kind is float:
            return self._number(value, where)
        if kind in _WORDS:
            return self._plain(kind, value, where, expected)
        if origin is Literal:
            return self._literal(get_args(kind), value, where)
        if origin in (Union, types.UnionType):
            return self._union(get_args(kind), value, where)
        if origin is tuple:
            return self._tuple(get_args(kind), value, where, expected)
        if origin is Mapping:
            return self._mapping(get_args(kind), value, where)
        if kind in (object, Any):
            return self._free(value, where)
        raise TypeError(f"{where}: no JSON form for {kind}")

    def _ruled(self, kind: Any, value: object, where: str) -> object:
        base, *rules = get_args(kind)
        found = self.any(base, value, where, rules[0].expected)
        for rule in rules:
            if not rule.holds(found):
                self._fail(where, rule.expected, value)
        return found

    def _plain(self, kind: type, value: object, where: str, expected: str | None) -> object:
        if type(value) is not kind:
            self._fail(where, expected or _WORDS[kind], value)
        if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
            self._fail(where, "a whole number of at most 64 bits", value)
        return value

    def _number(self, value: object, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._fail(where, "a number", value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        return number if math.isfinite(number) else self._fail(where, "a finite number", "one beyond all range")

    def _literal(self, allowed: tuple[object, ...], value: object, where: str) -> object:
        if type(value) not in (str, int) or value not in allowed:
            self._fail(where, f"one of {', '.join(map(str, allowed))}", value)
        return value

    def _dataclass(self, kind: Any, value: object, where: str) -> object:
        found = self._object(value, where)
        known = {field.name: field for field in fields(kind) if field.metadata != REST}
        rest = next((field.name for field in fields(kind) if field.metadata == REST), None)
        others = {key: found[key] for key in found if key not in known}
        if rest is not None:
            found = {key: item for key, item in found.items() if key in known} | {rest: others}
        elif others:
            key = next(iter(others))
            raise InputError(f"{where}: unknown field '{_shown(key)}'; expected only {', '.join(known)}")
        for name, field in known.items():
            if name not in found and is_required(field):
                raise InputError(f"{where}: field '{name}' is missing; {self._advice}")
        types_of = hints_of(kind)
        try:
            return kind(**{key: self.any(types_of[key], item, f"{where}.{key}") for key, item in found.items()})
        except ValueError as error:  # what the record itself refuses
            raise InputError(f"{where}: {error}") from error

    def _union(self, options: tuple[Any, ...], value: object, where: str) -> object:
        if type(None) in options:
            if value is None:
                return None
            options = tuple(option for option in options if option is not type(None))
        if len(options) == 1:
            return self.any(options[0], value, where)
        tag, kinds = tagged(options)
        name = self._object(value, where).get(tag)
        if not isinstance(name, str) or name not in kinds:
            self._fail(f"{where}.{tag}", f"one of {', '.join(kinds)}", name)
        return self.any(kinds[name], value, f"{where} ({name})")

    def _tuple(self, kinds: tuple[object, ...], value: object, where: str, expected: str | None) -> tuple[object, ...]:
        if not isinstance(value, list):
            self._fail(where, expected or "a list", value)
        if len(kinds) == 2 and kinds[1] is Ellipsis:
            kinds = (kinds[0],) * len(value)
        if len(kinds) != len(value):
            self._fail(where, expected or f"{len(kinds)} values", value)
        pairs = zip(kinds, value, strict=True)
        return tuple(self.any(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(pairs))

    def _mapping(self, kinds: tuple[object, ...], value: object, where: str) -> dict[str, object]:
        of_key, of_item = kinds
        found = self._object(value, where)
        places = {key: f"{where}.{_shown(key)}" for key in found}
        return {self.any(of_key, key, where): self.any(of_item, item, places[key]) for key, item in found.items()}

    def _free(self, value: object, where: str) -> object:
        """Any JSON; numbers are held to the same range as everywhere."""
        if isinstance(value, dict):
            return {key: self._free(item, f"{where}.{_shown(key)}") for key, item in value.items()}
        if isinstance(value, list):
            return [self._free(item, f"{where}[{i}]") for i, item in enumerate(value)]
        return self._plain(int, value, where, None) if type(value) is int else value

    def _object(self, value: object, where: str) -> dict[str, Json]:
        return value if isinstance(value, dict) else self._fail(where, "an object", value)

    def _fail(self, where: str, expected: str, value: object) -> NoReturn:
        found = json.dumps(value, default=str)  # TOML has dates
        shown = found if len(found) <= 60 else found[:57] + "..."
        raise InputError(f"{where}: expected {expected}, found {shown}; {self._advice}")


@functools.cache
def hints_of(kind: Any) -> dict[str, Any]:
    """Field -> type, rules included."""
    return get_type_hints(kind, include_extras=True)


def _shown(key: str) -> str:
    """A key in an error: at most 40 characters, none that moves the line."""
    return json.dumps(key[:40])[1:-1]
