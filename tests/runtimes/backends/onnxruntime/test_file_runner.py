from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dlgsanet.errors import InputError, UnavailableError
from runtimes.backends.onnxruntime.file_runner import OnnxFileRunner
from runtimes.backends.onnxruntime.untouched import open_untouched
from runtimes.bundle.foreign import Foreign, Pixels
from runtimes.runner.contract import RunOptions
from tests.export.networks.onnx_file.conftest import network

TILE = (24, 20)


def test_a_file_runs_in_its_own_form_of_pixels_as_it_does_without_optimizations(tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(network(top=255.0, layout="NHWC").SerializeToString())
    foreign = Foreign("onnx", "image", "large", "float32", Pixels(top=255.0, layout="NHWC"))
    lr = np.random.default_rng(0).random((1, 3, *TILE), np.float32)
    with OnnxFileRunner(path, foreign, 2, TILE, "fp16", RunOptions(threads=1)) as run:
        assert (run.info.artifact, run.info.reported_precision) == ("other", "fp16")
        assert np.abs(run.infer(lr) - open_untouched(path, foreign, 1)(lr)).max() < 1e-5
        with pytest.raises(InputError, match="24x20"):
            run.infer(lr[..., :16])
    with (
        pytest.raises(UnavailableError, match="GPU"),
        OnnxFileRunner(path, foreign, 2, TILE, "fp32", RunOptions("GPU")),
    ):
        pass


def test_a_file_that_the_engine_does_not_take_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "torn.onnx"
    path.write_bytes(network().SerializeToString()[:300])
    run = OnnxFileRunner(path, Foreign("onnx", "image", "large", "float32", Pixels()), 2, TILE, "fp32", RunOptions())
    with pytest.raises(InputError, match=r"torn.onnx: ONNX Runtime cannot load it"), run:
        pass
