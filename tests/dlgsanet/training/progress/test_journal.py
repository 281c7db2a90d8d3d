"""The log: one line a report, nothing from beyond the step a run resumes at, TensorBoard where wanted."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.training.progress.journal import EVENTS, LOG, Journal


def test_lines_beyond_the_resumed_step_are_dropped(tmp_path: Path) -> None:
    journal = Journal(tmp_path, 0, tensorboard=False)
    for step in (1, 2, 3):
        journal.write({"step": step, "loss": 0.5})
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": 4, "lo')  # killed while writing
    Journal(tmp_path, 2, tensorboard=False).write({"step": 3, "loss": 0.25})
    records = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert [(record["step"], record["loss"]) for record in records] == [(1, 0.5), (2, 0.5), (3, 0.25)]
    assert not (tmp_path / EVENTS).exists()


def test_tensorboard_gets_every_number(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="tensorboardX (extra `train`) is not installed")
    journal = Journal(tmp_path, 0, tensorboard=True)
    journal.write({"step": 7, "loss": 0.5, "psnr_db": 30.0})
    journal.close()
    content = b"".join(path.read_bytes() for path in (tmp_path / EVENTS).iterdir())
    assert b"loss" in content and b"psnr_db" in content


def test_missing_tensorboard_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(UnavailableError, match=r"dlgsanet-edge\[train\]"):
        Journal(tmp_path, 0, tensorboard=True)


@pytest.mark.parametrize(
    "line", ["[1]", "1", '{"step": "1"}', '{"step": null}', '{"step": 1e999}', "[" * 100_000, "\udcff", '{"step": 9}']
)
def test_lines_of_no_step_are_dropped(tmp_path: Path, line: str) -> None:
    kept = '{"step": 1, "loss": 0.5}\n'
    (tmp_path / LOG).write_bytes(f"{kept}{line}\n".encode(errors="surrogateescape"))
    Journal(tmp_path, 2, tensorboard=False)
    assert (tmp_path / LOG).read_text() == kept


def test_a_log_that_is_no_file_is_said(tmp_path: Path) -> None:
    (tmp_path / LOG).mkdir()
    with pytest.raises(InputError, match="it is a folder, not a file; move it away"):
        Journal(tmp_path, 0, tensorboard=False)
