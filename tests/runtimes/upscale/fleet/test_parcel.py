from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import InputError
from runtimes import open_runner
from runtimes.upscale.fleet.parcel import pack, unpack


def test_what_is_unpacked_runs(bundle: Path, tmp_path: Path, picture: np.ndarray) -> None:
    parcel = pack(bundle, "onnxruntime-fp32-16x16")
    assert sorted(parcel) == ["manifest.json", "onnx/fp32-16x16.onnx"]
    there = unpack(parcel, tmp_path / "there")
    with open_runner(there, "onnxruntime-fp32-16x16") as one, open_runner(bundle, "onnxruntime-fp32-16x16") as other:
        assert np.array_equal(one(picture), other(picture))


def test_without_a_name_all_artifacts_go(bundle: Path) -> None:
    paths = [path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()]
    assert set(pack(bundle, None)) == set(paths) - {"reference/model.safetensors"}


def test_an_artifact_that_there_is_not(bundle: Path) -> None:
    with pytest.raises(InputError, match="nothing"):
        pack(bundle, "nothing")
