"""The largest |value| of every tensor of an ONNX graph on a picture: how much of fp16's range a network needs."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from dlgsanet.errors import BackendError
from export.graph.graph import Graph
from runtimes.backends.onnxruntime import ENGINE as ONNXRUNTIME

_BLOCK = re.compile(r"deep_feature_extraction\.(\d+)(?:\.body\.(\d+))?")


def largest_values(graph: Graph, tile: NDArray[np.float32]) -> dict[str, float]:
    """Tensor -> largest |value|, of all that an fp32 graph computes from one tile (1, 3, H, W), by ONNX Runtime.

    The maxima are taken inside the run, so that no more memory is held than in any other run. Raises
    UnavailableError without ONNX Runtime, BackendError when it cannot run the graph.
    """
    inferred = graph.inferred
    values = {value.name: value.type.tensor_type.elem_type for value in (*inferred.value_info, *inferred.output)}
    names = [name for node in inferred.node for name in node.output if values.get(name) == TensorProto.FLOAT]
    probed = onnx.ModelProto()
    probed.CopyFrom(graph.model)
    for index, name in enumerate(names):
        size, peak = f"probe{index}.size", f"probe{index}.peak"
        probed.graph.node.append(helper.make_node("Abs", [name], [size], name=size))
        probed.graph.node.append(helper.make_node("ReduceMax", [size], [peak], name=peak, keepdims=0))
        probed.graph.output.append(helper.make_tensor_value_info(peak, TensorProto.FLOAT, []))
    ort = ONNXRUNTIME.load()
    try:
        session = ort.InferenceSession(probed.SerializeToString(), providers=["CPUExecutionProvider"])
        peaks = session.run([f"probe{index}.peak" for index in range(len(names))], {inferred.input[0].name: tile})
    except Exception as error:
        raise BackendError(f"ONNX Runtime cannot run the graph whose ranges are asked for: {error}") from error
    return {name: float(peak) for name, peak in zip(names, peaks, strict=True)}


def by_block(values: Mapping[str, float]) -> dict[str, float]:
    """Block -> largest value: `g0b1` is block 1 of group 0, other parts by the first word of their names."""
    found: dict[str, float] = {}
    for name, value in values.items():
        match = _BLOCK.match(name)
        block = name.partition(".")[0]
        if match:
            block = f"g{match[1]}" + (f"b{match[2]}" if match[2] is not None else "")
        found[block] = max(found.get(block, 0.0), value)
    return found
