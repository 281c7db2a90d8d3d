"""How a convolution's weights are stored: as they are, in fp16, or in int8 with a scale for each output channel.

The two small forms are restored by an operator that XNNPACK folds into plain weights when the file is opened: what is
computed stays fp32 but where the processor has fp16 and is told to use it.
"""

from __future__ import annotations

import numpy as np

from export.backends.litert.flat_model import Steps
from export.backends.litert.program import Array, OnnxNode, Program
from export.quantization.layers import as_half, is_end, rounded

FP32, FP16, INT8 = "fp32", "fp16", "int8"
LEAST_ELEMENTS = 64
"""Smaller ones stay as they are: the operator that restores them would take more."""


def filters(program: Program, node: OnnxNode, weight: Array, order: tuple[int, ...]) -> int:
    """The tensor of weights (O, I, H, W), stored along the axes `order`."""
    name = node.inputs[1]
    float_weight = np.asarray(weight, np.float32)
    stored = float_weight.transpose(order)
    if program.weights == FP32 or weight.size < LEAST_ELEMENTS:
        return program.constant(name, stored)
    if program.weights == FP16 or is_end(node.name):
        half = as_half(float_weight)
        return program.constant(name, stored) if half is None else _restored(program, name, half.transpose(order))
    values, scale = rounded(float_weight)
    steps = Steps(tuple(float(each) for each in scale.reshape(-1)), (0,) * scale.size, order.index(0))
    return _restored(program, name, values.transpose(order), steps)


def _restored(program: Program, name: str, array: Array, steps: Steps | None = None) -> int:
    small = program.model.constant(f"{name}/small", np.ascontiguousarray(array), steps)
    made = program.model.tensor(name, array.shape, "float32")
    program.model.operator("DEQUANTIZE", (small,), (made,), program.model.schema.DequantizeOptionsT(), version=5)
    return made
