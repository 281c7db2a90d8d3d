"""The tensor at which an error jumps is named after its module."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from benchmarks.studies.zoo import jump
from export.graph.build import INPUT, OUTPUT
from export.networks.onnx_file.fixing import FixJob
from runtimes.bundle.foreign import Foreign, Pixels

TILE = (16, 16)


class Wrapped(nn.Module):
    """As tracing wraps a network."""

    def __init__(self) -> None:
        super().__init__()
        self.module = nn.Sequential(*(nn.Conv2d(3, 3, 3, padding=1) for _ in range(4)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = x + self.module(x)
        return found


@pytest.fixture
def looked(tmp_path: Path) -> jump.Inside:
    torch.manual_seed(0)
    path = tmp_path / "network.onnx"
    torch.onnx.export(
        Wrapped().eval(), (torch.rand(1, 3, *TILE),), path, dynamo=False, input_names=[INPUT], output_names=[OUTPUT]
    )
    foreign = Foreign("torch", INPUT, OUTPUT, "float32", Pixels(), fixed=TILE)
    return jump.inside(FixJob(str(path), foreign, TILE, 1, 18, str(tmp_path / "fixed.onnx")))


def test_tensors_are_called_after_their_modules(looked: jump.Inside) -> None:
    assert [each.module for each in looked.tensors] == ["0", "1", "2", "3"]
    assert [each.name for each in looked.tensors][1:3] == ["conv_2.Conv", "conv_3.Conv"]
    assert jump.module_of("/module/layers/layers.0/conv/Conv") == "layers.0.conv"
    assert (jump.module_of("node_add_1"), jump.module_of("/Add"), jump.module_of("/module/Add")) == ("", "", "")


@pytest.mark.parametrize("place", [1, 2])
def test_a_planted_fault_is_found(
    looked: jump.Inside, place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An artifact whose one convolution is off by a hundredth."""
    model = onnx.load(looked.file)
    (node,) = (node for node in model.graph.node if node.output[0] == looked.tensors[place].name)
    (weight,) = (tensor for tensor in model.graph.initializer if tensor.name == node.input[1])
    array = onnx.numpy_helper.to_array(weight) * np.float32(1.1)
    weight.CopyFrom(onnx.numpy_helper.from_array(array, weight.name))
    session = jump.open_session(_saved(model, tmp_path / "faulty.onnx"), threads=1)
    names = [each.name for each in looked.tensors]

    def seen(*given: object) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        sr, *values = session.run([OUTPUT, *names], {INPUT: given[-1]})  # type: ignore[dict-item]
        return sr, dict(zip(names, values, strict=True))

    monkeypatch.setattr(jump, "_seen", seen)
    monkeypatch.setattr(jump, "_twin_fault", lambda *given: None)
    artifact = SimpleNamespace(tile=TILE, precision="fp32")
    found = jump.jump(tmp_path, artifact, 1, looked, "CPU")  # type: ignore[arg-type]
    assert found.startswith(f"{place}: 140 -> ") and found.endswith(" dB")


def test_the_largest_fall_counts() -> None:
    assert jump.largest_fall([("a", 52.0), ("b", 51.0), ("c", 60.0), ("d", 38.0), ("e", 30.0)], 53) == "d: 51 -> 38 dB"
    assert jump.largest_fall([("a", 70.0), ("b", 60.0)], 53) == "behind all of them"
    assert jump.largest_fall([("a", 50.0), ("b", jump.LOST_DB)], 53) == "b: 50 -> not finite"


def test_signal_to_error() -> None:
    ones = np.ones((1, 3, 4, 4), np.float32)
    assert jump.signal_to_error(ones, ones * 1.1) == pytest.approx(20, abs=0.01)
    assert jump.signal_to_error(ones, ones) is None and jump.signal_to_error(ones, None) is None
    assert jump.signal_to_error(ones, ones * np.nan) == jump.LOST_DB


def _saved(model: onnx.ModelProto, path: Path) -> Path:
    onnx.save(model, path)
    return path
