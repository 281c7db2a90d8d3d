"""A whole job through the code of `upscale`, with an engine that repeats pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import run_bench
from benchmarks.latency import job
from benchmarks.latency.job import plan_job, time_job
from benchmarks.latency.options import BenchOptions
from benchmarks.records.latency import JobRecord
from benchmarks.records.result_file import read_result
from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import InputError
from dlgsanet.imaging.files import write_picture
from runtimes.machine.stage_clock import STAGES
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.plan import plan_upscale
from tests.benchmarks.bundles import make_bundle
from tests.runtimes.upscale.twice import Twice

QUIET = Voice(quiet=True)


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BenchOptions]:
    """Of a job with three pictures; whatever the bundle holds, pixels are repeated."""

    def planned(wanted: UpscaleOptions, _: None, voice: Voice) -> object:
        return plan_upscale(replace(wanted, bundle=None, artifact=None, model="twice"), lambda name: Twice(), voice)

    monkeypatch.setattr(job, "plan_upscale", planned)
    for i in range(3):
        write_picture(tmp_path / "in" / f"{i}.png", np.random.default_rng(i).random((20, 30, 3)))
    bundle = make_bundle(tmp_path / "bundle")
    return lambda **changes: BenchOptions(bundle, **{"job": tmp_path / "in", **changes})


def test_all_stages_of_a_folder_are_told(options: Callable[..., BenchOptions]) -> None:
    record = time_job(options(), QUIET)
    assert (record.job, record.images) == ("folder", 3)
    assert record.input_megapixels == pytest.approx(3 * 600e-6)
    assert record.output_megapixels == pytest.approx(3 * 2400e-6)
    assert tuple(record.stages_ms) == STAGES
    assert record.start_seconds > 0 and record.waiting_ms >= 0
    assert record.stages_ms["engine"] + record.waiting_ms <= 1e3 * record.seconds
    assert record.joules is not None or "not told by this system" in record.energy_source


def test_one_picture_by_the_verb_is_shown_and_kept(
    options: Callable[..., BenchOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = options(job=tmp_path / "in" / "1.png", json=tmp_path / "r.json")
    run_bench.run_bench(chosen, QUIET)
    text = capsys.readouterr().out
    assert "waiting for others" in text and "output megapixels/s" in text and "temperature before" in text
    (record,) = read_result(tmp_path / "r.json").of(JobRecord)
    assert (record.job, record.images) == ("picture", 1)


def test_the_pictures_of_a_job_are_not_kept(options: Callable[..., BenchOptions], tmp_path: Path) -> None:
    time_job(options(), QUIET)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "in"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"job": Path("nowhere")}, "nothing at nowhere"),
        ({"peers": ("official",), "limits": True}, "--peer and --limits: for single tiles only"),
        ({"runs": 7}, "--runs: for single tiles only"),
        ({"more": (Path("b"),), "data": Path("d")}, "a second bundle and --data: for single tiles only"),
        ({"artifacts": ("a", "b")}, "at most one --artifact"),
    ],
)
def test_what_does_not_belong_to_a_job_is_refused(
    options: Callable[..., BenchOptions], changes: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        plan_job(options(**changes))


def test_a_folder_without_pictures_is_refused(options: Callable[..., BenchOptions], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        time_job(options(job=tmp_path / "empty"), QUIET)
