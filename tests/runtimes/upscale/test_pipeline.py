"""Pictures are read, computed and written at the same time, to the same files as one after the other."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from PIL import Image

from dlgsanet.command_line.voice import Voice
from dlgsanet.errors import BackendError, InputError
from dlgsanet.imaging.encode import Looks, Put
from dlgsanet.imaging.files import write_picture
from runtimes.backends.torch.runner import TorchRunner
from runtimes.machine.stage_clock import STAGES, StageClock
from runtimes.runner.contract import Runner
from runtimes.upscale import pictures
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.plan import PictureJob, PicturePlan, UpscalePlan, plan_jobs
from runtimes.upscale.run import Upscaled, run_upscale
from runtimes.upscale.targets import PictureSource, list_sources, name_targets
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


def go(jobs: tuple[PictureJob, ...], infer=twice, keep_going: bool = False) -> Upscaled:
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


def test_rows_are_written_while_the_next_are_computed(jobs: tuple[PictureJob, ...], monkeypatch) -> None:
    """In one picture of four tiles in two rows, and from one picture to the next."""
    started, third, real = Event(), Event(), pictures.new_picture
    count = 0

    def infer(x: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        if count > 2:
            assert started.wait(20)  # the first row of tiles is given away before the second is there
            third.set()
        return twice(x)

    @contextmanager
    def new_picture(path: Path, looks: Looks) -> Iterator[Put]:
        started.set()
        assert third.wait(20)  # one after the other, this never comes
        with real(path, looks) as put:
            yield put

    monkeypatch.setattr(pictures, "new_picture", new_picture)
    assert len(go(jobs[:2], infer).jobs) == 2


def test_every_picture_is_decoded_once(jobs: tuple[PictureJob, ...], monkeypatch) -> None:
    decoders, real = [], Image._getdecoder
    monkeypatch.setattr(Image, "_getdecoder", lambda *words: decoders.append(words[1]) or real(*words))
    sources = (jobs[0].source, *(jobs[0].source.with_suffix(f".{suffix}") for suffix in ("bmp", "tif", "jpg")))
    with Image.open(sources[0]) as image:
        for source in sources[1:]:
            image.save(source)
    decoders.clear()
    options = UpscaleOptions(sources, sources[0].parent / "large", model="m")
    targets = name_targets(list_sources(options.inputs, options.output), options, 2)
    assert len(go(plan_jobs(targets, options, 2).jobs).jobs) == 4
    # a JPEG is read twice more, to see whether its scans are whole
    assert sorted(decoders) == ["jpeg"] * 3 + ["raw"] * 2 + ["zip"]


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
    real = pictures.new_picture

    def new_picture(path: Path, looks: Looks) -> AbstractContextManager[Put]:
        if path == jobs[0].target:
            raise InputError("disk full")
        return real(path, looks)

    monkeypatch.setattr(pictures, "new_picture", new_picture)
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
    assert clock.beside_engine_ms() <= clock.span_ms() <= 1e3 * done.seconds


def stopping(after: int, error: BaseException):
    count = 0

    def infer(x: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        if count > after:
            raise error
        return np.repeat(np.repeat(x, 2, 2), 2, 3)

    return TorchRunner(infer, 2, (8, 8), "stopping")


def upscale_one(runner: TorchRunner, job: PictureJob) -> None:
    run_upscale(UpscalePlan(PicturePlan((job,)), runner, 2), Voice(quiet=True))


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError(), RuntimeError("engine died")])
def test_an_interrupted_picture_leaves_nothing(photo, tmp_path, error):
    with pytest.raises((type(error), BackendError)):  # the latter tells of the former
        upscale_one(stopping(3, error), PictureJob(photo, tmp_path / "out" / "x.png", 20, 26))
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing(photo, tmp_path, writing_stops):
    writing_stops(lambda path: OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(InputError, match="No space left"):
        upscale_one(stopping(999, ValueError()), PictureJob(photo, tmp_path / "out" / "x.png", 20, 26))
    assert not (tmp_path / "out").exists()


def test_a_picture_that_changes_while_it_waits_is_refused(photo, tmp_path):
    options = UpscaleOptions((photo,), tmp_path / "out", model="m")
    [job] = plan_jobs({tmp_path / "out" / "photo_x2.png": PictureSource(photo)}, options, 2).jobs
    write_picture(photo, RNG.random((8, 8, 3)))
    with pytest.raises(InputError, match="changed while it waited"):
        upscale_one(stopping(999, ValueError()), job)
