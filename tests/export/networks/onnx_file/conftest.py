"""Small networks of other people, as ONNX files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

MakeFile = Callable[..., Path]


def enlarging(scale: int, channels: int, top: float, inner: int) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Convolutions and a batch norm that change little beside a nearest-neighbour skip, in one range of pixels: in the
    other a picture comes out black."""
    rng = np.random.default_rng(3)
    grown = 3 * scale * scale

    def weights(name: str, *shape: int, size: float = 0.1) -> onnx.TensorProto:
        return numpy_helper.from_array((size * rng.standard_normal(shape)).astype(np.float32), name)

    constants = [
        weights("w1", channels, 3, 3, 3, size=0.1 / top),
        weights("w2", grown, channels, 3, 3, size=0.01 * top),
        *(weights(f"inner_{i}", channels, channels, 3, 3, size=0.05) for i in range(inner)),
        numpy_helper.from_array(np.full(channels, 0.3, np.float32), "mean"),
        numpy_helper.from_array(np.full(channels, 1.7, np.float32), "var"),
        numpy_helper.from_array(np.full(channels, 1.2, np.float32), "gain"),
        numpy_helper.from_array(np.full(channels, -0.1, np.float32), "shift"),
        numpy_helper.from_array(np.asarray([1, 1, scale, scale], np.float32), "sizes"),
        numpy_helper.from_array(np.float32(1000 / top), "steep"),
        numpy_helper.from_array(np.float32(1), "one"),
        numpy_helper.from_array(np.float32(top), "top"),
        numpy_helper.from_array(np.float32(0), "zero"),
    ]
    nodes = [
        helper.make_node("Conv", ["lr_planes", "w1"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["a", "gain", "shift", "mean", "var"], ["b"]),
        helper.make_node("Relu", ["b"], ["c_0"]),
        *(helper.make_node("Conv", [f"c_{i}", f"inner_{i}"], [f"c_{i + 1}"], pads=[1, 1, 1, 1]) for i in range(inner)),
        helper.make_node("Conv", [f"c_{inner}", "w2"], ["d"], pads=[1, 1, 1, 1]),
        helper.make_node("DepthToSpace", ["d"], ["e"], blocksize=scale, mode="CRD"),
        helper.make_node("Resize", ["lr_planes", "", "sizes"], ["skip"], mode="nearest"),
        helper.make_node("Mul", ["skip", "steep"], ["f"]),
        helper.make_node("Tanh", ["f"], ["g"]),
        helper.make_node("Sub", ["g", "one"], ["h"]),
        helper.make_node("Mul", ["h", "top"], ["i"]),
        helper.make_node("Sum", ["e", "skip", "i"], ["j"]),
        helper.make_node("Clip", ["j", "zero", "top"], ["sr_planes"]),
    ]
    return nodes, constants


def network(
    *,
    scale: int = 2,
    channels: int = 8,
    inner: int = 0,
    top: float = 1.0,
    sides: Sequence[int | str] = ("h", "w"),
    layout: str = "NCHW",
    opset: int = 16,
) -> onnx.ModelProto:
    """x`scale`; fixed where `sides` are numbers."""
    nodes, constants = enlarging(scale, channels, top, inner)
    if layout == "NHWC":
        nodes.insert(0, helper.make_node("Transpose", ["image"], ["lr_planes"], perm=[0, 3, 1, 2]))
        nodes.append(helper.make_node("Transpose", ["sr_planes"], ["large"], perm=[0, 2, 3, 1]))
    else:
        nodes.insert(0, helper.make_node("Identity", ["image"], ["lr_planes"]))
        nodes.append(helper.make_node("Identity", ["sr_planes"], ["large"]))
    h, w = sides
    shape = [1, h, w, 3] if layout == "NHWC" else [1, 3, h, w]
    graph = helper.make_graph(
        nodes,
        "other",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("large", TensorProto.FLOAT, ["n", "c", "H", "W"])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.checker.check_model(model)
    return model


@pytest.fixture
def onnx_file(tmp_path: Path) -> MakeFile:
    """(options of `network`) -> a file `other.onnx`; `change` gets the model first."""

    def make(change: Callable[[onnx.ModelProto], None] | None = None, **options: object) -> Path:
        model = network(**options)  # type: ignore[arg-type]
        if change is not None:
            change(model)
        path = tmp_path / "other.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return make
