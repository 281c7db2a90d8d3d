"""A file's floats as wider ones: exact, since every number of the narrow kind is one of the wide."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAMING = ("to", "dtype")  # attributes that name a kind


@dataclass(frozen=True)
class Widening:
    """These kinds of floats (TensorProto.DataType) become another."""

    narrow: Collection[int]
    wide: int


HALF_TO_SINGLE = Widening((TensorProto.FLOAT16, TensorProto.BFLOAT16), TensorProto.FLOAT)
ALL_TO_DOUBLE = Widening((*HALF_TO_SINGLE.narrow, TensorProto.FLOAT), TensorProto.DOUBLE)


def widened(model: onnx.ModelProto, by: Widening) -> onnx.ModelProto:
    """A copy in which constants, casts and declared types are wide throughout."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    _graph(made.graph, by)
    for function in made.functions:
        for node in function.node:
            _node(node, by)
    return made


def _graph(graph: onnx.GraphProto, by: Widening) -> None:
    for tensor in graph.initializer:
        _tensor(tensor, by)
    for value in (*graph.input, *graph.output, *graph.value_info):
        if value.type.tensor_type.elem_type in by.narrow:
            value.type.tensor_type.elem_type = by.wide
    for node in graph.node:
        _node(node, by)


def _node(node: onnx.NodeProto, by: Widening) -> None:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            _tensor(attribute.t, by)
        if attribute.name in NAMING and attribute.i in by.narrow:
            attribute.i = by.wide


def _tensor(tensor: onnx.TensorProto, by: Widening) -> None:
    if tensor.data_type in by.narrow:
        kind: np.dtype[np.generic] = helper.tensor_dtype_to_np_dtype(by.wide)
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(kind), tensor.name))
