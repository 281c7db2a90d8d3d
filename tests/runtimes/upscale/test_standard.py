"""One picture through `-`: from standard input, to standard output, with nothing else there."""

from __future__ import annotations

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dlgsanet.errors import InputError
from dlgsanet.imaging.files import read_picture, write_picture
from tests.runtimes.upscale.twice import upscale

PIXELS = np.random.default_rng(8).integers(0, 256, (6, 5, 3), np.uint8)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for what goes through files; nothing may stay in it."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def send(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def encoded(form: str, **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, form, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("sent", "words", "form"),
    [("PNG", (), "PNG"), ("WEBP", (), "WEBP"), ("JPEG", (), "JPEG"), ("BMP", (), "PNG"), ("PNG", ("webp",), "WEBP")],
)
def test_a_picture_goes_through(
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
    temporary: Path,
    tmp_path: Path,
    sent: str,
    words: tuple[str, ...],
    form: str,
) -> None:
    """In the input's format where none is named: the bytes of the file that is written otherwise, and no more."""
    (tmp_path / "sent").write_bytes(encoded(sent, lossless=True))
    send(monkeypatch, (tmp_path / "sent").read_bytes())
    upscale("-", "-o", "-", *[word for name in words for word in ("--format", name)])
    out = capsysbinary.readouterr().out
    with Image.open(io.BytesIO(out)) as image:
        assert (image.format, image.size) == (form, (10, 12))
        if sent != "JPEG":
            assert np.array_equal(np.asarray(image)[::2, ::2], PIXELS)
    upscale(tmp_path / "sent", "-o", tmp_path / f"file.{form.lower()}")
    assert (tmp_path / f"file.{form.lower()}").read_bytes() == out
    assert list(temporary.iterdir()) == []


def test_one_end_may_be_a_file(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    send(monkeypatch, encoded("PNG"))
    upscale("-", "-o", tmp_path / "big.png")
    assert capsysbinary.readouterr().out.decode() == f"{tmp_path / 'big.png'}\n"
    assert read_picture(tmp_path / "big.png").rgb.shape == (12, 10, 3)
    upscale(tmp_path / "big.png", "-o", "-", "--quality", "50", "--format", "jpg")
    assert capsysbinary.readouterr().out.startswith(b"\xff\xd8\xff")


def test_sixteen_bits_stay(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    write_picture(tmp_path / "deep.png", PIXELS.astype(np.uint16) * 257 + 1, bits=16)
    send(monkeypatch, (tmp_path / "deep.png").read_bytes())
    upscale("-", "-o", "-")
    (tmp_path / "out.png").write_bytes(capsysbinary.readouterr().out)
    assert read_picture(tmp_path / "out.png").bits == 16


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("-", "photo.png", "-o", "-"), "one picture"),
        ((".", "-o", "-"), "one picture"),
        (("-", "-o", "folder"), "has no name"),
        (("-", "-o", "-", "--json"), "--json tells of files"),
        (("-", "-o", "-", "--format", "gif"), "expected --format same, png"),
        (("-", "-o", "-", "--codec", "h264"), "for videos only"),
        (("-", "-o", "-", "--quality", "9"), "--quality is for JPEG"),
        (("-", "-o", "-", "--max-megapixels", "0.00001"), "found 5x6 pixels in standard input"),
    ],
)
def test_what_cannot_be_is_said(
    monkeypatch: pytest.MonkeyPatch,
    capsysbinary: pytest.CaptureFixture[bytes],
    temporary: Path,
    words: tuple[str, ...],
    found: str,
) -> None:
    send(monkeypatch, encoded("PNG"))
    with pytest.raises(InputError, match=found):
        upscale(*words)
    assert capsysbinary.readouterr().out == b""
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "expected a picture in standard input, found an empty file"),
        (encoded("PNG")[:-20], "cannot decode standard input: truncated or damaged"),
        (b"\x1a\x45\xdf\xa3" + bytes(2000), "expected a picture, found a video"),
    ],
)
def test_wrong_bytes_are_named_as_what_they_are(monkeypatch: pytest.MonkeyPatch, data: bytes, found: str) -> None:
    send(monkeypatch, data)
    with pytest.raises(InputError, match=found):
        upscale("-", "-o", "-")


def test_endless_input_ends_at_the_bound(monkeypatch: pytest.MonkeyPatch, temporary: Path) -> None:
    class Endless(io.RawIOBase):
        given = 0

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:
            self.given += len(buffer)
            return len(buffer)

    endless = Endless()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(endless)))
    with pytest.raises(InputError, match=r"expected a picture of at most 0\.01 megapixels"):
        upscale("-", "-o", "-", "--max-megapixels", "0.01")
    assert endless.given < 80 << 20
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("end", ["stdin", "stdout"])
def test_a_terminal_is_no_file(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    send(monkeypatch, encoded("PNG"))
    monkeypatch.setattr(sys, end, io.TextIOWrapper(Terminal()))
    with pytest.raises(InputError, match=r"terminal|found nothing there"):
        upscale("-", "-o", "-")
