"""LiteRT in INT8: whole numbers from ONNX Runtime's ranges, in one operator for each convolution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

pytest.importorskip("ai_edge_litert")
pytest.importorskip("onnxruntime")

from export.backends.litert.quantize import LiteRtMaker
from export.backends.litert.translate import FileForm, program_bytes
from export.graph.build import build_onnx
from export.quantization.onnx_qdq import learn_ranges
from export.rewriting.rewrite import rewrite
from export.targets.table import Target
from runtimes.backends.litert.interpreter import open_interpreter
from runtimes.backends.litert.layers import layers, not_delegated, reported_precision
from runtimes.runner.work_by_precision import by_precision

RNG = np.random.default_rng(5)


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory, make_model: Any) -> LiteRtMaker:
    folder = tmp_path_factory.mktemp("int8")
    result = rewrite(make_model(), Target("litert", "int8", (16, 24)))
    model = build_onnx(result.model, name="small", tile=(16, 24), scale=4, opset=20)
    onnx.save(model, folder / "source.onnx")
    learn_ranges(folder / "source.onnx", folder / "ranges.onnx", RNG.random((4, 3, 16, 24), np.float32))
    return LiteRtMaker(folder / "source.onnx", folder / "ranges.onnx")


def test_integers_run_and_are_counted(maker: LiteRtMaker, tmp_path: Path) -> None:
    (path,) = maker.write(tmp_path / "candidate", maker.default)
    interpreter = open_interpreter(path.read_bytes(), 1)
    assert reported_precision(interpreter) == "int8"
    assert not_delegated(interpreter) == {}
    assert set(by_precision(layers(interpreter))) == {"fp32", "int8"}


def test_the_numbers_are_those_of_the_same_graph_in_onnxruntime(maker: LiteRtMaker, tmp_path: Path, to_db: Any) -> None:
    import onnxruntime

    graph = maker.graph(tmp_path / "int8", maker.default)
    lr = RNG.random((1, 3, 16, 24), np.float32)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # Q/DQ as it is written
    session = onnxruntime.InferenceSession(graph.data, options, providers=["CPUExecutionProvider"])
    interpreter = open_interpreter(program_bytes(graph, FileForm()), 1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], lr.transpose(0, 2, 3, 1).copy())
    interpreter.invoke()
    found = interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).transpose(0, 3, 1, 2)
    expected = session.run(None, {"lr": lr})[0]
    assert to_db(found, expected) > 50


def test_no_layers_are_the_float_graph(maker: LiteRtMaker, tmp_path: Path) -> None:
    (path,) = maker.write(tmp_path / "floats", ())
    assert reported_precision(open_interpreter(path.read_bytes(), 1)) == "fp32"
