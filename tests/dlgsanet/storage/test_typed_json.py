"""Dataclasses are the schema: what they say is read, everything else is refused at its place."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest

from dlgsanet.errors import InputError
from dlgsanet.storage.json_text import parse
from dlgsanet.storage.typed_json import LEFT_OUT, REQUIRED, Count, Rule, Text, decode, encode, to_json

SHORT = Annotated[str, Rule[str]("a short word", lambda text: len(text) < 6, {"maxLength": 5})]


@dataclass(frozen=True)
class Circle:
    shape: Literal["circle"]
    radius: float


@dataclass(frozen=True)
class Square:
    shape: Literal["square"]
    side: Count


@dataclass(frozen=True)
class Page:
    title: Text
    word: SHORT
    size: tuple[Count, Count]
    drawn: tuple[Circle | Square, ...] = ()
    notes: Mapping[str, object] = field(default_factory=dict, metadata=REQUIRED)
    mark: str | None = field(default=None, metadata=LEFT_OUT)


PAGE: dict[str, Any] = {
    "title": "a",
    "word": "short",
    "size": [1, 2],
    "drawn": [{"shape": "circle", "radius": 1}, {"shape": "square", "side": 3}],
    "notes": {"any": [1, None, {"x": True}]},
}


def test_what_was_written_is_read() -> None:
    page = decode(Page, PAGE, "page")
    assert page.drawn == (Circle("circle", 1.0), Square("square", 3))
    assert decode(Page, parse(encode(page), "p", ""), "page") == page


def test_what_has_its_default_may_be_left_out() -> None:
    page = decode(Page, PAGE, "page")
    assert "mark" not in to_json(page)
    assert to_json(decode(Page, {**PAGE, "mark": "m"}, "page"))["mark"] == "m"
    with pytest.raises(InputError, match="field 'notes' is missing"):
        decode(Page, {key: value for key, value in PAGE.items() if key != "notes"}, "page")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"title": ""}, r"page\.title: expected a non-empty string, found \"\"; measure"),
        ({"title": 3}, r"page\.title: expected a non-empty string, found 3"),
        ({"word": "longer"}, r"page\.word: expected a short word"),
        ({"size": [1]}, r"page\.size: expected 2 values"),
        ({"size": [1, 0]}, r"page\.size\[1\]: expected a whole number of at least 1, found 0"),
        ({"size": [1, 2**63]}, r"page\.size\[1\]: expected a whole number of at most 64 bits"),
        ({"size": [1, True]}, r"page\.size\[1\]: expected a whole number"),
        ({"drawn": [{"shape": "line"}]}, r"page\.drawn\[0\]\.shape: expected one of circle, square"),
        ({"drawn": [{"shape": "circle", "radius": 10**400}]}, r"radius: expected a finite number"),
        ({"notes": {"a\n\x1b": [10**400]}}, r"page\.notes\.a\\n\\u001b\[0\]: expected a whole number of at most 64"),
        ({"x\ny": 1}, r"page: unknown field 'x\\ny'"),
        ({"mark": 1}, r"page\.mark: expected a string"),
    ],
)
def test_what_does_not_fit_is_refused_at_its_place(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        decode(Page, {**PAGE, **change}, "page")


def test_a_type_without_a_json_form_is_our_own_fault() -> None:
    @dataclass(frozen=True)
    class Odd:
        value: complex

    with pytest.raises(TypeError, match="no JSON form"):
        decode(Odd, {"value": 1}, "odd")


def test_dates_of_toml_are_said() -> None:
    with pytest.raises(InputError, match=r'^limits\.patch: expected a number, found "2026-01-02"; correct it$'):
        decode(float, datetime.date(2026, 1, 2), "limits.patch", "correct it")
