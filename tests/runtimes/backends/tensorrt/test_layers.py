"""The builder's detailed lines become a table; the lines are those of TensorRT-RTX 1.7, shortened."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtimes.backends.tensorrt.layers import KernelTable, parse_inspector, parse_log, summary

HALF = "Datatype: Half, Format: (NHWC) Channel major format }"
LINES = [
    "Name: __myl_Add_myl0_0, LayerType: kgen, Inputs: [ { Name: lr, Dimensions: [1,3,128,128], Strides: [1,2,3,4], "
    f"Datatype: Float, Format: (Linear) }}], Constants: [], Outputs: [ {{ Name: a, Dimensions: [1,4,128,128], {HALF}], "
    "TacticName: t, StreamId: 0, Metadata: [ONNX Layer: Sub]",
    f"Name: c1, LayerType: correlation, Inputs: [ {{ Name: a, Dimensions: [1,4,128,128], {HALF}], Constants: "
    f"[ {{ Name: w, Dimensions: [48,4,3,3], {HALF}, {{ Name: x, Dimensions: [1], Datatype: Float }}], Outputs: "
    f"[ {{ Name: b, Dimensions: [1,48,128,128], {HALF}], TacticName: s, StreamId: 0, Metadata: "
    "[ONNX Layer: Conv.1][ONNX Layer: Q]",
    "Name: e, LayerType: signal, Inputs: [], Constants: [], Outputs: [], TacticName: , StreamId: 0, Metadata: ",
    "Name: f, LayerType: wait, Inputs: [], Constants: [], Outputs: [], TacticName: , StreamId: 0, Metadata: ",
    f"Name: c2, LayerType: correlation, Inputs: [ {{ Name: b, Dimensions: [1,96,128,128], {HALF}], Constants: "
    f"[ {{ Name: w, Dimensions: [576,2,7,7], {HALF}], Outputs: [ {{ Name: d, Dimensions: [1,576,128,128], {HALF}], "
    "TacticName: s, StreamId: 0, Metadata: ",
    f"Name: q, LayerType: kgen, Inputs: [ {{ Name: d, Dimensions: [1,576,128,128], {HALF}], Constants: [], Outputs: "
    "[ { Name: g, Dimensions: [1,576,128,128], Datatype: Int8, Format: x }], TacticName: s, StreamId: 0, Metadata: ",
    "Total Activation Memory: 80693248 bytes",
    "Total Weights Memory: 3255564 bytes",
    "Total Host Persistent Memory: 80 bytes",
    "some other line",
]


def test_kernels_are_counted_by_type_and_data_type():
    kernels, memory = parse_log(LINES)
    table = summary(kernels, memory)
    assert table.kernels == {"kgen fp32": 1, "correlation fp16": 2, "kgen fp16": 1}
    assert (table.total, table.waits, table.signals, table.requantize) == (4, 1, 1, 1)
    assert (table.dense, table.grouped) == ({"fp16": 1}, {"fp16": 1})
    assert (table.weight_bytes, table.activation_bytes) == (3255564, 80693248)
    assert table.precision == "fp16"
    assert table.macs == {"fp16": 128 * 128 * (48 * 4 * 9 + 576 * 2 * 49)}
    assert kernels[1].onnx == ("Conv.1", "Q")
    assert kernels[1].constants[0].shape == (48, 4, 3, 3)


def test_int8_convolutions_are_seen_and_requantize_nothing():
    lines = [line.replace("Datatype: Half", "Datatype: Int8") for line in LINES]
    table = summary(*parse_log(lines))
    assert table.dense == {"int8": 1}
    assert table.requantize == 2  # the two generated kernels that hand INT8 on


def test_a_table_survives_json():
    table = summary(*parse_log(LINES))
    assert KernelTable.from_json(json.loads(json.dumps(table.as_json()))).as_json() == table.as_json()
    assert table.line.startswith("4 kernels (2 correlation fp16")


def test_the_inspectors_json_gives_the_same_kinds():
    layers = [
        {
            "Name": "conv", "LayerType": "CaskConvolution", "OutMaps": 12, "Groups": 3,
            "Weights": {"Type": "Int8", "Count": 108},
            "Inputs": [{"Name": "a", "Dimensions": [1, 3, 8, 8], "Format/Datatype": "Row major Int8 format"}],
            "Outputs": [{"Name": "b", "Dimensions": [1, 12, 8, 8], "Format/Datatype": "Half"}],
        },
        "a name alone, where details are missing",
    ]  # fmt: skip
    (kernel,) = parse_inspector(json.dumps({"Layers": layers}))
    assert kernel.is_convolution and kernel.is_grouped
    assert kernel.macs == 108 * 64
    assert (kernel.dtype, kernel.outputs[0].dtype) == ("int8", "fp16")
    assert parse_inspector("{}") == []
    with pytest.raises(ValueError):
        parse_inspector("no details")


@given(st.lists(st.text(max_size=80)), st.text(max_size=40))
def test_any_line_is_read_or_passed_over(lines, tail):
    parse_log([*lines, f"Name: {tail}, LayerType: {tail}, Inputs: [ {{{tail}"])
