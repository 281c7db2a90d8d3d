"""A Q/DQ graph in TensorRT's two forms: the same integers with scales in fp32, and with scales in fp16.

Which of them a version builds differs (NVIDIA/TensorRT#4832 fails on fp16 scales), so both are written. Their scales
are the same numbers, rounded up to what fp16 holds, and the weights are quantized anew with these: then both forms mean
the same, and rounding a scale costs nothing but a slightly coarser grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from dlgsanet.errors import BackendError
from export.backends.tensorrt.half_precision import HALF_MAX, fp32_islands, to_half

PAIR = ("QuantizeLinear", "DequantizeLinear")
LEAST_SCALE = 2.0**-14
"""The smallest normal fp16 number: what is smaller may be flushed to 0, and scales of 0 are refused. A channel whose
weights need less is one that hardly counts (127 such steps are 0.008)."""

FP16_SCALES_OPSET = 19  # the first whose QuantizeLinear takes fp16
_LARGEST = 127  # of symmetric int8


def exact_scale(scale: NDArray[np.floating]) -> NDArray[np.float32]:
    """The smallest fp16 numbers not below `scale`, nor below LEAST_SCALE. Raises BackendError where fp16 ends."""
    wide = np.maximum(np.asarray(scale, np.float64), LEAST_SCALE)
    if not np.isfinite(wide).all() or wide.max(initial=0.0) > HALF_MAX:
        raise BackendError(f"expected scales that fp16 holds, found {wide.max():g}: this network has no int8 form")
    near = wide.astype(np.float16)
    with np.errstate(over="ignore"):  # behind the largest number is infinity, which is not taken
        above = np.nextafter(near, np.float16(np.inf))
    up = np.where(near.astype(np.float64) < wide, above, near)
    exact: NDArray[np.float32] = up.astype(np.float32)
    return exact


def with_exact_scales(quantized: onnx.ModelProto, source: onnx.ModelProto) -> onnx.ModelProto:
    """A copy of a symmetric Q/DQ graph made from `source` (fp32) with scales that fp16 holds, weights to match."""
    model = onnx.ModelProto()
    model.CopyFrom(quantized)
    held = {tensor.name: tensor for tensor in model.graph.initializer}
    weights = {tensor.name: tensor for tensor in source.graph.initializer}
    read_by = {name: node for node in model.graph.node for name in node.input}
    done: set[str] = set()
    for node in model.graph.node:
        if node.op_type not in PAIR or node.input[1] in done:
            continue
        scale = held[node.input[1]]
        done.add(scale.name)
        if node.input[0] in held:  # integers of the file: weights
            values = numpy_helper.to_array(weights[_origin(read_by[node.output[0]], node, source)])
            sizes = [numpy_helper.to_array(scale).size, *[1] * (values.ndim - 1)]
            peak = np.abs(values).reshape(values.shape[0], -1).max(1)
            exact = exact_scale(peak / _LARGEST)
            integers = np.clip(np.rint(values / exact.reshape(sizes)), -_LARGEST, _LARGEST).astype(np.int8)
            held[node.input[0]].CopyFrom(numpy_helper.from_array(integers, node.input[0]))
        else:
            exact = exact_scale(numpy_helper.to_array(scale))
        scale.CopyFrom(numpy_helper.from_array(exact, scale.name))
    return model


def _origin(reader: onnx.NodeProto, node: onnx.NodeProto, source: onnx.ModelProto) -> str:
    """The name of the fp32 weight that the convolution of this name had before it was quantized."""
    before = next(each for each in source.graph.node if each.name == reader.name)
    return str(before.input[list(reader.input).index(node.output[0])])


def typed_forms(quantized: onnx.ModelProto) -> Mapping[str, onnx.ModelProto]:
    """Suffix of the file's name -> the graph in fp16 around the integers, with fp32 scales ("") and with fp16 scales.

    With fp32 scales the quantized convolutions and their Q/DQ stand between casts: they take and give fp32.
    """
    islands = fp32_islands(quantized)
    newer = onnx.ModelProto()
    newer.CopyFrom(quantized)
    for entry in newer.opset_import:
        entry.version = max(entry.version, FP16_SCALES_OPSET)
    newer.ir_version = helper.find_min_ir_version_for(newer.opset_import)
    return {
        "": to_half(quantized, islands | set(_integer_part(quantized))),
        ".fp16-scales": to_half(newer, islands),
    }


def _integer_part(model: onnx.ModelProto) -> Iterator[str]:
    made = {name for node in model.graph.node if node.op_type == PAIR[1] for name in node.output}
    for node in model.graph.node:
        if node.op_type in PAIR or made.intersection(node.input):
            yield node.name
