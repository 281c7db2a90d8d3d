"""A slice of `make fuzz`: the same inputs each time; and the harness sees what it is there to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlgsanet.errors import BackendError, InputError
from tests.fuzz import drive
from tests.fuzz.__main__ import WRONG, fuzz
from tests.fuzz.readers import Disagreement
from tests.fuzz.seeds import SEEDS

INPUTS = {"images": 150, "checkpoints": 60, "manifests": 80, "results": 20, "toml": 60, "onnx": 100}


@pytest.mark.parametrize("kind", INPUTS)
def test_every_input_is_read_or_refused(kind: str, tmp_path: Path) -> None:
    row = fuzz(kind, 15, INPUTS[kind], tmp_path)
    assert not [f"{name}: see {tmp_path}" for name in WRONG if getattr(row, name)]
    assert row.read and row.refused and row.read + row.refused == row.tried


@pytest.mark.parametrize(
    ("error", "found"),
    [
        (InputError("x"), "refused"),
        (BackendError("x"), "wrong_codes"),
        (ValueError("x"), "tracebacks"),
        (SystemExit(0), "tracebacks"),
        (Disagreement("x"), "disagreements"),
    ],
)
def test_errors_are_told_apart(
    error: BaseException, found: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read(path: Path) -> None:
        raise error

    monkeypatch.setitem(drive.READERS, "toml", read)
    assert drive.outcome("toml", tmp_path) == found


def test_an_input_follows_from_its_number() -> None:
    seeds = list(SEEDS["toml"]())
    assert drive.input_of(seeds, 1, 7) == drive.input_of(seeds, 1, 7) != drive.input_of(seeds, 1, 8)
