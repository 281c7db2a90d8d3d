from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.latency.fleet.samples import read_samples
from dlgsanet.errors import InputError
from runtimes.upscale.fleet.record import FAILED, FileOutcome, recording

RESULTS = Path(__file__).resolve().parents[4] / "benchmarks" / "results"


def outcome(machine: str, seconds: float, megapixels: float = 1.0, status: str = "done") -> FileOutcome:
    return FileOutcome("a", "b", status, "x-fp32", "fp32", machine, seconds, megapixels)


def test_seconds_of_a_megapixel_by_machine(tmp_path: Path) -> None:
    with recording(tmp_path / "r.jsonl") as write:
        for one in (outcome("a", 2.0, 2.0), outcome("a", 3.0), outcome("b", 4.0), outcome("a", 9.0, status=FAILED)):
            write(one)
    found = read_samples([tmp_path / "r.jsonl"])
    assert found.seconds == {"a": (1.0, 3.0), "b": (4.0,)} and found.mean == 3.0 and found.count == 3
    assert found.joules is None and found.artifacts == ("x-fp32",)


def test_a_line_that_a_killed_driver_left_is_none(tmp_path: Path) -> None:
    place = tmp_path / "r.jsonl"
    with recording(place) as write:
        write(outcome("a", 2.0))
    with place.open("a") as stream:
        stream.write('{"source": "a", "tar')
    assert read_samples([place]).count == 1


@pytest.mark.parametrize("text", ["", "nonsense\n", '{"source": 1}\n', "[]\n"])
def test_what_is_no_record(tmp_path: Path, text: str) -> None:
    place = tmp_path / "r.jsonl"
    place.write_text(text)
    with pytest.raises(InputError):
        read_samples([place])
    with pytest.raises(InputError):
        read_samples([tmp_path / "gone.jsonl"])


def test_a_result_without_a_job_says_what_to_measure() -> None:
    with pytest.raises(InputError, match="bench --job"):
        read_samples([RESULTS / "nano-x4-bench-128.json"])
