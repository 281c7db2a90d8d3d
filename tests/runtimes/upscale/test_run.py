"""`upscale` and `build` as a user meets them: through the front door, with its exit codes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image

from dlgsanet.__main__ import main
from dlgsanet.errors import InputError, UnavailableError
from dlgsanet.imaging.files import read_picture, write_picture
from dlgsanet.imaging.resize import resize_bicubic
from dlgsanet.storage import atomic
from dlgsanet.storage.cache_folder import OFF
from runtimes import commands

pytest.importorskip("onnxruntime")
RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """What is timed here is no business of the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    monkeypatch.delenv(OFF)


def command(bundle: Path, *words: str | Path, artifact: str | None = "onnxruntime-fp32") -> int:
    chosen = [] if artifact is None else ["--artifact", artifact]
    fixed = ["--bundle", bundle, "--overlap", "4", "--threads", "1", *chosen]
    return int(main([str(word) for word in ("upscale", *words, *fixed)]))


def debris(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob("*") if path.name.startswith(".")]


def test_a_picture_is_upscaled(bundle, photo, tmp_path, kit, capsys):
    assert command(bundle, photo, "-o", tmp_path / "out") == 0
    found = read_picture(tmp_path / "out" / "photo_x2.png")
    assert found.rgb.shape == (40, 52, 3)
    expected = kit.numpy(read_picture(photo).rgb.transpose(2, 0, 1)[None])[0].transpose(1, 2, 0).clip(0, 1)
    middle = (slice(0, 20), slice(0, 20))  # away from the seams: the tiny network sees one pixel of padding
    np.testing.assert_allclose(found.rgb[middle], expected[middle], atol=0.51 / 255 + 1e-5)
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'out' / 'photo_x2.png'}\n"
    assert debris(tmp_path / "out") == []


def test_alpha_bits_and_grey_are_kept(bundle, tmp_path):
    alpha = RNG.random((12, 9)).astype(np.float32)
    write_picture(tmp_path / "alpha.png", RNG.random((12, 9, 3)), alpha)
    write_picture(tmp_path / "deep.png", RNG.random((12, 9, 3)), alpha, bits=16)
    write_picture(tmp_path / "grey.png", RNG.random((12, 9, 3)), grey=True)
    (tmp_path / "notes.txt").write_text("not a picture")
    assert command(bundle, tmp_path, "-o", tmp_path / "out") == 0  # a folder: its pictures, nothing else
    shallow, deep, grey = (read_picture(tmp_path / "out" / f"{name}_x2.png") for name in ("alpha", "deep", "grey"))
    assert (shallow.bits, deep.bits, grey.bits) == (8, 16, 8)
    assert (shallow.grey, deep.grey, grey.grey) == (False, False, True)
    assert grey.alpha is None
    expected = resize_bicubic(read_picture(tmp_path / "deep.png").alpha[:, :, None], 24, 18)[:, :, 0].clip(0, 1)
    np.testing.assert_allclose(deep.alpha, expected, atol=1e-4)
    np.testing.assert_allclose(shallow.alpha, expected, atol=0.01)
    # 16 bits are more than 8 bits stored in 16
    assert len(np.unique(np.rint(deep.rgb * 65535) % 257)) > 100


def test_the_fastest_artifact_that_runs_is_chosen_and_named(bundle, photo, tmp_path, capsys, kit):
    kit.rewrite(bundle, 0, backend="tensorrt", id="tensorrt-fp32-16x16")
    assert command(bundle, photo, "-o", tmp_path / "out", artifact=None) == 0
    said = capsys.readouterr().err
    assert "passed over tensorrt-fp32" in said
    assert re.search(r"using o\w+-\w+-16x\d\d on CPU\w* \(\w+\), the ", said)
    assert command(bundle, photo, "-o", tmp_path / "out2", artifact=None) == 0
    busy = "this machine is busy: they are timed again next time" in said
    assert ("timing" in capsys.readouterr().err) == busy


def test_an_artifact_that_runs_in_another_precision_is_not_chosen(bundle, photo, tmp_path, capsys, kit):
    pytest.importorskip("openvino")
    from runtimes.bundle.manifest import read_manifest

    artifacts = [a for a in read_manifest(bundle).artifacts if a.precision == "bf16"]
    kit.write(bundle, kit.manifest(artifacts))
    kit.rewrite(bundle, 0, hints={"INFERENCE_PRECISION_HINT": "f32"})
    assert command(bundle, photo, "-o", tmp_path / "out", artifact=None) == 3
    assert "bf16 was requested, openvino on CPU reports fp32" in capsys.readouterr().err
    assert command(bundle, photo, "-o", tmp_path / "out", artifact="openvino-bf16") == 0  # asked for by name
    assert "bf16 was requested" in capsys.readouterr().err


