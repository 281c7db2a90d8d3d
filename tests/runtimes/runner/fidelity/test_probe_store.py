from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import InputError
from runtimes.runner.fidelity.probe_store import load_probes, packed_probes

SHAPE = (1, 3, 6, 10)


def outputs() -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    return {name: random.uniform(-0.2, 1.2, SHAPE).astype(np.float32) for name in ("black", "text")}


def test_what_eyes_see_comes_back_to_a_hundredth_of_a_level(tmp_path: Path) -> None:
    path = tmp_path / "probes.zip"
    path.write_bytes(packed_probes(outputs()))
    found = load_probes(path, ("text", "unknown"), SHAPE)
    assert list(found) == ["text"] and found["text"].dtype == np.float32
    assert 255 * np.abs(found["text"] - np.clip(outputs()["text"], 0, 1)).max() < 0.0021


def test_the_same_outputs_are_the_same_file(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(packed_probes(outputs()))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("damage", ["missing", "garbage", "size", "bomb", "flipped"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "probes.zip"
    if damage == "garbage":
        path.write_bytes(b"no zip file at all")
    if damage in ("size", "bomb"):
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as place:
            place.writestr("text", bytes(10 if damage == "size" else 10_000_000))
    if damage == "flipped":
        path.write_bytes(packed_probes(outputs()))
        data = bytearray(path.read_bytes())
        data[60] ^= 255
        path.write_bytes(data)
    with pytest.raises(InputError, match="export the bundle again"):
        load_probes(path, ("black", "text"), SHAPE)
