from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from dlgsanet.imaging.files import read_rgb8
from dlgsanet.imaging.photographs import PHOTOGRAPHS
from dlgsanet.imaging.pixels import to_nchw
from dlgsanet.imaging.resize import downscale_matlab8
from dlgsanet.network.model import DLGSANet
from dlgsanet.numpy_model import NumpyModel
from export.bundle import parity_pack
from export.bundle.parity_pack import write_pack, write_probes
from runtimes.runner.fidelity.probe_store import load_probes
from runtimes.runner.fidelity.probes import CORE, PROBES, probe
from runtimes.runner.overlap import DEFAULT_OVERLAP
from runtimes.runner.tiling import upscale_tiled

MakeModel = Callable[..., DLGSANet]


def test_the_stored_sr_is_the_reference_through_the_same_tiler(make_model: MakeModel, tmp_path: Path) -> None:
    model, tile = make_model(), (40, 33)
    entries = write_pack(NumpyModel(model), 4, [tile], tmp_path)
    assert [entry.name for entry in entries] == [photograph.name for photograph in PHOTOGRAPHS]
    entry = entries[0]
    hr, lr = read_rgb8(tmp_path / entry.hr), read_rgb8(tmp_path / entry.lr)
    assert np.array_equal(hr, PHOTOGRAPHS[0].read()) and np.array_equal(lr, downscale_matlab8(hr, 4))

    def infer(part: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return model(torch.from_numpy(np.ascontiguousarray(part))).numpy()

    stored = np.load(tmp_path / entry.sr["40x33"])
    assert stored.dtype == np.float32 and stored.shape == (1, 3, *hr.shape[:2])
    np.testing.assert_array_equal(stored, upscale_tiled(infer, to_nchw(lr), 4, tile, DEFAULT_OVERLAP))


def test_the_probes_are_stored_as_the_reference_sees_them_but_for_large_tiles(
    make_model: MakeModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity_pack, "PROBED_PIXELS", 16 * 20)
    model = make_model()
    assert write_probes(NumpyModel(model), [(16, 20), (24, 24)], tmp_path) == {"16x20": "reference/probes/16x20.zip"}
    stored = load_probes(tmp_path / "reference/probes/16x20.zip", tuple(PROBES), (1, 3, 64, 80))
    assert tuple(stored) == CORE
    with torch.inference_mode():
        blue = model(torch.from_numpy(probe("blue", (16, 20)))).numpy()
    np.testing.assert_allclose(stored["blue"], np.clip(blue, 0, 1), atol=1e-5)
