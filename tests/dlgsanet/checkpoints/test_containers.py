"""Files: told by content, judged by size before they are read, and nothing in them executed."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor

from dlgsanet.checkpoints import containers
from dlgsanet.checkpoints.containers import read_container, read_torch_file
from dlgsanet.errors import InputError


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".PTH", ".bin", ".ckpt", ".SafeTensors", ""])
@pytest.mark.parametrize("form", ["safetensors", "zip", "legacy"])
def test_the_content_says_what_a_file_is(tmp_path: Path, state: dict[str, Tensor], form: str, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    if form == "safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=form == "zip")
    tree = read_container(path).tree
    assert isinstance(tree, dict) and tree.keys() == state.keys()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "pointer of Git LFS"),
        (b"GGUF" + bytes(60), "something else"),
        (b"PK\x03\x04" + bytes(60), "directory is damaged"),
        (b"\x80\x02}", "damaged"),
        (struct.pack("<Q", 1 << 60) + b"{}", "something else"),
        (struct.pack("<Q", 9) + b'{"x": 1 }', "as safetensors"),
    ],
)
def test_other_files_are_one_line(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_container(tmp_path / "x.pth")


def test_a_zip_is_judged_by_what_it_unpacks_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save({"x": torch.zeros(1 << 20)}, tmp_path / "x.pth")
    with (
        zipfile.ZipFile(tmp_path / "x.pth") as plain,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member))
    assert (tmp_path / "bomb.pth").stat().st_size < 20_000
    monkeypatch.setattr(containers, "MAX_GROWTH", 1 << 20)
    monkeypatch.setattr(torch, "load", None)  # it is refused before that
    with pytest.raises(InputError, match="unpack to 4 MiB"):
        read_torch_file(tmp_path / "bomb.pth")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "x.pth").open("wb") as stream:
        stream.write(b"PK\x03\x04")
        stream.truncate(containers.MAX_BYTES + 1)  # sparse: takes no disk
    with pytest.raises(InputError, match="below 2048 MiB"):
        read_container(tmp_path / "x.pth")


def test_a_safetensors_header_may_be_as_long_as_a_pickle_s_first_byte(tmp_path: Path) -> None:
    plain = save({"x": torch.zeros(1)}, {"note": ""})
    (tmp_path / "x").write_bytes(save({"x": torch.zeros(1)}, {"note": "a" * (0x80 - plain[0])}))
    assert (tmp_path / "x").read_bytes()[0] == 0x80
    assert "note" in read_container(tmp_path / "x").metadata


@pytest.mark.parametrize("kind", [torch.complex64, torch.float8_e5m2, torch.bool])
def test_other_numbers_in_safetensors_are_read_or_refused(tmp_path: Path, kind: torch.dtype) -> None:
    (tmp_path / "x").write_bytes(save({"x": torch.zeros(2).to(kind)}))
    try:
        read_container(tmp_path / "x")
    except InputError as error:
        assert "floating point" in str(error)
