"""LiteRT programs: the same numbers as the ONNX graph in ONNX Runtime, whatever order the channels are stored in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

pytest.importorskip("ai_edge_litert")

from dlgsanet.errors import InputError
from export.backends.litert.entry import BACKEND
from export.backends.litert.operators import require_known
from export.backends.litert.translate import FileForm, program_bytes
from export.graph.graph import Graph
from runtimes.backends.litert.interpreter import open_interpreter
from runtimes.backends.litert.layers import not_delegated
from runtimes.probe_network import MODEL
from tests.export.backends.operator_cases import (
    CASES,
    case_graph,
    floats,
    graph_of,
    in_onnxruntime,
    ints,
    network_graph,
    node,
)

RNG = np.random.default_rng(0)


def run(data: bytes, lr: np.ndarray) -> np.ndarray:
    """NCHW in and out."""
    interpreter = open_interpreter(data, 1)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], lr.transpose(0, 2, 3, 1).copy())
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("name", CASES)
def test_an_operator_computes_the_same(name: str) -> None:
    graph = case_graph(name)
    require_known(graph)
    lr = RNG.random((1, 4, 6, 8), np.float32)
    found, expected = run(program_bytes(graph, FileForm()), lr), in_onnxruntime(graph, lr)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.fixture(scope="module")
def small(make_model: Any) -> Graph:
    return network_graph(make_model(), "litert")


def test_a_network_computes_the_same_and_is_delegated_whole(small: Graph, to_db: Any) -> None:
    lr = RNG.random((1, 3, 16, 24), np.float32)
    data = program_bytes(small, FileForm())
    assert to_db(run(data, lr), in_onnxruntime(small, lr)) > 110
    assert not_delegated(open_interpreter(data, 1)) == {}


@pytest.mark.parametrize(("weights", "least"), [("fp16", 60), ("int8", 35)])
def test_small_weights_make_a_smaller_file_that_is_near(small: Graph, to_db: Any, weights: str, least: float) -> None:
    lr = RNG.random((1, 3, 16, 24), np.float32)
    found = to_db(run(program_bytes(small, FileForm(weights)), lr), in_onnxruntime(small, lr))
    assert least < found < 100


def test_the_same_graph_gives_the_same_bytes(small: Graph) -> None:
    assert program_bytes(small, FileForm()) == program_bytes(small, FileForm())


def test_constants_begin_where_kernels_read_fast(small: Graph) -> None:
    from ai_edge_litert import schema_py_generated as schema

    data = program_bytes(small, FileForm())
    model = schema.Model.GetRootAs(data)
    starts = [
        model.Buffers(i)._tab.Vector(model.Buffers(i)._tab.Offset(4))
        for i in range(model.BuffersLength())
        if not model.Buffers(i).DataIsNone()
    ]
    assert len(starts) > 50
    assert all(start % 16 == 0 for start in starts)


def test_metadata_are_inside(small: Graph) -> None:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(program_bytes(small, FileForm(texts={"scale": "4"})))
    (text,) = model.metadata
    assert (text.name, bytes(model.buffers[text.buffer].data)) == (b"scale", b"4")


def test_an_unknown_operator_is_named() -> None:
    with pytest.raises(InputError, match=r"no form of Sin \(Sin_sr\)"):
        require_known(graph_of([node("Sin", "lr")], (1, 4, 6, 8)))


def test_a_slice_in_steps_is_refused() -> None:
    graph = graph_of(
        [node("Slice", "lr i j a s")], (1, 4, 3, 8), i=ints(0), j=ints(6), a=ints(2), s=ints(2)
    )  # fmt: skip
    with pytest.raises(InputError, match="Slice_sr: no form of a slice in steps"):
        BACKEND.refuse_graph(graph)


FOREIGN = {
    "Resize": (
        helper.make_node("Resize", ["lr", "", "s"], ["sr"], "Resize_sr", mode="linear"),
        {"s": np.array([1, 1, 2, 2], np.float32)},
        (1, 4, 12, 16),
    ),
    "PRelu": (node("PRelu", "lr s"), {"s": floats(4, 1, 1)}, (1, 4, 6, 8)),
    "ConvTranspose": (node("ConvTranspose", "lr w", strides=[2, 2]), {"w": floats(4, 4, 2, 2)}, (1, 4, 12, 16)),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_networks_of_others_have_is_refused_before_the_long_work(kind: str) -> None:
    one, constants, shape = FOREIGN[kind]
    with pytest.raises(InputError, match=rf"no form of {kind} \({kind}_sr\) is known for LiteRT: leave litert out"):
        BACKEND.refuse_graph(graph_of([one], shape, **constants))


def test_the_probe_is_the_probe_network() -> None:
    """`runtimes/probe_network/tiny.tflite` is what the exporter makes of `tiny.onnx`."""
    assert Path(MODEL.with_suffix(".tflite")).read_bytes() == program_bytes(Graph(onnx.load(MODEL)), FileForm())
