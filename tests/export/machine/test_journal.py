"""A long measurement goes on where it stopped; a line that is none of ours is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlgsanet.errors import InputError
from export.machine.journal import Journal


def test_what_is_known_is_not_measured_again_and_a_torn_line_is(tmp_path: Path) -> None:
    place = tmp_path / "found.jsonl"
    Journal(place).once("a", lambda: 1)
    with place.open("a") as file:
        file.write('["b", 2')
    journal = Journal(place)
    assert "a" in journal and "b" not in journal
    assert journal.once("a", lambda: 3) == 1 and journal.once("b", lambda: {"c": [2.5]}) == {"c": [2.5]}
    assert Journal(place).once("b", dict) == {"c": [2.5]}


@pytest.mark.parametrize("line", ["{}", "[1, 2]", '["a"]', '["a", NaN]', "[" * 100_000, "\0", '["a", 1, 2]'])
def test_a_line_of_somebody_else_is_said(tmp_path: Path, line: str) -> None:
    place = tmp_path / "found.jsonl"
    place.write_text(f"{line}\n")
    with pytest.raises(InputError, match=r"line 1 of .*remove it, it will be measured again"):
        Journal(place)


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it is a folder, not a file"):
        Journal(tmp_path)
