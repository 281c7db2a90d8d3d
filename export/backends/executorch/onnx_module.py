"""A graph of ours as a PyTorch module: the same operators in the same order, for `torch.export`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import Tensor, nn
from torch.ao.quantization.fx import _decomposed  # noqa: F401  (registers torch.ops.quantized_decomposed)

from dlgsanet.errors import InputError
from export.backends.executorch.operators import ADVICE, OPERATORS, NodeInputs
from export.graph.attributes import Attribute, attributes_of
from export.graph.graph import Graph

_SHIFT = 128  # ONNX Runtime's profile counts activations from 0 to 255, XNNPACK from -128 to 127
_INT8 = (-128, 127, torch.int8)
_ROUND, _RESTORE = "QuantizeLinear", "DequantizeLinear"


@dataclass(frozen=True)
class _Step:
    """One node as it is computed."""

    kind: str
    name: str
    inputs: Sequence[str]
    outputs: Sequence[str]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class _Rounded:
    """Whole numbers that stand for reals; a constant's have a scale for each place along their first axis."""

    numbers: str
    scale: float
    zero: int
    scales: str = ""


class OnnxModule(nn.Module):
    """lr (1, 3, H, W) -> sr. Whole numbers are restored anew for each that reads them: a delegate takes the pair of
    both or none. Raises InputError, when it computes, for a form of an operator that has none here."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        inferred = graph.inferred
        known = (*inferred.value_info, *inferred.output)
        self._shapes = {item.name: tuple(side.dim_value for side in item.type.tensor_type.shape.dim) for item in known}
        arrays = {item.name: numpy_helper.to_array(item) for item in inferred.initializer}
        self._integers = {
            name: tuple(int(each) for each in array.reshape(-1))
            for name, array in arrays.items()
            if array.dtype == np.int64
        }
        self._reals = {
            name: float(array.reshape(()))
            for name, array in arrays.items()
            if array.dtype == np.float32 and array.size == 1
        }
        self._places: dict[str, str] = {}
        self._rounded: dict[str, _Rounded] = {}
        self._steps: list[_Step] = []
        for node in inferred.node:
            self._take(node, arrays)
        for name, array in arrays.items():
            self._keep(name, array)
        self._input, self._output = inferred.input[0].name, inferred.output[0].name

    def forward(self, lr: Tensor) -> Tensor:
        values: dict[str, Tensor] = {self._input: lr}
        for step in self._steps:
            if step.kind == _ROUND:
                values[step.outputs[0]] = self._round(step, values)
                continue
            given = [self._value(name, values) if name else None for name in step.inputs]
            integers = [self._integers.get(name) for name in step.inputs]
            reals = [self._reals.get(name) for name in step.inputs]
            shapes = [self._shapes[name] for name in step.outputs]
            made = OPERATORS[step.kind](NodeInputs(step.name, step.attributes, given, integers, reals, shapes))
            values.update(zip(step.outputs, made, strict=True))
        return values[self._output]

    def _take(self, node: onnx.NodeProto, arrays: dict[str, NDArray[np.generic]]) -> None:
        """Remember a node; what restores constants is done now but for the weights of convolutions."""
        if node.op_type not in (_ROUND, _RESTORE):
            self._steps.append(
                _Step(node.op_type, node.name, tuple(node.input), tuple(node.output), attributes_of(node))
            )
            return
        source, made = node.input[0], node.output[0]
        scale, zero = arrays[node.input[1]], arrays[node.input[2]]
        if source in arrays and arrays[source].dtype == np.int32:
            arrays[made] = (arrays[source] * scale.astype(np.float64)).astype(np.float32)
        elif source in arrays:
            if np.any(zero):
                raise InputError(f"{node.name}: XNNPACK has no zero points of weights: {ADVICE}")
            self._rounded[made] = _Rounded(source, 0.0, 0, node.input[1])
        else:
            if zero.dtype != np.uint8 or zero.size != 1:
                raise InputError(f"{node.name}: expected one zero point in uint8, found {zero.size} in {zero.dtype}")
            steps = float(scale.reshape(())), int(zero.reshape(())) - _SHIFT
            numbers = made if node.op_type == _ROUND else source
            self._rounded[made] = _Rounded(numbers, *steps)
            if node.op_type == _ROUND:
                self._steps.append(_Step(_ROUND, node.name, (source,), (made,), {}))

    def _keep(self, name: str, array: NDArray[np.generic]) -> None:
        self._places[name] = f"constant_{len(self._places)}"
        self.register_buffer(self._places[name], torch.from_numpy(np.array(array)))

    def _round(self, step: _Step, values: Mapping[str, Tensor]) -> Tensor:
        how = self._rounded[step.outputs[0]]
        x = self._value(step.inputs[0], values)
        made: Tensor = torch.ops.quantized_decomposed.quantize_per_tensor(x, how.scale, how.zero, *_INT8)
        return made

    def _value(self, name: str, values: Mapping[str, Tensor]) -> Tensor:
        """A tensor of reals."""
        how = self._rounded.get(name)
        if how is None:
            return values[name] if name in values else self.get_buffer(self._places[name])
        restore = torch.ops.quantized_decomposed
        made: Tensor
        if not how.scales:
            made = restore.dequantize_per_tensor(values[how.numbers], how.scale, how.zero, *_INT8)
            return made
        numbers, scales = (self.get_buffer(self._places[each]) for each in (how.numbers, how.scales))
        zeros = torch.zeros_like(scales, dtype=torch.int64)
        made = restore.dequantize_per_channel(numbers, scales, zeros, 0, *_INT8)
        return made


def require_form(graph: Graph) -> None:
    """Raise InputError naming the first operator that has no form here, or none of this kind. Computed without numbers,
    which takes a second; what comes after takes minutes."""
    for node in graph.model.graph.node:
        if node.op_type not in OPERATORS:
            raise InputError(
                f"no form of {node.op_type} ({node.name}) is known for ExecuTorch: {ADVICE}, or export the network "
                "without it"
            )
    shape = tuple(side.dim_value for side in graph.model.graph.input[0].type.tensor_type.shape.dim)
    with torch.no_grad():
        OnnxModule(graph).to("meta")(torch.zeros(shape, device="meta"))
