"""Whole numbers in a LiteRT program: what stands for reals and how, and where it is made of them.

ONNX says of a convolution that it reads restored numbers and that its answer is rounded again; LiteRT has one operator
for the whole, on the numbers themselves. So what is restored is written only where something else reads it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dlgsanet.errors import InputError
from export.backends.litert.flat_model import Steps
from export.backends.litert.program import OnnxNode, Program, Restored

_SHIFT = 128  # ONNX Runtime's profile counts activations from 0 to 255, LiteRT from -128 to 127


def quantize(program: Program, node: OnnxNode) -> None:
    """Reals to numbers; nothing where the convolution before already answers in them."""
    source, name = node.inputs[0], node.outputs[0]
    steps = activation_steps(program, node)
    if source in program.whole:
        program.values[name] = program.whole[source]
        return
    x = program.value(source)
    made = program.new(name, x.shape, last=x.last, kind="int8", steps=steps)
    program.model.operator("QUANTIZE", (x.tensor,), (made.tensor,), program.model.schema.QuantizeOptionsT())
    program.values[name] = made


def restore(program: Program, node: OnnxNode) -> None:
    """Numbers to reals: remembered, and written when they are asked for as such (`Program.value`)."""
    source, name = node.inputs[0], node.outputs[0]
    if source in program.arrays:
        scale, zero = program.array(node.inputs[1]), program.array(node.inputs[2])
        if np.any(zero):
            raise InputError(f"{node.name}: LiteRT has no zero points of weights: export the bundle again")
        steps = Steps(tuple(float(each) for each in scale.reshape(-1)), (0,) * scale.size)
        program.restored[name] = Restored(steps, array=program.array(source))
    else:
        program.restored[name] = Restored(activation_steps(program, node), value=program.values[source])


def activation_steps(program: Program, node: OnnxNode) -> Steps:
    """Of a pair's half around activations."""
    zero = program.array(node.inputs[2])
    if zero.dtype != np.uint8 or zero.size != 1:
        raise InputError(f"{node.name}: expected one zero point in uint8, found {zero.size} in {zero.dtype}")
    return _steps(program, node.inputs[1], node.inputs[2])


def answers(nodes: Sequence[OnnxNode]) -> dict[str, tuple[str, str]]:
    """Tensor -> the names of scale and zero point in which it is rounded."""
    return {node.inputs[0]: (node.inputs[1], node.inputs[2]) for node in nodes if node.kind == "QuantizeLinear"}


def answer_steps(program: Program, name: str) -> Steps:
    """In which an INT8 convolution answers. Raises InputError where its answer is not rounded."""
    if name not in program.answers:
        raise InputError(f"{name}: an INT8 convolution of LiteRT answers in INT8, and no range of its answer is known")
    return _steps(program, *program.answers[name])


def _steps(program: Program, scale_name: str, zero_name: str) -> Steps:
    """Of activations, by the names of their scale and zero point."""
    scale, zero = program.array(scale_name), program.array(zero_name)
    return Steps((float(scale.reshape(())),), (int(zero.reshape(())) - _SHIFT,))
