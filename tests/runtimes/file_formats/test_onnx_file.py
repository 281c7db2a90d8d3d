"""Looking into ONNX files without the onnx package, held against the onnx package; garbage is refused."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dlgsanet.errors import InputError
from runtimes.file_formats.onnx_file import read_facts

onnx = pytest.importorskip("onnx")


def test_facts(kit):
    facts = read_facts(kit.onnx_bytes())
    assert facts.external == ()
    assert facts.domains == ("",)
    assert facts.weights == {"fp32": 12 * 27 + 12}
    assert facts.precision == "fp32"


def test_external_data_and_domains_are_seen(kit):
    facts = read_facts(kit.onnx_bytes(external="../x.bin", domain="com.example"))
    assert facts.external == ("../x.bin",)
    assert facts.domains == ("", "com.example")


@pytest.mark.parametrize("place", ["attribute", "subgraph", "function", "sparse"])
def test_external_data_is_seen_wherever_it_hides(place):
    tensor = onnx.numpy_helper.from_array(np.ones((2, 2), np.float32), "t")
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="offset", value="0")
    tensor.external_data.add(key="location", value="hidden")
    constant = onnx.helper.make_node("Constant", [], ["c"], value=tensor)
    graph = onnx.helper.make_graph([], "g", [], [])
    model = onnx.helper.make_model(graph)
    if place == "attribute":
        model.graph.node.append(constant)
    elif place == "subgraph":
        inner = onnx.helper.make_graph([constant], "inner", [], [])
        model.graph.node.append(onnx.helper.make_node("If", ["x"], ["y"], then_branch=inner, else_branch=inner))
    elif place == "function":
        model.functions.append(onnx.helper.make_function("d", "F", [], ["c"], [constant], []))
    else:
        model.graph.sparse_initializer.add().values.CopyFrom(tensor)
    assert "hidden" in read_facts(model.SerializeToString()).external


def test_the_type_of_most_weights_counts():
    arrays = {"a": np.ones(100, np.float16), "b": np.ones(30, np.float32), "shape": np.ones(999, np.int64)}
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], weights))
    facts = read_facts(model.SerializeToString())
    assert facts.weights == {"fp16": 100, "fp32": 30}
    assert facts.precision == "fp16"


def test_a_network_without_weights_has_no_precision():
    model = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], []))
    assert read_facts(model.SerializeToString()).precision == "unknown"


@given(st.binary(max_size=200))
@settings(max_examples=300, deadline=None)
def test_garbage_never_crashes(data):
    with contextlib.suppress(InputError):
        read_facts(data)


def test_truncated_files_are_refused(kit):
    data = kit.onnx_bytes()
    refused = 0
    for length in range(1, len(data), 7):
        try:
            read_facts(data[:length])
        except InputError:
            refused += 1
    assert refused > len(data) / 7 * 0.9  # a cut between two fields leaves a shorter valid message


def test_deep_nesting_is_refused():
    graph = b""
    for _ in range(200):  # graph > node > attribute > graph > ...
        for tag in (0x32, 0x2A, 0x0A):
            graph = bytes([tag]) + _varint(len(graph)) + graph
    with pytest.raises(InputError, match="nested too deeply"):
        read_facts(b"\x3a" + _varint(len(graph)) + graph)


def _varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out, value = out + bytes([value & 0x7F | 0x80]), value >> 7
    return out + bytes([value])
