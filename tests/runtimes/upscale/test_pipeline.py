"""Pictures are read, computed and written at the same time, to the same files as one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import numpy as np
import pytest

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import BackendError, InputError
from dlgsanet.imaging.files import write_picture
from runtimes.backends.torch.runner import TorchRunner
from runtimes.machine.stage_clock import STAGES, StageClock
from runtimes.runner.contract import Runner
from runtimes.upscale import run as running
from runtimes.upscale.plan import PictureJob, PicturePlan, UpscalePlan
from runtimes.upscale.run import run_upscale
from tests.runtimes.upscale.plain_way import upscale_picture

RNG = np.random.default_rng(8)


def twice(x: np.ndarray) -> np.ndarray:
    return np.repeat(np.repeat(x * np.float32(0.9), 2, 2), 2, 3)


@contextmanager
def opened(infer=twice) -> Iterator[Runner]:
    with TorchRunner(infer, 2, None, "twice", largest=(16, 16)) as run:
        yield run


@pytest.fixture
def jobs(tmp_path: Path) -> tuple[PictureJob, ...]:
    made = []
    for i in range(4):
        source = tmp_path / f"{i}.png"
        write_picture(source, RNG.random((20 + i, 26, 3)), RNG.random((20 + i, 26)) if i % 2 else None, 8 << (i // 2))
        made.append(PictureJob(source, tmp_path / "out" / f"{i}.png", 20 + i, 26))
    return tuple(made)


def go(jobs: tuple[PictureJob, ...], infer=twice, keep_going: bool = False) -> running.Upscaled:
    return run_upscale(UpscalePlan(PicturePlan(jobs), opened(infer), 4, keep_going), Voice(quiet=True))


def test_files_are_the_same_as_one_after_the_other(jobs: tuple[PictureJob, ...]) -> None:
    with opened() as run:
        for job in jobs:
            upscale_picture(run, job, 4)
    plain = [job.target.read_bytes() for job in jobs]
    for job in jobs:
        job.target.unlink()
    assert go(jobs).targets == [job.target for job in jobs]
    assert [job.target.read_bytes() for job in jobs] == plain


def test_the_next_is_computed_while_one_is_written(jobs: tuple[PictureJob, ...], monkeypatch) -> None:
    second, real = Event(), running.write_picture

    def infer(x: np.ndarray) -> np.ndarray:
        if started:
            second.set()
        return twice(x)

    def write(target: Path, *rest: object) -> None:
        started.append(target)
        assert second.wait(20)  # one after the other, this never comes
        real(target, *rest)

    started: list[Path] = []
    monkeypatch.setattr(running, "write_picture", write)
    assert len(go(jobs[:2], infer).jobs) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), BackendError("engine died")])
def test_what_was_computed_is_written_when_a_later_one_stops(
    jobs: tuple[PictureJob, ...], error: BaseException
) -> None:
    calls = []

    def infer(x: np.ndarray) -> np.ndarray:
        calls.append(0)
        if len(calls) > 4:  # four tiles a picture
            raise error
        return twice(x)

    with pytest.raises(type(error)):
        go(jobs, infer)
    assert [path.name for path in jobs[0].target.parent.iterdir()] == ["0.png"]


def test_a_picture_that_cannot_be_written_or_read_is_told(jobs: tuple[PictureJob, ...], monkeypatch) -> None:
    real = running.write_picture

    def write(target: Path, *rest: object) -> None:
        if target == jobs[0].target:
            raise InputError("disk full")
        real(target, *rest)

    monkeypatch.setattr(running, "write_picture", write)
    jobs[2].source.write_bytes(b"gone")
    with pytest.raises(InputError, match="disk full"):
        go(jobs)
    done = go(jobs, keep_going=True)
    assert done.targets == [jobs[1].target, jobs[3].target]
    assert {it.source for it in done.failed} == {jobs[0].source, jobs[2].source}
    with pytest.raises(InputError, match="2 of 4 pictures were not upscaled"):
        done.require_all()


def test_every_stage_is_timed(jobs: tuple[PictureJob, ...]) -> None:
    clock = StageClock()
    done = run_upscale(UpscalePlan(PicturePlan(jobs), opened(), 4), Voice(quiet=True), clock)
    assert tuple(clock.busy_ms()) == STAGES
    assert clock.beside_engine_ms() <= 1e3 * done.seconds
