from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import Tensor, nn

from dlgsanet.errors import BackendError
from dlgsanet.network.config import ACTIVATIONS
from dlgsanet.network.model import DLGSANet
from export.graph.build import build_onnx, max_rank, require_valid
from export.graph.graph import METADATA_KEY, onnx_bytes
from export.rewriting.rewrite import rewrite
from export.targets.row import LOWERINGS, OPSETS
from export.targets.table import Target

MakeModel = Callable[..., DLGSANet]
ToDb = Callable[[np.ndarray, np.ndarray], float]

TILE = (50, 33)  # two windows of 48 down, one across
NODES_PER_PAIR = 170  # of a local and a global block; tiny has nine pairs and stays below 1500 at 128x128


def graph(model: DLGSANet, lowering: str = "basis", opset: int = 18, tile: tuple[int, int] = TILE) -> onnx.ModelProto:
    result = rewrite(model, Target("onnxruntime", "fp32", tile, opset), lowering_name=lowering)
    return build_onnx(result.model, name="small", tile=tile, scale=model.scale, opset=opset)


def run(data: bytes, lr: np.ndarray) -> np.ndarray:
    ort = pytest.importorskip("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    found: np.ndarray = session.run(["sr"], {"lr": lr})[0]
    return found


def noise(tile: tuple[int, int] = TILE) -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, *tile), dtype=np.float32)


def expected(model: DLGSANet, lr: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return model(torch.from_numpy(lr)).numpy()


@pytest.mark.parametrize("lowering", LOWERINGS)
@pytest.mark.parametrize("opset", [OPSETS[0], OPSETS[-1]])
def test_onnx_runtime_agrees_with_torch(make_model: MakeModel, to_db: ToDb, lowering: str, opset: int) -> None:
    model, lr = make_model(), noise()
    data = onnx_bytes(graph(model, lowering, opset), {})
    assert to_db(run(data, lr), expected(model, lr)) > 120


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dynamic", [True, False])
def test_the_ablation_switches_export(make_model: MakeModel, to_db: ToDb, activation: str, dynamic: bool) -> None:
    model, lr = make_model(scale=2, dynamic=dynamic, activation=activation), noise((9, 14))
    data = onnx_bytes(graph(model, tile=(9, 14)), {})
    assert to_db(run(data, lr), expected(model, lr)) > 120


def test_the_graph_is_typed_small_and_of_low_rank(make_model: MakeModel) -> None:
    made = graph(make_model(), tile=(128, 128))
    shapes = [
        (value.name, value.type.tensor_type.elem_type, [d.dim_value for d in value.type.tensor_type.shape.dim])
        for value in (*made.graph.input, *made.graph.output)
    ]
    assert shapes == [
        ("lr", TensorProto.FLOAT, [1, 3, 128, 128]),
        ("sr", TensorProto.FLOAT, [1, 3, 512, 512]),
    ]
    assert max_rank(made) == 4
    assert len(made.graph.node) < NODES_PER_PAIR
    assert [(o.domain, o.version) for o in made.opset_import] == [("", 18)]
    assert made.ir_version == 8


def test_equal_constants_are_stored_once_and_nothing_is_unused(make_model: MakeModel) -> None:
    made = graph(make_model()).graph
    contents = [(i.data_type, tuple(i.dims), i.raw_data) for i in made.initializer]
    assert len(set(contents)) == len(contents)
    read = {name for node in made.node for name in node.input} | {"sr"}
    assert {i.name for i in made.initializer} <= read
    assert {name for node in made.node for name in node.output} <= read


def test_nodes_are_named_after_the_networks_modules(make_model: MakeModel) -> None:
    names = [node.name for node in graph(make_model()).graph.node]
    assert len(set(names)) == len(names)
    assert "deep_feature_extraction.0.body.0.IDynamicDWConv.project_out.Conv" in names


def test_the_same_bytes_every_time(make_model: MakeModel) -> None:
    model = make_model()
    assert onnx_bytes(graph(model), {"a": 1, "b": [2]}) == onnx_bytes(graph(model), {"b": [2], "a": 1})


def test_nothing_of_the_machine_or_of_python_is_left_inside(make_model: MakeModel) -> None:
    made = graph(make_model())
    data = onnx_bytes(made, {"id": "x"})
    repository = Path(__file__).resolve().parents[3]
    for trace in (str(repository), str(Path.home()) + "/", ".py", "site-packages", "stack_trace", "torch"):
        assert trace.encode() not in data
    assert not any(node.doc_string or node.metadata_props for node in made.graph.node)
    texts = [n.name for n in made.graph.node] + [i.name for i in made.graph.initializer]
    assert not any("/" in text or "\\" in text for text in texts)


def test_the_metadata_is_one_json_under_our_key(make_model: MakeModel) -> None:
    stored = onnx.load_from_string(onnx_bytes(graph(make_model()), {"id": "x", "tile": [1, 2]}))
    assert stored.producer_name == "dlgsanet-edge"
    assert [prop.key for prop in stored.metadata_props] == [METADATA_KEY]
    assert json.loads(stored.metadata_props[0].value) == {"id": "x", "tile": [1, 2]}


@pytest.mark.parametrize(
    ("only", "place"),
    [([], r"body\.0\.IDynamicDWConv.*all passes applied"), (["expose-filters"], r"IDynamicDWConv\.dynamic")],
)
def test_an_unlowered_network_is_refused_naming_the_place(make_model: MakeModel, only: list[str], place: str) -> None:
    result = rewrite(make_model(), Target("onnxruntime", "fp32", TILE), only=only)
    with pytest.raises(BackendError, match=place):
        build_onnx(result.model, name="small", tile=TILE, scale=4, opset=18)


@pytest.mark.parametrize("optional", ["fold-norm-affine", "split-gdfn", "scale-after-matmul", "split-qkv"])
def test_optional_passes_may_be_left_out(make_model: MakeModel, to_db: ToDb, optional: str) -> None:
    from export.rewriting.rewrite import PASSES

    model, lr = make_model(), noise((9, 14))
    only = [step.name for step in PASSES if step.name != optional]
    result = rewrite(model, Target("onnxruntime", "fp32", (9, 14)), only=only)
    made = build_onnx(result.model, name="small", tile=(9, 14), scale=4, opset=18)
    assert to_db(run(onnx_bytes(made, None), lr), expected(model, lr)) > 120


class Wide(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(1, 3, 1, 1, 2, 2).permute(0, 1, 2, 3, 5, 4).reshape(1, 3, 2, 2)


def test_more_than_five_dimensions_are_refused() -> None:
    with pytest.raises(BackendError, match="at most 5 dimensions"):
        build_onnx(Wide(), name="wide", tile=(2, 2), scale=1, opset=18)


def test_an_invalid_graph_is_refused() -> None:
    node = helper.make_node("Relu", ["nowhere"], ["sr"])
    value = helper.make_tensor_value_info("sr", TensorProto.FLOAT, [1])
    with pytest.raises(BackendError, match="not valid"):
        require_valid(helper.make_model(helper.make_graph([node], "bad", [], [value])))
