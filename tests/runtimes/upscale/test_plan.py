"""The plan of `upscale`: nothing is computed or written, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.command_line.voice import PLAIN, Voice
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.files import write_picture
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.plan import LARGEST, parse_largest, plan_jobs, plan_upscale


class Repeat:
    """Stands for the reference behind the front door; calling it is a fault of the test."""

    scale = 3
    notes = ("read as it should be",)

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        raise AssertionError("a plan computes nothing")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    write_picture(tmp_path / "photo.png", np.random.default_rng(0).random((20, 26, 3)))
    return tmp_path / "photo.png"


def test_it_names_every_output_and_writes_nothing(photo: Path, tmp_path: Path) -> None:
    options = UpscaleOptions((tmp_path,), tmp_path / "out", model="m", overlap=4)
    plan = plan_upscale(options, lambda name: Repeat(), PLAIN)
    (job,) = plan.jobs
    assert (job.source, job.target) == (photo, tmp_path / "out" / "photo_x3.png")
    assert (job.height, job.width, plan.overlap) == (20, 26, 4)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "either --bundle FOLDER or --model NAME"),
        ({"model": "m", "bundle": Path("b")}, "either --bundle FOLDER or --model NAME"),
        ({"model": "m", "artifact": "a"}, "--artifact names a part of a bundle"),
        ({"model": "m", "threads": 1}, "--device and --threads belong to --bundle"),
        ({"model": "m", "device": "GPU"}, "--device and --threads belong to --bundle"),
        ({"bundle": Path("b"), "tile": "8x8"}, "--tile belongs to --model"),
        ({"bundle": Path("nowhere")}, "nowhere"),
        ({"model": "m", "tile": "8"}, "expected --tile HxW"),
    ],
)
def test_what_does_not_fit_is_refused(photo: Path, tmp_path: Path, changes: dict[str, object], words: str) -> None:
    options = UpscaleOptions((photo,), tmp_path / "out", **changes)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=words):
        plan_upscale(options, lambda name: Repeat(), PLAIN)


def test_how_a_model_was_read_is_said(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan_upscale(UpscaleOptions((photo,), tmp_path / "out", model="m"), lambda name: Repeat(), Voice())
    assert "read as it should be\n" in capsys.readouterr().err
    plan_upscale(UpscaleOptions((photo,), tmp_path / "out", model="m"), lambda name: Repeat(), Voice(quiet=True))
    assert capsys.readouterr().err == ""


def test_a_model_needs_torch(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="needs torch"):
        plan_upscale(UpscaleOptions((photo,), tmp_path / "out", model="m"), None, PLAIN)


def test_pictures_that_differ_in_their_suffix_alone_keep_it(photo: Path, tmp_path: Path) -> None:
    write_picture(tmp_path / "photo.bmp", np.zeros((8, 8, 3)))
    write_picture(tmp_path / "other.bmp", np.zeros((8, 8, 3)))
    jobs = plan_jobs([photo, tmp_path / "photo.bmp", tmp_path / "other.bmp"], tmp_path / "out", 3, force=False)
    assert [job.target.name for job in jobs] == ["photo.png_x3.png", "photo.bmp_x3.png", "other_x3.png"]


def test_two_pictures_with_one_output_are_refused(photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "photo.png"
    write_picture(other, np.zeros((8, 8, 3)))
    with pytest.raises(InputError, match="would both become"):
        plan_jobs([photo, other], tmp_path / "out", 2, force=False)


@pytest.mark.parametrize("text", ["8", "0x8", "-8x8", "8x", "axb"])
def test_tiles_have_two_sides(text: str) -> None:
    with pytest.raises(InputError, match="expected --tile HxW"):
        parse_largest(text)
    assert parse_largest(None) == LARGEST and parse_largest("8x16") == (8, 16)
