"""What NNCF leaves out is none of the layers that become INT8."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from export.backends.openvino.quantize import OpenVinoMaker, dense_by_name, learn_ranges, learnt_by_name, with_layers

pytest.importorskip("nncf")

NAMES = ("first_convolution", "squeeze", "excite", "last_convolution")


class WithChannelAttention(nn.Module):
    """A squeeze-and-excitation block between two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 3, 3, padding=1)
        self.squeeze, self.excite = nn.Conv2d(16, 4, 1), nn.Conv2d(4, 16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        seen = self.excite(torch.relu(self.squeeze(x.mean((2, 3), keepdim=True))))
        found: torch.Tensor = self.last(x * torch.sigmoid(seen))
        return found


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "graph.onnx"
    torch.onnx.export(WithChannelAttention().eval(), (torch.rand(1, 3, 16, 16),), path, dynamo=False)
    model = onnx.load(path)
    for index, node in enumerate(node for node in model.graph.node if node.op_type == "Conv"):
        node.name = f"{NAMES[index]}.Conv"
    onnx.save(model, path)
    return path


def test_convolutions_that_see_one_pixel_are_left_out(graph: Path, tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    model = openvino.Core().read_model(graph)
    calibrated = learn_ranges(model, np.random.default_rng(0).random((4, 3, 16, 16), np.float32))
    assert set(dense_by_name(calibrated)) == {f"{name}.Conv" for name in NAMES}
    learnt = learnt_by_name(calibrated)
    assert set(learnt) == {"first_convolution.Conv", "last_convolution.Conv"}
    with pytest.raises(KeyError):
        with_layers(model, calibrated, ["squeeze.Conv"])
    openvino.save_model(calibrated, tmp_path / "calibrated.xml", compress_to_fp16=False)
    maker = OpenVinoMaker(graph, tmp_path / "calibrated.xml")
    assert set(maker.layers) == set(learnt)
    assert all(path.is_file() for path in maker.write(tmp_path / "made", ["last_convolution.Conv"]))
