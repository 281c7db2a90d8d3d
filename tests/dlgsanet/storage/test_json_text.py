"""JSON of anybody: whatever a file holds, it is read or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlgsanet.errors import InputError
from dlgsanet.storage.json_text import MAX_DEPTH, parse, read


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ('{"a": 1, "a": 2}', "a key is given twice"),
        ("NaN", "NaN is not JSON"),
        ("[-Infinity]", "-Infinity is not JSON"),
        ("1e999", "beyond all range"),
        ("1" * 1001, "a number of 1001 digits"),
        ('"\\ud800"', "surrogates not allowed"),
        ('{"\\udfff": 1}', "surrogates not allowed"),
        (b'"\xed\xa0\x80"', "surrogates not allowed"),
        (b"\xff\xfe\xfd", "not valid JSON"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_refused_is_said_with_the_advice(text: str | bytes, words: str) -> None:
    with pytest.raises(InputError, match=rf"f\.json is not valid JSON \(.*{words}.*\); make it again|{words}"):
        parse(text, "f.json", "make it again")


def test_the_deepest_that_is_read() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(parse(text, "f.json", "")) == text


def test_characters_beyond_the_first_plane_are_whole() -> None:
    assert parse('"\\ud83d\\ude00"', "f.json", "") == "\N{GRINNING FACE}"


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    place = tmp_path / "f.json"
    place.write_text("[1]")
    assert read(place, 3, "a list", "make it") == [1]
    with pytest.raises(InputError, match=r"expected a list of at most 0 MiB, found more in .*f\.json; make it"):
        read(place, 2, "a list", "make it")
    with pytest.raises(InputError, match=r"cannot read a list .*none: No such file.*; make it"):
        read(tmp_path / "none", 3, "a list", "make it")


@given(st.text())
def test_any_text_is_a_value_or_one_line(text: str) -> None:
    try:
        value = parse(text, "f.json", "make it again")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