class Repeat:
    """Stands for the reference behind the front door."""

    scale = 3
    notes = ("read as it should be",)

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, lr: np.ndarray) -> np.ndarray:
        self.seen.append(lr.shape)
        return np.repeat(np.repeat(lr, 3, 2), 3, 3)


def invoke(load_model, *words: object) -> None:
    app = typer.Typer()
    commands.register(app, load_model)
    typer.main.get_command(app).main(["upscale", *map(str, words)], standalone_mode=False)


def test_the_reference_runs_where_the_front_door_gives_it(photo, tmp_path):
    model, names = Repeat(), []
    invoke(lambda name: names.append(name) or model, photo, "-o", tmp_path / "out", "--model", "tiny-x3")
    assert names == ["tiny-x3"]
    assert model.seen == [(1, 3, 20, 26)]  # the whole picture, no padding
    found = read_picture(tmp_path / "out" / "photo_x3.png").rgb
    np.testing.assert_array_equal(found, np.repeat(np.repeat(read_picture(photo).rgb, 3, 0), 3, 1))
    invoke(
        lambda name: model,
        photo,
        "-o",
        tmp_path / "out2",
        "--model",
        "m",
        "--tile",
        "16x16",
        "--overlap",
        "4",
    )
    assert set(model.seen[1:]) == {(1, 3, 16, 16)}
    with pytest.raises(UnavailableError, match=r'pip install "dlgsanet-edge\[torch\]"'):
        invoke(None, photo, "-o", tmp_path / "out3", "--model", "tiny-x3")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "either --bundle FOLDER or --model NAME"),
        (["--bundle", "b", "--model", "m"], "either --bundle FOLDER or --model NAME"),
        (["--model", "m", "--artifact", "a"], "--artifact names a part of a bundle"),
        (["--model", "m", "--threads", "1"], "--device and --threads belong to --bundle"),
        (["--model", "m", "--device", "GPU"], "--device and --threads belong to --bundle"),
        (["--bundle", "b", "--tile", "8x8"], "--tile belongs to --model"),
        (["--model", "m", "--tile", "8"], "expected --tile HxW"),
        (["--model", "m", "--tile", "0x8"], "expected --tile HxW"),
        (["--model", "m", "--tile", "-8x8"], "expected --tile HxW"),
    ],
)
def test_options_that_do_not_fit(photo, tmp_path, words, message):
    with pytest.raises(InputError, match=message):
        invoke(lambda name: Repeat(), photo, "-o", tmp_path / "out", *words)
    assert not (tmp_path / "out").exists()


