from __future__ import annotations

import pytest

from dlgsanet.command_line.words import Words, completing, read_tile
from dlgsanet.errors import InputError


def test_commas_part_words_only_where_they_may() -> None:
    assert Words().values(["a,b", "c"]) == ("a,b", "c")
    assert Words(commas=True).values(["a,b", "c"]) == ("a", "b", "c")
    assert Words(commas=True).values(["a, b,", ""]) == ("a", "b")
    with pytest.raises(InputError, match="between commas, found ',': name one"):
        Words(commas=True).values(["a", ","])


def test_words_are_read_and_what_cannot_be_read_is_refused() -> None:
    def number(text: str) -> int:
        if not text.isdigit():
            raise InputError(f"expected a number, found {text}")
        return int(text)

    assert Words(number, commas=True).values(["1,2"]) == (1, 2)
    with pytest.raises(InputError, match="found x"):
        Words(number).values(["1", "x"])


def test_shells_are_offered_names_also_after_a_comma() -> None:
    complete = completing(("openvino-fp32", "openvino-bf16", "coreml"))
    assert complete("") == ["openvino-fp32", "openvino-bf16", "coreml"]
    assert complete("openvino-b") == ["openvino-bf16"]
    assert complete("coreml,openvino-f") == ["coreml,openvino-fp32"]


def test_a_tile_is_a_side_or_height_and_width() -> None:
    assert (read_tile("128"), read_tile("128x96")) == ((128, 128), (128, 96))
    with pytest.raises(InputError, match=r"128x96 \(height x width\), found 'auto': correct --tile"):
        read_tile("auto")
    with pytest.raises(InputError, match=r"\(height x width\) or auto, found 'x'"):
        read_tile("x", "auto")
