"""Small weights in an ONNX file: near the exact ones, restored before anything is computed, and told as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import numpy_helper

from export.backends.onnxruntime.weights import store_int8
from export.bundle.options import ExportOptions
from export.bundle.writer import export_bundle
from export.pictures import photograph
from export.quantization.layers import ENDS, rounded
from runtimes import open_runner
from runtimes.backends.onnxruntime.session import quiet_options
from runtimes.bundle.manifest import read_manifest
from runtimes.file_formats.onnx_file import read_facts

TILE = (20, 24)


@pytest.fixture
def graph(make_graph: Callable[[tuple[int, int]], Any]) -> Any:
    return make_graph(TILE)


@settings(deadline=None, max_examples=50)
@given(arrays(np.float32, (3, 2, 2, 2), elements=st.floats(-1e3, 1e3, width=32)))
def test_no_weight_moves_by_more_than_half_a_step(weights: np.ndarray) -> None:
    values, scale = rounded(weights)
    steps = np.abs(weights).max(axis=(1, 2, 3), keepdims=True) / 127
    assert values.dtype == np.int8 and int(np.abs(values.astype(int)).max()) <= 127
    assert np.all(np.abs(values * scale - weights) <= 0.5001 * steps + 1e-30)


def test_every_convolution_is_stored_smaller_and_only_the_ends_in_fp16(graph: Any) -> None:
    small = store_int8(graph)
    types = {tensor.name: onnx.TensorProto.DataType.Name(tensor.data_type) for tensor in small.graph.initializer}
    made_of = {node.output[0]: node.input[0] for node in small.graph.node if node.op_type in ("Cast", "Mul")}
    for node in (it for it in small.graph.node if it.op_type == "Conv"):
        name = node.input[1]
        while name in made_of:
            name = made_of[name]
        assert types[name] == ("FLOAT16" if any(end in node.name for end in ENDS) else "INT8"), node.name
    assert read_facts(small.SerializeToString()).precision == "int8w"
    assert graph.ByteSize() > small.ByteSize()


def test_weights_that_fp16_cannot_hold_stay(graph: Any) -> None:
    first = next(node.input[1] for node in graph.graph.node if node.op_type == "Conv" and ENDS[0] in node.name)
    tensor = next(it for it in graph.graph.initializer if it.name == first)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1e9), first))
    kept = next(it for it in store_int8(graph).graph.initializer if it.name == first)
    assert kept.data_type == onnx.TensorProto.FLOAT


def test_nothing_of_it_is_left_when_the_network_runs(graph: Any, tmp_path: Path) -> None:
    """ONNX Runtime folds the restoring away: the same operators run as in fp32."""
    import onnxruntime

    ran = {}
    for name, model in (("fp32", graph), ("int8w", store_int8(graph))):
        options = quiet_options(onnxruntime, 1)
        options.optimized_model_filepath = str(tmp_path / f"{name}.onnx")
        onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        ran[name] = sorted(node.op_type for node in onnx.load(tmp_path / f"{name}.onnx").graph.node)
    assert ran["fp32"] == ran["int8w"]


def test_an_artifact_says_what_it_is_and_keeps_the_picture(
    tmp_path: Path, to_db: Callable[[np.ndarray, np.ndarray], float]
) -> None:
    """The shipped nano-x4 on a photograph, since what is lost depends on the weights and on the picture."""
    export_bundle("nano-x4", tmp_path / "b", ExportOptions(("onnxruntime-fp32", "onnxruntime-int8w"), (TILE,)))
    files = {artifact.family: artifact.path for artifact in read_manifest(tmp_path / "b").artifacts}
    size = {family: (tmp_path / "b" / path).stat().st_size for family, path in files.items()}
    lr, sr = photograph(TILE), {}
    for name in ("fp32", "int8w"):
        with open_runner(tmp_path / "b", f"onnxruntime-{name}", threads=1) as run:
            assert run.info.reported_precision == name and run.info.precision_mismatch is None
            assert set(run.macs()) == {"fp32"}
            sr[name] = run.infer(lr)
    assert 65 < to_db(sr["int8w"], sr["fp32"]) < 100
    saved = size["onnxruntime-fp32"] - size["onnxruntime-int8w"]
    assert saved > 0.3 * size["onnxruntime-fp32"]  # the rest is the graph itself