def broken_png(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_one_bad_input_stops_all_before_anything_is_written(bundle, photo, tmp_path, capsys):
    whole = photo.read_bytes()
    bad = [
        tmp_path / "missing.png",
        broken_png(tmp_path / "empty.png", b""),
        broken_png(tmp_path / "truncated.png", whole[: len(whole) // 2]),
        broken_png(tmp_path / "text.png", b"this is no picture"),
    ]
    for path in bad:
        assert command(bundle, photo, path, "-o", tmp_path / "out") == 2
        assert path.name in capsys.readouterr().err.replace("\n", "")
        assert not (tmp_path / "out").exists()
    (tmp_path / "nothing").mkdir()
    assert command(bundle, tmp_path / "nothing", "-o", tmp_path / "out") == 2
    assert not (tmp_path / "out").exists()


def test_nothing_is_overwritten_unasked(bundle, photo, tmp_path, capsys):
    other = tmp_path / "other"
    write_picture(other / "photo.png", RNG.random((8, 8, 3)))
    assert command(bundle, photo, other / "photo.png", "-o", tmp_path / "out") == 2
    assert "would both become" in capsys.readouterr().err
    assert command(bundle, photo, photo, "-o", tmp_path / "out") == 2

    write_picture(tmp_path / "photo_x2.png", RNG.random((8, 8, 3)))
    before = (tmp_path / "photo_x2.png").read_bytes()
    for force in ([], ["--force"]):  # an input is never overwritten, whatever is asked for
        assert command(bundle, photo, tmp_path / "photo_x2.png", "-o", tmp_path, *force) == 2
        assert "is an input" in capsys.readouterr().err
    assert command(bundle, photo, "-o", tmp_path) == 2
    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "photo_x2.png").read_bytes() == before
    assert command(bundle, photo, "-o", tmp_path, "--force") == 0
    assert (tmp_path / "photo_x2.png").read_bytes() != before


def test_an_output_that_cannot_be_written_is_said_first(bundle, photo, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("x")
    assert command(bundle, photo, "-o", tmp_path / "file") == 2
    assert command(bundle, photo, "-o", tmp_path / "file" / "deeper") == 2

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(atomic.tempfile, "TemporaryFile", refuse)
    capsys.readouterr()
    assert command(bundle, photo, "-o", tmp_path / "out") == 2
    assert "Permission denied" in capsys.readouterr().err


def test_a_bundle_that_was_changed_is_refused(bundle, photo, tmp_path, capsys):
    for path in (bundle / "onnx").iterdir():
        path.write_bytes(path.read_bytes() + b"\0")
    assert command(bundle, photo, "-o", tmp_path / "out") == 2
    assert "was changed" in capsys.readouterr().err
    assert command(tmp_path / "nowhere", photo, "-o", tmp_path / "out") == 2
    assert command(bundle, photo, "-o", tmp_path / "out", artifact="onnxrntime-fp32") == 2
    assert not (tmp_path / "out").exists()


def test_a_missing_device_is_exit_3(bundle, photo, tmp_path, capsys):
    assert command(bundle, photo, "-o", tmp_path / "out", "--device", "TPU") == 3
    said = capsys.readouterr().err
    assert "CPUExecutionProvider" in said
    assert said.startswith("dlgsanet: ") and said.count("\n") == 1  # no bar, no empty line in a log


def test_an_overlap_that_does_not_fit(bundle, photo, tmp_path, capsys):
    assert command(bundle, photo, "-o", tmp_path / "out", "--overlap", "99") in (
        0,
        2,
    )  # the last one given counts
    words = ["upscale", photo, "-o", tmp_path / "out2", "--bundle", bundle, "--artifact", "onnxruntime-fp32"]
    assert main([str(word) for word in [*words, "--overlap", "16"]]) == 2
    assert "overlap 16 must be smaller than the tile" in capsys.readouterr().err
    assert not (tmp_path / "out2").exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_ctrl_c_is_130_without_debris(bundle, tmp_path):
    write_picture(tmp_path / "large.png", RNG.random((900, 1200, 3)))
    words = ["upscale", tmp_path / "large.png", "-o", tmp_path / "out", "--bundle", bundle, "--overlap", "12"]
    process = subprocess.Popen(
        [sys.executable, "-m", "dlgsanet", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[3],
    )
    assert process.stderr is not None
    for line in process.stderr:
        if "using" in line:
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert out == ""
    assert "Traceback" not in err
    assert not (tmp_path / "out").exists()


def test_build_says_honestly_that_there_is_nothing_to_build(bundle, tmp_path, capsys):
    assert main(["build", str(bundle)]) == 3
    assert "holds no TensorRT graph" in capsys.readouterr().err
    assert main(["build", str(tmp_path / "nowhere")]) == 2


def test_colours_are_kept_and_what_is_not_is_said(bundle, tmp_path, capsys):
    chunks = ((b"gAMA", bytes(3) + b"\1"), (b"cICP", b"\x09\x10\0\1"))
    write_picture(tmp_path / "a.png", RNG.random((12, 9, 3)), chunks=chunks)
    exif = Image.Exif()
    exif[0x8769] = {0xA001: 65535}
    Image.new("RGB", (9, 12)).save(tmp_path / "b.jpg", exif=exif)
    assert command(bundle, tmp_path / "a.png", tmp_path / "b.jpg", "-o", tmp_path / "out") == 0
    assert read_picture(tmp_path / "out" / "a_x2.png").space.chunks == chunks
    assert f"{tmp_path / 'b.jpg'}: not kept: an uncalibrated EXIF colour space" in capsys.readouterr().err


def test_folders_are_read_whole_and_what_is_passed_over_is_named(bundle, tmp_path, capsys):
    folder = tmp_path / "mixed"
    write_picture(folder / "a.png", RNG.random((12, 9, 3)))
    Image.new("RGB", (9, 12)).save(folder / "b.jfif", "JPEG")
    for name in ("c.jxl", "._a.png", "Thumbs.db"):
        (folder / name).write_bytes(b"not for us")
    assert command(bundle, folder, "-o", tmp_path / "out") == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a_x2.png", "b_x2.png"]
    assert f"{folder}: 1 in formats that are not read: c.jxl\n" in capsys.readouterr().err


def test_the_bound_on_pixels_can_be_set(bundle, photo, tmp_path, capsys):
    assert command(bundle, photo, "-o", tmp_path / "out", "--max-megapixels", "0.0005") == 2
    assert "at most 0.0005 megapixels (--max-megapixels), found 26x20" in capsys.readouterr().err
    assert command(bundle, photo, "-o", tmp_path / "out", "--max-megapixels", "0.00052") == 0
