"""Studies write what their dataclass says, and read nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from benchmarks.records.study_file import StudyFile, read_study, write_study
from dlgsanet.errors import InputError


@dataclass(frozen=True)
class Lengths(StudyFile):
    model: str
    rows: tuple[float, ...]


def test_a_study_reads_back_as_it_was_written(tmp_path: Path) -> None:
    place = tmp_path / "new" / "s.json"
    write_study(place, Lengths("m", (1.0, 2.5)))
    assert read_study(Lengths, place) == Lengths("m", (1.0, 2.5))
    assert place.read_text().startswith('{\n "schema": 1,')


def test_what_is_not_as_the_dataclass_says_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"s\.json\.model: expected a string, found 3"):
        write_study(tmp_path / "s.json", Lengths(3, ()))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_study(tmp_path / "s.json", Lengths("m", (float("nan"),)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"model": "m", "rows": []}', "field 'schema' is missing; run the study again"),
        ('{"schema": 2, "model": "m", "rows": []}', "schema: expected one of 1, found 2"),
        ('{"schema": 1, "model": "m", "rows": [], "more": 1}', "unknown field 'more'"),
        ("[]", "expected an object"),
        ("{", "not valid JSON"),
    ],
)
def test_the_file_of_another_study_is_refused(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InputError, match=words):
        read_study(Lengths, tmp_path / "s.json")
    with pytest.raises(InputError, match="cannot read the file of a study"):
        read_study(Lengths, tmp_path / "none.json")
