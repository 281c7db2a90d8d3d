"""The plan of `upscale`: nothing is computed or written, and what cannot be is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlgsanet.command_line.voice import PLAIN, Voice
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.files import write_picture
from runtimes.upscale.options import UpscaleOptions
from runtimes.upscale.plan import LARGEST, parse_largest, plan_upscale
from runtimes.upscale.targets import PictureSource, list_sources, name_targets


class Repeat:
    """Stands for the reference behind the front door; calling it is a fault of the test."""

    scale = 3
    notes = ("read as it should be",)

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        raise AssertionError("a plan computes nothing")


def named(*inputs: Path, tmp_path: Path, scale: int = 2, **changes: object) -> dict[Path, PictureSource]:
    options = UpscaleOptions(inputs, tmp_path / "out", model="m")
    options = replace(options, **changes)  # type: ignore[arg-type]
    return name_targets(list_sources(inputs, options.output), options, scale)


def test_it_names_every_output_and_writes_nothing(photo: Path, tmp_path: Path) -> None:
    options = UpscaleOptions((tmp_path,), tmp_path / "out", model="m", overlap=4)
    plan = plan_upscale(options, lambda name: Repeat(), PLAIN)
    (job,) = plan.jobs
    assert (job.source, job.target) == (photo, tmp_path / "out" / "photo_x3.png")
    assert (job.height, job.width, plan.overlap) == (20, 26, 4)
    assert not (tmp_path / "out").exists()


def test_a_plan_decodes_nothing(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "_getdecoder", None)  # whoever decodes fails
    options = UpscaleOptions((photo,), tmp_path / "out", model="m", form="jpg")
    assert plan_upscale(options, lambda name: Repeat(), PLAIN).jobs[0].width == 26


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
        ({"model": "m", "skip_existing": True, "force": True}, "replaces it: give one of them"),
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
    inputs = (photo, tmp_path / "photo.bmp", tmp_path / "other.bmp")
    planned = named(*inputs, tmp_path=tmp_path, scale=3)
    assert [target.name for target in planned] == ["photo.png_x3.png", "photo.bmp_x3.png", "other_x3.png"]


def test_two_pictures_with_one_output_are_refused(photo: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "photo.png"
    write_picture(other, np.zeros((8, 8, 3)))
    with pytest.raises(InputError, match="would both become"):
        named(photo, other, tmp_path=tmp_path)


@pytest.mark.parametrize("text", ["8", "0x8", "-8x8", "8x", "axb"])
def test_tiles_have_two_sides(text: str) -> None:
    with pytest.raises(InputError, match="expected --tile HxW"):
        parse_largest(text)
    assert parse_largest(None) == LARGEST and parse_largest("8x16") == (8, 16)


@pytest.mark.parametrize(("one", "other"), [("a.png", "A.png"), ("\u00e9.png", "e\u0301.png")])
def test_names_that_are_one_elsewhere_are_refused(tmp_path: Path, one: str, other: str) -> None:
    with pytest.raises(InputError, match="one name where case or the form of letters is not told apart"):
        named(tmp_path / one, tmp_path / other, tmp_path=tmp_path)


def test_names_that_get_too_long_are_refused(tmp_path: Path) -> None:
    assert named(tmp_path / f"{'n' * 248}.png", tmp_path=tmp_path)
    with pytest.raises(InputError, match="at most 255 bytes"):
        named(tmp_path / f"{'n' * 249}.png", tmp_path=tmp_path)


def test_folders_keep_their_tree_and_the_output_is_no_input(photo: Path, tmp_path: Path) -> None:
    for name in ("b/deep/c.png", "out/b/old.png", ".hidden/d.png", "b/._c.png", "b/@eaDir/e.png", "__MACOSX/f.png"):
        write_picture(tmp_path / name, np.zeros((8, 8, 3)))
    names = [str(target.relative_to(tmp_path / "out")) for target in named(tmp_path, tmp_path=tmp_path)]
    assert names == ["photo_x2.png", "b/deep/c_x2.png"]


def test_outputs_are_called_like_their_inputs(tmp_path: Path) -> None:
    for name in ("a.JPEG", "b.jpe", "c.webp", "d.bmp", "e.tif"):
        write_picture(
            tmp_path / Path(name).with_suffix(".jpg" if name == "b.jpe" else Path(name).suffix), np.zeros((8, 8, 3))
        )
    (tmp_path / "b.jpg").rename(tmp_path / "b.jpe")
    inputs = sorted(tmp_path.iterdir())
    same = [target.name for target in named(*inputs, tmp_path=tmp_path, form="same")]
    assert same == ["a_x2.JPEG", "b_x2.jpg", "c_x2.webp", "d_x2.png", "e_x2.tif"]
    assert {target.suffix for target in named(*inputs, tmp_path=tmp_path, form="tiff")} == {".tiff"}


def test_one_picture_may_have_a_file_as_output(photo: Path, tmp_path: Path) -> None:
    big = tmp_path / "big.jpg"
    assert list(named(photo, tmp_path=tmp_path, output=big)) == [big]
    with pytest.raises(InputError, match=r"--format png does not fit 'big\.jpg'"):
        named(photo, tmp_path=tmp_path, output=big, form="png")
    with pytest.raises(InputError, match="expected --format same, png, jpg, webp, tiff, found 'gif'"):
        named(photo, tmp_path=tmp_path, form="gif")
    with pytest.raises(InputError, match="--quality is for JPEG and WebP"):
        named(photo, tmp_path=tmp_path, quality=80)
